/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store walk: do reference counts equal references, is every line that is
 * in use referred to, do the accounts add up?  For the debug key of debug
 * builds, and after every test.  While nothing else uses the store.
 */

#ifndef HICAMP_CHECK_H
#define HICAMP_CHECK_H

#include "port.h"
#include "window.h"

struct check;

/* Begin.  NULL: no memory.  The walk may be long: not for production. */
struct check *check_begin(void);

/* A reference to plid from outside the store, PLID_NONE: none. */
void check_root(struct check *c, plid_t plid);

/* All that the segment map of hd refers to, and what it is charged for. */
void check_segments(struct check *c, const struct hicamp_domain *hd);

/*
 * All packets that wait for q.  From the first queue on, lines of packets are
 * counted too, so all queues must be named.
 */
void check_queue(struct check *c, const struct queue *q);

/* One output of a packet under way, of several perhaps. */
void check_output(struct check *c, plid_t plid);

/* All that there is: of domains and of ports. */
static inline void check_all(struct check *c)
{
    const struct domain *d;
    const struct port *port;
    uint64_t cursor = 0;

    for_each_domain ( d )
        if ( d->hicamp )
            check_segments(c, d->hicamp);

    rcu_read_lock(&hicamp_rcu);
    while ( (port = port_next(&cursor)) != NULL )
    {
        const struct queue *q;
        unsigned int i;

        for ( i = 0; (q = port_queue(port, i)) != NULL; i++ )
        {
            unsigned int run = 0;
            plid_t plid;

            check_queue(c, q);
            while ( (plid = window_next(q, &run)) != PLID_NONE )
                check_output(c, plid);
        }
    }
    rcu_read_unlock(&hicamp_rcu);
}

/*
 * Walk the store, print what is wrong.  exact: a reference that was not named
 * is wrong too.
 */
void check_walk(struct check *c, bool exact);

/* Errors found; *held is how many references were not named.  Frees c. */
unsigned int check_end(struct check *c, uint64_t *held);

#endif /* HICAMP_CHECK_H */
