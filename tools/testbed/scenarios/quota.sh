# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2046  # numbers are meant to be split
# What a guest does with its quota is its own business: a pair's bulk data costs
# and flows the same while a third guest has nothing, has used up all that it
# may have, and asks for more without end. On the cost clock. For each a line
#   quota NAME MBIT_PER_S MBIT_PER_S_OF_ITS_OWN_CPU A_S B_S DOM0_S C_S
# goes to quota.tsv; CPU as in bench.sh.
#
# Environment: SECS=2 (2 or more)
NET=hicamp
export NET
SECS=${SECS:-2}
TABLE=$OUT/quota.tsv
. /payload/bin/hicamp.sh

# pair NAME: a stream from a to b, and what it costs.
pair() {
    rm -f /run/bench-go
    domcpu /run/bench-go 400 $((SECS * 1000 - 800)) 1000 > /run/bench-cpu &
    sampler=$!
    id=$(guest start -t $((SECS + 60)) a \
        "netperf -P 0 -H 10.0.0.2 -l $SECS -t TCP_STREAM -- -m 65536")
    : > /run/bench-go
    wait $sampler
    value=$(guest wait -t $((SECS + 90)) a "$id" |
        awk 'NF == 5 { v = $5 } END { print v }')
    check "$1_data_flows" test -n "$value"
    awk -v name="$1" -v value="$value" -v a="$A" -v b="$B" -v c="$C" '
        BEGIN { OFS = "\t" }
        { t[$1] = $2 / 1e9 }
        END {
            own = (t[a] + t[b]) / t["clock"]
            printf "quota\t%s\t%s\t%.1f\t%.3f\t%.3f\t%.3f\t%.3f\n", name,
                   value, value / own, t[a], t[b], t[0], t[c]
        }' /run/bench-cpu >> "$TABLE"
    tail -n 1 "$TABLE" | sed 's/^/## /'
    result "$1" "$(column "$1" 4)"
}

# column NAME NR: of the table.
column() { awk -v name="$1" -v nr="$2" '$2 == name { print $nr }' "$TABLE"; }

# near NAME COLUMN: within 5 % of what it was at first, and it was something?
near() {
    awk -v is="$(column "$1" "$2")" -v was="$(column idle "$2")" \
        'BEGIN { exit !(was > 0 && is > was * 0.95 && is < was * 1.05) }'
}

# lines NAME: of guest c: "used" or "quota" or "refused".
lines() {
    hicampctl domain list --json | python3 -c '
import json, sys
print([d[sys.argv[2]] for d in json.load(sys.stdin)["domains"]
       if d["domid"] == int(sys.argv[1])][0])' "$C" "$1"
}

exhausted() { test $(lines used) -ge $(($(lines quota) * 3 / 4 - 256)); }

for name in a b c; do
    say "creating guest $name"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
A=$(xl domid a)
B=$(xl domid b)
C=$(xl domid c)
check quota_is_set hicampctl domain set "$C" --quota 6000
guest run a "netperf -P 0 -H 10.0.0.2 -l 1" > "$OUT/warmup.txt" 2>&1
pair idle

say "guest c uses up its quota"
_id=$(guest start -t 600 c "mkfifo /tmp/end; segtest exhaust /tmp/end")
check guest_has_used_up_its_quota wait_for 120 exhausted
pair asking
check_refusals() { test $(lines refused) -gt 1000; }
check guest_is_refused check_refusals
check pair_costs_the_same_while_another_asks near asking 4

# It stops asking, and keeps what it has: stopped, it does not close its segment.
check guest_holds guest run c "killall -STOP segtest"
pair held
check guest_still_holds exhausted
check pair_costs_the_same_while_another_holds near held 4
check pair_is_as_fast_while_another_holds near held 3

guest run c "killall -CONT segtest; echo > /tmp/end"
_out=$(guest wait -t 60 c "$_id")
check guest_was_refused sh -c "echo '$_out' | grep -q '^refused [1-9]'"
