"""The gate: a finding goes in, an output comes out; no value per child passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.finding import Finding
from fingerpost.core.inference import intervals, joint_covariance, standard_errors
from fingerpost.core.output import Output, RegionResult, Result, SensitivityResult
from fingerpost.core.table import Table
from fingerpost.release.policies import policy
from fingerpost.release.prepare import prepare


def clear(finding: Finding, *, release: str | None = None) -> Output:
    """Return the output of a finding under its study's policy, or under another by name.

    Raises UsageError for a policy that is not in the menu, Undisclosable where nothing may leave
    under the policy.
    """
    study = finding.study
    chosen = policy(release or study.release)
    answered = [answer for answer in finding.answers if answer.estimate is not None]
    results = tuple(result for answer in answered for result in _results(finding, answer))
    output = Output(
        study=study,
        status=status(finding, results),
        clearance=chosen.clearance,
        policy=chosen.name,
        results=results,
        covariance=_covariance([a.estimate for a in answered if a.estimate is not None]),
        regions=tuple(
            RegionResult(answer.leaf, region)
            for answer in finding.answers
            for region in answer.regions
        ),
        refusals=finding.refusals,
        leaf_refusals=tuple(r for answer in finding.answers for r in answer.refusals),
        extrapolations=tuple(
            result
            for answer in finding.answers
            if answer.extrapolated is not None
            for result in results_of(answer.leaf, answer.extrapolated, study.level, "extrapolation")
        ),
        agreements=finding.agreements,
        tables=(*finding.tables, *_leaf_tables(finding)),
        sensitivity=tuple(_sensitive(answer, study.level) for answer in finding.sensitivity),
        flow=finding.flow,
        provenance=finding.provenance,
        policy_words=chosen.words,
        leaves=finding.leaves,
    )
    return prepare(output, finding, chosen)


def status(finding: Finding, results: tuple[Result, ...]) -> str:
    """Return `answered`, `partly refused`, or `refused` where no primary result was given: a set of
    all values says nothing, and is none.
    """
    answered = [result for result in results if result.primary and np.isfinite(result.value)]
    regions = [
        region
        for answer in finding.answers
        for region in answer.regions
        if not any(np.isneginf(lo) and np.isposinf(hi) for lo, hi in region.pieces)
    ]
    refused = bool(finding.refusals) or any(
        answer.refusals for answer in finding.answers if answer.leaf in finding.primary
    )
    if not answered and not regions:
        return "refused"
    return "partly refused" if refused else "answered"


def _leaf_tables(finding: Finding) -> tuple[Table, ...]:
    return tuple(table for answer in finding.answers for table in answer.tables)


def _results(finding: Finding, answer: Answer) -> tuple[Result, ...]:
    estimate = answer.estimate
    if estimate is None:
        return ()
    primary = answer.leaf in finding.primary
    warned: dict[Term, list[str]] = {}
    for term, words in answer.warnings:
        warned.setdefault(term, []).append(words)
    return tuple(
        replace(result, warnings=tuple(warned.get(result.term, ())), primary=primary)
        for result in results_of(answer.leaf, estimate, finding.study.level, "answer")
    )


def results_of(leaf: str, estimate: Estimate, level: float, role: str) -> tuple[Result, ...]:
    """Return the results of an estimate: ratios are exponentiated, intervals with them."""
    errors, bounds = standard_errors(estimate), intervals(estimate, level)
    found = []
    for at, term in enumerate(estimate.terms):
        value = _shown(term, float(estimate.value[at]))
        low, high = (None, None) if bounds is None else tuple(float(b) for b in bounds[at])
        found.append(
            Result(
                leaf,
                term,
                value,
                None if errors is None else float(errors[at]),
                None if low is None else _shown(term, low),
                None if high is None else _shown(term, high),
                level,
                estimate.interval[at] if estimate.interval else "normal",
                df=None if estimate.df is None else float(estimate.df[at]),
                n=None if estimate.n is None else int(estimate.n[at]),
                clusters=None if estimate.clusters is None else int(estimate.clusters[at]),
                arm_n=_arm_n(estimate, at),
                role=role,
            )
        )
    return tuple(found)


def _shown(term: Term, value: float) -> float:
    return float(np.exp(value)) if term.scale == "ratio" else value


def _arm_n(estimate: Estimate, at: int) -> tuple[tuple[str, int], ...]:
    if estimate.arm_n is None:
        return ()
    return tuple(
        (arm, int(count)) for arm, count in zip(estimate.arms, estimate.arm_n[at], strict=True)
    )


def _covariance(estimates: list[Estimate]) -> tuple[tuple[float | None, ...], ...]:
    if not estimates:
        return ()
    joint = joint_covariance(estimates)
    return tuple(
        tuple(float(value) if np.isfinite(value) else None for value in row) for row in joint
    )


def _sensitive(answer: Answer, level: float) -> SensitivityResult:
    estimate = answer.estimate
    return SensitivityResult(
        answer.leaf,
        answer.tables,
        () if estimate is None else results_of(answer.leaf, estimate, level=level, role="control"),
        tuple(RegionResult(answer.leaf, region) for region in answer.regions),
        answer.refusals,
        answer.about,
    )
