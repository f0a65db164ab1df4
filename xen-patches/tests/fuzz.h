/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * fuzz.h
 *
 * For libFuzzer targets that use what suites use: a check that fails aborts,
 * and the input is read piece by piece, zeros behind its end.  Included by the
 * one file of a target, which sets at and end.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include "test.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What test.c is for the suites. */
void noreturn test_fail(const char *expr, const char *file, unsigned int line,
                        long long a, long long b)
{
    fprintf(stderr, "%s:%u: not %s (%lld, %lld)\n", file, line, expr, a, b);
    abort();
}

uint64_t test_random(void)
{
    static uint64_t x = RANDOM_SEED;

    return random_next(&x);
}

static const uint8_t *at, *end;

static uint64_t take(unsigned int bytes)
{
    uint64_t value = 0;

    while ( bytes-- )
        value = value << 8 | (at < end ? *at++ : 0);

    return value;
}

#endif /* FUZZ_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
