/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites share: a hypervisor, a P2M and domains that go away. */

#ifndef _XEN_PV_IOMMU_KUNIT_FIXTURE_H
#define _XEN_PV_IOMMU_KUNIT_FIXTURE_H

#include <linux/completion.h>

#include <kunit/test.h>

#include "../domain.h"
#include "../pv-iommu.h"
#include "../stats.h"
#include "model.h"

/* Frames that belong to another domain, or to nobody, or are MMIO. */
struct fixture_p2m_rule {
	unsigned long pfn;
	unsigned long nr;
	unsigned long entry;
	bool same;		/* for all of them; else they count up */
};

/**
 * struct fixture - test->priv of most suites
 * @model: the hypervisor
 * @contiguous: frames are contiguous where no rule says otherwise; else no two
 *	of them are
 * @rules: frames that are special, later ones first
 * @nr_rules: of them
 * @granted_pfn: the first frame that %MODEL_GUEST granted
 * @nr_granted: of them
 */
struct fixture {
	struct model *model;
	bool contiguous;
	struct fixture_p2m_rule rules[8];
	unsigned int nr_rules;
	unsigned long granted_pfn;
	unsigned long nr_granted;
};

/*
 * The GFN of an ordinary PFN.  Those between scattered ones are not dom0's, and
 * those behind the last of the contiguous ones, so that a run that is longer
 * than it should be is refused.
 */
#define FIXTURE_PFNS		BIT(22)
#define FIXTURE_GFN_OFFSET	0x100000UL
#define fixture_scattered(pfn)	(2 * ((pfn) ^ 1UL) + FIXTURE_GFN_OFFSET)
#define fixture_contiguous(pfn)	((pfn) + FIXTURE_GFN_OFFSET)

/* Frames without a PFN, for tests that make operations themselves. */
#define FIXTURE_RAW_GFN		6000
#define FIXTURE_RAW_END_GFN	10000

#define FIXTURE_RW		(XPI_SHADOW_READ | XPI_SHADOW_WRITE)

int fixture_init(struct kunit *test);
int fixture_init_both(struct kunit *test);
void fixture_exit_both(struct kunit *test);
void fixture_p2m(struct kunit *test, unsigned long pfn, unsigned long nr,
		 unsigned long entry, bool same);
void fixture_grants(struct kunit *test, unsigned long pfn, unsigned long nr);
unsigned long fixture_p2m_entry(unsigned long pfn);
unsigned long fixture_p2m_run(unsigned long pfn, unsigned long nr,
			      unsigned long entry);
struct xpi_domain *fixture_domain(struct kunit *test);
int fixture_read_reserved(struct xpi *xpi);
u64 fixture_seed(struct kunit *test);
void fixture_needs_two_cpus(struct kunit *test);

/* Map and have it done; the error of either. */
int fixture_map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		unsigned long nr);
void fixture_map_ok(struct kunit *test, struct xpi_domain *d, u64 dfn,
		    unsigned long pfn, unsigned long nr);
void fixture_unmap_strict(struct kunit *test, struct xpi_domain *d, u64 dfn,
			  unsigned long nr);

/**
 * struct fixture_race - another CPU wants something while a call is under way
 * @before: what it does before the call; may be NULL
 * @work: what it does during the call
 * @during: what the CPU that makes the call does in the middle of it, when the other
 *	waits; may be NULL
 * @data: for all of them
 * @free: @work does not wait for the call
 * @test: the test
 * @ready: @before is done
 * @go: the call is under way
 * @done: @work is done
 * @started: it is about to begin with @work
 * @waits: XPI_WAITS before that
 * @returned: it is done with it
 * @early: it was while the call was still under way
 */
struct fixture_race {
	void (*before)(void *data);
	void (*work)(void *data);
	void (*during)(void *data);
	void *data;
	bool free;
	struct kunit *test;
	struct completion ready;
	struct completion go;
	struct completion done;
	atomic_t started;
	u64 waits;
	atomic_t returned;
	bool early;
};

void fixture_race_begin(struct kunit *test, struct fixture_race *race,
			unsigned int op);
void fixture_race_end(struct kunit *test, struct fixture_race *race);

static inline struct model *fixture_model(struct kunit *test)
{
	return ((struct fixture *)test->priv)->model;
}

#endif /* _XEN_PV_IOMMU_KUNIT_FIXTURE_H */
