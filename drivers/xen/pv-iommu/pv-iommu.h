/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the upper files of the driver share.
 *
 * Calls go down this list, but claim and device ask bind about devices, bind tells
 * iommu of drivers that start, and submit empties batch's queue:
 *
 *   core       detection, life cycle, the reasons for falling back
 *   bind       which devices are in use, at load and later
 *   takeover   the host map: taking it away, bringing it back
 *   iommu      iommu_ops: devices, groups, reserved regions, attach
 *   claim      which devices are claimed, and what becomes of the others
 *   groups     which device is where, for debugfs
 *   forbid     devices that must not do DMA
 *   device     what the hypervisor says of a device
 *   domain     one address space and what is pending in it
 *   mapping    mapping and unmapping there
 *   entries    the shadow's side of that
 *   shadow     what Linux has mapped
 *   gfn        Linux' frame numbers and the hypervisor's
 *   batch      operations on their way to the hypervisor
 *   submit     having them done
 *   hypercall  the hypervisor
 */

#ifndef _XEN_PV_IOMMU_H
#define _XEN_PV_IOMMU_H

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "hypercall.h"

struct pci_dev;
struct xpi_domain;

/*
 * The IOMMU core hands out contiguous PFNs in the largest size named here, and
 * dma-iommu allocates coherent memory in pieces of such sizes.  The frames
 * behind them may be scattered all the same; gfn.c finds the runs that are not,
 * of whatever size, so none but the smallest says what can be mapped.
 */
#define XPI_PGSIZES	(SZ_4K | SZ_2M | SZ_1G)

/**
 * struct xpi - the one hypervisor under us
 * @backend: how to talk to it
 * @caps: what it offers
 * @reserved: ranges that it will not map
 * @nr_reserved: of them
 * @iommu: what the IOMMU core knows us by
 * @blocked_ctx: with contexts: one in which nothing is ever mapped
 * @settled: the devices that were there were claimed or left alone
 * @nr_ctx: with contexts: how many we have, that one included
 * @shared: without contexts: the domain that all devices are in
 */
struct xpi {
	const struct xpi_backend *backend;
	struct xpi_caps caps;
	struct xen_iommu_reserved_range *reserved;
	unsigned int nr_reserved;
	struct iommu_device iommu;
	u16 blocked_ctx;
	bool settled;
	atomic_t nr_ctx;
	struct xpi_domain *shared;
};

/**
 * struct xpi_dev - a device that we claimed
 * @dev: the device
 * @list: of all of them; guarded by the lock of groups.c, as all but @pinned and
 *	@withheld
 * @domain: where the core has put it
 * @d: and our side of that, if there is one
 * @ctx: and the hypervisor, 0 being the host map or what all devices share
 * @pinned: its driver keeps the module loaded; guarded by the lock of bind.c
 * @put: the core's reference to the module, for this device, was put
 * @withheld: the kernel was told not to use dma-iommu for it: see forbid.c
 */
struct xpi_dev {
	struct device *dev;
	struct list_head list;
	struct iommu_domain *domain;
	struct xpi_domain *d;
	u16 ctx;
	bool pinned;
	bool put;
	bool withheld;
};

/**
 * xpi_has_contexts() - does each group of devices have its own address space?
 * @xpi: the hypervisor
 *
 * Context: Any.
 * Return: true if so; false where one is shared by all devices.
 */
static inline bool xpi_has_contexts(const struct xpi *xpi)
{
	return xpi->caps.flags & XEN_IOMMU_CAP_contexts;
}

/* claim.c */
int xpi_claim_ask(struct xpi *xpi, struct device *dev);
bool xpi_claim_contexts_left(struct xpi *xpi);
void xpi_claim_check_dma(struct device *dev);
void xpi_claim_starts(struct xpi *xpi, struct device *dev);
void xpi_claim_check_trust(struct xpi *xpi, struct device *dev);
void xpi_claim_put_back(struct xpi *xpi, struct device *dev);
void xpi_claim_end(struct xpi *xpi);
void xpi_claim_cut_off(struct xpi *xpi);

/* device.c */
u32 xpi_sbdf(struct pci_dev *pdev);
bool xpi_device_shares_id(struct xpi *xpi, struct pci_dev *pdev);
bool xpi_device_is_alone(struct xpi *xpi, struct pci_dev *pdev);
bool xpi_device_in_host_map(struct xpi *xpi, struct pci_dev *pdev);
const char *xpi_device_untranslated(struct xpi *xpi, struct pci_dev *pdev);
const char *xpi_device_not_ours(struct xpi *xpi, struct pci_dev *pdev);
bool xpi_device_is_away(struct xpi *xpi, struct pci_dev *pdev);
const char *xpi_device_why_not(struct xpi *xpi, struct pci_dev *pdev);
void xpi_device_regions(struct xpi *xpi, struct pci_dev *pdev,
			struct list_head *head);
int xpi_read_reserved(struct xpi *xpi, u32 sbdf,
		      struct xen_iommu_reserved_range **ranges,
		      unsigned int *nr);

/* iommu.c */
int xpi_iommu_register(struct xpi *xpi);
void xpi_iommu_unregister(struct xpi *xpi);
void xpi_iommu_added(struct device *dev);
void xpi_iommu_end(struct xpi *xpi);
void xpi_iommu_starts(struct device *dev);

/* topology.c */
bool xpi_topology_isolates(struct pci_dev *pdev);
bool xpi_topology_shared(struct pci_dev *pdev, struct pci_dev *other);
struct iommu_group *xpi_topology_group(struct device *dev);

/* groups.c */
void xpi_groups_add(struct xpi_dev *xdev);
void xpi_groups_remove(struct xpi_dev *xdev);
void xpi_groups_wait(void);
void xpi_groups_put_module(void);
unsigned int xpi_groups_waiting(void);
void xpi_groups_attached(struct xpi_dev *xdev, struct iommu_domain *domain,
			 struct xpi_domain *d, u16 ctx);
void xpi_groups_forget(struct iommu_domain *domain);
void xpi_groups_init(void);

/* forbid.c */
void xpi_forbid_init(void);
void xpi_forbid_dma(struct device *dev, const char *why);
void xpi_forbid_part(struct device *dev);
void xpi_allow_dma(struct device *dev);
void xpi_allow_all(void);
void xpi_cut_off(struct device *dev, const char *why, const char *until);

/* takeover.c */
int xpi_takeover(struct xpi *xpi);
void xpi_give_back(struct xpi *xpi);

/* bind.c */
bool xpi_pci_is_harmless(struct pci_dev *pdev);
bool xpi_pci_is_at_work(struct pci_dev *pdev);
int xpi_bind_init(void);
void xpi_bind_exit(void);
void xpi_bind_lock(void);
void xpi_bind_unlock(void);
int xpi_bind_check(void);
void xpi_bind_down(void);

#if IS_ENABLED(CONFIG_KUNIT)
/* core.c */
const char *xpi_why_not_here(void);
const char *xpi_why_no_hypercall(int err);
const char *xpi_why_not_this_mode(unsigned int mode);
int xpi_detect(struct xpi *xpi);
int xpi_switch_over(struct xpi *xpi);
#endif

#endif /* _XEN_PV_IOMMU_H */
