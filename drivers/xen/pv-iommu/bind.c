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

static void pin(struct device *dev)
{
	struct xpi_dev *xdev;
	bool going = false;

	mutex_lock(&bind_mutex);
	xpi_iommu_starts(dev);
	xdev = dev_iommu_priv_get(dev);
	if (xdev && !xdev->pinned && !xpi_pci_is_harmless(to_pci_dev(dev))) {
		xdev->pinned = try_module_get(THIS_MODULE);
		going = !xdev->pinned;
	}
	mutex_unlock(&bind_mutex);

	/* Nothing can stop an unload any more; then use what comes after it. */
	if (going)
		wait_for_completion(&given_back);
}

static void unpin(struct device *dev)
{
	struct xpi_dev *xdev;

	mutex_lock(&bind_mutex);
	xdev = dev_iommu_priv_get(dev);
	if (xdev && xdev->pinned) {
		xdev->pinned = false;
		module_put(THIS_MODULE);
	}
	mutex_unlock(&bind_mutex);
}

static int bus_event(struct notifier_block *nb, unsigned long action,
		     void *dev)
{
	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		/* The core, whose notifier is older, has seen it. */
		mutex_lock(&bind_mutex);
		xpi_groups_put_module();
		mutex_unlock(&bind_mutex);
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		pin(dev);
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
	case BUS_NOTIFY_UNBOUND_DRIVER:
		unpin(dev);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block bus_nb = {
	.notifier_call = bus_event,
};

/* Context: Process context. */
int xpi_bind_init(void)
{
	return bus_register_notifier(&pci_bus_type, &bus_nb);
}

/* Context: Process context. */
void xpi_bind_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &bus_nb);
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
