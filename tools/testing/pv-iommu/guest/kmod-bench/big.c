// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the size that VFIO makes for a guest's memory, by the IOMMU API
 * and at addresses that dma-iommu does not give to anybody.
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"

#define MAX_SIZE	BIT_ULL(40)
#define MAX_RUN		SZ_4M
#define MAX_BASE	BIT_ULL(38)
#define MAX_RUNS	SZ_1M
#define POOL_SIZE	SZ_64M	/* larger mappings use it more than once */

struct bench_range {
	struct iommu_domain *domain;
	dma_addr_t base;
	struct bench_pool pool;
	struct sg_table table;
};

/*
 * dma-iommu begins below 4 GiB, and goes on from the end of what the device can
 * reach: the middle is far from both.  The aperture can be larger than what the
 * IOMMU has page tables for, which is 39 bits at least.
 */
static int choose_base(struct bench *b, struct bench_range *big)
{
	struct iommu_domain_geometry *geometry = &big->domain->geometry;
	dma_addr_t end = geometry->aperture_end;
	u64 len = b->batch * b->size;

	big->base = round_up(min(end / 2 + 1, MAX_BASE), SZ_1G);
	if (big->base < geometry->aperture_start || big->base > end ||
	    len - 1 > end - big->base)
		return -ERANGE;
	if (iommu_iova_to_phys(big->domain, big->base) ||
	    iommu_iova_to_phys(big->domain, big->base + len - PAGE_SIZE))
		return -EBUSY;
	return 0;
}

static int bench_big_prepare(struct bench *b)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(b->dev);
	struct bench_range *big;
	u64 runs;
	int ret;

	if (!domain || !(domain->type & __IOMMU_DOMAIN_PAGING))
		return -EOPNOTSUPP;
	if (b->run < PAGE_SIZE || b->run > MAX_RUN || !is_power_of_2(b->run) ||
	    !b->size || b->size > MAX_SIZE || b->size % b->run)
		return -EINVAL;
	runs = b->size / b->run;
	if (runs > MAX_RUNS)
		return -EINVAL;

	big = kzalloc(sizeof(*big), GFP_KERNEL);
	if (!big)
		return -ENOMEM;
	b->priv = big;
	b->depth = b->batch;
	big->domain = domain;
	ret = choose_base(b, big);
	if (ret)
		return ret;
	b->dma = big->base;

	big->pool.nr = min_t(u64, runs, POOL_SIZE / b->run);
	big->pool.order = get_order(b->run);
	ret = bench_pool_alloc(&big->pool, b->seed);
	return ret ?: bench_pool_table(&big->pool, &big->table, runs);
}

static void bench_big_release(struct bench *b)
{
	struct bench_range *big = b->priv;

	if (!big)
		return;
	sg_free_table(&big->table);
	bench_pool_free(&big->pool);
	kfree(big);
}

static int bench_big_unmap_some(struct bench *b, unsigned int nr)
{
	struct bench_range *big = b->priv;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr; i++)
		if (iommu_unmap(big->domain, big->base + i * b->size,
				b->size) != b->size)
			ret = -EIO;
	return ret;
}

static int bench_big_map(struct bench *b)
{
	struct bench_range *big = b->priv;
	unsigned int i;
	ssize_t done;

	for (i = 0; i < b->depth; i++) {
		/* Unlike iommu_map_sg() it is the same in all kernels. */
		done = iommu_map_sgtable(big->domain, big->base + i * b->size,
					 &big->table, IOMMU_READ | IOMMU_WRITE);
		if (done < 0) {
			bench_big_unmap_some(b, i);
			return done;
		}
	}
	return 0;
}

static int bench_big_unmap(struct bench *b)
{
	return bench_big_unmap_some(b, b->depth);
}

const struct bench_case bench_big = {
	.name = "big",
	.alone_from = 1,
	.prepare = bench_big_prepare,
	.release = bench_big_release,
	.map = bench_big_map,
	.unmap = bench_big_unmap,
};
