# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046  # figures are words
# For scenarios on a hypervisor with hicamp, sourced after lib.sh. Needs NET to
# be exported. Guests meet in a broadcast domain with static flows, unless BRIDGE
# names another: who tests what the hypervisor does wants nothing else in between.
export BRIDGE=${BRIDGE:-hicamp0}

# figure PATH...: print values of "hicampctl info", such as pins or lines.used.
figure() {
    hicampctl info --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
for path in sys.argv[1:]:
    value = info
    for key in path.split("."):
        value = value[key]
    print(value)' "$@"
}

# port_values DOMID.DEVID NAME...: print values of a port; NAME is a counter, or
# queued, borrowed, runs, frames, queues, port (its id).
port_values() {
    hicampctl port show "$1" --json | python3 -c '
import json, sys
port = json.load(sys.stdin)
for name in sys.argv[2:]:
    print(port["counters"].get(name, port.get(name)))' "$@"
}

# use: print what the host has in use, one "NAME VALUE" per line: what has to
# be the same before and after whatever happened to guests that are gone, and
# to those that are still there and quiet.
use() {
    hicampctl port list --json > /tmp/ports.json
    hicampctl info --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
ports = json.load(open("/tmp/ports.json"))["ports"]
print("ports", info["ports"])
print("flows", info["flows"])
print("lines", info["lines"]["used"])
# Receive pools grow and shrink with the traffic: what they hold is left out.
pools = {port["domid"]: port["frames"] for port in ports}
print("other_pins", info["pins"] - sum(pools.values()))
print("queued", sum(port["queued"] for port in ports))
print("borrowed", sum(port["borrowed"] for port in ports))'
    echo "domains $(xl list | tail -n +2 | wc -l)"
    echo "representors $(grep -c '^ *vif' /proc/net/dev)"
}

# use_is FILE: does use print again what stands in FILE?
use_is() { use > /tmp/use.now; diff "$1" /tmp/use.now; }

# same_use NAME FILE: a promise: the host comes back to what FILE says.
same_use() {
    if wait_for 10 use_is "$2"; then
        pass "$1"
    else
        fail "$1" "$(use_is "$2" | grep '^[<>]' | tr '\n' ' ')"
    fi
}

# zombies: print domains that are dying or have no name.
zombies() {
    xl list | awk 'NR > 1 && ($1 == "(null)" || $5 ~ /d/) { print $1, $2 }'
}

no_zombie() { test -z "$(zombies)"; }

# no_zombies NAME: a promise, kept within 10 s.
no_zombies() {
    if wait_for 10 no_zombie; then
        pass "$1"
    else
        fail "$1" "$(zombies | tr '\n' ' ')"
    fi
}

# nothing_left NAME: a promise, once guests are gone: without its back end, whose
# fabric is a port with pages of its own, the hypervisor holds nothing.
nothing_left() {
    rmmod hicamp_netback
    check "$1" sh -c '[ "$*" = "0 0 0 0" ] || { echo "$*"; false; }' - \
        $(figure ports flows lines.used pins)
}

# guests_up NAME...: create guests with NET, MEM MB (384) and VCPUS (1), one after the
# other: at once is no faster on two CPUs.
guests_up() {
    for _name in "$@"; do
        check "guest_${_name}_becomes_ready" guest create --mem "${MEM:-384}" \
            --vcpus "${VCPUS:-1}" \
            --ip6 "fd00::$(printf %d "'$_name")/64" "$_name" ||
            bail "no guests"
    done
}

# echo_server GUEST PORT: it sends back what TCP connections bring there.
echo_server() {
    guest start -t 9000 "$1" "socat TCP-LISTEN:$2,reuseaddr,fork EXEC:cat" \
        > /dev/null
    wait_for 20 guest run "$1" "ss -lnt | grep -q :$2"
}

# echoes FROM ADDRESS PORT KB: so many random KB go to an echo server and come
# back as they were.
echoes() {
    guest run -t 120 "$1" "dd if=/dev/urandom of=/tmp/out bs=1k count=$4 \
        2> /dev/null; socat -t 60 - TCP:$2:$3 < /tmp/out > /tmp/in
        cmp /tmp/out /tmp/in && test -s /tmp/in"
}

# ours NAME: does the guest's eth0 belong to hicamp-netfront?
ours() {
    guest run "$1" readlink /sys/class/net/eth0/device/driver |
        grep -q hicamp_vif
}
