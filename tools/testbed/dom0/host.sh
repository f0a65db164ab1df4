# SPDX-License-Identifier: GPL-2.0-only
# What dom0's init and a driver domain's have in common. Sourced.

# host_mounts: file systems, folders and links that udev and systemd would make.
host_mounts() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    # Xen's locking.sh spins for ever without /dev/stdin.
    ln -sfn /proc/self/fd /dev/fd
    ln -sfn fd/0 /dev/stdin
    ln -sfn fd/1 /dev/stdout
    ln -sfn fd/2 /dev/stderr
    mount -t tmpfs tmpfs /dev/shm
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /tmp
    mkdir -p /run/lock /run/xen /run/xenstored /run/openvswitch /run/guest \
        /var/log/openvswitch /var/log/xen /results /var/lib/xen
    mount -o remount,rw / 2>/dev/null
}

install_payload() {
    cp /payload/hotplug/* /etc/xen/scripts/ 2>/dev/null
    chmod +x /etc/xen/scripts/*
    if [ -d /payload/modules/lib ]; then
        cp -r /payload/modules/lib/modules/. /lib/modules/
    fi
}

# xen_drivers: fails if this is not Xen.
xen_drivers() {
    mount -t xenfs xenfs /proc/xen || return
    for _module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd; do
        modprobe $_module || say "cannot load $_module"
    done
}

# net_drivers: $hicamp says what became of ours.
net_drivers() {
    # Ours first: whoever registers first is offered each vif first.
    if [ -d /payload/modules/lib ]; then
        if modprobe hicamp-netback; then
            hicamp=loaded
        else
            hicamp="not loaded (the hypervisor may lack it)"
        fi
    fi
    modprobe xen-netback || say "cannot load xen-netback"
}

start_ovs() {
    # Started within 10 s of boot, it would cache a count of zero CPUs.
    while [ "$(cut -d. -f1 /proc/uptime)" -lt 11 ]; do sleep 0.2; done
    modprobe openvswitch || return
    ovsdb-tool create /run/openvswitch/conf.db \
        /usr/share/openvswitch/vswitch.ovsschema &&
    ovsdb-server --detach --no-chdir --pidfile --log-file \
        --remote=punix:/run/openvswitch/db.sock /run/openvswitch/conf.db &&
    ovs-vsctl --no-wait init &&
    { [ -z "$OFFLOAD" ] || ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:hw-offload=true other_config:tc-policy=none; } &&
    ovs-vswitchd --detach --no-chdir --pidfile --log-file &&
    ovs-vsctl --timeout=30 add-br ovsbr0 &&
    ip link set ovsbr0 up
}
