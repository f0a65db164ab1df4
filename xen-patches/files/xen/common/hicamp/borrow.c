/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets under way.  Here live the table of what a queue's packets borrow,
 * when a loan is over and completed, and taking payload back before a receiver
 * has it: it is copied into lines that the receiver pays for, or torn.  So no
 * receiver, paused or malicious, holds what is a sender's.
 *
 * A packet's state, its use count and its place in the table say who may do
 * what:
 *
 *   - Readers (deliver) hold a use for at most one copy.  Who cannot begin one
 *     waits until the packet is in its last state, which is one copy away.
 *   - Whoever takes a packet out of the table, under comp_lock, and nobody
 *     else, gives back what it borrows: packet_done() when the last output is
 *     through, or take_back(), which closes the packet to readers first.
 *   - A packet that a window holds (hold.c) is in the table, but not in its
 *     ring, where those who take back look.
 *
 * Invariant: a packet in the table holds everything that its extents name, and
 * an entry of the completion ring is kept for each until it has been given
 * back.
 *
 * Ideas: unilateral revocation, Ram, chapter 3; what waits for a receiver is
 * his, Chan, Litz, Cheriton, section 3.
 */

#include "borrowers.h"
#include "comp.h"

/* PLIDs in one line: more than any packet has lines of payload. */
#define INDEX_PLIDS     (LINE_BYTES / sizeof(plid_t))

/* Packets that one tick of a queue's clock takes back, and when it goes on. */
#define AGE_BATCH       16
#define AGE_PAUSE       MICROSECS(50)

/* Entries that a walk looks at before it lets go of comp_lock. */
#define WALK_BATCH      64

unsigned int __read_mostly borrow_age_us = 1000;
unsigned int __read_mostly borrow_pair = 64;

/* ---- The table ----------------------------------------------------------- */

static void cf_check borrow_age(void *data);

int borrow_init(struct queue *q, unsigned int comp_size)
{
    unsigned int i;

    BUILD_BUG_ON(HICAMP_RING_MAX >= LINE_NO_SLOT);
    BUILD_BUG_ON(INDEX_PLIDS * LINE_BYTES < HICAMP_LEN_MAX);

    init_timer(&q->age_timer, borrow_age, q, smp_processor_id());

    q->borrow = xzalloc_array(struct borrower, comp_size + 1);
    if ( !q->borrow )
        return -ENOMEM;

    for ( i = 0; i < comp_size; i++ )
        q->borrow[i].next = i + 1;
    q->borrow[comp_size].prev = q->borrow[comp_size].next = comp_size;

    return 0;
}

void borrow_free(struct queue *q)
{
    kill_timer(&q->age_timer);
    xfree(q->borrow);
}

void borrow_link(struct queue *q, uint16_t slot, uint16_t next)
{
    struct borrower *b = &q->borrow[slot];

    b->next = next;
    b->prev = q->borrow[next].prev;
    q->borrow[b->prev].next = slot;
    q->borrow[next].prev = slot;
}

void borrow_unlink(struct queue *q, const struct borrower *b)
{
    q->borrow[b->prev].next = b->next;
    q->borrow[b->next].prev = b->prev;
}

/* Enter plid, for which an entry of the ring is kept; the reference is ours. */
static void enter(struct queue *q, plid_t plid, unsigned int frames, bool refs)
{
    struct borrower *b;
    uint16_t slot;

    spin_lock(&q->comp_lock);

    slot = q->borrow_avail;
    b = &q->borrow[slot];
    q->borrow_avail = b->next;
    b->plid = plid;
    b->seq = q->borrow_seq++;
    b->refs = refs;
    borrow_link(q, slot, q->comp_size);
    line_meta(plid)->slot = slot;
    add_sized(&q->borrow_nr, 1);
    add_sized(&q->borrow_frames, frames);

    spin_unlock(&q->comp_lock);
}

bool borrow_enter(struct queue *q, plid_t plid, unsigned int frames, bool refs)
{
    if ( unlikely(!comp_take(q)) || unlikely(!line_get(plid)) )
        return false;

    enter(q, plid, frames, refs);

    return true;
}

bool borrow_promise(struct queue *q)
{
    if ( unlikely(!comp_take(q)) )
        return false;
    q->promised++;

    return true;
}

void borrow_enter_held(struct queue *q, plid_t plid, unsigned int frames)
{
    bool got = line_get(plid);

    /* In hand, it has few references. */
    ASSERT(got && q->promised);
    q->promised--;
    enter(q, plid, frames, false);
}

void borrow_settle(struct queue *q, const uint32_t *ids, unsigned int nr)
{
    unsigned int i;

    ASSERT(nr == q->promised);

    spin_lock(&q->comp_lock);
    for ( i = 0; i < nr; i++ )
        comp_put(q, ids[i], HICAMP_COMP_OK);
    comp_publish(q);
    spin_unlock(&q->comp_lock);
    q->promised = 0;
}

bool borrow_refuse(struct queue *q, const struct hicamp_pkt *hdr)
{
    bool done;

    if ( !hdr->nr_extents )
        return true;

    done = comp_take(q);
    if ( done )
    {
        spin_lock(&q->comp_lock);
        comp_put(q, hdr->id, HICAMP_COMP_BAD);
        comp_publish(q);
        spin_unlock(&q->comp_lock);
    }

    return done;
}

struct borrower *borrow_find(struct queue *q, plid_t plid)
{
    uint16_t slot = line_meta(plid)->slot;

    ASSERT(spin_is_locked(&q->comp_lock));

    /* The packet may be of another queue that was in q's place. */
    return slot < q->comp_size && q->borrow[slot].plid == plid
           ? &q->borrow[slot] : NULL;
}

bool borrow_leave(struct queue *q, plid_t plid)
{
    struct borrower *b = borrow_find(q, plid);

    if ( !b )
        return false;

    b->plid = PLID_NONE;
    if ( unlikely(b->held) )
    {
        b->held = false;
        add_sized(&q->borrow_held, -1);
    }
    else
        borrow_unlink(q, b);

    return true;
}

void borrow_end(struct queue *q, plid_t plid, unsigned int frames,
                uint32_t status)
{
    uint16_t slot = line_meta(plid)->slot;

    ASSERT(spin_is_locked(&q->comp_lock));

    q->borrow[slot].next = q->borrow_avail;
    q->borrow_avail = slot;
    add_sized(&q->borrow_frames, -frames);
    if ( !q->dead )
    {
        comp_put(q, ((const struct packet *)line_data(plid))->hdr.id, status);
        comp_publish(q);
    }
    smp_wmb(); /* the index before borrow_nr; see comp.c */
    add_sized(&q->borrow_nr, -1);
}

/* ---- Life of a packet ---------------------------------------------------- */

unsigned int payload_put(struct hicamp_domain *hd, plid_t plid,
                         struct packet *pkt, unsigned int nr)
{
    unsigned int i, j, frames, total = 0;

    for ( i = 0; i < nr; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        switch ( e->type )
        {
        case HICAMP_EXT_FRAME:
            frames = PFN_UP(e->offset + e->len);
            for ( j = 0; j < frames; j++ )
                frame_put(_mfn(e->name + j), FRAME_READ);
            total += frames;
            break;

        case HICAMP_EXT_REF:
            space_return(hd, extent_run(e));
            break;

        case HICAMP_EXT_SEGMENT:
            segment_release(hd, e->offset);
            break;
        }
    }

    return total;
}

/* Free a copy: the lines that its index names, and the index. */
static void copy_free(plid_t index)
{
    const plid_t *plids = line_data(index);
    unsigned int i;

    for ( i = 0; i < INDEX_PLIDS && plids[i] != PLID_NONE; i++ )
        line_put(plids[i]);
    line_put(index);
}

static void put(plid_t plid, const struct line_meta *m)
{
    if ( !line_put_test(plid) )
        return;

    if ( unlikely(m->link != PLID_NONE) )
    {
        if ( m->state == PAYLOAD_COPIED )
            copy_free(m->link);
        else
            line_put(m->link);
    }
    line_free(plid);
}

void packet_put(plid_t plid)
{
    put(plid, line_meta(plid));
}

bool packet_output(plid_t plid)
{
    if ( !line_get(plid) )
        return false;

    atomic_inc(&line_meta(plid)->pending);

    return true;
}

struct queue *borrow_sender(const struct line_meta *m)
{
    const struct port *port = port_by_id(m->port);

    return port ? port_queue(port, m->queue) : NULL;
}

/* The last output of a packet that borrows is through. */
static void packet_return(plid_t plid, const struct line_meta *m)
{
    struct packet *pkt = line_data(plid);
    struct queue *q = borrow_sender(m);

    if ( !q )
        return;

    spin_lock(&q->comp_lock);
    if ( borrow_leave(q, plid) )
    {
        borrow_end(q, plid,
                   payload_put(q->port->hd, plid, pkt, pkt->hdr.nr_extents),
                   HICAMP_COMP_OK);
        line_put(plid); /* not the last: our caller has one */
    }
    spin_unlock(&q->comp_lock);
}

static void done(plid_t plid, struct line_meta *m)
{
    if ( atomic_dec_and_test(&m->pending) && packet_borrows(m) )
        packet_return(plid, m);

    put(plid, m);
}

void packet_done(plid_t plid)
{
    done(plid, line_meta(plid));
}

void packet_release(plid_t plid)
{
    struct line_meta *m = line_meta(plid);

    /* In hand, nobody else changes it. */
    if ( likely(m->state == PAYLOAD_IN_HAND) )
        write_atomic(&m->state, PAYLOAD_BORROWED);

    /* Nobody else has got it: it is in no line, and in no table. */
    if ( atomic_read(&m->refs) == 1 )
        put(plid, m);
    else
        done(plid, m);
}

const plid_t *packet_lines(plid_t plid)
{
    const struct line_meta *m = line_meta(plid);
    uint16_t state;

    while ( (state = read_atomic(&m->state)) <= PAYLOAD_BORROWED )
        cpu_relax();

    smp_rmb(); /* state before the lines */

    return state == PAYLOAD_COPIED ? line_data(m->link) : NULL;
}

/* ---- Taking back --------------------------------------------------------- */

/* Lines for bytes of payload: the PLID of their index, or none. */
static plid_t copy_alloc(struct arena *payer, uint32_t bytes)
{
    unsigned int i, nr = DIV_ROUND_UP(bytes, LINE_BYTES);
    plid_t index = line_alloc(payer, LINE_RX), *plids;

    if ( index == PLID_NONE )
        return PLID_NONE;

    plids = line_data(index);
    for ( i = 0; i < nr; i++ )
    {
        plids[i] = line_alloc(payer, LINE_RX);
        if ( plids[i] == PLID_NONE )
        {
            copy_free(index);
            return PLID_NONE;
        }
    }
    if ( nr < INDEX_PLIDS )
        plids[nr] = PLID_NONE;

    return index;
}

/* Where the next byte of a copy goes. */
struct copy {
    const plid_t *plids;
    uint32_t at;
};

/* Append to a copy.  src NULL: zeros. */
static bool copy_write(void *copy, const void *src, uint32_t bytes)
{
    struct copy *c = copy;

    while ( bytes )
    {
        uint32_t to = c->at % LINE_BYTES;
        uint32_t n = min(bytes, (uint32_t)LINE_BYTES - to);
        void *line = line_data(c->plids[c->at / LINE_BYTES]);

        if ( src )
        {
            memcpy(line + to, src, n);
            src += n;
        }
        else
            memset(line + to, 0, n);
        c->at += n;
        bytes -= n;
    }

    return true;
}

/* Copy a packet's payload, which is closed to readers but not given back. */
static void copy_payload(plid_t index, plid_t plid, struct packet *pkt)
{
    struct copy c = { .plids = line_data(index) };

    payload_read(plid, pkt, copy_write, &c);
}

/*
 * Give back what a packet borrows that the caller has taken out of q's table:
 * into a copy from copy_alloc(), which is used up, or it is torn if there is
 * none.  why counts the copy.
 */
static void give_back(struct queue *q, plid_t plid, plid_t copy,
                      unsigned int why)
{
    struct line_meta *m = line_meta(plid);
    struct packet *pkt = line_data(plid);
    unsigned int frames;
    bool torn;

    use_close(&m->use);
    use_wait(&m->use);

    if ( copy != PLID_NONE )
        copy_payload(copy, plid, pkt);
    frames = payload_put(q->port->hd, plid, pkt, pkt->hdr.nr_extents);

    /* The second line of extents has done its duty. */
    if ( m->link != PLID_NONE )
        line_put(m->link);
    m->link = copy;
    smp_wmb(); /* all of it before the state */
    write_atomic(&m->state,
                 copy != PLID_NONE ? PAYLOAD_COPIED : PAYLOAD_TORN);

    /* Every output may have had it meanwhile. */
    torn = copy == PLID_NONE && atomic_read(&m->pending);

    spin_lock(&q->comp_lock);
    if ( copy != PLID_NONE )
        count(q, why);
    else if ( torn )
        count(q, CNT(torn));
    borrow_end(q, plid, frames, torn ? HICAMP_COMP_TORN : HICAMP_COMP_OK);
    spin_unlock(&q->comp_lock);

    packet_put(plid); /* the table's reference */
}

/* As give_back(), at its receiver's expense; torn if there is no line. */
static void take_back(struct queue *q, plid_t plid, unsigned int why)
{
    const struct packet *pkt = line_data(plid);
    plid_t copy = PLID_NONE;

    if ( why != CNT(torn) && atomic_read(&line_meta(plid)->pending) )
        copy = copy_alloc(arena_of(line_meta(plid)), packet_payload(pkt));

    give_back(q, plid, copy, why);
}

bool packet_copy(struct queue *q, plid_t plid, struct arena *payer,
                 unsigned int why)
{
    const struct packet *pkt = line_data(plid);
    plid_t copy = copy_alloc(payer, packet_payload(pkt));
    bool ours;

    if ( copy == PLID_NONE )
        return false;

    spin_lock(&q->comp_lock);
    ours = borrow_leave(q, plid);
    spin_unlock(&q->comp_lock);

    /* In hand, it cannot have left. */
    ASSERT(ours);
    give_back(q, plid, copy, why);

    return true;
}

/* ---- Revoked runs -------------------------------------------------------- */

/* Does the packet borrow from a run that is closed? */
static bool borrows_closed(const struct hicamp_domain *hd, plid_t plid)
{
    struct packet *pkt = line_data(plid);
    unsigned int i;

    for ( i = 0; i < pkt->hdr.nr_extents; i++ )
    {
        const struct hicamp_extent *e = packet_extent(plid, pkt, i);

        if ( e->type == HICAMP_EXT_REF && space_is_closed(hd, extent_run(e)) )
            return true;
    }

    return false;
}

/* Where a walk over the packets under way of a queue stands. */
struct walk {
    uint16_t slot;              /* last place looked at, or the end */
    uint32_t seq;
};

/*
 * Take the next packet that borrows from a closed run out of the table; none
 * after budget places, or at the end.  The walk goes on where it stood, as
 * long as the packet there is the same, else it begins again.
 */
static plid_t walk_next(struct queue *q, struct walk *w, unsigned int budget,
                        bool *end)
{
    uint16_t slot = q->comp_size;
    plid_t plid = PLID_NONE;

    spin_lock(&q->comp_lock);

    if ( w->slot != q->comp_size && q->borrow[w->slot].plid != PLID_NONE &&
         q->borrow[w->slot].seq == w->seq )
        slot = w->slot;

    while ( plid == PLID_NONE && budget-- )
    {
        const struct borrower *b;

        slot = q->borrow[slot].next;
        if ( slot == q->comp_size )
        {
            *end = true;
            break;
        }

        b = &q->borrow[slot];
        if ( b->refs &&
             read_atomic(&line_meta(b->plid)->state) != PAYLOAD_IN_HAND &&
             borrows_closed(q->port->hd, b->plid) )
        {
            plid = b->plid;
            borrow_leave(q, plid);
        }
        else
        {
            w->slot = slot;
            w->seq = b->seq;
        }
    }

    spin_unlock(&q->comp_lock);

    return plid;
}

/* Take back what one queue's packets borrow from closed runs. */
static int recall_queue(struct queue *q, unsigned int *taken)
{
    struct walk w = { .slot = q->comp_size };
    bool end = false;

    while ( !end )
    {
        plid_t plid = walk_next(q, &w, WALK_BATCH, &end);

        if ( plid == PLID_NONE )
            continue;

        take_back(q, plid, CNT(copied_revoke));

        /* Only here, so that a call that comes again has less to do. */
        if ( hicamp_preempt(++*taken) )
            return -ERESTART;
    }

    return 0;
}

static int recall_domain(const struct hicamp_domain *hd, unsigned int *taken)
{
    uint64_t cursor = 0;
    struct port *port;
    int rc = 0;

    rcu_read_lock(&hicamp_rcu);

    while ( !rc && (port = port_next(&cursor)) != NULL )
    {
        struct queue *q;
        unsigned int i;

        if ( port->hd != hd )
            continue;
        for ( i = 0; !rc && (q = port_queue(port, i)) != NULL; i++ )
            rc = recall_queue(q, taken);
    }

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

int borrow_recall(struct hicamp_domain *hd, const uint32_t *indices,
                  unsigned int nr)
{
    unsigned int i = 0, taken = 0;
    bool walked = false;

    while ( i < nr )
    {
        int rc;

        /* No packet can begin to borrow from it any more. */
        if ( !space_borrowed(hd, indices[i]) )
        {
            i++;
            continue;
        }

        /*
         * What a walk does not find is in the hands of another CPU, which is
         * taking it back, has it delivered or puts it in line just now.
         */
        if ( walked )
            cpu_relax();
        rc = recall_domain(hd, &taken);
        if ( rc )
            return rc;
        walked = true;
    }

    return 0;
}

/* ---- Age ----------------------------------------------------------------- */

static const struct borrower *oldest(const struct queue *q)
{
    uint16_t slot = q->borrow[q->comp_size].next;

    return slot != q->comp_size ? &q->borrow[slot] : NULL;
}

/* Take the oldest packet out of the table if it is older than the mark. */
static plid_t leave_aged(struct queue *q)
{
    plid_t plid = PLID_NONE;
    const struct borrower *b;

    spin_lock(&q->comp_lock);

    b = oldest(q);
    if ( b && (int32_t)(b->seq - q->age_mark) < 0 &&
         read_atomic(&line_meta(b->plid)->state) != PAYLOAD_IN_HAND )
    {
        plid = b->plid;
        borrow_leave(q, plid);
    }

    spin_unlock(&q->comp_lock);

    return plid;
}

static s_time_t age_period(const struct queue *q)
{
    return MICROSECS(param_of(&q->port->own, OWN_BORROW_AGE_US,
                              &borrow_age_us)) / 2;
}

/*
 * A queue's clock ticks twice in the age that a loan may reach: what was there
 * at the tick before is old.  So no packet needs a time of its own.
 */
static void cf_check borrow_age(void *data)
{
    struct queue *q = data;
    unsigned int n;

    rcu_read_lock(&hicamp_rcu);

    for ( n = 0; n < AGE_BATCH; n++ )
    {
        plid_t plid = leave_aged(q);

        if ( plid == PLID_NONE )
            break;
        take_back(q, plid, CNT(copied_age));
    }

    spin_lock(&q->comp_lock);
    if ( n < AGE_BATCH )
        q->age_mark = q->borrow_seq;
    write_atomic(&q->aging, !q->dead && oldest(q));
    if ( q->aging )
        set_timer(&q->age_timer,
                  NOW() + (n < AGE_BATCH ? age_period(q) : AGE_PAUSE));
    spin_unlock(&q->comp_lock);

    rcu_read_unlock(&hicamp_rcu);
}

void borrow_arm(struct queue *q)
{
    const struct borrower *b;

    spin_lock(&q->comp_lock);
    b = oldest(q);
    if ( b && !q->dead && !q->aging )
    {
        q->age_mark = b->seq;
        write_atomic(&q->aging, true);
        migrate_timer(&q->age_timer, smp_processor_id());
        set_timer(&q->age_timer, NOW() + age_period(q));
    }
    spin_unlock(&q->comp_lock);
}

/* ---- The sender goes ----------------------------------------------------- */

int borrow_withdraw(struct queue *q)
{
    unsigned int why = q->port->hd->d->is_dying ? CNT(torn)
                                                : CNT(copied_revoke);
    unsigned int n = 0;

    ASSERT(q->dead);

    if ( unlikely(read_atomic(&q->borrow_held)) )
        hold_part_all(q);

    for ( ; ; )
    {
        plid_t plid = PLID_NONE;
        const struct borrower *b;

        spin_lock(&q->comp_lock);
        b = oldest(q);
        if ( b )
        {
            plid = b->plid;
            borrow_leave(q, plid);
        }
        spin_unlock(&q->comp_lock);

        if ( plid == PLID_NONE )
            break;

        take_back(q, plid, why);

        if ( hicamp_preempt(++n) )
            return -ERESTART;
    }

    /* What other CPUs are giving back: a copy for each of them, at most. */
    while ( read_atomic(&q->borrow_nr) )
        cpu_relax();

    return 0;
}
