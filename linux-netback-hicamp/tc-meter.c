// SPDX-License-Identifier: GPL-2.0-only
/*
 * tc's policers that rules share become meters in the hypervisor.
 *
 * Lives here: which policers the switch has, by their index, which is the
 * meter's number there, too: a driver domain that comes back finds the meters
 * that it had. Open vSwitch makes a policer of each of its meters, and names it
 * in the rules of flows that have it.
 *
 * Invariant: an index in the table is a meter in the hypervisor.
 *
 * Who may call: tc.c; the network core, for policers that come and go.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <net/flow_offload.h>

#include "hv.h"
#include "tc.h"

/* What tc has been told of. */
struct tc_meter {
	u64 packets, bytes, drops;
};

static DEFINE_XARRAY(meters);
static DEFINE_MUTEX(meters_lock);	/* for whoever changes or tells */

bool hicamp_tc_meter_exists(u32 index)
{
	return xa_load(&meters, index);
}

/*
 * Limits of a policer that the switch can have; false: it cannot. Its MTU is
 * the ports' business.
 */
static bool limits(const struct flow_action_entry *act, struct hicamp_meter *m,
		   struct netlink_ext_ack *extack)
{
	const typeof(act->police) *p = &act->police;

	if (p->exceed.act_id != FLOW_ACTION_DROP ||
	    (p->notexceed.act_id != FLOW_ACTION_PIPE &&
	     p->notexceed.act_id != FLOW_ACTION_ACCEPT) ||
	    p->peakrate_bytes_ps || p->avrate || p->overhead ||
	    !p->rate_bytes_ps == !p->rate_pkt_ps) {
		NL_SET_ERR_MSG(extack, "policer that is not bytes or packets per second, and drop");
		return false;
	}
	if (p->rate_pkt_ps) {
		m->flags = HICAMP_METER_PACKETS;
		m->rate = p->rate_pkt_ps;
		m->burst = clamp_t(u64, p->burst_pkt, 1, U32_MAX);
	} else {
		m->rate = p->rate_bytes_ps;
		m->burst = clamp_t(u64, p->burst, HICAMP_LEN_MAX, U32_MAX);
	}
	return true;
}

static int meter_replace(struct flow_offload_action *f)
{
	struct hicamp_meter m = {
		.command = HICAMP_METER_SET,
		.meter = f->index,
	};
	struct tc_meter *tm;
	int err;

	if (!f->index || !flow_offload_has_one_action(&f->action) ||
	    !limits(&f->action.entries[0], &m, f->extack))
		return -EOPNOTSUPP;

	err = hicamp_hv_meter(&m);
	if (err) {
		NL_SET_ERR_MSG(f->extack, "the switch refused the meter");
		return err;
	}
	if (xa_load(&meters, f->index))
		return 0;

	tm = kzalloc(sizeof(*tm), GFP_KERNEL);
	err = tm ? xa_err(xa_store(&meters, f->index, tm, GFP_KERNEL)) :
		   -ENOMEM;
	if (!err) {
		/* It may be an earlier driver domain's. */
		tm->packets = m.packets;
		tm->bytes = m.bytes;
		tm->drops = m.drop_packets;
		return 0;
	}
	kfree(tm);
	m = (struct hicamp_meter) {
		.command = HICAMP_METER_DELETE,
		.meter = f->index,
	};
	hicamp_hv_meter(&m);
	return err;
}

static int meter_destroy(u32 index)
{
	struct hicamp_meter m = {
		.command = HICAMP_METER_DELETE,
		.meter = index,
	};
	struct tc_meter *tm = xa_erase(&meters, index);

	if (!tm)
		return -ENOENT;
	kfree(tm);
	return hicamp_tc_kept() ? 0 : hicamp_hv_meter(&m);
}

static int meter_stats(struct flow_offload_action *f)
{
	struct hicamp_meter m = {
		.command = HICAMP_METER_GET,
		.meter = f->index,
	};
	struct tc_meter *tm = xa_load(&meters, f->index);
	int err;

	if (!tm)
		return -ENOENT;
	err = hicamp_hv_meter(&m);
	if (err)
		return err;
	flow_stats_update(&f->stats, m.bytes - tm->bytes,
			  m.packets - tm->packets, m.drop_packets - tm->drops,
			  m.packets != tm->packets ? jiffies : 0,
			  FLOW_ACTION_HW_STATS_IMMEDIATE);
	tm->packets = m.packets;
	tm->bytes = m.bytes;
	tm->drops = m.drop_packets;
	return 0;
}

static int setup_act(struct net_device *dev, struct Qdisc *sch, void *priv,
		     enum tc_setup_type type, void *type_data, void *data,
		     void (*cleanup)(struct flow_block_cb *block_cb))
{
	struct flow_offload_action *f = data;
	int err = -EOPNOTSUPP;

	if (dev || type != TC_SETUP_ACT || f->id != FLOW_ACTION_POLICE)
		return -EOPNOTSUPP;

	mutex_lock(&meters_lock);
	switch (f->command) {
	case FLOW_ACT_REPLACE:
		err = meter_replace(f);
		break;
	case FLOW_ACT_DESTROY:
		err = meter_destroy(f->index);
		break;
	case FLOW_ACT_STATS:
		err = meter_stats(f);
		break;
	}
	mutex_unlock(&meters_lock);
	return err;
}

/* Blocks are bound at representors themselves, not through here. */
static void no_block(void *priv)
{
}

int hicamp_tc_meter_init(void)
{
	return flow_indr_dev_register(setup_act, NULL);
}

void hicamp_tc_meter_exit(void)
{
	struct tc_meter *tm;
	unsigned long index;

	flow_indr_dev_unregister(setup_act, NULL, no_block);
	/* Of policers that the core did not take back. */
	xa_for_each(&meters, index, tm)
		meter_destroy(index);
	xa_destroy(&meters);
}
