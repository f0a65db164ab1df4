# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091
# Guests with several vCPUs: each has a queue, flows spread over them, and
# nothing is lost or harmed when the number of queues, or of vCPUs, changes under
# traffic.
NET=hicamp
VCPUS=2
STREAMS=4
export NET VCPUS STREAMS
. /payload/bin/hicamp.sh

# queues NAME: of the guest's port, as Xen has it.
queues() { port_values "$(xl domid "$1").0" queues; }

# events NAME: of each queue of the guest, in one line.
events() {
    guest run "$1" "cat /proc/interrupts" |
        awk '$NF ~ /^eth0-q/ { n = 0; for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i
            printf "%s ", n }'
}

# each_has_more BEFORE AFTER: in every queue at least 20 events more?
each_has_more() {
    echo "$1; $2"
    # shellcheck disable=SC2086
    set -- $1 $2
    test $# = 4 && test $(($3 - $1)) -ge 20 && test $(($4 - $2)) -ge 20
}

# STREAMS connections of a at once, through which random data go to b's echo
# server; all come back as they were. Again and again, until /tmp/stop is there,
# with pauses in which others come to their turn on one CPU.
streams() {
    cat <<END
dd if=/dev/urandom of=/tmp/out bs=1k count=512 2> /dev/null
while :; do
    pids=
    for i in \$(seq $STREAMS); do
        { socat -t 60 - TCP:10.0.0.2:5100 < /tmp/out > /tmp/in.\$i
          cmp /tmp/out /tmp/in.\$i; } &
        pids="\$pids \$!"
    done
    for pid in \$pids; do wait \$pid || exit 1; done
    [ ! -e /tmp/stop ] || break
    sleep 0.3
done
END
}

# begin: such streams in the background; sets _streams.
begin() {
    guest run a "rm -f /tmp/stop"
    _streams=$(guest start -t 300 a "$(streams)")
    sleep 2
}

ended_well() {
    guest run a "touch /tmp/stop"
    guest wait -t 320 a "$_streams"
}

guests_up a b
check a_port_has_a_queue_for_each_vcpu test "$(queues a) $(queues b)" = "2 2"
check ethtool_says_so sh -c 'guest run a "ethtool -l eth0" | grep -c "Combined:.*2" |
    grep -qx 2'
guest run a "ethtool -L eth0 combined 3" > /dev/null 2>&1 &&
    fail not_more_than_vcpus "it took 3"
check echo_server_on_b echo_server b 5100

say "streams over all queues"
before=$(events b)
begin
check streams_come_back_unharmed ended_well
check each_queue_had_events each_has_more "$before" "$(events b)"
result events_of_b "$(events b)"

say "queues and vCPUs come and go under traffic"
begin
check one_queue guest run a "ethtool -L eth0 combined 1"
check xen_has_one test "$(queues a)" = 1
sleep 1
check two_again guest run a "ethtool -L eth0 combined 2"
check xen_has_two test "$(queues a)" = 2
check vcpu_goes xl vcpu-set --ignore-host a 1
sleep 2
check it_is_gone guest run a "grep -qx 0 /sys/devices/system/cpu/online"
check vcpu_comes xl vcpu-set --ignore-host a 2
sleep 1
check streams_are_unharmed_meanwhile ended_well

for name in a b; do
    guest destroy $name
done
no_zombies no_zombie_after_queues
nothing_left ports_lines_and_pins_are_gone
