"""A rehearsal judged: every estimator's size, bias, coverage and smallest detectable effect, and
which of them is best, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fingerpost.core.estimand import Term
from fingerpost.core.words import counted, listing
from fingerpost.studies.rollouts.analysing import anticipation_of
from fingerpost.studies.rollouts.rehearsing import OfOutcome, Rehearsal, Replayed, Told

MULTIPLE = 2.8  # standard errors of the effect found with power 80% (1.96 + 0.84), two-sided 5%
SIZE, COVERED = (0.03, 0.07), (0.92, 0.98)
ANSWERED = 0.95  # of the draws: fewer, and its shares are of the draws that happened to suit it


@dataclass(frozen=True, slots=True)
class Under:
    """One estimator under one planting: bias with its Monte Carlo error, and coverage."""

    planting: str
    truth: float
    bias: float
    mcse: float
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rehearsal says of one estimator's answer to one question.

    answered: draws in which it had an answer, with an interval where it gives any. size: share of
    draws in which an interval leaves out nought where nothing happened. sd: of its answers over
    draws; se_ratio: its mean standard error over that, None where it has none. mdes: in units of
    the outcome; share: of the outcome's mean. under: planting by planting. faults: what keeps it
    from being chosen; fatal: whether one of them is of the kind that misleads (too many false
    alarms, too little coverage, too few answers).
    """

    outcome: str
    term: Term
    leaf: str
    answered: int
    size: float | None
    sd: float
    se_ratio: float | None
    mdes: float
    share: float | None
    under: tuple[Under, ...]
    faults: tuple[str, ...]
    fatal: bool

    @property
    def question(self) -> str:
        """The outcome and the target in words."""
        return f"{self.outcome}, {self.term.label()}"


@dataclass(frozen=True, slots=True)
class Question:
    """One question with every estimator that answered it, and the best, None where none holds."""

    outcome: str
    term: Term
    judged: tuple[Judged, ...]
    refused: tuple[tuple[str, str], ...]
    best: Judged | None

    @property
    def why(self) -> str:
        """Why the best is the best, or that none is."""
        good = [one for one in self.judged if not one.faults]
        if self.best is None:
            told = "; ".join(f"{one.leaf}: {listing(one.faults)}" for one in self.judged)
            words = "None has 3-7% of false alarms and coverage 92-98%"
            return f"{words}: {told or 'none has an answer'}."
        others = sorted((one for one in self.judged if one is not self.best), key=lambda o: o.mdes)
        told = "; ".join(
            f"{one.leaf} finds {_short(one.mdes)}"
            + (f" and is left out ({listing(one.faults)})" if one.faults else "")
            for one in others
        )
        return (
            f"{self.best.leaf} finds the least, {_short(self.best.mdes)}, of the "
            f"{counted(len(good), 'estimator')} with 3-7% of false alarms and coverage 92-98%"
            + (f": {told}." if told else ".")
        )


def _short(value: float) -> str:
    return f"{value:.3g}"


def questions(rehearsal: Rehearsal) -> tuple[Question, ...]:
    """Return every question with its estimators judged."""
    found = []
    ahead = anticipation_of(rehearsal.study) > 0
    for one in rehearsal.outcomes:
        terms = dict.fromkeys(term for each in one.replayed for term in each.terms)
        for term in terms:
            mine = [each for each in one.replayed if term in each.terms]
            by_leaf = [
                None if each.reason else judge(one, each, term, ahead=ahead) for each in mine
            ]
            told = tuple(each for each in by_leaf if each is not None)
            refused = tuple(
                (each.leaf, each.reason or "it answered fewer than two draws")
                for each, verdict in zip(mine, by_leaf, strict=True)
                if verdict is None
            )
            good = [each for each in told if not each.faults]
            best = min(good, key=lambda each: each.mdes, default=None)
            found.append(Question(one.past.outcome, term, told, refused, best))
    return tuple(found)


def judge(of: OfOutcome, replayed: Replayed, term: Term, *, ahead: bool) -> Judged | None:
    """Return what is said of one leaf on one term; None where it never answered it. ahead: whether
    the plan allows for anticipation, so that the planting with it is judged too.
    """
    at = replayed.terms.index(term)
    still = replayed.told["none"]
    value = still.value[:, at]
    known = np.isfinite(value)
    if np.count_nonzero(known) < 2:
        return None
    sd = float(value[known].std(ddof=1))
    errors = still.error[known, at]
    ratio = float(np.nanmean(errors)) / sd if np.isfinite(errors).any() and sd > 0 else None
    under = tuple(under_of(name, told, at) for name, told in replayed.told.items())
    missed = share_of(1 - still.held[known, at])
    faults, fatal = faults_of(missed, under, ahead=ahead)
    answered = int(np.count_nonzero(known if missed is None else np.isfinite(still.held[:, at])))
    if answered < ANSWERED * len(value):
        faults, fatal = [*faults, f"answered {answered:,} of {len(value):,} draws"], True
    level = abs(of.level)
    return Judged(
        of.past.outcome,
        term,
        replayed.leaf,
        answered,
        missed,
        sd,
        ratio,
        MULTIPLE * sd,
        MULTIPLE * sd / level if level > 0 else None,
        under,
        tuple(faults),
        fatal,
    )


def under_of(planting: str, told: Told, at: int) -> Under:
    """Return bias and coverage under one planting."""
    away = told.value[:, at] - told.truth[:, at]
    known = np.isfinite(away)
    if not known.any():
        return Under(planting, math.nan, math.nan, math.nan, None)
    own = away[known]
    mcse = float(own.std(ddof=1)) / math.sqrt(len(own)) if len(own) > 1 else math.nan
    truth = float(np.nanmean(told.truth[known, at]))
    return Under(planting, truth, float(own.mean()), mcse, share_of(told.held[known, at]))


def share_of(flags: Any) -> float | None:
    """Return the share of flags, None where there are none."""
    found = flags[np.isfinite(flags)]
    return float(found.mean()) if len(found) else None


def faults_of(size: float | None, under: Iterable[Under], *, ahead: bool) -> tuple[list[str], bool]:
    """Return what keeps an estimator from being chosen, and whether it misleads."""
    if size is None:
        return ["it gives no interval"], False
    judged = [one for one in under if one.planting != "none" and (ahead or one.planting != "early")]
    covered = [one.coverage for one in judged if one.coverage is not None]
    faults, fatal = [], False
    if not SIZE[0] <= size <= SIZE[1]:
        faults.append(f"false alarms {100 * size:.1f}%")
        fatal |= size > SIZE[1]
    off = [one for one in covered if not COVERED[0] <= one <= COVERED[1]]
    if off:
        worst = min(covered) if min(covered) < COVERED[0] else max(covered)
        faults.append(f"coverage {100 * worst:.1f}%")
        fatal |= min(covered) < COVERED[0]
    return faults, bool(fatal)


def preselected(found: Sequence[Question]) -> tuple[str | None, str]:
    """Return the estimator that the rehearsal chooses for the whole study, and why: of those that
    hold in every question, the one whose smallest effects are the least on average (geometric).
    """
    by_leaf: dict[str, list[Judged]] = {}
    for question in found:
        for one in question.judged:
            by_leaf.setdefault(one.leaf, []).append(one)
    whole = {
        leaf: float(np.mean(np.log([max(one.mdes, 1e-300) for one in own])))
        for leaf, own in by_leaf.items()
        if len(own) == len(found) and not any(one.faults for one in own)
    }
    if len(found) == 1 or not whole:
        first = found[0] if found else None
        if first is None or first.best is None:
            return None, first.why if first else "Nothing was asked."
        word = "" if len(found) == 1 else "None holds in every question; of the first: "
        return first.best.leaf, word + first.why
    best = min(whole, key=lambda leaf: whole[leaf])
    return best, (
        f"{best} finds the least on average of the {counted(len(whole), 'estimator')} with "
        f"3-7% of false alarms and coverage 92-98% in all {len(found)} questions."
    )


def holding(found: Sequence[Question]) -> tuple[str, ...]:
    """Return the estimators that mislead in no question that they are asked: too many false alarms,
    too little coverage and no answer mislead, too much caution does not.
    """
    refused = {leaf for question in found for leaf, _ in question.refused}
    judged = [one for question in found for one in question.judged if one.size is not None]
    names = dict.fromkeys(one.leaf for one in judged if one.leaf not in refused)
    return tuple(n for n in names if not any(one.fatal for one in judged if one.leaf == n))
