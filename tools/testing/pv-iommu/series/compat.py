# SPDX-License-Identifier: GPL-2.0-only
"""Take the compat layer out of the driver's sources, for one kernel tree.

What the kernel has is found out the way compat.mk does it, by its own probes.
Conditionals about that are resolved, calls of xpi_compat_*() go away, and op
tables of another shape are put where they belong.
"""

import re
import subprocess
from pathlib import Path

from common import Failure, replace_once

# In a tree the driver relies on these; a kernel without is too old.
NEEDED = ("XPI_HAVE_DIRECT_DMA_IOMMU", "XPI_HAVE_DOMAIN_ALLOC_PAGING")

PROBE = re.compile(r"xpi-grep,(XPI_\w+),([^,]+),(.*)\)$", re.M)
OURS = re.compile(r"\bXPI_(?:HAVE|COMPAT)_\w+")
LEFT = re.compile(r"XPI_COMPAT|XPI_HAVE|xpi_compat|\bcompat_\w+|compat[-.]\w+")


class Compat:
    def __init__(self, driver: Path, tree: Path) -> None:
        self.driver = driver
        self.macros = probe(driver / "compat.mk", tree)
        self.has_obj = "#define kzalloc_obj(" in \
            (tree / "include/linux/slab.h").read_text()
        for name in NEEDED:
            if name not in self.macros:
                raise Failure(f"{tree} is too old for the driver in the tree: "
                              f"no {name}, see compat.mk")
        header = (driver / "compat.h").read_text()
        for line in resolve(header, self.macros, "compat.h").splitlines():
            define = re.match(r"#define (XPI_COMPAT_OPS)\b", line)
            if define:
                self.macros.add(define[1])

    def strip(self, text: str, name: str) -> str:
        """A source file as it is in this tree."""
        text = resolve(text, self.macros, name)
        if '#include "compat-ops.h"' in text:
            text = self._older_ops(text, name)
        if "XPI_HAVE_DMA_MAP_PHYS" not in self.macros:
            text = older_map(text)
        text = text.replace('#include "compat.h"\n', "")
        text = drop_calls(text)
        if self.has_obj:
            text = typed_alloc(text)
        text = re.sub(r"\n{3,}", "\n\n", text)
        if "use_dma_iommu(" in text:
            text = add_include(text, "linux/iommu-dma.h", name)
        left = LEFT.search(text)
        if left:
            raise Failure(f"{name}: '{left[0]}' remains of the compat layer")
        return text

    def _older_ops(self, text: str, name: str) -> str:
        """6.12: attach_dev() is not told the old domain."""
        ops = (self.driver / "compat-ops.h").read_text()
        ops = resolve(ops, self.macros, "compat-ops.h")
        ops = ops[ops.index("*/\n", ops.index("\n")) + 3:].strip("\n")
        if "XPI_HAVE_ATTACH_OLD" in self.macros:
            return replace_once(text, '#include "compat-ops.h"', ops, name)
        text = replace_once(text, '#include "compat-ops.h"', ops, name)
        for what in re.findall(r"^static int compat_(attach_\w+)\(", ops, re.M):
            text = replace_once(text, re.compile(
                rf"static int compat_{what}\(.*?^}}\n\n?", re.S | re.M), "",
                name)
            text = replace_once(text, f"compat_{what}", f"xpi_{what}", name)
            text = replace_once(text, re.compile(
                rf"(xpi_{what}\(struct iommu_domain \*domain,\s*"
                r"struct device \*dev),\s*struct iommu_domain \*old\)"),
                r"\1)", name)
        return text


def probe(makefile: Path, tree: Path) -> set[str]:
    """The macros that compat.mk would define for this kernel."""
    probes = PROBE.findall(makefile.read_text())
    if not probes:
        raise Failure(f"{makefile}: no probes found")
    return {macro for macro, header, pattern in probes if subprocess.run(
        ["grep", "-sq", pattern.replace("$$", "$"),
         str(tree / "include/linux" / header)],
        check=False).returncode == 0}


def resolve(text: str, macros: set[str], name: str) -> str:
    """Conditionals on our macros, resolved; all others stay."""
    words = sorted(set(OURS.findall(text)))
    if not words:
        return text
    done = subprocess.run(
        ["unifdef", *(f"-{'D' if word in macros else 'U'}{word}"
                      for word in words)],
        input=text, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):       # nothing or something to do
        raise Failure(f"{name}: {done.stderr.strip()}")
    return done.stdout


def older_map(text: str) -> str:
    """6.12: a mapping of the DMA API begins with a page."""
    text = re.sub(r"(\w+)_map_phys\((struct device \*dev), phys_addr_t phys,"
                  r"(\s+)size_t size, (enum dma_data_direction dir,)",
                  r"\1_map_page(\2, struct page *page,"
                  r"\3unsigned long offset, size_t size,\3\4", text)
    return re.sub(r"\.map_phys = (\w+)_map_phys;", r".map_page = \1_map_page;",
                  text)


def drop_calls(text: str) -> str:
    """Lines that only call xpi_compat_*(); braces that held two lines."""
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        if not re.match(r"\t+xpi_compat_\w+\([^;]*\);$", lines[i]):
            i += 1
            continue
        del lines[i]
        for start in (i - 1, i - 2):
            if is_block_of_one(lines, start):
                lines[start] = lines[start][:-2]
                del lines[start + 2]
                break
    return "\n".join(lines)


def is_block_of_one(lines: list[str], start: int) -> bool:
    """if (...) { / one statement of one line / }"""
    if start < 0 or start + 2 >= len(lines):
        return False
    head, body, end = lines[start:start + 3]
    indent = head[:len(head) - len(head.lstrip("\t"))]
    return (re.match(r"\t+(if|for|while) \(.*\) \{$", head) is not None and
            body.startswith(indent + "\t") and body.endswith(";") and
            not body.startswith(indent + "\t\t") and end == indent + "}")


def typed_alloc(text: str) -> str:
    """kzalloc(sizeof(*p), GFP_KERNEL) is kzalloc_obj(*p) in newer kernels."""
    text = re.sub(r"\b(kv?)zalloc\(sizeof\((\*[\w>-]+)\),\s+GFP_KERNEL\)",
                  r"\1zalloc_obj(\2)", text)
    return re.sub(r"\b(kv?)calloc\((\w+),\s+sizeof\((\*[\w>-]+)\),"
                  r"\s+GFP_KERNEL\)", r"\1zalloc_objs(\3, \2)", text)


def add_include(text: str, header: str, name: str) -> str:
    """#include <header>, in its place among the other <linux/...>."""
    new = f"#include <{header}>\n"
    if new in text:
        return text
    found = list(re.finditer(r"^#include <linux/.*>\n", text, re.M))
    if not found:
        raise Failure(f"{name}: no place for {new.strip()}")
    for match in found:
        if match[0] > new:
            return text[:match.start()] + new + text[match.start():]
    return text[:found[-1].end()] + new + text[found[-1].end():]
