// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same work again and again, with each error of each operation in each
 * place that it can come to.  Whatever it is: nothing stale is used, what is
 * said to be mapped is mapped, and in the end nothing is left.
 */

#include "fixture.h"

/* Three runs of frames, and where they come from, at first and later. */
#define RUNS		3
#define FRAMES		8
#define DFN(run)	(0x100ULL * ((run) + 1))
#define PFN(run)	(0x1000UL * ((run) + 1))
#define PFN_AGAIN	0x800UL

/* What can go wrong in which operation, and how. */
struct error {
	u16 op;
	enum model_fault_kind kind;
	int err;
};

#define STATUS(kind, err)	{ XEN_IOMMUOP_##kind, MODEL_STATUS, err }
#define LIE(kind, err)		{ XEN_IOMMUOP_##kind, MODEL_LIE, err }

static const struct error errors[] = {
	STATUS(map, -EINVAL), STATUS(map, -EPERM), STATUS(map, -EEXIST),
	STATUS(map, -ENOENT), STATUS(map, -ENOMEM), STATUS(map, -EOPNOTSUPP),
	STATUS(map, -EIO), STATUS(map, -EAGAIN), STATUS(map, -EBUSY),
	STATUS(map, 1), LIE(map, 1), LIE(map, -EIO), LIE(map, -EEXIST),

	/* With -ENOENT nothing is mapped there, whatever was before. */
	STATUS(unmap, -EINVAL), STATUS(unmap, -EPERM), STATUS(unmap, -EEXIST),
	LIE(unmap, -ENOENT), STATUS(unmap, -ENOMEM), STATUS(unmap, -EOPNOTSUPP),
	STATUS(unmap, -EIO), STATUS(unmap, -EAGAIN), STATUS(unmap, -EBUSY),
	STATUS(unmap, 1), LIE(unmap, 1), LIE(unmap, -EAGAIN),
	{ XEN_IOMMUOP_unmap, MODEL_PARTLY, -EIO },

	STATUS(flush, -EINVAL), STATUS(flush, -EPERM), STATUS(flush, -EEXIST),
	STATUS(flush, -ENOENT), STATUS(flush, -ENOMEM),
	STATUS(flush, -EOPNOTSUPP), STATUS(flush, -EIO), STATUS(flush, -EAGAIN),
	STATUS(flush, -EBUSY), STATUS(flush, 1),

	/* Of any operation, and of calls. */
	{ 0, MODEL_MUTE, 0 }, { 0, MODEL_STOP, -EFAULT },
	{ 0, MODEL_STOP, -EAGAIN }, { 0, MODEL_STOP, 0 },
	{ 0, MODEL_CALL, -EFAULT }, { 0, MODEL_CALL, -EAGAIN },
	{ 0, MODEL_CALL, -EPERM }, { 0, MODEL_NO_FLUSH, -EIO },
};

static void error_name(const struct error *e, char *name)
{
	static const char * const kinds[] = {
		[MODEL_STATUS] = "not done", [MODEL_LIE] = "done",
		[MODEL_MUTE] = "mute", [MODEL_STOP] = "stop",
		[MODEL_CALL] = "call", [MODEL_NO_FLUSH] = "not flushed",
		[MODEL_PARTLY] = "partly done",
	};
	const char *op = e->op == XEN_IOMMUOP_map ? "map" :
			 e->op == XEN_IOMMUOP_unmap ? "unmap" :
			 e->op == XEN_IOMMUOP_flush ? "flush" : "any";

	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%s: %d, %s", op, e->err,
		 kinds[e->kind]);
}

KUNIT_ARRAY_PARAM(error, errors, error_name);

/**
 * struct sweep - the work, with one fault
 * @test: the test
 * @m: the hypervisor
 * @d: the domain
 * @pfn: what each run is mapped to; 0: it is not mapped
 * @where: the fault, in words
 */
struct sweep {
	struct kunit *test;
	struct model *m;
	struct xpi_domain d;
	unsigned long pfn[RUNS];
	char where[32];
};

/*
 * At a frame that is not mapped nothing is reached, unless the hypervisor refused
 * to unmap or to flush it.  No other is kept out of use.
 */
static bool free_is_right(struct sweep *s, u64 dfn)
{
	u64 entry = xpi_shadow_get(&s->d.shadow, dfn);

	if (entry & XPI_SHADOW_QUARANTINED && !model_doubted(s->m, dfn))
		return false;
	return model_access(s->m, dfn) == MODEL_NOTHING ||
	       model_excused(s->m, dfn);
}

static bool mapped_is_right(struct sweep *s, u64 dfn, unsigned long pfn)
{
	u64 want = fixture_contiguous(pfn);

	return model_access(s->m, dfn) == want && model_refs(s->m, want) == 1;
}

/* What the driver says is so is so. */
static void check(struct sweep *s)
{
	unsigned int run, i, wrong = 0;

	for (run = 0; run < RUNS; run++) {
		for (i = 0; i < FRAMES; i++) {
			u64 dfn = DFN(run) + i;
			unsigned long pfn = s->pfn[run];

			wrong += pfn ? !mapped_is_right(s, dfn, pfn + i) :
				       !free_is_right(s, dfn);
		}
	}
	wrong += s->d.batch.flush_failed && !model_owes_flush(s->m);
	KUNIT_EXPECT_EQ_MSG(s->test, 0U, wrong, "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(s->test, 0U, s->m->stale, "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(s->test, 0U, s->m->not_preset, "%s", s->where);
}

/* What the core does with a range that could not be mapped. */
static void undo(struct sweep *s, unsigned int run, unsigned long nr)
{
	KUNIT_EXPECT_EQ_MSG(s->test, nr,
			    xpi_domain_unmap(&s->d, DFN(run), nr, false),
			    "%s", s->where);
	xpi_domain_sync(&s->d);
}

/* Map some of the runs, and then have it done. */
static void map(struct sweep *s, unsigned int nr, unsigned long more)
{
	unsigned long mapped[RUNS];
	int ret[RUNS];
	unsigned int run;

	for (run = 0; run < nr; run++)
		ret[run] = xpi_domain_map(&s->d, DFN(run), PFN(run) + more,
					  FRAMES, FIXTURE_RW, GFP_KERNEL,
					  &mapped[run]);
	for (run = 0; run < nr; run++) {
		ret[run] = ret[run] ?: xpi_domain_sync_map(&s->d, DFN(run),
							   FRAMES);
		if (ret[run])
			undo(s, run, mapped[run]);
		else
			s->pfn[run] = PFN(run) + more;
	}
	check(s);
}

static void unmap(struct sweep *s, unsigned int run, bool lazy)
{
	if (s->pfn[run])
		KUNIT_EXPECT_EQ_MSG(s->test, (unsigned long)FRAMES,
				    xpi_domain_unmap(&s->d, DFN(run), FRAMES,
						     lazy),
				    "%s", s->where);
	if (lazy)
		xpi_domain_flush_all(&s->d);
	else
		xpi_domain_sync(&s->d);
	s->pfn[run] = 0;
	check(s);
}

static void work(struct sweep *s)
{
	map(s, RUNS, 0);
	unmap(s, 0, true);
	unmap(s, 1, false);
	map(s, 2, PFN_AGAIN);
}

/* No frame stays in quarantine, nor is one reached that is not mapped. */
static void use_all_again(struct sweep *s)
{
	unsigned int run, i;

	for (run = 0; run < RUNS; run++) {
		if (s->pfn[run])
			continue;
		KUNIT_EXPECT_EQ_MSG(s->test, 0,
				    fixture_map(&s->d, DFN(run), PFN(run),
						FRAMES), "%s", s->where);
		undo(s, run, FRAMES);
		for (i = 0; i < FRAMES; i++)
			KUNIT_EXPECT_EQ_MSG(s->test, MODEL_NOTHING,
					    model_access(s->m, DFN(run) + i),
					    "%s", s->where);
	}
	KUNIT_EXPECT_FALSE_MSG(s->test, s->d.batch.flush_failed, "%s",
			       s->where);
}

/* Nothing fails any more: it can go on, and nothing is lost. */
static void end(struct sweep *s)
{
	struct kunit *test = s->test;

	model_heal(s->m);
	KUNIT_EXPECT_TRUE_MSG(test, xpi_batch_make_usable(&s->d.batch), "%s",
			      s->where);
	xpi_domain_flush_all(&s->d);
	check(s);
	KUNIT_EXPECT_EQ_MSG(test, 0UL, model_nr_stale(s->m), "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(test, model_nr_mapped(s->m), model_nr_refs(s->m),
			    "%s", s->where);
	use_all_again(s);

	KUNIT_EXPECT_EQ_MSG(test, 0, xpi_domain_destroy(&s->d), "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(test, 0UL, model_nr_mapped(s->m), "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(test, 0UL, model_nr_stale(s->m), "%s", s->where);
	KUNIT_EXPECT_EQ_MSG(test, 0UL, model_nr_refs(s->m), "%s", s->where);
}

/* Returns false when all the work was done before the fault could come. */
static bool one(struct kunit *test, const struct error *e, unsigned int n,
		unsigned int times)
{
	struct sweep *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	bool fired;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	s->m = fixture_model(test);
	snprintf(s->where, sizeof(s->where), "n %u, %s", n,
		 times == 1 ? "once" : "always");
	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(&s->d, &model_backend,
						 &s->m->caps));
	model_count(s->m);
	model_fail(s->m, (struct model_fault) {
		.kind = e->kind, .op = e->op, .after = n, .times = times,
		.err = e->err,
	});
	work(s);
	fired = s->m->fired;
	end(s);
	kunit_kfree(test, s);
	return fired;
}

static void sweep(struct kunit *test, unsigned int times)
{
	const struct error *e = test->param_value;
	struct fixture *f = test->priv;
	unsigned int n = 0;

	f->contiguous = true;
	while (one(test, e, n, times) && n < 100)
		n++;
	KUNIT_EXPECT_GT(test, n, 0U);
	KUNIT_EXPECT_LT(test, n, 100U);
}

static void each_error_may_come_once(struct kunit *test)
{
	sweep(test, 1);
}

static void each_error_may_come_and_stay(struct kunit *test)
{
	sweep(test, MODEL_ALWAYS);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(each_error_may_come_once, error_gen_params),
	KUNIT_CASE_PARAM(each_error_may_come_and_stay, error_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-sweep",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
