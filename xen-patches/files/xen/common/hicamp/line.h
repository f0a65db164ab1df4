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
#define PAGE_LINES      (PAGE_SIZE / LINE_BYTES)

typedef uint32_t plid_t;
#define PLID_NONE       0

/*
 * Equal lines that a tenant interned are stored once: see intern.h.  A bucket
 * is one cache line.
 */
#define BUCKET_LINES    8

struct bucket {
    uint32_t tag[BUCKET_LINES];
    plid_t plid[BUCKET_LINES];  /* PLID_NONE: free */
};

struct intern {
    spinlock_t lock;            /* R/W: all but hits, misses: W */
    struct bucket *index;       /* NULL: nothing has been interned yet */
    unsigned int order;         /* its pages */
    unsigned int mask;          /* buckets - 1 */
    plid_t first, last;         /* lines nobody holds, oldest first: grace */
    unsigned int nr_grace;
    uint64_t hits, misses;
};

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
    unsigned int members;   /* ... that are not torn down, R/W(arenas_lock) */
    unsigned int quota;     /* lines; read without lock */
    atomic_t used;          /* lines charged, or lent to a CPU: arena_used() */
    unsigned int peak;      /* hints: races lose an update */
    unsigned int refused;
    struct intern intern;
};

/*
 * What a line is wanted for.  When an arena, or the store, runs short, what
 * comes first here is still served: what is being received, then the map of
 * a domain's segments, then data meant to be kept.  See line_alloc().
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
    plid_t link;        /* next in a list: free, dead, kept; packet: its second
                         * line, or none */
    uint16_t arena;     /* id of the arena that pays; 0: nobody yet */
    uint16_t queue;     /* packet: the sender's queue ... */
    union {
        uint16_t slot;  /* ... and place in its table of borrowers */
        uint16_t kept;  /* interned: KEPT_*, R/W(intern lock) */
    };
    uint8_t shift;      /* segment: spans 2^shift bytes, see tree.h; else 0 */
    bool interned;      /* fixed once anybody else knows the line */
    struct use use;     /* packet: closed once its frames are taken back */
    atomic_t pending;   /* packet: outputs that have not delivered it yet */
    uint32_t port;      /* packet: id of the sender's port */
    union {
        struct {
            uint16_t mtu;   /* packet: MTU that its largest segment needs */
            uint16_t state; /* packet: where its payload is, see borrow.h */
        };
        uint32_t hash;  /* interned: where in the index */
    };
};

#define LINE_NO_SLOT    0xffff

/*
 * Size the store: at most bytes of line memory, taken from Xen's heap in
 * chunks as needed.  Once, at boot.  -ENOMEM, -EINVAL (less than one chunk).
 */
int line_store_init(uint64_t bytes);

/*
 * The arena of a tenant, made with the default quota if there is none, with
 * one more user.  tenant 0: a new one, for one domain alone.  NULL: there are
 * too many.
 */
struct arena *arena_get(uint32_t tenant);
/*
 * A user's domain is torn down: it makes no more lines.  True: no other user
 * is left that does.  At most once for each arena_get().
 */
bool arena_leave(struct arena *a);
/* One user less; false from arena_leave() before, or none, is fine. */
void arena_put(struct arena *a, bool left);

struct arena *arena_of(const struct line_meta *m);

/* Quota of arenas that are made from now on, in lines. */
void arena_default_quota(unsigned int lines);
unsigned int arena_default_quota_get(void);

/*
 * Charge memory that is no line, but as much as lines lines.  False, and
 * counted, when the class gets no more of the quota.
 */
bool arena_charge(struct arena *a, enum line_class class, unsigned int lines);
void arena_uncharge(struct arena *a, unsigned int lines);

/* Lines charged now. */
unsigned int arena_used(const struct arena *a);

/* Why class was refused lines: -ENOBUFS, or -ENOMEM. */
int arena_error(const struct arena *a, enum line_class class,
                unsigned int lines);

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

/*
 * Where a PLID's line is: the chunk of memory that it counts to, and its place
 * there.  Of line.c, and only here so that a look-up is a few instructions.
 */
#define LINE_CHUNK_ORDER    6
#define LINE_CHUNK_LINES    ((PAGE_SIZE << LINE_CHUNK_ORDER) / LINE_BYTES)

struct line_chunk {
    uint8_t *data;          /* NULL: PLIDs of pages */
    mfn_t *mfns;
    struct line_meta *meta;
};
extern struct line_chunk *line_chunks;

static inline const struct line_chunk *line_chunk_of(plid_t plid,
                                                     unsigned int *idx)
{
    ASSERT(plid != PLID_NONE);

    *idx = (plid - 1) % LINE_CHUNK_LINES;

    return &line_chunks[(plid - 1) / LINE_CHUNK_LINES];
}

/* The caller must own a reference, of both. */
static inline struct line_meta *line_meta(plid_t plid)
{
    unsigned int idx;
    const struct line_chunk *c = line_chunk_of(plid, &idx);

    return &c->meta[idx];
}

static inline void *line_data(plid_t plid)
{
    unsigned int idx;
    const struct line_chunk *c = line_chunk_of(plid, &idx);

    /* Nobody holds what intern.c keeps, or tree.c dismantles. */
    ASSERT(atomic_read(&c->meta[idx].refs) > 0 || c->meta[idx].shift);

    return c->data + idx * LINE_BYTES;
}

/*
 * A PLID for the PAGE_LINES lines of a page, charged to a, with one reference;
 * as line_alloc().  page.c decides what the page is.
 */
plid_t line_page_alloc(struct arena *a, enum line_class class);
void line_page_free(plid_t plid);
/* Its frame, to be set by the only holder. */
mfn_t *line_page_mfn(plid_t plid);

struct line_use {
    uint64_t max, total, used;  /* lines */
};

/* A snapshot of the counts; used includes what per-CPU caches hold not. */
void line_store_use(struct line_use *u);

/*
 * The next line in use from *plid on, PLID_NONE at the end; *plid becomes the
 * one behind it.  For check.c, while nothing else happens.
 */
plid_t line_next(plid_t *plid);
/* PLIDs, and ids of arenas, so far are below these; the arena of an id. */
unsigned int line_limit(void);
unsigned int arena_limit(void);
struct arena *arena_at(unsigned int id);

#endif /* HICAMP_LINE_H */
