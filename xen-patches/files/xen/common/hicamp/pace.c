/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pacing.  Here lives the decision whether an event for received packets is
 * raised now or by the clock.
 *
 * Invariant: while packets are held back the clock is set, for a time at most
 * one period after the last event.
 */

#include "pace.h"

unsigned int __read_mostly pace_us;
unsigned int __read_mostly pace_packets = 64;

/* Does the vCPU that would be told run, and not here? */
static bool runs_elsewhere(const struct queue *q)
{
    const struct vcpu *v = queue_vcpu(q);

    return v && v != current && read_atomic(&v->is_running);
}

static void event(struct queue *q)
{
    q->paced = 0;
    count(q, CNT(events));
    queue_notify(q);
}

void pace_event(struct queue *q, unsigned int packets, bool urgent)
{
    const struct own_params *own = &q->port->own;
    unsigned int us = param_of(own, OWN_RX_EVENT_US, &pace_us);
    s_time_t now, end;

    if ( likely(!us) )
    {
        event(q);
        return;
    }

    now = NOW();
    end = q->event_at + MICROSECS(us);
    if ( !urgent && now < end && runs_elsewhere(q) &&
         q->paced + packets < param_of(own, OWN_RX_EVENT_PACKETS,
                                       &pace_packets) )
    {
        if ( !q->paced )
        {
            migrate_timer(&q->pace_timer, smp_processor_id());
            set_timer(&q->pace_timer, end);
        }
        q->paced += packets;
        count(q, CNT(events_held));
        return;
    }

    q->event_at = now;
    event(q);
}

/* The period is over.  A guest that polls by now has seen what there is. */
static void cf_check pace_expired(void *data)
{
    struct queue *q = data;

    spin_lock(&q->rx_lock);
    if ( q->paced && !q->dead )
    {
        if ( read_atomic(&q->ctrl->rx_event) )
        {
            q->event_at = NOW();
            event(q);
        }
        q->paced = 0;
    }
    spin_unlock(&q->rx_lock);
}

void pace_init(struct queue *q)
{
    init_timer(&q->pace_timer, pace_expired, q, smp_processor_id());
}

void pace_stop(struct queue *q)
{
    kill_timer(&q->pace_timer);
}
