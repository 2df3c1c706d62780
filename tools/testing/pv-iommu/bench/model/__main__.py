# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m bench.model [--document]: what real hardware would do to the
driver, predicted.  Tables, CSV and a plot go to the cache; with --document the
page in Documentation/ gets them, too."""

import shutil
import sys

from lab.build import Parts
from lab.ui import LabError, say

from ..report import TOOLS
from . import page, plot, tables


def main() -> int:
    if sys.argv[1:] not in ([], ["--document"]):
        say("usage: python3 -m bench.model [--document]")
        return 2
    try:
        run("--document" in sys.argv)
    except (LabError, OSError) as err:
        say(f"model: {err}")
        return 1
    return 0


def run(document: bool) -> None:
    parts = Parts()
    parts.apt.install(TOOLS)
    out = parts.cache.root / "model"
    out.mkdir(parents=True, exist_ok=True)
    found = tables.fragments()
    text = "\n".join(f"{name}:\n\n{table}" for name, table in found.items())
    (out / "summary.txt").write_text(text)
    (out / "predictions.csv").write_text(tables.csv_text())
    svg = plot.write(out)
    if document:
        page.PAGE.write_text(page.replaced(page.PAGE.read_text(), found))
        shutil.copyfile(svg, page.PLOT)
    print(text)
    print(f"Tables, CSV and plot: {out}")


if __name__ == "__main__":
    sys.exit(main())
