/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Life of a port: create, attach rings, detach, destroy, death of the domain.
 *
 * Locks, outermost first.  "R(x)" reads under x, "W(x)" writes under x.
 *
 *   ports_lock        table of ports, nr_ports of each domain
 *   port.ctl_lock     state of one port, its queues pointer
 *   queue.tx_lock     one tx ring: snapshot and switch
 *   poll_lock         which queues of a domain are polled (poll.c)
 *   orphan_lock       since when nobody serves the fabric (fabric.c)
 *   flow writer       classify.c
 *   queue.rx_lock     one rx and fill ring: deliver
 *   window.lock       which places of a window show what (window.c)
 *   queue.comp_lock   one comp ring and table of borrowers
 *   queue.wait_lock   what waits for one queue
 *   limit.lock        what a port, or a meter, has let pass (meter.c)
 *   space_lock        one grant space (look-ups need none: use counts)
 *   segment_lock      one segment map
 *   intern.lock       one tenant's index of interned lines
 *   store_lock        line.c; arenas_lock likewise
 *
 * Of each kind at most one is held, but for rx_lock: deliver() tries it with
 * none above it held, and never waits, and who switches a burst may so come to
 * hold those of several receivers beside the sender's tx_lock, until the burst
 * ends (deliver_begin()).  Who waits for an rx_lock (queue_kill(), a drain, a
 * clock) holds nothing that such a one may ask for.  d->event_lock may be taken
 * inside ctl_lock and the ring locks; no lock of ours is taken inside it.  No
 * guest memory is copied with copy_{from,to}_guest while any of them is held.
 *
 * A queue's clocks run in the timer softirq: that of borrow.c takes comp_lock
 * and those below it, and is set under comp_lock; that of pace.c takes rx_lock
 * alone, and is set under it; that of poll.c does what a doorbell does, and is
 * set under poll_lock; that of window.c takes its lock and comp_lock, and is set
 * under rx_lock.  All are killed under ctl_lock alone.  An idle
 * CPU (offload.c) takes the locks that deliver() takes, in a softirq.  Waiting
 * for the uses of a packet or a run to end, and a reader's waiting for the copy
 * of a packet that is being taken back, are no locks: they last one copy.  Who
 * waits for uses holds tx_lock at most; who holds a use waits for nobody.
 *
 * Look-ups are lock-free: the table's entries, a port's queues and the flows
 * are read inside an RCU read section and freed after a grace period.  A queue
 * found so may be dead by the time its lock is had, so each critical section
 * on a ring begins by looking at queue.dead.
 *
 * Invariant: a port is in the table from create to the end of destroy; its id
 * is never used again while 65,535 generations of its index last.
 */

#include "borrow.h"
#include "classify.h"
#include "fabric.h"
#include "guard.h"
#include "key.h"
#include "op.h"
#include "pace.h"
#include "poll.h"
#include "queue.h"
#include "window.h"

#define MTU_MIN         68
#define MTU_MAX         (HICAMP_LEN_MAX - 14)

DEFINE_RCU_READ_LOCK(hicamp_rcu);

static DEFINE_SPINLOCK(ports_lock);
static struct port *ports[HICAMP_PORTS_MAX];    /* W(ports_lock), R: RCU */
static uint16_t generations[HICAMP_PORTS_MAX];  /* R/W(ports_lock) */
static unsigned int last_index;                 /* R/W(ports_lock) */
static unsigned int nr_ports;                   /* W(ports_lock) */
static uint32_t fabric_id;                      /* or it was; W(ports_lock) */

struct port *port_by_id(uint32_t id)
{
    unsigned int index = PORT_INDEX(id);
    struct port *port;

    if ( unlikely(index >= HICAMP_PORTS_MAX) )
        return NULL;

    port = rcu_dereference(ports[array_index_nospec(index, HICAMP_PORTS_MAX)]);

    return likely(port) && likely(port->id == id) ? port : NULL;
}

struct port *port_fabric(void)
{
    return port_by_id(read_atomic(&fabric_id));
}

bool hicamp_port_exists(uint32_t id)
{
    const struct port *port;
    bool exists;

    rcu_read_lock(&hicamp_rcu);
    port = port_by_id(id);
    exists = port && !port->fabric && !read_atomic(&port->going);
    rcu_read_unlock(&hicamp_rcu);

    return exists;
}

struct port *port_next(uint64_t *cursor)
{
    while ( *cursor < HICAMP_PORTS_MAX )
    {
        struct port *port = rcu_dereference(ports[(*cursor)++]);

        if ( port )
            return port;
    }

    return NULL;
}

struct port *port_find(domid_t domid, uint32_t devid)
{
    uint64_t cursor = 0;
    struct port *port;

    while ( (port = port_next(&cursor)) != NULL )
        if ( port->hd->d->domain_id == domid && port->devid == devid )
            break;

    return port;
}

struct queue *port_queue(const struct port *port, unsigned int index)
{
    struct queue_set *set = rcu_dereference(port->queues);

    return likely(set) && likely(index < set->nr)
           ? set->q[array_index_nospec(index, set->nr)] : NULL;
}

struct queue *port_rx_queue(const struct port *port,
                            const struct hicamp_flow_key *key)
{
    struct queue_set *set = rcu_dereference(port->queues);
    unsigned int index = 0;

    if ( unlikely(!set) )
        return NULL;
    if ( set->nr > 1 )
        index = ((uint64_t)hicamp_key_hash(key) * set->nr) >> 32;

    return set->q[index];
}

unsigned int port_count(void)
{
    return read_atomic(&nr_ports);
}

uint64_t port_pins(void)
{
    uint64_t cursor = 0, pins = 0;
    struct port *port;

    rcu_read_lock(&hicamp_rcu);

    while ( (port = port_next(&cursor)) != NULL )
    {
        const struct queue *q;
        unsigned int i;

        for ( i = 0; (q = port_queue(port, i)) != NULL; i++ )
            pins += read_atomic(&q->nr_frames) +
                    read_atomic(&q->borrow_frames);
    }

    rcu_read_unlock(&hicamp_rcu);

    return pins;
}

/* ---- Attach and detach --------------------------------------------------- */

static void cf_check set_free_rcu(struct rcu_head *head)
{
    struct queue_set *set = container_of(head, struct queue_set, rcu);

    while ( set->nr )
        queue_free(set->q[--set->nr]);
    xfree(set);
}

/*
 * Does a window hold packets that the port has sent?  If it detaches of its own
 * will its guest would get frames back that a NIC still reads.
 */
static bool port_is_held(const struct port *port)
{
    const struct queue_set *set = port->queues;
    unsigned int i, held = 0;

    if ( port->going )
        return false;

    for ( i = 0; i < set->nr; i++ )
        held += read_atomic(&set->q[i]->borrow_held);

    return held;
}

/*
 * Take a port out of service.  -ERESTART: call again.  -EBUSY: likewise, but a
 * while later.  In the RCU section, ctl_lock is held.
 */
static int port_withdraw(struct port *port)
{
    struct queue_set *set = port->queues;
    unsigned int i, j;
    int rc;

    ASSERT(spin_is_locked(&port->ctl_lock));

    if ( !set )
        return 0;

    if ( port->state == PORT_ATTACHED )
    {
        for ( i = 0; i < set->nr; i++ )
        {
            queue_kill(set->q[i]);
            kill_timer(&set->q[i]->age_timer);
            pace_stop(set->q[i]);
            poll_stop(set->q[i]);
        }
        write_atomic(&port->state, PORT_DETACHING);
    }

    if ( unlikely(port_is_held(port)) )
        return -EBUSY;

    for ( i = 0; i < set->nr; i++ )
    {
        rc = window_close(set->q[i]);
        if ( !rc )
            rc = queue_drain(set->q[i]);
        if ( !rc )
            rc = borrow_withdraw(set->q[i]);
        if ( rc )
            return rc;
    }

    for ( i = 0; i < set->nr; i++ )
    {
        queue_unmap(set->q[i]);
        for ( j = 0; j < CNT_NR; j++ )
            add_sized(&port->cnt[j], set->q[i]->cnt[j]);
    }

    atomic_sub(set->nr, &port->hd->nr_queues);
    rcu_assign_pointer(port->queues, NULL);
    write_atomic(&port->state, PORT_DETACHED);
    if ( unlikely(port->fabric) )
        fabric_serves(false);
    call_rcu(&set->rcu, set_free_rcu);

    return 0;
}

/* ---- Operations ---------------------------------------------------------- */

static bool flags_valid(uint32_t flags)
{
    return !(flags & ~(HICAMP_PORT_ANTISPOOF | HICAMP_PORT_COPY));
}

static bool mtu_valid(uint32_t mtu)
{
    return mtu >= MTU_MIN && mtu <= MTU_MAX;
}

static void cf_check port_free_rcu(struct rcu_head *head)
{
    struct port *port = container_of(head, struct port, rcu);

    guard_free(port->guard);
    xfree(port);
}

/* Enter port into the table and give it an id.  ports_lock is held. */
static int port_publish(struct port *port, struct hicamp_domain *hd)
{
    unsigned int i, index = last_index;

    if ( hd->nr_ports >= HICAMP_DOMAIN_PORTS_MAX )
        return -ENOSPC;

    for ( i = 1; i < HICAMP_PORTS_MAX; i++ )
    {
        index = index % (HICAMP_PORTS_MAX - 1) + 1;
        if ( !ports[index] )
            break;
    }
    if ( i == HICAMP_PORTS_MAX )
        return -ENOSPC;

    last_index = index;
    generations[index] = generations[index] % 0xffff + 1;
    port->id = index | ((uint32_t)generations[index] << 16);
    port->hd = hd;
    add_sized(&hd->nr_ports, 1);
    add_sized(&nr_ports, 1);
    rcu_assign_pointer(ports[index], port);

    return 0;
}

/* Make a port of d; its id goes to op. */
static int port_make(struct domain *d, struct hicamp_port_create *op,
                     bool fabric)
{
    struct hicamp_domain *hd = NULL;
    struct port *port;
    int rc;

    port = xzalloc(struct port);
    if ( !d->hicamp )
        hd = space_create(d);

    rc = -ENOMEM;
    if ( !port || (!d->hicamp && !hd) )
        goto out;

    port->devid = op->devid;
    port->fabric = fabric;
    port->mtu = op->mtu;
    port->flags = op->flags;
    port->mac = mac_word(op->mac);
    spin_lock_init(&port->ctl_lock);
    limit_init(&port->rate);
    own_init(&port->own);

    spin_lock(&ports_lock);

    /* Death of the domain tears down after it set is_dying. */
    if ( d->is_dying )
        rc = -ESRCH;
    else if ( fabric ? port_fabric() != NULL
                     : port_find(d->domain_id, op->devid) != NULL )
        rc = -EEXIST;
    else
    {
        if ( !d->hicamp )
        {
            write_atomic(&d->hicamp, hd);
            hd = NULL;
        }
        rc = port_publish(port, d->hicamp);
    }

    if ( !rc )
    {
        op->port = port->id;
        if ( fabric )
            write_atomic(&fabric_id, port->id);
        port = NULL;
    }

    spin_unlock(&ports_lock);

 out:
    if ( hd )
        space_destroy(hd);
    xfree(port);

    return rc;
}

int port_create(struct hicamp_port_create *op)
{
    struct domain *d;
    int rc;

    if ( !op->mtu )
        op->mtu = MTU_MAX;
    if ( !mtu_valid(op->mtu) || !flags_valid(op->flags) || op->port ||
         op->devid == HICAMP_FABRIC_DEVID )
        return -EINVAL;

    d = rcu_lock_domain_by_id(op->domid);
    if ( !d )
        return -ESRCH;
    rc = port_make(d, op, false);
    rcu_unlock_domain(d);

    return rc;
}

int port_create_fabric(struct domain *d)
{
    struct hicamp_port_create op = {
        .devid = HICAMP_FABRIC_DEVID, .mtu = MTU_MAX,
    };

    return port_make(d, &op, true);
}

/* Withdraw, then forget, a port.  In the RCU section. */
static int port_remove(struct port *port)
{
    uint64_t cursor = 0;
    int rc;

    spin_lock(&port->ctl_lock);
    write_atomic(&port->going, true); /* no flow, no attach any more */
    rc = port_withdraw(port);
    spin_unlock(&port->ctl_lock);

    if ( !rc )
        rc = hicamp_flow_drop_port(port->id, &cursor);
    if ( rc )
        return rc;

    spin_lock(&ports_lock);
    /* The administrator and the domain's death may both be here. */
    if ( ports[PORT_INDEX(port->id)] == port )
    {
        rcu_assign_pointer(ports[PORT_INDEX(port->id)], NULL);
        add_sized(&port->hd->nr_ports, -1);
        add_sized(&nr_ports, -1);
        call_rcu(&port->rcu, port_free_rcu);
    }
    spin_unlock(&ports_lock);

    return 0;
}

int port_destroy(const struct hicamp_port_id *op)
{
    struct port *port;
    int rc;

    if ( op->pad )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);
    port = port_find(op->domid, op->devid);
    rc = port ? port_remove(port) : -ENOENT;
    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

int port_set(const struct hicamp_port_set *op)
{
    struct port *port;

    if ( !op->which || (op->which & ~(HICAMP_PORT_SET_MAC |
                                      HICAMP_PORT_SET_MTU |
                                      HICAMP_PORT_SET_FLAGS)) ||
         ((op->which & HICAMP_PORT_SET_MTU) && !mtu_valid(op->mtu)) ||
         ((op->which & HICAMP_PORT_SET_FLAGS) && !flags_valid(op->flags)) )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);
    port = port_find(op->domid, op->devid);
    if ( port )
    {
        spin_lock(&port->ctl_lock);
        if ( op->which & HICAMP_PORT_SET_MAC )
            write_atomic(&port->mac, mac_word(op->mac));
        if ( op->which & HICAMP_PORT_SET_MTU )
            write_atomic(&port->mtu, op->mtu);
        if ( op->which & HICAMP_PORT_SET_FLAGS )
            write_atomic(&port->flags, op->flags);
        spin_unlock(&port->ctl_lock);
    }
    rcu_read_unlock(&hicamp_rcu);

    return port ? 0 : -ENOENT;
}

int port_rate(struct hicamp_port_rate *op)
{
    bool keep = op->bytes_per_s == HICAMP_RATE_KEEP;
    struct port *port;

    if ( op->pad || (!keep && op->bytes_per_s &&
                     (!op->burst || op->burst > LIMIT_BURST_MAX)) )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);
    port = port_find(op->domid, op->devid);
    if ( port )
    {
        spin_lock(&port->ctl_lock);
        if ( !keep )
            limit_set(&port->rate, op->bytes_per_s, op->burst);
        op->bytes_per_s = port->rate.rate;
        op->burst = port->rate.burst;
        spin_unlock(&port->ctl_lock);
    }
    rcu_read_unlock(&hicamp_rcu);

    return port ? 0 : -ENOENT;
}

static bool ring_size_valid(uint32_t n)
{
    return n >= HICAMP_RING_MIN && n <= HICAMP_RING_MAX && !(n & (n - 1));
}

/* Copy in a queue's set-up and its frame list, which the caller frees. */
static int setup_read(uint64_t addr, struct hicamp_queue *setup,
                      uint64_t **gfns)
{
    uint32_t bytes;

    if ( hicamp_copy_in(setup, addr, sizeof(*setup)) )
        return -EFAULT;

    if ( !ring_size_valid(setup->tx_slots) ||
         !ring_size_valid(setup->rx_slots) ||
         !ring_size_valid(setup->fill_entries) ||
         !ring_size_valid(setup->comp_entries) || setup->evtchn )
        return -EINVAL;

    bytes = HICAMP_AREA_BYTES(setup->tx_slots, setup->rx_slots,
                              setup->fill_entries, setup->comp_entries);
    if ( setup->nr_frames != PFN_UP(bytes) )
        return -EINVAL;

    *gfns = xmalloc_array(uint64_t, setup->nr_frames);
    if ( !*gfns )
        return -ENOMEM;

    return hicamp_copy_in(*gfns, setup->frames,
                          setup->nr_frames * sizeof(**gfns)) ? -EFAULT : 0;
}

/* Put a complete set of queues into service. */
static int port_serve(struct port *port, struct queue_set *set)
{
    int rc = 0;

    spin_lock(&port->ctl_lock);
    if ( port->hd->d->is_dying )
        rc = -ESRCH;
    else if ( port->going )
        rc = -ENOENT;
    else if ( port->state != PORT_DETACHED )
        rc = -EBUSY;
    else
    {
        rcu_assign_pointer(port->queues, set);
        write_atomic(&port->state, PORT_ATTACHED);
        if ( unlikely(port->fabric) )
            fabric_serves(true);
    }
    spin_unlock(&port->ctl_lock);

    return rc;
}

/* Make nr queues of port, in set, and put them into service. */
static int queues_make(struct port *port, struct queue_set *set,
                       unsigned int nr, struct hicamp_queue *setup,
                       uint64_t *const *gfns)
{
    atomic_t *count = &port->hd->nr_queues;
    unsigned int i;
    int rc = -ENOSPC;

    if ( atomic_add_return(nr, count) <= HICAMP_DOMAIN_QUEUES_MAX )
        for ( rc = 0; !rc && set->nr < nr; set->nr += !rc )
            rc = queue_make(port, set->nr, &setup[set->nr], gfns[set->nr],
                            &set->q[set->nr]);
    if ( !rc )
        rc = port_serve(port, set);
    if ( !rc )
        return 0;

    for ( i = 0; i < set->nr; i++ )
        queue_unmap(set->q[i]);
    atomic_sub(nr, count);

    return rc;
}

int port_attach(struct domain *d, struct hicamp_port_attach *op)
{
    struct hicamp_queue setup[HICAMP_QUEUES_MAX];
    uint64_t *gfns[HICAMP_QUEUES_MAX] = {};
    struct queue_set *set = NULL;
    struct port *port;
    unsigned int i;
    int rc;

    if ( !op->nr_queues || op->nr_queues > HICAMP_QUEUES_MAX || op->features ||
         op->port )
        return -EINVAL;

    for ( i = 0; i < op->nr_queues; i++ )
    {
        rc = setup_read(op->queues + i * sizeof(*setup), &setup[i], &gfns[i]);
        if ( rc )
            goto out;
    }

    rc = -ENOMEM;
    set = xzalloc_bytes(offsetof(struct queue_set, q[op->nr_queues]));
    if ( !set )
        goto out;

    rcu_read_lock(&hicamp_rcu);

    port = port_find(d->domain_id, op->devid);
    if ( !port )
        rc = -ENOENT;
    else if ( read_atomic(&port->state) != PORT_DETACHED )
        rc = -EBUSY;
    else
    {
        rc = queues_make(port, set, op->nr_queues, setup, gfns);
        if ( !rc )
            op->port = port->id;
    }

    rcu_read_unlock(&hicamp_rcu);

    for ( i = 0; !rc && i < op->nr_queues; i++ )
        if ( hicamp_copy_out(op->queues + i * sizeof(*setup), &setup[i],
                             sizeof(*setup)) )
            rc = -EFAULT; /* attached, but of no use: the guest may detach */

    if ( !op->port )
        set_free_rcu(&set->rcu); /* never published */

 out:
    for ( i = 0; i < ARRAY_SIZE(gfns); i++ )
        xfree(gfns[i]);

    return rc;
}

int port_detach(struct domain *d, const struct hicamp_port_detach *op)
{
    struct port *port;
    int rc;

    if ( op->pad )
        return -EINVAL;

    rcu_read_lock(&hicamp_rcu);

    port = port_find(d->domain_id, op->devid);
    if ( !port )
        rc = -ENOENT;
    else
    {
        spin_lock(&port->ctl_lock);
        rc = port->queues ? port_withdraw(port) : -ENOTCONN;
        spin_unlock(&port->ctl_lock);
    }

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}

int port_domain_teardown(struct domain *d)
{
    uint64_t cursor = 0;
    struct port *port;
    int rc = 0;

    /*
     * A port_create() that did not see d->is_dying is done now, and d->hicamp
     * is set; a later one sees it.
     */
    spin_lock(&ports_lock);
    spin_unlock(&ports_lock);

    if ( !d->hicamp )
        return 0;

    rcu_read_lock(&hicamp_rcu);

    while ( !rc && (port = port_next(&cursor)) != NULL )
        if ( port->hd->d == d )
            rc = port_remove(port);

    rcu_read_unlock(&hicamp_rcu);

    return rc;
}
