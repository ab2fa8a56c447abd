"""Outputs made by hand: what a study may look like once it has passed the release gate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fingerpost.core.agreement import Agreement
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.estimand import Contrast, Estimand, Target, Term, pair
from fingerpost.core.flow import Flow
from fingerpost.core.measure import Measure
from fingerpost.core.output import Output, RegionResult, Result, Withheld
from fingerpost.core.provenance import Provenance
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import (
    Arms,
    Covariate,
    OutcomeSpec,
    Records,
    SensitivitySpec,
    Statement,
    Study,
    TableSource,
)
from fingerpost.core.table import Cell, Table

ATE, ATT, OVERLAP = Target("ate"), Target("att"), Target("overlap")
TRIMMED = Target("ate", trim=0.01)
ASSOCIATION, CONDITIONAL = Target("association"), Target("conditional")
LONG = (
    "standardised mathematics score at the end of kindergarten",
    "mother's highest qualification (nine levels, treated as a number)",
    "household_income_before_housing_costs_thousands",
)
NAMES = tuple(f"covariate_{at:02d}" for at in range(1, 32)) + LONG


@dataclass(frozen=True)
class Shape:
    """What the swap test changes: names and numbers."""

    outcome: str = "maths"
    unit: str = "IRT points"
    arms: tuple[str, ...] = ("none", "services")
    shift: float = 0.0
    seed: int = 20261123
    given: tuple[str, ...] = NAMES
    children: int = 7362


def contrast_of(shape: Shape) -> Contrast:
    return pair(shape.arms[1], shape.arms[0])


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
    told: dict[str, object] = {
        "level": 0.95,
        "interval": "normal, influence summed by school, G/(G − 1)",
        "n": 7362,
        "clusters": 861,
        "lo": lo,
        "hi": hi,
    }
    return Result(estimator, term, value, se, **{**told, **more})  # type: ignore[arg-type]


def covariance_of(results: tuple[Result, ...]) -> tuple[tuple[float | None, ...], ...]:
    """A joint covariance with every correlation one half; nothing for a result without a se."""
    return tuple(
        tuple(
            None if a.se is None or b.se is None else a.se * b.se * (1.0 if a is b else 0.5)
            for b in results
        )
        for a in results
    )


def tagged(shape: Shape, target: Target) -> tuple[tuple[str, Cell], ...]:
    words = f"{shape.arms[1]} v {shape.arms[0]}"
    return (("outcome", shape.outcome), ("contrast", words), ("target", target.label()))


def balance_table(shape: Shape, target: Target, worst: float) -> Table:
    rows = []
    for at, name in enumerate(shape.given):
        before = (0.9 + shape.shift / 10) * math.cos(1.7 * at) + 0.05
        after = worst * math.sin(2.3 * at + 1.0)
        rows.append(
            (name, before, after, before * 1.1, after * 1.2, 1.2, 1.05, abs(before) / 3, 0.02)
        )
    columns = "smd_before smd_after pair_before pair_after vr_before vr_after ks_before ks_after"
    return Table(
        "balance",
        "Balance of covariates",
        ("covariate", *columns.split()),
        ("label", *("number",) * 8),
        tuple(rows),
        tags=tagged(shape, target),
        context="How far each arm lies from the target, before and after weighting.",
    )


def weights_table(
    shape: Shape, target: Target, effective: tuple[float, float], share: float
) -> Table:
    half = (shape.children - 429, 429)
    rows = tuple(
        (arm, count, size, share if arm == shape.arms[1] else 0.001, share, 1.0, 2.5, 88.0)
        for arm, count, size in zip(shape.arms, half, effective, strict=False)
    )
    return Table(
        "weights",
        "Weights",
        (
            "arm",
            "children",
            "effective_size",
            "largest_share",
            "largest_cluster_share",
            "mean",
            "sd",
            "largest",
        ),
        ("label", "count", "number", "share", "share", "number", "number", "number"),
        rows,
        tags=tagged(shape, target),
    )


def overlap_table(shape: Shape) -> Table:
    rows = []
    for of in shape.arms:
        for arm in shape.arms:
            for at in range(20):
                middle = 0.12 if arm != of else 0.45
                count = int(400 * math.exp(-(((at + 0.5) / 20 - middle) ** 2) / 0.03) + shape.shift)
                rows.append((of, arm, at / 20, (at + 1) / 20, count))
    return Table(
        "overlap",
        "Propensity by arm",
        ("of", "arm", "lo", "hi", "children"),
        ("label", "label", "number", "number", "count"),
        tuple(rows),
    )


def subgroup_table(shape: Shape) -> Table:
    rows = tuple(
        ("sex", level, arm, 200 + at, 0.01 * at, 0.0005 * (at + 1))
        for at, (level, arm) in enumerate(
            (level, arm) for level in ("girls", "boys") for arm in shape.arms
        )
    )
    return Table(
        "overlap_subgroups",
        "Overlap by subgroup",
        ("subgroup", "level", "arm", "children", "outside_share", "smallest"),
        ("label", "label", "label", "count", "share", "number"),
        rows,
    )


def truncation_table(shape: Shape, target: Target, values: tuple[float, ...]) -> Table:
    percentiles = (0.0, 0.5, 1.0, 2.5)
    return Table(
        "truncation",
        "Truncation path",
        ("percentile", "estimate", "effective_first", "effective_second"),
        ("number", "number", "number", "number"),
        tuple(
            (p, value + shape.shift, 300.0 + 20 * p, 1000.0 + 9 * p)
            for p, value in zip(percentiles, values, strict=True)
        ),
        tags=tagged(shape, target),
        note="Capping weights changes whom the estimate is for: a path, never an answer.",
    )


def guard_table(shape: Shape, target: Target, verdict: str) -> Table:
    return Table(
        "guard",
        "Guard rails",
        ("rule", "assumption", "measured", "threshold", "verdict"),
        ("label", "label", "number", "number", "label"),
        (
            ("effective fraction", "positivity", 0.154 + shape.shift / 100, 0.2, verdict),
            ("largest share of a child", "positivity", 0.008, 0.05, "ok"),
        ),
        tags=tagged(shape, target),
    )


def missing_table(shape: Shape, counts: tuple[int, ...] = (812, 96)) -> Table:
    rows = tuple(
        (name, "covariate", count, count / shape.children, "complete case")
        for name, count in zip(shape.given[::-1], counts, strict=False)
    )
    return Table(
        "missing",
        "Missing values",
        ("variable", "role", "missing", "share", "handling"),
        ("label", "label", "count", "share", "label"),
        (*rows, (shape.outcome, "outcome", 0, 0.0, "complete case")),
    )


def outcomes_table(shape: Shape) -> Table:
    rows = tuple(
        (
            shape.outcome,
            arm,
            400 + 10 * at,
            390 + 10 * at,
            112.0 - 19 * at + shape.shift,
            22.0,
            None,
            None,
        )
        for at, arm in enumerate(shape.arms)
    )
    return Table(
        "outcomes",
        "Outcomes by arm",
        ("outcome", "arm", "children", "observed", "mean", "sd", "events", "exposure"),
        ("label", "label", "count", "count", "number", "number", "count", "number"),
        rows,
    )


def means_table(shape: Shape) -> Table:
    rows = tuple(
        (estimator, target.label(), arm, 93.0 + at + shape.shift, 0.8)
        for estimator in ("ipw", "aipw")
        for target in (ATE, ATT)
        for at, arm in enumerate(shape.arms)
    )
    return Table(
        "means",
        "Standardised means",
        ("estimator", "target", "arm", "mean", "se"),
        ("label", "label", "label", "number", "number"),
        rows,
        tags=(("outcome", shape.outcome),),
    )


def baseline_table(shape: Shape) -> Table:
    rows = tuple(
        (name, None, arm, 400, 0.1 * at + shape.shift, 1.0)
        for at, name in enumerate(shape.given[:5])
        for arm in shape.arms
    )
    return Table(
        "baseline",
        "Children at time zero",
        ("covariate", "level", "arm", "children", "mean", "sd"),
        ("label", "label", "label", "count", "number", "number"),
        rows,
    )


def sensitivity_of(shape: Shape) -> tuple[tuple[str, tuple[Table, ...], tuple[Result, ...]], ...]:
    contrast = f"{shape.arms[1]} v {shape.arms[0]}"
    estimate = -7.0751 + shape.shift
    e_values = Table(
        "e_values",
        "E-values",
        (
            "estimator",
            "outcome",
            "contrast",
            "target",
            "ratio",
            "ratio_source",
            "e_value",
            "e_value_limit",
        ),
        ("label", "label", "label", "label", "number", "label", "number", "number"),
        (("ipw", shape.outcome, contrast, "att", 0.79, "exp(0.91 d)", 1.85 + shape.shift, 1.62),),
    )
    kinds = ("ordinary", "clustered by school")
    robustness = Table(
        "robustness",
        "Robustness values",
        (
            "estimator",
            "outcome",
            "contrast",
            "estimate",
            "se",
            "df",
            "t",
            "partial_r2",
            "rv",
            "rv_alpha",
            "se_kind",
        ),
        ("label", "label", "label", *("number",) * 5, "number", "number", "label"),
        tuple(
            (
                "regression",
                shape.outcome,
                contrast,
                estimate,
                0.8317,
                7326.0,
                -8.507,
                0.00978,
                rv,
                0.0735,
                kind,
            )
            for rv, kind in zip((0.0946 + shape.shift / 100, 0.0816), kinds, strict=True)
        ),
    )
    benchmarks = Table(
        "benchmarks",
        "Benchmarks",
        ("covariate", "times", "r2_exposure", "r2_outcome", "adjusted", "adjusted_se", "lo", "hi"),
        ("label", "number", "number", "number", "number", "number", "number", "number"),
        tuple(
            (
                name,
                times,
                0.011 * times * k,
                0.021 * times * k,
                estimate + 0.9 * times,
                0.84,
                -8.0,
                -4.0,
            )
            for k, name in ((1, shape.given[0]), (0.4, shape.given[-1]))
            for times in (1.0, 2.0, 3.0)
        ),
    )
    grid = tuple(0.4 * at / 20 for at in range(21))
    contour = Table(
        "contour",
        "Adjusted estimate",
        ("r2_exposure", "r2_outcome", "adjusted"),
        ("share", "share", "number"),
        tuple(
            (d, y, estimate + 0.8317 * math.sqrt(7326 * y * d / (1 - d)))
            for d in grid
            for y in grid
        ),
        tags=(("outcome", shape.outcome), ("contrast", contrast)),
    )
    control = Table(
        "negative_control",
        "Negative control",
        ("estimator", "target", "estimate", "se", "lo", "hi", "verdict"),
        ("label", "label", "number", "number", "number", "number", "label"),
        (
            (
                "regression",
                "conditional",
                -2.338 + shape.shift,
                0.3744,
                -3.0718 + shape.shift,
                -1.6042 + shape.shift,
                "an effect where there can be none: confounding remains",
            ),
        ),
        tags=(("outcome", shape.given[0]),),
    )
    return (
        ("e_value", (e_values,), ()),
        ("omitted_variable", (robustness, benchmarks, contour), ()),
        ("negative_control", (control,), ()),
    )


def study_of(shape: Shape, **more: object) -> Study:
    levels = tuple((at, arm) for at, arm in enumerate(shape.arms))
    told: dict[str, object] = {
        "name": "special-education-services",
        "question": f"Do {shape.arms[1]} by grade 3 change {shape.outcome} at grade 5?",
        "records": Records((TableSource(path="eclsk_c.csv"),), "CHILDID", (("school", "S1_ID"),)),
        "population_words": f"{shape.children} children of the cohort",
        "arms": Arms("F5SPECS", levels),
        "time_zero": f"spring of grade 3, when {shape.arms[1]} is recorded",
        "follow_up": f"to {shape.outcome} at grade 5",
        "outcomes": (
            OutcomeSpec(
                shape.outcome,
                "C6R4MSCL",
                measure=Measure(shape.outcome, measured_in=shape.unit, better="higher"),
            ),
        ),
        "covariates": tuple(Covariate(name) for name in shape.given),
        "assignment": Observed(shape.given, "school"),
        "estimand": Estimand((contrast_of(shape),), (ATE, ATT, OVERLAP, TRIMMED)),
        "estimators": ("naive", "regression", "ipw", "aipw", "g_formula"),
        "primary": ("ipw", "aipw"),
        "agreement": 1.0,
        "sensitivity": (SensitivitySpec("e_value"), SensitivitySpec("omitted_variable")),
        "statement": Statement(ethics=f"public-use data, {shape.children} children"),
        "release": "none",
        "seed": shape.seed,
    }
    return Study(**{**told, **more})  # type: ignore[arg-type]


def provenance_of(study: Study, shape: Shape, **more: object) -> Provenance:
    told: dict[str, object] = {
        "study_digest": study.digest(),
        "data_digest": (("eclsk_c.csv", f"{shape.seed:064x}"),),
        "code_version": "0.1.0",
        "code_digest": "ab" * 32,
        "seed": shape.seed,
        "packages": (("numpy", "2.3.1"), ("scipy", "1.16.0")),
        "engine": "duckdb",
    }
    return Provenance(**{**told, **more})  # type: ignore[arg-type]


def refused(shape: Shape = Shape(), **more: object) -> Output:
    """The trap: the ATE is refused, other targets are answered."""
    study, ask = study_of(shape), contrast_of(shape)
    term = Term(shape.outcome, ask, ATE)
    s = shape.shift
    results = (
        result(term.on(ASSOCIATION), "naive", -19.2258 + s, 1.4176),
        result(term.on(CONDITIONAL), "regression", -7.0751 + s, 0.9679),
        result(
            term.on(ATT),
            "ipw",
            -5.8336 + s,
            1.1504,
            primary=True,
            warnings=("effective size is 15% of the arm",),
        ),
        result(term.on(OVERLAP), "ipw", -5.2484 + s, 0.9723, primary=True),
        result(term.on(TRIMMED), "ipw", -2.165 + s, 2.1, primary=True),
        result(term.on(ATT), "aipw", -5.1215 + s, 1.08, primary=True),
        result(term.on(OVERLAP), "aipw", -4.9 + s, 0.98, primary=True),
        result(term.on(TRIMMED), "aipw", -2.4 + s, 2.0, primary=True),
        result(term.on(ATT), "g_formula", -4.8375 + s, 1.1),
    )
    refusal = Refusal(
        (term,),
        (
            Broken("effective_size", "positivity", 1.2, 30.0),
            Broken("child_share", "positivity", 0.9096 - s / 10, 0.10),
            Broken("smd", "exposure model", 6.97, 0.25),
            Broken("outside", "positivity", 0.326, 0.10),
        ),
        f"Ask for the children who received {shape.arms[1]} (att), for overlap, or trim.",
    )
    told: dict[str, object] = {
        "study": study,
        "status": "partly refused",
        "clearance": "inside",
        "policy": "none",
        "results": results,
        "covariance": covariance_of(results),
        "regions": (),
        "refusals": (refusal,),
        "extrapolations": (result(term, "g_formula", -4.494 + s, 1.2, role="extrapolation"),),
        "agreements": (
            Agreement(term.on(ATT), ("ipw", "aipw"), -5.8336 + s, -5.1215 + s, 1.0, True),
            Agreement(term.on(TRIMMED), ("ipw", "aipw"), -2.4 + s, -2.165 + s, 0.1, False),
        ),
        "tables": (
            *(balance_table(shape, target, worst) for target, worst in ((ATE, 6.9), (ATT, 0.07))),
            balance_table(shape, TRIMMED, 0.212),
            weights_table(shape, ATE, (6807.0, 1.2), 0.9096),
            weights_table(shape, ATT, (1019.0 + s, 429.0), 0.008),
            overlap_table(shape),
            subgroup_table(shape),
            truncation_table(shape, ATE, (38.0925, 20.0, 8.2, -9.8)),
            truncation_table(shape, ATT, (-5.83, -5.9, -6.0, -6.2)),
            guard_table(shape, ATE, "refuse"),
            guard_table(shape, ATT, "warn"),
            missing_table(shape),
            outcomes_table(shape),
            means_table(shape),
            baseline_table(shape),
        ),
        "sensitivity": sensitivity_of(shape),
        "flow": Flow(shape.children + 908, (), tuple((arm, 300) for arm in shape.arms))
        .then(f"{shape.given[-1]} missing", 812)
        .then(f"{shape.given[-2]} missing", 96)
        .then(f"{shape.outcome} not observed", 0, outcome=shape.outcome),
        "provenance": provenance_of(study, shape),
    }
    return Output(**{**told, **more})  # type: ignore[arg-type]


def clean() -> Output:
    """A binary outcome, answered without a warning, cleared to be public."""
    shape = Shape("asthma admission", "", ("usual", "plan"), given=("sex", "age", "fsm"))
    spec = OutcomeSpec(
        shape.outcome,
        "admitted",
        kind="binary",
        measure=Measure(shape.outcome, better="lower", important=0.02),
    )
    study = study_of(
        shape,
        name="asthma-plan",
        outcomes=(spec,),
        estimand=Estimand((contrast_of(shape),), (ATE, ATT), summary="risk"),
        statement=Statement(),
        agreement=None,
    )
    term = Term(shape.outcome, contrast_of(shape), ATE, "risk")
    results = (
        result(term.on(ASSOCIATION), "naive", 0.012, 0.006),
        result(term, "ipw", -0.0321, 0.009, primary=True),
        result(term.on(ATT), "ipw", -0.004, 0.011, primary=True),
        result(term, "aipw", -0.0298, 0.0088, primary=True),
        result(term.on(ATT), "aipw", -0.0041, 0.0108, primary=True),
    )
    return Output(
        study,
        "answered",
        "public",
        "none",
        results,
        covariance_of(results),
        (),
        (),
        (),
        (Agreement(term, ("ipw", "aipw"), -0.0321, -0.0298, None, None),),
        (
            balance_table(shape, ATE, 0.03),
            balance_table(shape, ATT, 0.02),
            weights_table(shape, ATE, (900.0, 800.0), 0.01),
            overlap_table(shape),
            guard_table(shape, ATE, "ok"),
            missing_table(shape, ()),
        ),
        (),
        Flow(shape.children, (), (("usual", 4000), ("plan", 3362))),
        provenance_of(study, shape),
    )


def ratio() -> Output:
    """A rate ratio whose interval holds one, with a table withheld."""
    shape = Shape("unauthorised absence", "sessions", ("none", "support"), given=("sex", "fsm"))
    spec = OutcomeSpec(
        shape.outcome,
        "absent",
        kind="count",
        exposure="possible sessions",
        measure=Measure(shape.outcome, measured_in="sessions", better="lower"),
    )
    study = study_of(
        shape,
        name="sen-support-cleft",
        outcomes=(spec,),
        estimand=Estimand((contrast_of(shape),), (ATE, ATT), scale="ratio", summary="rate"),
        agreement=0.05,
    )
    term = Term(shape.outcome, contrast_of(shape), ATE, "rate", "ratio")
    results = (
        result(term.on(ASSOCIATION), "naive", 1.22, 0.05),
        result(term, "ipw", 0.861, 0.09, primary=True),
        result(term.on(ATT), "ipw", 0.5, 1.4, primary=True),
        result(term, "g_formula", 0.874, 0.08),
    )
    return Output(
        study,
        "answered",
        "cleared",
        "ons_srs",
        results,
        covariance_of(results),
        (),
        (),
        (),
        (Agreement(term, ("ipw", "aipw"), math.log(0.86), math.log(0.87), 0.05, True),),
        (balance_table(shape, ATE, 0.03),),
        (),
        Flow(6359, (), (("none", 4350), ("support", 2010))).then("moved school", 4),
        provenance_of(study, shape),
        withheld=(Withheld("table overlap_subgroups", "fewer than 10 children", "ons_srs"),),
    )


def three_arms() -> Output:
    """Three arms, three contrasts, one without any interval; a simple trial."""
    shape = Shape("reading", "points", ("none", "group help", "one to one"), given=("age",))
    contrasts = (
        pair("group help", "none"),
        pair("one to one", "none"),
        pair("one to one", "group help"),
    )
    study = study_of(
        shape,
        name="reading-help",
        assignment=Randomised("simple", "child", ("age",)),
        estimand=Estimand(contrasts, (ATE, Target("received", arm="one to one"))),
        estimators=("naive", "ipw"),
        primary=(),
    )
    results = []
    for at, contrast in enumerate(contrasts):
        term = Term(shape.outcome, contrast, ATE)
        results.append(
            result(
                term,
                "naive",
                1.5 + at,
                None if at == 2 else 0.7,
                interval="none: 7 clusters are fewer than 10" if at == 2 else "t",
            )
        )
        results.append(result(term.on(Target("received", arm="one to one")), "ipw", 1.1 + at, 0.9))
    return Output(
        study,
        "answered",
        "inside",
        "none",
        tuple(results),
        covariance_of(tuple(results)),
        (),
        (),
        (),
        (),
        (overlap_table(shape), outcomes_table(shape)),
        (),
        Flow(900, (), tuple((arm, 300) for arm in shape.arms)),
        provenance_of(study, shape),
    )


def regions() -> Output:
    """Sets that are unbounded, in pieces and empty."""
    shape = Shape("attainment", "points", ("none", "support"))
    term = Term(shape.outcome, contrast_of(shape), Target("compliers"))
    study = study_of(shape, name="preference", primary=("iv",), estimators=("iv",))
    inf = math.inf
    sets = (
        Region(term, ((-inf, -2.1), (3.4, inf)), 0.95, "Anderson–Rubin", 1.7, 0.2),
        Region(term.on(Target("cutoff")), ((-inf, inf),), 0.95, "Anderson–Rubin", None, 0.9),
        Region(term.on(ATE), (), 0.95, "Anderson–Rubin", None, 0.001),
    )
    open_ended = Result("iv", term.on(ATT), 2.5, None, -inf, 4.0, 0.95, "Anderson–Rubin", n=50)
    return Output(
        study,
        "answered",
        "inside",
        "none",
        (open_ended,),
        ((None,),),
        tuple(RegionResult("iv", region) for region in sets),
        (),
        (),
        (),
        (),
        (),
        Flow(500),
        provenance_of(study, shape),
    )


def synthetic() -> Output:
    """A made-up country whose truth is known."""
    made = refused()
    term = Term("maths", contrast_of(Shape()), ATT)
    provenance = provenance_of(made.study, Shape(), synthetic=True)
    return refused(provenance=provenance, truth=((term, -5.0),))


def bare() -> Output:
    """A study of which next to nothing is known: no tables, no results."""
    study = Study("empty", "Is anything known?")
    return Output(
        study,
        "answered",
        "inside",
        "inside",
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        Flow(),
        Provenance(""),
    )


OUTPUTS = {
    "refused": refused,
    "clean": clean,
    "ratio": ratio,
    "three_arms": three_arms,
    "regions": regions,
    "synthetic": synthetic,
    "bare": bare,
}
