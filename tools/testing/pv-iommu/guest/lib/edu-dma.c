// SPDX-License-Identifier: GPL-2.0-only
/* The DMA engine of QEMU's edu device, for programs. */

#include <errno.h>
#include <unistd.h>

#include "edu-dma.h"
#include "edu.h"
#include "mmio.h"

/*
 * Copy @len bytes between a bus address and the device's buffer.  Returns 0 when it is
 * done, whatever became of it, or -1 with errno ETIMEDOUT.
 */
int edu_dma(uint8_t *bar, uint64_t addr, unsigned int len, bool to_memory)
{
	unsigned int ms;

	mmio_write64(bar, EDU_REG_DMA_SRC, to_memory ? EDU_BUF : addr);
	mmio_write64(bar, EDU_REG_DMA_DST, to_memory ? addr : EDU_BUF);
	mmio_write64(bar, EDU_REG_DMA_COUNT, len);
	mmio_write64(bar, EDU_REG_DMA_CMD,
		     EDU_DMA_START | (to_memory ? EDU_DMA_TO_MEMORY : 0));
	for (ms = 0; mmio_read32(bar, EDU_REG_DMA_CMD) & EDU_DMA_START;
	     ms += 5) {
		if (ms > EDU_TIMEOUT_MS) {
			errno = ETIMEDOUT;
			return -1;
		}
		usleep(5000);
	}
	return 0;
}
