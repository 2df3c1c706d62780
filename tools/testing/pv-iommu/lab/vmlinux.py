# SPDX-License-Identifier: GPL-2.0-only
"""The kernel inside a bzImage, so that Xen need not unpack it at each boot."""

import lzma
import struct
import subprocess
import zlib

from .ui import LabError

# Of the header that the boot protocol (2.08 and later) describes.
SETUP_SECTS, MAGIC, PAYLOAD = 0x1f1, 0x202, 0x248


def _zstd(data: bytes) -> bytes:
    # without the length that the kernel's build appends
    return subprocess.run(["zstd", "-dc"], input=data[:-4], check=True,
                          capture_output=True).stdout


UNPACK = {
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\x28\xb5\x2f\xfd": _zstd,
}


def payload_of(image: bytes) -> bytes:
    """The ELF file in a bzImage."""
    if image[MAGIC:MAGIC + 4] != b"HdrS":
        raise LabError("the kernel's image is no bzImage")
    sectors = image[SETUP_SECTS] or 4
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (sectors + 1) * 512 + offset
    data = image[start:start + length]
    for magic, unpack in UNPACK.items():
        if data.startswith(magic):
            found = unpack(data)
            if found[:4] == b"\x7fELF":
                return found
    raise LabError("nobody here can unpack what is in the kernel's bzImage")
