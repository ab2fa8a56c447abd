"""One linkage from files to spines: read, link, pair off, draw, write, and say how sure it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fingerpost
from fingerpost.core.errors import Malformed
from fingerpost.engines._shared import sha256
from fingerpost.linkage import passes, quality
from fingerpost.linkage.assignment import Draw
from fingerpost.linkage.comparisons import CHILDREN, fitting
from fingerpost.linkage.drawing import Names, best, by_identifiers, by_study, drawn, stand_ins
from fingerpost.linkage.given import Given
from fingerpost.linkage.identifiers import FOLDER, SIDES, identifier_files
from fingerpost.linkage.in_records import strangers
from fingerpost.linkage.interface import DETERMINISTIC, linker
from fingerpost.linkage.options import Asked, Options
from fingerpost.linkage.pairing import pair_off
from fingerpost.linkage.people import People, not_compared, read_people
from fingerpost.linkage.scoring import FLOOR
from fingerpost.records.spines import Spines, made_already, one_writer, scratch, write_spines
from fingerpost.records.writing import read_manifest

if TYPE_CHECKING:
    import pyarrow as pa

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Linkage:
    """What came of a linkage: the spines, and whether they were there already."""

    spines: Spines
    there: bool


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """Spines about to be written.

    tables: one a spine, made as they are asked for. told: how they are made, without an identifier.
    quality: what may be said of the links, once every table was made.
    """

    tables: Iterable[pa.Table]
    told: Mapping[str, Any]
    quality: Callable[[], Mapping[str, Any]]


def run(
    records: Path,
    options: Options,
    *,
    asked: Asked | None = None,
    say: Say = lambda words: None,
) -> Linkage:
    """Link the identifiers of a folder of records, write the spines beside them, and return them.

    asked: what links are drawn given; by identifiers alone where None. The same run again returns
    what is there. Raises Malformed for identifiers that are not there or lack columns, UsageError
    where links of a method cannot be drawn given a study, MissingExtra where Splink is asked for
    and not installed, FingerpostError where another writes spines of that name.
    """
    if asked is not None:
        options.refuse_given()
    recipe = recipe_of(records, options, asked)
    there = made_already(records, options.called, recipe=recipe)
    if there is not None:
        return Linkage(there, True)
    with one_writer(records, options.called):
        say("reading identifiers")
        people = read_people(records)
        with closing(people.session):
            refuse_other(people, recipe)
            people = replace(people, notices=(*people.notices, *strangers(people, records)))
            say(f"linking {people.count[0]:,} with {people.count[1]:,} people")
            if options.by_passes:
                made = linked_by_passes(people, DETERMINISTIC[options.method])
            else:
                made = linked_by_chance(people, records, options, asked=asked, say=say)
            written = write_spines(
                records,
                options.called,
                tables=made.tables,
                told={**told_of(people, records, options), **made.told, "recipe": recipe},
                after=lambda: {"quality": made.quality()},
            )
        return Linkage(written, False)


def refuse_other(people: People, recipe: Mapping[str, Any]) -> None:
    """Raise Malformed where identifiers changed between the recipe and the end of reading: spines
    would bear the recipe of others.
    """
    if [digest for _, digest in people.digests] != recipe["identifiers"]:
        raise Malformed(
            f"link: the identifiers in {FOLDER} changed while they were read. Run the same command "
            "again once they are written."
        )


def recipe_of(records: Path, options: Options, asked: Asked | None = None) -> dict[str, Any]:
    """Return everything that decides what the spines hold."""
    files = identifier_files(records)
    recipe = {
        "method": options.method,
        "seed": options.seed,
        "spines": options.spines,
        "identifiers": [sha256(path) for path in files],
        "version": fingerpost.__version__,
        # What is read and learnt, and what odds are of: spines of before were made otherwise.
        "read": "without nobody's",
    }
    if options.by_passes:
        return recipe
    recipe |= {
        "threshold": options.threshold,
        "odds": "left over",
        "learnt": "from usual, sex by forename",
    }
    if asked is not None:
        recipe |= {"given": list(asked.names), "records": asked.digest}
    return recipe


def told_of(people: People, records: Path, options: Options) -> dict[str, Any]:
    """Return what is said of every linkage, however it was made."""
    manifest = read_manifest(records)
    return {
        "method": options.method,
        "made_by": f"fingerpost {fingerpost.__version__}",
        "synthetic": bool(manifest and manifest.synthetic),
        "seed": options.seed,
        "identifiers": dict(people.digests),
        "identifier_notices": [one.told() for one in people.notices],
        "not_compared": not_compared(people),
        "alike_another": quality.alike_another(people),
        "people": dict(zip(SIDES, people.count, strict=True)),
        "one_to_one": True,
    }


def linked_by_passes(people: People, cascade: str) -> Made:
    """Return the one spine of a cascade of passes."""
    fixed = passes.link(people, cascade)
    names = Names(people.names(0), people.names(1))
    table = names.table((fixed.left, fixed.right), steps=fixed.steps)
    told = {"passes": cascade, "parameters_redrawn": False, "thresholds": {}, "conditional_on": []}
    return Made((table,), told, lambda: quality.of_passes(fixed))


def linked_by_chance(
    people: People, records: Path, options: Options, *, asked: Asked | None, say: Say
) -> Made:
    """Return the spines of a method that says how likely each pair is: the best links alone, or
    links drawn under a model whose parameters are drawn anew for each.
    """
    plan = fitting(CHILDREN, people)
    scored = linker(options.method)(people, plan, seed=options.seed)
    say(f"pairing off {len(scored.left):,} pairs")
    paired = pair_off(scored, threshold=options.threshold, seed=options.seed)
    told = {
        "parameters_redrawn": options.spines > 1,
        "thresholds": {"link": options.threshold, "considered": FLOOR},
        "model": paired.scored.model.told(),
        "conditional_on": [] if asked is None else list(asked.names),
        "identifier_notices": [one.told() for one in (*people.notices, *plan.notices)],
    }
    found = quality.of_scored(paired.scored, paired.chance, paired.best, plan)
    names = Names(people.names(0), people.names(1))
    if options.spines == 1:
        return Made((best(names, paired),), told, lambda: found)
    if asked is None:
        draws = by_identifiers(paired.scored, paired.ways, options.seed)
    else:
        say("reading what the study asks")
        given = read_given(records, asked, stand_ins(names, paired), called=options.called)
        draws = by_study(names, paired, given, options.seed)
    overlap = quality.Overlap(paired.chance)
    draws = reckoned(draws, options.spines, overlap, say)
    tables = (drawn(names, paired, draw) for draw in draws)
    return Made(tables, told, lambda: {**found, "over_spines": overlap.told()})


def reckoned(
    draws: Iterator[Draw], many: int, overlap: quality.Overlap, say: Say
) -> Iterator[Draw]:
    """Yield the first so many spines, each told of and reckoned with in what they share."""
    for number in range(1, many + 1):
        say(f"spine {number} of {many}")
        draw = next(draws)
        overlap.add(draw.at)
        yield draw


def read_given(records: Path, asked: Asked, tables: Iterable[pa.Table], *, called: str) -> Given:
    """Return what links are drawn given, read through stand-in spines that are then taken away."""
    import pyarrow.parquet as pq

    place = scratch(records, called, use="read")
    try:
        files: list[Path] = []
        for table in tables:
            files.append(place / f"{len(files)}.parquet")
            pq.write_table(table, files[-1])
        return asked.read(files)
    finally:
        shutil.rmtree(place, ignore_errors=True)
