/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The segment map.  Here live a domain's ids, what its segments leave behind,
 * and the end of both.
 *
 * An id is a place in the map and a generation; entries come in chunks, which
 * stay until the domain dies.  What nobody refers to any more waits in a list
 * to be dismantled, by whoever of the domain comes next, in steps that can be
 * preempted; pages that the guest still maps wait in another.
 *
 * Invariant: an entry that is in use owns one reference to its root.
 */

#include "page.h"
#include "segmap.h"

#define CHUNK_SEGMENTS      (PAGE_SIZE / sizeof(struct segment))
#define CHUNKS              (HICAMP_SEGMENTS_MAX / CHUNK_SEGMENTS)

#define SEG_INDEX(id)       ((id) & 0xffffu)
#define SEG_GENERATION(id)  ((id) >> 16)

/* Dead lines that are dismantled, pages looked at, before we look around. */
#define REAP_BATCH          HICAMP_PREEMPT_EVERY
#define LINGER_BATCH        8

/* ---- The map ------------------------------------------------------------- */

static struct segment *entry_of(const struct hicamp_domain *hd, uint32_t index)
{
    unsigned int chunk = index / CHUNK_SEGMENTS;

    if ( chunk >= hd->nr_segment_chunks )
        return NULL;

    chunk = array_index_nospec(chunk, CHUNKS);

    return &hd->segment_chunks[chunk][index % CHUNK_SEGMENTS];
}

struct segment *segmap_find(const struct hicamp_domain *hd, uint32_t id)
{
    struct segment *s = entry_of(hd, SEG_INDEX(id));

    return s && s->state != SEG_FREE && s->generation == SEG_GENERATION(id)
           ? s : NULL;
}

/* Allocates before it locks. */
int segmap_grow(struct hicamp_domain *hd)
{
    struct segment **chunks = NULL, *entries;
    struct arena *a = read_atomic(&hd->arena);
    unsigned int lines = PAGE_LINES, i;
    uint32_t first;
    int rc = 0;

    if ( !read_atomic(&hd->segment_chunks) )
        lines += CHUNKS * sizeof(*chunks) / LINE_BYTES;
    /* What has no room for data left can still take a snapshot. */
    if ( !arena_charge(a, LINE_CONTROL, lines) )
        return -ENOBUFS;

    entries = xzalloc_array(struct segment, CHUNK_SEGMENTS);
    if ( lines > PAGE_LINES )
        chunks = xzalloc_array(struct segment *, CHUNKS);

    spin_lock(&hd->segment_lock);

    if ( hd->arena != a )
        rc = -ERESTART; /* it got another tenant */
    else if ( hd->segment_free || hd->nr_segment_chunks == CHUNKS )
        rc = hd->segment_free ? 0 : -ENOSPC;
    else if ( !entries || (!hd->segment_chunks && !chunks) )
        rc = -ENOMEM;
    else
    {
        if ( !hd->segment_chunks )
        {
            write_atomic(&hd->segment_chunks, chunks);
            chunks = NULL;
            lines -= CHUNKS * sizeof(*chunks) / LINE_BYTES;
        }
        lines -= PAGE_LINES;

        first = hd->nr_segment_chunks * CHUNK_SEGMENTS;
        for ( i = 0; i < CHUNK_SEGMENTS; i++ )
        {
            entries[i].generation = 1;
            entries[i].index = first + i;
            entries[i].next_free = i + 1 < CHUNK_SEGMENTS ? first + i + 2 : 0;
        }
        hd->segment_free = first + 1;
        hd->segment_chunks[hd->nr_segment_chunks++] = entries;
        entries = NULL;
    }

    spin_unlock(&hd->segment_lock);

    /* Another vCPU was faster, or it did not work. */
    xfree(entries);
    xfree(chunks);
    arena_uncharge(a, lines);

    return rc;
}

struct segment *segmap_take(struct hicamp_domain *hd, uint32_t *id)
{
    uint32_t index = hd->segment_free - 1;
    struct segment *s;

    if ( !hd->segment_free )
        return NULL;

    s = entry_of(hd, index);
    hd->segment_free = s->next_free;
    write_atomic(&hd->nr_segments, hd->nr_segments + 1);
    s->state = SEG_IDLE;
    *id = ((uint32_t)s->generation << 16) | index;

    return s;
}

plid_t segmap_remove(struct hicamp_domain *hd, struct segment *s)
{
    plid_t root = s->root;

    s->root = PLID_NONE;
    s->state = SEG_FREE;
    s->generation = s->generation % 0xffff + 1; /* never 0 */
    s->next_free = hd->segment_free;
    hd->segment_free = s->index + 1;
    write_atomic(&hd->nr_segments, hd->nr_segments - 1);

    return root;
}

int segmap_look(struct hicamp_domain *hd, uint32_t id, struct segment *copy)
{
    const struct segment *s;
    int rc = 0;

    spin_lock(&hd->segment_lock);
    s = segmap_find(hd, id);
    if ( !s )
        rc = -ENOENT;
    else if ( s->root != PLID_NONE && !line_get(s->root) )
        rc = -EBUSY;
    else
        *copy = *s;
    spin_unlock(&hd->segment_lock);

    return rc;
}

/* ---- What nobody refers to any more -------------------------------------- */

void segmap_add_dead(struct hicamp_domain *hd, struct tree_dead *dead)
{
    if ( dead->head == PLID_NONE )
        return;

    spin_lock(&hd->segment_lock);
    tree_dead_join(&hd->dead, dead);
    spin_unlock(&hd->segment_lock);
}

void segmap_put(struct hicamp_domain *hd, plid_t root)
{
    struct tree_dead dead = {};

    tree_put(&dead, root);
    segmap_add_dead(hd, &dead);
}

void segmap_retry(struct hicamp_domain *hd)
{
    struct tree_dead some = {}, still = {}, one;
    unsigned int n;

    if ( read_atomic(&hd->linger.head) == PLID_NONE )
        return;

    spin_lock(&hd->segment_lock);
    for ( n = 0; n < LINGER_BATCH && hd->linger.head != PLID_NONE; n++ )
    {
        one.head = one.tail = hd->linger.head;
        write_atomic(&hd->linger.head, line_meta(one.head)->link);
        if ( hd->linger.head == PLID_NONE )
            hd->linger.tail = PLID_NONE;
        line_meta(one.head)->link = PLID_NONE;
        tree_dead_join(&some, &one);
    }
    spin_unlock(&hd->segment_lock);

    tree_dismantle(&some, &still, LINGER_BATCH);

    /* To the end, so that all get their turn. */
    spin_lock(&hd->segment_lock);
    tree_dead_join(&still, &hd->linger);
    hd->linger.tail = still.tail;
    write_atomic(&hd->linger.head, still.head);
    spin_unlock(&hd->segment_lock);
}

int segmap_reap(struct hicamp_domain *hd)
{
    struct tree_dead dead = {}, linger = {};
    unsigned int n;

    do {
        spin_lock(&hd->segment_lock);
        tree_dead_join(&dead, &hd->dead);
        spin_unlock(&hd->segment_lock);

        n = tree_dismantle(&dead, &linger, REAP_BATCH);
        if ( dead.head == PLID_NONE )
            n = max(n, tree_reclaim(hd->arena, REAP_BATCH, true));

        if ( dead.head != PLID_NONE || linger.head != PLID_NONE )
        {
            spin_lock(&hd->segment_lock);
            tree_dead_join(&hd->dead, &dead);
            tree_dead_join(&hd->linger, &linger);
            spin_unlock(&hd->segment_lock);
        }

        if ( n == REAP_BATCH && hypercall_preempt_check() )
            return -ERESTART;
    } while ( n == REAP_BATCH );

    return 0;
}

/* ---- The packet path ----------------------------------------------------- */

int segment_hold(struct hicamp_domain *hd, uint32_t id, uint64_t offset,
                 uint32_t bytes, plid_t *root, uint64_t *at)
{
    const struct segment *s;
    int rc = 0;

    spin_lock(&hd->segment_lock);

    s = segmap_find(hd, id);
    if ( unlikely(!s) )
        rc = -ENOENT;
    else if ( unlikely(!bytes) || unlikely(offset > s->bytes) ||
              unlikely(bytes > s->bytes - offset) )
        rc = -EINVAL;
    else if ( s->root != PLID_NONE && unlikely(!line_get(s->root)) )
        rc = -EBUSY;
    else
    {
        *root = s->root;
        *at = s->start + offset;
    }

    spin_unlock(&hd->segment_lock);

    return rc;
}

void segment_release(struct hicamp_domain *hd, plid_t root)
{
    segmap_put(hd, root);
}

/* ---- Death --------------------------------------------------------------- */

/* Pages go whatever maps them.  The number done. */
static unsigned int linger_release(struct hicamp_domain *hd)
{
    unsigned int n;

    for ( n = 0; n < REAP_BATCH && hd->linger.head != PLID_NONE; n++ )
    {
        plid_t plid = hd->linger.head;

        hd->linger.head = line_meta(plid)->link;
        if ( hd->linger.head == PLID_NONE )
            hd->linger.tail = PLID_NONE;
        page_release(plid);
    }

    return n;
}

bool segment_next_root(const struct hicamp_domain *hd, uint64_t *cursor,
                       plid_t *root)
{
    const struct segment *s = entry_of(hd, *cursor);

    if ( !s )
        return false;

    ++*cursor;
    *root = s->root;

    return true;
}

unsigned int segment_map_lines(const struct hicamp_domain *hd)
{
    return hd->segment_chunks
           ? hd->nr_segment_chunks * PAGE_LINES +
             CHUNKS * sizeof(struct segment *) / LINE_BYTES : 0;
}

static void map_free(struct hicamp_domain *hd)
{
    unsigned int lines = segment_map_lines(hd);

    if ( !hd->segment_chunks )
        return;

    ASSERT(!hd->nr_segments);

    while ( hd->nr_segment_chunks )
        xfree(hd->segment_chunks[--hd->nr_segment_chunks]);
    XFREE(hd->segment_chunks);
    hd->segment_free = 0;
    arena_uncharge(hd->arena, lines);
}

int segment_teardown(struct hicamp_domain *hd)
{
    struct segment *s;
    int rc;

    ASSERT(hd->d->is_dying);

    /* A segment_set_arena() that did not see that is done now. */
    spin_lock(&hd->segment_lock);
    spin_unlock(&hd->segment_lock);

    while ( (s = entry_of(hd, hd->segments_torn_down)) != NULL )
    {
        if ( s->state != SEG_FREE )
            segmap_put(hd, segmap_remove(hd, s));
        if ( hicamp_preempt(++hd->segments_torn_down) )
            return -ERESTART;
    }

    segmap_put(hd, hd->zero_page);
    hd->zero_page = PLID_NONE;

    do {
        rc = segmap_reap(hd);
        if ( rc )
            return rc;
        if ( linger_release(hd) && hypercall_preempt_check() )
            return -ERESTART;
    } while ( hd->linger.head != PLID_NONE );

    map_free(hd);

    /* The last of a tenant takes with it what is only kept for later. */
    if ( !hd->left_arena && arena_leave(hd->arena) )
        hd->last_of_tenant = true;
    hd->left_arena = true;
    if ( hd->last_of_tenant )
        while ( tree_reclaim(hd->arena, REAP_BATCH, false) == REAP_BATCH )
            if ( hypercall_preempt_check() )
                return -ERESTART;

    return 0;
}

/* ---- Tenants ------------------------------------------------------------- */

int segment_set_arena(struct hicamp_domain *hd, struct arena *a,
                      struct arena **old)
{
    int rc = -EBUSY;

    spin_lock(&hd->segment_lock);
    if ( hd->d->is_dying )
        rc = -ESRCH;
    else if ( !hd->nr_segments && !hd->segment_chunks &&
         hd->dead.head == PLID_NONE && hd->linger.head == PLID_NONE &&
         hd->zero_page == PLID_NONE && !arena_used(hd->arena) )
    {
        *old = hd->arena;
        write_atomic(&hd->arena, a);
        rc = 0;
    }
    spin_unlock(&hd->segment_lock);

    return rc;
}
