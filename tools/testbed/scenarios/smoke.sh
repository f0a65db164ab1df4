# SPDX-License-Identifier: GPL-2.0-only
# Two guests come up, reach each other, and move bulk data and requests.
NET=${NET:-stock}
export NET

for name in a b; do
    say "creating guest $name ($NET)"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check guests_reach_each_other guest run a ping -c 3 -W 5 10.0.0.2
check bulk_data_flows guest run -t 60 a netperf -P 0 -H 10.0.0.2 -l 2 \
    -t TCP_STREAM
result smoke_stream "$(echo "$_out" | awk 'NF >= 5 { print $5 }' | tail -n 1)"
check requests_are_answered guest run -t 60 a netperf -P 0 -H 10.0.0.2 -l 2 \
    -t TCP_RR
result smoke_rr "$(echo "$_out" | awk 'NF >= 6 { print $6 }' | tail -n 1)"
check exit_codes_come_back sh -c 'guest run a "exit 7"; [ $? = 7 ]'
check guests_power_off guest shutdown a
check guests_are_destroyed guest destroy b
