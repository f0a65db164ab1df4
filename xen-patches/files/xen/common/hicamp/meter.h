/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much may pass in a time: of a port, and of flows that share a meter.
 */

#ifndef HICAMP_METER_H
#define HICAMP_METER_H

#include "private.h"

/*
 * So many units (bytes, or packets) in a second, and at once after it was
 * quiet.  Virtual scheduling (ITU-T I.371): each unit takes its time, and time
 * may be owed up to the burst's.
 */
struct limit {
    spinlock_t lock;
    s_time_t paid;              /* for what passed; R/W(lock) */
    uint64_t rate;              /* a second; 0: no limit; W(lock) */
    uint64_t burst;             /* W(lock) */
};

/* The largest burst, so that no product overflows. */
#define LIMIT_BURST_MAX    (1ull << 32)

void limit_init(struct limit *b);

/* Limits from now on.  burst is not 0 if rate is not. */
void limit_set(struct limit *b, uint64_t rate, uint64_t burst);

/*
 * May n units pass, of at most HICAMP_LEN_MAX, now that what did before is
 * within the limit?  Takes the lock, inside any of ours.
 */
bool limit_take(struct limit *b, uint32_t n);

/* HICAMP_OP_meter, on the argument copied in; no lock is held. */
int meter_op(struct hicamp_meter *op);

/* Is there such a meter?  Any context. */
bool hicamp_meter_exists(uint32_t id);

/*
 * May a packet of len bytes pass this meter?  Counted there.  One that is not
 * there lets nothing pass.  In the RCU read section (hicamp_rcu).
 */
bool meter_passes(uint32_t id, uint32_t len);

#endif /* HICAMP_METER_H */
