# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# Open vSwitch, unmodified, is the control plane: guests are put on its bridge
# by xl's hotplug script, it learns where they are, and what it decides is
# offloaded by tc to the hypervisor, with counters that come back. What cannot be
# offloaded is forwarded in software. Rules that are deleted are gone, ports that
# go leave nothing, flows that are idle age.
#
# Environment: ROUNDS=1 (of death and return of vswitchd and the module)
# xen: hicamp=flows=1000000
NET=hicamp
BRIDGE=ovsbr0
export NET BRIDGE
. /payload/bin/hicamp.sh

port() { echo "$(xl domid "$1").0"; }

# offloaded [PATTERN]: Open vSwitch's flows that are in the hypervisor.
offloaded() {
    ovs-appctl --timeout=30 dpctl/dump-flows type=offloaded |
        grep -- "${1:-.}"
}

# upcalls NAME: packets of a guest that went up.
upcalls() { port_values "$(port "$1")" upcalls; }

# packets PATTERN: of the offloaded flows with it, as Open vSwitch sees them.
packets() {
    offloaded "$1" | sed -n 's/.*packets:\([0-9]*\).*/\1/p' |
        awk '{ n += $1 } END { print n + 0 }'
}

# counted N: does Open vSwitch see so many packets in the hypervisor's flows?
counted() { test "$(packets in_port)" -ge "$1"; }

no_flows() { test "$(figure flows)" = 0; }

for name in a b c; do
    say "creating guest $name"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check guest_d_becomes_ready guest create --vif ip=10.0.0.4 d || bail "no guests"
check flow_limit_is_what_xen_was_told test "$(figure limits.flows)" = 1000000
check representors_are_on_the_bridge sh -c "
    ovs-vsctl --timeout=20 list-ports ovsbr0 | grep -c '^vif' | grep -qx 4"
check iface_id_is_there sh -c "ovs-vsctl --timeout=20 get Interface \
    vif$(port a) external_ids:iface-id | grep -qx '\"*a.0\"*'"

say "learning, from an empty table"
for to in 2 3 4; do
    check "a_reaches_10.0.0.$to" guest run -t 60 a \
        "ping -q -c 5 -i 0.2 -W 10 10.0.0.$to"
done
check b_reaches_c guest run -t 60 b "ping -q -c 5 -i 0.2 -W 10 10.0.0.3"
offloaded > "$OUT/offloaded.txt"
hicampctl flow dump > "$OUT/flows.txt"
check flows_are_offloaded test "$(offloaded eth_type | wc -l)" -ge 4

for name in b c; do
    check "server_on_$name" echo_server $name 5100
done
check tcp_comes_back_unharmed echoes a 10.0.0.2 5100 8192
check tcp_the_other_way echoes b 10.0.0.3 5100 8192

say "counters move, packets do not go up"
before=$(upcalls a)
had=$(packets in_port)
# Looked at while they go on: flows that are idle go, and so do their counters.
id=$(guest start -t 120 a "ping -q -i 0.02 -w 100 10.0.0.2")
check offloaded_counters_move wait_for 60 counted $((had + 40))
check packets_do_not_go_up test $(($(upcalls a) - before)) -le 8
result upcalls_of_pings $(($(upcalls a) - before))
guest run a "killall -INT ping" > /dev/null 2>&1
guest wait -t 30 a "$id" > /dev/null 2>&1

say "an ACL"
check acl_is_added ovs-ofctl add-flow ovsbr0 \
    "priority=100,ip,nw_src=10.0.0.1,nw_dst=10.0.0.3,actions=drop"
sleep 2
guest run -t 60 a "ping -q -c 3 -i 0.2 -W 1 10.0.0.3" > /dev/null 2>&1 &&
    fail acl_drops "it does not"
check others_are_not_hit guest run -t 60 a "ping -q -c 3 -i 0.2 -W 10 10.0.0.4"
check drop_is_offloaded sh -c "
    ovs-appctl dpctl/dump-flows type=offloaded | grep -q 'actions:drop'"
check acl_is_deleted ovs-ofctl --strict del-flows ovsbr0 \
    "priority=100,ip,nw_src=10.0.0.1,nw_dst=10.0.0.3"
check it_passes_again wait_for 20 guest run -t 30 a \
    "ping -q -c 1 -W 2 10.0.0.3"

say "fields and tags that the hypervisor changes"
check set_field_is_added ovs-ofctl add-flow ovsbr0 \
    "priority=90,icmp,nw_src=10.0.0.4,actions=mod_nw_tos:32,normal"
check set_field_passes guest run -t 60 d "ping -q -c 8 -i 0.2 -W 10 10.0.0.2"
hicampctl flow dump > "$OUT/flows-set.txt"
check set_field_is_offloaded grep -q 'set(ip_tos=' "$OUT/flows-set.txt"
check set_field_is_deleted ovs-ofctl del-flows ovsbr0 icmp,nw_src=10.0.0.4

# d's own address, in its packets to b, is another's: both see it translated.
check nat_is_added ovs-ofctl add-flows ovsbr0 - <<EOF
priority=91,tcp,in_port=vif$(port d),nw_src=10.0.0.4,actions=mod_nw_src:10.0.0.44,normal
priority=91,tcp,nw_dst=10.0.0.44,actions=mod_nw_dst:10.0.0.4,mod_dl_dst:00:16:3e:00:00:04,output:vif$(port d)
EOF
check b_knows_the_other_address guest run b \
    "arp -s 10.0.0.44 00:16:3e:00:00:04"
check tcp_is_translated_unharmed echoes d 10.0.0.2 5100 8192
hicampctl flow dump > "$OUT/flows-nat.txt"
check translation_is_offloaded grep -q 'set(.*ip_src=10.0.0.44' \
    "$OUT/flows-nat.txt"
check nat_is_deleted ovs-ofctl del-flows ovsbr0 tcp

check tagging_is_added ovs-ofctl add-flow ovsbr0 \
    "priority=92,icmp,in_port=vif$(port d),actions=mod_vlan_vid:9,output:vif$(port c)"
before=$(port_values "$(port c)" rx_packets)
guest run -t 60 d "ping -q -c 10 -i 0.2 -W 1 10.0.0.2" > /dev/null 2>&1
hicampctl flow dump > "$OUT/flows-tag.txt"
check tagging_is_offloaded grep -q 'push_vlan=0x8100:0x0009,output=' \
    "$OUT/flows-tag.txt"
check tagged_packets_arrive test $(($(port_values "$(port c)" rx_packets) \
    - before)) -ge 9
check tagging_is_deleted ovs-ofctl --strict del-flows ovsbr0 \
    "priority=92,icmp,in_port=vif$(port d)"
check no_packet_was_lost_to_an_action test \
    "$(port_values "$(port d)" drop_edit)" = 0

say "what cannot be offloaded"
check conntrack_is_added ovs-ofctl add-flow ovsbr0 \
    "priority=80,tcp,in_port=vif$(port d),actions=ct(commit),normal"
check conntrack_passes echoes d 10.0.0.2 5100 1024
ovs-appctl --timeout=30 dpctl/dump-flows -m > "$OUT/all-flows.txt"
offloaded > "$OUT/offloaded-then.txt"
check conntrack_is_in_software sh -c "grep -q 'ct(commit)' $OUT/all-flows.txt &&
    ! grep -q 'ct(commit)' $OUT/offloaded-then.txt"
check conntrack_is_deleted ovs-ofctl --strict del-flows ovsbr0 \
    "priority=80,tcp,in_port=vif$(port d)"
ip addr add 10.0.0.200/24 dev ovsbr0
check bridge_itself_is_reached guest run -t 60 a \
    "ping -q -c 3 -i 0.2 -W 10 -s 8000 10.0.0.200"

say "a policer holds what would be offloaded, too"
check policer_is_set ovs-vsctl --timeout=20 set Interface "vif$(port d)" \
    ingress_policing_rate=2000 ingress_policing_burst=200
check policer_is_in_the_hypervisor sh -c \
    "hicampctl port rate $(port d) | grep '^250000 bytes/s'"
guest run -t 60 d "ping -q -c 2 10.0.0.2; netperf -P 0 -H 10.0.0.2 -l 3" \
    > "$OUT/policed.txt"
rate=$(awk 'NF == 5 { v = int($5) } END { print v }' "$OUT/policed.txt")
result policed_mbit "$rate"
check policer_is_not_passed_by test "${rate:-999}" -le 4
check policer_is_lifted ovs-vsctl --timeout=20 set Interface "vif$(port d)" \
    ingress_policing_rate=0 ingress_policing_burst=0
check policer_is_gone wait_for 20 sh -c \
    "hicampctl port rate $(port d) | grep '^no limit'"

say "a meter holds the flows that share it"
of13() { ovs-ofctl -O OpenFlow13 "$@"; }
meters() { hicampctl meter list --json; }
has_meter() { meters | grep -q "\"rate\":$1,"; }
check meter_is_added of13 add-meter ovsbr0 \
    meter=1,kbps,burst,stats,band=type=drop,rate=2000,burst_size=400
check meter_is_in_the_hypervisor wait_for 10 has_meter 250000
check metered_flow_is_added of13 add-flow ovsbr0 \
    "priority=93,tcp,in_port=vif$(port d),actions=meter:1,normal"
check metered_tcp_passes echoes d 10.0.0.2 5100 64
guest run -t 60 d "netperf -P 0 -H 10.0.0.2 -l 3" > "$OUT/metered.txt" &
netperf=$!
check metered_flow_is_offloaded wait_for 10 sh -c \
    "hicampctl flow dump | tee -a $OUT/flows-meter.txt | grep -q meter="
wait $netperf
rate=$(awk 'NF == 5 { v = int($5) } END { print v }' "$OUT/metered.txt")
result metered_mbit "$rate"
check meter_is_not_passed_by test "${rate:-999}" -le 4
check what_it_drops_is_counted test "$(port_values "$(port d)" drop_meter)" \
    -gt 0
of13 meter-stats ovsbr0 meter=1 > "$OUT/meter-stats.txt"
check its_counters_come_back grep -Eq 'packet_in_count:[1-9][0-9]' \
    "$OUT/meter-stats.txt"
check meter_is_changed of13 mod-meter ovsbr0 \
    meter=1,kbps,burst,stats,band=type=drop,rate=80000,burst_size=8000
check change_is_in_the_hypervisor wait_for 10 has_meter 10000000
check metered_flow_is_deleted of13 del-flows ovsbr0 tcp,in_port="vif$(port d)"
check meter_is_deleted of13 del-meter ovsbr0 meter=1
check meter_is_gone wait_for 20 sh -c \
    "hicampctl meter list --json | grep -qx '{\"meters\":\[\]}'"

say "a guest is held to the addresses that xl has for it"
check addresses_are_in_the_hypervisor sh -c \
    "hicampctl port addrs $(port d) | grep -qx 10.0.0.4/32"
before=$(port_values "$(port d)" drop_spoof)
guest run d "ip addr add 10.0.0.94/24 dev eth0"
check own_address_passes guest run -t 60 d \
    "ping -q -c 3 -i 0.2 -W 10 -I 10.0.0.4 10.0.0.1"
guest run -t 60 d "ping -q -c 3 -i 0.2 -W 1 -I 10.0.0.94 10.0.0.1" \
    > /dev/null 2>&1 && fail other_address_is_dropped "it is not"
check spoofing_is_counted test \
    "$(port_values "$(port d)" drop_spoof)" -ge $((before + 3))
before=$(port_values "$(port d)" drop_spoof)
guest run -t 60 d "arping -q -c 3 -U -I eth0 -s 10.0.0.94 10.0.0.94" > /dev/null 2>&1
check false_arp_is_counted test \
    "$(port_values "$(port d)" drop_spoof)" -ge $((before + 3))
check any_address_again hicampctl port addrs "$(port d)" any
check other_address_passes_then guest run -t 60 d \
    "ping -q -c 3 -i 0.2 -W 10 -I 10.0.0.94 10.0.0.1"

say "a VLAN of two, and who is outside"
check b_is_tagged ovs-vsctl --timeout=20 set Port "vif$(port b)" tag=7
check c_is_tagged ovs-vsctl --timeout=20 set Port "vif$(port c)" tag=7
sleep 2
check inside_talk guest run -t 60 b "ping -q -c 5 -i 0.2 -W 10 10.0.0.3"
guest run -t 60 a "ping -q -c 2 -W 1 10.0.0.3" > /dev/null 2>&1 &&
    fail outside_does_not_reach_in "it does"
ovs-vsctl --timeout=20 clear Port "vif$(port b)" tag
ovs-vsctl --timeout=20 clear Port "vif$(port c)" tag

say "a guest goes"
check d_is_destroyed xl destroy d
check its_port_leaves_the_bridge wait_for 20 sh -c "
    test \$(ovs-vsctl --timeout=20 list-ports ovsbr0 | grep -c '^vif') = 3"
check others_go_on guest run -t 60 a "ping -q -c 3 -i 0.2 -W 10 10.0.0.2"

# carrier: how often a's and b's carrier has changed, and which devices they are.
carrier() {
    for _n in a b; do
        guest run $_n "cat /sys/class/net/eth0/carrier_changes \
            /sys/class/net/eth0/ifindex"
    done | tr '\n' ' '
}

orphan() { hicampctl flow dump | grep -q 02:00:00:00:00:99; }
no_orphan() { ! orphan; }

# Who answers ARP while Open vSwitch is away? Nobody, as it has no flow that would
# last: pings, which confirm no neighbour as TCP does, must not depend on it.
check a_knows_b guest run a "arp -s 10.0.0.2 00:16:3e:00:00:02"
check b_knows_a guest run b "arp -s 10.0.0.1 00:16:3e:00:00:01"

# paired FROM TO: is what one pings the other with offloaded, both ways?
paired() {
    offloaded "src=00:16:3e:00:00:0$1,dst=00:16:3e:00:00:0$2.*eth_type(0x0800)" |
        grep -q . &&
    offloaded "src=00:16:3e:00:00:0$2,dst=00:16:3e:00:00:0$1.*eth_type(0x0800)" |
        grep -q .
}

carrier=$(carrier)
for round in $(seq "${ROUNDS:-1}"); do
    say "vswitchd is killed: installed flows stay, and serve ($round)"
    guest run -t 60 a "ping -q -c 10 -i 0.2 10.0.0.2" > /dev/null
    hicampctl flow dump > "$OUT/flows-kill.txt"
    before=$(upcalls a)
    kill -9 "$(cat /run/openvswitch/ovs-vswitchd.pid)"
    check flows_serve_without_vswitchd_"$round" guest run -t 60 a \
        "ping -q -c 20 -i 0.2 -W 10 10.0.0.2"
    result upcalls_without_vswitchd_"$round" $(($(upcalls a) - before))
    # What may go up is ARP, by which a guest asks whether its neighbour is still
    # there: nobody renews a flow for that.
    check pings_do_not_go_up_meanwhile_"$round" \
        test $(($(upcalls a) - before)) -le 8
    check vswitchd_starts_again_"$round" ovs-vswitchd --detach --no-chdir \
        --pidfile --log-file
    check pair_talks_after_restart_"$round" wait_for 30 guest run -t 30 a \
        "ping -q -c 1 -W 2 10.0.0.2"

    # As when a driver domain dies and another takes its place. (Open vSwitch 3.1,
    # did it live on, would look for rules at netdevs that are gone.)
    say "vswitchd and the back end's module go, and come back ($round)"
    check orphan_is_added_"$round" hicampctl flow add \
        "in_port=$(port a),eth_dst=02:00:00:00:00:99" drop
    id=$(guest start -t 180 a "ping -q -i 0.1 -c 200 -W 10 10.0.0.2")
    check pings_are_offloaded_"$round" wait_for 20 paired 1 2
    kill -9 "$(cat /run/openvswitch/ovs-vswitchd.pid)"
    rmmod xen_netback
    check module_unloads_"$round" timeout 60 rmmod hicamp_netback
    check flows_stay_in_the_hypervisor_"$round" test "$(figure flows)" -ge 3
    check pair_talks_without_it_"$round" guest run -t 60 b \
        "ping -q -c 5 -i 0.2 -W 10 10.0.0.1"
    check module_loads_"$round" timeout 60 modprobe hicamp-netback adopt_s=5
    modprobe xen-netback
    check vswitchd_comes_back_"$round" ovs-vswitchd --detach --no-chdir \
        --pidfile --log-file
    check no_packet_was_lost_"$round" sh -c "guest wait -t 200 a $id |
        tee $OUT/module-ping.txt | grep -q '200 packets received, 0% packet loss'"
    check what_nobody_installed_again_goes_"$round" wait_for 60 no_orphan
    check flows_are_learnt_by_the_new_one_"$round" guest run -t 60 a \
        "ping -q -c 10 -i 0.2 -W 10 10.0.0.3"
    check they_are_offloaded_"$round" test "$(offloaded eth_type | wc -l)" -ge 2
    check nobody_lost_his_carrier_"$round" test "$(carrier)" = "$carrier"
done

say "idle flows age"
for name in a b c; do
    guest run $name "ip link set eth0 down" > /dev/null
done
check idle_flows_age wait_for 40 no_flows
