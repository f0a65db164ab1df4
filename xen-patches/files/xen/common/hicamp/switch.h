/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch: packets of a tx ring go to the queues that their flow names.
 */

#ifndef HICAMP_SWITCH_H
#define HICAMP_SWITCH_H

#include "port.h"

/*
 * Take what the guest has put into q's tx ring, switch it, deliver it.  The
 * sender's context (its hypercall), or nobody's, the RCU section; no lock is held.  why: the counter of what asks for it.
 *
 *   0          all is taken, or what is left waits for completions to be read
 *   -ERESTART  there is more, and something else to do first: call again
 *   -ENOTCONN  the queue is out of service
 *   -EIO       one of its rings is stopped
 */
int switch_transmit(struct queue *q, unsigned int why);

/*
 * The same for one burst, on an idle CPU, which gives way between packets, and
 * within the copy of a page when it delivers, if it gets anything else to do.
 * Charges the time to q's port (tx_idle_ns).
 */
int switch_idle(struct queue *q);

/* Deliver what waits for q, in its guest's context.  As switch_transmit(). */
int switch_receive(struct queue *q);

#endif /* HICAMP_SWITCH_H */
