/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-queues.c
 *
 * Ports of several queues: which of them receives what, that a flow stays in
 * order whatever else goes on, and what is the port's and not each queue's.
 */

#include "guests.h"
#include "key.h"
#include "packets.h"

#define QUEUES          4

static struct guest *from[QUEUES], *to[QUEUES];

void test_setup(void)
{
    guests_boot("16M");
}

static void flow_out(void)
{
    flow(from[0], 0xb, &to[0], 1);
}

/* UDP from 10.0.0.1 to 10.0.0.2, all of it inline. */
static struct pkt udp(unsigned int src, unsigned int dst, uint32_t seq)
{
    struct frame f = {};
    struct pkt p;

    frame_eth(&f);
    frame_ipv4(&f, 0, 0);
    frame_l4(&f, PROTO_UDP, 8);
    frame_put16(&f, f.l4, src);
    frame_put16(&f, f.l4 + 2, dst);
    frame_put16(&f, f.l4 + 4, 12);
    frame_put16(&f, f.ip_at + 2, 32);
    memset(&p, 0, sizeof(p));
    p.h.len = p.h.inline_len = f.len + 4;
    memcpy(p.inl, f.b, f.len);
    memcpy(p.inl + f.len, &seq, 4);

    return p;
}

/* What stands in the frame that g got. */
static unsigned int got_src(const struct guest *g)
{
    return (g->got.data[34] << 8) | g->got.data[35];
}

static uint32_t got_seq(const struct guest *g)
{
    uint32_t seq;

    memcpy(&seq, g->got.data + 42, 4);

    return seq;
}

/* ---- Which queue --------------------------------------------------------- */

TEST(flows_spread_over_the_queues_and_each_stays_in_one)
{
    unsigned int queue[256], all[QUEUES] = {}, src, i, round;

    guest_queues(to, QUEUES);
    guest_queues(from, QUEUES);
    flow_out();
    for ( round = 0; round < 3; round++ )
        for ( src = 0; src < 256; src++ )
        {
            struct pkt p = udp(1000 + src, 53, round);
            struct guest *g = from[(src + round) % QUEUES];
            unsigned int found = QUEUES;

            CHECK(guest_put(g, &p));
            CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
            for ( i = 0; i < QUEUES; i++ )
                while ( guest_get(to[i]) )
                {
                    CHECK_EQ(found, QUEUES);
                    CHECK_EQ(got_src(to[i]), 1000 + src);
                    found = i;
                    all[i]++;
                }
            CHECK(found < QUEUES);
            if ( round )
                CHECK_EQ(queue[src], found);
            queue[src] = found;
        }

    /* 192 on average; a fair coin with four sides stays within. */
    for ( i = 0; i < QUEUES; i++ )
        CHECK(all[i] > 96 && all[i] < 288);
    CHECK_EQ(guest_info(to[0]).nr_queues, QUEUES);
    CHECK_EQ(COUNT(to[0], rx_packets), 768);
    CHECK_EQ(COUNT(from[0], tx_packets), 768);
    CHECK_EQ(COUNT(from[0], doorbells), 768);
    guests_end();
}

TEST(the_hash_is_of_what_makes_a_flow)
{
    struct hicamp_flow_key key = {
        .in_port = 1, .eth_type = cpu_to_be16(ETHERTYPE_IPV4), .eth_src = { 2 },
        .ip_src = { 10, 0, 0, 1 }, .ip_dst = { 10, 0, 0, 2 },
        .ip_proto = PROTO_TCP, .l4_src = 0x1234, .l4_dst = 0x5678,
    }, k = key;
    uint32_t hash = hicamp_key_hash(&key), first;

#define CHANGES(field, differs) do {                            \
    k = key;                                                    \
    k.field ^= 1;                                               \
    CHECK_EQ(hicamp_key_hash(&k) != hash, differs);             \
} while ( 0 )

    CHANGES(ip_src[3], true);
    CHANGES(ip_dst[0], true);
    CHANGES(ip_src[15], true);
    CHANGES(ip_proto, true);
    CHANGES(l4_src, true);
    CHANGES(l4_dst, true);
    CHANGES(in_port, false);
    CHANGES(eth_src[0], false);
    CHANGES(tcp_flags, false);
    CHANGES(ip_ttl, false);
    CHANGES(ip_tos, false);
    CHANGES(vlan_tci, false);

    /* All fragments of a datagram: the first alone knows ports. */
    k = key;
    k.ip_frag = HICAMP_FRAG_ANY;
    first = hicamp_key_hash(&k);
    k.ip_frag |= HICAMP_FRAG_LATER;
    k.l4_src = k.l4_dst = 0;
    k.ip_proto = 44;
    CHECK_EQ(hicamp_key_hash(&k), first);
    k.ip_dst[1]++;
    CHECK(hicamp_key_hash(&k) != first);

    key.eth_type = cpu_to_be16(ETHERTYPE_ARP);
    hash = hicamp_key_hash(&key);
    CHANGES(eth_src[0], true);
    CHANGES(eth_dst[5], true);
    CHANGES(ip_src[0], false);
    guests_end();
}

/* ---- Order --------------------------------------------------------------- */

#define FLOWS           8       /* of each of the sender's queues */

static uint32_t rounds;
static uint32_t sent[QUEUES][FLOWS];            /* W(sender's CPU) */
static uint32_t seen[QUEUES * FLOWS];           /* W(receiver's CPU) */
static uint64_t received[QUEUES];
static unsigned int senders_left;

/* Each of the sender's queues has flows of its own, in packets of all sizes. */
static void send_flows(unsigned int cpu)
{
    struct guest *g = from[cpu];
    struct hicamp_comp c;
    unsigned int i, n;

    for ( i = 0; i < rounds; i++ )
    {
        for ( n = 1 + test_random() % 6; n; n-- )
        {
            unsigned int f = test_random() % FLOWS;
            struct pkt p = udp(cpu * FLOWS + f, 53, sent[cpu][f] + 1);

            if ( test_random() % 2 )
                pkt_extent(&p, g, test_random() % 9000,
                           1 + test_random() % 5000, test_random() % 2);
            p.inl[16] = (p.h.len - 14) >> 8;
            p.inl[17] = p.h.len - 14;
            if ( !guest_put(g, &p) )
                break;
            sent[cpu][f]++;
        }
        CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        while ( guest_reap(g, &c) )
            CHECK(c.status != HICAMP_COMP_BAD);
    }
    arch_fetch_and_add(&senders_left, -1);
}

/* Any CPU may find any flow, but only one at a time. */
static bool receive_flows(unsigned int index)
{
    struct guest *g = to[index];
    bool any = false;

    while ( guest_get(g) )
    {
        unsigned int f = got_src(g);
        uint32_t seq = got_seq(g);

        CHECK(f < QUEUES * FLOWS);
        CHECK((int32_t)(seq - seen[f]) > 0);
        seen[f] = seq;
        received[index]++;
        any = true;
    }
    guest_fill(g);
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_RX), 0);

    return any;
}

static void both_ways(void *arg, unsigned int cpu)
{
    if ( cpu < QUEUES )
        send_flows(cpu);
    else
        while ( read_atomic(&senders_left) )
        {
            receive_flows(cpu - QUEUES);
            cpu_relax();
        }
}

TEST(flows_stay_in_order_while_all_queues_send_and_receive)
{
    uint64_t arrived = 0, all = 0;
    struct hicamp_port_info pi;
    unsigned int i, f;
    bool any;

    guest_queues(to, QUEUES);
    guest_queues(from, QUEUES);
    flow_out();
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, 8), 0);
    rounds = 1500;
    senders_left = QUEUES;
    emul_run(2 * QUEUES, both_ways, NULL);
    do {
        struct hicamp_comp c;

        any = false;
        for ( i = 0; i < QUEUES; i++ )
        {
            any |= receive_flows(i);
            while ( guest_reap(from[i], &c) )
                any = true;
            CHECK_EQ(guest_doorbell(from[i], HICAMP_DOORBELL_TX), 0);
        }
    } while ( any );

    for ( i = 0; i < QUEUES; i++ )
    {
        CHECK(received[i]);
        arrived += received[i];
        for ( f = 0; f < FLOWS; f++ )
            all += sent[i][f];
    }
    pi = guest_info(to[0]);
    CHECK_EQ(pi.queued, 0);
    CHECK_EQ(pi.counters[CNT(rx_packets)], arrived);
    CHECK_EQ(COUNT(from[0], tx_packets), all);
    CHECK_EQ(arrived + pi.counters[CNT(drop_queue)] +
             pi.counters[CNT(drop_torn)] + pi.counters[CNT(drop_quota)], all);
    guests_end();
}

/* ---- What is the port's -------------------------------------------------- */

TEST(the_rate_is_the_ports)
{
    struct hicamp_port_rate op = { .bytes_per_s = 46000, .burst = 460 };
    unsigned int i;

    guest_queues(to, QUEUES);
    guest_queues(from, QUEUES);
    flow_out();
    op.domid = from[0]->d->domain_id;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_rate, &op), 0);

    /* Ten of 46 bytes at once, and the one that goes beyond; then one a ms. */
    for ( i = 0; i < 40; i++ )
    {
        struct pkt p = udp(i, 53, i);

        CHECK(guest_put(from[i % QUEUES], &p));
        CHECK_EQ(guest_doorbell(from[i % QUEUES], HICAMP_DOORBELL_TX), 0);
    }
    CHECK_EQ(COUNT(to[0], rx_packets), 11);
    CHECK_EQ(COUNT(from[0], drop_rate), 29);
    emul_advance(MILLISECS(2));
    for ( i = 0; i < 8; i++ )
    {
        struct pkt p = udp(i, 53, i);

        CHECK(guest_put(from[i % QUEUES], &p));
        CHECK_EQ(guest_doorbell(from[i % QUEUES], HICAMP_DOORBELL_TX), 0);
    }
    CHECK_EQ(COUNT(to[0], rx_packets), 13);
    guests_end();
}

TEST(a_queue_that_stops_leaves_the_others_of_its_port)
{
    unsigned int i, arrived = 0;

    guest_queues(to, QUEUES);
    guest_queues(from, QUEUES);
    flow_out();
    write_atomic(&from[1]->ctrl->tx_prod, 65);
    CHECK_EQ(guest_doorbell(from[1], HICAMP_DOORBELL_TX), -EIO);
    write_atomic(&to[2]->ctrl->rx_cons, 1000);
    CHECK_EQ(guest_doorbell(from[1], HICAMP_DOORBELL_TX), -EIO);
    for ( i = 0; i < 64; i++ )
    {
        struct guest *g = from[2 * (i % 2)];
        struct pkt p = udp(i, 53, i);

        CHECK(guest_put(g, &p));
        CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
    }
    for ( i = 0; i < QUEUES; i++ )
    {
        unsigned int n = 0;

        while ( guest_get(to[i]) )
            n++;
        CHECK_EQ(!n, i == 2);
        CHECK_EQ(guest_doorbell(to[i], HICAMP_DOORBELL_RX), i == 2 ? -EIO : 0);
        arrived += n;
    }
    CHECK_EQ(COUNT(to[0], ring_errors), 1);
    CHECK_EQ(COUNT(from[0], ring_errors), 1);
    CHECK_EQ(arrived + COUNT(to[0], drop_detach) +
             COUNT(from[0], drop_noport), 64);

    /* Attached anew it serves again. */
    CHECK_EQ(guest_detach(to[0]), 0);
    CHECK_EQ(guest_attach(to[0]), 0);
    for ( i = 0; i < QUEUES; i++ )
        CHECK_EQ(guest_doorbell(to[i], HICAMP_DOORBELL_RX), 0);
    guests_end();
}

TEST(detach_drops_what_waits_for_every_queue_and_gives_lenders_their_pages)
{
    unsigned int i, waits = 0;
    struct hicamp_comp c;

    guest_queues(to, QUEUES);
    guest_queues(from, QUEUES);
    flow_out();
    CHECK_EQ(guest_detach(to[0]), 0);
    CHECK_EQ(guest_attach(to[0]), 0);   /* no buffers now */
    for ( i = 0; i < 48; i++ )
    {
        struct pkt p = udp(i, 53, i);

        pkt_extent(&p, from[0], 0, 3000, false);
        p.inl[16] = (p.h.len - 14) >> 8;
        p.inl[17] = p.h.len - 14;
        CHECK(guest_put(from[i % QUEUES], &p));
        CHECK_EQ(guest_doorbell(from[i % QUEUES], HICAMP_DOORBELL_TX), 0);
    }
    CHECK_EQ(guest_info(to[0]).queued, 48);
    for ( i = 0; i < QUEUES; i++ )
        waits += guest_queue(to[i])->wait_tail != guest_queue(to[i])->wait_head;
    CHECK_EQ(waits, QUEUES);
    CHECK_EQ(guest_detach(to[0]), 0);
    CHECK_EQ(COUNT(to[0], drop_detach), 48);
    CHECK_EQ(guest_info(from[0]).borrowed, 0);
    for ( i = 0; i < 48; i++ )
        CHECK(guest_reap(from[i % QUEUES], &c));
    guests_end();
}

/* ---- Limits -------------------------------------------------------------- */

/*
 * The attach of a port of g's domain with nr queues, which have control pages of
 * their own, and the other pages of g's area in common.
 */
static int attach(const struct guest *g, uint32_t devid, unsigned int nr)
{
    uint64_t frames[HICAMP_QUEUES_MAX][GUEST_AREA_MAX];
    struct hicamp_queue q[HICAMP_QUEUES_MAX];
    struct hicamp_port_attach op = {
        .devid = devid, .nr_queues = nr, .queues = (uintptr_t)q,
    };
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        memcpy(frames[i], g->frames, sizeof(frames[i]));
        frames[i][0] = emul_pages_create(g->d, 1);
        q[i] = (struct hicamp_queue){
            .tx_slots = 64, .rx_slots = 64, .fill_entries = 64,
            .comp_entries = 64, .frames = (uintptr_t)frames[i],
            .nr_frames = g->nr_frames,
        };
    }

    return emul_hypercall(g->d, HICAMP_OP_port_attach, &op);
}

static int detach(const struct guest *g, uint32_t devid)
{
    struct hicamp_port_detach op = { .devid = devid };

    return emul_hypercall(g->d, HICAMP_OP_port_detach, &op);
}

TEST(a_domain_has_64_queues_at_most)
{
    struct guest *g = guest_new(), *other = guest_new();
    struct hicamp_port_create make = { .domid = g->d->domain_id };
    unsigned int i;

    CHECK_EQ(guest_detach(g), 0);
    CHECK_EQ(guest_detach(other), 0);
    for ( make.devid = 1; make.devid < 9; make.devid++, make.port = 0 )
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_port_create, &make), 0);

    for ( i = 1; i < 9; i++ )
        CHECK_EQ(attach(g, i, 8), 0);
    CHECK_EQ(attach(g, 0, 1), -ENOSPC);
    CHECK_EQ(attach(other, 0, 8), 0);   /* has its own */
    CHECK_EQ(detach(g, 3), 0);
    CHECK_EQ(attach(g, 0, 1), 0);
    CHECK_EQ(attach(g, 3, 8), -ENOSPC);
    CHECK_EQ(attach(g, 3, 7), 0);
    CHECK_EQ(detach(g, 3), 0);

    /* What fails half-way counts for nothing. */
    g->frames[g->nr_frames - 1] ^= 1ull << 40; /* nobody's */
    CHECK_EQ(attach(g, 3, 7), -EINVAL);
    CHECK_EQ(attach(g, 3, 7), -EINVAL);
    g->frames[g->nr_frames - 1] ^= 1ull << 40;
    CHECK_EQ(attach(g, 3, 7), 0);
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
