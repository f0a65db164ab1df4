# SPDX-License-Identifier: GPL-2.0-only
# For scenarios, sourced by dom0's init. A scenario is a shell script that runs
# in dom0. It says how it goes with:
#
#   say TEXT            progress, shown live on the host
#   pass NAME           a promise was kept
#   fail NAME WHY...    it was not (the scenario goes on)
#   bail WHY...         nothing more can be learnt: fail and end
#   result KEY VALUE    a figure, kept in results.tsv
#   check NAME COMMAND  pass when the command succeeds, else fail; its output
#                       stays in $_out
#
# and drives guests with "guest" (see guest --help).

TAP=$OUT/results.tap
TSV=$OUT/results.tsv
mkdir -p "$OUT/log"
: >> "$TAP"
: >> "$TSV"

say() { echo "## dom0 $(cut -d' ' -f1 /proc/uptime) $*"; }

pass() {
    echo "ok - $1" >> "$TAP"
    say "ok - $1"
}

fail() {
    _name=$1
    shift
    echo "not ok - $_name # $*" >> "$TAP"
    say "not ok - $_name # $*"
}

bail() {
    fail scenario "$*"
    exit 1
}

result() {
    printf '%s\t%s\n' "$1" "$2" >> "$TSV"
    say "result $1 $2"
}

check() {
    _check=$1
    shift
    if _out=$("$@" 2>&1); then
        pass "$_check"
    else
        _code=$?
        echo "$_out" > "$OUT/log/$_check.txt"
        # The first lines tell the cause, the last ones the consequence.
        fail "$_check" "code $_code: $(echo "$_out" |
            awk 'NR <= 4 { print; next } { last = $0 } END { print last }' |
            tr '\n' ' ')(all in log/$_check.txt)"
        return 1
    fi
}

# uptime_s: seconds since boot, two decimals.
uptime_s() { cut -d' ' -f1 /proc/uptime; }

# cpu_ns DOM: CPU time of a domain (name or id; "idle" for idle CPUs), in ns.
cpu_ns() {
    case $1 in
    idle|[0-9]*) _dom=$1;;
    *) _dom=$(xl domid "$1");;
    esac
    domcpu | awk -v dom="$_dom" '$1 == dom { print $2 }'
}

# cpu_seconds DOM: the same in seconds.
cpu_seconds() {
    awk -v ns="$(cpu_ns "$1")" 'BEGIN { printf "%.6f\n", ns / 1e9 }'
}

# wait_for SECONDS COMMAND: poll until a command succeeds. So long it takes at most
# on a machine of one's own; one that others use may need three times as long.
wait_for() {
    _end=$(($(cut -d. -f1 /proc/uptime) + 3 * $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt "$_end" ] || return 1
        sleep 0.2
    done
}
