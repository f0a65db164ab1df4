/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of this driver share
 *
 * Lock order, outermost first:
 *
 *   rtnl          attach, detach, sizes: np->attached and everything that a
 *                 queue owns only while attached
 *   q->rx_lock    rx state and the receive pool (softirq; the shrinker tries)
 *   tx lock       the netdev queue's _xmit_lock: tx state and the transmit pool
 *                 (softirq; the shrinker tries)
 *
 * The tx path never takes q->rx_lock.
 */

#ifndef HNF_NETFRONT_H
#define HNF_NETFRONT_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/shrinker.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/u64_stats_sync.h>
#include <xen/xenbus.h>

#include "grants.h"
#include "rings.h"

#define HNF_NAME		"hicamp-netfront"

/* Counters of the tx path; under the tx lock.  ethtool.c names them. */
struct hnf_tx_stats {
	struct u64_stats_sync syncp;	/* for packets and bytes */
	u64 packets;
	u64 bytes;
	u64 inlined;		/* packets without extents */
	u64 extents;		/* written */
	u64 segments;		/* packets with a piece of a segment */
	u64 doorbells;		/* hypercalls made */
	u64 doorbells_skipped;	/* Xen was looking already */
	u64 doorbell_errors;
	u64 completions;	/* reaped */
	u64 held;		/* freed later, for autocorking */
	u64 hold_expired;	/* timer, for all that were held */
	u64 torn;		/* completed as taken back */
	u64 bad;		/* completed as malformed */
	u64 linearized;		/* had more extents than fit */
	u64 issued;		/* pages issued, policies reuse and strict */
	u64 reused;		/* pages sent that were issued already */
	u64 revoked;
	u64 evicted;		/* grants given up for others in their set */
	u64 copied;		/* bytes copied into the transmit pool */
	u64 unshared;		/* frames named, policy could not be followed */
	u64 leaked;		/* pages and packets: Xen would not revoke */
	u64 stopped;		/* the queue was full */
	u64 timeouts;		/* watchdog */
	u64 drop_down;		/* not attached, or queue given up */
	u64 drop_malformed;	/* could not be expressed */
	u64 drop_nomem;
	u64 broken;		/* nonsense in a ring: queue given up */
};

/* Counters of the rx path and the pool; under q->rx_lock. */
struct hnf_rx_stats {
	struct u64_stats_sync syncp;	/* for packets and bytes */
	u64 packets;
	u64 bytes;
	u64 inlined;		/* packets without extents */
	u64 extents;		/* buffers handed to the stack */
	u64 gso;		/* packets with GSO */
	u64 small_copied;	/* payload copied, buffer kept */
	u64 doorbells;		/* Xen waited for buffers or room */
	u64 doorbell_errors;
	u64 drop_malformed;	/* inconsistent metadata */
	u64 drop_frags;		/* more fragments than an skb takes */
	u64 drop_nomem;
	u64 drop_rep;		/* fabric: nobody serves the representor */
	u64 csum_fixup;		/* GSO without partial checksum */
	u64 shown;		/* packets in the window, not copied */
	u64 issued;		/* runs issued */
	u64 reused;		/* runs that the stack gave back */
	u64 evicted;		/* runs given up to slow readers */
	u64 shrunk;		/* runs given back to the system */
	u64 revoked;		/* runs revoked */
	u64 scattered;		/* allocations not machine-contiguous */
	u64 refill_fail;
	u64 broken;		/* nonsense in a ring: queue given up */
};

/**
 * struct hnf_run - machine-contiguous pages issued as one
 * @busy: in pool->busy, if no chunk is posted and it is not pool->cur;
 *	  in pool->leaving if it is to be revoked at once
 * @page: first page (compound head if order > 0)
 * @ref: grant reference
 * @bias: page references that the pool holds; the stack holds the others
 * @idx: place in pool->run
 * @posted: bit per chunk that Xen may write to
 * @next: first chunk not posted yet in this round
 * @nr: chunks
 * @order: log2 of pages
 * @shift: log2 of bytes per chunk
 */
struct hnf_run {
	struct list_head busy;
	struct page *page;
	u32 ref;
	u32 bias;
	u16 idx;
	u16 posted;
	u8 next;
	u8 nr;
	u8 order;
	u8 shift;
};

#define HNF_RUN_CHUNKS		16	/* at most, of one run */
#define HNF_RUNS_MAX		16384	/* so that a fill id has room */

/* See space.c. */
struct hnf_pool {
	struct hnf_run **run;		/* by index, NULL if free */
	u16 *free_idx;			/* stack of free indices */
	unsigned int nr_free;
	unsigned int max_runs;
	struct list_head busy;		/* oldest first */
	struct list_head leaving;	/* policy strict: revoke these now */
	struct hnf_run *cur;		/* chunks are posted from here */
	unsigned int nr_busy;
	unsigned int posted;		/* bytes that Xen may write to */
	unsigned int posted_chunks;
	unsigned int pages;		/* issued */
	unsigned int max_pages;
	unsigned int order;		/* runs to allocate */
	unsigned int misses;		/* scattered in sequence */
};

/* How pages that a queue sends are shared; see share.c. */
enum hnf_policy {
	HNF_DIRECT,
	HNF_REUSE,
	HNF_STRICT,
};

/* What a packet under way shares by reference. */
struct hnf_tx_share {
	u8 policy;
	u8 nr;
	u32 ref[HICAMP_EXTENTS_MAX];	/* strict: reference; reuse: entry */
	struct page *page[HICAMP_EXTENTS_MAX]; /* reuse: of the transmit pool,
						* or NULL
						*/
};

/* Pages to copy into; see share.c. */
struct hnf_tx_pool {
	struct list_head free;		/* by page->lru, last used first */
	unsigned int nr_free;
	unsigned int nr;
	unsigned int max;
};

struct hnf_tx {
	u32 prod;
	u32 rung;		/* prod when the doorbell was last considered */
	u32 cons;		/* cached tx_cons */
	u32 comp_cons;
	bool comp_event;	/* what we last wrote there */
	unsigned int nr_free;	/* ids */
	u16 *free_id;		/* stack of free ids */
	struct sk_buff **skb;	/* by id */
	struct hnf_tx_share *share; /* by id */
	struct sk_buff_head held;	/* done with, freed by the timer */
	bool hold_armed;	/* the timer is going to come */
	u32 hold_us;		/* how long the last hold was to last */
};

struct hnf_rx {
	u32 cons;
	u32 fill_prod;
};

struct hicamp_fabric_ops;
struct hicamp_uplink_ops;
struct hnf_port;
struct hnf_window;

/* Ours while we have the skb. */
struct hnf_tx_cb {
	u32 port;	/* fabric: where to */
	bool hold;
	bool shared;	/* by reference: hnf_unshare() */
};

static inline struct hnf_tx_cb *hnf_tx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct hnf_tx_cb) > sizeof(skb->cb));
	return (struct hnf_tx_cb *)skb->cb;
}

/**
 * struct hnf_queue - one queue of a port
 * @np: its port
 * @id: its number
 * @live: attached, data may flow; under the tx lock
 * @broken: given up until the next attach
 * @running: NAPI is enabled; under rtnl
 * @irq: its event, 0 if none
 * @irq_name: what /proc/interrupts calls it
 * @area: the rings' memory; under rtnl
 * @rings: the rings in it
 * @tx: transmit state
 * @txpool: pages to copy into; under the tx lock
 * @grants: what of both pools is issued
 * @rx_lock: protects @rx and @pool
 * @rx: receive state
 * @pool: receive buffers
 * @napi: polls rx, completions and refill
 * @retry: looks again where no event is to be expected
 * @hold: frees what is on @tx.held
 * @net_rx_run: uplinks: in which run of NET_RX the last packet came; a hint
 * @window: uplinks: where payload is shown, or NULL; under rtnl, NAPI disabled
 * @tx_stats: under the tx lock
 * @rx_stats: under @rx_lock
 */
struct hnf_queue {
	struct hnf_port *np;
	u32 id;
	bool live;
	bool broken;
	bool running;
	unsigned int irq;
	char irq_name[IFNAMSIZ + 4];
	void *area;
	struct hnf_rings rings;

	struct hnf_tx tx ____cacheline_aligned_in_smp;
	struct hnf_tx_stats tx_stats;
	struct hnf_tx_pool txpool;
	struct hnf_grants grants;

	spinlock_t rx_lock ____cacheline_aligned_in_smp; /* rx and pool */
	struct hnf_rx rx;
	struct hnf_pool pool;
	struct hnf_rx_stats rx_stats;

	struct napi_struct napi;
	struct timer_list retry;
	struct hrtimer hold;
	unsigned int net_rx_run;
	struct hnf_window *window;
};

/* Ring sizes in entries. */
struct hnf_sizes {
	u32 tx;
	u32 rx;
	u32 fill;
	u32 comp;
};

/* One vif, the fabric, or an uplink: netdev_priv() of its netdev. */
struct hnf_port {
	struct net_device *netdev;
	const struct hicamp_fabric_ops *fabric; /* or NULL */
	const struct hicamp_uplink_ops *uplink; /* likewise */
	void *uplink_priv;
	struct xenbus_device *xbdev;
	struct xenbus_watch backend_watch;
	struct shrinker shrinker;
	u32 devid;
	u32 id;			/* port id, valid while attached */
	u32 max_ring;
	u64 features;		/* HICAMP_FEAT_* of this Xen */
	bool attached;		/* under rtnl */
	bool mtu_known;
	struct hnf_sizes sizes;	/* under rtnl; of the next attach */
	unsigned int max_queues;	/* there are */
	unsigned int nr_queues;		/* under rtnl; of the next attach */
	struct hnf_queue queues[];
};

/* port.c */
extern const struct net_device_ops hnf_netdev_ops;
struct net_device *hnf_port_alloc(const struct hicamp_version *v);
void hnf_port_setup(struct hnf_port *np, const struct hicamp_version *v);
int hnf_port_channels(struct hnf_port *np, unsigned int nr);
int hnf_port_init(struct hnf_port *np);
void hnf_port_exit(struct hnf_port *np);
int hnf_port_attach(struct hnf_port *np);
void hnf_port_detach(struct hnf_port *np, bool forget);
bool hnf_port_alive(struct hnf_port *np);
int hnf_open(struct net_device *dev);
int hnf_stop(struct net_device *dev);
void hnf_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *tot);
void hnf_tx_timeout(struct net_device *dev, unsigned int txqueue);
void hnf_queue_broken(struct hnf_queue *q, const char *why);

/* extents.c */
int hnf_tx_extents(struct hnf_queue *q, const struct sk_buff *skb,
		   unsigned int skip, u32 slot, bool split);
bool hnf_tx_listed(const struct sk_buff *skb);

/* xmit.c */
netdev_tx_t hnf_start_xmit(struct sk_buff *skb, struct net_device *dev);
netdev_features_t hnf_features_check(struct sk_buff *skb,
				     struct net_device *dev,
				     netdev_features_t features);
void hnf_tx_poll(struct hnf_queue *q, int budget);
void hnf_tx_setup(struct hnf_queue *q);
void hnf_tx_unhold(struct hnf_queue *q);
int hnf_tx_alloc(struct hnf_queue *q);
void hnf_tx_free(struct hnf_queue *q, bool leak);

/* recv.c */
int hnf_poll(struct napi_struct *napi, int budget);

/* space.c */
int hnf_pool_init(struct hnf_queue *q);
void hnf_pool_refill(struct hnf_queue *q);
struct hnf_run *hnf_pool_claim(struct hnf_pool *pool, u64 id, u32 *off);
void hnf_pool_repost(struct hnf_queue *q, struct hnf_run *run, u32 off);
void hnf_pool_settle(struct hnf_queue *q, struct hnf_run *run);
void hnf_pool_sent_up(struct hnf_queue *q);
void hnf_pool_unpost(struct hnf_queue *q);
void hnf_pool_drain(struct hnf_queue *q, bool forget);
void hnf_pool_destroy(struct hnf_queue *q);
int hnf_shrinker_register(struct hnf_port *np);

/* share.c */
enum hnf_policy hnf_share_policy(const struct hnf_queue *q);
void hnf_share(struct hnf_queue *q, enum hnf_policy policy, u32 id, u32 slot,
	       unsigned int nr);
bool hnf_unshare(struct hnf_queue *q, u32 id);
int hnf_share_init(struct hnf_queue *q, unsigned int rx_pages);
void hnf_share_forget(struct hnf_queue *q);
void hnf_share_drain(struct hnf_queue *q, bool forget);
unsigned long hnf_share_shrink(struct hnf_queue *q, unsigned long nr);

/* fabric.c */
struct net_device *hnf_fabric_rep(struct hnf_port *np, u32 port);
void hnf_uplink_deliver(struct hnf_port *np, struct sk_buff *skb);

/* window.c */
struct sk_buff *hnf_window_build(struct hnf_queue *q, u32 slot,
				 const struct hicamp_pkt *pkt);
void hnf_window_release(struct hnf_queue *q);
void hnf_window_open(struct hnf_queue *q);
void hnf_window_drain(struct hnf_queue *q);
void hnf_window_close(struct hnf_queue *q, bool leak);

/* ethtool.c */
extern const struct ethtool_ops hnf_ethtool_ops;

static inline struct netdev_queue *hnf_txq(const struct hnf_queue *q)
{
	return netdev_get_tx_queue(q->np->netdev, q->id);
}

static inline bool hnf_ring_size_ok(u32 size, u32 max)
{
	return size >= HICAMP_RING_MIN && size <= max && is_power_of_2(size);
}

#endif /* HNF_NETFRONT_H */
