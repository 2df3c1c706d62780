// SPDX-License-Identifier: GPL-2.0-only
/* Grants of a domain that never runs: see grant.h. */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "grant.h"
#include "hyp.h"

#include <xen/privcmd.h>

/* What <xen/gntdev.h> lacks. */
typedef uint32_t grant_ref_t;

#include <xen/gntdev.h>

#define RESOURCE_GRANT_TABLE	1	/* XENMEM_resource_grant_table */

#define GTF_PERMIT_ACCESS	1
#define GTF_ACCEPT_TRANSFER	2
#define GTF_READONLY		4

static int gntdev = -1;

struct grant_entry *grant_table(domid_t domain)
{
	struct privcmd_mmap_resource arg = {
		.dom = domain,
		.type = RESOURCE_GRANT_TABLE,
		.num = 1,
	};
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       hyp_fd(), 0);

	if (p == MAP_FAILED)
		return NULL;
	arg.addr = (uintptr_t)p;
	if (!ioctl(hyp_fd(), IOCTL_PRIVCMD_MMAP_RESOURCE, &arg))
		return p;
	munmap(p, PAGE_SIZE);
	return NULL;
}

void grant_table_close(struct grant_entry *table)
{
	munmap(table, PAGE_SIZE);
}

void grant_give(struct grant_entry *entry, xen_pfn_t frame, bool write)
{
	entry->frame = frame;
	entry->domid = 0;
	__atomic_store_n(&entry->flags,
			 GTF_PERMIT_ACCESS | (write ? 0 : GTF_READONLY),
			 __ATOMIC_RELEASE);
}

void grant_accept(struct grant_entry *entry)
{
	entry->frame = 0;
	entry->domid = 0;
	__atomic_store_n(&entry->flags, GTF_ACCEPT_TRANSFER, __ATOMIC_RELEASE);
}

void grant_revoke(struct grant_entry *entry)
{
	__atomic_store_n(&entry->flags, 0, __ATOMIC_RELEASE);
}

int grant_map(domid_t domain, uint32_t ref, bool write, struct grant_mapping *m)
{
	struct ioctl_gntdev_map_grant_ref arg = {
		.count = 1,
		.refs[0] = { .domid = domain, .ref = ref },
	};
	struct ioctl_gntdev_unmap_grant_ref undo = { .count = 1 };
	int err;

	if (gntdev < 0)
		gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (gntdev < 0 || ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &arg))
		return -errno;

	m->index = arg.index;
	m->page = mmap(NULL, PAGE_SIZE, PROT_READ | (write ? PROT_WRITE : 0),
		       MAP_SHARED, gntdev, arg.index);
	if (m->page != MAP_FAILED)
		return 0;

	err = -errno;
	undo.index = arg.index;
	ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &undo);
	return err;
}

int grant_unmap(struct grant_mapping *m)
{
	struct ioctl_gntdev_unmap_grant_ref arg = {
		.index = m->index, .count = 1,
	};

	munmap(m->page, PAGE_SIZE);
	return ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &arg) ? -errno : 0;
}
