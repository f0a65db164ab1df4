/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The segment map of a domain, and what its segments leave behind: between
 * segmap.c, which keeps them, and segment.c, which works on them.
 */

#ifndef HICAMP_SEGMAP_H
#define HICAMP_SEGMAP_H

#include "segment.h"

/* An entry.  R/W(segment_lock). */
struct segment {
    plid_t root;
    uint16_t generation;
    uint8_t flags;          /* HICAMP_SEG_* */
    uint8_t state;
    uint64_t bytes;
    uint64_t start;         /* byte of the tree where the content begins */
    uint32_t next_free;
    uint32_t index;         /* its place; fixed */
};

#define SEG_FREE            0
#define SEG_IDLE            1
#define SEG_BUSY            2       /* being written, or freed */

static inline unsigned int segmap_leaf_shift(const struct segment *s)
{
    return s->flags & HICAMP_SEG_MAPPABLE ? TREE_PAGE_SHIFT : TREE_LEAF_SHIFT;
}

/* How high a tree of so many bytes is. */
static inline unsigned int segmap_shift_for(unsigned int shift, uint64_t bytes)
{
    while ( bytes > 1ull << shift )
        shift += TREE_FANOUT_SHIFT;

    return shift;
}

/* The entry of an id, NULL: there is none.  segment_lock is held. */
struct segment *segmap_find(const struct hicamp_domain *hd, uint32_t id);

/*
 * A new entry and its id, NULL: the map must grow.  segment_lock is held.
 */
struct segment *segmap_take(struct hicamp_domain *hd, uint32_t *id);

/*
 * Add entries to the map; no lock is held.  0, -ENOSPC, -ENOBUFS, -ENOMEM, or
 * -ERESTART (the domain got another arena).
 */
int segmap_grow(struct hicamp_domain *hd);

/*
 * Free an entry.  Returns the root, whose reference is the caller's.
 * segment_lock is held.
 */
plid_t segmap_remove(struct hicamp_domain *hd, struct segment *s);

/*
 * A copy of an entry, with a reference to its root.  0, -ENOENT, -EBUSY
 * (saturated).
 */
int segmap_look(struct hicamp_domain *hd, uint32_t id, struct segment *copy);

/* Drop a reference to a root, in constant time. */
void segmap_put(struct hicamp_domain *hd, plid_t root);

/* More to be dismantled; empties the list. */
void segmap_add_dead(struct hicamp_domain *hd, struct tree_dead *dead);

/* Dismantle what is dead.  0, or -ERESTART.  No lock is held. */
int segmap_reap(struct hicamp_domain *hd);

/* Look at some of the pages that the guest still mapped when last seen. */
void segmap_retry(struct hicamp_domain *hd);

#endif /* HICAMP_SEGMAP_H */
