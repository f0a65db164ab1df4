/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test.h
 *
 * The test harness.  A test is named after the promise that it checks:
 *
 *     TEST(revoke_waits_for_the_copy_under_way)
 *     {
 *         CHECK(hicamp_space_revoke(...) == 0);
 *     }
 *
 * Each runs in a process of its own, from the state of boot, so that tests
 * need not undo what they did to the hypervisor's static data, and one that
 * crashes or hangs (60 s) fails alone.  test_setup() is called before the test
 * and emul_check_clean() after it: see mm.h for what it proves.
 */

#ifndef TEST_H
#define TEST_H

#include "emul.h"

struct test {
    const char *name;
    void (*fn)(void);
    struct test *next;
};

void test_register(struct test *test);
void test_fail(const char *expr, const char *file, unsigned int line,
               long long a, long long b);

/* Each file of tests has one; what it allocates for good is no leak. */
void test_setup(void);

/*
 * The same numbers in every run of a test: each CPU's begin at RANDOM_SEED, or
 * at the number in HICAMP_SEED, which the program prints first.
 */
uint64_t test_random(void);

/* xorshift: the number behind *x, which is not 0. */
static inline uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;

    return *x;
}

/* Where all of them begin that are not told otherwise. */
#define RANDOM_SEED             88172645463325252ULL

#define TEST(name)                                                      \
    static void test_##name(void);                                      \
    static void __attribute__((__constructor__)) register_##name(void)  \
    {                                                                   \
        static struct test test = { #name, test_##name, NULL };         \
                                                                        \
        test_register(&test);                                           \
    }                                                                   \
    static void test_##name(void)

/* A check that fails ends its test. */
#define CHECK(expr) \
    do { \
        if ( !(expr) ) \
            test_fail(#expr, __FILE__, __LINE__, 0, 0); \
    } while ( 0 )

#define CHECK_EQ(a, b) \
    do { \
        long long a_ = (long long)(a), b_ = (long long)(b); \
        if ( a_ != b_ ) \
            test_fail(#a " == " #b, __FILE__, __LINE__, a_, b_); \
    } while ( 0 )

#endif /* TEST_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
