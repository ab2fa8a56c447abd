"""People of identifiers held against the tables of the records: a link leads from one of these to
the other, and pseudonyms of another kind lead nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw

from fingerpost.core.errors import Malformed
from fingerpost.linkage.identifiers import SIDES, Notice, identifier_files
from fingerpost.linkage.people import People
from fingerpost.records.declarations import TABLES
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.store import Store, open_store, tables_in

CHILD = "child_id"
WHERE = {"hospital": "no hospital table", "education": "no row of the table child"}


def strangers(people: People, records: Path) -> tuple[Notice, ...]:
    """Return how many people of each side no table of the records holds, as notices.

    Identifiers are compared as text, as spines have them. Of records without tables, or without
    those of a side, nothing can be told. Raises Malformed where nobody of a side is in them.
    """
    if not set(tables_in(records)) & set(TABLES):
        return ()
    store = open_store(records)
    held = {"hospital": hospital_ids(store), "education": child_ids(store)}
    found, faults = [], []
    for at, (side, file) in enumerate(zip(SIDES, identifier_files(records), strict=True)):
        many = missing(people.names(at), held[side])
        if many and many == people.count[at]:
            faults.append(
                f"link: {file.name}, person: none of the {many:,} people is in the records "
                f"({WHERE[side]} names one). Are they pseudonyms of the same kind, written alike "
                "(0100 is not 100), and is each file of its own side?"
            )
        elif many:
            said = f"people: {WHERE[side]} names them, so that links to them bring nothing"
            found.append(Notice(file.name, "person", "not in records", many, said))
    if faults:
        raise Malformed(faults)
    return tuple(found)


def child_ids(store: Store) -> list[Any]:
    """Return the identifiers of children in the table of children, as Arrow arrays of text."""
    return [texts(store, "child", CHILD)] if store.has("child") else []


def hospital_ids(store: Store) -> list[Any]:
    """Return the identifiers that hospitals alone have, of each of their tables."""
    return [texts(store, name, HOSPITAL_ID) for name in store.tables if store.by_hospital(name)]


def texts(store: Store, table: str, column: str) -> Any:
    """Return the distinct values of a column of a table as an Arrow array of text."""
    frame = store.raw(table).select(nw.col(column).cast(nw.String)).unique()
    return frame.collect("pyarrow")[column].to_arrow()


def missing(names: Any, held: list[Any]) -> int:
    """Return how many of some identifiers are in none of the arrays; 0 where there is no array."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not held:
        return 0
    known = pa.chunked_array([one.cast(pa.string()) for one in held])
    inside = pc.is_in(names.cast(pa.string()), value_set=known)
    return len(names) - int(pc.sum(inside).as_py() or 0)
