// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-edu: QEMU's edu device driven from user space, by vfio-pci, and type 1
 * or iommufd.  What it may reach, what it may not, and its interrupts.
 *
 * Results are key=value.  Exit code: 0 as it should be, 1 not so, 2 wrong usage,
 * 3 the device, or memory, cannot be had.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
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
#include "lib/vfio.h"

#define EDU_REG_IRQ_STATUS	0x24
#define EDU_REG_IRQ_RAISE	0x60
#define EDU_REG_IRQ_ACK		0x64

#define BUFFER_PAGES	4
#define BUFFER_BYTES	(BUFFER_PAGES * PAGE_SIZE)

/* Of each transfer: it begins in one page and ends in the next. */
#define LEN		EDU_MAX_COPY
#define AT		(PAGE_SIZE - LEN / 2)

static const char usage_text[] =
"usage: vfio-edu [iommufd:]SBDF COMMAND\n"
"  dma            to and from memory at many addresses\n"
"  unmapped IOVA  works there, and no more after unmapping\n"
"  readonly IOVA  the device does not write where it may only read\n"
"  stray          to and from memory of this program that it was not given\n"
"  irq intx|msi NUMBER  interrupts, counted by an eventfd\n"
"  map IOVA MIB forth|back  so much memory, which Linux was asked for page by\n"
"                 page in this order; DMA at both ends of it\n"
"  hold IOVA      DMA until the device is wanted back\n"
"The device is an edu that is bound to vfio-pci, with all bits in its dma_mask.\n";

static struct vfio vfio;
static uint8_t *bar;

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int fail(const char *what)
{
	fprintf(stderr, "vfio-edu: %s: %s\n", what, strerror(errno));
	return 3;
}

static int not_so(const char *what, uint64_t where)
{
	printf("wrong=%s at %#lx\n", what, where);
	return 1;
}

/* Between memory and the device's buffer; 0 when it is done. */
static int dma(uint64_t iova, bool to_memory)
{
	return edu_dma(bar, iova, LEN, to_memory) ? fail("DMA engine") : 0;
}

static uint8_t *memory(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	fail("memory");
	exit(3);
}

/* No byte of it is 0, and no two pages are alike. */
static void fill(uint8_t *p, uint64_t size, unsigned int seed)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		p[i] = 1 + (i * 7 + i / 251 + seed) % 255;
}

static bool filled(const uint8_t *p, uint64_t from, uint64_t to,
		   unsigned int seed)
{
	uint64_t i;

	for (i = from; i < to; i++)
		if (p[i] != 1 + (i * 7 + i / 251 + seed) % 255)
			return false;
	return true;
}

/*
 * The device reads at one place of @p, which is mapped at @iova, and writes that
 * to another; nothing else changes.
 */
static int copies(uint8_t *p, uint64_t iova)
{
	uint64_t to = 2 * PAGE_SIZE + AT;
	int ret;

	fill(p, BUFFER_BYTES, 1);
	ret = dma(iova + AT, false) ?: dma(iova + to, true);
	if (ret)
		return ret;
	if (memcmp(p + AT, p + to, LEN))
		return not_so("data", iova);
	if (!filled(p, 0, to, 1) || !filled(p, to + LEN, BUFFER_BYTES, 1))
		return not_so("neighbours", iova);
	return 0;
}

static int dma_at(uint64_t iova)
{
	uint8_t *p = memory(BUFFER_BYTES);
	int ret;

	if (vfio_map(&vfio, p, iova, BUFFER_BYTES, VFIO_READ | VFIO_WRITE))
		return 3;
	ret = copies(p, iova);
	if (vfio_unmap(&vfio, iova, BUFFER_BYTES))
		return 3;
	munmap(p, BUFFER_BYTES);
	return ret;
}

static int everywhere(void)
{
	uint64_t iovas[] = {
		PAGE_SIZE, 0x100000, 0x1ff000, 0x40000000, 0xfedf0000,
		0x100000000, 0x123456000, vfio.last + 1 - BUFFER_BYTES,
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		ret = dma_at(iovas[i]);
		if (ret)
			return ret;
	}
	printf("places=%u\nlast=%#lx\n", i, vfio.last);
	return 0;
}

static int unmapped(uint64_t iova)
{
	uint8_t *p = memory(BUFFER_BYTES);
	int ret;

	if (vfio_map(&vfio, p, iova, BUFFER_BYTES, VFIO_READ | VFIO_WRITE))
		return 3;
	ret = copies(p, iova);
	if (ret)
		return ret;
	/* The IOTLB has it now.  The device has a part of this in its buffer. */
	if (vfio_unmap(&vfio, iova, BUFFER_BYTES))
		return 3;
	fill(p, BUFFER_BYTES, 2);
	printf("stray=%#lx\n", iova);
	ret = dma(iova, true);
	if (ret)
		return ret;
	return filled(p, 0, BUFFER_BYTES, 2) ? 0 : not_so("written", iova);
}

static int readonly(uint64_t iova)
{
	uint8_t *p = memory(BUFFER_BYTES);
	uint8_t *q = memory(BUFFER_BYTES);
	int ret;

	/* Of what is empty, older kernels pin the page of zeros to be read. */
	fill(p, BUFFER_BYTES, 3);
	if (vfio_map(&vfio, p, iova, BUFFER_BYTES, VFIO_READ) ||
	    vfio_map(&vfio, q, iova + BUFFER_BYTES, BUFFER_BYTES, VFIO_WRITE))
		return 3;
	ret = dma(iova + AT, false) ?: dma(iova + BUFFER_BYTES + AT, true);
	if (ret)
		return ret;
	if (memcmp(p + AT, q + AT, LEN))
		return not_so("data", iova);
	ret = dma(iova, true);
	if (ret)
		return ret;
	return filled(p, 0, BUFFER_BYTES, 3) ? 0 : not_so("written", iova);
}

/*
 * A secret, at its machine address: what the device has of it is seen by having
 * it written to memory that it was given.  A read that the IOMMU blocks leaves
 * zeros, or what was there before.
 */
static int other_memory(void)
{
	uint64_t iova = 0x40000000, machine;
	uint8_t *p = memory(BUFFER_BYTES);
	uint8_t *secret = hyp_alloc(PAGE_SIZE);
	unsigned int i, leaked = 0;
	int ret;

	errno = ENOMEM;
	if (!secret)
		return fail("memory");
	errno = -frames_init();
	if (errno)
		return fail("machine addresses");
	memset(secret, 0x5e, PAGE_SIZE);
	errno = ENOENT;
	if (frames_gfn(secret) == FRAME_NONE)
		return fail("machine address of a page");
	machine = frames_gfn(secret) * PAGE_SIZE;
	if (vfio_map(&vfio, p, iova, BUFFER_BYTES, VFIO_READ | VFIO_WRITE))
		return 3;

	/* All that is in the device is ours then. */
	memset(p, 0xaa, BUFFER_BYTES);
	ret = dma(iova, false) ?: dma(machine, false) ?: dma(iova + AT, true);
	if (ret)
		return ret;
	for (i = 0; i < LEN; i++) {
		leaked += p[AT + i] == 0x5e;
		if (p[AT + i] && p[AT + i] != 0xaa)
			ret = 1;
	}
	printf("stray=%#lx\nsecret_bytes_copied=%u\n", machine, leaked);
	if (ret)
		return not_so("read", machine);

	memset(p, 0xbb, BUFFER_BYTES);
	ret = dma(iova, false) ?: dma(machine, true);
	if (ret)
		return ret;
	for (i = 0; i < PAGE_SIZE; i++)
		if (secret[i] != 0x5e)
			return not_so("written", machine);
	return 0;
}

static int count_interrupts(unsigned int index, uint64_t number)
{
	int fd = vfio_irq(&vfio, index, 0);
	uint64_t i;

	if (fd < 0)
		return 3;
	if (vfio_counted(fd, 100))
		return not_so("interrupt before", 0);
	for (i = 1; i <= number; i++) {
		mmio_write32(bar, EDU_REG_IRQ_RAISE, i);
		if (!vfio_counted(fd, 5000))
			return not_so("no interrupt", i);
		if (mmio_read32(bar, EDU_REG_IRQ_STATUS) != i)
			return not_so("status", mmio_read32(bar, EDU_REG_IRQ_STATUS));
		mmio_write32(bar, EDU_REG_IRQ_ACK, i);
		if (index == VFIO_PCI_INTX_IRQ_INDEX && vfio_irq_unmask(&vfio))
			return 3;
		if (vfio_counted(fd, 20))
			return not_so("one more interrupt", i);
	}
	if (vfio_irq_off(&vfio, index))
		return 3;
	printf("interrupts=%lu\n", number);
	return 0;
}

/* One of the driver's counters. */
static uint64_t stat(const char *want)
{
	uint64_t val, found = 0;
	char name[64];
	FILE *f;

	f = fopen("/sys/kernel/debug/xen-pv-iommu/stats", "r");
	if (!f)
		exit(fail("the driver's statistics"));
	while (fscanf(f, "%63s %lu", name, &val) == 2)
		if (!strcmp(name, want))
			found = val;
	fclose(f);
	return found;
}

/* What has been counted since *@hypercalls and *@frames, and where it is now. */
static void count(const char *what, const char *frames_name,
		  uint64_t *hypercalls, uint64_t *frames)
{
	uint64_t calls = stat("hypercalls"), now = stat(frames_name);

	if (what)
		printf("%s_hypercalls=%lu\n%s_frames=%lu\n", what,
		       calls - *hypercalls, what, now - *frames);
	*hypercalls = calls;
	*frames = now;
}

/* How many pieces it is in: for Linux, and in the machine. */
static int pieces(const uint8_t *p, uint64_t size)
{
	unsigned long pfn = FRAME_NONE, gfn = FRAME_NONE, was;
	uint64_t pfns = 0, gfns = 0, i;

	errno = -frames_init();
	if (errno)
		return fail("machine addresses");
	for (i = 0; i < size; i += PAGE_SIZE) {
		was = pfn;
		pfn = frames_pfn(p + i);
		pfns += pfn != was + 1;
		was = gfn;
		gfn = frames_gfn(p + i);
		gfns += gfn != was + 1;
	}
	printf("frames=%lu\npfn_runs=%lu\ngfn_runs=%lu\n", size / PAGE_SIZE,
	       pfns, gfns);
	return 0;
}

/* What was asked for backwards has its frames in single pieces, as old memory. */
static int map(uint64_t iova, uint64_t mib, bool back)
{
	uint64_t size = mib << 20, hypercalls, frames, i;
	uint8_t *p = memory(size);
	int ret;

	/* Not only read: that would be the one page of zeros. */
	for (i = 0; i < size; i += PAGE_SIZE)
		p[back ? size - 1 - i : i] = 1;
	ret = pieces(p, size);
	if (ret)
		return ret;

	count(NULL, "frames_map", &hypercalls, &frames);
	if (vfio_map(&vfio, p, iova, size, VFIO_READ | VFIO_WRITE))
		return 3;
	count("map", "frames_map", &hypercalls, &frames);

	ret = copies(p, iova) ?:
	      copies(p + size - BUFFER_BYTES, iova + size - BUFFER_BYTES);
	if (ret)
		return ret;

	count(NULL, "frames_unmap", &hypercalls, &frames);
	if (vfio_unmap(&vfio, iova, size))
		return 3;
	count("unmap", "frames_unmap", &hypercalls, &frames);
	return 0;
}

static int hold(uint64_t iova)
{
	int fd = vfio_irq(&vfio, VFIO_PCI_REQ_IRQ_INDEX, 0);
	uint8_t *p = memory(BUFFER_BYTES);
	int ret;

	if (fd < 0 || vfio_map(&vfio, p, iova, BUFFER_BYTES,
			       VFIO_READ | VFIO_WRITE))
		return 3;
	do {
		ret = copies(p, iova);
		printf("copied=1\n");
	} while (!ret && !vfio_counted(fd, 0));
	printf("wanted_back=1\n");
	return ret;
}

static uint64_t number(const char *s)
{
	uint64_t val;
	char *end;

	val = strtoull(s, &end, 0);
	if (*s && !*end)
		return val;
	exit(usage());
}

static int command(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "dma"))
		return everywhere();
	if (argc == 1 && !strcmp(argv[0], "stray"))
		return other_memory();
	if (argc == 2 && !strcmp(argv[0], "unmapped"))
		return unmapped(number(argv[1]));
	if (argc == 2 && !strcmp(argv[0], "readonly"))
		return readonly(number(argv[1]));
	if (argc == 2 && !strcmp(argv[0], "hold"))
		return hold(number(argv[1]));
	if (argc == 4 && !strcmp(argv[0], "map"))
		return map(number(argv[1]), number(argv[2]),
			   !strcmp(argv[3], "back"));
	if (argc == 3 && !strcmp(argv[0], "irq") && !strcmp(argv[1], "intx"))
		return count_interrupts(VFIO_PCI_INTX_IRQ_INDEX, number(argv[2]));
	if (argc == 3 && !strcmp(argv[0], "irq") && !strcmp(argv[1], "msi"))
		return count_interrupts(VFIO_PCI_MSI_IRQ_INDEX, number(argv[2]));
	return usage();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		return usage();
	if (vfio_open(&vfio, argv[1]))
		return 3;
	bar = vfio_bar(&vfio, 0, PAGE_SIZE);
	if (!bar)
		return 3;
	if ((mmio_read32(bar, EDU_REG_ID) & EDU_ID_MASK) != EDU_ID) {
		errno = ENODEV;
		return fail("an edu device");
	}
	return command(argc - 2, argv + 2);
}
