# SPDX-License-Identifier: GPL-2.0-only
"""What the files of this directory share."""

import re


class Failure(Exception):
    """The series cannot be made; the text says why."""


def replace_once(text: str, what: str | re.Pattern[str], by: str,
                 name: str) -> str:
    """Replace a text or a pattern that must be there exactly once."""
    if isinstance(what, str):
        count = text.count(what)
        made = text.replace(what, by)
        what_text = what.strip().split("\n")[0]
    else:
        made, count = what.subn(by, text)
        what_text = what.pattern
    if count != 1:
        raise Failure(f"{name}: '{what_text}' is there {count} times, not once")
    return made


def insert_before(text: str, anchor: str, new: str, name: str) -> str:
    """Put lines in front of a line that must be there exactly once."""
    return replace_once(text, "\n" + anchor, "\n" + new + anchor, name)
