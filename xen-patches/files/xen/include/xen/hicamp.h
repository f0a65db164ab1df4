/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * hicamp.h
 *
 * HICAMP memory and switch: what the rest of Xen calls.
 *
 * The hooks in existing files call these functions and nothing else, and they
 * cost one test of a pointer when a domain has nothing to do with hicamp.  The
 * hypercall itself, do_hicamp_op(), is declared by hypercall-defs.h.
 */

#ifndef __XEN_HICAMP_H__
#define __XEN_HICAMP_H__

#ifdef __XEN__
#include <xen/types.h>
#endif

struct domain;
struct vcpu;

#ifdef CONFIG_HICAMP

/*
 * Domain death, first half: release everything that hicamp holds for d, or
 * for others in d's memory.
 *
 * A step of domain_teardown().  From domain_kill(), d is paused and dying, its
 * event channels and memory are still there (evtchn_destroy() and
 * domain_relinquish_resources() come next).  Returns 0, or -ERESTART when there
 * is more to do; the progress is kept in d->hicamp.
 *
 * Also called, once, from domain_create()'s error path, where d's event
 * channels are gone and continuations are not allowed: d->hicamp is NULL then,
 * which must give 0.  Idempotent.
 */
int hicamp_domain_teardown(struct domain *d);

/*
 * Domain death, second half: free d->hicamp.  Nobody refers to d any more.
 * Called from _domain_destroy(); d->hicamp may be NULL.
 */
void hicamp_domain_destroy(struct domain *d);

/*
 * v, the current vCPU, is about to block: what its queues have to send is sent
 * before, if that needs no doorbell.  Before the vCPU is marked as blocked, no
 * lock is held.  True: there is more, do not block yet.
 */
bool hicamp_vcpu_block(const struct vcpu *v);

#else /* !CONFIG_HICAMP */

static inline int hicamp_domain_teardown(struct domain *d)
{
    return 0;
}

static inline void hicamp_domain_destroy(struct domain *d)
{
}

static inline bool hicamp_vcpu_block(const struct vcpu *v)
{
    return false;
}

#endif /* CONFIG_HICAMP */

#endif /* __XEN_HICAMP_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
