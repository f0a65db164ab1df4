/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * bench.h
 *
 * For benchmarks that report the median and the best of many rounds, each of
 * which takes one sample: cycles of the time-stamp counter for a number of
 * operations.  Included by one file of a program.
 */

#ifndef BENCH_H
#define BENCH_H

#include "test.h"

#include <x86intrin.h>

void test_fail(const char *expr, const char *file, unsigned int line,
               long long a, long long b)
{
    emul_abort("CHECK", expr, file, line);
}

uint64_t test_random(void)
{
    static uint64_t x = RANDOM_SEED;

    return random_next(&x);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Print what the rounds took for each of nr operations; sorts the samples. */
static inline void bench_report(const char *what, uint64_t *samples,
                                unsigned int rounds, unsigned int nr)
{
    qsort(samples, rounds, sizeof(*samples), by_value);
    printf("%8.1f %8.1f  %s\n", (double)samples[rounds / 2] / nr,
           (double)samples[0] / nr, what);
}

#endif /* BENCH_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
