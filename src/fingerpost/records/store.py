"""A store of linked records: a folder of tables, or one DuckDB file, opened lazily by an engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._session import tables_of
from fingerpost.engines._shared import SUFFIXES, TableFile, collected, int64, table_file
from fingerpost.records.casts import WHAT, cast, dtype, misfit
from fingerpost.records.declarations import TABLES
from fingerpost.records.fields import HOSPITAL_ID, Field, TableSpec, by_hospital
from fingerpost.records.through import BESIDE, NEEDED, as_table
from fingerpost.records.whole import refuse_changed
from fingerpost.records.writing import MANIFEST, Manifest, read_manifest

# The table that settles whether an identifier is a number or text, for every table that bears it.
SETTLES = {"child_id": "child", "mother_id": "child", "urn": "school"}
LOOSE = (".parquet", ".csv", ".tsv", ".txt", ".pq", ".dta")


@dataclass(eq=False)
class Store:
    """Linked records, opened: every table by name as a lazy frame of the declared columns.

    path: the folder or file. engine: the engine's name. files: table → the file or folder that
    holds it. unknown: names of tables found that the standard does not declare. manifest: what the
    folder says of itself; empty where it says nothing. spine: a file of pairs of a hospital
    identifier and a child, through which tables keyed by hospitals are read; children whom it does
    not link are then in no table of children, unless `everyone` is given: conditions for which who
    was added to the records counts as drawn. Frames of one store can be joined.
    """

    path: Path
    engine: str
    files: Mapping[str, TableFile]
    unknown: tuple[str, ...]
    manifest: Manifest
    spine: Path | None = None
    everyone: tuple[str, ...] | None = None
    _frames: dict[str, nw.LazyFrame[Any]] = field(default_factory=dict, repr=False)
    _raw: dict[tuple[str, bool], nw.LazyFrame[Any]] = field(default_factory=dict, repr=False)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables present, in the order of the standard."""
        return tuple(name for name in TABLES if name in self.files)

    @property
    def synthetic(self) -> bool:
        """Whether the records say of themselves that no child in them is real."""
        return self.manifest.synthetic

    @property
    def written(self) -> bool:
        """Whether the records were written by `records.writing`, so that their types are ours."""
        return bool(self.manifest.tables)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the digests of every file, taken from the manifest where there is one."""
        if self.written:
            found = {
                f"{table}/{name}": file["sha256"]
                for table, held in self.manifest.tables.items()
                for name, file in held["files"].items()
            }
        else:
            found = {
                f"{table}/{name}": sha
                for table, file in self.files.items()
                for name, sha in file.digest()
            }
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _engine(self) -> Engine:
        return load("engines", self.engine, kind=Engine)

    @cached_property
    def _session(self) -> Any:
        return self._engine.session() if self._engine.session else None

    def has(self, name: str) -> bool:
        """Return whether a table is present; UsageError where the standard declares none such,
        Malformed where the manifest says that it was written and it is gone.
        """
        spec_named(name)
        if name not in self.files and name in self.manifest.tables:
            refuse_changed(self.path, name, self.manifest.tables[name])
        return name in self.files

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """Return a table as a lazy frame with exactly the declared columns, in declared types.

        Columns that the source does not have are all missing. Raises UsageError for a table that is
        not declared; Malformed for one that is not there, is not what the manifest says was
        written, lacks a required column, or, where its file has types of its own, holds values that
        are not of the declared type.
        """
        if name not in self._frames:
            spec = spec_named(name)
            if name not in self.files:
                raise Malformed(
                    f'records: {self.path.name} has no table "{name}" ({spec.words.split(". ")[0]}'
                    f"). It has: {listed(self.tables) or 'none'}."
                )
            if name in self.manifest.tables:
                refuse_changed(self.path, name, self.manifest.tables[name])
            self._frames[name] = self._typed(spec, self._linked(name))
        return self._frames[name]

    def stand_in(self, name: str, rows: Any) -> None:
        """Let rows in memory, an eager frame, stand in this opening for those of a table that the
        records hold: what a made-up allocation would have left. Columns that they lack are missing.
        """
        own = nw.from_native(rows.lazy())
        held = own.collect_schema().names()
        columns = [
            nw.col(column).cast(kind) if column in held else nw.lit(None, dtype=kind).alias(column)
            for column, kind in self.frame(name).collect_schema().items()
        ]
        self._frames[name] = own.select(*columns)

    def hold(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Return a frame of this store computed once, so that what is asked of it later does not
        compute it again; it can still be joined with the store's tables.
        """
        if self._engine.hold is None:
            return frame
        held: nw.LazyFrame[Any] = self._engine.hold(frame, session=self._session)
        return held

    def rest(self) -> None:
        """Put on disk what the engine holds in memory: what comes next needs the room more. It is
        read back where something is asked again.
        """
        if self._engine.rest is not None:
            self._engine.rest(self._session)

    def raw(self, name: str, *, rows: bool = False) -> nw.LazyFrame[Any]:
        """Return a table as its file holds it; with `rows`, also the row's place, from 1."""
        if (name, rows) not in self._raw:
            file = self.files[name]
            # A session holds one view a name.
            named = replace(file, name=f"{name} by row") if rows else file
            (self._raw[name, rows],) = self._engine.read(
                [named], session=self._session, rows=rows, wide=not self.written
            )
        return self._raw[name, rows]

    def text_id(self, name: str) -> bool | None:
        """Return whether an identifier is text in every table; None where each keeps its own."""
        settling = SETTLES.get(name, "")
        if settling not in self.files:
            return None
        schema = dict(self.raw(settling).collect_schema())
        held = schema.get("child_id" if settling == "child" else name)
        return None if held is None else held == nw.String

    def misfit(self, declared: Field, held: nw.dtypes.DType) -> nw.Expr | None:
        """Return whether each value of a column is not of its kind; None where all are."""
        return misfit(declared, held, text_id=self.text_id(declared.name))

    def by_hospital(self, name: str) -> bool:
        """Return whether a table names children by an identifier that hospitals alone have."""
        held = self.raw(name).collect_schema().names() if self.has(name) else []
        return HOSPITAL_ID in held and "child_id" not in held

    def unlinked(self, name: str) -> nw.LazyFrame[Any]:
        """Return a table as `frame` does, its children as hospitals name them, where they do."""
        if not self.by_hospital(name):
            return self.frame(name)
        return self._typed(by_hospital(spec_named(name)), self.raw(name))

    @property
    def needs_spine(self) -> bool:
        """Whether any table names children as hospitals do, so that a spine must link them."""
        return any(self.by_hospital(name) for name in self.tables if TABLES[name].of_children)

    @cached_property
    def _links(self) -> nw.LazyFrame[Any]:
        assert self.spine is not None
        (found,) = self._engine.read([as_table(self.spine)], session=self._session, rows=False)
        kind = nw.String if self.text_id("child_id") else nw.Int64
        return found.select(HOSPITAL_ID, nw.col("child_id").cast(kind))

    def _linked(self, name: str) -> nw.LazyFrame[Any]:
        """Return a table as its file holds it, its children named as in the table of children."""
        raw = self.raw(name)
        if self.by_hospital(name):
            if self.spine is None:
                raise Malformed(
                    f'records: the table "{name}" names children by {HOSPITAL_ID}, and no spine '
                    f"says which child each is. {NEEDED.format(path=self.path)}; then name how "
                    "many: `fingerpost study run STUDY --records … --spines 20`."
                )
            links = self._links.with_columns(
                nw.col(HOSPITAL_ID).cast(raw.collect_schema()[HOSPITAL_ID])
            )
            return raw.join(links, on=HOSPITAL_ID, how="inner").drop(HOSPITAL_ID)
        if name == "child" and self.spine is not None:
            if self.everyone is None:
                return raw.join(self._links.select("child_id"), on="child_id", how="semi")
            if "added_for" in raw.collect_schema().names():
                added = nw.col("added_for")
                return raw.with_columns(nw.when(~added.is_in(self.everyone)).then(added))
        return raw

    def _typed(self, spec: TableSpec, raw: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        schema = dict(raw.collect_schema())
        self._refuse(spec, raw, schema)
        columns = []
        for declared in spec.fields:
            text_id = self.text_id(declared.name)
            held = schema.get(declared.name)
            if held is None:
                want = dtype(declared, nw.Int64(), text_id=text_id)
                columns.append(nw.lit(None, dtype=want).alias(declared.name))
            else:
                columns.append(cast(declared, held, text_id=text_id))
        return raw.select(*columns)

    def _refuse(
        self, spec: TableSpec, raw: nw.LazyFrame[Any], schema: Mapping[str, nw.dtypes.DType]
    ) -> None:
        """Raise Malformed for required columns that are not there and values of another type."""
        faults = [
            f'records: the table "{spec.name}" has no column "{declared.name}" ({declared.words}).'
            f"{nearest(declared.name, schema)}"
            for declared in spec.fields
            if declared.required and declared.name not in schema
        ]
        wrong = {
            declared.name: found
            for declared in spec.fields
            if declared.name in schema
            and (found := self.misfit(declared, schema[declared.name])) is not None
        }
        if wrong and not faults:
            counts = collected(
                raw.select(
                    *[int64(test.cast(nw.Int64).sum()).alias(n) for n, test in wrong.items()]
                ),
                spec.name,
            ).row(0, named=True)
            faults = [
                f'records: {count} values of "{name}" in the table "{spec.name}" are not '
                f"{WHAT[spec.field(name).kind]}."
                for name, count in counts.items()
                if count
            ]
        if faults:
            mend = f"`fingerpost records check {self.path}` lists every fault."
            raise Malformed([*faults[:-1], f"{faults[-1]} {mend}"])


def spec_named(name: str) -> TableSpec:
    """Return a table's declaration; UsageError where the standard declares none so named."""
    if name not in TABLES:
        raise UsageError(
            f'records: the standard declares no table "{name}".{nearest(name, TABLES)} '
            f"It declares: {listed(sorted(TABLES))}."
        )
    return TABLES[name]


def open_store(
    path: str | Path,
    engine: str = "duckdb",
    *,
    spine: Path | None = None,
    everyone: tuple[str, ...] | None = None,
) -> Store:
    """Return the records at a path as a store; nothing is read yet but the names of tables.

    path: a folder with a folder of Parquet parts, or one .parquet, .csv or .dta file, for each
    table; or a DuckDB file with the tables in it. engine: `duckdb`, `polars` or `spark`. spine,
    everyone: as of a store. Raises Malformed where nothing there is a declared table, UnknownLeaf
    where there is no such engine.
    """
    place = Path(path).expanduser()
    if not place.exists():
        beside = [item.name for item in place.parent.glob("*")] if place.parent.exists() else []
        raise Malformed(
            f"records: there is nothing at {place}.{nearest(place.name, beside)} Name a folder of "
            "tables or a DuckDB file."
        )
    load("engines", engine, kind=Engine)
    if place.is_dir() and (place / UNFINISHED).is_dir():
        raise Malformed(
            f"records: {place.name} is not finished: what wrote it was stopped. Run the same "
            "command again; it goes on where it stopped."
        )
    manifest = (read_manifest(place) if place.is_dir() else None) or Manifest()
    found = tables_in(place)
    files = {name: file for name, file in found.items() if name in TABLES}
    unknown = tuple(sorted(set(found) - set(TABLES)))
    if not files:
        raise Malformed(
            f"records: {place.name} holds no table of the standard"
            f"{'' if not unknown else ', only ' + listed(unknown)}. A folder has one folder or "
            f"file for each table, named as it is: {listed(sorted(TABLES))}."
        )
    return Store(place, engine, files, unknown, manifest, spine, everyone)


UNFINISHED = ".parts"  # what a build leaves behind until it is whole


def tables_in(place: Path) -> dict[str, TableFile]:
    """Return each table's file by the table's name; Malformed where one is there twice."""
    if place.is_file():
        if SUFFIXES.get(place.suffix.lower()) != "duckdb":
            raise Malformed(
                f'records: "{place.name}" is one table, or of no known form. Linked records are a '
                "folder with a folder or file for each table, or one DuckDB file."
            )
        return {
            name.lower(): TableFile(place, "duckdb", name.lower(), name, name, (place,))
            for name in tables_of(place)
        }
    found: dict[str, TableFile] = {}
    faults = []
    for item in sorted(place.iterdir()):
        if item.name.startswith(".") or item.name in (MANIFEST, *BESIDE):
            continue
        parts = item.is_dir() and any(item.rglob("*.parquet"))
        if not parts and not (item.is_file() and item.suffix.lower() in LOOSE):
            continue
        name = item.stem.lower()
        others = [
            path.name
            for path in sorted(item.rglob("*") if parts else ())
            if path.suffix.lower() in LOOSE and path.suffix.lower() != ".parquet"
        ]
        if others:
            faults.append(
                f"records: the folder {item.name} holds Parquet parts and {listed(others[:3])} "
                "beside them. Keep one form."
            )
        if name in found:
            faults.append(
                f'records: the table "{name}" is there twice: {found[name].path.name} and '
                f"{item.name}. Keep one."
            )
            continue
        spec = TABLES.get(name)
        held = table_file(TableSource(str(item.absolute())), text=spec.columns if spec else ())
        found[name] = TableFile(held.path, held.form, name, item.name, None, held.files, held.text)
    if faults:
        raise Malformed(faults)
    return found
