// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hypervisor says of a device, and what it does not.
 *
 * Where each has an address space of its own, some are left in the host map, on
 * xen-swiotlb: those that are not translated, those that go around the IOMMU, and
 * those that are in use.
 */

#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "pv-iommu.h"

/**
 * xpi_sbdf() - what the hypervisor knows a device by
 * @pdev: the device
 *
 * Context: Any.
 * Return: segment, bus, device and function.
 */
u32 xpi_sbdf(struct pci_dev *pdev)
{
	return XEN_IOMMU_SBDF(pci_domain_nr(pdev->bus), pdev->bus->number,
			      pdev->devfn);
}

/* Where a virtio device has its common configuration: the capability, or 0. */
static int virtio_common(struct pci_dev *pdev)
{
	int pos;

	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		u8 type;

		pci_read_config_byte(pdev, pos +
				     offsetof(struct virtio_pci_cap, cfg_type),
				     &type);
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			return pos;
	}
	return 0;
}

/* The upper half of the features that the device offers. */
static u32 virtio_features(struct pci_dev *pdev, int pos)
{
	struct virtio_pci_common_cfg __iomem *common;
	u32 features, offset;
	u16 command;
	u8 bar;

	pci_read_config_byte(pdev, pos + offsetof(struct virtio_pci_cap, bar),
			     &bar);
	pci_read_config_dword(pdev, pos +
			      offsetof(struct virtio_pci_cap, offset), &offset);
	if (bar >= PCI_STD_NUM_BARS)
		return 0;
	common = pci_iomap_range(pdev, bar, offset, sizeof(*common));
	if (!common)
		return 0;

	/* No driver has switched it on yet. */
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_write_config_word(pdev, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	iowrite32(1, &common->device_feature_select);
	features = ioread32(&common->device_feature);
	pci_write_config_word(pdev, PCI_COMMAND, command);

	pci_iounmap(pdev, common);
	return features;
}

/*
 * A virtio device takes addresses for physical ones, whatever is in front of it,
 * unless it says that it does not.  Those of before version 1 never say so.
 */
static bool virtio_goes_around(struct pci_dev *pdev)
{
	int pos;

	if (pdev->vendor != PCI_VENDOR_ID_REDHAT_QUMRANET ||
	    pdev->device < 0x1000 || pdev->device > 0x107f)
		return false;

	pos = virtio_common(pdev);
	return !pos || !(virtio_features(pdev, pos) &
			 BIT(VIRTIO_F_ACCESS_PLATFORM - 32));
}

/**
 * xpi_device_why_not() - is a device to be left in the host map for what it is?
 * @xpi: the hypervisor, with contexts
 * @pdev: the device
 *
 * Context: Process context.
 * Return: why, or NULL when it can have an address space of its own.
 */
const char *xpi_device_why_not(struct xpi *xpi, struct pci_dev *pdev)
{
	struct xpi_device_caps caps;

	if (xpi->backend->query_device(xpi_sbdf(pdev), &caps))
		return "the hypervisor does not know it";
	if (caps.flags & XEN_IOMMU_DEVICE_assigned)
		return "it is assigned to another domain";
	if (!(caps.flags & XEN_IOMMU_DEVICE_translated))
		return "no IOMMU translates its DMA";
	if (virtio_goes_around(pdev))
		return "it is a virtio device that goes around IOMMUs (no iommu_platform)";
	return NULL;
}

/**
 * xpi_read_reserved() - the ranges that cannot be mapped
 * @xpi: the hypervisor
 * @sbdf: those of this device, or %XEN_IOMMU_RESERVED_ALL_DEVICES
 * @ranges: OUT: to be freed with kfree(), also after an error
 * @nr: OUT: how many there are
 *
 * Context: Process context.
 * Return: 0 or a negative errno.
 */
int xpi_read_reserved(struct xpi *xpi, u32 sbdf,
		      struct xen_iommu_reserved_range **ranges,
		      unsigned int *nr)
{
	unsigned int room = 16;
	int ret;

	*ranges = NULL;
	do {
		kfree(*ranges);
		*ranges = kcalloc(room, sizeof(**ranges), GFP_KERNEL);
		if (!*ranges)
			return -ENOMEM;
		*nr = room;
		ret = xpi->backend->query_reserved(sbdf, *ranges, nr);
		/* A liar that never has enough must not keep us here. */
		if (*nr <= room)
			break;
		if (!ret)
			return -EPROTO;
		room = *nr;
	} while (ret == -ENOBUFS && room <= 4096);

	return ret;
}

static int add_region(struct list_head *head, phys_addr_t start, u64 length,
		      int prot, enum iommu_resv_type type)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(start, length, prot, type, GFP_KERNEL);
	if (!region)
		return -ENOMEM;
	list_add_tail(&region->list, head);
	return 0;
}

/*
 * What a bridge may take for an access to a device below it.  dma-iommu minds
 * the windows of one device's host bridge; here the domain is everyone's.
 */
static int add_bus_windows(struct list_head *head)
{
	struct pci_bus *bus = NULL;
	int ret = 0;

	while (!ret && (bus = pci_find_next_bus(bus))) {
		struct pci_host_bridge *bridge = pci_find_host_bridge(bus);
		struct resource_entry *window;

		resource_list_for_each_entry(window, &bridge->windows) {
			if (resource_type(window->res) != IORESOURCE_MEM)
				continue;
			ret = add_region(head,
					 window->res->start - window->offset,
					 resource_size(window->res), 0,
					 IOMMU_RESV_RESERVED);
			if (ret)
				break;
		}
	}
	return ret;
}

static void add_reserved(struct list_head *head,
			 const struct xen_iommu_reserved_range *ranges,
			 unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct xen_iommu_reserved_range *r = &ranges[i];
		enum iommu_resv_type type = IOMMU_RESV_RESERVED;
		int prot = 0;

		if (r->flags & XEN_IOMMU_RESERVED_identity) {
			type = IOMMU_RESV_DIRECT;
			prot = IOMMU_READ | IOMMU_WRITE;
		} else if (r->flags & XEN_IOMMU_RESERVED_msi) {
			type = IOMMU_RESV_MSI;
			prot = IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO;
		}

		if (add_region(head, PFN_PHYS(r->start_dfn),
			       PFN_PHYS((u64)r->nr_frames), prot, type))
			return;
	}
}

/**
 * xpi_device_regions() - what the IOMMU core is not to hand out to a device
 * @xpi: the hypervisor
 * @pdev: the device
 * @head: OUT: struct iommu_resv_region, for the core to free
 *
 * Context: Process context.
 */
void xpi_device_regions(struct xpi *xpi, struct pci_dev *pdev,
			struct list_head *head)
{
	struct xen_iommu_reserved_range *ranges;
	unsigned int nr;

	if (!xpi_has_contexts(xpi)) {
		add_reserved(head, xpi->reserved, xpi->nr_reserved);
		add_bus_windows(head);
		return;
	}

	/* Of the windows of its own bus dma-iommu takes care. */
	if (!xpi_read_reserved(xpi, xpi_sbdf(pdev), &ranges, &nr))
		add_reserved(head, ranges, nr);
	else
		add_reserved(head, xpi->reserved, xpi->nr_reserved);
	kfree(ranges);
}
