// SPDX-License-Identifier: GPL-2.0-only
/*
 * Representors: the netdev that stands for a port in the driver domain.
 *
 * Lives here: vif<domid>.<devid>, as "ip", "ethtool" and Open vSwitch see it,
 * and the cache of the ports' counters.  A representor is the far end of the
 * guest's cable: what the guest sends is received here (rx), so rx counts the
 * port's tx and the other way round.
 *
 * Packets: what no flow serves comes up the fabric and is received here, what
 * is sent here is injected into the port; to an uplink's, it goes to the NIC.
 *
 * Invariant: a representor is in the index (reps) from before it is registered
 * until it is about to be unregistered; whoever holds sweep_lock, or is in an
 * RCU section, may use what it finds there.
 *
 * Counters: the hypervisor gives them for all ports in one go, so that is how
 * they are fetched.  A reader that finds the cache older than SWEEP_INTERVAL
 * fetches all ports' counters, with a hypercall per SWEEP_BATCH ports;
 * everybody else, in the meantime and at the same time, takes what the cache
 * has.  So there are at most four sweeps per second however many read, none
 * while nobody reads, and no reader sees counters older than that.  Statistics
 * may be read where one must not sleep: nothing on this path does.
 *
 * Who may call: xenbus.c, from its probe and remove; uplink.c with rtnl held.
 */
#define pr_fmt(fmt) "hicamp-netback: " fmt

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "hicamp_fabric.h"
#include "hv.h"
#include "rep.h"
#include "tc.h"

#define SWEEP_INTERVAL	(HZ / 4)
#define SWEEP_BATCH	16

/* What "ethtool -S" shows: the port's counters, then what it holds now. */
enum {
	REP_QUEUED = HICAMP_NR_COUNTERS,
	REP_BORROWED,
	REP_RUNS,
	REP_FRAMES,
	REP_NR_STATS
};

#define REP_COUNTER_NAME(name) \
	[HICAMP_CNT_##name] = #name,

static const char rep_stat_names[REP_NR_STATS][ETH_GSTRING_LEN] = {
	HICAMP_PORT_COUNTERS(REP_COUNTER_NAME)
	[REP_QUEUED] = "queued",
	[REP_BORROWED] = "borrowed",
	[REP_RUNS] = "runs",
	[REP_FRAMES] = "frames",
};

struct hicamp_rep {
	struct net_device *dev;
	struct net_device *nic;		/* of an uplink, else NULL */
	u32 port;
	u32 devid;
	u16 domid;
	struct hicamp_tc_port tc;
	spinlock_t lock;		/* stats */
	u64 stats[REP_NR_STATS];
};

static DEFINE_XARRAY(reps);		/* struct hicamp_rep, by port id */
static struct net_device *fabric;	/* or NULL; while there are any */

static DEFINE_SPINLOCK(sweep_lock);
static struct hicamp_port_info *sweep_infos;	/* sweep_lock; SWEEP_BATCH */
static unsigned long sweep_next;		/* jiffies; sweep_lock to write */

/* ---- Counters ---------------------------------------------------------- */

static void rep_store(struct hicamp_rep *rep,
		      const struct hicamp_port_info *info)
{
	u32 known = min_t(u32, info->nr_counters, HICAMP_NR_COUNTERS);
	unsigned long flags;

	spin_lock_irqsave(&rep->lock, flags);
	memcpy(rep->stats, info->counters, known * sizeof(u64));
	rep->stats[REP_QUEUED] = info->queued;
	rep->stats[REP_BORROWED] = info->borrowed;
	rep->stats[REP_RUNS] = info->runs;
	rep->stats[REP_FRAMES] = info->frames;
	spin_unlock_irqrestore(&rep->lock, flags);
}

/* Only ever tried for: who comes second takes what the cache has. */
static void rep_sweep(void)
{
	struct hicamp_rep *rep;
	u64 cursor = 0;
	int i, nr;

	if (time_before(jiffies, READ_ONCE(sweep_next)) ||
	    !spin_trylock(&sweep_lock))
		return;

	do {
		nr = hicamp_hv_port_query(&cursor, sweep_infos, SWEEP_BATCH);
		for (i = 0; i < nr; i++) {
			rep = xa_load(&reps, sweep_infos[i].port);
			if (rep)
				rep_store(rep, &sweep_infos[i]);
		}
	} while (nr == SWEEP_BATCH);

	WRITE_ONCE(sweep_next, jiffies + SWEEP_INTERVAL);
	spin_unlock(&sweep_lock);
}

static void rep_read(struct net_device *dev, u64 *stats)
{
	struct hicamp_rep *rep = netdev_priv(dev);
	unsigned long flags;

	rep_sweep();

	spin_lock_irqsave(&rep->lock, flags);
	memcpy(stats, rep->stats, sizeof(rep->stats));
	spin_unlock_irqrestore(&rep->lock, flags);
}

static void rep_get_stats64(struct net_device *dev,
			    struct rtnl_link_stats64 *to)
{
	u64 s[REP_NR_STATS];

	rep_read(dev, s);

	to->rx_packets = s[HICAMP_CNT_tx_packets];
	to->rx_bytes = s[HICAMP_CNT_tx_bytes];
	to->rx_errors = s[HICAMP_CNT_drop_malformed] +
			s[HICAMP_CNT_drop_header] +
			s[HICAMP_CNT_drop_frame] +
			s[HICAMP_CNT_drop_spoof];
	to->rx_dropped = s[HICAMP_CNT_drop_nomem] +
			 s[HICAMP_CNT_drop_action] +
			 s[HICAMP_CNT_drop_noport];

	/* The core adds what rep_start_xmit dropped to tx_dropped. */
	to->tx_packets = s[HICAMP_CNT_rx_packets];
	to->tx_bytes = s[HICAMP_CNT_rx_bytes];
	to->tx_dropped = s[HICAMP_CNT_drop_mtu] +
			 s[HICAMP_CNT_drop_queue] +
			 s[HICAMP_CNT_drop_torn] +
			 s[HICAMP_CNT_drop_detach];

	/* What a bridge sent to the wire has not passed the port. */
	dev_fetch_sw_netstats(to, dev->tstats);
}

/* ---- ethtool ----------------------------------------------------------- */

static void rep_get_drvinfo(struct net_device *dev,
			    struct ethtool_drvinfo *info)
{
	const struct hicamp_rep *rep = netdev_priv(dev);

	strscpy(info->driver, "hicamp-netback", sizeof(info->driver));
	strscpy(info->version, THIS_MODULE->version, sizeof(info->version));
	strscpy(info->bus_info, rep->nic ? netdev_name(rep->nic) :
		dev_name(dev->dev.parent), sizeof(info->bus_info));
}

static int rep_get_sset_count(struct net_device *dev, int sset)
{
	return sset == ETH_SS_STATS ? REP_NR_STATS : -EOPNOTSUPP;
}

static void rep_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	if (sset == ETH_SS_STATS)
		memcpy(data, rep_stat_names, sizeof(rep_stat_names));
}

static void rep_get_ethtool_stats(struct net_device *dev,
				  struct ethtool_stats *stats, u64 *data)
{
	rep_read(dev, data);
}

static const struct ethtool_ops rep_ethtool_ops = {
	.get_drvinfo = rep_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = rep_get_sset_count,
	.get_strings = rep_get_strings,
	.get_ethtool_stats = rep_get_ethtool_stats,
};

/* ---- The netdev -------------------------------------------------------- */

/* Where a packet of this port is received; see struct hicamp_fabric_ops. */
static struct net_device *rep_of(u32 port)
{
	struct hicamp_rep *rep = xa_load(&reps, port);

	return rep ? rep->dev : NULL;
}

static const struct hicamp_fabric_ops rep_fabric_ops = {
	.rep = rep_of,
};

static netdev_tx_t rep_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct hicamp_rep *rep = netdev_priv(dev);

	if (rep->nic) {
		dev_sw_netstats_tx_add(dev, 1, skb->len);
		skb->dev = rep->nic;
		dev_queue_xmit(skb);
		return NETDEV_TX_OK;
	}

	if (unlikely(!fabric))
		dev_kfree_skb_any(skb);
	else if (likely(hicamp_fabric_xmit(fabric, skb, rep->port)))
		return NETDEV_TX_OK;

	dev_core_stats_tx_dropped_inc(dev);
	return NETDEV_TX_OK;
}

static int rep_change_mtu(struct net_device *dev, int mtu)
{
	struct hicamp_rep *rep = netdev_priv(dev);
	int err;

	if (rep->nic && mtu > rep->nic->mtu)
		return -EINVAL;
	err = hicamp_hv_port_set_mtu(rep->domid, rep->devid, mtu);
	if (err)
		return err;

	dev->mtu = mtu;
	return 0;
}

static int rep_setup_tc(struct net_device *dev, enum tc_setup_type type,
			void *data)
{
	struct hicamp_rep *rep = netdev_priv(dev);

	return hicamp_tc_setup(&rep->tc, type, data);
}

static int rep_get_iflink(const struct net_device *dev)
{
	const struct hicamp_rep *rep = netdev_priv(dev);

	return rep->nic ? rep->nic->ifindex : dev->ifindex;
}

static int rep_dev_init(struct net_device *dev)
{
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	return dev->tstats ? 0 : -ENOMEM;
}

static void rep_dev_uninit(struct net_device *dev)
{
	free_percpu(dev->tstats);
}

static const struct net_device_ops rep_netdev_ops = {
	.ndo_init = rep_dev_init,
	.ndo_uninit = rep_dev_uninit,
	.ndo_start_xmit = rep_start_xmit,
	.ndo_features_check = hicamp_fabric_check,
	.ndo_get_stats64 = rep_get_stats64,
	.ndo_get_iflink = rep_get_iflink,
	.ndo_change_mtu = rep_change_mtu,
	.ndo_setup_tc = rep_setup_tc,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

u32 hicamp_rep_port(const struct net_device *dev)
{
	const struct hicamp_rep *rep = netdev_priv(dev);

	return dev->netdev_ops == &rep_netdev_ops ? rep->port : 0;
}

const size_t hicamp_rep_priv = sizeof(struct hicamp_rep);

void hicamp_rep_setup(struct net_device *dev)
{
	struct hicamp_rep *rep = netdev_priv(dev);

	ether_setup(dev);
	rep->dev = dev;
	rep->tc.dev = dev;
	spin_lock_init(&rep->lock);

	dev->netdev_ops = &rep_netdev_ops;
	dev->ethtool_ops = &rep_ethtool_ops;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->hw_features = HICAMP_FABRIC_FEATURES | NETIF_F_HW_TC;
	dev->features = dev->hw_features | NETIF_F_LLTX;
	dev->vlan_features = HICAMP_FABRIC_FEATURES;
	netif_set_tso_max_size(dev, HICAMP_LEN_MAX);
	dev->min_mtu = HICAMP_MTU_MIN;
	dev->max_mtu = HICAMP_MTU_MAX;
}

int hicamp_rep_register(struct net_device *dev, u16 domid, u32 devid, u32 port,
			struct net_device *nic)
{
	struct hicamp_rep *rep = netdev_priv(dev);
	int err;

	rep->nic = nic;
	rep->port = port;
	rep->devid = devid;
	rep->domid = domid;
	rep->tc.port = port;
	rep->tc.domid = domid;
	rep->tc.devid = devid;
	netif_carrier_off(dev);

	err = xa_insert(&reps, port, rep, GFP_KERNEL);
	if (err)
		return err;
	err = register_netdevice(dev);
	if (err)
		hicamp_rep_leave(dev);
	return err;
}

void hicamp_rep_leave(struct net_device *dev)
{
	struct hicamp_rep *rep = netdev_priv(dev);

	spin_lock(&sweep_lock);
	xa_erase(&reps, rep->port);
	spin_unlock(&sweep_lock);
}

struct net_device *hicamp_rep_create(struct device *parent, u16 domid,
				     u32 devid, u32 port, u32 mtu)
{
	/* As for stock vifs: an address that a bridge does not choose. */
	static const u8 addr[ETH_ALEN] = {
		0xfe, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	char name[IFNAMSIZ];
	struct net_device *dev;
	int err;

	snprintf(name, sizeof(name), "vif%u.%u", domid, devid);
	dev = alloc_netdev(hicamp_rep_priv, name, NET_NAME_UNKNOWN,
			   hicamp_rep_setup);
	if (!dev)
		return ERR_PTR(-ENOMEM);

	SET_NETDEV_DEV(dev, parent);
	if (mtu)
		dev->mtu = mtu;
	eth_hw_addr_set(dev, addr);

	rtnl_lock();
	err = hicamp_rep_register(dev, domid, devid, port, NULL);
	rtnl_unlock();
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return dev;
}

void hicamp_rep_destroy(struct net_device *dev)
{
	hicamp_rep_leave(dev);
	unregister_netdev(dev);	/* waits for who has found it */
	free_netdev(dev);
}

int hicamp_rep_init(void)
{
	int err;

	sweep_infos = kcalloc(SWEEP_BATCH, sizeof(*sweep_infos), GFP_KERNEL);
	if (!sweep_infos)
		return -ENOMEM;
	err = hicamp_tc_init();
	if (err) {
		kfree(sweep_infos);
		return err;
	}
	sweep_next = jiffies;

	/* Without it, what flows serve is served all the same. */
	fabric = hicamp_fabric_create(&rep_fabric_ops);
	if (IS_ERR(fabric)) {
		err = PTR_ERR(fabric);
		fabric = NULL;
		pr_warn("no packets but those that flows serve, as the fabric cannot be had: %d%s\n",
			err, err == -EBUSY ? " (another domain has it)" : "");
	}
	return 0;
}

void hicamp_rep_exit(void)
{
	if (fabric)
		hicamp_fabric_destroy(fabric);
	hicamp_tc_exit();
	kfree(sweep_infos);
}
