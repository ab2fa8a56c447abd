"""Which estimates may leave, and in how many digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fingerpost.core.agreement import Agreement
from fingerpost.core.estimand import Term
from fingerpost.core.output import RegionResult, Result
from fingerpost.core.region import Region
from fingerpost.release.guards import warning
from fingerpost.release.known import Known
from fingerpost.release.rounding import decimals, once, significant
from fingerpost.release.tables import FEW

KEPT_DIGITS = 6  # of products of rounded numbers, so that they end
Asked = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is known of the questions asked.

    too_few: questions (outcome, contrast, target) some count of which is under the threshold.
    held: those of whose weights one child or cluster holds too much. parameters: of the largest
    working model. largest: children of an outcome's whole cohort. unadjusted: leaves that weigh
    nobody by the covariates.
    """

    too_few: frozenset[Asked]
    held: frozenset[Asked]
    parameters: int
    largest: dict[str, int]
    unadjusted: frozenset[str] = frozenset()


def asked(term: Term) -> Asked:
    """Return the question of a term: outcome, contrast, target with horizon and subgroup."""
    return term.outcome, term.words(), term.label()


def stopped(result: Result, facts: Facts, known: Known) -> str:
    """Return the rule by which a result may not leave; empty where it may."""
    rules, term = known.rules, result.term
    arms = dict(result.arm_n)
    n = result.n if result.n is not None else sum(arms.values())
    mine = [arms[arm] for arm, _ in term.contrast if arm in arms] or [n]
    if min(n, *mine) < rules.threshold or asked(term) in facts.too_few:
        return FEW
    if known.few_events(term):
        return "events"
    if result.clusters is not None and result.clusters < rules.threshold:
        return "clusters"
    if asked(term) in facts.held and result.estimator not in facts.unadjusted:
        return "dominance"
    free = n - (0 if term.target.kind == "association" else facts.parameters) - len(arms or mine)
    df = math.inf if result.df is None or math.isnan(result.df) else result.df
    if min(free, df) < rules.residual_df:
        return "df"
    whole = facts.largest.get(term.outcome, n)
    # An answer for all but a few, beside the answer for all, is an answer about the few.
    if whole - n < rules.threshold and (whole != n or term.target.trim is not None):
        return "trimmed"
    return ""


def shown(result: Result, known: Known) -> Result:
    """Return a result as it may be told: counts rounded, numbers in the digits that its error
    justifies, words looked through.
    """
    rules = known.rules
    counts = tuple(
        (arm, told) for arm, count in result.arm_n if (told := known.of_arm(arm, count)) is not None
    )
    n = sum(count for _, count in counts) if counts else None
    if counts:
        # Divided otherwise the same children may add up to another total, once their parts are
        # rounded: they are told by one.
        n = known.totals.get(sum(count for _, count in result.arm_n), n)
    if result.n is not None and (not counts or sum(c for _, c in result.arm_n) != result.n):
        n = known.count(result.n)
    clusters = result.clusters
    if clusters is not None:
        clusters = n if clusters == result.n else known.count(clusters)
    digits = rules.counted_digits if term_counted(result, known) else rules.error_digits
    value, lo, hi = rounded((result.value, result.lo, result.hi), step(result, digits))
    df = result.df
    return replace(
        result,
        value=math.nan if value is None else value,
        se=None if result.se is None else significant(result.se, digits),
        lo=lo,
        hi=hi,
        interval=known.words.kept(result.interval, "as the leaf describes"),
        df=df if df is None or not math.isfinite(df) else float(known.count(df) or 0),
        n=n,
        clusters=clusters,
        arm_n=counts,
        warnings=tuple(dict.fromkeys(warning(text, known) for text in result.warnings)),
    )


def term_counted(result: Result, known: Known) -> bool:
    """Return whether the means behind a result are counts of children over children."""
    return result.term.outcome in known.counted or result.term.summary in ("risk", "rate")


def step(result: Result, digits: int) -> int | None:
    """Return the decimals at which an estimate's error shows so many digits; None where it has no
    error.
    """
    error = result.se
    if error is not None and result.term.scale == "ratio":
        error *= abs(result.value)
    if error is None and result.lo is not None and result.hi is not None:
        error = (result.hi - result.lo) / 4
    if error is None or not math.isfinite(error) or error <= 0:
        return None
    return decimals(error, digits)


def rounded(values: Sequence[float | None], places: int | None) -> list[float | None]:
    """Return numbers with so many decimals; three significant digits where places is None."""
    return [
        value
        if value is None or not math.isfinite(value)
        else (significant(value, 3) if places is None else once(value, places))
        for value in values
    ]


def covariance(
    true: tuple[tuple[float | None, ...], ...], kept: Sequence[int], results: Sequence[Result]
) -> tuple[tuple[float | None, ...], ...]:
    """Return the joint covariance of the results that may leave: correlations in two decimals, on
    the standard errors as they are told.
    """
    made: list[tuple[float | None, ...]] = []
    for i, one in zip(kept, results, strict=True):
        row: list[float | None] = []
        for j, other in zip(kept, results, strict=True):
            cell, first, second = true[i][j], true[i][i], true[j][j]
            if cell is None or not first or not second or one.se is None or other.se is None:
                row.append(None)
                continue
            alike = 1.0 if i == j else round(cell / math.sqrt(first * second), 2)
            row.append(significant(alike * one.se * other.se, KEPT_DIGITS))
        made.append(tuple(row))
    return tuple(made)


def agreements(
    found: Iterable[Agreement], true: Sequence[Result], kept: Sequence[Result]
) -> tuple[Agreement, ...]:
    """Return the agreements whose answers all may leave, their range as the answers are told."""
    told = []
    for one in found:
        before = [r for r in true if r.term == one.term and r.estimator in one.estimators]
        after = [r for r in kept if r.term == one.term and r.estimator in one.estimators]
        if not after or len(after) < len(before):
            continue
        ends = [r.value for r in after]
        if one.term.scale == "ratio":
            ends = [math.log(end) for end in ends if end > 0] or [math.nan]
        lo, hi = (significant(end, KEPT_DIGITS) for end in (min(ends), max(ends)))
        told.append(replace(one, lo=lo, hi=hi))
    return tuple(told)


def region(item: RegionResult, known: Known) -> RegionResult:
    """Return a region as it may be told."""
    found, digits = item.region, known.rules.digits
    pieces = tuple((significant(lo, digits), significant(hi, digits)) for lo, hi in found.pieces)
    value = None if found.value is None else significant(found.value, digits)
    p = None if found.p is None else significant(found.p, 2)
    method = known.words.kept(found.method, "as the leaf describes")
    return RegionResult(item.estimator, Region(found.term, pieces, found.level, method, value, p))
