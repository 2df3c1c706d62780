// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the DMA API down to the model: what a driver of a device gets.  All of
 * the kernel's IOMMU code takes part.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include <asm/xen/page.h>

#include "device_fixture.h"

#define NR_PAGES	DEVICE_FIXTURE_PAGES

static void the_takeover_claims_the_device(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_TRUE(test, m->owned);
	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_NOT_NULL(test, iommu_get_domain_for_dev(&pdev->dev));
	KUNIT_EXPECT_NOT_NULL(test, xpi->shared);

	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_FALSE(test, m->owned);
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_NOT_NULL(test, pdev->dev.dma_mask);
}

static void a_refused_takeover_claims_nothing(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	fixture_model(test)->caps.mode = XEN_IOMMU_MODE_strict;
	KUNIT_EXPECT_EQ(test, -EPERM, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
}

/* Where the hypervisor turns out to have fewer contexts than it says. */
static const struct model_fault no_more[] = {
	{ .kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_alloc, .after = 1,
	  .times = 1, .err = -ENOSPC },
	{ .kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_alloc, .after = 1,
	  .times = 1, .err = -ENOMEM },
};

static void no_more_name(const struct model_fault *fault, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", fault->err);
}

KUNIT_ARRAY_PARAM(no_more, no_more, no_more_name);

static void with_fewer_contexts_than_said_devices_stay_out(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);
	struct model *m = fixture_model(test);

	model_fail(m, *(const struct model_fault *)test->param_value);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_EQ(test, 1U, xpi->caps.nr_ctx);
	KUNIT_EXPECT_EQ(test, 0, device_context(m, &pdev->dev));
	KUNIT_ASSERT_NOT_NULL(test, iommu_get_domain_for_dev(&pdev->dev));
	KUNIT_EXPECT_EQ(test, (unsigned int)IOMMU_DOMAIN_IDENTITY,
			iommu_get_domain_for_dev(&pdev->dev)->type);
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0UL, m->contexts);
}

/* Once devices are claimed it says nothing of those that come later. */
static void a_domain_that_fails_later_takes_no_context_away(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);
	unsigned int nr_ctx = xpi->caps.nr_ctx;

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_alloc, .times = 1,
		.err = -ENOMEM,
	});
	KUNIT_EXPECT_TRUE(test, IS_ERR(iommu_paging_domain_alloc(&pdev->dev)));
	KUNIT_EXPECT_EQ(test, nr_ctx, xpi->caps.nr_ctx);
}

static void a_page_is_mapped_for_as_long_as_it_is(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr;

	addr = dma_map_page(dev, page, 100, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	/* Two pages are touched, and each is where it is. */
	KUNIT_EXPECT_EQ(test, 2UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, fixture_scattered(page_to_pfn(page)),
			model_access(m, addr >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, 1ULL, model_flags(m, addr >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, 1U, m->calls);

	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
}

static void the_direction_is_what_the_device_may(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t in, both;

	in = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_FROM_DEVICE);
	both = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, in));
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, both));
	KUNIT_EXPECT_EQ(test, 2ULL, model_flags(m, in >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, 3ULL, model_flags(m, both >> PAGE_SHIFT));
	dma_unmap_page(dev, in, PAGE_SIZE, DMA_FROM_DEVICE);
	dma_unmap_page(dev, both, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

static void a_scatterlist_takes_one_call(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct scatterlist *sg;
	int i;

	sg = kunit_kcalloc(test, NR_PAGES, sizeof(*sg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sg);
	sg_init_table(sg, NR_PAGES);
	/* Backwards, so that not even the PFNs are contiguous. */
	for (i = 0; i < NR_PAGES; i++)
		sg_set_page(&sg[i], page + NR_PAGES - 1 - i, PAGE_SIZE, 0);

	KUNIT_ASSERT_GT(test, dma_map_sg(dev, sg, NR_PAGES, DMA_BIDIRECTIONAL),
			0);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 0U, m->flushes);
	KUNIT_EXPECT_EQ(test, (unsigned long)NR_PAGES, model_nr_mapped(m));
	dma_unmap_sg(dev, sg, NR_PAGES, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

static void coherent_memory_is_mapped(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	dma_addr_t addr;
	void *cpu;

	cpu = dma_alloc_coherent(dev, 5 * PAGE_SIZE, &addr, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cpu);
	KUNIT_EXPECT_EQ(test, 5UL, model_nr_mapped(m));
	dma_free_coherent(dev, 5 * PAGE_SIZE, cpu, addr);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

/* Which dma-iommu allocates in pieces of that size, if it is told of it. */
static void coherent_memory_is_in_large_pages(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	dma_addr_t addr;
	void *cpu;

	((struct fixture *)test->priv)->contiguous = true;
	cpu = dma_alloc_coherent(dev, SZ_2M, &addr, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cpu);
	KUNIT_EXPECT_EQ(test, SZ_2M / PAGE_SIZE, model_nr_mapped(m));
	KUNIT_EXPECT_TRUE(test, model_large(m, addr >> PAGE_SHIFT));
	dma_free_coherent(dev, SZ_2M, cpu, addr);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

static void a_refused_mapping_is_an_error_of_the_dma_api(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr;

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .after = 3,
		.times = 1, .err = -EPERM,
	});
	addr = dma_map_page(dev, page, 0, 8 * PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, addr));
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
}

static void a_foreign_page_is_an_error_of_the_dma_api(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr;

	fixture_p2m(test, page_to_pfn(page), 1, FOREIGN_FRAME(5UL), true);
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, addr));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(fixture_model(test)));
}

static void reserved_ranges_have_their_kinds(struct kunit *test)
{
	static const struct {
		phys_addr_t start;
		enum iommu_resv_type type;
	} want[] = {
		{ 0xfee00000, IOMMU_RESV_MSI },
		{ 0xe0000000, IOMMU_RESV_DIRECT },
		{ 0, IOMMU_RESV_RESERVED },
		{ 0xf0000000, IOMMU_RESV_RESERVED },
	};
	struct device *dev = device_fixture_claimed(test);
	struct iommu_resv_region *region;
	unsigned int i, found = 0;
	LIST_HEAD(list);

	iommu_get_resv_regions(dev, &list);
	list_for_each_entry(region, &list, list)
		for (i = 0; i < ARRAY_SIZE(want); i++)
			if (region->start == want[i].start &&
			    region->type == want[i].type)
				found++;
	iommu_put_resv_regions(dev, &list);
	KUNIT_EXPECT_EQ(test, (unsigned int)ARRAY_SIZE(want), found);
}

static void windows_of_the_buses_are_reserved(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct pci_host_bridge *bridge =
		pci_find_host_bridge(to_pci_dev(dev)->bus);
	struct iommu_resv_region *region;
	struct resource_entry *window;
	unsigned int found = 0, want = 0;
	LIST_HEAD(list);

	iommu_get_resv_regions(dev, &list);
	resource_list_for_each_entry(window, &bridge->windows) {
		if (resource_type(window->res) != IORESOURCE_MEM)
			continue;
		want++;
		list_for_each_entry(region, &list, list)
			if (region->start == window->res->start &&
			    region->length == resource_size(window->res) &&
			    region->type == IOMMU_RESV_RESERVED)
				found++;
	}
	iommu_put_resv_regions(dev, &list);
	KUNIT_EXPECT_GT(test, want, 0U);
	KUNIT_EXPECT_EQ(test, want, found);
}

/* Mapped by Xen always; for the core they are there, and it maps nothing. */
static void identity_ranges_are_there_without_being_mapped(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0xe0000000ULL,
			iommu_iova_to_phys(domain, 0xe0000000));
	KUNIT_EXPECT_EQ(test, 0xe007f123ULL,
			iommu_iova_to_phys(domain, 0xe007f123));
	KUNIT_EXPECT_EQ(test, 0ULL, iommu_iova_to_phys(domain, 0xe0080000));
	KUNIT_EXPECT_EQ(test, 0ULL, iommu_iova_to_phys(domain, 0xdffff000));
	KUNIT_EXPECT_EQ(test, 0ULL, iommu_iova_to_phys(domain, 0xfee00000));
}

static void no_address_is_in_a_reserved_range(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr[40];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = dma_map_page(dev, page, 0, NR_PAGES * PAGE_SIZE,
				       DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr[i]));
		KUNIT_EXPECT_LT(test, addr[i], 0xf0000000ULL);
		KUNIT_EXPECT_TRUE(test, addr[i] + NR_PAGES * PAGE_SIZE <=
				  0xe0000000 || addr[i] >= 0xe0080000);
	}
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		dma_unmap_page(dev, addr[i], NR_PAGES * PAGE_SIZE,
			       DMA_TO_DEVICE);
}

static void capabilities_are_those_of_the_hypervisor(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	KUNIT_EXPECT_TRUE(test, device_iommu_capable(dev,
						     IOMMU_CAP_CACHE_COHERENCY));
	KUNIT_EXPECT_TRUE(test, device_iommu_capable(dev,
						     IOMMU_CAP_DEFERRED_FLUSH));
	KUNIT_EXPECT_FALSE(test, device_iommu_capable(dev, IOMMU_CAP_NOEXEC));
	KUNIT_EXPECT_EQ(test, (unsigned long)(SZ_4K | SZ_2M | SZ_1G),
			domain->pgsize_bitmap);
	KUNIT_EXPECT_EQ(test, BIT_ULL(39) - 1, domain->geometry.aperture_end);
}

static void msis_are_isolated_where_the_hypervisor_says_so(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct irq_domain *was = dev_get_msi_domain(&pdev->dev);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct irq_domain *msis;

	msis = kunit_kzalloc(test, sizeof(*msis), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, msis);
	dev_set_msi_domain(&pdev->dev, msis);

	xpi->caps.flags &= ~XEN_IOMMU_CAP_intremap;
	KUNIT_EXPECT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_FALSE(test, msi_device_has_isolated_msi(&pdev->dev));
	device_fixture_give_back(test, xpi);

	xpi->caps.flags |= XEN_IOMMU_CAP_intremap;
	KUNIT_EXPECT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_TRUE(test, msi_device_has_isolated_msi(&pdev->dev));
	device_fixture_give_back(test, xpi);

	dev_set_msi_domain(&pdev->dev, was);
}

static void without_deferred_flushes_unmapping_is_strict(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct device *dev;
	dma_addr_t addr;

	m->caps.flags = XEN_IOMMU_CAP_clear;
	dev = device_fixture_claimed(test);
	KUNIT_EXPECT_EQ(test, (unsigned int)IOMMU_DOMAIN_DMA,
			iommu_get_domain_for_dev(dev)->type);
	KUNIT_EXPECT_FALSE(test, device_iommu_capable(dev,
						      IOMMU_CAP_CACHE_COHERENCY));
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

/* The core drops its flush queue without a flush when a domain goes. */
static void nothing_is_left_when_the_devices_go(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr;

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	addr = dma_map_page(&pdev->dev, page, 0, NR_PAGES * PAGE_SIZE,
			    DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(&pdev->dev, addr));
	dma_unmap_page(&pdev->dev, addr, NR_PAGES * PAGE_SIZE,
		       DMA_BIDIRECTIONAL);

	device_fixture_unregister(test, xpi);
	KUNIT_EXPECT_NULL(test, xpi->shared);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	xpi_give_back(xpi);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_takeover_claims_the_device),
	KUNIT_CASE(a_refused_takeover_claims_nothing),
	KUNIT_CASE_PARAM(with_fewer_contexts_than_said_devices_stay_out,
			 no_more_gen_params),
	KUNIT_CASE(a_domain_that_fails_later_takes_no_context_away),
	KUNIT_CASE(a_page_is_mapped_for_as_long_as_it_is),
	KUNIT_CASE(the_direction_is_what_the_device_may),
	KUNIT_CASE(a_scatterlist_takes_one_call),
	KUNIT_CASE(coherent_memory_is_mapped),
	KUNIT_CASE(coherent_memory_is_in_large_pages),
	KUNIT_CASE(a_refused_mapping_is_an_error_of_the_dma_api),
	KUNIT_CASE(a_foreign_page_is_an_error_of_the_dma_api),
	KUNIT_CASE(reserved_ranges_have_their_kinds),
	KUNIT_CASE(windows_of_the_buses_are_reserved),
	KUNIT_CASE(identity_ranges_are_there_without_being_mapped),
	KUNIT_CASE(no_address_is_in_a_reserved_range),
	KUNIT_CASE(capabilities_are_those_of_the_hypervisor),
	KUNIT_CASE(msis_are_isolated_where_the_hypervisor_says_so),
	KUNIT_CASE(without_deferred_flushes_unmapping_is_strict),
	KUNIT_CASE(nothing_is_left_when_the_devices_go),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-iommu",
	.init = device_fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
