// SPDX-License-Identifier: GPL-2.0-only
/*
 * From Linux' frame numbers (PFN) to those that a hypercall takes (GFN).
 *
 * The P2M of a PV domain scatters: what is contiguous in PFNs seldom is in
 * GFNs.  Its entries carry marks: MMIO is an identity entry, a page that a
 * guest granted a foreign one.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include <asm/xen/page.h>

#include "gfn.h"

VISIBLE_IF_KUNIT unsigned long xpi_p2m_entry(unsigned long pfn)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_p2m_entry, pfn);

	return __pfn_to_mfn(pfn);
}

/*
 * How many of @nr PFNs from @pfn on are in the array that has nearly all of the
 * P2M, one GFN after the other from that of @entry on.
 */
VISIBLE_IF_KUNIT unsigned long xpi_p2m_run(unsigned long pfn, unsigned long nr,
					   unsigned long entry)
{
	const unsigned long *p2m;
	unsigned long i;

	KUNIT_STATIC_STUB_REDIRECT(xpi_p2m_run, pfn, nr, entry);

	if (pfn >= xen_p2m_size)
		return 0;

	p2m = xen_p2m_addr + pfn;
	nr = min(nr, xen_p2m_size - pfn);
	for (i = 0; i + 4 <= nr; i += 4, p2m += 4, entry += 4)
		if ((p2m[0] ^ entry) | (p2m[1] ^ (entry + 1)) |
		    (p2m[2] ^ (entry + 2)) | (p2m[3] ^ (entry + 3)))
			break;

	for (; i < nr && *p2m == entry; i++, p2m++)
		entry++;
	return i;
}

/**
 * xpi_gfn_foreign() - whose page is it, if not dom0's own?
 * @pfn: its frame
 * @grant: OUT: the domain, and its grant that dom0 has mapped there
 *
 * Context: Any.
 * Return: true if there is such a page, and the grant is known.
 */
bool xpi_gfn_foreign(unsigned long pfn, struct xen_page_foreign *grant)
{
	const struct xen_page_foreign *foreign;

	KUNIT_STATIC_STUB_REDIRECT(xpi_gfn_foreign, pfn, grant);

	if (!pfn_valid(pfn))
		return false;

	foreign = xen_page_foreign(pfn_to_page(pfn));
	if (foreign)
		*grant = *foreign;
	return foreign;
}

/**
 * xpi_gfn_plain() - the frame behind a PFN, where there is nothing special about it
 * @pfn: the frame
 *
 * Context: Any.
 * Return: the GFN, or %XPI_NO_GFN where it takes xpi_gfn_run() to know more.
 */
u64 xpi_gfn_plain(unsigned long pfn)
{
	unsigned long entry = xpi_p2m_entry(pfn);

	return entry & (FOREIGN_FRAME_BIT | IDENTITY_FRAME_BIT) ? XPI_NO_GFN : entry;
}

/**
 * xpi_gfn_plain_run() - the same of several PFNs
 * @pfn: first frame
 * @nr: frames, more than one
 *
 * Context: Any.
 * Return: the GFN of the first, if all are contiguous, or %XPI_NO_GFN.
 */
u64 xpi_gfn_plain_run(unsigned long pfn, unsigned long nr)
{
	u64 gfn = xpi_gfn_plain(pfn);

	if (gfn == XPI_NO_GFN || xpi_p2m_run(pfn + 1, nr - 1, gfn + 1) != nr - 1)
		return XPI_NO_GFN;
	return gfn;
}

/* A page that another domain granted is a run by itself. */
static int foreign_run(unsigned long pfn, struct xpi_gfn_run *run)
{
	struct xen_page_foreign grant;

	if (!xpi_gfn_foreign(pfn, &grant))
		return -EOPNOTSUPP;

	*run = (struct xpi_gfn_run) {
		.gfn = grant.gref,
		.nr = 1,
		.foreign = true,
		.owner = grant.domid,
	};
	return 0;
}

/**
 * xpi_gfn_run() - the frames behind the first of a range of PFNs
 * @pfn: first frame
 * @nr: frames in the range, not 0
 * @run: OUT: the GFN of @pfn, and how many of @nr are contiguous behind it
 *
 * Context: Any.
 * Return: 0; -EINVAL when there is no frame behind @pfn; -EOPNOTSUPP when it
 *	   is another domain's, and it is not known by which grant.
 */
int xpi_gfn_run(unsigned long pfn, unsigned long nr, struct xpi_gfn_run *run)
{
	unsigned long entry = xpi_p2m_entry(pfn);
	unsigned long i = 1;

	if (entry == INVALID_P2M_ENTRY)
		return -EINVAL;

	if (unlikely(entry & FOREIGN_FRAME_BIT))
		return foreign_run(pfn, run);

	/* A mark differs in a high bit, so this stops where the kind changes. */
	while (i < nr) {
		i += xpi_p2m_run(pfn + i, nr - i, entry + i);
		if (i == nr || xpi_p2m_entry(pfn + i) != entry + i)
			break;
		i++;
	}

	run->gfn = entry & ~IDENTITY_FRAME_BIT;
	run->nr = i;
	run->foreign = false;
	run->owner = 0;
	return 0;
}
