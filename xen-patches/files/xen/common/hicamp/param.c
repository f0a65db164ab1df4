/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters.  Here live their ranges; the host's values stand in the rooms
 * that read them, a port's own in the port, each in one word, which is read
 * whenever it matters and so may change at any time.  Called by the hypercall
 * alone.
 */

#include "borrow.h"
#include "deliver.h"
#include "fabric.h"
#include "line.h"
#include "offload.h"
#include "pace.h"
#include "param.h"
#include "poll.h"
#include "snapshot.h"

struct range {
    unsigned int *value;        /* NULL: the default quota, of line.c */
    uint64_t min, max;
    unsigned int own;           /* OWN_*, or OWN_NR: ports have none */
};

static int range_of(uint32_t param, struct range *r)
{
    struct line_use lines;

    switch ( param )
    {
    case HICAMP_PARAM_BORROW_AGE_US:
        *r = (struct range){ &borrow_age_us, 100, 1000000, OWN_BORROW_AGE_US };
        return 0;

    case HICAMP_PARAM_BORROW_PAIR:
        *r = (struct range){ &borrow_pair, 0, WAIT_SLOTS, OWN_BORROW_PAIR };
        return 0;

    case HICAMP_PARAM_ORPHAN_S:
        *r = (struct range){ &fabric_orphan_s, 0, 86400, OWN_NR };
        return 0;

    case HICAMP_PARAM_RX_EVENT_US:
        *r = (struct range){ &pace_us, 0, 10000, OWN_RX_EVENT_US };
        return 0;

    case HICAMP_PARAM_RX_EVENT_PACKETS:
        *r = (struct range){ &pace_packets, 1, WAIT_SLOTS,
                             OWN_RX_EVENT_PACKETS };
        return 0;

    case HICAMP_PARAM_OFFLOAD:
        *r = (struct range){ &offload_after, 0, 512u << 10, OWN_OFFLOAD };
        return 0;

    case HICAMP_PARAM_WEIGHT:
        *r = (struct range){ &wait_weight, 1, WEIGHT_DEFAULT, OWN_WEIGHT };
        return 0;

    case HICAMP_PARAM_STRAIGHT:
        *r = (struct range){ &straight_bytes, 0, HICAMP_LEN_MAX, OWN_STRAIGHT };
        return 0;

    case HICAMP_PARAM_TX_POLL_US:
        *r = (struct range){ &poll_us, 0, 10000, OWN_TX_POLL_US };
        return 0;

    case HICAMP_PARAM_TX_POLL_IDLE_US:
        *r = (struct range){ &poll_idle_us, 0, 10000, OWN_TX_POLL_IDLE_US };
        return 0;

    case HICAMP_PARAM_QUOTA:
        line_store_use(&lines);
        *r = (struct range){ NULL, 1, lines.max, OWN_NR };
        return 0;
    }

    return -ENOENT;
}

void own_init(struct own_params *own)
{
    unsigned int i;

    for ( i = 0; i < OWN_NR; i++ )
        own->value[i] = OWN_NONE;
}

/* The word of a port's own value, if both exist.  In the RCU read section. */
static int own_value(const struct hicamp_param *op, const struct range *r,
                     unsigned int **value)
{
    struct port *port = port_by_id(op->port);

    if ( !port )
        return -ENODEV;
    if ( r->own == OWN_NR )
        return -ENOENT;

    *value = &port->own.value[r->own];

    return 0;
}

int param_get(struct hicamp_param *op)
{
    struct range r;
    unsigned int *value, own;
    int rc = op->value ? -EINVAL : range_of(op->param, &r);

    if ( rc )
        return rc;

    if ( !op->port )
    {
        op->value = r.value ? read_atomic(r.value) : arena_default_quota_get();
        return 0;
    }

    rcu_read_lock(&hicamp_rcu);
    rc = own_value(op, &r, &value);
    if ( !rc )
    {
        own = read_atomic(value);
        op->value = own == OWN_NONE ? HICAMP_PARAM_INHERIT : own;
    }
    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

int param_set(const struct hicamp_param *op)
{
    struct range r;
    unsigned int *value;
    bool inherit = op->port && op->value == HICAMP_PARAM_INHERIT;
    int rc = range_of(op->param, &r);

    if ( rc )
        return rc;
    if ( !inherit && (op->value < r.min || op->value > r.max) )
        return -EINVAL;

    if ( op->port )
    {
        rcu_read_lock(&hicamp_rcu);
        rc = own_value(op, &r, &value);
        if ( !rc )
            write_atomic(value, inherit ? OWN_NONE : (unsigned int)op->value);
        rcu_read_unlock(&hicamp_rcu);
        return rc;
    }

    if ( r.value )
        write_atomic(r.value, op->value);
    else
        arena_default_quota(op->value);

    if ( op->param == HICAMP_PARAM_ORPHAN_S )
        fabric_orphans();

    return 0;
}
