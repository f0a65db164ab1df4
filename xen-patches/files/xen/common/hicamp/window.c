/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows.  Here live the places in which a driver domain is shown payload that
 * goes to its NIC: which are free, which packet each shows, and since when.
 *
 * A packet in a window is held in its sender's table of borrowers, so neither
 * age nor a revoke takes it back while a NIC may read it: the sender cannot
 * detach before (-EBUSY).  Two things end that without the driver domain: the
 * death of the sender, whose frames stay referenced until they are released,
 * and the window's clock.  A driver that has not sent a packet for LOST_AFTER
 * has been reset by its own watchdog or is broken; it loses its window, which
 * costs it nothing but the copy.
 *
 * Invariant: a frame in a place is held by its packet until the place has been
 * hidden and, if the driver domain looked, its TLBs have been flushed.
 *
 * Idea: revocation replaces a mapping by a page of the mapper's own, so that who
 * still uses it harms nobody but himself (Ram, chapter 3).
 */

#include "borrow.h"
#include "op.h"
#include "pvmap.h"
#include "ring.h"
#include "window.h"

/* How long a packet may be shown, and how often that is looked at. */
#define LOST_AFTER      SECONDS(10)
#define LOOK_EVERY      SECONDS(2)

#define PLACE_NONE      0xffffu

struct place {
    struct pvmap map;
    plid_t plid;                /* whose payload begins here, or none */
    uint16_t next;              /* place of the packet's next page, or the next
                                 * free one; PLACE_NONE: the last */
    s_time_t since;
    bool lost;                  /* it is hidden, though not released */
};

struct window {
    spinlock_t lock;            /* of locks, comp_lock alone is below it */
    struct queue *q;            /* fixed, as are the next two */
    uint32_t min_bytes;
    unsigned int pages;
    bool lost;                  /* no more is shown, W(lock) */
    unsigned int nr, nr_free;
    uint16_t free;
    struct timer timer;         /* set while anything is shown */
    struct place place[];
};

static struct domain *owner(const struct window *w)
{
    return w->q->port->hd->d;
}

/* ---- Places -------------------------------------------------------------- */

/* nr places in a list, the first of which comes back; PLACE_NONE: too few. */
static uint16_t places_take(struct window *w, unsigned int nr)
{
    uint16_t first, last;
    unsigned int i;

    spin_lock(&w->lock);
    if ( w->lost || w->nr_free < nr )
    {
        spin_unlock(&w->lock);
        return PLACE_NONE;
    }
    first = last = w->free;
    for ( i = 1; i < nr; i++ )
        last = w->place[last].next;
    w->free = w->place[last].next;
    w->nr_free -= nr;
    w->place[last].next = PLACE_NONE;
    spin_unlock(&w->lock);

    return first;
}

static void places_give(struct window *w, uint16_t first)
{
    uint16_t last = first;
    unsigned int nr = 1;

    while ( w->place[last].next != PLACE_NONE )
    {
        last = w->place[last].next;
        nr++;
    }
    spin_lock(&w->lock);
    w->place[last].next = w->free;
    w->free = first;
    w->nr_free += nr;
    spin_unlock(&w->lock);
}

/* Hide a packet's pages. */
static void places_hide(struct window *w, uint16_t first, bool *flush)
{
    for ( ; first != PLACE_NONE; first = w->place[first].next )
        pvmap_hide(owner(w), &w->place[first].map, flush);
}

/* ---- Showing ------------------------------------------------------------- */

/* Pages of a packet's payload; 0: it is none for a window. */
static unsigned int pages_of(plid_t plid, struct packet *pkt)
{
    unsigned int i, nr = 0;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        if ( e->type != HICAMP_EXT_FRAME )
            return 0;
        nr += PFN_UP(e->offset + e->len);
    }

    return nr;
}

/* Show the pages in places from first on, and write the extents. */
static bool pages_show(struct window *w, plid_t plid, struct packet *pkt,
                       uint16_t first, struct hicamp_extent *ext)
{
    struct domain *d = owner(w);
    uint16_t at = first;
    bool flush = false;
    unsigned int i;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);
        uint32_t offset = e->offset, left = e->len;
        mfn_t mfn = _mfn(e->name);

        for ( ; left; mfn = mfn_add(mfn, 1), offset = 0 )
        {
            uint32_t n = min(left, (uint32_t)PAGE_SIZE - offset);

            if ( !pvmap_show(d, &w->place[at].map, mfn, &flush) )
                goto fail;
            *ext++ = (struct hicamp_extent){
                .name = mfn_x(mfn), .offset = at * PAGE_SIZE + offset,
                .len = n, .type = HICAMP_EXT_PLACE,
            };
            left -= n;
            at = w->place[at].next;
        }
    }

    if ( unlikely(flush) )
        pvmap_flush(d);

    return true;

 fail:
    places_hide(w, first, &flush);
    if ( flush )
        pvmap_flush(d);

    return false;
}

bool window_show(struct queue *q, plid_t plid, struct packet *pkt,
                 struct hicamp_extent *ext, unsigned int *nr)
{
    struct window *w = q->window;
    unsigned int pages;
    uint16_t first;

    if ( packet_payload(pkt) < w->min_bytes )
        return false;

    if ( !borrow_hold(plid) )
        return false;

    pages = pages_of(plid, pkt);
    first = pages && pages <= w->pages ? places_take(w, pages) : PLACE_NONE;
    if ( unlikely(first == PLACE_NONE) )
    {
        borrow_unhold(plid);
        return false;
    }
    if ( unlikely(!pages_show(w, plid, pkt, first, ext)) )
    {
        places_give(w, first);
        borrow_unhold(plid);
        return false;
    }

    w->place[first].since = NOW();
    w->place[first].lost = false;
    write_atomic(&w->place[first].plid, plid);
    if ( unlikely(!timer_is_active(&w->timer)) )
        set_timer(&w->timer, NOW() + LOOK_EVERY);
    count(q, CNT(rx_shown));
    *nr = pages;

    return true;
}

/* ---- Taking back --------------------------------------------------------- */

/* The packet that begins in a place, which is the caller's now; or none. */
static plid_t packet_take(struct window *w, unsigned int at)
{
    plid_t plid;

    spin_lock(&w->lock);
    plid = w->place[at].plid;
    write_atomic(&w->place[at].plid, PLID_NONE);
    spin_unlock(&w->lock);

    return plid;
}

/* Packets that are taken back with one flush. */
#define BATCH           64

struct batch {
    unsigned int nr;
    bool flush;
    uint16_t at[BATCH];
    plid_t plid[BATCH];
};

static void batch_add(struct window *w, struct batch *b, uint16_t at,
                      plid_t plid)
{
    places_hide(w, at, &b->flush);
    b->at[b->nr] = at;
    b->plid[b->nr++] = plid;
}

static void batch_end(struct window *w, struct batch *b)
{
    unsigned int i;

    if ( b->flush )
        pvmap_flush(owner(w));

    for ( i = 0; i < b->nr; i++ )
    {
        places_give(w, b->at[i]);
        borrow_let_go(b->plid[i]);
    }
}

int window_release(struct domain *d, struct hicamp_window_release *op)
{
    struct batch b = { };
    struct port *port;
    struct queue *q;
    uint16_t at[BATCH];
    int rc = 0;

    if ( !op->nr || op->nr > HICAMP_RELEASE_MAX || op->done >= op->nr ||
         op->pad )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);

    port = port_by_id(op->port);
    q = port && port->hd->d == d ? port_queue(port, op->queue) : NULL;
    if ( !q || !q->window )
        rc = -ENOENT;

    while ( !rc && op->done < op->nr )
    {
        unsigned int i, n = min(op->nr - op->done, BATCH + 0u);

        if ( hicamp_copy_in(at, op->places + op->done * sizeof(*at),
                            n * sizeof(*at)) )
        {
            rc = -EFAULT;
            break;
        }

        b.nr = 0;
        b.flush = false;
        for ( i = 0; !rc && i < n; i++ )
        {
            plid_t plid = at[i] < q->window->nr
                          ? packet_take(q->window, at[i]) : PLID_NONE;

            if ( plid == PLID_NONE )
                rc = -ENOENT;
            else
                batch_add(q->window, &b, at[i], plid);
        }
        op->done += b.nr;
        batch_end(q->window, &b);

        if ( !rc && op->done < op->nr && hypercall_preempt_check() )
            rc = -ERESTART;
    }

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

/* What has been shown for too long: see at the top. */
static void cf_check window_look(void *data)
{
    struct window *w = data;
    s_time_t now = NOW();
    unsigned int i, lost = 0;
    bool flush = false, shown = false;

    rcu_read_lock(&hicamp_rcu);
    spin_lock(&w->lock);
    for ( i = 0; i < w->nr; i++ )
    {
        struct place *p = &w->place[i];

        if ( p->plid == PLID_NONE || p->lost )
            continue;
        if ( now - p->since < LOST_AFTER )
        {
            shown = true;
            continue;
        }
        places_hide(w, i, &flush);
        p->lost = w->lost = true;
        lost++;
    }
    if ( flush )
        pvmap_flush(owner(w));
    for ( i = 0; lost && i < w->nr; i++ )
        if ( w->place[i].plid != PLID_NONE && w->place[i].lost )
            borrow_part(w->place[i].plid);
    spin_unlock(&w->lock);

    if ( lost )
    {
        spin_lock(&w->q->wait_lock);
        count_by(w->q, CNT(shown_lost), lost);
        spin_unlock(&w->q->wait_lock);
        printk(XENLOG_G_WARNING
               "hicamp: port d%d.%u: %u packets not sent for %us, window closed\n",
               owner(w)->domain_id, w->q->port->devid, lost,
               (unsigned int)(LOST_AFTER / SECONDS(1)));
    }
    if ( shown )
        set_timer(&w->timer, now + LOOK_EVERY);
    rcu_read_unlock(&hicamp_rcu);
}

/* ---- Opening and closing ------------------------------------------------- */

static int places_init(struct window *w, struct domain *d, uint64_t addr)
{
    struct hicamp_place p;
    unsigned int i;

    for ( i = 0; i < w->nr; i++ )
    {
        struct place *place = &w->place[i];

        if ( hicamp_copy_in(&p, addr + i * sizeof(p), sizeof(p)) )
            return -EFAULT;
        place->map.pte = p.pte;
        place->map.own = _mfn(p.frame);
        place->next = i + 1 < w->nr ? i + 1 : PLACE_NONE;
        if ( !pvmap_check(d, &place->map) )
            return -EINVAL;
    }
    pvmap_flush(d);

    return 0;
}

/* Give an attached queue of d's its window. */
static int window_give(struct domain *d, const struct hicamp_window *op,
                       struct window *w)
{
    struct port *port;
    int rc = -ENOENT;

    rcu_read_lock(&hicamp_rcu);
    port = port_by_id(op->port);
    if ( port && port->hd->d == d )
    {
        spin_lock(&port->ctl_lock);
        w->q = port->state == PORT_ATTACHED ? port_queue(port, op->queue)
                                            : NULL;
        if ( !w->q )
            rc = -ENOTCONN;
        else if ( w->q->window )
            rc = -EBUSY;
        else
        {
            smp_wmb(); /* all of it before others see it */
            write_atomic(&w->q->window, w);
            rc = 0;
        }
        spin_unlock(&port->ctl_lock);
    }
    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

int window_open(struct domain *d, const struct hicamp_window *op)
{
    struct window *w;
    int rc = pvmap_supported(d);

    BUILD_BUG_ON(HICAMP_WINDOW_MAX >= PLACE_NONE);

    if ( !op->nr || op->nr > HICAMP_WINDOW_MAX || op->pad || !op->pages ||
         op->pages > HICAMP_EXTENTS_MAX || op->pages > op->nr )
        return -EINVAL;
    if ( rc )
        return rc;

    w = xzalloc_flex_struct(struct window, place, op->nr);
    if ( !w )
        return -ENOMEM;

    spin_lock_init(&w->lock);
    w->nr = w->nr_free = op->nr;
    w->pages = op->pages;
    w->min_bytes = op->min_bytes;
    init_timer(&w->timer, window_look, w, smp_processor_id());

    rc = places_init(w, d, op->places);
    if ( !rc )
        rc = window_give(d, op, w);
    if ( rc )
    {
        kill_timer(&w->timer);
        xfree(w);
    }

    return rc;
}

int window_close(struct queue *q)
{
    struct window *w = q->window;
    struct batch b = { };
    unsigned int i;

    if ( !w )
        return 0;

    kill_timer(&w->timer);

    for ( i = 0; i < w->nr && b.nr < BATCH; i++ )
    {
        plid_t plid = packet_take(w, i);

        if ( plid != PLID_NONE )
            batch_add(w, &b, i, plid);
    }
    batch_end(w, &b);

    return b.nr < BATCH ? 0 : -ERESTART;
}

void window_free(struct queue *q)
{
    xfree(q->window);
}
