/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offload: idle CPUs copy what waits for a queue, so that neither its senders
 * nor its guest spend their time on it (Ram, sections 4.3.4 and 4.4: the
 * offloading of packet copies).
 */

#ifndef HICAMP_OFFLOAD_H
#define HICAMP_OFFLOAD_H

#ifdef __XEN__
#include <xen/softirq.h>
#endif

#include "port.h"

/* HICAMP_PARAM_OFFLOAD, of the host: bytes; 0: never. */
extern unsigned int offload_after;

void offload_init(void);

/*
 * As deliver(), but what goes beyond the bytes of OFFLOAD, the port's own or
 * the host's, is left to an idle CPU of the receiver's pool, if there is one.
 */
unsigned int offload_deliver(struct queue *q, unsigned int budget);

/*
 * A CPU that could work for q's guest: one of its cpupool that idles, as do the
 * threads beside it on its core, and near where the guest runs, if there is one
 * near; never the caller's.  nr_cpu_ids: there is none.  RCU section; a hint, as
 * the CPU may get work at any time.
 */
unsigned int offload_cpu(const struct queue *q);

/* Has this CPU got anything to do but to work for others? */
static inline bool offload_wanted(void)
{
    return softirq_pending(smp_processor_id()) & ~(1u << HICAMP_SOFTIRQ);
}

/* Is a CPU still to look at q?  A dead queue is never offered again. */
static inline bool offload_pending(const struct queue *q)
{
    return read_atomic(&q->offered);
}

#endif /* HICAMP_OFFLOAD_H */
