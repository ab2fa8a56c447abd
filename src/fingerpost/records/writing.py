"""Writing a folder of linked records: parts, then the manifest; interruptible, never half-written.

    begin(folder, recipe)                  # refuses a folder that holds anything else
    if not kept(folder, "child", index=0):   # a part that an earlier run finished is kept
        write_part(folder, "child", index=0, rows=rows)
    finish(folder, manifest)

A part is written under a temporary name, then renamed; beside it, until the end, a note of its rows
and digest. Different parts may be written by different processes at once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.engines._shared import sha256, sink
from fingerpost.records.declarations import SCHEMA_VERSION, TABLES
from fingerpost.records.fields import HOSPITAL_ID, TableSpec, by_hospital

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

FORMAT = 1
MANIFEST = "manifest.json"
NOTES = ".parts"
RECIPE = "recipe.json"
# Rows of a Parquet row group: what engines share out among processors.
GROUP = 131_072


@dataclass(frozen=True, slots=True)
class Part:
    """One finished part of a table: its rows, its digest, its size in bytes, its columns."""

    rows: int
    sha256: str
    size: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of records holds, and who made it.

    made_by: program and version. synthetic: whether no child in it is real. seed, options: what
    made it, where it was made. tables: table → rows and files (rows and SHA-256 of each).
    code_lists: name → version or digest of the code lists used. recipe: see `begin`.
    """

    made_by: str = ""
    synthetic: bool = False
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    code_lists: Mapping[str, str] = field(default_factory=dict)
    schema_version: str = SCHEMA_VERSION
    format: int = FORMAT
    recipe: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None where it has none; Malformed where it is broken."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    if not is_manifest(path):
        raise Malformed(
            f'records: "{MANIFEST}" in {folder.name} is no manifest of records: it cannot be read, '
            "or another file was written over it. Take that file away (the folder is readable "
            "without it), or take the whole folder away and run again what made it."
        )
    said = json.loads(path.read_text(encoding="utf-8"))
    found = Manifest(**{key: said[key] for key in Manifest.__dataclass_fields__ if key in said})
    if found.format != FORMAT or found.schema_version != SCHEMA_VERSION:
        raise Malformed(
            f"records: {folder.name} is of format {found.format}, schema version "
            f"{found.schema_version}; this version reads format {FORMAT}, schema version "
            f"{SCHEMA_VERSION}. Make the records again with this version."
        )
    return found


def is_manifest(path: Path) -> bool:
    """Return whether a file is a manifest of records, of whichever format."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {"made_by", "tables", "format", "schema_version"} <= set(said) and all(
            {"rows", "files"} <= set(table) for table in said["tables"].values()
        )
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False


def begin(folder: Path, recipe: Mapping[str, Any]) -> bool:
    """Make a folder ready for parts; return whether it is already finished by the same recipe.

    recipe: everything that decides what the parts hold (numbers and text): a later run with the
    same recipe goes on where this one stopped. Raises UsageError where the folder holds something
    else, which is never written over.
    """
    said = json.loads(json.dumps(dict(recipe)))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder that is new or empty.")
    notes = folder / NOTES
    done = read_manifest(folder) if folder.is_dir() else None
    begun = notes / RECIPE
    if done is not None:
        if dict(done.recipe) == said:
            return True
        raise UsageError(f"{folder} already holds records made otherwise. Name another folder.")
    if begun.is_file():
        if json.loads(begun.read_text(encoding="utf-8")) == said:
            return False
        raise UsageError(
            f"{folder} holds records begun with other options. Go on with those options, or name "
            "another folder."
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Name a folder that is new or empty.")
    notes.mkdir(parents=True)
    written(begun, json.dumps(said, indent=1, sort_keys=True))
    return False


def kept(folder: Path, table: str, *, index: int) -> Part | None:
    """Return the note of a part that is there whole, or None where it must be made (again)."""
    path, note = part_path(folder, table, index), note_path(folder, table, index)
    if not (path.is_file() and note.is_file()):
        return None
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        part = Part(**{**said, "columns": tuple(said["columns"])})
    except (ValueError, TypeError, KeyError):
        return None
    if path.stat().st_size != part.size or sha256(path) != part.sha256:
        return None
    return part


def write_part(folder: Path, table: str, *, index: int, rows: pa.Table) -> Part:
    """Write one part of a table, in the declared types and order of columns; return its note.

    rows: an Arrow table, sorted by child. Text may be dictionary-encoded. NaN becomes missing.
    Raises Malformed for a table or column that is not declared, a required column that is not
    there, or values that do not fit the declared type.
    """
    import pyarrow.parquet as pq

    spec = spec_of(table)
    ready = canonical(rows, by_hospital(spec) if HOSPITAL_ID in rows.column_names else spec)

    def write(path: Path) -> None:
        # Without Arrow's own schema, text is plain text to every reader.
        pq.write_table(
            ready,
            path,
            compression="zstd",
            row_group_size=GROUP,
            store_schema=False,
            write_page_index=True,
        )

    return noted(folder, table, index, write)


def sink_part(folder: Path, table: str, *, index: int, frame: nw.LazyFrame[Any]) -> Part:
    """Write one part of a table from a lazy frame, not held in memory; return its note.

    frame: every declared column in its declared type, sorted by child.
    """
    columns = spec_of(table).columns
    return noted(folder, table, index, lambda path: sink(frame.select(*columns), path, rows=GROUP))


def noted(folder: Path, table: str, index: int, write: Callable[[Path], None]) -> Part:
    """Write a part under a temporary name, rename it, and note it; return the note."""
    import pyarrow.parquet as pq

    path = part_path(folder, table, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(beside)
        # Closed before it is renamed: Windows lets no file go that is held open.
        with pq.ParquetFile(beside) as held:
            columns, rows = tuple(held.schema_arrow.names), held.metadata.num_rows
        part = Part(rows, sha256(beside), beside.stat().st_size, columns)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    note = note_path(folder, table, index)
    note.parent.mkdir(parents=True, exist_ok=True)
    written(note, json.dumps(asdict(part)))
    return part


def finish(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest over every part that was noted, and take the notes away; return it.

    Raises Malformed where parts of one table have different columns.
    """
    notes = folder / NOTES
    tables: dict[str, Any] = {}
    faults = []
    for place in sorted(path for path in notes.iterdir() if path.is_dir()):
        parts = {
            f"{path.stem}.parquet": json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(place.glob("part-*.json"))
        }
        if len({tuple(part["columns"]) for part in parts.values()}) > 1:
            faults.append(f"records: the parts of {place.name} have different columns.")
        tables[place.name] = {
            "rows": sum(part["rows"] for part in parts.values()),
            "files": {
                name: {"rows": part["rows"], "sha256": part["sha256"]}
                for name, part in parts.items()
            },
        }
    if faults:
        raise Malformed(faults)
    recipe = json.loads((notes / RECIPE).read_text(encoding="utf-8"))
    whole = replace(manifest, tables=tables, recipe=recipe)
    written(folder / MANIFEST, json.dumps(asdict(whole), indent=1, sort_keys=True) + "\n")
    shutil.rmtree(notes)
    return whole


def part_path(folder: Path, table: str, index: int) -> Path:
    """Return where a part lies."""
    return folder / table / f"part-{index:05}.parquet"


def note_path(folder: Path, table: str, index: int) -> Path:
    """Return where the note of a part lies until the records are finished."""
    return folder / NOTES / table / f"part-{index:05}.json"


def written(path: Path, words: str) -> None:
    """Write a small file under a temporary name, then rename it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(words, encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def spec_of(table: str) -> TableSpec:
    """Return a table's declaration; UsageError where there is none of that name."""
    if table not in TABLES:
        raise UsageError(
            f'records: there is no table "{table}".{nearest(table, TABLES)} There are: '
            f"{listed(sorted(TABLES))}."
        )
    return TABLES[table]


def canonical(rows: pa.Table, spec: TableSpec) -> pa.Table:
    """Return an Arrow table in the declared types and order of columns."""
    import pyarrow as pa

    unknown = [name for name in rows.column_names if name not in spec.columns]
    lacking = [f.name for f in spec.fields if f.required and f.name not in rows.column_names]
    faults = [f'{spec.name}: column "{name}" is not declared.' for name in unknown]
    faults += [f'{spec.name}: column "{name}" is required.' for name in lacking]
    columns: dict[str, pa.ChunkedArray] = {}
    for declared in spec.fields:
        if declared.name not in rows.column_names:
            continue
        try:
            columns[declared.name] = cast_array(rows[declared.name], declared.kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            # What Arrow says may quote a value.
            kind = rows[declared.name].type
            faults.append(f'{spec.name}: column "{declared.name}" ({kind}) is not {declared.kind}.')
    if faults:
        raise Malformed(faults)
    return pa.table(columns)


def cast_array(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """Return a column in the Arrow type of a kind; text that is dictionary-encoded stays so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held = column.type
    if kind in ("code", "text"):
        coded = pa.types.is_dictionary(held) and pa.types.is_string(held.value_type)
        return column if coded else column.cast(pa.string())
    if kind == "date":
        return column.cast(pa.date32())
    if pa.types.is_floating(held):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, held), column)
    if kind == "float":
        return column.cast(pa.float64())
    if kind == "id" and not pa.types.is_integer(held):
        coded = pa.types.is_dictionary(held)
        return column.cast(held.value_type if coded else pa.string()).cast(pa.string())
    return column.cast(pa.int64())
