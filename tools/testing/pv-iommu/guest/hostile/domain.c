// SPDX-License-Identifier: GPL-2.0-only
/* Frames of another domain: one is made for that, which never runs. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

#define HYPERVISOR_memory_op	12
#define XENMEM_populate_physmap	6

#define HYPERVISOR_domctl	36
#define XEN_DOMCTL_createdomain	1
#define XEN_DOMCTL_destroydomain 2
#define XEN_DOMCTL_max_mem	11
/* Creating a domain changes with each version; this is that of Xen 4.17. */
#define XEN_DOMCTL_VERSION	0x15

#define NR_FRAMES		64

struct domctl {
	uint32_t cmd;
	uint32_t interface_version;
	domid_t domain;
	uint16_t pad[3];
	union {
		struct {
			uint32_t ssidref;
			uint8_t handle[16];
			uint32_t flags;
			uint32_t iommu_opts;
			uint32_t max_vcpus;
			uint32_t max_evtchn_port;
			int32_t max_grant_frames;
			int32_t max_maptrack_frames;
			uint32_t grant_opts;
			uint32_t vmtrace_size;
			uint32_t cpupool_id;
			uint32_t emulation_flags;
			uint32_t misc_flags;
		} create;
		uint64_t max_memkb;
		uint8_t room[128];
	} u;
};

struct memory_reservation {
	xen_pfn_t *extent_start;
	xen_ulong_t nr_extents;
	unsigned int extent_order;
	unsigned int mem_flags;
	domid_t domid;
};

static struct domctl *op;

static long domctl(uint32_t cmd, domid_t domain)
{
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_VERSION;
	op->domain = domain;
	return hyp_call(HYPERVISOR_domctl, (unsigned long)op, 0, 0, 0, 0);
}

static long create(domid_t *domain)
{
	long ret;

	memset(op, 0, sizeof(*op));
	op->u.create.max_vcpus = 1;
	op->u.create.max_evtchn_port = 1023;
	op->u.create.max_grant_frames = -1;
	op->u.create.max_maptrack_frames = -1;
	op->u.create.grant_opts = 1;
	ret = domctl(XEN_DOMCTL_createdomain, 0);
	*domain = op->domain;
	if (ret)
		return ret;
	memset(&op->u, 0, sizeof(op->u));
	op->u.max_memkb = 2 * NR_FRAMES * PAGE_SIZE / 1024;
	return domctl(XEN_DOMCTL_max_mem, *domain);
}

/* The number of frames that it got; their numbers are in @frames. */
static long populate(domid_t domain, xen_pfn_t *frames)
{
	struct memory_reservation *r = hyp_alloc(PAGE_SIZE);
	unsigned int i;
	long ret;

	for (i = 0; i < NR_FRAMES; i++)
		frames[i] = i;
	r->extent_start = frames;
	r->nr_extents = NR_FRAMES;
	r->domid = domain;
	ret = hyp_call(HYPERVISOR_memory_op, XENMEM_populate_physmap,
		       (unsigned long)r, 0, 0, 0);
	hyp_free(r, PAGE_SIZE);
	return ret;
}

static void try_frames(const char *name, const xen_pfn_t *frames)
{
	unsigned int i;
	bool good = true;

	for (i = 0; i < NR_FRAMES && good; i++) {
		good = expect(name, do_map(env.base + i, frames[i], 1, RW), -EPERM) &&
		       expect(name, do_map(env.base + i, frames[i], 1,
					   XEN_IOMMU_MAP_readable), -EPERM);
	}
	/* With own frames before and behind them. */
	expect(name, do_map(env.base, frames[0] - 1, 3, RW), -EPERM);
	expect_empty(name, env.base, NR_FRAMES);
}

void test_domain(void)
{
	xen_pfn_t *frames = hyp_alloc(PAGE_SIZE);
	domid_t domain;
	long ret;

	op = hyp_alloc(PAGE_SIZE);
	ret = create(&domain);
	if (ret == -EACCES) {
		skip("frames of another domain", "this Xen has another interface");
		return;
	}
	if (!check(!ret, "making a domain", "%s", hyp_strerr(ret)))
		return;
	ret = populate(domain, frames);
	if (check(ret == NR_FRAMES, "giving it memory", "%ld", ret))
		try_frames("map of another domain's frames", frames);
	memset(&op->u, 0, sizeof(op->u));
	ret = domctl(XEN_DOMCTL_destroydomain, domain);
	check(!ret, "destroying the domain", "%s", hyp_strerr(ret));
	if (!ret)
		try_frames("map of a dead domain's frames", frames);
	hyp_free(op, PAGE_SIZE);
	hyp_free(frames, PAGE_SIZE);
}
