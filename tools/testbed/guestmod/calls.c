// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands, permission, pointers, padding: what needs no port, and what a
 * guest gets that has none.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <xen/page.h>

#include "hostile.h"

/* Addresses at which a guest may not have an argument. */
static const struct {
	const char *name;
	u64 addr;
} bad_pointers[] = {
	{ "null", 0 },
	{ "one", 1 },
	{ "unmapped", 0x00007ffffffff000ull - PAGE_SIZE * 7 },
	{ "noncanonical", 0x0000800000000000ull },
	{ "noncanonical_odd", 0xdead000000000000ull },
	{ "of_xen_text", 0xffff82d040200000ull },
	{ "of_xen_direct_map", 0xffff830000000000ull },
	{ "of_xen_m2p", 0xffff828000000000ull },
	{ "before_xen", 0xffff800000000000ull - 8 },
	{ "wrapping", ~0ull - 3 },
};

static const struct {
	const char *name;
	unsigned int cmd;
} argument_calls[] = {
	{ "version", HICAMP_OP_version },
	{ "port_attach", HICAMP_OP_port_attach },
	{ "port_detach", HICAMP_OP_port_detach },
	{ "space_issue", HICAMP_OP_space_issue },
	{ "space_revoke", HICAMP_OP_space_revoke },
}, privileged_calls[] = {
	{ "info", HICAMP_OP_info },
	{ "admin_set", HICAMP_OP_admin_set },
	{ "port_create", HICAMP_OP_port_create },
	{ "port_destroy", HICAMP_OP_port_destroy },
	{ "port_set", HICAMP_OP_port_set },
	{ "port_query", HICAMP_OP_port_query },
	{ "flow_update", HICAMP_OP_flow_update },
	{ "flow_dump", HICAMP_OP_flow_dump },
	{ "flow_stats", HICAMP_OP_flow_stats },
	{ "flow_flush", HICAMP_OP_flow_flush },
	{ "domain_set", HICAMP_OP_domain_set },
	{ "domain_query", HICAMP_OP_domain_query },
	{ "param_get", HICAMP_OP_param_get },
	{ "param_set", HICAMP_OP_param_set },
	{ "port_rate", HICAMP_OP_port_rate },
	{ "port_addrs", HICAMP_OP_port_addrs },
	{ "meter", HICAMP_OP_meter },
	{ "fabric_attach", HICAMP_OP_fabric_attach },
	{ "fabric_detach", HICAMP_OP_fabric_detach },
	{ "window_open", HICAMP_OP_window_open },
	{ "window_release", HICAMP_OP_window_release },
};

static void unknown_commands(void)
{
	static const unsigned int unknown[] = {
		3, 15, 22, 31, 47, 52, 53, 63, 64, 255, 256, 0xffff,
		0x10000, 0x80000000, ~0u,
	};
	char room[256] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		expect(op(unknown[i], room), -ENOSYS, "unknown_command_%#x",
		       unknown[i]);
}

static void privileged_commands(void)
{
	char room[512] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(privileged_calls); i++) {
		expect(op(privileged_calls[i].cmd, room), -EPERM,
		       "guest_may_not_%s", privileged_calls[i].name);
		/* Refused before the argument is looked at. */
		expect(op(privileged_calls[i].cmd, NULL), -EPERM,
		       "guest_may_not_%s_of_null", privileged_calls[i].name);
	}
}

static void pointers(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(argument_calls); i++)
		for (j = 0; j < ARRAY_SIZE(bad_pointers); j++)
			expect(op_at(argument_calls[i].cmd,
				     bad_pointers[j].addr), -EFAULT,
			       "%s_at_%s", argument_calls[i].name,
			       bad_pointers[j].name);
}

static void version(void)
{
	static const struct hicamp_version readonly = {
		.version = HICAMP_ABI_VERSION,
	};
	struct hicamp_version v = { .version = HICAMP_ABI_VERSION };
	char room[sizeof(v) + 8];
	void *two;

	expect(op(HICAMP_OP_version, &v), 0, "version_is_told");
	expect_true(v.version == HICAMP_ABI_VERSION && !v.pad &&
		    v.max_queues >= 1 && v.max_queues <= HICAMP_QUEUES_MAX &&
		    v.max_ring >= HICAMP_RING_MIN &&
		    v.max_ring <= HICAMP_RING_MAX && v.max_runs &&
		    v.max_ports, "version_says_limits");

	v = (struct hicamp_version){ .version = HICAMP_ABI_VERSION + 1 };
	expect(op(HICAMP_OP_version, &v), -EOPNOTSUPP, "version_of_tomorrow");
	expect(v.version, HICAMP_ABI_VERSION,
	       "version_is_told_also_when_it_differs");
	v = (struct hicamp_version){ .version = 0 };
	expect(op(HICAMP_OP_version, &v), -EOPNOTSUPP, "version_zero");
	v = (struct hicamp_version){
		.version = HICAMP_ABI_VERSION, .pad = 1 << 31,
	};
	expect(op(HICAMP_OP_version, &v), -EINVAL, "version_with_padding");

	memset(room, 0, sizeof(room));
	((struct hicamp_version *)(room + 3))->version = HICAMP_ABI_VERSION;
	expect(op(HICAMP_OP_version, room + 3), 0, "version_at_odd_address");

	expect(op(HICAMP_OP_version, (void *)&readonly), -EFAULT,
	       "version_into_read_only_memory");

	/* The second page of a stretch of vmalloc memory is not there. */
	two = vmalloc(PAGE_SIZE);
	if (two) {
		memset(two, 0, PAGE_SIZE);
		*(u32 *)(two + PAGE_SIZE - 8) = HICAMP_ABI_VERSION;
		expect(op(HICAMP_OP_version, two + PAGE_SIZE - 8), -EFAULT,
		       "version_half_mapped");
		vfree(two);
	}
}

/* A domain without a port has nothing to take part with. */
void group_noport(void)
{
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	u64 frame = virt_to_gfn(port_a.area);
	u32 ref;

	attach_fill(&port_a, &a, &q);
	expect(op(HICAMP_OP_port_attach, &a), -ENOENT, "attach_without_port");
	expect(detach(&port_a), -ENOENT, "detach_without_port");
	expect(issue(frame, 0, 0, &ref), -ENOENT, "issue_without_port");
	expect(revoke(1u << 20), -ENOENT, "revoke_without_port");
	expect(op_at(HICAMP_OP_doorbell, HICAMP_DOORBELL(0, 0, 1)), -ENOENT,
	       "doorbell_without_port");
	done("noport");
}

void group_calls(void)
{
	unknown_commands();
	privileged_commands();
	pointers();
	version();
	done("calls");
}

/* Without hicamp there is no operation, whatever its argument. */
void group_off(void)
{
	unsigned int cmd, found = 0;
	char room[256] = {};

	for (cmd = 0; cmd < 64; cmd++)
		found += op(cmd, room) != -ENOSYS || op(cmd, NULL) != -ENOSYS;
	expect(found, 0, "all_operations_are_off");
	done("off");
}
