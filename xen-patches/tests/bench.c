/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * bench.c
 *
 * Cycles (of the time-stamp counter) per operation, optimised as Xen is, but
 * for SSE moves, without sanitizers; the best of several rounds.  The
 * emulation's locks and clock are not Xen's: what is measured here takes no lock
 * and reads the clock once.
 */

#include "bench.h"
#include "flows.h"
#include "key.h"
#include "packets.h"

#define ROUNDS                  15
#define PACKETS                 4096

static struct hicamp_flow_key keys[PACKETS];

#define BENCH(what, nr, code) \
    do { \
        uint64_t best = ~0ULL; \
        unsigned int round_, i; \
        for ( round_ = 0; round_ < ROUNDS; round_++ ) \
        { \
            uint64_t t = __rdtsc(); \
            for ( i = 0; i < (nr); i++ ) \
            { code; } \
            t = __rdtsc() - t; \
            best = min(best, t); \
        } \
        printf("%6.1f  %s\n", (double)best / (nr), what); \
    } while ( 0 )

static void bench_key(const char *what, struct frame *f)
{
    struct hicamp_flow_key key;
    struct hicamp_key_offsets off;

    frame_end(f, 1000);
    BENCH(what, 10000,
          hicamp_key_extract(f->b, 128, f->len, 1 + i % 2, &key, &off);
          barrier());
}

static void bench_lookup(unsigned int nr_flows, unsigned int nr_masks)
{
    char what[80];
    unsigned int n;
    uint64_t t;

    for ( n = 0; n < nr_masks - 1; n++ )
        CHECK_EQ(add(masked(key_of(1, n), mask_of(n)), mask_of(n), n, 2), 0);
    t = __rdtsc();
    for ( n = 0; n < nr_flows; n++ )
        CHECK_EQ(add(key_of(1, n), mask_of(63), n, 2), 0);
    t = __rdtsc() - t;
    if ( nr_flows > 1000 )
        printf("%6.0f  add one of %u flows\n", (double)t / nr_flows, nr_flows);
    for ( n = 0; n < PACKETS; n++ )
        keys[n] = key_of(1, (n * 2654435761u >> 7) % nr_flows);

    snprintf(what, sizeof(what), "look-up, %u flows, hit in mask %u", nr_flows,
             nr_masks);
    BENCH(what, PACKETS, hicamp_classify(&keys[i], 1, 64));
    flush();
    rcu_barrier();
}

/* One of 32 masks that tell keys apart. */
static struct hicamp_flow_key some_mask(unsigned int n)
{
    return mask_of((n & 1) | 2 | (n & 30) << 1);
}

/* Packets of a port in no order, whose flows have several masks. */
static void bench_mixed(unsigned int nr_flows, unsigned int nr_masks)
{
    char what[80];
    unsigned int n;

    for ( n = 0; n < nr_flows; n++ )
        CHECK_EQ(add(masked(key_of(1, n), some_mask(n % nr_masks)),
                     some_mask(n % nr_masks), n, 2), 0);
    for ( n = 0; n < PACKETS; n++ )
        keys[n] = key_of(1, (n * 2654435761u >> 7) % nr_flows);

    snprintf(what, sizeof(what), "look-up, %u flows of %u masks by turns",
             nr_flows, nr_masks);
    BENCH(what, PACKETS, hicamp_classify(&keys[i], 1, 64));
    flush();
    rcu_barrier();
}

/* Packets of port 1 that no flow serves, while a port has many masks. */
static void bench_miss(uint32_t port)
{
    char what[80];
    unsigned int n;

    for ( n = 0; n < HICAMP_MASKS_MAX; n++ )
        CHECK_EQ(add(masked(key_of(port, n), mask_of(32 + n)),
                     mask_of(32 + n), n, 2), 0);
    for ( n = 0; n < PACKETS; n++ )
    {
        keys[n] = key_of(1, n);
        keys[n].eth_src[0] = 2;
        CHECK(!hicamp_classify(&keys[n], 1, 64));
    }

    snprintf(what, sizeof(what), "look-up, %u masks of port %u, a miss of 1",
             HICAMP_MASKS_MAX, port);
    BENCH(what, PACKETS, hicamp_classify(&keys[i], 1, 64));
    flush();
    rcu_barrier();
}

int main(void)
{
    struct frame f;

    hicamp_flows_max = 1u << 20;
    if ( hicamp_classify_init() )
        return 1;

    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_ipv4(&f, 0, 0x4000);
    frame_tcp(&f, 12, 0x10);
    bench_key("key, TCP over IPv4", &f);

    memset(&f, 0, sizeof(f));
    frame_eth(&f);
    frame_vlan(&f, 0x8100, 1);
    frame_ipv6(&f);
    frame_l4(&f, 17, 8);
    bench_key("key, UDP over IPv6 with VLAN tag", &f);

    bench_lookup(1, 1);
    bench_lookup(1000, 1);
    bench_lookup(60000, 1);
    bench_lookup(1u << 20, 1);
    bench_lookup(1000, 8);
    bench_lookup(1000, 32);
    bench_mixed(20, 4);
    bench_mixed(100, 8);
    bench_mixed(100, 32);
    bench_mixed(1000, 32);
    bench_miss(1);
    bench_miss(3);

    return 0;
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
