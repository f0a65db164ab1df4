/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * traffic.h
 *
 * For tests of the packet path: three guests, and what a packet of the first
 * may come to.  Included by one file of a test program.
 */

#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "guests.h"
#include "packets.h"

static struct guest *a, *b, *c;

/* a sends group 1 to b, group 2 to b and c; frames of packets.h to b. */
static inline void three_guests(void)
{
    struct guest *both[2];

    a = guest_new();
    b = guest_new();
    c = guest_new();
    both[0] = b;
    both[1] = c;
    flow(a, 1, &b, 1);
    flow(a, 2, both, 2);
    flow(a, 0xb, &b, 1);
}

static inline void transmit(const struct pkt *p)
{
    CHECK(guest_put(a, p));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(a->ctrl->tx_cons, a->tx_prod);
}

/* The one completion that there is. */
static inline void completed(uint32_t id, uint32_t status)
{
    struct hicamp_comp comp;

    CHECK(guest_reap(a, &comp));
    CHECK_EQ(comp.id, id);
    CHECK_EQ(comp.status, status);
    CHECK(!guest_reap(a, &comp));
}

/* All completions that there are, which say so; how many. */
static inline unsigned int reap_all(struct guest *g, uint32_t status)
{
    struct hicamp_comp comp;
    unsigned int n = 0;

    for ( ; guest_reap(g, &comp); n++ )
        CHECK_EQ(comp.status, status);

    return n;
}

/* p is dropped, counted by this counter of a alone, and completed as BAD. */
static inline void refused(const struct pkt *p, unsigned int counter)
{
    struct hicamp_port_info before = guest_info(a), after;
    unsigned int i;

    transmit(p);
    after = guest_info(a);
    for ( i = 0; i < HICAMP_NR_COUNTERS; i++ )
        if ( i != CNT(doorbells) && i != CNT(completions) )
            CHECK_EQ(after.counters[i], before.counters[i] + (i == counter));
    if ( p->h.nr_extents )
        completed(p->h.id, HICAMP_COMP_BAD);
    CHECK(!guest_get(b));
    CHECK_EQ(after.borrowed, 0);
    CHECK_EQ(host_info().lines_used, 0);
}

/* p arrives at b, as it is. */
static inline void arrives(const struct pkt *p)
{
    transmit(p);
    guest_expect(b, a, p);
    guest_fill(b);
    if ( p->h.nr_extents )
        completed(p->h.id, HICAMP_COMP_OK);
}

/* A packet of len bytes in all with f's headers; all of them are inline. */
static inline struct pkt pkt_frame(const struct frame *f, unsigned int len)
{
    struct pkt p;

    memset(&p, 0, sizeof(p));
    p.h.len = p.h.inline_len = f->len;
    memcpy(p.inl, f->b, f->len);
    if ( f->ip_at )
        p.inl[f->ip_at + 2] = (len - f->ip_at) >> 8,
        p.inl[f->ip_at + 3] = len - f->ip_at;
    if ( f->ip6_at )
        p.inl[f->ip6_at + 4] = (len - f->ip6_at - 40) >> 8,
        p.inl[f->ip6_at + 5] = len - f->ip6_at - 40;
    if ( len > f->len )
        pkt_extent(&p, a, 100, len - f->len, false);

    return p;
}

static inline struct frame tcp_frame(bool ip6)
{
    struct frame f = { 0 };

    frame_eth(&f);
    if ( ip6 )
        frame_ipv6(&f);
    else
        frame_ipv4(&f, 0, 0);
    frame_tcp(&f, 12, 0x18);

    return f;
}

#endif /* TRAFFIC_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
