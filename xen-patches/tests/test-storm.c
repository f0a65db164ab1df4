/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-storm.c
 *
 * Random operations of several guests at the same time, each with a CPU of its
 * own that acts as its driver.  What arrives tells where it comes from and
 * what it must be; what does not arrive is counted, and the counts add up.
 *
 * STORM_ROUNDS in the environment makes it longer.
 */

#include "guests.h"

#define CPUS            4

/* Every packet begins with this, behind its Ethernet header. */
struct label {
    uint32_t from;              /* CPU */
    uint32_t seq;               /* goes up */
    uint32_t nr;                /* extents, each ... */
    uint32_t lent;              /* ... of the pool, or one that is all seq */
    struct { uint32_t offset, len; } ext[HICAMP_EXTENTS_MAX / 4];
};

static struct guest *guests[CPUS];
static uint32_t rounds;

/* Written by one CPU each. */
static struct {
    uint32_t seq;               /* last sent */
    uint32_t seen[CPUS];        /* last received from */
    uint64_t received;
    bool ref_issued;
    unsigned long lent;         /* pages that are written after sending */
} side[CPUS];

#define LENT_ORDER      1
#define LENT_BYTES      (PAGE_SIZE << LENT_ORDER)

/* Flows of group 1 to CPUS: that many outputs. */
static const unsigned int outputs[] = { 0, 1, 2, 4 };

void test_setup(void)
{
    guests_boot("16M");
}

static void send_some(unsigned int cpu)
{
    struct guest *g = guests[cpu];
    unsigned int n = 1 + test_random() % 5;

    while ( n-- )
    {
        struct pkt p = pkt_new(g, test_random() % 5, HICAMP_INLINE_MAX);
        struct label l = { .from = cpu, .seq = side[cpu].seq + 1 };
        unsigned int i;

        if ( test_random() % 3 )
            l.nr = 1 + test_random() % ARRAY_SIZE(l.ext);
        for ( i = 0; i < l.nr; i++ )
        {
            bool ref = side[cpu].ref_issued && test_random() % 4 == 0;

            l.ext[i].len = 1 + test_random() % (i ? 200 : 8000);
            l.ext[i].offset = test_random() % (65536 - l.ext[i].len);
            pkt_extent(&p, g, l.ext[i].offset, l.ext[i].len, ref);
        }
        memcpy(p.inl + 14, &l, sizeof(l));
        BUILD_BUG_ON(14 + sizeof(l) > HICAMP_INLINE_MAX);
        if ( !guest_put(g, &p) )
            break;
        side[cpu].seq++;
    }
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
}

/* A packet from a run that is revoked and written to at once. */
static void send_and_revoke(unsigned int cpu)
{
    struct guest *g = guests[cpu];
    struct pkt p = pkt_new(g, 1 + test_random() % 3, HICAMP_INLINE_MAX);
    struct label l = { .from = cpu, .seq = side[cpu].seq + 1, .nr = 1,
                       .lent = 1 };
    uint32_t ref;

    memset(emul_guest(side[cpu].lent), l.seq, LENT_BYTES);
    CHECK_EQ(guest_issue(g, side[cpu].lent, LENT_ORDER,
                         test_random() % 2 ? HICAMP_RUN_SEALED : 0, &ref), 0);
    p.h.len += LENT_BYTES;
    p.h.nr_extents = 1;
    p.ext[0] = (struct hicamp_extent){
        .name = ref, .len = LENT_BYTES, .type = HICAMP_EXT_REF,
    };
    memcpy(p.inl + 14, &l, sizeof(l));
    if ( guest_put(g, &p) )
    {
        uint32_t before = g->tx_prod;

        side[cpu].seq++;
        CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        /* What has not been taken, for want of completions, is refused. */
        if ( read_atomic(&g->ctrl->tx_cons) == before && test_random() % 2 )
            emul_advance(MICROSECS(test_random() % 1000));
    }
    CHECK_EQ(guest_revoke(g, ref), 0);
    memset(emul_guest(side[cpu].lent), ~l.seq, LENT_BYTES);
}

static bool receive(unsigned int cpu)
{
    struct guest *g = guests[cpu];
    unsigned int i, at = HICAMP_INLINE_MAX;
    struct label l;

    if ( !guest_get(g) )
        return false;
    memcpy(&l, g->got.data + 14, sizeof(l));
    CHECK(l.from < CPUS && l.nr <= ARRAY_SIZE(l.ext));
    CHECK((int32_t)(l.seq - side[cpu].seen[l.from]) > 0);
    side[cpu].seen[l.from] = l.seq;
    for ( i = at; l.lent && i < at + LENT_BYTES; i++ )
        CHECK_EQ(g->got.data[i], (uint8_t)l.seq);
    if ( l.lent )
    {
        at += LENT_BYTES;
        l.nr = 0;
    }
    for ( i = 0; i < l.nr; at += l.ext[i++].len )
        CHECK(!memcmp(g->got.data + at, emul_guest(guests[l.from]->pool) +
                      l.ext[i].offset, l.ext[i].len));
    CHECK_EQ(at, g->got.h.len);
    side[cpu].received++;

    return true;
}

static void change_ref(unsigned int cpu)
{
    struct guest *g = guests[cpu];

    if ( side[cpu].ref_issued )
        CHECK_EQ(guest_revoke(g, g->pool_ref), 0);
    else
        CHECK_EQ(guest_issue(g, g->pool, HICAMP_ORDER_MAX, 0, &g->pool_ref),
                 0);
    side[cpu].ref_issued = !side[cpu].ref_issued;
}

/*
 * Buffers are revoked while others may be writing to them, then the port is
 * detached: what was on the way to them is lost.
 */
static void reattach(unsigned int cpu)
{
    struct guest *g = guests[cpu];
    unsigned int first = test_random() % g->nr_bufs, i;

    for ( i = first; i < g->nr_bufs && i < first + 4; i++ )
    {
        CHECK_EQ(guest_revoke(g, g->bufs[i].ref), 0);
        memset(emul_guest(g->bufs[i].mfn), 0xee, PAGE_SIZE << 1);
    }
    CHECK_EQ(guest_detach(g), 0);
    memset(emul_guest(g->bufs[0].mfn), 0xcc, g->nr_bufs * PAGE_SIZE << 1);
    for ( i = first; i < g->nr_bufs && i < first + 4; i++ )
        CHECK_EQ(guest_issue(g, g->bufs[i].mfn, 1, HICAMP_RUN_RW,
                             &g->bufs[i].ref), 0);
    CHECK_EQ(guest_attach(g), 0);
    guest_fill(g);
}

static void drive(void *arg, unsigned int cpu)
{
    struct guest *g = guests[cpu], *other = guests[(cpu + 1) % CPUS];
    struct hicamp_comp c;
    unsigned int i;

    for ( i = 0; i < rounds; i++ )
    {
        unsigned int what = test_random() % 200;

        if ( what < 50 )
            send_some(cpu);
        else if ( what < 70 )
            send_and_revoke(cpu);
        else if ( what < 80 )
            emul_advance(MICROSECS(test_random() % 200));
        else if ( what < 160 )
        {
            while ( receive(cpu) )
                ;
            guest_fill(g);
            CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_RX), 0);
        }
        else if ( what < 185 )
            while ( guest_reap(g, &c) )
                ;
        else if ( what < 190 )
            change_ref(cpu);
        else if ( what < 194 )
            host_info();
        else if ( what < 196 )
            guest_info(other);
        else if ( what < 198 )
            CHECK_EQ(guest_set(other, HICAMP_PORT_SET_MTU |
                               HICAMP_PORT_SET_FLAGS | HICAMP_PORT_SET_MAC,
                               5000 + test_random() % 9000,
                               test_random() % 4), 0);
        else if ( what == 198 )
            write_atomic(&g->ctrl->rx_event, test_random() % 2),
            write_atomic(&g->ctrl->comp_event, test_random() % 2);
        else
            reattach(cpu);
    }
}

static bool go, gone;

/* CPU 0 has delivered all that there was; its event goes out. */
static void one_more(struct domain *d, int evtchn)
{
    if ( emul_cpu || read_atomic(&go) )
        return;
    write_atomic(&go, true);
    while ( !read_atomic(&gone) )
        cpu_relax();
}

static void send_late(void *arg, unsigned int cpu)
{
    while ( cpu && !read_atomic(&go) )
        cpu_relax();
    CHECK_EQ(guest_doorbell(guests[cpu], HICAMP_DOORBELL_TX), 0);
    if ( cpu )
        write_atomic(&gone, true);
}

TEST(who_comes_while_another_delivers_leaves_no_packet_behind)
{
    struct pkt p[2];
    unsigned int i;

    for ( i = 0; i < 3; i++ )
        guests[i] = guest_new();
    for ( i = 0; i < 2; i++ )
    {
        flow(guests[i], 1, &guests[2], 1);
        p[i] = guest_send(guests[i], 1, 3000, 60, i);
    }
    write_atomic(&guests[2]->ctrl->rx_event, 1u);
    emul_notify_hook = one_more;
    emul_run(2, send_late, NULL);
    emul_notify_hook = NULL;
    for ( i = 0; i < 2; i++ )
        guest_expect(guests[2], guests[i], &p[i]);
    guests_end();
}

/* One after the other now, until nothing moves. */
static void settle(void)
{
    unsigned int cpu, quiet = 0;
    struct hicamp_comp c;

    while ( quiet++ < 3 )
        for ( cpu = 0; cpu < CPUS; cpu++ )
        {
            while ( receive(cpu) || guest_reap(guests[cpu], &c) )
                quiet = 0;
            guest_fill(guests[cpu]);
            CHECK_EQ(guest_doorbell(guests[cpu], HICAMP_DOORBELL_RX |
                                    HICAMP_DOORBELL_TX), 0);
        }
}

TEST(what_many_cpus_send_arrives_intact_and_in_order_or_is_counted)
{
    struct hicamp_flow_stats stats[CPUS * CPUS];
    struct hicamp_query q = { .entries = (uintptr_t)stats,
                              .nr = ARRAY_SIZE(stats) };
    uint64_t sent = 0, matched = 0, expected = 0, arrived = 0;
    const char *s = getenv("STORM_ROUNDS");
    unsigned int i, j;

    rounds = s ? atoi(s) : 2500;
    for ( i = 0; i < CPUS; i++ )
    {
        guests[i] = i % 2 ? guest_new() : guest_sized(256, 128, 64, 128);
        side[i].ref_issued = true;
        side[i].lent = emul_pages_create(guests[i]->d, 1 << LENT_ORDER);
    }
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 20), 0);
    for ( i = 0; i < CPUS; i++ )
        for ( j = 1; j < CPUS; j++ )
        {
            struct guest *to[] = { guests[(i + 1) % CPUS],
                                   guests[(i + 2) % CPUS],
                                   guests[(i + 3) % CPUS], guests[i] };

            flow(guests[i], j, to, outputs[j]);
        }

    emul_run(CPUS, drive, NULL);
    settle();

    /* Whoever was switched, by the flow that it met. */
    rcu_read_lock(&hicamp_rcu);
    for ( q.cursor = 0; ; )
    {
        struct hicamp_flow_view v;

        if ( !hicamp_flow_next(&q.cursor, &v) )
            break;
        matched += v.packets;
        expected += v.packets * v.acts->nr_outputs;
    }
    rcu_read_unlock(&hicamp_rcu);

    for ( i = 0; i < CPUS; i++ )
    {
        struct hicamp_port_info pi = guest_info(guests[i]);

        CHECK_EQ(pi.queued, 0);
        CHECK_EQ(pi.borrowed, 0);
        sent += pi.counters[CNT(tx_packets)] - pi.counters[CNT(upcalls)];
        expected -= pi.counters[CNT(drop_noport)];
        arrived += pi.counters[CNT(rx_packets)] +
                   pi.counters[CNT(drop_mtu)] + pi.counters[CNT(drop_queue)] +
                   pi.counters[CNT(drop_torn)] + pi.counters[CNT(drop_detach)] +
                   pi.counters[CNT(drop_quota)];
        CHECK(pi.counters[CNT(rx_packets)] >= side[i].received);
        CHECK_EQ(pi.counters[CNT(drop_malformed)] +
                 pi.counters[CNT(drop_header)] +
                 pi.counters[CNT(drop_nomem)] +
                 pi.counters[CNT(ring_errors)], 0);
    }
    CHECK_EQ(matched, sent);
    CHECK_EQ(arrived, expected);
    guests_end();
}

/* ---- Senders that die ---------------------------------------------------- */

static bool over;

/* CPU 0 makes senders and kills them; 1 receives, 2 ages, 3 looks. */
static void die(void *arg, unsigned int cpu)
{
    struct guest *to = guests[0];
    unsigned int i, j;

    for ( i = 0; !cpu && i < rounds; i++ )
    {
        struct guest *g = guest_new();

        flow(g, 1, &to, 1);
        for ( j = 0; j < 8; j++ )
        {
            struct pkt p = pkt_new(g, 1, 60);

            p.inl[20] = j % 2;
            pkt_extent(&p, g, 100 * j, 3000, j % 2);
            if ( guest_put(g, &p) && j % 3 == 2 )
                CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        }
        memset(emul_guest(g->pool), 0x77, PAGE_SIZE);
        guest_kill(g);
    }
    if ( !cpu )
        write_atomic(&over, true);

    while ( cpu && !read_atomic(&over) )
        switch ( cpu )
        {
        case 1:
            while ( guest_get(to) )
                CHECK_EQ(to->got.h.len, 3060);
            guest_fill(to);
            CHECK_EQ(guest_doorbell(to, HICAMP_DOORBELL_RX), 0);
            break;
        case 2:
            emul_advance(MICROSECS(100));
            cpu_relax();
            break;
        default:
            host_info();
            cpu_relax();
            break;
        }
}

TEST(senders_that_die_leave_packets_or_counted_drops)
{
    struct hicamp_port_info pi;

    rounds = 60;
    guests[0] = guest_new();
    emul_run(CPUS, die, NULL);
    do {
        guest_fill(guests[0]);
        CHECK_EQ(guest_doorbell(guests[0], HICAMP_DOORBELL_RX), 0);
    } while ( guest_get(guests[0]) );
    pi = guest_info(guests[0]);
    CHECK_EQ(pi.queued, 0);
    CHECK_EQ(pi.counters[CNT(rx_packets)] + pi.counters[CNT(drop_torn)] +
             pi.counters[CNT(drop_queue)] + pi.counters[CNT(drop_quota)],
             rounds * 6);
    CHECK_EQ(guest_lines(guests[0]), 0);
    guests_end();
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
