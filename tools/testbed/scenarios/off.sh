# SPDX-License-Identifier: GPL-2.0-only
# xen: hicamp=off
# The patched hypervisor, not told to use hicamp: it is as if hicamp were not
# there, everybody says so in a way that a person can act on, and stock
# networking works.
NET=stock
export NET

check hicampctl_fails_when_off sh -c '! hicampctl info > /tmp/said 2>&1'
check hicampctl_says_what_to_do grep -q 'hicamp=on' /tmp/said
check netback_does_not_load_when_off sh -c '! modprobe hicamp-netback'
dmesg > "$OUT/log/dom0-then.txt"
check netback_says_what_to_do grep -q 'hicamp-netback: .*hicamp=on' \
    "$OUT/log/dom0-then.txt"

for name in a b; do
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check stock_network_works guest run a ping -q -c 3 -W 5 10.0.0.2
check stock_network_moves_data guest run -t 60 a netperf -P 0 -H 10.0.0.2 -l 2
guest run a "modprobe hicamp_hostile groups=off; dmesg" > "$OUT/log/off.txt"
check no_operation_exists_when_off grep -q 'hostile: ok all_operations' \
    "$OUT/log/off.txt"
check no_operation_exists_for_dom0_when_off sh -c '! hicampctl port list'

check vif_of_hicamp_is_refused sh -c '
    ! timeout 100 guest create --net hicamp c > /tmp/said 2>&1'
cat /var/log/xen/xen-hotplug.log >> /tmp/said 2> /dev/null
xenstore-ls -f /local/domain/0/error >> /tmp/said 2> /dev/null
cp /tmp/said "$OUT/log/refused.txt"
check refusal_says_what_to_do grep -q 'hicamp=on' /tmp/said
