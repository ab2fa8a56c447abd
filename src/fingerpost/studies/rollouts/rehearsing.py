"""Rehearse a roll-out on the real past: its draws replayed where nothing happened, and where
something was planted, under every estimator of the study.

The plan's periods are laid on the last periods of a panel of its units. Each draw that the plan
might have made then says who would have begun when; outcomes are those that were. With no effect,
an estimator's answers show how far it strays by the luck of the draw alone, on outcomes as they
really drift: its standard deviation over draws is what no formula has to be believed for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.panel import begun
from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.analysis import Analysis, Fits, PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.panel import PanelOutcome
from fingerpost.core.study import Study
from fingerpost.kernels.arrays import one_thread
from fingerpost.kernels.staggered import since
from fingerpost.studies import plan
from fingerpost.studies.rollouts.analysing import analysis_of, anticipation_of
from fingerpost.studies.rollouts.laying import Laid, lay
from fingerpost.studies.rollouts.past import Past, check_past, past_of, read_past
from fingerpost.studies.rollouts.planting import PLANTINGS, Planting, Truths
from fingerpost.studies.rollouts.units import rollout_of

Say = Callable[[str], None]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
DRAWS, FEWEST_DRAWS, MOST_DRAWS = 1000, 100, 100_000
TOLD = 100  # draws between two lines of progress
MOVED = 50  # draws on which it is tried whether a planted effect moves answers by itself alone
TRIED = 5  # draws after which a leaf that answered none of them is asked no more
PLANTED_SD = 0.2  # planted effect where the plan names none: of the SD between units in a period


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """What one leaf said of its terms under one planting. value, error: (d, q), NaN where it had no
    answer. held: (d, q) whether the interval held the truth, NaN where there is none. truth: (d, q)
    """

    value: Floats
    error: Floats
    held: Floats
    truth: Floats

    def fill(self, still: Told, asker: Asker, planting: Planting, *, since_draw: int) -> None:
        """Fill the draws from one on with what was said where nothing happens, moved."""
        rest = slice(since_draw, None)
        for draw in range(since_draw, len(self.value)):
            self.truth[draw] = asker.truth(planting, draw)
        self.value[rest] = still.value[rest] + self.truth[rest] - still.truth[rest]
        self.error[rest], self.held[rest] = still.error[rest], still.held[rest]


@dataclass(frozen=True, eq=False)
class Replayed:
    """What one leaf said over all draws. terms: those that it answers. told: planting → answers.
    reason: why it has no answer, where it has none.
    """

    leaf: str
    terms: tuple[Term, ...]
    told: Mapping[str, Told]
    reason: str = ""


@dataclass(frozen=True, eq=False)
class OfOutcome:
    """The rehearsal of one outcome: its past, how the plan was laid on it, what every leaf said.
    size: of the planted effect; level: mean outcome in the periods from the first beginning on.
    """

    past: Past
    laid: Laid
    size: float
    replayed: tuple[Replayed, ...]

    @cached_property
    def level(self) -> float:
        """Mean outcome, units alike, in the periods from the first beginning on."""
        return float(np.mean(self.laid.during()))


@dataclass(frozen=True, eq=False, slots=True)
class Rehearsal:
    """The rehearsal of a study. draws: that were replayed. records: (file, SHA-256)."""

    study: Study
    draws: int
    outcomes: tuple[OfOutcome, ...]
    records: tuple[tuple[str, str], ...]


def rehearse(
    study: Study,
    records: TableRecords,
    *,
    base: Path,
    draws: int = DRAWS,
    say: Say = lambda words: None,
) -> Rehearsal:
    """Return the rehearsal of a plan on the past of its units.

    base: the folder of the study, beside which its register lies. Raises UsageError where nothing
    is drawn, or the past is too short for the plan; Malformed with every fault of the records.
    """
    check(study, draws)
    say("reading the past")
    read = read_past(study, records)
    leaves = plan.estimators(study)
    found = []
    with one_thread():
        for spec in study.outcomes:
            panel, past = past_of(read.panel, spec.name)
            laid = lay(study, panel, spec.name, base=base, draws=draws)
            size = planted_size(study, spec.name, past)
            replayed = replay(study, laid, leaves, size=size, say=say)
            found.append(OfOutcome(past, laid, size, replayed))
    fewest = min(len(one.laid.codes) for one in found)
    return Rehearsal(study, fewest, tuple(found), records.digest)


def check(study: Study, draws: int) -> None:
    """Raise UsageError where there is nothing to rehearse, or too little."""
    rollout = rollout_of(study)
    if not study.assignment.randomised or not rollout.periods:
        raise UsageError(
            f"{study.name}: nothing is drawn here, so that nothing can be replayed. A rehearsal is "
            "of a plan: assignment: {randomised: …} and rollout: {periods, waves}."
        )
    if not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        raise UsageError(
            f"--draws {draws:,}: from {FEWEST_DRAWS} to {MOST_DRAWS:,} can be replayed; 1,000 are "
            "usual, and 10,000 tell false alarms of 5% to 0.4 points either way."
        )
    check_past(study)
    plan.check(study)


def planted_size(study: Study, outcome: str, past: Past) -> float:
    """Return the effect that is planted: the one that the plan has to find where it is of its first
    outcome, else a fifth of the standard deviation between units.
    """
    power = rollout_of(study).power
    if power is not None and power.effect and outcome == study.outcomes[0].name:
        return float(power.effect)
    return PLANTED_SD * past.sd


def replay(
    study: Study,
    laid: Laid,
    leaves: Mapping[str, Estimator],
    *,
    size: float,
    say: Say = lambda words: None,
) -> tuple[Replayed, ...]:
    """Return what every leaf says of every planting over all draws."""
    analysis = analysis_of(study)
    if laid.level is None:
        analysis = replace(analysis, cluster=None)
    asked = plan.asked(study, laid.outcome)
    truths = Truths(laid, asked, anticipation_of(study), size)
    found = []
    for name, leaf in leaves.items():
        terms = plan.answers(leaf, study, asked)
        own = replace(analysis, options=plan.options(study, name))
        told: dict[str, Told] = {}
        reason = ""
        asker = Asker(truths, leaf, terms, own, laid.drawn)
        for planting in PLANTINGS:
            if reason:
                break
            told[planting.name], reason = over_draws(
                asker,
                planting,
                still=told.get("none"),
                say=partial(saying, say, f"{laid.outcome}: {name}, {planting.words}"),
            )
        found.append(Replayed(name, terms, {} if reason else told, reason))
    return tuple(found)


@dataclass(frozen=True, eq=False, slots=True)
class Asker:
    """One leaf and what it is asked of a plan laid on the past."""

    truths: Truths
    leaf: Estimator
    terms: tuple[Term, ...]
    analysis: Analysis
    drawn: Drawn  # one for all draws, so that chances are worked out once
    fits: Fits = field(default_factory=Fits)

    @property
    def laid(self) -> Laid:
        """The plan laid on the past."""
        return self.truths.laid

    def truth(self, planting: Planting, draw: int) -> list[float]:
        """Return (q,) what each term of the leaf is of what was planted in a draw."""
        known = self.truths.of(planting, draw)
        return [known[term] for term in self.terms]

    def task(self, draw: int, effect: Floats) -> PanelTask:
        """Return the task of one draw, with an effect (u, t) planted."""
        panel, adopted = self.laid.panel, self.laid.adopted(draw)
        outcome = with_effect(panel.outcomes[self.laid.outcome], effect)
        made = replace(
            panel,
            arm=begun(adopted, len(panel.periods)),
            adopted=adopted,
            outcomes={self.laid.outcome: outcome},
        )
        return PanelTask(
            made,
            self.terms,
            self.analysis,
            self.truths.anticipation,
            self.drawn if self.leaf.drawn else None,
            self.fits,
            bare=True,
        )


def with_effect(outcome: PanelOutcome, effect: Floats) -> PanelOutcome:
    """Return an outcome with an effect (u, t) added to every child of a cell."""
    if not effect.any():
        return outcome
    total = outcome.total + outcome.count * effect
    squares = outcome.squares + 2 * effect * outcome.total + outcome.count * effect**2
    return PanelOutcome(outcome.count, total, squares, outcome.children)


def saying(say: Say, words: str, more: str) -> None:
    """Say how far a leaf has come."""
    say(f"{words}: {more}")


def over_draws(
    asker: Asker, planting: Planting, *, still: Told | None, say: Say
) -> tuple[Told, str]:
    """Return what a leaf says over all draws, and why it has no answer where it has none.

    still: what it said where nothing happens. An effect that is the same in all units at the same
    exposure moves most answers by itself and changes nothing else. That is tried on the first
    draws; where it is so to the last digit in each of them, the rest are not replayed again.
    """
    count, q = len(asker.laid.codes), len(asker.terms)
    told = Told(*(np.full((count, q), np.nan) for _ in range(4)))
    tried = min(MOVED, count) if still is not None and not planting.early else count
    reason = ""
    for draw in range(count):
        if draw == tried and still is not None and moved_alone(told, still, tried):
            told.fill(still, asker, planting, since_draw=tried)
            break
        if draw % TOLD == 0:
            say(f"{draw:,} of {count:,} draws")
        reason = one_draw(asker, planting, told, draw=draw) or reason
        if draw == TRIED - 1 and not np.isfinite(told.value[:TRIED]).any():
            return told, reason or "it has no answer"
    return told, "" if np.isfinite(told.value).any() else reason


def one_draw(asker: Asker, planting: Planting, told: Told, *, draw: int) -> str:
    """Write what a leaf says of one draw, and return why it refused something where it did."""
    adopted = asker.laid.adopted(draw)
    ages = since(adopted, len(asker.laid.panel.periods))
    ever = np.broadcast_to((adopted >= 0)[:, None], ages.shape)
    told.truth[draw] = asker.truth(planting, draw)
    try:
        answer = asker.leaf.run(asker.task(draw, planting.effects(ages, ever, asker.truths.size)))
    except (NotFitted, TooFew, Unanswerable) as fault:
        return str(fault)
    note(answer, asker, told, draw)
    return refused(answer)


def moved_alone(told: Told, still: Told, tried: int) -> bool:
    """Return whether a planted effect moved every answer by itself, and changed nothing else."""
    moved = still.value[:tried] + told.truth[:tried] - still.truth[:tried]
    close = 1e-7 * max(float(np.nanstd(still.value[:tried])), 1e-12)
    return all(
        np.allclose(one, other, rtol=0, atol=close, equal_nan=True)
        for one, other in (
            (told.value[:tried], moved),
            (told.error[:tried], still.error[:tried]),
            (told.held[:tried], still.held[:tried]),
        )
    )


def refused(answer: Answer) -> str:
    """Return the first reason for which a leaf refused something; empty where it did not."""
    for refusal in answer.refusals:
        for rule in refusal.rules:
            return rule.words
    return ""


def note(answer: Answer, asker: Asker, told: Told, draw: int) -> None:
    """Write one answer into the row of its draw."""
    place = {term: at for at, term in enumerate(asker.terms)}
    level, truth = asker.analysis.level, told.truth[draw]
    if answer.estimate is not None:
        at = [place[term] for term in answer.estimate.terms]
        told.value[draw, at] = answer.estimate.value
        errors, limits = standard_errors(answer.estimate), intervals(answer.estimate, level)
        if errors is not None:
            told.error[draw, at] = errors
        if limits is not None:
            told.held[draw, at] = (limits[:, 0] <= truth[at]) & (truth[at] <= limits[:, 1])
    for region in answer.regions:
        own = place[region.term]
        told.value[draw, own] = np.nan if region.value is None else region.value
        told.held[draw, own] = any(lo <= truth[own] <= hi for lo, hi in region.pieces)
