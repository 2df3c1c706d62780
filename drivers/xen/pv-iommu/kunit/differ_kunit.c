// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model against Xen: one random stream of operations to both, right ones and
 * wrong ones.  Each status, each count and each lookup is compared, and now and
 * then all of the tables.  The driver has no part in it.
 */

#include <linux/prandom.h>

#include "fixture.h"
#include "mirror.h"

#define CALLS		1000
#define MAX_OPS		32
#define FRAMES		4096

struct stream {
	struct kunit *test;
	struct model *m;
	struct rnd_state rnd;
	struct xen_iommu_op ops[MAX_OPS];
	unsigned int good[XEN_IOMMUOP_lookup + 1];
	unsigned int bad[XEN_IOMMUOP_lookup + 1];
};

static u32 random(struct stream *s, u32 below)
{
	return prandom_u32_state(&s->rnd) % below;
}

/* Mostly few frames, at times whole large pages. */
static u64 some_frames(struct stream *s)
{
	switch (random(s, 8)) {
	case 0:
		return 1 + random(s, 1500);
	case 1:
		return MODEL_LARGE;
	case 2:
		return 1;
	default:
		return 1 + random(s, 16);
	}
}

static u64 some_dfn(struct stream *s)
{
	u64 dfn = random(s, FRAMES);

	if (random(s, 3) == 0)
		dfn = round_down(dfn, MODEL_LARGE);
	/* Around the highest there is, on both sides of it. */
	if (random(s, 50) == 0)
		return s->m->caps.max_dfn - 20 + random(s, 40);
	/* And where sums wrap. */
	return random(s, 100) ? dfn : ~0ULL - random(s, 20);
}

/* Dom0's own, now and then what is nobody's. */
static u64 some_gfn(struct stream *s)
{
	u64 gfn = fixture_contiguous(random(s, 2048));

	if (random(s, 3) == 0)
		gfn = round_down(gfn, MODEL_LARGE);
	return random(s, 20) ? gfn : 0x80000 + random(s, 100);
}

static void make_map(struct stream *s, struct xen_iommu_op *op)
{
	op->op = XEN_IOMMUOP_map;
	op->u.map = (struct xen_iommu_op_map) {
		.dfn = some_dfn(s), .gfn = some_gfn(s),
		.nr_frames = random(s, 50) ? some_frames(s) : 0,
		.flags = random(s, 20) ? 1 + random(s, 3) : random(s, 32) & ~4,
		.domid = random(s, 50) == 0,
	};
}

static void make_unmap(struct stream *s, struct xen_iommu_op *op)
{
	op->op = XEN_IOMMUOP_unmap;
	op->u.unmap = (struct xen_iommu_op_unmap) {
		.dfn = some_dfn(s),
		.nr_frames = random(s, 50) ? some_frames(s) : 0,
		.flags = random(s, 30) ? random(s, 4) : random(s, 8),
		.pad = random(s, 50) == 0,
	};
}

static void make_flush(struct stream *s, struct xen_iommu_op *op)
{
	op->op = XEN_IOMMUOP_flush;
	if (random(s, 2))
		op->u.flush.flags = XEN_IOMMU_FLUSH_all;
	else
		op->u.flush = (struct xen_iommu_op_flush) {
			.dfn = some_dfn(s), .nr_frames = some_frames(s),
			.flags = random(s, 4) == 0, .pad = random(s, 8) == 0,
		};
}

static void make_op(struct stream *s, struct xen_iommu_op *op)
{
	*op = (struct xen_iommu_op) { .status = XPI_STATUS_UNREACHED };
	switch (random(s, 16)) {
	case 0 ... 6:
		make_map(s, op);
		break;
	case 7 ... 11:
		make_unmap(s, op);
		break;
	case 12:
		make_flush(s, op);
		break;
	case 13:
		op->op = 100 + random(s, 100);
		break;
	default:
		op->op = XEN_IOMMUOP_lookup;
		op->u.lookup.dfn = some_dfn(s);
	}
}

static void one_call(struct stream *s)
{
	unsigned int i, nr = 1 + random(s, MAX_OPS);

	for (i = 0; i < nr; i++)
		make_op(s, &s->ops[i]);
	KUNIT_ASSERT_EQ(s->test, 0, model_backend.submit(s->ops, nr));
	for (i = 0; i < nr; i++) {
		if (s->ops[i].op >= ARRAY_SIZE(s->good))
			KUNIT_EXPECT_EQ(s->test, -EOPNOTSUPP, s->ops[i].status);
		else if (s->ops[i].status)
			s->bad[s->ops[i].op]++;
		else
			s->good[s->ops[i].op]++;
	}
}

static void one_stream_has_one_outcome(struct kunit *test)
{
	struct stream *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct model *m = fixture_model(test);
	unsigned int call;

	if (!m->mirror)
		kunit_skip(test, "there is no Xen to compare with");

	KUNIT_ASSERT_NOT_NULL(test, s);
	((struct fixture *)test->priv)->contiguous = true;
	s->test = test;
	s->m = m;
	prandom_seed_state(&s->rnd, fixture_seed(test));
	for (call = 0; call < CALLS; call++) {
		one_call(s);
		if (call % 100 == 0)
			mirror_expect_same(test, m->mirror);
	}

	kunit_info(test, "done/refused: map %u/%u, unmap %u/%u, flush %u/%u, lookup %u/%u",
		   s->good[XEN_IOMMUOP_map], s->bad[XEN_IOMMUOP_map],
		   s->good[XEN_IOMMUOP_unmap], s->bad[XEN_IOMMUOP_unmap],
		   s->good[XEN_IOMMUOP_flush], s->bad[XEN_IOMMUOP_flush],
		   s->good[XEN_IOMMUOP_lookup], s->bad[XEN_IOMMUOP_lookup]);
	/* So that it is about something. */
	KUNIT_EXPECT_GT(test, s->good[XEN_IOMMUOP_map], CALLS / 4);
	KUNIT_EXPECT_GT(test, s->bad[XEN_IOMMUOP_map], CALLS / 4);
	KUNIT_EXPECT_GT(test, s->good[XEN_IOMMUOP_unmap], CALLS / 4);
	KUNIT_EXPECT_GT(test, s->good[XEN_IOMMUOP_lookup], CALLS / 4);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(one_stream_has_one_outcome),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-differ",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
