/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows of one mask; see flowtab.h. */

#include "flowtab.h"

#define BUCKETS_MIN     16
#define GROW_STEP       8       /* buckets moved per flow added */

uint64_t __read_mostly flowtab_seeds[KEY_WORDS][2];

struct buckets *flowtab_buckets_alloc(unsigned int size)
{
    struct buckets *b = xzalloc_flex_struct(struct buckets, head, size);

    if ( b )
        b->size = size;

    return b;
}

struct flowtab *flowtab_alloc(const struct hicamp_flow_key *mask)
{
    struct flowtab *t = xzalloc(struct flowtab);
    unsigned int i;

    if ( !t )
        return NULL;

    t->buckets = flowtab_buckets_alloc(BUCKETS_MIN);
    if ( !t->buckets )
    {
        xfree(t);
        return NULL;
    }

    t->full_mask = *mask;
    for ( i = 0; i < KEY_WORDS; i++ )
    {
        uint64_t w = key_word(mask, i);

        if ( !w )
            continue;
        t->word[t->nr_words] = i;
        t->mask[t->nr_words++] = w;
    }
    atomic_set(&t->refs, 1);

    return t;
}

void flowtab_put(struct flowtab *t)
{
    if ( !atomic_dec_and_test(&t->refs) )
        return;

    xfree(t->growing);
    xfree(t->buckets);
    xfree(t);
}

static void cf_check put_rcu(struct rcu_head *head)
{
    flowtab_put(container_of(head, struct flowtab, rcu));
}

void flowtab_put_rcu(struct flowtab *t)
{
    call_rcu(&t->rcu, put_rcu);
}

/* The array before the one in use: nobody reads it, its links are free. */
static void cf_check buckets_settled_rcu(struct rcu_head *head)
{
    struct buckets *b = container_of(head, struct buckets, rcu);
    struct flowtab *t = b->table;

    xfree(b);
    write_atomic(&t->settling, false);
    flowtab_put(t);
}

#define BUCKET(b, hash) (&(b)->head[(hash) & ((b)->size - 1)])

static void buckets_link(struct buckets *b, struct hicamp_flow_node *f)
{
    struct hicamp_flow_node **head = BUCKET(b, f->hash);

    f->link[b->link] = *head;
    rcu_assign_pointer(*head, f);
}

static void buckets_unlink(struct buckets *b, struct hicamp_flow_node *f)
{
    struct hicamp_flow_node **link = BUCKET(b, f->hash);

    while ( *link != f )
        link = &(*link)->link[b->link];
    rcu_assign_pointer(*link, f->link[b->link]);
}

/* Does f, or would it, stand in the array that is being filled, too? */
static bool is_moved(const struct flowtab *t, const struct hicamp_flow_node *f)
{
    return t->growing && (f->hash & (t->buckets->size - 1)) < t->moved;
}

void flowtab_link(struct hicamp_flow_node *f)
{
    struct flowtab *t = f->table;

    buckets_link(t->buckets, f);
    if ( is_moved(t, f) )
        buckets_link(t->growing, f);
    t->nr_flows++;
}

void flowtab_unlink(struct hicamp_flow_node *f)
{
    struct flowtab *t = f->table;

    buckets_unlink(t->buckets, f);
    if ( is_moved(t, f) )
        buckets_unlink(t->growing, f);
    t->nr_flows--;
}

/*
 * Time to double?  When memory was short the chains get longer, and it is
 * tried again each time that a full array's worth of flows came on top.
 */
bool flowtab_wants_growth(const struct flowtab *t)
{
    return t->nr_flows && !(t->nr_flows % t->buckets->size) && !t->growing &&
           !read_atomic(&t->settling);
}

bool flowtab_grow_begin(struct flowtab *t, struct buckets *b)
{
    if ( t->growing || read_atomic(&t->settling) ||
         b->size != t->buckets->size * 2 )
        return false;

    b->table = t;
    b->link = !t->buckets->link;
    t->growing = b;
    t->moved = 0;

    return true;
}

void flowtab_grow(struct flowtab *t)
{
    struct buckets *old = t->buckets, *b = t->growing;
    unsigned int end;

    if ( !b )
        return;

    for ( end = min(t->moved + GROW_STEP, old->size); t->moved < end;
          t->moved++ )
    {
        struct hicamp_flow_node *f;

        for ( f = old->head[t->moved]; f; f = f->link[old->link] )
            buckets_link(b, f);
    }
    if ( t->moved < old->size )
        return;

    rcu_assign_pointer(t->buckets, b);
    t->growing = NULL;
    old->table = t;
    atomic_inc(&t->refs);
    write_atomic(&t->settling, true);
    call_rcu(&old->rcu, buckets_settled_rcu);
}

void __init flowtab_init(void)
{
    unsigned int i;

    BUILD_BUG_ON(sizeof(struct hicamp_flow_key) % 8);

    for ( i = 0; i < KEY_WORDS * 2; i++ )
        flowtab_seeds[i / 2][i % 2] = ((uint64_t)get_random() << 32) |
                                      get_random();
}
