"""One linkage from files to spines: read, link, pair off, draw, write, and say how sure it is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import fingerpost
from fingerpost.core.errors import UsageError
from fingerpost.core.seeds import seed_faults, stream
from fingerpost.engines._shared import sha256
from fingerpost.linkage import conditional, passes, quality
from fingerpost.linkage.assignment import Ways, ways_of
from fingerpost.linkage.comparisons import CHILDREN, fitting
from fingerpost.linkage.given import Given
from fingerpost.linkage.identifiers import identifier_files
from fingerpost.linkage.interface import DEFAULT, DETERMINISTIC, check_method, linker
from fingerpost.linkage.people import People, not_compared, read_people
from fingerpost.linkage.scoring import CLOSE, FLOOR, Floats, Ints, Scored, bits, probability
from fingerpost.records.spines import FOLDER, Spines, made_already, write_spines
from fingerpost.records.writing import read_manifest

if TYPE_CHECKING:
    import pyarrow as pa

Say = Callable[[str], None]
THRESHOLD = 0.9
# Rounds until chances agree with how many are linked.
ROUNDS = 10
# The step of a link that a probability made.
BY_CHANCE = "probability"
MOST_SPINES = 1000
# Spines of a method that says how sure it is, unless others are asked for.
USUAL = 20
# Stand-in spines through which hospitals' values are read, at most.
MOST_COVERS = 4


def usual(method: str) -> int:
    """Return how many spines a method leaves unless it is told: passes say of no link how sure it
    is, so that they leave one.
    """
    return 1 if method in DETERMINISTIC else USUAL


class Asked(Protocol):
    """What links are drawn given: a study over the records, say."""

    @property
    def names(self) -> tuple[str, ...]:
        """What links are drawn given, in words."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the records that values are read from."""
        ...

    def read(self, spines: Sequence[Path]) -> Given:
        """Return the values, read through stand-in spines."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to link.

    method: one of `interface.METHODS`. spines: how many; one is the best links, more are drawn.
    threshold: the least probability of a link of the best. name: what the spines are called; the
    method's name where empty. given: whether links are drawn given what a study asks.
    """

    method: str = DEFAULT
    spines: int = 1
    seed: int = 1
    threshold: float = THRESHOLD
    name: str = ""
    given: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be linked so, all faults at once."""
        check_method(self.method)
        faults = []
        if not 1 <= self.spines <= MOST_SPINES:
            faults.append(f"--spines must be 1 to {MOST_SPINES:,}.")
        if self.method in DETERMINISTIC and self.spines > 1:
            faults.append(
                "--spines: deterministic passes say of no link how likely it is, so that none can "
                "be drawn anew. Link with --method splink or fellegi_sunter for more than one."
            )
        if self.method in DETERMINISTIC and self.given:
            faults.append(
                "--study: deterministic passes say of no link how likely it is, so that none can "
                "be drawn given a study. Link with --method splink or fellegi_sunter."
            )
        elif self.given and self.spines < 2:
            faults.append(
                "--study: links are drawn given what a study asks, and one draw says nothing of "
                "how sure they are. Ask for more: --spines 20."
            )
        if not 0.5 <= self.threshold < 1:
            faults.append("--threshold must be at least 0.5 and below 1.")
        if self.name and not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            faults.append("--name: letters, digits, - and _ alone, as it is the name of a folder.")
        faults += seed_faults(self.seed)
        if faults:
            raise UsageError(faults)

    @property
    def called(self) -> str:
        """What the spines are called."""
        return self.name or self.method


@dataclass(frozen=True, slots=True)
class Paired:
    """Scored pairs, paired off one to one.

    chance: of each pair, given that people pair off one to one. best: the places of the pairs that
    are linked, at a threshold.
    """

    scored: Scored
    ways: Ways
    chance: Floats
    best: Ints


@dataclass(frozen=True, slots=True)
class Linkage:
    """What came of a linkage: the spines, and what may be said of them without an identifier."""

    spines: Spines
    there: bool


def pair_off(found: Scored, *, threshold: float, seed: int) -> Paired:
    """Return scored pairs one to one, those that are at least as likely as a threshold linked."""
    ways = ways_of(found.left, found.right, found.counts)
    found, chance = settled(found, ways, seed=seed)
    weights = found.weights()
    # A sum of weights, so that of two ways to pair people off the likelier one is taken.
    best = ways.best(np.where(chance >= threshold, np.maximum(weights, 1e-9), -1.0))
    return Paired(found, ways, chance, best)


def settled(found: Scored, ways: Ways, *, seed: int) -> tuple[Scored, Floats]:
    """Return pairs weighed by the odds of two people left over, and the chance of each, one to one:
    as many are linked as the chances sum to.
    """
    found = found.expecting(found.linked)
    for _ in range(ROUNDS):
        before = bits(found.model.prior)
        chance = ways.chances(found.weights(), stream("linkage", "chances", seed=seed))
        after = found.expecting(min(float(chance.sum()), min(found.counts)))
        if abs(bits(after.model.prior) - before) < CLOSE:
            break
        found = after
    return found, chance


def run(
    records: Path,
    options: Options,
    *,
    asked: Asked | None = None,
    say: Say = lambda words: None,
) -> Linkage:
    """Link the identifiers of a folder of records, write the spines beside them, and return them.

    asked: what links are drawn given, where `options.given`. The same run again returns what is
    there. Raises Malformed for identifiers that are not there or lack columns, MissingExtra where
    Splink is asked for and not installed.
    """
    recipe = recipe_of(records, options, asked)
    there = made_already(records, options.called, recipe=recipe)
    if there is not None:
        return Linkage(there, True)
    say("reading identifiers")
    people = read_people(records)
    say(f"linking {people.count[0]:,} with {people.count[1]:,} people")
    manifest = read_manifest(records)
    told: dict[str, Any] = {
        "method": options.method,
        "made_by": f"fingerpost {fingerpost.__version__}",
        "synthetic": bool(manifest and manifest.synthetic),
        "seed": options.seed,
        "identifiers": dict(people.digests),
        "identifier_notices": [one.told() for one in people.notices],
        "not_compared": not_compared(people),
        "people": dict(zip(("hospital", "education"), people.count, strict=True)),
        "one_to_one": True,
        "conditional_on": [] if asked is None else list(asked.names),
        "recipe": recipe,
    }
    if options.method in DETERMINISTIC:
        cascade = DETERMINISTIC[options.method]
        fixed = passes.link(people, cascade)
        told |= {"passes": cascade, "parameters_redrawn": False}
        told |= {"thresholds": {}, "quality": quality.of_passes(fixed)}
        names = (people.names(0), people.names(1))
        table = as_table(names, (fixed.left, fixed.right), steps=fixed.steps)
        tables: Iterator[pa.Table] = iter([table])
    else:
        plan = fitting(CHILDREN, people)
        scored = linker(options.method)(people, plan, seed=options.seed)
        say(f"pairing off {len(scored.left):,} pairs")
        paired = pair_off(scored, threshold=options.threshold, seed=options.seed)
        told |= {
            "parameters_redrawn": options.spines > 1,
            "thresholds": {"link": options.threshold, "considered": FLOOR},
            "model": paired.scored.model.told(),
            "quality": quality.of_scored(paired.scored, paired.chance, paired.best, plan),
        }
        if asked is None:
            tables = drawn_tables(people, paired, options, (told["quality"], say))
        else:
            tables = given_tables(people, paired, options, (told["quality"], records, asked, say))
    return Linkage(write_spines(records, options.called, tables=tables, told=told), False)


def recipe_of(records: Path, options: Options, asked: Asked | None = None) -> dict[str, Any]:
    """Return everything that decides what the spines hold."""
    files = identifier_files(records)
    recipe = {
        "method": options.method,
        "seed": options.seed,
        "spines": options.spines,
        "identifiers": [sha256(path) for path in files],
        "version": fingerpost.__version__,
    }
    if options.method in DETERMINISTIC:
        return recipe
    # What the odds of a pair are of: spines of before they were so are made otherwise.
    recipe |= {"threshold": options.threshold, "odds": "left over"}
    if asked is not None:
        recipe |= {"given": list(asked.names), "records": asked.digest}
    return recipe


def drawn_tables(
    people: People, paired: Paired, options: Options, told: tuple[dict[str, Any], Say]
) -> Iterator[pa.Table]:
    """Yield the table of each spine: the best links alone, or links drawn under a model whose
    parameters are drawn anew for each.

    told: quality, to which that of several spines is added, and whom to tell.
    """
    found, names = paired.scored, (people.names(0), people.names(1))
    if options.spines == 1:
        at = paired.best
        yield as_table(
            names, pairs_at(found, at), weight=found.weights()[at], chance=paired.chance[at]
        )
        return
    drawn = by_identifiers(found, paired.ways, options.seed)
    yield from as_tables(found, names, drawn, options, told)


def by_identifiers(found: Scored, ways: Ways, seed: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield spines without end, given identifiers alone: the pairs linked, every pair's weight."""
    # How many are linked is drawn by turns with the links, as in `conditional`.
    linked = found.linked
    for number in count(1):
        rng = stream("linkage", f"spine {number}", seed=seed)
        weights = found.weights(found.redrawn(rng, linked))
        at = ways.drawn(weights, rng)
        linked = len(at)
        yield at, weights


def as_tables(
    found: Scored,
    names: tuple[Any, Any],
    drawn: Iterator[tuple[Ints, Floats]],
    options: Options,
    told: tuple[dict[str, Any], Say],
) -> Iterator[pa.Table]:
    """Yield as many spines as are asked for as tables; then add to quality what is told of them."""
    held, say = told
    overlap = quality.Overlap(len(found.left))
    for number in range(1, options.spines + 1):
        say(f"spine {number} of {options.spines}")
        at, weights = next(drawn)
        overlap.add(at)
        yield as_table(
            names, pairs_at(found, at), weight=weights[at], chance=probability(weights[at])
        )
    held["over_spines"] = overlap.told()


def given_tables(
    people: People,
    paired: Paired,
    options: Options,
    study: tuple[dict[str, Any], Path, Asked, Say],
) -> Iterator[pa.Table]:
    """Yield the table of each spine, drawn given what a study asks (see `conditional`).

    study: quality, the records, what is asked, and whom to tell.
    """
    told, records, asked, say = study
    found, names = paired.scored, (people.names(0), people.names(1))
    say("reading what the study asks")
    given = read_given(records, asked, paired, names, called=options.called)
    left, right = (each.to_pylist() for each in names)
    facts, design = conditional.facts_of(
        found, given.hospital.ordered(left), given.school.ordered(right), given.arms
    )
    rng = stream("linkage", "given", seed=options.seed)
    drawn = conditional.spines(found, paired.ways, facts, design, rng)
    yield from as_tables(found, names, drawn, options, (told, say))


def read_given(
    records: Path, asked: Asked, paired: Paired, names: tuple[Any, Any], *, called: str
) -> Given:
    """Return what links are drawn given, read through stand-in spines that are then taken away."""
    import pyarrow.parquet as pq

    # Of a name that the next run takes away, should this one be killed (see `write_spines`).
    place = records / FOLDER / f".{called}.{os.getpid()}.read.tmp"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        files: list[Path] = []
        for at in covers(paired.scored, paired.ways):
            files.append(place / f"{len(files)}.parquet")
            pq.write_table(as_table(names, pairs_at(paired.scored, at)), files[-1])
        return asked.read(files)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def covers(found: Scored, ways: Ways) -> Iterator[Ints]:
    """Yield sets of pairs, one to one each, that between them hold every hospital record, the
    likelier pairs first; after `MOST_COVERS` whoever is left over is let go.
    """
    weights = found.weights()
    worth = weights - weights.min() + 1.0
    left = np.zeros(found.counts[0], dtype=bool)
    for _ in range(MOST_COVERS):
        at = ways.best(np.where(left[found.left], -1.0, worth))
        if not len(at):
            return
        yield at
        left[found.left[at]] = True


def pairs_at(found: Scored, at: Ints) -> tuple[Ints, Ints]:
    """Return the two people of pairs, by their places."""
    return found.left[at], found.right[at]


def as_table(
    names: tuple[Any, Any],
    pairs: tuple[Ints, Ints],
    *,
    weight: Floats | None = None,
    chance: Floats | None = None,
    steps: Sequence[str] | None = None,
) -> pa.Table:
    """Return pairs as a spine. names: identifiers of both sides, by number."""
    import pyarrow as pa

    size = len(pairs[0])
    none = pa.nulls(size, pa.float64())
    return pa.table(
        {
            "hospital_id": names[0].take(pa.array(pairs[0])),
            "child_id": names[1].take(pa.array(pairs[1])),
            "weight": none if weight is None else pa.array(weight),
            "probability": none if chance is None else pa.array(chance),
            "step": pa.repeat(BY_CHANCE, size) if steps is None else pa.array(steps, pa.string()),
        }
    )
