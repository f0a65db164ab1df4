/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Completions.  Here live the completion ring, and how much of it is promised to
 * packets under way, so that it cannot overflow whatever the guest does.
 */

#include "comp.h"
#include "ring.h"

void comp_put(struct queue *q, uint32_t id, uint32_t status)
{
    struct hicamp_comp *c = &q->comp[q->comp_prod & (q->comp_size - 1)];

    c->id = id;
    c->status = status;
    write_atomic(&q->comp_prod, q->comp_prod + 1);
    count(q, CNT(completions));
}

void comp_publish(struct queue *q)
{
    ring_publish(&q->ctrl->comp_prod, q->comp_prod);
    queue_mark_dirty(q);

    smp_mb(); /* our index before the guest's flag */
    if ( read_atomic(&q->ctrl->comp_event) )
    {
        count(q, CNT_COMP_EVENTS);
        queue_notify(q);
    }
}

/*
 * How many entries are there for more packets?  Those under way have theirs
 * reserved.  Their number is read before the index, without comp_lock: a
 * completion that comes between counts twice, which is safe.
 */
static unsigned int entries_left(struct queue *q)
{
    unsigned int reserved = read_atomic(&q->borrow_nr) + q->promised;
    int room;

    smp_rmb(); /* borrow_nr before the index; see borrow_end() */
    room = ring_room(&q->ctrl->comp_cons, read_atomic(&q->comp_prod),
                     q->comp_size);
    if ( unlikely(room < 0) )
    {
        queue_stop(q, "comp");
        return 0;
    }

    return room - min(reserved, (unsigned int)room);
}

bool comp_take(struct queue *q)
{
    ASSERT(spin_is_locked(&q->tx_lock));

    if ( !q->comp_free )
        q->comp_free = entries_left(q);
    if ( unlikely(!q->comp_free) )
        return false;
    q->comp_free--;

    return true;
}
