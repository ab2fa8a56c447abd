"""Spark, distributed: where records lie on a cluster, or are larger than one machine.

On this machine alone unless FINGERPOST_SPARK_MASTER names a cluster. It needs Java and the extra
`spark`. Parquet is read where it lies; every other form is read by the reader that DuckDB uses too,
so that a file means one table whatever the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import narwhals as nw

from fingerpost.core.leaves import Engine
from fingerpost.engines._session import connect, relation
from fingerpost.engines._shared import ROW, TableFile, collected, failures, fault_of, widened
from fingerpost.engines._spark import refuse_absent, shared_folder
from fingerpost.engines._spark import session as started

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FILE, AT, BEFORE = "(file)", "(place in file)", "(rows before)"
# What stands before the path of a file: `file:`, `file://`, the name of a store.
SCHEME = "^[A-Za-z][A-Za-z0-9+.-]*:/+"
# Spark's own name for a whole number that may be beyond 64 bits.
UNSIGNED = "decimal(20,0)"
# Spark's own name for whether `[`, `*`, `?` and `{` in a path stand for other letters.
GLOBS = "__globPaths__"


def read(
    files: Sequence[TableFile], *, session: Any = None, rows: bool = True, wide: bool = True
) -> tuple[nw.LazyFrame, ...]:
    """Return each file as a lazy frame, all in one session so that they can be stacked and joined.

    session: from `ENGINE.session()`. rows: whether every frame has the column `ROW`, the row's
    place in its file, from 1. wide: whether types are widened to those all engines share; a table
    that we wrote is in them.
    """
    spark = session or started()
    frames = []
    for file in files:
        parquet = file.form == "parquet"
        raw = scanned(spark, file, rows=rows, alike=not wide) if parquet else held(spark, file)
        frame = nw.from_native(raw if rows or parquet else raw.drop(ROW))
        frames.append(widened(frame, file.words) if wide else frame)
    return tuple(frames)


def scanned(spark: SparkSession, file: TableFile, *, rows: bool, alike: bool) -> DataFrame:
    """Return the Parquet files of a table; alike: all are known to have the same columns."""
    reader = spark.read.option("mergeSchema", str(not alike).lower())
    # No letter of a path stands for others.
    reader = reader.option(GLOBS, "false")
    # Folders by year give the year only below the table's own folder.
    reader = reader.option("basePath", str(file.path)) if file.path.is_dir() else reader
    try:
        frame = reader.parquet(*map(str, file.files))
    except failures() as error:
        raise fault_of(file.words, error, mend="Is it whole, and truly Parquet?") from None
    frame = signed(frame)
    return numbered(spark, frame, file.files) if rows else frame


def signed(frame: DataFrame) -> DataFrame:
    """Return a frame whose unsigned 64-bit numbers, which Spark reads as decimals, are whole
    numbers again; one that does not fit is a fault when it is read.
    """
    from pyspark.sql.functions import col

    wide = [name for name, kind in frame.dtypes if kind == UNSIGNED]
    return frame.withColumns({name: col(f"`{name}`").cast("long") for name in wide})


def numbered(spark: SparkSession, frame: DataFrame, files: Sequence[Path]) -> DataFrame:
    """Return a frame with each row's place among the files, from 1: rows before its file, which the
    files themselves say, and its place there. Nothing is sorted or moved for it.
    """
    import pyarrow.parquet as pq
    from pyspark.sql.functions import broadcast, coalesce, col, lit, raise_error

    before, total = [], 0
    for path in files:
        before.append((str(path.absolute()), total))
        total += pq.read_metadata(path).num_rows
    columns = [col(f"`{name}`") for name in frame.columns]
    placed = frame.select(
        file_of_row().alias(FILE),
        col("_metadata.row_index").alias(AT),
        *columns,
    )
    starts = spark.createDataFrame(before, f"`{FILE}` string, `{BEFORE}` long")
    place = (col(f"`{BEFORE}`") + col(f"`{AT}`") + 1).cast("long")
    lost = raise_error(lit("fingerpost: Spark calls a file of the table by a name not known"))
    numbered_rows = coalesce(place, lost.cast("long")).alias(ROW)
    return placed.join(broadcast(starts), FILE, "left").select(numbered_rows, *columns)


def file_of_row() -> Column:
    """Return the path of the file that each row is of: Spark's, without what names the store before
    the first slash, and without the marks for characters that no address holds.
    """
    from pyspark.sql.functions import lit, regexp_replace, url_decode

    path = regexp_replace("_metadata.file_path", SCHEME, "/")
    # A plus sign is itself in a path, but a blank to what takes the marks away.
    return url_decode(regexp_replace(path, lit("[+]"), lit("%2B")))


def held(spark: SparkSession, file: TableFile) -> DataFrame:
    """Return a table of any other form, read by DuckDB's reader and handed to Spark, with `ROW`."""
    with connect() as connection:
        view = f"as read {uuid4().hex}"
        relation(connection, file).create_view(view)
        numbered_rows = connection.sql(
            f'SELECT CAST(row_number() OVER () AS BIGINT) AS "{ROW}", * FROM "{view}"'
        )
        whole = collected(nw.from_native(numbered_rows), file.words)
    return spark.createDataFrame(plain(whole))


def plain(table: Any) -> Any:
    """Return a Polars table as an Arrow table in types that Spark takes."""
    import polars as pl

    unsigned = (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Int128)
    ready = table.with_columns(
        pl.col(*unsigned).cast(pl.Int64), pl.col(pl.Categorical, pl.Enum).cast(pl.String)
    )
    return ready.to_arrow(compat_level=pl.CompatLevel.oldest())


def hold(frame: nw.LazyFrame, *, session: Any) -> nw.LazyFrame:
    """Return a frame computed once: as Parquet in a folder that every machine reads, or, where a
    cluster has none, in the memory of the machines that computed it.
    """
    native: DataFrame = frame.to_native()
    folder = shared_folder(session)
    if folder is None:
        return nw.from_native(native.localCheckpoint(eager=True))
    path = str(folder / f"held-{uuid4().hex}")
    native.write.parquet(path)
    # Its types are said, not looked for again in the files.
    reader = session.read.option(GLOBS, "false")
    return nw.from_native(reader.schema(native.schema).parquet(path))


ENGINE = Engine(
    title="Spark",
    summary="Distributed, on a cluster or on this machine: needs Java and the extra spark.",
    reference="Zaharia et al. 2016, Apache Spark: a unified engine for big data processing.",
    read=read,
    session=started,
    hold=hold,
    needs="pyspark",
    check=refuse_absent,
)
