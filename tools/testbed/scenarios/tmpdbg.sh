export NET=hicamp
cat /sys/bus/xen-backend/drivers/*/uevent 2>/dev/null; ls /sys/bus/xen-backend/drivers
guest create a --net hicamp 2>&1 | tail -30
xl list
dmesg | tail -20
xenstore-ls -f | grep -i vif | head -60
cat /etc/xen/*.cfg /run/*/a.cfg 2>/dev/null | head -20
xl debug-keys j
xl dmesg | tail -30
