/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of a device that is mapped: each access is one, and in order. */

#ifndef PVIOMMU_MMIO_H
#define PVIOMMU_MMIO_H

#include <stdint.h>

static inline uint32_t mmio_read32(uint8_t *bar, unsigned int reg)
{
	return __atomic_load_n((uint32_t *)(bar + reg), __ATOMIC_SEQ_CST);
}

static inline void mmio_write32(uint8_t *bar, unsigned int reg, uint32_t val)
{
	__atomic_store_n((uint32_t *)(bar + reg), val, __ATOMIC_SEQ_CST);
}

static inline void mmio_write64(uint8_t *bar, unsigned int reg, uint64_t val)
{
	__atomic_store_n((uint64_t *)(bar + reg), val, __ATOMIC_SEQ_CST);
}

#endif /* PVIOMMU_MMIO_H */
