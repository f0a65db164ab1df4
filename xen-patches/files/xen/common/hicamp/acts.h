/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Action lists in the form that the switch carries out.
 */

#ifndef HICAMP_ACTS_H
#define HICAMP_ACTS_H

#include "edit.h"

/*
 * An action list, checked and in the form that the switch carries out: first
 * the meter, then the edits, then the outputs in their order, then the upcall.
 * drop says that there is neither output nor upcall.  Immutable; freed after a
 * grace period.
 */
struct hicamp_acts {
    struct rcu_head rcu;
    uint32_t nr_outputs;
    uint32_t meter;         /* to pass first; 0: none */
    uint16_t bytes;         /* of the list as it was given */
    uint8_t nr_edits;
    bool upcall, drop;
    struct hicamp_edit *edits;  /* in the same allocation */
    uint32_t outputs[];     /* port ids; behind them the list as given */
};

/*
 * Check an action list of bytes bytes (at most HICAMP_ACTIONS_MAX), of a flow
 * with this key and mask, and bring it into the above form; *acts is the
 * caller's, until a flow takes it over or hicamp_acts_free(), which is for
 * those that no flow ever had.  No lock.
 *
 *   -EOPNOTSUPP  an action type that is not known, or not at this place
 *   -EINVAL      malformed: sizes, arguments, a drop that is not alone, an edit
 *                of what packets of this match may not have
 *   -ENOMEM
 */
int hicamp_acts_compile(const void *list, unsigned int bytes,
                        const struct hicamp_flow_key *key,
                        const struct hicamp_flow_key *mask,
                        struct hicamp_acts **acts);
void hicamp_acts_free(struct hicamp_acts *acts);

/* The list as it was given, acts->bytes long. */
const void *hicamp_acts_list(const struct hicamp_acts *acts);

#endif /* HICAMP_ACTS_H */
