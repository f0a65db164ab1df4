/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guard: whose addresses a port may send from.
 */

#ifndef HICAMP_GUARD_H
#define HICAMP_GUARD_H

#include "key.h"
#include "port.h"

/*
 * HICAMP_OP_port_addrs, on the argument copied in; no lock is held.  Errors:
 * public/hicamp.h.
 */
int guard_set(struct hicamp_port_addrs *op);

/* Free the list of a port that nobody can see any more; NULL: there is none. */
void guard_free(struct guard *g);

/* See guard_passes(); of a port that has something to guard. */
bool guard_check(const struct port *port, const struct guard *g, bool mac,
                 const struct hicamp_flow_key *key,
                 const struct hicamp_key_offsets *off, const uint8_t *hdr,
                 unsigned int valid);

/*
 * May port send this packet?  key and off are what hicamp_key_extract() made of
 * its first valid bytes, which stand at hdr.  Rules: HICAMP_OP_port_addrs and
 * HICAMP_PORT_ANTISPOOF in public/hicamp.h.  In the RCU section.
 */
static always_inline bool guard_passes(const struct port *port,
                                       const struct hicamp_flow_key *key,
                                       const struct hicamp_key_offsets *off,
                                       const uint8_t *hdr, unsigned int valid)
{
    const struct guard *g = rcu_dereference(port->guard);
    bool mac = read_atomic(&port->flags) & HICAMP_PORT_ANTISPOOF;

    return likely(!mac && !g) ||
           guard_check(port, g, mac, key, off, hdr, valid);
}

#endif /* HICAMP_GUARD_H */
