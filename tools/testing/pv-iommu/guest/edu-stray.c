// SPDX-License-Identifier: GPL-2.0-only
/*
 * edu-stray: QEMU's edu device made to do DMA to any bus address, with no
 * driver and no DMA API: what a broken device or driver does.
 *
 * Lines for people begin with "# ", results are key=value.  Exit code: 0 the
 * DMA engine ran (whether the DMA had an effect is in the results), 2 wrong
 * usage, 3 no such device or no access to it.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/edu-dma.h"
#include "lib/edu.h"
#include "lib/frames.h"
#include "lib/hyp.h"
#include "lib/mmio.h"

#define PCI_COMMAND		4
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_MASTER	0x4

#define DEMO_LEN		64

/* What cannot be part of an address, before and after the device has read. */
#define FETCH_WORDS		64
#define FETCH_NOTHING		0xeeeeeeeeeeeeeeeeUL
#define FETCH_NOT_BACK		0xddddddddddddddddUL

static const char usage_text[] =
"usage: edu-stray [-d SBDF] [-m BITS] COMMAND\n"
"  info               the device\n"
"  read ADDR LEN      from the bus address ADDR into the device\n"
"  write ADDR LEN     from the device to the bus address ADDR\n"
"  copy SRC DST LEN   a read, then a write\n"
"  demo               attacks memory of this program at its machine address:\n"
"                     reads a secret, overwrites a victim; shows both\n"
"  fetch ADDR MADDR DFN  does the device get at ADDR what is in memory at MADDR?\n"
"                     There each 64-bit word has to be its own address.  DFN:\n"
"                     where a page of this program can be mapped meanwhile\n"
"-d: default is the first edu device.  It must have no driver: unbind that.\n"
"-m: width of QEMU's edu,dma_mask=, default 28 as there; the device cuts larger\n"
"    addresses off and would hit other memory, therefore they are refused.\n"
"LEN is at most 2048.\n";

static char sysfs[300];
static uint8_t *bar;
static int config = -1;
static uint16_t old_command;
static unsigned int dma_bits = 28;

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int fail(const char *what)
{
	fprintf(stderr, "edu-stray: %s: %s\n", what, strerror(errno));
	return 3;
}

static bool number(const char *s, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 0);
	return !errno && *s && *s != '-' && !*end;
}

static unsigned long sysfs_hex(const char *dev, const char *attr)
{
	unsigned long val = ~0UL;
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", dev, attr);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%lx", &val) != 1)
			val = ~0UL;
		fclose(f);
	}
	return val;
}

static bool is_edu(const char *dev)
{
	return sysfs_hex(dev, "vendor") == EDU_VENDOR &&
	       sysfs_hex(dev, "device") == EDU_DEVICE;
}

/* Finds the device; its directory goes to sysfs[]. */
static bool find(const char *want)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	bool found = false;
	struct dirent *e;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || (want && strcmp(e->d_name, want)))
			continue;
		found = is_edu(e->d_name);
		if (found)
			snprintf(sysfs, sizeof(sysfs), "/sys/bus/pci/devices/%s",
				 e->d_name);
	}
	closedir(dir);
	if (!found)
		errno = ENODEV;
	return found;
}

static int open_attr(const char *attr, int flags)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", sysfs, attr);
	return open(path, flags | O_CLOEXEC);
}

static void restore(void)
{
	if (pwrite(config, &old_command, 2, PCI_COMMAND) != 2)
		fail("restoring the command register");
}

/* Memory decoding and bus mastering on, until the program ends. */
static int start(void)
{
	uint16_t command;
	int fd = open_attr("driver", O_PATH);

	if (fd >= 0) {
		errno = EBUSY;
		return fail("a driver has the device");
	}

	config = open_attr("config", O_RDWR);
	if (config < 0 || pread(config, &old_command, 2, PCI_COMMAND) != 2)
		return fail("config space");
	command = old_command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(config, &command, 2, PCI_COMMAND) != 2)
		return fail("config space");
	atexit(restore);

	fd = open_attr("resource0", O_RDWR | O_SYNC);
	if (fd < 0)
		return fail("resource0");
	bar = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return fail("mapping resource0");
	return 0;
}

static int dma(uint64_t addr, unsigned int len, bool to_memory)
{
	if (dma_bits < 64 && (addr + len - 1) >> dma_bits) {
		errno = ERANGE;
		return fail("bus address above the device's dma_mask (-m)");
	}
	if (edu_dma(bar, addr, len, to_memory))
		return fail("DMA engine");
	return 0;
}

static void show(const char *when, const uint8_t *p)
{
	unsigned int i;

	printf("# %-14s", when);
	for (i = 0; i < 16; i++)
		printf(" %02x", p[i]);
	printf(" ...\n");
}

static unsigned int changed(const uint8_t *p, int from)
{
	unsigned int i, n = 0;

	for (i = 0; i < DEMO_LEN; i++)
		n += p[i] != from;
	return n;
}

static int demo(void)
{
	uint8_t *secret = hyp_alloc(PAGE_SIZE);
	uint8_t *victim = hyp_alloc(PAGE_SIZE);
	unsigned long secret_gfn, victim_gfn;
	unsigned int i, leaked = 0;

	errno = ENOMEM;
	if (!secret || !victim)
		return fail("memory");
	errno = -frames_init();
	if (errno)
		return fail("machine addresses");
	memset(secret, 0x5e, PAGE_SIZE);
	memset(victim, 0xaa, PAGE_SIZE);
	secret_gfn = frames_gfn(secret);
	victim_gfn = frames_gfn(victim);
	if (secret_gfn == FRAME_NONE || victim_gfn == FRAME_NONE) {
		errno = ENOENT;
		return fail("machine address of a page");
	}

	printf("# Two pages of this program that no driver gave to the device:\n");
	printf("secret_addr=%#lx\n", secret_gfn * PAGE_SIZE);
	printf("victim_addr=%#lx\n", victim_gfn * PAGE_SIZE);
	show("secret", secret);
	show("victim before", victim);
	printf("# The device reads %u bytes at the secret and writes them over the victim.\n",
	       DEMO_LEN);
	if (dma(secret_gfn * PAGE_SIZE, DEMO_LEN, false) ||
	    dma(victim_gfn * PAGE_SIZE, DEMO_LEN, true))
		return 3;
	show("victim after", victim);

	for (i = 0; i < DEMO_LEN; i++)
		leaked += victim[i] == 0x5e;
	printf("victim_bytes_changed=%u\n", changed(victim, 0xaa));
	printf("secret_bytes_copied=%u\n", leaked);
	printf("verdict=%s\n", !changed(victim, 0xaa) ? "blocked" :
	       leaked == DEMO_LEN ? "went_through" : "partly");
	return 0;
}

static int map_own(uint64_t dfn, const void *page)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map.dfn = dfn,
		.u.map.gfn = frames_gfn(page),
		.u.map.nr_frames = 1,
		.u.map.flags = XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable,
	};

	return hyp_one(&op);
}

static int unmap_own(uint64_t dfn)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_unmap,
		.u.unmap.dfn = dfn,
		.u.unmap.nr_frames = 1,
	};

	return hyp_one(&op);
}

static const char *fetch_verdict(const uint64_t *got, uint64_t maddr)
{
	unsigned int i, right = 0, none = 0, not_back = 0;

	for (i = 0; i < FETCH_WORDS; i++) {
		right += got[i] == maddr + i * sizeof(*got);
		/* What is blocked reads as zeros, or is not read at all. */
		none += !got[i] || got[i] == FETCH_NOTHING;
		not_back += got[i] == FETCH_NOT_BACK;
	}
	return right == FETCH_WORDS ? "fetched" : none == FETCH_WORDS ? "blocked" :
	       not_back ? "unknown" : "other_data";
}

/* By way of a page of ours, of which the device makes its buffer known. */
static int fetch(uint64_t addr, uint64_t maddr, uint64_t dfn)
{
	unsigned int i, len = FETCH_WORDS * sizeof(uint64_t);
	uint64_t *own = hyp_alloc(PAGE_SIZE);
	int ret;

	errno = ENOMEM;
	if (!own)
		return fail("memory");
	errno = -frames_init();
	if (errno)
		return fail("machine addresses");
	errno = -map_own(dfn, own);
	if (errno)
		return fail("mapping the page for the results");

	for (i = 0; i < FETCH_WORDS; i++)
		own[i] = FETCH_NOTHING;
	ret = dma(dfn * PAGE_SIZE, len, false) ?: dma(addr, len, false);
	for (i = 0; i < FETCH_WORDS; i++)
		own[i] = FETCH_NOT_BACK;
	ret = ret ?: dma(dfn * PAGE_SIZE, len, true);

	errno = -unmap_own(dfn);
	if (errno)
		return fail("unmapping the page for the results");
	if (ret)
		return ret;
	printf("first=%#lx\n", own[0]);
	printf("verdict=%s\n", fetch_verdict(own, maddr));
	return 0;
}

static int info(void)
{
	printf("device=%s\n", strrchr(sysfs, '/') + 1);
	printf("id=%#x\n", mmio_read32(bar, EDU_REG_ID));
	printf("is_edu=%d\n", (mmio_read32(bar, EDU_REG_ID) & EDU_ID_MASK) == EDU_ID);
	printf("busy=%u\n", mmio_read32(bar, EDU_REG_DMA_CMD) & EDU_DMA_START);
	printf("command=%#x\n", old_command);
	return 0;
}

static int command(int argc, char **argv)
{
	uint64_t arg[3];
	int i, ret;

	for (i = 1; i < argc; i++)
		if (i > 3 || !number(argv[i], &arg[i - 1]))
			return usage();
	if (argc == 4 && !strcmp(argv[0], "fetch"))
		return fetch(arg[0], arg[1], arg[2]);
	if (argc > 2 && (!arg[argc - 2] || arg[argc - 2] > EDU_MAX_COPY))
		return usage();

	if (argc == 1 && !strcmp(argv[0], "info"))
		return info();
	if (argc == 1 && !strcmp(argv[0], "demo"))
		return demo();
	if (argc == 3 && !strcmp(argv[0], "read"))
		ret = dma(arg[0], arg[1], false);
	else if (argc == 3 && !strcmp(argv[0], "write"))
		ret = dma(arg[0], arg[1], true);
	else if (argc == 4 && !strcmp(argv[0], "copy"))
		ret = dma(arg[0], arg[2], false) ?: dma(arg[1], arg[2], true);
	else
		return usage();
	if (!ret)
		printf("done=1\n");
	return ret;
}

int main(int argc, char **argv)
{
	const char *dev = NULL;
	uint64_t bits;
	int c, ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt(argc, argv, "+d:m:")) != -1) {
		if (c == 'd')
			dev = optarg;
		else if (c == 'm' && number(optarg, &bits) && bits && bits <= 64)
			dma_bits = bits;
		else
			return usage();
	}
	if (optind == argc)
		return usage();
	if (!find(dev))
		return fail(dev ?: "an edu device");
	ret = start();
	return ret ?: command(argc - optind, argv + optind);
}
