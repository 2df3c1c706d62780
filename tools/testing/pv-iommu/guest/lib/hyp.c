// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls from user space, through /dev/xen/privcmd. */

#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/privcmd.h>

#include "hyp.h"

static_assert(sizeof(struct xen_iommu_op) == 32, "op layout");
static_assert(sizeof(struct xen_iommu_op_buf) == 16, "buf layout");
static_assert(offsetof(struct xen_iommu_op, u) == 8, "union offset");

static int privcmd = -1;

int hyp_open(void)
{
	if (privcmd >= 0)
		return 0;
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	return privcmd < 0 ? -errno : 0;
}

int hyp_fd(void)
{
	return privcmd;
}

long hyp_call(unsigned long nr, unsigned long a1, unsigned long a2,
	      unsigned long a3, unsigned long a4, unsigned long a5)
{
	struct privcmd_hypercall call = {
		.op = nr,
		.arg = { a1, a2, a3, a4, a5 },
	};
	int ret = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

	return ret < 0 ? -errno : ret;
}

long hyp_iommu_op(unsigned long nr_bufs, const void *bufs)
{
	return hyp_call(__HYPERVISOR_iommu_op, nr_bufs, (unsigned long)bufs,
			0, 0, 0);
}

void *hyp_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Collapsing small pages into a large one would move them. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	if (mlock(p, bytes)) {
		munmap(p, bytes);
		return NULL;
	}
	/* Writing, so that none of it is the zero page. */
	memset(p, 0xff, bytes);
	memset(p, 0, bytes);
	return p;
}

void hyp_free(void *p, size_t bytes)
{
	munmap(p, bytes);
}

__thread uint16_t hyp_ctx;

static bool about_space(uint16_t op)
{
	return op == XEN_IOMMUOP_map || op == XEN_IOMMUOP_unmap ||
	       op == XEN_IOMMUOP_flush || op == XEN_IOMMUOP_lookup;
}

long hyp_ops(struct xen_iommu_op *ops, unsigned int nr)
{
	/* Per thread and on the stack: present, because it is written here. */
	struct xen_iommu_op_buf buf = { .size = nr * sizeof(*ops) };
	unsigned int i;

	buf.h.p = ops;
	for (i = 0; i < nr; i++) {
		ops[i].status = STATUS_PRESET;
		if (!ops[i].ctx && about_space(ops[i].op))
			ops[i].ctx = hyp_ctx;
	}
	return hyp_iommu_op(1, &buf);
}

int hyp_one(struct xen_iommu_op *op)
{
	long ret = hyp_ops(op, 1);

	return ret ? ret : op->status;
}

bool hyp_sbdf(const char *s, uint32_t *out)
{
	unsigned int seg, bus, dev, fn;

	if (sscanf(s, "%x:%x:%x.%x", &seg, &bus, &dev, &fn) != 4)
		return false;
	*out = XEN_IOMMU_SBDF(seg, bus & 0xff, (dev & 0x1f) << 3 | (fn & 7));
	return true;
}

const char *hyp_strerr(long err)
{
	static __thread char buf[32];
	const char *name;

	if (!err)
		return "0";
	if (err == STATUS_PRESET)
		return "unreached";
	name = err < 0 && err > -4096 ? strerrorname_np(-err) : NULL;
	if (name)
		snprintf(buf, sizeof(buf), "-%s", name);
	else
		snprintf(buf, sizeof(buf), "%ld", err);
	return buf;
}

const char *hyp_strmode(unsigned int mode)
{
	static const char *const names[] = {
		[XEN_IOMMU_MODE_off] = "off",
		[XEN_IOMMU_MODE_host_map] = "host_map",
		[XEN_IOMMU_MODE_strict] = "strict",
		[XEN_IOMMU_MODE_passthrough] = "passthrough",
		[XEN_IOMMU_MODE_guest_map] = "guest_map",
		[XEN_IOMMU_MODE_owned] = "owned",
		[XEN_IOMMU_MODE_ats] = "ats",
	};

	return mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

const char *hyp_strcap(unsigned int bit)
{
	switch (1U << bit) {
	case XEN_IOMMU_CAP_clear:
		return "clear";
	case XEN_IOMMU_CAP_contexts:
		return "contexts";
	case XEN_IOMMU_CAP_gref:
		return "gref";
	case XEN_IOMMU_CAP_deferred_flush:
		return "deferred_flush";
	case XEN_IOMMU_CAP_large_pages:
		return "large_pages";
	case XEN_IOMMU_CAP_intremap:
		return "intremap";
	case XEN_IOMMU_CAP_coherent:
		return "coherent";
	case XEN_IOMMU_CAP_lookup:
		return "lookup";
	case XEN_IOMMU_CAP_caching_mode:
		return "caching_mode";
	default:
		return NULL;
	}
}
