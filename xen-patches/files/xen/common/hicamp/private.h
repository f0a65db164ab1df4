/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every room of hicamp includes first: the hypervisor's own headers, or
 * in user space the emulation of the same names (xen-patches/tests/emul.h), so
 * that the very files that run in the hypervisor run under sanitizers too.
 */

#ifndef HICAMP_PRIVATE_H
#define HICAMP_PRIVATE_H

#ifdef __XEN__
#include <xen/compiler.h>
#include <xen/domain_page.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/nospec.h>
#include <xen/percpu.h>
#include <xen/random.h>
#include <xen/rcupdate.h>
#include <xen/sched.h>
#include <xen/spinlock.h>
#include <xen/time.h>
#include <xen/timer.h>
#include <xen/vmap.h>
#include <xen/xmalloc.h>
#include <asm/byteorder.h>
#include <asm/p2m.h>
#include <asm/paging.h>
#include <public/hicamp.h>
#include <xen/hicamp.h>
#else
#include "emul.h"
#include <hicamp.h>
#include <xen/hicamp.h>
#endif

/*
 * Limits of this implementation (those of the interface are in
 * public/hicamp.h).
 */
#define HICAMP_PORTS_MAX        1024 /* of the host; index 0 is not used     */
#define HICAMP_DOMAIN_PORTS_MAX 64
#define HICAMP_RUNS_MAX         32768 /* of one domain                       */
#define HICAMP_QUERY_BATCH      4096
#define HICAMP_DOMAIN_QUEUES_MAX 64  /* of all ports of a domain             */
#define HICAMP_FEATURES         (HICAMP_FEAT_TX_REF | HICAMP_FEAT_TX_FRAME | \
                                 HICAMP_FEAT_FABRIC | HICAMP_FEAT_SEGMENT | \
                                 HICAMP_FEAT_SEALED | HICAMP_FEAT_EDIT | \
                                 HICAMP_FEAT_METER | HICAMP_FEAT_WINDOW)
#define HICAMP_PREEMPT_EVERY    64   /* entries between preemption checks    */

#define PORT_INDEX(id)          ((id) & 0xffffu)

/* Part of every room's inner loop: is it time to give the CPU back? */
#define hicamp_preempt(n) \
    (!((n) % HICAMP_PREEMPT_EVERY) && hypercall_preempt_check())

#endif /* HICAMP_PRIVATE_H */
