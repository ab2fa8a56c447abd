"""What a store of linked records holds, in numbers that tell of no child."""

from __future__ import annotations

import narwhals as nw

from fingerpost.engines._shared import collected, int64
from fingerpost.records.declarations import TABLES
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.store import Store


def described(store: Store) -> list[tuple[str, str, str, str, str]]:
    """Return (table, rows, children, first, last) of each table as text, in the standard's order.

    first, last: the academic years that it covers, or the years of what it tells; empty where it
    has no such column. Raises Malformed as `Store.frame` does.
    """
    return [row(store, name) for name in store.tables]


def row(store: Store, name: str) -> tuple[str, str, str, str, str]:
    """Return the line of one table."""
    spec = TABLES[name]
    wanted = [int64(nw.len()).alias("rows")]
    if spec.of_children:
        own = HOSPITAL_ID if store.by_hospital(name) else "child_id"
        wanted.append(int64(nw.col(own).n_unique()).alias("children"))
    known = spec.checks.known
    when: nw.Expr | None = None
    if "academic_year" in spec.columns:
        when = nw.col("academic_year")
    elif isinstance(known, str) and known:
        when = nw.col(known).dt.year().cast(nw.Int64)
    if when is not None:
        wanted += [when.min().alias("first"), when.max().alias("last")]
    found = collected(store.unlinked(name).select(*wanted), name).row(0, named=True)
    children, first, last = (
        shown(found.get(key), grouped=key == "children") for key in ("children", "first", "last")
    )
    return name, shown(found["rows"], grouped=True), children, first, last


def shown(value: int | None, *, grouped: bool) -> str:
    """Return a number as text, its thousands apart where `grouped`; empty where there is none."""
    if value is None:
        return ""
    return f"{value:,}" if grouped else str(value)
