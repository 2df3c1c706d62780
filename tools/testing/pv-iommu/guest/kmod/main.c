// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI driver for QEMU's edu device that exists to test the DMA API.
 *
 * Each device has /sys/kernel/debug/pviommu-dmatest/<name>/ctl; what can be
 * written there is described in ctl.c.
 */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dmatest.h"
#include "edu.h"

/* edu cuts addresses off at its dma_mask= and would hit other memory. */
static uint dma_bits = 28;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "DMA mask to begin with: that of QEMU's edu,dma_mask=");

static struct dentry *root;

static int dmt_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct dmt_dev *dmt;
	int ret;

	dmt = devm_kzalloc(dev, sizeof(*dmt), GFP_KERNEL);
	if (!dmt)
		return -ENOMEM;
	dmt->pdev = pdev;
	mutex_init(&dmt->lock);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	/* Not pcim_*: those are named otherwise in each kernel version. */
	dmt->bar = devm_ioremap_resource(dev, &pdev->resource[0]);
	if (IS_ERR(dmt->bar))
		return PTR_ERR(dmt->bar);
	ret = dmt_edu_init(dmt);
	if (ret)
		return ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(dma_bits));
	if (ret)
		return dev_err_probe(dev, ret, "no %u-bit DMA\n", dma_bits);
	pci_set_master(pdev);

	dmt->result = vzalloc(DMT_RESULT_SIZE);
	if (!dmt->result)
		return -ENOMEM;
	dmt->scratch = dma_alloc_coherent(dev, PAGE_SIZE, &dmt->scratch_dma,
					  GFP_KERNEL);
	if (!dmt->scratch) {
		vfree(dmt->result);
		return -ENOMEM;
	}

	pci_set_drvdata(pdev, dmt);
	dmt->dir = debugfs_create_dir(pci_name(pdev), root);
	debugfs_create_file("ctl", 0600, dmt->dir, dmt, &dmt_ctl_fops);
	return 0;
}

static void dmt_remove(struct pci_dev *pdev)
{
	struct dmt_dev *dmt = pci_get_drvdata(pdev);
	unsigned int i;

	/* Waits for whoever has the file open and in use. */
	debugfs_remove_recursive(dmt->dir);
	pci_clear_master(pdev);
	for (i = 0; i < DMT_NR_BUFS; i++) {
		if (dmt->buf[i].mapped)
			dmt_buf_unmap(&pdev->dev, &dmt->buf[i]);
		dmt_buf_free(&pdev->dev, &dmt->buf[i]);
	}
	dma_free_coherent(&pdev->dev, PAGE_SIZE, dmt->scratch, dmt->scratch_dma);
	vfree(dmt->result);
}

static const struct pci_device_id dmt_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, dmt_ids);

static struct pci_driver dmt_driver = {
	.name = KBUILD_MODNAME,
	.id_table = dmt_ids,
	.probe = dmt_probe,
	.remove = dmt_remove,
};

static int __init dmt_init(void)
{
	int ret;

	root = debugfs_create_dir("pviommu-dmatest", NULL);
	ret = pci_register_driver(&dmt_driver);
	if (ret)
		debugfs_remove_recursive(root);
	return ret;
}
module_init(dmt_init);

static void __exit dmt_exit(void)
{
	pci_unregister_driver(&dmt_driver);
	debugfs_remove_recursive(root);
	dmt_given_forget();
	dmt_scarce_end();
}
module_exit(dmt_exit);

MODULE_DESCRIPTION("Test of the DMA API with QEMU's edu device");
MODULE_LICENSE("GPL");
