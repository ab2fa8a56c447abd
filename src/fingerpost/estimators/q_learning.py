"""Q-learning: what first and what next, for whom, by two regressions backwards.

A SMART can say more than which of its regimes is best for all. The second regression is of the
outcome among the children who were drawn again: what they were given, and how that differs by what
was known of them by then (`tailor_second`) and by what they began with. It tells for each child
what would have been the best next step. The first is of what would then have come of the first
step, and tells the best first step by what was known at the start (`tailor_first`). From the same
two regressions comes the mean outcome under each regime that the trial holds, which is what is
compared here; where the regressions have the right form it is sharper than weighted means.

A rule that is made from the same children who are then said to gain by it looks better than it is.
The table `rules` therefore values the rule on children who were left out when it was made (ten
parts), by what was drawn for them, beside every regime.

**How it is computed.** Ordinary least squares, options coded −1 and +1. Regimes: the second option
held fixed in place of the best one, predictions averaged over all children; errors carry both
stages. Of the coefficients of the first stage the usual errors are wrong where for some children
the next steps are about as good as one another (the best of them has a kink there): their intervals
are by the bootstrap of m out of n children, with m the smaller, the more such children there are
(Chakraborty, Laber & Zhao 2013, with α = 0.1).

**Options.** `tailor_first`: covariates by which the best first step may differ (all given).
`tailor_second`: columns by which the best next step may differ, beside the first step.
`known_second`: more columns that were known by the second draw. Columns of the second stage are not
covariates: they came after the first draw. Strata of the draw have to be among those given.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._columns import option_columns
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of
from fingerpost.estimators._q_models import (
    Line,
    Parts,
    design_1,
    everyone,
    first_line,
    second_line,
)
from fingerpost.estimators._q_tables import rules_table, stages_table
from fingerpost.estimators._regimes import DRAWN_TWICE, TOLD_ALIKE, once, stages_of, strata_of
from fingerpost.estimators._standardise import Mean

Array = NDArray[np.float64]
LEAF = "q_learning"
STAGE_MODELS = Assumption(
    "models of the stages",
    "the regressions of both stages have the right form; where they have not, the weighted means "
    "of regimes are the answer",
)


def run(task: Task) -> Answer:
    """Return contrasts of regimes, the coefficients of both stages, and the value of the rule."""
    if task.cohort.weight is not None:
        raise Unanswerable(f"{LEAF}: it has no use for sampling weights. Mend: regime_means.")
    stages = stages_of(task, LEAF)
    parts = parts_of(task)
    later = second_line(parts)
    kept: dict[int, Line] = {}

    def mean(term: Term, arm: int) -> Mean:
        del term
        first, second = divmod(arm, parts.options[1])
        if second not in kept:
            kept[second] = first_line(parts, later, everyone(parts, second))
        value, influence = regime(parts, kept[second], first)
        rows = np.zeros(task.cohort.n)
        rows[stages.leads] = influence
        return Mean(value, rows)

    answer = answer_from_means(task, LEAF, mean, weighted=False)
    tables = (stages_table(task, parts, later), rules_table(task, parts))
    return Answer(LEAF, estimate=answer.estimate, tables=(*answer.tables, *tables))


def regime(parts: Parts, sooner: Line, first: int) -> tuple[float, Array]:
    """Return the mean had all begun with an option, and (m,) influence by child."""
    ahead = design_1(parts, everyone(parts, first))
    each = ahead @ sooner.best
    value = float(each.mean())
    return value, (each - value) / len(each) + sooner.influence @ ahead.mean(axis=0)


def parts_of(task: Task) -> Parts:
    """Return what the regressions are of, one row a child."""
    stages = stages_of(task, LEAF)
    own = once(task, stages)
    told = stages_of(own, LEAF)
    given = {name: own.cohort.covariates[name] for name in task.analysis.given}
    options = task.analysis.options
    by_first = option_columns(own, LEAF, "tailor_first") if "tailor_first" in options else given
    outside = [name for name in by_first if name not in given]
    if outside:
        raise UsageError(
            f"estimators: {LEAF}: tailor_first: {listed(outside)} is not among the covariates "
            f"given. There are: {listed(given) or 'none'}."
        )
    later = {
        name: option_columns(own, LEAF, name) if name in options else {}
        for name in ("known_second", "tailor_second")
    }
    known = {**given, **later["known_second"], **later["tailor_second"]}
    main_1, names_1 = numbers(given, len(told.asked))
    tailor_1, by_1 = numbers(by_first, len(told.asked))
    main_2, names_2 = numbers(known, len(told.asked), asked=told.asked)
    tailor_2, by_2 = numbers(later["tailor_second"], len(told.asked), asked=told.asked)
    firsts, seconds = names_of(stages.firsts), names_of(stages.seconds)
    return Parts(
        outcome_of(own).value,
        told.first,
        told.second,
        (len(stages.firsts), len(stages.seconds)),
        main_1,
        tailor_1,
        main_2,
        tailor_2,
        strata_of(own),
        (
            ("intercept", *names_1, *crossed(firsts, by_1)),
            ("intercept", *names_2, *firsts, *crossed(seconds, (*firsts, *by_2))),
        ),
    )


def names_of(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the columns of an option are called: each against the first."""
    return tuple(f"{one} (v {options[0]})" for one in options[1:])


def crossed(options: tuple[str, ...], by: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of options and of their products, in the order of the design."""
    return (*options, *(f"{option} × {one}" for one in by for option in options))


def numbers(
    columns: Mapping[str, Column], rows: int, *, asked: NDArray[np.bool_] | None = None
) -> tuple[Array, tuple[str, ...]]:
    """Return columns of m rows as (m, .) numbers, one for each level but the first of a category,
    with names. asked: (m,) of whom alone they need be known. Raises Unanswerable where one is
    missing.
    """
    found: list[Array] = []
    names: list[str] = []
    for name, column in columns.items():
        if column.categorical:
            for code, level in enumerate(column.levels[1:], start=1):
                found.append((column.values == code).astype(np.float64))
                names.append(f"{name} = {level}")
            continue
        values = np.asarray(column.values, dtype=np.float64)
        if asked is not None:
            values = np.where(asked, values, 0.0)
        if not np.isfinite(values).all():
            raise Unanswerable(
                f"{LEAF}: {name} is missing for some of the children who were drawn again. Mend: "
                "leave it out, or leave them out by population."
            )
        found.append(values)
        names.append(name)
    return (np.stack(found, axis=1) if found else np.zeros((rows, 0))), tuple(names)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Options(LEAF, options)
    bare = [name for name in study.assignment.strata if name not in study.given]
    if bare and study.all_but is None:
        reads.blame(
            f"it would compare across {listed(bare)}, among which shares of the options may "
            "differ. Name the strata among given, or ask regime_means."
        )
    for name in ("tailor_first", "tailor_second", "known_second"):
        reads.names(name)
    reads.finish()


Q_LEARNING = Estimator(
    title="Q-learning",
    short="Q-learning",
    summary="Two regressions backwards: what first and what next is best, and for whom.",
    reference="Murphy (2005), Journal of Machine Learning Research 6:1073-1097; Nahum-Shani et al. "
    "(2012), Psychological Methods 17:478-494; Chakraborty, Laber & Zhao (2013), Biometrics "
    "69:714-723",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_TWICE, TOLD_ALIKE, CONSISTENCY, STAGE_MODELS),
    run=run,
    trimmed=False,
    spread="influence of both stages by child",
    guard="exempt",
    drawn=True,
    staged=True,
    strata=True,
    options=(
        ("tailor_first", "covariates by which the best first step may differ (all given)"),
        ("tailor_second", "columns, known by then, by which the best next step may differ"),
        ("known_second", "more columns that were known by the second draw"),
    ),
    columns=("tailor_first", "tailor_second", "known_second"),
    apart=("tailor_second", "known_second"),
    covariates=("tailor_first",),
    check=check,
)
