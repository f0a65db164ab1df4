/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Showing a PV domain a frame of another: an entry of its page tables, which
 * maps a page of its own, maps the other's frame instead for a while, read-only.
 *
 * The page's own mapping keeps its references while it does not stand in the
 * entry.  Whatever the domain does with the entry or the table meanwhile, the
 * references come out right; it only cheats itself.
 *
 * Callers hold the frame that is shown until pvmap_flush() after they hid it.
 * No lock is needed; callers see to it that two do not use one entry at a time.
 */

#ifndef HICAMP_PVMAP_H
#define HICAMP_PVMAP_H

#include "private.h"

/* An entry, and what stands in it while nothing is shown. */
struct pvmap {
    uint64_t pte;               /* machine address */
    mfn_t own;                  /* the page that it maps */
    intpte_t saved;             /* ... while something is shown; else 0 */
    mfn_t shown;
};

/*
 * Can frames be shown to d at all?  -EOPNOTSUPP: it is no 64-bit PV domain, its
 * page tables are shadowed, or its devices have an IOMMU's tables of their own,
 * which would have to follow.
 */
int pvmap_supported(const struct domain *d);

/*
 * Does the entry at m->pte map m->own, read-write?  Forgets that it has been
 * used, so pvmap_flush() must follow.
 */
bool pvmap_check(struct domain *d, const struct pvmap *m);

/*
 * Show nr frames from mfn on, which the caller holds, in as many entries.  False:
 * none is shown, as an entry does not map its own page any more, or a frame has
 * too many references.  *flush: the domain has touched a page before, and sees
 * that until pvmap_flush().
 */
bool pvmap_show(struct domain *d, struct pvmap *m, unsigned int nr, mfn_t mfn,
                bool *flush);

/*
 * Let nr entries map their own pages again, those that show anything.  *flush:
 * the domain has looked, and may still until pvmap_flush().
 */
void pvmap_hide(struct domain *d, struct pvmap *m, unsigned int nr,
                bool *flush);

/* From now on d sees what its entries say.  Interrupts are on. */
void pvmap_flush(const struct domain *d);

#endif /* HICAMP_PVMAP_H */
