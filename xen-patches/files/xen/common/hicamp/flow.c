/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administrator's flow operations: batches of flows between the caller's
 * memory and the flow table.
 *
 * Invariant: each entry is read from the caller once, into Xen's memory, and
 * checked there; no lock is held while the caller's memory is touched.
 *
 * Called by the hypercall's room alone.
 */

#include "classify.h"
#include "flow.h"
#include "op.h"
#include "port.h"

#define BATCH_MAX       4096

/* One entry of an update; list has room for HICAMP_ACTIONS_MAX bytes. */
static int update_one(const struct hicamp_flow *flow, void *list)
{
    struct hicamp_acts *acts;
    int rc;

    if ( flow->packets || flow->bytes || flow->used_ns )
        return -EINVAL;

    switch ( flow->command )
    {
    case HICAMP_FLOW_DELETE:
        return hicamp_flow_delete(&flow->key, &flow->mask);

    case HICAMP_FLOW_ADD:
    case HICAMP_FLOW_MODIFY:
        break;

    default:
        return -EINVAL;
    }

    if ( flow->actions_bytes > HICAMP_ACTIONS_MAX )
        return -EINVAL;
    if ( flow->actions_bytes &&
         hicamp_copy_in(list, flow->actions, flow->actions_bytes) )
        return -EFAULT;

    rc = hicamp_acts_compile(list, flow->actions_bytes, &flow->key, &flow->mask,
                             &acts);
    if ( rc )
        return rc;

    if ( flow->command == HICAMP_FLOW_ADD )
        rc = hicamp_flow_add(&flow->key, &flow->mask, flow->cookie, acts);
    else
        rc = hicamp_flow_modify(&flow->key, &flow->mask, flow->cookie, acts);

    if ( rc )
        hicamp_acts_free(acts);

    return rc;
}

int hicamp_flow_update(struct hicamp_flow_batch *b)
{
    void *list;
    unsigned int n = 0;
    int rc = 0;

    if ( !b->nr || b->nr > BATCH_MAX || b->done >= b->nr )
        return -EINVAL;

    list = xmalloc_bytes(HICAMP_ACTIONS_MAX);
    if ( !list )
        return -ENOMEM;

    while ( b->done < b->nr )
    {
        struct hicamp_flow flow;

        if ( n && hicamp_preempt(n) )
        {
            rc = -ERESTART;
            break;
        }

        if ( hicamp_copy_in(&flow, b->flows + b->done * sizeof(flow),
                            sizeof(flow)) )
            rc = -EFAULT;
        else
            rc = update_one(&flow, list);
        if ( rc )
            break;

        b->done++;
        n++;
    }

    xfree(list);

    return rc;
}

/* Write one flow over the caller's entry, and its list if there is room. */
static int cf_check dump_one(const struct hicamp_flow_view *view, uint64_t addr)
{
    struct hicamp_flow flow;
    uint32_t room;

    if ( hicamp_copy_in(&flow, addr, sizeof(flow)) )
        return -EFAULT;
    if ( flow.command )
        return -EINVAL;

    room = flow.actions_bytes;
    if ( view->acts->bytes && view->acts->bytes <= room &&
         hicamp_copy_out(flow.actions, hicamp_acts_list(view->acts),
                         view->acts->bytes) )
        return -EFAULT;

    flow.key = view->key;
    flow.mask = view->mask;
    flow.cookie = view->cookie;
    flow.actions_bytes = view->acts->bytes;
    flow.packets = view->packets;
    flow.bytes = view->bytes;
    flow.used_ns = view->used_ns;

    return hicamp_copy_out(addr, &flow, sizeof(flow));
}

static int cf_check stats_one(const struct hicamp_flow_view *view,
                              uint64_t addr)
{
    const struct hicamp_flow_stats stats = {
        .cookie = view->cookie,
        .packets = view->packets,
        .bytes = view->bytes,
        .used_ns = view->used_ns,
    };

    return hicamp_copy_out(addr, &stats, sizeof(stats));
}

/* Entries of bytes bytes each, written by one(). */
static int query(struct hicamp_query *q, size_t bytes,
                 int (*one)(const struct hicamp_flow_view *view,
                            uint64_t addr))
{
    unsigned int room = q->nr, n;
    int rc = 0;

    if ( !room || room > HICAMP_FLOW_QUERY_MAX || q->pad )
        return -EINVAL;

    for ( n = 0; n < room; n++ )
    {
        struct hicamp_flow_view view;
        uint64_t cursor = q->cursor;
        bool found;

        /* What view points at is accessible until the section's end. */
        rcu_read_lock(&hicamp_rcu);
        found = hicamp_flow_next(&cursor, &view);
        if ( found )
            rc = one(&view, q->entries + n * bytes);
        rcu_read_unlock(&hicamp_rcu);

        if ( !found || rc )
            break;
        q->cursor = cursor;
    }
    q->nr = n;

    return rc;
}

int hicamp_flow_dump(struct hicamp_query *q)
{
    return query(q, sizeof(struct hicamp_flow), dump_one);
}

int hicamp_flow_stats(struct hicamp_query *q)
{
    return query(q, sizeof(struct hicamp_flow_stats), stats_one);
}
