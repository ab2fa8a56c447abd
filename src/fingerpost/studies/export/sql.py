"""Who is studied, as a T-SQL query. It has never been run on SQL Server, and says so at its head.

What cannot be written is refused, by name: a query that found other children than the study does
would be worse than none.
"""

from __future__ import annotations

from pathlib import Path

from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import UsageError
from fingerpost.core.linked import Linked
from fingerpost.core.study import Records, Study
from fingerpost.records.store import Store
from fingerpost.studies.document import resolve
from fingerpost.studies.export import linked_sql, table_sql
from fingerpost.studies.linked import spelt

QUERY = "cohort.sql"
NEVER_RUN = "never run on SQL Server"
OPTIONAL = frozenset({"death", "opt_out"})
NOT_IN_LINKED = "outcomes and covariates of linked records: the query gives who, the arm and when"


def linked_query(study: Study, store: Store | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the query of a study of linked records, and what is left out, in words.

    store: the records, where they are at hand: tables that they lack are then not asked. Raises
    UsageError with everything that cannot be written.
    """
    linked = study.linked
    if linked is None:
        raise UsageError("--to sql: the study asks one table, not linked records.")
    refuse(study, linked_sql.faults(study, linked))
    has = OPTIONAL if store is None else frozenset(one for one in OPTIONAL if store.has(one))
    left = (
        NOT_IN_LINKED,
        *(f"outcome {spec.name}: {spec.read}" for spec in spelt(study).outcomes),
    )
    return "\n".join(
        [*_head(study, left), *_reads(linked, has), "", linked_sql.query(linked, has)]
    ), left


def table_query(
    study: Study, records: Records, *, base: Path, engine: str
) -> tuple[str, tuple[str, ...]]:
    """Return the query of a study of one table, and what is left out, in words."""
    table = read_records(records, engine=engine, base=base)
    refuse(study, table_sql.faults(table))
    told = resolve(study, table.columns)
    head = [
        *_head(study, ()),
        f"-- It reads the table {table_sql.table_of(table)}, in the types that the file has.",
        "-- Covariates and outcomes are as recorded: what is missing is not filled in here.",
        "-- The arm is in the column [study arm].",
        "",
    ]
    return "\n".join([*head, table_sql.query(told, table)]), ()


def refuse(study: Study, faults: list[str]) -> None:
    """Raise UsageError where something cannot be written."""
    if study.access is not None:
        faults = ["a study of access is not written as T-SQL"]
    if faults:
        raise UsageError(f"--to sql: {one}." for one in faults)


def _head(study: Study, left: tuple[str, ...]) -> list[str]:
    lines = [
        f"{study.name}: {study.question}",
        f"Written by fingerpost; SHA-256 of the study: {study.digest()}",
        "",
        f"THIS QUERY WAS {NEVER_RUN.upper()}. Compare its count of children in each arm with",
        "fingerpost study describe FILE --records PATH before anything is made of it.",
        "What it returns is a row a child: it stays in the room.",
    ]
    if left:
        lines += ["", "Not in this query:", *(f"  {one}" for one in left)]
    return [f"-- {' '.join(one.split())}".rstrip() for one in lines]


def _reads(linked: Linked, has: frozenset[str]) -> list[str]:
    more = sorted(has)
    return [
        "--",
        "-- Tables and columns are those of the data standard (fingerpost records dictionary);",
        "-- dates are of type DATE. A column that the server does not have is to be added empty.",
        f"-- Besides what the study names it reads: {', '.join(more) or 'nothing'}.",
        "-- Where there is no such table, export again with --records, so that it is not asked.",
    ]


def write(text: str, folder: Path) -> None:
    """Write the query into a folder that is there."""
    (folder / QUERY).write_text(text, encoding="utf-8")
