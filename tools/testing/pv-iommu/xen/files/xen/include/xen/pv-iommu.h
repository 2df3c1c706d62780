/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv-iommu.h: what the rest of Xen needs to know about the hardware domain
 * managing its own I/O address space (see public/iommu_op.h).
 */

#ifndef __XEN_PV_IOMMU_H__
#define __XEN_PV_IOMMU_H__

#include <xen/types.h>

struct domain;
struct page_info;
struct pci_dev;

/*
 * The root of the page tables that the devices of @d are to use instead of
 * Xen's own, or 0 when the domain has not taken over.
 *
 * On input *@levels is the number of levels that the IOMMU in question walks,
 * or 0 for as many as there are; on output (only if the result is not 0) the
 * number of levels below the returned root.
 *
 * To be called with pcidevs_lock held: the answer changes only under it.
 */
paddr_t pv_iommu_root(const struct domain *d, unsigned int *levels);

/*
 * @d has parted with @pg, which is no longer allocated to it: no new mappings
 * of it.  Its reference goes away once no device can reach it: in
 * pv_iommu_settle(), which serves many pages with one flush.
 */
#ifdef CONFIG_X86
void pv_iommu_forget(struct domain *d, const struct page_info *pg);
void pv_iommu_settle(struct domain *d);
#else
static inline void pv_iommu_forget(struct domain *d,
                                   const struct page_info *pg) {}
static inline void pv_iommu_settle(struct domain *d) {}
#endif

/*
 * The reference on @pg is in somebody's way: drop it, unless @pg is mapped.
 */
void pv_iommu_forget_unmapped(struct domain *d, const struct page_info *pg);

/*
 * @pdev is about to be another domain's: it leaves its context.  It is the
 * hardware domain's again: back to it.  It was added: where others are that share
 * its requester IDs.  It is removed: no more of that.  All with pcidevs_lock held.
 */
#ifdef CONFIG_X86
int pv_iommu_goes(struct pci_dev *pdev);
void pv_iommu_comes_back(struct pci_dev *pdev);
void pv_iommu_came(struct pci_dev *pdev);
void pv_iommu_gone(struct pci_dev *pdev);
#else
static inline int pv_iommu_goes(struct pci_dev *pdev) { return 0; }
static inline void pv_iommu_comes_back(struct pci_dev *pdev) {}
static inline void pv_iommu_came(struct pci_dev *pdev) {}
static inline void pv_iommu_gone(struct pci_dev *pdev) {}
#endif

/*
 * Behind a bridge devices have requester IDs in common.  Is a device of @d in a
 * context under this one?  Then it stays there while another is added, which
 * joins it in pv_iommu_came().  Has another device of the hardware domain this
 * ID?  Then it keeps what it reaches when @pdev goes.  With pcidevs_lock held.
 */
bool pv_iommu_attached_under(const struct domain *d, uint32_t id);
bool pv_iommu_shares_id(const struct pci_dev *pdev, uint32_t id);

/*
 * The hardware domain's devices go back to the host map, for who comes after.
 * No other CPU runs.
 */
#ifdef CONFIG_X86
void pv_iommu_crash(void);
#else
static inline void pv_iommu_crash(void) {}
#endif

/*
 * Is dom0 to have its memory so that what is aligned to 2 MiB for it is aligned in
 * the machine, too?  Only then can a large page map it for a device.  (Debug builds
 * give it its frames in reverse.)
 */
bool pv_iommu_aligns(const struct domain *d);

/*
 * Drop everything held for @d, which is dying.  Returns -ERESTART when there
 * is more to do.
 */
int pv_iommu_release(struct domain *d);

#endif /* __XEN_PV_IOMMU_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
