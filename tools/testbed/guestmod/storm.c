// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random everything, from two threads, for some seconds: rings full of rubbish
 * and of packets that are nearly right, indices that jump, buffers and runs
 * that come and go under the packets that name them, attach and detach in
 * between.  Nothing is predicted but that host and guest live and that the
 * ports work afterwards.  What Xen may write to is memory set aside for that.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/page.h>

#include "hostile.h"

#define POOL		64	/* pages that Xen may write to */
#define REFS		512	/* runs of one thread */
#define THREADS		2

struct storm {
	struct rnd_state rnd;
	struct task_struct *task;
	unsigned long end;	/* jiffies */
	unsigned long rounds;
	u32 refs[REFS];
	struct hicamp_run runs[64];
};

static u64 pool[POOL];
static struct storm storms[THREADS];

static u32 below(struct storm *s, u32 n)
{
	return prandom_u32_state(&s->rnd) % n;
}

static u64 any_frame(struct storm *s)
{
	struct bad_frame bad;

	switch (below(s, 8)) {
	case 0:
		if (bad_frame(below(s, 10), &bad))
			return bad.frame;
		fallthrough;
	case 1:
		return prandom_u32_state(&s->rnd) & 0x1fffff;
	default:
		return pool[below(s, POOL)];
	}
}

static void any_extent(struct storm *s, struct hicamp_extent *e)
{
	e->type = below(s, 16) ? below(s, 2) : below(s, 65536);
	e->name = e->type == HICAMP_EXT_REF ? s->refs[below(s, REFS)]
					     : any_frame(s);
	e->offset = below(s, 4) ? below(s, PAGE_SIZE)
				: prandom_u32_state(&s->rnd);
	e->len = below(s, 8) ? below(s, PAGE_SIZE) : below(s, 65536);
}

/* Good TCP/IPv4 headers up to 54 bytes, for GSO to be wrong about. */
static void headers(struct storm *s, struct hicamp_pkt *h, u8 *bytes)
{
	static const u8 ip[] = {
		0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0,
		10, 0, 0, 77, 10, 0, 0, 1,
		0x12, 0x34, 0x13, 0xec, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10,
		1, 0, 0, 0, 0, 0,
	};

	bytes[12] = 8;
	bytes[13] = 0;
	memcpy(bytes + 14, ip, sizeof(ip));
	bytes[16] = (h->len - 14) >> 8;
	bytes[17] = h->len - 14;
	h->flags = HICAMP_PKT_CSUM_PARTIAL;
	h->csum_start = 34;
	h->csum_offset = below(s, 4) ? 16 : below(s, 40);
	if (below(s, 4)) {
		h->gso_type = 1 + below(s, 2);
		h->gso_size = below(s, 2) ? 1 + below(s, 3000)
					  : 1 + below(s, 65535);
	}
}

/* A packet that is right in most respects, slot by slot into the ring. */
static void plausible(struct storm *s, struct port *p)
{
	struct {
		struct hicamp_pkt h;
		u8 bytes[HICAMP_INLINE_MAX];
		struct hicamp_extent ext[HICAMP_EXTENTS_MAX];
	} k;
	unsigned int i, n;

	memset(&k, 0, sizeof(k));
	k.h.inline_len = 14 + below(s, HICAMP_INLINE_MAX - 13);
	k.h.nr_extents = below(s, 4) ? below(s, 4)
				     : below(s, HICAMP_EXTENTS_MAX + 1);
	k.h.len = k.h.inline_len;
	prandom_bytes_state(&s->rnd, k.bytes, sizeof(k.bytes));
	memcpy(k.bytes, below(s, 4) ? port_b.mac : peermac, 6);
	memcpy(k.bytes + 6, p->mac, 6);
	if (below(s, 2)) {
		k.bytes[12] = 8;
		k.bytes[13] = 0;
		k.bytes[14] = 0x45;
	}
	for (i = 0; i < k.h.nr_extents; i++) {
		any_extent(s, &k.ext[i]);
		k.h.len += k.ext[i].len;
	}
	if (k.h.inline_len >= 54 && below(s, 2))
		headers(s, &k.h, k.bytes);
	k.h.id = prandom_u32_state(&s->rnd);
	/* One wrong byte of the header in one of four. */
	if (!below(s, 4))
		((u8 *)&k.h)[below(s, sizeof(k.h))] ^= 1 << below(s, 8);

	n = HICAMP_HDR_SLOTS(min_t(u32, k.h.inline_len, HICAMP_INLINE_MAX));
	for (i = 0; i < n; i++)
		memcpy(p->tx[p->tx_prod++ % RING].bytes,
		       (u8 *)&k + i * SLOT_BYTES, SLOT_BYTES);
	n = min_t(u32, k.h.nr_extents, HICAMP_EXTENTS_MAX);
	for (i = 0; i < n; i += 4)
		memcpy(p->tx[p->tx_prod++ % RING].bytes, &k.ext[i],
		       min(n - i, 4u) * sizeof(k.ext[0]));
}

static long transmit(struct storm *s, struct port *p)
{
	unsigned int i, n = 1 + below(s, 8);

	for (i = 0; i < n; i++) {
		if (below(s, 8)) {
			plausible(s, p);
		} else {
			prandom_bytes_state(&s->rnd,
					    &p->tx[p->tx_prod % RING],
					    SLOT_BYTES);
			p->tx_prod++;
		}
	}
	if (!below(s, 256))
		p->tx_prod += prandom_u32_state(&s->rnd);
	smp_wmb();
	WRITE_ONCE(p->ctrl->tx_prod, p->tx_prod);
	return doorbell(p, HICAMP_DOORBELL_TX);
}

static long refill(struct storm *s, struct port *p)
{
	unsigned int i, n = below(s, 16);

	for (i = 0; i < n; i++)
		p->fill[p->fill_prod++ % RING] = (struct hicamp_fill){
			.ref = s->refs[below(s, REFS)],
			.offset = below(s, 4) ? 0 : below(s, 2 * PAGE_SIZE),
			.len = below(s, 4) ? PAGE_SIZE
					   : prandom_u32_state(&s->rnd),
		};
	if (!below(s, 256))
		p->fill_prod += prandom_u32_state(&s->rnd);
	smp_wmb();
	WRITE_ONCE(p->ctrl->fill_prod, p->fill_prod);
	if (below(s, 4)) {
		WRITE_ONCE(p->ctrl->rx_cons, READ_ONCE(p->ctrl->rx_prod));
		WRITE_ONCE(p->ctrl->comp_cons, READ_ONCE(p->ctrl->comp_prod));
	} else if (!below(s, 64)) {
		WRITE_ONCE(p->ctrl->rx_cons, prandom_u32_state(&s->rnd));
	} else if (!below(s, 64)) {
		WRITE_ONCE(p->ctrl->comp_cons, prandom_u32_state(&s->rnd));
	}
	return doorbell(p, HICAMP_DOORBELL_RX | below(s, 4));
}

/* Runs to write to are single pages of the pool; to read, of any order. */
static void runs(struct storm *s)
{
	u32 i, served = 0, at = below(s, REFS - 64), n = 1 + below(s, 64);

	for (i = 0; i < n; i++)
		s->runs[i].ref = s->refs[at + i];
	for (i = 0; i < n; i += served + 1)
		space_op(HICAMP_OP_space_revoke, s->runs + i, n - i, &served);

	for (i = 0; i < n; i++) {
		bool write = below(s, 4);

		s->runs[i] = (struct hicamp_run){
			.frame = write ? pool[below(s, POOL)] : any_frame(s),
			.order = write ? 0 : below(s, 6),
			.flags = write ? HICAMP_RUN_RW : 0,
		};
	}
	for (i = 0; i < n; i += served + 1)
		space_op(HICAMP_OP_space_issue, s->runs + i, n - i, &served);
	for (i = 0; i < n; i++)
		s->refs[at + i] = s->runs[i].ref;
}

static void rubbish(struct storm *s)
{
	static const u8 cmds[] = {
		HICAMP_OP_version, HICAMP_OP_info, HICAMP_OP_admin_set,
		HICAMP_OP_port_detach, HICAMP_OP_doorbell,
		HICAMP_OP_port_create, HICAMP_OP_port_destroy,
		HICAMP_OP_flow_update, HICAMP_OP_flow_dump,
		HICAMP_OP_fabric_attach, 15, 63, 255,
	};
	u32 room[16];

	prandom_bytes_state(&s->rnd, room, sizeof(room));
	op(cmds[below(s, ARRAY_SIZE(cmds))], room);
}

static int storm(void *arg)
{
	struct storm *s = arg;
	struct port *p;
	long rc = 0;

	while (time_before(jiffies, s->end)) {
		p = below(s, 4) ? &port_a : &port_b;
		switch (below(s, 16)) {
		case 0:
			runs(s);
			break;
		case 1:
			rubbish(s);
			break;
		case 2 ... 6:
			rc = refill(s, p);
			break;
		case 7:
			if (!below(s, 16))
				detach(p);
			break;
		default:
			rc = transmit(s, p);
			break;
		}
		if (rc) {
			detach(p);
			attach(p);
			rc = 0;
		}
		s->rounds++;
		cond_resched();
	}
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

void group_storm(void)
{
	unsigned int i, j;

	for (i = 0; i < POOL; i++) {
		void *page = (void *)__get_free_page(GFP_KERNEL);

		if (!page)
			return;
		pool[i] = virt_to_gfn(page);	/* kept for ever */
	}
	expect(attach(&port_a) ?: attach(&port_b), 0, "storm_begins");
	for (i = 0; i < THREADS; i++) {
		struct storm *s = &storms[i];
		u64 seed = get_random_u64();

		prandom_seed_state(&s->rnd, seed);
		s->end = jiffies + seconds * HZ;
		s->task = kthread_run(storm, s, "storm%u", i);
		if (IS_ERR(s->task))
			return;
	}
	msleep(seconds * 1000);
	for (i = 0; i < THREADS; i++) {
		kthread_stop(storms[i].task);
		expect_true(storms[i].rounds > 100, "storm_%u_did_something",
			    i);
		pr_notice("hostile: storm %u: %lu rounds\n", i,
			  storms[i].rounds);
	}

	detach(&port_a);
	detach(&port_b);
	for (i = 0; i < THREADS; i++)
		for (j = 0; j < REFS; j++)
			revoke(storms[i].refs[j]);
	expect(attach(&port_a), 0, "port_attaches_after_storm");
	expect(doorbell(&port_a, 3), 0, "doorbell_after_storm");
	expect(detach(&port_a), 0, "port_detaches_after_storm");
	done("storm");
}
