/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Action lists: checked once, when a flow gets them, so that the switch can
 * carry them out without a look at their form.
 *
 * Invariant: what a list names that this Xen does not know is refused, never
 * ignored; whether its ports exist is the flow writer's business.
 */

#include "acts.h"

int hicamp_acts_compile(const void *list, unsigned int bytes,
                        struct hicamp_acts **acts)
{
    struct hicamp_acts *a;
    unsigned int pos;
    bool drop = false;

    if ( bytes > HICAMP_ACTIONS_MAX || bytes % sizeof(struct hicamp_action) )
        return -EINVAL;

    /* Each item gives at most one output. */
    a = xzalloc_bytes(sizeof(*a) + bytes + bytes / 2);
    if ( !a )
        return -ENOMEM;

    for ( pos = 0; pos < bytes; )
    {
        struct hicamp_action item;

        memcpy(&item, (const uint8_t *)list + pos, sizeof(item));
        if ( item.bytes < sizeof(item) || item.bytes % sizeof(item) ||
             item.bytes > bytes - pos )
            goto invalid;

        switch ( item.type )
        {
        case HICAMP_ACT_OUTPUT:
            a->outputs[a->nr_outputs++] = item.arg;
            break;

        case HICAMP_ACT_UPCALL:
            if ( item.arg )
                goto invalid;
            a->upcall = true;
            break;

        case HICAMP_ACT_DROP:
            if ( item.arg || bytes != sizeof(item) )
                goto invalid;
            drop = true;
            break;

        default:
            xfree(a);
            return -EOPNOTSUPP;
        }

        /* None of these has anything behind it. */
        if ( item.bytes != sizeof(item) )
            goto invalid;
        pos += item.bytes;
    }

    a->drop = !a->nr_outputs && !a->upcall;
    ASSERT(a->drop || !drop);
    a->bytes = bytes;
    if ( bytes )
        memcpy(a->outputs + a->nr_outputs, list, bytes);
    *acts = a;

    return 0;

 invalid:
    xfree(a);
    return -EINVAL;
}

void hicamp_acts_free(struct hicamp_acts *acts)
{
    xfree(acts);
}

const void *hicamp_acts_list(const struct hicamp_acts *acts)
{
    return acts->outputs + acts->nr_outputs;
}
