/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core module (hicamp.ko) offers to the rest of the kernel
 *
 * Lives here: the hypercall, the handshake, segments, and the look-up from a
 * page to the segment that it shows.
 *
 * A segment is the domain's own memory in the hypervisor's line store: see
 * HICAMP_OP_segment in the public header.  What is mapped never changes: the
 * first hicamp_segment_pages() seals a segment.  Who wants to go on writing
 * takes a snapshot and maps that.
 *
 * May be called by: any module.  Everything that takes a segment may sleep.
 */

#ifndef HICAMP_CORE_H
#define HICAMP_CORE_H

#include <linux/mm.h>
#include <linux/types.h>
#include <asm/xen/hypercall.h>

#include <hicamp.h>

struct hicamp_segment;

/**
 * hicamp_hypercall - call the hypervisor's hicamp operation
 * @cmd: HICAMP_OP_*
 * @arg: the operation's argument structure
 *
 * Return: 0 or a negative errno.
 */
static inline int hicamp_hypercall(unsigned int cmd, void *arg)
{
	return _hypercall2(int, hicamp_op, cmd, arg);
}

/**
 * hicamp_doorbell - tell Xen that a ring moved
 * @port: port id from attach
 * @queue: queue of the port
 * @what: HICAMP_DOORBELL_*
 *
 * Return: 0 or a negative errno; see HICAMP_OP_doorbell.
 */
static inline int hicamp_doorbell(u32 port, u32 queue, u64 what)
{
	u64 arg = HICAMP_DOORBELL(port, queue, what);

	return _hypercall2(int, hicamp_op, HICAMP_OP_doorbell, arg);
}

int hicamp_handshake(struct hicamp_version *v);

int hicamp_segment_batch(struct hicamp_segment_op *ops, u32 nr, u32 *done);
struct hicamp_segment *hicamp_segment_create(u64 bytes, u16 flags);
struct hicamp_segment *hicamp_segment_snapshot(struct hicamp_segment *seg,
					       bool writable);
int hicamp_segment_read(struct hicamp_segment *seg, u64 offset, void *to,
			size_t bytes);
int hicamp_segment_write(struct hicamp_segment *seg, u64 offset,
			 const void *from, size_t bytes);
int hicamp_segment_append(struct hicamp_segment *seg, const void *from,
			  size_t bytes);
int hicamp_segment_prepend(struct hicamp_segment *seg, const void *from,
			   size_t bytes);
int hicamp_segment_compare(struct hicamp_segment *a, struct hicamp_segment *b);
int hicamp_segment_seal(struct hicamp_segment *seg);
int hicamp_segment_pages(struct hicamp_segment *seg, u64 offset,
			 unsigned int nr, struct page **pages);

/**
 * struct hicamp_segment_state - what hicamp_segment_info() tells
 * @bytes: of the segment
 * @mapped: bytes for which struct pages exist
 * @id: the hypervisor's number
 * @levels: of inner lines
 * @flags: HICAMP_SEG_*, as created
 * @sealed: cannot be written any more
 */
struct hicamp_segment_state {
	u64 bytes;
	u64 mapped;
	u32 id;
	u32 levels;
	u16 flags;
	bool sealed;
};

int hicamp_segment_info(struct hicamp_segment *seg,
			struct hicamp_segment_state *state);
void hicamp_segment_put(struct hicamp_segment *seg);

bool __hicamp_page_lookup(const struct page *page, u32 *segment, u32 *offset);

/**
 * hicamp_page_lookup - is this page a piece of a segment?
 * @page: a page to which the caller has a reference
 * @segment: the segment's id for extents comes back here
 * @offset: ... and where in the segment the page begins
 *
 * Costs one test for an ordinary page.  May be called from any context.  As
 * long as the reference is held the id is not freed, so the hypervisor knows
 * it when it takes the packet.
 *
 * Return: true if the page should be named by segment and offset.
 */
static inline bool hicamp_page_lookup(const struct page *page, u32 *segment,
				      u32 *offset)
{
	return unlikely(is_zone_device_page(page)) &&
	       __hicamp_page_lookup(page, segment, offset);
}

#endif /* HICAMP_CORE_H */
