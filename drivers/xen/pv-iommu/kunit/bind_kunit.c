// SPDX-License-Identifier: GPL-2.0-only
/* Which devices are in use: before the takeover, during it and after it. */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>

#include "device_fixture.h"

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{}
};

static atomic_t probed;

/* Of two devices, the one that is tested has this driver. */
static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pci_dev *tested = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);

	pci_dev_put(tested);
	if (pdev != tested)
		return -ENODEV;

	atomic_inc(&probed);
	return 0;
}

static void remove(struct pci_dev *pdev)
{
	atomic_dec(&probed);
	pci_clear_master(pdev);
}

static struct pci_driver driver = {
	.name = "xpi-kunit",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

static void unregister_driver(void *unused)
{
	pci_unregister_driver(&driver);
}

static void start_driver(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, pci_register_driver(&driver));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   unregister_driver,
							   NULL));
}

static void stop_driver(struct kunit *test)
{
	kunit_release_action(test, unregister_driver, NULL);
}

static int check(void)
{
	int ret;

	xpi_bind_lock();
	ret = xpi_bind_check();
	xpi_bind_unlock();
	return ret;
}

static void a_device_without_a_driver_is_not_in_use(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);

	pci_set_master(pdev);
	KUNIT_EXPECT_EQ(test, 0, check());
	pci_clear_master(pdev);
}

static void an_idle_driver_does_not_use_its_device(struct kunit *test)
{
	device_fixture_edu(test);
	start_driver(test);
	KUNIT_ASSERT_EQ(test, 1, atomic_read(&probed));
	KUNIT_EXPECT_EQ(test, 0, check());
}

static void a_bus_master_with_a_driver_is_in_use(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	start_driver(test);
	pci_set_master(pdev);
	KUNIT_EXPECT_EQ(test, -EBUSY, check());

	/* Nothing is taken over then. */
	KUNIT_EXPECT_EQ(test, -EBUSY, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_EQ(test, 0U, fixture_model(test)->calls);
	stop_driver(test);
	KUNIT_EXPECT_EQ(test, 0, check());
}

static void a_sleeping_device_with_a_driver_is_in_use(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	pci_power_t state = pdev->current_state;

	start_driver(test);
	pdev->current_state = PCI_D0;
	KUNIT_EXPECT_EQ(test, 0, check());
	pdev->current_state = PCI_D3hot;
	KUNIT_EXPECT_EQ(test, -EBUSY, check());
	pdev->current_state = state;
}

static void bridges_are_harmless_and_others_are_not(struct kunit *test)
{
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->class = PCI_CLASS_BRIDGE_ISA << 8;
	KUNIT_EXPECT_TRUE(test, xpi_pci_is_harmless(pdev));
	pdev->class = PCI_CLASS_BRIDGE_HOST << 8;
	KUNIT_EXPECT_TRUE(test, xpi_pci_is_harmless(pdev));
	/* A switch that reports what it sees is one of these. */
	pdev->class = PCI_CLASS_BRIDGE_OTHER << 8;
	KUNIT_EXPECT_FALSE(test, xpi_pci_is_harmless(pdev));
	pdev->class = PCI_CLASS_STORAGE_EXPRESS;
	KUNIT_EXPECT_FALSE(test, xpi_pci_is_harmless(pdev));
	pdev->class = PCI_CLASS_NETWORK_ETHERNET << 8;
	KUNIT_EXPECT_FALSE(test, xpi_pci_is_harmless(pdev));
	pdev->hdr_type = PCI_HEADER_TYPE_BRIDGE;
	KUNIT_EXPECT_TRUE(test, xpi_pci_is_harmless(pdev));
}

/* Another thread, that has the device's lock or wants it. */
struct other {
	struct pci_dev *pdev;
	struct completion go;
	struct completion there;
	struct completion done;
};

static struct other other;

static void start_other(struct kunit *test, int (*fn)(void *data))
{
	struct task_struct *t;

	init_completion(&other.go);
	init_completion(&other.there);
	init_completion(&other.done);
	t = kthread_run(fn, &other, "xpi-other");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
}

static int hold_device(void *data)
{
	device_lock(&other.pdev->dev);
	complete(&other.there);
	wait_for_completion(&other.go);
	device_unlock(&other.pdev->dev);
	complete(&other.done);
	return 0;
}

static void a_driver_that_is_starting_is_in_use(struct kunit *test)
{
	other.pdev = device_fixture_edu(test);
	start_other(test, hold_device);
	wait_for_completion(&other.there);
	KUNIT_EXPECT_EQ(test, -EBUSY, check());
	complete(&other.go);
	wait_for_completion(&other.done);
	KUNIT_EXPECT_EQ(test, 0, check());
}

static void leave_bus(void *unused)
{
	xpi_bind_exit();
}

static void watch_bus(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, xpi_bind_init());
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, leave_bus,
							   NULL));
}

static int register_driver(void *data)
{
	complete(&other.there);
	if (pci_register_driver(&driver))
		atomic_set(&probed, -1);
	complete(&other.done);
	return 0;
}

static void no_driver_starts_during_the_takeover(struct kunit *test)
{
	device_fixture_edu(test);
	watch_bus(test);
	xpi_bind_lock();
	start_other(test, register_driver);
	wait_for_completion(&other.there);
	msleep(50);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&probed));
	xpi_bind_unlock();
	wait_for_completion(&other.done);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&probed));
	if (atomic_read(&probed) == 1)
		pci_unregister_driver(&driver);
}

static void a_device_in_use_pins_the_module(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct xpi_dev *xdev;

	watch_bus(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	xdev = dev_iommu_priv_get(&pdev->dev);
	KUNIT_ASSERT_NOT_NULL(test, xdev);
	KUNIT_EXPECT_FALSE(test, xdev->pinned);
	start_driver(test);
	KUNIT_EXPECT_TRUE(test, xdev->pinned);
	stop_driver(test);
	KUNIT_EXPECT_FALSE(test, xdev->pinned);
}

static void expect_dma(struct kunit *test, struct device *dev)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct model *m = fixture_model(test);
	dma_addr_t addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(dev, DMA_BIT_MASK(32)));
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(dev, addr));
	device_look(m, dev);
	KUNIT_EXPECT_EQ(test, fixture_scattered(page_to_pfn(page)),
			model_access(m, addr >> PAGE_SHIFT));
	dma_unmap_page(dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	__free_page(page);
}

static void a_device_with_an_idle_driver_gets_no_dma(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	start_driver(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	device_fixture_no_dma(test, &pdev->dev);

	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
}

/* It would reach the buffers of all others. */
static void an_untrusted_device_gets_no_dma(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	pdev->untrusted = 1;
	KUNIT_EXPECT_EQ(test, 0, device_fixture_take_over(test, xpi));
	pdev->untrusted = 0;
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	device_fixture_no_dma(test, &pdev->dev);
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
}

/*
 * Claimed, then assigned to another domain: what dom0's driver mapped would be found
 * in that one's address space, or not at all.  Back again, it works.
 */
static void drivers_get_no_dma_while_the_device_is_away(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_contexts(test, 0);
	struct model *m = fixture_model(test);

	watch_bus(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(&pdev->dev));

	m->away = true;
	start_driver(test);
	device_fixture_no_dma(test, &pdev->dev);
	stop_driver(test);
	start_driver(test);
	device_fixture_no_dma(test, &pdev->dev);
	stop_driver(test);

	m->away = false;
	start_driver(test);
	expect_dma(test, &pdev->dev);
	stop_driver(test);
}

/* Nor does a device that is let go of meanwhile stay without. */
static void a_device_that_was_away_has_dma_without_us(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	watch_bus(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	fixture_model(test)->away = true;
	start_driver(test);
	device_fixture_no_dma(test, &pdev->dev);
	stop_driver(test);
	device_fixture_give_back(test, xpi);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
}

/* As when claiming a device that is plugged in fails, which nobody hears of. */
static void a_driver_of_an_unclaimed_device_gets_no_dma(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	xpi_iommu_starts(&pdev->dev);
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));

	watch_bus(test);
	start_driver(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	/* It may again, but is still not claimed, and starts once more. */
	xpi_allow_all();
	stop_driver(test);
	start_driver(test);
	device_fixture_no_dma(test, &pdev->dev);
	stop_driver(test);
	device_fixture_give_back(test, xpi);
}

static void a_driver_that_wakes_up_ends_the_takeover(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	start_driver(test);
	xpi_forbid_init();
	xpi_bind_lock();
	KUNIT_EXPECT_EQ(test, 0, xpi_bind_check());
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	pci_set_master(pdev);
	KUNIT_EXPECT_EQ(test, -EBUSY, xpi_iommu_register(xpi));
	xpi_give_back(xpi);
	/* Not before the host map, and the DMA operations, are back. */
	device_fixture_no_dma(test, &pdev->dev);
	xpi_allow_all();
	xpi_bind_unlock();

	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(&pdev->dev));
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)));
	stop_driver(test);
}

static bool was_pinned;

/* The driver's devres, which goes last, after it has failed. */
static void note_pin(void *xdev)
{
	was_pinned = ((struct xpi_dev *)xdev)->pinned;
}

static int fail_to_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct xpi_dev *xdev = dev_iommu_priv_get(&pdev->dev);

	if (xdev && devm_add_action(&pdev->dev, note_pin, xdev))
		return -ENOMEM;
	return -EIO;
}

static struct pci_driver failing_driver = {
	.name = "xpi-kunit-fails",
	.id_table = ids,
	.probe = fail_to_probe,
};

/* It may free DMA memory then, with what it got it from. */
static void a_driver_that_fails_pins_until_it_is_done(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);
	struct xpi_dev *xdev;

	watch_bus(test);
	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	xdev = dev_iommu_priv_get(&pdev->dev);
	KUNIT_ASSERT_NOT_NULL(test, xdev);
	was_pinned = false;
	KUNIT_ASSERT_EQ(test, 0, pci_register_driver(&failing_driver));
	pci_unregister_driver(&failing_driver);
	KUNIT_EXPECT_TRUE(test, was_pinned);
	KUNIT_EXPECT_FALSE(test, xdev->pinned);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_device_without_a_driver_is_not_in_use),
	KUNIT_CASE(an_idle_driver_does_not_use_its_device),
	KUNIT_CASE(a_bus_master_with_a_driver_is_in_use),
	KUNIT_CASE(a_sleeping_device_with_a_driver_is_in_use),
	KUNIT_CASE(bridges_are_harmless_and_others_are_not),
	KUNIT_CASE(a_driver_that_is_starting_is_in_use),
	KUNIT_CASE(no_driver_starts_during_the_takeover),
	KUNIT_CASE(a_device_in_use_pins_the_module),
	KUNIT_CASE(a_driver_that_fails_pins_until_it_is_done),
	KUNIT_CASE(a_device_with_an_idle_driver_gets_no_dma),
	KUNIT_CASE(an_untrusted_device_gets_no_dma),
	KUNIT_CASE(drivers_get_no_dma_while_the_device_is_away),
	KUNIT_CASE(a_device_that_was_away_has_dma_without_us),
	KUNIT_CASE(a_driver_of_an_unclaimed_device_gets_no_dma),
	KUNIT_CASE(a_driver_that_wakes_up_ends_the_takeover),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-bind",
	.init = device_fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
