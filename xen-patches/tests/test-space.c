/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-space.c
 *
 * Grant spaces: what a domain issues is held, what it revokes is not, whoever
 * uses it meanwhile.
 */

#include "test.h"
#include "space.h"

#define BATCH           HICAMP_QUERY_BATCH
#define INDEX(ref)      ((ref) & 0xfffff)

static struct domain *d;
static struct hicamp_domain *hd;
static unsigned long page;              /* 16 pages of d */
static struct hicamp_run runs[BATCH];

static void destroy_hook(struct domain *dying)
{
    if ( dying->hicamp )
        space_destroy(dying->hicamp);
}

void test_setup(void)
{
    CHECK_EQ(line_store_init(MB(1)), 0);
    emul_domain_destroy_hook = destroy_hook;
}

static void begin(void)
{
    d = emul_domain_create(1);
    hd = d->hicamp = space_create(d);
    CHECK(hd);
    hd->nr_ports = 1;
    page = emul_pages_create(d, 16);
}

/* The domain dies.  Returns how often that was preempted. */
static unsigned int end(void)
{
    unsigned int n = 0;

    d->is_dying = DOMDYING_dying;
    while ( space_teardown(hd) == -ERESTART )
        n++;
    CHECK_EQ(space_teardown(hd), 0);
    CHECK_EQ(hd->runs, 0);
    CHECK_EQ(hd->frames, 0);
    CHECK_EQ(hd->issued, hd->revoked);
    emul_pages_free(d);
    emul_domain_destroy(d);

    return n;
}

static struct hicamp_space_op op_of(unsigned int nr)
{
    return (struct hicamp_space_op){ .runs = (uintptr_t)runs, .nr = nr };
}

static int issue(unsigned long mfn, unsigned int order, unsigned int flags,
                 uint32_t *ref)
{
    struct hicamp_run run = { .frame = mfn, .order = order, .flags = flags };
    struct hicamp_space_op op = { .runs = (uintptr_t)&run, .nr = 1 };
    int rc = space_issue(d, &op);

    CHECK_EQ(op.done, !rc);
    *ref = run.ref;

    return rc;
}

static int revoke(uint32_t ref)
{
    struct hicamp_run run = { .ref = ref };
    struct hicamp_space_op op = { .runs = (uintptr_t)&run, .nr = 1 };
    int rc = space_revoke(d, &op);

    CHECK_EQ(op.done, !rc);

    return rc;
}

/* References to a page beside its owner's. */
static unsigned int pins(unsigned long mfn)
{
    return (mfn_to_page(_mfn(mfn))->count_info & PGC_count_mask) - 1;
}

/* ---- Issue and revoke ---------------------------------------------------- */

TEST(issue_holds_every_frame_of_a_run_and_revoke_none)
{
    unsigned int order, i;
    uint32_t ref;

    begin();
    for ( order = 0; order <= HICAMP_ORDER_MAX; order++ )
    {
        CHECK_EQ(issue(page, order, HICAMP_RUN_RW, &ref), 0);
        CHECK_EQ(hd->runs, 1);
        CHECK_EQ(hd->frames, 1 << order);
        for ( i = 0; i < 16; i++ )
            CHECK_EQ(pins(page + i), i < 1 << order);
        CHECK_EQ(revoke(ref), 0);
        CHECK_EQ(hd->runs, 0);
        CHECK_EQ(hd->frames, 0);
        for ( i = 0; i < 16; i++ )
            CHECK_EQ(pins(page + i), 0);
    }
    CHECK_EQ(hd->issued, 5);
    CHECK_EQ(hd->revoked, 5);
    end();
}

TEST(an_issued_page_outlives_its_owners_reference)
{
    struct space_entry *e;
    uint32_t ref;

    begin();
    CHECK_EQ(issue(page, 0, HICAMP_RUN_RW, &ref), 0);
    emul_page_free(page);
    e = space_use(hd, ref, 0, PAGE_SIZE, HICAMP_RUN_RW);
    CHECK(e);
    memset(emul_guest(e->mfn), 1, PAGE_SIZE);
    space_unuse(e);
    CHECK_EQ(revoke(ref), 0);
    CHECK(!page_get_owner(mfn_to_page(_mfn(page))));
    end();
}

TEST(a_writable_run_cannot_become_a_page_table_until_revoked)
{
    struct page_info *pg;
    uint32_t ref, ro;

    begin();
    pg = mfn_to_page(_mfn(page));
    CHECK_EQ(issue(page, 0, HICAMP_RUN_RW, &ref), 0);
    CHECK(!get_page_type(pg, PGT_l1_page_table));
    CHECK_EQ(revoke(ref), 0);

    CHECK(get_page_type(pg, PGT_l1_page_table));
    CHECK_EQ(issue(page, 0, HICAMP_RUN_RW, &ref), -EINVAL);
    CHECK_EQ(pins(page), 0);
    CHECK_EQ(issue(page, 0, 0, &ro), 0);
    CHECK_EQ(revoke(ro), 0);
    put_page_type(pg);
    end();
}

TEST(only_plain_frames_of_the_caller_are_taken)
{
    struct domain *other = emul_domain_create(2);
    unsigned long foreign = emul_pages_create(other, 1);
    struct page_info *special;
    unsigned int flags, i;
    uint32_t ref;

    begin();
    special = mfn_to_page(_mfn(page + 7));
    special->count_info |= PGC_xen_heap;

    for ( flags = 0; flags <= HICAMP_RUN_RW; flags++ )
    {
        CHECK_EQ(issue(foreign, 0, flags, &ref), -EINVAL);
        CHECK_EQ(issue(page + 7, 0, flags, &ref), -EINVAL);
        CHECK_EQ(issue(0, 0, flags, &ref), -EINVAL);
        CHECK_EQ(issue(EMUL_MFN_BASE - 1, 1, flags, &ref), -EINVAL);
        CHECK_EQ(issue(EMUL_MFN_BASE + EMUL_FRAMES, 0, flags, &ref), -EINVAL);
        CHECK_EQ(issue(~0ul, 4, flags, &ref), -EINVAL);
        CHECK_EQ(issue(page | 1ul << (PADDR_BITS - PAGE_SHIFT), 0, flags,
                       &ref), -EINVAL);
        /* The last frames of the run are bad. */
        CHECK_EQ(issue(page, 3, flags, &ref), -EINVAL);
        CHECK_EQ(issue(page + 8, 4, flags, &ref), -EINVAL);
    }
    for ( i = 0; i < 16; i++ )
        CHECK_EQ(pins(page + i), 0);
    CHECK_EQ(hd->runs, 0);
    special->count_info &= ~PGC_xen_heap;

    emul_pages_free(other);
    emul_domain_destroy(other);
    end();
}

TEST(order_and_flags_are_checked)
{
    uint32_t ref;

    begin();
    CHECK_EQ(issue(page, HICAMP_ORDER_MAX + 1, 0, &ref), -EINVAL);
    CHECK_EQ(issue(page, 0xffff, 0, &ref), -EINVAL);
    CHECK_EQ(issue(page, 0, HICAMP_RUN_RW | HICAMP_RUN_SEALED, &ref),
             -EINVAL);
    CHECK_EQ(issue(page, 0, 4, &ref), -EINVAL);
    CHECK_EQ(issue(page, 0, 0x8001, &ref), -EINVAL);
    CHECK_EQ(hd->runs, 0);
    end();
}

TEST(a_reference_is_revoked_once)
{
    uint32_t ref, next;

    begin();
    CHECK_EQ(revoke(0), -ENOENT);
    CHECK_EQ(revoke(1 << 20), -ENOENT);
    CHECK_EQ(issue(page, 0, 0, &ref), 0);
    CHECK_EQ(revoke(ref + 1), -ENOENT);
    CHECK_EQ(revoke(ref + (1 << 20)), -ENOENT);
    CHECK_EQ(revoke(ref), 0);
    CHECK_EQ(revoke(ref), -ENOENT);

    /* The place is used again, the reference is another. */
    CHECK_EQ(issue(page, 0, 0, &next), 0);
    CHECK_EQ(INDEX(next), INDEX(ref));
    CHECK(next != ref);
    CHECK_EQ(revoke(ref), -ENOENT);
    CHECK(!space_use(hd, ref, 0, 1, 0));
    CHECK_EQ(pins(page), 1);
    CHECK_EQ(revoke(next), 0);
    CHECK_EQ(revoke(0xfffff), -ENOENT);
    CHECK_EQ(revoke(~0u), -ENOENT);
    end();
}

TEST(generations_wrap_and_are_never_zero)
{
    uint32_t ref, before = 0, first = 0;
    unsigned int i;

    begin();
    for ( i = 0; i < 4095 * 2 + 1; i++ )
    {
        CHECK_EQ(issue(page, 0, 0, &ref), 0);
        CHECK(ref >> 20);
        CHECK(ref != before);
        if ( !i )
            first = ref;
        else if ( i < 4095 )
            CHECK(ref != first);
        CHECK_EQ(revoke(ref), 0);
        before = ref;
    }
    CHECK_EQ(ref, first);
    end();
}

TEST(a_use_is_within_the_run_and_its_rights)
{
    uint32_t ro, rw;
    struct space_entry *e;

    static const struct { uint32_t offset, len; bool ok; } t[] = {
        { 0, 8192, true }, { 8191, 1, true }, { 8192, 0, true },
        { 0, 8193, false }, { 8192, 1, false }, { 1, 8192, false },
        { ~0u, 2, false }, { 2, ~0u, false }, { ~0u, ~0u, false },
    };
    unsigned int i;

    begin();
    CHECK_EQ(issue(page, 1, 0, &ro), 0);
    CHECK_EQ(issue(page + 2, 1, HICAMP_RUN_RW, &rw), 0);
    for ( i = 0; i < ARRAY_SIZE(t); i++ )
    {
        e = space_use(hd, ro, t[i].offset, t[i].len, 0);
        CHECK_EQ(!!e, t[i].ok);
        if ( e )
            space_unuse(e);
    }
    CHECK(!space_use(hd, ro, 0, 1, HICAMP_RUN_RW));
    e = space_use(hd, rw, 0, 1, HICAMP_RUN_RW);
    CHECK(e);
    CHECK_EQ(e->mfn, page + 2);
    space_unuse(e);
    CHECK(!space_use(hd, 0, 0, 1, 0));
    CHECK(!space_use(hd, ~0u, 0, 1, 0));
    CHECK(!space_use(hd, 0xfff00000 | INDEX(rw), 0, 1, 0));

    /* Uses that failed have left nothing that a revoke would wait for. */
    CHECK_EQ(revoke(ro), 0);
    CHECK_EQ(revoke(rw), 0);
    CHECK(!space_use(hd, rw, 0, 1, 0));
    end();
}

/* ---- Batches ------------------------------------------------------------- */

TEST(arguments_of_a_batch_are_checked)
{
    struct hicamp_space_op op;
    struct domain *none = emul_domain_create(2);

    begin();
    op = op_of(0);
    CHECK_EQ(space_issue(d, &op), -EINVAL);
    op = op_of(BATCH + 1);
    CHECK_EQ(space_issue(d, &op), -EINVAL);
    CHECK_EQ(space_revoke(d, &op), -EINVAL);
    op = op_of(1);
    op.done = 2;
    CHECK_EQ(space_issue(d, &op), -EINVAL);

    op = op_of(1);
    CHECK_EQ(space_issue(none, &op), -ENOENT);
    CHECK_EQ(space_revoke(none, &op), -ENOENT);
    emul_domain_destroy(none);
    end();
}

TEST(references_outlive_ports_and_are_revoked_without_one)
{
    uint32_t ref, next;

    begin();
    CHECK_EQ(issue(page, 0, 0, &ref), 0);
    hd->nr_ports = 0;
    CHECK_EQ(issue(page, 0, 0, &next), -ENOENT);
    CHECK_EQ(revoke(ref), 0);
    end();
}

static void fill_runs(unsigned int nr)
{
    unsigned int i;

    for ( i = 0; i < nr; i++ )
        runs[i] = (struct hicamp_run){ .frame = page + i % 16 };
}

TEST(a_batch_ends_with_its_first_error_and_tells_where)
{
    struct hicamp_space_op op = op_of(10);

    begin();
    fill_runs(10);
    runs[6].frame = 1;
    CHECK_EQ(space_issue(d, &op), -EINVAL);
    CHECK_EQ(op.done, 6);
    CHECK_EQ(hd->runs, 6);
    CHECK_EQ(runs[7].ref, 0);

    op = op_of(6);
    runs[3].ref ^= 1 << 20;
    CHECK_EQ(space_revoke(d, &op), -ENOENT);
    CHECK_EQ(op.done, 3);
    runs[3].ref ^= 1 << 20;
    CHECK_EQ(space_revoke(d, &op), 0);
    CHECK_EQ(op.done, 6);
    CHECK_EQ(hd->runs, 0);
    end();
}

TEST(a_preempted_batch_goes_on_where_it_stopped)
{
    struct hicamp_space_op op = op_of(300);
    unsigned int calls = 1;

    begin();
    fill_runs(300);
    emul_preempt_every = 1;
    while ( space_issue(d, &op) == -ERESTART )
        calls++;
    CHECK_EQ(op.done, 300);
    CHECK_EQ(hd->runs, 300);
    CHECK_EQ(calls, 300 / HICAMP_PREEMPT_EVERY + 1);

    op.done = 0;
    for ( calls = 1; space_revoke(d, &op) == -ERESTART; )
        calls++;
    CHECK_EQ(op.done, 300);
    CHECK_EQ(hd->runs, 0);
    CHECK_EQ(calls, 300 / HICAMP_PREEMPT_EVERY + 1);
    emul_preempt_every = 0;
    end();
}

TEST(a_fault_at_any_copy_leaves_no_run_that_nobody_knows)
{
    struct hicamp_space_op op;
    unsigned int nth;

    begin();
    for ( nth = 1; nth <= 8; nth++ )
    {
        fill_runs(4);
        op = op_of(4);
        emul_fail_copy(nth);
        CHECK_EQ(space_issue(d, &op), -EFAULT);
        CHECK_EQ(op.done, (nth - 1) / 2);
        CHECK_EQ(hd->runs, op.done);
        emul_fail_copy(0);
        op = op_of(op.done);
        CHECK_EQ(op.nr ? space_revoke(d, &op) : 0, 0);
        CHECK_EQ(hd->runs, 0);
    }

    fill_runs(4);
    op = op_of(4);
    CHECK_EQ(space_issue(d, &op), 0);
    op = op_of(4);
    emul_fail_copy(3);
    CHECK_EQ(space_revoke(d, &op), -EFAULT);
    CHECK_EQ(op.done, 2);
    CHECK_EQ(hd->runs, 2);
    end();
}

/* ---- Limits -------------------------------------------------------------- */

TEST(a_domain_may_issue_max_runs_and_no_more)
{
    static uint32_t refs[HICAMP_RUNS_MAX];
    struct hicamp_space_op op;
    unsigned int i, n;
    uint32_t ref;

    begin();
    for ( n = 0; n < HICAMP_RUNS_MAX; n += BATCH )
    {
        fill_runs(BATCH);
        op = op_of(BATCH);
        CHECK_EQ(space_issue(d, &op), 0);
        for ( i = 0; i < BATCH; i++ )
            refs[n + i] = runs[i].ref;
    }
    CHECK_EQ(hd->runs, HICAMP_RUNS_MAX);
    CHECK_EQ(issue(page, 0, 0, &ref), -ENOSPC);
    CHECK_EQ(pins(page), HICAMP_RUNS_MAX / 16);

    CHECK_EQ(revoke(refs[777]), 0);
    CHECK_EQ(issue(page, 0, 0, &ref), 0);
    CHECK_EQ(INDEX(ref), INDEX(refs[777]));
    CHECK_EQ(issue(page, 0, 0, &ref), -ENOSPC);
    end();
}

TEST(whichever_allocation_fails_nothing_is_lost)
{
    unsigned int nth;
    uint32_t ref;

    d = emul_domain_create(1);
    for ( nth = 1; nth <= 2; nth++ )
    {
        emul_fail_alloc(nth);
        CHECK(!space_create(d));
    }
    emul_fail_alloc(0);
    emul_domain_destroy(d);
    rcu_barrier();

    begin();
    emul_fail_alloc(1);
    CHECK_EQ(issue(page, 2, HICAMP_RUN_RW, &ref), -ENOMEM);
    CHECK_EQ(pins(page), 0);
    CHECK_EQ(hd->runs, 0);
    emul_fail_alloc(0);
    CHECK_EQ(issue(page, 2, HICAMP_RUN_RW, &ref), 0);
    CHECK_EQ(revoke(ref), 0);
    end();
}

TEST(teardown_drops_everything_and_can_be_preempted_at_every_step)
{
    struct hicamp_space_op op = op_of(1000);

    begin();
    fill_runs(1000);
    CHECK_EQ(space_issue(d, &op), 0);
    op = op_of(500);
    CHECK_EQ(space_revoke(d, &op), 0);
    emul_preempt_every = 1;
    CHECK(end() >= 1000 / HICAMP_PREEMPT_EVERY);
}

/* ---- Several CPUs -------------------------------------------------------- */

#define CPUS            4

static uint32_t known;          /* a reference that is issued now, or was */
static bool stop, copying, copied;

/* CPU 1 is in the middle of a copy when CPU 0 revokes. */
static void revoke_meets_copy(void *arg, unsigned int cpu)
{
    struct space_entry *e;
    unsigned int i;

    if ( !cpu )
    {
        while ( !read_atomic(&copying) )
            cpu_relax();
        CHECK_EQ(revoke(known), 0);
        CHECK(read_atomic(&copied));
        CHECK_EQ(pins(page), 0);
        emul_page_free(page);
        return;
    }

    e = space_use(hd, known, 0, PAGE_SIZE, HICAMP_RUN_RW);
    CHECK(e);
    write_atomic(&copying, true);
    for ( i = 0; i < PAGE_SIZE; i++ )
    {
        ((uint8_t *)emul_guest(page))[i] = i;
        if ( !(i % 64) )
            cpu_relax();
    }
    /* The revoke has closed the entry by now, or is about to. */
    write_atomic(&copied, true);
    space_unuse(e);
    while ( (e = space_use(hd, known, 0, 1, 0)) != NULL )
        space_unuse(e);
}

TEST(revoke_waits_for_the_copy_under_way)
{
    begin();
    CHECK_EQ(issue(page, 0, HICAMP_RUN_RW, &known), 0);
    emul_run(2, revoke_meets_copy, NULL);
    end();
}

#define ROUNDS          1500

/* CPU 0 issues a page, revokes it, gives it up; others write to what is. */
static void storm(void *arg, unsigned int cpu)
{
    unsigned int i, *uses = arg;
    uint32_t ref;

    for ( i = 0; !cpu && i < ROUNDS; i++ )
    {
        unsigned long mfn = emul_pages_create(d, 1);

        CHECK_EQ(issue(mfn, 0, HICAMP_RUN_RW, &ref), 0);
        write_atomic(&known, ref);
        cpu_relax();
        CHECK_EQ(revoke(ref), 0);
        memset(emul_guest(mfn), 0, PAGE_SIZE);  /* ours alone again */
        emul_page_free(mfn);
    }
    if ( !cpu )
        write_atomic(&stop, true);

    while ( cpu && !read_atomic(&stop) )
    {
        struct space_entry *e = space_use(hd, read_atomic(&known), cpu * 64,
                                          64, HICAMP_RUN_RW);

        if ( !e )
            continue;
        memset(emul_guest(e->mfn) + cpu * 64, cpu, 64);
        uses[cpu]++;
        space_unuse(e);
    }
}

TEST(no_page_is_touched_after_its_revoke)
{
    unsigned int uses[CPUS] = { 0 };

    begin();
    emul_run(CPUS, storm, uses);
    CHECK_EQ(hd->issued, ROUNDS);
    CHECK(uses[1] + uses[2] + uses[3]);
    end();
}

static unsigned int revoked_by[CPUS];

/* All issue, with new chunks on the way; then all revoke the same. */
static void all_at_once(void *arg, unsigned int cpu)
{
    unsigned int i;
    int rc;

    for ( i = cpu; i < 1000; i += CPUS )
    {
        CHECK_EQ(issue(page + i % 16, 0, 0, &runs[i].ref), 0);
        /* What has never been issued, while the table grows. */
        CHECK(!space_use(hd, 0xfff00000 | i, 0, 1, 0));
        CHECK_EQ(revoke(0xfff00000 | i), -ENOENT);
    }

    arch_fetch_and_add(&known, 1u);
    while ( read_atomic(&known) < CPUS )
        cpu_relax();

    for ( i = 0; i < 1000; i++ )
    {
        rc = revoke(runs[i].ref);
        CHECK(!rc || rc == -ENOENT);
        revoked_by[cpu] += !rc;
    }
}

TEST(of_many_that_revoke_the_same_one_does)
{
    unsigned int i, n = 0;

    begin();
    emul_run(CPUS, all_at_once, NULL);
    for ( i = 0; i < CPUS; i++ )
        n += revoked_by[i];
    CHECK_EQ(n, 1000);
    CHECK_EQ(hd->runs, 0);
    for ( i = 0; i < 16; i++ )
        CHECK_EQ(pins(page + i), 0);
    end();
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
