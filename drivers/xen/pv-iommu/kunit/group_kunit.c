// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group of all devices: domains that cannot be attached, and devices that
 * the IOMMU core wants to be blocked.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>

#include "device_fixture.h"

/* For a group that is put, and a domain that is freed, whatever happens. */
static struct iommu_group *group_of(struct kunit *test, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);

	KUNIT_ASSERT_NOT_NULL(test, group);
	/* The device keeps it for as long as the test lasts. */
	iommu_group_put(group);
	return group;
}

static void free_domain(void *domain)
{
	iommu_domain_free(domain);
}

/* A domain with one page in it, which is not attached. */
static struct iommu_domain *other_domain(struct kunit *test,
					 struct device *dev, struct page *page)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);

	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_domain,
							   domain));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(domain, 0x40000000, page_to_phys(page),
				  PAGE_SIZE, IOMMU_READ, GFP_KERNEL));
	return domain;
}

static dma_addr_t map_one(struct device *dev, struct page *page)
{
	return dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* Does the device reach the page at the address, and nothing else there? */
static bool reaches(struct model *m, dma_addr_t addr, struct page *page)
{
	return model_access(m, addr >> PAGE_SHIFT) ==
	       fixture_scattered(page_to_pfn(page));
}

static void refuse_maps(struct model *m, unsigned int times)
{
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map,
		.times = times, .err = -EPERM,
	});
}

static void a_domain_that_cannot_be_attached_changes_nothing(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_domain *other = other_domain(test, dev, page);
	dma_addr_t before, after;

	before = map_one(dev, page);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, before));
	refuse_maps(m, 1);
	KUNIT_EXPECT_NE(test, 0, iommu_attach_group(other, group));

	KUNIT_EXPECT_TRUE(test, reaches(m, before, page));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 0x40000));
	after = map_one(dev, page + 1);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, after));
	KUNIT_EXPECT_TRUE(test, reaches(m, after, page + 1));
	dma_unmap_page(dev, before, PAGE_SIZE, DMA_BIDIRECTIONAL);
	dma_unmap_page(dev, after, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

static void a_domain_that_cannot_be_brought_back_maps_nothing(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_domain *other = other_domain(test, dev, page);
	dma_addr_t before, after;

	before = map_one(dev, page);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, before));
	refuse_maps(m, 2);
	KUNIT_EXPECT_NE(test, 0, iommu_attach_group(other, group));

	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	after = map_one(dev, page + 1);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, after));

	/* The next one to be attached can, and so can the old one after it. */
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other, group));
	iommu_detach_group(other, group);
	KUNIT_EXPECT_TRUE(test, reaches(m, before, page));
	after = map_one(dev, page + 1);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, after));
	KUNIT_EXPECT_TRUE(test, reaches(m, after, page + 1));
	dma_unmap_page(dev, before, PAGE_SIZE, DMA_BIDIRECTIONAL);
	dma_unmap_page(dev, after, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

static void a_group_that_is_blocked_reaches_nothing(struct kunit *test)
{
	struct device *dev = &device_fixture_edu(test)->dev;
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_group *group;
	dma_addr_t addr;

	/* Who has to be reached always, the core does not block. */
	xpi->nr_reserved = DEVICE_FIXTURE_NOT_IDENTITY;
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	group = group_of(test, dev);
	addr = map_one(dev, page);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	KUNIT_ASSERT_EQ(test, 0, iommu_group_claim_dma_owner(group, test));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING,
			model_access(m, addr >> PAGE_SHIFT));
	iommu_group_release_dma_owner(group);
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

#ifdef XPI_HAVE_DEVICE_RESET
#ifdef CONFIG_PCI_ATS
static int count(struct device *dev, void *nr)
{
	++*(unsigned int *)nr;
	return 0;
}

/* The core blocks a device with ATS while it is being reset, and only that. */
static void a_reset_of_one_device_leaves_the_others_alone(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct pci_dev *pdev = to_pci_dev(dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	u16 ats_cap = pdev->ats_cap;
	unsigned int nr = 0, calls;
	dma_addr_t addr;

	iommu_group_for_each_dev(group_of(test, dev), &nr, count);
	if (nr < 2)
		kunit_skip(test, "no second device");
	addr = map_one(dev, page);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	calls = m->calls;

	pdev->ats_cap = 0x100;
	KUNIT_EXPECT_EQ(test, 0, pci_dev_reset_iommu_prepare(pdev));
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	pci_dev_reset_iommu_done(pdev);
	pdev->ats_cap = ats_cap;

	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	KUNIT_EXPECT_EQ(test, calls, m->calls);
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}
#endif
#endif

static struct kunit_case cases[] = {
	KUNIT_CASE(a_domain_that_cannot_be_attached_changes_nothing),
	KUNIT_CASE(a_domain_that_cannot_be_brought_back_maps_nothing),
	KUNIT_CASE(a_group_that_is_blocked_reaches_nothing),
#ifdef XPI_HAVE_DEVICE_RESET
#ifdef CONFIG_PCI_ATS
	KUNIT_CASE(a_reset_of_one_device_leaves_the_others_alone),
#endif
#endif
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-group",
	.init = device_fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
