/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of borrowers, for the two that write to it: borrow.c and hold.c.
 * comp_lock of its queue is held in all that takes a queue.
 */

#ifndef HICAMP_BORROWERS_H
#define HICAMP_BORROWERS_H

#include "borrow.h"

/*
 * A place.  Those in use form a ring in the order in which they were entered,
 * through the place behind the last; free ones a list by next.
 */
struct borrower {
    plid_t plid;                /* none: free, or being given back */
    uint32_t seq;               /* goes up from packet to packet */
    uint16_t prev, next;
    bool refs;                  /* borrows from runs */
    bool held;                  /* by a window: not in the ring */
};

/* Put a place into the ring, before another; take it out. */
void borrow_link(struct queue *q, uint16_t slot, uint16_t next);
void borrow_unlink(struct queue *q, const struct borrower *b);

/* A packet's place; NULL: it is in none, somebody else has it. */
struct borrower *borrow_find(struct queue *q, plid_t plid);

/*
 * Take plid out of the table; its entry of the ring stays reserved.  False: it
 * is not there.
 */
bool borrow_leave(struct queue *q, plid_t plid);

/* What plid borrowed has been given back: complete it, free its place. */
void borrow_end(struct queue *q, plid_t plid, unsigned int frames,
                uint32_t status);

/*
 * Whose packet it is; no lock, the RCU read section.  NULL: the port, or its
 * queue, is gone, and it was taken back.  There may be another in its place;
 * borrow_find() tells.
 */
struct queue *borrow_sender(const struct line_meta *m);

/* q is dead: part from it what windows hold.  Takes comp_lock itself. */
void hold_part_all(struct queue *q);

#endif /* HICAMP_BORROWERS_H */
