/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store: see store.h.  Compiled as Xen is, without vector instructions, and
 * free of calls into libc where it is measured: what it costs here is what
 * the same steps cost in the hypervisor, on memory that is mapped in large
 * pages as Xen's own map is.
 */

#include <string.h>
#include <sys/mman.h>

#include "store.h"

/* A test makes hashes collide, to see that nothing depends on them. */
#ifndef HASH_BITS
#define HASH_BITS 64
#endif

/* An index entry: PLID below, hash above; 0 is free, as PLID 0 is. */
#define PLID_BITS 32
#define PLID_MASK ((1ULL << PLID_BITS) - 1)

static void *reserve(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if ( p == MAP_FAILED )
        return NULL;

    /* Without large pages the figures would show TLB misses Xen has not. */
    madvise(p, bytes, MADV_HUGEPAGE);

    return p;
}

static void release(void *p, uint64_t bytes)
{
    if ( p )
        munmap(p, bytes);
}

bool store_open(struct store *s, unsigned int line_bytes, uint64_t max)
{
    uint64_t slots = 16;

    memset(s, 0, sizeof(*s));
    if ( !max || max >= PLID_MASK )
        return false;

    while ( slots < 2 * max )
        slots *= 2;

    s->line_bytes = line_bytes;
    s->max = max;
    s->index_mask = slots - 1;
    s->lines = reserve(max * line_bytes);
    s->meta = reserve(max * store_meta_bytes);
    s->index = reserve(slots * STORE_INDEX_BYTES);
    if ( s->lines && s->meta && s->index )
        return true;

    store_close(s);

    return false;
}

void store_close(struct store *s)
{
    release(s->lines, s->max * s->line_bytes);
    release(s->meta, s->max * store_meta_bytes);
    release(s->index, (s->index_mask + 1) * STORE_INDEX_BYTES);
    memset(s, 0, sizeof(*s));
}

void store_reset(struct store *s)
{
    s->nr = 0;
    memset(s->index, 0, (s->index_mask + 1) * STORE_INDEX_BYTES);
}

/* Lines are whole multiples of 64 bytes, and so aligned. */
static bool is_zero(const uint64_t *p, unsigned int bytes)
{
    const uint64_t *end = p + bytes / 8;

    for ( ; p < end; p += 4 )
        if ( p[0] | p[1] | p[2] | p[3] )
            return false;

    return true;
}

static bool is_equal(const uint64_t *a, const uint64_t *b, unsigned int bytes)
{
    const uint64_t *end = a + bytes / 8;

    for ( ; a < end; a += 4, b += 4 )
        if ( (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) )
            return false;

    return true;
}

static void copy(void *to, const void *from, unsigned long bytes)
{
    /* As Xen's memcpy() on CPUs with fast short string operations. */
    asm volatile ( "rep movsb"
                   : "+D" (to), "+S" (from), "+c" (bytes) : : "memory" );
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;

    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/*
 * Keyed hash: four independent chains of multiplications, so that the CPU
 * works on four at once.  The key is fixed here, so that runs repeat.
 */
static uint64_t hash(const uint64_t *p, unsigned int bytes)
{
    uint64_t h0 = 0x9e3779b97f4a7c15ULL, h1 = 0xbf58476d1ce4e5b9ULL;
    uint64_t h2 = 0x94d049bb133111ebULL, h3 = 0xd6e8feb86659fd93ULL;
    const uint64_t *end = p + bytes / 8;

    for ( ; p < end; p += 8 )
    {
        h0 = fold(p[0] ^ 0xa0761d6478bd642fULL, p[1] ^ h0);
        h1 = fold(p[2] ^ 0xe7037ed1a0b428dbULL, p[3] ^ h1);
        h2 = fold(p[4] ^ 0x8ebc6af09c88c6e3ULL, p[5] ^ h2);
        h3 = fold(p[6] ^ 0x589965cc75374cc3ULL, p[7] ^ h3);
    }

    h0 = fold(h0 ^ h1, h2 ^ h3 ^ 0x1d8e4e27c47d124fULL);

    return HASH_BITS < 64 ? h0 & ((1ULL << (HASH_BITS % 64)) - 1) : h0;
}

/* Of the metadata only the reference count matters here; it comes first. */
static int *refs(const struct store *s, plid_t plid)
{
    return (int *)(s->meta + (plid - 1) * store_meta_bytes);
}

plid_t store_add(struct store *s, const void *line)
{
    plid_t plid = ++s->nr;

    copy(s->lines + (plid - 1) * s->line_bytes, line, s->line_bytes);
    *refs(s, plid) = 1;

    return plid;
}

plid_t store_intern(struct store *s, const void *line)
{
    uint64_t h, i, entry;
    plid_t plid;

    if ( is_zero(line, s->line_bytes) )
        return 0;

    h = hash(line, s->line_bytes);
    for ( i = h & s->index_mask; (entry = s->index[i]) != 0;
          i = (i + 1) & s->index_mask )
    {
        plid = entry & PLID_MASK;
        if ( entry >> PLID_BITS == h >> PLID_BITS &&
             is_equal((uint64_t *)(s->lines + (plid - 1) * s->line_bytes),
                      line, s->line_bytes) )
        {
            /* Locked, as in the hypervisor, where others count too. */
            __atomic_fetch_add(refs(s, plid), 1, __ATOMIC_SEQ_CST);
            return plid;
        }
    }

    plid = store_add(s, line);
    s->index[i] = (h & ~PLID_MASK) | plid;

    return plid;
}
