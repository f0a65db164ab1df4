/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAGs of lines: reading, comparing, and taking apart.  See change.c for how
 * they come about.
 *
 * Invariant: who holds a line holds, through it, all lines below.  A line that
 * nobody holds any more is dismantled step by step: its children lose one
 * reference each, and those that were the last make new work of the same kind,
 * chained through the metadata, so it takes no memory however large the DAG.
 */

#include "intern.h"
#include "page.h"
#include "tree.h"

static const struct inner *inner_of(plid_t plid)
{
    return line_data(plid);
}

/* ---- Taking apart -------------------------------------------------------- */

static void dead_push(struct tree_dead *dead, plid_t plid)
{
    line_meta(plid)->link = dead->head;
    dead->head = plid;
    if ( dead->tail == PLID_NONE )
        dead->tail = plid;
}

void tree_dead_join(struct tree_dead *to, struct tree_dead *from)
{
    if ( from->head == PLID_NONE )
        return;

    line_meta(from->tail)->link = to->head;
    to->head = from->head;
    if ( to->tail == PLID_NONE )
        to->tail = from->tail;
    from->head = from->tail = PLID_NONE;
}

void tree_put(struct tree_dead *dead, plid_t plid)
{
    const struct line_meta *m;

    if ( plid == PLID_NONE )
        return;

    m = line_meta(plid);
    if ( m->interned )
        intern_put(plid);
    else if ( line_put_test(plid) )
    {
        if ( m->shift == TREE_LEAF_SHIFT )
            line_free(plid);
        else
            dead_push(dead, plid);
    }
}

/* Free a line that nobody refers to; what it alone refers to becomes dead. */
static void dismantle(plid_t plid, struct tree_dead *dead,
                      struct tree_dead *linger)
{
    const struct line_meta *m = line_meta(plid);
    const struct inner *inner;
    unsigned int i;

    if ( m->shift == TREE_PAGE_SHIFT )
    {
        if ( !page_free(plid) )
            dead_push(linger, plid);
        return;
    }

    if ( m->shift != TREE_LEAF_SHIFT )
    {
        inner = inner_of(plid);
        for ( i = 0; i < TREE_FANOUT; i++ )
            tree_put(dead, inner->child[i].plid);
    }

    line_free(plid);
}

unsigned int tree_dismantle(struct tree_dead *dead, struct tree_dead *linger,
                            unsigned int nr)
{
    unsigned int n;

    for ( n = 0; n < nr && dead->head != PLID_NONE; n++ )
    {
        plid_t plid = dead->head;

        dead->head = line_meta(plid)->link;
        if ( dead->head == PLID_NONE )
            dead->tail = PLID_NONE;
        dismantle(plid, dead, linger);
    }

    return n;
}

unsigned int tree_reclaim(struct arena *a, unsigned int nr, bool excess)
{
    struct tree_dead none = {};
    unsigned int n;
    plid_t plid;

    for ( n = 0; n < nr; n++ )
    {
        plid = intern_expire(a, excess);
        if ( plid == PLID_NONE )
            break;
        /* Interned lines refer to interned lines only: these go to grace. */
        dismantle(plid, &none, &none);
        ASSERT(none.head == PLID_NONE);
    }

    return n;
}

/* ---- Reading ------------------------------------------------------------- */

plid_t tree_find(plid_t root, uint64_t at, unsigned int shift,
                 bool *exclusive)
{
    plid_t plid = root;

    if ( plid != PLID_NONE && at >> line_meta(plid)->shift )
        return PLID_NONE;

    while ( plid != PLID_NONE )
    {
        const struct line_meta *m = line_meta(plid);

        if ( exclusive && (m->interned || atomic_read(&m->refs) != 1) )
            *exclusive = false;
        if ( m->shift <= shift )
            break;
        plid = inner_of(plid)->child[(at >> (m->shift - TREE_FANOUT_SHIFT)) %
                                     TREE_FANOUT].plid;
    }

    return plid;
}

/*
 * The leaf at byte at, with *span bytes from its beginning; or PLID_NONE, with
 * *span how many zeros there are, from a multiple of *span on.  Remembers the
 * parent, as the next leaf is likely to be its child.
 */
static plid_t leaf_find(struct tree_cursor *c, uint64_t *span)
{
    plid_t plid = c->inner;
    const struct line_meta *m;

    if ( plid == PLID_NONE || (c->at - c->inner_at) >> line_meta(plid)->shift )
        plid = c->root;
    c->inner = PLID_NONE;

    /* Beyond what the root spans there is nothing. */
    if ( plid == PLID_NONE || c->at >> line_meta(c->root)->shift )
    {
        *span = 1ull << 63;
        return PLID_NONE;
    }

    for ( ; ; )
    {
        m = line_meta(plid);
        *span = 1ull << m->shift;
        if ( tree_is_leaf(m) )
            return plid;

        c->inner = plid;
        c->inner_at = c->at & ~(*span - 1);
        *span >>= TREE_FANOUT_SHIFT;
        plid = inner_of(plid)->child[(c->at / *span) % TREE_FANOUT].plid;
        if ( plid == PLID_NONE )
            return PLID_NONE;
    }
}

void tree_cursor_init(struct tree_cursor *c, plid_t root, uint64_t at,
                      uint64_t bytes)
{
    c->at = at;
    c->left = bytes;
    c->root = root;
    c->inner = PLID_NONE;
    c->inner_at = 0;
    c->mapped = NULL;
}

void tree_cursor_done(struct tree_cursor *c)
{
    if ( c->mapped )
        page_unmap(c->mapped);
    c->mapped = NULL;
}

unsigned int tree_next(struct tree_cursor *c, const void **data)
{
    uint64_t span, offset, len;
    plid_t plid;

    tree_cursor_done(c);
    if ( !c->left )
        return 0;

    plid = leaf_find(c, &span);
    offset = c->at & (span - 1);
    len = min(span - offset, c->left);
    len = min(len, (uint64_t)UINT_MAX);

    if ( plid == PLID_NONE )
        *data = NULL;
    else if ( span == LINE_BYTES )
        *data = line_data(plid) + offset;
    else
    {
        c->mapped = page_map(plid);
        *data = c->mapped + offset;
    }

    c->at += len;
    c->left -= len;

    return len;
}

/* ---- Comparing ----------------------------------------------------------- */

/* Bytes at which both trees surely agree, because they share a node there. */
static uint64_t shared_span(plid_t a, plid_t b, uint64_t at)
{
    while ( a != b )
    {
        const struct line_meta *ma, *mb;

        if ( a == PLID_NONE || b == PLID_NONE )
            return 0;
        ma = line_meta(a);
        mb = line_meta(b);
        if ( ma->shift != mb->shift || tree_is_leaf(ma) )
            return 0;

        /* The span of the children, if they are the same. */
        a = inner_of(a)->child[(at >> (ma->shift - TREE_FANOUT_SHIFT)) %
                               TREE_FANOUT].plid;
        b = inner_of(b)->child[(at >> (mb->shift - TREE_FANOUT_SHIFT)) %
                               TREE_FANOUT].plid;
        if ( a == b )
            return (1ull << (ma->shift - TREE_FANOUT_SHIFT)) -
                   (at & ((1ull << (ma->shift - TREE_FANOUT_SHIFT)) - 1));
    }

    return ~0ull;
}

static bool piece_equal(const uint8_t *a, const uint8_t *b, unsigned int len)
{
    unsigned int i;

    if ( a && b )
        return !memcmp(a, b, len);
    if ( !a )
        a = b;
    for ( i = 0; a && i < len; i++ )
        if ( a[i] )
            return false;

    return true;
}

int tree_compare(plid_t a, uint64_t a_at, plid_t b, uint64_t b_at,
                 uint64_t bytes, uint64_t *done)
{
    struct tree_cursor ca, cb;
    const void *pa, *pb;
    unsigned int n = 0, len_a = 0, len_b = 0, len;
    int rc = 1;

    tree_cursor_init(&ca, a, a_at + *done, bytes - *done);
    tree_cursor_init(&cb, b, b_at + *done, bytes - *done);

    while ( *done < bytes )
    {
        uint64_t skip = !len_a && !len_b && a_at == b_at
                        ? shared_span(a, b, a_at + *done) : 0;

        if ( skip )
        {
            *done = min(bytes, *done + min(skip, bytes - *done));
            tree_cursor_done(&ca);
            tree_cursor_done(&cb);
            tree_cursor_init(&ca, a, a_at + *done, bytes - *done);
            tree_cursor_init(&cb, b, b_at + *done, bytes - *done);
        }
        else
        {
            if ( !len_a )
                len_a = tree_next(&ca, &pa);
            if ( !len_b )
                len_b = tree_next(&cb, &pb);
            len = min(len_a, len_b);
            if ( !piece_equal(pa, pb, len) )
            {
                rc = 0;
                break;
            }
            pa = pa ? pa + len : NULL;
            pb = pb ? pb + len : NULL;
            len_a -= len;
            len_b -= len;
            *done += len;
        }

        if ( hicamp_preempt(++n) && *done < bytes )
        {
            rc = -ERESTART;
            break;
        }
    }

    tree_cursor_done(&ca);
    tree_cursor_done(&cb);

    return rc;
}
