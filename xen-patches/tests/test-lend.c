/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-lend.c
 *
 * What a sender may lend that nobody can write meanwhile: sealed runs, and
 * segments.  Receivers read what was there at the doorbell, whatever its owner
 * does next.
 */

#include "lent.h"

void test_setup(void)
{
    guests_boot("4M");
}

/* ---- Sealed runs --------------------------------------------------------- */

TEST(a_sealed_page_cannot_be_written_until_it_is_revoked)
{
    unsigned long mfn;
    uint32_t ref, more;
    struct pkt p;

    three_guests();
    mfn = emul_pages_create(a->d, 2);
    CHECK(emul_guest_map(mfn, true));
    memset(emul_guest(mfn), 0x11, PAGE_SIZE);

    /* While anybody can write, it cannot be sealed. */
    CHECK_EQ(guest_issue(a, mfn, 0, HICAMP_RUN_SEALED, &ref), -EBUSY);
    CHECK_EQ(guest_issue(a, mfn + 1, 0, HICAMP_RUN_RW, &more), 0);
    CHECK(emul_guest_map(mfn, false));
    CHECK_EQ(guest_issue(a, mfn, 1, HICAMP_RUN_SEALED, &ref), -EBUSY);
    CHECK_EQ(guest_revoke(a, more), 0);
    CHECK(emul_guest_map(mfn + 1, true) && emul_guest_map(mfn + 1, false));

    CHECK_EQ(guest_issue(a, mfn, 1, HICAMP_RUN_SEALED, &ref), 0);
    CHECK(!emul_guest_map(mfn, true));
    CHECK(!emul_guest_map(mfn + 1, true));
    CHECK_EQ(guest_issue(a, mfn, 0, HICAMP_RUN_RW, &more), -EINVAL);
    CHECK(!get_page_type(mfn_to_page(_mfn(mfn)), PGT_l1_page_table));

    /* It can be read, sealed once more, and sent, but not received into. */
    CHECK_EQ(*(uint8_t *)emul_guest(mfn), 0x11);
    CHECK_EQ(guest_issue(a, mfn, 0, HICAMP_RUN_SEALED, &more), 0);
    CHECK_EQ(guest_revoke(a, more), 0);
    CHECK(!emul_guest_map(mfn, true));
    guest_starve(b);
    p = pkt_new(a, 1, 60);
    p.h.len += 4096;
    p.h.nr_extents = 1;
    p.ext[0] = (struct hicamp_extent){
        .name = ref, .len = 4096, .type = HICAMP_EXT_REF,
    };
    send(a, &p);

    CHECK_EQ(guest_revoke(a, ref), 0);
    CHECK(emul_guest_map(mfn, true));
    memset(emul_guest(mfn), 0x22, PAGE_SIZE);
    fetch(b);
    CHECK(guest_get(b));
    CHECK_EQ(b->got.data[60], 0x11);
    CHECK_EQ(b->got.data[60 + 4095], 0x11);
    guests_end();
}

TEST(a_page_table_is_not_sealed_and_a_sealed_page_no_buffer)
{
    struct page_info *pg;
    uint32_t ref;
    struct pkt p;

    three_guests();
    guest_starve(b);
    lend(b, HICAMP_RUN_SEALED);
    guest_put_fill(b, lent.ref, 0, 4096, 0);
    p = guest_send(a, 1, 500, 60, 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(b, bad_fill), 1);
    guest_fill(b);
    fetch(b);
    guest_expect(b, a, &p);

    pg = mfn_to_page(_mfn(emul_pages_create(a->d, 1)));
    CHECK(get_page_type(pg, PGT_l1_page_table));
    CHECK_EQ(guest_issue(a, mfn_x(page_to_mfn(pg)), 0, HICAMP_RUN_SEALED,
                         &ref), -EBUSY);
    put_page_type(pg);
    CHECK_EQ(guest_issue(a, a->pool, 0, HICAMP_RUN_SEALED | HICAMP_RUN_RW,
                         &ref), -EINVAL);
    CHECK_EQ(guest_issue(a, b->pool, 0, HICAMP_RUN_SEALED, &ref), -EINVAL);
    guests_end();
}

/* ---- Segments ------------------------------------------------------------ */

static uint32_t segment_make(struct guest *g, unsigned int flags)
{
    struct hicamp_segment_op op = {
        .command = HICAMP_SEG_CREATE, .flags = flags,
        .bytes = sizeof(lent.before),
    };

    CHECK_EQ(guest_segment(g, &op), 0);

    return op.segment;
}

static void segment_write(struct guest *g, uint32_t segment, uint64_t offset,
                          const void *from, uint64_t bytes)
{
    struct hicamp_segment_op op = {
        .command = HICAMP_SEG_WRITE, .segment = segment, .offset = offset,
        .bytes = bytes, .addr = (uintptr_t)from,
    };

    CHECK_EQ(guest_segment(g, &op), 0);
}

static void segment_free(struct guest *g, uint32_t segment)
{
    struct hicamp_segment_op op = {
        .command = HICAMP_SEG_FREE, .segment = segment,
    };

    CHECK_EQ(guest_segment(g, &op), 0);
}

static struct pkt segment_pkt(struct guest *g, uint32_t segment,
                              unsigned int offset, unsigned int len)
{
    struct pkt p = lent_pkt(g, 1, offset, len, true, offset);

    p.ext[0].name = segment;
    p.ext[0].type = HICAMP_EXT_SEGMENT;

    return p;
}

TEST(a_segment_is_sent_as_it_is_whatever_becomes_of_it)
{
    static const unsigned int flags[] = { 0, HICAMP_SEG_INTERNED };
    static uint8_t other[LENT_PAGES * PAGE_SIZE];
    unsigned int kind, how, i;
    struct pkt p[5];
    uint32_t segment;

    memset(other, 0xee, sizeof(other));
    for ( kind = 0; kind < ARRAY_SIZE(flags); kind++ )
        for ( how = 0; how < 5; how++ )
        {
            three_guests();
            guest_starve(b);
            lend(a, 0);
            /* What nobody has written is zero. */
            memset(lent.before + 9000, 0, 9000);
            segment = segment_make(a, flags[kind]);
            segment_write(a, segment, 0, lent.before, 9000);
            segment_write(a, segment, 18000, lent.before + 18000,
                          sizeof(lent.before) - 18000);
            if ( how == 1 )
                CHECK_EQ(guest_set(a, HICAMP_PORT_SET_FLAGS, 0,
                                   HICAMP_PORT_COPY), 0);
            for ( i = 0; i < 5; i++ )
            {
                p[i] = segment_pkt(a, segment, i * 3001, 1 + i * 12000);
                send(a, &p[i]);
            }
            CHECK_EQ(COUNT(a, tx_segments), 5);
            CHECK_EQ(COUNT(a, copied_port), how == 1 ? 5 : 0);

            segment_write(a, segment, 0, other, sizeof(other));
            segment_free(a, segment);
            if ( how == 2 )
                emul_advance(AGE);
            if ( how == 3 )
                CHECK_EQ(guest_detach(a), 0);
            if ( how == 4 )
                guest_kill(a);

            fetch(b);
            for ( i = 0; how < 4 && i < 5; i++ )
                expect_before(b, &p[i], i * 3001);
            CHECK(!guest_get(b));
            CHECK_EQ(COUNT(b, drop_torn), how == 4 ? 5 : 0);
            CHECK_EQ(guest_lines(b), 0);
            if ( how < 4 )
            {
                CHECK_EQ(guest_info(a).borrowed, 0);
                CHECK_EQ(reap_all(a, HICAMP_COMP_OK), how == 3 ? 0 : 5);
                guest_kill(a);
            }
            guest_kill(b);
            guest_kill(c);
            CHECK_EQ(host_info().lines_used, 0);
        }
    guests_end();
}

TEST(only_what_is_in_a_segment_of_the_sender_is_sent)
{
    uint32_t segment, theirs;
    unsigned int i;
    struct pkt p;

    three_guests();
    segment = segment_make(a, 0);
    theirs = segment_make(b, 0);
    segment_write(b, theirs, 0, lent.before, 5000);
    for ( i = 0; i < 6; i++ )
    {
        p = segment_pkt(a, segment, 0, 100);
        switch ( i )
        {
        case 0: p.ext[0].name = theirs + 1; break;
        case 1: p.ext[0].name |= 1ull << 32; break;
        case 2: p.ext[0].offset = sizeof(lent.before) - 99; break;
        case 3: p.ext[0].offset = ~0u; break;
        case 4: p.ext[0].name ^= 1u << 31; break;
        case 5: segment_free(a, segment); break;
        }
        transmit(&p);
        CHECK_EQ(COUNT(a, drop_frame), i + 1);
        completed(p.h.id, HICAMP_COMP_BAD);
        CHECK(!guest_get(b));
    }
    guests_end();
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
