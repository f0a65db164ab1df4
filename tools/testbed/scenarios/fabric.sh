# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# The slow path alone: no flow is installed, so every packet goes up to the
# representors, through Open vSwitch in software, and down again. What arrives
# is what was sent; nobody's stack but the guests' sees it; the driver domain's
# module comes and goes.
NET=hicamp
export NET
OFFLOAD=
. /payload/bin/hicamp.sh

# port NAME: domid.devid of a guest's port.
port() { echo "$(xl domid "$1").0"; }

# bridged NAME...: their representors join ovsbr0; no flow of ours is left.
bridged() {
    for _name in "$@"; do
        ovs-vsctl --timeout=20 --may-exist add-port ovsbr0 "vif$(port "$_name")"
    done
    hicampctl flow flush
}

drop_rep() {
    ethtool -S hicamp-fabric | sed -n 's/^ *rx_drop_rep: //p'
}

ovs-vsctl --no-wait set Open_vSwitch . other_config:hw-offload=false
for name in a b c; do
    say "creating guest $name"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check guests_are_bridged bridged a b c
check no_flow_is_left test "$(figure flows)" = 0
ip addr add 10.0.0.200/24 dev ovsbr0

before=$(port_values "$(port a)" upcalls)
for size in 1 56 1400 8000 65000; do
    check "ping_of_${size}_bytes" guest run -t 60 a \
        "ping -q -c 3 -i 0.2 -W 10 -s $size 10.0.0.2"
done
check upcalls_are_counted test "$(port_values "$(port a)" upcalls)" -gt "$before"
for name in b c; do
    check "server_on_$name" echo_server $name 5100
done
check tcp_comes_back_unharmed echoes a 10.0.0.2 5100 8192
check tcp_the_other_way echoes b 10.0.0.3 5100 8192
check ping_ip6 guest run -t 60 a "ping -6 -q -c 3 -i 0.2 -W 10 -I eth0 ff02::1"
check bridge_itself_is_reached guest run -t 60 a \
    "ping -q -c 3 -i 0.2 -W 10 -s 8000 10.0.0.200"
check bridge_itself_reaches ping -q -c 3 -i 0.2 -W 10 -s 8000 10.0.0.3

say "netperf through the slow path, to a guest and to dom0's own address"
guest run a "netperf -P 0 -H 10.0.0.2 -l 3 -- -m 65536" > "$OUT/slow.txt"
result slow_mbit "$(awk 'NF == 5 { v = $5 } END { print v }' "$OUT/slow.txt")"

say "a flood from c; a's first packets"
_flood=$(guest start -t 60 c "ping -q -f -w 8 -s 1000 10.0.0.77; true")
sleep 1
check first_packets_pass_a_flood guest run -t 60 a \
    "ip neigh flush all; ping -q -c 5 -i 0.2 -W 10 10.0.0.2"
guest wait -t 90 c "$_flood" > /dev/null

say "without a bridge, nobody gets anything"
for name in a b c; do
    ovs-vsctl --timeout=20 del-port ovsbr0 "vif$(port $name)"
done
before=$(drop_rep)
guest run -t 60 a "ping -q -c 3 -i 0.2 -W 1 10.0.0.2" > /dev/null 2>&1 &&
    fail nothing_arrives_without_a_bridge "it did"
check representor_drops_are_counted test "$(drop_rep)" -gt "$before"

say "flows without a driver domain, for as long as the host's parameter says"
check flows_are_installed hicampctl flow add --batch - <<EOF
in_port=$(port a),eth_dst=00:16:3e:00:00:02 output=$(port b)
in_port=$(port b),eth_dst=00:16:3e:00:00:01 output=$(port a)
EOF
# Nobody answers broadcasts here: each knows the other's address for good.
check b_knows_a guest run b "arp -s 10.0.0.1 00:16:3e:00:00:01"
check a_knows_b guest run a "arp -s 10.0.0.2 00:16:3e:00:00:02"
check pair_talks_by_flows guest run -t 60 a \
    "ping -q -c 3 -i 0.2 -W 10 10.0.0.2"
talks() { guest run -t 30 a "ping -q -c 3 -i 0.2 -W 2 10.0.0.2"; }
silent() { ! talks; }
rmmod xen_netback
check module_unloads rmmod hicamp_netback
check pair_talks_without_it talks
check life_is_set hicampctl param set orphan-life 3
sleep 4
check flows_are_not_followed_any_more silent
check nothing_else_has_changed test "$(figure flows)" = 2
check life_is_lifted hicampctl param set orphan-life 0
check pair_talks_again talks
check life_is_set_again hicampctl param set orphan-life 3
check module_loads modprobe hicamp-netback
modprobe xen-netback
check pair_talks_by_flows_that_were_there talks
