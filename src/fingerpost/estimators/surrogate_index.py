"""A surrogate index: a short trial read together with long records.

A trial of early support ends after a year; what counts is attainment at eleven. Other children, who
took no part, have records of both: what the trial measured in its first year (the surrogates), and
how they did at eleven. The index is what those records predict of the late outcome from the
surrogates; the effect on the index is the effect on the late outcome, years before it can be seen.

It leans on more than the draw. **Surrogacy**: provision works on the late outcome only through the
surrogates; what bypasses them is missed altogether. **Comparability**: surrogates say the same of
the late outcome in the records as they will for children of the trial. Neither can be tested before
the late outcome is there, and both should be argued; several surrogates, of unlike kinds, bear more
than one. Children of the trial whose surrogates lie outside what the records hold are counted
(table `surrogates`): for them the index is a guess.

**How it is computed.** Least squares of the outcome on surrogates and covariates (`given`) among
children outside the trial; predictions averaged over each arm, in strata of the draw where there
are any by their size. Errors carry both samples (Athey, Chetty, Imbens & Kang 2019). Of a binary
outcome the index is a linear probability.

**Options.** `surrogates`: the columns measured in trial and records both. `form`: line (default) or
square, which adds the square of each surrogate that is a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._columns import option_columns
from fingerpost.estimators._drawn_units import DRAWN_AS_SAID, draw_weight, drawn_only
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.newton import inverse_of

Array = NDArray[np.float64]
LEAF = "surrogate_index"
FORMS = ("line", "square")
SURROGACY = Assumption(
    "surrogacy",
    "provision changes the late outcome only through the surrogates that are named",
)
COMPARABLE = Assumption(
    "comparable records",
    "children of the trial and of the long records who are alike in surrogates and covariates do "
    "alike in the late outcome",
)


@dataclass(frozen=True, eq=False, slots=True)
class Index:
    """The index of n children, with (n, p) columns of it and (n, p) influence of its coefficients,
    nought for children of the trial. explained: the share of the outcome's variance.
    """

    value: Array
    columns: Array
    influence: Array
    explained: float
    outside: NDArray[np.bool_]


def run(task: Task) -> Answer:
    """Return the effects on the index."""
    drawn_only(task, LEAF)
    index = index_of(task)
    answer = answer_from_means(
        task, LEAF, lambda term, arm: mean_of(task, index, term, arm), weighted=False
    )
    return Answer(
        LEAF, estimate=answer.estimate, tables=(*answer.tables, surrogates_table(task, index))
    )


def index_of(task: Task) -> Index:
    """Return the index, fitted among children outside the trial."""
    asked = {name for term in task.terms for name, _ in term.contrast}
    arms = [task.cohort.arms.index(name) for name in asked]
    inside = np.isin(np.asarray(task.cohort.arm, dtype=np.int64), arms)
    outcome = outcome_of(task)
    seen = task.cohort.outcomes[task.terms[0].outcome].observed
    followed = np.ones(task.cohort.n, dtype=np.bool_) if seen is None else seen
    _, x = columns_of(task)
    good: NDArray[np.bool_] = np.asarray(np.isfinite(x).all(axis=1), dtype=np.bool_)
    if not good[inside].all():
        raise Unanswerable(
            f"{LEAF}: surrogates are missing for some children of the trial. Mend: leave them out "
            "by population, or name surrogates that all have."
        )
    rows: NDArray[np.bool_] = np.logical_and.reduce([followed, np.logical_not(inside), good])
    if rows.sum() <= x.shape[1] + 1:
        raise TooFew(
            f"{LEAF}: {int(rows.sum())} children outside the trial have the outcome and the "
            f"surrogates, for {x.shape[1]} coefficients."
        )
    weight = survey_weight(task) * rows
    x = np.where(good[:, None], x, 0.0)
    bread = inverse_of(x.T @ (weight[:, None] * x))
    if bread is None:
        raise NotFitted(f"{LEAF}: surrogates tell one another. Mend: name fewer of them.")
    best = bread @ (x.T @ (weight * outcome.value))
    value = x @ best
    left = outcome.value - value
    many = int(rows.sum())
    own = np.sqrt(many / (many - x.shape[1]))  # what fitting takes from the spread of what is left
    influence = own * (weight * left)[:, None] * (x @ bread)
    middle = float(weight @ outcome.value / weight.sum())
    spread = float(weight @ (outcome.value - middle) ** 2)
    explained = 1 - float(weight @ left**2) / spread if spread > 0 else 0.0
    return Index(value, x, influence, explained, rows)


def columns_of(task: Task) -> tuple[tuple[str, ...], Array]:
    """Return (n, p) columns of the index: one, covariates, surrogates, and their squares if asked;
    NaN where one is missing.
    """
    given = {name: task.cohort.covariates[name] for name in task.analysis.given}
    chosen = option_columns(task, LEAF, "surrogates")
    names, found = ["intercept"], [np.ones(task.cohort.n)]
    for name, column in {**given, **chosen}.items():
        for label, values in _numbers(name, column):
            names.append(label)
            found.append(values)
    if task.analysis.options.get("form") == "square":
        for name, column in chosen.items():
            values = np.asarray(column.values, dtype=np.float64)
            if not column.categorical and len(np.unique(values[np.isfinite(values)])) > 2:
                names.append(f"{name}²")
                found.append(values**2)
    return tuple(names), np.stack(found, axis=1)


def _numbers(name: str, column: Column) -> list[tuple[str, Array]]:
    if not column.categorical:
        return [(name, np.asarray(column.values, dtype=np.float64))]
    return [
        (f"{name} = {level}", (column.values == code).astype(np.float64))
        for code, level in enumerate(column.levels[1:], start=1)
    ]


def mean_of(task: Task, index: Index, term: Term, arm: int) -> Mean:
    """Return the mean index of one arm, strata of the draw averaged by how many were drawn."""
    asked = [task.cohort.arms.index(name) for name, _ in term.contrast]
    drawn = np.isin(task.cohort.arm, asked)
    stratum = np.zeros(task.cohort.n, dtype=np.int64)
    if task.cohort.strata is not None:
        codes, _ = recode(np.asarray(task.cohort.strata))
        stratum = codes.astype(np.int64)
    strata = int(stratum.max()) + 1
    own = draw_weight(task) * (task.cohort.arm == arm)
    held = np.bincount(stratum, weights=own, minlength=strata)
    size = np.bincount(stratum, weights=survey_weight(task) * drawn, minlength=strata)
    whole = (held > 0) & (size > 0)
    if not whole[size > 0].all():
        raise Unanswerable(
            f"{LEAF}: a stratum of the draw holds none of an arm. Mend: leave its children out by "
            "population."
        )
    share = size / size.sum()
    total = np.bincount(stratum, weights=own * index.value, minlength=strata)
    means = np.asarray(total, dtype=np.float64) / np.maximum(held, 1e-300)
    value = float(share @ means)
    weight = own * (share / np.maximum(held, 1e-300))[stratum]
    many = np.bincount(stratum, weights=own > 0, minlength=strata)[stratum]
    inside = np.sqrt(many / np.maximum(many - 1, 1)) * weight * (index.value - means[stratum])
    among = (survey_weight(task) * drawn / size.sum()) * (means[stratum] - value)
    through = index.influence @ (weight @ index.columns)
    return Mean(value, inside + among + through)


def surrogates_table(task: Task, index: Index) -> Table:
    """Return how much of the outcome the surrogates tell, and how many children lie outside what
    the records hold.
    """
    lo, hi = index.value[index.outside].min(), index.value[index.outside].max()
    asked = sorted({name for term in task.terms for name, _ in term.contrast})
    rows: list[tuple[Cell, ...]] = []
    for name in asked:
        own = index.value[task.cohort.arm == task.cohort.arms.index(name)]
        beyond = int(np.count_nonzero((own < lo) | (own > hi)))
        rows.append((name, len(own), float(own.mean()), beyond / len(own), index.explained))
    rest = index.value[index.outside]
    rows.append(("long records", len(rest), float(rest.mean()), 0.0, index.explained))
    return Table(
        "surrogates",
        "What stands behind the surrogate index",
        ("children of", "children", "mean index", "outside the records", "variance explained"),
        ("label", "count", "number", "share", "share"),
        tuple(rows),
        tells=Tells(outcomes=("mean index",)),
        counts=tuple(int(str(row[1])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="outside the records: the share of children whose index is below the least or "
        "above the greatest of the long records. variance explained: of the outcome, in these.",
        note="A surrogate that tells much of the outcome may still miss what provision does to it: "
        "surrogacy is believed, not shown.",
    )


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    del study
    reads = Options(LEAF, options)
    reads.names("surrogates")
    reads.word("form", FORMS)
    reads.finish()


SURROGATE_INDEX = Estimator(
    title="Surrogate index",
    short="the surrogate index",
    summary="Reads a short trial with long records: the effect on what its outcomes foretell.",
    reference="Athey, Chetty, Imbens & Kang (2019), NBER Working Paper 26463; Prentice (1989), "
    "Statistics in Medicine 8:431-440",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_AS_SAID, CONSISTENCY, SURROGACY, COMPARABLE),
    run=run,
    trimmed=False,
    spread="influence of trial and records",
    guard="exempt",
    censoring=True,
    drawn=True,
    outside=True,
    strata=True,
    chances=True,
    options=(
        ("surrogates", "columns that were measured in the trial and in the long records"),
        ("form", "line (default) or square: the square of each surrogate that is a number too"),
    ),
    needs=("surrogates",),
    columns=("surrogates",),
    apart=("surrogates",),
    said=(("surrogates", "provision is believed to work through {value} alone"),),
    check=check,
)
