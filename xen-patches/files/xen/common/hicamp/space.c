/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant spaces.  Here live a domain's runs: frames that it issued to the
 * hypervisor, each held by a reference, found by number without a lock, and
 * taken back by the domain alone.
 *
 * A reference is a place in the table and a generation, so that a late revoke
 * (after a restore, say) cannot hit a new entry.  Chunks of entries are added
 * as needed and stay for the domain's life.
 *
 * Invariant: an open entry's frames are held (as writable pages if the run is
 * read-write).  A closed entry is either free, on the free list, or belongs to
 * the one who closed it, until he has dropped the frames and freed it.
 */

#include "op.h"
#include "space.h"

#define REF_INDEX_BITS      20
#define REF_INDEX(ref)      ((ref) & ((1u << REF_INDEX_BITS) - 1))
#define REF_GENERATION(ref) ((ref) >> REF_INDEX_BITS)
#define GENERATIONS         (1u << (32 - REF_INDEX_BITS))

struct hicamp_domain *space_create(struct domain *d)
{
    struct hicamp_domain *hd = xzalloc(struct hicamp_domain);

    if ( !hd )
        return NULL;

    hd->chunks = xzalloc_array(struct space_entry *, SPACE_CHUNKS);
    hd->arena = arena_get(0);
    if ( !hd->chunks || !hd->arena )
    {
        if ( hd->arena )
            arena_put(hd->arena, false);
        xfree(hd->chunks);
        xfree(hd);
        return NULL;
    }

    hd->d = d;
    spin_lock_init(&hd->space_lock);
    spin_lock_init(&hd->segment_lock);

    return hd;
}

void space_destroy(struct hicamp_domain *hd)
{
    unsigned int i;

    ASSERT(!hd->runs && !hd->frames);

    for ( i = 0; i < hd->nr_chunks; i++ )
        xfree(hd->chunks[i]);
    xfree(hd->chunks);
    arena_put(hd->arena, hd->left_arena);
    xfree(hd);
}

bool frame_get(struct domain *d, uint64_t gfn, bool write, mfn_t *mfn)
{
    struct page_info *page;

    /* mfn_to_page() of nonsense is computed before it is checked. */
    if ( gfn >> (PADDR_BITS - PAGE_SHIFT) )
        return false;

    page = get_page_from_gfn(d, gfn, NULL, P2M_ALLOC);
    if ( !page )
        return false;

    if ( is_special_page(page) ||
         (write && !get_page_type(page, PGT_writable_page)) )
    {
        put_page(page);
        return false;
    }

    *mfn = page_to_mfn(page);

    return true;
}

void frame_put(mfn_t mfn, bool write)
{
    struct page_info *page = mfn_to_page(mfn);

    if ( write )
        put_page_and_type(page);
    else
        put_page(page);
}

static void run_put(uint64_t mfn, unsigned int nr, bool write)
{
    while ( nr-- )
        frame_put(_mfn(mfn + nr), write);
}

/* The entry of an index, or NULL if there has never been one. */
static struct space_entry *entry_of(const struct hicamp_domain *hd,
                                    uint32_t index)
{
    unsigned int chunk = index / SPACE_CHUNK_RUNS;
    struct space_entry *entries;

    if ( chunk >= SPACE_CHUNKS )
        return NULL;

    entries = read_atomic(&hd->chunks[array_index_nospec(chunk,
                                                         SPACE_CHUNKS)]);

    return entries ? &entries[index % SPACE_CHUNK_RUNS] : NULL;
}

struct space_entry *space_use(const struct hicamp_domain *hd, uint32_t ref,
                              uint32_t offset, uint32_t len, uint16_t flags)
{
    struct space_entry *e = entry_of(hd, REF_INDEX(ref));

    if ( unlikely(!e) || unlikely(!use_begin(&e->use)) )
        return NULL;

    /* While we use an open entry, none of its fields can change. */
    if ( likely(e->generation == REF_GENERATION(ref)) &&
         likely((e->flags & flags) == flags) &&
         likely((uint64_t)offset + len <= PAGE_SIZE << e->order) )
        return e;

    use_end(&e->use);

    return NULL;
}

/* Add a chunk of entries to the free list.  Allocates before it locks. */
static int space_grow(struct hicamp_domain *hd)
{
    struct space_entry *entries;
    unsigned int i;
    uint32_t first;

    entries = xzalloc_array(struct space_entry, SPACE_CHUNK_RUNS);
    if ( !entries )
        return -ENOMEM;

    for ( i = 0; i < SPACE_CHUNK_RUNS; i++ )
    {
        entries[i].use.word = USE_CLOSED;
        entries[i].generation = 1;
    }

    spin_lock(&hd->space_lock);

    if ( hd->free || hd->nr_chunks >= SPACE_CHUNKS )
    {
        /* Another vCPU was faster, or the space is full. */
        int rc = hd->free ? 0 : -ENOSPC;

        spin_unlock(&hd->space_lock);
        xfree(entries);

        return rc;
    }

    first = hd->nr_chunks * SPACE_CHUNK_RUNS;
    for ( i = 0; i < SPACE_CHUNK_RUNS; i++ )
        entries[i].next_free = i + 1 < SPACE_CHUNK_RUNS ? first + i + 2 : 0;
    hd->free = first + 1;
    smp_wmb(); /* entry_of(): contents before pointer */
    write_atomic(&hd->chunks[hd->nr_chunks], entries);
    hd->nr_chunks++;

    spin_unlock(&hd->space_lock);

    return 0;
}

/* Take a free, closed entry off the list. */
static int entry_take(struct hicamp_domain *hd, uint32_t *index)
{
    for ( ; ; )
    {
        uint32_t free;
        int rc;

        spin_lock(&hd->space_lock);
        free = hd->free;
        if ( free )
            hd->free = entry_of(hd, free - 1)->next_free;
        spin_unlock(&hd->space_lock);

        if ( free )
        {
            *index = free - 1;
            return 0;
        }

        rc = space_grow(hd);
        if ( rc )
            return rc;
    }
}

static void entry_release(struct hicamp_domain *hd, uint32_t index)
{
    struct space_entry *e = entry_of(hd, index);

    spin_lock(&hd->space_lock);
    e->next_free = hd->free;
    hd->free = index + 1;
    spin_unlock(&hd->space_lock);
}

static int run_issue(struct hicamp_domain *hd, struct hicamp_run *run)
{
    bool write = run->flags & HICAMP_RUN_RW;
    struct space_entry *e;
    unsigned int i, nr;
    uint32_t index;
    mfn_t mfn, first = INVALID_MFN;
    int rc;

    if ( run->order > HICAMP_ORDER_MAX || (run->flags & ~HICAMP_RUN_RW) )
        return -EINVAL;

    rc = entry_take(hd, &index);
    if ( rc )
        return rc;

    nr = 1u << run->order;
    for ( i = 0; i < nr; i++ )
    {
        if ( !frame_get(hd->d, run->frame + i, write, &mfn) )
        {
            run_put(mfn_x(first), i, write);
            entry_release(hd, index);
            return -EINVAL;
        }

        /* Frame number and machine frame agree: only PV domains get here. */
        if ( !i )
            first = mfn;
        ASSERT(mfn_x(mfn) == mfn_x(first) + i);
    }

    e = entry_of(hd, index);
    e->mfn = mfn_x(first);
    e->order = run->order;
    e->flags = run->flags;
    run->ref = (e->generation << REF_INDEX_BITS) | index;

    spin_lock(&hd->space_lock);
    add_sized(&hd->runs, 1);
    add_sized(&hd->frames, nr);
    add_sized(&hd->issued, 1);
    spin_unlock(&hd->space_lock);

    use_open(&e->use);

    return 0;
}

/* The entry is closed by us: wait for its uses, drop the frames, free it. */
static void run_withdraw(struct hicamp_domain *hd, uint32_t index)
{
    struct space_entry *e = entry_of(hd, index);
    unsigned int nr = 1u << e->order;

    use_wait(&e->use);
    run_put(e->mfn, nr, e->flags & HICAMP_RUN_RW);

    spin_lock(&hd->space_lock);
    e->generation = e->generation % (GENERATIONS - 1) + 1; /* never 0 */
    e->next_free = hd->free;
    hd->free = index + 1;
    add_sized(&hd->runs, -1);
    add_sized(&hd->frames, -nr);
    add_sized(&hd->revoked, 1);
    spin_unlock(&hd->space_lock);
}

static int run_revoke(struct hicamp_domain *hd, uint32_t ref)
{
    struct space_entry *e = entry_of(hd, REF_INDEX(ref));
    bool closed = false;

    if ( !e )
        return -ENOENT;

    /* The lock keeps the generation from changing under our check. */
    spin_lock(&hd->space_lock);
    if ( e->generation == REF_GENERATION(ref) )
        closed = use_close(&e->use);
    spin_unlock(&hd->space_lock);

    if ( !closed )
        return -ENOENT;

    run_withdraw(hd, REF_INDEX(ref));

    return 0;
}

static int space_op(struct domain *d, struct hicamp_space_op *op, bool issue)
{
    struct hicamp_domain *hd = read_atomic(&d->hicamp);
    struct hicamp_run run;
    unsigned int n = 0;

    if ( !op->nr || op->nr > HICAMP_QUERY_BATCH || op->done > op->nr )
        return -EINVAL;
    if ( !hd || (issue && !read_atomic(&hd->nr_ports)) )
        return -ENOENT;

    for ( ; op->done < op->nr; op->done++ )
    {
        uint64_t addr = op->runs + op->done * sizeof(run);
        int rc;

        if ( n && hicamp_preempt(n) )
            return -ERESTART;
        n++;

        if ( hicamp_copy_in(&run, addr, sizeof(run)) )
            return -EFAULT;

        rc = issue ? run_issue(hd, &run) : run_revoke(hd, run.ref);
        if ( rc )
            return rc;

        if ( issue && hicamp_copy_out(addr, &run, sizeof(run)) )
        {
            /* The caller would never learn of the reference. */
            run_revoke(hd, run.ref);
            return -EFAULT;
        }
    }

    return 0;
}

int space_issue(struct domain *d, struct hicamp_space_op *op)
{
    return space_op(d, op, true);
}

int space_revoke(struct domain *d, struct hicamp_space_op *op)
{
    return space_op(d, op, false);
}

int space_teardown(struct hicamp_domain *hd)
{
    unsigned int end = hd->nr_chunks * SPACE_CHUNK_RUNS;

    ASSERT(hd->d->is_dying);

    while ( hd->torn_down < end )
    {
        uint32_t index = hd->torn_down++;

        /* Free entries are closed already. */
        if ( use_close(&entry_of(hd, index)->use) )
            run_withdraw(hd, index);

        if ( hicamp_preempt(hd->torn_down) )
            return -ERESTART;
    }

    return 0;
}
