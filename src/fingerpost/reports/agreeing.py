"""Whether answers that should agree do: how far primary answers lie apart, and on which side."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fingerpost.core.agreement import Agreement
from fingerpost.core.output import Output, Result
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import decimals, number, plain
from fingerpost.reports.phrases import outcome_words, primary_of, unit_of, whom, with_unit

Question = tuple[str, str]
MOST_AGREED = 4


def agreement(output: Output, asked: Iterable[Question]) -> tuple[str, ...]:
    """Return, for each term with two or more primary answers, how far they lie apart. asked: every
    (outcome, contrast) of the output.
    """
    several = [found for found in output.agreements if len(found.estimators) > 1]
    # Disagreement is told first: it is what a reader must not miss.
    several.sort(key=lambda found: found.agree is not False)
    told = [agreement_sentence(output, found) for found in several[:MOST_AGREED]]
    told += different_children(output, asked)
    left = several[MOST_AGREED:]
    if left:
        apart = sum(found.agree is False for found in left)
        verdict = f"{apart} do not agree" if apart else "none of them in disagreement"
        told.append(
            f"{counted(len(left), 'further answer')} by several primary leaves: {verdict}; "
            "the report lists all."
        )
    return tuple(told)


def different_children(output: Output, asked: Iterable[Question]) -> list[str]:
    """Return, for each question whose primary answers are all for different children, that no
    agreement is judged, and how far they lie apart.
    """
    told = []
    for question in asked:
        found = [r for r in primary_of(output) if (r.term.outcome, r.term.words()) == question]
        first: dict[str, Result] = {}
        for result in found:
            first.setdefault(result.estimator, result)
        terms = {result.term for result in first.values()}
        shared = any(len(each.estimators) > 1 for each in output.agreements if each.term in terms)
        if len(first) < 2 or len(terms) < 2 or shared:
            continue
        who = "; ".join(f"{name} for {whom(r.term, output.study)}" for name, r in first.items())
        values = [result.value for result in first.values()]
        unit = unit_of(output.study, found[0].term)
        places = decimals(max(abs(value) for value in values) * unit.times)
        span = f"{number(min(values) * unit.times, places)} to "
        span += with_unit(max(values) * unit.times, unit, places)
        told.append(
            sentence(
                f"the primary answers for {outcome_words(output.study, question[0])} are for "
                f"different children ({who}), so none is a check on another; they run from {span}"
            )
        )
    return told


def agreement_sentence(output: Output, found: Agreement) -> str:
    """Return how far the primary answers of one term lie apart, and whether that is agreement."""
    term, study = found.term, output.study
    low, high = agreement_range(output, found)
    unit = unit_of(study, term)
    several = len({(each.term.outcome, each.term.words()) for each in output.agreements}) > 1
    what = f"{outcome_words(study, term.outcome)}, {term.words()}, " if several else ""
    who = f"for {what}{whom(term, study)} the primary answers ({listing(found.estimators)})"
    places = decimals(max(abs(low), abs(high)) * unit.times)
    top = with_unit(high * unit.times, unit, places)
    span = f"run from {number(low * unit.times, places)} to {top}"
    if found.within is None or found.agree is None:
        sides = " and disagree in sign" if opposed(found) else ""
        return sentence(
            f"{who} {span}{sides}; no distance was declared beforehand, so none is judged"
        )
    allowed = math.exp(found.within) if term.scale == "ratio" else found.within * unit.times
    by = "a factor of " if term.scale == "ratio" else ""
    verdict = "they agree" if found.agree else "they do not agree"
    limit = f"{by}{plain(allowed)} declared beforehand: {verdict}"
    return sentence(f"{who} {span}, {'within' if found.agree else 'beyond'} {limit}")


def agreement_range(output: Output, found: Agreement) -> tuple[float, float]:
    """Return the range of the answers that should agree, on the scale of the results."""
    values = [
        result.value
        for result in output.results
        if result.term == found.term and result.estimator in found.estimators
    ]
    if values:
        return min(values), max(values)
    # Agreement is judged on the scale of the estimates, the logarithm for ratios.
    ends = (found.lo, found.hi)
    return (math.exp(ends[0]), math.exp(ends[1])) if found.term.scale == "ratio" else ends


def opposed(found: Agreement) -> bool:
    """Return whether primary answers of one term lie on both sides of no difference."""
    return found.lo < 0 < found.hi
