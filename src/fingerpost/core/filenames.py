"""Names that every system can give to a file or folder."""

from __future__ import annotations

import re

# Windows keeps these for itself, whatever the case and the ending.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
# Signs that no name may hold on Windows; nor may it end in a space or a point.
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
LONGEST = 255


def nameable(name: str) -> bool:
    """Return whether a file can be called so on Linux, macOS and Windows.

    >>> [nameable(name) for name in ("cleft.csv", "con", "NUL.txt", "a:b", "end.", "")]
    [True, False, False, False, False, False]
    """
    return (
        0 < len(name.encode()) <= LONGEST
        and RESERVED.fullmatch(name) is None
        and FORBIDDEN.search(name) is None
        and name[-1] not in " ."
    )
