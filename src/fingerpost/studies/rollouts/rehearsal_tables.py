"""A rehearsal as tables, as plain words, and as data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import fingerpost
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import counted, listing
from fingerpost.studies.rollouts.confirming import KIND
from fingerpost.studies.rollouts.judging import Question, holding, preselected, questions
from fingerpost.studies.rollouts.past import Past
from fingerpost.studies.rollouts.planting import PLANTINGS
from fingerpost.studies.rollouts.rehearsing import OfOutcome, Rehearsal
from fingerpost.studies.rollouts.units import Counted, unit_of_outcome

SCHEMA_VERSION = "1"


def unit_words(study: Study, outcome: str) -> Counted:
    """Return the unit in which an outcome is counted."""
    spec = next(one for one in study.outcomes if one.name == outcome)
    power = study.rollout.power if study.rollout else None
    if power is not None and spec is study.outcomes[0]:
        return unit_of_outcome(study, power)
    measured = spec.measure.measured_in
    return Counted(measured or "units of the outcome", raw=measured or "units of the outcome")


def tables(rehearsal: Rehearsal) -> tuple[Table, ...]:
    """Return every table of a rehearsal."""
    found = questions(rehearsal)
    return (
        verdicts_table(rehearsal, found),
        planted_table(found),
        past_table(rehearsal),
        lags_table(rehearsal),
        laid_table(rehearsal),
    )


def verdicts_table(rehearsal: Rehearsal, found: Sequence[Question]) -> Table:
    """Return a row for each question and estimator."""
    rows: list[tuple[Cell, ...]] = []
    for question in found:
        for one in question.judged:
            covered = [each.coverage for each in one.under if each.coverage is not None]
            judged = [each for each in one.under if each.planting in ("constant", "growing")]
            kept = [each.coverage for each in judged if each.coverage is not None]
            rows.append(
                (
                    one.outcome,
                    one.term.label(),
                    one.leaf,
                    one.size,
                    min(kept) if kept else (min(covered) if covered else None),
                    one.under[0].bias,
                    one.sd,
                    one.se_ratio,
                    one.mdes,
                    one.share,
                    "best" if one is question.best else listing(one.faults) or "holds",
                )
            )
    return Table(
        "rehearsal",
        f"Every estimator over {rehearsal.draws:,} draws on the real past",
        (
            *(
                "outcome",
                "target",
                "estimator",
                "false alarms",
                "coverage",
                "bias",
                "sd",
                "se_over_sd",
            ),
            *("mdes80", "share_of_mean", "verdict"),
        ),
        (*("label",) * 3, "share", "share", *("number",) * 4, "share", "label"),
        tuple(rows),
        context="false alarms: how often the interval leaves out nought where nothing happens. "
        "coverage: the least of those with a planted effect. bias: where nothing happens. mdes80: "
        "2.8 standard deviations over draws, in units of the outcome. Verdict: best, holds, or "
        "what keeps it from being chosen.",
    )


def planted_table(found: Sequence[Question]) -> Table:
    """Return a row for each question, estimator and planted effect."""
    words = {one.name: one.words for one in PLANTINGS}
    rows: list[tuple[Cell, ...]] = [
        (
            one.outcome,
            one.term.label(),
            one.leaf,
            words[each.planting],
            finite(each.truth),
            finite(each.bias),
            finite(each.mcse),
            each.coverage,
        )
        for question in found
        for one in question.judged
        for each in one.under
    ]
    return Table(
        "planted",
        "Bias and coverage under each planted effect",
        ("outcome", "target", "estimator", "planted", "truth", "bias", "mcse", "coverage"),
        (*("label",) * 4, *("number",) * 3, "share"),
        tuple(rows),
        context="mcse: Monte Carlo standard error of the bias.",
    )


def past_table(rehearsal: Rehearsal) -> Table:
    """Return what each outcome's past is like, and what that rests on."""
    rows: list[tuple[Cell, ...]] = []
    for one in rehearsal.outcomes:
        past = one.past
        nearer = past.drifts[0]
        rows.append(
            (
                past.outcome,
                past.units,
                past.left,
                f"{past.periods[0]} to {past.periods[-1]}, {len(past.periods)} periods",
                past.mean,
                past.between,
                past.within,
                past.lags[0].correlation,
                f"{nearer.structure}, {nearer.kept:.3f}",
                past.icc,
                past.size_cv,
            )
        )
    return Table(
        "past",
        "What the past of each outcome is like",
        (
            *("outcome", "units", "left out", "periods", "mean", "between", "within"),
            *("next period", "drift", "icc", "size_cv"),
        ),
        (*("label", "number", "number", "label"), *("number",) * 4, "label", *("number",) * 2),
        tuple(rows),
        context="Means of units, each counted alike, less the periods' means. between: standard "
        "deviation between units of what lasts over these periods; within: of a unit about it. "
        "next period: correlation of a unit's outcome with that one period later. drift: the form "
        "that fits all lags best, and what is left of a level. icc: of children, where records "
        "hold them.",
    )


def lags_table(rehearsal: Rehearsal) -> Table:
    """Return the autocorrelation at every lag, with what the two forms make of it."""
    rows: list[tuple[Cell, ...]] = []
    for one in rehearsal.outcomes:
        kept = {drift.structure: drift.kept for drift in one.past.drifts}
        for lag in one.past.lags:
            fitted = (kept["nested"], kept["decay"] ** lag.apart)
            rows.append((one.past.outcome, lag.apart, lag.correlation, *fitted, lag.pairs))
    return Table(
        "autocorrelation",
        "How alike a unit is to itself as periods pass",
        ("outcome", "periods apart", "correlation", "nested", "decay", "pairs"),
        ("label", *("number",) * 5),
        tuple(rows),
        tells=Tells(keys=("periods apart",)),
        context="nested, decay: what each form makes of it. pairs: cells that tell.",
    )


def laid_table(rehearsal: Rehearsal) -> Table:
    """Return how the plan was laid on each past: its periods, and units by wave."""
    rows: list[tuple[Cell, ...]] = []
    for one in rehearsal.outcomes:
        laid = one.laid
        for at, name in enumerate(laid.waves):
            begins = int(laid.begins[at])
            rows.append(
                (
                    laid.outcome,
                    name,
                    int(laid.sizes[at]),
                    laid.panel.periods[begins] if begins >= 0 else "not before the end",
                    laid.past[begins] if begins >= 0 else "not before the end",
                )
            )
    return Table(
        "laid",
        "The plan as it was laid on the past",
        ("outcome", "wave", "units", "begins", "laid on"),
        ("label", "label", "number", "label", "label"),
        tuple(rows),
    )


def laid_words(one: OfOutcome) -> str:
    """Return in a sentence how the plan was laid on an outcome's past."""
    laid, past = one.laid, one.past
    whose = (
        "the register's own draws, with its strata and limits"
        if laid.own
        else "drawn among them in the plan's shares"
    )
    words = (
        f"{laid.outcome}: {counted(len(laid.panel.units), 'unit')} complete in "
        f"{past.periods[0]} to {past.periods[-1]}"
    )
    if past.unseen:
        words += f" (nothing is recorded for {listing(past.unseen)})"
    words += f"; the plan lies on {laid.past[0]} to {laid.past[-1]}, {whose}"
    if laid.cut:
        gone = counted(len(laid.cut), "period") if len(laid.cut) > 1 else "period"
        words += f"; the plan's first {gone} found no past"
    return words + "."


# ---------------------------------------------------------------- data


def record(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal as data. What a registration reads: study_digest, draws and holds."""
    found = questions(rehearsal)
    best, why = preselected(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "made_by": f"fingerpost {fingerpost.__version__}",
        "study": rehearsal.study.name,
        "study_digest": rehearsal.study.digest(),
        "draws": rehearsal.draws,
        "records": dict(rehearsal.records),
        "preselected": best,
        "why": why,
        "holds": list(holding(found)),
        "outcomes": [
            {
                **past_record(one.past),
                "planted": one.size,
                "laid_on": list(one.laid.past),
                "own_draws": one.laid.own,
                "laid_units": len(one.laid.names),
                "planned_units": one.laid.planned,
                "periods_alike": one.laid.alike,
                "waves": dict(zip(one.laid.waves, map(int, one.laid.sizes), strict=True)),
                "draws_digest": hashlib.sha256(one.laid.codes.astype(">u2").tobytes()).hexdigest(),
            }
            for one in rehearsal.outcomes
        ],
        "questions": [question_record(one) for one in found],
    }


def past_record(past: Past) -> dict[str, Any]:
    """Return an outcome's past as data."""
    return {
        "outcome": past.outcome,
        "units": past.units,
        "left_out": past.left,
        "periods": list(past.periods),
        "unseen": list(past.unseen),
        "mean": past.mean,
        "between_sd": past.between,
        "within_sd": past.within,
        "sd": past.sd,
        "autocorrelation": [
            {"apart": lag.apart, "correlation": lag.correlation, "pairs": lag.pairs}
            for lag in past.lags
        ],
        "drifts": [
            {"structure": one.structure, "cac": one.kept, "misfit": one.misfit}
            for one in past.drifts
        ],
        "icc": past.icc,
        "size_cv": past.size_cv,
    }


def question_record(question: Question) -> dict[str, Any]:
    """Return one question as data."""
    return {
        "outcome": question.outcome,
        "target": question.term.label(),
        "exposure": question.term.exposure_time,
        "best": question.best.leaf if question.best else None,
        "why": question.why,
        "refused": dict(question.refused),
        "estimators": [
            {
                "estimator": one.leaf,
                "answered": one.answered,
                "size": one.size,
                "sd": one.sd,
                "se_over_sd": one.se_ratio,
                "mdes80": one.mdes,
                "share_of_mean": one.share,
                "faults": list(one.faults),
                "planted": {
                    each.planting: {
                        "truth": finite(each.truth),
                        "bias": finite(each.bias),
                        "mcse": finite(each.mcse),
                        "coverage": each.coverage,
                    }
                    for each in one.under
                },
            }
            for one in question.judged
        ],
    }


def finite(value: float) -> float | None:
    """Return a number, or None where it is none."""
    return value if math.isfinite(value) else None
