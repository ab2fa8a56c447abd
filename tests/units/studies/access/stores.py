"""Linked records of a handful of children, made by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from fingerpost.core.calendar import census_day
from fingerpost.records.declarations import TABLES

Row = dict[str, Any]
TYPES = {"int": pl.Int64, "float": pl.Float64, "date": pl.Date, "id": pl.Int64}
BORN, RECEPTION = date(2003, 11, 1), 2009


def census(
    child: int,
    code: Callable[[int, str], str | None],
    *,
    last: tuple[int, str] = (2015, "SUM"),
    fsm: int = 0,
    school: int = 100,
) -> list[Row]:
    """Return a child's terms from Reception; code: of (nc_year, term) the recorded provision."""
    found = []
    for year in range(RECEPTION, last[0] + 1):
        for term in ("AUT", "SPR", "SUM"):
            if year == last[0] and ("AUT", "SPR", "SUM").index(term) > ("AUT", "SPR", "SUM").index(
                last[1]
            ):
                continue
            day = census_day(year, term)
            found.append(
                {
                    "child_id": child,
                    "academic_year": year,
                    "term": term,
                    "urn": school,
                    "la": school // 100,
                    "nc_year": year - RECEPTION,
                    "enrolment": "C",
                    "sen_provision": code(year - RECEPTION, term),
                    "fsm": fsm,
                    "idaci_score": 0.1 + 0.01 * child,
                    "school_type": "mainstream",
                    "valid_from": day,
                    "known_from": day,
                }
            )
    return found


def child(number: int, sex: str) -> Row:
    """Return a child of the register."""
    return {
        "child_id": number, "birth_month": BORN, "sex": sex, "ethnicity": "WHIT",
        "first_language": "ENG", "valid_from": BORN, "known_from": BORN,
    }  # fmt: skip


def written(folder: Path, tables: dict[str, list[Row]]) -> Path:
    """Write tables as Parquet, with every declared column; return the folder."""
    for name, rows in tables.items():
        spec = TABLES[name]
        schema = {field.name: TYPES.get(field.kind, pl.String) for field in spec.fields}
        frame = pl.DataFrame(
            [{column: row.get(column) for column in schema} for row in rows], schema=schema
        )
        place = folder / name
        place.mkdir(parents=True)
        frame.write_parquet(place / "part-00000.parquet")
    return folder
