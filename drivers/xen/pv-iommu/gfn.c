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
#include <linux/mm.h>

#include <asm/xen/page.h>

#include "gfn.h"

VISIBLE_IF_KUNIT unsigned long xpi_p2m_entry(unsigned long pfn)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_p2m_entry, pfn);

	return __pfn_to_mfn(pfn);
}

/**
 * xpi_gfn_run() - the frames behind the first of a range of PFNs
 * @pfn: first frame
 * @nr: frames in the range, not 0
 * @run: OUT: the GFN of @pfn, and how many of @nr are contiguous behind it
 *
 * Context: Any.
 * Return: 0; -EINVAL when there is no frame behind @pfn; -EOPNOTSUPP when it
 *	   is another domain's, which takes a grant reference to map.
 */
int xpi_gfn_run(unsigned long pfn, unsigned long nr, struct xpi_gfn_run *run)
{
	unsigned long entry = xpi_p2m_entry(pfn);
	unsigned long i;

	if (entry == INVALID_P2M_ENTRY)
		return -EINVAL;

	if (entry & FOREIGN_FRAME_BIT)
		return -EOPNOTSUPP;

	/* A mark differs in a high bit, so this stops where the kind changes. */
	for (i = 1; i < nr; i++)
		if (xpi_p2m_entry(pfn + i) != entry + i)
			break;

	run->gfn = entry & ~IDENTITY_FRAME_BIT;
	run->nr = i;
	return 0;
}
