"""Small tables of identifiers for tests of linkage."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

SCHEMA = {
    "person": pl.String,
    "forename": pl.String,
    "surname": pl.String,
    "sex": pl.String,
    "birth_date": pl.Date,
    "nhs_number": pl.String,
    "postcode": pl.String,
    "from_date": pl.Date,
    "to_date": pl.Date,
}
ANN = {
    "forename": "Ann",
    "surname": "Archer",
    "sex": "F",
    "birth_date": date(2005, 3, 14),
    "nhs_number": None,
    "postcode": "QA1 1AA",
    "from_date": date(2009, 9, 1),
    "to_date": None,
}


def identifiers(folder: Path, hospital: list[dict], education: list[dict]) -> Path:
    """Write identifiers; each row says how it differs from Ann's, and has a number of its own."""
    place = folder / "identifiers"
    place.mkdir(parents=True, exist_ok=True)
    for side, rows in (("hospital", hospital), ("education", education)):
        whole = [{"person": f"{side[0]}{at}", **ANN, **row} for at, row in enumerate(rows)]
        pl.DataFrame(whole, schema=SCHEMA).write_parquet(place / f"{side}.parquet")
    return folder
