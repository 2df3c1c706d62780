# SPDX-License-Identifier: GPL-2.0-only
"""The lab's command line; the Makefile's targets call it."""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import report as bench_report
from bench import run as bench_run

from . import (boots, coverage, header, host, hostroot, htmldocs, kernels,
               mutants, packages, paths, report)
from .build import Parts
from .header import Scenario
from .initramfs import PROGRAMS
from .qemu import Qemu
from .runner import Runner
from .session import Narrator, Result
from .ui import LabError, say

# Machines and host scenarios at the same time: two, as there are two CPUs.
JOBS = 2
# where "make check" runs the core list, beside all on the default one
CORE_KERNELS = ("6.1", "7.2-debug")
# where "make check-all" runs every scenario once; not 7.2-rt, which does not
# get to its init as a PV dom0
ALL_KERNELS = ("6.1", "7.2-debug", "7.2-module")
# and where it runs the core list
PLAIN = "7.2"
# what "make coverage" runs beside the core list: the tests that are skipped on
# Xen, and what a module alone can do
GCOV, GCOV_MODULE = "7.2-gcov", "7.2-gcov-module"
COVER = (f"kunit-boot@bare/{GCOV}", f"life-reload@vtd/{GCOV_MODULE}",
         f"life-load-late@vtd/{GCOV_MODULE}", f"fallback@strict/{GCOV_MODULE}",
         f"fallback@linux-passthrough/{GCOV_MODULE}")


def cmd_list(args: Namespace) -> int:
    width = 0
    rows: dict[str, str] = {}
    for scenario in header.load_all(args.scenarios):
        rows.setdefault(scenario.name, scenario.about)
        width = max(width, len(scenario.name))
    for name, about in rows.items():
        print(f"{name:{width}}  {about}")
    return 0


def wanted(args: Namespace) -> list[Scenario]:
    """The scenarios of this run."""
    known = header.load_all(args.scenarios)
    if args.scenario:
        known = header.select(known, args.scenario)
    if args.kernel:
        return header.all_of(known, args.kernel)
    if args.scenario:
        return known
    return leftover(known) if args.all else usual(known)


def usual(known: list[Scenario]) -> list[Scenario]:
    """What "make check" runs."""
    found = [s for s in header.of_default(known) if s.variant not in s.slow]
    for kernel in CORE_KERNELS:
        found += header.core_of(known, kernel)
    return found


def leftover(known: list[Scenario]) -> list[Scenario]:
    """What "make check-all" runs: all that "make check" leaves out."""
    found = header.of_default(known)
    for kernel in ALL_KERNELS:
        found += header.each_of(known, kernel)
    found += header.core_of(known, PLAIN)
    done = usual(known)
    return [s for s in found if s not in done]


def cmd_check(args: Namespace) -> int:
    scenarios = wanted(args)
    if args.xen:
        scenarios = [dataclasses.replace(scenario, xen=args.xen)
                     for scenario in scenarios]
    full = args.verbose or args.shell or len(scenarios) == 1
    results = run_all(Parts(), scenarios, 1 if args.shell else args.jobs,
                      not args.no_driver,
                      report.verbose if full else report.silent, args.shell)
    for line in report.skips(results):
        print(line)
    print(report.summary(results))
    return 0 if all(result.verdict == "pass" for result in results) else 1


def run_all(parts: Parts, scenarios: list[Scenario], jobs: int = JOBS,
            driver: bool = True, narrator: Narrator = report.silent,
            shell: bool = False) -> list[Result]:
    run_dir = report.new_run_dir(parts.cache.root)
    say(f"logs of this run: {run_dir}")
    began = time.monotonic()
    missing = prepare(parts, scenarios, driver)
    prepared = time.monotonic() - began

    def done(result: Result) -> None:
        report.save(result)
        print(report.describe(result), flush=True)

    runner = Runner(parts, run_dir, narrator, done, driver, shell)
    with ThreadPoolExecutor(jobs) as pool:
        found = [pool.submit(work)
                 for work in work_of(runner, scenarios, missing)]
    results = [result for each in found for result in each.result()]
    for why in runner.lost.why:
        print(f"a boot was repeated: {why}")
    runner.timings.save()
    report.write_tap(results, run_dir / "results.tap")
    report.write_junit(results, run_dir / "results.xml")
    if source := parts.source_used():
        print(f"self-built kernels are of {source}")
    print(report.spent(prepared, results, runner.spent))
    print(f"logs, results.tap and results.xml: {run_dir}")
    return results


def work_of(runner: Runner, scenarios: list[Scenario],
            missing: dict[str, str]) -> list[Callable[[], list[Result]]]:
    """Functions that return results; what takes longest comes first."""
    work: list[tuple[float, Callable[[], list[Result]]]] = []

    def add(seconds: float, function: Callable[..., list[Result]],
            *args: object) -> None:
        work.append((seconds, lambda: function(*args)))

    def expected(scenario: Scenario) -> float:
        return runner.timings.usual(scenario.id) or 20

    for scenario in scenarios:
        if scenario.where == "host":
            add(expected(scenario), lambda s: [runner.on_host(s)], scenario)
        elif why := without(scenario, missing):
            add(0, lambda s, w: [runner.tell(runner.failed(s, w))], scenario,
                why)
    for boot in boots.plan(s for s in scenarios if s.where != "host"
                           and not without(s, missing)):
        add(sum(map(expected, boot.scenarios)), runner.run, boot)
    return [function for _, function in
            sorted(work, key=lambda item: -item[0])]


def without(scenario: Scenario, missing: dict[str, str]) -> str:
    """Why it cannot be booted, or nothing."""
    return missing.get(scenario.kernel) or missing.get(scenario.xen) or ""


def prepare(parts: Parts, scenarios: Iterable[Scenario],
            driver: bool) -> dict[str, str]:
    """Fetch and build before the first boot, one thing after the other.

    Returns the kernels, and the hypervisors of another release than most
    scenarios have, that could not be made: name -> why.
    """
    missing = {}
    booted = [s for s in scenarios if s.where != "host"]
    for flavour in sorted({s.xen for s in booted} - {"none"}):
        try:
            parts.xen(flavour)
        except LabError as err:
            if "-" not in flavour:
                raise
            missing[flavour] = str(err)
            say(f"lab: {err}")
    for kernel in sorted({s.kernel for s in booted}):
        try:
            parts.initramfs(kernel)
        except LabError as err:
            missing[kernel] = str(err)
            say(f"lab: {err}")
            continue
        if driver and not kernels.KINDS[kernel].builtin:
            parts.module(kernel)
        for part in sorted({p for s in booted for p in s.guest
                            if s.kernel == kernel}):
            if part in PROGRAMS:
                parts.program(part)
            else:
                parts.guest(part, kernel)
    return missing


def cmd_demo(args: Namespace) -> int:
    scenario = header.select(header.load_all(args.scenarios), ["demo"])[0]
    parts = Parts()
    prepare(parts, [scenario], True)
    run_dir = report.new_run_dir(parts.cache.root)
    print("Booting Xen and dom0 in QEMU, without hardware virtualisation: "
          "this takes a moment.", flush=True)
    result = Runner(parts, run_dir, report.narrate).run_one(scenario)
    report.save(result)
    if result.reasons:
        print("\n" + report.describe(result))
    else:
        print(f"\nAll of it held, in {result.seconds:.0f} s.")
    print(f"Console, channel and command line of this run: {result.directory}")
    return 1 if result.reasons else 0


def cmd_kdir(args: Namespace) -> int:
    print(Parts().kernel(args.kernel).headers())
    return 0


def cmd_artifacts(args: Namespace) -> int:
    parts = Parts()
    xen, module = parts.xen("ref"), parts.module(kernels.DEFAULT)
    print(f"xen={xen}")
    print(f"module={module}")
    return 0


def cmd_deb(args: Namespace) -> int:
    parts = Parts()
    for path in packages.build(parts):
        print(path)
    if args.twice and (others := packages.built_again(parts)):
        raise LabError(f"built once more they are others: {' '.join(others)}")
    return 0


def cmd_htmldocs(args: Namespace) -> int:
    parts = Parts()
    parts.apt.install(htmldocs.TOOLS)
    out = parts.cache.root / "htmldocs"
    shutil.rmtree(out, ignore_errors=True)
    warnings = htmldocs.build(paths.TREE, out)
    for line in warnings:
        say(line)
    print(out / f"{htmldocs.ROOT}.html")
    return 1 if warnings else 0


def cmd_host(args: Namespace) -> int:
    """A Debian host on a disk: installed, booted, taken back."""
    parts = Parts()
    logs = args.logs or report.new_run_dir(parts.cache.root)
    say(f"logs of this run: {logs}")
    began = time.monotonic()
    try:
        host.run_all(parts, args.kernel, logs, not args.short)
    except LabError as err:
        print(f"FAIL {err}")
        return 1
    print(f"All of it held, in {time.monotonic() - began:.0f} s.")
    return 0


def cmd_kunit(args: Namespace) -> int:
    return kernels.run_kunit(Parts().self_built(args.kernel), args.words)


def cmd_series(args: Namespace) -> int:
    parts = Parts()
    if args.build:
        parts.apt.install(["python3-sphinx"])
    linux = parts.linux_source(args.version)
    target = parts.cache.root / "series" / args.version
    code = kernels.make_series(parts.cache, linux, target, args.build)
    print(f"The patches are in {target}")
    return code


def cmd_coverage(args: Namespace) -> int:
    """KUnit as dom0 and the core list, on kernels that count."""
    known = header.load_all(args.scenarios)
    parts = Parts()
    results = run_all(parts, header.core_of(known, GCOV) +
                      header.select(known, COVER))
    enough = coverage.report(parts, (GCOV, GCOV_MODULE), results)
    return 0 if enough and not any(result.reasons for result in results) else 1


def cmd_mutants(args: Namespace) -> int:
    """Break a line at a time: the tests have to notice."""
    parts = Parts()
    parts.apt.install(mutants.TOOLS)
    run_dir = report.new_run_dir(parts.cache.root)
    return 1 if mutants.run_all(parts.cache.root, run_dir, args.mutant) else 0


# The exit status where all ran, but not as well as it ought to.
AIM_MISSED = 3


def cmd_bench(args: Namespace) -> int:
    """All configurations, measured; tables, CSV and plots of it."""
    parts = Parts()
    parts.apt.install(bench_report.TOOLS)
    scenarios = bench_run.configurations(args.configuration)
    prepare(parts, scenarios, True)
    parts.plugin()
    run_dir = report.new_run_dir(parts.cache.root)
    narrator = report.verbose if args.verbose else report.silent
    found, failed = bench_run.measure(parts, run_dir, narrator, scenarios,
                                      args.rounds)
    out = parts.cache.root / "bench" / run_dir.name
    out.mkdir(parents=True)
    (out / "runs.json").write_text(json.dumps(found, indent=1))
    print(bench_report.write(found, out))
    for result in failed:
        print(report.describe(result))
    print(f"Tables, CSV and plots: {out}; logs: {run_dir}")
    if failed:
        return 1
    return AIM_MISSED if bench_report.missed(found) else 0


def interrupted(number: int, frame: object) -> None:
    Qemu.stop_all()
    raise KeyboardInterrupt


def main() -> int:
    # What other programs print is read as they print it in English.
    os.environ["LC_ALL"] = "C.UTF-8"
    parser = argparse.ArgumentParser(prog="lab")
    parser.add_argument("--scenarios", type=Path, default=paths.SCENARIOS,
                        help="another directory of scenarios")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="run scenarios")
    check.add_argument("scenario", nargs="*", help="NAME or NAME@VARIANT")
    check.add_argument("--jobs", type=int, default=JOBS)
    check.add_argument("--kernel", choices=kernels.KINDS,
                       help="all that makes sense on this kernel")
    check.add_argument("--all", action="store_true",
                       help="what is left out without: more kernels, and "
                       "what takes long")
    check.add_argument("--verbose", action="store_true")
    check.add_argument("--shell", action="store_true",
                       help="a shell in dom0 when a scenario fails or pauses")
    check.add_argument("--no-driver", action="store_true",
                       help="run on xen-swiotlb, to compare")
    check.add_argument("--xen", choices=header.XENS,
                       help="another hypervisor than the scenario's, to try")
    check.set_defaults(work=cmd_check)
    for name, work in (("list", cmd_list), ("demo", cmd_demo),
                       ("artifacts", cmd_artifacts),
                       ("htmldocs", cmd_htmldocs)):
        commands.add_parser(name).set_defaults(work=work)
    deb = commands.add_parser("deb", help="build the Debian packages")
    deb.add_argument("--twice", action="store_true",
                     help="and once more: do they come out the same?")
    deb.set_defaults(work=cmd_deb)
    installed = commands.add_parser("host", help="a Debian host on a disk")
    installed.add_argument("--kernel", default=kernels.DEFAULT,
                           choices=hostroot.KERNELS)
    installed.add_argument("--short", action="store_true",
                           help="install and boot once only")
    installed.add_argument("--logs", type=Path, help="where they are to be")
    installed.set_defaults(work=cmd_host)
    kdir = commands.add_parser("kdir", help="where a kernel's headers are")
    kdir.add_argument("kernel", nargs="?", default=kernels.DEFAULT,
                      choices=kernels.KINDS)
    kdir.set_defaults(work=cmd_kdir)
    kunit = commands.add_parser("kunit", help="run the KUnit tests")
    kunit.add_argument("--kernel", default="7.2-debug",
                       help="a self-built kernel that has the tests")
    kunit.add_argument("words", nargs="*", help="for kunit/run.sh")
    kunit.set_defaults(work=cmd_kunit)
    series = commands.add_parser("series", help="make the patch series")
    series.add_argument("version", nargs="?", default=kernels.SOURCE,
                        choices=(kernels.SOURCE, kernels.DEFAULT))
    series.add_argument("--build", action="store_true",
                        help="build the kernel after each patch, too")
    series.set_defaults(work=cmd_series)
    bench = commands.add_parser("bench", help="measure")
    bench.add_argument("configuration", nargs="*",
                       help="a script of bench/, or a variant of them")
    bench.add_argument("--rounds", type=int, default=3)
    bench.add_argument("--verbose", action="store_true")
    bench.set_defaults(work=cmd_bench)
    broken = commands.add_parser("mutants", help="break lines; do tests fail?")
    broken.add_argument("mutant", nargs="*", help="a file of ../mutants")
    broken.set_defaults(work=cmd_mutants)
    commands.add_parser("coverage").set_defaults(work=cmd_coverage)
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        return int(args.work(args))
    except LabError as err:
        say(f"lab: {err}")
        return 2
    except KeyboardInterrupt:
        say("lab: interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
