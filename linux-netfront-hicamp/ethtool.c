// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and sets
 *
 * Lives here: statistics and their names, ring sizes, channels (queues).
 *
 * Invariant: names and values come from one table, in its order.
 *
 * Called by: the network core, with rtnl held.
 */

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/utsname.h>

#include "hicamp_netfront.h"

/* A number in every queue; the sum over the queues is shown. */
struct hnf_stat {
	char name[ETH_GSTRING_LEN];
	size_t offset;
	bool is_u32;
};

#define HNF_TX(field) \
	{ "tx_" #field, offsetof(struct hnf_queue, tx_stats.field), false }
#define HNF_RX(field) \
	{ "rx_" #field, offsetof(struct hnf_queue, rx_stats.field), false }
#define HNF_NOW(name, field) \
	{ name, offsetof(struct hnf_queue, field), true }

static const struct hnf_stat hnf_stats[] = {
	HNF_TX(inlined),
	HNF_TX(extents),
	HNF_TX(segments),
	HNF_TX(doorbells),
	HNF_TX(doorbells_skipped),
	HNF_TX(doorbell_errors),
	HNF_TX(completions),
	HNF_TX(held),
	HNF_TX(hold_expired),
	HNF_TX(torn),
	HNF_TX(bad),
	HNF_TX(linearized),
	HNF_TX(issued),
	HNF_TX(reused),
	HNF_TX(revoked),
	HNF_TX(evicted),
	HNF_TX(copied),
	HNF_TX(unshared),
	HNF_TX(leaked),
	HNF_TX(stopped),
	HNF_TX(timeouts),
	HNF_TX(drop_down),
	HNF_TX(drop_malformed),
	HNF_TX(drop_nomem),
	HNF_TX(broken),
	HNF_RX(inlined),
	HNF_RX(extents),
	HNF_RX(gso),
	HNF_RX(small_copied),
	HNF_RX(doorbells),
	HNF_RX(doorbell_errors),
	HNF_RX(drop_malformed),
	HNF_RX(drop_frags),
	HNF_RX(drop_nomem),
	HNF_RX(drop_rep),
	HNF_RX(csum_fixup),
	HNF_RX(shown),
	HNF_RX(issued),
	HNF_RX(reused),
	HNF_RX(evicted),
	HNF_RX(shrunk),
	HNF_RX(revoked),
	HNF_RX(scattered),
	HNF_RX(refill_fail),
	HNF_RX(broken),
	HNF_NOW("tx_free_ids", tx.nr_free),
	HNF_NOW("tx_pool_pages", txpool.nr),
	HNF_NOW("rx_posted_bytes", pool.posted),
	HNF_NOW("rx_pool_pages", pool.pages),
	HNF_NOW("rx_pool_busy_runs", pool.nr_busy),
};

static int hnf_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? ARRAY_SIZE(hnf_stats) : -EOPNOTSUPP;
}

static void hnf_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	unsigned int i;

	for (i = 0; set == ETH_SS_STATS && i < ARRAY_SIZE(hnf_stats); i++)
		memcpy(data + i * ETH_GSTRING_LEN, hnf_stats[i].name,
		       ETH_GSTRING_LEN);
}

static u64 hnf_stat_read(const struct hnf_queue *q, const struct hnf_stat *s)
{
	const void *at = (const void *)q + s->offset;

	return s->is_u32 ? READ_ONCE(*(const u32 *)at) :
			   READ_ONCE(*(const u64 *)at);
}

static void hnf_get_ethtool_stats(struct net_device *dev,
				  struct ethtool_stats *stats, u64 *data)
{
	struct hnf_port *np = netdev_priv(dev);
	unsigned int i, s;

	for (s = 0; s < ARRAY_SIZE(hnf_stats); s++) {
		data[s] = 0;
		for (i = 0; i < np->max_queues; i++)
			data[s] += hnf_stat_read(&np->queues[i],
						 &hnf_stats[s]);
	}
}

static void hnf_get_drvinfo(struct net_device *dev,
			    struct ethtool_drvinfo *info)
{
	struct hnf_port *np = netdev_priv(dev);

	strscpy(info->driver, HNF_NAME, sizeof(info->driver));
	strscpy(info->version, init_utsname()->release,
		sizeof(info->version));
	if (np->xbdev)
		strscpy(info->bus_info, dev_name(&np->xbdev->dev),
			sizeof(info->bus_info));
}

/*
 * ethtool has names for four sizes: "RX" and "TX" are slots of these rings,
 * "RX Mini" are entries of fill, "RX Jumbo" of comp.
 */
static void hnf_get_ringparam(struct net_device *dev,
			      struct ethtool_ringparam *ring,
			      struct kernel_ethtool_ringparam *kernel_ring,
			      struct netlink_ext_ack *extack)
{
	struct hnf_port *np = netdev_priv(dev);

	ring->rx_max_pending = np->max_ring;
	ring->tx_max_pending = np->max_ring;
	ring->rx_mini_max_pending = np->max_ring;
	ring->rx_jumbo_max_pending = np->max_ring;
	ring->rx_pending = np->sizes.rx;
	ring->tx_pending = np->sizes.tx;
	ring->rx_mini_pending = np->sizes.fill;
	ring->rx_jumbo_pending = np->sizes.comp;
}

static int hnf_set_ringparam(struct net_device *dev,
			     struct ethtool_ringparam *ring,
			     struct kernel_ethtool_ringparam *kernel_ring,
			     struct netlink_ext_ack *extack)
{
	struct hnf_port *np = netdev_priv(dev);
	struct hnf_sizes old = np->sizes;
	struct hnf_sizes new = {
		.tx = ring->tx_pending,
		.rx = ring->rx_pending,
		.fill = ring->rx_mini_pending,
		.comp = ring->rx_jumbo_pending,
	};
	int err;

	if (!hnf_ring_size_ok(new.tx, np->max_ring) ||
	    !hnf_ring_size_ok(new.rx, np->max_ring) ||
	    !hnf_ring_size_ok(new.fill, np->max_ring) ||
	    !hnf_ring_size_ok(new.comp, np->max_ring)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "sizes are powers of two, 64 at least");
		return -EINVAL;
	}

	np->sizes = new;
	if (!np->attached)
		return 0;

	hnf_port_detach(np, false);
	err = hnf_port_attach(np);
	if (err) {
		np->sizes = old;
		if (hnf_port_attach(np)) {
			netif_carrier_off(dev);
			netdev_err(dev, "cannot attach again\n");
		}
	}
	return err;
}

static void hnf_get_channels(struct net_device *dev,
			     struct ethtool_channels *ch)
{
	struct hnf_port *np = netdev_priv(dev);

	ch->max_combined = np->max_queues;
	ch->combined_count = np->nr_queues;
}

static int hnf_set_channels(struct net_device *dev,
			    struct ethtool_channels *ch)
{
	struct hnf_port *np = netdev_priv(dev);

	/* The core has checked it against the maximum. */
	if (!ch->combined_count)
		return -EINVAL;
	return hnf_port_channels(np, ch->combined_count);
}

const struct ethtool_ops hnf_ethtool_ops = {
	.get_drvinfo		= hnf_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_ringparam		= hnf_get_ringparam,
	.set_ringparam		= hnf_set_ringparam,
	.get_channels		= hnf_get_channels,
	.set_channels		= hnf_set_channels,
	.get_sset_count		= hnf_get_sset_count,
	.get_strings		= hnf_get_strings,
	.get_ethtool_stats	= hnf_get_ethtool_stats,
	.get_ts_info		= ethtool_op_get_ts_info,
};
