/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows: a receiver that only passes packets on to a NIC is shown their
 * payload where it is, in places of its own that it has set apart, instead of
 * getting a copy.
 */

#ifndef HICAMP_WINDOW_H
#define HICAMP_WINDOW_H

#include "snapshot.h"

/* The operations; arguments are copied in, the caller is d.  See hicamp.h. */
int window_open(struct domain *d, const struct hicamp_window *op);
int window_release(struct domain *d, struct hicamp_window_release *op);

/*
 * Show q's guest a packet that is first in line, if it has a window and the
 * packet is one for it: its payload is what the extents say, nr of them, and the
 * window holds the packet's output until it is released.  False: copy.
 *
 * q's rx_lock is held, the RCU read section.
 */
bool window_show(struct queue *q, plid_t plid, struct packet *pkt,
                 struct hicamp_extent *ext, unsigned int *nr);

/*
 * q is dead: hide what it still shows.  -ERESTART: call again.  In the RCU
 * section, ctl_lock is held and no lock below it.
 */
int window_close(struct queue *q);
/* Its memory.  Nobody knows of q any more. */
void window_free(struct queue *q);

/*
 * The next packet that q's guest is shown, from run *run on, which becomes the
 * one behind it; PLID_NONE at the end.  For the store walk.
 */
plid_t window_next(const struct queue *q, unsigned int *run);

#endif /* HICAMP_WINDOW_H */
