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
 * Who pays for lines: one account for each tenant, which is a domain by itself
 * unless the administrator says otherwise.  An arena outlives its domains as
 * long as lines are charged to it, so a dead domain is never kept by them; its
 * memory is used again, never freed.
 */
struct arena {
    uint32_t tenant;
    uint16_t id;            /* place in the table of arenas, not 0 */
    unsigned int users;     /* domains, R/W(arenas_lock) */
    unsigned int quota;     /* lines; read without lock */
    atomic_t used;          /* lines charged */
    unsigned int peak;      /* hints: races lose an update */
    unsigned int refused;
};

/*
 * What a line is wanted for.  When an arena, or the store, runs short, what
 * comes first here is still served: what is being received, then the sender's
 * control, then data meant to be kept.  See line_alloc().
 */
enum line_class {
    LINE_RX,                /* all of the quota, all of the store */
    LINE_CONTROL,           /* 15/16 */
    LINE_BULK,              /* 3/4 */
};

/*
 * Beside each line.  For a line that is the root of a packet segment the
 * packet's mutable state stands here, so that the line itself never changes.
 */
struct line_meta {
    atomic_t refs;      /* references; 0: the line is free */
    plid_t link;        /* free: next free line; root: second line, or none */
    uint16_t arena;     /* id of the arena that pays; 0: nobody yet */
    uint16_t queue;     /* packet: the sender's queue ... */
    uint16_t slot;      /* ... and place in its table of borrowers */
    uint16_t pad;
    struct use use;     /* packet: closed once its frames are taken back */
    atomic_t pending;   /* packet: outputs that have not delivered it yet */
    uint32_t port;      /* packet: id of the sender's port */
    uint16_t mtu;       /* packet: MTU that its largest segment needs */
    uint16_t state;     /* packet: where its payload is, see borrow.h */
};

#define LINE_NO_SLOT    0xffff

/*
 * Size the store: at most bytes of line memory, taken from Xen's heap in
 * chunks as needed.  Once, at boot.  -ENOMEM, -EINVAL (less than one chunk).
 */
int line_store_init(uint64_t bytes);

/*
 * The arena of a tenant, made with the default quota if there is none, with
 * one more user.  tenant 0: a new one, for one domain alone.  NULL: no memory.
 */
struct arena *arena_get(uint32_t tenant);
/* One user less. */
void arena_put(struct arena *a);

/* Who pays for a line that is charged. */
struct line_meta;
struct arena *arena_of(const struct line_meta *m);

/* Quota of arenas that are made from now on, in lines. */
void arena_default_quota(unsigned int lines);

/*
 * A new line with one reference, that of the caller, who fills it before
 * anybody else learns its PLID.  a pays; NULL: nobody yet, for a line in hand
 * that is soon freed or charged by line_charge().  PLID_NONE when the class
 * gets no more of the arena's quota or of the store, or Xen is out of memory:
 * backpressure, or a counted drop; never a wait.
 */
plid_t line_alloc(struct arena *a, enum line_class class);

/*
 * Charge a line that nobody pays for.  The caller owns a reference, and nobody
 * else charges it.  False, and counted, when the quota does not allow it.
 */
bool line_charge(plid_t plid, struct arena *a, enum line_class class);

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
