"""Two leaves of a package of somebody else: an estimator and a sensitivity analysis whose names and
tables no part of the project has heard of. What they say of themselves is all that a report knows.
"""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Assumption, Estimator, Sensitivity
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators import naive
from fingerpost.sensitivity._task import SensitivityTask

LEVELS = (0.25, 0.5)


def run(task: Task) -> Answer:
    """The plain comparison with two tables that name no estimator."""
    outcome = (("outcome", task.terms[0].outcome),)
    ends = Table(
        "zz_ends",
        "Children at the gate",
        ("p", "jumps"),
        ("number", "flag"),
        ((0.003, True),),
        counts=(500,),
        tags=outcome,
        tells=Tells("cut-off density"),
    )
    rungs = Table(
        "zz_rungs",
        "The answer by the rung of a ladder",
        ("rung", "mean", "ease"),
        ("number", "number", "number"),
        tuple((rung, 40.0 + rung, 2.0) for rung in LEVELS),
        counts=(500, 500),
        tags=outcome,
        tells=Tells(keys=("rung",), outcomes=("mean",), units=(("ease", "steps of ease"),)),
    )
    return replace(naive.run(task), tables=(ends, rungs))


def bound(task: SensitivityTask) -> Answer:
    """Bounds of the first answer, under a name of this package's own."""
    estimate = task.answers[0].estimate
    assert estimate is not None
    term = estimate.terms[0]
    words = (task.answers[0].leaf, term.outcome, term.words(), term.label())
    columns = ("estimator", "outcome", "contrast", "target", "assumes", "lower", "upper", "verdict")
    row = (*words, "nothing", -1.5, 4.25, "can be either way")
    kinds = (*("label",) * 5, "number", "number", "label")
    tells = Tells("survivor bounds", answers=("lower", "upper"))
    made = Table("zz_limits", "How far?", columns, kinds, (row,), counts=(500,), tells=tells)
    return Answer("zz_far", tables=(made,))


ZZ_GATE = Estimator(
    title="Comparison at the gate",
    short="ZZG",
    summary="Compares means as observed.",
    reference="none",
    targets=("association",),
    scales=("difference",),
    outcomes=("continuous",),
    assumes=(Assumption("likeness", "children at the gate are alike"),),
    run=run,
    trimmed=False,
    guard="exempt",
    options=(("gate", "where children are counted"), ("wind", "from where it blows")),
    adjusts=False,
    said=(("gate", "children are counted at the {value}"),),
)
ZZ_FAR = Sensitivity(
    title="How far it can be",
    summary="Bounds under no assumption.",
    reference="none",
    question="How far can it be?",
    run=bound,
    short="reach of the gate",
)
