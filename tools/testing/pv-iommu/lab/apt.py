# SPDX-License-Identifier: GPL-2.0-only
"""Debian's packages: installed, downloaded, or as source."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from .cache import Cache, hash_file
from .ui import LabError, output_of, run_logged

RELEASE = "bookworm"

# of a package: field -> value
Record = dict[str, str]

# options, uri, suite, components
Line = tuple[str, str, str, list[str]]


def check_machine() -> None:
    """The lab installs packages: that takes root on Debian bookworm."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        text = ""
    if f"VERSION_CODENAME={RELEASE}" not in text:
        raise LabError("the lab runs on Debian 12 (bookworm); "
                       "/etc/os-release does not say that this is one")
    if os.uname().machine != "x86_64":
        raise LabError("the lab needs an x86-64 machine")


def missing(packages: Iterable[str]) -> list[str]:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n",
         *packages], capture_output=True, text=True)
    have = {line.split()[0] for line in done.stdout.splitlines()
            if line.endswith(" installed")}
    return [name for name in packages if name not in have]


class Apt:
    """apt as the machine has it."""

    lists = "the package lists"
    suite = RELEASE
    options: Sequence[str] = ()

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.log = cache.logs() / "apt.log"
        self.updated = False

    def update(self) -> None:
        if self.updated:
            return
        run_logged(f"reading {self.lists}",
                   ["apt-get", *self.options, "update"], self.log, timeout=600)
        self.updated = True

    def install(self, packages: Iterable[str]) -> None:
        wanted = missing(packages)
        if not wanted:
            return
        check_machine()
        if os.geteuid():
            raise LabError("these packages are missing and only root can "
                           f"install them: {' '.join(wanted)}")
        # headers bring their kernel along, which nobody will boot
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", INITRD="No")
        # another of the machine's, an upgrade by itself maybe, may be at it
        argv = ["apt-get", "install", "-y", "--no-install-recommends",
                "-o", "DPkg::Lock::Timeout=600", *wanted]
        name = f"installing {' '.join(wanted)}"
        try:
            run_logged(name, argv, self.log, env=env)
        except LabError:
            self.update()
            run_logged(name, argv, self.log, env=env)

    def candidates(self, packages: Iterable[str]) -> dict[str, Record]:
        """The records of the versions that apt would install."""
        wanted = sorted(packages)
        argv = ["apt-cache", *self.options, "show", "--no-all-versions",
                *wanted]
        try:
            text = output_of(argv)
        except LabError:
            self.update()
            text = output_of(argv)
        found: dict[str, Record] = {}
        for stanza in text.split("\n\n"):
            record = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.M))
            if record.get("Package") in wanted and "SHA256" in record:
                found.setdefault(record["Package"], record)
        for package in wanted:
            if package not in found:
                raise LabError(f"apt knows no downloadable package {package}")
        return found

    def candidate(self, package: str) -> Record:
        return self.candidates([package])[package]

    def with_depends(self, packages: Sequence[str],
                     without: Collection[str]) -> dict[str, Record]:
        """The records of packages and of all that they depend on, without
        some and what only those depend on."""
        text = output_of(["apt-cache", *self.options, "depends", "--recurse",
                          "--important", *packages])
        depends = depends_in(text)
        found: set[str] = set()
        todo = set(packages)
        while todo:
            found |= todo
            todo = {name for package in todo
                    for name in depends.get(package, [])} - found
            todo -= set(without)
        return self.candidates(found)

    def fetch(self, records: Iterable[Record], directory: Path) -> list[Path]:
        """Download packages that are not to be installed, as the package
        index describes them."""
        wanted = list(records)
        names = [record["Package"] for record in wanted]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        run_logged(f"downloading {names[0]}{more}",
                   ["apt-get", *self.options, "-o", "APT::Sandbox::User=root",
                    "download", *[f"{record['Package']}={record['Version']}"
                                  for record in wanted]],
                   self.log, cwd=directory)
        debs = {hash_file(deb): deb for deb in directory.glob("*.deb")}
        for record in wanted:
            if record["SHA256"] not in debs:
                raise LabError(f"apt-get download {record['Package']} left no "
                               f"file with sha256 {record['SHA256']}, as the "
                               "package index says")
        return [debs[record["SHA256"]] for record in wanted]

    def download(self, package: str, version: str, sha256: str) -> Path:
        """A .deb that is not to be installed, as a cache entry's file."""
        inputs = {"package": package, "version": version, "sha256": sha256}

        def build(directory: Path) -> None:
            self.fetch([{"Package": package, "Version": version,
                         "SHA256": sha256}], directory)

        entry = self.cache.get(f"deb-{package}", inputs, build)
        return next(entry.glob("*.deb"))


def depends_in(text: str) -> dict[str, list[str]]:
    """What "apt-cache depends" says: package -> those it depends on, of
    alternatives the first."""
    depends: dict[str, list[str]] = {}
    of: list[str] = []
    other = False
    for line in text.splitlines():
        match = re.match(r" ([ |])(?:Pre)?Depends: ([^\s:<]+)", line)
        if match:
            if not other:
                of.append(match[2])
            other = match[1] == "|"
        elif not line.startswith(" "):
            of = depends.setdefault(line.partition(":")[0], [])
            other = False
    return depends


def unpack(deb: Path, directory: Path) -> None:
    output_of(["dpkg", "-x", str(deb), str(directory)])


def machine_sources(root: Path = Path("/etc/apt")) -> list[Line]:
    """The machine's own binary sources."""
    found: list[Line] = []
    files = [root / "sources.list",
             *sorted((root / "sources.list.d").glob("*"))]
    for path in files:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".list":
            found += _one_line(text)
        elif path.suffix == ".sources":
            found += _deb822(text)
    return found


def _one_line(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*)",
                         line.split("#")[0].strip())
        if match:
            yield (match[1] or "", match[2], match[3], match[4].split())


def _deb822(text: str) -> Iterator[Line]:
    text = "\n".join(line for line in text.splitlines()
                     if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = None
        for line in stanza.splitlines():
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif match := re.match(r"([A-Za-z0-9-]+):\s*(.*)", line):
                name = match[1].lower()
                fields[name] = match[2]
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        options = []
        for field in ("signed-by", "trusted", "check-valid-until"):
            # a key block in the stanza itself has no one-line form
            if field in fields and " " not in fields[field].strip():
                options.append(f"{field}={fields[field].strip()}")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield (" ".join(options), uri, suite,
                       fields.get("components", "").split())


def private_lines(sources: Iterable[Line], kind: str,
                  suite: str) -> list[str]:
    """Lines of one kind for main of a suite, from the machine's own mirrors."""
    lines: list[str] = []
    for options, uri, has, components in sources:
        if has == RELEASE and "main" in components:
            options = f"[{options}] " if options else ""
            line = f"{kind} {options}{uri} {suite} main"
            if line not in lines:
                lines.append(line)
    return lines


class PrivateApt(Apt):
    """apt with a private list of sources; the machine's own stays as it is.

    kind is deb or deb-src, suite a release of Debian.
    """

    def __init__(self, cache: Cache, kind: str, suite: str) -> None:
        super().__init__(cache)
        self.suite = suite
        self.lists = f"the {kind} lists of {suite}"
        self.root = cache.root / f"apt-{kind}-{suite}"
        lines = private_lines(machine_sources(), kind, suite)
        if not lines:
            raise LabError(f"no apt source of this machine offers "
                           f"{RELEASE}/main, so the mirror to take packages "
                           "from is unknown")
        (self.root / "lists/partial").mkdir(parents=True, exist_ok=True)
        listing = self.root / "sources.list"
        listing.write_text("\n".join(lines) + "\n")
        self.options = ["-o", f"Dir::Etc::sourcelist={listing}",
                        "-o", "Dir::Etc::sourceparts=-",
                        "-o", f"Dir::State::Lists={self.root / 'lists'}",
                        "-o", "Dir::Cache::pkgcache=",
                        "-o", "Dir::Cache::srcpkgcache=",
                        "-o", "APT::Sandbox::User=root",
                        "-o", "Acquire::Retries=3"]

    def update(self) -> None:
        if not self.updated:
            shutil.rmtree(self.root / "lists", ignore_errors=True)
            (self.root / "lists/partial").mkdir(parents=True)
        super().update()

    def _hashes(self, name: str, version: str) -> dict[str, str]:
        text = output_of(["apt-get", *self.options, "--print-uris",
                          "--only-source", "source", f"{name}={version}"])
        return dict(re.findall(r"^'\S+' (\S+) \d+ SHA256:([0-9a-f]{64})$",
                               text, re.M))

    def fetch_source(self, name: str, version: str, pinned: dict[str, str],
                     directory: Path) -> None:
        """Download a source package whose files have the pinned hashes."""
        self.update()
        try:
            listed = self._hashes(name, version)
        except LabError as err:
            raise LabError(f"{self.suite}/main has no source package {name} "
                           f"{version}: {err}") from err
        for file, digest in pinned.items():
            if listed.get(file) != digest:
                raise LabError(
                    f"{file}: the signed index of {self.suite} says sha256 "
                    f"{listed.get(file, '(no such file)')}, the lab expects "
                    f"{digest}")
        run_logged(f"downloading the source of {name} {version}",
                   ["apt-get", *self.options, "--download-only",
                    "--only-source", "source", f"{name}={version}"],
                   self.log, cwd=directory)
        for file, digest in pinned.items():
            got = hash_file(directory / file)
            if got != digest:
                raise LabError(f"{file} arrived with sha256 {got} instead of "
                               f"{digest}")
