/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meters.  Here live the limits that flows share, by the administrator's own
 * numbers, so that the next driver domain finds those of the one before; and
 * what limits a port, too.
 *
 * Invariant: a flow's meter may go before the flow does.  What it let pass is
 * dropped then: a limit that was asked for is never left out.
 *
 * Called by the switch (meter_passes(), under RCU), the flow table and the
 * hypercall.
 */

#include "meter.h"
#include "port.h"

#define METERS_MAX      1024
#define CHAINS          256

struct meter {
    struct meter *next;         /* W(meters_lock), R: RCU */
    struct rcu_head rcu;
    uint32_t id;
    uint32_t flags;             /* W(limit.lock), as the counters */
    struct limit limit;
    uint64_t packets, bytes;    /* that came */
    uint64_t drop_packets, drop_bytes;
};

static DEFINE_SPINLOCK(meters_lock);
static struct meter *chains[CHAINS];        /* W(meters_lock), R: RCU */
static unsigned int nr_meters;              /* R/W(meters_lock) */

/* ---- Limits -------------------------------------------------------------- */

void limit_init(struct limit *b)
{
    spin_lock_init(&b->lock);
}

/* The lock is held. */
static void limit_store(struct limit *b, uint64_t rate, uint64_t burst)
{
    write_atomic(&b->rate, rate);
    b->burst = burst;
}

void limit_set(struct limit *b, uint64_t rate, uint64_t burst)
{
    spin_lock(&b->lock);
    limit_store(b, rate, burst);
    spin_unlock(&b->lock);
}

/* As limit_take(), of one that is locked. */
static bool conforms(struct limit *b, uint32_t n)
{
    uint64_t rate = b->rate;
    s_time_t now, most, owed;

    if ( unlikely(!rate) )
        return true;

    now = NOW();
    most = now + b->burst * SECONDS(1) / rate;
    owed = max(b->paid, now);
    if ( owed > most )
    {
        /* No more than one packet beyond, should the rate have been less. */
        b->paid = min(owed, (s_time_t)(most + HICAMP_LEN_MAX * SECONDS(1) /
                                       rate));
        return false;
    }
    b->paid = owed + n * SECONDS(1) / rate;

    return true;
}

bool limit_take(struct limit *b, uint32_t n)
{
    bool done;

    if ( likely(!read_atomic(&b->rate)) )
        return true;

    spin_lock(&b->lock);
    done = conforms(b, n);
    spin_unlock(&b->lock);

    return done;
}

/* ---- Meters -------------------------------------------------------------- */

static struct meter *meter_find(uint32_t id)
{
    struct meter *m = rcu_dereference(chains[id % CHAINS]);

    while ( m && m->id != id )
        m = rcu_dereference(m->next);

    return m;
}

bool hicamp_meter_exists(uint32_t id)
{
    bool exists;

    rcu_read_lock(&hicamp_rcu);
    exists = meter_find(id);
    rcu_read_unlock(&hicamp_rcu);

    return exists;
}

bool meter_passes(uint32_t id, uint32_t len)
{
    struct meter *m = meter_find(id);
    bool passes;

    if ( unlikely(!m) )
        return false;

    spin_lock(&m->limit.lock);

    passes = conforms(&m->limit, m->flags & HICAMP_METER_PACKETS ? 1 : len);
    m->packets++;
    m->bytes += len;
    if ( !passes )
    {
        m->drop_packets++;
        m->drop_bytes += len;
    }

    spin_unlock(&m->limit.lock);

    return passes;
}

/* What is in effect.  meters_lock is held. */
static void meter_tell(struct meter *m, struct hicamp_meter *op)
{
    op->meter = m->id;
    spin_lock(&m->limit.lock);
    op->flags = m->flags;
    op->rate = m->limit.rate;
    op->burst = m->limit.burst;
    op->packets = m->packets;
    op->bytes = m->bytes;
    op->drop_packets = m->drop_packets;
    op->drop_bytes = m->drop_bytes;
    spin_unlock(&m->limit.lock);
}

/* At once: no packet is held to a rate of one unit in the other. */
static void meter_change(struct meter *m, const struct hicamp_meter *op)
{
    spin_lock(&m->limit.lock);
    limit_store(&m->limit, op->rate, op->burst);
    m->flags = op->flags;
    spin_unlock(&m->limit.lock);
}

static int meter_set(struct hicamp_meter *op)
{
    struct meter *m, *spare;
    int rc = 0;

    if ( (op->flags & ~HICAMP_METER_PACKETS) || !op->rate || !op->burst ||
         op->burst > LIMIT_BURST_MAX )
        return -EINVAL;

    spare = xzalloc(struct meter);
    if ( !spare )
        return -ENOMEM;

    limit_init(&spare->limit);
    spare->id = op->meter;
    meter_change(spare, op);

    spin_lock(&meters_lock);

    m = meter_find(op->meter);
    if ( m )
        meter_change(m, op);
    else if ( nr_meters == METERS_MAX )
        rc = -ENOSPC;
    else
    {
        m = spare;
        spare = NULL;
        m->next = chains[m->id % CHAINS];
        rcu_assign_pointer(chains[m->id % CHAINS], m);
        nr_meters++;
    }
    if ( m )
        meter_tell(m, op);

    spin_unlock(&meters_lock);

    xfree(spare);

    return rc;
}

static void cf_check meter_free_rcu(struct rcu_head *head)
{
    xfree(container_of(head, struct meter, rcu));
}

static int meter_delete(struct hicamp_meter *op)
{
    struct meter **at = &chains[op->meter % CHAINS], *m;

    spin_lock(&meters_lock);

    while ( (m = *at) != NULL && m->id != op->meter )
        at = &m->next;
    if ( m )
    {
        meter_tell(m, op);
        rcu_assign_pointer(*at, m->next);
        nr_meters--;
    }

    spin_unlock(&meters_lock);

    if ( !m )
        return -ENOENT;
    call_rcu(&m->rcu, meter_free_rcu);

    return 0;
}

/* The meter of op, or with next the one with the least number above. */
static int meter_get(struct hicamp_meter *op, bool next)
{
    struct meter *m = NULL, *other;
    unsigned int i;

    spin_lock(&meters_lock);

    if ( !next )
        m = meter_find(op->meter);
    for ( i = 0; next && i < CHAINS; i++ )
        for ( other = chains[i]; other; other = other->next )
            if ( other->id > op->meter && (!m || other->id < m->id) )
                m = other;
    if ( m )
        meter_tell(m, op);

    spin_unlock(&meters_lock);

    return m ? 0 : -ENOENT;
}

int meter_op(struct hicamp_meter *op)
{
    if ( op->pad || op->packets || op->bytes || op->drop_packets ||
         op->drop_bytes ||
         (op->command != HICAMP_METER_SET &&
          (op->flags || op->rate || op->burst)) ||
         (op->command != HICAMP_METER_NEXT && !op->meter) )
        return -EINVAL;

    switch ( op->command )
    {
    case HICAMP_METER_SET:
        return meter_set(op);
    case HICAMP_METER_DELETE:
        return meter_delete(op);
    case HICAMP_METER_GET:
    case HICAMP_METER_NEXT:
        return meter_get(op, op->command == HICAMP_METER_NEXT);
    }

    return -EINVAL;
}
