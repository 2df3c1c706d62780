// SPDX-License-Identifier: GPL-2.0-only
/* A domain that never runs: see domain.h. */

#include <errno.h>
#include <string.h>

#include "domain.h"
#include "hyp.h"

#define HYPERVISOR_memory_op	12
#define XENMEM_populate_physmap	6
#define XENMEM_claim_pages	24

#define HYPERVISOR_mmuext_op	26
#define MMUEXT_PIN_L1_TABLE	0
#define MMUEXT_UNPIN_TABLE	4

#define HYPERVISOR_domctl	36
#define XEN_DOMCTL_createdomain	1
#define XEN_DOMCTL_destroydomain 2
#define XEN_DOMCTL_getdomaininfo 5
#define XEN_DOMCTL_max_mem	11
#define XEN_DOMCTL_resumedomain	27
#define XEN_DOMCTL_assign_device 37
#define XEN_DOMCTL_test_assign_device 45
#define XEN_DOMCTL_deassign_device 47
#define XEN_DOMCTL_CDF_iommu	0x20
/* Creating a domain changes with each version; this is that of Xen 4.17. */
#define XEN_DOMCTL_VERSION	0x15

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
		struct {
			uint32_t kind;		/* 0: of the PCI bus */
			uint32_t flags;
			uint32_t sbdf;
		} assign;
		struct {
			domid_t domain;
			uint32_t flags;
			uint64_t pages[5];
			uint64_t shared_info_frame;
		} info;
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

struct mmuext_op {
	uint32_t cmd;
	uint64_t mfn;
	uint64_t arg2;
};

/* What the hypervisor reads and writes. */
static union {
	struct mmuext_op mmuext;
	struct domctl domctl;
	struct memory_reservation reservation;
} *arg;

static bool prepare(void)
{
	if (!arg)
		arg = hyp_alloc(PAGE_SIZE);
	if (arg)
		memset(arg, 0, sizeof(*arg));
	return arg;
}

static long domctl(uint32_t cmd, domid_t domain)
{
	arg->domctl.cmd = cmd;
	arg->domctl.interface_version = XEN_DOMCTL_VERSION;
	arg->domctl.domain = domain;
	return hyp_call(HYPERVISOR_domctl, (unsigned long)arg, 0, 0, 0, 0);
}

long domain_create(domid_t *domain, unsigned long max_pages, bool devices)
{
	long ret;

	if (!prepare())
		return -ENOMEM;
	arg->domctl.u.create.flags = devices ? XEN_DOMCTL_CDF_iommu : 0;
	arg->domctl.u.create.max_vcpus = 1;
	arg->domctl.u.create.max_evtchn_port = 1023;
	arg->domctl.u.create.max_grant_frames = -1;
	arg->domctl.u.create.max_maptrack_frames = -1;
	arg->domctl.u.create.grant_opts = 1;
	ret = domctl(XEN_DOMCTL_createdomain, 0);
	if (ret)
		return ret;
	*domain = arg->domctl.domain;

	prepare();
	arg->domctl.u.max_memkb = max_pages * (PAGE_SIZE / 1024);
	ret = domctl(XEN_DOMCTL_max_mem, *domain);
	if (ret)
		domain_destroy(*domain);
	return ret;
}

long domain_destroy(domid_t domain)
{
	return prepare() ? domctl(XEN_DOMCTL_destroydomain, domain) : -ENOMEM;
}

static long assignment(uint32_t cmd, domid_t domain, uint32_t sbdf)
{
	if (!prepare())
		return -ENOMEM;
	arg->domctl.u.assign.sbdf = sbdf;
	return domctl(cmd, domain);
}

long domain_assign(domid_t domain, uint32_t sbdf)
{
	return assignment(XEN_DOMCTL_assign_device, domain, sbdf);
}

long domain_deassign(domid_t domain, uint32_t sbdf)
{
	return assignment(XEN_DOMCTL_deassign_device, domain, sbdf);
}

long domain_may_assign(uint32_t sbdf)
{
	return assignment(XEN_DOMCTL_test_assign_device, DOMID_INVALID, sbdf);
}

long domain_populate(domid_t domain, xen_pfn_t *frames, unsigned int nr)
{
	unsigned int i;
	long ret;

	if (!prepare())
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		frames[i] = i;
	arg->reservation.extent_start = frames;
	arg->reservation.nr_extents = nr;
	arg->reservation.domid = domain;
	ret = hyp_call(HYPERVISOR_memory_op, XENMEM_populate_physmap,
		       (unsigned long)arg, 0, 0, 0);
	return ret < 0 ? ret : ret == nr ? 0 : -ENOMEM;
}

bool domain_exists(domid_t domain)
{
	/* It cannot be resumed, but then it is there. */
	return prepare() && domctl(XEN_DOMCTL_resumedomain, domain) != -ESRCH;
}

long domain_shared_info(domid_t domain, xen_pfn_t *frame)
{
	long ret = prepare() ? domctl(XEN_DOMCTL_getdomaininfo, domain) : -ENOMEM;

	if (!ret)
		*frame = arg->domctl.u.info.shared_info_frame;
	return ret;
}

static long mmuext(uint32_t cmd, domid_t domain, xen_pfn_t frame)
{
	if (!prepare())
		return -ENOMEM;
	arg->mmuext.cmd = cmd;
	arg->mmuext.mfn = frame;
	return hyp_call(HYPERVISOR_mmuext_op, (unsigned long)arg, 1, 0, domain, 0);
}

long domain_pin(domid_t domain, xen_pfn_t frame)
{
	return mmuext(MMUEXT_PIN_L1_TABLE, domain, frame);
}

long domain_unpin(domid_t domain, xen_pfn_t frame)
{
	return mmuext(MMUEXT_UNPIN_TABLE, domain, frame);
}

long domain_claim(domid_t domain, unsigned long nr)
{
	if (!prepare())
		return -ENOMEM;
	arg->reservation.domid = domain;
	/* There is one at a time, which 0 ends. */
	hyp_call(HYPERVISOR_memory_op, XENMEM_claim_pages, (unsigned long)arg,
		 0, 0, 0);
	arg->reservation.nr_extents = nr;
	return hyp_call(HYPERVISOR_memory_op, XENMEM_claim_pages,
			(unsigned long)arg, 0, 0, 0);
}
