/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * pt.c
 *
 * Emulation for the user-space tests: PV guests' page tables.  See pt.h.
 */

#include "private.h"

#define ENTRIES                 512
#define LOCKED                  (1UL << 40)     /* in type_info */

void (*emul_flush_hook)(void);
unsigned int emul_flushes;

static struct domain *pt_domain;
static unsigned long pt_mfn, pt_own[ENTRIES];
static unsigned long remembered[ENTRIES];       /* frames; 0: nothing */

bool page_lock(struct page_info *pg)
{
    unsigned long x = read_atomic(&pg->u.inuse.type_info), y;

    do {
        y = x & ~LOCKED;
        if ( !(y & PGT_count_mask) )
            return false;
        x = cmpxchg(&pg->u.inuse.type_info, y, (y + 1) | LOCKED);
    } while ( x != y );

    return true;
}

void page_unlock(struct page_info *pg)
{
    unsigned long y = __atomic_fetch_sub(&pg->u.inuse.type_info, LOCKED + 1,
                                         __ATOMIC_SEQ_CST);

    ASSERT(y & LOCKED);
    ASSERT((y & PGT_count_mask) > 1);
}

void put_page_from_l1e(l1_pgentry_t e, struct domain *d)
{
    unsigned int flags = l1e_get_flags(e);

    (void)d;
    if ( !(flags & _PAGE_PRESENT) )
        return;
    if ( flags & _PAGE_RW )
        put_page_and_type(mfn_to_page(l1e_get_mfn(e)));
    else
        put_page(mfn_to_page(l1e_get_mfn(e)));
}

void emul_flush(void)
{
    unsigned int i;

    if ( emul_flush_hook )
        emul_flush_hook();
    for ( i = 0; i < ENTRIES; i++ )
        write_atomic(&remembered[i], 0ul);
    arch_fetch_and_add(&emul_flushes, 1);
}

static intpte_t *entry(unsigned int i)
{
    ASSERT(i < ENTRIES && pt_mfn);

    return (intpte_t *)emul_guest(pt_mfn) + i;
}

static intpte_t own_entry(unsigned int i)
{
    return l1e_get_intpte(
        l1e_from_mfn(_mfn(pt_own[i]), _PAGE_PRESENT | _PAGE_RW | _PAGE_USER |
                     _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX));
}

void emul_pt_create(struct domain *d, unsigned int nr)
{
    unsigned int i;
    bool got;

    ASSERT(!pt_mfn && nr <= ENTRIES);
    pt_domain = d;
    pt_mfn = emul_pages_create(d, 1);
    emul_flushes = 0;
    memset(remembered, 0, sizeof(remembered));

    for ( i = 0; i < nr; i++ )
    {
        pt_own[i] = emul_pages_create(d, 1);
        got = get_page_and_type(mfn_to_page(_mfn(pt_own[i])), d,
                                PGT_writable_page);
        ASSERT(got);
        *entry(i) = own_entry(i);
    }
    got = get_page_and_type(mfn_to_page(_mfn(pt_mfn)), d, PGT_l1_page_table);
    ASSERT(got);
}

uint64_t emul_pt_entry(unsigned int i)
{
    return (pt_mfn << PAGE_SHIFT) + i * sizeof(intpte_t);
}

unsigned long emul_pt_own(unsigned int i)
{
    return pt_own[i];
}

bool emul_pt_own_again(unsigned int i)
{
    return (*entry(i) | _PAGE_ACCESSED | _PAGE_DIRTY) == own_entry(i);
}

const uint8_t *emul_pt_look(unsigned int i)
{
    unsigned long frame = read_atomic(&remembered[i]);
    intpte_t e;

    if ( !frame )
    {
        e = __atomic_or_fetch(entry(i), _PAGE_ACCESSED, __ATOMIC_SEQ_CST);
        if ( !(e & _PAGE_PRESENT) )
            return NULL;
        frame = mfn_x(l1e_get_mfn(l1e_from_intpte(e)));
        write_atomic(&remembered[i], frame);
    }

    return emul_guest(frame);
}

void emul_pt_zap(unsigned int i)
{
    put_page_from_l1e(l1e_from_intpte(*entry(i)), pt_domain);
    *entry(i) = 0;
}

void emul_pt_destroy(void)
{
    unsigned int i;

    for ( i = 0; i < ENTRIES; i++ )
        emul_pt_zap(i);
    put_page_and_type(mfn_to_page(_mfn(pt_mfn)));
    pt_mfn = 0;
}
