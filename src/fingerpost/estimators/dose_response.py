"""Dose and response: how the outcome goes with how much was drawn, and with how much was taken.

Where a trial draws how much of a provision is offered (ten weeks, twenty, thirty), the arms are
points of a curve, and a curve through them tells more of each than its own children do. What is
offered was drawn; what is taken was not: those who took more chose to, and differ in other ways.
Both are shown, side by side, and each says which it is. What a unit more taken does, among children
whom the offer moved, is told by the draw as an instrument.

The same holds of when a provision begins. Within children of one age at the start the dose was
drawn; that children who began earlier do otherwise than those who began later was not, unless the
start itself was drawn. The table `start_and_dose` compares doses within each age at the start.

**How it is computed.** Least squares of the outcome on the dose (and its square, if asked), an
indicator a stratum and the covariates (`given`), each unit of the draw counting by one over its
chance where chances differ. Whether the curve holds is tested against one mean an arm (table
`dose_form`). Errors are sums of influence by the unit of variance.

**Options.** `doses`: the dose of each arm, in the order of the arms. `form`: line (default) or
square. `taken`: the column of the dose that was taken. `start`: the column of the age (or grade,
or term) at the start.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._dose_tables import dose_tables
from fingerpost.estimators._doses import Curve, curve, dose_columns
from fingerpost.estimators._drawn_units import DRAWN_AS_SAID, drawn_only
from fingerpost.estimators._options import Options, is_number
from fingerpost.estimators._standardise import Mean

Array = NDArray[np.float64]
LEAF = "dose_response"
FORMS = ("line", "square")
DOSE_FORM = Assumption(
    "form of the dose",
    "the outcome goes with the dose in the form that is said, the same in every stratum",
    diagnostic="dose_form",
)


def run(task: Task) -> Answer:
    """Return contrasts of arms along the curve, and what was drawn beside what was not."""
    drawn_only(task, LEAF)
    doses = _doses(task)
    form = str(task.analysis.options.get("form", FORMS[0]))
    found = curve(task, dose_columns(doses[task.cohort.arm], form))
    ahead = dose_columns(doses, form)
    answer = answer_from_means(
        task, LEAF, lambda term, arm: _mean(found, ahead[arm]), weighted=False
    )
    tables = (*answer.tables, *dose_tables(task, doses, form))
    return Answer(LEAF, estimate=answer.estimate, tables=tables)


def _mean(found: Curve, dose: Array) -> Mean:
    """Return the mean at a dose, strata and covariates as they are among all."""
    value, influence = found.at(dose)
    return Mean(value, influence)


def _doses(task: Task) -> Array:
    said = task.analysis.options.get("doses")
    values = said if isinstance(said, tuple | list) else (said,)
    if len(values) != len(task.cohort.arms) or not all(is_number(one) for one in values):
        raise UsageError(
            f"estimators: {LEAF}: doses takes one number an arm, in the order of the arms: "
            f"{len(task.cohort.arms)} are needed."
        )
    return np.array([float(str(one)) for one in values])


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Options(LEAF, options)
    doses = reads.numbers("doses", "one number an arm", allowed=lambda value: True)
    arms = study.arms.names
    if doses and arms and len(doses) != len(arms):
        reads.blame(f"doses takes one number an arm: {len(arms)}; {len(doses)} were found.")
    elif doses and len(set(doses)) < 2:
        reads.blame("doses: all arms have the same dose. Give each its own.")
    if reads.word("form", FORMS) == "square" and doses and len(set(doses)) < 3:
        reads.blame("form: square needs three doses or more.")
    for name in ("taken", "start"):
        reads.names(name, one=True)
    reads.finish()


DOSE_RESPONSE = Estimator(
    title="Dose and response",
    short="the dose-response curve",
    summary="A curve through the doses that were drawn, beside what children took, which was not.",
    reference="Bretz, Pinheiro & Branson (2005), Biometrics 61:738-748; Angrist & Imbens (1995), "
    "Journal of the American Statistical Association 90:431-442",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_AS_SAID, CONSISTENCY, DOSE_FORM),
    run=run,
    trimmed=False,
    guard="exempt",
    drawn=True,
    strata=True,
    chances=True,
    options=(
        ("doses", "the dose of each arm, in the order of the arms"),
        ("form", "line (default) or square"),
        ("taken", "the column of the dose that was taken, which was not drawn"),
        ("start", "the column of the age, grade or term at the start"),
    ),
    needs=("doses",),
    columns=("taken", "start"),
    apart=("taken",),
    check=check,
)
