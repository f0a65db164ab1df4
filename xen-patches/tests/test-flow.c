/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-flow.c
 *
 * The administrator's flow operations: batches, their errors and progress,
 * faults at every copy.
 */

#include "flows.h"
#include "flow.h"

#define NR                      300

static struct hicamp_action out_2 = { HICAMP_ACT_OUTPUT, 8, 2 };
static struct hicamp_flow flows[NR];
static struct hicamp_flow_stats stats[NR];
static struct hicamp_action lists[NR][2];

void test_setup(void)
{
    unsigned int i;

    hicamp_flows_max = 3000;
    if ( hicamp_classify_init() )
        abort();

    for ( i = 0; i < NR; i++ )
        flows[i] = (struct hicamp_flow){
            .key = key_of(1, i), .mask = mask_of(63), .cookie = i,
            .actions = (uintptr_t)&out_2, .actions_bytes = 8,
            .command = HICAMP_FLOW_ADD,
        };
}

static struct hicamp_flow_batch batch(unsigned int nr)
{
    return (struct hicamp_flow_batch){ .flows = (uintptr_t)flows, .nr = nr };
}

static struct hicamp_query query(void *entries, unsigned int nr)
{
    return (struct hicamp_query){ .entries = (uintptr_t)entries, .nr = nr };
}

static void fill(void)
{
    struct hicamp_flow_batch b = batch(NR);

    CHECK_EQ(hicamp_flow_update(&b), 0);
    CHECK_EQ(b.done, NR);
    CHECK_EQ(hicamp_flow_count(), NR);
}

static void prepare_dump(unsigned int room)
{
    unsigned int i;

    memset(flows, 0, sizeof(flows));
    for ( i = 0; i < NR; i++ )
    {
        flows[i].actions = (uintptr_t)lists[i];
        flows[i].actions_bytes = room;
    }
}

TEST(a_batch_adds_changes_and_deletes)
{
    struct hicamp_flow_batch b = batch(3);

    fill();
    flows[0].command = HICAMP_FLOW_MODIFY;
    flows[0].actions_bytes = 0;
    flows[1].command = HICAMP_FLOW_DELETE;
    flows[2] = flows[1];
    CHECK_EQ(hicamp_flow_update(&b), -ENOENT);
    CHECK_EQ(b.done, 2);
    CHECK_EQ(classify(key_of(1, 0)), 0);
    CHECK_EQ(classify(key_of(1, 1)), -1);
    CHECK_EQ(classify(key_of(1, 2)), 2);
    flush();
}

TEST(a_batch_ends_with_its_first_error_and_tells_where)
{
    struct hicamp_flow_batch b;
    unsigned int i;

    static const struct { int rc; } t[] = {
        { -EINVAL }, { -EINVAL }, { -EINVAL }, { -EINVAL }, { -EINVAL },
        { -EFAULT }, { -EEXIST }, { -EOPNOTSUPP },
    };

    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        struct hicamp_flow good = flows[5], *f = &flows[5];

        switch ( i )
        {
        case 0: f->packets = 1; break;
        case 1: f->used_ns = 1; break;
        case 2: f->command = 0; break;
        case 3: f->command = 4; break;
        case 4: f->actions_bytes = HICAMP_ACTIONS_MAX + 8; break;
        case 5: f->actions = 8; break;
        case 6: f->key = flows[0].key; break;
        case 7: f->mask.reserved[0] = 1; break;
        }
        b = batch(NR);
        CHECK_EQ(hicamp_flow_update(&b), t[i].rc);
        CHECK_EQ(b.done, 5);
        CHECK_EQ(hicamp_flow_count(), 5);
        flows[5] = good;
        flush();
    }

    b = batch(0);
    CHECK_EQ(hicamp_flow_update(&b), -EINVAL);
    b = batch(4097);
    CHECK_EQ(hicamp_flow_update(&b), -EINVAL);
    b = batch(3);
    b.done = 3;
    CHECK_EQ(hicamp_flow_update(&b), -EINVAL);
}

TEST(a_preempted_batch_goes_on_where_it_stopped)
{
    struct hicamp_flow_batch b = batch(NR);
    unsigned int calls = 1;
    int rc;

    emul_preempt_every = 1;
    while ( (rc = hicamp_flow_update(&b)) == -ERESTART )
        calls++;
    CHECK_EQ(rc, 0);
    CHECK_EQ(b.done, NR);
    CHECK_EQ(calls, NR / HICAMP_PREEMPT_EVERY + 1);
    CHECK_EQ(hicamp_flow_count(), NR);
    emul_preempt_every = 0;
    flush();
}

TEST(dump_gives_back_what_was_added)
{
    struct hicamp_flow_key m = mask_of(63);
    struct hicamp_query q;
    unsigned int i, n = 0;

    fill();
    CHECK_EQ(classify(key_of(1, 7)), 2);
    emul_advance(500);
    prepare_dump(sizeof(lists[0]));

    q = query(flows, 200);
    do {
        q.nr = 200;
        q.entries = (uintptr_t)(flows + n);
        CHECK_EQ(hicamp_flow_dump(&q), 0);
        n += q.nr;
    } while ( q.nr == 200 );
    CHECK_EQ(n, NR);

    for ( i = 0; i < NR; i++ )
    {
        const struct hicamp_flow *f = &flows[i];
        struct hicamp_flow_key k = key_of(1, f->cookie);

        CHECK(!memcmp(&f->key, &k, sizeof(k)));
        CHECK(!memcmp(&f->mask, &m, sizeof(m)));
        CHECK_EQ(f->actions_bytes, 8);
        CHECK(!memcmp(lists[i], &out_2, 8));
        CHECK_EQ(f->packets, f->cookie == 7);
        CHECK_EQ(f->bytes, f->cookie == 7 ? 100 : 0);
        CHECK_EQ(f->used_ns, f->cookie == 7 ? 500 : -1);
        CHECK_EQ(f->command, 0);
    }
    flush();
}

TEST(dump_without_room_for_the_list_tells_what_it_needs)
{
    struct hicamp_query q = query(flows, 10);

    fill();
    prepare_dump(4);
    CHECK_EQ(hicamp_flow_dump(&q), 0);
    CHECK_EQ(flows[0].actions_bytes, 8);
    CHECK_EQ(lists[0][0].type, 0);
    flush();
}

TEST(statistics_are_read_in_batches)
{
    struct hicamp_query q = query(stats, 256);

    fill();
    CHECK_EQ(classify(key_of(1, 3)), 2);
    CHECK_EQ(hicamp_flow_stats(&q), 0);
    CHECK_EQ(q.nr, 256);
    CHECK_EQ(stats[3].cookie, 3);
    CHECK_EQ(stats[3].packets, 1);
    CHECK_EQ(stats[3].bytes, 100);
    CHECK_EQ(stats[3].used_ns, 0);
    CHECK_EQ(stats[4].used_ns, -1);
    CHECK_EQ(hicamp_flow_stats(&q), 0);
    CHECK_EQ(q.nr, NR - 256);
    q.nr = 1;
    CHECK_EQ(hicamp_flow_stats(&q), 0);
    CHECK_EQ(q.nr, 0);
    flush();
}

TEST(queries_are_checked)
{
    struct hicamp_query q;

    q = query(stats, 0);
    CHECK_EQ(hicamp_flow_stats(&q), -EINVAL);
    q = query(stats, HICAMP_FLOW_QUERY_MAX + 1);
    CHECK_EQ(hicamp_flow_stats(&q), -EINVAL);
    q = query(stats, 1);
    q.pad = 1;
    CHECK_EQ(hicamp_flow_stats(&q), -EINVAL);

    fill();
    prepare_dump(0);
    flows[2].command = 1;
    q = query(flows, 5);
    CHECK_EQ(hicamp_flow_dump(&q), -EINVAL);
    CHECK_EQ(q.nr, 2);
    flush();
}

TEST(a_fault_at_any_copy_loses_no_flow)
{
    unsigned int nth, i;

    for ( nth = 1; nth <= 8; nth++ )
    {
        struct hicamp_flow_batch b = batch(4);
        unsigned int seen = 0;
        struct hicamp_query q;

        emul_fail_copy(nth);
        CHECK_EQ(hicamp_flow_update(&b), -EFAULT);
        CHECK_EQ(b.done, (nth - 1) / 2);
        /* The rest, then read all of it with a fault. */
        emul_fail_copy(0);
        CHECK_EQ(hicamp_flow_update(&b), 0);
        CHECK_EQ(hicamp_flow_count(), 4);

        q = query(stats, 4);
        emul_fail_copy((nth + 1) / 2);
        CHECK_EQ(hicamp_flow_stats(&q), -EFAULT);
        CHECK_EQ(q.nr, (nth - 1) / 2);
        i = q.nr;
        emul_fail_copy(0);
        q.nr = 4;
        q.entries = (uintptr_t)(stats + i);
        CHECK_EQ(hicamp_flow_stats(&q), 0);
        CHECK_EQ(i + q.nr, 4);
        for ( i = 0; i < 4; i++ )
            seen |= 1u << stats[i].cookie;
        CHECK_EQ(seen, 15);
        flush();
    }
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
