// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA addresses of devices that are not on the PCI bus: they have no IOMMU in
 * front of them, so an address has to be that of the machine's memory.
 *
 * Reading /sys/kernel/debug/pviommu-platform tries, with each of some masks,
 * a platform device that was there when this module was loaded ("old"), one
 * that appears now ("new"), and a device of the PNP bus ("pnp"), and says
 * "NAME BITS good", or what is wrong.
 */

#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/platform_device.h>
#include <linux/pnp.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include <xen/page.h>
#include <xen/xen.h>

static struct platform_device *old;
static struct dentry *file;

/* What dom0 has at an address of the machine, or NULL. */
static void *at_machine(dma_addr_t addr)
{
	unsigned long pfn = gfn_to_pfn(PHYS_PFN(addr));

	if (!pfn_valid(pfn) || pfn_to_gfn(pfn) != PHYS_PFN(addr))
		return NULL;
	return __va(PFN_PHYS(pfn)) + offset_in_page(addr);
}

static const char *try_coherent(struct device *dev, u64 mask)
{
	const char *wrong = NULL;
	dma_addr_t addr;
	void *mem;

	mem = dma_alloc_coherent(dev, PAGE_SIZE, &addr, GFP_KERNEL);
	if (!mem)
		return "no coherent memory";

	if (addr + PAGE_SIZE - 1 > mask)
		wrong = "coherent memory above the mask";
	else if (at_machine(addr) != mem)
		wrong = "coherent memory is elsewhere";
	dma_free_coherent(dev, PAGE_SIZE, mem, addr);
	return wrong;
}

/* A device that is told @addr would find what we wrote, and we what it did. */
static const char *try_single(struct device *dev, u64 mask, u8 *mem)
{
	const char *wrong = NULL;
	dma_addr_t addr;
	u8 *seen;

	memset(mem, 0x5a, PAGE_SIZE);
	addr = dma_map_single(dev, mem, PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, addr))
		return "not mapped";

	seen = at_machine(addr);
	if (addr + PAGE_SIZE - 1 > mask)
		wrong = "mapped above the mask";
	else if (!seen || memchr_inv(seen, 0x5a, PAGE_SIZE))
		wrong = "the device sees other data";
	else
		memset(seen, 0xa5, PAGE_SIZE);
	dma_unmap_single(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);

	if (!wrong && memchr_inv(mem, 0xa5, PAGE_SIZE))
		wrong = "what the device wrote is lost";
	return wrong;
}

static void try_device(struct seq_file *s, const char *name, struct device *dev)
{
	static const unsigned int bits[] = { 31, 32, 64 };
	u64 mask, coherent = dev->coherent_dma_mask;
	u64 streaming = dma_get_mask(dev);
	u8 *mem = (void *)__get_free_page(GFP_KERNEL);
	const char *wrong;
	unsigned int i;

	for (i = 0; mem && i < ARRAY_SIZE(bits); i++) {
		mask = DMA_BIT_MASK(bits[i]);
		if (dma_set_mask_and_coherent(dev, mask))
			wrong = "mask refused";
		else
			wrong = try_single(dev, mask, mem);
		if (!wrong)
			wrong = try_coherent(dev, mask);
		seq_printf(s, "%s %u %s\n", name, bits[i], wrong ?: "good");
	}
	free_page((unsigned long)mem);

	*dev->dma_mask = streaming;
	dev->coherent_dma_mask = coherent;
}

static int any_device(struct device *dev, const void *unused)
{
	return !!dev->dma_mask;
}

/* The bus has no exported name; a driver without devices has it. */
static struct pnp_driver pnp_probe = {
	.name = "pviommu-platform",
};

static void try_pnp(struct seq_file *s)
{
	struct device *dev = NULL;

	if (!pnp_register_driver(&pnp_probe)) {
		dev = bus_find_device(pnp_probe.driver.bus, NULL, NULL,
				      any_device);
		pnp_unregister_driver(&pnp_probe);
	}
	if (!dev) {
		seq_puts(s, "pnp 0 no device\n");
		return;
	}
	try_device(s, "pnp", dev);
	put_device(dev);
}

static struct platform_device *new_device(int id)
{
	struct platform_device_info info = {
		.name = "pviommu-platform",
		.id = id,
		.dma_mask = DMA_BIT_MASK(32),
	};

	return platform_device_register_full(&info);
}

static int platform_show(struct seq_file *s, void *unused)
{
	struct platform_device *new = new_device(1);

	if (IS_ERR(new))
		return PTR_ERR(new);
	try_device(s, "old", &old->dev);
	try_device(s, "new", &new->dev);
	try_pnp(s);
	platform_device_unregister(new);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(platform);

static int __init platform_init(void)
{
	if (!xen_pv_domain())
		return -ENODEV;
	old = new_device(0);
	if (IS_ERR(old))
		return PTR_ERR(old);
	file = debugfs_create_file("pviommu-platform", 0400, NULL, NULL,
				   &platform_fops);
	return 0;
}
module_init(platform_init);

static void __exit platform_exit(void)
{
	debugfs_remove(file);
	platform_device_unregister(old);
}
module_exit(platform_exit);

MODULE_DESCRIPTION("DMA of devices that have no IOMMU in front of them");
MODULE_LICENSE("GPL");
