/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * lent.h
 *
 * For tests of what packets borrow: memory of a sender that is about to
 * change, packets made of it, and what must arrive of them.  Included by one
 * file of a test program.
 */

#ifndef LENT_H
#define LENT_H

#include "traffic.h"

#define AGE             MILLISECS(1)

#define LENT_PAGES      16

/* Memory of a sender that it will write to, and what was there before. */
static struct lent {
    unsigned long mfn;
    uint32_t ref;
    uint8_t before[LENT_PAGES * PAGE_SIZE];
} lent;

static inline void lend(struct guest *g, unsigned int flags)
{
    unsigned int i;

    lent.mfn = emul_pages_create(g->d, LENT_PAGES);
    for ( i = 0; i < sizeof(lent.before); i++ )
        lent.before[i] = test_random();
    memcpy(emul_guest(lent.mfn), lent.before, sizeof(lent.before));
    CHECK_EQ(guest_issue(g, lent.mfn, HICAMP_ORDER_MAX, flags, &lent.ref), 0);
}

static inline void scribble(void)
{
    memset(emul_guest(lent.mfn), 0xee, LENT_PAGES * PAGE_SIZE);
}

/* A packet of g to group, from what is lent: ref, or frames. */
static inline struct pkt lent_pkt(struct guest *g, unsigned int group,
                                  unsigned int offset, unsigned int len,
                                  bool ref, uint32_t id)
{
    struct pkt p = pkt_new(g, group, 60);

    p.h.id = id;
    p.h.len += len;
    p.h.nr_extents = 1;
    p.ext[0] = (struct hicamp_extent){
        .name = ref ? lent.ref : lent.mfn + (offset >> PAGE_SHIFT),
        .offset = ref ? offset : PAGE_OFFSET(offset), .len = len,
        .type = ref ? HICAMP_EXT_REF : HICAMP_EXT_FRAME,
    };

    return p;
}

/* The next that to has got is p as it was, from offset of what was lent. */
static inline void expect_before(struct guest *to, const struct pkt *p,
                                 unsigned int offset)
{
    CHECK(guest_get(to));
    CHECK_EQ(to->got.h.len, p->h.len);
    CHECK(!memcmp(to->got.data, p->inl, p->h.inline_len));
    CHECK(!memcmp(to->got.data + p->h.inline_len, lent.before + offset,
                  p->h.len - p->h.inline_len));
}

static inline void send(struct guest *g, const struct pkt *p)
{
    CHECK(guest_put(g, p));
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
}

static inline void fetch(struct guest *g)
{
    guest_fill(g);
    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_RX), 0);
}

static inline void all_gone(struct guest *g)
{
    CHECK_EQ(guest_info(g).borrowed, 0);
    CHECK_EQ(host_info().lines_used, 0);
    guests_end();
}

#endif /* LENT_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
