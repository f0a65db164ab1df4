/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Snapshot: tx descriptors become a packet segment.  Here live the checks of
 * what a guest says about a packet, and taking hold of the memory that it
 * lends.
 *
 * The slots of a packet are copied once; everything that follows looks only at
 * the copy, so where a packet goes and what its headers say cannot change
 * after it was checked.  Payload beyond the slots is borrowed: it stays in the
 * sender's memory until the last output has copied it, or it is taken back
 * (borrow.c).
 *
 * Invariant: a packet that borrows is in its queue's table of borrowers before
 * anybody else learns of it, holding what its extents name.  A small one, that
 * may be delivered before anybody learns of it, is not entered here.
 */

#include "borrow.h"
#include "guard.h"
#include "ring.h"
#include "segment.h"

#define ETH_HLEN            14
#define TCP_CSUM_OFFSET     16

#define PKT_FLAGS   (HICAMP_PKT_CSUM_PARTIAL | HICAMP_PKT_CSUM_VALID | \
                     HICAMP_PKT_HASH)

unsigned int __read_mostly straight_bytes = 4096;

/* The first slot of a packet. */
union first_slot {
    struct hicamp_slot slot;
    struct hicamp_pkt hdr;
};

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
        struct hicamp_extent *e = packet_extent(plid, pkt, i);
        const struct hicamp_slot *s = slot_at(q->tx, q->tx_size,
                                              index + i / 4);

        memcpy(e, s->bytes + i % 4 * sizeof(*e), sizeof(*e));
        barrier();
        len += e->len;
    }

    /* extents_hold() relies on each, packet_check() on the sum. */
    pkt->hdr.len = len == pkt->hdr.len ? len : 0;

    return true;
}

/* What the extents of a packet hold. */
struct holding {
    unsigned int frames;
    bool refs, segments;
};

/* Hold the frames of an extent, which is then by machine frame. */
static bool hold_frames(struct domain *d, struct hicamp_extent *e,
                        struct holding *h)
{
    mfn_t mfn, first = INVALID_MFN;
    unsigned int i, nr;

    if ( e->offset >= PAGE_SIZE )
        return false;

    nr = PFN_UP(e->offset + e->len);
    for ( i = 0; i < nr; i++ )
    {
        if ( unlikely(frame_get(d, e->name + i, FRAME_READ, &mfn)) )
        {
            while ( i-- )
                frame_put(_mfn(mfn_x(first) + i), FRAME_READ);
            return false;
        }
        if ( !i )
            first = mfn;
    }

    e->name = mfn_x(first);
    h->frames += nr;

    return true;
}

static bool hold_run(const struct hicamp_domain *hd, struct hicamp_extent *e,
                     struct holding *h)
{
    uint64_t mfn;
    int run;

    if ( e->name != (uint32_t)e->name )
        return false;

    run = space_borrow(hd, e->name, e->offset, e->len, &mfn);
    if ( unlikely(run < 0) )
        return false;

    e->name = extent_ref(mfn, run);
    h->refs = true;

    return true;
}

static bool hold_segment(struct hicamp_domain *hd, struct hicamp_extent *e,
                         struct holding *h)
{
    uint64_t at;
    plid_t root;

    if ( e->name != (uint32_t)e->name ||
         segment_hold(hd, e->name, e->offset, e->len, &root, &at) )
        return false;

    e->name = at;
    e->offset = root;
    h->segments = true;

    return true;
}

/* Hold what each extent names.  False, and nothing, if one is bad. */
static bool extents_hold(struct queue *q, plid_t plid, struct packet *pkt,
                         struct holding *h)
{
    struct hicamp_domain *hd = q->port->hd;
    unsigned int i;
    bool done = true;

    h->frames = 0;
    h->refs = h->segments = false;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        struct hicamp_extent *e = packet_extent(plid, pkt, i);

        switch ( e->len ? e->type : HICAMP_EXT_FILL )
        {
        case HICAMP_EXT_FRAME:
            done = hold_frames(hd->d, e, h);
            break;

        case HICAMP_EXT_REF:
            done = hold_run(hd, e, h);
            break;

        case HICAMP_EXT_SEGMENT:
            done = hold_segment(hd, e, h);
            break;

        default:
            done = false;
            break;
        }

        if ( unlikely(!done) )
        {
            payload_put(hd, plid, pkt, i);
            break;
        }
    }

    return done;
}

/* What the sender says of the packet must be possible, and hold together. */
static bool header_valid(const struct hicamp_pkt *h, bool fabric)
{
    if ( h->len < ETH_HLEN || h->len > HICAMP_LEN_MAX ||
         h->inline_len < ETH_HLEN ||
         (h->flags & ~PKT_FLAGS) || h->pad || h->reason ||
         (h->port && !fabric) )
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
           key->ip_proto == PROTO_TCP && !key->ip_frag && off->payload &&
           h->csum_start == off->l4 && h->csum_offset == TCP_CSUM_OFFSET;
}

/*
 * What the packet needs of an MTU: its L3 bytes, or its largest segment's;
 * more than any MTU when that does not fit.
 */
static uint16_t mtu_need(const struct hicamp_pkt *h,
                         const struct hicamp_key_offsets *off)
{
    uint32_t l2 = off->l3 ?: ETH_HLEN, need;

    need = h->gso_size ? off->payload - l2 + h->gso_size : h->len - l2;

    return min(need, (uint32_t)UINT16_MAX);
}

/* Which counter refuses the packet; HICAMP_NR_COUNTERS: none. */
static unsigned int packet_check(const struct queue *q,
                                 const struct packet *pkt, uint16_t *mtu,
                                 struct hicamp_flow_key *key)
{
    const struct port *port = q->port;
    struct hicamp_key_offsets off;

    if ( !header_valid(&pkt->hdr, port->fabric) )
        return CNT(drop_malformed);

    if ( hicamp_key_extract(pkt->inl, pkt->hdr.inline_len, pkt->hdr.len,
                            port->id, key, &off) ||
         !gso_valid(&pkt->hdr, key, &off) )
        return CNT(drop_header);

    if ( !guard_passes(port, key, &off, pkt->inl, pkt->hdr.inline_len) )
        return CNT(drop_spoof);

    *mtu = mtu_need(&pkt->hdr, &off);

    return HICAMP_NR_COUNTERS;
}

/*
 * Enter the packet in the table of borrowers, or only keep it a completion if
 * it may be through before that matters.  False: none can be had now.
 */
static bool lend(struct queue *q, struct taken *t, const struct holding *h)
{
    if ( t->straight && !h->refs && !h->segments &&
         !(read_atomic(&q->port->flags) & HICAMP_PORT_COPY) )
    {
        t->frames = h->frames;
        return borrow_promise(q);
    }
    t->straight = false;

    return borrow_enter(q, t->plid, h->frames, h->refs);
}

int snapshot_take(struct queue *q, unsigned int avail, plid_t *spare,
                  struct taken *t)
{
    union first_slot first;
    struct packet *pkt;
    struct line_meta *m;
    unsigned int nr_hdr, nr, i, drop;
    struct holding h;

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

    t->plid = *spare != PLID_NONE ? *spare : line_alloc(NULL, LINE_RX);
    *spare = PLID_NONE;
    if ( unlikely(t->plid == PLID_NONE) )
    {
        drop = CNT(drop_nomem);
        goto drop;
    }

    pkt = line_data(t->plid);
    m = line_meta(t->plid);
    m->use.word = 0;
    atomic_set(&m->pending, 1);
    m->port = q->port->id;
    m->queue = q->index;
    m->slot = LINE_NO_SLOT;
    m->state = PAYLOAD_IN_HAND;

    memcpy(pkt, &first, sizeof(first));
    for ( i = 1; i < nr_hdr; i++ )
        slot_read((uint8_t *)pkt + i * HICAMP_SLOT_BYTES, q->tx, q->tx_size,
                  q->tx_cons + i);

    if ( unlikely(!extents_read(q, q->tx_cons + nr_hdr, t->plid, pkt)) )
    {
        drop = CNT(drop_nomem);
        goto drop_line;
    }

    drop = packet_check(q, pkt, &m->mtu, &t->key);
    if ( unlikely(drop != HICAMP_NR_COUNTERS) )
        goto drop_line;

    t->len = pkt->hdr.len;
    t->straight = t->len <= param_of(&q->port->own, OWN_STRAIGHT,
                                     &straight_bytes);
    t->frames = 0;

    if ( pkt->hdr.nr_extents )
    {
        if ( unlikely(!extents_hold(q, t->plid, pkt, &h)) )
        {
            drop = CNT(drop_frame);
            goto drop_line;
        }

        if ( unlikely(!lend(q, t, &h)) )
        {
            payload_put(q->port->hd, t->plid, pkt, pkt->hdr.nr_extents);
            packet_put(t->plid);
            return -1;
        }

        if ( h.refs )
            count(q, CNT(tx_refs));
        if ( h.segments )
            count(q, CNT(tx_segments));
    }
    else
        count(q, CNT(tx_inline));

    q->tx_cons += nr;
    count(q, CNT(tx_packets));
    count_by(q, CNT(tx_bytes), t->len);
    if ( pkt->hdr.gso_size )
        count(q, CNT(tx_gso));

    return 1;

 drop_line:
    packet_put(t->plid);
 drop:
    if ( !borrow_refuse(q, &first.hdr) )
        return -1;
    q->tx_cons += nr;
    count(q, drop);

    return 0;
}
