# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU: command line, QMP, end."""

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from .ui import LabError

PROGRAM = "qemu-system-x86_64"

# With a thread for each CPU dom0 now and then dies of "Oops: int3" (see the
# testing documentation), and some models' mwait breaks it; so that is only for
# benchmarks of several CPUs.
# Counting: one instruction of the guest is one nanosecond of its clock.
ONE_THREAD = ["-accel", "tcg,thread=single"]
PARALLEL = ["-accel", "tcg,thread=multi"]
COUNTED = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]

# SMAP breaks a PV dom0 under TCG; a PVH dom0, on its nested SVM, crashes with
# RDTSCP, and its programs with PKU or now and then with XSAVE.  So do those of
# dom0 and of PV guests, where both run.
CPUS = {
    "pv": "max,-smap",
    "guests": "max,-smap,-xsave",
    "pvh": "max,-smap,-rdtscp,-pku,-xsave",
}

IOMMUS: dict[str, list[str]] = {
    "vtd": ["-device", "intel-iommu,intremap=on"],
    "vtd48": ["-device",
              "intel-iommu,intremap=on,aw-bits=48,caching-mode=on"],
    # where a bus can be left out of translation (bypass_iommu)
    "vtd-holes": ["-device", "intel-iommu,intremap=off"],
    "amdvi": ["-device", "amd-iommu"],
    "none": [],
}

# QEMU's memory is all zeros, and none of the host's until it is touched.
#
# Where a vCPU runs for 20 ms without a break, as it may in an emulator, Xen's
# scheduler takes all of its credit.  Such a vCPU is not moved to an idle CPU,
# since it has too little more than nothing, and the CPU where it was may sleep,
# too: then all of the machine sleeps.  Without resistance to a move there is
# enough.
XEN_ARGS = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all "
            "iommu=verbose,debug noreboot bootscrub=0 "
            "sched_credit2_migrate_resist=0")
LINUX_ARGS = "loglevel=7 panic=1 net.ifnames=0"


class Machine:
    """What to boot; start() makes a Qemu of it."""

    def __init__(self, iommu: str, memory: int, counted: bool = False,
                 cpu: str = "pv", cpus: int = 2,
                 parallel: bool = False) -> None:
        if iommu not in IOMMUS:
            raise LabError(f"no IOMMU '{iommu}'; there are "
                           f"{' '.join(IOMMUS)}")
        self.iommu = iommu
        self.instructions: Path | None = None
        self.blocks: Path | None = None
        accel = PARALLEL if parallel else ONE_THREAD
        self.argv = [
            PROGRAM, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,kernel-irqchip=split",
            *(COUNTED if counted else accel), "-cpu", CPUS[cpu], "-smp",
            str(cpus), "-m", f"{memory}M", "-no-reboot", *IOMMUS[iommu]]

    def boot_xen(self, xen: Path, kernel: Path, initrd: Path, xen_args: str,
                 linux_args: str) -> None:
        line = f"console=hvc0 earlyprintk=xen {LINUX_ARGS} {linux_args}"
        if "," in line:
            raise LabError("a comma in a kernel argument would end the "
                           f"multiboot module: {line}")
        self.argv += ["-kernel", str(xen),
                      "-append", f"{XEN_ARGS} {xen_args}".strip(),
                      "-initrd", f"{kernel} {line.strip()},{initrd}"]

    def boot_linux(self, kernel: Path, initrd: Path,
                   linux_args: str) -> None:
        line = f"console=ttyS0 {LINUX_ARGS} {linux_args}"
        self.argv += ["-kernel", str(kernel), "-initrd", str(initrd),
                      "-append", line.strip()]

    def count(self, plugin: Path, path: Path,
              blocks: Path | None = None) -> None:
        """Have the plugin count instructions in a file; and those of each
        block in another one."""
        self.instructions, self.blocks = path, blocks
        apart = f",blocks={blocks}" if blocks else ""
        self.argv += ["-plugin", f"{plugin},count={path}{apart}"]


class Qemu:
    live: set["subprocess.Popen[bytes]"] = set()
    stopped = False

    @classmethod
    def stop_all(cls) -> None:
        """The run is interrupted: no QEMU stays, and no other starts."""
        cls.stopped = True
        for process in list(cls.live):
            process.kill()

    @classmethod
    def watch(cls, argv: list[str], out: BinaryIO, env: dict[str, str],
              timeout: float) -> int | str:
        """Run another program that must end with us; its exit code."""
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env=env)
        cls.live.add(process)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            return "none in time"
        finally:
            cls.live.discard(process)

    def __init__(self, machine: Machine, extra: list[str], console: Path,
                 log: Path, trace_log: Path, sockets: Path) -> None:
        self.console = console
        self.log = log
        self.trace_log = trace_log
        self.instructions = machine.instructions
        self.blocks = machine.blocks
        self.console_path = sockets / "console"
        self.channel_path = sockets / "verdict"
        self.qmp_path = sockets / "qmp"
        self.traced: set[str] = set()
        self.argv = [
            *machine.argv, *extra, "-D", str(trace_log),
            "-chardev", f"socket,id=console,path={sockets / 'console'},"
                        f"server=on,wait=off,logfile={console}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=verdict,path={self.channel_path},"
                        "server=on,wait=off",
            "-serial", "chardev:verdict",
            "-chardev", f"socket,id=qmp,path={self.qmp_path},"
                        "server=on,wait=off",
            "-mon", "chardev=qmp,mode=control"]

    def __enter__(self) -> "Qemu":
        with open(self.log, "ab") as log:
            log.write((shlex.join(self.argv) + "\n").encode())
            log.flush()
            if self.stopped:
                raise LabError("interrupted")
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
            self.live.add(self.process)
        try:
            self.channel = self._connect(self.channel_path)
            self.qmp = Qmp(self._connect(self.qmp_path))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()
        self.qmp.close()
        self._end()

    def _connect(self, path: Path) -> socket.socket:
        limit = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                raise LabError("QEMU did not start: " +
                               self.log.read_text(errors="replace")[-600:])
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > limit:
                    raise LabError(f"QEMU does not open {path}") from None
                time.sleep(0.05)

    def trace(self, events: Collection[str]) -> None:
        """Record these events, and no others, from now on."""
        for name in self.traced ^ set(events):
            self.qmp.command("trace-event-set-state", name=name,
                             enable=name in events)
        self.traced = set(events)

    def executed(self) -> int:
        """Instructions since power-on, of all CPUs."""
        if not self.instructions:
            raise LabError("this machine does not count instructions")
        return int.from_bytes(self.instructions.read_bytes(), sys.byteorder)

    def xen_keys(self, keys: bytes) -> None:
        """Type on Xen's console: its own input is behind three Ctrl-A."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.console_path))
            console.sendall(b"\x01\x01\x01" + keys + b"\x01\x01\x01")
            # nobody else reads here, and the guest would wait for that
            console.settimeout(0.5)
            try:
                while console.recv(65536):
                    pass
            except socket.timeout:
                pass

    def _end(self) -> None:
        """QEMU ends by itself when dom0 powers off; else it is stopped."""
        for stop in (self.process.terminate, self.process.kill):
            if self.process.poll() is None:
                stop()
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    continue
        self.process.wait()
        self.live.discard(self.process)


class Qmp:
    """The monitor: one command at a time, events kept for who waits."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(30)
        self.file = connection.makefile("rw")
        self.events: list[dict[str, Any]] = []
        self._read()
        self.command("qmp_capabilities")

    def _read(self) -> dict[str, Any]:
        line = self.file.readline()
        if not line:
            raise LabError("QEMU's monitor is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def command(self, command: str, /, **arguments: object) -> Any:
        request: dict[str, object] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        while True:
            answer = self._read()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise LabError(f"{command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def human(self, line: str) -> str:
        return str(self.command("human-monitor-command",
                                **{"command-line": line}))

    def close(self) -> None:
        self.file.close()
        self.connection.close()
