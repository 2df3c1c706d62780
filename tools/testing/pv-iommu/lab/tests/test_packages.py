# SPDX-License-Identifier: GPL-2.0-only
"""What the Debian packages are made of."""

import unittest

from .. import packages
from ..ui import LabError

CHANGES = """
# Changes

## 0.2 - not released

- One thing,
  in two lines.
- Another.

## 0.1 - 2026-11-23

- The first.
"""


class ChangelogTest(unittest.TestCase):
    def test_versions(self) -> None:
        text = packages.changelog(CHANGES, "Somebody <me@example.org>")
        new, old = text.split("\nxen-pv-iommu (0.1) ")
        self.assertTrue(new.startswith(
            "xen-pv-iommu (0.2) UNRELEASED; urgency=medium\n\n"
            "  * One thing, in two lines.\n  * Another.\n\n"
            " -- Somebody <me@example.org>  "), new)
        self.assertEqual(
            old, "unstable; urgency=medium\n\n  * The first.\n\n"
            " -- Somebody <me@example.org>  Mon, 23 Nov 2026 00:00:00 +0000\n")

    def test_nothing_is_said(self) -> None:
        with self.assertRaisesRegex(LabError, "no line '## VERSION - DATE'"):
            packages.changelog("# Changes\n", "me")
        with self.assertRaisesRegex(LabError, "nothing of version 0.3"):
            packages.changelog("## 0.3 - 2026-12-01\n\n## 0.2 - not released\n"
                               "\n- It.\n", "me")

    def test_of_this_tree(self) -> None:
        text = packages.changelog(packages.CHANGES.read_text(),
                                  packages.maintainer())
        self.assertRegex(text, r"^xen-pv-iommu \(\d+\.\d+\) ")

    def test_the_sources_are_there(self) -> None:
        names = {path.name for path in packages.files()}
        self.assertLessEqual({"control", "topology.c", "iommu_op.h",
                              "pv-iommu-check", "pv-iommu-check.8.rst",
                              "CHANGELOG.md", "module-setup.sh"}, names)
