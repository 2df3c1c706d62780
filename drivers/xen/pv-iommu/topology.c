// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of devices behind bridges that are not claimed.
 *
 * The core looks for who shares a group from a device upwards, and for the group at
 * the bridges on its way.  It wants devices that have no driver yet.  Where the module
 * is loaded late all bridges have theirs; so they are not claimed and have no group,
 * and the core would take devices for isolated that are not.  Here it is who shares
 * such a bridge that gives the group.
 *
 * PCI's own function for ACS is not exported.  What this one does not know of are
 * devices that isolate in a way of their own, other than those with a flag for it:
 * what is behind them gets a larger group, never a smaller one.
 */

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/pci.h>

#include "pv-iommu.h"

/* What the core wants of a device that isolates. */
#define XPI_ACS_FLAGS	(PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/**
 * xpi_topology_isolates() - does a device keep what is behind it, or beside it, apart?
 * @pdev: the device
 *
 * This is the rule of pci_acs_enabled().
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_topology_isolates(struct pci_dev *pdev)
{
	u16 cap, ctrl;

	if (pdev->dev_flags & PCI_DEV_FLAGS_ACS_ENABLED_QUIRK)
		return true;
	if (!pci_is_pcie(pdev))
		return false;

	switch (pci_pcie_type(pdev)) {
	case PCI_EXP_TYPE_PCI_BRIDGE:
	case PCI_EXP_TYPE_PCIE_BRIDGE:
	case PCI_EXP_TYPE_RC_EC:
		return false;
	case PCI_EXP_TYPE_ROOT_PORT:
	case PCI_EXP_TYPE_DOWNSTREAM:
		break;
	default:
		/* There is nobody beside it. */
		if (!pdev->multifunction)
			return true;
	}

	/* What it cannot do is no way around it, either. */
	if (!pdev->acs_cap ||
	    pci_read_config_word(pdev, pdev->acs_cap + PCI_ACS_CAP, &cap) ||
	    pci_read_config_word(pdev, pdev->acs_cap + PCI_ACS_CTRL, &ctrl))
		return false;
	return !(XPI_ACS_FLAGS & cap & ~ctrl);
}

/* Do a bridge and all above it isolate? */
static bool path_isolates(struct pci_dev *bridge)
{
	for (; bridge; bridge = pci_upstream_bridge(bridge))
		if (!xpi_topology_isolates(bridge))
			return false;
	return true;
}

/*
 * The highest bridge whose way up is not isolated: what is below it is one group.  The
 * device itself where there is none.
 */
static struct pci_dev *top_of(struct pci_dev *pdev)
{
	struct pci_dev *top = pdev;
	struct pci_bus *bus;

	for (bus = pdev->bus; !pci_is_root_bus(bus); bus = bus->parent) {
		/* Not the bus of virtual functions. */
		if (!bus->self)
			continue;
		if (path_isolates(bus->self))
			break;
		top = bus->self;
	}
	return top;
}

/**
 * xpi_topology_shared() - are two devices to be in one group because of a bridge?
 * @pdev: a device
 * @other: another
 *
 * Bridges that are claimed do not count: the core finds their groups.
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_topology_shared(struct pci_dev *pdev, struct pci_dev *other)
{
	struct pci_dev *top = top_of(pdev), *other_top = top_of(other);

	if ((top == pdev || device_iommu_mapped(&top->dev)) &&
	    (other_top == other || device_iommu_mapped(&other_top->dev)))
		return false;
	if (top == other_top)
		return true;

	/* Functions of one device. */
	return top->multifunction && top->bus == other_top->bus &&
	       PCI_SLOT(top->devfn) == PCI_SLOT(other_top->devfn) &&
	       !xpi_topology_isolates(top) && !xpi_topology_isolates(other_top);
}

/**
 * xpi_topology_group() - the group of a device that is being claimed
 * @dev: the device, of the PCI bus
 *
 * Context: Process context, within the core's probing, which is of one device at a
 *	    time; it looks at other devices as pci_device_group() does, without a lock.
 * Return: the group, with a reference, or an ERR_PTR.
 */
struct iommu_group *xpi_topology_group(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev), *other = NULL;
	struct iommu_group *group = NULL;

	for_each_pci_dev(other) {
		if (other != pdev && device_iommu_mapped(&other->dev) &&
		    xpi_topology_shared(pdev, other))
			group = iommu_group_get(&other->dev);
		if (group)
			break;
	}
	pci_dev_put(other);
	return group ?: pci_device_group(dev);
}
