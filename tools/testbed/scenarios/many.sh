# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# Eight guests, each of which talks to each other for a minute, while some are
# paused, some move between two cpupools, events are held back, and idle CPUs may
# copy and send for them: every byte comes back as it was.
#
# Environment: TALK_S=60 (seconds)
NET=hicamp
MEM=224
TALK_S=${TALK_S:-60}
export NET MEM
. /payload/bin/hicamp.sh

GUESTS="a b c d e f g h"

# talk NAME: random data go to the echo server of each other guest and back, for
# so long; prints how often.
talk() {
    cat <<END
now() { cut -d. -f1 /proc/uptime; }
dd if=/dev/urandom of=/tmp/out bs=1k count=200 2> /dev/null
end=\$((\$(now) + $TALK_S))
n=0
while [ \$(now) -lt \$end ]; do
    for i in 1 2 3 4 5 6 7 8; do
        ip -4 addr show eth0 | grep -q "10.0.0.\$i/" && continue
        socat -t 120 - TCP:10.0.0.\$i:5100 < /tmp/out > /tmp/in
        cmp /tmp/out /tmp/in || exit 1
        n=\$((n + 1))
    done
done
echo \$n
END
}

# shellcheck disable=SC2086  # names
guests_up $GUESTS
# Paused in between, a server takes longer for the rest than socat's half second.
for name in $GUESTS; do
    guest start -t 9000 "$name" \
        "socat -t 120 TCP-LISTEN:5100,reuseaddr,fork EXEC:cat" > /dev/null
    wait_for 20 guest run "$name" "ss -lnt | grep -q :5100"
done
hicampctl param set offload 4096
hicampctl param set tx-poll 1000
hicampctl param set tx-poll-idle 100
hicampctl param set rx-event 125

# Made before the traffic: with a debug build of Xen 4.17.5, also without hicamp,
# a CPU that leaves a pool under load panics in an assertion of credit2.
check cpu_1_leaves_the_pool xl cpupool-cpu-remove Pool-0 1
check second_pool_is_made xl cpupool-create \
    'name="second"' 'sched="credit2"' 'cpus=["1"]'

say "all talk to all"
talks=
for name in $GUESTS; do
    talks="$talks $name:$(guest start -t 900 "$name" "$(talk)")"
done

say "paused meanwhile"
for round in 1 2 3; do
    for name in a e; do
        check "${name}_is_paused_$round" xl pause $name
        sleep 2
        check "${name}_goes_on_$round" xl unpause $name
    done
done

say "moved between cpupools meanwhile"
for round in 1 2 3; do
    for name in b c f; do
        check "${name}_moves_away_$round" xl cpupool-migrate $name second
    done
    sleep 2
    for name in b c; do
        check "${name}_moves_back_$round" xl cpupool-migrate $name Pool-0
    done
    sleep 1
done

for entry in $talks; do
    name=${entry%%:*}
    if out=$(guest wait -t 900 "$name" "${entry#*:}" 2>&1) &&
        [ "${out:-0}" -ge 7 ] 2> /dev/null; then
        pass "all_came_back_to_$name"
        result "exchanges_of_$name" "$out"
    else
        fail "all_came_back_to_$name" "$out"
    fi
done
total=0
for name in $GUESTS; do
    set -- "$(port_values "$(xl domid "$name").0" idle_packets)"
    total=$((total + $1))
done
result idle_packets $total

hicampctl param set offload 0
hicampctl param set rx-event 0
hicampctl param set tx-poll 0
hicampctl param set tx-poll-idle 0
for name in $GUESTS; do
    guest destroy "$name"
done
no_zombies no_zombie_after_all
nothing_left nothing_is_left
