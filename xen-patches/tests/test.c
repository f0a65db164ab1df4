/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test.c
 *
 * The test harness: see test.h.  Usage: PROGRAM [-l | NAME...]; without names
 * all tests run.  Begins with the seed of random numbers, which the environment
 * variable HICAMP_SEED may set; ends with "N passed, N failed"; exit code 1 if
 * any failed.
 */

#define _GNU_SOURCE
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_S               60

static struct test *tests, **tests_end = &tests;
static const char *running;
static uint64_t seed = RANDOM_SEED;

void test_register(struct test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

void test_fail(const char *expr, const char *file, unsigned int line,
               long long a, long long b)
{
    fflush(stdout);
    fprintf(stderr, "%s:%u: %s: not %s", file, line, running, expr);
    if ( a != b )
        fprintf(stderr, " (%lld, %lld)", a, b);
    fputc('\n', stderr);
    _exit(1);
}

uint64_t test_random(void)
{
    static __thread uint64_t x;

    if ( !x )
        x = seed + emul_cpu ?: 1;

    return random_next(&x);
}

static bool seed_set(const char *s)
{
    char *end;

    errno = 0;
    seed = strtoull(s, &end, 0);

    return !errno && end != s && !*end;
}

static bool run(const struct test *test)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if ( pid < 0 )
    {
        perror("fork");
        return false;
    }
    if ( !pid )
    {
        alarm(TIMEOUT_S);
        running = test->name;
        emul_reset();
        test_setup();
        emul_keep();
        test->fn();
        emul_check_clean();
        exit(0);
    }
    while ( waitpid(pid, &status, 0) < 0 )
        if ( errno != EINTR )
            return false;

    if ( WIFSIGNALED(status) )
        fprintf(stderr, "%s: %s\n", test->name, strsignal(WTERMSIG(status)));

    return WIFEXITED(status) && !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    unsigned int passed = 0, failed = 0;
    const char *given = getenv("HICAMP_SEED");
    const struct test *test;
    int i;

    if ( given && !seed_set(given) )
    {
        fprintf(stderr, "HICAMP_SEED: not a number: %s\n", given);
        return 2;
    }
    if ( argc < 2 || strcmp(argv[1], "-l") )
        printf("seed %llu\n", (unsigned long long)seed);

    for ( test = tests; test; test = test->next )
    {
        if ( argc > 1 && !strcmp(argv[1], "-l") )
        {
            puts(test->name);
            continue;
        }
        for ( i = 1; i < argc; i++ )
            if ( !strcmp(argv[i], test->name) )
                break;
        if ( argc > 1 && i == argc )
            continue;

        if ( run(test) )
        {
            passed++;
            printf("ok   %s\n", test->name);
        }
        else
        {
            failed++;
            printf("FAIL %s\n", test->name);
        }
        fflush(stdout);
    }
    printf("%u passed, %u failed\n", passed, failed);

    return failed != 0;
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
