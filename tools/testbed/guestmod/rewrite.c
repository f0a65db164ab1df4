// SPDX-License-Identifier: GPL-2.0-only
/*
 * One vCPU sends, the other rewrites the headers of what stands in the tx ring,
 * all the time.  Flows lead from A, for B's address, to B, and for A's own, to
 * A; A takes only packets with its own source address.  So whatever arrives at
 * a port must be addressed to it and come from A: the copy that Xen took
 * decides, not what it may have read before or after.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <xen/page.h>

#include "hostile.h"

#define BURST		12	/* packets to a doorbell */
#define HEADER		32	/* of a slot, where a packet's bytes begin */

static struct {
	unsigned long here, astray, torn;
} got[2];

/* Addresses to B or to A, from A or from nobody; 12 bytes of each packet. */
static int rewriter(void *unused)
{
	u8 *slot, to[2][8];
	unsigned int i, n = 0;

	for (i = 0; i < 2; i++) {
		memcpy(to[i], i ? port_a.mac : port_b.mac, 6);
		memcpy(to[i] + 6, port_a.mac, 2);
	}
	while (!kthread_should_stop()) {
		for (i = 0; i < RING; i++, n++) {
			slot = port_a.tx[i].bytes + HEADER;
			WRITE_ONCE(*(u64 *)slot, *(u64 *)to[n & 1]);
			slot[11] = n & 12 ? port_a.mac[5] : 0x99;
			slot[14] = n;
		}
		cond_resched();
	}
	return 0;
}

static void collect(struct port *p, unsigned int index)
{
	struct packet k;

	while (receive(p, &k)) {
		if (memcmp(k.bytes, p->mac, 6) ||
		    memcmp(k.bytes + 6, port_a.mac, 6))
			got[index].astray++;
		else if (k.h.nr_extents > 1)
			got[index].torn++;
		else
			got[index].here++;
	}
	doorbell(p, HICAMP_DOORBELL_RX);
}

/* A buffer for the next packet with an extent, if none is there. */
static void refill(struct port *p, u32 ref)
{
	if (READ_ONCE(p->ctrl->fill_cons) == p->fill_prod)
		post(p, ref, 0, PAGE_SIZE, 0);
}

void group_rewrite(void)
{
	u8 *payload = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	u8 *buffer = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	struct task_struct *task;
	unsigned int sent = 0, i;
	struct packet k;
	u32 ref = 0;
	long rc;

	if (!payload || !buffer)
		return;
	expect(attach(&port_a) ?: attach(&port_b), 0, "rewrite_begins");
	expect(issue(virt_to_gfn(buffer), 0, HICAMP_RUN_RW, &ref), 0,
	       "rewrite_has_a_buffer");
	task = kthread_create(rewriter, NULL, "rewriter");
	if (IS_ERR(task))
		return;
	expect_true(num_online_cpus() > 1 &&
		    !set_cpus_allowed_ptr(current, cpumask_of(0)),
		    "rewriter_has_a_vcpu_of_its_own");
	kthread_bind(task, num_online_cpus() > 1);
	wake_up_process(task);

	for (rc = 0; sent < count && !rc; sent += BURST) {
		for (i = 0; i < BURST; i++) {
			make(&k, 60);
			if (!i) {
				k.h.len += 200;
				k.h.nr_extents = 1;
				k.ext[0].name = virt_to_gfn(payload);
				k.ext[0].len = 200;
			}
			put(&k);
		}
		rc = ring();
		collect(&port_a, 0);
		collect(&port_b, 1);
		refill(&port_a, ref);
		refill(&port_b, ref);
		WRITE_ONCE(port_a.ctrl->comp_cons,
			   READ_ONCE(port_a.ctrl->comp_prod));
		cond_resched();
	}
	kthread_stop(task);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	collect(&port_a, 0);
	collect(&port_b, 1);

	expect(rc, 0, "rewriting_stops_no_ring");
	pr_notice("hostile: rewrote %u: %lu to A, %lu to B\n", sent,
		  got[0].here, got[1].here);
	expect_true(got[0].here > count / 50 && got[1].here > count / 50,
		    "rewritten_packets_go_both_ways");
	expect(got[0].astray + got[1].astray, 0, "no_packet_goes_astray");
	expect(got[0].torn + got[1].torn, 0, "no_packet_has_other_extents");
	expect(detach(&port_a) ?: detach(&port_b), 0, "rewrite_ends");
	expect(revoke(ref), 0, "rewrite_revokes_its_buffer");
	free_page((ulong)payload);
	free_page((ulong)buffer);
	done("rewrite");
}
