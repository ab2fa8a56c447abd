"""What the guard rails say of each term before any leaf is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.errors import NotFitted
from fingerpost.core.estimand import Term
from fingerpost.core.study import Study
from fingerpost.studies import guard
from fingerpost.studies.groups import Groups
from fingerpost.studies.guard import Verdict
from fingerpost.studies.weights import Indicators, Weighting, weighting

NO_COVARIATES = Indicators((), (), np.empty(0))


@dataclass(frozen=True, eq=False, slots=True)
class Judgement:
    """One term before it is answered: its verdict, its task (trimmed where asked), its weights."""

    term: Term
    task: Task
    verdict: Verdict
    weighted: Weighting | None
    covariates: Indicators


def judge(study: Study, groups: Groups, wanted: Iterable[Term]) -> tuple[Judgement, ...]:
    """Return the judgement of every term with a causal target that some leaf answers; a trimmed
    target is judged on who stays. A target that is a leaf's own has no tilting weights: of it only
    the numbers of children, clusters and events are judged here.
    """
    return tuple(
        _judged(study, groups, term) for term in dict.fromkeys(wanted) if term.target.causal
    )


def _judged(study: Study, groups: Groups, term: Term) -> Judgement:
    before, covariates = groups.of(term, trimmed=False), groups.covariates
    followed = not study.arms.outside
    counts = guard.judge_counts(before, term, study.guard, followed=followed)
    weighs = before.analysis.given and term.target.tilted and before.cohort.stages is None
    weighs = weighs and not study.arms.outside
    if guard.refuses(counts) or not weighs:
        return Judgement(term, before, Verdict(term, counts), None, NO_COVARIATES)
    try:
        own = groups.of(term)
    except NotFitted as fault:
        if term.subgroup is None:
            raise
        rule = guard.unfitted(str(fault), term)
        return Judgement(term, before, Verdict(term, (*counts, rule)), None, NO_COVARIATES)
    if term.target.trim is not None:
        counts = guard.judge_counts(own, term, study.guard)
    if guard.refuses(counts):
        return Judgement(term, own, Verdict(term, counts), None, covariates(term))
    weighted = _weighted(own, term, study)
    if isinstance(weighted, NotFitted):
        rule = guard.unfitted(str(weighted), term)
        return Judgement(term, own, Verdict(term, (*counts, rule)), None, covariates(term))
    rules = guard.judge_weights(own, weighted, covariates(term), study.guard)
    return Judgement(term, own, Verdict(term, (*counts, *rules)), weighted, covariates(term))


def _weighted(task: Task, term: Term, study: Study) -> Weighting | NotFitted:
    """Return the weights of a term; of a subgroup, or after trimming, the fault of a score that
    cannot be fitted to its children, which bars that term alone. Of all children, such a fault ends
    the study.
    """
    try:
        return weighting(replace(task, terms=(term,)), term, study.guard.outside_below)
    except NotFitted as fault:
        if term.target.trim is None and term.subgroup is None:
            raise
        return fault
