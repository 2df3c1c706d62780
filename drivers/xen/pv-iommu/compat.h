/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that this driver builds for.  Nowhere else
 * is a kernel version or a feature of one tested.
 */

#ifndef _XEN_PV_IOMMU_COMPAT_H
#define _XEN_PV_IOMMU_COMPAT_H

#include <linux/device.h>
#include <linux/sizes.h>
#include <linux/syscore_ops.h>

/*
 * The IOMMU core hands out contiguous PFNs in the largest size named here.
 * The frames behind them are scattered all the same, and gfn.c finds the runs
 * that are not; so one call per range is what serves best.
 */
#define XPI_PGSIZES	SZ_4K

/* Does the DMA API go to dma-iommu for this device? */
static inline bool xpi_uses_dma_iommu(struct device *dev)
{
	return dev->dma_iommu;
}

/* A function to call when the machine goes down, with all devices quiet. */
#ifdef XPI_HAVE_STRUCT_SYSCORE
#define XPI_DEFINE_SYSCORE_SHUTDOWN(name, fn)				\
	static void name##_shutdown(void *unused)			\
	{								\
		fn();							\
	}								\
	static const struct syscore_ops name##_ops = {			\
		.shutdown = name##_shutdown,				\
	};								\
	static struct syscore name = { .ops = &name##_ops }
#define xpi_register_syscore	register_syscore
#define xpi_unregister_syscore	unregister_syscore
#else
#define XPI_DEFINE_SYSCORE_SHUTDOWN(name, fn)				\
	static struct syscore_ops name = { .shutdown = fn }
#define xpi_register_syscore	register_syscore_ops
#define xpi_unregister_syscore	unregister_syscore_ops
#endif

#endif /* _XEN_PV_IOMMU_COMPAT_H */
