// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the debugfs file "ctl".  One command a write, in the form
 * "NAME key=value ...", which returns when it is done and fails as the command
 * fails; reading gives the "key value" lines of the last command.
 *
 *   mask bits=N [coherent=N]
 *   alloc buf=I kind=coherent|single|sg size=N [dir=to|from|both] [offset=N]
 *         [seed=N]         coherent: mapped with it
 *   map|unmap|free|show buf=I
 *   fill buf=I seed=N [off=N len=N]      by the CPU
 *   verify buf=I seed=N [off=N len=N]    by the CPU; fails with -EILSEQ
 *   edu_write addr=N len=N seed=N [off=N]  device to memory, any bus address;
 *                          off: where in the pattern to begin
 *   edu_read addr=N len=N [seed=N] [off=N] memory to device, shown
 *   edu_check buf=I seed=N [chunk=N] [pages=N]
 *                          the device and the CPU see each other's data in
 *                          each of the first N pages; fails with -EILSEQ
 *   lookup buf=I | lookup addr=N         through the hypervisor
 *   blocks, aligned, list, reuse, stress, exhaust, nomem, scarce, hog, given, iova
 *                          see blocks.c, list.c, reuse.c, stress.c, exhaust.c,
 *                          nomem.c, given.c, iova.c
 */

#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <xen/interface/iommu_op.h>

#include "dmatest.h"

#define MAX_COMMAND	256

static const char *find_arg(const char *args, const char *key)
{
	size_t n = strlen(key);

	while (*args) {
		args = skip_spaces(args);
		if (!strncmp(args, key, n) && args[n] == '=')
			return args + n + 1;
		args += strcspn(args, " ");
	}
	return NULL;
}

/* False when there is no such argument; @val is left alone then. */
bool dmt_arg_u64(const char *args, const char *key, u64 *val)
{
	const char *s = find_arg(args, key);
	char word[24];
	size_t n;

	if (!s)
		return false;
	n = strcspn(s, " ");
	if (n >= sizeof(word))
		return false;
	memcpy(word, s, n);
	word[n] = 0;
	return !kstrtou64(word, 0, val);
}

bool dmt_arg_is(const char *args, const char *key, const char *val)
{
	const char *s = find_arg(args, key);
	size_t n = strlen(val);

	return s && !strncmp(s, val, n) && (!s[n] || s[n] == ' ');
}

struct dmt_buf *dmt_arg_buf(struct dmt_dev *dmt, const char *args)
{
	u64 i;

	if (!dmt_arg_u64(args, "buf", &i) || i >= DMT_NR_BUFS)
		return NULL;
	return &dmt->buf[i];
}

/* The part off=, len= of a buffer; all of it without these. */
static bool arg_part(const char *args, struct dmt_buf *buf, u64 *off, u64 *len)
{
	*off = 0;
	dmt_arg_u64(args, "off", off);
	if (*off >= buf->size)
		return false;
	*len = buf->size - *off;
	dmt_arg_u64(args, "len", len);
	return *len && *len <= buf->size - *off;
}

static int cmd_mask(struct dmt_dev *dmt, const char *args)
{
	u64 bits, coherent;

	if (!dmt_arg_u64(args, "bits", &bits) || !bits || bits > 64)
		return -EINVAL;
	coherent = bits;
	dmt_arg_u64(args, "coherent", &coherent);
	if (!coherent || coherent > 64)
		return -EINVAL;
	return dma_set_mask(&dmt->pdev->dev, DMA_BIT_MASK(bits)) ?:
	       dma_set_coherent_mask(&dmt->pdev->dev, DMA_BIT_MASK(coherent));
}

static int cmd_show(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	struct scatterlist *sg;
	unsigned int i;

	if (!buf || !buf->allocated)
		return -EINVAL;
	seq_buf_printf(dmt->out, "size %zu\nmapped %d\n", buf->size, buf->mapped);
	if (!buf->mapped)
		return 0;
	if (buf->kind != DMT_SG) {
		seq_buf_printf(dmt->out, "segs 1\naddr %#llx\n", (u64)buf->dma);
		return 0;
	}
	seq_buf_printf(dmt->out, "segs %u\naddr %#llx\n", buf->sgt.nents,
		       (u64)sg_dma_address(buf->sgt.sgl));
	for_each_sgtable_dma_sg(&buf->sgt, sg, i)
		seq_buf_printf(dmt->out, "seg%u %#llx %u\n", i,
			       (u64)sg_dma_address(sg), sg_dma_len(sg));
	return 0;
}

static int cmd_alloc(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	u64 size = 0, offset = 0, seed = 1;
	int ret;

	if (!buf || buf->allocated || !dmt_arg_u64(args, "size", &size))
		return -EINVAL;
	dmt_arg_u64(args, "offset", &offset);
	dmt_arg_u64(args, "seed", &seed);

	memset(buf, 0, sizeof(*buf));
	buf->size = size;
	buf->offset = min_t(u64, offset, PAGE_SIZE);
	if (dmt_arg_is(args, "kind", "coherent"))
		buf->kind = DMT_COHERENT;
	else if (dmt_arg_is(args, "kind", "single"))
		buf->kind = DMT_SINGLE;
	else if (dmt_arg_is(args, "kind", "sg"))
		buf->kind = DMT_SG;
	else
		return -EINVAL;
	if (dmt_arg_is(args, "dir", "to"))
		buf->dir = DMA_TO_DEVICE;
	else if (dmt_arg_is(args, "dir", "from"))
		buf->dir = DMA_FROM_DEVICE;
	else if (!find_arg(args, "dir") || dmt_arg_is(args, "dir", "both"))
		buf->dir = DMA_BIDIRECTIONAL;
	else
		return -EINVAL;

	ret = dmt_buf_alloc(&dmt->pdev->dev, buf, seed, GFP_KERNEL);
	return ret ?: cmd_show(dmt, args);
}

static int cmd_map(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	int ret;

	if (!buf || !buf->allocated || buf->mapped)
		return -EINVAL;
	ret = dmt_buf_map(&dmt->pdev->dev, buf);
	return ret ?: cmd_show(dmt, args);
}

static int cmd_unmap(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);

	if (!buf || !buf->mapped || buf->kind == DMT_COHERENT)
		return -EINVAL;
	dmt_buf_unmap(&dmt->pdev->dev, buf);
	return 0;
}

static int cmd_free(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);

	if (!buf || !buf->allocated || (buf->mapped && buf->kind != DMT_COHERENT))
		return -EINVAL;
	dmt_buf_free(&dmt->pdev->dev, buf);
	return 0;
}

static int cmd_fill(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	u64 seed, off, len;

	if (!buf || !buf->allocated || !dmt_arg_u64(args, "seed", &seed) ||
	    !arg_part(args, buf, &off, &len))
		return -EINVAL;
	dmt_buf_fill(buf, seed, off, len);
	return 0;
}

static int cmd_verify(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	u64 seed, off, len;
	size_t bad, first = 0;

	if (!buf || !buf->allocated || !dmt_arg_u64(args, "seed", &seed) ||
	    !arg_part(args, buf, &off, &len))
		return -EINVAL;
	bad = dmt_buf_verify(buf, seed, off, len, &first);
	seq_buf_printf(dmt->out, "bytes %llu\nbad %zu\n", len, bad);
	if (bad)
		seq_buf_printf(dmt->out, "first_bad %#zx\n", first);
	return bad ? -EILSEQ : 0;
}

static int cmd_edu_write(struct dmt_dev *dmt, const char *args)
{
	u64 addr, len, seed, off = 0;

	if (!dmt_arg_u64(args, "addr", &addr) || !dmt_arg_u64(args, "len", &len) ||
	    !dmt_arg_u64(args, "seed", &seed) || len > PAGE_SIZE)
		return -EINVAL;
	dmt_arg_u64(args, "off", &off);
	return dmt_edu_write(dmt, addr, len, seed, off);
}

static int cmd_edu_read(struct dmt_dev *dmt, const char *args)
{
	u64 addr, len, seed, off = 0;
	u8 *data = dmt->scratch;
	size_t i, same = 0;
	int ret;

	if (!dmt_arg_u64(args, "addr", &addr) || !dmt_arg_u64(args, "len", &len) ||
	    len > PAGE_SIZE)
		return -EINVAL;
	dmt_arg_u64(args, "off", &off);
	ret = dmt_edu_read(dmt, addr, len);
	if (ret)
		return ret;

	seq_buf_printf(dmt->out, "data %*phN\n", (int)min_t(u64, len, 32), data);
	seq_buf_printf(dmt->out, "zeros %d\n", !memchr_inv(data, 0, len));
	if (dmt_arg_u64(args, "seed", &seed)) {
		for (i = 0; i < len; i++)
			same += data[i] == dmt_pattern(seed, off + i);
		seq_buf_printf(dmt->out, "match %d\nsame %zu\n", same == len, same);
	}
	return 0;
}

/* Bytes that came over wrong in [off, off + n). */
static int check_chunk(struct dmt_dev *dmt, struct dmt_buf *buf, u64 seed,
		       size_t off, unsigned int n, size_t *bad)
{
	struct device *dev = &dmt->pdev->dev;
	u64 addr = dmt_buf_dma(buf, off);
	size_t first;
	unsigned int i;
	int ret;

	if (buf->dir != DMA_TO_DEVICE) {
		ret = dmt_edu_write(dmt, addr, n, seed, off);
		if (ret)
			return ret;
		dmt_buf_sync(dev, buf, true);
		*bad += dmt_buf_verify(buf, seed, off, n, &first);
	}
	if (buf->dir != DMA_FROM_DEVICE) {
		seed = ~seed;
		dmt_buf_sync(dev, buf, true);
		dmt_buf_fill(buf, seed, off, n);
		dmt_buf_sync(dev, buf, false);
		ret = dmt_edu_read(dmt, addr, n);
		if (ret)
			return ret;
		for (i = 0; i < n; i++)
			*bad += ((u8 *)dmt->scratch)[i] != dmt_pattern(seed, off + i);
	}
	return 0;
}

static int cmd_edu_check(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	u64 seed, chunk = 64, pages = ~0ULL, done = 0;
	size_t off = 0, page_end, bad = 0;
	int ret;

	dmt_arg_u64(args, "chunk", &chunk);
	dmt_arg_u64(args, "pages", &pages);
	if (!buf || !buf->mapped || !dmt_arg_u64(args, "seed", &seed) || !chunk ||
	    chunk > PAGE_SIZE / 2)
		return -EINVAL;

	for (; off < buf->size && done < pages; off = page_end, done++) {
		page_end = off + PAGE_SIZE - (buf->offset + off) % PAGE_SIZE;
		ret = check_chunk(dmt, buf, seed, off,
				  min3(chunk, (u64)(page_end - off),
				       (u64)(buf->size - off)), &bad);
		if (ret)
			return ret;
	}
	seq_buf_printf(dmt->out, "pages %llu\nbad %zu\n", done, bad);
	return bad ? -EILSEQ : 0;
}

static int cmd_lookup(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);
	struct dmt_lookup res = {};
	u32 pgsize, flags;
	u64 addr, gfn;
	int ret;

	if (dmt_arg_u64(args, "addr", &addr)) {
		ret = dmt_lookup_one(dmt, addr >> PAGE_SHIFT, &gfn, &pgsize,
				     &flags);
		if (ret)
			return ret;
		seq_buf_printf(dmt->out, "gfn %#llx\npgsize %#x\nflags %s%s\n",
			       gfn, pgsize,
			       flags & XEN_IOMMU_MAP_readable ? "r" : "",
			       flags & XEN_IOMMU_MAP_writable ? "w" : "");
		return 0;
	}
	if (!buf || !buf->mapped)
		return -EINVAL;
	if (!dmt_lookup_available(dmt))
		return -EOPNOTSUPP;
	dmt_lookup_mapped(dmt, buf, &res);
	seq_buf_printf(dmt->out, "pages %llu\nwrong %llu\nerrors %llu\n",
		       res.pages, res.wrong, res.errors);
	if (res.wrong)
		seq_buf_printf(dmt->out, "first_wrong_dfn %#llx\n",
			       res.first_wrong_dfn);
	return res.wrong || res.errors ? -EILSEQ : 0;
}

static const struct {
	const char *name;
	int (*run)(struct dmt_dev *dmt, const char *args);
} commands[] = {
	{ "mask", cmd_mask },
	{ "alloc", cmd_alloc },
	{ "map", cmd_map },
	{ "unmap", cmd_unmap },
	{ "free", cmd_free },
	{ "show", cmd_show },
	{ "fill", cmd_fill },
	{ "verify", cmd_verify },
	{ "edu_write", cmd_edu_write },
	{ "edu_read", cmd_edu_read },
	{ "edu_check", cmd_edu_check },
	{ "lookup", cmd_lookup },
	{ "blocks", dmt_blocks },
	{ "aligned", dmt_aligned },
	{ "list", dmt_list },
	{ "reuse", dmt_reuse },
	{ "stress", dmt_stress },
	{ "exhaust", dmt_exhaust },
	{ "nomem", dmt_nomem },
	{ "scarce", dmt_scarce },
	{ "hog", dmt_hog },
	{ "given", dmt_given },
#ifdef DMT_HAS_IOVA
	{ "iova", dmt_iova },
#endif
};

static int run(struct dmt_dev *dmt, const char *line)
{
	size_t n = strcspn(line, " "), i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (strlen(commands[i].name) == n &&
		    !strncmp(line, commands[i].name, n))
			return commands[i].run(dmt, line + n);
	return -EINVAL;
}

static ssize_t ctl_write(struct file *file, const char __user *from, size_t count,
			 loff_t *pos)
{
	struct dmt_dev *dmt = file->private_data;
	struct seq_buf out;
	char *line;
	int ret;

	if (count > MAX_COMMAND)
		return -E2BIG;
	line = memdup_user_nul(from, count);
	if (IS_ERR(line))
		return PTR_ERR(line);

	mutex_lock(&dmt->lock);
	seq_buf_init(&out, dmt->result, DMT_RESULT_SIZE - 1);
	dmt->out = &out;
	ret = run(dmt, strim(line));
	seq_buf_printf(&out, "ret %d\n", ret);
	dmt->out = NULL;
	dmt->result[min(out.len, out.size)] = 0;
	mutex_unlock(&dmt->lock);

	kfree(line);
	return ret ?: count;
}

static ssize_t ctl_read(struct file *file, char __user *to, size_t count,
			loff_t *pos)
{
	struct dmt_dev *dmt = file->private_data;
	ssize_t ret;

	mutex_lock(&dmt->lock);
	ret = simple_read_from_buffer(to, count, pos, dmt->result,
				      strlen(dmt->result));
	mutex_unlock(&dmt->lock);
	return ret;
}

const struct file_operations dmt_ctl_fops = {
	.open = simple_open,
	.read = ctl_read,
	.write = ctl_write,
	.llseek = default_llseek,
};
