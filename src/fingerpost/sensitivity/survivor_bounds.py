"""Survivor bounds: the effect among children who would be assessed, or alive, under either arm.

**What it asks.** A child who died, or who did not sit Key Stage 2, has no score; it is not that the
score was lost. If provision changes who lives or who is entered, then those with a score differ
between the arms even if provision was drawn by lot. An effect on the score exists only for children
who would have one with provision and without. Nobody knows which these are. How large, and how
small, could the effect among them be?

**How it is computed.** The children of each arm are weighted to the target by the score, all of
them, with the outcome or without. Suppose that every child seen under one arm would be seen under
the other. Then all who are seen under the arm that sees fewer belong to the group; of the other
arm, a share of those seen does. Its mean is least if they are the lowest such share, most if they
are the highest: the arm is trimmed from above and from below (Lee 2009). Without that assumption
the share of the group is at least P₁ + P₀ − 1, P being the shares seen, and both arms are trimmed
(Zhang & Rubin 2003). Within `cells` of covariates the arms are trimmed cell by cell, and the bounds
averaged by each cell's share of the group, which never widens them by more than chance.

The standard error is that of the influence of each bound, by child or by cluster: the score, the
shares seen and the point of trimming are all estimated in it. The interval is for the effect, not
for the bounds, and holds it with the stated probability wherever between the bounds it lies (Imbens
& Manski 2004); with fewer than 50 clusters by Student's t, with fewer than 10 none is given. Guard
rails judge the weights again, as the children without an outcome count here. In a study that
imputes, an outcome that was imputed was not seen; every copy is bounded, and each bound and its
error are pooled by Rubin's rules.

**What it assumes.** That arms are alike given the covariates, as every answer does, in who would be
seen too. `raises`: whoever is seen under the second arm of the contrast would be seen under the
first (provision never keeps a child from being assessed). `lowers`: the reverse. `nothing`: neither
is assumed. Which of them holds cannot be told from records, but one of them can be contradicted:
where the arm that should see more sees surely fewer, the line says so and gives no bounds. Where
the shares seen differ by no more than chance, both give the same bounds: the arm that sees more
here is the one that is trimmed. Not answered: times to an event, rates over follow-up, trimmed
targets, subgroups, and strategies sustained over time, where most children depart from either
strategy and the share who would be seen under both is not known; there `unassessed_bounds` answers.

**Options.** `assume`: one or more of raises, lowers and nothing (all three if left out). `cells`:
covariates of few values within whose cells the arms are trimmed; cells with fewer than 20 seen
children in either arm are joined. `outcomes`: which outcomes, where not all whose values were not
seen for all.

Reference: Lee (2009), Review of Economic Studies 76(3), 1071-1102; Zhang & Rubin (2003), Journal of
Educational and Behavioral Statistics 28(4), 353-368; Imbens & Manski (2004), Econometrica 72(6),
1845-1857.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.refusal import Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.trimming import (
    Bound,
    Seen,
    Stratum,
    influence,
    lowest,
    stratum,
)
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._standing import (
    UNKNOWN,
    Errors,
    Found,
    Question,
    bounded_row,
    choices,
    copies_of,
    errors_of,
    fitted_score,
    outcome_names,
    over_words,
    pooled,
    questions,
    refused,
    seen_in,
    seen_of,
    standing,
    values_of,
)
from fingerpost.sensitivity._task import (
    Asked,
    SensitivityTask,
    as_names,
    asked_before,
    asked_of,
    check_names,
    check_options,
)

LEAF = "survivor_bounds"
OPTIONS = (
    ("assume", "raises, lowers or nothing: how the first arm changes who is seen (all three)"),
    ("cells", "covariates of few values, within whose cells the arms are trimmed"),
    ("outcomes", "which outcomes (all that were not seen for every child)"),
)
ASSUME = ("raises", "lowers", "nothing")
SMALLEST = 20  # seen children of each arm that a cell must have to be trimmed by itself
MOST_VALUES = 12  # of a measured covariate, beyond which it makes no cells
OVER_TIME = (
    "not bounded: strategies sustained over time, from which most children depart: what share "
    "would be seen under both is not known. unassessed_bounds answers"
)
NOBODY = f"{UNKNOWN}: perhaps nobody would be seen under both arms"
COLUMNS = (
    *("outcome", "contrast", "target", "assumes", "cells", "lower", "upper", "lo", "hi"),
    *("group", "seen_first", "seen_second", "verdict"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked."""

    assume: tuple[str, ...] = ASSUME
    cells: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


def settings(asked: Asked) -> Settings:
    """Return the options, checked; UsageError with all their faults."""
    given, reads = asked.options, Reads()

    def assume() -> tuple[str, ...]:
        return choices(given.get("assume", ASSUME), ASSUME, f"{LEAF}: assume")

    def cells() -> tuple[str, ...]:
        found = as_names(given.get("cells", ()), f"{LEAF}: cells")
        if asked.given is not None:
            check_names(found, asked.given, where=f"{LEAF}: cells")
        return found

    def outcomes() -> tuple[str, ...]:
        return outcome_names(given.get("outcomes", ()), asked.outcomes, f"{LEAF}: outcomes")

    chosen = Settings(reads.take(assume, ASSUME), reads.take(cells, ()), reads.take(outcomes, ()))
    reads.finish()
    return chosen


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(asked_before(study, options))


def cell_codes(cohort: Cohort, names: tuple[str, ...]) -> NDArray[np.intp]:
    """Return (n,) codes of the cells of covariates. Raises UsageError for one of many values."""
    codes = np.zeros(cohort.n, dtype=np.intp)
    for name in names:
        own, values = recode(cohort.covariates[name].values)
        if len(values) > MOST_VALUES:
            raise UsageError(
                f"sensitivity: {LEAF}: cells: {name} has {len(values)} values; a covariate of "
                f"more than {MOST_VALUES} makes no cells. Name one of few values."
            )
        codes = recode(codes * len(values) + own)[0].astype(np.intp)
    return codes


def joined(codes: NDArray[np.intp], cohort: Cohort, seen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return codes from 0 on, cells with too few seen children in some arm joined into one."""
    size, k = int(codes.max()) + 1, len(cohort.arms)
    counts = np.bincount(codes[seen] * k + cohort.arm[seen], minlength=size * k).reshape(size, k)
    small = counts.min(axis=1) < SMALLEST
    if small.any() and counts[small].sum(axis=0).min() < SMALLEST and not small.all():
        # The rest is too small as well: it joins the largest cell.
        small[int(np.argmax(np.where(small, -1, counts.min(axis=1))))] = True
    return recode(np.where(small[codes], size, codes))[0].astype(np.intp)


@dataclass(frozen=True, eq=False, slots=True)
class Asking:
    """One question with its children, weighted, and how influence becomes intervals."""

    question: Question
    seen: Seen
    errors: Errors


def bounds(asking: Asking, told: Stratum) -> tuple[Bound, Bound]:
    """Return the lower and upper bound of the effect, on the scale of estimates."""
    ends = []
    for highest in (False, True):
        first = lowest(asking.seen, told, place=0, highest=highest)
        second = lowest(asking.seen, told, place=1, highest=not highest)
        if asking.question.ratio and min(first.value, second.value) <= 0:
            raise Unanswerable(
                "a mean of the group may be 0 or less, so that a ratio has no meaning"
            )
        ends.append(first.log().less(second.log()) if asking.question.ratio else first.less(second))
    return ends[0], ends[1]


def contradicted(asking: Asking, assume: str) -> str:
    """Return that an assumption is contradicted by who was seen, or an empty string.

    Where the arm that should see at least as many sees surely fewer: one-sided, at half of one less
    the level of intervals.
    """
    if assume == "nothing":
        return ""
    found = asking.seen
    own = found.standing.mean(found.seen.astype(float), found.arms[0])
    other = found.standing.mean(found.seen.astype(float), found.arms[1])
    away = (own - other) if assume == "lowers" else (other - own)
    error = asking.errors.of(away.influence)
    if away.value <= error * float(ndtri(0.5 + asking.errors.level / 2)):
        return ""
    more, fewer = asking.question.arms if assume == "lowers" else asking.question.arms[::-1]
    return f"contradicted: under {more} more children are seen than under {fewer}"


def found_of(asking: Asking, assume: str) -> Found:
    """Return what one copy of the children gives for one line. shares: of the group, and seen."""
    found = asking.seen
    share = tuple(float(found.share_seen(arm).sum()) for arm in found.arms)
    why = contradicted(asking, assume)
    told = stratum(found, monotone=assume != "nothing")
    shares = (told.total, *share)
    if not why and unsure(asking, told, assume):
        why = NOBODY
    if why:
        return Found(shares, why=why)
    try:
        low, high = bounds(asking, told)
    except Unanswerable as fault:
        return Found(shares, why=f"{UNKNOWN}: {fault}")
    low_error, high_error = (asking.errors.of(influence(found, end.parts)) for end in (low, high))
    return Found(shares, (low.value, high.value), (low_error, high_error))


def unsure(asking: Asking, told: Stratum, assume: str) -> bool:
    """Return whether the group may be nobody: by assumption, or by chance."""
    if assume != "nothing" or not told.total > 0:
        return not told.total > 0
    found = asking.seen
    first, second = (found.standing.mean(found.seen.astype(float), arm) for arm in found.arms)
    error = asking.errors.of((first + second).influence)
    return told.total <= error * float(ndtri(0.5 + asking.errors.level / 2))


Place = tuple[Question, str, str]  # a question, what is assumed, the cells


def by_line(
    task: SensitivityTask, asked: list[Question], chosen: Settings, errors: Errors
) -> dict[Place, Found]:
    """Return what one copy of the children gives for each line of the bounded questions."""
    cohort, score = task.cohort, fitted_score(task)
    cells, given = cell_codes(cohort, chosen.cells), dict[Place, Found]()
    for one in asked:
        seen = seen_of(cohort, one.term.outcome)
        arms = (cohort.arms.index(one.arms[0]), cohort.arms.index(one.arms[1]))
        weighted = standing(cohort, score, one.term)
        value = values_of(cohort, one.term.outcome, seen)
        places = [("", np.zeros(cohort.n, dtype=np.intp))]
        if chosen.cells:
            places.append((", ".join(chosen.cells), joined(cells, cohort, seen)))
        for assume in chosen.assume:
            for within, codes in places:
                found = Seen(weighted, seen, value, codes, int(codes.max()) + 1, arms)
                given[one, assume, within] = found_of(Asking(one, found, errors), assume)
    return given


def lines(
    task: SensitivityTask, asked: list[Question], chosen: Settings
) -> Iterator[tuple[tuple[Cell, ...], Region | None, int]]:
    """Yield the lines of the questions, their regions and the children behind each."""
    errors, bounded = errors_of(task), [one for one in asked if not one.why]
    copies = [by_line(each, bounded, chosen, errors) for each in copies_of(task)] if bounded else []
    for one in asked:
        children = seen_in(task.cohort, one.term)
        if one.why:
            yield (*one.words, "", "", *(None,) * 7, one.why), None, children
            continue
        for place in (place for place in copies[0] if place[0] is one):
            found = pooled(one, [copy[place] for copy in copies], errors)
            row, region = told_of(place, found, errors)
            yield row, region, children


def told_of(place: Place, found: Found, errors: Errors) -> tuple[tuple[Cell, ...], Region | None]:
    """Return one line of the table, and its interval as a region."""
    one, assume, within = place
    start = (*one.words, assume, within)
    if found.ends is None:
        return (*start, *(None,) * 5, *found.shares[1:], found.why), None
    shown = bounded_row(one, found, errors)
    method = f"survivor bounds assuming {assume}{', in cells of ' * bool(within)}{within}"
    return (*start, *shown.cells, *found.shares, shown.verdict), shown.region(method)


def run(task: SensitivityTask) -> Answer:
    """Return the table `survivor_bounds`, a line for each question and assumption; regions: the
    intervals; refusals: of the guard rails, with the children whose outcome was not seen.
    """
    check_options(LEAF, given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = settings(asked_of(task))
    asked = questions(task, LEAF, chosen.outcomes, over_time=OVER_TIME)
    barred = refused(task, asked)
    found = list(lines(task, [one for one in asked if one.term not in barred], chosen))
    refusals: tuple[Refusal, ...] = tuple(barred.values())
    regions = tuple(region for _, region, _ in found if region is not None)
    tables = (table(task, found),) if found else ()
    return Answer(leaf=LEAF, tables=tables, regions=regions, refusals=refusals)


def table(task: SensitivityTask, found: list[tuple[tuple[Cell, ...], Region | None, int]]) -> Table:
    """Return the table of all questions and assumptions."""
    return Table(
        name=LEAF,
        title="The effect among children who would be seen under either arm",
        columns=COLUMNS,
        kinds=(*("label",) * 5, *("number",) * 4, *("share",) * 3, "label"),
        rows=tuple(row for row, _, _ in found),
        tells=Tells(role="survivor bounds", answers=("lower", "upper", "lo", "hi")),
        counts=tuple(children for _, _, children in found),
        context=(
            "lower, upper: the least and the most that the effect can be; lo, hi: the "
            f"{task.level:.0%} interval for the effect. assumes: raises (whoever is seen under the "
            "second arm would be seen under the first), lowers (the reverse), or nothing. group: "
            "the share of the target who would be seen under either arm; seen_first, seen_second: "
            "the shares seen under each. cells: covariates within which the arms are trimmed."
        ),
        note=(
            "For nobody else is there an effect: a child who is seen under one arm only has no "
            f"outcome to compare.{over_words(task)}"
        ),
    )


SURVIVOR_BOUNDS = Sensitivity(
    title="Survivor bounds",
    summary="Bounds of the effect among children who would be seen under either arm.",
    reference="Lee (2009), Review of Economic Studies 76(3), 1071-1102; Zhang & Rubin (2003), "
    "Journal of Educational and Behavioral Statistics 28(4), 353-368",
    question="What if provision changes who is assessed, or who survives to be?",
    run=run,
    options=OPTIONS,
    columns=("cells",),
    covariates=("cells",),
    scope="study",
    check=check,
    over_copies="pooled",
    chances=True,
)
