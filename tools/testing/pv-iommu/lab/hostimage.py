# SPDX-License-Identifier: GPL-2.0-only
"""The disk of a Debian host that boots by BIOS, GRUB and Debian's own Xen, and
commands in its root while it is off."""

from pathlib import Path

from . import hostroot, paths
from .apt import Apt
from .cache import Cache, hash_file, hash_files, key_of
from .ui import output_of, run_logged

HOST = paths.LAB / "host-files"


def namespaced(image: Path, directory: Path, command: str) -> list[str]:
    """To run a command in the root of an image, with the files of a directory
    in /run/packages; its mounts are in a namespace of its own."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
            "sh", str(HOST / "chroot.sh"), str(image), str(directory), command]


def run(image: Path, directory: Path, command: str, log: Path,
        what: str) -> None:
    run_logged(what, namespaced(image, directory, command), log)


def output(image: Path, directory: Path, command: str) -> str:
    return output_of(namespaced(image, directory, command))


def disk(apt: Apt, cache: Cache, kernel: str, xen: str) -> Path:
    """Of hostroot's image one that boots, with nothing of the project's."""
    apt.install(["mount"])
    files = [HOST / name for name in
             ("chroot.sh", "setup.sh", "agent", "agent.service")]
    inputs = {"root": key_of(hostroot.inputs_of(apt, kernel, xen)),
              "code": hash_file(Path(__file__)),
              **hash_files(files, paths.LAB)}

    def build(directory: Path) -> None:
        image = directory / "disk.img"
        copy(hostroot.disk(apt, cache, kernel, xen), image)
        run(image, HOST, "sh -eu /run/packages/setup.sh",
            cache.logs() / "host-image.log", "making it boot by GRUB")

    return cache.get(f"host-disk-{kernel}-{xen}", inputs, build) / "disk.img"


def copy(source: Path, target: Path) -> None:
    """Most of an image is holes."""
    output_of(["cp", "--sparse=always", str(source), str(target)])
