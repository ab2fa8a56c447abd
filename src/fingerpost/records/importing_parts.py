"""The parts of an import under way: written one by one, each whole, and found again after a stop.

Until the last row is there they lie in a folder whose name begins with a dot, where no command
takes them for a table. What is noted beside them tells of no child: how far an import came is read
from its last part.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fingerpost
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.core.words import listing
from fingerpost.engines._shared import sha256
from fingerpost.records.alone import locked
from fingerpost.records.files import replace
from fingerpost.records.importing_types import TEXT, Column, array

# Readers of Parquet pass over a name that begins so.
MANIFEST = "_import.json"
FORMAT = 1
GROUP = 131_072


def now() -> str:
    """Return this moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Part:
    """One finished file: its name, rows, SHA-256 and size in bytes."""

    file: str
    rows: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the rows: where they come from, the query's digest, the key."""

    source: Mapping[str, Any]
    query_sha256: str
    key: str | None

    def data(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return it, and the columns, as plain data."""
        return {
            "source": dict(self.source),
            "query_sha256": self.query_sha256,
            "key": self.key,
            "columns": [
                {"name": c.name, "kind": c.kind, "type": c.said, "parquet": str(c.arrow())}
                for c in columns
            ],
        }


@dataclass(eq=False)
class Import:
    """An import under way or finished: what it is, and the parts that are there whole.

    place: where its parts lie until it is finished; home: where they lie then.
    """

    place: Path
    home: Path
    recipe: dict[str, Any]
    columns: tuple[Column, ...]
    parts: list[Part] = field(default_factory=list)
    started: str = field(default_factory=now)

    @property
    def rows(self) -> int:
        """How many rows the parts hold."""
        return sum(part.rows for part in self.parts)

    def note(self, finished: str | None = None) -> None:
        """Write down how far the import is."""
        said = {
            "format": FORMAT,
            "made_by": f"fingerpost {fingerpost.__version__}",
            **self.recipe,
            "rows": self.rows,
            "parts": [asdict(part) for part in self.parts],
            "started": self.started,
            "finished": finished,
        }
        replace(self.place / MANIFEST, json.dumps(said, indent=1, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Note the end, and put the whole folder where it is found."""
        self.note(now())
        os.replace(self.place, self.home)

    def leave(self, error: BaseException) -> None:
        """Keep, of an import that ended by an error, what the next run can go on with: whole parts
        in the order of a key, unless what is wrong lasts, so that another query is to be asked.
        """
        if isinstance(error, Malformed) or self.recipe["key"] is None or not self.parts:
            shutil.rmtree(self.place, ignore_errors=True)


@contextmanager
def running(out: Path, name: str) -> Iterator[None]:
    """A block in which this process alone imports a table into a folder; it makes the folder.

    What is held is a lock of SQLite's, which every system lets go when a process ends, however it
    ends. Raises FingerpostError where another process holds it. Of a folder that was made and got
    nothing, nothing is left.
    """
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    words = (
        f"{out / name} is being written by another import. Wait for its end, or name another "
        "folder (--out)."
    )
    try:
        with locked(out / f".{name}.lock", words=words):
            yield
    finally:
        if made:
            with suppress(OSError):
                out.rmdir()


def finished(home: Path) -> dict[str, Any] | None:
    """Return the manifest of a finished import at a place, or None where nothing is there.

    Raises UsageError where something else is.
    """
    if not home.exists():
        return None
    said = read(home)
    if said is None:
        raise UsageError(
            f"{home} is there already and no import of ours made it. Name another folder."
        )
    return said


def read(folder: Path) -> dict[str, Any] | None:
    """Return the manifest in a folder, or None where it has none that can be read."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = said["format"] == FORMAT and {"query_sha256", "columns", "parts"} <= set(said)
        for part in said["parts"]:
            Part(**part)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return said if whole else None


def begin(place: Path, home: Path, recipe: Recipe, columns: tuple[Column, ...]) -> Import:
    """Return the import to go on with: its whole parts kept, all else removed.

    Without a key no order is sure, so that it starts afresh. Raises UsageError where what was
    begun there is another query, or has other columns.
    """
    wanted = recipe.data(columns)
    going = Import(place, home, wanted, columns)
    said = read(place) if place.is_dir() else None
    if said is not None:
        refuse_change(place, said, wanted)
        if recipe.key is not None:
            going.started = said["started"]
            going.parts = list(whole_parts(place, said["parts"]))
    kept = {part.file for part in going.parts}
    place.mkdir(parents=True, exist_ok=True)
    for item in place.iterdir():
        if item.name not in kept and (item.suffix == ".parquet" or item.name.startswith(".")):
            item.unlink()
    going.note()
    return going


def refuse_change(place: Path, said: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise UsageError where an import that was begun is not the one that is asked for."""
    told = {
        "source": "another server or database",
        "query_sha256": "another table or query",
        "key": "another --key",
        "columns": "other columns, or columns of other types",
    }
    changed = [words for name, words in told.items() if said.get(name) != wanted[name]]
    if changed:
        raise UsageError(
            f"{place} holds an import that was begun with {' and '.join(changed)}. Ask for the "
            "same again to go on, or remove that folder to begin anew."
        )


def whole_parts(place: Path, noted: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    """Yield the parts that are there as they were noted, up to the first that is not."""
    for said in noted:
        part = Part(**said)
        if not is_whole(place, part):
            return
        yield part


def is_whole(place: Path, part: Part) -> bool:
    """Return whether a part is there as it was noted."""
    path = place / part.file
    return path.is_file() and path.stat().st_size == part.size and sha256(path) == part.sha256


def refuse_damaged(home: Path, said: Mapping[str, Any]) -> None:
    """Raise FingerpostError unless a finished import holds its parts as noted, and no other."""
    parts = [Part(**part) for part in said["parts"]]
    changed = [part.file for part in parts if not is_whole(home, part)]
    known = {part.file for part in parts}
    other = sorted(path.name for path in home.glob("*.parquet") if path.name not in known)
    faults = []
    if changed:
        faults.append(f"{listing(changed)}: not there, or not as the import wrote it")
    if other:
        faults.append(f"{listing(other)}: not of this import, though readers would take it for so")
    if faults:
        raise FingerpostError(
            f"{home}: {'; '.join(faults)}. Remove that folder and run the same command again, or "
            "name another (--out)."
        )


def last_value(going: Import, key: str) -> Any:
    """Return the key of the last row that is there."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(going.place / going.parts[-1].file) as file:
        column = file.read_row_group(file.num_row_groups - 1, columns=[key])[key]
    return column[-1].as_py()


def cut(
    batches: Iterable[Sequence[Sequence[Any]]], key: int | None, size: int
) -> Iterator[Sequence[Sequence[Any]] | None]:
    """Yield rows, and None where a part ends: after `size` rows, but never amid one key.

    >>> rows = [[(1,), (2,), (2,)], [(2,), (3,)]]
    >>> list(cut(rows, 0, 2))
    [[(1,), (2,)], [(2,)], [(2,)], None, [(3,)]]
    """
    count, last = 0, None
    for rows in batches:
        start = 0
        while start < len(rows):
            if count < size:
                end = min(len(rows), start + size - count)
            else:
                end = start
                while end < len(rows) and key is not None and same(rows[end][key], last):
                    end += 1
            if end > start:
                yield rows[start:end]
                count += end - start
                last = None if key is None else rows[end - 1][key]
            if (
                end < len(rows)
                and count >= size
                and not (key is not None and same(rows[end][key], last))
            ):
                yield None
                count = 0
            start = end


def same(one: Any, other: Any) -> bool:
    """Return whether a server may take two keys for equal: many pass over case and end spaces."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold().rstrip(" ") == other.casefold().rstrip(" ")
    return bool(one == other)


class Writer:
    """Writes rows to one part after another, a row group at a time in memory."""

    def __init__(self, going: Import, *, key: str | None) -> None:
        import pyarrow as pa

        self.going = going
        self.columns = going.columns
        self.key = key
        self.schema = pa.schema([(column.name, column.arrow()) for column in self.columns])
        self.beside = going.place / f".part.{os.getpid()}.tmp"
        self.waiting: list[Any] = []
        self.rows = 0
        self.file: Any = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.waiting.clear()
        if self.file is not None:
            self.file.close()
            self.file = None
        self.beside.unlink(missing_ok=True)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to the part under way."""
        import pyarrow as pa

        arrays = [
            # A key of text is kept to the letter: the server is asked for what comes after it.
            array(column, values, exact=column.kind == TEXT and column.name == self.key)
            for column, values in zip(self.columns, zip(*rows, strict=True), strict=True)
        ]
        self.waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        self.rows += len(rows)
        if sum(batch.num_rows for batch in self.waiting) >= GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.file is None:
            # Without Arrow's own schema, text is plain text to every reader.
            self.file = pq.ParquetWriter(
                self.beside, self.schema, compression="zstd", store_schema=False
            )
        table = pa.Table.from_batches(self.waiting, schema=self.schema)
        self.waiting.clear()
        if table.num_rows:
            self.file.write_table(table, row_group_size=GROUP)

    def end(self) -> None:
        """Finish the part under way: on disk whole, then noted."""
        self.flush()
        self.file.close()
        self.file = None
        name = f"part-{len(self.going.parts):05}.parquet"
        size = self.beside.stat().st_size
        part = Part(name, self.rows, sha256(self.beside), size)
        os.replace(self.beside, self.going.place / name)
        self.rows = 0
        self.going.parts.append(part)
        self.going.note()


def key_column(columns: Sequence[Column], key: str, kinds: Sequence[str]) -> int:
    """Return where the key stands among the columns; UsageError where it cannot be gone by."""
    at = next((at for at, column in enumerate(columns) if column.name == key), None)
    if at is None:
        named = ", ".join(column.name for column in columns)
        raise UsageError(f"--key {key}: there is no such column. There are: {named}.")
    if columns[at].kind not in kinds:
        raise UsageError(
            f"--key {key}: this column is a {columns[at].kind}; rows can be ordered by a whole "
            "number, a day, a moment or text."
        )
    return at
