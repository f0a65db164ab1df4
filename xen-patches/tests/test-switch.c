/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-switch.c
 *
 * From the sender's tx ring to the receivers: packets of every shape, where
 * they go, what the receiver's port allows.  What is refused is in
 * test-snapshot.c, what has to wait in test-deliver.c.
 */

#include "traffic.h"

void test_setup(void)
{
    guests_boot("1M");
}

/* ---- Shapes -------------------------------------------------------------- */

TEST(inline_packets_of_every_size_arrive_and_need_no_completion)
{
    unsigned int len;

    three_guests();
    for ( len = 14; len <= HICAMP_INLINE_MAX; len++ )
    {
        struct pkt p = pkt_new(a, 1, len);

        p.h.id = len;
        arrives(&p);
        CHECK_EQ(b->got.bufs, 0);
    }
    CHECK_EQ(COUNT(a, tx_inline), HICAMP_INLINE_MAX - 13);
    CHECK_EQ(COUNT(b, rx_inline), HICAMP_INLINE_MAX - 13);
    CHECK_EQ(COUNT(a, completions), 0);
    guests_end();
}

TEST(extents_may_begin_and_end_anywhere)
{
    static const unsigned int lens[] = { 1, 2, 63, 64, 2047, 4095, 4096, 4097,
                                         8191, 8192, 8193, 61440, 65475 };
    static const unsigned int offsets[] = { 0, 1, 7, 2048, 4094, 4095, 4096 };
    unsigned int i, j, ref;

    three_guests();
    for ( i = 0; i < ARRAY_SIZE(lens); i++ )
        for ( j = 0; j < ARRAY_SIZE(offsets); j++ )
            for ( ref = 0; ref < 2; ref++ )
            {
                struct pkt p = pkt_new(a, 1, 60);

                if ( ref && offsets[j] + lens[i] > 65536 )
                    continue;
                p.h.id = i * 100 + j;
                pkt_extent(&p, a, offsets[j], lens[i], ref);
                arrives(&p);
            }
    guests_end();
}

TEST(up_to_thirty_six_extents_are_put_together)
{
    unsigned int nr, i;

    three_guests();
    for ( nr = 1; nr <= HICAMP_EXTENTS_MAX; nr++ )
    {
        struct pkt p = pkt_new(a, 1, 14 + nr);

        for ( i = 0; i < nr; i++ )
            pkt_extent(&p, a, i * 1777, 1 + i * 41, i % 3 == 2);
        arrives(&p);
    }

    /* Each of them in two frames, of which one byte in the first. */
    {
        struct pkt p = pkt_new(a, 1, 100);

        for ( i = 0; i < 33; i++ )
            pkt_extent(&p, a, i * PAGE_SIZE + 4095, 1900, false);
        arrives(&p);
    }
    guests_end();
}

TEST(a_packet_of_many_extents_takes_two_lines_until_it_is_delivered)
{
    unsigned int nr, i;

    three_guests();
    CHECK_EQ(guest_detach(b), 0);
    CHECK_EQ(guest_attach(b), 0);   /* without buffers */

    for ( nr = 19; nr < 23; nr++ )
    {
        struct pkt p = pkt_new(a, 1, 60);

        for ( i = 0; i < nr; i++ )
            pkt_extent(&p, a, i * 5000, 100, false);
        transmit(&p);
    }
    CHECK_EQ(host_info().lines_used, 2 * 1 + 2 * 2);
    CHECK_EQ(guest_info(a).borrowed, 4);
    guest_fill(b);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    CHECK_EQ(host_info().lines_used, 0);
    CHECK_EQ(guest_info(a).borrowed, 0);
    guests_end();
}

TEST(random_shapes_arrive_byte_by_byte)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < 2000; i++ )
    {
        struct pkt p = pkt_new(a, 1, 14 + test_random() % 147);
        unsigned int nr = test_random() % (HICAMP_EXTENTS_MAX + 1);

        while ( nr-- )
        {
            bool ref = test_random() % 2;
            unsigned int room = HICAMP_LEN_MAX - p.h.len;
            unsigned int len = 1 + test_random() % (i % 2 ? 3000 : 20000);
            unsigned int end = (ref ? 16 : a->pool_pages) * PAGE_SIZE;

            if ( len > room )
                break;
            pkt_extent(&p, a, test_random() % (end - len + 1), len, ref);
        }
        p.h.id = i;
        p.h.hash = i * 3;
        p.h.flags = i % 4 ? HICAMP_PKT_HASH : HICAMP_PKT_CSUM_VALID;
        arrives(&p);
    }
    guests_end();
}

TEST(the_longest_packet_is_65535_bytes)
{
    struct pkt p;

    three_guests();
    p = pkt_new(a, 1, 35);
    pkt_extent(&p, a, 0, 65500, true);
    CHECK_EQ(p.h.len, HICAMP_LEN_MAX);
    arrives(&p);
    p = pkt_new(a, 1, 36);
    pkt_extent(&p, a, 0, 65500, true);
    refused(&p, CNT(drop_malformed));
    p = pkt_new(a, 1, 36);
    pkt_extent(&p, a, 4095, 65500, false);
    refused(&p, CNT(drop_malformed));
    guests_end();
}

/* ---- Where it goes ------------------------------------------------------- */

TEST(a_broadcast_arrives_at_each_and_completes_once)
{
    struct guest *all[6];
    struct pkt p;
    unsigned int i;

    a = guest_new();
    for ( i = 0; i < 6; i++ )
        all[i] = guest_new();
    flow(a, 5, all, 6);

    p = guest_send(a, 5, 9000, 60, 77);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    for ( i = 0; i < 6; i++ )
    {
        guest_expect(all[i], a, &p);
        CHECK(!guest_get(all[i]));
        CHECK_EQ(COUNT(all[i], rx_packets), 1);
        CHECK_EQ(COUNT(all[i], rx_bytes), 9000);
    }
    completed(77, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, tx_packets), 1);
    CHECK_EQ(COUNT(a, tx_bytes), 9000);
    CHECK_EQ(COUNT(a, completions), 1);
    guests_end();
}

TEST(a_broadcast_to_many_ports_leaves_the_last_to_fetch_it_themselves)
{
    struct guest *all[40];
    unsigned int i, late = 0;
    struct pkt p;

    a = guest_new();
    for ( i = 0; i < ARRAY_SIZE(all); i++ )
        all[i] = guest_new();
    flow(a, 5, all, ARRAY_SIZE(all));

    p = guest_send(a, 5, 3000, 60, 7);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    for ( i = 0; i < ARRAY_SIZE(all); i++ )
    {
        if ( guest_info(all[i]).queued )
        {
            CHECK_EQ(all[i]->ctrl->fill_wakeup, 1);
            CHECK_EQ(emul_events(all[i]->d, all[i]->evtchn), 1);
            CHECK_EQ(guest_doorbell(all[i], HICAMP_DOORBELL_RX), 0);
            CHECK_EQ(all[i]->ctrl->fill_wakeup, 0);
            late++;
        }
        guest_expect(all[i], a, &p);
    }
    CHECK_EQ(late, ARRAY_SIZE(all) - 32);
    completed(7, HICAMP_COMP_OK);
    guests_end();
}

TEST(a_packet_may_go_to_one_port_twice_and_to_its_own)
{
    struct guest *to[3];
    struct pkt p;

    a = guest_new();
    b = guest_new();
    to[0] = to[2] = b;
    to[1] = a;
    flow(a, 1, to, 3);
    p = guest_send(a, 1, 3000, 60, 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    guest_expect(a, a, &p);
    guest_expect(b, a, &p);
    guest_expect(b, a, &p);
    completed(1, HICAMP_COMP_OK);
    guests_end();
}

TEST(what_a_flow_drops_is_counted_and_completed)
{
    struct pkt p;

    three_guests();
    flow(a, 3, NULL, 0);
    p = guest_send(a, 3, 3000, 60, 9);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    completed(9, HICAMP_COMP_OK);
    p = pkt_new(a, 3, 60);
    transmit(&p);
    CHECK_EQ(COUNT(a, drop_action), 2);
    CHECK_EQ(COUNT(a, tx_packets), 2);
    CHECK_EQ(COUNT(a, upcalls), 0);
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

TEST(what_no_flow_serves_is_an_upcall)
{
    static const struct hicamp_action up = { HICAMP_ACT_UPCALL, 8, 0 };
    struct hicamp_action both[2] = { { HICAMP_ACT_OUTPUT, 8, 0 }, up };
    struct pkt p;

    three_guests();
    p = guest_send(a, 99, 3000, 60, 9);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    completed(9, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, upcalls), 1);

    CHECK_EQ(flow_op(a->port, 4, HICAMP_FLOW_ADD, &up, 1), 0);
    p = pkt_new(a, 4, 60);
    transmit(&p);
    CHECK_EQ(COUNT(a, upcalls), 2);

    both[0].arg = b->port;
    CHECK_EQ(flow_op(a->port, 4, HICAMP_FLOW_MODIFY, both, 2), 0);
    p = pkt_new(a, 4, 60);
    arrives(&p);
    CHECK_EQ(COUNT(a, upcalls), 3);
    CHECK_EQ(COUNT(a, drop_action), 0);
    CHECK_EQ(host_info().upcalls, 3);
    guests_end();
}

TEST(an_output_that_is_not_there_costs_the_others_nothing)
{
    struct guest *to[3], *gone;
    struct pkt p;

    three_guests();
    gone = guest_new();
    to[0] = gone;
    to[1] = b;
    to[2] = c;
    flow(a, 6, to, 3);
    CHECK_EQ(guest_detach(c), 0);
    CHECK_EQ(guest_destroy(gone), 0);

    p = guest_send(a, 6, 3000, 60, 9);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    guest_expect(b, a, &p);
    completed(9, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, drop_noport), 2);

    /* Another port in its place gets nothing of it. */
    CHECK_EQ(guest_create(gone, 0, 0), 0);
    CHECK_EQ(guest_attach(gone), 0);
    guest_fill(gone);
    CHECK_EQ(guest_attach(c), 0);
    p = pkt_new(a, 6, 60);
    arrives(&p);
    guest_expect(c, a, &p);
    CHECK(!guest_get(gone));
    CHECK_EQ(COUNT(a, drop_noport), 3);
    guests_end();
}

/*
 * Many flows that no packet is of, so that look-ups are made together; of the
 * mask that flow() has.
 */
static void many_flows(void)
{
    struct hicamp_action out = { HICAMP_ACT_OUTPUT, 8, b->port };
    unsigned int i;

    for ( i = 0; i < 5000; i++ )
    {
        struct hicamp_flow f = {
            .key = { .in_port = a->port,
                     .eth_dst = { 2, 0, 1, i >> 8, i & 0xff, 0 } },
            .mask = { .in_port = ~0u,
                      .eth_dst = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
            .command = HICAMP_FLOW_ADD, .actions = (uintptr_t)&out,
            .actions_bytes = sizeof(out),
        };
        struct hicamp_flow_batch batch = { .flows = (uintptr_t)&f, .nr = 1 };

        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_flow_update, &batch), 0);
    }
}

TEST(packets_that_are_taken_together_go_where_each_should)
{
    static struct pkt sent[64];
    struct hicamp_comp comp;
    unsigned int round, i, n, misses = 0, bad = 0;
    struct guest *both[2];

    three_guests();
    both[0] = b;
    both[1] = c;
    flow(a, 20, &b, 1);
    flow(a, 21, &c, 1);
    flow(a, 22, both, 2);
    many_flows();
    guest_buffers(b, 32, HICAMP_ORDER_MAX);
    guest_buffers(c, 32, HICAMP_ORDER_MAX);

    for ( round = 0; round < 300; round++ )
    {
        guest_fill(b);
        guest_fill(c);
        for ( n = 0; n < 1 + round % 12; n++ )
        {
            struct pkt *p = &sent[n];

            *p = pkt_new(a, 20 + test_random() % 4, 60);
            p->h.id = n;
            if ( !(test_random() % 8) )
                pkt_extent(p, a, 0, 1 + test_random() % 20000, false);
            if ( !(test_random() % 8) )
                p->h.flags = ~0; /* refused, and forgotten */
            CHECK(guest_put(a, p));
        }
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);

        for ( i = 0; i < n; i++ )
        {
            unsigned int group = sent[i].inl[5];

            if ( sent[i].h.flags )
                bad++;
            else if ( group == 23 )
                misses++;
            else
            {
                if ( group != 21 )
                    guest_expect(b, a, &sent[i]);
                if ( group != 20 )
                    guest_expect(c, a, &sent[i]);
            }
        }
        CHECK(!guest_get(b) && !guest_get(c));
        while ( guest_reap(a, &comp) )
            CHECK(comp.status == (sent[comp.id].h.flags ? HICAMP_COMP_BAD
                                                        : HICAMP_COMP_OK));
    }
    CHECK(misses && bad);
    CHECK_EQ(COUNT(a, upcalls), misses);
    CHECK_EQ(COUNT(a, drop_malformed), bad);
    guests_end();
}

TEST(changes_of_a_flow_hold_from_the_next_packet_on)
{
    struct hicamp_action out = { HICAMP_ACT_OUTPUT, 8, 0 };
    struct pkt p;

    three_guests();
    p = pkt_new(a, 1, 60);
    arrives(&p);
    out.arg = c->port;
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_MODIFY, &out, 1), 0);
    p = pkt_new(a, 1, 60);
    transmit(&p);
    guest_expect(c, a, &p);
    CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_DELETE, NULL, 0), 0);
    transmit(&p);
    CHECK(!guest_get(b) && !guest_get(c));
    CHECK_EQ(COUNT(a, upcalls), 1);
    guests_end();
}

/* ---- What the receiver's port allows ------------------------------------- */

TEST(the_mtu_bounds_a_frame_without_its_ethernet_header_and_tags)
{
    unsigned int tags;

    three_guests();
    CHECK_EQ(guest_set(b, HICAMP_PORT_SET_MTU, 1500, 0), 0);
    for ( tags = 0; tags < 3; tags++ )
    {
        struct frame f = { 0 };
        struct pkt p;

        frame_eth(&f);
        if ( tags > 1 )
            frame_vlan(&f, 0x88a8, 6);
        if ( tags )
            frame_vlan(&f, 0x8100, 5);
        frame_ipv4(&f, 0, 0);
        frame_l4(&f, 17, 8);
        p = pkt_frame(&f, 14 + 4 * tags + 1500);
        arrives(&p);
        p = pkt_frame(&f, 14 + 4 * tags + 1501);
        transmit(&p);
        CHECK(!guest_get(b));
        completed(p.h.id, HICAMP_COMP_OK);
        CHECK_EQ(COUNT(b, drop_mtu), tags + 1);
    }

    /* An unknown protocol counts from behind the Ethernet header. */
    {
        struct pkt p = pkt_new(a, 2, 60);

        pkt_extent(&p, a, 0, 1500 + 14 - 60 + 1, false);
        transmit(&p);
        CHECK(!guest_get(b));
        guest_expect(c, a, &p);
    }
    guests_end();
}

TEST(the_mtu_bounds_each_segment_of_a_gso_packet)
{
    unsigned int ip6;

    three_guests();
    CHECK_EQ(guest_set(b, HICAMP_PORT_SET_MTU, 1500, 0), 0);
    for ( ip6 = 0; ip6 < 2; ip6++ )
    {
        struct frame f = tcp_frame(ip6);
        struct pkt p = pkt_frame(&f, 30000);
        uint64_t drops = COUNT(b, drop_mtu);

        p.h.flags = HICAMP_PKT_CSUM_PARTIAL;
        p.h.csum_start = f.l4;
        p.h.csum_offset = 16;
        p.h.gso_type = ip6 ? HICAMP_GSO_TCPV6 : HICAMP_GSO_TCPV4;
        p.h.gso_size = 1500 - (f.len - 14);
        arrives(&p);
        p.h.gso_size++;
        transmit(&p);
        CHECK(!guest_get(b));
        completed(p.h.id, HICAMP_COMP_OK);
        CHECK_EQ(COUNT(b, drop_mtu), drops + 1);
    }
    CHECK_EQ(COUNT(a, tx_gso), 4);
    CHECK_EQ(COUNT(b, rx_gso), 2);
    guests_end();
}

TEST(a_port_with_antispoofing_sends_from_its_own_address_only)
{
    struct pkt p;

    three_guests();
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, HICAMP_PORT_ANTISPOOF), 0);
    p = pkt_new(a, 1, 60);
    arrives(&p);
    p.inl[11] ^= 1;
    refused(&p, CNT(drop_spoof));
    pkt_extent(&p, a, 0, 3000, false);
    refused(&p, CNT(drop_spoof));

    a->mac[5] ^= 1;
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_MAC, 0, 0), 0);
    arrives(&p);
    CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0, 0), 0);
    p.inl[6] ^= 4;
    arrives(&p);
    guests_end();
}

/* ---- Rate ---------------------------------------------------------------- */

static int set_rate(const struct guest *g, uint64_t rate, uint64_t burst)
{
    struct hicamp_port_rate op = {
        .domid = g->d->domain_id, .devid = g->devid,
        .bytes_per_s = rate, .burst = burst,
    };
    int rc = emul_hypercall(dom0, HICAMP_OP_port_rate, &op);

    if ( !rc && rate != HICAMP_RATE_KEEP )
        CHECK(op.bytes_per_s == rate && op.burst == burst);

    return rc;
}

/* How many of nr packets of 1000 bytes get through. */
static unsigned int passed(unsigned int nr)
{
    unsigned int n = 0;

    while ( nr-- )
    {
        struct pkt p = pkt_new(a, 1, 60);

        pkt_extent(&p, a, 0, 940, false);
        transmit(&p);
        n += guest_get(b);
        guest_fill(b);
        reap_all(a, HICAMP_COMP_OK);
    }

    return n;
}

TEST(a_port_sends_as_much_as_its_rate_and_burst_allow)
{
    three_guests();
    CHECK_EQ(set_rate(a, 100000, 3000), 0);     /* a packet in 10 ms */
    CHECK_EQ(passed(20), 4);                    /* the last begins within it */
    CHECK_EQ(COUNT(a, drop_rate), 16);
    CHECK_EQ(passed(1), 0);
    emul_advance(MILLISECS(10));
    CHECK_EQ(passed(3), 1);
    emul_advance(MILLISECS(25));
    CHECK_EQ(passed(5), 2);
    emul_advance(SECONDS(1000));
    CHECK_EQ(passed(20), 4);                    /* what was not used is gone */
    CHECK_EQ(COUNT(b, drop_rate), 0);

    /* At any other rate at once. */
    CHECK_EQ(set_rate(a, 1, 1), 0);
    emul_advance(SECONDS(1));
    CHECK_EQ(passed(5), 1);
    emul_advance(SECONDS(900));
    CHECK_EQ(passed(5), 0);
    CHECK_EQ(set_rate(a, 1000000, 10000), 0);
    CHECK_EQ(passed(5), 0);
    emul_advance(MILLISECS(70));
    CHECK_EQ(passed(5), 5);
    CHECK_EQ(set_rate(a, 0, 0), 0);
    CHECK_EQ(passed(50), 50);
    guests_end();
}

TEST(rates_are_checked_and_told)
{
    struct hicamp_port_rate op = { .domid = 99 };

    three_guests();
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_rate, &op), -ENOENT);
    op.domid = a->d->domain_id;
    op.pad = 1;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_rate, &op), -EINVAL);
    op.pad = 0;
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_port_rate, &op), -EPERM);
    CHECK_EQ(set_rate(a, 1, 0), -EINVAL);
    CHECK_EQ(set_rate(a, 1, (1ull << 32) + 1), -EINVAL);
    CHECK_EQ(set_rate(a, ~1ull, 1ull << 32), 0);
    CHECK_EQ(passed(20), 20);
    op.bytes_per_s = HICAMP_RATE_KEEP;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_rate, &op), 0);
    CHECK_EQ(op.bytes_per_s, ~1ull);
    CHECK_EQ(op.burst, 1ull << 32);
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
