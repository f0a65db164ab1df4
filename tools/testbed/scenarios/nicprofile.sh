# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# One guest, a driver domain with a NIC, and one netperf with the world beyond it, for
# eval/profile; see profile.sh.
# allow: sysfs_remove_group
# allow: Call Trace:$
# qemu: -device intel-iommu,intremap=on
# qemu: -netdev hubport,id=n0,hubid=0 -device e1000e,netdev=n0,mac=52:54:00:00:00:10,addr=0x10
# qemu: -netdev hubport,id=n1,hubid=0 -device e1000e,netdev=n1,mac=52:54:00:00:00:11,addr=0x11
# qemu: -drive file={image},format=raw,if=virtio,readonly=on
#
# Environment: NET=stock|hicamp  SECS=2  NETPERF="-t TCP_STREAM -- -m 65536"
NET=${NET:-stock}
SECS=${SECS:-2}
NETPERF=${NETPERF:--t TCP_STREAM -- -m 65536}
BRIDGE=ovsbr0
DD_VCPUS=1
export NET BRIDGE
. /payload/bin/nic.sh
. /payload/bin/netprofile.sh

check world_is_there nic_up || bail "no NIC for the world"
xl pci-assignable-add 00:10.0
dd=net0
check driver_domain_is_made driver_domain $dd || bail "no driver domain"
[ "$NET" != hicamp ] || hicampctl admin set "$(xl domid $dd)"
xl unpause $dd
check driver_domain_is_ready wait_for 120 in_dd true || bail "no driver domain"
check guest_becomes_ready guest create --mem 384 --vif "backend=$dd" a ||
    bail "no guest"
symbols_of driver-domain in_dd
profiled $WORLD
