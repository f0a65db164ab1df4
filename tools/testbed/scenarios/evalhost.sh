# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2016  # for inner shells
# The evaluation as a person runs it in dom0 of a host: eval/run --target host,
# stock's network and ours.
NET=hicamp
export NET
. /payload/bin/hicamp.sh

# Where a person's checkout would be, as results go beside it.
cp -r /payload/src /run/src
cd /run/src || bail "no checkout"

# run ARGS: eval/run, what it printed in the log.
run() { eval/run --target host --seconds 2 "$@" > "$OUT/log/eval.txt" 2>&1; }

# figures NAME: print "SYSTEM TEST VALUE" for each point of a set, or its error.
figures() {
    python3 -c '
import json, sys
for point in json.load(open(sys.argv[1]))["points"]:
    print(point["system"], point["name"], point.get("error") or
          "%.0f" % point["result"]["value"])' "build/eval/$1/results.json"
}

check the_gate_runs_in_dom0 run gate --name gate
figures gate | while read -r system name value; do
    result "${system}_$name" "$value"
done
check both_tests_have_a_figure sh -c "
    [ $(figures gate | awk '$3 > 0' | wc -l) = 2 ]"
check the_report_is_there test -s build/eval/gate/report.html

say "stock's network beside ours, on the same hypervisor"
check both_systems_run run pair-latency --name both
check both_have_figures sh -c "
    [ $(figures both | awk '$3 > 0' | wc -l) = 6 ]"
check pins_are_taken_back run pinned --system hicamp --repeat 1 --name pinned
check nobody_is_pinned_afterwards sh -c '
    ! xl vcpu-list | awk "NR > 1 && \$7 !~ /all/" | grep .'

check resume_runs_what_is_missing run gate --resume gate
check nothing_was_missing grep -q " 0 points to run" "$OUT/log/eval.txt"
check no_guest_is_left sh -c '[ $(xl list | wc -l) = 2 ]'
nothing_left nothing_is_left
