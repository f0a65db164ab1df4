// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents: the payload of an skb named where it lies
 *
 * Lives here: what becomes one extent, and how many pieces an skb may have.
 *
 * An skb is a linear area and page fragments; of what GRO merged and somebody
 * forwards, a list of such skbs may follow.
 *
 * Called by: xmit.c, with the tx lock held.
 */

#include <linux/limits.h>
#include <linux/skbuff.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

/* Extents are written one behind the other; see hnf_tx_add(). */
struct hnf_tx_cursor {
	struct hnf_queue *q;
	struct hicamp_extent *ext;	/* the last one */
	u32 slot;			/* where extents begin */
	unsigned int nr;
	unsigned int len;		/* of the last one */
	u16 type;			/* of the last one */
	u64 end;			/* frames: machine address behind it */
	u32 segment;			/* segments: id, and offset behind it */
	u64 segment_end;
	bool named;			/* there is a segment's */
	bool split;			/* no extent goes over a page's end */
};

/* Begin another extent, of n bytes; false if the packet has too many. */
static bool hnf_tx_next(struct hnf_tx_cursor *c, u16 type, u64 name, u32 off,
			u32 n)
{
	struct hnf_rings *r = &c->q->rings;

	if (c->nr == HICAMP_EXTENTS_MAX)
		return false;
	c->ext = hnf_extent(r->tx, r->tx_slots, c->slot, c->nr++);
	c->ext->name = name;
	c->ext->offset = off;
	c->ext->len = n;
	c->ext->type = type;
	c->len = n;
	c->type = type;
	return true;
}

/*
 * Name len bytes from offset off in page frame pfn, over the page frames that
 * follow it.  What is contiguous in machine memory becomes one extent; an
 * extent of at most 65,535 bytes never touches more than 17 frames.
 *
 * Return: false if the packet has too many extents.
 */
static bool hnf_tx_add(struct hnf_tx_cursor *c, unsigned long pfn, u32 off,
		       u32 len)
{
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - off);
		u64 gfn = pfn_to_gfn(pfn);
		u64 addr = (gfn << PAGE_SHIFT) | off;

		if (c->type == HICAMP_EXT_FRAME && addr == c->end &&
		    c->len + n <= U16_MAX && !(c->split && !off)) {
			c->len += n;
			c->ext->len = c->len;
		} else if (!hnf_tx_next(c, HICAMP_EXT_FRAME, gfn, off, n)) {
			return false;
		}
		c->end = addr + n;
		pfn++;
		off = 0;
		len -= n;
	}
	return true;
}

/*
 * Name len bytes at off of a page that begins at base of a segment.  Pages of
 * a segment that follow each other become one extent.
 */
static bool hnf_tx_add_segment(struct hnf_tx_cursor *c, u32 segment, u32 base,
			       u32 off, u32 len)
{
	if (c->type == HICAMP_EXT_SEGMENT && c->segment == segment &&
	    c->segment_end == (u64)base + off && c->len + len <= U16_MAX) {
		c->len += len;
		c->ext->len = c->len;
	} else if (!hnf_tx_next(c, HICAMP_EXT_SEGMENT, segment, base + off,
				len)) {
		return false;
	}
	c->segment = segment;
	c->segment_end = (u64)base + off + len;
	c->named = true;
	return true;
}

/* Name the bytes of an skb, without those of its list, from *skip on. */
static bool hnf_tx_add_skb(struct hnf_tx_cursor *c, const struct sk_buff *skb,
			   unsigned int *skip)
{
	unsigned int head = skb_headlen(skb);
	int i;

	if (*skip < head) {
		const u8 *data = skb->data + *skip;

		if (!hnf_tx_add(c, virt_to_pfn(data), offset_in_page(data),
				head - *skip))
			return false;
		*skip = 0;
	} else {
		*skip -= head;
	}

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		unsigned int off = skb_frag_off(frag);
		unsigned int len = skb_frag_size(frag);
		struct page *page = skb_frag_page(frag);
		u32 segment, base;

		if (*skip >= len) {
			*skip -= len;
			continue;
		}
		off += *skip;
		len -= *skip;
		*skip = 0;
		if (hicamp_page_lookup(page, &segment, &base)) {
			if (!hnf_tx_add_segment(c, segment, base, off, len))
				return false;
		} else if (!hnf_tx_add(c, page_to_pfn(page) +
				       (off >> PAGE_SHIFT),
				       offset_in_page(off), len)) {
			return false;
		}
	}
	return true;
}

/**
 * hnf_tx_extents - name the payload of a packet
 * @q: the queue
 * @skb: the packet
 * @skip: bytes at its begin that go inline
 * @slot: where extents are written
 * @split: no extent goes over a page's end
 *
 * The tx lock is held.
 *
 * Return: how many extents, or -E2BIG: more than a packet may have.
 */
int hnf_tx_extents(struct hnf_queue *q, const struct sk_buff *skb,
		   unsigned int skip, u32 slot, bool split)
{
	struct hnf_tx_cursor c = {
		.q = q,
		.slot = slot,
		.type = HICAMP_EXT_FRAME,
		.end = U64_MAX,
		.split = split,
	};
	const struct sk_buff *part;

	if (!hnf_tx_add_skb(&c, skb, &skip))
		return -E2BIG;
	skb_walk_frags(skb, part)
		if (!hnf_tx_add_skb(&c, part, &skip))
			return -E2BIG;
	q->tx_stats.segments += c.named;
	return c.nr;
}

/**
 * hnf_tx_listed - can a packet with a list of fragments go as it is?
 * @skb: the packet, with a list
 *
 * Return: false if it has more pieces than a packet may have extents.
 */
bool hnf_tx_listed(const struct sk_buff *skb)
{
	unsigned int pieces = 1 + skb_shinfo(skb)->nr_frags;
	const struct sk_buff *part;

	skb_walk_frags(skb, part) {
		if (unlikely(skb_has_frag_list(part)))
			return false;
		pieces += !!skb_headlen(part) + skb_shinfo(part)->nr_frags;
	}
	return pieces <= HICAMP_EXTENTS_MAX;
}
