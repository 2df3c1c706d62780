// SPDX-License-Identifier: GPL-2.0-only
/* Pages that another domain granted, and what becomes of it meanwhile. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "lib/domain.h"
#include "lib/frames.h"
#include "lib/grant.h"
#include "lib/machine.h"

#define NR_FRAMES	16
#define READ		XEN_IOMMU_MAP_readable

/* Domains that come and go in test_many(), of what Xen may keep for the next. */
#define NR_DOMAINS	1000
#define SLACK		64

static struct guest {
	domid_t id;
	xen_pfn_t *frames;
	struct grant_entry *table;
} guest;

static int do_map_gref(uint64_t dfn, domid_t domain, uint64_t ref, uint16_t flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map.dfn = dfn,
		.u.map.gfn = ref,
		.u.map.nr_frames = 1,
		.u.map.flags = flags | XEN_IOMMU_MAP_gref,
		.u.map.domid = domain,
	};

	return hyp_one(&op);
}

/* Of grants_begin(). */
static struct grant_mapping lasting[NR_FRAMES];
static unsigned int nr_lasting;

static bool begin(void)
{
	if (!guest.frames)
		guest.frames = hyp_alloc(PAGE_SIZE);
	if (!guest.frames ||
	    !expect("making a domain that grants",
		    domain_create(&guest.id, 2 * NR_FRAMES, false), 0))
		return false;
	if (expect("giving it memory",
		   domain_populate(guest.id, guest.frames, NR_FRAMES), 0)) {
		guest.table = grant_table(guest.id);
		if (check(guest.table, "its table of grants", "%s",
			  strerror(errno)))
			return true;
	}
	domain_destroy(guest.id);
	return false;
}

static bool gone_at_last(domid_t domain)
{
	unsigned int i;

	/* Xen waits for all CPUs before it frees the last of it. */
	for (i = 0; i < 200 && domain_exists(domain); i++)
		usleep(10000);
	return !domain_exists(domain);
}

static void end(const char *name)
{
	grant_table_close(guest.table);
	expect("destroying the domain", domain_destroy(guest.id), 0);
	check(gone_at_last(guest.id), name, "domain %u is still there", guest.id);
}

static bool kept(unsigned int i)
{
	return frames_m2p(guest.frames[i]) != M2P_INVALID;
}

/* Grants frame @i by entry @i, and maps it for the CPU. */
static bool give(unsigned int i, bool write, struct grant_mapping *m)
{
	grant_give(&guest.table[i], guest.frames[i], write);
	return expect("mapping a grant", grant_map(guest.id, i, write, m), 0);
}

static void take(unsigned int i, struct grant_mapping *m)
{
	expect("unmapping a grant", grant_unmap(m), 0);
	grant_revoke(&guest.table[i]);
}

static void test_forged(void)
{
	static const uint64_t refs[] = {
		GRANT_ENTRIES - 1, GRANT_ENTRIES, 1UL << 20, 0x7fffffff,
		0x80000000, 0xffffffff,
	};
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_map,
		.u.map.dfn = env.base,
		.u.map.gfn = 8,
		.u.map.nr_frames = 2,
		.u.map.flags = RW | XEN_IOMMU_MAP_gref,
		.u.map.domid = guest.id,
	};
	uint64_t dfn = env.base;
	unsigned int i;

	grant_give(&guest.table[8], guest.frames[8], true);
	expect("a grant that is not mapped", do_map_gref(dfn, guest.id, 8, RW),
	       -EACCES);
	expect("the same for reading", do_map_gref(dfn, guest.id, 8, READ),
	       -EACCES);
	for (i = 0; i < ARRAY_SIZE(refs); i++)
		expect("a grant that there is not",
		       do_map_gref(dfn, guest.id, refs[i], RW), -EACCES);
	expect("a grant of 33 bits",
	       do_map_gref(dfn, guest.id, 8 + (1ULL << 32), RW), -EINVAL);
	expect("a grant of no domain", do_map_gref(dfn, 0x7fe0, 8, RW), -ESRCH);
	expect("one of DOMID_SELF", do_map_gref(dfn, 0x7ff0, 8, RW), -ESRCH);
	expect("one of DOMID_IO", do_map_gref(dfn, 0x7ff1, 8, RW), -ESRCH);
	expect("one of dom0's own that there is not",
	       do_map_gref(dfn, 0, 0xfffff, RW), -EACCES);
	expect("a grant without access", do_map_gref(dfn, guest.id, 8, 0), -EINVAL);
	expect("two frames by a grant", hyp_one(&op), -EINVAL);
	op.u.map.nr_frames = 1;
	op.u.map.flags = RW;
	expect("a domain without a grant", hyp_one(&op), -EINVAL);
	expect_empty("forged grants", dfn, 16);
	grant_revoke(&guest.table[8]);
}

static void test_mapped(void)
{
	uint64_t dfn = env.base, gfn = 0;
	struct grant_mapping m;
	uint32_t flags = 0;

	if (!give(0, true, &m))
		return;
	expect("map of a grant", do_map_gref(dfn, guest.id, 0, RW), 0);
	expect("lookup of it", do_lookup(dfn, &gfn, NULL, &flags), 0);
	check(gfn == guest.frames[0], "it is the frame that was granted",
	      "%#lx for %#lx", (unsigned long)gfn,
	      (unsigned long)guest.frames[0]);
	check(flags == (RW | XEN_IOMMU_MAP_gref), "lookup says that it is granted",
	      "%#x", flags);
	expect("map of it over it", do_map_gref(dfn, guest.id, 0, RW), -EEXIST);
	expect("map of it elsewhere", do_map_gref(dfn + 1, guest.id, 0, READ), 0);
	expect("an own frame behind it", do_map(dfn + 2, env.gfn[0], 1, RW), 0);
	expect("its frame by number",
	       do_map(dfn + 3, guest.frames[0], 1, RW), -EPERM);
	take(0, &m);
	check(maps_to(dfn, guest.frames[0]), "it outlives the grant", "it does not");
	expect("map of a grant that is gone", do_map_gref(dfn + 4, guest.id, 0, RW),
	       -EACCES);
	expect("unmap of all", do_unmap(dfn, 3, 0, NULL), 0);
	expect_empty("granted pages", dfn, 8);
}

static void test_readonly(void)
{
	uint64_t dfn = env.base;
	struct grant_mapping m;
	uint32_t flags = 0;

	if (!give(1, false, &m))
		return;
	expect("what is granted to read, for writing",
	       do_map_gref(dfn, guest.id, 1, RW), -EACCES);
	expect("or for writing only",
	       do_map_gref(dfn, guest.id, 1, XEN_IOMMU_MAP_writable), -EACCES);
	expect("for reading", do_map_gref(dfn, guest.id, 1, READ), 0);
	expect("lookup", do_lookup(dfn, NULL, NULL, &flags), 0);
	check(!(flags & XEN_IOMMU_MAP_writable), "it cannot be written",
	      "it can");
	take(1, &m);

	/* Granted to be written, but dom0 has it mapped to read. */
	grant_give(&guest.table[1], guest.frames[1], true);
	if (expect("mapping a grant to read",
		   grant_map(guest.id, 1, false, &m), 0)) {
		expect("what is mapped to read, for writing",
		       do_map_gref(dfn + 1, guest.id, 1, RW), -EACCES);
		take(1, &m);
	}
	expect("unmap", do_unmap(dfn, 1, 0, NULL), 0);
	expect_empty("grants to read", dfn, 2);
}

/*
 * What the CPU may map by a grant a device may, too: else a guest could have disks
 * of dom0 try for ever.  Xen shares this page with the domain.
 */
static void test_shared_info(void)
{
	struct grant_mapping m;
	xen_pfn_t frame;

	if (!expect("asking for shared_info", domain_shared_info(guest.id, &frame),
		    0))
		return;
	grant_give(&guest.table[6], frame, true);
	if (!expect("mapping shared_info by a grant",
		    grant_map(guest.id, 6, true, &m), 0))
		return;
	expect("shared_info for a device", do_map_gref(env.base, guest.id, 6, RW), 0);
	take(6, &m);
	expect("unmap", do_unmap(env.base, 1, 0, NULL), 0);
}

/* A device that writes where a page table is could do anything. */
static void test_types(void)
{
	xen_pfn_t frame = guest.frames[2];
	uint64_t dfn = env.base;
	struct grant_mapping m;

	if (!give(2, true, &m))
		return;
	memset(m.page, 0, PAGE_SIZE);
	expect("map for writing", do_map_gref(dfn, guest.id, 2, RW), 0);
	expect("map for reading", do_map_gref(dfn + 1, guest.id, 2, READ), 0);
	take(2, &m);
	expect("a page table where a device writes", domain_pin(guest.id, frame),
	       -EINVAL);
	expect("unmap no_flush",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	if (env.caps.caps & XEN_IOMMU_CAP_deferred_flush)
		expect("a page table where it may still write",
		       domain_pin(guest.id, frame), -EINVAL);
	expect("flush", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	expect("a page table where a device reads",
	       domain_pin(guest.id, frame), 0);

	/* And the other way round. */
	grant_give(&guest.table[2], frame, true);
	if (expect("mapping a page table to read",
		   grant_map(guest.id, 2, false, &m), 0)) {
		expect("it can be read by a device",
		       do_map_gref(dfn + 2, guest.id, 2, READ), 0);
		expect("it cannot be written",
		       do_map_gref(dfn + 3, guest.id, 2, RW), -EACCES);
		take(2, &m);
	}
	expect("unmap", do_unmap(dfn + 1, 2, 0, NULL), 0);
	expect("no page table any more", domain_unpin(guest.id, frame), 0);
	expect_empty("page tables", dfn, 4);
}

/* The owner dies first; what a device reaches is the last of it. */
static void test_death(const char *name, bool write, uint32_t unmap)
{
	struct grant_mapping m;

	if (!begin())
		return;
	if (!give(3, write, &m))
		return;
	expect("map", do_map_gref(env.base, guest.id, 3, write ? RW : READ), 0);
	take(3, &m);
	grant_table_close(guest.table);
	expect("destroying it with a page mapped", domain_destroy(guest.id), 0);
	usleep(50000);
	check(kept(3), name, "the frame was freed under a device");
	check(!kept(4), "its other frames are free", "they are not");
	expect("map of a grant of the dead", do_map_gref(env.base + 1, guest.id, 3,
							 READ), -EACCES);
	expect("unmap", do_unmap(env.base, 1, unmap, NULL), 0);
	if (unmap && env.caps.caps & XEN_IOMMU_CAP_deferred_flush) {
		check(kept(3), "it is kept until the flush", "it is not");
		expect("flush", do_flush(env.base, 1, 0), 0);
	}
	check(!kept(3), "and then it is free", "it is not");
	check(gone_at_last(guest.id), "nothing is left of the domain",
	      "domain %u is still there", guest.id);
}

/* dom0 gives one of its own pages to the domain, as netback once did. */
static void test_transfer(void)
{
	unsigned long gfn = balloon_gfn();
	uint64_t dfn = env.base;
	char word[32];

	if (!check(gfn != FRAME_NONE, "a page to transfer",
		   "pviommu-balloon.ko is not loaded"))
		return;
	snprintf(word, sizeof(word), "transfer %u 7", guest.id);
	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	grant_accept(&guest.table[7]);
	expect("transfer of a page that is mapped", balloon(word), -EBUSY);
	check(maps_to(dfn, gfn) && balloon_gfn() == gfn,
	      "the transfer that failed changes nothing", "it does");

	/* Xen takes the offer back with the transfer that failed. */
	grant_accept(&guest.table[7]);
	expect("unmap no_flush",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	if (!expect("transfer of what was not flushed", balloon(word), 0))
		return;
	check(guest.table[7].frame == gfn, "the domain has it", "it has %#x",
	      guest.table[7].frame);
	expect("map of a page that is gone", do_map(dfn, gfn, 1, RW), -EPERM);
	expect("another page in its place", balloon("in"), 0);
}

/* Domains with a few pages mapped each; how they end changes each time. */
static void test_many(void)
{
	unsigned int i, j, bad = 0;
	long before = 0, after;
	uint64_t s = env.seed;

	for (i = 0; i < NR_DOMAINS && !bad; i++) {
		struct grant_mapping m[4];
		uint64_t r = rnd(&s);

		if (i == 8)
			before = machine_free_pages();
		if (!begin())
			return;
		for (j = 0; j < ARRAY_SIZE(m); j++) {
			grant_give(&guest.table[j], guest.frames[j], true);
			bad += grant_map(guest.id, j, true, &m[j]) ||
			       do_map_gref(env.base + j, guest.id, j,
					   r >> j & 1 ? RW : READ);
		}
		if (r & 0x10)
			bad += do_unmap(env.base, 4, r >> 8 & 1, NULL) != 0;
		for (j = 0; j < ARRAY_SIZE(m); j++)
			bad += grant_unmap(&m[j]) != 0;
		grant_table_close(guest.table);
		bad += domain_destroy(guest.id) != 0;
		if (!(r & 0x10))
			bad += do_unmap(env.base, 4, r >> 8 & 1, NULL) != 0;
		bad += do_flush(0, 0, XEN_IOMMU_FLUSH_all) != 0;
		bad += !gone_at_last(guest.id);
	}
	after = machine_free_pages();
	check(!bad, "guests that come and go", "at the %uth", i);
	check(before > 0 && before - after < SLACK, "Xen has their memory back",
	      "%ld pages less of %ld", before - after, before);
}

static bool stop;

struct racer {
	uint16_t ctx;
	unsigned long mapped, refused, bad;
};

/* As fast as it can, whatever becomes of the grant. */
static void *map_and_unmap(void *arg)
{
	struct racer *r = arg;
	uint64_t dfn = env.base + 512;

	hyp_ctx = r->ctx;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int ret = do_map_gref(dfn, guest.id, 5, RW);

		if (ret && ret != -EACCES)
			r->bad++;
		else if (!ret && do_unmap(dfn, 1, 0, NULL))
			r->bad++;
		else if (!ret)
			r->mapped++;
		else
			r->refused++;
	}
	return NULL;
}

static void test_race(void)
{
	double until = now() + env.thread_seconds;
	unsigned int rounds = 0;
	pthread_t thread;
	struct racer r = { .ctx = hyp_ctx };

	stop = false;
	if (pthread_create(&thread, NULL, map_and_unmap, &r)) {
		fail("a second thread", "%s", strerror(errno));
		return;
	}
	for (; now() < until; rounds++) {
		struct grant_mapping m;

		if (!give(5, true, &m))
			break;
		usleep(rounds % 7 * 100);
		take(5, &m);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check(!r.bad, "mapping a grant that comes and goes", "%lu bad answers",
	      r.bad);
	check(r.mapped && r.refused, "it was there, and it was not",
	      "mapped %lu times, refused %lu times", r.mapped, r.refused);
	printf("# grants: raced %u times, mapped %lu times, refused %lu times\n",
	       rounds, r.mapped, r.refused);
	expect("nothing holds the page's type",
	       domain_pin(guest.id, guest.frames[5]), 0);
	expect("and unpinned", domain_unpin(guest.id, guest.frames[5]), 0);
}

bool grants_begin(domid_t *domain, unsigned int nr)
{
	if (!begin())
		return false;
	*domain = guest.id;
	for (nr_lasting = 0; nr_lasting < nr; nr_lasting++)
		if (!give(nr_lasting, nr_lasting % 2 == 0, &lasting[nr_lasting]))
			return false;
	return true;
}

void grants_end(void)
{
	while (nr_lasting) {
		nr_lasting--;
		take(nr_lasting, &lasting[nr_lasting]);
	}
	end("what granted to the others goes");
}

unsigned long grants_frame(unsigned int ref)
{
	return guest.frames[ref];
}

void test_grants(void)
{
	if (!(env.caps.caps & XEN_IOMMU_CAP_gref)) {
		skip("group grants", "the hypervisor has no gref");
		return;
	}
	if (!begin())
		return;
	test_forged();
	test_mapped();
	test_readonly();
	test_shared_info();
	test_types();
	test_race();
	test_transfer();
	end("a domain that granted goes");
	test_death("a page that a device writes outlives its domain", true, 0);
	test_death("a page that a device reads outlives its domain", false, 0);
	test_death("a page that waits for its flush does", true,
		   XEN_IOMMU_UNMAP_no_flush);
	test_many();
}
