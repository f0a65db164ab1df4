# SPDX-License-Identifier: GPL-2.0-only
# One pair of guests, netperf in its usual forms. For each test one line
#   bench NET TEST THROUGHPUT UNIT ELAPSED_S DOM0_S A_S B_S IDLE_S
# goes to bench.tsv (tab-separated): CPU seconds of dom0, of the guests, and of
# idle CPUs, over the middle of the test (ELAPSED_S seconds).
#
# Environment: NET=stock|hicamp  SECS=2 (2 or more)
#              LOOPBACK=1 (also inside guest a)
#              TESTS="stream64k stream1k rr udp1400"
NET=${NET:-stock}
SECS=${SECS:-2}
TESTS=${TESTS:-stream64k stream1k rr udp1400}
export NET
BENCH=$OUT/bench.tsv

# options TEST: netperf's own options, and after them its test's.
options() {
    case $1 in
    stream64k) echo "-t TCP_STREAM -- -m 65536";;
    stream16k) echo "-t TCP_STREAM -- -m 16384";;
    stream1k)  echo "-t TCP_STREAM -- -m 1024";;
    rr)        echo "-t TCP_RR -- -r 1,1";;
    udp1400)   echo "-t UDP_STREAM -- -m 1400 -R 1";;
    *)         bail "no such test: $1";;
    esac
}

# figure TEST: read netperf's output, print throughput and unit. UDP's two
# figures (sent on the first line, received on the second): received counts.
figure() {
    case $1 in
    rr)  awk 'NF == 6 { v = $6 } END { if (v != "") print v, "/s" }';;
    udp*) awk 'NF == 4 { v = $4 } END { if (v != "") print v, "Mb/s" }';;
    *)   awk 'NF == 5 { v = $5 } END { if (v != "") print v, "Mb/s" }';;
    esac
}

# measure NET TEST HOST: CPU times are taken in the middle of the test, while
# dom0 itself sleeps, so that starting and collecting it does not count.
measure() {
    say "bench $1 $2"
    rm -f /run/bench-go
    domcpu /run/bench-go 400 $((SECS * 1000 - 800)) 1000 > /run/bench-cpu &
    sampler=$!
    id=$(guest start -t $((SECS + 60)) a "netperf -P 0 -H $3 -l $SECS \
        $(options "$2") 2>&1")
    : > /run/bench-go
    wait $sampler
    if ! raw=$(guest wait -t $((SECS + 90)) a "$id" 2>&1); then
        fail "bench_$1_$2" "$(echo "$raw" | tail -n 2 | tr '\n' ' ')"
        return
    fi
    echo "$raw" > "$OUT/netperf-$1-$2.txt"
    value=$(echo "$raw" | figure "$2")
    if [ -z "$value" ]; then
        fail "bench_$1_$2" "cannot read netperf's output: $raw"
        return
    fi
    awk -v net="$1" -v test="$2" -v value="$value" -v a="$A" -v b="$B" '
        BEGIN { OFS = "\t" }
        { t[$1] = $2 / 1e9 }
        END {
            split(value, v, " ")
            print "bench", net, test, v[1], v[2], t["clock"], t[0], t[a], t[b],
                  t["idle"]
        }' /run/bench-cpu >> "$BENCH"
    tail -n 1 "$BENCH" | sed 's/^/## /'
    result "$1_$2" "$value"
    pass "bench_$1_$2"
}

for name in a b; do
    say "creating guest $name ($NET)"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
A=$(xl domid a)
B=$(xl domid b)

say "warming up"
guest run a "ping -c 2 10.0.0.2; netperf -P 0 -H 10.0.0.2 -l 1 -- -m 65536" \
    > "$OUT/warmup.txt" 2>&1
for t in $TESTS; do
    measure "$NET" "$t" 10.0.0.2
done
if [ "${LOOPBACK:-0}" = 1 ]; then
    guest run a "netperf -P 0 -H 127.0.0.1 -l 1" > /dev/null 2>&1
    for t in $TESTS; do
        measure loopback "$t" 127.0.0.1
    done
fi
