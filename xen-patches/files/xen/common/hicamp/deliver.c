/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deliver.  Here live a queue's waiting line and the one copy from the
 * sender's frames into the receiver's buffers.
 *
 * Producers put packets in line under wait_lock; the one consumer, who holds
 * rx_lock, takes them out without it.  rx_lock is only ever tried: who does
 * not get it leaves a note (rx_again) that the holder finds after it has let
 * go, so no packet is left behind.
 *
 * Invariant: fill entries are consumed, and rx slots produced, only for
 * packets that were copied whole.  A packet that cannot be finished now stays
 * first in line.
 */

#include "borrow.h"
#include "deliver.h"
#include "offload.h"
#include "pace.h"
#include "ring.h"
#include "window.h"

/* Rx slots that the largest packet can take. */
#define RX_SLOTS_MAX    HICAMP_PKT_SLOTS_MAX

enum outcome {
    DELIVERED,
    SHOWN,          /* likewise, and a window has the packet now */
    DROPPED,        /* the packet is done with, nothing was consumed */
    STALLED,        /* no buffer, or no room: the packet stays */
    YIELDED,        /* this CPU has got something else to do: likewise */
};

/* Who delivers, and what becomes of what is left when the budget ends. */
enum how {
    FOR_GUEST,      /* anybody; the guest is told to fetch it */
    FOR_CALLER,     /* anybody; the caller sees to it */
    ON_IDLE,        /* an idle CPU; as FOR_GUEST */
    STRAIGHT,       /* the sender's context, of a packet that only it has */
};

/* What an idle CPU delivers in one go, so that RCU gets its turn. */
#define IDLE_BYTES      (2u << 20)

/* Where one packet's payload goes. */
struct sink {
    struct queue *q;
    bool yields, yielded;       /* to what this CPU has to do; it has */
    uint32_t fill_cons;         /* next entry to read */
    uint32_t fill_left;         /* entries that the guest has produced */
    uint32_t fill_commit;       /* consumed if the packet is not delivered */
    struct space_entry *entry;  /* run being filled, in use by us, or NULL */
    uint32_t offset, room;      /* in that run */
    unsigned int nr;
    struct hicamp_extent ext[HICAMP_EXTENTS_MAX];
};

/* ---- Waiting ------------------------------------------------------------- */

static bool charge_line(const struct queue *q, plid_t plid,
                        const struct line_meta *m)
{
    return m->arena || line_charge(plid, q->port->hd->arena, LINE_RX);
}

/* The lines of a packet in hand are q's to pay for, unless somebody does. */
static bool charge(const struct queue *q, plid_t plid,
                   const struct line_meta *m)
{
    return charge_line(q, plid, m) &&
           (likely(m->link == PLID_NONE) ||
            charge_line(q, m->link, line_meta(m->link)));
}

unsigned int __read_mostly wait_weight = WEIGHT_DEFAULT;

/*
 * Is there a place for one more packet of this sender?  Not if it has more
 * than a quarter of its weight times as many waiting as there are places left,
 * which are for the others (dynamic thresholds: Choudhury and Hahne, 1998).
 * Who sends without end fills his share, so shares of the line are as weights
 * are.
 */
static bool place_left(const struct queue *q, const struct pair *p,
                       const struct port *from)
{
    unsigned int waits = q->wait_tail - read_atomic(&q->wait_head);

    return likely(waits < WAIT_SLOTS) &&
           likely(4 * pair_waits(p) <=
                  param_of(&from->own, OWN_WEIGHT, &wait_weight) *
                  (WAIT_SLOTS - waits));
}

/* May the packet wait for q?  False: counted, or *gone.  wait_lock is held. */
static bool admit(struct queue *q, plid_t plid, const struct line_meta *m,
                  const struct pair *p, const struct port *from, bool *gone)
{
    *gone = q->wait_closed;

    if ( *gone )
        return false;

    if ( unlikely(m->mtu > read_atomic(&q->port->mtu)) )
        count(q, CNT(drop_mtu));
    else if ( unlikely(!place_left(q, p, from)) )
        count(q, CNT(drop_queue));
    else if ( unlikely(!charge(q, plid, m)) )
        count(q, CNT(drop_quota));
    else
        return true;

    return false;
}

/* Why a packet that borrows must be copied first: a counter, or none. */
static unsigned int must_copy(const struct queue *from, const struct pair *p)
{
    uint16_t lent;

    if ( unlikely(read_atomic(&from->port->flags) & HICAMP_PORT_COPY) )
        return CNT(copied_port);

    lent = read_atomic(&p->lent_in) - read_atomic(&p->lent_out);

    return unlikely(lent >= param_of(&from->port->own, OWN_BORROW_PAIR,
                                     &borrow_pair)) ? CNT(copied_pair)
                                                    : HICAMP_NR_COUNTERS;
}

/* reason: for the fabric, else 0. */
static always_inline bool enqueue(struct queue *q, struct queue *from,
                                  plid_t plid, uint8_t reason, bool *gone)
{
    const struct line_meta *m = line_meta(plid);
    uint16_t index = PORT_INDEX(from->port->id);
    struct pair *p = &q->pairs[index];
    bool lent = packet_borrows(m), done;
    unsigned int why = HICAMP_NR_COUNTERS;
    struct waiting *w;

    if ( lent )
        why = must_copy(from, p);

    spin_lock(&q->wait_lock);

    done = admit(q, plid, m, p, from->port, gone);
    if ( unlikely(why != HICAMP_NR_COUNTERS) && done )
    {
        spin_unlock(&q->wait_lock);
        done = packet_copy(from, plid, q->port->hd->arena, why);
        spin_lock(&q->wait_lock);

        if ( !done )
            count(q, CNT(drop_quota));
        else
            done = admit(q, plid, m, p, from->port, gone);
        lent = false;
    }

    if ( done && unlikely(!packet_output(plid)) )
    {
        count(q, CNT(drop_queue));
        done = false;
    }

    if ( likely(done) )
    {
        w = &q->wait[q->wait_tail % WAIT_SLOTS];
        w->plid = plid;
        w->pair = index;
        w->reason = reason;
        w->lent = lent;
        add_sized(&p->in, 1);
        add_sized(&p->lent_in, lent);
        ring_publish(&q->wait_tail, q->wait_tail + 1);
    }

    spin_unlock(&q->wait_lock);

    return done;
}

bool deliver_enqueue(struct queue *q, struct queue *from, plid_t plid,
                     bool *gone)
{
    return enqueue(q, from, plid, 0, gone);
}

bool deliver_upcall(struct queue *q, struct queue *from, plid_t plid,
                    uint8_t reason, bool *gone)
{
    ASSERT(reason && q->port->fabric);

    return enqueue(q, from, plid, reason, gone);
}

static uint32_t packet_len(plid_t plid)
{
    return ((const struct packet *)line_data(plid))->hdr.len;
}

/* The packet that waits first is gone: free its place.  rx_lock is held. */
static void dequeue(struct queue *q)
{
    const struct waiting *w = &q->wait[q->wait_head % WAIT_SLOTS];
    struct pair *p = &q->pairs[w->pair];

    add_sized(&p->out, 1);
    add_sized(&p->lent_out, w->lent);
    smp_mb(); /* entry read before its place is free */
    write_atomic(&q->wait_head, q->wait_head + 1);
}

/* ---- The copy ------------------------------------------------------------ */

/* Leave the buffer that is being filled. */
static void sink_close(struct sink *s)
{
    if ( s->entry )
        space_unuse(s->entry);
    s->entry = NULL;
}

/* Go on to the guest's next buffer.  False: there is none. */
static bool sink_next(struct sink *s)
{
    struct queue *q = s->q;

    sink_close(s);

    while ( s->fill_left )
    {
        struct hicamp_fill f;

        memcpy(&f, &q->fill[s->fill_cons & (q->fill_size - 1)], sizeof(f));
        barrier();
        s->fill_cons++;
        s->fill_left--;

        if ( likely(f.len >= HICAMP_FILL_MIN) )
            s->entry = space_use(q->port->hd, f.ref, f.offset, f.len,
                                 HICAMP_RUN_RW);
        if ( likely(s->entry) )
        {
            s->offset = f.offset;
            s->room = f.len;
            s->ext[s->nr].name = f.id;
            s->ext[s->nr].offset = 0;
            s->ext[s->nr].len = 0;
            s->ext[s->nr].type = HICAMP_EXT_FILL;
            s->nr++;
            return true;
        }

        count(q, CNT(bad_fill));
        if ( !s->nr )
            s->fill_commit = s->fill_cons;
    }

    return false;
}

/* Copy bytes, or zeros if src is NULL, into a run of d, page by page. */
static void copy_to_run(struct domain *d, uint64_t dst, uint32_t offset,
                        const void *src, uint32_t bytes)
{
    while ( bytes )
    {
        mfn_t mfn = _mfn(dst + (offset >> PAGE_SHIFT));
        uint32_t to = offset & ~PAGE_MASK;
        uint32_t n = min(bytes, (uint32_t)PAGE_SIZE - to);
        void *va = map_domain_page(mfn);

        if ( likely(src) )
        {
            memcpy(va + to, src, n);
            src += n;
        }
        else
            memset(va + to, 0, n);
        unmap_domain_page(va);
        if ( unlikely(paging_mode_log_dirty(d)) )
            paging_mark_dirty(d, mfn);

        offset += n;
        bytes -= n;
    }
}

/* Copy one stretch of payload into the guest's buffers. */
static bool sink_write(void *sink, const void *src, uint32_t bytes)
{
    struct sink *s = sink;

    while ( bytes )
    {
        uint32_t n;

        if ( !s->room && !sink_next(s) )
            return false;

        /* A packet's payload fits the 16 bits of an extent's length. */
        n = min(bytes, s->room);
        if ( unlikely(s->yields) )
        {
            s->yielded = offload_wanted();
            if ( s->yielded )
                return false;
            n = min(n, (uint32_t)PAGE_SIZE);
        }
        copy_to_run(s->q->port->hd->d, s->entry->mfn, s->offset, src, n);
        s->offset += n;
        s->room -= n;
        s->ext[s->nr - 1].len += n;
        src = src ? src + n : NULL;
        bytes -= n;
    }

    return true;
}

/* Of a packet that has been taken back. */
static enum outcome copy_lines(struct sink *s, plid_t plid,
                               const struct packet *pkt)
{
    const plid_t *lines = packet_lines(plid);
    uint32_t left = packet_payload(pkt);

    if ( !lines )
        return DROPPED;

    while ( left )
    {
        uint32_t n = min(left, (uint32_t)LINE_BYTES);

        if ( !sink_write(s, line_data(*lines++), n) )
            return STALLED;
        left -= n;
    }

    return DELIVERED;
}

static enum outcome copy_payload(struct sink *s, plid_t plid,
                                 struct packet *pkt, enum how how)
{
    enum outcome rc;

    if ( !pkt->hdr.nr_extents )
        return DELIVERED;

    if ( how == STRAIGHT || likely(packet_use(plid)) )
    {
        rc = payload_read(plid, pkt, sink_write, s) ? DELIVERED : STALLED;
        sink_close(s);
        if ( how != STRAIGHT )
            packet_unuse(plid);
    }
    else
    {
        rc = copy_lines(s, plid, pkt);
        sink_close(s);
    }

    return rc;
}

/* ---- Delivery ------------------------------------------------------------ */

/* Write metadata, headers and extents into rx slots, and move on. */
static void put_slots(struct queue *q, const struct waiting *w,
                      const struct packet *pkt, const struct sink *s)
{
    unsigned int i, n, left = pkt->hdr.inline_len, done;
    struct hicamp_slot *slot = slot_at(q->rx, q->rx_size, q->rx_prod++);
    struct hicamp_pkt hdr = pkt->hdr;

    hdr.nr_extents = s->nr;
    hdr.id = 0;
    if ( unlikely(w->reason) )
    {
        hdr.reason = w->reason;
        hdr.port = line_meta(w->plid)->port;
    }
    memcpy(slot->bytes, &hdr, sizeof(hdr));
    done = min(left, HICAMP_SLOT_BYTES - (unsigned int)sizeof(hdr));
    memcpy(slot->bytes + sizeof(hdr), pkt->inl, done);

    while ( done < left )
    {
        slot = slot_at(q->rx, q->rx_size, q->rx_prod++);
        n = min(left - done, (unsigned int)HICAMP_SLOT_BYTES);
        memcpy(slot->bytes, pkt->inl + done, n);
        done += n;
    }

    for ( i = 0; i < s->nr; i += 4 )
    {
        slot = slot_at(q->rx, q->rx_size, q->rx_prod++);
        n = min(s->nr - i, 4u);
        memcpy(slot->bytes, &s->ext[i], n * sizeof(s->ext[0]));
    }
}

/*
 * Is there room for the largest packet?  What was free stays so: the ring is
 * looked at for each burst (rx_room is 0 then), and when that is used up.
 */
static bool rx_room(struct queue *q)
{
    int room;

    if ( likely(q->rx_room >= RX_SLOTS_MAX) )
        return true;

    room = ring_room(&q->ctrl->rx_cons, q->rx_prod, q->rx_size);
    if ( unlikely(room < 0) )
        queue_stop(q, "rx");
    q->rx_room = max(room, 0);

    return q->rx_room >= RX_SLOTS_MAX;
}

static enum outcome deliver_packet(struct queue *q, const struct waiting *w,
                                   enum how how)
{
    plid_t plid = w->plid;
    struct packet *pkt = line_data(plid);
    struct sink s;
    enum outcome rc;
    int avail;

    if ( unlikely(read_atomic(&q->stopped)) )
    {
        count(q, CNT(drop_detach));
        return DROPPED;
    }

    if ( unlikely(!rx_room(q)) )
        return STALLED;

    avail = ring_avail(&q->ctrl->fill_prod, q->fill_cons, q->fill_size);
    if ( unlikely(avail < 0) )
    {
        queue_stop(q, "fill");
        return STALLED;
    }

    s.q = q;
    s.yields = how == ON_IDLE;
    s.yielded = false;
    s.fill_cons = s.fill_commit = q->fill_cons;
    s.fill_left = avail;
    s.entry = NULL;
    s.room = 0;
    s.nr = 0;

    if ( unlikely(q->window) && how != STRAIGHT &&
         window_show(q, plid, pkt, s.ext, &s.nr) )
        rc = SHOWN;
    else
        rc = copy_payload(&s, plid, pkt, how);
    if ( likely(rc == DELIVERED) || rc == SHOWN )
    {
        put_slots(q, w, pkt, &s);
        q->rx_room -= HICAMP_PKT_SLOTS(pkt->hdr.inline_len, s.nr);
        q->fill_cons = s.fill_cons;
        count(q, CNT(rx_packets));
        count_by(q, CNT(rx_bytes), pkt->hdr.len);
        if ( pkt->hdr.gso_size )
            count(q, CNT(rx_gso));
        if ( !s.nr )
            count(q, CNT(rx_inline));
    }
    else
    {
        q->fill_cons = s.fill_commit;
        if ( rc == DROPPED )
            count(q, CNT(drop_torn));
    }

    return unlikely(s.yielded) ? YIELDED : rc;
}

/*
 * Show the guest what was produced and consumed; tell it of packets if it
 * wants, and of what is left to fetch in any case.
 */
static void publish(struct queue *q, unsigned int packets, bool left)
{
    struct hicamp_ring_ctrl *ctrl = q->ctrl;
    bool notify = left;

    ring_publish(&ctrl->fill_cons, q->fill_cons);
    ring_publish(&ctrl->rx_prod, q->rx_prod);
    queue_mark_dirty(q);

    smp_mb(); /* our indices and fill_wakeup before the guest's flag */
    if ( packets && !left )
        notify = read_atomic(&ctrl->rx_event);

    if ( notify )
        pace_event(q, packets, left);
}

/* As deliver(), once; *left: the budget ended it.  rx_lock is held. */
static unsigned int deliver_locked(struct queue *q, unsigned int budget,
                                   enum how how, bool *left)
{
    unsigned int bytes = 0, packets = 0;
    bool asked = false;

    *left = false;
    if ( q->dead )
        return 0;

    q->rx_room = 0;
    write_atomic(&q->ctrl->fill_wakeup, 0);

    /* Bounded: senders add at most what fits, then drop; budget ends it too. */
    while ( deliver_waits(q) )
    {
        const struct waiting *w;
        enum outcome rc;
        plid_t plid;

        smp_rmb(); /* wait_tail before the entry */
        w = &q->wait[q->wait_head % WAIT_SLOTS];
        plid = w->plid;

        *left = bytes >= budget;
        if ( unlikely(how == FOR_CALLER) )
        {
            *left = budget - min(bytes, budget) < packet_len(plid);
            if ( *left )
                break;
        }

        if ( *left )
            rc = STALLED;
        else if ( unlikely(how == ON_IDLE) && offload_wanted() )
            rc = YIELDED;
        else
            rc = deliver_packet(q, w, how);

        if ( unlikely(rc == YIELDED) )
        {
            count(q, CNT(idle_yields));
            *left = true;
            rc = STALLED;
        }

        if ( rc == STALLED )
        {
            if ( asked )
                break;

            /* Ask to be called, then look once more. */
            asked = true;
            write_atomic(&q->ctrl->fill_wakeup, 1);
            smp_mb();
            if ( *left )
                break;
            count(q, CNT(rx_stalls));
            continue;
        }

        if ( rc == DELIVERED || rc == SHOWN )
        {
            bytes += packet_len(plid);
            packets++;
        }
        dequeue(q);
        if ( likely(rc != SHOWN) )
            packet_done(plid);
    }

    publish(q, packets, *left && how != FOR_CALLER);
    if ( unlikely(how == ON_IDLE) )
        count_by(q, CNT(idle_packets), packets);

    return bytes;
}

static unsigned int deliver_how(struct queue *q, unsigned int budget,
                                enum how how, bool *left)
{
    unsigned int bytes = 0;

    *left = false;
    do {
        write_atomic(&q->rx_again, true);
        smp_mb();

        if ( !spin_trylock(&q->rx_lock) )
            break;

        write_atomic(&q->rx_again, false);
        smp_mb();
        bytes += deliver_locked(q, bytes < budget ? budget - bytes : 0, how,
                                left);
        spin_unlock(&q->rx_lock);
        smp_mb();
    } while ( read_atomic(&q->rx_again) );

    return bytes;
}

bool deliver_begin(struct queue *q)
{
    if ( deliver_waits(q) ||
         unlikely(param_of(&q->port->own, OWN_OFFLOAD, &offload_after)) ||
         !spin_trylock(&q->rx_lock) )
        return false;

    /* Who leaves a note from now on is heeded in deliver_end(). */
    q->rx_room = 0;
    if ( !q->dead )
        write_atomic(&q->ctrl->fill_wakeup, 0);

    return true;
}

int deliver_straight(struct queue *q, plid_t plid)
{
    const struct waiting w = { .plid = plid };

    if ( unlikely(q->dead) || unlikely(read_atomic(&q->stopped)) ||
         unlikely(deliver_waits(q)) ||
         unlikely(line_meta(plid)->mtu > read_atomic(&q->port->mtu)) )
        return -1;

    if ( likely(deliver_packet(q, &w, STRAIGHT) == DELIVERED) )
    {
        count(q, CNT(rx_straight));
        return 1;
    }

    /* It may have been stopped just now; then this packet is its last. */
    if ( likely(!read_atomic(&q->stopped)) )
        return -1;
    count(q, CNT(drop_detach));

    return 0;
}

bool deliver_end(struct queue *q, unsigned int packets)
{
    if ( packets )
        publish(q, packets, false);
    spin_unlock(&q->rx_lock);
    smp_mb(); /* the lock before the note; see deliver_how() */

    return read_atomic(&q->rx_again) || deliver_waits(q);
}

unsigned int deliver(struct queue *q, unsigned int budget)
{
    bool left;

    return deliver_how(q, budget, FOR_GUEST, &left);
}

unsigned int deliver_part(struct queue *q, unsigned int budget, bool *more)
{
    return deliver_how(q, budget, FOR_CALLER, more);
}

void deliver_idle(struct queue *q)
{
    s_time_t began = NOW();
    bool left;

    deliver_how(q, IDLE_BYTES, ON_IDLE, &left);

    spin_lock(&q->wait_lock);
    count_by(q, CNT(idle_ns), NOW() - began);
    spin_unlock(&q->wait_lock);
}
