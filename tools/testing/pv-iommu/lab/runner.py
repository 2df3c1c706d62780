# SPDX-License-Identifier: GPL-2.0-only
"""One run of one scenario: boot, serve, judge."""

import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import coverage, initramfs, judge, paths
from .channel import Channel, Closed
from .devices import Devices, address
from .kernels import KINDS, ON
from .qemu import Machine, Qemu
from .ui import LabError, say
from .verbs import Refused, Requests

DEAD = ("Hardware Dom0 crashed", "Panic on CPU", "Kernel panic")


@dataclass
class Result:
    scenario: object
    record: judge.Record
    reasons: list
    seconds: float
    directory: Path
    reboots: int = 0

    @property
    def verdict(self):
        if self.reasons:
            return "FAIL"
        return "skip" if self.record.skipped else "pass"


class Runner:
    """parts: what was fetched and built, see build.Parts.
    narrator(scenario): a function (kind, text) that shows progress."""

    def __init__(self, parts, run_dir, narrator, driver=True):
        self.parts = parts
        self.run_dir = run_dir
        self.narrator = narrator
        self.driver = driver

    def run(self, scenario):
        """Boot once; once more if dom0 met the int3 flake before beginning."""
        began = time.monotonic()
        if scenario.where == "host":
            return self._on_host(scenario, began)
        for attempt in range(2):
            name = scenario.file_name + ("-again" if attempt else "")
            directory = self.run_dir / name
            directory.mkdir(parents=True)
            record, faults = self._boot(scenario, directory)
            console = directory / "console.log"
            text = console.read_text(errors="replace")
            if attempt or not judge.is_flake(record, text):
                break
            say(f"{scenario.id}: dom0 died of 'Oops: int3' before the scenario "
                "began, as it may under TCG; booting once more")
        if record.counters:
            coverage.save(directory, record.counters)
        return Result(scenario, record,
                      faults + judge.reasons(record, text, scenario.expect,
                                             scenario.require),
                      time.monotonic() - began, directory, attempt)

    def skipped(self, scenario, why):
        directory = self.run_dir / scenario.file_name
        directory.mkdir(parents=True)
        return Result(scenario, judge.Record(skipped=why), [], 0, directory)

    def _on_host(self, scenario, began):
        """A scenario without a machine: its lines "ok ..." are its steps."""
        directory = self.run_dir / scenario.file_name
        directory.mkdir(parents=True)
        record = judge.Record(begun=True)
        log = directory / "console.log"
        env = dict(os.environ, LAB_TREE=str(paths.TREE), LAB_PYTHONPATH=str(
            paths.TESTING), LAB_RUN=str(directory),
                   LAB_VARIANT=scenario.variant)
        narrate = self.narrator(scenario)
        with open(log, "wb") as out:
            code = Qemu.watch(["sh", str(scenario.path)], out, env,
                              scenario.timeout)
        lines = log.read_text(errors="replace").splitlines()
        for line in lines:
            if line.startswith("ok "):
                record.oks += 1
                narrate("ok", line[3:])
        if code == 77:
            record.skipped = lines[-1] if lines else "no reason given"
        record.finished = code == 0
        if code not in (0, 77):
            record.failures.append(lines[-1] if lines else "it said nothing")
        record.ended = f"exit code {code}"
        return Result(scenario, record, judge.reasons(record, ""),
                      time.monotonic() - began, directory)

    def _boot(self, scenario, directory):
        record = judge.Record()
        work = Path(tempfile.mkdtemp(prefix="pv-iommu-"))
        console = directory / "console.log"
        faults = []
        try:
            devices = Devices(work)
            for name, options in scenario.devices:
                devices.add(name, options)
            machine = self._machine(scenario, work)
            trace_log = directory / "trace.log"
            machine.trace(scenario.trace, trace_log)
            qemu = Qemu(machine, devices.argv, console,
                        directory / "qemu.log", work)
            with qemu, open(directory / "channel.log", "w") as log:
                requests = Requests(record, qemu, devices.disks, console,
                                    trace_log, self.narrator(scenario))
                self._serve(scenario, record, qemu, requests, log)
                requests.net.close()
        except LabError as err:
            faults.append(str(err))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if not console.exists():
            console.write_text("")
        return record, faults

    def _serve(self, scenario, record, qemu, requests, log):
        """Answer dom0 until the machine is off, dead or out of time."""
        channel = Channel(qemu.channel, log)
        limit = time.monotonic() + scenario.timeout
        record.ended = "the machine went off"
        try:
            while True:
                request = channel.request(1.0)
                if request:
                    self._answer(channel, requests, *request)
                elif qemu.process.poll() is not None:
                    return
                elif dead := self._dead(qemu.console):
                    record.ended = f"'{dead}' on the console"
                    record.failures.append(record.ended)
                    return
                if time.monotonic() > limit:
                    record.ended = f"no end after {scenario.timeout} s"
                    record.failures.append(record.ended)
                    return
        except Closed:
            return

    @staticmethod
    def _answer(channel, requests, seq, verb, text):
        try:
            channel.answer(seq, True, requests.serve(verb, text))
        except Refused as err:
            channel.answer(seq, False, str(err))

    @staticmethod
    def _dead(console):
        text = console.read_text(errors="replace") if console.exists() else ""
        return next((word for word in DEAD if word in text), None)

    def _machine(self, scenario, work):
        kernel = self.parts.kernel_image(scenario.kernel)
        words = words_for(scenario, self.driver)
        machine = Machine(scenario.iommu, scenario.memory, scenario.counted,
                          scenario.cpu)
        if scenario.counted:
            machine.count(self.parts.plugin(), work / "instructions")
        initrd = self._initrd(scenario, work)
        if scenario.xen == "none":
            machine.boot_linux(kernel, initrd, words)
        else:
            # the file's name must stay: QEMU hands it to Xen as module line
            machine.boot_xen(self.parts.xen(scenario.xen), kernel, initrd,
                             f"dom0_mem={scenario.dom0mem}M,"
                             f"max:{scenario.dom0mem}M {scenario.xenargs}",
                             words)
        return machine

    def _initrd(self, scenario, work):
        archives = [self.parts.initramfs(scenario.kernel)]
        files = {"init": paths.LAB_GUEST / "init",
                 "lab/run-scenario": paths.LAB_GUEST / "run-scenario",
                 "lab/lib.sh": paths.LAB_GUEST / "lib.sh",
                 "lab/bin/pv-iommu-top": paths.TOP,
                 "lab/scenario": scenario.path}
        driver = "none"
        if self.driver:
            driver = "builtin"
            if not KINDS[scenario.kernel].builtin:
                driver = "module"
                files["lab/xen-pv-iommu.ko"] = \
                    self.parts.module(scenario.kernel)
        for part in scenario.guest:
            if part in initramfs.PROGRAMS:
                archives.append(self.parts.program(part))
            else:
                files.update(self.parts.guest(part, scenario.kernel))
        initrd = work / "initrd"
        initramfs.assemble(initrd, archives, files,
                           {"lab/config": (config_of(scenario, driver), 0o644)})
        return initrd


def words_for(scenario, driver):
    """More of Linux' command line; what the scenario says is the last word."""
    kind = KINDS[scenario.kernel]
    switch = ON if driver and kind.builtin and scenario.switch == "on" else ""
    return " ".join(f"{switch} {kind.words} {scenario.linux}".split())


def config_of(scenario, driver):
    """What the scenario may want to know of its variant, as sh variables."""
    values = {"SCENARIO": scenario.name, "VARIANT": scenario.variant,
              "IOMMU": scenario.iommu, "XEN": scenario.xen,
              "DRIVER": driver, "KERNEL": scenario.kernel,
              "COUNTED": "yes" if scenario.counted else "",
              "UNLOADS": "yes" if KINDS[scenario.kernel].unload else "",
              "MODULE_OPTIONS": scenario.module}
    for name, _ in scenario.devices:
        if not name.startswith("spare"):
            key = name.upper().replace("-", "_")
            values[f"PCI_{key}"] = address(name)
    return "".join(f"{key}={shlex.quote(value)}\n"
                   for key, value in values.items())
