/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poll.  Here lives the decision who looks at a tx ring next: the guest, by the
 * doorbell, or Xen by itself.
 *
 * A queue whose doorbell is rung twice within a period is polled from then on:
 * tx_wakeup is 0, and its ring is looked at when the vCPU that its events go to
 * is about to block, and by a clock each period.  Polling ends when nothing has
 * been taken for a period, or when the clock, on its CPU, finds another guest,
 * whose time it would take.
 *
 * Invariants:
 *   - While a queue is polled its clock is set.
 *   - Polling ends by setting tx_wakeup and then looking whether anything is in
 *     the ring: if so the guest is told, and its driver rings.  So no packet is
 *     left behind.
 *   - What the clock does is one look.  It never does it on the time of another
 *     guest.
 */

#include "poll.h"
#include "ring.h"
#include "switch.h"

#include <xen/hicamp.h>

/* When the clock ticks again that had something else to do first. */
#define POLL_PAUSE      MICROSECS(50)

unsigned int __read_mostly poll_us;

static s_time_t period(const struct queue *q)
{
    return MICROSECS(param_of(&q->port->own, OWN_TX_POLL_US, &poll_us));
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

/* ---- Begin and end ------------------------------------------------------- */

/* poll_lock is held, the queue is not polled and not out of service. */
static bool begin(struct queue *q, s_time_t when)
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
            migrate_timer(&q->poll_timer, smp_processor_id());
            set_timer(&q->poll_timer, when);
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
        if ( !q->polled && !q->poll_closed && begin(q, now + us) )
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

static void cf_check poll_tick(void *data)
{
    struct queue *q = data;
    struct hicamp_domain *hd = q->port->hd;
    bool ours = is_idle_vcpu(current) || current->domain == hd->d;
    s_time_t us = period(q);
    int rc = 0;

    rcu_read_lock(&hicamp_rcu);

    if ( ours && us )
        rc = switch_transmit(q, CNT(tx_polls));

    spin_lock(&hd->poll_lock);
    if ( q->polled )
    {
        uint64_t now = taken(q);

        if ( !ours || !us || now == q->poll_seen || (rc && rc != -ERESTART) )
            end(q);
        else
        {
            q->poll_seen = now;
            set_timer(&q->poll_timer, NOW() + (rc ? POLL_PAUSE : us));
        }
    }
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
