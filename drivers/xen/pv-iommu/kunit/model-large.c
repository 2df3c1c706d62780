// SPDX-License-Identifier: GPL-2.0-only
/* A hypervisor for tests: large pages, and what becomes of them. */

#include <linux/align.h>
#include <linux/sizes.h>

#include "model.h"

/* Of a range that was mapped just now, what large pages can map. */
void model_make_large(struct model *m, u64 dfn, u64 gfn, u64 nr)
{
	u64 start = ALIGN(dfn, MODEL_LARGE), i;

	if (!(m->caps.flags & XEN_IOMMU_CAP_large_pages) ||
	    !(m->caps.pgsize_mask & SZ_2M) || (dfn ^ gfn) % MODEL_LARGE)
		return;

	for (i = start; i + MODEL_LARGE <= dfn + nr; i += MODEL_LARGE)
		xa_store(&m->s->large, i / MODEL_LARGE, xa_mk_value(1),
			 GFP_ATOMIC);
}

bool model_is_large(struct model *m, u64 dfn)
{
	return xa_load(&m->s->large, dfn / MODEL_LARGE);
}

/* Does a range begin or end inside a large page? */
bool model_needs_split(struct model *m, u64 dfn, u64 nr)
{
	u64 end = dfn + nr;

	return (dfn % MODEL_LARGE && model_is_large(m, dfn)) ||
	       (end % MODEL_LARGE && model_is_large(m, end));
}

/* A range goes: large pages go with it, those that are in it in part split. */
void model_split(struct model *m, u64 dfn, u64 nr)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(&m->s->large, index, entry, dfn / MODEL_LARGE,
			  (dfn + nr - 1) / MODEL_LARGE) {
		u64 start = (u64)index * MODEL_LARGE;

		if (start < dfn || start + MODEL_LARGE > dfn + nr)
			m->splits++;
		xa_erase(&m->s->large, index);
	}
}
