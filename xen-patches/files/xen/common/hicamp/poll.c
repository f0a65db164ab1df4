/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poll.  Here lives the decision who looks at a tx ring next: the guest, by the
 * doorbell, or Xen by itself.
 *
 * A queue whose doorbell is rung twice within a period is polled from then on:
 * tx_wakeup is 0, and its ring is looked at when the vCPU that its events go to
 * is about to block, and by a clock each period.  The clock ticks where the
 * doorbell was rung; or on an idle CPU, in shorter periods of its own, if these
 * may look and there is one, and where its guest runs again once another guest
 * has come to run there.  Polling ends when nothing has been taken for a period,
 * or when the clock, where its guest should run, finds another one, whose time it
 * would take.
 *
 * Invariants:
 *   - While a queue is polled its clock is set.
 *   - Polling ends by setting tx_wakeup and then looking whether anything is in
 *     the ring: if so the guest is told, and its driver rings.  So no packet is
 *     left behind.
 *   - What the clock does is one look.  It never does it on the time of another
 *     guest, or on a CPU of another cpupool.
 */

#include "offload.h"
#include "poll.h"
#include "ring.h"
#include "switch.h"

#include <xen/hicamp.h>

/* When the clock ticks again that had something else to do first. */
#define POLL_PAUSE      MICROSECS(50)
/* ... that has done a part on an idle CPU: other softirqs get their turn. */
#define IDLE_PAUSE      MICROSECS(2)

unsigned int __read_mostly poll_us, __read_mostly poll_idle_us;

static s_time_t period(const struct queue *q)
{
    return MICROSECS(param_of(&q->port->own, OWN_TX_POLL_US, &poll_us));
}

static s_time_t idle_period(const struct queue *q)
{
    return MICROSECS(param_of(&q->port->own, OWN_TX_POLL_IDLE_US,
                              &poll_idle_us));
}

/*
 * Has the guest produced anything that was not taken?  poll_lock is held and
 * the queue not out of service.
 */
static bool ring_has(const struct queue *q)
{
    return read_atomic(&q->ctrl->tx_prod) != read_atomic(&q->ctrl->tx_cons);
}

static uint64_t taken(const struct queue *q)
{
    return read_atomic(&q->cnt[CNT(tx_packets)]);
}

/* ---- The clock ----------------------------------------------------------- */

/* poll_lock is held, as for what follows. */
static void clock_set(struct queue *q, unsigned int cpu, s_time_t in)
{
    migrate_timer(&q->poll_timer, cpu);
    set_timer(&q->poll_timer, NOW() + in);
}

/* The guest's CPU, where this is, looks next, or an idle one. */
static void clock_choose(struct queue *q, s_time_t in)
{
    s_time_t idle_in = idle_period(q);
    unsigned int cpu = idle_in ? offload_cpu(q) : nr_cpu_ids;

    if ( cpu < nr_cpu_ids )
        clock_set(q, cpu, min(in, idle_in));
    else
        clock_set(q, smp_processor_id(), in);
}

/* Back to where the guest runs.  False: that is here. */
static bool clock_return(struct queue *q, s_time_t in)
{
    const struct vcpu *v = queue_vcpu(q);
    unsigned int cpu = v ? read_atomic(&v->processor) : smp_processor_id();

    if ( cpu == smp_processor_id() )
        return false;
    clock_set(q, cpu, in);

    return true;
}

/* ---- Begin and end ------------------------------------------------------- */

/* poll_lock is held, the queue is not polled and not out of service. */
static bool begin(struct queue *q, s_time_t us)
{
    struct hicamp_domain *hd = q->port->hd;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(hd->polled); i++ )
        if ( !hd->polled[i] )
        {
            rcu_assign_pointer(hd->polled[i], q);
            write_atomic(&q->polled, true);
            write_atomic(&hd->nr_polled, hd->nr_polled + 1);
            write_atomic(&q->ctrl->tx_wakeup, 0);
            q->poll_seen = taken(q);
            q->poll_until = NOW() + us;
            clock_choose(q, us);
            return true;
        }

    return false;
}

/* poll_lock is held. */
static void end(struct queue *q)
{
    struct hicamp_domain *hd = q->port->hd;
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(hd->polled); i++ )
        if ( hd->polled[i] == q )
        {
            rcu_assign_pointer(hd->polled[i], NULL);
            write_atomic(&hd->nr_polled, hd->nr_polled - 1);
            break;
        }

    write_atomic(&q->polled, false);
    write_atomic(&q->ctrl->tx_wakeup, 1);
    smp_mb(); /* the flag, then the ring again; the guest does the reverse */
    if ( ring_has(q) )
        queue_notify(q);
}

bool poll_rung(struct queue *q)
{
    struct hicamp_domain *hd = q->port->hd;
    s_time_t now, us = period(q);
    bool again = false;

    if ( likely(!us) || read_atomic(&q->polled) || q->port->fabric )
        return false;

    now = NOW();
    if ( now - read_atomic(&q->rung_at) < us )
    {
        spin_lock(&hd->poll_lock);
        if ( !q->polled && !q->poll_closed && begin(q, us) )
        {
            smp_mb(); /* the flag, then the ring; see end() */
            again = ring_has(q);
        }
        spin_unlock(&hd->poll_lock);
    }
    write_atomic(&q->rung_at, now);

    return again;
}

/* ---- Looks --------------------------------------------------------------- */

bool hicamp_vcpu_block(const struct vcpu *v)
{
    struct hicamp_domain *hd = v->domain->hicamp;
    unsigned int i, left = hd ? read_atomic(&hd->nr_polled) : 0;
    bool more = false, has;

    if ( likely(!left) )
        return false;

    rcu_read_lock(&hicamp_rcu);

    /* Few stand there, and in front; who is missed in a change has his clock. */
    for ( i = 0; left && i < ARRAY_SIZE(hd->polled); i++ )
    {
        struct queue *q = rcu_dereference(hd->polled[i]);

        left -= q != NULL;
        if ( !q || queue_vcpu(q) != v )
            continue;

        spin_lock(&hd->poll_lock);
        has = q->polled && ring_has(q);
        spin_unlock(&hd->poll_lock);
        if ( has )
            more |= switch_transmit(q, CNT(tx_polls)) == -ERESTART;
    }

    rcu_read_unlock(&hicamp_rcu);

    return more;
}

/* After a look, what the clock does next.  poll_lock is held, q is polled. */
static void go_on(struct queue *q, int rc, bool idle, bool ours)
{
    s_time_t now = NOW(), us = period(q), idle_us = idle_period(q);
    uint64_t seen = taken(q);

    if ( seen != q->poll_seen )
    {
        q->poll_seen = seen;
        q->poll_until = now + us;
    }

    if ( !us || (rc && rc != -ERESTART) || (ours && now >= q->poll_until) )
        end(q);
    else if ( !ours )
    {
        if ( !clock_return(q, us) )
            end(q);
    }
    else if ( !idle )
        clock_choose(q, rc ? POLL_PAUSE : us);
    else if ( rc )
        clock_set(q, smp_processor_id(),
                  offload_wanted() ? POLL_PAUSE : IDLE_PAUSE);
    else if ( idle_us )
        clock_set(q, smp_processor_id(), min(us, idle_us));
    else if ( !clock_return(q, us) )
        clock_set(q, smp_processor_id(), us);
}

static void cf_check poll_tick(void *data)
{
    struct queue *q = data;
    struct hicamp_domain *hd = q->port->hd;
    /* A CPU may have gone to another pool since. */
    bool idle = is_idle_vcpu(current) &&
                sched_cpu_idles(smp_processor_id(), hd->d);
    bool ours = idle || current->domain == hd->d;
    int rc = 0;

    rcu_read_lock(&hicamp_rcu);

    if ( ours && period(q) )
        rc = idle ? switch_idle(q) : switch_transmit(q, CNT(tx_polls));

    spin_lock(&hd->poll_lock);
    if ( q->polled )
        go_on(q, rc, idle, ours);
    spin_unlock(&hd->poll_lock);

    rcu_read_unlock(&hicamp_rcu);
}

void poll_init(struct queue *q)
{
    init_timer(&q->poll_timer, poll_tick, q, smp_processor_id());
}

void poll_stop(struct queue *q)
{
    struct hicamp_domain *hd = q->port->hd;

    spin_lock(&hd->poll_lock);
    q->poll_closed = true;
    if ( q->polled )
        end(q);
    spin_unlock(&hd->poll_lock);

    kill_timer(&q->poll_timer);
}
