"""Converting a source's extracts into a folder of linked records, by adapters."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw

import fingerpost
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._csv import EVERY
from fingerpost.engines._session import tables_of
from fingerpost.engines._shared import SUFFIXES, TableFile, collected, int64, table_file
from fingerpost.records.adapter import Adapter, Rule, read_adapter
from fingerpost.records.declarations import TABLES
from fingerpost.records.hospital import birth_records
from fingerpost.records.mapping import as_declared, fits, misfits, one_each, source_of
from fingerpost.records.writing import Manifest, begin, finish, kept, sink_part

Frame = nw.LazyFrame[Any]
HEALTH_ID, EDUCATION_ID = "TOKEN_PERSON_ID", "PupilMatchingRefAnonymous"
# A file of this name in a folder of extracts says that no child in them is real.
MADE_UP = "SYNTHETIC"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file converted: into which table, how many rows, and what did not fit.

    misfits: (column, values that were not of its kind and are missing). unlinked: rows left out as
    their health identifier is not in the spine.
    """

    file: str
    table: str
    rows: int
    misfits: tuple[tuple[str, int], ...] = ()
    unlinked: int = 0


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion made. pieces: empty where an earlier run had made it all. passed: files of
    the source that no adapter takes.
    """

    folder: Path
    pieces: tuple[Piece, ...]
    passed: tuple[str, ...]


@dataclass(eq=False)
class Work:
    """A conversion under way: its session, where it writes, what it has made."""

    engine: Engine
    session: Any
    folder: Path
    spine: Frame | None
    say: Callable[[str], None]
    parts: dict[str, int] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    def place(self, table: str) -> int:
        """Return the number of a table's next part."""
        self.parts[table] = self.parts.get(table, -1) + 1
        return self.parts[table]


def convert(
    source: Path,
    adapters: Sequence[str | Path],
    *,
    out: Path,
    spine: Path | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> Converted:
    """Convert every file of a source that an adapter takes; return what was made.

    source: a folder of CSV, Parquet and Stata files, one such file, or a DuckDB file. spine: a
    table with the columns TOKEN_PERSON_ID and PupilMatchingRefAnonymous; health rows that it does
    not link are left out. say: is told of each step. A run that stopped goes on where it was.
    Raises Malformed where no adapter takes any file, UsageError where `out` holds something else.
    """
    chosen = [read_adapter(name) for name in adapters]
    files = files_of(source)
    recipe = recipe_of(chosen, files, spine)
    engine = load("engines", "duckdb", kind=Engine)
    session = engine.session() if engine.session else None
    sources = opened(engine, session, files)
    plan = planned(chosen, sources)
    if not plan:
        raise Malformed(
            f"records: no adapter of {listed([a.name for a in chosen])} takes any file of "
            f"{source.name}: {listed(sorted(files))}. They go by the names of files and columns."
        )
    linked = read_spine(engine, session, spine) if spine else None
    taken = {name for _, _, names in plan for name in names}
    passed = tuple(sorted(set(sources) - taken))
    if begin(out, recipe):
        return Converted(out, (), passed)
    work = Work(engine, session, out, linked, say)
    try:
        for adapter, rule, names in plan:
            made(work, adapter, rule, {name: sources[name] for name in names})
    except Malformed:
        # `begin` lets nothing but our own parts be here, and the same files would fail again.
        shutil.rmtree(out)
        raise
    options = {"adapters": [adapter.name for adapter in chosen]}
    by = f"fingerpost {fingerpost.__version__}"
    # A folder that says so itself holds made-up records, and whatever is made of it says so too.
    made_up = (source / MADE_UP).is_file()
    finish(out, Manifest(made_by=by, options=options, synthetic=made_up))
    return Converted(out, tuple(work.pieces), passed)


def files_of(source: Path) -> dict[str, TableFile]:
    """Return the tables of a source by name; every column of a CSV stays text."""
    if not source.exists():
        raise Malformed(f"records: there is nothing at {source}.")
    if source.is_file() and SUFFIXES.get(source.suffix.lower()) == "duckdb":
        return {
            name: TableFile(source, "duckdb", name, name, name, (source,))
            for name in tables_of(source)
        }
    items = [source] if source.is_file() else sorted(source.iterdir())
    found = {}
    for item in items:
        parts = item.is_dir() and any(item.rglob("*.parquet"))
        if item.name.startswith(".") or not (parts or SUFFIXES.get(item.suffix.lower())):
            continue
        name = item.stem if item.stem not in found else item.name
        file = table_file(TableSource(str(item.absolute())), text=(EVERY,))
        found[name] = TableFile(file.path, file.form, name, item.name, None, file.files, file.text)
    if not found:
        raise Malformed(f"records: {source.name} holds no table.")
    return found


def recipe_of(
    adapters: Sequence[Adapter], files: dict[str, TableFile], spine: Path | None
) -> dict[str, Any]:
    """Return everything that decides what is made, as digests."""
    said = {
        "adapters": [str(asdict(adapter)) for adapter in adapters],
        "files": {name: file.digest() for name, file in files.items()},
        "spine": table_file(TableSource(str(spine.absolute()))).digest() if spine else None,
        "version": fingerpost.__version__,
    }
    return {"digest": hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()}


def opened(engine: Engine, session: Any, files: dict[str, TableFile]) -> dict[str, Frame]:
    """Return every file as a lazy frame; all that cannot be read are told of at once."""
    frames: dict[str, Frame] = {}
    faults: list[str] = []
    for name, file in files.items():
        try:
            (frames[name],) = engine.read([file], session=session, rows=False)
        except Malformed as fault:
            faults += fault.problems
    if faults:
        raise Malformed(faults)
    return frames


def planned(
    adapters: Sequence[Adapter], sources: dict[str, Frame]
) -> list[tuple[Adapter, Rule, list[str]]]:
    """Return which rule takes which files, in the order of the adapters and their rules."""
    plan = []
    for adapter in adapters:
        read = {name: source_of(adapter, name, frame) for name, frame in sources.items()}
        for rule in adapter.rules:
            names = [name for name, source in read.items() if fits(rule, source)]
            if names:
                plan.append((adapter, rule, names))
    return plan


def made(work: Work, adapter: Adapter, rule: Rule, sources: dict[str, Frame]) -> None:
    """Convert the files of one kind."""
    frames = []
    for name, frame in sources.items():
        work.say(f"{name} → {rule.table}")
        source = source_of(adapter, name, frame)
        text, rows = as_declared(adapter, rule, source)
        tests = misfits(rule, text)
        sums = [int64(test.cast(nw.Int64).sum()).alias(column) for column, test in tests.items()]
        counts = collected(text.select(int64(nw.len()).alias("(rows)"), *sums), name).row(
            0, named=True
        )
        wrong = tuple((column, counts[column]) for column in tests if counts[column])
        linked, unlinked = joined(work, rule, rows)
        frames.append(linked)
        total = counts["(rows)"] - unlinked
        if not rule.modal:
            wrote(work, rule.table, linked)
        work.pieces.append(Piece(name, rule.table, total, wrong, unlinked))
    if rule.modal:
        part = wrote(work, rule.table, one_each(rule, frames))
        work.pieces.append(Piece("all of these", rule.table, part))
    if "birth" in rule.derive:
        # One path for every study: the same rules that clean a frame make the table.
        births = birth_records(nw.concat(frames, how="vertical"))
        part = wrote(work, "birth", births.select(*TABLES["birth"].columns))
        work.pieces.append(Piece(f"from {rule.table}", "birth", part))


def joined(work: Work, rule: Rule, rows: Frame) -> tuple[Frame, int]:
    """Return rows under the child's own identifier, and how many could not be linked."""
    if work.spine is None or not rule.link:
        return rows, 0
    known = rows.rename({"child_id": HEALTH_ID}).join(work.spine, on=HEALTH_ID, how="inner")
    linked = known.select(*TABLES[rule.table].columns)
    before = collected(rows.select(int64(nw.len()).alias("n")), rule.table).row(0)[0]
    after = collected(linked.select(int64(nw.len()).alias("n")), rule.table).row(0)[0]
    return linked, before - after


def wrote(work: Work, table: str, rows: Frame) -> int:
    """Write the next part of a table, unless an earlier run did; return its rows."""
    index = work.place(table)
    part = kept(work.folder, table, index=index)
    if part is None:
        key = [name for name in TABLES[table].key if name in TABLES[table].columns] or ["child_id"]
        part = sink_part(work.folder, table, index=index, frame=rows.sort(*key))
    return part.rows


def read_spine(engine: Engine, session: Any, path: Path) -> Frame:
    """Return the spine as pairs of a health identifier and a child, each health identifier once.

    Raises Malformed for missing columns, or a health identifier that leads to several children.
    """
    file = table_file(TableSource(str(path.absolute())), text=(EVERY,))
    named = TableFile(file.path, file.form, "(spine)", path.name, None, file.files, file.text)
    frame: Frame
    (frame,) = engine.read([named], session=session, rows=False)
    names = {name.lower(): name for name in frame.collect_schema().names()}
    wanted = (HEALTH_ID, EDUCATION_ID)
    if missing := [name for name in wanted if name.lower() not in names]:
        raise Malformed(f'records: the spine "{path.name}" has no column {listed(missing)}.')
    pairs = frame.select(
        nw.col(names[HEALTH_ID.lower()]).cast(nw.String).alias(HEALTH_ID),
        nw.col(names[EDUCATION_ID.lower()]).cast(nw.String).alias("child_id"),
    ).unique()
    several = pairs.group_by(HEALTH_ID).agg(int64(nw.len()).alias("n")).filter(nw.col("n") > 1)
    count = collected(several.select(int64(nw.len()).alias("n")), path.name).row(0)[0]
    if count:
        raise Malformed(
            f'records: in the spine "{path.name}" {count} health identifiers lead to several '
            "children. Keep one child for each."
        )
    return pairs
