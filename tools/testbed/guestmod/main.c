// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: parameters, results, and what all groups use.  Everything runs
 * while the module loads, so "modprobe hicamp_hostile groups=calls,tx" returns
 * when it is through; rmmod does nothing but free it.
 */
#define pr_fmt(fmt) "hostile: " fmt

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/interface/xen.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "hostile.h"

static char *groups = "noport";
module_param(groups, charp, 0444);
MODULE_PARM_DESC(groups, "what to do, comma-separated, in this order");

ulong peerframe;
module_param(peerframe, ulong, 0444);
MODULE_PARM_DESC(peerframe, "a frame of another guest");

ulong hostframe;
module_param(hostframe, ulong, 0444);
MODULE_PARM_DESC(hostframe, "a frame of the control domain");

uint peerport;
module_param(peerport, uint, 0444);
MODULE_PARM_DESC(peerport, "a port id of another guest");

u8 peermac[6];
module_param_array(peermac, byte, NULL, 0444);
MODULE_PARM_DESC(peermac, "six numbers: whom the storm sends to as well");

uint domid;
module_param(domid, uint, 0444);
MODULE_PARM_DESC(domid, "in dom0: the domain whose ports are made and unmade");

uint seconds = 10;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long the storm lasts");

uint step = 16;
module_param(step, uint, 0444);
MODULE_PARM_DESC(step, "the scan tries one frame of so many");

uint count = 100000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "packets to send, rewrite and lend");

char *how = "ref";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "lend: by ref, sealed, segment or frame");

char *then = "";
module_param(then, charp, 0444);
MODULE_PARM_DESC(then, "lend: then revoke, write or wait");

struct port port_a = {
	.name = 'A', .devid = 77, .mac = { 2, 0, 0, 0, 0, 0x77 },
};

struct port port_b = {
	.name = 'B', .devid = 78, .mac = { 2, 0, 0, 0, 0, 0x78 },
};

static unsigned int nr_failed;

/* ---- Results ------------------------------------------------------------ */

static void verdict(bool good, long got, long want, const char *fmt,
		    va_list args)
{
	char name[96];

	vscnprintf(name, sizeof(name), fmt, args);
	if (good) {
		pr_notice("ok %s\n", name);
	} else {
		nr_failed++;
		pr_notice("FAIL %s: got %ld, want %ld\n", name, got, want);
	}
}

void expect(long got, long want, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	verdict(got == want, got, want, fmt, args);
	va_end(args);
}

void expect_true(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	verdict(good, good, true, fmt, args);
	va_end(args);
}

static const char * const counter_names[] = {
#define NAME(x) #x,
	HICAMP_PORT_COUNTERS(NAME)
#undef NAME
};

static void print_counters(const struct port *p)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counter_names); i++)
		if (!strncmp(counter_names[i], "drop_", 5) || p->want[i])
			pr_notice("counter %c %s %llu\n", p->name,
				  counter_names[i], p->want[i]);
}

void done(const char *group)
{
	pr_notice("done %s\n", group);
}

/* ---- Hypercalls --------------------------------------------------------- */

long space_op(unsigned int cmd, void *runs, u32 nr, u32 *done)
{
	struct hicamp_space_op arg = { .runs = (ulong)runs, .nr = nr };
	long rc = op(cmd, &arg);

	if (done)
		*done = arg.done;
	return rc;
}

long issue(u64 frame, u16 order, u16 flags, u32 *ref)
{
	struct hicamp_run run = {
		.frame = frame, .order = order, .flags = flags,
	};
	long rc = space_op(HICAMP_OP_space_issue, &run, 1, NULL);

	*ref = run.ref;
	return rc;
}

long revoke(u32 ref)
{
	struct hicamp_run run = { .ref = ref };

	return space_op(HICAMP_OP_space_revoke, &run, 1, NULL);
}

long doorbell(const struct port *p, unsigned int what)
{
	return op_at(HICAMP_OP_doorbell, HICAMP_DOORBELL(p->id, 0, what));
}

void attach_fill(struct port *p, struct hicamp_port_attach *a,
		 struct hicamp_queue *q)
{
	unsigned int i;

	for (i = 0; i < AREA_PAGES; i++)
		p->frames[i] = virt_to_gfn(p->area + i * PAGE_SIZE);
	*q = (struct hicamp_queue){
		.tx_slots = RING,
		.rx_slots = RING,
		.fill_entries = RING,
		.comp_entries = RING,
		.frames = (ulong)p->frames,
		.nr_frames = AREA_PAGES,
	};
	*a = (struct hicamp_port_attach){
		.devid = p->devid,
		.nr_queues = 1,
		.queues = (ulong)q,
	};
}

long attach(struct port *p)
{
	struct hicamp_port_attach a;
	struct hicamp_queue q;
	long rc;

	memset(p->area, 0, AREA_PAGES * PAGE_SIZE);
	p->tx_prod = p->comp_cons = p->fill_prod = p->rx_cons = 0;
	attach_fill(p, &a, &q);
	rc = op(HICAMP_OP_port_attach, &a);
	if (!rc)
		p->id = a.port;
	return rc;
}

long detach(struct port *p)
{
	struct hicamp_port_detach d = { .devid = p->devid };

	return op(HICAMP_OP_port_detach, &d);
}

long protect(void *page, bool readonly)
{
	pte_t pte = pfn_pte(virt_to_pfn(page),
			    readonly ? PAGE_KERNEL_RO : PAGE_KERNEL);

	return HYPERVISOR_update_va_mapping((ulong)page, pte,
					    UVMF_TLB_FLUSH | UVMF_ALL);
}

static int port_init(struct port *p)
{
	BUILD_BUG_ON(DIV_ROUND_UP(HICAMP_AREA_BYTES(RING, RING, RING, RING),
				  PAGE_SIZE) != AREA_PAGES);

	p->area = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
					   get_order(AREA_PAGES * PAGE_SIZE));
	if (!p->area)
		return -ENOMEM;
	p->ctrl = p->area;
	p->tx = p->area + HICAMP_TX_OFF(RING, RING, RING, RING);
	p->rx = p->area + HICAMP_RX_OFF(RING, RING, RING, RING);
	p->fill = p->area + HICAMP_FILL_OFF(RING, RING, RING, RING);
	p->comp = p->area + HICAMP_COMP_OFF(RING, RING, RING, RING);
	return 0;
}

/* Freed only when the hypervisor says that it has let go. */
static void port_exit(struct port *p)
{
	long rc = detach(p);

	if (rc && rc != -ENOTCONN && rc != -ENOENT)
		return;
	free_pages((ulong)p->area, get_order(AREA_PAGES * PAGE_SIZE));
}

/* ---- Frames ------------------------------------------------------------- */

bool bad_frame(unsigned int i, struct bad_frame *f)
{
	const struct bad_frame all[] = {
		{ "zero", 0 },
		{ "behind_memory", 1ull << 28 },
		{ "of_40_bits", (1ull << 40) - 1 },
		{ "of_52_bits", 1ull << 52 },
		{ "all_ones", ~0ull },
		{ "all_but_one_ones", ~0ull - 1 },
		{ "vga", 0xa0 },
		{ "apic", 0xfee00 },
		{ "shared_info", xen_start_info->shared_info >> PAGE_SHIFT },
		{ "of_peer", peerframe },
		{ "of_dom0", hostframe },
	};

	if (i >= ARRAY_SIZE(all) - 2 && i < ARRAY_SIZE(all) && !all[i].frame)
		return bad_frame(i + 1, f);
	if (i >= ARRAY_SIZE(all))
		return false;
	*f = all[i];
	return true;
}

/* Print a frame of this guest, that another is to try; it is kept. */
static void group_frame(void)
{
	void *page = (void *)__get_free_page(GFP_KERNEL);

	if (!page)
		return;
	memset(page, 0x5a, PAGE_SIZE);
	pr_notice("frame %#lx\n", virt_to_gfn(page));
}

/* ---- The module --------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} all_groups[] = {
	{ "frame", group_frame },
	{ "admin", group_admin },
	{ "off", group_off },
	{ "noport", group_noport },
	{ "calls", group_calls },
	{ "attach", group_attach },
	{ "alias", group_alias },
	{ "space", group_space },
	{ "scan", group_scan },
	{ "tx", group_tx },
	{ "lend", group_lend },
	{ "rewrite", group_rewrite },
	{ "storm", group_storm },
};

static int __init hostile_init(void)
{
	char *list, *rest, *word;
	unsigned int i;
	int err;

	if (!xen_pv_domain())
		return -ENODEV;

	list = rest = kstrdup(groups, GFP_KERNEL);
	err = port_init(&port_a) ?: port_init(&port_b);
	if (!list || err)
		return -ENOMEM;

	while ((word = strsep(&rest, ","))) {
		for (i = 0; i < ARRAY_SIZE(all_groups); i++)
			if (!strcmp(word, all_groups[i].name))
				break;
		if (i == ARRAY_SIZE(all_groups)) {
			pr_notice("FAIL no group is called %s\n", word);
			continue;
		}
		all_groups[i].run();
	}
	kfree(list);

	print_counters(&port_a);
	print_counters(&port_b);
	port_exit(&port_a);
	port_exit(&port_b);
	pr_notice("end, %u failed\n", nr_failed);
	return 0;
}
module_init(hostile_init);

static void __exit hostile_exit(void)
{
}
module_exit(hostile_exit);

MODULE_DESCRIPTION("hicamp-xen: a hostile guest, for tests");
MODULE_LICENSE("GPL");
