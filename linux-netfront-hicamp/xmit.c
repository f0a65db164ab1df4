// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: skb to slots, doorbell, completions
 *
 * Lives here: everything about the tx and comp rings.
 *
 * Invariants:
 *  - Small packets are copied into the ring and their skb is freed at once.
 *    Of others the headers are copied; the payload stays in the skb's pages,
 *    named by machine frame, and the skb is freed when the completion with its
 *    id has come, or after detach: not before Xen has let go of the frames.
 *  - There are as many ids as comp entries, so comp never overflows.
 *  - While skbs are under way and the tx lock is free, comp_event is set.
 *    While the queue is stopped, comp_event is set or the timer runs, so it is
 *    always woken again.
 *  - Of a TCP stream, the skbs that Xen is done with are held for a moment:
 *    what is on tx.held has left the rings and BQL's account, nobody waits for
 *    it, and while there is any, the hold timer is armed.  It frees all.
 *
 * Xen works in the doorbell: mostly it has taken all packets and written most
 * completions when the hypercall returns.  So completions are reaped right
 * behind it, and events for them are asked for only if some are missing.
 *
 * Why hold?  TCP merges small writes as long as something of the socket is
 * accounted as being sent (autocorking), and pushes them when that is freed.
 * With a device that is done before the write returns it would never do so,
 * and each write of a stream would cost a packet, a doorbell and a pass through
 * the switch.  The timer is started by the first skb held and not put off by
 * others, so nothing is corked for longer than one hold after Xen has let go.
 * A socket without data in flight corks nothing, so its packet is not held:
 * requests and responses pay neither the wait nor the timer.
 *
 * A hold lasts tx_hold_us.  While a stream writes so steadily that a longer one
 * would merge more (hnf_tx_hold_next()), it doubles up to tx_hold_max_us: who
 * writes without a pause has a receiver that waits for bulk, not for one write.
 *
 * Called by: the network core (xmit), recv.c's NAPI poll, port.c (alloc, free).
 * The tx lock is held in every function but the exported ones, which say so.
 */

#include <linux/if_vlan.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

static bool tx_orphan = true;
module_param(tx_orphan, bool, 0644);
MODULE_PARM_DESC(tx_orphan,
		 "Take packets off their socket's account when sent (default on)");

static unsigned int tx_hold_us = 150;
module_param(tx_hold_us, uint, 0644);
MODULE_PARM_DESC(tx_hold_us,
		 "Microseconds for which TCP may merge small writes of a stream, 0 for none (default 150)");

static unsigned int tx_hold_max_us = 600;
module_param(tx_hold_max_us, uint, 0644);
MODULE_PARM_DESC(tx_hold_max_us,
		 "The same while a stream writes small and steadily (default 600)");

#define HNF_HOLD_US_MAX	1000
#define HNF_HOLD_LEN	(32 * 1024)	/* longer packets need no merging */
#define HNF_HOLD_STEADY	4		/* bytes per us: a stream, no messages */
#define HNF_HOLD_MAX	32		/* skbs, of all sockets */

/*
 * Byte queue limits guard only against completions that stay out.  How many
 * packets one receiver that stands still may keep, and how long, are the host's
 * parameters, at most 256 of 64 KiB for a second; less than that must not stop
 * the queue, or it would cut the sender off from all others.
 */
#define HNF_BQL_MIN	(32 << 20)

static u32 hnf_tx_outstanding(const struct hnf_queue *q)
{
	return q->rings.comp_entries - q->tx.nr_free;
}

static void hnf_tx_broken(struct hnf_queue *q, const char *why)
{
	q->tx_stats.broken++;
	hnf_queue_broken(q, why);
}

/* Is there room for the largest packet? */
static bool hnf_tx_room(struct hnf_queue *q)
{
	u32 free;

	if (unlikely(!q->tx.nr_free))
		return false;

	free = q->rings.tx_slots - (q->tx.prod - q->tx.cons);
	if (likely(free >= HICAMP_PKT_SLOTS_MAX))
		return true;

	q->tx.cons = READ_ONCE(q->rings.ctrl->tx_cons);
	if (unlikely(q->tx.prod - q->tx.cons > q->rings.tx_slots)) {
		q->tx.cons = q->tx.prod - q->rings.tx_slots;
		hnf_tx_broken(q, "tx_cons is out of bounds");
		return false;
	}
	free = q->rings.tx_slots - (q->tx.prod - q->tx.cons);
	return free >= HICAMP_PKT_SLOTS_MAX;
}

/*
 * Is this a packet of a TCP stream, after which more small writes may come?
 * The socket is not locked; a wrong answer does no harm.
 */
static bool hnf_tx_streams(const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;

	return sk && skb->len <= HNF_HOLD_LEN && !skb_is_tcp_pure_ack(skb) &&
	       sk_fullsock(sk) && sk_is_tcp(sk) &&
	       READ_ONCE(tcp_sk(sk)->packets_out) && READ_ONCE(tx_hold_us);
}

/*
 * How long to hold, in us, once @len bytes have come out of the last hold: twice
 * as long if they were many for that time.  (Those that are many for a packet
 * are not held.)
 */
static u32 hnf_tx_hold_next(u32 last, unsigned int len)
{
	u32 least = min_t(u32, READ_ONCE(tx_hold_us), HNF_HOLD_US_MAX);
	u32 most = clamp_t(u32, READ_ONCE(tx_hold_max_us), least,
			   HNF_HOLD_US_MAX);

	last = clamp(last, least, most);
	if (len < last * HNF_HOLD_STEADY)
		return least;

	return min(2 * last, most);
}

/* Xen is done with the skb: free it when the timer comes, or now. */
static void hnf_tx_done(struct hnf_queue *q, struct sk_buff *skb, int budget)
{
	if (likely(!hnf_tx_cb(skb)->hold) ||
	    skb_queue_len(&q->tx.held) >= HNF_HOLD_MAX) {
		napi_consume_skb(skb, budget);
		return;
	}
	q->tx_stats.held++;
	nf_reset_ct(skb);
	__skb_queue_tail(&q->tx.held, skb);
	if (!q->tx.hold_armed) {
		q->tx.hold_us = hnf_tx_hold_next(q->tx.hold_us, skb->len);
		q->tx.hold_armed = true;
		hrtimer_start(&q->hold,
			      ns_to_ktime(q->tx.hold_us * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_SOFT);
	}
}

/* Free what is held; takes the tx lock.  Bottom halves are off. */
static void hnf_tx_free_held(struct hnf_queue *q, bool expired)
{
	struct netdev_queue *txq = hnf_txq(q);
	struct sk_buff_head held;
	struct sk_buff *skb;

	__skb_queue_head_init(&held);
	__netif_tx_lock(txq, smp_processor_id());
	q->tx.hold_armed = false;
	q->tx_stats.hold_expired += expired;
	skb_queue_splice_init(&q->tx.held, &held);
	__netif_tx_unlock(txq);

	while ((skb = __skb_dequeue(&held)))
		consume_skb(skb);
}

static enum hrtimer_restart hnf_tx_hold_expired(struct hrtimer *t)
{
	struct hnf_queue *q = container_of(t, struct hnf_queue, hold);

	hnf_tx_free_held(q, true);
	return HRTIMER_NORESTART;
}

/* Free what Xen has completed.  @budget: as for napi_consume_skb(). */
static void hnf_tx_reap(struct hnf_queue *q, int budget)
{
	struct hnf_rings *r = &q->rings;
	unsigned int pkts = 0, bytes = 0;
	u32 cons = q->tx.comp_cons;
	u32 prod = READ_ONCE(r->ctrl->comp_prod);

	if (prod == cons)
		return;
	if (unlikely(prod - cons > r->comp_entries)) {
		hnf_tx_broken(q, "comp_prod is out of bounds");
		return;
	}
	virt_rmb();	/* entries after the index */

	while (cons != prod) {
		struct hicamp_comp *c =
			&r->comp[cons++ & (r->comp_entries - 1)];
		u32 id = READ_ONCE(c->id);
		u32 status = READ_ONCE(c->status);
		struct sk_buff *skb;

		if (unlikely(id >= r->comp_entries || !q->tx.skb[id])) {
			hnf_tx_broken(q, "completion with an unknown id");
			break;
		}
		if (unlikely(status == HICAMP_COMP_TORN))
			q->tx_stats.torn++;
		else if (unlikely(status != HICAMP_COMP_OK))
			q->tx_stats.bad++;

		skb = q->tx.skb[id];
		q->tx.skb[id] = NULL;
		q->tx.free_id[q->tx.nr_free++] = id;
		pkts++;
		bytes += skb->len;
		if (likely(!hnf_tx_cb(skb)->shared) || hnf_unshare(q, id))
			hnf_tx_done(q, skb, budget);
	}

	q->tx.comp_cons = cons;
	/* Entries have been read before their places are free. */
	virt_store_release(&r->ctrl->comp_cons, cons);
	q->tx_stats.completions += pkts;
	netdev_tx_completed_queue(hnf_txq(q), pkts, bytes);
}

/*
 * Reap; if packets are still under way, ask for an event and look again, so
 * that none is forgotten.  Wake the queue if there is room, else see to it
 * that we are called again.
 */
static void hnf_tx_service(struct hnf_queue *q, int budget)
{
	struct hicamp_ring_ctrl *ctrl = q->rings.ctrl;

	hnf_tx_reap(q, budget);

	if (!hnf_tx_outstanding(q)) {
		if (q->tx.comp_event) {
			q->tx.comp_event = false;
			WRITE_ONCE(ctrl->comp_event, 0);
		}
	} else if (!q->tx.comp_event) {
		q->tx.comp_event = true;
		WRITE_ONCE(ctrl->comp_event, 1);
		virt_mb();	/* the flag, then the ring again */
		hnf_tx_reap(q, budget);
	}

	if (likely(!netif_tx_queue_stopped(hnf_txq(q))) || q->broken)
		return;
	if (hnf_tx_room(q))
		netif_tx_wake_queue(hnf_txq(q));
	else	/* tx_cons raises no event */
		mod_timer(&q->retry, jiffies + 1);
}

/* Does Xen look by itself, and is there still room to wait for that? */
static bool hnf_tx_polled(const struct hnf_queue *q)
{
	const struct hicamp_ring_ctrl *ctrl = q->rings.ctrl;

	return !READ_ONCE(ctrl->tx_wakeup) &&
	       q->tx.prod - READ_ONCE(ctrl->tx_cons) < q->rings.tx_slots / 2;
}

/* Packets stand in the ring: ring for Xen unless it looks by itself. */
static void hnf_tx_kick(struct hnf_queue *q)
{
	int err;

	q->tx.rung = q->tx.prod;
	virt_mb();		/* tx_prod, then the flag */
	if (hnf_tx_polled(q)) {
		q->tx_stats.doorbells_skipped++;
	} else {
		q->tx_stats.doorbells++;
		err = hicamp_doorbell(q->np->id, q->id, HICAMP_DOORBELL_TX);
		if (unlikely(err)) {
			q->tx_stats.doorbell_errors++;
			if (err == -EIO || err == -ENOENT || err == -ENOTCONN)
				hnf_queue_broken(q, "the port is gone");
		}
	}
	hnf_tx_service(q, 0);
}

/* The switch may push two tags among the inline bytes. */
#define HNF_INLINE_MAX	(HICAMP_INLINE_MAX - 2 * VLAN_HLEN)

/* Where the headers end, as far as checksum metadata tell. */
static unsigned int hnf_tx_hdr_end(const struct sk_buff *skb)
{
	unsigned int l4 = skb_checksum_start_offset(skb);

	if (skb->csum_offset == offsetof(struct tcphdr, check) &&
	    l4 + sizeof(struct tcphdr) <= skb_headlen(skb)) {
		const struct tcphdr *th = (void *)(skb->data + l4);

		return l4 + max_t(unsigned int, th->doff * 4, sizeof(*th));
	}
	if (skb->csum_offset == offsetof(struct udphdr, check))
		return l4 + sizeof(struct udphdr);
	return l4 + skb->csum_offset + sizeof(__sum16);
}

/*
 * How much of a packet that does not fit goes inline: all headers at least.
 * Where we do not know where they end, all there is room for.  Where the
 * linear area is longer than that, whole slots are filled.
 */
static unsigned int hnf_tx_inline_len(const struct sk_buff *skb)
{
	unsigned int head = skb_headlen(skb), hdr;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return HNF_INLINE_MAX;
	hdr = hnf_tx_hdr_end(skb);
	if (hdr > head || hdr > HNF_INLINE_MAX)
		return HNF_INLINE_MAX;
	if (head <= HNF_INLINE_MAX)
		return head;
	return min_t(unsigned int, HNF_INLINE_MAX,
		     HICAMP_HDR_SLOTS(hdr) * HICAMP_SLOT_BYTES -
		     sizeof(struct hicamp_pkt));
}

/* Checksum, GSO and hash; false if the packet cannot be expressed. */
static bool hnf_tx_meta(struct sk_buff *skb, struct hicamp_pkt *pkt)
{
	const struct skb_shared_info *si = skb_shinfo(skb);

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		unsigned int start = skb_checksum_start_offset(skb);

		if (likely(start + skb->csum_offset + sizeof(__sum16) <=
			   pkt->inline_len)) {
			pkt->flags |= HICAMP_PKT_CSUM_PARTIAL;
			pkt->csum_start = start;
			pkt->csum_offset = skb->csum_offset;
		} else if (skb_is_gso(skb) || skb_checksum_help(skb)) {
			return false;
		}
	} else if (skb->ip_summed == CHECKSUM_UNNECESSARY) {
		pkt->flags |= HICAMP_PKT_CSUM_VALID;
	}

	if (skb_is_gso(skb)) {
		if (si->gso_type & SKB_GSO_TCPV4)
			pkt->gso_type = HICAMP_GSO_TCPV4;
		else if (si->gso_type & SKB_GSO_TCPV6)
			pkt->gso_type = HICAMP_GSO_TCPV6;
		else
			return false;
		pkt->gso_size = si->gso_size;
	}

	if (skb->l4_hash) {
		pkt->flags |= HICAMP_PKT_HASH;
		pkt->hash = skb_get_hash_raw(skb);
	}
	return true;
}

/* Copy the first inline_len bytes behind the header of the packet's slot. */
static int hnf_tx_inline(struct hnf_queue *q, const struct sk_buff *skb,
			 unsigned int len)
{
	u8 *ring = q->rings.tx;
	size_t pos, n;
	int err;

	n = hnf_slot_span(q->rings.tx_slots, q->tx.prod,
			  sizeof(struct hicamp_pkt), &pos);
	n = min_t(size_t, n, len);
	if (likely(n == len && len <= skb_headlen(skb))) {
		memcpy(ring + pos, skb->data, len);
		return 0;
	}
	err = skb_copy_bits(skb, 0, ring + pos, n);
	if (!err && n < len)
		err = skb_copy_bits(skb, n, ring, len - n);
	return err;
}

/*
 * Write one packet at tx.prod; there is room for the largest.
 *
 * Return: its number of slots, with pkt as it was written, or < 0.
 */
static int hnf_tx_write(struct hnf_queue *q, struct sk_buff *skb,
			struct hicamp_pkt *pkt)
{
	enum hnf_policy policy = hnf_share_policy(q);
	bool split = policy != HNF_DIRECT;
	u32 slot = 0;
	int nr = 0;

	memset(pkt, 0, sizeof(*pkt));
	if (unlikely(q->np->fabric))
		pkt->port = hnf_tx_cb(skb)->port;
	pkt->len = skb->len;
	pkt->inline_len = skb->len <= HNF_INLINE_MAX ?
			  skb->len : hnf_tx_inline_len(skb);
	if (unlikely(!hnf_tx_meta(skb, pkt)))
		return -EINVAL;

	if (pkt->inline_len < pkt->len) {
		slot = q->tx.prod + HICAMP_HDR_SLOTS(pkt->inline_len);
		nr = hnf_tx_extents(q, skb, pkt->inline_len, slot, split);
		if (unlikely(nr < 0)) {
			if (skb_linearize(skb))
				return -ENOMEM;
			q->tx_stats.linearized++;
			nr = hnf_tx_extents(q, skb, pkt->inline_len, slot,
					    split);
			if (nr < 0)
				return -EINVAL;
		}
		pkt->nr_extents = nr;
		pkt->id = q->tx.free_id[q->tx.nr_free - 1];
	}

	if (unlikely(hnf_tx_inline(q, skb, pkt->inline_len)))
		return -EINVAL;
	hnf_tx_cb(skb)->shared = split && nr;
	if (hnf_tx_cb(skb)->shared)
		hnf_share(q, policy, pkt->id, slot, nr);
	memcpy(hnf_slot(q->rings.tx, q->rings.tx_slots, q->tx.prod), pkt,
	       sizeof(*pkt));
	return HICAMP_PKT_SLOTS(pkt->inline_len, nr);
}

/**
 * hnf_start_xmit - send a packet (ndo_start_xmit)
 * @skb: the packet
 * @dev: our netdev
 *
 * Called with the tx lock held and bottom halves off.
 *
 * Return: NETDEV_TX_OK, or NETDEV_TX_BUSY if the queue should have been
 * stopped.
 */
netdev_tx_t hnf_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct hnf_port *np = netdev_priv(dev);
	struct hnf_queue *q = &np->queues[skb_get_queue_mapping(skb)];
	struct netdev_queue *txq = hnf_txq(q);
	bool more = netdev_xmit_more();
	unsigned int len = skb->len;
	struct hicamp_pkt pkt;
	int slots;

	if (unlikely(!q->live || q->broken)) {
		q->tx_stats.drop_down++;
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	if (unlikely(!hnf_tx_room(q))) {
		netif_tx_stop_queue(txq);
		hnf_tx_kick(q);
		return NETDEV_TX_BUSY;
	}
	if (unlikely(len > HICAMP_LEN_MAX || len < ETH_HLEN)) {
		q->tx_stats.drop_malformed++;
		goto drop;
	}

	slots = hnf_tx_write(q, skb, &pkt);
	if (unlikely(slots < 0)) {
		if (slots == -ENOMEM)
			q->tx_stats.drop_nomem++;
		else
			q->tx_stats.drop_malformed++;
		goto drop;
	}

	skb_tx_timestamp(skb);
	hnf_tx_cb(skb)->hold = hnf_tx_streams(skb);
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.packets++;
	q->tx_stats.bytes += len;
	u64_stats_update_end(&q->tx_stats.syncp);

	q->tx.prod += slots;
	if (pkt.nr_extents) {
		q->tx_stats.extents += pkt.nr_extents;
		q->tx.nr_free--;
		q->tx.skb[pkt.id] = skb;
		if (tx_orphan) {
			if (!hnf_tx_cb(skb)->hold)
				skb_orphan(skb);
			nf_reset_ct(skb);
		}
		__netdev_tx_sent_queue(txq, len, more);
	} else {
		q->tx_stats.inlined++;
		hnf_tx_done(q, skb, 0);
	}
	/* Slots before the index; the skb is Xen's to complete from here on. */
	virt_store_release(&q->rings.ctrl->tx_prod, q->tx.prod);

	if (unlikely(!hnf_tx_room(q))) {
		q->tx_stats.stopped++;
		netif_tx_stop_queue(txq);
	}
	if (!more || netif_xmit_stopped(txq))
		hnf_tx_kick(q);
	return NETDEV_TX_OK;

drop:
	dev_kfree_skb_any(skb);
	if (!more && q->tx.rung != q->tx.prod)
		hnf_tx_kick(q);	/* for those before it in the burst */
	return NETDEV_TX_OK;
}

/**
 * hnf_features_check - what may be left to Xen for one packet
 * @skb: the packet
 * @dev: our netdev
 * @features: what could be
 *
 * Headers must fit inline for checksum and GSO to be offloaded, and pieces
 * into extents: what has more is segmented.
 *
 * Return: @features, perhaps less.
 */
netdev_features_t hnf_features_check(struct sk_buff *skb,
				     struct net_device *dev,
				     netdev_features_t features)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    hnf_tx_hdr_end(skb) > HNF_INLINE_MAX)
		features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
	if (unlikely(skb_has_frag_list(skb)) && !hnf_tx_listed(skb))
		features &= ~NETIF_F_FRAGLIST;
	return vlan_features_check(skb, features);
}

/* Has Xen given up looking, with packets in the ring?  A hint. */
static bool hnf_tx_missed(const struct hnf_queue *q)
{
	const struct hicamp_ring_ctrl *ctrl = q->rings.ctrl;

	return READ_ONCE(ctrl->tx_cons) != READ_ONCE(q->tx.prod) &&
	       (READ_ONCE(ctrl->tx_wakeup) || netif_tx_queue_stopped(hnf_txq(q)));
}

/**
 * hnf_tx_poll - what the NAPI poll does for the tx side
 * @q: the queue
 * @budget: as given to the poll
 *
 * Takes the tx lock, if there is something to do.
 */
void hnf_tx_poll(struct hnf_queue *q, int budget)
{
	struct netdev_queue *txq = hnf_txq(q);

	if (READ_ONCE(q->rings.ctrl->comp_prod) ==
	    READ_ONCE(q->tx.comp_cons) && !netif_tx_queue_stopped(txq) &&
	    !hnf_tx_missed(q))
		return;

	__netif_tx_lock(txq, smp_processor_id());
	if (q->live && !q->broken) {
		if (hnf_tx_missed(q))
			hnf_tx_kick(q);
		else
			hnf_tx_service(q, budget);
	}
	__netif_tx_unlock(txq);
}

/**
 * hnf_tx_unhold - free at once what waits for the hold timer
 * @q: the queue; nothing is sent or reaped any more
 *
 * Waits for the timer, if it is just running.
 */
void hnf_tx_unhold(struct hnf_queue *q)
{
	hrtimer_cancel(&q->hold);
	local_bh_disable();
	hnf_tx_free_held(q, false);
	local_bh_enable();
}

/**
 * hnf_tx_setup - tx state that outlives attach and detach
 * @q: the queue
 */
void hnf_tx_setup(struct hnf_queue *q)
{
	__skb_queue_head_init(&q->tx.held);
	hrtimer_init(&q->hold, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	q->hold.function = hnf_tx_hold_expired;
}

/**
 * hnf_tx_alloc - tx state for a queue that is about to be attached
 * @q: the queue, with sizes in q->rings
 *
 * Return: 0 or -ENOMEM.
 */
int hnf_tx_alloc(struct hnf_queue *q)
{
	unsigned int n = q->rings.comp_entries, i;

	memset(&q->tx, 0, sizeof(q->tx));
	__skb_queue_head_init(&q->tx.held);
	q->tx.free_id = kvcalloc(n, sizeof(*q->tx.free_id), GFP_KERNEL);
	q->tx.skb = kvcalloc(n, sizeof(*q->tx.skb), GFP_KERNEL);
	q->tx.share = kvcalloc(n, sizeof(*q->tx.share), GFP_KERNEL);
	if (!q->tx.free_id || !q->tx.skb || !q->tx.share) {
		kvfree(q->tx.free_id);
		kvfree(q->tx.skb);
		kvfree(q->tx.share);
		return -ENOMEM;
	}
	for (i = 0; i < n; i++)
		q->tx.free_id[i] = n - 1 - i;
	q->tx.nr_free = n;
	netdev_queue_set_dql_min_limit(hnf_txq(q), HNF_BQL_MIN);
	return 0;
}

/**
 * hnf_tx_free - free tx state and the packets under way
 * @q: the queue, not live
 * @leak: Xen may still read the packets: never free them
 */
void hnf_tx_free(struct hnf_queue *q, bool leak)
{
	unsigned int i;

	for (i = 0; !leak && i < q->rings.comp_entries; i++) {
		struct sk_buff *skb = q->tx.skb[i];

		if (skb && (!hnf_tx_cb(skb)->shared || hnf_unshare(q, i)))
			dev_kfree_skb_any(skb);
	}
	kvfree(q->tx.free_id);
	kvfree(q->tx.skb);
	kvfree(q->tx.share);
	memset(&q->tx, 0, sizeof(q->tx));
	__skb_queue_head_init(&q->tx.held);
	netdev_tx_reset_queue(hnf_txq(q));
}
