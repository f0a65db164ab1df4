/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-line.c
 *
 * The line store: every line is free or owned, never both, on all CPUs.
 */

#include "test.h"
#include "line.h"

#define CHUNK           512                 /* lines that come at a time */
#define CHUNK_BYTES     (CHUNK * LINE_BYTES)
#define LINES_MAX       (4 * CHUNK)
#define CACHE           64                  /* lines that a CPU may keep */

static plid_t plids[LINES_MAX];

/* Each test sizes the store itself. */
void test_setup(void)
{
}

static void store(unsigned int nr_chunks)
{
    CHECK_EQ(line_store_init(nr_chunks * CHUNK_BYTES), 0);
}

static uint64_t used(void)
{
    struct line_use u;

    line_store_use(&u);

    return u.used;
}

/* No line is owned; the memory of the store stays in it. */
static void store_idle(void)
{
    CHECK_EQ(used(), 0);
    emul_keep();
}

static unsigned int alloc_all(void)
{
    unsigned int n = 0;

    while ( n < LINES_MAX &&
            (plids[n] = line_alloc(NULL, LINE_RX)) != PLID_NONE )
        n++;

    return n;
}

static void free_all(unsigned int n)
{
    while ( n )
        line_put(plids[--n]);
}

TEST(a_store_of_less_than_a_chunk_is_refused)
{
    unsigned int nth;

    CHECK_EQ(line_store_init(0), -EINVAL);
    CHECK_EQ(line_store_init(CHUNK_BYTES - 1), -EINVAL);
    for ( nth = 1; nth <= 2; nth++ )
    {
        emul_fail_alloc(nth);
        CHECK_EQ(line_store_init(CHUNK_BYTES), -ENOMEM);
    }
    store(1);
    emul_keep();
}

TEST(lines_are_distinct_up_to_the_cap_and_not_beyond)
{
    struct line_use u;
    unsigned int n, i;

    store(2);
    n = alloc_all();
    CHECK_EQ(n, 2 * CHUNK);
    CHECK_EQ(line_alloc(NULL, LINE_RX), PLID_NONE);

    for ( i = 0; i < n; i++ )
    {
        CHECK(!((uintptr_t)line_data(plids[i]) % LINE_BYTES));
        memset(line_data(plids[i]), i, LINE_BYTES);
        memcpy(line_data(plids[i]), &i, sizeof(i));
    }
    for ( i = 0; i < n; i++ )
    {
        const uint8_t *data = line_data(plids[i]);

        CHECK(!memcmp(data, &i, sizeof(i)));
        CHECK_EQ(data[sizeof(i)], (uint8_t)i);
        CHECK_EQ(data[LINE_BYTES - 1], (uint8_t)i);
        CHECK_EQ(line_meta(plids[i])->link, PLID_NONE);
    }

    line_store_use(&u);
    CHECK_EQ(u.max, n);
    CHECK_EQ(u.total, n);
    CHECK_EQ(u.used, n);
    free_all(n);
    store_idle();
}

TEST(a_freed_line_can_be_had_again)
{
    unsigned int i, n;

    store(1);
    for ( i = 0; i < 10; i++ )
    {
        n = alloc_all();
        CHECK_EQ(n, CHUNK);
        free_all(n);
        CHECK_EQ(used(), 0);
    }
    n = alloc_all();
    for ( i = 0; i < 1000; i++ )
    {
        line_put(plids[i % n]);
        CHECK_EQ(used(), n - 1);
        plids[i % n] = line_alloc(NULL, LINE_RX);
        CHECK(plids[i % n] != PLID_NONE);
    }
    free_all(n);
    store_idle();
}

TEST(only_the_last_reference_frees)
{
    plid_t plid;

    store(1);
    plid = line_alloc(NULL, LINE_RX);
    CHECK(line_get(plid));
    CHECK(line_get(plid));
    line_put(plid);
    CHECK(!line_put_test(plid));
    CHECK_EQ(used(), 1);
    CHECK(line_put_test(plid));
    CHECK_EQ(used(), 1);
    line_free(plid);
    store_idle();
}

TEST(a_reference_count_saturates_instead_of_wrapping)
{
    const int max = 1 << 30;
    plid_t plid;

    store(1);
    plid = line_alloc(NULL, LINE_RX);
    atomic_set(&line_meta(plid)->refs, max - 1);
    CHECK(line_get(plid));
    CHECK(!line_get(plid));
    CHECK(!line_get(plid));
    CHECK_EQ(atomic_read(&line_meta(plid)->refs), max);
    line_put(plid);
    CHECK(line_get(plid));
    atomic_set(&line_meta(plid)->refs, 1);
    line_put(plid);
    store_idle();
}

TEST(without_memory_there_is_no_line_and_nothing_lost)
{
    unsigned int nth;

    store(1);
    emul_keep();
    for ( nth = 1; nth <= 2; nth++ )
    {
        emul_fail_alloc(nth);
        CHECK_EQ(line_alloc(NULL, LINE_RX), PLID_NONE);
        CHECK_EQ(used(), 0);
    }
    emul_fail_alloc(0);
    CHECK_EQ(alloc_all(), CHUNK);
    free_all(CHUNK);
    store_idle();
}

TEST(what_there_is_serves_while_memory_lacks)
{
    unsigned int n;

    store(2);
    plids[0] = line_alloc(NULL, LINE_RX);
    for ( n = 1; n < CHUNK; n++ )
    {
        /* Asked for only when nothing is free. */
        emul_fail_alloc(1);
        plids[n] = line_alloc(NULL, LINE_RX);
        CHECK(plids[n] != PLID_NONE);
    }
    CHECK_EQ(line_alloc(NULL, LINE_RX), PLID_NONE);
    plids[n] = line_alloc(NULL, LINE_RX);
    CHECK(plids[n] != PLID_NONE);
    free_all(n + 1);
    store_idle();
}

static void free_half(void *arg, unsigned int cpu)
{
    unsigned int i;

    for ( i = cpu; i < CHUNK; i += 2 )
        line_put(plids[i]);
}

TEST(a_cpu_keeps_few_of_the_lines_that_it_frees)
{
    unsigned int n;

    store(1);
    CHECK_EQ(alloc_all(), CHUNK);
    emul_run(2, free_half, NULL);
    CHECK_EQ(used(), 0);

    /* All but what CPU 1 has kept. */
    n = alloc_all();
    CHECK(n >= CHUNK - CACHE);
    CHECK(n < CHUNK);
    CHECK_EQ(used(), n);
    free_all(n);
    store_idle();
}

/* ---- Several CPUs -------------------------------------------------------- */

#define CPUS            4
#define PLACES          64

static plid_t places[PLACES];   /* a line that anybody may take, or none */

/* Lines wander between CPUs; their bytes say who filled them last. */
static void wander(void *arg, unsigned int cpu)
{
    unsigned int i;

    for ( i = 0; i < 20000; i++ )
    {
        plid_t *place = &places[test_random() % PLACES];
        plid_t plid = test_random() % 2 ? line_alloc(NULL, LINE_RX) : PLID_NONE;

        if ( plid != PLID_NONE )
            memset(line_data(plid), cpu + 1, LINE_BYTES);

        plid = xchg(place, plid);
        if ( plid != PLID_NONE )
        {
            const uint8_t *data = line_data(plid);

            CHECK(data[0] >= 1 && data[0] <= CPUS);
            CHECK_EQ(data[0], data[LINE_BYTES - 1]);
            line_put(plid);
        }

        if ( !(i % 1000) )
            CHECK(used() <= CHUNK);
    }
}

TEST(lines_may_be_freed_on_any_cpu)
{
    unsigned int i;

    store(1);
    emul_run(CPUS, wander, NULL);
    for ( i = 0; i < PLACES; i++ )
        if ( places[i] != PLID_NONE )
            line_put(places[i]);
    store_idle();
}

static plid_t shared[PLACES];
static uint32_t freed[PLACES];

/* The creator's reference goes last or not: whoever is last frees, once. */
static void share(void *arg, unsigned int cpu)
{
    unsigned int i, j;

    for ( i = 0; i < PLACES; i++ )
    {
        for ( j = 0; j < 50; j++ )
        {
            CHECK(line_get(shared[i]));
            CHECK(*(uint8_t *)line_data(shared[i]) == i);
            CHECK(!line_put_test(shared[i]));
        }
        if ( line_put_test(shared[i]) )
        {
            arch_fetch_and_add(&freed[i], 1u);
            line_free(shared[i]);
        }
    }
}

TEST(the_last_of_many_cpus_frees_once)
{
    unsigned int i, j;

    store(1);
    for ( i = 0; i < PLACES; i++ )
    {
        shared[i] = line_alloc(NULL, LINE_RX);
        memset(line_data(shared[i]), i, LINE_BYTES);
        for ( j = 1; j < CPUS; j++ )
            CHECK(line_get(shared[i]));
    }
    emul_run(CPUS, share, NULL);
    for ( i = 0; i < PLACES; i++ )
        CHECK_EQ(freed[i], 1);
    store_idle();
}

static plid_t taken[CPUS][LINES_MAX + 1];
static unsigned int nr_taken[CPUS];

static void take_all(void *arg, unsigned int cpu)
{
    unsigned int n = 0;

    while ( (taken[cpu][n] = line_alloc(NULL, LINE_RX)) != PLID_NONE )
        n++;
    nr_taken[cpu] = n;
}

TEST(cpus_that_grow_the_store_together_get_each_line_once)
{
    static bool seen[LINES_MAX + 1];
    unsigned int cpu, i, n = 0;

    store(4);
    emul_run(CPUS, take_all, NULL);
    for ( cpu = 0; cpu < CPUS; cpu++ )
        for ( i = 0; i < nr_taken[cpu]; i++, n++ )
        {
            CHECK(taken[cpu][i] <= LINES_MAX);
            CHECK(!seen[taken[cpu][i]]);
            seen[taken[cpu][i]] = true;
        }
    CHECK_EQ(n, LINES_MAX);
    CHECK_EQ(used(), LINES_MAX);
    for ( cpu = 0; cpu < CPUS; cpu++ )
        while ( nr_taken[cpu] )
            line_put(taken[cpu][--nr_taken[cpu]]);
    store_idle();
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
