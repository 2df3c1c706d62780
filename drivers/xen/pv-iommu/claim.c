// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which devices are claimed, and what becomes of the DMA of the others.
 *
 * With contexts those are left in the host map, on xen-swiotlb, as if we were not
 * there.  Where all devices share an address space only one that nothing translates
 * can be left alone; others must not do DMA, as what xen-swiotlb would give them
 * may be mapped there for somebody else.
 */

#include <kunit/static_stub.h>

#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/pci.h>

#include "compat.h"
#include "pv-iommu.h"

#define XPI_PCI_CLASS_IOMMU	0x0806

/* Bridges, and the IOMMU's own function, which dom0 does not get. */
static bool does_no_dma(struct pci_dev *pdev)
{
	return xpi_pci_is_harmless(pdev) ||
	       pdev->class >> 8 == XPI_PCI_CLASS_IOMMU;
}

/* Nothing but the hypervisor keeps it from the memory of all. */
static bool untrusted_unclaimed(struct pci_dev *pdev)
{
	return pdev->untrusted && !device_iommu_mapped(&pdev->dev) &&
	       !does_no_dma(pdev);
}

/*
 * Not claimed: on xen-swiotlb, if that has the right addresses for it.  Where there
 * is no @why it need not be said.
 */
static void leave_alone(struct xpi *xpi, struct device *dev, const char *why)
{
	struct pci_dev *pdev = to_pci_dev(dev);

	if (xpi_has_contexts(xpi) && !does_no_dma(pdev) &&
	    !xpi_device_in_host_map(xpi, pdev)) {
		xpi_forbid_dma(dev, "it is in the address space of others of its ID");
		return;
	}

	if (why && !does_no_dma(pdev))
		dev_info(dev, "stays on xen-swiotlb: %s\n", why);
	xpi_compat_dma_keep(dev);
}

/**
 * xpi_claim_contexts_left() - is there a context for one more group of devices?
 * @xpi: the hypervisor, with contexts
 *
 * Context: Process context.
 * Return: true if so.
 */
bool xpi_claim_contexts_left(struct xpi *xpi)
{
	return atomic_read(&xpi->nr_ctx) + xpi_groups_waiting() <
	       xpi->caps.nr_ctx;
}

static int ask_for_context(struct xpi *xpi, struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const char *why;

#ifdef XPI_HAVE_DRIVERS_MINDED
	/* The core would warn of it.  See topology.c for what is behind a bridge. */
	if (dev->driver && xpi_pci_is_harmless(pdev)) {
		leave_alone(xpi, dev, NULL);
		return -ENODEV;
	}
#endif

	if (dev->driver && !xpi_pci_is_harmless(pdev))
		why = "it is in use; to protect it, remove and rescan it without its driver";
	else
		why = xpi_device_why_not(xpi, pdev);
	if (!why && pdev->untrusted && !xpi_claim_contexts_left(xpi))
		why = "the hypervisor has no more contexts";
	if (!why)
		return 0;

	/* See xpi_claim_check_trust() for what becomes of it. */
	if (pdev->untrusted && !dev->driver)
		dev_info(dev, "has no address space: %s\n", why);
	else
		leave_alone(xpi, dev, why);
	return -ENODEV;
}

/*
 * The core does not want devices that have a driver.  Bridges have theirs by
 * now.  So may others, which bind.c found to be idle; they have to stay so.
 */
static int leave_to_driver(struct device *dev)
{
	xpi_compat_dma_keep(dev);
	if (does_no_dma(to_pci_dev(dev)))
		return -ENODEV;

	xpi_forbid_dma(dev, "it was idle, but had a driver at the takeover");
	/* At work by now: the takeover has come too late for its DMA. */
	return xpi_pci_is_at_work(to_pci_dev(dev)) ? -EBUSY : -ENODEV;
}

static int ask_for_shared(struct xpi *xpi, struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const char *why;

	if (dev->driver)
		return leave_to_driver(dev);

	why = xpi_device_untranslated(xpi, pdev);
	if (why) {
		leave_alone(xpi, dev, why);
		return -ENODEV;
	}

	why = xpi_device_not_ours(xpi, pdev);
	if (pdev->untrusted)
		why = "it is not trusted, and all devices share an address space";
	if (!why)
		return 0;
	xpi_forbid_dma(dev, why);
	return -ENODEV;
}

/**
 * xpi_claim_ask() - is a device to be claimed?
 * @xpi: the hypervisor
 * @dev: the device, of the PCI bus
 *
 * If not, it can do DMA as before, or not at all.
 *
 * Context: Process context.
 * Return: 0, -ENODEV when it is not, -EBUSY when it does DMA that the takeover has
 *	   cut off.
 */
int xpi_claim_ask(struct xpi *xpi, struct device *dev)
{
	if (to_pci_dev(dev)->class >> 8 == XPI_PCI_CLASS_IOMMU) {
		leave_alone(xpi, dev, NULL);
		return -ENODEV;
	}
	return xpi_has_contexts(xpi) ? ask_for_context(xpi, dev) :
				       ask_for_shared(xpi, dev);
}

/**
 * xpi_claim_check_dma() - give a claimed device the right DMA operations
 * @dev: the device, with no driver at work on it
 *
 * In the host map it is on xen-swiotlb, else on dma-iommu; if on neither it can do
 * no DMA.
 *
 * Context: Process context.
 */
void xpi_claim_check_dma(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	/* It may have been forbidden before. */
	xpi_allow_dma(dev);
	if (!domain ||
	    (domain->type != IOMMU_DOMAIN_IDENTITY && !use_dma_iommu(dev))) {
		xpi_forbid_dma(dev, "there is no DMA domain for it");
		return;
	}
	xpi_compat_dma_attached(dev, domain);
}

/*
 * Not trusted, and without an address space of its own, for whatever reason: it is
 * to reach nothing.
 */
static void shut_out(struct xpi *xpi, struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	int ret = -EBUSY;

	if (xpi_device_is_alone(xpi, pdev))
		ret = xpi->backend->ctx_attach(xpi->blocked_ctx,
					       xpi_sbdf(pdev));
	if (ret)
		dev_err(dev, "it is not trusted, but can reach all memory: the hypervisor cannot shut it out (%d)\n",
			ret);
	xpi_forbid_dma(dev, "it is not trusted, and has no address space of its own");
}

/**
 * xpi_claim_check_trust() - shut out a device that is not trusted and was not claimed
 * @xpi: the hypervisor
 * @dev: the device, which the core has had to claim, or not
 *
 * One that has a driver by now is in use, and stays so.
 *
 * Context: Process context.
 */
void xpi_claim_check_trust(struct xpi *xpi, struct device *dev)
{
	if (xpi_has_contexts(xpi) && !dev->driver &&
	    untrusted_unclaimed(to_pci_dev(dev)))
		shut_out(xpi, dev);
}

/* For the hypervisor a device that is removed and found again is another one. */
static void not_back(struct device *dev)
{
	xpi_cut_off(dev, "the hypervisor did not put it back into the host map",
		    "it is removed and rescanned");
}

/**
 * xpi_claim_put_back() - a claimed device is released, and goes back into the host map
 * @xpi: the hypervisor, with contexts
 * @dev: the device, which may be gone already, for the hypervisor, too
 *
 * While others that are claimed share its ID, it stays with them, or they would go with
 * it.
 *
 * Context: Process context.
 */
void xpi_claim_put_back(struct xpi *xpi, struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	int ret;

	if (xpi_device_shares_id(xpi, pdev))
		return;

	ret = xpi->backend->ctx_attach(0, xpi_sbdf(pdev));
	xpi_compat_dma_keep(dev);
	if (ret && ret != -ENODEV)
		not_back(dev);
}

/**
 * xpi_claim_end() - put those that were shut out back into the host map
 * @xpi: the hypervisor, with no device claimed any more
 *
 * Context: Process context.
 */
void xpi_claim_end(struct xpi *xpi)
{
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev)
		if (xpi_has_contexts(xpi) && untrusted_unclaimed(pdev) &&
		    xpi->backend->ctx_attach(0, xpi_sbdf(pdev)))
			not_back(&pdev->dev);
}

/**
 * xpi_claim_cut_off() - no driver is to use a device, as the host map is not there
 * @xpi: the hypervisor, without contexts
 *
 * Context: Process context.
 */
void xpi_claim_cut_off(struct xpi *xpi)
{
	struct pci_dev *pdev = NULL;

	KUNIT_STATIC_STUB_REDIRECT(xpi_claim_cut_off, xpi);

	for_each_pci_dev(pdev)
		if (!does_no_dma(pdev) && !xpi_device_untranslated(xpi, pdev))
			xpi_cut_off(&pdev->dev,
				    "the hypervisor did not restore the host map",
				    "dom0 reboots");
}

/**
 * xpi_claim_starts() - a driver starts on a device
 * @xpi: the hypervisor
 * @dev: the device
 *
 * Nobody else minds when claiming a device that was plugged in fails, or when
 * there is no memory to set its DMA up.
 *
 * Context: Process context; no takeover is under way.
 */
void xpi_claim_starts(struct xpi *xpi, struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const char *why = NULL;

	if (dev_iommu_priv_get(dev)) {
		/* With such a driver it is a program that does DMA. */
		if (to_pci_driver(dev->driver)->driver_managed_dma)
			return;
		if (xpi_device_is_away(xpi, pdev))
			xpi_forbid_dma(dev, "it is assigned to another domain");
		else
			xpi_claim_check_dma(dev);
		return;
	}

	if (!xpi_has_contexts(xpi) && !does_no_dma(pdev) &&
	    !xpi_device_untranslated(xpi, pdev)) {
		xpi_forbid_dma(dev, "it could not be claimed");
		return;
	}
	if (xpi_has_contexts(xpi) && untrusted_unclaimed(pdev)) {
		shut_out(xpi, dev);
		return;
	}

	/* Why one cannot be claimed was said when it was to be. */
	if (xpi_has_contexts(xpi) && !xpi_device_why_not(xpi, pdev))
		why = "it was not claimed; rescan it without its driver";
	leave_alone(xpi, dev, why);
}
