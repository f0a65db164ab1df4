/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Snapshot: tx descriptors become a packet segment.  Here live the checks of
 * what a guest says about a packet, the references to the frames that it
 * lends, and giving them back.
 *
 * The slots of a packet are copied once; everything that follows looks only at
 * the copy, so where a packet goes and what its headers say cannot change
 * after it was checked.  Payload beyond the slots is borrowed: it stays in the
 * sender's frames until the last output has copied it.
 *
 * Each packet that borrows has a place in its queue's table of borrowers.
 * Invariant: whoever takes a packet out of that table, under comp_lock, and
 * nobody else, drops its frames: packet_done() when the last output is
 * through, or snapshot_withdraw() when the sender takes everything back.
 */

#include "ring.h"
#include "snapshot.h"

#define ETH_HLEN            14
#define ETHERTYPE_IPV4      0x0800
#define ETHERTYPE_IPV6      0x86dd
#define IPPROTO_TCP         6
#define TCP_CSUM_OFFSET     16

#define PKT_FLAGS   (HICAMP_PKT_CSUM_PARTIAL | HICAMP_PKT_CSUM_VALID | \
                     HICAMP_PKT_HASH)

/* The first slot of a packet. */
union first_slot {
    struct hicamp_slot slot;
    struct hicamp_pkt hdr;
};

static struct hicamp_extent *extent_at(plid_t plid, struct packet *pkt,
                                       unsigned int i)
{
    struct hicamp_extent *more;

    if ( likely(i < ROOT_EXTENTS) )
        return &pkt->ext[i];

    more = line_data(line_meta(plid)->link);

    return &more[i - ROOT_EXTENTS];
}

const struct hicamp_extent *packet_extent(plid_t plid, unsigned int i)
{
    return extent_at(plid, line_data(plid), i);
}

static unsigned int extent_frames(const struct hicamp_extent *e)
{
    return PFN_UP(e->offset + e->len);
}

/* Drop the frames of the first nr extents. */
static unsigned int packet_put_frames(plid_t plid, unsigned int nr)
{
    unsigned int i, j, frames, total = 0;

    for ( i = 0; i < nr; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, i);

        if ( e->type != HICAMP_EXT_FRAME )
            continue;

        frames = extent_frames(e);
        for ( j = 0; j < frames; j++ )
            frame_put(_mfn(e->name + j), false);
        total += frames;
    }

    return total;
}

/* Drop a reference to a packet segment whose frames have been dropped. */
static void packet_put(plid_t plid)
{
    plid_t more;

    if ( !line_put_test(plid) )
        return;

    more = line_meta(plid)->link;
    if ( unlikely(more != PLID_NONE) )
        line_put(more);
    line_free(plid);
}

/* Append a completion.  There is room: comp_available() has said so. */
static void complete(struct queue *q, uint32_t id, uint32_t status)
{
    struct hicamp_comp *c = &q->comp[q->comp_prod & (q->comp_size - 1)];

    c->id = id;
    c->status = status;
    q->comp_prod++;
    count(q, CNT(completions));
    ring_publish(&q->ctrl->comp_prod, q->comp_prod);
    queue_mark_dirty(q);

    smp_mb(); /* our index before the guest's flag */
    if ( read_atomic(&q->ctrl->comp_event) )
    {
        count(q, CNT_COMP_EVENTS);
        queue_notify(q);
    }
}

/*
 * Is there an entry of the comp ring for one more packet under way?  Those
 * under way have theirs reserved.
 */
static bool comp_available(struct queue *q)
{
    int room;

    ASSERT(spin_is_locked(&q->comp_lock));

    room = ring_room(&q->ctrl->comp_cons, q->comp_prod, q->comp_size);
    if ( unlikely(room < 0) )
    {
        queue_stop(q, "comp");
        return false;
    }

    return room > q->comp_size - q->borrow_nr_free;
}

/* Refuse a packet that has extents: its sender wants to know. */
static bool refuse(struct queue *q, const struct hicamp_pkt *hdr)
{
    bool done;

    if ( !hdr->nr_extents )
        return true;

    spin_lock(&q->comp_lock);
    done = comp_available(q);
    if ( done )
        complete(q, hdr->id, HICAMP_COMP_BAD);
    spin_unlock(&q->comp_lock);

    return done;
}

/* Copy the extents out of the ring and add up their lengths. */
static bool extents_read(struct queue *q, uint32_t index, plid_t plid,
                         struct packet *pkt)
{
    unsigned int i, nr = pkt->hdr.nr_extents;
    uint32_t len = pkt->hdr.inline_len;

    if ( unlikely(nr > ROOT_EXTENTS) )
    {
        plid_t more = line_alloc(NULL, LINE_RX);

        if ( more == PLID_NONE )
            return false;
        line_meta(plid)->link = more;
    }

    for ( i = 0; i < nr; i++ )
    {
        struct hicamp_extent *e = extent_at(plid, pkt, i);
        const struct hicamp_slot *s = slot_at(q->tx, q->tx_size,
                                              index + i / 4);

        memcpy(e, s->bytes + i % 4 * sizeof(*e), sizeof(*e));
        barrier();
        len += e->len;
    }

    /* extents_get() relies on each, packet_check() on the sum. */
    pkt->hdr.len = len == pkt->hdr.len ? len : 0;

    return true;
}

/* Borrow: take a reference to each frame.  False, and none, if one is bad. */
static bool extents_get(struct queue *q, plid_t plid, struct packet *pkt,
                        unsigned int *frames)
{
    struct domain *d = q->port->hd->d;
    unsigned int i, j, nr;

    *frames = 0;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        struct hicamp_extent *e = extent_at(plid, pkt, i);
        struct space_entry *entry;
        mfn_t mfn, first = INVALID_MFN;

        if ( !e->len )
            goto bad;

        switch ( e->type )
        {
        case HICAMP_EXT_FRAME:
            if ( e->offset >= PAGE_SIZE )
                goto bad;

            nr = extent_frames(e);
            for ( j = 0; j < nr; j++ )
            {
                if ( unlikely(!frame_get(d, e->name + j, false, &mfn)) )
                {
                    while ( j-- )
                        frame_put(_mfn(mfn_x(first) + j), false);
                    goto bad;
                }
                if ( !j )
                    first = mfn;
            }
            e->name = mfn_x(first);
            *frames += nr;
            break;

        case HICAMP_EXT_REF:
            if ( e->name != (uint32_t)e->name )
                goto bad;
            entry = space_use(q->port->hd, e->name, e->offset, e->len, 0);
            if ( !entry )
                goto bad;
            space_unuse(entry);
            break;

        default:
            goto bad;
        }
    }

    return true;

 bad:
    packet_put_frames(plid, i);

    return false;
}

/* What the sender says of the packet must be possible, and hold together. */
static bool header_valid(const struct hicamp_pkt *h)
{
    if ( h->len < ETH_HLEN || h->len > HICAMP_LEN_MAX ||
         h->inline_len < ETH_HLEN ||
         (h->flags & ~PKT_FLAGS) || h->pad || h->port || h->reason )
        return false;

    if ( (h->flags & HICAMP_PKT_CSUM_PARTIAL) &&
         (h->csum_start < ETH_HLEN ||
          (uint32_t)h->csum_start + h->csum_offset + 2 > h->inline_len) )
        return false;

    return h->gso_type == HICAMP_GSO_NONE
           ? !h->gso_size
           : h->gso_size && (h->flags & HICAMP_PKT_CSUM_PARTIAL);
}

/* A GSO packet's headers must be of the protocol that is to segment it. */
static bool gso_valid(const struct hicamp_pkt *h,
                      const struct hicamp_flow_key *key,
                      const struct hicamp_key_offsets *off)
{
    uint16_t eth_type;

    switch ( h->gso_type )
    {
    case HICAMP_GSO_NONE:
        return true;
    case HICAMP_GSO_TCPV4:
        eth_type = ETHERTYPE_IPV4;
        break;
    case HICAMP_GSO_TCPV6:
        eth_type = ETHERTYPE_IPV6;
        break;
    default:
        return false;
    }

    return key->eth_type == cpu_to_be16(eth_type) &&
           key->ip_proto == IPPROTO_TCP && !key->ip_frag && off->payload &&
           h->csum_start == off->l4 && h->csum_offset == TCP_CSUM_OFFSET;
}

/* What the packet needs of an MTU: its L3 bytes, or its largest segment's. */
static uint32_t mtu_need(const struct hicamp_pkt *h,
                         const struct hicamp_key_offsets *off)
{
    uint32_t l2 = off->l3 ?: ETH_HLEN;

    return h->gso_size ? off->payload - l2 + h->gso_size : h->len - l2;
}

/* Which counter refuses the packet; HICAMP_NR_COUNTERS: none. */
static unsigned int packet_check(const struct queue *q,
                                 const struct packet *pkt, uint32_t *mtu,
                                 struct hicamp_flow_key *key)
{
    const struct port *port = q->port;
    struct hicamp_key_offsets off;

    if ( !header_valid(&pkt->hdr) )
        return CNT(drop_malformed);

    if ( hicamp_key_extract(pkt->inl, pkt->hdr.inline_len, pkt->hdr.len,
                            port->id, key, &off) ||
         !gso_valid(&pkt->hdr, key, &off) )
        return CNT(drop_header);

    if ( (read_atomic(&port->flags) & HICAMP_PORT_ANTISPOOF) &&
         mac_word(key->eth_src) != read_atomic(&port->mac) )
        return CNT(drop_spoof);

    *mtu = mtu_need(&pkt->hdr, &off);

    return HICAMP_NR_COUNTERS;
}

/* Enter the packet into the table of borrowers. */
static bool borrow(struct queue *q, plid_t plid, unsigned int frames)
{
    struct line_meta *m = line_meta(plid);
    bool done;

    spin_lock(&q->comp_lock);

    done = comp_available(q) && line_get(plid);
    if ( done )
    {
        add_sized(&q->borrow_nr_free, -1);
        m->slot = q->borrow_free[q->borrow_nr_free];
        q->borrow[m->slot] = plid;
        add_sized(&q->borrow_frames, frames);
    }

    spin_unlock(&q->comp_lock);

    return done;
}

int snapshot_take(struct queue *q, unsigned int avail, plid_t *plid,
                  struct hicamp_flow_key *key)
{
    union first_slot first;
    struct packet *pkt;
    struct line_meta *m;
    unsigned int nr_hdr, nr, i, frames, drop;

    ASSERT(spin_is_locked(&q->tx_lock));

    slot_read(&first, q->tx, q->tx_size, q->tx_cons);

    nr_hdr = HICAMP_HDR_SLOTS(first.hdr.inline_len);
    nr = nr_hdr + HICAMP_EXT_SLOTS(first.hdr.nr_extents);
    if ( unlikely(first.hdr.inline_len > HICAMP_INLINE_MAX) ||
         unlikely(first.hdr.nr_extents > HICAMP_EXTENTS_MAX) ||
         unlikely(nr > avail) )
    {
        /* Where the next packet begins is anybody's guess. */
        q->tx_cons += avail;
        count(q, CNT(drop_malformed));
        return 0;
    }

    *plid = line_alloc(NULL, LINE_RX);
    if ( unlikely(*plid == PLID_NONE) )
    {
        drop = CNT(drop_nomem);
        goto drop;
    }

    pkt = line_data(*plid);
    m = line_meta(*plid);
    m->use.word = 0;
    atomic_set(&m->pending, 1);
    m->port = q->port->id;
    m->queue = q->index;
    m->slot = LINE_NO_SLOT;

    memcpy(pkt, &first, sizeof(first));
    for ( i = 1; i < nr_hdr; i++ )
        slot_read((uint8_t *)pkt + i * HICAMP_SLOT_BYTES, q->tx, q->tx_size,
                  q->tx_cons + i);

    if ( unlikely(!extents_read(q, q->tx_cons + nr_hdr, *plid, pkt)) )
    {
        drop = CNT(drop_nomem);
        goto drop_line;
    }

    drop = packet_check(q, pkt, &m->mtu, key);
    if ( unlikely(drop != HICAMP_NR_COUNTERS) )
        goto drop_line;

    if ( pkt->hdr.nr_extents )
    {
        if ( unlikely(!extents_get(q, *plid, pkt, &frames)) )
        {
            drop = CNT(drop_frame);
            goto drop_line;
        }

        if ( unlikely(!borrow(q, *plid, frames)) )
        {
            packet_put_frames(*plid, pkt->hdr.nr_extents);
            packet_put(*plid);
            return -1;
        }
    }
    else
        count(q, CNT(tx_inline));

    q->tx_cons += nr;
    count(q, CNT(tx_packets));
    count_by(q, CNT(tx_bytes), pkt->hdr.len);
    if ( pkt->hdr.gso_size )
        count(q, CNT(tx_gso));

    return 1;

 drop_line:
    packet_put(*plid);
 drop:
    if ( !refuse(q, &first.hdr) )
        return -1;
    q->tx_cons += nr;
    count(q, drop);

    return 0;
}

bool packet_output(plid_t plid)
{
    if ( !line_get(plid) )
        return false;

    atomic_inc(&line_meta(plid)->pending);

    return true;
}

/* The last output of a packet that borrows is through. */
static void packet_return(plid_t plid)
{
    const struct line_meta *m = line_meta(plid);
    const struct packet *pkt = line_data(plid);
    struct port *port = port_by_id(m->port);
    struct queue *q = port ? port_queue(port, m->queue) : NULL;

    /* Without the port, or with another in its place, it was withdrawn. */
    if ( !q )
        return;

    spin_lock(&q->comp_lock);
    if ( m->slot < q->comp_size && q->borrow[m->slot] == plid )
    {
        q->borrow[m->slot] = PLID_NONE;
        q->borrow_free[q->borrow_nr_free] = m->slot;
        add_sized(&q->borrow_nr_free, 1);
        add_sized(&q->borrow_frames,
                  -packet_put_frames(plid, pkt->hdr.nr_extents));
        if ( !q->dead )
            complete(q, pkt->hdr.id, HICAMP_COMP_OK);
        line_put(plid); /* not the last: our caller has one */
    }
    spin_unlock(&q->comp_lock);
}

void packet_done(plid_t plid)
{
    struct line_meta *m = line_meta(plid);

    if ( atomic_dec_and_test(&m->pending) && m->slot != LINE_NO_SLOT )
        packet_return(plid);

    packet_put(plid);
}

int snapshot_withdraw(struct queue *q)
{
    ASSERT(q->dead);

    while ( q->withdrawn < q->comp_size )
    {
        plid_t plid;

        spin_lock(&q->comp_lock);
        plid = q->borrow[q->withdrawn];
        q->borrow[q->withdrawn] = PLID_NONE;
        spin_unlock(&q->comp_lock);

        if ( plid != PLID_NONE )
        {
            const struct packet *pkt = line_data(plid);
            unsigned int frames;

            use_close(&line_meta(plid)->use);
            use_wait(&line_meta(plid)->use);
            frames = packet_put_frames(plid, pkt->hdr.nr_extents);
            packet_put(plid);

            spin_lock(&q->comp_lock);
            add_sized(&q->borrow_frames, -frames);
            spin_unlock(&q->comp_lock);
        }

        q->withdrawn++;
        if ( hicamp_preempt(q->withdrawn) )
            return -ERESTART;
    }

    return 0;
}
