/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * bench-path.c
 *
 * Cycles per packet of the whole path, from one guest's tx ring into another's
 * buffers: the doorbell's hypercall, with a burst of packets of one flow in the
 * ring.  What the guests do on both sides is not timed.
 *
 * Optimised as Xen is, but for SSE moves; locks cost what Xen's do when nobody
 * waits for them (EMUL_BENCH).  Page references and RCU sections are the
 * emulation's; to enter and leave a section is an atomic store each, which it is
 * not in Xen.
 */

#include "bench.h"
#include "guests.h"

#define ROUNDS          2001
#define BURST           32
#define HEADERS         54      /* Ethernet, IPv4, TCP */

static uint64_t samples[ROUNDS];

/* Bursts of packets of len bytes from a to b; all that is not inline is lent. */
static void bench_burst(struct guest *a, struct guest *b, unsigned int len,
                        unsigned int inline_len, unsigned int burst,
                        const char *what)
{
    struct hicamp_comp comp;
    unsigned int r, i;

    for ( r = 0; r < ROUNDS; r++ )
    {
        for ( i = 0; i < burst; i++ )
            guest_send(a, 1, len, inline_len, i);
        guest_fill(b);

        samples[r] = __rdtsc();
        CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
        samples[r] = __rdtsc() - samples[r];

        for ( i = 0; i < burst; i++ )
            CHECK(guest_get(b));
        CHECK(!guest_get(b));
        while ( guest_reap(a, &comp) )
            CHECK_EQ(comp.status, HICAMP_COMP_OK);
    }

    bench_report(what, samples, ROUNDS, burst);
}

int main(void)
{
    struct guest *a, *b;

    guests_boot("16M");
    a = guest_sized(256, 256, 256, 256);
    b = guest_sized(256, 256, 256, 256);
    guest_buffers(b, 96, HICAMP_ORDER_MAX);
    guest_fill(b);
    flow(a, 1, &b, 1);

    printf("%8s %8s  cycles per packet, one core\n", "median", "best");
    bench_burst(a, b, 64, 64, BURST, "64 bytes, inline, 32 at a time");
    bench_burst(a, b, 64, 64, 1, "64 bytes, inline, one at a time");
    bench_burst(a, b, 1500, HEADERS, BURST, "1500 bytes, 32 at a time");
    bench_burst(a, b, 1500, HEADERS, 1, "1500 bytes, one at a time");
    bench_burst(a, b, 65000, HEADERS, 4, "65,000 bytes, 4 at a time");

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
