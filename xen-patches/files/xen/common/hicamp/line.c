/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Line store.  Here live the memory of all lines, their metadata, the free
 * lists, and the accounts of who pays for them.
 *
 * Memory comes from Xen's heap in chunks of CHUNK_LINES lines, up to the cap,
 * and stays in the store.  A PLID is the chunk's number and the line's place
 * in it; chunk 0 begins at PLID 1 so that 0 names no line.  Each CPU keeps a
 * small cache of free lines, filled from and emptied into one list under
 * store_lock in batches, so the packet path takes the lock once in
 * CACHE_BATCH packets at most.
 *
 * Invariant: a line is either free (refs 0, on exactly one free list, reached
 * by nobody else) or owned (refs > 0, on none).
 */

#include "line.h"

#define CHUNK_ORDER     6
#define CHUNK_LINES     ((PAGE_SIZE << CHUNK_ORDER) / LINE_BYTES)
#define CHUNKS_MAX      8192    /* 2 GiB of lines */

#define CACHE_BATCH     32
#define CACHE_MAX       (2 * CACHE_BATCH)

#define REFS_MAX        (1 << 30)

/* Ports are fewer, but an arena can outlive its domain. */
#define ARENAS_MAX      4096

struct chunk {
    uint8_t *data;
    struct line_meta *meta;
};

static struct chunk *__read_mostly chunks;  /* [chunks_max], entries fixed */
static unsigned int __read_mostly chunks_max;

static DEFINE_SPINLOCK(store_lock);
static unsigned int nr_chunks;              /* R/W(store_lock) */
static plid_t store_free;                   /* R/W(store_lock) */
static unsigned int store_nr_free;          /* R/W(store_lock) */

struct cache {
    plid_t head;
    unsigned int nr;
};
static DEFINE_PER_CPU(struct cache, line_cache);

static DEFINE_SPINLOCK(arenas_lock);
static struct arena *__read_mostly arenas;  /* [ARENAS_MAX], from 1 on */
static unsigned int nr_arenas;              /* ever used, W(arenas_lock) */
static unsigned int __read_mostly default_quota = UINT_MAX;

int __init line_store_init(uint64_t bytes)
{
    uint64_t n = bytes >> (CHUNK_ORDER + PAGE_SHIFT);

    if ( !n )
        return -EINVAL;

    chunks_max = min(n, (uint64_t)CHUNKS_MAX);
    chunks = xzalloc_array(struct chunk, chunks_max);
    arenas = xzalloc_array(struct arena, ARENAS_MAX);

    if ( chunks && arenas )
        return 0;

    XFREE(arenas);
    XFREE(chunks);

    return -ENOMEM;
}

static struct chunk *chunk_of(plid_t plid, unsigned int *idx)
{
    ASSERT(plid != PLID_NONE);

    *idx = (plid - 1) % CHUNK_LINES;

    return &chunks[(plid - 1) / CHUNK_LINES];
}

struct line_meta *line_meta(plid_t plid)
{
    unsigned int idx;
    const struct chunk *c = chunk_of(plid, &idx);

    return &c->meta[idx];
}

void *line_data(plid_t plid)
{
    unsigned int idx;
    const struct chunk *c = chunk_of(plid, &idx);

    ASSERT(atomic_read(&c->meta[idx].refs) > 0);

    return c->data + idx * LINE_BYTES;
}

/* The CPU's own; others only read nr, to count. */
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

/*
 * Add a chunk's lines to the store's free list.  Called with store_lock held,
 * which it drops while it allocates: the caller looks again.
 */
static bool store_grow(void)
{
    struct chunk c;
    unsigned int i;
    plid_t first;

    if ( nr_chunks >= chunks_max )
        return false;

    spin_unlock(&store_lock);

    c.meta = xzalloc_array(struct line_meta, CHUNK_LINES);
    c.data = c.meta ? alloc_xenheap_pages(CHUNK_ORDER, 0) : NULL;

    spin_lock(&store_lock);

    if ( !c.data || nr_chunks >= chunks_max )
    {
        /* Rare: out of memory, or another CPU took the last chunk. */
        if ( c.data )
            free_xenheap_pages(c.data, CHUNK_ORDER);
        xfree(c.meta);

        return store_nr_free;
    }

    first = nr_chunks * CHUNK_LINES + 1;
    for ( i = 0; i < CHUNK_LINES; i++ )
        c.meta[i].link = i + 1 < CHUNK_LINES ? first + i + 1 : store_free;

    chunks[nr_chunks++] = c;
    store_free = first;
    store_nr_free += CHUNK_LINES;

    return true;
}

/* Move up to CACHE_BATCH lines from the store to this CPU's cache. */
static bool cache_fill(struct cache *cache)
{
    spin_lock(&store_lock);

    if ( store_nr_free || store_grow() )
        while ( store_nr_free && cache->nr < CACHE_BATCH )
        {
            plid_t plid = store_free;

            store_free = line_meta(plid)->link;
            store_nr_free--;
            cache_push(cache, plid);
        }

    spin_unlock(&store_lock);

    return cache->nr;
}

/* Move lines from this CPU's cache to the store until CACHE_BATCH are left. */
static void cache_spill(struct cache *cache)
{
    spin_lock(&store_lock);

    while ( cache->nr > CACHE_BATCH )
    {
        plid_t plid = cache_pop(cache);

        line_meta(plid)->link = store_free;
        store_free = plid;
        store_nr_free++;
    }

    spin_unlock(&store_lock);
}

/* ---- Who pays ------------------------------------------------------------ */

void arena_default_quota(unsigned int lines)
{
    write_atomic(&default_quota, lines);
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
        found = &arenas[++nr_arenas];
        found->id = nr_arenas;
    }

    if ( found && !found->users++ )
    {
        found->tenant = tenant;
        found->quota = read_atomic(&default_quota);
        found->peak = found->refused = 0;
    }

    spin_unlock(&arenas_lock);

    return found;
}

void arena_put(struct arena *a)
{
    spin_lock(&arenas_lock);
    a->users--;
    spin_unlock(&arenas_lock);
}

static bool arena_charge(struct arena *a, enum line_class class)
{
    unsigned int quota = read_atomic(&a->quota), used;

    if ( class == LINE_CONTROL )
        quota -= quota / 16;
    else if ( class == LINE_BULK )
        quota -= quota / 4;

    used = atomic_inc_return(&a->used);
    if ( unlikely(used > quota) )
    {
        atomic_dec(&a->used);
        add_sized(&a->refused, 1);
        return false;
    }
    if ( used > read_atomic(&a->peak) )
        write_atomic(&a->peak, used);

    return true;
}

bool line_charge(plid_t plid, struct arena *a, enum line_class class)
{
    struct line_meta *m = line_meta(plid);

    ASSERT(!m->arena);

    if ( !arena_charge(a, class) )
        return false;

    m->arena = a->id;

    return true;
}

struct arena *arena_of(const struct line_meta *m)
{
    return &arenas[m->arena];
}

/* ---- Lines --------------------------------------------------------------- */

plid_t line_alloc(struct arena *a, enum line_class class)
{
    struct cache *cache = &this_cpu(line_cache);
    struct line_meta *m;
    plid_t plid;

    if ( a && !arena_charge(a, class) )
        return PLID_NONE;

    if ( unlikely(!cache->nr) && !cache_fill(cache) )
    {
        if ( a )
            atomic_dec(&a->used);
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

    return atomic_dec_and_test(&m->refs);
}

void line_free(plid_t plid)
{
    struct cache *cache = &this_cpu(line_cache);

    struct line_meta *m = line_meta(plid);

    ASSERT(!atomic_read(&m->refs));

    if ( m->arena )
    {
        atomic_dec(&arena_of(m)->used);
        m->arena = 0;
    }

    cache_push(cache, plid);
    if ( unlikely(cache->nr > CACHE_MAX) )
        cache_spill(cache);
}

void line_put(plid_t plid)
{
    if ( line_put_test(plid) )
        line_free(plid);
}

void line_store_use(struct line_use *u)
{
    unsigned int cpu;
    uint64_t nr_free;

    spin_lock(&store_lock);
    u->max = (uint64_t)chunks_max * CHUNK_LINES;
    u->total = (uint64_t)nr_chunks * CHUNK_LINES;
    nr_free = store_nr_free;
    spin_unlock(&store_lock);

    for_each_online_cpu ( cpu )
        nr_free += read_atomic(&per_cpu(line_cache, cpu).nr);

    /* Lines move while we add up: never report a negative number. */
    u->used = nr_free < u->total ? u->total - nr_free : 0;
}
