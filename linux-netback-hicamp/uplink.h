/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Uplinks.  See uplink.c.
 */
#ifndef HICAMP_NETBACK_UPLINK_H
#define HICAMP_NETBACK_UPLINK_H

/* After hicamp_rep_init(); before hicamp_rep_exit(). */
int hicamp_uplink_init(void);
/* All uplinks go. */
void hicamp_uplink_exit(void);

#endif
