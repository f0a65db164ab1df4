/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-fabric.c
 *
 * What goes up to the driver domain, what it sends, and that neither it nor a
 * guest that floods it harms others.
 */

#include "traffic.h"

static struct guest *f;         /* the driver domain */

void test_setup(void)
{
    guests_boot("1M");
}

/* a, b and c, with the flows of three_guests(), and the driver domain. */
static void world(void)
{
    three_guests();
    f = guest_fabric();
}

/* Packets of g for nobody that a flow knows, until len of them are sent. */
static void unknown(struct guest *g, unsigned int nr, unsigned int inl)
{
    while ( nr-- )
    {
        struct pkt p = pkt_new(g, 9, inl);

        while ( !guest_put(g, &p) )
            CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
    }
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
}

/* An ARP request's first bytes. */
static struct pkt arp(const struct guest *g)
{
    struct pkt p = pkt_new(g, 9, 60);

    p.inl[12] = 0x08;
    p.inl[13] = 0x06;

    return p;
}

/* f reads all that there is for it; how many come from g. */
static unsigned int reads(const struct guest *g)
{
    unsigned int n = 0;

    do {
        while ( guest_get(f) )
            n += f->got.h.port == g->port;
        guest_fill(f);
        CHECK_EQ(guest_doorbell(f, HICAMP_DOORBELL_RX), 0);
    } while ( f->ctrl->rx_prod != f->rx_cons );

    return n;
}

/* ---- Up ------------------------------------------------------------------ */

TEST(what_no_flow_serves_comes_up_with_its_port_and_why)
{
    struct frame tcp = tcp_frame(false);
    struct pkt p;

    world();
    p = pkt_new(a, 9, 100);
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_MISS);

    p.h.id = 7;
    pkt_extent(&p, a, 1000, 5000, false);
    pkt_extent(&p, a, 9000, 700, true);
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_MISS);
    completed(7, HICAMP_COMP_OK);

    /* With all that is needed to finish it. */
    tcp.b[5] ^= 1;
    p = pkt_frame(&tcp, 9000);
    p.h.flags = HICAMP_PKT_CSUM_PARTIAL;
    p.h.csum_start = 34;
    p.h.csum_offset = 16;
    p.h.gso_type = HICAMP_GSO_TCPV4;
    p.h.gso_size = 1400;
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_MISS);

    CHECK_EQ(COUNT(a, upcalls), 3);
    CHECK_EQ(COUNT(a, drop_upcall), 0);
    CHECK(!guest_get(b) && !guest_get(c) && !guest_get(f));
    guests_end();
}

TEST(an_action_sends_up_what_also_leaves)
{
    struct hicamp_action list[] = {
        { HICAMP_ACT_UPCALL, 8, 0 }, { HICAMP_ACT_OUTPUT, 8, 0 },
    };
    struct pkt p;

    world();
    list[1].arg = b->port;
    CHECK_EQ(flow_op(a->port, 3, HICAMP_FLOW_ADD, list, 2), 0);
    p = pkt_new(a, 3, 60);
    pkt_extent(&p, a, 0, 3000, false);
    transmit(&p);
    guest_expect(b, a, &p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_ACTION);
    completed(p.h.id, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, drop_action), 0);
    guests_end();
}

TEST(a_flow_all_of_whose_outputs_are_gone_is_none)
{
    struct hicamp_action list[] = {
        { HICAMP_ACT_OUTPUT, 8, 0 }, { HICAMP_ACT_UPCALL, 8, 0 },
    };
    struct pkt p;

    world();
    CHECK_EQ(guest_destroy(b), 0);
    p = pkt_new(a, 1, 60);
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_MISS);
    CHECK_EQ(COUNT(a, drop_noport), 0);

    /* Of two, one is left; one that is only detached is not gone. */
    p = pkt_new(a, 2, 60);
    transmit(&p);
    guest_expect(c, a, &p);
    CHECK_EQ(COUNT(a, drop_noport), 1);
    CHECK_EQ(guest_detach(c), 0);
    transmit(&p);
    CHECK(!guest_get(f));
    CHECK_EQ(COUNT(a, drop_noport), 3);

    /* It goes up in any case, once. */
    list[0].arg = c->port;
    CHECK_EQ(flow_op(a->port, 3, HICAMP_FLOW_ADD, list, 2), 0);
    CHECK_EQ(guest_destroy(c), 0);
    p = pkt_new(a, 3, 60);
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_ACTION);
    CHECK(!guest_get(f));
    CHECK_EQ(COUNT(a, drop_noport), 4);
    guests_end();
}

TEST(without_a_driver_domain_it_is_dropped_and_counted)
{
    struct pkt p;

    three_guests();
    p = pkt_new(a, 9, 60);
    p.h.id = 3;
    pkt_extent(&p, a, 0, 3000, false);
    transmit(&p);
    completed(3, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, upcalls), 1);
    CHECK_EQ(COUNT(a, drop_upcall), 1);
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

/* ---- Down ---------------------------------------------------------------- */

TEST(what_the_driver_domain_sends_reaches_the_port_it_names)
{
    struct hicamp_comp comp;
    struct guest *to[2];
    unsigned int i;

    world();
    to[0] = b;
    to[1] = a;
    for ( i = 0; i < 40; i++ )
    {
        struct pkt p = pkt_new(f, 1, 20 + i);

        p.h.port = to[i % 2]->port;
        p.h.id = i;
        if ( i % 3 )
            pkt_extent(&p, f, 100 * i, 1500, i % 3 == 1);
        CHECK(guest_put(f, &p));
        CHECK_EQ(guest_doorbell(f, HICAMP_DOORBELL_TX), 0);
        guest_expect(to[i % 2], f, &p);
        guest_fill(to[i % 2]);
        if ( i % 3 )
        {
            CHECK(guest_reap(f, &comp));
            CHECK_EQ(comp.id, i);
            CHECK_EQ(comp.status, HICAMP_COMP_OK);
        }
    }
    CHECK_EQ(COUNT(f, upcalls), 0);
    CHECK_EQ(COUNT(b, rx_packets), 20);
    guests_end();
}

TEST(what_is_for_nobody_or_for_the_fabric_is_dropped_and_counted)
{
    uint32_t gone;
    unsigned int i;

    world();
    gone = c->port;
    CHECK_EQ(guest_destroy(c), 0);
    for ( i = 0; i < 5; i++ )
    {
        const uint32_t to[] = { 0, gone, f->port, 0xffffffff, 1023 };
        struct pkt p = pkt_new(f, 1, 60);

        p.h.port = to[i];
        CHECK(guest_put(f, &p));
    }
    CHECK_EQ(guest_doorbell(f, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(f, drop_noport), 5);
    CHECK_EQ(COUNT(f, tx_packets), 5);
    CHECK(!guest_get(f) && !guest_get(a) && !guest_get(b));
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(a_guest_names_no_port_and_nobody_gives_a_reason)
{
    struct pkt p;

    world();
    p = pkt_new(a, 1, 60);
    p.h.port = b->port;
    refused(&p, CNT(drop_malformed));
    p.h.port = 0;
    p.h.reason = HICAMP_REASON_MISS;
    refused(&p, CNT(drop_malformed));

    p = pkt_new(f, 1, 60);
    p.h.port = b->port;
    p.h.reason = HICAMP_REASON_MISS;
    CHECK(guest_put(f, &p));
    CHECK_EQ(guest_doorbell(f, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(f, drop_malformed), 1);
    CHECK(!guest_get(b));
    guests_end();
}

/* ---- Who serves it ------------------------------------------------------- */

TEST(there_is_one_fabric_and_only_an_administrator_serves_it)
{
    struct hicamp_port_attach attach = { .devid = HICAMP_FABRIC_DEVID,
                                         .nr_queues = 1 };
    struct hicamp_port_detach detach = { .devid = HICAMP_FABRIC_DEVID };
    struct hicamp_port_create create = { .domid = 1,
                                         .devid = HICAMP_FABRIC_DEVID };

    world();
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_fabric_attach, &attach), -EPERM);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_fabric_detach, &detach), -EPERM);
    CHECK_EQ(guest_attach(f), -EBUSY);
    attach.nr_queues = 0;
    CHECK_EQ(emul_hypercall(f->d, HICAMP_OP_fabric_attach, &attach), -EINVAL);
    attach.devid = 0;
    CHECK_EQ(emul_hypercall(f->d, HICAMP_OP_fabric_attach, &attach), -EINVAL);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_fabric_detach, &detach),
             -ENOTCONN);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_create, &create), -EINVAL);
    CHECK_EQ(guest_info(f).flags, HICAMP_PORT_ATTACHED | HICAMP_PORT_FABRIC);
    CHECK_EQ(host_info().ports, 4);

    detach.pad = 1;
    CHECK_EQ(emul_hypercall(f->d, HICAMP_OP_fabric_detach, &detach), -EINVAL);
    CHECK_EQ(guest_detach(f), 0);
    CHECK_EQ(host_info().ports, 3);
    detach.pad = 0;
    CHECK_EQ(emul_hypercall(f->d, HICAMP_OP_fabric_detach, &detach),
             -ENOTCONN);

    /* An attach that fails leaves nothing. */
    attach.devid = HICAMP_FABRIC_DEVID;
    attach.nr_queues = 1;
    CHECK_EQ(emul_hypercall(f->d, HICAMP_OP_fabric_attach, &attach), -EFAULT);
    CHECK_EQ(host_info().ports, 3);
    CHECK_EQ(guest_attach(f), 0);
    guests_end();
}

TEST(no_flow_can_name_the_fabric)
{
    struct hicamp_action out = { HICAMP_ACT_OUTPUT, 8, 0 };

    world();
    out.arg = f->port;
    CHECK_EQ(flow_op(a->port, 4, HICAMP_FLOW_ADD, &out, 1), -ENOENT);
    out.arg = b->port;
    CHECK_EQ(flow_op(f->port, 4, HICAMP_FLOW_ADD, &out, 1), -ENOENT);
    guests_end();
}

TEST(when_the_driver_domain_dies_guests_go_on_and_another_takes_its_place)
{
    struct pkt p;
    unsigned int i;

    world();
    for ( i = 0; i < 100; i++ )
    {
        p = pkt_new(a, 9, 60);
        p.h.id = i % 32;
        pkt_extent(&p, a, i, 2000, false);
        CHECK(guest_put(a, &p));
        if ( i % 8 == 7 )
            CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        reap_all(a, HICAMP_COMP_OK);
    }
    CHECK(guest_info(f).queued > 0);
    guest_kill(f);
    reap_all(a, HICAMP_COMP_OK);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(host_info().lines_used, 0);
    CHECK_EQ(host_info().ports, 3);

    p = pkt_new(a, 1, 60);
    arrives(&p);
    p = pkt_new(a, 9, 60);
    transmit(&p);

    f = guest_fabric();
    transmit(&p);
    guest_expect_upcall(f, a, &p, HICAMP_REASON_MISS);
    guests_end();
}

/* UDP to 10.0.0.2 that no flow serves; its number is its last byte. */
static struct pkt datagram(unsigned int src, unsigned int number)
{
    struct frame fr = {};
    struct pkt p;

    frame_eth(&fr);
    fr.b[5] ^= 1;
    frame_ipv4(&fr, 0, 0);
    frame_l4(&fr, PROTO_UDP, 8);
    frame_put16(&fr, fr.l4, src);
    frame_put16(&fr, fr.l4 + 4, 9);
    frame_put16(&fr, fr.ip_at + 2, 29);
    memset(&p, 0, sizeof(p));
    p.h.len = p.h.inline_len = fr.len + 1;
    memcpy(p.inl, fr.b, fr.len);
    p.inl[fr.len] = number;

    return p;
}

TEST(flows_spread_over_its_queues_and_each_queue_may_inject)
{
    struct guest *q[4];
    unsigned int at[64], all[4] = {}, src, n, i;
    struct pkt p;

    three_guests();
    guest_fabric_queues(q, 4);
    for ( n = 0; n < 3; n++ )
        for ( src = 0; src < 64; src++ )
        {
            p = datagram(1000 + src, n);
            transmit(&p);
            for ( i = 0; i < 4 && !guest_get(q[i]); i++ )
                ;
            CHECK(i < 4);
            CHECK_EQ(q[i]->got.h.port, a->port);
            CHECK_EQ(q[i]->got.data[42], n);
            if ( n )
                CHECK_EQ(i, at[src]);
            at[src] = i;
            all[i]++;
            guest_fill(q[i]);
            CHECK_EQ(guest_doorbell(q[i], HICAMP_DOORBELL_RX), 0);
        }
    for ( i = 0; i < 4; i++ )
        CHECK(all[i] > 3 * 64 / 16);

    for ( i = 0; i < 4; i++ )
    {
        p = pkt_new(q[i], 1, 60);
        p.h.port = b->port;
        CHECK(guest_put(q[i], &p));
        CHECK_EQ(guest_doorbell(q[i], HICAMP_DOORBELL_TX), 0);
        p.h.port = 0;
        guest_expect(b, q[i], &p);
    }

    /* A flood of one flow fills its queue's line, and no other. */
    for ( n = 0; n < 2000; n++ )
    {
        p = datagram(1000, n);
        CHECK(guest_put(a, &p));
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    }
    CHECK(COUNT(a, drop_upcall) > 0);
    for ( src = 0; at[src] == at[0]; src++ )
        ;
    n = COUNT(a, drop_upcall);
    p = datagram(1000 + src, 7);
    transmit(&p);
    CHECK(guest_get(q[at[src]]));
    CHECK_EQ(q[at[src]]->got.data[42], 7);
    CHECK_EQ(COUNT(a, drop_upcall), n);
    guests_end();
}

/* Do a's packets go to b by their flow? */
static bool followed(void)
{
    struct pkt p = pkt_new(a, 1, 60);
    bool got;

    transmit(&p);
    got = guest_get(b);
    guest_fill(b);

    return got;
}

TEST(flows_without_a_driver_domain_are_followed_as_long_as_the_parameter_says)
{
    uint64_t drops;

    /* Without a limit, and before there ever was one, for ever. */
    three_guests();
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 10), 0);
    emul_advance(SECONDS(1000));
    CHECK(followed());
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 0), 0);
    f = guest_fabric();
    CHECK_EQ(guest_detach(f), 0);
    emul_advance(SECONDS(100000));
    CHECK(followed());

    /* Set while nobody serves: from when he went. */
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 86400), 0);
    drops = COUNT(a, drop_upcall);
    CHECK(!followed());
    CHECK_EQ(COUNT(a, drop_upcall), drops + 1);
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 0), 0);
    CHECK(followed());

    /* Served, left, and served again in time. */
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 30), 0);
    CHECK(!followed());
    CHECK_EQ(guest_attach(f), 0);
    CHECK(followed());
    emul_advance(SECONDS(100));
    CHECK(followed());
    CHECK_EQ(guest_detach(f), 0);
    emul_advance(SECONDS(29));
    CHECK(followed());
    CHECK_EQ(guest_attach(f), 0);
    emul_advance(SECONDS(29));
    CHECK(followed());

    /* Dead, for too long; then another comes. */
    guest_kill(f);
    emul_advance(SECONDS(29));
    CHECK(followed());
    emul_advance(SECONDS(2));
    CHECK(!followed());
    f = guest_fabric();
    CHECK(followed());
    CHECK_EQ(host_param(HICAMP_PARAM_ORPHAN_S, 0), 0);
    guests_end();
}

TEST(flows_of_an_earlier_driver_domain_are_told_from_those_of_this_one)
{
    const struct hicamp_action out = { HICAMP_ACT_OUTPUT, 8, 0 };
    void *orphans = (void *)HICAMP_FLUSH_ORPHANS;
    struct hicamp_action list = out;
    unsigned int i;

    three_guests();
    list.arg = b->port;
    for ( i = 20; i < 220; i++ )
        CHECK_EQ(flow_op(a->port, i, HICAMP_FLOW_ADD, &list, 1), 0);
    CHECK_EQ(host_info().flows, 203);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, orphans), 0);
    CHECK_EQ(host_info().flows, 203);   /* nobody took over from anybody */

    f = guest_fabric();
    for ( i = 100; i < 110; i++ )
        CHECK_EQ(flow_op(a->port, i, HICAMP_FLOW_MODIFY, &list, 1), 0);
    for ( i = 220; i < 225; i++ )
        CHECK_EQ(flow_op(a->port, i, HICAMP_FLOW_ADD, &list, 1), 0);
    CHECK_EQ(flow_op(a->port, 30, HICAMP_FLOW_DELETE, NULL, 0), 0);
    CHECK_EQ(flow_op(a->port, 30, HICAMP_FLOW_ADD, &list, 1), 0);
    emul_preempt_every = 1;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, orphans), 0);
    CHECK(emul_continuations() >= 2);
    emul_preempt_every = 0;
    CHECK_EQ(host_info().flows, 16);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, orphans), 0);
    CHECK_EQ(host_info().flows, 16);
    CHECK_EQ(flow_op(a->port, 105, HICAMP_FLOW_DELETE, NULL, 0), 0);
    CHECK_EQ(flow_op(a->port, 99, HICAMP_FLOW_DELETE, NULL, 0), -ENOENT);

    /* The next one's, in turn. */
    CHECK_EQ(guest_detach(f), 0);
    CHECK_EQ(flow_op(a->port, 222, HICAMP_FLOW_MODIFY, &list, 1), 0);
    CHECK_EQ(guest_attach(f), 0);
    CHECK_EQ(flow_op(a->port, 223, HICAMP_FLOW_MODIFY, &list, 1), 0);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, orphans), 0);
    CHECK_EQ(host_info().flows, 1);

    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, (void *)2l), -EINVAL);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, (void *)256l),
             -EINVAL);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_flush, (void *)~0xfel), 0);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_flow_flush, orphans), -EPERM);
    CHECK_EQ(host_info().flows, 1);
    guests_end();
}

/* ---- Who floods ---------------------------------------------------------- */

TEST(who_floods_leaves_room_for_the_first_packets_of_others)
{
    unsigned int queued, n;
    struct pkt p;

    world();

    /* The rings are full, and the line as full as one port may make it. */
    unknown(a, 600, 60);
    queued = guest_info(f).queued;
    n = COUNT(a, drop_upcall);
    CHECK(queued > 64 && queued <= 128);
    CHECK(n > 300);

    /* Nothing of it costs anybody else his packets. */
    unknown(c, 30, 60);
    CHECK_EQ(COUNT(c, drop_upcall), 0);
    CHECK_EQ(guest_info(f).queued, queued + 30);
    p = pkt_new(a, 1, 100);
    arrives(&p);

    /* What keeps the network alive gets through for the one who floods, too. */
    p = arp(a);
    transmit(&p);
    CHECK_EQ(COUNT(a, drop_upcall), n);
    CHECK_EQ(guest_info(f).queued, queued + 31);
    unknown(a, 1, 60);
    CHECK_EQ(COUNT(a, drop_upcall), n + 1);

    /* When it has been read, all have their share again. */
    CHECK_EQ(reads(c), 30);
    CHECK_EQ(guest_info(f).queued, 0);
    unknown(a, 10, 60);
    CHECK_EQ(COUNT(a, drop_upcall), n + 1);
    CHECK_EQ(reads(a), 10);
    guests_end();
}

TEST(however_many_flood_the_line_is_bounded_and_the_last_gets_in)
{
    struct guest *g[12];
    unsigned int i;
    struct pkt p;

    world();
    for ( i = 0; i < ARRAY_SIZE(g); i++ )
        g[i] = guest_new();
    for ( i = 0; i < ARRAY_SIZE(g); i++ )
        unknown(g[i], 300, 60);
    CHECK(guest_info(f).queued <= WAIT_SLOTS - WAIT_SLOTS / 4);
    CHECK_EQ(COUNT(f, drop_queue), 0);

    /* Not even floods of ARP take the last places. */
    p = arp(a);
    for ( i = 0; i < 300; i++ )
    {
        CHECK(guest_put(a, &p));
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    }
    CHECK(guest_info(f).queued < WAIT_SLOTS);
    p = arp(b);
    CHECK(guest_put(b, &p));
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(b, drop_upcall), 0);
    guests_end();
}

TEST(what_waits_for_a_driver_domain_that_stands_still_is_given_back)
{
    struct pkt p;
    unsigned int i;

    world();
    unknown(a, 300, 60);
    for ( i = 0; i < 8; i++ )
    {
        p = pkt_new(c, 9, 60);
        p.h.id = i;
        pkt_extent(&p, c, i, 3000, false);
        CHECK(guest_put(c, &p));
    }
    CHECK_EQ(guest_doorbell(c, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_info(c).borrowed, 8);
    CHECK_EQ(guest_detach(c), 0);
    CHECK_EQ(COUNT(c, copied_revoke), 8);
    CHECK_EQ(reads(c), 8);
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
