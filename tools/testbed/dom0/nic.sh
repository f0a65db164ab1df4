# SPDX-License-Identifier: GPL-2.0-only
# For scenarios with a driver domain that has a NIC of its own, sourced after lib.sh:
# an emulated e1000e, passed on by an emulated IOMMU, wired to a second one, which
# dom0 gives to a namespace that plays the outside world.  $dd names the domain.

WORLD=10.0.0.100

# nic_up: what dom0 needs before it makes a driver domain, and the world. QEMU's e1000e
# cuts what it is to segment into IP fragments, which nobody can put together but the
# last receiver: so the world segments by itself.
nic_up() {
    for _module in hicamp_netback xen_netback; do
        [ ! -d "/sys/module/$_module" ] || rmmod "$_module" || return
    done
    modprobe xen-blkback && modprobe xen-pciback || return
    modprobe e1000e && ip netns add world &&
        ip link set "$(grep -l 52:54:00:00:00:11 /sys/class/net/*/address |
            cut -d/ -f5)" netns world name w0 &&
        world ip link set lo up && world ip addr add $WORLD/24 dev w0 &&
        world ethtool -K w0 tso off && world ip link set w0 up &&
        world netserver -4 > /dev/null
}

world() { ip netns exec world "$@"; }

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
