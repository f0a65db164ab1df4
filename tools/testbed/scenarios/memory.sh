# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What guests lend, they get back: by revoking, by waiting, by leaving, whatever
# their receivers do. Sealed pages cannot be written, a copying port sends what
# was there at the doorbell, and a sender dies at once beside a paused receiver.
# What is lent to a guest, it reads as it was, whatever the owner does next;
# headers that are rewritten while Xen reads them send no packet astray.
#
# Environment: REWRITES=100000 (packets whose headers are rewritten)
#
# Xen says so when a page table is to be used for something else, and is right:
# allow: mm\.c:\d+:d\d+v\d+ (Bad type|Error -22 while pinning|Could not get page)
# allow: mm\.c:\d+:d\d+v\d+ (Error getting mfn|Bad steal mfn)
NET=hicamp
REWRITES=${REWRITES:-100000}
export NET
. /payload/bin/hicamp.sh

# hostile NAME GROUPS [PARAMETER...]: run groups of the hostile module in guest
# h. Sets LOG.
hostile() {
    LOG=$OUT/log/hostile-$1.txt
    _options="groups=$2"
    _name=$1
    shift 2
    guest run -t 300 h "dmesg -c > /dev/null
        modprobe hicamp_hostile $_options $*; rmmod hicamp_hostile
        dmesg" > "$LOG" 2>&1
    set -- "$_name"
    sed -n 's/.*hostile: FAIL /FAIL /p' "$LOG" > /tmp/verdicts
    while read -r _ _name _why; do
        fail "$1_${_name%:}" "$_why"
    done < /tmp/verdicts
    say "$1: $(grep -c 'hostile: ok ' "$LOG") promises kept"
    check "$1_ran_to_its_end" grep -q 'hostile: end, 0 failed' "$LOG"
}

# ports [OPTION...]: the hostile guest's own two, anew, and the way between.
ports() {
    for _dev in 77 78; do
        hicampctl port destroy "$H.$_dev" > /dev/null 2>&1
    done
    check "ports_are_made$*" sh -c "
        hicampctl port create $H.77 --mac 02:00:00:00:00:77 --antispoof $* &&
        hicampctl port create $H.78 --mac 02:00:00:00:00:78 &&
        hicampctl flow add in_port=$H.77,eth_dst=02:00:00:00:00:78 \
            output=$H.78 &&
        hicampctl flow add in_port=$H.77,eth_dst=02:00:00:00:00:77 \
            output=$H.77 &&
        hicampctl flow add in_port=$H.77,eth_dst=00:16:3e:00:00:02 \
            output=$B.0"
}

# lent NAME HOW THEN [PARAMETER...]: h lends to b, who is paused, and does THEN.
lent() {
    _what=$1 _how=$2 _then=$3
    shift 3
    check "receiver_of_${_what}_listens" guest run b "
        killall socat; rm -f /tmp/got; echo 8388608 > /proc/sys/net/core/rmem_max
        socat -u -b 2048 UDP-RECV:7001,rcvbuf=4000000 OPEN:/tmp/got,creat \
            > /dev/null 2>&1 &"
    check "receiver_of_${_what}_is_paused" xl pause b
    hostile "$_what" lend "how=$_how" "then=$_then" peermac=0,22,62,0,0,2 "$@"
}

# reads_old NAME PACKETS: b goes on, and reads what was sent, in at least so many
# packets, and nothing that was written since.
reads_old() {
    check "receiver_of_$1_goes_on" xl unpause b
    check "receiver_of_$1_reads_old_bytes" guest run b "
        for i in 1 2 3 4 5 6 7 8 9 10; do
            [ \$(stat -c %s /tmp/got) -ge $(($2 * 1024)) ] && break
            sleep 0.5
        done
        sleep 0.5; stat -c %s /tmp/got
        [ \$(stat -c %s /tmp/got) -ge $(($2 * 1024)) ] &&
            [ \$(tr -d '\\245' < /tmp/got | wc -c) = 0 ]"
    result "read_after_$1" "$(guest run b stat -c %s /tmp/got)"
}

guests_up a b
B=$(xl domid b)
check pair_talks guest run a ping -q -c 3 -W 5 10.0.0.2
check guest_h_becomes_ready guest create --net none --vcpus 2 h
H=$(xl domid h)

say "sealed pages, and what is taken back"
ports
hostile borrowing space,tx
set -- $(port_values "$H.77" borrowed runs copied_revoke copied_age)
check nothing_is_left test "$1$2" = 00
check revoked_and_old_payload_was_copied test "$3" -gt 0 -a "$4" -gt 0

say "a port that copies"
ports --copy
hostile copying tx
check payload_was_copied_at_once test \
    $(port_values "$H.77" copied_port) -gt 0 -a \
    $(port_values "$H.77" copied_age) -eq 0

say "nothing may wait where it is"
check param_is_set hicampctl param set borrow-pair 0
ports
hostile bounded tx
check payload_was_copied_for_its_receiver test \
    $(port_values "$H.77" copied_pair) -gt 0
check param_is_set_back hicampctl param set borrow-pair 64

say "headers rewritten by a second vCPU"
ports
hostile rewriting rewrite "count=$REWRITES"
sed -n 's/.*hostile: rewrote /## rewrote /p' "$LOG"

# Xen puts what fits into the rings of a paused receiver at once; only what waits
# behind that could be changed, so each round fills the queue.
full() { check "queue_is_full_of_$1" test $(port_values "$B.0" queued) -eq 205; }

# Fewer than the lender has completions for, so that it need not wait.
check pair_is_small hicampctl param set borrow-pair 32
check age_is_a_second hicampctl param set borrow-age 1000000

say "written over at once"
for kind in sealed segment; do
    lent $kind $kind write count=900
    full $kind
    reads_old $kind 400
done
ports --copy
lent copied frame write count=900
full copied
reads_old copied 400

say "every page revoked, the receiver paused and its queue full"
ports
lent revoked ref revoke count=900
full revoked
result revoke_us "$(sed -n 's/.*revoke took \([0-9]*\) us.*/\1/p' "$LOG")"
reads_old revoked 400

say "every page revoked, and no line for the copies"
check receiver_has_little_quota hicampctl domain set "$B" --quota 300
ports
lent torn ref revoke count=900
check some_packets_are_torn grep -q 'hostile: lent .* torn [1-9]' "$LOG"
check receiver_of_torn_goes_on xl unpause b
dropped() { test "$(port_values "$B.0" drop_torn)" -gt 0; }
check torn_packets_are_counted wait_for 10 dropped
check receiver_has_its_quota_back hicampctl domain set "$B" --quota 32768
reads_old torn 1

say "a lender dies"
# h lends to b, who is paused, and dies.  Fails if nothing was torn by that.
lender_dies() {
    check receiver_of_legacy_listens guest run b "killall socat; rm -f /tmp/got
        socat -u -b 2048 UDP-RECV:7001,rcvbuf=4000000 OPEN:/tmp/got,creat \
            > /dev/null 2>&1 &"
    check receiver_of_legacy_is_paused xl pause b
    ports
    torn=$(port_values "$B.0" drop_torn)
    guest start -t 300 h "modprobe hicamp_hostile groups=lend how=ref then=wait \
        seconds=200 count=900 peermac=0,22,62,0,0,2" > /dev/null
    # Nothing slow in between: it may lend for one second.
    check lender_dies_while_it_lends timeout 60 sh -c "
        until hicampctl port show $B.0 --json |
            grep -q '\"queued\":[1-9][0-9][0-9]'; do
            :
        done; domkill $H"
    check what_it_lent_waits test "$(port_values "$B.0" queued)" -gt 0
    no_zombies no_zombie_beside_a_lender
    check lender_is_gone sh -c '! xl domid h'
    reads_old legacy 1
    torn=$(($(port_values "$B.0" drop_torn) - torn))
    test "$torn" -gt 0
}

# A busy machine does not always get there.
for _life in 1 2 3; do
    if [ $_life -gt 1 ]; then
        say "all was copied before it died: once more"
        check guest_h_becomes_ready guest create --net none --vcpus 2 h
        H=$(xl domid h)
    fi
    lender_dies && break
done
result torn_by_death "$torn"
check what_it_lent_is_torn test "$torn" -gt 0
check pair_is_as_before hicampctl param set borrow-pair 64
check age_is_a_millisecond hicampctl param set borrow-age 1000

say "a sender beside a paused receiver"
check receiver_is_paused xl pause b
guest start -t 30 a "netperf -P 0 -t UDP_STREAM -H 10.0.0.2 -l 20 -- \
    -m 1400" > /dev/null
guest start -t 30 a "ping -q -s 8000 -i 0.01 -c 500 10.0.0.2" > /dev/null
A=$(xl domid a)
sent() { test "$(port_values "$A.0" copied_age)" -gt 0; }
check old_payload_is_copied wait_for 20 sent
back() { test "$(port_values "$A.0" borrowed)" = 0; }
check sender_gets_all_back wait_for 10 back
check sender_dies_at_once guest destroy a
no_zombies no_zombie_beside_a_paused_receiver
check receiver_goes_on xl unpause b
check receiver_is_destroyed guest destroy b
no_zombies no_zombie_in_the_end
check lines_come_back wait_for 10 sh -c \
    "hicampctl info | grep -q 'lines  *0 used'"
hicampctl domain list > "$OUT/log/domains.txt" 2>&1
hicampctl param list >> "$OUT/log/domains.txt" 2>&1
