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

/*
 * Take the next packet from q's tx ring, of which avail > 0 slots are there.
 *
 *   1  *plid is its segment, owned by the caller, *key its flow key
 *   0  it was dropped and counted; the ring has advanced
 *  -1  nothing was taken: no completion entry can be had now
 *
 * q->tx_lock is held, RCU read section.  The caller ends with
 * packet_release().
 */
int snapshot_take(struct queue *q, unsigned int avail, plid_t *plid,
                  struct hicamp_flow_key *key);

/* Extent i < hdr.nr_extents of a packet that has not been taken back. */
const struct hicamp_extent *packet_extent(plid_t plid, unsigned int i);

static inline uint32_t packet_payload(const struct packet *pkt)
{
    return pkt->hdr.len - pkt->hdr.inline_len;
}

#endif /* HICAMP_SNAPSHOT_H */
