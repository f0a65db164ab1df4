# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# Three guests on one switch: every size of ping, bulk data each way by TCP, UDP
# and IPv6, unharmed; broadcast, multicast, large and mismatched MTUs; and none
# of it through dom0 or the grant tables.
#
# Environment: NET=hicamp|stock  MB=64 (of random data each way)
#              SOME_MB=16 (of it, by IPv6 and with a large MTU)
#              UDP_RATE=4000000 (bytes per second)
NET=${NET:-hicamp}
MB=${MB:-64}
SOME_MB=${SOME_MB:-16}
UDP_RATE=${UDP_RATE:-4000000}
export NET
. /payload/bin/hicamp.sh

DOM0_SOFTNET_MAX=200    # packets that dom0 may see of its own: DHCP, IPv6 ND
SIZES="1 2 3 17 18 19 24 25 26 45 46 47 55 56 57 99 100 101 117 118 119 127
    128 129 159 160 161 255 256 257 470 471 512 513 1000 1024 1025 1399 1400
    1471 1472 1473 1480 1481 2000 2047 2048 2049 2951 2952 2953 3000 4000 4052
    4053 4054 4055 4056 4068 4095 4096 4097 5000 6000 7000 8000 8191 8192 8193
    8971 8972 8973 10000 12287 12288 16000 16383 16384 16385 20000 24576 30000
    32767 32768 32769 40000 49152 50000 60000 61440 64000 64999 65000"

# digest GUEST FILE
digest() { guest run -t 120 "$1" "sha256sum < $2" | cut -c1-64; }

# pings NAME COUNT ARGUMENTS...: COUNT echo requests, each answered.
pings() {
    _ping=$1
    _count=$2
    shift 2
    _out=$(guest run -t 90 a "ping -q -c $_count -W 5 $* 2>&1")
    case $_out in
    *" $_count packets received, 0% packet loss"*) pass "$_ping";;
    *) fail "$_ping" "$(echo "$_out" | tail -n 2 | tr '\n' ' ')";;
    esac
}

# tcp NAME FROM TO ADDRESS [FILE]: the sender's file arrives unharmed.
tcp() {
    _tcp=$1
    _file=${5:-data}
    _id=$(guest start -t 300 "$3" "socat -u TCP6-LISTEN:5000,reuseaddr,ipv6only=0 \
        CREATE:/tmp/got")
    wait_for 60 guest run "$3" "ss -lnt | grep -q :5000"
    _begin=$(uptime_s)
    if ! _out=$(guest run -t 300 "$2" "socat -u OPEN:/tmp/$_file TCP:$4:5000" 2>&1
        guest wait -t 320 "$3" "$_id" 2>&1); then
        fail "$_tcp" "$_out"
        return
    fi
    result "$_tcp"_seconds "$(awk "BEGIN { print $(uptime_s) - $_begin }")"
    intact "$_tcp" "$2" "$3" "$_file"
}

# intact NAME FROM TO FILE: what TO got is what FROM has.
intact() {
    _want=$(cat "/tmp/digest.$2.$4")
    _got=$(digest "$3" /tmp/got)
    if [ ${#_got} = 64 ] && [ "$_got" = "$_want" ]; then
        pass "$1"
    else
        fail "$1" "SHA-256 $_got, not $_want"
    fi
}

# udp_once NAME FROM TO ADDRESS RATE: the file by UDP; what came of it in $_out.
udp_once() {
    _id=$(guest start -t 300 "$3" "udpxfer recv /tmp/got 5001 60")
    wait_for 60 guest run "$3" "ss -lnu | grep -q :5001"
    _sent=$(guest run -t 300 "$2" "udpxfer send /tmp/data $4 5001 $5 1400")
    _out=$(guest wait -t 320 "$3" "$_id" 2>&1)
    _code=$?
    _out="$5 B/s: $_sent; $_out"
    result "$1" "$_out"
    return $_code
}

# udp NAME FROM TO ADDRESS: the same by UDP, nothing lost, nothing doubled. A
# receiver that a busy machine lets stand for long enough is saturated at any
# rate, so a lower one may be tried.
udp() {
    for _rate in "$UDP_RATE" $((UDP_RATE / 4)); do
        udp_once "$@" "$_rate" && break
    done
    if [ $_code = 0 ]; then
        pass "$1_without_loss"
    else
        fail "$1_without_loss" "$_out"
    fi
    intact "$1" "$2" "$3" data
}

# replies COMMAND...: the addresses that answered a ping, one per line.
replies() { guest run -t 30 a "$* 2>&1" | sed -n 's/.* from \([^ ]*\): .*/\1/p' |
    sort -u; }

# softnet: packets that dom0's kernel took in.
softnet() {
    while read -r count _; do echo $((0x$count)); done < /proc/net/softnet_stat |
        awk '{ n += $1 } END { print n }'
}

# grants NAME: entries in use of a guest's grant table.
grants() {
    _id=$(xl domid "$1")
    xl dmesg -c > /dev/null
    xl debug-keys g
    xl dmesg -c | tee -a "$OUT/grants.txt" |
        awk -v dom="d$_id" '
            /grant-table for remote / { on = index($0, "remote " dom " ") }
            on && /\[0x[0-9a-f]+\]/ { n++ }
            END { print n + 0 }'
}

guests_up a b c
for name in a b c; do
    guest run "$name" "sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0" \
        > /dev/null 2>&1
done
say "making $MB MB of random data in each of a and b"
for name in a b; do
    {
        guest run -t 120 $name "dd if=/dev/urandom of=/tmp/data bs=1M count=$MB" \
            > /dev/null 2>&1
        digest $name /tmp/data > /tmp/digest.$name.data
    } &
    eval "_made_$name=\$!"
done
wait "$_made_a" "$_made_b"
check data_is_random sh -c '! cmp -s /tmp/digest.a.data /tmp/digest.b.data &&
    grep -qE "^[0-9a-f]{64}$" /tmp/digest.a.data /tmp/digest.b.data'
guest run a "dd if=/tmp/data of=/tmp/some bs=1M count=$SOME_MB" > /dev/null 2>&1
digest a /tmp/some > /tmp/digest.a.some

say "pings of all sizes"
pings first_ping 1 10.0.0.2
guest run -t 200 a "for s in $(echo "$SIZES" | tr '\n' ' '); do
    ping -q -c 1 -W 5 -s \$s 10.0.0.2 > /dev/null || echo \$s; done" \
    > /tmp/unanswered
check pings_of_1_to_65000_bytes sh -c '! [ -s /tmp/unanswered ] ||
    { tr "\n" " " < /tmp/unanswered; false; }'

say "broadcast and multicast"
replies ping -c 3 10.0.0.255 > /tmp/answers
check broadcast_reaches_all sh -c 'cat /tmp/answers
    grep -qx 10.0.0.2 /tmp/answers && grep -qx 10.0.0.3 /tmp/answers'
replies ping -6 -c 3 ff02::1%eth0 > /tmp/answers
check multicast_reaches_all sh -c 'cat /tmp/answers
    grep -q fe00:2 /tmp/answers && grep -q fe00:3 /tmp/answers'

if [ "$NET" = hicamp ]; then
    for name in a b c; do
        check "guest_${name}_uses_hicamp" ours $name
    done
    upcalls=$(figure upcalls)
    grants_a=$(grants a)
fi
soft=$(softnet)

say "TCP, $MB MB each way"
tcp tcp_a_to_b a b 10.0.0.2
tcp tcp_b_to_a b a 10.0.0.1
say "UDP, $MB MB each way"
udp udp_a_to_b a b 10.0.0.2
udp udp_b_to_a b a 10.0.0.1
say "IPv6"
pings ipv6_ping 3 -6 fd00::98
pings ipv6_ping_of_65000_bytes 2 -6 -s 65000 fd00::98
tcp ipv6_tcp_a_to_b a b '[fd00::98]' some

if [ "$NET" = hicamp ]; then
    soft=$(($(softnet) - soft))
    result dom0_packets $soft
    check no_packet_through_dom0 test $soft -le $DOM0_SOFTNET_MAX
    check no_unicast_upcall test "$(figure upcalls)" = "$upcalls"
    set -- $(port_values "$(xl domid a).0" tx_bytes rx_bytes drop_queue \
        drop_malformed drop_header drop_frame drop_nomem)
    check port_counted_the_data test "$1" -gt $((MB * 2000000)) -a \
        "$2" -gt $((MB * 2000000))
    check nothing_was_refused test "$4$5$6$7" = 0000

    # Under load, no frame of the guest is granted that was not before.
    id=$(guest start -t 60 a "netperf -P 0 -H 10.0.0.2 -l 6 -- -m 65536")
    sleep 2
    check no_grant_under_load test "$(grants a)" = "$grants_a"
    result grants_of_a "$grants_a"
    guest wait -t 90 a "$id" > /dev/null
fi

# toggle: other ways to pace and to share the work, every second.
toggle() {
    while sleep 1; do
        for _set in "rx-event 125" "offload 4096" "rx-event-packets 2" \
            "tx-poll 100" "tx-poll-idle 20" "rx-event 1000" "offload 1" "rx-event 0" \
            "straight 65535" "offload 0" "tx-poll 1000" "straight 0" \
            "tx-poll-idle 200" \
            "offload 65536" "rx-event-packets 64" "straight 4096" "tx-poll 0"; do
            hicampctl param set $_set
        done
    done
}

if [ "$NET" = hicamp ]; then
    say "events held back, copies by idle CPUs, rings that are polled"
    hicampctl param set offload 4096
    hicampctl param set rx-event 125
    hicampctl param set tx-poll 10000
    hicampctl param set tx-poll-idle 100
    check pacing_is_set sh -c 'test "$(hicampctl param get rx-event)" = \
        "rx-event          125 us"'
    tcp paced_tcp_a_to_b a b 10.0.0.2 some
    tcp paced_tcp_b_to_a b a 10.0.0.1
    for name in a b; do
        set -- $(port_values "$(xl domid $name).0" idle_packets idle_ns \
            idle_yields events_held rx_packets tx_polls tx_idle_polls tx_idle_ns)
        result "idle_cpus_for_$name" \
            "$1 packets in $2 ns, $3 times called away; $4 events held; $5 in all; \
$7 of $6 looks, in $8 ns"
        check "idle_cpus_copy_for_$name" test "$1" -gt 0 -a "$2" -gt 0
        check "rings_are_polled_of_$name" test "$6" -gt 0
        check "idle_cpus_look_for_$name" test "$7" -gt 0 -a "$8" -gt 0
    done
    toggle &
    toggle=$!
    tcp tcp_while_pacing_changes a b 10.0.0.2 some
    kill $toggle
    wait $toggle 2> /dev/null
    hicampctl param set offload 0
    hicampctl param set rx-event 0
    hicampctl param set rx-event-packets 64
    hicampctl param set straight 4096
    hicampctl param set tx-poll 0
    hicampctl param set tx-poll-idle 0
fi

say "MTU 9000"
for name in a b c; do
    guest run $name "ip link set eth0 mtu 9000"
done
[ "$NET" = hicamp ] && set -- $(port_values "$(xl domid a).0" tx_packets)
pings mtu_9000 10 -i 0.2 -s 8972 10.0.0.2
if [ "$NET" = hicamp ]; then
    before=$1
    set -- $(port_values "$(xl domid a).0" tx_packets)
    check mtu_9000_does_not_fragment test $(($1 - before)) -lt 20

    b=$(xl domid b).0
    hicampctl port set "$b" --mtu 1500
    set -- $(port_values "$b" drop_mtu) 
    guest run a "ping -q -c 2 -W 1 -s 8972 10.0.0.2" > /dev/null
    set -- "$1" $(port_values "$b" drop_mtu)
    check port_mtu_is_enforced_and_counted test $(($2 - $1)) = 2
    pings small_packets_pass_a_small_mtu 2 -s 1400 10.0.0.2
    pings other_port_keeps_its_mtu 2 -s 8972 10.0.0.3
    hicampctl port set "$b" --mtu 9000
    pings mtu_may_be_raised_again 2 -s 8972 10.0.0.2
fi
tcp mtu_9000_tcp a b 10.0.0.2 some

if [ "$NET" = hicamp ]; then
    use > "$OUT/use.txt"
    for name in a b c; do
        guest destroy $name
    done
    no_zombies no_zombie_after_traffic
    nothing_left ports_lines_and_pins_are_gone
fi
