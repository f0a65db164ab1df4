// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive pool: pages in the domain's grant space
 *
 * Lives here: allocation, issue and revocation of runs; which chunk of which
 * run is offered to Xen next; the shrinker.
 *
 * A run is 2^order machine-contiguous pages, issued as one and cut into chunks
 * of equal size.  Runs stay issued over many packets:
 *
 *   fresh -> busy -> cur -> (all chunks posted) -> (all came back) -> busy ...
 *
 * A chunk is posted in the fill ring (bit in run->posted); when Xen has filled
 * it, it goes to the stack as a page fragment, with a reference of its own to
 * the run's page, or back into the fill ring.  A run all of whose chunks are
 * with the stack, or free, is on pool->busy.  When the page's reference count
 * is back to what the pool holds (run->bias), nobody else has a reference and
 * the whole run is posted once more.  No atomic operation is needed to give
 * out a reference: the pool took many in advance.
 *
 * Invariants:
 *  - A page is revoked before the pool drops its references, so a page that
 *    is issued is never in the page allocator (it could become a page table
 *    there, and Xen would refuse it).  The stack may go on reading its part of
 *    a run that was revoked: the pages are its own then.
 *  - If Xen refuses to revoke, the pages are leaked, not freed.
 *  - The pool is bounded (max_pages).  At the bound, runs that readers hold on
 *    to are evicted and replaced by fresh ones: one socket that nobody reads
 *    cannot starve the fill ring.
 *  - A run that packets under way name (grants.h) is not revoked.
 *
 * With rx_strict no run is reused: what goes up is revoked before, as with the
 * grant tables of stock Xen.  That is for comparison.
 *
 * Called by: recv.c with q->rx_lock held; port.c; the system (shrinker).
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "hicamp_netfront.h"

static unsigned int rx_buffer_kb = 4096;
module_param(rx_buffer_kb, uint, 0444);
MODULE_PARM_DESC(rx_buffer_kb,
		 "KiB offered to receive into, per queue (default 4096)");

static unsigned int rx_pool_kb;
module_param(rx_pool_kb, uint, 0444);
MODULE_PARM_DESC(rx_pool_kb,
		 "KiB of receive buffers issued at most, per queue (default 4 x rx_buffer_kb)");

static unsigned int rx_chunk_shift = PAGE_SHIFT;
module_param(rx_chunk_shift, uint, 0444);
MODULE_PARM_DESC(rx_chunk_shift,
		 "log2 of bytes per receive buffer, 12 to 16 (default 12)");

static unsigned int rx_run_order = HICAMP_ORDER_MAX;
module_param(rx_run_order, uint, 0444);
MODULE_PARM_DESC(rx_run_order,
		 "log2 of pages issued as one, 0 to 4 (default 4)");

static bool rx_strict;
module_param(rx_strict, bool, 0644);
MODULE_PARM_DESC(rx_strict,
		 "Revoke each run when its last packet goes up, for comparison (default off)");

#define HNF_BATCH	16		/* runs per hypercall */
#define HNF_BIAS	BIT(20)		/* page references taken in advance */
#define HNF_BIAS_LOW	1024
#define HNF_MISSES	4		/* scattered allocations, then less */
#define HNF_LOOK	4		/* busy runs to look at for an idle one */
#define HNF_GFP		(GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC)

/* A fill id names run and chunk. */
#define HNF_ID_SHIFT	4

static u32 hnf_id(const struct hnf_run *run, unsigned int chunk)
{
	return ((u32)run->idx << HNF_ID_SHIFT) | chunk;
}

static unsigned int hnf_run_bytes(const struct hnf_run *run)
{
	return PAGE_SIZE << run->order;
}

/* Has the stack dropped all its references? */
static bool hnf_run_idle(const struct hnf_run *run)
{
	return page_ref_count(run->page) == run->bias;
}

static void hnf_busy_add(struct hnf_pool *pool, struct hnf_run *run, bool head)
{
	if (head)
		list_add(&run->busy, &pool->busy);
	else
		list_add_tail(&run->busy, &pool->busy);
	WRITE_ONCE(pool->nr_busy, pool->nr_busy + 1);
}

static void hnf_busy_del(struct hnf_pool *pool, struct hnf_run *run)
{
	list_del_init(&run->busy);
	WRITE_ONCE(pool->nr_busy, pool->nr_busy - 1);
}

static bool hnf_contiguous(const struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long gfn = pfn_to_gfn(pfn);
	unsigned int i;

	for (i = 1; i < 1u << order; i++)
		if (pfn_to_gfn(pfn + i) != gfn + i)
			return false;
	return true;
}

/* Pages for a run, as large as can be had. */
static struct page *hnf_alloc_pages(struct hnf_queue *q, unsigned int *order)
{
	struct hnf_pool *pool = &q->pool;
	struct page *page;

	*order = pool->order;
	if (*order) {
		page = alloc_pages(HNF_GFP | __GFP_COMP | __GFP_NORETRY,
				   *order);
		if (page && hnf_contiguous(page, *order)) {
			pool->misses = 0;
			return page;
		}
		if (page) {
			__free_pages(page, *order);
			q->rx_stats.scattered++;
			if (++pool->misses == HNF_MISSES) {
				pool->misses = 0;
				pool->order--;
			}
		}
		*order = 0;
	}
	return alloc_pages(HNF_GFP, 0);
}

/* A run, not issued yet. */
static struct hnf_run *hnf_run_alloc(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	struct hnf_run *run;
	unsigned int order;

	if (!pool->nr_free)
		return NULL;
	run = kzalloc(sizeof(*run), GFP_ATOMIC | __GFP_NOWARN);
	if (!run)
		return NULL;
	run->page = hnf_alloc_pages(q, &order);
	if (!run->page) {
		kfree(run);
		return NULL;
	}
	page_ref_add(run->page, HNF_BIAS - 1);
	run->bias = HNF_BIAS;
	run->order = order;
	run->shift = min_t(unsigned int, rx_chunk_shift, PAGE_SHIFT + order);
	run->nr = hnf_run_bytes(run) >> run->shift;
	run->next = run->nr;
	run->idx = pool->free_idx[--pool->nr_free];
	INIT_LIST_HEAD(&run->busy);
	pool->run[run->idx] = run;
	pool->pages += 1u << order;
	return run;
}

/* Forget a run; its pages go when the stack lets go too, unless leaked. */
static void hnf_run_free(struct hnf_pool *pool, struct hnf_run *run, bool leak)
{
	if (!leak)
		__page_frag_cache_drain(run->page, run->bias);
	pool->pages -= 1u << run->order;
	pool->run[run->idx] = NULL;
	pool->free_idx[pool->nr_free++] = run->idx;
	kfree(run);
}

/* Enter the pages of a run in the table, as far as there is room. */
static void hnf_run_enter(struct hnf_queue *q, const struct hnf_run *run)
{
	u64 gfn = pfn_to_gfn(page_to_pfn(run->page));
	unsigned int i;
	u32 entry;

	for (i = 0; i < 1u << run->order; i++)
		if (!hnf_grant_add(&q->grants.half[HNF_GRANT_RW], gfn + i,
				   run->ref, i, false, &entry))
			break;
}

/* Take a run out of the table; false if packets under way name it. */
static bool hnf_run_remove(struct hnf_queue *q, const struct hnf_run *run)
{
	u64 gfn = pfn_to_gfn(page_to_pfn(run->page));
	unsigned int i;

	for (i = 0; i < 1u << run->order; i++)
		if (!hnf_grant_remove(&q->grants.half[HNF_GRANT_RW], gfn + i))
			return false;
	return true;
}

/*
 * Revoke up to HNF_BATCH runs, which are on no list and in no table, and free
 * them.
 */
static void hnf_runs_revoke(struct hnf_queue *q, struct hnf_run **run,
			    unsigned int nr)
{
	struct hicamp_run arg[HNF_BATCH] = {};
	unsigned int i, at = 0;

	for (i = 0; i < nr; i++)
		arg[i].ref = run[i]->ref;

	while (at < nr) {
		struct hicamp_space_op op = {
			.runs = (unsigned long)&arg[at],
			.nr = nr - at,
		};
		int err = hicamp_hypercall(HICAMP_OP_space_revoke, &op);
		unsigned int done = min(op.done, nr - at);

		if (!err)
			done = nr - at;
		for (i = 0; i < done; i++)
			hnf_run_free(&q->pool, run[at++], false);
		q->rx_stats.revoked += done;
		if (err && at < nr) {
			/* Not a reference any more: that is what we want. */
			if (err != -ENOENT && net_ratelimit())
				netdev_err(q->np->netdev,
					   "cannot revoke: %d, pages leaked\n",
					   err);
			hnf_run_free(&q->pool, run[at++], err != -ENOENT);
		}
	}
}

/*
 * Allocate and issue runs for about so many bytes, one batch at most.
 *
 * Return: false if not a single run could be added.
 */
static bool hnf_pool_grow(struct hnf_queue *q, unsigned int bytes)
{
	struct hnf_pool *pool = &q->pool;
	struct hicamp_run arg[HNF_BATCH] = {};
	struct hnf_run *run[HNF_BATCH];
	struct hicamp_space_op op = {
		.runs = (unsigned long)arg,
	};
	unsigned int i, done, got = 0;
	int err;

	while (op.nr < HNF_BATCH && got < bytes &&
	       pool->pages + (1u << pool->order) <= pool->max_pages) {
		struct hnf_run *r = hnf_run_alloc(q);

		if (!r)
			break;
		arg[op.nr].frame = pfn_to_gfn(page_to_pfn(r->page));
		arg[op.nr].order = r->order;
		arg[op.nr].flags = HICAMP_RUN_RW;
		run[op.nr++] = r;
		got += hnf_run_bytes(r);
	}
	if (!op.nr)
		return false;

	err = hicamp_hypercall(HICAMP_OP_space_issue, &op);
	done = err ? min_t(unsigned int, op.done, op.nr) : op.nr;
	for (i = 0; i < done; i++) {
		run[i]->ref = arg[i].ref;
		hnf_run_enter(q, run[i]);
		hnf_busy_add(pool, run[i], true);
	}
	q->rx_stats.issued += done;
	for (; i < op.nr; i++)	/* these were never issued */
		hnf_run_free(pool, run[i], false);
	if (unlikely(err))
		net_dbg_ratelimited("%s: cannot issue: %d\n",
				    q->np->netdev->name, err);
	return done;
}

/* Take an idle run from those that were out longest; NULL if there is none. */
static struct hnf_run *hnf_pool_reuse(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	unsigned int i, look = min_t(unsigned int, pool->nr_busy, HNF_LOOK);
	struct hnf_run *run;

	for (i = 0; i < look; i++) {
		run = list_first_entry(&pool->busy, struct hnf_run, busy);
		if (hnf_run_idle(run)) {
			hnf_busy_del(pool, run);
			if (run->bias < HNF_BIAS_LOW) {
				page_ref_add(run->page, HNF_BIAS - run->bias);
				run->bias = HNF_BIAS;
			}
			q->rx_stats.reused++;
			return run;
		}
		list_move_tail(&run->busy, &pool->busy);
	}
	return NULL;
}

/* At the bound: give runs that are held by readers up, to make room. */
static void hnf_pool_evict(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	struct hnf_run *run[HNF_BATCH];
	unsigned int nr = 0, need = 1u << pool->order, got = 0;
	unsigned int look = pool->nr_busy;

	if (pool->pages + need <= pool->max_pages)
		return;
	while (nr < HNF_BATCH && got < need && look--) {
		run[nr] = list_first_entry(&pool->busy, struct hnf_run, busy);
		if (!hnf_run_remove(q, run[nr])) {
			list_move_tail(&run[nr]->busy, &pool->busy);
			continue;
		}
		hnf_busy_del(pool, run[nr]);
		got += 1u << run[nr++]->order;
	}
	q->rx_stats.evicted += nr;
	if (nr)
		hnf_runs_revoke(q, run, nr);
}

/* Make pool->cur a run with a chunk to post; false if none can be had. */
static bool hnf_pool_advance(struct hnf_queue *q, unsigned int bytes)
{
	struct hnf_pool *pool = &q->pool;
	struct hnf_run *run = pool->cur;

	if (likely(run && run->next < run->nr))
		return true;
	if (run) {
		pool->cur = NULL;
		hnf_pool_settle(q, run);
		hnf_pool_sent_up(q);
	}

	run = hnf_pool_reuse(q);
	if (!run) {
		hnf_pool_evict(q);
		if (!hnf_pool_grow(q, bytes))
			return false;
		run = hnf_pool_reuse(q);
		if (!run)
			return false;
	}
	run->next = 0;
	pool->cur = run;
	return true;
}

/* Offer one chunk to Xen; fill_prod is published by the caller. */
static void hnf_pool_post(struct hnf_queue *q, struct hnf_run *run,
			  unsigned int chunk)
{
	struct hnf_rings *r = &q->rings;
	struct hicamp_fill *f =
		&r->fill[q->rx.fill_prod++ & (r->fill_entries - 1)];

	f->ref = run->ref;
	f->offset = chunk << run->shift;
	f->len = 1u << run->shift;
	f->id = hnf_id(run, chunk);

	run->posted |= 1u << chunk;
	q->pool.posted += 1u << run->shift;
	q->pool.posted_chunks++;
}

/**
 * hnf_pool_refill - offer buffers to Xen up to the pool's target
 * @q: a live queue, with rx_lock held
 *
 * Publishes what was put into the fill ring since the last call.  When memory
 * is short, the timer tries again.
 */
void hnf_pool_refill(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	unsigned int target = rx_buffer_kb * 1024;

	while (pool->posted < target &&
	       pool->posted_chunks < q->rings.fill_entries) {
		if (unlikely(!hnf_pool_advance(q, target - pool->posted))) {
			q->rx_stats.refill_fail++;
			if (pool->posted < target / 2)
				mod_timer(&q->retry, jiffies + HZ / 10);
			break;
		}
		hnf_pool_post(q, pool->cur, pool->cur->next++);
	}
	/* Entries before the index. */
	virt_store_release(&q->rings.ctrl->fill_prod, q->rx.fill_prod);
}

/**
 * hnf_pool_claim - take back a chunk that Xen says it has filled
 * @pool: the pool, with rx_lock held
 * @id: what Xen says
 * @off: where the chunk begins in its run
 *
 * Return: its run, or NULL if Xen could not have filled such a chunk.
 */
struct hnf_run *hnf_pool_claim(struct hnf_pool *pool, u64 id, u32 *off)
{
	unsigned int chunk = id & (HNF_RUN_CHUNKS - 1);
	struct hnf_run *run;

	if (unlikely(id >> HNF_ID_SHIFT >= pool->max_runs))
		return NULL;
	run = pool->run[id >> HNF_ID_SHIFT];
	if (unlikely(!run || !(run->posted & (1u << chunk))))
		return NULL;

	run->posted &= ~(1u << chunk);
	pool->posted -= 1u << run->shift;
	pool->posted_chunks--;
	*off = chunk << run->shift;
	return run;
}

/**
 * hnf_pool_repost - offer a claimed chunk again, its content is not needed
 * @q: the queue, with rx_lock held
 * @run: from hnf_pool_claim()
 * @off: from hnf_pool_claim()
 *
 * There is room in the fill ring: the chunk has come out of it.
 */
void hnf_pool_repost(struct hnf_queue *q, struct hnf_run *run, u32 off)
{
	hnf_pool_post(q, run, off >> run->shift);
}

/**
 * hnf_pool_settle - put a run where it belongs after chunks were claimed
 * @q: the queue, with rx_lock held
 * @run: a run whose claimed chunks all went to the stack or were reposted
 */
void hnf_pool_settle(struct hnf_queue *q, struct hnf_run *run)
{
	struct hnf_pool *pool = &q->pool;

	if (run->posted || !list_empty(&run->busy))
		return;
	if (run == pool->cur) {
		if (run->next < run->nr)
			return;
		pool->cur = NULL;
	}
	if (unlikely(rx_strict) && !hnf_run_idle(run) &&
	    hnf_run_remove(q, run))
		list_add_tail(&run->busy, &pool->leaving);
	else
		hnf_busy_add(pool, run, false);
}

/**
 * hnf_pool_sent_up - a packet is going up: revoke what leaves with it
 * @q: the queue, with rx_lock held
 */
void hnf_pool_sent_up(struct hnf_queue *q)
{
	struct hnf_run *run, *next, *batch[HNF_BATCH];
	unsigned int nr = 0;

	if (likely(list_empty(&q->pool.leaving)))
		return;
	list_for_each_entry_safe(run, next, &q->pool.leaving, busy) {
		list_del(&run->busy);
		batch[nr++] = run;
		if (nr == HNF_BATCH) {
			hnf_runs_revoke(q, batch, nr);
			nr = 0;
		}
	}
	if (nr)
		hnf_runs_revoke(q, batch, nr);
}

/**
 * hnf_pool_unpost - Xen has dropped the rings: no chunk is posted any more
 * @q: the queue, detached
 *
 * Runs stay issued, for the next attach.
 */
void hnf_pool_unpost(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	unsigned int i;

	spin_lock_bh(&q->rx_lock);
	pool->cur = NULL;
	pool->posted = 0;
	pool->posted_chunks = 0;
	memset(&q->rx, 0, sizeof(q->rx));
	for (i = 0; i < pool->max_runs; i++) {
		struct hnf_run *run = pool->run[i];

		if (!run)
			continue;
		run->posted = 0;
		run->next = run->nr;
		hnf_pool_settle(q, run);
	}
	hnf_pool_sent_up(q);
	spin_unlock_bh(&q->rx_lock);
}

/**
 * hnf_pool_drain - give all runs back
 * @q: the queue, detached and unposted
 * @forget: we are in a new domain, where nothing is issued: do not revoke
 */
void hnf_pool_drain(struct hnf_queue *q, bool forget)
{
	struct hnf_pool *pool = &q->pool;
	struct hnf_run *run[HNF_BATCH];
	unsigned int nr;

	do {
		spin_lock_bh(&q->rx_lock);
		for (nr = 0; nr < HNF_BATCH && pool->nr_busy; nr++) {
			run[nr] = list_first_entry(&pool->busy, struct hnf_run,
						   busy);
			hnf_busy_del(pool, run[nr]);
			hnf_run_remove(q, run[nr]);
		}
		if (forget) {
			unsigned int i;

			for (i = 0; i < nr; i++)
				hnf_run_free(pool, run[i], false);
		} else if (nr) {
			hnf_runs_revoke(q, run, nr);
		}
		pool->order = min_t(unsigned int, rx_run_order,
				    HICAMP_ORDER_MAX);
		pool->misses = 0;
		spin_unlock_bh(&q->rx_lock);
	} while (nr);
}

/**
 * hnf_pool_init - empty pools of a queue, for receive and transmit
 * @q: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int hnf_pool_init(struct hnf_queue *q)
{
	struct hnf_pool *pool = &q->pool;
	unsigned int i;

	/* Parameters are read-only after load: bring them into range. */
	rx_run_order = min_t(unsigned int, rx_run_order, HICAMP_ORDER_MAX);
	rx_chunk_shift = clamp_t(unsigned int, rx_chunk_shift, PAGE_SHIFT,
				 PAGE_SHIFT + HICAMP_ORDER_MAX);
	rx_buffer_kb = clamp_t(unsigned int, rx_buffer_kb, 256, 16384);
	if (!rx_pool_kb)
		rx_pool_kb = 4 * rx_buffer_kb;
	rx_pool_kb = clamp_t(unsigned int, rx_pool_kb, rx_buffer_kb + 128,
			     HNF_RUNS_MAX * (PAGE_SIZE / 1024));

	INIT_LIST_HEAD(&pool->busy);
	INIT_LIST_HEAD(&pool->leaving);
	pool->order = rx_run_order;
	pool->max_pages = rx_pool_kb / (PAGE_SIZE / 1024);
	pool->max_runs = pool->max_pages;
	pool->run = kvcalloc(pool->max_runs, sizeof(*pool->run), GFP_KERNEL);
	pool->free_idx = kvcalloc(pool->max_runs, sizeof(*pool->free_idx),
				  GFP_KERNEL);
	if (!pool->run || !pool->free_idx ||
	    hnf_share_init(q, pool->max_pages)) {
		kvfree(pool->run);
		kvfree(pool->free_idx);
		pool->run = NULL;
		pool->free_idx = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < pool->max_runs; i++)
		pool->free_idx[i] = pool->max_runs - 1 - i;
	pool->nr_free = pool->max_runs;
	return 0;
}

/**
 * hnf_pool_destroy - free drained pools
 * @q: the queue
 */
void hnf_pool_destroy(struct hnf_queue *q)
{
	hnf_grants_destroy(&q->grants);
	kvfree(q->pool.run);
	kvfree(q->pool.free_idx);
	q->pool.run = NULL;
	q->pool.free_idx = NULL;
}

static unsigned long hnf_shrink_count(struct shrinker *s,
				      struct shrink_control *sc)
{
	struct hnf_port *np = container_of(s, struct hnf_port, shrinker);
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < np->max_queues; i++)
		pages += (READ_ONCE(np->queues[i].pool.nr_busy) <<
			  READ_ONCE(np->queues[i].pool.order)) +
			 READ_ONCE(np->queues[i].txpool.nr_free);
	return pages;
}

/* Give back up to nr pages of one queue's idle runs. */
static unsigned long hnf_pool_shrink(struct hnf_queue *q, unsigned long nr)
{
	struct hnf_pool *pool = &q->pool;
	struct hnf_run *run, *next, *batch[HNF_BATCH];
	unsigned int n = 0;
	unsigned long pages = 0;

	/* Never wait: we may be inside an allocation of anybody. */
	if (!spin_trylock_bh(&q->rx_lock))
		return 0;
	list_for_each_entry_safe(run, next, &pool->busy, busy) {
		if (n == HNF_BATCH || pages >= nr)
			break;
		if (!hnf_run_idle(run))
			continue;
		if (!hnf_run_remove(q, run))
			continue;
		hnf_busy_del(pool, run);
		pages += 1u << run->order;
		batch[n++] = run;
	}
	if (n)
		hnf_runs_revoke(q, batch, n);
	q->rx_stats.shrunk += n;
	spin_unlock_bh(&q->rx_lock);
	return pages;
}

static unsigned long hnf_shrink_scan(struct shrinker *s,
				     struct shrink_control *sc)
{
	struct hnf_port *np = container_of(s, struct hnf_port, shrinker);
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < np->max_queues && pages < sc->nr_to_scan; i++)
		pages += hnf_pool_shrink(&np->queues[i],
					 sc->nr_to_scan - pages) +
			 hnf_share_shrink(&np->queues[i],
					  sc->nr_to_scan - pages);
	return pages ?: SHRINK_STOP;
}

/**
 * hnf_shrinker_register - let the system take idle runs when it needs memory
 * @np: a port with its pools; unregister np->shrinker before they go
 *
 * Return: 0 or a negative errno.
 */
int hnf_shrinker_register(struct hnf_port *np)
{
	np->shrinker.count_objects = hnf_shrink_count;
	np->shrinker.scan_objects = hnf_shrink_scan;
	np->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&np->shrinker, HNF_NAME ":%u", np->devid);
}
