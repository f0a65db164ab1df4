// SPDX-License-Identifier: GPL-2.0-only
/*
 * tc offload: rules on a representor become flows in the hypervisor.
 *
 * Lives here: which rules are flows, and what they have served. Open vSwitch
 * pushes its megaflows so, with other_config:hw-offload=true, and asks for
 * their statistics twice a second.
 *
 * Invariants:
 *  - A rule in the tables is a flow in the hypervisor, under the rule's cookie,
 *    unless its port is gone. Two rules with one match are one flow, that of
 *    the later (tc replaces a rule by adding the new one first).
 *  - tc_lock guards everything; nothing here is called from where one must not
 *    sleep.
 *  - A port's policer is its rate in the hypervisor. While it is one that the
 *    hypervisor cannot have, no flow begins there: what the switch forwards by
 *    itself would pass by it.
 *  - When the module goes, flows stay and serve. Those that the next one's
 *    bridge does not install again are deleted some time after it is there, as
 *    nobody would know of them any more.
 *
 * Counters are read for all flows in one go, at most four times a second, as
 * those of ports are (rep.c).
 *
 * Who may call: rep.c.
 */
#define pr_fmt(fmt) "hicamp-netback: " fmt

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/flow_offload.h>
#include <net/pkt_cls.h>

#include "hv.h"
#include "tc.h"

#define SWEEP_INTERVAL	(HZ / 4)
#define SWEEP_BATCH	256

struct tc_match {
	struct hicamp_flow_key key;
	struct hicamp_flow_key mask;
};

struct tc_flow {
	struct rhash_head by_cookie;
	struct rhash_head by_match;
	struct list_head list;
	u64 cookie;
	struct tc_match match;
	u64 packets, bytes;		/* in Xen, at the last sweep */
	u64 packets_told, bytes_told;	/* to tc */
	unsigned long used;		/* jiffies */
};

static const struct rhashtable_params cookie_params = {
	.key_len = sizeof_field(struct tc_flow, cookie),
	.key_offset = offsetof(struct tc_flow, cookie),
	.head_offset = offsetof(struct tc_flow, by_cookie),
	.automatic_shrinking = true,
};

static const struct rhashtable_params match_params = {
	.key_len = sizeof_field(struct tc_flow, match),
	.key_offset = offsetof(struct tc_flow, match),
	.head_offset = offsetof(struct tc_flow, by_match),
	.automatic_shrinking = true,
};

static DEFINE_MUTEX(tc_lock);
static struct rhashtable cookies, matches;
static LIST_HEAD(flows);
static LIST_HEAD(blocks);		/* flow_block_cb; rtnl */
static struct hicamp_flow_stats *sweep_stats;	/* SWEEP_BATCH */
static unsigned long sweep_next;
static u64 action_list[HICAMP_ACTIONS_MAX / sizeof(u64)];
static bool keep;			/* set once, with tc_lock held */
static bool adopting;			/* rtnl */

static unsigned int adopt_s = 30;
module_param(adopt_s, uint, 0444);
MODULE_PARM_DESC(adopt_s,
		 "Seconds after a bridge that offloads is there when flows that an earlier driver domain left, and this one has not installed again, go; 0: never (default 30)");

/* ---- Flows ------------------------------------------------------------- */

static void flow_forget(struct tc_flow *tf)
{
	rhashtable_remove_fast(&cookies, &tf->by_cookie, cookie_params);
	rhashtable_remove_fast(&matches, &tf->by_match, match_params);
	list_del(&tf->list);
	kfree(tf);
}

static int flow_remove(struct tc_flow *tf)
{
	struct hicamp_flow flow = {
		.key = tf->match.key,
		.mask = tf->match.mask,
		.command = HICAMP_FLOW_DELETE,
	};
	int err = keep ? 0 : hicamp_hv_flow_update(&flow);

	if (err && err != -ENOENT)	/* it goes with its port */
		pr_err("cannot delete a flow: %d\n", err);
	flow_forget(tf);
	return err == -ENOENT ? 0 : err;
}

/* Remember a flow that Xen has. */
static int flow_remember(const struct hicamp_flow *flow)
{
	struct tc_flow *tf = kzalloc(sizeof(*tf), GFP_KERNEL);
	int err;

	if (!tf)
		return -ENOMEM;
	tf->cookie = flow->cookie;
	tf->match.key = flow->key;
	tf->match.mask = flow->mask;
	tf->used = jiffies;
	err = rhashtable_insert_fast(&cookies, &tf->by_cookie, cookie_params);
	if (err)
		goto free;
	err = rhashtable_insert_fast(&matches, &tf->by_match, match_params);
	if (err)
		goto remove;
	list_add_tail(&tf->list, &flows);
	return 0;

remove:
	rhashtable_remove_fast(&cookies, &tf->by_cookie, cookie_params);
free:
	kfree(tf);
	return err;
}

/* The rule with this match gets another cookie. */
static int flow_take_over(struct tc_flow *tf, u64 cookie)
{
	rhashtable_remove_fast(&cookies, &tf->by_cookie, cookie_params);
	tf->cookie = cookie;
	return rhashtable_insert_fast(&cookies, &tf->by_cookie, cookie_params);
}

static int flow_install(struct hicamp_flow *flow)
{
	struct tc_match match = { .key = flow->key, .mask = flow->mask };
	struct tc_flow *tf;
	int err;

	flow->command = HICAMP_FLOW_ADD;
	err = hicamp_hv_flow_update(flow);
	if (err == -EEXIST) {
		flow->command = HICAMP_FLOW_MODIFY;
		err = hicamp_hv_flow_update(flow);
	}
	if (err)
		return err;

	tf = rhashtable_lookup_fast(&matches, &match, match_params);
	err = tf ? flow_take_over(tf, flow->cookie) : flow_remember(flow);
	if (err) {
		struct hicamp_flow gone = {
			.key = flow->key,
			.mask = flow->mask,
			.command = HICAMP_FLOW_DELETE,
		};

		hicamp_hv_flow_update(&gone);
	}
	return err;
}

static struct tc_flow *flow_find(u64 cookie)
{
	return rhashtable_lookup_fast(&cookies, &cookie, cookie_params);
}

/* ---- Another driver domain's ------------------------------------------- */

static void adopt(struct work_struct *work)
{
	int err = hicamp_hv_flow_flush_orphans();

	if (err)
		pr_err("cannot delete what an earlier driver domain left: %d\n",
		       err);
}

static DECLARE_DELAYED_WORK(adopt_work, adopt);

void hicamp_tc_keep(void)
{
	mutex_lock(&tc_lock);
	keep = true;
	mutex_unlock(&tc_lock);
}

bool hicamp_tc_kept(void)
{
	return READ_ONCE(keep);
}

/* ---- Statistics -------------------------------------------------------- */

static void stats_store(const struct hicamp_flow_stats *s)
{
	struct tc_flow *tf = flow_find(s->cookie);

	if (!tf)
		return;
	tf->packets = s->packets;
	tf->bytes = s->bytes;
	if (s->used_ns != ~0ULL)
		tf->used = jiffies - min_t(u64, nsecs_to_jiffies64(s->used_ns),
					   LONG_MAX / 2);
}

static void stats_sweep(void)
{
	u64 cursor = 0;
	int i, nr;

	if (time_before(jiffies, sweep_next))
		return;
	do {
		nr = hicamp_hv_flow_stats(&cursor, sweep_stats, SWEEP_BATCH);
		for (i = 0; i < nr; i++)
			stats_store(&sweep_stats[i]);
	} while (nr == SWEEP_BATCH);
	sweep_next = jiffies + SWEEP_INTERVAL;
}

/* ---- Commands ---------------------------------------------------------- */

/* Say why the switch refused a flow. */
static void explain(struct netlink_ext_ack *extack, int err)
{
	switch (err) {
	case -ENOSPC:
		NL_SET_ERR_MSG(extack, "the switch has no room for this flow or its mask");
		break;
	case -ENOENT:
		NL_SET_ERR_MSG(extack, "a port of the flow is gone");
		break;
	case -EOPNOTSUPP:
		NL_SET_ERR_MSG(extack, "the switch does not know this action or field");
		break;
	default:
		NL_SET_ERR_MSG(extack, "the switch refused the flow");
		break;
	}
}

static int flower_replace(struct hicamp_tc_port *tp, struct flow_cls_offload *f)
{
	struct netlink_ext_ack *extack = f->common.extack;
	struct hicamp_flow flow;
	int err;

	if (tp->policed) {
		NL_SET_ERR_MSG(extack, "the port is policed in software");
		return -EOPNOTSUPP;
	}
	err = hicamp_tc_translate(f, tp->port, &flow, action_list,
				  sizeof(action_list));
	if (err)
		return err;
	err = flow_install(&flow);
	if (err)
		explain(extack, err);
	return err;
}

static int flower_stats(struct flow_cls_offload *f)
{
	struct tc_flow *tf;

	stats_sweep();
	tf = flow_find(f->cookie);
	if (!tf)
		return -ENOENT;
	flow_stats_update(&f->stats, tf->bytes - tf->bytes_told,
			  tf->packets - tf->packets_told, 0, tf->used,
			  FLOW_ACTION_HW_STATS_DELAYED);
	tf->bytes_told = tf->bytes;
	tf->packets_told = tf->packets;
	return 0;
}

static int setup_flower(struct hicamp_tc_port *tp, struct flow_cls_offload *f)
{
	struct tc_flow *tf;

	switch (f->command) {
	case FLOW_CLS_REPLACE:
		return flower_replace(tp, f);
	case FLOW_CLS_DESTROY:
		tf = flow_find(f->cookie);
		return tf ? flow_remove(tf) : 0; /* taken over */
	case FLOW_CLS_STATS:
		return flower_stats(f);
	default:
		return -EOPNOTSUPP;
	}
}

/* All flows that begin at a port go. */
static void port_forget(const struct hicamp_tc_port *tp)
{
	struct tc_flow *tf, *next;

	list_for_each_entry_safe(tf, next, &flows, list)
		if (tf->match.key.in_port == tp->port)
			flow_remove(tf);
}

/* The rate of a policer that Xen can have, or an error and a message. */
static int police_rate(struct tc_cls_matchall_offload *m, u64 *rate, u64 *burst)
{
	struct netlink_ext_ack *extack = m->common.extack;
	const struct flow_action_entry *act = &m->rule->action.entries[0];

	if (!flow_offload_has_one_action(&m->rule->action) ||
	    act->id != FLOW_ACTION_POLICE) {
		NL_SET_ERR_MSG(extack, "matchall is for one policer");
		return -EOPNOTSUPP;
	}
	if (act->police.exceed.act_id != FLOW_ACTION_DROP ||
	    !act->police.rate_bytes_ps || act->police.peakrate_bytes_ps ||
	    act->police.avrate || act->police.overhead ||
	    act->police.rate_pkt_ps) {
		NL_SET_ERR_MSG(extack, "policer that is not bytes per second and drop");
		return -EOPNOTSUPP;
	}
	*rate = act->police.rate_bytes_ps;
	*burst = clamp_t(u64, act->police.burst, HICAMP_LEN_MAX, U32_MAX);
	return 0;
}

/*
 * A policer for all that the port sends becomes its rate in Xen. What Xen cannot
 * have, tc does in software, where all that the port sends must pass then.
 */
static int matchall_replace(struct hicamp_tc_port *tp,
			    struct tc_cls_matchall_offload *m)
{
	u64 rate, burst;
	int err;

	err = police_rate(m, &rate, &burst);
	if (!err && tp->policer && tp->policer != m->cookie) {
		NL_SET_ERR_MSG(m->common.extack, "a port has one policer");
		err = -EOPNOTSUPP;
	}
	if (!err)
		err = hicamp_hv_port_rate(tp->domid, tp->devid, rate, burst);
	if (err) {
		tp->policed++;
		port_forget(tp);
		return err;
	}
	tp->policer = m->cookie;
	return 0;
}

static int matchall_destroy(struct hicamp_tc_port *tp,
			    struct tc_cls_matchall_offload *m)
{
	if (tp->policer == m->cookie) {
		tp->policer = 0;
		if (!keep)
			hicamp_hv_port_rate(tp->domid, tp->devid, 0, 0);
	} else if (tp->policed) {
		tp->policed--;
	}
	return 0;
}

static int setup_matchall(struct hicamp_tc_port *tp,
			  struct tc_cls_matchall_offload *m)
{
	switch (m->command) {
	case TC_CLSMATCHALL_REPLACE:
		return matchall_replace(tp, m);
	case TC_CLSMATCHALL_DESTROY:
		return matchall_destroy(tp, m);
	default:	/* statistics: drop_rate is the port's */
		return -EOPNOTSUPP;
	}
}

static int setup_block_cb(enum tc_setup_type type, void *data, void *priv)
{
	struct hicamp_tc_port *tp = priv;
	int err = -EOPNOTSUPP;

	mutex_lock(&tc_lock);
	if (type == TC_SETUP_CLSMATCHALL)
		err = setup_matchall(tp, data);
	else if (type == TC_SETUP_CLSFLOWER &&
		 tc_cls_can_offload_and_chain0(tp->dev, data)) /* says why not */
		err = setup_flower(tp, data);
	mutex_unlock(&tc_lock);
	return err;
}

int hicamp_tc_setup(struct hicamp_tc_port *tp, enum tc_setup_type type,
		    void *data)
{
	struct flow_block_offload *block = data;

	if (type != TC_SETUP_BLOCK)
		return -EOPNOTSUPP;
	/* Rules are going to come. */
	if (block->command == FLOW_BLOCK_BIND && adopt_s && !adopting) {
		adopting = true;
		schedule_delayed_work(&adopt_work, adopt_s * HZ);
	}
	block->unlocked_driver_cb = true;
	return flow_block_cb_setup_simple(block, &blocks, setup_block_cb, tp,
					  tp, true);
}

int hicamp_tc_init(void)
{
	int err;

	sweep_next = jiffies;
	sweep_stats = kcalloc(SWEEP_BATCH, sizeof(*sweep_stats), GFP_KERNEL);
	if (!sweep_stats)
		return -ENOMEM;
	err = rhashtable_init(&cookies, &cookie_params);
	if (err)
		goto free;
	err = rhashtable_init(&matches, &match_params);
	if (err)
		goto destroy;
	err = hicamp_tc_meter_init();
	if (err)
		goto destroy_matches;
	return 0;

destroy_matches:
	rhashtable_destroy(&matches);
destroy:
	rhashtable_destroy(&cookies);
free:
	kfree(sweep_stats);
	return err;
}

/* There is no representor, so no rule, any more. */
void hicamp_tc_exit(void)
{
	struct tc_flow *tf, *next;

	cancel_delayed_work_sync(&adopt_work);
	list_for_each_entry_safe(tf, next, &flows, list)
		flow_remove(tf);
	hicamp_tc_meter_exit();
	rhashtable_destroy(&matches);
	rhashtable_destroy(&cookies);
	kfree(sweep_stats);
}
