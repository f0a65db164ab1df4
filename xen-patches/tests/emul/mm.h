/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * mm.h
 *
 * Emulation for the user-space tests: Xen's own memory with fault injection,
 * guests' pages with their reference and type counts, mappings.
 *
 * Guest memory is one file of EMUL_FRAMES pages; frame numbers begin at
 * EMUL_MFN_BASE and, as for PV guests, gfn equals mfn.  emul_guest() is the
 * guest's view of a page; map_domain_page() gives the same address and counts,
 * vmap() maps the file again, contiguously (but contiguous pages under TSan,
 * which tells memory by its address, where the guest has them, so that it
 * sees what is between guest and hypervisor).  The owner may give a page up
 * (emul_page_free()): when its last reference goes, the page becomes
 * inaccessible, so that a use after free faults.
 *
 * emul_check_clean() proves that nothing leaked.
 */

#ifndef EMUL_MM_H
#define EMUL_MM_H

/* ---- Frame numbers ------------------------------------------------------- */

typedef struct { unsigned long mfn; } mfn_t;
typedef struct { unsigned long gfn; } gfn_t;

#define _mfn(n)                 ((mfn_t){ n })
#define mfn_x(m)                ((m).mfn)
#define mfn_add(m, i)           _mfn(mfn_x(m) + (i))
#define mfn_eq(a, b)            (mfn_x(a) == mfn_x(b))
#define INVALID_MFN             _mfn(~0UL)
#define INVALID_MFN_INITIALIZER { ~0UL }
#define _gfn(n)                 ((gfn_t){ n })
#define gfn_x(g)                ((g).gfn)
#define gfn_add(g, i)           _gfn(gfn_x(g) + (i))
#define gfn_eq(a, b)            (gfn_x(a) == gfn_x(b))
#define INVALID_GFN             _gfn(~0UL)

/* ---- Xen's memory -------------------------------------------------------- */

void *emul_alloc(size_t size, size_t align, bool zero);
void xfree(void *p);

/*
 * Fault injection: the Nth allocation from now on fails, 1 being the next, and
 * only that; 0: none.  Counts xmalloc, xenheap pages, vmalloc and vmap alike.
 */
void emul_fail_alloc(unsigned int nth);

/* Allocations since emul_fail_alloc() was last called. */
unsigned int emul_allocs(void);

#define _xmalloc(size, align)   emul_alloc(size, align, false)
#define _xzalloc(size, align)   emul_alloc(size, align, true)
#define xmalloc(type)           ((type *)_xmalloc(sizeof(type), \
                                                  __alignof__(type)))
#define xzalloc(type)           ((type *)_xzalloc(sizeof(type), \
                                                  __alignof__(type)))
#define xmalloc_array(type, nr) \
    ((type *)emul_alloc_array(sizeof(type), __alignof__(type), nr, false))
#define xzalloc_array(type, nr) \
    ((type *)emul_alloc_array(sizeof(type), __alignof__(type), nr, true))
#define xmalloc_bytes(n)        _xmalloc(n, SMP_CACHE_BYTES)
#define xzalloc_bytes(n)        _xzalloc(n, SMP_CACHE_BYTES)
#define xmalloc_flex_struct(type, field, nr) \
    ((type *)_xmalloc(offsetof(type, field[nr]), __alignof__(type)))
#define xzalloc_flex_struct(type, field, nr) \
    ((type *)_xzalloc(offsetof(type, field[nr]), __alignof__(type)))
#define XFREE(p) \
    do { void *p_ = (p); (p) = NULL; xfree(p_); } while ( 0 )

static inline void *emul_alloc_array(size_t size, size_t align, size_t nr,
                                     bool zero)
{
    return nr > UINT_MAX / size ? NULL : emul_alloc(size * nr, align, zero);
}

#define vmalloc(size)           emul_alloc(size, PAGE_SIZE, false)
#define vzalloc(size)           emul_alloc(size, PAGE_SIZE, true)
#define vfree(p)                xfree(p)

#define MEMF_no_refcount        (1u << 1)
#define MEMF_no_owner           (1u << 4)

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags);
void free_xenheap_pages(void *v, unsigned int order);
#define alloc_xenheap_page()    alloc_xenheap_pages(0, 0)
#define free_xenheap_page(v)    free_xenheap_pages(v, 0)
#define clear_page(p)           memset(p, 0, PAGE_SIZE)
#define copy_page(to, from)     memcpy(to, from, PAGE_SIZE)

/* ---- Guests' pages ------------------------------------------------------- */

#define EMUL_FRAMES             32768UL
#define EMUL_MFN_BASE           0x1000UL

#define PGT_none                (0UL << 61)
#define PGT_l1_page_table       (1UL << 61)
#define PGT_seg_desc_page       (5UL << 61)
#define PGT_shared_page         (6UL << 61)
#define PGT_writable_page       (7UL << 61)
#define PGT_type_mask           (7UL << 61)
#define PGT_count_mask          ((1UL << 32) - 1)
#define PGC_allocated           (1UL << 63)
#define PGC_xen_heap            (1UL << 62)
#define PGC_extra               (1UL << 61)
#define PGC_count_mask          ((1UL << 32) - 1)

struct page_info {
    unsigned long count_info;
    struct {
        struct { unsigned long type_info; } inuse;
    } u;
    struct domain *emul_owner;
    int emul_maps;              /* map_domain_page() under way */
    unsigned int emul_dirtied;  /* paging_mark_dirty() calls */
    bool emul_writable;         /* emul_guest_map() */
};

extern struct page_info emul_pages[EMUL_FRAMES];

bool mfn_valid(mfn_t mfn);
struct page_info *mfn_to_page(mfn_t mfn);
mfn_t page_to_mfn(const struct page_info *pg);
#define page_get_owner(pg)      __atomic_load_n(&(pg)->emul_owner, \
                                                __ATOMIC_ACQUIRE)
#define is_xen_heap_page(pg)    (!!(read_atomic(&(pg)->count_info) & \
                                    PGC_xen_heap))
#define is_xen_heap_mfn(m)      (mfn_valid(m) && \
                                 is_xen_heap_page(mfn_to_page(m)))
#define is_special_page(pg)     (is_xen_heap_page(pg) || \
                                 (read_atomic(&(pg)->count_info) & PGC_extra))

/*
 * References as in Xen: get_* answer whether they could; put_* abort on none.
 * A page has one type while anybody holds it as that, and PGT_none is no type
 * to hold a page as.
 */
bool __must_check get_page(struct page_info *pg, const struct domain *d);
void put_page(struct page_info *pg);
int __must_check get_page_type(struct page_info *pg, unsigned long type);
void put_page_type(struct page_info *pg);
int __must_check get_page_and_type(struct page_info *pg, struct domain *d,
                                   unsigned long type);
void put_page_and_type(struct page_info *pg);
/* Drops the owner's reference, if it is still there; another one is held. */
void put_page_alloc_ref(struct page_info *pg);

/*
 * A page of d with only the owner's reference, PGC_extra with
 * MEMF_no_refcount; its bytes are arbitrary.  NULL: no memory (an allocation
 * as emul_fail_alloc() counts them), or d is dying.
 */
struct page_info *alloc_domheap_page(struct domain *d, unsigned int memflags);
/* Nobody refers to it any more; the page may be handed out again. */
void free_domheap_page(struct page_info *pg);

struct page_info *get_page_from_mfn(mfn_t mfn, struct domain *d);

typedef enum { p2m_ram_rw, p2m_invalid } p2m_type_t;
typedef unsigned int p2m_query_t;
#define P2M_ALLOC               (1u << 0)
#define P2M_UNSHARE             (1u << 1)
#define p2m_is_ram(t)           ((t) == p2m_ram_rw)
#define p2m_is_any_ram(t)       ((t) == p2m_ram_rw)

struct page_info *get_page_from_gfn(struct domain *d, unsigned long gfn,
                                    p2m_type_t *t, p2m_query_t q);

/* nr contiguous fresh zeroed pages of d; returns the first frame. */
unsigned long emul_pages_create(struct domain *d, unsigned int nr);
/* All pages are free: hand out the same ones again.  For endless tests. */
void emul_pages_recycle(void);

/* The owner gives the page up: drops PGC_allocated's reference. */
void emul_page_free(unsigned long mfn);

/* Give every page of d up. */
void emul_pages_free(struct domain *d);

/* The guest's view of the page: mfn's bytes and those that follow. */
void *emul_guest(unsigned long mfn);

/*
 * The guest maps its page writable, or no longer, as with update_va_mapping.
 * False: Xen refuses the writable mapping.  From the first call on a page can
 * be written only while it is mapped so; before, nothing is known of its
 * mappings, and none holds its type.
 */
bool emul_guest_map(unsigned long mfn, bool writable);

/* ---- Mappings ------------------------------------------------------------ */

/*
 * Aborts on a page without reference, and when a CPU maps more than the 16
 * that Xen's debug builds have room for.  unmap takes any address in the page.
 */
void *map_domain_page(mfn_t mfn);
void unmap_domain_page(const void *va);
#define __map_domain_page(pg)   map_domain_page(page_to_mfn(pg))

/* As above, but may be unmapped by another CPU, and not counted by CPU. */
void *map_domain_page_global(mfn_t mfn);
void unmap_domain_page_global(const void *va);
#define __map_domain_page_global(pg) map_domain_page_global(page_to_mfn(pg))

#define UNMAP_DOMAIN_PAGE(p) \
    do { unmap_domain_page(p); (p) = NULL; } while ( 0 )

void *vmap(const mfn_t *mfn, unsigned int nr);
void vunmap(const void *va);

#define paging_mode_log_dirty(d) ((d)->emul_log_dirty)
#define paging_mode_translate(d) false
void paging_mark_dirty(struct domain *d, mfn_t mfn);

/* ---- Copies from and to the caller --------------------------------------- */

/*
 * Guest addresses are the test's own.  Addresses below one page fault, and the
 * copy that emul_fail_copy() names (1: the next; 0: none) does.  mm.c has
 * hicamp_copy_in() and the like for suites without op.c.
 */
int emul_clear(void *to, const void *guest, size_t bytes);
int emul_copy(void *to, const void *from, const void *guest, size_t bytes);
void emul_fail_copy(unsigned int nth);
/* Copies since emul_fail_copy() was last called. */
unsigned int emul_copies(void);

/* ---- The tests' side ----------------------------------------------------- */

/* Before each test: clock, random numbers, faults, scripts as at start. */
void emul_reset(void);

/*
 * After each test, having destroyed what it made: aborts when an allocation,
 * page, page reference, mapping, event channel, domain, lock or callback is
 * left.  Allocations that are kept for good are declared once, after
 * initialisation, with emul_keep(): they are no leak from then on.
 */
void emul_check_clean(void);
void emul_keep(void);

/* The parts of it that each file of the emulation answers for. */
void emul_reset_sched(void);
void emul_check_sched(void);
void emul_check_thread(void);

#endif /* EMUL_MM_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
