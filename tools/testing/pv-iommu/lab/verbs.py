# SPDX-License-Identifier: GPL-2.0-only
"""The verbs of the channel: each method answers one kind of request.

A method returns the text of an "ok" answer or raises Refused for a "no".
Checks that the host makes itself count in the record, whatever dom0 makes of
the answer.
"""

import base64
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

from . import kernels, ktap
from .blocks import Case, Profile
from .build import Parts
from .hostside import Log, NetPeer, Pattern, heard
from .judge import Record, split_log
from .qemu import Qemu
from .ui import LabError
from .wire import LONGEST, Wire, frames_of, swapped, testpmd_fault


class Refused(Exception):
    """The answer is no; the text says why."""


class Requests:
    """progress(kind, text) shows what happens."""

    def __init__(self, record: Record, qemu: Qemu, disks: dict[str, Path],
                 console: Path, parts: Parts,
                 progress: Callable[[str, str], None]) -> None:
        self.record = record
        self.qemu = qemu
        self.disks = disks
        self.console = console
        self.xen_log = Log(console, lambda text: split_log(text)[0])
        self.trace_log = Log(qemu.trace_log)
        self.parts = parts
        self.net = NetPeer()
        self.profile = Profile()
        self.wire: Wire | None = None
        self.progress = progress
        self.waited = 0.0
        for log in (self.xen_log, self.trace_log):
            log.mark()

    def close(self) -> None:
        self.net.close()
        self.do_wire_down("")

    def pattern(self) -> Pattern:
        return Pattern(self.parts.pattern())

    def serve(self, verb: str, text: str) -> str:
        method = getattr(self, "do_" + verb.replace("-", "_"), None)
        if not method:
            raise Refused(f"the lab knows no '{verb}'")
        try:
            return method(text) or ""
        except LabError as err:
            raise Refused(str(err)) from err
        except (ValueError, KeyError, IndexError, OSError) as err:
            raise Refused(f"{verb} {text}: {err!r}") from err

    # What the scenario reports

    def do_begin(self, text: str) -> None:
        self.record.begun = True
        self.progress("begin", f"dom0 {text} runs the scenario")

    def do_state(self, text: str) -> None:
        """What was done, and checks nothing."""
        self.progress("ok", text)

    def do_ok(self, text: str) -> None:
        self.record.oks += 1
        self.progress("ok", text)

    def do_fail(self, text: str) -> None:
        self.record.failures.append(text)
        self.progress("FAIL", text)

    def do_skip(self, text: str) -> None:
        self.record.skipped = text or "no reason given"

    def do_stat(self, text: str) -> None:
        name, _, value = text.partition(" ")
        self.record.stats[name] = value
        self.progress("stat", f"{name} = {value}")

    def do_tell(self, text: str) -> None:
        self.progress("tell", text)

    def do_title(self, text: str) -> None:
        self.progress("title", text)

    def do_show(self, text: str) -> None:
        self.progress("show", text)

    def do_finish(self, text: str) -> None:
        self.record.finished = True

    def do_gcov(self, text: str) -> None:
        """gcov NAME BASE64: counters of the kernel, compressed."""
        name, data = text.split()
        self.record.counters[Path(name).name] = gzip.decompress(
            base64.b64decode(data, validate=True))

    # What the host checks

    def _check(self, good: bool, text: str) -> str:
        self.record.checks += 1
        if not good:
            self.record.failures.append(f"host: {text}")
            self.progress("FAIL", f"host: {text}")
            raise Refused(text)
        self.progress("ok", f"host: {text}")
        return text

    def do_disk(self, text: str) -> str:
        """disk NAME OFFSET LENGTH SEED: is this pattern in the image?"""
        name, offset, length, seed = text.split()
        fault = self.pattern().fault(self.disks[name], int(offset),
                                     int(length), seed)
        return self._check(not fault, f"image {name}, {length} bytes at "
                           f"{offset}: " + (fault or "what dom0 wrote"))

    def do_audio(self, text: str) -> str:
        """audio NAME LENGTH SEED: is this pattern what was played?"""
        name, length, seed = text.split()
        found = heard(self.disks[name], int(length))
        good = found == self.pattern().make(int(length), seed)
        return self._check(good, f"{name} played {len(found)} bytes, " +
                           ("what dom0 gave it" if good else "other ones"))

    def do_net_source(self, text: str) -> str:
        """net-source LENGTH SEED: the port where the pattern can be had."""
        length, seed = text.split()
        return str(self.net.source(self.pattern().make(int(length), seed)))

    def do_net_sink(self, text: str) -> str:
        return str(self.net.sink())

    def do_net_received(self, text: str) -> str:
        """net-received PORT LENGTH SEED: is this pattern what came?"""
        port, length, seed = text.split()
        got = self.net.received(int(port))
        good = got == self.pattern().make(int(length), seed)
        return self._check(good, f"received {len(got)} bytes, " +
                           ("what dom0 sent" if good else
                            f"not the {length} that dom0 sent"))

    def do_wire(self, text: str) -> None:
        """wire NAME: the host is the other end of this card, see wire.py."""
        self.do_wire_down("")
        self.wire = Wire(self.qemu.qmp, text, self.qemu.qmp_path.parent)

    def do_wire_down(self, text: str) -> None:
        """wire-down: the card is at QEMU's user network again."""
        if self.wire:
            self.wire.close()
        self.wire = None

    def _wire(self) -> Wire:
        if not self.wire:
            raise Refused("no card is wired to the host")
        return self.wire

    def do_wire_came(self, text: str) -> str:
        """wire-came SECONDS: how many frames came since that was asked last,
        as soon as there is one."""
        return str(len(self._wire().take(1, float(text))))

    def do_wire_swap(self, text: str) -> str:
        """wire-swap COUNT SEED: who gets frames with this pattern sends each
        back, with nothing changed but the addresses."""
        count, seed = text.split()
        sent = frames_of(self.pattern().make(int(count) * LONGEST, seed),
                         int(count))
        self._wire().send(sent)
        came = self._wire().take(len(sent), 60)
        wrong = sum(swapped(one) != other for one, other in zip(sent, came))
        return self._check(len(came) == len(sent) and not wrong,
                           f"{len(came)} of {len(sent)} frames came back, "
                           f"{wrong} of them not as sent")

    def do_wire_testpmd(self, text: str) -> str:
        """wire-testpmd COUNT: so many frames came since, of testpmd's own."""
        came = self._wire().take(int(text), 60)
        faults = [fault for fault in map(testpmd_fault, came) if fault]
        return self._check(len(came) == int(text) and not faults,
                           f"{len(came)} of {text} frames of testpmd's came, "
                           f"{len(faults)} of them wrong" +
                           "".join(f": {fault}" for fault in faults[:1]))

    def do_ktap(self, text: str) -> str:
        """ktap xen|bare: did the KUnit tests of this boot run and pass?"""
        tree = self.parts.linux_source(kernels.SOURCE).tree()
        return self._check(*ktap.verdict(self.console, tree, text))

    # Logs

    def _log(self, log: Log, text: str) -> str:
        action, _, rest = text.partition(" ")
        if action == "mark":
            log.mark()
            return ""
        if action == "count":
            return str(len(log.matches(rest)))
        if action == "boot":
            # since power-on
            log = Log(log.path, log.lines)
        if action in ("boot", "last"):
            found = log.matches(rest)
            if not found:
                raise Refused(f"no line matches {rest}")
            return found[-1].strip()
        if action == "wait":
            count, seconds, regex = rest.split(" ", 2)
            began = time.monotonic()
            found = log.wait(regex, int(count), float(seconds))
            self.waited += time.monotonic() - began
            if len(found) < int(count):
                raise Refused(f"{len(found)} lines match {regex}")
            return str(len(found))
        raise Refused(f"logs know no '{action}'")

    def do_xenlog(self, text: str) -> str:
        return self._log(self.xen_log, text)

    def do_trace(self, text: str) -> str:
        return self._log(self.trace_log, text)

    # The machine

    def do_instructions(self, text: str) -> str:
        """How many its CPUs have executed, where the run counts them."""
        return str(self.qemu.executed())

    def do_blocks(self, text: str) -> None:
        """blocks [NAME OPERATIONS MEDIAN]: what was executed in each block of
        instructions since that was asked last is of the case NAME, with so
        many operations each time; or of nothing that is of interest."""
        if not self.qemu.blocks:
            raise Refused("this machine does not count blocks")
        executed = self.profile.since(self.qemu.blocks)
        if text:
            name, operations, median = text.split()
            case = Case(int(operations), float(median), executed)
            if fault := case.fault():
                raise Refused(f"{name}: {fault}")
            self.record.executed[name] = case

    def do_symbols(self, text: str) -> None:
        """symbols NAME LENGTH: Linux' list is at the begin of this image,
        compressed, as it is too long for the channel."""
        name, length = text.split()
        with open(self.disks[name], "rb") as image:
            self.record.symbols = gzip.decompress(
                image.read(int(length))).decode()

    def do_xenkey(self, text: str) -> None:
        """xenkey KEYS: Xen's debug keys, see its log for the answer."""
        self.qemu.xen_keys(text.encode())

    def do_qmp(self, text: str) -> str:
        """qmp COMMAND KEY=VALUE..."""
        command, *pairs = text.split()
        arguments = dict(pair.split("=", 1) for pair in pairs)
        return json.dumps(self.qemu.qmp.command(command, **arguments))

    def do_hmp(self, text: str) -> str:
        """hmp COMMAND: what QMP has no command for."""
        return self.qemu.qmp.human(text).strip()
