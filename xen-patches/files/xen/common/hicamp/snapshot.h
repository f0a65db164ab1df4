/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packet segments: a packet of the tx ring becomes a root line that nobody can
 * change any more, holding metadata, headers, and extents of payload.
 */

#ifndef HICAMP_SNAPSHOT_H
#define HICAMP_SNAPSHOT_H

#include "key.h"
#include "port.h"

/* Extents in the root line; further ones stand in a second line. */
#define ROOT_EXTENTS    20

/*
 * A packet segment's root line.  hdr and inl are a copy of the sender's slots,
 * checked; the header line of HICAMP's packet segments is part of the root.
 *
 * Each extent holds what it names until the payload is given back:
 *   FRAME    name is a machine frame; a reference to each that it touches
 *   REF      name is a machine frame and, above, the run's place in the grant
 *            space of the sender; counted as a borrower of the run
 *   SEGMENT  name and offset are what segment_hold() gave: place and root
 */
struct packet {
    struct hicamp_pkt hdr;
    uint8_t inl[HICAMP_INLINE_MAX];
    struct hicamp_extent ext[ROOT_EXTENTS];
};

#define EXTENT_MFN_BITS     (PADDR_BITS - PAGE_SHIFT)

static inline uint64_t extent_mfn(const struct hicamp_extent *e)
{
    return e->name & ((1ul << EXTENT_MFN_BITS) - 1);
}

static inline uint32_t extent_run(const struct hicamp_extent *e)
{
    return e->name >> EXTENT_MFN_BITS;
}

static inline uint64_t extent_ref(uint64_t mfn, uint32_t run)
{
    return mfn | ((uint64_t)run << EXTENT_MFN_BITS);
}

/* HICAMP_PARAM_STRAIGHT, of the host. */
extern unsigned int straight_bytes;

/* A packet in the sender's hand. */
struct taken {
    plid_t plid;                /* its segment, owned by the caller */
    uint32_t len;
    bool straight;              /* small: may go straight to its receivers */
    unsigned int frames;        /* that it holds, and is not in the table of
                                 * borrowers for; see snapshot_take() */
    struct hicamp_flow_key key;
};

/*
 * Take the next packet from q's tx ring, of which avail > 0 slots are there.
 * *spare is a line for it, or none; none when it has been used.
 *
 *   1  *t is the packet
 *   0  it was dropped and counted; the ring has advanced
 *  -1  nothing was taken: no completion entry can be had now
 *
 * A packet that may go straight to its receivers is in no table yet, though it
 * holds frames: before anybody else can learn of it the caller enters it
 * (borrow_enter_held()), or gives them back (payload_put()) and sees to its
 * completion (borrow_settle()).
 *
 * q->tx_lock is held, RCU read section.  The caller ends with
 * packet_release().
 */
int snapshot_take(struct queue *q, unsigned int avail, plid_t *spare,
                  struct taken *t);

/* Extent i < hdr.nr_extents of a packet that has not been taken back. */
static inline struct hicamp_extent *packet_extent(plid_t plid,
                                                  struct packet *pkt,
                                                  unsigned int i)
{
    struct hicamp_extent *more;

    if ( likely(i < ROOT_EXTENTS) )
        return &pkt->ext[i];

    more = line_data(line_meta(plid)->link);

    return &more[i - ROOT_EXTENTS];
}

static inline uint32_t packet_payload(const struct packet *pkt)
{
    return pkt->hdr.len - pkt->hdr.inline_len;
}

#endif /* HICAMP_SNAPSHOT_H */
