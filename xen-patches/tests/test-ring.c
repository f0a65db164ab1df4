/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-ring.c
 *
 * Rings between guests and the hypervisor: wrap-around, sizes, events, indices
 * that lie, both sides at work at once.
 */

#include "guests.h"

void test_setup(void)
{
    guests_boot("1M");
}

/* a sends n packets to b of all sizes, one at a time, and b gets each. */
static void exchange(struct guest *a, struct guest *b, unsigned int n)
{
    struct hicamp_comp c;
    unsigned int i;

    for ( i = 0; i < n; i++ )
    {
        unsigned int inl = 14 + i * 7 % (HICAMP_INLINE_MAX - 13);
        unsigned int len = i % 3 ? inl + i * 131 % 9000 : inl;
        struct pkt p = guest_send(a, 1, len, inl, i);

        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        guest_expect(b, a, &p);
        CHECK(!guest_get(b));
        guest_fill(b);
        if ( len > inl )
        {
            CHECK(guest_reap(a, &c));
            CHECK_EQ(c.id, i);
            CHECK_EQ(c.status, HICAMP_COMP_OK);
        }
        CHECK(!guest_reap(a, &c));
    }
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_info(b).queued, 0);
}

/* ---- Wrap-around and sizes ----------------------------------------------- */

TEST(packets_wrap_around_all_rings)
{
    struct guest *a = guest_new(), *b = guest_new();

    flow(a, 1, &b, 1);
    exchange(a, b, 1500);
    CHECK(a->tx_prod > 20 * 64);
    CHECK(a->comp_cons > 10 * 64);
    CHECK(b->rx_cons > 20 * 64);
    CHECK(b->fill_prod > 10 * 64);
    guests_end();
}

/* As if the rings had been used for long. */
static void age(struct guest *g, uint32_t n)
{
    struct queue *q = guest_queue(g);

    CHECK_EQ(g->fill_prod, 32);
    g->ctrl->tx_prod = g->ctrl->tx_cons = g->tx_prod = q->tx_cons = n;
    g->ctrl->rx_prod = g->ctrl->rx_cons = g->rx_cons = q->rx_prod = n;
    g->ctrl->comp_prod = g->ctrl->comp_cons = g->comp_cons = q->comp_prod = n;
    g->ctrl->fill_prod = g->fill_prod = n;
    g->ctrl->fill_cons = q->fill_cons = n;
}

TEST(indices_run_through_two_to_the_32)
{
    struct guest *a = guest_new(), *b = guest_new();
    unsigned int i;

    flow(a, 1, &b, 1);
    age(a, -100);
    age(b, -100);
    for ( i = 0; i < b->nr_bufs; i++ )
        b->bufs[i].posted = false;
    CHECK_EQ(guest_fill(b), 32);
    exchange(a, b, 300);
    CHECK(a->tx_prod < 1u << 31);
    CHECK(a->comp_cons < 1u << 31);
    CHECK(b->rx_cons < 1u << 31);
    CHECK(b->fill_prod < 1u << 31);
    CHECK_EQ(COUNT(a, ring_errors) + COUNT(b, ring_errors), 0);
    guests_end();
}

TEST(each_ring_has_a_size_of_its_own)
{
    static const uint32_t sizes[][4] = {
        { 4096, 64, 128, 512 }, { 64, 4096, 512, 128 },
        { 128, 512, 4096, 64 }, { 512, 128, 64, 4096 },
        { 4096, 4096, 4096, 4096 },
    };
    struct guest *g[ARRAY_SIZE(sizes)];
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(sizes); i++ )
        g[i] = guest_sized(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
    for ( i = 0; i < ARRAY_SIZE(sizes); i++ )
    {
        struct guest *to = g[(i + 1) % ARRAY_SIZE(sizes)];

        flow(g[i], 1, &to, 1);
        exchange(g[i], to, 200);
    }
    guests_end();
}

TEST(a_full_ring_is_no_error)
{
    struct guest *a = guest_new(), *b = guest_new();
    struct pkt p[64];
    unsigned int n;

    flow(a, 1, &b, 1);
    for ( n = 0; n < 64; n++ )
    {
        p[n] = pkt_new(a, 1, 20);
        CHECK(guest_put(a, &p[n]));
    }
    CHECK(!guest_put(a, &p[0]));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(a->ctrl->tx_cons, 64);
    for ( n = 0; n < 64; n++ )
    {
        if ( !(n % 32) )
            CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
        guest_expect(b, a, &p[n]);
    }
    CHECK_EQ(COUNT(a, ring_errors) + COUNT(b, ring_errors), 0);
    guests_end();
}

/* ---- Attach -------------------------------------------------------------- */

TEST(sizes_and_frames_are_checked_at_attach)
{
    static const uint32_t bad[] = { 0, 32, 63, 65, 96, 8192, ~0u, 1u << 31 };
    struct guest *a = guest_new(), good;
    uint32_t *field[] = { &a->tx_size, &a->rx_size, &a->fill_size,
                          &a->comp_size };
    unsigned int i, j;

    CHECK_EQ(guest_attach(a), -EBUSY);
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_detach(a), -ENOTCONN);

    for ( i = 0; i < ARRAY_SIZE(bad); i++ )
        for ( j = 0; j < ARRAY_SIZE(field); j++ )
        {
            *field[j] = bad[i];
            CHECK_EQ(guest_attach(a), -EINVAL);
            *field[j] = 64;
        }

    memcpy(&good, a, offsetof(struct guest, got));
    a->nr_frames--;
    CHECK_EQ(guest_attach(a), -EINVAL);
    a->nr_frames += 2;
    CHECK_EQ(guest_attach(a), -EINVAL);
    a->nr_frames--;

    for ( i = 0; i < a->nr_frames; i++ )
    {
        a->frames[i] = 0;
        CHECK_EQ(guest_attach(a), -EINVAL);
        a->frames[i] = ~0ull;
        CHECK_EQ(guest_attach(a), -EINVAL);
        a->frames[i] = good.frames[i];
    }

    /* A page table cannot hold rings. */
    CHECK(get_page_type(mfn_to_page(_mfn(a->frames[1])), PGT_seg_desc_page) ==
          1);
    CHECK_EQ(guest_attach(a), -EINVAL);
    put_page_type(mfn_to_page(_mfn(a->frames[1])));

    a->devid = 7;
    CHECK_EQ(guest_attach(a), -ENOENT);
    a->devid = 0;
    CHECK_EQ(guest_attach(a), 0);
    guests_end();
}

TEST(whichever_allocation_fails_attach_leaves_nothing)
{
    struct guest *a = guest_new();
    unsigned int nth, n;
    int rc;

    CHECK_EQ(guest_detach(a), 0);
    for ( nth = 1; ; nth++ )
    {
        uint64_t pins = host_info().pins;

        emul_fail_alloc(nth);
        rc = guest_attach(a);
        n = emul_allocs();
        emul_fail_alloc(0);
        if ( !rc )
            break;
        CHECK_EQ(rc, -ENOMEM);
        CHECK_EQ(host_info().pins, pins);
        CHECK_EQ(a->d->emul_evtchn_limit, EMUL_EVTCHNS - 1);
    }
    CHECK_EQ(n, nth - 1);
    CHECK(nth > 6);

    CHECK_EQ(guest_detach(a), 0);
    a->d->emul_evtchn_limit = 0;
    CHECK_EQ(guest_attach(a), -ENOSPC);
    a->d->emul_evtchn_limit = EMUL_EVTCHNS - 1;
    CHECK_EQ(guest_attach(a), 0);
    guests_end();
}

TEST(the_control_page_must_be_zero)
{
    struct guest *a = guest_new();
    struct hicamp_queue q = {
        .tx_slots = 64, .rx_slots = 64, .fill_entries = 64,
        .comp_entries = 64, .frames = (uintptr_t)a->frames,
        .nr_frames = a->nr_frames,
    };
    struct hicamp_port_attach op = { .nr_queues = 1,
                                     .queues = (uintptr_t)&q };
    unsigned int at;

    CHECK_EQ(guest_detach(a), 0);
    for ( at = 0; at < sizeof(*a->ctrl); at += 4 )
    {
        memset(a->ctrl, 0, sizeof(*a->ctrl));
        *(uint32_t *)((uint8_t *)a->ctrl + at) = 1;
        CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_port_attach, &op), -EINVAL);
    }
    CHECK_EQ(op.port, 0);
    guests_end();
}

/* ---- Indices that lie ---------------------------------------------------- */

static const uint32_t lies[] = { 65, 66, 1000, 0x7fffffff, 0x80000000,
                                 0xffffff00 };

/* Queue of g has been stopped; a and b, and g anew, are as before. */
static void stopped_alone(struct guest *g, struct guest *a, struct guest *b)
{
    struct hicamp_port_info pi = guest_info(g);
    uint64_t errors = pi.counters[CNT(ring_errors)];

    CHECK(pi.flags & HICAMP_PORT_STOPPED);
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), -EIO);
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_RX), -EIO);
    CHECK_EQ(COUNT(g, ring_errors), errors);
    exchange(a, b, 20);
    CHECK_EQ(guest_detach(g), 0);
    CHECK_EQ(guest_attach(g), 0);
    guest_fill(g);
    CHECK(!(guest_info(g).flags & HICAMP_PORT_STOPPED));
    CHECK_EQ(COUNT(g, ring_errors), errors);
}

/* Guest a sends to b, x to b and, in group 2, a to x. */
static struct guest *a, *b, *x;

static void three_guests(void)
{
    a = guest_new();
    b = guest_new();
    x = guest_new();
    flow(a, 1, &b, 1);
    flow(a, 2, &x, 1);
    flow(x, 1, &b, 1);
}

TEST(a_tx_index_beyond_the_ring_stops_that_queue_alone)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(lies); i++ )
    {
        exchange(x, b, 3);
        write_atomic(&x->ctrl->tx_prod, x->ctrl->tx_cons + lies[i]);
        CHECK_EQ(guest_doorbell(x, HICAMP_DOORBELL_TX), -EIO);
        CHECK_EQ(COUNT(x, ring_errors), i + 1);
        stopped_alone(x, a, b);
    }
    guests_end();
}

TEST(an_rx_index_beyond_the_ring_stops_that_queue_alone)
{
    struct hicamp_comp c;
    unsigned int i;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(lies); i++ )
    {
        /* "used" is the producer's index less the guest's. */
        write_atomic(&x->ctrl->rx_cons, x->ctrl->rx_prod - lies[i]);
        guest_send(a, 2, 100, 60, i);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK_EQ(COUNT(x, ring_errors), i + 1);
        /* It does not keep the sender's frames, and gets no more. */
        CHECK(guest_reap(a, &c));
        CHECK_EQ(c.id, i);
        CHECK_EQ(COUNT(x, drop_detach), i + 1);
        guest_send(a, 2, 100, 60, i);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK(guest_reap(a, &c));
        CHECK_EQ(COUNT(a, drop_noport), i + 1);
        stopped_alone(x, a, b);
    }
    CHECK_EQ(COUNT(x, rx_packets), 0);
    guests_end();
}

TEST(a_fill_index_beyond_the_ring_stops_that_queue_alone)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(lies); i++ )
    {
        write_atomic(&x->ctrl->fill_prod, x->ctrl->fill_cons + lies[i]);
        guest_send(a, 2, 100, 100, 0);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK_EQ(COUNT(x, ring_errors), i + 1);
        stopped_alone(x, a, b);
    }
    CHECK_EQ(COUNT(x, rx_packets), 0);
    guests_end();
}

TEST(a_queue_that_stops_drops_what_waits_for_it)
{
    struct hicamp_comp c;
    unsigned int i;

    three_guests();
    for ( i = 0; i < 20; i++ )
        guest_send(a, 2, 20000, 60, i);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK(guest_info(x).queued > 5);
    write_atomic(&x->ctrl->tx_prod, 1000u);
    CHECK_EQ(guest_doorbell(x, HICAMP_DOORBELL_TX), -EIO);
    CHECK_EQ(guest_info(x).queued, 0);
    for ( i = 0; guest_reap(a, &c); i++ )
        CHECK_EQ(c.status, HICAMP_COMP_OK);
    CHECK_EQ(guest_info(a).borrowed, 0);
    guests_end();
}

TEST(a_completion_index_beyond_the_ring_stops_that_queue_alone)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(lies); i++ )
    {
        write_atomic(&x->ctrl->comp_cons, x->ctrl->comp_prod - lies[i]);
        guest_send(x, 1, 1000, 60, 0);
        CHECK_EQ(guest_doorbell(x, HICAMP_DOORBELL_TX), -EIO);
        CHECK_EQ(COUNT(x, ring_errors), i + 1);
        CHECK_EQ(COUNT(x, tx_packets), 0);
        CHECK(!guest_get(b));
        stopped_alone(x, a, b);
    }
    guests_end();
}

#ifndef __SANITIZE_THREAD__ /* which would rightly call it a race */

static bool quiet;

/* CPU 0 rings, CPU 1 writes over all that Xen reads meanwhile. */
static void scribble(void *arg, unsigned int cpu)
{
    unsigned int i;

    if ( !cpu )
    {
        for ( i = 0; i < 3000; i++ )
        {
            struct pkt p = pkt_new(a, 2, 60);
            struct hicamp_comp c;

            pkt_extent(&p, a, i, 3000, false);
            guest_put(a, &p); /* no room: x holds what was sent before */
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
            while ( guest_reap(a, &c) )
                ;
            write_atomic(&x->ctrl->tx_prod, read_atomic(&x->ctrl->tx_cons) +
                                            test_random() % 66);
            guest_doorbell(x, HICAMP_DOORBELL_TX | HICAMP_DOORBELL_RX);
            if ( guest_queue(x)->stopped || i % 100 == 99 )
            {
                CHECK_EQ(guest_detach(x), 0);
                /* The control page is scribbled on, too. */
                while ( guest_attach(x) )
                    ;
            }
        }
        write_atomic(&quiet, true);
    }

    while ( cpu && !read_atomic(&quiet) )
    {
        struct hicamp_pkt *h = (void *)guest_tx_slot(x, test_random());
        struct hicamp_fill *f = guest_fill_entry(x, test_random());

        h->len = 200 + test_random() % 2;
        h->inline_len = test_random() % 2 ? 100 : 65535;
        h->nr_extents = test_random() % 40;
        ((struct hicamp_extent *)h)[2].name = x->pool + test_random() % 2000;
        ((struct hicamp_extent *)h)[2].len = 50;
        f->ref = x->bufs[test_random() % 32].ref;
        f->len = test_random() % 2 ? 8192 : 1 << 30;
        f->offset = test_random() % 3;
        write_atomic(&x->ctrl->fill_prod, read_atomic(&x->ctrl->fill_cons) +
                                          test_random() % 65);
        write_atomic(&x->ctrl->comp_cons, read_atomic(&x->ctrl->comp_prod) -
                                          test_random() % 65);
    }
}

TEST(entries_that_change_while_they_are_read_harm_nobody_else)
{
    three_guests();
    emul_run(2, scribble, NULL);
    CHECK_EQ(guest_detach(x), 0);
    a->comp_cons = read_atomic(&a->ctrl->comp_prod);
    write_atomic(&a->ctrl->comp_cons, a->comp_cons);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK(COUNT(a, tx_packets) > 1000);
    exchange(a, b, 20);
    guests_end();
}

#endif

/* ---- Events -------------------------------------------------------------- */

TEST(events_are_raised_for_who_asked)
{
    struct hicamp_comp c;
    unsigned int rx, comp;

    three_guests();
    for ( rx = 0; rx < 2; rx++ )
        for ( comp = 0; comp < 2; comp++ )
        {
            uint64_t ev_a = COUNT(a, events), ev_b = COUNT(b, events);
            struct pkt p;

            write_atomic(&b->ctrl->rx_event, rx);
            write_atomic(&a->ctrl->comp_event, comp);
            p = guest_send(a, 1, 500, 60, 1);
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
            guest_expect(b, a, &p);
            CHECK(guest_reap(a, &c));
            CHECK_EQ(emul_events(b->d, b->evtchn), rx);
            CHECK_EQ(emul_events(a->d, a->evtchn), comp);
            CHECK_EQ(COUNT(b, events), ev_b + rx);
            CHECK_EQ(COUNT(a, events), ev_a + comp);
        }
    guests_end();
}

TEST(doorbells_are_checked_and_counted)
{
    uint64_t n;

    three_guests();
    CHECK_EQ(guest_doorbell(a, 0), -EINVAL);
    CHECK_EQ(guest_doorbell(a, 4), -EINVAL);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_doorbell, (void *)
                            HICAMP_DOORBELL(a->port, 1, 1)), -EINVAL);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_doorbell, (void *)
                            HICAMP_DOORBELL(b->port, 0, 1)), -ENOENT);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_doorbell, (void *)
                            HICAMP_DOORBELL(a->port + 0x10000, 0, 1)), -ENOENT);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_doorbell, (void *)
                            HICAMP_DOORBELL(0xffff, 0, 1)), -ENOENT);

    n = COUNT(a, doorbells);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, doorbells), n + 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_RX), 0);
    CHECK_EQ(COUNT(a, doorbells), n + 2);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX | HICAMP_DOORBELL_RX), 0);
    CHECK_EQ(COUNT(a, doorbells), n + 4); /* one of each kind */

    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), -ENOTCONN);
    guests_end();
}

/* ---- Both sides at once -------------------------------------------------- */

#define STREAM          6000

static uint32_t sent, received;

/* Is packet n to have extents, and how long is it? */
static unsigned int stream_len(unsigned int n)
{
    return n % 4 ? 60 : 60 + n * 37 % 5000;
}

/* CPU 0 produces, 1 and 3 ring for sender and receiver, 2 consumes. */
static void stream(void *arg, unsigned int cpu)
{
    struct hicamp_comp c;
    uint32_t n;

    for ( n = 0; cpu == 0 && n < STREAM; )
    {
        struct pkt p = pkt_new(a, 1, 60);

        while ( guest_reap(a, &c) )
            CHECK_EQ(c.status, HICAMP_COMP_OK);
        memcpy(p.inl + 14, &n, sizeof(n));
        if ( stream_len(n) > 60 )
            pkt_extent(&p, a, n * 1031 % 9000, stream_len(n) - 60, n % 8);
        if ( n - read_atomic(&received) < WAIT_FULL && guest_put(a, &p) )
            write_atomic(&sent, ++n);
        else
            cpu_relax();
    }

    while ( cpu % 2 && read_atomic(&received) < STREAM )
    {
        if ( cpu == 1 )
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        else
            CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
        cpu_relax();
    }

    for ( n = 0; cpu == 2 && n < STREAM; )
    {
        const uint8_t *pool = emul_guest(a->pool);

        if ( !guest_get(b) )
        {
            cpu_relax();
            continue;
        }
        CHECK(!memcmp(b->got.data + 14, &n, sizeof(n)));
        CHECK_EQ(b->got.h.len, stream_len(n));
        CHECK(!memcmp(b->got.data + 60, pool + n * 1031 % 9000,
                      stream_len(n) - 60));
        guest_fill(b);
        write_atomic(&received, ++n);
    }
}

TEST(a_stream_passes_while_both_sides_work)
{
    struct hicamp_comp c;

    three_guests();
    emul_run(4, stream, NULL);
    while ( guest_reap(a, &c) )
        ;
    CHECK_EQ(COUNT(b, rx_packets), STREAM);
    CHECK_EQ(COUNT(b, drop_queue), 0);
    CHECK_EQ(guest_info(a).borrowed, 0);
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
