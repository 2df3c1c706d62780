/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On Xen: what the model does is done by the real hypervisor as well, and it has
 * to answer alike and, when asked with lookup, to have the same tables.
 */

#ifndef _XEN_PV_IOMMU_KUNIT_MIRROR_H
#define _XEN_PV_IOMMU_KUNIT_MIRROR_H

#include <kunit/test.h>

#include "../pv-iommu.h"

struct model;
struct mirror;

/* Why hypercalls cannot be made here, or NULL; fills in the capabilities. */
const char *mirror_why_not(struct xpi *xpi);

struct mirror *mirror_create(struct kunit *test, struct model *m);
void mirror_expect_same(struct kunit *test, struct mirror *mirror);
unsigned long mirror_total(void);

/* Called by the model, with its lock held. */
void mirror_add(struct mirror *mirror, const struct xen_iommu_op *asked,
		const struct xen_iommu_op *done, int status);
void mirror_submit(struct mirror *mirror);
void mirror_look(struct mirror *mirror, u64 dfn);

#endif /* _XEN_PV_IOMMU_KUNIT_MIRROR_H */
