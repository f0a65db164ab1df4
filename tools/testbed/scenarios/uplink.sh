# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# The uplink: an e1000e with real DMA is a port of the switch, and a second one,
# in a network namespace behind an emulated hub, is the world. Guests talk with it
# by flows that Open vSwitch installs; checksums, segments, VLAN, MTU, link state,
# the NIC's own address, and what becomes of it all when the NIC or the module goes.
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11
NET=hicamp
BRIDGE=ovsbr0
export NET
. /payload/bin/hicamp.sh
. /payload/bin/nic.sh

fabric_rx() { cat /sys/class/net/hicamp-fabric/statistics/rx_packets; }
pings() { guest run -t 60 "$1" "ping -q -c 5 -i 0.2 -W 10 $2"; }
world_pings() { world ping -q -c 5 -i 0.2 -W 10 "$1"; }

# links_up: both NICs have their links, which a new MTU takes from them for a while.
links_up() {
    wait_for 20 grep -qx 1 /sys/class/net/hicamp-up0/carrier &&
        wait_for 20 world grep -qx 1 /sys/class/net/w0/carrier
}

offloaded() { hicampctl flow dump | grep 'in_port=0.32768' | grep -q output=; }

# both_ways: 4 MB of random bytes go both ways by TCP, unharmed.
both_ways() {
    guest run -t 120 a "dd if=/dev/urandom of=/tmp/out bs=1k count=4096 \
        2> /dev/null; socat -t 60 - TCP:$WORLD:5200 < /tmp/out > /tmp/in
        cmp /tmp/out /tmp/in && test -s /tmp/in"
}

check world_is_there world_up || bail "no second NIC"
NIC=$(nic_of 52:54:00:00:00:10)
say "uplink by $NIC, $(ethtool -i "$NIC" | head -1)"
check uplink_is_made uplink_up || bail "no uplink"
check uplink_has_a_port test "$(port_up port)" -gt 0
check uplink_has_the_nics_address cmp "/sys/class/net/$NIC/address" \
    /sys/class/net/hicamp-up0/address
check alias_names_the_nic test "$(cat /sys/class/net/hicamp-up0/ifalias)" = "$NIC"
check second_uplink_by_it_is_refused sh -c "! hicampctl uplink add $NIC x"
check representor_is_no_nic sh -c "! hicampctl uplink add hicamp-up0 x"
check no_uplink_in_another_namespace sh -c \
    "! ip netns exec world ip link add x link w0 type hicamp_uplink"
check nic_joins_nothing_else sh -c "ip link add br9 type bridge
    ! ip link set $NIC master br9"

guests_up a b
world socat TCP-LISTEN:5200,reuseaddr,fork EXEC:cat &
_echo=$!
world netserver -4 > /dev/null

check guest_reaches_the_world pings a $WORLD
check world_reaches_a_guest world_pings 10.0.0.2
check flow_from_the_uplink_is_installed wait_for 10 offloaded
check tcp_comes_back_unharmed both_ways

say "netperf both ways, by flows alone"
before=$(fabric_rx)
guest run -t 90 a "netperf -P 0 -H $WORLD -l 4 -- -m 65536" > "$OUT/tx.txt"
guest run -t 90 a "netperf -P 0 -H $WORLD -l 4 -t TCP_MAERTS -- -m 65536" \
    > "$OUT/rx.txt"
guest run -t 90 a "netperf -P 0 -H $WORLD -l 3 -t TCP_RR" > "$OUT/rr.txt"
after=$(fabric_rx)
mbit() { awk 'NF == 5 { v = $5 } END { print v + 0 }' "$1"; }
result tx_mbit "$(mbit "$OUT/tx.txt")"
result rx_mbit "$(mbit "$OUT/rx.txt")"
result rr "$(awk 'NF == 6 { print $6; exit }' "$OUT/rr.txt")"
check streams_run sh -c "awk 'NF == 5 && \$5 > 1 { n++ } END { exit n < 2 }' \
    $OUT/tx.txt $OUT/rx.txt"
result fabric_packets $((after - before))
result uplink_packets "$(port_up rx_packets) $(port_up tx_packets)"
check streams_pass_the_fabric_by test $((after - before)) -lt 300
check nic_segments test "$(port_up rx_gso)" -gt 100
check udp_is_carried sh -c "guest run -t 60 a 'netperf -P 0 -H $WORLD -t UDP_STREAM \
    -l 2 -- -m 1400 -R 1' | awk 'NF == 4 && \$3 > 100 { ok = 1 } END { exit !ok }'"

say "VLAN 7"
world ip link add link w0 name w0.7 type vlan id 7
world ip addr add 10.7.0.100/24 dev w0.7
world ip link set w0.7 up
guest run a "ip link add link eth0 name eth0.7 type vlan id 7
    ip addr add 10.7.0.1/24 dev eth0.7; ip link set eth0.7 up"
check tagged_guest_reaches_the_world pings a 10.7.0.100
check tagged_world_reaches_the_guest world_pings 10.7.0.1
before=$(port_up rx_gso)
for test in TCP_STREAM TCP_MAERTS; do
    guest run -t 60 a "netperf -P 0 -H 10.7.0.100 -l 2 -t $test -- -m 65536"
done > "$OUT/vlan.txt"
check tagged_streams_run sh -c "awk 'NF == 5 && \$5 > 1 { n++ } END { exit n < 2 }' \
    $OUT/vlan.txt"
check tagged_segments_are_made_by_the_nic test "$(port_up rx_gso)" -gt "$before"

say "MTU 9000"
world ip link set w0 mtu 9000
ip link set "$NIC" mtu 9000
check mtu_follows_the_nic test "$(cat /sys/class/net/hicamp-up0/mtu)" = 9000
check port_has_the_mtu test "$(port_up mtu)" = 9000
check mtu_beyond_the_nics_is_refused sh -c '! ip link set hicamp-up0 mtu 9001'
guest run a "ip link set eth0 mtu 9000"
check links_come_back_with_large_frames links_up
check large_frames_reach_the_world guest run -t 60 a \
    "ping -q -c 3 -i 0.2 -W 10 -s 8900 $WORLD"
check large_frames_reach_the_guest world ping -q -c 3 -i 0.2 -W 10 -M do \
    -s 8900 10.0.0.1
world ip link set w0 mtu 1500
ip link set "$NIC" mtu 1500
check links_come_back links_up
before=$(port_up drop_mtu)
guest run -t 30 a "ping -q -c 3 -i 0.2 -W 1 -s 8900 $WORLD" > /dev/null 2>&1
check frames_too_large_are_counted test "$(port_up drop_mtu)" -gt "$before"
guest run a "ip link set eth0 mtu 1500"

say "link state, and the bridge's own address"
ip link set "$NIC" down
check carrier_goes_with_the_nic test "$(cat /sys/class/net/hicamp-up0/carrier)" = 0
ip link set "$NIC" up
check carrier_comes_with_the_nic wait_for 10 \
    grep -qx 1 /sys/class/net/hicamp-up0/carrier
check guest_reaches_the_world_again wait_for 20 pings a $WORLD
ip addr add 10.0.0.200/24 dev ovsbr0
check world_reaches_the_bridge world_pings 10.0.0.200
check bridge_reaches_the_world ping -q -c 5 -i 0.2 -W 10 $WORLD
check guest_reaches_the_bridge pings a 10.0.0.200
ip addr del 10.0.0.200/24 dev ovsbr0

say "an address of the NIC's own"
world ip addr add 10.9.0.100/24 dev w0
ip addr add 10.9.0.1/24 dev "$NIC"
check world_reaches_the_nic world_pings 10.9.0.1
check nic_reaches_the_world ping -q -c 5 -i 0.2 -W 10 10.9.0.100
world ip neigh flush all
check world_reaches_the_guest_beside_it world_pings 10.0.0.1
ip addr del 10.9.0.1/24 dev "$NIC"

say "uplink, module and NIC go and come back"
# A VLAN of the NIC's stands above it, too.
ip link add link "$NIC" name other type vlan id 9
check what_is_no_uplink_is_not_deleted sh -c "! hicampctl uplink del other"
check uplink_is_deleted hicampctl uplink del "$NIC"
check its_port_is_gone sh -c '! hicampctl port show 0.32768'
check others_above_the_nic_stay ip link show other
ip link del other
check nic_is_free sh -c "! ip -d link show $NIC | grep -q 'promiscuity 1'"
check guests_talk_without_uplink wait_for 20 pings a 10.0.0.2
echo 2048 > /sys/module/hicamp_netfront/parameters/uplink_window_min
check uplink_is_made_again_with_a_window uplink_up 512
check world_is_back wait_for 20 pings a $WORLD
check tcp_is_shown_and_comes_back_unharmed both_ways
check payload_was_shown test "$(port_up rx_shown)" -gt 10
rmmod xen_netback
ovs-appctl -t ovs-vswitchd exit
check module_unloads rmmod hicamp_netback
check uplink_is_gone_with_it test ! -e /sys/class/net/hicamp-up0
check guests_talk_without_module pings a 10.0.0.2
check module_loads modprobe hicamp-netback
modprobe xen-netback
check uplink_is_made_anew hicampctl uplink add "$NIC"
ovs-vswitchd --detach --no-chdir --pidfile --log-file > /dev/null 2>&1
check world_is_back_again wait_for 30 pings a $WORLD

say "a bond, and protocols of the link"
# lldp: a frame to the nearest bridge, which no switch forwards, from the world.
lldp() {
    world python3 -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("w0", 0))
s.send(bytes.fromhex("0180c200000e52540000001188cc") + bytes(50))'
}
before=$(port_up tx_packets)
seen=$(cat "/sys/class/net/$NIC/statistics/multicast")
for _ in 1 2 3 4 5; do lldp; done
check link_local_frames_reach_the_nic wait_for 5 sh -c \
    "[ \$(cat /sys/class/net/$NIC/statistics/multicast) -ge $((seen + 5)) ]"
check they_do_not_reach_the_switch test $(($(port_up tx_packets) - before)) -lt 5
hicampctl uplink del "$NIC"
# The driver alone: its parameters would make a bond0 of their own.
modprobe bonding max_bonds=0
check bond_is_made sh -c "ip link add bond7 type bond mode active-backup miimon 100 &&
    ip link set $NIC down && ip link set $NIC master bond7 && ip link set bond7 up"
check nic_in_a_bond_is_refused sh -c "! hicampctl uplink add $NIC"
check bond_is_an_uplink hicampctl uplink add bond7
check world_is_reached_by_the_bond wait_for 20 pings a $WORLD
check bonds_uplink_goes hicampctl uplink del bond7
ip link del bond7
hicampctl uplink add "$NIC"
check driver_of_the_nic_unloads sh -c "kill $_echo; ip netns del world; sleep 1
    rmmod e1000e"
check uplink_goes_with_its_nic wait_for 5 test ! -e /sys/class/net/hicamp-up0
check guests_talk_without_nic wait_for 20 pings a 10.0.0.2
