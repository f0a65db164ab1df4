/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-deliver.c
 *
 * From the line of those that wait into the receiver's buffers: what buffers
 * may be like, stalls, queues that overflow, and who may go away meanwhile.
 */

#include "traffic.h"

void test_setup(void)
{
    guests_boot("1M");
}

/* a sends packet i of a series, with payload if odd. */
static struct pkt put(unsigned int group, unsigned int i)
{
    return guest_send(a, group, i % 2 ? 200 + i * 17 % 5000 : 50, 50, i);
}

static void ring(struct guest *g, unsigned int what)
{
    CHECK_EQ(guest_doorbell(g, what), 0);
}

static unsigned int get_all(struct guest *g)
{
    unsigned int n = 0;

    while ( guest_get(g) )
        n++;

    return n;
}

/* ---- Buffers ------------------------------------------------------------- */

TEST(a_packet_fills_buffers_one_after_the_other_and_nothing_else)
{
    static const unsigned int lens[] = { 2048, 4096, 2049, 16384, 65536 };
    unsigned int total, i, j;
    struct pkt p;

    three_guests();
    guest_starve(b);
    b->nr_bufs = 0;
    guest_buffers(b, ARRAY_SIZE(lens), HICAMP_ORDER_MAX);
    for ( i = 0; i < ARRAY_SIZE(lens); i++ )
    {
        b->bufs[i].offset = (65536 - lens[i]) / 2;
        b->bufs[i].len = lens[i];
    }

    for ( total = 1; total < 65400; total += 1021 )
    {
        unsigned int bufs = 0, left = total;

        for ( i = 0; i < ARRAY_SIZE(lens); i++ )
            memset(emul_guest(b->bufs[i].mfn), 0x5a, 65536);
        CHECK_EQ(guest_detach(b), 0);
        CHECK_EQ(guest_attach(b), 0);
        guest_fill(b);

        p = pkt_new(a, 1, 60);
        pkt_extent(&p, a, total % 4096, total, false);
        transmit(&p);
        guest_expect(b, a, &p);
        completed(0, HICAMP_COMP_OK);

        for ( i = 0; i < ARRAY_SIZE(lens); i++ )
        {
            const uint8_t *run = emul_guest(b->bufs[i].mfn);
            unsigned int used = min(left, lens[i]);

            left -= used;
            bufs += used > 0;
            for ( j = 0; j < b->bufs[i].offset; j += 97 )
                CHECK_EQ(run[j], 0x5a);
            for ( j = b->bufs[i].offset + used; j < 65536; j += j < 65000 ?
                  97 : 1 )
                CHECK_EQ(run[j], 0x5a);
        }
        CHECK_EQ(b->got.bufs, bufs);
        CHECK_EQ(b->ctrl->fill_cons, bufs);
    }
    guests_end();
}

TEST(the_longest_packet_fits_in_one_buffer_and_in_the_smallest)
{
    struct pkt p;

    three_guests();
    p = pkt_new(a, 1, 14);
    pkt_extent(&p, a, 11, 65521, true);

    guest_starve(b);
    b->nr_bufs = 0;
    guest_buffers(b, 1, HICAMP_ORDER_MAX);
    guest_fill(b);
    transmit(&p);
    guest_expect(b, a, &p);
    CHECK_EQ(b->got.bufs, 1);
    completed(0, HICAMP_COMP_OK);

    guest_starve(b);
    b->nr_bufs = 0;
    guest_buffers(b, 40, 0);
    while ( b->nr_bufs-- )
        b->bufs[b->nr_bufs].len = HICAMP_FILL_MIN;
    b->nr_bufs = 40;
    guest_fill(b);
    transmit(&p);
    guest_expect(b, a, &p);
    CHECK_EQ(b->got.bufs, 32);
    completed(0, HICAMP_COMP_OK);
    guests_end();
}

TEST(entries_that_name_no_buffer_are_skipped_and_counted)
{
    uint32_t ro, gone, refs[2];
    struct pkt p;

    three_guests();
    guest_starve(b);
    CHECK_EQ(guest_issue(b, b->pool, 0, 0, &ro), 0);
    CHECK_EQ(guest_issue(b, b->pool, 0, HICAMP_RUN_RW, &gone), 0);
    CHECK_EQ(guest_revoke(b, gone), 0);
    refs[0] = b->bufs[0].ref;
    refs[1] = b->bufs[1].ref;

    guest_put_fill(b, ro, 0, 4096, 99);
    guest_put_fill(b, gone, 0, 4096, 99);
    guest_put_fill(b, refs[0], 0, HICAMP_FILL_MIN - 1, 99);
    guest_put_fill(b, refs[0], 0, 0, 99);
    guest_put_fill(b, refs[0], 4096, 4097, 99);
    guest_put_fill(b, refs[0], ~0u, 4096, 99);
    guest_put_fill(b, refs[0], 0, ~0u, 99);
    guest_put_fill(b, 1 << 20 | 200, 0, 4096, 99); /* never issued */
    b->bufs[0].posted = b->bufs[1].posted = true;
    guest_put_fill(b, refs[0], 0, 8192, 0);
    guest_put_fill(b, ~0u, 0, 4096, 99);
    guest_put_fill(b, refs[1], 0, 8192, 1);

    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 0, 10000, false);
    transmit(&p);
    guest_expect(b, a, &p);
    completed(0, HICAMP_COMP_OK);
    CHECK_EQ(b->got.bufs, 2);
    CHECK_EQ(COUNT(b, bad_fill), 9);
    CHECK_EQ(b->ctrl->fill_cons, 11);
    guests_end();
}

TEST(entries_that_name_no_buffer_are_consumed_even_when_there_is_no_other)
{
    struct pkt p;
    unsigned int i;

    three_guests();
    guest_starve(b);
    for ( i = 0; i < 64; i++ )
        guest_put_fill(b, 0, 0, 4096, 0);
    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 0, 100, false);
    transmit(&p);
    CHECK_EQ(b->ctrl->fill_cons, 64);
    CHECK_EQ(COUNT(b, bad_fill), 64);
    CHECK_EQ(COUNT(b, rx_stalls), 1);
    CHECK_EQ(b->ctrl->fill_wakeup, 1);
    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    guest_expect(b, a, &p);
    CHECK_EQ(COUNT(b, bad_fill), 64);
    guests_end();
}

TEST(a_buffer_that_is_revoked_while_posted_is_not_written)
{
    struct pkt p;
    unsigned int i;

    three_guests();
    for ( i = 0; i < 3; i++ )
    {
        CHECK_EQ(guest_revoke(b, b->bufs[i].ref), 0);
        emul_page_free(b->bufs[i].mfn);
        emul_page_free(b->bufs[i].mfn + 1);
    }
    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 0, 20000, false);
    transmit(&p);
    guest_expect(b, a, &p);
    CHECK_EQ(COUNT(b, bad_fill), 3);
    guests_end();
}

TEST(pages_that_xen_writes_are_marked_dirty)
{
    unsigned int i, n = 0;
    struct pkt p;

    three_guests();
    b->d->emul_log_dirty = true;
    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 100, 9000, false);
    transmit(&p);
    for ( i = 0; i < b->nr_bufs; i++ )
        n += !!mfn_to_page(_mfn(b->bufs[i].mfn))->emul_dirtied +
             !!mfn_to_page(_mfn(b->bufs[i].mfn + 1))->emul_dirtied;
    CHECK_EQ(n, 3);
    for ( i = 0; i < b->nr_frames; i++ )
        CHECK(mfn_to_page(_mfn(b->frames[i]))->emul_dirtied);
    for ( i = 0; i < a->pool_pages; i++ )
        CHECK(!mfn_to_page(_mfn(a->pool + i))->emul_dirtied);
    guests_end();
}

/* ---- Stalls -------------------------------------------------------------- */

TEST(without_buffers_packets_wait_and_none_is_lost_or_overtaken)
{
    struct pkt p[21];
    unsigned int i, n = 0;

    three_guests();
    guest_starve(b);
    for ( i = 0; i < ARRAY_SIZE(p); i++ )
        p[i] = put(1, i);
    ring(a, HICAMP_DOORBELL_TX);

    guest_expect(b, a, &p[n++]);    /* needs no buffer */
    CHECK(!guest_get(b));           /* does, and those behind it wait */
    CHECK_EQ(guest_info(b).queued, 20);
    CHECK_EQ(guest_info(a).borrowed, 10);
    CHECK_EQ(COUNT(b, rx_stalls), 1);
    CHECK_EQ(b->ctrl->fill_wakeup, 1);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);

    /* One buffer at a time, and one that is too few for a packet. */
    for ( i = 0; n < ARRAY_SIZE(p); i++ )
    {
        b->bufs[i].posted = true;
        guest_put_fill(b, b->bufs[i].ref, 0, 4096, i);
        b->bufs[i].len = 4096;
        ring(b, HICAMP_DOORBELL_RX);
        while ( read_atomic(&b->ctrl->rx_prod) != b->rx_cons )
            guest_expect(b, a, &p[n++]);
        CHECK_EQ(b->ctrl->fill_wakeup, n < ARRAY_SIZE(p));
    }
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 10);
    CHECK_EQ(guest_info(b).queued, 0);
    CHECK_EQ(COUNT(b, rx_packets), ARRAY_SIZE(p));
    guests_end();
}

TEST(without_room_in_rx_packets_wait_and_none_is_lost_or_overtaken)
{
    struct pkt p[100];
    unsigned int i, n = 0;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(p); i++ )
    {
        p[i] = put(1, i);
        ring(a, HICAMP_DOORBELL_TX);
        reap_all(a, HICAMP_COMP_OK);
    }
    CHECK(guest_info(b).queued > 50);
    CHECK_EQ(b->ctrl->fill_wakeup, 1);
    CHECK(COUNT(b, rx_stalls) > 0);

    while ( n < ARRAY_SIZE(p) )
    {
        while ( read_atomic(&b->ctrl->rx_prod) != b->rx_cons )
            guest_expect(b, a, &p[n++]);
        guest_fill(b);
        ring(b, HICAMP_DOORBELL_RX);
    }
    CHECK_EQ(b->ctrl->fill_wakeup, 0);
    CHECK_EQ(guest_info(a).borrowed, 0);
    guests_end();
}

TEST(who_waits_too_long_a_line_is_dropped_at_its_end)
{
    struct pkt first, p;
    unsigned int i;

    three_guests();
    guest_starve(b);
    first = guest_send(a, 1, 3000, 60, 7);
    ring(a, HICAMP_DOORBELL_TX);
    for ( i = 1; i < WAIT_FULL + 10; i++ )
    {
        p = pkt_new(a, 2, 60);      /* c gets each */
        transmit(&p);
        guest_expect(c, a, &p);
    }
    CHECK_EQ(COUNT(b, drop_queue), 10);
    CHECK_EQ(guest_info(b).queued, WAIT_FULL);

    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    guest_expect(b, a, &first);
    for ( i = 1; i < WAIT_FULL; )
    {
        i += get_all(b);
        ring(b, HICAMP_DOORBELL_RX);
    }
    CHECK_EQ(i, WAIT_FULL);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 1);
    guests_end();
}

TEST(nobody_fills_a_line_alone)
{
    struct guest *from[4];
    unsigned int i, n, left = WAIT_SLOTS, share[4];

    b = guest_new();
    for ( i = 0; i < 4; i++ )
    {
        from[i] = guest_sized(4096, 64, 64, 512);
        flow(from[i], 1, &b, 1);
    }
    guest_starve(b);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, WAIT_SLOTS), 0);

    /* One after the other floods; who comes later finds places. */
    for ( i = 0; i < 4; i++ )
    {
        for ( n = 0; n < 300; n++ )
            guest_send(from[i], 1, i % 2 ? 60 : 3000, 60, n);
        ring(from[i], HICAMP_DOORBELL_TX);
        share[i] = left;
        left = WAIT_SLOTS - guest_info(b).queued;
        share[i] -= left;
    }
    CHECK_EQ(share[0], WAIT_FULL);
    CHECK_EQ(share[1], WAIT_ALONE(WAIT_SLOTS - WAIT_FULL));
    CHECK(share[2] > 1 && share[3] == 1);
    CHECK_EQ(COUNT(b, drop_queue), 4 * 300 - WAIT_SLOTS);

    /* As the line moves on the late ones get what the first had too much. */
    while ( guest_info(b).queued > 100 )
    {
        guest_fill(b);
        ring(b, HICAMP_DOORBELL_RX);
        (void)get_all(b);
    }
    for ( n = 0; n < 100; n++ )
        guest_send(from[3], 1, 60, 60, n);
    ring(from[3], HICAMP_DOORBELL_TX);
    CHECK_EQ(COUNT(b, drop_queue), 4 * 300 - WAIT_SLOTS);
    guests_end();
}

TEST(what_is_more_than_a_burst_is_left_to_the_receiver_who_is_told)
{
    unsigned int i, n;

    a = guest_sized(4096, 64, 64, 1024);
    b = guest_sized(64, 4096, 1024, 64);
    flow(a, 1, &b, 1);
    guest_buffers(b, 40, HICAMP_ORDER_MAX);
    guest_fill(b);
    for ( i = 0; i < 40; i++ )
        guest_send(a, 1, 60000, 60, i);
    /* All are taken at once: the burst is bounded over all outputs. */
    ring(a, HICAMP_DOORBELL_TX);
    n = get_all(b);
    CHECK(n >= (512 << 10) / 60000);
    while ( n < 40 )
    {
        CHECK_EQ(b->ctrl->fill_wakeup, 1);
        CHECK(emul_events(b->d, b->evtchn));
        guest_fill(b);
        ring(b, HICAMP_DOORBELL_RX);
        n += get_all(b);
    }
    CHECK_EQ(n, 40);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 40);
    guests_end();
}

/* ---- Completions --------------------------------------------------------- */

TEST(a_packet_is_completed_when_its_last_output_has_it)
{
    struct pkt p;

    three_guests();
    guest_starve(c);
    p = guest_send(a, 2, 3000, 60, 5);
    ring(a, HICAMP_DOORBELL_TX);
    guest_expect(b, a, &p);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);
    guest_fill(c);
    ring(c, HICAMP_DOORBELL_RX);
    completed(5, HICAMP_COMP_OK);
    guest_expect(c, a, &p);
    CHECK_EQ(COUNT(a, completions), 1);
    guests_end();
}

TEST(frames_are_held_until_completed_and_not_longer)
{
    unsigned long frame;
    struct pkt p;
    unsigned int i;

    three_guests();
    guest_starve(b);
    frame = emul_pages_create(a->d, 3);
    for ( i = 0; i < 3; i++ )
        memset(emul_guest(frame + i), i + 1, PAGE_SIZE);
    p = pkt_new(a, 1, 60);
    pkt_extent(&p, a, 0, 8000, false);
    p.ext[0].name = frame;
    p.ext[0].offset = 4000;
    CHECK_EQ(host_info().pins, guest_info(a).frames + guest_info(b).frames +
                               guest_info(c).frames + 3 * a->nr_frames);
    transmit(&p);
    CHECK_EQ(host_info().pins, guest_info(a).frames + guest_info(b).frames +
                               guest_info(c).frames + 3 * a->nr_frames + 3);

    /* The owner has given them up, but Xen has not. */
    for ( i = 0; i < 3; i++ )
        emul_page_free(frame + i);
    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    CHECK(guest_get(b));
    CHECK_EQ(b->got.data[60], 1);
    CHECK_EQ(b->got.data[60 + 96], 2);
    CHECK_EQ(b->got.data[8059], 3);
    for ( i = 0; i < 3; i++ )
        CHECK(!page_get_owner(mfn_to_page(_mfn(frame + i))));
    guests_end();
}

/* ---- Taken back ---------------------------------------------------------- */

/* To b, which has no buffers: one inline, two of frames, one of a reference. */
static void four_wait(void)
{
    unsigned int i;

    three_guests();
    guest_starve(b);
    for ( i = 0; i < 4; i++ )
    {
        struct pkt p = pkt_new(a, 1, 60);

        if ( i )
            pkt_extent(&p, a, i * 5000, 7000, i == 3);
        p.h.id = i;
        CHECK(guest_put(a, &p));
    }
    ring(a, HICAMP_DOORBELL_TX);
    CHECK(guest_get(b));    /* needs no buffer */
    CHECK_EQ(guest_info(b).queued, 3);
}

/* b gets the rest: all three, or n of them and the others are torn. */
static void of_three(unsigned int n)
{
    struct guest *d = guest_new();
    struct pkt p;

    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    CHECK_EQ(get_all(b), n);
    CHECK_EQ(COUNT(b, drop_torn), 3 - n);
    CHECK_EQ(guest_info(b).queued, 0);
    CHECK_EQ(host_info().lines_used, 0);

    /* Nothing is lost of what comes later, from others. */
    flow(d, 1, &b, 1);
    p = guest_send(d, 1, 3000, 60, 1);
    ring(d, HICAMP_DOORBELL_TX);
    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    guest_expect(b, d, &p);
    guests_end();
}

TEST(a_sender_that_detaches_leaves_a_copy_of_what_waits_elsewhere)
{
    unsigned int i;

    four_wait();
    CHECK_EQ(guest_detach(a), 0);
    for ( i = 16; i < a->pool_pages; i++ )  /* the run is still issued */
        CHECK_EQ(mfn_to_page(_mfn(a->pool + i))->count_info & PGC_count_mask,
                 1);
    of_three(3);
}

TEST(a_sender_that_attaches_again_gets_no_completion_of_before)
{
    four_wait();
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_attach(a), 0);
    guest_fill(b);
    ring(b, HICAMP_DOORBELL_RX);
    CHECK_EQ(reap_all(a, 0), 0);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(COUNT(a, completions), 0);
    CHECK_EQ(COUNT(a, tx_packets), 4);  /* counters outlive the queue */
    of_three(3);
}

TEST(a_reference_that_is_revoked_leaves_a_copy)
{
    four_wait();
    CHECK_EQ(guest_revoke(a, a->pool_ref), 0);
    of_three(3);
}

TEST(a_port_that_is_destroyed_leaves_a_copy_of_what_waits_elsewhere)
{
    four_wait();
    CHECK_EQ(guest_destroy(a), 0);
    of_three(3);
}

TEST(a_domain_that_dies_tears_what_waits_elsewhere)
{
    four_wait();
    guest_kill(a);
    of_three(0);
}

TEST(inline_packets_survive_their_sender)
{
    unsigned int i;

    three_guests();
    guest_starve(b);
    for ( i = 0; i < 21; i++ )
        put(1, 1);              /* the first blocks */
    ring(a, HICAMP_DOORBELL_TX);
    for ( i = 0; i < 20; i++ )
        put(1, 0);
    ring(a, HICAMP_DOORBELL_TX);
    guest_kill(a);
    CHECK_EQ(guest_info(b).queued, 41);
    ring(b, HICAMP_DOORBELL_RX);
    CHECK_EQ(get_all(b), 20);
    CHECK_EQ(COUNT(b, drop_torn), 21);
    guests_end();
}

TEST(a_receiver_that_goes_completes_its_senders)
{
    unsigned int how;

    for ( how = 0; how < 3; how++ )
    {
        four_wait();
        if ( !how )
            CHECK_EQ(guest_detach(b), 0);
        else if ( how == 1 )
            CHECK_EQ(guest_destroy(b), 0);
        else
            guest_kill(b);
        if ( !how )
            CHECK_EQ(COUNT(b, drop_detach), 3);
        CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 3);
        CHECK_EQ(guest_info(a).borrowed, 0);
        CHECK_EQ(host_info().lines_used, 0);
        guest_kill(a);
        if ( how < 2 )
            guest_kill(b);
        guest_kill(c);
    }
    guests_end();
}

TEST(a_destroyed_port_takes_its_flows_along)
{
    struct pkt p;

    three_guests();
    CHECK_EQ(host_info().flows, 3);
    flow(b, 1, &a, 1);
    CHECK_EQ(guest_destroy(b), 0);
    CHECK_EQ(host_info().flows, 3);
    CHECK_EQ(guest_destroy(b), -ENOENT);
    p = guest_send(a, 2, 2000, 60, 3);
    ring(a, HICAMP_DOORBELL_TX);
    guest_expect(c, a, &p);
    completed(3, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, drop_noport), 1);
    CHECK_EQ(guest_destroy(a), 0);
    CHECK_EQ(host_info().flows, 0);
    guests_end();
}

/* ---- Teardown, preempted at every step ----------------------------------- */

/* a's and then b's packets in one line. */
#define BOTH_WAIT   (WAIT_FULL + WAIT_ALONE(WAIT_SLOTS - WAIT_FULL))

static struct guest *p1, *p2;

/* Two who have nothing to do with it go on. */
static void go_on(void)
{
    struct pkt p = guest_send(p1, 1, 3000, 60, 1);
    struct hicamp_comp comp;

    ring(p1, HICAMP_DOORBELL_TX);
    guest_expect(p2, p1, &p);
    guest_fill(p2);
    CHECK(guest_reap(p1, &comp));
}

/* a and b have sent all that fits to each other and to c; none can receive. */
static void all_wait(void)
{
    struct guest *to[3];
    unsigned int i;

    p1 = guest_new();
    p2 = guest_new();
    flow(p1, 1, &p2, 1);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, WAIT_SLOTS), 0);
    to[0] = a = guest_sized(4096, 64, 64, 512);
    to[1] = b = guest_sized(4096, 64, 64, 512);
    to[2] = c = guest_new();
    flow(a, 1, to, 3);
    flow(b, 1, to, 3);
    guest_starve(a);
    guest_starve(b);
    guest_starve(c);
    for ( i = 0; i < 400; i++ )
    {
        guest_send(a, 1, 3000, 60, i);
        guest_send(b, 1, 3000, 60, i);
    }
    ring(a, HICAMP_DOORBELL_TX);
    ring(b, HICAMP_DOORBELL_TX);
    CHECK_EQ(guest_info(a).queued, BOTH_WAIT);
    CHECK_EQ(guest_info(c).queued, BOTH_WAIT);
    CHECK_EQ(guest_info(a).borrowed + guest_info(b).borrowed, BOTH_WAIT);
    guests_meanwhile = go_on;
    emul_preempt_every = 1;
}

TEST(a_dying_domain_holds_nothing_of_others_and_they_nothing_of_it)
{
    struct hicamp_port_info pi;
    unsigned int got = 0;

    all_wait();
    CHECK(guest_kill(a) >= 8);
    emul_preempt_every = 0;
    pi = guest_info(c);
    CHECK_EQ(pi.queued, BOTH_WAIT);
    do {
        guest_fill(c);
        ring(c, HICAMP_DOORBELL_RX);
        got += get_all(c);
    } while ( guest_info(c).queued );
    CHECK_EQ(got, BOTH_WAIT - WAIT_FULL);   /* of b */
    CHECK_EQ(COUNT(c, drop_torn), WAIT_FULL);
    guests_end();
}

TEST(domains_that_wait_for_each_other_die_in_any_order)
{
    all_wait();
    CHECK(guest_kill(c) >= 4);
    CHECK(guest_kill(b) >= 4);
    CHECK_EQ(guest_info(a).queued, BOTH_WAIT);
    CHECK(guest_kill(a) >= 4);
    guests_meanwhile = NULL;
    emul_preempt_every = 0;
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(a_detach_that_is_preempted_ends_complete)
{
    all_wait();
    emul_continuations();
    CHECK_EQ(guest_detach(a), 0);
    CHECK(emul_continuations() >= 2 * WAIT_FULL / HICAMP_PREEMPT_EVERY);
    CHECK_EQ(guest_detach(c), 0);
    CHECK_EQ(guest_destroy(b), 0);
    emul_preempt_every = 0;
    guests_meanwhile = NULL;
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(a_queue_on_its_way_out_is_not_written_any_more)
{
    struct hicamp_port_detach op = { 0 };
    struct hicamp_ring_ctrl before;
    uint64_t n;

    all_wait();
    n = COUNT(a, completions);
    CHECK_EQ(emul_hypercall_once(a->d, HICAMP_OP_port_detach, &op), -ERESTART);
    emul_preempt_every = 0;
    before = *a->ctrl;

    /* Its first packets have no output left now, so they are done with. */
    guest_fill(b);
    guest_fill(c);
    ring(b, HICAMP_DOORBELL_RX);
    ring(c, HICAMP_DOORBELL_RX);
    CHECK(get_all(b) > 10 && get_all(c) > 10);
    CHECK(guest_info(a).borrowed < BOTH_WAIT - 10);
    CHECK(!memcmp(&before, a->ctrl, sizeof(before)));
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(COUNT(a, completions), n);
    guests_meanwhile = NULL;
    guests_end();
}

TEST(a_preempted_detach_is_taken_over_by_destroy_and_by_death)
{
    struct hicamp_port_detach op = { 0 };
    struct hicamp_port_id id;
    unsigned int how;

    for ( how = 0; how < 2; how++ )
    {
        all_wait();
        op.devid = a->devid;
        id = (struct hicamp_port_id){ .domid = a->d->domain_id };
        CHECK_EQ(emul_hypercall_once(a->d, HICAMP_OP_port_detach, &op),
                 -ERESTART);
        CHECK_EQ(guest_attach(a), -EBUSY);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), -ENOTCONN);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_RX), -ENOTCONN);
        if ( !how )
        {
            CHECK_EQ(emul_hypercall_once(dom0, HICAMP_OP_port_destroy, &id),
                     -ERESTART);
            CHECK_EQ(guest_attach(a), -EBUSY);
        }
        guest_kill(a);
        guest_kill(b);
        guest_kill(c);
        guests_meanwhile = NULL;
        guest_kill(p1);
        guest_kill(p2);
        CHECK_EQ(host_info().lines_used, 0);
    }
    emul_preempt_every = 0;
    guests_end();
}

TEST(ports_of_one_domain_share_its_space_and_die_together)
{
    struct guest *d;
    struct pkt p;

    three_guests();
    d = guest_add(a->d, 7, 64, 64, 64, 64);
    flow(d, 1, &b, 1);
    flow(b, 1, &d, 1);
    CHECK_EQ(guest_info(a).runs, 2 * 33);
    CHECK_EQ(guest_info(d).runs, 2 * 33);

    /* Each may use what the other issued. */
    p = pkt_new(d, 1, 60);
    pkt_extent(&p, a, 0, 3000, true);
    CHECK(guest_put(d, &p));
    ring(d, HICAMP_DOORBELL_TX);
    CHECK(guest_get(b));
    CHECK(!memcmp(b->got.data + 60, emul_guest(a->pool), 3000));

    CHECK_EQ(guest_destroy(a), 0);
    p = guest_send(b, 1, 3000, 60, 1);
    ring(b, HICAMP_DOORBELL_TX);
    guest_expect(d, b, &p);
    CHECK_EQ(host_info().ports, 3);
    guest_kill(d);
    CHECK_EQ(host_info().ports, 2);
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
