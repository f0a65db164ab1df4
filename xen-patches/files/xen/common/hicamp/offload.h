/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offload: idle CPUs copy what waits for a queue, so that neither its senders
 * nor its guest spend their time on it (Ram, sections 4.3.4 and 4.4: the
 * offloading of packet copies).
 */

#ifndef HICAMP_OFFLOAD_H
#define HICAMP_OFFLOAD_H

#include "port.h"

/* HICAMP_PARAM_OFFLOAD, of the host: bytes; 0: never. */
extern unsigned int offload_after;

void offload_init(void);

/*
 * As deliver(), but what goes beyond the bytes of OFFLOAD, the port's own or
 * the host's, is left to an idle CPU of the receiver's pool, if there is one.
 */
unsigned int offload_deliver(struct queue *q, unsigned int budget);

/* Is a CPU still to look at q?  A dead queue is never offered again. */
static inline bool offload_pending(const struct queue *q)
{
    return read_atomic(&q->offered);
}

#endif /* HICAMP_OFFLOAD_H */
