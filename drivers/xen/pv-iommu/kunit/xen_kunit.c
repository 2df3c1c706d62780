// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a dom0 whose hypervisor offers iommu_op: the same code, with hypercalls.
 * It takes over for each test and gives back, so no device may be in use.
 * Elsewhere each test is skipped, and says why.
 */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/xen/page.h>
#include <asm/xen/swiotlb-xen.h>

#include <xen/xen.h>

#include "../pv-iommu.h"
#include "fixture.h"
#include "mirror.h"

#define NR_PAGES	64

/* Above what may be reserved for ISA, and in reach of edu: 28 bits. */
#define DFN		0x8000ULL

/**
 * struct dom0 - test->priv
 * @xpi: the hypervisor, taken over
 * @domain: the address space
 * @pages: to map
 */
struct dom0 {
	struct xpi xpi;
	struct xpi_domain domain;
	struct page *pages;
};

static void give_back(void *data)
{
	struct dom0 *dom0 = data;

	xpi_domain_destroy(&dom0->domain);
	xpi_give_back(&dom0->xpi);
}

static void free_pages_of(void *data)
{
	__free_pages(data, get_order(NR_PAGES * PAGE_SIZE));
}

static int init(struct kunit *test)
{
	struct dom0 *dom0 = kunit_kzalloc(test, sizeof(*dom0), GFP_KERNEL);
	const char *why;

	KUNIT_ASSERT_NOT_NULL(test, dom0);
	test->priv = dom0;
	dom0->xpi.backend = &xpi_buffers_backend;
	why = mirror_why_not(&dom0->xpi);
	if (why)
		kunit_skip(test, "no hypercalls: %s", why);

	dom0->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO,
				  get_order(NR_PAGES * PAGE_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, dom0->pages);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_pages_of,
							   dom0->pages));
	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(&dom0->domain,
						 dom0->xpi.backend,
						 &dom0->xpi.caps));
	KUNIT_ASSERT_EQ(test, 0, xpi_takeover(&dom0->xpi));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, give_back,
							   dom0));
	return 0;
}

static u64 gfn_of(struct dom0 *dom0, unsigned int i)
{
	return pfn_to_gfn(page_to_pfn(dom0->pages) + i);
}

static int one(struct dom0 *dom0, struct xen_iommu_op *op)
{
	op->status = XPI_STATUS_UNREACHED;
	return dom0->xpi.backend->submit(op, 1) ?: op->status;
}

static int lookup(struct dom0 *dom0, u64 dfn,
		  struct xen_iommu_op_lookup *found)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_lookup, .u.lookup.dfn = dfn,
	};
	int ret = one(dom0, &op);

	*found = op.u.lookup;
	return ret;
}

static void expect_mapped(struct kunit *test, u64 dfn, u64 want, u32 access)
{
	struct xen_iommu_op_lookup found;

	KUNIT_EXPECT_EQ(test, 0, lookup(test->priv, dfn, &found));
	KUNIT_EXPECT_EQ(test, want, found.gfn);
	KUNIT_EXPECT_EQ(test, access, found.flags & 3);
}

static void expect_page_size(struct kunit *test, u64 dfn, u32 size)
{
	struct xen_iommu_op_lookup found;

	KUNIT_EXPECT_EQ(test, 0, lookup(test->priv, dfn, &found));
	KUNIT_EXPECT_EQ(test, size, found.pgsize);
}

static void expect_nothing(struct kunit *test, u64 dfn)
{
	struct xen_iommu_op_lookup found;

	KUNIT_EXPECT_EQ(test, -ENOENT, lookup(test->priv, dfn, &found));
}

static void xen_shows_what_is_mapped(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned long pfn = page_to_pfn(dom0->pages), mapped;
	unsigned int i;

	fixture_map_ok(test, &dom0->domain, DFN, pfn, NR_PAGES);
	for (i = 0; i < NR_PAGES; i++)
		expect_mapped(test, DFN + i, gfn_of(dom0, i), 3);
	expect_nothing(test, DFN + NR_PAGES);

	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(&dom0->domain, DFN + NR_PAGES,
						pfn, 1, XPI_SHADOW_READ,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(&dom0->domain,
						     DFN + NR_PAGES, 1));
	expect_mapped(test, DFN + NR_PAGES, gfn_of(dom0, 0), 1);
}

static void xen_shows_nothing_after_a_strict_unmap(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned long pfn = page_to_pfn(dom0->pages);

	fixture_map_ok(test, &dom0->domain, DFN, pfn, NR_PAGES);
	fixture_unmap_strict(test, &dom0->domain, DFN + 8, 8);
	expect_mapped(test, DFN + 7, gfn_of(dom0, 7), 3);
	expect_nothing(test, DFN + 8);
	expect_nothing(test, DFN + 15);
	expect_mapped(test, DFN + 16, gfn_of(dom0, 16), 3);
}

static void lazy_unmaps_are_one_hypercall(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned long pfn = page_to_pfn(dom0->pages);
	unsigned int i;
	u64 calls;

	calls = xpi_counted(XPI_HYPERCALLS);
	fixture_map_ok(test, &dom0->domain, DFN, pfn, NR_PAGES);
	KUNIT_EXPECT_EQ(test, calls + 1, xpi_counted(XPI_HYPERCALLS));
	for (i = 0; i < NR_PAGES; i++)
		xpi_domain_unmap(&dom0->domain, DFN + i, 1, true);
	KUNIT_EXPECT_EQ(test, calls + 1, xpi_counted(XPI_HYPERCALLS));
	expect_mapped(test, DFN, gfn_of(dom0, 0), 3);
	calls = xpi_counted(XPI_HYPERCALLS);
	xpi_domain_flush_all(&dom0->domain);
	KUNIT_EXPECT_EQ(test, calls + 1, xpi_counted(XPI_HYPERCALLS));
	for (i = 0; i < NR_PAGES; i++)
		expect_nothing(test, DFN + i);
}

#define LARGE_ORDER	9
#define LARGE		BIT(LARGE_ORDER)

static void free_large(void *pages)
{
	__free_pages(pages, LARGE_ORDER);
}

static void a_run_that_is_aligned_is_a_large_page(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL, LARGE_ORDER);
	struct dom0 *dom0 = test->priv;
	unsigned long pfn;
	dma_addr_t addr;
	u64 gfn;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_large,
							   pages));
	/* Dom0 may have no run of its own that is aligned in machine memory. */
	KUNIT_ASSERT_EQ(test, 0,
			xen_create_contiguous_region(page_to_phys(pages),
						     LARGE_ORDER, 64, &addr));
	pfn = page_to_pfn(pages);
	gfn = pfn_to_gfn(pfn);
	KUNIT_ASSERT_EQ(test, 0ULL, gfn % LARGE);

	fixture_map_ok(test, &dom0->domain, DFN, pfn, LARGE);
	expect_mapped(test, DFN + LARGE - 1, gfn + LARGE - 1, 3);
	expect_page_size(test, DFN, SZ_2M);
	expect_page_size(test, DFN + LARGE - 1, SZ_2M);

	/* A part of it goes, the rest stays. */
	fixture_unmap_strict(test, &dom0->domain, DFN + 7, 1);
	expect_nothing(test, DFN + 7);
	expect_mapped(test, DFN + 8, gfn + 8, 3);
	expect_page_size(test, DFN + 8, SZ_4K);
	fixture_unmap_strict(test, &dom0->domain, DFN, 7);
	fixture_unmap_strict(test, &dom0->domain, DFN + 8, LARGE - 8);
}

static void the_host_map_is_gone_while_it_is_ours(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		expect_nothing(test, gfn_of(dom0, i));
	expect_nothing(test, 0x10000);
}

static void the_host_map_can_be_unmapped_from_here(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned int i;

	xpi_give_back(&dom0->xpi);
	dom0->xpi.caps.flags &= ~XEN_IOMMU_CAP_clear;
	KUNIT_ASSERT_EQ(test, 0, xpi_takeover(&dom0->xpi));
	for (i = 0; i < NR_PAGES; i++)
		expect_nothing(test, gfn_of(dom0, i));
	expect_nothing(test, 0x10000);
}

static void a_second_takeover_is_refused(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	bool cleared;

	KUNIT_EXPECT_EQ(test, -EALREADY,
			dom0->xpi.backend->enable(true, &cleared));
}

static int raw_map(struct dom0 *dom0, u64 dfn, u64 gfn, u32 nr, u16 flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map = {
			.dfn = dfn, .gfn = gfn, .nr_frames = nr,
			.flags = flags,
		},
	};

	return one(dom0, &op);
}

static void xen_refuses_what_the_abi_says(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	u64 gfn = gfn_of(dom0, 0), max = dom0->xpi.caps.max_dfn;
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_unmap,
		.u.unmap = { .dfn = DFN + 100, .nr_frames = 1 },
	};

	KUNIT_EXPECT_EQ(test, -EINVAL, raw_map(dom0, DFN, gfn, 1, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, raw_map(dom0, DFN, gfn, 0, 3));
	KUNIT_EXPECT_EQ(test, -EINVAL, raw_map(dom0, max + 1, gfn, 1, 3));
	KUNIT_EXPECT_EQ(test, -EINVAL, raw_map(dom0, max, gfn, 2, 3));
	KUNIT_EXPECT_EQ(test, -EPERM, raw_map(dom0, DFN, BIT_ULL(39), 1, 3));
	KUNIT_EXPECT_EQ(test, 0, raw_map(dom0, DFN, gfn, 1, 3));
	KUNIT_EXPECT_EQ(test, -EEXIST, raw_map(dom0, DFN, gfn, 1, 3));
	KUNIT_EXPECT_EQ(test, -ENOENT, one(dom0, &op));
	op.u.unmap.dfn = DFN;
	op.u.unmap.nr_frames = 1;
	KUNIT_EXPECT_EQ(test, 0, one(dom0, &op));
	op.op = 99;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, one(dom0, &op));
}

static void reserved_ranges_are_refused(struct kunit *test)
{
	struct dom0 *dom0 = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, fixture_read_reserved(&dom0->xpi));
	KUNIT_EXPECT_GT(test, dom0->xpi.nr_reserved, 0U);
	for (i = 0; i < dom0->xpi.nr_reserved; i++) {
		u64 dfn = dom0->xpi.reserved[i].start_dfn;

		KUNIT_EXPECT_EQ(test, -EINVAL,
				raw_map(dom0, dfn, gfn_of(dom0, 0), 1, 3));
	}
	kfree(dom0->xpi.reserved);
}

/* DMA by a device: QEMU's edu copies between memory and a buffer of its own. */
#define EDU_SRC		0x80
#define EDU_DST		0x88
#define EDU_COUNT	0x90
#define EDU_CMD		0x98
#define EDU_BUF		0x40000ULL

static bool edu_copy(void __iomem *regs, u64 src, u64 dst, u64 count, u64 cmd)
{
	unsigned int i;

	writeq(src, regs + EDU_SRC);
	writeq(dst, regs + EDU_DST);
	writeq(count, regs + EDU_COUNT);
	writeq(cmd | 1, regs + EDU_CMD);
	for (i = 0; i < 500 && readq(regs + EDU_CMD) & 1; i++)
		usleep_range(10000, 20000);
	return i < 500;
}

static void a_device_reaches_what_is_mapped_and_no_more(struct kunit *test)
{
	struct pci_dev *pdev = pci_get_device(0x1234, 0x11e8, NULL);
	struct dom0 *dom0 = test->priv;
	unsigned long pfn = page_to_pfn(dom0->pages);
	u8 *from = page_address(dom0->pages), *to = from + PAGE_SIZE;
	void __iomem *regs;

	if (!pdev)
		kunit_skip(test, "no edu device");
	regs = pci_iomap(pdev, 0, 0);
	if (!regs || pci_enable_device(pdev)) {
		pci_dev_put(pdev);
		kunit_skip(test, "the edu device does not work");
	}
	pci_set_master(pdev);

	memset(from, 0x5a, 256);
	fixture_map_ok(test, &dom0->domain, DFN, pfn, 2);
	KUNIT_EXPECT_TRUE(test, edu_copy(regs, DFN << PAGE_SHIFT, EDU_BUF, 256,
					 0));
	KUNIT_EXPECT_TRUE(test, edu_copy(regs, EDU_BUF,
					 (DFN + 1) << PAGE_SHIFT, 256, 2));
	KUNIT_EXPECT_MEMEQ(test, from, to, 256);

	memset(to, 0, 256);
	fixture_unmap_strict(test, &dom0->domain, DFN + 1, 1);
	KUNIT_EXPECT_TRUE(test, edu_copy(regs, EDU_BUF,
					 (DFN + 1) << PAGE_SHIFT, 256, 2));
	KUNIT_EXPECT_NULL(test, memchr_inv(to, 0, 256));

	pci_clear_master(pdev);
	pci_disable_device(pdev);
	pci_iounmap(pdev, regs);
	pci_dev_put(pdev);
}

/* The suites before this one, which look at tables; see mirror.h. */
static void the_other_suites_were_on_xen_as_well(struct kunit *test)
{
	kunit_info(test, "%lu operations", mirror_total());
	KUNIT_EXPECT_GT(test, mirror_total(), 100000UL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(xen_shows_what_is_mapped),
	KUNIT_CASE(xen_shows_nothing_after_a_strict_unmap),
	KUNIT_CASE(lazy_unmaps_are_one_hypercall),
	KUNIT_CASE(a_run_that_is_aligned_is_a_large_page),
	KUNIT_CASE(the_host_map_is_gone_while_it_is_ours),
	KUNIT_CASE(the_host_map_can_be_unmapped_from_here),
	KUNIT_CASE(a_second_takeover_is_refused),
	KUNIT_CASE(xen_refuses_what_the_abi_says),
	KUNIT_CASE(reserved_ranges_are_refused),
	KUNIT_CASE_SLOW(a_device_reaches_what_is_mapped_and_no_more),
	KUNIT_CASE(the_other_suites_were_on_xen_as_well),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-xen",
	.init = init,
	.test_cases = cases,
};

kunit_test_suite(suite);
