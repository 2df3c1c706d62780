// SPDX-License-Identifier: GPL-2.0-only
/* A device by its group, and a container of type 1. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio-backend.h"

/* The group of a device, by its number. */
static int open_group(const char *sbdf)
{
	char path[100], link[PATH_MAX], *name;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 sbdf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return vfio_fail(path);
	link[len] = 0;
	name = strrchr(link, '/');
	snprintf(path, sizeof(path), "/dev/vfio/%d", name ? atoi(name + 1) : -1);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* The last address that can be mapped: the end of the last of the ranges. */
static int ask_last(struct vfio *v)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_iommu_type1_info *info;
	uint32_t size = 4096, at;

	info = calloc(1, size);
	if (!info)
		return vfio_fail("memory");
	info->argsz = size;
	if (ioctl(v->container, VFIO_IOMMU_GET_INFO, info))
		return vfio_fail("VFIO_IOMMU_GET_INFO");

	for (at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0; at;
	     at = cap->header.next) {
		cap = (void *)((char *)info + at);
		if (cap->header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			v->last = cap->iova_ranges[cap->nr_iovas - 1].end;
	}
	free(info);
	errno = ENODATA;
	return v->last ? 0 : vfio_fail("no ranges of addresses");
}

static int open_type1(struct vfio *v, const char *sbdf)
{
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return vfio_fail("/dev/vfio/vfio");
	v->group = open_group(sbdf);
	if (v->group < 0)
		return vfio_fail("the device's group");
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return vfio_fail("VFIO_GROUP_SET_CONTAINER");
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return vfio_fail("VFIO_SET_IOMMU");
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, sbdf);
	if (v->device < 0)
		return vfio_fail("VFIO_GROUP_GET_DEVICE_FD");

	return ask_last(v);
}

static int map_type1(const struct vfio *v, const void *memory, uint64_t iova,
		     uint64_t size, uint32_t access)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = access,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ?
	       vfio_fail("VFIO_IOMMU_MAP_DMA") : 0;
}

static int unmap_type1(const struct vfio *v, uint64_t iova, uint64_t *size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = *size,
	};

	if (ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return vfio_fail("VFIO_IOMMU_UNMAP_DMA");
	*size = unmap.size;
	return 0;
}

const struct vfio_backend vfio_type1 = {
	.open = open_type1,
	.map = map_type1,
	.unmap = unmap_type1,
};
