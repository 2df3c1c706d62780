// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random work on a domain, against a reference: one array that says what each
 * frame should be.  It follows the IOMMU core's rules about when an address may
 * be used again, and checks that nothing reaches it then.
 */

#include <linux/prandom.h>

#include <asm/xen/page.h>

#include "../gfn.h"
#include "fixture.h"

/* Single frames and short runs, or runs that fill tables of the shadow. */
#define SHORT_FRAMES	256
#define SHORT_STEPS	3000
#define LONG_FRAMES	(4 * XPI_SHADOW_ENTRIES)
#define LONG_STEPS	1000
/* Tables never become runs again, so there is a new domain now and then. */
#define LONG_LIFE	10

enum use {
	FREE,		/* may be used: nothing may be reached there */
	MAPPED,		/* this page, and no other, is reached there */
	LAZY,		/* unmapped, and not to be used before a flush */
};

struct reference {
	enum use use[LONG_FRAMES];
	unsigned long pfn[LONG_FRAMES];
};

struct run {
	struct kunit *test;
	struct model *m;
	struct xpi_domain *d;
	struct reference ref;
	struct rnd_state rnd;
	bool faults;
	bool runs;
	u32 frames;
	unsigned int step;
	unsigned int done[8];
	unsigned int refused;
	unsigned long checked;
	unsigned long excused;
	unsigned int recovered;
	unsigned int seen_runs;
	unsigned int seen_splits;
	unsigned int seen_granted;
};

static u32 random(struct run *r, u32 below)
{
	return prandom_u32_state(&r->rnd) % below;
}

static bool quarantined(struct run *r, u64 dfn)
{
	return xpi_shadow_get(&r->d->shadow, dfn) & XPI_SHADOW_QUARANTINED;
}

/*
 * Nothing is reached, unless the hypervisor refused that.  Then the driver has
 * to know, and it may not keep other frames out of use.
 */
static void check_free(struct run *r, u64 dfn, u64 reached)
{
	if (quarantined(r, dfn))
		KUNIT_ASSERT_TRUE_MSG(r->test, model_doubted(r->m, dfn),
				      "quarantine: dfn %llu, step %u", dfn,
				      r->step);
	r->checked++;
	if (reached == MODEL_NOTHING)
		return;

	r->excused++;
	KUNIT_ASSERT_TRUE_MSG(r->test, model_excused(r->m, dfn),
			      "reached: dfn %llu, step %u", dfn, r->step);
	KUNIT_ASSERT_TRUE_MSG(r->test, quarantined(r, dfn) ||
			      r->d->batch.flush_failed,
			      "not known: dfn %llu, step %u", dfn, r->step);
}

static u64 gfn_of(unsigned long pfn)
{
	struct xen_page_foreign grant;

	return xpi_gfn_foreign(pfn, &grant) ? MODEL_GRANT_GFN + grant.gref :
					      fixture_p2m_entry(pfn);
}

static void check_frame(struct run *r, u64 dfn)
{
	u64 reached = model_access(r->m, dfn);

	if (r->ref.use[dfn] == FREE)
		check_free(r, dfn, reached);
	if (r->ref.use[dfn] != MAPPED)
		return;
	KUNIT_ASSERT_EQ_MSG(r->test, gfn_of(r->ref.pfn[dfn]), reached,
			    "dfn %llu, step %u", dfn, r->step);
}

/* After a lazy unmapping: of what a guest granted nothing waits for a flush. */
static void check_granted(struct run *r, u64 dfn, unsigned long n)
{
	struct xen_page_foreign grant;

	for (; n--; dfn++)
		if (xpi_gfn_foreign(r->ref.pfn[dfn], &grant)) {
			check_free(r, dfn, model_access(r->m, dfn));
			r->seen_granted++;
		}
}

/* On Xen each frame that is looked at is looked at there, too. */
static void check_all(struct run *r)
{
	unsigned long mapped = 0;
	u64 dfn;

	for (dfn = 0; dfn < r->frames; dfn++) {
		check_frame(r, dfn);
		mapped += r->ref.use[dfn] == MAPPED;
	}
	KUNIT_ASSERT_EQ(r->test, mapped, r->d->nr_mapped);
	if (r->d->batch.flush_failed)
		KUNIT_ASSERT_TRUE(r->test, model_owes_flush(r->m));
	KUNIT_ASSERT_EQ(r->test, 0U, r->m->stale);
	KUNIT_ASSERT_EQ(r->test, 0U, r->m->not_preset);
}

/* A random range whose frames are all in one use; its length. */
static unsigned long find(struct run *r, enum use want, u64 *dfn)
{
	unsigned long n, max = 1 + random(r, r->runs ? 1500 : 24);

	*dfn = random(r, r->frames);
	/* A long one often is of whole tables. */
	if (r->runs && random(r, 3))
		*dfn = round_down(*dfn, XPI_SHADOW_ENTRIES);
	if (r->runs && random(r, 3))
		max = round_up(max, XPI_SHADOW_ENTRIES);
	for (n = 0; n < max && *dfn + n < r->frames; n++)
		if (r->ref.use[*dfn + n] != want)
			break;
	return n;
}

static void set(struct run *r, u64 dfn, unsigned long n, enum use want)
{
	while (n--)
		r->ref.use[dfn++] = want;
}

static bool is_run(struct run *r, u64 dfn)
{
	u64 *slot = xpi_shadow_run(&r->d->shadow, dfn);

	return slot && xpi_shadow_is_run(*slot);
}

static unsigned long unmap(struct run *r, u64 dfn, unsigned long n, bool lazy)
{
	bool was_run = is_run(r, dfn);
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	unsigned long done = xpi_domain_unmap(r->d, dfn, n, lazy);

	r->seen_runs += was_run;
	/* An unmapping adds a table for nothing else. */
	if (xpi_counted(XPI_SHADOW_TABLES) > tables)
		r->seen_splits++;
	return done;
}

/* What the core does with a range that could not be mapped. */
static void undo(struct run *r, u64 dfn, unsigned long n)
{
	KUNIT_ASSERT_EQ(r->test, n, xpi_domain_unmap(r->d, dfn, n, false));
	xpi_domain_sync(r->d);
	r->refused++;
}

static void do_map(struct run *r)
{
	static const struct {
		u64 access;
		u64 flags;
	} ways[] = {
		{ XPI_SHADOW_READ, XEN_IOMMU_MAP_readable },
		{ XPI_SHADOW_WRITE, XEN_IOMMU_MAP_writable },
		{ FIXTURE_RW, XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable },
	};
	unsigned long i, mapped, pfn = random(r, 1000), n;
	unsigned int way = random(r, ARRAY_SIZE(ways));
	int ret;
	u64 dfn;

	n = find(r, FREE, &dfn);
	if (!n)
		return;
	ret = xpi_domain_map(r->d, dfn, pfn, n, ways[way].access, GFP_KERNEL,
			     &mapped);
	/* Other work may come in between. */
	if (!ret && random(r, 4) == 0)
		xpi_domain_flush_all(r->d);
	ret = ret ?: xpi_domain_sync_map(r->d, dfn, n);
	if (ret) {
		KUNIT_ASSERT_TRUE(r->test, r->faults);
		undo(r, dfn, mapped);
		return;
	}
	KUNIT_ASSERT_EQ(r->test, n, mapped);
	for (i = 0; i < n; i++)
		r->ref.pfn[dfn + i] = pfn + i;
	set(r, dfn, n, MAPPED);
	for (i = 0; i < n; i++)
		check_frame(r, dfn + i);
	KUNIT_ASSERT_EQ(r->test, ways[way].flags, model_flags(r->m, dfn));
}

static void do_unmap_strict(struct run *r)
{
	unsigned long i, n;
	u64 dfn;

	n = find(r, MAPPED, &dfn);
	if (!n)
		return;
	KUNIT_ASSERT_EQ(r->test, n, unmap(r, dfn, n, false));
	xpi_domain_sync(r->d);
	set(r, dfn, n, FREE);
	for (i = 0; i < n; i++)
		check_frame(r, dfn + i);
}

static void do_unmap_lazy(struct run *r)
{
	unsigned long n;
	u64 dfn;

	n = find(r, MAPPED, &dfn);
	if (!n)
		return;
	KUNIT_ASSERT_EQ(r->test, n, unmap(r, dfn, n, true));
	set(r, dfn, n, LAZY);
	check_granted(r, dfn, n);
}

static void do_flush(struct run *r)
{
	u64 dfn;

	xpi_domain_flush_all(r->d);
	for (dfn = 0; dfn < r->frames; dfn++)
		if (r->ref.use[dfn] == LAZY)
			r->ref.use[dfn] = FREE;
	check_all(r);
}

/* Map, and take it back before anybody has asked for it to be done. */
static void do_map_and_undo(struct run *r)
{
	unsigned long mapped, n;
	u64 dfn;

	n = find(r, FREE, &dfn);
	if (!n)
		return;
	xpi_domain_map(r->d, dfn, random(r, 1000), n, FIXTURE_RW, GFP_KERNEL,
		       &mapped);
	KUNIT_ASSERT_EQ(r->test, mapped, xpi_domain_unmap(r->d, dfn, mapped,
							  true));
	set(r, dfn, n, LAZY);
}

static void do_look(struct run *r)
{
	check_frame(r, random(r, r->frames));
}

static void do_fault(struct run *r)
{
	static const int errors[] = {
		-EAGAIN, -EBUSY, -EINTR, -ENOMEM, -EINVAL, -EPERM, -EIO,
		-EFAULT, 5,
	};
	static const u16 ops[] = {
		0, XEN_IOMMUOP_map, XEN_IOMMUOP_unmap, XEN_IOMMUOP_flush,
	};
	struct model_fault f = {
		.kind = random(r, MODEL_NR_KINDS),
		.after = random(r, 6),
		.times = 1 + random(r, 3),
		.op = ops[random(r, ARRAY_SIZE(ops))],
		.err = errors[random(r, ARRAY_SIZE(errors))],
	};

	if (!r->faults)
		return;
	if (random(r, 3) == 0) {
		model_heal(r->m);
		return;
	}
	if (f.kind == MODEL_CALL || f.kind == MODEL_NO_FLUSH)
		f.op = 0;
	if (f.kind == MODEL_NO_FLUSH)
		f.err = -EIO;
	model_heal(r->m);
	model_fail(r->m, f);
}

/* Nothing fails any more: each frame that is free can be used again. */
static void recover(struct run *r)
{
	unsigned long n;
	u64 dfn;

	model_heal(r->m);
	for (dfn = 0; dfn < r->frames; dfn += max(n, 1UL)) {
		for (n = 0; dfn + n < r->frames; n++)
			if (r->ref.use[dfn + n] != FREE)
				break;
		if (!n)
			continue;
		KUNIT_ASSERT_EQ_MSG(r->test, 0,
				    fixture_map(r->d, dfn, dfn, n),
				    "dfn %llu, step %u", dfn, r->step);
		fixture_unmap_strict(r->test, r->d, dfn, n);
	}
	for (dfn = 0; dfn < r->frames; dfn++)
		KUNIT_ASSERT_FALSE(r->test, r->ref.use[dfn] == FREE &&
				   (quarantined(r, dfn) ||
				    model_access(r->m, dfn) != MODEL_NOTHING));
	KUNIT_ASSERT_FALSE(r->test, r->d->batch.flush_failed);
	r->recovered++;
}

/* The end of a domain, whatever is mapped and queued, and a new one. */
static void renew(struct run *r)
{
	struct xpi_caps *caps = &r->m->caps;

	model_heal(r->m);
	KUNIT_ASSERT_EQ(r->test, 0, xpi_domain_destroy(r->d));
	KUNIT_ASSERT_EQ(r->test, 0UL, model_nr_mapped(r->m));
	KUNIT_ASSERT_EQ(r->test, 0UL, model_nr_stale(r->m));
	KUNIT_ASSERT_EQ(r->test, 0UL, model_nr_refs(r->m));
	memset(r->d, 0, sizeof(*r->d));
	KUNIT_ASSERT_EQ(r->test, 0, xpi_domain_init(r->d, &model_backend, caps));
	set(r, 0, r->frames, FREE);
	check_all(r);
}

static void do_renew(struct run *r)
{
	if (!random(r, 32))
		renew(r);
}

static void run(struct kunit *test, bool runs, bool faults)
{
	static void (*const work[])(struct run *r) = {
		do_map, do_map, do_unmap_strict, do_unmap_lazy, do_flush,
		do_map_and_undo, do_look, do_renew,
	};
	struct run *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->test = test;
	r->m = fixture_model(test);
	((struct fixture *)test->priv)->contiguous = runs;
	r->d = fixture_domain(test);
	r->faults = faults;
	r->runs = runs;
	r->frames = runs ? LONG_FRAMES : SHORT_FRAMES;
	/* Runs of up to 64 frames, and scattered ones. */
	if (!runs) {
		fixture_p2m(test, 64, 64, 0x50000, false);
		fixture_p2m(test, 400, 300, 0x60000, false);
	}
	prandom_seed_state(&r->rnd, fixture_seed(test));

	for (r->step = 0; r->step < (runs ? LONG_STEPS : SHORT_STEPS);
	     r->step++) {
		unsigned int what = random(r, ARRAY_SIZE(work));

		if (faults && random(r, 64) == 0)
			recover(r);
		if (runs && r->step % LONG_LIFE == 0)
			renew(r);
		/* A run is but one operation that can fail. */
		if (random(r, runs ? 2 : 8) == 0)
			do_fault(r);
		work[what](r);
		r->done[what]++;
	}

	model_heal(r->m);
	do_flush(r);
	recover(r);
	check_all(r);
	kunit_info(test, "%u mappings refused, %lu frames mapped", r->refused,
		   model_nr_mapped(r->m));
	kunit_info(test, "%lu free frames checked, %lu excused, %u times all used again",
		   r->checked, r->excused, r->recovered);
	KUNIT_EXPECT_LE(test, r->excused, faults ? r->checked / 16 : 0);

	/* In the end nothing is left, not even in quarantine. */
	renew(r);
	/* Chance decides how many; none in so many steps would be no chance. */
	if (faults)
		KUNIT_EXPECT_GT(test, r->m->fired, 0U);
	if (faults && !runs)
		KUNIT_EXPECT_GT(test, r->refused, 0U);
	if (((struct fixture *)test->priv)->nr_granted)
		KUNIT_EXPECT_GT(test, r->seen_granted, 10U);
	if (!runs)
		return;
	kunit_info(test, "%u runs unmapped, %u split", r->seen_runs,
		   r->seen_splits);
	KUNIT_EXPECT_GT(test, r->seen_runs, 10U);
	KUNIT_EXPECT_GT(test, r->seen_splits, 2U);
}

static const struct kind {
	const char *name;
	u32 with;
	u32 without;
	bool granted;
} kinds[] = {
	{ "as it is" },
	/* A new mapping is seen behind a flush, which the call for it has to do. */
	{ "caching mode", .with = XEN_IOMMU_CAP_caching_mode },
	{ "no deferred flushes", .without = XEN_IOMMU_CAP_deferred_flush },
	{ "granted pages", .granted = true },
	{ "lists", .with = XEN_IOMMU_CAP_list },
};

KUNIT_ARRAY_PARAM_DESC(kind, kinds, name);

static void run_on(struct kunit *test, bool faults)
{
	const struct kind *kind = test->param_value;
	struct model *m = fixture_model(test);

	if (kind->granted && m->mirror)
		kunit_skip(test, "there is no domain that grants");
	m->caps.flags |= kind->with;
	m->caps.flags &= ~kind->without;
	if (kind->granted)
		fixture_grants(test, 200, 64);
	run(test, false, faults);
}

static void random_work_agrees_with_the_reference(struct kunit *test)
{
	run_on(test, false);
}

static void random_faults_make_nothing_unsafe(struct kunit *test)
{
	run_on(test, true);
}

static void random_runs_agree_with_the_reference(struct kunit *test)
{
	run(test, true, false);
}

static void random_faults_of_runs_make_nothing_unsafe(struct kunit *test)
{
	run(test, true, true);
}

#define SLOW	{ .speed = KUNIT_SPEED_SLOW }

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM_ATTR(random_work_agrees_with_the_reference,
			      kind_gen_params, SLOW),
	KUNIT_CASE_PARAM_ATTR(random_faults_make_nothing_unsafe,
			      kind_gen_params, SLOW),
	KUNIT_CASE_SLOW(random_runs_agree_with_the_reference),
	KUNIT_CASE_SLOW(random_faults_of_runs_make_nothing_unsafe),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-property",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
