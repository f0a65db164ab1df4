/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-poll.c
 *
 * Transmit rings that Xen looks at by itself: when that begins and ends, on
 * whose time it is done, and that no packet is left behind.
 */

#include "traffic.h"

#include <xen/hicamp.h>

#define PERIOD_US       100

static uint32_t id;

void test_setup(void)
{
    guests_boot("4M");
}

/* A packet into a's ring; nobody is told. */
static void put(void)
{
    struct pkt p = pkt_new(a, 1, 60);

    p.h.id = id++;
    CHECK(guest_put(a, &p));
}

static void ring(void)
{
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
}

/* Two doorbells, each for a packet. */
static void ring_twice(void)
{
    put();
    ring();
    put();
    ring();
}

/* How many b gets. */
static unsigned int got(void)
{
    unsigned int n = 0;

    while ( guest_get(b) )
        n++;
    guest_fill(b);

    return n;
}

static bool polled(void)
{
    bool is = !read_atomic(&a->ctrl->tx_wakeup);

    CHECK_EQ(a->d->hicamp->nr_polled, is);
    CHECK_EQ(emul_timers_set(), is);

    return is;
}

static bool blocks(struct guest *g)
{
    bool more;

    emul_set_current(g->d);
    more = hicamp_vcpu_block(current);
    emul_set_current(NULL);

    return !more;
}

/* a is polled, its ring is empty. */
static void begin(void)
{
    three_guests();
    emul_idles[0] = true;
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    put();
    ring();
    CHECK(!polled());
    put();
    ring();
    CHECK(polled());
    CHECK_EQ(got(), 2);
}

/* a and b with rings for some hundred packets. */
static void large_rings(void)
{
    guests_end();
    guests_begin();
    a = guest_sized(512, 512, 64, 64);
    b = guest_sized(512, 512, 64, 64);
    c = guest_new();
    flow(a, 1, &b, 1);
}

static void over(void)
{
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, 0), 0);
    guests_end();
}

TEST(nobody_is_polled_by_default)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < 50; i++ )
    {
        put();
        ring();
        CHECK(!polled());
    }
    put();
    CHECK(blocks(a));
    CHECK_EQ(COUNT(a, tx_packets), 50);
    guests_end();
}

TEST(two_doorbells_within_a_period_begin_it)
{
    unsigned int i;

    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    for ( i = 0; i < 5; i++ )
    {
        put();
        ring();
        CHECK(!polled());
        emul_advance(MICROSECS(PERIOD_US));
    }
    put();
    ring();
    emul_advance(MICROSECS(PERIOD_US - 1));
    put();
    ring();
    CHECK(polled());
    over();
}

TEST(a_port_may_have_a_period_of_its_own)
{
    struct hicamp_param op = { .param = HICAMP_PARAM_TX_POLL_US };

    three_guests();
    op.port = a->port;
    op.value = PERIOD_US;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_set, &op), 0);
    ring_twice();
    CHECK(polled());
    guests_end();
}

TEST(what_is_in_the_ring_is_sent_before_the_vcpu_blocks)
{
    unsigned int i;

    begin();
    for ( i = 1; i < 9; i++ )
        put();
    CHECK_EQ(got(), 0);
    CHECK(blocks(b));           /* another's is none of b's business */
    CHECK_EQ(got(), 0);
    CHECK(blocks(a));
    CHECK_EQ(got(), 8);
    CHECK_EQ(COUNT(a, tx_polls), 1);
    CHECK_EQ(COUNT(a, doorbells), 2);
    CHECK(blocks(a));           /* nothing to look at, so nobody does */
    CHECK_EQ(COUNT(a, tx_polls), 1);
    CHECK(polled());
    over();
}

TEST(another_vcpu_of_the_guest_leaves_the_ring_alone)
{
    begin();
    put();
    emul_evtchn.notify_vcpu_id = 1;
    CHECK(blocks(a));
    CHECK_EQ(got(), 0);
    emul_evtchn.notify_vcpu_id = 0;
    CHECK(blocks(a));
    CHECK_EQ(got(), 1);
    over();
}

TEST(who_does_not_block_is_polled_by_the_clock)
{
    unsigned int i;

    begin();
    for ( i = 1; i < 20; i++ )
    {
        put();
        put();
        emul_advance(MICROSECS(PERIOD_US - 1));
        CHECK_EQ(got(), 0);
        if ( i % 2 )
            emul_set_current(a->d);     /* its own time, or nobody's */
        emul_advance(MICROSECS(1));
        emul_set_current(NULL);
        CHECK_EQ(got(), 2);
        CHECK(polled());
    }
    CHECK_EQ(COUNT(a, tx_polls), 19);
    over();
}

TEST(it_ends_after_a_period_without_packets)
{
    begin();
    put();
    CHECK(blocks(a));           /* counts as one that came */
    emul_advance(MICROSECS(PERIOD_US));
    CHECK(polled());
    emul_events(a->d, a->evtchn);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK(!polled());
    CHECK_EQ(emul_events(a->d, a->evtchn), 0);
    put();
    CHECK(blocks(a));
    CHECK_EQ(got(), 1);
    ring();
    CHECK_EQ(got(), 1);
    over();
}

TEST(it_ends_where_another_guest_runs_who_is_not_made_to_wait)
{
    begin();
    put();
    emul_events(a->d, a->evtchn);
    emul_set_current(c->d);
    emul_advance(MICROSECS(PERIOD_US));
    emul_set_current(NULL);
    CHECK_EQ(got(), 0);
    CHECK(!polled());
    /* The driver hears of it, and rings. */
    CHECK_EQ(emul_events(a->d, a->evtchn), 1);
    ring();
    CHECK_EQ(got(), 1);
    over();
}

TEST(it_ends_when_the_parameter_says_so)
{
    begin();
    put();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, 0), 0);
    emul_events(a->d, a->evtchn);
    emul_advance(MICROSECS(10));
    CHECK(polled());
    emul_advance(MICROSECS(PERIOD_US));
    CHECK(!polled());
    CHECK_EQ(emul_events(a->d, a->evtchn), 1);
    ring();
    CHECK_EQ(got(), 1);
    guests_end();
}

TEST(long_trains_are_preempted_and_go_on)
{
    unsigned int i, calls = 0;

    large_rings();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    ring_twice();
    CHECK_EQ(got(), 2);
    for ( i = 0; i < 200; i++ )
        put();
    emul_preempt_every = 1;
    for ( calls = 1; !blocks(a); calls++ )
        ;
    emul_preempt_every = 0;
    CHECK_EQ(calls, 4);         /* 64 packets each */
    CHECK_EQ(got(), 200);
    /* The clock does one part, and comes again soon. */
    for ( i = 0; i < 200; i++ )
        put();
    emul_preempt_every = 1;
    emul_set_current(a->d);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(got(), 64);
    emul_preempt_every = 0;
    emul_advance(MICROSECS(50));
    CHECK_EQ(got(), 136);
    emul_set_current(NULL);
    over();
}

TEST(a_queue_that_is_detached_or_destroyed_is_polled_no_more)
{
    begin();
    put();
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(a->d->hicamp->nr_polled, 0);
    CHECK_EQ(emul_timers_set(), 0);
    CHECK(blocks(a));
    CHECK_EQ(guest_attach(a), 0);
    CHECK(!polled());
    ring_twice();
    CHECK(polled());
    CHECK_EQ(got(), 2);
    guest_kill(a);
    CHECK_EQ(emul_timers_set(), 0);
    over();
}

TEST(a_ring_that_lies_is_stopped_and_not_polled)
{
    begin();
    write_atomic(&a->ctrl->tx_prod, a->tx_prod + 1000);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(COUNT(a, ring_errors), 1);
    CHECK(!polled());

    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_attach(a), 0);
    ring_twice();
    CHECK(polled());
    write_atomic(&a->ctrl->tx_prod, a->tx_prod + 1000);
    CHECK(blocks(a));
    CHECK_EQ(COUNT(a, ring_errors), 2);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK(!polled());
    over();
}

TEST(a_consumer_index_that_the_guest_scribbles_on_harms_nobody)
{
    unsigned int i;

    begin();
    for ( i = 0; i < 3; i++ )
    {
        write_atomic(&a->ctrl->tx_cons, 12345 + i);
        CHECK(blocks(a));
    }
    CHECK_EQ(COUNT(a, ring_errors), 0);
    emul_advance(MICROSECS(PERIOD_US));
    emul_advance(MICROSECS(PERIOD_US));
    CHECK(!polled());
    over();
}

/* ---- Idle CPUs ----------------------------------------------------------- */

#define IDLE_US         10

/* So many microseconds pass on a CPU that runs d, or idles (NULL). */
static void pass(unsigned int cpu, struct domain *d, unsigned int us)
{
    unsigned int here = emul_cpu;

    emul_cpu = cpu;
    emul_set_current(d);
    emul_advance(MICROSECS(us));
    emul_set_current(NULL);
    emul_cpu = here;
}

/* a, who runs on CPU 0, is polled; CPU 2 idles, as does the one beside it. */
static void begin_idle(void)
{
    three_guests();
    emul_nr_cpus = NR_CPUS;
    emul_idles[2] = emul_idles[3] = true;
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, IDLE_US), 0);
    ring_twice();
    CHECK(polled());
    CHECK_EQ(got(), 2);
    CHECK_EQ(emul_timer_cpu(), 2);
}

static void over_idle(void)
{
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, 0), 0);
    over();
}

TEST(an_idle_cpu_takes_over_and_looks_more_often)
{
    unsigned int i;

    begin_idle();
    for ( i = 1; i < 30; i++ )
    {
        put();
        pass(2, NULL, IDLE_US - 1);
        CHECK_EQ(got(), 0);
        pass(2, NULL, 1);
        CHECK_EQ(got(), 1);
        CHECK_EQ(emul_timer_cpu(), 2);
    }
    CHECK(polled());
    CHECK_EQ(COUNT(a, doorbells), 2);
    CHECK_EQ(COUNT(a, tx_polls), 29);
    CHECK_EQ(COUNT(a, tx_idle_polls), 29);
    over_idle();
}

TEST(idle_looks_that_find_nothing_end_after_the_period_of_the_ring)
{
    unsigned int i;

    begin_idle();
    for ( i = IDLE_US; i < PERIOD_US; i += IDLE_US )
    {
        pass(2, NULL, IDLE_US);
        CHECK(polled());
    }
    pass(2, NULL, IDLE_US);
    CHECK(!polled());
    put();
    ring();
    CHECK_EQ(got(), 1);
    over_idle();
}

TEST(a_guest_that_comes_to_run_on_the_idle_cpu_loses_nothing)
{
    begin_idle();
    put();
    pass(2, c->d, IDLE_US);
    CHECK_EQ(got(), 0);
    CHECK(polled());
    /* Its guest's own CPU is asked, once; nobody else idles. */
    CHECK_EQ(emul_timer_cpu(), 0);
    emul_idles[2] = false;
    pass(0, a->d, PERIOD_US);
    CHECK_EQ(got(), 1);
    CHECK_EQ(COUNT(a, tx_idle_polls), 0);
    CHECK(polled());
    CHECK_EQ(emul_timer_cpu(), 0);
    /* Another one idles by the next time. */
    emul_idles[4] = emul_idles[5] = true;
    put();
    pass(0, a->d, PERIOD_US);
    CHECK_EQ(got(), 1);
    CHECK_EQ(emul_timer_cpu(), 4);
    put();
    pass(4, NULL, IDLE_US);
    CHECK_EQ(got(), 1);
    CHECK_EQ(COUNT(a, tx_idle_polls), 1);
    over_idle();
}

TEST(a_cpu_that_has_left_the_pool_looks_no_more)
{
    begin_idle();
    put();
    emul_idles[2] = false;      /* it idles, but not for a */
    pass(2, NULL, IDLE_US);
    CHECK_EQ(got(), 0);
    CHECK(polled());
    CHECK_EQ(emul_timer_cpu(), 0);
    pass(0, a->d, PERIOD_US);
    CHECK_EQ(got(), 1);
    over_idle();
}

TEST(polling_ends_where_neither_cpu_is_to_be_had)
{
    begin_idle();
    put();
    pass(2, c->d, IDLE_US);
    emul_events(a->d, a->evtchn);
    pass(0, c->d, PERIOD_US);
    CHECK(!polled());
    CHECK_EQ(emul_events(a->d, a->evtchn), 1);
    ring();
    CHECK_EQ(got(), 1);
    over_idle();
}

TEST(nobody_is_asked_where_nobody_idles)
{
    three_guests();
    emul_nr_cpus = NR_CPUS;
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, IDLE_US), 0);
    ring_twice();
    CHECK_EQ(emul_timer_cpu(), 0);
    put();
    emul_advance(MICROSECS(IDLE_US));
    CHECK_EQ(got(), 2);
    over_idle();
}

TEST(the_clock_comes_home_when_idle_cpus_may_not_look_any_more)
{
    begin_idle();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, 0), 0);
    put();
    pass(2, NULL, IDLE_US);
    CHECK_EQ(got(), 1);
    CHECK_EQ(emul_timer_cpu(), 0);
    put();
    pass(0, a->d, PERIOD_US - 1);
    CHECK_EQ(got(), 0);
    pass(0, a->d, 1);
    CHECK_EQ(got(), 1);
    over_idle();
}

TEST(an_idle_cpu_that_is_wanted_takes_nothing_and_comes_back)
{
    begin_idle();
    put();
    cpu_raise_softirq(2, SCHEDULE_SOFTIRQ);
    pass(2, NULL, IDLE_US);
    CHECK_EQ(got(), 0);
    CHECK(polled());
    emul_softirq(2, NULL);
    pass(2, NULL, 49);
    CHECK_EQ(got(), 0);
    pass(2, NULL, 1);
    CHECK_EQ(got(), 1);
    over_idle();
}

TEST(an_idle_cpu_does_one_burst_at_a_time)
{
    unsigned int i;

    large_rings();
    emul_nr_cpus = NR_CPUS;
    emul_idles[2] = emul_idles[3] = true;
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, PERIOD_US), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, IDLE_US), 0);
    ring_twice();
    CHECK_EQ(got(), 2);
    for ( i = 0; i < 200; i++ )
        put();
    pass(2, NULL, IDLE_US);
    CHECK_EQ(got(), 64);
    pass(2, NULL, 2);
    CHECK_EQ(got(), 64);
    pass(2, NULL, 4);
    CHECK_EQ(got(), 72);
    over_idle();
}

TEST(what_an_idle_cpu_must_leave_the_receiver_fetches)
{
    struct pkt s[3];
    unsigned int i;

    begin_idle();
    guest_buffers(b, 32, 0);
    guest_fill(b);
    for ( i = 0; i < ARRAY_SIZE(s); i++ )
        s[i] = guest_send(a, 1, 8192 + i, 64, i);
    emul_events(b->d, b->evtchn);
    /* All are taken; then, between two pages of the first, it is wanted. */
    emul_softirq_after = 6;
    pass(2, NULL, IDLE_US);
    emul_softirq_after = 0;
    emul_softirq(2, NULL);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(b, idle_yields), 1);
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    for ( i = 0; i < ARRAY_SIZE(s); i++ )
        guest_expect(b, a, &s[i]);
    over_idle();
}

/* ---- Everything at once -------------------------------------------------- */

static unsigned int senders_left, left_to_send;
static uint64_t arrived;
static uint32_t last;

/* A driver that rings if it is told to, or when the ring is half full. */
static void send_on(void)
{
    unsigned int n;

    while ( left_to_send )
    {
        for ( n = test_random() % 5; n && left_to_send; n-- )
        {
            struct pkt p = pkt_new(a, 1, 60);
            uint32_t seq = id + 1;

            memcpy(p.inl + 40, &seq, 4);
            if ( !guest_put(a, &p) )
                break;
            id++;
            left_to_send--;
        }
        smp_mb();
        if ( read_atomic(&a->ctrl->tx_wakeup) ||
             a->tx_prod - read_atomic(&a->ctrl->tx_cons) >= a->tx_size / 2 )
            ring();
        else if ( !(test_random() % 4) )
            blocks(a);
        /* What the event would make the driver do. */
        if ( emul_events(a->d, a->evtchn) )
            ring();
    }
    write_atomic(&senders_left, 0);
}

static void receive_on(void)
{
    while ( guest_get(b) )
    {
        uint32_t seq;

        memcpy(&seq, b->got.data + 40, 4);
        CHECK((int32_t)(seq - last) > 0);
        last = seq;
        arrived++;
    }
    guest_fill(b);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
}

static void all_do(void *arg, unsigned int cpu)
{
    if ( cpu == 0 )
        send_on();
    while ( read_atomic(&senders_left) )
    {
        if ( cpu == 1 )
            receive_on();
        else
            emul_advance(MICROSECS(7));
        cpu_relax();
    }
}

TEST(no_packet_is_left_behind_while_clock_and_guest_are_at_it)
{
    unsigned int i;

    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, 20), 0);
    emul_idles[2] = true;
    id = 0;
    senders_left = 1;
    left_to_send = 20000;
    emul_run(3, all_do, NULL);
    /* Nobody rings any more: the clock, or the event, sees to the rest. */
    emul_advance(MICROSECS(60));
    if ( emul_events(a->d, a->evtchn) )
        ring();
    for ( i = 0; i < 50; i++ )
        receive_on();
    CHECK_EQ(COUNT(a, tx_packets), id);
    CHECK_EQ(arrived + COUNT(b, drop_queue) + COUNT(b, drop_quota), id);
    CHECK(COUNT(a, tx_polls));
    over();
}

/* The ports come and go under the clock and the vCPU that blocks. */
static void come_and_go(void *arg, unsigned int cpu)
{
    unsigned int i;

    if ( cpu == 0 )
    {
        for ( i = 0; i < 400; i++ )
        {
            CHECK_EQ(guest_detach(a), 0);
            CHECK_EQ(guest_attach(a), 0);
            ring_twice();
        }
        write_atomic(&senders_left, 0);
        return;
    }

    while ( read_atomic(&senders_left) )
    {
        if ( cpu == 1 )
            blocks(a);
        else
            emul_advance(MICROSECS(7));
        cpu_relax();
    }
}

TEST(a_queue_comes_and_goes_under_the_clock)
{
    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, 20), 0);
    emul_idles[2] = true;
    senders_left = 1;
    emul_run(3, come_and_go, NULL);
    over();
}

/* As above, while a CPU that idles is found at times. */
static void all_and_idle(void *arg, unsigned int cpu)
{
    if ( cpu < 2 )
    {
        all_do(arg, cpu);
        return;
    }
    while ( read_atomic(&senders_left) )
    {
        write_atomic(&emul_idles[2], !(test_random() % 3));
        emul_set_current(test_random() % 8 ? NULL : c->d);
        emul_advance(MICROSECS(7));
        cpu_relax();
    }
    emul_set_current(NULL);
}

TEST(no_packet_is_left_behind_while_idle_cpus_look)
{
    unsigned int i;

    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_US, 20), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_TX_POLL_IDLE_US, 5), 0);
    emul_idles[3] = true;
    id = last = 0;
    arrived = 0;
    senders_left = 1;
    left_to_send = 20000;
    emul_run(3, all_and_idle, NULL);
    emul_advance(MICROSECS(60));
    if ( emul_events(a->d, a->evtchn) )
        ring();
    for ( i = 0; i < 50; i++ )
        receive_on();
    CHECK_EQ(COUNT(a, tx_packets), id);
    CHECK_EQ(arrived + COUNT(b, drop_queue) + COUNT(b, drop_quota), id);
    CHECK(COUNT(a, tx_idle_polls));
    CHECK(COUNT(a, tx_polls) > COUNT(a, tx_idle_polls));
    over_idle();
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
