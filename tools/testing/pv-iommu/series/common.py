# SPDX-License-Identifier: GPL-2.0-only
"""What the files of this directory share."""


class Failure(Exception):
    """The series cannot be made; the text says why."""


def replace_once(text, what, by, name):
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


def insert_before(text, anchor, new, name):
    """Put lines in front of a line that must be there exactly once."""
    return replace_once(text, "\n" + anchor, "\n" + new + anchor, name)
