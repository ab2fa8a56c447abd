"""Parquet files as tables: the one place that opens them, so that no path is taken for data.

Left alone, every library takes a folder called `column=value` anywhere on the path for a column,
even above the table, and puts that value into every row. Here a folder gives a column where it lies
below the table's own folder (`census/academic_year=2019/part.parquet`), and nowhere else; and no
letter of a path stands for others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fingerpost.engines._csv import name, pattern, text
from fingerpost.engines._shared import TableFile

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

# What Hive, and Spark after it, call the folder of rows that have no value.
NO_VALUE = ("", "__HIVE_DEFAULT_PARTITION__")
# The narrowest kind that all values of a column fit; what fits none is VARCHAR.
KINDS = (
    ("BIGINT", "[+-]?[0-9]{1,18}", int),
    ("DOUBLE", "[+-]?[0-9]+([.][0-9]+)?", float),
    ("DATE", "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", date.fromisoformat),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Files of one table that lie in one folder. given: column → (kind, value) that folders give;
    the value is None where it is not known.
    """

    files: tuple[Path, ...]
    given: tuple[tuple[str, tuple[str, Any]], ...] = ()


def scan(file: TableFile) -> str:
    """Return the SQL of a table of Parquet files, in the order of its files."""
    return " UNION ALL BY NAME ".join(map(selected, pieces(file)))


def selected(piece: Piece) -> str:
    """Return the SQL of some files of a table, what their folder gives in place of what they hold
    under that name.
    """
    given = dict(piece.given)
    columns = ["*"]
    if given:
        own = ", ".join(text(column.lower()) for column in given)
        columns = [f"COLUMNS([held FOR held IN (*) IF lower(held) NOT IN ({own})])"]
        columns += [
            f"CAST({'NULL' if value is None else text(str(value))} AS {kind}) AS {name(column)}"
            for column, (kind, value) in given.items()
        ]
    return f"SELECT {', '.join(columns)} FROM {read_parquet(piece.files)}"


def read_parquet(files: Sequence[Path]) -> str:
    """Return the SQL that reads Parquet files by their columns' names, and nothing from paths.

    >>> read_parquet([Path("sex=F") / "a.parquet"])
    "read_parquet(['sex=F/a.parquet'], union_by_name = true, hive_partitioning = false)"
    """
    listed = ", ".join(map(pattern, files))
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def lazy(file: TableFile) -> pl.LazyFrame:
    """Return a table of Parquet files as a Polars lazy frame, in the order of its files."""
    import polars as pl

    types = {"BIGINT": pl.Int64, "DOUBLE": pl.Float64, "DATE": pl.Date, "VARCHAR": pl.String}
    frames = [
        pl.scan_parquet(
            list(piece.files), hive_partitioning=False, glob=False, missing_columns="insert"
        ).with_columns(
            pl.lit(value, dtype=types[kind]).alias(column) for column, (kind, value) in piece.given
        )
        for piece in pieces(file)
    ]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def frame(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Return one Parquet file as a Polars frame; columns: which, all where None."""
    import polars as pl

    wanted = None if columns is None else list(columns)
    return pl.read_parquet(path, columns=wanted, glob=False, hive_partitioning=False)


def arrow(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return one Parquet file as an Arrow table; columns: which, all where None."""
    import pyarrow.parquet as pq

    return pq.read_table(
        path, columns=None if columns is None else list(columns), partitioning=None
    )


def pieces(file: TableFile) -> tuple[Piece, ...]:
    """Return the files of a table by what the folders below its own give: one piece where they give
    nothing. A column is of one kind throughout; files without it have no value of it.
    """
    found: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for path in file.files:
        found.setdefault(tuple(folders(file, path).items()), []).append(path)
    held: dict[str, list[str]] = {}
    for given in found:
        for column, value in given:
            held.setdefault(column, []).append(value)
    kinds = {column: kind_of(values) for column, values in held.items()}
    return tuple(
        Piece(
            tuple(paths),
            tuple(
                (column, (kinds[column][0], valued(value, *kinds[column])))
                for column, value in given
            ),
        )
        for given, paths in found.items()
    )


def folders(file: TableFile, path: Path) -> dict[str, str]:
    """Return column → value, as folders called `column=value` between a table and a file say."""
    below = path.relative_to(file.path).parts[:-1] if path != file.path else ()
    parted = (part.partition("=") for part in below)
    return {unquote(column): unquote(value) for column, sign, value in parted if column and sign}


def kind_of(values: Sequence[str]) -> tuple[str, Any]:
    """Return the narrowest kind that all values fit, and what reads one.

    >>> kind_of(["2019", "2020"])[0], kind_of(["2019", "1.5"])[0], kind_of(["2019", "F"])[0]
    ('BIGINT', 'DOUBLE', 'VARCHAR')
    """
    known = [value for value in values if value not in NO_VALUE]
    for kind, form, read in KINDS:
        if known and all(re.fullmatch(form, value) for value in known):
            return kind, read
    return "VARCHAR", str


def valued(value: str, kind: str, read: Any) -> Any:
    """Return the value that a folder's name gives."""
    return None if value in NO_VALUE else read(value)
