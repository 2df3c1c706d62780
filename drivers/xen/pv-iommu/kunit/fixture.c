// SPDX-License-Identifier: GPL-2.0-only
/* What the suites share. */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <kunit/static_stub.h>

#include <asm/xen/page.h>

#include "../gfn.h"
#include "fixture.h"
#include "mirror.h"

/* Fixed with xen_pv_iommu_kunit_seed=, to see a failure again. */
static unsigned long seed;
core_param(xen_pv_iommu_kunit_seed, seed, ulong, 0444);

static unsigned long p2m_entry(const struct fixture *f, unsigned long pfn)
{
	unsigned int i = f->nr_rules;

	while (i--) {
		const struct fixture_p2m_rule *r = &f->rules[i];

		if (pfn - r->pfn < r->nr)
			return r->entry + (r->same ? 0 : pfn - r->pfn);
	}
	if (pfn >= FIXTURE_PFNS)
		return INVALID_P2M_ENTRY;
	return f->contiguous ? fixture_contiguous(pfn) : fixture_scattered(pfn);
}

unsigned long fixture_p2m_entry(unsigned long pfn)
{
	return p2m_entry(kunit_get_current_test()->priv, pfn);
}

/* A frame is dom0's if it is behind one of its PFNs now. */
static bool owns(struct model *m, u64 gfn)
{
	const struct fixture *f = m->owner;
	u64 offset = gfn - FIXTURE_GFN_OFFSET;
	unsigned int i;

	if (gfn >= FIXTURE_RAW_GFN && gfn < FIXTURE_RAW_END_GFN)
		return true;

	for (i = 0; i < f->nr_rules; i++) {
		const struct fixture_p2m_rule *r = &f->rules[i];
		u64 n = gfn - r->entry;

		if (n < (r->same ? 1 : r->nr) && p2m_entry(f, r->pfn + n) == gfn)
			return true;
	}
	return p2m_entry(f, f->contiguous ? offset : (offset / 2) ^ 1) == gfn;
}

/* The array has most of it, so that runs go in and out of it. */
unsigned long fixture_p2m_run(unsigned long pfn, unsigned long nr,
			      unsigned long entry)
{
	unsigned long i;

	for (i = 0; i < nr && (pfn + i) % 23; i++)
		if (xpi_p2m_entry(pfn + i) != entry + i)
			break;
	return i;
}

/*
 * The P2M is made up, and so is what is known of grants: the kernel's own page of
 * that number has nothing to do with it, and may look like anything.
 */
static bool is_granted(unsigned long pfn, struct xen_page_foreign *grant)
{
	const struct fixture *f = kunit_get_current_test()->priv;

	if (pfn - f->granted_pfn >= f->nr_granted)
		return false;

	*grant = (struct xen_page_foreign) {
		.domid = MODEL_GUEST,
		.gref = pfn - f->granted_pfn,
	};
	return true;
}

/* The .init of a suite. */
int fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->model = model_create(test);
	f->model->owns = owns;
	f->model->owner = f;
	test->priv = f;
	kunit_activate_static_stub(test, xpi_p2m_entry, fixture_p2m_entry);
	kunit_activate_static_stub(test, xpi_p2m_run, fixture_p2m_run);
	kunit_activate_static_stub(test, xpi_gfn_foreign, is_granted);
	return 0;
}

/* The same of suites that are on Xen, too, where that is possible. */
int fixture_init_both(struct kunit *test)
{
	int ret = fixture_init(test);

	mirror_create(test, fixture_model(test));
	return ret;
}

/* The .exit of these. */
void fixture_exit_both(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f && f->model->mirror)
		mirror_expect_same(test, f->model->mirror);
}

/* Give frames special entries. */
void fixture_p2m(struct kunit *test, unsigned long pfn, unsigned long nr,
		 unsigned long entry, bool same)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_LT(test, f->nr_rules, ARRAY_SIZE(f->rules));
	f->rules[f->nr_rules++] = (struct fixture_p2m_rule) {
		.pfn = pfn,
		.nr = nr,
		.entry = entry,
		.same = same,
	};
}

/* Frames are pages of another domain, by its grants 0 and so on, to be written. */
void fixture_grants(struct kunit *test, unsigned long pfn, unsigned long nr)
{
	struct fixture *f = test->priv;

	f->granted_pfn = pfn;
	f->nr_granted = nr;
	f->model->caps.flags |= XEN_IOMMU_CAP_gref;
	f->model->grants = GENMASK_ULL(nr - 1, 0);
	f->model->grants_write = f->model->grants;
	/* Neighbours, as if they were a run. */
	fixture_p2m(test, pfn, nr, FOREIGN_FRAME(5000UL), false);
}

static void destroy_domain(void *data)
{
	xpi_domain_destroy(data);
}

struct xpi_domain *fixture_domain(struct kunit *test)
{
	struct xpi_domain *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(d, &model_backend,
						 &fixture_model(test)->caps));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   destroy_domain, d));
	model_count(fixture_model(test));
	return d;
}

/* The reserved ranges of all devices, in place of those that it had. */
int fixture_read_reserved(struct xpi *xpi)
{
	kfree(xpi->reserved);
	return xpi_read_reserved(xpi, XEN_IOMMU_RESERVED_ALL_DEVICES,
				 &xpi->reserved, &xpi->nr_reserved);
}

/* The seed of a random test, in the log so that it can be had again. */
u64 fixture_seed(struct kunit *test)
{
	u64 s = seed ?: get_random_u32();

	kunit_info(test, "seed: xen_pv_iommu_kunit_seed=%llu", s);
	return s;
}

void fixture_needs_two_cpus(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
}

static int other_cpu(void *data)
{
	struct fixture_race *race = data;

	/* For the P2M of the test. */
	current->kunit_test = race->test;
	if (race->before)
		race->before(race->data);
	complete(&race->ready);
	wait_for_completion(&race->go);
	atomic_set(&race->started, 1);
	race->work(race->data);
	atomic_set(&race->returned, 1);
	current->kunit_test = NULL;
	complete(&race->done);
	return 0;
}

/* In the middle of the call, with interrupts off. */
static void let_other_cpu(struct model *m, void *data)
{
	struct fixture_race *race = data;
	unsigned int i;

	complete(&race->go);
	for (i = 0; i < 2000 && !atomic_read(&race->started); i++)
		mdelay(1);
	for (i = 0; i < 2000; i++) {
		if (xpi_counted(XPI_WAITS) != race->waits ||
		    atomic_read(&race->returned))
			break;
		mdelay(1);
	}
	if (race->during)
		race->during(race->data);
	race->early = atomic_read(&race->returned) ||
		      !atomic_read(&race->started);
}

/* What follows is to make a call, which the race begins @op operations into. */
void fixture_race_begin(struct kunit *test, struct fixture_race *race,
			unsigned int op)
{
	struct model *m = fixture_model(test);
	struct task_struct *t;

	fixture_needs_two_cpus(test);
	race->test = test;
	init_completion(&race->ready);
	init_completion(&race->go);
	init_completion(&race->done);
	t = kthread_create(other_cpu, race, "xpi-race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	migrate_disable();
	kthread_bind(t, cpumask_any_but(cpu_online_mask, smp_processor_id()));
	wake_up_process(t);
	wait_for_completion(&race->ready);

	race->waits = xpi_counted(XPI_WAITS);
	m->hook_op = m->nr_ops + op;
	m->hook_data = race;
	m->hook = let_other_cpu;
}

void fixture_race_end(struct kunit *test, struct fixture_race *race)
{
	struct model *m = fixture_model(test);

	migrate_enable();
	KUNIT_EXPECT_NULL(test, m->hook);
	if (m->hook)
		let_other_cpu(m, race);
	m->hook = NULL;
	wait_for_completion(&race->done);
	KUNIT_EXPECT_EQ(test, race->free, race->early);
}

int fixture_map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		unsigned long nr)
{
	unsigned long mapped;
	int ret;

	ret = xpi_domain_map(d, dfn, pfn, nr, FIXTURE_RW, GFP_KERNEL, &mapped);
	return ret ?: xpi_domain_sync_map(d, dfn, nr);
}

void fixture_map_ok(struct kunit *test, struct xpi_domain *d, u64 dfn,
		    unsigned long pfn, unsigned long nr)
{
	KUNIT_ASSERT_EQ(test, 0, fixture_map(d, dfn, pfn, nr));
}

void fixture_unmap_strict(struct kunit *test, struct xpi_domain *d, u64 dfn,
			  unsigned long nr)
{
	KUNIT_ASSERT_EQ(test, nr, xpi_domain_unmap(d, dfn, nr, false));
	xpi_domain_sync(d);
}
