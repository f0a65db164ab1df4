/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Action lists: checked once, when a flow gets them, so that the switch can
 * carry them out without a look at their form.
 *
 * Invariant: what a list names that this Xen does not know is refused, never
 * ignored; whether its ports exist is the flow writer's business.
 */

#include "acts.h"

/* Bytes of an action of this type; 0: it is not known. */
static unsigned int item_bytes(unsigned int type)
{
    switch ( type )
    {
    case HICAMP_ACT_OUTPUT:
    case HICAMP_ACT_DROP:
    case HICAMP_ACT_UPCALL:
    case HICAMP_ACT_PUSH_VLAN:
    case HICAMP_ACT_POP_VLAN:
    case HICAMP_ACT_METER:
        return sizeof(struct hicamp_action);
    case HICAMP_ACT_SET:
        return sizeof(struct hicamp_action) + sizeof(struct hicamp_act_set);
    }

    return 0;
}

/* The form of a list: sizes and types.  *edits: whether it has any. */
static int list_check(const uint8_t *list, unsigned int bytes, bool *edits)
{
    unsigned int pos;

    *edits = false;
    if ( bytes > HICAMP_ACTIONS_MAX || bytes % sizeof(struct hicamp_action) )
        return -EINVAL;

    for ( pos = 0; pos < bytes; )
    {
        struct hicamp_action item;

        memcpy(&item, list + pos, sizeof(item));
        if ( item.bytes < sizeof(item) || item.bytes % sizeof(item) ||
             item.bytes > bytes - pos )
            return -EINVAL;
        if ( !item_bytes(item.type) )
            return -EOPNOTSUPP;
        if ( item.bytes != item_bytes(item.type) )
            return -EINVAL;
        *edits |= item.type >= HICAMP_ACT_PUSH_VLAN &&
                  item.type <= HICAMP_ACT_SET;
        pos += item.bytes;
    }

    return 0;
}

/* One action, of a list of the right form; alone: it is the only one. */
static int compile_one(struct hicamp_acts *a, struct edit_context *c,
                       const struct hicamp_action *item, const void *more,
                       bool alone)
{
    struct hicamp_edit *e = a->edits + a->nr_edits;
    unsigned int room = EDITS_MAX - a->nr_edits;
    struct hicamp_act_set set;
    int rc;

    switch ( item->type )
    {
    case HICAMP_ACT_OUTPUT:
        a->outputs[a->nr_outputs++] = item->arg;
        return 0;

    case HICAMP_ACT_UPCALL:
        a->upcall = true;
        /* The driver domain is to see what the guest sent. */
        return item->arg ? -EINVAL : a->nr_edits ? -EOPNOTSUPP : 0;

    case HICAMP_ACT_DROP:
        return item->arg || !alone ? -EINVAL : 0;
    }

    /* What has left does not change any more, nor is it held back. */
    if ( a->nr_outputs || a->upcall )
        return -EOPNOTSUPP;

    switch ( item->type )
    {
    case HICAMP_ACT_METER:
        /* One bucket, so that a packet is never paid for and then dropped. */
        if ( a->meter )
            return -EOPNOTSUPP;
        a->meter = item->arg;
        return a->meter ? 0 : -EINVAL;

    case HICAMP_ACT_PUSH_VLAN:
        rc = edit_push(c, item->arg, e, room);
        break;

    case HICAMP_ACT_POP_VLAN:
        rc = item->arg ? -EINVAL : edit_pop(c, e, room);
        break;

    default:
        memcpy(&set, more, sizeof(set));
        rc = item->arg ? -EINVAL : edit_set(c, &set, e, room);
        break;
    }
    if ( rc < 0 )
        return rc;
    a->nr_edits += rc;

    return 0;
}

int hicamp_acts_compile(const void *list, unsigned int bytes,
                        const struct hicamp_flow_key *key,
                        const struct hicamp_flow_key *mask,
                        struct hicamp_acts **acts)
{
    unsigned int pos, room;
    struct edit_context c;
    struct hicamp_acts *a;
    bool edits;
    int rc = list_check(list, bytes, &edits);

    if ( rc )
        return rc;

    /* Each item gives at most one output. */
    room = ROUNDUP(sizeof(*a) + bytes + bytes / 2, sizeof(uint64_t));
    a = xzalloc_bytes(room + (edits ? EDITS_MAX * sizeof(*a->edits) : 0));
    if ( !a )
        return -ENOMEM;

    a->edits = (void *)a + room;
    edit_context_init(&c, key, mask);

    for ( pos = 0; pos < bytes && !rc; )
    {
        struct hicamp_action item;

        memcpy(&item, list + pos, sizeof(item));
        rc = compile_one(a, &c, &item, list + pos + sizeof(item),
                         item.bytes == bytes);
        pos += item.bytes;
    }
    if ( rc )
    {
        xfree(a);
        return rc;
    }

    a->drop = !a->nr_outputs && !a->upcall;
    a->bytes = bytes;
    if ( bytes )
        memcpy(a->outputs + a->nr_outputs, list, bytes);
    *acts = a;

    return 0;
}

void hicamp_acts_free(struct hicamp_acts *acts)
{
    xfree(acts);
}

const void *hicamp_acts_list(const struct hicamp_acts *acts)
{
    return acts->outputs + acts->nr_outputs;
}
