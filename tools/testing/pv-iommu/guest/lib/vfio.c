// SPDX-License-Identifier: GPL-2.0-only
/* A PCI device in user space: see vfio.h. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio-backend.h"

#define PCI_COMMAND		4
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_MASTER	0x4

int vfio_fail(const char *what)
{
	int err = errno;

	fprintf(stderr, "vfio: %s: %s\n", what, strerror(err));
	return -err;
}

static int region(const struct vfio *v, struct vfio_region_info *info)
{
	info->argsz = sizeof(*info);
	return ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, info) ?
	       vfio_fail("VFIO_DEVICE_GET_REGION_INFO") : 0;
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
		return vfio_fail("config space");
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(v->device, &command, 2, config.offset) != 2)
		return vfio_fail("config space");
	return 0;
}

int vfio_open(struct vfio *v, const char *name)
{
	const char *sbdf = name;
	int ret;

	*v = (struct vfio) { .backend = &vfio_type1 };
	if (!strncmp(name, VFIO_IOMMUFD, strlen(VFIO_IOMMUFD))) {
		v->backend = &vfio_iommufd;
		sbdf += strlen(VFIO_IOMMUFD);
	}
	ret = v->backend->open(v, sbdf);
	return ret ?: may_do_dma(v);
}

int vfio_map(const struct vfio *v, const void *memory, uint64_t iova,
	     uint64_t size, uint32_t access)
{
	return v->backend->map(v, memory, iova, size, access);
}

int vfio_unmap(const struct vfio *v, uint64_t iova, uint64_t size)
{
	uint64_t unmapped = size;
	int ret;

	ret = v->backend->unmap(v, iova, &unmapped);
	if (ret)
		return ret;
	errno = ENOENT;
	return unmapped == size ? 0 : vfio_fail("less was unmapped than mapped");
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
		vfio_fail("the BAR is too small");
		return NULL;
	}
	regs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
		    info.offset);
	if (regs != MAP_FAILED)
		return regs;
	vfio_fail("mapping the BAR");
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
	       vfio_fail("VFIO_DEVICE_SET_IRQS") : 0;
}

int vfio_irq(const struct vfio *v, unsigned int index, unsigned int nr)
{
	int ret, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return vfio_fail("eventfd");
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
