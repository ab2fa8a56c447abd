"""What a time to an event asks of the records: who was under observation, by when, and faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import survey_weight
from fingerpost.kernels.weighted_survival import Ask, Spells, weighted_curve

Array = NDArray[np.float64]
SUMMARIES = ("risk", "survival", "rmst")
PATHS = ("weighting", "g_formula")
INTERVALS, MOST_INTERVALS = 40, 200


@dataclass(frozen=True, eq=False, slots=True)
class Follow:
    """The follow-up of a task's children.

    spells: of all n; weight: (n,) survey weights. rows: arm → its children whose time was recorded
    and who have weight. limit: arm → the latest horizon asked by which its outcome can be told.
    by: the option of that name. intervals: the most intervals of a model of hazards.
    """

    spells: Spells
    weight: Array
    rows: Mapping[int, NDArray[np.intp]]
    limit: Mapping[int, float]
    by: str
    intervals: int


def ask_of(term: Term) -> Ask:
    """Return a term's summary and horizon.

    Raises UsageError where there is no horizon above nought, or the summary is none of a time.
    """
    if term.summary not in SUMMARIES:
        raise UsageError(
            f"estimand.summary: survival gives the {listed(SUMMARIES)} of a time to an event, not "
            f"the {term.summary}. Write summary: risk."
        )
    by = term.horizon
    if by is None:
        raise UsageError(
            f"estimand.horizon: {term.outcome} is a time to an event, so survival needs the time "
            "by which the arms are compared. Write horizon: TIME, in the unit of the outcome."
        )
    if not (np.isfinite(by) and by > 0):
        raise UsageError(f"estimand.horizon: {by:g} is not above 0. Write a time above 0.")
    return term.summary, float(by)


def follow(task: Task) -> tuple[Follow, dict[Term, str]]:
    """Return the follow-up, and of each term that cannot be answered the reason.

    Raises UsageError for options that are not allowed, an outcome that is not a time to an event,
    and times that cannot be (before nought, or not after entry).
    """
    by, intervals = options_of(task.analysis.options)
    asked = {term: ask_of(term) for term in task.terms}
    cohort, spells, used = task.cohort, _spells(task), seen(task) & (survey_weight(task) > 0)
    own = {
        code: np.flatnonzero((cohort.arm == code) & used)
        for code in sorted({cohort.arms.index(name) for name in _arms(task.terms)})
    }
    why: dict[Term, str] = {}
    found: dict[tuple[int, Ask], str] = {}
    for term, ask in asked.items():
        compared = [cohort.arms.index(name) for name, _ in term.contrast]
        for code in compared:
            if (code, ask) not in found:
                others = np.concatenate([own[c] for c in compared])
                found[code, ask] = _fault(spells, own[code], others, ask, cohort.arms[code])
            if found[code, ask] and term not in why:
                why[term] = found[code, ask]
    limit: dict[int, float] = {}
    for term in (term for term in task.terms if term not in why):
        for name, _ in term.contrast:
            code = cohort.arms.index(name)
            limit[code] = max(limit.get(code, 0.0), asked[term][1])
    return Follow(spells, survey_weight(task), own, limit, by, intervals), why


def _arms(terms: Iterable[Term]) -> set[str]:
    return {name for term in terms for name, _ in term.contrast}


def options_of(options: Mapping[str, object]) -> tuple[str, int]:
    """Return how, and the most intervals; raise UsageError with every fault."""
    reads = Options("survival", options)
    found = (
        reads.word("by", PATHS),
        reads.whole("intervals", INTERVALS, least=1, most=MOST_INTERVALS),
    )
    reads.finish()
    return found


def _spells(task: Task) -> Spells:
    """Return when every child was under observation; nought where its time was not recorded."""
    name = task.terms[0].outcome
    outcome, here = task.cohort.outcomes[name], seen(task)
    if outcome.kind != "time" or outcome.event is None:
        raise UsageError(
            f"estimators: survival needs a time to an event; {name} is a {outcome.kind} outcome"
            f"{' without an event' if outcome.kind == 'time' else ''}. Write kind: time and event: "
            "COLUMN, or use another estimator."
        )
    time = np.where(here, outcome.value, 0.0)
    start = np.full(len(time), -np.inf)
    if outcome.entry is not None:
        start = np.where(here, outcome.entry, -np.inf)
    if not np.isfinite(time).all() or np.isnan(start).any() or (time < 0).any():
        raise UsageError(f"outcomes.{name}: a time is missing or below 0. Correct the records.")
    if (start >= time).any():
        raise UsageError(
            f"outcomes.{name}: a child enters at or after the end of its time. Correct the records."
        )
    return Spells(start, time, outcome.event & here)


def _fault(
    spells: Spells, rows: NDArray[np.intp], others: NDArray[np.intp], ask: Ask, arm: str
) -> str:
    """Return why what became of an arm by a time cannot be told, or an empty string.

    others: the children of all arms compared.
    """
    (summary, by), own = ask, spells.take(rows)
    when = f"the horizon of {by:g}"
    if not len(rows):
        return f"arm {arm}: no child's time was recorded. Mend: leave the arm out."
    if not np.any(own.event & (own.time <= by)):
        return (
            f"arm {arm}: no event is seen by {when}, so how sure the answer is cannot be told. "
            "Mend: choose a later horizon, or merge arms."
        )
    curve = weighted_curve(own, np.ones(len(rows)), horizon=by)
    gone = np.flatnonzero(curve.left == 0.0)
    end = float(curve.times[gone[0]]) if len(gone) else np.inf
    if np.any(own.time > end):
        return (
            f"arm {arm}: at some time before {when} all the few children under observation had the "
            "event, before others came under observation, so the curve falls to nought too early. "
            "Mend: count time from where more children are under observation."
        )
    if not len(gone) and not np.any((own.start < by) & (own.time >= by)):
        return (
            f"arm {arm}: nobody is under observation up to {when}. Mend: choose an earlier horizon."
        )
    if _gap(own, spells.take(others), by=min(by, end)):
        return (
            f"arm {arm}: at some time before {when} nobody is under observation, while children of "
            "another arm have the event. Mend: count time from where all arms are under "
            "observation, or leave the arm out."
        )
    if float(own.start.min()) > 0.0:
        return (
            f"arm {arm}: everybody comes under observation after time 0, so what happened before "
            "is not known. Mend: count time from where observation begins, the horizon with it."
        )
    if len(gone) and summary != "rmst":
        return (
            f"arm {arm}: every child still under observation has the event by {when}, so how sure "
            "the answer is cannot be told. Mend: choose an earlier horizon, or summary: rmst."
        )
    return ""


def _gap(own: Spells, every: Spells, *, by: float) -> bool:
    """Return whether somebody has the event at a time when nobody of an arm is at risk."""
    at = np.unique(every.time[every.event & (every.time <= by)])
    entered = np.searchsorted(np.sort(own.start), at, side="left")
    gone = np.searchsorted(np.sort(own.time), at, side="left")
    return bool(np.any(entered <= gone))
