/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-snapshot.c
 *
 * Taking packets out of the tx ring: what a sender must not say, and what
 * happens when lines or completions run out.
 */

#include "traffic.h"

void test_setup(void)
{
    guests_boot("1M");
}

/* ---- What the sender must not say ---------------------------------------- */

TEST(metadata_that_cannot_be_is_malformed)
{
    struct pkt good, p;
    unsigned int i;

    three_guests();
    good = pkt_new(a, 1, 60);
    pkt_extent(&good, a, 0, 1000, false);
    good.h.flags = HICAMP_PKT_CSUM_PARTIAL;
    good.h.csum_start = 40;
    good.h.csum_offset = 18;    /* the last that fits */
    arrives(&good);

    for ( i = 0; i < 18; i++ )
    {
        p = good;
        switch ( i )
        {
        case 0: p.h.len++; break;
        case 1: p.h.len--; break;
        case 2: p.h.len = 0; break;
        case 3: p.h.len = ~0u; break;
        case 4: p.h.len += 0x10000; break;
        case 5: p.h.flags |= 8; break;
        case 6: p.h.flags |= 0x8000; break;
        case 7: p.h.pad = 1; break;
        case 8: p.h.port = a->port; break;
        case 9: p.h.reason = HICAMP_REASON_MISS; break;
        case 10: p.h.csum_offset = 19; break;
        case 11: p.h.csum_offset = 0xffff; break;
        case 12: p.h.csum_start = 13; break;
        case 13: p.h.csum_start = 0xfff0; break;
        case 14: p.h.gso_size = 1000; break;            /* without a type */
        case 15: p.h.gso_type = HICAMP_GSO_TCPV4; break; /* without a size */
        case 16: p.h.gso_type = 1, p.h.gso_size = 1, p.h.flags = 0; break;
        case 17: p.h.inline_len = 13, p.h.len -= 47; break;
        }
        refused(&p, CNT(drop_malformed));
    }

    p = pkt_new(a, 1, 13);
    refused(&p, CNT(drop_malformed));
    p = pkt_new(a, 1, 0);
    refused(&p, CNT(drop_malformed));
    arrives(&good);
    guests_end();
}

TEST(gso_that_contradicts_the_headers_is_dropped)
{
    struct frame v4, v6, udp = { 0 }, frag = { 0 };
    struct pkt good, p;
    unsigned int i;

    three_guests();
    v4 = tcp_frame(false);
    v6 = tcp_frame(true);
    frame_eth(&udp);
    frame_ipv4(&udp, 0, 0);
    frame_l4(&udp, 17, 8);
    frame_add(&udp, 20);
    frame_eth(&frag);
    frame_ipv4(&frag, 0, 0x2000);
    frame_tcp(&frag, 0, 0x18);

    for ( i = 0; i < 11; i++ )
    {
        const struct frame *f = i == 6 || i == 7 ? &v6 : i == 8 ? &udp
                                : i == 9 ? &frag : &v4;

        good = pkt_frame(f, 20000);
        good.h.flags = HICAMP_PKT_CSUM_PARTIAL;
        good.h.csum_start = f->l4;
        good.h.csum_offset = 16;
        good.h.gso_size = 1000;
        good.h.gso_type = f == &v6 ? HICAMP_GSO_TCPV6 : HICAMP_GSO_TCPV4;
        p = good;
        switch ( i )
        {
        case 0: arrives(&good); continue;
        case 1: p.h.gso_type = HICAMP_GSO_TCPV6; break;
        case 2: p.h.gso_type = 3; break;
        case 3: p.h.gso_type = 255; break;
        case 4: p.h.csum_start++; break;
        case 5: p.h.csum_offset = 6; break;
        case 6: arrives(&good); continue;
        case 7: p.h.gso_type = HICAMP_GSO_TCPV4; break;
        case 8: case 9: break;
        case 10: p.inl[f->l4 + 12] = 0xf0; break; /* TCP header not inline */
        }
        refused(&p, CNT(drop_header));
    }
    guests_end();
}

TEST(headers_must_be_inline)
{
    struct frame f = tcp_frame(false);
    unsigned int inl;

    three_guests();
    for ( inl = 15; inl < f.len; inl += 3 )
    {
        struct pkt p = pkt_frame(&f, 2000);

        p.h.inline_len = inl;
        p.ext[0].len += f.len - inl;
        refused(&p, CNT(drop_header));
    }
    CHECK_EQ(COUNT(a, drop_header), (f.len - 15 + 2) / 3);
    guests_end();
}

TEST(extents_must_name_what_is_the_senders)
{
    unsigned int i, at;
    uint32_t ref;

    three_guests();
    CHECK_EQ(guest_issue(a, a->pool, 0, 0, &ref), 0);
    CHECK_EQ(guest_revoke(a, ref), 0);
    mfn_to_page(_mfn(a->pool + 30))->count_info |= PGC_xen_heap;

    /* The bad one may be the first, or one in the second line. */
    for ( at = 0; at < 26; at += 25 )
        for ( i = 0; i < 17; i++ )
        {
            struct pkt p = pkt_new(a, 1, 60);
            struct hicamp_extent *e = &p.ext[at];

            while ( p.h.nr_extents < at + 2 )
                pkt_extent(&p, a, 70, 100, false);
            switch ( i )
            {
            case 0: e->name = b->pool; break;
            case 1: e->name = 0; break;
            case 2: e->name = ~0ull; break;
            case 3: e->name |= 1ull << 40; break;
            case 4: e->name = a->pool + 30; break;
            case 5: e->name = a->pool + 29, e->offset = 4095; break;
            case 6: e->offset = 4096; break;
            case 7: e->offset = ~0u; break;
            case 8: e->len = 0, p.h.len -= 100; break;
            case 9: e->type = HICAMP_EXT_SEGMENT; break;
            case 10: e->type = HICAMP_EXT_FILL; break;
            case 11: e->type = 0xffff; break;
            case 12: e->type = HICAMP_EXT_REF, e->name = ref; break;
            case 13: e->type = HICAMP_EXT_REF, e->name = ~0u; break;
            case 14: e->type = HICAMP_EXT_REF,
                     e->name = a->pool_ref | 1ull << 32; break;
            case 15: e->type = HICAMP_EXT_REF, e->name = a->pool_ref,
                     e->offset = 65437; break;
            case 16: e->type = HICAMP_EXT_REF, e->name = a->pool_ref,
                     e->offset = ~0u - 50; break;
            }
            refused(&p, CNT(drop_frame));
        }

    mfn_to_page(_mfn(a->pool + 30))->count_info &= ~PGC_xen_heap;
    for ( i = 0; i < a->pool_pages; i++ )
        CHECK_EQ(mfn_to_page(_mfn(a->pool + i))->count_info & PGC_count_mask,
                 1 + (i < 16));
    guests_end();
}

TEST(slots_that_cannot_be_told_take_all_behind_them_along)
{
    unsigned int i;

    three_guests();
    for ( i = 0; i < 4; i++ )
    {
        struct pkt p = pkt_new(a, 1, 60), next = p;
        struct hicamp_pkt *h = (void *)guest_tx_slot(a, a->tx_prod);

        CHECK(guest_put(a, &p));
        CHECK(guest_put(a, &next));
        switch ( i )
        {
        case 0: h->inline_len = HICAMP_INLINE_MAX + 1; break;
        case 1: h->inline_len = 0xffff; break;
        case 2: h->nr_extents = HICAMP_EXTENTS_MAX + 1; break;
        case 3: h->nr_extents = 20; break; /* more slots than there are */
        }
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK_EQ(a->ctrl->tx_cons, a->tx_prod);
        CHECK_EQ(COUNT(a, drop_malformed), i + 1);
        CHECK(!guest_get(b));
        arrives(&next);
    }
    guests_end();
}

TEST(nothing_written_after_the_snapshot_changes_headers_or_target)
{
    struct pkt p;
    unsigned int i;

    three_guests();
    CHECK_EQ(guest_detach(b), 0);
    CHECK_EQ(guest_attach(b), 0);   /* without buffers */
    p = guest_send(a, 1, 5000, 130, 4);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    for ( i = 0; i < a->tx_size; i++ )
        memset(guest_tx_slot(a, i), 0xee, 64);
    guest_fill(b);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    guest_expect(b, a, &p);
    completed(4, HICAMP_COMP_OK);
    guests_end();
}

/* ---- Shortages ----------------------------------------------------------- */

TEST(without_lines_packets_are_dropped_and_counted)
{
    static plid_t plids[4096];
    unsigned int n = 0, i;
    struct pkt p, many;

    three_guests();
    many = pkt_new(a, 1, 60);
    for ( i = 0; i < 30; i++ )
        pkt_extent(&many, a, i * 3000, 50, false);
    p = pkt_new(a, 1, 60);

    while ( (plids[n] = line_alloc(NULL, LINE_RX)) != PLID_NONE )
        n++;
    CHECK(guest_put(a, &p));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, drop_nomem), 1);
    CHECK(guest_put(a, &many));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, drop_nomem), 2);
    completed(many.h.id, HICAMP_COMP_BAD);

    line_put(plids[--n]);       /* one is not enough for many extents */
    CHECK(guest_put(a, &many));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, drop_nomem), 3);
    completed(many.h.id, HICAMP_COMP_BAD);
    arrives(&p);

    line_put(plids[--n]);
    arrives(&many);
    while ( n )
        line_put(plids[--n]);
    CHECK_EQ(COUNT(a, tx_packets), 2);
    guests_end();
}

TEST(packets_stay_in_the_tx_ring_until_completions_are_consumed)
{
    struct hicamp_comp comp;
    unsigned int i, n, got = 0;

    a = guest_sized(1024, 64, 64, 64);
    b = guest_sized(64, 1024, 64, 64);
    flow(a, 1, &b, 1);

    /* 100 with extents and, behind each, one without. */
    for ( i = 0; i < 100; i++ )
    {
        guest_send(a, 1, 1000, 60, i);
        guest_send(a, 1, 60, 60, 0);
    }
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, completions), 32);    /* b's buffers */
    CHECK_EQ(COUNT(a, tx_packets), 128);
    n = a->ctrl->tx_cons;
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(a->ctrl->tx_cons, n);

    for ( i = 0; i < 100; )
    {
        while ( guest_get(b) )
            got++;
        guest_fill(b);
        CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
        if ( guest_reap(a, &comp) )
        {
            CHECK_EQ(comp.id, i);
            CHECK_EQ(comp.status, HICAMP_COMP_OK);
            i++;
        }
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK(a->ctrl->comp_prod - a->comp_cons +
              guest_info(a).borrowed <= 64);
    }
    while ( guest_get(b) )
        got++;
    CHECK_EQ(got, 200);
    CHECK(!guest_reap(a, &comp));
    CHECK_EQ(a->ctrl->tx_cons, a->tx_prod);
    guests_end();
}

TEST(a_refused_packet_waits_for_room_to_say_so)
{
    struct hicamp_comp comp;
    unsigned int i, n;
    struct pkt p;

    a = guest_sized(1024, 64, 64, 64);
    b = guest_new();
    flow(a, 3, NULL, 0);
    for ( i = 0; i < 64; i++ )
        guest_send(a, 3, 1000, 60, i);
    p = pkt_new(a, 3, 60);
    pkt_extent(&p, b, 0, 100, false);
    p.h.id = 64;
    CHECK(guest_put(a, &p));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(a, drop_frame), 0);
    CHECK(a->ctrl->tx_cons != a->tx_prod);
    for ( n = 0; guest_reap(a, &comp); n++ )
        ;
    CHECK_EQ(n, 64);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    completed(64, HICAMP_COMP_BAD);
    CHECK_EQ(COUNT(a, drop_frame), 1);
    guests_end();
}

TEST(a_long_train_is_preempted_between_bursts_and_goes_on)
{
    unsigned int i, n = 0;

    a = guest_sized(4096, 64, 64, 64);
    b = guest_new();
    flow(a, 3, NULL, 0);
    for ( i = 0; i < 2000; i++ )
        guest_send(a, 3, 60, 60, 0);
    emul_continuations();
    emul_preempt_every = 1;
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    emul_preempt_every = 0;
    n = emul_continuations();
    CHECK_EQ(COUNT(a, tx_packets), 2000);
    CHECK(n >= 2000 / 64 - 1 && n <= 2000 / 64 + 1);
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
