/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fabric.  To the rest of the switch it is a port of the driver domain, so
 * rings, copies, borrowing and death are those of ports; here live the few
 * things that are its own: who may wait for it, and where what it sends goes.
 *
 * Each of its queues has a line, and a flow goes to one of them.  The line is
 * shared out by the dynamic threshold of Choudhury and Hahne ("Dynamic Queue
 * Length Thresholds for Shared-Memory Packet Switches"): a port may have as many
 * packets waiting as there are free places, or fewer by its weight.  One that
 * floods gets half of the line, two a third each, and a port that sends now and
 * then always finds room.
 *
 * Flows outlive the driver domain, so that guests go on talking; how long, says
 * a parameter, as nobody is there to take back what should not be allowed any
 * more.  When that time is over flows are not followed, until one serves again.
 *
 * Never trust the driver domain: what it sends is checked as a guest's packets
 * are, and reaches ports that exist, nothing else.
 */

#include "classify.h"
#include "deliver.h"
#include "fabric.h"
#include "key.h"
#include "snapshot.h"

/* Places that only what keeps a network alive may take. */
#define UPCALL_RESERVE      (WAIT_SLOTS / 4)

/* ---- Flows without a driver domain --------------------------------------- */

unsigned int __read_mostly fabric_orphan_s;
s_time_t __read_mostly fabric_deadline;

static DEFINE_SPINLOCK(orphan_lock);
static bool orphaned;               /* R/W(orphan_lock) */
static s_time_t orphaned_at;        /* R/W(orphan_lock) */

/* orphan_lock is held. */
static void deadline_set(void)
{
    unsigned int life = read_atomic(&fabric_orphan_s);

    write_atomic(&fabric_deadline,
                 orphaned && life ? orphaned_at + SECONDS(life) : 0);
}

void fabric_orphans(void)
{
    spin_lock(&orphan_lock);
    deadline_set();
    spin_unlock(&orphan_lock);
}

void fabric_serves(bool served)
{
    spin_lock(&orphan_lock);
    if ( !served && !orphaned )
        orphaned_at = NOW();
    orphaned = !served;
    if ( served )
        hicamp_flow_new_epoch();
    deadline_set();
    spin_unlock(&orphan_lock);
}

/* ---- Attach and detach --------------------------------------------------- */

int fabric_attach(struct domain *d, struct hicamp_port_attach *op)
{
    const struct hicamp_port_id id = {
        .domid = d->domain_id, .devid = HICAMP_FABRIC_DEVID,
    };
    int rc, made;

    if ( op->devid != HICAMP_FABRIC_DEVID )
        return -EINVAL;

    made = port_create_fabric(d);
    if ( made && made != -EEXIST )
        return made;

    /* If there was one it may be ours, detached as a port. */
    rc = port_attach(d, op);
    if ( rc && !made )
        (void)port_destroy(&id);

    return rc == -ENOENT ? -EBUSY : rc; /* another domain's */
}

int fabric_detach(struct domain *d, const struct hicamp_port_detach *op)
{
    const struct hicamp_port_id id = {
        .domid = d->domain_id, .devid = HICAMP_FABRIC_DEVID,
    };
    int rc;

    if ( op->devid != HICAMP_FABRIC_DEVID || op->pad )
        return -EINVAL;

    rc = port_destroy(&id);

    return rc == -ENOENT ? -ENOTCONN : rc;
}

/* ---- Packets ------------------------------------------------------------- */

static bool neighbour_discovery(const struct hicamp_flow_key *key)
{
    unsigned int type = be16_to_cpu(key->l4_src);

    return key->ip_proto == PROTO_ICMPV6 && type >= 133 && type <= 137;
}

static bool dhcp(const struct hicamp_flow_key *key, unsigned int client,
                 unsigned int server)
{
    unsigned int src = be16_to_cpu(key->l4_src);
    unsigned int dst = be16_to_cpu(key->l4_dst);

    return key->ip_proto == PROTO_UDP &&
           ((src == client && dst == server) ||
            (src == server && dst == client) ||
            (src == server && dst == server));
}

/* Is it of the protocols without which nobody finds anybody? */
static bool urgent(const struct hicamp_flow_key *key)
{
    switch ( be16_to_cpu(key->eth_type) )
    {
    case ETHERTYPE_ARP:
        return true;
    case ETHERTYPE_IPV4:
        return dhcp(key, 68, 67);
    case ETHERTYPE_IPV6:
        return neighbour_discovery(key) || dhcp(key, 546, 547);
    default:
        return false;
    }
}

/* A hint, as others may be at it; deliver_upcall() knows the line's end. */
static bool may_wait(const struct queue *q, const struct queue *from,
                     const struct hicamp_flow_key *key)
{
    unsigned int mine = pair_waits(&q->pairs[PORT_INDEX(from->port->id)]);
    unsigned int weight = param_of(&from->port->own, OWN_WEIGHT, &wait_weight);
    uint32_t waits = read_atomic(&q->wait_tail) - read_atomic(&q->wait_head);
    uint32_t room = WAIT_SLOTS - min(waits, WAIT_SLOTS + 0u);

    mine *= WEIGHT_DEFAULT;
    if ( mine < weight * (room - min(room, UPCALL_RESERVE + 0u)) )
        return true;

    return mine < weight * room && urgent(key);
}

struct queue *fabric_upcall(struct queue *from, plid_t plid, uint8_t reason,
                            const struct hicamp_flow_key *key)
{
    struct port *port = port_fabric();
    struct queue *q = port ? port_rx_queue(port, key) : NULL;
    bool gone = false;

    if ( q && may_wait(q, from, key) )
    {
        if ( deliver_upcall(q, from, plid, reason, &gone) )
            return q;
        if ( !gone )
            return NULL; /* counted there */
    }
    count(from, CNT(drop_upcall));

    return NULL;
}

struct port *fabric_inject(struct queue *from, plid_t plid)
{
    struct packet *pkt = line_data(plid);
    struct port *port = port_by_id(pkt->hdr.port);

    /* In hand, it is nobody's yet. */
    pkt->hdr.port = 0;

    return likely(port) && !port->fabric ? port : NULL;
}
