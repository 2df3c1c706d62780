// SPDX-License-Identifier: GPL-2.0-only
/* Frames of another domain: one is made for that, which never runs. */

#include <errno.h>

#include "hostile.h"
#include "lib/domain.h"

#define NR_FRAMES	64

static void try_frames(const char *name, const xen_pfn_t *frames)
{
	unsigned int i;
	bool good = true;

	for (i = 0; i < NR_FRAMES && good; i++) {
		good = expect(name, do_map(env.base + i, frames[i], 1, RW), -EPERM) &&
		       expect(name, do_map(env.base + i, frames[i], 1,
					   XEN_IOMMU_MAP_readable), -EPERM);
	}
	/* With own frames before and behind them. */
	expect(name, do_map(env.base, frames[0] - 1, 3, RW), -EPERM);
	expect_empty(name, env.base, NR_FRAMES);
}

void test_domain(void)
{
	xen_pfn_t *frames = hyp_alloc(PAGE_SIZE);
	domid_t domain;

	if (!expect("making a domain",
		    domain_create(&domain, 2 * NR_FRAMES, false), 0))
		return;
	if (expect("giving it memory",
		   domain_populate(domain, frames, NR_FRAMES), 0))
		try_frames("map of another domain's frames", frames);
	if (expect("destroying the domain", domain_destroy(domain), 0))
		try_frames("map of a dead domain's frames", frames);
	hyp_free(frames, PAGE_SIZE);
}
