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
 * In extents of type FRAME, name is a machine frame, held by a reference for
 * each page that the extent touches; REF is the sender's reference.
 */
struct packet {
    struct hicamp_pkt hdr;
    uint8_t inl[HICAMP_INLINE_MAX];
    struct hicamp_extent ext[ROOT_EXTENTS];
};

/*
 * Take the next packet from q's tx ring, of which avail > 0 slots are there.
 *
 *   1  *plid is its segment, owned by the caller, *key its flow key
 *   0  it was dropped and counted; the ring has advanced
 *  -1  nothing was taken: no completion entry can be had now
 *
 * q->tx_lock is held, RCU read section.
 */
int snapshot_take(struct queue *q, unsigned int avail, plid_t *plid,
                  struct hicamp_flow_key *key);

/* Extent i < hdr.nr_extents. */
const struct hicamp_extent *packet_extent(plid_t plid, unsigned int i);

/*
 * The packet is to be delivered once more: call before it is put anywhere.
 * False: too many already (its reference count is saturated).
 */
bool packet_output(plid_t plid);

/*
 * An output (or, once, the caller of snapshot_take()) is done with the packet:
 * the last one gives the sender its frames and the completion.  The RCU read
 * section; no comp_lock is held.
 */
void packet_done(plid_t plid);

/*
 * Use the packet's payload, for one copy.  False: its sender has taken it
 * back, it is torn.
 */
static inline bool packet_use(plid_t plid)
{
    return use_begin(&line_meta(plid)->use);
}

static inline void packet_unuse(plid_t plid)
{
    use_end(&line_meta(plid)->use);
}

/*
 * Take back what q's packets under way borrow.  q is dead.  -ERESTART: call
 * again.  ctl_lock is held and no lock below it.
 */
int snapshot_withdraw(struct queue *q);

#endif /* HICAMP_SNAPSHOT_H */
