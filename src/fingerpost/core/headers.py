"""Whether a table can be the one that a study was written for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fingerpost.core.errors import Malformed, listed

SHOWN = 5


def refuse_strange(named: Iterable[str], columns: Sequence[str]) -> None:
    """Raise Malformed where not one column that a study names is among a table's columns.

    No column of the table is told: where a file has no header they are a child's values.
    """
    asked = list(dict.fromkeys(named))
    if not asked or any(name in columns for name in asked):
        return
    words = [f'"{name}"' for name in asked]
    shown = listed(words) if len(words) <= SHOWN else f"{', '.join(words[:SHOWN])} …"
    raise Malformed(
        f"records: of the {len(asked)} columns that the study names ({shown}), none is among the "
        f"{len(columns)} of the records. Name the table that holds them; the first line of a CSV "
        "is the names of its columns."
    )
