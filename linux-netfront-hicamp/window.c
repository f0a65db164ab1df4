// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uplinks: sending guests' payload to a NIC without a copy
 *
 * Lives here: the window of a queue, pages of ours in which Xen shows us frames
 * of guests; packets made of them; giving them back when the NIC has sent them.
 *
 * A page of the window is mapped as any other, so whoever looks (a tap, a
 * checksum in software, a bounce buffer) reads the guest's bytes. For DMA its
 * entry in the p2m is the guest's frame meanwhile, as that of a mapped grant is.
 * The skb says that its fragments are somebody's (ubuf_info), so who would keep
 * them makes a copy.
 *
 * Invariants:
 *  - A run of pages belongs to the stack from when it came in a packet until the
 *    packet is released; while it does the p2m names the guest's frames.
 *  - A packet is released when the last skb with its fragments is gone.
 *  - Memory of a window is freed when the stack has nothing of it and Xen has
 *    taken it back; if either cannot be had, it is leaked.
 *
 * Called by: recv.c (softirq), port.c (rtnl), the network core (ubuf_info; any
 * context).
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/skbuff.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

static unsigned int uplink_window;
module_param(uplink_window, uint, 0644);
MODULE_PARM_DESC(uplink_window,
		 "Uplinks made from now on: pages of each queue in which payload is shown instead of copied, 16 to 1024, 0 for none (default 0)");

static unsigned int uplink_window_min = 8192;
module_param(uplink_window_min, uint, 0644);
MODULE_PARM_DESC(uplink_window_min,
		 "Payload from how many bytes on is shown (default 8192)");

#define HNF_WINDOW_ORDER	HICAMP_ORDER_MAX	/* of a run */
#define HNF_WINDOW_RUN		(PAGE_SIZE << HNF_WINDOW_ORDER)
#define HNF_WINDOW_WAIT_MS	15000	/* Xen waits for no longer, either */

/* A packet in the window; by its first run. */
struct hnf_shown {
	struct ubuf_info ubuf;
	struct hnf_window *w;
	u16 at;
	u16 nr;
	struct {
		u16 run;
		u8 page;	/* pages of it from here on ... */
		u8 nr;		/* ... so many */
	} part[MAX_SKB_FRAGS];
};

struct hnf_window {
	spinlock_t lock;		/* any context */
	struct hnf_queue *q;		/* NULL: it is gone; under @lock */
	unsigned int nr;		/* runs */
	unsigned int out;		/* packets; under q->rx_lock */
	struct page **page;		/* by run, as is the next */
	struct hnf_shown *shown;
	unsigned long *own;		/* frames; by page */
	unsigned int nr_done;		/* to be released; under @lock */
	u16 *done;
	u16 *batch;			/* under q->rx_lock */
};

static unsigned long *hnf_window_own(const struct hnf_window *w,
				     unsigned int run)
{
	return &w->own[run << HNF_WINDOW_ORDER];
}

/* For DMA, pages of a run are these frames; foreign ones are marked so. */
static void hnf_run_point(const struct hnf_window *w, unsigned int run,
			  unsigned int page, unsigned int nr, u64 foreign)
{
	unsigned long *p2m = &xen_p2m_addr[page_to_pfn(w->page[run]) + page];
	const unsigned long *own = hnf_window_own(w, run) + page;

	for (; nr; nr--, own++, foreign += !!foreign)
		WRITE_ONCE(*p2m++, foreign ? FOREIGN_FRAME(foreign) : *own);
}

/* ---- Packets ----------------------------------------------------------- */

/* The stack is done with a packet. */
static void hnf_window_sent(struct sk_buff *skb, struct ubuf_info *ubuf,
			    bool success)
{
	struct hnf_shown *s = container_of(ubuf, struct hnf_shown, ubuf);
	struct hnf_window *w = s->w;
	unsigned long flags;

	if (!refcount_dec_and_test(&ubuf->refcnt))
		return;
	spin_lock_irqsave(&w->lock, flags);
	w->done[w->nr_done++] = s->at;
	if (likely(w->q))
		napi_schedule(&w->q->napi);	/* hnf_window_release() */
	spin_unlock_irqrestore(&w->lock, flags);
}

/* Read the extents of a packet; false: they make no sense. */
static bool hnf_window_claim(struct hnf_queue *q, u32 slot,
			     const struct hicamp_pkt *pkt,
			     struct hicamp_extent *ext)
{
	const struct hnf_window *w = q->window;
	unsigned int i, payload = 0;

	if (pkt->nr_extents > MAX_SKB_FRAGS)
		return false;
	for (i = 0; i < pkt->nr_extents; i++) {
		memcpy(&ext[i], hnf_extent(q->rings.rx, q->rings.rx_slots, slot,
					   i), sizeof(*ext));
		barrier();	/* only the copy is used */
		if (ext[i].type != HICAMP_EXT_PLACE || !ext[i].len ||
		    ext[i].offset / HNF_WINDOW_RUN >= w->nr ||
		    ext[i].offset % HNF_WINDOW_RUN + ext[i].len > HNF_WINDOW_RUN)
			return false;
		payload += ext[i].len;
	}
	return pkt->inline_len >= ETH_HLEN &&
	       pkt->inline_len + payload == pkt->len;
}

/**
 * hnf_window_build - the skb of a packet that is shown
 * @q: the queue, which has a window; rx_lock is held
 * @slot: where the packet begins
 * @pkt: what stands there
 *
 * Return: the skb, NULL if there is no memory (counted, and released), or an
 * ERR_PTR if the ring holds nonsense.
 */
struct sk_buff *hnf_window_build(struct hnf_queue *q, u32 slot,
				 const struct hicamp_pkt *pkt)
{
	struct hnf_window *w = q->window;
	struct hicamp_extent ext[MAX_SKB_FRAGS];
	struct hnf_shown *s;
	struct sk_buff *skb;
	unsigned int i;

	if (unlikely(!hnf_window_claim(q, slot +
				       HICAMP_HDR_SLOTS(pkt->inline_len), pkt,
				       ext)))
		return ERR_PTR(-EPROTO);

	s = &w->shown[ext[0].offset / HNF_WINDOW_RUN];
	s->nr = pkt->nr_extents;
	refcount_set(&s->ubuf.refcnt, 1);
	w->out++;
	skb = napi_alloc_skb(&q->napi, pkt->inline_len);
	if (unlikely(!skb)) {
		q->rx_stats.drop_nomem++;
		s->nr = 0;
		hnf_window_sent(NULL, &s->ubuf, true);
		return NULL;
	}
	hnf_slots_read(q->rings.rx, q->rings.rx_slots, slot, sizeof(*pkt),
		       skb_put(skb, pkt->inline_len), pkt->inline_len);

	for (i = 0; i < s->nr; i++) {
		unsigned int run = ext[i].offset / HNF_WINDOW_RUN;
		unsigned int off = ext[i].offset % HNF_WINDOW_RUN;

		s->part[i].run = run;
		s->part[i].page = off >> PAGE_SHIFT;
		s->part[i].nr = PFN_UP(offset_in_page(off) + ext[i].len);
		hnf_run_point(w, run, s->part[i].page, s->part[i].nr,
			      ext[i].name);
		get_page(w->page[run]);
		skb_add_rx_frag(skb, i, w->page[run], off, ext[i].len,
				s->part[i].nr << PAGE_SHIFT);
	}
	skb_zcopy_init(skb, &s->ubuf);
	q->rx_stats.shown++;
	return skb;
}

/**
 * hnf_window_release - tell Xen which packets nobody reads any more
 * @q: the queue; rx_lock is held
 */
void hnf_window_release(struct hnf_queue *q)
{
	struct hicamp_window_release arg = { .port = q->np->id, .queue = q->id };
	struct hnf_window *w = q->window;
	unsigned long flags;
	unsigned int i, j;
	int err;

	if (!w || !READ_ONCE(w->nr_done))
		return;
	spin_lock_irqsave(&w->lock, flags);
	arg.nr = w->nr_done;
	w->nr_done = 0;
	swap(w->done, w->batch);
	spin_unlock_irqrestore(&w->lock, flags);

	for (i = 0; i < arg.nr; i++) {
		const struct hnf_shown *s = &w->shown[w->batch[i]];

		for (j = 0; j < s->nr; j++)
			hnf_run_point(w, s->part[j].run, s->part[j].page,
				      s->part[j].nr, 0);
	}
	w->out -= arg.nr;

	arg.runs = (unsigned long)w->batch;
	err = hicamp_hypercall(HICAMP_OP_window_release, &arg);
	if (unlikely(err))
		hnf_queue_broken(q, "Xen does not know what it has shown");
}

/* ---- Opening and closing ----------------------------------------------- */

static void hnf_window_destroy(struct hnf_window *w)
{
	unsigned int i;

	for (i = 0; w->page && i < w->nr && w->page[i]; i++)
		__free_pages(w->page[i], HNF_WINDOW_ORDER);
	kvfree(w->page);
	kvfree(w->own);
	kvfree(w->shown);
	kvfree(w->done);
	kvfree(w->batch);
	kfree(w);
}

static struct hnf_window *hnf_window_alloc(struct hnf_queue *q,
					   unsigned int nr)
{
	struct hnf_window *w = kzalloc(sizeof(*w), GFP_KERNEL);
	unsigned int i, j;

	if (!w)
		return NULL;
	spin_lock_init(&w->lock);
	w->q = q;
	w->nr = nr;
	w->page = kvcalloc(nr, sizeof(*w->page), GFP_KERNEL);
	w->own = kvcalloc(nr << HNF_WINDOW_ORDER, sizeof(*w->own), GFP_KERNEL);
	w->shown = kvcalloc(nr, sizeof(*w->shown), GFP_KERNEL);
	w->done = kvcalloc(nr, sizeof(*w->done), GFP_KERNEL);
	w->batch = kvcalloc(nr, sizeof(*w->batch), GFP_KERNEL);
	if (!w->page || !w->own || !w->shown || !w->done || !w->batch)
		goto fail;

	for (i = 0; i < nr; i++) {
		w->page[i] = alloc_pages(GFP_KERNEL | __GFP_COMP,
					 HNF_WINDOW_ORDER);
		if (!w->page[i])
			goto fail;
		for (j = 0; j < 1u << HNF_WINDOW_ORDER; j++)
			hnf_window_own(w, i)[j] =
				pfn_to_mfn(page_to_pfn(w->page[i]) + j);
		w->shown[i].w = w;
		w->shown[i].at = i;
		w->shown[i].ubuf.callback = hnf_window_sent;
		w->shown[i].ubuf.flags = SKBFL_ZEROCOPY_FRAG;
	}
	return w;

fail:
	hnf_window_destroy(w);
	return NULL;
}

/* Tell Xen the pages, and what maps them. */
static int hnf_window_offer(const struct hnf_window *w)
{
	struct hicamp_window arg = {
		.port = w->q->np->id,
		.queue = w->q->id,
		.order = HNF_WINDOW_ORDER,
		.runs = w->nr,
		.max_runs = MAX_SKB_FRAGS,
		.min_bytes = READ_ONCE(uplink_window_min),
	};
	unsigned int i, level, nr = w->nr << HNF_WINDOW_ORDER;
	struct hicamp_place *place;
	int err;

	place = kvcalloc(nr, sizeof(*place), GFP_KERNEL);
	if (!place)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		unsigned long va =
			(unsigned long)page_address(w->page[i >> HNF_WINDOW_ORDER]) +
			(i % (1u << HNF_WINDOW_ORDER)) * PAGE_SIZE;
		pte_t *pte = lookup_address(va, &level);

		place[i].frame = w->own[i];
		place[i].pte = arbitrary_virt_to_machine(pte).maddr;
	}
	arg.places = (unsigned long)place;
	err = hicamp_hypercall(HICAMP_OP_window_open, &arg);
	kvfree(place);
	return err;
}

/**
 * hnf_window_open - have large payload shown to a queue, if that is wanted
 * @q: the queue of an uplink, attached, NAPI disabled; rtnl is held
 *
 * Without a window all payload is copied, which is no error.
 */
void hnf_window_open(struct hnf_queue *q)
{
	unsigned int nr = min_t(unsigned int, READ_ONCE(uplink_window),
				HICAMP_WINDOW_MAX) >> HNF_WINDOW_ORDER;
	struct hnf_window *w;
	int err = -ENOMEM;

	if (!nr || !(q->np->features & HICAMP_FEAT_WINDOW))
		return;
	w = hnf_window_alloc(q, nr);
	if (w)
		err = hnf_window_offer(w);
	if (!err) {
		q->window = w;
		return;
	}
	if (w)
		hnf_window_destroy(w);
	netdev_info(q->np->netdev, "queue %u: payload is copied, not shown: %s (%d)\n",
		    q->id, err == -EOPNOTSUPP ?
		    "this domain's devices have an IOMMU's tables of their own" :
		    "no window", err);
}

/**
 * hnf_window_drain - wait until the stack is done with what was shown
 * @q: the queue, attached, NAPI disabled; rtnl is held
 */
void hnf_window_drain(struct hnf_queue *q)
{
	struct hnf_window *w = q->window;
	unsigned int ms;

	if (!w)
		return;
	for (ms = 0; ms < HNF_WINDOW_WAIT_MS; ms++) {
		spin_lock_bh(&q->rx_lock);
		hnf_window_release(q);
		spin_unlock_bh(&q->rx_lock);
		if (!w->out)
			return;
		usleep_range(1000, 2000);
	}
	netdev_warn(q->np->netdev, "queue %u: %u packets were never sent\n",
		    q->id, w->out);
}

/**
 * hnf_window_close - forget the window
 * @q: the queue, detached, drained; rtnl is held
 * @leak: Xen may still show something in it
 */
void hnf_window_close(struct hnf_queue *q, bool leak)
{
	struct hnf_window *w = q->window;
	unsigned long flags;

	if (!w)
		return;
	q->window = NULL;
	if (!leak && !w->out) {
		hnf_window_destroy(w);
		return;
	}
	spin_lock_irqsave(&w->lock, flags);
	w->q = NULL;
	spin_unlock_irqrestore(&w->lock, flags);
	netdev_err(q->np->netdev, "queue %u: window of %u pages leaked\n",
		   q->id, w->nr << HNF_WINDOW_ORDER);
}
