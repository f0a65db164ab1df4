/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-borrow.c
 *
 * What a sender lends, it gets back: by revoking, by waiting, by leaving, and
 * whatever its receivers do.  They read what was there at the doorbell, or a
 * packet is counted as dropped.
 */

#include "lent.h"

void test_setup(void)
{
    guests_boot("4M");
}

/* ---- Revoke -------------------------------------------------------------- */

TEST(a_revoked_run_is_free_at_once_and_its_packets_keep_their_bytes)
{
    struct pkt p[4];
    unsigned int i;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    for ( i = 0; i < 4; i++ )
    {
        p[i] = lent_pkt(a, 1, i * 5000 + 7, 15000, true, i);
        send(a, &p[i]);
    }
    CHECK_EQ(guest_info(a).borrowed, 4);

    CHECK_EQ(guest_revoke(a, lent.ref), 0);
    scribble();
    for ( i = 0; i < LENT_PAGES; i++ )
        emul_page_free(lent.mfn + i);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 4);
    CHECK_EQ(COUNT(a, copied_revoke), 4);
    CHECK_EQ(COUNT(a, tx_refs), 4);
    CHECK_EQ(guest_info(a).borrowed, 0);

    fetch(b);
    for ( i = 0; i < 4; i++ )
        expect_before(b, &p[i], i * 5000 + 7);
    CHECK_EQ(COUNT(b, drop_torn), 0);
    all_gone(a);
}

TEST(a_revoke_takes_back_the_packets_of_its_runs_alone)
{
    struct pkt p[6];
    uint32_t other;
    unsigned int i;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    CHECK_EQ(guest_issue(a, lent.mfn, HICAMP_ORDER_MAX, 0, &other), 0);
    for ( i = 0; i < 6; i++ )
    {
        p[i] = lent_pkt(a, 1, i * 100, 3000, i % 3, i);
        if ( i % 3 == 2 )
            p[i].ext[0].name = other;
        send(a, &p[i]);
    }
    CHECK_EQ(guest_revoke(a, other), 0);
    CHECK_EQ(COUNT(a, copied_revoke), 2);
    CHECK_EQ(guest_info(a).borrowed, 4);
    CHECK_EQ(guest_revoke(a, lent.ref), 0);
    CHECK_EQ(COUNT(a, copied_revoke), 4);
    CHECK_EQ(guest_info(a).borrowed, 2);
    fetch(b);
    for ( i = 0; i < 6; i++ )
        expect_before(b, &p[i], i * 100);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 6);
    all_gone(a);
}

/* Many extents, so that some stand in the second line, of several runs. */
TEST(a_packet_of_many_runs_is_copied_when_any_of_them_is_revoked)
{
    struct pkt p;
    unsigned int i, at;
    uint32_t refs[HICAMP_EXTENTS_MAX];

    three_guests();
    guest_starve(b);
    lend(a, 0);
    p = lent_pkt(a, 1, 0, 1, true, 1);
    p.h.len = 60;
    p.h.nr_extents = 0;
    for ( i = at = 0; i < HICAMP_EXTENTS_MAX; at += p.ext[i++].len )
    {
        CHECK_EQ(guest_issue(a, lent.mfn, HICAMP_ORDER_MAX, 0, &refs[i]), 0);
        p.ext[i] = (struct hicamp_extent){
            .name = refs[i], .offset = at, .len = 1 + i * 97 % 1800,
            .type = HICAMP_EXT_REF,
        };
        p.h.len += p.ext[i].len;
        p.h.nr_extents++;
    }
    send(a, &p);
    CHECK_EQ(guest_revoke(a, refs[HICAMP_EXTENTS_MAX - 2]), 0);
    CHECK_EQ(COUNT(a, copied_revoke), 1);
    scribble();
    fetch(b);
    expect_before(b, &p, 0);
    completed(1, HICAMP_COMP_OK);
    all_gone(a);
}

/* All of a's queue, and the largest batch, whatever state a's rings are in. */
TEST(a_revoke_works_in_every_state_of_the_rings)
{
    static struct hicamp_run runs[HICAMP_QUERY_BATCH];
    struct hicamp_space_op op;
    unsigned int how, i, n, got;
    unsigned long mfn;
    struct pkt p;

    for ( how = 0; how < 5; how++ )
    {
        three_guests();
        guest_starve(b);
        CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 256), 0);
        mfn = emul_pages_create(a->d, 1);
        memset(emul_guest(mfn), how + 1, PAGE_SIZE);
        for ( i = 0; i < ARRAY_SIZE(runs); i++ )
            runs[i] = (struct hicamp_run){ .frame = mfn };
        op = (struct hicamp_space_op){ .runs = (uintptr_t)runs,
                                       .nr = ARRAY_SIZE(runs) };
        CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_space_issue, &op), 0);

        for ( i = 0; i < 64; i++ )
        {
            p = pkt_new(a, 1, 60);
            p.h.len += 64;
            p.h.nr_extents = 1;
            p.ext[0] = (struct hicamp_extent){
                .name = runs[i * 61].ref, .len = 64, .type = HICAMP_EXT_REF,
            };
            send(a, &p);
        }
        n = guest_info(a).borrowed;
        CHECK_EQ(n, 64);

        if ( how == 1 )         /* a's rings are stopped */
        {
            write_atomic(&a->ctrl->tx_prod, a->tx_prod + 1000);
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), -EIO);
        }
        if ( how == 2 )         /* not attached */
            CHECK_EQ(guest_detach(a), 0);
        if ( how == 3 )         /* preempted whenever that is possible */
            emul_preempt_every = 1;
        if ( how == 4 )         /* b is stopped */
        {
            write_atomic(&b->ctrl->rx_cons, 5000);
            CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), -EIO);
        }

        op.done = 0;
        emul_continuations();
        CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_space_revoke, &op), 0);
        CHECK_EQ(op.done, op.nr);
        CHECK(how != 3 || emul_continuations() >= op.nr / 64 - 1);
        emul_preempt_every = 0;
        CHECK_EQ(guest_info(a).borrowed, 0);
        CHECK_EQ(mfn_to_page(_mfn(mfn))->count_info & PGC_count_mask, 1);
        emul_page_free(mfn);

        for ( got = 0; how != 4 && got < n; )
        {
            fetch(b);
            for ( i = got; guest_get(b); got++ )
                CHECK_EQ(b->got.data[100], how + 1);
            CHECK(got > i);
        }
        CHECK_EQ(host_info().lines_used, 0);
        CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 64), 0);
        guest_kill(a);
        guest_kill(b);
        guest_kill(c);
    }
    guests_end();
}

TEST(a_batch_that_fails_withdraws_what_it_has_closed)
{
    struct hicamp_run runs[3] = {};
    struct hicamp_space_op op = { .runs = (uintptr_t)runs, .nr = 3 };
    struct pkt p;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    p = lent_pkt(a, 1, 0, 9000, true, 7);
    send(a, &p);
    runs[0].ref = lent.ref;
    runs[1].ref = ~0u;
    runs[2].ref = a->pool_ref;
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_space_revoke, &op), -ENOENT);
    CHECK_EQ(op.done, 1);
    scribble();
    CHECK_EQ(guest_revoke(a, lent.ref), -ENOENT);
    CHECK_EQ(guest_revoke(a, a->pool_ref), 0);
    completed(7, HICAMP_COMP_OK);
    fetch(b);
    expect_before(b, &p, 0);
    all_gone(a);
}

TEST(a_reference_that_stands_twice_in_a_batch_is_revoked_once)
{
    struct hicamp_run runs[3] = {};
    struct hicamp_space_op op = { .runs = (uintptr_t)runs, .nr = 3 };

    three_guests();
    lend(a, 0);
    runs[0].ref = a->pool_ref;
    runs[1].ref = runs[2].ref = lent.ref;
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_space_revoke, &op), -ENOENT);
    CHECK_EQ(op.done, 2);
    CHECK_EQ(guest_info(a).runs, 32);
    guests_end();
}

/* ---- Age ----------------------------------------------------------------- */

TEST(who_does_not_receive_keeps_nothing_of_its_senders_longer_than_the_age)
{
    struct pkt p[3], q;
    unsigned int i;

    three_guests();
    flow(a, 4, &c, 1);
    guest_starve(b);
    lend(a, 0);
    for ( i = 0; i < 3; i++ )
    {
        p[i] = lent_pkt(a, 1, i * 9000, 20000, i % 2, i);
        send(a, &p[i]);
    }
    CHECK_EQ(reap_all(a, 0), 0);

    /* Others are served meanwhile, and what is young stays. */
    emul_advance(AGE / 2);
    q = lent_pkt(a, 4, 100, 5000, false, 9);
    send(a, &q);
    expect_before(c, &q, 100);
    completed(9, HICAMP_COMP_OK);
    emul_advance(AGE / 2 - 1000);
    CHECK_EQ(reap_all(a, 0), 0);
    emul_advance(1000);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 3);
    CHECK_EQ(COUNT(a, copied_age), 3);
    CHECK_EQ(emul_timers_set(), 0);
    scribble();

    fetch(b);
    for ( i = 0; i < 3; i++ )
        expect_before(b, &p[i], i * 9000);
    all_gone(a);
}

TEST(what_is_sent_all_the_time_gets_old_as_well)
{
    unsigned int i, back = 0;
    struct pkt p = { .h.id = 0 };

    a = guest_sized(256, 64, 64, 256);
    b = guest_new();
    flow(a, 1, &b, 1);
    guest_starve(b);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 256), 0);
    lend(a, 0);
    for ( i = 0; i < 100; i++ )
    {
        if ( !i )
            p = lent_pkt(a, 1, 0, 500, i % 2, i);
        send(a, &p);
        emul_advance(AGE / 10);
        back += reap_all(a, HICAMP_COMP_OK);
        CHECK(i < 20 || back >= i - 20);
        CHECK(back <= (i < 4 ? 0 : i - 3));
    }
    emul_advance(AGE * 2);
    CHECK_EQ(back + reap_all(a, HICAMP_COMP_OK), 100);
    CHECK_EQ(COUNT(a, copied_age), 100);
    CHECK_EQ(emul_timers_set(), 0);
    for ( i = 0, fetch(b); i < 100; i++ )
    {
        expect_before(b, &p, 0);
        fetch(b);
    }
    all_gone(a);
}

TEST(many_that_are_old_come_back_in_slices)
{
    unsigned int i, n;
    struct pkt p;

    a = guest_sized(1024, 64, 64, 256);
    b = guest_new();
    flow(a, 1, &b, 1);
    guest_starve(b);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 256), 0);
    lend(a, 0);
    for ( i = 0; i < 200; i++ )
    {
        p = lent_pkt(a, 1, 0, 500, false, i);
        CHECK(guest_put(a, &p));
    }
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_info(a).borrowed, 200);
    emul_advance(AGE);
    n = reap_all(a, HICAMP_COMP_OK);
    CHECK(n > 0 && n < 50);
    emul_advance(AGE);
    CHECK_EQ(n + reap_all(a, HICAMP_COMP_OK), 200);
    guests_end();
}

TEST(the_age_is_a_parameter)
{
    struct pkt p;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_AGE_US, 100), 0);
    p = lent_pkt(a, 1, 0, 500, false, 1);
    send(a, &p);
    emul_advance(MICROSECS(100));
    completed(1, HICAMP_COMP_OK);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_AGE_US, 1000000), 0);
    p.h.id = 2;
    send(a, &p);
    emul_advance(SECONDS(1) - 1);
    CHECK_EQ(reap_all(a, 0), 0);
    emul_advance(1);
    completed(2, HICAMP_COMP_OK);
    guests_end();
}

/* ---- Too many for one receiver ------------------------------------------- */

TEST(what_one_sender_has_waiting_for_one_receiver_is_copied_beyond_the_bound)
{
    struct pkt p[12], q;
    struct guest *d;
    unsigned int i;

    three_guests();
    d = guest_new();
    flow(d, 1, &b, 1);
    guest_starve(b);
    lend(a, 0);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 5), 0);
    for ( i = 0; i < 12; i++ )
    {
        p[i] = lent_pkt(a, 1, i * 1000, 3000, i % 2, i);
        send(a, &p[i]);
        CHECK_EQ(COUNT(a, copied_pair), i < 5 ? 0 : i - 4);
    }
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 7);
    CHECK_EQ(guest_info(a).borrowed, 5);

    /* It is a bound for each pair. */
    q = guest_send(d, 1, 3000, 60, 1);
    CHECK_EQ(guest_doorbell(d, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_info(d).borrowed, 1);

    fetch(b);
    for ( i = 0; i < 12; i++ )
        expect_before(b, &p[i], i * 1000);
    guest_expect(b, d, &q);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 5);

    /* Who has been served may lend again. */
    for ( i = 0; i < 12; i++ )
    {
        send(a, &p[i]);
        expect_before(b, &p[i], i * 1000);
        fetch(b);
    }
    CHECK_EQ(COUNT(a, copied_pair), 7);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 12);
    guest_starve(b);
    for ( i = 0; i < 6; i++ )
        send(a, &p[i]);
    CHECK_EQ(COUNT(a, copied_pair), 8);
    CHECK_EQ(guest_detach(b), 0);
    all_gone(a);
}

/* ---- Ports that copy ----------------------------------------------------- */

TEST(what_a_copying_port_sends_is_as_it_was_at_the_doorbell)
{
    struct pkt p;
    unsigned int lines;

    three_guests();
    guest_starve(b);
    guest_starve(c);
    lend(a, 0);
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, HICAMP_PORT_COPY), 0);

    /* Two outputs share one copy, which the first pays for. */
    p = lent_pkt(a, 2, 77, 50000, false, 3);
    send(a, &p);
    completed(3, HICAMP_COMP_OK);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(COUNT(a, copied_port), 1);
    lines = 1 + 1 + DIV_ROUND_UP(50000, LINE_BYTES);
    CHECK_EQ(host_info().lines_used, lines);
    CHECK_EQ(guest_lines(b), lines);
    CHECK_EQ(guest_lines(c) + guest_lines(a), 0);
    scribble();

    fetch(c);
    expect_before(c, &p, 77);
    fetch(b);
    expect_before(b, &p, 77);
    CHECK_EQ(guest_lines(b), 0);
    CHECK_EQ(reap_all(a, 0), 0);

    /* Without an output nothing is copied. */
    p = lent_pkt(a, 9, 0, 50000, false, 4);
    send(a, &p);
    completed(4, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, copied_port), 1);
    all_gone(a);
}

TEST(a_copying_port_sends_packets_of_every_length)
{
    unsigned int len;
    struct pkt p;

    three_guests();
    lend(a, 0);
    guest_buffers(b, 1, HICAMP_ORDER_MAX);
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, HICAMP_PORT_COPY), 0);
    for ( len = 1; len <= 65475; len += len < 1030 ? 1 : 4099 )
    {
        p = lent_pkt(a, 1, 65536 - 60 - len > 60 ? 13 : 0, len, len % 2, len);
        if ( len > LENT_PAGES * PAGE_SIZE - 13 )
            p.ext[0].offset = 0;
        send(a, &p);
        completed(len, HICAMP_COMP_OK);
        expect_before(b, &p, p.ext[0].offset);
        guest_fill(b);
    }
    all_gone(a);
}

/* ---- No line for a copy -------------------------------------------------- */

TEST(a_receiver_without_quota_loses_its_packets_and_nobody_elses)
{
    struct pkt p;
    unsigned int i;

    three_guests();
    lend(a, 0);
    guest_quota(b, 0);
    for ( i = 0; i < 2; i++ )
    {
        p = lent_pkt(a, 2, 0, 5000, i, i);
        send(a, &p);
        expect_before(c, &p, 0);
        CHECK(!guest_get(b));
        completed(i, HICAMP_COMP_OK);
        CHECK_EQ(COUNT(b, drop_quota), i + 1);
        fetch(c);
    }

    /* A root line it can pay for, but no copy. */
    guest_quota(b, 5);
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, HICAMP_PORT_COPY), 0);
    p = lent_pkt(a, 2, 0, 5000, false, 7);
    send(a, &p);
    expect_before(c, &p, 0);
    CHECK(!guest_get(b));
    completed(7, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(b, drop_quota), 3);
    CHECK_EQ(COUNT(a, torn), 0);
    all_gone(a);
}

TEST(without_a_line_what_is_taken_back_is_torn_and_said_so)
{
    static plid_t plids[16384];
    unsigned int how, i, n;
    struct pkt p[4];

    for ( how = 0; how < 3; how++ )
    {
        three_guests();
        guest_starve(b);
        lend(a, 0);
        for ( i = 0; i < 4; i++ )
        {
            p[i] = lent_pkt(a, 1, i * 1000, 5000, true, i);
            send(a, &p[i]);
        }
        if ( how )
            guest_quota(b, 4 + 2 * 11); /* the roots, and two copies */
        for ( n = 0; !how && (plids[n] = line_alloc(NULL, LINE_RX)); n++ )
            ;

        if ( how < 2 )
            CHECK_EQ(guest_revoke(a, lent.ref), 0);
        else
            emul_advance(AGE);
        scribble();
        while ( n )
            line_put(plids[--n]);
        CHECK_EQ(COUNT(a, torn), how ? 2 : 4);
        CHECK_EQ(COUNT(a, copied_revoke), how == 1 ? 2 : 0);
        CHECK_EQ(COUNT(a, copied_age), how == 2 ? 2 : 0);
        for ( i = 0; i < 4; i++ )
        {
            struct hicamp_comp comp;

            CHECK(guest_reap(a, &comp));
            CHECK_EQ(comp.id, i);
            CHECK_EQ(comp.status, how && i < 2 ? HICAMP_COMP_OK
                                               : HICAMP_COMP_TORN);
        }

        fetch(b);
        for ( i = 0; how && i < 2; i++ )
            expect_before(b, &p[i], i * 1000);
        CHECK(!guest_get(b));
        CHECK_EQ(COUNT(b, drop_torn), how ? 2 : 4);
        CHECK_EQ(host_info().lines_used, 0);
        guest_kill(a);
        guest_kill(b);
        guest_kill(c);
    }
    guests_end();
}

TEST(the_memory_of_a_copy_may_fail_at_every_line)
{
    unsigned int quota, i, copied = 0;
    struct pkt p;

    three_guests();
    lend(a, 0);
    for ( quota = 0; quota < 40; quota++ )
    {
        guest_starve(b);
        guest_quota(b, quota);
        p = lent_pkt(a, 1, 0, 15000, quota % 2, quota);
        send(a, &p);
        emul_advance(AGE);
        fetch(b);
        i = guest_get(b);
        CHECK_EQ(i, quota >= 1 + 1 + 30);
        copied += i;
        CHECK_EQ(COUNT(a, copied_age), copied);
        CHECK_EQ(reap_all(a, i || !quota ? HICAMP_COMP_OK : HICAMP_COMP_TORN),
                 1);
        CHECK_EQ(host_info().lines_used, 0);
        CHECK_EQ(guest_lines(b), 0);
    }
    CHECK_EQ(copied, 8);
    all_gone(a);
}

/* ---- The sender goes ----------------------------------------------------- */

TEST(what_a_detached_sender_lent_is_copied_and_free_for_it)
{
    struct pkt p[2];
    unsigned int i;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    for ( i = 0; i < 2; i++ )
    {
        p[i] = lent_pkt(a, 1, i * 1000, 5000, i, i);
        send(a, &p[i]);
    }
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(COUNT(a, copied_revoke), 2);
    CHECK_EQ(emul_timers_set(), 0);
    scribble();
    fetch(b);
    for ( i = 0; i < 2; i++ )
        expect_before(b, &p[i], i * 1000);
    all_gone(a);
}

TEST(what_a_dying_sender_lent_is_torn_and_never_copied)
{
    struct pkt p;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    p = lent_pkt(a, 1, 0, 5000, true, 1);
    send(a, &p);
    p = lent_pkt(a, 1, 0, 5000, false, 1);
    send(a, &p);
    guest_kill(a);
    CHECK_EQ(guest_lines(b), 2);
    fetch(b);
    CHECK(!guest_get(b));
    CHECK_EQ(COUNT(b, drop_torn), 2);
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(what_waits_is_charged_to_its_receiver_until_it_has_it)
{
    struct pkt p;

    three_guests();
    guest_starve(b);
    lend(a, 0);
    p = lent_pkt(a, 1, 0, 5000, true, 1);
    send(a, &p);
    CHECK_EQ(guest_lines(b), 1);
    emul_advance(AGE);
    CHECK_EQ(guest_lines(b), 1 + 1 + 10);
    CHECK_EQ(guest_lines(a), 0);
    guest_kill(a);
    CHECK_EQ(guest_lines(b), 1 + 1 + 10);
    fetch(b);
    expect_before(b, &p, 0);
    CHECK_EQ(guest_lines(b), 0);
    guests_end();
}

/* ---- Several CPUs -------------------------------------------------------- */

#define ROUNDS          300

static bool copying, revoked;

/* CPU 1 is in the middle of a copy: for a while, nothing is taken back. */
static void in_the_copy(void)
{
    unsigned int i;

    if ( emul_cpu != 1 || read_atomic(&copying) )
        return;
    write_atomic(&copying, true);
    for ( i = 0; i < 5000; i++ )
    {
        CHECK(!read_atomic(&revoked));
        cpu_relax();
    }
}

static void revoke_meets_copy(void *arg, unsigned int cpu)
{
    if ( cpu )
    {
        fetch(b);
        return;
    }
    while ( !read_atomic(&copying) )
        cpu_relax();
    CHECK_EQ(guest_revoke(a, lent.ref), 0);
    write_atomic(&revoked, true);
    scribble();
}

TEST(a_revoke_waits_for_the_copy_under_way_and_leaves_one_to_the_next)
{
    struct pkt p;

    three_guests();
    guest_starve(b);
    guest_starve(c);
    lend(a, 0);
    p = lent_pkt(a, 2, 100, 30000, true, 1);
    send(a, &p);
    b->d->emul_log_dirty = true;
    emul_dirty_hook = in_the_copy;
    emul_run(2, revoke_meets_copy, NULL);
    emul_dirty_hook = NULL;
    expect_before(b, &p, 100);
    fetch(c);
    expect_before(c, &p, 100);
    completed(1, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, copied_revoke), 1);
    all_gone(a);
}

static bool stop;
static unsigned int intact;

/* CPU 0 lends, revokes or waits, and scribbles; CPU 1 receives meanwhile. */
static void lend_and_scribble(void *arg, unsigned int cpu)
{
    unsigned int i, n;

    for ( i = 0; !cpu && i < ROUNDS; i++ )
    {
        struct pkt p = pkt_new(a, 1, 60);
        uint32_t ref;

        memset(emul_guest(lent.mfn), i, 2 * PAGE_SIZE);
        CHECK_EQ(guest_issue(a, lent.mfn, 1, 0, &ref), 0);
        p.inl[20] = i;
        p.h.len += 2 * PAGE_SIZE;
        p.h.nr_extents = 1;
        p.ext[0] = (struct hicamp_extent){
            .name = ref, .len = 2 * PAGE_SIZE, .type = HICAMP_EXT_REF,
        };
        send(a, &p);
        if ( i % 4 == 1 )
            emul_advance(AGE);
        CHECK_EQ(guest_revoke(a, ref), 0);
        memset(emul_guest(lent.mfn), 0xee, 2 * PAGE_SIZE);
        CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 1);
        if ( i % 16 == 7 )
        {
            CHECK_EQ(guest_detach(a), 0);
            CHECK_EQ(guest_attach(a), 0);
        }
    }
    if ( !cpu )
        write_atomic(&stop, true);

    do {
        if ( !cpu )
            return;
        for ( n = 0; guest_get(b); n++ )
        {
            for ( i = 60; i < b->got.h.len; i += 61 )
                CHECK_EQ(b->got.data[i], b->got.data[20]);
            intact++;
        }
        fetch(b);
    } while ( n || !read_atomic(&stop) );
}

TEST(no_receiver_sees_what_was_written_after_a_revoke)
{
    three_guests();
    lend(a, 0);
    CHECK_EQ(guest_revoke(a, lent.ref), 0);
    guest_quota(b, 8192);
    emul_run(2, lend_and_scribble, NULL);
    for ( fetch(b); guest_get(b); fetch(b) )
        intact++;
    CHECK_EQ(intact + COUNT(b, drop_queue), ROUNDS);
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
