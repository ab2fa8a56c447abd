"""The power of a roll-out as tables, as plain words, and as data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fingerpost
from fingerpost.core.estimand import TARGETS
from fingerpost.core.rollout import NEVER, Layout
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import listing
from fingerpost.designs._power import CONSTANT, Reach
from fingerpost.kernels.power import multiplier_z
from fingerpost.studies.rollouts.power import Planned, bends

SCHEMA_VERSION = "1"
KIND = "power of a roll-out"
NEAR_UNITS, NEAR_CHILDREN = 1.1, 1.9
CORRELATED = ("structure", "icc", "cac", "iac", "churn")


def tables(planned: Planned) -> tuple[Table, ...]:
    """Return every table of a power calculation: numbers in full, in the unit of the outcome."""
    found = (
        scenarios_table(planned),
        curves_table(planned),
        layout_table(planned.layout),
        cells_table(planned),
        exposures_table(planned),
    )
    return tuple(table for table in found if table.rows)


def scenarios_table(planned: Planned) -> Table:
    """Return what is found under each correlation held possible."""
    return Table(
        "power",
        "Power and smallest detectable effect under each correlation held possible",
        (*CORRELATED, "se", "power_z", "power_t", "mdes", "mdes_t"),
        ("label", *("number",) * 5, *("share",) * 2, *("number",) * 2),
        tuple(
            (
                *correlated(one),
                finite(math.sqrt(one.variance)),
                one.power_z,
                one.power_t,
                finite(one.mdes),
                finite(one.mdes_t),
            )
            for one in planned.reaches
        ),
        context=f"Unit of se, mdes and mdes_t: {planned.unit.raw}.",
        tells=Tells(keys=CORRELATED[1:], units=in_unit(planned, "se", "mdes", "mdes_t")),
    )


def curves_table(planned: Planned) -> Table:
    """Return the points of every curve."""
    return Table(
        "power_curves",
        "Smallest detectable effect as the level of a unit drifts",
        ("structure", "icc", "cac", "mdes", "power_z"),
        ("label", "number", "number", "number", "share"),
        tuple(
            (
                one.correlation.structure,
                one.correlation.icc,
                one.correlation.cac,
                finite(one.mdes),
                one.power_z,
            )
            for one in planned.curves
        ),
        context=f"Unit of mdes: {planned.unit.raw}.",
        tells=Tells(keys=("icc", "cac"), units=in_unit(planned, "mdes")),
    )


def layout_table(layout: Layout) -> Table:
    """Return each wave: its units, when it begins, how long it waits, how long it is provided for.

    Waits are periods from the first begin of any unit.
    """
    periods = len(layout.periods)
    first = min(int(at) for at in layout.begins if at >= 0)
    rows: list[tuple[Cell, ...]] = []
    for at, name in enumerate(layout.waves):
        begins = int(layout.begins[at])
        never = begins == NEVER
        when = "not before the end" if never else layout.periods[begins]
        waits = (periods if never else begins) - first
        rows.append((name, int(layout.units[at]), when, waits, 0 if never else periods - begins))
    return Table(
        "waves",
        "Waves",
        ("wave", "units", "begins", "waits", "provided"),
        ("label", "number", "label", "number", "number"),
        tuple(rows),
        context="waits: periods without provision after it has begun somewhere; provided: periods "
        "with it.",
    )


def cells_table(planned: Planned) -> Table:
    """Return every cell of wave × period: whether provision has begun, and whether it is used."""
    return matrix_table(planned.layout, planned.ground.observed)


def matrix_table(layout: Layout, observed: NDArray[np.bool_]) -> Table:
    """Return every cell of a layout; observed: (w, t), which of them are used."""
    exposure = layout.exposure
    return Table(
        "design_matrix",
        "Which waves are provided for in which period",
        ("wave", "units", "period", "place", "state", "exposure"),
        ("label", "number", "label", "number", "label", "number"),
        tuple(
            (
                name,
                int(layout.units[w]),
                period,
                t,
                state(bool(exposure[w, t] >= 0), seen=bool(observed[w, t])),
                int(exposure[w, t]) if exposure[w, t] >= 0 else None,
            )
            for w, name in enumerate(layout.waves)
            for t, period in enumerate(layout.periods)
        ),
        tells=Tells(keys=("units", "place", "exposure")),
    )


def state(begun: bool, *, seen: bool) -> str:
    """Return what a cell of a design is in words."""
    if not seen:
        return "not used"
    return "provided for" if begun else "waits"


def exposures_table(planned: Planned) -> Table:
    """Return what is found of each exposure by itself under the headline's correlation; no rows
    where one effect is taken to hold at every exposure.
    """
    factor = multiplier_z(planned.power.alpha, planned.power.power)
    return Table(
        "exposures",
        "Smallest detectable effect by periods since provision began",
        ("exposure", "se", "mdes"),
        ("number", "number", "number"),
        tuple(
            (at, finite(math.sqrt(variance)), finite(factor * math.sqrt(variance)))
            for at, variance in planned.headline.at
        ),
        context=f"Unit: {planned.unit.raw}. Exposure 0 is the period in which provision begins.",
        tells=Tells(keys=("exposure",), units=in_unit(planned, "se", "mdes")),
    )


def in_unit(planned: Planned, *columns: str) -> tuple[tuple[str, str], ...]:
    """Return columns with the unit of the outcome."""
    return tuple((column, planned.unit.raw) for column in columns)


def correlated(one: Reach) -> tuple[Cell, ...]:
    """Return a correlation as cells."""
    each = one.correlation
    return (each.structure, each.icc, each.cac, each.iac, each.churn)


def finite(value: float | None) -> float | None:
    """Return a number, or None where it is none or infinite."""
    return value if value is not None and math.isfinite(value) else None


# ------------------------------------------------------------------------------ words
def target_words(planned: Planned) -> str:
    """Return what the effect is a mean of."""
    kind, answered = planned.power.target, planned.ground.answered
    if kind == CONSTANT:
        return (
            "one effect, alike at every exposure. That is an assumption: where effects grow or "
            "fade, name a target of roll-outs, such as exposure_average"
        )
    said = {
        "long_term": f"units that have been provided for longest: exposure {answered[-1]}",
        "at_exposure": f"exposure {planned.power.exposure}",
    }.get(kind, TARGETS[kind])
    return f"{said}. Exposures with units still waiting in the same period: {spans(answered)}"


def spans(numbers: tuple[int, ...]) -> str:
    """Return whole numbers in spans.

    >>> spans((0, 1, 2, 5)), spans((3,))
    ('0 to 2 and 5', '3')
    """
    runs: list[list[int]] = []
    for each in numbers:
        if runs and each == runs[-1][-1] + 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    return listing(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def average_words(planned: Planned) -> str:
    """Return over whom effects are averaged, which matters where they go with a unit's size."""
    double = planned.headline.double
    if double <= NEAR_UNITS:
        near = "so that the answer is near the mean over units (cluster-average)"
    elif double >= NEAR_CHILDREN:
        near = "so that the answer is near the mean over children (individual-average)"
    else:
        near = (
            "so that the answer lies between the mean over units (cluster-average) and that over "
            "children (individual-average)"
        )
    return (
        f"units are weighted by what they tell: one with twice the children counts {double:.2f} "
        f"times, {near}. The two differ where the effect goes with a unit's size"
    )


def variance_words(planned: Planned) -> str:
    """Return how the variance of children within a unit and period was come by."""
    power = planned.power
    if power.kind == "binary":
        return "p(1 − p) at p halfway between the risks without and with provision"
    if power.kind == "count":
        return "the rate halfway between those without and with provision (Poisson)"
    return "sd², as the study says"


def bend_words(planned: Planned) -> tuple[str, ...]:
    """Return, for each way in which levels drift, that neither end of the autocorrelation is its
    worst case, where that is so.
    """
    found = bends(planned.curves)
    told = []
    for structure in dict.fromkeys(one.structure for one in found):
        mine = [one for one in found if one.structure == structure]
        worst = listing(
            f"{planned.unit.times * one.worst:.3g} at {one.cac:g} (ICC {one.icc:.3g})"
            for one in mine
        )
        told.append(
            f"{structure}: the worst case lies between the ends of the cluster autocorrelation. "
            f"The smallest effect found is largest, in {planned.unit.words}, with {worst}"
        )
    return tuple(told)


# ------------------------------------------------------------------------------- data
def record(planned: Planned) -> dict[str, Any]:
    """Return a power calculation as JSON-ready data; numbers in the unit of the outcome, a risk as
    a share.
    """
    head, power, study = planned.headline, planned.power, planned.study
    by = {table.name: table.records() for table in tables(planned)}
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": {"name": study.name, "question": study.question},
        "design": {"name": planned.name, "title": planned.design.title},
        "unit_drawn": getattr(study.assignment, "unit", None),
        "units": planned.ground.units,
        "periods": list(planned.layout.periods),
        "outcome": {
            "kind": power.kind,
            "unit": planned.unit.raw,
            "residual_variance": variance_words(planned),
        },
        "estimand": {
            "target": power.target,
            "words": target_words(planned),
            "exposures_answered": list(planned.ground.answered),
            "average": average_words(planned),
            "double_size_counts": head.double,
        },
        "effect": planned.effect,
        "alpha": power.alpha,
        "power_asked": power.power,
        "correlation": dict(zip(CORRELATED, correlated(head), strict=True)),
        "power_z": head.power_z,
        "power_t": head.power_t,
        "df": head.df,
        "df_rule": "units − 2",
        "variance": finite(head.variance),
        "mdes": finite(head.mdes),
        "mdes_t": finite(head.mdes_t),
        "scenarios": [
            {**row, "variance": finite(one.variance)}
            for row, one in zip(by["power"], planned.reaches, strict=True)
        ],
        "curves": by["power_curves"],
        "worst_inside": [
            {"structure": one.structure, "icc": one.icc, "cac": one.cac, "mdes": finite(one.worst)}
            for one in bends(planned.curves)
        ],
        "exposures": by.get("exposures", []),
        "waves": by["waves"],
        "assumes": [
            {"name": each.name, "words": each.words, "tested_by": each.diagnostic or None}
            for each in planned.design.assumes
        ],
        "provenance": provenance(planned),
    }


def provenance(planned: Planned) -> dict[str, Any]:
    """Return where the numbers come from: the study and the code; no record was read."""
    from fingerpost.studies.provenance import code_digest

    return {
        "study_digest": planned.study.digest(),
        "code_version": fingerpost.__version__,
        "code_digest": code_digest(),
        "records": "none read",
    }
