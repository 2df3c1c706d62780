// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hypervisor says of a device, and what it does not.
 *
 * Where each has an address space of its own, some are left in the host map, on
 * xen-swiotlb: those that are not translated, those that go around the IOMMU, and
 * those that are in use.
 */

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

/* Where a virtio device has its capability of a type, or 0. */
static int virtio_cap(struct pci_dev *pdev, u8 type)
{
	int pos;

	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		u8 found;

		pci_read_config_byte(pdev, pos +
				     offsetof(struct virtio_pci_cap, cfg_type),
				     &found);
		if (found == type)
			return pos;
	}
	return 0;
}

/* Have the window into a virtio device's BARs show so many bytes there. */
static void virtio_show(struct pci_dev *pdev, int window, u32 offset, u32 size)
{
	pci_write_config_dword(pdev, window +
			       offsetof(struct virtio_pci_cap, offset), offset);
	pci_write_config_dword(pdev, window +
			       offsetof(struct virtio_pci_cap, length), size);
}

/*
 * The upper half of the features that the device offers.  The BAR of one that
 * was plugged in has no address yet; configuration space has a window into it.
 */
static u32 virtio_features(struct pci_dev *pdev, int common, int window)
{
	int data = window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	u32 features, offset;
	u8 bar;

	pci_read_config_byte(pdev, common +
			     offsetof(struct virtio_pci_cap, bar), &bar);
	pci_read_config_dword(pdev, common +
			      offsetof(struct virtio_pci_cap, offset), &offset);

	pci_write_config_byte(pdev, window +
			      offsetof(struct virtio_pci_cap, bar), bar);
	virtio_show(pdev, window, offset +
		    offsetof(struct virtio_pci_common_cfg,
			     device_feature_select), sizeof(u32));
	pci_write_config_dword(pdev, data, 1);
	virtio_show(pdev, window, offset +
		    offsetof(struct virtio_pci_common_cfg, device_feature),
		    sizeof(u32));
	pci_read_config_dword(pdev, data, &features);
	return features;
}

/*
 * A virtio device takes addresses for physical ones, whatever is in front of it,
 * unless it says that it does not.  Those of before version 1 never say so.
 */
static bool virtio_goes_around(struct pci_dev *pdev)
{
	int common, window;

	if (pdev->vendor != PCI_VENDOR_ID_REDHAT_QUMRANET ||
	    pdev->device < 0x1000 || pdev->device > 0x107f)
		return false;

	common = virtio_cap(pdev, VIRTIO_PCI_CAP_COMMON_CFG);
	window = virtio_cap(pdev, VIRTIO_PCI_CAP_PCI_CFG);
	return !common || !window || !(virtio_features(pdev, common, window) &
				       BIT(VIRTIO_F_ACCESS_PLATFORM - 32));
}

/*
 * The bus of which a bridge on the way to the IOMMU forwards all DMA under IDs of
 * its own, or NULL.  Linux' pci_for_each_dma_alias() is not for modules.
 */
static struct pci_bus *bus_of_one_id(struct pci_dev *pdev)
{
	struct pci_bus *bus, *found = NULL;

	for (bus = pdev->bus; !pci_is_root_bus(bus); bus = bus->parent) {
		struct pci_dev *bridge = bus->self;

		if (bridge && (!pci_is_pcie(bridge) ||
			       pci_pcie_type(bridge) == PCI_EXP_TYPE_PCI_BRIDGE ||
			       pci_pcie_type(bridge) == PCI_EXP_TYPE_PCIE_BRIDGE))
			found = bus;
	}
	return found;
}

/*
 * Is there another whose DMA has the same ID: one that is claimed, or one that is
 * not and stays so?  While devices are being claimed those without a driver do not
 * stay so.
 */
static bool shares_id(struct xpi *xpi, struct pci_dev *pdev, bool claimed)
{
	struct pci_bus *bus = bus_of_one_id(pdev);
	struct pci_dev *other = NULL;
	bool found = false;

	if (!bus)
		return false;

	for_each_pci_dev(other) {
		if (other == pdev || xpi_pci_is_harmless(other) ||
		    bus_of_one_id(other) != bus)
			continue;
		if (device_iommu_mapped(&other->dev))
			found = claimed;
		else
			found = !claimed && (other->dev.driver || xpi->settled);
		if (found)
			break;
	}
	pci_dev_put(other);
	return found;
}

/**
 * xpi_device_shares_id() - would others that are claimed move with a device?
 * @xpi: the hypervisor, with contexts
 * @pdev: the device
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_device_shares_id(struct xpi *xpi, struct pci_dev *pdev)
{
	return shares_id(xpi, pdev, true);
}

/**
 * xpi_device_is_alone() - does no other device move with a device?
 * @xpi: the hypervisor, with contexts
 * @pdev: the device
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_device_is_alone(struct xpi *xpi, struct pci_dev *pdev)
{
	return !shares_id(xpi, pdev, true) && !shares_id(xpi, pdev, false);
}

/**
 * xpi_device_in_host_map() - are machine addresses right for a device?
 * @xpi: the hypervisor, with contexts
 * @pdev: the device
 *
 * One that is not claimed may be in the context of another with the same ID.
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_device_in_host_map(struct xpi *xpi, struct pci_dev *pdev)
{
	u16 flags, ctx;

	return xpi->backend->query_device(xpi_sbdf(pdev), &flags, &ctx) || !ctx;
}

/**
 * xpi_device_untranslated() - does nothing translate a device's DMA?
 * @xpi: the hypervisor
 * @pdev: the device
 *
 * Context: Process context.
 * Return: why, or NULL.
 */
const char *xpi_device_untranslated(struct xpi *xpi, struct pci_dev *pdev)
{
	u16 flags, ctx;

	if (!xpi->backend->query_device(xpi_sbdf(pdev), &flags, &ctx) &&
	    !(flags & XEN_IOMMU_DEVICE_translated))
		return "no IOMMU translates its DMA";
	if (virtio_goes_around(pdev))
		return "it is a virtio device that goes around IOMMUs (no iommu_platform)";
	return NULL;
}

/**
 * xpi_device_not_ours() - is a device none that dom0 can have an address space for?
 * @xpi: the hypervisor
 * @pdev: the device
 *
 * Context: Process context.
 * Return: why, or NULL.
 */
const char *xpi_device_not_ours(struct xpi *xpi, struct pci_dev *pdev)
{
	u16 flags, ctx;

	if (xpi->backend->query_device(xpi_sbdf(pdev), &flags, &ctx))
		return "the hypervisor does not know it";
	if (flags & XEN_IOMMU_DEVICE_assigned)
		return "it is assigned to another domain";
	return NULL;
}

/**
 * xpi_device_is_away() - is a device that is claimed another domain's now?
 * @xpi: the hypervisor
 * @pdev: the device
 *
 * Nobody tells when one is assigned and when it comes back.  Meanwhile its DMA goes
 * where the other domain has the addresses that ours would use.
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_device_is_away(struct xpi *xpi, struct pci_dev *pdev)
{
	u16 flags, ctx;

	return !xpi->backend->query_device(xpi_sbdf(pdev), &flags, &ctx) &&
	       flags & XEN_IOMMU_DEVICE_assigned;
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
	const char *why = xpi_device_not_ours(xpi, pdev) ?:
			  xpi_device_untranslated(xpi, pdev);

	if (!why && !xpi_pci_is_harmless(pdev) && shares_id(xpi, pdev, false))
		why = "another behind its bridge does, and they share an ID";
	return why;
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

/*
 * Nobody can be told that the list is not complete, and what is not in it is
 * handed out.
 */
static void add_region(struct list_head *head, phys_addr_t start, u64 length,
		       int prot, enum iommu_resv_type type)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(start, length, prot, type,
					 GFP_KERNEL | __GFP_NOFAIL);
	list_add_tail(&region->list, head);
}

/*
 * What a bridge may take for an access to a device below it.  dma-iommu minds
 * the windows of one device's host bridge; here the domain is everyone's.
 */
static void add_bus_windows(struct list_head *head)
{
	struct pci_bus *bus = NULL;

	while ((bus = pci_find_next_bus(bus))) {
		struct pci_host_bridge *bridge = pci_find_host_bridge(bus);
		struct resource_entry *window;

		resource_list_for_each_entry(window, &bridge->windows)
			if (resource_type(window->res) == IORESOURCE_MEM)
				add_region(head, window->res->start -
						 window->offset,
					   resource_size(window->res), 0,
					   IOMMU_RESV_RESERVED);
	}
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

		add_region(head, PFN_PHYS(r->start_dfn),
			   PFN_PHYS((u64)r->nr_frames), prot, type);
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
