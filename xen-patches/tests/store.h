/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * store.h
 *
 * What tests, fuzzer and benchmark of segments share: domains with nothing but
 * a segment map, operations on it, the store walk.
 */

#ifndef STORE_H
#define STORE_H

#include "test.h"
#include "check.h"
#include "intern.h"
#include "page.h"
#include "segment.h"

#define DOMS            4

static struct domain *doms[DOMS];

static inline struct hicamp_domain *hd_of(unsigned int i)
{
    return doms[i]->hicamp;
}

static inline void dom_destroy_hook(struct domain *d)
{
    if ( d->hicamp )
        space_destroy(d->hicamp);
}

static inline void dom_create(unsigned int i)
{
    emul_domain_destroy_hook = dom_destroy_hook;
    doms[i] = emul_domain_create(i + 1);
    doms[i]->hicamp = space_create(doms[i]);
    CHECK(doms[i]->hicamp);
    doms[i]->hicamp->nr_ports = 1;
}

/* As the administrator does.  The domain has nothing yet. */
static inline void dom_tenant(unsigned int i, uint32_t tenant)
{
    struct arena *a = arena_get(tenant), *old;

    CHECK(a);
    CHECK_EQ(segment_set_arena(hd_of(i), a, &old), 0);
    arena_put(old, false);
}

/* Returns how often the teardown was preempted. */
static inline unsigned int dom_kill(unsigned int i)
{
    unsigned int n = 0;

    doms[i]->is_dying = DOMDYING_dying;
    while ( segment_teardown(hd_of(i)) == -ERESTART )
        n++;
    CHECK_EQ(segment_teardown(hd_of(i)), 0);
    CHECK_EQ(atomic_read(&hd_of(i)->pages), 0);
    emul_pages_free(doms[i]);
    emul_domain_destroy(doms[i]);
    rcu_barrier();
    doms[i] = NULL;

    return n;
}

static inline unsigned int lines_used(void)
{
    struct line_use u;

    line_store_use(&u);

    return u.used;
}

/* Walk the store: no reference but those of maps and of nr more. */
static inline void store_check_with(const plid_t *roots, unsigned int nr)
{
    struct check *c = check_begin();
    unsigned int i;
    uint64_t held;

    CHECK(c);
    for ( i = 0; i < DOMS; i++ )
        if ( doms[i] )
            check_segments(c, hd_of(i));
    while ( nr-- )
        check_root(c, roots[nr]);
    check_walk(c);
    CHECK_EQ(check_end(c, true, &held), 0);
    CHECK_EQ(held, 0);
}

static inline void store_check(void)
{
    store_check_with(NULL, 0);
}

/* Everybody dies; nothing is left. */
static inline void store_end(void)
{
    unsigned int i;

    store_check();
    for ( i = 0; i < DOMS; i++ )
        if ( doms[i] )
        {
            dom_kill(i);
            store_check();
        }
    CHECK_EQ(lines_used(), 0);
    emul_keep();
}

/* One operation, continued as often as it wants. */
static inline int seg_op(unsigned int dom, struct hicamp_segment_op *op)
{
    struct hicamp_segment_batch batch = { (uintptr_t)op, 1, 0 };
    int rc;

    do
        rc = segment_op(doms[dom], &batch);
    while ( rc == -ERESTART );
    CHECK(rc || batch.done == 1);

    return rc;
}

static inline int seg_create(unsigned int dom, uint64_t bytes, uint16_t flags,
                             uint32_t *id)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_CREATE,
                                    .bytes = bytes, .flags = flags };
    int rc = seg_op(dom, &op);

    *id = op.segment;

    return rc;
}

/* READ, WRITE, APPEND, PREPEND, MAP. */
static inline int seg_io(unsigned int dom, uint16_t command, uint32_t id,
                         uint64_t offset, uint64_t bytes, const void *data)
{
    struct hicamp_segment_op op = { .command = command, .segment = id,
                                    .offset = offset, .bytes = bytes,
                                    .addr = (uintptr_t)data };

    return seg_op(dom, &op);
}

#define seg_read(d, id, offset, bytes, data) \
    seg_io(d, HICAMP_SEG_READ, id, offset, bytes, data)
#define seg_write(d, id, offset, bytes, data) \
    seg_io(d, HICAMP_SEG_WRITE, id, offset, bytes, data)
#define seg_append(d, id, bytes, data) \
    seg_io(d, HICAMP_SEG_APPEND, id, 0, bytes, data)
#define seg_prepend(d, id, bytes, data) \
    seg_io(d, HICAMP_SEG_PREPEND, id, 0, bytes, data)
#define seg_map(d, id, offset, bytes, frames) \
    seg_io(d, HICAMP_SEG_MAP, id, offset, bytes, frames)

static inline int seg_snapshot(unsigned int dom, uint32_t id, uint16_t flags,
                               uint32_t *other)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_SNAPSHOT,
                                    .segment = id, .flags = flags };
    int rc = seg_op(dom, &op);

    *other = op.other;

    return rc;
}

/* 1, 0, or an error. */
static inline int seg_compare(unsigned int dom, uint32_t a, uint32_t b)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_COMPARE,
                                    .segment = a, .other = b };
    int rc = seg_op(dom, &op);

    return rc ? rc : op.result;
}

static inline int seg_free(unsigned int dom, uint32_t id)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_FREE,
                                    .segment = id };

    return seg_op(dom, &op);
}

static inline int seg_info(unsigned int dom, uint32_t id, uint64_t *bytes,
                           uint16_t *flags, uint32_t *levels)
{
    struct hicamp_segment_op op = { .command = HICAMP_SEG_INFO,
                                    .segment = id };
    int rc = seg_op(dom, &op);

    *bytes = op.bytes;
    *flags = op.flags;
    *levels = op.result;

    return rc;
}

/* The root, which stays while nobody writes. */
static inline plid_t seg_root(unsigned int dom, uint32_t id)
{
    plid_t root;
    uint64_t at;

    CHECK_EQ(segment_hold(hd_of(dom), id, 0, 1, &root, &at), 0);
    segment_release(hd_of(dom), root);

    return root;
}

/* ---- Bytes -------------------------------------------------------------- */

#define MEM             MB(8)
#define INTERNED        HICAMP_SEG_INTERNED
#define MAPPABLE        HICAMP_SEG_MAPPABLE

static uint8_t buf[HICAMP_SEG_IO_MAX], buf2[HICAMP_SEG_IO_MAX];

/* To be called by test_setup(). */
static inline void store_begin(void)
{
    arena_default_quota(MEM / LINE_BYTES);
    CHECK_EQ(line_store_init(MEM), 0);
}

static inline void fill(void *to, size_t bytes, unsigned int seed)
{
    uint8_t *p = to;
    uint32_t x = seed * 2654435761u + 1;

    while ( bytes-- )
    {
        x = x * 1664525 + 1013904223;
        *p++ = x >> 24;
    }
}

/* Is this what fill() gave? */
static inline void expect(unsigned int dom, uint32_t id, uint64_t offset,
                   size_t bytes, unsigned int seed)
{
    memset(buf, 0x5a, bytes);
    CHECK_EQ(seg_read(dom, id, offset, bytes, buf), 0);
    fill(buf2, bytes, seed);
    CHECK(!memcmp(buf, buf2, bytes));
}

/* A segment of what fill() gives. */
static inline uint32_t filled(unsigned int dom, size_t bytes, uint16_t flags,
                       unsigned int seed)
{
    uint32_t id;

    CHECK_EQ(seg_create(dom, bytes, flags, &id), 0);
    fill(buf, bytes, seed);
    CHECK_EQ(seg_write(dom, id, 0, bytes, buf), 0);

    return id;
}

#endif /* STORE_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
