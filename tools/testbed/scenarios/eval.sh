# SPDX-License-Identifier: GPL-2.0-only
# Points of eval/run: eval/agent does the work, and says how it went.
#
# Environment: EVAL_PLAN (JSON; see eval/agent)
printf '%s\n' "$EVAL_PLAN" > /run/eval-plan.json
/payload/src/eval/agent /run/eval-plan.json "$OUT/eval.jsonl"
code=$?
done=$(grep -c '"outputs"' "$OUT/eval.jsonl")
if [ $code -eq 0 ] && [ "$done" -gt 0 ]; then
    pass "points_$done"
else
    fail points "$done have a figure; the agent ended with $code"
fi
