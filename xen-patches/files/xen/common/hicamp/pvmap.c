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

/* A table of a domain's, locked and mapped; pg is NULL while there is none. */
struct table {
    struct page_info *pg;
    uint64_t frame;
    void *va;
};

static void table_close(struct table *t)
{
    if ( !t->pg )
        return;

    unmap_domain_page(t->va);
    page_unlock(t->pg);
    put_page(t->pg);
    t->pg = NULL;
}

/* Have the table of d's that is this frame open, instead of another. */
static bool table_open(struct domain *d, struct table *t, uint64_t frame)
{
    struct page_info *pg;

    table_close(t);

    pg = get_page_from_mfn(_mfn(frame), d);
    if ( !pg )
        return false;

    if ( page_lock(pg) )
    {
        if ( (read_atomic(&pg->u.inuse.type_info) & PGT_type_mask) ==
             PGT_l1_page_table )
        {
            t->pg = pg;
            t->frame = frame;
            t->va = map_domain_page(_mfn(frame));
            return true;
        }
        page_unlock(pg);
    }
    put_page(pg);

    return false;
}

/* An entry, in a table that is open then; NULL: there is none. */
static l1_pgentry_t *entry_at(struct domain *d, struct table *t, uint64_t pte)
{
    uint64_t frame = pte >> PAGE_SHIFT;

    if ( !IS_ALIGNED(pte, sizeof(l1_pgentry_t)) ||
         ((!t->pg || t->frame != frame) && !table_open(d, t, frame)) )
        return NULL;

    return t->va + (pte & ~PAGE_MASK);
}

/*
 * Replace old by new, but for traces of use, which come back in *traces.  The
 * processor alone may write to a locked table's entry, and only these.  False:
 * something else stands there.
 */
static bool exchange(struct domain *d, const struct table *t, l1_pgentry_t *e,
                     intpte_t old, intpte_t new, intpte_t *traces)
{
    intpte_t now = read_atomic(&e->l1), seen;

    while ( (now & ~TRACES) == (old & ~TRACES) )
    {
        seen = paging_cmpxchg_guest_entry(d->vcpu[0], &e->l1, now, new,
                                          _mfn(t->frame));
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
    struct table t = { };
    l1_pgentry_t *e = entry_at(d, &t, m->pte);
    intpte_t now, traces;
    bool ok = false;

    if ( e )
    {
        now = read_atomic(&e->l1);
        ok = maps_own(m, now) &&
             exchange(d, &t, e, now, now & ~TRACES, &traces);
    }
    table_close(&t);

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

static bool show_one(struct domain *d, struct table *t, struct pvmap *m,
                     mfn_t mfn, bool *flush)
{
    l1_pgentry_t *e = entry_at(d, t, m->pte);
    intpte_t now, traces;

    ASSERT(!m->saved);

    if ( unlikely(!e) || unlikely(!frame_hold(mfn)) )
        return false;

    now = read_atomic(&e->l1);
    if ( unlikely(!maps_own(m, now)) ||
         unlikely(!exchange(d, t, e, now, shown_entry(now, mfn), &traces)) )
    {
        put_page(mfn_to_page(mfn)); /* the caller has another */
        return false;
    }

    m->saved = now & ~TRACES;
    m->shown = mfn;
    if ( unlikely(traces) )
        *flush = true;

    return true;
}

bool pvmap_show(struct domain *d, struct pvmap *m, unsigned int nr, mfn_t mfn,
                bool *flush)
{
    struct table t = { };
    unsigned int i;

    for ( i = 0; i < nr; i++ )
        if ( unlikely(!show_one(d, &t, &m[i], mfn_add(mfn, i), flush)) )
            break;
    table_close(&t);

    if ( likely(i == nr) )
        return true;
    pvmap_hide(d, m, i, flush);

    return false;
}

/* False: something else stands there, and the page's own is to be dropped. */
static bool hide_one(struct domain *d, struct table *t, struct pvmap *m,
                     bool *flush)
{
    l1_pgentry_t *e = entry_at(d, t, m->pte);
    intpte_t traces;

    if ( unlikely(!e) ||
         unlikely(!exchange(d, t, e, shown_entry(m->saved, m->shown),
                            m->saved, &traces)) )
        return false;

    put_page(mfn_to_page(m->shown)); /* the caller has another */
    if ( unlikely(traces) )
        *flush = true;

    return true;
}

void pvmap_hide(struct domain *d, struct pvmap *m, unsigned int nr,
                bool *flush)
{
    struct table t = { };

    for ( ; nr; nr--, m++ )
    {
        if ( !m->saved )
            continue;
        if ( unlikely(!hide_one(d, &t, m, flush)) )
        {
            table_close(&t);
            put_page_from_l1e(l1e_from_intpte(m->saved), d);
        }
        m->saved = 0;
    }
    table_close(&t);
}

void pvmap_flush(const struct domain *d)
{
    flush_mask(d->dirty_cpumask, FLUSH_TLB | FLUSH_TLB_GLOBAL);
}
