// SPDX-License-Identifier: GPL-2.0-only
/* A PCI device in user space: see vfio.h. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio.h"

#define PCI_COMMAND		4
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_MASTER	0x4

static int fail(const char *what)
{
	int err = errno;

	fprintf(stderr, "vfio: %s: %s\n", what, strerror(err));
	return -err;
}

/* The group of a device, by its number. */
static int open_group(const char *sbdf)
{
	char path[100], link[PATH_MAX], *name;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 sbdf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return fail(path);
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
		return fail("memory");
	info->argsz = size;
	if (ioctl(v->container, VFIO_IOMMU_GET_INFO, info))
		return fail("VFIO_IOMMU_GET_INFO");

	for (at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0; at;
	     at = cap->header.next) {
		cap = (void *)((char *)info + at);
		if (cap->header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			v->last = cap->iova_ranges[cap->nr_iovas - 1].end;
	}
	free(info);
	errno = ENODATA;
	return v->last ? 0 : fail("no ranges of addresses");
}

static int region(const struct vfio *v, struct vfio_region_info *info)
{
	info->argsz = sizeof(*info);
	return ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, info) ?
	       fail("VFIO_DEVICE_GET_REGION_INFO") : 0;
}

static int may_do_dma(const struct vfio *v)
{
	struct vfio_region_info config = {
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;
	int ret;

	ret = region(v, &config);
	if (ret)
		return ret;

	config.offset += PCI_COMMAND;
	if (pread(v->device, &command, 2, config.offset) != 2)
		return fail("config space");
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(v->device, &command, 2, config.offset) != 2)
		return fail("config space");
	return 0;
}

int vfio_open(struct vfio *v, const char *sbdf)
{
	int ret;

	*v = (struct vfio) { 0 };
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return fail("/dev/vfio/vfio");
	v->group = open_group(sbdf);
	if (v->group < 0)
		return fail("the device's group");
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return fail("VFIO_GROUP_SET_CONTAINER");
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return fail("VFIO_SET_IOMMU");
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, sbdf);
	if (v->device < 0)
		return fail("VFIO_GROUP_GET_DEVICE_FD");

	ret = ask_last(v);
	return ret ?: may_do_dma(v);
}

int vfio_map(const struct vfio *v, const void *memory, uint64_t iova,
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
	       fail("VFIO_IOMMU_MAP_DMA") : 0;
}

int vfio_unmap(const struct vfio *v, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	if (ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return fail("VFIO_IOMMU_UNMAP_DMA");
	errno = ENOENT;
	return unmap.size == size ? 0 : fail("less was unmapped than mapped");
}

void *vfio_bar(const struct vfio *v, unsigned int bar, uint64_t size)
{
	struct vfio_region_info info = {
		.index = VFIO_PCI_BAR0_REGION_INDEX + bar,
	};
	void *regs;

	if (region(v, &info))
		return NULL;
	if (info.size < size) {
		errno = ENXIO;
		fail("the BAR is too small");
		return NULL;
	}
	regs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
		    info.offset);
	if (regs != MAP_FAILED)
		return regs;
	fail("mapping the BAR");
	return NULL;
}

/* @fd: the eventfd that an interrupt is to count in, or none. */
static int set_irq(const struct vfio *v, unsigned int index, unsigned int nr,
		   uint32_t flags, const int *fd)
{
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int)];
	} u = {
		.set = {
			.argsz = sizeof(u.set),
			.flags = flags,
			.index = index,
			.start = nr,
			.count = 1,
		},
	};

	if (fd) {
		memcpy(u.set.data, fd, sizeof(*fd));
		u.set.argsz += sizeof(*fd);
	}
	if (flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER))
		u.set.count = 0;
	return ioctl(v->device, VFIO_DEVICE_SET_IRQS, &u.set) ?
	       fail("VFIO_DEVICE_SET_IRQS") : 0;
}

int vfio_irq(const struct vfio *v, unsigned int index, unsigned int nr)
{
	int ret, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return fail("eventfd");
	ret = set_irq(v, index, nr, VFIO_IRQ_SET_DATA_EVENTFD |
		      VFIO_IRQ_SET_ACTION_TRIGGER, &fd);
	return ret ?: fd;
}

int vfio_irq_unmask(const struct vfio *v)
{
	return set_irq(v, VFIO_PCI_INTX_IRQ_INDEX, 0, VFIO_IRQ_SET_DATA_NONE |
		       VFIO_IRQ_SET_ACTION_UNMASK, NULL);
}

int vfio_irq_off(const struct vfio *v, unsigned int index)
{
	return set_irq(v, index, 0, VFIO_IRQ_SET_DATA_NONE |
		       VFIO_IRQ_SET_ACTION_TRIGGER, NULL);
}

bool vfio_counted(int eventfd, int ms)
{
	struct pollfd poll_fd = { .fd = eventfd, .events = POLLIN };
	uint64_t count;

	return poll(&poll_fd, 1, ms) == 1 &&
	       read(eventfd, &count, sizeof(count)) == sizeof(count);
}
