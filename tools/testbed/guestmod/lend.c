// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages lent to another guest, who may be paused, in UDP packets of one byte
 * value; then they are taken back, or written, or their owner dies, and dom0
 * looks at what the other guest has read.  A flow leads from A, for peermac, to
 * its port; it is 10.0.0.2 and listens on port 7001.
 *
 * Pages that are given back to Xen are lost to this guest for good.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/udp.h>
#include <linux/vmalloc.h>
#include <net/ip.h>
#include <xen/interface/xen.h>
#include <xen/interface/memory.h>
#include <xen/page.h>

#include "hostile.h"

#define PAGES		256
#define BYTES		1024	/* of each packet's payload */
#define OLD		0xa5	/* what the other guest is to read */
#define NEW		0x5a
#define GIVEN		32	/* pages given back, in each way */

static u8 *pages[PAGES];
static struct hicamp_run *runs;	/* PAGES; references, as issued */
static u8 *bytes;		/* PAGES * BYTES */
static u32 segment;
static unsigned int status[3];	/* completions, by HICAMP_COMP_* */

static bool by(const char *name)
{
	return !strcmp(how, name);
}

/* ---- Segment ------------------------------------------------------------ */

static long segment_op(u16 command, u64 n)
{
	struct hicamp_segment_op o = {
		.command = command, .segment = segment,
	};
	struct hicamp_segment_batch b = { .ops = (ulong)&o, .nr = 1 };
	long rc;

	if (command == HICAMP_SEG_WRITE)
		o.addr = (ulong)bytes;
	o.bytes = n;
	rc = op(HICAMP_OP_segment, &b);
	if (command == HICAMP_SEG_CREATE)
		segment = o.segment;
	return rc;
}

/* ---- Lending ------------------------------------------------------------ */

static bool prepare(void)
{
	u16 flags = by("sealed") ? HICAMP_RUN_SEALED : 0;
	unsigned int i;

	bytes = vmalloc(PAGES * BYTES);
	runs = vzalloc(PAGES * sizeof(*runs));
	if (!bytes || !runs)
		return false;
	memset(bytes, OLD, PAGES * BYTES);
	for (i = 0; i < PAGES; i++) {
		pages[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!pages[i])
			return false;
		memset(pages[i], OLD, PAGE_SIZE);
		runs[i].frame = virt_to_gfn(pages[i]);
		runs[i].flags = flags;
		if (flags && protect(pages[i], true))
			return false;
	}
	if (by("segment"))
		return !segment_op(HICAMP_SEG_CREATE, PAGES * BYTES) &&
		       !segment_op(HICAMP_SEG_WRITE, PAGES * BYTES);
	return by("frame") ||
	       !space_op(HICAMP_OP_space_issue, runs, PAGES, NULL);
}

static void datagram(struct packet *k, unsigned int i)
{
	struct iphdr *ip = (void *)k->bytes + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);

	make(k, ETH_HLEN + sizeof(*ip) + sizeof(*udp));
	memcpy(k->bytes, peermac, ETH_ALEN);
	k->bytes[12] = 0x08;
	k->bytes[13] = 0x00;
	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
		.tot_len = htons(sizeof(*ip) + sizeof(*udp) + BYTES),
		.saddr = htonl(0x0a00004d), .daddr = htonl(0x0a000002),
	};
	ip->check = ip_fast_csum(ip, ip->ihl);
	udp->source = udp->dest = htons(7001);
	udp->len = htons(sizeof(*udp) + BYTES);
	k->h.len += BYTES;
	k->h.nr_extents = 1;
	k->ext[0].len = BYTES;
	if (by("frame")) {
		k->ext[0].type = HICAMP_EXT_FRAME;
		k->ext[0].name = runs[i].frame;
	} else if (by("segment")) {
		k->ext[0].type = HICAMP_EXT_SEGMENT;
		k->ext[0].name = segment;
		k->ext[0].offset = i * BYTES;
	} else {
		k->ext[0].type = HICAMP_EXT_REF;
		k->ext[0].name = runs[i].ref;
	}
}

static void reap(void)
{
	u32 prod = READ_ONCE(port_a.ctrl->comp_prod), s;

	smp_rmb();
	for (; port_a.comp_cons != prod; port_a.comp_cons++) {
		s = port_a.comp[port_a.comp_cons % RING].status;
		if (s < ARRAY_SIZE(status))
			status[s]++;
	}
	smp_mb();
	WRITE_ONCE(port_a.ctrl->comp_cons, prod);
}

static bool taken(void)
{
	return READ_ONCE(port_a.ctrl->tx_cons) == port_a.tx_prod;
}

/* The last ones stay borrowed, as many as completions can be under way. */
static void lend(unsigned int n)
{
	unsigned int i, tries;
	struct packet k;
	long rc = 0;

	for (i = 0; i < n && !rc; i++) {
		datagram(&k, i % PAGES);
		put(&k);
		if (i % 16 != 15 && i + 1 < n)
			continue;
		rc = ring();
		for (tries = 0; tries < 1000 && !rc && !taken(); tries++) {
			reap();
			usleep_range(500, 1000);
			rc = ring();
		}
	}
	expect(rc, 0, "pages_are_lent_by_%s", how);
	expect_true(taken(), "all_packets_are_taken_by_%s", how);
}

/* ---- Taking back -------------------------------------------------------- */

static long exchange(u64 frame, ulong pfn)
{
	xen_pfn_t in = frame, out = pfn;
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};

	set_xen_guest_handle(x.in.extent_start, &in);
	set_xen_guest_handle(x.out.extent_start, &out);
	return HYPERVISOR_memory_op(XENMEM_exchange, &x) ?: !x.nr_exchanged;
}

static long balloon_out(u64 frame)
{
	xen_pfn_t in = frame;
	struct xen_memory_reservation r = {
		.nr_extents = 1, .domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, &in);
	return HYPERVISOR_memory_op(XENMEM_decrease_reservation, &r) != 1;
}

static long unmap(void *page)
{
	return HYPERVISOR_update_va_mapping((ulong)page, __pte(0),
					    UVMF_TLB_FLUSH | UVMF_ALL);
}

static long pin(u64 frame, unsigned int cmd)
{
	struct mmuext_op mmuext = { .cmd = cmd, .arg1.mfn = frame };

	return HYPERVISOR_mmuext_op(&mmuext, 1, NULL, DOMID_SELF);
}

static void take_back(void)
{
	unsigned int i, ballooned = 0, exchanged = 0, pinned = 0;
	ktime_t began;
	u32 served;
	long rc;

	/* Another page, so that what is lent stays as it is. */
	rc = unmap(pages[PAGES - 1]);
	expect(rc, 0, "page_to_be_exchanged_is_unmapped");
	expect_true(exchange(runs[PAGES - 1].frame,
			     virt_to_pfn(pages[PAGES - 1])),
		    "issued_page_is_not_exchanged");

	began = ktime_get();
	rc = space_op(HICAMP_OP_space_revoke, runs, PAGES, &served);
	pr_notice("hostile: revoke took %lld us\n",
		  ktime_us_delta(ktime_get(), began));
	expect(rc, 0, "all_pages_are_revoked_at_once");
	expect(served, PAGES, "each_page_is_revoked");
	reap();
	expect(status[0] + status[1], count, "revoke_completes_all_packets");

	for (i = 0; i < PAGES - 1; i++)
		memset(pages[i], NEW, PAGE_SIZE);

	for (i = 0; i < GIVEN; i++)
		if (!unmap(pages[i]) && !balloon_out(runs[i].frame))
			ballooned++;
	expect(ballooned, GIVEN, "revoked_pages_are_ballooned_out");
	for (; i < 2 * GIVEN; i++)
		if (!unmap(pages[i]) &&
		    !exchange(runs[i].frame, virt_to_pfn(pages[i])))
			exchanged++;
	expect(exchanged, GIVEN, "revoked_pages_are_exchanged");
	for (; i < 3 * GIVEN; i++) {
		memset(pages[i], 0, PAGE_SIZE);
		if (!protect(pages[i], true) &&
		    !pin(runs[i].frame, MMUEXT_PIN_L1_TABLE) &&
		    !pin(runs[i].frame, MMUEXT_UNPIN_TABLE) &&
		    !protect(pages[i], false))
			pinned++;
	}
	expect(pinned, GIVEN, "revoked_pages_become_page_tables");
}

static void write_over(void)
{
	unsigned int i, refused = 0;

	if (by("segment")) {
		memset(bytes, NEW, PAGES * BYTES);
		expect(segment_op(HICAMP_SEG_WRITE, PAGES * BYTES), 0,
		       "segment_is_written_while_it_is_sent");
		expect(segment_op(HICAMP_SEG_FREE, 0), 0,
		       "segment_is_freed_while_it_is_sent");
		return;
	}
	for (i = 0; i < PAGES; i++) {
		if (!by("sealed"))
			memset(pages[i], NEW, PAGE_SIZE);
		else if (protect(pages[i], false))
			refused++;
	}
	if (by("sealed"))
		expect(refused, PAGES, "no_sealed_page_is_mapped_writable");
}

/* Pages stay: Xen has some, and what the others are is not worth telling. */
void group_lend(void)
{
	if (!prepare()) {
		pr_notice("hostile: FAIL lend_prepares: got 0, want 1\n");
		return;
	}
	expect(attach(&port_a), 0, "lender_attaches");
	lend(count);
	reap();
	/* Else there is nothing that what follows could change. */
	if (!by("frame"))
		expect_true(status[0] + status[1] + status[2] < count,
			    "some_packets_borrow_still_by_%s", how);
	if (!strcmp(then, "revoke"))
		take_back();
	else if (!strcmp(then, "write"))
		write_over();
	else if (!strcmp(then, "wait"))
		msleep(seconds * 1000);
	reap();
	pr_notice("hostile: lent %u, ok %u, torn %u, bad %u\n", count,
		  status[HICAMP_COMP_OK], status[HICAMP_COMP_TORN],
		  status[HICAMP_COMP_BAD]);
	done("lend");
}
