/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets under way: what they borrow of their sender, until their last output
 * has them or Xen gives it back sooner.
 */

#ifndef HICAMP_BORROW_H
#define HICAMP_BORROW_H

#include "port.h"
#include "segment.h"
#include "snapshot.h"

/*
 * Where a packet's payload is (line_meta.state).  It begins in hand and ends,
 * if it is taken back, copied or torn, or parted from its sender; all for good.
 */
enum payload_state {
    PAYLOAD_IN_HAND,    /* as below, and only the sender's context, which is
                         * putting the packet in line, may take it back */
    PAYLOAD_BORROWED,   /* where the extents say: use it by packet_use() */
    PAYLOAD_COPIED,     /* in lines of ours, see packet_lines() */
    PAYLOAD_TORN,       /* nowhere: drop the packet */
    PAYLOAD_PARTED,     /* a window's, without its sender: drop likewise */
};

/* How old a borrowed payload may become, and how many may wait: parameters. */
extern unsigned int borrow_age_us, borrow_pair;

/*
 * The table of borrowers of a new queue, comp_size places, and its clock.
 * -ENOMEM.  borrow_free() in every case.
 */
int borrow_init(struct queue *q, unsigned int comp_size);
void borrow_free(struct queue *q);

/*
 * Enter a packet whose extents are held: frames of them are frames, refs says
 * whether any is of a run.  False: no completion entry can be had now, or the
 * packet has too many references.  Its sender's tx_lock is held.
 */
bool borrow_enter(struct queue *q, plid_t plid, unsigned int frames,
                  bool refs);

/*
 * Keep a completion entry for a packet that is not entered, perhaps never will
 * be.  False, and context, as borrow_enter().  Ends with one of the next two.
 */
bool borrow_promise(struct queue *q);

/* Enter such a packet, whose extents are held; cannot fail. */
void borrow_enter_held(struct queue *q, plid_t plid, unsigned int frames);

/*
 * Complete all such packets that have not been entered: nr of them, by these
 * ids.  What they held has been given back.  Their sender's tx_lock is held.
 */
void borrow_settle(struct queue *q, const uint32_t *ids, unsigned int nr);

/*
 * Refuse a packet that has not been entered: its sender wants to know, if it
 * has extents.  False: no completion entry can be had now.  As borrow_enter().
 */
bool borrow_refuse(struct queue *q, const struct hicamp_pkt *hdr);

/* Give back what the first nr extents of a packet of hd hold; frames of it. */
unsigned int payload_put(struct hicamp_domain *hd, plid_t plid,
                         struct packet *pkt, unsigned int nr);

/* Drop a reference to a packet; what it borrowed has been given back. */
void packet_put(plid_t plid);

/*
 * The packet is to be delivered once more: call before it is put anywhere.
 * False: too many already (its reference count is saturated).
 */
bool packet_output(plid_t plid);

/*
 * An output is done with the packet: the last one gives the sender its frames
 * and the completion.  The RCU read section; no comp_lock is held.
 */
void packet_done(plid_t plid);

/*
 * The sender's context is done with the packet that snapshot_take() gave: from
 * now on others may take its payload back.  As packet_done().
 */
void packet_release(plid_t plid);

/*
 * Nobody else has got the packet in hand, and it is one line that nobody pays
 * for: the next may have it.
 */
static inline bool packet_is_ours(plid_t plid)
{
    const struct line_meta *m = line_meta(plid);

    return atomic_read(&m->refs) == 1 && m->link == PLID_NONE && !m->arena;
}

/* Does the packet still borrow?  A hint, but for who has it in hand. */
static inline bool packet_borrows(const struct line_meta *m)
{
    return m->slot != LINE_NO_SLOT &&
           read_atomic(&m->state) <= PAYLOAD_BORROWED;
}

/*
 * Use the packet's payload where its extents say, for one copy.  False: it is
 * being taken back, or has been: ask packet_lines().
 */
static inline bool packet_use(plid_t plid)
{
    return use_begin(&line_meta(plid)->use);
}

static inline void packet_unuse(plid_t plid)
{
    use_end(&line_meta(plid)->use);
}

/* Where read payload goes; src NULL: zeros.  False: enough. */
typedef bool payload_write_t(void *to, const void *src, uint32_t bytes);

static always_inline bool payload_read_frames(const struct hicamp_extent *e,
                                              payload_write_t *write,
                                              void *to)
{
    uint64_t mfn = extent_mfn(e) + (e->offset >> PAGE_SHIFT);
    uint32_t offset = e->offset & ~PAGE_MASK, left = e->len;
    bool more = true;

    while ( left && more )
    {
        uint32_t n = min(left, (uint32_t)PAGE_SIZE - offset);
        const void *va = map_domain_page(_mfn(mfn++));

        more = write(to, va + offset, n);
        unmap_domain_page(va);
        left -= n;
        offset = 0;
    }

    return more;
}

static always_inline bool payload_read_segment(const struct hicamp_extent *e,
                                               payload_write_t *write,
                                               void *to)
{
    struct segment_cursor c;
    const void *data;
    bool more = true;
    unsigned int n;

    segment_cursor_init(&c, e->offset, e->name, e->len);
    while ( more && (n = segment_next(&c, &data)) != 0 )
        more = write(to, data, n);
    segment_cursor_done(&c);

    return more;
}

/*
 * Read a packet's payload where its extents say, piece by piece, in order.
 * The caller has a use of it, or has taken it out of the table.  False: write
 * had enough.  In line, so that write is too: this is where the bytes move.
 */
static always_inline bool payload_read(plid_t plid, struct packet *pkt,
                                       payload_write_t *write, void *to)
{
    unsigned int i;
    bool more = true;

    for ( i = 0; more && i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        more = likely(e->type != HICAMP_EXT_SEGMENT)
               ? payload_read_frames(e, write, to)
               : payload_read_segment(e, write, to);
    }

    return more;
}

/*
 * After packet_use() failed: the lines that hold the payload, in order, each
 * full but the last.  NULL: the packet is torn.  Waits for the copy under way.
 * They stay as long as the caller's reference to the packet.
 */
const plid_t *packet_lines(plid_t plid);

/*
 * Copy the payload of a packet in hand into lines that payer pays for; count
 * it by why, and complete it.  False: there are no lines, and nothing has
 * changed.  q is its sender's, whose tx_lock is held; no lock below it is.
 */
bool packet_copy(struct queue *q, plid_t plid, struct arena *payer,
                 unsigned int why);

/*
 * Runs of hd are being revoked: these entries are closed, nr of them.  Takes
 * back all packets under way that borrow from one; then nobody uses them any
 * more.  -ERESTART: call again.  No lock is held.  Costs what the walk over
 * the packets under way costs, once, and a copy for each that is taken back.
 */
int borrow_recall(struct hicamp_domain *hd, const uint32_t *indices,
                  unsigned int nr);

/*
 * Take back all that q's packets under way borrow: copied, or torn when the
 * sender's domain is dying.  q is dead.  -ERESTART: call again.  ctl_lock is
 * held and no lock below it, the RCU read section.
 */
int borrow_withdraw(struct queue *q);

/*
 * A window holds the packet, beside an output of it that it has: nobody takes its
 * payload back, though its sender may be parted from it.  False: it does not
 * borrow, is being taken back, is in hand, or another window has it.  As
 * packet_done().
 */
bool borrow_hold(plid_t plid);
/*
 * Not any more.  What it borrows is given back, if its sender, from which it has
 * been parted, cannot.
 */
void borrow_unhold(plid_t plid);
/* Part it from its sender now, to whom it is completed as torn. */
void borrow_part(plid_t plid);

/* As borrow_watch() when there is something to watch. */
void borrow_arm(struct queue *q);

/*
 * A burst has been transmitted: what is still borrowed will be taken back when
 * it gets too old.  No lock is held.
 */
static inline void borrow_watch(struct queue *q)
{
    if ( unlikely(read_atomic(&q->borrow_nr)) && !read_atomic(&q->aging) )
        borrow_arm(q);
}

#endif /* HICAMP_BORROW_H */
