// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that does something with a PCI device is kept where somebody else may race
 * against it, until it is told to go on:
 *
 *   insmod pviommu-window.ko pci=0000:00:0d.0 where=bind|removed|failed
 *
 *   bind     a driver starts: the IOMMU core knows, who watches the bus does not yet
 *   removed  the device goes: it is not on the bus, and the IOMMU core does not know
 *   failed   this module is the driver, and did not start: what it had is still there
 *
 * /sys/module/pviommu_window/parameters/inside tells that it is there; write 1 to "go"
 * there.
 */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

/* Nobody is kept for ever. */
#define LONGEST_MS	20000

static char *pci = "";
module_param(pci, charp, 0444);
MODULE_PARM_DESC(pci, "Address of the device");

static char *where = "";
module_param(where, charp, 0444);
MODULE_PARM_DESC(where, "Where the task is kept");

static bool inside;
module_param(inside, bool, 0444);
MODULE_PARM_DESC(inside, "A task is there (to be read)");

static bool go;
module_param(go, bool, 0644);
MODULE_PARM_DESC(go, "It may go on");

static void stay(void *unused)
{
	unsigned int ms;

	WRITE_ONCE(inside, true);
	for (ms = 0; ms < LONGEST_MS && !READ_ONCE(go); ms += 20)
		msleep(20);
	WRITE_ONCE(inside, false);
}

static bool is_meant(struct device *dev, const char *here)
{
	return !strcmp(where, here) && !strcmp(dev_name(dev), pci);
}

static int bus_event(struct notifier_block *nb, unsigned long action,
		     void *dev)
{
	if ((action == BUS_NOTIFY_BIND_DRIVER && is_meant(dev, "bind")) ||
	    (action == BUS_NOTIFY_REMOVED_DEVICE && is_meant(dev, "removed")))
		stay(NULL);
	return NOTIFY_OK;
}

/* Before all others, the IOMMU core included. */
static struct notifier_block bus_nb = {
	.notifier_call = bus_event,
	.priority = INT_MAX,
};

/* Of what is managed the last is the first to be released: it stays before that. */
static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	dma_addr_t addr;
	void *memory;

	if (!is_meant(&pdev->dev, "failed"))
		return -ENODEV;

	if (dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32)))
		return -EIO;
	memory = dmam_alloc_coherent(&pdev->dev, SZ_64K, &addr, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	memset(memory, 0x5a, SZ_64K);
	return devm_add_action_or_reset(&pdev->dev, stay, NULL) ?: -ENODEV;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};

static struct pci_driver driver = {
	.name = "pviommu-window",
	.id_table = ids,
	.probe = probe,
};

static int __init window_init(void)
{
	int ret = bus_register_notifier(&pci_bus_type, &bus_nb);

	if (ret)
		return ret;
	ret = pci_register_driver(&driver);
	if (ret)
		bus_unregister_notifier(&pci_bus_type, &bus_nb);
	return ret;
}
module_init(window_init);

static void __exit window_exit(void)
{
	pci_unregister_driver(&driver);
	bus_unregister_notifier(&pci_bus_type, &bus_nb);
}
module_exit(window_exit);

MODULE_DESCRIPTION("Keep a task where others may race against it");
MODULE_LICENSE("GPL");
