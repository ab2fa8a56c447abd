"""Little linked records, written by hand: a few children whose every date is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from fingerpost.records.declarations import TABLES
from fingerpost.records.store import Store, open_store

TYPES = {
    "id": pl.Int64,
    "int": pl.Int64,
    "float": pl.Float64,
    "code": pl.String,
    "text": pl.String,
    "date": pl.Date,
}
# A child born in January 2004 is in Year 1 in 2009/10, whose spring census is on this day.
ZERO = date(2010, 1, 21)
BORN = date(2004, 1, 1)
ENGINES = ("duckdb", "polars")
Rows = Sequence[Mapping[str, Any]]


def opened(folder: Path, engine: str = "duckdb", **tables: Rows) -> Store:
    """Return a store of the given rows; columns that a row leaves out are missing."""
    for name, rows in tables.items():
        schema = {field.name: TYPES[field.kind] for field in TABLES[name].fields}
        whole = [{column: row.get(column) for column in schema} for row in rows]
        for row, full in zip(rows, whole, strict=True):
            assert set(row) <= set(full), set(row) - set(full)
        pl.DataFrame(whole, schema=schema).write_parquet(folder / f"{name}.parquet")
    return open_store(folder, engine)


def child(number: int, **other: Any) -> dict[str, Any]:
    """Return a child as every study meets it."""
    usual = {"child_id": number, "birth_month": BORN, "sex": "F", "ethnicity": "WHIT"}
    return usual | {"first_language": "ENG", "known_from": BORN} | other


def census(number: int, year: int = 2010, term: str = "SPR", **other: Any) -> dict[str, Any]:
    """Return one enrolment on a census day, known on that day."""
    from fingerpost.core.calendar import census_day

    usual = {"child_id": number, "academic_year": year, "term": term, "urn": 100, "la": 9}
    usual |= {"nc_year": year - 2009, "enrolment": "C", "sen_provision": "N", "fsm": 0}
    usual |= {"idaci_score": 0.2, "school_type": "mainstream"}
    return usual | {"known_from": census_day(year, term)} | other


def episode(number: int, day: date, **other: Any) -> dict[str, Any]:
    """Return an admission of one day, known on that day."""
    usual = {"child_id": number, "episode_id": number, "episode_start": day, "episode_end": day}
    usual |= {"admission_date": day, "discharge_date": day, "episode_order": 1}
    usual |= {"episode_type": "1", "admission_method": "21", "diag_01": "J180"}
    return usual | {"known_from": day} | other


def absence(number: int, year: int, term: str, **other: Any) -> dict[str, Any]:
    """Return the absence of one term."""
    usual = {"child_id": number, "academic_year": year, "term": term, "urn": 100}
    usual |= {"sessions_possible": 120, "authorised": 4, "unauthorised": 1, "overall": 5}
    return usual | {"illness": 3, "medical": 1, "known_from": date(year, 9, 1)} | other
