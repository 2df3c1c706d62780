// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu-op: one iommu_op operation from the command line of a dom0.
 *
 * For shell scripts: what they need is printed as key=value, one a line; lines
 * for people begin with "# ".  Exit code: 0 done, 1 the operation or the
 * hypercall was refused, 2 wrong usage, 3 no way to make hypercalls.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/hyp.h"

#define MAX_RANGES	(PAGE_SIZE / sizeof(struct xen_iommu_reserved_range))

static const char usage_text[] =
"usage: iommu-op [-c CTX] COMMAND\n"
"  caps                            what the hypervisor offers\n"
"  reserved [SBDF]                 ranges that map refuses; default: all devices\n"
"  lookup DFN [NR]                 what NR dfns are mapped to\n"
"  map DFN GFN [NR] [r|w|rw] [no_flush]\n"
"  unmap DFN [NR] [sparse] [no_flush]\n"
"  flush DFN NR | flush all\n"
"  enable [clear]                  take the address space over\n"
"  disable                         give it back\n"
"  alloc                           make a context\n"
"  free                            the end of context CTX\n"
"  attach SBDF                     put a device into context CTX\n"
"  device SBDF                     what becomes of a device's DMA\n"
"  null [COUNT]                    time of a hypercall that does nothing\n"
"-c: the context that is meant; default 0.\n"
"Numbers as in C. SBDF as in lspci -D, for example 0000:00:02.0.\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static bool number(const char *s, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 0);
	return !errno && *s && *s != '-' && !*end;
}

/* Sends @op, prints the outcome; OUT fields are valid when it returns 0. */
static int run(struct xen_iommu_op *op)
{
	long ret = hyp_ops(op, 1);

	printf("return=%s\n", hyp_strerr(ret));
	if (!ret)
		printf("status=%s\n", hyp_strerr(op->status));
	return ret || op->status;
}

static int cmd_caps(struct xen_iommu_op *op)
{
	const struct xen_iommu_op_query_caps *caps = &op->u.query_caps;
	unsigned int bit;

	op->op = XEN_IOMMUOP_query_caps;
	if (run(op))
		return 1;

	printf("# iommu_op version %u, mode %s, dfns up to %#lx (%u-bit addresses)\n",
	       caps->version, hyp_strmode(caps->mode), caps->max_dfn,
	       (unsigned int)(caps->max_dfn ?
			      64 - __builtin_clzll(caps->max_dfn) + PAGE_SHIFT : 0));
	printf("version=%u\n", caps->version);
	printf("mode=%s\n", hyp_strmode(caps->mode));
	printf("caps=%#x\n", caps->caps);
	for (bit = 0; bit < 32; bit++) {
		if (hyp_strcap(bit))
			printf("cap_%s=%u\n", hyp_strcap(bit),
			       caps->caps >> bit & 1);
		else if (caps->caps >> bit & 1)
			printf("cap_bit%u=1\n", bit);
	}
	printf("max_dfn=%#lx\n", caps->max_dfn);
	printf("pgsize_mask=%#x\n", caps->pgsize_mask);
	printf("nr_ctx=%u\n", caps->nr_ctx);
	printf("max_ops=%u\n", caps->max_ops);
	return 0;
}

static int cmd_reserved(struct xen_iommu_op *op, int argc, char **argv)
{
	struct xen_iommu_reserved_range *r = hyp_alloc(PAGE_SIZE);
	uint32_t sbdf = XEN_IOMMU_RESERVED_ALL_DEVICES;
	unsigned int i;

	if (argc && !hyp_sbdf(argv[0], &sbdf))
		return usage();
	if (!r)
		return 3;

	op->op = XEN_IOMMUOP_query_reserved;
	op->u.query_reserved.sbdf = sbdf;
	op->u.query_reserved.nr_entries = MAX_RANGES;
	op->u.query_reserved.ranges.p = r;
	if (run(op))
		return 1;

	printf("nr_entries=%u\n", op->u.query_reserved.nr_entries);
	for (i = 0; i < op->u.query_reserved.nr_entries && i < MAX_RANGES; i++)
		printf("range%u=%#lx+%#x%s%s%s%s\n", i,
		       r[i].start_dfn, r[i].nr_frames,
		       r[i].flags & XEN_IOMMU_RESERVED_identity ? " identity" : "",
		       r[i].flags & XEN_IOMMU_RESERVED_msi ? " msi" : "",
		       r[i].flags & XEN_IOMMU_RESERVED_isa ? " isa" : "",
		       r[i].flags & XEN_IOMMU_RESERVED_bus ? " bus" : "");
	return 0;
}

static int cmd_lookup(struct xen_iommu_op *op, int argc, char **argv)
{
	uint64_t dfn, nr = 1;
	int ret = 0;

	if (!argc || argc > 2 || !number(argv[0], &dfn) ||
	    (argc == 2 && !number(argv[1], &nr)))
		return usage();

	for (; nr; nr--, dfn++) {
		memset(&op->u, 0, sizeof(op->u));
		op->op = XEN_IOMMUOP_lookup;
		op->u.lookup.dfn = dfn;
		printf("dfn=%#lx\n", dfn);
		if (run(op)) {
			ret = 1;
			continue;
		}
		printf("gfn=%#lx\n", op->u.lookup.gfn);
		printf("pgsize=%#x\n", op->u.lookup.pgsize);
		printf("flags=%s%s\n",
		       op->u.lookup.flags & XEN_IOMMU_MAP_readable ? "r" : "",
		       op->u.lookup.flags & XEN_IOMMU_MAP_writable ? "w" : "");
	}
	return ret;
}

static int cmd_map(struct xen_iommu_op *op, int argc, char **argv)
{
	uint64_t dfn, gfn, nr = 1;
	uint16_t rw = 0, flags = 0;
	int i;

	if (argc < 2 || !number(argv[0], &dfn) || !number(argv[1], &gfn))
		return usage();
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "r"))
			rw = XEN_IOMMU_MAP_readable;
		else if (!strcmp(argv[i], "w"))
			rw = XEN_IOMMU_MAP_writable;
		else if (!strcmp(argv[i], "rw"))
			rw = XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable;
		else if (!strcmp(argv[i], "no_flush"))
			flags |= XEN_IOMMU_MAP_no_flush;
		else if (i != 2 || !number(argv[i], &nr))
			return usage();
	}

	op->op = XEN_IOMMUOP_map;
	op->u.map.dfn = dfn;
	op->u.map.gfn = gfn;
	op->u.map.nr_frames = nr;
	op->u.map.flags = flags |
		(rw ?: XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable);
	return run(op);
}

static int cmd_unmap(struct xen_iommu_op *op, int argc, char **argv)
{
	uint64_t dfn, nr = 1;
	int i, ret;

	if (argc < 1 || !number(argv[0], &dfn))
		return usage();
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "sparse"))
			op->u.unmap.flags |= XEN_IOMMU_UNMAP_sparse;
		else if (!strcmp(argv[i], "no_flush"))
			op->u.unmap.flags |= XEN_IOMMU_UNMAP_no_flush;
		else if (i != 1 || !number(argv[i], &nr))
			return usage();
	}

	op->op = XEN_IOMMUOP_unmap;
	op->u.unmap.dfn = dfn;
	op->u.unmap.nr_frames = nr;
	ret = run(op);
	printf("nr_frames=%lu\n", op->u.unmap.nr_frames);
	return ret;
}

static int cmd_flush(struct xen_iommu_op *op, int argc, char **argv)
{
	uint64_t dfn = 0, nr = 0;

	op->op = XEN_IOMMUOP_flush;
	if (argc == 1 && !strcmp(argv[0], "all"))
		op->u.flush.flags = XEN_IOMMU_FLUSH_all;
	else if (argc != 2 || !number(argv[0], &dfn) || !number(argv[1], &nr))
		return usage();
	op->u.flush.dfn = dfn;
	op->u.flush.nr_frames = nr;
	return run(op);
}

static int cmd_enable(struct xen_iommu_op *op, int argc, char **argv)
{
	if (argc > 1 || (argc && strcmp(argv[0], "clear")))
		return usage();
	op->op = XEN_IOMMUOP_enable_modification;
	op->u.enable_modification.flags = argc ? XEN_IOMMU_ENABLE_clear : 0;
	if (run(op))
		return 1;
	printf("cleared=%u\n", op->u.enable_modification.result &
	       XEN_IOMMU_ENABLED_cleared ? 1 : 0);
	return 0;
}

static int cmd_alloc(struct xen_iommu_op *op)
{
	op->op = XEN_IOMMUOP_ctx_alloc;
	if (run(op))
		return 1;
	printf("ctx=%u\n", op->ctx);
	return 0;
}

static int cmd_attach(struct xen_iommu_op *op, const char *device)
{
	op->op = XEN_IOMMUOP_ctx_attach;
	if (!hyp_sbdf(device, &op->u.ctx_attach.sbdf))
		return usage();
	return run(op);
}

static int cmd_device(struct xen_iommu_op *op, const char *device)
{
	struct xen_iommu_op_query_device *q = &op->u.query_device;
	uint32_t *ids = hyp_alloc(PAGE_SIZE);
	unsigned int i;

	op->op = XEN_IOMMUOP_query_device;
	if (!hyp_sbdf(device, &q->sbdf))
		return usage();
	if (!ids)
		return 3;
	q->ids.p = ids;
	q->nr_ids = PAGE_SIZE / sizeof(*ids);
	if (run(op))
		return 1;
	printf("flags=%s%s%s%s%s\n",
	       q->flags & XEN_IOMMU_DEVICE_translated ? " translated" : "",
	       q->flags & XEN_IOMMU_DEVICE_assigned ? " assigned" : "",
	       q->flags & XEN_IOMMU_DEVICE_coherent ? " coherent" : "",
	       q->flags & XEN_IOMMU_DEVICE_caching_mode ? " caching_mode" : "",
	       q->flags & XEN_IOMMU_DEVICE_intremap ? " intremap" : "");
	printf("ctx=%u\naddr_bits=%u\npgsize_mask=%#x\n", q->ctx,
	       q->addr_bits, q->pgsize_mask);
	for (i = 0; i < q->nr_ids; i++)
		printf("id=%04x:%02x:%02x.%x\n", ids[i] >> 16, ids[i] >> 8 & 0xff,
		       ids[i] >> 3 & 0x1f, ids[i] & 7);
	return 0;
}

static int cmd_null(int argc, char **argv)
{
	uint64_t count = 10000, i, ns;
	struct timespec a, b;
	long ret = 0;

	if (argc > 1 || (argc && (!number(argv[0], &count) || !count)))
		return usage();

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < count && !ret; i++)
		ret = hyp_iommu_op(0, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000ULL + b.tv_nsec - a.tv_nsec;

	printf("return=%s\n", hyp_strerr(ret));
	printf("count=%lu\n", i);
	printf("ns_total=%lu\n", ns);
	printf("ns_per_call=%lu\n", ns / i);
	return ret ? 1 : 0;
}

/* What has no arguments of its own but the context. */
static int cmd_plain(struct xen_iommu_op *op, uint16_t nr)
{
	op->op = nr;
	return run(op);
}

static int command(struct xen_iommu_op *op, const char *cmd, int argc,
		   char **argv)
{
	if (!strcmp(cmd, "caps") && !argc)
		return cmd_caps(op);
	if (!strcmp(cmd, "reserved") && argc <= 1)
		return cmd_reserved(op, argc, argv);
	if (!strcmp(cmd, "lookup"))
		return cmd_lookup(op, argc, argv);
	if (!strcmp(cmd, "map"))
		return cmd_map(op, argc, argv);
	if (!strcmp(cmd, "unmap"))
		return cmd_unmap(op, argc, argv);
	if (!strcmp(cmd, "flush"))
		return cmd_flush(op, argc, argv);
	if (!strcmp(cmd, "enable"))
		return cmd_enable(op, argc, argv);
	if (!strcmp(cmd, "disable") && !argc)
		return cmd_plain(op, XEN_IOMMUOP_disable_modification);
	if (!strcmp(cmd, "alloc") && !argc)
		return cmd_alloc(op);
	if (!strcmp(cmd, "free") && !argc)
		return cmd_plain(op, XEN_IOMMUOP_ctx_free);
	if (!strcmp(cmd, "attach") && argc == 1)
		return cmd_attach(op, argv[0]);
	if (!strcmp(cmd, "device") && argc == 1)
		return cmd_device(op, argv[0]);
	if (!strcmp(cmd, "null"))
		return cmd_null(argc, argv);
	return usage();
}

int main(int argc, char **argv)
{
	struct xen_iommu_op *op;
	uint64_t ctx = 0;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	argc--;
	argv++;
	if (argc > 1 && !strcmp(argv[0], "-c")) {
		if (!number(argv[1], &ctx) || ctx > UINT16_MAX)
			return usage();
		argc -= 2;
		argv += 2;
	}
	if (!argc)
		return usage();

	err = hyp_open();
	if (err) {
		fprintf(stderr, "iommu-op: /dev/xen/privcmd: %s\n", strerror(-err));
		return 3;
	}
	op = hyp_alloc(PAGE_SIZE);
	if (!op) {
		perror("iommu-op: buffer");
		return 3;
	}
	op->ctx = ctx;

	return command(op, argv[0], argc - 1, argv + 1);
}
