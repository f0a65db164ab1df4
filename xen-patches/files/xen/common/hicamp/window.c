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

#define RUN_NONE        0xffffu

/* Places side by side, of which a packet takes all or none. */
struct run {
    plid_t plid;                /* whose payload begins here, or none */
    uint16_t next;              /* the packet's next run, or the next free one;
                                 * RUN_NONE: the last */
    uint16_t used;              /* places that show something */
    bool lost;                  /* it is hidden, though not released */
    s_time_t since;
};

struct window {
    spinlock_t lock;            /* of locks, comp_lock alone is below it */
    struct queue *q;            /* fixed, as are the next five */
    struct pvmap *place;
    uint32_t min_bytes;
    unsigned int max_runs;      /* of a packet */
    unsigned int nr;            /* runs */
    uint8_t order;
    bool lost;                  /* no more is shown, W(lock) */
    uint16_t free;              /* first of the free ones, R/W(lock) */
    struct timer timer;         /* set while anything is shown */
    struct run run[];
};

static struct domain *owner(const struct window *w)
{
    return w->q->port->hd->d;
}

/* ---- Runs ---------------------------------------------------------------- */

/* nr runs in a list, the first of which comes back; RUN_NONE: too few. */
static uint16_t runs_take(struct window *w, unsigned int nr)
{
    uint16_t first, last = RUN_NONE, next;

    spin_lock(&w->lock);
    first = next = w->lost ? RUN_NONE : w->free;
    for ( ; nr && next != RUN_NONE; nr-- )
    {
        last = next;
        next = w->run[last].next;
    }
    if ( nr )
        first = RUN_NONE;
    else
    {
        w->free = next;
        w->run[last].next = RUN_NONE;
    }
    spin_unlock(&w->lock);

    return first;
}

static void runs_give(struct window *w, uint16_t first)
{
    uint16_t last = first;

    while ( w->run[last].next != RUN_NONE )
        last = w->run[last].next;

    spin_lock(&w->lock);
    w->run[last].next = w->free;
    w->free = first;
    spin_unlock(&w->lock);
}

/* Hide what a packet's runs show. */
static void runs_hide(struct window *w, uint16_t run, bool *flush)
{
    for ( ; run != RUN_NONE; run = w->run[run].next )
    {
        pvmap_hide(owner(w), &w->place[run << w->order], w->run[run].used,
                   flush);
        w->run[run].used = 0;
    }
}

/* ---- Showing ------------------------------------------------------------- */

/* Runs that a packet's payload takes; 0: it is none for a window. */
static unsigned int runs_of(const struct window *w, plid_t plid,
                            struct packet *pkt)
{
    unsigned int i, nr = 0;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        if ( e->type != HICAMP_EXT_FRAME )
            return 0;
        nr += (PFN_UP(e->offset + e->len) + (1u << w->order) - 1) >> w->order;
    }

    return nr <= w->max_runs ? nr : 0;
}

/*
 * Show the payload in runs from this one on, and write an extent for each.
 * False: no more than the first of them shows something.
 */
static bool runs_show(struct window *w, plid_t plid, struct packet *pkt,
                      uint16_t run, struct hicamp_extent *ext, bool *flush)
{
    uint32_t room = PAGE_SIZE << w->order;
    unsigned int i;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);
        uint32_t offset = e->offset, left = e->len;
        mfn_t mfn = _mfn(e->name);

        for ( ; left; run = w->run[run].next, offset = 0 )
        {
            uint32_t n = min(left, room - offset);
            unsigned int pages = PFN_UP(offset + n);

            if ( !pvmap_show(owner(w), &w->place[run << w->order], pages, mfn,
                             flush) )
                return false;
            w->run[run].used = pages;
            *ext++ = (struct hicamp_extent){
                .name = mfn_x(mfn), .offset = run * room + offset,
                .len = n, .type = HICAMP_EXT_PLACE,
            };
            mfn = mfn_add(mfn, pages);
            left -= n;
        }
    }

    return true;
}

bool window_show(struct queue *q, plid_t plid, struct packet *pkt,
                 struct hicamp_extent *ext, unsigned int *nr)
{
    struct window *w = q->window;
    unsigned int runs;
    bool flush = false, shown;
    uint16_t first;

    if ( packet_payload(pkt) < w->min_bytes || !borrow_hold(plid) )
        return false;

    runs = runs_of(w, plid, pkt);
    first = runs ? runs_take(w, runs) : RUN_NONE;
    if ( unlikely(first == RUN_NONE) )
    {
        borrow_unhold(plid);
        return false;
    }

    shown = runs_show(w, plid, pkt, first, ext, &flush);
    if ( unlikely(!shown) )
        runs_hide(w, first, &flush);
    if ( unlikely(flush) )
        pvmap_flush(owner(w));
    if ( unlikely(!shown) )
    {
        runs_give(w, first);
        borrow_unhold(plid);
        return false;
    }

    w->run[first].since = NOW();
    w->run[first].lost = false;
    write_atomic(&w->run[first].plid, plid);
    if ( unlikely(!timer_is_active(&w->timer)) )
        set_timer(&w->timer, NOW() + LOOK_EVERY);
    count(q, CNT(rx_shown));
    *nr = runs;

    return true;
}

/* ---- Taking back --------------------------------------------------------- */

/* The packet that begins in a run, which is the caller's now; or none. */
static plid_t packet_take(struct window *w, unsigned int at)
{
    plid_t plid;

    spin_lock(&w->lock);
    plid = w->run[at].plid;
    write_atomic(&w->run[at].plid, PLID_NONE);
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
    runs_hide(w, at, &b->flush);
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
        runs_give(w, b->at[i]);
        borrow_unhold(b->plid[i]);
        packet_done(b->plid[i]);
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

        if ( hicamp_copy_in(at, op->runs + op->done * sizeof(*at),
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
        struct run *r = &w->run[i];

        if ( r->plid == PLID_NONE || r->lost )
            continue;
        if ( now - r->since < LOST_AFTER )
        {
            shown = true;
            continue;
        }
        runs_hide(w, i, &flush);
        r->lost = w->lost = true;
        lost++;
    }
    if ( flush )
        pvmap_flush(owner(w));
    for ( i = 0; lost && i < w->nr; i++ )
        if ( w->run[i].plid != PLID_NONE && w->run[i].lost )
            borrow_part(w->run[i].plid);
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

static void window_destroy(struct window *w)
{
    kill_timer(&w->timer);
    xfree(w->place);
    xfree(w);
}

static int places_init(struct window *w, struct domain *d, uint64_t addr)
{
    unsigned int i, nr = w->nr << w->order;
    struct hicamp_place p;

    w->place = xzalloc_array(struct pvmap, nr);
    if ( !w->place )
        return -ENOMEM;

    for ( i = 0; i < nr; i++ )
    {
        if ( hicamp_copy_in(&p, addr + i * sizeof(p), sizeof(p)) )
            return -EFAULT;
        w->place[i].pte = p.pte;
        w->place[i].own = _mfn(p.frame);
        if ( !pvmap_check(d, &w->place[i]) )
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
    unsigned int i;
    int rc;

    BUILD_BUG_ON(HICAMP_WINDOW_MAX >= RUN_NONE);

    if ( !op->runs || op->order > HICAMP_ORDER_MAX ||
         op->runs > HICAMP_WINDOW_MAX >> op->order || !op->max_runs ||
         op->max_runs > HICAMP_EXTENTS_MAX || op->pad )
        return -EINVAL;

    rc = pvmap_supported(d);
    if ( rc )
        return rc;

    w = xzalloc_flex_struct(struct window, run, op->runs);
    if ( !w )
        return -ENOMEM;

    spin_lock_init(&w->lock);
    w->nr = op->runs;
    w->order = op->order;
    w->max_runs = op->max_runs;
    w->min_bytes = op->min_bytes;
    init_timer(&w->timer, window_look, w, smp_processor_id());
    for ( i = 0; i < w->nr; i++ )
        w->run[i].next = i + 1 < w->nr ? i + 1 : RUN_NONE;

    rc = places_init(w, d, op->places);
    if ( !rc )
        rc = window_give(d, op, w);
    if ( rc )
        window_destroy(w);

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
    if ( q->window )
        window_destroy(q->window);
}

plid_t window_next(const struct queue *q, unsigned int *run)
{
    const struct window *w = q->window;
    plid_t plid = PLID_NONE;

    while ( w && plid == PLID_NONE && *run < w->nr )
        plid = read_atomic(&w->run[(*run)++].plid);

    return plid;
}
