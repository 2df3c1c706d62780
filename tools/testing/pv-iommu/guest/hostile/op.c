// SPDX-License-Identifier: GPL-2.0-only
/* Operations and expectations. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hostile.h"
#include "lib/frames.h"

int do_caps(struct xen_iommu_op_query_caps *caps)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_query_caps };
	int ret = hyp_one(&op);

	*caps = op.u.query_caps;
	return ret;
}

int do_enable(uint32_t flags, uint32_t *result)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_enable_modification,
		.u.enable_modification.flags = flags,
	};
	int ret = hyp_one(&op);

	if (result)
		*result = op.u.enable_modification.result;
	return ret;
}

int do_disable(void)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_disable_modification };

	return hyp_one(&op);
}

int do_map(uint64_t dfn, uint64_t gfn, uint32_t nr, uint16_t flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map.dfn = dfn,
		.u.map.gfn = gfn,
		.u.map.nr_frames = nr,
		.u.map.flags = flags,
	};

	return hyp_one(&op);
}

int do_unmap(uint64_t dfn, uint64_t nr, uint32_t flags, uint64_t *unmapped)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_unmap,
		.u.unmap.dfn = dfn,
		.u.unmap.nr_frames = nr,
		.u.unmap.flags = flags,
	};
	int ret = hyp_one(&op);

	if (unmapped)
		*unmapped = op.u.unmap.nr_frames;
	return ret;
}

int do_flush(uint64_t dfn, uint64_t nr, uint32_t flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_flush,
		.u.flush.dfn = dfn,
		.u.flush.nr_frames = nr,
		.u.flush.flags = flags,
	};

	return hyp_one(&op);
}

int do_lookup(uint64_t dfn, uint64_t *gfn, uint32_t *pgsize, uint32_t *flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_lookup,
		.u.lookup.dfn = dfn,
	};
	int ret = hyp_one(&op);

	if (gfn)
		*gfn = op.u.lookup.gfn;
	if (pgsize)
		*pgsize = op.u.lookup.pgsize;
	if (flags)
		*flags = op.u.lookup.flags;
	return ret;
}

int do_alloc(uint16_t *ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_alloc };
	int ret = hyp_one(&op);

	*ctx = op.ctx;
	return ret;
}

int do_free(uint16_t ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_free, .ctx = ctx };

	return hyp_one(&op);
}

int do_attach(uint16_t ctx, uint32_t sbdf)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_ctx_attach,
		.ctx = ctx,
		.u.ctx_attach.sbdf = sbdf,
	};

	return hyp_one(&op);
}

int do_device(uint32_t sbdf, struct xen_iommu_op_query_device *device)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_device,
		.u.query_device.sbdf = sbdf,
	};
	int ret = hyp_one(&op);

	*device = op.u.query_device;
	return ret;
}

bool maps_to(uint64_t dfn, unsigned long gfn)
{
	uint64_t got;
	int ret = do_lookup(dfn, &got, NULL, NULL);

	return gfn == FRAME_NONE ? ret == -ENOENT : !ret && got == gfn;
}

unsigned long count_mapped(uint64_t dfn, uint64_t nr)
{
	static struct xen_iommu_op *ops;
	unsigned long mapped = 0;
	unsigned int i, n;

	if (!ops)
		ops = hyp_alloc(PAGE_SIZE);
	for (; nr; nr -= n, dfn += n) {
		n = nr < PAGE_SIZE / sizeof(*ops) ? nr : PAGE_SIZE / sizeof(*ops);
		if (n > env.caps.max_ops)
			n = env.caps.max_ops;
		memset(ops, 0, n * sizeof(*ops));
		for (i = 0; i < n; i++) {
			ops[i].op = XEN_IOMMUOP_lookup;
			ops[i].u.lookup.dfn = dfn + i;
		}
		if (hyp_ops(ops, n))
			return ~0UL;
		/* Anything but "nothing there" counts. */
		for (i = 0; i < n; i++)
			mapped += ops[i].status != -ENOENT;
	}
	return mapped;
}

void clean(uint64_t dfn, uint64_t nr)
{
	do_unmap(dfn, nr, XEN_IOMMU_UNMAP_sparse, NULL);
}

void expect_empty(const char *name, uint64_t dfn, uint64_t nr)
{
	uint64_t unmapped = 0;
	int ret = do_unmap(dfn, nr, XEN_IOMMU_UNMAP_sparse, &unmapped);

	if (ret || unmapped)
		fail(name, "left %lu frames mapped (unmap: %s)", unmapped,
		     hyp_strerr(ret));
}

bool expect(const char *name, int got, int want)
{
	char w[32];

	snprintf(w, sizeof(w), "%s", hyp_strerr(want));
	return check(got == want, name, "%s instead of %s", hyp_strerr(got), w);
}

bool expect_either(const char *name, int got, int want1, int want2)
{
	char w1[32], w2[32];

	snprintf(w1, sizeof(w1), "%s", hyp_strerr(want1));
	snprintf(w2, sizeof(w2), "%s", hyp_strerr(want2));
	return check(got == want1 || got == want2, name,
		     "%s instead of %s or %s", hyp_strerr(got), w1, w2);
}

bool is_reserved(uint64_t dfn, uint64_t nr)
{
	unsigned int i;

	for (i = 0; i < env.nr_reserved; i++) {
		const struct xen_iommu_reserved_range *r = &env.reserved[i];

		if (dfn < r->start_dfn + r->nr_frames && r->start_dfn < dfn + nr)
			return true;
	}
	return false;
}

uint64_t rnd(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}
