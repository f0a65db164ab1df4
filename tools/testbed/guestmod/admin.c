// SPDX-License-Identifier: GPL-2.0-only
/*
 * The administrator's operations with bad arguments: for dom0, which may call
 * them.  The domain "domid" exists and has no port of device 80.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "hostile.h"

#define DEVID	80
#define NOBODY	0x7ee0	/* no such domain */
#define IN_XEN	0xffff830000000000ull

static void pointers(void)
{
	static const struct {
		const char *name;
		unsigned int cmd;
	} calls[] = {
		{ "info", HICAMP_OP_info },
		{ "admin_set", HICAMP_OP_admin_set },
		{ "port_create", HICAMP_OP_port_create },
		{ "port_destroy", HICAMP_OP_port_destroy },
		{ "port_set", HICAMP_OP_port_set },
		{ "port_query", HICAMP_OP_port_query },
		{ "flow_update", HICAMP_OP_flow_update },
		{ "flow_dump", HICAMP_OP_flow_dump },
		{ "flow_stats", HICAMP_OP_flow_stats },
		{ "param_get", HICAMP_OP_param_get },
		{ "param_set", HICAMP_OP_param_set },
		{ "port_rate", HICAMP_OP_port_rate },
		{ "port_addrs", HICAMP_OP_port_addrs },
		{ "meter", HICAMP_OP_meter },
		{ "window_open", HICAMP_OP_window_open },
		{ "window_release", HICAMP_OP_window_release },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		expect(op_at(calls[i].cmd, 0), -EFAULT, "admin_%s_null",
		       calls[i].name);
		expect(op_at(calls[i].cmd, IN_XEN), -EFAULT,
		       "admin_%s_in_xen", calls[i].name);
	}
	expect(op_at(HICAMP_OP_flow_flush, 2), -EINVAL,
	       "admin_flow_flush_with_argument");
}

static void appoint(void)
{
	struct hicamp_admin a = { .domid = NOBODY };
	unsigned int i;

	expect(op(HICAMP_OP_admin_set, &a), -ESRCH, "admin_nobody");
	a.domid = DOMID_SELF;
	expect(op(HICAMP_OP_admin_set, &a), -ESRCH, "admin_self");
	a.domid = 0xffff;
	expect(op(HICAMP_OP_admin_set, &a), -ESRCH, "admin_ffff");
	for (i = 0; i < 3; i++) {
		a = (struct hicamp_admin){ .domid = domid };
		a.pad[i] = 1;
		expect(op(HICAMP_OP_admin_set, &a), -EINVAL,
		       "admin_with_padding_%u", i);
	}
}

static void parameters(void)
{
	static const struct {
		u32 param;
		u64 value;
		long want;
	} set[] = {
		{ 0, 1000, -ENOENT },
		{ HICAMP_PARAM_TX_POLL_IDLE_US + 1, 1000, -ENOENT },
		{ ~0u, 1000, -ENOENT },
		{ HICAMP_PARAM_BORROW_AGE_US, 99, -EINVAL },
		{ HICAMP_PARAM_BORROW_AGE_US, 1000001, -EINVAL },
		{ HICAMP_PARAM_BORROW_AGE_US, 1ull << 32 | 1000, -EINVAL },
		{ HICAMP_PARAM_BORROW_AGE_US, 1000, 0 },
		{ HICAMP_PARAM_BORROW_PAIR, 257, -EINVAL },
		{ HICAMP_PARAM_BORROW_PAIR, 64, 0 },
		{ HICAMP_PARAM_QUOTA, 0, -EINVAL },
		{ HICAMP_PARAM_QUOTA, ~0ull, -EINVAL },
		{ HICAMP_PARAM_ORPHAN_S, 86401, -EINVAL },
		{ HICAMP_PARAM_ORPHAN_S, 0, 0 },
		{ HICAMP_PARAM_RX_EVENT_US, 10001, -EINVAL },
		{ HICAMP_PARAM_RX_EVENT_US, 0, 0 },
		{ HICAMP_PARAM_RX_EVENT_PACKETS, 0, -EINVAL },
		{ HICAMP_PARAM_RX_EVENT_PACKETS, 64, 0 },
		{ HICAMP_PARAM_OFFLOAD, 524289, -EINVAL },
		{ HICAMP_PARAM_OFFLOAD, 0, 0 },
		{ HICAMP_PARAM_WEIGHT, 0, -EINVAL },
		{ HICAMP_PARAM_WEIGHT, 17, -EINVAL },
		{ HICAMP_PARAM_WEIGHT, HICAMP_PARAM_INHERIT, -EINVAL },
		{ HICAMP_PARAM_WEIGHT, 16, 0 },
		{ HICAMP_PARAM_STRAIGHT, 65536, -EINVAL },
		{ HICAMP_PARAM_STRAIGHT, 4096, 0 },
		{ HICAMP_PARAM_TX_POLL_US, 10001, -EINVAL },
		{ HICAMP_PARAM_TX_POLL_US, 0, 0 },
		{ HICAMP_PARAM_TX_POLL_IDLE_US, 10001, -EINVAL },
		{ HICAMP_PARAM_TX_POLL_IDLE_US, 0, 0 },
	};
	struct hicamp_param p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		p = (struct hicamp_param){
			.param = set[i].param, .value = set[i].value,
		};
		expect(op(HICAMP_OP_param_set, &p), set[i].want,
		       "param_%u_is_set_to_%#llx", set[i].param,
		       set[i].value);
	}
	p = (struct hicamp_param){ .param = 1, .port = ~0u, .value = 1000 };
	expect(op(HICAMP_OP_param_set, &p), -ENODEV,
	       "param_set_of_no_port");
	p = (struct hicamp_param){ .param = 1, .value = 1 };
	expect(op(HICAMP_OP_param_get, &p), -EINVAL,
	       "param_get_with_output_not_zero");
}

static long create(u32 devid, u32 mtu, u32 flags, u16 of)
{
	struct hicamp_port_create c = {
		.domid = of, .devid = devid, .mtu = mtu, .flags = flags,
		.mac = { 2, 0, 0, 0, 0, 0x80 },
	};

	return op(HICAMP_OP_port_create, &c);
}

static long destroy(u32 devid, u16 pad)
{
	struct hicamp_port_id id = {
		.domid = domid, .devid = devid, .pad = pad,
	};

	return op(HICAMP_OP_port_destroy, &id);
}

static long set(u32 devid, u32 which, u32 mtu, u32 flags)
{
	struct hicamp_port_set s = {
		.domid = domid, .devid = devid, .which = which, .mtu = mtu,
		.flags = flags,
	};

	return op(HICAMP_OP_port_set, &s);
}

static void ports(void)
{
	static const u32 mtus[] = { 1, 67, 65522, ~0u };
	static const u32 flags[] = { 4, HICAMP_PORT_ATTACHED,
				     HICAMP_PORT_STOPPED, ~0u };
	struct hicamp_port_create c = {
		.domid = domid, .devid = DEVID, .port = 1,
	};
	unsigned int i;
	long rc;

	expect(create(DEVID, 0, 0, NOBODY), -ESRCH, "create_for_nobody");
	expect(create(DEVID, 0, 0, DOMID_SELF), -ESRCH, "create_for_self");
	expect(create(DEVID, 0, 0, DOMID_XEN), -ESRCH, "create_for_xen");
	expect(op(HICAMP_OP_port_create, &c), -EINVAL,
	       "create_with_output_not_zero");
	for (i = 0; i < ARRAY_SIZE(mtus); i++) {
		expect(create(DEVID, mtus[i], 0, domid), -EINVAL,
		       "create_with_mtu_%u", mtus[i]);
		expect(create(DEVID, 0, flags[i], domid), -EINVAL,
		       "create_with_flags_%#x", flags[i]);
	}

	expect(destroy(DEVID, 0), -ENOENT, "destroy_what_is_not_there");
	expect(set(DEVID, HICAMP_PORT_SET_MTU, 1500, 0), -ENOENT,
	       "set_what_is_not_there");
	expect(create(DEVID, 0, 0, domid), 0, "create");
	expect(create(DEVID, 0, 0, domid), -EEXIST, "create_twice");
	expect(set(DEVID, 0, 0, 0), -EINVAL, "set_nothing");
	expect(set(DEVID, 1 << 3, 0, 0), -EINVAL, "set_unknown");
	for (i = 0; i < ARRAY_SIZE(mtus); i++) {
		expect(set(DEVID, HICAMP_PORT_SET_MTU, mtus[i], 0), -EINVAL,
		       "set_mtu_%u", mtus[i]);
		expect(set(DEVID, HICAMP_PORT_SET_FLAGS, 0, flags[i]),
		       -EINVAL, "set_flags_%#x", flags[i]);
	}
	expect(destroy(DEVID, 1), -EINVAL, "destroy_with_padding");
	expect(destroy(DEVID, 0), 0, "destroy");
	expect(destroy(DEVID, 0), -ENOENT, "destroy_twice");

	/* 64 of a domain, some of which it has already. */
	for (i = 0, rc = 0; i <= 64 && !rc; i++)
		rc = create(1000 + i, 0, 0, domid);
	expect(rc, -ENOSPC, "more_ports_than_a_domain_may_have");
	for (rc = 0; i-- > 1 && !rc; )
		rc = destroy(1000 + i - 1, 0);
	expect(rc, 0, "ports_are_destroyed_again");
}

static void queries(void)
{
	static const struct {
		const char *name;
		unsigned int cmd;
	} calls[] = {
		{ "port_query", HICAMP_OP_port_query },
		{ "flow_dump", HICAMP_OP_flow_dump },
		{ "flow_stats", HICAMP_OP_flow_stats },
	};
	static u8 room[4096];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		struct hicamp_query q = { .entries = (ulong)room, .nr = 0 };

		expect(op(calls[i].cmd, &q), -EINVAL, "%s_of_0",
		       calls[i].name);
		q.nr = 4097;
		expect(op(calls[i].cmd, &q), -EINVAL, "%s_of_4097",
		       calls[i].name);
		q.nr = 1;
		q.pad = 1;
		expect(op(calls[i].cmd, &q), -EINVAL, "%s_with_padding",
		       calls[i].name);
		q.pad = 0;
		q.entries = IN_XEN;
		expect(op(calls[i].cmd, &q), -EFAULT, "%s_into_xen",
		       calls[i].name);
		memset(room, 0, sizeof(room));
		q = (struct hicamp_query){
			.entries = (ulong)room, .nr = 1, .cursor = ~0ull,
		};
		expect(op(calls[i].cmd, &q) ?: q.nr, 0,
		       "%s_from_last_cursor", calls[i].name);
	}
}

static long update(struct hicamp_flow *flow, u32 nr)
{
	struct hicamp_flow_batch b = { .flows = (ulong)flow, .nr = nr };

	return op(HICAMP_OP_flow_update, &b);
}

static void flows(void)
{
	struct hicamp_action act = {
		.type = HICAMP_ACT_UPCALL, .bytes = sizeof(act),
	};
	struct hicamp_port_create c = {
		.domid = domid, .devid = DEVID,
		.mac = { 2, 0, 0, 0, 0, 0x80 },
	};
	struct hicamp_flow good = {
		.actions = (ulong)&act, .actions_bytes = sizeof(act),
		.command = HICAMP_FLOW_ADD,
	}, f;

	if (op(HICAMP_OP_port_create, &c))
		return;
	good.key.in_port = c.port;
	good.mask.in_port = ~0u;
	good.key.l4_dst = 0x1234;
	good.mask.l4_dst = 0xffff;

#define BAD(want, name, change) \
	do { \
		f = good; \
		change; \
		expect(update(&f, 1), want, "flow_" name); \
		act = (struct hicamp_action){ \
			.type = HICAMP_ACT_UPCALL, .bytes = sizeof(act), \
		}; \
	} while (0)

	expect(update(&good, 0), -EINVAL, "flow_batch_of_0");
	expect(update(&good, 4097), -EINVAL, "flow_batch_of_4097");
	BAD(-EINVAL, "without_command", f.command = 0);
	BAD(-EINVAL, "command_4", f.command = 4);
	BAD(-EINVAL, "key_outside_mask", f.mask.l4_dst = 0);
	BAD(-EINVAL, "packets_not_zero", f.packets = 1);
	BAD(-EINVAL, "bytes_not_zero", f.bytes = 1);
	BAD(-EINVAL, "used_not_zero", f.used_ns = 1);
	BAD(-EINVAL, "actions_too_long",
	    f.actions_bytes = HICAMP_ACTIONS_MAX + 8);
	BAD(-EINVAL, "actions_4g", f.actions_bytes = ~0u);
	BAD(-EINVAL, "actions_of_7_bytes", f.actions_bytes = 7);
	BAD(-EFAULT, "actions_in_xen", f.actions = IN_XEN);
	BAD(-EFAULT, "actions_null", f.actions = 0);
	BAD(-EINVAL, "action_of_0_bytes", act.bytes = 0);
	BAD(-EINVAL, "action_of_4_bytes", act.bytes = 4);
	BAD(-EINVAL, "action_longer_than_list", act.bytes = 16);
	BAD(-EOPNOTSUPP, "action_0", act.type = 0);
	BAD(-EOPNOTSUPP, "action_8", act.type = 8);
	BAD(-EINVAL, "meter_0", act.type = HICAMP_ACT_METER);
	BAD(-ENOENT, "no_meter", act.type = HICAMP_ACT_METER; act.arg = 9);
	BAD(-EINVAL, "push_of_no_tag", act.type = HICAMP_ACT_PUSH_VLAN);
	BAD(-EINVAL, "set_of_nothing", act.type = HICAMP_ACT_SET);
	BAD(-EOPNOTSUPP, "action_ffff", act.type = 0xffff);
	BAD(-EINVAL, "upcall_with_argument", act.arg = 1);
	BAD(-EINVAL, "drop_with_argument", act.type = HICAMP_ACT_DROP;
	    act.arg = 1);
	BAD(-ENOENT, "output_to_port_0", act.type = HICAMP_ACT_OUTPUT);
	BAD(-ENOENT, "output_to_no_port", act.type = HICAMP_ACT_OUTPUT;
	    act.arg = c.port + 0x10000);
	BAD(-ENOENT, "of_no_port", f.key.in_port = c.port + 0x10000);
	BAD(-EOPNOTSUPP, "reserved_field", f.key.reserved[4] = 1;
	    f.mask.reserved[4] = 1);
	BAD(-ENOENT, "modify_what_is_not_there",
	    f.command = HICAMP_FLOW_MODIFY);
	BAD(-ENOENT, "delete_what_is_not_there",
	    f.command = HICAMP_FLOW_DELETE);
	BAD(0, "add", f.cookie = 1);
	BAD(-EEXIST, "add_twice", f.cookie = 2);
	BAD(0, "delete", f.command = HICAMP_FLOW_DELETE);
	BAD(-ENOENT, "delete_twice", f.command = HICAMP_FLOW_DELETE);
#undef BAD

	/* A flow goes with the port that it begins at. */
	expect(update(&good, 1), 0, "flow_add_again");
	expect(destroy(DEVID, 0), 0, "port_with_flow_is_destroyed");
	f = good;
	f.command = HICAMP_FLOW_DELETE;
	expect(update(&f, 1), -ENOENT, "flow_went_with_its_port");
}

void group_admin(void)
{
	pointers();
	appoint();
	parameters();
	ports();
	queries();
	flows();
	expect(op_at(HICAMP_OP_fabric_attach, 0), -EFAULT,
	       "fabric_argument_must_be_there");
	expect(op_at(HICAMP_OP_fabric_detach, 0), -EFAULT,
	       "fabric_argument_must_be_there_to_detach");
	done("admin");
}
