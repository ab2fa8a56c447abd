"""Small hand-made records for the tests of the room: written as CSV, or as parts."""

from __future__ import annotations

import csv
from pathlib import Path

CHILD = (
    "child_id,birth_month,sex,ethnicity,first_language,mother_id,valid_from,valid_to,known_from\n"
    "001,2004-01-01,M,WHIT,ENG,9,2004-01-01,,2004-02-01\n"
    "002,2004-02-01,F,ASIA,OTH,,2004-02-01,,2004-03-01\n"
    "003,2005-08-01,F,,ENG,8,2005-08-01,,2005-09-01\n"
)
ABSENCE = (
    "child_id,academic_year,term,urn,sessions_possible,authorised,unauthorised,overall,illness,"
    "medical,valid_from,known_from\n"
    "001,2010,AUT,100,140,3,1,4,3,0,2009-09-01,2010-01-10\n"
    "001,2010,SPR,100,120,0,0,0,0,0,2010-01-01,2010-05-01\n"
    "002,2010,AUT,100,140,10,10,20,5,5,2009-09-01,2010-01-10\n"
    "003,2011,SUM,101,110,0,2,2,0,0,2011-04-01,2011-09-01\n"
)


def write(folder: Path, **tables: str) -> Path:
    """Write each table's text as a CSV in a folder; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def replaced(text: str, row: int, **cells: str) -> str:
    """Return a CSV with cells of one row (from 1) replaced."""
    lines = list(csv.reader(text.splitlines()))
    for name, cell in cells.items():
        lines[row][lines[0].index(name)] = cell
    return "\n".join(",".join(line) for line in lines) + "\n"


def without(text: str, column: str) -> str:
    """Return a CSV without one column."""
    lines = list(csv.reader(text.splitlines()))
    at = lines[0].index(column)
    return "\n".join(",".join(line[:at] + line[at + 1 :]) for line in lines) + "\n"
