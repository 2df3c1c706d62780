# SPDX-License-Identifier: GPL-2.0-only
"""The overlay: which releases of Xen it is for, and what it says to others."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from .. import __main__ as command
from .. import fetch, paths
from ..build import Parts
from ..header import Scenario
from ..ui import LabError

RELEASES = sorted(path.name for path in paths.OVERLAY.glob("[0-9]*"))
MAKEFILE = """\
# This is the correct place to edit the build version.
export XEN_VERSION       = {0}
export XEN_SUBVERSION    = {1}
export XEN_EXTRAVERSION ?= .9-pre$(XEN_VENDORVERSION)
export XEN_FULLVERSION   = $(XEN_VERSION).$(XEN_SUBVERSION)$(XEN_EXTRAVERSION)
"""


class ReleasesTest(unittest.TestCase):
    """What is there for each of them."""

    def test_known(self) -> None:
        self.assertIn(fetch.XEN, RELEASES)
        self.assertLessEqual(set(RELEASES), set(fetch.XENS))

    def test_source(self) -> None:
        for release in RELEASES:
            version, files = fetch.xen_pin(release)
            self.assertTrue(version.startswith(f"{release}."), version)
            self.assertEqual({name.rpartition(".")[2] for name in files},
                             {"dsc", "xz"})

    def test_pristine(self) -> None:
        """All that hooks touch is compared with what it has to be before."""
        for release in RELEASES:
            directory = paths.OVERLAY / release
            hooks = (directory / "hooks.patch").read_text()
            listed = (directory / "pristine.sha256").read_text()
            self.assertEqual(re.findall(r"^--- a/(\S+)$", hooks, re.M),
                             re.findall(r"^[0-9a-f]{64}  (\S+)$", listed, re.M))

    def test_flavours(self) -> None:
        self.assertIn("debian-4.20", fetch.xen_flavours())
        with tempfile.TemporaryDirectory() as tmp, \
                mock.patch.object(paths, "OVERLAY", Path(tmp)):
            self.assertNotIn("debug-4.20", fetch.xen_flavours())
            Path(tmp, "4.20").mkdir()
            self.assertLess({"debug", "ref-4.20", "debug-4.20", "none"},
                            set(fetch.xen_flavours()))


class ApplyTest(unittest.TestCase):
    """What apply.sh says of trees that it is not for, and leaves alone."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.tree = Path(holder.name)

    def refused(self) -> str:
        before = sorted(self.tree.rglob("*"))
        done = subprocess.run(
            ["sh", str(paths.OVERLAY / "apply.sh"), str(self.tree)],
            capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(sorted(self.tree.rglob("*")), before)
        return done.stderr

    def xen(self, release: str) -> None:
        (self.tree / "xen/drivers/passthrough").mkdir(parents=True)
        (self.tree / "xen/Makefile").write_text(
            MAKEFILE.format(*release.split(".")) if release else "all:\n")

    def test_no_xen(self) -> None:
        self.assertIn("is not a Xen source tree.", self.refused())

    def test_unknown(self) -> None:
        self.xen("4.99")
        self.assertIn(f"is Xen 4.99; this overlay is for: "
                      f"{' '.join(RELEASES)}.", self.refused())

    def test_without_version(self) -> None:
        self.xen("")
        self.assertIn("is Xen of no version;", self.refused())

    def test_other_source(self) -> None:
        self.xen(fetch.XEN)
        self.assertRegex(self.refused(), f"not the source of Xen {fetch.XEN} .*"
                                         "these differ: xen/arch/x86/")


class PrepareTest(unittest.TestCase):
    """A hypervisor that cannot be had."""

    def prepare(self, flavour: str) -> dict[str, str]:
        parts = mock.Mock(spec=Parts)
        parts.xen.side_effect = LabError("no such package")
        with mock.patch.object(command, "say"):
            return command.prepare(
                parts, [Scenario("io", Path("io.sh"), xen=flavour)], False)

    def test_other_release(self) -> None:
        """What needs it is not run; the rest is."""
        missing = self.prepare("debian-4.20")
        self.assertEqual(missing, {"debian-4.20": "no such package"})
        for flavour, why in (("debian-4.20", "no such package"), ("ref", "")):
            scenario = Scenario("io", Path("io.sh"), xen=flavour)
            self.assertEqual(command.without(scenario, missing), why)

    def test_default(self) -> None:
        with self.assertRaises(LabError):
            self.prepare("ref")

    def test_old_lists(self) -> None:
        """It is looked up once more, in new lists of the suite that it is
        of."""
        parts, suite = Parts.__new__(Parts), mock.Mock(updated=False)
        parts.apt = mock.Mock(updated=False)
        make = mock.Mock(side_effect=[LabError("404"), "a hypervisor"])
        with mock.patch("lab.build.say"):
            self.assertEqual(parts.fetched(make, suite), "a hypervisor")
        suite.update.assert_called_once_with()
        parts.apt.update.assert_not_called()
