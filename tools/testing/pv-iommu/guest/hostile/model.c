// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of the header for one operation on a small range of dfns: which
 * statuses it may end with, and what is mapped then.
 *
 * Where more than one rule is broken at the same time the header does not say
 * which of them is reported, so all of them are possible.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

int model_init(struct model *m, uint64_t base, unsigned int nr)
{
	unsigned int i;

	m->base = base;
	m->nr = nr;
	m->slot = calloc(nr, sizeof(*m->slot));
	if (!m->slot)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		m->slot[i].gfn = FRAME_NONE;
	return 0;
}

void model_free(struct model *m)
{
	free(m->slot);
}

static void may(struct outcome *out, int status)
{
	out->status[out->nr++] = status;
}

static bool bad_range(uint64_t dfn, uint64_t nr)
{
	return !nr || dfn > env.caps.max_dfn || nr - 1 > env.caps.max_dfn - dfn;
}

/* Of a range that is not bad: how many of the slots in it are mapped. */
static uint64_t mapped(const struct model *m, uint64_t dfn, uint64_t nr)
{
	uint64_t i, n = 0;

	for (i = 0; i < m->nr; i++)
		n += m->slot[i].gfn != FRAME_NONE &&
		     m->base + i >= dfn && m->base + i - dfn < nr;
	return n;
}

static void gref_outcomes(const struct model *m,
			  const struct xen_iommu_op_map *map,
			  struct outcome *out)
{
	if (!(env.caps.caps & XEN_IOMMU_CAP_gref))
		may(out, -EOPNOTSUPP);
	/* There may be no such domain, or it has granted nothing. */
	if (!m->nr_grants || map->domid != m->domain)
		may(out, -ESRCH);
	if (!m->nr_grants || map->domid != m->domain ||
	    map->gfn >= m->nr_grants ||
	    (map->gfn % 2 && map->flags & XEN_IOMMU_MAP_writable))
		may(out, -EACCES);
}

/* The @i'th frame of a list, or of a run. */
static uint64_t frame_of(const struct xen_iommu_op_map *map, uint64_t i)
{
	return map->flags & XEN_IOMMU_MAP_list ?
	       ((const uint64_t *)map->gfn)[i] : map->gfn + i;
}

/* fuzz.c sees to it that the array of a list is there. */
static void list_outcomes(const struct xen_iommu_op_map *map, bool inval,
			  struct outcome *out)
{
	uint64_t i;

	if (!(env.caps.caps & XEN_IOMMU_CAP_list))
		may(out, -EOPNOTSUPP);
	for (i = 0; !inval && i < map->nr_frames; i++)
		if (!pool_is_mine(frame_of(map, i), 1)) {
			may(out, -EPERM);
			return;
		}
}

static void map_outcomes(const struct model *m, const struct xen_iommu_op *op,
			 struct outcome *out)
{
	const struct xen_iommu_op_map *map = &op->u.map;
	bool bad = bad_range(map->dfn, map->nr_frames);
	bool inval = bad || !(map->flags & RW) || map->flags > 0x1f;

	if (map->flags & XEN_IOMMU_MAP_list)
		inval |= map->nr_frames > XEN_IOMMU_MAP_MAX_LIST ||
			 map->flags & XEN_IOMMU_MAP_gref;
	if (map->flags & XEN_IOMMU_MAP_gref)
		inval |= map->nr_frames != 1 || map->gfn >> 32;
	else
		inval |= map->domid != 0;
	if (!bad && is_reserved(map->dfn, map->nr_frames))
		inval = true;
	if (inval)
		may(out, -EINVAL);
	if (map->flags & XEN_IOMMU_MAP_gref)
		gref_outcomes(m, map, out);
	else if (map->flags & XEN_IOMMU_MAP_list)
		list_outcomes(map, inval, out);
	else if (!map->nr_frames || !pool_is_mine(map->gfn, map->nr_frames))
		may(out, -EPERM);
	if (!bad && mapped(m, map->dfn, map->nr_frames))
		may(out, -EEXIST);
}

static void unmap_outcomes(const struct model *m, const struct xen_iommu_op *op,
			   struct outcome *out)
{
	const struct xen_iommu_op_unmap *u = &op->u.unmap;
	bool sparse = u->flags & XEN_IOMMU_UNMAP_sparse;

	if (bad_range(u->dfn, u->nr_frames) || u->pad || u->flags > 3 ||
	    (!sparse && is_reserved(u->dfn, u->nr_frames)))
		may(out, -EINVAL);
	else if (!sparse && !op->ctx &&
		 mapped(m, u->dfn, u->nr_frames) != u->nr_frames)
		may(out, -ENOENT);
}

static void flush_outcomes(const struct xen_iommu_op *op, struct outcome *out)
{
	const struct xen_iommu_op_flush *f = &op->u.flush;

	if (f->pad || f->flags > 1)
		may(out, -EINVAL);
	else if (f->flags ? f->dfn || f->nr_frames :
		 bad_range(f->dfn, f->nr_frames))
		may(out, -EINVAL);
}

static void lookup_outcomes(const struct model *m, const struct xen_iommu_op *op,
			    struct outcome *out)
{
	uint64_t dfn = op->u.lookup.dfn;

	if (dfn > env.caps.max_dfn)
		may(out, -EINVAL);
	else if (!op->ctx && !mapped(m, dfn, 1))
		may(out, -ENOENT);
}

/* Takeover is tested elsewhere; here the space is owned and stays so. */
static void enable_outcomes(const struct xen_iommu_op *op, struct outcome *out)
{
	const struct xen_iommu_op_enable_modification *e =
		&op->u.enable_modification;

	if (e->flags > 1 || e->pad[0] || e->pad[1])
		may(out, -EINVAL);
	may(out, -EALREADY);
}

/* Contexts there are none while the shared address space is owned. */
static void ctx_outcomes(const struct xen_iommu_op *op, struct outcome *out)
{
	const struct xen_iommu_op_ctx_attach *a = &op->u.ctx_attach;

	if (op->op == XEN_IOMMUOP_ctx_attach ?
	    a->pad0 || a->pad1[0] || a->pad1[1] :
	    op->u.raw[0] || op->u.raw[1] || op->u.raw[2])
		may(out, -EINVAL);
	if (!(env.caps.caps & XEN_IOMMU_CAP_contexts))
		may(out, -EOPNOTSUPP);
	switch (op->op) {
	case XEN_IOMMUOP_ctx_alloc:
		may(out, -EBUSY);
		break;
	case XEN_IOMMUOP_ctx_free:
		may(out, -ENOENT);
		break;
	default:
		may(out, -EPERM);
	}
}

void model_outcomes(const struct model *m, const struct xen_iommu_op *op,
		    struct outcome *out)
{
	out->nr = 0;
	if (op->ctx && op->op >= XEN_IOMMUOP_query_caps &&
	    op->op <= XEN_IOMMUOP_lookup) {
		may(out, -ENOENT);
		may(out, -EINVAL);
	}
	switch (op->op) {
	case XEN_IOMMUOP_query_caps:
		break;
	case XEN_IOMMUOP_enable_modification:
		enable_outcomes(op, out);
		break;
	case XEN_IOMMUOP_disable_modification:
		if (op->u.raw[0] || op->u.raw[1] || op->u.raw[2])
			may(out, -EINVAL);
		break;
	case XEN_IOMMUOP_map:
		map_outcomes(m, op, out);
		break;
	case XEN_IOMMUOP_unmap:
		unmap_outcomes(m, op, out);
		break;
	case XEN_IOMMUOP_flush:
		flush_outcomes(op, out);
		break;
	case XEN_IOMMUOP_lookup:
		lookup_outcomes(m, op, out);
		break;
	case XEN_IOMMUOP_ctx_alloc:
	case XEN_IOMMUOP_ctx_free:
	case XEN_IOMMUOP_ctx_attach:
		ctx_outcomes(op, out);
		break;
	default:
		out->nr = 0;
		may(out, -EOPNOTSUPP);
	}
	if (!out->nr)
		may(out, 0);
}

static bool apply_map(struct model *m, const struct xen_iommu_op_map *map)
{
	uint64_t i;

	for (i = 0; i < map->nr_frames; i++) {
		uint64_t slot = map->dfn + i - m->base;

		if (slot >= m->nr)
			return false;
		m->slot[slot].gfn = map->flags & XEN_IOMMU_MAP_gref ?
				    grants_frame(map->gfn) : frame_of(map, i);
		m->slot[slot].flags = map->flags & (RW | XEN_IOMMU_MAP_gref);
	}
	return true;
}

static bool apply_unmap(struct model *m, const struct xen_iommu_op_unmap *u,
			uint64_t unmapped)
{
	uint64_t i, n = mapped(m, u->dfn, u->nr_frames);

	for (i = 0; i < m->nr; i++)
		if (m->base + i >= u->dfn && m->base + i - u->dfn < u->nr_frames)
			m->slot[i].gfn = FRAME_NONE;
	return unmapped == n;
}

static bool lookup_right(const struct model *m, const struct xen_iommu_op_lookup *l)
{
	uint64_t slot = l->dfn - m->base;

	return slot < m->nr && l->gfn == m->slot[slot].gfn &&
	       l->flags == m->slot[slot].flags && l->pgsize >= PAGE_SIZE;
}

bool model_apply(struct model *m, const struct xen_iommu_op *op,
		 const struct xen_iommu_op *ret, const char **what)
{
	switch (op->op) {
	case XEN_IOMMUOP_map:
		*what = "mapped where it should not be possible";
		return ret->status || apply_map(m, &op->u.map);
	case XEN_IOMMUOP_unmap:
		*what = "count of what was unmapped";
		if (op->ctx || (ret->status && ret->status != -ENOENT))
			return true;
		return apply_unmap(m, &op->u.unmap, ret->u.unmap.nr_frames);
	case XEN_IOMMUOP_lookup:
		*what = "what lookup says";
		return ret->status || lookup_right(m, &ret->u.lookup);
	case XEN_IOMMUOP_query_caps:
		*what = "what query_caps says";
		return ret->status ||
		       !memcmp(&ret->u.query_caps, &env.caps, sizeof(env.caps));
	default:
		return true;
	}
}

/* Is the hypervisor's view the same?  Else @dfn is where it is not. */
bool model_matches(const struct model *m, uint64_t *dfn)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		*dfn = m->base + i;
		if (!maps_to(*dfn, m->slot[i].gfn))
			return false;
	}
	return true;
}
