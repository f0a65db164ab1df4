/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports: a vNIC as the switch sees it.  The lock hierarchy of hicamp is stated
 * in port.c.
 */

#ifndef HICAMP_PORT_H
#define HICAMP_PORT_H

#include "line.h"
#include "meter.h"
#include "param.h"
#include "space.h"

/* Packets that wait for one queue of a port; a power of two. */
#define WAIT_SLOTS      256

/*
 * A packet that waits: of which port (its index), and why the fabric gets it,
 * else 0.
 */
struct waiting {
    plid_t plid;
    uint16_t pair;
    uint8_t reason;
    bool lent;                  /* its payload is its sender's */
};

/*
 * Packets of one port, put in line and taken out again; their difference waits.
 * By index of the sender's port.
 */
struct pair {
    uint16_t in;                /* W(wait_lock) */
    uint16_t out;               /* W(rx_lock) */
    uint16_t lent_in;           /* the same of those that borrow */
    uint16_t lent_out;
};

struct borrower;
struct guard;
struct window;

/* Counters of the interface, and some that are added to them when read. */
enum {
    CNT_RX_DOORBELLS = HICAMP_NR_COUNTERS,
    CNT_COMP_EVENTS,
    CNT_NR
};
#define CNT(name)       HICAMP_CNT_ ## name

/*
 * One queue of an attached port.  Exists from attach to detach; its memory is
 * freed after a grace period, so readers under RCU may look at it, but touch a
 * ring only with the ring's lock held and dead found clear.
 *
 * Each counter has one lock (in brackets), so that it needs no atomics; see
 * count() below.
 */
struct queue {
    struct port *port;
    uint16_t index;
    bool dead;                  /* R: any of the locks; W: all of them */
    bool stopped;               /* a ring index was out of bounds,
                                 * W(wait_lock) */

    /* The guest's area, mapped for Xen; fixed while not dead. */
    struct hicamp_ring_ctrl *ctrl;
    struct hicamp_slot *tx, *rx;
    struct hicamp_fill *fill;
    struct hicamp_comp *comp;
    uint32_t tx_size, rx_size, fill_size, comp_size;
    mfn_t *mfns;
    unsigned int nr_frames;
    void *area;
    int evtchn;                 /* Xen's end, in the guest's domain */

    /* Transmit */
    spinlock_t tx_lock;
    uint32_t tx_cons;           /* R/W(tx_lock) */
    unsigned int comp_free;     /* completions that one burst can still have,
                                 * R/W(tx_lock) */
    bool polled;                /* poll.c: tx_wakeup is 0, W(poll_lock) */
    bool poll_closed;           /* ... and never more, R/W(poll_lock) */
    s_time_t rung_at;           /* a doorbell, about */
    uint64_t poll_seen;         /* tx_packets at the tick before,
                                 * R/W(poll_lock) */
    s_time_t poll_until;        /* ... ends then, R/W(poll_lock) */
    struct timer poll_timer;
    unsigned int promised;      /* completions kept for what is in hand,
                                 * R/W(tx_lock); else 0 */

    /* Completions, and the packets that wait for theirs */
    spinlock_t comp_lock;
    uint32_t comp_prod;         /* R/W(comp_lock) */
    struct borrower *borrow;    /* [comp_size + 1], R/W(comp_lock) */
    uint16_t borrow_avail;      /* first free place, R/W(comp_lock) */
    unsigned int borrow_nr;     /* packets under way, W(comp_lock) */
    unsigned int borrow_frames; /* frames they hold, W(comp_lock) */
    unsigned int borrow_held;   /* of borrow_nr, by windows, W(comp_lock) */
    uint32_t borrow_seq;        /* of the next, R/W(comp_lock) */
    uint32_t age_mark;          /* packets before it are old, R/W(comp_lock) */
    bool aging;                 /* the clock is set, W(comp_lock) */
    struct timer age_timer;

    /* Receive: what waits, and the rings it goes to */
    spinlock_t wait_lock;
    bool wait_closed;           /* R/W(wait_lock) */
    uint32_t wait_tail;         /* W(wait_lock), R(rx_lock) */
    uint32_t wait_head;         /* W(rx_lock), R(wait_lock) */
    struct waiting wait[WAIT_SLOTS];
    struct pair *pairs;         /* [HICAMP_PORTS_MAX] */

    spinlock_t rx_lock;
    bool rx_again;              /* somebody came while rx_lock was held */
    bool offered;               /* offload.c: to an idle CPU; W(wait_lock),
                                 * cleared by that CPU */
    struct queue *offered_next; /* of the mailbox; fixed while offered */
    s_time_t event_at;          /* pace.c: the last one, R/W(rx_lock) */
    unsigned int paced;         /* packets held back since, R/W(rx_lock) */
    struct timer pace_timer;
    uint32_t rx_prod;           /* R/W(rx_lock) */
    uint32_t rx_room;           /* rx slots known to be free, R/W(rx_lock) */
    uint32_t fill_cons;         /* R/W(rx_lock) */
    struct window *window;      /* window.c, or NULL; fixed once set */

    uint64_t cnt[CNT_NR];
};

enum port_state {
    PORT_DETACHED,
    PORT_ATTACHED,
    PORT_DETACHING,             /* a detach was preempted, goes on */
};

struct port {
    uint32_t id;
    uint32_t devid;
    bool fabric;                /* fixed */
    struct hicamp_domain *hd;
    struct rcu_head rcu;

    spinlock_t ctl_lock;
    enum port_state state;      /* R/W(ctl_lock) */
    bool going;                 /* being destroyed, W(ctl_lock) */

    uint64_t mac;               /* mac_word(); W(ctl_lock), read without */
    uint32_t mtu;
    uint32_t flags;
    struct limit rate;          /* of the bytes that it sends */
    struct own_params own;      /* param.c */
    struct guard *guard;        /* guard.c; W(ctl_lock), R: RCU */

    /* Array, nr_queues long; W(ctl_lock), R: RCU */
    struct queue_set *queues;

    uint64_t cnt[CNT_NR];       /* of queues that are gone, W(ctl_lock) */
};

struct queue_set {
    struct rcu_head rcu;
    unsigned int nr;
    struct queue *q[];
};

/* The RCU read section of ports, queue sets and flows. */
extern rcu_read_lock_t hicamp_rcu;

/*
 * The port of this id, or NULL.  In the RCU read section; the port stays
 * accessible until its end, though it may be destroyed meanwhile.
 */
struct port *port_by_id(uint32_t id);
/* The same by whose it is. */
struct port *port_find(domid_t domid, uint32_t devid);
/* The fabric, or NULL.  As port_by_id(). */
struct port *port_fabric(void);
/* Is there such a port, is it to stay, and may flows name it?  Any context. */
bool hicamp_port_exists(uint32_t id);

/* Six bytes in one word, which is read and written whole. */
static inline uint64_t mac_word(const uint8_t *mac)
{
    uint64_t word = 0;

    memcpy(&word, mac, 6);

    return word;
}

/* Add to a counter of q.  Its lock is held; those who read it have none. */
static inline void count_by(struct queue *q, unsigned int counter, uint64_t n)
{
    add_sized(&q->cnt[counter], n);
}

static inline void count(struct queue *q, unsigned int counter)
{
    count_by(q, counter, 1);
}

/* Queue index of port, or NULL if it is not attached.  As port_by_id(). */
struct queue *port_queue(const struct port *port, unsigned int index);

/*
 * The queue that receives what has this key, of several that port has: packets
 * of a flow go to the same one (receive-side scaling).  NULL, and context, as
 * port_queue().
 */
struct queue *port_rx_queue(const struct port *port,
                            const struct hicamp_flow_key *key);

/*
 * A ring index was out of bounds: stop the queue, count, log once.  Nothing is
 * put in line for it any more, and deliver() drops what waits, so that it
 * holds no sender's frames.  wait_lock is not held.
 */
void queue_stop(struct queue *q, const char *ring);

/* Raise the guest's event.  A ring lock of q is held and dead is clear. */
void queue_notify(struct queue *q);

/*
 * The vCPU that the event is bound to, now; NULL: none, or q is out of service.
 * In the RCU read section.
 */
const struct vcpu *queue_vcpu(const struct queue *q);

/* After writing to q's area: for migration.  As queue_notify(). */
void queue_mark_dirty(const struct queue *q);

/* The operations; arguments are copied in, the caller is d.  See hicamp.h. */
int port_create(struct hicamp_port_create *op);
/* The fabric, as a port of d.  -EEXIST: there is one, perhaps of another. */
int port_create_fabric(struct domain *d);
int port_destroy(const struct hicamp_port_id *op);
int port_set(const struct hicamp_port_set *op);
int port_rate(struct hicamp_port_rate *op);
int port_attach(struct domain *d, struct hicamp_port_attach *op);
int port_detach(struct domain *d, const struct hicamp_port_detach *op);

/*
 * Everything of d goes.  -ERESTART: call again.  Needs no other domain to run.
 */
int port_domain_teardown(struct domain *d);

unsigned int port_count(void);
/* Frames that hicamp holds in rings and for packets under way. */
uint64_t port_pins(void);

/*
 * The next port from index *cursor on; NULL at the end.  *cursor becomes the
 * index behind it.  In the RCU read section.
 */
struct port *port_next(uint64_t *cursor);

#endif /* HICAMP_PORT_H */
