// SPDX-License-Identifier: GPL-2.0-only
/*
 * userdma: the half in user space of tests of memory that a device reaches:
 * fills and verifies whatever a file gives when it is mapped, and has
 * pviommu-userdma.ko import memory of its own.  Exit code: 0, 1 other data, 2
 * wrong usage, 3 something that should work does not.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#include "lib/pattern.h"

#define PAGE_SIZE	4096UL
#define MODULE		"/dev/pviommu-userdma"

/* What the program writes, what the device writes, and how much of a page. */
#define SEED_USER	13
#define SEED_DEVICE	14
#define DEVICE_BYTES	64UL

static const char usage_text[] =
"usage: userdma COMMAND\n"
"  fill FILE SIZE SEED               maps the file, writes a pattern\n"
"  verify FILE SIZE SEED [FROM LEN]  compares; of each page only that part\n"
"  refused FILE SIZE                 is it refused to map so much?\n"
"  device FILE SIZE CTL              each page of pviommu-userdma's buffer, which\n"
"      FILE maps, is where the hypervisor says, and the device behind the file\n"
"      CTL of pviommu-dmatest and the program see each other's data in it\n"
"  import FILE SIZE                  makes a dma-buf of memory of its own, has\n"
"      FILE import it, prints the memory's name as \"memory=PATH\", and waits\n"
"      for a signal\n";

static int fail(const char *what)
{
	fprintf(stderr, "userdma: %s: %s\n", what, strerror(errno));
	return 3;
}

static uint8_t *map(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int fill(uint8_t *p, size_t size, unsigned long seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = pattern_byte(seed, i);
	return 0;
}

static int verify(uint8_t *p, size_t size, unsigned long seed,
		  size_t from, size_t len)
{
	size_t i, bad = 0, first = 0;

	for (i = 0; i < size; i++) {
		/* One of less than @from becomes huge. */
		if (i % PAGE_SIZE - from >= len ||
		    p[i] == pattern_byte(seed, i))
			continue;
		if (!bad++)
			first = i;
	}
	if (bad)
		printf("%zu bytes differ, the first at %#zx\n", bad, first);
	return bad != 0;
}

/* The number behind @key in the "key value" lines of a file. */
static int value_of(const char *path, const char *key, unsigned long long *value)
{
	FILE *file = fopen(path, "r");
	size_t n = strlen(key);
	char line[128];
	int ret = -1;

	while (file && ret && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, n) || line[n] != ' ')
			continue;
		*value = strtoull(line + n, NULL, 0);
		ret = 0;
	}
	if (file)
		fclose(file);
	return ret;
}

static int command(const char *ctl, const char *name, unsigned long long addr,
		   const char *rest)
{
	int fd = open(ctl, O_WRONLY);
	char line[128];
	ssize_t n;

	if (fd < 0)
		return -1;
	snprintf(line, sizeof(line), "%s addr=%#llx %s", name, addr, rest);
	n = write(fd, line, strlen(line));
	close(fd);
	return n < 0 ? -1 : 0;
}

static int page_by_device(const char *ctl, size_t page)
{
	unsigned long long dma, gfn, found, match;
	char text[80];

	snprintf(text, sizeof(text), "dma%zu", page);
	if (value_of(MODULE, text, &dma))
		return fail(text);
	snprintf(text, sizeof(text), "gfn%zu", page);
	if (value_of(MODULE, text, &gfn))
		return fail(text);

	if (command(ctl, "lookup", dma, "") || value_of(ctl, "gfn", &found))
		return fail("lookup");
	if (found != gfn) {
		printf("page %zu, frame %#llx, leads to %#llx\n", page, gfn,
		       found);
		return 1;
	}

	snprintf(text, sizeof(text), "len=%lu off=%zu seed=%u", DEVICE_BYTES,
		 page * PAGE_SIZE, SEED_USER);
	if (command(ctl, "edu_read", dma, text) ||
	    value_of(ctl, "match", &match))
		return fail("edu_read");
	if (!match) {
		printf("the device reads other data in page %zu\n", page);
		return 1;
	}

	snprintf(text, sizeof(text), "len=%lu off=%zu seed=%u", DEVICE_BYTES,
		 page * PAGE_SIZE, SEED_DEVICE);
	return command(ctl, "edu_write", dma, text) ? fail("edu_write") : 0;
}

static int by_device(uint8_t *p, size_t size, const char *ctl)
{
	size_t page;
	int ret = 0;

	fill(p, size, SEED_USER);
	for (page = 0; !ret && page < size / PAGE_SIZE; page++)
		ret = page_by_device(ctl, page);
	return ret ?: verify(p, size, SEED_DEVICE, 0, DEVICE_BYTES) ?:
		      verify(p, size, SEED_USER, DEVICE_BYTES,
			     PAGE_SIZE - DEVICE_BYTES);
}

/* -1 and errno when there is none */
static int make_dmabuf(int memfd, size_t size)
{
	struct udmabuf_create create = { .memfd = memfd, .size = size };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd;

	if (dev < 0)
		return -1;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	close(dev);
	return fd;
}

static int share(const char *path, size_t size)
{
	int memfd = memfd_create("userdma", MFD_ALLOW_SEALING);
	int fd = open(path, O_WRONLY);
	char line[80];
	int dmabuf;

	if (fd < 0)
		return fail(path);
	if (memfd < 0 || ftruncate(memfd, size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return fail("memory");
	dmabuf = make_dmabuf(memfd, size);
	if (dmabuf < 0)
		return fail("/dev/udmabuf");
	snprintf(line, sizeof(line), "import %zu %d", size, dmabuf);
	if (write(fd, line, strlen(line)) < 0)
		return fail(line);
	close(fd);
	printf("memory=/proc/%d/fd/%d\n", getpid(), memfd);
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long seed, from = 0, len = PAGE_SIZE;
	uint8_t *p;
	size_t size;

	if (argc < 4)
		goto usage;
	size = strtoul(argv[3], NULL, 0);
	if (!strcmp(argv[1], "import") && argc == 4)
		return share(argv[2], size);

	p = map(argv[2], size);
	if (!strcmp(argv[1], "refused") && argc == 4)
		return p || errno != ENXIO;
	if (!p)
		return fail(argv[2]);
	if (argc < 5)
		goto usage;
	if (!strcmp(argv[1], "device") && argc == 5)
		return by_device(p, size, argv[4]);
	seed = strtoul(argv[4], NULL, 0);
	if (!strcmp(argv[1], "fill") && argc == 5)
		return fill(p, size, seed);
	if (argc == 7) {
		from = strtoul(argv[5], NULL, 0);
		len = strtoul(argv[6], NULL, 0);
	}
	if (!strcmp(argv[1], "verify") && (argc == 5 || argc == 7))
		return verify(p, size, seed, from, len);
usage:
	fputs(usage_text, stderr);
	return 2;
}
