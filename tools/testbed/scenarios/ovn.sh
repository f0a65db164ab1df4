# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2016  # for inner shells
# OVN on one host, unmodified, over Open vSwitch and the hypervisor: two logical
# switches and a router, guests bound by the iface-id that xl's hotplug script
# sets, an access list. What OVN needs no connection tracking for is forwarded by
# the hypervisor, routed packets too; the rest in software. For each kind of rules
# a line
#   ovn KIND MB_PER_S PACKETS UP
# goes to ovn.tsv: a TCP stream's rate, packets that its sender sent, and how many
# of them went up to the driver domain.
NET=hicamp
BRIDGE=br-int
export NET BRIDGE
. /payload/bin/hicamp.sh
PATH=$PATH:/usr/share/ovn/scripts

port() { echo "$(xl domid "$1").0"; }

# flows TYPE: Open vSwitch's flows that are offloaded, or not, of IP packets.
flows() {
    ovs-appctl --timeout=30 dpctl/dump-flows type="$1" | grep -c 'eth_type(0x0800)'
}

pings() { guest run -t 60 "$1" "ping -q -c 5 -i 0.2 -W 5 $2"; }
no_ping() { ! guest run -t 60 "$1" "ping -q -c 3 -i 0.2 -W 1 $2"; }

# stream KIND FROM ADDRESS: netperf, and how its packets went.
stream() {
    guest run -t 60 "$2" "netperf -P 0 -H $3 -l 1" > /dev/null 2>&1
    # shellcheck disable=SC2046  # two numbers
    set -- "$@" $(port_values "$(port "$2")" tx_packets upcalls)
    out=$(guest run -t 60 "$2" "netperf -P 0 -H $3 -l 2 -- -m 65536" |
        awk 'NF == 5 { v = $5 } END { print v }')
    # shellcheck disable=SC2046  # two numbers
    set -- "$@" $(port_values "$(port "$2")" tx_packets upcalls)
    packets=$(($6 - $4))
    up=$(($7 - $5))
    printf 'ovn\t%s\t%s\t%s\t%s\n' "$1" "$out" $packets $up >> "$OUT/ovn.tsv"
    result "$1" "$out Mb/s, $up of $packets packets up"
}

say "starting OVN"
check northd_starts ovn-ctl start_northd || bail "no OVN"
ovs-vsctl set Open_vSwitch . external_ids:system-id=host \
    external_ids:ovn-remote=unix:/var/run/ovn/ovnsb_db.sock \
    external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=127.0.0.1
check controller_starts ovn-ctl start_controller
check integration_bridge_is_made wait_for 30 ovs-vsctl br-exists br-int
check topology_is_made sh -e -c '
    ovn-nbctl ls-add s1 -- ls-add s2 -- lr-add r
    for n in 1 2; do
        ovn-nbctl lrp-add r r$n 00:00:00:00:ff:0$n 10.0.$n.254/24 -- \
            lsp-add s$n s$n-r -- lsp-set-type s$n-r router -- \
            lsp-set-addresses s$n-r router -- \
            lsp-set-options s$n-r router-port=r$n
    done
    add() {
        ovn-nbctl lsp-add $1 $2.0 -- lsp-set-addresses $2.0 "$3 $4"
    }
    add s1 a 00:16:3e:00:00:01 10.0.1.1
    add s1 b 00:16:3e:00:00:02 10.0.1.2
    add s2 c 00:16:3e:00:00:03 10.0.2.3'

for entry in a:1.1 b:1.2 c:2.3; do
    name=${entry%%:*}
    check "guest_${name}_becomes_ready" guest create --ip "10.0.${entry#*:}/24" \
        "$name" || bail "no guests"
    net=${entry#*:}
    guest run "$name" "ip route add default via 10.0.${net%.*}.254"
    check "port_of_${name}_is_up" wait_for 30 sh -c "
        [ \$(ovn-nbctl lsp-get-up $name.0) = up ]"
done

say "no access list: switched and routed by the hypervisor"
check a_reaches_b pings a 10.0.1.2
check a_reaches_c_through_the_router pings a 10.0.2.3
check flows_are_offloaded test "$(flows offloaded)" -ge 4
result flows_in_software "$(flows non-offloaded)"
ovs-appctl dpctl/dump-flows -m > "$OUT/flows.txt"
stream switched a 10.0.1.2
check switched_packets_do_not_go_up test $((up * 50)) -le "$packets"
stream routed a 10.0.2.3
check routed_packets_do_not_go_up test $((up * 50)) -le "$packets"

say "an access list without state"
check list_is_added sh -e -c "
    ovn-nbctl --wait=hv acl-add s1 to-lport 1000 \
        'outport == \"b.0\" && ip4.src == 10.0.2.3' drop
    ovn-nbctl --wait=hv acl-add s1 to-lport 900 'tcp.dst == 2000' drop"
check c_does_not_reach_b no_ping c 10.0.1.2
check c_reaches_a pings c 10.0.1.1
stream stateless a 10.0.1.2
check packets_do_not_go_up_with_it test $((up * 50)) -le "$packets"
check flows_are_offloaded_with_it test "$(flows offloaded)" -ge 4

say "an access list with state: software"
check stateful_list_is_added ovn-nbctl --wait=hv acl-add s1 from-lport 1000 \
    'inport == "a.0" && ip4' allow-related
check a_reaches_b_by_connection_tracking pings a 10.0.1.2
check c_still_does_not_reach_b no_ping c 10.0.1.2
stream stateful a 10.0.1.2
check tracked_packets_go_up test $((up * 2)) -ge "$packets"
ovs-appctl dpctl/dump-flows -m > "$OUT/flows-stateful.txt"

say "and back"
check stateful_list_is_removed ovn-nbctl --wait=hv acl-del s1 from-lport
check a_reaches_b_again pings a 10.0.1.2
stream stateless-again a 10.0.1.2
check packets_do_not_go_up_again test $((up * 50)) -le "$packets"

check the_list_goes ovn-nbctl --wait=hv acl-del s1
check c_reaches_b_now pings c 10.0.1.2
for name in a b c; do
    guest destroy $name
done
no_zombies no_zombie_after_all
ovn-ctl stop_controller > /dev/null 2>&1
ovn-ctl stop_northd > /dev/null 2>&1
ovs-vsctl --if-exists del-br br-int
nothing_left nothing_is_left
