# SPDX-License-Identifier: GPL-2.0-only
#
# Entry points; each is a line or two that calls the tool which does the work.
# Everything is built under build/. Works as root on a fresh Debian 12 with
# make and git; "make deps" installs the rest.

TESTBED := tools/testbed/testbed

.PHONY: help deps xen modules image demo shell test unit boot-test soak eval \
	gate series clean

help:
	@echo "make deps       install the packages that the builder needs (1 min)"
	@echo "make xen        build the hypervisors: stock, release, debug (4 min)"
	@echo "make modules    build kernel modules and dom0 tools (20 s)"
	@echo "make image      make the dom0 image and the guests' initramfs (2 min)"
	@echo "make demo       all of that, then stock against hicamp in a table"
	@echo "make shell      boot a host with two guests and get dom0's console"
	@echo "make test       unit, boot-test, gate (about 26 min, fresh)"
	@echo "make unit       tests that need no host: hypervisor's rooms in user"
	@echo "                space, hicampctl, dedup, host set-up, hotplug, series"
	@echo "make boot-test  boot scenarios under QEMU"
	@echo "make soak       ports, guests and saves that come and go, 10 rounds;"
	@echo "                what guests lend, their quotas, OVN (over an hour)"
	@echo "make eval       the standard sets of eval/run, with reports (an hour)"
	@echo "make gate       the short set, against eval/baseline.json (3 min)"
	@echo "make series     write the Xen patches as one git-am series"
	@echo "make clean      remove build products (keeps downloads and image)"

# The testbed is Python; a fresh machine may not have it yet.
deps:
	@[ -x /usr/bin/python3 ] || \
		{ apt-get update && apt-get install -y python3; }
	$(TESTBED) deps

xen: deps
	$(TESTBED) xen all

modules: deps
	$(TESTBED) modules

image: deps
	$(TESTBED) image
	$(TESTBED) guest

demo: deps
	$(TESTBED) demo

shell: xen modules image
	$(TESTBED) shell

test: deps
	tools/run-tests

unit: deps
	tools/run-tests unit hicampctl dedup host hotplug eval series

boot-test: deps
	$(TESTBED) test

soak: deps
	$(TESTBED) test --list soak.list

eval: deps
	eval/run standard --build
	eval/run wall

gate: deps
	eval/gate

series:
	xen-patches/make-series

clean:
	$(TESTBED) clean
