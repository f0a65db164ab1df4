/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * bench-store.c
 *
 * Cycles per operation on lines and segments, optimised as Xen is, but for SSE
 * moves: median and best of many rounds, each of which repeats the operation
 * often enough for the clock.  Locks cost what Xen's do when nobody waits for
 * them (EMUL_BENCH).
 */

#include "bench.h"
#include "store.h"

#define ROUNDS          201
#define REPEAT          256
#define AHEAD           4       /* lines */

static uint64_t samples[ROUNDS];

static void report(const char *what, unsigned int rounds, unsigned int nr)
{
    bench_report(what, samples, rounds, nr);
}

static void bench_lines(void)
{
    struct arena *a = arena_get(0);
    static plid_t plids[32];
    unsigned int i, j, r;

    for ( r = 0; r < ROUNDS; r++ )
    {
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i++ )
            line_put(line_alloc(a, LINE_RX));
        samples[r] = __rdtsc() - samples[r];
    }
    report("line: allocate and free", ROUNDS, REPEAT);

    /* Within a cache's batch: from the local cache, but not the same line. */
    for ( r = 0; r < ROUNDS; r++ )
    {
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT / 16; i++ )
        {
            for ( j = 0; j < 16; j++ )
                plids[j] = line_alloc(a, LINE_RX);
            for ( j = 0; j < 16; j++ )
                line_put(plids[j]);
        }
        samples[r] = __rdtsc() - samples[r];
    }
    report("line: allocate and free, 16 at a time", ROUNDS, REPEAT);

    arena_put(a, false);
}

static void bench_snapshot(const char *size, uint64_t bytes)
{
    static plid_t roots[REPEAT];
    struct hicamp_segment_op ops[64];
    struct hicamp_segment_batch batch;
    unsigned int i, r;
    uint64_t at;
    char what[64];
    uint32_t id;

    CHECK_EQ(seg_create(0, bytes, 0, &id), 0);
    fill(buf, sizeof(buf), 1);
    for ( at = 0; at < bytes; at += sizeof(buf) )
        CHECK_EQ(seg_write(0, id, at, min(bytes - at, sizeof(buf) + 0ul), buf),
                 0);

    for ( r = 0; r < ROUNDS; r++ )
    {
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i++ )
            segment_hold(hd_of(0), id, 0, 512, &roots[i], &at);
        samples[r] = __rdtsc() - samples[r];
        while ( i-- )
            segment_release(hd_of(0), roots[i]);
    }
    snprintf(what, sizeof(what), "snapshot of %s for a packet", size);
    report(what, ROUNDS, REPEAT);

    for ( r = 0; r < ROUNDS; r++ )
    {
        memset(ops, 0, sizeof(ops));
        for ( i = 0; i < 64; i++ )
        {
            ops[i].command = HICAMP_SEG_SNAPSHOT;
            ops[i].segment = id;
        }
        batch = (struct hicamp_segment_batch){ (uintptr_t)ops, 64, 0 };
        samples[r] = __rdtsc();
        CHECK_EQ(segment_op(doms[0], &batch), 0);
        samples[r] = __rdtsc() - samples[r];
        for ( i = 0; i < 64; i++ )
            CHECK_EQ(seg_free(0, ops[i].other), 0);
    }
    snprintf(what, sizeof(what), "snapshot of %s, operation in a batch", size);
    report(what, ROUNDS, 64);
    CHECK_EQ(seg_free(0, id), 0);
}

static void bench_write(void)
{
    unsigned int i, r, before, lines;
    uint32_t id, snap;
    uint64_t at;

    CHECK_EQ(seg_create(0, GB(1), 0, &id), 0);
    for ( at = 0; at < GB(1); at += sizeof(buf) )
        CHECK_EQ(seg_write(0, id, at, sizeof(buf), buf), 0);

    CHECK_EQ(seg_snapshot(0, id, 0, &snap), 0);
    before = lines_used();
    CHECK_EQ(seg_write(0, id, GB(1) / 2, LINE_BYTES, buf), 0);
    lines = lines_used() - before;
    CHECK_EQ(seg_free(0, snap), 0);
    printf("%8u           lines that a write of one into 1 GiB makes, "
           "after a snapshot\n", lines);

    for ( r = 0; r < ROUNDS; r++ )
    {
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i++ )
            seg_write(0, id, test_random() % (GB(1) / LINE_BYTES) * LINE_BYTES,
                      LINE_BYTES, buf);
        samples[r] = __rdtsc() - samples[r];
    }
    report("write of one line into 1 GiB, anywhere", ROUNDS, REPEAT);

    for ( r = 0; r < ROUNDS; r++ )
    {
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i++ )
            seg_write(0, id, GB(1) / 2 + i * LINE_BYTES, LINE_BYTES, buf);
        samples[r] = __rdtsc() - samples[r];
    }
    report("write of one line into 1 GiB, one after the other", ROUNDS,
           REPEAT);
    CHECK_EQ(seg_free(0, id), 0);

    for ( r = 0; r < ROUNDS; r++ )
    {
        CHECK_EQ(seg_create(0, 0, 0, &id), 0);
        samples[r] = __rdtsc();
        CHECK_EQ(seg_append(0, id, sizeof(buf), buf), 0);
        samples[r] = __rdtsc() - samples[r];
        CHECK_EQ(seg_free(0, id), 0);
    }
    report("append of 1 MiB, per line", ROUNDS, sizeof(buf) / LINE_BYTES);
}

/* Bytes of line n. */
static void line_fill(plid_t plid, unsigned int n)
{
    uint64_t *w = line_data(plid);
    unsigned int i;

    for ( i = 0; i < LINE_BYTES / 8; i++ )
        w[i] = (n + 1) * 0x9e3779b97f4a7c15ull + i;
    line_meta(plid)->shift = TREE_LEAF_SHIFT;
}

/*
 * What memory alone takes of a hit: the bytes of lines anywhere among them are
 * read, fetched AHEAD, and nothing else is done.
 */
static void bench_read(const char *among, const plid_t *all,
                       unsigned int lines)
{
    static const uint64_t *at[REPEAT + AHEAD];
    unsigned int i, j, r;
    uint64_t sum = 0;
    char what[64];

    for ( r = 0; r < ROUNDS; r++ )
    {
        for ( i = 0; i < ARRAY_SIZE(at); i++ )
            at[i] = line_data(all[test_random() % lines]);
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i++ )
        {
            for ( j = 0; j < LINE_BYTES / 8; j += 8 )
                prefetch(at[i + AHEAD] + j);
            for ( j = 0; j < LINE_BYTES / 8; j++ )
                sum += at[i][j];
        }
        samples[r] = __rdtsc() - samples[r];
    }
    snprintf(what, sizeof(what), "read 512 B anywhere among %s lines%s", among,
             sum ? "" : "!");
    report(what, ROUNDS, REPEAT);
}

static void bench_intern(const char *among, unsigned int lines)
{
    struct arena *a = arena_get(0);
    unsigned int i, r, n, found = 0, hits;
    plid_t *all = malloc(lines * sizeof(*all)), plids[REPEAT], freed;
    char what[64];

    CHECK(all);
    CHECK_EQ(intern_enable(a), 0);
    for ( n = 0; n < lines; n++ )
    {
        all[n] = line_alloc(a, LINE_RX);
        CHECK(all[n] != PLID_NONE);
        line_fill(all[n], n);
        freed = PLID_NONE;
        intern_lines(a, &all[n], 1, &freed);
        CHECK_EQ(freed, PLID_NONE);
    }

    for ( r = 0; r < ROUNDS; r++ )
    {
        for ( i = 0; i < REPEAT; i++ )
        {
            plids[i] = line_alloc(a, LINE_RX);
            line_fill(plids[i], test_random() % lines);
        }
        freed = PLID_NONE;
        hits = a->intern.hits;
        samples[r] = __rdtsc();
        for ( i = 0; i < REPEAT; i += 64 )
            intern_lines(a, plids + i, 64, &freed);
        samples[r] = __rdtsc() - samples[r];
        found += a->intern.hits - hits;
        for ( i = 0; i < REPEAT; i++ )
            intern_put(plids[i]);
        while ( freed != PLID_NONE )
        {
            plid_t next = line_meta(freed)->link;

            line_free(freed);
            freed = next;
        }
    }
    snprintf(what, sizeof(what), "intern 512 B that are among %s lines",
             among);
    report(what, ROUNDS, REPEAT);
    printf("%7.1f%%           of them were found\n",
           100.0 * found / (ROUNDS * REPEAT));
    bench_read(among, all, lines);

    for ( n = 0; n < lines; n++ )
        intern_put(all[n]);
    while ( tree_reclaim(a, 1024, false) )
        ;
    free(all);
    arena_put(a, false);
}

int main(void)
{
    printf("  median     best  cycles per operation\n");
    arena_default_quota(UINT_MAX / 2);
    CHECK_EQ(line_store_init(GB(2)), 0);
    dom_create(0);

    bench_lines();
    bench_snapshot("512 B", 512);
    bench_snapshot("64 KiB", 65536);
    bench_snapshot("1 MiB", MB(1));
    bench_snapshot("32 MiB", MB(32));
    bench_snapshot("1 GiB", GB(1));
    bench_write();
    bench_intern("2^20", 1u << 20);
    bench_intern("2^10", 1u << 10);
    dom_kill(0);

    return 0;
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
