/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administrator's flow operations.
 */

#ifndef HICAMP_FLOW_H
#define HICAMP_FLOW_H

#include "private.h"

/* Entries of one flow_dump or flow_stats: so many need no preemption. */
#define HICAMP_FLOW_QUERY_MAX   256

/*
 * HICAMP_OP_flow_update, on the argument copied in; the caller has been found
 * to be the administrator and holds no lock of ours.
 *
 * b->done is where to begin and, on return, how many entries have been carried
 * out: so -ERESTART asks to be called again with the same argument.  Errors:
 * public/hicamp.h.
 */
int hicamp_flow_update(struct hicamp_flow_batch *b);

/*
 * HICAMP_OP_flow_dump, HICAMP_OP_flow_stats, likewise.  On return q->nr is how
 * many entries have been written, also after -EFAULT, and q->cursor where to
 * go on.  Never -ERESTART.
 *
 *   -EINVAL   q->nr is not 1 to HICAMP_FLOW_QUERY_MAX, q->pad, command of an
 *             entry to be written is not 0
 */
int hicamp_flow_dump(struct hicamp_query *q);
int hicamp_flow_stats(struct hicamp_query *q);

#endif /* HICAMP_FLOW_H */
