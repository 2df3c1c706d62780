// SPDX-License-Identifier: GPL-2.0-only
/* hostile: options, what the machine is like, order of the groups. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "lib/frames.h"
#include "lib/machine.h"

#define MAX_NAMES	2048
#define MAX_ALLOWED	16
#define SKIPPED		"# skip"

struct env env = {
	.fuzz_seconds = 20,
	.thread_seconds = 5,
	.cycles = 100000,
	.forgeries = 200000,
	.nth_frame = 1,
};

static unsigned int nr_pass, nr_fail, nr_skip;

/* What the user says will be skipped. */
static struct allowed {
	char *name;
	const char *why;
	bool happened;
} allowed[MAX_ALLOWED];

static unsigned int nr_allowed;
static bool verbose;
static const char *only;

static const struct group {
	const char *name;
	void (*run)(void);
	bool owner;	/* only when the address space is ours */
} groups[] = {
	{ "handles", test_handles, false },
	{ "args", test_args, false },
	{ "ranges", test_ranges, false },
	{ "map", test_map, false },
	{ "singles", test_singles, false },
	{ "lists", test_lists, false },
	{ "registers", test_registers, false },
	{ "large", test_large, false },
	{ "high", test_high, false },
	{ "frames", test_frames, false },
	{ "domain", test_domain, false },
	{ "grants", test_grants, false },
	{ "mmio", test_mmio, false },
	{ "refs", test_refs, false },
	{ "cycles", test_cycles, false },
	{ "long", test_long, false },
	{ "life", test_life, true },
	{ "host_map", test_host_map, true },
	{ "nomem", test_nomem, true },
	{ "contexts", test_contexts, true },
	{ "switch", test_switch, true },
	{ "continuations", test_continuations, false },
	{ "threads", test_threads, false },
	{ "fuzz", test_fuzz, false },
};

static const char usage_text[] =
"usage: hostile [OPTION]...\n"
"  -s SEED      of all that is random (default: the time)\n"
"  -t SECONDS   how long to fuzz (20), -T SECONDS how long each race is (5)\n"
"  -c NR        how often to map and unmap in the test for leaks (100000)\n"
"  -n NR        how many continuations to forge (200000)\n"
"  -e NR        to try one in NR of the frames that are not dom0's (1: each)\n"
"  -S NAME=WHY  test NAME, or \"group NAME\", will be skipped; else that is a\n"
"               failure, and so is it when NAME was not skipped after all\n"
"  -g GROUP     this group of tests only; -g help lists them\n"
"  -f  take the address space over even if drivers have devices\n"
"  -v  say each check that is good, not just the first of a kind\n"
"The driver not loaded: takes the address space over and gives it back.  With\n"
"the driver loaded: keeps to dfns that the driver does not use.\n"
"Exit code: 0 all good, 1 something was not, 2 usage, 3 cannot be tested here.\n";

/* Has a check of this name been good before?  The first is worth a line. */
static bool seen(const char *name)
{
	static char *names[MAX_NAMES];
	unsigned int h = 5381, i;
	const char *p;

	for (p = name; *p; p++)
		h = h * 33 + (unsigned char)*p;
	for (i = h % MAX_NAMES; names[i]; i = (i + 1) % MAX_NAMES)
		if (!strcmp(names[i], name))
			return true;
	names[i] = strdup(name);
	return false;
}

void pass(const char *name)
{
	nr_pass++;
	if (!seen(name) || verbose)
		printf("ok %s\n", name);
}

static void not_good(const char *how, const char *name, const char *what,
		     va_list ap)
{
	printf("%s %s: ", how, name);
	vprintf(what, ap);
	printf("\n");
}

void fail(const char *name, const char *what, ...)
{
	va_list ap;

	nr_fail++;
	va_start(ap, what);
	not_good("not ok", name, what, ap);
	va_end(ap);
}

void skip(const char *name, const char *why, ...)
{
	struct allowed *a = allowed;
	va_list ap;

	while (a < allowed + nr_allowed && strcmp(a->name, name))
		a++;
	va_start(ap, why);
	if (a < allowed + nr_allowed) {
		a->happened = true;
		nr_skip++;
		not_good(SKIPPED, name, why, ap);
		printf("# that was to be: %s\n", a->why);
	} else {
		nr_fail++;
		not_good("not ok", name, why, ap);
		printf("# it was skipped, which is not to happen (-S)\n");
	}
	va_end(ap);
}

/* NAME=WHY */
static bool allow(char *arg)
{
	char *why = strchr(arg, '=');

	if (!why || !why[1] || nr_allowed == MAX_ALLOWED)
		return false;
	*why++ = 0;
	allowed[nr_allowed++] = (struct allowed){ .name = arg, .why = why };
	return true;
}

static void check_allowed(void)
{
	unsigned int i;

	for (i = 0; i < nr_allowed; i++)
		if (!allowed[i].happened)
			fail(allowed[i].name, "it was to be skipped (%s) and was not",
			     allowed[i].why);
}

bool check(bool good, const char *name, const char *what, ...)
{
	va_list ap;

	if (good) {
		pass(name);
		return true;
	}
	nr_fail++;
	va_start(ap, what);
	not_good("not ok", name, what, ap);
	va_end(ap);
	return false;
}

/* A driver whose DMA would end with the takeover; bridges do none. */
static bool any_driver(char *name, size_t size)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	bool found = false;
	struct dirent *e;

	while (dir && !found && (e = readdir(dir))) {
		char path[600], target[300];
		const char *drv;
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		drv = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
		if (!strcmp(drv, "pcieport") || !strcmp(drv, "shpchp") ||
		    !strcmp(drv, "lpc_ich"))
			continue;
		snprintf(name, size, "%.20s (%.40s)", e->d_name, drv);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

unsigned int idle_devices(uint32_t *sbdf, unsigned int max)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned int seg, bus, dev, fn, nr = 0;
	struct dirent *e;

	while (dir && nr < max && (e = readdir(dir))) {
		char path[600], class[16] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver",
			 e->d_name);
		if (sscanf(e->d_name, "%x:%x:%x.%x", &seg, &bus, &dev, &fn) != 4 ||
		    !access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class",
			 e->d_name);
		f = fopen(path, "r");
		if (f && fgets(class, sizeof(class), f) &&
		    strncmp(class, "0x06", 4) && strncmp(class, "0x08", 4))
			sbdf[nr++] = XEN_IOMMU_SBDF(seg, bus, dev << 3 | fn);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return nr;
}

static int get_reserved(void)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_query_reserved };
	int ret;

	/* Twice as long: the second half is room for queries that go wrong. */
	env.reserved = hyp_alloc(2 * MAX_RESERVED * sizeof(*env.reserved));
	op.u.query_reserved.sbdf = XEN_IOMMU_RESERVED_ALL_DEVICES;
	op.u.query_reserved.nr_entries = MAX_RESERVED;
	op.u.query_reserved.ranges.p = env.reserved;
	ret = hyp_one(&op);
	env.nr_reserved = op.u.query_reserved.nr_entries;
	return ret;
}

/* A window in the middle: the driver works from 4 GiB and the top down. */
static int find_window(void)
{
	uint64_t align = 1UL << 18;

	for (env.base = (env.caps.max_dfn / 2 + align) & -align;
	     env.base + WINDOW < env.caps.max_dfn; env.base += WINDOW)
		if (!is_reserved(env.base, WINDOW))
			return 0;
	return -ENOSPC;
}

static int setup(bool force)
{
	char driver[320];
	int ret = hyp_open();

	if (ret) {
		printf("# no /dev/xen/privcmd: %s\n", strerror(-ret));
		return 3;
	}
	ret = do_caps(&env.caps);
	if (ret) {
		printf("# no iommu_op: %s\n", hyp_strerr(ret));
		return 3;
	}
	env.owner = env.caps.mode == XEN_IOMMU_MODE_host_map;
	if (!env.owner && env.caps.mode != XEN_IOMMU_MODE_owned) {
		printf("# nothing to test in mode %s\n", hyp_strmode(env.caps.mode));
		return 3;
	}
	if (env.owner && any_driver(driver, sizeof(driver)) && !force) {
		printf("# a driver would lose its DMA: %s (-f: do it anyway)\n", driver);
		return 3;
	}
	ret = get_reserved() ?: find_window() ?: frames_init() ?: machine_init() ?:
	      pool_init(8192);
	if (ret) {
		printf("# cannot begin: %s\n", hyp_strerr(ret));
		return 3;
	}
	printf("# mode: %s; seed %#lx; window: dfns %#lx to %#lx of %#lx\n",
	       env.owner ? "the address space is ours" : "beside the driver", env.seed,
	       env.base, env.base + WINDOW - 1, (uint64_t)env.caps.max_dfn);
	printf("# %u frames, longest run %u, aligned 2 MiB: %s\n", env.pool_nr,
	       env.run_nr, env.large_gfn == FRAME_NONE ? "none" : "yes");
	return 0;
}

static int take_over(void)
{
	int ret;

	test_not_owned("before enable");
	ret = do_enable(XEN_IOMMU_ENABLE_clear, NULL);
	if (!expect("enable", ret, 0))
		return 3;
	if (!(env.caps.caps & XEN_IOMMU_CAP_clear))
		do_unmap(0, env.caps.max_dfn + 1, XEN_IOMMU_UNMAP_sparse, NULL);
	do_caps(&env.caps);
	return 0;
}

static void run_groups(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		const struct group *g = &groups[i];
		double start = now();
		char name[32];

		if (only && strcmp(only, g->name))
			continue;
		snprintf(name, sizeof(name), "group %s", g->name);
		if (g->owner && !env.owner) {
			skip(name, "the address space is the driver's");
			continue;
		}
		printf("# %s\n", name);
		g->run();
		printf("# %s took %.1f s\n", name, now() - start);
		check(!count_mapped(env.base, 8192), "the window is empty again",
		      "not after group %s", g->name);
		clean(env.base, WINDOW);
		if (nr_fail) {
			printf("# what comes after group %s is not run\n", g->name);
			return;
		}
	}
	if (!only)
		check_allowed();
}

static int parse(int argc, char **argv, bool *force)
{
	unsigned int i;
	int c;

	while ((c = getopt(argc, argv, "s:t:T:c:n:e:S:g:fv")) != -1) {
		if (c == 's')
			env.seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			env.fuzz_seconds = atoi(optarg);
		else if (c == 'T')
			env.thread_seconds = atoi(optarg);
		else if (c == 'c')
			env.cycles = atoi(optarg);
		else if (c == 'n')
			env.forgeries = atoi(optarg);
		else if (c == 'e' && atoi(optarg) > 0)
			env.nth_frame = atoi(optarg);
		else if (c == 'S' && allow(optarg))
			continue;
		else if (c == 'g')
			only = optarg;
		else if (c == 'f')
			*force = true;
		else if (c == 'v')
			verbose = true;
		else
			return 2;
	}
	for (i = 0; only && i < ARRAY_SIZE(groups); i++)
		if (!strcmp(only, groups[i].name))
			return optind == argc ? 0 : 2;
	if (!only)
		return optind == argc ? 0 : 2;
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		puts(groups[i].name);
	return 2;
}

int main(int argc, char **argv)
{
	bool force = false;
	long before, after;
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	env.seed = time(NULL);
	ret = parse(argc, argv, &force);
	if (ret) {
		if (!only)
			fputs(usage_text, stderr);
		return ret;
	}
	ret = setup(force);
	if (ret)
		return ret;

	before = machine_free_pages();
	if (env.owner)
		ret = take_over();
	if (!ret)
		run_groups();
	if (env.owner && !ret) {
		expect("disable at the end", do_disable(), 0);
		test_not_owned("at the end");
		after = machine_free_pages();
		/* Xen keeps 2 KiB of each context that there was, for the next. */
		check(after >= 0 && before - after < 64 + env.caps.nr_ctx / 2,
		      "Xen has its memory back", "%ld pages less of %ld",
		      before - after, before);
	}
	check(pool_unmoved(), "Linux did not move our pages", "it did: run again");

	printf("# %u ok, %u not ok, %u skipped\n", nr_pass, nr_fail, nr_skip);
	printf("hostile: %s\n", nr_fail || ret ? "FAIL" : "PASS");
	return nr_fail || ret ? 1 : 0;
}
