/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.c: references on the domain's frames of RAM.
 *
 * A frame is referenced from before a device can reach it until after it is
 * unmapped and flushed.  It is a reference only, no type: with lazy unmapping a
 * writable type would be in the way of the domain using a page as page table
 * that it has just freed.  The hardware domain is trusted with its own pages,
 * just as it is with the host map.
 *
 * DMA comes back to the same frames all the time, and a page's own count is in
 * memory that is rarely in the cache, and shared with all others who use it.  So a
 * frame is referenced once, when it is mapped for the first time, and counted here
 * from then on, 1024 of them in a page.  The reference stays when nothing maps the
 * frame any more, until the domain parts with it: pv_iommu_forget() is told.
 *
 * Large mappings are counted for 16 frames at a time, by the record of a group.
 */

#include <xen/bitmap.h>
#include <xen/efi.h>
#include <xen/iocap.h>
#include <xen/vmap.h>

#include "frames.h"

/* How many records are dealt with under one hold of the lock. */
#define DROP_FRAMES     512U

/* Records of frames, for the first address space that the domain has. */
int frames_init(struct pv_iommu_dom *dom)
{
    unsigned long nr = (max_page >> CHUNK_SHIFT) + 1;
    struct pv_iommu_chunk *chunks;

    if ( dom->chunks )
        return 0;

    chunks = vzalloc(nr * sizeof(*chunks));
    if ( !chunks )
        return -ENOMEM;

    /* Frames may be leaving already. */
    spin_lock(&dom->record_lock);
    dom->chunks = chunks;
    dom->nr_chunks = nr;
    dom->release_chunk = 0;
    spin_unlock(&dom->record_lock);

    return 0;
}

/* The record of a frame of RAM, made if there is none. */
static uint32_t *record_make(struct pv_iommu_dom *dom, unsigned long mfn)
{
    struct pv_iommu_chunk *c;

    /* Memory that was plugged in after the domain took over. */
    if ( mfn >> CHUNK_SHIFT >= dom->nr_chunks )
        return NULL;

    c = &dom->chunks[mfn >> CHUNK_SHIFT];
    if ( !c->frame )
    {
        uint32_t *new = pv_iommu_may_take(dom, NULL) ? alloc_xenheap_page() : NULL;

        c->group = new ? xzalloc_array(uint32_t, CHUNK_FRAMES / GROUP_FRAMES) : NULL;
        if ( !c->group )
        {
            free_xenheap_page(new);
            return NULL;
        }
        clear_page(new);
        /* Pairs with frame_chunk(). */
        smp_wmb();
        write_atomic(&c->frame, new);
        atomic_inc(&dom->nr_pages);
    }

    return frame_record(dom, mfn);
}

/*
 * One of the domain's frames of RAM, with a reference: that is kept if 0 is
 * returned, and is not needed if 1 is.  With record_lock held.
 */
static int count_ram(struct pv_iommu_dom *dom, const struct page_info *pg,
                     unsigned long mfn)
{
    uint32_t *r = record_make(dom, mfn);

    if ( !r )
        return -ENOMEM;

    /* Another address space may have been faster. */
    if ( record_get(r) )
        return 1;

    if ( *r )
        return *r & FRAME_LEAVING ? -EPERM : -ENOMEM;

    /*
     * Neither what Xen has allocated to share it with the domain, nor what the
     * domain has parted with and something else still refers to.  If it does so
     * right now, pv_iommu_forget() waits for record_lock and finds the record.
     */
    if ( (pg->count_info & (PGC_allocated | PGC_xen_heap | PGC_extra)) !=
         PGC_allocated )
        return -EPERM;

    write_atomic(r, FRAME_REF | 1);

    return 0;
}

static int get_ram(struct pv_iommu_dom *dom, struct page_info *pg,
                   unsigned long mfn)
{
    int rc;

    spin_lock(&dom->record_lock);
    rc = count_ram(dom, pg, mfn);
    spin_unlock(&dom->record_lock);

    if ( rc )
        put_page(pg);

    return rc < 0 ? rc : 1;
}

/*
 * May the domain's devices reach what is no RAM of any domain?  Not the code
 * that Xen starts CPUs with, nor that of the firmware, which Xen calls.
 */
static bool mmio_permitted(const struct pv_iommu_dom *dom, unsigned long first,
                           unsigned long last, bool write)
{
    unsigned long mfn;

    if ( !iomem_access_permitted(dom->d, first, last) ||
         (write && rangeset_overlaps_range(mmio_ro_ranges, first, last)) ||
         (first <= PFN_DOWN(bootsym_phys(trampoline_end) - 1) &&
          last >= PFN_DOWN(bootsym_phys(trampoline_start))) )
        return false;

    if ( !write || !efi_enabled(EFI_RS) )
        return true;

    for ( mfn = first; mfn <= last; ++mfn )
        if ( page_is_ram_type(mfn, RAM_TYPE_RESERVED) )
            return false;

    return true;
}

/* 1: RAM, it is counted.  0: MMIO, nothing to refer to. */
static int get_slow(struct pv_iommu_dom *dom, unsigned long mfn, bool write)
{
    if ( mfn >> (paddr_bits - PAGE_SHIFT) )
        return -EPERM;

    if ( mfn_valid(_mfn(mfn)) )
    {
        struct page_info *pg = mfn_to_page(_mfn(mfn));
        const struct domain *owner = page_get_owner(pg);

        /* With a lock held, let nobody else's page end with our reference. */
        if ( owner != dom->d && owner != dom_io )
            return -EPERM;

        owner = page_get_owner_and_reference(pg);
        if ( likely(owner == dom->d) )
            return get_ram(dom, pg, mfn);

        if ( owner )
            put_page(pg);

        if ( owner != dom_io )
            return -EPERM;
    }

    return mmio_permitted(dom, mfn, mfn, write) ? 0 : -EPERM;
}

/* How many of @nr frames are MMIO as the first one is, asked as one. */
static unsigned long get_mmio(const struct pv_iommu_dom *dom,
                              unsigned long mfn, unsigned long nr, bool write)
{
    unsigned long i;

    if ( nr - 1 > (1UL << (paddr_bits - PAGE_SHIFT)) - 1 - mfn ||
         !mmio_permitted(dom, mfn, mfn + nr - 1, write) )
        return 1;

    for ( i = 1; i < nr; ++i )
        if ( mfn_valid(_mfn(mfn + i)) &&
             page_get_owner(mfn_to_page(_mfn(mfn + i))) != dom_io )
            break;

    return i;
}

static inline int get(struct pv_iommu_dom *dom, unsigned long mfn, bool write)
{
    return frame_get_again(dom, mfn) ? 1 : get_slow(dom, mfn, write);
}

/* Have a group's record count, if all of its frames can be mapped once more. */
static bool group_begin(struct pv_iommu_dom *dom, const uint32_t *frame,
                        uint32_t *group)
{
    unsigned int i = 0;

    spin_lock(&dom->record_lock);
    while ( i < GROUP_FRAMES && frame[i] - FRAME_REF < FRAME_FULL )
        ++i;
    if ( i == GROUP_FRAMES && !*group )
        write_atomic(group, FRAME_REF);
    spin_unlock(&dom->record_lock);

    return i == GROUP_FRAMES;
}

/*
 * Have the records of the frames of @mfn's group count, with record_lock held.  The
 * group's is marked first, so that nobody changes it any more, and then what it has
 * is given to them: until that is done they may have too little, and whoever finds
 * it so waits for the lock.
 */
void group_end(struct pv_iommu_dom *dom, unsigned long mfn)
{
    const struct pv_iommu_chunk *c = frame_chunk(dom, mfn);
    unsigned int i, first = mfn & (CHUNK_FRAMES - GROUP_FRAMES);
    uint32_t old, seen, *group;

    ASSERT(spin_is_locked(&dom->record_lock));

    if ( !c )
        return;

    group = &c->group[first >> GROUP_SHIFT];
    for ( seen = ACCESS_ONCE(*group); ; seen = old )
    {
        if ( !seen )
            return;

        old = cmpxchg(group, seen, seen | FRAME_LEAVING);
        if ( old == seen )
            break;
    }

    for ( i = 0; seen != FRAME_REF && i < GROUP_FRAMES; ++i )
        (void)arch_fetch_and_add(&c->frame[first + i], seen - FRAME_REF);
    write_atomic(group, 0);
}

/* Count one mapping more, or less, of a frame or a group. */
static inline bool count(uint32_t *r, bool more)
{
    return likely(more ? record_get(r) : record_put(r));
}

/* Count one mapping less of a frame whose record may not have it. */
static bool put_slow(struct pv_iommu_dom *dom, unsigned long mfn)
{
    bool done;

    spin_lock(&dom->record_lock);
    group_end(dom, mfn);
    done = record_put(frame_record(dom, mfn));
    spin_unlock(&dom->record_lock);

    return done;
}

/*
 * Count one mapping more, or one less, for a run of frames, up to the first that does
 * not allow it just like that; returns how many.
 */
static unsigned long always_inline count_run(struct pv_iommu_dom *dom,
                                             unsigned long mfn,
                                             unsigned long nr, bool more)
{
    unsigned long done = 0;

    while ( done < nr )
    {
        const struct pv_iommu_chunk *c = frame_chunk(dom, mfn + done);
        unsigned long first = (mfn + done) & (CHUNK_FRAMES - 1), i = first;
        unsigned long end = min(CHUNK_FRAMES, first + nr - done);

        if ( !c )
            break;

        while ( i < end )
        {
            uint32_t *group = &c->group[i >> GROUP_SHIFT];

            if ( !(i % GROUP_FRAMES) && end - i >= GROUP_FRAMES &&
                 (count(group, more) ||
                  (more && !ACCESS_ONCE(*group) &&
                   group_begin(dom, &c->frame[i], group) &&
                   count(group, more))) )
                i += GROUP_FRAMES;
            else if ( count(&c->frame[i], more) ||
                      (!more && put_slow(dom, mfn + done + i - first)) )
                ++i;
            else
                return done + i - first;
        }

        done += end - first;
    }

    return done;
}

/*
 * Count one more mapping for each of @nr frames, from @mfns[0] on or, if
 * @scattered, those of @mfns.  Returns how many from the first on are alike:
 * RAM, then @ram is true, or MMIO, of which there is no count.  Those behind
 * them are as they were.  An error is that of the first frame.
 */
long frames_get(struct pv_iommu_dom *dom, const unsigned long *mfns,
                bool scattered, unsigned long nr, bool write, bool *ram)
{
    unsigned long i = scattered ? 0 : count_run(dom, mfns[0], nr, true);
    int first = i ? 1 : get(dom, mfns[0], write);

    if ( unlikely(first < 0) )
        return first;

    if ( !first && !scattered )
    {
        *ram = false;
        return get_mmio(dom, mfns[0], nr, write);
    }

    for ( i = max(i, 1UL); i < nr; ++i )
    {
        unsigned long mfn = scattered ? mfns[i] : mfns[0] + i;
        int rc = get(dom, mfn, write);

        if ( likely(rc == first) )
            continue;

        if ( rc > 0 )
            frames_unget(dom, &mfn, false, 1);
        break;
    }

    *ram = first;

    return i;
}

/*
 * Undo frames_get() of @nr frames of RAM, with the address space's lock held all
 * along: so what is leaving by now has not been settled yet.
 */
void frames_unget(struct pv_iommu_dom *dom, const unsigned long *mfns,
                  bool scattered, unsigned long nr)
{
    unsigned long i = scattered ? 0 : count_run(dom, mfns[0], nr, false);

    spin_lock(&dom->record_lock);
    for ( ; i < nr; ++i )
    {
        unsigned long mfn = scattered ? mfns[i] : mfns[0] + i;

        group_end(dom, mfn);
        (void)arch_fetch_and_add(frame_record(dom, mfn), -1U);
    }
    spin_unlock(&dom->record_lock);
}

/*
 * record_put() of @nr frames, up to the first that does not go; returns how many.
 */
unsigned long frames_put(struct pv_iommu_dom *dom, unsigned long mfn,
                         unsigned long nr)
{
    return count_run(dom, mfn, nr, false);
}

/*
 * Entries for @nr frames of RAM are gone and flushed: count one mapping less
 * for each, and drop the reference of what the domain has parted with.
 */
void frames_drop(struct pv_iommu_dom *dom, unsigned long mfn,
                 unsigned long nr)
{
    while ( nr )
    {
        DECLARE_BITMAP(unused, DROP_FRAMES) = {};
        unsigned int i, n = min_t(unsigned long, nr, DROP_FRAMES);

        spin_lock(&dom->record_lock);
        for ( i = 0; i < n; ++i )
        {
            uint32_t *r = frame_record(dom, mfn + i);

            group_end(dom, mfn + i);
            if ( record_drop(r) )
            {
                write_atomic(r, 0);
                __set_bit(i, unused);
            }
        }
        spin_unlock(&dom->record_lock);

        for ( i = find_first_bit(unused, n); i < n;
              i = find_next_bit(unused, n, i + 1) )
            put_page(mfn_to_page(_mfn(mfn + i)));

        mfn += n;
        nr -= n;
    }
}

/*
 * Give back the records of a page of them, and the references that they stand
 * for; or look for one, in so many places.  No address space is left, or all that
 * has ever been mapped in the shared one is unreachable by now.  False if there is
 * none.
 */
bool frames_release_step(struct pv_iommu_dom *dom)
{
    /* Most have none, on a machine with much memory. */
    unsigned long end = min(dom->nr_chunks, dom->release_chunk + CHUNK_FRAMES);
    unsigned long chunk, i;

    ASSERT(spin_is_locked(&dom->ctl_lock));

    while ( dom->release_chunk < end && !dom->chunks[dom->release_chunk].frame )
        ++dom->release_chunk;

    chunk = dom->release_chunk;
    if ( chunk == end && end < dom->nr_chunks )
        return true;
    if ( chunk == end )
    {
        struct pv_iommu_chunk *chunks = dom->chunks;

        spin_lock(&dom->record_lock);
        dom->chunks = NULL;
        dom->nr_chunks = dom->release_chunk = 0;
        spin_unlock(&dom->record_lock);
        vfree(chunks);
        return false;
    }

    spin_lock(&dom->leave_lock);
    frames_settle(dom);

    for ( i = 0; i < CHUNK_FRAMES; ++i )
    {
        uint32_t r;

        spin_lock(&dom->record_lock);
        r = dom->chunks[chunk].frame[i];
        dom->chunks[chunk].frame[i] = 0;
        dom->chunks[chunk].group[i >> GROUP_SHIFT] = 0;
        spin_unlock(&dom->record_lock);

        if ( r )
            put_page(mfn_to_page(_mfn((chunk << CHUNK_SHIFT) + i)));
    }

    spin_lock(&dom->record_lock);
    free_xenheap_page(dom->chunks[chunk].frame);
    xfree(dom->chunks[chunk].group);
    dom->chunks[chunk] = (struct pv_iommu_chunk){};
    atomic_dec(&dom->nr_pages);
    spin_unlock(&dom->record_lock);

    spin_unlock(&dom->leave_lock);

    return true;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
