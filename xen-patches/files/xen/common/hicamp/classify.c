/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow table; see classify.h for the idea.
 *
 * Invariants:
 *   - A flow stands in the table of its mask, in one slot of slots[] for its
 *     whole life, and, if it names an ingress port, in by_port[].
 *   - A table exists while it has flows, and stands in port_masks[] of each
 *     ingress port that has flows in it.
 *   - What a reader can reach is freed after a grace period only.
 */

#include "classify.h"
#include "flowtab.h"
#include "port.h"

#define SHARDS_MAX      8
#define CACHE_LINE      64

/* Counters of a group of CPUs. */
struct shard {
    uint64_t packets, bytes;
    s_time_t used;              /* 0: never */
    uint64_t pad[5];
};

/* A free slot holds the next free one, shifted, with bit 0 set. */
#define SLOT_FREE(next)         (((unsigned long)(next) << 1) | 1)

unsigned int __read_mostly hicamp_flows_max = 65536;

/* The flow writer lock. */
static DEFINE_SPINLOCK(lock);

static struct flowtab *tables[HICAMP_TABLES_MAX];   /* R: RCU, W(lock) */
static unsigned int tables_end;                     /* W(lock), grows only */
static unsigned int nr_tables;                      /* W(lock) */

static unsigned long *__read_mostly slots;          /* R: RCU, W(lock) */
static unsigned int slots_end;                      /* W(lock) */
static unsigned int slots_free;                     /* R/W(lock) */
static unsigned int nr_flows;                       /* W(lock) */
static unsigned int epoch;          /* of administrators; W(orphan_lock) */

static struct list_head by_port[HICAMP_PORTS_MAX];  /* R/W(lock) */

/*
 * The tables that have flows of an ingress port: all that its packets ask, so
 * that nobody pays for the masks of others.  Index 0, which is no port, is for
 * flows of any port; entry 0 is for the mask that covers every field, which
 * each port has room for.  Entries do not move while they have flows.
 */
#define MASKS_EACH              (HICAMP_MASKS_MAX + 1)

struct port_masks {
    unsigned int end;               /* W(lock); no table from here on */
    uint16_t table[MASKS_EACH];     /* W(lock); in tables[], plus 1; 0: none */
    uint32_t flows[MASKS_EACH];     /* R/W(lock) */
};
static struct port_masks port_masks[HICAMP_PORTS_MAX];

static unsigned int __read_mostly nr_shards;
static bool __read_mostly shard_shared;

/*
 * Which table had the flow of the last packet like this one, on this CPU: asked
 * first (as the mask cache of Linux's openvswitch does).  Flows that overlap
 * agree, so the order decides nothing but the cost.  Ports have parts of it of
 * their own (all with one remainder share one), so that what one sends is of no
 * consequence for others.
 */
#define HINT_PORTS              16
#define HINTS_SHIFT             8

struct hints {
    uint16_t table[HINT_PORTS << HINTS_SHIFT];
};
static DEFINE_PER_CPU(struct hints, hints);

/* ---- Keys ---------------------------------------------------------------- */

static int key_check(const struct hicamp_flow_key *key,
                     const struct hicamp_flow_key *mask)
{
    unsigned int i;

    for ( i = 0; i < KEY_WORDS; i++ )
        if ( key_word(key, i) & ~key_word(mask, i) )
            return -EINVAL;

    for ( i = 0; i < ARRAY_SIZE(mask->reserved); i++ )
        if ( mask->reserved[i] )
            return -EOPNOTSUPP;

    return mask->in_port && ~mask->in_port ? -EINVAL : 0;
}

/* ---- Look-up ------------------------------------------------------------- */

static always_inline void flow_account(struct hicamp_flow_node *f,
                                       unsigned int packets,
                                       unsigned int bytes)
{
    struct shard *s = &f->shards[smp_processor_id() % SHARDS_MAX];

    if ( unlikely(shard_shared) )
    {
        arch_fetch_and_add(&s->packets, (uint64_t)packets);
        arch_fetch_and_add(&s->bytes, (uint64_t)bytes);
    }
    else
    {
        /* Ours alone, but read elsewhere. */
        write_atomic(&s->packets, s->packets + packets);
        write_atomic(&s->bytes, s->bytes + bytes);
    }
    write_atomic(&s->used, NOW());
}

/* Table i's flow for key, if there is one. */
static always_inline struct hicamp_flow_node *lookup_in(
    unsigned int i, const struct hicamp_flow_key *key)
{
    struct flowtab *t = rcu_dereference(tables[i]);

    return t ? flowtab_lookup(t, key) : NULL;
}

/* What stands in a port's list, but the table that has been asked. */
static struct hicamp_flow_node *lookup_list(
    const struct port_masks *pm, unsigned int asked,
    const struct hicamp_flow_key *key, uint16_t *hint)
{
    unsigned int n, end = read_atomic(&pm->end);

    for ( n = 0; n < end; n++ )
    {
        unsigned int i = read_atomic(&pm->table[n]);
        struct hicamp_flow_node *f;

        if ( !i-- || i == asked )
            continue;
        f = lookup_in(i, key);
        if ( f )
        {
            *hint = i;
            return f;
        }
    }

    return NULL;
}

static struct port_masks *masks_of_port(uint32_t in_port)
{
    return &port_masks[PORT_INDEX(in_port) % HICAMP_PORTS_MAX];
}

static always_inline uint64_t half_word(const void *field)
{
    uint32_t half;

    memcpy(&half, field, sizeof(half));

    return half;
}

/* By addresses and L4 ports; of IPv6's, by both their ends. */
static always_inline uint16_t *hint_of(const struct hicamp_flow_key *key)
{
    uint64_t mac = half_word(&key->eth_dst[2]);
    uint64_t l4 = half_word(&key->l4_src);
    uint64_t src = half_word(key->ip_src) ^ half_word(&key->ip_src[12]);
    uint64_t dst = half_word(key->ip_dst) ^ half_word(&key->ip_dst[12]);
    uint64_t hash = (mac | (l4 << 32)) * 0x9e3779b97f4a7c15ull +
                    (src | (dst << 32)) * 0xc2b2ae3d27d4eb4full;

    return &this_cpu(hints).table[
        ((key->in_port % HINT_PORTS) << HINTS_SHIFT) |
        (hash >> (64 - HINTS_SHIFT))];
}

static always_inline void lookup_begin(const struct hicamp_flow_key *key,
                                       struct hicamp_lookup *l)
{
    l->index = *hint_of(key);
    l->table = rcu_dereference(tables[l->index]);
    if ( likely(l->table) )
        l->hash = flowtab_hash(l->table, key);
}

static always_inline const struct hicamp_acts *lookup_end(
    const struct hicamp_flow_key *key, const struct hicamp_lookup *l,
    unsigned int packets, unsigned int bytes)
{
    struct hicamp_flow_node *f = NULL;

    if ( likely(l->table) )
        f = flowtab_find(l->table, key, l->hash);
    if ( unlikely(!f) )
    {
        uint16_t *hint = hint_of(key);
        /* By now another table may stand there. */
        unsigned int asked = rcu_dereference(tables[l->index]) == l->table
                             ? l->index : HICAMP_TABLES_MAX;

        f = lookup_list(masks_of_port(key->in_port), asked, key, hint);
        if ( unlikely(!f) )
            f = lookup_list(&port_masks[0], asked, key, hint);
        if ( unlikely(!f) )
            return NULL;
    }

    flow_account(f, packets, bytes);

    return rcu_dereference(f->acts);
}

const struct hicamp_acts *hicamp_classify(const struct hicamp_flow_key *key,
                                          unsigned int packets,
                                          unsigned int bytes)
{
    struct hicamp_lookup l;

    lookup_begin(key, &l);

    return lookup_end(key, &l, packets, bytes);
}

void hicamp_classify_begin(const struct hicamp_flow_key *key,
                           struct hicamp_lookup *l)
{
    lookup_begin(key, l);
    if ( likely(l->table) )
        prefetch(flowtab_head(l->table, l->hash));
}

/* The flow's first lines; its actions and counters are not worth it. */
void hicamp_classify_fetch(const struct hicamp_lookup *l)
{
    const struct hicamp_flow_node *f;

    if ( unlikely(!l->table) )
        return;

    f = rcu_dereference(*flowtab_head(l->table, l->hash));
    prefetch(f);
    prefetch((const uint8_t *)f + 64);
    prefetch((const uint8_t *)f + 128);
    barrier(); /* or gcc takes calls of this for calls of nothing */
}

const struct hicamp_acts *hicamp_classify_end(const struct hicamp_flow_key *key,
                                              const struct hicamp_lookup *l,
                                              unsigned int packets,
                                              unsigned int bytes)
{
    return lookup_end(key, l, packets, bytes);
}

/* ---- Actions of a flow --------------------------------------------------- */

static void cf_check acts_free_rcu(struct rcu_head *head)
{
    hicamp_acts_free(container_of(head, struct hicamp_acts, rcu));
}

/* Does all exist that a flow would name: ports, a meter? */
static bool names_exist(const struct hicamp_flow_key *key,
                        const struct hicamp_flow_key *mask,
                        const struct hicamp_acts *acts)
{
    unsigned int i;

    if ( mask->in_port && !hicamp_port_exists(key->in_port) )
        return false;

    for ( i = 0; i < acts->nr_outputs; i++ )
        if ( !hicamp_port_exists(acts->outputs[i]) )
            return false;

    return !acts->meter || hicamp_meter_exists(acts->meter);
}

/* ---- Tables -------------------------------------------------------------- */

static struct flowtab *table_find(const struct hicamp_flow_key *mask)
{
    unsigned int i;

    for ( i = 0; i < tables_end; i++ )
        if ( tables[i] &&
             !memcmp(&tables[i]->full_mask, mask, sizeof(*mask)) )
            return tables[i];

    return NULL;
}

/* Does the mask cover every field? */
static bool mask_is_full(const struct hicamp_flow_key *mask)
{
    unsigned int i;

    for ( i = 0; i < offsetof(struct hicamp_flow_key, reserved); i++ )
        if ( ((const uint8_t *)mask)[i] != 0xff )
            return false;

    return true;
}

static int table_publish(struct flowtab *t)
{
    unsigned int i;

    /* One is left for the full mask. */
    if ( nr_tables >= HICAMP_TABLES_MAX - !mask_is_full(&t->full_mask) )
        return -ENOSPC;

    for ( i = 0; tables[i]; i++ )
        ;

    t->index = i;
    rcu_assign_pointer(tables[i], t);
    write_atomic(&tables_end, max(tables_end, i + 1));
    write_atomic(&nr_tables, nr_tables + 1);

    return 0;
}

static void table_withdraw(struct flowtab *t)
{
    rcu_assign_pointer(tables[t->index], NULL);
    write_atomic(&nr_tables, nr_tables - 1);
    flowtab_put_rcu(t);
}

/*
 * The entry of pm for flows of mask, whose table, if there is one yet, is t;
 * MASKS_EACH: the port has as many masks as it may have.
 */
static unsigned int port_mask_entry(const struct port_masks *pm,
                                    const struct flowtab *t,
                                    const struct hicamp_flow_key *mask)
{
    unsigned int n, found = MASKS_EACH;

    if ( mask_is_full(mask) )
        return 0;

    for ( n = MASKS_EACH - 1; n; n-- )
    {
        if ( !pm->flows[n] )
            found = n;
        else if ( t && pm->table[n] == t->index + 1 )
            return n;
    }

    return found;
}

static void port_mask_get(struct port_masks *pm, unsigned int n,
                          const struct flowtab *t)
{
    if ( pm->flows[n]++ )
        return;

    write_atomic(&pm->table[n], t->index + 1);
    write_atomic(&pm->end, max(pm->end, n + 1));
}

static void port_mask_put(struct port_masks *pm, const struct flowtab *t)
{
    unsigned int n = port_mask_entry(pm, t, &t->full_mask), end = pm->end;

    ASSERT(pm->table[n] == t->index + 1 && pm->flows[n]);

    if ( --pm->flows[n] )
        return;

    write_atomic(&pm->table[n], 0);
    while ( end && !pm->table[end - 1] )
        end--;
    write_atomic(&pm->end, end);
}

/* ---- Flows --------------------------------------------------------------- */

static struct hicamp_flow_node *flow_alloc(const struct hicamp_flow_key *mask)
{
    struct hicamp_flow_node *f;
    unsigned int i, nr = 0;
    size_t bytes;

    for ( i = 0; i < KEY_WORDS; i++ )
        nr += !!key_word(mask, i);

    bytes = ROUNDUP(offsetof(struct hicamp_flow_node, key[nr]), CACHE_LINE);
    f = _xzalloc(bytes + nr_shards * sizeof(struct shard), CACHE_LINE);
    if ( f )
        f->shards = (void *)f + bytes;

    return f;
}

static void cf_check flow_free_rcu(struct rcu_head *head)
{
    struct hicamp_flow_node *f = container_of(head, struct hicamp_flow_node,
                                              rcu);

    hicamp_acts_free(f->acts);
    xfree(f);
}

static void flow_publish(struct hicamp_flow_node *f, struct flowtab *t,
                         unsigned int entry,
                         const struct hicamp_flow_key *key)
{
    unsigned int i, slot = slots_free;

    f->table = t;
    for ( i = 0; i < t->nr_words; i++ )
        f->key[i] = flowtab_word(t, key, i);
    f->hash = flowtab_hash(t, key);
    INIT_LIST_HEAD(&f->by_port);
    if ( t->full_mask.in_port )
    {
        f->in_port = key->in_port;
        list_add_tail(&f->by_port,
                      &by_port[PORT_INDEX(f->in_port) % HICAMP_PORTS_MAX]);
    }

    f->slot = slot;
    slots_free = slots[slot] >> 1;
    write_atomic(&slots[slot], (unsigned long)f);
    write_atomic(&slots_end, max(slots_end, slot + 1));
    write_atomic(&nr_flows, nr_flows + 1);

    flowtab_link(f);
    port_mask_get(masks_of_port(f->in_port), entry, t);
}

static void flow_withdraw(struct hicamp_flow_node *f)
{
    ASSERT(spin_is_locked(&lock));

    port_mask_put(masks_of_port(f->in_port), f->table);
    flowtab_unlink(f);
    if ( !f->table->nr_flows )
        table_withdraw(f->table);
    list_del(&f->by_port);

    write_atomic(&slots[f->slot], SLOT_FREE(slots_free));
    slots_free = f->slot;
    write_atomic(&nr_flows, nr_flows - 1);

    call_rcu(&f->rcu, flow_free_rcu);
}

/*
 * Take the lock, with everything that adding to mask's table may need at hand:
 * a fresh table in *t when there is none, a bigger bucket array in *b when it
 * is due and memory allows.  -ENOMEM: without the lock.
 */
static int lock_for_add(const struct hicamp_flow_key *mask, struct flowtab **t,
                        struct buckets **b)
{
    bool tried = false;

    *t = NULL;
    *b = NULL;

    for ( ; ; )
    {
        const struct flowtab *found;
        unsigned int size;

        spin_lock(&lock);

        found = table_find(mask);
        if ( !found && !*t )
        {
            spin_unlock(&lock);
            *t = flowtab_alloc(mask);
            if ( !*t )
                return -ENOMEM;
        }
        else if ( found && flowtab_wants_growth(found) && !tried )
        {
            size = found->buckets->size;
            spin_unlock(&lock);
            *b = flowtab_buckets_alloc(size * 2);
            tried = true;
        }
        else
            return 0;
    }
}

int hicamp_flow_add(const struct hicamp_flow_key *key,
                    const struct hicamp_flow_key *mask, uint64_t cookie,
                    struct hicamp_acts *acts)
{
    struct hicamp_flow_node *f;
    struct flowtab *t, *fresh = NULL;
    struct buckets *b = NULL;
    unsigned int entry;
    int rc = key_check(key, mask);

    if ( rc )
        return rc;

    f = flow_alloc(mask);
    if ( !f )
        return -ENOMEM;

    rc = lock_for_add(mask, &fresh, &b);
    if ( rc )
        goto out;

    t = table_find(mask);
    entry = port_mask_entry(masks_of_port(key->in_port), t, mask);

    if ( t && flowtab_lookup(t, key) )
        rc = -EEXIST;
    else if ( !names_exist(key, mask, acts) )
        rc = -ENOENT;
    else if ( nr_flows >= hicamp_flows_max || entry == MASKS_EACH )
        rc = -ENOSPC;
    else if ( !t )
    {
        rc = table_publish(fresh);
        if ( !rc )
        {
            t = fresh;
            fresh = NULL;
        }
    }

    if ( !rc )
    {
        f->acts = acts;
        f->cookie = cookie;
        f->epoch = read_atomic(&epoch);
        flow_publish(f, t, entry, key);
        f = NULL;

        if ( b && flowtab_grow_begin(t, b) )
            b = NULL;
        flowtab_grow(t);
    }

    spin_unlock(&lock);

 out:
    if ( fresh )
        flowtab_put(fresh);
    xfree(b);
    xfree(f);

    return rc;
}

/* The flow of exactly (key, mask), or NULL. */
static struct hicamp_flow_node *flow_find(const struct hicamp_flow_key *key,
                                          const struct hicamp_flow_key *mask)
{
    struct flowtab *t = table_find(mask);

    return t ? flowtab_lookup(t, key) : NULL;
}

int hicamp_flow_modify(const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask, uint64_t cookie,
                       struct hicamp_acts *acts)
{
    struct hicamp_flow_node *f;
    int rc = key_check(key, mask);

    if ( rc )
        return rc;

    spin_lock(&lock);

    f = flow_find(key, mask);
    if ( f && names_exist(key, mask, acts) )
    {
        struct hicamp_acts *old = f->acts;

        write_atomic(&f->cookie, cookie);
        f->epoch = read_atomic(&epoch);
        rcu_assign_pointer(f->acts, acts);
        call_rcu(&old->rcu, acts_free_rcu);
    }
    else
        rc = -ENOENT;

    spin_unlock(&lock);

    return rc;
}

int hicamp_flow_delete(const struct hicamp_flow_key *key,
                       const struct hicamp_flow_key *mask)
{
    struct hicamp_flow_node *f;
    int rc = key_check(key, mask);

    if ( rc )
        return rc;

    spin_lock(&lock);

    f = flow_find(key, mask);
    if ( f )
        flow_withdraw(f);

    spin_unlock(&lock);

    return f ? 0 : -ENOENT;
}

int hicamp_flow_drop_port(uint32_t port, uint64_t *cursor)
{
    struct list_head *list = &by_port[PORT_INDEX(port) % HICAMP_PORTS_MAX];
    struct hicamp_flow_node *f, *next;
    unsigned int done;

    do {
        done = 0;
        spin_lock(&lock);

        list_for_each_entry_safe ( f, next, list, by_port )
        {
            if ( done == HICAMP_PREEMPT_EVERY )
                break;
            if ( f->in_port != port && hicamp_port_exists(f->in_port) )
                continue;
            flow_withdraw(f);
            done++;
        }

        spin_unlock(&lock);

        if ( done < HICAMP_PREEMPT_EVERY )
            return 0;
    } while ( !hypercall_preempt_check() );

    return -ERESTART;
}

int hicamp_flow_flush(void)
{
    unsigned int done;

    do {
        spin_lock(&lock);

        for ( done = 0; nr_flows && done < HICAMP_PREEMPT_EVERY; done++ )
        {
            unsigned int end = slots_end;

            /* Downwards, so that a next call need not search again. */
            while ( slots[end - 1] & 1 )
                end--;
            write_atomic(&slots_end, end);
            flow_withdraw((struct hicamp_flow_node *)slots[end - 1]);
        }

        spin_unlock(&lock);

        if ( done < HICAMP_PREEMPT_EVERY )
            return 0;
    } while ( !hypercall_preempt_check() );

    return -ERESTART;
}

void hicamp_flow_new_epoch(void)
{
    write_atomic(&epoch, epoch + 1);
}

int hicamp_flow_flush_orphans(uint64_t *cursor)
{
    unsigned int done;

    do {
        spin_lock(&lock);

        for ( done = 0; *cursor < slots_end && done < HICAMP_PREEMPT_EVERY;
              done++, ++*cursor )
        {
            unsigned int i = array_index_nospec(*cursor, (uint64_t)slots_end);
            struct hicamp_flow_node *f = (void *)slots[i];

            if ( !(slots[i] & 1) && f->epoch != read_atomic(&epoch) )
                flow_withdraw(f);
        }

        spin_unlock(&lock);

        if ( done < HICAMP_PREEMPT_EVERY )
            return 0;
    } while ( !hypercall_preempt_check() );

    return -ERESTART;
}

/* ---- Reading the table --------------------------------------------------- */

static void flow_view(const struct hicamp_flow_node *f,
                      struct hicamp_flow_view *view)
{
    const struct flowtab *t = f->table;
    s_time_t used = 0;
    unsigned int i;

    memset(view, 0, sizeof(*view));
    view->mask = t->full_mask;
    for ( i = 0; i < t->nr_words; i++ )
        memcpy((uint8_t *)&view->key + t->word[i] * 8, &f->key[i], 8);
    view->acts = rcu_dereference(f->acts);
    view->cookie = read_atomic(&f->cookie);

    for ( i = 0; i < nr_shards; i++ )
    {
        const struct shard *s = &f->shards[i];

        view->packets += read_atomic(&s->packets);
        view->bytes += read_atomic(&s->bytes);
        used = max(used, read_atomic(&s->used));
    }
    view->used_ns = used ? (uint64_t)max_t(s_time_t, NOW() - used, 0)
                         : ~0ULL;
}

bool hicamp_flow_next(uint64_t *cursor, struct hicamp_flow_view *view)
{
    unsigned int end = read_atomic(&slots_end);

    while ( *cursor < end )
    {
        unsigned int i = array_index_nospec(*cursor, (uint64_t)end);
        unsigned long slot = read_atomic(&slots[i]);

        ++*cursor;
        if ( !(slot & 1) )
        {
            flow_view((const struct hicamp_flow_node *)slot, view);
            return true;
        }
    }

    return false;
}

unsigned int hicamp_flow_count(void)
{
    return read_atomic(&nr_flows);
}

unsigned int hicamp_mask_count(void)
{
    return read_atomic(&nr_tables);
}

int __init hicamp_classify_init(void)
{
    unsigned int i;

    BUILD_BUG_ON(sizeof(struct shard) != CACHE_LINE);

    slots = xmalloc_array(unsigned long, hicamp_flows_max);
    if ( !slots )
        return -ENOMEM;

    for ( i = 0; i < hicamp_flows_max; i++ )
        slots[i] = SLOT_FREE(i + 1);
    for ( i = 0; i < ARRAY_SIZE(by_port); i++ )
        INIT_LIST_HEAD(&by_port[i]);

    flowtab_init();

    nr_shards = min_t(unsigned int, nr_cpu_ids, SHARDS_MAX);
    shard_shared = nr_cpu_ids > SHARDS_MAX;

    return 0;
}
