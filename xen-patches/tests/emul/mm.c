/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * mm.c
 *
 * Emulation for the user-space tests: Xen's memory, guests' pages, mappings,
 * and the small things that are not worth a file.  See base.h and mm.h.
 */

#define _GNU_SOURCE
#include "borrow.h"
#include "op.h"

#include <sys/mman.h>
#include <unistd.h>

/* ---- Assertions and messages --------------------------------------------- */

void noreturn emul_abort(const char *what, const char *expr, const char *file,
                         unsigned int line)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s(%s) at %s:%u\n", "emul", what, expr, file, line);
    abort();
}

void emul_printk(const char *fmt, ...)
{
    va_list ap;

    if ( !getenv("EMUL_VERBOSE") )
        return;
    if ( fmt[0] == '<' && fmt[1] && fmt[2] == '>' )
        fmt += 3;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

/* ---- Bits, parameters, random numbers ------------------------------------ */

unsigned int emul_find_bit(const void *addr, unsigned int size,
                           unsigned int from, bool value)
{
    unsigned int i;

    for ( i = from; i < size; i++ )
        if ( test_bit(i, addr) == value )
            return i;

    return size;
}

int parse_bool(const char *s, const char *e)
{
    size_t len = e ? (size_t)(e - s) : strlen(s);

    if ( (len == 2 && !strncmp(s, "no", 2)) ||
         (len == 3 && !strncmp(s, "off", 3)) || (len == 1 && *s == '0') )
        return 0;
    if ( (len == 3 && !strncmp(s, "yes", 3)) ||
         (len == 2 && !strncmp(s, "on", 2)) || (len == 1 && *s == '1') )
        return 1;

    return -1;
}

int parse_boolean(const char *name, const char *s, const char *e)
{
    size_t len = e ? (size_t)(e - s) : strlen(s), nlen = strlen(name);
    bool no = len >= 3 && !strncmp(s, "no-", 3);

    if ( no )
    {
        s += 3;
        len -= 3;
    }
    if ( len < nlen || strncmp(s, name, nlen) )
        return -1;
    if ( len == nlen )
        return !no;
    if ( !no && s[nlen] == '=' )
        return parse_bool(s + nlen + 1, s + len);

    return -1;
}

static uint64_t random_state;

unsigned int get_random(void)
{
    uint64_t x = __atomic_add_fetch(&random_state, 0x9e3779b97f4a7c15ULL,
                                    __ATOMIC_SEQ_CST);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;

    return x >> 32;
}

/* ---- Xen's memory -------------------------------------------------------- */

static unsigned int allocs, allocs_fail;
static long allocs_live, allocs_kept;

static bool alloc_fails(void)
{
    unsigned int n = __atomic_add_fetch(&allocs, 1, __ATOMIC_SEQ_CST);

    return read_atomic(&allocs_fail) == n;
}

void emul_fail_alloc(unsigned int nth)
{
    write_atomic(&allocs, 0u);
    write_atomic(&allocs_fail, nth);
}

unsigned int emul_allocs(void)
{
    return read_atomic(&allocs);
}

#ifdef EMUL_BENCH
/*
 * Xen maps all memory with large pages: so do we, for what is larger than a
 * page.  It is never given back.
 */
#define LARGE_BYTES             GB(8)
#define LARGE_ALIGN             MB(2)

static uint8_t *large, *large_next;

static void *large_alloc(size_t size, size_t align)
{
    uintptr_t p;

    if ( !large )
    {
        large = mmap(NULL, LARGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if ( large == MAP_FAILED )
            abort();
        madvise(large, LARGE_BYTES, MADV_HUGEPAGE);
        large_next = (void *)ROUNDUP((uintptr_t)large, LARGE_ALIGN);
    }
    p = ROUNDUP((uintptr_t)large_next, align);
    large_next = (void *)(p + size);
    if ( large_next > large + LARGE_BYTES )
        abort();

    return (void *)p;
}
#endif

void *emul_alloc(size_t size, size_t align, bool zero)
{
    void *p;

    if ( alloc_fails() )
        return NULL;
#ifdef EMUL_BENCH
    if ( size > PAGE_SIZE )
        return large_alloc(size, max_t(size_t, align, PAGE_SIZE));
#endif
    if ( posix_memalign(&p, max_t(size_t, align, sizeof(p)), size) )
        abort();
    memset(p, zero ? 0 : 0xa5, size);
    __atomic_fetch_add(&allocs_live, 1, __ATOMIC_SEQ_CST);

    return p;
}

void xfree(void *p)
{
    if ( !p )
        return;
#ifdef EMUL_BENCH
    if ( large && (uint8_t *)p >= large && (uint8_t *)p < large_next )
        return;
#endif
    __atomic_fetch_sub(&allocs_live, 1, __ATOMIC_SEQ_CST);
    free(p);
}

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
    (void)memflags;
    return emul_alloc(PAGE_SIZE << order, PAGE_SIZE, false);
}

void free_xenheap_pages(void *v, unsigned int order)
{
    (void)order;
    ASSERT(!PAGE_OFFSET(v));
    xfree(v);
}

/* ---- Guests' pages ------------------------------------------------------- */

struct page_info emul_pages[EMUL_FRAMES];

static int guest_fd = -1;
static uint8_t *guest_base;
static unsigned long guest_next;        /* first page never handed out */

static unsigned long domheap_free[EMUL_FRAMES]; /* pages to hand out again */
static unsigned long domheap_nr_free;
static pthread_mutex_t domheap_mutex = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((__constructor__)) guest_init(void)
{
    guest_fd = memfd_create("emul", 0);
    if ( guest_fd < 0 || ftruncate(guest_fd, EMUL_FRAMES * PAGE_SIZE) )
        abort();
    guest_base = mmap(NULL, EMUL_FRAMES * PAGE_SIZE, PROT_NONE, MAP_SHARED,
                      guest_fd, 0);
    if ( guest_base == MAP_FAILED )
        abort();
}

bool mfn_valid(mfn_t mfn)
{
    return mfn_x(mfn) >= EMUL_MFN_BASE &&
           mfn_x(mfn) < EMUL_MFN_BASE + EMUL_FRAMES;
}

struct page_info *mfn_to_page(mfn_t mfn)
{
    ASSERT(mfn_valid(mfn));
    return &emul_pages[mfn_x(mfn) - EMUL_MFN_BASE];
}

mfn_t page_to_mfn(const struct page_info *pg)
{
    return _mfn(pg - emul_pages + EMUL_MFN_BASE);
}

void *emul_guest(unsigned long mfn)
{
    ASSERT(mfn_valid(_mfn(mfn)));
    return guest_base + (mfn - EMUL_MFN_BASE) * PAGE_SIZE;
}

bool emul_guest_map(unsigned long mfn, bool writable)
{
    struct page_info *pg = mfn_to_page(_mfn(mfn));

    if ( writable && !pg->emul_writable &&
         !get_page_type(pg, PGT_writable_page) )
        return false;
    if ( !writable && pg->emul_writable )
        put_page_type(pg);
    pg->emul_writable = writable;
    if ( mprotect(emul_guest(mfn), PAGE_SIZE,
                  writable ? PROT_READ | PROT_WRITE : PROT_READ) )
        abort();

    return true;
}

bool get_page(struct page_info *pg, const struct domain *d)
{
    unsigned long x = read_atomic(&pg->count_info), y;

    do {
        y = x;
        if ( !(y & PGC_count_mask) )
            return false;
        x = cmpxchg(&pg->count_info, y, y + 1);
    } while ( x != y );

    if ( page_get_owner(pg) == d )
        return true;
    put_page(pg);

    return false;
}

void put_page(struct page_info *pg)
{
    unsigned long y = __atomic_fetch_sub(&pg->count_info, 1, __ATOMIC_SEQ_CST);

    ASSERT(y & PGC_count_mask);
    if ( (y & PGC_count_mask) > 1 )
        return;

    ASSERT(!(y & PGC_allocated));
    free_domheap_page(pg);
}

/* The last reference has gone: the page is free, and nobody may touch it. */
void free_domheap_page(struct page_info *pg)
{
    unsigned long x = read_atomic(&pg->count_info);

    ASSERT(!(x & (PGC_count_mask | PGC_allocated)));
    ASSERT(!(read_atomic(&pg->u.inuse.type_info) & PGT_count_mask));
    ASSERT(!read_atomic(&pg->emul_maps));
    write_atomic(&pg->emul_owner, NULL);
    if ( mprotect(emul_guest(mfn_x(page_to_mfn(pg))), PAGE_SIZE, PROT_NONE) )
        abort();

    if ( !(x & PGC_extra) )
        return;

    write_atomic(&pg->count_info, 0UL);
    pthread_mutex_lock(&domheap_mutex);
    domheap_free[domheap_nr_free++] = mfn_x(page_to_mfn(pg));
    pthread_mutex_unlock(&domheap_mutex);
}

struct page_info *alloc_domheap_page(struct domain *d, unsigned int memflags)
{
    struct page_info *pg;
    unsigned long mfn = 0;

    if ( alloc_fails() || read_atomic(&d->is_dying) )
        return NULL;

    ASSERT(memflags == MEMF_no_refcount);
    pthread_mutex_lock(&domheap_mutex);
    if ( domheap_nr_free )
        mfn = domheap_free[--domheap_nr_free];
    if ( mfn && mprotect(emul_guest(mfn), PAGE_SIZE, PROT_READ | PROT_WRITE) )
        abort();
    if ( !mfn )
        mfn = emul_pages_create(d, 1);
    pthread_mutex_unlock(&domheap_mutex);

    memset(emul_guest(mfn), 0xa5, PAGE_SIZE);
    pg = mfn_to_page(_mfn(mfn));
    memset(&pg->u, 0, sizeof(pg->u));
    write_atomic(&pg->emul_owner, d);
    write_atomic(&pg->count_info, PGC_allocated | PGC_extra | 1);

    return pg;
}

void put_page_alloc_ref(struct page_info *pg)
{
    unsigned long y = __atomic_fetch_and(&pg->count_info, ~PGC_allocated,
                                         __ATOMIC_SEQ_CST);

    if ( !(y & PGC_allocated) )
        return;
    ASSERT((y & PGC_count_mask) > 1);
    put_page(pg);
}

int get_page_type(struct page_info *pg, unsigned long type)
{
    unsigned long x = read_atomic(&pg->u.inuse.type_info), y, n;

    ASSERT(type == PGT_writable_page || type == PGT_shared_page ||
           type == PGT_l1_page_table || type == PGT_seg_desc_page);
    ASSERT(read_atomic(&pg->count_info) & PGC_count_mask);

    do {
        y = x;
        if ( !(y & PGT_count_mask) )
            n = type | 1;
        else if ( (y & PGT_type_mask) == type )
            n = y + 1;
        else
            return 0;
        x = cmpxchg(&pg->u.inuse.type_info, y, n);
    } while ( x != y );

    return 1;
}

void put_page_type(struct page_info *pg)
{
    unsigned long y = __atomic_fetch_sub(&pg->u.inuse.type_info, 1,
                                         __ATOMIC_SEQ_CST);

    ASSERT(y & PGT_count_mask);
}

int get_page_and_type(struct page_info *pg, struct domain *d,
                      unsigned long type)
{
    if ( !get_page(pg, d) )
        return 0;
    if ( get_page_type(pg, type) )
        return 1;
    put_page(pg);

    return 0;
}

void put_page_and_type(struct page_info *pg)
{
    put_page_type(pg);
    put_page(pg);
}

struct page_info *get_page_from_mfn(mfn_t mfn, struct domain *d)
{
    if ( !mfn_valid(mfn) || !get_page(mfn_to_page(mfn), d) )
        return NULL;

    return mfn_to_page(mfn);
}

struct page_info *get_page_from_gfn(struct domain *d, unsigned long gfn,
                                    p2m_type_t *t, p2m_query_t q)
{
    struct page_info *pg = get_page_from_mfn(_mfn(gfn), d);

    (void)q;
    if ( t )
        *t = pg ? p2m_ram_rw : p2m_invalid;

    return pg;
}

unsigned long emul_pages_create(struct domain *d, unsigned int nr)
{
    unsigned long first = guest_next + EMUL_MFN_BASE;
    unsigned int i;

    if ( guest_next + nr > EMUL_FRAMES )
        emul_abort("out of guest pages", "", __FILE__, __LINE__);
    guest_next += nr;

    if ( mprotect(emul_guest(first), nr * PAGE_SIZE, PROT_READ | PROT_WRITE) )
        abort();
    memset(emul_guest(first), 0, nr * PAGE_SIZE);
    for ( i = 0; i < nr; i++ )
    {
        struct page_info *pg = mfn_to_page(_mfn(first + i));

        memset(pg, 0, sizeof(*pg));
        write_atomic(&pg->emul_owner, d);
        write_atomic(&pg->count_info, PGC_allocated | 1);
    }

    return first;
}

void emul_pages_recycle(void)
{
    unsigned long i;

    for ( i = 0; i < guest_next; i++ )
        ASSERT(!emul_pages[i].count_info);
    guest_next = 0;
    domheap_nr_free = 0;
}

void emul_page_free(unsigned long mfn)
{
    struct page_info *pg = mfn_to_page(_mfn(mfn));
    unsigned long y = __atomic_fetch_and(&pg->count_info, ~PGC_allocated,
                                         __ATOMIC_SEQ_CST);

    ASSERT(y & PGC_allocated);
    if ( pg->emul_writable )
    {
        pg->emul_writable = false;
        put_page_type(pg);
    }
    put_page(pg);
}

void emul_pages_free(struct domain *d)
{
    unsigned long i;

    for ( i = 0; i < guest_next; i++ )
        if ( page_get_owner(&emul_pages[i]) == d &&
             (read_atomic(&emul_pages[i].count_info) & PGC_allocated) )
            emul_page_free(EMUL_MFN_BASE + i);
}

/* ---- Mappings ------------------------------------------------------------ */

#define MAPS_PER_CPU            16

static __thread int maps_of_cpu;

struct vmapping {
    struct vmapping *next;
    uint8_t *va;
    unsigned int nr;
    bool direct;
};

#ifdef __SANITIZE_THREAD__
#define VMAP_DIRECT             true
#else
#define VMAP_DIRECT             false
#endif

static struct vmapping *vmappings;
static pthread_mutex_t vmap_mutex = PTHREAD_MUTEX_INITIALIZER;

void *map_domain_page_global(mfn_t mfn)
{
    struct page_info *pg = mfn_to_page(mfn);

    ASSERT(read_atomic(&pg->count_info) & PGC_count_mask);
    __atomic_fetch_add(&pg->emul_maps, 1, __ATOMIC_SEQ_CST);

    return emul_guest(mfn_x(mfn));
}

void unmap_domain_page_global(const void *va)
{
    size_t offset = (const uint8_t *)va - guest_base;
    int maps;

    ASSERT(offset < EMUL_FRAMES * PAGE_SIZE);
    maps = __atomic_fetch_sub(&emul_pages[offset >> PAGE_SHIFT].emul_maps, 1,
                              __ATOMIC_SEQ_CST);
    ASSERT(maps > 0);
}

#ifdef EMUL_BENCH
/* All memory is mapped for good, as on most hosts: a release build knows. */
void *map_domain_page(mfn_t mfn)
{
    return emul_guest(mfn_x(mfn));
}

void unmap_domain_page(const void *va)
{
}
#else
void *map_domain_page(mfn_t mfn)
{
    ASSERT(maps_of_cpu < MAPS_PER_CPU);
    maps_of_cpu++;

    return map_domain_page_global(mfn);
}

void unmap_domain_page(const void *va)
{
    if ( !va )
        return;
    ASSERT(maps_of_cpu > 0);
    maps_of_cpu--;
    unmap_domain_page_global(va);
}
#endif

void *vmap(const mfn_t *mfn, unsigned int nr)
{
    struct vmapping *m;
    unsigned int i;

    if ( alloc_fails() )
        return NULL;

    m = malloc(sizeof(*m));
    if ( !m )
        abort();
    m->nr = nr;
    m->direct = VMAP_DIRECT;
    for ( i = 1; i < nr && m->direct; i++ )
        m->direct = mfn_x(mfn[i]) == mfn_x(mfn[0]) + i;
    m->va = m->direct ? emul_guest(mfn_x(mfn[0]))
                      : mmap(NULL, nr * PAGE_SIZE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ( m->va == MAP_FAILED )
        abort();
    for ( i = 0; i < nr; i++ )
    {
        off_t offset = (mfn_x(mfn[i]) - EMUL_MFN_BASE) * PAGE_SIZE;
        struct page_info *pg = mfn_to_page(mfn[i]);

        ASSERT(read_atomic(&pg->count_info) & PGC_count_mask);
        if ( m->direct )
            continue;
        if ( mmap(m->va + i * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_FIXED, guest_fd, offset) == MAP_FAILED )
            abort();
    }

    pthread_mutex_lock(&vmap_mutex);
    m->next = vmappings;
    vmappings = m;
    pthread_mutex_unlock(&vmap_mutex);

    return m->va;
}

void vunmap(const void *va)
{
    struct vmapping **link, *m;

    pthread_mutex_lock(&vmap_mutex);
    for ( link = &vmappings; *link && (*link)->va != va; )
        link = &(*link)->next;
    m = *link;
    ASSERT(m);
    *link = m->next;
    pthread_mutex_unlock(&vmap_mutex);

    if ( !m->direct )
        munmap(m->va, m->nr * PAGE_SIZE);
    free(m);
}

void (*emul_dirty_hook)(void);

void paging_mark_dirty(struct domain *d, mfn_t mfn)
{
    if ( emul_dirty_hook )
        emul_dirty_hook();
    ASSERT(page_get_owner(mfn_to_page(mfn)) == d);
    __atomic_fetch_add(&mfn_to_page(mfn)->emul_dirtied, 1, __ATOMIC_SEQ_CST);
}

/* ---- Copies from and to the caller --------------------------------------- */

static unsigned int copies, copies_fail;

void emul_fail_copy(unsigned int nth)
{
    copies = 0;
    copies_fail = nth;
}

unsigned int emul_copies(void)
{
    return read_atomic(&copies);
}

int emul_copy(void *to, const void *from, const void *guest, size_t bytes)
{
    unsigned int n = __atomic_add_fetch(&copies, 1, __ATOMIC_SEQ_CST);
    uintptr_t addr = (uintptr_t)guest;

    if ( read_atomic(&copies_fail) == n || addr < PAGE_SIZE ||
         addr + bytes < addr )
        return -EFAULT;
    memcpy(to, from, bytes);

    return 0;
}

int emul_clear(void *to, const void *guest, size_t bytes)
{
    unsigned int n = __atomic_add_fetch(&copies, 1, __ATOMIC_SEQ_CST);
    uintptr_t addr = (uintptr_t)guest;

    if ( read_atomic(&copies_fail) == n || addr < PAGE_SIZE ||
         addr + bytes < addr )
        return -EFAULT;
    memset(to, 0, bytes);

    return 0;
}

int __attribute__((__weak__)) hicamp_copy_in(void *to, uint64_t addr,
                                             size_t bytes)
{
    const void *guest = (const void *)(uintptr_t)addr;

    return emul_copy(to, guest, guest, bytes);
}

/* Suites without packets: nobody borrows. */
int __attribute__((__weak__)) borrow_recall(struct hicamp_domain *hd,
                                            const uint32_t *indices,
                                            unsigned int nr)
{
    return 0;
}

int __attribute__((__weak__)) hicamp_copy_out(uint64_t addr, const void *from,
                                              size_t bytes)
{
    void *guest = (void *)(uintptr_t)addr;

    return emul_copy(guest, from, guest, bytes);
}

int __attribute__((__weak__)) hicamp_clear_out(uint64_t addr, size_t bytes)
{
    void *guest = (void *)(uintptr_t)addr;

    return emul_clear(guest, guest, bytes);
}

/* ---- The tests' side ----------------------------------------------------- */

void emul_reset(void)
{
    random_state = 1;
    emul_fail_alloc(0);
    emul_fail_copy(0);
    emul_reset_sched();
    emul_reset_call();
}

void emul_keep(void)
{
    rcu_barrier();
    allocs_kept = allocs_live;
}

void emul_check_clean(void)
{
    unsigned long i;

    emul_check_sched();

    for ( i = 0; i < guest_next; i++ )
    {
        struct page_info *pg = &emul_pages[i];

        if ( !(pg->count_info | pg->emul_maps | (long)pg->emul_owner |
               (pg->u.inuse.type_info & PGT_count_mask)) )
            continue;
        fprintf(stderr, "emul: mfn %#lx: count %#lx type %#lx maps %d\n",
                EMUL_MFN_BASE + i, pg->count_info, pg->u.inuse.type_info,
                pg->emul_maps);
        emul_abort("page left, or a reference to it", "", __FILE__, __LINE__);
    }
    if ( maps_of_cpu || vmappings )
        emul_abort("mapping left", "", __FILE__, __LINE__);
    if ( allocs_live != allocs_kept )
    {
        fprintf(stderr, "emul: %ld allocations, not %ld\n", allocs_live,
                allocs_kept);
        emul_abort("allocation left, or one too few", "", __FILE__, __LINE__);
    }
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
