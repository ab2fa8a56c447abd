"""A little store of hand-made records, on both engines."""

from __future__ import annotations

import datetime as dt

import duckdb
import narwhals as nw
import polars as pl

CODES = [f"diag_{n:02d}" for n in range(1, 21)] + [f"opertn_{n:02d}" for n in range(1, 25)]
SHARED = {"valid_from": pl.Date, "valid_to": pl.Date, "known_from": pl.Date}
TABLES = {
    "child": {"child_id": pl.Int64, "birth_month": pl.Date, "sex": pl.String, **SHARED},
    "birth": {
        "child_id": pl.Int64,
        "birth_date": pl.Date,
        "gestation_weeks": pl.Int64,
        "birth_weight_g": pl.Int64,
        "live": pl.Int64,
        **SHARED,
    },
    "death": {
        "child_id": pl.Int64,
        "death_date": pl.Date,
        **{f"cause_{n:02d}": pl.String for n in range(1, 6)},
        **SHARED,
    },
    "hes_apc": {
        "child_id": pl.Int64,
        "episode_id": pl.Int64,
        **dict.fromkeys(
            ("episode_start", "episode_end", "admission_date", "discharge_date"), pl.Date
        ),
        "episode_order": pl.Int64,
        "episode_type": pl.String,
        "class_patient": pl.String,
        "admission_method": pl.String,
        "start_age": pl.Int64,
        **dict.fromkeys(CODES, pl.String),
        **SHARED,
    },
}
DATES = [name for table in TABLES.values() for name, kind in table.items() if kind == pl.Date]


class Store:
    """Tables as one engine holds them."""

    def __init__(self, engine: str, tables: dict[str, list[dict]]) -> None:
        self.engine = engine
        self.held = {
            name: pl.DataFrame(rows, schema=TABLES[name], orient="row")
            for name, rows in tables.items()
        }
        self.connection = duckdb.connect()
        for name, frame in self.held.items():
            self.connection.register(f"{name}_arrow", frame.to_arrow())

    def has(self, name: str) -> bool:
        return name in self.held

    def frame(self, name: str) -> nw.LazyFrame:
        return self.of(self.held[name], f"{name}_arrow")

    def of(self, frame: pl.DataFrame, name: str) -> nw.LazyFrame:
        if self.engine == "polars":
            return nw.from_native(frame.lazy())
        self.connection.register(name, frame.to_arrow())
        return nw.from_native(self.connection.table(name))

    def until(self, ends: dict[int, str]) -> nw.LazyFrame:
        rows = {"child_id": list(ends), "until": [day(end) for end in ends.values()]}
        return self.of(pl.DataFrame(rows), "ends")


def day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def episode(child: int, start: str | None, *diagnoses: str, **more) -> dict:
    """Return one episode; `opertn` gives its procedures, `known` when it could be known."""
    row = dict.fromkeys(TABLES["hes_apc"])
    row |= {"child_id": child, "episode_start": start, "admission_date": start, "episode_order": 1}
    row |= {"admission_method": "11", "known_from": start}
    row |= {f"diag_{n:02d}": code for n, code in enumerate(diagnoses, 1)}
    row |= {f"opertn_{n:02d}": code for n, code in enumerate(more.pop("opertn", ()), 1)}
    if "known" in more:
        row["known_from"] = more.pop("known")
    row |= more
    return dates(row)


def birth(child: int, date: str, weeks: int | None = 40, grams: int | None = 3400, **more) -> dict:
    row = dict.fromkeys(TABLES["birth"])
    row |= {"child_id": child, "birth_date": date, "known_from": date}
    return dates(row | {"gestation_weeks": weeks, "birth_weight_g": grams, **more})


def death(child: int, date: str, *causes: str, **more) -> dict:
    row = dict.fromkeys(TABLES["death"])
    row |= {"child_id": child, "death_date": date, "known_from": date}
    row |= {f"cause_{n:02d}": code for n, code in enumerate(causes, 1)}
    return dates(row | more)


def child(number: int, month: str) -> dict:
    return dates(dict.fromkeys(TABLES["child"]) | {"child_id": number, "birth_month": month})


def dates(row: dict) -> dict:
    return {k: day(v) if k in DATES and isinstance(v, str) else v for k, v in row.items()}


def found(frame: nw.LazyFrame) -> dict[int, tuple]:
    """Return {child: (first_date, known_from, group)} and check the columns and their types."""
    table = frame.collect("polars").to_native()
    kinds = [pl.Int64, pl.Date, pl.Date, pl.String]
    assert table.columns == ["child_id", "first_date", "known_from", "group"]
    assert table.dtypes == kinds
    assert table["child_id"].is_unique().all()
    return {row[0]: row[1:] for row in table.sort("child_id").iter_rows()}
