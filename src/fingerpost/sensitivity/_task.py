"""What a sensitivity analysis is told, and how it reads its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.estimand import Contrast, Term
from fingerpost.core.panel import Panel
from fingerpost.core.study import Study


class Refit(Protocol):
    """The means to ask the study's estimators again."""

    def __call__(
        self,
        cohort: Cohort,
        given: tuple[str, ...],
        terms: tuple[Term, ...] | None,
        leaves: tuple[str, ...] | None = None,
    ) -> tuple[Answer, ...]:
        """Return answers on a cohort, given covariates, for terms (None: the study's own), by the
        named estimators (None: all of the study's).
        """


@dataclass(frozen=True, eq=False, slots=True)
class PanelSensitivityTask:
    """One outcome's panel and the answers of the study's estimators on it.

    task: what the estimators were told. spec_options: what the study wrote under the analysis's
    name. level: of every interval. whole: the panel with the units that estimators leave out, since
    they were not seen in every period; None where there is no other.
    """

    study: Study
    task: PanelTask
    answers: tuple[Answer, ...]
    spec_options: Mapping[str, object] = field(default_factory=dict)
    level: float = 0.95
    whole: Panel | None = None


@dataclass(frozen=True, eq=False, slots=True)
class SensitivityTask:
    """One outcome's children and answers, and the means to ask the estimators again.

    cohort: children whose outcome was seen. answers: of the study's estimators on that cohort.
    spec_options: what the study wrote under the analysis's name. refit: runs the study's estimators
    on another cohort, given these covariates, for these terms (None: the study's own); the guard
    rails run again, and what they refuse comes back as refusals. level: of every interval.
    unseen: outcome → arm → number of children whose outcome was not seen, who may have left the
    cohort. copies: every imputed copy of the cohort, where missing values are imputed and the
    analysis is run once for all of them; `cohort` is then the first, and `answers` are pooled.
    """

    study: Study
    cohort: Cohort
    answers: tuple[Answer, ...]
    refit: Refit
    spec_options: Mapping[str, object] = field(default_factory=dict)
    level: float = 0.95
    unseen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    copies: tuple[Cohort, ...] = ()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that the answers speak of; every outcome of the cohort if none does."""
        spoken = dict.fromkeys(
            term.outcome for answer in self.answers for term in answer_terms(answer)
        )
        return tuple(name for name in spoken if name in self.cohort.outcomes) or tuple(
            self.cohort.outcomes
        )


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """What a study asks of an analysis, as far as it is known before a record is read.

    options: what it wrote under the analysis's name. arms, given: empty and None where only the
    records tell. scales: outcome → scale of its answers.
    """

    options: Mapping[str, object]
    arms: tuple[str, ...] = ()
    given: tuple[str, ...] | None = None
    scales: Mapping[str, str] = field(default_factory=dict)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The names of the study's outcomes."""
        return tuple(self.scales)


def asked_before(study: Study, options: Mapping[str, object]) -> Asked:
    """Return what a study asks of an analysis before its records are read."""
    given = None if study.all_but is not None else study.given
    return Asked(options, study.arms.names, given, scales_of(study))


def asked_of(task: SensitivityTask) -> Asked:
    """Return what a task asks of an analysis."""
    outcome_scale = task.study.estimand.scale
    scales = scales_of(task.study) or dict.fromkeys(task.outcomes, outcome_scale)
    return Asked(task.spec_options, task.cohort.arms, task.study.given, scales)


def scales_of(study: Study) -> dict[str, str]:
    """Return the scale on which each outcome is asked of."""
    return {spec.name: spec.scale or study.estimand.scale for spec in study.outcomes}


def answer_terms(answer: Answer) -> tuple[Term, ...]:
    """Return every term of an answer, estimated or refused."""
    estimated = answer.estimate.terms if answer.estimate else ()
    return (*estimated, *(term for refusal in answer.refusals for term in refusal.terms))


def check_options(leaf: str, *, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise UsageError for options that the leaf does not have."""
    known = tuple(allowed)
    faults = [
        f'sensitivity: {leaf} has no option "{name}".{nearest(name, known)} '
        + (f"It has: {listed(known)}." if known else "It has none: write its name alone.")
        for name in given
        if name not in known
    ]
    if faults:
        raise UsageError(faults)


def as_names(value: object, where: str) -> tuple[str, ...]:
    """Return one name or a list of names as a tuple.

    >>> as_names("MIRT", "without")
    ('MIRT',)
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UsageError(f"sensitivity: {where} must be a name or a list of names of columns.")


def check_names(names: Iterable[str], known: Iterable[str], *, where: str) -> None:
    """Raise UsageError for every name that is not known."""
    allowed = tuple(known)
    faults = [
        f'sensitivity: {where}: "{name}" is not a covariate of this study.{nearest(name, allowed)}'
        f" The covariates are: {listed(allowed)}."
        for name in names
        if name not in allowed
    ]
    if faults:
        raise UsageError(faults)


def smallest_arm(cohort: Cohort, contrast: Contrast) -> int:
    """Return the number of children in the smaller arm of a contrast."""
    counts = np.bincount(cohort.arm, minlength=len(cohort.arms))
    return int(min(counts[cohort.arms.index(arm)] for arm, _ in contrast))
