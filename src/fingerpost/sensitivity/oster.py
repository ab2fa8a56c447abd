"""Coefficient stability: what if causes not recorded are chosen by as much as those that were?

**What it asks.** When the covariates enter a regression its answer moves. If the causes that nobody
recorded go with provision as strongly as the recorded ones do (delta = 1), and together with them
would explain a share `r_max` of the outcome, what is left of the answer? And how many times as
strongly would they have to go with provision to leave nothing of it (`delta_for_null`)? A delta for
nothing above 1 says that the unrecorded would have to matter more than all that was recorded. A
coefficient that hardly moves is no comfort by itself: it may be that the covariates explain little
of the outcome, and the calculation takes that into account.

**How it is computed.** Two least-squares regressions of the outcome on the arm: without and with
the terms of the study's outcome model (further arms, and covariates named as unrelated, are in
both). The bias is a root of a cubic in the two coefficients, the two R², and the arm's variance
before and after the covariates; it is solved exactly, not by the proportional shortcut. Of several
roots the nearest is taken that moves the answer on the way it moved when the covariates entered.
The interval is by the influence of each child, or cluster, on those moments (delta method, factor
G/(G − 1), t with G − 1 degrees of freedom); none with fewer than ten clusters.

**What it assumes.** That the answer is a linear regression's, a linear probability model's for a
yes-or-no outcome; for counts and times it is not computed. That recorded and unrecorded causes are
uncorrelated, and that the recorded bear on provision in the proportions in which they bear on the
outcome. `r_max` cannot be known: 1.3 times R², the usual choice, is the value at which nine in ten
of a set of randomised findings survived; measurement error alone keeps it below 1.

**Options.** `delta`: how many times as strongly the unrecorded go with provision (1; a list gives a
line each). `r_max`: the share of the outcome that all causes would explain (1.3 times R², at most
1; a list gives a line each). `unrelated`: covariates that tell nothing of the unrecorded, such as
the age at testing, which stay in both regressions.

Reference: Oster (2019), Journal of Business & Economic Statistics 37(2), 187-204.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._options import Reads, numbers
from fingerpost.sensitivity._oster import (
    Fit,
    Moved,
    adjusted,
    biases,
    delta_for,
    fit,
    standard_error,
    usual_r_max,
)
from fingerpost.sensitivity._regression import outcome_terms
from fingerpost.sensitivity._task import (
    SensitivityTask,
    as_names,
    asked_before,
    check_names,
    check_options,
    smallest_arm,
)

OPTIONS = (
    ("delta", "how many times as strongly the unrecorded go with provision (1 if left out)"),
    ("r_max", "the share of the outcome that all causes would explain (1.3 times R²)"),
    ("unrelated", "covariates that tell nothing of the unrecorded; they stay in both regressions"),
)
LINEAR_KINDS = ("continuous", "binary")
FEWEST_CLUSTERS = 10  # with fewer, no clustered error is justified (method decisions, 2)
GRID = 11  # points a side of the grid
WIDEST_DELTA = 2.0
NUMBERS = (
    *("short", "r2_short", "controlled", "r2", "r_max", "delta"),
    *("adjusted", "se", "lo", "hi", "delta_for_null", "solutions"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked. r_max: empty for 1.3 times R²."""

    deltas: tuple[float, ...]
    r_max: tuple[float, ...]
    unrelated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One outcome and one pair of arms (first against second)."""

    outcome: str
    first: str
    second: str
    smallest: int

    @property
    def words(self) -> tuple[str, str, str]:
        """Estimator, outcome and contrast, as the table shows them."""
        return ("regression", self.outcome, f"{self.first} v {self.second}")


def settings(given: Mapping[str, object], covariates: Iterable[str] | None) -> Settings:
    """Return the options, checked; UsageError with all their faults. covariates: those that may be
    named, None where only the records tell.
    """
    reads = Reads()

    def names() -> tuple[str, ...]:
        asked = as_names(given.get("unrelated", ()), "oster: unrelated")
        if covariates is not None:
            check_names(asked, covariates, where="oster: unrelated")
        return asked

    def deltas() -> tuple[float, ...]:
        value = given.get("delta", 1.0)
        return numbers(value, "oster: delta", allowed=lambda v: True, words="numbers")

    def r_max() -> tuple[float, ...]:
        words = "shares above 0, at most 1"
        return numbers(given["r_max"], "oster: r_max", allowed=lambda v: 0 < v <= 1, words=words)

    found = Settings(
        reads.take(deltas, (1.0,)),
        reads.take(r_max, ()) if "r_max" in given else (),
        reads.take(names, ()),
    )
    reads.finish()
    return found


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(options, asked_before(study, options).given)


def questions(task: SensitivityTask) -> tuple[Question, ...]:
    """Return every outcome and pair of arms that the study asks about."""
    return tuple(
        Question(outcome, first, second, smallest_arm(task.cohort, contrast))
        for outcome in task.outcomes
        for contrast in task.study.estimand.contrasts
        if sorted(weight for _, weight in contrast) == [-1.0, 1.0]
        for first, second in [tuple(arm for arm, _ in sorted(contrast, key=lambda part: -part[1]))]
    )


def shares(found: Fit, chosen: Settings) -> tuple[float | None, ...]:
    """Return the r_max of each line; None for 1.3 times R². Unanswerable for one below R²."""
    low = [value for value in chosen.r_max if value < found.moved.r2]
    if low:
        raise Unanswerable(
            f"oster: r_max {low[0]:g} is below {found.moved.r2:.3f}, the share of the outcome that "
            "arm and covariates explain already. Give one between that and 1."
        )
    return chosen.r_max or (None,)


def rows_of(
    task: SensitivityTask, question: Question, found: Fit, *, chosen: Settings
) -> list[tuple[Cell, ...]]:
    """Return the lines of one question: one for each r_max and delta."""
    moved, unit = found.moved, found.unit
    start = (*question.words, moved.short * unit, moved.r2_short, moved.controlled * unit, moved.r2)
    rows: list[tuple[Cell, ...]] = []
    for share in shares(found, chosen):
        r_max = usual_r_max(moved) if share is None else share
        null = delta_for(moved, 0.0, r_max)
        for delta in chosen.deltas:
            value = adjusted(moved, delta, r_max)
            solutions = len(biases(moved, delta, r_max))
            limits = interval(found, delta, share, level=task.level)
            rows.append(
                (
                    *start,
                    *(r_max, delta, value * unit if math.isfinite(value) else None, *limits),
                    null if math.isfinite(null) else None,
                    *(solutions, ""),
                )
            )
    return rows


def interval(
    found: Fit, delta: float, r_max: float | None, *, level: float
) -> tuple[float | None, float | None, float | None]:
    """Return standard error and limits of the adjusted coefficient, in the units of the records.

    r_max: None where it follows R² (and its error counts).
    """

    def value(moved: Moved) -> float:
        return adjusted(moved, delta, usual_r_max(moved) if r_max is None else r_max)

    centre, error = value(found.moved), standard_error(found, value)
    if error is None or not math.isfinite(centre):
        return None, None, None
    tail = 0.5 + level / 2
    clusters = found.clusters
    critical = float(ndtri(tail)) if clusters is None else float(stdtrit(clusters - 1, tail))
    unit = found.unit
    reach = critical * error
    return error * unit, (centre - reach) * unit, (centre + reach) * unit


def grid(question: Question, found: Fit) -> Table:
    """Return the adjusted coefficient over delta and r_max, from no selection to twice as much."""
    moved, unit = found.moved, found.unit
    rows = []
    for r_max in np.linspace(moved.r2, 1.0, GRID):
        for delta in np.linspace(0.0, WIDEST_DELTA, GRID):
            value = adjusted(moved, float(delta), float(r_max)) * unit
            rows.append((float(r_max), float(delta), value if math.isfinite(value) else None))
    return Table(
        name="oster_grid",
        title="The answer by selection on what was not recorded",
        columns=("r_max", "delta", "adjusted"),
        kinds=("number",) * 3,
        rows=tuple(rows),
        tells=Tells(role="selection grid", keys=("r_max", "delta"), outcomes=("adjusted",)),
        counts=(question.smallest,) * len(rows),
        context=(
            "The coefficient if all causes would explain `r_max` of the outcome and the unrecorded "
            "went with provision `delta` times as strongly as the recorded."
        ),
        tags=(("outcome", question.outcome), ("contrast", question.words[2])),
    )


def summary(task: SensitivityTask, rows: list[tuple[Cell, ...]], counts: list[int]) -> Table:
    """Return the table of all questions."""
    binary = [name for name in task.outcomes if task.cohort.outcomes[name].kind == "binary"]
    how = f" {', '.join(binary)}: by a linear probability model." if binary else ""
    return Table(
        name="oster",
        title="If what was not recorded were selected like what was",
        columns=("estimator", "outcome", "contrast", *NUMBERS, "remark"),
        kinds=(*("label",) * 3, *("number",) * len(NUMBERS), "label"),
        rows=tuple(rows),
        tells=Tells(
            role="selection",
            keys=("r_max", "delta"),
            outcomes=("short", "controlled", "adjusted", "se", "lo", "hi"),
            units=(("solutions", "solutions"),),
        ),
        counts=tuple(counts),
        context=(
            "Least squares on the arm without (short) and with the covariates (controlled); "
            "adjusted: without the bias of unrecorded causes that go with provision `delta` times "
            f"as strongly as the covariates, with its {task.level:.0%} interval; delta_for_null: "
            f"the delta at which nothing is left.{how}"
        ),
        note=(
            "r_max cannot be known. solutions: how many coefficients fit; the one shown moves on "
            "the way the covariates moved it, and is the nearest that does."
        ),
    )


def run(task: SensitivityTask) -> Answer:
    """Return the tables `oster` (one) and `oster_grid` (one a question)."""
    check_options("oster", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    used = dict.fromkeys(name for term in outcome_terms(task) for name in term.names)
    chosen = settings(task.spec_options, used)
    asked = questions(task)
    if not asked or not outcome_terms(task):
        raise Unanswerable(
            "oster: needs a contrast of two arms and at least one covariate, whose selection tells "
            "of the unrecorded."
        )
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    grids: list[Table] = []
    for question in asked:
        kind = task.cohort.outcomes[question.outcome].kind
        if kind not in LINEAR_KINDS:
            why = f"not computed: it is a linear regression's, and this is a {kind} outcome"
            rows.append((*question.words, *(None,) * len(NUMBERS), why))
            counts.append(question.smallest)
            continue
        found = fit(
            task,
            question.outcome,
            first=question.first,
            second=question.second,
            unrelated=chosen.unrelated,
            fewest=FEWEST_CLUSTERS,
        )
        lines = rows_of(task, question, found, chosen=chosen)
        rows += lines
        counts += [question.smallest] * len(lines)
        grids.append(grid(question, found))
    return Answer(leaf="oster", tables=(summary(task, rows, counts), *grids))


OSTER = Sensitivity(
    title="Coefficient stability",
    short="analysis of selection (oster)",
    summary="The regression's answer if unrecorded causes were selected like the recorded ones.",
    reference="Oster (2019), Journal of Business & Economic Statistics 37(2), 187-204",
    question="What if what was not recorded goes with provision as strongly as what was?",
    run=run,
    options=OPTIONS,
    columns=("unrelated",),
    check=check,
)
