/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tc offload of representors.  See tc.c.
 */
#ifndef HICAMP_NETBACK_TC_H
#define HICAMP_NETBACK_TC_H

#include <linux/netdevice.h>

struct hicamp_flow;
struct flow_cls_offload;

/* What a representor remembers for tc; zero at first. */
struct hicamp_tc_port {
	struct net_device *dev;
	u32 port;
	u32 devid;
	u16 domid;
	unsigned int policed;	/* policers that Xen cannot have */
	unsigned long policer;	/* cookie of the one that it has, or 0 */
};

int hicamp_tc_init(void);
void hicamp_tc_exit(void);

/*
 * Rules, policers and meters that go from now on go here alone: what the switch
 * has of them serves on.
 */
void hicamp_tc_keep(void);
/* Is it so? */
bool hicamp_tc_kept(void);

/* ndo_setup_tc of a representor. */
int hicamp_tc_setup(struct hicamp_tc_port *tp, enum tc_setup_type type,
		    void *data);

/*
 * tc-rule.c: translate a flower rule into key, mask and actions (at most room
 * items, into list; *bytes is their length).  -EOPNOTSUPP, with a message in
 * the rule's extack, for what the switch cannot do.
 */
int hicamp_tc_translate(struct flow_cls_offload *f, u32 in_port,
			struct hicamp_flow *flow, void *list, u32 room);

/*
 * tc-meter.c: policers as meters.  Is this one, by its index, a meter of the
 * switch?  Its number there is the same.
 */
bool hicamp_tc_meter_exists(u32 index);
int hicamp_tc_meter_init(void);
void hicamp_tc_meter_exit(void);

/* rep.c: the port that a netdev represents, or 0 if it does not. */
u32 hicamp_rep_port(const struct net_device *dev);

#endif
