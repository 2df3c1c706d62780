// SPDX-License-Identifier: GPL-2.0-only
/* A device, claimed by the driver, with the model underneath. */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>

#include <xen/xen.h>

#include "device_fixture.h"

static struct xen_iommu_reserved_range ranges[] = {
	{ 0xfee00, 0x100, XEN_IOMMU_RESERVED_msi },
	{ 0x00000, 0x1000, XEN_IOMMU_RESERVED_isa },
	/* All that a 32-bit device would get first, around that of the MSIs. */
	{ 0xf0000, 0xee00, XEN_IOMMU_RESERVED_bus },
	{ 0xfef00, 0x1100, XEN_IOMMU_RESERVED_bus },
	/* The last one: DEVICE_FIXTURE_NOT_IDENTITY. */
	{ 0xe0000, 0x80, XEN_IOMMU_RESERVED_identity },
};

static_assert(ARRAY_SIZE(ranges) == DEVICE_FIXTURE_NOT_IDENTITY + 1);

int device_fixture_init(struct kunit *test)
{
	struct model *m;
	int ret;

	if (xen_domain())
		kunit_skip(test, "would take this domain's devices away");

	ret = fixture_init(test);
	m = fixture_model(test);
	m->owned = false;
	m->reserved.ranges = ranges;
	m->reserved.nr = ARRAY_SIZE(ranges);
	return ret;
}

/* The context that a device is in, by what the hypervisor was told. */
u16 device_context(struct model *m, struct device *dev)
{
	return model_context_of(m, xpi_sbdf(to_pci_dev(dev)));
}

/* From here on look at what the device finds. */
void device_look(struct model *m, struct device *dev)
{
	model_look_at(m, device_context(m, dev));
}

static void put_device_of(void *data)
{
	pci_dev_put(data);
}

/* The device; the test is skipped where there is none that can be had. */
struct pci_dev *device_fixture_edu(struct kunit *test)
{
	struct pci_dev *pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);

	if (!pdev)
		kunit_skip(test, "no edu device (QEMU: -device edu)");
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, put_device_of, pdev));
	if (device_iommu_mapped(&pdev->dev))
		kunit_skip(test, "there is an IOMMU");
	return pdev;
}

struct xpi *device_fixture_hypervisor(struct kunit *test)
{
	struct xpi *xpi = kunit_kzalloc(test, sizeof(*xpi), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xpi);
	xpi->backend = &model_backend;
	xpi->caps = fixture_model(test)->caps;
	xpi->reserved = ranges;
	xpi->nr_reserved = ARRAY_SIZE(ranges);
	return xpi;
}

/* One that has contexts, and so many of them if @nr is not 0. */
struct xpi *device_fixture_contexts(struct kunit *test, unsigned int nr)
{
	struct xpi *xpi;

	fixture_model(test)->caps.flags |= XEN_IOMMU_CAP_contexts;
	xpi = device_fixture_hypervisor(test);
	if (nr)
		xpi->caps.nr_ctx = nr;
	return xpi;
}

static void give_back(void *data)
{
	struct xpi *xpi = data;

	xpi_bind_lock();
	xpi_iommu_unregister(xpi);
	xpi_give_back(xpi);
	xpi_allow_all();
	xpi_bind_unlock();
	xpi_iommu_end(xpi);
}

int device_fixture_take_over(struct kunit *test, struct xpi *xpi)
{
	int ret;

	xpi_bind_lock();
	ret = xpi_switch_over(xpi);
	xpi_bind_unlock();
	if (!ret)
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
								   give_back,
								   xpi));
	return ret;
}

void device_fixture_give_back(struct kunit *test, struct xpi *xpi)
{
	kunit_release_action(test, give_back, xpi);
}

/* The device, ready for the DMA API, with nothing counted yet. */
struct device *device_fixture_claimed(struct kunit *test)
{
	struct pci_dev *pdev = device_fixture_edu(test);
	struct xpi *xpi = device_fixture_hypervisor(test);

	KUNIT_ASSERT_EQ(test, 0, device_fixture_take_over(test, xpi));
	KUNIT_ASSERT_TRUE(test, use_dma_iommu(&pdev->dev));
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(&pdev->dev,
							   DMA_BIT_MASK(32)));
	model_count(fixture_model(test));
	return &pdev->dev;
}

static void free_pages_of(void *data)
{
	__free_pages(data, get_order(DEVICE_FIXTURE_PAGES * PAGE_SIZE));
}

struct page *device_fixture_pages(struct kunit *test)
{
	struct page *page =
		alloc_pages(GFP_KERNEL,
			    get_order(DEVICE_FIXTURE_PAGES * PAGE_SIZE));

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_pages_of,
							   page));
	return page;
}

/* Only let the devices go, to look at what is left in the hypervisor. */
void device_fixture_unregister(struct kunit *test, struct xpi *xpi)
{
	kunit_remove_action(test, give_back, xpi);
	xpi_bind_lock();
	xpi_iommu_unregister(xpi);
	xpi_bind_unlock();
	xpi_iommu_end(xpi);
}

/* Wait for the flush queue of the IOMMU core, which has a timer. */
bool device_fixture_flushed(struct model *m)
{
	unsigned int i;

	for (i = 0; i < 500 && (model_nr_stale(m) || model_nr_refs(m)); i++)
		usleep_range(5000, 10000);
	return !model_nr_stale(m) && !model_nr_refs(m);
}

/* Neither a mask nor memory nor mappings. */
void device_fixture_no_dma(struct kunit *test, struct device *dev)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct scatterlist sg;
	dma_addr_t addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_NE(test, 0, dma_set_mask(dev, DMA_BIT_MASK(32)));
	KUNIT_EXPECT_NULL(test, dma_alloc_coherent(dev, PAGE_SIZE, &addr,
						   GFP_KERNEL));
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, addr));
	sg_init_table(&sg, 1);
	sg_set_page(&sg, page, PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, 0, dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE));
	__free_page(page);
}
