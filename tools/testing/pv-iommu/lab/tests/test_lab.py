# SPDX-License-Identifier: GPL-2.0-only
"""The smaller parts: headers, apt sources, archives, channel, images."""

import dataclasses
import io
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from .. import apt, header, kernels, paths, report
from ..assembly import words_for
from ..build import Parts
from ..cache import Cache
from ..channel import Channel, Closed
from ..cpio import Archive
from ..hostside import Log, NetPeer, Pattern
from ..initramfs import BUSYBOX
from ..judge import Record, split_log
from ..qemu import Machine, Qemu
from ..ui import LabError, run_logged
from ..verbs import Refused, Requests


class InDirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)


class RunDirTest(InDirectory):
    def test_runs_in_use_stay(self):
        first = report.new_run_dir(self.path)
        others = [self.path / "runs" / f"2000010{n}" for n in range(10)]
        for path in others:
            path.mkdir()
        first.rename(self.path / "runs/19990101")
        report.new_run_dir(self.path)
        self.assertTrue((self.path / "runs/19990101").exists())
        self.assertFalse(others[0].exists())


class RunLoggedTest(InDirectory):
    def test_nothing_goes_on(self):
        late = self.path / "late"
        script = f"sh -c 'sleep 2; touch {late}'; true"
        with self.assertRaisesRegex(LabError, "not finished"):
            run_logged("it", ["sh", "-c", script], self.path / "log",
                       timeout=0.2)
        time.sleep(2.5)
        self.assertFalse(late.exists())


class HeaderTest(InDirectory):
    def parse(self, text):
        path = self.path / "name.sh"
        path.write_text(textwrap.dedent(text))
        return header.parse(path)

    def test_variants(self):
        first, second = self.parse("""\
            #: about What it shows.
            #: linux one
            #: variants vtd-strict
            #: variant own iommu=amdvi "xenargs=a=b c"
            #: device nvme size=1M
            """)
        self.assertEqual(first.id, "name@vtd-strict")
        self.assertEqual(first.linux, "one iommu.strict=1 iommu.forcedac=1")
        self.assertEqual((first.xen, second.xen), ("ref", "debug"))
        self.assertEqual((second.iommu, second.xenargs), ("amdvi", "a=b c"))
        self.assertEqual(second.devices, (("nvme", (("size", "1M"),)),))

    def test_like(self):
        found, = self.parse("""\
            #: about It.
            #: variant own like=vtd-strict xen=debug linux=more cpus=4
            #: first
            """)
        self.assertEqual((found.xen, found.cpus), ("debug", 4))
        self.assertEqual(found.linux,
                         "iommu.strict=1 iommu.forcedac=1 more")
        self.assertEqual((found.first, found.ends), (True, False))

    def test_mistakes(self):
        for line in ("#: nonsense", "#: variants none-such", "#: xen other",
                     "#: timeout soon", "#: variant x cpu=1",
                     "#: variant x like=y", "#: variant x cpus=many",
                     "#: variant x switch=off", "#: variant x module=a",
                     "#: only 7.1",
                     "#: expect dom0 x", "#: device nvme size"):
            with self.assertRaises(LabError, msg=line):
                self.parse(f"#: about It.\n{line}\n")
        with self.assertRaises(LabError):
            self.parse("#: variants vtd\n")

    def test_machine_and_words(self):
        first, second = self.parse("""\
            #: about It.
            #: variant usual linux=one
            #: variant odd   cpu=pvh switch=none
            """)
        words = [words_for(s.on(kernel), driver) for s, kernel, driver in (
            (first, "6.12", True), (first, "7.2", True),
            (first, "7.2", False), (first, "7.2-debug", True),
            (second, "7.2-debug", True), (second, "7.2", True))]
        self.assertEqual(words, [
            "one", "xen_pv_iommu=on one", "one",
            "xen_pv_iommu=on kunit.enable=0 one", "kunit.enable=0", ""])
        self.assertIn("max,-smap", Machine("vtd", 1, cpu=first.cpu).argv)
        self.assertIn("max,-smap,-rdtscp,-pku,-xsave",
                      Machine("vtd", 1, cpu=second.cpu).argv)

    def test_behind_a_bridge(self):
        """Only where QEMU's AMD-Vi has it in the right address space."""
        text = "#: about It.\n#: device sdhci\n#: variants "
        for variant in ("vtd", "vtd-shared", "amdvi-shared"):
            self.parse(f"{text}{variant}\n")
        with self.assertRaisesRegex(LabError, "sdhci.*behind a bridge"):
            self.parse(f"{text}amdvi\n")
        # what is no device itself, or is plugged in later
        self.parse("#: about It.\n#: device rp0\n#: device switch\n"
                   "#: variants amdvi\n")

    def test_threads(self):
        """One for all CPUs, but where several are measured."""
        for parallel, word in (False, "single"), (True, "multi"):
            self.assertIn(f"tcg,thread={word}",
                          Machine("vtd", 1, parallel=parallel).argv)

    def test_select(self):
        found = self.parse("#: about It.\n#: variants vtd amdvi\n")
        self.assertEqual(len(header.select(found, ["name"])), 2)
        self.assertEqual(len(header.select(found, ["na@vtd"])), 1)
        with self.assertRaises(LabError):
            header.select(found, ["name@other"])
        alone = dataclasses.replace(found[0], name="needy", needs="kunit")
        self.assertEqual([s.id for s in header.select(
            [alone], ["needy@vtd/7.2-debug"])], ["needy@vtd/7.2-debug"])
        with self.assertRaisesRegex(LabError, "no sense on 6.12; name a"):
            header.select([alone], ["needy@vtd"])

    def test_other_kernels(self):
        first, second = self.parse("#: about It.\n#: variants vtd amdvi\n")
        core = dataclasses.replace(second, name="other", core=("amdvi",))
        rest = dataclasses.replace(core, variant="vtd")
        late = dataclasses.replace(core, name="late", slow=("amdvi",))
        alone = dataclasses.replace(first, name="needy", needs="kunit")
        known = [first, second, rest, core, late, alone]
        self.assertEqual([s.id for s in header.each_of(known, "6.1")],
                         ["name@vtd/6.1", "other@amdvi/6.1", "late@amdvi/6.1"])
        self.assertEqual([s.id for s in header.core_of(known, "6.1")],
                         ["other@amdvi/6.1"])

    def test_only_kernel(self):
        """It runs there where others run on the default, and nowhere else."""
        found, = self.parse("#: about It.\n#: only 7.2\n#: core vtd\n")
        self.assertEqual(found.id, "name@vtd/7.2")
        for chosen in (header.of_default([found]),
                       header.select([found], ["name"]),
                       header.core_of([found], "7.2")):
            self.assertEqual(chosen, [found])
        for kernel in ("6.12", "7.2-debug"):
            self.assertEqual(header.all_of([found], kernel), [])
            with self.assertRaisesRegex(LabError, f"no sense on {kernel}"):
                header.select([found], [f"name/{kernel}"])


class KernelsTest(unittest.TestCase):
    def test_fragments(self):
        """A kernel is made of those of its own variant, which are there."""
        source = cast(kernels.Source, SimpleNamespace(record={"SHA256": "x"}))
        for name, kind in kernels.KINDS.items():
            if kind.package:
                continue
            kernel = kernels.SelfBuilt(source, cast(Cache, None), "gcc", name)
            self.assertEqual(
                {Path(path).stem for path in kernel.inputs()
                 if "/kernel/config/" in path},
                {"base", *kind.variant.split("+")}, name)


class SourcesTest(InDirectory):
    def lines(self, name, text):
        (self.path / "sources.list.d").mkdir(exist_ok=True)
        (self.path / name).write_text(textwrap.dedent(text))
        return apt.private_lines(apt.machine_sources(self.path), "deb-src",
                                 apt.RELEASE)

    def test_one_line(self):
        self.assertEqual(self.lines("sources.list", """\
            # deb http://no.invalid/debian bookworm main
            deb [check-valid-until=no] http://m.invalid/d bookworm main contrib
            deb http://m.invalid/d bookworm-updates main
            deb-src http://s.invalid/d bookworm main
            """), ["deb-src [check-valid-until=no] http://m.invalid/d "
                   "bookworm main"])

    def test_deb822(self):
        self.assertEqual(self.lines("sources.list.d/debian.sources", """\
            Types: deb
            # a comment
            URIs: http://m.invalid/d
            Suites: bookworm bookworm-updates
            Components: main
            Signed-By: /usr/share/keyrings/k.gpg

            Types: deb
            URIs: http://off.invalid/d
            Suites: bookworm
            Components: main
            Enabled: no
            """), ["deb-src [signed-by=/usr/share/keyrings/k.gpg] "
                   "http://m.invalid/d bookworm main"])

    def test_none(self):
        self.assertEqual(self.lines("sources.list.d/x.list",
                                    "deb http://m.invalid/d sid main\n"), [])


class CpioTest(InDirectory):
    def test_busybox_reads_it(self):
        out = io.BytesIO()
        with Archive(out) as archive:
            archive.data("a/b/file", b"odd", 0o755)
            archive.link("a/link", "b/file")
        subprocess.run([str(BUSYBOX), "cpio", "-i", "-d"], cwd=self.path,
                       input=out.getvalue(), check=True, capture_output=True)
        self.assertEqual((self.path / "a/link").read_bytes(), b"odd")
        self.assertTrue((self.path / "a/b/file").stat().st_mode & 0o100)


class ChannelTest(unittest.TestCase):
    def setUp(self):
        self.host, self.guest = socket.socketpair()
        self.addCleanup(self.host.close)
        self.addCleanup(self.guest.close)
        self.log = io.StringIO()
        self.channel = Channel(self.host, self.log)

    def test_noise_and_pieces(self):
        self.guest.sendall(b"garbage\r\nPVL 7 ok it wor")
        self.assertIsNone(self.channel.request(0.05))
        self.guest.sendall(b"ks\n")
        self.assertEqual(self.channel.request(1), ("7", "ok", "it works"))
        self.channel.answer("7", False, "two\nlines")
        self.assertEqual(self.guest.recv(100), b"PVL 7 no two lines\n")
        self.assertIn("garbage", self.log.getvalue())

    def test_end(self):
        self.guest.close()
        with self.assertRaises(Closed):
            self.channel.request(1)


class FakeParts:
    """Parts of which only the program for data is asked."""

    def __init__(self, directory):
        self.program = directory / "pattern"
        subprocess.run(["gcc", "-O2", "-o", str(self.program),
                        str(paths.GUEST / "pattern.c")], check=True)

    def pattern(self):
        return self.program


def word_at(seed, index):
    """splitmix64, once more: what pattern.c should give."""
    mask = (1 << 64) - 1
    value = (seed + (index + 1) * 0x9e3779b97f4a7c15) & mask
    value = ((value ^ value >> 30) * 0xbf58476d1ce4e5b9) & mask
    value = ((value ^ value >> 27) * 0x94d049bb133111eb) & mask
    return (value ^ value >> 31).to_bytes(8, "little")


class PatternTest(InDirectory):
    def setUp(self):
        super().setUp()
        self.pattern = Pattern(FakeParts(self.path).pattern())

    def test_words(self):
        wanted = b"".join(word_at(7, index) for index in range(300))
        self.assertEqual(self.pattern.make(2397, "7"), wanted[:2397])

    def test_files(self):
        image = self.path / "image"
        size = 3 << 20
        data = bytearray(self.pattern.make(size, "9"))
        image.write_bytes(data)
        self.assertEqual(self.pattern.fault(image, 4096, size - 4096, "9"), "")
        self.assertIn("bytes differ", self.pattern.fault(image, 0, size, "8"))
        self.assertIn("ends before",
                      self.pattern.fault(image, 4096, size, "9"))
        data[size - 5] ^= 1
        image.write_bytes(data)
        self.assertIn(f"1 bytes differ, the first at {size - 5}",
                      self.pattern.fault(image, 0, size, "9"))
        data[0:8192] = data[4096:8192] + data[0:4096]
        image.write_bytes(data)
        self.assertIn("differ", self.pattern.fault(image, 0, 8192, "9"))


class HostSideTest(InDirectory):
    def requests(self, record, **disks):
        qemu = Qemu(Machine("vtd", 1), [], self.path, self.path,
                    self.path / "trace", self.path)
        parts = cast(Parts, FakeParts(self.path))
        return Requests(record, qemu, disks, self.path / "console", parts,
                        lambda kind, text: None)

    def test_disk_check_counts_on_the_host(self):
        record = Record()
        image = self.path / "image"
        requests = self.requests(record, disk=image)
        image.write_bytes(requests.pattern().make(8192, "5"))
        requests.serve("disk", "disk 4096 4096 5")
        self.assertEqual((record.checks, record.failures), (1, []))
        with self.assertRaises(Refused):
            requests.serve("disk", "disk 4096 4096 6")
        self.assertEqual((record.checks, len(record.failures)), (2, 1))
        for bad in (("nonsense", ""), ("disk", "other 0 1 x"),
                    ("disk", "disk 0"), ("xenlog", "wait")):
            with self.assertRaises(Refused):
                requests.serve(*bad)

    def test_network_check_counts_on_the_host(self):
        record = Record()
        requests = self.requests(record)
        self.addCleanup(requests.close)
        for seed, good in (("5", True), ("6", False)):
            port = requests.serve("net-sink", "")
            with socket.create_connection(("127.0.0.1", int(port))) as link:
                link.sendall(requests.pattern().make(70000, "5"))
            if good:
                requests.serve("net-received", f"{port} 70000 {seed}")
            else:
                with self.assertRaises(Refused):
                    requests.serve("net-received", f"{port} 70000 {seed}")
        self.assertEqual((record.checks, len(record.failures)), (2, 1))

    def test_instructions(self):
        machine = Machine("vtd", 1, counted=True)
        path = self.path / "instructions"
        number = 5 << 40
        path.write_bytes(number.to_bytes(8, sys.byteorder))

        def executed():
            return Qemu(machine, [], self.path, self.path, self.path / "trace",
                        self.path).executed()
        with self.assertRaises(LabError):
            executed()
        machine.count(Path("p.so"), path)
        self.assertEqual(machine.argv[-2:], ["-plugin", f"p.so,count={path}"])
        self.assertEqual(executed(), number)

    def test_log_marks(self):
        path = self.path / "log"
        log = Log(path, lambda text: split_log(text)[0])
        path.write_text("linux f(XEN) fault 1\nault\n")
        self.assertEqual(len(log.matches("fault")), 1)
        log.mark()
        self.assertEqual(log.matches("fault"), [])
        with open(path, "a") as file:
            file.write("(XEN) fault 2\n")
        self.assertEqual(len(log.wait("fault", 1, 1)), 1)

    def test_new_words(self):
        path = self.path / "log"
        log = Log(path)
        self.assertEqual(log.new("Panic"), "")
        path.write_text("all is well, no Pan")
        self.assertEqual(log.new("Panic"), "")
        with open(path, "a") as file:
            file.write("ic here\n")
        self.assertEqual(log.new("other", "Panic"), "Panic")
        with open(path, "a") as file:
            file.write("more than a few words more\n")
        self.assertEqual(log.new("Panic"), "")

    def test_network_peer(self):
        peer = NetPeer()
        self.addCleanup(peer.close)
        wanted = bytes(range(256)) * 400
        port = peer.source(wanted)
        with socket.create_connection(("127.0.0.1", port)) as link:
            data = b""
            while piece := link.recv(65536):
                data += piece
        self.assertEqual(data, wanted)
        port = peer.sink()
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(data)
        self.assertEqual(peer.received(port), data)
