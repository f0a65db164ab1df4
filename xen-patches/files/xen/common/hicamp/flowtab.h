/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hash table of the flows that have one mask, inside of the flow table
 * (classify.c), whose writer lock "the lock" is.
 *
 * A table grows without stopping anybody.  A flow has two links: one for the
 * bucket array in use, one for the array being filled, twice the size.  Each
 * added flow moves a few buckets over, so no operation is long; when all are
 * over, the new array is published.  Readers that still stand in the old one
 * see it as it was; only after their grace period its links serve for the next
 * growth.
 *
 * Hash: the sum, over the words that the mask covers, of (a + high half) *
 * (b + low half), of which the upper half is taken; a and b are random per
 * word and boot.  This is universal (pair-multiply-shift in Thorup's "High
 * Speed Hashing for Integers and Strings"), so no sender can aim packets or
 * flows at one chain, and its multiplications do not wait for each other.
 */

#ifndef HICAMP_FLOWTAB_H
#define HICAMP_FLOWTAB_H

#include "private.h"

#define KEY_WORDS               (sizeof(struct hicamp_flow_key) / 8)

struct shard;

struct hicamp_flow_node {
    struct hicamp_flow_node *link[2];   /* by buckets.link */
    uint32_t hash;
    uint32_t slot;
    struct hicamp_acts *acts;   /* R: RCU, W(lock) */
    struct shard *shards;       /* [nr_shards], behind key */
    struct flowtab *table;
    uint64_t cookie;            /* W(lock), read without */
    uint32_t in_port;           /* 0: any */
    uint32_t epoch;             /* when added or changed, R/W(lock) */
    struct list_head by_port;   /* R/W(lock) */
    struct rcu_head rcu;
    uint64_t key[];             /* the words that the mask covers, masked */
};

struct buckets {
    struct rcu_head rcu;
    struct flowtab *table;
    unsigned int size;          /* a power of two */
    unsigned int link;          /* which link of the flows is ours */
    struct hicamp_flow_node *head[];
};

struct flowtab {
    unsigned int nr_words;
    uint8_t word[KEY_WORDS];    /* indices of the words that mask covers */
    uint64_t mask[KEY_WORDS];   /* these words of it */
    struct buckets *buckets;    /* R: RCU, W(lock) */

    struct buckets *growing;    /* R/W(lock); array being filled, or NULL */
    unsigned int moved;         /* R/W(lock); buckets that are over */
    bool settling;              /* readers may be in the array before */
    unsigned int nr_flows;      /* R/W(lock) */
    unsigned int index;         /* of the owner */
    atomic_t refs;              /* the owner, and the array before */
    struct hicamp_flow_key full_mask;
    struct rcu_head rcu;
};

extern uint64_t flowtab_seeds[KEY_WORDS][2];

static always_inline uint64_t key_word(const struct hicamp_flow_key *key,
                                       unsigned int i)
{
    uint64_t w;

    memcpy(&w, (const uint8_t *)key + i * 8, sizeof(w));

    return w;
}

/* Word i of those of key that t covers. */
static always_inline uint64_t flowtab_word(const struct flowtab *t,
                                           const struct hicamp_flow_key *key,
                                           unsigned int i)
{
    return key_word(key, t->word[i]) & t->mask[i];
}

/* The hash of the words of key that t covers. */
static always_inline uint32_t flowtab_hash(const struct flowtab *t,
                                           const struct hicamp_flow_key *key)
{
    uint64_t sum = 0;
    unsigned int i;

    for ( i = 0; i < t->nr_words; i++ )
    {
        const uint64_t *seed = flowtab_seeds[t->word[i]];
        uint64_t w = flowtab_word(t, key, i);

        sum += (seed[0] + (w >> 32)) * (seed[1] + (uint32_t)w);
    }

    return sum >> 32;
}

/* Where the flows of a hash begin; in the RCU read section. */
static always_inline struct hicamp_flow_node *const *flowtab_head(
    const struct flowtab *t, uint32_t hash)
{
    const struct buckets *b = rcu_dereference(t->buckets);

    return &b->head[hash & (b->size - 1)];
}

/*
 * The flow of t that serves packets with this key, whose hash this is; in the
 * RCU read section.
 */
static always_inline struct hicamp_flow_node *flowtab_find(
    const struct flowtab *t, const struct hicamp_flow_key *key, uint32_t hash)
{
    const struct buckets *b = rcu_dereference(t->buckets);
    struct hicamp_flow_node *f;

    for ( f = rcu_dereference(b->head[hash & (b->size - 1)]); f;
          f = rcu_dereference(f->link[b->link]) )
    {
        unsigned int i;

        if ( f->hash != hash )
            continue;
        for ( i = 0; i < t->nr_words && f->key[i] == flowtab_word(t, key, i);
              i++ )
            ;
        if ( likely(i == t->nr_words) )
            return f;
    }

    return NULL;
}

static always_inline struct hicamp_flow_node *flowtab_lookup(
    const struct flowtab *t, const struct hicamp_flow_key *key)
{
    return flowtab_find(t, key, flowtab_hash(t, key));
}

/* At boot, once. */
void flowtab_init(void);

/* An empty table for mask, with one reference; NULL: short of memory. */
struct flowtab *flowtab_alloc(const struct hicamp_flow_key *mask);
/* Drop the owner's reference; at once, and after a grace period. */
void flowtab_put(struct flowtab *t);
void flowtab_put_rcu(struct flowtab *t);

/*
 * Put f, whose hash, key and table are set, into its table, and take it out.
 * Under the lock.  Unlinked, it stays readable until the caller frees it after
 * a grace period.
 */
void flowtab_link(struct hicamp_flow_node *f);
void flowtab_unlink(struct hicamp_flow_node *f);

/*
 * Growth, under the lock but for the allocation: when the table wants it, get
 * buckets of twice the size and offer them; true: they are the table's now.
 * flowtab_grow(), with each flow that is added, moves some of its buckets over.
 */
bool flowtab_wants_growth(const struct flowtab *t);
struct buckets *flowtab_buckets_alloc(unsigned int size);
bool flowtab_grow_begin(struct flowtab *t, struct buckets *b);
void flowtab_grow(struct flowtab *t);

#endif /* HICAMP_FLOWTAB_H */
