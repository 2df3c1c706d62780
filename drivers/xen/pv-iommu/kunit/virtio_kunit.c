// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which virtio devices go around the IOMMU: what is read through the window in
 * configuration space, of a device that is not there.
 */

#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "../pv-iommu.h"
#include "fixture.h"

/* Where it has what, in configuration space and in BAR 4. */
#define COMMON_CAP	0x40
#define WINDOW_CAP	0x60
#define COMMON_BAR	4
#define COMMON_OFFSET	0x3000U

/**
 * struct fake_device - a virtio device that has nothing but configuration space
 * @pdev: the device
 * @bus: the one that it is on, by which it is accessed
 * @sysdata: the number of its segment
 * @config: of configuration space, what can be written, too
 * @features: that it offers
 * @select: which half of them is shown
 * @touched: the BAR was accessed elsewhere
 */
struct fake_device {
	struct pci_dev pdev;
	struct pci_bus bus;
	struct pci_sysdata sysdata;
	u8 config[256];
	u64 features;
	u32 select;
	bool touched;
};

static struct fake_device *fake_of(struct pci_bus *bus)
{
	return container_of(bus, struct fake_device, bus);
}

static bool is_window(int where)
{
	return where == WINDOW_CAP +
			offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

/* What the window shows in the common configuration, or -1 when that is nothing. */
static int shown(struct fake_device *fake)
{
	struct virtio_pci_cap *window = (void *)&fake->config[WINDOW_CAP];

	if (window->bar != COMMON_BAR || le32_to_cpu(window->length) != 4)
		return -1;
	return le32_to_cpu(window->offset) - COMMON_OFFSET;
}

static int fake_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val)
{
	struct fake_device *fake = fake_of(bus);

	*val = 0;
	if (!is_window(where)) {
		memcpy(val, &fake->config[where], size);
		return PCIBIOS_SUCCESSFUL;
	}

	if (size == 4 && fake->select < 2 &&
	    shown(fake) == offsetof(struct virtio_pci_common_cfg, device_feature))
		*val = fake->features >> (32 * fake->select);
	else
		fake->touched = true;
	return PCIBIOS_SUCCESSFUL;
}

static int fake_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 val)
{
	struct fake_device *fake = fake_of(bus);

	if (!is_window(where))
		memcpy(&fake->config[where], &val, size);
	else if (size == 4 && shown(fake) ==
		 offsetof(struct virtio_pci_common_cfg, device_feature_select))
		fake->select = val;
	else
		fake->touched = true;
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
};

static void add_cap(struct fake_device *fake, u8 where, u8 next, u8 type)
{
	struct virtio_pci_cap *cap = (void *)&fake->config[where];

	cap->cap_vndr = PCI_CAP_ID_VNDR;
	cap->cap_next = next;
	cap->cap_len = sizeof(struct virtio_pci_cfg_cap);
	cap->cfg_type = type;
}

/* A device of version 1 that offers so much. */
static struct fake_device *virtio(struct kunit *test, u64 features)
{
	struct fake_device *fake = kunit_kzalloc(test, sizeof(*fake),
						 GFP_KERNEL);
	struct virtio_pci_cap *common;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->bus.ops = &fake_ops;
	fake->bus.sysdata = &fake->sysdata;
	fake->pdev.bus = &fake->bus;
	fake->pdev.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET;
	fake->pdev.device = 0x1042;
	fake->features = features;

	fake->config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	fake->config[PCI_CAPABILITY_LIST] = COMMON_CAP;
	add_cap(fake, COMMON_CAP, WINDOW_CAP, VIRTIO_PCI_CAP_COMMON_CFG);
	add_cap(fake, WINDOW_CAP, 0, VIRTIO_PCI_CAP_PCI_CFG);
	common = (void *)&fake->config[COMMON_CAP];
	common->bar = COMMON_BAR;
	common->offset = cpu_to_le32(COMMON_OFFSET);
	return fake;
}

/* Does nothing translate its DMA?  The hypervisor says that it does. */
static bool goes_around(struct kunit *test, struct fake_device *fake)
{
	struct xpi xpi = { .backend = &model_backend };
	bool found = xpi_device_untranslated(&xpi, &fake->pdev);

	KUNIT_EXPECT_FALSE(test, fake->touched);
	return found;
}

#define ACCESS_PLATFORM	BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)

static void one_that_says_so_is_translated(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, goes_around(test, virtio(test,
							  ACCESS_PLATFORM)));
	KUNIT_EXPECT_FALSE(test, goes_around(test, virtio(test, U64_MAX)));
}

/* Not the feature that has the same place in the lower half, or that of version 1. */
static void one_that_does_not_say_so_goes_around(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, goes_around(test, virtio(test, 0)));
	KUNIT_EXPECT_TRUE(test, goes_around(test, virtio(test,
							 ~ACCESS_PLATFORM)));
	KUNIT_EXPECT_TRUE(test, goes_around(test,
					    virtio(test, ACCESS_PLATFORM >> 32)));
}

/* It may have other capabilities of a vendor before those. */
static void the_capabilities_are_found_by_their_type(struct kunit *test)
{
	struct fake_device *fake = virtio(test, ACCESS_PLATFORM);

	fake->config[PCI_CAPABILITY_LIST] = 0x80;
	add_cap(fake, 0x80, 0xa0, VIRTIO_PCI_CAP_ISR_CFG);
	add_cap(fake, 0xa0, COMMON_CAP, VIRTIO_PCI_CAP_DEVICE_CFG);
	KUNIT_EXPECT_FALSE(test, goes_around(test, fake));
}

static void one_that_cannot_be_asked_goes_around(struct kunit *test)
{
	struct fake_device *fake = virtio(test, U64_MAX);

	/* As those of before version 1. */
	fake->config[PCI_STATUS] = 0;
	KUNIT_EXPECT_TRUE(test, goes_around(test, fake));

	fake = virtio(test, U64_MAX);
	fake->config[COMMON_CAP + offsetof(struct virtio_pci_cap, cfg_type)] =
		VIRTIO_PCI_CAP_NOTIFY_CFG;
	KUNIT_EXPECT_TRUE(test, goes_around(test, fake));

	fake = virtio(test, U64_MAX);
	fake->config[WINDOW_CAP + offsetof(struct virtio_pci_cap, cfg_type)] =
		VIRTIO_PCI_CAP_NOTIFY_CFG;
	KUNIT_EXPECT_TRUE(test, goes_around(test, fake));
}

/* Nobody else's configuration space is written. */
static void others_are_not_asked(struct kunit *test)
{
	struct fake_device *fake = virtio(test, 0);
	static const u16 devices[] = { 0x0fff, 0x1080 };
	unsigned int i;

	fake->select = 7;
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		fake->pdev.device = devices[i];
		KUNIT_EXPECT_FALSE(test, goes_around(test, fake));
	}
	fake->pdev.device = 0x1042;
	fake->pdev.vendor = PCI_VENDOR_ID_INTEL;
	KUNIT_EXPECT_FALSE(test, goes_around(test, fake));
	KUNIT_EXPECT_EQ(test, 7U, fake->select);

	/* But the first and the last of them are. */
	fake->pdev.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET;
	fake->pdev.device = 0x1000;
	KUNIT_EXPECT_TRUE(test, goes_around(test, fake));
	fake->pdev.device = 0x107f;
	KUNIT_EXPECT_TRUE(test, goes_around(test, fake));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(one_that_says_so_is_translated),
	KUNIT_CASE(one_that_does_not_say_so_goes_around),
	KUNIT_CASE(the_capabilities_are_found_by_their_type),
	KUNIT_CASE(one_that_cannot_be_asked_goes_around),
	KUNIT_CASE(others_are_not_asked),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-virtio",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
