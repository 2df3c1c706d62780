/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device in user space: vfio-pci, with an address space of type 1, or by
 * iommufd.
 *
 * Functions that fail say why on standard error, and return a negative errno, or
 * NULL.
 */

#ifndef PVIOMMU_VFIO_H
#define PVIOMMU_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

#define VFIO_READ	VFIO_DMA_MAP_FLAG_READ
#define VFIO_WRITE	VFIO_DMA_MAP_FLAG_WRITE

/* What a device's name begins with when it is to be had by iommufd. */
#define VFIO_IOMMUFD	"iommufd:"

struct vfio_backend;

struct vfio {
	const struct vfio_backend *backend;
	int container;		/* type 1: what has the address space */
	int group;
	int iommufd;		/* iommufd: the same, and which one there */
	uint32_t ioas;
	int device;
	uint64_t last;		/* of the addresses that can be mapped */
};

/*
 * @name: a device that is bound to vfio-pci, SBDF, or "iommufd:SBDF"; it may do
 * DMA then.
 */
int vfio_open(struct vfio *v, const char *name);

/* Memory of this program at @iova; @access: VFIO_READ, VFIO_WRITE. */
int vfio_map(const struct vfio *v, const void *memory, uint64_t iova,
	     uint64_t size, uint32_t access);
int vfio_unmap(const struct vfio *v, uint64_t iova, uint64_t size);

/* Registers behind a BAR, at least @size bytes. */
void *vfio_bar(const struct vfio *v, unsigned int bar, uint64_t size);

/*
 * Interrupt @nr of the kind @index (VFIO_PCI_*_IRQ_INDEX): an eventfd that counts
 * them.  INTx is masked after each: vfio_irq_unmask().
 */
int vfio_irq(const struct vfio *v, unsigned int index, unsigned int nr);
int vfio_irq_unmask(const struct vfio *v);
int vfio_irq_off(const struct vfio *v, unsigned int index);

/* Has it counted within so many milliseconds? */
bool vfio_counted(int eventfd, int ms);

#endif /* PVIOMMU_VFIO_H */
