# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What guests send to the world is shown to the NIC's driver instead of copied: an
# e1000e with real DMA, and a second one as the world, as in uplink. Bytes arrive
# as they were, also while somebody looks; senders, uplink and NIC go under traffic;
# and nothing stays behind.
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11
NET=hicamp
BRIDGE=ovsbr0
export NET BRIDGE
. /payload/bin/hicamp.sh
. /payload/bin/nic.sh

UNLOAD='cd /sys/bus/xen/drivers/hicamp_vif && for dev in vif-*; do
    echo "$dev" > unbind; done; rmmod hicamp_netfront'

rings() { ethtool -S hicamp-rings0 | awk -v n="$1:" '$1 == n { print $2 }'; }
pings() { guest run -t 60 "$1" "ping -q -c 5 -i 0.2 -W 10 $2"; }

# both_ways KB: so many random bytes go both ways by TCP, unharmed.
both_ways() {
    guest run -t 180 a "dd if=/dev/urandom of=/tmp/out bs=1k count=$1 \
        2> /dev/null; socat -b 65536 -t 60 - TCP:$WORLD:5200 < /tmp/out > /tmp/in
        cmp /tmp/out /tmp/in && test -s /tmp/in"
}

# flood SECONDS GUEST: a stream to the world in the background; sets _flood.
flood() {
    _flood=$(guest start -t $(($1 + 60)) "$2" \
        "netperf -P 0 -H $WORLD -l $1 -- -m 65536")
    wait_for 20 flooding
}

# flooding: is more and more shown?
flooding() {
    set -- $(port_up rx_shown)
    sleep 0.5
    test "$(port_up rx_shown)" -gt $(($1 + 5))
}

calm() {
    guest run "$1" "killall netperf" > /dev/null 2>&1
    guest wait -t 90 "$1" "$_flood" > /dev/null 2>&1
}

# nothing_shown: no packet of the window is under way.
nothing_shown() {
    test "$(hicampctl port list --json | python3 -c '
import json, sys
print(sum(port["borrowed"] for port in json.load(sys.stdin)["ports"]))')" = 0
}

# tap FILE: what the NIC sends to the echo server, read from a packet socket, which
# has a copy of each packet; every stretch of the stream has to be what FILE says.
cat > /tmp/tap.py <<'PY'
import socket, struct, sys, time
nic, name = sys.argv[1:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
s.bind((nic, 3))
s.settimeout(1)
first, seen, end = None, {}, time.time() + 60
print("looks", flush=True)
while time.time() < end:
    try:
        data, addr = s.recvfrom(1 << 17)
    except socket.timeout:
        if seen:
            break
        continue
    if addr[2] != 4 or data[12:14] != b"\x08\x00" or data[23] != 6:
        continue
    tcp = 14 + (data[14] & 15) * 4
    port, seq = struct.unpack(">2xHL", data[tcp:tcp + 8])
    if port != 5200:
        continue
    if data[tcp + 13] & 2:
        first = seq + 1
        continue
    payload = data[tcp + (data[tcp + 12] >> 4) * 4:14 + struct.unpack(
        ">H", data[16:18])[0]]
    if payload and first is not None:
        seen[(seq - first) & 0xffffffff] = payload
want = open(name, "rb").read()
wrong = sum(want[at:at + len(p)] != p for at, p in seen.items())
print(len(seen), "pieces", max(map(len, seen.values()), default=0), "longest",
      sum(map(len, seen.values())), "bytes", wrong, "wrong")
PY

check world_is_there world_up || bail "no second NIC"
NIC=$(nic_of 52:54:00:00:00:10)
# How large packets are depends on the clock; these tests want all to be shown.
echo 2048 > /sys/module/hicamp_netfront/parameters/uplink_window_min
check uplink_is_made uplink_up 512 || bail "no uplink"
guests_up a b
world socat TCP-LISTEN:5200,reuseaddr,fork EXEC:cat &
_echo=$!
world netserver -4 > /dev/null
check guest_reaches_the_world pings a $WORLD
check other_guest_reaches_the_world pings b $WORLD

say "bytes"
check tcp_comes_back_unharmed both_ways 8192
result shown "$(port_up rx_shown) $(rings rx_shown)"
check payload_was_shown test "$(port_up rx_shown)" -gt 50
check driver_counts_the_same test "$(port_up rx_shown)" = "$(rings rx_shown)"
check nothing_is_lost test "$(port_up shown_lost)" = 0
check it_comes_back wait_for 5 nothing_shown

say "somebody looks"
# 2 MB that both can make.
seq 310000 > /tmp/out
guest run a "seq 310000 > /tmp/out"
before=$(port_up rx_shown)
python3 /tmp/tap.py "$NIC" /tmp/out > "$OUT/tap.txt" &
_tap=$!
wait_for 5 grep -q looks "$OUT/tap.txt"
check stream_with_a_tap guest run -t 120 a \
    "socat -b 65536 -t 60 - TCP:$WORLD:5200 < /tmp/out > /tmp/in; cmp /tmp/out /tmp/in"
wait $_tap
result tap "$(tail -1 "$OUT/tap.txt")"
check payload_was_shown_then_too test "$(port_up rx_shown)" -gt $((before + 10))
check tap_reads_what_was_sent sh -c "awk '/wrong/ { ok = \$1 > 10 && \$3 > 4000 &&
    \$7 == 0 } END { exit !ok }' $OUT/tap.txt"

# Flows come and go with the traffic.
use | grep -v flows > /tmp/use.before
held() { use | grep -v flows > /tmp/use.now; diff /tmp/use.before /tmp/use.now; }

say "the sender's driver goes under traffic"
flood 60 a
check netfront_unloads guest run -t 60 a "$UNLOAD"
set -- $(port_values "$(xl domid a).0" runs frames queues borrowed)
check it_leaves_nothing test "$*" = "0 0 0 0"
check netfront_loads_again guest run -t 60 a net_up
calm a
check guest_reaches_the_world_after_it wait_for 20 pings a $WORLD
check use_returns_after_it wait_for 10 held

say "a sender is destroyed under traffic"
flood 60 b
check sender_is_destroyed xl destroy b
no_zombies no_zombie
check bytes_of_the_other_are_unharmed both_ways 2048
guests_up b
check guest_b_reaches_the_world wait_for 20 pings b $WORLD

say "the NIC loses its link under traffic, and the uplink goes"
flood 30 a
ip link set "$NIC" down
check it_comes_back_without_a_link wait_for 20 nothing_shown
ip link set "$NIC" up
wait_for 20 grep -qx 1 /sys/class/net/hicamp-up0/carrier
check stream_goes_on wait_for 30 flooding
check uplink_is_deleted hicampctl uplink del "$NIC"
calm a
check it_comes_back_without_an_uplink wait_for 5 nothing_shown
check uplink_with_all_places uplink_up 1024
check world_is_back wait_for 20 pings a $WORLD
check bytes_are_unharmed both_ways 2048
check all_places_serve test "$(port_up rx_shown)" -gt 10
check uplink_is_deleted_again hicampctl uplink del "$NIC"
check uplink_without_window uplink_up 0
check world_is_back_again wait_for 20 pings a $WORLD
check bytes_are_copied both_ways 1024
check none_is_shown test "$(port_up rx_shown)" = 0

say "the NIC's driver goes under traffic"
hicampctl uplink del "$NIC"
check uplink_with_a_window uplink_up 256
check world_is_back_once_more wait_for 20 pings a $WORLD
flood 30 a
check nics_driver_unloads sh -c "kill $_echo; ip netns del world; sleep 1; rmmod e1000e"
check uplink_goes_with_its_nic wait_for 10 test ! -e /sys/class/net/hicamp-up0
calm a
check it_comes_back_without_a_nic wait_for 5 nothing_shown
check guests_talk pings a 10.0.0.2
xl destroy a
xl destroy b
no_zombies no_zombie_at_the_end
