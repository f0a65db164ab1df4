/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's parameters.  Here live their ranges; each stands in the room that
 * reads it, in one word, which is read whenever it matters and so may change
 * at any time.  Called by the hypercall alone.
 */

#include "borrow.h"
#include "fabric.h"
#include "line.h"
#include "offload.h"
#include "pace.h"
#include "param.h"

struct range {
    unsigned int *value;        /* NULL: the default quota, of line.c */
    uint64_t min, max;
};

static int range_of(uint32_t param, struct range *r)
{
    struct line_use lines;

    switch ( param )
    {
    case HICAMP_PARAM_BORROW_AGE_US:
        *r = (struct range){ &borrow_age_us, 100, 1000000 };
        return 0;

    case HICAMP_PARAM_BORROW_PAIR:
        *r = (struct range){ &borrow_pair, 0, WAIT_SLOTS };
        return 0;

    case HICAMP_PARAM_ORPHAN_S:
        *r = (struct range){ &fabric_orphan_s, 0, 86400 };
        return 0;

    case HICAMP_PARAM_RX_EVENT_US:
        *r = (struct range){ &pace_us, 0, 10000 };
        return 0;

    case HICAMP_PARAM_RX_EVENT_PACKETS:
        *r = (struct range){ &pace_packets, 1, WAIT_SLOTS };
        return 0;

    case HICAMP_PARAM_OFFLOAD:
        *r = (struct range){ &offload_after, 0, 512u << 10 };
        return 0;

    case HICAMP_PARAM_QUOTA:
        line_store_use(&lines);
        *r = (struct range){ NULL, 1, lines.max };
        return 0;
    }

    return -ENOENT;
}

int param_get(struct hicamp_param *op)
{
    struct range r;
    int rc = op->pad || op->value ? -EINVAL : range_of(op->param, &r);

    if ( !rc )
        op->value = r.value ? read_atomic(r.value) : arena_default_quota_get();

    return rc;
}

int param_set(const struct hicamp_param *op)
{
    struct range r;
    int rc = op->pad ? -EINVAL : range_of(op->param, &r);

    if ( rc )
        return rc;
    if ( op->value < r.min || op->value > r.max )
        return -EINVAL;

    if ( r.value )
        write_atomic(r.value, op->value);
    else
        arena_default_quota(op->value);

    if ( op->param == HICAMP_PARAM_ORPHAN_S )
        fabric_orphans();

    return 0;
}
