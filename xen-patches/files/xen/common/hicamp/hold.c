/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that windows hold.  A NIC may read them, so neither age nor a revoke
 * takes back what they borrow: they stay in their sender's table, but not in its
 * ring, where those who take back look.  When the sender goes before, the packet
 * is parted from it, and is the window's alone, with the table's reference and
 * the frames.
 *
 * Invariant: whoever held a packet finds out, when he lets go of it, under
 * comp_lock, whether its sender still has it in its table, and gives back what
 * it borrows if not.
 */

#include "borrowers.h"

bool borrow_hold(plid_t plid)
{
    const struct line_meta *m = line_meta(plid);
    struct queue *q = packet_borrows(m) ? borrow_sender(m) : NULL;
    struct borrower *b;
    bool held = false;

    if ( !q )
        return false;

    spin_lock(&q->comp_lock);
    b = borrow_find(q, plid);
    if ( b && !b->held && !q->dead &&
         read_atomic(&m->state) == PAYLOAD_BORROWED )
    {
        borrow_unlink(q, b);
        b->held = held = true;
        add_sized(&q->borrow_held, 1);
    }
    spin_unlock(&q->comp_lock);

    return held;
}

/* Put it back into the ring.  False: it has been parted from its sender. */
static bool rejoin(struct queue *q, plid_t plid)
{
    struct borrower *b;
    uint16_t next;

    spin_lock(&q->comp_lock);
    b = borrow_find(q, plid);
    if ( b )
    {
        ASSERT(b->held);
        /* It is among the oldest. */
        for ( next = q->borrow[q->comp_size].next; next != q->comp_size;
              next = q->borrow[next].next )
            if ( (int32_t)(q->borrow[next].seq - b->seq) > 0 )
                break;
        borrow_link(q, b - q->borrow, next);
        b->held = false;
        add_sized(&q->borrow_held, -1);
    }
    spin_unlock(&q->comp_lock);

    return b;
}

void borrow_unhold(plid_t plid)
{
    struct packet *pkt = line_data(plid);
    struct queue *q = borrow_sender(line_meta(plid));

    if ( q && likely(rejoin(q, plid)) )
    {
        borrow_watch(q);
        return;
    }

    payload_put(NULL, plid, pkt, pkt->hdr.nr_extents);
    packet_put(plid); /* the table's reference */
}

/*
 * A packet that a window holds is none of q's any more: it is the window's, with
 * the table's reference and the frames.
 */
static void part(struct queue *q, plid_t plid)
{
    struct packet *pkt = line_data(plid);
    struct line_meta *m = line_meta(plid);
    unsigned int i, frames = 0;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        frames += PFN_UP(e->offset + e->len);
    }

    borrow_leave(q, plid);
    use_close(&m->use);
    write_atomic(&m->state, PAYLOAD_PARTED);
    count(q, CNT(torn));
    borrow_end(q, plid, frames, HICAMP_COMP_TORN);
}

void borrow_part(plid_t plid)
{
    struct queue *q = borrow_sender(line_meta(plid));

    if ( !q )
        return;

    spin_lock(&q->comp_lock);
    if ( borrow_find(q, plid) )
        part(q, plid);
    spin_unlock(&q->comp_lock);
}

void hold_part_all(struct queue *q)
{
    unsigned int slot;

    spin_lock(&q->comp_lock);
    for ( slot = 0; q->borrow_held && slot < q->comp_size; slot++ )
        if ( q->borrow[slot].plid != PLID_NONE && q->borrow[slot].held )
            part(q, q->borrow[slot].plid);
    spin_unlock(&q->comp_lock);
}
