/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-model.c
 *
 * Random operations on several ports and domains against a simple model.
 *
 * The model knows of every packet what must come of it: refused for a reason
 * that it can tell, or sent to the outputs that the flow of that moment names.
 * At each output it must arrive intact, once, in order, or be one of those
 * that are counted as dropped there.  Each packet with extents is completed
 * once, and its memory is scribbled over as soon as it is, or its sender has
 * revoked the run, or detached.  Clocks tick, quotas shrink, ports copy, and
 * receivers sleep meanwhile.  In the end nothing is left.
 *
 * MODEL_SEED and MODEL_OPS in the environment choose another run.
 */

#include "guests.h"

#define PORTS           5       /* two of them of one domain */
#define GROUPS          4
#define OUTPUTS         3
#define PRIVATE         6       /* buffers of PRIVATE_PAGES to send from */
#define PRIVATE_PAGES   5
#define NO_REF          0
#define QUOTA           900     /* lines of a domain: of four, all */

/* What the sender does wrong. */
enum wrong { NOTHING, LENGTH, FLAGS, HEADER, FRAME, WRONGS };

struct record {
    uint32_t uid;
    unsigned int refs;
    struct pkt p;
    uint8_t *data;              /* what must arrive */
    enum wrong wrong;
    uint32_t end;               /* tx index behind it */
    uint32_t ref;               /* that it uses */
    int priv;                   /* buffer that it uses, or -1 */
    uint32_t priv_ref;          /* ... through this reference */
    bool taken, fine;
};

struct list {
    struct record **v;
    unsigned int head, tail, room;
};

struct model {
    struct guest *g;
    bool ref_issued;
    uint32_t mtu;
    bool antispoof;
    uint64_t torn;              /* completions that said so */
    bool asleep;                /* does not look at what it receives */
    unsigned long priv;         /* first frame of the buffers */
    bool priv_busy[PRIVATE];
    uint32_t priv_ref[PRIVATE]; /* issued so, or NO_REF */
    struct list put;            /* in the tx ring */
    struct list under_way;      /* not completed */
    struct list expected;       /* may arrive here, in this order */
    uint64_t cnt[HICAMP_NR_COUNTERS];
    uint64_t outputs;           /* that were to arrive here, but for the MTU */
    struct { bool is; unsigned int nr; uint32_t port[OUTPUTS]; } flow[GROUPS];
};

static struct model models[PORTS];
static uint32_t last_uid;
static uint64_t random_state;

void test_setup(void)
{
    guests_boot("2M");
}

static unsigned int rnd(unsigned int n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return (random_state >> 20) % n;
}

/* ---- Records ------------------------------------------------------------- */

static void append(struct list *l, struct record *r)
{
    if ( l->tail == l->room && l->head )
    {
        memmove(l->v, l->v + l->head, (l->tail - l->head) * sizeof(*l->v));
        l->tail -= l->head;
        l->head = 0;
    }
    if ( l->tail == l->room )
    {
        l->room = l->room * 2 ?: 64;
        l->v = realloc(l->v, l->room * sizeof(*l->v));
    }
    l->v[l->tail++] = r;
    r->refs++;
}

static void drop(struct record *r)
{
    if ( --r->refs )
        return;
    free(r->data);
    free(r);
}

static void clear(struct list *l)
{
    while ( l->head < l->tail )
        drop(l->v[l->head++]);
}

static void forget(struct list *l)
{
    clear(l);
    free(l->v);
    memset(l, 0, sizeof(*l));
}

static void scribble(struct model *m, unsigned int priv)
{
    memset(emul_guest(m->priv + priv * PRIVATE_PAGES), 0xdd,
           PRIVATE_PAGES * PAGE_SIZE);
}

/* Take a buffer back that a packet may still be borrowing. */
static void revoke_private(struct model *m, unsigned int priv)
{
    if ( m->priv_ref[priv] == NO_REF )
        return;
    CHECK_EQ(guest_revoke(m->g, m->priv_ref[priv]), 0);
    m->priv_ref[priv] = NO_REF;
    scribble(m, priv);
}

/* The sender has its frames back. */
static void reuse(struct model *m, struct record *r)
{
    if ( r->priv < 0 )
        return;
    revoke_private(m, r->priv);
    scribble(m, r->priv);
    m->priv_busy[r->priv] = false;
}

/* ---- Ports --------------------------------------------------------------- */

static void settle(struct model *m, struct guest *g)
{
    m->g = g;
    m->ref_issued = true;
    m->mtu = 65521;
    m->antispoof = false;
    m->priv = emul_pages_create(g->d, PRIVATE * PRIVATE_PAGES);
}

/* Nothing of the ring's contents, or of what was under way, counts any more. */
static void detached(struct model *m)
{
    struct list *l[] = { &m->put, &m->under_way };
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(l); i++ )
        for ( ; l[i]->head < l[i]->tail; drop(l[i]->v[l[i]->head++]) )
            reuse(m, l[i]->v[l[i]->head]);
    clear(&m->expected);
}

static struct model *by_port(uint32_t port)
{
    unsigned int i;

    for ( i = 0; i < PORTS; i++ )
        if ( models[i].g->port == port && models[i].g->attached )
            return &models[i];

    return NULL;
}

/* Does any output of a flow exist, attached or not? */
static bool reaches(const struct model *m, unsigned int group)
{
    unsigned int i, j;

    for ( i = 0; i < m->flow[group].nr; i++ )
        for ( j = 0; j < PORTS; j++ )
            if ( models[j].g->port == m->flow[group].port[i] )
                return true;

    return false;
}

/* Everything that can be counted is as the model says. */
static void audit(struct model *m)
{
    struct hicamp_port_info pi = guest_info(m->g);
    unsigned int i;

    static const unsigned int exact[] = {
        CNT(tx_packets), CNT(tx_bytes), CNT(tx_inline), CNT(upcalls),
        CNT(drop_malformed), CNT(drop_header), CNT(drop_frame),
        CNT(drop_spoof), CNT(drop_action), CNT(drop_noport), CNT(drop_mtu),
        CNT(drop_nomem), CNT(ring_errors),
    };

    for ( i = 0; i < ARRAY_SIZE(exact); i++ )
        CHECK_EQ(pi.counters[exact[i]], m->cnt[exact[i]]);
    CHECK_EQ(pi.counters[CNT(rx_packets)] + pi.queued +
             pi.counters[CNT(drop_queue)] + pi.counters[CNT(drop_torn)] +
             pi.counters[CNT(drop_detach)] +
             pi.counters[CNT(drop_quota)], m->outputs);
    CHECK(pi.counters[CNT(torn)] >= m->torn);
    CHECK(pi.borrowed <= m->g->comp_size);
}

/* ---- Sending ------------------------------------------------------------- */

static void extents(struct model *m, struct record *r)
{
    struct guest *g = m->g;
    unsigned int nr = rnd(8) ? 1 + rnd(3) : 1 + rnd(HICAMP_EXTENTS_MAX), i;
    unsigned int len, offset;

    for ( i = 0; i < PRIVATE && m->priv_busy[i]; i++ )
        ;
    if ( i < PRIVATE && rnd(2) )
    {
        uint8_t *bytes = emul_guest(m->priv + i * PRIVATE_PAGES);

        r->priv = i;
        m->priv_busy[i] = true;
        offset = rnd(PAGE_SIZE);
        len = 1 + rnd((PRIVATE_PAGES - 1) * PAGE_SIZE);
        memset(bytes + offset, r->uid, len);
        pkt_extent(&r->p, g, 0, len, false);
        r->p.ext[0].name = m->priv + i * PRIVATE_PAGES;
        r->p.ext[0].offset = offset;
        if ( offset + len <= PAGE_SIZE << 2 && rnd(2) )
        {
            CHECK_EQ(guest_issue(g, r->p.ext[0].name, 2,
                                 rnd(2) ? HICAMP_RUN_SEALED : 0,
                                 &m->priv_ref[i]), 0);
            r->priv_ref = m->priv_ref[i];
            r->p.ext[0].name = r->priv_ref;
            r->p.ext[0].type = HICAMP_EXT_REF;
        }
        nr--;
    }

    while ( nr-- )
    {
        bool ref = rnd(4) == 0;

        len = 1 + rnd(rnd(4) ? 2000 : 30000);
        if ( len > HICAMP_LEN_MAX - r->p.h.len )
            break;
        offset = rnd((ref ? 16 : g->pool_pages) * PAGE_SIZE - len);
        pkt_extent(&r->p, g, offset, len, ref);
        if ( ref )
            r->ref = g->pool_ref;
    }
}

static void spoil(struct model *m, struct record *r)
{
    struct pkt *p = &r->p;

    r->wrong = 1 + rnd(WRONGS - 1);
    switch ( r->wrong )
    {
    case LENGTH: p->h.len += 1 + rnd(100); break;
    case FLAGS: p->h.flags = 1u << (3 + rnd(13)); break;
    case HEADER: /* IPv4, of which nothing stands there */
        if ( p->h.inline_len < 34 && p->h.len >= 34 )
            p->inl[12] = 8, p->inl[13] = 0;
        else
            r->wrong = NOTHING;
        break;
    case FRAME:
        if ( p->h.nr_extents )
            p->ext[p->h.nr_extents - 1].name = dom0->domain_id;
        else
            r->wrong = NOTHING;
        if ( r->wrong && p->ext[p->h.nr_extents - 1].type == HICAMP_EXT_REF )
            p->ext[p->h.nr_extents - 1].name = ~0ull;
        break;
    default:
        break;
    }
}

static void send(struct model *m)
{
    struct record *r = calloc(1, sizeof(*r));
    struct pkt bytes;

    r->uid = ++last_uid;
    r->priv = -1;
    r->p = pkt_new(m->g, rnd(GROUPS), 18 + rnd(HICAMP_INLINE_MAX - 17));
    memcpy(r->p.inl + 14, &r->uid, sizeof(r->uid));
    r->p.h.id = r->uid * 7;
    if ( rnd(3) )
        extents(m, r);
    if ( !rnd(8) )
        r->p.inl[7] ^= 1; /* not the port's address */
    r->data = malloc(r->p.h.len);
    bytes = r->p;
    /* pkt_bytes() knows frames, and the pool. */
    if ( r->priv_ref != NO_REF )
    {
        bytes.ext[0].name = m->priv + r->priv * PRIVATE_PAGES;
        bytes.ext[0].type = HICAMP_EXT_FRAME;
    }
    pkt_bytes(&bytes, m->g, r->data);
    if ( !rnd(12) )
        spoil(m, r);

    if ( guest_put(m->g, &r->p) )
    {
        r->end = m->g->tx_prod;
        append(&m->put, r);
        return;
    }
    reuse(m, r);
    r->refs = 1;
    drop(r);
}

/* Which counter refuses it, if any. */
static unsigned int refusal(const struct model *m, const struct record *r)
{
    if ( r->wrong == LENGTH || r->wrong == FLAGS )
        return CNT(drop_malformed);
    if ( r->wrong == HEADER )
        return CNT(drop_header);
    if ( m->antispoof && memcmp(r->p.inl + 6, m->g->mac, 6) )
        return CNT(drop_spoof);
    if ( r->wrong == FRAME ||
         (r->priv_ref != NO_REF && r->priv_ref != m->priv_ref[r->priv]) ||
         (r->ref != NO_REF && (!m->ref_issued || r->ref != m->g->pool_ref)) )
        return CNT(drop_frame);

    return CNT(tx_packets);
}

/* Xen has taken r: say what must come of it. */
static void taken(struct model *m, struct record *r)
{
    unsigned int counter = refusal(m, r), i;
    unsigned int group = r->p.inl[5];

    r->fine = counter == CNT(tx_packets);
    m->cnt[counter]++;
    if ( r->p.h.nr_extents )
        append(&m->under_way, r);
    if ( !r->fine )
        return;

    m->cnt[CNT(tx_bytes)] += r->p.h.len;
    m->cnt[CNT(tx_inline)] += !r->p.h.nr_extents;
    if ( !m->flow[group].is )
        m->cnt[CNT(upcalls)]++;
    else if ( !m->flow[group].nr )
        m->cnt[CNT(drop_action)]++;
    else if ( !reaches(m, group) )
    {
        m->cnt[CNT(upcalls)]++; /* as if there were no flow */
        return;
    }

    for ( i = 0; m->flow[group].is && i < m->flow[group].nr; i++ )
    {
        struct model *to = by_port(m->flow[group].port[i]);

        if ( !to )
            m->cnt[CNT(drop_noport)]++;
        else if ( r->p.h.len - 14 > to->mtu )
            to->cnt[CNT(drop_mtu)]++;
        else
        {
            to->outputs++;
            append(&to->expected, r);
        }
    }
}

static void transmit(struct model *m)
{
    struct list *l = &m->put;

    CHECK_EQ(guest_doorbell(m->g, HICAMP_DOORBELL_TX), 0);
    while ( l->head < l->tail &&
            (int32_t)(l->v[l->head]->end - m->g->ctrl->tx_cons) <= 0 )
    {
        taken(m, l->v[l->head]);
        drop(l->v[l->head++]);
    }
}

/* ---- Receiving ----------------------------------------------------------- */

static bool receive(struct model *m)
{
    struct list *l = &m->expected;
    struct record *r;
    uint32_t uid;

    if ( !guest_get(m->g) )
        return false;

    memcpy(&uid, m->g->got.data + 14, sizeof(uid));
    for ( ; ; )
    {
        CHECK(l->head < l->tail);
        r = l->v[l->head++];
        if ( r->uid == uid )
            break;
        drop(r); /* dropped here; audit() counts */
    }
    CHECK_EQ(m->g->got.h.len, r->p.h.len);
    CHECK_EQ(m->g->got.h.flags, r->p.h.flags);
    CHECK(!memcmp(m->g->got.data, r->data, r->p.h.len));
    drop(r);

    return true;
}

static bool reap(struct model *m)
{
    struct list *l = &m->under_way;
    struct hicamp_comp c;
    unsigned int i;

    if ( !guest_reap(m->g, &c) )
        return false;
    for ( i = l->head; i < l->tail && l->v[i]->p.h.id != c.id; i++ )
        ;
    CHECK(i < l->tail);
    if ( l->v[i]->fine && c.status == HICAMP_COMP_TORN )
        m->torn++;
    else
        CHECK_EQ(c.status, l->v[i]->fine ? HICAMP_COMP_OK : HICAMP_COMP_BAD);
    reuse(m, l->v[i]);
    drop(l->v[i]);
    l->v[i] = l->v[l->head++];

    return true;
}

/* ---- Other operations ---------------------------------------------------- */

static void change_flow(struct model *m)
{
    struct hicamp_action list[OUTPUTS];
    unsigned int group = rnd(GROUPS), i, nr = rnd(OUTPUTS + 1);

    if ( m->flow[group].is && !rnd(4) )
    {
        CHECK_EQ(flow_op(m->g->port, group, HICAMP_FLOW_DELETE, NULL, 0), 0);
        m->flow[group].is = false;
        return;
    }
    for ( i = 0; i < nr; i++ )
    {
        m->flow[group].port[i] = models[rnd(PORTS)].g->port;
        list[i] = (struct hicamp_action){ HICAMP_ACT_OUTPUT, 8,
                                          m->flow[group].port[i] };
    }
    CHECK_EQ(flow_op(m->g->port, group, m->flow[group].is ? HICAMP_FLOW_MODIFY
                     : HICAMP_FLOW_ADD, list, nr), 0);
    m->flow[group].is = true;
    m->flow[group].nr = nr;
}

static void change_port(struct model *m)
{
    m->mtu = rnd(2) ? 65521 : 1000 + rnd(20000);
    m->antispoof = rnd(2);
    CHECK_EQ(guest_set(m->g, HICAMP_PORT_SET_MTU | HICAMP_PORT_SET_FLAGS,
                       m->mtu, (m->antispoof ? HICAMP_PORT_ANTISPOOF : 0) |
                       (rnd(3) ? 0 : HICAMP_PORT_COPY)), 0);
}

static void change_bounds(struct model *m)
{
    static const unsigned int lines[] = { 0, 40, 300, QUOTA };

    guest_quota(m->g, lines[rnd(2) ? 3 : rnd(4)]);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, rnd(2) ? 64 : rnd(8)), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_AGE_US, 100 + rnd(2000)), 0);
}

static void change_ref(struct model *m)
{
    if ( m->ref_issued )
        CHECK_EQ(guest_revoke(m->g, m->g->pool_ref), 0);
    if ( !m->ref_issued || rnd(2) )
    {
        CHECK_EQ(guest_issue(m->g, m->g->pool, HICAMP_ORDER_MAX, 0,
                             &m->g->pool_ref), 0);
        m->ref_issued = true;
    }
    else
        m->ref_issued = false;
}

/* Take a receive buffer back, posted or not, and issue it anew. */
static void change_buffer(struct model *m)
{
    struct buffer *b = &m->g->bufs[rnd(m->g->nr_bufs)];

    while ( receive(m) )
        ;
    CHECK_EQ(guest_revoke(m->g, b->ref), 0);
    CHECK_EQ(guest_issue(m->g, b->mfn, b->order, HICAMP_RUN_RW, &b->ref), 0);
    b->posted = false;
}

static void bad_buffer(struct model *m)
{
    if ( m->g->fill_prod - m->g->ctrl->fill_cons < m->g->fill_size )
        guest_put_fill(m->g, rnd(2) ? rnd(~0u) : m->g->bufs[0].ref, rnd(9000),
                       rnd(3) ? rnd(2048) : 9000, 0);
}

static void reattach(struct model *m)
{
    audit(m);
    CHECK_EQ(guest_detach(m->g), 0);
    detached(m);
    audit(m);
    CHECK_EQ(guest_attach(m->g), 0);
    guest_fill(m->g);
}

static void recreate(struct model *m)
{
    CHECK_EQ(guest_destroy(m->g), 0);
    detached(m);
    memset(m->cnt, 0, sizeof(m->cnt));
    m->torn = 0;
    memset(m->flow, 0, sizeof(m->flow));
    m->outputs = 0;
    CHECK_EQ(guest_create(m->g, 0, 0), 0);
    m->mtu = 65521;
    m->antispoof = false;
    CHECK_EQ(guest_attach(m->g), 0);
    guest_fill(m->g);
}

static void rebirth(struct model *m)
{
    static domid_t domid = 100;
    struct domain *d = m->g->d, *born = emul_domain_create(++domid);
    struct model *of[PORTS];
    uint32_t devid[PORTS];
    unsigned int i, n = 0;

    for ( i = 0; i < PORTS; i++ )
        if ( models[i].g->d == d )
        {
            devid[n] = models[i].g->devid;
            of[n++] = &models[i];
            /* What it issued goes with it, and is torn. */
            memset(models[i].priv_ref, 0, sizeof(models[i].priv_ref));
            detached(&models[i]);
        }
    guest_kill(m->g);
    for ( i = 0; i < n; i++ )
    {
        struct list put = of[i]->put, way = of[i]->under_way;
        struct list expected = of[i]->expected;

        memset(of[i], 0, sizeof(*of[i]));
        of[i]->put = put;
        of[i]->under_way = way;
        of[i]->expected = expected;
        settle(of[i], guest_add(born, devid[i], 64 << rnd(3), 64 << rnd(3),
                                64 << rnd(3), 64 << rnd(3)));
    }
}

static void operation(struct model *m)
{
    unsigned int what = rnd(4000), n;

    if ( !rnd(300) )
        m->asleep = !m->asleep;
    if ( m->asleep && what >= 2200 && what < 3300 )
        return;

    if ( what < 300 )
        emul_advance(rnd(MICROSECS(100)));
    else if ( what < 420 )
        revoke_private(m, rnd(PRIVATE));
    else if ( what < 1400 )
        for ( n = 1 + rnd(6); n--; )
            send(m);
    else if ( what < 2200 )
        transmit(m);
    else if ( what < 3000 )
    {
        for ( n = rnd(12); n-- && receive(m); )
            ;
        if ( rnd(8) )
            guest_fill(m->g);
    }
    else if ( what < 3300 )
        CHECK_EQ(guest_doorbell(m->g, HICAMP_DOORBELL_RX), 0);
    else if ( what < 3700 )
        for ( n = rnd(30); n-- && reap(m); )
            ;
    else if ( what < 3800 )
        change_flow(m);
    else if ( what < 3830 )
        change_port(m);
    else if ( what < 3870 )
        change_ref(m);
    else if ( what < 3910 )
        change_buffer(m);
    else if ( what < 3920 )
        bad_buffer(m);
    else if ( what < 3935 )
        change_bounds(m);
    else if ( what < 3950 )
        emul_preempt_every = rnd(4);
    else if ( what < 3980 )
        audit(m);
    else if ( what < 3994 )
        reattach(m);
    else if ( what < 3998 )
        recreate(m);
    else
        rebirth(m);
}

/* What the last ports have seen: has all of it been tried? */
static void tried(void)
{
    static const struct { const char *name; unsigned int counter; } t[] = {
#define T(name) { #name, CNT(name) }
        T(copied_port), T(copied_pair), T(copied_age), T(copied_revoke),
        T(torn), T(drop_torn), T(drop_quota), T(tx_refs),
#undef T
    };
    unsigned int i, j;

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        uint64_t n = 0;

        for ( j = 0; j < PORTS; j++ )
            n += guest_count(models[j].g, t[i].counter);
        printf("%s %"PRIu64"\n", t[i].name, n);
    }
}

/* Everybody does what a driver does until nothing moves any more. */
static void finish(void)
{
    unsigned int i, quiet = 0;

    while ( quiet < 3 )
    {
        quiet++;
        for ( i = 0; i < PORTS; i++ )
        {
            struct model *m = &models[i];

            while ( receive(m) || reap(m) )
                quiet = 0;
            guest_fill(m->g);
            CHECK_EQ(guest_doorbell(m->g, HICAMP_DOORBELL_RX), 0);
            transmit(m);
        }
    }

    for ( i = 0; i < PORTS; i++ )
    {
        struct model *m = &models[i];
        struct hicamp_port_info pi = guest_info(m->g);

        audit(m);
        CHECK_EQ(m->put.head, m->put.tail);
        CHECK_EQ(m->under_way.head, m->under_way.tail);
        CHECK_EQ(pi.queued, 0);
        CHECK_EQ(pi.borrowed, 0);
        CHECK_EQ(guest_lines(m->g), 0);
        forget(&m->put);
        forget(&m->under_way);
        forget(&m->expected);
    }
    CHECK_EQ(host_info().lines_used, 0);
    tried();
}

static unsigned long number(const char *name, unsigned long other)
{
    const char *s = getenv(name);

    return s ? strtoul(s, NULL, 0) : other;
}

static void run(unsigned long seed, unsigned long ops)
{
    unsigned int i;

    random_state = seed * 0x9e3779b97f4a7c15ull | 1;
    for ( i = 0; i < 10; i++ )
        rnd(1);
    CHECK_EQ(host_param(HICAMP_PARAM_QUOTA, QUOTA), 0);
    for ( i = 0; i < PORTS; i++ )
        settle(&models[i], i < PORTS - 1
               ? guest_new() : guest_add(models[0].g->d, 1, 256, 128, 64, 64));
    while ( ops-- )
        operation(&models[rnd(PORTS)]);
    emul_preempt_every = 0;
    finish();
    guests_end();
}

static void model(unsigned long seed)
{
    unsigned long ops = number("MODEL_OPS", 100000);

    seed = number("MODEL_SEED", seed);
    printf("seed %lu, %lu operations\n", seed, ops);
    fflush(stdout);
    run(seed, ops);
    printf("%u packets\n", last_uid);
}

TEST(every_packet_arrives_intact_and_in_order_or_is_counted)
{
    model(1);
}

TEST(every_packet_arrives_or_is_counted_with_another_seed)
{
    model(2);
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
