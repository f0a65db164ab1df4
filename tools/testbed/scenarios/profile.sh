# SPDX-License-Identifier: GPL-2.0-only
# One pair of guests and one netperf, for eval/profile, which counts the
# instructions of the whole run and subtracts a shorter one. What it needs beside
# the counts: the addresses of functions, and how much was transferred.
#
# Environment: NET=stock|hicamp  SECS=2  NETPERF="-t TCP_STREAM -- -m 65536"
NET=${NET:-stock}
SECS=${SECS:-2}
NETPERF=${NETPERF:--t TCP_STREAM -- -m 65536}
export NET

for name in a b; do
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
echo 0 > /proc/sys/kernel/kptr_restrict
cat /proc/kallsyms > "$OUT/symbols-dom0"
guest run a "echo 0 > /proc/sys/kernel/kptr_restrict
    grep -F [ /proc/kallsyms" > "$OUT/symbols-guest"
guest run -t 60 a "ping -q -c 2 10.0.0.2; netperf -P 0 -H 10.0.0.2 -l 1 $NETPERF" \
    > /dev/null
case $NETPERF in
*--*) NETPERF="$NETPERF -k THROUGHPUT,ELAPSED_TIME";;
*)    NETPERF="$NETPERF -- -k THROUGHPUT,ELAPSED_TIME";;
esac
check netperf_ends guest run -t $((SECS + 60)) a \
    "netperf -P 0 -H 10.0.0.2 -l $SECS $NETPERF"
echo "$_out" > "$OUT/netperf.txt"
