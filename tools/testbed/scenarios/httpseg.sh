# SPDX-License-Identifier: GPL-2.0-only
# A server guest sends one stored object many times, to two receivers at a
# time, over TCP with sendfile(2): from a file's page cache, and (NET=hicamp)
# from a segment. On the cost clock CPU seconds are instructions (2 ns each),
# taken over a second in the middle, while dom0 itself sleeps. For each kind a
# line
#   httpseg NET KIND MB INSTRUCTIONS_PER_MB OF_SERVER OF_DOM0 OF_RECEIVERS
#           BYTES_COPIED
# goes to httpseg.tsv. MB: what left the server in that time, in 2^20 bytes,
# headers included. BYTES_COPIED: payload that the server's driver copied, over
# the whole.
#
# Environment: NET=stock|hicamp  BYTES=1048576 (of the object)
#              COUNT=1000 (times, half of them to each receiver)
NET=${NET:-hicamp}
export NET
BYTES=${BYTES:-1048576}
COUNT=${COUNT:-1000}
TABLE=$OUT/httpseg.tsv

# copied: bytes that the server's driver copied, so far.
copied() {
    guest run a "ethtool -S eth0 | sed -n 's/^ *tx_copied: //p'" |
        awk '{ v = $1 } END { print v + 0 }'
}

# state: CPU nanoseconds of server, dom0 and receivers; bytes that have left the
# server.
state() {
    domcpu | awk -v a="$A" -v b="$B" -v c="$C" \
        -v bytes="$(cat "/sys/class/net/vif$A.0/statistics/rx_bytes")" '
        { t[$1] = $2 }
        END { printf "%.0f %.0f %.0f %s\n", t[a], t[0], t[b] + t[c], bytes }'
}

# serve KIND PORT
serve() {
    guest run a "objserve serve $2 $1 $BYTES > /dev/null 2>&1 &"
    half=$((COUNT / 2))
    for name in b c; do
        check "$1_warms_up_$name" guest run -t 60 $name \
            "sleep 1; objserve fetch 10.0.0.1 $2 2"
    done
    was=$(copied)
    b=$(guest start -t 500 b "objserve fetch 10.0.0.1 $2 $half")
    c=$(guest start -t 500 c "objserve fetch 10.0.0.1 $2 $half")
    sleep 0.5
    state > /run/state.0
    sleep 1
    state > /run/state.1
    got=$(($(guest wait -t 520 b "$b") + $(guest wait -t 520 c "$c")))
    now=$(copied)
    check "$1_arrives_$((2 * half))_times" test "$got" = $((2 * half * BYTES))
    cat /run/state.0 /run/state.1 | awk -v net="$NET" -v kind="$1" \
        -v copied=$((now - was)) '
        { for (i = 1; i <= 4; i++) t[NR, i] = $i }
        END {
            mb = (t[2, 4] - t[1, 4]) / 1048576
            for (i = 1; i <= 3; i++) n[i] = (t[2, i] - t[1, i]) / 2 / mb
            printf "httpseg\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n",
                   net, kind, mb, n[1] + n[2] + n[3], n[1], n[2], n[3], copied
        }' >> "$TABLE"
    tail -n 1 "$TABLE" | sed 's/^/## /'
    result "instructions_per_mb_$1" "$(tail -n 1 "$TABLE" | cut -f 6)"
}

for name in a b c; do
    say "creating guest $name ($NET)"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
A=$(xl domid a)
B=$(xl domid b)
C=$(xl domid c)
serve file 8001
[ "$NET" = hicamp ] && serve segment 8002
exit 0
