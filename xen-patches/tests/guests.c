/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * guests.c
 *
 * Fake guests for tests of the whole hypervisor side: see guests.h.
 */

#include "check.h"
#include "guests.h"

#define POOL_PAGES      34      /* two runs of 64 KB, and a bit */

struct domain *dom0;
void (*guests_meanwhile)(void);

static struct guest guests[GUESTS];
static domid_t last_domid;

/* Xen's messages and debug key are not under test. */
void stats_init(void)
{
}

/* ---- Boot and end -------------------------------------------------------- */

/* Back all lines with memory: the store keeps it for good. */
static void prime_lines(void)
{
    plid_t plid, list = PLID_NONE;

    while ( (plid = line_alloc(NULL, LINE_RX)) != PLID_NONE )
    {
        line_meta(plid)->link = list;
        list = plid;
    }
    while ( (plid = list) != PLID_NONE )
    {
        list = line_meta(plid)->link;
        line_put(plid);
    }
}

void guests_boot(const char *mem)
{
    char cmdline[64];

    snprintf(cmdline, sizeof(cmdline), "hicamp=on,mem=%s", mem);
    CHECK_EQ(emul_boot(cmdline), 0);
    prime_lines();
    emul_domain_destroy_hook = hicamp_domain_destroy;
    guests_begin();
}

void guests_begin(void)
{
    last_domid = 0;
    dom0 = emul_domain_create(0);
    dom0->is_control = true;
}

/* Walk the store: all that is in it belongs to a segment or a packet. */
static void guests_check(void)
{
    struct check *c = check_begin();
    uint64_t held;

    CHECK(c);
    check_all(c);
    check_walk(c, true);
    CHECK_EQ(check_end(c, &held), 0);
    CHECK_EQ(held, 0);
}

void guests_end(void)
{
    struct hicamp_info info;
    unsigned int i;

    guests_check();

    for ( i = 0; i < GUESTS; i++ )
        if ( guests[i].d )
            guest_kill(&guests[i]);

    info = host_info();
    CHECK_EQ(info.ports, 0);
    CHECK_EQ(info.flows, 0);
    CHECK_EQ(info.masks, 0);
    CHECK_EQ(info.pins, 0);
    CHECK_EQ(info.lines_used, 0);
    domain_kill_hicamp(dom0);
    dom0 = NULL;
}

/* ---- Life of a guest ----------------------------------------------------- */

struct guest *guest_new(void)
{
    return guest_sized(64, 64, 64, 64);
}

struct guest *guest_sized(uint32_t tx, uint32_t rx, uint32_t fill,
                          uint32_t comp)
{
    return guest_add(emul_domain_create(++last_domid), 0, tx, rx, fill, comp);
}

/* Pages for the rings, scattered unless TSan watches them (see mm.h). */
static void guest_area(struct guest *g)
{
    unsigned int i;
    unsigned long mfn;

    g->nr_frames = PFN_UP(HICAMP_AREA_BYTES(g->tx_size, g->rx_size,
                                            g->fill_size, g->comp_size));
    CHECK(g->nr_frames <= GUEST_AREA_MAX);
    mfn = emul_pages_create(g->d, g->nr_frames);
    for ( i = 0; i < g->nr_frames; i++ )
#ifdef __SANITIZE_THREAD__
        g->frames[i] = mfn + i;
#else
        g->frames[i] = mfn + g->nr_frames - 1 - i;
#endif
    g->ctrl = emul_guest(g->frames[0]);
}

static void guest_pool(struct guest *g)
{
    static uint8_t bytes[(POOL_PAGES + 1) * PAGE_SIZE];
    unsigned int i;

    for ( i = 0; !bytes[1] && i < sizeof(bytes); i++ )
        bytes[sizeof(bytes) - 1 - i] = (i * 0x9e3779b1u) >> 13;

    g->pool_pages = POOL_PAGES;
    g->pool = emul_pages_create(g->d, POOL_PAGES);
    memcpy(emul_guest(g->pool), bytes + g->d->domain_id * 77 % PAGE_SIZE,
           POOL_PAGES * PAGE_SIZE);
    CHECK_EQ(guest_issue(g, g->pool, HICAMP_ORDER_MAX, 0, &g->pool_ref), 0);
}

/* A guest with rings, but no port yet. */
static struct guest *guest_place(struct domain *d, uint32_t devid, uint32_t tx,
                                 uint32_t rx, uint32_t fill, uint32_t comp)
{
    struct guest *g = guests;

    while ( g->d )
        CHECK(++g < guests + GUESTS);

    memset(g, 0, offsetof(struct guest, got));
    g->d = d;
    g->devid = devid;
    g->mac[0] = 2;
    g->mac[4] = d->domain_id;
    g->mac[5] = devid + 1;
    g->tx_size = tx;
    g->rx_size = rx;
    g->fill_size = fill;
    g->comp_size = comp;

    guest_area(g);

    return g;
}

struct guest *guest_add(struct domain *d, uint32_t devid, uint32_t tx,
                        uint32_t rx, uint32_t fill, uint32_t comp)
{
    struct guest *g = guest_place(d, devid, tx, rx, fill, comp);

    CHECK_EQ(guest_create(g, 0, 0), 0);
    guest_pool(g);
    CHECK_EQ(guest_attach(g), 0);
    guest_buffers(g, 32, 1);
    guest_fill(g);

    return g;
}

/* A port of a new domain with nr queues, none of which is attached. */
static void queues_place(struct guest **q, unsigned int nr, uint32_t devid)
{
    struct domain *d = emul_domain_create(++last_domid);
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        q[i] = guest_place(d, devid, 64, 64, 64, 64);
        q[i]->queue = i;
        if ( i )
            q[i - 1]->more = q[i];
    }
}

/* Attach them all, and post buffers. */
static void queues_serve(struct guest **q, unsigned int nr)
{
    unsigned int i;

    CHECK_EQ(guest_attach(q[0]), 0);
    for ( i = 0; i < nr; i++ )
    {
        q[i]->port = q[0]->port;
        guest_pool(q[i]);
        guest_buffers(q[i], 32, 1);
        guest_fill(q[i]);
    }
}

void guest_queues(struct guest **q, unsigned int nr)
{
    queues_place(q, nr, 0);
    CHECK_EQ(guest_create(q[0], 0, 0), 0);
    queues_serve(q, nr);
}

void guest_fabric_queues(struct guest **q, unsigned int nr)
{
    struct hicamp_admin admin = {};

    queues_place(q, nr, HICAMP_FABRIC_DEVID);
    admin.domid = q[0]->d->domain_id;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_admin_set, &admin), 0);
    q[0]->fabric = true;
    queues_serve(q, nr);
}

struct guest *guest_fabric(void)
{
    struct guest *g;

    guest_fabric_queues(&g, 1);

    return g;
}

int guest_create(struct guest *g, uint32_t mtu, uint32_t flags)
{
    struct hicamp_port_create op = {
        .domid = g->d->domain_id, .devid = g->devid, .mtu = mtu,
        .flags = flags,
    };
    int rc;

    memcpy(op.mac, g->mac, 6);
    rc = emul_hypercall(dom0, HICAMP_OP_port_create, &op);
    if ( !rc )
        g->port = op.port;

    return rc;
}

int guest_attach(struct guest *g)
{
    struct hicamp_queue q[HICAMP_QUEUES_MAX];
    struct hicamp_port_attach op = {
        .devid = g->devid, .queues = (uintptr_t)q,
    };
    struct guest *m;
    unsigned int i;
    int rc;

    for ( m = g; m; m = m->more )
    {
        memset(m->ctrl, 0, sizeof(*m->ctrl));
        q[op.nr_queues++] = (struct hicamp_queue){
            .tx_slots = m->tx_size, .rx_slots = m->rx_size,
            .fill_entries = m->fill_size, .comp_entries = m->comp_size,
            .frames = (uintptr_t)m->frames, .nr_frames = m->nr_frames,
        };
    }
    rc = emul_hypercall(g->d, g->fabric ? HICAMP_OP_fabric_attach
                                        : HICAMP_OP_port_attach, &op);
    if ( rc )
        return rc;

    if ( g->fabric )
        g->port = op.port;
    CHECK_EQ(op.port, g->port);
    for ( m = g; m; m = m->more )
    {
        CHECK_EQ(read_atomic(&m->ctrl->tx_wakeup), 1);
        m->attached = true;
        m->evtchn = q[m->queue].evtchn;
        m->tx_prod = m->rx_cons = m->fill_prod = m->comp_cons = 0;
        for ( i = 0; i < m->nr_bufs; i++ )
            m->bufs[i].posted = false;
    }

    return 0;
}

int guest_detach(struct guest *g)
{
    struct hicamp_port_detach op = { .devid = g->devid };
    int rc = emul_hypercall(g->d, g->fabric ? HICAMP_OP_fabric_detach
                                            : HICAMP_OP_port_detach, &op);

    for ( ; !rc && g; g = g->more )
        g->attached = false;

    return rc;
}

int guest_destroy(struct guest *g)
{
    struct hicamp_port_id op = { .domid = g->d->domain_id, .devid = g->devid };
    int rc = emul_hypercall(dom0, HICAMP_OP_port_destroy, &op);

    if ( !rc )
        g->attached = false;

    return rc;
}

int guest_set(struct guest *g, uint32_t which, uint32_t mtu, uint32_t flags)
{
    struct hicamp_port_set op = {
        .domid = g->d->domain_id, .devid = g->devid, .mtu = mtu,
        .flags = flags, .which = which,
    };

    memcpy(op.mac, g->mac, 6);

    return emul_hypercall(dom0, HICAMP_OP_port_set, &op);
}

int guest_doorbell(struct guest *g, unsigned int what)
{
    return emul_hypercall(g->d, HICAMP_OP_doorbell,
                          (void *)HICAMP_DOORBELL(g->port, g->queue, what));
}

int guest_issue(struct guest *g, unsigned long mfn, unsigned int order,
                unsigned int flags, uint32_t *ref)
{
    struct hicamp_run run = { .frame = mfn, .order = order, .flags = flags };
    struct hicamp_space_op op = { .runs = (uintptr_t)&run, .nr = 1 };
    int rc = emul_hypercall(g->d, HICAMP_OP_space_issue, &op);

    *ref = run.ref;

    return rc;
}

int guest_revoke(struct guest *g, uint32_t ref)
{
    struct hicamp_run run = { .ref = ref };
    struct hicamp_space_op op = { .runs = (uintptr_t)&run, .nr = 1 };

    return emul_hypercall(g->d, HICAMP_OP_space_revoke, &op);
}

int guest_segment(struct guest *g, struct hicamp_segment_op *op)
{
    struct hicamp_segment_batch b = { .ops = (uintptr_t)op, .nr = 1 };

    return emul_hypercall(g->d, HICAMP_OP_segment, &b);
}

int host_param(uint32_t param, uint64_t value)
{
    struct hicamp_param op = { .param = param, .value = value };

    return emul_hypercall(dom0, HICAMP_OP_param_set, &op);
}

void guest_quota(struct guest *g, unsigned int lines)
{
    write_atomic(&g->d->hicamp->arena->quota, lines);
}

unsigned int guest_lines(const struct guest *g)
{
    return arena_used(g->d->hicamp->arena);
}

unsigned int domain_kill_hicamp(struct domain *d)
{
    unsigned int n = 0, i;

    write_atomic(&d->is_dying, DOMDYING_dying);
    while ( hicamp_domain_teardown(d) == -ERESTART )
    {
        n++;
        if ( guests_meanwhile )
            guests_meanwhile();
    }
    CHECK_EQ(hicamp_domain_teardown(d), 0);
    for ( i = 0; i < EMUL_EVTCHNS; i++ )
        CHECK(!d->emul_evtchn_used[i]);
    emul_pages_free(d);
    emul_domain_destroy(d);

    return n;
}

unsigned int guest_kill(struct guest *g)
{
    struct domain *d = g->d;
    unsigned int i;

    for ( i = 0; i < GUESTS; i++ )
        if ( guests[i].d == d )
            guests[i].d = NULL;

    return domain_kill_hicamp(d);
}

/* ---- Rings --------------------------------------------------------------- */

static void *area_at(struct guest *g, unsigned long offset)
{
    return emul_guest(g->frames[offset >> PAGE_SHIFT]) + PAGE_OFFSET(offset);
}

/* HICAMP_TX_OFF and so on, for g's sizes. */
#define OFF(g, ring)    HICAMP_ ## ring ## _OFF((g)->tx_size, (g)->rx_size, \
                                                (g)->fill_size, (g)->comp_size)

struct hicamp_slot *guest_tx_slot(struct guest *g, uint32_t i)
{
    return area_at(g, OFF(g, TX) + (i & (g->tx_size - 1)) * 64);
}

struct hicamp_slot *guest_rx_slot(struct guest *g, uint32_t i)
{
    return area_at(g, OFF(g, RX) + (i & (g->rx_size - 1)) * 64);
}

struct hicamp_fill *guest_fill_entry(struct guest *g, uint32_t i)
{
    return area_at(g, OFF(g, FILL) + (i & (g->fill_size - 1)) * 16);
}

struct hicamp_comp *guest_comp_entry(struct guest *g, uint32_t i)
{
    return area_at(g, OFF(g, COMP) + (i & (g->comp_size - 1)) * 8);
}

/* ---- Receive buffers ----------------------------------------------------- */

void guest_buffers(struct guest *g, unsigned int nr, unsigned int order)
{
    unsigned long mfn = emul_pages_create(g->d, nr << order);

    CHECK(g->nr_bufs + nr <= GUEST_BUFS);
    for ( ; nr--; mfn += 1ul << order )
    {
        struct buffer *b = &g->bufs[g->nr_bufs++];

        *b = (struct buffer){ .mfn = mfn, .order = order,
                              .len = PAGE_SIZE << order };
        CHECK_EQ(guest_issue(g, mfn, order, HICAMP_RUN_RW, &b->ref), 0);
    }
}

void guest_starve(struct guest *g)
{
    CHECK_EQ(guest_detach(g), 0);
    CHECK_EQ(guest_attach(g), 0);
}

void guest_put_fill(struct guest *g, uint32_t ref, uint32_t offset,
                    uint32_t len, uint32_t id)
{
    *guest_fill_entry(g, g->fill_prod) = (struct hicamp_fill){
        .ref = ref, .offset = offset, .len = len, .id = id,
    };
    write_atomic(&g->ctrl->fill_prod, ++g->fill_prod);
}

unsigned int guest_fill(struct guest *g)
{
    unsigned int i, n = 0;

    for ( i = 0; i < g->nr_bufs; i++ )
    {
        struct buffer *b = &g->bufs[i];

        if ( b->posted )
            continue;
        if ( g->fill_prod - read_atomic(&g->ctrl->fill_cons) >= g->fill_size )
            break;
        b->posted = true;
        guest_put_fill(g, b->ref, b->offset, b->len, i);
        n++;
    }

    return n;
}

/* ---- Packets ------------------------------------------------------------- */

struct pkt pkt_new(const struct guest *g, unsigned int group,
                   unsigned int inline_len)
{
    struct pkt p;
    unsigned int i;

    memset(&p, 0, sizeof(p));
    p.h.len = p.h.inline_len = inline_len;
    p.inl[0] = 2;
    p.inl[5] = group;
    memcpy(p.inl + 6, g->mac, 6);
    p.inl[12] = 0x88;
    p.inl[13] = 0xb5;
    for ( i = 14; i < inline_len; i++ )
        p.inl[i] = test_random();

    return p;
}

void pkt_extent(struct pkt *p, const struct guest *g, unsigned int offset,
                unsigned int len, bool ref)
{
    p->ext[p->h.nr_extents++] = (struct hicamp_extent){
        .name = ref ? g->pool_ref : g->pool + (offset >> PAGE_SHIFT),
        .offset = ref ? offset : PAGE_OFFSET(offset), .len = len,
        .type = ref ? HICAMP_EXT_REF : HICAMP_EXT_FRAME,
    };
    p->h.len += len;
}

void pkt_bytes(const struct pkt *p, const struct guest *g, uint8_t *data)
{
    unsigned int i;

    memcpy(data, p->inl, p->h.inline_len);
    data += p->h.inline_len;
    for ( i = 0; i < p->h.nr_extents; i++ )
    {
        const struct hicamp_extent *e = &p->ext[i];

        memcpy(data, emul_guest(e->type == HICAMP_EXT_REF ? g->pool : e->name)
                     + e->offset, e->len);
        data += e->len;
    }
}

bool guest_put(struct guest *g, const struct pkt *p)
{
    unsigned int nr_hdr = HICAMP_HDR_SLOTS(p->h.inline_len), i;
    unsigned int nr = nr_hdr + HICAMP_EXT_SLOTS(p->h.nr_extents);
    uint8_t bytes[HICAMP_PKT_SLOTS_MAX * HICAMP_SLOT_BYTES] = {};

    if ( g->tx_prod - read_atomic(&g->ctrl->tx_cons) + nr > g->tx_size )
        return false;

    memcpy(bytes, &p->h, sizeof(p->h));
    memcpy(bytes + sizeof(p->h), p->inl, p->h.inline_len);
    memcpy(bytes + nr_hdr * HICAMP_SLOT_BYTES, p->ext,
           p->h.nr_extents * sizeof(p->ext[0]));
    for ( i = 0; i < nr; i++ )
        memcpy(guest_tx_slot(g, g->tx_prod + i), bytes + i * HICAMP_SLOT_BYTES,
               HICAMP_SLOT_BYTES);
    g->tx_prod += nr;
    write_atomic(&g->ctrl->tx_prod, g->tx_prod);

    return true;
}

struct pkt guest_send(struct guest *g, unsigned int group, unsigned int len,
                      unsigned int inline_len, uint32_t id)
{
    struct pkt p = pkt_new(g, group, inline_len);

    p.h.id = id;
    if ( len > inline_len )
        pkt_extent(&p, g, (id * 1031) % 9000, len - inline_len, false);
    CHECK(guest_put(g, &p));

    return p;
}

bool guest_get(struct guest *g)
{
    uint32_t avail = read_atomic(&g->ctrl->rx_prod) - g->rx_cons, i, n, at = 0;
    uint32_t inl, nr_hdr;
    struct got *got = &g->got;

    if ( !avail )
        return false;

    CHECK(avail <= g->rx_size);
    memcpy(&got->h, guest_rx_slot(g, g->rx_cons), sizeof(got->h));
    inl = got->h.inline_len;
    CHECK(inl <= HICAMP_INLINE_MAX && got->h.nr_extents <= HICAMP_EXTENTS_MAX);
    nr_hdr = HICAMP_HDR_SLOTS(inl);
    CHECK(nr_hdr + HICAMP_EXT_SLOTS(got->h.nr_extents) <= avail);

    n = min(inl, 32u);
    memcpy(got->data, guest_rx_slot(g, g->rx_cons)->bytes + 32, n);
    for ( i = 1, at = n; at < inl; at += n, i++ )
    {
        n = min(inl - at, 64u);
        memcpy(got->data + at, guest_rx_slot(g, g->rx_cons + i), n);
    }

    for ( i = 0; i < got->h.nr_extents; i++ )
    {
        struct hicamp_slot *s = guest_rx_slot(g, g->rx_cons + nr_hdr + i / 4);
        struct hicamp_extent e;
        struct buffer *b;

        memcpy(&e, s->bytes + i % 4 * sizeof(e), sizeof(e));
        CHECK(e.type == HICAMP_EXT_FILL && !e.offset && e.len);
        CHECK(e.name < g->nr_bufs);
        b = &g->bufs[e.name];
        CHECK(b->posted && e.len <= b->len);
        CHECK(at + e.len <= HICAMP_LEN_MAX);
        memcpy(got->data + at, emul_guest(b->mfn) + b->offset, e.len);
        at += e.len;
        b->posted = false;
    }
    CHECK_EQ(at, got->h.len);
    got->bufs = got->h.nr_extents;
    g->rx_cons += HICAMP_PKT_SLOTS(inl, got->h.nr_extents);
    write_atomic(&g->ctrl->rx_cons, g->rx_cons);

    return true;
}

static void expect(struct guest *g, const struct guest *from,
                   const struct pkt *p, uint32_t port, uint8_t reason)
{
    static __thread uint8_t data[HICAMP_LEN_MAX + 1];
    const struct hicamp_pkt *h = &g->got.h;

    CHECK(guest_get(g));
    CHECK_EQ(h->len, p->h.len);
    CHECK_EQ(h->inline_len, p->h.inline_len);
    CHECK_EQ(h->flags, p->h.flags);
    CHECK_EQ(h->csum_start, p->h.csum_start);
    CHECK_EQ(h->csum_offset, p->h.csum_offset);
    CHECK_EQ(h->gso_size, p->h.gso_size);
    CHECK_EQ(h->gso_type, p->h.gso_type);
    CHECK_EQ(h->hash, p->h.hash);
    CHECK(!h->id && !h->pad);
    CHECK_EQ(h->port, port);
    CHECK_EQ(h->reason, reason);
    pkt_bytes(p, from, data);
    CHECK(!memcmp(g->got.data, data, p->h.len));
}

void guest_expect(struct guest *g, const struct guest *from,
                  const struct pkt *p)
{
    expect(g, from, p, 0, 0);
}

void guest_expect_upcall(struct guest *g, const struct guest *from,
                         const struct pkt *p, uint8_t reason)
{
    expect(g, from, p, from->port, reason);
}

bool guest_reap(struct guest *g, struct hicamp_comp *c)
{
    uint32_t avail = read_atomic(&g->ctrl->comp_prod) - g->comp_cons;

    if ( !avail )
        return false;
    CHECK(avail <= g->comp_size);
    *c = *guest_comp_entry(g, g->comp_cons++);
    write_atomic(&g->ctrl->comp_cons, g->comp_cons);

    return true;
}

/* ---- The administrator --------------------------------------------------- */

int flow_op(uint32_t in_port, unsigned int group, unsigned int command,
            const struct hicamp_action *list, unsigned int nr)
{
    struct hicamp_flow f = {
        .key = { .in_port = in_port, .eth_dst = { 2, 0, 0, 0, 0, group } },
        .mask = { .in_port = ~0u,
                  .eth_dst = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
        .command = command, .actions = (uintptr_t)list,
        .actions_bytes = nr * sizeof(*list),
    };
    struct hicamp_flow_batch b = { .flows = (uintptr_t)&f, .nr = 1 };

    return emul_hypercall(dom0, HICAMP_OP_flow_update, &b);
}

void flow(const struct guest *g, unsigned int group,
          struct guest *const *to, unsigned int nr)
{
    struct hicamp_action list[GUESTS * 2];
    unsigned int i;

    CHECK(nr <= ARRAY_SIZE(list));
    for ( i = 0; i < nr; i++ )
        list[i] = (struct hicamp_action){ HICAMP_ACT_OUTPUT, 8, to[i]->port };
    CHECK_EQ(flow_op(g->port, group, HICAMP_FLOW_ADD, list, nr), 0);
}

struct hicamp_port_info guest_info(const struct guest *g)
{
    static __thread struct hicamp_port_info pi[GUESTS];
    struct hicamp_query q = { .entries = (uintptr_t)pi, .nr = GUESTS };
    unsigned int i;

    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_query, &q), 0);
    for ( i = 0; i < q.nr && pi[i].port != g->port; i++ )
        ;
    CHECK(i < q.nr);

    return pi[i];
}

uint64_t guest_count(const struct guest *g, unsigned int counter)
{
    return guest_info(g).counters[counter];
}

struct hicamp_info host_info(void)
{
    struct hicamp_info info;

    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_info, &info), 0);

    return info;
}

struct queue *guest_queue(const struct guest *g)
{
    struct queue *q;

    rcu_read_lock(&hicamp_rcu);
    q = port_queue(port_by_id(g->port), g->queue);
    rcu_read_unlock(&hicamp_rcu);

    return q;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
