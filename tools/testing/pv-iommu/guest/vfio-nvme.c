// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-nvme: an NVMe disk driven from user space, by vfio-pci, and type 1 or
 * iommufd: one admin queue, one for I/O, one request at a time, each completed by
 * an MSI-X interrupt.
 *
 * Exit code: 0 done, 1 the disk did not do it, 2 wrong usage, 3 the device cannot
 * be had.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hyp.h"
#include "lib/mmio.h"
#include "lib/vfio.h"

#define REG_CAP		0x00
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELL	0x1000
#define REGS		0x2000

#define CC_ENABLE	1
#define CC_QUEUE_SIZES	(4 << 20 | 6 << 16)	/* 16 and 64 bytes, as logs */
#define CSTS_READY	1
#define CAP_STRIDE(cap)	((cap) >> 32 & 15)
#define READY_MS	10000

#define ADMIN_CREATE_SQ	1
#define ADMIN_CREATE_CQ	5
#define ADMIN_IDENTIFY	6
#define IO_WRITE	1
#define IO_READ		2

#define IDENTIFY_NAMESPACE	0
#define IDENTIFY_CONTROLLER	1
#define IDENTIFY_SERIAL		4	/* 20 bytes */
#define IDENTIFY_FLBAS		26
#define IDENTIFY_LBAF		128

#define NAMESPACE	1
#define DEPTH		16
#define QUEUES		2	/* admin, I/O */
#define DATA_PAGES	32
#define DATA_BYTES	(DATA_PAGES * PAGE_SIZE)

/* Where the device sees the memory below. */
#define IOVA		0x200000000UL

struct command {
	uint8_t opcode;
	uint8_t flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t unused[2];
	uint64_t prp1;
	uint64_t prp2;
	uint32_t dw[6];		/* 10 to 15 */
};

struct completion {
	uint64_t result;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t id;
	uint16_t status;	/* bit 0 is the phase */
};

/* All that the device reaches: each member has pages to itself. */
struct memory {
	struct {
		struct command sq[PAGE_SIZE / sizeof(struct command)];
		struct completion cq[PAGE_SIZE / sizeof(struct completion)];
	} queue[QUEUES];
	uint64_t list[PAGE_SIZE / sizeof(uint64_t)];
	uint8_t data[DATA_BYTES];
};

#define IOVA_OF(member)	(IOVA + offsetof(struct memory, member))

static const char usage_text[] =
"usage: vfio-nvme [iommufd:]SBDF COMMAND\n"
"  identify             the controller and its namespace\n"
"  write OFFSET LENGTH  from standard input\n"
"  read OFFSET LENGTH   to standard output\n"
"Numbers are of bytes, multiples of 4096.  The device is bound to vfio-pci.\n";

static struct vfio vfio;
static uint8_t *bar;
static int eventfd;
static struct memory *mem;
static unsigned int stride, tail[QUEUES], done[QUEUES];
static uint64_t block_size;

static int fail(const char *what)
{
	fprintf(stderr, "vfio-nvme: %s: %s\n", what, strerror(errno));
	return 3;
}

static int wrong(const char *what, unsigned long val)
{
	fprintf(stderr, "vfio-nvme: %s: %#lx\n", what, val);
	return 1;
}

/* In halves, which every controller takes. */
static void set64(unsigned int reg, uint64_t val)
{
	mmio_write32(bar, reg, val);
	mmio_write32(bar, reg + 4, val >> 32);
}

static unsigned int doorbell(unsigned int queue, bool completion)
{
	return REG_DOORBELL + ((2 * queue + completion) << stride);
}

/* Have one command done, and its interrupt come. */
static int do_command(unsigned int queue, const struct command *command)
{
	struct completion *c;
	uint16_t status;

	mem->queue[queue].sq[tail[queue]] = *command;
	tail[queue] = (tail[queue] + 1) % DEPTH;
	mmio_write32(bar, doorbell(queue, false), tail[queue]);
	if (!vfio_counted(eventfd, READY_MS))
		return wrong("no interrupt after command", command->opcode);

	c = &mem->queue[queue].cq[done[queue] % DEPTH];
	status = __atomic_load_n(&c->status, __ATOMIC_ACQUIRE);
	if ((status & 1) == done[queue] / DEPTH % 2)
		return wrong("an interrupt, but nothing is done", status);
	done[queue]++;
	mmio_write32(bar, doorbell(queue, true), done[queue] % DEPTH);
	return status >> 1 ? wrong("status", status >> 1) : 0;
}

static int wait_ready(uint32_t want)
{
	unsigned int ms;

	for (ms = 0; (mmio_read32(bar, REG_CSTS) & CSTS_READY) != want; ms += 10) {
		if (ms > READY_MS)
			return wrong("it does not change to ready", want);
		usleep(10000);
	}
	return 0;
}

static int identify(uint32_t what, uint32_t nsid)
{
	struct command command = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = nsid,
		.prp1 = IOVA_OF(data),
		.dw[0] = what,
	};

	return do_command(0, &command);
}

static int create(uint8_t opcode, uint64_t where, uint32_t dw11)
{
	struct command command = {
		.opcode = opcode,
		.prp1 = where,
		.dw[0] = (DEPTH - 1) << 16 | 1,
		.dw[1] = dw11,
	};

	return do_command(0, &command);
}

static int start(void)
{
	uint8_t format;
	int ret;

	stride = 2 + CAP_STRIDE((uint64_t)mmio_read32(bar, REG_CAP + 4) << 32);
	mmio_write32(bar, REG_CC, 0);
	ret = wait_ready(0);
	if (ret)
		return ret;
	mmio_write32(bar, REG_AQA, (DEPTH - 1) << 16 | (DEPTH - 1));
	set64(REG_ASQ, IOVA_OF(queue[0].sq));
	set64(REG_ACQ, IOVA_OF(queue[0].cq));
	mmio_write32(bar, REG_CC, CC_QUEUE_SIZES | CC_ENABLE);
	ret = wait_ready(CSTS_READY) ?: identify(IDENTIFY_NAMESPACE, NAMESPACE);
	if (ret)
		return ret;

	format = mem->data[IDENTIFY_FLBAS] & 15;
	block_size = 1UL << mem->data[IDENTIFY_LBAF + 4 * format + 2];
	/* In one piece of memory each, the first with interrupts, at vector 0. */
	return create(ADMIN_CREATE_CQ, IOVA_OF(queue[1].cq), 3) ?:
	       create(ADMIN_CREATE_SQ, IOVA_OF(queue[1].sq), 1 << 16 | 1);
}

/* Between the disk and mem->data. */
static int transfer(uint8_t opcode, uint64_t offset, uint64_t length)
{
	uint64_t block = offset / block_size;
	struct command command = {
		.opcode = opcode,
		.nsid = NAMESPACE,
		.prp1 = IOVA_OF(data),
		.prp2 = length > 2 * PAGE_SIZE ? IOVA_OF(list) :
						 IOVA_OF(data[PAGE_SIZE]),
		.dw[0] = block,
		.dw[1] = block >> 32,
		.dw[2] = length / block_size - 1,
	};
	unsigned int i;

	/* All pages but the first. */
	for (i = 1; i < DATA_PAGES; i++)
		mem->list[i - 1] = IOVA_OF(data[i * PAGE_SIZE]);
	return do_command(1, &command);
}

static int data(uint8_t opcode, uint64_t offset, uint64_t length)
{
	uint64_t n;
	int ret;

	for (; length; offset += n, length -= n) {
		n = length < DATA_BYTES ? length : DATA_BYTES;
		if (opcode == IO_WRITE && fread(mem->data, n, 1, stdin) != 1)
			return fail("standard input");
		ret = transfer(opcode, offset, n);
		if (ret)
			return ret;
		if (opcode == IO_READ && fwrite(mem->data, n, 1, stdout) != 1)
			return fail("standard output");
	}
	return fflush(stdout) ? fail("standard output") : 0;
}

static int tell(void)
{
	int ret = identify(IDENTIFY_CONTROLLER, 0);

	if (ret)
		return ret;
	printf("serial=%.20s\nblock_size=%lu\n",
	       (const char *)&mem->data[IDENTIFY_SERIAL], block_size);
	return 0;
}

static int command(int argc, char **argv)
{
	uint64_t arg[2] = { 0 };
	char *end = "";
	int i;

	for (i = 1; i < argc && i < 3 && !*end; i++)
		arg[i - 1] = strtoull(argv[i], &end, 0);
	if (argc == 1 && !strcmp(argv[0], "identify"))
		return tell();
	if (argc == 3 && !*end && !(arg[0] % PAGE_SIZE || arg[1] % PAGE_SIZE)) {
		if (!strcmp(argv[0], "write"))
			return data(IO_WRITE, arg[0], arg[1]);
		if (!strcmp(argv[0], "read"))
			return data(IO_READ, arg[0], arg[1]);
	}
	fputs(usage_text, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int ret;

	if (argc < 3)
		return command(0, argv);
	if (vfio_open(&vfio, argv[1]))
		return 3;
	bar = vfio_bar(&vfio, 0, REGS);
	mem = mmap(NULL, sizeof(*mem), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!bar || mem == MAP_FAILED)
		return fail("memory");
	if (vfio_map(&vfio, mem, IOVA, sizeof(*mem), VFIO_READ | VFIO_WRITE))
		return 3;
	eventfd = vfio_irq(&vfio, VFIO_PCI_MSIX_IRQ_INDEX, 0);
	if (eventfd < 0)
		return 3;
	ret = start();
	return ret ?: command(argc - 2, argv + 2);
}
