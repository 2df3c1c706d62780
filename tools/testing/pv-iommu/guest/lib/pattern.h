/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The patterns of pviommu-dmatest (kmod/dmatest.h), for programs and for other
 * modules: what one of them writes the others, and the edu device, verify.
 */

#ifndef PVIOMMU_PATTERN_H
#define PVIOMMU_PATTERN_H

static inline unsigned long long pattern_mix(unsigned long long x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* The byte at @off of the pattern @seed. */
static inline unsigned char pattern_byte(unsigned long long seed,
					 unsigned long off)
{
	return pattern_mix(pattern_mix(seed) ^ (off / 8)) >> (off % 8 * 8);
}

#endif /* PVIOMMU_PATTERN_H */
