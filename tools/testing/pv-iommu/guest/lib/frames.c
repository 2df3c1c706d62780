// SPDX-License-Identifier: GPL-2.0-only
/* Machine frames of this program's pages: see frames.h. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/privcmd.h>

#include "frames.h"
#include "hyp.h"

#define HYPERVISOR_memory_op		12
#define XENMEM_maximum_ram_page		2
#define XENMEM_machphys_mfn_list	5

#define HYPERVISOR_domctl		36
#define XEN_DOMCTL_getpageframeinfo3	61
#define XEN_DOMCTL_VERSION_FIRST	0x14	/* Xen 4.16 */
#define XEN_DOMCTL_VERSION_LAST		0x20
#define MAX_TYPES			512

#define CHUNK_BYTES	0x200000UL
#define CHUNK_PAGES	(CHUNK_BYTES / PAGE_SIZE)

#define PAGEMAP_PRESENT	0x8000000000000000UL
#define PAGEMAP_PFN	((1UL << 55) - 1)

struct machphys_mfn_list {
	unsigned int max_extents;
	xen_pfn_t *extent_start;
	unsigned int nr_extents;
};

struct domctl_getpageframeinfo3 {
	uint32_t cmd;
	uint32_t interface_version;
	domid_t domain;
	uint16_t pad[3];
	uint64_t num;
	uint64_t array;
	uint8_t rest[112];
};

static int pagemap = -1;
static bool under_xen;
static const unsigned long *m2p;	/* Xen changes it: use m2p_entry() */
static unsigned long m2p_nr;
static unsigned long *p2m;
static unsigned long p2m_nr;

static int map_m2p(void)
{
	unsigned long nr, i, bytes = 0;
	struct privcmd_mmapbatch_v2 batch = { .dom = DOMID_XEN };
	struct machphys_mfn_list *list = hyp_alloc(PAGE_SIZE);
	xen_pfn_t *extents = hyp_alloc(PAGE_SIZE);
	xen_pfn_t *mfns = NULL;
	int *errs = NULL;
	char *map = MAP_FAILED;
	long ret = -ENOMEM;

	if (!list || !extents)
		goto out;

	ret = hyp_call(HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0, 0, 0);
	if (ret <= 0)
		goto out;
	nr = ret + 1;

	list->max_extents = PAGE_SIZE / sizeof(*extents);
	list->extent_start = extents;
	ret = hyp_call(HYPERVISOR_memory_op, XENMEM_machphys_mfn_list,
		       (unsigned long)list, 0, 0, 0);
	if (ret)
		goto out;
	ret = -E2BIG;
	if (list->nr_extents == list->max_extents)
		goto out;
	bytes = list->nr_extents * CHUNK_BYTES;
	/* Xen's "maximum page" is one too many in some versions. */
	if (nr > bytes / sizeof(*m2p))
		nr = bytes / sizeof(*m2p);

	ret = -ENOMEM;
	mfns = calloc(bytes / PAGE_SIZE, sizeof(*mfns));
	errs = calloc(bytes / PAGE_SIZE, sizeof(*errs));
	if (!mfns || !errs)
		goto out;
	for (i = 0; i < bytes / PAGE_SIZE; i++)
		mfns[i] = extents[i / CHUNK_PAGES] + i % CHUNK_PAGES;

	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, hyp_fd(), 0);
	if (map == MAP_FAILED)
		goto out;
	batch.num = bytes / PAGE_SIZE;
	batch.addr = (unsigned long)map;
	batch.arr = mfns;
	batch.err = errs;
	ret = ioctl(hyp_fd(), IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) ? -errno : 0;
	for (i = 0; !ret && i < bytes / PAGE_SIZE; i++)
		ret = errs[i];
	if (ret)
		goto out;
	m2p = (const unsigned long *)map;
	m2p_nr = nr;
out:
	if (ret && map != MAP_FAILED)
		munmap(map, bytes);
	free(errs);
	free(mfns);
	if (extents)
		hyp_free(extents, PAGE_SIZE);
	if (list)
		hyp_free(list, PAGE_SIZE);
	return ret;
}

static unsigned long m2p_entry(unsigned long mfn)
{
	return __atomic_load_n(&m2p[mfn], __ATOMIC_RELAXED);
}

/* Is it domain 0's?  Stale entries of the table are told apart that way. */
static bool frame_is_mine(unsigned long mfn)
{
	unsigned long type = mfn;

	return !frames_types(&type, 1) && type != FRAME_XTAB;
}

static int invert_m2p(void)
{
	unsigned long mfn, pfn;

	for (mfn = 0; mfn < m2p_nr; mfn++)
		if (frames_m2p(mfn) != M2P_INVALID && frames_m2p(mfn) >= p2m_nr)
			p2m_nr = frames_m2p(mfn) + 1;
	p2m = malloc(p2m_nr * sizeof(*p2m));
	if (!p2m)
		return -ENOMEM;
	for (pfn = 0; pfn < p2m_nr; pfn++)
		p2m[pfn] = FRAME_NONE;
	for (mfn = 0; mfn < m2p_nr; mfn++) {
		pfn = frames_m2p(mfn);
		if (pfn < p2m_nr &&
		    (p2m[pfn] == FRAME_NONE || frame_is_mine(mfn)))
			p2m[pfn] = mfn;
	}
	return 0;
}

int frames_init(void)
{
	int ret;

	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		return -errno;
	under_xen = !hyp_open();
	if (!under_xen)
		return 0;
	ret = map_m2p();
	return ret ?: invert_m2p();
}

bool frames_under_xen(void)
{
	return under_xen;
}

unsigned long frames_pfn(const void *va)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry),
		  (unsigned long)va / PAGE_SIZE * sizeof(entry)) != sizeof(entry) ||
	    !(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_PFN))
		return FRAME_NONE;
	return entry & PAGEMAP_PFN;
}

unsigned long frames_gfn(const void *va)
{
	unsigned long pfn = frames_pfn(va), mfn;

	if (!under_xen || pfn == FRAME_NONE)
		return pfn;
	mfn = pfn < p2m_nr ? p2m[pfn] : FRAME_NONE;
	if (mfn != FRAME_NONE && m2p_entry(mfn) == pfn)
		return mfn;
	/* Memory was exchanged since: search, and remember. */
	for (mfn = 0; mfn < m2p_nr; mfn++) {
		if (m2p_entry(mfn) == pfn && frame_is_mine(mfn)) {
			if (pfn < p2m_nr)
				p2m[pfn] = mfn;
			return mfn;
		}
	}
	return FRAME_NONE;
}

unsigned long frames_nr(void)
{
	return m2p_nr;
}

unsigned long frames_m2p(unsigned long mfn)
{
	unsigned long pfn = mfn < m2p_nr ? m2p_entry(mfn) : M2P_INVALID;

	/* Xen has more than one way to say "none", all with the top bits set. */
	return pfn >> 40 ? M2P_INVALID : pfn;
}

int frames_types(unsigned long *frames, unsigned int nr)
{
	static uint32_t version = XEN_DOMCTL_VERSION_FIRST;
	static struct domctl_getpageframeinfo3 *op;
	static unsigned long *array;
	unsigned int n, i;
	long ret;

	if (!op)
		op = hyp_alloc(PAGE_SIZE);
	if (!array)
		array = hyp_alloc(MAX_TYPES * sizeof(*array));
	if (!op || !array)
		return -ENOMEM;

	for (; nr; nr -= n, frames += n) {
		n = nr < MAX_TYPES ? nr : MAX_TYPES;
		do {
			for (i = 0; i < n; i++)
				array[i] = frames[i];
			op->cmd = XEN_DOMCTL_getpageframeinfo3;
			op->interface_version = version;
			op->domain = 0;
			op->num = n;
			op->array = (unsigned long)array;
			ret = hyp_call(HYPERVISOR_domctl, (unsigned long)op,
				       0, 0, 0, 0);
			/* -EACCES is how Xen says "another version". */
		} while (ret == -EACCES && ++version <= XEN_DOMCTL_VERSION_LAST);
		if (ret)
			return ret;
		for (i = 0; i < n; i++)
			frames[i] = array[i];
	}
	return 0;
}
