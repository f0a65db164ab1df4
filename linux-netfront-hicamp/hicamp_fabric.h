/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hicamp_netfront.ko offers to the driver domain's module: the fabric, and
 * the rings of uplinks
 *
 * These rings are a port's, so the code that drives a guest's port drives them
 * too.
 *
 * May be called by: hicamp_netback.
 */

#ifndef HICAMP_FABRIC_H
#define HICAMP_FABRIC_H

#include <linux/netdevice.h>
#include <linux/types.h>

/* What is sent through the fabric can have these done later. */
#define HICAMP_FABRIC_FEATURES	(NETIF_F_SG | NETIF_F_FRAGLIST | \
				 NETIF_F_HW_CSUM | NETIF_F_TSO | \
				 NETIF_F_TSO6 | NETIF_F_HIGHDMA | \
				 NETIF_F_GSO_ROBUST)

/**
 * struct hicamp_fabric_ops - what the driver domain does with packets
 * @rep: the netdev that receives what a port sent, with the netdev registered
 *	 until a grace period has passed, or NULL to drop; softirq
 */
struct hicamp_fabric_ops {
	struct net_device *(*rep)(u32 port);
};

struct net_device *hicamp_fabric_create(const struct hicamp_fabric_ops *ops);
void hicamp_fabric_destroy(struct net_device *dev);
bool hicamp_fabric_xmit(struct net_device *dev, struct sk_buff *skb, u32 port);
netdev_features_t hicamp_fabric_check(struct sk_buff *skb,
				      struct net_device *dev,
				      netdev_features_t features);

/**
 * struct hicamp_uplink_ops - what the driver domain does with packets for a NIC
 * @send: take a packet that the switch sends there, from its Ethernet header
 *	  on, with checksum and GSO to be finished perhaps; softirq
 */
struct hicamp_uplink_ops {
	void (*send)(void *priv, struct sk_buff *skb);
};

struct net_device *hicamp_uplink_create(u32 devid,
					const struct hicamp_uplink_ops *ops,
					void *priv);
void hicamp_uplink_destroy(struct net_device *dev, struct list_head *head);
void hicamp_uplink_xmit(struct net_device *dev, struct sk_buff *skb);

#endif /* HICAMP_FABRIC_H */
