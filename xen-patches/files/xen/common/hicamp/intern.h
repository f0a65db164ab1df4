/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interning: equal lines of a tenant are stored once (Chan, Litz, Cheriton,
 * section 2: deduplication by content look-up).
 *
 * The scope is an arena, that is a tenant: each has an index of its own, so
 * nobody finds, or can tell by the time that a look-up takes, what others
 * hold.
 *
 * Any hicamp lock but the arena's intern lock may be held.
 */

#ifndef HICAMP_INTERN_H
#define HICAMP_INTERN_H

#include "line.h"

/* Draw the key.  Once, at boot. */
void intern_init(void);

/*
 * Give the arena an index, as large as its quota wants, or as there is memory
 * for; charged to the arena.  0 also when it has one; -EDQUOT, -ENOMEM.  The
 * caller uses the arena.
 */
int intern_enable(struct arena *a);
/* The last user goes: no interned line is left. */
void intern_disable(struct arena *a);

/*
 * Replace each of nr lines by one of equal bytes that the arena has interned
 * already, or intern it.  The caller is the only holder of each line, has
 * filled all of it, set its shift, and gets a reference to what replaces it.
 * Lines that were replaced are chained by link to *freed, with no reference
 * left: the caller dismantles them.  Bytes are compared in full.
 */
void intern_lines(struct arena *a, plid_t *plids, unsigned int nr,
                  plid_t *freed);

/*
 * Drop a reference to an interned line.  With the last one it stays a while,
 * charged, in case it comes back.
 */
void intern_put(plid_t plid);

/*
 * Take one of the lines that nobody has held for longest out of the index; the
 * caller dismantles it.  excess: only when more are kept than should be.
 * PLID_NONE: there is none.
 */
plid_t intern_expire(struct arena *a, bool excess);

/* Lines that the arena's index is charged as. */
unsigned int intern_lines_used(const struct arena *a);

#endif /* HICAMP_INTERN_H */
