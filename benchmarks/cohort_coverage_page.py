"""The manual's page on cohorts, from the answers of many worlds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from benchmarks.coverage_cells import Cell, Trial
from benchmarks.coverage_page import ENOUGH, Verdict, verdict
from fingerpost.core.estimand import Target, Term, pair

NAIVE = "naive"
MEASURED, WITH_SEVERITY = SETS = ("what records hold", "severity as well")
FREE = "unauthorised_absence"  # the outcome to which severity does not point
# Truth, naive, adjusted for the two measured indices, and with severity: what the causal model
# gives over 2 million draws. Ratios for the first four, differences for the others.
EXPECTED = {
    "unauthorised_absence": (0.86, 1.220, 0.861, 0.861),
    "medical_absence": (0.98, 1.22, 1.06, 0.98),
    "unplanned_admissions": (1.00, 1.42, 1.13, 1.00),
    "planned_admissions": (1.00, 1.35, 1.12, 1.00),
    "ks1_maths": (0.03, -0.48, -0.19, 0.03),
    "ks2_maths": (0.05, -0.46, -0.17, 0.05),
    "participation": (0.30, -0.02, 0.13, 0.30),
    "wellbeing": (0.25, 0.00, 0.14, 0.25),
}
RATIOS = tuple(EXPECTED)[:4]
NAIVE_ERROR, NAIVE_WITHIN = 0.050, 0.25
CONFOUNDED = 0.92  # coverage that an outcome of unseen severity must stay below


@dataclass(frozen=True)
class Asked:
    """One number asked of a world: of an outcome, given which covariates, by which leaf, for whom.

    given: one of `SETS`; empty for the naive answer.
    """

    outcome: str
    given: str
    leaf: str
    target: str

    @property
    def must_miss(self) -> bool:
        """Whether severity, which nobody recorded, is left to bias the answer."""
        return self.outcome != FREE and self.given == MEASURED


@dataclass(frozen=True)
class Judged:
    """What the worlds say of one number."""

    asked: Asked
    found: Verdict

    @property
    def mean(self) -> float:
        """The mean answer, as a reader sees it: a ratio or a difference."""
        return shown(self.asked.outcome, self.found.truth + self.found.bias)

    @property
    def fault(self) -> str:
        """What is not as it should be, empty where all is."""
        if self.asked.leaf == NAIVE:
            return ""
        if self.asked.must_miss:
            return "covers, where unseen severity should bias" * (self.found.covered >= CONFOUNDED)
        # Ratios of standard errors are judged where enough worlds were drawn to tell 7%.
        told = [one for one in self.found.faults if one != "SE" or self.found.drawn >= ENOUGH]
        return ", ".join(told)


def judged(one: Asked, answers: np.ndarray, true: float) -> Judged:
    """Return the verdict on (worlds, 4) answers of one number. true: on the scale of estimates."""
    rate = one.outcome in RATIOS
    term = Term(
        one.outcome,
        pair("support", "none"),
        Target(one.target),
        "rate" if rate else "mean",
        "ratio" if rate else "difference",
    )
    kind = "count" if rate else "continuous"
    return Judged(one, verdict(Cell(Trial(one.leaf, None, kind, one.given), term), answers, true))


def shown(outcome: str, value: float) -> float:
    """Return a value as a reader sees it: ratios are estimated as logarithms."""
    return float(np.exp(value)) if outcome in RATIOS else value


def whole(found: list[Judged], count: int) -> str:
    """Return the whole page."""
    by = {one.asked: one for one in found}
    faults = [line for one in found if (line := fault(one))]
    parts = [
        TITLE,
        f"{date.today():%d %B %Y}: {count:,} cohorts. Written by "
        "`python benchmarks/cohort_coverage.py`; not to be edited by hand.",
        "",
        HOW,
        "## In short",
        "",
        *short(by),
        "",
        naive_error(by),
        "",
        "## Criteria that are missed",
        "",
        *(faults or ["None."]),
        "",
        "## Every number",
        "",
        *every(found),
        "",
    ]
    return "\n".join(parts)


TITLE = "# Coverage in cohorts\n"
HOW = f"""How often do the intervals of a study hold the truth, in cohorts like the published one,
and what does it do to them that nobody recorded severity? Each cohort is of 6,359 children born
with a cleft alone between September 2003 and August 2008, in a synthetic England of its own, with
schools and authorities of its own; no plan, and SEN Support or none by the Year 1 spring census.
Follow-up ends with Year 6. Children are drawn straight from the arrays of which
[England](england.md) is written; a test holds them to what the records of the same England give.

Each outcome is asked twice: given *{MEASURED}* (sex, month of birth, ethnicity, language, free
school meals, deprivation of the area, mother's age, weeks of gestation, birth weight, early
admissions), and given *{WITH_SEVERITY}*, which no records hold. Severity does not point to
unauthorised absence, so there both sets must cover. To every other outcome it does, so the first
set must **not** cover, and the second must. Truth is that of the superpopulation.

Criteria of numbers that must cover: coverage of the 95% interval from 92% to 98%; bias at most the
greater of 3.5 Monte Carlo standard errors (MCSE) and a tenth of the empirical standard deviation.
Mean standard errors are printed beside the empirical standard deviation and not judged, as it takes
2,000 cohorts to tell 7%. A number that must not cover is at fault where its coverage is 92% or
more. On the scale `ratio` bias and errors are of logarithms.

Inverse weighting leans on the model of who is provided for alone. Some 2% of these children bear a
marker of need for a plan, which neither set holds: they have support or a plan whatever else is
true of them, so that no logit is quite right, and children without support who are like them can
hardly be found. That is why `ipw` has a small bias where severity, a strong cause, is given, and
leaves that also model the outcome have none. In cohorts four times the size (31 to 37 of them) its
bias of KS2 mathematics is +0.007 (MCSE 0.003), and +0.015 (0.004) given the habits of schools and
authorities too; without the children of the marker it is -0.006 (0.003) and -0.003 (0.004). It is a
bias of the model, then, and not of the number of children.
"""


def short(by: dict[Asked, Judged]) -> list[str]:
    """Return one line of each outcome: what is true, and the mean answers."""
    lines = [
        "| outcome | scale | truth | naive | given what records hold | its coverage % | "
        "severity as well | its coverage % |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for outcome, (_, naive, measured, severe) in EXPECTED.items():
        one = by[Asked(outcome, "", NAIVE, "association")]
        aipw = [by[Asked(outcome, given, "aipw", "ate")] for given in SETS]
        scale = "ratio" if outcome in RATIOS else "difference"
        lines.append(
            f"| {outcome.replace('_', ' ')} | {scale} | {shown(outcome, one.found.truth):.3f} | "
            f"{one.mean:.3f} ({naive:g}) | {aipw[0].mean:.3f} ({measured:g}) | "
            f"{covered(aipw[0])} | {aipw[1].mean:.3f} ({severe:g}) | {covered(aipw[1])} |"
        )
    words = (
        "Mean answers over the cohorts (AIPW, all children); in brackets what the causal model was "
        "designed to give."
    )
    return [words, "", *lines]


def covered(one: Judged) -> str:
    """Return coverage in per cent, marked where it must not be."""
    return f"{100 * one.found.covered:.1f}{' (biased)' if one.asked.must_miss else ''}"


def naive_error(by: dict[Asked, Judged]) -> str:
    """Return what is said of the standard error of the naive answer on unauthorised absence."""
    one = by[Asked(FREE, "", NAIVE, "association")].found
    away = max(abs(value / NAIVE_ERROR - 1) for value in (one.error, one.deviation))
    met = "met" if away <= NAIVE_WITHIN else "**missed**"
    return (
        f"Standard error of the naive log ratio of unauthorised absence: {one.error:.4f} on "
        f"average, {one.deviation:.4f} between cohorts; the published interval has "
        f"{NAIVE_ERROR:.3f}, and {NAIVE_WITHIN:.0%} either way is allowed: {met}."
    )


def fault(one: Judged) -> str:
    """Return what a number misses, in a line; empty where nothing."""
    if not one.fault:
        return ""
    asked, found = one.asked, one.found
    return (
        f"- {asked.outcome}, given {asked.given}, {asked.leaf}, {asked.target}: {one.fault} "
        f"(coverage {100 * found.covered:.1f}%, bias {found.bias / found.deviation:+.2f} SD, "
        f"mean SE / empirical SD {found.honest:.3f})"
    )


def every(found: list[Judged]) -> list[str]:
    """Return the table of every number."""
    head = (
        "| outcome | given | leaf | target | truth | mean answer | worlds | coverage % (MCSE) | "
        "bias (MCSE) | mean SE / empirical SD | |\n|---|---|---|---|--:|--:|--:|--:|--:|--:|---|"
    )
    return [head, *(row(one) for one in found)]


def row(one: Judged) -> str:
    """Return one line of the table of every number."""
    asked, v = one.asked, one.found
    told = "met"
    if asked.leaf == NAIVE:
        told = "not judged"
    elif asked.must_miss:
        told = "must not cover"
    if one.fault:
        told = f"**missed: {one.fault}**"
    return (
        f"| {asked.outcome} | {asked.given or 'nothing'} | {asked.leaf} | {asked.target} | "
        f"{shown(asked.outcome, v.truth):.3f} | {one.mean:.3f} | {v.worlds:,} | "
        f"{100 * v.covered:.1f} ({100 * v.covered_mcse:.1f}) | {v.bias:+.4f} ({v.mcse:.4f}) | "
        f"{v.honest:.3f} | {told} |"
    )
