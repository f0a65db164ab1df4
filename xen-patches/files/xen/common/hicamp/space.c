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
 * A run is revoked in two steps: the entry is closed, so that no use of it
 * begins and no packet borrows from it any more; then, when no packet under
 * way does and no use is left, its frames are dropped.  A batch takes both
 * steps for many runs at once, because the packets under way are looked
 * through once for all of them.
 *
 * A sealed run's frames are held by a type reference to PGT_shared_page: a PV
 * guest has no other use of that type, it needs no validation, and as long as
 * it is held nobody gets a writable mapping of the page.
 *
 * Invariant: the frames of an entry that is open, or that anybody borrows, are
 * held as its flags say.  A closed entry is on the free list, or belongs to
 * who took it off, or claimed it (RUN_REVOKING to RUN_FREE) for the second
 * step.
 */

#include "borrow.h"
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
    spin_lock_init(&hd->poll_lock);
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

int frame_get(struct domain *d, uint64_t gfn, enum frame_hold hold,
              mfn_t *mfn)
{
    struct page_info *page;
    int rc = -EINVAL;

    /* mfn_to_page() of nonsense is computed before it is checked. */
    if ( gfn >> (PADDR_BITS - PAGE_SHIFT) )
        return rc;

    page = get_page_from_gfn(d, gfn, NULL, P2M_ALLOC);
    if ( !page )
        return rc;

    if ( is_special_page(page) )
        goto put;

    if ( hold == FRAME_WRITE && !get_page_type(page, PGT_writable_page) )
        goto put;

    if ( hold == FRAME_SEAL && !get_page_type(page, PGT_shared_page) )
    {
        rc = -EBUSY;
        goto put;
    }

    *mfn = page_to_mfn(page);

    return 0;

 put:
    put_page(page);

    return rc;
}

void frame_put(mfn_t mfn, enum frame_hold hold)
{
    struct page_info *page = mfn_to_page(mfn);

    if ( hold == FRAME_READ )
        put_page(page);
    else
        put_page_and_type(page);
}

static enum frame_hold run_hold(uint16_t flags)
{
    return flags & HICAMP_RUN_RW ? FRAME_WRITE :
           flags & HICAMP_RUN_SEALED ? FRAME_SEAL : FRAME_READ;
}

static void run_put(uint64_t mfn, unsigned int nr, uint16_t flags)
{
    while ( nr-- )
        frame_put(_mfn(mfn + nr), run_hold(flags));
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

int space_borrow(const struct hicamp_domain *hd, uint32_t ref, uint32_t offset,
                 uint32_t len, uint64_t *mfn)
{
    struct space_entry *e = entry_of(hd, REF_INDEX(ref));

    if ( unlikely(!e) )
        return -ENOENT;

    /* Either we find it closed, or who closed it finds that we borrow. */
    atomic_inc(&e->borrowers);
    smp_mb__after_atomic();

    if ( likely(!use_is_closed(&e->use)) &&
         likely(e->generation == REF_GENERATION(ref)) &&
         likely((uint64_t)offset + len <= PAGE_SIZE << e->order) )
    {
        *mfn = e->mfn;
        return REF_INDEX(ref);
    }

    atomic_dec(&e->borrowers);

    return -ENOENT;
}

void space_return(const struct hicamp_domain *hd, uint32_t index)
{
    atomic_dec(&entry_of(hd, index)->borrowers);
}

bool space_is_closed(const struct hicamp_domain *hd, uint32_t index)
{
    return use_is_closed(&entry_of(hd, index)->use);
}

bool space_borrowed(const struct hicamp_domain *hd, uint32_t index)
{
    return atomic_read(&entry_of(hd, index)->borrowers);
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
    struct space_entry *e;
    unsigned int i, nr;
    uint32_t index;
    mfn_t mfn, first = INVALID_MFN;
    int rc;

    if ( run->order > HICAMP_ORDER_MAX ||
         (run->flags & ~(HICAMP_RUN_RW | HICAMP_RUN_SEALED)) ||
         run->flags == (HICAMP_RUN_RW | HICAMP_RUN_SEALED) )
        return -EINVAL;

    rc = entry_take(hd, &index);
    if ( rc )
        return rc;

    nr = 1u << run->order;
    for ( i = 0; i < nr; i++ )
    {
        rc = frame_get(hd->d, run->frame + i, run_hold(run->flags), &mfn);
        if ( rc )
        {
            run_put(mfn_x(first), i, run->flags);
            entry_release(hd, index);
            return rc;
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
    e->state = RUN_ISSUED;
    use_open(&e->use);
    spin_unlock(&hd->space_lock);

    return 0;
}

/* ---- Revoke -------------------------------------------------------------- */

/* Runs that are revoked together: by their places in the table. */
struct revoke {
    unsigned int nr;
    uint32_t index[HICAMP_PREEMPT_EVERY];
};

/*
 * First step: close the run and add it.  One that is closed already is that of
 * a call which was preempted between the steps: it is ours as well.
 */
static int revoke_close(struct hicamp_domain *hd, uint32_t ref,
                        struct revoke *r)
{
    uint32_t index = REF_INDEX(ref);
    struct space_entry *e = entry_of(hd, index);
    unsigned int i;
    int rc = -ENOENT;

    if ( !e )
        return rc;

    /* The lock keeps generation and state from changing under our check. */
    spin_lock(&hd->space_lock);
    if ( e->generation == REF_GENERATION(ref) && e->state != RUN_FREE )
    {
        rc = 0;
        if ( use_close(&e->use) )
            e->state = RUN_REVOKING;
        else
            for ( i = 0; i < r->nr; i++ )
                if ( r->index[i] == index )
                    rc = -ENOENT; /* twice in one batch */
    }
    spin_unlock(&hd->space_lock);

    if ( !rc )
        r->index[r->nr++] = index;

    return rc;
}

/*
 * Second step, when nobody borrows from the run any more: wait for its uses,
 * drop its frames, free the entry.  False: another vCPU revokes the same run
 * and was faster.
 */
static bool revoke_finish(struct hicamp_domain *hd, uint32_t index)
{
    struct space_entry *e = entry_of(hd, index);
    unsigned int nr = 1u << e->order;
    bool ours;

    spin_lock(&hd->space_lock);
    ours = e->state == RUN_REVOKING;
    e->state = ours ? RUN_FREE : e->state;
    spin_unlock(&hd->space_lock);

    if ( !ours )
        return false;

    ASSERT(!atomic_read(&e->borrowers) || !hd->d->is_dying);
    use_wait(&e->use);
    run_put(e->mfn, nr, e->flags);

    spin_lock(&hd->space_lock);
    e->generation = e->generation % (GENERATIONS - 1) + 1; /* never 0 */
    e->next_free = hd->free;
    hd->free = index + 1;
    add_sized(&hd->runs, -1);
    add_sized(&hd->frames, -nr);
    add_sized(&hd->revoked, 1);
    spin_unlock(&hd->space_lock);

    return true;
}

/*
 * Revoke what is closed.  *done, if not NULL: how many runs from the first on
 * it was that did so.  -ERESTART: they stay closed, come again.
 */
static int revoke_rest(struct hicamp_domain *hd, const struct revoke *r,
                       uint32_t *done)
{
    unsigned int i, n = 0;
    int rc = borrow_recall(hd, r->index, r->nr);

    if ( rc )
        return rc;

    for ( i = 0; i < r->nr; i++ )
        if ( revoke_finish(hd, r->index[i]) )
            n += n == i;

    *done += n;

    return n == r->nr ? 0 : -ENOENT;
}

/* ---- Operations ---------------------------------------------------------- */

/* op is good, and of which space.  Negative: error. */
static int space_op_check(const struct hicamp_space_op *op,
                          const struct hicamp_domain *hd)
{
    if ( !op->nr || op->nr > HICAMP_QUERY_BATCH || op->done > op->nr )
        return -EINVAL;

    return hd ? 0 : -ENOENT;
}

int space_issue(struct domain *d, struct hicamp_space_op *op)
{
    struct hicamp_domain *hd = read_atomic(&d->hicamp);
    struct hicamp_run run;
    unsigned int n = 0;
    int rc = space_op_check(op, hd);

    if ( rc )
        return rc;
    if ( !read_atomic(&hd->nr_ports) )
        return -ENOENT;

    for ( ; op->done < op->nr; op->done++ )
    {
        uint64_t addr = op->runs + op->done * sizeof(run);

        if ( n && hicamp_preempt(n) )
            return -ERESTART;
        n++;

        if ( hicamp_copy_in(&run, addr, sizeof(run)) )
            return -EFAULT;

        rc = run_issue(hd, &run);
        if ( rc )
            return rc;

        if ( hicamp_copy_out(addr, &run, sizeof(run)) )
        {
            /* The caller would never learn of the reference. */
            struct revoke r = { .nr = 0 };
            uint32_t done = 0;

            if ( !revoke_close(hd, run.ref, &r) )
                while ( revoke_rest(hd, &r, &done) == -ERESTART )
                    ;

            return -EFAULT;
        }
    }

    return 0;
}

int space_revoke(struct domain *d, struct hicamp_space_op *op)
{
    struct hicamp_domain *hd = read_atomic(&d->hicamp);
    bool first = true;
    int rc = space_op_check(op, hd);

    while ( !rc && op->done < op->nr )
    {
        struct revoke r = { .nr = 0 };
        struct hicamp_run run;
        int err;

        if ( !first && hypercall_preempt_check() )
            return -ERESTART;
        first = false;

        while ( !rc && r.nr < ARRAY_SIZE(r.index) && op->done + r.nr < op->nr )
            rc = hicamp_copy_in(&run, op->runs + (op->done + r.nr) *
                                      sizeof(run), sizeof(run))
                 ? -EFAULT : revoke_close(hd, run.ref, &r);

        /* Also after an error: what is closed goes. */
        err = revoke_rest(hd, &r, &op->done);
        rc = err ?: rc;
    }

    return rc;
}

int space_teardown(struct hicamp_domain *hd)
{
    unsigned int end = hd->nr_chunks * SPACE_CHUNK_RUNS;

    ASSERT(hd->d->is_dying);

    while ( hd->torn_down < end )
    {
        uint32_t index = hd->torn_down++;
        struct space_entry *e = entry_of(hd, index);

        /* Nobody is left to issue or revoke, and no packet under way. */
        if ( e->state == RUN_ISSUED )
        {
            use_close(&e->use);
            e->state = RUN_REVOKING;
        }
        revoke_finish(hd, index);

        if ( hicamp_preempt(hd->torn_down) )
            return -ERESTART;
    }

    return 0;
}
