// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups and their domains: with contexts the IOMMU core moves a device from one
 * to another, and without them there is one domain that no device leaves.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>

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

/* Claimed by the driver on a hypervisor with contexts. */
static struct device *device_in_context(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct device *dev;

	m->caps.flags |= XEN_IOMMU_CAP_contexts;
	dev = device_fixture_claimed(test);
	device_look(m, dev);
	return dev;
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

static dma_addr_t map_one(struct kunit *test, struct device *dev,
			  struct page *page)
{
	dma_addr_t addr = dma_map_page(dev, page, 0, PAGE_SIZE,
				       DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	return addr;
}

/* Does the device reach the page at the address, and nothing else there? */
static bool reaches(struct model *m, dma_addr_t addr, struct page *page)
{
	return model_access(m, addr >> PAGE_SHIFT) ==
	       fixture_scattered(page_to_pfn(page));
}

static void a_claimed_device_is_in_a_context(struct kunit *test)
{
	struct device *dev = device_in_context(test);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr;

	KUNIT_EXPECT_NE(test, 0, device_context(m, dev));
	KUNIT_EXPECT_FALSE(test, m->owned);
	addr = map_one(test, dev, page);
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

static void a_released_device_is_in_the_host_map(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);
	struct model *m = fixture_model(test);

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_NE(test, 0, device_context(m, &pdev->dev));
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, device_context(m, &pdev->dev));
	KUNIT_EXPECT_EQ(test, 0UL, m->contexts);
}

/* Not without an address space, but as if the driver were not there. */
static void a_device_that_gets_no_context_is_in_the_host_map(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	/* The one in which devices are blocked. */
	struct xpi *xpi = device_fixture_contexts(test, 1);
	struct model *m = fixture_model(test);

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_EQ(test, (unsigned int)IOMMU_DOMAIN_IDENTITY,
			iommu_get_domain_for_dev(&pdev->dev)->type);
	KUNIT_EXPECT_EQ(test, 0, device_context(m, &pdev->dev));
	KUNIT_EXPECT_FALSE(test, use_dma_iommu(&pdev->dev));
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0UL, m->contexts);
}

/* One that was removed is not known to the hypervisor any more. */
static void a_device_that_is_gone_is_let_go_of(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);
	struct model *m = fixture_model(test);

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_attach,
		.times = MODEL_ALWAYS, .err = -ENODEV,
	});
	device_fixture_unregister(test, xpi);
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
}

/* What VFIO does: a domain of its own, and back to the DMA API's. */
static void another_domain_takes_the_place_of_the_first(struct kunit *test)
{
	struct device *dev = device_in_context(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_domain *other = other_domain(test, dev, page + 1);
	u16 before = device_context(m, dev);
	dma_addr_t addr = map_one(test, dev, page);

	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other, group));
	KUNIT_EXPECT_NE(test, before, device_context(m, dev));
	device_look(m, dev);
	KUNIT_EXPECT_TRUE(test, reaches(m, 0x40000000, page + 1));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING,
			model_access(m, addr >> PAGE_SHIFT));

	iommu_detach_group(other, group);
	KUNIT_EXPECT_EQ(test, before, device_context(m, dev));
	device_look(m, dev);
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

static void a_domain_that_cannot_be_attached_changes_nothing(struct kunit *test)
{
	struct device *dev = device_in_context(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_domain *other = other_domain(test, dev, page);
	u16 before = device_context(m, dev);
	dma_addr_t addr = map_one(test, dev, page);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_attach,
		.times = 1, .err = -ENOMEM,
	});
	KUNIT_EXPECT_NE(test, 0, iommu_attach_group(other, group));
	KUNIT_EXPECT_EQ(test, before, device_context(m, dev));
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* What a program maps is for a device that dom0 has. */
static void a_device_that_is_away_is_no_programs(struct kunit *test)
{
	struct device *dev = device_in_context(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct iommu_domain *other =
		other_domain(test, dev, device_fixture_pages(test));
	u16 before = device_context(m, dev);

	m->away = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_attach_group(other, group));
	KUNIT_EXPECT_EQ(test, before, device_context(m, dev));

	m->away = false;
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other, group));
	KUNIT_EXPECT_NE(test, before, device_context(m, dev));
	/* The way back must not fail, whose it is by then. */
	m->away = true;
	iommu_detach_group(other, group);
	KUNIT_EXPECT_EQ(test, before, device_context(m, dev));
}

static void a_group_that_is_blocked_reaches_nothing(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct iommu_group *group;
	struct device *dev;
	dma_addr_t addr;

	/* Who has to be reached always, the core does not block. */
	m->reserved.nr = DEVICE_FIXTURE_NOT_IDENTITY;
	dev = device_in_context(test);
	group = group_of(test, dev);
	addr = map_one(test, dev, page);
	KUNIT_ASSERT_EQ(test, 0, iommu_group_claim_dma_owner(group, test));
	KUNIT_EXPECT_NE(test, 0, device_context(m, dev));
	device_look(m, dev);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	iommu_group_release_dma_owner(group);
	device_look(m, dev);
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

/* Not even to be empty: all devices would lose what they have mapped. */
static void a_shared_domain_is_not_left(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct iommu_group *group = group_of(test, dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr = map_one(test, dev, page);

	KUNIT_EXPECT_EQ(test, -EBUSY,
			PTR_ERR_OR_ZERO(iommu_paging_domain_alloc(dev)));
	KUNIT_EXPECT_NE(test, 0, iommu_group_claim_dma_owner(group, test));
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

#ifdef XPI_HAVE_DEVICE_RESET
#ifdef CONFIG_PCI_ATS
static void a_device_that_shares_is_not_blocked_for_a_reset(struct kunit *test)
{
	struct device *dev = device_fixture_claimed(test);
	struct pci_dev *pdev = to_pci_dev(dev);
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	dma_addr_t addr = map_one(test, dev, page);
	u16 ats_cap = pdev->ats_cap;

	pdev->ats_cap = 0x100;
	KUNIT_EXPECT_NE(test, 0, pci_dev_reset_iommu_prepare(pdev));
	pdev->ats_cap = ats_cap;
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}

/* The core blocks a device with ATS while it is being reset. */
static void a_device_that_is_reset_reaches_nothing(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct page *page = device_fixture_pages(test);
	struct pci_dev *pdev;
	struct device *dev;
	dma_addr_t addr;
	u16 ats_cap;

	m->reserved.nr = DEVICE_FIXTURE_NOT_IDENTITY;
	dev = device_in_context(test);
	pdev = to_pci_dev(dev);
	addr = map_one(test, dev, page);
	ats_cap = pdev->ats_cap;
	pdev->ats_cap = 0x100;
	KUNIT_EXPECT_EQ(test, 0, pci_dev_reset_iommu_prepare(pdev));
	device_look(m, dev);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	pci_dev_reset_iommu_done(pdev);
	pdev->ats_cap = ats_cap;

	device_look(m, dev);
	KUNIT_EXPECT_TRUE(test, reaches(m, addr, page));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, device_fixture_flushed(m));
}
#endif
#endif

static struct kunit_case cases[] = {
	KUNIT_CASE(a_claimed_device_is_in_a_context),
	KUNIT_CASE(a_released_device_is_in_the_host_map),
	KUNIT_CASE(a_device_that_gets_no_context_is_in_the_host_map),
	KUNIT_CASE(a_device_that_is_gone_is_let_go_of),
	KUNIT_CASE(another_domain_takes_the_place_of_the_first),
	KUNIT_CASE(a_domain_that_cannot_be_attached_changes_nothing),
	KUNIT_CASE(a_device_that_is_away_is_no_programs),
	KUNIT_CASE(a_group_that_is_blocked_reaches_nothing),
	KUNIT_CASE(a_shared_domain_is_not_left),
#ifdef XPI_HAVE_DEVICE_RESET
#ifdef CONFIG_PCI_ATS
	KUNIT_CASE(a_device_that_shares_is_not_blocked_for_a_reset),
	KUNIT_CASE(a_device_that_is_reset_reaches_nothing),
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
