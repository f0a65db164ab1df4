# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# Guests and drivers come and go under traffic: netfront reloaded, the device
# detached and attached, a guest saved and restored, a guest destroyed while it
# sends at full rate to a receiver that is paused, the back end reloaded. After
# each, the pair talks again and the host has in use what it had before.
#
# Environment: NET=hicamp  ROUNDS=2 (rounds)
NET=${NET:-hicamp}
ROUNDS=${ROUNDS:-2}
VCPUS=2     # and so many queues
export NET VCPUS
. /payload/bin/hicamp.sh

BEFORE=/tmp/use.before
# A module that drives a device is in use, as with every xenbus frontend.
UNLOAD='cd /sys/bus/xen/drivers/hicamp_vif && for dev in vif-*; do
    echo "$dev" > unbind; done; rmmod hicamp_netfront'

# flood SECONDS FROM ADDRESS: netperf in the background; sets _flood.
flood() {
    _flood=$(guest start -t $(($1 + 60)) "$2" \
        "netperf -P 0 -H $3 -l $1 -- -m 65536")
    sleep 2
}

# calm GUEST: end what flood began there.
calm() {
    guest run "$1" "killall netperf" > /dev/null 2>&1
    guest wait -t 90 "$1" "$_flood" > /dev/null 2>&1
}

# flooding DOMID.0: does the port send now?
flooding() {
    set -- "$1" $(port_values "$1" tx_bytes)
    sleep 1
    test "$(port_values "$1" tx_bytes)" -gt $(($2 + 100000))
}

# waiting DOMID.0: do packets wait for the port?
waiting() { test "$(port_values "$1" queued)" -gt 0; }

talks() { guest run -t 60 a ping -q -c 3 -i 0.3 -W 10 10.0.0.2; }

# Random bytes go to b and come back as they were.
data() { echoes a 10.0.0.2 5100 1024; }

# after WHAT: the promises that each event has to keep.
after() {
    check "pair_talks_after_$1_$round" talks
    check "data_is_unharmed_after_$1_$round" data
    no_zombies "no_zombie_after_$1_$round"
    same_use "use_returns_after_$1_$round" $BEFORE
}

reload_netfront() {
    say "round $round: netfront reloaded under traffic"
    flood 60 b 10.0.0.1
    check "traffic_before_reload_$round" wait_for 60 flooding "$(xl domid b).0"
    check "netfront_unloads_under_traffic_$round" \
        guest run -t 30 a "$UNLOAD"
    set -- $(port_values "$(xl domid a).0" runs frames queues borrowed)
    check "unloaded_netfront_leaves_nothing_issued_$round" \
        test "$*" = "0 0 0 0"
    check "netfront_loads_again_$round" guest run -t 60 a net_up
    calm b
    after reload
}

detach_attach() {
    say "round $round: device detached and attached under traffic"
    flood 60 b 10.0.0.1
    check "network_detach_$round" timeout 60 xl network-detach a 0
    check "port_of_detached_device_is_gone_$round" \
        sh -c "! hicampctl port show $(xl domid a).0"
    check "network_attach_$round" timeout 60 xl network-attach a \
        mac=00:16:3e:00:00:01 "bridge=$BRIDGE" script=vif-hicamp
    check "guest_finds_attached_device_$round" guest run -t 60 a net_up
    calm b
    after detach
}

# lines FILE: how many a has in FILE.
lines() { guest run a "wc -l < /tmp/$1"; }

lines_beyond() { test "$(lines "$1")" -gt "$2"; }

save_restore() {
    say "round $round: saved and restored"
    # Lines that go to b and back until they are told to stop. TCP tries again
    # at intervals that double, and netperf, which gives up soon after its end,
    # would not wait for that on a busy machine.
    guest run a "rm -f /tmp/stop /tmp/sent /tmp/back"
    _lines=$(guest start -t 600 a "n=0
        while [ ! -e /tmp/stop ]; do
            n=\$((n + 1)); echo \$n; sleep 0.5
        done | tee /tmp/sent | socat -t 90 - TCP:10.0.0.2:5100 > /tmp/back
        cmp /tmp/sent /tmp/back && [ -s /tmp/back ]")
    check "connection_works_before_save_$round" wait_for 60 lines_beyond back 0
    flood 60 a 10.0.0.2
    check "guest_is_saved_under_traffic_$round" timeout 120 xl save a \
        /tmp/a.save
    check "guest_is_restored_$round" timeout 120 xl restore /tmp/a.save
    rm -f /tmp/a.save
    # TCP goes on where it was.
    check "connection_goes_on_after_restore_$round" \
        wait_for 120 lines_beyond back "$(lines sent)"
    guest run a touch /tmp/stop
    check "connection_survives_restore_$round" guest wait -t 180 a "$_lines"
    calm a
    after restore
}

destroy_sender() {
    say "round $round: destroyed at full traffic, its receiver paused"
    check "guest_c_is_created_$round" guest create c
    # UDP, for TCP would stop when nobody answers; until c is destroyed, for
    # the flood slows dom0, which needs minutes to see it on a busy machine.
    _flood=$(guest start -t 900 c "netperf -P 0 -H 10.0.0.2 -l 900 \
        -t UDP_STREAM -- -m 8192 -R 1")
    _c=$(xl domid c).0
    _b=$(xl domid b).0
    sleep 2
    check "guest_c_floods_$round" wait_for 60 flooding "$_c"
    xl pause b || bail "cannot pause b"
    check "packets_wait_for_the_paused_$round" wait_for 60 waiting "$_b"
    check "paused_receiver_leaves_sender_other_paths_$round" \
        guest run -t 30 c ping -q -c 2 -W 10 10.0.0.1
    check "sender_is_destroyed_$round" guest destroy c
    no_zombies "no_zombie_while_receiver_is_paused_$round"
    check "port_of_destroyed_is_gone_$round" \
        sh -c "! hicampctl port show $_c"
    xl unpause b || bail "cannot unpause b"
    after destroy
}

destroy_receiver() {
    say "round $round: receiver destroyed while paused"
    check "guest_d_is_created_$round" guest create d
    _flood=$(guest start -t 60 a "netperf -P 0 -H 10.0.0.4 -l 5 \
        -t UDP_STREAM -- -m 8192 -R 1")
    sleep 2
    xl pause d || bail "cannot pause d"
    sleep 1
    check "paused_receiver_is_destroyed_$round" guest destroy d
    calm a
    after receiver
}

# backend_state NAME STATE: is the back end of its vif in that xenbus state?
backend_state() {
    test "$(xenstore-read \
        "/local/domain/0/backend/vif/$(xl domid "$1")/0/state")" = "$2"
}

# Load order decides who is offered a vif, so the stock back end, which has
# none here, has to step behind ours again.
reload_netback() {
    say "round $round: back end reloaded under traffic"
    _ping=$(guest start -t 120 a "ping -q -i 0.1 -c 120 -W 10 10.0.0.2")
    rmmod xen_netback
    check "netback_unloads_with_guests_$round" timeout 60 rmmod hicamp_netback
    check "guests_talk_without_it_$round" talks
    check "netback_loads_again_$round" timeout 60 modprobe hicamp-netback
    modprobe xen-netback
    for name in a b; do
        id=$(xl domid $name)
        check "script_runs_again_for_${name}_$round" env \
            XENBUS_PATH=/local/domain/0/backend/vif/"$id"/0 vif=vif"$id".0 \
            timeout 40 /etc/xen/scripts/vif-hicamp online type_if=vif
    done
    for name in a b; do
        check "backend_of_${name}_is_connected_$round" wait_for 20 \
            backend_state "$name" 4
    done
    check "no_packet_was_lost_meanwhile_$round" sh -c \
        "guest wait -t 150 a $_ping | tee -a $OUT/netback-ping.txt |
            grep -q '120 packets received, 0% packet loss'"
    after netback
}

guests_up a b
check guests_talk talks
echo_server b 5100
check data_is_unharmed data
sleep 1
use > $BEFORE
cp $BEFORE "$OUT/use.txt"
say "in use: $(tr '\n' ' ' < $BEFORE)"

round=1
while [ $round -le "$ROUNDS" ]; do
    reload_netfront
    detach_attach
    save_restore
    destroy_sender
    destroy_receiver
    round=$((round + 1))
done
# Last, so that what it might break does not hide what the others keep.
reload_netback

for name in a b; do
    guest destroy $name
done
no_zombies no_zombie_at_the_end
nothing_left nothing_is_left
