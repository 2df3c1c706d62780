/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entries.h: loops over the entries of one table, four at a time.
 */

#ifndef __PV_IOMMU_ENTRIES_H__
#define __PV_IOMMU_ENTRIES_H__

#include "private.h"

/* Is none of @nr entries in use? */
static inline bool all_free(const struct pv_iommu *p, const uint64_t *e,
                            unsigned int nr)
{
    uint64_t any = 0;

    for ( ; nr >= 4; nr -= 4, e += 4 )
        any |= e[0] | e[1] | e[2] | e[3];
    while ( nr )
        any |= e[--nr];

    return likely(!present(p, any));
}

/*
 * Write @nr entries, each @step more than the last.  The hardware may read them
 * meanwhile, so each is written as a whole.
 */
static inline void write_run(uint64_t *e, uint64_t val, uint64_t step,
                             unsigned int nr)
{
    for ( ; nr >= 4; nr -= 4, e += 4, val += 4 * step )
    {
        write_atomic(&e[0], val);
        write_atomic(&e[1], val + step);
        write_atomic(&e[2], val + 2 * step);
        write_atomic(&e[3], val + 3 * step);
    }

    for ( ; nr; --nr, val += step )
        write_atomic(e++, val);
}

/* How many of @n entries go on as @e[0] begins? */
static inline unsigned int run_length(const uint64_t *e, unsigned int n)
{
    uint64_t val = *e;
    unsigned int i = 0;

    for ( ; i + 4 <= n; i += 4, val += 4 * PAGE_SIZE )
        if ( ((e[i] ^ val) | (e[i + 1] ^ (val + PAGE_SIZE)) |
              (e[i + 2] ^ (val + 2 * PAGE_SIZE)) |
              (e[i + 3] ^ (val + 3 * PAGE_SIZE))) )
            break;

    for ( ; i < n && e[i] == val; val += PAGE_SIZE )
        ++i;

    return i;
}

#endif /* __PV_IOMMU_ENTRIES_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
