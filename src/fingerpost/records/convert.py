"""Converting a source's extracts into a folder of linked records, by adapters."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import narwhals as nw

import fingerpost
from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._csv import EVERY
from fingerpost.engines._session import tables_of
from fingerpost.engines._shared import SUFFIXES, TableFile, collected, int64, table_file
from fingerpost.records.adapter import ORDERS, Adapter, Rule, read_adapter
from fingerpost.records.alone import alone
from fingerpost.records.declarations import TABLES
from fingerpost.records.hospital import birth_records
from fingerpost.records.mapping import Source, as_declared, fits, one_each, source_of
from fingerpost.records.misfits import Looked, look, refuse
from fingerpost.records.writing import Manifest, begin, finish, kept, sink_part

Frame = nw.LazyFrame[Any]
HEALTH_ID, EDUCATION_ID = "TOKEN_PERSON_ID", "PupilMatchingRefAnonymous"
# A file of this name in a folder of extracts says that no child in them is real.
MADE_UP = "SYNTHETIC"
# What stands in the place of a file where a table was made of several.
MADE_OF_ALL = "all of these"
Plan = list[tuple[Adapter, Rule, list[str]]]


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
    the source that no adapter takes. notes: what is to be known of the whole, in words.
    """

    folder: Path
    pieces: tuple[Piece, ...]
    passed: tuple[str, ...]
    notes: tuple[str, ...] = ()


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
    dates: str | None = None,
    blank: bool = False,
    say: Callable[[str], None] = lambda words: None,
) -> Converted:
    """Convert every file of a source that an adapter takes; return what was made.

    source: a folder of CSV, Parquet and Stata files, one such file, or a DuckDB file. spine: a
    table with the columns TOKEN_PERSON_ID and PupilMatchingRefAnonymous; health rows that it does
    not link are left out. dates: which of day and month comes first where dates have strokes,
    `day-first` or `month-first`; None leaves it to the adapter and to what each column tells.
    blank: whether values that do not fit their column become missing, and are counted, instead of
    being faults. say: is told of each step. A run that stopped goes on where it was. Raises
    Malformed where no adapter takes any file, and with every misfit and unclear date; UsageError
    where `out` holds something else, or hospital and school rows have no spine to join them.
    """
    chosen = [read_adapter(name) for name in adapters]
    if dates:
        chosen = [replace(adapter, dates=known_order(dates)) for adapter in chosen]
    files = files_of(source)
    recipe = recipe_of(chosen, files, spine, blank=blank)
    engine = load("engines", "duckdb", kind=Engine)
    session = engine.session() if engine.session else None
    sources = opened(engine, session, files)
    plan = planned(chosen, sources)
    if not plan:
        raise Malformed(
            f"records: no adapter of {listed([a.name for a in chosen])} takes any file of "
            f"{source.name}: {listed(sorted(files))}. They go by the names of files and columns."
        )
    notes = lacking_links(plan, spine)
    linked = read_spine(engine, session, spine) if spine else None
    taken = {name for _, _, names in plan for name in names}
    passed = tuple(sorted(set(sources) - taken))
    with alone(out):
        if begin(out, recipe):
            return Converted(out, (), passed, notes)
        work = Work(engine, session, out, linked, say)
        try:
            looked = looked_through(work, plan, sources, files)
            refuse([each for group in looked for each in group], blank=blank)
            for (adapter, rule, _), group in zip(plan, looked, strict=True):
                made(work, adapter, rule, group)
            refuse_unlinked(work)
        except Malformed:
            # `begin` lets nothing but our own parts be here, and the same files would fail again.
            shutil.rmtree(out)
            raise
        options = {"adapters": [adapter.name for adapter in chosen]}
        by = f"fingerpost {fingerpost.__version__}"
        # A folder that says so itself holds made-up records, and what is made of it says so too.
        made_up = (source / MADE_UP).is_file()
        finish(out, Manifest(made_by=by, options=options, synthetic=made_up))
    return Converted(out, tuple(work.pieces), passed, notes)


def known_order(dates: str) -> str:
    """Return an order of day and month, or raise UsageError with those that there are."""
    if dates not in ORDERS:
        raise UsageError(f'--dates "{dates}" is neither {ORDERS[0]} nor {ORDERS[1]}.')
    return dates


def lacking_links(plan: Plan, spine: Path | None) -> tuple[str, ...]:
    """Return what no study could do with what is to be made, in words.

    Raises UsageError where health rows and education rows are to lie in one folder, and nothing
    says which child each health identifier is.
    """
    health = sorted({rule.table for _, rule, _ in plan if rule.link})
    others = sorted({rule.table for _, rule, _ in plan if not rule.link})
    if health and others and spine is None:
        raise UsageError(
            f"records: the rows of {listed(health).replace(' or ', ' and ')} bear health "
            "identifiers, and no spine says which "
            "child each is, so that none of them would be of any child in the school records. Name "
            f"it with --spine FILE (columns {HEALTH_ID} and {EDUCATION_ID}), or convert them apart."
        )
    if "child" not in others:
        return (
            "no file of these makes the table `child`, so that no study can read them alone: it is "
            "made of school censuses that hold month of birth.",
        )
    return ()


def refuse_unlinked(work: Work) -> None:
    """Raise Malformed where there were health rows, and the spine links none of them."""
    health = [piece for piece in work.pieces if piece.file != MADE_OF_ALL and piece.unlinked]
    left = sum(piece.unlinked for piece in health)
    kept_rows = sum(p.rows for p in work.pieces if p.table in {q.table for q in health})
    if left and not kept_rows:
        raise Malformed(
            f"records: the spine links none of the {left:,} health rows. Its {HEALTH_ID} must be "
            "written as it is in the extracts, letter by letter."
        )


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
    adapters: Sequence[Adapter], files: dict[str, TableFile], spine: Path | None, *, blank: bool
) -> dict[str, Any]:
    """Return everything that decides what is made, as digests."""
    said = {
        "adapters": [str(asdict(adapter)) for adapter in adapters],
        "files": {name: file.digest() for name, file in files.items()},
        "spine": table_file(TableSource(str(spine.absolute()))).digest() if spine else None,
        "blank": blank,
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


def planned(adapters: Sequence[Adapter], sources: dict[str, Frame]) -> Plan:
    """Return which rule takes which files, in the order of the adapters and their rules."""
    plan = []
    for adapter in adapters:
        read = {name: source_of(adapter, name, frame) for name, frame in sources.items()}
        for rule in adapter.rules:
            names = [name for name, source in read.items() if fits(rule, source)]
            if names:
                plan.append((adapter, rule, names))
    return plan


def looked_through(
    work: Work, plan: Plan, sources: dict[str, Frame], files: dict[str, TableFile]
) -> list[list[Looked]]:
    """Return, for each rule of a plan, its files looked through; nothing is written yet."""
    found = []
    for adapter, rule, names in plan:
        group = []
        for name in names:
            work.say(f"looking through {name} ({rule.table})")
            placed = partial(with_places, work, files[name], f"{name} for {rule.table}")
            source = source_of(adapter, name, sources[name])
            group.append(look(adapter, rule, source, placed=placed))
        found.append(group)
    return found


def with_places(work: Work, file: TableFile, called: str) -> Frame:
    """Return a file with its rows' places; called: its name in the session."""
    again = replace(file, name=called)
    frame: Frame
    (frame,) = work.engine.read([again], session=work.session, rows=True)
    return frame


def made(work: Work, adapter: Adapter, rule: Rule, group: Sequence[Looked]) -> None:
    """Convert the files of one kind."""
    frames = []
    for looked in group:
        source: Source = looked.source
        work.say(f"{source.name} → {rule.table}")
        linked, unlinked = joined(work, rule, as_declared(adapter, rule, source))
        frames.append(linked)
        # Of a table of which all rows become one a child nothing is written yet.
        rows = looked.rows - unlinked if rule.modal else wrote(work, rule.table, linked)
        wrong: dict[str, int] = {}
        for one in looked.misfits:
            wrong[one.column] = wrong.get(one.column, 0) + one.count
        work.pieces.append(Piece(source.name, rule.table, rows, tuple(wrong.items()), unlinked))
    if rule.modal:
        part = wrote(work, rule.table, one_each(rule, frames))
        work.pieces.append(Piece(MADE_OF_ALL, rule.table, part))
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
