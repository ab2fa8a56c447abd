"""Bounds for outcomes that were not recorded: what if the unassessed are not like the assessed?

**What it asks.** Three in ten children with neurodisability are not assessed at Key Stage 2, many
of them since they work below the level of the tests. Leaving them out, or filling in what children
alike in the covariates scored, takes it for granted that whoever was not assessed would have done
as well as those who were. What can be said of all children without that belief?

**How it is computed.** Every child counts, assessed or not: the children of each arm are weighted
to the target by the score. In place of an outcome that was not recorded stands the least, or the
most, that an assumption allows, in one arm the one and in the other the other, so that the effect
is as small and then as large as it can be (Horowitz & Manski 2000). `anything`: an unrecorded
outcome lies anywhere within the `range` of the scale. `no_better`: children not assessed would on
average have done no better than assessed children of their arm alike in the covariates (by a
regression within each arm), and no worse than the end of the range. `at_most`: no better, and no
more than so much worse (the option `below`). `alike`: just like them, which is a number, not
bounds.

The standard error is that of the influence of each bound, by child or by cluster, the score and the
regressions estimated in it. The interval is for the effect and holds it with the stated probability
wherever between the bounds it lies (Imbens & Manski 2004); with fewer than 50 clusters by Student's
t, with fewer than 10 none is given. Guard rails judge the weights again with all children. In
a study that imputes, an outcome that was imputed was not seen; every copy is bounded, and each
bound and its error are pooled by Rubin's rules.

**What it assumes.** That arms are alike given the covariates, as every answer does. `anything`
assumes nothing else, and its bounds are as wide as the unrecorded share times the range: often they
hold no effect, and then records alone cannot tell. The others assume what they say, arm by arm, and
no record can test it. Not for children who died: for them there is no outcome to bound (see
survivor bounds). Not answered: times to an event, rates over follow-up, trimmed targets, subgroups.

Where strategies are sustained over time, an end of the scale is filled in for children who kept to
a strategy and have no outcome, and the first primary estimator answers again; children who
departed are stood for by weights, as in its answer. `alike` then means by the weights of whoever's
outcome was recorded, so it is that answer itself, and `at_most` is not answered.

**Options.** `assume`: one or more of anything, no_better, at_most and alike (all, if left out).
`range`: the least and the most of the scale, such as [80, 120], or {outcome: [80, 120], …}; 0 and 1
for a yes or no. `below`: how much worse at most, in the unit of the outcome, or {outcome: 5, …};
for a yes or no a share. `outcomes`: which outcomes, where not all that were not seen for every
child.

Reference: Horowitz & Manski (2000), Journal of the American Statistical Association 95(449), 77-84;
Manski (2003), Partial Identification of Probability Distributions, Springer; Imbens & Manski
(2004), Econometrica 72(6), 1845-1857.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted, Unanswerable, UsageError
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.model import linear
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.standing import Moving
from fingerpost.sensitivity._options import Reads, is_number, mapping, number
from fingerpost.sensitivity._standing import (
    Errors,
    Found,
    Question,
    Score,
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
from fingerpost.sensitivity._sustained import found_of as sustained
from fingerpost.sensitivity._sustained import shares
from fingerpost.sensitivity._task import (
    Asked,
    SensitivityTask,
    asked_before,
    asked_of,
    check_options,
)
from fingerpost.sensitivity._unassessed import (
    ALIKE,
    LEAST,
    MOST,
    WORSE,
    Alike,
    Children,
    alike,
    filled_mean,
)

LEAF = "unassessed_bounds"
# Assumption → what may stand for the worst and the best of an unseen outcome.
FILLINGS = {
    "anything": ("end", "end"),
    "no_better": ("end", ALIKE),
    "at_most": (WORSE, ALIKE),
    "alike": (ALIKE, ALIKE),
}
OPTIONS = (
    ("assume", "anything, no_better, at_most or alike: what of the unassessed (all that can be)"),
    ("range", "the least and the most of the scale, for all outcomes or for each"),
    ("below", "how much worse than the assessed at most, for all outcomes or for each"),
    ("outcomes", "which outcomes (all that were not seen for every child)"),
)
COLUMNS = (
    *("outcome", "contrast", "target", "assumes", "lower", "upper", "lo", "hi"),
    *("unseen_first", "unseen_second", "verdict"),
)
T = TypeVar("T")
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked. ranges, below: by outcome; those not named have none."""

    assume: tuple[str, ...] = tuple(FILLINGS)
    ranges: Mapping[str, Pair] = field(default_factory=dict)
    below: Mapping[str, float] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()


def settings(asked: Asked) -> Settings:
    """Return the options, checked; UsageError with all their faults."""
    given, reads, every = asked.options, Reads(), tuple(FILLINGS)

    def assume() -> tuple[str, ...]:
        without = tuple(name for name in every if name != "at_most" or "below" in given)
        found = choices(given.get("assume", without), every, f"{LEAF}: assume")
        if "at_most" in found and "below" not in given:
            raise UsageError(
                f"sensitivity: {LEAF}: at_most needs `below`: how much worse than the assessed the "
                "others may have been, such as below: 5."
            )
        return found

    def outcomes() -> tuple[str, ...]:
        return outcome_names(given.get("outcomes", ()), asked.outcomes, f"{LEAF}: outcomes")

    chosen = Settings(
        reads.take(assume, every),
        by_outcome(asked, "range", reads, read=range_of),
        by_outcome(asked, "below", reads, read=below_of),
        reads.take(outcomes, ()),
    )
    reads.finish()
    return chosen


def by_outcome(
    asked: Asked, option: str, reads: Reads, *, read: Callable[[object], T]
) -> dict[str, T]:
    """Return an option by outcome: the same for all, or written for each."""
    if option not in asked.options:
        return {}
    said = asked.options[option]
    block = mapping(said) or dict.fromkeys(asked.outcomes, said)
    if mapping(said):
        reads.take(lambda: outcome_names(tuple(block), asked.outcomes, f"{LEAF}: {option}"), ())
    found: dict[str, T] = {}
    for name, own in block.items():
        try:
            found[name] = read(own)
        except UsageError as fault:
            reads.problems += fault.problems
    return found


def range_of(value: object) -> Pair:
    """Return the two ends of a scale."""
    ends = value if isinstance(value, list | tuple) else ()
    found = [float(end) for end in ends if is_number(end)]
    if len(found) != 2 or len(ends) != 2 or not found[0] < found[1]:
        raise UsageError(
            f"sensitivity: {LEAF}: range must be the least and the most of the scale, such as "
            "[80, 120]."
        )
    return found[0], found[1]


def below_of(value: object) -> float:
    """Return how much worse at most."""
    words = "a number of 0 or more, in the unit of the outcome"
    return number(value, f"{LEAF}: below", allowed=lambda v: v >= 0, words=words)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(asked_before(study, options))


@dataclass(frozen=True, eq=False, slots=True)
class Asking:
    """One question with its children, the regressions of its arms, and which way is better."""

    question: Question
    children: Children
    own: tuple[Alike | None, Alike | None]
    better: str
    errors: Errors
    told: bool  # whether the study says how much worse


def asking_of(
    task: SensitivityTask, one: Question, score: Score, *, chosen: Settings, errors: Errors
) -> Asking:
    """Return one question made ready. Raises UsageError where values lie outside the range."""
    cohort, name = task.cohort, one.term.outcome
    seen = seen_of(cohort, name)
    value = values_of(cohort, name, seen)
    ends, better = scale_of(task, name, chosen)
    worse = chosen.below.get(name, 0.0) * (1 if better == "lower" else -1)
    weighted = standing(cohort, score, one.term)
    children = Children(cohort, name, weighted, seen, value, ends, worse)
    terms = task.study.models.outcome
    terms = linear(task.study.given) if terms is None else terms
    own: tuple[Alike | None, Alike | None] = (None, None)
    if set(chosen.assume) != {"anything"}:
        first, second = (alike(children, cohort.arms.index(arm), terms) for arm in one.arms)
        own = (first, second)
    return Asking(one, children, own, better, errors, name in chosen.below)


def why_none(assume: str, *, ends: Pair | None, better: str, told: bool) -> str:
    """Return why an assumption gives no bounds, or an empty string. told: whether the study says
    how much worse.
    """
    if ends is None and "end" in FILLINGS[assume]:
        return "not bounded: say what the outcome can be at least and at most (range)"
    if assume in ("no_better", "at_most") and better not in ("higher", "lower"):
        return "not bounded: the study does not say which way is better"
    if assume == "at_most" and not told:
        return "not bounded: say how much worse at most (below)"
    return ""


def fillings(assume: str, better: str) -> tuple[str, str]:
    """Return what stands for an unseen outcome at its least and at its most."""
    worst, best = FILLINGS[assume]
    low, high = (best, worst) if better == "lower" else (worst, best)
    return (LEAST if low == "end" else low), (MOST if high == "end" else high)


def found_of(asking: Asking, assume: str) -> Found:
    """Return what one copy of the children gives for one line. shares: unseen, of each arm."""
    found, cohort = asking.children, asking.children.cohort
    arms = tuple(cohort.arms.index(arm) for arm in asking.question.arms)
    unseen = tuple(float(found.standing.shares(arm) @ ~found.seen) for arm in arms)
    why = why_none(assume, ends=found.ends, better=asking.better, told=asking.told)
    if why:
        return Found(unseen, why=why)
    ends: list[Moving] = []
    fills = fillings(assume, asking.better)
    for low, high in (fills, fills[::-1]):
        first = filled_mean(found, arms[0], asking.own[0], fill=low)
        second = filled_mean(found, arms[1], asking.own[1], fill=high)
        if asking.question.ratio and min(first.value, second.value) <= 0:
            why = "not bounded: a mean may be 0 or less, so that a ratio has no meaning"
            return Found(unseen, why=why)
        ends.append(first.log() - second.log() if asking.question.ratio else first - second)
    values = (ends[0].value, ends[1].value)
    errors = (asking.errors.of(ends[0].influence), asking.errors.of(ends[1].influence))
    return Found(unseen, values, errors)


def by_line(
    task: SensitivityTask, asked: list[Question], chosen: Settings, errors: Errors
) -> dict[Question, dict[str, Found] | str]:
    """Return what one copy of the children gives for each assumption about the bounded questions,
    or why it bounds a question in no way.
    """
    given = dict[Question, dict[str, Found] | str]()
    if task.cohort.course is not None:
        return {one: over_time(task, one, chosen) for one in asked}
    score = fitted_score(task)
    for one in asked:
        try:
            asking = asking_of(task, one, score, chosen=chosen, errors=errors)
        except (NotFitted, Unanswerable) as fault:
            given[one] = f"not bounded: {fault}"
        else:
            given[one] = {assume: found_of(asking, assume) for assume in chosen.assume}
    return given


def over_time(task: SensitivityTask, one: Question, chosen: Settings) -> dict[str, Found]:
    """Return what one copy of the children gives for each assumption about a question of strategies
    sustained over time.
    """
    ends, better = scale_of(task, one.term.outcome, chosen)
    told = one.term.outcome in chosen.below
    found = {}
    for assume in chosen.assume:
        why = why_none(assume, ends=ends, better=better, told=told)
        low, high = fillings(assume, better)
        found[assume] = (
            Found(shares(task.cohort, one), why=why)
            if why
            else sustained(task, one, ends=ends, fills=((low, high), (high, low)))
        )
    return found


def scale_of(task: SensitivityTask, name: str, chosen: Settings) -> tuple[Pair | None, str]:
    """Return the ends of an outcome's scale, None where not known, and which way is better. Raises
    UsageError where values lie outside the ends.
    """
    outcome, seen = task.cohort.outcomes[name], seen_of(task.cohort, name)
    ends = (0.0, 1.0) if outcome.kind == "binary" else chosen.ranges.get(name)
    if ends is not None:
        value = values_of(task.cohort, name, seen)[seen]
        outside = int(np.count_nonzero((value < ends[0]) | (value > ends[1])))
        if outside:
            raise UsageError(
                f"sensitivity: {LEAF}: range: {name} of {outside} children lies outside "
                f"{ends[0]:g} to {ends[1]:g}. Give the ends of the whole scale."
            )
    stated = {spec.name: spec.measure.better for spec in task.study.outcomes}
    return ends, stated.get(name) or outcome.better


def lines(
    task: SensitivityTask, asked: list[Question], chosen: Settings
) -> Iterator[tuple[tuple[Cell, ...], Region | None, int]]:
    """Yield the lines of the questions, their regions and the children behind each."""
    errors, bounded = errors_of(task), [one for one in asked if not one.why]
    copies = [by_line(each, bounded, chosen, errors) for each in copies_of(task)] if bounded else []
    for one in asked:
        children = seen_in(task.cohort, one.term)
        given = [] if one.why else [copy[one] for copy in copies]
        why = one.why or next((each for each in given if isinstance(each, str)), "")
        if why:
            yield (*one.words, "", *(None,) * 6, why), None, children
            continue
        for assume in chosen.assume:
            own = [each[assume] for each in given if not isinstance(each, str)]
            row, region = told_of(one, assume, pooled(one, own, errors), errors)
            yield row, region, children


def told_of(
    one: Question, assume: str, found: Found, errors: Errors
) -> tuple[tuple[Cell, ...], Region | None]:
    """Return one line of the table, and its interval as a region."""
    if found.ends is None:
        return (*one.words, assume, *(None,) * 4, *found.shares, found.why), None
    shown = bounded_row(one, found, errors)
    row = (*one.words, assume, *shown.cells, *found.shares, shown.verdict)
    return row, shown.region(f"bounds for the unassessed assuming {assume}")


def run(task: SensitivityTask) -> Answer:
    """Return the table `unassessed_bounds`, a line for each question and assumption; regions: the
    intervals; refusals: of the guard rails, with the children whose outcome was not seen.
    """
    check_options(LEAF, given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = settings(asked_of(task))
    asked = questions(task, LEAF, chosen.outcomes)
    barred = refused(task, asked)
    found = list(lines(task, [one for one in asked if one.term not in barred], chosen))
    regions = tuple(region for _, region, _ in found if region is not None)
    tables = (table(task, found),) if found else ()
    return Answer(leaf=LEAF, tables=tables, regions=regions, refusals=tuple(barred.values()))


def table(task: SensitivityTask, found: list[tuple[tuple[Cell, ...], Region | None, int]]) -> Table:
    """Return the table of all questions and assumptions."""
    return Table(
        name=LEAF,
        title="The effect on all children, whatever the unassessed would have done",
        columns=COLUMNS,
        kinds=(*("label",) * 4, *("number",) * 4, *("share",) * 2, "label"),
        rows=tuple(row for row, _, _ in found),
        tells=Tells(role="unassessed bounds", answers=("lower", "upper", "lo", "hi")),
        counts=tuple(children for _, _, children in found),
        context=(
            "lower, upper: the least and the most that the effect can be; lo, hi: the "
            f"{task.level:.0%} interval for the effect. assumes: of children whose outcome was not "
            "seen, anything on the scale; no_better than children alike who were seen; at_most so "
            "much worse than these; or alike. unseen_first, unseen_second: the share not seen "
            f"under each arm{', of children who kept to it' if task.cohort.course else ''}."
        ),
        note="No record can tell which assumption is right; the wider the surer."
        f"{over_words(task)}",
    )


UNASSESSED_BOUNDS = Sensitivity(
    title="Bounds for the unassessed",
    summary="Bounds of the effect on all children, where some were not assessed.",
    reference="Horowitz & Manski (2000), Journal of the American Statistical Association 95(449), "
    "77-84; Imbens & Manski (2004), Econometrica 72(6), 1845-1857",
    question="What if children who were not assessed would not have done as those who were?",
    run=run,
    options=OPTIONS,
    scope="study",
    check=check,
    over_copies="pooled",
    chances=True,
)
