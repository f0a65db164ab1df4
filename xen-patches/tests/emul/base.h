/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * base.h
 *
 * Emulation for the user-space tests: compiler words, fixed types, assertions,
 * messages, arithmetic, byte order, bit operations, atomics and barriers, each
 * under the name and with the meaning that it has in Xen 4.17 (x86).
 *
 * Everything that Xen does to memory that CPUs share is a compiler atomic
 * here, so that ThreadSanitizer sees it: reads acquire and writes release, as
 * x86 does.  smp_mb() is a full barrier that orders nothing between threads by
 * itself, so it hides no race.  Plain or volatile accesses to shared memory
 * (also through ACCESS_ONCE) are races and are reported as such: use
 * read_atomic() and write_atomic().
 */

#ifndef EMUL_BASE_H
#define EMUL_BASE_H

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Compiler ------------------------------------------------------------ */

#define likely(x)               __builtin_expect(!!(x), 1)
#define unlikely(x)             __builtin_expect(!!(x), 0)

#undef always_inline
#undef noinline
#define always_inline           inline __attribute__((__always_inline__))
#define noinline                __attribute__((__noinline__))
#undef __must_check
#define __must_check            __attribute__((__warn_unused_result__))
#define __maybe_unused          __attribute__((__unused__))
#undef __packed
#define __packed                __attribute__((__packed__))
#undef __aligned
#define __aligned(a)            __attribute__((__aligned__(a)))
#define noreturn                __attribute__((__noreturn__))
#define fallthrough             __attribute__((__fallthrough__))

#define __init
#define __exit
#define __initdata
#define __initconst
#define __initconstrel
#define __read_mostly
#define __ro_after_init
#define cf_check
#define __user
#define __force
#define __iomem
#define __rcu

#define SMP_CACHE_BYTES         128
#define __cacheline_aligned     __aligned(SMP_CACHE_BYTES)
#define ____cacheline_aligned   __aligned(SMP_CACHE_BYTES)

#define barrier()               __asm__ __volatile__ ( "" ::: "memory" )
#define prefetch(p)             __builtin_prefetch(p)
#define prefetchw(p)            __builtin_prefetch(p, 1)

/* ---- Types --------------------------------------------------------------- */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

typedef uint16_t domid_t;
typedef uint64_t paddr_t;
typedef int64_t s_time_t;
typedef uint32_t evtchn_port_t;

#define PRIpaddr                "016" PRIx64
#define PRI_stime               PRId64
#define PRI_mfn                 "05lx"
#define PRI_gfn                 "05lx"

#define DOMID_SELF              0x7FF0U
#define DOMID_IO                0x7FF1U
#define DOMID_XEN               0x7FF2U
#define DOMID_INVALID           0x7FF4U
#define DOMID_IDLE              0x7FFFU
#define DOMID_FIRST_RESERVED    0x7FF0U

#define BITS_PER_BYTE           8
#define BITS_PER_LONG           64
#define BYTES_PER_LONG          8
#define BITS_TO_LONGS(bits)     (((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

#define PADDR_BITS              52
#define PAGE_SHIFT              12
#define PAGE_SIZE               4096UL
#define PAGE_MASK               (~(PAGE_SIZE - 1))
#define PAGE_OFFSET(p)          ((unsigned long)(p) & ~PAGE_MASK)
#define PFN_DOWN(x)             ((x) >> PAGE_SHIFT)
#define PFN_UP(x)               (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)

#define KB(n)                   ((unsigned long long)(n) << 10)
#define MB(n)                   ((unsigned long long)(n) << 20)
#define GB(n)                   ((unsigned long long)(n) << 30)

#define STIME_MAX               INT64_MAX
#define SECONDS(s)              ((s_time_t)((s) * 1000000000ULL))
#define MILLISECS(ms)           ((s_time_t)((ms) * 1000000ULL))
#define MICROSECS(us)           ((s_time_t)((us) * 1000ULL))

/* ---- Assertions and messages --------------------------------------------- */

void noreturn emul_abort(const char *what, const char *expr, const char *file,
                         unsigned int line);

#ifdef EMUL_BENCH               /* as a release build */
#define ASSERT(p)               ((void)sizeof(p))
#define ASSERT_UNREACHABLE()    ((void)0)
#else
#define ASSERT(p) \
    ((p) ? (void)0 : emul_abort("ASSERT", #p, __FILE__, __LINE__))
#define ASSERT_UNREACHABLE() \
    emul_abort("ASSERT_UNREACHABLE", "", __FILE__, __LINE__)
#endif
#define BUG()                   emul_abort("BUG", "", __FILE__, __LINE__)
#define BUG_ON(p) \
    ((p) ? emul_abort("BUG_ON", #p, __FILE__, __LINE__) : (void)0)
#define WARN()                  emul_abort("WARN", "", __FILE__, __LINE__)
#define WARN_ON(p) \
    ((p) ? emul_abort("WARN_ON", #p, __FILE__, __LINE__) : (void)0)

#define BUILD_BUG_ON(cond) \
    ({ _Static_assert(!(cond), "!(" #cond ")"); (void)0; })
#define BUILD_BUG_ON_ZERO(cond) \
    (sizeof(struct { char c; _Static_assert(!(cond), #cond); }) & 0)

#define XENLOG_ERR              "<0>"
#define XENLOG_WARNING          "<1>"
#define XENLOG_INFO             "<2>"
#define XENLOG_DEBUG            "<3>"
#define XENLOG_GUEST            ""
#define XENLOG_G_ERR            "<0>"
#define XENLOG_G_WARNING        "<1>"
#define XENLOG_G_INFO           "<2>"
#define XENLOG_G_DEBUG          "<3>"

/* Printed with EMUL_VERBOSE set.  Xen's %pd and %pv come out as a pointer. */
void emul_printk(const char *fmt, ...);

#define printk                  emul_printk
#define printk_once             emul_printk
#define panic(...) \
    ({ emul_printk(__VA_ARGS__); \
       emul_abort("panic", "", __FILE__, __LINE__); })
#define gprintk(lvl, ...)       emul_printk(lvl __VA_ARGS__)
#define gdprintk(lvl, ...)      emul_printk(lvl __VA_ARGS__)
#define dprintk(lvl, ...)       emul_printk(lvl __VA_ARGS__)

/* ---- Arithmetic ---------------------------------------------------------- */

#define ARRAY_SIZE(x)           (sizeof(x) / sizeof((x)[0]))

#undef min
#undef max
#define min(x, y) \
    ({ const typeof(x) x_ = (x); const typeof(y) y_ = (y); \
       (void)(&x_ == &y_); x_ < y_ ? x_ : y_; })
#define max(x, y) \
    ({ const typeof(x) x_ = (x); const typeof(y) y_ = (y); \
       (void)(&x_ == &y_); x_ > y_ ? x_ : y_; })
#define min_t(t, x, y) \
    ({ const t x_ = (x); const t y_ = (y); x_ < y_ ? x_ : y_; })
#define max_t(t, x, y) \
    ({ const t x_ = (x); const t y_ = (y); x_ > y_ ? x_ : y_; })
#define SWAP(a, b) \
    do { typeof(a) t_ = (a); (a) = (b); (b) = t_; } while ( 0 )

#define container_of(ptr, type, member) \
    ({ const typeof(((type *)0)->member) *p_ = (ptr); \
       (type *)((char *)p_ - offsetof(type, member)); })

#define ROUNDUP(x, a)           (((x) + (a) - 1) & ~((a) - 1))
#define DIV_ROUND_UP(n, d)      (((n) + (d) - 1) / (d))
#define IS_ALIGNED(val, align)  (!((val) & ((align) - 1)))
#define MASK_EXTR(v, m)         (((v) & (m)) / ((m) & -(m)))
#define MASK_INSR(v, m)         (((v) * ((m) & -(m))) & (m))

/* 1-based as in Xen; 0 for 0.  ffs() is libc's, which is the same. */
#define fls(x) \
    ({ const unsigned int v_ = (x); v_ ? 32 - __builtin_clz(v_) : 0; })
#define flsl(x) \
    ({ const unsigned long v_ = (x); v_ ? 64 - __builtin_clzl(v_) : 0; })
#undef ffsl
#define ffsl(x)                 __builtin_ffsl(x)
#define hweight8(x)             ((unsigned int)__builtin_popcount((uint8_t)(x)))
#define hweight16(x)            ((unsigned int)__builtin_popcount((uint16_t)(x)))
#define hweight32(x)            ((unsigned int)__builtin_popcount(x))
#define hweight64(x)            ((unsigned int)__builtin_popcountll(x))
#define hweight_long(x)         ((unsigned int)__builtin_popcountl(x))

static inline unsigned int get_order_from_bytes(paddr_t size)
{
    unsigned int order = 0;

    while ( (PAGE_SIZE << order) < size )
        order++;

    return order;
}

static inline unsigned int get_order_from_pages(unsigned long nr)
{
    return get_order_from_bytes((paddr_t)nr << PAGE_SHIFT);
}

#define cpu_to_be16(x)          __builtin_bswap16(x)
#define cpu_to_be32(x)          __builtin_bswap32(x)
#define cpu_to_be64(x)          __builtin_bswap64(x)
#define be16_to_cpu(x)          __builtin_bswap16(x)
#define be32_to_cpu(x)          __builtin_bswap32(x)
#define be64_to_cpu(x)          __builtin_bswap64(x)
#define cpu_to_le16(x)          (x)
#define cpu_to_le32(x)          (x)
#define cpu_to_le64(x)          (x)

/* ---- Speculation: the value is the same ---------------------------------- */

#define array_index_nospec(index, size) ((void)(size), (index))
#define array_access_nospec(array, index) \
    (array)[array_index_nospec(index, ARRAY_SIZE(array))]
#define evaluate_nospec(cond)   (cond)
#define block_speculation()     barrier()
#define block_lock_speculation() barrier()

/* ---- Memory that CPUs share ---------------------------------------------- */

#define read_atomic(p)          __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define write_atomic(p, x)      __atomic_store_n(p, x, __ATOMIC_RELEASE)
#define ACCESS_ONCE(x)          (*(volatile typeof(x) *)&(x))
/* One instruction, but not atomic against others that add: a lock is held. */
#define add_sized(p, x) \
    write_atomic(p, (typeof(*(p)))(__atomic_load_n(p, __ATOMIC_RELAXED) + (x)))

void emul_full_barrier(void);

#define mb()                    emul_full_barrier()
#define smp_mb()                emul_full_barrier()
#define smp_rmb()               barrier()
#define smp_wmb()               barrier()
#define rmb()                   barrier()
#define wmb()                   barrier()
#define smp_mb__before_atomic() barrier()
#define smp_mb__after_atomic()  barrier()

/* A thread that waits lets others run: the tests have more CPUs than we. */
void emul_cpu_relax(void);
#define cpu_relax()             emul_cpu_relax()

#define cmpxchg(ptr, o, n) \
    ({ typeof(*(ptr)) o_ = (o); \
       __atomic_compare_exchange_n(ptr, &o_, n, false, __ATOMIC_SEQ_CST, \
                                   __ATOMIC_SEQ_CST); \
       o_; })
#define xchg(ptr, v)            __atomic_exchange_n(ptr, v, __ATOMIC_SEQ_CST)
#define arch_fetch_and_add(ptr, v) \
    __atomic_fetch_add(ptr, v, __ATOMIC_SEQ_CST)

typedef struct { int counter; } atomic_t;

#define ATOMIC_INIT(i)          { (i) }
#define atomic_read(v)          read_atomic(&(v)->counter)
#define _atomic_read(v)         ((v).counter)
#define atomic_set(v, i)        write_atomic(&(v)->counter, i)
#define atomic_cmpxchg(v, o, n) cmpxchg(&(v)->counter, o, n)
#define atomic_xchg(v, n)       xchg(&(v)->counter, n)

static inline int atomic_add_return(int i, atomic_t *v)
{
    return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline int atomic_sub_return(int i, atomic_t *v)
{
    return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

#define atomic_add(i, v)        ((void)atomic_add_return(i, v))
#define atomic_sub(i, v)        ((void)atomic_sub_return(i, v))
#define atomic_inc(v)           atomic_add(1, v)
#define atomic_dec(v)           atomic_sub(1, v)
#define atomic_inc_return(v)    atomic_add_return(1, v)
#define atomic_dec_return(v)    atomic_sub_return(1, v)
#define atomic_sub_and_test(i, v) (atomic_sub_return(i, v) == 0)
#define atomic_inc_and_test(v)  (atomic_inc_return(v) == 0)
#define atomic_dec_and_test(v)  (atomic_dec_return(v) == 0)
#define atomic_add_negative(i, v) (atomic_add_return(i, v) < 0)

/* As in Xen: returns the value before; adds unless that is u. */
static inline int atomic_add_unless(atomic_t *v, int a, int u)
{
    int c = atomic_read(v), old;

    while ( c != u && (old = atomic_cmpxchg(v, c, c + a)) != c )
        c = old;

    return c;
}

/* ---- Bits ---------------------------------------------------------------- */

/* Words of 32 bits, as the x86 instructions that Xen uses for them. */
#define BIT_WORD_(nr, addr)     ((uint32_t *)(uintptr_t)(addr) + (nr) / 32)
#define BIT_MASK_(nr)           (1u << ((nr) & 31))

#define test_bit(nr, addr) \
    (!!(__atomic_load_n(BIT_WORD_(nr, addr), __ATOMIC_ACQUIRE) & \
        BIT_MASK_(nr)))
#define set_bit(nr, addr) \
    ((void)__atomic_fetch_or(BIT_WORD_(nr, addr), BIT_MASK_(nr), \
                             __ATOMIC_SEQ_CST))
#define clear_bit(nr, addr) \
    ((void)__atomic_fetch_and(BIT_WORD_(nr, addr), ~BIT_MASK_(nr), \
                              __ATOMIC_SEQ_CST))
#define change_bit(nr, addr) \
    ((void)__atomic_fetch_xor(BIT_WORD_(nr, addr), BIT_MASK_(nr), \
                              __ATOMIC_SEQ_CST))
#define test_and_set_bit(nr, addr) \
    (!!(__atomic_fetch_or(BIT_WORD_(nr, addr), BIT_MASK_(nr), \
                          __ATOMIC_SEQ_CST) & BIT_MASK_(nr)))
#define test_and_clear_bit(nr, addr) \
    (!!(__atomic_fetch_and(BIT_WORD_(nr, addr), ~BIT_MASK_(nr), \
                           __ATOMIC_SEQ_CST) & BIT_MASK_(nr)))

#define __test_bit_(nr, addr)   (!!(*BIT_WORD_(nr, addr) & BIT_MASK_(nr)))
#define __set_bit(nr, addr)     ((void)(*BIT_WORD_(nr, addr) |= \
                                        BIT_MASK_(nr)))
#define __clear_bit(nr, addr)   ((void)(*BIT_WORD_(nr, addr) &= \
                                        ~BIT_MASK_(nr)))
#define __test_and_set_bit(nr, addr) \
    ({ bool b_ = __test_bit_(nr, addr); __set_bit(nr, addr); b_; })
#define __test_and_clear_bit(nr, addr) \
    ({ bool b_ = __test_bit_(nr, addr); __clear_bit(nr, addr); b_; })

unsigned int emul_find_bit(const void *addr, unsigned int size,
                           unsigned int from, bool value);

/* All return size when there is none. */
#define find_first_bit(a, size)      emul_find_bit(a, size, 0, true)
#define find_next_bit(a, size, from) emul_find_bit(a, size, from, true)
#define find_first_zero_bit(a, size) emul_find_bit(a, size, 0, false)
#define find_next_zero_bit(a, size, from) emul_find_bit(a, size, from, false)
#define for_each_set_bit(bit, addr, size) \
    for ( (bit) = find_first_bit(addr, size); (bit) < (size); \
          (bit) = find_next_bit(addr, size, (bit) + 1) )

#define bitmap_zero(b, bits) \
    ((void)memset(b, 0, BITS_TO_LONGS(bits) * sizeof(long)))
#define bitmap_fill(b, bits) \
    ((void)memset(b, 0xff, BITS_TO_LONGS(bits) * sizeof(long)))

/* ---- Text, counters of performance, random numbers ----------------------- */

int parse_bool(const char *s, const char *e);
int parse_boolean(const char *name, const char *s, const char *e);

/* Xen's hands out a pointer to what stays constant. */
static inline unsigned long simple_strtoul(const char *s, const char **end,
                                           unsigned int base)
{
    char *stop;
    unsigned long val = strtoul(s, &stop, base);

    if ( end )
        *end = stop;

    return val;
}

#define perfc_incr(x)           ((void)0)
#define perfc_add(x, n)         ((void)0)

/* Deterministic; emul_reset() restarts it. */
unsigned int get_random(void);

#endif /* EMUL_BASE_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
