# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# A hostile guest beside a pair that works: raw hypercalls with bad commands,
# lengths, padding and frames, rings that lie and jump, and a storm of random
# everything. Each call gets its documented errno, each packet its counter; the
# pair keeps its rate and its data, and in the end nothing is left.
#
# The pair's rate under the storm is compared with its rate while the same guest
# burns the same CPUs in a loop: what Xen's scheduler takes from them for a busy
# neighbour is no fault of ours.
#
# Environment: SECS=4 (length of one netperf)  PAIR_MIN=0.6
#
# Xen says so when a page table, or a sealed page, is to be used for something
# else, and is right:
# allow: mm\.c:\d+:d\d+v\d+ (Bad type|Error -22 while pinning|Could not get page)
# allow: mm\.c:\d+:d\d+v\d+ Error getting mfn
NET=hicamp
SECS=${SECS:-4}
PAIR_MIN=${PAIR_MIN:-0.6}
export NET
. /payload/bin/hicamp.sh

# rate: megabits per second of the pair, now.
rate() {
    guest run -t $((SECS + 60)) a "netperf -P 0 -H 10.0.0.2 -l $SECS" |
        awk 'NF == 5 { print $5 }'
}

# hostile GROUPS [PARAMETER...]: run groups of the module in guest h; every
# line that it prints becomes a promise. Sets LOG.
hostile() {
    _groups=$1
    shift
    _file=$(echo "$_groups" | tr ',' '_')
    LOG=$OUT/log/hostile-$_file.txt
    guest run -t 200 h "dmesg -c > /dev/null
        modprobe hicamp_hostile groups=$_groups $*; rmmod hicamp_hostile
        dmesg" > "$LOG" 2>&1
    verdicts
    for _group in $(echo "$_groups" | tr ',' ' '); do
        check "hostile_${_group}_ran_to_its_end" \
            grep -q "hostile: done $_group\$" "$LOG"
    done
}

verdicts() {
    sed -n 's/.*hostile: ok \([^ ]*\)$/ok \1/p; s/.*hostile: FAIL /FAIL /p' \
        "$LOG" > /tmp/verdicts
    while read -r _verdict _name _why; do
        case $_verdict in
        # Hundreds: into the results, not onto the console.
        ok) echo "ok - hostile_$_name" >> "$TAP";;
        *) fail "hostile_${_name%:}" "$_why";;
        esac
    done < /tmp/verdicts
    say "hostile: $(grep -c '^ok' /tmp/verdicts) promises kept," \
        "$(grep -c '^FAIL' /tmp/verdicts) broken"
}

# counters LETTER DOMID.DEVID: the port counted what the guest predicted.
counters() {
    sed -n "s/.*hostile: counter $1 \([^ ]*\) \([0-9]*\)$/\1 \2/p" "$LOG" \
        > /tmp/predicted
    check "hostile_predicts_counters_of_$1" test -s /tmp/predicted
    port_values "$2" $(cut -d' ' -f1 /tmp/predicted) > /tmp/counted
    paste -d' ' /tmp/predicted /tmp/counted > /tmp/both
    while read -r _name _want _got; do
        if [ "$_got" = "$_want" ]; then
            echo "ok - hostile_${1}_counted_$_name" >> "$TAP"
        else
            fail "hostile_${1}_counted_$_name" "got $_got, want $_want"
        fi
    done < /tmp/both
}

# ports: the hostile guest's own two, anew, and the way from one to the other.
ports() {
    for _dev in 77 78; do
        hicampctl port destroy "$H.$_dev" > /dev/null 2>&1
    done
    check "hostile_ports_are_made_$1" sh -c "
        hicampctl port create $H.77 --mac 02:00:00:00:00:77 --antispoof &&
        hicampctl port create $H.78 --mac 02:00:00:00:00:78 &&
        hicampctl flow add in_port=$H.77,eth_dst=02:00:00:00:00:78 \
            output=$H.78"
}

guests_up a b
check pair_talks guest run a ping -q -c 3 -W 5 10.0.0.2
echo_server b 5100
use > /tmp/use.before
cp /tmp/use.before "$OUT/use.txt"
check guest_h_becomes_ready guest create --net none --vcpus 2 h
H=$(xl domid h)

# What the hostile guest is to try in vain.
guest run b "modprobe hicamp_hostile groups=frame; dmesg" > "$OUT/log/peer.txt"
peer=$(sed -n 's/.*hostile: frame \(0x[0-9a-f]*\)$/\1/p' "$OUT/log/peer.txt")
check peer_names_a_frame test -n "$peer"
peerport=$(port_values "$(xl domid b).0" port)

say "hostile calls of a domain without ports"
hostile noport,calls "peerframe=$peer" "peerport=$peerport"

say "hostile calls of a domain with ports"
ports for_calls
hostile attach,space,tx,scan "peerframe=$peer" "peerport=$peerport"
counters A "$H.77"
counters B "$H.78"
same_pins() { test "$(port_values "$H.77" runs)" = 0 -a \
    "$(port_values "$H.77" borrowed)" = 0; }
check hostile_runs_and_borrowed_are_zero same_pins
check pair_talks_after_calls guest run a ping -q -c 3 -W 5 10.0.0.2

say "bad arguments from the administrator"
LOG=$OUT/log/hostile-admin.txt
dmesg -C
modprobe hicamp_hostile groups=admin domid="$H"
rmmod hicamp_hostile
dmesg > "$LOG"
verdicts
check hostile_admin_ran_to_its_end grep -q 'hostile: done admin$' "$LOG"

say "the pair's rate"
guest run a "netperf -P 0 -H 10.0.0.2 -l 1" > /dev/null
alone=$(rate)
busy=$(guest start -t $((SECS + 30)) h "n=0; for i in 1 2; do
    timeout $((SECS + 6)) sh -c 'while :; do :; done' & done; wait")
sleep 1
beside_loop=$(rate)
guest wait -t $((SECS + 60)) h "$busy" > /dev/null
ports for_storm
id=$(guest start -t $((SECS + 60)) h "dmesg -c > /dev/null
    modprobe hicamp_hostile groups=alias,storm seconds=$((SECS + 6)) \
        peerframe=$peer peerport=$peerport; rmmod hicamp_hostile; dmesg")
sleep 1
beside_storm=$(rate)
LOG=$OUT/log/hostile-storm.txt
guest wait -t $((SECS + 90)) h "$id" > "$LOG" 2>&1
verdicts
check hostile_storm_ran_to_its_end grep -q 'hostile: done storm$' "$LOG"
result pair_alone "$alone"
result pair_beside_loop "$beside_loop"
result pair_beside_storm "$beside_storm"
check pair_keeps_its_rate_beside_the_storm awk -v storm="$beside_storm" \
    -v loop="$beside_loop" -v min="$PAIR_MIN" 'BEGIN {
        print storm " against " loop
        exit !(loop > 0 && storm >= min * loop) }'

say "storm into one of the pair; then the hostile guest dies in it"
ports for_death
check hostile_guest_reaches_the_pair hicampctl flow add \
    "in_port=$H.77,eth_dst=00:16:3e:00:00:01" "output=$(xl domid a).0"
set -- $(port_values "$(xl domid a).0" rx_packets)
id=$(guest start -t 60 h "modprobe hicamp_hostile groups=storm seconds=40 \
    peerframe=$peer peermac=0,22,62,0,0,1")
sleep 2
check pair_data_is_unharmed echoes a 10.0.0.2 5100 1024
result packets_into_a $(($(port_values "$(xl domid a).0" rx_packets) - $1))
check storming_guest_is_destroyed guest destroy h
no_zombies no_zombie_after_hostile
same_use use_returns_after_hostile /tmp/use.before
check pair_talks_after_all guest run a ping -q -c 3 -W 5 10.0.0.2
