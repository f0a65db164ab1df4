/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues.  Here lives the life of one queue of a port: its rings in the guest's
 * memory, held and mapped from attach to detach, its event, and its end, which
 * comes in steps, so that whoever is in a ring when it begins can leave.
 *
 * Invariant: the frames of an area are held, for writing, while it is mapped.
 */

#include "borrow.h"
#include "offload.h"
#include "pace.h"
#include "poll.h"
#include "queue.h"
#include "ring.h"
#include "window.h"

/* ---- In service ---------------------------------------------------------- */

void queue_stop(struct queue *q, const char *ring)
{
    bool first;

    spin_lock(&q->wait_lock);
    first = !q->stopped;
    if ( first )
    {
        q->wait_closed = true;
        write_atomic(&q->stopped, true);
        count(q, CNT(ring_errors));
    }
    spin_unlock(&q->wait_lock);

    if ( !first )
        return;

    gprintk(XENLOG_WARNING,
            "hicamp: port d%d.%u: %s ring: index out of bounds, stopped\n",
            q->port->hd->d->domain_id, q->port->devid, ring);
}

void queue_notify(struct queue *q)
{
    notify_via_xen_event_channel(q->port->hd->d, q->evtchn);
}

const struct vcpu *queue_vcpu(const struct queue *q)
{
    const struct domain *d = q->port->hd->d;
    int port = read_atomic(&q->evtchn);

    if ( unlikely(port < 0) )
        return NULL;

    return domain_vcpu(
        d, read_atomic(&evtchn_from_port(d, port)->notify_vcpu_id));
}

void queue_mark_dirty(const struct queue *q)
{
    struct domain *d = q->port->hd->d;
    unsigned int i;

    if ( likely(!paging_mode_log_dirty(d)) )
        return;

    for ( i = 0; i < q->nr_frames; i++ )
        paging_mark_dirty(d, q->mfns[i]);
}

/* ---- Begin and end ------------------------------------------------------- */

/* The guest's frames, held and mapped, in q; queue_free() undoes it. */
static int queue_map(struct queue *q, struct domain *d,
                     const struct hicamp_queue *setup, const uint64_t *gfns)
{
    uint32_t tx = setup->tx_slots, rx = setup->rx_slots;
    uint32_t fill = setup->fill_entries, comp = setup->comp_entries;
    const uint32_t *index;

    for ( ; q->nr_frames < setup->nr_frames; q->nr_frames++ )
        if ( frame_get(d, gfns[q->nr_frames], FRAME_WRITE,
                       &q->mfns[q->nr_frames]) )
            return -EINVAL;

    q->area = vmap(q->mfns, q->nr_frames);
    if ( !q->area )
        return -ENOMEM;

    q->ctrl = q->area;
    q->tx = q->area + HICAMP_TX_OFF(tx, rx, fill, comp);
    q->rx = q->area + HICAMP_RX_OFF(tx, rx, fill, comp);
    q->fill = q->area + HICAMP_FILL_OFF(tx, rx, fill, comp);
    q->comp = q->area + HICAMP_COMP_OFF(tx, rx, fill, comp);
    q->tx_size = tx;
    q->rx_size = rx;
    q->fill_size = fill;
    q->comp_size = comp;

    for ( index = (const uint32_t *)q->ctrl;
          index < (const uint32_t *)(q->ctrl + 1); index++ )
        if ( read_atomic(index) )
            return -EINVAL;

    write_atomic(&q->ctrl->tx_wakeup, 1);

    return 0;
}

void queue_unmap(struct queue *q)
{
    unsigned int i;

    if ( q->area )
        vunmap(q->area);
    q->area = NULL;

    for ( i = 0; i < q->nr_frames; i++ )
        frame_put(q->mfns[i], FRAME_WRITE);
    write_atomic(&q->nr_frames, 0);

    if ( q->evtchn >= 0 )
        free_xen_event_channel(q->port->hd->d, q->evtchn);
    write_atomic(&q->evtchn, -1);
}

void queue_free(struct queue *q)
{
    borrow_free(q);
    window_free(q);
    pace_stop(q);
    kill_timer(&q->poll_timer);
    xfree(q->pairs);
    xfree(q->mfns);
    xfree(q);
}

/* The guest may send on its end; there is nothing to do. */
static void cf_check evtchn_ignore(struct vcpu *v, unsigned int port)
{
}

static struct queue *queue_alloc(struct port *port, unsigned int index,
                                 const struct hicamp_queue *setup)
{
    struct queue *q = xzalloc(struct queue);
    int rc;

    if ( !q )
        return NULL;

    rc = borrow_init(q, setup->comp_entries);
    pace_init(q);
    poll_init(q);
    q->mfns = xzalloc_array(mfn_t, setup->nr_frames);
    q->pairs = xzalloc_array(struct pair, HICAMP_PORTS_MAX);
    if ( rc || !q->mfns || !q->pairs )
    {
        queue_free(q);
        return NULL;
    }

    q->port = port;
    q->index = index;
    q->evtchn = -1;
    spin_lock_init(&q->tx_lock);
    spin_lock_init(&q->comp_lock);
    spin_lock_init(&q->wait_lock);
    spin_lock_init(&q->rx_lock);

    return q;
}

int queue_make(struct port *port, unsigned int index,
               struct hicamp_queue *setup, const uint64_t *gfns,
               struct queue **out)
{
    struct domain *d = port->hd->d;
    struct queue *q = queue_alloc(port, index, setup);
    int rc;

    if ( !q )
        return -ENOMEM;

    rc = queue_map(q, d, setup, gfns);
    if ( !rc )
    {
        rc = alloc_unbound_xen_event_channel(d, 0, d->domain_id,
                                             evtchn_ignore);
        if ( rc >= 0 )
        {
            setup->evtchn = q->evtchn = rc;
            *out = q;
            return 0;
        }
    }

    queue_unmap(q);
    queue_free(q);

    return rc;
}

void queue_kill(struct queue *q)
{
    spin_lock(&q->tx_lock);
    spin_lock(&q->rx_lock);
    spin_lock(&q->comp_lock);
    spin_lock(&q->wait_lock);
    q->dead = true;
    q->wait_closed = true;
    spin_unlock(&q->wait_lock);
    spin_unlock(&q->comp_lock);
    spin_unlock(&q->rx_lock);
    spin_unlock(&q->tx_lock);
}

int queue_drain(struct queue *q)
{
    unsigned int n = 0;
    int rc = 0;

    spin_lock(&q->rx_lock);

    while ( q->wait_head != q->wait_tail )
    {
        packet_done(q->wait[q->wait_head % WAIT_SLOTS].plid);
        write_atomic(&q->wait_head, q->wait_head + 1);
        count(q, CNT(drop_detach));

        if ( hicamp_preempt(++n) )
        {
            rc = -ERESTART;
            break;
        }
    }

    spin_unlock(&q->rx_lock);

    /* Its CPU is about to look, and finds it dead. */
    return rc || !offload_pending(q) ? rc : -ERESTART;
}
