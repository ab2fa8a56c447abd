"""A trial rehearsed on a synthetic England before its first child: size, power, coverage.

Outcomes of every child who could take part are made under each arm, once (`england.enact`); as what
one child is given changes nothing for another there, the records of any draw are those of each
child under its own arm. Each replicate takes other children in another order, draws their arms by
the study's own procedure, to the byte, and runs the study's estimators on what records would hold.
So it does in a trial where arms do nothing: every child then has what it would have in the first
arm, whatever was drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.finding import Finding
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.studies.provenance import code_digest
from fingerpost.studies.trials.coming import available, come, draw_arms
from fingerpost.studies.trials.designing import SCHEMA_VERSION, randomised_of
from fingerpost.studies.trials.on_england import ARM, Country, as_records, codes_of, on_columns

KIND = "rehearsal of a trial"
LEAST = 200
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """One answer of one replicate, on the scale of its estimate (ratios as logarithms). null:
    whether arms did nothing.
    """

    replicate: int
    null: bool
    leaf: str
    outcome: str
    contrast: str
    value: float
    se: float
    lo: float
    hi: float
    truth: float


@dataclass(frozen=True, eq=False, slots=True)
class Rehearsal:
    """A rehearsal: every answer, of so many replicates of so many units. left_out: estimators
    that give no number with an error, such as tests that replay the draw.
    """

    study: Study
    results: tuple[Result, ...]
    replicates: int
    units: int
    pool: int
    failed: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Played:
    """One draw on England. rows: (m,) children in the order in which they came; arm: (m,);
    stratum: (m,) what each was drawn within, by name, where no column of the records says it.
    """

    rows: Whole
    arm: Whole
    stratum: tuple[str, ...] = ()


def truth_of(country: Country, term: Term) -> float:
    """Return what an arm truly does to the children who could take part, on the scale of estimates
    of the term.
    """
    whom = country.whom
    spec = next(one for one in whom.on_columns.outcomes if one.name == term.outcome)
    means = {}
    for arm, held in zip(whom.trial.arms, country.under, strict=True):
        values = floats(held, spec.column or spec.name)
        weight = floats(held, spec.exposure) if spec.exposure else np.ones(len(values))
        seen = np.isfinite(values) & np.isfinite(weight)
        means[arm.name] = float(values[seen].sum() / weight[seen].sum())
    if term.scale == "ratio":
        return sum(weight * math.log(means[arm]) for arm, weight in term.contrast)
    return sum(weight * means[arm] for arm, weight in term.contrast)


def floats(table: pl.DataFrame, name: str) -> Floats:
    """Return a column as numbers, NaN where nothing is recorded."""
    found: Floats = table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def seed_of(study: Study, replicate: int) -> bytes:
    """Return the seed of a replicate's draw, which is never the trial's."""
    return hashlib.sha256(f"rehearsal\n{study.digest()}\n{replicate}".encode()).digest()


def play(study: Study, country: Country, replicate: int, *, size: int) -> Played:
    """Return one draw of a trial of `size` units.

    Raises UsageError where England holds too few of them.
    """
    made = stream(study.digest(), f"rehearsal {replicate}")
    who = come(study, country.columns, size=size, random=made, codes_of=codes_of)
    found = draw_arms(study, who, seed_of(study, replicate))
    return Played(who.rows, found.arm, found.stratum)


def analysed(
    country: Country, played: Played, *, null: bool, leaves: tuple[str, ...] = ()
) -> Finding:
    """Return what the study's estimators say of a trial as it was played. null: of one in which
    arms did nothing. leaves: of these estimators alone; all of them where none is named.
    """
    from fingerpost.studies.run import run

    table = country.drawn(played.rows, played.arm, stratum=played.stratum)
    if null:
        arm = np.zeros_like(played.arm)
        unmoved = country.drawn(played.rows, arm, stratum=played.stratum)
        table = unmoved.with_columns(table[ARM])
    study = on_columns(country.whom, stratum=bool(played.stratum))
    lean = replace(
        study,
        sensitivity=(),
        subgroups=(),
        estimand=replace(study.estimand, subgroups=()),
        estimators=leaves or study.estimators,
        primary=tuple(name for name in study.primary if not leaves or name in leaves),
    )
    return run(lean, as_records(lean, country, table))


def results_of(
    country: Country, finding: Finding, *, replicate: int, null: bool
) -> Iterator[Result]:
    """Yield the answers of one replicate."""
    for answer in finding.answers:
        estimate = answer.estimate
        if estimate is None:
            continue
        level = country.whom.study.level
        errors, limits = standard_errors(estimate), intervals(estimate, level)
        if errors is None or limits is None:
            continue
        for at, term in enumerate(estimate.terms):
            if term.subgroup is not None:
                continue
            named = " v ".join(arm for arm, _ in term.contrast)
            yield Result(
                replicate, null, answer.leaf, term.outcome, f"{named} ({term.scale})",
                float(estimate.value[at]), float(errors[at]), float(limits[at, 0]),
                float(limits[at, 1]), 0.0 if null else truth_of(country, term),
            )  # fmt: skip


def rehearse(
    study: Study,
    country: Country,
    *,
    replicates: int,
    size: int,
    kept: Path | None = None,
    say: Say = lambda words: None,
) -> Rehearsal:
    """Return a rehearsal.

    kept: a file to which the answers of each replicate are added as they come, and from which those
    of an earlier run of the same rehearsal by the same program are taken, with what could not be
    analysed, so that a stop loses nothing. Raises
    UsageError for too few replicates.
    """
    if replicates < LEAST:
        raise UsageError(f"--replicates {replicates}: a rehearsal takes {LEAST} or more.")
    own = f"{study.digest()} {country.whom.store.digest} {size} {code_digest()}"
    done = earlier(kept, own)
    say("the first trial, by every estimator")
    leaves = answering(study, country, size=size)
    for replicate in range(replicates):
        if replicate in done:
            continue
        say(f"{replicate:,} of {replicates:,} trials")
        found: list[Result] = []
        failed: list[str] = []
        played = play(study, country, replicate, size=size)
        for null in (False, True):
            try:
                finding = analysed(country, played, null=null, leaves=leaves)
            except FingerpostError as fault:
                failed.append(str(fault))
                continue
            found += results_of(country, finding, replicate=replicate, null=null)
        done[replicate] = (found, failed)
        keep(kept, own, replicate, found, failed)
    results = tuple(one for at in range(replicates) for one in done[at][0])
    told = tuple(dict.fromkeys(words for at in range(replicates) for words in done[at][1]))
    left = tuple(name for name in study.estimators if name not in leaves)
    return Rehearsal(
        study, results, replicates, size, available(study, country.columns), told, left
    )


def answering(study: Study, country: Country, *, size: int) -> tuple[str, ...]:
    """Return the estimators that give a number with its error: those that can be rehearsed.

    Raises UsageError where there is none.
    """
    played = play(study, country, 0, size=size)
    finding = analysed(country, played, null=False)
    found = {one.leaf for one in results_of(country, finding, replicate=0, null=False)}
    if not found:
        raise UsageError(
            f"estimators: none of {', '.join(study.estimators) or 'none'} gives a number with its "
            "error. Name by_stratum or naive."
        )
    return tuple(name for name in study.estimators if name in found)


def earlier(kept: Path | None, own: str) -> dict[int, tuple[list[Result], list[str]]]:
    """Return replicate → its answers, and in words what could not be analysed, as an earlier run of
    the same rehearsal kept them; a line cut short counts for nothing.
    """
    found: dict[int, tuple[list[Result], list[str]]] = {}
    if kept is None or not kept.is_file():
        return found
    for line in kept.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get("mark") == own:
            answers = [Result(*each) for each in row["results"]]
            found[int(row["replicate"])] = (answers, [str(words) for words in row["failed"]])
    return found


def keep(kept: Path | None, own: str, replicate: int, new: list[Result], failed: list[str]) -> None:
    """Add the answers of a replicate, and what could not be analysed, to what is kept."""
    if kept is None:
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    cells = [[getattr(one, name) for name in Result.__slots__] for one in new]
    row = {"mark": own, "replicate": replicate, "results": cells, "failed": failed}
    with kept.open("a", encoding="utf-8") as stream_:
        stream_.write(json.dumps(row) + "\n")


@dataclass(frozen=True, slots=True)
class Judged:
    """How one leaf did. size: of arms that do nothing, the share of intervals that leave out no
    difference; power: the same of the trial as it is; coverage: the share that hold the truth.
    """

    leaf: str
    outcome: str
    contrast: str
    answers: int
    truth: float
    mean: float
    sd: float
    se: float
    power: float
    coverage: float
    size: float
    null_answers: int

    @property
    def errors(self) -> tuple[float, float, float]:
        """Monte-Carlo errors of power, coverage and size."""
        return (
            monte_carlo(self.power, self.answers),
            monte_carlo(self.coverage, self.answers),
            monte_carlo(self.size, self.null_answers),
        )


def monte_carlo(share: float, many: int) -> float:
    """Return the Monte-Carlo error of a share of so many.

    >>> round(monte_carlo(0.05, 2000), 5)
    0.00487
    """
    return math.sqrt(share * (1 - share) / many) if many else math.nan


def judged(found: Rehearsal) -> tuple[Judged, ...]:
    """Return how each leaf did, for each outcome and contrast."""
    keys = dict.fromkeys((one.leaf, one.outcome, one.contrast) for one in found.results)
    return tuple(judged_one(found, key) for key in keys)


def judged_one(found: Rehearsal, key: tuple[str, str, str]) -> Judged:
    """Return how one leaf did."""
    own = [one for one in found.results if (one.leaf, one.outcome, one.contrast) == key]
    real, null = [one for one in own if not one.null], [one for one in own if one.null]
    values = np.array([one.value for one in real])

    def share(rows: list[Result], test: Callable[[Result], bool]) -> float:
        return sum(test(one) for one in rows) / len(rows) if rows else math.nan

    return Judged(
        *key,
        answers=len(real),
        truth=real[0].truth if real else math.nan,
        mean=float(values.mean()) if real else math.nan,
        sd=float(values.std(ddof=1)) if len(real) > 1 else math.nan,
        se=float(np.mean([one.se for one in real])) if real else math.nan,
        power=share(real, lambda one: one.lo > 0 or one.hi < 0),
        coverage=share(real, lambda one: one.lo <= one.truth <= one.hi),
        size=share(null, lambda one: one.lo > 0 or one.hi < 0),
        null_answers=len(null),
    )


def tables(found: Rehearsal) -> tuple[Table, ...]:
    """Return how every leaf did, as a table."""
    rows = []
    for one in judged(found):
        power, coverage, size = one.errors
        rows.append(
            (
                one.leaf, one.outcome, one.contrast, one.answers, one.truth, one.mean, one.sd,
                one.se, one.size, size, one.power, power, one.coverage, coverage,
            )
        )  # fmt: skip
    names = ("estimator", "outcome", "contrast", "trials", "truth", "mean", "sd", "mean error")
    shares = ("size", "size error", "power", "power error", "coverage", "coverage error")
    return (
        Table(
            "rehearsal",
            "What the trial would have found",
            (*names, *shares),
            (*("label",) * 3, "count", *("number",) * 4, *("share",) * 6),
            tuple(rows),
            context="Size: of a trial in which arms do nothing. Errors: Monte Carlo. Ratios are "
            "logarithms.",
        ),
    )


def record(found: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal as JSON holds it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "synthetic": True,
        "study": found.study.name,
        "study_digest": found.study.digest(),
        "design": randomised_of(found.study).design,
        "replicates": found.replicates,
        "units": found.units,
        "could_take_part": found.pool,
        "judged": [
            {name: told(getattr(one, name)) for name in Judged.__slots__} for one in judged(found)
        ],
        "failed": list(found.failed),
        "left_out": list(found.left_out),
    }


def told(value: Any) -> Any:
    """Return a number as JSON holds it: nothing where it is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
