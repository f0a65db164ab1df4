/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-share.c
 *
 * What is stored once for several: interned lines, within a tenant, and pages
 * that their owner maps.
 */

#include "store.h"

void test_setup(void)
{
    store_begin();
}

/* ---- Interning ----------------------------------------------------------- */

TEST(equal_interned_segments_have_equal_roots)
{
    uint32_t a, b, c;
    unsigned int used, i;

    dom_create(0);
    a = filled(0, 300000, INTERNED, 1);
    used = lines_used();
    b = filled(0, 300000, INTERNED, 1);
    CHECK_EQ(lines_used(), used);
    CHECK_EQ(seg_root(0, a), seg_root(0, b));

    /* However they came about. */
    CHECK_EQ(seg_create(0, 0, INTERNED, &c), 0);
    for ( i = 0; i < 300; i++ )
        CHECK_EQ(seg_append(0, c, 1000, buf + 1000 * i), 0);
    CHECK_EQ(seg_root(0, a), seg_root(0, c));
    CHECK_EQ(seg_write(0, c, 77777, 1, "x"), 0);
    CHECK(seg_root(0, a) != seg_root(0, c));
    CHECK_EQ(seg_write(0, c, 77777, 1, buf + 77777), 0);
    CHECK_EQ(seg_root(0, a), seg_root(0, c));

    /* What is not interned shares nothing. */
    used = lines_used();
    filled(0, 300000, 0, 1);
    CHECK(lines_used() - used > 300000 / LINE_BYTES);
    store_end();
}

TEST(two_tenants_never_share_a_line_unless_told_so)
{
    uint32_t id[4];
    unsigned int i;

    for ( i = 0; i < 4; i++ )
        dom_create(i);
    dom_tenant(2, 7);
    dom_tenant(3, 7);
    for ( i = 0; i < 4; i++ )
        id[i] = filled(i, 100000, INTERNED, 1);

    /* Nor does one's look-up find what another holds. */
    for ( i = 0; i < 3; i++ )
        CHECK_EQ(hd_of(i)->arena->intern.hits, i == 2 ? 201 : 0);
    CHECK(seg_root(0, id[0]) != seg_root(1, id[1]));
    CHECK(seg_root(0, id[0]) != seg_root(2, id[2]));
    CHECK_EQ(seg_root(2, id[2]), seg_root(3, id[3]));
    CHECK_EQ(hd_of(2)->arena, hd_of(3)->arena);

    /* They share a quota too, and who lives keeps what is shared. */
    dom_kill(2);
    store_check();
    expect(3, id[3], 0, 100000, 1);
    store_end();
}

TEST(a_tenant_is_changed_only_while_nothing_is_in_use)
{
    struct arena *a, *old;
    uint32_t id;

    dom_create(0);
    dom_tenant(0, 5);
    dom_tenant(0, 0);
    CHECK_EQ(seg_create(0, 1, 0, &id), 0);
    a = arena_get(5);
    CHECK_EQ(segment_set_arena(hd_of(0), a, &old), -EBUSY);
    doms[0]->is_dying = DOMDYING_dying;
    CHECK_EQ(segment_set_arena(hd_of(0), a, &old), -ESRCH);
    arena_put(a, false);
    store_end();
}

TEST(a_line_that_comes_back_soon_is_found_again)
{
    uint32_t id;
    uint64_t misses;

    dom_create(0);
    id = filled(0, 50000, INTERNED, 1);
    CHECK_EQ(seg_free(0, id), 0);
    misses = hd_of(0)->arena->intern.misses;
    id = filled(0, 50000, INTERNED, 1);
    CHECK_EQ(hd_of(0)->arena->intern.misses, misses);
    CHECK_EQ(seg_free(0, id), 0);
    store_check();
    store_end();
}

TEST(what_is_kept_for_later_goes_first_under_pressure)
{
    struct arena *a;
    plid_t plids[64];
    unsigned int i, room;
    uint32_t id;

    dom_create(0);
    a = hd_of(0)->arena;
    id = filled(0, 500000, INTERNED, 1);
    CHECK_EQ(seg_free(0, id), 0);
    CHECK(arena_used(a) > 500);

    /* The quota is used up by what nobody needs: still all is served. */
    a->quota = arena_used(a);
    for ( i = 0; i < 64; i++ )
    {
        plids[i] = line_alloc(a, LINE_RX);
        CHECK(plids[i] != PLID_NONE);
    }
    CHECK_EQ(a->refused, 0);
    store_check();
    while ( i )
        line_put(plids[--i]);

    /* The same with the store, for somebody else. */
    a->quota = MEM / LINE_BYTES;
    id = filled(0, 500000, INTERNED, 1);
    CHECK_EQ(seg_free(0, id), 0);
    for ( room = 0; (plids[0] = line_alloc(NULL, LINE_RX)) != PLID_NONE;
          room++ )
    {
        line_meta(plids[0])->link = plids[1];
        plids[1] = plids[0];
    }
    CHECK_EQ(lines_used(), MEM / LINE_BYTES);
    CHECK_EQ(arena_used(a), intern_lines_used(a) + segment_map_lines(hd_of(0)));
    while ( room-- )
    {
        plids[0] = plids[1];
        plids[1] = line_meta(plids[0])->link;
        line_put(plids[0]);
    }
    store_end();
}

TEST(an_index_that_forgets_costs_memory_and_nothing_else)
{
    uint32_t a, b;

    dom_create(0);
    /* One page of index for 1300 lines. */
    hd_of(0)->arena->quota = 512;
    CHECK_EQ(seg_create(0, 1, INTERNED, &a), 0);
    CHECK_EQ(hd_of(0)->arena->intern.order, 0);
    hd_of(0)->arena->quota = MEM / LINE_BYTES;
    a = filled(0, 600000, INTERNED, 1);
    b = filled(0, 600000, INTERNED, 1);
    CHECK(hd_of(0)->arena->intern.misses > 1300);
    CHECK(hd_of(0)->arena->intern.hits > 100);
    CHECK(seg_root(0, a) != seg_root(0, b));
    CHECK_EQ(seg_compare(0, a, b), 1);
    expect(0, a, 0, 600000, 1);
    expect(0, b, 0, 600000, 1);
    store_end();
}

TEST(a_saturated_line_is_stored_afresh)
{
    uint32_t a, b;
    plid_t plid;

    dom_create(0);
    a = filled(0, LINE_BYTES, INTERNED, 1);
    plid = seg_root(0, a);
    atomic_set(&line_meta(plid)->refs, 1 << 30);
    b = filled(0, LINE_BYTES, INTERNED, 1);
    CHECK(seg_root(0, b) != plid);
    /* From now on it is the new one that is found. */
    filled(0, LINE_BYTES, INTERNED, 1);
    atomic_set(&line_meta(plid)->refs, 1);
    store_check();
    expect(0, a, 0, LINE_BYTES, 1);
    expect(0, b, 0, LINE_BYTES, 1);
    store_end();
}

/* ---- Pages --------------------------------------------------------------- */

static struct page_info *mapped(unsigned int dom, uint64_t mfn)
{
    return get_page_from_mfn(_mfn(mfn), doms[dom]);
}

TEST(a_mapped_page_shows_the_bytes_and_cannot_be_written)
{
    struct page_info *pg;
    uint64_t frames[8];
    unsigned int i;
    uint32_t id;

    dom_create(0);
    dom_create(1);
    id = filled(0, 5 * PAGE_SIZE + 100, MAPPABLE, 1);
    CHECK_EQ(seg_map(0, id, 0, 6 * PAGE_SIZE, frames), 0);
    fill(buf, 5 * PAGE_SIZE + 100, 1);
    for ( i = 0; i < 6; i++ )
    {
        pg = mfn_to_page(_mfn(frames[i]));
        CHECK_EQ(page_get_owner(pg), doms[0]);
        CHECK(is_special_page(pg));
        CHECK(!get_page_and_type(pg, doms[0], PGT_writable_page));
        CHECK(!get_page_and_type(pg, doms[0], PGT_l1_page_table));
        CHECK(!get_page(pg, doms[1]));
        CHECK(!memcmp(emul_guest(frames[i]), buf + i * PAGE_SIZE,
                      i < 5 ? PAGE_SIZE : 100));
    }
    CHECK_EQ(*((uint8_t *)emul_guest(frames[5]) + 100), 0);
    CHECK_EQ(*((uint8_t *)emul_guest(frames[5]) + 4095), 0);

    /* What is mapped stays what it was. */
    pg = mapped(0, frames[1]);
    CHECK(pg);
    CHECK_EQ(seg_write(0, id, PAGE_SIZE, 4, "abcd"), 0);
    CHECK(!memcmp(emul_guest(frames[1]), buf + PAGE_SIZE, PAGE_SIZE));
    put_page(pg);

    CHECK_EQ(seg_map(0, id, PAGE_SIZE, 6 * PAGE_SIZE, frames), -EINVAL);
    CHECK_EQ(seg_map(0, id, 7 * PAGE_SIZE, PAGE_SIZE, frames), -EINVAL);
    CHECK_EQ(seg_prepend(0, id, 1, "x"), 0);
    CHECK_EQ(seg_map(0, id, 0, PAGE_SIZE, frames), -EINVAL);
    CHECK_EQ(seg_prepend(0, id, 4095, buf), 0);
    CHECK_EQ(seg_map(0, id, 0, PAGE_SIZE, frames), 0);
    store_end();
}

TEST(pages_of_zeros_are_all_the_same)
{
    uint64_t frames[4];
    unsigned int i;
    uint32_t id;

    dom_create(0);
    CHECK_EQ(seg_create(0, MB(64), MAPPABLE, &id), 0);
    CHECK_EQ(seg_write(0, id, PAGE_SIZE, 1, "x"), 0);
    CHECK_EQ(seg_map(0, id, 0, 4 * PAGE_SIZE, frames), 0);
    CHECK_EQ(frames[0], frames[2]);
    CHECK_EQ(frames[0], frames[3]);
    CHECK(frames[0] != frames[1]);
    for ( i = 0; i < PAGE_SIZE; i++ )
        CHECK(!((uint8_t *)emul_guest(frames[0]))[i]);
    CHECK_EQ(atomic_read(&hd_of(0)->pages), 2);
    store_end();
}

TEST(a_page_that_is_still_mapped_stays_charged_until_it_is_not)
{
    struct page_info *pg[3];
    uint64_t frames[3];
    unsigned int used, i;
    uint32_t id, other;

    dom_create(0);
    CHECK_EQ(seg_create(0, 1, 0, &other), 0);
    used = arena_used(hd_of(0)->arena);
    id = filled(0, 3 * PAGE_SIZE, MAPPABLE, 1);
    CHECK_EQ(seg_map(0, id, 0, 3 * PAGE_SIZE, frames), 0);
    for ( i = 0; i < 3; i++ )
        pg[i] = mapped(0, frames[i]);
    CHECK_EQ(seg_free(0, id), 0);
    CHECK_EQ(arena_used(hd_of(0)->arena), used + 3 * PAGE_LINES);
    CHECK(mapped(0, frames[0]));
    put_page(pg[0]);
    store_check();

    /* Any later operation finds them. */
    for ( i = 0; i < 3; i++ )
    {
        put_page(pg[i]);
        CHECK_EQ(seg_read(0, other, 0, 1, buf), 0);
        CHECK_EQ(arena_used(hd_of(0)->arena), used + (2 - i) * PAGE_LINES);
        CHECK(!mapped(0, frames[i]));
    }
    store_end();
}

TEST(a_dead_domain_leaves_no_page_whatever_maps_it)
{
    struct page_info *pg[2];
    uint64_t frames[2];
    uint32_t id;

    dom_create(0);
    id = filled(0, 2 * PAGE_SIZE, MAPPABLE, 1);
    CHECK_EQ(seg_map(0, id, 0, 2 * PAGE_SIZE, frames), 0);
    pg[0] = mapped(0, frames[0]);
    pg[1] = mapped(0, frames[1]);
    /* It gave one to the balloon. */
    put_page_alloc_ref(pg[1]);
    CHECK_EQ(seg_free(0, id), 0);
    doms[0]->is_dying = DOMDYING_dying;
    CHECK_EQ(segment_teardown(hd_of(0)), 0);
    CHECK_EQ(lines_used(), 0);
    CHECK_EQ(page_get_owner(pg[0]), doms[0]);
    put_page(pg[0]);        /* as the page tables go */
    put_page(pg[1]);
    CHECK(!page_get_owner(pg[0]));
    CHECK(!page_get_owner(pg[1]));
    store_end();
}

TEST(no_page_is_made_for_the_dying)
{
    uint32_t id;

    dom_create(0);
    CHECK_EQ(seg_create(0, PAGE_SIZE, MAPPABLE, &id), 0);
    doms[0]->is_dying = DOMDYING_dying;
    CHECK_EQ(seg_write(0, id, 0, 1, "x"), -ENOMEM);
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
