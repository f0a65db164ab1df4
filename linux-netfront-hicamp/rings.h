/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to the rings that are shared with the hypervisor
 *
 * Lives here: where things stand in a queue's area, copying to and from
 * slots.
 *
 * Invariant: an index or entry that Xen writes is read once into a local
 * variable, and bounded, before it is used.  Each index has one writer.
 *
 * May be called by: the data path of this driver, and by port.c.
 */

#ifndef HNF_RINGS_H
#define HNF_RINGS_H

#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#include "hicamp_core.h"

/* Where the rings of one queue are; set at attach. */
struct hnf_rings {
	struct hicamp_ring_ctrl *ctrl;
	u8 *tx;
	u8 *rx;
	struct hicamp_fill *fill;
	struct hicamp_comp *comp;
	u32 tx_slots;		/* sizes: powers of two */
	u32 rx_slots;
	u32 fill_entries;
	u32 comp_entries;
};

/* The slot that an index names, in a ring of slots. */
static inline void *hnf_slot(u8 *ring, u32 size, u32 idx)
{
	return ring + (size_t)(idx & (size - 1)) * HICAMP_SLOT_BYTES;
}

/*
 * Bytes before the ring's end, from off bytes behind the start of slot idx:
 * the place of these bytes comes back in *pos.
 */
static inline size_t hnf_slot_span(u32 size, u32 idx, size_t off, size_t *pos)
{
	size_t bytes = (size_t)size * HICAMP_SLOT_BYTES;

	*pos = ((size_t)(idx & (size - 1)) * HICAMP_SLOT_BYTES + off) &
	       (bytes - 1);
	return bytes - *pos;
}

/* Copy out of slots that may wrap around the ring's end. */
static inline void hnf_slots_read(const u8 *ring, u32 size, u32 idx,
				  size_t off, void *dst, size_t len)
{
	size_t pos;
	size_t n = min(len, hnf_slot_span(size, idx, off, &pos));

	memcpy(dst, ring + pos, n);
	if (unlikely(n < len))
		memcpy(dst + n, ring, len - n);
}

/* Extent number nr of a packet whose extents begin in slot idx. */
static inline struct hicamp_extent *hnf_extent(u8 *ring, u32 size, u32 idx,
					       unsigned int nr)
{
	return (struct hicamp_extent *)hnf_slot(ring, size, idx + nr / 4) +
	       nr % 4;
}

#endif /* HNF_RINGS_H */
