/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-emul.c
 *
 * Tests of the emulation itself: that it waits, counts and refuses as Xen
 * does.  What the other tests prove rests on this.
 */

#include "test.h"

void test_setup(void)
{
}

struct object {
    struct rcu_head rcu;
    unsigned int value;
};

static DEFINE_RCU_READ_LOCK(lock);
static struct object *shared;
static unsigned int freed;

static void object_free(struct rcu_head *head)
{
    struct object *o = container_of(head, struct object, rcu);

    o->value = 0;
    xfree(o);
    __atomic_fetch_add(&freed, 1, __ATOMIC_SEQ_CST);
}

TEST(rcu_callback_waits_for_readers_and_runs_after_the_last)
{
    struct object *o = xzalloc(struct object);

    rcu_read_lock(&lock);
    rcu_read_lock(&lock);
    call_rcu(&o->rcu, object_free);
    rcu_read_unlock(&lock);
    CHECK_EQ(freed, 0);
    rcu_read_unlock(&lock);
    CHECK_EQ(freed, 1);
}

static void rcu_hammer(void *arg, unsigned int cpu)
{
    unsigned int i;

    (void)arg;
    for ( i = 1; i < 3000; i++ )
    {
        if ( !cpu )
        {
            struct object *o = xzalloc(struct object), *old;

            o->value = i;
            old = shared;
            rcu_assign_pointer(shared, o);
            if ( old )
                call_rcu(&old->rcu, object_free);
            emul_rcu_poll();
        }
        else
        {
            const struct object *o;

            rcu_read_lock(&lock);
            o = rcu_dereference(shared);
            CHECK(!o || o->value);
            rcu_read_unlock(&lock);
        }
    }
}

TEST(rcu_readers_never_see_a_freed_object)
{
    emul_run(4, rcu_hammer, NULL);
    call_rcu(&shared->rcu, object_free);
    rcu_barrier();
    CHECK_EQ(freed, 2999);
}

static DEFINE_SPINLOCK(counter_lock);
static unsigned int counter;

static void count(void *arg, unsigned int cpu)
{
    unsigned int i;

    (void)arg;
    (void)cpu;
    for ( i = 0; i < 1000; i++ )
    {
        if ( i & 1 )
            spin_lock(&counter_lock);
        else
            while ( !spin_trylock(&counter_lock) )
                cpu_relax();
        counter++;
        spin_unlock(&counter_lock);
    }
}

TEST(spinlocks_exclude)
{
    emul_run(4, count, NULL);
    CHECK_EQ(counter, 4000);
    CHECK(!spin_is_locked(&counter_lock));
}

TEST(the_nth_allocation_fails)
{
    void *p, *q;

    emul_fail_alloc(2);
    p = xmalloc(int);
    q = xmalloc_bytes(100);
    CHECK(p && !q);
    q = alloc_xenheap_pages(1, 0);
    CHECK(q && !PAGE_OFFSET(q));
    free_xenheap_pages(q, 1);
    xfree(p);
    CHECK_EQ(emul_allocs(), 3);
}

TEST(a_page_has_one_type_at_a_time_and_one_owner)
{
    struct domain *a = emul_domain_create(1), *b = emul_domain_create(2);
    unsigned long mfn = emul_pages_create(a, 1);
    struct page_info *pg = mfn_to_page(_mfn(mfn));

    CHECK(!get_page(pg, b));
    CHECK(get_page_and_type(pg, a, PGT_writable_page));
    CHECK(get_page_and_type(pg, a, PGT_writable_page));
    CHECK(!get_page_and_type(pg, a, PGT_l1_page_table));
    put_page_and_type(pg);
    put_page_and_type(pg);
    CHECK(get_page_and_type(pg, a, PGT_l1_page_table));
    put_page_and_type(pg);
    emul_page_free(mfn);
    CHECK(!get_page(pg, a));
    emul_domain_destroy(a);
    emul_domain_destroy(b);
}

TEST(vmap_aliases_the_pages_in_the_order_given)
{
    struct domain *a = emul_domain_create(1);
    unsigned long mfn = emul_pages_create(a, 3);
    mfn_t mfns[3] = { _mfn(mfn + 2), _mfn(mfn), _mfn(mfn + 1) };
    uint8_t *va = vmap(mfns, 3);
    uint8_t *page;

    va[0] = 3;
    va[PAGE_SIZE] = 1;
    page = map_domain_page(_mfn(mfn + 2));
    CHECK_EQ(page[0], 3);
    unmap_domain_page(page + 100);
    CHECK_EQ(*(uint8_t *)emul_guest(mfn), 1);
    vunmap(va);
    emul_pages_free(a);
    emul_domain_destroy(a);
}

TEST(a_domain_is_found_until_its_last_reference_goes)
{
    struct domain *d = emul_domain_create(7), *e;

    e = get_domain_by_id(7);
    CHECK(e == d);
    emul_domain_destroy(d);
    CHECK(rcu_lock_domain_by_id(7) == d);
    CHECK(d->is_dying);
    rcu_unlock_domain(d);
    put_domain(e);
    CHECK(!rcu_lock_domain_by_id(7));
}

TEST(event_channels_run_out_and_count_events)
{
    struct domain *d = emul_domain_create(1);
    int port;

    d->emul_evtchn_limit = 1;
    port = alloc_unbound_xen_event_channel(d, 0, 1, NULL);
    CHECK(port > 0);
    CHECK_EQ(alloc_unbound_xen_event_channel(d, 0, 1, NULL), -ENOSPC);
    notify_via_xen_event_channel(d, port);
    notify_via_xen_event_channel(d, port);
    CHECK_EQ(emul_events(d, port), 2);
    CHECK_EQ(emul_events(d, port), 0);
    free_xen_event_channel(d, port);
    emul_domain_destroy(d);
}

TEST(bits_are_found_and_preemption_is_scripted)
{
    DECLARE_BITMAP(map, 100);
    unsigned int i, n = 0;

    bitmap_zero(map, 100);
    set_bit(70, map);
    __set_bit(99, map);
    CHECK_EQ(find_first_bit(map, 100), 70);
    CHECK_EQ(find_next_bit(map, 100, 71), 99);
    CHECK_EQ(find_first_zero_bit(map, 100), 0);
    clear_bit(70, map);
    __clear_bit(99, map);
    CHECK_EQ(find_first_bit(map, 100), 100);
    CHECK_EQ(fls(0x80u), 8);

    for ( i = 0; i < 10; i++ )
        n += hypercall_preempt_check();
    CHECK_EQ(n, 0);
    emul_preempt_every = 3;
    for ( i = 0; i < 9; i++ )
        n += hypercall_preempt_check();
    CHECK_EQ(n, 3);
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
