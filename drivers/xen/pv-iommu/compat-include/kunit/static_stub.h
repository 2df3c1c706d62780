/* SPDX-License-Identifier: GPL-2.0-only */
/* Stubs for tests, which older kernels lack; nothing is tested there. */

#ifndef _XEN_PV_IOMMU_COMPAT_STATIC_STUB_H
#define _XEN_PV_IOMMU_COMPAT_STATIC_STUB_H

#define KUNIT_STATIC_STUB_REDIRECT(fn, args...)	((void)(fn))

#endif /* _XEN_PV_IOMMU_COMPAT_STATIC_STUB_H */
