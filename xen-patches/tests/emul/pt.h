/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * pt.h
 *
 * Emulation for the user-space tests: last-level page tables of PV guests, which
 * are pages of theirs, and what their CPU remembers of them.
 *
 * Entries hold references as in Xen: one to the page, and to its being writable
 * where the mapping is.  A look through an entry sets its Accessed bit, and is
 * answered from then on by what was there, until flush_mask().
 */

#ifndef EMUL_PT_H
#define EMUL_PT_H

typedef uint64_t intpte_t;
typedef struct { intpte_t l1; } l1_pgentry_t;

#define _PAGE_PRESENT           0x001u
#define _PAGE_RW                0x002u
#define _PAGE_USER              0x004u
#define _PAGE_ACCESSED          0x020u
#define _PAGE_DIRTY             0x040u
/* As in Xen, what stands in the uppermost 12 bits follows in the flags. */
#define _PAGE_NX                (1u << 23)

#define l1e_from_intpte(i)      ((l1_pgentry_t){ i })
#define l1e_get_intpte(e)       ((e).l1)
#define l1e_get_mfn(e)          _mfn(((e).l1 & ~(0xfffUL << 52)) >> PAGE_SHIFT)

static inline unsigned int l1e_get_flags(l1_pgentry_t e)
{
    return (unsigned int)(e.l1 >> 40 & ~0xfffU) | (unsigned int)(e.l1 & 0xfff);
}

static inline l1_pgentry_t l1e_from_mfn(mfn_t mfn, unsigned int flags)
{
    return (l1_pgentry_t){ (mfn_x(mfn) << PAGE_SHIFT) |
                           ((intpte_t)(flags & ~0xfffU) << 40) |
                           (flags & 0xfff) };
}

/* Of a page that is in use as a page table. */
bool page_lock(struct page_info *pg);
void page_unlock(struct page_info *pg);

/* Drops what the entry holds. */
void put_page_from_l1e(l1_pgentry_t e, struct domain *d);

#define paging_mode_enabled(d)  paging_mode_log_dirty(d)
#define paging_cmpxchg_guest_entry(v, p, o, n, table) cmpxchg(p, o, n)
#define need_iommu_pt_sync(d)   ((d)->emul_iommu)

/* All CPUs forget what they remember. */
void emul_flush(void);
#define flush_mask(mask, flags) emul_flush()
/* What happens elsewhere just before.  NULL: nothing. */
extern void (*emul_flush_hook)(void);
/* Since emul_pt_create(). */
extern unsigned int emul_flushes;

/* ---- The tests' side ----------------------------------------------------- */

/* One table at a time, whose first nr entries map fresh pages, read-write. */
void emul_pt_create(struct domain *d, unsigned int nr);
/* Machine address of an entry, and the page that it mapped at first. */
uint64_t emul_pt_entry(unsigned int i);
unsigned long emul_pt_own(unsigned int i);
/* Does the entry say again what it said at first, traces of use apart? */
bool emul_pt_own_again(unsigned int i);
/* What the guest sees there, read-only; NULL: nothing. */
const uint8_t *emul_pt_look(unsigned int i);
/* The guest writes the entry: what stood there is dropped, nothing replaces it. */
void emul_pt_zap(unsigned int i);
/* The guest gives the table up, with all that stands in it. */
void emul_pt_destroy(void);

#endif /* EMUL_PT_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
