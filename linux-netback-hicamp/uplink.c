// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uplinks: a NIC (or a bond of several) as a port of the switch.
 *
 *	ip link add hicamp-up0 link eth0 type hicamp_uplink
 *
 * Lives here: the netdev that stands for the port, which joins a bridge in place
 * of the NIC; the way of packets between NIC and port; link state, MTU and
 * address, which are the NIC's.
 *
 *	switch: port  <->  hicamp-rings0  <->  eth0
 *	bridge        <->  hicamp-up0     ---> eth0
 *
 * What the switch sends to the port, the NIC's driver sends, and does the
 * offloads that it can. What the NIC receives goes to the port, where flows
 * serve it; what they do not comes up the fabric to hicamp-up0, as a guest's
 * packets come to their representor. What a bridge sends to hicamp-up0 goes to
 * the NIC.
 *
 * Link-local protocols (LACP, LLDP, STP) stay the NIC's. So does, while the NIC
 * has an IP address of its own, what is sent to its MAC address; broadcast and
 * multicast go both ways then. Guests do not reach such an address, which is
 * behind the NIC: a host that talks with its guests has its address on the
 * bridge.
 *
 * Invariant: from newlink to dellink an uplink is the NIC's only receiver and
 * has a port with rings. The NIC cannot go before: dellink runs when it would.
 *
 * Who may call: rtnetlink and netdevice notifiers, with rtnl held; receive
 * paths; xenbus.c, when the module comes and goes.
 */
#define pr_fmt(fmt) "hicamp-netback: " fmt

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <net/addrconf.h>
#include <net/rtnetlink.h>
#include <net/tcp.h>
#include <xen/xenbus.h>

#include "hicamp_fabric.h"
#include "hv.h"
#include "rep.h"
#include "tc.h"
#include "uplink.h"

#define UPLINKS_MAX	16
#define UPLINK_DEVID	32768	/* and up: no vif has such a number */

struct uplink {
	struct net_device *rep;
	struct net_device *nic;
	struct net_device *rings;
	u32 devid;
	unsigned int gro_max;	/* the NIC's own */
};

static struct uplink *uplinks[UPLINKS_MAX];	/* rtnl */
static u16 own_domid;

/* ---- Packets ----------------------------------------------------------- */

/* The switch sends to the wire; see struct hicamp_uplink_ops. */
static void uplink_send(void *priv, struct sk_buff *skb)
{
	const struct uplink *up = priv;

	if (unlikely(!netif_running(up->rep))) {
		dev_core_stats_tx_dropped_inc(up->rep);
		dev_kfree_skb_any(skb);
		return;
	}
	skb->dev = up->nic;
	dev_queue_xmit(skb);
}

static const struct hicamp_uplink_ops uplink_ops = {
	.send = uplink_send,
};

/* Has the NIC an IP address that it did not give itself? In an RCU section. */
static bool nic_has_address(const struct net_device *nic)
{
	const struct in_device *in4 = __in_dev_get_rcu(nic);
	const struct inet6_dev *in6 = __in6_dev_get(nic);
	const struct inet6_ifaddr *ifa;

	if (in4 && rcu_access_pointer(in4->ifa_list))
		return true;
	if (!in6)
		return false;
	list_for_each_entry_rcu(ifa, &in6->addr_list, if_list)
		if (!(ipv6_addr_type(&ifa->addr) & IPV6_ADDR_LINKLOCAL))
			return true;
	return false;
}

/* To the switch, from the Ethernet header on, tags that hardware took put back. */
static void uplink_receive(struct uplink *up, struct sk_buff *skb)
{
	skb_push(skb, ETH_HLEN);
	if (skb_vlan_tag_present(skb)) {
		skb = __vlan_hwaccel_push_inside(skb);
		if (unlikely(!skb)) {
			dev_core_stats_rx_dropped_inc(up->rep);
			return;
		}
	}
	hicamp_uplink_xmit(up->rings, skb);
}

/* The NIC's rx_handler. */
static rx_handler_result_t uplink_handle(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct uplink *up = rcu_dereference(skb->dev->rx_handler_data);
	const u8 *dst = eth_hdr(skb)->h_dest;
	bool many = is_multicast_ether_addr(dst);
	rx_handler_result_t verdict = RX_HANDLER_CONSUMED;

	if (unlikely(skb->pkt_type == PACKET_LOOPBACK ||
		     is_link_local_ether_addr(dst) || !netif_running(up->rep)))
		return RX_HANDLER_PASS;
	if (unlikely((many || ether_addr_equal(dst, skb->dev->dev_addr)) &&
		     nic_has_address(skb->dev))) {
		if (!many)
			return RX_HANDLER_PASS;
		skb = skb_clone(skb, GFP_ATOMIC);
		verdict = RX_HANDLER_PASS;
	} else {
		skb = skb_share_check(skb, GFP_ATOMIC);
	}

	if (likely(skb))
		uplink_receive(up, skb);
	else
		dev_core_stats_rx_dropped_inc(up->rep);
	return verdict;
}

/* ---- Making and unmaking ----------------------------------------------- */

static struct uplink *uplink_of(const struct net_device *dev)
{
	int i;

	for (i = 0; i < UPLINKS_MAX; i++)
		if (uplinks[i] && (uplinks[i]->rep == dev ||
				   uplinks[i]->nic == dev))
			return uplinks[i];
	return NULL;
}

static int nic_validate(struct net_device *nic,
			struct netlink_ext_ack *extack)
{
	if (nic->type != ARPHRD_ETHER || nic->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack, "an uplink needs an Ethernet device");
		return -EINVAL;
	}
	if (hicamp_rep_port(nic)) {
		NL_SET_ERR_MSG(extack, "a representor is no uplink's device");
		return -EINVAL;
	}
	if (netdev_is_rx_handler_busy(nic)) {
		NL_SET_ERR_MSG(extack, "the device is in a bridge or a bond");
		return -EBUSY;
	}
	if (nic->mtu < HICAMP_MTU_MIN || nic->mtu > HICAMP_MTU_MAX) {
		NL_SET_ERR_MSG(extack, "the device's MTU is none that a port can have");
		return -EINVAL;
	}
	return 0;
}

/*
 * Each frame that GRO merges is a piece, and one more is before it; what has more
 * pieces than a packet has extents would be segmented again.  rtnl is held.
 */
static void uplink_limit_gro(struct uplink *up)
{
	unsigned int frame = up->nic->mtu - sizeof(struct ipv6hdr) -
			     sizeof(struct tcphdr) - TCPOLEN_TSTAMP_ALIGNED;

	WRITE_ONCE(up->nic->gro_max_size,
		   min(up->gro_max, frame * (HICAMP_EXTENTS_MAX - 1)));
}

/* Join NIC and rings, both of which are there. */
static int uplink_join(struct uplink *up, struct netlink_ext_ack *extack)
{
	int err;

	err = netdev_upper_dev_link(up->nic, up->rep, extack);
	if (err)
		return err;
	err = dev_set_promiscuity(up->nic, 1);
	if (err)
		goto unlink;
	err = netdev_rx_handler_register(up->nic, uplink_handle, up);
	if (err)
		goto demote;
	dev_disable_lro(up->nic);
	up->gro_max = up->nic->gro_max_size;
	uplink_limit_gro(up);
	netif_stacked_transfer_operstate(up->nic, up->rep);
	return 0;

demote:
	dev_set_promiscuity(up->nic, -1);
unlink:
	netdev_upper_dev_unlink(up->nic, up->rep);
	return err;
}

static int uplink_newlink(struct net *net, struct net_device *dev,
			  struct nlattr *tb[], struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	struct net_device *nic;
	struct uplink *up;
	bool taken;
	int err, i;
	u32 port;

	/* Who administers another namespace does not administer the switch. */
	if (!net_eq(net, &init_net) || !net_eq(dev_net(dev), &init_net)) {
		NL_SET_ERR_MSG(extack, "uplinks are of the initial network namespace");
		return -EPERM;
	}
	if (!tb[IFLA_LINK]) {
		NL_SET_ERR_MSG(extack, "an uplink needs a device (link DEV)");
		return -EINVAL;
	}
	nic = __dev_get_by_index(net, nla_get_u32(tb[IFLA_LINK]));
	if (!nic)
		return -ENODEV;
	err = nic_validate(nic, extack);
	if (err)
		return err;
	for (i = 0; i < UPLINKS_MAX && uplinks[i]; i++)
		;
	if (i == UPLINKS_MAX) {
		NL_SET_ERR_MSG(extack, "there are 16 uplinks");
		return -ENOSPC;
	}

	up = kzalloc(sizeof(*up), GFP_KERNEL);
	if (!up)
		return -ENOMEM;
	up->rep = dev;
	up->nic = nic;
	up->devid = UPLINK_DEVID + i;
	dev->mtu = nic->mtu;
	eth_hw_addr_set(dev, nic->dev_addr);

	err = hicamp_hv_port_create(own_domid, up->devid, nic->dev_addr,
				    nic->mtu, &port, &taken);
	if (err) {
		NL_SET_ERR_MSG(extack, "the switch refuses another port");
		goto free;
	}
	err = hicamp_rep_register(dev, own_domid, up->devid, port, nic);
	if (err)
		goto destroy;
	up->rings = hicamp_uplink_create(up->devid, &uplink_ops, up);
	if (IS_ERR(up->rings)) {
		err = PTR_ERR(up->rings);
		NL_SET_ERR_MSG(extack, "the port cannot be attached to");
		goto unregister;
	}
	err = uplink_join(up, extack);
	if (err)
		goto detach;

	dev_set_alias(dev, netdev_name(nic), strlen(netdev_name(nic)));
	uplinks[i] = up;
	netdev_info(dev, "uplink by %s\n", netdev_name(nic));
	return 0;

detach:
	hicamp_uplink_destroy(up->rings, NULL);
unregister:
	hicamp_rep_leave(dev);
	unregister_netdevice(dev);
destroy:
	hicamp_hv_port_destroy(own_domid, up->devid);
free:
	kfree(up);
	return err;
}

static void uplink_dellink(struct net_device *dev, struct list_head *head)
{
	struct uplink *up = uplink_of(dev);

	if (WARN_ON(!up))
		return;
	netdev_rx_handler_unregister(up->nic);	/* waits for who runs it */
	WRITE_ONCE(up->nic->gro_max_size, up->gro_max);
	dev_set_promiscuity(up->nic, -1);
	hicamp_uplink_destroy(up->rings, head);
	netdev_upper_dev_unlink(up->nic, dev);
	hicamp_rep_leave(dev);
	if (hicamp_hv_port_destroy(own_domid, up->devid))
		netdev_err(dev, "cannot destroy the port\n");
	uplinks[up->devid - UPLINK_DEVID] = NULL;
	unregister_netdevice_queue(dev, head);
	kfree(up);
}

static void uplink_setup(struct net_device *dev)
{
	hicamp_rep_setup(dev);
	dev->features |= NETIF_F_NETNS_LOCAL;
	dev->needs_free_netdev = true;
}

static struct rtnl_link_ops uplink_link_ops __read_mostly = {
	.kind = "hicamp_uplink",
	.setup = uplink_setup,
	.newlink = uplink_newlink,
	.dellink = uplink_dellink,
};

/* ---- The NIC's state is the uplink's ----------------------------------- */

static int uplink_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *nic = netdev_notifier_info_to_dev(ptr);
	struct uplink *up = uplink_of(nic);

	if (!up || nic != up->nic)
		return NOTIFY_DONE;

	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		netif_stacked_transfer_operstate(nic, up->rep);
		break;
	case NETDEV_CHANGEMTU:
		if (dev_set_mtu(up->rep, nic->mtu))
			netdev_warn(up->rep, "cannot follow the NIC's MTU\n");
		uplink_limit_gro(up);
		break;
	case NETDEV_CHANGEADDR:
		eth_hw_addr_set(up->rep, nic->dev_addr);
		call_netdevice_notifiers(NETDEV_CHANGEADDR, up->rep);
		break;
	case NETDEV_UNREGISTER:
		uplink_dellink(up->rep, NULL);
		break;
	default:
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block uplink_notifier = {
	.notifier_call = uplink_event,
};

int hicamp_uplink_init(void)
{
	int err;

	own_domid = xenbus_read_unsigned("domid", "", 0);
	uplink_link_ops.priv_size = hicamp_rep_priv;

	err = register_netdevice_notifier(&uplink_notifier);
	if (err)
		return err;
	err = rtnl_link_register(&uplink_link_ops);
	if (err)
		unregister_netdevice_notifier(&uplink_notifier);
	return err;
}

void hicamp_uplink_exit(void)
{
	rtnl_link_unregister(&uplink_link_ops);
	unregister_netdevice_notifier(&uplink_notifier);
}
