// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver domain's own rings: the fabric, and uplinks
 *
 * Lives here: the netdevs that have them, which are of no use by themselves. The
 * fabric carries packets of all ports, each with the number of its port; an
 * uplink's rings, those between the switch and one NIC. An uplink is a port as a
 * guest's is, so what floods the fabric is not in its way. Both have a queue for
 * each CPU.
 *
 * Invariant: what comes up is handed to a representor that something above it
 * serves, or to the NIC, or dropped and counted; never to the driver domain's
 * own stack.
 *
 * Called by: hicamp_netback, recv.c.
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/kernel_stat.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>

#include "hicamp_fabric.h"
#include "hicamp_netfront.h"

/* One port that floods is to fill the line in Xen, which is shared fairly. */
#define HNF_FABRIC_RX		256	/* slots */
#define HNF_FABRIC_RING		1024

static netdev_tx_t hnf_fabric_refuse(struct sk_buff *skb,
				     struct net_device *dev)
{
	dev_core_stats_tx_dropped_inc(dev);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops hnf_fabric_netdev_ops = {
	.ndo_open		= hnf_open,
	.ndo_stop		= hnf_stop,
	.ndo_start_xmit		= hnf_fabric_refuse,
	.ndo_get_stats64	= hnf_get_stats64,
	.ndo_tx_timeout		= hnf_tx_timeout,
};

/**
 * hnf_fabric_rep - who gets a packet that came up
 * @np: the fabric
 * @port: its ingress port
 *
 * Return: a representor with a bridge or the like above it, or NULL.
 */
struct net_device *hnf_fabric_rep(struct hnf_port *np, u32 port)
{
	struct net_device *rep = np->fabric->rep(port);

	return rep && rcu_access_pointer(rep->rx_handler) ? rep : NULL;
}

/* Send through a queue, to a port; false: not sent, the caller has it still. */
static bool hnf_xmit_direct(struct net_device *dev, struct sk_buff *skb,
			    unsigned int queue, u32 port, bool more)
{
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue);
	bool sent = false;

	/* Pages of others (of a guest of stock netback's) are not ours to send. */
	if (unlikely(skb_orphan_frags(skb, GFP_ATOMIC)))
		return false;
	skb_set_queue_mapping(skb, queue);

	__netif_tx_lock(txq, smp_processor_id());
	if (likely(!netif_xmit_frozen_or_stopped(txq))) {
		hnf_tx_cb(skb)->port = port;
		sent = __netdev_start_xmit(&hnf_netdev_ops, skb, dev, more) ==
		       NETDEV_TX_OK;
		txq_trans_cond_update(txq);
	}
	__netif_tx_unlock(txq);
	return sent;
}

/**
 * hicamp_fabric_xmit - send a packet to a port
 * @dev: the fabric
 * @skb: the packet; taken in every case
 * @port: the port's id
 *
 * Bottom halves are off.
 *
 * Return: false if it was dropped.
 */
bool hicamp_fabric_xmit(struct net_device *dev, struct sk_buff *skb, u32 port)
{
	unsigned int queue = smp_processor_id() % dev->real_num_tx_queues;

	if (likely(hnf_xmit_direct(dev, skb, queue, port, netdev_xmit_more())))
		return true;
	dev_kfree_skb_any(skb);
	return false;
}
EXPORT_SYMBOL_GPL(hicamp_fabric_xmit);

/**
 * hicamp_uplink_xmit - send a packet that a NIC received to the switch
 * @dev: the uplink's rings
 * @skb: the packet, from its Ethernet header on; taken in every case
 *
 * The first of a run of NET_RX goes at once. What comes behind it stands in the
 * ring until our own NAPI poll, behind the NIC's, and has one doorbell. What does
 * not fit is counted as dropped. Bottom halves are off.
 */
void hicamp_uplink_xmit(struct net_device *dev, struct sk_buff *skb)
{
	struct hnf_port *np = netdev_priv(dev);
	unsigned int queue = skb_rx_queue_recorded(skb) ?
			     skb_get_rx_queue(skb) : smp_processor_id();
	unsigned int run = kstat_softirqs_cpu(NET_RX_SOFTIRQ,
					      smp_processor_id());
	struct hnf_queue *q;
	struct sk_buff *next;
	bool again, behind;

	queue %= dev->real_num_tx_queues;
	q = &np->queues[queue];
	behind = READ_ONCE(q->net_rx_run) == run;
	WRITE_ONCE(q->net_rx_run, run);
	skb->dev = dev;
	/* GRO merges more than TCP, and makes longer lists than there are extents. */
	skb = validate_xmit_skb_list(skb, dev, &again);
	skb_list_walk_safe(skb, skb, next) {
		skb_mark_not_on_list(skb);
		if (unlikely(!hnf_xmit_direct(dev, skb, queue, 0,
					      next || behind))) {
			dev_core_stats_tx_dropped_inc(dev);
			dev_kfree_skb_any(skb);
		}
	}
	if (behind)
		napi_schedule(&q->napi);
}
EXPORT_SYMBOL_GPL(hicamp_uplink_xmit);

/**
 * hicamp_fabric_check - ndo_features_check of who sends through the fabric
 * @skb: the packet
 * @dev: the representor
 * @features: what could be
 *
 * Return: @features, perhaps less.
 */
netdev_features_t hicamp_fabric_check(struct sk_buff *skb,
				      struct net_device *dev,
				      netdev_features_t features)
{
	return hnf_features_check(skb, dev, features);
}
EXPORT_SYMBOL_GPL(hicamp_fabric_check);

/**
 * hnf_uplink_deliver - hand a packet to the NIC
 * @np: the uplink
 * @skb: the packet, as for the stack
 */
void hnf_uplink_deliver(struct hnf_port *np, struct sk_buff *skb)
{
	int depth;

	skb_push(skb, ETH_HLEN);
	/* Drivers look for IP behind tags, to finish it, and so do we. */
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    eth_type_vlan(skb->protocol)) {
		if (!__vlan_get_protocol(skb, skb->protocol, &depth)) {
			dev_core_stats_rx_dropped_inc(np->netdev);
			dev_kfree_skb_any(skb);
			return;
		}
		skb_set_network_header(skb, depth);
	}
	np->uplink->send(np->uplink_priv, skb);
}

static const struct net_device_ops hnf_uplink_netdev_ops = {
	.ndo_open		= hnf_open,
	.ndo_stop		= hnf_stop,
	.ndo_start_xmit		= hnf_fabric_refuse,
	.ndo_features_check	= hnf_features_check,
	.ndo_get_stats64	= hnf_get_stats64,
	.ndo_tx_timeout		= hnf_tx_timeout,
};

/* What an unregistered netdev leaves; see hnf_carrier_start(). */
static void hnf_carrier_gone(struct net_device *dev)
{
	hnf_port_exit(netdev_priv(dev));
}

/*
 * Make the netdev, which is initialised, and give Xen its rings. On failure both
 * are gone, and memory is freed when rtnl is let go. rtnl is held.
 */
static int hnf_carrier_start(struct net_device *dev)
{
	struct hnf_port *np = netdev_priv(dev);
	int err;

	err = register_netdevice(dev);
	if (err) {
		hnf_port_exit(np);
		free_netdev(dev);
		return err;
	}
	dev->priv_destructor = hnf_carrier_gone;
	dev->needs_free_netdev = true;

	err = hnf_port_attach(np);
	if (!err)
		err = dev_open(dev, NULL);
	if (err) {
		hnf_port_detach(np, false);
		unregister_netdevice(dev);
		return err;
	}
	netif_carrier_on(dev);
	return 0;
}

/* A netdev for rings, for hnf_carrier_start(), or an ERR_PTR. */
static struct net_device *hnf_carrier_alloc(bool fabric, const char *name,
					    u32 devid)
{
	struct hicamp_version version;
	struct net_device *dev;
	struct hnf_port *np;
	int err;

	err = hicamp_handshake(&version);
	if (err)
		return ERR_PTR(err);
	if (fabric && !(version.features & HICAMP_FEAT_FABRIC))
		return ERR_PTR(-EOPNOTSUPP);

	dev = hnf_port_alloc(&version);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	strscpy(dev->name, name, sizeof(dev->name));
	eth_hw_addr_random(dev);
	netif_carrier_off(dev);

	np = netdev_priv(dev);
	np->devid = devid;
	hnf_port_setup(np, &version);
	dev->flags |= IFF_NOARP;
	dev->flags &= ~(IFF_MULTICAST | IFF_BROADCAST);
	err = hnf_port_init(np);
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return dev;
}

/**
 * hicamp_fabric_create - serve the fabric
 * @ops: what to do with packets; until hicamp_fabric_destroy()
 *
 * Packets may come before it returns.
 *
 * Return: the netdev, or an ERR_PTR; -EOPNOTSUPP if this Xen has no fabric,
 * -EBUSY if another domain serves it.
 */
struct net_device *hicamp_fabric_create(const struct hicamp_fabric_ops *ops)
{
	struct net_device *dev = hnf_carrier_alloc(true, "hicamp-fabric",
						   HICAMP_FABRIC_DEVID);
	struct hnf_port *np;
	int err;

	if (IS_ERR(dev))
		return dev;
	np = netdev_priv(dev);
	np->fabric = ops;
	np->sizes.rx = HNF_FABRIC_RX;
	np->sizes.tx = HNF_FABRIC_RING;
	np->sizes.fill = HNF_FABRIC_RING;
	np->sizes.comp = HNF_FABRIC_RING;
	dev->netdev_ops = &hnf_fabric_netdev_ops;

	rtnl_lock();
	err = hnf_carrier_start(dev);
	rtnl_unlock();
	return err ? ERR_PTR(err) : dev;
}
EXPORT_SYMBOL_GPL(hicamp_fabric_create);

/**
 * hicamp_fabric_destroy - serve the fabric no longer
 * @dev: from hicamp_fabric_create(); nobody sends through it any more
 *
 * Packets may come until it returns. Ports and flows stay.
 */
void hicamp_fabric_destroy(struct net_device *dev)
{
	rtnl_lock();
	hnf_port_detach(netdev_priv(dev), false);
	unregister_netdevice(dev);
	rtnl_unlock();
}
EXPORT_SYMBOL_GPL(hicamp_fabric_destroy);

/**
 * hicamp_uplink_create - serve a port of this domain, for a NIC
 * @devid: the port's; it exists
 * @ops: what to do with packets; until hicamp_uplink_destroy()
 * @priv: for @ops
 *
 * Packets may come before it returns. rtnl is held.
 *
 * Return: the netdev, or an ERR_PTR.
 */
struct net_device *hicamp_uplink_create(u32 devid,
					const struct hicamp_uplink_ops *ops,
					void *priv)
{
	struct net_device *dev = hnf_carrier_alloc(false, "hicamp-rings%d",
						   devid);
	struct hnf_port *np;
	int err;

	if (IS_ERR(dev))
		return dev;
	np = netdev_priv(dev);
	np->uplink = ops;
	np->uplink_priv = priv;
	dev->netdev_ops = &hnf_uplink_netdev_ops;
	dev->mtu = dev->max_mtu;	/* the NIC's is the port's */

	err = hnf_carrier_start(dev);
	return err ? ERR_PTR(err) : dev;
}
EXPORT_SYMBOL_GPL(hicamp_uplink_create);

/**
 * hicamp_uplink_destroy - serve the port no longer
 * @dev: from hicamp_uplink_create(); nobody sends through it any more
 * @head: of what is unregistered together, or NULL
 *
 * No packet comes after it. rtnl is held.
 */
void hicamp_uplink_destroy(struct net_device *dev, struct list_head *head)
{
	hnf_port_detach(netdev_priv(dev), false);
	unregister_netdevice_queue(dev, head);
}
EXPORT_SYMBOL_GPL(hicamp_uplink_destroy);
