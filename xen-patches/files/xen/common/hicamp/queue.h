/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Begin and end of a queue, for port.c alone; what others may do with one
 * stands in port.h.
 */

#ifndef HICAMP_QUEUE_H
#define HICAMP_QUEUE_H

#include "port.h"

/*
 * A queue of port, with rings as setup says in the frames gfns; the event
 * channel goes to setup.  Nobody knows of it yet.  No lock is held; -ENOMEM,
 * -EINVAL, or an event channel's error.
 */
int queue_make(struct port *port, unsigned int index,
               struct hicamp_queue *setup, const uint64_t *gfns,
               struct queue **out);

/* No critical section on a ring of q begins after this.  ctl_lock is held. */
void queue_kill(struct queue *q);
/* Drop what waits for a dead queue.  -ERESTART: call again. */
int queue_drain(struct queue *q);
/* Give the guest its area back.  Nobody can reach a ring of q any more. */
void queue_unmap(struct queue *q);
/* After a grace period. */
void queue_free(struct queue *q);

#endif /* HICAMP_QUEUE_H */
