// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page whose frame can be given back to Xen while a device mapping of it
 * exists, and got again, without Linux being harmed: what the balloon driver
 * does, but with a page that a test knows.
 *
 * /sys/kernel/debug/pviommu-balloon: reading tells "gfn N" (of the frame that
 * the page has, or had last) and "out 0|1"; writing "out" gives the frame back,
 * "in" gets one.
 */

#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <xen/mem-reservation.h>
#include <xen/page.h>
#include <xen/xen.h>

static DEFINE_MUTEX(lock);
static struct page *page;
static xen_pfn_t gfn;
static bool is_out;
static struct dentry *file;

static int page_out(void)
{
	xen_pfn_t frame = gfn;

	if (is_out)
		return -EALREADY;
	xenmem_reservation_va_mapping_reset(1, &page);
	if (xenmem_reservation_decrease(1, &frame) != 1) {
		/* Xen kept it: as before, then. */
		xenmem_reservation_va_mapping_update(1, &page, &frame);
		return -EBUSY;
	}
	is_out = true;
	return 0;
}

static int page_in(void)
{
	xen_pfn_t frame = page_to_xen_pfn(page);

	if (!is_out)
		return -EALREADY;
	if (xenmem_reservation_increase(1, &frame) != 1)
		return -ENOMEM;
	xenmem_reservation_va_mapping_update(1, &page, &frame);
	gfn = frame;
	is_out = false;
	return 0;
}

static ssize_t balloon_write(struct file *f, const char __user *from,
			     size_t count, loff_t *pos)
{
	char word[8] = "";
	int ret;

	if (count >= sizeof(word) || copy_from_user(word, from, count))
		return -EINVAL;

	mutex_lock(&lock);
	if (sysfs_streq(word, "out"))
		ret = page_out();
	else if (sysfs_streq(word, "in"))
		ret = page_in();
	else
		ret = -EINVAL;
	mutex_unlock(&lock);
	return ret ?: count;
}

static ssize_t balloon_read(struct file *f, char __user *to, size_t count,
			    loff_t *pos)
{
	char text[64];
	int n;

	mutex_lock(&lock);
	n = scnprintf(text, sizeof(text), "gfn %#lx\nout %d\n",
		      (unsigned long)gfn, is_out);
	mutex_unlock(&lock);
	return simple_read_from_buffer(to, count, pos, text, n);
}

static const struct file_operations balloon_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = balloon_read,
	.write = balloon_write,
	.llseek = default_llseek,
};

static int __init balloon_init(void)
{
	if (!xen_pv_domain())
		return -ENODEV;
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	gfn = xen_page_to_gfn(page);
	file = debugfs_create_file("pviommu-balloon", 0600, NULL, NULL,
				   &balloon_fops);
	return 0;
}
module_init(balloon_init);

static void __exit balloon_exit(void)
{
	debugfs_remove(file);
	/* A page without a frame is not to be given to anybody. */
	if (!is_out || !page_in())
		__free_page(page);
	else
		pr_err("%s: page lost: Xen has no memory\n", KBUILD_MODNAME);
}
module_exit(balloon_exit);

MODULE_DESCRIPTION("Balloon out a page that a device mapping refers to");
MODULE_LICENSE("GPL");
