// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which device is in which address space, and the file in debugfs that shows it.
 *
 * The IOMMU core knows, too, but lets nobody look while it moves devices.
 */

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

#include "domain.h"
#include "pv-iommu.h"
#include "stats.h"

/* Guards the list and where the devices in it are. */
static DEFINE_MUTEX(groups_lock);
static LIST_HEAD(devices);

/* Woken when a device was taken off the list. */
static DECLARE_WAIT_QUEUE_HEAD(removed);

/**
 * xpi_groups_add() - a device was claimed; it is nowhere yet
 * @xdev: the device
 *
 * Context: Process context.
 */
void xpi_groups_add(struct xpi_dev *xdev)
{
	mutex_lock(&groups_lock);
	list_add_tail(&xdev->list, &devices);
	mutex_unlock(&groups_lock);
}

/**
 * xpi_groups_remove() - a device goes
 * @xdev: the device; with it goes the core's reference on the module, which is
 *	there again if xpi_groups_put_module() has put it
 *
 * Context: Process context.
 */
void xpi_groups_remove(struct xpi_dev *xdev)
{
	mutex_lock(&groups_lock);
	list_del(&xdev->list);
	if (xdev->put)
		__module_get(THIS_MODULE);
	mutex_unlock(&groups_lock);
	wake_up(&removed);
}

/**
 * xpi_groups_wait() - wait until the last device was released
 *
 * When the IOMMU core lets go of all devices it does not find one that somebody is
 * just removing, who is about to release it.
 *
 * Context: Process context; whoever removes a device can go on.
 */
void xpi_groups_wait(void)
{
	wait_event(removed, list_empty(&devices));
}

/**
 * xpi_groups_put_module() - let the module go although there are devices
 *
 * While the IOMMU core claims a device it keeps the module from going, and would
 * do so for as long as there is the device.  Once it is claimed only its use
 * matters, about which see bind.c.
 *
 * Context: Process context; the core claims no device meanwhile but ones that
 *	    call this again.
 */
void xpi_groups_put_module(void)
{
	struct xpi_dev *xdev;

	mutex_lock(&groups_lock);
	list_for_each_entry(xdev, &devices, list) {
		if (xdev->put || !xdev->dev->iommu_group)
			continue;
		xdev->put = true;
		module_put(THIS_MODULE);
	}
	mutex_unlock(&groups_lock);
}

/**
 * xpi_groups_waiting() - how many devices are to have an address space of their own
 *
 * The core makes domains when it has seen all devices.  That is too late to find that
 * there is none for one that is not trusted: then nothing would be claimed at all.
 *
 * Context: Process context.
 * Return: the number of those that are not trusted and in no domain yet.
 */
unsigned int xpi_groups_waiting(void)
{
	struct xpi_dev *xdev;
	unsigned int nr = 0;

	mutex_lock(&groups_lock);
	list_for_each_entry(xdev, &devices, list)
		nr += to_pci_dev(xdev->dev)->untrusted && !xdev->domain;
	mutex_unlock(&groups_lock);
	return nr;
}

/**
 * xpi_groups_attached() - a device was put into a domain
 * @xdev: the device
 * @domain: of the IOMMU core
 * @d: ours, or NULL where it has none of its own: the host map, or nothing
 * @ctx: of the hypervisor
 *
 * Context: Process context.
 */
void xpi_groups_attached(struct xpi_dev *xdev, struct iommu_domain *domain,
			 struct xpi_domain *d, u16 ctx)
{
	mutex_lock(&groups_lock);
	WRITE_ONCE(xdev->domain, domain);
	xdev->d = d;
	xdev->ctx = ctx;
	mutex_unlock(&groups_lock);
}

/**
 * xpi_groups_forget() - a domain is about to go, whoever is said to be in it
 * @domain: of the IOMMU core
 *
 * Context: Process context.
 */
void xpi_groups_forget(struct iommu_domain *domain)
{
	struct xpi_dev *xdev;

	mutex_lock(&groups_lock);
	list_for_each_entry(xdev, &devices, list) {
		if (xdev->domain != domain)
			continue;
		WRITE_ONCE(xdev->domain, NULL);
		xdev->d = NULL;
	}
	mutex_unlock(&groups_lock);
}

/* As in the group's file "type" in sysfs, which has no word for the last two. */
static const char *type_of(const struct xpi_dev *xdev)
{
	switch (xdev->domain ? xdev->domain->type : IOMMU_DOMAIN_BLOCKED) {
	case IOMMU_DOMAIN_IDENTITY:
		return "identity";
	case IOMMU_DOMAIN_DMA:
		return "DMA";
	case IOMMU_DOMAIN_DMA_FQ:
		return "DMA-FQ";
	case IOMMU_DOMAIN_BLOCKED:
		return "blocked";
	default:
		return "user";
	}
}

/* A line for the group of this device, unless there was one. */
static void show_group(struct seq_file *m, struct xpi_dev *first)
{
	struct iommu_group *group = first->dev->iommu_group;
	struct xpi_dev *xdev;

	list_for_each_entry(xdev, &devices, list) {
		if (xdev == first)
			break;
		if (xdev->dev->iommu_group == group)
			return;
	}

	seq_printf(m, "%d %u %s", iommu_group_id(group), first->ctx,
		   type_of(first));
	if (first->d)
		seq_printf(m, " %lu %llu %llu",
			   READ_ONCE(first->d->nr_mapped),
			   READ_ONCE(first->d->batch.calls),
			   READ_ONCE(first->d->batch.calls_flush));
	else
		seq_puts(m, " 0 0 0");
	list_for_each_entry(xdev, &devices, list)
		if (xdev->dev->iommu_group == group)
			seq_printf(m, " %s", dev_name(xdev->dev));
	seq_putc(m, '\n');
}

static int groups_show(struct seq_file *m, void *unused)
{
	struct xpi_dev *xdev;

	seq_puts(m, "group ctx type frames hypercalls flushes devices\n");
	mutex_lock(&groups_lock);
	list_for_each_entry(xdev, &devices, list)
		if (xdev->dev->iommu_group)
			show_group(m, xdev);
	mutex_unlock(&groups_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(groups);

/* Context: Process context, after xpi_stats_init(), which has the directory. */
void xpi_groups_init(void)
{
	debugfs_create_file("groups", 0444, xpi_debugfs, NULL, &groups_fops);
}
