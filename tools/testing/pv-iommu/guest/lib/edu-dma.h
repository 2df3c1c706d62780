/* SPDX-License-Identifier: GPL-2.0-only */
/* The DMA engine of QEMU's edu device, for programs. */

#ifndef PVIOMMU_EDU_DMA_H
#define PVIOMMU_EDU_DMA_H

#include <stdbool.h>
#include <stdint.h>

int edu_dma(uint8_t *bar, uint64_t addr, unsigned int len, bool to_memory);

#endif /* PVIOMMU_EDU_DMA_H */
