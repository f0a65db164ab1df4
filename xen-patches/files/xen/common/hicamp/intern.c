/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interning.  Here live the indexes, one for each arena that has interned
 * lines, the hash, and the lines that nobody holds any more but that may come
 * back (grace).
 *
 * An index is an array of buckets of one cache line each.  It is bounded and
 * forgets: what does not fit its bucket pushes another line out, which then is
 * merely not found again.  A hit in it is a hint, believed after a comparison
 * of all bytes.
 *
 * The hash is NH (Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and
 * Secure Message Authentication") under a key drawn at boot: for any two
 * different lines, however chosen without the key, the 128-bit sums collide
 * with probability 2^-64.  Nobody is shown a hash, and a guest that finds
 * lines that share a bucket by timing its own index wins eight comparisons of
 * tags for itself.
 *
 * Invariant: what is in an index, or in grace, is an interned line of that
 * arena that is not free; it leaves both, under the lock, before it is.  The
 * last reference is dropped, and the first taken anew, under the lock only.
 */

#include "intern.h"

/* Lines that an arena keeps in case they come back. */
#define GRACE_MAX       256

/* Lines that are looked up together, so that their cache misses overlap. */
#define GROUP           4

/*
 * Into the second-level cache: there is not room for as many misses of the
 * first as there are lines on the way (measured: 520 cycles for a line instead
 * of 340).
 */
#define prefetch_far(p) __builtin_prefetch(p, 0, 2)

/* An index has at most 2^INDEX_ORDER_MAX pages: 2M entries. */
#define INDEX_ORDER_MAX 12

#define LINE_WORDS      (LINE_BYTES / sizeof(uint64_t))

/* Lines on their way through intern_lines(). */
struct group {
    unsigned int nr;
    plid_t *plids;
    uint64_t hash[GROUP];
};

#define KEPT_INDEXED    (1u << 0)
#define KEPT_GRACE      (1u << 1)

static uint64_t __read_mostly key[LINE_WORDS + 2];

void __init intern_init(void)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(key); i++ )
        key[i] = ((uint64_t)get_random() << 32) | get_random();
}

static uint64_t line_hash(const uint64_t *w)
{
    unsigned __int128 sum = 0;
    unsigned int i;
    uint64_t h;

    for ( i = 0; i < LINE_WORDS; i += 2 )
        sum += (unsigned __int128)(w[i] + key[i]) * (w[i + 1] + key[i + 1]);

    /* Fold, and spread: the low half names a bucket, the high one is a tag. */
    h = (uint64_t)sum * (key[LINE_WORDS] | 1) +
        (uint64_t)(sum >> 64) * (key[LINE_WORDS + 1] | 1);
    h = (h ^ (h >> 32)) * (key[LINE_WORDS] | 1);

    return h ^ (h >> 29);
}

static bool lines_equal(const uint64_t *a, const uint64_t *b)
{
    unsigned int i;

    for ( i = 0; i < LINE_WORDS; i += 4 )
        if ( (a[i] ^ b[i]) | (a[i + 1] ^ b[i + 1]) |
             (a[i + 2] ^ b[i + 2]) | (a[i + 3] ^ b[i + 3]) )
            return false;

    return true;
}

int intern_enable(struct arena *a)
{
    unsigned int order, lines;
    struct bucket *index;

    if ( read_atomic(&a->intern.index) )
        return 0;

    /* Twice as many entries as there can be lines, so that few buckets run
     * over; or what there is memory for. */
    order = get_order_from_bytes((paddr_t)read_atomic(&a->quota) *
                                 sizeof(*index) / (BUCKET_LINES / 2));
    order = min(order, INDEX_ORDER_MAX + 0u);
    for ( ; ; order-- )
    {
        lines = PAGE_LINES << order;
        index = NULL;
        if ( arena_charge(a, LINE_BULK, lines) )
        {
            index = alloc_xenheap_pages(order, 0);
            if ( index )
                break;
            arena_uncharge(a, lines);
        }
        if ( !order )
            return arena_error(a, LINE_BULK, lines);
    }

    memset(index, 0, PAGE_SIZE << order);

    spin_lock(&a->intern.lock);
    if ( !a->intern.index )
    {
        a->intern.order = order;
        a->intern.mask = (PAGE_SIZE << order) / sizeof(*index) - 1;
        write_atomic(&a->intern.index, index);
        index = NULL;
    }
    spin_unlock(&a->intern.lock);

    if ( index )
    {
        /* Another vCPU was faster. */
        free_xenheap_pages(index, order);
        arena_uncharge(a, lines);
    }

    return 0;
}

void intern_disable(struct arena *a)
{
    struct bucket *index;
    unsigned int order;

    spin_lock(&a->intern.lock);
    ASSERT(!a->intern.nr_grace);
    index = a->intern.index;
    order = a->intern.order;
    write_atomic(&a->intern.index, NULL);
    spin_unlock(&a->intern.lock);

    if ( !index )
        return;

    free_xenheap_pages(index, order);
    arena_uncharge(a, PAGE_LINES << order);
}

static struct bucket *bucket_of(const struct intern *in, uint64_t hash)
{
    return &in->index[(uint32_t)hash & in->mask];
}

/* The next line of b, from *slot on, with hash's tag; *slot is its place. */
static plid_t candidate(const struct bucket *b, uint64_t hash,
                        unsigned int *slot)
{
    for ( ; *slot < BUCKET_LINES; ++*slot )
        if ( b->tag[*slot] == (uint32_t)(hash >> 32) &&
             b->plid[*slot] != PLID_NONE )
            return b->plid[*slot];

    return PLID_NONE;
}

/* Enter a line that is not there, in slot if that is one, else anywhere. */
static void index_add(struct bucket *b, plid_t plid, uint64_t hash,
                      unsigned int slot)
{
    struct line_meta *m = line_meta(plid);

    if ( slot >= BUCKET_LINES )
        for ( slot = 0; slot < BUCKET_LINES; slot++ )
            if ( b->plid[slot] == PLID_NONE )
                break;
    if ( slot >= BUCKET_LINES )
        slot = (uint32_t)(hash >> 32) % BUCKET_LINES;
    if ( b->plid[slot] != PLID_NONE )
        line_meta(b->plid[slot])->kept &= ~KEPT_INDEXED;

    b->tag[slot] = hash >> 32;
    b->plid[slot] = plid;
    m->interned = true;
    m->hash = hash;
    m->kept = KEPT_INDEXED;
}

/* One line; the lock is held.  True: it was replaced. */
static bool intern_line(struct intern *in, plid_t *plid, uint64_t hash)
{
    struct bucket *b = bucket_of(in, hash);
    const struct line_meta *mine = line_meta(*plid);
    unsigned int slot;
    plid_t found;

    for ( slot = 0; (found = candidate(b, hash, &slot)) != PLID_NONE; slot++ )
    {
        struct line_meta *m = line_meta(found);

        if ( m->shift != mine->shift ||
             !lines_equal(line_data(found), line_data(*plid)) )
            continue;

        if ( !atomic_read(&m->refs) )
            atomic_set(&m->refs, 1); /* out of grace, by intern_expire() */
        else if ( !line_get(found) )
            break; /* saturated: the new one takes its place */

        add_sized(&in->hits, 1);
        *plid = found;

        return true;
    }

    add_sized(&in->misses, 1);
    index_add(b, *plid, hash, slot);

    return false;
}

/* Hash the next lines, up to GROUP, and have their buckets fetched. */
static void group_hash(const struct intern *in, struct group *g,
                       plid_t **plids, unsigned int *nr)
{
    unsigned int i;

    g->nr = min(*nr, GROUP + 0u);
    g->plids = *plids;
    *plids += g->nr;
    *nr -= g->nr;

    for ( i = 0; i < g->nr; i++ )
    {
        g->hash[i] = line_hash(line_data(g->plids[i]));
        prefetch(bucket_of(in, g->hash[i]));
    }
}

/*
 * Have what these lines are likely to equal fetched; the lock is held.  Inline:
 * gcc drops calls of functions that do nothing but prefetch.
 */
static always_inline void group_fetch(const struct intern *in,
                                      const struct group *g)
{
    unsigned int i, slot;

    for ( i = 0; i < g->nr; i++ )
    {
        const uint8_t *data;
        plid_t plid;

        slot = 0;
        plid = candidate(bucket_of(in, g->hash[i]), g->hash[i], &slot);
        if ( plid == PLID_NONE )
            continue;

        prefetch(line_meta(plid));
        data = line_data(plid);
        for ( slot = 0; slot < LINE_BYTES; slot += 64 )
            prefetch_far(data + slot);
    }
}

/* Replace what is known by what it equals; the lock is held. */
static void group_replace(struct intern *in, const struct group *g,
                          plid_t *freed)
{
    unsigned int i;

    for ( i = 0; i < g->nr; i++ )
    {
        plid_t mine = g->plids[i];

        if ( !intern_line(in, &g->plids[i], g->hash[i]) )
            continue;
        atomic_set(&line_meta(mine)->refs, 0);
        line_meta(mine)->link = *freed;
        *freed = mine;
    }
}

/*
 * A pipeline: while a group is compared, memory is being fetched for the next,
 * and the buckets of the one behind it.
 */
void intern_lines(struct arena *a, plid_t *plids, unsigned int nr,
                  plid_t *freed)
{
    struct intern *in = &a->intern;
    struct group groups[3], *g = &groups[0], *next = &groups[1],
                 *last = &groups[2];

    group_hash(in, g, &plids, &nr);
    group_hash(in, next, &plids, &nr);
    spin_lock(&in->lock);
    group_fetch(in, g);
    spin_unlock(&in->lock);

    while ( g->nr )
    {
        struct group *done = g;

        group_hash(in, last, &plids, &nr);

        spin_lock(&in->lock);
        group_fetch(in, next);
        group_replace(in, g, freed);
        spin_unlock(&in->lock);

        g = next;
        next = last;
        last = done;
    }
}

void intern_put(plid_t plid)
{
    struct line_meta *m = line_meta(plid);
    struct intern *in;

    ASSERT(m->interned && atomic_read(&m->refs) > 0);

    if ( atomic_add_unless(&m->refs, -1, 1) != 1 )
        return;

    in = &arena_of(m)->intern;
    spin_lock(&in->lock);

    if ( atomic_dec_and_test(&m->refs) && !(m->kept & KEPT_GRACE) )
    {
        m->kept |= KEPT_GRACE;
        m->link = PLID_NONE;
        if ( in->last != PLID_NONE )
            line_meta(in->last)->link = plid;
        else
            in->first = plid;
        in->last = plid;
        write_atomic(&in->nr_grace, in->nr_grace + 1);
    }

    spin_unlock(&in->lock);
}

/* Take the oldest line out of grace; the lock is held, there is one. */
static plid_t grace_pop(struct intern *in)
{
    plid_t plid = in->first;
    struct line_meta *m = line_meta(plid);

    in->first = m->link;
    if ( in->first == PLID_NONE )
        in->last = PLID_NONE;
    write_atomic(&in->nr_grace, in->nr_grace - 1);
    m->kept &= ~KEPT_GRACE;

    return plid;
}

plid_t intern_expire(struct arena *a, bool excess)
{
    struct intern *in = &a->intern;
    unsigned int left = excess ? GRACE_MAX : 0, slot;
    plid_t plid = PLID_NONE;

    while ( plid == PLID_NONE && read_atomic(&in->nr_grace) > left )
    {
        struct line_meta *m;
        struct bucket *b;

        /* Not for long: most of the lines may have come back. */
        spin_lock(&in->lock);

        if ( in->nr_grace > left )
        {
            plid = grace_pop(in);
            m = line_meta(plid);
            if ( atomic_read(&m->refs) )
                plid = PLID_NONE;
            else if ( m->kept & KEPT_INDEXED )
            {
                b = bucket_of(in, m->hash);
                for ( slot = 0; b->plid[slot] != plid; slot++ )
                    ASSERT(slot < BUCKET_LINES);
                b->plid[slot] = PLID_NONE;
                m->kept = 0;
            }
        }

        spin_unlock(&in->lock);
    }

    return plid;
}

unsigned int intern_lines_used(const struct arena *a)
{
    return a->intern.index ? PAGE_LINES << a->intern.order : 0;
}
