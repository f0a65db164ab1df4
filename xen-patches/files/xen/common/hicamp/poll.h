/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poll: when Xen looks at transmit rings without being asked.
 *
 * Hyper-Switch's transmit timer, and its looking before a vCPU blocks (Ram,
 * section 4.3.3): a guest that sends packet after packet need not ring the
 * doorbell for each, and one that waits for the answer enters Xen anyway.  Where
 * a CPU idles it can do all of the sending (section 4.4).
 */

#ifndef HICAMP_POLL_H
#define HICAMP_POLL_H

#include "port.h"

/* HICAMP_PARAM_TX_POLL_US and _IDLE_US, of the host; 0: never. */
extern unsigned int poll_us, poll_idle_us;

/* A new queue's clock; later, with no lock of it held and dead set, its end. */
void poll_init(struct queue *q);
void poll_stop(struct queue *q);

/*
 * A doorbell of q has been served: from now on Xen looks by itself, if the last
 * one was just before.  True: look once more, packets may have come before the
 * guest could know.  RCU section, no lock is held.
 */
bool poll_rung(struct queue *q);

#endif /* HICAMP_POLL_H */
