# SPDX-License-Identifier: GPL-2.0-only
# A guest that is paused, or saved and restored, keeps its network and its
# command channel. This tests the testbed as much as the drivers.
NET=${NET:-stock}
export NET

for name in a b; do
    say "creating guest $name ($NET)"
    check "guest_${name}_becomes_ready" guest create $name || bail "no guests"
done
check network_works_before guest run a ping -c 2 -W 5 10.0.0.2

# A paused guest runs nothing; a command waits for it.
xl pause a || bail "cannot pause"
id=$(guest start a "echo woken")
check paused_guest_is_silent sh -c "! guest wait -t 3 a $id"
xl unpause a || bail "cannot unpause"
check command_runs_after_unpause guest wait a "$id"

say "saving guest a"
check guest_is_saved timeout 120 xl save a /tmp/a.save
say "restoring guest a"
check guest_is_restored timeout 120 xl restore /tmp/a.save
check commands_work_after_restore guest run -t 60 a echo back
check network_works_after_restore guest run -t 60 a ping -c 3 -W 10 10.0.0.2
check data_flows_after_restore guest run -t 60 a netperf -P 0 -H 10.0.0.2 -l 1
