"""A synthetic England as extracts of national collections: the files, columns and codes that
`records convert` reads, so that the way from an extract to an answer can be walked without one.

What a file holds is read off the adapters themselves, the other way round: the first name that an
adapter knows for a column, a code that it would call as the records do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from fingerpost.core.errors import UsageError
from fingerpost.england.extract_noise import Coding, as_coded, two_rolls
from fingerpost.records.adapter import Rule, read_adapter
from fingerpost.records.convert import EDUCATION_ID, HEALTH_ID, MADE_UP
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import Store

# File names as the collections bear them; TERM and YEAR stand for themselves.
FILES = {
    "school_census": "TERM_Census_YEAR",
    "early_years_census": "Early_Years_Census_YEAR",
    "ap_census": "AP_Census_YEAR",
    "absence": "Absence_3term_YEAR",
    "exclusion": "Exclusion_YEAR",
    "eyfsp": "EYFSP_YEAR",
    "phonics": "Phonics_YEAR",
    "ks2": "KS2Pupil_YEAR",
    "hes_apc": "HES_APC",
    "hes_ae": "HES_AE",
    "hes_op": "HES_OP",
}
TERMS = {"AUT": "Autumn", "SPR": "Spring", "SUM": "Summer"}
CHILD = ("sex", "ethnicity", "first_language", "birth_month")
SPINE = "spine.csv"
AS_TRUE = Coding()
CODING_WORDS = (
    "Of each diagnosis, the chance that it is missing: {coding.missing:g}; that a neighbouring "
    "category stands in its place: {coding.miscoded:g}.\n"
)
MADE_UP_WORDS = "The records in this folder are made up. No child in them is real.\n"
# Identifiers of the collections: each child has one in each, and neither tells the other.
PRIME, EDUCATION, HEALTH = 2_147_483_647, 1_103_515_245, 1_597_334_677


def extract(
    store: Store,
    out: Path,
    *,
    years: tuple[int, int] | None = None,
    coding: Coding = AS_TRUE,
    say: Callable[[str], None] = lambda words: None,
) -> tuple[Path, ...]:
    """Write the extracts of a synthetic England into a new or empty folder; return their paths.

    Beside the folder of extracts (`extracts`) lies the spine, which says which child each health
    identifier is. It holds the children of the school censuses alone: who else a hospital saw,
    education records cannot say. years: academic years of the education files, by the year in which
    each ends, both ends included; all where None. coding: how often a diagnosis is missing or
    wrong; never by default, and said in the file SYNTHETIC. Raises UsageError for records that are
    not synthetic, or a folder that is not empty. Nothing is half-written: all lies in a hidden
    folder beside until the last file is there.
    """
    if not store.synthetic:
        raise UsageError(
            "Extracts are written of a synthetic England alone; these records are not."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: this is not an empty folder. Name a new one.")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        made = filled(store, aside, years=years, coding=coding, say=say)
        aside.chmod(0o755)
        if out.exists():
            out.rmdir()
        os.replace(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return tuple(out / path.relative_to(aside) for path in made)


def filled(
    store: Store,
    out: Path,
    *,
    years: tuple[int, int] | None,
    coding: Coding,
    say: Callable[[str], None],
) -> list[Path]:
    """Write the extracts and the spine into a folder; return their paths."""
    folder = out / "extracts"
    folder.mkdir()
    words = MADE_UP_WORDS + CODING_WORDS.format(coding=coding)
    (folder / MADE_UP).write_text(words, encoding="utf-8")
    made: list[Path] = []
    for name in ("npd", "hes"):
        adapter = read_adapter(name)
        for rule in adapter.rules:
            if rule.table in FILES and rule.table in store.tables:
                say(f"{name}: {rule.table}")
                made += [
                    saved(frame, folder / f"{stem}.csv")
                    for stem, frame in files_of(store, rule, years, coding)
                ]
    made.append(saved(spine(store, years), out / SPINE))
    return made


def files_of(
    store: Store, rule: Rule, years: tuple[int, int] | None, coding: Coding
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the files of one table of an adapter: their names and what they hold."""
    frame, stem = store.frame(rule.table), FILES[rule.table]
    if "YEAR" not in stem:
        yield stem, named(rule, diagnosed(rule, fetched(frame, rule), coding), suffix="")
        return
    frame = within(frame, years).join(pupils(store, years), on="child_id", how="semi")
    children = fetched(store.frame("child").select("child_id", *CHILD), rule)
    for (year,) in frame.select("academic_year").unique().sort("academic_year").collect().rows():
        whole = fetched(frame.filter(nw.col("academic_year") == year), rule)
        told = stem.replace("YEAR", str(year))
        if rule.wide:
            yield told, widened(rule, whole)
        elif "TERM" not in stem:
            yield told, named(rule, whole, suffix="")
        else:
            rolls = two_rolls(whole, int(year))
            both = rolls.join(children, keys="child_id").sort_by(order_of(rule, rolls))
            for term, words in TERMS.items():
                mine = both.filter(pc.equal(both["term"], term))
                if mine.num_rows:
                    suffix = f"_{term}{int(year) % 100:02d}"
                    yield told.replace("TERM", words), named(rule, mine, suffix=suffix)


def within(frame: nw.LazyFrame[Any], years: tuple[int, int] | None) -> nw.LazyFrame[Any]:
    """Return the rows of some academic years."""
    return frame if years is None else frame.filter(nw.col("academic_year").is_between(*years))


def pupils(store: Store, years: tuple[int, int] | None) -> nw.LazyFrame[Any]:
    """Return the children who are in some school census of some academic years."""
    return within(store.frame("school_census"), years).select("child_id").unique()


def fetched(frame: nw.LazyFrame[Any], rule: Rule) -> pa.Table:
    """Return the rows of a frame in a fixed order."""
    table: pa.Table = frame.collect("pyarrow").to_native()
    return table.sort_by(order_of(rule, table))


def order_of(rule: Rule, table: pa.Table) -> list[tuple[str, str]]:
    """Return by what rows are sorted: the table's key, else every column."""
    keys = [name for name in TABLES[rule.table].key if name in table.column_names]
    return [(name, "ascending") for name in keys or table.column_names]


def named(rule: Rule, table: pa.Table, *, suffix: str) -> pa.Table:
    """Return a table with the names and codes of its collection."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for ours, names in rule.columns.items():
        if ours in table.column_names and "{" not in names[0]:
            columns[names[0] + suffix] = written(rule, ours, table[ours])
    for stem, numbered in rule.numbered.items():
        for at in range(1, numbered.count + 1):
            if f"{stem}_{at:02}" in table.column_names:
                columns[numbered.names[0].format(n=f"{at:02}")] = table[f"{stem}_{at:02}"]
    if rule.table == "school_census":
        columns |= {f"{name}{suffix}": cells for name, cells in of_child(table).items()}
    return pa.table(columns)


def diagnosed(rule: Rule, table: pa.Table, coding: Coding) -> pa.Table:
    """Return a table with its diagnoses as coders wrote them."""
    if "diag" not in rule.numbered:
        return table
    for at in range(1, rule.numbered["diag"].count + 1):
        name = f"diag_{at:02}"
        if name in table.column_names:
            cells = as_coded(table[name], name, coding)
            table = table.set_column(table.column_names.index(name), name, cells)
    return table


def of_child(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return what a census says of the child itself."""
    rule = next(rule for rule in read_adapter("npd").rules if rule.table == "child")
    found = {
        rule.columns[ours][0]: written(rule, ours, table[ours])
        for ours in CHILD
        if ours in rule.columns
    }
    parts = rule.birth_parts
    found[parts["year"][0]] = pc.year(table["birth_month"])
    found[parts["month"][0]] = pc.month(table["birth_month"])
    return found


def widened(rule: Rule, table: pa.Table) -> pa.Table:
    """Return rows a term as one row a child and school, its terms side by side."""
    plain = [ours for ours, names in rule.columns.items() if "{" not in names[0]]
    keys = [ours for ours in plain if ours in table.column_names]
    by_term = [o for o, n in rule.columns.items() if "{" in n[0] and o in table.column_names]
    whole = table.select(keys).group_by(keys).aggregate([])
    for term, words in rule.wide.items():
        mine = table.filter(pc.equal(table["term"], term)).select([*keys, *by_term])
        names = [rule.columns[ours][0].replace("{term}", words[0]) for ours in by_term]
        whole = whole.join(mine.rename_columns([*keys, *names]), keys=keys, join_type="left outer")
    whole = whole.sort_by([(name, "ascending") for name in keys])
    cells = {rule.columns[ours][0]: written(rule, ours, whole[ours]) for ours in keys}
    return pa.table({**cells, **{n: whole[n] for n in whole.column_names if n not in keys}})


def written(rule: Rule, ours: str, cells: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return a column as its collection writes it: identifiers of its own, its own codes."""
    if ours == "child_id":
        return identifiers(cells, HEALTH if rule.link else EDUCATION)
    back = written_codes(rule, ours)
    if not rule.codes.get(ours):
        return cells
    held = cells.cast(pa.string())
    for value, code in back.items():
        held = pc.if_else(pc.equal(cells.cast(pa.string()), value), code, held)
    return held


def written_codes(rule: Rule, ours: str) -> dict[str, str]:
    """Return the codes that a collection writes by ours, but for those that are called alike."""
    codes = list(rule.codes.get(ours, {}).items())
    # Of several codes that are called alike the first is written.
    back = {value: code for code, value in reversed(codes) if value is not None}
    return {value: code for value, code in back.items() if value.lower() != code.lower()}


def identifiers(cells: pa.ChunkedArray, by: int) -> pa.ChunkedArray:
    """Return identifiers as text of twelve characters, which no other collection shares."""
    times = pc.multiply(cells.cast(pa.int64()), by)
    left = pc.subtract(times, pc.multiply(pc.divide(times, PRIME), PRIME))
    letter = "T" if by == HEALTH else "P"
    return pc.binary_join_element_wise(
        letter, pc.utf8_lpad(left.cast(pa.string()), 11, padding="0"), ""
    )


def spine(store: Store, years: tuple[int, int] | None) -> pa.Table:
    """Return which child of the education records each health identifier is."""
    children = pupils(store, years).sort("child_id").collect("pyarrow")
    cells = children.to_native()["child_id"]
    return pa.table(
        {HEALTH_ID: identifiers(cells, HEALTH), EDUCATION_ID: identifiers(cells, EDUCATION)}
    )


def saved(table: pa.Table, path: Path) -> Path:
    """Write a table as CSV, and return the path."""
    options = csv.WriteOptions(quoting_style="needed")
    csv.write_csv(table, path, write_options=options)
    return path
