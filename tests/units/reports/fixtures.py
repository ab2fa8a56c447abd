"""Outputs of real runs on made-up children, and what else an output may hold, put in by hand."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from fingerpost.cohorts.table import read_records
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.estimand import Contrast, Estimand, Target, Term, pair
from fingerpost.core.flow import Flow
from fingerpost.core.measure import Measure
from fingerpost.core.output import Output, RegionResult, Result, Withheld
from fingerpost.core.provenance import Provenance
from fingerpost.core.region import Region
from fingerpost.core.study import (
    Arms,
    Condition,
    Covariate,
    OutcomeSpec,
    Records,
    SensitivitySpec,
    Statement,
    Study,
    TableSource,
)
from fingerpost.core.table import Table
from fingerpost.release.clear import clear
from fingerpost.studies.run import run

ATE, ATT, OVERLAP = Target("ate"), Target("att"), Target("overlap")
TRIMMED = Target("ate", trim=0.01)
ASSOCIATION, CONDITIONAL = Target("association"), Target("conditional")
LONG = (
    "standardised mathematics score at the end of kindergarten",
    "mother's highest qualification (nine levels, treated as a number)",
    "household_income_before_housing_costs_thousands",
)
NAMES = tuple(f"covariate_{at:02d}" for at in range(1, 32)) + LONG
FEW = ("index", "before", "age")
SOME = (*NAMES[:3], *LONG)


@dataclass(frozen=True)
class Shape:
    """What the swap test changes: names and numbers.

    far: how far out the one child lies who received the exposure against all odds. confounded:
    whether the covariate that serves as negative control bears on the arm.
    """

    outcome: str = "maths"
    unit: str = "IRT points"
    arms: tuple[str, ...] = ("none", "services")
    shift: float = 0.0
    seed: int = 20261123
    given: tuple[str, ...] = SOME
    children: int = 1600
    schools: int = 80
    kind: str = "continuous"
    far: float = 0.0
    confounded: bool = True
    drawn: bool = False


TRAP = Shape(far=9.0)
WIDE = replace(TRAP, given=NAMES)


def contrast_of(shape: Shape) -> Contrast:
    return pair(shape.arms[1], shape.arms[0])


def frame(shape: Shape) -> pl.DataFrame:
    """The children of a shape: `index` bears on arm and outcome, `before` on the arm if asked."""
    r = np.random.default_rng(shape.seed)
    n, k = shape.children, len(shape.arms)
    x = r.standard_normal((n, len(shape.given)))
    if shape.far:
        x[0, 0] = -shape.far
    slopes = np.zeros((len(shape.given), k))
    if not shape.drawn:
        slopes[0, 1:] = 1.1
        if len(shape.given) > 1 and shape.confounded:
            slopes[1, 1:] = 0.8
    lean = np.r_[0.0, np.full(k - 1, 0.0 if shape.drawn else -0.9)]
    arm = np.argmax(x @ slopes + lean + r.gumbel(size=(n, k)), axis=1)
    if shape.far:
        arm[0] = 1
    school = r.integers(0, shape.schools, n)
    eta = 0.6 * x[:, 0] - (0.5 + shape.shift) * arm
    time = r.uniform(100.0, 200.0, n).round()
    if shape.kind == "binary":
        y = (r.random(n) < 1 / (1 + np.exp(1.5 - eta))).astype(float)
    elif shape.kind == "count":
        y = r.poisson(time * np.exp(eta / 3 - 3) * r.gamma(4, 0.25, shape.schools)[school])
    else:
        y = 50 + 5 * eta + r.normal(0, 1, shape.schools)[school] + 5 * r.standard_normal(n)
    columns = {"child": np.arange(n), "school": school, "arm": arm, "y": y, "time": time}
    held = {name: x[:, at] for at, name in enumerate(shape.given)}
    found = pl.DataFrame({**columns, **held})
    last = pl.when(pl.int_range(pl.len()) % 41 == 7).then(None).otherwise(pl.col(shape.given[-1]))
    return found.with_columns(last.alias(shape.given[-1]))


def study_of(shape: Shape, **more: object) -> Study:
    exposure = "time" if shape.kind == "count" else None
    measure = Measure(shape.outcome, measured_in=shape.unit, better="higher")
    spec = OutcomeSpec(shape.outcome, "y", kind=shape.kind, exposure=exposure, measure=measure)
    control = shape.given[min(1, len(shape.given) - 1)]
    drawn = Randomised("simple", given=shape.given)
    told: dict[str, object] = {
        "name": "special-education-services",
        "question": f"Do {shape.arms[1]} by grade 3 change {shape.outcome} at grade 5?",
        "records": Records((TableSource(path="world.csv"),), "child", (("school", "school"),)),
        "population": (Condition("time", "at_least", 105.0, "long enough in school"),),
        "population_words": f"{shape.children} children of the cohort",
        "arms": Arms("arm", tuple(enumerate(shape.arms))),
        "time_zero": f"spring of grade 3, when {shape.arms[1]} is recorded",
        "follow_up": f"to {shape.outcome} at grade 5",
        "outcomes": (spec,),
        "covariates": tuple(Covariate(name) for name in shape.given),
        "assignment": drawn if shape.drawn else Observed(shape.given, "school"),
        "estimand": Estimand((contrast_of(shape),), (ATE, ATT, OVERLAP, TRIMMED)),
        "estimators": ("naive", "regression", "ipw", "aipw", "g_formula"),
        "primary": ("ipw", "aipw"),
        "agreement": 1.0,
        "sensitivity": (
            SensitivitySpec("e_value"),
            SensitivitySpec("omitted_variable", (("benchmarks", (shape.given[0],)),)),
            SensitivitySpec("negative_control", (("outcome", control),)),
        ),
        "statement": Statement(ethics=f"public-use data, {shape.children} children"),
        "release": "inside",
        "subgroups": (shape.given[0],),
        "seed": shape.seed,
    }
    return Study(**{**told, **more})  # type: ignore[arg-type]


@lru_cache
def ran(study: Study, shape: Shape) -> Output:
    """The output of a real run of a study on the children of a shape."""
    with tempfile.TemporaryDirectory() as folder:
        frame(shape).write_csv(Path(folder) / "world.csv")
        return clear(run(study, read_records(study.records, base=Path(folder))))


def result(term: Term, estimator: str, value: float, se: float | None, **more: object) -> Result:
    """An estimate with a normal interval, on the log where the term is a ratio."""
    lo: float | None
    hi: float | None
    if se is None:
        lo, hi = None, None
    elif term.scale == "ratio":
        lo, hi = value * math.exp(-1.96 * se), value * math.exp(1.96 * se)
    else:
        lo, hi = value - 1.96 * se, value + 1.96 * se
    told: dict[str, object] = {"level": 0.95, "interval": "normal", "lo": lo, "hi": hi}
    return Result(estimator, term, value, se, **{**told, **more})  # type: ignore[arg-type]


def named(output: Output, name: str) -> list[Table]:
    """The tables of one name."""
    return [table for table in output.tables if table.name == name]


def found_of(output: Output, estimator: str, target: str) -> Result:
    """The first result of a leaf for a target."""
    return next(
        r for r in output.results if (r.estimator, r.term.target.label()) == (estimator, target)
    )


# -------------------------------------------------------------------------- whole outputs
def refused(shape: Shape = TRAP, **more: object) -> Output:
    """The trap: one child carries most of a weight, so the ATE is refused and the rest answered."""
    return replace(ran(study_of(shape), shape), **more)  # type: ignore[arg-type]


def clean(**more: object) -> Output:
    """A binary outcome, answered without a warning, cleared to be public."""
    given = ("sex", "age", "fsm")
    shape = Shape(
        "asthma admission", "", ("usual", "plan"), given=given, kind="binary", confounded=False
    )
    (spec,) = study_of(shape).outcomes
    study = study_of(
        shape,
        name="asthma-plan",
        outcomes=(replace(spec, measure=Measure("", better="lower", important=0.05)),),
        estimand=Estimand((contrast_of(shape),), (ATT, ATE)),
        estimators=("naive", "ipw", "aipw"),
        statement=Statement(),
        agreement=None,
        sensitivity=(),
        release="none",
    )
    return replace(ran(study, replace(shape, children=4000)), **more)  # type: ignore[arg-type]


def ratio() -> Output:
    """A rate ratio of one outcome over person-time, with a table withheld."""
    shape = Shape(
        "unauthorised absence", "sessions", ("none", "support"), given=FEW, kind="count", shift=-0.5
    )
    study = study_of(
        shape,
        name="sen-support-cleft",
        estimand=Estimand((contrast_of(shape),), (ATE, ATT), scale="ratio"),
        estimators=("naive", "ipw", "g_formula"),
        primary=("ipw", "g_formula"),
        agreement=0.05,
    )
    withheld = Withheld("table overlap_subgroups", "fewer than 10 children", "ons_srs")
    return replace(ran(study, shape), clearance="cleared", policy="ons_srs", withheld=(withheld,))


def few_schools() -> Output:
    """A rate ratio with so few clusters that no interval is justified."""
    shape = Shape("absence", "sessions", ("none", "support"), given=FEW, kind="count", schools=8)
    study = study_of(
        shape,
        name="eight-schools",
        estimand=Estimand((contrast_of(shape),), (ATE,), scale="ratio"),
        estimators=("ipw", "g_formula"),
        primary=("g_formula",),
        sensitivity=(),
    )
    return ran(study, shape)


def three_arms() -> Output:
    """A simple trial of three arms and three contrasts."""
    arms = ("none", "group help", "one to one")
    shape = Shape("reading", "points", arms, given=("age",), drawn=True, children=900)
    contrasts = (pair(arms[1], arms[0]), pair(arms[2], arms[0]), pair(arms[2], arms[1]))
    study = study_of(
        shape,
        name="reading-help",
        estimand=Estimand(contrasts, (ATE,)),
        estimators=("naive",),
        primary=(),
        sensitivity=(),
    )
    return ran(study, shape)


def two_outcomes() -> Output:
    """Three arms as life gave them, two contrasts, two outcomes of different kinds."""
    arms = ("none", "support", "plan")
    shape = Shape("reading", "points", arms, given=FEW, children=3000)
    (first,) = study_of(shape).outcomes
    second = OutcomeSpec(
        "present", "time", measure=Measure("present", title="days present", measured_in="days")
    )
    study = study_of(
        shape,
        name="support-or-plan",
        outcomes=(first, second),
        estimand=Estimand((pair("support", "none"), pair("plan", "none")), (ATE, ATT)),
        sensitivity=(SensitivitySpec("e_value"),),
        estimators=("regression", "aipw", "ipw_ra"),
        primary=("aipw",),
    )
    return ran(study, shape)


def leaf_refused() -> Output:
    """One leaf finds strata without a child of an arm; the negative control is refused as well."""
    shape = Shape("maths", "points", ("none", "services"), given=FEW, children=700, far=9.0)
    study = study_of(
        shape,
        name="empty-strata",
        estimand=Estimand((contrast_of(shape),), (OVERLAP, ATT)),
        estimators=("ipw", "subclassification"),
        primary=("subclassification", "ipw"),
        options=(("subclassification", (("strata", 100),)),),
        sensitivity=(SensitivitySpec("negative_control", (("outcome", "before"),)),),
    )
    changed = replace(study.guard, warn_smd=0.05, refuse_smd=0.4, overrides=CHANGED)
    return ran(replace(study, guard=changed), shape)


CHANGED = ("warn_smd", "refuse_smd")


def regions() -> Output:
    """Sets that are unbounded, in pieces and empty: no leaf gives them yet, so by hand."""
    shape = Shape("attainment", "points", ("none", "support"), given=FEW)
    made = refused(shape)
    term = Term(shape.outcome, contrast_of(shape), Target("compliers"))
    study = replace(made.study, name="preference", primary=("iv",), estimators=("iv",))
    inf = math.inf
    sets = (
        Region(term, ((-inf, -2.1), (3.4, inf)), 0.95, "Anderson–Rubin", 1.7, 0.2),
        Region(term.on(Target("cutoff")), ((-inf, inf),), 0.95, "Anderson–Rubin", None, 0.9),
        Region(term.on(ATE), (), 0.95, "Anderson–Rubin", None, 0.001),
    )
    open_ended = Result("iv", term.on(ATT), 2.5, None, -inf, 4.0, 0.95, "Anderson–Rubin", n=50)
    return replace(
        made,
        study=study,
        results=(open_ended,),
        covariance=((None,),),
        regions=tuple(RegionResult("iv", region) for region in sets),
        refusals=(),
        extrapolations=(),
        agreements=(),
        tables=(),
        sensitivity=(),
    )


def synthetic() -> Output:
    """The trap in a made-up country whose truth is known."""
    made = refused()
    term = Term("maths", contrast_of(TRAP), ATT)
    provenance = replace(made.provenance, synthetic=True)
    return replace(made, provenance=provenance, truth=((term, -2.5),))


def bare() -> Output:
    """A study of which next to nothing is known: no tables, no results."""
    study = Study("empty", "Is anything known?")
    nothing: tuple[()] = ()
    return Output(
        study=study,
        status="answered",
        clearance="inside",
        policy="inside",
        results=nothing,
        covariance=nothing,
        regions=nothing,
        refusals=nothing,
        extrapolations=nothing,
        agreements=nothing,
        tables=nothing,
        sensitivity=nothing,
        flow=Flow(),
        provenance=Provenance(""),
    )


OUTPUTS = {
    "refused": refused,
    "clean": clean,
    "ratio": ratio,
    "few_schools": few_schools,
    "three_arms": three_arms,
    "two_outcomes": two_outcomes,
    "leaf_refused": leaf_refused,
    "regions": regions,
    "synthetic": synthetic,
    "bare": bare,
}
