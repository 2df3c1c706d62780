/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine as a whole, as Xen tells dom0 about it. */

#ifndef PVIOMMU_MACHINE_H
#define PVIOMMU_MACHINE_H

#include <stdbool.h>

/* Reads the machine's memory map; 0 or a negative errno. */
int machine_init(void);
/* Is it RAM by that map, all of the frame? */
bool machine_is_ram(unsigned long mfn);

/* Pages that Xen could hand out now; negative errno when it does not say. */
long machine_free_pages(void);

/* May dom0's CPU map the frame?  0, or a negative errno. */
int machine_cpu_may(unsigned long mfn, bool write);

/*
 * Register blocks of the IOMMUs, from the ACPI tables (which Xen hides from
 * Linux, but does not remove): up to @max frames; returns how many.
 */
unsigned int machine_iommus(unsigned long *mfns, unsigned int max);
/* The first frame of PCI's memory-mapped configuration space, or 0. */
unsigned long machine_mmcfg(void);

#endif /* PVIOMMU_MACHINE_H */
