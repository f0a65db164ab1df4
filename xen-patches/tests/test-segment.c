/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-segment.c
 *
 * Segments: what is written is read, snapshots do not change, what nobody
 * refers to is gone, whichever allocation and whichever copy fails.
 */

#include "store.h"

void test_setup(void)
{
    store_begin();
}

/* ---- One at a time ------------------------------------------------------- */

TEST(what_was_never_written_reads_zero_and_takes_no_line)
{
    unsigned int used;
    uint32_t id;

    dom_create(0);
    CHECK_EQ(seg_create(0, 1, 0, &id), 0);
    used = arena_used(hd_of(0)->arena);
    CHECK_EQ(seg_create(0, HICAMP_SEG_BYTES_MAX, 0, &id), 0);
    CHECK_EQ(arena_used(hd_of(0)->arena), used);

    memset(buf, 1, sizeof(buf));
    CHECK_EQ(seg_read(0, id, HICAMP_SEG_BYTES_MAX - sizeof(buf), sizeof(buf),
                      buf), 0);
    memset(buf2, 0, sizeof(buf2));
    CHECK(!memcmp(buf, buf2, sizeof(buf)));

    /* Nor does what was overwritten with zeros. */
    buf[0] = 1;
    CHECK_EQ(seg_write(0, id, 1ull << 35, 1, buf), 0);
    CHECK(arena_used(hd_of(0)->arena) > used);
    CHECK_EQ(seg_write(0, id, 1ull << 35, 1, buf2), 0);
    CHECK_EQ(arena_used(hd_of(0)->arena), used);
    CHECK_EQ(seg_root(0, id), PLID_NONE);
    store_end();
}

TEST(what_is_written_is_read_at_every_size_and_offset)
{
    static const unsigned int sizes[] = { 1, 511, 512, 513, 4095, 4096, 4097,
                                          32768, 32769, 200000, 1048576 };
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    unsigned int i, j, k;
    uint32_t id;

    dom_create(0);
    for ( k = 0; k < ARRAY_SIZE(kinds); k++ )
        for ( i = 0; i < ARRAY_SIZE(sizes); i++ )
            for ( j = 0; j < 3; j++ )
            {
                uint64_t offset = j * 300 + j / 2 * 5000000;

                CHECK_EQ(seg_create(0, 7000000, kinds[k], &id), 0);
                fill(buf, sizes[i], i);
                CHECK_EQ(seg_write(0, id, offset, sizes[i], buf), 0);
                expect(0, id, offset, sizes[i], i);
                CHECK_EQ(seg_read(0, id, offset + sizes[i], 100, buf), 0);
                CHECK(!buf[0] && !buf[99]);
                CHECK_EQ(seg_free(0, id), 0);
            }
    store_end();
}

TEST(arguments_are_checked)
{
    static const struct {
        struct hicamp_segment_op op;
        int rc;
    } bad[] = {
#define A .addr = (uintptr_t)buf
#define RW(cmd) \
        { { HICAMP_SEG_##cmd, .bytes = 1, .flags = 1, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, .bytes = 1, .other = 1, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, .bytes = 1, .result = 1, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, .bytes = HICAMP_SEG_IO_MAX + 1, A }, -E2BIG }, \
        { { HICAMP_SEG_##cmd, .bytes = 1 }, -EFAULT }
        RW(READ), RW(WRITE), RW(APPEND), RW(PREPEND),
#define RANGE(cmd) \
        { { HICAMP_SEG_##cmd, .offset = 10000, .bytes = 1, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, .offset = 9999, .bytes = 2, A }, -EINVAL }, \
        { { HICAMP_SEG_##cmd, .offset = ~0ull, .bytes = 2, A }, -EINVAL }
        RANGE(READ), RANGE(WRITE),
        { { HICAMP_SEG_APPEND, .offset = 1, .bytes = 1, A }, -EINVAL },
        { { HICAMP_SEG_PREPEND, .offset = 1, .bytes = 1, A }, -EINVAL },
        { { HICAMP_SEG_MAP, .bytes = 4096, A }, -EINVAL },
        { { HICAMP_SEG_MAP, .bytes = 100, A }, -EINVAL },
        { { HICAMP_SEG_SNAPSHOT, .flags = 1 }, -EINVAL },
        { { HICAMP_SEG_SNAPSHOT, .other = 1 }, -EINVAL },
        { { HICAMP_SEG_SNAPSHOT, .bytes = 1 }, -EINVAL },
        { { HICAMP_SEG_SNAPSHOT, .offset = 1 }, -EINVAL },
        { { HICAMP_SEG_SNAPSHOT, A }, -EINVAL },
        { { HICAMP_SEG_COMPARE, .other = 77 }, -ENOENT },
        { { HICAMP_SEG_COMPARE, .bytes = 77 }, -EINVAL },
        { { HICAMP_SEG_COMPARE, .flags = 1 }, -EINVAL },
        { { HICAMP_SEG_COMPARE, A }, -EINVAL },
        { { HICAMP_SEG_FREE, .flags = 1 }, -EINVAL },
        { { HICAMP_SEG_FREE, .bytes = 1 }, -EINVAL },
        { { HICAMP_SEG_FREE, A }, -EINVAL },
        { { HICAMP_SEG_INFO, .flags = 1 }, -EINVAL },
        { { HICAMP_SEG_INFO, .offset = 1 }, -EINVAL },
        { { .command = 0 }, -EINVAL }, { { .command = 11 }, -EINVAL },
        { { .command = 0xffff }, -EINVAL },
    }, create[] = {
        { { HICAMP_SEG_CREATE, .segment = 1 }, -EINVAL },
        { { HICAMP_SEG_CREATE, .other = 1 }, -EINVAL },
        { { HICAMP_SEG_CREATE, .result = 1 }, -EINVAL },
        { { HICAMP_SEG_CREATE, .offset = 1 }, -EINVAL },
        { { HICAMP_SEG_CREATE, A }, -EINVAL },
        { { HICAMP_SEG_CREATE, .flags = HICAMP_SEG_READ_ONLY }, -EINVAL },
        { { HICAMP_SEG_CREATE, .flags = 8 }, -EINVAL },
        { { HICAMP_SEG_CREATE, .flags = INTERNED | MAPPABLE }, -EINVAL },
        { { HICAMP_SEG_CREATE, .bytes = HICAMP_SEG_BYTES_MAX + 1 }, -E2BIG },
    };
    struct hicamp_segment_batch batch = { 0 };
    struct hicamp_segment_op op;
    unsigned int i;
    uint32_t id;

    dom_create(0);
    dom_create(1);
    id = filled(0, 10000, 0, 1);
    for ( i = 0; i < ARRAY_SIZE(bad); i++ )
    {
        op = bad[i].op;
        op.segment = id;
        CHECK_EQ(seg_op(0, &op), bad[i].rc);
    }
    for ( i = 0; i < ARRAY_SIZE(create); i++ )
    {
        op = create[i].op;
        CHECK_EQ(seg_op(0, &op), create[i].rc);
    }
    expect(0, id, 0, 10000, 1);

    /* Ids are one domain's own, and have a generation. */
    CHECK_EQ(seg_read(1, id, 0, 1, buf), -ENOENT);
    CHECK_EQ(seg_read(0, id + 1, 0, 1, buf), -ENOENT);
    CHECK_EQ(seg_read(0, id ^ 0x10000, 0, 1, buf), -ENOENT);
    CHECK_EQ(seg_read(0, 0, 0, 1, buf), -ENOENT);
    CHECK_EQ(seg_read(0, ~0u, 0, 1, buf), -ENOENT);
    CHECK_EQ(seg_free(0, id), 0);
    CHECK_EQ(seg_free(0, id), -ENOENT);
    CHECK_EQ(seg_create(0, 1, 0, &i), 0);
    CHECK(i != id);

    CHECK_EQ(segment_op(doms[0], &batch), -EINVAL);
    batch.nr = 4097;
    CHECK_EQ(segment_op(doms[0], &batch), -EINVAL);
    batch.nr = 1;
    CHECK_EQ(segment_op(doms[0], &batch), -EFAULT);
    batch.done = 2;
    CHECK_EQ(segment_op(doms[0], &batch), -EINVAL);
    batch.done = 0;
    hd_of(0)->nr_ports = 0;
    CHECK_EQ(segment_op(doms[0], &batch), -ENOENT);
    store_end();
}

TEST(a_segment_grows_at_both_ends)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    unsigned int i, k, len = 0;
    uint64_t bytes;
    uint32_t id, levels;
    uint16_t flags;

    dom_create(0);
    for ( k = 0; k < ARRAY_SIZE(kinds); k++ )
    {
        static uint8_t model[400000];
        uint8_t *begin = model + sizeof(model) / 2;

        CHECK_EQ(seg_create(0, 0, kinds[k], &id), 0);
        for ( i = 0, len = 0; i < 120; i++ )
        {
            unsigned int n = 1 + test_random() % (i % 10 ? 700 : 9000);

            fill(buf, n, i);
            if ( i % 3 == 1 )
            {
                CHECK_EQ(seg_prepend(0, id, n, buf), 0);
                begin -= n;
                memcpy(begin, buf, n);
            }
            else
            {
                CHECK_EQ(seg_append(0, id, n, buf), 0);
                memcpy(begin + len, buf, n);
            }
            len += n;
            CHECK_EQ(seg_read(0, id, 0, len, buf), 0);
            CHECK(!memcmp(buf, begin, len));
        }
        CHECK_EQ(seg_info(0, id, &bytes, &flags, &levels), 0);
        CHECK_EQ(bytes, len);
        CHECK_EQ(flags, kinds[k]);
        store_check();
        CHECK_EQ(seg_free(0, id), 0);
    }

    /* A megabyte before one byte. */
    CHECK_EQ(seg_create(0, 1, 0, &id), 0);
    fill(buf, sizeof(buf), 5);
    CHECK_EQ(seg_prepend(0, id, sizeof(buf), buf), 0);
    expect(0, id, 0, sizeof(buf), 5);
    CHECK_EQ(seg_write(0, id, sizeof(buf), 1, "x"), 0);
    CHECK_EQ(seg_prepend(0, id, 1, "y"), 0);
    expect(0, id, 1, sizeof(buf), 5);

    /* No further than a segment may be long. */
    CHECK_EQ(seg_create(0, HICAMP_SEG_BYTES_MAX - 1, 0, &id), 0);
    CHECK_EQ(seg_append(0, id, 2, "xy"), -E2BIG);
    CHECK_EQ(seg_prepend(0, id, 2, "xy"), -E2BIG);
    CHECK_EQ(seg_prepend(0, id, 1, "z"), 0);
    CHECK_EQ(seg_append(0, id, 1, "x"), -E2BIG);
    CHECK_EQ(seg_write(0, id, HICAMP_SEG_BYTES_MAX - 1, 1, "e"), 0);
    CHECK_EQ(seg_read(0, id, HICAMP_SEG_BYTES_MAX - 1, 1, buf), 0);
    CHECK_EQ(buf[0], 'e');
    CHECK_EQ(seg_read(0, id, 0, 2, buf), 0);
    CHECK(buf[0] == 'z' && !buf[1]);
    store_end();
}

TEST(a_prepend_that_fits_the_room_touches_one_line_and_its_path)
{
    unsigned int before;
    uint32_t id, snap;

    dom_create(0);
    id = filled(0, 1000000, 0, 1);
    CHECK_EQ(seg_prepend(0, id, 20, "01234567890123456789"), 0);
    CHECK_EQ(seg_snapshot(0, id, 0, &snap), 0);
    before = lines_used();
    CHECK_EQ(seg_prepend(0, id, 14, "01234567890123"), 0);
    CHECK_EQ(lines_used() - before, 4);
    expect(0, id, 34, 1000000, 1);
    store_end();
}

/* ---- Snapshots and sharing ----------------------------------------------- */

TEST(a_snapshot_keeps_reading_what_it_read)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    uint32_t id, snap, snap2;
    unsigned int k, i;

    dom_create(0);
    for ( k = 0; k < ARRAY_SIZE(kinds); k++ )
    {
        id = filled(0, 100000, kinds[k], 1);
        CHECK_EQ(seg_snapshot(0, id, 0, &snap), 0);
        CHECK_EQ(seg_compare(0, id, snap), 1);
        fill(buf, 3000, 2);
        CHECK_EQ(seg_write(0, id, 50000, 3000, buf), 0);
        CHECK_EQ(seg_compare(0, id, snap), 0);
        CHECK_EQ(seg_append(0, id, 3000, buf), 0);
        CHECK_EQ(seg_prepend(0, id, 3000, buf), 0);
        expect(0, snap, 0, 100000, 1);
        CHECK_EQ(seg_free(0, id), 0);
        expect(0, snap, 0, 100000, 1);

        CHECK_EQ(seg_snapshot(0, snap, HICAMP_SEG_READ_ONLY, &id), 0);
        CHECK_EQ(seg_write(0, id, 0, 1, buf), -EACCES);
        CHECK_EQ(seg_append(0, id, 1, buf), -EACCES);
        CHECK_EQ(seg_prepend(0, id, 1, buf), -EACCES);
        CHECK_EQ(seg_snapshot(0, id, 0, &snap2), 0);
        CHECK_EQ(seg_write(0, snap2, 0, 1, buf), -EACCES);
        for ( i = 0; i < 100; i++ )
        {
            fill(buf, 700, i);
            CHECK_EQ(seg_write(0, snap, i * 990, 700, buf), 0);
        }
        expect(0, id, 0, 100000, 1);
        expect(0, snap2, 0, 100000, 1);
        store_check();
    }
    store_end();
}

TEST(a_write_into_a_gibibyte_touches_only_the_path)
{
    uint32_t id, snap;
    unsigned int i, n;

    dom_create(0);
    CHECK_EQ(seg_create(0, 1u << 30, 0, &id), 0);
    fill(buf, sizeof(buf), 1);
    for ( i = 0; i < 4; i++ )
        CHECK_EQ(seg_write(0, id, (uint64_t)i << 28, sizeof(buf) / 2, buf), 0);
    CHECK_EQ(seg_snapshot(0, id, 0, &snap), 0);

    /* log64(2^21 lines): four inner lines, and the one that is written. */
    n = lines_used();
    CHECK_EQ(seg_write(0, id, (3u << 28) + 100 * LINE_BYTES, LINE_BYTES, buf),
             0);
    CHECK_EQ(lines_used() - n, 5);
    /* Its own from now on: no line more. */
    CHECK_EQ(seg_write(0, id, (3u << 28) + 100 * LINE_BYTES, LINE_BYTES,
                       buf + 1), 0);
    CHECK_EQ(lines_used() - n, 5);
    store_end();
}

TEST(who_holds_a_root_is_not_disturbed)
{
    static uint8_t got[100000];
    struct segment_cursor c;
    const void *data;
    unsigned int len, n = 0;
    uint64_t at;
    uint32_t id;
    plid_t root;

    dom_create(0);
    id = filled(0, sizeof(got), 0, 1);
    CHECK_EQ(segment_hold(hd_of(0), id, sizeof(got), 1, &root, &at), -EINVAL);
    CHECK_EQ(segment_hold(hd_of(0), id, 5, sizeof(got), &root, &at), -EINVAL);
    CHECK_EQ(segment_hold(hd_of(0), id, 5, 0, &root, &at), -EINVAL);
    CHECK_EQ(segment_hold(hd_of(0), id + 1, 5, 1, &root, &at), -ENOENT);
    CHECK_EQ(segment_hold(hd_of(0), id, 5, sizeof(got) - 5, &root, &at), 0);

    fill(buf, 2000, 2);
    CHECK_EQ(seg_write(0, id, 100, 2000, buf), 0);
    store_check_with(&root, 1);
    CHECK_EQ(seg_free(0, id), 0);

    segment_cursor_init(&c, root, at, sizeof(got) - 5);
    while ( (len = segment_next(&c, &data)) != 0 )
    {
        memcpy(got + n, data, len);
        n += len;
    }
    segment_cursor_done(&c);
    CHECK_EQ(n, sizeof(got) - 5);
    fill(buf, sizeof(got), 1);
    CHECK(!memcmp(got, buf + 5, n));
    segment_release(hd_of(0), root);
    store_end();
}

TEST(a_saturated_root_is_refused_and_nothing_changes)
{
    struct line_meta *m;
    uint64_t at;
    uint32_t id, other;
    plid_t root;
    int refs;

    dom_create(0);
    id = filled(0, 5000, 0, 1);
    m = line_meta(seg_root(0, id));
    refs = atomic_read(&m->refs);
    atomic_set(&m->refs, 1 << 30);
    CHECK_EQ(segment_hold(hd_of(0), id, 0, 1, &root, &at), -EBUSY);
    CHECK_EQ(seg_snapshot(0, id, 0, &other), -EBUSY);
    atomic_set(&m->refs, refs);
    expect(0, id, 0, 5000, 1);
    store_end();
}

/* ---- Comparing ----------------------------------------------------------- */

TEST(compare_tells_equal_bytes_however_they_came_about)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    uint32_t ids[9];
    unsigned int k, i, j;

    dom_create(0);
    for ( k = 0; k < 3; k++ )
    {
        /* At once, by appending, by prepending. */
        ids[3 * k] = filled(0, 60000, kinds[k], 1);
        CHECK_EQ(seg_create(0, 0, kinds[k], &ids[3 * k + 1]), 0);
        CHECK_EQ(seg_create(0, 0, kinds[k], &ids[3 * k + 2]), 0);
        for ( i = 0; i < 60; i++ )
        {
            CHECK_EQ(seg_append(0, ids[3 * k + 1], 1000, buf + 1000 * i), 0);
            CHECK_EQ(seg_prepend(0, ids[3 * k + 2], 1000,
                                 buf + 59000 - 1000 * i), 0);
        }
    }
    for ( i = 0; i < 9; i++ )
        for ( j = 0; j < 9; j++ )
            CHECK_EQ(seg_compare(0, ids[i], ids[j]), 1);
    CHECK_EQ(seg_write(0, ids[4], 59999, 1, "?"), 0);
    for ( i = 0; i < 9; i++ )
        CHECK_EQ(seg_compare(0, ids[i], ids[4]), i == 4);
    CHECK_EQ(seg_create(0, 59999, 0, &ids[0]), 0);
    CHECK_EQ(seg_compare(0, ids[0], ids[1]), 0);
    store_end();
}

TEST(compare_skips_what_is_shared_and_can_be_preempted)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_COMPARE };
    struct hicamp_segment_batch batch = { (uintptr_t)&op, 1, 0 };
    unsigned int n = 0;
    uint32_t a, b;
    int rc;

    dom_create(0);
    CHECK_EQ(seg_create(0, HICAMP_SEG_BYTES_MAX, 0, &a), 0);
    fill(buf, sizeof(buf), 1);
    CHECK_EQ(seg_write(0, a, 1ull << 35, sizeof(buf), buf), 0);
    CHECK_EQ(seg_snapshot(0, a, 0, &b), 0);
    CHECK_EQ(seg_write(0, b, 1ull << 34, 1, "x"), 0);
    CHECK_EQ(seg_compare(0, a, b), 0);
    CHECK_EQ(seg_write(0, b, 1ull << 34, 1, "\0"), 0);
    CHECK_EQ(seg_compare(0, a, b), 1);

    /* Nothing is shared: leaf by leaf. */
    CHECK_EQ(seg_create(0, HICAMP_SEG_BYTES_MAX, 0, &b), 0);
    CHECK_EQ(seg_write(0, b, 1ull << 35, sizeof(buf), buf), 0);
    op.segment = a;
    op.other = b;
    emul_preempt_every = 1;
    while ( (rc = segment_op(doms[0], &batch)) == -ERESTART )
        n++;
    CHECK_EQ(rc, 0);
    CHECK_EQ(op.result, 1);
    CHECK(n > 20);
    emul_preempt_every = 0;
    store_end();
}

/* ---- Limits -------------------------------------------------------------- */

TEST(a_quota_is_the_most_that_a_domain_can_use)
{
    struct arena *a;
    unsigned int n, used;
    uint32_t id;
    int rc;

    dom_create(0);
    dom_create(1);
    a = hd_of(0)->arena;
    CHECK_EQ(seg_create(0, MB(4), 0, &id), 0);
    a->quota = 1000;
    fill(buf, sizeof(buf), 1);
    CHECK_EQ(seg_write(0, id, 0, sizeof(buf), buf), -ENOBUFS);
    used = arena_used(a);
    CHECK(used < 20);
    for ( n = 0; (rc = seg_append(0, id, 10000, buf)) == 0; n++ )
        ;
    CHECK_EQ(rc, -ENOBUFS);
    CHECK(n > 30 && n < 38);
    CHECK(arena_used(a) <= 750);
    CHECK(arena_used(a) > 720);
    CHECK(a->refused > 0);
    CHECK(a->peak <= 750);
    CHECK_EQ(seg_create(0, MB(4), MAPPABLE, &id), 0);
    CHECK_EQ(seg_append(0, id, 100000, buf), -ENOBUFS);

    /* Others have theirs. */
    id = filled(1, sizeof(buf), 0, 1);
    expect(1, id, 0, sizeof(buf), 1);
    CHECK_EQ(hd_of(1)->arena->refused, 0);
    store_end();
}

TEST(without_room_for_data_there_is_room_for_snapshots)
{
    struct arena *a;
    uint32_t id, other;
    unsigned int n = 0, map;

    dom_create(0);
    a = hd_of(0)->arena;
    a->quota = 1000;
    CHECK_EQ(seg_create(0, MB(1), 0, &id), 0);
    fill(buf, LINE_BYTES, 1);
    while ( !seg_write(0, id, n * LINE_BYTES, LINE_BYTES, buf) )
        n++;
    CHECK(arena_used(a) > 1000 * 3 / 4 - 4);

    /* The map grows for them, twice. */
    map = segment_map_lines(hd_of(0));
    while ( segment_map_lines(hd_of(0)) < map + 2 * PAGE_LINES )
        CHECK_EQ(seg_snapshot(0, id, 0, &other), 0);
    CHECK_EQ(seg_write(0, id, 0, LINE_BYTES, buf), -ENOBUFS);
    store_end();
}

TEST(a_domain_may_have_so_many_segments_and_no_more)
{
    static uint32_t ids[HICAMP_SEGMENTS_MAX];
    unsigned int i;
    uint32_t id;

    dom_create(0);
    for ( i = 0; i < HICAMP_SEGMENTS_MAX; i++ )
        CHECK_EQ(seg_create(0, 1, 0, &ids[i]), 0);
    CHECK_EQ(seg_create(0, 1, 0, &id), -ENOSPC);
    CHECK_EQ(seg_snapshot(0, ids[5], 0, &id), -ENOSPC);
    CHECK_EQ(hd_of(0)->nr_segments, HICAMP_SEGMENTS_MAX);
    CHECK_EQ(seg_free(0, ids[77]), 0);
    CHECK_EQ(seg_snapshot(0, ids[5], 0, &id), 0);
    CHECK_EQ(id & 0xffff, ids[77] & 0xffff);
    CHECK(id != ids[77]);
    store_end();
}

/* ---- Things go wrong ----------------------------------------------------- */

/* Some of everything; returns the first error. */
static int exercise(bool check)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    uint64_t frames[3];
    uint32_t id, snap;
    unsigned int k;
    int rc = 0;

    for ( k = 0; k < 3 && !rc; k++ )
    {
        fill(buf, 50000, k);
        memset(buf2, 0, 50000);
        rc = seg_create(0, 40000, kinds[k], &id);
        if ( rc )
            break;
        if ( (rc = seg_write(0, id, 100, 30000, buf)) == 0 )
            memcpy(buf2 + 10000 + 100, buf, 30000);
        if ( !rc && (rc = seg_snapshot(0, id, 0, &snap)) == 0 )
        {
            if ( (rc = seg_prepend(0, id, 10000, buf)) == 0 )
                memcpy(buf2, buf, 10000);
            if ( !rc && (rc = seg_write(0, id, 10000, 9000, buf)) == 0 )
                memcpy(buf2 + 10000, buf, 9000);
            if ( !rc && k == 2 )
                rc = seg_map(0, snap, 0, 3 * PAGE_SIZE, frames);
            CHECK_EQ(seg_free(0, snap), 0);
        }
        if ( check )
            store_check();
        {
            /* Whatever failed has changed nothing. */
            static uint8_t got[60000];
            uint64_t bytes;
            uint16_t flags;
            uint32_t levels;
            unsigned int skip;

            CHECK_EQ(seg_info(0, id, &bytes, &flags, &levels), 0);
            skip = bytes == 50000 ? 0 : 10000;
            CHECK_EQ(bytes, 50000 - skip);
            CHECK_EQ(seg_read(0, id, 0, bytes, got), 0);
            CHECK(!memcmp(got, buf2 + skip, bytes));
        }
        CHECK_EQ(seg_free(0, id), 0);
    }

    return rc;
}

/* As a run that succeeds: no line, no allocation that the store keeps. */
static void prime(void)
{
    dom_create(0);
    CHECK_EQ(exercise(true), 0);
    dom_kill(0);
    emul_keep();
}

TEST(whichever_allocation_fails_nothing_changes)
{
    unsigned int nth, failed = 0, n;

    prime();
    for ( nth = 1; ; nth++ )
    {
        dom_create(0);
        emul_fail_alloc(nth);
        /* The walk allocates too; it is not under test. */
        if ( exercise(false) )
            failed++;
        n = emul_allocs();
        emul_fail_alloc(0);
        store_end();
        if ( nth > n )
            break;
    }
    CHECK(failed > 10);
}

TEST(whichever_line_is_refused_nothing_changes)
{
    unsigned int quota, failed = 0;

    prime();
    for ( quota = 1; ; quota += 1 + test_random() % 5 )
    {
        int rc;

        dom_create(0);
        hd_of(0)->arena->quota = quota;
        rc = exercise(true);
        CHECK(!rc || rc == -ENOBUFS || rc == -ENOMEM);
        store_end();
        failed += !!rc;
        if ( !rc )
            break;
    }
    CHECK(failed > 20);
}

TEST(a_fault_in_any_copy_changes_nothing)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    static uint8_t got[300000];
    unsigned int nth, k, c;
    uint32_t id;

    dom_create(0);
    for ( k = 0; k < 3; k++ )
    {
        for ( c = HICAMP_SEG_WRITE; c <= HICAMP_SEG_PREPEND; c++ )
        {
            id = filled(0, 200000, kinds[k], 1);
            for ( nth = 1; nth < 100; nth += 7 )
            {
                unsigned int used = arena_used(hd_of(0)->arena);
                int rc;

                fill(buf, 100100, nth);
                emul_fail_copy(nth);
                rc = seg_io(0, c, id, c == HICAMP_SEG_WRITE ? 777 : 0, 100100,
                            buf);
                emul_fail_copy(0);
                if ( !rc )
                    break;
                CHECK_EQ(rc, -EFAULT);
                if ( !kinds[k] )
                    CHECK_EQ(arena_used(hd_of(0)->arena), used);
                CHECK_EQ(seg_read(0, id, 0, 200000, got), 0);
                fill(buf, 200000, 1);
                CHECK(!memcmp(got, buf, 200000));
                store_check();
                if ( nth == 1 )
                    nth++; /* the operation itself, now its data */
            }
            CHECK_EQ(seg_free(0, id), 0);
        }
    }

    /* Nobody learns of a segment: it is gone again. */
    emul_fail_copy(2);
    CHECK_EQ(seg_create(0, 1, 0, &id), -EFAULT);
    emul_fail_copy(0);
    CHECK_EQ(hd_of(0)->nr_segments, 0);
    id = filled(0, 1000, 0, 1);
    emul_fail_copy(2);
    CHECK_EQ(seg_snapshot(0, id, 0, &id), -EFAULT);
    emul_fail_copy(0);
    CHECK_EQ(hd_of(0)->nr_segments, 1);
    store_end();
}

TEST(a_batch_ends_with_its_first_error_and_tells_where)
{
    struct hicamp_segment_op ops[] = {
        { HICAMP_SEG_CREATE, .bytes = 100 },
        { HICAMP_SEG_CREATE, .bytes = 200 },
        { HICAMP_SEG_READ, .segment = 1, .bytes = 1, A },
        { HICAMP_SEG_CREATE, .bytes = 300 },
    };
    struct hicamp_segment_batch batch = { (uintptr_t)ops, 4, 0 };

    dom_create(0);
    CHECK_EQ(segment_op(doms[0], &batch), -ENOENT);
    CHECK_EQ(batch.done, 2);
    CHECK(ops[1].segment);
    CHECK(!ops[3].segment);
    ops[2].segment = ops[1].segment;
    CHECK_EQ(segment_op(doms[0], &batch), 0);
    CHECK_EQ(batch.done, 4);
    store_end();
}

TEST(taking_apart_a_large_segment_is_preempted_and_goes_on)
{
    struct hicamp_segment_op ops[2] = { { .command = HICAMP_SEG_FREE },
                                        { HICAMP_SEG_CREATE, .bytes = 1 } };
    struct hicamp_segment_batch batch = { (uintptr_t)ops, 2, 0 };
    unsigned int i, n = 0;
    int rc;

    dom_create(0);
    CHECK_EQ(seg_create(0, GB(4), 0, &ops[0].segment), 0);
    for ( i = 0; i < 2048; i++ )
        CHECK_EQ(seg_write(0, ops[0].segment, (uint64_t)i << 21, 1, "x"), 0);
    CHECK(lines_used() > 4096);
    emul_preempt_every = 1;
    while ( (rc = segment_op(doms[0], &batch)) == -ERESTART )
        n++;
    CHECK_EQ(rc, 0);
    CHECK(n > 30);
    CHECK(lines_used() < 50);
    emul_preempt_every = 0;
    store_end();
}

TEST(death_is_preempted_and_goes_on)
{
    static const uint16_t kinds[] = { 0, INTERNED, MAPPABLE };
    unsigned int i;

    dom_create(0);
    for ( i = 0; i < 200; i++ )
        filled(0, 10000, kinds[i % 3], i);
    emul_preempt_every = 1;
    CHECK(dom_kill(0) > 10);
    emul_preempt_every = 0;
    CHECK_EQ(lines_used(), 0);
    store_end();
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
