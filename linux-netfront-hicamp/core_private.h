/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of the core module share
 *
 * Lock order, outermost first:
 *
 *   file->lock        dev.c: which segment an open file is
 *   seg->lock         contents and size of a segment against its sealing
 *   hicamp_map_lock   map.c: everything about frames and pages
 *   hicamp_files      dev.c: the list of open files
 */

#ifndef HICAMP_CORE_PRIVATE_H
#define HICAMP_CORE_PRIVATE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "hicamp_core.h"

#define HICAMP_NAME	"hicamp"

/**
 * struct hicamp_segment - a segment of this domain
 * @users: references of callers
 * @id: the hypervisor's number
 * @epoch: in which it was created; see hicamp_epoch
 * @flags: HICAMP_SEG_*, as created
 * @lock: protects @bytes and @sealed
 * @bytes: its size
 * @sealed: no write any more
 * @chunks: what is mapped, by offset / HICAMP_CHUNK_BYTES; hicamp_map_lock
 * @holders: chunks, and one for @users, that need the id; hicamp_map_lock
 * @mapped: pages in @chunks; hicamp_map_lock
 * @all: in the list of all segments; hicamp_map_lock
 */
struct hicamp_segment {
	struct kref users;
	u32 id;
	u32 epoch;
	u16 flags;
	struct mutex lock;	/* bytes, sealed */
	u64 bytes;
	bool sealed;
	struct xarray chunks;
	unsigned int holders;
	unsigned int mapped;
	struct list_head all;
};

/* core.c */
extern u32 hicamp_epoch;
bool hicamp_segment_stale(const struct hicamp_segment *seg);
u64 hicamp_features(void);

/* segment.c */
int hicamp_segment_op(struct hicamp_segment_op *op);
void hicamp_segment_free(struct hicamp_segment *seg);

/* map.c */
void hicamp_map_enter(struct hicamp_segment *seg);
int hicamp_map_get(struct hicamp_segment *seg, u64 offset, unsigned int nr,
		   struct page **pages);
u64 hicamp_map_bytes(struct hicamp_segment *seg);
void hicamp_map_put(struct hicamp_segment *seg);
int hicamp_map_freeze(void);
void hicamp_map_exit(void);

/* dev.c */
int hicamp_dev_init(void);
void hicamp_dev_exit(void);
void hicamp_dev_freeze(void);

#endif /* HICAMP_CORE_PRIVATE_H */
