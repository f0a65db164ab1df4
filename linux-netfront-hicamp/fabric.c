// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fabric: the driver domain's own rings
 *
 * Lives here: the netdev that has them, which carries packets of all ports,
 * each with the number of its port, and is of no use by itself.
 *
 * Invariant: what comes up is handed to a representor that something above it
 * serves, or dropped and counted; never to the driver domain's own stack.
 *
 * Called by: hicamp_netback, recv.c.
 */

#include <linux/etherdevice.h>
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
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	bool sent = false;

	/* Pages of others (of a guest of stock netback's) are not ours to send. */
	if (unlikely(skb_orphan_frags(skb, GFP_ATOMIC)))
		goto drop;
	skb_set_queue_mapping(skb, 0);

	__netif_tx_lock(txq, smp_processor_id());
	if (likely(!netif_xmit_frozen_or_stopped(txq))) {
		hnf_tx_cb(skb)->port = port;
		sent = hnf_start_xmit(skb, dev) == NETDEV_TX_OK;
		txq_trans_cond_update(txq);
	}
	__netif_tx_unlock(txq);
	if (likely(sent))
		return true;
drop:
	dev_kfree_skb_any(skb);
	return false;
}
EXPORT_SYMBOL_GPL(hicamp_fabric_xmit);

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

/* Make the netdev and give Xen its rings. */
static int hnf_fabric_start(struct net_device *dev)
{
	struct hnf_port *np = netdev_priv(dev);
	int err;

	err = register_netdev(dev);
	if (err)
		return err;

	rtnl_lock();
	err = hnf_port_attach(np);
	if (!err)
		err = dev_open(dev, NULL);
	if (err)
		hnf_port_detach(np, false);
	rtnl_unlock();
	if (err)
		unregister_netdev(dev);
	else
		netif_carrier_on(dev);
	return err;
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
	struct hicamp_version version;
	struct net_device *dev;
	struct hnf_port *np;
	int err;

	err = hicamp_handshake(&version);
	if (err)
		return ERR_PTR(err);
	if (!(version.features & HICAMP_FEAT_FABRIC))
		return ERR_PTR(-EOPNOTSUPP);

	dev = hnf_port_alloc(&version, true);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	strscpy(dev->name, "hicamp-fabric", sizeof(dev->name));
	eth_hw_addr_random(dev);
	netif_carrier_off(dev);

	np = netdev_priv(dev);
	np->fabric = ops;
	np->devid = HICAMP_FABRIC_DEVID;
	hnf_port_setup(np, &version);
	np->sizes.rx = HNF_FABRIC_RX;
	np->sizes.tx = HNF_FABRIC_RING;
	np->sizes.fill = HNF_FABRIC_RING;
	np->sizes.comp = HNF_FABRIC_RING;
	dev->netdev_ops = &hnf_fabric_netdev_ops;
	dev->flags |= IFF_NOARP;
	dev->flags &= ~(IFF_MULTICAST | IFF_BROADCAST);

	err = hnf_port_init(np);
	if (err)
		goto out_free;
	err = hnf_fabric_start(dev);
	if (err)
		goto out_exit;
	return dev;

out_exit:
	hnf_port_exit(np);
out_free:
	free_netdev(dev);
	return ERR_PTR(err);
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
	struct hnf_port *np = netdev_priv(dev);

	rtnl_lock();
	hnf_port_detach(np, false);
	rtnl_unlock();
	unregister_netdev(dev);
	hnf_port_exit(np);
	free_netdev(dev);
}
EXPORT_SYMBOL_GPL(hicamp_fabric_destroy);
