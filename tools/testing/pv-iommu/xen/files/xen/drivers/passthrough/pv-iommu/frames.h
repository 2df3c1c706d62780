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
#define FRAME_FULL      (1U << 28)  /* it has been mapped too often */
#define FRAME_COUNT     (FRAME_LEAVING - 1)

/* Records come in chunks of a page. */
#define CHUNK_SHIFT     (PAGE_SHIFT - 2)
#define CHUNK_FRAMES    (1UL << CHUNK_SHIFT)

/*
 * Aligned groups of frames have a record, too: FRAME_REF, with how many entries map
 * each frame of it that the frame's own record does not count.  Only the sum of the
 * two says anything.  It is 0 while a frame of the group is not referenced, or leaving:
 * then the frames' own records have it all.  Each of the two is below FRAME_FULL when it
 * grows, so that the sum is below FRAME_LEAVING.
 */
#define GROUP_SHIFT     4
#define GROUP_FRAMES    (1U << GROUP_SHIFT)

struct pv_iommu_chunk {
    uint32_t *frame;            /* CHUNK_FRAMES records, or NULL */
    uint32_t *group;            /* if not, one for each group of them */
};

/*
 * Records are made, and taken away, with record_lock held.  A count goes up or
 * down with the lock of an address space held in which the frame is mapped.  It may
 * be mapped in others, too: so that is atomic.  What is not referenced, or leaving,
 * or mapped too often, has to be looked at with record_lock held, and that of a
 * group becomes 0, and something else again, only so.
 */

/* Of a frame that has one. */
static inline uint32_t *frame_record(const struct pv_iommu_dom *dom,
                                     unsigned long mfn)
{
    return &dom->chunks[mfn >> CHUNK_SHIFT].frame[mfn & (CHUNK_FRAMES - 1)];
}

/* The chunk of any frame, which may have no records, or NULL. */
static inline const struct pv_iommu_chunk *chunk_of(
    const struct pv_iommu_dom *dom, unsigned long mfn)
{
    unsigned long chunk = mfn >> CHUNK_SHIFT;

    if ( unlikely(chunk >= dom->nr_chunks) )
        return NULL;

    return &dom->chunks[array_index_nospec(chunk, dom->nr_chunks)];
}

/* The same of a chunk that has records: of frames, and of groups. */
static inline const struct pv_iommu_chunk *frame_chunk(
    const struct pv_iommu_dom *dom, unsigned long mfn)
{
    const struct pv_iommu_chunk *c = chunk_of(dom, mfn);

    if ( unlikely(!c) || unlikely(!ACCESS_ONCE(c->frame)) )
        return NULL;

    /* Pairs with record_make(): who sees the one sees the other. */
    smp_rmb();

    return c;
}

/* The record of any frame, or NULL. */
static inline uint32_t *frame_record_find(const struct pv_iommu_dom *dom,
                                          unsigned long mfn)
{
    const struct pv_iommu_chunk *c = chunk_of(dom, mfn);
    uint32_t *frame = likely(c) ? ACCESS_ONCE(c->frame) : NULL;

    return likely(frame) ? &frame[mfn & (CHUNK_FRAMES - 1)] : NULL;
}

/*
 * Count one mapping more of a frame, or group, that can be mapped once more just like
 * that: of the four highest bits, FRAME_REF is the only one set then.  Else false.
 */
static inline bool record_get(uint32_t *r)
{
    uint32_t old, seen = ACCESS_ONCE(*r);

    for ( ; seen - FRAME_REF < FRAME_FULL; seen = old )
    {
        old = cmpxchg(r, seen, seen + 1);
        if ( likely(old == seen) )
            return true;
    }

    return false;
}

/* The same of any frame, if it is one that was mapped before. */
static inline bool frame_get_again(const struct pv_iommu_dom *dom,
                                   unsigned long mfn)
{
    uint32_t *r = frame_record_find(dom, mfn);

    return likely(r) && likely(record_get(r));
}

/*
 * An entry for a frame, or group, of RAM is gone, but not flushed: count one mapping
 * less.  Returns false, and does nothing, if the domain has parted with the frame:
 * frames_drop() is for that, after the flush; or if this record counts none: then the
 * mapping is counted in the other one, the group's or the frame's.
 */
static inline bool record_put(uint32_t *r)
{
    uint32_t old, seen = ACCESS_ONCE(*r);

    for ( ; likely((seen & ~FRAME_REF) - 1 < FRAME_LEAVING - 1); seen = old )
    {
        old = cmpxchg(r, seen, seen - 1);
        if ( likely(old == seen) )
            return true;
    }

    return false;
}

/*
 * The same when it is flushed, too: was it the last of a frame that is leaving?
 * Then nobody changes the record any more.
 */
static inline bool record_drop(uint32_t *r)
{
    uint32_t old = arch_fetch_and_add(r, -1U);

    ASSERT(old & FRAME_COUNT);

    return old == (FRAME_REF | FRAME_LEAVING | 1);
}

/* frames.c; the first three with an address space's @lock held */
long frames_get(struct pv_iommu_dom *dom, const unsigned long *mfns,
                bool scattered, unsigned long nr, bool write, bool *ram);
void frames_unget(struct pv_iommu_dom *dom, const unsigned long *mfns,
                  bool scattered, unsigned long nr);
unsigned long frames_put(struct pv_iommu_dom *dom, unsigned long mfn,
                         unsigned long nr);
void frames_drop(struct pv_iommu_dom *dom, unsigned long mfn,
                 unsigned long nr);
int frames_init(struct pv_iommu_dom *dom);
bool frames_release_step(struct pv_iommu_dom *dom);

/* foreign.c */
int pv_iommu_get_foreign(struct pv_iommu *p, domid_t owner, unsigned int gref,
                         bool write, unsigned long *mfn);
void pv_iommu_put_foreign(struct pv_iommu *p, unsigned long mfn,
                          unsigned long nr, bool write);

/* with record_lock held */
void group_end(struct pv_iommu_dom *dom, unsigned long mfn);

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
