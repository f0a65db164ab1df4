/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A line store in user space whose lines have any size: what the hypervisor's
 * store would keep, and would spend to keep it, if its lines had that size.
 *
 * Canonical form, as there: a line of zeros is PLID 0 and takes no memory, and
 * equal lines of an interned store have equal PLIDs.  The index is complete,
 * so what it finds is exact (the hypervisor's may forget); it is keyed by a
 * hash, and every hit is compared in full before the line is shared.
 *
 * Idea: Chan, Litz, Cheriton, "Rethinking Network Stack Design with Memory
 * Snapshots"; interning as in their HICAMP memory controller.
 */

#ifndef DEDUP_STORE_H
#define DEDUP_STORE_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t plid_t;

/* meta.c: what the hypervisor's line.h says. */
extern const unsigned int store_line_bytes; /* of one line there */
extern const unsigned int store_meta_bytes; /* beside each line */

/* An entry of the index: PLID, and bits of the hash. */
#define STORE_INDEX_BYTES 8

struct store
{
    unsigned int line_bytes;
    uint64_t nr;                /* lines kept */
    uint64_t max;               /* ... at most */
    uint8_t *lines;             /* [max] */
    uint8_t *meta;              /* [max], each of store_meta_bytes */
    uint64_t *index;            /* [index_mask + 1], open addressing */
    uint64_t index_mask;
};

/*
 * A store for at most max lines of line_bytes, a multiple of 64.  Its memory
 * comes from the system when first touched.  False: there is none.
 */
bool store_open(struct store *s, unsigned int line_bytes, uint64_t max);
void store_close(struct store *s);

/* Forget all lines; the memory stays, so that a second use costs no faults. */
void store_reset(struct store *s);

/*
 * The PLID of a line that holds these bytes: one that is there, or a new one.
 * One reference is added.  The store must have room.
 */
plid_t store_intern(struct store *s, const void *line);

/* As above, but always a new line, zeros too: no hash, no look-up. */
plid_t store_add(struct store *s, const void *line);

#endif /* DEDUP_STORE_H */
