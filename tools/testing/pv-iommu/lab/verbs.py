# SPDX-License-Identifier: GPL-2.0-only
"""The verbs of the channel: each method answers one kind of request.

A method returns the text of an "ok" answer or raises Refused for a "no".
Checks that the host makes itself count in the record, whatever dom0 makes of
the answer.
"""

import base64
import gzip
import json
from pathlib import Path

from .hostside import Disks, Log, NetPeer
from .judge import split_log
from .ui import LabError


class Refused(Exception):
    """The answer is no; the text says why."""


class Requests:
    def __init__(self, record, qemu, disks, console, trace_log, progress):
        self.record = record
        self.qemu = qemu
        self.disks = Disks(disks)
        self.xen_log = Log(console, lambda text: split_log(text)[0])
        self.linux_log = Log(console, lambda text: split_log(text)[1])
        self.trace_log = Log(trace_log)
        self.net = NetPeer()
        self.progress = progress

    def serve(self, verb, text):
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

    def do_begin(self, text):
        self.record.begun = True
        self.progress("begin", f"dom0 {text} runs the scenario")

    def do_step(self, text):
        self.progress("step", text)

    def do_ok(self, text):
        self.record.oks += 1
        self.progress("ok", text)

    def do_fail(self, text):
        self.record.failures.append(text)
        self.progress("FAIL", text)

    def do_skip(self, text):
        self.record.skipped = text or "no reason given"

    def do_stat(self, text):
        name, _, value = text.partition(" ")
        self.record.stats[name] = value
        self.progress("stat", f"{name} = {value}")

    def do_tell(self, text):
        self.progress("tell", text)

    def do_title(self, text):
        self.progress("title", text)

    def do_show(self, text):
        self.progress("show", text)

    def do_finish(self, text):
        self.record.finished = True

    def do_gcov(self, text):
        """gcov NAME BASE64: counters of the kernel, compressed."""
        name, data = text.split()
        self.record.counters[Path(name).name] = gzip.decompress(
            base64.b64decode(data, validate=True))

    # What the host checks

    def _check(self, good, text):
        self.record.checks += 1
        if not good:
            self.record.failures.append(f"host: {text}")
            self.progress("FAIL", f"host: {text}")
            raise Refused(text)
        self.progress("ok", f"host: {text}")
        return text

    def do_disk(self, text):
        """disk NAME OFFSET LENGTH SHA256: is this in the image?"""
        name, offset, length, wanted = text.split()
        found = self.disks.digest(name, int(offset), int(length))
        return self._check(
            found == wanted,
            f"image {name}, {length} bytes at {offset}: sha256 {found[:16]}" +
            ("" if found == wanted else f", dom0 wrote {wanted[:16]}"))

    def do_disk_sha(self, text):
        name, offset, length = text.split()
        return self.disks.digest(name, int(offset), int(length))

    def do_net_source(self, text):
        size, seed = text.split()
        port, digest = self.net.source(int(size), seed)
        return f"{port} {digest}"

    def do_net_sink(self, text):
        return str(self.net.sink())

    def do_net_received(self, text):
        """net-received PORT SIZE SHA256: is this what came?"""
        port, size, wanted = text.split()
        got, digest = self.net.received(int(port))
        return self._check(
            (str(got), digest) == (size, wanted),
            f"received {got} bytes with sha256 {digest[:16]}, dom0 sent "
            f"{size} with {wanted[:16]}")

    # Logs

    def _log(self, log, text):
        action, _, rest = text.partition(" ")
        if action == "mark":
            return log.mark()
        if action == "count":
            return str(len(log.matches(rest)))
        if action == "last":
            found = log.matches(rest)
            if not found:
                raise Refused(f"no line matches {rest}")
            return found[-1].strip()
        if action == "wait":
            count, seconds, regex = rest.split(" ", 2)
            found = log.wait(regex, int(count), float(seconds))
            if len(found) < int(count):
                raise Refused(f"{len(found)} lines match {regex}")
            return str(len(found))
        raise Refused(f"logs know no '{action}'")

    def do_xenlog(self, text):
        return self._log(self.xen_log, text)

    def do_consolelog(self, text):
        return self._log(self.linux_log, text)

    def do_trace(self, text):
        return self._log(self.trace_log, text)

    # The machine

    def do_instructions(self, text):
        """How many its CPUs have executed, where the run counts them."""
        return str(self.qemu.executed())

    def do_xenkey(self, text):
        """xenkey KEYS: Xen's debug keys, see its log for the answer."""
        self.qemu.xen_keys(text.encode())

    def do_qmp(self, text):
        """qmp COMMAND KEY=VALUE..."""
        command, *pairs = text.split()
        arguments = dict(pair.split("=", 1) for pair in pairs)
        return json.dumps(self.qemu.qmp.command(command, **arguments))

    def do_hmp(self, text):
        return self.qemu.qmp.human(text).strip()
