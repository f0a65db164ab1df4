/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Representors.  See rep.c.
 */
#ifndef HICAMP_NETBACK_REP_H
#define HICAMP_NETBACK_REP_H

#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/types.h>

#define HICAMP_MTU_MIN	68
#define HICAMP_MTU_MAX	65521

int hicamp_rep_init(void);
void hicamp_rep_exit(void);

/*
 * Register vif<domid>.<devid> for a port, carrier off.  mtu 0 leaves it at
 * Ethernet's.  The caller turns the carrier on and off.
 */
struct net_device *hicamp_rep_create(struct device *parent, u16 domid,
				     u32 devid, u32 port, u32 mtu);
void hicamp_rep_destroy(struct net_device *dev);

/*
 * The same in pieces, for a netdev that rtnetlink makes, with so many private
 * bytes. setup: as alloc_netdev() wants it. register and leave: rtnl is held;
 * leave comes before the netdev is unregistered. What is sent to a representor
 * with a nic goes there.
 */
extern const size_t hicamp_rep_priv;
void hicamp_rep_setup(struct net_device *dev);
int hicamp_rep_register(struct net_device *dev, u16 domid, u32 devid, u32 port,
			struct net_device *nic);
void hicamp_rep_leave(struct net_device *dev);

#endif
