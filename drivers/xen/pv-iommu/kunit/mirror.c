// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real hypervisor beside the model.  See mirror.h.
 *
 * The frame numbers of the tests are made up, so they are translated: a DFN to
 * one that nothing is reserved around, a GFN to one of dom0's real frames, of
 * which a few blocks that are contiguous in machine memory are kept.  What has a
 * fault in the model is not done here either.
 */

#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <asm/xen/page.h>
#include <asm/xen/swiotlb-xen.h>

#include "device_fixture.h"
#include "mirror.h"
#include "model.h"

/* Linux' largest blocks, 4 MiB each. */
#define BLOCK_ORDER	10
#define BLOCK_FRAMES	BIT_ULL(BLOCK_ORDER)
#define NR_BLOCKS	4

/* The registers of edu: 1 MiB. */
#define MMIO_FRAMES	256

/* 128 GiB above what the tests say, and still within 39 bits. */
#define DFN_BIT		BIT_ULL(25)

/* A frame of which dom0 cannot have any. */
#define NOT_OURS	BIT_ULL(39)

/* Operations that are submitted together. */
#define MAX_OPS		4096
#define MAX_GFNS	4096

/* The first machine frames of the blocks, which stay allocated, and of MMIO. */
static u64 block_gfn[NR_BLOCKS];
static u64 mmio_gfn;

static unsigned long total;

/* What Xen has to answer. */
struct answer {
	u16 op;
	int status;
	u64 value;	/* of unmap: frames; of lookup: gfn */
	u32 flags;	/* of lookup */
	u32 pgsize;	/* of lookup: at most */
};

/**
 * struct mirror - the hypervisor
 * @model: that it has to be like
 * @xpi: how it is reached
 * @seen: DFNs at which something was ever mapped
 * @ops: operations of this call
 * @answers: and what the model said
 * @gfns: frames of the lists among them
 * @nr: of them
 * @nr_gfns: frames in @gfns
 * @differs: how often Xen was not like the model
 * @first: how it was the first time
 */
struct mirror {
	struct model *model;
	struct xpi xpi;
	struct xarray seen;
	struct xen_iommu_op *ops;
	struct answer *answers;
	u64 *gfns;
	unsigned int nr;
	unsigned int nr_gfns;
	unsigned int differs;
	char first[128];
};

const char *mirror_why_not(struct xpi *xpi)
{
	const char *why = xpi_why_not_here();
	int ret;

	if (why)
		return why;
	ret = xpi->backend->probe(&xpi->caps);
	if (ret)
		return xpi_why_no_hypercall(ret);
	why = xpi_why_not_this_mode(xpi->caps.mode);
	if (why)
		return why;
	/* All that is compared is in the address space that devices share. */
	xpi->caps.flags &= ~XEN_IOMMU_CAP_contexts;

	xpi_bind_lock();
	ret = xpi_bind_check();
	xpi_bind_unlock();
	return ret ? "a device is in use" : NULL;
}

/* Operations of other suites that were done by Xen as well. */
unsigned long mirror_total(void)
{
	return total;
}

static void differs(struct mirror *mirror, const char *what, u64 dfn, s64 want,
		    s64 got)
{
	if (!mirror->differs++)
		snprintf(mirror->first, sizeof(mirror->first),
			 "%s at dfn %#llx: model %#llx, Xen %#llx", what, dfn,
			 want, got);
}

/* The real frame, and how many follow it as they do in the model. */
static u64 real_gfn(u64 gfn, u64 *left)
{
	if (gfn >= MODEL_MMIO_GFN) {
		*left = MMIO_FRAMES - gfn % MMIO_FRAMES;
		return mmio_gfn + gfn % MMIO_FRAMES;
	}
	*left = BLOCK_FRAMES - gfn % BLOCK_FRAMES;
	return block_gfn[gfn / BLOCK_FRAMES % NR_BLOCKS] + gfn % BLOCK_FRAMES;
}

/* What reaches beyond the highest frame has to do so on Xen, too; and all is all. */
static u64 real_dfn(struct mirror *mirror, u64 dfn, u64 nr)
{
	u64 max = mirror->model->caps.max_dfn;

	return dfn > max || nr > max - dfn + 1 || nr > DFN_BIT ?
	       dfn : dfn ^ DFN_BIT;
}

static struct xen_iommu_op *add(struct mirror *mirror,
				const struct xen_iommu_op *op, int status)
{
	struct xen_iommu_op *new;

	if (mirror->nr == MAX_OPS)
		mirror_submit(mirror);
	mirror->answers[mirror->nr] = (struct answer) {
		.op = op->op, .status = status,
	};
	new = &mirror->ops[mirror->nr++];
	*new = *op;
	new->status = XPI_STATUS_UNREACHED;
	return new;
}

/* Frames that are not dom0's, in the model and on Xen. */
static void add_bad_map(struct mirror *mirror, const struct xen_iommu_op *asked,
			int status)
{
	const struct xen_iommu_op_map *map = &asked->u.map;
	struct model *m = mirror->model;
	struct xen_iommu_op *op;

	/* Of the rest of the frames it is not known whose they are. */
	if (map->flags & XEN_IOMMU_MAP_list || map->gfn >= MODEL_MMIO_GFN ||
	    m->owns(m, map->gfn))
		return;
	op = add(mirror, asked, status);
	op->u.map.dfn = real_dfn(mirror, map->dfn, map->nr_frames);
	op->u.map.gfn = NOT_OURS + map->gfn;
}

static void add_list(struct mirror *mirror, const struct xen_iommu_op *asked,
		     int status)
{
	const struct xen_iommu_op_map *map = &asked->u.map;
	const u64 *list = (const u64 *)(unsigned long)map->gfn;
	struct xen_iommu_op *op;
	u64 left, *gfns;
	unsigned int i;

	if (mirror->nr_gfns + map->nr_frames > MAX_GFNS)
		mirror_submit(mirror);
	op = add(mirror, asked, status);
	gfns = mirror->gfns + mirror->nr_gfns;
	for (i = 0; i < map->nr_frames; i++)
		gfns[i] = real_gfn(list[i], &left);
	mirror->nr_gfns += map->nr_frames;
	op->u.map.dfn = real_dfn(mirror, map->dfn, map->nr_frames);
	op->u.map.gfn = (unsigned long)gfns;
}

/* A block after the other, as only within one the frames are contiguous. */
static void add_run(struct mirror *mirror, const struct xen_iommu_op *asked,
		    int status)
{
	const struct xen_iommu_op_map *map = &asked->u.map;
	u64 done = 0, left, gfn;

	do {
		struct xen_iommu_op *op;

		gfn = real_gfn(map->gfn + done, &left);
		left = min(left, map->nr_frames - done);
		/* Half of it would be done. */
		if (status && left < map->nr_frames)
			return;
		op = add(mirror, asked, status);
		op->u.map.dfn = real_dfn(mirror, map->dfn + done, left);
		op->u.map.gfn = gfn;
		op->u.map.nr_frames = left;
		done += left;
	} while (done < map->nr_frames);
}

static void add_map(struct mirror *mirror, const struct xen_iommu_op *asked,
		    int status)
{
	const struct xen_iommu_op_map *map = &asked->u.map;
	u64 i;

	if (map->flags & XEN_IOMMU_MAP_list)
		add_list(mirror, asked, status);
	else
		add_run(mirror, asked, status);

	for (i = 0; !status && i < map->nr_frames; i++)
		xa_store(&mirror->seen, map->dfn + i, xa_mk_value(1),
			 GFP_ATOMIC);
}

static void add_lookup(struct mirror *mirror, const struct xen_iommu_op *asked,
		       const struct xen_iommu_op *done, int status)
{
	struct xen_iommu_op *op = add(mirror, asked, status);
	struct answer *answer = &mirror->answers[mirror->nr - 1];
	u64 left;

	op->u.lookup.dfn = real_dfn(mirror, asked->u.lookup.dfn, 1);
	if (status)
		return;
	answer->value = real_gfn(done->u.lookup.gfn, &left);
	answer->flags = done->u.lookup.flags;
	answer->pgsize = done->u.lookup.pgsize;
}

/* An operation @asked for was @done by the model, with this status. */
void mirror_add(struct mirror *mirror, const struct xen_iommu_op *asked,
		const struct xen_iommu_op *done, int status)
{
	struct xen_iommu_op *op;

	switch (asked->op) {
	case XEN_IOMMUOP_map:
		/* Where a list is may be made up then. */
		if (asked->u.map.flags & XEN_IOMMU_MAP_list &&
		    (status == -EINVAL || status == -EOPNOTSUPP))
			break;
		if (status == -EPERM)
			add_bad_map(mirror, asked, status);
		else
			add_map(mirror, asked, status);
		break;
	case XEN_IOMMUOP_unmap:
		op = add(mirror, asked, status);
		op->u.unmap.dfn = real_dfn(mirror, asked->u.unmap.dfn,
					   asked->u.unmap.nr_frames);
		mirror->answers[mirror->nr - 1].value = done->u.unmap.nr_frames;
		break;
	case XEN_IOMMUOP_flush:
		op = add(mirror, asked, status);
		if (!(asked->u.flush.flags & XEN_IOMMU_FLUSH_all))
			op->u.flush.dfn = real_dfn(mirror, asked->u.flush.dfn,
						   asked->u.flush.nr_frames);
		break;
	case XEN_IOMMUOP_lookup:
		add_lookup(mirror, asked, done, status);
		break;
	default:
		/* What is none is refused; the rest is not for here. */
		if (asked->op > XEN_IOMMUOP_lookup)
			add(mirror, asked, status);
	}
}

/* Where a map breaks several rules the interface does not say which is told. */
static bool same_status(const struct answer *want, int status)
{
	return want->status == status ||
	       (want->op == XEN_IOMMUOP_map && want->status < 0 && status < 0);
}

static void compare_answer(struct mirror *mirror, const struct answer *want,
			   const struct xen_iommu_op *op)
{
	static const char * const names[] = {
		[XEN_IOMMUOP_map] = "status of map",
		[XEN_IOMMUOP_unmap] = "status of unmap",
		[XEN_IOMMUOP_flush] = "status of flush",
		[XEN_IOMMUOP_lookup] = "status of lookup",
	};
	const char *name = want->op < ARRAY_SIZE(names) ? names[want->op] : NULL;
	u64 dfn = op->u.map.dfn;	/* they all start with it */

	if (!same_status(want, op->status)) {
		differs(mirror, name ?: "status", dfn, want->status,
			op->status);
		return;
	}
	if (want->op == XEN_IOMMUOP_unmap &&
	    (!want->status || want->status == -ENOENT) &&
	    want->value != op->u.unmap.nr_frames)
		differs(mirror, "frames unmapped", dfn, want->value,
			op->u.unmap.nr_frames);
	if (want->op != XEN_IOMMUOP_lookup || want->status)
		return;
	if (want->value != op->u.lookup.gfn)
		differs(mirror, "gfn", dfn, want->value, op->u.lookup.gfn);
	if (want->flags != op->u.lookup.flags)
		differs(mirror, "access", dfn, want->flags,
			op->u.lookup.flags);
	/* Xen may still have a table from before where the model has none. */
	if (op->u.lookup.pgsize > want->pgsize)
		differs(mirror, "page size", dfn, want->pgsize,
			op->u.lookup.pgsize);
}

/* Have Xen do what was added. */
void mirror_submit(struct mirror *mirror)
{
	unsigned int i, n;
	int ret;

	for (i = 0; i < mirror->nr; i += n) {
		n = min(mirror->nr - i, mirror->xpi.caps.max_ops);
		ret = mirror->xpi.backend->submit(&mirror->ops[i], n);
		if (ret)
			differs(mirror, "hypercall", mirror->ops[i].u.map.dfn,
				0, ret);
	}
	for (i = 0; i < mirror->nr; i++)
		compare_answer(mirror, &mirror->answers[i], &mirror->ops[i]);
	total += mirror->nr;
	mirror->nr = 0;
	mirror->nr_gfns = 0;
}

/*
 * Is a frame mapped alike?  Xen is asked with what the model is told next, or in
 * the end: a hypercall for each would take minutes.
 */
void mirror_look(struct mirror *mirror, u64 dfn)
{
	struct xen_iommu_op asked = {
		.op = XEN_IOMMUOP_lookup, .u.lookup.dfn = dfn,
	}, done = asked;
	struct model *m = mirror->model;
	int status;

	/* No operation is under way that would have said which space it is. */
	m->s = model_looked(m);
	status = model_lookup(m, &done.u.lookup);
	mirror_add(mirror, &asked, &done, status);
}

/* Are all frames mapped alike that ever were? */
void mirror_expect_same(struct kunit *test, struct mirror *mirror)
{
	unsigned long dfn, flags;
	void *entry;

	spin_lock_irqsave(&mirror->model->lock, flags);
	xa_for_each(&mirror->seen, dfn, entry)
		mirror_look(mirror, dfn);
	mirror_submit(mirror);
	spin_unlock_irqrestore(&mirror->model->lock, flags);
	KUNIT_EXPECT_EQ_MSG(test, 0U, mirror->differs, "%s", mirror->first);
}

static void destroy(void *data)
{
	struct mirror *mirror = data;

	mirror->model->mirror = NULL;
	xpi_give_back(&mirror->xpi);
	xa_destroy(&mirror->seen);
	kvfree(mirror->ops);
	kvfree(mirror->answers);
	kvfree(mirror->gfns);
}

/* Frames of dom0, and of a device's registers; once for all tests. */
static void find_frames(struct kunit *test)
{
	struct pci_dev *pdev;
	unsigned int i;

	if (mmio_gfn)
		return;

	pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no edu device");
	for (i = 0; i < NR_BLOCKS; i++) {
		struct page *pages = alloc_pages(GFP_KERNEL, BLOCK_ORDER);
		dma_addr_t addr;

		KUNIT_ASSERT_NOT_NULL(test, pages);
		KUNIT_ASSERT_EQ(test, 0,
				xen_create_contiguous_region(page_to_phys(pages),
							     BLOCK_ORDER, 64,
							     &addr));
		block_gfn[i] = pfn_to_gfn(page_to_pfn(pages));
		KUNIT_ASSERT_EQ(test, 0ULL, block_gfn[i] % BLOCK_FRAMES);
	}
	mmio_gfn = PHYS_PFN(pci_resource_start(pdev, 0));
	pci_dev_put(pdev);
}

/**
 * mirror_create() - take over, where that is possible
 * @test: it goes with this test
 * @m: the model beside it
 *
 * Return: the hypervisor, or NULL where there is none.
 */
struct mirror *mirror_create(struct kunit *test, struct model *m)
{
	struct mirror *mirror = kunit_kzalloc(test, sizeof(*mirror), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mirror);
	mirror->model = m;
	mirror->xpi.backend = &xpi_buffers_backend;
	if (mirror_why_not(&mirror->xpi))
		return NULL;

	find_frames(test);
	xa_init(&mirror->seen);
	mirror->ops = kvcalloc(MAX_OPS, sizeof(*mirror->ops), GFP_KERNEL);
	mirror->answers = kvcalloc(MAX_OPS, sizeof(*mirror->answers),
				   GFP_KERNEL);
	mirror->gfns = kvcalloc(MAX_GFNS, sizeof(*mirror->gfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mirror->ops);
	KUNIT_ASSERT_NOT_NULL(test, mirror->answers);
	KUNIT_ASSERT_NOT_NULL(test, mirror->gfns);
	KUNIT_ASSERT_EQ(test, 0, xpi_takeover(&mirror->xpi));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy,
							   mirror));
	m->caps.max_dfn = mirror->xpi.caps.max_dfn;
	m->mirror = mirror;
	return mirror;
}
