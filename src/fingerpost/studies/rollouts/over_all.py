"""Sensitivity analyses that look at all answers of a study at once, on units over periods.

Such an analysis reads answers and how far apart units lie; both are the same of children and of
units, so that it is handed the units as a cohort, a row each, its outcomes their means over time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.core.outcome import Outcome
from fingerpost.core.panel import Panel
from fingerpost.core.study import SensitivitySpec, Study
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.studies.answering import unanswered


def over_all(
    study: Study, panel: Panel, answers: list[Answer], *, say: Callable[[str], None]
) -> list[Answer]:
    """Return what the study's analyses of all answers together say of a panel's."""
    found = []
    for spec in study.sensitivity:
        leaf = load("sensitivity", spec.leaf, kind=Sensitivity)
        if leaf.panels_too:
            say(f"all outcomes: {spec.leaf}")
            found.append(run_over(study, spec, leaf, panel, answers))
    return found


def run_over(
    study: Study, spec: SensitivitySpec, leaf: Sensitivity, panel: Panel, answers: list[Answer]
) -> Answer:
    """Return one analysis of all answers."""

    def refit(
        cohort: Cohort,
        given: tuple[str, ...],
        terms: tuple[Term, ...] | None,
        leaves: tuple[str, ...] | None = None,
    ) -> tuple[Answer, ...]:
        raise Unanswerable(f"{spec.leaf}: units over periods are not analysed again. Leave it out.")

    told = SensitivityTask(
        study, as_rows(panel), tuple(answers), refit, dict(spec.options), study.level
    )
    try:
        return replace(leaf.run(told), leaf=spec.leaf)
    except (NotFitted, Unanswerable) as fault:
        terms = [term for one in answers if one.estimate for term in one.estimate.terms]
        return unanswered(spec.leaf, tuple(terms), fault=fault)


def as_rows(panel: Panel) -> Cohort:
    """Return units as a cohort: a row each, its outcomes their means over the periods in which they
    were seen, its arm whether provision began.
    """
    many = len(panel.units)
    outcomes = {}
    for name, own in panel.outcomes.items():
        count = np.asarray(own.count, dtype=np.float64)
        seen = count.sum(axis=1) > 0
        total = np.where(count > 0, own.total, 0.0).sum(axis=1)
        value = np.divide(total, count.sum(axis=1), out=np.full(many, np.nan), where=seen)
        outcomes[name] = Outcome("continuous", value, observed=seen)
    begun = np.asarray(panel.adopted) >= 0
    return Cohort(np.arange(many), panel.arms, begun.astype(np.int64), outcomes, {})
