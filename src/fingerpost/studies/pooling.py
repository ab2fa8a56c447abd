"""Answers of several imputed copies as one, by Rubin's rules.

An estimate is pooled where every copy gave it; what was refused in any copy is refused, and the
refusal says in how many. Estimates carry no influence any longer: influence is never averaged over
copies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import complete_df, covariance, pool, select
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.region import Region
from fingerpost.studies.answering import Answered
from fingerpost.studies.pooled_tables import merged

Warned = tuple[tuple[Term, str], ...]
UNION = "union over imputed copies"


def slim(answer: Answer) -> Answer:
    """Return an answer without what only its own copy needs, so that many can be held."""
    return replace(
        answer,
        estimate=_matrix(answer.estimate),
        extrapolated=_matrix(answer.extrapolated),
        fit=None,
    )


def _matrix(estimate: Estimate | None) -> Estimate | None:
    if estimate is None or estimate.spread is None:
        return estimate
    found = covariance(estimate)
    return replace(estimate, spread=None if found is None else Matrix(found), extra=None)


def pooled_part(copies: Sequence[Answered], level: float) -> Answered:
    """Return the answers on one outcome: pooled, or refused where any copy refused."""
    refusals = pooled_refusals([copy.refusals for copy in copies])
    barred = {term for refusal in refusals for term in refusal.terms}
    answers = pooled_answers([copy.answers for copy in copies], level, barred=barred)
    return Answered(answers, refusals, merged([copy.tables for copy in copies], level))


def pooled_answers(
    copies: Sequence[tuple[Answer, ...]], level: float, *, barred: Iterable[Term] = ()
) -> tuple[Answer, ...]:
    """Return the answers of every leaf, in the first copy's order; then, where other copies refused
    more for a leaf, its refusals.
    """
    names = dict.fromkeys(answer.leaf for copy in copies for answer in copy)
    found: list[Answer] = []
    for leaf in names:
        own = [[answer for answer in copy if answer.leaf == leaf] for copy in copies]
        refusals = pooled_refusals(
            [tuple(one for answer in copy for one in answer.refusals) for copy in own]
        )
        gone = {*barred, *(term for refusal in refusals for term in refusal.terms)}
        answers = [_pooled(answer, own, gone, level) for answer in own[0]]
        if refusals and not answers:
            answers = [Answer(leaf)]
        if refusals:
            answers[0] = replace(answers[0], refusals=refusals)
        found += answers
    return tuple(found)


def _pooled(
    first: Answer, copies: Sequence[Sequence[Answer]], gone: set[Term], level: float
) -> Answer:
    """Return one answer of the first copy pooled with those of the same terms in the others."""
    estimate = _estimate([_estimates(copy) for copy in copies], first.estimate, gone, level)
    beyond = [_estimates(copy, beyond=True) for copy in copies]
    extrapolated = _estimate(beyond, first.extrapolated, set(), level)
    terms = {*(_terms(first.estimate)), *_terms(first.extrapolated)}
    alike = [[one for one in copy if _about(one, terms, first)] for copy in copies]
    tables = merged([tuple(table for one in own for table in one.tables) for own in alike], level)
    return Answer(
        first.leaf,
        estimate=estimate,
        regions=_regions(first, [[r for one in own for r in one.regions] for own in alike], gone),
        tables=tables,
        extrapolated=extrapolated,
        warnings=_warnings([tuple(w for one in own for w in one.warnings) for own in alike], gone),
    )


def _terms(estimate: Estimate | None) -> tuple[Term, ...]:
    return () if estimate is None else estimate.terms


def _about(answer: Answer, terms: set[Term], first: Answer) -> bool:
    """Return whether an answer of another copy is the fellow of the first copy's."""
    own = {*_terms(answer.estimate), *_terms(answer.extrapolated)}
    if terms or own:
        return bool(own & terms)
    return [table.name for table in answer.tables] == [table.name for table in first.tables]


Lookup = list[Estimate]


def _estimates(answers: Sequence[Answer], *, beyond: bool = False) -> Lookup:
    """Return the estimates of one copy; with `beyond`, those shown as extrapolation as well."""
    found = [answer.estimate for answer in answers]
    if beyond:
        found += [answer.extrapolated for answer in answers]
    return [estimate for estimate in found if estimate is not None]


def _estimate(
    copies: Sequence[Lookup], first: Estimate | None, gone: set[Term], level: float
) -> Estimate | None:
    """Return the pooled estimate of the terms that every copy estimated."""
    if first is None:
        return None
    kept = [
        term
        for term in first.terms
        if term not in gone and all(any(term in e.terms for e in copy) for copy in copies)
    ]
    if not kept:
        return None
    fellows = [_of_terms(copy, kept) for copy in copies]
    if any(fellow is None for fellow in fellows):
        return None
    return pooled_estimate([fellow for fellow in fellows if fellow is not None], level)


def _of_terms(copy: Lookup, kept: list[Term]) -> Estimate | None:
    for estimate in copy:
        if all(term in estimate.terms for term in kept):
            return select(estimate, [estimate.terms.index(term) for term in kept])
    return None


def pooled_estimate(copies: Sequence[Estimate], level: float) -> Estimate:
    """Return one estimate of the same terms in every copy, pooled by Rubin's rules.

    The degrees of freedom of complete data are the variance units less one, or fewer where the
    leaf says so. Without a covariance in every copy there is no interval.
    """
    if any(covariance(copy) is None for copy in copies):
        value = np.mean([copy.value for copy in copies], axis=0)
        found = replace(copies[0], value=value, spread=None, bounds=None, critical=None, df=None)
    else:
        found = pool(copies, complete_df(copies), level=level)
    return replace(
        found,
        n=_counts(copies, "n"),
        arm_n=_counts(copies, "arm_n"),
        clusters=_counts(copies, "clusters"),
    )


def _counts(copies: Sequence[Estimate], key: str) -> NDArray[Any] | None:
    """Return a count as all copies have it, or the smallest: a subgroup may differ by copy."""
    found = [getattr(copy, key) for copy in copies]
    if any(one is None for one in found):
        return None
    least: NDArray[Any] = np.min(found, axis=0)
    return least


# ---------------------------------------------------------------------------- refusals
def pooled_refusals(copies: Sequence[tuple[Refusal, ...]]) -> tuple[Refusal, ...]:
    """Return the refusal of every term that any copy refused, its rules at their worst, with the
    number of copies in which each was broken.
    """
    found: dict[tuple[tuple[Term, ...], str | None], list[Refusal]] = {}
    for copy in copies:
        for refusal in copy:
            found.setdefault((refusal.terms, refusal.leaf), []).append(refusal)
    return tuple(_worst(own, len(copies)) for own in found.values())


def _worst(refusals: Sequence[Refusal], copies: int) -> Refusal:
    rules: dict[str, list[Broken]] = {}
    for refusal in refusals:
        for name, rule in {_bare(f"{r.rule} {r.words}"): r for r in refusal.rules}.items():
            rules.setdefault(name, []).append(rule)
    worst = [_farthest(own, copies) for own in rules.values()]
    return replace(refusals[0], rules=tuple(worst))


def _farthest(rules: Sequence[Broken], copies: int) -> Broken:
    worst = max(rules, key=lambda rule: np.nan_to_num(abs(rule.measured - rule.threshold)))
    if len(rules) >= copies:
        return worst
    return replace(worst, words=f"{worst.words.rstrip('.')}{in_copies(len(rules), copies)}")


def in_copies(count: int, copies: int) -> str:
    """Return in how many copies something was found; empty where in all.

    >>> in_copies(3, 20), in_copies(20, 20)
    (' (in 3 of 20 imputed copies)', '')
    """
    return "" if count >= copies else f" (in {count} of {copies} imputed copies)"


def _bare(words: str) -> str:
    """Return words without their numbers, which differ by copy."""
    return re.sub(r"\d[\d.,]*", "#", words)


def _warnings(copies: Sequence[Warned], gone: set[Term]) -> Warned:
    """Return every warning of a copy once, with the number of copies that give it."""
    found: dict[tuple[Term, str], list[str]] = {}
    for copy in copies:
        for term, words in dict.fromkeys(copy):
            found.setdefault((term, _bare(words)), []).append(words)
    return tuple(
        (term, own[0] + in_copies(len(own), len(copies)))
        for (term, _), own in found.items()
        if term not in gone
    )


# ----------------------------------------------------------------------------- regions
def _regions(
    first: Answer, copies: Sequence[Sequence[Region]], gone: set[Term]
) -> tuple[Region, ...]:
    """Return the union over copies of each set of values: what no rule pools is not narrowed."""
    found = []
    for region in first.regions:
        own = [each for copy in copies for each in copy if each.term == region.term]
        if region.term in gone or len(own) < len(copies):
            continue
        values = [each.value for each in own if each.value is not None]
        p = [each.p for each in own if each.p is not None]
        found.append(
            replace(
                region,
                pieces=_union(piece for each in own for piece in each.pieces),
                value=float(np.mean(values)) if values else None,
                p=max(p) if p else None,
                method=f"{region.method}, {UNION}",
            )
        )
    return tuple(found)


def _union(pieces: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    joined: list[tuple[float, float]] = []
    for low, high in sorted(pieces):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
