# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What a driver domain spends for a guest's traffic with the world, where the NIC and
# Open vSwitch are all that it has: on the cost clock, 2 ns are an instruction, its
# share of Xen's included. The world and its NIC are dom0's, so nothing has to be
# subtracted.
#
#   testbed run nicload --xen stock   --clock cost --env NET=stock
#   testbed run nicload --xen release --clock cost --env NET=hicamp
# allow: sysfs_remove_group
# allow: Call Trace:$
# qemu: -device intel-iommu,intremap=on
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10,addr=0x10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11,addr=0x11
# qemu: -drive file={image},format=raw,if=virtio,readonly=on
#
# Environment: NET=hicamp|stock  SECONDS_EACH=4
NET=${NET:-hicamp}
SECONDS_EACH=${SECONDS_EACH:-4}
BRIDGE=ovsbr0
DD_VCPUS=1
export NET BRIDGE
. /payload/bin/hicamp.sh
. /payload/bin/nic.sh

# spent COMMAND: run it; sets dd_ns and world_ns to what the driver domain and dom0
# spent meanwhile.
spent() {
    _dd=$(cpu_ns "$dd")
    _world=$(cpu_ns 0)
    "$@" > "$OUT/netperf.txt" || return
    dd_ns=$(($(cpu_ns "$dd") - _dd))
    world_ns=$(($(cpu_ns 0) - _world))
}

# per NAME UNIT RATE NS IDLE_NS: print what of NS was spent for each UNIT, of which
# there were RATE a second.
per() {
    result "${1}_instructions_per_$2" "$(awk -v n="$3" -v ns="$4" -v idle="$5" \
        -v s="$SECONDS_EACH" 'BEGIN { printf "%d\n", (ns - idle) / 2 / (n * s) }')"
}

# load NAME FIELD UNIT ARGUMENTS...: one netperf from a; prints the figure that
# stands in so many-th field, what was spent for each UNIT of it by the driver domain
# and by the world, and what the figure would be if that were nothing.
load() {
    _name=$1 _field=$2 _unit=$3
    shift 3
    check "$_name"_runs guest run -t 120 a "netperf -P 0 -H $WORLD -l 1 $*" || return
    spent guest run -t 120 a "netperf -P 0 -H $WORLD -l $SECONDS_EACH $*"
    _value=$(awk -v f="$_field" 'NF >= f { v = $f } END { print v }' "$OUT/netperf.txt")
    _rate=$(awk -v v="$_value" -v unit="$_unit" \
        'BEGIN { print unit == "64KB" ? v * 1e6 / 8 / 65536 : v }')
    result "$_name" "$_value"
    per "$_name" "$_unit" "$_rate" "$dd_ns" "$idle_dd_ns"
    per "${_name}_world" "$_unit" "$_rate" "$world_ns" "$idle_world_ns"
    result "${_name}_without_world" "$(awk -v ns="$((world_ns - idle_world_ns))" \
        -v s="$SECONDS_EACH" -v v="$_value" \
        'BEGIN { printf "%.1f\n", v / (1 - ns / 1e9 / s) }')"
}

check world_is_there nic_up || bail "no NIC for the world"
check nic_can_be_passed_on xl pci-assignable-add 00:10.0
dd=net0
check driver_domain_is_made driver_domain $dd || bail "no driver domain"
if [ "$NET" = hicamp ]; then
    check it_may_administer hicampctl admin set "$(xl domid $dd)"
fi
check it_begins xl unpause $dd
check driver_domain_is_ready wait_for 120 in_dd true || bail "no driver domain"
check guest_becomes_ready guest create --mem 384 --vif "backend=$dd" a ||
    bail "no guest"
check world_is_reached guest run -t 60 a "ping -q -c 5 -i 0.2 -W 10 $WORLD"
sleep 2
# What dom0 does to have a command run is not the world's.
spent guest run -t 60 a "sleep $SECONDS_EACH"
idle_dd_ns=$dd_ns
idle_world_ns=$world_ns
result idle_ns "driver domain $idle_dd_ns, dom0 $idle_world_ns"

load sent 5 64KB "-- -m 65536"
load received 5 64KB "-t TCP_MAERTS -- -m 65536"
load requests 6 request "-t TCP_RR"

# Datagrams: the world sends, and the last field of what it prints is what a got.
spent world netperf -P 0 -H 10.0.0.1 -t UDP_STREAM -l "$SECONDS_EACH" -- -m 1400
_value=$(awk 'NF == 4 { v = $4 } END { print v }' "$OUT/netperf.txt")
result datagrams "$_value of $(awk 'NF == 6 { print $6 }' "$OUT/netperf.txt") sent"
per datagrams datagram "$(awk -v v="$_value" 'BEGIN { print v * 1e6 / 8 / 1400 }')" \
    "$dd_ns" "$idle_dd_ns"
check driver_domain_is_still_there in_dd true
