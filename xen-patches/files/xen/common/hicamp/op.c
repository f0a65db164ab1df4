/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall: who may call what, arguments in and out, continuations, and
 * what the rest of Xen calls.
 *
 * Each command has a row in a table: the size of its argument, who may issue
 * it, and the room that serves it.  A handler gets a copy of the argument and
 * returns 0, an error, or -ERESTART with its progress in the argument; the
 * argument is written back in every case, so a continuation goes on from it.
 */

#ifdef __XEN__
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/param.h>
#include <xsm/xsm.h>
#endif

#include "classify.h"
#include "fabric.h"
#include "flow.h"
#include "guard.h"
#include "meter.h"
#include "offload.h"
#include "op.h"
#include "poll.h"
#include "param.h"
#include "port.h"
#include "segment.h"
#include "stats.h"
#include "switch.h"
#include "window.h"

/* Line memory when the command line does not say. */
#define MEM_DEFAULT     MB(64)

static bool __read_mostly opt_hicamp;
static uint64_t __initdata opt_mem = MEM_DEFAULT;
static uint64_t __initdata opt_quota;   /* of a tenant; 0: line.c chooses */

/* Who administers the switch beside the control domain. */
static domid_t __read_mostly admin = DOMID_INVALID;

domid_t hicamp_admin_domid(void)
{
    return read_atomic(&admin);
}

static int __init cf_check parse_hicamp(const char *s)
{
    const char *ss;
    int val, rc = 0;

    do {
        ss = strchr(s, ',');
        if ( !ss )
            ss = strchr(s, '\0');

        if ( (val = parse_bool(s, ss)) >= 0 )
            opt_hicamp = val;
        else if ( !strncmp(s, "mem=", 4) )
        {
            const char *end;

            opt_mem = parse_size_and_unit(s + 4, &end);
            if ( end != ss )
                rc = -EINVAL;
        }
        else if ( !strncmp(s, "quota=", 6) )
        {
            const char *end;

            opt_quota = parse_size_and_unit(s + 6, &end);
            if ( end != ss || !opt_quota )
                rc = -EINVAL;
        }
        else if ( !strncmp(s, "flows=", 6) )
        {
            const char *end;
            unsigned long flows = simple_strtoul(s + 6, &end, 0);

            if ( end != ss || !flows || flows > HICAMP_FLOWS_LIMIT )
                rc = -EINVAL;
            else
                hicamp_flows_max = flows;
        }
        else
            rc = -EINVAL;

        s = ss + 1;
    } while ( *ss );

    return rc;
}
custom_param("hicamp", parse_hicamp);

int hicamp_copy_in(void *to, uint64_t addr, size_t bytes)
{
    return copy_from_guest(to, guest_handle_from_ptr((void *)addr, void),
                           bytes) ? -EFAULT : 0;
}

int hicamp_copy_out(uint64_t addr, const void *from, size_t bytes)
{
    return copy_to_guest(guest_handle_from_ptr((void *)addr, void), from,
                         bytes) ? -EFAULT : 0;
}

int hicamp_clear_out(uint64_t addr, size_t bytes)
{
    return clear_guest(guest_handle_from_ptr((void *)addr, void), bytes)
           ? -EFAULT : 0;
}

/* ---- Operations that belong to no other room ----------------------------- */

static int op_version(struct hicamp_version *v)
{
    int rc = v->pad ? -EINVAL
             : v->version != HICAMP_ABI_VERSION ? -EOPNOTSUPP : 0;

    v->version = HICAMP_ABI_VERSION;
    v->pad = 0;
    v->features = HICAMP_FEATURES;
    v->max_queues = HICAMP_QUEUES_MAX;
    v->max_ring = HICAMP_RING_MAX;
    v->max_runs = HICAMP_RUNS_MAX;
    v->max_ports = HICAMP_PORTS_MAX - 1;

    return rc;
}

static int op_admin_set(const struct hicamp_admin *op)
{
    struct domain *d;
    int rc = -ESRCH;

    if ( op->pad[0] || op->pad[1] || op->pad[2] )
        return -EINVAL;

    d = rcu_lock_domain_by_id(op->domid);
    if ( !d )
        return -ESRCH;

    /* Teardown forgets the name after is_dying is set: look again after. */
    if ( !d->is_dying )
    {
        write_atomic(&admin, d->domain_id);
        smp_mb();
        rc = 0;
        if ( d->is_dying )
        {
            (void)cmpxchg(&admin, d->domain_id, DOMID_INVALID);
            rc = -ESRCH;
        }
    }

    rcu_unlock_domain(d);

    return rc;
}

/* An arena that a domain has left, and who may still have seen it there. */
struct left_arena {
    struct rcu_head rcu;
    struct arena *arena;
};

static void cf_check arena_put_rcu(struct rcu_head *head)
{
    struct left_arena *left = container_of(head, struct left_arena, rcu);

    arena_put(left->arena, false);
    xfree(left);
}

static int tenant_set(struct hicamp_domain *hd, uint32_t tenant)
{
    struct arena *a = arena_get(tenant);
    struct left_arena *left = xmalloc(struct left_arena);
    int rc = -ENOMEM;

    if ( a && left )
    {
        rc = segment_set_arena(hd, a, &left->arena);
        if ( !rc )
        {
            call_rcu(&left->rcu, arena_put_rcu);
            return 0;
        }
    }

    if ( a )
        arena_put(a, false);
    xfree(left);

    return rc;
}

static int op_domain_set(const struct hicamp_domain_set *op)
{
    struct hicamp_domain *hd;
    struct line_use lines;
    struct domain *d;
    int rc = 0;

    line_store_use(&lines);
    if ( op->pad || op->pad2 || !op->which ||
         (op->which & ~(HICAMP_DOMAIN_SET_QUOTA | HICAMP_DOMAIN_SET_TENANT)) ||
         ((op->which & HICAMP_DOMAIN_SET_QUOTA) && op->quota > lines.max) )
        return -EINVAL;

    d = rcu_lock_domain_by_id(op->domid);
    if ( !d )
        return -ESRCH;

    hd = read_atomic(&d->hicamp);
    if ( d->is_dying )
        rc = -ESRCH;
    else if ( !hd )
        rc = -ENOENT;
    if ( !rc && (op->which & HICAMP_DOMAIN_SET_TENANT) )
        rc = tenant_set(hd, op->tenant);
    if ( !rc && (op->which & HICAMP_DOMAIN_SET_QUOTA) )
        write_atomic(&read_atomic(&hd->arena)->quota,
                     (unsigned int)op->quota);

    rcu_unlock_domain(d);

    return rc;
}

static int op_doorbell(struct domain *d, uint64_t arg)
{
    unsigned int index = (arg >> 32) & 0xffff, what = arg >> 48;
    struct port *port;
    struct queue *q;
    int rc = 0;

    if ( !what || (what & ~(HICAMP_DOORBELL_TX | HICAMP_DOORBELL_RX)) )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);

    port = port_by_id(arg);
    if ( !port || port->hd->d != d )
        rc = -ENOENT;
    else if ( (q = port_queue(port, index)) == NULL )
        rc = port_queue(port, 0) ? -EINVAL : -ENOTCONN;
    else
    {
        if ( what & HICAMP_DOORBELL_RX )
            rc = switch_receive(q);
        if ( !rc && (what & HICAMP_DOORBELL_TX) )
        {
            rc = switch_transmit(q, CNT(doorbells));
            if ( !rc && poll_rung(q) )
                rc = switch_transmit(q, CNT(tx_polls));
        }
    }

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

/* ---- Dispatch ------------------------------------------------------------ */

enum who {
    ANYONE,             /* any domain */
    GUEST,              /* any domain that policy lets use hicamp */
    ADMIN,              /* the switch administrator and the control domain */
    CONTROL,            /* the control domain */
};

union arg {
    struct hicamp_version version;
    struct hicamp_info info;
    struct hicamp_admin admin;
    struct hicamp_port_attach attach;
    struct hicamp_port_detach detach;
    struct hicamp_space_op space;
    struct hicamp_segment_batch segment;
    struct hicamp_domain_set domain;
    struct hicamp_port_create create;
    struct hicamp_port_id id;
    struct hicamp_port_set set;
    struct hicamp_query query;
    struct hicamp_flow_batch flows;
    struct hicamp_param param;
    struct hicamp_port_rate rate;
    struct hicamp_port_addrs addrs;
    struct hicamp_meter meter;
    struct hicamp_window window;
    struct hicamp_window_release release;
};

static const struct {
    uint16_t bytes;
    uint8_t who;
    bool known;
} commands[] = {
#define CMD(op, type, w) \
    [HICAMP_OP_ ## op] = { sizeof(struct hicamp_ ## type), w, true }
    CMD(version, version, ANYONE),
    CMD(info, info, ADMIN),
    CMD(admin_set, admin, CONTROL),
    CMD(port_attach, port_attach, GUEST),
    CMD(port_detach, port_detach, GUEST),
    CMD(space_issue, space_op, GUEST),
    CMD(space_revoke, space_op, GUEST),
    [HICAMP_OP_doorbell] = { 0, GUEST, true },
    CMD(segment, segment_batch, GUEST),
    CMD(port_create, port_create, ADMIN),
    CMD(port_destroy, port_id, ADMIN),
    CMD(port_set, port_set, ADMIN),
    CMD(port_query, query, ADMIN),
    CMD(flow_update, flow_batch, ADMIN),
    CMD(flow_dump, query, ADMIN),
    CMD(flow_stats, query, ADMIN),
    [HICAMP_OP_flow_flush] = { 0, ADMIN, true },
    CMD(domain_set, domain_set, ADMIN),
    CMD(domain_query, query, ADMIN),
    CMD(param_get, param, ADMIN),
    CMD(param_set, param, ADMIN),
    CMD(port_rate, port_rate, ADMIN),
    CMD(port_addrs, port_addrs, ADMIN),
    CMD(meter, meter, ADMIN),
    CMD(fabric_attach, port_attach, ADMIN),
    CMD(fabric_detach, port_detach, ADMIN),
    CMD(window_open, window, ADMIN),
    CMD(window_release, window_release, ADMIN),
#undef CMD
};

static int check_permission(struct domain *d, enum who who)
{
    switch ( who )
    {
    case ANYONE:
        return 0;
    case GUEST:
        return xsm_hicamp_enable(XSM_HOOK, d);
    case ADMIN:
        return d->domain_id == hicamp_admin_domid()
               ? xsm_hicamp_admin_appointed(XSM_HOOK, d)
               : xsm_hicamp_admin(XSM_PRIV, d);
    case CONTROL:
        return xsm_hicamp_control(XSM_PRIV, d);
    }

    ASSERT_UNREACHABLE();

    return -EPERM;
}

/* Its argument is a value; what is above HICAMP_FLUSH_* tells how far it is. */
static int op_flow_flush(uint64_t *value)
{
    uint64_t cursor = *value >> 8;
    int rc;

    switch ( *value & 0xff )
    {
    case HICAMP_FLUSH_ALL:
        return *value ? -EINVAL : hicamp_flow_flush();

    case HICAMP_FLUSH_ORPHANS:
        rc = hicamp_flow_flush_orphans(&cursor);
        *value = (cursor << 8) | HICAMP_FLUSH_ORPHANS;
        return rc;
    }

    return -EINVAL;
}

static int dispatch(struct domain *d, unsigned int cmd, union arg *a,
                    uint64_t *value)
{
    switch ( cmd )
    {
    case HICAMP_OP_version:
        return op_version(&a->version);
    case HICAMP_OP_info:
        return stats_info(&a->info);
    case HICAMP_OP_admin_set:
        return op_admin_set(&a->admin);
    case HICAMP_OP_port_attach:
        return port_attach(d, &a->attach);
    case HICAMP_OP_port_detach:
        return port_detach(d, &a->detach);
    case HICAMP_OP_space_issue:
        return space_issue(d, &a->space);
    case HICAMP_OP_space_revoke:
        return space_revoke(d, &a->space);
    case HICAMP_OP_segment:
        return segment_op(d, &a->segment);
    case HICAMP_OP_doorbell:
        return op_doorbell(d, *value);
    case HICAMP_OP_port_create:
        return port_create(&a->create);
    case HICAMP_OP_port_destroy:
        return port_destroy(&a->id);
    case HICAMP_OP_port_set:
        return port_set(&a->set);
    case HICAMP_OP_port_query:
        return stats_port_query(&a->query);
    case HICAMP_OP_flow_update:
        return hicamp_flow_update(&a->flows);
    case HICAMP_OP_flow_dump:
        return hicamp_flow_dump(&a->query);
    case HICAMP_OP_flow_stats:
        return hicamp_flow_stats(&a->query);
    case HICAMP_OP_flow_flush:
        return op_flow_flush(value);
    case HICAMP_OP_domain_set:
        return op_domain_set(&a->domain);
    case HICAMP_OP_domain_query:
        return stats_domain_query(&a->query);
    case HICAMP_OP_param_get:
        return param_get(&a->param);
    case HICAMP_OP_param_set:
        return param_set(&a->param);
    case HICAMP_OP_port_rate:
        return port_rate(&a->rate);
    case HICAMP_OP_port_addrs:
        return guard_set(&a->addrs);
    case HICAMP_OP_meter:
        return meter_op(&a->meter);
    case HICAMP_OP_fabric_attach:
        return fabric_attach(d, &a->attach);
    case HICAMP_OP_fabric_detach:
        return fabric_detach(d, &a->detach);
    case HICAMP_OP_window_open:
        return window_open(d, &a->window);
    case HICAMP_OP_window_release:
        return window_release(d, &a->release);
    }

    return -ENOSYS;
}

long do_hicamp_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct domain *d = current->domain;
    uint64_t addr = (unsigned long)arg.p;
    unsigned int bytes;
    union arg a;
    int rc;

    if ( unlikely(!opt_hicamp) || cmd >= ARRAY_SIZE(commands) )
        return -ENOSYS;

    cmd = array_index_nospec(cmd, ARRAY_SIZE(commands));
    if ( !commands[cmd].known )
        return -ENOSYS;

    rc = check_permission(d, commands[cmd].who);
    if ( rc )
        return rc;

    bytes = commands[cmd].bytes;
    if ( bytes && hicamp_copy_in(&a, addr, bytes) )
        return -EFAULT;

    rc = dispatch(d, cmd, &a, &addr);

    if ( bytes && hicamp_copy_out(addr, &a, bytes) )
        return -EFAULT;

    if ( rc == -ERESTART )
        return hypercall_create_continuation(__HYPERVISOR_hicamp_op, "il",
                                             cmd, (unsigned long)addr);

    return rc;
}

/* ---- Hooks --------------------------------------------------------------- */

int hicamp_domain_teardown(struct domain *d)
{
    int rc;

    (void)cmpxchg(&admin, d->domain_id, DOMID_INVALID);

    rc = port_domain_teardown(d);
    if ( !rc && d->hicamp )
        rc = space_teardown(d->hicamp);
    if ( !rc && d->hicamp )
        rc = segment_teardown(d->hicamp);

    return rc;
}

void hicamp_domain_destroy(struct domain *d)
{
    if ( d->hicamp )
        space_destroy(d->hicamp);
    d->hicamp = NULL;
}

static int __init cf_check hicamp_init(void)
{
    int rc;

    if ( !opt_hicamp )
        return 0;

    arena_default_quota(min(opt_quota / LINE_BYTES, (uint64_t)UINT_MAX));
    rc = line_store_init(opt_mem);
    if ( !rc )
        rc = hicamp_classify_init();
    if ( rc )
    {
        printk(XENLOG_ERR "hicamp: off: cannot set up (%d)\n", rc);
        opt_hicamp = false;
        return rc;
    }

    offload_init();
    stats_init();
    printk("hicamp: on, at most %"PRIu64" MiB of lines\n", opt_mem >> 20);

    return 0;
}
__initcall(hicamp_init);
