// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a port: attach, detach, netdev operations
 *
 * Lives here: the rings' memory, the event, starting and stopping queues.
 *
 * Invariants:
 *  - rtnl is held whenever np->attached or a queue's rings change, so ndo and
 *    ethtool operations see either an attached or a detached port.
 *  - A queue's memory is freed after NAPI, timers, event and tx path have been
 *    stopped and Xen has answered the detach.  If that answer is an error that
 *    leaves doubt, the memory is leaked.
 *  - A detached port's tx queues are stopped: packets wait in the qdisc until
 *    the next attach, or are dropped there when the carrier goes.
 *
 * Called by: main.c (setup, attach, detach), ethtool.c (sizes), the network
 * core (operations), xmit.c and recv.c (hnf_queue_broken).
 */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/vmalloc.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

static unsigned int tx_slots = 1024;
module_param(tx_slots, uint, 0444);
MODULE_PARM_DESC(tx_slots, "Slots of a tx ring (default 1024)");

static unsigned int rx_slots = 1024;
module_param(rx_slots, uint, 0444);
MODULE_PARM_DESC(rx_slots, "Slots of an rx ring (default 1024)");

static unsigned int fill_entries = 1024;
module_param(fill_entries, uint, 0444);
MODULE_PARM_DESC(fill_entries, "Entries of a fill ring (default 1024)");

static unsigned int max_queues;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues,
		 "Queues of a vif, at most 8, 0 for one per CPU (default 0)");

static unsigned int comp_entries = 512;
module_param(comp_entries, uint, 0444);
MODULE_PARM_DESC(comp_entries, "Entries of a completion ring (default 512)");

#define HNF_DETACH_MS		20000

/**
 * hnf_queue_broken - give a queue up until the next attach
 * @q: the queue
 * @why: what is wrong, for the log
 *
 * May be called from any context.
 */
void hnf_queue_broken(struct hnf_queue *q, const char *why)
{
	if (xchg(&q->broken, true))
		return;
	netdev_err(q->np->netdev, "queue %u stopped until it is connected again: %s\n",
		   q->id, why);
}

static irqreturn_t hnf_event(int irq, void *arg)
{
	struct hnf_queue *q = arg;

	WRITE_ONCE(q->rings.ctrl->rx_event, 0);	/* NAPI sets it again */
	napi_schedule(&q->napi);
	return IRQ_HANDLED;
}

static void hnf_retry(struct timer_list *t)
{
	struct hnf_queue *q = from_timer(q, t, retry);

	napi_schedule(&q->napi);
}

/* Let packets flow through an attached queue of a device that is up. */
static void hnf_queue_start(struct hnf_queue *q)
{
	if (q->running)
		return;
	q->running = true;
	napi_enable(&q->napi);
	netif_tx_wake_queue(hnf_txq(q));
	local_bh_disable();
	napi_schedule(&q->napi);	/* which fills the fill ring */
	local_bh_enable();
}

static void hnf_queue_stop(struct hnf_queue *q)
{
	if (q->running)
		napi_disable(&q->napi);
	q->running = false;
	del_timer_sync(&q->retry);
}

static size_t hnf_area_bytes(const struct hnf_rings *r)
{
	return HICAMP_AREA_BYTES(r->tx_slots, r->rx_slots, r->fill_entries,
				 r->comp_entries);
}

/* Memory for the rings, of np->sizes, all zero. */
static int hnf_area_alloc(struct hnf_queue *q)
{
	const struct hnf_sizes *s = &q->np->sizes;
	struct hnf_rings *r = &q->rings;
	u8 *area;
	int err;

	r->tx_slots = s->tx;
	r->rx_slots = s->rx;
	r->fill_entries = s->fill;
	r->comp_entries = s->comp;

	area = vzalloc(hnf_area_bytes(r));
	if (!area)
		return -ENOMEM;
	err = hnf_tx_alloc(q);
	if (err) {
		vfree(area);
		return err;
	}

	q->area = area;
	r->ctrl = (void *)area;
	r->tx = area + HICAMP_TX_OFF(s->tx, s->rx, s->fill, s->comp);
	r->rx = area + HICAMP_RX_OFF(s->tx, s->rx, s->fill, s->comp);
	r->fill = (void *)(area +
			   HICAMP_FILL_OFF(s->tx, s->rx, s->fill, s->comp));
	r->comp = (void *)(area +
			   HICAMP_COMP_OFF(s->tx, s->rx, s->fill, s->comp));
	return 0;
}

/* Free the rings and what is under way; if leak, nothing that Xen may see. */
static void hnf_area_free(struct hnf_queue *q, bool leak)
{
	if (!q->area)
		return;
	hnf_tx_free(q, leak);
	hnf_pool_unpost(q);
	if (!leak)
		vfree(q->area);
	q->area = NULL;
	memset(&q->rings, 0, sizeof(q->rings));
}

/* Describe a queue's area to Xen; the frame list is freed by the caller. */
static int hnf_queue_describe(struct hnf_queue *q, struct hicamp_queue *arg)
{
	size_t nr = DIV_ROUND_UP(hnf_area_bytes(&q->rings), PAGE_SIZE), i;
	u64 *frames = kvcalloc(nr, sizeof(*frames), GFP_KERNEL);

	if (!frames)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct page *page = vmalloc_to_page(q->area + i * PAGE_SIZE);

		frames[i] = pfn_to_gfn(page_to_pfn(page));
	}
	arg->tx_slots = q->rings.tx_slots;
	arg->rx_slots = q->rings.rx_slots;
	arg->fill_entries = q->rings.fill_entries;
	arg->comp_entries = q->rings.comp_entries;
	arg->frames = (unsigned long)frames;
	arg->nr_frames = nr;
	return 0;
}

/* A NIC may still read what we sent; Xen sees to it that this ends. */
static int hnf_xen_detach(struct hnf_port *np)
{
	struct hicamp_port_detach arg = { .devid = np->devid };
	unsigned int op = np->fabric ? HICAMP_OP_fabric_detach :
				       HICAMP_OP_port_detach;
	unsigned int ms;
	int err;

	for (ms = 0; ms < HNF_DETACH_MS; ms += 20) {
		err = hicamp_hypercall(op, &arg);
		if (err != -EBUSY)
			break;
		msleep(20);
	}
	return err;
}

/* The attach hypercall; what an earlier kernel left behind is cleared. */
static int hnf_xen_attach(struct hnf_port *np, struct hicamp_queue *queues)
{
	struct hicamp_port_attach arg = {
		.devid = np->devid,
		.nr_queues = np->nr_queues,
		.queues = (unsigned long)queues,
	};
	unsigned int op = np->fabric ? HICAMP_OP_fabric_attach :
				       HICAMP_OP_port_attach;
	int err = hicamp_hypercall(op, &arg);

	if (err == -EBUSY) {
		netdev_info(np->netdev, "port is still attached: detaching\n");
		err = hnf_xen_detach(np);
		if (err == -ENOTCONN && np->fabric)
			return -EBUSY;	/* by another domain */
		if (err && err != -ENOTCONN)
			return err;
		err = hicamp_hypercall(op, &arg);
	}
	if (!err)
		np->id = arg.port;
	return err;
}

/*
 * A queue of several works for some of the CPUs: it is sent through from there,
 * and its event goes to the first of them.  Hints, so errors do not matter.
 */
static void hnf_queue_place(struct hnf_queue *q)
{
	struct hnf_port *np = q->np;
	cpumask_var_t mask;
	int cpu, at = 0;

	if (np->nr_queues < 2 || !zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	for_each_online_cpu(cpu)
		if (at++ % np->nr_queues == q->id)
			cpumask_set_cpu(cpu, mask);
	if (!cpumask_empty(mask)) {
		netif_set_xps_queue(np->netdev, mask, q->id);
		irq_set_affinity_and_hint(q->irq,
					  cpumask_of(cpumask_first(mask)));
	}
	free_cpumask_var(mask);
}

/* Bind to the event channel that Xen made for the queue in our own domain. */
static int hnf_event_bind(struct hnf_queue *q, evtchn_port_t evtchn)
{
	struct evtchn_bind_interdomain bind = {
		.remote_dom = DOMID_SELF,
		.remote_port = evtchn,
	};
	const char *name = q->np->netdev->name;
	struct evtchn_close close;
	int err;

	err = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	if (err)
		return err;
	if (q->np->nr_queues > 1) {
		snprintf(q->irq_name, sizeof(q->irq_name), "%s-q%u", name,
			 q->id);
		name = q->irq_name;
	}
	err = bind_evtchn_to_irqhandler(bind.local_port, hnf_event, 0, name, q);
	if (err < 0) {
		close.port = bind.local_port;
		HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
		return err;
	}
	q->irq = err;
	hnf_queue_place(q);
	return 0;
}

static void hnf_event_unbind(struct hnf_queue *q)
{
	if (q->irq) {
		irq_set_affinity_and_hint(q->irq, NULL);
		unbind_from_irqhandler(q->irq, q);
	}
	q->irq = 0;
}

static void hnf_port_release(struct hnf_port *np, bool leak)
{
	unsigned int i;

	for (i = 0; i < np->nr_queues; i++)
		hnf_area_free(&np->queues[i], leak);
}

static void hnf_frames_free(struct hnf_port *np, struct hicamp_queue *arg)
{
	unsigned int i;

	for (i = 0; i < np->nr_queues; i++)
		kvfree((void *)(unsigned long)arg[i].frames);
}

/* Detach in Xen; true if Xen may still hold our memory. */
static bool hnf_xen_keeps(struct hnf_port *np)
{
	int err = hnf_xen_detach(np);

	/* Destroyed, or detached by others, is as good. */
	if (!err || err == -ENOENT || err == -ENOTCONN)
		return false;
	netdev_err(np->netdev, "cannot detach: %d, rings leaked\n", err);
	return true;
}

/* As hnf_port_attach(), with so many queues as np->nr_queues says. */
static int hnf_queues_attach(struct hnf_port *np)
{
	struct hicamp_queue arg[HICAMP_QUEUES_MAX] = {};
	unsigned int i;
	int err = 0;

	for (i = 0; i < np->nr_queues && !err; i++) {
		err = hnf_area_alloc(&np->queues[i]);
		if (!err)
			err = hnf_queue_describe(&np->queues[i], &arg[i]);
	}
	if (err)
		goto out_release;

	err = hnf_xen_attach(np, arg);
	if (err)
		goto out_release;

	for (i = 0; i < np->nr_queues; i++) {
		err = hnf_event_bind(&np->queues[i], arg[i].evtchn);
		if (err)
			goto out_unbind;
	}
	hnf_frames_free(np, arg);

	np->attached = true;
	for (i = 0; i < np->nr_queues; i++) {
		struct hnf_queue *q = &np->queues[i];
		struct netdev_queue *txq = hnf_txq(q);

		__netif_tx_lock_bh(txq);
		q->broken = false;
		q->live = true;
		__netif_tx_unlock_bh(txq);
		if (np->uplink)
			hnf_window_open(q);
		if (netif_running(np->netdev))
			hnf_queue_start(q);
	}
	return 0;

out_unbind:
	for (i = 0; i < np->nr_queues; i++)
		hnf_event_unbind(&np->queues[i]);
	hnf_frames_free(np, arg);
	hnf_port_release(np, hnf_xen_keeps(np));
	return err;

out_release:
	hnf_frames_free(np, arg);
	hnf_port_release(np, false);
	return err;
}

/* The network core must know, too. */
static int hnf_set_nr_queues(struct hnf_port *np, unsigned int nr)
{
	unsigned int old = np->nr_queues;
	int err;

	err = netif_set_real_num_queues(np->netdev, nr, nr);
	if (!err) {
		np->nr_queues = nr;
		for (; nr < old; nr++) {
			hnf_share_drain(&np->queues[nr], false);
			hnf_pool_drain(&np->queues[nr], false);
		}
	}
	return err;
}

/**
 * hnf_port_attach - give the port its rings and put it in service
 * @np: the port, detached; rtnl is held
 *
 * A domain has so many queues in all, and event channels: where these do not
 * suffice, the port gets fewer.
 *
 * Return: 0 or a negative errno.
 */
int hnf_port_attach(struct hnf_port *np)
{
	unsigned int wanted = np->nr_queues;
	int err;

	ASSERT_RTNL();
	if (np->attached)
		return -EBUSY;

	err = hnf_queues_attach(np);
	while (err == -ENOSPC && np->nr_queues > 1) {
		err = hnf_set_nr_queues(np, np->nr_queues / 2);
		if (!err)
			err = hnf_queues_attach(np);
	}
	if (!err && np->nr_queues < wanted)
		netdev_warn(np->netdev,
			    "%u queues are too many for this domain, using %u\n",
			    wanted, np->nr_queues);
	return err;
}

/**
 * hnf_port_detach - take the port out of service, free its rings
 * @np: the port; rtnl is held
 * @forget: we are in a new domain: neither port nor grant space of ours exist
 *
 * Receive runs stay issued, unless forgotten.
 */
void hnf_port_detach(struct hnf_port *np, bool forget)
{
	unsigned int i;
	bool leak;

	ASSERT_RTNL();
	if (np->attached) {
		for (i = 0; i < np->nr_queues; i++) {
			struct hnf_queue *q = &np->queues[i];
			struct netdev_queue *txq = hnf_txq(q);

			__netif_tx_lock_bh(txq);
			q->live = false;
			netif_tx_stop_queue(txq);
			__netif_tx_unlock_bh(txq);
			hnf_queue_stop(q);
			hnf_window_drain(q);
			hnf_tx_unhold(q);
			hnf_event_unbind(q);
		}
		np->attached = false;
		for (i = 0; forget && i < np->nr_queues; i++)
			hnf_share_forget(&np->queues[i]);
		leak = !forget && hnf_xen_keeps(np);
		hnf_port_release(np, leak);
		for (i = 0; i < np->nr_queues; i++)
			hnf_window_close(&np->queues[i], leak);
	}
	for (i = 0; forget && i < np->max_queues; i++) {
		hnf_share_drain(&np->queues[i], true);
		hnf_pool_drain(&np->queues[i], true);
	}
}

/**
 * hnf_port_alive - does Xen still serve the port?
 * @np: the port; rtnl is held
 *
 * Return: true if it is attached and none of its rings is stopped.
 */
bool hnf_port_alive(struct hnf_port *np)
{
	unsigned int i;

	if (!np->attached)
		return false;
	for (i = 0; i < np->nr_queues; i++)
		if (READ_ONCE(np->queues[i].broken) ||
		    hicamp_doorbell(np->id, i, HICAMP_DOORBELL_RX))
			return false;
	return true;
}

/**
 * hnf_port_channels - change how many queues are used
 * @np: the port; rtnl is held
 * @nr: 1 to np->max_queues
 *
 * Return: 0 or a negative errno, then all is as before, or the carrier is off.
 */
int hnf_port_channels(struct hnf_port *np, unsigned int nr)
{
	unsigned int old = np->nr_queues;
	bool attached = np->attached;
	int err;

	hnf_port_detach(np, false);
	err = hnf_set_nr_queues(np, nr);
	if (!attached)
		return err;
	if (!err)
		err = hnf_port_attach(np);
	if (err && (hnf_set_nr_queues(np, old) || hnf_port_attach(np))) {
		netif_carrier_off(np->netdev);
		netdev_err(np->netdev, "cannot attach again\n");
	}
	return err;
}

int hnf_open(struct net_device *dev)
{
	struct hnf_port *np = netdev_priv(dev);
	unsigned int i;

	for (i = 0; np->attached && i < np->nr_queues; i++)
		hnf_queue_start(&np->queues[i]);
	return 0;
}

int hnf_stop(struct net_device *dev)
{
	struct hnf_port *np = netdev_priv(dev);
	unsigned int i;

	netif_tx_disable(dev);
	for (i = 0; i < np->nr_queues; i++) {
		hnf_queue_stop(&np->queues[i]);
		if (np->attached) {
			local_bh_disable();
			hnf_tx_poll(&np->queues[i], 0);
			local_bh_enable();
			del_timer_sync(&np->queues[i].retry);
			hnf_tx_unhold(&np->queues[i]);
		}
	}
	return 0;
}

void hnf_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *tot)
{
	struct hnf_port *np = netdev_priv(dev);
	unsigned int i, start;

	for (i = 0; i < np->max_queues; i++) {
		const struct hnf_tx_stats *tx = &np->queues[i].tx_stats;
		const struct hnf_rx_stats *rx = &np->queues[i].rx_stats;
		u64 packets, bytes;

		do {
			start = u64_stats_fetch_begin(&tx->syncp);
			packets = tx->packets;
			bytes = tx->bytes;
		} while (u64_stats_fetch_retry(&tx->syncp, start));
		tot->tx_packets += packets;
		tot->tx_bytes += bytes;

		do {
			start = u64_stats_fetch_begin(&rx->syncp);
			packets = rx->packets;
			bytes = rx->bytes;
		} while (u64_stats_fetch_retry(&rx->syncp, start));
		tot->rx_packets += packets;
		tot->rx_bytes += bytes;

		tot->tx_errors += tx->bad;
		tot->tx_dropped += tx->drop_down + tx->drop_malformed +
				   tx->drop_nomem;
		tot->rx_errors += rx->drop_malformed;
		tot->rx_dropped += rx->drop_nomem + rx->drop_frags;
	}
}

void hnf_tx_timeout(struct net_device *dev, unsigned int txqueue)
{
	struct hnf_port *np = netdev_priv(dev);
	struct hnf_queue *q = &np->queues[txqueue];

	q->tx_stats.timeouts++;
	if (net_ratelimit())
		netdev_warn(dev, "queue %u does not move\n", txqueue);
	napi_schedule(&q->napi);
}

const struct net_device_ops hnf_netdev_ops = {
	.ndo_open		= hnf_open,
	.ndo_stop		= hnf_stop,
	.ndo_start_xmit		= hnf_start_xmit,
	.ndo_features_check	= hnf_features_check,
	.ndo_get_stats64	= hnf_get_stats64,
	.ndo_tx_timeout		= hnf_tx_timeout,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

/* A ring size from a module parameter: a power of two in range. */
static u32 hnf_size(unsigned int wanted, u32 max)
{
	wanted = clamp_t(u32, wanted, HICAMP_RING_MIN, max);
	return roundup_pow_of_two(wanted);
}

static void hnf_sizes_init(struct hnf_port *np, const struct hicamp_version *v)
{
	u32 max = clamp_t(u32, v->max_ring, HICAMP_RING_MIN, HICAMP_RING_MAX);

	np->max_ring = rounddown_pow_of_two(max);
	np->features = v->features;
	np->sizes.tx = hnf_size(tx_slots, np->max_ring);
	np->sizes.rx = hnf_size(rx_slots, np->max_ring);
	np->sizes.fill = hnf_size(fill_entries, np->max_ring);
	np->sizes.comp = hnf_size(comp_entries, np->max_ring);
}

/**
 * hnf_port_alloc - a netdev with queues, none of them set up
 * @v: what Xen offers
 *
 * Return: the netdev, for free_netdev(), or NULL.
 */
struct net_device *hnf_port_alloc(const struct hicamp_version *v)
{
	unsigned int nr = max_queues ?: num_online_cpus();
	struct net_device *dev;
	struct hnf_port *np;

	nr = min3(nr, v->max_queues, (u32)HICAMP_QUEUES_MAX);
	nr = max(nr, 1U);
	dev = alloc_etherdev_mq(struct_size(np, queues, nr), nr);
	if (dev) {
		np = netdev_priv(dev);
		np->netdev = dev;
		np->max_queues = nr;
		np->nr_queues = nr;
	}
	return dev;
}

/**
 * hnf_port_setup - what does not depend on being attached
 * @np: a port
 * @v: what Xen offers
 */
void hnf_port_setup(struct hnf_port *np, const struct hicamp_version *v)
{
	struct net_device *dev = np->netdev;
	netdev_features_t csum_gso = NETIF_F_SG | NETIF_F_FRAGLIST |
				     NETIF_F_HW_CSUM | NETIF_F_TSO |
				     NETIF_F_TSO6;
	unsigned int i;

	hnf_sizes_init(np, v);
	for (i = 0; i < np->max_queues; i++) {
		struct hnf_queue *q = &np->queues[i];

		q->np = np;
		q->id = i;
		spin_lock_init(&q->rx_lock);
		u64_stats_init(&q->tx_stats.syncp);
		u64_stats_init(&q->rx_stats.syncp);
		timer_setup(&q->retry, hnf_retry, 0);
		hnf_tx_setup(q);
		netif_napi_add(dev, &q->napi, hnf_poll);
	}

	dev->netdev_ops = &hnf_netdev_ops;
	dev->ethtool_ops = &hnf_ethtool_ops;
	dev->hw_features = csum_gso | NETIF_F_RXCSUM;
	/*
	 * The receiver checks headers and counts segments (as it must), so
	 * unchecked GSO packets may pass.  No TSO_ECN, no TSO_MANGLEID: the
	 * ABI does not carry these.
	 */
	dev->features = dev->hw_features | NETIF_F_HIGHDMA |
			NETIF_F_GSO_ROBUST;
	dev->vlan_features = csum_gso | NETIF_F_HIGHDMA;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;	/* we keep what we send */
	dev->watchdog_timeo = 5 * HZ;
	dev->min_mtu = ETH_MIN_MTU;
	/* A tagged packet must fit as well. */
	dev->max_mtu = HICAMP_LEN_MAX - ETH_HLEN - VLAN_HLEN;
	/* Of the whole frame: longer ones are segmented in software. */
	netif_set_tso_max_size(dev, HICAMP_LEN_MAX);
}

/**
 * hnf_port_init - memory that outlives attach and detach
 * @np: the port, set up
 *
 * Return: 0 or -ENOMEM.
 */
int hnf_port_init(struct hnf_port *np)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < np->max_queues && !err; i++)
		err = hnf_pool_init(&np->queues[i]);
	if (!err)
		err = hnf_shrinker_register(np);
	if (!err)
		return 0;

	for (i = 0; i < np->max_queues; i++)
		hnf_pool_destroy(&np->queues[i]);
	return err;
}

/**
 * hnf_port_exit - free it, and revoke what is issued
 * @np: the port, detached, its netdev unregistered
 */
void hnf_port_exit(struct hnf_port *np)
{
	unsigned int i;

	unregister_shrinker(&np->shrinker);
	for (i = 0; i < np->max_queues; i++) {
		hnf_pool_drain(&np->queues[i], false);
		hnf_share_drain(&np->queues[i], false);
		hnf_pool_destroy(&np->queues[i]);
	}
}
