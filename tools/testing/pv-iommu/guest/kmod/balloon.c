// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames for hostile programs, which Linux is not harmed by:
 *
 * One page whose frame can be given back to Xen while a device mapping of it
 * exists, and got again: what the balloon driver does, but with a page that a
 * test knows.  Or it is exchanged for another, as swiotlb-xen does, or transferred
 * to a domain that takes it by a grant.  Each 64-bit word in it is its own machine
 * address, so that one sees what a device gets.
 *
 * And a run of frames that are neighbours, of which dom0 may have none, since it
 * depends on Xen and on luck how scattered its memory is.  The frame behind the
 * run was Xen's last.
 *
 * /sys/kernel/debug/pviommu-balloon: reading tells "gfn N" (of the frame that
 * the page has, or had last), "out 0|1" and "run GFN NR"; writing "out" gives the
 * frame back, "in" gets one, "exchange" gets another, "transfer DOMID REF" gives it
 * to that domain ("in" gets one again), "group" takes another page, whose frame is
 * among 16 of dom0's that are neighbours, aligned in the machine.
 */

#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/xen/hypercall.h>

#include <xen/interface/grant_table.h>
#include <xen/interface/memory.h>
#include <xen/mem-reservation.h>
#include <xen/page.h>
#include <xen/xen.h>

#define RUN_ORDER	11
#define RUN_PAGES	((unsigned int)BIT(RUN_ORDER))
/* All of it but one, so that what is behind it is known. */
#define RUN_NR		(RUN_PAGES - 1)

#define GROUP_ORDER	4
#define GROUP_PAGES	((unsigned int)BIT(GROUP_ORDER))
/* Which of a group is the page. */
#define GROUP_PAGE	5

static DEFINE_MUTEX(lock);
static struct page *page;
static xen_pfn_t gfn;
static bool is_out;
static struct dentry *file;

static struct {
	struct page **pages;
	xen_pfn_t *frames;
} run;

/* The other pages of the group, the page itself being NULL. */
static struct page *group[GROUP_PAGES];

static void page_fill(void)
{
	u64 *word = page_address(page);
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		word[i] = PFN_PHYS(gfn) + i * sizeof(*word);
}

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
	page_fill();
	return 0;
}

static int page_exchange(void)
{
	xen_pfn_t in = gfn, out = page_to_xen_pfn(page);
	struct xen_memory_exchange exchange = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};
	int ret;

	if (is_out)
		return -EINVAL;
	set_xen_guest_handle(exchange.in.extent_start, &in);
	set_xen_guest_handle(exchange.out.extent_start, &out);
	xenmem_reservation_va_mapping_reset(1, &page);
	ret = HYPERVISOR_memory_op(XENMEM_exchange, &exchange);
	if (!ret)
		gfn = out;
	xenmem_reservation_va_mapping_update(1, &page, &gfn);
	page_fill();
	return ret;
}

static void group_free(void)
{
	unsigned int i;

	for (i = 0; i < GROUP_PAGES; i++)
		if (group[i])
			__free_page(group[i]);
	memset(group, 0, sizeof(group));
}

/* Exchange the frames of a group's pages for as many in one piece. */
static int group_exchange(void)
{
	xen_pfn_t frames[GROUP_PAGES], out = page_to_xen_pfn(group[0]);
	struct xen_memory_exchange exchange = {
		.in = { .nr_extents = GROUP_PAGES, .domid = DOMID_SELF },
		.out = {
			.nr_extents = 1,
			.extent_order = GROUP_ORDER,
			.domid = DOMID_SELF,
		},
	};
	unsigned int i;
	int ret;

	for (i = 0; i < GROUP_PAGES; i++)
		frames[i] = xen_page_to_gfn(group[i]);
	set_xen_guest_handle(exchange.in.extent_start, frames);
	set_xen_guest_handle(exchange.out.extent_start, &out);
	xenmem_reservation_va_mapping_reset(GROUP_PAGES, group);
	ret = HYPERVISOR_memory_op(XENMEM_exchange, &exchange);
	for (i = 0; !ret && i < GROUP_PAGES; i++)
		frames[i] = out + i;
	xenmem_reservation_va_mapping_update(GROUP_PAGES, group, frames);
	return ret;
}

static int page_group(void)
{
	struct page *first;
	unsigned int i;
	int ret;

	if (is_out)
		return -EINVAL;
	first = alloc_pages(GFP_KERNEL, GROUP_ORDER);
	if (!first)
		return -ENOMEM;
	group_free();
	split_page(first, GROUP_ORDER);
	for (i = 0; i < GROUP_PAGES; i++)
		group[i] = first + i;
	ret = group_exchange();
	if (ret)
		return ret;

	__free_page(page);
	page = group[GROUP_PAGE];
	group[GROUP_PAGE] = NULL;
	gfn = xen_page_to_gfn(page);
	page_fill();
	return 0;
}

static int page_transfer(domid_t domain, grant_ref_t ref)
{
	struct gnttab_transfer transfer = {
		.mfn = gfn,
		.domid = domain,
		.ref = ref,
	};
	int ret;

	if (is_out)
		return -EALREADY;
	xenmem_reservation_va_mapping_reset(1, &page);
	ret = HYPERVISOR_grant_table_op(GNTTABOP_transfer, &transfer, 1);
	if (!ret && transfer.status == GNTST_okay) {
		is_out = true;
		return 0;
	}
	xenmem_reservation_va_mapping_update(1, &page, &gfn);
	return ret ?: transfer.status == GNTST_bad_page ? -EBUSY : -EACCES;
}

static ssize_t balloon_write(struct file *f, const char __user *from,
			     size_t count, loff_t *pos)
{
	char word[32] = "";
	unsigned int domain, ref;
	int ret;

	if (count >= sizeof(word) || copy_from_user(word, from, count))
		return -EINVAL;

	mutex_lock(&lock);
	if (sysfs_streq(word, "out"))
		ret = page_out();
	else if (sysfs_streq(word, "in"))
		ret = page_in();
	else if (sysfs_streq(word, "exchange"))
		ret = page_exchange();
	else if (sysfs_streq(word, "group"))
		ret = page_group();
	else if (sscanf(word, "transfer %u %u", &domain, &ref) == 2)
		ret = page_transfer(domain, ref);
	else
		ret = -EINVAL;
	mutex_unlock(&lock);
	return ret ?: count;
}

static ssize_t balloon_read(struct file *f, char __user *to, size_t count,
			    loff_t *pos)
{
	char text[96];
	int n;

	mutex_lock(&lock);
	n = scnprintf(text, sizeof(text), "gfn %#lx\nout %d\nrun %#lx %u\n",
		      (unsigned long)gfn, is_out,
		      (unsigned long)run.frames[0], RUN_NR);
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

static void run_free(void)
{
	unsigned int i;

	for (i = 0; run.pages && i < RUN_PAGES; i++)
		if (run.pages[i])
			__free_page(run.pages[i]);
	kvfree(run.pages);
	kvfree(run.frames);
}

static int run_alloc(void)
{
	unsigned int i;

	run.pages = kvcalloc(RUN_PAGES, sizeof(*run.pages), GFP_KERNEL);
	run.frames = kvcalloc(RUN_PAGES, sizeof(*run.frames), GFP_KERNEL);
	if (!run.pages || !run.frames)
		return -ENOMEM;
	for (i = 0; i < RUN_PAGES; i++) {
		run.pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!run.pages[i])
			return -ENOMEM;
	}
	return 0;
}

/* Pages from @from on have no frames: nobody is to be given them. */
static int run_lost(unsigned int from, unsigned int nr)
{
	pr_err("%s: %u pages lost\n", KBUILD_MODNAME, nr);
	memset(run.pages + from, 0, nr * sizeof(*run.pages));
	return -ENOMEM;
}

/* Give back the frames that the pages have. */
static int run_out(void)
{
	unsigned int i;
	int out;

	for (i = 0; i < RUN_PAGES; i++)
		run.frames[i] = xen_page_to_gfn(run.pages[i]);
	xenmem_reservation_va_mapping_reset(RUN_PAGES, run.pages);
	out = max(xenmem_reservation_decrease(RUN_PAGES, run.frames), 0);
	if (out == RUN_PAGES)
		return 0;

	xenmem_reservation_va_mapping_update(RUN_PAGES - out, run.pages + out,
					     run.frames + out);
	return run_lost(0, out);
}

/* Xen thinks that the frames are those of PFNs in a row. */
static int run_tell_pfns(void)
{
	struct mmu_update *updates;
	unsigned int i;
	int ret;

	updates = kvcalloc(RUN_NR, sizeof(*updates), GFP_KERNEL);
	if (!updates)
		return -ENOMEM;
	for (i = 0; i < RUN_NR; i++) {
		updates[i].ptr = PFN_PHYS(run.frames[i]) | MMU_MACHPHYS_UPDATE;
		updates[i].val = page_to_xen_pfn(run.pages[i]);
	}
	ret = HYPERVISOR_mmu_update(updates, RUN_NR, NULL, DOMID_SELF);
	kvfree(updates);
	return ret;
}

static int run_in(void)
{
	xen_pfn_t first = page_to_xen_pfn(run.pages[0]), last;
	struct xen_memory_reservation reservation = {
		.nr_extents = 1,
		.extent_order = RUN_ORDER,
		.domid = DOMID_SELF,
	};
	unsigned int i;

	set_xen_guest_handle(reservation.extent_start, &first);
	if (HYPERVISOR_memory_op(XENMEM_populate_physmap, &reservation) != 1)
		return run_lost(0, RUN_PAGES);
	for (i = 0; i < RUN_PAGES; i++)
		run.frames[i] = first + i;
	last = first + RUN_NR;
	if (xenmem_reservation_decrease(1, &last) != 1 || run_tell_pfns())
		return run_lost(0, RUN_PAGES);
	xenmem_reservation_va_mapping_update(RUN_NR, run.pages, run.frames);
	return 0;
}

static int run_init(void)
{
	int ret = run_alloc() ?: run_out() ?: run_in();

	if (ret)
		run_free();
	return ret;
}

/* The last page has no frame, which it gets again. */
static void run_exit(void)
{
	xen_pfn_t frame = page_to_xen_pfn(run.pages[RUN_NR]);

	if (xenmem_reservation_increase(1, &frame) == 1)
		xenmem_reservation_va_mapping_update(1, run.pages + RUN_NR,
						     &frame);
	else
		run_lost(RUN_NR, 1);
	run_free();
}

static int __init balloon_init(void)
{
	int ret;

	if (!xen_pv_domain())
		return -ENODEV;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = run_init();
	if (ret) {
		__free_page(page);
		return ret;
	}
	gfn = xen_page_to_gfn(page);
	page_fill();
	file = debugfs_create_file("pviommu-balloon", 0600, NULL, NULL,
				   &balloon_fops);
	return 0;
}
module_init(balloon_init);

static void __exit balloon_exit(void)
{
	debugfs_remove(file);
	group_free();
	run_exit();
	/* A page without a frame is not to be given to anybody. */
	if (!is_out || !page_in())
		__free_page(page);
	else
		pr_err("%s: page lost: Xen has no memory\n", KBUILD_MODNAME);
}
module_exit(balloon_exit);

MODULE_DESCRIPTION("Frames for tests: one to balloon out, and neighbours");
MODULE_LICENSE("GPL");
