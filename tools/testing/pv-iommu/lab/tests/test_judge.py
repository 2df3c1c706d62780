# SPDX-License-Identifier: GPL-2.0-only
"""No run passes unless it said so, checked something, and the logs agree."""

import re
import unittest
from pathlib import Path
from typing import Iterator

from .. import judge, paths
from ..judge import Record, reasons

# What Xen and Linux say of devices, IOMMUs and memory when something is wrong;
# what the overlay and the driver say is found in their sources.
XEN_GRAVE = """
Assertion 'x' failed at y.c:1
Panic on CPU 0:
FATAL PAGE FAULT
Xen BUG at mm.c:1
[VT-D]DMAR:[DMA Write] Request device [0000:00:04.0] fault addr 0
[VT-D]DMAR: reason 05 - PTE Write access is not set
[VT-D]INTR-REMAP: Request device [0000:00:04.0] fault index 0
[VT-D]drivers/passthrough/vtd/iommu.c:1018: iommu_fault_status: Fault Overflow
[VT-D]drivers/passthrough/vtd/iommu.c:1026: iommu_fault_status: Invalidation \
Queue Error
[VT-D]drivers/passthrough/vtd/iommu.c:1109: no device found, something must \
be very wrong!
[VT-D] IOMMU#0: no QI slot available
[VT-D] IOMMU#0: QI wait descriptor taking too long
[VT-D] IOMMU#0: QI dev wait descriptor took 12ms
[VT-D]IOMMU: flush IOTLB failed
[VT-D] IOMMU flush all failed for hardware domain
[VT-D]d0: RMRR mapping failed
[VT-D]d0: cannot unmap reserved region [7f000,7ffff]: -12
0000:00:04.0: unexpected context entry 0_0 (expected 1_1)
d0: IOMMU mapping dfn 1 to mfn 2 failed: -12
d0: IOMMU unmapping dfn 1 failed: -5
d0: IOMMU IOTLB flush failed: -5, dfn 1, page count 1 flags 2
d0: IOMMU IOTLB flush all failed: -5
IOMMU: add 0000:00:04.0 failed (-12)
IOMMU: remove 0000:00:04.0 failed (-16)
AMD-Vi: IO_PAGE_FAULT: 0000:00:04.0 d0 addr 0
AMD-Vi: unity-unmap for d0/0000:00:04.0 failed (-2)
ILLEGAL_DEV_TABLE_ENTRY 00000020 10000000 00000000 00000000
DEV_TABLE_HW_ERROR 00000020 30000000 00000000 00000000
PAGE_TABLE_HW_ERROR 00000020 40000000 00000000 00000000
ILLEGAL_COMMAND_ERROR 00000000 50000000 00000000 00000000
COMMAND_HW_ERROR 00000000 60000000 00000000 00000000
IOTLB_INV_TIMEOUT 00000020 70000000 00000000 00000000
INVALID_DEV_REQUEST 00000020 80000000 00000000 00000000
event 00000020 90000000 00000000 00000000
AMD IOMMU 0000:00:01.0: no cmd slot available
AMD IOMMU 0000:00:01.0: iotlb completion wait taking too long
AMD IOMMU 0000:00:01.0: completion wait took 120ms
Dom0: unexpected DTE 0_0 (expected 1_1)
"""
LINUX_GRAVE = """
WARNING: CPU: 0 PID: 1 at x.c:1
WARNING: possible circular locking dependency
BUG: unable to handle page fault
BUG kmalloc-64 (Not tainted): Poison overwritten
Oops: 0000 [#1]
Call Trace:
traps: fio[70] general protection fault ip:401136 sp:7ffd0 error:0
fio[70]: segfault at 0 ip 0000000000401136 sp 00007ffd0 error 4 in fio
pagealloc: memory corruption
sysfs: cannot create duplicate filename '/devices/x'
mce: [Hardware Error]: Machine check events logged
INFO: possible recursive locking detected
INFO: lockdep is turned off.
INFO: task fio:70 blocked for more than 120 seconds.
task fio:70 blocked for more than 120 seconds.
rcu: INFO: rcu_preempt detected stalls
rcu: rcu_preempt self-detected stall on CPU
rcu: rcu_preempt kthread starved for 5250 jiffies!
watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [fio:70]
watchdog: Watchdog detected hard LOCKUP on cpu 0
irq 16: nobody cared (try booting with the "irqpoll" option)
Disabling IRQ #16
__common_interrupt: 0.33 No irq handler for vector
fio: page allocation failure: order:0, mode:0x800(GFP_NOWAIT)
Out of memory: Killed process 70 (fio) total-vm:1kB
fio invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0
DMA-API: nvme 0000:00:04.0: device driver frees DMA memory with different size
DMA-API: debugging out of memory - disabling
DMA-API: debugging disabled on command line
DMAR: [DMA Read] Request device [00:04.0] fault addr 0x0
AMD-Vi: Event logged [IO_PAGE_FAULT device=00:04.0]
nvme 0000:00:04.0: swiotlb buffer is full (sz: 4096 bytes)
nvme 0000:00:04.0: overflow 0x100000000+4096 of DMA mask ffffffff bus limit 0
iommu: Failed to allocate default IOMMU domain of type 11
nvme 0000:00:04.0: Failed to add to iommu group 0: -12
I/O error, dev nvme0n1, sector 0 op 0x1:(WRITE) flags 0x0
Buffer I/O error on dev nvme0n1, logical block 0, lost async page write
nvme nvme0: I/O 3 QID 1 timeout, aborting
nvme nvme0: I/O tag 3 (1003) QID 1 timeout, reset controller
nvme nvme0: I/O 3 QID 1 timeout, completion polled
nvme nvme0: controller is down; will reset: CSTS=0xffffffff
nvme nvme0: resetting controller
nvme nvme0: Abort status: 0x0
nvme nvme0: Device not ready; aborting initialisation, CSTS=0x0
nvme 0000:00:04.0: probe failure
ata1.00: exception Emask 0x0 SAct 0x4000
ata1.00: failed command: WRITE FPDMA QUEUED
ata1: hard resetting link
sd 0:0:0:0: [sda] tag#0 FAILED Result: hostbyte=DID_OK
sd 0:0:0:0: rejecting I/O to offline device
EXT4-fs error (device sda): ext4_find_entry
EXT4-fs (sda): Remounting filesystem read-only
NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out 5000 ms
e1000e 0000:00:08.0 eth0: NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out
e1000e 0000:00:08.0 eth0: Detected Hardware Unit Hang:
e1000e 0000:00:08.0 eth0: Reset adapter unexpectedly
virtio_net virtio0: output.0:id 3 is not a head!
xhci_hcd 0000:00:07.0: xHCI host controller not responding, assume dead
xhci_hcd 0000:00:07.0: HC died; cleaning up
xhci_hcd 0000:00:07.0: Host halt failed, -110
usb 1-1: reset high-speed USB device number 2 using xhci_hcd
usb 1-1: device descriptor read/64, error -110
usb 1-1: device not accepting address 2, error -71
pcieport 0000:00:10.0: PCIe Bus Error: severity=Uncorrectable
pcieport 0000:00:10.0: AER: Uncorrectable (Fatal) error message received
pcieport 0000:00:10.0: pciehp: Timeout on hotplug command 0x11e1
refcount_t: underflow; use-after-free.
list_add corruption. next->prev should be prev
UBSAN: shift-out-of-bounds in x.c:1:1
ODEBUG: free active (active state 0) object type: timer_list
WARNING: suspicious RCU usage
inconsistent {HARDIRQ-ON-W} -> {IN-HARDIRQ-W} lock state
kmemleak: 3 new suspected memory leaks
"""
HARMLESS = """
DMA-API: preallocated 65536 debug entries
DMA-API: debugging enabled by kernel config
xen_pv_iommu: module verification failed: signature and/or required key missing
PM-Timer failed consistency check  (0xffffff) - aborting.
pciehp: Slot(0): Link Down
usb 1-1: new high-speed USB device number 2 using xhci_hcd
nvme nvme0: 2/0/0 default/read/poll queues
e1000e: eth0 NIC Link is Down
"""
# A call in C that writes to the log: its name, Xen's level, the format.
CALL = re.compile(
    r"\b(printk\w*|pr_[a-z]\w*|dev_[a-z]\w*)\(\s*(?:dev,\s*)?"
    r"(XENLOG_\w+)?\s*\"([^\"]*)\"")
GRAVE = re.compile(r"_(ERR|WARNING|err|warn|crit|emerg|alert)(_|$)")


def lines_of(text: str) -> list[str]:
    return text.strip().splitlines()


def messages(directory: Path) -> Iterator[tuple[str, bool, str]]:
    """(call, is it grave, what it says) of all that C sources may say."""
    for path in sorted(directory.rglob("*.[ch]")):
        if "kunit" in path.parts:
            continue
        for call, level, text in CALL.findall(path.read_text()):
            text = re.sub(r"%(pd|s)", "d0", text.replace("\\n", ""))
            text = re.sub(r"%#?l*[a-z]", "1", text)
            yield call, bool(GRAVE.search(level or call)), text


def passed(**changes):
    changes = {"begun": True, "finished": True, "oks": 1} | changes
    return Record(**changes)


class JudgeTest(unittest.TestCase):
    def test_passes(self):
        self.assertEqual(reasons(passed(), "(XEN) all is well\n", ()), [])

    def test_no_verdict(self):
        self.assertTrue(reasons(passed(finished=False), "", ()))

    def test_never_began(self):
        self.assertTrue(reasons(Record(), "", ()))

    def test_nothing_checked(self):
        self.assertTrue(reasons(passed(oks=0), "", ()))

    def test_failure_beats_verdict(self):
        self.assertEqual(reasons(passed(failures=["bad"]), "", ()), ["bad"])

    def assert_bad(self, line: str) -> None:
        self.assertTrue(reasons(passed(), f"ok\r\n{line}\r\nok\n"), line)

    def assert_good(self, line: str) -> None:
        self.assertEqual(reasons(passed(), f"ok\r\n{line}\r\nok\n"), [])

    def test_grave_lines(self) -> None:
        for line in lines_of(XEN_GRAVE):
            self.assert_bad(f"(XEN) {line}")
        for line in lines_of(LINUX_GRAVE):
            self.assert_bad(f"[    1.0] {line}")

    def test_harmless_lines(self) -> None:
        for line in lines_of(HARMLESS):
            self.assert_good(f"[    1.0] {line}")

    def test_overlay(self) -> None:
        """What the overlay says at the level of an error is grave, else not."""
        found = list(messages(paths.OVERLAY / "files"))
        self.assertGreaterEqual(sum(grave for _, grave, _ in found), 2)
        self.assertGreaterEqual(len(found), 7)
        for _, grave, text in found:
            (self.assert_bad if grave else self.assert_good)(f"(XEN) {text}")

    def test_driver(self) -> None:
        """The same of the driver, where a reason not to work is grave, too."""
        found = list(messages(paths.DRIVER))
        self.assertGreaterEqual(sum(grave for _, grave, _ in found), 10)
        self.assertGreaterEqual(len(found), 16)
        for call, grave, text in found:
            who = "nvme 0000:00:04.0" if call[:4] == "dev_" else "xen-pv-iommu"
            grave = grave or text.startswith("not used")
            line = f"[    1.0] {who}: {text}"
            (self.assert_bad if grave else self.assert_good)(line)
        self.assert_bad("[    1.0] xen-pv-iommu: what nobody has thought of")

    def test_expected_lines(self):
        line = "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:00:0b.0] " \
               "fault addr 4000"
        expect = (("xen", r"DMAR:.*\[0000:00:0b.0\]"),)
        self.assertEqual(reasons(passed(), line, expect), [])
        other = line.replace("0b.0", "04.0")
        self.assertTrue(reasons(passed(), other, expect))
        self.assertTrue(reasons(passed(), line, (("linux", ".*"),)))

    def test_lines_in_lines(self):
        fault = "(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:0d.0]"
        console = f"[    1.0] B{fault}\r\nUG: wa(XEN) more\r\n" \
                  "(XEN) and more\r\ntch out\r\n[    2.0] done"
        self.assertEqual(judge.split_log(console),
                         ([fault, "(XEN) more", "(XEN) and more"],
                          ["[    1.0] BUG: watch out", "[    2.0] done"]))
        expect = (("xen", r"DMAR:.*\[0000:00:0d.0\]"),)
        self.assertEqual(reasons(passed(), console, expect),
                         ["Linux said: [    1.0] BUG: watch out"])
        self.assertEqual(judge.split_log("a\n(XEN) b\nc(XEN) d\n"),
                         (["(XEN) b", "(XEN) d"], ["a", "c"]))

    def test_required_lines(self):
        require = (("xen", "gave .* back"),)
        self.assertEqual(reasons(passed(), "(XEN) gave it back\n", (),
                                 require), [])
        self.assertTrue(reasons(passed(), "gave it back\n", (), require))

    def test_skip(self):
        record = Record(begun=True, skipped="no such device")
        self.assertEqual(reasons(record, "", ()), [])
        self.assertTrue(reasons(record, "(XEN) Panic on CPU 0", ()))
