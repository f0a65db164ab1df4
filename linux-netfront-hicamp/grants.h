/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which machine frames of a queue's I/O pools are issued, and who uses them
 *
 * Lives here: the table of Ram, "New Architectures and Mechanisms for the
 * Network Subsystem in Virtualized Servers", 3.5.2.  A machine frame hashes to
 * a set of eight entries, one cache line; an entry is one 8-byte word, frame
 * and number of packets under way that name it, and is changed atomically.
 * One half of the table tracks read-only grants, the other read-write ones.
 * Beside each word stand the reference and the page's place in its run.
 *
 * Invariant: an entry with users keeps its grant: it can be removed, and what
 * it grants be revoked, only when it has none.
 *
 * May be called by: xmit.c and share.c (tx lock) and space.c (rx lock), at the
 * same time; one frame is entered and removed by one of them only.
 */

#ifndef HNF_GRANTS_H
#define HNF_GRANTS_H

#include <linux/types.h>

#define HNF_GRANT_SET		8		/* entries that a frame may have */

struct hnf_grant_half {
	u64 *word;
	u32 *ref;
	u8 *at;			/* page of its run */
	u32 sets;		/* a power of two */
};

#define HNF_GRANT_RO		0
#define HNF_GRANT_RW		1

struct hnf_grants {
	struct hnf_grant_half half[2];
};

/* grants.c */
int hnf_grants_init(struct hnf_grants *g, unsigned int ro, unsigned int rw);
void hnf_grants_clear(struct hnf_grants *g);
void hnf_grants_destroy(struct hnf_grants *g);
bool hnf_grant_use(struct hnf_grant_half *h, u64 mfn, u32 *entry);
void hnf_grant_unuse(struct hnf_grant_half *h, u32 entry);
bool hnf_grant_add(struct hnf_grant_half *h, u64 mfn, u32 ref, u8 at,
		   bool used, u32 *entry);
bool hnf_grant_remove(struct hnf_grant_half *h, u64 mfn);
bool hnf_grant_evict(struct hnf_grant_half *h, u64 mfn, u32 *ref);

#endif /* HNF_GRANTS_H */
