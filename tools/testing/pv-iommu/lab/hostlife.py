# SPDX-License-Identifier: GPL-2.0-only
"""A host that is running: does it work as it should?"""

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import hostboot, judge
from .hostboot import Host
from .hostinstall import Run
from .qemu import Qemu

IOMMU = "vtd"
NVME = "0000:00:04.0"
CARD = "0000:00:08.0"


@contextmanager
def running(run: Run, name: str) -> Iterator[Host]:
    """The host, switched on; off at the end."""
    directory = run.directory / name
    directory.mkdir()
    work = Path(tempfile.mkdtemp(prefix="pv-iommu-"))
    try:
        qemu = Qemu(hostboot.machine(IOMMU), hostboot.devices(run.disk.image),
                    directory / "console.log", directory / "qemu.log",
                    directory / "trace.log", work)
        with qemu:
            yield Host(qemu)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def booted(run: Run, host: Host, seconds: float, what: str) -> None:
    info = host.output("xl info")
    run.ok(f"{what}: systemd is up after {seconds:.0f} s; xl info says Xen "
           f"{field(info, 'xen_version')}, compiled by "
           f"{field(info, 'cc_compile_by')}")


def field(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: *(.*)$", text, re.M)
    return found[1].strip() if found else ""


def is_ours(host: Host) -> bool:
    return field(host.output("xl info"), "cc_compile_by") == "pv-iommu"


def quiet(run: Run, host: Host, *expected: str) -> None:
    """Nothing that is a failure elsewhere in the lab is in the log."""
    faults = judge.log_faults(host.console(), tuple(
        ("linux", pattern) for pattern in expected))
    run.check(not faults, "nothing bad is in Xen's and Linux' log",
              " / ".join(faults[:4]))


def driver_works(run: Run, host: Host) -> None:
    run.check(is_ours(host), "this is the hypervisor of the package",
              host.output("xl info"))
    code, text = host.run("pv-iommu-check")
    (run.directory / "pv-iommu-check").write_text(text + "\n")
    run.check(code == 0 and "at work: each group of devices" in text,
              "pv-iommu-check: the driver is at work", text)
    for address, driver in ((NVME, "nvme"), (CARD, "e1000e")):
        run.check(re.search(rf"^{address} +\S+ +\d+ +[1-9]\d* +DMA-FQ +"
                            rf"{driver}$", text, re.M),
                  f"{driver} has an address space of its own", text)


def devices_work(run: Run, host: Host) -> None:
    """The root's disk and the card do I/O, and the data is right."""
    run.check(host.output("findmnt -no SOURCE /").startswith("/dev/nvme0n1p"),
              "/ is on the NVMe disk", host.output("findmnt /"))
    code, text = host.run(
        "fio --name=verify --filename=/var/tmp/fio --size=16M --bs=64k "
        "--rw=randwrite --direct=1 --ioengine=psync --verify=crc32c "
        "--verify_fatal=1 --end_fsync=1 && rm /var/tmp/fio", 300)
    run.check(code == 0 and re.search(r"\bread: IOPS=", text),
              "fio: 16 MiB written to it are read back the same", text[-600:])
    word = secrets.token_hex(8)
    code, text = host.run(
        f"for i in $(seq 2000); do echo {word} $i; done >/run/sent; "
        "networkctl -q; timeout 60 sh -c 'until ip -4 -o address show dev eth0 "
        "| grep -q inet; do sleep 1; done' && "
        f"timeout 60 nc -N {hostboot.ECHO} </run/sent >/run/back; "
        "cmp /run/sent /run/back && wc -c </run/back", 180)
    size = text.split()[-1] if text else ""
    run.check(code == 0 and size.isdigit(),
              f"the network: {size} bytes there and back the same",
              text[-600:])


def first_boot(run: Run, host: Host) -> None:
    """By grub-reboot, which is for one boot."""
    booted(run, host, host.booted(), f"GRUB's entry {run.entry}")
    driver_works(run, host)
    devices_work(run, host)
    quiet(run, host)


def not_at_work(run: Run, host: Host, why: str) -> None:
    """The driver does not work, and it is said why; devices do."""
    code, text = host.run("pv-iommu-check")
    run.check(code == 1 and why in text, f"pv-iommu-check: {why}", text)
    loaded = host.output("lsmod; ls /sys/class/iommu")
    run.check("pv_iommu" not in loaded and "pv-iommu" not in loaded,
              "the driver is not loaded", loaded)
    devices_work(run, host)


def crash(run: Run, host: Host) -> None:
    """Dom0 crashes: Xen reboots, and GRUB boots what is the default."""
    seconds = host.reboot("echo 1 >/proc/sys/kernel/sysrq; sync; "
                          "echo c >/proc/sysrq-trigger")
    text = host.console()
    run.check("Hardware Dom0 crashed" in text, "dom0 has crashed",
              host.last_words())
    booted(run, host, seconds, "after that GRUB boots its default")
    run.check(not is_ours(host), "which is Debian's own hypervisor",
              host.output("xl info"))
    not_at_work(run, host, "not used: the hypervisor does not offer iommu_op")


def switched_off(run: Run, host: Host) -> None:
    """By the file of defaults that the package brings."""
    path = f"/etc/default/grub.d/{run.entry}.cfg"
    words = ("GRUB_CMDLINE_LINUX_XEN_PV_IOMMU=xen_pv_iommu=off "
             "GRUB_CMDLINE_XEN_PV_IOMMU=iommu-op=max-contexts=100")
    host.output(f"cp {path} /run/kept && printf '%s\\n' {words} >>{path} && "
                f"update-grub && mv /run/kept {path} && "
                f"grub-reboot {run.entry}", 300)
    booted(run, host, host.reboot(), "with words in its file of defaults")
    run.check("iommu-op=max-contexts=100" in host.output("xl info") and
              is_ours(host), "Xen got the word for it",
              host.output("xl info"))
    not_at_work(run, host, "switched off: xen_pv_iommu=off is on the "
                "kernel's command line")
    quiet(run, host)


def fall_back(run: Run, host: Host) -> None:
    """GRUB's entry without iommu_op, chosen in its menu with keys."""
    host.output("update-grub", 300)
    menu = re.findall(r"^(?:menuentry|submenu) .*menuentry_id_option '(.*?)'",
                      host.read("/boot/grub/grub.cfg"), re.M)
    keys = hostboot.FIRST + hostboot.DOWN * menu.index(f"{run.entry}-off") + \
        hostboot.ENTER
    booted(run, host, host.reboot(keys=keys), "the menu's entry without it")
    run.check(is_ours(host) and "iommu-op=off" in host.output("xl info"),
              "it is the hypervisor of the package, with iommu-op=off",
              host.output("xl info"))
    not_at_work(run, host, "switched off")
    quiet(run, host)


def purged(run: Run, host: Host) -> None:
    """The packages are taken away on the running host."""
    host.output(f"DEBIAN_FRONTEND=noninteractive apt-get -y purge "
                f"{' '.join(run.disk.names())}", 1800)
    run.ok("the packages are purged with apt")
    booted(run, host, host.reboot(), "after a reboot")
    run.check(not is_ours(host), "Xen is Debian's own",
              host.output("xl info"))
    left = host.output("find / -xdev -name '*pv[-_]iommu*' -not -path "
                       "'/var/log/*' -not -path '/var/lib/systemd/*'; "
                       "dmesg | grep -i pv-iommu || true")
    run.check(not left, "no file has its name, and nothing is in the log",
              left)
    devices_work(run, host)
