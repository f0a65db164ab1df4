/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAGs of lines, without names: what segment.c keeps under its ids.
 *
 * A leaf is a line of data or, where guests map, a page (eight lines).  An
 * inner line holds TREE_FANOUT children.  What is all zero is PLID_NONE at any
 * height, and a tree is as high as its size needs, so equal content has equal
 * form.  line_meta.shift tells what a line is: it spans 2^shift bytes.
 *
 * Lines that anybody can reach never change.
 */

#ifndef HICAMP_TREE_H
#define HICAMP_TREE_H

#include "line.h"

#define TREE_FANOUT_SHIFT   6
#define TREE_FANOUT         (1u << TREE_FANOUT_SHIFT)
#define TREE_LEAF_SHIFT     9           /* a line of data ... */
#define TREE_PAGE_SHIFT     PAGE_SHIFT  /* ... or a page */

/* An inner line.  Eight bytes for each child leave PLIDs room to grow. */
struct inner {
    struct {
        plid_t plid;
        uint32_t pad;                   /* 0 */
    } child[TREE_FANOUT];
};

static inline bool tree_is_leaf(const struct line_meta *m)
{
    return m->shift == TREE_LEAF_SHIFT || m->shift == TREE_PAGE_SHIFT;
}

/* Lines that nobody refers to any more, to be dismantled; chained by link. */
struct tree_dead {
    plid_t head, tail;                  /* PLID_NONE, PLID_NONE: empty */
};

/*
 * Drop a reference to a tree.  Constant time: lines that need work go to dead.
 */
void tree_put(struct tree_dead *dead, plid_t plid);

/*
 * Dismantle up to nr dead lines, with all that only they refer to; PLIDs of
 * pages that are still mapped go to linger.  The number done.
 */
unsigned int tree_dismantle(struct tree_dead *dead, struct tree_dead *linger,
                            unsigned int nr);

/*
 * Free up to nr interned lines of the arena that nobody refers to; excess: only
 * those beyond what is to be kept.  The number freed.  Any hicamp lock but an
 * intern lock may be held.
 */
unsigned int tree_reclaim(struct arena *a, unsigned int nr, bool excess);

/* Put one list in front of another, which it empties. */
void tree_dead_join(struct tree_dead *to, struct tree_dead *from);

/*
 * The node that spans 2^shift bytes at byte at; PLID_NONE where all is zero.
 * exclusive, if not NULL: does a single reference lead from the root to it?  A
 * hint unless the root cannot be referred to anew.
 */
plid_t tree_find(plid_t root, uint64_t at, unsigned int shift,
                 bool *exclusive);

/* ---- Reading ------------------------------------------------------------- */

/*
 * Reads a tree in order, piece by piece, without copying:
 *
 *     struct tree_cursor c;
 *     const void *data;
 *     unsigned int len;
 *
 *     tree_cursor_init(&c, root, at, bytes);
 *     while ( (len = tree_next(&c, &data)) != 0 )
 *         ...                         data is NULL where all bytes are zero
 *     tree_cursor_done(&c);           also to leave early
 *
 * The caller holds the root.  A piece is valid until the next call.  Takes no
 * lock; the cursor belongs to one CPU, and maps at most one page at a time.
 */
struct tree_cursor {
    uint64_t at;            /* next byte */
    uint64_t left;          /* bytes */
    plid_t root;
    plid_t inner;           /* parent of the last leaf, or none */
    uint64_t inner_at;      /* its first byte */
    void *mapped;           /* a page line's page */
};

void tree_cursor_init(struct tree_cursor *c, plid_t root, uint64_t at,
                      uint64_t bytes);
unsigned int tree_next(struct tree_cursor *c, const void **data);
void tree_cursor_done(struct tree_cursor *c);

/*
 * Compare from *done on, of bytes.  1: equal; 0: not; -ERESTART: *done has
 * advanced.
 */
int tree_compare(plid_t a, uint64_t a_at, plid_t b, uint64_t b_at,
                 uint64_t bytes, uint64_t *done);

/* ---- Making new trees of old --------------------------------------------- */

/* Inner lines on the way to 1 MiB of leaves, and to its two ends above. */
#define TREE_PAIRS          48

/*
 * A change of a tree: the new one shares all that the change does not touch.
 * Where one reference alone leads to an inner line of the old tree, its copy
 * takes over its children instead of a reference to each; moved names these
 * lines.  Nobody sees a line change: the old ones are robbed of what moved
 * only after tree_commit_begin() found nobody else refers to them.
 */
struct tree_change {
    struct domain *d;           /* owner of pages; set by the caller */
    struct arena *arena;        /* who pays */
    bool interned;
    unsigned int leaf_shift;

    plid_t base;                /* the old tree, made as high as the new */
    bool raised;                /* ... by inner lines of our own */
    plid_t root;                /* the new tree */
    unsigned int nr_moved;
    struct {
        plid_t from, to;
    } moved[TREE_PAIRS];
    struct tree_dead dead;      /* what the change made, and needs not */
};

/*
 * A tree that spans 2^shift bytes and holds the old one, whose root the caller
 * holds, place bytes (a multiple of what it spans) from its beginning, but has
 * bytes from guest address addr at byte at.  0, and ch->root is the new tree,
 * which nobody else knows; or -EFAULT, -EDQUOT, -ENOMEM.  Reads guest memory:
 * no lock may be held.  Either way ch->dead is the caller's.
 */
int tree_write(struct tree_change *ch, plid_t old, uint64_t place,
               unsigned int shift, uint64_t at, uint64_t bytes, uint64_t addr);

/*
 * May ch->root take the place of old now?  With the lock held under which
 * anybody takes references to the root of old.
 */
bool tree_may_commit(const struct tree_change *ch);
/*
 * Then, without a lock, before the caller drops its reference to old, and
 * before the next change of the new tree.
 */
void tree_committed(struct tree_change *ch);
/* It may not: take references instead.  0, or -ENOMEM (saturated). */
int tree_unshare(struct tree_change *ch);
/* Drop the new tree. */
void tree_abandon(struct tree_change *ch);

#endif /* HICAMP_TREE_H */
