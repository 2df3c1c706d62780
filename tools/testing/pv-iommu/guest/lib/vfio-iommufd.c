// SPDX-License-Identifier: GPL-2.0-only
/* A device by its own file, and an address space by /dev/iommu. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd.h"
#include "vfio-backend.h"

#define MOST_RANGES	64

/* The file has the name that vfio-pci has given the device. */
static int open_device(const char *sbdf)
{
	char path[100];
	glob_t found;
	int fd = -1;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/vfio*",
		 sbdf);
	errno = ENOENT;
	if (!glob(path, 0, NULL, &found)) {
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
			 strrchr(found.gl_pathv[0], '/') + 1);
		fd = open(path, O_RDWR | O_CLOEXEC);
		globfree(&found);
	}
	return fd < 0 ? vfio_fail(path) : fd;
}

/* The last address that can be mapped, now that the device is there. */
static int ask_last(struct vfio *v)
{
	struct iommu_iova_range range[MOST_RANGES];
	struct iommu_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = v->ioas,
		.num_iovas = MOST_RANGES,
		.allowed_iovas = (uintptr_t)range,
	};

	if (ioctl(v->iommufd, IOMMU_IOAS_IOVA_RANGES, &ranges))
		return vfio_fail("IOMMU_IOAS_IOVA_RANGES");
	errno = ENODATA;
	if (!ranges.num_iovas)
		return vfio_fail("no ranges of addresses");
	v->last = range[ranges.num_iovas - 1].last;
	return 0;
}

static int open_iommufd(struct vfio *v, const char *sbdf)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};

	v->device = open_device(sbdf);
	if (v->device < 0)
		return v->device;
	v->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (v->iommufd < 0)
		return vfio_fail("/dev/iommu");
	bind.iommufd = v->iommufd;
	if (ioctl(v->device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return vfio_fail("VFIO_DEVICE_BIND_IOMMUFD");
	if (ioctl(v->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return vfio_fail("IOMMU_IOAS_ALLOC");
	v->ioas = alloc.out_ioas_id;
	attach.pt_id = v->ioas;
	if (ioctl(v->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return vfio_fail("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	return ask_last(v);
}

static int map_iommufd(const struct vfio *v, const void *memory, uint64_t iova,
		       uint64_t size, uint32_t access)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = v->ioas,
		.user_va = (uintptr_t)memory,
		.length = size,
		.iova = iova,
	};

	if (access & VFIO_READ)
		map.flags |= IOMMU_IOAS_MAP_READABLE;
	if (access & VFIO_WRITE)
		map.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	return ioctl(v->iommufd, IOMMU_IOAS_MAP, &map) ?
	       vfio_fail("IOMMU_IOAS_MAP") : 0;
}

static int unmap_iommufd(const struct vfio *v, uint64_t iova, uint64_t *size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = v->ioas,
		.iova = iova,
		.length = *size,
	};

	if (ioctl(v->iommufd, IOMMU_IOAS_UNMAP, &unmap))
		return vfio_fail("IOMMU_IOAS_UNMAP");
	*size = unmap.length;
	return 0;
}

const struct vfio_backend vfio_iommufd = {
	.open = open_iommufd,
	.map = map_iommufd,
	.unmap = unmap_iommufd,
};
