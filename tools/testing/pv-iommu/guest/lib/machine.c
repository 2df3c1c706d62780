// SPDX-License-Identifier: GPL-2.0-only
/* The machine as a whole, as Xen tells dom0 about it. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/privcmd.h>

#include "hyp.h"
#include "machine.h"

#define HYPERVISOR_memory_op		12
#define XENMEM_machine_memory_map	10

#define HYPERVISOR_sysctl		35
#define XEN_SYSCTL_physinfo		3
#define XEN_SYSCTL_VERSION_FIRST	0x14	/* Xen 4.16 */
#define XEN_SYSCTL_VERSION_LAST		0x20

#define DOMID_IO			((domid_t)0x7ff1)

#define E820_RAM			1
#define MAX_E820			128

/* 20 bytes: no 64-bit members, or there would be padding. */
struct e820_entry {
	uint32_t addr[2];
	uint32_t size[2];
	uint32_t type;
};

struct memory_map {
	unsigned int nr_entries;
	void *buffer;
};

struct sysctl_physinfo {
	uint32_t cmd;
	uint32_t interface_version;
	uint32_t skip[10];
	uint64_t total_pages;
	uint64_t free_pages;
	uint8_t rest[128];
};

static struct e820_entry *map;
static unsigned int map_nr;

int machine_init(void)
{
	struct memory_map *arg = hyp_alloc(PAGE_SIZE);
	long ret;

	map = hyp_alloc(PAGE_SIZE);
	if (!arg || !map)
		return -ENOMEM;
	arg->nr_entries = MAX_E820;
	arg->buffer = map;
	ret = hyp_call(HYPERVISOR_memory_op, XENMEM_machine_memory_map,
		       (unsigned long)arg, 0, 0, 0);
	if (!ret)
		map_nr = arg->nr_entries;
	hyp_free(arg, PAGE_SIZE);
	return ret;
}

bool machine_is_ram(unsigned long mfn)
{
	uint64_t start = mfn * PAGE_SIZE, addr, size;
	unsigned int i;

	for (i = 0; i < map_nr; i++) {
		addr = map[i].addr[0] | (uint64_t)map[i].addr[1] << 32;
		size = map[i].size[0] | (uint64_t)map[i].size[1] << 32;
		if (map[i].type == E820_RAM && start >= addr &&
		    start + PAGE_SIZE <= addr + size)
			return true;
	}
	return false;
}

long machine_free_pages(void)
{
	static uint32_t version = XEN_SYSCTL_VERSION_FIRST;
	static struct sysctl_physinfo *op;
	long ret;

	if (!op)
		op = hyp_alloc(PAGE_SIZE);
	if (!op)
		return -ENOMEM;
	do {
		memset(op, 0, sizeof(*op));
		op->cmd = XEN_SYSCTL_physinfo;
		op->interface_version = version;
		ret = hyp_call(HYPERVISOR_sysctl, (unsigned long)op, 0, 0, 0, 0);
	} while (ret == -EACCES && ++version <= XEN_SYSCTL_VERSION_LAST);
	return ret ?: (long)op->free_pages;
}

int machine_cpu_may(unsigned long mfn, bool write)
{
	xen_pfn_t frame = mfn;
	int err = 0, ret;
	struct privcmd_mmapbatch_v2 batch = {
		.num = 1,
		.dom = DOMID_IO,
		.arr = &frame,
		.err = &err,
	};
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | (write ? PROT_WRITE : 0),
		       MAP_SHARED, hyp_fd(), 0);

	if (p == MAP_FAILED)
		return -errno;
	batch.addr = (unsigned long)p;
	ret = ioctl(hyp_fd(), IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) ? -errno : err;
	munmap(p, PAGE_SIZE);
	return ret;
}

/* An ACPI table as the firmware made it, wherever Linux shows it. */
static unsigned int read_table(const char *name, uint8_t *buf, unsigned int size)
{
	char path[128];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/firmware/acpi/tables/%s", name);
	f = fopen(path, "r");
	if (f) {
		n = fread(buf, 1, size, f);
		fclose(f);
	}
	return n;
}

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t val = 0;

	memcpy(&val, p, bytes);
	return val;
}

unsigned int machine_iommus(unsigned long *mfns, unsigned int max)
{
	static uint8_t buf[16384];
	unsigned int n, off, len, type, found = 0;

	/* DMAR: remapping structures after 48 bytes; type 0 has registers. */
	n = read_table("DMAR", buf, sizeof(buf)) ?:
	    read_table("RMAD", buf, sizeof(buf));
	for (off = 48; off + 16 <= n && found < max; off += len) {
		type = get(buf + off, 2);
		len = get(buf + off + 2, 2);
		if (!len)
			break;
		if (!type)
			mfns[found++] = get(buf + off + 8, 8) >> PAGE_SHIFT;
	}

	/* IVRS: blocks after 48 bytes; 10h, 11h and 40h are IOMMUs. */
	n = read_table("IVRS", buf, sizeof(buf));
	for (off = 48; off + 16 <= n && found < max; off += len) {
		type = buf[off];
		len = get(buf + off + 2, 2);
		if (!len)
			break;
		if (type == 0x10 || type == 0x11 || type == 0x40)
			mfns[found++] = get(buf + off + 8, 8) >> PAGE_SHIFT;
	}
	return found;
}

unsigned long machine_mmcfg(void)
{
	uint8_t buf[256];

	if (read_table("MCFG", buf, sizeof(buf)) < 60)
		return 0;
	return get(buf + 44, 8) >> PAGE_SHIFT;
}
