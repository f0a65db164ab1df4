/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments.  Here live the operations on them.
 *
 * segment_lock covers the segment map (segmap.c) for a moment at a time: to
 * take a reference to a root, to put a new root in its place.  What takes long
 * is done without it: reading, on a root that is held; writing, by making a new
 * tree from the old one (change.c), which then takes its place.  One writer at
 * a time works on a segment (busy); another one has its hypercall continued
 * until the first, who is never preempted while he is at it, is done.
 *
 * An operation moves at most HICAMP_SEG_IO_MAX bytes, and between two, and
 * while it compares or takes apart what nobody refers to any more, the
 * hypercall can be preempted.
 *
 * Invariant: the content begins at byte start of the tree and is all that the
 * tree holds; the tree is as high as start + bytes needs.
 */

#include "intern.h"
#include "op.h"
#include "page.h"
#include "segmap.h"

#define SEG_FLAGS_CREATE    (HICAMP_SEG_INTERNED | HICAMP_SEG_MAPPABLE)

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
            s = segmap_take(hd, &op->segment);
        if ( s )
        {
            s->flags = op->flags;
            s->bytes = op->bytes;
            s->start = 0;
        }
        spin_unlock(&hd->segment_lock);

        if ( s || rc )
            break;
        rc = segmap_grow(hd);
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

    rc = segmap_look(hd, op->segment, &old);
    if ( rc )
        return rc;

    while ( !rc )
    {
        spin_lock(&hd->segment_lock);
        s = segmap_take(hd, &op->other);
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
        rc = segmap_grow(hd);
    }

    segmap_put(hd, old.root);

    return rc;
}

static int seg_free(struct hicamp_domain *hd,
                    const struct hicamp_segment_op *op)
{
    struct segment *s;
    plid_t root = PLID_NONE;
    int rc = 0;

    if ( op->flags || op->offset || op->bytes || op->addr )
        return -EINVAL;

    spin_lock(&hd->segment_lock);
    s = segmap_find(hd, op->segment);
    if ( !s )
        rc = -ENOENT;
    else if ( s->state == SEG_BUSY )
        rc = -ERESTART;
    else
        root = segmap_remove(hd, s);
    spin_unlock(&hd->segment_lock);

    segmap_put(hd, root);

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

static int seg_read(struct hicamp_domain *hd,
                    const struct hicamp_segment_op *op)
{
    struct segment s;
    struct tree_cursor c;
    uint64_t addr = op->addr;
    const void *data;
    unsigned int len;
    int rc;

    if ( op->flags )
        return -EINVAL;

    rc = segmap_look(hd, op->segment, &s);
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
    segmap_put(hd, s.root);

    return rc;
}

/*
 * Where a write goes, and what of the segment it changes.  s is the copy of
 * the entry as it was, and becomes what it will be.
 */
static int plan_write(struct segment *s, const struct hicamp_segment_op *op,
                      uint64_t *place, uint64_t *at)
{
    unsigned int shift = segmap_leaf_shift(s);
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
            span = 1ull << segmap_shift_for(shift, s->start + s->bytes);
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
    s = segmap_find(hd, id);
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
    s = segmap_find(hd, id);
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
    segmap_find(hd, id)->state = SEG_IDLE;
    spin_unlock(&hd->segment_lock);
}

static int seg_write(struct hicamp_domain *hd,
                     const struct hicamp_segment_op *op)
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
    ch.leaf_shift = segmap_leaf_shift(&s);

    rc = plan_write(&s, op, &place, &at);
    if ( !rc )
    {
        rc = tree_write(&ch, old, place,
                        segmap_shift_for(ch.leaf_shift, s.start + s.bytes), at,
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
    segmap_add_dead(hd, &ch.dead);

    return rc;
}

static int seg_compare(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    struct segment a, b;
    int rc;

    if ( op->flags || op->bytes || op->addr )
        return -EINVAL;

    rc = segmap_look(hd, op->segment, &a);
    if ( rc )
        return rc;
    rc = segmap_look(hd, op->other, &b);
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

    segmap_put(hd, b.root);
 out:
    segmap_put(hd, a.root);

    return rc;
}

/* The page that stands for all pages of zeros. */
static int zero_frame(struct hicamp_domain *hd, mfn_t *mfn)
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
        segmap_add_dead(hd, &dead);
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

    rc = segmap_look(hd, op->segment, &s);
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
        mfn_t mfn = INVALID_MFN;

        if ( plid != PLID_NONE )
            mfn = page_mfn(plid);
        else
            rc = zero_frame(hd, &mfn);
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

    segmap_put(hd, s.root);

    return rc;
}

static int seg_info(struct hicamp_domain *hd, struct hicamp_segment_op *op)
{
    const struct segment *s;
    int rc = 0;

    if ( op->flags || op->offset || op->bytes || op->addr )
        return -EINVAL;

    spin_lock(&hd->segment_lock);
    s = segmap_find(hd, op->segment);
    if ( s )
    {
        op->bytes = s->bytes;
        op->flags = s->flags;
        op->result = (segmap_shift_for(segmap_leaf_shift(s),
                                       s->start + s->bytes) -
                      segmap_leaf_shift(s)) / TREE_FANOUT_SHIFT;
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

        rc = segmap_reap(hd);
        if ( rc || batch->done == batch->nr )
            return rc;
        segmap_retry(hd);

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
            (void)segmap_reap(hd); /* what it made and dropped, if we can */
        if ( rc )
            return rc;

        batch->done++;
    }
}
