/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offload.  Here live the choice of an idle CPU, its mailbox, and what it does
 * with what it finds there.
 *
 * Each CPU has a mailbox: a list of queues that anybody pushes to without a
 * lock, and that it takes whole, in a softirq that comes after all others.
 *
 *  - A queue is in one mailbox at most (offered, which changes under its
 *    wait_lock).  It gets there only while it is not dead, so once it is dead
 *    and not offered it can be freed after a grace period.
 *  - Who put packets in line and finds the queue offered may leave: whoever
 *    takes it from the mailbox clears that before looking.
 *  - What is in a mailbox is looked at, whatever happens to its CPU: if a guest
 *    has come to run there it is none of its business to copy for others, so
 *    the receiver is told to fetch; if the CPU has gone, whoever reports that
 *    does so.
 *  - An idle CPU gives up within the copy of one page when it gets anything
 *    else to do.  A packet that it was at stays first in line.
 */

#ifdef __XEN__
#include <xen/cpu.h>
#endif

#include "deliver.h"
#include "offload.h"

/* CPUs that are asked before the search is given up. */
#define SEARCH_MAX      32
/* How long nobody searches again on a CPU that found none. */
#define SEARCH_PAUSE    MICROSECS(5)
/* How long a CPU looks for more before it sleeps again. */
#define LINGER          MICROSECS(5)

unsigned int __read_mostly offload_after;

static DEFINE_PER_CPU(struct queue *, mailbox);
static DEFINE_PER_CPU(bool, busy);              /* delivering, while idle */
static DEFINE_PER_CPU(s_time_t, search_again);
static DEFINE_PER_CPU(unsigned int, search_from);

/* ---- Whom to ask --------------------------------------------------------- */

/* Has cpu nothing to do, and no thread beside it on its core? */
static bool is_free(unsigned int cpu, const struct domain *d)
{
    unsigned int thread;

    if ( read_atomic(&per_cpu(mailbox, cpu)) ||
         read_atomic(&per_cpu(busy, cpu)) || !sched_cpu_idles(cpu, d) )
        return false;

    for_each_cpu ( thread, per_cpu(cpu_sibling_mask, cpu) )
        if ( thread != cpu && !sched_cpu_idles(thread, d) )
            return false;

    return true;
}

/*
 * One of the package is near, as these share a cache.  Each search begins where
 * the last one ended, so that work spreads.
 */
unsigned int offload_cpu(const struct queue *q)
{
    const struct domain *d = q->port->hd->d;
    unsigned int here = smp_processor_id(), far = nr_cpu_ids;
    unsigned int cpu = this_cpu(search_from), i;
    unsigned int most = min(nr_cpu_ids, SEARCH_MAX + 0u);
    const struct vcpu *v = queue_vcpu(q);
    const cpumask_t *near;

    if ( !v || NOW() < this_cpu(search_again) )
        return nr_cpu_ids;
    near = per_cpu(cpu_core_mask, read_atomic(&v->processor));

    for ( i = 0; i < most; i++ )
    {
        cpu = (cpu + 1) % nr_cpu_ids;
        if ( cpu == here || !cpu_online(cpu) || !is_free(cpu, d) )
            continue;
        if ( cpumask_test_cpu(cpu, near) )
            break;
        if ( far == nr_cpu_ids )
            far = cpu;
    }

    this_cpu(search_from) = cpu;
    if ( i < most )
        return cpu;
    if ( far == nr_cpu_ids )
        this_cpu(search_again) = NOW() + SEARCH_PAUSE;

    return far;
}

/* ---- The sender's side --------------------------------------------------- */

/* Give q to an idle CPU.  False: there is none. */
static bool offer(struct queue *q)
{
    struct queue *first;
    unsigned int cpu;
    bool mine;

    smp_mb(); /* what waits before offered; see mail_take() */
    if ( read_atomic(&q->offered) )
        return true;

    cpu = offload_cpu(q);
    if ( cpu == nr_cpu_ids )
        return false;

    spin_lock(&q->wait_lock);
    mine = !q->dead && !q->offered;
    if ( mine )
        write_atomic(&q->offered, true);
    spin_unlock(&q->wait_lock);

    /* Somebody else was faster, or nobody needs it any more. */
    if ( !mine )
        return true;

    do {
        first = read_atomic(&per_cpu(mailbox, cpu));
        q->offered_next = first;
    } while ( cmpxchg(&per_cpu(mailbox, cpu), first, q) != first );

    cpu_raise_softirq(cpu, HICAMP_SOFTIRQ);

    return true;
}

unsigned int offload_deliver(struct queue *q, unsigned int budget)
{
    unsigned int after = param_of(&q->port->own, OWN_OFFLOAD, &offload_after);
    unsigned int bytes = 0;
    bool more;

    if ( unlikely(after) && after < budget )
    {
        bytes = deliver_part(q, after, &more);
        if ( !more || offer(q) )
            return bytes;
    }

    return bytes + deliver(q, budget - min(bytes, budget));
}

/* ---- The idle CPU's side ------------------------------------------------- */

/* Look at all queues in the mailbox of a CPU. */
static void mail_take(unsigned int cpu, bool idle)
{
    struct queue *q, *next;

    rcu_read_lock(&hicamp_rcu);

    for ( q = xchg(&per_cpu(mailbox, cpu), NULL); q; q = next )
    {
        spin_lock(&q->wait_lock);
        next = q->offered_next; /* another's, once it may be offered again */
        write_atomic(&q->offered, false);
        spin_unlock(&q->wait_lock);
        smp_mb(); /* offered before what waits; see offer() */

        if ( idle )
            deliver_idle(q);
        else
            deliver(q, 0);
    }

    rcu_read_unlock(&hicamp_rcu);
}

static void cf_check offload_softirq(void)
{
    unsigned int cpu = smp_processor_id();
    bool idle = is_idle_vcpu(current);
    s_time_t end;

    write_atomic(&this_cpu(busy), idle);
    mail_take(cpu, idle);
    write_atomic(&this_cpu(busy), false);

    /* More mail pends this softirq, so it ends the waiting as all else does. */
    if ( idle )
        for ( end = NOW() + LINGER; !softirq_pending(cpu) && NOW() < end; )
            cpu_relax();
}

static int cf_check cpu_callback(struct notifier_block *nfb,
                                 unsigned long action, void *hcpu)
{
    if ( action == CPU_DEAD )
        mail_take((unsigned long)hcpu, false);

    return NOTIFY_DONE;
}

static struct notifier_block cpu_nfb = { .notifier_call = cpu_callback };

void __init offload_init(void)
{
    open_softirq(HICAMP_SOFTIRQ, offload_softirq);
    register_cpu_notifier(&cpu_nfb);
}
