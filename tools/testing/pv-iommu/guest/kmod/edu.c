// SPDX-License-Identifier: GPL-2.0-only
/* The DMA engine of the edu device. */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/jiffies.h>

#include "dmatest.h"
#include "edu.h"

int dmt_edu_init(struct dmt_dev *dmt)
{
	u32 id = readl(dmt->bar + EDU_REG_ID);

	return (id & EDU_ID_MASK) == EDU_ID ? 0 : -ENODEV;
}

/**
 * dmt_edu_copy() - have the device copy between any bus address and its buffer
 * @dmt: the device
 * @addr: bus address; what lies there is not checked, that is the purpose
 * @len: bytes, at most EDU_MAX_COPY
 * @to_memory: direction
 *
 * Context: Process context, @dmt->lock held; takes 100 ms.
 * Return: 0 when the engine is done, whether or not the IOMMU let it through;
 * -EINVAL, -ETIMEDOUT.
 */
int dmt_edu_copy(struct dmt_dev *dmt, u64 addr, unsigned int len, bool to_memory)
{
	unsigned long end = jiffies + msecs_to_jiffies(EDU_TIMEOUT_MS);

	lockdep_assert_held(&dmt->lock);

	if (!len || len > EDU_MAX_COPY)
		return -EINVAL;

	writeq(to_memory ? EDU_BUF : addr, dmt->bar + EDU_REG_DMA_SRC);
	writeq(to_memory ? addr : EDU_BUF, dmt->bar + EDU_REG_DMA_DST);
	writeq(len, dmt->bar + EDU_REG_DMA_COUNT);
	writeq(EDU_DMA_START | (to_memory ? EDU_DMA_TO_MEMORY : 0),
	       dmt->bar + EDU_REG_DMA_CMD);
	while (readl(dmt->bar + EDU_REG_DMA_CMD) & EDU_DMA_START) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(1000, 2000);
	}
	return 0;
}

/* Pattern @seed from its offset @off on, from the device to @addr. */
int dmt_edu_write(struct dmt_dev *dmt, u64 addr, unsigned int len, u64 seed,
		  size_t off)
{
	u8 *scratch = dmt->scratch;
	unsigned int i;
	int ret;

	if (!len || len > EDU_MAX_COPY)
		return -EINVAL;
	for (i = 0; i < len; i++)
		scratch[i] = dmt_pattern(seed, off + i);
	ret = dmt_edu_copy(dmt, dmt->scratch_dma, len, false);
	return ret ?: dmt_edu_copy(dmt, addr, len, true);
}

/*
 * What the device reads at @addr, into @dmt->scratch.  The buffer in the
 * device is overwritten first: a read that fetches nothing must not show the
 * data of the read before.
 */
int dmt_edu_read(struct dmt_dev *dmt, u64 addr, unsigned int len)
{
	int ret;

	if (!len || len > EDU_MAX_COPY)
		return -EINVAL;
	memset(dmt->scratch, 0xe5, len);
	ret = dmt_edu_copy(dmt, dmt->scratch_dma, len, false);
	if (ret)
		return ret;
	ret = dmt_edu_copy(dmt, addr, len, false);
	if (ret)
		return ret;
	memset(dmt->scratch, 0xbd, len);
	return dmt_edu_copy(dmt, dmt->scratch_dma, len, true);
}
