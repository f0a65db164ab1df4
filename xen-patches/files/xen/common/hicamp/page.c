/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page lines.  Here live pages between the line store and Xen's allocator.
 *
 * Invariant: a page in use belongs to its domain (as an extra page, so not to
 * its allowance, which the arena's quota replaces) and is held by a general
 * reference and by a PGT_shared_page type reference, which excludes writable
 * mappings and page tables and, unlike other types, needs no validation.  Its
 * owner may map it read-only, which takes a general reference each time.
 */

#include "page.h"
#include "space.h"
#include "tree.h"

plid_t page_alloc(struct domain *d, struct arena *a, enum line_class class)
{
    plid_t plid = line_page_alloc(a, class);
    struct page_info *pg;

    if ( plid == PLID_NONE )
        return PLID_NONE;

    pg = alloc_domheap_page(d, MEMF_no_refcount);
    if ( pg && !get_page_and_type(pg, d, PGT_shared_page) )
    {
        /* Nobody knows of the page yet: its owner guesses frame numbers. */
        gprintk(XENLOG_WARNING, "hicamp: d%d uses a page that it was not given\n",
                d->domain_id);
        domain_crash(d);
        pg = NULL;
    }
    if ( !pg )
    {
        atomic_set(&line_meta(plid)->refs, 0);
        line_page_free(plid);
        return PLID_NONE;
    }

    *line_page_mfn(plid) = page_to_mfn(pg);
    line_meta(plid)->shift = TREE_PAGE_SHIFT;
    atomic_inc(&d->hicamp->pages);

    return plid;
}

mfn_t page_mfn(plid_t plid)
{
    return *line_page_mfn(plid);
}

struct domain *page_owner(plid_t plid)
{
    return page_get_owner(mfn_to_page(page_mfn(plid)));
}

void *page_map(plid_t plid)
{
    return map_domain_page(page_mfn(plid));
}

void page_unmap(void *va)
{
    unmap_domain_page(va);
}

bool page_free(plid_t plid)
{
    struct page_info *pg = mfn_to_page(page_mfn(plid));
    unsigned long idle = PGC_allocated | PGC_extra | 2;
    struct hicamp_domain *hd = page_owner(plid)->hicamp;

    /*
     * Both references go at once, the owner's and ours, so that no new one can
     * be had in between.  A page with any other state (its owner gave it up, or
     * mapped it uncached) stays until the domain dies.
     */
    if ( cmpxchg(&pg->count_info, idle, PGC_extra) != idle )
        return false;

    put_page_type(pg);
    free_domheap_page(pg);
    line_page_free(plid);
    atomic_dec(&hd->pages);

    return true;
}

void page_release(plid_t plid)
{
    struct page_info *pg = mfn_to_page(page_mfn(plid));

    atomic_dec(&page_owner(plid)->hicamp->pages);
    put_page_alloc_ref(pg);
    put_page_and_type(pg);
    line_page_free(plid);
}
