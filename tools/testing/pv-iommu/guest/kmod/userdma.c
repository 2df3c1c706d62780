// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/pviommu-userdma: one buffer that a device and user space share.
 *
 * The device is any PCI device; what does the DMA, and sets the mask, is its own
 * driver.  A write is a command, which fails as the command fails:
 *
 *   device NAME            of a PCI device; first of all
 *   untrusted 0|1          what firmware says of one outside of the case
 *   coherent SIZE | contiguous SIZE | pages SIZE | noncontiguous SIZE
 *                          from the DMA API, mapped with it
 *   page SIZE              a page, of which parts can be mapped
 *   resource SIZE PHYS     MMIO of another device
 *   import SIZE FD         a dma-buf
 *   user SIZE ADDR         memory of the process that writes, as for direct I/O
 *   free
 *   sgtable                -EILSEQ when dma_get_sgtable() names other pages
 *   fill SEED | verify SEED  by the kernel; -EILSEQ
 *   map OFFSET LEN to|from|both | unmap | sync cpu|device   a part of a "page"
 *   exhaust SIZE           map until nothing is left, see udma_exhaust()
 *
 * Reading gives "key value" lines: pages, and for each of them "dmaN" and "gfnN".
 * mmap() gives the buffer.
 */

#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "pattern.h"
#include "userdma.h"

#define MAX_COMMAND	80

/* Guards everything below. */
static DEFINE_MUTEX(lock);
static unsigned int opened;
static struct pci_dev *pdev;
static struct udma_buf buf;
static unsigned int exhausted;

static const struct udma_kind *const kinds[] = {
	&udma_coherent, &udma_contiguous, &udma_pages, &udma_noncontiguous,
	&udma_page, &udma_resource, &udma_user,
#ifdef CONFIG_DMA_SHARED_BUFFER
	&udma_import,
#endif
};

static int cmd_get(const struct udma_kind *kind, const char *args)
{
	unsigned long long size, arg = 0;
	int ret;

	if (buf.kind || sscanf(args, "%lli %lli", &size, &arg) < 1 || !size ||
	    size % PAGE_SIZE || size / PAGE_SIZE > UDMA_MAX_PAGES)
		return -EINVAL;
	memset(&buf, 0, sizeof(buf));
	buf.size = size;
	ret = kind->get(&pdev->dev, &buf, arg);
	if (!ret)
		buf.kind = kind;
	return ret;
}

static int cmd_free(const char *args)
{
	if (!buf.kind)
		return -EINVAL;
	/* A mapping in user space keeps the file open. */
	if (opened > 1)
		return -EBUSY;
	buf.kind->put(&pdev->dev, &buf);
	buf.kind = NULL;
	return 0;
}

static int cmd_untrusted(const char *args)
{
	bool on;

	if (kstrtobool(args, &on))
		return -EINVAL;
	pdev->untrusted = on;
	return 0;
}

static int cmd_sgtable(const char *args)
{
	return buf.kind ? udma_sgtable(&pdev->dev, &buf) : -EINVAL;
}

static int cmd_fill(const char *args)
{
	size_t i;
	u64 seed;

	if (!buf.kind || !buf.mem || kstrtou64(args, 0, &seed))
		return -EINVAL;
	for (i = 0; i < buf.size; i++)
		((u8 *)buf.mem)[i] = pattern_byte(seed, i);
	return 0;
}

static int cmd_verify(const char *args)
{
	size_t i;
	u64 seed;

	if (!buf.kind || !buf.mem || kstrtou64(args, 0, &seed))
		return -EINVAL;
	for (i = 0; i < buf.size; i++)
		if (((u8 *)buf.mem)[i] != pattern_byte(seed, i))
			return -EILSEQ;
	return 0;
}

static int cmd_map(const char *args)
{
	enum dma_data_direction dir = DMA_BIDIRECTIONAL;
	unsigned int offset, len;
	char word[5];

	if (!buf.kind || sscanf(args, "%u %u %4s", &offset, &len, word) != 3)
		return -EINVAL;
	if (!strcmp(word, "to"))
		dir = DMA_TO_DEVICE;
	else if (!strcmp(word, "from"))
		dir = DMA_FROM_DEVICE;
	else if (strcmp(word, "both"))
		return -EINVAL;
	return udma_map_part(&pdev->dev, &buf, offset, len, dir);
}

static int cmd_unmap(const char *args)
{
	if (buf.kind != &udma_page || !buf.len)
		return -EINVAL;
	udma_unmap_part(&pdev->dev, &buf);
	return 0;
}

static int cmd_sync(const char *args)
{
	bool for_cpu = !strcmp(args, "cpu");

	if (buf.kind != &udma_page || (!for_cpu && strcmp(args, "device")))
		return -EINVAL;
	return udma_sync_part(&pdev->dev, &buf, for_cpu);
}

static int cmd_exhaust(const char *args)
{
	unsigned int size;

	if (kstrtouint(args, 0, &size) || !size)
		return -EINVAL;
	return udma_exhaust(&pdev->dev, size, &exhausted);
}

static const struct {
	const char *name;
	int (*run)(const char *args);
} commands[] = {
	{ "free", cmd_free },
	{ "untrusted", cmd_untrusted },
	{ "sgtable", cmd_sgtable },
	{ "fill", cmd_fill },
	{ "verify", cmd_verify },
	{ "map", cmd_map },
	{ "unmap", cmd_unmap },
	{ "sync", cmd_sync },
	{ "exhaust", cmd_exhaust },
};

static int set_device(const char *name)
{
	struct device *dev;

	if (buf.kind)
		return -EBUSY;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	pci_dev_put(pdev);
	pdev = to_pci_dev(dev);
	return 0;
}

static int run(char *line)
{
	const char *name = strsep(&line, " "), *args = line ?: "";
	unsigned int i;

	if (!strcmp(name, "device"))
		return set_device(args);
	if (!pdev)
		return -ENODEV;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i]->name))
			return cmd_get(kinds[i], args);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(args);
	return -EINVAL;
}

static ssize_t udma_write(struct file *file, const char __user *from,
			  size_t count, loff_t *pos)
{
	char line[MAX_COMMAND] = "";
	int ret;

	if (count >= sizeof(line))
		return -E2BIG;
	if (copy_from_user(line, from, count))
		return -EFAULT;
	mutex_lock(&lock);
	ret = run(strim(line));
	mutex_unlock(&lock);
	return ret ?: count;
}

static int udma_show(struct seq_file *m, void *unused)
{
	size_t i, nr;

	mutex_lock(&lock);
	nr = buf.kind ? buf.size / PAGE_SIZE : 0;
	seq_printf(m, "pages %zu\nexhausted %u\n", nr, exhausted);
	for (i = 0; i < nr; i++)
		seq_printf(m, "dma%zu %#llx\ngfn%zu %#lx\n", i,
			   (u64)buf.pages[i].dma, i, buf.pages[i].gfn);
	mutex_unlock(&lock);
	return 0;
}

static int udma_open(struct inode *inode, struct file *file)
{
	int ret;

	/* misc_open() left its device there. */
	file->private_data = NULL;
	ret = single_open(file, udma_show, NULL);
	if (ret)
		return ret;
	mutex_lock(&lock);
	opened++;
	mutex_unlock(&lock);
	return 0;
}

static int udma_release(struct inode *inode, struct file *file)
{
	mutex_lock(&lock);
	opened--;
	mutex_unlock(&lock);
	return single_release(inode, file);
}

static int udma_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret = -ENODEV;

	mutex_lock(&lock);
	if (buf.kind && buf.kind->mmap)
		ret = buf.kind->mmap(&pdev->dev, &buf, vma);
	mutex_unlock(&lock);
	return ret;
}

static const struct file_operations udma_fops = {
	.owner = THIS_MODULE,
	.open = udma_open,
	.release = udma_release,
	.read = seq_read,
	.write = udma_write,
	.mmap = udma_mmap,
	.llseek = seq_lseek,
};

static struct miscdevice udma_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pviommu-userdma",
	.fops = &udma_fops,
	.mode = 0600,
};

static int __init udma_init(void)
{
	return misc_register(&udma_misc);
}
module_init(udma_init);

static void __exit udma_exit(void)
{
	misc_deregister(&udma_misc);
	if (buf.kind)
		buf.kind->put(&pdev->dev, &buf);
	pci_dev_put(pdev);
}
module_exit(udma_exit);

MODULE_DESCRIPTION("Test of DMA memory that user space sees");
MODULE_LICENSE("GPL");
