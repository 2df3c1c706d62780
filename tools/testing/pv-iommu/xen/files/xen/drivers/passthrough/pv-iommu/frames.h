/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.h: references on frames: the domain's, of which there are records, see
 * frames.c, and those of others, see foreign.c.
 */

#ifndef __PV_IOMMU_FRAMES_H__
#define __PV_IOMMU_FRAMES_H__

#include <xen/nospec.h>

#include "private.h"

/* 0 for a frame without reference; else how many entries map it, and */
#define FRAME_REF       (1U << 31)  /* it is referenced */
#define FRAME_LEAVING   (1U << 30)  /* the domain has parted with it */
#define FRAME_FULL      (1U << 29)  /* it has been mapped too often */
#define FRAME_COUNT     (FRAME_LEAVING - 1)

/* Records come in chunks of a page. */
#define CHUNK_SHIFT     (PAGE_SHIFT - 2)
#define CHUNK_FRAMES    (1UL << CHUNK_SHIFT)

/* Of a frame that has one; everything here with pv_iommu_dom.lock held. */
static inline uint32_t *frame_record(const struct pv_iommu_dom *dom,
                                     unsigned long mfn)
{
    return &dom->chunks[mfn >> CHUNK_SHIFT][mfn & (CHUNK_FRAMES - 1)];
}

/* The record of any frame, or NULL. */
static inline uint32_t *frame_record_find(const struct pv_iommu_dom *dom,
                                          unsigned long mfn)
{
    unsigned long chunk = mfn >> CHUNK_SHIFT;

    if ( unlikely(chunk >= dom->nr_chunks) )
        return NULL;

    chunk = array_index_nospec(chunk, dom->nr_chunks);
    if ( unlikely(!dom->chunks[chunk]) )
        return NULL;

    return &dom->chunks[chunk][mfn & (CHUNK_FRAMES - 1)];
}

/*
 * An entry for a frame of RAM is gone, but not flushed: count one mapping less.
 * Returns false, and does nothing, if the domain has parted with the frame:
 * frames_drop() is for that, after the flush.
 */
static inline bool frame_put(struct pv_iommu_dom *dom, unsigned long mfn)
{
    uint32_t *r = frame_record(dom, mfn);

    ASSERT(*r & FRAME_COUNT);

    if ( unlikely(*r & FRAME_LEAVING) )
        return false;

    --*r;

    return true;
}

/* frames.c; the first three with @lock held */
long frames_get(struct pv_iommu_dom *dom, const unsigned long *mfns,
                bool scattered, unsigned long nr, bool write, bool *ram);
void frames_unget(struct pv_iommu_dom *dom, const unsigned long *mfns,
                  bool scattered, unsigned long nr);
bool frames_put(struct pv_iommu_dom *dom, unsigned long mfn, unsigned long nr);
void frames_drop(struct pv_iommu_dom *dom, unsigned long mfn,
                 unsigned long nr);
int frames_init(struct pv_iommu_dom *dom);
bool frames_release_step(struct pv_iommu_dom *dom);

/* foreign.c */
int pv_iommu_get_foreign(struct pv_iommu_dom *dom, domid_t owner,
                         unsigned int gref, bool write, unsigned long *mfn);
void pv_iommu_put_foreign(struct pv_iommu_dom *dom, unsigned long mfn,
                          unsigned long nr, bool write);

/* leaving.c; with @leave_lock held */
void frames_settle(struct pv_iommu_dom *dom);

#endif /* __PV_IOMMU_FRAMES_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
