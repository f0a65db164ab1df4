# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# A PV driver domain has the NIC (passed through, by an emulated IOMMU), the back ends
# and Open vSwitch; dom0 has no part in the network. It is killed under traffic:
# guests go on talking to each other, and nothing is lost; another one takes its place
# (hicamp-adopt), with the same netdevs in the guests. ROUNDS times.
# Linux's pcifront warns, with a trace, when its domain is about to be destroyed:
# allow: sysfs_remove_group
# allow: Call Trace:$
# qemu: -device intel-iommu,intremap=on
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10,addr=0x10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11,addr=0x11
# qemu: -drive file={image},format=raw,if=virtio,readonly=on
NET=hicamp
BRIDGE=ovsbr0
export NET BRIDGE
. /payload/bin/hicamp.sh

. /payload/bin/nic.sh

pings() { guest run -t 60 "$1" "ping -q -c 5 -i 0.2 -W 10 $2"; }
backend_of() { xenstore-read "/local/domain/$(xl domid "$1")/device/vif/0/backend"; }

# identity GUEST: what would differ if its netdev had gone or been down.
identity() {
    guest run "$1" "cat /sys/class/net/eth0/ifindex \
        /sys/class/net/eth0/carrier_changes" | tr '\n' ' '
}

# numbered: from now on a sends b 15 s of datagrams, one a millisecond.
numbered() {
    guest run a "dd if=/dev/urandom of=/tmp/udp bs=1k count=15000 2> /dev/null"
    _recv=$(guest start -t 200 b "udpxfer recv /tmp/got 5300 60")
    sleep 1
    _send=$(guest start -t 200 a "udpxfer send /tmp/udp 10.0.0.2 5300 1024000 1024")
}

numbered_arrived() {
    guest wait -t 200 a "$_send" && guest wait -t 200 b "$_recv" &&
        [ "$(guest run a 'md5sum < /tmp/udp')" = \
          "$(guest run b 'md5sum < /tmp/got')" ]
}

check world_is_there nic_up || bail "no NIC for the world"
check nic_can_be_passed_on xl pci-assignable-add 00:10.0

dd=net0
say "the first driver domain"
check driver_domain_is_made driver_domain $dd || bail "no driver domain"
check nothing_to_adopt_is_said sh -c "hicamp-adopt $dd | grep 'no vif is without'"
check driver_domain_is_ready wait_for 60 in_dd true
check driver_domain_administers in_dd hicampctl info
check fabric_has_a_queue_for_each_cpu test \
    "$(port_values "$(xl domid $dd).4294967295" queues)" = 2
check uplink_has_them_too test "$(port_values "$(xl domid $dd).32768" queues)" = 2

for name in a b; do
    check "guest_${name}_becomes_ready" guest create --mem 384 \
        --vif "backend=$dd" $name || bail "no guests"
done
check backend_is_the_driver_domains test "$(backend_of a)" = \
    "/local/domain/$(xl domid $dd)/backend/vif/$(xl domid a)/0"
check guests_talk pings a 10.0.0.2
check world_is_reached pings a $WORLD
check world_reaches_a_guest world ping -q -c 5 -i 0.2 -W 10 10.0.0.1
check window_is_refused_and_said in_dd "dmesg | grep 'payload is copied, not shown'"
check nic_is_in_the_driver_domain in_dd "ethtool -i eth0 | grep e1000e"
guest run -t 60 a "netperf -P 0 -H $WORLD -l 3 -- -m 65536" > "$OUT/world.txt"
result world_mbit "$(awk 'NF == 5 { v = $5 } END { print v }' "$OUT/world.txt")"
# Nobody answers ARP while there is no driver domain: these know each other.
guest run a "arp -s 10.0.0.2 00:16:3e:00:00:02" &&
    guest run b "arp -s 10.0.0.1 00:16:3e:00:00:01"

before_a=$(identity a)
before_b=$(identity b)
for round in $(seq "${ROUNDS:-1}"); do
    say "the driver domain is killed under traffic ($round)"
    check pair_is_warm_"$round" pings b 10.0.0.1
    numbered
    # So that flows both ways are in use, and stay.
    _pings=$(guest start -t 100 b "ping -q -i 0.5 -c 80 -W 10 10.0.0.1")
    sleep 3
    check driver_domain_dies_"$round" xl destroy "$dd"
    died=$(uptime_s)
    check world_is_gone_"$round" sh -c \
        "! guest run -t 20 b 'ping -q -c 2 -W 1 $WORLD'"
    say "another takes its place ($round)"
    dd=net$round
    check next_is_made_"$round" driver_domain "$dd" || bail "no driver domain"
    check guests_are_adopted_"$round" hicamp-adopt "$dd"
    check next_is_ready_"$round" wait_for 60 in_dd true
    check backend_moved_"$round" test "$(backend_of a)" = \
        "/local/domain/$(xl domid "$dd")/backend/vif/$(xl domid a)/0"
    check world_is_back_"$round" wait_for 30 pings b $WORLD
    result without_world_s_"$round" "$(awk -v a="$died" -v b="$(uptime_s)" \
        'BEGIN { print b - a }')"
    check no_datagram_was_lost_"$round" numbered_arrived
    check no_ping_was_lost_"$round" sh -c "guest wait -t 200 b $_pings |
        grep -q '80 packets received, 0% packet loss'"
    check world_reaches_a_guest_"$round" wait_for 20 world ping -q -c 3 -i 0.2 \
        -W 10 10.0.0.2
    check netdevs_are_the_same_"$round" test "$(identity a)$(identity b)" = \
        "$before_a$before_b"
done

say "a new guest, and a vif that goes"
check new_guest_becomes_ready guest create --mem 384 --vif "backend=$dd" c
check new_guest_talks pings c 10.0.0.1
check adopted_vif_is_detached xl network-detach a 0
check its_back_end_is_gone sh -c "! xenstore-exists \
    /local/domain/$(xl domid "$dd")/backend/vif/$(xl domid a)/0/state"
check adopted_guest_is_destroyed xl destroy b
no_zombies no_domain_is_left_dying
check its_port_is_gone wait_for 20 sh -c \
    "test \$(hicampctl port list --json | grep -o '\"devid\": *0,' | wc -l) = 1"
