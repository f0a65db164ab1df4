/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments.  Here live a domain's segment map and the operations on it.
 *
 * An id is a place in the map and a generation.  segment_lock covers the map
 * for a moment at a time: to take a reference to a root, to put a new root in
 * its place.  What takes long is done without it: reading, on a root that is
 * held; writing, by making a new tree from the old one (change.c), which then
 * takes its place.  One writer at a time works on a segment (busy); another
 * one has its hypercall continued until the first, who is never preempted
 * while he is at it, is done.
 *
 * An operation moves at most HICAMP_SEG_IO_MAX bytes, and between two, and
 * while it compares or takes apart what nobody refers to any more, the
 * hypercall can be preempted.
 *
 * Invariant: an entry with a generation that is in use owns one reference to
 * its root.  The content begins at byte start of the tree and is all that the
 * tree holds; the tree is as high as start + bytes needs.
 */

#include "intern.h"
#include "op.h"
#include "page.h"
#include "segment.h"

struct segment {
    plid_t root;
    uint16_t generation;
    uint8_t flags;          /* HICAMP_SEG_* */
    uint8_t state;
    uint64_t bytes;
    uint64_t start;         /* byte of the tree where the content begins */
    uint32_t next_free;
    uint32_t pad;
};

#define SEG_FREE            0
#define SEG_IDLE            1
#define SEG_BUSY            2       /* being written, or freed */

#define CHUNK_SEGMENTS      (PAGE_SIZE / sizeof(struct segment))
#define CHUNKS              (HICAMP_SEGMENTS_MAX / CHUNK_SEGMENTS)

#define SEG_INDEX(id)       ((id) & 0xffffu)
#define SEG_GENERATION(id)  ((id) >> 16)

#define SEG_FLAGS_CREATE    (HICAMP_SEG_INTERNED | HICAMP_SEG_MAPPABLE)

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

/* segment_lock is held. */
static struct segment *segment_of(const struct hicamp_domain *hd, uint32_t id)
{
    struct segment *s = entry_of(hd, SEG_INDEX(id));

    return s && s->state != SEG_FREE && s->generation == SEG_GENERATION(id)
           ? s : NULL;
}

/* Add a chunk of entries to the free list.  Allocates before it locks. */
static int map_grow(struct hicamp_domain *hd)
{
    struct segment **chunks = NULL, *entries;
    struct arena *a = read_atomic(&hd->arena);
    unsigned int lines = PAGE_LINES, i;
    uint32_t first;
    int rc = 0;

    if ( !read_atomic(&hd->segment_chunks) )
        lines += CHUNKS * sizeof(*chunks) / LINE_BYTES;
    if ( !arena_charge(a, LINE_BULK, lines) )
        return -EDQUOT;

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

/* A new entry, the lock is held.  NULL: the map must grow. */
static struct segment *entry_take(struct hicamp_domain *hd, uint32_t *id)
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

/* The lock is held.  Returns the root, whose reference is the caller's. */
static plid_t entry_free(struct hicamp_domain *hd, uint32_t index)
{
    struct segment *s = entry_of(hd, index);
    plid_t root = s->root;

    s->root = PLID_NONE;
    s->state = SEG_FREE;
    s->generation = s->generation % 0xffff + 1; /* never 0 */
    s->next_free = hd->segment_free;
    hd->segment_free = index + 1;
    write_atomic(&hd->nr_segments, hd->nr_segments - 1);

    return root;
}

static unsigned int leaf_shift(const struct segment *s)
{
    return s->flags & HICAMP_SEG_MAPPABLE ? TREE_PAGE_SHIFT : TREE_LEAF_SHIFT;
}

/* How high a tree of so many bytes is. */
static unsigned int shift_for(unsigned int shift, uint64_t bytes)
{
    while ( bytes > 1ull << shift )
        shift += TREE_FANOUT_SHIFT;

    return shift;
}

/*
 * A copy of an entry, with a reference to its root.  0, -ENOENT, -EBUSY
 * (saturated).
 */
static int segment_look(struct hicamp_domain *hd, uint32_t id,
                        struct segment *copy)
{
    const struct segment *s;
    int rc = 0;

    spin_lock(&hd->segment_lock);
    s = segment_of(hd, id);
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

static void dead_add(struct hicamp_domain *hd, struct tree_dead *dead)
{
    if ( dead->head == PLID_NONE )
        return;

    spin_lock(&hd->segment_lock);
    tree_dead_join(&hd->dead, dead);
    spin_unlock(&hd->segment_lock);
}

static void root_put(struct hicamp_domain *hd, plid_t root)
{
    struct tree_dead dead = {};

    tree_put(&dead, root);
    dead_add(hd, &dead);
}

/* Look at some of the pages that were mapped when we looked last. */
static void linger_retry(struct hicamp_domain *hd)
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

/* Take apart what is dead.  0, or -ERESTART. */
static int segment_reap(struct hicamp_domain *hd)
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

    s = segment_of(hd, id);
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
    root_put(hd, root);
}

/* ---- Operations ---------------------------------------------------------- */

static int seg_create(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    struct arena *a = read_atomic(&hd->arena);
    struct segment *s = NULL;
    int rc;

    if ( (op->flags & ~SEG_FLAGS_CREATE) || op->flags == SEG_FLAGS_CREATE ||
         op->segment || op->offset || op->addr )
        return -EINVAL;
    if ( op->bytes > HICAMP_SEG_BYTES_MAX )
        return -E2BIG;

    rc = op->flags & HICAMP_SEG_INTERNED ? intern_enable(a) : 0;
    while ( !rc )
    {
        spin_lock(&hd->segment_lock);
        if ( hd->arena != a )
            rc = -ERESTART; /* it got another tenant */
        else
            s = entry_take(hd, &op->segment);
        if ( s )
        {
            s->flags = op->flags;
            s->bytes = op->bytes;
            s->start = 0;
        }
        spin_unlock(&hd->segment_lock);

        if ( s || rc )
            break;
        rc = map_grow(hd);
    }

    return rc;
}

static int seg_snapshot(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    struct segment *s = NULL;
    struct segment old;
    int rc;

    if ( (op->flags & ~HICAMP_SEG_READ_ONLY) || op->offset || op->bytes ||
         op->addr )
        return -EINVAL;

    rc = segment_look(hd, op->segment, &old);
    if ( rc )
        return rc;

    while ( !rc )
    {
        spin_lock(&hd->segment_lock);
        s = entry_take(hd, &op->other);
        if ( s )
        {
            s->root = old.root;
            s->flags = old.flags | op->flags;
            s->bytes = old.bytes;
            s->start = old.start;
        }
        spin_unlock(&hd->segment_lock);

        if ( s )
            return 0;
        rc = map_grow(hd);
    }

    root_put(hd, old.root);

    return rc;
}

static int seg_free(struct hicamp_domain *hd, const struct hicamp_segment_op *op)
{
    struct segment *s;
    plid_t root = PLID_NONE;
    int rc = 0;

    if ( op->flags || op->offset || op->bytes || op->addr )
        return -EINVAL;

    spin_lock(&hd->segment_lock);
    s = segment_of(hd, op->segment);
    if ( !s )
        rc = -ENOENT;
    else if ( s->state == SEG_BUSY )
        rc = -ERESTART;
    else
        root = entry_free(hd, SEG_INDEX(op->segment));
    spin_unlock(&hd->segment_lock);

    root_put(hd, root);

    return rc;
}

/* Is [offset, offset + bytes) inside s, and not empty, and not too much? */
static int check_range(const struct segment *s,
                       const struct hicamp_segment_op *op)
{
    if ( !op->bytes )
        return -EINVAL;
    if ( op->bytes > HICAMP_SEG_IO_MAX )
        return -E2BIG;

    return op->offset > s->bytes || op->bytes > s->bytes - op->offset
           ? -EINVAL : 0;
}

static int seg_read(struct hicamp_domain *hd, const struct hicamp_segment_op *op)
{
    struct segment s;
    struct tree_cursor c;
    uint64_t addr = op->addr;
    const void *data;
    unsigned int len;
    int rc;

    if ( op->flags )
        return -EINVAL;

    rc = segment_look(hd, op->segment, &s);
    if ( rc )
        return rc;

    rc = check_range(&s, op);
    if ( rc )
        goto out;

    tree_cursor_init(&c, s.root, s.start + op->offset, op->bytes);
    while ( !rc && (len = tree_next(&c, &data)) != 0 )
    {
        if ( data )
            rc = hicamp_copy_out(addr, data, len);
        else
            rc = hicamp_clear_out(addr, len);
        addr += len;
    }
    tree_cursor_done(&c);

 out:
    root_put(hd, s.root);

    return rc;
}

/*
 * Where a write goes, and what of the segment it changes.  s is the copy of
 * the entry as it was, and becomes what it will be.
 */
static int plan_write(struct segment *s, const struct hicamp_segment_op *op,
                      uint64_t *place, uint64_t *at)
{
    unsigned int shift = leaf_shift(s);
    uint64_t room = 0, span;
    int rc;

    *place = 0;

    if ( op->command == HICAMP_SEG_WRITE )
    {
        rc = check_range(s, op);
        *at = s->start + op->offset;
        return rc;
    }

    if ( op->offset || !op->bytes )
        return -EINVAL;
    if ( op->bytes > HICAMP_SEG_IO_MAX ||
         op->bytes > HICAMP_SEG_BYTES_MAX - s->bytes )
        return -E2BIG;

    if ( op->command == HICAMP_SEG_APPEND )
        *at = s->start + s->bytes;
    else
    {
        /* Room is made by moving the whole tree up by a multiple of its span,
         * under new inner lines: what it holds is not touched. */
        if ( op->bytes > s->start )
        {
            span = 1ull << shift_for(shift, s->start + s->bytes);
            room = ROUNDUP(op->bytes - s->start, span);
        }
        *place = room;
        s->start += room - op->bytes;
        *at = s->start;
    }
    s->bytes += op->bytes;

    return 0;
}

/* The entry is idle: make it busy, and copy it. */
static int write_begin(struct hicamp_domain *hd, uint32_t id,
                       struct segment *copy)
{
    struct segment *s;
    int rc = 0;

    spin_lock(&hd->segment_lock);
    s = segment_of(hd, id);
    if ( !s )
        rc = -ENOENT;
    else if ( s->flags & HICAMP_SEG_READ_ONLY )
        rc = -EACCES;
    else if ( s->state == SEG_BUSY )
        rc = -ERESTART;
    else
    {
        s->state = SEG_BUSY;
        *copy = *s;
    }
    spin_unlock(&hd->segment_lock);

    return rc;
}

/*
 * False, and nothing is done: a change must first be unshared.  The entry stays
 * busy, as the next change could rob the new lines before the old ones are.
 */
static bool write_commit(struct hicamp_domain *hd, uint32_t id,
                         const struct segment *new,
                         const struct tree_change *ch)
{
    struct segment *s;
    bool done;

    spin_lock(&hd->segment_lock);
    s = segment_of(hd, id);
    done = tree_may_commit(ch);
    if ( done )
    {
        s->root = ch->root;
        s->bytes = new->bytes;
        s->start = new->start;
    }
    spin_unlock(&hd->segment_lock);

    return done;
}

static void write_end(struct hicamp_domain *hd, uint32_t id)
{
    spin_lock(&hd->segment_lock);
    segment_of(hd, id)->state = SEG_IDLE;
    spin_unlock(&hd->segment_lock);
}

static int seg_write(struct hicamp_domain *hd, const struct hicamp_segment_op *op)
{
    struct tree_change ch = { .d = hd->d, .arena = hd->arena, .dead = {} };
    uint64_t place, at;
    struct segment s;
    plid_t old;
    int rc;

    if ( op->flags )
        return -EINVAL;

    rc = write_begin(hd, op->segment, &s);
    if ( rc )
        return rc;

    old = s.root;
    ch.interned = s.flags & HICAMP_SEG_INTERNED;
    ch.leaf_shift = leaf_shift(&s);

    rc = plan_write(&s, op, &place, &at);
    if ( !rc )
    {
        rc = tree_write(&ch, old, place,
                        shift_for(ch.leaf_shift, s.start + s.bytes), at,
                        op->bytes, op->addr);
        if ( !rc && !write_commit(hd, op->segment, &s, &ch) )
        {
            /* Somebody took a snapshot, or reads. */
            rc = tree_unshare(&ch);
            if ( rc )
                tree_abandon(&ch);
            else if ( !write_commit(hd, op->segment, &s, &ch) )
                ASSERT_UNREACHABLE();
        }
    }

    if ( !rc )
    {
        tree_committed(&ch);
        tree_put(&ch.dead, old);
    }
    write_end(hd, op->segment);
    dead_add(hd, &ch.dead);

    return rc;
}

static int seg_compare(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    struct segment a, b;
    int rc;

    if ( op->flags || op->bytes || op->addr )
        return -EINVAL;

    rc = segment_look(hd, op->segment, &a);
    if ( rc )
        return rc;
    rc = segment_look(hd, op->other, &b);
    if ( rc )
        goto out;

    if ( op->offset > a.bytes )
        rc = -EINVAL;
    else if ( a.bytes != b.bytes )
        rc = 0;
    else if ( a.root == b.root && a.start == b.start )
        rc = 1;
    else
        rc = tree_compare(a.root, a.start, b.root, b.start, a.bytes,
                          &op->offset);
    if ( rc >= 0 )
    {
        op->result = rc;
        rc = 0;
    }

    root_put(hd, b.root);
 out:
    root_put(hd, a.root);

    return rc;
}

/* The page that stands for all pages of zeros. */
static int zero_page(struct hicamp_domain *hd, mfn_t *mfn)
{
    struct tree_dead dead = {};
    plid_t plid = PLID_NONE;
    void *va;

    if ( read_atomic(&hd->zero_page) == PLID_NONE )
    {
        plid = page_alloc(hd->d, hd->arena, LINE_BULK);
        if ( plid == PLID_NONE )
            return arena_error(hd->arena, LINE_BULK, PAGE_LINES);
        va = page_map(plid);
        clear_page(va);
        page_unmap(va);

        spin_lock(&hd->segment_lock);
        if ( hd->zero_page == PLID_NONE )
        {
            write_atomic(&hd->zero_page, plid);
            plid = PLID_NONE;
        }
        spin_unlock(&hd->segment_lock);

        tree_put(&dead, plid); /* another vCPU was faster */
        dead_add(hd, &dead);
    }

    *mfn = page_mfn(read_atomic(&hd->zero_page));

    return 0;
}

static int seg_map(struct hicamp_domain *hd, const struct hicamp_segment_op *op)
{
    uint64_t frames[16], addr = op->addr, at;
    unsigned int n = 0;
    struct segment s;
    int rc;

    if ( op->flags || (op->offset | op->bytes) % PAGE_SIZE )
        return -EINVAL;

    rc = segment_look(hd, op->segment, &s);
    if ( rc )
        return rc;

    /* The last page may be there only in part. */
    s.bytes = ROUNDUP(s.bytes, PAGE_SIZE);
    rc = check_range(&s, op);
    if ( !rc && (!(s.flags & HICAMP_SEG_MAPPABLE) || s.start % PAGE_SIZE) )
        rc = -EINVAL;

    for ( at = op->offset; !rc && at < op->offset + op->bytes;
          at += PAGE_SIZE )
    {
        plid_t plid = tree_find(s.root, s.start + at, TREE_PAGE_SHIFT, NULL);
        mfn_t mfn;

        if ( plid != PLID_NONE )
            mfn = page_mfn(plid);
        else
            rc = zero_page(hd, &mfn);
        if ( rc )
            break;

        frames[n++] = mfn_x(mfn);
        if ( n == ARRAY_SIZE(frames) ||
             at + PAGE_SIZE == op->offset + op->bytes )
        {
            rc = hicamp_copy_out(addr, frames, n * sizeof(*frames));
            addr += n * sizeof(*frames);
            n = 0;
        }
    }

    root_put(hd, s.root);

    return rc;
}

static int seg_info(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    const struct segment *s;
    int rc = 0;

    if ( op->flags || op->offset || op->bytes || op->addr )
        return -EINVAL;

    spin_lock(&hd->segment_lock);
    s = segment_of(hd, op->segment);
    if ( s )
    {
        op->bytes = s->bytes;
        op->flags = s->flags;
        op->result = (shift_for(leaf_shift(s), s->start + s->bytes) -
                      leaf_shift(s)) / TREE_FANOUT_SHIFT;
    }
    else
        rc = -ENOENT;
    spin_unlock(&hd->segment_lock);

    return rc;
}

/* One operation; *out: it has a result to be written back. */
static int segment_one(struct hicamp_domain *hd, struct hicamp_segment_op *op,
                       bool *out)
{
    *out = false;

    if ( op->result || (op->other && op->command != HICAMP_SEG_COMPARE) )
        return -EINVAL;

    switch ( op->command )
    {
    case HICAMP_SEG_READ:
        return seg_read(hd, op);
    case HICAMP_SEG_WRITE:
    case HICAMP_SEG_APPEND:
    case HICAMP_SEG_PREPEND:
        return seg_write(hd, op);
    case HICAMP_SEG_MAP:
        return seg_map(hd, op);
    case HICAMP_SEG_FREE:
        return seg_free(hd, op);
    }

    *out = true;

    switch ( op->command )
    {
    case HICAMP_SEG_CREATE:
        return seg_create(hd, op);
    case HICAMP_SEG_SNAPSHOT:
        return seg_snapshot(hd, op);
    case HICAMP_SEG_COMPARE:
        return seg_compare(hd, op);
    case HICAMP_SEG_INFO:
        return seg_info(hd, op);
    }

    return -EINVAL;
}

/* The caller would never learn of the segment. */
static void segment_undo(struct hicamp_domain *hd,
                         const struct hicamp_segment_op *op)
{
    struct hicamp_segment_op free = { .command = HICAMP_SEG_FREE };

    if ( op->command == HICAMP_SEG_CREATE )
        free.segment = op->segment;
    else if ( op->command == HICAMP_SEG_SNAPSHOT )
        free.segment = op->other;
    else
        return;

    /* Another vCPU that guessed the id may be writing to it: let it be. */
    (void)seg_free(hd, &free);
}

int segment_op(struct domain *d, struct hicamp_segment_batch *batch)
{
    struct hicamp_domain *hd = read_atomic(&d->hicamp);
    struct hicamp_segment_op op;
    unsigned int n = 0;
    bool out;
    int rc;

    if ( !batch->nr || batch->nr > HICAMP_QUERY_BATCH ||
         batch->done > batch->nr )
        return -EINVAL;
    if ( !hd || !read_atomic(&hd->nr_ports) )
        return -ENOENT;

    for ( ; ; n++ )
    {
        uint64_t addr = batch->ops + batch->done * sizeof(op);

        rc = segment_reap(hd);
        if ( rc || batch->done == batch->nr )
            return rc;
        linger_retry(hd);

        /* An operation may have moved a megabyte. */
        if ( n && hypercall_preempt_check() )
            return -ERESTART;

        if ( hicamp_copy_in(&op, addr, sizeof(op)) )
            return -EFAULT;

        rc = segment_one(hd, &op, &out);
        if ( out && (!rc || rc == -ERESTART) &&
             hicamp_copy_out(addr, &op, sizeof(op)) )
        {
            if ( !rc )
                segment_undo(hd, &op);
            rc = -EFAULT;
        }
        if ( rc && rc != -ERESTART )
            (void)segment_reap(hd); /* what it made and dropped, if we can */
        if ( rc )
            return rc;

        batch->done++;
    }
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
            root_put(hd, entry_free(hd, hd->segments_torn_down));
        if ( hicamp_preempt(++hd->segments_torn_down) )
            return -ERESTART;
    }

    root_put(hd, hd->zero_page);
    hd->zero_page = PLID_NONE;

    do {
        rc = segment_reap(hd);
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
