#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ibt.py OBJECT...: which functions may be called by address, and must not be?

With CET-IBT a processor lets an indirect call arrive at an ENDBR64 only, and
else Xen crashes.  The compiler puts one where the source says cf_check, and
does not mind where it is forgotten; nor does QEMU, which has no IBT.  So this
looks at what was built: whatever has its address taken has to begin with one.
Prints those that do not, and ends with status 1 if there are any.
"""

import re
import subprocess
import sys

# Sections that name places in code, but not to call them.
NO_CALLS = (".debug", ".eh_frame", ".bug_frames", ".ex_table", ".altinst")

SYMBOL = re.compile(r"([0-9a-f]+) .{6}F (\S+)\t[0-9a-f]+ (?:\.hidden )?(\S+)$")
RELOCATION = re.compile(r"[0-9a-f]+:? +R_X86_64_(\w+)\s+([^\s+-]+)"
                        r"(?:([+-])0x([0-9a-f]+))?$")
JUMP = re.compile(r"\t(?:call|j[a-z]+)\b")

# Of an instruction that refers to a place by its distance, the displacement
# is the last thing: the place is this much behind what the relocation says.
DISPLACEMENT = 4


def objdump(flags: str, path: str) -> list[str]:
    return subprocess.run(["objdump", flags, path], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def functions(path: str) -> dict[tuple[str, int], str]:
    """(section, offset) and (name, 0) of each function -> its name."""
    found = {}
    for match in filter(None, map(SYMBOL.match, objdump("-t", path))):
        found[match[2], int(match[1], 16)] = found[match[3], 0] = match[3]
    return found


def target(line: str) -> tuple[str, int] | None:
    """What a relocation refers to, if there is one at the end of a line."""
    match = RELOCATION.search(line)
    if not match:
        return None
    offset = int((match[3] or "") + (match[4] or "0"), 16)
    return match[2], offset + DISPLACEMENT * match[1].startswith("P")


def taken(path: str, code: list[str]) -> set[tuple[str, int]]:
    """All places that data, or code without jumping there, refer to."""
    found = {target(line) for line in code if not JUMP.search(line)}
    section = ""
    for line in objdump("-r", path):
        if line.startswith("RELOCATION RECORDS FOR"):
            section = line.split("[")[1].rstrip("]:")
        elif not section.startswith((".text", ".init.text") + NO_CALLS):
            found.add(target(line))
    return {place for place in found if place}


def landing(code: list[str]) -> set[str]:
    """The functions that begin with ENDBR64."""
    return {re.sub(r".*<(\S+)>:$", r"\1", name)
            for name, first in zip(code, code[1:])
            if name.endswith(">:") and "\tendbr64" in first}


def wrong(path: str) -> list[str]:
    code = objdump("-drw", path)
    known = functions(path)
    called = {known[place] for place in taken(path, code) if place in known}
    return sorted(called - landing(code))


def main() -> int:
    if len(sys.argv) < 2:
        print("there is no object to look at")
        return 1
    found = [f"{path}: {name}() is called by address and not cf_check"
             for path in sys.argv[1:] for name in wrong(path)]
    print("\n".join(found), end="\n" * bool(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
