"""What a reader must see of an instrument: how strongly it moves children, whom, and what is amiss
when it hardly does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.model import linear
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._instruments import Instruments
from fingerpost.estimators._outcome import survey_weight
from fingerpost.kernels.design import Terms
from fingerpost.kernels.products import cross
from fingerpost.kernels.two_stage import FirstStage

Array = NDArray[np.float64]
AS_BEFORE = 10.0  # the old rule of thumb for F (Staiger & Stock 1997)


def first_stage_table(found: Instruments, first: FirstStage, *, clusters: int) -> Table:
    """Return how strong the instruments are together."""
    n = found.task.cohort.n
    row: tuple[Cell, ...] = (
        "iv",
        found.told,
        len(found.names),
        n,
        first.partial_r2,
        first.f,
        first.effective_f,
        _number(first.critical),
        first.weak,
    )
    return Table(
        "first_stage",
        "How strongly the instrument moves children",
        (
            "estimator",
            "instrument",
            "columns",
            "children",
            "partial_r2",
            "f",
            "effective_f",
            "critical",
            "weak",
        ),
        ("label", "label", "number", "count", "share", "number", "number", "number", "flag"),
        (row,),
        tells=Tells(role="instrument strength", units=(("columns", "columns"),)),
        counts=(n,),
        clusters=(clusters,),
        tags=(("outcome", found.task.terms[0].outcome),),
        context="Share of what the covariates leave of the arm that the instrument tells; the F of "
        "the first stage, clustered; and the effective F with the value it must exceed for a bias "
        "of at most a tenth of the worst (Montiel Olea & Pflueger 2013).",
        note="A weak instrument makes the estimate biased and its interval too short: read the "
        "Anderson–Rubin set, which holds however weak it is.",
    )


def coefficients_table(found: Instruments, first: FirstStage) -> Table:
    """Return the first stage's coefficients: steps of the arm for one unit of each instrument."""
    errors = np.sqrt(np.maximum(np.diagonal(first.covariance), 0.0))
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for at, name in enumerate(found.names):
        column = found.z[:, at]
        two = len(np.unique(column)) == 2
        behind = int(min((column == column.max()).sum(), (column == column.min()).sum()))
        rows.append(("iv", name, float(first.coefficient[at]), float(errors[at])))
        counts.append(behind if two else len(column))
    return Table(
        "first_stage_coefficients",
        "The first stage",
        ("estimator", "instrument", "coefficient", "se"),
        ("label", "label", "number", "number"),
        tuple(rows),
        tells=Tells(
            units=(
                ("coefficient", "change in the arm a unit of the instrument"),
                ("se", "change in the arm a unit of the instrument"),
            )
        ),
        counts=tuple(counts),
        tags=(("outcome", found.task.terms[0].outcome),),
        context="By how many steps in the order of the arms one unit of the instrument moves a "
        "child, given the covariates.",
    )


def children_table(found: Instruments) -> Table:
    """Return how many children have a value of the instrument, by arm, and how many have none."""
    cohort = found.task.cohort
    own = np.bincount(cohort.arm, minlength=len(cohort.arms))
    rows: list[tuple[Cell, ...]] = [
        ("iv", f"with an instrument, arm {arm}", int(count))
        for arm, count in zip(cohort.arms, own, strict=True)
    ]
    rows.append(("iv", "without an instrument, left out", found.without))
    return Table(
        "iv_children",
        "Children by whether they have a value of the instrument",
        ("estimator", "group", "children"),
        ("label", "label", "count"),
        tuple(rows),
        counts=tuple(int(str(row[2])) for row in rows),
        tags=(("outcome", found.task.terms[0].outcome),),
    )


def profile_table(found: Instruments, lean: Array) -> Table | None:
    """Return covariate means of the children for whom the answer speaks, beside all children's.

    lean: (n,) weight × fitted exposure, given the covariates. Σ lean x A / Σ lean A is the mean of
    x with the weights of the estimate itself (Abadie 2003, Journal of Econometrics 113:231-263,
    where the instrument is linear in the covariates); with one instrument of two values, the mean
    of the compliers.
    """
    task = found.task
    if not task.analysis.given:
        return None
    cohort, weight = task.cohort, survey_weight(task)
    design = Terms(cohort.covariates, linear(task.analysis.given), intercept=False)
    dose = cohort.arm.astype(np.float64)
    moved = cross(design, lean * dose) / float(lean @ dose)
    everyone = cross(design, weight) / float(weight.sum())
    present = cross(design, np.ones(cohort.n))
    rows = tuple(
        ("iv", name, float(all_), float(own))
        for name, all_, own in zip(design.names, everyone, moved, strict=True)
    )
    counts = tuple(
        int(count) if " = " in name else cohort.n
        for name, count in zip(design.names, present, strict=True)
    )
    return Table(
        "complier_profile",
        "Whom the instrument moves",
        ("estimator", "covariate", "all", "moved"),
        ("label", "label", "number", "number"),
        rows,
        counts=counts,
        tags=(("outcome", task.terms[0].outcome),),
        context="Covariate means of all children, and of those whose arm the instrument moves; "
        "shares (0-1) for levels of a category. The second are estimates and may miss 0-1.",
    )


def overidentified_table(task: Task, found: tuple[float, float], *, moments: int) -> Table:
    """Return Hansen's J over several instruments."""
    j, p = found
    return Table(
        "overidentification",
        "Whether several instruments tell the same story",
        ("estimator", "j", "df", "p"),
        ("label", "number", "number", "number"),
        (("iv", _number(j), moments - 1, _number(p)),),
        tells=Tells(role="instruments agree"),
        counts=(task.cohort.n,),
        tags=(("outcome", task.terms[0].outcome),),
        context="Hansen's J. A small p says that the instruments, each alone, would give different "
        "answers: one of them is not one, or they move children with different effects.",
    )


def ordinary_table(task: Task, rows: list[tuple[Term, float, float]], *, df: int) -> Table:
    """Return standard errors with one variance for all, for comparison with printed ones."""
    cells = tuple(
        ("iv", term.words(), "two-stage least squares, one variance", value, error)
        for term, value, error in rows
    )
    return Table(
        "ordinary_errors",
        "Ordinary standard errors, for comparison",
        ("estimator", "contrast", "convention", "estimate", "se"),
        ("label", "label", "label", "number", "number"),
        cells,
        tells=Tells(outcomes=("estimate", "se")),
        counts=(task.cohort.n,) * len(cells),
        residual_df=df,
        tags=(("outcome", task.terms[0].outcome),),
        context="Children taken as independent with one variance; intervals do not use these.",
    )


def warnings(found: Instruments, first: FirstStage) -> tuple[tuple[Term, str], ...]:
    """Return what each term must carry: a weak instrument, children left out, a shared level."""
    words = []
    if first.weak:
        words.append(
            f"weak instrument{'s' * (len(found.names) > 1)} (effective F {first.effective_f:.2f}; "
            f"it should exceed {first.critical:.1f}): read the Anderson–Rubin set, not the "
            "interval."
        )
    if found.without:
        words.append(
            f"children without a value of {found.told} are left out of iv; how many: iv_children."
        )
    if found.shared is not None:
        words.append(
            f"children of one {found.shared} share their instrument, and lie in several clusters "
            f"of the study: iv clusters by {found.shared}."
        )
    words += _ordered(found.task.cohort)
    return tuple((term, each) for term in found.task.terms for each in words)


def _ordered(cohort: Cohort) -> list[str]:
    if len(cohort.arms) < 3:
        return []
    return [
        "one number per step in the order of the arms, an average over steps and over the children "
        "moved across each (Angrist & Imbens 1995); a contrast of several steps is that many times "
        "it."
    ]


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
