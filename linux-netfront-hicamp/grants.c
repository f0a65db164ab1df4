// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of grants that are reused; see grants.h
 *
 * Called by: share.c, space.c.
 */

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "grants.h"

/* A word: machine frame, then users; 0 is free. */
#define HNF_USERS_BITS	12
#define HNF_USERS_MASK	((1u << HNF_USERS_BITS) - 1)
#define HNF_USERS_NEW	HNF_USERS_MASK	/* being entered: nobody else's yet */
#define HNF_USERS_MAX	(HNF_USERS_MASK - 1)

static u64 hnf_word(u64 mfn, u64 users)
{
	return mfn << HNF_USERS_BITS | users;
}

/* Where the set of a frame begins. */
static u32 hnf_grant_set(const struct hnf_grant_half *h, u64 mfn)
{
	return (hash_64(mfn, 32) & (h->sets - 1)) * HNF_GRANT_SET;
}

static int hnf_half_init(struct hnf_grant_half *h, unsigned int frames)
{
	/* Twice the room that is needed, so that sets seldom overflow. */
	u32 sets = roundup_pow_of_two(max(frames * 2 / HNF_GRANT_SET, 1u));
	size_t n = (size_t)sets * HNF_GRANT_SET;

	h->sets = sets;
	h->word = kvcalloc(n, sizeof(*h->word), GFP_KERNEL);
	h->ref = kvcalloc(n, sizeof(*h->ref), GFP_KERNEL);
	h->at = kvcalloc(n, sizeof(*h->at), GFP_KERNEL);
	return h->word && h->ref && h->at ? 0 : -ENOMEM;
}

/**
 * hnf_grants_init - an empty table
 * @g: the table
 * @ro: frames that may be granted read-only
 * @rw: ... and read-write
 *
 * Return: 0 or -ENOMEM.
 */
int hnf_grants_init(struct hnf_grants *g, unsigned int ro, unsigned int rw)
{
	if (hnf_half_init(&g->half[HNF_GRANT_RO], ro) ||
	    hnf_half_init(&g->half[HNF_GRANT_RW], rw)) {
		hnf_grants_destroy(g);
		return -ENOMEM;
	}
	return 0;
}

/**
 * hnf_grants_clear - forget all grants: none of them exists any more
 * @g: the table
 *
 * None is in use.
 */
void hnf_grants_clear(struct hnf_grants *g)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		memset(g->half[i].word, 0, sizeof(*g->half[i].word) *
		       g->half[i].sets * HNF_GRANT_SET);
}

/**
 * hnf_grants_destroy - free a table in which nothing is entered
 * @g: the table
 */
void hnf_grants_destroy(struct hnf_grants *g)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		kvfree(g->half[i].word);
		kvfree(g->half[i].ref);
		kvfree(g->half[i].at);
	}
	memset(g, 0, sizeof(*g));
}

/**
 * hnf_grant_use - use the grant of a frame, if there is one
 * @h: half of a table
 * @mfn: machine frame
 * @entry: which entry it is comes back here, for hnf_grant_unuse()
 *
 * Return: false if the frame is not granted.
 */
bool hnf_grant_use(struct hnf_grant_half *h, u64 mfn, u32 *entry)
{
	u32 first = hnf_grant_set(h, mfn), i;

	for (i = first; i < first + HNF_GRANT_SET; i++) {
		u64 word = READ_ONCE(h->word[i]);

		while (word >> HNF_USERS_BITS == mfn &&
		       (word & HNF_USERS_MASK) < HNF_USERS_MAX)
			if (try_cmpxchg64(&h->word[i], &word, word + 1)) {
				*entry = i;
				return true;
			}
	}
	return false;
}

/**
 * hnf_grant_unuse - a packet that used a grant has gone
 * @h: half of a table
 * @entry: from hnf_grant_use() or hnf_grant_add()
 */
void hnf_grant_unuse(struct hnf_grant_half *h, u32 entry)
{
	u64 word = READ_ONCE(h->word[entry]);

	do {
		if (WARN_ON_ONCE(!(word & HNF_USERS_MASK)))
			return;
	} while (!try_cmpxchg64(&h->word[entry], &word, word - 1));
}

/**
 * hnf_grant_add - enter a grant
 * @h: half of a table
 * @mfn: machine frame
 * @ref: grant reference
 * @at: page of the reference's run
 * @used: the caller uses it at once
 * @entry: which entry it is comes back here
 *
 * Return: false if the set of the frame is full.
 */
bool hnf_grant_add(struct hnf_grant_half *h, u64 mfn, u32 ref, u8 at,
		   bool used, u32 *entry)
{
	u32 first = hnf_grant_set(h, mfn), i;

	for (i = first; i < first + HNF_GRANT_SET; i++) {
		u64 word = 0;

		if (!try_cmpxchg64(&h->word[i], &word,
				   hnf_word(mfn, HNF_USERS_NEW)))
			continue;
		h->ref[i] = ref;
		h->at[i] = at;
		/* Who finds the word finds the reference. */
		smp_store_release(&h->word[i], hnf_word(mfn, used));
		*entry = i;
		return true;
	}
	return false;
}

/**
 * hnf_grant_remove - take a frame out of the table, before it is revoked
 * @h: half of a table
 * @mfn: machine frame, entered or not
 *
 * Return: false if the grant is in use: it must not be revoked now.
 */
bool hnf_grant_remove(struct hnf_grant_half *h, u64 mfn)
{
	u32 first = hnf_grant_set(h, mfn), i;

	for (i = first; i < first + HNF_GRANT_SET; i++) {
		u64 word = READ_ONCE(h->word[i]);

		if (word >> HNF_USERS_BITS != mfn)
			continue;
		word = hnf_word(mfn, 0);
		return try_cmpxchg64(&h->word[i], &word, 0);
	}
	return true;
}

/**
 * hnf_grant_evict - make room in the set of a frame
 * @h: half of a table
 * @mfn: machine frame that is to be entered
 * @ref: the caller is to revoke this reference
 *
 * The first entry of the set that nobody uses is taken out.
 *
 * Return: false if all are in use.
 */
bool hnf_grant_evict(struct hnf_grant_half *h, u64 mfn, u32 *ref)
{
	u32 first = hnf_grant_set(h, mfn), i;

	for (i = first; i < first + HNF_GRANT_SET; i++) {
		u64 word = READ_ONCE(h->word[i]) & ~(u64)HNF_USERS_MASK;
		u32 old = h->ref[i];

		if (word && try_cmpxchg64(&h->word[i], &word, 0)) {
			*ref = old;
			return true;
		}
	}
	return false;
}
