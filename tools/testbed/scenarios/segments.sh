# SPDX-License-Identifier: GPL-2.0-only
# Segments: an ordinary program in a guest keeps data in the hypervisor's line
# store and sends it over TCP with sendfile, splice and MSG_ZEROCOPY, both
# ways, while tcpdump reads along; what is mapped cannot be written; snapshots
# keep what they hold; everything comes back; segments do not survive a save.
NET=hicamp
export NET

# A module that drives a device is in use, as with every xenbus frontend.
UNLOAD='killall segtest tcpdump; cd /sys/bus/xen/drivers/hicamp_vif &&
    for dev in vif-*; do echo "$dev" > unbind; done
    rmmod hicamp_netfront || exit
    for i in 1 2 3 4 5 6; do rmmod hicamp && break; sleep 1; done
    [ ! -e /dev/hicamp ]'

# own NAME: turn segtest's "ok" and "not ok" lines into ours.
own() {
    case $2 in *"ok - "*) ;; *) fail "$1_says_something" "$2";; esac
    echo "$2" | while read -r line; do
        case $line in
        "ok - "*)     pass "$1_$(echo "${line#ok - }" | tr ' ' _)";;
        "not ok - "*) line=${line#not ok - }
                      fail "$1_$(echo "${line%% #*}" | tr ' ' _)" "${line#*#}";;
        esac
    done
}

# counter GUEST NAME: one of ethtool's.
counter() { guest run "$1" "ethtool -S eth0 | sed -n 's/^ *$2: //p'"; }

# sends HOW FROM TO ADDRESS BYTES: what arrives is what was sent.
sends() {
    promise=$2_$1_$5
    check "${promise}_is_sent" guest run -t 60 "$2" \
        segtest send "$1" "$4" 7000 "$5" "$5" || return
    check "${promise}_has_equal_sums" test \
        "$(guest run "$2" sha256sum \< /tmp/sent)" = \
        "$(guest run "$3" sha256sum \< /tmp/got)"
}

# held DOMID: segments, page lines' pages and lines that a domain has.
held() {
    hicampctl domain list --json | python3 -c '
import json, sys
for row in json.load(sys.stdin)["domains"]:
    if row["domid"] == int(sys.argv[1]):
        print(row["segments"], row["pages"], row["used"])' "$1"
}

# all_back DOMID SEGMENTS PAGES LINES: it has no more than that.
all_back() {
    _max="$2 $3 $4"
    held "$1" | awk -v max="$_max" '{ split(max, m, " ")
        exit !($1 <= m[1] && $2 <= m[2] && $3 <= m[3]) } END { if (!NR) exit 1 }'
}

# no_segments DOMID
no_segments() { all_back "$1" 0 1 99999999; }

for name in a b; do
    say "creating guest $name"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check device_is_there guest run a "[ \$(stat -c %a /dev/hicamp) = 600 ]" ||
    bail "this Xen has no segments"
for name in a b; do
    guest run $name "segtest sink 7000 /tmp/got > /tmp/sink.log 2>&1 &"
    guest run $name "tcpdump -Z root -i eth0 -s 0 -U -w /tmp/dump tcp port 7000 \
        > /tmp/dump.log 2>&1 &"
done

own local "$(guest run -t 60 a segtest local)"
own many "$(guest run -t 60 a segtest many 2000)"
check segments_come_back wait_for 10 no_segments "$(xl domid a)"
base=$(held "$(xl domid a)")     # Xen keeps its table of them, a page of zeros
for how in sendfile splice zerocopy; do
    for bytes in 1000 65536 1048579; do
        sends $how a b 10.0.0.2 $bytes
    done
    sends $how b a 10.0.0.1 300001
done
sends write a b 10.0.0.2 200000
segments=$(counter a tx_segments)
check packets_name_segments test "${segments:-0}" -gt 10
check tcpdump_saw_the_bytes guest run a "[ \$(stat -c %s /tmp/dump) -gt 1000000 ]"
for name in a b; do
    guest run $name "killall tcpdump; rm -f /tmp/dump"
done
sends sendfile a b 10.0.0.2 3000000

check freed_while_queued guest run a segtest queued 10.0.0.2 7000
check freed_while_queued_has_equal_sums test \
    "$(guest run a sha256sum \< /tmp/sent)" = \
    "$(guest run b sha256sum \< /tmp/got)"
# A lossy line: what is sent again is read from the mapping.
guest run a "tc qdisc add dev eth0 root netem loss 3%" > /dev/null
sends sendfile a b 10.0.0.2 1500000
guest run a "tc qdisc del dev eth0 root" > /dev/null
guest run a "echo 10 > /sys/module/hicamp/parameters/max_segments"
check limit_of_segments_is_kept guest run a "! segtest many 11"
check limit_allows_what_it_says guest run a "segtest many 10"
guest run a "echo 1 > /sys/module/hicamp/parameters/max_mapped_mb"
check limit_of_mapping_is_kept guest run a \
    "! segtest send zerocopy 10.0.0.2 7000 3000000"
guest run a "echo 1024 > /sys/module/hicamp/parameters/max_mapped_mb
             echo 16384 > /sys/module/hicamp/parameters/max_segments"

check everything_comes_back wait_for 15 all_back "$(xl domid a)" $base
result held_by_a "$(held "$(xl domid a)" | tr ' ' ,)"
for name in a b; do
    check "${name}_reloads_modules" guest run -t 60 $name "$UNLOAD && net_up"
done
guest run b "segtest sink 7000 /tmp/got > /tmp/sink.log 2>&1 &"
sends sendfile a b 10.0.0.2 100000

guest run a "mkfifo /tmp/fifo"
holder=$(guest start -t 300 a "segtest hold 3000000 /tmp/fifo")
sleep 2
# A queue that still holds pages of a segment is saved with it.
guest run b "killall -STOP segtest"
sender=$(guest start -t 300 a \
    "segtest queued 10.0.0.2 7000; sha256sum < /tmp/sent")
sleep 2
check guest_is_saved timeout 120 xl save a /tmp/a.save
check guest_is_restored timeout 120 xl restore /tmp/a.save
check commands_work_after_restore guest run -t 60 a echo back
guest run a "echo > /tmp/fifo"
own restored "$(guest wait -t 60 a "$holder")"
guest run b "killall -CONT segtest"
sent=$(guest wait -t 60 a "$sender")
check queue_survives_the_save test "$sent" = \
    "$(guest run b sha256sum \< /tmp/got)"
check segments_work_after_restore guest run -t 60 a segtest local
sends sendfile a b 10.0.0.2 200000
check nothing_is_left_after_restore wait_for 15 no_segments "$(xl domid a)"
check modules_unload_at_last guest run -t 60 a "$UNLOAD"
