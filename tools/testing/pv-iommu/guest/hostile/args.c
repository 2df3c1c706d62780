// SPDX-License-Identifier: GPL-2.0-only
/* Reserved fields, unknown operations, wild dfns and gfns. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

static int raw(uint16_t op, uint16_t ctx, uint64_t a, uint64_t b, uint64_t c)
{
	struct xen_iommu_op o = {
		.op = op,
		.ctx = ctx,
		.u.raw = { a, b, c },
	};

	return hyp_one(&o);
}

static void test_unknown(void)
{
	static const uint16_t unknown[] = { 0, 13, 14, 100, 0x7fff, 0xffff };
	unsigned int i;
	char name[64];

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		snprintf(name, sizeof(name), "unknown op %u", unknown[i]);
		expect(name, raw(unknown[i], 0, 0, 0, 0), -EOPNOTSUPP);
		expect(name, raw(unknown[i], 1, ~0UL, ~0UL, ~0UL), -EOPNOTSUPP);
	}
	if (env.caps.caps & XEN_IOMMU_CAP_contexts)
		return;		/* context.c */
	for (i = XEN_IOMMUOP_ctx_alloc; i <= XEN_IOMMUOP_ctx_attach; i++) {
		snprintf(name, sizeof(name), "context op %u without contexts", i);
		expect(name, raw(i, 0, 0, 0, 0), -EOPNOTSUPP);
		expect(name, raw(i, 1, ~0UL, ~0UL, ~0UL), -EOPNOTSUPP);
	}
}

static void test_ctx(void)
{
	uint64_t dfn = env.base, map2 = 1 | (uint64_t)RW << 32;
	static const uint16_t ctxs[] = { 1, 2, 0x8000, 0xffff };
	struct xen_iommu_op_query_caps caps;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ctxs); i++) {
		uint16_t ctx = ctxs[i];

		expect("map with ctx", raw(XEN_IOMMUOP_map, ctx, dfn, env.gfn[0],
					   map2), -ENOENT);
		expect("unmap with ctx", raw(XEN_IOMMUOP_unmap, ctx, dfn, 1, 0),
		       -ENOENT);
		/* The header leaves open which of the two it is. */
		expect_either("flush with ctx",
			      raw(XEN_IOMMUOP_flush, ctx, dfn, 1, 0),
			      -ENOENT, -EINVAL);
		expect_either("lookup with ctx",
			      raw(XEN_IOMMUOP_lookup, ctx, dfn, 0, 0),
			      -ENOENT, -EINVAL);
		expect_either("enable with ctx",
			      raw(XEN_IOMMUOP_enable_modification, ctx, 0, 0, 0),
			      -ENOENT, -EINVAL);
		expect_either("disable with ctx",
			      raw(XEN_IOMMUOP_disable_modification, ctx, 0, 0, 0),
			      -ENOENT, -EINVAL);
	}
	expect("query_caps still works", do_caps(&caps), 0);
	check(caps.mode == XEN_IOMMU_MODE_owned, "nothing was given back by that",
	      "mode is %s", hyp_strmode(caps.mode));
	expect_empty("map with ctx", dfn, 1);
}

static void test_reserved_fields(void)
{
	uint64_t dfn = env.base, gfn = env.gfn[0];
	uint64_t one = 1, flags_shift = 32, domid_shift = 48;
	unsigned int bit;
	int got;

	for (bit = 5; bit < 16; bit++) {
		got = raw(XEN_IOMMUOP_map, 0, dfn, gfn,
			  one | (RW | 1UL << bit) << flags_shift);
		if (!expect("map with unknown flag", got, -EINVAL))
			break;
	}
	for (bit = 0; bit < 16; bit++) {
		got = raw(XEN_IOMMUOP_map, 0, dfn, gfn,
			  one | (uint64_t)RW << flags_shift | 1UL << (bit + domid_shift));
		if (!expect("map with domid but no gref", got, -EINVAL))
			break;
	}
	for (bit = 0; bit < 32; bit++) {
		got = raw(XEN_IOMMUOP_unmap, 0, dfn, 1, 1UL << (32 + bit));
		if (!expect("unmap with pad", got, -EINVAL))
			break;
		got = raw(XEN_IOMMUOP_flush, 0, dfn, 1, 1UL << (32 + bit));
		if (!expect("flush with pad", got, -EINVAL))
			break;
	}
	for (bit = 2; bit < 32; bit++) {
		got = raw(XEN_IOMMUOP_unmap, 0, dfn, 1, 1UL << bit);
		if (!expect("unmap with unknown flag", got, -EINVAL))
			break;
	}
	for (bit = 1; bit < 32; bit++) {
		got = raw(XEN_IOMMUOP_flush, 0, dfn, 1, 1UL << bit);
		if (!expect("flush with unknown flag", got, -EINVAL))
			break;
		got = raw(XEN_IOMMUOP_enable_modification, 0, 1UL << bit, 0, 0);
		if (!expect("enable with unknown flag", got, -EINVAL))
			break;
	}
	expect("enable with pad", raw(XEN_IOMMUOP_enable_modification, 0, 0, 1, 0),
	       -EINVAL);
	expect("enable with pad", raw(XEN_IOMMUOP_enable_modification, 0, 0, 0,
				      1UL << 63), -EINVAL);
	expect("disable with argument",
	       raw(XEN_IOMMUOP_disable_modification, 0, 1, 0, 0), -EINVAL);
	expect("disable with argument",
	       raw(XEN_IOMMUOP_disable_modification, 0, 0, 0, 1UL << 63), -EINVAL);
	expect("query_reserved with pad",
	       raw(XEN_IOMMUOP_query_reserved, 0, XEN_IOMMU_RESERVED_ALL_DEVICES,
		   0, 1), -EINVAL);
	expect_empty("map with reserved field", dfn, 1);
}

static void test_flags(void)
{
	uint64_t dfn = env.base, gfn = env.gfn[0];
	int got;

	expect("map without access", do_map(dfn, gfn, 1, 0), -EINVAL);
	expect("map without access, no_flush",
	       do_map(dfn, gfn, 1, XEN_IOMMU_MAP_no_flush), -EINVAL);
	if (!(env.caps.caps & XEN_IOMMU_CAP_gref)) {
		expect("map of a gref",
		       do_map(dfn, 8, 1, RW | XEN_IOMMU_MAP_gref), -EOPNOTSUPP);
		got = raw(XEN_IOMMUOP_map, 0, dfn, 8,
			  1 | (uint64_t)(RW | XEN_IOMMU_MAP_gref) << 32 | 1UL << 48);
		expect("map of another domain's gref", got, -EOPNOTSUPP);
	}
	expect_empty("map with bad flags", dfn, 1);

	expect("flush all with a range",
	       do_flush(dfn, 1, XEN_IOMMU_FLUSH_all), -EINVAL);
	expect("flush all with a count",
	       do_flush(0, 1, XEN_IOMMU_FLUSH_all), -EINVAL);
	expect("flush all", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	expect("flush of one", do_flush(dfn, 1, 0), 0);
	expect("flush of the window", do_flush(env.base, WINDOW, 0), 0);
}

static void test_query_reserved(void)
{
	struct xen_iommu_reserved_range *r = hyp_alloc(PAGE_SIZE);
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_query_reserved };
	unsigned int i;
	int got;

	op.u.query_reserved.sbdf = XEN_IOMMU_RESERVED_ALL_DEVICES;
	op.u.query_reserved.nr_entries = 0;
	op.u.query_reserved.ranges.q = 0;
	got = hyp_one(&op);
	expect("query_reserved without room", got, env.nr_reserved ? -ENOBUFS : 0);
	check(op.u.query_reserved.nr_entries == env.nr_reserved,
	      "query_reserved says how many", "%u instead of %u",
	      op.u.query_reserved.nr_entries, env.nr_reserved);

	memset(r, 0x77, PAGE_SIZE);
	op.u.query_reserved.nr_entries = 1;
	op.u.query_reserved.ranges.p = r;
	got = hyp_one(&op);
	expect("query_reserved with room for one", got,
	       env.nr_reserved > 1 ? -ENOBUFS : 0);
	for (i = sizeof(*r); i < PAGE_SIZE && ((uint8_t *)r)[i] == 0x77; i++)
		;
	check(i == PAGE_SIZE, "query_reserved writes no more than there is room",
	      "byte %u", i);

	op.u.query_reserved.nr_entries = ~0U;
	op.u.query_reserved.ranges.p = r;
	expect("query_reserved with room for 2^32", hyp_one(&op), 0);

	op.u.query_reserved.nr_entries = 16;
	op.u.query_reserved.ranges.q = 0xffff800000000000UL;
	expect("query_reserved into Xen", hyp_one(&op), -EFAULT);
	op.u.query_reserved.nr_entries = 16;
	op.u.query_reserved.ranges.q = 0x0000800000000000UL;
	expect("query_reserved into no man's land", hyp_one(&op), -EFAULT);

	for (i = 0; i < 3; i++) {
		static const uint32_t sbdf[] = { 0xfffffffe, 0xffff0000, 0x00ff };

		op.u.query_reserved.sbdf = sbdf[i];
		op.u.query_reserved.nr_entries = MAX_RESERVED;
		op.u.query_reserved.ranges.p = env.reserved + MAX_RESERVED;
		got = hyp_one(&op);
		/* Nothing is said about devices that do not exist. */
		check(!got || got == -ENODEV || got == -EINVAL,
		      "query_reserved for no device", "%s", hyp_strerr(got));
	}
	hyp_free(r, PAGE_SIZE);
}

void test_args(void)
{
	test_unknown();
	test_ctx();
	test_reserved_fields();
	test_flags();
	test_query_reserved();
}

/* Where nothing may be mapped: both ends of the range and what aliases it. */
static void bad_dfn(const char *what, uint64_t dfn, uint64_t nr)
{
	char name[96];

	if (nr <= ~0U) {
		snprintf(name, sizeof(name), "map %s: dfn %#lx nr %#lx", what, dfn, nr);
		expect(name, do_map(dfn, env.gfn[0], nr, RW), -EINVAL);
	}
	snprintf(name, sizeof(name), "unmap %s: dfn %#lx nr %#lx", what, dfn, nr);
	expect(name, do_unmap(dfn, nr, 0, NULL), -EINVAL);
	snprintf(name, sizeof(name), "flush %s: dfn %#lx nr %#lx", what, dfn, nr);
	expect(name, do_flush(dfn, nr, 0), -EINVAL);
}

static void test_wild_dfn(void)
{
	uint64_t top = env.caps.max_dfn, dfn = env.base;
	unsigned int bit;
	char name[64];

	bad_dfn("nothing", dfn, 0);
	bad_dfn("nothing", 0, 0);
	bad_dfn("nothing", ~0UL, 0);
	bad_dfn("beyond max_dfn", top + 1, 1);
	bad_dfn("across max_dfn", top, 2);
	bad_dfn("across max_dfn", dfn, top - dfn + 2);
	bad_dfn("across max_dfn", top - 511, 1024);
	bad_dfn("last number", ~0UL, 1);
	bad_dfn("wrapping", ~0UL, 2);
	bad_dfn("wrapping to the window", ~0UL, dfn + 2);
	bad_dfn("wrapping", 0UL - 512, 1024);
	bad_dfn("as much as there is", dfn, ~0UL);
	bad_dfn("wrapping", dfn, 0UL - dfn);
	bad_dfn("wrapping", 1, ~0UL);
	bad_dfn("2^52 times too many", dfn, 1UL << 52 | 1);
	bad_dfn("2^32 times too many", dfn, (1UL << 52) | (1UL << 32));

	/* Each bit that must not be cut off. */
	for (bit = 0; bit < 64; bit++) {
		if ((1UL << bit) <= top)
			continue;
		snprintf(name, sizeof(name), "map beyond max_dfn: bit %u", bit);
		if (!expect(name, do_map(dfn | 1UL << bit, env.gfn[0], 1, RW), -EINVAL))
			break;
		snprintf(name, sizeof(name), "lookup beyond max_dfn: bit %u", bit);
		if (!expect(name, do_lookup(dfn | 1UL << bit, NULL, NULL, NULL), -EINVAL))
			break;
	}
	expect("lookup of the last number", do_lookup(~0UL, NULL, NULL, NULL), -EINVAL);
	expect_empty("map of wild dfns", dfn, 1024);
	if (env.owner && !is_reserved(top, 1)) {
		expect("map at max_dfn", do_map(top, env.gfn[0], 1, RW), 0);
		check(maps_to(top, env.gfn[0]), "max_dfn is mapped", "no");
		expect("unmap at max_dfn", do_unmap(top, 1, 0, NULL), 0);
		check(maps_to(top, FRAME_NONE), "max_dfn is unmapped", "no");
	}
}

static void test_wild_gfn(void)
{
	uint64_t dfn = env.base, gfn = env.gfn[0];
	unsigned int bit;
	char name[64];

	expect("map of the last number", do_map(dfn, ~0UL, 1, RW), -EPERM);
	expect("map wrapping in gfn", do_map(dfn, ~0UL, 2, RW), -EPERM);
	expect("map wrapping in gfn", do_map(dfn, 0UL - 512, 1024, RW), -EPERM);
	/* A frame of ours with each bit that no machine has. */
	for (bit = 36; bit < 64; bit++) {
		snprintf(name, sizeof(name), "map of own frame with bit %u", bit);
		if (!expect(name, do_map(dfn, gfn | 1UL << bit, 1, RW), -EPERM))
			break;
		snprintf(name, sizeof(name), "the same, readable: bit %u", bit);
		if (!expect(name, do_map(dfn, gfn | 1UL << bit, 1,
					 XEN_IOMMU_MAP_readable), -EPERM))
			break;
	}
	expect_empty("map of wild gfns", dfn, 1024);
}

static void test_reserved_ranges(void)
{
	unsigned int i;

	check(is_reserved(0xfee00, 0x100), "the MSI window is reserved", "no");
	for (i = 0; i < env.nr_reserved; i++) {
		const struct xen_iommu_reserved_range *r = &env.reserved[i];
		uint64_t first = r->start_dfn, last = first + r->nr_frames - 1;
		uint64_t gfn = 0, was = 0;
		int mapped;

		if (first > env.caps.max_dfn)
			continue;
		mapped = do_lookup(first, &was, NULL, NULL);
		if (last > env.caps.max_dfn)
			last = env.caps.max_dfn;
		expect("map of a reserved range's begin",
		       do_map(first, env.gfn[0], 1, RW), -EINVAL);
		expect("map of a reserved range's end",
		       do_map(last, env.gfn[0], 1, RW), -EINVAL);
		if (first)
			expect("map into a reserved range",
			       do_map(first - 1, env.run_gfn, 2, RW), -EINVAL);
		if (last < env.caps.max_dfn)
			expect("map out of a reserved range",
			       do_map(last, env.run_gfn, 2, RW), -EINVAL);
		expect("unmap of a reserved range",
		       do_unmap(first, last - first + 1, 0, NULL), -EINVAL);
		expect("unmap of a reserved frame", do_unmap(last, 1, 0, NULL),
		       -EINVAL);
		expect("sparse unmap of a reserved range",
		       do_unmap(first, last - first + 1, XEN_IOMMU_UNMAP_sparse,
				NULL), 0);
		check(do_lookup(first, &gfn, NULL, NULL) == mapped && gfn == was,
		      "a reserved range stays as it is", "it does not");
		if (r->flags & XEN_IOMMU_RESERVED_identity)
			check(maps_to(first, first) && maps_to(last, last),
			      "an identity range is mapped", "it is not");
	}
}

void test_ranges(void)
{
	test_wild_dfn();
	test_wild_gfn();
	test_reserved_ranges();
}
