/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-window.c
 *
 * Payload that is shown instead of copied: who sees what when, that senders get
 * it back, and that nobody else is harmed by a driver domain that cheats.
 */

#include "traffic.h"
#include "pvmap.h"

#define PLACES          32
#define ORDER           1       /* of a run: two places */
#define BIG             10000   /* bytes of payload: three pages, or four */

/* The one with the window, and its op. */
static struct guest *up;
static struct hicamp_place places[HICAMP_WINDOW_MAX];

void test_setup(void)
{
    guests_boot("32M");
}

/* For up, nr places from an entry on. */
static struct hicamp_window window_from(unsigned int first, unsigned int nr)
{
    unsigned int i;

    for ( i = 0; i < nr; i++ )
        places[i] = (struct hicamp_place){
            .frame = emul_pt_own(first + i), .pte = emul_pt_entry(first + i),
        };

    return (struct hicamp_window){
        .port = up->port, .order = ORDER, .runs = nr >> ORDER, .max_runs = 8,
        .min_bytes = PAGE_SIZE, .places = (unsigned long)places,
    };
}

static struct hicamp_window window(unsigned int nr)
{
    return window_from(0, nr);
}

static int open_as(struct domain *d, struct hicamp_window op)
{
    emul_set_current(d);

    return do_hicamp_op(HICAMP_OP_window_open, guest_handle_from_ptr(&op, void));
}

/* a and b send group 1 to up, which has a window of this many places. */
static void world(unsigned int nr)
{
    a = guest_new();
    b = guest_new();
    up = guest_fabric();
    up = guest_add(up->d, 7, 64, 64, 64, 64);
    guest_buffers(up, 16, 0);
    guest_fill(up);
    flow(a, 1, &up, 1);
    flow(b, 1, &up, 1);
    emul_pt_create(up->d, nr + PLACES);
    CHECK_EQ(open_as(up->d, window(nr)), 0);
}

static void end(void)
{
    emul_pt_destroy();
    guests_end();
}

static int release(const uint16_t *at, unsigned int nr, unsigned int *done)
{
    struct hicamp_window_release op = {
        .port = up->port, .nr = nr, .runs = (unsigned long)at,
    };
    int rc;

    emul_set_current(up->d);
    rc = do_hicamp_op(HICAMP_OP_window_release, guest_handle_from_ptr(&op, void));
    if ( done )
        *done = op.done;

    return rc;
}

static int release_one(uint16_t at)
{
    return release(&at, 1, NULL);
}

/* A packet that up has got, as it stands in the ring. */
struct shown {
    struct hicamp_pkt h;
    struct hicamp_extent ext[HICAMP_EXTENTS_MAX];
    uint16_t run, at;           /* its first, and that one's first place */
};

static bool next_shown(struct shown *s)
{
    unsigned int i, slots;

    if ( up->rx_cons == read_atomic(&up->ctrl->rx_prod) )
        return false;
    memcpy(&s->h, guest_rx_slot(up, up->rx_cons), sizeof(s->h));
    slots = HICAMP_HDR_SLOTS(s->h.inline_len);
    for ( i = 0; i < s->h.nr_extents; i++ )
        memcpy(&s->ext[i], (const struct hicamp_extent *)
               guest_rx_slot(up, up->rx_cons + slots + i / 4) + i % 4,
               sizeof(s->ext[i]));
    up->rx_cons += HICAMP_PKT_SLOTS(s->h.inline_len, s->h.nr_extents);
    write_atomic(&up->ctrl->rx_cons, up->rx_cons);
    s->at = s->ext[0].offset >> PAGE_SHIFT;
    s->run = s->at >> ORDER;

    return true;
}

/* Are the bytes of p where s says, to a NIC and (look) to the driver? */
static void expect_shown(const struct shown *s, const struct guest *from,
                         const struct pkt *p, bool look)
{
    static uint8_t want[HICAMP_LEN_MAX + 1];
    const uint8_t *at = want + p->h.inline_len;
    unsigned int i;

    pkt_bytes(p, from, want);
    CHECK_EQ(s->h.len, p->h.len);
    for ( i = 0; i < s->h.nr_extents; i++ )
    {
        const struct hicamp_extent *e = &s->ext[i];
        uint32_t offset = e->offset, left = e->len, n;

        CHECK_EQ(e->type, HICAMP_EXT_PLACE);
        CHECK(offset % (PAGE_SIZE << ORDER) + left <= PAGE_SIZE << ORDER);
        CHECK(!memcmp(emul_guest(e->name) + PAGE_OFFSET(offset), at, left));
        for ( ; left; offset += n, left -= n, at += n )
        {
            n = min(left, (uint32_t)(PAGE_SIZE - PAGE_OFFSET(offset)));
            if ( look )
                CHECK(!memcmp(emul_pt_look(offset >> PAGE_SHIFT) +
                              PAGE_OFFSET(offset), at, n));
        }
    }
    CHECK_EQ(at - want, p->h.len);
}

static struct pkt send_big(struct guest *g, uint32_t id)
{
    struct pkt p = guest_send(g, 1, 64 + BIG, 64, id);

    CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);

    return p;
}

static bool own_again(unsigned int from, unsigned int to)
{
    for ( ; from < to; from++ )
        if ( !emul_pt_own_again(from) )
            return false;

    return true;
}

/* ---- Showing and releasing ----------------------------------------------- */

TEST(large_payload_is_shown_and_given_back_when_released)
{
    struct shown s;
    struct pkt p;

    world(PLACES);
    p = send_big(a, 5);
    CHECK(next_shown(&s));
    expect_shown(&s, a, &p, false);
    CHECK_EQ(COUNT(up, rx_shown), 1);
    CHECK_EQ(COUNT(up, rx_packets), 1);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);
    CHECK_EQ(guest_info(a).borrowed, 1);

    CHECK_EQ(release_one(s.run), 0);
    completed(5, HICAMP_COMP_OK);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK(own_again(0, PLACES));
    CHECK_EQ(release_one(s.run), -ENOENT);
    end();
}

TEST(who_never_looks_is_never_flushed)
{
    unsigned int i;

    world(PLACES);
    CHECK_EQ(emul_flushes, 1); /* when it was opened */
    for ( i = 0; i < 3 * PLACES; i++ )
    {
        struct pkt p = send_big(a, i);
        struct shown s;

        CHECK(next_shown(&s));
        expect_shown(&s, a, &p, false);
        CHECK_EQ(release_one(s.run), 0);
        completed(i, HICAMP_COMP_OK);
    }
    CHECK_EQ(emul_flushes, 1);
    end();
}

static void not_completed_yet(void)
{
    CHECK_EQ(a->ctrl->comp_prod, a->comp_cons);
}

TEST(who_looks_sees_the_payload_and_is_flushed_before_the_sender_has_it_back)
{
    unsigned int i, flushes;

    world(4);
    for ( i = 0; i < 8; i++ )
    {
        struct pkt p = send_big(a, i);
        struct shown s;

        CHECK(next_shown(&s));
        expect_shown(&s, a, &p, true);
        flushes = emul_flushes;
        emul_flush_hook = not_completed_yet;
        CHECK_EQ(release_one(s.run), 0);
        emul_flush_hook = NULL;
        CHECK_EQ(emul_flushes, flushes + 1);
        completed(i, HICAMP_COMP_OK);
        CHECK(emul_pt_look(s.at) == emul_guest(emul_pt_own(s.at)));
    }
    end();
}

TEST(small_packets_references_and_what_finds_no_places_are_copied)
{
    struct pkt p[12], q;
    struct shown s[12];
    unsigned int i, shown = 0;

    world(8);
    q = guest_send(a, 1, 64 + PAGE_SIZE - 1, 64, 99);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    guest_expect(up, a, &q);
    completed(99, HICAMP_COMP_OK);

    q = pkt_new(a, 1, 64);
    pkt_extent(&q, a, 0, BIG, true);
    CHECK(guest_put(a, &q));
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    guest_expect(up, a, &q);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 1);
    CHECK_EQ(COUNT(up, rx_shown), 0);

    for ( i = 0; i < 4; i++ )
        p[i] = send_big(a, i);
    shown = COUNT(up, rx_shown);
    CHECK_EQ(shown, 2);
    for ( i = 0; i < shown; i++ )
    {
        CHECK(next_shown(&s[i]));
        expect_shown(&s[i], a, &p[i], false);
    }
    for ( ; i < 4; i++ )
        guest_expect(up, a, &p[i]);
    for ( i = 0; i < shown; i++ )
        CHECK_EQ(release_one(s[i].run), 0);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 4);
    end();
}

TEST(a_batch_is_released_up_to_its_first_error)
{
    struct shown s[3];
    uint16_t at[5];
    unsigned int i, done;

    world(PLACES);
    for ( i = 0; i < 3; i++ )
    {
        send_big(a, i);
        CHECK(next_shown(&s[i]));
        at[i] = s[i].run;
    }
    at[3] = at[0];
    at[4] = PLACES >> ORDER;
    CHECK_EQ(release(at, 5, &done), -ENOENT);
    CHECK_EQ(done, 3);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 3);
    CHECK_EQ(release(at + 4, 1, &done), -ENOENT);
    CHECK_EQ(release(at, 0, &done), -EINVAL);
    CHECK_EQ(release(at, HICAMP_RELEASE_MAX + 1, &done), -EINVAL);
    CHECK_EQ(release((void *)8, 2, &done), -EFAULT);
    end();
}

TEST(of_several_receivers_the_last_gives_it_back)
{
    struct guest *both[2];
    struct shown s;
    struct pkt p;

    world(PLACES);
    both[0] = b;
    both[1] = up;
    flow(a, 2, both, 2);
    guest_starve(b);
    p = guest_send(a, 2, 64 + BIG, 64, 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK(next_shown(&s));
    expect_shown(&s, a, &p, false);
    CHECK_EQ(release_one(s.run), 0);
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);
    /* It ages again, now that no window holds it. */
    emul_advance(MILLISECS(5));
    completed(1, HICAMP_COMP_OK);
    CHECK_EQ(COUNT(a, copied_age), 1);
    guest_fill(b);
    CHECK_EQ(guest_doorbell(b, HICAMP_DOORBELL_RX), 0);
    guest_expect(b, a, &p);
    end();
}

TEST(a_packet_for_two_windows_is_shown_in_one_and_copied_to_the_other)
{
    struct guest *both[2];
    struct shown s;
    struct pkt p;

    world(PLACES);
    both[0] = up;
    both[1] = up = guest_add(up->d, 8, 64, 64, 64, 64);
    guest_buffers(up, 16, 0);
    guest_fill(up);
    CHECK_EQ(open_as(up->d, window_from(PLACES, PLACES)), 0);
    up = both[0];
    flow(a, 2, both, 2);

    p = guest_send(a, 2, 64 + BIG, 64, 1);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK_EQ(COUNT(both[0], rx_shown) + COUNT(both[1], rx_shown), 1);
    CHECK(next_shown(&s));
    expect_shown(&s, a, &p, false);
    guest_expect(both[1], a, &p);
    CHECK_EQ(release_one(s.run), 0);
    completed(1, HICAMP_COMP_OK);
    end();
}

/* ---- Nobody takes it from a NIC ------------------------------------------ */

TEST(neither_age_nor_a_detach_takes_what_is_shown)
{
    struct shown s;
    struct pkt p;

    world(PLACES);
    p = send_big(a, 1);
    CHECK(next_shown(&s));
    emul_advance(SECONDS(5));
    CHECK_EQ(reap_all(a, HICAMP_COMP_OK), 0);
    CHECK_EQ(guest_detach(a), -EBUSY);
    CHECK_EQ(guest_detach(a), -EBUSY);
    expect_shown(&s, a, &p, true);
    CHECK_EQ(release_one(s.run), 0);
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_attach(a), 0);
    end();
}

TEST(the_sender_dies_and_its_frames_stay_until_they_are_released)
{
    struct page_info *pg;
    struct shown s;
    struct pkt p;

    world(PLACES);
    p = send_big(a, 1);
    CHECK(next_shown(&s));
    pg = mfn_to_page(_mfn(s.ext[0].name));
    guest_kill(a);
    CHECK(pg->count_info & PGC_count_mask);
    expect_shown(&s, a, &p, true);
    CHECK_EQ(release_one(s.run), 0);
    CHECK(!(pg->count_info & PGC_count_mask));
    CHECK_EQ(host_info().lines_used, 0);
    end();
}

TEST(the_senders_port_is_destroyed_under_a_packet)
{
    struct page_info *pg;
    unsigned long before;
    struct shown s;

    world(PLACES);
    pg = mfn_to_page(_mfn(a->pool));
    before = pg->count_info;
    send_big(a, 1);
    CHECK(next_shown(&s));
    CHECK_EQ(s.ext[0].name, a->pool);
    CHECK_EQ(guest_destroy(a), 0);
    CHECK_EQ(release_one(s.run), 0);
    CHECK_EQ(host_info().lines_used, 0);
    CHECK_EQ(pg->count_info, before);
    end();
}

TEST(the_driver_domain_dies_with_packets_shown)
{
    struct shown s;

    world(PLACES);
    send_big(a, 1);
    send_big(b, 2);
    CHECK(next_shown(&s));
    CHECK(emul_pt_look(s.at));
    guest_kill(up);
    completed(1, HICAMP_COMP_OK);
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_info(b).borrowed, 0);
    CHECK(own_again(0, PLACES));
    end();
}

TEST(what_is_not_released_for_too_long_is_taken_back_and_the_window_closed)
{
    struct shown s, t;
    struct pkt p;

    world(PLACES);
    send_big(a, 1);
    CHECK(next_shown(&s));
    emul_advance(SECONDS(6));
    send_big(b, 2);
    CHECK(next_shown(&t));
    CHECK(emul_pt_look(s.at));
    emul_flush_hook = not_completed_yet;
    emul_advance(SECONDS(6));
    emul_flush_hook = NULL;
    completed(1, HICAMP_COMP_TORN);
    CHECK_EQ(COUNT(up, shown_lost), 1);
    CHECK_EQ(COUNT(a, torn), 1);
    CHECK(emul_pt_look(s.at) == emul_guest(emul_pt_own(s.at)));
    CHECK_EQ(guest_info(a).borrowed, 0);
    CHECK_EQ(guest_detach(a), 0);
    CHECK_EQ(guest_attach(a), 0);
    guest_starve(a);

    /* No more is shown, by anybody; what was released late is no error. */
    p = send_big(b, 3);
    guest_expect(up, b, &p);
    CHECK_EQ(COUNT(up, rx_shown), 2);
    CHECK_EQ(release_one(s.run), 0);
    CHECK_EQ(release_one(t.run), 0);
    CHECK_EQ(reap_all(b, HICAMP_COMP_OK), 2);
    end();
}

/* ---- A driver domain that cheats ----------------------------------------- */

TEST(entries_are_replaced_behind_xens_back)
{
    struct shown s;
    unsigned int i;

    world(PLACES);
    send_big(a, 1);
    CHECK(next_shown(&s));
    for ( i = 0; i < PLACES; i += 2 )
        emul_pt_zap(i);
    CHECK_EQ(release_one(s.run), 0);
    completed(1, HICAMP_COMP_OK);
    /* Places that map nothing show nothing: packets are copied. */
    for ( i = 0; i < 2 * PLACES; i++ )
    {
        struct pkt p = send_big(a, i);

        guest_expect(up, a, &p);
        completed(i, HICAMP_COMP_OK);
        guest_fill(up);
    }
    CHECK_EQ(COUNT(up, rx_shown), 1);
    end();
}

TEST(the_table_is_given_up_under_a_window)
{
    struct shown s;

    world(PLACES);
    send_big(a, 1);
    CHECK(next_shown(&s));
    emul_pt_destroy();
    CHECK_EQ(release_one(s.run), 0);
    completed(1, HICAMP_COMP_OK);
    guests_end();
}

TEST(what_is_wrong_with_a_window_is_told)
{
    struct hicamp_window w;
    unsigned int i;

    world(PLACES);
    w = window(PLACES);
    CHECK_EQ(open_as(up->d, w), -EBUSY);
    CHECK_EQ(open_as(a->d, w), -EPERM);
    CHECK_EQ(open_as(dom0, w), -EINVAL);    /* entries of another */
    w.queue = 1;
    CHECK_EQ(open_as(up->d, w), -ENOTCONN);
    w.queue = 0;
    w.port = a->port;
    CHECK_EQ(open_as(up->d, w), -ENOENT);
    w.port = up->port;
    w.runs = 0;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.runs = (HICAMP_WINDOW_MAX >> ORDER) + 1;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.runs = PLACES >> ORDER;
    w.max_runs = 0;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.max_runs = HICAMP_EXTENTS_MAX + 1;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.max_runs = 8;
    w.order = HICAMP_ORDER_MAX + 1;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.order = ORDER;
    w.pad = 1;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    w.pad = 0;
    w.places = 8;
    CHECK_EQ(open_as(up->d, w), -EFAULT);
    w.places = (unsigned long)places;
    for ( i = 1; i <= 2; i++ )
    {
        emul_fail_alloc(i);
        CHECK_EQ(open_as(up->d, w), -ENOMEM);
    }
    emul_fail_alloc(0);
    places[3].pte++;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    places[3].pte = 0;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    places[3].pte = (uint64_t)a->pool << PAGE_SHIFT;
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    places[3].pte = emul_pt_entry(4);
    CHECK_EQ(open_as(up->d, w), -EINVAL);
    up->d->emul_iommu = true;
    CHECK_EQ(open_as(up->d, w), -EOPNOTSUPP);
    up->d->emul_iommu = false;
    end();
}

/* ---- All at once --------------------------------------------------------- */

#define SENDERS         3
#define PACKETS         3000
#define MANY            128     /* places */
#define AT_ONCE         300     /* packets before a sender detaches, or its port goes */

static struct guest *from[SENDERS];
static unsigned int senders_left;
static uint32_t seen[SENDERS];
static const struct queue *line;

static void reap(struct guest *g)
{
    struct hicamp_comp c;

    while ( guest_reap(g, &c) )
        CHECK_EQ(c.status, HICAMP_COMP_OK);
}

static void sender(unsigned int n)
{
    struct guest *g = from[n];
    uint32_t seq;

    for ( seq = 1; seq <= PACKETS; seq++ )
    {
        struct pkt p = pkt_new(g, 1, 60);

        pkt_extent(&p, g, test_random() % 4096, 1 + test_random() % 12000,
                   !(test_random() % 8));
        memcpy(p.inl + 20, &n, 4);
        memcpy(p.inl + 24, &seq, 4);
        while ( !guest_put(g, &p) )
        {
            reap(g);
            CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        }
        if ( !(test_random() % 4) )
            CHECK_EQ(guest_doorbell(g, HICAMP_DOORBELL_TX), 0);
        reap(g);

        /* There are fewer CPUs than threads: let the driver have its own. */
        while ( test_random() % 64 && deliver_waits(line) )
            cpu_relax();

        if ( seq % AT_ONCE )
            continue;
        if ( test_random() % 2 )
            while ( guest_detach(g) == -EBUSY )
                cpu_relax();
        else
        {
            CHECK_EQ(guest_destroy(g), 0);
            CHECK_EQ(guest_create(g, 0, 0), 0);
            flow(g, 1, &up, 1);
        }
        CHECK_EQ(guest_attach(g), 0);
    }
    arch_fetch_and_add(&senders_left, -1);
}

static void in_order(const uint8_t *bytes)
{
    uint32_t n, seq;

    memcpy(&n, bytes + 20, 4);
    memcpy(&seq, bytes + 24, 4);
    CHECK(n < SENDERS);
    CHECK((int32_t)(seq - seen[n]) > 0);
    seen[n] = seq;
}

/* A NIC's driver: sends now or later, in any order, and looks now and then. */
static void drive(uint16_t *held, unsigned int *nr)
{
    unsigned int i, n;
    struct shown s;

    while ( up->rx_cons != read_atomic(&up->ctrl->rx_prod) )
    {
        const struct hicamp_pkt *h =
            (const struct hicamp_pkt *)guest_rx_slot(up, up->rx_cons);
        const struct hicamp_extent *e = (const struct hicamp_extent *)
            guest_rx_slot(up, up->rx_cons + HICAMP_HDR_SLOTS(h->inline_len));

        if ( e->type != HICAMP_EXT_PLACE )
        {
            CHECK(guest_get(up));
            in_order(up->got.data);
            continue;
        }
        in_order((const uint8_t *)(h + 1));
        CHECK(next_shown(&s));
        if ( !(test_random() % 8) )
            CHECK(emul_pt_look(s.at) == emul_guest(s.ext[0].name));
        held[(*nr)++] = s.run;
    }
    if ( *nr && !(test_random() % 4) )
    {
        i = test_random() % *nr;
        n = held[i];
        held[i] = held[0];
        held[0] = n;
        n = 1 + test_random() % *nr;
        CHECK_EQ(release(held, n, NULL), 0);
        *nr -= n;
        memmove(held, held + n, *nr * sizeof(*held));
    }
    guest_fill(up);
    smp_mb();
    if ( read_atomic(&up->ctrl->fill_wakeup) )
        CHECK_EQ(guest_doorbell(up, HICAMP_DOORBELL_RX), 0);
}

static void all_at_once(void *arg, unsigned int cpu)
{
    static uint16_t held[MANY];
    static unsigned int nr;

    if ( cpu < SENDERS )
        sender(cpu);
    else
        while ( read_atomic(&senders_left) || nr )
        {
            drive(held, &nr);
            emul_advance(MICROSECS(5));
        }
}

TEST(senders_and_a_driver_at_the_same_time)
{
    unsigned int i;

    world(MANY);
    from[0] = a;
    from[1] = b;
    from[2] = guest_new();
    flow(from[2], 1, &up, 1);
    senders_left = SENDERS;
    line = guest_queue(up);
    memset(seen, 0, sizeof(seen));
    emul_run(SENDERS + 1, all_at_once, NULL);

    CHECK(COUNT(up, rx_shown) >= 100);
    CHECK_EQ(COUNT(up, shown_lost), 0);
    for ( i = 0; i < SENDERS; i++ )
    {
        CHECK_EQ(guest_doorbell(from[i], HICAMP_DOORBELL_TX), 0);
        CHECK_EQ(COUNT(from[i], torn), 0);
    }
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
