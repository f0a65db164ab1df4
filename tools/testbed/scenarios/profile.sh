# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# One pair of guests and one netperf, for eval/profile, which counts the
# instructions of the whole run and subtracts a shorter one. What it needs beside
# the counts: the addresses of functions, and how much was transferred.
#
# Environment: NET=stock|hicamp  SECS=2  NETPERF="-t TCP_STREAM -- -m 65536"
#   PEER=10.0.0.2 (the other guest) or 10.0.0.99: the world, a network namespace
#   behind a port of the bridge (stock) or an uplink (hicamp)
NET=${NET:-stock}
PEER=${PEER:-10.0.0.2}
SECS=${SECS:-2}
NETPERF=${NETPERF:--t TCP_STREAM -- -m 65536}
export NET
. /payload/bin/netprofile.sh

for name in a b; do
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
if [ "$PEER" = 10.0.0.99 ]; then
    ip netns add world
    ip link add ext0 type veth peer name eth0 netns world
    ip -n world addr add $PEER/24 dev eth0
    ip -n world link set eth0 up
    ip link set ext0 up
    port=ext0
    if [ "$NET" = hicamp ]; then
        check uplink_is_added hicampctl uplink add ext0
        port=hicamp-up0
    fi
    ovs-vsctl --timeout=20 add-port ovsbr0 $port
    ip netns exec world netserver > /dev/null
fi
profiled "$PEER"
