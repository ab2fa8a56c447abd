"""What every engine is handed (a file that was found and looked at) and what every frame obeys."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import narwhals as nw

from fingerpost.core.errors import FingerpostError, Malformed, MissingExtra, listed, nearest
from fingerpost.core.study import TableSource

ROW = "(row)"
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".duckdb": "duckdb",
    ".db": "duckdb",
    ".dta": "stata",
}
# Only of an installed package: a frame that anyone may have written is not opened.
PACKAGED = {".pkl": "frame", ".compress": "frame"}
LARGEST = 2**63 - 1
# Day 0 and day 1 of day numbers.
EPOCH, NEXT = date(1970, 1, 1), date(1970, 1, 2)
# The packages whose tables come with an extra of this project.
EXTRAS = {"causaldata": "examples"}


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table on disk, found and of a known form.

    form: csv, parquet, duckdb, stata or frame (of an installed package). name: what SQL calls it.
    words: what a reader calls it.
    table: the table's name inside a DuckDB file. files: the files that hold it, in order.
    text: columns to be read as text whatever they hold, so that a child's identifier keeps its
    leading zeros.
    """

    path: Path
    form: str
    name: str
    words: str
    table: str | None = None
    files: tuple[Path, ...] = ()
    text: tuple[str, ...] = ()

    def digest(self) -> tuple[tuple[str, str], ...]:
        """Return (file name, SHA-256) of each file; of a folder's files, the path inside it."""
        return tuple((self.called(file), sha256(file)) for file in self.files)

    def called(self, file: Path) -> str:
        """Return what a digest calls a file: partitions of a folder often share their names."""
        return file.name if file == self.path else file.relative_to(self.path).as_posix()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def locate(source: TableSource, base: Path = Path(".")) -> Path:
    """Return the path of a source; a relative one is looked for under `base`.

    A file of an installed package is found without importing the package. Raises MissingExtra
    where the package is not installed, Malformed where nothing is at the path.
    """
    if source.package:
        return package_file(source.package, source.file or "")
    if not source.path:
        raise Malformed("records: no table is named. Write records: {table: FILE}.")
    path = Path(source.path).expanduser()
    path = path if path.is_absolute() else base / path
    if not path.exists():
        beside = sorted(item.name for item in path.parent.glob("*")) if path.parent.exists() else []
        raise Malformed(
            f'records: there is no file "{source.path}" (looked for {path}).'
            f"{nearest(path.name, beside)} Correct the path; it is read relative to the study file."
        )
    return path


def package_file(package: str, file: str) -> Path:
    """Return the path of a file inside an installed package, which is not imported."""
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        extra = EXTRAS.get(package)
        mend = f"pip install 'fingerpost[{extra}]'" if extra else f"pip install {package}"
        raise MissingExtra(
            f'records: the package "{package}" is not installed. Install it with: {mend}'
        )
    roots = [Path(root) for root in spec.submodule_search_locations]
    found = next((root / file for root in roots if (root / file).is_file()), None)
    if found is None:
        tables = [
            path.relative_to(root).as_posix()
            for root in roots
            for path in root.rglob("*")
            if path.suffix in {*SUFFIXES, *PACKAGED}
        ]
        raise Malformed(
            f'records: the package "{package}" holds no file "{file}".{nearest(file, tables)}'
        )
    return found


def table_file(
    source: TableSource, base: Path = Path("."), *, text: tuple[str, ...] = ()
) -> TableFile:
    """Return a source as a file an engine can open; Malformed where its form is unknown."""
    path = locate(source, base)
    files: tuple[Path, ...] = (path,)
    known = {**SUFFIXES, **(PACKAGED if source.package else {})}
    form = known.get(path.suffix.lower())
    if path.is_dir():
        form, files = "parquet", tuple(sorted(path.rglob("*.parquet")))
        if not files:
            raise Malformed(f'records: the folder "{source.words()}" holds no Parquet file.')
    if form is None:
        raise Malformed(
            f'records: "{path.name}" is of no known form. Allowed: {listed(sorted(SUFFIXES))}, '
            "or a folder of Parquet files."
        )
    return TableFile(path, form, path.stem, source.words(), source.table, files, text)


def int64(expression: nw.Expr) -> nw.Expr:
    """Return an integer aggregate as Int64: engines differ (DuckDB Int128, Polars UInt32).

    >>> import narwhals as nw, polars as pl
    >>> frame = nw.from_native(pl.LazyFrame({"x": [1, 2]}))
    >>> frame.select(int64(nw.len()).alias("n")).collect_schema()["n"]
    Int64
    """
    return expression.cast(nw.Int64)


def day_number(expression: nw.Expr) -> nw.Expr:
    """Return a date as the days since 1970-01-01, as Int64.

    >>> import narwhals as nw, polars as pl
    >>> from datetime import date
    >>> frame = nw.from_native(pl.LazyFrame({"day": [date(2000, 3, 1), date(1969, 12, 31)]}))
    >>> frame.select(day_number(nw.col("day"))).collect()["day"].to_list()
    [11017, -1]
    """
    # A difference of dates is a number on some engines and a length of time on others: in units of
    # one day it is the same on all.
    since = expression.cast(nw.Date) - nw.lit(EPOCH)
    return since.cast(nw.Int64) // (nw.lit(NEXT) - nw.lit(EPOCH)).cast(nw.Int64)


def widened(frame: nw.LazyFrame, words: str) -> nw.LazyFrame:
    """Return the frame in the types every engine shares.

    Whole numbers of every width and booleans become Int64, all other numbers Float64, coded text
    String; NaN and empty text become missing. Raises Malformed where a whole number does not fit.
    """
    schema = frame.collect_schema()
    refuse_beyond_int64(frame, words)
    return frame.select(*[wide(name, dtype) for name, dtype in schema.items()])


def wide(name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return one column in a type that every engine shares."""
    column = nw.col(name)
    if dtype == nw.Boolean or dtype.is_integer():
        return column if dtype == nw.Int64 else column.cast(nw.Int64)
    if dtype.is_numeric():
        real = column if dtype == nw.Float64 else column.cast(nw.Float64)
        return nw.when(~real.is_nan()).then(real).alias(name)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        text = column if dtype == nw.String else column.cast(nw.String)
        return nw.when(text != "").then(text).alias(name)
    return column


def refuse_beyond_int64(frame: nw.LazyFrame, words: str) -> None:
    """Raise Malformed for columns whose whole numbers are too large for Int64."""
    schema = frame.collect_schema()
    broad = [n for n, dtype in schema.items() if dtype in (nw.UInt64, nw.Int128, nw.UInt128)]
    if not broad:
        return
    beyond = [
        (nw.col(name).cast(nw.Float64).abs() >= float(LARGEST)).any().alias(name) for name in broad
    ]
    found = collected(frame.select(*beyond), words).row(0)
    faults = [
        f'records: column "{name}" of {words} holds whole numbers beyond {LARGEST}. '
        "Store it as text."
        for name, too_large in zip(broad, found, strict=True)
        if too_large
    ]
    if faults:
        raise Malformed(faults)


def collected(frame: nw.LazyFrame, words: str) -> Any:
    """Return a lazy frame's rows as a Polars frame; Malformed where the file fails half-way."""
    try:
        return frame.collect("polars").to_native()
    except failures() as error:
        mend = "Is the file whole, and is there memory for it?"
        # Without its cause: what a library says may quote a child's values.
        raise fault_of(words, error, mend=mend) from None


def failures() -> tuple[type[Exception], ...]:
    """Return what the engines in use raise where a computation fails."""
    import duckdb
    from polars.exceptions import PolarsError

    found: tuple[type[Exception], ...] = (
        duckdb.Error,
        PolarsError,
        nw.exceptions.ComputeError,
        OSError,
    )
    if "pyspark" in sys.modules:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        found = (*found, PySparkException, Py4JError)
    return found


def sink(frame: nw.LazyFrame[Any], path: Path, *, rows: int = 131_072) -> None:
    """Write a lazy frame as one Parquet file (zstd) without holding it in memory.

    rows: of a row group. Raises Malformed where what it is read from fails half-way.
    """
    import duckdb
    from polars.exceptions import PolarsError

    native = frame.to_native()
    try:
        if isinstance(native, duckdb.DuckDBPyRelation):
            native.write_parquet(str(path), compression="zstd", row_group_size=rows)
        else:
            native.sink_parquet(path, compression="zstd", row_group_size=rows)
    except (duckdb.Error, PolarsError, nw.exceptions.ComputeError) as error:
        # Without its cause: what a library says may quote a child's values.
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        raise fault_of(path.name, error, mend="Is the source whole, and is there room?") from None


def processors() -> int:
    """Return how many processors this process may use, at most 8."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(8, available or 1))


def distinct(names: list[str]) -> Iterator[str]:
    """Yield names made distinct by a number: two sources may bear one file name."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}"


def fault_of(words: str, error: Exception, *, mend: str) -> FingerpostError:
    """Return what a library said as one line that holds no value of a child."""
    kind = type(error).__name__
    return Malformed(f'records: "{words}" cannot be read ({kind}). {mend}')
