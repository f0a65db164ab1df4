# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# A guest without hicamp-netfront on a vif of hicamp is handed to stock netback:
# it has a network on the same bridge, with guests of ours. One with no driver at
# all waits for nothing, and neither does dom0.
NET=hicamp
SOON=${SOON:-60}        # seconds, on a busy machine; Linux would wait 300
BRIDGE=ovsbr0
export NET BRIDGE
. /payload/bin/hicamp.sh

# within SECONDS COMMAND: it succeeds, in time.
within() {
    _limit=$1
    shift
    _begin=$(uptime_s)
    timeout $((_limit * 8)) "$@" || return
    _took=$(awk "BEGIN { print $(uptime_s) - $_begin }")
    echo "took $_took s"
    awk "BEGIN { exit !($_took <= $_limit) }"
}

guest_log() { guest run "$1" dmesg; }

guests_up a
check guest_without_driver_boots within 200 guest create --driver none b
check stock_driver_does_not_wait within "$SOON" \
    guest run -t 320 b modprobe xen-netfront
B=$(xl domid b)
check dom0_says_where_it_went sh -c \
    "dmesg | grep 'vif$B.0: .*handed to xen-netback' | wc -l | grep -qx 1"
check stock_netback_has_it wait_for 30 sh -c \
    "readlink /sys/class/net/vif$B.0/device/driver | grep -q '/vif$'"
ip link show "vif$B.0" > "$OUT/log/stock-vif.txt"
check it_is_up grep -q '[<,]UP[,>]' "$OUT/log/stock-vif.txt"
check its_port_is_gone sh -c "! hicampctl port show $B.0"
check guest_has_the_stock_driver guest run -t 60 b net_up
check network_works_with_the_stock_driver guest run -t 60 b \
    ping -q -c 3 -W 5 10.0.0.1
for name in a b; do
    check "server_on_$name" echo_server $name 5100
done
check data_of_the_stock_driver_is_unharmed echoes b 10.0.0.1 5100 2048
check data_of_ours_is_unharmed echoes a 10.0.0.2 5100 2048

# Attached anew, with the right driver there first, it is ours.
check stock_device_is_detached within "$SOON" xl network-detach b 0
check wrong_driver_unloads guest run b rmmod xen-netfront
check right_driver_loads guest run b modprobe hicamp-netfront
check device_is_attached_anew within "$SOON" xl network-attach b \
    mac=00:16:3e:00:00:02 "bridge=$BRIDGE" script=vif-hicamp
check right_driver_takes_over guest run -t 60 b net_up hicamp
check network_works_with_the_right_driver guest run -t 60 b \
    ping -q -c 3 -W 5 10.0.0.1

# No driver at all, ever: creating and destroying does not wait for one.
check guest_that_loads_nothing_is_created within 200 \
    guest create --driver none c
check device_without_driver_is_detached within "$SOON" xl network-detach c 0
check guest_that_loads_nothing_is_destroyed within "$SOON" guest destroy c
check guest_is_destroyed within "$SOON" guest destroy b
no_zombies no_zombie_without_driver
