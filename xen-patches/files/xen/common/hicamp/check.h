/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store walk: do reference counts equal references, is every line that is
 * in use referred to, do the accounts add up?  For the debug key of debug
 * builds, and after every test.  While nothing else uses the store.
 */

#ifndef HICAMP_CHECK_H
#define HICAMP_CHECK_H

#include "space.h"

struct check;

/* Begin.  NULL: no memory.  The walk may be long: not for production. */
struct check *check_begin(void);

/* A reference to plid from outside the store, PLID_NONE: none. */
void check_root(struct check *c, plid_t plid);

/* All that the segment map of hd refers to, and what it is charged for. */
void check_segments(struct check *c, const struct hicamp_domain *hd);

/* Walk the store. */
void check_walk(struct check *c);

/*
 * The verdict: errors found, each printed; *held is the number of references
 * to segments' lines that were not named, which are none of the errors unless
 * exact.  Frees c.
 */
unsigned int check_end(struct check *c, bool exact, uint64_t *held);

#endif /* HICAMP_CHECK_H */
