// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen PV-IOMMU: dom0 manages the I/O address space of its devices.
 *
 * Detection, life cycle, and the reasons for leaving DMA to xen-swiotlb.
 */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <xen/features.h>
#include <xen/xen.h>

#include "compat.h"
#include "pv-iommu.h"
#include "stats.h"

static struct xpi xpi = {
	.backend = &xpi_buffers_backend,
};

#ifdef MODULE
/* Loading the module is the "on". */
#define switched_on true
#else
static bool switched_on __initdata = IS_ENABLED(CONFIG_XEN_PV_IOMMU_DEFAULT_ON);

static int __init parse_switch(char *arg)
{
	if (arg && !strcmp(arg, "on"))
		switched_on = true;
	else if (arg && !strcmp(arg, "off"))
		switched_on = false;
	else
		pr_warn("xen_pv_iommu=%s is not 'on' or 'off': ignored\n",
			arg ?: "");
	return 0;
}
early_param("xen_pv_iommu", parse_switch);
#endif

VISIBLE_IF_KUNIT const char *xpi_why_not_here(void)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_why_not_here);

	if (!xen_domain())
		return "this is not a Xen domain";
	if (!xen_initial_domain())
		return "this is not dom0";
	if (!xen_pv_domain())
		return "dom0 is not a PV domain";
	return NULL;
}

VISIBLE_IF_KUNIT const char *xpi_why_no_hypercall(int err)
{
	switch (err) {
	case -EPERM:
		return "the hypervisor does not let this domain use iommu_op";
	case -EPROTO:
		return "the hypervisor offers iommu_op in a format that this driver does not know";
	default:
		return "the hypervisor does not offer iommu_op";
	}
}

VISIBLE_IF_KUNIT const char *xpi_why_not_this_mode(unsigned int mode)
{
	switch (mode) {
	case XEN_IOMMU_MODE_host_map:
		return NULL;
	case XEN_IOMMU_MODE_off:
		return "the hypervisor uses no IOMMU (none in the machine, or iommu=off)";
	case XEN_IOMMU_MODE_strict:
		return "the hypervisor maintains dom0's mappings itself (dom0-iommu=strict)";
	case XEN_IOMMU_MODE_passthrough:
		return "the hypervisor does not translate dom0's DMA (dom0-iommu=passthrough)";
	case XEN_IOMMU_MODE_guest_map:
		return "the hypervisor maintains dom0's mappings itself (PVH dom0)";
	case XEN_IOMMU_MODE_ats:
		return "the hypervisor lets devices cache translations (ats=on)";
	case XEN_IOMMU_MODE_owned:
		return "another user of iommu_op in this domain has taken over";
	default:
		return "the hypervisor is in a mode that this driver does not know";
	}
}

/* Ask the hypervisor what it has; 0 when it can be used. */
VISIBLE_IF_KUNIT int xpi_detect(struct xpi *xpi)
{
	const char *why = xpi_why_not_here();
	int ret = 0;

	if (!why) {
		ret = xpi->backend->probe(&xpi->caps);
		why = ret ? xpi_why_no_hypercall(ret) :
			    xpi_why_not_this_mode(xpi->caps.mode);
	}
	if (!why && iommu_default_passthrough() && !xpi_has_contexts(xpi))
		why = "iommu.passthrough asks for the host map, which needs contexts";
	if (!why)
		return 0;

	pr_info("not used: %s (%d); DMA stays as it is\n", why, ret);
	return -ENODEV;
}

static void say_what_there_is(const struct xpi *xpi)
{
	pr_info("iommu_op format %s, dfns up to %#llx, page sizes %#x,%s%s%s%s%s%s%s%s%s, %u reserved ranges\n",
		xpi->backend->name, xpi->caps.max_dfn, xpi->caps.pgsize_mask,
		xpi_has_contexts(xpi) ? " contexts" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_clear ? " clear" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_gref ? " gref" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_list ? " list" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_registers ? " registers" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_deferred_flush ?
			" deferred-flush" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_large_pages ?
			" large-pages" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_intremap ? " intremap" : "",
		xpi->caps.flags & XEN_IOMMU_CAP_caching_mode ?
			" caching-mode" : "",
		xpi->nr_reserved);
	if (!(xpi->caps.flags & XEN_IOMMU_CAP_gref))
		pr_info("no gref: pages of guests cannot be mapped, so real devices do not work for guests\n");
}

/* Have xen-swiotlb serve all devices again, of which none is claimed any more. */
static void hand_over(struct xpi *xpi)
{
	xpi_give_back(xpi);
	xpi_compat_dma_end();
	xpi_allow_all();
}

/* Make dom0's devices ours; no driver starts meanwhile. */
VISIBLE_IF_KUNIT int xpi_switch_over(struct xpi *xpi)
{
	int ret;

	/* With contexts a device in use is just left alone. */
	ret = xpi_has_contexts(xpi) ? 0 : xpi_bind_check();
	if (ret)
		return ret;

	say_what_there_is(xpi);
	ret = xpi_takeover(xpi);
	if (ret) {
		pr_err("not used: the hypervisor refused the takeover (%d); DMA stays on xen-swiotlb\n",
		       ret);
		return ret;
	}

	xpi_forbid_init();
	xpi_compat_dma_begin();
	ret = xpi_iommu_register(xpi);
	if (ret) {
		pr_err("not used: the devices could not be claimed (%d); DMA stays on xen-swiotlb\n",
		       ret);
		hand_over(xpi);
	}
	return ret;
}

static int __init xpi_init(void)
{
	int ret;

	if (!switched_on)
		return 0;

	ret = xpi_detect(&xpi);
	if (ret)
		return ret;

	ret = xpi_read_reserved(&xpi, XEN_IOMMU_RESERVED_ALL_DEVICES,
				&xpi.reserved, &xpi.nr_reserved);
	if (ret) {
		pr_err("not used: the hypervisor did not tell its reserved ranges (%d)\n",
		       ret);
		goto out_free;
	}

	xpi_compat_dma_init();
	ret = xpi_bind_init();
	if (ret)
		goto out_dma;

	xpi_bind_lock();
	ret = xpi_switch_over(&xpi);
	xpi_bind_unlock();
	if (ret)
		goto out_bind;

	xpi_stats_init();
	xpi_groups_init();
	xpi_compat_loaded();
	return 0;

out_bind:
	xpi_bind_exit();
out_dma:
	xpi_compat_dma_exit();
out_free:
	kfree(xpi.reserved);
	return ret;
}

/* Built in: PCI devices are there by now, and their drivers come later. */
rootfs_initcall(xpi_init);

static void __exit xpi_exit(void)
{
	xpi_stats_exit();

	xpi_bind_lock();
	xpi_iommu_unregister(&xpi);
	hand_over(&xpi);
	xpi_bind_unlock();
	xpi_bind_down();

	xpi_iommu_end(&xpi);
	xpi_bind_exit();
	xpi_compat_dma_exit();
	kfree(xpi.reserved);
	pr_info("gone: DMA is on xen-swiotlb again\n");
}
module_exit(xpi_exit);

MODULE_DESCRIPTION("Xen paravirtualised IOMMU for dom0");
MODULE_LICENSE("GPL");
