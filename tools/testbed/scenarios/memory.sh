# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What guests lend, they get back: by revoking, by waiting, by leaving, whatever
# their receivers do. Sealed pages cannot be written, a copying port sends what
# was there at the doorbell, and a sender dies at once beside a paused receiver.
#
# Xen says so when a page table is to be used for something else, and is right:
# allow: mm\.c:\d+:d\d+v\d+ (Bad type|Error -22 while pinning|Could not get page)
# allow: mm\.c:\d+:d\d+v\d+ Error getting mfn
NET=hicamp
export NET
. /payload/bin/hicamp.sh

# hostile NAME GROUPS: run groups of the hostile module in guest h.
hostile() {
    LOG=$OUT/log/hostile-$1.txt
    guest run -t 200 h "dmesg -c > /dev/null
        modprobe hicamp_hostile groups=$2; rmmod hicamp_hostile
        dmesg" > "$LOG" 2>&1
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
            output=$H.78"
}

guests_up a b
check pair_talks guest run a ping -q -c 3 -W 5 10.0.0.2
use > /tmp/use.before
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
check hostile_guest_is_destroyed guest destroy h

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
