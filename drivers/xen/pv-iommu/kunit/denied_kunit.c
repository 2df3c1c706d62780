// SPDX-License-Identifier: GPL-2.0-only
/* Devices that must not do DMA, and are kept from it. */

#include <kunit/static_stub.h>

#include <linux/dma-mapping.h>
#include <linux/platform_device.h>

#include "device_fixture.h"

static void trust_again(void *pdev)
{
	((struct pci_dev *)pdev)->untrusted = 0;
}

/* On a hypervisor that has no more contexts than the one that is empty. */
static struct xpi *untrusted_without_context(struct kunit *test,
					     struct pci_dev *pdev)
{
	struct xpi *xpi = device_fixture_contexts(test, 1);

	pdev->untrusted = 1;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, trust_again, pdev));
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	return xpi;
}

static void an_untrusted_device_without_context_is_shut_out(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = untrusted_without_context(test, pdev);
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_NE(test, 0, device_context(m, &pdev->dev));
	KUNIT_EXPECT_EQ(test, xpi->blocked_ctx, device_context(m, &pdev->dev));
	device_fixture_no_dma(test, &pdev->dev);

	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, device_context(m, &pdev->dev));
	KUNIT_EXPECT_EQ(test, 0UL, m->contexts);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
}

/* Nor is it given any if the hypervisor cannot keep it out of the host map. */
static void an_untrusted_device_gets_no_dma_in_the_host_map(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = untrusted_without_context(test, pdev);
	struct model *m = fixture_model(test);

	xpi_allow_dma(&pdev->dev);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_attach,
		.times = 1, .err = -ENODEV,
	});
	xpi_claim_check_trust(xpi, &pdev->dev);
	device_fixture_no_dma(test, &pdev->dev);
}

/* What is cut off by a test is needed by the next; that it works is for Xen to show. */
static struct device *edu;
static bool edu_cut_off;

static void note_cut_off(struct device *dev, const char *why,
			 const char *until)
{
	if (dev == edu)
		edu_cut_off = true;
}

static void expect_cut_off(struct kunit *test, struct pci_dev *pdev)
{
	edu = &pdev->dev;
	edu_cut_off = false;
	kunit_activate_static_stub(test, xpi_cut_off, note_cut_off);
}

/* It is in a context that is not there for long, and we are gone by then. */
static void a_device_that_is_not_put_back_is_cut_off(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);

	expect_cut_off(test, pdev);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(&pdev->dev));
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_attach,
		.times = MODEL_ALWAYS, .err = -EIO,
	});
	device_fixture_unregister(test, xpi);
	xpi_allow_all();
	KUNIT_EXPECT_TRUE(test, edu_cut_off);
	model_heal(fixture_model(test));
}

/* Nor is one left in the context that nothing is mapped in. */
static void a_device_that_stays_shut_out_is_cut_off(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = untrusted_without_context(test, pdev);
	struct model *m = fixture_model(test);

	expect_cut_off(test, pdev);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_attach,
		.times = MODEL_ALWAYS, .err = -EIO,
	});
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_TRUE(test, edu_cut_off);
	model_heal(m);
}

static void without_the_host_map_every_device_is_cut_off(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	expect_cut_off(test, pdev);
	xpi_claim_cut_off(xpi);
	KUNIT_EXPECT_TRUE(test, edu_cut_off);
}

static void unregister_part(void *part)
{
	platform_device_unregister(part);
}

/* As drivers make them for what their device has inside. */
static struct device *part_of(struct kunit *test, struct device *dev)
{
	struct platform_device *part;

	part = platform_device_register_full(&(struct platform_device_info) {
		.parent = dev,
		.name = "xpi-kunit-part",
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(32),
	});
	KUNIT_ASSERT_FALSE(test, IS_ERR(part));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   unregister_part,
							   part));
	return &part->dev;
}

static void leave_bus(void *unused)
{
	xpi_bind_exit();
}

static void a_part_of_a_claimed_device_gets_no_dma(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct device *before, *during;

	KUNIT_ASSERT_EQ(test, 0, xpi_bind_init());
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, leave_bus,
							   NULL));
	before = part_of(test, &pdev->dev);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	during = part_of(test, &pdev->dev);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(before, DMA_BIT_MASK(32)));
	device_fixture_no_dma(test, during);

	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(during, DMA_BIT_MASK(32)));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(an_untrusted_device_without_context_is_shut_out),
	KUNIT_CASE(an_untrusted_device_gets_no_dma_in_the_host_map),
	KUNIT_CASE(a_device_that_is_not_put_back_is_cut_off),
	KUNIT_CASE(a_device_that_stays_shut_out_is_cut_off),
	KUNIT_CASE(without_the_host_map_every_device_is_cut_off),
	KUNIT_CASE(a_part_of_a_claimed_device_gets_no_dma),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-denied",
	.init = device_fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
