// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which devices are in use, when we take over and afterwards.
 *
 * A device whose driver is at work may have DMA under way, at addresses of
 * xen-swiotlb before the takeover and at addresses of ours after it.  Changing
 * the address space under it loses data.  With contexts such a device is left
 * alone; where all share an address space the takeover is refused.  While we are
 * in charge every claimed device in use keeps the module loaded; and a driver that
 * starts on a device while any of that is being decided waits.
 */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/completion.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "pv-iommu.h"

/* Held while the owner of dom0's DMA changes. */
static DEFINE_MUTEX(bind_mutex);

/* Done when a module that is being unloaded has given everything back. */
static DECLARE_COMPLETION(given_back);

/**
 * xpi_pci_is_harmless() - does this kind of device never do DMA of its own?
 * @pdev: the device
 *
 * Bridges always have a driver, and forward the DMA of others.
 *
 * Context: Any.
 * Return: true when a driver at work on it is no reason to leave it alone.
 */
bool xpi_pci_is_harmless(struct pci_dev *pdev)
{
	switch (pdev->class >> 8) {
	case PCI_CLASS_BRIDGE_HOST:
	case PCI_CLASS_BRIDGE_ISA:
	case PCI_CLASS_BRIDGE_EISA:
		return true;
	default:
		/* Of other "bridges" some do DMA, as switches that report do. */
		return pci_is_bridge(pdev);
	}
}

/**
 * xpi_pci_is_at_work() - may a device that has a driver have DMA under way?
 * @pdev: the device
 *
 * Context: Any.
 * Return: true when it may.
 */
bool xpi_pci_is_at_work(struct pci_dev *pdev)
{
	u16 command;

	/* A sleeping device may have kept its mappings. */
	if (pdev->current_state != PCI_D0)
		return true;

	pci_read_config_word(pdev, PCI_COMMAND, &command);
	return command & PCI_COMMAND_MASTER;
}

/*
 * The module is going, and nothing can stop that any more: use what comes after it.
 * The driver counts as a user of its group by now, but the group is to go without
 * users; and what comes after it has no groups.
 */
static void wait_until_gone(struct device *dev)
{
	if (dev->bus->dma_cleanup)
		dev->bus->dma_cleanup(dev);
	wait_for_completion(&given_back);
}

/* The last thing that is released of all that a driver has, or had when it failed. */
static void unpin(void *data)
{
	struct device *dev = data;
	struct xpi_dev *xdev;

	mutex_lock(&bind_mutex);
	xdev = dev_iommu_priv_get(dev);
	if (xdev && xdev->pinned) {
		xdev->pinned = false;
		module_put(THIS_MODULE);
	}
	mutex_unlock(&bind_mutex);
}

static void pin(struct device *dev)
{
	bool keep = false;
	struct xpi_dev *xdev;

	if (!try_module_get(THIS_MODULE)) {
		wait_until_gone(dev);
		return;
	}

	mutex_lock(&bind_mutex);
	xpi_iommu_starts(dev);
	xdev = dev_iommu_priv_get(dev);
	if (xdev && !xdev->pinned && !xpi_pci_is_harmless(to_pci_dev(dev))) {
		xdev->pinned = true;
		keep = true;
		/*
		 * Managed DMA memory is freed after the bus was told that the
		 * driver is not there.  If this fails the module just stays.
		 */
		if (devm_add_action(dev, unpin, dev))
			pr_warn("%s: no memory: the module cannot be unloaded\n",
				dev_name(dev));
	}
	mutex_unlock(&bind_mutex);
	if (!keep)
		module_put(THIS_MODULE);
}

static int bus_event(struct notifier_block *nb, unsigned long action,
		     void *dev)
{
	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		/* The core, whose notifier is older, has seen it. */
		mutex_lock(&bind_mutex);
		xpi_iommu_added(dev);
		xpi_groups_put_module();
		mutex_unlock(&bind_mutex);
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		pin(dev);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block bus_nb = {
	.notifier_call = bus_event,
};

/*
 * Drivers of PCI devices make devices of the platform bus for parts of theirs.  DMA
 * of one would be that of the PCI device, in whose address space the addresses that
 * it would get may be somebody's.
 */
static int part_added(struct notifier_block *nb, unsigned long action,
		      void *data)
{
	struct iommu_domain *domain;
	struct device *dev = data;

	if (action != BUS_NOTIFY_ADD_DEVICE)
		return NOTIFY_OK;

	while (dev && !dev_is_pci(dev))
		dev = dev->parent;
	domain = dev ? iommu_get_domain_for_dev(dev) : NULL;
	if (domain && iommu_is_dma_domain(domain))
		xpi_forbid_part(data);
	return NOTIFY_OK;
}

static struct notifier_block parts_nb = {
	.notifier_call = part_added,
};

/* Context: Process context. */
int xpi_bind_init(void)
{
	int ret;

	ret = bus_register_notifier(&pci_bus_type, &bus_nb);
	if (ret)
		return ret;

	ret = bus_register_notifier(&platform_bus_type, &parts_nb);
	if (ret)
		bus_unregister_notifier(&pci_bus_type, &bus_nb);
	return ret;
}

/* Context: Process context.  Nobody is in this file any more afterwards. */
void xpi_bind_exit(void)
{
	struct pci_dev *pdev = NULL;

	bus_unregister_notifier(&platform_bus_type, &parts_nb);
	bus_unregister_notifier(&pci_bus_type, &bus_nb);

	/* Who is in unpin() has its device locked. */
	for_each_pci_dev(pdev) {
		device_lock(&pdev->dev);
		device_unlock(&pdev->dev);
	}
}

/* From here on no PCI driver starts, until xpi_bind_unlock(). */
void xpi_bind_lock(void)
{
	mutex_lock(&bind_mutex);
}

void xpi_bind_unlock(void)
{
	mutex_unlock(&bind_mutex);
}

/* Everything is given back: whoever waited for that may go on. */
void xpi_bind_down(void)
{
	complete_all(&given_back);
}

/* May the device have DMA under way? */
static bool in_use(struct pci_dev *pdev, const char **driver)
{
	*driver = "a driver that is just starting";
	if (!device_trylock(&pdev->dev))
		return true;

	*driver = NULL;
	if (pdev->dev.driver && xpi_pci_is_at_work(pdev))
		*driver = pdev->dev.driver->name;
	device_unlock(&pdev->dev);
	return *driver;
}

/**
 * xpi_bind_check() - may the address space of all devices be exchanged?
 *
 * Context: Process context, between xpi_bind_lock() and xpi_bind_unlock().
 * Return: 0, or -EBUSY with a line in the log that names a device in use.
 */
int xpi_bind_check(void)
{
	struct pci_dev *pdev = NULL;
	const char *driver;

	for_each_pci_dev(pdev) {
		if (xpi_pci_is_harmless(pdev) || !in_use(pdev, &driver))
			continue;

		pr_err("not used: %s is driven by %s and may have DMA under way; load this module from the initramfs, or unbind the device first; DMA stays on xen-swiotlb\n",
		       pci_name(pdev), driver);
		pci_dev_put(pdev);
		return -EBUSY;
	}
	return 0;
}
