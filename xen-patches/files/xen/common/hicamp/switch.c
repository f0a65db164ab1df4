/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch.  A burst of packets passes in phases, as in netmap's VALE: with
 * the sender's tx_lock held each is taken (snapshot), classified and put in
 * line at its outputs; then, without it, every queue that got something is
 * delivered to.  Where there are many flows, small packets are taken and looked
 * up a few at a time, so that the cache misses of their look-ups overlap.  The
 * burst is bounded in packets and in bytes over all outputs; what cannot be
 * delivered within it is left to the receivers, who are told so.  Long trains
 * are preempted between bursts.
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

/* A packet that has been taken. */
struct taken {
    plid_t plid;
    uint32_t len;
    struct hicamp_flow_key key;
    struct hicamp_lookup lookup;
};

/* One burst, and the queues it touched. */
struct burst {
    unsigned int packets;
    uint32_t bytes;         /* over all outputs */
    unsigned int nr;
    struct queue *touched[BURST_QUEUES];
};

static void burst_touch(struct burst *b, struct queue *q)
{
    unsigned int i;

    for ( i = b->nr; i--; )
        if ( b->touched[i] == q )
            return;

    if ( b->nr < BURST_QUEUES )
        b->touched[b->nr++] = q;
    else
        deliver(q, 0);
}

/*
 * One output of one packet.  False: there is no such port any more, which is not
 * counted here.  The sender's tx_lock is held.
 */
static bool output(struct burst *b, struct queue *from, plid_t plid,
                   uint32_t len, const struct hicamp_flow_key *key,
                   struct port *port)
{
    struct queue *q;
    bool gone;

    if ( unlikely(!port) )
        return false;

    q = port_rx_queue(port, key);
    gone = !q;
    if ( q && deliver_enqueue(q, from, plid, &gone) )
    {
        b->bytes += len;
        burst_touch(b, q);
    }
    else if ( gone )
        count(from, CNT(drop_noport));

    return true;
}

/* Up to the driver domain.  As output(). */
static void upcall(struct burst *b, struct queue *from, plid_t plid,
                   uint32_t len, uint8_t reason,
                   const struct hicamp_flow_key *key)
{
    struct queue *q = fabric_upcall(from, plid, reason, key);

    count(from, CNT(upcalls));
    if ( q )
    {
        b->bytes += len;
        burst_touch(b, q);
    }
}

/* Carry out what the flow of a packet says.  As output(). */
static void forward(struct burst *b, struct queue *from,
                    const struct taken *t)
{
    const struct hicamp_flow_key *key = &t->key;
    const struct hicamp_acts *acts;
    plid_t plid = t->plid;
    uint32_t len = t->len;
    unsigned int i, lost = 0;

    if ( unlikely(from->port->fabric) )
    {
        if ( !output(b, from, plid, len, key, fabric_inject(from, plid)) )
            count(from, CNT(drop_noport));
        return;
    }

    acts = unlikely(fabric_flows_stale())
           ? NULL : hicamp_classify_end(key, &t->lookup, 1, len);
    if ( unlikely(!acts) )
    {
        upcall(b, from, plid, len, HICAMP_REASON_MISS, key);
        return;
    }

    if ( unlikely(acts->meter) && !meter_passes(acts->meter, len) )
    {
        count(from, CNT(drop_meter));
        return;
    }

    if ( unlikely(acts->nr_edits) &&
         !edit_packet(plid, acts->edits, acts->nr_edits) )
    {
        count(from, CNT(drop_edit));
        return;
    }

    for ( i = 0; i < acts->nr_outputs; i++ )
        lost += !output(b, from, plid, len, key,
                        port_by_id(acts->outputs[i]));

    if ( unlikely(lost) )
    {
        /* Who installed the flow may have gone, too: ask who is there now. */
        if ( lost == acts->nr_outputs && !acts->nr_edits && !acts->upcall )
            upcall(b, from, plid, len, HICAMP_REASON_MISS, key);
        else
            count_by(from, CNT(drop_noport), lost);
    }

    if ( unlikely(acts->upcall) )
        upcall(b, from, plid, len, HICAMP_REASON_ACTION, key);

    if ( !acts->nr_outputs && !acts->upcall )
        count(from, CNT(drop_action));
}

/* Take a few packets, and begin to look for their flows; *more: there are. */
static unsigned int group_take(struct burst *b, struct queue *q,
                               struct taken *group, bool *more)
{
    unsigned int most = hicamp_flow_count() < GROUP_FLOWS ? 1 : GROUP_PACKETS;
    unsigned int i, nr = 0, bytes = 0;
    int avail, rc;

    while ( nr < most && bytes < GROUP_BYTES && b->packets < BURST_PACKETS )
    {
        struct taken *t = &group[nr];

        avail = ring_avail(&q->ctrl->tx_prod, q->tx_cons, q->tx_size);
        if ( unlikely(avail < 0) )
            queue_stop(q, "tx");
        rc = avail > 0 ? snapshot_take(q, avail, &t->plid, &t->key) : -1;
        if ( rc < 0 )
        {
            *more = false;
            break;
        }

        b->packets++;
        if ( unlikely(!rc) )
            continue;

        t->len = ((const struct packet *)line_data(t->plid))->hdr.len;
        bytes += t->len;
        hicamp_classify_begin(&t->key, &t->lookup);
        nr++;
    }

    for ( i = 0; nr > 1 && i < nr; i++ )
        hicamp_classify_fetch(&group[i].lookup);

    return nr;
}

/* Take and switch a burst.  Returns whether the ring has more. */
static bool burst_take(struct burst *b, struct queue *q)
{
    struct taken group[GROUP_PACKETS];
    uint32_t cons = q->tx_cons;
    unsigned int i, nr;
    bool more = true;

    while ( more && b->packets < BURST_PACKETS && b->bytes < BURST_BYTES )
    {
        nr = group_take(b, q, group, &more);

        for ( i = 0; i < nr; i++ )
        {
            if ( likely(limit_take(&q->port->rate, group[i].len)) )
                forward(b, q, &group[i]);
            else
                count(q, CNT(drop_rate));
            packet_release(group[i].plid);
        }
    }

    if ( q->tx_cons != cons )
    {
        ring_publish(&q->ctrl->tx_cons, q->tx_cons);
        queue_mark_dirty(q);
    }

    return more;
}

int switch_transmit(struct queue *q)
{
    bool more = true, first = true;
    int rc = 0;

    while ( more && !rc )
    {
        struct burst b;
        uint32_t left = BURST_BYTES * 2;
        unsigned int i;

        b.packets = b.bytes = b.nr = 0;

        spin_lock(&q->tx_lock);
        if ( q->dead )
            rc = -ENOTCONN;
        else if ( read_atomic(&q->stopped) )
            rc = -EIO;
        else
        {
            count_by(q, CNT(doorbells), first);
            first = false;
            more = burst_take(&b, q);
        }
        spin_unlock(&q->tx_lock);

        for ( i = 0; i < b.nr; i++ )
            left -= min(left, offload_deliver(b.touched[i], left));

        if ( more && !rc && hypercall_preempt_check() )
            rc = -ERESTART;
    }

    borrow_watch(q);

    if ( unlikely(read_atomic(&q->stopped)) && rc != -ENOTCONN )
    {
        deliver(q, BURST_BYTES); /* drops what waits */
        rc = -EIO;
    }

    return rc;
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
