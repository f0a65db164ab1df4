// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls of the driver domain.
 *
 * Lives here: every hypercall that this module makes, with its argument, and
 * the translation of its errors into what a person can act on.
 *
 * Invariant: arguments are built here, on the stack, zeroed, so padding is
 * zero; no caller sees one.  Nothing here sleeps except hicamp_hv_port_create,
 * and nothing here has state.
 *
 * Who may call: xenbus.c and uplink.c for the life of ports, rep.c for MTU and
 * counters, tc.c for flows.
 */
#define pr_fmt(fmt) "hicamp-netback: " fmt

#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/xen/hypercall.h>
#include <xen/xen.h>

#include "hv.h"

/* Ports per hypercall when one is looked for. */
#define FIND_BATCH 16

static int hicamp_op(unsigned int cmd, void *arg)
{
	return _hypercall2(int, hicamp_op, cmd, arg);
}

int hicamp_hv_init(void)
{
	struct hicamp_version version = { .version = HICAMP_ABI_VERSION };
	struct hicamp_info info = {};
	int err;

	if (!xen_domain())
		return -ENODEV;

	err = hicamp_op(HICAMP_OP_version, &version);
	if (err == -ENOSYS) {
		pr_info("not loaded: this Xen has no hicamp, or it is off (boot it with hicamp=on)\n");
		return -ENODEV;
	}
	if (err == -EOPNOTSUPP) {
		pr_err("not loaded: Xen speaks version %u of the hicamp interface, this module version %u\n",
		       version.version, HICAMP_ABI_VERSION);
		return -ENODEV;
	}
	if (!err)
		err = hicamp_op(HICAMP_OP_info, &info);
	if (err == -EPERM) {
		pr_info("not loaded: this domain may not administer the switch; the control domain must name it (HICAMP_OP_admin_set) first\n");
		return -ENODEV;
	}
	if (err) {
		pr_err("not loaded: handshake with Xen failed: %d\n", err);
		return err;
	}

	pr_info("Xen offers hicamp version %u, features %#llx, %u ports, %u queues each\n",
		version.version, version.features, version.max_ports,
		version.max_queues);
	return 0;
}

int hicamp_hv_port_query(u64 *cursor, struct hicamp_port_info *infos, u32 room)
{
	struct hicamp_query query = {
		.cursor = *cursor,
		.entries = (unsigned long)infos,
		.nr = room,
	};
	int err;

	err = hicamp_op(HICAMP_OP_port_query, &query);
	if (err)
		return err;

	*cursor = query.cursor;
	return min(query.nr, room);
}

/* The id of a port that exists. */
static int port_find(u16 domid, u32 devid, u32 *port)
{
	struct hicamp_port_info *infos;
	u64 cursor = 0;
	int nr, i, err = -ENOENT;

	infos = kcalloc(FIND_BATCH, sizeof(*infos), GFP_KERNEL);
	if (!infos)
		return -ENOMEM;

	do {
		nr = hicamp_hv_port_query(&cursor, infos, FIND_BATCH);
		if (nr < 0)
			err = nr;
		for (i = 0; i < nr; i++) {
			if (infos[i].domid != domid || infos[i].devid != devid)
				continue;
			*port = infos[i].port;
			err = 0;
		}
	} while (err == -ENOENT && nr == FIND_BATCH);

	kfree(infos);
	return err;
}

static int port_set(u16 domid, u32 devid, const u8 *mac, u32 mtu, u32 which)
{
	struct hicamp_port_set set = {
		.domid = domid,
		.devid = devid,
		.mtu = mtu,
		.which = which,
	};

	if (mac)
		ether_addr_copy(set.mac, mac);
	return hicamp_op(HICAMP_OP_port_set, &set);
}

int hicamp_hv_port_create(u16 domid, u32 devid, const u8 *mac, u32 mtu,
			  u32 *port, bool *taken)
{
	struct hicamp_port_create create = {
		.domid = domid,
		.devid = devid,
		.mtu = mtu,
	};
	int err;

	ether_addr_copy(create.mac, mac);
	err = hicamp_op(HICAMP_OP_port_create, &create);
	*taken = err == -EEXIST;
	if (!err) {
		*port = create.port;
		return 0;
	}
	if (err != -EEXIST)
		return err;

	/*
	 * Ports outlive the driver domain, so that guests go on talking to
	 * each other; and this is the driver domain that came back.
	 */
	err = port_find(domid, devid, port);
	if (err)
		return err;

	pr_info("port %#x of domain %u, device %u exists: taken over\n",
		*port, domid, devid);
	return port_set(domid, devid, mac, mtu, HICAMP_PORT_SET_MAC |
			(mtu ? HICAMP_PORT_SET_MTU : 0));
}

int hicamp_hv_port_destroy(u16 domid, u32 devid)
{
	struct hicamp_port_id id = { .domid = domid, .devid = devid };
	int err;

	err = hicamp_op(HICAMP_OP_port_destroy, &id);
	return err == -ENOENT ? 0 : err;
}

int hicamp_hv_port_set_mtu(u16 domid, u32 devid, u32 mtu)
{
	return port_set(domid, devid, NULL, mtu, HICAMP_PORT_SET_MTU);
}

int hicamp_hv_flow_update(struct hicamp_flow *flow)
{
	struct hicamp_flow_batch batch = {
		.flows = (unsigned long)flow,
		.nr = 1,
	};

	return hicamp_op(HICAMP_OP_flow_update, &batch);
}

int hicamp_hv_flow_flush_orphans(void)
{
	return hicamp_op(HICAMP_OP_flow_flush, (void *)HICAMP_FLUSH_ORPHANS);
}

int hicamp_hv_flow_stats(u64 *cursor, struct hicamp_flow_stats *stats,
			 u32 room)
{
	struct hicamp_query query = {
		.cursor = *cursor,
		.entries = (unsigned long)stats,
		.nr = room,
	};
	int err = hicamp_op(HICAMP_OP_flow_stats, &query);

	if (err)
		return err;

	*cursor = query.cursor;
	return min(query.nr, room);
}

int hicamp_hv_meter(struct hicamp_meter *meter)
{
	return hicamp_op(HICAMP_OP_meter, meter);
}

int hicamp_hv_port_rate(u16 domid, u32 devid, u64 rate, u64 burst)
{
	struct hicamp_port_rate arg = {
		.domid = domid,
		.devid = devid,
		.bytes_per_s = rate,
		.burst = burst,
	};

	return hicamp_op(HICAMP_OP_port_rate, &arg);
}
