# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What it costs to send to a NIC of dom0's, with payload copied and with payload shown
# in the uplink's window, in turns; on the cost clock, 2 ns are an instruction. The
# world and its NIC are dom0's, too, and the same in both.
#
#   testbed run windowload --xen release --clock cost
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11
#
# Environment: SECONDS_EACH=4  PLACES="0 256 1024"
SECONDS_EACH=${SECONDS_EACH:-4}
PLACES=${PLACES:-0 256 1024}
NET=hicamp
BRIDGE=ovsbr0
export NET BRIDGE
. /payload/bin/hicamp.sh
. /payload/bin/nic.sh

# load NAME ARGUMENTS...: one netperf stream; prints its rate, and what guest and dom0
# spent for 64 KB of it.
load() {
    _name=$1
    shift
    guest run -t 120 a "netperf -P 0 -H $WORLD -l 1 $*" > /dev/null
    _a=$(cpu_ns a) _dom0=$(cpu_ns 0)
    guest run -t 120 a "netperf -P 0 -H $WORLD -l $SECONDS_EACH $*" > "$OUT/netperf.txt"
    _mbit=$(awk 'NF == 5 { v = $5 } END { print v }' "$OUT/netperf.txt")
    result "$_name" "$_mbit"
    result "${_name}_instructions" "$(awk -v mbit="$_mbit" -v s="$SECONDS_EACH" \
        -v a=$(($(cpu_ns a) - _a)) -v d=$(($(cpu_ns 0) - _dom0)) 'BEGIN {
        n = mbit * 1e6 / 8 / 65536 * s
        printf "guest %d dom0 %d\n", a / 2 / n, d / 2 / n }')"
}

check world_is_there world_up || bail "no second NIC"
world netserver -4 > /dev/null
NIC=$(nic_of 52:54:00:00:00:10)
check uplink_is_made uplink_up 0 || bail "no uplink"
guests_up a
for round in 1 2; do
    for places in $PLACES; do
        hicampctl uplink del "$NIC"
        check "uplink_${places}_$round" uplink_up "$places"
        check "world_is_reached_${places}_$round" wait_for 20 \
            guest run -t 60 a "ping -q -c 5 -i 0.2 -W 10 $WORLD"
        load "sent_${places}_$round" -- -m 65536
        result "shown_${places}_$round" "$(port_up rx_shown rx_packets | tr '\n' ' ')"
    done
done
