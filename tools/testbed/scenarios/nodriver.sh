# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# A guest without hicamp-netfront on a vif of hicamp: it has no network there,
# is told so at once and waits for nothing, and so is dom0.
NET=hicamp
SOON=${SOON:-60}        # seconds, on a busy machine; Linux would wait 300
export NET
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
guest_log b > "$OUT/log/guest-b-dmesg.txt"
check stock_driver_says_why_there_is_no_network \
    grep -q 'vif.*no queues' "$OUT/log/guest-b-dmesg.txt"
check guest_has_no_device_that_does_nothing \
    guest run b 'test ! -e /sys/class/net/eth0'
dmesg > "$OUT/log/dom0-then.txt"
B=$(xl domid b)
check dom0_says_that_the_guest_has_no_driver grep -q \
    "vif.*$B.*the guest's driver is not hicamp-netfront" "$OUT/log/dom0-then.txt"
check dom0_says_it_once sh -c \
    "[ \$(grep -c 'driver is not hicamp-netfront' $OUT/log/dom0-then.txt) = 1 ]"

# Linux's stock driver has forgotten the device; attached anew, with the right
# driver there first, it works.
check wrong_driver_unloads guest run b rmmod xen-netfront
check right_driver_loads guest run b modprobe hicamp-netfront
check useless_device_is_detached within "$SOON" xl network-detach b 0
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
