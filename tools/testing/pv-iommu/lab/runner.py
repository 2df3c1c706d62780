# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios to results: boots, and boots again where QEMU is to blame."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import judge, paths
from .boots import Boot
from .build import Parts
from .header import Scenario
from .qemu import Qemu
from .session import Narrator, Result, Session, Spent
from .timings import Timings
from .ui import say

# So many boots of a run may be lost to QEMU before that is a failure.
LOST_BOOTS = 3

# So many seconds a boot may be silent at, whatever is usual.
PATIENCE = 60


@dataclass
class Lost:
    """Boots that never got to a scenario, of all machines of a run."""
    why: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, why: str) -> bool:
        """One more; False when that is more than may be."""
        with self.lock:
            self.why.append(why)
            return len(self.why) <= LOST_BOOTS


class Runner:
    """parts: what was fetched and built, see build.Parts.
    narrator(scenario): a function (kind, text) that shows progress.
    done(result) is called for each as soon as it is there."""

    def __init__(self, parts: Parts, run_dir: Path, narrator: Narrator,
                 done: Callable[[Result], None] = lambda result: None,
                 driver: bool = True, shell: bool = False) -> None:
        self.parts = parts
        self.run_dir = run_dir
        self.narrator = narrator
        self.done = done
        self.driver = driver
        self.shell = shell
        self.timings = Timings(parts.cache.root / "timings.json")
        self.lost = Lost()
        self.spent: list[Spent] = []

    def run_one(self, scenario: Scenario) -> Result:
        """A boot of its own."""
        return self.run(Boot((scenario,)))[0]

    def tell(self, result: Result) -> Result:
        """It is final."""
        if result.record.begun:
            self.timings.add(result.scenario.id, result.seconds)
        self.done(result)
        return result

    def run(self, boot: Boot) -> list[Result]:
        """All scenarios of a boot; a new one after each that failed."""
        results: list[Result] = []
        left: Boot | None = boot
        while left:
            results += map(self.tell, self._session(left))
            left = boot.without(result.scenario for result in results)
        return results

    def failed(self, scenario: Scenario, why: str) -> Result:
        """It could not even be begun."""
        directory = self.run_dir / scenario.file_name
        directory.mkdir(parents=True)
        return Result(scenario, judge.Record(), [why], 0, directory)

    def _session(self, boot: Boot) -> list[Result]:
        """One machine, until it has begun a scenario; never nothing."""
        kind = f"boot {boot.machine.kernel} {boot.machine.xen}"
        faults: list[str] = []
        while True:
            usual = self.timings.usual(kind) or 0
            session = Session(self.parts, boot, self.run_dir,
                              self._name_of(boot), self.narrator, self.driver,
                              max(PATIENCE, 3 * usual), self.shell)
            results = session.run()
            self.spent.append(session.spent)
            if results:
                self.timings.add(kind, session.spent.boot)
                results[0].reasons += faults
                return results
            faults += [f"in a boot that was lost: {line}" for line in
                       judge.log_faults(session.text(), boot.machine.expect)]
            if not session.hung or not self.lost.add(boot.name):
                return [self.failed(boot.scenarios[0],
                                    "; ".join([session.ended, *faults]))]
            say(f"{boot.name}: dom0 was hanging before a scenario began, as "
                "may happen under TCG; booting once more")

    def _name_of(self, boot: Boot) -> str:
        """Of a directory for a boot, not used yet."""
        taken = self.run_dir / "boots"
        names = [boot.name, *(f"{boot.name}-{n}" for n in range(2, 100))]
        return next(name for name in names if not (taken / name).exists())

    def on_host(self, scenario: Scenario) -> Result:
        """A scenario without a machine: its lines "ok ..." are its steps."""
        began = time.monotonic()
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
        result = Result(scenario, record, judge.reasons(record, ""),
                        time.monotonic() - began, directory)
        return result
