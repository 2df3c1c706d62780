// SPDX-License-Identifier: GPL-2.0-only
/* Frames that are not dom0's, and MMIO that is not for devices. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"
#include "lib/machine.h"

#define BATCH	128

/* Low memory is not managed by Xen; dom0 may access it as if it was MMIO. */
#define LOW_FRAMES	0x100

/* Tries to map each of @frames; returns how many succeeded or misbehaved. */
static unsigned int try_all(const unsigned long *frames, unsigned int nr,
			    uint16_t flags, unsigned long *first_bad, int *status)
{
	static struct xen_iommu_op *ops;
	unsigned int i, bad = 0;

	if (!ops)
		ops = hyp_alloc(BATCH * sizeof(*ops));
	memset(ops, 0, BATCH * sizeof(*ops));
	for (i = 0; i < nr; i++) {
		ops[i].op = XEN_IOMMUOP_map;
		ops[i].u.map.dfn = env.base + i;
		ops[i].u.map.gfn = frames[i];
		ops[i].u.map.nr_frames = 1;
		ops[i].u.map.flags = flags;
	}
	if (hyp_ops(ops, nr))
		return nr;
	for (i = 0; i < nr; i++) {
		unsigned long type = frames[i];

		if (ops[i].status == -EPERM)
			continue;
		/* The M2P table is not all there is to it: ask. */
		if (!ops[i].status && !frames_types(&type, 1) && type != FRAME_XTAB)
			continue;
		if (!bad++) {
			*first_bad = frames[i];
			*status = ops[i].status;
		}
	}
	clean(env.base, nr);
	return bad;
}

/* One of so many, other ones each time; and all where one kind may end. */
static bool chosen(unsigned long mfn)
{
	return mfn % env.nth_frame == env.seed % env.nth_frame ||
	       frames_m2p(mfn - 1) != M2P_INVALID ||
	       frames_m2p(mfn + 1) != M2P_INVALID;
}

/*
 * In the first megabyte is the code that Xen starts CPUs with.  Where exactly
 * nobody says: some of the RAM there is refused, and no other error comes.
 */
static void test_low(void)
{
	unsigned long mfn;
	unsigned int nr_refused = 0, nr_ram = 0;

	for (mfn = 0; mfn < LOW_FRAMES; mfn++) {
		int ret = do_map(env.base, mfn, 1, RW);

		expect_either("map of low memory", ret, 0, -EPERM);
		nr_ram += machine_is_ram(mfn);
		nr_refused += machine_is_ram(mfn) && ret == -EPERM;
		clean(env.base, 1);
	}
	check(nr_refused && nr_refused < nr_ram, "code of Xen's in low memory",
	      "%u of %u frames of RAM refused", nr_refused, nr_ram);
}

/*
 * Every frame of RAM that is in no domain's hands by the machine-to-physical
 * table: Xen's text and heap, its tables, the IOMMU's page tables, free memory.
 */
void test_frames(void)
{
	unsigned long frames[BATCH], first_bad = 0, tried = 0;
	unsigned long mfn, end = frames_nr();
	unsigned int nr, pass_nr;
	int status = 0;

	for (pass_nr = 0; pass_nr < 2; pass_nr++) {
		uint16_t flags = pass_nr ? XEN_IOMMU_MAP_readable : RW;
		const char *name = pass_nr ?
			"read-only map of frames that are not dom0's" :
			"map of frames that are not dom0's";
		unsigned long bad = 0;

		tried = 0;
		for (mfn = LOW_FRAMES; mfn < end;) {
			for (nr = 0; nr < BATCH && mfn < end; mfn++)
				if (frames_m2p(mfn) == M2P_INVALID &&
				    machine_is_ram(mfn) && chosen(mfn))
					frames[nr++] = mfn;
			tried += nr;
			if (nr)
				bad += try_all(frames, nr, flags, &first_bad, &status);
		}
		check(!bad && tried, name, "%lu of %lu; the first is %#lx: %s",
		      bad, tried, first_bad, hyp_strerr(status));
	}
	printf("# %lu frames of RAM tried that are not dom0's\n", tried);
	expect_empty("map of frames that are not dom0's", env.base, BATCH);
	test_low();
}

static void refused(const char *what, unsigned long mfn)
{
	char name[96];

	snprintf(name, sizeof(name), "map of %s at %#lx", what, mfn);
	expect(name, do_map(env.base, mfn, 1, RW), -EPERM);
	snprintf(name, sizeof(name), "read-only map of %s at %#lx", what, mfn);
	expect(name, do_map(env.base, mfn, 1, XEN_IOMMU_MAP_readable), -EPERM);
	clean(env.base, 1);
}

/* Reading may be allowed; writing is not. */
static void read_only(const char *what, unsigned long mfn)
{
	char name[96];

	snprintf(name, sizeof(name), "map of %s at %#lx", what, mfn);
	expect(name, do_map(env.base, mfn, 1, RW), -EPERM);
	snprintf(name, sizeof(name), "write-only map of %s at %#lx", what, mfn);
	expect(name, do_map(env.base, mfn, 1, XEN_IOMMU_MAP_writable), -EPERM);
	snprintf(name, sizeof(name), "read-only map of %s at %#lx", what, mfn);
	expect_either(name, do_map(env.base, mfn, 1, XEN_IOMMU_MAP_readable), 0,
		      -EPERM);
	clean(env.base, 1);
}

static bool read_config(const char *dev, uint8_t *cfg, unsigned int size)
{
	char path[600];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", dev);
	f = fopen(path, "r");
	if (!f)
		return false;
	ok = fread(cfg, 1, size, f) == size;
	fclose(f);
	return ok;
}

static unsigned long bar_start(const char *dev, unsigned int bar)
{
	unsigned long start = 0, end, flags;
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", dev);
	f = fopen(path, "r");
	if (!f)
		return 0;
	do {
		if (fscanf(f, "%lx %lx %lx", &start, &end, &flags) != 3 ||
		    !(flags & 0x200) || end - start + 1 < PAGE_SIZE)
			start = 0;
	} while (bar--);
	fclose(f);
	return start;
}

/* The frame of the MSI-X table, when MSI-X is in use; else 0. */
static unsigned long msix_frame(const char *dev)
{
	uint8_t cfg[256], pos;
	uint32_t table;
	unsigned int hops = 48;

	if (!read_config(dev, cfg, sizeof(cfg)))
		return 0;
	for (pos = cfg[0x34]; pos >= 0x40 && hops--; pos = cfg[pos + 1]) {
		unsigned long bar;

		if (cfg[pos] != 0x11 || !(cfg[pos + 3] & 0x80))
			continue;
		memcpy(&table, cfg + pos + 4, 4);
		bar = bar_start(dev, table & 7);
		return bar ? (bar + (table & ~7U)) >> PAGE_SHIFT : 0;
	}
	return 0;
}

static void test_bars(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	bool any_bar = false, any_msix = false;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		unsigned long bar, msix;

		if (e->d_name[0] == '.')
			continue;
		bar = bar_start(e->d_name, 0);
		msix = msix_frame(e->d_name);
		if (bar && msix != bar >> PAGE_SHIFT) {
			any_bar = true;
			expect("map of a device's memory",
			       do_map(env.base, bar >> PAGE_SHIFT, 1, RW), 0);
			check(maps_to(env.base, bar >> PAGE_SHIFT),
			      "a device's memory is mapped", "%s", e->d_name);
			expect("unmap of a device's memory",
			       do_unmap(env.base, 1, 0, NULL), 0);
		}
		if (msix) {
			any_msix = true;
			read_only("an MSI-X table", msix);
		}
	}
	if (dir)
		closedir(dir);
	if (!any_bar)
		skip("map of a device's memory", "no PCI device with a memory BAR");
	if (!any_msix)
		skip("map of an MSI-X table", "no PCI device uses MSI-X now");
}

void test_mmio(void)
{
	unsigned long iommus[16], mmcfg = machine_mmcfg();
	unsigned int i, nr = machine_iommus(iommus, ARRAY_SIZE(iommus));
	char name[64];

	refused("the local APIC", 0xfee00);
	refused("the MSI window", 0xfee01);
	refused("the MSI window", 0xfeeff);
	read_only("the IO-APIC", 0xfec00);
	expect("map of what reaches into the local APIC",
	       do_map(env.base, 0xfedff, 2, RW), -EPERM);
	expect("map of 4 GiB from 0",
	       do_map(env.base, 0, 0x100000, RW), -EPERM);
	expect_empty("map of the local APIC", env.base, 0x100000);

	if (mmcfg)
		read_only("PCI's memory-mapped configuration space", mmcfg);
	else
		skip("map of PCI's memory-mapped configuration space", "no MCFG table");

	for (i = 0; i < nr; i++) {
		int got = do_map(env.base, iommus[i], 1, RW);

		/*
		 * What the CPU may not reach, the device may not.  That is
		 * asked only when it matters, because Xen logs it.
		 */
		snprintf(name, sizeof(name), "map of an IOMMU's registers at %#lx",
			 iommus[i]);
		if (got || machine_cpu_may(iommus[i], true)) {
			expect(name, got, -EPERM);
		} else {
			pass(name);
			printf("# dom0 may access these registers, and so may a device: %#lx\n",
			       iommus[i]);
		}
		clean(env.base, 1);
	}
	if (!nr)
		skip("map of an IOMMU's registers", "no DMAR, RMAD or IVRS table");
	test_bars();
}
