// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: slots and buffers to skb, NAPI
 *
 * Lives here: everything about the rx ring, and the poll that drives a queue.
 *
 * Invariants:
 *  - A buffer that Xen names is claimed once, before anything else is done
 *    with it; then it goes to the stack with a page reference, or back into
 *    the fill ring.
 *  - A packet whose slots contradict the rings (bounds, ids) stops the queue;
 *    one that contradicts itself is dropped and counted.
 *  - When NAPI completes, rx_event is set and the ring looked at again.
 *
 * Called by: NAPI.  q->rx_lock is held in every static function.
 */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>

#include "hicamp_netfront.h"

/*
 * What fits a plain Ethernet frame is copied: that costs less than giving out
 * a fragment, and the skb is charged for little more than its bytes.  With a
 * page for each, a default socket buffer would hold 40 datagrams, and drop
 * most of a burst.
 */
static unsigned int rx_copybreak = 1536;
module_param(rx_copybreak, uint, 0644);
MODULE_PARM_DESC(rx_copybreak,
		 "Copy payload up to this size and keep the buffer (default 1536)");

#define HNF_COPYBREAK_MAX	4096

/* A piece of payload: len bytes at off in a run. */
struct hnf_part {
	struct hnf_run *run;
	u32 off;
	u32 len;
};

static void hnf_rx_broken(struct hnf_queue *q, const char *why)
{
	q->rx_stats.broken++;
	hnf_queue_broken(q, why);
}

/*
 * Claim all buffers of a packet.
 *
 * Return: bytes in them, or -EPROTO if one is not ours to receive into.
 */
static int hnf_rx_claim(struct hnf_queue *q, u32 slot, unsigned int nr,
			struct hnf_part *part)
{
	struct hnf_rings *r = &q->rings;
	unsigned int i;
	int total = 0;

	for (i = 0; i < nr; i++, part++) {
		struct hicamp_extent e;

		memcpy(&e, hnf_extent(r->rx, r->rx_slots, slot, i), sizeof(e));
		barrier();	/* only the copy is used */
		if (unlikely(e.type != HICAMP_EXT_FILL || !e.len))
			return -EPROTO;
		part->run = hnf_pool_claim(&q->pool, e.name, &part->off);
		if (unlikely(!part->run))
			return -EPROTO;
		if (unlikely(e.offset || e.len > 1u << part->run->shift))
			return -EPROTO;
		part->len = e.len;
		total += e.len;
	}
	return total;
}

/* Put buffers back into the fill ring. */
static void hnf_rx_repost(struct hnf_queue *q, const struct hnf_part *part,
			  unsigned int nr)
{
	for (; nr; nr--, part++)
		hnf_pool_repost(q, part->run, part->off);
}

/*
 * Attach payload to the skb; what is adjacent in a run becomes one fragment,
 * with one reference.
 *
 * Return: the number of parts that found room.
 */
static unsigned int hnf_rx_frags(struct hnf_queue *q, struct sk_buff *skb,
				 const struct hnf_part *part, unsigned int nr)
{
	const struct hnf_run *last = NULL;
	unsigned int i, frags = 0;
	u32 end = 0;

	for (i = 0; i < nr; i++, part++) {
		struct hnf_run *run = part->run;
		unsigned int truesize = 1u << run->shift;

		if (run == last && part->off == end) {
			skb_coalesce_rx_frag(skb, frags - 1, part->len,
					     truesize);
		} else {
			if (unlikely(frags == MAX_SKB_FRAGS))
				break;
			run->bias--;	/* this reference is the skb's now */
			skb_add_rx_frag(skb, frags++, run->page, part->off,
					part->len, truesize);
		}
		last = run;
		end = part->off + part->len;
	}
	return i;
}

/* Checksum, GSO and hash, before the Ethernet header is pulled. */
static bool hnf_rx_meta(struct hnf_queue *q, struct sk_buff *skb,
			const struct hicamp_pkt *pkt)
{
	if (pkt->flags & HICAMP_PKT_CSUM_PARTIAL) {
		if (!skb_partial_csum_set(skb, pkt->csum_start,
					  pkt->csum_offset))
			return false;
	} else if ((pkt->flags & HICAMP_PKT_CSUM_VALID) &&
		   (q->np->netdev->features & NETIF_F_RXCSUM)) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}

	if (pkt->gso_type != HICAMP_GSO_NONE) {
		struct skb_shared_info *si = skb_shinfo(skb);

		if (pkt->gso_type > HICAMP_GSO_TCPV6 || !pkt->gso_size ||
		    pkt->gso_size == GSO_BY_FRAGS)
			return false;
		if (skb->ip_summed == CHECKSUM_PARTIAL &&
		    pkt->csum_offset != offsetof(struct tcphdr, check))
			return false;
		q->rx_stats.gso++;
		si->gso_size = pkt->gso_size;
		si->gso_type = pkt->gso_type == HICAMP_GSO_TCPV4 ?
			       SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
		/* Headers are checked, and segments counted, if forwarded. */
		si->gso_type |= SKB_GSO_DODGY;
		si->gso_segs = 0;
	}

	if (pkt->flags & HICAMP_PKT_HASH)
		skb_set_hash(skb, pkt->hash, PKT_HASH_TYPE_L4);
	return true;
}

/* Hand a complete skb to the stack, or a NIC; false if its metadata lie. */
static bool hnf_rx_deliver(struct hnf_queue *q, struct sk_buff *skb,
			   const struct hicamp_pkt *pkt)
{
	struct net_device *dev = q->np->netdev;

	if (unlikely(q->np->fabric)) {
		dev = hnf_fabric_rep(q->np, pkt->port);
		if (!dev) {
			q->rx_stats.drop_rep++;
			dev_kfree_skb_any(skb);
			return true;
		}
	}
	if (unlikely(!hnf_rx_meta(q, skb, pkt)))
		return false;

	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	skb_record_rx_queue(skb, q->id);

	/* GSO implies a partial checksum: make it so, as xen-netfront does. */
	if (unlikely(skb_is_gso(skb) && skb->ip_summed != CHECKSUM_PARTIAL)) {
		q->rx_stats.csum_fixup++;
		skb->ip_summed = CHECKSUM_PARTIAL;
		if (skb_checksum_setup(skb, true))
			return false;
	}

	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.packets++;
	q->rx_stats.bytes += pkt->len;
	u64_stats_update_end(&q->rx_stats.syncp);

	if (unlikely(q->np->uplink))
		hnf_uplink_deliver(q->np, skb);
	else
		napi_gro_receive(&q->napi, skb);
	return true;
}

/* The skb for a packet, or NULL (counted).  All buffers are disposed of. */
static struct sk_buff *hnf_rx_build(struct hnf_queue *q, u32 slot,
				    const struct hicamp_pkt *pkt,
				    const struct hnf_part *part,
				    unsigned int payload)
{
	unsigned int nr = pkt->nr_extents, inl = pkt->inline_len, i, done = 0;
	unsigned int limit = min_t(unsigned int, READ_ONCE(rx_copybreak),
				   HNF_COPYBREAK_MAX);
	bool copy = payload <= limit;
	struct sk_buff *skb = NULL;

	if (unlikely(inl < ETH_HLEN || inl + payload != pkt->len ||
		     pkt->len > HICAMP_LEN_MAX)) {
		q->rx_stats.drop_malformed++;
		goto out;
	}
	skb = napi_alloc_skb(&q->napi, inl + (copy ? payload : 0));
	if (unlikely(!skb)) {
		q->rx_stats.drop_nomem++;
		goto out;
	}
	hnf_slots_read(q->rings.rx, q->rings.rx_slots, slot, sizeof(*pkt),
		       skb_put(skb, inl), inl);
	if (!nr) {
		q->rx_stats.inlined++;
	} else if (copy) {
		for (i = 0; i < nr; i++)
			skb_put_data(skb, page_address(part[i].run->page) +
				     part[i].off, part[i].len);
		q->rx_stats.small_copied++;
	} else {
		done = hnf_rx_frags(q, skb, part, nr);
		q->rx_stats.extents += done;
		if (unlikely(done < nr)) {
			q->rx_stats.drop_frags++;
			dev_kfree_skb_any(skb);
			skb = NULL;
		}
	}
out:
	hnf_rx_repost(q, part + done, nr - done);
	for (i = 0; i < done; i++)
		if (!i || part[i].run != part[i - 1].run)
			hnf_pool_settle(q, part[i].run);
	hnf_pool_sent_up(q);
	return skb;
}

/*
 * Take one packet from the ring.
 *
 * Return: the number of its slots, or -EPROTO if the ring holds nonsense.
 */
static int hnf_rx_packet(struct hnf_queue *q, u32 slot, u32 avail)
{
	struct hnf_part part[HICAMP_EXTENTS_MAX];
	struct hicamp_pkt pkt;
	struct sk_buff *skb;
	unsigned int slots;
	int payload;
	u32 extents;

	memcpy(&pkt, hnf_slot(q->rings.rx, q->rings.rx_slots, slot),
	       sizeof(pkt));
	barrier();	/* only the copy is used */

	if (unlikely(pkt.inline_len > HICAMP_INLINE_MAX ||
		     pkt.nr_extents > HICAMP_EXTENTS_MAX))
		return -EPROTO;
	slots = HICAMP_PKT_SLOTS(pkt.inline_len, pkt.nr_extents);
	if (unlikely(slots > avail))
		return -EPROTO;

	extents = slot + HICAMP_HDR_SLOTS(pkt.inline_len);
	if (unlikely(q->window) && pkt.nr_extents &&
	    READ_ONCE(hnf_extent(q->rings.rx, q->rings.rx_slots, extents,
				 0)->type) == HICAMP_EXT_PLACE) {
		skb = hnf_window_build(q, slot, &pkt);
		if (IS_ERR(skb))
			return PTR_ERR(skb);
	} else {
		payload = hnf_rx_claim(q, extents, pkt.nr_extents, part);
		if (unlikely(payload < 0))
			return payload;
		skb = hnf_rx_build(q, slot, &pkt, part, payload);
	}
	if (likely(skb) && unlikely(!hnf_rx_deliver(q, skb, &pkt))) {
		q->rx_stats.drop_malformed++;
		dev_kfree_skb_any(skb);
	}
	return slots;
}

/* Take up to budget packets. */
static int hnf_rx(struct hnf_queue *q, int budget)
{
	struct hicamp_ring_ctrl *ctrl = q->rings.ctrl;
	u32 avail = READ_ONCE(ctrl->rx_prod) - q->rx.cons;
	int work = 0, slots;

	if (unlikely(avail > q->rings.rx_slots)) {
		hnf_rx_broken(q, "rx_prod is out of bounds");
		return 0;
	}
	if (!avail)
		return 0;
	virt_rmb();	/* entries after the index */

	while (work < budget && avail) {
		slots = hnf_rx_packet(q, q->rx.cons, avail);
		if (unlikely(slots < 0)) {
			hnf_rx_broken(q, "packet in rx makes no sense");
			break;
		}
		q->rx.cons += slots;
		avail -= slots;
		work++;
	}
	/* What was in the slots has been read before they are free. */
	virt_store_release(&ctrl->rx_cons, q->rx.cons);
	return work;
}

/* There is room, or there are buffers: tell Xen if it waits for either. */
static void hnf_rx_kick(struct hnf_queue *q, bool moved)
{
	int err;

	if (moved)
		virt_mb();	/* rx_cons and fill_prod, then the flag */
	if (!READ_ONCE(q->rings.ctrl->fill_wakeup))
		return;
	q->rx_stats.doorbells++;
	err = hicamp_doorbell(q->np->id, q->id, HICAMP_DOORBELL_RX);
	if (unlikely(err)) {
		q->rx_stats.doorbell_errors++;
		if (err == -EIO || err == -ENOENT || err == -ENOTCONN)
			hnf_queue_broken(q, "the port is gone");
	}
}

/**
 * hnf_poll - NAPI poll of a queue: receive, refill, completions
 * @napi: in the queue
 * @budget: packets at most
 *
 * Return: packets received.
 */
int hnf_poll(struct napi_struct *napi, int budget)
{
	struct hnf_queue *q = container_of(napi, struct hnf_queue, napi);
	struct hicamp_ring_ctrl *ctrl = q->rings.ctrl;
	u32 cons, fill;
	int work;

	if (unlikely(READ_ONCE(q->broken))) {
		napi_complete_done(napi, 0);
		return 0;
	}

	spin_lock(&q->rx_lock);
	cons = q->rx.cons;
	fill = q->rx.fill_prod;
	hnf_window_release(q);
	work = hnf_rx(q, budget);
	hnf_pool_refill(q);
	hnf_rx_kick(q, q->rx.cons != cons || q->rx.fill_prod != fill);
	cons = q->rx.cons;
	spin_unlock(&q->rx_lock);

	hnf_tx_poll(q, budget);

	if (work < budget && napi_complete_done(napi, work)) {
		WRITE_ONCE(ctrl->rx_event, 1);
		virt_mb();	/* the flag, then the ring again */
		if (READ_ONCE(ctrl->rx_prod) != cons &&
		    napi_schedule_prep(napi)) {
			WRITE_ONCE(ctrl->rx_event, 0);
			__napi_schedule(napi);
		}
	}
	return work;
}
