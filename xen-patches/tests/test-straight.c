/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-straight.c
 *
 * Small packets go straight from one guest's ring into another's: which of them
 * do, that none overtakes what waits, and that whoever lent a page has it back.
 */

#include "traffic.h"

void test_setup(void)
{
    guests_boot("4M");
}

static void ring(struct guest *g)
{
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
}

/* A packet of a's to group, of len bytes, all but 60 of them lent. */
static struct pkt lent(unsigned int group, unsigned int len, uint32_t id)
{
    struct pkt p = pkt_new(a, group, 60);

    pkt_extent(&p, a, 100 + id * 50, len - 60, false);
    p.h.id = id;

    return p;
}

/* What goes straight is in nobody's hand afterwards. */
static void nothing_waits(void)
{
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_info(b).queued, 0);
    CHECK_EQ(host_info().lines_used, 0);
}

/* ---- Which --------------------------------------------------------------- */

TEST(a_burst_of_small_packets_goes_straight_and_is_told_once)
{
    struct pkt p[20];
    uint64_t events;
    unsigned int i;

    three_guests();
    write_atomic(&a->ctrl->comp_event, 1);
    write_atomic(&b->ctrl->rx_event, 1);
    events = COUNT(b, events) + COUNT(a, events);
    for ( i = 0; i < 20; i++ )
    {
        p[i] = i % 3 ? lent(1, 61 + i * 200, i) : pkt_new(a, 1, 60 + i);
        CHECK(guest_put(a, &p[i]));
    }
    ring(a);
    CHECK_EQ(COUNT(b, rx_straight), 20);
    CHECK_EQ(COUNT(b, rx_packets), 20);
    CHECK_EQ(COUNT(a, completions), 13);
    nothing_waits();
    /* One for what came, one for what is done with. */
    CHECK_EQ(COUNT(b, events) + COUNT(a, events), events + 2);
    for ( i = 0; i < 20; i++ )
        guest_expect(b, a, &p[i]);
    for ( i = 0; i < 20; i++ )
    {
        struct hicamp_comp c;

        if ( i % 3 )
        {
            CHECK(guest_reap(a, &c));
            CHECK_EQ(c.id, i);
            CHECK_EQ(c.status, HICAMP_COMP_OK);
        }
    }
    guests_end();
}

TEST(how_small_is_a_parameter_of_the_sender)
{
    static const struct { unsigned int host, own, len; bool straight; } t[] = {
        { 4096, ~0u, 4096, true }, { 4096, ~0u, 4097, false },
        { 0, ~0u, 100, false }, { 65535, ~0u, 20000, true },
        { 0, 100, 100, true }, { 65535, 99, 100, false },
    };
    unsigned int i;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        struct hicamp_param op = {
            .param = HICAMP_PARAM_STRAIGHT, .port = a->port,
            .value = t[i].own == ~0u ? HICAMP_PARAM_INHERIT : t[i].own,
        };
        uint64_t before = COUNT(b, rx_straight);
        struct pkt p = lent(1, t[i].len, i);

        CHECK_EQ(host_param(HICAMP_PARAM_STRAIGHT, t[i].host), 0);
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_set, &op), 0);
        arrives(&p);
        CHECK_EQ(COUNT(b, rx_straight) - before, t[i].straight);
        nothing_waits();
    }
    guests_end();
}

TEST(what_others_may_take_back_does_not)
{
    struct pkt p;

    three_guests();
    /* A run that is revoked has to be found in the table. */
    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 0, 500, true);
    arrives(&p);
    CHECK_EQ(COUNT(b, rx_straight), 0);
    CHECK_EQ(COUNT(a, tx_refs), 1);

    /* A port that copies does so before anybody gets the packet. */
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, HICAMP_PORT_COPY), 0);
    p = lent(1, 500, 1);
    arrives(&p);
    CHECK_EQ(COUNT(b, rx_straight), 0);
    CHECK_EQ(COUNT(a, copied_port), 1);
    p = pkt_new(a, 1, 60);
    arrives(&p);
    CHECK_EQ(COUNT(b, rx_straight), 1);
    nothing_waits();
    guests_end();
}

TEST(a_queue_with_work_for_idle_cpus_gets_all_by_its_line)
{
    struct pkt p;

    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_OFFLOAD, 4096), 0);
    p = lent(1, 500, 1);
    arrives(&p);
    CHECK_EQ(COUNT(b, rx_straight), 0);
    guests_end();
}

TEST(what_is_refused_behind_one_that_went_straight_leaves_no_line)
{
    unsigned int what;

    three_guests();
    for ( what = 0; what < 4; what++ )
    {
        struct pkt good = lent(1, 100, 1), bad = lent(1, 200, 2);

        if ( what == 0 )
            bad.h.len++;
        if ( what == 1 )
            bad.ext[0].name = ~0ull >> 12;
        if ( what == 2 )
            bad = lent(9, 200, 2);      /* no flow */
        CHECK(guest_put(a, &good));
        CHECK(guest_put(a, &bad));
        if ( what == 3 )
            guest_tx_slot(a, a->tx_prod - 3)->bytes[5] = 0xff; /* inline_len */
        CHECK(guest_put(a, &good));
        ring(a);
        while ( guest_get(b) )
            ;
        while ( guest_reap(a, &(struct hicamp_comp){}) )
            ;
        guest_fill(b);
        nothing_waits();
    }
    CHECK_EQ(COUNT(b, rx_packets), 7);
    guests_end();
}

TEST(the_drops_are_those_of_the_line)
{
    struct pkt p;

    three_guests();
    CHECK_EQ(guest_set(b, HICAMP_PORT_SET_MTU, 400, 0), 0);
    p = lent(1, 500, 1);
    transmit(&p);
    completed(1, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(b, drop_mtu), 1);

    p = lent(1, 300, 2);
    CHECK_EQ(guest_detach(b), 0);
    transmit(&p);
    completed(2, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, drop_noport), 1);
    nothing_waits();
    guests_end();
}

/* ---- Order --------------------------------------------------------------- */

TEST(nothing_overtakes_what_waits)
{
    struct pkt p[6];
    unsigned int i;

    three_guests();
    guest_starve(b);
    for ( i = 0; i < 6; i++ )
        p[i] = i == 3 ? pkt_new(a, 1, 61) : lent(1, 500 + i, i);

    /* No buffer, so it waits; then there are some, but nobody has said so. */
    transmit(&p[0]);
    transmit(&p[1]);
    CHECK_EQ(guest_info(a).borrowed, 2);
    guest_fill(b);
    for ( i = 2; i < 6; i++ )
        CHECK(guest_put(a, &p[i]));
    ring(a);
    for ( i = 0; i < 6; i++ )
        guest_expect(b, a, &p[i]);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(b, rx_straight), 0);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 5);
    nothing_waits();
    guests_end();
}

TEST(what_finds_no_buffer_in_a_burst_waits_and_the_rest_behind_it)
{
    struct hicamp_comp c;
    struct pkt p[9];
    unsigned int i;

    three_guests();
    guest_starve(b);
    b->nr_bufs = 0;
    guest_buffers(b, 2, 0);
    guest_fill(b);
    for ( i = 0; i < 9; i++ )
    {
        p[i] = i == 5 ? pkt_new(a, 1, 60) : lent(1, 1000, i);
        CHECK(guest_put(a, &p[i]));
    }
    ring(a);
    CHECK_EQ(COUNT(b, rx_straight), 2);
    CHECK_EQ(guest_info(b).queued, 7);
    CHECK_EQ(guest_info(a).borrowed, 6);
    CHECK(read_atomic(&b->ctrl->fill_wakeup));
    for ( i = 0; i < 2; i++ )
    {
        CHECK(guest_reap(a, &c));
        CHECK_EQ(c.id, i);
    }
    CHECK(!guest_reap(a, &c));

    for ( i = 0; i < 9; i++ )
    {
        guest_expect(b, a, &p[i]);
        guest_fill(b);
        CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    }
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 6);
    nothing_waits();
    guests_end();
}

TEST(of_two_receivers_one_may_have_it_and_the_other_wait)
{
    struct pkt p = {}, one;

    three_guests();
    guest_starve(c);
    p = lent(2, 700, 7);
    transmit(&p);
    guest_expect(b, a, &p);
    CHECK_EQ(COUNT(b, rx_straight), 1);
    CHECK_EQ(guest_info(c).queued, 1);
    CHECK_EQ(guest_info(a).borrowed, 1);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);

    /* b has nothing waiting, so what is sent to it alone goes straight. */
    one = lent(1, 300, 8);
    transmit(&one);
    guest_expect(b, a, &one);
    CHECK_EQ(COUNT(b, rx_straight), 2);
    completed(8, HICAMP_COMP_OK);

    guest_fill(c);
    CHECK_EQ(guest_doorbell(c, HICAMP_DOORBELL_RX), 0);
    guest_expect(c, a, &p);
    completed(7, HICAMP_COMP_OK);
    nothing_waits();
    guests_end();
}

TEST(large_and_small_packets_of_a_burst_keep_their_order)
{
    struct pkt p[16];
    unsigned int i, round;

    three_guests();
    for ( round = 0; round < 4; round++ )
    {
        for ( i = 0; i < 16; i++ )
        {
            p[i] = lent(1, (i ^ round) & 1 ? 6000 : 200 + i, i);
            CHECK(guest_put(a, &p[i]));
        }
        ring(a);
        for ( i = 0; i < 16; i++ )
            guest_expect(b, a, &p[i]);
        CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 16);
        guest_fill(b);
        nothing_waits();
    }
    /* Until the first large one; what comes behind it waits in the line. */
    CHECK_EQ(COUNT(b, rx_straight), 2);
    guests_end();
}

/* ---- Completions --------------------------------------------------------- */

TEST(there_is_a_completion_for_each_that_is_taken_and_none_is_overwritten)
{
    unsigned int sent = 0, i, wait;

    for ( wait = 0; wait < 2; wait++ )
    {
        struct hicamp_comp comp;
        unsigned int n;

        three_guests();
        /* Half of the entries are kept for packets that wait for c. */
        flow(a, 3, &c, 1);
        guest_starve(c);
        for ( i = 0; wait && i < 32; i++ )
        {
            struct pkt p = lent(3, 100, i);

            transmit(&p);
        }
        CHECK_EQ(guest_info(a).borrowed, wait ? 32 : 0);

        /* Nobody reaps; 64 entries. */
        for ( i = 0, sent = 0; i < 90; i++ )
        {
            struct pkt p = lent(1, 100, 100 + i);

            sent += guest_put(a, &p);
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
            while ( guest_get(b) )
                ;
            guest_fill(b);
        }
        CHECK_EQ(COUNT(b, rx_packets), wait ? 32 : 64);
        CHECK_EQ(COUNT(a, completions), wait ? 32 : 64);
        for ( i = 0; i < (wait ? 32 : 64); i++ )
        {
            CHECK(guest_reap(a, &comp));
            CHECK_EQ(comp.id, 100 + i);
        }
        CHECK(!guest_reap(a, &comp));

        ring(a);
        for ( n = 0; guest_get(b); n++ )
        {
            guest_fill(b);
            CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
        }
        CHECK_EQ(COUNT(b, rx_packets), sent);
        CHECK_EQ(n, sent - i);
        guests_end();
        guests_begin();
    }
    guests_end();
}

TEST(a_comp_index_out_of_bounds_stops_the_sender_with_packets_in_hand)
{
    unsigned int i;

    three_guests();
    guest_starve(c);
    for ( i = 0; i < 8; i++ )
    {
        struct pkt p = lent(2, 300, i);

        CHECK(guest_put(a, &p));
    }
    write_atomic(&a->ctrl->comp_cons, 1000);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), -EIO);
    CHECK_EQ(COUNT(a, ring_errors), 1);
    CHECK_EQ(COUNT(b, rx_packets), 0);
    nothing_waits();
    guests_end();
}

/* ---- Everybody at once --------------------------------------------------- */

#define GUESTS_NR   4

static struct guest *all[GUESTS_NR];
static uint32_t next_seq[GUESTS_NR][GUESTS_NR];     /* [from][to], W(from) */
static uint32_t last_seq[GUESTS_NR][GUESTS_NR];     /* W(to) */
static uint64_t got_all[GUESTS_NR];
static unsigned int senders_left;

static void send_some(unsigned int me)
{
    unsigned int n, to, id = 0;

    for ( n = test_random() % 12; n; n-- )
    {
        struct pkt p;
        uint32_t word;

        to = test_random() % GUESTS_NR;
        if ( to == me )
            continue;
        p = pkt_new(all[me], 1 + to, 60);
        word = ++next_seq[me][to];
        memcpy(p.inl + 40, &word, 4);
        p.inl[44] = me;
        p.h.id = id++ % 64;
        if ( test_random() % 3 )
            pkt_extent(&p, all[me], test_random() % 5000,
                       1 + test_random() % 6000, test_random() % 8 == 0);
        if ( !guest_put(all[me], &p) )
            next_seq[me][to]--;
    }
    CHECK_EQ(guest_doorbell(all[me], HICAMP_DOORBELL_TX), 0);
}

static bool receive_some(unsigned int me)
{
    struct hicamp_comp comp;
    bool any = false;

    while ( guest_reap(all[me], &comp) )
        CHECK(comp.status != HICAMP_COMP_BAD);
    while ( guest_get(all[me]) )
    {
        unsigned int from = all[me]->got.data[44];
        uint32_t seq;

        memcpy(&seq, all[me]->got.data + 40, 4);
        CHECK(from < GUESTS_NR && from != me);
        CHECK((int32_t)(seq - last_seq[from][me]) > 0);
        last_seq[from][me] = seq;
        got_all[me]++;
        any = true;
    }
    if ( guest_fill(all[me]) || any )
        CHECK_EQ(guest_doorbell(all[me], HICAMP_DOORBELL_RX), 0);

    return any;
}

static void each_to_each(void *arg, unsigned int me)
{
    unsigned int i;

    for ( i = 0; i < 1500; i++ )
    {
        send_some(me);
        if ( test_random() % 4 )
            receive_some(me);
    }
    arch_fetch_and_add(&senders_left, -1);
    while ( read_atomic(&senders_left) )
    {
        receive_some(me);
        cpu_relax();
    }
}

TEST(each_to_each_at_once_nothing_is_lost_or_overtaken)
{
    uint64_t sent = 0, straight = 0, dropped = 0, got = 0;
    unsigned int i, j;
    bool any;

    for ( i = 0; i < GUESTS_NR; i++ )
        all[i] = guest_new();
    for ( i = 0; i < GUESTS_NR; i++ )
        for ( j = 0; j < GUESTS_NR; j++ )
            if ( i != j )
                flow(all[i], 1 + j, &all[j], 1);
    senders_left = GUESTS_NR;
    emul_run(GUESTS_NR, each_to_each, NULL);
    do {
        any = false;
        for ( i = 0; i < GUESTS_NR; i++ )
        {
            any |= receive_some(i);
            CHECK_EQ(guest_doorbell(all[i], HICAMP_DOORBELL_TX), 0);
        }
    } while ( any );

    for ( i = 0; i < GUESTS_NR; i++ )
    {
        for ( j = 0; j < GUESTS_NR; j++ )
            sent += next_seq[i][j];
        got += got_all[i];
        straight += COUNT(all[i], rx_straight);
        dropped += COUNT(all[i], drop_queue) + COUNT(all[i], drop_quota) +
                   COUNT(all[i], drop_torn);
        CHECK_EQ(guest_info(all[i]).borrowed, 0);
        CHECK_EQ(guest_info(all[i]).queued, 0);
    }
    CHECK_EQ(got + dropped, sent);
    CHECK(straight > got / 20);
    CHECK(straight < got);
    guests_end();
}

/* Two send to each other while a third CPU takes their rings away. */
static void come_and_go(void *arg, unsigned int cpu)
{
    struct hicamp_comp comp;
    unsigned int i;
    int rc;

    if ( cpu == 2 )
    {
        for ( i = 0; i < 300; i++ )
        {
            rc = guest_detach(all[2]);
            CHECK(!rc);
            CHECK_EQ(guest_attach(all[2]), 0);
            guest_fill(all[2]);
        }
        write_atomic(&senders_left, 0);
        return;
    }

    while ( read_atomic(&senders_left) )
    {
        for ( i = 0; i < 6; i++ )
        {
            struct pkt p = pkt_new(all[cpu], 1 + i % 3, 60);

            p.h.id = i;
            pkt_extent(&p, all[cpu], 100 * i, 900, false);
            guest_put(all[cpu], &p);
        }
        CHECK_EQ(guest_doorbell(all[cpu], HICAMP_DOORBELL_TX), 0);
        while ( guest_reap(all[cpu], &comp) )
            CHECK_EQ(comp.status, HICAMP_COMP_OK);
        while ( guest_get(all[cpu]) )
            ;
        guest_fill(all[cpu]);
        CHECK_EQ(guest_doorbell(all[cpu], HICAMP_DOORBELL_RX), 0);
    }
}

TEST(a_receiver_comes_and_goes_under_those_who_send_straight)
{
    unsigned int i, j;

    for ( i = 0; i < 3; i++ )
        all[i] = guest_new();
    for ( i = 0; i < 2; i++ )
        for ( j = 0; j < 3; j++ )
            if ( i != j )
                flow(all[i], 1 + j, &all[j], 1);
    senders_left = 1;
    emul_run(3, come_and_go, NULL);
    for ( i = 0; i < 2; i++ )
    {
        struct hicamp_comp comp;

        while ( guest_reap(all[i], &comp) )
            ;
        CHECK(COUNT(all[i], rx_straight));
    }
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
