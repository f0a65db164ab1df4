/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters of the host and of ports.
 */

#ifndef HICAMP_PARAM_H
#define HICAMP_PARAM_H

#include "private.h"

/* HICAMP_OP_param_get and _set; arguments are copied in.  See hicamp.h. */
int param_get(struct hicamp_param *op);
int param_set(const struct hicamp_param *op);

/* What a port may have of its own. */
enum {
    OWN_BORROW_AGE_US,
    OWN_BORROW_PAIR,
    OWN_RX_EVENT_US,
    OWN_RX_EVENT_PACKETS,
    OWN_OFFLOAD,
    OWN_STRAIGHT,
    OWN_TX_POLL_US,
    OWN_TX_POLL_IDLE_US,
    OWN_WEIGHT,
    OWN_NR
};

#define OWN_NONE        UINT_MAX

/* A port's parameters, each read and written whole. */
struct own_params {
    unsigned int value[OWN_NR]; /* OWN_NONE: as the host */
};

/* A new port's: the host's. */
void own_init(struct own_params *own);

/* What is in effect of the port's own and the host's value.  Any context. */
static inline unsigned int param_of(const struct own_params *own,
                                    unsigned int which,
                                    const unsigned int *host)
{
    unsigned int value = read_atomic(&own->value[which]);

    return likely(value == OWN_NONE) ? read_atomic(host) : value;
}

#endif /* HICAMP_PARAM_H */
