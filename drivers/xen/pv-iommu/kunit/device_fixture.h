/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share that register with the IOMMU core: a device that no
 * driver wants (QEMU's edu), claimed by the driver, with the model underneath.
 */

#ifndef _XEN_PV_IOMMU_KUNIT_DEVICE_FIXTURE_H
#define _XEN_PV_IOMMU_KUNIT_DEVICE_FIXTURE_H

#include <linux/pci.h>

#include "../pv-iommu.h"
#include "fixture.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

/* As many has device_fixture_pages(), contiguous for Linux. */
#define DEVICE_FIXTURE_PAGES	64

/* So many of the reserved ranges are none that is always mapped. */
#define DEVICE_FIXTURE_NOT_IDENTITY	4

int device_fixture_init(struct kunit *test);
struct pci_dev *device_fixture_edu(struct kunit *test);
struct xpi *device_fixture_hypervisor(struct kunit *test);
struct xpi *device_fixture_contexts(struct kunit *test, unsigned int nr);
struct device *device_fixture_claimed(struct kunit *test);
struct page *device_fixture_pages(struct kunit *test);
int device_fixture_take_over(struct kunit *test, struct xpi *xpi);
void device_fixture_give_back(struct kunit *test, struct xpi *xpi);
void device_fixture_unregister(struct kunit *test, struct xpi *xpi);
bool device_fixture_flushed(struct model *m);
void device_fixture_no_dma(struct kunit *test, struct device *dev);
u16 device_context(struct model *m, struct device *dev);
void device_look(struct model *m, struct device *dev);

#endif /* _XEN_PV_IOMMU_KUNIT_DEVICE_FIXTURE_H */
