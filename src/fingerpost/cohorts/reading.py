"""One table of records, from one source or several stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw

from fingerpost.cohorts.conditions import expression
from fingerpost.core.errors import Malformed, nearest
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import Condition, Records, Scalar, TableSource
from fingerpost.engines._shared import ROW, TableFile, distinct, table_file

SOURCE = "(source)"


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """One source as it was read, before its conditions are applied."""

    source: TableSource
    frame: nw.LazyFrame[Any]

    @property
    def words(self) -> str:
        """The source as a reader names it: the file's name."""
        return Path(self.source.path or self.source.file or "").name

    def schema(self) -> dict[str, nw.dtypes.DType]:
        """Return the type of each column."""
        return dict(self.frame.collect_schema())

    def conditions(self) -> tuple[nw.Expr, ...]:
        """Return the conditions on reading as expressions; Malformed with every fault."""
        return expressions(
            self.source.where, self.schema(), place="records.where", words=self.words
        )


@dataclass(frozen=True, eq=False, slots=True)
class TableRecords:
    """One table, not yet read into memory.

    frame: the rows of every source that meet its conditions, with `ROW` (place in the file, from
    1) and, where sources are stacked, `SOURCE` (place among sources, from 0). columns: what a study
    may name. dropped: columns that not every source has. digest: (file name, SHA-256).
    """

    frame: nw.LazyFrame[Any]
    columns: tuple[str, ...]
    digest: tuple[tuple[str, str], ...]
    engine: str
    parts: tuple[Part, ...]
    dropped: tuple[str, ...]
    records: Records
    base: Path

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources in words."""
        return tuple(part.source.words() for part in self.parts)

    @property
    def made(self) -> bool:
        """Whether the table was made from its sources, not only read."""
        first = self.parts[0].source
        return len(self.parts) > 1 or bool(
            first.where or first.set or self.records.sums or self.records.counts
        )

    @property
    def words(self) -> str:
        """The table in words: the names of its files."""
        return " and ".join(dict.fromkeys(part.words for part in self.parts))

    def emptied(self) -> TableRecords:
        """Return what is said of the table, without its rows: once the cohort is made of them, they
        would only take room.
        """
        parts = tuple(Part(part.source, part.frame.head(0)) for part in self.parts)
        return replace(self, frame=self.frame.head(0), parts=parts)

    def schema(self) -> dict[str, nw.dtypes.DType]:
        """Return the type of each column a study may name."""
        whole = dict(self.frame.collect_schema())
        return {name: whole[name] for name in self.columns}


def read_records(
    source: str | Path | Records, *, engine: str = "duckdb", base: Path = Path(".")
) -> TableRecords:
    """Return the records as one lazy table.

    A path relative to nothing else is relative to `base`. Sources are stacked on the columns common
    to all, each after its own conditions and constants. Raises Malformed (every fault of a file),
    MissingExtra (a package not installed), UnknownLeaf (no such engine).
    """
    records = source if isinstance(source, Records) else Records((TableSource(str(source)),))
    if not records.sources:
        raise Malformed("records: no table is named. Write records: {table: FILE}.")
    text = (records.unit,) if records.unit else ()
    files = located(records.sources, base, text=text)
    frames = load("engines", engine, kind=Engine).read(files)
    parts = tuple(Part(one, frame) for one, frame in zip(records.sources, frames, strict=True))
    frame, columns, dropped = stacked(parts)
    frame, columns = with_sums(frame, columns, records.sums)
    frame, columns = with_counts(frame, columns, records.counts)
    digests = [item for file in files for item in file.digest()]
    # Stacked sources may bear one name; each keeps an entry of its own.
    called = distinct([name for name, _ in digests])
    digest = tuple(zip(called, (found for _, found in digests), strict=True))
    return TableRecords(frame, columns, digest, engine, parts, dropped, records, base)


def with_sums(
    frame: nw.LazyFrame[Any],
    columns: tuple[str, ...],
    sums: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[nw.LazyFrame[Any], tuple[str, ...]]:
    """Return a table with the columns that are sums of others; Malformed with every fault."""
    schema = dict(frame.collect_schema())
    faults = []
    for name, parts in sums:
        if name in columns:
            faults.append(f'records.sums: there is a column "{name}" already. Name another.')
        for part in parts:
            if part not in columns:
                faults.append(unknown(part, f"records.sums.{name}", columns=columns, words="it"))
            elif not schema[part].is_numeric():
                faults.append(f'records.sums.{name}: "{part}" holds no numbers.')
    if faults:
        raise Malformed(faults)
    if not sums:
        return frame, columns
    made = [total(parts).alias(name) for name, parts in sums]
    return frame.with_columns(*made), (*columns, *(name for name, _ in sums))


def with_counts(
    frame: nw.LazyFrame[Any],
    columns: tuple[str, ...],
    counts: tuple[tuple[str, tuple[str, ...], Scalar], ...],
) -> tuple[nw.LazyFrame[Any], tuple[str, ...]]:
    """Return a table with the columns that count how many others hold a value; Malformed with every
    fault.
    """
    schema = dict(frame.collect_schema())
    faults, made = [], []
    for name, parts, value in counts:
        if name in columns:
            faults.append(f'records.counts: there is a column "{name}" already. Name another.')
        place = f"records.counts.{name}"
        lost = [part for part in parts if part not in columns]
        faults += [unknown(part, place, columns=columns, words="it") for part in lost]
        held = [
            expression(Condition(part, "equals", value), schema[part], place=place)
            for part in parts
            if part not in lost
        ]
        made.append(tallied(held).alias(name))
    if faults:
        raise Malformed(faults)
    if not counts:
        return frame, columns
    return frame.with_columns(*made), (*columns, *(name for name, _, _ in counts))


def tallied(held: Sequence[nw.Expr]) -> nw.Expr:
    """Return how many conditions are met, as a whole number."""
    found = nw.lit(0, dtype=nw.Int64)
    for one in held:
        found = found + nw.when(one).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
    return found


def total(parts: tuple[str, ...]) -> nw.Expr:
    """Return the sum of columns, missing where one of them is."""
    found = nw.col(parts[0]).cast(nw.Float64)
    for part in parts[1:]:
        found = found + nw.col(part).cast(nw.Float64)
    return found


def located(
    sources: Sequence[TableSource], base: Path, *, text: tuple[str, ...]
) -> list[TableFile]:
    """Return every source's file; all that are not there are named at once."""
    files: list[TableFile] = []
    faults: list[str] = []
    for source in sources:
        try:
            files.append(table_file(source, base, text=text))
        except Malformed as fault:
            faults += fault.problems
    if faults:
        raise Malformed(faults)
    return files


def stacked(
    parts: Sequence[Part],
) -> tuple[nw.LazyFrame[Any], tuple[str, ...], tuple[str, ...]]:
    """Return the sources as one frame, the columns common to all, and those that are not."""
    frames = [prepared(part) for part in parts]
    schemas = [dict(frame.collect_schema()) for frame in frames]
    common = [name for name in schemas[0] if all(name in schema for schema in schemas)]
    columns = tuple(name for name in common if name != ROW)
    if len(frames) == 1:
        return frames[0], columns, ()
    every = dict.fromkeys(name for schema in schemas for name in schema)
    dropped = tuple(name for name in every if name not in common)
    whole = [
        chosen(part).select(
            *[
                alike(name, [schema[name] for schema in schemas], constants=dict(part.source.set))
                for name in common
            ],
            nw.lit(place, dtype=nw.Int64).alias(SOURCE),
        )
        for place, part in enumerate(parts)
    ]
    return nw.concat(whole, how="vertical"), columns, dropped


def chosen(part: Part) -> nw.LazyFrame[Any]:
    """Return the rows of one source that meet its conditions."""
    conditions = part.conditions()
    return part.frame.filter(*conditions) if conditions else part.frame


def prepared(part: Part) -> nw.LazyFrame[Any]:
    """Return one source after its conditions and constants."""
    frame = chosen(part)
    if not part.source.set:
        return frame
    return frame.with_columns(*[constant(name, value) for name, value in part.source.set])


def constant(name: str, value: Scalar) -> nw.Expr:
    """Return a column that holds one value."""
    if isinstance(value, str):
        return nw.lit(value, dtype=nw.String).alias(name)
    kind = nw.Float64 if isinstance(value, float) else nw.Int64
    return nw.lit(value if isinstance(value, float) else int(value), dtype=kind).alias(name)


def alike(
    name: str, dtypes: Sequence[nw.dtypes.DType], *, constants: Mapping[str, Scalar]
) -> nw.Expr:
    """Return a column of one source in the one type that holds it in every source."""
    column = constant(name, constants[name]) if name in constants else nw.col(name)
    held = in_common(dtypes)
    return column if held is None else column.cast(held)


def in_common(dtypes: Sequence[nw.dtypes.DType]) -> nw.dtypes.DType | None:
    """Return the type to which every source's column is cast; None where all are of one type."""
    if all(dtype == dtypes[0] for dtype in dtypes):
        return None
    return nw.Float64() if all(dtype.is_numeric() for dtype in dtypes) else nw.String()


def expressions(
    conditions: Sequence[Condition],
    schema: dict[str, nw.dtypes.DType],
    *,
    place: str,
    words: str,
) -> tuple[nw.Expr, ...]:
    """Return conditions as expressions; Malformed with every fault."""
    built, faults = [], []
    names = [name for name in schema if name not in (ROW, SOURCE)]
    for condition in conditions:
        if condition.column not in schema:
            faults.append(unknown(condition.column, place, columns=names, words=words))
            continue
        try:
            built.append(expression(condition, schema[condition.column], place=place))
        except Malformed as fault:
            faults += fault.problems
    if faults:
        raise Malformed(faults)
    return tuple(built)


def unknown(column: str, place: str, *, columns: Sequence[str], words: str) -> str:
    """Return the fault of a column that is not there, with the nearest that is.

    The columns are not listed: where a file has no header their names are a child's values.
    """
    folded = {name.casefold(): name for name in reversed(columns)}
    near = nearest(folded.get(column.casefold(), column), columns)
    held = f" It has {len(columns)} columns."
    return f'{place}: there is no column "{column}" in {words}.{near}{held}'
