/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-history.c
 *
 * Long random histories of segments, against plain byte arrays; and several
 * CPUs that work on the same segments.  HICAMP_SEED gives other histories.
 */

#include "store.h"

void test_setup(void)
{
    store_begin();
}

/* ---- Against plain arrays ------------------------------------------------ */

#define MODELS          48
#define MODEL_MAX       20000

struct model {
    bool live;
    unsigned int dom;
    uint32_t id;
    uint16_t flags;
    unsigned int bytes;
    uint8_t data[MODEL_MAX];
};

static struct model models[MODELS];

static void model_verify(const struct model *m)
{
    if ( !m->live || !m->bytes )
        return;
    CHECK_EQ(seg_read(m->dom, m->id, 0, m->bytes, buf), 0);
    CHECK(!memcmp(buf, m->data, m->bytes));
}

/* Bytes that are often zero, often seen before, seldom random. */
static void model_bytes(uint8_t *to, unsigned int n)
{
    unsigned int kind = test_random() % 4;

    if ( kind == 0 )
        memset(to, 0, n);
    else if ( kind < 3 )
        memset(to, test_random() % 4, n);
    else
        fill(to, n, test_random() % 1000);
}

static void model_map(const struct model *m)
{
    uint64_t frames[MODEL_MAX / PAGE_SIZE + 1];
    unsigned int i, nr = PFN_UP(m->bytes);
    int rc;

    if ( !nr )
        return;
    rc = seg_map(m->dom, m->id, 0, nr * PAGE_SIZE, frames);
    if ( rc )
    {
        CHECK_EQ(rc, -EINVAL);
        return;
    }
    CHECK(m->flags & MAPPABLE);
    for ( i = 0; i < nr; i++ )
        CHECK(!memcmp(emul_guest(frames[i]), m->data + i * PAGE_SIZE,
                      min(PAGE_SIZE, m->bytes - i * PAGE_SIZE)));
}

static void model_write(struct model *m, unsigned int command)
{
    unsigned int n = 1 + test_random() % (test_random() % 8 ? 600 : 6000);
    unsigned int offset = 0;
    int rc;

    if ( command == HICAMP_SEG_WRITE )
    {
        if ( !m->bytes )
            return;
        n = min(n, m->bytes);
        offset = test_random() % (m->bytes - n + 1);
    }
    else if ( m->bytes + n > MODEL_MAX )
        return;

    model_bytes(buf, n);
    rc = seg_io(m->dom, command, m->id, offset, n, buf);
    if ( m->flags & HICAMP_SEG_READ_ONLY )
    {
        CHECK_EQ(rc, -EACCES);
        return;
    }
    CHECK_EQ(rc, 0);
    if ( command == HICAMP_SEG_APPEND )
        offset = m->bytes;
    if ( command == HICAMP_SEG_PREPEND )
        memmove(m->data + n, m->data, m->bytes);
    if ( command != HICAMP_SEG_WRITE )
        m->bytes += n;
    memcpy(m->data + offset, buf, n);
}

static void model_step(void)
{
    static const uint16_t kinds[] = { 0, 0, 0, INTERNED, INTERNED, INTERNED,
                                      INTERNED, MAPPABLE };
    struct model *m = &models[test_random() % MODELS];
    struct model *o = &models[test_random() % MODELS];
    unsigned int offset, n, what = test_random() % 32;

    if ( !m->live )
    {
        if ( o->live && what < 16 )
        {
            *m = *o;
            m->flags |= what < 2 ? HICAMP_SEG_READ_ONLY : 0;
            CHECK_EQ(seg_snapshot(o->dom, o->id,
                                  what < 2 ? HICAMP_SEG_READ_ONLY : 0,
                                  &m->id), 0);
            return;
        }
        m->live = true;
        m->dom = test_random() % 3;
        m->flags = kinds[test_random() % ARRAY_SIZE(kinds)];
        m->bytes = test_random() % 3 ? 0 : test_random() % 3000;
        memset(m->data, 0, m->bytes);
        CHECK_EQ(seg_create(m->dom, m->bytes, m->flags, &m->id), 0);
        return;
    }

    if ( what < 2 )
    {
        CHECK_EQ(seg_free(m->dom, m->id), 0);
        m->live = false;
    }
    else if ( what < 10 )
        model_write(m, HICAMP_SEG_WRITE);
    else if ( what < 14 )
        model_write(m, HICAMP_SEG_APPEND);
    else if ( what < 16 )
        model_write(m, HICAMP_SEG_PREPEND);
    else if ( what < 17 )
        model_map(m);
    else if ( what < 20 )
    {
        if ( o->live && o->dom == m->dom )
            CHECK_EQ(seg_compare(m->dom, m->id, o->id),
                     m->bytes == o->bytes &&
                     !memcmp(m->data, o->data, m->bytes));
    }
    else if ( m->bytes )
    {
        n = 1 + test_random() % min(m->bytes, 1000u);
        offset = test_random() % (m->bytes - n + 1);
        CHECK_EQ(seg_read(m->dom, m->id, offset, n, buf), 0);
        CHECK(!memcmp(buf, m->data + offset, n));
    }
}

/* Under TSan the same with fewer steps: there the threads matter. */
#ifdef __SANITIZE_THREAD__
#define STEPS           20000
#else
#define STEPS           1000000
#endif

TEST(random_operations_do_what_they_do_to_plain_arrays)
{
    unsigned int i, j;

    for ( i = 0; i < 3; i++ )
        dom_create(i);
    dom_tenant(0, 3);
    dom_tenant(1, 3);

    for ( i = 0; i < STEPS; i++ )
    {
        model_step();
        if ( !(i % 20000) )
        {
            store_check();
            for ( j = 0; j < MODELS; j++ )
                model_verify(&models[j]);
        }
        if ( i == STEPS / 2 )
            emul_preempt_every = 3;
    }
    emul_preempt_every = 0;
    store_end();
}

/* ---- Several CPUs -------------------------------------------------------- */

#define CPUS            4
#define SHARED          4
#define PART            3000

static uint32_t shared_id[SHARED];

/*
 * All write to parts of the same segments, each to its own, and look at what
 * they and the others wrote, through snapshots: each part holds one value.
 */
static void mix(void *arg, unsigned int cpu)
{
    static uint8_t mine[CPUS][CPUS * PART], again[CPUS][CPUS * PART];
    unsigned int i, j, k, steps = 1500;

    for ( i = 0; i < steps; i++ )
    {
        uint32_t id = shared_id[test_random() % SHARED], snap, own;
        uint8_t *m = mine[cpu], *a = again[cpu];
        struct segment_cursor c;
        const void *data;
        unsigned int len, sum = 0;
        uint64_t at;
        plid_t root;

        switch ( test_random() % 5 )
        {
        case 0:
        case 1:
            memset(m, i, PART);
            CHECK_EQ(seg_write(0, id, cpu * PART, PART, m), 0);
            break;

        case 2:
            CHECK_EQ(seg_snapshot(0, id, 0, &snap), 0);
            CHECK_EQ(seg_read(0, snap, 0, CPUS * PART, m), 0);
            for ( j = 0; j < CPUS; j++ )
                for ( k = 1; k < PART; k++ )
                    CHECK(m[j * PART + k] == m[j * PART]);
            CHECK_EQ(seg_write(0, snap, 0, 1, "\xff"), 0);
            CHECK_EQ(seg_read(0, snap, 0, CPUS * PART, a), 0);
            CHECK(!memcmp(a + 1, m + 1, CPUS * PART - 1));
            CHECK_EQ(seg_free(0, snap), 0);
            break;

        case 3:
            CHECK_EQ(segment_hold(hd_of(0), id, PART, PART, &root, &at), 0);
            segment_cursor_init(&c, root, at, PART);
            while ( (len = segment_next(&c, &data)) != 0 )
                sum += data ? *(const uint8_t *)data : 0;
            segment_cursor_done(&c);
            segment_release(hd_of(0), root);
            break;

        case 4:
            CHECK_EQ(seg_create(0, 0, i % 2 ? INTERNED : 0, &own), 0);
            for ( j = 0; j < 5; j++ )
            {
                memset(m, i + j, 700);
                CHECK_EQ(seg_append(0, own, 700, m), 0);
            }
            CHECK(seg_compare(0, own, id) >= 0);
            CHECK_EQ(seg_free(0, own), 0);
            break;
        }
    }
}

TEST(several_cpus_work_on_the_same_segments)
{
    unsigned int i;

    dom_create(0);
    for ( i = 0; i < SHARED; i++ )
        CHECK_EQ(seg_create(0, CPUS * PART, i % 2 ? INTERNED :
                            i == 2 ? MAPPABLE : 0, &shared_id[i]), 0);
    emul_run(CPUS, mix, NULL);
    store_end();
}

/* Ids come and go under the feet of those who use them. */
static void churn(void *arg, unsigned int cpu)
{
    uint8_t byte[600];
    unsigned int i;

    for ( i = 0; i < 3000; i++ )
    {
        uint32_t *slot = &shared_id[test_random() % SHARED], id;
        int rc;

        if ( !(test_random() % 4) )
        {
            CHECK_EQ(seg_create(0, 1000, i % 3 ? 0 : INTERNED, &id), 0);
            id = xchg(slot, id);
            rc = seg_free(0, id);
            CHECK(!rc || rc == -ENOENT);
            continue;
        }
        memset(byte, i, sizeof(byte));
        id = read_atomic(slot);
        rc = test_random() % 2 ? seg_write(0, id, 300, 600, byte)
                               : seg_read(0, id, 300, 600, byte);
        CHECK(!rc || rc == -ENOENT);
    }
}

TEST(ids_may_go_while_others_use_them)
{
    unsigned int i;

    dom_create(0);
    for ( i = 0; i < SHARED; i++ )
        CHECK_EQ(seg_create(0, 1000, 0, &shared_id[i]), 0);
    emul_run(CPUS, churn, NULL);
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
