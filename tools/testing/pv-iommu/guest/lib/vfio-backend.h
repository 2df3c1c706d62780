/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two ways to a device and to an address space for it: what vfio.c leaves to
 * vfio-type1.c and vfio-iommufd.c.
 */

#ifndef PVIOMMU_VFIO_BACKEND_H
#define PVIOMMU_VFIO_BACKEND_H

#include "vfio.h"

/*
 * @open: of @v it sets @device, @last, and what it needs itself.
 * @unmap: *@size is how much, and then how much was.
 */
struct vfio_backend {
	int (*open)(struct vfio *v, const char *sbdf);
	int (*map)(const struct vfio *v, const void *memory, uint64_t iova,
		   uint64_t size, uint32_t access);
	int (*unmap)(const struct vfio *v, uint64_t iova, uint64_t *size);
};

extern const struct vfio_backend vfio_type1;
extern const struct vfio_backend vfio_iommufd;

/* Say what failed, and why, by errno; that, negative. */
int vfio_fail(const char *what);

#endif /* PVIOMMU_VFIO_BACKEND_H */
