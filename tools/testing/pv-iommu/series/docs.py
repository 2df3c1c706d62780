# SPDX-License-Identifier: GPL-2.0-only
"""The project's documentation, as it is in a kernel tree.

Most of the text is the same.  What is about the module for a stock kernel is
replaced, section by section, by what text/*.rst says.
"""

import re
from collections.abc import Callable
from pathlib import Path

from common import Failure, replace_once

# The text of a file in text/.
Fragment = Callable[[str], str]

ADMIN = "Documentation/admin-guide/xen-pv-iommu.rst"
API = "Documentation/driver-api/xen-pv-iommu"
ABI = "Documentation/ABI/testing/debugfs-xen-pv-iommu"

# None of this means anything in a kernel tree.
FOREIGN = re.compile(r"reference hypervisor|compat|tools/testing/pv-iommu|"
                     r"Debian|make install|initramfs-tools|this project")

HYPERVISOR_REFUSES = re.compile(r"the reference hypervisor\s+refuses them")


def section_at(text: str, title: str, name: str) -> tuple[int, int]:
    """(start, end) of a section, with its subsections."""
    head = re.search(rf"^{re.escape(title)}\n(=+|-+)\n", text, re.M)
    if not head:
        raise Failure(f"{name}: no section '{title}'")
    same_or_above = "[=]{3,}" if head[1][0] == "=" else "(?:[=]{3,}|[-]{3,})"
    following = re.compile(rf"^(?!\.\. )\S.*\n{same_or_above}\n", re.M)
    end = following.search(text, head.end())
    return head.start(), end.start() if end else len(text)


def replace_section(text: str, title: str, by: str, name: str) -> str:
    start, end = section_at(text, title, name)
    return text[:start] + by.strip("\n") + "\n\n" + text[end:].lstrip("\n")


def drop_row(text: str, first: str, name: str) -> str:
    """A row of a simple table, which may go on in indented lines."""
    return replace_once(text, re.compile(
        rf"^{re.escape(first)} .*\n(?: .*\n)*", re.M), "", name)


def new_title(text: str, old: str, new: str, name: str) -> str:
    return replace_once(text, re.compile(
        rf"^=+\n{re.escape(old)}\n=+\n", re.M),
        f"{'=' * len(new)}\n{new}\n{'=' * len(new)}\n", name)


def check(text: str, name: str) -> str:
    found = FOREIGN.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise Failure(f"{name}:{line}: '{found[0]}' means nothing in a kernel "
                      "tree; reword it, or see to it in docs.py")
    return text.rstrip("\n") + "\n"


def admin_guide(source: Path, fragment: Fragment) -> str:
    name = "admin-guide.rst"
    text = (source / name).read_text()
    text = new_title(text, "Administrator guide", "Xen PV-IOMMU for dom0", name)
    text = replace_section(text, "What it needs", fragment("needs.rst"), name)
    text = replace_section(text, "Loading it", fragment("switch.rst"), name)
    return check(text, name)


def abi(source: Path) -> str:
    name = "abi.rst"
    text = (source / name).read_text()
    text = HYPERVISOR_REFUSES.sub("a hypervisor without them refuses", text)
    return check(text, name)


def design(source: Path, fragment: Fragment, kunit: bool) -> str:
    name = "design.rst"
    text = (source / name).read_text()
    text = drop_row(text, "compat", name)
    text = replace_section(text, "The DMA API in a PV dom0",
                           fragment("dma.rst"), name)
    text = check(text, name) + "\n" + fragment("reference.rst")
    if kunit:
        text += "\n" + fragment("kunit.rst")
    return text


def debugfs(fragment: Fragment, stats: str, version: str, date: str) -> str:
    """The file of counters; every counter has to be described."""
    text = fragment("debugfs-xen-pv-iommu")
    text = text.replace("@VERSION@", version).replace("@DATE@", date)
    for counter in re.findall(r'\]\s*= "(\w+)",', stats):
        if not re.search(rf"^\t\t{counter}\b", text, re.M):
            raise Failure(f"text/debugfs-xen-pv-iommu: counter '{counter}' of "
                          "stats.c is not described")
    for counter in re.findall(r"^\t\t(\w+)  ", text, re.M):
        if f'"{counter}"' not in stats:
            raise Failure("text/debugfs-xen-pv-iommu: there is no counter "
                          f"'{counter}'")
    return text


def all_pages(source: Path, fragment: Fragment, stats: str, kunit: bool,
              version: str, date: str) -> dict[str, str]:
    """path in the kernel tree -> text"""
    return {
        ADMIN: admin_guide(source, fragment),
        f"{API}/index.rst": fragment("index.rst"),
        f"{API}/abi.rst": abi(source),
        f"{API}/design.rst": design(source, fragment, kunit),
        ABI: debugfs(fragment, stats, version, date),
    }
