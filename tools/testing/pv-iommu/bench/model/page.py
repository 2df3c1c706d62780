# SPDX-License-Identifier: GPL-2.0-only
"""The page of the documentation, whose tables are the model's."""

import re

from lab import paths
from lab.ui import LabError

PAGE = paths.TREE / "Documentation/pv-iommu/latency.rst"
PLOT = PAGE.with_suffix(".svg")


def replaced(text: str, tables: dict[str, str]) -> str:
    """The text with these tables instead of those that it has."""
    for name, table in tables.items():
        places = list(re.finditer(
            rf"(?<=^\.\. table {name}\n\n).*?(?=^\.\. end {name}$)", text,
            re.M | re.S))
        if len(places) != 1:
            raise LabError(f"{PAGE.name} has {len(places)} places for the "
                           f"table '{name}'")
        start, end = places[0].span()
        text = f"{text[:start]}{table}\n{text[end:]}"
    return text
