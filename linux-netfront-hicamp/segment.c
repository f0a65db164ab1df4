// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments: the kernel's interface to HICAMP_OP_segment
 *
 * Lives here: the object that stands for a segment, and operations on its
 * contents.  map.c knows what of it is mapped.
 *
 * Invariants:
 *  - The id is freed when the last reference to the object, and the last page
 *    that shows a piece of it, have gone.
 *  - A sealed segment is never written, so what is mapped of it, or named in a
 *    packet, does not change.
 *
 * Called by: dev.c, other modules.
 */

#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core_private.h"

/**
 * hicamp_segment_batch - carry out operations on segments in one hypercall
 * @ops: operations, with fields as the public header says
 * @nr: how many, 1 to 4096
 * @done: how many were carried out comes back here; may be NULL
 *
 * For callers who keep ids themselves.  Ids that belong to a struct
 * hicamp_segment must neither be freed nor, once sealed, written this way.
 *
 * Return: 0, or the error with which the batch ended.
 */
int hicamp_segment_batch(struct hicamp_segment_op *ops, u32 nr, u32 *done)
{
	struct hicamp_segment_batch batch = {
		.ops = (unsigned long)ops,
		.nr = nr,
	};
	int err;

	if (!(hicamp_features() & HICAMP_FEAT_SEGMENT))
		return -EOPNOTSUPP;
	err = hicamp_hypercall(HICAMP_OP_segment, &batch);
	if (done)
		*done = err ? min(batch.done, nr) : nr;
	return err;
}
EXPORT_SYMBOL_GPL(hicamp_segment_batch);

/* One operation; its out fields come back in it. */
int hicamp_segment_op(struct hicamp_segment_op *op)
{
	return hicamp_segment_batch(op, 1, NULL);
}

static struct hicamp_segment *hicamp_segment_alloc(u64 bytes, u16 flags)
{
	struct hicamp_segment *seg = kzalloc(sizeof(*seg), GFP_KERNEL);

	if (!seg)
		return NULL;
	kref_init(&seg->users);
	mutex_init(&seg->lock);
	seg->epoch = READ_ONCE(hicamp_epoch);
	seg->bytes = bytes;
	seg->flags = flags;
	xa_init(&seg->chunks);
	return seg;
}

/**
 * hicamp_segment_create - a new segment of zero bytes
 * @bytes: its size
 * @flags: HICAMP_SEG_INTERNED, HICAMP_SEG_MAPPABLE, or 0 (Xen refuses both)
 *
 * Return: the segment, with one reference, or an error: -EOPNOTSUPP if Xen has
 * no segments, -ENOENT if the domain has no port, -ENOBUFS, -ENOSPC, -ENOMEM.
 */
struct hicamp_segment *hicamp_segment_create(u64 bytes, u16 flags)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_CREATE,
		.flags = flags,
		.bytes = bytes,
	};
	struct hicamp_segment *seg;
	int err;

	if (flags & ~(HICAMP_SEG_INTERNED | HICAMP_SEG_MAPPABLE))
		return ERR_PTR(-EINVAL);
	seg = hicamp_segment_alloc(bytes, flags);
	if (!seg)
		return ERR_PTR(-ENOMEM);
	err = hicamp_segment_op(&op);
	if (err) {
		kfree(seg);
		return ERR_PTR(err);
	}
	seg->id = op.segment;
	hicamp_map_enter(seg);
	return seg;
}
EXPORT_SYMBOL_GPL(hicamp_segment_create);

/**
 * hicamp_segment_snapshot - a new segment that holds what another holds now
 * @seg: the other
 * @writable: the new one may be written; else it is sealed
 *
 * Costs the same at every size.  Sealing is our own affair: Xen is not asked to
 * make the id read-only, since no snapshot of it could be written then.
 *
 * Return: the new segment, with one reference, or an error as from create.
 */
struct hicamp_segment *hicamp_segment_snapshot(struct hicamp_segment *seg,
					       bool writable)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_SNAPSHOT,
		.segment = seg->id,
	};
	struct hicamp_segment *new;
	int err;

	new = hicamp_segment_alloc(0, seg->flags);
	if (!new)
		return ERR_PTR(-ENOMEM);

	mutex_lock(&seg->lock);
	err = hicamp_segment_stale(seg) ? -ESTALE : hicamp_segment_op(&op);
	new->bytes = seg->bytes;
	mutex_unlock(&seg->lock);
	if (err) {
		kfree(new);
		return ERR_PTR(err);
	}
	new->sealed = !writable;
	new->id = op.other;
	hicamp_map_enter(new);
	return new;
}
EXPORT_SYMBOL_GPL(hicamp_segment_snapshot);

/* Read or write in pieces that one operation takes; seg->lock is held. */
static int hicamp_segment_io(struct hicamp_segment *seg, u16 command,
			     u64 offset, void *addr, size_t bytes)
{
	if (hicamp_segment_stale(seg))
		return -ESTALE;
	if (offset > seg->bytes || bytes > seg->bytes - offset)
		return -EINVAL;

	while (bytes) {
		size_t n = min_t(size_t, bytes, HICAMP_SEG_IO_MAX);
		struct hicamp_segment_op op = {
			.command = command,
			.segment = seg->id,
			.offset = offset,
			.bytes = n,
			.addr = (unsigned long)addr,
		};
		int err = hicamp_segment_op(&op);

		if (err)
			return err;
		offset += n;
		addr += n;
		bytes -= n;
	}
	return 0;
}

/**
 * hicamp_segment_read - copy bytes out of a segment
 * @seg: the segment
 * @offset: where they begin
 * @to: kernel memory
 * @bytes: how many
 *
 * Return: 0; -EINVAL if they are not inside; -ESTALE.
 */
int hicamp_segment_read(struct hicamp_segment *seg, u64 offset, void *to,
			size_t bytes)
{
	int err;

	mutex_lock(&seg->lock);
	err = hicamp_segment_io(seg, HICAMP_SEG_READ, offset, to, bytes);
	mutex_unlock(&seg->lock);
	return err;
}
EXPORT_SYMBOL_GPL(hicamp_segment_read);

/**
 * hicamp_segment_write - copy bytes into a segment
 * @seg: the segment
 * @offset: where they go
 * @from: kernel memory
 * @bytes: how many
 *
 * If more than HICAMP_SEG_IO_MAX bytes are written and a later part fails, the
 * part before it has been written.
 *
 * Return: 0; -EPERM if it is sealed; -EINVAL if they are not inside; -ESTALE,
 * -ENOBUFS, -ENOMEM.
 */
int hicamp_segment_write(struct hicamp_segment *seg, u64 offset,
			 const void *from, size_t bytes)
{
	int err = -EPERM;

	mutex_lock(&seg->lock);
	if (!seg->sealed)
		err = hicamp_segment_io(seg, HICAMP_SEG_WRITE, offset,
					(void *)from, bytes);
	mutex_unlock(&seg->lock);
	return err;
}
EXPORT_SYMBOL_GPL(hicamp_segment_write);

static int hicamp_segment_extend(struct hicamp_segment *seg, u16 command,
				 const void *from, size_t bytes)
{
	struct hicamp_segment_op op = {
		.command = command,
		.segment = seg->id,
		.bytes = bytes,
		.addr = (unsigned long)from,
	};
	int err = 0;

	mutex_lock(&seg->lock);
	if (hicamp_segment_stale(seg))
		err = -ESTALE;
	else if (seg->sealed)
		err = -EPERM;
	else
		err = hicamp_segment_op(&op);
	if (!err)
		seg->bytes += bytes;
	mutex_unlock(&seg->lock);
	return err;
}

/**
 * hicamp_segment_append - put bytes behind a segment's end
 * @seg: the segment
 * @from: kernel memory
 * @bytes: how many, at most HICAMP_SEG_IO_MAX
 *
 * Return: 0; -EPERM if it is sealed; -E2BIG, -ESTALE, -ENOBUFS, -ENOMEM.
 */
int hicamp_segment_append(struct hicamp_segment *seg, const void *from,
			  size_t bytes)
{
	return hicamp_segment_extend(seg, HICAMP_SEG_APPEND, from, bytes);
}
EXPORT_SYMBOL_GPL(hicamp_segment_append);

/**
 * hicamp_segment_prepend - put bytes before a segment's beginning
 * @seg: the segment
 * @from: kernel memory
 * @bytes: how many, at most HICAMP_SEG_IO_MAX
 *
 * What is in the segment moves up.  It can be mapped afterwards only if bytes
 * is a multiple of the page size.
 *
 * Return: 0; -EPERM if it is sealed; -E2BIG, -ESTALE, -ENOBUFS, -ENOMEM.
 */
int hicamp_segment_prepend(struct hicamp_segment *seg, const void *from,
			   size_t bytes)
{
	return hicamp_segment_extend(seg, HICAMP_SEG_PREPEND, from, bytes);
}
EXPORT_SYMBOL_GPL(hicamp_segment_prepend);

/**
 * hicamp_segment_compare - do two segments hold the same bytes?
 * @a: one
 * @b: the other
 *
 * Return: 1 if they do, 0 if not, or -ESTALE.
 */
int hicamp_segment_compare(struct hicamp_segment *a, struct hicamp_segment *b)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_COMPARE,
		.segment = a->id,
		.other = b->id,
	};
	int err;

	if (hicamp_segment_stale(a) || hicamp_segment_stale(b))
		return -ESTALE;
	err = hicamp_segment_op(&op);
	return err ?: op.result == 1;
}
EXPORT_SYMBOL_GPL(hicamp_segment_compare);

/**
 * hicamp_segment_seal - forbid writes to a segment for good
 * @seg: the segment
 *
 * Return: 0 or -ESTALE.
 */
int hicamp_segment_seal(struct hicamp_segment *seg)
{
	if (hicamp_segment_stale(seg))
		return -ESTALE;
	mutex_lock(&seg->lock);
	seg->sealed = true;
	mutex_unlock(&seg->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(hicamp_segment_seal);

/**
 * hicamp_segment_pages - map a part of a segment and get its pages
 * @seg: a segment created with HICAMP_SEG_MAPPABLE
 * @offset: where the part begins, a multiple of the page size, in the first
 *	    4 GiB
 * @nr: pages at most
 * @pages: come back here, each with a reference for the caller
 *
 * Seals the segment.  The pages are read-only, for the kernel too, and stay
 * readable while referenced, whatever becomes of the segment.  They may be
 * put into packets (netfront sends them by name), pipes and page tables.
 *
 * Return: the number of pages, at least 1; -EINVAL if offset is outside;
 * -EFBIG, -ESTALE, -ENOMEM, -ENOBUFS; -EDQUOT if max_mapped_mb are mapped.
 */
int hicamp_segment_pages(struct hicamp_segment *seg, u64 offset,
			 unsigned int nr, struct page **pages)
{
	u64 left;

	if (!(seg->flags & HICAMP_SEG_MAPPABLE) || offset & ~PAGE_MASK || !nr)
		return -EINVAL;
	/* Read without the lock: it only grows until it is sealed here. */
	if (!READ_ONCE(seg->sealed)) {
		int err = hicamp_segment_seal(seg);

		if (err)
			return err;
	}
	if (offset >= seg->bytes)
		return -EINVAL;
	left = (seg->bytes - offset) >> PAGE_SHIFT;
	if (!left)
		return -EINVAL;
	return hicamp_map_get(seg, offset, min_t(u64, nr, left), pages);
}
EXPORT_SYMBOL_GPL(hicamp_segment_pages);

/**
 * hicamp_segment_info - what is known of a segment
 * @seg: the segment
 * @state: comes back here
 *
 * Return: 0 or -ESTALE.
 */
int hicamp_segment_info(struct hicamp_segment *seg,
			struct hicamp_segment_state *state)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_INFO,
		.segment = seg->id,
	};
	int err;

	memset(state, 0, sizeof(*state));
	mutex_lock(&seg->lock);
	err = hicamp_segment_stale(seg) ? -ESTALE : hicamp_segment_op(&op);
	state->bytes = seg->bytes;
	state->sealed = seg->sealed;
	mutex_unlock(&seg->lock);
	if (err)
		return err;
	state->mapped = hicamp_map_bytes(seg);
	state->id = seg->id;
	state->levels = op.result;
	state->flags = seg->flags;
	return 0;
}
EXPORT_SYMBOL_GPL(hicamp_segment_info);

/* Nobody needs the id any more; called by map.c. */
void hicamp_segment_free(struct hicamp_segment *seg)
{
	struct hicamp_segment_op op = {
		.command = HICAMP_SEG_FREE,
		.segment = seg->id,
	};
	int err = hicamp_segment_stale(seg) ? 0 : hicamp_segment_op(&op);

	if (err)
		pr_warn_ratelimited("%s: cannot free segment %#x: %d\n",
				    HICAMP_NAME, seg->id, err);
	xa_destroy(&seg->chunks);
	mutex_destroy(&seg->lock);
	kfree(seg);
}

static void hicamp_segment_release(struct kref *users)
{
	hicamp_map_put(container_of(users, struct hicamp_segment, users));
}

/**
 * hicamp_segment_put - drop a reference to a segment
 * @seg: the segment
 *
 * With the last one the segment goes, as soon as no page of it is in use.
 */
void hicamp_segment_put(struct hicamp_segment *seg)
{
	kref_put(&seg->users, hicamp_segment_release);
}
EXPORT_SYMBOL_GPL(hicamp_segment_put);
