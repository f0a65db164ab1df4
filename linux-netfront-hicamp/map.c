// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that show segments
 *
 * Lives here: giving the frames of a segment's page lines struct pages, and
 * taking them away again.
 *
 * Xen names machine frames that belong to this domain and that only Xen
 * writes.  Each gets a struct page without memory of its own (an "unpopulated"
 * page), by three steps that are undone in the reverse order:
 *
 *   p2m[pfn] = frame      the kernel's table, so that page table entries for
 *                         the page name the frame
 *   m2p[frame] = pfn      Xen's table, so that such an entry leads back to the
 *                         page
 *   direct map            a read-only entry, so that the kernel can read it
 *
 *   frame    a frame that is mapped; one page, whoever shows it: snapshots
 *            share frames, and all pages of zeros may be one frame
 *   view     one page of one segment: it uses a frame
 *   chunk    the views of a piece of a segment, mapped in one go
 *
 * Invariants:
 *  - One frame has one page, and the page's first reference is ours: the page
 *    is idle when there is no other.  References come from views of segments
 *    that somebody holds, or from other references; so a page all of whose
 *    views are retired, and that is idle, stays so.
 *  - A page is looked up (hicamp_page_lookup) as a piece of one segment.  Its
 *    chunk, which keeps the id alive, goes when the page is idle.  If another
 *    view uses the frame the page is renamed after that, and the chunk goes
 *    after a grace, in which every packet with the old name has left its ring.
 *  - What is mapped of a sealed segment is what the id names.
 *
 * Before the domain is saved nothing of this may be left in its tables: the
 * frames stay behind.  Pages that somebody still reads (socket queues, mostly)
 * get a frame of ordinary memory with the same bytes: they are "kept".
 *
 * Called by: segment.c, core.c (suspend), the reaper's work item.
 */

#include <linux/bits.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/xen.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "core_private.h"

static unsigned int max_mapped_mb = 1024;
module_param(max_mapped_mb, uint, 0644);
MODULE_PARM_DESC(max_mapped_mb,
		 "MiB of segments that may be mapped at a time (default 1024)");

#define HICAMP_CHUNK_BYTES	HICAMP_SEG_IO_MAX
#define HICAMP_CHUNK_PAGES	(HICAMP_CHUNK_BYTES / PAGE_SIZE)
#define HICAMP_MAP_LIMIT	BIT_ULL(32)	/* an extent's offset has 32 bits */
#define HICAMP_GRACE		(2 * HZ)
#define HICAMP_REAP_MIN		(HZ / 50)
#define HICAMP_REAP_MAX		HZ

struct hicamp_frame {
	unsigned long mfn;
	struct page *page;
	struct page *lent;		/* kept: whose memory it has */
	struct list_head views;		/* kept: empty */
	struct list_head kept;
};

struct hicamp_chunk;

struct hicamp_view {
	struct hicamp_frame *frame;	/* NULL: none any more */
	struct hicamp_chunk *chunk;
	struct list_head same;		/* in frame->views */
};

struct hicamp_chunk {
	struct hicamp_segment *seg;
	struct list_head retired;	/* empty: the segment is in use */
	unsigned long since;		/* retired, in jiffies */
	u64 offset;
	unsigned int nr;
	struct hicamp_view view[];
};

static DEFINE_MUTEX(hicamp_map_lock);	/* for all that follows */
static DEFINE_XARRAY(hicamp_frames);	/* by machine frame */
static DEFINE_XARRAY(hicamp_names);	/* by page frame: a name; read freely */
static LIST_HEAD(hicamp_segments);
static LIST_HEAD(hicamp_retired);
static LIST_HEAD(hicamp_kept);
static unsigned long hicamp_mapped;	/* pages */
static unsigned long hicamp_reap_delay;
static bool hicamp_reaping;		/* holds a reference to the module */

static void hicamp_reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(hicamp_reaper, hicamp_reap);

/* A name is one word: segment id, and page of it. */
#define HICAMP_NAME_PAGES	20
static_assert(HICAMP_MAP_LIMIT >> PAGE_SHIFT == 1ul << HICAMP_NAME_PAGES);
static_assert(BITS_PER_XA_VALUE >= 32 + HICAMP_NAME_PAGES);

static void *hicamp_view_name(const struct hicamp_view *view)
{
	u64 offset = view->chunk->offset +
		     ((u64)(view - view->chunk->view) << PAGE_SHIFT);

	return xa_mk_value((u64)view->chunk->seg->id << HICAMP_NAME_PAGES |
			   offset >> PAGE_SHIFT);
}

/* See hicamp_page_lookup(). */
bool __hicamp_page_lookup(const struct page *page, u32 *segment, u32 *offset)
{
	void *name = xa_load(&hicamp_names, page_to_pfn(page));
	u64 value;

	if (!name)
		return false;	/* somebody else's, or kept */
	value = xa_to_value(name);
	*segment = value >> HICAMP_NAME_PAGES;
	*offset = (value & ((1ul << HICAMP_NAME_PAGES) - 1)) << PAGE_SHIFT;
	return true;
}
EXPORT_SYMBOL_GPL(__hicamp_page_lookup);

static bool hicamp_idle(const struct hicamp_frame *frame)
{
	return page_ref_count(frame->page) == 1;
}

/* Where entries of the direct map change, and who may still see the old. */
static int hicamp_set_pte(struct page *page, pte_t pte, unsigned long flush)
{
	return HYPERVISOR_update_va_mapping((unsigned long)page_address(page),
					    pte, flush);
}

static void hicamp_flush_all(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_ALL };

	if (HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF))
		WARN_ON_ONCE(1);
}

static int hicamp_set_m2p(unsigned long mfn, unsigned long pfn)
{
	struct mmu_update update = {
		.ptr = ((u64)mfn << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
		.val = pfn,
	};

	return HYPERVISOR_mmu_update(&update, 1, NULL, DOMID_SELF);
}

/* Entries of pages that we got, or that have memory, can be written. */
static void hicamp_set_p2m(unsigned long pfn, unsigned long mfn)
{
	WRITE_ONCE(xen_p2m_addr[pfn], mfn);
}

/* Let a page show a frame, read-only; nothing of it remains on error. */
static int hicamp_show(struct page *page, unsigned long mfn)
{
	unsigned long pfn = page_to_pfn(page);
	int err;

	hicamp_set_p2m(pfn, mfn);
	err = hicamp_set_m2p(mfn, pfn);
	if (err)
		goto out_p2m;
	err = hicamp_set_pte(page, mfn_pte(mfn, PAGE_KERNEL_RO), UVMF_NONE);
	if (err)
		goto out_m2p;
	return 0;

out_m2p:
	hicamp_set_m2p(mfn, INVALID_P2M_ENTRY);
out_p2m:
	hicamp_set_p2m(pfn, INVALID_P2M_ENTRY);
	return err;
}

/*
 * The page shows nothing any more; the caller flushes before it is used again.
 * The m2p entry goes first: without a reference from the direct map Xen may
 * give the frame to others.
 */
static bool hicamp_hide(struct page *page)
{
	unsigned long pfn = page_to_pfn(page), mfn = xen_p2m_addr[pfn];
	int err;

	hicamp_set_m2p(mfn, INVALID_P2M_ENTRY);
	err = hicamp_set_pte(page, __pte_ma(0), UVMF_NONE);
	if (WARN_ONCE(err, "hicamp: a page cannot be unmapped: %d\n", err)) {
		hicamp_set_m2p(mfn, pfn);
		return false;
	}
	hicamp_set_p2m(pfn, INVALID_P2M_ENTRY);
	return true;
}

/* Give a frame that no view uses a page; it is in hicamp_frames then. */
static struct hicamp_frame *hicamp_frame_make(unsigned long mfn,
					      struct page *page)
{
	struct hicamp_frame *frame = kzalloc(sizeof(*frame), GFP_KERNEL);
	int err;

	if (!frame)
		return ERR_PTR(-ENOMEM);
	frame->mfn = mfn;
	frame->page = page;
	INIT_LIST_HEAD(&frame->views);
	INIT_LIST_HEAD(&frame->kept);
	err = xa_insert(&hicamp_frames, mfn, frame, GFP_KERNEL);
	if (err)
		goto out_free;
	err = xa_reserve(&hicamp_names, page_to_pfn(page), GFP_KERNEL);
	if (err)
		goto out_frame;
	err = hicamp_show(page, mfn);
	if (err)
		goto out_name;
	hicamp_mapped++;
	return frame;

out_name:
	xa_release(&hicamp_names, page_to_pfn(page));
out_frame:
	xa_erase(&hicamp_frames, mfn);
out_free:
	kfree(frame);
	return ERR_PTR(err);
}

/* Pages that are to be returned after one flush. */
struct hicamp_bin {
	unsigned int nr;
	struct page *page[64];
};

static void hicamp_bin_empty(struct hicamp_bin *bin)
{
	if (!bin->nr)
		return;
	hicamp_flush_all();
	xen_free_unpopulated_pages(bin->nr, bin->page);
	bin->nr = 0;
}

/* The end of a frame that is idle and used by no view. */
static void hicamp_frame_drop(struct hicamp_frame *frame,
			      struct hicamp_bin *bin)
{
	xa_erase(&hicamp_names, page_to_pfn(frame->page));
	xa_erase(&hicamp_frames, frame->mfn);
	if (hicamp_hide(frame->page)) {
		if (bin->nr == ARRAY_SIZE(bin->page))
			hicamp_bin_empty(bin);
		bin->page[bin->nr++] = frame->page;
	}
	hicamp_mapped--;
	kfree(frame);
}

/* A view begins to use a frame; the first one names its page. */
static void hicamp_view_use(struct hicamp_chunk *chunk, unsigned int i,
			    struct hicamp_frame *frame)
{
	struct hicamp_view *view = &chunk->view[i];
	bool first = list_empty(&frame->views);

	view->frame = frame;
	view->chunk = chunk;
	list_add_tail(&view->same, &frame->views);
	if (first)	/* reserved: needs no memory */
		xa_store(&hicamp_names, page_to_pfn(frame->page),
			 hicamp_view_name(view), GFP_KERNEL);
}

/*
 * A view of a retired chunk lets go of its frame, if it may.  The first view of
 * a frame is the one that names it.
 */
static bool hicamp_view_drop(struct hicamp_view *view, struct hicamp_bin *bin)
{
	struct hicamp_frame *frame = view->frame;
	unsigned long pfn = page_to_pfn(frame->page);
	struct hicamp_view *first;

	/* Let one that is not retired give the name, if there is one. */
	first = list_first_entry(&frame->views, struct hicamp_view, same);
	if (!list_empty(&first->chunk->retired)) {
		struct hicamp_view *other;

		list_for_each_entry(other, &frame->views, same) {
			if (!list_empty(&other->chunk->retired))
				continue;
			list_move(&other->same, &frame->views);
			xa_store(&hicamp_names, pfn, hicamp_view_name(other),
				 GFP_KERNEL);
			view->chunk->since = jiffies;
			first = other;
			break;
		}
	}
	if (!hicamp_idle(frame) &&
	    (first == view ||
	     !time_after(jiffies, view->chunk->since + HICAMP_GRACE)))
		return false;

	list_del(&view->same);
	view->frame = NULL;
	if (list_empty(&frame->views))
		hicamp_frame_drop(frame, bin);
	else if (first == view)
		xa_store(&hicamp_names, pfn,
			 hicamp_view_name(list_first_entry(&frame->views,
							   struct hicamp_view,
							   same)),
			 GFP_KERNEL);
	return true;
}

/* One of those who need the id has gone. */
static void hicamp_unhold(struct hicamp_segment *seg)
{
	if (--seg->holders)
		return;
	list_del(&seg->all);
	hicamp_segment_free(seg);
}

/* Drop of a retired chunk what can be dropped; true if that is all. */
static bool hicamp_chunk_drop(struct hicamp_chunk *chunk,
			      struct hicamp_bin *bin)
{
	unsigned int i, left = 0;

	for (i = 0; i < chunk->nr; i++)
		if (chunk->view[i].frame &&
		    !hicamp_view_drop(&chunk->view[i], bin))
			left++;
	if (left)
		return false;
	list_del(&chunk->retired);
	hicamp_unhold(chunk->seg);
	kvfree(chunk);
	return true;
}

/* Return memory that a kept page borrows to the page that it is from. */
static void hicamp_unkeep(struct hicamp_frame *frame, struct hicamp_bin *bin)
{
	struct page *page = frame->page, *lent = frame->lent;
	unsigned long mfn = xen_p2m_addr[page_to_pfn(page)];

	list_del(&frame->kept);
	if (hicamp_hide(page)) {
		hicamp_set_p2m(page_to_pfn(lent), mfn);
		hicamp_set_m2p(mfn, page_to_pfn(lent));
		if (bin->nr == ARRAY_SIZE(bin->page))
			hicamp_bin_empty(bin);
		bin->page[bin->nr++] = page;
		if (!hicamp_set_pte(lent, mfn_pte(mfn, PAGE_KERNEL),
				    UVMF_INVLPG | UVMF_ALL))
			__free_page(lent);
	}
	hicamp_mapped--;
	kfree(frame);
}

static bool hicamp_reap_all(void)
{
	struct hicamp_chunk *chunk, *next_chunk;
	struct hicamp_frame *frame, *next_frame;
	struct hicamp_bin *bin;
	bool progress = false;

	bin = kzalloc(sizeof(*bin), GFP_KERNEL);
	if (!bin)
		return false;
	mutex_lock(&hicamp_map_lock);
	list_for_each_entry_safe(chunk, next_chunk, &hicamp_retired, retired)
		progress |= hicamp_chunk_drop(chunk, bin);
	list_for_each_entry_safe(frame, next_frame, &hicamp_kept, kept) {
		if (hicamp_idle(frame)) {
			hicamp_unkeep(frame, bin);
			progress = true;
		}
	}
	hicamp_bin_empty(bin);
	mutex_unlock(&hicamp_map_lock);
	kfree(bin);
	return progress;
}

/* Pages in use: look again later, less and less often. */
static void hicamp_reap(struct work_struct *work)
{
	bool progress = hicamp_reap_all(), put = false;

	mutex_lock(&hicamp_map_lock);
	if (list_empty(&hicamp_retired) && list_empty(&hicamp_kept)) {
		put = hicamp_reaping;
		hicamp_reaping = false;
	} else {
		hicamp_reap_delay = progress ? HICAMP_REAP_MIN :
			min_t(unsigned long, hicamp_reap_delay * 2,
			      HICAMP_REAP_MAX);
		schedule_delayed_work(&hicamp_reaper, hicamp_reap_delay);
	}
	mutex_unlock(&hicamp_map_lock);
	if (put)	/* hicamp_map_exit() waits for the rest of us */
		module_put(THIS_MODULE);
}

/* Something is retired or kept; hicamp_map_lock is held. */
static void hicamp_reap_soon(void)
{
	if (!hicamp_reaping) {
		__module_get(THIS_MODULE);
		hicamp_reaping = true;
	}
	hicamp_reap_delay = HICAMP_REAP_MIN;
	mod_delayed_work(system_wq, &hicamp_reaper, hicamp_reap_delay);
}

/* The frames of a chunk, asked of Xen. */
static int hicamp_chunk_frames(struct hicamp_chunk *chunk, u64 *mfns)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_MAP,
		.segment = chunk->seg->id,
		.offset = chunk->offset,
		.bytes = (u64)chunk->nr << PAGE_SHIFT,
		.addr = (unsigned long)mfns,
	};

	return hicamp_segment_op(&op);
}

/* Fill the views of a chunk, with pages for frames that have none. */
static int hicamp_chunk_fill(struct hicamp_chunk *chunk, const u64 *mfns,
			     struct page **pages)
{
	unsigned int i, used = 0;
	int err;

	err = xen_alloc_unpopulated_pages(chunk->nr, pages);
	if (err)
		return err;
	for (i = 0; i < chunk->nr; i++) {
		struct hicamp_frame *frame = xa_load(&hicamp_frames, mfns[i]);

		if (!frame) {
			frame = hicamp_frame_make(mfns[i], pages[used]);
			if (IS_ERR(frame)) {
				err = PTR_ERR(frame);
				break;
			}
			used++;
		}
		hicamp_view_use(chunk, i, frame);
	}
	xen_free_unpopulated_pages(chunk->nr - used, pages + used);
	return err;
}

/* Map the piece of a segment in which offset lies; hicamp_map_lock is held. */
static struct hicamp_chunk *hicamp_chunk_make(struct hicamp_segment *seg,
					      u64 offset)
{
	u64 start = round_down(offset, HICAMP_CHUNK_BYTES);
	unsigned int nr = min_t(u64, HICAMP_CHUNK_PAGES,
				(seg->bytes - start) >> PAGE_SHIFT);
	struct hicamp_chunk *chunk;
	struct page **pages;
	u64 *mfns;
	int err;

	if (hicamp_mapped + nr > (unsigned long)READ_ONCE(max_mapped_mb) << 8)
		return ERR_PTR(-EDQUOT);
	chunk = kvzalloc(struct_size(chunk, view, nr), GFP_KERNEL);
	mfns = kvcalloc(nr, sizeof(*mfns), GFP_KERNEL);
	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	if (!chunk || !mfns || !pages) {
		err = -ENOMEM;
		goto out_free;
	}
	chunk->seg = seg;
	chunk->offset = start;
	chunk->nr = nr;
	INIT_LIST_HEAD(&chunk->retired);

	err = hicamp_chunk_frames(chunk, mfns);
	if (err)
		goto out_free;
	seg->holders++;
	err = hicamp_chunk_fill(chunk, mfns, pages);
	if (!err)
		err = xa_err(xa_store(&seg->chunks, start / HICAMP_CHUNK_BYTES,
				      chunk, GFP_KERNEL));
	if (err) {
		/* Its frames may be in use by others: as any that retires. */
		chunk->since = jiffies;
		list_add_tail(&chunk->retired, &hicamp_retired);
		hicamp_reap_soon();
		chunk = ERR_PTR(err);
	} else {
		seg->mapped += nr;
	}
	kvfree(mfns);
	kvfree(pages);
	return chunk;

out_free:
	kvfree(chunk);
	kvfree(mfns);
	kvfree(pages);
	return ERR_PTR(err);
}

/* Map, if need be, and get references; see hicamp_segment_pages(). */
int hicamp_map_get(struct hicamp_segment *seg, u64 offset, unsigned int nr,
		   struct page **pages)
{
	struct hicamp_chunk *chunk;
	unsigned int i, at;

	if (offset >= HICAMP_MAP_LIMIT)
		return -EFBIG;
	mutex_lock(&hicamp_map_lock);
	if (hicamp_segment_stale(seg)) {
		mutex_unlock(&hicamp_map_lock);
		return -ESTALE;
	}
	chunk = xa_load(&seg->chunks, offset / HICAMP_CHUNK_BYTES);
	if (!chunk) {
		chunk = hicamp_chunk_make(seg, offset);
		if (IS_ERR(chunk)) {
			mutex_unlock(&hicamp_map_lock);
			return PTR_ERR(chunk);
		}
	}
	at = (offset - chunk->offset) >> PAGE_SHIFT;
	nr = min(nr, chunk->nr - at);
	for (i = 0; i < nr; i++) {
		pages[i] = chunk->view[at + i].frame->page;
		get_page(pages[i]);
	}
	mutex_unlock(&hicamp_map_lock);
	return nr;
}

/* Bytes of a segment that are mapped. */
u64 hicamp_map_bytes(struct hicamp_segment *seg)
{
	return (u64)READ_ONCE(seg->mapped) << PAGE_SHIFT;
}

/* A segment begins. */
void hicamp_map_enter(struct hicamp_segment *seg)
{
	mutex_lock(&hicamp_map_lock);
	seg->holders = 1;
	list_add_tail(&seg->all, &hicamp_segments);
	mutex_unlock(&hicamp_map_lock);
}

/* Nobody holds the segment: retire its chunks, then it goes. */
void hicamp_map_put(struct hicamp_segment *seg)
{
	struct hicamp_chunk *chunk;
	unsigned long i;

	mutex_lock(&hicamp_map_lock);
	xa_for_each(&seg->chunks, i, chunk) {
		xa_erase(&seg->chunks, i);
		chunk->since = jiffies;
		list_add_tail(&chunk->retired, &hicamp_retired);
		hicamp_reap_soon();
	}
	seg->mapped = 0;
	hicamp_unhold(seg);
	mutex_unlock(&hicamp_map_lock);
	/* Mostly nothing is in use. */
	hicamp_reap_all();
}

/*
 * Give a page that is read the memory of another, with the same bytes.  Who
 * reads it meanwhile sees one or the other.
 */
static void hicamp_keep(struct hicamp_frame *frame, struct page *lent)
{
	unsigned long pfn = page_to_pfn(frame->page);
	unsigned long mfn = pfn_to_mfn(page_to_pfn(lent));

	copy_page(page_address(lent), page_address(frame->page));
	xa_erase(&hicamp_names, pfn);
	xa_erase(&hicamp_frames, frame->mfn);

	if (hicamp_set_pte(lent, __pte_ma(0), UVMF_INVLPG | UVMF_ALL) ||
	    hicamp_set_pte(frame->page, mfn_pte(mfn, PAGE_KERNEL_RO),
			   UVMF_INVLPG | UVMF_ALL))
		WARN_ONCE(1, "hicamp: a page cannot be kept\n");
	hicamp_set_p2m(page_to_pfn(lent), INVALID_P2M_ENTRY);
	hicamp_set_p2m(pfn, mfn);
	hicamp_set_m2p(mfn, pfn);
	frame->lent = lent;
	list_add_tail(&frame->kept, &hicamp_kept);
}

/* Let go of all chunks, whose frames are dropped or kept. */
static void hicamp_forget_chunks(void)
{
	struct hicamp_segment *seg, *next_seg;
	struct hicamp_chunk *chunk, *next_chunk;
	unsigned long i;

	list_for_each_entry_safe(chunk, next_chunk, &hicamp_retired, retired) {
		list_del(&chunk->retired);
		hicamp_unhold(chunk->seg);
		kvfree(chunk);
	}
	list_for_each_entry_safe(seg, next_seg, &hicamp_segments, all) {
		xa_for_each(&seg->chunks, i, chunk) {
			xa_erase(&seg->chunks, i);
			seg->holders--;	/* who uses it holds it too */
			kvfree(chunk);
		}
		seg->mapped = 0;
	}
}

/*
 * The domain is going to be saved, processes stand still and nothing is in
 * their page tables: leave no frame of Xen's in ours.  What is mapped again
 * afterwards is mapped anew.
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int hicamp_map_freeze(void)
{
	struct hicamp_bin *bin = kzalloc(sizeof(*bin), GFP_NOIO);
	struct page *page, *next_page;
	struct hicamp_frame *frame;
	unsigned long mfn;
	LIST_HEAD(donors);
	int err = -ENOMEM;

	if (!bin)
		return -ENOMEM;
	mutex_lock(&hicamp_map_lock);
	xa_for_each(&hicamp_frames, mfn, frame) {
		if (hicamp_idle(frame))
			continue;
		page = alloc_page(GFP_NOIO | __GFP_NOWARN);
		if (!page)
			goto out;
		list_add(&page->lru, &donors);
	}
	xa_for_each(&hicamp_frames, mfn, frame) {
		INIT_LIST_HEAD(&frame->views);
		if (hicamp_idle(frame)) {
			hicamp_frame_drop(frame, bin);
			continue;
		}
		/* None becomes busy that was idle before. */
		page = list_first_entry(&donors, struct page, lru);
		list_del(&page->lru);
		hicamp_keep(frame, page);
	}
	hicamp_bin_empty(bin);
	hicamp_forget_chunks();
	if (!list_empty(&hicamp_kept))
		hicamp_reap_soon();
	err = 0;
out:
	list_for_each_entry_safe(page, next_page, &donors, lru)
		__free_page(page);
	mutex_unlock(&hicamp_map_lock);
	kfree(bin);
	return err;
}

/* The module goes: nothing is held, nothing retired. */
void hicamp_map_exit(void)
{
	cancel_delayed_work_sync(&hicamp_reaper);
	WARN_ON(!list_empty(&hicamp_segments) || hicamp_mapped);
	xa_destroy(&hicamp_frames);
	xa_destroy(&hicamp_names);
}
