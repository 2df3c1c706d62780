# SPDX-License-Identifier: GPL-2.0-only
"""Where things are: in the source tree and in the cache."""

import os
from pathlib import Path

LAB = Path(__file__).resolve().parent
TESTING = LAB.parent
TREE = TESTING.parents[2]

LAB_GUEST = LAB / "guest"
SERIES = TESTING / "series"
KERNEL = TESTING / "kernel"
KUNIT = TESTING / "kunit"
SCENARIOS = TESTING / "scenarios"
GUEST = TESTING / "guest"
BENCH = TESTING / "bench"
OVERLAY = TESTING / "xen"
INTERFACE = TREE / "include"
DRIVER = TREE / "drivers/xen/pv-iommu"
TOOLS = TREE / "tools/pv-iommu"


def cache_dir() -> Path:
    named = os.environ.get("PV_IOMMU_CACHE")
    if named:
        return Path(named).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "xen-pv-iommu"
