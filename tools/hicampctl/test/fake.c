/* SPDX-License-Identifier: GPL-2.0-only */
/* fake: see fake.h. */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "../hcall.h"
#include "../text.h"

struct fake fake;

struct hcall
{
    int unused;
};

static struct hcall the_hcall;

/* Live buffers, so that reach() can tell theirs from other memory. */
static struct
{
    uint8_t *p;
    size_t size;
} buffer[64];

#define FLOWS 20000

void fake_reset(void)
{
    void *flows = fake.flow;

    if ( !flows )
        flows = malloc(FLOWS * sizeof(*fake.flow));
    memset(&fake, 0, sizeof(fake));
    fake.flow = flows;
    fake.version = HICAMP_ABI_VERSION;
    fake.flows_max = FLOWS;
    fake.nr_counters = HICAMP_NR_COUNTERS;
    fake.features = HICAMP_FEAT_TX_REF | HICAMP_FEAT_TX_FRAME;
    fake.used_ns = UINT64_MAX;
    fake.param[HICAMP_PARAM_BORROW_AGE_US] = 1000;
    fake.param[HICAMP_PARAM_BORROW_PAIR] = 64;
    fake.param[HICAMP_PARAM_QUOTA] = 131072;
}

static int port_create(uint16_t domid, uint32_t devid,
                       struct hicamp_port_info **made)
{
    struct hicamp_port_info *p = &fake.port[fake.nr_ports];

    if ( fake.nr_ports == ARRAY_SIZE(fake.port) )
        return -ENOSPC;
    memset(p, 0, sizeof(*p));
    p->port = 0x10001 + fake.nr_ports++;
    p->domid = domid;
    p->devid = devid;
    p->mtu = HICAMP_LEN_MAX - 14;
    *made = p;

    return 0;
}

void fake_ports(unsigned int nr)
{
    struct hicamp_port_info *p;
    unsigned int i;

    for ( i = 0; i < nr && !port_create(i + 1, 0, &p); i++ )
    {
        p->mac[1] = 0x16;
        p->mac[2] = 0x3e;
        p->mac[5] = i;
    }
}

size_t fake_buffers(void)
{
    size_t sum = 0;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(buffer); i++ )
        sum += buffer[i].size;

    return sum;
}

/* ---- hcall.h ------------------------------------------------------------ */

struct hcall *hcall_open(struct err *err)
{
    if ( fake.open_error )
    {
        err_set(err, EXIT_CALL, "%s", fake.open_error);
        return NULL;
    }
    fake.opened++;

    return &the_hcall;
}

void hcall_close(struct hcall *hc)
{
    (void)hc;
    fake.opened--;
}

void *hcall_alloc(struct hcall *hc, size_t size)
{
    unsigned int i;

    (void)hc;
    for ( i = 0; i < ARRAY_SIZE(buffer); i++ )
        if ( !buffer[i].p )
        {
            buffer[i].p = calloc(1, size);
            buffer[i].size = size;
            return buffer[i].p;
        }
    abort();
}

void hcall_free(struct hcall *hc, void *p)
{
    unsigned int i;

    (void)hc;
    if ( !p )
        return;
    for ( i = 0; i < ARRAY_SIZE(buffer); i++ )
        if ( buffer[i].p == p )
        {
            free(p);
            buffer[i].p = NULL;
            buffer[i].size = 0;
            return;
        }
    abort();
}

/* ---- Operations --------------------------------------------------------- */

/* size bytes at a guest address, when they are hypercall-safe. */
static void *reach(uint64_t addr, size_t size)
{
    uint8_t *p = (uint8_t *)(uintptr_t)addr;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(buffer); i++ )
        if ( buffer[i].p && p >= buffer[i].p &&
             p + size <= buffer[i].p + buffer[i].size )
            return p;

    return NULL;
}

static struct hicamp_port_info *find_port(uint16_t domid, uint32_t devid)
{
    unsigned int i;

    for ( i = 0; i < fake.nr_ports; i++ )
        if ( fake.port[i].domid == domid && fake.port[i].devid == devid )
            return &fake.port[i];

    return NULL;
}

static bool have_id(uint32_t id)
{
    unsigned int i;

    for ( i = 0; i < fake.nr_ports; i++ )
        if ( fake.port[i].port == id )
            return true;

    return false;
}

static int op_info(struct hicamp_info *i)
{
    memset(i, 0, sizeof(*i));
    i->version = fake.version;
    i->line_bytes = 512;
    i->features = fake.features;
    i->lines_max = 131072;
    i->lines_total = 4096;
    i->lines_used = 1024;
    i->pins = 77;
    i->ports_max = 4096;
    i->ports = fake.nr_ports;
    i->flows_max = fake.flows_max;
    i->flows = fake.nr_flows;
    i->masks_max = 1024;
    i->port_masks_max = 32;
    i->masks = 3;
    i->admin = fake.admin;
    i->upcalls = 5;

    return 0;
}

static int op_create(struct hicamp_port_create *c)
{
    struct hicamp_port_info *p;
    int rc;

    if ( (c->flags & ~(HICAMP_PORT_ANTISPOOF | HICAMP_PORT_COPY)) || c->port ||
         (c->mtu && (c->mtu < 68 || c->mtu > 65521)) )
        return -EINVAL;
    if ( c->domid > 1000 )
        return -ESRCH;
    if ( find_port(c->domid, c->devid) )
        return -EEXIST;
    rc = port_create(c->domid, c->devid, &p);
    if ( rc )
        return rc;
    memcpy(p->mac, c->mac, 6);
    if ( c->mtu )
        p->mtu = c->mtu;
    p->flags = c->flags;
    c->port = p->port;

    return 0;
}

static int op_destroy(const struct hicamp_port_id *id)
{
    struct hicamp_port_info *p = find_port(id->domid, id->devid);

    if ( id->pad )
        return -EINVAL;
    if ( !p )
        return -ENOENT;
    memmove(p, p + 1, (fake.port + --fake.nr_ports - p) * sizeof(*p));

    return 0;
}

static int op_set(const struct hicamp_port_set *s)
{
    struct hicamp_port_info *p = find_port(s->domid, s->devid);

    if ( !s->which || (s->which & ~7u) )
        return -EINVAL;
    if ( !p )
        return -ENOENT;
    if ( s->which & HICAMP_PORT_SET_MAC )
        memcpy(p->mac, s->mac, 6);
    if ( s->which & HICAMP_PORT_SET_MTU )
        p->mtu = s->mtu ? s->mtu : 65521;
    if ( s->which & HICAMP_PORT_SET_FLAGS )
        p->flags = (p->flags & ~(HICAMP_PORT_ANTISPOOF | HICAMP_PORT_COPY)) |
                   s->flags;

    return 0;
}

static int op_port_query(struct hicamp_query *q)
{
    struct hicamp_port_info *p = reach(q->entries, q->nr * sizeof(*p));
    uint32_t i, c;

    if ( q->pad || !q->nr || q->nr > 4096 )
        return -EINVAL;
    if ( !p )
        return -EFAULT;
    for ( i = 0; i < q->nr && q->cursor < fake.nr_ports; i++, q->cursor++ )
    {
        p[i] = fake.port[q->cursor];
        p[i].nr_counters = fake.nr_counters;
        for ( c = 0; c < fake.nr_counters && c < HICAMP_COUNTERS_MAX; c++ )
            if ( !p[i].counters[c] )
                p[i].counters[c] = 1000 * p[i].domid + c;
    }
    q->nr = i;

    return 0;
}

static int find_flow(const struct hicamp_flow *f)
{
    unsigned int i;

    for ( i = 0; i < fake.nr_flows; i++ )
        if ( !memcmp(&fake.flow[i].flow.key, &f->key, sizeof(f->key)) &&
             !memcmp(&fake.flow[i].flow.mask, &f->mask, sizeof(f->mask)) )
            return i;

    return -1;
}

static int check_actions(const uint8_t *list, uint32_t bytes)
{
    struct hicamp_action item;
    uint32_t at;

    if ( bytes % sizeof(item) || bytes > HICAMP_ACTIONS_MAX )
        return -EINVAL;
    for ( at = 0; at < bytes; at += sizeof(item) )
    {
        memcpy(&item, list + at, sizeof(item));
        if ( item.bytes != sizeof(item) )
            return -EINVAL;
        if ( item.type == HICAMP_ACT_OUTPUT && !have_id(item.arg) )
            return -ENOENT;
        if ( item.type != HICAMP_ACT_OUTPUT && item.arg )
            return -EINVAL;
    }

    return 0;
}

static int update_one(const struct hicamp_flow *f)
{
    const uint8_t *key = (const uint8_t *)&f->key;
    const uint8_t *mask = (const uint8_t *)&f->mask;
    const uint8_t *list = NULL;
    unsigned int i;
    int at, rc;

    if ( f->packets || f->bytes || f->used_ns )
        return -EINVAL;
    for ( i = 0; i < sizeof(f->key); i++ )
        if ( key[i] & ~mask[i] )
            return -EINVAL;
    if ( f->actions_bytes )
    {
        list = reach(f->actions, f->actions_bytes);
        if ( !list )
            return -EFAULT;
    }
    at = find_flow(f);

    switch ( f->command )
    {
    case HICAMP_FLOW_DELETE:
        if ( at < 0 )
            return -ENOENT;
        fake.flow[at] = fake.flow[--fake.nr_flows];
        return 0;

    case HICAMP_FLOW_ADD:
        if ( at >= 0 )
            return -EEXIST;
        if ( fake.nr_flows == fake.flows_max )
            return -ENOSPC;
        at = fake.nr_flows;
        break;

    case HICAMP_FLOW_MODIFY:
        if ( at < 0 )
            return -ENOENT;
        break;

    default:
        return -EINVAL;
    }

    rc = check_actions(list, f->actions_bytes);
    if ( rc )
        return rc;
    fake.flow[at].flow = *f;
    if ( list )
        memcpy(fake.flow[at].actions, list, f->actions_bytes);
    fake.nr_flows += (unsigned int)at == fake.nr_flows;

    return 0;
}

static int op_update(struct hicamp_flow_batch *b)
{
    const struct hicamp_flow *f = reach(b->flows, b->nr * sizeof(*f));
    int rc;

    if ( !b->nr || b->nr > 4096 || b->done )
        return -EINVAL;
    if ( !f )
        return -EFAULT;
    for ( ; b->done < b->nr; b->done++ )
    {
        rc = update_one(&f[b->done]);
        if ( rc )
            return rc;
    }

    return 0;
}

static int op_dump(struct hicamp_query *q)
{
    struct hicamp_flow *f = reach(q->entries, q->nr * sizeof(*f));
    uint32_t i;

    if ( q->pad || !q->nr || q->nr > 4096 )
        return -EINVAL;
    if ( !f )
        return -EFAULT;
    for ( i = 0; i < q->nr && q->cursor < fake.nr_flows; i++, q->cursor++ )
    {
        const struct hicamp_flow *from = &fake.flow[q->cursor].flow;
        uint64_t list = f[i].actions;
        uint32_t room = f[i].actions_bytes;

        if ( f[i].command )
            return -EINVAL;
        if ( room && !reach(list, room) )
            return -EFAULT;
        f[i] = *from;
        f[i].command = 0;
        f[i].actions = list;
        f[i].packets = 3 * q->cursor;
        f[i].bytes = 300 * q->cursor;
        f[i].used_ns = fake.used_ns;
        if ( from->actions_bytes && from->actions_bytes <= room )
            memcpy((void *)(uintptr_t)list, fake.flow[q->cursor].actions,
                   from->actions_bytes);
    }
    q->nr = i;

    return 0;
}

static int op_param(struct hicamp_param *p, bool set)
{
    uint64_t *value;

    if ( !set && p->value )
        return -EINVAL;
    if ( !p->param || p->param >= ARRAY_SIZE(fake.param) )
        return -ENOENT;
    if ( set && p->value > 1000000 &&
         !(p->port && p->value == HICAMP_PARAM_INHERIT) )
        return -EINVAL;
    value = &fake.param[p->param];
    if ( p->port )
    {
        value = &fake.own[p->param];
        if ( set && fake.own_port != p->port )
            memset(fake.own, 0xff, sizeof(fake.own));
        if ( set )
            fake.own_port = p->port;
        if ( fake.own_port != p->port )
        {
            p->value = HICAMP_PARAM_INHERIT;
            return 0;
        }
    }
    if ( set )
        *value = p->value;
    else
        p->value = *value;

    return 0;
}

static int op_rate(struct hicamp_port_rate *r)
{
    if ( r->pad )
        return -EINVAL;
    if ( !find_port(r->domid, r->devid) )
        return -ENOENT;
    if ( r->bytes_per_s == HICAMP_RATE_KEEP )
        *r = fake.rate;
    else if ( r->bytes_per_s && !r->burst )
        return -EINVAL;
    fake.rate = *r;

    return 0;
}

static int op_addrs(struct hicamp_port_addrs *a)
{
    if ( !find_port(a->domid, a->devid) )
        return -ENOENT;
    if ( a->nr == HICAMP_ADDRS_KEEP )
        *a = fake.addrs;
    else if ( a->nr && a->addr[0].family == 4 && a->addr[0].prefix == 24 &&
              a->addr[0].addr[3] )
        return -EINVAL;
    fake.addrs = *a;

    return 0;
}

/* Meters have the numbers 1 to 4. */
static int op_meter(struct hicamp_meter *m)
{
    struct hicamp_meter *f;
    uint32_t next = m->meter, command = m->command;

    if ( m->command == HICAMP_METER_NEXT )
        while ( next < ARRAY_SIZE(fake.meter) && !fake.meter[next].rate )
            next++;
    else if ( m->meter-- )
        next = m->meter;
    else
        return -EINVAL;
    if ( next >= ARRAY_SIZE(fake.meter) )
        return m->command == HICAMP_METER_SET ? -ENOSPC : -ENOENT;

    f = &fake.meter[next];
    if ( m->command == HICAMP_METER_SET )
    {
        if ( !m->rate || !m->burst || (m->flags & ~HICAMP_METER_PACKETS) )
            return -EINVAL;
        *f = *m;
        f->packets = 100;
        f->bytes = 6000;
        f->drop_packets = 7;
        f->drop_bytes = 420;
    }
    else if ( !f->rate )
        return -ENOENT;
    *m = *f;
    m->meter = next + 1;
    if ( command == HICAMP_METER_DELETE )
        f->rate = 0;

    return 0;
}

static int op_domain_set(const struct hicamp_domain_set *s)
{
    if ( s->pad || s->pad2 || !s->which || (s->which & ~3u) )
        return -EINVAL;
    if ( s->domid > 1000 )
        return -ESRCH;
    if ( !find_port(s->domid, 0) )
        return -ENOENT;
    fake.domain_set = *s;

    return 0;
}

/* A domain for each port of device 0. */
static int op_domain_query(struct hicamp_query *q)
{
    struct hicamp_domain_info *d = reach(q->entries, q->nr * sizeof(*d));
    uint32_t i;

    if ( q->pad || !q->nr || q->nr > 4096 )
        return -EINVAL;
    if ( !d )
        return -EFAULT;
    for ( i = 0; i < q->nr && q->cursor < fake.nr_ports; i++, q->cursor++ )
        d[i] = (struct hicamp_domain_info){
            .domid = fake.port[q->cursor].domid, .tenant = i % 2 ? 70 + i : 0,
            .quota = 4096, .used = 17, .peak = 99, .refused = 3, .runs = 5,
            .frames = 80,
        };
    q->nr = i;

    return 0;
}

static int op_version(struct hicamp_version *v)
{
    uint32_t theirs = v->version;

    if ( v->pad )
        return -EINVAL;
    v->version = fake.version;
    v->features = fake.features;
    v->max_queues = 8;
    v->max_ring = 4096;
    v->max_runs = 65536;
    v->max_ports = 4096;

    return theirs == fake.version ? 0 : -EOPNOTSUPP;
}

int hcall_op(struct hcall *hc, unsigned int cmd, void *arg)
{
    static const size_t size[64] = {
        [HICAMP_OP_version] = sizeof(struct hicamp_version),
        [HICAMP_OP_info] = sizeof(struct hicamp_info),
        [HICAMP_OP_admin_set] = sizeof(struct hicamp_admin),
        [HICAMP_OP_port_create] = sizeof(struct hicamp_port_create),
        [HICAMP_OP_port_destroy] = sizeof(struct hicamp_port_id),
        [HICAMP_OP_port_set] = sizeof(struct hicamp_port_set),
        [HICAMP_OP_port_query] = sizeof(struct hicamp_query),
        [HICAMP_OP_flow_update] = sizeof(struct hicamp_flow_batch),
        [HICAMP_OP_flow_dump] = sizeof(struct hicamp_query),
        [HICAMP_OP_domain_set] = sizeof(struct hicamp_domain_set),
        [HICAMP_OP_domain_query] = sizeof(struct hicamp_query),
        [HICAMP_OP_param_get] = sizeof(struct hicamp_param),
        [HICAMP_OP_param_set] = sizeof(struct hicamp_param),
        [HICAMP_OP_port_rate] = sizeof(struct hicamp_port_rate),
        [HICAMP_OP_port_addrs] = sizeof(struct hicamp_port_addrs),
        [HICAMP_OP_meter] = sizeof(struct hicamp_meter),
    };

    (void)hc;
    fake.calls[cmd % 64]++;
    if ( fake.fail_error && cmd == fake.fail_cmd )
        return -fake.fail_error;
    if ( size[cmd % 64] ? !reach((uintptr_t)arg, size[cmd % 64])
                        : (uintptr_t)arg > HICAMP_FLUSH_ORPHANS )
        return -EFAULT;

    switch ( cmd )
    {
    case HICAMP_OP_version:      return op_version(arg);
    case HICAMP_OP_info:         return op_info(arg);
    case HICAMP_OP_port_create:  return op_create(arg);
    case HICAMP_OP_port_destroy: return op_destroy(arg);
    case HICAMP_OP_port_set:     return op_set(arg);
    case HICAMP_OP_port_rate:    return op_rate(arg);
    case HICAMP_OP_port_addrs:   return op_addrs(arg);
    case HICAMP_OP_meter:        return op_meter(arg);
    case HICAMP_OP_port_query:   return op_port_query(arg);
    case HICAMP_OP_flow_update:  return op_update(arg);
    case HICAMP_OP_flow_dump:    return op_dump(arg);
    case HICAMP_OP_domain_set:   return op_domain_set(arg);
    case HICAMP_OP_domain_query: return op_domain_query(arg);
    case HICAMP_OP_param_get:    return op_param(arg, false);
    case HICAMP_OP_param_set:    return op_param(arg, true);

    case HICAMP_OP_admin_set:
        if ( ((struct hicamp_admin *)arg)->domid > 1000 )
            return -ESRCH;
        fake.admin = ((struct hicamp_admin *)arg)->domid;
        return 0;

    case HICAMP_OP_flow_flush:
        fake.nr_flows = arg ? fake.nr_flows / 2 : 0;
        return 0;

    default:
        return -ENOSYS;
    }
}
