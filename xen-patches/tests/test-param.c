/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-param.c
 *
 * Parameters that a port has of its own, beside those of the host; weights.
 */

#include "guests.h"
#include "param.h"
#include "private.h"

static struct guest *a, *b, *c;

void test_setup(void)
{
    guests_boot("16M");
}

static int own_set(const struct guest *g, uint32_t param, uint64_t value)
{
    struct hicamp_param op = { .param = param, .port = g->port,
                               .value = value };

    return emul_hypercall(dom0, HICAMP_OP_param_set, &op);
}

static uint64_t own_get(const struct guest *g, uint32_t param)
{
    struct hicamp_param op = { .param = param, .port = g->port };

    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_get, &op), 0);

    return op.value;
}

static uint64_t host_get(uint32_t param)
{
    struct hicamp_param op = { .param = param };

    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_get, &op), 0);

    return op.value;
}

/* a and b send to c. */
static void world(void)
{
    a = guest_sized(4096, 64, 64, 512);
    b = guest_sized(4096, 64, 64, 512);
    c = guest_new();
    flow(a, 1, &c, 1);
    flow(b, 1, &c, 1);
    CHECK_EQ(host_param(HICAMP_PARAM_BORROW_PAIR, WAIT_SLOTS), 0);
}

/* ---- The interface ------------------------------------------------------- */

TEST(a_port_follows_the_host_until_it_has_its_own)
{
    static const struct { uint32_t param; uint64_t min, max; } t[] = {
        { HICAMP_PARAM_BORROW_AGE_US, 100, 1000000 },
        { HICAMP_PARAM_BORROW_PAIR, 0, 256 },
        { HICAMP_PARAM_RX_EVENT_US, 0, 10000 },
        { HICAMP_PARAM_RX_EVENT_PACKETS, 1, 256 },
        { HICAMP_PARAM_OFFLOAD, 0, 512 << 10 },
        { HICAMP_PARAM_WEIGHT, 1, 16 },
        { HICAMP_PARAM_STRAIGHT, 0, 65535 },
        { HICAMP_PARAM_TX_POLL_US, 0, 10000 },
        { HICAMP_PARAM_TX_POLL_IDLE_US, 0, 10000 },
    };
    unsigned int i, j;

    world();
    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        const uint64_t bad[] = { t[i].min - 1, t[i].max + 1, ~0ull - 1,
                                 t[i].max | 1ull << 32, UINT_MAX };
        uint64_t host = host_get(t[i].param);

        CHECK_EQ(own_get(a, t[i].param), HICAMP_PARAM_INHERIT);
        for ( j = 0; j < ARRAY_SIZE(bad); j++ )
            if ( bad[j] != HICAMP_PARAM_INHERIT )
                CHECK_EQ(own_set(a, t[i].param, bad[j]), -EINVAL);
        CHECK_EQ(own_get(a, t[i].param), HICAMP_PARAM_INHERIT);

        for ( j = 0; j < 2; j++ )
        {
            uint64_t value = j ? t[i].max : t[i].min;

            CHECK_EQ(own_set(a, t[i].param, value), 0);
            CHECK_EQ(own_get(a, t[i].param), value);
            CHECK_EQ(own_get(b, t[i].param), HICAMP_PARAM_INHERIT);
            CHECK_EQ(host_get(t[i].param), host);
        }
        CHECK_EQ(own_set(a, t[i].param, HICAMP_PARAM_INHERIT), 0);
        CHECK_EQ(own_get(a, t[i].param), HICAMP_PARAM_INHERIT);

        /* The host itself has nobody to follow. */
        CHECK_EQ(host_param(t[i].param, HICAMP_PARAM_INHERIT), -EINVAL);
    }
    guests_end();
}

TEST(only_a_port_that_is_there_has_its_own_and_not_of_everything)
{
    static const uint32_t not_of_ports[] = {
        HICAMP_PARAM_QUOTA, HICAMP_PARAM_ORPHAN_S, 0,
        HICAMP_PARAM_TX_POLL_IDLE_US + 1,
    };
    struct hicamp_param op = { .param = HICAMP_PARAM_WEIGHT };
    const uint32_t ports[] = { 1, HICAMP_PORTS_MAX, 0xffff, 0x10000, ~0u };
    unsigned int i;

    world();
    for ( i = 0; i < ARRAY_SIZE(not_of_ports); i++ )
        CHECK_EQ(own_set(a, not_of_ports[i], 1), -ENOENT);
    for ( i = 0; i < ARRAY_SIZE(ports); i++ )
    {
        op.port = ports[i];
        op.value = 0;
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_get, &op), -ENODEV);
        op.value = 5;
        CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_set, &op), -ENODEV);
    }
    op.port = a->port;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_get, &op), -EINVAL);
    CHECK_EQ(emul_hypercall(a->d, HICAMP_OP_param_set, &op), -EPERM);

    /* A later port at the same place begins with the host's again. */
    CHECK_EQ(own_set(a, HICAMP_PARAM_WEIGHT, 5), 0);
    op.port = a->port;
    CHECK_EQ(guest_destroy(a), 0);
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_param_set, &op), -ENODEV);
    CHECK_EQ(guest_create(a, 0, 0), 0);
    CHECK_EQ(own_get(a, HICAMP_PARAM_WEIGHT), HICAMP_PARAM_INHERIT);
    guests_end();
}

/* ---- Each parameter, of one port ----------------------------------------- */

TEST(each_sender_has_its_own_bound_of_what_waits_where_it_is)
{
    unsigned int i;

    world();
    guest_starve(c);
    CHECK_EQ(own_set(a, HICAMP_PARAM_BORROW_PAIR, 5), 0);
    for ( i = 0; i < 12; i++ )
    {
        guest_send(a, 1, 3000, 60, i);
        guest_send(b, 1, 3000, 60, i);
    }
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_info(a).borrowed, 5);
    CHECK_EQ(guest_info(b).borrowed, 12);
    guests_end();
}

TEST(each_sender_has_its_own_age)
{
    world();
    guest_starve(c);
    CHECK_EQ(own_set(a, HICAMP_PARAM_BORROW_AGE_US, 100), 0);
    guest_send(a, 1, 3000, 60, 1);
    guest_send(b, 1, 3000, 60, 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_TX), 0);
    emul_advance(MICROSECS(100));
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_info(b).borrowed, 1);
    emul_advance(MICROSECS(900));
    CHECK_EQ(guest_info(b).borrowed, 0);
    guests_end();
}

/* How often g is told of five packets of a's, one after the other. */
static unsigned int events_of(struct guest *g, unsigned int group)
{
    unsigned int i;

    write_atomic(&g->ctrl->rx_event, 1);
    g->d->emul_vcpu.is_running = true;
    emul_events(g->d, g->evtchn);
    for ( i = 0; i < 5; i++ )
    {
        guest_send(a, group, 100, 100, i);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        CHECK(guest_get(g));
        guest_fill(g);
    }

    return emul_events(g->d, g->evtchn);
}

TEST(each_receiver_is_told_as_often_as_it_likes)
{
    world();
    flow(a, 2, &b, 1);
    CHECK_EQ(own_set(c, HICAMP_PARAM_RX_EVENT_US, 100), 0);
    emul_advance(SECONDS(1));
    CHECK_EQ(events_of(b, 2), 5);
    CHECK_EQ(events_of(c, 1), 1);
    emul_advance(SECONDS(1));

    CHECK_EQ(own_set(c, HICAMP_PARAM_RX_EVENT_PACKETS, 2), 0);
    CHECK_EQ(events_of(c, 1), 3);
    emul_advance(SECONDS(1));

    /* The host wants it, this port does not. */
    CHECK_EQ(host_param(HICAMP_PARAM_RX_EVENT_US, 100), 0);
    CHECK_EQ(own_set(c, HICAMP_PARAM_RX_EVENT_US, 0), 0);
    CHECK_EQ(events_of(c, 1), 5);
    emul_advance(SECONDS(1));
    CHECK_EQ(events_of(b, 2), 1);
    guests_end();
}

/* ---- Weights ------------------------------------------------------------- */

/* Both offer packets in turns until no more of either gets in. */
static void both_flood(void)
{
    uint64_t was;

    do {
        was = COUNT(c, drop_queue);
        guest_send(a, 1, 60, 60, 0);
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        guest_send(b, 1, 60, 60, 0);
        CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_TX), 0);
    } while ( COUNT(c, drop_queue) < was + 2 );
}

/* Packets of a's among those that c gets next, who takes some at a time. */
static unsigned int of_a(unsigned int nr, unsigned int at_a_time)
{
    unsigned int found = 0, i;

    for ( i = 0; i < nr; i++ )
    {
        if ( !(i % at_a_time) )
        {
            guest_fill(c);
            CHECK_EQ(guest_doorbell(c, HICAMP_DOORBELL_RX), 0);
            both_flood();
        }
        CHECK(guest_get(c));
        found += !memcmp(c->got.data + 6, a->mac, 6);
    }

    return found;
}

TEST(senders_share_a_receiver_by_their_weights)
{
    static const struct { uint64_t a, b; unsigned int at_a_time, error; } t[] = {
        { 16, 16, 4, 1 }, { 3, 3, 4, 1 }, { 4, 16, 4, 3 }, { 16, 8, 4, 3 },
        { 2, 16, 4, 3 }, { 16, 16, 24, 1 }, { 4, 16, 24, 6 }, { 2, 16, 24, 6 },
    };
    unsigned int i, share, exact;

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        if ( i )
            guests_begin();
        /* One has a weight of its own, the other the host's. */
        world();
        CHECK_EQ(own_set(a, HICAMP_PARAM_WEIGHT, t[i].a), 0);
        CHECK_EQ(host_param(HICAMP_PARAM_WEIGHT, t[i].b), 0);
        both_flood();
        of_a(2048, t[i].at_a_time);
        share = (of_a(4096, t[i].at_a_time) * 100 + 2048) / 4096;
        exact = 100 * t[i].a / (t[i].a + t[i].b);
        CHECK(share + t[i].error >= exact && share <= exact + t[i].error);
        CHECK_EQ(host_param(HICAMP_PARAM_WEIGHT, WEIGHT_DEFAULT), 0);
        guests_end();
    }
}

TEST(what_goes_up_to_the_driver_domain_is_by_weights_too)
{
    struct guest *f = guest_fabric(), *from[2];
    unsigned int i, n;

    a = from[0] = guest_sized(4096, 64, 64, 512);
    b = from[1] = guest_sized(4096, 64, 64, 512);
    guest_starve(f);
    CHECK_EQ(own_set(a, HICAMP_PARAM_WEIGHT, WEIGHT_DEFAULT / 4), 0);
    for ( n = 0; n < 300; n++ )
        for ( i = 0; i < 2; i++ )
        {
            guest_send(from[i], 9, 60, 60, n);
            CHECK_EQ(guest_doorbell(from[i], HICAMP_DOORBELL_TX), 0);
        }
    n = guest_info(f).queued;
    i = pair_waits(&guest_queue(f)->pairs[PORT_INDEX(a->port)]);
    CHECK(i >= 30 && n - i >= 2 * i);
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
