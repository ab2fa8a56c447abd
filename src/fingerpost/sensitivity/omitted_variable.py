"""Omitted-variable bias: what an unrecorded cause would do to the regression's answer.

**What it asks.** Suppose that something nobody recorded goes with provision and with the outcome,
beyond the covariates. How much of what is left of each would it have to explain to bring the
answer to nothing? The robustness value is that share, the same for both: at 0.10, something that
explains 10% of the remaining variation in who gets provision and 10% of the remaining variation in
the outcome would undo the answer, and nothing weaker on both counts could. Benchmarks give it
a size that can be argued about: what the answer would be if the unrecorded cause were once, twice
or three times as strong as a covariate we did record, such as prior attainment.

**How it is computed.** Ordinary least squares of the outcome on the arm and the terms of the
study's outcome model (further arms enter as covariates). Every figure follows from the arm's
coefficient, its standard error and the residual degrees of freedom, exactly, whatever the number of
omitted causes and the form of their effects. Benchmarks of a categorical covariate or a named group
take all its columns together. The main figures use the ordinary standard error; a second line shows
what the t statistic clustered at the study's level gives (the critical value then has G − 1 degrees
of freedom), as a caution about uncertainty: clustering changes no bias.

**What it assumes.** That the answer is judged by a linear regression: for a yes-or-no outcome it is
a linear probability model, and says so; for counts and times it is not computed. That the
omitted cause exaggerates the answer rather than hides it. A benchmark bounds a cause that is
unrelated to the covariates, or taken after they have explained what they can.

**Options.** `benchmarks`: covariates, or lists of covariates taken together; the three that would
move the answer most if none is named. `times`: how many times as strong (1, 2, 3).

Reference: Cinelli & Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from scipy.special import stdtrit

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._formulas import (
    adjusted_estimate,
    adjusted_se,
    benchmark,
    bias,
    partial_r2,
    robustness_value,
)
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._regression import Regression, outcome_terms, regress
from fingerpost.sensitivity._task import (
    SensitivityTask,
    as_names,
    asked_before,
    check_names,
    check_options,
    smallest_arm,
)

OPTIONS = (
    ("benchmarks", "covariates, or lists of covariates taken together, to measure against"),
    ("times", "how many times as strong as a benchmark (1, 2 and 3 if left out)"),
)
LINEAR_KINDS = ("continuous", "binary")
GRID = 31  # points a side of the contour
FEWEST_CLUSTERS = 10  # with fewer, no clustered error is justified (method decisions, 2)
UNNAMED = 3  # benchmarks shown where the study names none
COLUMNS = (
    *("estimator", "outcome", "contrast", "estimate", "se", "df", "t"),
    *("partial_r2", "rv", "rv_alpha", "se_kind"),
)
Group = tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Question:
    """One outcome and one pair of arms (first against second)."""

    outcome: str
    first: str
    second: str
    smallest: int

    @property
    def tags(self) -> tuple[tuple[str, Cell], ...]:
        """What the tables are of."""
        return (("outcome", self.outcome), ("contrast", f"{self.first} v {self.second}"))


def groups_of(options: Mapping[str, object], covariates: Iterable[str] | None) -> tuple[Group, ...]:
    """Return the option `benchmarks` as groups of covariates; empty where none is named.
    covariates: those that may be, None where only the records tell.
    """
    asked = options.get("benchmarks", ())
    items = asked if isinstance(asked, list | tuple) else (asked,)
    groups = tuple(as_names(item, "omitted_variable: benchmarks") for item in items)
    names = (name for group in groups for name in group)
    if covariates is not None:
        check_names(names, covariates, where="omitted_variable: benchmarks")
    return groups


def used_in(task: SensitivityTask) -> dict[str, None]:
    """Return the covariates of the outcome model."""
    return dict.fromkeys(name for term in outcome_terms(task) for name in term.names)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Reads()
    reads.take(lambda: groups_of(options, asked_before(study, options).given), ())
    reads.take(lambda: times_of(options), ())
    reads.finish()


def times_of(options: Mapping[str, object]) -> tuple[float, ...]:
    """Return the option `times`, checked."""
    asked = options.get("times", (1, 2, 3))
    items = asked if isinstance(asked, list | tuple) else (asked,)
    found = tuple(
        float(item)
        for item in items
        if isinstance(item, int | float) and not isinstance(item, bool) and 0 < item < math.inf
    )
    if len(found) != len(items) or not found:
        raise UsageError(
            "sensitivity: omitted_variable: times must be numbers above 0, such as [1, 2, 3]."
        )
    return found


def questions(task: SensitivityTask) -> tuple[Question, ...]:
    """Return every outcome and pair of arms that the study asks about."""
    cohort = task.cohort
    return tuple(
        Question(outcome, first, second, smallest_arm(cohort, contrast))
        for outcome in task.outcomes
        for contrast in task.study.estimand.contrasts
        if sorted(weight for _, weight in contrast) == [-1.0, 1.0]
        for first, second in [tuple(arm for arm, _ in sorted(contrast, key=lambda part: -part[1]))]
    )


def not_computed(task: SensitivityTask, question: Question) -> str:
    """Return why the outcome has no robustness value, or an empty string."""
    kind = task.cohort.outcomes[question.outcome].kind
    if kind in LINEAR_KINDS:
        return ""
    return (
        f"not computed: omitted-variable bias by partial R² is exact for a linear regression only, "
        f"and {question.outcome} is a {kind} outcome; see the E-value instead"
    )


def robustness_rows(
    task: SensitivityTask, question: Question, fit: Regression
) -> list[tuple[Cell, ...]]:
    """Return the lines of `robustness`: with the ordinary and, if there is one, clustered error."""
    alpha = 1 - task.level
    words = ("regression", question.outcome, f"{question.first} v {question.second}", fit.estimate)
    t = fit.estimate / fit.se
    share, value = partial_r2(t, fit.df), robustness_value(t, fit.df)
    at_alpha = robustness_value(t, fit.df, alpha=alpha)
    rows: list[tuple[Cell, ...]] = [(*words, fit.se, fit.df, t, share, value, at_alpha, "ordinary")]
    clusters = fit.clusters or 0
    if fit.clustered_se and clusters >= FEWEST_CLUSTERS:
        t = fit.estimate / fit.clustered_se
        value = robustness_value(t, fit.df)
        at_alpha = robustness_value(t, fit.df, alpha=alpha, critical_df=clusters - 1)
        kind = f"clustered by {task.study.cluster}"
        rows.append((*words, fit.clustered_se, fit.df, t, None, value, at_alpha, kind))
    return rows


def robustness(task: SensitivityTask, rows: list[tuple[Cell, ...]], *, counts: list[int]) -> Table:
    """Return the table of robustness values, one or two lines a question."""
    binary = [name for name in task.outcomes if task.cohort.outcomes[name].kind == "binary"]
    how = f" {', '.join(binary)}: by a linear probability model." if binary else ""
    return Table(
        name="robustness",
        title="How much an omitted variable would have to explain",
        columns=COLUMNS,
        kinds=("label",) * 3 + ("number",) * 7 + ("label",),
        rows=tuple(rows),
        tells=Tells(role="robustness", outcomes=("estimate", "se")),
        counts=tuple(counts),
        context=(
            "Least squares on arm and covariates. rv: the share of what is left of both provision "
            "and outcome that an omitted variable must explain to bring the estimate to zero; "
            f"rv_alpha: to bring zero into its {task.level:.0%} interval. partial_r2: the share "
            "with provision that is enough if the variable explains all that is left of the "
            f"outcome.{how}"
        ),
        note=(
            "The clustered line puts t with that standard error (factor G/(G − 1) × "
            "(n − 1)/(n − k)) into the same formula: a caution, for clustering changes no bias."
        ),
    )


def strongest(fit: Regression) -> tuple[Group, ...]:
    """Return the covariates whose like would move the estimate most, as groups of one."""

    def reach(name: str) -> float:
        strength = benchmark(*fit.partial_r2((name,)), times=1.0)
        if strength is None:
            return math.inf
        return bias(
            fit.se, fit.df, r2_exposure=strength.r2_exposure, r2_outcome=strength.r2_outcome
        )

    ordered = sorted(fit.columns, key=lambda name: (-reach(name), name))
    return tuple((name,) for name in ordered[:UNNAMED])


def benchmark_row(fit: Regression, group: Group, *, times: float, level: float) -> tuple[Cell, ...]:
    """Return one line of `benchmarks`; empty numbers where nothing can be that strong."""
    label = " + ".join(group)
    strength = benchmark(*fit.partial_r2(group), times=times)
    if strength is None:
        return (label, times, *(None,) * 6)
    with_exposure, with_outcome = strength.r2_exposure, strength.r2_outcome
    value = adjusted_estimate(
        fit.estimate, fit.se, df=fit.df, r2_exposure=with_exposure, r2_outcome=with_outcome
    )
    if with_outcome >= 1:
        # The bound is at its cap: an interval of no width would look exact.
        return (label, times, with_exposure, with_outcome, value, None, None, None)
    se = adjusted_se(fit.se, fit.df, r2_exposure=with_exposure, r2_outcome=with_outcome)
    reach = float(stdtrit(fit.df - 1, 0.5 + level / 2)) * se
    return (label, times, with_exposure, with_outcome, value, se, value - reach, value + reach)


def benchmarks(task: SensitivityTask, question: Question, fit: Regression) -> Table:
    """Return the table of benchmarks of one question."""
    named = groups_of(task.spec_options, used_in(task))
    rows = tuple(
        benchmark_row(fit, group, times=times, level=task.level)
        for group in named or strongest(fit)
        for times in times_of(task.spec_options)
    )
    how = "" if named else " None was named: these are the covariates that would move it most."
    return Table(
        name="benchmarks",
        title="If the omitted variable were as strong as a covariate",
        columns=(
            *("covariate", "times", "r2_exposure", "r2_outcome"),
            *("adjusted", "adjusted_se", "lo", "hi"),
        ),
        kinds=("label",) + ("number",) * 7,
        rows=rows,
        tells=Tells(
            role="benchmarks", keys=("times",), outcomes=("adjusted", "adjusted_se", "lo", "hi")
        ),
        counts=(question.smallest,) * len(rows),
        residual_df=fit.df,
        context=(
            "The estimate, moved towards zero and beyond, that adjusting for an omitted variable "
            "`times` as strong as the covariate could give at worst, with its ordinary standard "
            f"error and {task.level:.0%} interval.{how}"
        ),
        note="Empty where no omitted variable can be that strong.",
        tags=question.tags,
    )


def side(largest: float, most: float) -> tuple[float, ...]:
    """Return GRID points from 0 to a round number beyond the largest share to be shown, or to the
    most that there can be: all of an outcome, but never quite all of an exposure.

    >>> side(0.07, 1.0)[-1], side(0.99, 0.95)[-1]
    (0.1, 0.95)
    """
    end = min(most, math.ceil(max(largest, 0.05) * 1.2 / 0.05) * 0.05)
    return tuple(round(end * step / (GRID - 1), 10) for step in range(GRID))


def contour(question: Question, fit: Regression, marks: Table) -> Table:
    """Return the grid of adjusted estimates of one question, wide enough for its benchmarks."""
    value = robustness_value(fit.estimate / fit.se, fit.df)

    def reach(name: str) -> float:
        shown = [cell for cell in marks.column(name) if isinstance(cell, int | float)]
        return max([value, *shown])

    adjusted = partial(adjusted_estimate, fit.estimate, fit.se, df=fit.df)
    rows = tuple(
        (x, y, adjusted(r2_exposure=x, r2_outcome=y))
        for x in side(reach("r2_exposure"), 0.95)
        for y in side(reach("r2_outcome"), 1.0)
    )
    return Table(
        name="contour",
        title="The estimate by strength of the omitted variable",
        columns=("r2_exposure", "r2_outcome", "adjusted"),
        kinds=("number",) * 3,
        rows=rows,
        tells=Tells(
            role="strength contour", keys=("r2_exposure", "r2_outcome"), outcomes=("adjusted",)
        ),
        counts=(question.smallest,) * len(rows),
        residual_df=fit.df,
        context=(
            "The estimate if the omitted variable explains r2_exposure of what is left of "
            "provision and r2_outcome of what is left of the outcome, and exaggerates the estimate."
        ),
        tags=question.tags,
    )


def run(task: SensitivityTask) -> Answer:
    """Return the tables `robustness` (one), `benchmarks` and `contour` (one each a question).

    `robustness` says for which outcomes the regression is a linear probability model or not made.
    """
    check_options(
        "omitted_variable", given=task.spec_options, allowed=(name for name, _ in OPTIONS)
    )
    groups_of(task.spec_options, used_in(task))
    times_of(task.spec_options)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    tables: list[Table] = []
    for question in questions(task):
        why = not_computed(task, question)
        if why:
            pair = f"{question.first} v {question.second}"
            rows.append(("regression", question.outcome, pair, *(None,) * 7, why))
            counts.append(question.smallest)
            continue
        fit = regress(task, question.outcome, first=question.first, second=question.second)
        found = robustness_rows(task, question, fit)
        rows += found
        counts += [question.smallest] * len(found)
        marks = benchmarks(task, question, fit)
        tables += [marks, contour(question, fit, marks)]
    return Answer(
        leaf="omitted_variable",
        tables=(robustness(task, rows, counts=counts), *tables),
    )


OMITTED_VARIABLE = Sensitivity(
    title="Omitted-variable bias",
    summary="Robustness values, benchmarks and contours of the regression's estimate.",
    reference="Cinelli & Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67",
    question="How much would something nobody recorded have to explain to undo the answer?",
    run=run,
    options=OPTIONS,
    columns=("benchmarks",),
    check=check,
)
