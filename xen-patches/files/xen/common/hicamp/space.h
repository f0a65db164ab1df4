/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant spaces: what a domain shares with the hypervisor, by number, until it
 * revokes it alone (Ram, chapter 3, on grant reuse and unilateral revocation).
 */

#ifndef HICAMP_SPACE_H
#define HICAMP_SPACE_H

#include "tree.h"

#define SPACE_CHUNK_RUNS    (PAGE_SIZE / sizeof(struct space_entry))
#define SPACE_CHUNKS        (HICAMP_RUNS_MAX / SPACE_CHUNK_RUNS)

enum run_state {
    RUN_FREE,               /* on the free list, or on the way from or to it */
    RUN_ISSUED,
    RUN_REVOKING,           /* closed, packets under way may borrow from it */
};

/*
 * A run.  Entries are type-stable: their memory lives as long as the domain's
 * hicamp state, so a lookup needs no lock.
 */
struct space_entry {
    struct use use;         /* closed: the entry is free, or being revoked */
    uint32_t generation;    /* W(space lock), while closed */
    uint64_t mfn;           /* first frame; fixed while open or borrowed */
    uint16_t order;
    uint16_t flags;         /* HICAMP_RUN_* */
    uint32_t next_free;     /* R/W(space lock) */
    atomic_t borrowers;     /* extents of packets under way */
    uint32_t state;         /* enum run_state, R/W(space lock) */
};

/* A domain's state in hicamp: made with its first port, freed with it. */
struct hicamp_domain {
    struct domain *d;
    struct arena *arena;            /* who pays for its lines */
    unsigned int nr_ports;          /* R/W(port list lock) */
    atomic_t nr_queues;             /* of all attached ports */

    /* poll.c */
    spinlock_t poll_lock;
    unsigned int nr_polled;         /* W(poll_lock) */
    struct queue *polled[HICAMP_DOMAIN_QUEUES_MAX]; /* W(poll_lock), R: RCU */

    spinlock_t space_lock;
    struct space_entry **chunks;    /* [SPACE_CHUNKS]; entries fixed once set */
    unsigned int nr_chunks;         /* W(space_lock) */
    uint32_t free;                  /* list of free entries, index + 1 */
    unsigned int runs, frames;      /* issued now, W(space_lock) */
    uint64_t issued, revoked;       /* ever, W(space_lock) */
    unsigned int torn_down;         /* entries that teardown has done */

    /* segment.c: the segment map, R/W(segment_lock) */
    spinlock_t segment_lock;
    struct segment **segment_chunks;    /* NULL: none yet */
    unsigned int nr_segment_chunks;
    uint32_t segment_free;          /* list of free entries, index + 1 */
    unsigned int nr_segments;
    atomic_t pages;                 /* of page lines, also of what is dead */
    unsigned int segments_torn_down;
    bool left_arena, last_of_tenant;    /* R/W(teardown) */
    plid_t zero_page;               /* what is mapped where all is zero */
    struct tree_dead dead;          /* to be dismantled */
    struct tree_dead linger;        /* pages that the guest still maps */
};

/*
 * State for d.  NULL: no memory.  Freed by hicamp_domain_destroy().
 */
struct hicamp_domain *space_create(struct domain *d);
void space_destroy(struct hicamp_domain *hd);

/* The operations; op is copied in.  -ERESTART with op->done advanced. */
int space_issue(struct domain *d, struct hicamp_space_op *op);
int space_revoke(struct domain *d, struct hicamp_space_op *op);

/* Revoke everything, when the domain dies.  -ERESTART: call again. */
int space_teardown(struct hicamp_domain *hd);

/*
 * Begin to use len bytes at offset of a run: no lock needed, any CPU.  flags:
 * what the run must allow (HICAMP_RUN_RW to write).  NULL if there is no such
 * reference, it is revoked, or the bytes are not in it.  The frames stay until
 * space_unuse(), which must follow within one copy.
 */
struct space_entry *space_use(const struct hicamp_domain *hd, uint32_t ref,
                              uint32_t offset, uint32_t len, uint16_t flags);

static inline void space_unuse(struct space_entry *e)
{
    use_end(&e->use);
}

/*
 * Borrow len bytes at offset of a run for a packet: as space_use(), for as
 * long as the packet is under way.  *mfn is the run's first frame.  The run's
 * place in the table, for the others, or a negative number.
 *
 * A revoke makes sure that nobody borrows (borrow_recall()) before it drops
 * the frames.
 */
int space_borrow(const struct hicamp_domain *hd, uint32_t ref, uint32_t offset,
                 uint32_t len, uint64_t *mfn);
void space_return(const struct hicamp_domain *hd, uint32_t index);

/* Is this run, which somebody borrows, being revoked?  Any context. */
bool space_is_closed(const struct hicamp_domain *hd, uint32_t index);
/* Does anybody borrow from it?  Once it is closed, who does can only go. */
bool space_borrowed(const struct hicamp_domain *hd, uint32_t index);

/* What a frame is held for. */
enum frame_hold {
    FRAME_READ,             /* Xen reads; its owner does what he wants */
    FRAME_WRITE,            /* Xen writes; it stays an ordinary page */
    FRAME_SEAL,             /* nobody writes */
};

/*
 * Hold a plain RAM page of d; the other drops it.
 *
 *   -EINVAL  no such frame, somebody else's, Xen's own; WRITE: not writable
 *   -EBUSY   SEAL: it has a writable mapping, or a use that excludes sealing
 */
int frame_get(struct domain *d, uint64_t gfn, enum frame_hold hold,
              mfn_t *mfn);
void frame_put(mfn_t mfn, enum frame_hold hold);

#endif /* HICAMP_SPACE_H */
