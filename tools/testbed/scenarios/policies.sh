# SPDX-License-Identifier: GPL-2.0-only
# The same bulk data under every policy of sharing: transmit direct, reuse,
# strict; receive runs reused or strict, of 16 pages or of one. Files arrive
# whole under each. For each a line
#   policy NAME THROUGHPUT ELAPSED_S DOM0_S A_S B_S TX_ISSUED TX_REUSED
#          TX_REVOKED RX_ISSUED RX_REUSED RX_REVOKED RX_PACKETS
# goes to policies.tsv: CPU as in bench.sh, and what the counters grew by.
#
# Environment: SECS=2 (2 or more)
#              POLICIES="direct reuse strict rxstrict single single-strict"
NET=hicamp
export NET
SECS=${SECS:-2}
POLICIES=${POLICIES:-direct reuse strict rxstrict single single-strict}
TABLE=$OUT/policies.tsv
PARAM=/sys/module/hicamp_netfront/parameters

# A module that drives a device is in use, as with every xenbus frontend.
UNLOAD='cd /sys/bus/xen/drivers/hicamp_vif && for dev in vif-*; do
    echo "$dev" > unbind; done; rmmod hicamp_netfront'

# counter GUEST NAME: one of ethtool's.
counter() { guest run "$1" "ethtool -S eth0 | sed -n 's/^ *$2: //p'"; }

# counters: those of the table, a's for tx, b's for rx.
counters() {
    for _c in tx_issued tx_reused tx_revoked; do counter a $_c; done
    for _c in rx_issued rx_reused rx_revoked; do counter b $_c; done
    guest run b "cat /sys/class/net/eth0/statistics/rx_packets"
}

# reload GUEST OPTIONS: our driver anew, with parameters.
reload() {
    guest run -t 60 "$1" "$UNLOAD
        modprobe hicamp_netfront $2 && net_up"
}

# try NAME TX_POLICY RX_STRICT
try() {
    check "$1_is_set" guest run a "echo $2 > $PARAM/tx_policy &&
        [ \$(cat $PARAM/tx_policy) = $2 ]"
    guest run b "echo $3 > $PARAM/rx_strict"
    guest run b "rm -f /tmp/got
        socat -u TCP-LISTEN:7000,reuseaddr OPEN:/tmp/got,creat < /dev/null \
        > /dev/null 2>&1 &"
    check "$1_file_arrives_whole" guest run a "
        head -c 3000001 /dev/urandom > /tmp/f
        sleep 0.2; socat -u OPEN:/tmp/f TCP:10.0.0.2:7000 && sleep 0.5
        sha256sum < /tmp/f"
    want=$_out
    check "$1_sum_is_equal" test "$(guest run b sha256sum \< /tmp/got)" = "$want"

    old=$(counters | tr '\n' ' ')
    rm -f /run/bench-go
    domcpu /run/bench-go 400 $((SECS * 1000 - 800)) 1000 > /run/bench-cpu &
    sampler=$!
    id=$(guest start -t $((SECS + 60)) a \
        "netperf -P 0 -H 10.0.0.2 -l $SECS -t TCP_STREAM -- -m 65536")
    : > /run/bench-go
    wait $sampler
    raw=$(guest wait -t $((SECS + 90)) a "$id")
    new=$(counters | tr '\n' ' ')
    value=$(echo "$raw" | awk 'NF == 5 { v = $5 } END { print v }')
    awk -v name="$1" -v value="$value" -v a="$A" -v b="$B" -v old="$old" \
        -v new="$new" '
        BEGIN { OFS = "\t" }
        { t[$1] = $2 / 1e9 }
        END {
            split(old, o, " "); split(new, n, " ")
            print "policy", name, value, t["clock"], t[0], t[a], t[b],
                  n[1] - o[1], n[2] - o[2], n[3] - o[3], n[4] - o[4],
                  n[5] - o[5], n[6] - o[6], n[7] - o[7]
        }' /run/bench-cpu >> "$TABLE"
    tail -n 1 "$TABLE" | sed 's/^/## /'
    result "$1" "$value"
    check "$1_data_flows" test -n "$value"
}

for name in a b; do
    say "creating guest $name"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
A=$(xl domid a)
B=$(xl domid b)
guest run a "netperf -P 0 -H 10.0.0.2 -l 1" > "$OUT/warmup.txt" 2>&1

for p in $POLICIES; do
    say "policy $p"
    case $p in
    direct|reuse|strict) try "$p" "$p" 0;;
    rxstrict)            try "$p" direct 1;;
    single)              check single_pages_are_set reload b rx_run_order=0
                         try "$p" direct 0;;
    single-strict)       try "$p" strict 1;;
    esac
done
# What stays issued is revoked with the driver, whatever the policy was.
guest run a "echo reuse > $PARAM/tx_policy; ping -c 2 10.0.0.2" > /dev/null
for name in a b; do
    check "driver_of_${name}_unloads" guest run -t 60 $name "$UNLOAD"
done
not_held() { ! hicampctl port list --json | grep -q '"frames": *[1-9]'; }
check nothing_is_issued_any_more wait_for 10 not_held
