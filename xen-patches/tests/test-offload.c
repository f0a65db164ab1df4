/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-offload.c
 *
 * Idle CPUs deliver what others sent: which CPU is asked, that it stops when
 * it is wanted elsewhere, and that nothing is lost, whatever becomes of it.
 */

#include "guests.h"
#include "offload.h"

#define LEN     8000

static struct guest *a, *b;
static struct pkt sent[8];

void test_setup(void)
{
    guests_boot("16M");
}

/* a sends to b, who runs on CPU 0, where the tests are, too. */
static void pair(void)
{
    a = guest_new();
    b = guest_new();
    guest_buffers(b, 32, 0);
    guest_fill(b);
    flow(a, 1, &b, 1);
    emul_nr_cpus = NR_CPUS;
    CHECK_EQ(host_param(HICAMP_PARAM_OFFLOAD, LEN), 0);
}

/* n packets of two pages each, of which the sender copies one, and ring. */
static void send(unsigned int n)
{
    unsigned int i;

    ASSERT(n <= ARRAY_SIZE(sent));
    for ( i = 0; i < n; i++ )
        sent[i] = guest_send(a, 1, LEN + i, 64, i);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
}

static void expect(unsigned int from, unsigned int to)
{
    for ( ; from < to; from++ )
        guest_expect(b, a, &sent[from]);
    CHECK(!guest_get(b));
}

/* The CPU that has been asked, or NR_CPUS. */
static unsigned int asked(void)
{
    unsigned int cpu;

    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
        if ( softirq_pending(cpu) )
        {
            CHECK_EQ(softirq_pending(cpu), 1u << HICAMP_SOFTIRQ);
            return cpu;
        }

    return NR_CPUS;
}

static void idle(unsigned int cpu)
{
    emul_idles[cpu] = true;
}

/* Four are sent, the first has arrived, CPU 2 is asked for the rest. */
static void three_left(void)
{
    idle(2);
    idle(3);
    send(4);
    expect(0, 1);
    CHECK_EQ(asked(), 2);
    emul_events(b->d, b->evtchn);
}

/* ---- Who does it --------------------------------------------------------- */

TEST(nobody_is_asked_unless_told_so)
{
    pair();
    CHECK_EQ(host_param(HICAMP_PARAM_OFFLOAD, 0), 0);
    idle(2);
    idle(3);
    send(4);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 4);
    guests_end();
}

TEST(the_sender_goes_on_where_nobody_idles)
{
    pair();
    send(4);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 4);
    CHECK_EQ(COUNT(b, idle_packets), 0);
    guests_end();
}

TEST(an_idle_cpu_delivers_the_rest)
{
    struct hicamp_comp c;
    unsigned int i;

    pair();
    write_atomic(&b->ctrl->rx_event, 1);
    idle(2);
    idle(3);
    send(6);
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    expect(0, 1); /* the first by the sender */
    CHECK(guest_reap(a, &c));
    CHECK(!guest_reap(a, &c));
    CHECK_EQ(asked(), 2);
    emul_softirq(2, NULL);
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    expect(1, 6);
    for ( i = 1; i < 6; i++ )
    {
        CHECK(guest_reap(a, &c));
        CHECK_EQ(c.status, HICAMP_COMP_OK);
    }
    CHECK_EQ(COUNT(b, rx_packets), 6);
    CHECK_EQ(COUNT(b, idle_packets), 5);
    CHECK_EQ(COUNT(b, idle_yields), 0);
    guests_end();
}

TEST(what_is_worth_asking_is_told_in_bytes)
{
    pair();
    idle(2);
    idle(3);
    send(1);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 1);
    CHECK_EQ(host_param(HICAMP_PARAM_OFFLOAD, 2 * LEN + 1), 0);
    send(2);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 2);
    CHECK_EQ(host_param(HICAMP_PARAM_OFFLOAD, 1), 0);
    send(1);
    CHECK_EQ(asked(), 2);
    CHECK(!guest_get(b));
    emul_softirq(2, NULL);
    expect(0, 1);
    guests_end();
}

TEST(a_cpu_beside_a_busy_thread_is_left_alone)
{
    pair();
    idle(3); /* 2 is busy */
    send(2);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 2);

    idle(4);
    idle(5);
    emul_advance(MICROSECS(5)); /* after a search in vain */
    send(2);
    CHECK_EQ(asked(), 4);
    emul_softirq(4, NULL);
    expect(0, 2);
    guests_end();
}

TEST(a_search_in_vain_is_not_repeated_at_once)
{
    pair();
    send(2);
    expect(0, 2);
    idle(2);
    idle(3);
    send(2);
    CHECK_EQ(asked(), NR_CPUS);
    expect(0, 2);
    emul_advance(MICROSECS(5));
    send(2);
    CHECK_EQ(asked(), 2);
    emul_softirq(2, NULL);
    expect(0, 2);
    guests_end();
}

TEST(one_that_shares_the_cache_is_preferred)
{
    unsigned int cpu;

    pair();
    for ( cpu = 8; cpu < 12; cpu++ )
        idle(cpu);
    send(2);
    CHECK_EQ(asked(), 8); /* better than none */
    emul_softirq(8, NULL);
    expect(0, 2);

    idle(6);
    idle(7);
    send(2);
    CHECK_EQ(asked(), 6); /* though the search begins behind 8 */
    emul_softirq(6, NULL);
    expect(0, 2);

    b->d->emul_vcpu.processor = 15;
    send(2);
    CHECK_EQ(asked(), 8);
    emul_softirq(8, NULL);
    expect(0, 2);
    guests_end();
}

TEST(cpus_take_turns)
{
    struct guest *to[3];
    unsigned int i, cpu, all = 0;

    pair();
    to[0] = b;
    for ( i = 1; i < 3; i++ )
    {
        to[i] = guest_new();
        flow(a, 1 + i, &to[i], 1);
    }
    for ( cpu = 2; cpu < 8; cpu++ )
        idle(cpu);
    for ( i = 0; i < 3; i++ )
    {
        guest_send(a, 1 + i, 8000, 64, 2 * i);
        guest_send(a, 1 + i, 8000, 64, 2 * i + 1);
    }
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
        all += !!softirq_pending(cpu);
    CHECK_EQ(all, 3);
    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
        emul_softirq(cpu, NULL);
    for ( i = 0; i < 3; i++ )
        CHECK_EQ(COUNT(to[i], rx_packets), 2);
    guests_end();
}

/* ---- Called away --------------------------------------------------------- */

TEST(a_cpu_that_runs_a_guest_by_then_copies_nothing)
{
    pair();
    CHECK_EQ(host_param(HICAMP_PARAM_RX_EVENT_US, 1000), 0);
    b->d->emul_vcpu.is_running = true;
    write_atomic(&b->ctrl->rx_event, 0);
    three_left();
    emul_softirq(2, a->d);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(b, idle_packets), 0);

    /* b is told, though it wants no events and runs, and gets the rest. */
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    CHECK_EQ(b->ctrl->fill_wakeup, 1);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    expect(1, 4);
    guests_end();
}

TEST(a_cpu_that_is_wanted_stops_at_once)
{
    pair();
    three_left();

    /* Its scheduler has something for it after it began. */
    emul_softirq_after = 1;
    emul_softirq(2, NULL);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(b, idle_yields), 1);
    CHECK_EQ(COUNT(b, idle_packets), 0);
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    expect(1, 4);
    guests_end();
}

TEST(a_packet_half_copied_stays_whole)
{
    pair();
    three_left();
    emul_softirq_after = 6; /* it looks before each packet and each page */
    emul_softirq(2, NULL);
    CHECK_EQ(COUNT(b, idle_yields), 1);
    CHECK_EQ(COUNT(b, idle_packets), 1);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    expect(1, 4);
    guests_end();
}

TEST(a_cpu_goes_and_its_mail_is_seen_to)
{
    pair();
    three_left();
    emul_idles[2] = false;
    emul_softirqs[2] = 0;
    emul_cpu_down(2);
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    expect(1, 4);

    /* And may be offered again. */
    idle(4);
    idle(5);
    send(2);
    CHECK_EQ(asked(), 4);
    emul_softirq(4, NULL);
    expect(0, 2);
    guests_end();
}

TEST(what_comes_meanwhile_is_not_offered_twice)
{
    pair();
    idle(2);
    idle(3);
    idle(4);
    idle(5);
    send(2);
    CHECK_EQ(asked(), 2);
    guest_expect(b, a, &sent[0]);
    send(4);
    CHECK_EQ(softirq_pending(4), 0);
    CHECK(!guest_get(b)); /* what waited is longer by a byte */
    emul_softirq(2, NULL);
    CHECK(guest_get(b));
    expect(0, 4);
    guests_end();
}

/* ---- The receiver goes --------------------------------------------------- */

static void idle_cpu_looks(void)
{
    emul_softirq(2, NULL);
}

TEST(a_queue_is_not_freed_under_the_cpu)
{
    pair();
    idle(2);
    idle(3);
    send(4);
    guests_meanwhile = idle_cpu_looks;
    CHECK(guest_kill(b));
    guests_meanwhile = NULL;
    guests_end();
}

TEST(a_detach_waits_for_the_cpu)
{
    struct hicamp_port_detach op = {};

    pair();
    idle(2);
    idle(3);
    send(4);
    op.devid = b->devid;
    CHECK_EQ(port_detach(b->d, &op), -ERESTART);
    CHECK_EQ(port_detach(b->d, &op), -ERESTART);
    emul_softirq(2, NULL);
    CHECK_EQ(port_detach(b->d, &op), 0);
    b->attached = false;
    CHECK_EQ(COUNT(b, drop_detach), 3);
    guests_end();
}

/* ---- All at once --------------------------------------------------------- */

#define SENDERS         2
#define IDLE_FIRST      4       /* CPUs that idle: two cores */
#define IDLE_END        8
#define PACKETS         4000

static struct guest *from[SENDERS];
static unsigned int senders_left;
static uint32_t seen[SENDERS];
static const struct queue *queue;

static void sender(unsigned int n)
{
    struct guest *g = from[n];
    struct hicamp_comp c;
    uint32_t seq = 1;

    while ( seq <= PACKETS )
    {
        unsigned int i;

        for ( i = 1 + test_random() % 8; i; i-- )
        {
            struct pkt p = pkt_new(g, 1, 60);

            pkt_extent(&p, g, test_random() % 4096, 1 + test_random() % 9000,
                       test_random() % 2);
            memcpy(p.inl + 20, &n, 4);
            memcpy(p.inl + 24, &seq, 4);
            if ( !guest_put(g, &p) )
                break;
            seq++;
        }
        CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        while ( guest_reap(g, &c) )
            CHECK(c.status != HICAMP_COMP_BAD);

        /* There are fewer CPUs than threads: let the idle ones have theirs. */
        while ( test_random() % 64 && offload_pending(queue) )
            cpu_relax();
    }
    arch_fetch_and_add(&senders_left, -1);
}

static bool receive(void)
{
    bool any = false;

    while ( guest_get(b) )
    {
        uint32_t n, seq;

        memcpy(&n, b->got.data + 20, 4);
        memcpy(&seq, b->got.data + 24, 4);
        CHECK(n < SENDERS);
        CHECK((int32_t)(seq - seen[n]) > 0);
        seen[n] = seq;
        any = true;
    }
    guest_fill(b);
    smp_mb();
    if ( read_atomic(&b->ctrl->fill_wakeup) )
        CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);

    return any;
}

static void all_at_once(void *arg, unsigned int cpu)
{
    if ( cpu < SENDERS )
        sender(cpu);
    else if ( cpu == SENDERS )
        while ( read_atomic(&senders_left) )
        {
            receive();
            emul_advance(MICROSECS(5));
        }
    else if ( cpu >= IDLE_FIRST )
        while ( read_atomic(&senders_left) )
        {
            if ( !(test_random() % 64) )
                cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
            emul_softirq(cpu, test_random() % 8 ? NULL : dom0);
            cpu_relax();
        }
}

TEST(packets_stay_in_order_whoever_delivers_them)
{
    struct hicamp_comp c;
    unsigned int i, cpu;
    bool any;

    pair();
    b = guest_sized(64, 256, 256, 64);
    guest_buffers(b, 160, 0);
    guest_fill(b);
    for ( i = 0; i < SENDERS; i++ )
    {
        from[i] = guest_new();
        flow(from[i], 1, &b, 1);
    }
    for ( cpu = IDLE_FIRST; cpu < IDLE_END; cpu++ )
        idle(cpu);
    senders_left = SENDERS;
    queue = guest_queue(b);
    emul_run(IDLE_END, all_at_once, NULL);
    do {
        any = false;
        for ( cpu = IDLE_FIRST; cpu < IDLE_END; cpu++ )
            emul_softirq(cpu, NULL);
        any |= receive();
        for ( i = 0; i < SENDERS; i++ )
            while ( guest_reap(from[i], &c) )
                any = true;
    } while ( any );

    CHECK(COUNT(b, idle_packets) >= 100);
    CHECK_EQ(guest_info(b).queued, 0);
    CHECK_EQ(COUNT(b, rx_packets) + COUNT(b, drop_queue) +
             COUNT(b, drop_torn) + COUNT(b, drop_quota),
             COUNT(from[0], tx_packets) + COUNT(from[1], tx_packets));
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
