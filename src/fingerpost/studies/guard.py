"""Guard rails: which (contrast, target) may be answered on these records, by any leaf.

Each is judged once on the tilting weights of the target. Rules and thresholds: method decisions,
section 4; a study may override them before the run, and the report prints that it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.estimand import Term
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Guard
from fingerpost.core.table import Table
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._outcome import outcome_of
from fingerpost.kernels.clusters import distinct
from fingerpost.kernels.weighted import effective_size
from fingerpost.studies.weights import (
    Array,
    Indicators,
    Weighting,
    differences,
    largest_cluster_share,
)

REFUSE, WARN, OK = "refuse", "warn", "ok"
POSITIVITY = "positivity: every child of the target could have received any arm compared"
BALANCE = "balance: the weighted arms resemble the target on the covariates"
SUPPORT = "enough children carry the answer"


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule measured: its two thresholds (None where it cannot warn) and the verdict.

    children: of the arm judged; None where the rule is of the whole target.
    """

    broken: Broken
    verdict: str
    warn_at: float | None = None
    children: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rules of one term."""

    term: Term
    judged: tuple[Judged, ...]

    @property
    def refused(self) -> bool:
        """Whether any rule refuses."""
        return refuses(self.judged)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings in words, where the term is answered."""
        return tuple(one.broken.words for one in self.judged if one.verdict == WARN)


def judge_counts(
    task: Task, term: Term, guard: Guard, *, followed: bool = True
) -> tuple[Judged, ...]:
    """Judge the numbers of children and clusters in each arm; needs no model. followed: False where
    only children outside the trial were followed to the outcome: then all who were drawn count.
    """
    cohort, found = task.cohort, []
    level, here = task.analysis.cluster, seen(task) | (not followed)
    drawn = cohort.imputed.get(term.outcome)
    if drawn is not None:
        here = here & ~drawn  # an imputed outcome is no child's: it tells nothing new
    for name, _ in term.contrast:
        rows = here & (cohort.arm == cohort.arms.index(name))
        children = distinct(cohort.unit[rows])
        words = f"{children:,} children in arm {name}"
        own = [_low("children", SUPPORT, children, guard.refuse_children, None, words)]
        if level is not None:
            clusters = distinct(cohort.cluster_codes(level)[rows])
            words = f"{clusters:,} clusters ({level}) in arm {name}"
            own.append(_low("clusters", SUPPORT, clusters, guard.refuse_clusters, None, words))
        if followed:
            own += _judge_events(task, term, name, rows=rows, guard=guard)
        found += [replace(one, children=children) for one in own]
    return tuple(found)


def _judge_events(
    task: Task, term: Term, name: str, *, rows: NDArray[np.bool_], guard: Guard
) -> list[Judged]:
    """Judge the events of an arm (of a binary outcome the rarer of events and their absence; of a
    time, those by the horizon): with none at all an arm seems to vary not at all, and every
    interval would be too narrow.
    """
    outcome = outcome_of(task)
    if outcome.kind not in ("binary", "count", "time"):
        return []
    if outcome.kind == "time":
        horizon = np.inf if term.horizon is None else term.horizon
        happened = np.ones(len(rows), bool) if outcome.event is None else outcome.event
        events = float(np.count_nonzero(rows & happened & (outcome.value <= horizon)))
    else:
        events = float(outcome.value[rows].sum())
    what = "events"
    if outcome.kind == "binary" and events > rows.sum() - events:
        events, what = float(rows.sum() - events), "children without the event"
    when = f" by {term.horizon:g}" if outcome.kind == "time" and term.horizon is not None else ""
    words = f"{events:,.0f} {what} in arm {name}{when}"
    return [_low("events", SUPPORT, events, guard.refuse_events, guard.warn_events, words)]


def refuses(judged: tuple[Judged, ...]) -> bool:
    """Return whether any rule refuses."""
    return any(one.verdict == REFUSE for one in judged)


def judge_weights(
    task: Task, weighted: Weighting, covariates: Indicators, guard: Guard
) -> tuple[Judged, ...]:
    """Judge effective size, shares, balance and support of one term's weights."""
    term = weighted.term
    found = [one for name in weighted.own for one in _judge_arm(task, name, weighted, guard)]
    away = differences(covariates, weighted.own, weighted.target)
    worst = int(np.argmax(away)) if len(away) else 0
    if len(away):
        words = (
            f"after weighting, {covariates.names[worst]} still differs from the target by "
            f"{away[worst]:.3f} standard deviations"
        )
        found.append(
            _high("balance", BALANCE, float(away[worst]), (guard.refuse_smd, guard.warn_smd), words)
        )
    if term.target.kind != "overlap":
        words = (
            f"{100 * weighted.outside:.1f}% of the target had a probability below "
            f"{guard.outside_below:g} of an arm"
            + ("" if term.target.kind == "ate" else " it did not receive")
        )
        limits = (guard.refuse_outside, guard.warn_outside)
        found.append(_high("outside support", POSITIVITY, weighted.outside, limits, words))
    return tuple(found)


def _judge_arm(task: Task, name: str, weighted: Weighting, guard: Guard) -> list[Judged]:
    weight = weighted.own[name]
    size, children = effective_size(weight), int(np.count_nonzero(weight))
    share = float(weight.max() / weight.sum())
    words = f"{children:,} children of arm {name} are worth {size:,.1f} once weighted"
    enough = max(guard.warn_effective_size, guard.warn_effective_fraction * children)
    found = [
        _high(
            "largest child",
            POSITIVITY,
            share,
            (guard.refuse_child_share, guard.warn_share),
            f"one child carries {100 * share:.1f}% of the weight of arm {name}",
        ),
        _low("effective size", SUPPORT, size, guard.refuse_effective_size, enough, words),
    ]
    level = task.analysis.cluster
    held = largest_cluster_share(task.cohort, level, weight)
    if held is not None:
        words = f"one {level} carries {100 * held:.1f}% of the weight of arm {name}"
        limits = (guard.refuse_cluster_share, _warned(task, weight, guard))
        found.append(_high("largest cluster", POSITIVITY, held, limits, words))
    return [replace(one, children=children) for one in found]


def _warned(task: Task, weight: Array, guard: Guard) -> float:
    """Return the share of an arm above which a cluster is warned of. Where clusters were drawn it
    is no less than twice an equal share: of 12 schools each must carry a twelfth.
    """
    own, level = task.analysis.assignment, task.analysis.cluster
    drawn = isinstance(own, Randomised) and level is not None and level == own.unit
    if not drawn or "warn_share" in guard.overrides:
        return guard.warn_share
    many = distinct(task.cohort.cluster_codes(level)[weight > 0])
    return max(guard.warn_share, 2 / max(many, 1))


def _low(
    rule: str, assumption: str, measured: float, refuse: float, warn: float | None, words: str
) -> Judged:
    """Judge a number that must not be too low."""
    verdict = OK
    if measured < refuse:
        verdict = REFUSE
    elif warn is not None and measured < warn:
        verdict = WARN
    return _judged(rule, assumption, measured, (refuse, warn), verdict, words)


def _high(
    rule: str, assumption: str, measured: float, limits: tuple[float, float], words: str
) -> Judged:
    """Judge a number that must not be too high; limits: (refuse, warn)."""
    verdict = OK
    if measured > limits[0]:
        verdict = REFUSE
    elif measured > limits[1]:
        verdict = WARN
    return _judged(rule, assumption, measured, limits, verdict, words)


def _judged(
    rule: str,
    assumption: str,
    measured: float,
    limits: tuple[float, float | None],
    verdict: str,
    words: str,
) -> Judged:
    crossed = limits[1] if verdict == WARN and limits[1] is not None else limits[0]
    broken = Broken(rule, assumption, measured, crossed, words)
    return Judged(broken, verdict, limits[1])


def unfitted(words: str, term: Term) -> Judged:
    """Return the rule that a part of the children breaks where the score cannot be fitted to it."""
    where = "after trimming" if term.target.trim is not None else f"among {term.subgroup}"
    broken = Broken("score", POSITIVITY, float("nan"), float("nan"), f"{where}, {words}")
    return Judged(broken, REFUSE)


def refusal(verdict: Verdict, term: Term) -> Refusal:
    """Return the refusal of a term whose rules refuse."""
    rules = tuple(one.broken for one in verdict.judged if one.verdict == REFUSE)
    return Refusal((term,), rules, mend(rules, term))


def mend(rules: tuple[Broken, ...], term: Term) -> str:
    """Say what could be asked instead."""
    names = {rule.rule for rule in rules}
    if names & {"children", "clusters", "events"}:
        return "Widen the population or merge arms: too few to compare."
    if "score" in names:
        return ""
    if term.target.trim is not None:
        return "Trim less or more, or ask about overlap."
    first = term.contrast[0][0]
    asks = {
        "ate": f"Ask about children who received {first} (att), about overlap, or trim.",
        "att": "Ask about overlap, or trim; or narrow the population to children of both arms.",
    }
    return asks.get(term.target.kind, "Narrow the population to children of every arm compared.")


def guard_table(term: Term, judged: tuple[Judged, ...], n: int) -> Table:
    """Return every rule with what was measured, its threshold and its verdict; n: children of the
    whole, behind the rules that judge no single arm.
    """
    rows: list[tuple[Any, ...]] = [
        (
            one.broken.rule,
            one.broken.assumption,
            one.broken.measured,
            one.broken.threshold,
            one.verdict,
            one.broken.words,
        )
        for one in judged
    ]
    return Table(
        "guard",
        "Guard rails",
        ("rule", "assumption", "measured", "threshold", "verdict", "words"),
        ("label", "label", "number", "number", "label", "label"),
        tuple(rows),
        counts=tuple(n if one.children is None else one.children for one in judged),
        tags=term_tags(term),
        context="What was measured against each rule before any answer was given.",
    )


def term_tags(term: Term) -> tuple[tuple[str, str], ...]:
    """Return the tags that say which term a table belongs to."""
    return (
        ("outcome", term.outcome),
        ("contrast", term.words()),
        ("target", term.label()),
    )
