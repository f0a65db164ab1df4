/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests share: one counter, one way to complain. */
#ifndef HICAMPCTL_TEST_H
#define HICAMPCTL_TEST_H

#include <stdbool.h>

void check(bool good, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define CHECK(cond, ...) check(cond, __FILE__, __LINE__, __VA_ARGS__)

/* test_text.c: no hypervisor needed. */
/* Run one test, which is named after what it promises, and count it. */
void test(const char *name, void (*fn)(void));
#define TEST(fn) test(#fn, fn)

void test_text(void);

#endif
