/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Line store.  Here live the memory of all lines, their metadata, the free
 * lists, and the accounts of who pays for them.
 *
 * Memory comes from Xen's heap in chunks of CHUNK_LINES lines, up to the cap,
 * and stays in the store.  A PLID is the chunk's number and the line's place
 * in it; chunk 0 begins at PLID 1 so that 0 names no line.  The PLIDs of page
 * lines come from chunks of their own, which hold frame numbers in place of
 * lines; their pages count against the cap while they are there.
 *
 * Each CPU keeps a small cache of free lines, filled from and emptied into one
 * list under store_lock in batches, so the packet path takes the lock once in
 * CACHE_BATCH packets at most.  When the list is empty and cannot grow, CPUs
 * give back all that they free until there is a stock again (cache_limit); an
 * idle CPU can withhold CACHE_MAX lines.  The cache of a CPU that went down is
 * emptied.  Likewise a CPU keeps, for the arena that it worked for last, what
 * it uncharged, up to CREDIT_MAX lines, to charge it again without touching the
 * arena's counter.
 *
 * Invariant: a line is either free (refs 0, on exactly one free list, reached
 * by nobody else) or owned (refs > 0, or kept by intern.c or tree.c until it
 * is dismantled; on none).
 */

#ifdef __XEN__
#include <xen/cpu.h>
#include <xen/notifier.h>
#endif

#include "intern.h"
#include "tree.h"

#define CHUNK_LINES     LINE_CHUNK_LINES
#define CHUNK_ORDER     LINE_CHUNK_ORDER
#define CHUNKS_MAX      8192    /* 2 GiB of lines */

#define CACHE_BATCH     32
#define CACHE_MAX       (2 * CACHE_BATCH)
#define CREDIT_MAX      16

#define REFS_MAX        (1 << 30)

/* Ports are fewer, but an arena can outlive its domain. */
#define ARENAS_MAX      2048

/* Arenas that a CPU asks to give back lines when the store is exhausted. */
#define RECLAIM_ARENAS  16u
#define RECLAIM_LINES   32u

struct line_chunk *__read_mostly line_chunks; /* entries fixed once set */
static unsigned int __read_mostly chunks_max; /* the cap, as chunks of lines */
static unsigned int __read_mostly page_chunks_max;

static DEFINE_SPINLOCK(store_lock);
static unsigned int nr_chunks;              /* of both kinds,
                                             * R/W(store_lock) */
static unsigned int nr_page_chunks;         /* R/W(store_lock) */
static unsigned int nr_pages;               /* in use, R/W(store_lock) */
static plid_t store_free;                   /* R/W(store_lock) */
static unsigned int store_nr_free;          /* R/W(store_lock) */
static plid_t page_free;                    /* R/W(store_lock) */

/* The last class that the store still serves; W(store_lock), read without. */
static unsigned int __read_mostly store_class = LINE_BULK;
/* What a CPU may cache; likewise. */
static unsigned int __read_mostly cache_limit = CACHE_MAX;

/* The CPU's own; others only read, to count. */
struct cache {
    plid_t head;
    unsigned int nr;
    unsigned int payer;     /* id of an arena ... */
    unsigned int credit;    /* ... and lines that it has been charged for */
};
static DEFINE_PER_CPU(struct cache, line_cache);

static DEFINE_SPINLOCK(arenas_lock);
static struct arena *__read_mostly arenas;  /* [ARENAS_MAX], from 1 on */
static unsigned int nr_arenas;              /* ever used, W(arenas_lock) */
static unsigned int __read_mostly default_quota;
static unsigned int reclaim_next;           /* a hint */

/* What a class may use of n lines. */
static unsigned int class_share(unsigned int n, enum line_class class)
{
    return class == LINE_RX ? n : n - n / (class == LINE_BULK ? 4 : 16);
}

static void cache_empty(struct cache *cache);

static int cf_check cpu_callback(struct notifier_block *nfb,
                                 unsigned long action, void *hcpu)
{
    if ( action == CPU_DEAD )
        cache_empty(&per_cpu(line_cache, (unsigned long)hcpu));

    return NOTIFY_DONE;
}

static struct notifier_block cpu_nfb = { .notifier_call = cpu_callback };

int __init line_store_init(uint64_t bytes)
{
    uint64_t n = bytes >> (CHUNK_ORDER + PAGE_SHIFT);

    if ( !n )
        return -EINVAL;

    chunks_max = min(n, (uint64_t)CHUNKS_MAX);
    page_chunks_max = DIV_ROUND_UP(chunks_max, PAGE_LINES);
    line_chunks = xzalloc_array(struct line_chunk,
                                chunks_max + page_chunks_max);
    arenas = xzalloc_array(struct arena, ARENAS_MAX);
    if ( !line_chunks || !arenas )
    {
        XFREE(line_chunks);
        XFREE(arenas);
        return -ENOMEM;
    }

    if ( !default_quota )
        default_quota = chunks_max * CHUNK_LINES / 4;
    intern_init();
    register_cpu_notifier(&cpu_nfb);

    return 0;
}

static void cache_push(struct cache *cache, plid_t plid)
{
    line_meta(plid)->link = cache->head;
    cache->head = plid;
    write_atomic(&cache->nr, cache->nr + 1);
}

static plid_t cache_pop(struct cache *cache)
{
    plid_t plid = cache->head;

    cache->head = line_meta(plid)->link;
    write_atomic(&cache->nr, cache->nr - 1);

    return plid;
}

/* Lines that are not in the store, of lines_max. */
static unsigned int store_out(void)
{
    return (nr_chunks - nr_page_chunks) * CHUNK_LINES - store_nr_free +
           nr_pages * PAGE_LINES;
}

/* After store_out() changed: who is served, and what may CPUs cache? */
static void store_changed(void)
{
    unsigned int max = chunks_max * CHUNK_LINES, out = store_out();
    enum line_class class = LINE_BULK;

    ASSERT(spin_is_locked(&store_lock));

    while ( class > LINE_RX && out > class_share(max, class) )
        class--;
    if ( class != store_class )
        write_atomic(&store_class, (unsigned int)class);

    if ( unlikely(!cache_limit) && store_nr_free > CACHE_MAX )
        write_atomic(&cache_limit, CACHE_MAX);
}

/* Room under the cap for nr more lines? */
static bool store_room(unsigned int nr)
{
    return (nr_chunks - nr_page_chunks) * CHUNK_LINES +
           nr_pages * PAGE_LINES + nr <= chunks_max * CHUNK_LINES;
}

/*
 * Add a chunk, of lines or of PLIDs for pages, to the free list that it
 * belongs to.  Called with store_lock held, which it drops while it allocates:
 * the caller looks again.
 */
static bool store_grow(bool pages)
{
    struct line_chunk c = {};
    plid_t first, *list = pages ? &page_free : &store_free;
    unsigned int i;

    if ( pages ? nr_page_chunks >= page_chunks_max : !store_room(CHUNK_LINES) )
        return false;

    spin_unlock(&store_lock);

    c.meta = xzalloc_array(struct line_meta, CHUNK_LINES);
    if ( c.meta && pages )
        c.mfns = xzalloc_array(mfn_t, CHUNK_LINES);
    else if ( c.meta )
        c.data = alloc_xenheap_pages(CHUNK_ORDER, 0);

    spin_lock(&store_lock);

    if ( (!c.data && !c.mfns) ||
         (pages ? nr_page_chunks >= page_chunks_max
                : !store_room(CHUNK_LINES)) )
    {
        /* Rare: out of memory, or another CPU took the last chunk. */
        if ( c.data )
            free_xenheap_pages(c.data, CHUNK_ORDER);
        xfree(c.mfns);
        xfree(c.meta);

        return *list != PLID_NONE;
    }

    first = nr_chunks * CHUNK_LINES + 1;
    for ( i = 0; i < CHUNK_LINES; i++ )
        c.meta[i].link = i + 1 < CHUNK_LINES ? first + i + 1 : *list;

    line_chunks[nr_chunks] = c;
    smp_wmb(); /* line_next(): contents before number */
    write_atomic(&nr_chunks, nr_chunks + 1);
    *list = first;
    if ( pages )
        nr_page_chunks++;
    else
        store_nr_free += CHUNK_LINES;

    return true;
}

/* Move up to CACHE_BATCH lines from the store to this CPU's cache. */
static bool cache_fill(struct cache *cache)
{
    spin_lock(&store_lock);

    if ( store_nr_free || store_grow(false) )
        while ( store_nr_free && cache->nr < CACHE_BATCH )
        {
            plid_t plid = store_free;

            store_free = line_meta(plid)->link;
            store_nr_free--;
            cache_push(cache, plid);
        }
    else
        write_atomic(&cache_limit, 0u);
    store_changed();

    spin_unlock(&store_lock);

    return cache->nr;
}

/* Move lines from a CPU's cache to the store until left are left. */
static void cache_spill(struct cache *cache, unsigned int left)
{
    spin_lock(&store_lock);

    while ( cache->nr > left )
    {
        plid_t plid = cache_pop(cache);

        line_meta(plid)->link = store_free;
        store_free = plid;
        store_nr_free++;
    }
    store_changed();

    spin_unlock(&store_lock);
}

/* ---- Who pays ------------------------------------------------------------ */

void arena_default_quota(unsigned int lines)
{
    write_atomic(&default_quota, lines);
}

unsigned int arena_default_quota_get(void)
{
    return read_atomic(&default_quota);
}

struct arena *arena_of(const struct line_meta *m)
{
    return &arenas[m->arena];
}

struct arena *arena_get(uint32_t tenant)
{
    struct arena *a, *found = NULL;
    unsigned int i;

    if ( !arenas )
        return NULL;

    spin_lock(&arenas_lock);

    for ( i = 1; i <= nr_arenas; i++ )
    {
        a = &arenas[i];
        if ( tenant && a->users && a->tenant == tenant )
        {
            found = a;
            break;
        }
        if ( !found && !a->users && !atomic_read(&a->used) )
            found = a;
    }

    if ( !found && nr_arenas < ARENAS_MAX - 1 )
    {
        found = &arenas[nr_arenas + 1];
        found->id = nr_arenas + 1;
        spin_lock_init(&found->intern.lock);
        write_atomic(&nr_arenas, nr_arenas + 1);
    }

    if ( found && !found->users )
    {
        found->tenant = tenant;
        write_atomic(&found->quota, read_atomic(&default_quota));
        write_atomic(&found->peak, 0);
        write_atomic(&found->refused, 0);
    }
    if ( found )
    {
        found->users++;
        found->members++;
    }

    spin_unlock(&arenas_lock);

    return found;
}

bool arena_leave(struct arena *a)
{
    bool last;

    spin_lock(&arenas_lock);
    last = !--a->members;
    spin_unlock(&arenas_lock);

    return last;
}

/* Give an arena what a CPU kept charged for it. */
static void credit_return(struct cache *cache)
{
    if ( !cache->credit )
        return;

    atomic_sub(cache->credit, &arenas[cache->payer].used);
    write_atomic(&cache->credit, 0u);
}

static void cache_empty(struct cache *cache)
{
    credit_return(cache);
    cache_spill(cache, 0);
}

void arena_put(struct arena *a, bool left)
{
    bool last;

    if ( this_cpu(line_cache).payer == a->id )
        credit_return(&this_cpu(line_cache));

    spin_lock(&arenas_lock);
    if ( !left )
        a->members--;
    last = a->users == 1;
    spin_unlock(&arenas_lock);

    /* An index is charged to its arena, which cannot be used again before. */
    if ( last )
        intern_disable(a);

    spin_lock(&arenas_lock);
    a->users--;
    spin_unlock(&arenas_lock);
}

static bool charge(struct arena *a, enum line_class class, unsigned int lines)
{
    unsigned int limit = class_share(read_atomic(&a->quota), class), used;
    struct cache *cache = &this_cpu(line_cache);

    used = atomic_add_return(lines, &a->used);
    if ( unlikely(used > limit) && cache->payer == a->id )
    {
        credit_return(cache);
        used = atomic_read(&a->used);
    }
    if ( unlikely(used > limit) )
    {
        atomic_sub(lines, &a->used);
        return false;
    }
    if ( used > read_atomic(&a->peak) )
        write_atomic(&a->peak, used);

    return true;
}

bool arena_charge(struct arena *a, enum line_class class, unsigned int lines)
{
    /* What is only kept in case it comes back goes first. */
    if ( likely(charge(a, class, lines)) ||
         (tree_reclaim(a, max(lines, RECLAIM_LINES), false) &&
          charge(a, class, lines)) )
        return true;

    add_sized(&a->refused, 1);

    return false;
}

void arena_uncharge(struct arena *a, unsigned int lines)
{
    atomic_sub(lines, &a->used);
}

unsigned int arena_used(const struct arena *a)
{
    unsigned int cpu, used = atomic_read(&a->used), credit = 0;

    for_each_online_cpu ( cpu )
    {
        const struct cache *cache = &per_cpu(line_cache, cpu);

        if ( read_atomic(&cache->payer) == a->id )
            credit += read_atomic(&cache->credit);
    }

    /* They move while we add up. */
    return used > credit ? used - credit : 0;
}

int arena_error(const struct arena *a, enum line_class class,
                unsigned int lines)
{
    return atomic_read(&a->used) + lines >
           class_share(read_atomic(&a->quota), class) ? -ENOBUFS : -ENOMEM;
}

/* Charge one line, if possible from what this CPU keeps charged. */
static bool charge_line(struct cache *cache, struct arena *a,
                        enum line_class class)
{
    if ( likely(cache->payer == a->id) && likely(cache->credit) &&
         likely(atomic_read(&a->used) <=
                class_share(read_atomic(&a->quota), class)) )
    {
        write_atomic(&cache->credit, cache->credit - 1);
        return true;
    }

    return arena_charge(a, class, 1);
}

static void uncharge_line(struct cache *cache, unsigned int payer)
{
    if ( unlikely(cache->payer != payer) )
    {
        credit_return(cache);
        write_atomic(&cache->payer, payer);
    }
    write_atomic(&cache->credit, cache->credit + 1);
    if ( unlikely(cache->credit > CREDIT_MAX) )
        credit_return(cache);
}

bool line_charge(plid_t plid, struct arena *a, enum line_class class)
{
    struct line_meta *m = line_meta(plid);

    ASSERT(!m->arena);

    if ( !charge_line(&this_cpu(line_cache), a, class) )
        return false;

    m->arena = a->id;

    return true;
}

/* ---- Lines --------------------------------------------------------------- */

/* Ask some arenas for lines that they only keep in case they come back. */
static bool store_reclaim(void)
{
    unsigned int i, freed = 0, nr = read_atomic(&nr_arenas);

    for ( i = 0; i < min(nr, RECLAIM_ARENAS) && !freed; i++ )
    {
        unsigned int next = read_atomic(&reclaim_next);

        write_atomic(&reclaim_next, next + 1);
        freed = tree_reclaim(&arenas[next % nr + 1], RECLAIM_LINES, false);
    }

    return freed;
}

/* This CPU's cache is empty, or class is not served: try harder. */
static bool store_serve(struct cache *cache, enum line_class class)
{
    do {
        if ( class > read_atomic(&store_class) )
            cache_spill(cache, 0);
        if ( class <= read_atomic(&store_class) &&
             (cache->nr || cache_fill(cache)) &&
             class <= read_atomic(&store_class) )
            return true;
    } while ( store_reclaim() );

    return false;
}

plid_t line_alloc(struct arena *a, enum line_class class)
{
    struct cache *cache = &this_cpu(line_cache);
    struct line_meta *m;
    plid_t plid;

    if ( a && !charge_line(cache, a, class) )
        return PLID_NONE;

    if ( (unlikely(!cache->nr) ||
          unlikely(class > read_atomic(&store_class))) &&
         !store_serve(cache, class) )
    {
        if ( a )
        {
            arena_uncharge(a, 1);
            add_sized(&a->refused, 1);
        }
        return PLID_NONE;
    }

    plid = cache_pop(cache);
    m = line_meta(plid);
    ASSERT(!atomic_read(&m->refs) && !m->arena);

    m->link = PLID_NONE;
    m->arena = a ? a->id : 0;
    atomic_set(&m->refs, 1);

    return plid;
}

bool line_get(plid_t plid)
{
    struct line_meta *m = line_meta(plid);

    /* The margin to the sign bit covers CPUs that get here together. */
    if ( unlikely(atomic_read(&m->refs) >= REFS_MAX) )
        return false;

    ASSERT(atomic_read(&m->refs) > 0);
    atomic_inc(&m->refs);

    return true;
}

bool line_put_test(plid_t plid)
{
    struct line_meta *m = line_meta(plid);

    ASSERT(atomic_read(&m->refs) > 0);

    /* Only who holds a reference can take another: nobody, if it is ours. */
    if ( atomic_read(&m->refs) == 1 )
    {
        atomic_set(&m->refs, 0);
        return true;
    }

    return atomic_dec_and_test(&m->refs);
}

void line_free(plid_t plid)
{
    struct cache *cache = &this_cpu(line_cache);
    struct line_meta *m = line_meta(plid);

    ASSERT(!atomic_read(&m->refs));

    m->shift = 0;
    m->interned = false;
    if ( m->arena )
    {
        uncharge_line(cache, m->arena);
        m->arena = 0;
    }

    cache_push(cache, plid);
    if ( unlikely(cache->nr > read_atomic(&cache_limit)) )
        cache_spill(cache, read_atomic(&cache_limit) ? CACHE_BATCH : 0);
}

void line_put(plid_t plid)
{
    if ( line_put_test(plid) )
        line_free(plid);
}

/* ---- Page lines ---------------------------------------------------------- */

plid_t line_page_alloc(struct arena *a, enum line_class class)
{
    struct line_meta *m;
    plid_t plid = PLID_NONE;

    if ( !arena_charge(a, class, PAGE_LINES) )
        return PLID_NONE;

    spin_lock(&store_lock);

    if ( class <= store_class && store_room(PAGE_LINES) &&
         (page_free != PLID_NONE || store_grow(true)) &&
         store_room(PAGE_LINES) )
    {
        plid = page_free;
        m = line_meta(plid);
        page_free = m->link;
        nr_pages++;
        store_changed();

        ASSERT(!atomic_read(&m->refs) && !m->arena);
        m->link = PLID_NONE;
        m->arena = a->id;
        atomic_set(&m->refs, 1);
    }

    spin_unlock(&store_lock);

    if ( plid == PLID_NONE )
    {
        arena_uncharge(a, PAGE_LINES);
        add_sized(&a->refused, 1);
    }

    return plid;
}

void line_page_free(plid_t plid)
{
    struct line_meta *m = line_meta(plid);

    ASSERT(!atomic_read(&m->refs));

    arena_uncharge(arena_of(m), PAGE_LINES);
    m->arena = 0;
    m->shift = 0;
    m->interned = false;

    spin_lock(&store_lock);
    m->link = page_free;
    page_free = plid;
    nr_pages--;
    store_changed();
    spin_unlock(&store_lock);
}

mfn_t *line_page_mfn(plid_t plid)
{
    unsigned int idx;
    const struct line_chunk *c = line_chunk_of(plid, &idx);

    ASSERT(c->mfns);

    return &c->mfns[idx];
}

/* ---- What there is ------------------------------------------------------- */

void line_store_use(struct line_use *u)
{
    unsigned int cpu, out, cached = 0;

    spin_lock(&store_lock);
    u->max = (uint64_t)chunks_max * CHUNK_LINES;
    u->total = (uint64_t)(nr_chunks - nr_page_chunks) * CHUNK_LINES +
               nr_pages * PAGE_LINES;
    out = store_out();
    spin_unlock(&store_lock);

    for_each_online_cpu ( cpu )
        cached += read_atomic(&per_cpu(line_cache, cpu).nr);

    /* Lines move while we add up: never report a negative number. */
    u->used = cached < out ? out - cached : 0;
}

plid_t line_next(plid_t *plid)
{
    plid_t end = read_atomic(&nr_chunks) * CHUNK_LINES;

    while ( *plid < end )
    {
        const struct line_meta *m = line_meta(++*plid);

        /* What intern.c and tree.c keep has no references. */
        if ( atomic_read(&m->refs) || m->shift )
            return *plid;
    }

    return PLID_NONE;
}

unsigned int line_limit(void)
{
    return read_atomic(&nr_chunks) * CHUNK_LINES + 1;
}

unsigned int arena_limit(void)
{
    return read_atomic(&nr_arenas) + 1;
}

struct arena *arena_at(unsigned int id)
{
    return &arenas[id];
}
