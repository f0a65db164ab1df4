/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * fuzz-tx.c
 *
 * libFuzzer target for a hostile guest's rings: the input is a list of things
 * that it does to its slots, indices, buffers and port.  Meanwhile two others
 * exchange packets, of which none may be lost or changed, and when all have
 * died nothing may be left.
 */

#include "fuzz.h"
#include "guests.h"

static void take_into(void *to, size_t bytes)
{
    uint8_t *p = to;

    while ( bytes-- )
        *p++ = take(1);
}

/* ---- The two that must not suffer ---------------------------------------- */

static struct guest *a, *b, *x;
static uint32_t serial;

/* b gets all that waits, among it the packet, if there is one, once. */
static void drain(const struct pkt *p)
{
    static uint8_t data[HICAMP_LEN_MAX + 1];
    unsigned int seen = 0, more;

    do {
        for ( more = 0; guest_get(b); more++ )
        {
            if ( !p || b->got.h.len != p->h.len ||
                 memcmp(b->got.data, p->inl, p->h.inline_len) )
                continue;
            pkt_bytes(p, a, data);
            CHECK(!memcmp(b->got.data, data, p->h.len));
            seen++;
        }
        guest_fill(b);
        CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    } while ( more );
    CHECK_EQ(seen, !!p);
}

/* group 1: to b; 2: to b and x, which holds a's payload no longer than 2 ms. */
static void exchange(unsigned int group, unsigned int len)
{
    struct hicamp_comp c;
    struct pkt p = pkt_new(a, group, 60);

    memcpy(p.inl + 14, &serial, sizeof(serial));
    serial++;
    if ( len )
        pkt_extent(&p, a, len % 5000, len, len % 2);
    CHECK(guest_put(a, &p));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    drain(&p);
    if ( group == 2 )
        emul_advance(MILLISECS(2));
    CHECK_EQ(guest_reap(a, &c), p.h.nr_extents > 0);
    CHECK(!guest_reap(a, &c));
}

/* ---- The one that does what it wants ------------------------------------- */

static uint32_t segment;        /* the last that x made */

static void segment_op(void)
{
    static uint8_t room[4096];
    struct hicamp_segment_op op = {
        .command = take(1) % 11, .segment = segment,
        .offset = take(2), .bytes = take(2) % sizeof(room),
        .addr = (uintptr_t)room,
    };

    if ( op.command == HICAMP_SEG_CREATE )
    {
        op.segment = op.offset = op.addr = 0;
        op.bytes *= 16;
    }
    if ( !guest_segment(x, &op) && op.command == HICAMP_SEG_CREATE )
        segment = op.segment;
}

/* A packet that is good but for what the input says. */
static void nearly_good(void)
{
    struct pkt p = pkt_new(x, take(1) % 4, 14 + take(1) % 147);
    unsigned int nr = take(1) % (HICAMP_EXTENTS_MAX + 2);

    while ( nr-- && p.h.nr_extents < HICAMP_EXTENTS_MAX )
        pkt_extent(&p, x, take(2) % 60000, 1 + take(2) % 4000, take(1) & 1);
    switch ( take(1) % 12 )
    {
    case 0: p.h.len = take(4); break;
    case 1: p.h.inline_len = take(2); break;
    case 2: p.h.nr_extents = take(2) % 40; break;
    case 3: p.h.flags = take(1); p.h.csum_start = take(2);
            p.h.csum_offset = take(2); break;
    case 4: p.h.flags = 1; p.h.gso_type = take(1) % 4;
            p.h.gso_size = take(2); p.h.csum_start = 34;
            p.h.csum_offset = 16; break;
    case 5: p.ext[take(1) % 36].name = take(4); break;
    case 6: p.ext[take(1) % 36].offset = take(4); break;
    case 7: p.ext[take(1) % 36].len = take(2); break;
    case 8: p.ext[take(1) % 36].type = take(2) % 6; break;
    case 9: take_into(p.inl + 12, 40); break;
    case 10: p.ext[0].type = HICAMP_EXT_SEGMENT;
             p.ext[0].name = segment; break;
    }
    if ( p.h.inline_len <= HICAMP_INLINE_MAX &&
         p.h.nr_extents <= HICAMP_EXTENTS_MAX )
        guest_put(x, &p);
}

static uint32_t some_ref(void)
{
    uint32_t n = take(1);

    return n < x->nr_bufs ? x->bufs[n].ref : n == 255 ? take(4) : x->pool_ref;
}

static void hostile(void)
{
    uint32_t *words = (uint32_t *)x->ctrl, n;

    switch ( take(1) % 20 )
    {
    case 0:
        take_into(guest_tx_slot(x, take(1)), HICAMP_SLOT_BYTES);
        break;
    case 1: case 2: case 3:
        nearly_good();
        break;
    case 4:
        n = read_atomic(&x->ctrl->tx_cons) + take(1) % 66;
        write_atomic(&x->ctrl->tx_prod, n);
        x->tx_prod = n;
        break;
    case 5:
        n = take(1) % (sizeof(*x->ctrl) / sizeof(*words));
        words[n] = take(4);
        break;
    case 6:
        *guest_fill_entry(x, take(1)) = (struct hicamp_fill){
            .ref = some_ref(), .offset = take(2), .len = take(2) * 3,
            .id = take(1),
        };
        break;
    case 7:
        write_atomic(&x->ctrl->fill_prod,
                     read_atomic(&x->ctrl->fill_cons) + take(1) % 66);
        break;
    case 8:
        write_atomic(&x->ctrl->rx_cons,
                     read_atomic(&x->ctrl->rx_prod) - take(1) % 66);
        break;
    case 9:
        write_atomic(&x->ctrl->comp_cons,
                     read_atomic(&x->ctrl->comp_prod) - take(1) % 66);
        break;
    case 10: case 11:
        emul_preempt_every = take(1) % 4;
        guest_doorbell(x, take(1) % 5);
        emul_preempt_every = 0;
        break;
    case 12:
        guest_revoke(x, some_ref());
        break;
    case 13:
        n = take(1);
        guest_issue(x, x->pool + n % 40, take(1) % 6, take(1) % 5,
                    n & 1 ? &x->bufs[n % 32].ref : &x->pool_ref);
        break;
    case 14:
        guest_detach(x);
        if ( take(1) % 8 )
            guest_attach(x);
        break;
    case 15:
        guest_set(x, 1 + take(1) % 7, 68 + take(2) % 60000, take(1) % 4);
        break;
    case 16:
        emul_advance(MICROSECS(take(1) * 8));
        break;
    case 17:
        guest_quota(x, take(1) * 2);
        host_param(HICAMP_PARAM_BORROW_PAIR, take(1));
        break;
    case 18: case 19:
        segment_op();
        break;
    }
}

/* ---- One run ------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    emul_reset();
    guests_boot("1M");
    domain_kill_hicamp(dom0);
    emul_keep();

    return 0;
}

static void begin(void)
{
    struct guest *all[3];

    emul_pages_recycle();
    guests_begin();
    all[0] = b = guest_new();
    all[1] = x = guest_new();
    all[2] = a = guest_new();
    guest_quota(x, 512);    /* a quarter of the store */
    host_param(HICAMP_PARAM_BORROW_PAIR, 64);
    flow(a, 1, all, 1);
    flow(a, 2, all, 2);
    flow(x, 1, all, 1);
    flow(x, 2, all, 3);
    flow(x, 3, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hicamp_comp c;

    at = data;
    end = data + size;
    begin();

    while ( at < end )
    {
        hostile();
        drain(NULL);
        while ( guest_get(a) )
            ;
        guest_fill(a);
        if ( take(1) % 4 == 0 )
            exchange(1 + take(1) % 2, take(2) % 9000);
    }

    exchange(1, 3000);
    guest_kill(x);
    exchange(1, 5000);
    CHECK(!guest_reap(a, &c));
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_info(b).queued, 0);
    CHECK_EQ(COUNT(a, ring_errors) + COUNT(b, ring_errors), 0);
    guests_end();
    emul_check_clean();

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
