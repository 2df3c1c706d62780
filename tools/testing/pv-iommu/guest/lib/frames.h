/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine frames of this program's pages, without help from a kernel module:
 * /proc/self/pagemap gives the PFN, and Xen's machine-to-physical table, which
 * a dom0 may read, is searched for it.  Without Xen the PFN is the frame.
 */

#ifndef PVIOMMU_FRAMES_H
#define PVIOMMU_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_NONE	(~0UL)

/* What the machine-to-physical table says where no domain has the frame. */
#define M2P_INVALID	(~0UL)

/* 0 or a negative errno.  Reads the whole table once. */
int frames_init(void);
bool frames_under_xen(void);

/* The PFN behind @va, which must be present; FRAME_NONE when it is not. */
unsigned long frames_pfn(const void *va);
/* The machine frame behind @va, or FRAME_NONE. */
unsigned long frames_gfn(const void *va);

/* Under Xen only: frames [0, frames_nr()) have an entry, read live. */
unsigned long frames_nr(void);
unsigned long frames_m2p(unsigned long mfn);

/*
 * The types of @nr frames as Xen's getpageframeinfo3 tells them for domain 0;
 * FRAME_XTAB where it has no reference to give: the frame is not domain 0's
 * or one of Xen's own that are shared with it.
 */
#define FRAME_XTAB	(0xfUL << 28)
#define FRAME_LTAB_MASK	(0x7UL << 28)
int frames_types(unsigned long *frames, unsigned int nr);

#endif /* PVIOMMU_FRAMES_H */
