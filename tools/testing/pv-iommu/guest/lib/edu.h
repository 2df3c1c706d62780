/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's "edu" device, as far as its DMA engine goes.  For programs and for
 * modules, therefore numbers only.
 *
 * The engine copies between memory and a buffer inside the device, which has
 * addresses of its own, is not reachable by the CPU, and keeps its content.
 * A copy starts 100 ms after the command.  There is no error status: what the
 * IOMMU refuses is neither written nor, on a read, told apart from zeros.
 *
 * QEMU aborts ("out of bounds") when a copy leaves the buffer or ends exactly
 * at its end.
 */

#ifndef PVIOMMU_EDU_H
#define PVIOMMU_EDU_H

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8

#define EDU_REG_ID		0x00
#define EDU_ID_MASK		0x0000ffff
#define EDU_ID			0x000000ed

#define EDU_REG_DMA_SRC		0x80
#define EDU_REG_DMA_DST		0x88
#define EDU_REG_DMA_COUNT	0x90
#define EDU_REG_DMA_CMD		0x98

#define EDU_DMA_START		0x1	/* reads as 1 while at work */
#define EDU_DMA_TO_MEMORY	0x2	/* else from memory to the device */

#define EDU_BUF			0x40000
#define EDU_MAX_COPY		2048	/* half of the buffer: see above */

#define EDU_TIMEOUT_MS		5000

#endif /* PVIOMMU_EDU_H */
