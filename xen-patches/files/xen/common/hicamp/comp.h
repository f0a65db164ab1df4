/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The completion ring of a queue.
 */

#ifndef HICAMP_COMP_H
#define HICAMP_COMP_H

#include "port.h"

/*
 * Keep an entry of the ring for one more packet.  False: none can be had now.
 * What was free stays so until the sender's context uses it, so the ring is
 * looked at once for a burst (comp_free is 0 then), or when there seems to be
 * none.  The sender's tx_lock is held.
 */
bool comp_take(struct queue *q);

/* Append a completion, for which an entry is kept.  comp_lock is held. */
void comp_put(struct queue *q, uint32_t id, uint32_t status);

/* Let the guest see what has been appended.  Likewise. */
void comp_publish(struct queue *q);

#endif /* HICAMP_COMP_H */
