/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page lines: eight lines that fill one page, owned by a domain, which its
 * kernel may map read-only itself.  A mapping shows a whole page, so a page
 * holds nothing of anybody else, and the eight lines live and die together:
 * they have one PLID.
 *
 * Callers hold no spinlock but the store's users' own (port.c); see line.h for
 * references and charges.
 */

#ifndef HICAMP_PAGE_H
#define HICAMP_PAGE_H

#include "line.h"

/*
 * A page of d, charged to a, with one reference, that of the caller, who
 * writes all of it through page_map() before anybody else learns its PLID.  No
 * writable mapping can be made from the beginning.  PLID_NONE: no quota, no
 * memory, or d is dying.
 */
plid_t page_alloc(struct domain *d, struct arena *a, enum line_class class);

/* Xen's own mapping, on this CPU.  The caller holds the page. */
void *page_map(plid_t plid);
void page_unmap(void *va);

/* Its frame. */
mfn_t page_mfn(plid_t plid);
struct domain *page_owner(plid_t plid);

/*
 * Nothing refers to the lines any more: free the page.  False, and nothing is
 * done, while its owner maps it: it could go on reading, uncharged, what is
 * freed.
 */
bool page_free(plid_t plid);
/*
 * The owner is dying: let go of the page.  What its page tables still refer to
 * goes with them.
 */
void page_release(plid_t plid);

#endif /* HICAMP_PAGE_H */
