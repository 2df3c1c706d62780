// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of frames: one operation for scattered memory.  All of a list is mapped or
 * none of it, wherever it stops, and the array is memory like any other.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "hostile.h"
#include "lib/frames.h"

#define MAX_LIST	XEN_IOMMU_MAP_MAX_LIST
/* So that they reach into another table. */
#define FIRST_DFN	(env.base + 512 - 30)
#define FRAME_TOO_HIGH	(~0UL >> 12)

int do_map_list(uint64_t dfn, const uint64_t *gfns, uint32_t nr, uint16_t flags)
{
	return do_map(dfn, (uintptr_t)gfns, nr, flags | XEN_IOMMU_MAP_list);
}

/* Own frames, never a run; some come up again. */
static void fill(uint64_t *list)
{
	unsigned int i;

	for (i = 0; i < MAX_LIST; i++)
		list[i] = env.gfn[(7 * i + i / 3) % env.pool_nr];
}

static void good_list(uint64_t *list, unsigned int nr)
{
	unsigned int i, wrong = 0;
	char name[64];

	fill(list);
	snprintf(name, sizeof(name), "list of %u", nr);
	expect(name, do_map_list(FIRST_DFN, list, nr, RW), 0);
	for (i = 0; i < nr; i++)
		wrong += !maps_to(FIRST_DFN + i, list[i]);
	check(!wrong, name, "%u are wrong", wrong);
	check(maps_to(FIRST_DFN + nr, FRAME_NONE), "and no more", "no");
	expect("once more", do_map_list(FIRST_DFN, list, nr, RW), -EEXIST);
	clean(FIRST_DFN, nr);
	expect_empty(name, FIRST_DFN, nr);
}

/* Whatever is wrong with one of the frames, nothing of the list is mapped. */
static void bad_list(uint64_t *list, unsigned int nr, unsigned int at)
{
	char name[64];

	fill(list);
	list[at] = FRAME_TOO_HIGH;
	snprintf(name, sizeof(name), "list of %u with a bad frame at %u", nr, at);
	expect(name, do_map_list(FIRST_DFN, list, nr, RW), -EPERM);
	expect_empty(name, FIRST_DFN, nr);

	fill(list);
	list[at] = ~0UL;
	expect(name, do_map_list(FIRST_DFN, list, nr, XEN_IOMMU_MAP_readable),
	       -EPERM);
	expect_empty(name, FIRST_DFN, nr);

	snprintf(name, sizeof(name), "list of %u with something in the way at %u",
		 nr, at);
	fill(list);
	expect("one in the way", do_map(FIRST_DFN + at, env.gfn[0], 1, RW), 0);
	expect(name, do_map_list(FIRST_DFN, list, nr, RW), -EEXIST);
	check(maps_to(FIRST_DFN + at, env.gfn[0]), name, "it is gone");
	check(count_mapped(FIRST_DFN, nr) == 1, name, "%lu are mapped",
	      count_mapped(FIRST_DFN, nr));
	clean(FIRST_DFN, nr);
}

static int list_of_domain(uint64_t *list)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map.dfn = FIRST_DFN,
		.u.map.gfn = (uintptr_t)list,
		.u.map.nr_frames = 2,
		.u.map.flags = RW | XEN_IOMMU_MAP_list,
		.u.map.domid = 1,
	};

	return hyp_one(&op);
}

static bool reserved_dfn(uint64_t *dfn)
{
	for (*dfn = 0xfee00; *dfn > 0xfec00; --*dfn)
		if (is_reserved(*dfn, 1) && !is_reserved(*dfn - 2, 2))
			return true;
	return false;
}

static void test_arguments(uint64_t *list)
{
	uint64_t dfn;
	int got;

	fill(list);
	expect("list that is too long",
	       do_map_list(FIRST_DFN, list, MAX_LIST + 1, RW), -EINVAL);
	expect("list of very many", do_map_list(FIRST_DFN, list, ~0U, RW), -EINVAL);
	expect("list of none", do_map_list(FIRST_DFN, list, 0, RW), -EINVAL);
	expect("list without access", do_map_list(FIRST_DFN, list, 1, 0), -EINVAL);
	expect("list of grants",
	       do_map_list(FIRST_DFN, list, 1, RW | XEN_IOMMU_MAP_gref), -EINVAL);
	got = list_of_domain(list);
	expect("list with a domain", got, -EINVAL);
	if (reserved_dfn(&dfn))
		expect("list that begins before a reserved range",
		       do_map_list(dfn - 2, list, 4, RW), -EINVAL);
	expect("list beyond max_dfn",
	       do_map_list(env.caps.max_dfn, list, 2, RW), -EINVAL);
	expect_empty("bad lists", FIRST_DFN, MAX_LIST);
}

/* The array ends where memory does, is nowhere, or is Xen's. */
static void test_arrays(void)
{
	static const uint64_t nowhere[] = {
		0, 8, 1UL << 46, 1UL << 47, 0xffff800000000000, 0xffff82d040200000,
		0xffff830000000000, 0UL - 8, 0UL - 4096,
	};
	uint8_t *pages = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t *end = (uint64_t *)(pages + PAGE_SIZE);
	unsigned int i;
	char name[64];

	if (pages == MAP_FAILED || mprotect(end, PAGE_SIZE, PROT_NONE) ||
	    mlock(pages, PAGE_SIZE)) {
		fail("arrays of lists", "no memory");
		return;
	}
	for (i = 0; i < PAGE_SIZE / sizeof(*end); i++)
		end[-1 - (int)i] = env.gfn[i % env.pool_nr];
	expect("list up to the end of memory",
	       do_map_list(FIRST_DFN, end - 50, 50, RW), 0);
	clean(FIRST_DFN, 50);
	expect("list beyond the end of memory",
	       do_map_list(FIRST_DFN, end - 50, 51, RW), -EFAULT);
	expect_empty("list beyond the end of memory", FIRST_DFN, 51);
	expect("list that begins there", do_map_list(FIRST_DFN, end, 1, RW), -EFAULT);
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		snprintf(name, sizeof(name), "list at %#lx", nowhere[i]);
		expect(name, do_map_list(FIRST_DFN, (uint64_t *)nowhere[i], 100, RW),
		       -EFAULT);
	}
	expect_empty("lists that are nowhere", FIRST_DFN, 100);
	expect("list at an odd address",
	       do_map_list(FIRST_DFN, (uint64_t *)memmove(pages + 3, end - 50,
							  50 * sizeof(*end)),
			   50, RW), 0);
	check(count_mapped(FIRST_DFN, 50) == 50, "all of it is mapped", "no");
	clean(FIRST_DFN, 50);
	munmap(pages, 2 * PAGE_SIZE);
}

/* RAM and MMIO are mapped in groups of their own. */
static void test_mixed(uint64_t *list)
{
	unsigned int i, wrong = 0;

	fill(list);
	for (i = 0; i < 40; i += 3)
		list[i] = 0xfec00;
	expect("list of RAM and MMIO",
	       do_map_list(FIRST_DFN, list, 40, XEN_IOMMU_MAP_readable), 0);
	for (i = 0; i < 40; i++)
		wrong += !maps_to(FIRST_DFN + i, list[i]);
	check(!wrong, "list of RAM and MMIO", "%u are wrong", wrong);
	clean(FIRST_DFN, 40);
	expect("list of RAM and MMIO that may not be written",
	       do_map_list(FIRST_DFN, list, 40, RW), -EPERM);
	expect_empty("list of RAM and MMIO", FIRST_DFN, 40);
}

/* No reference is left of what was mapped before the frame that is refused. */
static void test_undone(uint64_t *list)
{
	unsigned long gfn = balloon_gfn();

	if (gfn == FRAME_NONE) {
		skip("references of a list that is undone", "no balloon module");
		return;
	}
	fill(list);
	list[0] = gfn;
	list[60] = FRAME_TOO_HIGH;
	expect("list that is undone", do_map_list(FIRST_DFN, list, 61, RW), -EPERM);
	expect("giving back a page of it", balloon("out"), 0);
	check(frames_m2p(gfn) == M2P_INVALID, "it goes at once", "it is kept");
	expect("getting a frame again", balloon("in"), 0);
}

void test_lists(void)
{
	static const unsigned int at[] = { 0, 1, 29, 30, 31, 32, 70, 99 };
	uint64_t *list = hyp_alloc((MAX_LIST + 1) * sizeof(*list));
	unsigned int i;

	if (!list) {
		fail("lists", "no memory");
		return;
	}
	if (!(env.caps.caps & XEN_IOMMU_CAP_list)) {
		fill(list);
		expect("list without the capability",
		       do_map_list(FIRST_DFN, list, 1, RW), -EOPNOTSUPP);
		expect_empty("list without the capability", FIRST_DFN, 1);
		goto out;
	}

	good_list(list, 1);
	good_list(list, 32);
	good_list(list, 100);
	good_list(list, MAX_LIST);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		bad_list(list, 100, at[i]);
	bad_list(list, MAX_LIST, MAX_LIST - 1);
	test_arguments(list);
	test_arrays();
	test_mixed(list);
	test_undone(list);
out:
	hyp_free(list, (MAX_LIST + 1) * sizeof(*list));
}
