/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters and state for tools and people: the query operations and the debug
 * key.  Everything is read without locks, so figures of a busy port may be a
 * packet apart from each other; each is exact once the port is quiet.
 */

#ifdef __XEN__
#include <xen/keyhandler.h>
#include <xen/stop_machine.h>
#include <xen/tasklet.h>
#endif

#include "check.h"
#include "classify.h"
#include "op.h"
#include "port.h"
#include "stats.h"

/* A port's counters, its queues' and those of queues that are gone. */
static void port_counters(const struct port *port, uint64_t *out)
{
    uint64_t sum[CNT_NR];
    const struct queue *q;
    unsigned int i, j;

    for ( j = 0; j < CNT_NR; j++ )
        sum[j] = read_atomic(&port->cnt[j]);
    for ( i = 0; (q = port_queue(port, i)) != NULL; i++ )
        for ( j = 0; j < CNT_NR; j++ )
            sum[j] += read_atomic(&q->cnt[j]);

    sum[CNT(doorbells)] += sum[CNT_RX_DOORBELLS];
    sum[CNT(events)] += sum[CNT_COMP_EVENTS];
    sum[CNT(space_issued)] = read_atomic(&port->hd->issued);
    sum[CNT(space_revoked)] = read_atomic(&port->hd->revoked);

    memcpy(out, sum, HICAMP_NR_COUNTERS * sizeof(*out));
}

static void port_describe(const struct port *port, struct hicamp_port_info *pi)
{
    uint64_t mac = read_atomic(&port->mac);
    const struct queue *q;
    unsigned int i;

    BUILD_BUG_ON(HICAMP_NR_COUNTERS > HICAMP_COUNTERS_MAX);

    memset(pi, 0, sizeof(*pi));
    pi->port = port->id;
    pi->domid = port->hd->d->domain_id;
    memcpy(pi->mac, &mac, sizeof(pi->mac));
    pi->devid = port->devid;
    pi->mtu = read_atomic(&port->mtu);
    pi->flags = read_atomic(&port->flags) |
                (port->fabric ? HICAMP_PORT_FABRIC : 0);
    pi->runs = read_atomic(&port->hd->runs);
    pi->frames = read_atomic(&port->hd->frames);
    pi->nr_counters = HICAMP_NR_COUNTERS;

    for ( i = 0; (q = port_queue(port, i)) != NULL; i++ )
    {
        pi->flags |= HICAMP_PORT_ATTACHED;
        if ( read_atomic(&q->stopped) )
            pi->flags |= HICAMP_PORT_STOPPED;
        pi->nr_queues++;
        pi->queued += read_atomic(&q->wait_tail) - read_atomic(&q->wait_head);
        pi->borrowed += read_atomic(&q->borrow_nr);
    }

    port_counters(port, pi->counters);
}

int stats_port_query(struct hicamp_query *op)
{
    struct hicamp_port_info pi;
    uint32_t n = 0;

    if ( op->pad || !op->nr || op->nr > HICAMP_QUERY_BATCH )
        return -EINVAL;

    while ( n < op->nr )
    {
        const struct port *port;

        rcu_read_lock(&hicamp_rcu);
        port = port_next(&op->cursor);
        if ( port )
            port_describe(port, &pi);
        rcu_read_unlock(&hicamp_rcu);

        if ( !port )
            break;

        if ( hicamp_copy_out(op->entries + n * sizeof(pi), &pi, sizeof(pi)) )
            return -EFAULT;
        n++;
    }

    op->nr = n;

    return 0;
}

static void domain_describe(const struct domain *d,
                            const struct hicamp_domain *hd,
                            struct hicamp_domain_info *di)
{
    const struct arena *a = read_atomic(&hd->arena);

    memset(di, 0, sizeof(*di));
    di->domid = d->domain_id;
    di->tenant = a->tenant;
    di->quota = read_atomic(&a->quota);
    di->used = arena_used(a);
    di->peak = read_atomic(&a->peak);
    di->refused = read_atomic(&a->refused);
    di->interned = read_atomic(&a->intern.hits);
    di->intern_misses = read_atomic(&a->intern.misses);
    di->segments = read_atomic(&hd->nr_segments);
    di->pages = atomic_read(&hd->pages);
    di->runs = read_atomic(&hd->runs);
    di->frames = read_atomic(&hd->frames);
}

/* The domain of the lowest id from *cursor on that hicamp knows. */
static bool domain_next(uint64_t *cursor, struct hicamp_domain_info *di)
{
    const struct hicamp_domain *hd;
    const struct domain *d;
    bool found = false;

    rcu_read_lock(&domlist_read_lock);

    for_each_domain ( d )
    {
        hd = read_atomic(&d->hicamp);
        if ( !hd || d->domain_id < *cursor ||
             (found && d->domain_id > di->domid) )
            continue;
        domain_describe(d, hd, di);
        found = true;
    }

    rcu_read_unlock(&domlist_read_lock);

    *cursor = found ? di->domid + 1 : DOMID_FIRST_RESERVED;

    return found;
}

int stats_domain_query(struct hicamp_query *op)
{
    struct hicamp_domain_info di;
    uint32_t n = 0;

    if ( op->pad || !op->nr || op->nr > HICAMP_QUERY_BATCH )
        return -EINVAL;

    while ( n < op->nr && domain_next(&op->cursor, &di) )
    {
        if ( hicamp_copy_out(op->entries + n * sizeof(di), &di, sizeof(di)) )
            return -EFAULT;
        n++;
    }

    op->nr = n;

    return 0;
}

/* What the debug key and info both want: sums over all ports. */
struct totals {
    uint64_t frames, upcalls;
};

static void totals_read(struct totals *t)
{
    uint64_t cursor = 0, cnt[HICAMP_NR_COUNTERS];
    const struct hicamp_domain *seen = NULL;
    const struct port *port;

    memset(t, 0, sizeof(*t));

    rcu_read_lock(&hicamp_rcu);

    while ( (port = port_next(&cursor)) != NULL )
    {
        uint64_t before = 0;
        const struct port *p;

        /* A domain's space counts once: with its first port. */
        while ( (p = port_next(&before)) != NULL && p->hd != port->hd )
            ;
        seen = p ? p->hd : NULL;
        if ( p == port && seen )
            t->frames += read_atomic(&seen->frames);

        port_counters(port, cnt);
        t->upcalls += cnt[CNT(upcalls)];
    }

    rcu_read_unlock(&hicamp_rcu);
}

int stats_info(struct hicamp_info *info)
{
    struct line_use lines;
    struct totals t;

    line_store_use(&lines);
    totals_read(&t);

    memset(info, 0, sizeof(*info));
    info->version = HICAMP_ABI_VERSION;
    info->line_bytes = LINE_BYTES;
    info->features = HICAMP_FEATURES;
    info->lines_max = lines.max;
    info->lines_total = lines.total;
    info->lines_used = lines.used;
    info->pins = t.frames + port_pins();
    info->ports_max = HICAMP_PORTS_MAX - 1;
    info->ports = port_count();
    info->flows_max = hicamp_flows_max;
    info->flows = hicamp_flow_count();
    info->masks_max = HICAMP_TABLES_MAX;
    info->port_masks_max = HICAMP_MASKS_MAX;
    info->masks = hicamp_mask_count();
    info->admin = hicamp_admin_domid();
    info->upcalls = t.upcalls;

    return 0;
}

#ifdef __XEN__

#ifndef NDEBUG

/* While nobody else runs: the store and the maps stand still. */
static int cf_check walk_store(void *arg)
{
    struct check *c = arg;

    check_all(c);
    /* An operation that was preempted holds what nobody can name. */
    check_walk(c, false);

    return 0;
}

/* Only from idle can the machine be stopped. */
static void cf_check check_store(void *unused)
{
    struct check *c = check_begin();
    unsigned int errors;
    uint64_t held;
    int rc;

    if ( !c )
        return;

    rc = stop_machine_run(walk_store, c, smp_processor_id());
    errors = check_end(c, &held);
    if ( rc )
        printk("hicamp: store not checked (%d)\n", rc);
    else
        printk("hicamp: store checked: %u errors, %"PRIu64
               " references unknown\n", errors, held);
}
static DECLARE_TASKLET(check_tasklet, check_store, NULL);

#endif /* !NDEBUG */

static void cf_check dump(unsigned char key)
{
    static struct hicamp_port_info pi; /* keyhandlers run one at a time */
    struct hicamp_info info;
    const struct port *port;
    uint64_t cursor = 0;

    stats_info(&info);
    printk("hicamp: lines %"PRIu64" used, %"PRIu64" backed, %"PRIu64" max\n",
           info.lines_used, info.lines_total, info.lines_max);
    printk("hicamp: %u ports, %u flows in %u masks, %"PRIu64
           " frames pinned, admin d%u\n",
           info.ports, info.flows, info.masks, info.pins, info.admin);

    rcu_read_lock(&hicamp_rcu);

    while ( (port = port_next(&cursor)) != NULL )
    {
        port_describe(port, &pi);
        printk("hicamp: port %#x d%u.%u %s%s: %u waiting, %u borrowed,"
               " %u runs of %u frames\n",
               pi.port, pi.domid, pi.devid,
               pi.nr_queues ? "attached" : "detached",
               pi.flags & HICAMP_PORT_STOPPED ? " STOPPED" : "",
               pi.queued, pi.borrowed, pi.runs, pi.frames);
        printk("hicamp:   tx %"PRIu64" packets %"PRIu64" bytes,"
               " rx %"PRIu64" packets %"PRIu64" bytes, %"PRIu64" stalls\n",
               pi.counters[CNT(tx_packets)], pi.counters[CNT(tx_bytes)],
               pi.counters[CNT(rx_packets)], pi.counters[CNT(rx_bytes)],
               pi.counters[CNT(rx_stalls)]);
    }

    rcu_read_unlock(&hicamp_rcu);

#ifndef NDEBUG
    tasklet_schedule(&check_tasklet);
#endif
}

void __init stats_init(void)
{
    register_keyhandler('j', dump, "dump hicamp ports, queues, lines, pins", 1);
}

#endif /* __XEN__ */
