# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU: command line, QMP, end."""

import json
import shlex
import socket
import subprocess
import sys
import time

from .ui import LabError

PROGRAM = "qemu-system-x86_64"

# Counting: one instruction of the guest is one nanosecond of its clock.
TIMED = ["-accel", "tcg,thread=multi"]
COUNTED = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]

# SMAP and, with thread=multi, some models' mwait break a PV dom0 under TCG; a
# PVH dom0, on its nested SVM, crashes with RDTSCP, and its programs with PKU or
# now and then with XSAVE.
CPUS = {
    "pv": "max,-smap",
    "pvh": "max,-smap,-rdtscp,-pku,-xsave",
}

IOMMUS = {
    "vtd": ["-device", "intel-iommu,intremap=on"],
    "vtd-cm": ["-device", "intel-iommu,intremap=on,caching-mode=on"],
    "vtd48": ["-device", "intel-iommu,intremap=on,aw-bits=48"],
    "amdvi": ["-device", "amd-iommu"],
    "none": [],
}

XEN_ARGS = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all "
            "iommu=verbose,debug noreboot")
LINUX_ARGS = "loglevel=7 panic=1 net.ifnames=0"


class Machine:
    """What to boot; start() makes a Qemu of it."""

    def __init__(self, iommu, memory, counted=False, cpu="pv"):
        if iommu not in IOMMUS:
            raise LabError(f"no IOMMU '{iommu}'; there are "
                           f"{' '.join(IOMMUS)}")
        self.iommu = iommu
        self.instructions = None
        self.argv = [
            PROGRAM, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,kernel-irqchip=split",
            *(COUNTED if counted else TIMED), "-cpu", CPUS[cpu], "-smp", "2",
            "-m", f"{memory}M", "-no-reboot", *IOMMUS[iommu]]

    def boot_xen(self, xen, kernel, initrd, xen_args, linux_args):
        line = f"console=hvc0 earlyprintk=xen {LINUX_ARGS} {linux_args}"
        if "," in line:
            raise LabError("a comma in a kernel argument would end the "
                           f"multiboot module: {line}")
        self.argv += ["-kernel", str(xen),
                      "-append", f"{XEN_ARGS} {xen_args}".strip(),
                      "-initrd", f"{kernel} {line.strip()},{initrd}"]

    def boot_linux(self, kernel, initrd, linux_args):
        line = f"console=ttyS0 {LINUX_ARGS} {linux_args}"
        self.argv += ["-kernel", str(kernel), "-initrd", str(initrd),
                      "-append", line.strip()]

    def count(self, plugin, path):
        """Have the plugin count instructions in a file."""
        self.instructions = path
        self.argv += ["-plugin", f"{plugin},count={path}"]

    def trace(self, patterns, log):
        for pattern in patterns:
            self.argv += ["-trace", f"enable={pattern}"]
        if patterns:
            self.argv += ["-D", str(log)]


class Qemu:
    live = set()
    stopped = False

    @classmethod
    def stop_all(cls):
        """The run is interrupted: no QEMU stays, and no other starts."""
        cls.stopped = True
        for process in list(cls.live):
            process.kill()

    @classmethod
    def watch(cls, argv, out, env, timeout):
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

    def __init__(self, machine, extra, console, log, sockets):
        self.console = console
        self.log = log
        self.instructions = machine.instructions
        self.console_path = sockets / "console"
        self.channel_path = sockets / "verdict"
        self.qmp_path = sockets / "qmp"
        self.argv = [
            *machine.argv, *extra,
            "-chardev", f"socket,id=console,path={sockets / 'console'},"
                        f"server=on,wait=off,logfile={console}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=verdict,path={self.channel_path},"
                        "server=on,wait=off",
            "-serial", "chardev:verdict",
            "-chardev", f"socket,id=qmp,path={self.qmp_path},"
                        "server=on,wait=off",
            "-mon", "chardev=qmp,mode=control"]
        self.process = None
        self.qmp = None

    def __enter__(self):
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

    def __exit__(self, kind, value, trace):
        self.channel.close()
        self._end()

    def _connect(self, path):
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

    def executed(self):
        """Instructions since power-on, of all CPUs."""
        if not self.instructions:
            raise LabError("this machine does not count instructions")
        return int.from_bytes(self.instructions.read_bytes(), sys.byteorder)

    def xen_keys(self, keys):
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

    def _end(self):
        """QEMU ends by itself when dom0 powers off; else it is stopped."""
        if self.qmp:
            self.qmp.close()
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

    def __init__(self, connection):
        self.connection = connection
        self.connection.settimeout(30)
        self.file = connection.makefile("rw")
        self.events = []
        self._read()
        self.command("qmp_capabilities")

    def _read(self):
        line = self.file.readline()
        if not line:
            raise LabError("QEMU's monitor is gone")
        return json.loads(line)

    def command(self, name, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        while True:
            answer = self._read()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise LabError(f"{name}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def human(self, line):
        return self.command("human-monitor-command", **{"command-line": line})

    def close(self):
        self.file.close()
        self.connection.close()
