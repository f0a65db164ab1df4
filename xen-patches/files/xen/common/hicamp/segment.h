/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments: what a domain keeps in the line store.  A segment is a DAG of
 * immutable lines; a domain's segment map turns an id into its root (Chan,
 * Litz, Cheriton, "Rethinking Network Stack Design with Memory Snapshots",
 * section 3).
 */

#ifndef HICAMP_SEGMENT_H
#define HICAMP_SEGMENT_H

#include "space.h"

/* ---- For the packet path ------------------------------------------------- */

/*
 * Hold what segment id of hd contains now: a reference to its root, taken in
 * constant time.  bytes > 0 at offset must be inside.  On success *root is
 * what segment_release() takes, and segment_cursor_init() with *at, the place
 * of the first byte; *root may be PLID_NONE, which is all zeros.  Whatever the
 * owner does to the segment later, also FREE, changes nothing of what is held.
 *
 * The lines stay charged to their owner.  Everything held must be released
 * before segment_teardown() of hd.
 *
 *   -ENOENT      no such segment
 *   -EINVAL      not inside
 *   -EBUSY       held too often (the root's count is saturated): copy, or drop
 *
 * Any hicamp lock but segment_lock may be held.
 */
int segment_hold(struct hicamp_domain *hd, uint32_t id, uint64_t offset,
                 uint32_t bytes, plid_t *root, uint64_t *at);

/*
 * Release what segment_hold() gave, of the same hd.  Constant time: a DAG that
 * nothing refers to any more is dismantled by later segment operations of the
 * domain, and by its teardown.  Locks as segment_hold().
 */
void segment_release(struct hicamp_domain *hd, plid_t root);

/*
 * What is held is read with a cursor, see tree.h, without a lock:
 *
 *     struct segment_cursor c;
 *     const void *data;
 *     unsigned int len;
 *
 *     segment_cursor_init(&c, root, at, bytes);
 *     while ( (len = segment_next(&c, &data)) != 0 )
 *         ...                         data is NULL where all bytes are zero
 *     segment_cursor_done(&c);        also to leave early
 */
#define segment_cursor          tree_cursor
#define segment_cursor_init     tree_cursor_init
#define segment_next            tree_next
#define segment_cursor_done     tree_cursor_done

/* ---- Operations ---------------------------------------------------------- */

/* HICAMP_OP_segment; the batch is copied in.  -ERESTART: done has advanced. */
int segment_op(struct domain *d, struct hicamp_segment_batch *op);

/*
 * The domain dies, its ports are gone: everything goes.  -ERESTART: call
 * again.
 */
int segment_teardown(struct hicamp_domain *hd);

/*
 * Charge hd's lines to a from now on: *old is where they were charged, which
 * lookers-on may still have seen.  -EBUSY: hd has lines in use; -ESRCH: it is
 * dying.
 */
int segment_set_arena(struct hicamp_domain *hd, struct arena *a,
                      struct arena **old);

/*
 * For check.c: the root of the next segment from *cursor on, false at the end;
 * lines that the map is charged as.
 */
bool segment_next_root(const struct hicamp_domain *hd, uint64_t *cursor,
                       plid_t *root);
unsigned int segment_map_lines(const struct hicamp_domain *hd);

#endif /* HICAMP_SEGMENT_H */
