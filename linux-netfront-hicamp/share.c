// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies of sharing what is sent
 *
 * Lives here: turning extents that name frames into extents that name
 * references, and the transmit pool.
 *
 *   direct   the frame stands in the extent, and is shared until the packet's
 *            completion; nothing to do here.  The default.
 *   reuse    pages of I/O pools are issued once and stay so over many packets.
 *            A page of the receive pool (of a packet that is forwarded) is
 *            named by its run's reference; what is in other pages is copied
 *            into a page of the transmit pool.  Only our own pools can stay
 *            issued: pages of others give no notice when they are freed.
 *   strict   every page is issued before, and revoked after, each packet, as
 *            with the grant tables of stock Xen.  For comparison only.
 *
 * Pieces of segments are named by segment under every policy.  Where a policy
 * cannot be followed (pool or table full, Xen refuses) the frame is named.
 *
 * Invariants:
 *  - A page of the pool is free, or belongs to one packet under way.  It is
 *    written only while free, so no packet's payload changes under way.
 *  - A page is revoked before it goes back to the page allocator; if Xen
 *    refuses, it is leaked.
 *  - The pool is bounded (tx_pool_kb).
 *
 * Called by: xmit.c, port.c and the shrinker, with the tx lock held, or where
 * nothing is sent any more.
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

static const char * const hnf_policies[] = {
	[HNF_DIRECT]	= "direct",
	[HNF_REUSE]	= "reuse",
	[HNF_STRICT]	= "strict",
};

static unsigned int tx_policy = HNF_DIRECT;

static int hnf_policy_set(const char *val, const struct kernel_param *kp)
{
	int i = sysfs_match_string(hnf_policies, val);

	if (i < 0)
		return i;
	WRITE_ONCE(*(unsigned int *)kp->arg, i);
	return 0;
}

static int hnf_policy_get(char *buf, const struct kernel_param *kp)
{
	unsigned int i = READ_ONCE(*(unsigned int *)kp->arg);

	return scnprintf(buf, PAGE_SIZE, "%s\n", hnf_policies[i]);
}

static const struct kernel_param_ops hnf_policy_ops = {
	.set = hnf_policy_set,
	.get = hnf_policy_get,
};

module_param_cb(tx_policy, &hnf_policy_ops, &tx_policy, 0644);
MODULE_PARM_DESC(tx_policy,
		 "Sharing of what is sent: direct (default), reuse, or strict");

static unsigned int tx_pool_kb = 4096;
module_param(tx_pool_kb, uint, 0444);
MODULE_PARM_DESC(tx_pool_kb,
		 "KiB that policy reuse keeps to copy into, per queue (default 4096)");

#define HNF_TX_POOL_MAX		(64ul << 20 >> PAGE_SHIFT)
#define HNF_GFP			(GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC)

/* The policy that the next packet of a queue follows. */
enum hnf_policy hnf_share_policy(const struct hnf_queue *q)
{
	unsigned int policy = READ_ONCE(tx_policy);

	if (likely(policy == HNF_DIRECT) ||
	    !(q->np->features & HICAMP_FEAT_TX_REF))
		return HNF_DIRECT;
	return policy;
}

/*
 * Revoke references one hypercall for all.
 *
 * Return: how many Xen has let go of; less than nr only if it refuses.
 */
static unsigned int hnf_refs_revoke(struct hnf_queue *q, const u32 *ref,
				    unsigned int nr)
{
	struct hicamp_run arg[HICAMP_EXTENTS_MAX] = {};
	unsigned int i, at = 0;

	for (i = 0; i < nr; i++)
		arg[i].ref = ref[i];
	while (at < nr) {
		struct hicamp_space_op op = {
			.runs = (unsigned long)&arg[at],
			.nr = nr - at,
		};
		int err = hicamp_hypercall(HICAMP_OP_space_revoke, &op);
		unsigned int done = err ? min(op.done, nr - at) : nr - at;

		at += done;
		q->tx_stats.revoked += done;
		if (err && at < nr) {
			/* Not a reference any more: as good. */
			if (err != -ENOENT)
				break;
			at++;
		}
	}
	return at;
}

/* Policy strict: issue what the packet names. */
static void hnf_share_strict(struct hnf_queue *q, struct hnf_tx_share *share,
			     struct hicamp_extent **ext, unsigned int nr)
{
	struct hicamp_run arg[HICAMP_EXTENTS_MAX] = {};
	struct hicamp_space_op op = {
		.runs = (unsigned long)arg,
		.nr = nr,
	};
	unsigned int i, done;
	int err;

	for (i = 0; i < nr; i++)
		arg[i].frame = ext[i]->name;
	err = hicamp_hypercall(HICAMP_OP_space_issue, &op);
	done = err ? min(op.done, nr) : nr;
	for (i = 0; i < done; i++) {
		ext[i]->name = arg[i].ref;
		ext[i]->type = HICAMP_EXT_REF;
		share->ref[i] = arg[i].ref;
	}
	share->nr = done;
	share->policy = HNF_STRICT;
	q->tx_stats.issued += done;
	q->tx_stats.unshared += nr - done;
}

/* A free page of the transmit pool; NULL if there is none. */
static struct page *hnf_txpool_get(struct hnf_tx_pool *pool)
{
	struct page *page;

	page = list_first_entry_or_null(&pool->free, struct page, lru);
	if (page) {
		list_del(&page->lru);
		pool->nr_free--;
		return page;
	}
	if (pool->nr >= pool->max)
		return NULL;
	page = alloc_page(HNF_GFP);
	if (page)
		pool->nr++;
	return page;
}

static void hnf_txpool_put(struct hnf_tx_pool *pool, struct page *page)
{
	list_add(&page->lru, &pool->free);
	WRITE_ONCE(pool->nr_free, pool->nr_free + 1);
}

/* Issue a page of the pool and enter it in the table, used. */
static bool hnf_txpool_issue(struct hnf_queue *q, u64 mfn, u32 *entry)
{
	struct hnf_grant_half *h = &q->grants.half[HNF_GRANT_RO];
	struct hicamp_run run = { .frame = mfn };
	struct hicamp_space_op op = {
		.runs = (unsigned long)&run,
		.nr = 1,
	};
	u32 old;

	if (hicamp_hypercall(HICAMP_OP_space_issue, &op))
		return false;
	q->tx_stats.issued++;
	if (hnf_grant_add(h, mfn, run.ref, 0, true, entry))
		return true;
	if (hnf_grant_evict(h, mfn, &old)) {
		q->tx_stats.evicted++;
		if (hnf_refs_revoke(q, &old, 1) == 1 &&
		    hnf_grant_add(h, mfn, run.ref, 0, true, entry))
			return true;
	}
	/* A page that stays issued without our knowing must not stay. */
	if (hnf_refs_revoke(q, &run.ref, 1) != 1)
		q->tx_stats.leaked++;
	return false;
}

/* Copy what an extent names into a page of the pool, and name that. */
static bool hnf_share_copy(struct hnf_queue *q, struct hnf_tx_share *share,
			   struct hicamp_extent *ext)
{
	struct hnf_grant_half *h = &q->grants.half[HNF_GRANT_RO];
	struct hnf_tx_pool *pool = &q->txpool;
	struct page *page = hnf_txpool_get(pool);
	u32 entry;
	u64 mfn;

	if (!page)
		return false;
	mfn = pfn_to_gfn(page_to_pfn(page));
	if (hnf_grant_use(h, mfn, &entry)) {
		q->tx_stats.reused++;
	} else if (!hnf_txpool_issue(q, mfn, &entry)) {
		hnf_txpool_put(pool, page);
		return false;
	}
	memcpy(page_address(page) + ext->offset,
	       mfn_to_virt(ext->name) + ext->offset, ext->len);
	q->tx_stats.copied += ext->len;
	ext->name = h->ref[entry];
	ext->type = HICAMP_EXT_REF;
	share->ref[share->nr] = entry;
	share->page[share->nr++] = page;
	return true;
}

/* Policy reuse. */
static void hnf_share_reuse(struct hnf_queue *q, struct hnf_tx_share *share,
			    struct hicamp_extent **ext, unsigned int nr)
{
	struct hnf_grant_half *rw = &q->grants.half[HNF_GRANT_RW];
	unsigned int i;
	u32 entry;

	share->policy = HNF_REUSE;
	for (i = 0; i < nr; i++) {
		if (hnf_grant_use(rw, ext[i]->name, &entry)) {
			q->tx_stats.reused++;
			ext[i]->name = rw->ref[entry];
			ext[i]->offset += (u32)rw->at[entry] << PAGE_SHIFT;
			ext[i]->type = HICAMP_EXT_REF;
			share->ref[share->nr] = entry;
			share->page[share->nr++] = NULL;
		} else if (!hnf_share_copy(q, share, ext[i])) {
			q->tx_stats.unshared++;
		}
	}
}

/**
 * hnf_share - let a packet follow a policy
 * @q: the queue
 * @policy: HNF_REUSE or HNF_STRICT
 * @id: of the packet
 * @slot: where its extents begin, none of which goes over a page's end
 * @nr: how many there are
 */
void hnf_share(struct hnf_queue *q, enum hnf_policy policy, u32 id, u32 slot,
	       unsigned int nr)
{
	struct hicamp_extent *frames[HICAMP_EXTENTS_MAX];
	struct hnf_tx_share *share = &q->tx.share[id];
	struct hnf_rings *r = &q->rings;
	unsigned int i, n = 0;

	share->nr = 0;
	for (i = 0; i < nr; i++) {
		struct hicamp_extent *e = hnf_extent(r->tx, r->tx_slots, slot,
						     i);

		if (e->type == HICAMP_EXT_FRAME)
			frames[n++] = e;
	}
	if (!n)
		return;
	if (policy == HNF_STRICT)
		hnf_share_strict(q, share, frames, n);
	else
		hnf_share_reuse(q, share, frames, n);
}

/**
 * hnf_unshare - a packet that follows a policy is done with
 * @q: the queue
 * @id: of the packet
 *
 * Return: false if Xen did not let go: the skb must not be freed.
 */
bool hnf_unshare(struct hnf_queue *q, u32 id)
{
	struct hnf_tx_share *share = &q->tx.share[id];
	unsigned int i, nr = share->nr;

	share->nr = 0;
	if (!nr)
		return true;
	if (share->policy == HNF_STRICT) {
		if (hnf_refs_revoke(q, share->ref, nr) == nr)
			return true;
		q->tx_stats.leaked++;
		return false;
	}
	for (i = 0; i < nr; i++) {
		struct page *page = share->page[i];

		hnf_grant_unuse(&q->grants.half[page ? HNF_GRANT_RO :
						HNF_GRANT_RW], share->ref[i]);
		if (page)
			hnf_txpool_put(&q->txpool, page);
	}
	return true;
}

/* Revoke a free page and return it to the system. */
static void hnf_txpool_free(struct hnf_queue *q, struct page *page,
			    bool forget)
{
	struct hnf_grant_half *h = &q->grants.half[HNF_GRANT_RO];
	u64 mfn = pfn_to_gfn(page_to_pfn(page));
	u32 entry, ref;

	q->txpool.nr--;
	if (hnf_grant_use(h, mfn, &entry)) {
		ref = h->ref[entry];
		hnf_grant_unuse(h, entry);
		hnf_grant_remove(h, mfn);
		if (!forget && hnf_refs_revoke(q, &ref, 1) != 1) {
			q->tx_stats.leaked++;
			return;
		}
	}
	__free_page(page);
}

static unsigned long hnf_txpool_trim(struct hnf_queue *q, unsigned long nr,
				     bool forget)
{
	struct hnf_tx_pool *pool = &q->txpool;
	unsigned long freed;

	for (freed = 0; freed < nr && pool->nr_free; freed++) {
		struct page *page = list_last_entry(&pool->free, struct page,
						    lru);

		list_del(&page->lru);
		WRITE_ONCE(pool->nr_free, pool->nr_free - 1);
		hnf_txpool_free(q, page, forget);
	}
	return freed;
}

/**
 * hnf_share_shrink - give free pages of the transmit pool to the system
 * @q: the queue
 * @nr: pages at most
 *
 * Takes the tx lock, if it is free: we may be inside an allocation of anybody.
 *
 * Return: the number of pages given.
 */
unsigned long hnf_share_shrink(struct hnf_queue *q, unsigned long nr)
{
	struct netdev_queue *txq = hnf_txq(q);
	unsigned long freed = 0;

	local_bh_disable();
	if (__netif_tx_trylock(txq)) {
		freed = hnf_txpool_trim(q, min(nr, 64ul), false);
		__netif_tx_unlock(txq);
	}
	local_bh_enable();
	return freed;
}

/**
 * hnf_share_drain - give all pages of the transmit pool back
 * @q: the queue, detached, with no packet under way
 * @forget: we are in a new domain, where nothing is issued: do not revoke
 */
void hnf_share_drain(struct hnf_queue *q, bool forget)
{
	struct netdev_queue *txq = hnf_txq(q);

	__netif_tx_lock_bh(txq);
	if (forget)	/* frames have other numbers now, too */
		hnf_grants_clear(&q->grants);
	hnf_txpool_trim(q, ULONG_MAX, forget);
	__netif_tx_unlock_bh(txq);
}

/**
 * hnf_share_forget - we are in a new domain: no reference of ours exists
 * @q: the queue, detached, before its packets are freed
 */
void hnf_share_forget(struct hnf_queue *q)
{
	unsigned int i;

	for (i = 0; q->tx.share && i < q->rings.comp_entries; i++)
		if (q->tx.share[i].policy == HNF_STRICT)
			q->tx.share[i].nr = 0;
}

/**
 * hnf_share_init - transmit pool and table of a queue, empty
 * @q: the queue
 * @rx_pages: that the receive pool may have
 *
 * Return: 0 or -ENOMEM.
 */
int hnf_share_init(struct hnf_queue *q, unsigned int rx_pages)
{
	INIT_LIST_HEAD(&q->txpool.free);
	q->txpool.max = min(tx_pool_kb / (PAGE_SIZE / 1024), HNF_TX_POOL_MAX);
	return hnf_grants_init(&q->grants, q->txpool.max, rx_pages);
}
