# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU from power-on to power-off, and the scenarios that it runs.

Dom0's init asks for the "next" scenario until there is none; each has a record
of its own, and of the logs what came between its begin and the next one's.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from . import coverage, judge
from .assembly import machine_of
from .boots import Boot
from .build import Parts
from .channel import Channel, Closed
from .devices import Devices
from .header import Scenario
from .hostside import Log
from .qemu import Qemu
from .shell import bridge
from .ui import LabError
from .verbs import Refused, Requests

DEAD = ("Hardware Dom0 crashed", "Panic on CPU", "Kernel panic")

# After one of these dom0 may hang, and does if it then says nothing for so many
# seconds; the scenario has failed whatever it does.
HURT = ("BUG: ", "Oops")
LAST_WORDS = 60

# How long what follows the last scenario may take, in seconds.
POWER_OFF = 60

# A boot that takes long hangs if its console has been silent for so many
# seconds; and whatever it says if it takes this long.
SILENCE = 120
LONGEST_BOOT = 600

Narrator = Callable[[Scenario], Callable[[str, str], None]]


@dataclass
class Result:
    """How one scenario went."""
    scenario: Scenario
    record: judge.Record
    reasons: list[str]
    seconds: float
    directory: Path

    @property
    def verdict(self) -> str:
        if self.reasons:
            return "FAIL"
        return "skip" if self.record.skipped else "pass"


@dataclass
class Spent:
    """Seconds of a session, by what they went into."""
    boot: float = 0
    payload: float = 0
    wait: float = 0
    off: float = 0


@dataclass
class Running:
    """A scenario that dom0 runs now."""
    scenario: Scenario
    record: judge.Record
    requests: Requests
    began: float
    log: TextIO
    directory: Path

    @property
    def limit(self) -> float:
        return self.began + self.scenario.timeout


class Session:
    """begin_within: seconds, after which a silent boot that has not begun a
    scenario is given up."""

    def __init__(self, parts: Parts, boot: Boot, run_dir: Path, name: str,
                 narrator: Narrator, driver: bool, begin_within: float,
                 shell: bool = False) -> None:
        self.parts = parts
        self.boot = boot
        self.run_dir = run_dir
        self.directory = run_dir / "boots" / name
        self.narrator = narrator
        self.driver = driver
        self.begin_within = begin_within
        self.shell = shell
        self.console = self.directory / "console.log"
        self.linux = Log(self.console, lambda text: judge.split_log(text)[1])
        self.queue = list(boot.scenarios)
        self.results: list[Result] = []
        self.running: Running | None = None
        self.begun = False
        self.hung = False
        self.hurt = ""
        self.ended = ""
        self.offset = 0
        self.said, self.heard = 0, 0.0
        self.powered = 0.0
        self.spent = Spent()

    def run(self) -> list[Result]:
        """Boot and serve; the results of what was begun."""
        self.directory.mkdir(parents=True)
        work = Path(tempfile.mkdtemp(prefix="pv-iommu-"))
        try:
            self._boot(work)
        except LabError as err:
            self.ended = self.ended or str(err)
            self._fail(str(err))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        self.console.touch()
        self._finish(self.console.stat().st_size)
        return self.results

    def text(self) -> str:
        """The whole console."""
        return self.console.read_text(errors="replace")

    def _boot(self, work: Path) -> None:
        devices = Devices(work, self.parts.toolstack)
        for name, options in self.boot.devices.items():
            devices.add(name, options)
        machine = machine_of(self.parts, self.boot, self.driver, work)
        qemu = Qemu(machine, devices.argv, self.console,
                    self.directory / "qemu.log",
                    self.directory / "trace.log", work)
        self.powered = self.heard = time.monotonic()
        with qemu:
            self._serve(qemu, devices)

    def _serve(self, qemu: Qemu, devices: Devices) -> None:
        """Answer dom0 until the machine is off, dead or out of time."""
        channel = Channel(qemu.channel)
        self.ended = "the machine went off"
        off = 0.0
        try:
            while True:
                request = channel.request(1.0)
                if request and request[1] == "next":
                    if not self._next(channel, qemu, devices, request[0]):
                        off = time.monotonic()
                elif request and self.running:
                    self._answer(channel, self.running, *request)
                elif qemu.process.poll() is not None:
                    break
                if self.over(qemu, off):
                    break
        except Closed:
            pass
        now = time.monotonic()
        self.spent.off += now - off if off else 0
        self.spent.boot += 0 if self.begun else now - self.powered

    def over(self, qemu: Qemu, off: float) -> bool:
        """Is this machine at an end of its own?  Then why is in self.ended."""
        now = time.monotonic()
        silence = self._silence(now)
        word = self.linux.new(*DEAD, *HURT)
        self.hurt = word if word in HURT else self.hurt
        if word in DEAD and not (self.running and
                                 self.running.scenario.crashes):
            self.ended = f"'{word}' on the console"
        elif self.running and self.hurt and silence > LAST_WORDS:
            self.ended = f"silent for {LAST_WORDS} s after '{self.hurt}'"
        elif self.running and not off and now > self.running.limit:
            self.ended = f"no end after {self.running.scenario.timeout} s"
        elif off and now > off + POWER_OFF:
            self.ended = f"the machine is not off after {POWER_OFF} s"
        elif not self.begun and self._hangs(now, silence):
            self.hung = True
            self.ended = f"no scenario after {now - self.powered:.0f} s"
            return True
        else:
            return False
        self._fail(self.ended)
        return True

    def _silence(self, now: float) -> float:
        """Seconds since the console last said something."""
        size = self.console.stat().st_size if self.console.exists() else 0
        if size != self.said:
            self.said, self.heard = size, now
        return now - self.heard

    def _hangs(self, now: float, silence: float) -> bool:
        taken = now - self.powered
        return taken > LONGEST_BOOT or (taken > self.begin_within and
                                        silence > SILENCE)

    def _fail(self, why: str) -> None:
        if self.running:
            self.running.record.failures.append(why)

    def _answer(self, channel: Channel, running: Running, seq: str, verb: str,
                text: str) -> None:
        if verb == "shell":
            channel.answer(seq, self.shell)
            if self.shell:
                running.began += bridge(channel, running.scenario.id, text)
            return
        try:
            channel.answer(seq, True, running.requests.serve(verb, text))
        except Refused as err:
            channel.answer(seq, False, str(err))

    def _next(self, channel: Channel, qemu: Qemu, devices: Devices,
              seq: str) -> bool:
        """Judge what has ended, begin what follows; False: nothing does.  The
        last one is judged when the machine is off."""
        if self.running:
            done = self.running
            self.linux.wait(f"lab: end {done.scenario.file_name}$", 1, 5)
            size = self.console.stat().st_size
            if not self.queue or self._reasons(done, size) or \
                    done.scenario.ends:
                self.queue.clear()
                channel.answer(seq, False, "that was all")
                return False
            self._finish(size)
        self._begin(channel, qemu, devices)
        assert self.running
        channel.answer(seq, True, self.running.scenario.file_name)
        return True

    def _begin(self, channel: Channel, qemu: Qemu, devices: Devices) -> None:
        scenario = self.queue.pop(0)
        now = time.monotonic()
        if not self.begun:
            self.begun = True
            self.spent.boot += now - self.powered
        directory = self.run_dir / scenario.file_name
        directory.mkdir(parents=True)
        log = open(directory / "channel.log", "w")
        channel.log = log
        record = judge.Record()
        requests = Requests(record, qemu, devices.disks, self.console,
                            self.parts, self.narrator(scenario))
        qemu.trace(scenario.trace)
        self.running = Running(scenario, record, requests, now, log, directory)
        self.linux.mark()

    def _part(self, size: int) -> str:
        """What the console said since the last scenario ended."""
        with open(self.console, "rb") as file:
            file.seek(self.offset)
            return file.read(size - self.offset).decode(errors="replace")

    def _reasons(self, done: Running, size: int) -> list[str]:
        return judge.reasons(done.record, self._part(size),
                             done.scenario.expect, done.scenario.require)

    def _finish(self, size: int) -> None:
        """The running scenario, if there is one, becomes a result."""
        done, self.running = self.running, None
        if not done:
            return
        done.record.ended = self.ended
        done.requests.close()
        done.log.close()
        (done.directory / "console.log").write_text(self._part(size))
        if done.record.counters:
            coverage.save(done.directory, done.record.counters)
        seconds = time.monotonic() - done.began
        self.spent.payload += seconds - done.requests.waited
        self.spent.wait += done.requests.waited
        self.results.append(Result(done.scenario, done.record,
                                   self._reasons(done, size), seconds,
                                   done.directory))
        self.offset = size
