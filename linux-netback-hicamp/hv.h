/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's side of a port.  See hv.c.
 */
#ifndef HICAMP_NETBACK_HV_H
#define HICAMP_NETBACK_HV_H

#include <linux/types.h>
#include <hicamp.h>

/* Handshake, at module load: may this domain administer the switch? */
int hicamp_hv_init(void);

/*
 * Make the port of (domid, devid), or take over the one that an earlier driver
 * domain left: then *taken.  mtu 0 is the largest, or leaves it as it is.  On
 * success *port is its id.
 */
int hicamp_hv_port_create(u16 domid, u32 devid, const u8 *mac, u32 mtu,
			  u32 *port, bool *taken);

/* A port that is gone already (its domain died) is no error. */
int hicamp_hv_port_destroy(u16 domid, u32 devid);

int hicamp_hv_port_set_mtu(u16 domid, u32 devid, u32 mtu);

/* How much the port may send; rate 0: as much as it likes. Bytes (per second). */
int hicamp_hv_port_rate(u16 domid, u32 devid, u64 rate, u64 burst);

/*
 * Read the next ports, at most room of them: how many, or an error.  Start
 * with *cursor 0; less than room is the end.
 */
int hicamp_hv_port_query(u64 *cursor, struct hicamp_port_info *infos,
			 u32 room);

/* A meter is set, told or forgotten; see HICAMP_OP_meter. */
int hicamp_hv_meter(struct hicamp_meter *meter);

/* One entry of a flow update; see HICAMP_OP_flow_update. */
int hicamp_hv_flow_update(struct hicamp_flow *flow);

/* Delete flows that an earlier driver domain left; see HICAMP_FLUSH_ORPHANS. */
int hicamp_hv_flow_flush_orphans(void);

/* As hicamp_hv_port_query(), of flows' counters. */
int hicamp_hv_flow_stats(u64 *cursor, struct hicamp_flow_stats *stats,
			 u32 room);

#endif
