# SPDX-License-Identifier: GPL-2.0-only
# For scenarios with a NIC, sourced after lib.sh: an emulated e1000e, wired to a second
# one, which dom0 gives to a namespace that plays the outside world. Either the first is
# an uplink of dom0's ($NIC), or a driver domain of its own ($dd) has it, passed on by an
# emulated IOMMU.

WORLD=10.0.0.100

nic_of() { grep -l "$1" /sys/class/net/*/address | cut -d/ -f5; }
world() { ip netns exec world "$@"; }

# world_up: the second NIC is the world's.
world_up() {
    modprobe e1000e && ip netns add world &&
        ip link set "$(nic_of 52:54:00:00:00:11)" netns world name w0 &&
        world ip link set lo up && world ip addr add $WORLD/24 dev w0 &&
        world ip link set w0 up
}

# uplink_up [PLACES]: the first NIC's uplink is in the bridge, with such a window.
uplink_up() {
    echo "${1:-0}" > /sys/module/hicamp_netfront/parameters/uplink_window
    hicampctl uplink add "$NIC" &&
        ovs-vsctl --timeout=20 --may-exist add-port ovsbr0 hicamp-up0
}

# port_up NAME...: values of the uplink's port.
port_up() { port_values 0.32768 "$@"; }

# nic_up: what dom0 needs before it makes a driver domain, and the world. QEMU's e1000e
# cuts what it is to segment into IP fragments, which nobody can put together but the
# last receiver: so the world segments by itself.
nic_up() {
    for _module in hicamp_netback xen_netback; do
        [ ! -d "/sys/module/$_module" ] || rmmod "$_module" || return
    done
    modprobe xen-blkback && modprobe xen-pciback || return
    world_up && world ethtool -K w0 tso off && world netserver -4 > /dev/null
}

# driver_domain NAME: make one, paused: it has to be told first that it may.
driver_domain() {
    guest create --net none --mem 512 --vcpus "${DD_VCPUS:-2}" --paused \
        --ramdisk /payload/guest/driver-domain \
        --cfg "disk = [ 'phy:/dev/vdd,xvda,r', 'phy:/dev/vdb,xvdb,r' ]" \
        --cfg 'driver_domain = 1' --cfg "pci = [ '00:10.0' ]" \
        --extra "driver-domain nic=52:54:00:00:00:10" "$1"
}

# in_dd COMMAND: run it in the driver domain of this round.
in_dd() { guest run "$dd" "$@"; }
