/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames in a PV domain's page tables.  Here lives the exchange of one entry.
 *
 * A processor caches an entry only after it has set its Accessed bit (Intel
 * SDM, volume 3, "Caching Translation Information"; AMD APM, volume 2, "TLB
 * Management").  A NIC's driver that never looks at a payload leaves that bit
 * clear, so to take the frame back from it needs no flush.
 *
 * Invariant: an entry that shows a frame holds a general reference to it, as a
 * mapping does that the domain makes itself.  So if the domain replaces the
 * entry, or gives up the table, Xen drops that reference, and pvmap_hide() has
 * only the page's own to drop.
 */

#ifdef __XEN__
#include <xen/iommu.h>
#include <asm/flushtlb.h>
#endif

#include "pvmap.h"

#define TRACES      ((intpte_t)(_PAGE_ACCESSED | _PAGE_DIRTY))

int pvmap_supported(const struct domain *d)
{
    return is_pv_64bit_domain(d) && !paging_mode_enabled(d) &&
           !need_iommu_pt_sync(d) ? 0 : -EOPNOTSUPP;
}

/* The entry, in a locked table of d; NULL: there is none. */
static l1_pgentry_t *entry_begin(struct domain *d, uint64_t pte,
                                 struct page_info **table)
{
    mfn_t mfn = _mfn(pte >> PAGE_SHIFT);
    struct page_info *pg;

    if ( !IS_ALIGNED(pte, sizeof(l1_pgentry_t)) ||
         (pg = get_page_from_mfn(mfn, d)) == NULL )
        return NULL;

    if ( page_lock(pg) )
    {
        if ( (pg->u.inuse.type_info & PGT_type_mask) == PGT_l1_page_table )
        {
            *table = pg;
            return map_domain_page(mfn) + (pte & ~PAGE_MASK);
        }
        page_unlock(pg);
    }
    put_page(pg);

    return NULL;
}

static void entry_end(l1_pgentry_t *e, struct page_info *table)
{
    unmap_domain_page(e);
    page_unlock(table);
    put_page(table);
}

/*
 * Replace old by new, but for traces of use, which come back in *traces.  The
 * processor alone may write to a locked table's entry, and only these.  False:
 * something else stands there.
 */
static bool exchange(l1_pgentry_t *e, intpte_t old, intpte_t new,
                     intpte_t *traces)
{
    intpte_t now = read_atomic(&e->l1), seen;

    while ( (now & ~TRACES) == (old & ~TRACES) )
    {
        seen = cmpxchg(&e->l1, now, new);
        if ( likely(seen == now) )
        {
            *traces = now & TRACES;
            return true;
        }
        now = seen;
    }

    return false;
}

static bool maps_own(const struct pvmap *m, intpte_t entry)
{
    const l1_pgentry_t e = l1e_from_intpte(entry);

    return (l1e_get_flags(e) & (_PAGE_PRESENT | _PAGE_RW)) ==
           (_PAGE_PRESENT | _PAGE_RW) && mfn_eq(l1e_get_mfn(e), m->own);
}

bool pvmap_check(struct domain *d, const struct pvmap *m)
{
    struct page_info *table;
    l1_pgentry_t *e = entry_begin(d, m->pte, &table);
    intpte_t now, traces;
    bool ok;

    if ( !e )
        return false;

    now = read_atomic(&e->l1);
    ok = maps_own(m, now) && exchange(e, now, now & ~TRACES, &traces);
    entry_end(e, table);

    return ok;
}

/* What stands in an entry that shows mfn: as the page's own, but read-only. */
static intpte_t shown_entry(intpte_t own, mfn_t mfn)
{
    unsigned int flags = l1e_get_flags(l1e_from_intpte(own));

    return l1e_get_intpte(l1e_from_mfn(mfn, flags & ~(_PAGE_RW | TRACES)));
}

/* A reference for the entry. */
static bool frame_hold(mfn_t mfn)
{
    struct page_info *pg = mfn_to_page(mfn);
    struct domain *owner = page_get_owner(pg);

    return owner && get_page(pg, owner);
}

bool pvmap_show(struct domain *d, struct pvmap *m, mfn_t mfn, bool *flush)
{
    struct page_info *table;
    l1_pgentry_t *e;
    intpte_t now, traces;
    bool shown;

    ASSERT(!m->saved);

    if ( !frame_hold(mfn) )
        return false;

    shown = false;
    e = entry_begin(d, m->pte, &table);
    if ( likely(e) )
    {
        now = read_atomic(&e->l1);
        shown = maps_own(m, now) &&
                exchange(e, now, shown_entry(now, mfn), &traces);
        entry_end(e, table);
    }

    if ( unlikely(!shown) )
    {
        put_page(mfn_to_page(mfn));
        return false;
    }

    m->saved = now & ~TRACES;
    m->shown = mfn;
    if ( unlikely(traces) )
        *flush = true;

    return true;
}

void pvmap_hide(struct domain *d, struct pvmap *m, bool *flush)
{
    struct page_info *table;
    l1_pgentry_t *e;
    intpte_t traces;
    bool hidden = false;

    if ( !m->saved )
        return;

    e = entry_begin(d, m->pte, &table);
    if ( likely(e) )
    {
        hidden = exchange(e, shown_entry(m->saved, m->shown), m->saved,
                          &traces);
        entry_end(e, table);
    }

    if ( likely(hidden) )
    {
        put_page(mfn_to_page(m->shown));
        if ( unlikely(traces) )
            *flush = true;
    }
    else
        put_page_from_l1e(l1e_from_intpte(m->saved), d);

    m->saved = 0;
}

void pvmap_flush(const struct domain *d)
{
    flush_mask(d->dirty_cpumask, FLUSH_TLB | FLUSH_TLB_GLOBAL);
}
