/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring access: the only places where shared memory is read.  Indices and
 * entries are read once, into locals; an index is believed only as far as the
 * ring's size.
 */

#ifndef HICAMP_RING_H
#define HICAMP_RING_H

#include "port.h"

/*
 * How many entries the guest has produced behind our index cons.  Negative:
 * the index claims more than the ring holds.  Entries may be read after it.
 */
static inline int ring_avail(const uint32_t *prod, uint32_t cons,
                             uint32_t size)
{
    uint32_t n = read_atomic(prod) - cons;

    smp_rmb();

    return likely(n <= size) ? (int)n : -1;
}

/*
 * How many entries we may produce from our index prod on.  Negative: the guest
 * claims to have consumed what was never there.
 */
static inline int ring_room(const uint32_t *cons, uint32_t prod, uint32_t size)
{
    uint32_t used = prod - read_atomic(cons);

    smp_mb(); /* the guest's reads of the entries before our overwriting them */

    return likely(used <= size) ? (int)(size - used) : -1;
}

/* Let the guest see what we produced or consumed: entries before index. */
static inline void ring_publish(uint32_t *index, uint32_t value)
{
    smp_wmb();
    write_atomic(index, value);
}

/* Copy one slot; at any index, which wraps around the ring. */
static inline void slot_read(void *to, const struct hicamp_slot *ring,
                             uint32_t size, uint32_t index)
{
    memcpy(to, &ring[index & (size - 1)], HICAMP_SLOT_BYTES);
    barrier();
}

static inline struct hicamp_slot *slot_at(struct hicamp_slot *ring,
                                          uint32_t size, uint32_t index)
{
    return &ring[index & (size - 1)];
}

#endif /* HICAMP_RING_H */
