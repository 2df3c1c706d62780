// SPDX-License-Identifier: GPL-2.0-only
/* A hypervisor for tests: what its operations do. */

#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "model.h"

/* Unmapped and not flushed: the frame stays referenced. */
struct pending {
	struct list_head list;
	u64 dfn;
	u64 gfn;
};

static void get_frame(struct model *m, u64 gfn)
{
	void *old = xa_load(&m->refs, gfn);

	/* Frames of MMIO are not counted. */
	if (gfn < MODEL_MMIO_GFN)
		xa_store(&m->refs, gfn,
			 xa_mk_value(old ? xa_to_value(old) + 1 : 1),
			 GFP_ATOMIC);
}

static void put_frame(struct model *m, u64 gfn)
{
	void *old = xa_load(&m->refs, gfn);

	if (gfn >= MODEL_MMIO_GFN || WARN_ON(!old))
		return;
	if (xa_to_value(old) == 1)
		xa_erase(&m->refs, gfn);
	else
		xa_store(&m->refs, gfn, xa_mk_value(xa_to_value(old) - 1),
			 GFP_ATOMIC);
}

static bool overlaps(u64 a, u64 nr_a, u64 b, u64 nr_b)
{
	return a < b + nr_b && b < a + nr_a;
}

/* Does a range touch a reserved one?  Unmapping minds all of them, too. */
static bool touches_reserved(struct model *m, u64 dfn, u64 nr)
{
	unsigned int i;

	for (i = 0; i < m->reserved.nr; i++)
		if (overlaps(dfn, nr, m->reserved.ranges[i].start_dfn,
			     m->reserved.ranges[i].nr_frames))
			return true;
	return false;
}

static bool bad_range(struct model *m, u64 dfn, u64 nr)
{
	return !nr || dfn + nr - 1 < dfn || dfn + nr - 1 > m->caps.max_dfn;
}

static bool host_has(struct model *m, u64 dfn, u64 nr)
{
	unsigned int i;

	for (i = 0; i < m->nr_host; i++)
		if (overlaps(dfn, nr, m->host[i].start,
			     m->host[i].end - m->host[i].start))
			return true;
	return false;
}

/* Are all frames dom0's RAM, or all MMIO that it may access? */
static bool may_access(struct model *m, u64 gfn, u64 nr)
{
	u64 i;

	if (gfn + nr > (gfn < MODEL_MMIO_GFN ? MODEL_MMIO_GFN : MODEL_END_GFN))
		return false;
	for (i = 0; m->owns && gfn < MODEL_MMIO_GFN && i < nr; i++)
		if (!m->owns(m, gfn + i))
			return false;
	return true;
}

/* A device reads or writes at a dfn; what it finds is cached. */
static void touch(struct model *m, u64 dfn, void *entry)
{
	void *cached = xa_load(&m->s->iotlb, dfn);

	if (!cached)
		xa_store(&m->s->iotlb, dfn, entry, GFP_ATOMIC);
	else if (cached != entry)
		m->stale++;
}

/* In caching mode a device that came by before has cached that nothing is there. */
static void make_visible(struct model *m, u64 dfn, void *entry)
{
	if (m->caps.flags & XEN_IOMMU_CAP_caching_mode)
		xa_store(&m->s->fresh, dfn, entry, GFP_ATOMIC);
	else
		touch(m, dfn, entry);
}

/* The frame behind a grant, if dom0 has that mapped. */
static int granted_frame(struct model *m, const struct xen_iommu_op_map *map,
			 u64 *gfn)
{
	u64 grants = map->flags & XEN_IOMMU_MAP_writable ? m->grants_write :
							   m->grants;

	if (!(m->caps.flags & XEN_IOMMU_CAP_gref))
		return -EOPNOTSUPP;
	if (map->nr_frames != 1 || map->gfn >> 32)
		return -EINVAL;
	if (map->domid != MODEL_GUEST)
		return -ESRCH;
	if (map->gfn >= 64 || !(grants & BIT_ULL(map->gfn)))
		return -EACCES;

	*gfn = MODEL_GRANT_GFN + map->gfn;
	return 0;
}

/* The frame for the @i'th dfn; @gfn is the first, if they are in a row. */
static u64 frame_of(const struct xen_iommu_op_map *map, u64 gfn, u64 i)
{
	const u64 *list = (const u64 *)(unsigned long)map->gfn;

	return map->flags & XEN_IOMMU_MAP_list ? list[i] : gfn + i;
}

static bool may_access_all(struct model *m, const struct xen_iommu_op_map *map)
{
	u64 i;

	if (!(map->flags & XEN_IOMMU_MAP_list))
		return may_access(m, map->gfn, map->nr_frames);
	for (i = 0; i < map->nr_frames; i++)
		if (!may_access(m, frame_of(map, 0, i), 1))
			return false;
	return true;
}

static int check_map(struct model *m, const struct xen_iommu_op_map *map)
{
	bool gref = map->flags & XEN_IOMMU_MAP_gref;
	bool list = map->flags & XEN_IOMMU_MAP_list;

	if (map->flags & ~(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable |
			   XEN_IOMMU_MAP_gref | XEN_IOMMU_MAP_no_flush |
			   XEN_IOMMU_MAP_list) ||
	    !(map->flags & (XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)) ||
	    (!gref && map->domid) || (gref && list) ||
	    (list && map->nr_frames > XEN_IOMMU_MAP_MAX_LIST) ||
	    bad_range(m, map->dfn, map->nr_frames) ||
	    touches_reserved(m, map->dfn, map->nr_frames))
		return -EINVAL;
	return list && !(m->caps.flags & XEN_IOMMU_CAP_list) ? -EOPNOTSUPP : 0;
}

int model_map(struct model *m, const struct xen_iommu_op_map *map)
{
	u64 access = map->flags & (XEN_IOMMU_MAP_readable |
				   XEN_IOMMU_MAP_writable);
	bool gref = map->flags & XEN_IOMMU_MAP_gref;
	unsigned long index = map->dfn;
	u64 gfn = map->gfn, i;
	int ret;

	ret = check_map(m, map);
	if (!ret && gref)
		ret = granted_frame(m, map, &gfn);
	if (ret)
		return ret;

	if (xa_find(&m->s->b2m, &index, map->dfn + map->nr_frames - 1,
		    XA_PRESENT) ||
	    host_has(m, map->dfn, map->nr_frames))
		return -EEXIST;

	if (!gref && !may_access_all(m, map))
		return -EPERM;

	for (i = 0; i < map->nr_frames; i++) {
		u64 frame = frame_of(map, gfn, i);
		void *entry = model_entry(frame, access);

		get_frame(m, frame);
		if (WARN_ON(xa_is_err(xa_store(&m->s->b2m, map->dfn + i, entry,
					       GFP_ATOMIC))))
			return -ENOMEM;
		make_visible(m, map->dfn + i, entry);
	}
	if (!(map->flags & XEN_IOMMU_MAP_no_flush))
		m->s->flush_new = m->caps.flags & XEN_IOMMU_CAP_caching_mode;
	if (!(map->flags & XEN_IOMMU_MAP_list))
		model_make_large(m, map->dfn, gfn, map->nr_frames);
	return 0;
}

/* Take a range out of the host map; the frames that were in it. */
static u64 unmap_host(struct model *m, u64 start, u64 end)
{
	unsigned int i, nr = m->nr_host;
	u64 frames = 0;

	for (i = 0; i < nr; i++) {
		struct model_range *r = &m->host[i];
		struct model_range tail = { max(r->start, end), r->end };

		if (!overlaps(start, end - start, r->start, r->end - r->start))
			continue;
		frames += min(r->end, end) - max(r->start, start);
		r->end = max(r->start, start);
		if (tail.start < tail.end &&
		    !WARN_ON(m->nr_host == m->max_host))
			m->host[m->nr_host++] = tail;
	}

	for (i = 0, nr = 0; i < m->nr_host; i++)
		if (m->host[i].start < m->host[i].end)
			m->host[nr++] = m->host[i];
	m->nr_host = nr;
	return frames;
}

/* Unmap what is mapped in a range, to be flushed with @list; how much it was */
static u64 unmap_range(struct model *m, u64 dfn, u64 nr, struct list_head *list)
{
	unsigned long index;
	u64 found = 0;
	void *entry;

	model_split(m, dfn, nr);
	xa_for_each_range(&m->s->b2m, index, entry, dfn, dfn + nr - 1) {
		struct pending *p = kmalloc_obj(*p, GFP_ATOMIC);

		if (WARN_ON(!p))
			break;
		p->dfn = index;
		p->gfn = model_entry_gfn(entry);
		list_add_tail(&p->list, list);
		xa_erase(&m->s->b2m, index);
		xa_erase(&m->s->fresh, index);
		found++;
	}
	return found;
}

int model_unmap(struct model *m, struct xen_iommu_op_unmap *unmap)
{
	bool lazy = unmap->flags & XEN_IOMMU_UNMAP_no_flush &&
		    m->caps.flags & XEN_IOMMU_CAP_deferred_flush;
	bool sparse = unmap->flags & XEN_IOMMU_UNMAP_sparse;
	u64 dfn = unmap->dfn, nr = unmap->nr_frames, found;

	if (unmap->flags & ~(XEN_IOMMU_UNMAP_no_flush |
			     XEN_IOMMU_UNMAP_sparse) ||
	    unmap->pad || bad_range(m, dfn, nr) ||
	    (!sparse && touches_reserved(m, dfn, nr)))
		return -EINVAL;

	found = unmap_range(m, dfn, nr, lazy ? &m->s->lazy : &m->s->strict) +
		unmap_host(m, dfn, dfn + nr);
	unmap->nr_frames = found;
	m->absent += nr - found;
	return found < nr && !sparse ? -ENOENT : 0;
}

/* Nothing stale is cached at a dfn any more, and a device comes by again. */
static void flush_frame(struct model *m, u64 dfn)
{
	void *entry = xa_load(&m->s->b2m, dfn);

	xa_erase(&m->s->iotlb, dfn);
	xa_erase(&m->s->fresh, dfn);
	if (entry)
		touch(m, dfn, entry);
}

/* Devices forget that nothing was there. */
void model_flush_new(struct model *m, u64 start, u64 nr)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(&m->s->fresh, index, entry, start, start + nr - 1)
		flush_frame(m, index);
}

/* Flush the part of a list that is in a range, and let its frames go. */
void model_flush_list(struct model *m, struct list_head *list, u64 start,
		      u64 nr)
{
	struct pending *p, *next;

	m->flushes++;
	list_for_each_entry_safe(p, next, list, list) {
		if (p->dfn - start >= nr)
			continue;
		flush_frame(m, p->dfn);
		put_frame(m, p->gfn);
		list_del(&p->list);
		kfree(p);
	}
}

int model_flush(struct model *m, const struct xen_iommu_op_flush *flush)
{
	bool all = flush->flags & XEN_IOMMU_FLUSH_all;
	u64 start = all ? 0 : flush->dfn;
	u64 nr = all ? ~0ULL : flush->nr_frames;
	unsigned long index;
	void *entry;

	if (flush->flags & ~XEN_IOMMU_FLUSH_all || flush->pad ||
	    (all && (flush->dfn || flush->nr_frames)) ||
	    (!all && bad_range(m, flush->dfn, flush->nr_frames)))
		return -EINVAL;

	model_flush_list(m, &m->s->lazy, start, nr);
	model_flush_list(m, &m->s->strict, start, nr);
	m->flushes--;
	model_flush_new(m, start, nr);
	xa_for_each_range(&m->s->iotlb, index, entry, start, start + nr - 1)
		flush_frame(m, index);
	return 0;
}

int model_lookup(struct model *m, struct xen_iommu_op_lookup *lookup)
{
	void *entry;

	if (lookup->dfn > m->caps.max_dfn)
		return -EINVAL;
	entry = xa_load(&m->s->b2m, lookup->dfn);
	if (!entry)
		return -ENOENT;

	lookup->gfn = model_entry_gfn(entry);
	lookup->pgsize = model_is_large(m, lookup->dfn) ? SZ_2M : SZ_4K;
	lookup->flags = xa_to_value(entry) & 3;
	if (lookup->gfn >= MODEL_GRANT_GFN && lookup->gfn < MODEL_MMIO_GFN)
		lookup->flags |= XEN_IOMMU_MAP_gref;
	return 0;
}

/* No mapping in this space, no reference from it, nothing cached. */
void model_drop(struct model *m)
{
	unsigned long index;
	void *entry;

	model_flush_list(m, &m->s->lazy, 0, ~0ULL);
	model_flush_list(m, &m->s->strict, 0, ~0ULL);
	xa_for_each(&m->s->b2m, index, entry)
		put_frame(m, model_entry_gfn(entry));
	xa_destroy(&m->s->b2m);
	xa_destroy(&m->s->large);
	xa_destroy(&m->s->iotlb);
	xa_destroy(&m->s->fresh);
	xa_destroy(&m->s->doubts);
	m->s->owes_flush = false;
	m->s->flush_new = false;
}

int model_enable(struct model *m, bool clear, bool *cleared)
{
	unsigned int i;

	*cleared = false;
	if (m->owned)
		return -EALREADY;
	if (m->contexts)
		return -EBUSY;
	if (m->caps.mode == XEN_IOMMU_MODE_strict)
		return -EPERM;
	if (m->caps.mode != XEN_IOMMU_MODE_host_map)
		return -EOPNOTSUPP;

	m->owned = true;
	m->nr_host = 0;
	*cleared = clear && m->caps.flags & XEN_IOMMU_CAP_clear;
	for (i = 0; !*cleared && i < m->nr_boot; i++)
		m->host[m->nr_host++] = m->boot[i];
	return 0;
}

int model_disable(struct model *m)
{
	unsigned int i;

	if (!m->owned)
		return -EPERM;

	m->owned = false;
	model_drop(m);
	m->nr_host = 0;
	for (i = 0; i < m->nr_boot; i++)
		m->host[m->nr_host++] = m->boot[i];
	return 0;
}
