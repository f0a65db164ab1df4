/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch.  A burst of packets passes in phases, as in netmap's VALE: with
 * the sender's tx_lock held each is taken (snapshot), classified and put in
 * line at its outputs; then, without it, every queue that got something is
 * delivered to.  Small packets take a short cut: where nobody waits in line and
 * nobody else is at the receiver's rings, they go straight into these, and are
 * entered in no table and no line; only the receiver is told at the end.  Where
 * there are many flows, small packets are taken and looked up a few at a time,
 * so that the cache misses of their look-ups overlap.  The burst is bounded in
 * packets and in bytes over all outputs; what cannot be delivered within it is
 * left to the receivers, who are told so.  Long trains are preempted between
 * bursts.
 */

#include "borrow.h"
#include "classify.h"
#include "deliver.h"
#include "fabric.h"
#include "offload.h"
#include "ring.h"
#include "snapshot.h"
#include "switch.h"

#define BURST_PACKETS   64
#define BURST_BYTES     (512u << 10)
#define BURST_QUEUES    32

/*
 * Packets that are taken together, until they have so many bytes: where there
 * are so many flows that a look-up waits for memory.  It costs 18 cycles for a
 * packet where it does not, and saves 100 among 10,000 flows, 500 among a
 * million.
 */
#define GROUP_PACKETS   8
#define GROUP_BYTES     16384
#define GROUP_FLOWS     4096

/* A packet in hand, and the look-up of its flow. */
struct item {
    struct taken t;
    struct hicamp_lookup lookup;
};

/* A queue that a burst touched. */
struct touched {
    struct queue *q;
    bool open;              /* between deliver_begin() and _end() */
    unsigned int packets;   /* delivered straight */
};

/* One burst. */
struct burst {
    unsigned int packets;
    uint32_t bytes;         /* over all outputs */
    unsigned int nr, nr_done;
    bool idle;              /* on a CPU that gives way to anything else */
    plid_t spare;           /* the line of a packet that is through, or none */
    struct touched to[BURST_QUEUES];
    uint32_t done[BURST_PACKETS];   /* ids of what is to be completed */
};

/* q among those touched, or NULL if these are too many. */
static struct touched *burst_find(struct burst *b, struct queue *q)
{
    struct touched *to;
    unsigned int i;

    for ( i = b->nr; i--; )
        if ( b->to[i].q == q )
            return &b->to[i];

    if ( b->nr == BURST_QUEUES )
        return NULL;

    to = &b->to[b->nr++];
    to->q = q;
    to->open = false;
    to->packets = 0;

    return to;
}

/* A packet of len bytes waits for q. */
static void burst_touch(struct burst *b, struct queue *q, uint32_t len)
{
    b->bytes += len;
    if ( !burst_find(b, q) )
        deliver(q, 0);
}

/* The short cut.  False: the packet must be put in line. */
static bool go_straight(struct burst *b, struct queue *q, const struct taken *t)
{
    struct touched *to = t->straight ? burst_find(b, q) : NULL;
    int rc;

    if ( !to || (!to->open && !(to->open = deliver_begin(q))) )
        return false;

    rc = deliver_straight(q, t->plid);
    if ( unlikely(rc < 0) )
        return false;
    to->packets += rc;
    b->bytes += t->len;

    return true;
}

/* Others are about to learn of a packet. */
static void enter(struct queue *from, struct taken *t)
{
    if ( t->frames )
        borrow_enter_held(from, t->plid, t->frames);
    t->frames = 0;
    t->straight = false;
}

/*
 * One output of one packet.  False: there is no such port any more, which is not
 * counted here.  The sender's tx_lock is held.
 */
static bool output(struct burst *b, struct queue *from, struct taken *t,
                   struct port *port)
{
    struct queue *q;
    bool gone;

    if ( unlikely(!port) )
        return false;

    q = port_rx_queue(port, &t->key);
    if ( q && go_straight(b, q, t) )
        return true;

    gone = !q;
    if ( q )
    {
        enter(from, t);
        if ( deliver_enqueue(q, from, t->plid, &gone) )
            burst_touch(b, q, t->len);
    }
    if ( unlikely(gone) )
        count(from, CNT(drop_noport));

    return true;
}

/* Up to the driver domain.  As output(). */
static void upcall(struct burst *b, struct queue *from, struct taken *t,
                   uint8_t reason)
{
    struct queue *q;

    enter(from, t);
    q = fabric_upcall(from, t->plid, reason, &t->key);
    count(from, CNT(upcalls));
    if ( q )
        burst_touch(b, q, t->len);
}

/* Carry out what the flow of a packet says.  As output(). */
static void forward(struct burst *b, struct queue *from, struct item *item)
{
    struct taken *t = &item->t;
    const struct hicamp_acts *acts;
    unsigned int i, lost = 0;

    if ( unlikely(from->port->fabric) )
    {
        if ( !output(b, from, t, fabric_inject(from, t->plid)) )
            count(from, CNT(drop_noport));
        return;
    }

    acts = unlikely(fabric_flows_stale())
           ? NULL : hicamp_classify_end(&t->key, &item->lookup, 1, t->len);
    if ( unlikely(!acts) )
    {
        upcall(b, from, t, HICAMP_REASON_MISS);
        return;
    }

    if ( unlikely(acts->meter) && !meter_passes(acts->meter, t->len) )
    {
        count(from, CNT(drop_meter));
        return;
    }

    if ( unlikely(acts->nr_edits) &&
         !edit_packet(t->plid, acts->edits, acts->nr_edits) )
    {
        count(from, CNT(drop_edit));
        return;
    }

    for ( i = 0; i < acts->nr_outputs; i++ )
        lost += !output(b, from, t, port_by_id(acts->outputs[i]));

    if ( unlikely(lost) )
    {
        /* Who installed the flow may have gone, too: ask who is there now. */
        if ( lost == acts->nr_outputs && !acts->nr_edits && !acts->upcall )
            upcall(b, from, t, HICAMP_REASON_MISS);
        else
            count_by(from, CNT(drop_noport), lost);
    }

    if ( unlikely(acts->upcall) )
        upcall(b, from, t, HICAMP_REASON_ACTION);

    if ( !acts->nr_outputs && !acts->upcall )
        count(from, CNT(drop_action));
}

/* Take a few packets, and begin to look for their flows; *more: there are. */
static unsigned int group_take(struct burst *b, struct queue *q,
                               struct item *group, bool *more)
{
    unsigned int most = hicamp_flow_count() < GROUP_FLOWS || b->idle
                        ? 1 : GROUP_PACKETS;
    unsigned int i, nr = 0, bytes = 0;
    int avail, rc;

    while ( nr < most && bytes < GROUP_BYTES && b->packets < BURST_PACKETS )
    {
        struct item *item = &group[nr];

        avail = ring_avail(&q->ctrl->tx_prod, q->tx_cons, q->tx_size);
        if ( unlikely(avail < 0) )
            queue_stop(q, "tx");
        if ( avail <= 0 )
        {
            *more = false;
            break;
        }

        rc = snapshot_take(q, avail, &b->spare, &item->t);
        if ( rc < 0 )
        {
            *more = false;
            break;
        }

        b->packets++;
        if ( unlikely(!rc) )
            continue;

        bytes += item->t.len;
        hicamp_classify_begin(&item->t.key, &item->lookup);
        nr++;
    }

    for ( i = 0; nr > 1 && i < nr; i++ )
        hicamp_classify_fetch(&group[i].lookup);

    return nr;
}

/* A packet of q has been switched. */
static void burst_put(struct burst *b, struct queue *q, const struct taken *t)
{
    struct packet *pkt = line_data(t->plid);

    if ( t->frames )
    {
        payload_put(q->port->hd, t->plid, pkt, pkt->hdr.nr_extents);
        b->done[b->nr_done++] = pkt->hdr.id;
    }

    if ( b->spare == PLID_NONE && packet_is_ours(t->plid) )
        b->spare = t->plid;
    else
        packet_release(t->plid);
}

/* Take and switch a burst.  Returns whether the ring has more. */
static bool burst_take(struct burst *b, struct queue *q)
{
    struct item group[GROUP_PACKETS];
    uint32_t cons = q->tx_cons;
    unsigned int i, nr;
    bool more = true;

    q->comp_free = 0;

    while ( more && b->packets < BURST_PACKETS && b->bytes < BURST_BYTES &&
            !(unlikely(b->idle) && offload_wanted()) )
    {
        nr = group_take(b, q, group, &more);

        for ( i = 0; i < nr; i++ )
        {
            if ( likely(limit_take(&q->port->rate, group[i].t.len)) )
                forward(b, q, &group[i]);
            else
                count(q, CNT(drop_rate));
            burst_put(b, q, &group[i].t);
        }
    }

    if ( b->spare != PLID_NONE )
        line_put(b->spare);
    if ( b->nr_done )
        borrow_settle(q, b->done, b->nr_done);

    if ( q->tx_cons != cons )
    {
        ring_publish(&q->ctrl->tx_cons, q->tx_cons);
        queue_mark_dirty(q);
    }

    return more;
}

/*
 * Take, switch and deliver one burst; looks: by how much to count why; *more: the
 * ring has more.
 */
static int transmit(struct queue *q, unsigned int why, unsigned int looks,
                    bool idle, bool *more)
{
    uint32_t left = BURST_BYTES * 2;
    struct burst b;
    unsigned int i;
    int rc = 0;

    b.packets = b.bytes = b.nr = b.nr_done = 0;
    b.spare = PLID_NONE;
    b.idle = idle;

    spin_lock(&q->tx_lock);
    if ( q->dead )
        rc = -ENOTCONN;
    else if ( read_atomic(&q->stopped) )
        rc = -EIO;
    else
    {
        count_by(q, why, looks);
        *more = burst_take(&b, q);
    }
    spin_unlock(&q->tx_lock);

    for ( i = 0; i < b.nr; i++ )
    {
        struct queue *to = b.to[i].q;

        if ( b.to[i].open && !deliver_end(to, b.to[i].packets) )
            continue;
        if ( unlikely(idle) )
            deliver_idle(to);
        else
            left -= min(left, offload_deliver(to, left));
    }

    return rc;
}

/* After the last burst. */
static int transmit_end(struct queue *q, int rc)
{
    borrow_watch(q);

    if ( unlikely(read_atomic(&q->stopped)) && rc != -ENOTCONN )
    {
        deliver(q, BURST_BYTES); /* drops what waits */
        rc = -EIO;
    }

    return rc;
}

int switch_transmit(struct queue *q, unsigned int why)
{
    unsigned int looks = 1;
    bool more = true;
    int rc = 0;

    while ( more && !rc )
    {
        rc = transmit(q, why, looks, false, &more);
        looks = 0;
        if ( more && !rc && hypercall_preempt_check() )
            rc = -ERESTART;
    }

    return transmit_end(q, rc);
}

int switch_idle(struct queue *q)
{
    s_time_t began = NOW();
    bool more = false;
    int rc = transmit(q, CNT(tx_polls), 1, true, &more);

    spin_lock(&q->tx_lock);
    count(q, CNT(tx_idle_polls));
    count_by(q, CNT(tx_idle_ns), NOW() - began);
    spin_unlock(&q->tx_lock);

    return transmit_end(q, !rc && more ? -ERESTART : rc);
}

int switch_receive(struct queue *q)
{
    bool dead;

    spin_lock(&q->wait_lock);
    dead = q->dead;
    if ( !dead )
        count(q, CNT_RX_DOORBELLS);
    spin_unlock(&q->wait_lock);

    if ( dead )
        return -ENOTCONN;

    /* What is left after one burst, the guest is told of by deliver(). */
    deliver(q, BURST_BYTES);

    return unlikely(read_atomic(&q->stopped)) ? -EIO : 0;
}
