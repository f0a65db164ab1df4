/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters and state for tools and people.
 */

#ifndef HICAMP_STATS_H
#define HICAMP_STATS_H

#include "private.h"

/* The query operations; arguments are copied in. */
int stats_info(struct hicamp_info *info);
int stats_port_query(struct hicamp_query *q);
int stats_domain_query(struct hicamp_query *q);

/* The debug key.  Once, at boot. */
void stats_init(void);

#endif /* HICAMP_STATS_H */
