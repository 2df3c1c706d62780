// SPDX-License-Identifier: GPL-2.0-only
/* Bad handles, bad sizes, bad counts, forged continuations. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hostile.h"
#include "lib/frames.h"

#define XEN_START	0xffff800000000000UL
#define XEN_END		0xffff880000000000UL

/* Three pages in a row: usable, read-only with a query_caps in it, nothing. */
static struct xen_iommu_op *good;
static struct xen_iommu_op *ro;
static uint8_t *hole;

static const char *const bad_name[] = {
	"NULL", "low", "end of the lower half", "non-canonical",
	"end of no man's land", "Xen: begin", "Xen: M2P", "Xen: frame table",
	"Xen: text", "Xen: direct map", "Xen: end", "kernel: nothing there",
	"last byte", "unmapped page", "odd address in an unmapped page",
	"kernel: read-only data",
};

static uint64_t bad_addr[ARRAY_SIZE(bad_name)] = {
	0, 8, 0x00007ffffffffff0UL, 0x0000800000000000UL,
	0xffff7ffffffffff0UL, XEN_START, 0xffff800000000000UL + 0x1000,
	0xffff82e000000000UL, 0xffff82d040200000UL, 0xffff830000000000UL,
	XEN_END - 16, 0xffffff8000001000UL,
	~0UL, 0, 0, 0,
};

static unsigned int nr_bad = ARRAY_SIZE(bad_name);

/* The kernel's banner: read-only, and no operation in it. */
static uint64_t kernel_rodata(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char type, sym[256], line[512];
	uint64_t addr, found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %c %255s", &addr, &type, sym) == 3 &&
		    !strcmp(sym, "linux_banner"))
			found = addr;
	if (f)
		fclose(f);
	return found;
}

static bool setup(void)
{
	uint8_t *p = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xen_iommu_op caps = { .op = XEN_IOMMUOP_query_caps };

	if (p == MAP_FAILED)
		return false;
	memset(p, 0, 3 * PAGE_SIZE);
	good = (void *)p;
	ro = (void *)(p + PAGE_SIZE);
	hole = p + 2 * PAGE_SIZE;
	ro[0] = caps;
	ro[0].status = STATUS_PRESET;
	if (mlock(p, 2 * PAGE_SIZE) || munmap(hole, PAGE_SIZE) ||
	    mprotect(ro, PAGE_SIZE, PROT_READ))
		return false;

	bad_addr[nr_bad - 3] = (uint64_t)hole;
	bad_addr[nr_bad - 2] = (uint64_t)hole + 7;
	bad_addr[nr_bad - 1] = kernel_rodata();
	if (!bad_addr[nr_bad - 1])
		nr_bad--;
	return true;
}

static void put_caps(struct xen_iommu_op *op, unsigned int nr)
{
	memset(op, 0, nr * sizeof(*op));
	for (; nr--; op++) {
		op->op = XEN_IOMMUOP_query_caps;
		op->status = STATUS_PRESET;
	}
}

static void test_bad_buf_handles(void)
{
	struct xen_iommu_op_buf buf[2];
	unsigned int i;
	char name[96];
	long ret;

	for (i = 0; i < nr_bad; i++) {
		snprintf(name, sizeof(name), "operations at %s", bad_name[i]);
		buf[0].h.q = bad_addr[i];
		buf[0].size = sizeof(*good);
		ret = hyp_iommu_op(1, buf);
		if (expect(name, ret, -EFAULT))
			expect(name, hyp_iommu_op(1, buf), -EFAULT);

		/* No operations there: nothing to be read. */
		snprintf(name, sizeof(name), "no operations at %s", bad_name[i]);
		buf[0].size = 0;
		expect(name, hyp_iommu_op(1, buf), 0);

		snprintf(name, sizeof(name), "second buffer at %s", bad_name[i]);
		put_caps(good, 1);
		buf[0].h.p = good;
		buf[0].size = sizeof(*good);
		buf[1].h.q = bad_addr[i];
		buf[1].size = sizeof(*good) * 16;
		ret = hyp_iommu_op(2, buf);
		expect(name, ret, -EFAULT);
		check(!good->status, "the buffer before it is done", "status %s (%s)",
		      hyp_strerr(good->status), name);
	}
}

static void test_bad_descriptors(void)
{
	unsigned int i;
	char name[96];

	for (i = 0; i < nr_bad; i++) {
		/* Text as descriptor: it is read, and makes no sense. */
		bool readable = !strncmp(bad_name[i], "kernel: read", 12);

		snprintf(name, sizeof(name), "descriptors at %s", bad_name[i]);
		if (readable)
			expect_either(name, hyp_iommu_op(1, (void *)bad_addr[i]),
				      -EINVAL, -EFAULT);
		else
			expect(name, hyp_iommu_op(1, (void *)bad_addr[i]), -EFAULT);
		snprintf(name, sizeof(name), "no descriptors at %s", bad_name[i]);
		expect(name, hyp_iommu_op(0, (void *)bad_addr[i]), 0);
		snprintf(name, sizeof(name), "65 descriptors at %s", bad_name[i]);
		expect(name, hyp_iommu_op(65, (void *)bad_addr[i]), -E2BIG);
	}
}

static void test_straddle(void)
{
	/* The end of the usable page before the read-only one, and of that. */
	struct xen_iommu_op_buf *end = (void *)hole;
	struct xen_iommu_op *op = (void *)ro;
	struct xen_iommu_op_buf buf = { .size = 2 * sizeof(*op) };
	unsigned int i;
	long ret;

	/* One operation that can be written, then one that cannot. */
	put_caps(op - 1, 1);
	buf.h.p = op - 1;
	ret = hyp_iommu_op(1, &buf);
	expect("operations reaching into a read-only page", ret, -EFAULT);
	check(ro->status == STATUS_PRESET, "the read-only page is unchanged",
	      "status %s", hyp_strerr(ro->status));

	/* Operations that cannot be read: those before are done. */
	mprotect(ro, PAGE_SIZE, PROT_READ | PROT_WRITE);
	op = (struct xen_iommu_op *)hole - 20;
	put_caps(op, 20);
	buf.h.p = op;
	buf.size = 40 * sizeof(*op);
	ret = hyp_iommu_op(1, &buf);
	expect("operations reaching into an unmapped page", ret, -EFAULT);
	for (i = 0; i < 20 && !op[i].status; i++)
		;
	check(i == 20, "those before the one that could not be read are done",
	      "number %u is not", i);

	/* An operation in two pages of which the second is not there. */
	op = (void *)(hole - 16);
	put_caps(op - 1, 1);
	op->op = XEN_IOMMUOP_query_caps;
	op->status = STATUS_PRESET;
	buf.h.p = op - 1;
	buf.size = 2 * sizeof(*op);
	ret = hyp_iommu_op(1, &buf);
	expect("operation straddling into an unmapped page", ret, -EFAULT);
	check(!op[-1].status, "the operation before it is done", "%s",
	      hyp_strerr(op[-1].status));
	check(op->status == STATUS_PRESET, "the operation itself is not", "%s",
	      hyp_strerr(op->status));

	/* Descriptors in two pages: none is used. */
	put_caps(good, 1);
	end[-1].h.p = good;
	end[-1].size = sizeof(*good);
	ret = hyp_iommu_op(2, end - 1);
	expect("descriptors straddling into an unmapped page", ret, -EFAULT);
	check(good->status == STATUS_PRESET, "no operation was reached", "%s",
	      hyp_strerr(good->status));
	expect("one descriptor before an unmapped page",
	       hyp_iommu_op(1, end - 1), 0);

	/* All across a page end, but in order. */
	op = (struct xen_iommu_op *)((uint8_t *)ro - 16);
	put_caps(op, 1);
	buf.h.p = op;
	buf.size = sizeof(*op);
	expect("operation across a page end", hyp_iommu_op(1, &buf), 0);
	expect("its status", op->status, 0);
	mprotect(ro, PAGE_SIZE, PROT_READ);

	/* Nothing says that operations are aligned; x86 does not need it. */
	op = (struct xen_iommu_op *)((uint8_t *)good + 1);
	put_caps(op, 2);
	buf.h.p = op;
	buf.size = 2 * sizeof(*op);
	expect("unaligned operations", hyp_iommu_op(1, &buf), 0);
	expect("unaligned status", op[1].status, 0);
}

static void test_sizes(void)
{
	static const uint64_t bad[] = {
		1, 8, 31, 33, 63, 4097, ~0UL, 0x8000000000000001UL, 0xffffffffUL,
	};
	static const uint64_t big[] = {
		0x8000000000000000UL, 0x0800000000000000UL, 1UL << 32,
		(1UL << 37) + 32, ~31UL, 0x7fffffffffffffe0UL,
	};
	struct xen_iommu_op_buf buf[2] = {
		{ .size = sizeof(*good) }, { .size = sizeof(*good) },
	};
	unsigned int i, max = env.caps.max_ops;
	struct xen_iommu_op *ops;
	char name[64];

	buf[0].h.p = good;
	buf[1].h.p = good + 1;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(name, sizeof(name), "size %#lx", bad[i]);
		put_caps(good, 2);
		buf[1].size = bad[i];
		/* It is both a bad size and too big, in some cases. */
		expect_either(name, hyp_iommu_op(2, buf), -EINVAL,
			      bad[i] > max * 32UL ? -E2BIG : -EINVAL);
		check(good->status == STATUS_PRESET, "bad size: no operation reached",
		      "%s", hyp_strerr(good->status));
	}
	for (i = 0; i < ARRAY_SIZE(big); i++) {
		snprintf(name, sizeof(name), "size %#lx", big[i]);
		put_caps(good, 2);
		buf[1].size = big[i];
		expect(name, hyp_iommu_op(2, buf), -E2BIG);
		check(good->status == STATUS_PRESET, "big size: no operation reached",
		      "%s", hyp_strerr(good->status));
	}

	ops = hyp_alloc((max + 1) * sizeof(*ops));
	put_caps(ops, max + 1);
	buf[0].h.p = ops;
	buf[0].size = max * sizeof(*ops);
	expect("max_ops operations", hyp_iommu_op(1, buf), 0);
	for (i = 0; i < max && !ops[i].status; i++)
		;
	check(i == max && ops[max].status == STATUS_PRESET, "max_ops statuses",
	      "number %u: %s", i, hyp_strerr(ops[i].status));
	put_caps(ops, max + 1);
	buf[0].size = (max + 1) * sizeof(*ops);
	expect("max_ops + 1 operations", hyp_iommu_op(1, buf), -E2BIG);
	check(ops[0].status == STATUS_PRESET, "too many: no operation reached",
	      "%s", hyp_strerr(ops[0].status));
	hyp_free(ops, (max + 1) * sizeof(*ops));
}

static void test_counts(void)
{
	static const uint64_t big[] = { 65, 66, 127, 128, 0x100, 0xffff, 0x10000,
					0x7fffffff };
	struct xen_iommu_op_buf *buf = hyp_alloc(2 * PAGE_SIZE);
	unsigned int i;
	char name[64];
	long ret;

	for (i = 0; i < 2 * PAGE_SIZE / sizeof(*buf); i++) {
		buf[i].h.p = good;
		buf[i].size = sizeof(*good);
	}
	expect("0 buffers", hyp_iommu_op(0, buf), 0);
	expect("0 buffers, NULL", hyp_iommu_op(0, NULL), 0);
	put_caps(good, 1);
	expect("64 buffers, all the same", hyp_iommu_op(64, buf), 0);
	expect("their status", good->status, 0);
	for (i = 0; i < ARRAY_SIZE(big); i++) {
		snprintf(name, sizeof(name), "%lu buffers", big[i]);
		put_caps(good, 1);
		expect(name, hyp_iommu_op(big[i], buf), -E2BIG);
		check(good->status == STATUS_PRESET, "too many buffers: none is reached",
		      "%s", hyp_strerr(good->status));
	}
	/*
	 * The number is an unsigned int: what is above it is cut off or
	 * refused.  With bit 31 it may look like a continuation.
	 */
	for (i = 31; i < 64; i++) {
		snprintf(name, sizeof(name), "buffers 1 + 2^%u", i);
		put_caps(good, 1);
		ret = hyp_iommu_op(1UL << i | 1, buf);
		check(ret == -E2BIG || ret == -EINVAL || (!ret && !good->status),
		      name, "%s", hyp_strerr(ret));
	}
	ret = hyp_iommu_op(~0UL, buf);
	check(ret == -E2BIG || ret == -EINVAL || ret == -EFAULT || !ret,
	      "buffers ~0", "%s", hyp_strerr(ret));
	hyp_free(buf, 2 * PAGE_SIZE);
}

void test_handles(void)
{
	if (!setup()) {
		fail("handles", "no memory");
		return;
	}
	test_bad_buf_handles();
	test_bad_descriptors();
	test_straddle();
	test_sizes();
	test_counts();
}
