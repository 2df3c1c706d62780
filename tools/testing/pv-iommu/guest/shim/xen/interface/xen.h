/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's <xen/interface/xen.h> gives to the interface headers, for
 * programs in user space: enough for <xen/interface/iommu_op.h>, which is used
 * from the kernel part as it is, and for the uapi header <xen/privcmd.h>.
 */

#ifndef _PVIOMMU_SHIM_XEN_H
#define _PVIOMMU_SHIM_XEN_H

#include <stdint.h>

typedef unsigned long xen_pfn_t;
typedef unsigned long xen_ulong_t;
typedef uint16_t domid_t;

#define DOMID_SELF	((domid_t)0x7ff0)
#define DOMID_IO	((domid_t)0x7ff1)
#define DOMID_XEN	((domid_t)0x7ff2)
#define DOMID_INVALID	((domid_t)0x7ff4)

#define __GUEST_HANDLE_NAME(name)	__guest_handle_ ## name
#define __DEFINE_GUEST_HANDLE(name, type) \
	typedef union { __typeof__(type) *p; uint64_t q; } __GUEST_HANDLE_NAME(name)
#define DEFINE_GUEST_HANDLE_STRUCT(name) \
	__DEFINE_GUEST_HANDLE(name, struct name)
#define GUEST_HANDLE(name)		__GUEST_HANDLE_NAME(name)

__DEFINE_GUEST_HANDLE(void, void);

#endif /* _PVIOMMU_SHIM_XEN_H */
