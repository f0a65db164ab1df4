/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fabric: packets between the switch and the driver domain, which are
 * those that no flow serves, and those that it injects.
 */

#ifndef HICAMP_FABRIC_H
#define HICAMP_FABRIC_H

#include "port.h"

/* HICAMP_PARAM_ORPHAN_S; after a change, fabric_orphans(). */
extern unsigned int fabric_orphan_s;

/* Until then flows are followed though nobody serves the fabric; 0: always. */
extern s_time_t fabric_deadline;

static always_inline bool fabric_flows_stale(void)
{
    s_time_t end = read_atomic(&fabric_deadline);

    return unlikely(end) && NOW() >= end;
}

/*
 * The fabric is served from now on, or is not any more; the parameter changed.
 * Any lock of a port may be held.
 */
void fabric_serves(bool served);
void fabric_orphans(void);

/*
 * HICAMP_OP_fabric_attach, HICAMP_OP_fabric_detach, on the argument copied in.
 * d, the caller, is an administrator; no lock is held.  Errors:
 * public/hicamp.h; -ERESTART from detach: call again.
 */
int fabric_attach(struct domain *d, struct hicamp_port_attach *op);
int fabric_detach(struct domain *d, const struct hicamp_port_detach *op);

/*
 * Put a packet in line for the driver domain, if it is there and the ingress
 * port's share of the line allows; else it is counted at from.  Returns the
 * fabric's queue for this flow, which has to be delivered to, or NULL.
 *
 * As deliver_enqueue(): RCU section, from's tx_lock is held, the packet is in
 * hand.  reason is HICAMP_REASON_*.
 */
struct queue *fabric_upcall(struct queue *from, plid_t plid, uint8_t reason,
                            const struct hicamp_flow_key *key);

/*
 * The port that a packet which the driver domain sends is for, or NULL.  From
 * now on the packet is as any other.  As fabric_upcall(), from is the fabric's.
 */
struct port *fabric_inject(struct queue *from, plid_t plid);

#endif /* HICAMP_FABRIC_H */
