/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deliver: from the packets that wait for a queue to its rx ring, by one copy.
 */

#ifndef HICAMP_DELIVER_H
#define HICAMP_DELIVER_H

#include "port.h"

#define WEIGHT_DEFAULT  16

/* HICAMP_PARAM_WEIGHT, of the host. */
extern unsigned int wait_weight;

/* Packets of p's sender that wait.  A hint, without its locks. */
static inline unsigned int pair_waits(const struct pair *p)
{
    return (uint16_t)(read_atomic(&p->in) - read_atomic(&p->out));
}

/*
 * Put a packet in line for q: takes a reference of its own.  False: it was
 * dropped, and counted at q, or q is out of service (*gone).  The first queue
 * pays for the packet.  What must not be borrowed (its sender's port copies,
 * or too much of it waits for q already) is copied before, at q's expense.
 *
 * RCU section; from is the sender's queue, whose tx_lock is held, and the
 * packet is in hand.
 */
bool deliver_enqueue(struct queue *q, struct queue *from, plid_t plid,
                     bool *gone);

/*
 * The same for q of the fabric, with the reason that its driver domain is told;
 * counts at q what is dropped, but not gone.
 */
bool deliver_upcall(struct queue *q, struct queue *from, plid_t plid,
                    uint8_t reason, bool *gone);

/*
 * Straight delivery: packets in hand go from their sender's context into q's
 * rings, without waiting in line.  Begin, as long as nothing waits for q: false
 * if anything does, q has work for idle CPUs, or another CPU is at it.  From
 * then until the end q's rx_lock is held, of several queues perhaps, and of
 * locks only these may be taken: a sender's tx_lock must be held already, and
 * those below rx_lock.  RCU section.
 */
bool deliver_begin(struct queue *q);

/*
 * A packet that nobody knows of, and whose frames its sender's context holds.
 * 1: delivered; 0: dropped, and counted at q; -1: it must wait in line, as one
 * does before it, or there is no buffer, or q is none for it.
 */
int deliver_straight(struct queue *q, plid_t plid);

/*
 * The end: packets have been delivered so, of which the guest is told.  True:
 * others wait by now, call deliver().
 */
bool deliver_end(struct queue *q, unsigned int packets);

/*
 * Deliver what waits for q, as far as its guest has given buffers and room,
 * and up to budget bytes; what is left then is the guest's to fetch: it is
 * told to ring the doorbell.  budget 0: only tell it so.  Returns the bytes
 * delivered.
 *
 * May be called from any context that may copy (not interrupts), in the RCU
 * section; does nothing but leave a note if another CPU is at it, which then
 * looks again.  No lock at or below tx_lock may be held, unless budget is 0.
 */
unsigned int deliver(struct queue *q, unsigned int budget);

/*
 * The same, but never more than budget, and what is left (*more) is the
 * caller's to deliver, now or by somebody else; the guest is not told of it.
 */
unsigned int deliver_part(struct queue *q, unsigned int budget, bool *more);

/*
 * The same on an idle CPU, in the RCU section: it stops within the copy of one
 * page when the CPU has anything else to do, and then tells the guest to fetch
 * what is left.  Charges the time to q's port (idle_ns).
 */
void deliver_idle(struct queue *q);

/* Does anything wait that deliver() could move?  A hint, without the lock. */
static inline bool deliver_waits(const struct queue *q)
{
    return read_atomic(&q->wait_head) != read_atomic(&q->wait_tail);
}

#endif /* HICAMP_DELIVER_H */
