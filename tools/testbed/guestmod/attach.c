// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach, detach, doorbell: sizes, frames, indices, order of calls.  Port A
 * exists and is detached, before and after.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <xen/page.h>

#include "hostile.h"

static long attach_with(const struct hicamp_port_attach *a)
{
	struct hicamp_port_attach copy = *a;
	long rc;

	memset(port_a.area, 0, AREA_PAGES * PAGE_SIZE);
	rc = op(HICAMP_OP_port_attach, &copy);
	if (!rc)
		detach(&port_a);
	return rc;
}

static void arguments(void)
{
	static const u32 sizes[] = {
		0, 1, 32, 63, 65, 96, 4095, 8192, 1u << 30, 1u << 31, ~0u,
	};
	static const u32 queues[] = { 0, 9, 255, 65536, ~0u };
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	unsigned int i, j;
	u32 *size;

	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		attach_fill(&port_a, &a, &q);
		a.nr_queues = queues[i];
		expect(attach_with(&a), -EINVAL, "attach_%u_queues",
		       queues[i]);
	}

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < 4; j++) {
			attach_fill(&port_a, &a, &q);
			size = &q.tx_slots + j;
			*size = sizes[i];
			expect(attach_with(&a), -EINVAL,
			       "attach_ring_%u_of_%u", j, sizes[i]);
		}

	for (i = 0; i < 4; i++) {
		static const u32 nr[] = { 0, AREA_PAGES - 1, AREA_PAGES + 1,
					  ~0u };

		attach_fill(&port_a, &a, &q);
		q.nr_frames = nr[i];
		expect(attach_with(&a), -EINVAL, "attach_with_%u_frames",
		       nr[i]);
	}

	attach_fill(&port_a, &a, &q);
	a.features = 1;
	expect(attach_with(&a), -EINVAL, "attach_with_unknown_feature");

	attach_fill(&port_a, &a, &q);
	a.port = 1;
	expect(attach_with(&a), -EINVAL, "attach_with_output_not_zero");

	attach_fill(&port_a, &a, &q);
	q.evtchn = 1;
	expect(attach_with(&a), -EINVAL, "attach_with_event_not_zero");

	attach_fill(&port_a, &a, &q);
	a.devid = 79;
	expect(attach_with(&a), -ENOENT, "attach_unknown_device");
	a.devid = ~0u;
	expect(attach_with(&a), -ENOENT, "attach_last_device");
	/* Device 0 has a port, but in other domains. */
	a.devid = 0;
	expect(attach_with(&a), -ENOENT, "attach_device_of_others");

	attach_fill(&port_a, &a, &q);
	a.queues = 0xffff830000000000ull;
	expect(attach_with(&a), -EFAULT, "attach_queues_in_xen");
	a.queues = 0;
	expect(attach_with(&a), -EFAULT, "attach_queues_null");

	attach_fill(&port_a, &a, &q);
	q.frames = 0x0000800000000000ull;
	expect(attach_with(&a), -EFAULT, "attach_frames_noncanonical");
	q.frames = ~0ull - 15;
	expect(attach_with(&a), -EFAULT, "attach_frames_wrapping");
}

static void frames(void)
{
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	struct bad_frame bad;
	unsigned int i;

	for (i = 0; bad_frame(i, &bad); i++) {
		attach_fill(&port_a, &a, &q);
		port_a.frames[0] = bad.frame;
		expect(attach_with(&a), -EINVAL, "attach_first_frame_%s",
		       bad.name);
		attach_fill(&port_a, &a, &q);
		port_a.frames[AREA_PAGES - 1] = bad.frame;
		expect(attach_with(&a), -EINVAL, "attach_last_frame_%s",
		       bad.name);
	}

	/* A page table is no writable memory. */
	attach_fill(&port_a, &a, &q);
	port_a.frames[1] = virt_to_gfn(current->mm->pgd);
	expect(attach_with(&a), -EINVAL, "attach_frame_of_page_table");
}

static void indices(void)
{
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct hicamp_port_attach copy;
		u32 *index;

		attach_fill(&port_a, &a, &q);
		copy = a;
		memset(port_a.area, 0, AREA_PAGES * PAGE_SIZE);
		index = (u32 *)port_a.area + i * 16;
		*index = i & 1 ? ~0u : 1;
		expect(op(HICAMP_OP_port_attach, &copy), -EINVAL,
		       "attach_with_index_%u_not_zero", i);
	}
}

/* All rings in one and the same page: odd, but the guest's own affair. */
void group_alias(void)
{
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	unsigned int i;
	long rc;

	attach_fill(&port_a, &a, &q);
	for (i = 1; i < AREA_PAGES; i++)
		port_a.frames[i] = port_a.frames[0];
	memset(port_a.area, 0, AREA_PAGES * PAGE_SIZE);
	rc = op(HICAMP_OP_port_attach, &a);
	expect(rc, 0, "attach_one_frame_four_times");
	if (rc)
		return;
	port_a.id = a.port;
	/* What it now reads as packets, it has written as indices. */
	port_a.ctrl->tx_prod = RING;
	doorbell(&port_a, HICAMP_DOORBELL_TX);
	port_a.ctrl->fill_prod = RING;
	doorbell(&port_a, HICAMP_DOORBELL_RX);
	expect(detach(&port_a), 0, "detach_aliased_rings");
	done("alias");
}

static void order(void)
{
	struct hicamp_port_attach a;
	struct hicamp_port_detach d = { .devid = port_a.devid, .pad = 1 };
	struct hicamp_queue q;
	unsigned int i;
	long rc = 0;

	expect(detach(&port_a), -ENOTCONN, "detach_before_attach");
	expect(attach(&port_a), 0, "attach");
	expect(doorbell(&port_a, HICAMP_DOORBELL_TX), 0, "doorbell_tx_idle");
	expect(doorbell(&port_a, HICAMP_DOORBELL_RX), 0, "doorbell_rx_idle");
	attach_fill(&port_a, &a, &q);
	expect(op(HICAMP_OP_port_attach, &a), -EBUSY, "attach_twice");
	expect(op(HICAMP_OP_port_detach, &d), -EINVAL, "detach_with_padding");
	expect(doorbell(&port_a, HICAMP_DOORBELL_TX), 0,
	       "port_works_after_refused_attach");
	expect(detach(&port_a), 0, "detach");
	expect(detach(&port_a), -ENOTCONN, "detach_twice");
	expect(doorbell(&port_a, HICAMP_DOORBELL_TX), -ENOTCONN,
	       "doorbell_after_detach");

	for (i = 0; i < 100 && !rc; i++)
		rc = attach(&port_a) ?: detach(&port_a);
	expect(rc, 0, "attach_and_detach_100_times");
}

/* The call succeeds, but its result cannot be written. */
static void unwritable(void)
{
	struct hicamp_queue *q = (void *)__get_free_page(GFP_KERNEL);
	struct hicamp_port_attach a;
	long rc;

	if (!q)
		return;
	attach_fill(&port_a, &a, q);
	memset(port_a.area, 0, AREA_PAGES * PAGE_SIZE);
	expect(protect(q, true), 0, "page_is_made_read_only");
	expect(op(HICAMP_OP_port_attach, &a), -EFAULT,
	       "attach_queue_read_only");
	protect(q, false);
	free_page((ulong)q);
	rc = detach(&port_a);
	expect_true(!rc || rc == -ENOTCONN, "detach_after_failed_attach");
}

static void doorbells(void)
{
	static const u64 whats[] = { 0, 4, 5, 8, 0x8000, 0xffff };
	unsigned int i;

	expect(attach(&port_a), 0, "attach_for_doorbells");
	for (i = 0; i < ARRAY_SIZE(whats); i++)
		expect(op_at(HICAMP_OP_doorbell,
			     HICAMP_DOORBELL(port_a.id, 0, whats[i])),
		       -EINVAL, "doorbell_what_%#llx", whats[i]);
	for (i = 1; i <= 0x8000; i *= 8)
		expect(op_at(HICAMP_OP_doorbell,
			     HICAMP_DOORBELL(port_a.id, i, 1)),
		       -EINVAL, "doorbell_queue_%u", i);
	expect(op_at(HICAMP_OP_doorbell, HICAMP_DOORBELL(0, 0, 1)), -ENOENT,
	       "doorbell_port_0");
	expect(op_at(HICAMP_OP_doorbell, HICAMP_DOORBELL(~0u, 0, 1)), -ENOENT,
	       "doorbell_port_ffffffff");
	expect(op_at(HICAMP_OP_doorbell,
		     HICAMP_DOORBELL(port_a.id & 0xffff, 0, 1)), -ENOENT,
	       "doorbell_port_without_generation");
	expect(op_at(HICAMP_OP_doorbell,
		     HICAMP_DOORBELL(port_a.id + 0x10000, 0, 1)), -ENOENT,
	       "doorbell_port_of_next_generation");
	if (peerport)
		expect(op_at(HICAMP_OP_doorbell,
			     HICAMP_DOORBELL(peerport, 0, 3)), -ENOENT,
		       "doorbell_of_other_guest");
	expect(doorbell(&port_a, 3), 0, "doorbell_still_rings");
	expect(detach(&port_a), 0, "detach_after_doorbells");
}

void group_attach(void)
{
	arguments();
	frames();
	indices();
	order();
	unwritable();
	doorbells();
	done("attach");
}
