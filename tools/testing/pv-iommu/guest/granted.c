// SPDX-License-Identifier: GPL-2.0-only
/*
 * granted: direct I/O of a disk with pages that are mapped by grant, as a
 * backend does it for its guests.  Dom0 grants the pages to itself, which makes
 * the same entries in its P2M as a guest's pages would.
 *
 * Either each request works, and moves the data; or the hypervisor cannot map such
 * pages, then each must end with an error, and move nothing.  One line a check, "ok
 * NAME" or "not ok NAME: what"; exit code: 0 all ok, 1 not, 2 wrong usage, 3 no
 * grants here.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* What <xen/gntdev.h> lacks. */
typedef uint32_t grant_ref_t;
typedef uint16_t domid_t;

#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#include "lib/pattern.h"

#define PAGE_SIZE	4096UL
#define MAX_PAGES	16U

#define SEED_DISK	1
#define SEED_GRANTED	2
#define SEED_OWN	3

static const char usage_text[] =
"usage: granted works|refused MODULE DISK OFFSET PAGES\n"
"MODULE: the file of pviommu-userdma.  Overwrites PAGES pages (2 to 16) at\n"
"OFFSET of DISK.\n";

/* Pages of ours, and what they look like when mapped by grant. */
struct grant {
	int alloc, dev;
	unsigned int pages;
	uint64_t alloc_index, dev_index;
	uint8_t *own, *view;
	uint8_t *before;	/* as much of other memory, just before @view */
};

static bool failed;

static int fail(const char *what)
{
	fprintf(stderr, "granted: %s: %s\n", what, strerror(errno));
	return 3;
}

static void report(bool good, const char *name, const char *what)
{
	if (good)
		printf("ok %s\n", name);
	else
		printf("not ok %s: %s\n", name, what);
	fflush(stdout);
	failed |= !good;
}

static void fill(uint8_t *p, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = pattern_byte(seed, i);
}

static bool holds(const uint8_t *p, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i] != pattern_byte(seed, i))
			return false;
	return true;
}

static int grant_pages(struct grant *g, uint32_t *refs)
{
	struct ioctl_gntalloc_alloc_gref *arg;
	size_t size = sizeof(*arg) + g->pages * sizeof(*refs);

	g->alloc = open("/dev/xen/gntalloc", O_RDWR);
	if (g->alloc < 0)
		return fail("/dev/xen/gntalloc");
	arg = calloc(1, size);
	if (!arg)
		return fail("grant references");
	arg->domid = 0;
	arg->flags = GNTALLOC_FLAG_WRITABLE;
	arg->count = g->pages;
	if (ioctl(g->alloc, IOCTL_GNTALLOC_ALLOC_GREF, arg))
		return fail("granting pages");
	memcpy(refs, arg->gref_ids, g->pages * sizeof(*refs));
	g->alloc_index = arg->index;
	free(arg);

	g->own = mmap(NULL, g->pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED, g->alloc, g->alloc_index);
	return g->own == MAP_FAILED ? fail("mapping the own pages") : 0;
}

static int map_grants(struct grant *g, const uint32_t *refs)
{
	struct ioctl_gntdev_map_grant_ref *arg;
	size_t size = g->pages * PAGE_SIZE;
	unsigned int i;

	g->dev = open("/dev/xen/gntdev", O_RDWR);
	if (g->dev < 0)
		return fail("/dev/xen/gntdev");
	arg = calloc(1, sizeof(*arg) + g->pages * sizeof(arg->refs[0]));
	if (!arg)
		return fail("grant references");
	arg->count = g->pages;
	for (i = 0; i < g->pages; i++)
		arg->refs[i].ref = refs[i];
	if (ioctl(g->dev, IOCTL_GNTDEV_MAP_GRANT_REF, arg))
		return fail("announcing the grants");
	g->dev_index = arg->index;
	free(arg);

	g->before = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->before == MAP_FAILED)
		return fail("memory");
	g->view = mmap(g->before + size, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, g->dev, g->dev_index);
	return g->view == MAP_FAILED ? fail("mapping the grants") : 0;
}

/* Everything a failed request may have left behind would show here. */
static int grant_close(struct grant *g)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = {
		.index = g->dev_index, .count = g->pages,
	};
	struct ioctl_gntalloc_dealloc_gref dealloc = {
		.index = g->alloc_index, .count = g->pages,
	};

	munmap(g->before, 2 * g->pages * PAGE_SIZE);
	if (ioctl(g->dev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap))
		return fail("unmapping the grants");
	munmap(g->own, g->pages * PAGE_SIZE);
	if (ioctl(g->alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc))
		return fail("taking the grants back");
	return close(g->dev) || close(g->alloc) ? fail("close") : 0;
}

/*
 * One request with @nr parts that must be refused; whatever has been on the disk
 * and in the granted pages is there afterwards.
 */
static void must_fail(const char *name, int disk, off_t at, struct grant *g,
		      const struct iovec *iov, int nr, bool write)
{
	size_t size = g->pages * PAGE_SIZE;
	uint8_t *back = aligned_alloc(PAGE_SIZE, size);
	ssize_t done;
	char what[80];
	int err;

	fill(g->own, size, SEED_GRANTED);
	done = write ? pwritev(disk, iov, nr, at) : preadv(disk, iov, nr, at);
	err = errno;
	if (done >= 0) {
		snprintf(what, sizeof(what), "%zd bytes went through", done);
		report(false, name, what);
	} else {
		snprintf(what, sizeof(what), "%s refused with %s", name,
			 strerrorname_np(err));
		report(true, what, "");
	}
	snprintf(what, sizeof(what), "%s left the granted pages alone", name);
	report(holds(g->own, size, SEED_GRANTED), what, "other data");
	snprintf(what, sizeof(what), "%s left the disk alone", name);
	report(back && pread(disk, back, size, at) == (ssize_t)size &&
	       holds(back, size, SEED_DISK), what, "other data, or an error");
	free(back);
}

/* What a request of @size bytes has moved is where it should be, and good. */
static void moved(const char *name, ssize_t done, size_t size, const uint8_t *p,
		  unsigned int seed)
{
	char what[80];

	if (done < 0)
		snprintf(what, sizeof(what), "%s", strerror(errno));
	else if (done != (ssize_t)size)
		snprintf(what, sizeof(what), "%zd bytes", done);
	else
		snprintf(what, sizeof(what), "other data");
	report(done == (ssize_t)size && holds(p, size, seed), name, what);
}

/* Out of granted pages and into them, alone and beside own ones. */
static void must_work(int disk, off_t at, struct grant *g, uint8_t *own)
{
	size_t size = g->pages * PAGE_SIZE;
	struct iovec mixed[] = {
		{ own, PAGE_SIZE }, { g->view + PAGE_SIZE, size - PAGE_SIZE },
	};
	ssize_t done;

	fill(g->own, size, SEED_GRANTED);
	done = pwrite(disk, g->view, size, at);
	if (done == (ssize_t)size)
		done = pread(disk, own, size, at);
	moved("a write of granted pages reaches the disk", done, size, own,
	      SEED_GRANTED);

	memset(g->own, 0, size);
	done = pread(disk, g->view, size, at);
	moved("a read into granted pages reaches their owner", done, size,
	      g->own, SEED_GRANTED);

	fill(own, size, SEED_OWN);
	fill(g->own, size, SEED_OWN);
	done = pwritev(disk, mixed, 2, at);
	if (done == (ssize_t)size)
		done = pread(disk, own, size, at);
	moved("a write of own and granted pages reaches the disk", done, size,
	      own, SEED_OWN);

	memset(own, 0, size);
	memset(g->own, 0, size);
	done = preadv(disk, mixed, 2, at);
	memcpy(g->own, own, PAGE_SIZE);
	moved("a read into own and granted pages reaches both", done, size,
	      g->own, SEED_OWN);
}

/* The DMA API by itself: a buffer in a list with an entry a page. */
static int map_for_dma(const char *module, const void *p, size_t size)
{
	int fd = open(module, O_WRONLY);
	char line[80];
	int ret = 0;

	if (fd < 0)
		return errno;
	snprintf(line, sizeof(line), "user %zu %#lx", size, (unsigned long)p);
	if (write(fd, line, strlen(line)) < 0)
		ret = errno;
	else if (write(fd, "free", 4) < 0)
		ret = errno;
	close(fd);
	return ret;
}

static void one_dma(const char *module, const void *p, size_t size, bool good,
		    const char *which)
{
	int err = map_for_dma(module, p, size);
	char name[80];

	snprintf(name, sizeof(name), "%s: %s", which,
		 good ? "mapped" : "refused");
	report(!err == good, name, err ? strerror(err) : "mapped");
}

/* Own pages, granted ones, and both in one list. */
static void try_dma(const char *module, struct grant *g, bool good)
{
	size_t size = g->pages * PAGE_SIZE;

	memset(g->before, 1, size);
	one_dma(module, g->view, size, good, "granted pages");
	one_dma(module, g->view, PAGE_SIZE, good, "one of them");
	one_dma(module, g->before, 2 * size, good, "own and granted ones in a list");
	one_dma(module, g->before, size, true, "the own ones of it");
}

static void all_must_fail(int disk, off_t at, struct grant *g, uint8_t *own)
{
	size_t size = g->pages * PAGE_SIZE;
	struct iovec all = { g->view, size };
	struct iovec one = { g->view, PAGE_SIZE };
	struct iovec mixed[] = {
		{ own, PAGE_SIZE }, { g->view, size - PAGE_SIZE },
	};

	must_fail("write of many pages", disk, at, g, &all, 1, true);
	must_fail("read of one page", disk, at, g, &one, 1, false);
	fill(own, PAGE_SIZE, SEED_OWN);
	must_fail("write of own and granted pages", disk, at, g, mixed, 2, true);
}

int main(int argc, char **argv)
{
	uint32_t refs[MAX_PAGES];
	struct grant g = {};
	uint8_t *own;
	bool good;
	size_t size;
	off_t at;
	int disk;

	if (argc != 6)
		goto usage;
	good = !strcmp(argv[1], "works");
	if (!good && strcmp(argv[1], "refused"))
		goto usage;
	at = strtoll(argv[4], NULL, 0);
	g.pages = strtoul(argv[5], NULL, 0);
	if (at % PAGE_SIZE || g.pages < 2 || g.pages > MAX_PAGES)
		goto usage;
	size = g.pages * PAGE_SIZE;

	disk = open(argv[3], O_RDWR | O_DIRECT);
	if (disk < 0)
		return fail(argv[3]);
	if (grant_pages(&g, refs) || map_grants(&g, refs))
		return 3;
	fill(g.own, size, SEED_GRANTED);
	report(holds(g.view, size, SEED_GRANTED), "granted pages are shared",
	       "the mapping shows other data");

	own = aligned_alloc(PAGE_SIZE, size);
	if (!own)
		return fail("memory");
	try_dma(argv[2], &g, good);
	fill(own, size, SEED_DISK);
	report(pwrite(disk, own, size, at) == (ssize_t)size,
	       "own pages reach the disk", strerror(errno));

	if (good)
		must_work(disk, at, &g, own);
	else
		all_must_fail(disk, at, &g, own);
	if (grant_close(&g))
		return 3;
	free(own);
	close(disk);
	return failed;

usage:
	fputs(usage_text, stderr);
	return 2;
}
