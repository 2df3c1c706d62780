// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI driver for QEMU's edu device that exists to measure the DMA API.  The
 * device itself is never told to do anything.
 *
 * Each device has /sys/kernel/debug/pviommu-bench/<name>/run.  One command a
 * write, in the form "CASE key=value ...", which returns when it is done and
 * fails as the case fails; reading gives the "key value" lines of the last one,
 * or nothing if that failed.
 *
 *   idle                   measuring as such
 *   hypercall              one that does nothing
 *   single size=N          dma_map_single(), up to 1M
 *   sg pages=N             dma_map_sg() of single pages, up to 4096
 *   coherent size=N        dma_alloc_coherent()
 *   threads [n=N] [size=N] like single, on N CPUs at a time
 *   big size=N run=N       iommu_map_sg() of runs of 4K to 4M
 *   masked                 null hypercalls with interrupts off, and as many
 *                          with interrupts on
 *   wait size=N            N ms for what others do; no results but late
 *
 *   mask=BITS              of the device; default 64
 *   dir=to|from|both       default "to": the only one in which a page may be
 *                          mapped twice at a time, as is done for map_ns
 *   iters=N                samples; default 200
 *   batch=N                operations a sample; default 16, but 1 for big and
 *                          for coherent from 64K on
 *   seed=N                 for the order of pages
 *   every=N                have a timer on this CPU, due N to 2N ns after it has
 *                          come
 *
 * Numbers can end in K, M or G.
 *
 * Results: ns (median of an operation and its opposite), p10, p90, min, in
 * nanoseconds; map_ns and unmap_ns (medians) of single, sg and big; iters; ops,
 * how often it was done in all, with what was not measured; dma, the first
 * address seen.  With a timer: late, how late it came at most, which is for how
 * long interrupts were off; late_first, the same of the samples that do not
 * count; fired, how often it came.
 */

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "bench.h"
#include "edu.h"

#define MAX_COMMAND	256

struct bench_dev {
	struct device *dev;
	struct dentry *dir;
	char result[512];
};

static struct dentry *root;

/* One case at a time, on whatever device; and the results. */
static DEFINE_MUTEX(lock);

static const struct bench_case *const cases[] = {
	&bench_idle,
	&bench_hypercall,
	&bench_single,
	&bench_sg,
	&bench_coherent,
	&bench_threads,
	&bench_big,
	&bench_masked,
	&bench_wait,
};

static const struct bench_case *find_case(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(cases[i]->name, name))
			return cases[i];
	return NULL;
}

static int set_dir(struct bench *b, const char *val)
{
	static const char *const dirs[] = {
		[DMA_BIDIRECTIONAL] = "both",
		[DMA_TO_DEVICE] = "to",
		[DMA_FROM_DEVICE] = "from",
	};
	int ret = match_string(dirs, ARRAY_SIZE(dirs), val);

	if (ret < 0)
		return ret;
	b->dir = ret;
	return 0;
}

static int set_number(struct bench *b, const char *key, u64 val)
{
	const struct {
		const char *key;
		u64 *val;
	} known[] = {
		{ "size", &b->size },
		{ "run", &b->run },
		{ "pages", &b->pages },
		{ "mask", &b->mask },
		{ "n", &b->n },
		{ "seed", &b->seed },
		{ "iters", &b->iters },
		{ "batch", &b->batch },
		{ "every", &b->every },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].key, key))
			continue;
		*known[i].val = val;
		return 0;
	}
	return -EINVAL;
}

static int parse_word(struct bench *b, char *word)
{
	char *val = strchr(word, '='), *end;
	u64 number;

	if (!val)
		return -EINVAL;
	*val++ = 0;
	if (!strcmp(word, "dir"))
		return set_dir(b, val);
	number = memparse(val, &end);
	if (end == val || *end)
		return -EINVAL;
	return set_number(b, word, number);
}

static int parse(struct bench *b, char *line)
{
	char *word = strsep(&line, " ");
	int ret = 0;
	u64 from;

	b->how = find_case(word);
	if (!b->how)
		return -EINVAL;
	while (!ret && (word = strsep(&line, " ")))
		if (*word)
			ret = parse_word(b, word);
	if (ret)
		return ret;

	from = b->how->alone_from;
	if (!b->batch)
		b->batch = from && b->size >= from ? 1 : 16;
	if (!b->mask || b->mask > 64 || !b->iters ||
	    b->iters > BENCH_MAX_ITERS || b->batch > BENCH_MAX_BATCH)
		return -EINVAL;
	return 0;
}

static int measure(struct bench *b)
{
	int ret = 0;

	if (b->how->prepare)
		ret = b->how->prepare(b);
	if (!ret && b->every)
		ret = bench_probed(b, b->how->measure ?: bench_measure);
	else if (!ret)
		ret = b->how->measure ? b->how->measure(b) : bench_measure(b);
	if (b->how->release)
		b->how->release(b);
	return ret;
}

static int run(struct bench_dev *bd, char *line)
{
	struct bench b = {
		.dev = bd->dev,
		.size = PAGE_SIZE,
		.run = PAGE_SIZE,
		.pages = 1,
		.mask = 64,
		.n = 2,
		.seed = 1,
		.iters = 200,
		.dir = DMA_TO_DEVICE,
		.dma = DMA_MAPPING_ERROR,
	};
	struct seq_buf out;
	unsigned int i;
	int ret;

	bd->result[0] = 0;
	ret = parse(&b, line);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(b.dev, DMA_BIT_MASK(b.mask));
	if (ret)
		return ret;
	b.ps[0] = kvcalloc(b.iters, BENCH_NR * sizeof(*b.ps[0]), GFP_KERNEL);
	if (!b.ps[0])
		return -ENOMEM;
	for (i = 1; i < BENCH_NR; i++)
		b.ps[i] = b.ps[i - 1] + b.iters;

	ret = measure(&b);
	if (!ret) {
		seq_buf_init(&out, bd->result, sizeof(bd->result));
		bench_report(&b, &out);
	}
	kvfree(b.ps[0]);
	return ret;
}

static ssize_t run_write(struct file *file, const char __user *from,
			 size_t count, loff_t *pos)
{
	struct bench_dev *bd = file->private_data;
	char *line;
	int ret;

	if (count > MAX_COMMAND)
		return -E2BIG;
	line = memdup_user_nul(from, count);
	if (IS_ERR(line))
		return PTR_ERR(line);

	ret = mutex_lock_interruptible(&lock);
	if (!ret) {
		ret = run(bd, strim(line));
		mutex_unlock(&lock);
	}
	kfree(line);
	return ret ?: count;
}

static ssize_t run_read(struct file *file, char __user *to, size_t count,
			loff_t *pos)
{
	struct bench_dev *bd = file->private_data;
	ssize_t ret;

	ret = mutex_lock_interruptible(&lock);
	if (ret)
		return ret;
	ret = simple_read_from_buffer(to, count, pos, bd->result,
				      strlen(bd->result));
	mutex_unlock(&lock);
	return ret;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = run_read,
	.write = run_write,
	.llseek = default_llseek,
};

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bench_dev *bd;
	int ret;

	bd = devm_kzalloc(&pdev->dev, sizeof(*bd), GFP_KERNEL);
	if (!bd)
		return -ENOMEM;
	bd->dev = &pdev->dev;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	pci_set_drvdata(pdev, bd);
	bd->dir = debugfs_create_dir(pci_name(pdev), root);
	debugfs_create_file("run", 0600, bd->dir, bd, &run_fops);
	return 0;
}

static void bench_remove(struct pci_dev *pdev)
{
	struct bench_dev *bd = pci_get_drvdata(pdev);

	/* Waits for whoever is using the file. */
	debugfs_remove_recursive(bd->dir);
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bench_ids);

static struct pci_driver bench_driver = {
	.name = KBUILD_MODNAME,
	.id_table = bench_ids,
	.probe = bench_probe,
	.remove = bench_remove,
};

static int __init bench_init(void)
{
	int ret;

	root = debugfs_create_dir("pviommu-bench", NULL);
	ret = pci_register_driver(&bench_driver);
	if (ret)
		debugfs_remove_recursive(root);
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	pci_unregister_driver(&bench_driver);
	debugfs_remove_recursive(root);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of the DMA API with QEMU's edu device");
MODULE_LICENSE("GPL");
