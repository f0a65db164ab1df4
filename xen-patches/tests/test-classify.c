/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-classify.c
 *
 * The flow table against a plain list of flows, its limits, its growth and
 * change under readers on other CPUs.
 */

#include "flows.h"

#define EXACT                   mask_of(63)

void test_setup(void)
{
    hicamp_flows_max = 3000;
    if ( hicamp_classify_init() )
        abort();
}

/* ---- Matching ------------------------------------------------------------ */

TEST(a_flow_matches_what_equals_its_key_under_its_mask)
{
    struct hicamp_flow_key k = key_of(1, 5), m = mask_of(2), p = key_of(1, 5);

    CHECK_EQ(classify(p), -1);
    CHECK_EQ(add(masked(k, m), m, 0, 9), 0);
    CHECK_EQ(classify(p), 9);
    p.l4_src = 77;
    p.arp_tha[5] = 1;
    CHECK_EQ(classify(p), 9);
    p.eth_dst[5] ^= 1;
    CHECK_EQ(classify(p), -1);
    p = key_of(2, 5);
    CHECK_EQ(classify(p), -1);
    flush();
}

TEST(every_bit_of_the_mask_counts)
{
    struct hicamp_flow_key k, m;
    unsigned int i;

    for ( i = 0; i < offsetof(struct hicamp_flow_key, reserved) * 8; i++ )
    {
        struct hicamp_flow_key p;

        memset(&k, 0, sizeof(k));
        memset(&m, 0, sizeof(m));
        k.in_port = 3;
        m.in_port = ~0u;
        if ( i >= 32 )
        {
            ((uint8_t *)&m)[i / 8] |= 1 << (i % 8);
            ((uint8_t *)&k)[i / 8] |= 1 << (i % 8);
        }
        CHECK_EQ(add(k, m, 0, 4), 0);
        p = k;
        CHECK_EQ(classify(p), 4);
        ((uint8_t *)&p)[i / 8] ^= 1 << (i % 8);
        CHECK_EQ(classify(p), -1);
        CHECK_EQ(hicamp_flow_delete(&k, &m), 0);
    }
    flush();
}

struct model {
    bool present;
    struct hicamp_flow_key key, mask;
    int port;
    uint64_t cookie;
};

TEST(the_table_answers_like_a_plain_list_of_flows)
{
    enum { KEYS = 40, MASKS = 8 };
    static struct model model[KEYS][MASKS];
    unsigned int n, i, j;

    for ( n = 0; n < 30000; n++ )
    {
        struct hicamp_flow_key k, m, p;
        struct model *f;
        int rc, port = test_random() % 64;
        bool ok;

        i = test_random() % KEYS;
        j = test_random() % MASKS;
        f = &model[i][j];
        /* Distinct under every mask: all of them cover ip_dst. */
        m = mask_of(4 | (j & 3) | (j & 4) << 1);
        k = masked(key_of(1 + i % 3, i), m);
        CHECK(!f->present || !memcmp(&k, &f->key, sizeof(k)));

        switch ( test_random() % 4 )
        {
        case 0:
        case 1:
            rc = add(k, m, n, port);
            CHECK_EQ(rc, f->present ? -EEXIST : 0);
            if ( !rc )
                *f = (struct model){ true, k, m, port, n };
            break;

        case 2:
        {
            struct hicamp_acts *acts = output_to(port);

            rc = hicamp_flow_modify(&k, &m, n, acts);
            CHECK_EQ(rc, f->present ? 0 : -ENOENT);
            if ( rc )
                hicamp_acts_free(acts);
            else
            {
                f->port = port;
                f->cookie = n;
            }
            break;
        }

        case 3:
            rc = hicamp_flow_delete(&k, &m);
            CHECK_EQ(rc, f->present ? 0 : -ENOENT);
            f->present = false;
            break;
        }

        i = test_random() % KEYS;
        p = key_of(1 + i % 3, i);
        p.l4_src = n;
        port = classify(p);
        for ( ok = false, rc = -1, j = 0; j < MASKS; j++ )
            if ( model[i][j].present )
            {
                rc = 0;
                ok |= model[i][j].port == port;
            }
        CHECK(rc ? port == -1 : ok);
    }
    flush();
}

/* ---- Limits and errors --------------------------------------------------- */

/* One of many masks, of an ingress port or of any. */
static struct hicamp_flow_key nth_mask(uint32_t port, unsigned int n)
{
    struct hicamp_flow_key m = { .in_port = port ? ~0u : 0, .eth_type = 0xffff,
                                 .l4_dst = n + 1 };

    return m;
}

static int add_nth(uint32_t port, unsigned int n, uint32_t out)
{
    struct hicamp_flow_key m = nth_mask(port, n);

    return add(masked(key_of(port, 0xffff), m), m, n, out);
}

static int delete_nth(uint32_t port, unsigned int n)
{
    struct hicamp_flow_key m = nth_mask(port, n);
    struct hicamp_flow_key k = masked(key_of(port, 0xffff), m);

    return hicamp_flow_delete(&k, &m);
}

/* A flow that leaves no field open. */
static int add_full(uint32_t port, uint32_t n, uint32_t out)
{
    struct hicamp_flow_key m;

    memset(&m, 0, sizeof(m));
    memset(&m, 0xff, offsetof(struct hicamp_flow_key, reserved));

    return add(key_of(port, n), m, n, out);
}

TEST(masks_of_a_port_are_limited_and_nobody_elses_room)
{
    unsigned int i;

    for ( i = 0; i < HICAMP_MASKS_MAX; i++ )
        CHECK_EQ(add_nth(1, i, 2), 0);
    CHECK_EQ(hicamp_mask_count(), HICAMP_MASKS_MAX);
    CHECK_EQ(add_nth(1, i, 2), -ENOSPC);
    CHECK_EQ(hicamp_mask_count(), HICAMP_MASKS_MAX);

    /* Others have as many, the same or their own; so have flows of any port. */
    CHECK_EQ(add_nth(2, i, 4), 0);
    CHECK_EQ(add_nth(1, i, 2), -ENOSPC);
    for ( i = 0; i < HICAMP_MASKS_MAX; i++ )
        CHECK_EQ(add_nth(0, 500 + i, 5), 0);
    CHECK_EQ(add_nth(0, 500 + i, 5), -ENOSPC);
    CHECK_EQ(classify(key_of(2, 0xffff)), 4);
    CHECK_EQ(classify(key_of(3, 0xffff)), 5);
    CHECK_EQ(delete_nth(2, HICAMP_MASKS_MAX), 0);
    CHECK_EQ(classify(key_of(2, 0xffff)), 5);

    /* Exact flows are taken still. */
    CHECK_EQ(add_full(1, 1u << 16, 7), 0);
    CHECK_EQ(add_full(1, 1u << 17, 8), 0);
    CHECK_EQ(classify(key_of(1, 1u << 16)), 7);
    CHECK_EQ(classify(key_of(1, 1u << 17)), 8);

    /* A mask that has a flow takes more; one without makes room. */
    CHECK_EQ(delete_nth(1, 7), 0);
    CHECK_EQ(add_nth(1, 40, 2), 0);
    CHECK_EQ(add_nth(1, 7, 2), -ENOSPC);
    CHECK_EQ(delete_nth(1, 0), 0);
    CHECK_EQ(delete_nth(1, 0), -ENOENT);
    CHECK_EQ(add_nth(1, 0, 2), 0);
    flush();
    for ( i = 0; i < HICAMP_MASKS_MAX; i++ )
        CHECK_EQ(add_nth(1, 100 + i, 2), 0);
    flush();
}

TEST(masks_of_the_host_are_limited)
{
    unsigned int i, n, port;

    for ( i = 0, port = 1; i < HICAMP_TABLES_MAX - 1; port++ )
        for ( n = 0; n < HICAMP_MASKS_MAX && i < HICAMP_TABLES_MAX - 1; n++ )
            CHECK_EQ(add_nth(port, i++, 2), 0);
    CHECK_EQ(add_nth(port, i, 2), -ENOSPC);
    CHECK_EQ(hicamp_mask_count(), HICAMP_TABLES_MAX - 1);
    CHECK_EQ(add_full(port, 1, 3), 0);
    CHECK_EQ(classify(key_of(port, 1)), 3);
    CHECK_EQ(hicamp_mask_count(), HICAMP_TABLES_MAX);
    CHECK_EQ(add_nth(port, 5, 2), 0);
    flush();
}

TEST(flows_are_limited_and_room_comes_back)
{
    struct hicamp_flow_key k, m;
    unsigned int i;

    for ( i = 0; i < hicamp_flows_max; i++ )
        CHECK_EQ(add(key_of(1, i), EXACT, i, 2), 0);
    CHECK_EQ(hicamp_flow_count(), hicamp_flows_max);
    CHECK_EQ(add(key_of(1, i), EXACT, i, 2), -ENOSPC);
    k = key_of(1, 77);
    m = EXACT;
    CHECK_EQ(hicamp_flow_delete(&k, &m), 0);
    CHECK_EQ(add(key_of(1, i), EXACT, i, 2), 0);
    flush();
}

TEST(what_is_wrong_with_a_flow_is_told)
{
    struct hicamp_flow_key k = key_of(1, 1), m = mask_of(63), x;

    x = k;
    x.l4_src = 1;
    CHECK_EQ(add(x, m, 0, 2), -EINVAL);
    x = m;
    x.reserved[4] = 1;
    CHECK_EQ(add(k, x, 0, 2), -EOPNOTSUPP);
    x = m;
    x.in_port = ~1u;
    CHECK_EQ(add(key_of(2, 1), x, 0, 2), -EINVAL);
    CHECK_EQ(add(key_of(64, 1), m, 0, 2), -ENOENT);
    CHECK_EQ(add(k, m, 0, 64), -ENOENT);
    CHECK_EQ(hicamp_flow_delete(&k, &m), -ENOENT);
    CHECK_EQ(hicamp_mask_count(), 0);
    /* Any ingress port. */
    x = m;
    x.in_port = 0;
    k.in_port = 0;
    CHECK_EQ(add(k, x, 0, 2), 0);
    CHECK_EQ(classify(key_of(33, 1)), 2);
    flush();
}

TEST(whichever_allocation_fails_nothing_is_lost)
{
    unsigned int nth, i;

    for ( nth = 1; ; nth++ )
    {
        unsigned int failed = 0;

        emul_fail_alloc(nth);
        for ( i = 0; i < 100; i++ )
        {
            int rc = add(key_of(1, i), EXACT, i, 2);

            CHECK(rc == 0 || rc == -ENOMEM);
            failed += rc != 0;
            CHECK_EQ(classify(key_of(1, i)), rc ? -1 : 2);
        }
        CHECK(failed <= 1);
        CHECK_EQ(hicamp_flow_count(), 100 - failed);
        if ( emul_allocs() < nth )
            break;
        emul_fail_alloc(0);
        flush();
        rcu_barrier();
    }
    CHECK(nth > 200);
    emul_fail_alloc(0);
    flush();
}

TEST(action_lists_are_checked)
{
#define OUT(p)  { HICAMP_ACT_OUTPUT, 8, p }
#define UP      { HICAMP_ACT_UPCALL, 8, 0 }
#define DROP    { HICAMP_ACT_DROP, 8, 0 }
    static const struct {
        struct hicamp_action a[3];
        unsigned int bytes;
        int rc;
    } t[] = {
        { { OUT(1) }, 0, 0 },
        { { OUT(1), UP, OUT(1) }, 24, 0 },
        { { DROP }, 8, 0 },
        { { DROP, OUT(1) }, 16, -EINVAL },
        { { OUT(1), DROP }, 16, -EINVAL },
        { { DROP, DROP }, 16, -EINVAL },
        { { OUT(1) }, 7, -EINVAL },
        { { OUT(1) }, 12, -EINVAL },
        { { { HICAMP_ACT_OUTPUT, 0, 1 } }, 8, -EINVAL },
        { { { HICAMP_ACT_OUTPUT, 16, 1 } }, 8, -EINVAL },
        { { { HICAMP_ACT_OUTPUT, 16, 1 }, OUT(2) }, 16, -EINVAL },
        { { { HICAMP_ACT_OUTPUT, 9, 1 } }, 16, -EINVAL },
        { { { HICAMP_ACT_UPCALL, 8, 1 } }, 8, -EINVAL },
        { { { HICAMP_ACT_DROP, 8, 1 } }, 8, -EINVAL },
        { { { 0, 8, 0 } }, 8, -EOPNOTSUPP },
        { { OUT(1), { 7, 8, 0 } }, 16, -EOPNOTSUPP },
    };
    static const struct hicamp_flow_key any;
    static uint8_t big[HICAMP_ACTIONS_MAX + 8];
    struct hicamp_acts *acts;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        int rc = hicamp_acts_compile(t[i].a, t[i].bytes, &any, &any, &acts);

        CHECK_EQ(rc, t[i].rc);
        if ( rc )
            continue;
        CHECK_EQ(acts->bytes, t[i].bytes);
        CHECK(!memcmp(hicamp_acts_list(acts), t[i].a, t[i].bytes));
        CHECK_EQ(acts->drop, i != 1);
        CHECK_EQ(acts->upcall, i == 1);
        CHECK_EQ(acts->nr_outputs, i == 1 ? 2 : 0);
        hicamp_acts_free(acts);
    }

    CHECK_EQ(hicamp_acts_compile(big, sizeof(big), &any, &any, &acts),
             -EINVAL);
    for ( i = 0; i < HICAMP_ACTIONS_MAX; i += 8 )
        memcpy(big + i, &t[1].a[0], 8);
    CHECK_EQ(hicamp_acts_compile(big, HICAMP_ACTIONS_MAX, &any, &any, &acts),
             0);
    CHECK_EQ(acts->nr_outputs, HICAMP_ACTIONS_MAX / 8);
    CHECK(!memcmp(hicamp_acts_list(acts), big, HICAMP_ACTIONS_MAX));
    hicamp_acts_free(acts);
}

/* ---- Reading, deleting --------------------------------------------------- */

static void count_on(void *arg, unsigned int cpu)
{
    unsigned int i;

    (void)arg;
    (void)cpu;
    for ( i = 0; i < 1000; i++ )
        CHECK_EQ(classify(key_of(1, 1)), 2);
}

TEST(counters_of_all_cpus_add_up)
{
    struct hicamp_flow_view view;
    struct hicamp_flow_key k = key_of(1, 1), m = EXACT;
    uint64_t cursor = 0;

    CHECK_EQ(add(k, m, 42, 2), 0);
    CHECK(hicamp_flow_next(&cursor, &view));
    CHECK_EQ(view.packets, 0);
    CHECK_EQ(view.used_ns, ~0ULL);

    /* More CPUs than groups of counters. */
    emul_run(12, count_on, NULL);
    emul_advance(1234);
    /* A change keeps the counters. */
    CHECK_EQ(hicamp_flow_modify(&k, &m, 43, output_to(3)), 0);

    cursor = 0;
    rcu_read_lock(&hicamp_rcu);
    CHECK(hicamp_flow_next(&cursor, &view));
    CHECK_EQ(view.packets, 12000);
    CHECK_EQ(view.bytes, 1200000);
    CHECK_EQ(view.used_ns, 1234);
    CHECK_EQ(view.cookie, 43);
    CHECK_EQ(view.acts->outputs[0], 3);
    CHECK(!memcmp(&view.key, &k, sizeof(k)));
    CHECK(!memcmp(&view.mask, &m, sizeof(m)));
    CHECK(!hicamp_flow_next(&cursor, &view));
    rcu_read_unlock(&hicamp_rcu);
    cursor = ~0ULL;
    CHECK(!hicamp_flow_next(&cursor, &view));
    flush();
}

TEST(flows_that_stay_are_read_once_while_others_come_and_go)
{
    static unsigned int seen[2000];
    struct hicamp_flow_key k, m = EXACT;
    struct hicamp_flow_view view;
    uint64_t cursor = 0;
    unsigned int i;

    for ( i = 0; i < 1000; i++ )
        CHECK_EQ(add(key_of(1, i), m, i, 2), 0);
    while ( hicamp_flow_next(&cursor, &view) )
    {
        CHECK(view.cookie < 2000);
        seen[view.cookie]++;
        /* Odd ones go, new ones come. */
        i = (test_random() % 500) * 2 + 1;
        k = key_of(1, i);
        (void)hicamp_flow_delete(&k, &m);
        i = 1000 + test_random() % 1000;
        (void)add(key_of(1, i), m, i, 2);
    }
    for ( i = 0; i < 1000; i += 2 )
        CHECK_EQ(seen[i], 1);
    flush();
}

TEST(dropping_a_port_deletes_its_flows_only_and_can_be_preempted)
{
    unsigned int i, calls;
    uint64_t cursor = 0;
    int rc;

    for ( i = 0; i < 1000; i++ )
        CHECK_EQ(add(key_of(1 + i % 2, i), EXACT, i, 2), 0);
    CHECK_EQ(add(masked(key_of(1, 0), mask_of(1)), mask_of(1), i, 2), 0);

    emul_preempt_every = 1;
    calls = 0;
    do {
        rc = hicamp_flow_drop_port(1, &cursor);
        calls++;
    } while ( rc == -ERESTART );
    CHECK_EQ(rc, 0);
    CHECK_EQ(calls, 501 / HICAMP_PREEMPT_EVERY + 1);
    CHECK_EQ(hicamp_flow_count(), 500);
    CHECK_EQ(classify(key_of(1, 2)), -1);
    CHECK_EQ(classify(key_of(2, 3)), 2);
    CHECK_EQ(hicamp_mask_count(), 1);

    calls = 0;
    while ( (rc = hicamp_flow_flush()) == -ERESTART )
        calls++;
    CHECK_EQ(rc, 0);
    CHECK_EQ(calls, 500 / HICAMP_PREEMPT_EVERY);
    CHECK_EQ(hicamp_flow_count(), 0);
}

TEST(a_port_that_is_gone_gets_no_flow)
{
    uint64_t cursor = 0;

    CHECK_EQ(add(key_of(5, 1), EXACT, 0, 2), 0);
    ports_gone = 1u << 5;
    CHECK_EQ(add(key_of(5, 2), EXACT, 0, 2), -ENOENT);
    CHECK_EQ(add(key_of(1, 2), EXACT, 0, 5), -ENOENT);
    CHECK_EQ(hicamp_flow_drop_port(5, &cursor), 0);
    CHECK_EQ(hicamp_flow_count(), 0);
}

/* ---- Concurrency --------------------------------------------------------- */

static bool stop;

static void readers_and_a_writer(void *arg, unsigned int cpu)
{
    unsigned int i, n, *rounds = arg;

    if ( cpu )
    {
        /* The flows below 50 are always there. */
        for ( n = 0; !read_atomic(&stop); n++ )
        {
            CHECK_EQ(classify(key_of(1, n % 50)), 2);
            (void)classify(key_of(1, 50 + n % 500));
        }
        return;
    }

    for ( n = 0; n < *rounds; n++ )
    {
        struct hicamp_flow_key m = EXACT;

        for ( i = 50; i < 550; i++ )
            CHECK_EQ(add(key_of(1, i), m, i, 3), 0);
        for ( i = 50; i < 550; i++ )
        {
            struct hicamp_flow_key k = key_of(1, i);

            CHECK_EQ(hicamp_flow_delete(&k, &m), 0);
        }
    }
    write_atomic(&stop, true);
}

TEST(flows_stay_found_while_the_table_grows)
{
    unsigned int i, rounds = 4;

    for ( i = 0; i < 50; i++ )
        CHECK_EQ(add(key_of(1, i), EXACT, i, 2), 0);
    emul_run(3, readers_and_a_writer, &rounds);
    flush();
}

static void modify_and_read(void *arg, unsigned int cpu)
{
    struct hicamp_flow_key k = key_of(1, 1), m = EXACT;
    unsigned int i;

    (void)arg;
    if ( cpu )
        while ( !read_atomic(&stop) )
        {
            int port = classify(k);

            CHECK(port == 2 || port == 3);
        }
    else
    {
        for ( i = 0; i < 2000; i++ )
            CHECK_EQ(hicamp_flow_modify(&k, &m, i, output_to(2 + i % 2)), 0);
        write_atomic(&stop, true);
    }
}

TEST(a_packet_sees_the_old_or_the_new_actions)
{
    CHECK_EQ(add(key_of(1, 1), EXACT, 0, 2), 0);
    emul_run(3, modify_and_read, NULL);
    flush();
}

static void many_writers(void *arg, unsigned int cpu)
{
    unsigned int n;

    (void)arg;
    for ( n = 0; n < 1500; n++ )
    {
        unsigned int i = test_random() % 100, w = test_random() % 4;
        struct hicamp_flow_key m = mask_of(4 | w);
        struct hicamp_flow_key k = masked(key_of(1 + i % 3, i), m);
        struct hicamp_flow_view view;
        uint64_t cursor = 0;

        switch ( test_random() % 8 )
        {
        case 0:
            (void)hicamp_flow_drop_port(1 + i % 3, &cursor);
            break;
        case 1:
            rcu_read_lock(&hicamp_rcu);
            while ( hicamp_flow_next(&cursor, &view) )
                CHECK(view.acts->nr_outputs == 1);
            rcu_read_unlock(&hicamp_rcu);
            break;
        case 2:
        case 3:
            (void)hicamp_flow_delete(&k, &m);
            break;
        default:
            (void)add(k, m, n, 1 + cpu);
            break;
        }
        (void)classify(key_of(1 + i % 3, i));
    }
}

TEST(writers_and_readers_of_all_kinds_at_once)
{
    emul_run(4, many_writers, NULL);
    flush();
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
