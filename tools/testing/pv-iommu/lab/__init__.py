# SPDX-License-Identifier: GPL-2.0-only
"""The PV-IOMMU lab: fetch, build, boot and judge."""
