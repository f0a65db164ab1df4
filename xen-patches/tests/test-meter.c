/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-meter.c
 *
 * Meters: set, told and forgotten; what they let pass, of flows that share one;
 * lists of actions that name them.
 */

#include "traffic.h"
#include "meter.h"

void test_setup(void)
{
    guests_boot("2M");
}

static struct hicamp_meter meter;

/* Anything that is not named is zero; the answer stands in meter. */
#define METER(cmd, id, ...) ({                                          \
    meter = (struct hicamp_meter){ .command = HICAMP_METER_ ## cmd,     \
                                   .meter = (id), __VA_ARGS__ };        \
    emul_hypercall(dom0, HICAMP_OP_meter, &meter);                      \
})

static void forget_all(void)
{
    while ( !METER(NEXT, 0) )
        CHECK_EQ(METER(DELETE, meter.meter), 0);
}

/* ---- Set, told, forgotten ------------------------------------------------ */

TEST(meters_are_set_told_changed_and_forgotten)
{
    static const uint32_t ids[] = { 0x10000001, 1, 257, 513, ~0u };
    static const uint32_t order[] = { 1, 257, 513, 0x10000001, ~0u };
    unsigned int i;
    uint32_t last = 0;

    CHECK_EQ(METER(NEXT, 0), -ENOENT);
    for ( i = 0; i < ARRAY_SIZE(ids); i++ )
    {
        CHECK_EQ(METER(GET, ids[i]), -ENOENT);
        CHECK_EQ(METER(SET, ids[i], .rate = 100 + i, .burst = 10 + i,
                       .flags = i % 2), 0);
    }
    for ( i = 0; i < ARRAY_SIZE(ids); i++ )
    {
        CHECK_EQ(METER(GET, ids[i]), 0);
        CHECK_EQ(meter.rate, 100 + i);
        CHECK_EQ(meter.burst, 10 + i);
        CHECK_EQ(meter.flags, i % 2);
        CHECK_EQ(meter.packets, 0);
    }
    for ( i = 0; i < ARRAY_SIZE(order); i++, last = meter.meter )
    {
        CHECK_EQ(METER(NEXT, last), 0);
        CHECK_EQ(meter.meter, order[i]);
    }
    CHECK_EQ(METER(NEXT, last), -ENOENT);

    CHECK_EQ(METER(SET, 257, .rate = 7, .burst = 1ull << 32), 0);
    CHECK_EQ(METER(GET, 257), 0);
    CHECK_EQ(meter.rate, 7);
    CHECK_EQ(meter.flags, 0);
    CHECK_EQ(METER(DELETE, 257), 0);
    CHECK_EQ(meter.rate, 7);
    CHECK_EQ(METER(DELETE, 257), -ENOENT);
    CHECK_EQ(METER(GET, 513), 0);
    CHECK_EQ(METER(GET, 1), 0);
    forget_all();
    guests_end();
}

TEST(what_makes_no_sense_is_refused)
{
    struct guest *g = guest_new();

    CHECK_EQ(METER(SET, 0, .rate = 1, .burst = 1), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 0, .burst = 1), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 0), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = (1ull << 32) + 1), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1, .flags = 2), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1, .pad = 1), -EINVAL);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1, .packets = 1), -EINVAL);
    CHECK_EQ(METER(GET, 0), -EINVAL);
    CHECK_EQ(METER(GET, 1, .rate = 1), -EINVAL);
    CHECK_EQ(METER(DELETE, 1, .flags = 1), -EINVAL);
    CHECK_EQ(METER(NEXT, 1, .drop_bytes = 1), -EINVAL);
    meter = (struct hicamp_meter){ .meter = 1 };
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_meter, &meter), -EINVAL);
    meter.command = 5;
    CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_meter, &meter), -EINVAL);
    CHECK_EQ(emul_hypercall(g->d, HICAMP_OP_meter, &meter), -EPERM);
    CHECK_EQ(METER(NEXT, 0), -ENOENT);
    guests_end();
}

TEST(there_are_1024_at_most)
{
    unsigned int i;

    for ( i = 1; i <= 1024; i++ )
        CHECK_EQ(METER(SET, i * 3, .rate = i, .burst = 1), 0);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1), -ENOSPC);
    CHECK_EQ(METER(SET, 3, .rate = 9, .burst = 1), 0);
    CHECK_EQ(METER(DELETE, 600), 0);
    emul_fail_alloc(1);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1), -ENOMEM);
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1), 0);
    forget_all();
    guests_end();
}

/* ---- What passes --------------------------------------------------------- */

/* Packets of g for group to port to, by this meter. */
static int metered(const struct guest *g, unsigned int group, uint32_t id,
                   const struct guest *to)
{
    const struct hicamp_action list[] = {
        { HICAMP_ACT_METER, 8, id }, { HICAMP_ACT_OUTPUT, 8, to->port },
    };

    return flow_op(g->port, group, HICAMP_FLOW_ADD, list, 2);
}

/* How many of nr packets of 1000 bytes of g get to group's port. */
static unsigned int passed(struct guest *g, unsigned int group,
                           struct guest *to, unsigned int nr)
{
    unsigned int n = 0;

    while ( nr-- )
    {
        struct pkt p = pkt_new(g, group, 60);

        pkt_extent(&p, g, 0, 940, false);
        CHECK(guest_put(g, &p));
        CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        n += guest_get(to);
        guest_fill(to);
        reap_all(g, HICAMP_COMP_OK);
    }

    return n;
}

TEST(flows_share_a_meter_of_bytes)
{
    three_guests();
    CHECK_EQ(metered(a, 5, 9, b), -ENOENT);
    CHECK_EQ(METER(SET, 9, .rate = 100000, .burst = 3000), 0);
    CHECK_EQ(metered(a, 5, 9, b), 0);
    CHECK_EQ(metered(c, 6, 9, b), 0);
    CHECK_EQ(passed(a, 5, b, 2), 2);
    CHECK_EQ(passed(c, 6, b, 10), 2);
    CHECK_EQ(passed(a, 5, b, 3), 0);
    CHECK_EQ(passed(a, 1, b, 5), 5);        /* no meter */
    emul_advance(MILLISECS(20));
    CHECK_EQ(passed(a, 5, b, 1), 1);
    CHECK_EQ(passed(c, 6, b, 5), 1);
    CHECK_EQ(COUNT(a, drop_meter), 3);
    CHECK_EQ(COUNT(c, drop_meter), 12);
    CHECK_EQ(METER(GET, 9), 0);
    CHECK_EQ(meter.packets, 21);
    CHECK_EQ(meter.bytes, 21000);
    CHECK_EQ(meter.drop_packets, 15);
    CHECK_EQ(meter.drop_bytes, 15000);

    /* Changed, it counts on. */
    CHECK_EQ(METER(SET, 9, .rate = ~0ull, .burst = 1), 0);
    CHECK_EQ(meter.packets, 21);
    emul_advance(SECONDS(2));
    CHECK_EQ(passed(a, 5, b, 50), 50);
    forget_all();
    guests_end();
}

TEST(a_meter_of_packets_counts_them_whatever_their_length)
{
    three_guests();
    CHECK_EQ(METER(SET, 1, .rate = 10, .burst = 4,
                   .flags = HICAMP_METER_PACKETS), 0);
    CHECK_EQ(metered(a, 5, 1, b), 0);
    CHECK_EQ(passed(a, 5, b, 20), 5);
    emul_advance(MILLISECS(300));
    CHECK_EQ(passed(a, 5, b, 20), 3);
    CHECK_EQ(METER(GET, 1), 0);
    CHECK_EQ(meter.drop_packets, 32);
    forget_all();
    guests_end();
}

TEST(without_its_meter_a_flow_lets_nothing_pass)
{
    three_guests();
    CHECK_EQ(METER(SET, 1, .rate = 1000000000, .burst = 1 << 30), 0);
    CHECK_EQ(metered(a, 5, 1, b), 0);
    CHECK_EQ(passed(a, 5, b, 3), 3);
    CHECK_EQ(METER(DELETE, 1), 0);
    CHECK_EQ(passed(a, 5, b, 3), 0);
    CHECK_EQ(COUNT(a, drop_meter), 3);
    CHECK_EQ(METER(SET, 1, .rate = 1000000000, .burst = 1 << 30), 0);
    CHECK_EQ(passed(a, 5, b, 3), 3);
    forget_all();
    guests_end();
}

TEST(a_list_has_one_meter_before_its_outputs)
{
    static const uint32_t M = HICAMP_ACT_METER, O = HICAMP_ACT_OUTPUT,
                          D = HICAMP_ACT_DROP, P = HICAMP_ACT_PUSH_VLAN,
                          U = HICAMP_ACT_UPCALL;
    const struct {
        struct { uint32_t type, arg; } item[4];
        int rc;
    } lists[] = {
        { { { M, 0 }, { O, 0 } }, -EINVAL },
        { { { M, 1 }, { M, 1 }, { O, 0 } }, -EOPNOTSUPP },
        { { { O, 0 }, { M, 1 } }, -EOPNOTSUPP },
        { { { U, 0 }, { M, 1 } }, -EOPNOTSUPP },
        { { { M, 1 }, { D, 0 } }, -EINVAL },
        { { { M, 2 }, { O, 0 } }, -ENOENT },
        { { { M, 1 } }, 0 },
        { { { M, 1 }, { O, 0 } }, 0 },
        { { { M, 1 }, { U, 0 } }, 0 },
        { { { M, 1 }, { P, 0x81000005 }, { O, 0 } }, 0 },
        { { { P, 0x81000005 }, { M, 1 }, { O, 0 } }, 0 },
        { { { M, 1 }, { O, 0 }, { O, 0 }, { U, 0 } }, 0 },
    };
    unsigned int i, nr;

    three_guests();
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1), 0);
    for ( i = 0; i < ARRAY_SIZE(lists); i++ )
    {
        struct hicamp_action list[4];

        for ( nr = 0; nr < 4 && lists[i].item[nr].type; nr++ )
            list[nr] = (struct hicamp_action){
                .type = lists[i].item[nr].type, .bytes = 8,
                .arg = lists[i].item[nr].type == O ? b->port
                                                   : lists[i].item[nr].arg,
            };
        CHECK_EQ(flow_op(a->port, 100 + i, HICAMP_FLOW_ADD, list, nr),
                 lists[i].rc);
    }

    /* A change is refused, or made, whole. */
    {
        const struct hicamp_action list[] = { { M, 8, 2 }, { O, 8, b->port } };

        CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_MODIFY, list, 2), -ENOENT);
        CHECK_EQ(passed(a, 1, b, 3), 3);
        CHECK_EQ(METER(SET, 2, .rate = 1, .burst = 1), 0);
        CHECK_EQ(flow_op(a->port, 1, HICAMP_FLOW_MODIFY, list, 2), 0);
        CHECK_EQ(passed(a, 1, b, 3), 1);
    }
    forget_all();
    guests_end();
}

/* ---- At the same time ---------------------------------------------------- */

static struct guest *sender[3];

/* CPUs 0 to 2 send through one meter, 3 changes, removes and reads it. */
static void race(void *arg, unsigned int cpu)
{
    unsigned int i;
    struct hicamp_comp c;

    for ( i = 0; i < 400; i++ )
        if ( cpu < 3 )
        {
            struct pkt p = pkt_new(sender[cpu], 5, 60);

            CHECK(guest_put(sender[cpu], &p));
            CHECK_EQ(guest_doorbell(sender[cpu], HICAMP_DOORBELL_TX), 0);
            while ( guest_reap(sender[cpu], &c) )
                ;
        }
        else
        {
            struct hicamp_meter m = {
                .command = i % 8 == 7 ? HICAMP_METER_DELETE : HICAMP_METER_SET,
                .meter = 1,
            };

            if ( m.command == HICAMP_METER_SET )
                m.rate = 1 + i, m.burst = 1 + i % 3000;
            CHECK_EQ(emul_hypercall(dom0, HICAMP_OP_meter, &m), 0);
            emul_advance(MILLISECS(1));
            m = (struct hicamp_meter){ .command = HICAMP_METER_NEXT };
            emul_hypercall(dom0, HICAMP_OP_meter, &m);
        }
}

TEST(a_meter_may_change_while_it_is_passed)
{
    uint64_t dropped = 0, arrived;
    unsigned int i;

    b = guest_new();
    CHECK_EQ(METER(SET, 1, .rate = 1, .burst = 1), 0);
    for ( i = 0; i < 3; i++ )
    {
        sender[i] = guest_new();
        CHECK_EQ(metered(sender[i], 5, 1, b), 0);
    }
    emul_run(4, race, NULL);
    for ( i = 0; i < 3; i++ )
        dropped += COUNT(sender[i], drop_meter);
    arrived = COUNT(b, rx_packets) + COUNT(b, drop_queue) +
              guest_info(b).queued;
    CHECK_EQ(dropped + arrived, 1200);
    CHECK(arrived);
    forget_all();
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
