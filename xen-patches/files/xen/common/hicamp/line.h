/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Line store: 512-byte lines, immutable once their maker has shared them,
 * named by a PLID and counted by reference (Chan, Litz, Cheriton, "Rethinking
 * Network Stack Design with Memory Snapshots").  Metadata lies beside the
 * lines, not inside.
 *
 * All functions may be called on any CPU, with any hicamp lock held, outside
 * interrupts.
 */

#ifndef HICAMP_LINE_H
#define HICAMP_LINE_H

#include "use.h"

#define LINE_BYTES      512

typedef uint32_t plid_t;
#define PLID_NONE       0

/*
 * Beside each line.  For a line that is the root of a packet segment the
 * packet's mutable state stands here, so that the line itself never changes.
 */
struct line_meta {
    atomic_t refs;      /* references; 0: the line is free */
    plid_t link;        /* free: next free line; root: second line, or none */
    struct use use;     /* packet: closed once its frames are taken back */
    atomic_t pending;   /* packet: outputs that have not delivered it yet */
    uint32_t port;      /* packet: id of the sender's port */
    uint16_t queue;     /* packet: the sender's queue ... */
    uint16_t slot;      /* ... and place in its table of borrowers */
    uint32_t mtu;       /* packet: MTU that its largest segment needs */
    uint32_t pad;
};

#define LINE_NO_SLOT    0xffff

/*
 * Size the store: at most bytes of line memory, taken from Xen's heap in
 * chunks as needed.  Once, at boot.  -ENOMEM, -EINVAL (less than one chunk).
 */
int line_store_init(uint64_t bytes);

/*
 * A new line with one reference, that of the caller, who fills it before
 * anybody else learns its PLID.  PLID_NONE when the cap is reached or Xen is
 * out of memory: backpressure, or a counted drop; never a wait.
 */
plid_t line_alloc(void);

/*
 * One more reference.  The caller must own one.  False, and no reference, when
 * the count is saturated: make a copy instead.
 */
bool line_get(plid_t plid);

/* Drop a reference; with the last one the line is free. */
void line_put(plid_t plid);

/* Give up a reference; true: it was the last, and the caller must free. */
bool line_put_test(plid_t plid);
void line_free(plid_t plid);

/* The caller must own a reference. */
void *line_data(plid_t plid);
struct line_meta *line_meta(plid_t plid);

struct line_use {
    uint64_t max, total, used;  /* lines */
};

/* A snapshot of the counts; used includes what per-CPU caches hold not. */
void line_store_use(struct line_use *u);

#endif /* HICAMP_LINE_H */
