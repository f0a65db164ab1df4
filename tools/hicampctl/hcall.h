/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hcall: the one way to the hypervisor.
 *
 * Everything that the hypervisor reads or writes, the argument as well as the
 * arrays that it names, must come from hcall_alloc(): other memory may move or
 * be paged out under the hypercall.  test/fake.c takes the place of hcall.c
 * when the tests are linked, and checks just that.
 */
#ifndef HICAMPCTL_HCALL_H
#define HICAMPCTL_HCALL_H

#include <stddef.h>

struct err;
struct hcall;

struct hcall *hcall_open(struct err *err);
void hcall_close(struct hcall *hc);

/* Memory for hypercalls, zeroed.  NULL when there is none. */
void *hcall_alloc(struct hcall *hc, size_t size);
void hcall_free(struct hcall *hc, void *p);

/* What Xen answers: zero or more, or a negative errno value. */
int hcall_op(struct hcall *hc, unsigned int cmd, void *arg);

#endif
