# SPDX-License-Identifier: GPL-2.0-only
# For the scenarios of eval/profile, sourced after lib.sh: what it needs beside the
# counts.

# symbols_of FILE COMMAND...: how modules lie in a domain, by a command that runs one there.
symbols_of() {
    _file=$OUT/symbols-$1
    shift
    "$@" "echo 0 > /proc/sys/kernel/kptr_restrict; grep -F [ /proc/kallsyms" > "$_file"
}

# profiled PEER: functions of dom0 and of guest a; then a's netperf with PEER, warmed
# up, for SECS, with the options NETPERF.
profiled() {
    echo 0 > /proc/sys/kernel/kptr_restrict
    cat /proc/kallsyms > "$OUT/symbols-dom0"
    symbols_of guest guest run a
    guest run -t 60 a "ping -q -c 2 $1; netperf -P 0 -H $1 -l 1 $NETPERF" > /dev/null
    case $NETPERF in
    *--*) _options="$NETPERF -k THROUGHPUT,ELAPSED_TIME";;
    *)    _options="$NETPERF -- -k THROUGHPUT,ELAPSED_TIME";;
    esac
    check netperf_ends guest run -t $((SECS + 60)) a \
        "netperf -P 0 -H $1 -l $SECS $_options"
    echo "$_out" > "$OUT/netperf.txt"
}
