export NET=hicamp
for g in a b; do guest create $g --net hicamp 2>&1 | tail -3; done
hicampctl info
hicampctl flow dump
guest run a "ping -c 5 -i 0.2 10.0.0.2"
hicampctl port stats 1.0 | grep -v ' 0$'
hicampctl port stats 2.0 | grep -v ' 0$'
guest run a "netperf -P 0 -t TCP_RR -H 10.0.0.2 -l 2 -- -r 1,1"
hicampctl port stats 1.0 | grep -v ' 0$'
hicampctl port stats 2.0 | grep -v ' 0$'
guest run a "ethtool -S eth0 | grep -v ': 0'"
guest run b "ethtool -S eth0 | grep -v ': 0'"
guest run a "netperf -P 0 -H 10.0.0.2 -l 2 -- -m 65536"
hicampctl port stats 1.0 | grep -v ' 0$'
hicampctl port stats 2.0 | grep -v ' 0$'
guest run a "ethtool -S eth0 | grep -v ': 0'; cat /proc/interrupts"
guest run b "ethtool -S eth0 | grep -v ': 0'; cat /proc/interrupts"
guest run b "nstat -a 2>/dev/null| head -30; netstat -s | head -60; dmesg | tail -5"
