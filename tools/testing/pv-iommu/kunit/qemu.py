# SPDX-License-Identifier: GPL-2.0-only
"""The machine for KUnit (see --qemu_config of kunit.py): eight CPUs and
devices; kernels that are built for two CPUs use two."""
# pylint: disable=relative-beyond-top-level
from ..qemu_config import QemuArchParams  # type: ignore[import,misc]

QEMU_ARCH = QemuArchParams(
    linux_arch='x86_64',
    kconfig='''
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y''',
    qemu_arch='x86_64',
    kernel_path='arch/x86/boot/bzImage',
    # A busy host starves the timer that is checked at boot.
    kernel_command_line='console=ttyS0 no_timer_check panic=-1',
    # edu is a PCI device that no driver of this kernel wants; one is tested,
    # and the other is in its group.
    extra_qemu_params=['-bios', 'qboot.rom', '-smp', '8', '-cpu', 'max',
                       '-device', 'edu', '-device', 'edu'])
