// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant space: issue, revoke, generations, batches, page types.  Port A exists.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypervisor.h>
#include <xen/page.h>

#include "hostile.h"

#define BATCH_MAX	4096

static void *page;
static u64 frame;		/* of page */
static struct hicamp_run *runs;	/* BATCH_MAX + 1 */

static void arguments(void)
{
	static const u32 nr[] = { 0, BATCH_MAX + 1, 1u << 31, ~0u };
	static const u16 orders[] = { 5, 16, 63, 64, 0xffff };
	struct hicamp_space_op arg;
	unsigned int i;
	u32 ref;

	for (i = 0; i < ARRAY_SIZE(nr); i++) {
		expect(space_op(HICAMP_OP_space_issue, runs, nr[i], NULL),
		       -EINVAL, "issue_%u_runs", nr[i]);
		expect(space_op(HICAMP_OP_space_revoke, runs, nr[i], NULL),
		       -EINVAL, "revoke_%u_runs", nr[i]);
	}
	for (i = 0; i < ARRAY_SIZE(orders); i++)
		expect(issue(frame, orders[i], 0, &ref), -EINVAL,
		       "issue_order_%u", orders[i]);
	for (i = 2; i < 16; i++)
		expect(issue(frame, 0, 1u << i, &ref), -EINVAL,
		       "issue_flag_%#x", 1u << i);
	expect(issue(frame, 0, HICAMP_RUN_RW | HICAMP_RUN_SEALED, &ref),
	       -EINVAL, "issue_sealed_for_writing");

	arg = (struct hicamp_space_op){
		.runs = (ulong)runs, .nr = 1, .done = 2,
	};
	expect(op(HICAMP_OP_space_issue, &arg), -EINVAL,
	       "issue_done_beyond_nr");
	arg.done = ~0u;
	expect(op(HICAMP_OP_space_revoke, &arg), -EINVAL,
	       "revoke_done_beyond_nr");

	arg = (struct hicamp_space_op){ .nr = 1 };
	expect(op(HICAMP_OP_space_issue, &arg), -EFAULT, "issue_runs_null");
	arg.runs = 0xffff830000000000ull;
	expect(op(HICAMP_OP_space_issue, &arg), -EFAULT, "issue_runs_in_xen");
	expect(op(HICAMP_OP_space_revoke, &arg), -EFAULT,
	       "revoke_runs_in_xen");
	arg.runs = ~0ull - 7;
	arg.nr = BATCH_MAX;
	expect(op(HICAMP_OP_space_issue, &arg), -EFAULT,
	       "issue_runs_wrapping");
}

static void frames(void)
{
	struct bad_frame bad;
	unsigned int i;
	u32 ref, served;

	for (i = 0; bad_frame(i, &bad); i++) {
		expect(issue(bad.frame, 0, 0, &ref), -EINVAL,
		       "issue_read_frame_%s", bad.name);
		expect(issue(bad.frame, 0, HICAMP_RUN_RW, &ref), -EINVAL,
		       "issue_write_frame_%s", bad.name);
		expect(issue(bad.frame, 4, 0, &ref), -EINVAL,
		       "issue_16_frames_from_%s", bad.name);
	}
	expect(issue(virt_to_gfn(current->mm->pgd), 0, HICAMP_RUN_RW, &ref),
	       -EINVAL, "issue_page_table_for_writing");

	/* A batch ends with its first error and says where. */
	for (i = 0; i < 5; i++)
		runs[i] = (struct hicamp_run){
			.frame = i == 3 ? 1ull << 28 : frame,
		};
	expect(space_op(HICAMP_OP_space_issue, runs, 5, &served), -EINVAL,
	       "batch_ends_with_first_error");
	expect(served, 3, "batch_says_how_many_were_served");
	runs[2].ref ^= 1u << 20;
	expect(space_op(HICAMP_OP_space_revoke, runs, 3, &served), -ENOENT,
	       "revoke_batch_ends_with_first_error");
	expect(served, 2, "revoke_batch_says_how_many");
	runs[2].ref ^= 1u << 20;
	expect(revoke(runs[2].ref), 0, "rest_of_batch_is_revoked");
}

static void references(void)
{
	static const u32 nonsense[] = { 0, 1, 0xfffff, 0x100000, ~0u,
					0xfff00000, 0x80000000 };
	unsigned int i;
	u32 a, b, c;

	expect(issue(frame, 0, HICAMP_RUN_RW, &a), 0, "issue");
	expect(issue(frame, 0, HICAMP_RUN_RW, &b), 0, "issue_frame_twice");
	expect_true(a != b, "references_differ");
	expect(revoke(a), 0, "revoke");
	expect(revoke(a), -ENOENT, "revoke_twice");
	expect(issue(frame, 0, 0, &c), 0, "issue_again");
	expect_true(c != a, "reference_is_not_used_again");
	expect(revoke(a), -ENOENT, "revoke_stale_generation");
	expect(revoke(c + (1u << 20)), -ENOENT, "revoke_next_generation");
	for (i = 0; i < ARRAY_SIZE(nonsense); i++)
		if (nonsense[i] != b && nonsense[i] != c)
			expect(revoke(nonsense[i]), -ENOENT,
			       "revoke_nonsense_%#x", nonsense[i]);
	expect(revoke(b), 0, "revoke_second");
	expect(revoke(c), 0, "revoke_third");
}

/* A result that cannot be written must not leave a run behind. */
static void unwritable(void)
{
	struct hicamp_run *ro = (void *)__get_free_page(GFP_KERNEL);
	struct hicamp_run *two = vmalloc(PAGE_SIZE);
	u32 served, i;

	if (!ro || !two)
		return;
	ro[0] = (struct hicamp_run){ .frame = frame };
	protect(ro, true);
	expect(space_op(HICAMP_OP_space_issue, ro, 1, &served), -EFAULT,
	       "issue_into_read_only_memory");
	expect(served, 0, "issue_into_read_only_memory_serves_none");
	protect(ro, false);
	free_page((ulong)ro);

	for (i = 0; i < 2; i++)
		two[PAGE_SIZE / sizeof(*two) - 2 + i] =
			(struct hicamp_run){ .frame = frame };
	expect(space_op(HICAMP_OP_space_issue,
			two + PAGE_SIZE / sizeof(*two) - 2, 4, &served),
	       -EFAULT, "issue_array_half_mapped");
	expect(served, 2, "issue_array_half_mapped_serves_half");
	expect(space_op(HICAMP_OP_space_revoke,
			two + PAGE_SIZE / sizeof(*two) - 2, 4, &served),
	       -EFAULT, "revoke_array_half_mapped");
	expect(served, 2, "revoke_array_half_mapped_serves_half");
	vfree(two);
}

static long pin_l1(u64 mfn, unsigned int cmd)
{
	struct mmuext_op mmuext = { .cmd = cmd, .arg1.mfn = mfn };

	return HYPERVISOR_mmuext_op(&mmuext, 1, NULL, DOMID_SELF);
}

/*
 * A frame that Xen may write must not become a page table meanwhile, nor a
 * page table be issued as such a frame.
 */
static void page_types(void)
{
	u32 ref, ro;

	memset(page, 0, PAGE_SIZE);
	expect(protect(page, true), 0, "page_is_read_only");
	expect(issue(frame, 0, HICAMP_RUN_RW, &ref), 0,
	       "read_only_mapped_page_is_issued");
	expect_true(pin_l1(frame, MMUEXT_PIN_L1_TABLE),
		    "issued_page_does_not_become_page_table");
	expect(revoke(ref), 0, "page_is_revoked");
	expect(pin_l1(frame, MMUEXT_PIN_L1_TABLE), 0,
	       "revoked_page_becomes_page_table");
	expect(issue(frame, 0, HICAMP_RUN_RW, &ref), -EINVAL,
	       "page_table_is_not_issued_for_writing");
	expect(issue(frame, 0, 0, &ro), 0, "page_table_is_issued_for_reading");
	expect(pin_l1(frame, MMUEXT_UNPIN_TABLE), 0, "page_table_is_unpinned");
	expect(revoke(ro), 0, "page_table_is_revoked");
	expect(protect(page, false), 0, "page_is_writable_again");
}

/* What is sealed cannot be written by anybody, until it is revoked. */
static void sealed(void)
{
	u32 ref, rw;

	expect(issue(frame, 0, HICAMP_RUN_SEALED, &ref), -EBUSY,
	       "page_that_is_mapped_writable_is_not_sealed");
	expect(protect(page, true), 0, "page_to_be_sealed_is_read_only");
	expect(issue(frame, 0, HICAMP_RUN_RW, &rw), 0,
	       "page_to_be_sealed_is_issued");
	expect(issue(frame, 0, HICAMP_RUN_SEALED, &ref), -EBUSY,
	       "page_that_xen_writes_is_not_sealed");
	expect(revoke(rw), 0, "page_to_be_sealed_is_revoked");
	expect(issue(frame, 0, HICAMP_RUN_SEALED, &ref), 0,
	       "page_is_sealed");
	expect_true(protect(page, false),
		    "sealed_page_is_not_mapped_writable");
	expect(issue(frame, 0, HICAMP_RUN_RW, &rw), -EINVAL,
	       "sealed_page_is_not_issued_for_writing");
	expect_true(pin_l1(frame, MMUEXT_PIN_L1_TABLE),
		    "sealed_page_does_not_become_page_table");
	expect(revoke(ref), 0, "sealed_page_is_revoked");
	expect(protect(page, false), 0, "page_is_writable_after_sealing");
	memset(page, 0x5a, PAGE_SIZE);
}

/* As many runs as there can be, in batches as long as they can be. */
static void full(void)
{
	struct hicamp_version v = { .version = HICAMP_ABI_VERSION };
	u32 *refs, served, nr = 0, i, n;
	long rc;

	if (op(HICAMP_OP_version, &v))
		return;
	refs = vmalloc(array_size(v.max_runs + 1, sizeof(*refs)));
	if (!refs)
		return;

	do {
		for (i = 0; i < BATCH_MAX; i++)
			runs[i] = (struct hicamp_run){ .frame = frame };
		rc = space_op(HICAMP_OP_space_issue, runs, BATCH_MAX, &served);
		for (i = 0; i < served && nr <= v.max_runs; i++)
			refs[nr++] = runs[i].ref;
	} while (!rc && nr <= v.max_runs);
	expect(rc, -ENOSPC, "more_runs_than_there_may_be");
	expect(nr, v.max_runs, "as_many_runs_as_there_may_be");

	for (i = 0, rc = 0; i < nr && !rc; i += served) {
		n = min_t(u32, nr - i, BATCH_MAX);
		for (served = 0; served < n; served++)
			runs[served].ref = refs[i + served];
		rc = space_op(HICAMP_OP_space_revoke, runs, n, &served);
	}
	expect(rc, 0, "all_runs_are_revoked");
	expect(issue(frame, 0, 0, &i), 0, "issue_after_full");
	expect(revoke(i), 0, "revoke_after_full");
	vfree(refs);
}

void group_space(void)
{
	page = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	runs = vzalloc((BATCH_MAX + 1) * sizeof(*runs));
	if (!page || !runs)
		return;
	frame = virt_to_gfn(page);

	arguments();
	frames();
	references();
	unwritable();
	page_types();
	sealed();
	full();

	vfree(runs);
	free_page((ulong)page);
	done("space");
}

/*
 * Of all frames of the host, Xen takes those of the caller only.  The p2m
 * table says which they are.
 */
void group_scan(void)
{
	unsigned long pfns = xen_start_info->nr_pages + (1ul << 16);
	unsigned long pfn, mfn, end = 0, tried = 0, taken = 0, own = 0;
	unsigned long *bits;
	u32 ref;

	for (pfn = 0; pfn < min(pfns, xen_p2m_size); pfn++) {
		mfn = __pfn_to_mfn(pfn);
		if (mfn < 1ul << 28)
			end = max(end, mfn + 1);
	}
	/* Higher frames belong to others. */
	end += 1ul << 16;
	bits = vzalloc(BITS_TO_LONGS(end) * sizeof(long));
	if (!bits)
		return;
	for (pfn = 0; pfn < min(pfns, xen_p2m_size); pfn++) {
		mfn = __pfn_to_mfn(pfn);
		if (mfn < 1ul << 28)
			__set_bit(mfn, bits);
	}
	for (mfn = get_random_u32() % step; mfn < end; mfn += step) {
		if (test_bit(mfn, bits)) {
			own++;
			continue;
		}
		tried++;
		if (!issue(mfn, 0, tried & 1 ? HICAMP_RUN_RW : 0, &ref)) {
			taken++;
			revoke(ref);
		}
		if (!(tried % 1024))
			cond_resched();
	}
	expect_true(tried > 1000 && own, "scan_found_frames_of_others");
	expect(taken, 0, "of_foreign_frames_none_is_taken");
	vfree(bits);
	done("scan");
}
