/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pacing: when a guest is told of packets that have been delivered.
 *
 * Hyper-Switch's batching that knows what runs (Ram, section 4.3.3): who does
 * not run is told at once, so that nobody sleeps beside a packet; who runs was
 * perhaps told just now, and need not be interrupted again for each packet.
 */

#ifndef HICAMP_PACE_H
#define HICAMP_PACE_H

#include "port.h"

/* HICAMP_PARAM_RX_EVENT_US and _PACKETS, of the host. */
extern unsigned int pace_us, pace_packets;

/* A new queue's clock; later, with no lock of it held and dead set, its end. */
void pace_init(struct queue *q);
void pace_stop(struct queue *q);

/*
 * Tell q's guest of so many packets, now or before the period is over; now if
 * it has something to do (urgent).  q's rx_lock is held and dead is clear.
 */
void pace_event(struct queue *q, unsigned int packets, bool urgent);

#endif /* HICAMP_PACE_H */
