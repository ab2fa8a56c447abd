"""Spilling over: what one child's provision does to the others of the school.

A school has so many hours of a special-needs coordinator, and what one child is given may be what
another goes without; or a teacher who is trained for one teaches them all. Then an arm is not the
same for every child who has it: it hangs on how many schoolmates have it too. Where children of one
school are drawn to different arms that can be measured, for chance decided the schoolmates' arms as
well as the child's own.

Each child is in a condition: whether it has the provision, and how large a share of its schoolmates
in the study has it, in bands. The chance of every condition is counted over the draws that were
possible, replayed from the ledger of the trial; without a ledger over shuffles within the strata of
the draw (which draws on two levels and minimised ones do not allow: they need their ledger). Four
effects are told apart (Hudgens & Halloran 2008), in the table `spillover`:

- *direct*: having it against not having it, with the same share of schoolmates;
- *indirect*: more schoolmates having it against fewer, for children who have it themselves, and
  for those who do not;
- *total*: having it among many against not having it among few, the two together;
- *overall*: all children of a school where many have it against all where few do.

Contrasts of arms, as the study asks for them, are answered too: what an arm does to a child while
its schoolmates are drawn as they were. Of two arms drawn within schools that is the direct effect,
averaged over shares; of a draw on two levels, arms of one kind of school give the direct effect,
arms of two kinds the indirect or the total.

Read it with care. Where every school has about the same share, as when half of the children of each
are drawn, only the direct effect is to be had, and a warning says so: for the others schools must
be drawn to different shares (`two_level`). Schoolmates are the children of the school who are in
the study and whose outcome was seen; nothing is known of others. A share that most children could
not have come into is left out, as are children who could not have come into one that is compared.

**How it is computed.** The mean of a condition weights each child by one over its chance of the
condition, over the sum of these weights (Hájek): the same as least squares on an indicator of each
condition. Errors are by school, or by a coarser level of the study; with few schools CR2 with
Satterthwaite's degrees of freedom. Effects are not fitted to a line in the share: bands are bands.

**Options.** `provided`: the arms that count as having it; the first arm of the contrast unless
given, where there are two arms. `bands`: where shares are cut, each above 0 and below 1; without
it, none of the schoolmates and some. `level`: whose children are schoolmates; the study's own level
unless given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, listed
from fingerpost.core.estimand import Contrast, Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._conditions import Conditions, conditions_of, replayable
from fingerpost.estimators._drawn_units import DRAWN_AS_SAID, drawn_only, may_be_shuffled
from fingerpost.estimators._least_squares import least_squares_spread
from fingerpost.estimators._options import Options, levels_of
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.absorb import nested

Array = NDArray[np.float64]
LEAF = "spillover"
ONE_SHARE = (
    "no two shares of schoolmates can be compared, so that only the direct effect is told: schools "
    "were not drawn to different shares, or `bands` cuts them elsewhere"
)
SCHOOLMATES = Assumption(
    "schoolmates alone",
    "what others are given reaches a child only within its school, and hangs on how large a share "
    "of the schoolmates has it, within a band, not on which of them",
)
Effect = tuple[str, str, str, Contrast]


def run(task: Task) -> Answer:
    """Return contrasts of arms, and the four effects as tables."""
    drawn_only(task, LEAF)
    provided, cuts, level = _chosen(task)
    if not may_be_shuffled(task) and not replayable(task):
        raise Unanswerable(
            f"{LEAF}: units of this design cannot be shuffled, so that nobody knows the chance of "
            "a condition. Mend: the ledger of its draw (--draw), and all its arms in the study."
        )
    task = _clustered(task, level)
    found = conditions_of(task, provided, cuts=cuts, level=level, leaf=LEAF)
    answer = _weighted(_with_weight(task, found.of_arm))
    effects = _effects(found)
    if not effects:
        raise TooFew(
            f"{LEAF}: no two conditions can be compared: most children could come into one alone. "
            "Mend: other `bands`, or an estimator that leaves schoolmates out."
        )
    tables = _tables(task, found, effects)
    warnings: tuple[tuple[Term, str], ...] = ()
    if {kind for kind, *_ in effects} == {"direct"}:
        warnings = tuple((term, ONE_SHARE) for term in task.terms)
    return replace(answer, tables=(*answer.tables, *tables), warnings=warnings)


# ------------------------------------------------------------------ options


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options, levels_of(study), study.cluster, study.arms.names)


def _chosen(task: Task) -> tuple[NDArray[np.bool_], tuple[float, ...], str]:
    """Return which arms count as having it (k,), where shares are cut, and the level."""
    own, arms = task.analysis.cluster, task.cohort.arms
    named, cuts, level = _read(task.analysis.options, tuple(task.cohort.clusters), own, arms)
    held = named or (task.terms[0].contrast[0][0],)
    return np.array([arm in held for arm in arms]), cuts, level


def _read(
    options: Mapping[str, object],
    levels: tuple[str, ...] | None,
    own: str | None,
    arms: Sequence[str],
) -> tuple[tuple[str, ...], tuple[float, ...], str]:
    """Return the arms that are named, the cuts in order and the level; levels: None where unknown.

    Raises UsageError with every fault.
    """
    given = own if own and own != "child" else None
    said = options if "level" in options or given is None else {**options, "level": given}
    reads, level = Options(LEAF, said), given
    value = options.get("provided", ())
    named = tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)
    if not set(named) <= set(arms) or (reads.has("provided") and not named):
        reads.wrong("provided", f"one or more of the arms {listed(arms)}")
    elif len(arms) > 2 and not named:
        reads.blame("provided is missing: which of the arms count as having it?")
    elif set(named) == set(arms):
        reads.blame("provided names every arm: nobody is without it.")
    cuts = reads.numbers("bands", "shares above 0 and below 1", allowed=lambda one: 0 < one < 1)
    if levels is not None and "level" in said:
        level = reads.level("level", levels)
    elif levels is not None and level is None:
        reads.blame("level is missing: whose children are schoolmates, such as school?")
    reads.finish()
    return named, tuple(sorted(set(cuts))), str(level or "")


def _clustered(task: Task, level: str) -> Task:
    """Return the task with errors by `level`, or by the study's own where that is coarser."""
    own = task.analysis.cluster
    theirs = task.cohort.cluster_codes(own)
    if own != level and nested(task.cohort.cluster_codes(level), theirs):
        return task
    return replace(task, analysis=replace(task.analysis, cluster=level), fits=Fits())


# ------------------------------------------------------------------ means


def _with_weight(task: Task, chance: Array) -> Task:
    """Return the task whose children are weighted by one over a chance (n,)."""
    return replace(
        task, cohort=replace(task.cohort, weight=survey_weight(task) / chance), fits=Fits()
    )


def _weighted(task: Task) -> Answer:
    """Return contrasts of weighted means of the cohort's arms, with errors by cluster."""
    answer = answer_from_means(task, LEAF, lambda term, arm: _mean(task, term, arm), weighted=False)
    x = (task.cohort.arm[:, None] == np.arange(len(task.cohort.arms))).astype(float)
    return least_squares_spread(task, answer, x)


def _mean(task: Task, term: Term, arm: int) -> Mean:
    """Return the weighted mean of one arm, or of one condition in its place."""
    del term
    y = outcome_of(task).value
    weight = survey_weight(task) * (task.cohort.arm == arm)
    total = float(weight.sum())
    if not total > 0:
        raise TooFew(f"{LEAF}: no child here is in {task.cohort.arms[arm]}.")
    value = float(weight @ y) / total
    return Mean(value, weight * (y - value) / total)


# ------------------------------------------------------------------ effects


def _effects(found: Conditions) -> list[Effect]:
    """Return (effect, of, against, contrast of conditions) of all that can be compared."""
    held = [(has, band) for has, band in found.held]
    base = min((band for has, band in held if not has), default=-1)
    pairs: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
    for has, band in held:
        if has and (0, band) in held:
            pairs.append(("direct", (1, band), (0, band)))
    for has, band in held:
        if band > base >= 0 and (has, base) in held:
            pairs.append(("indirect", (has, band), (has, base)))
    pairs += [("total", one, (0, base)) for one in held if one[0] and one[1] > base >= 0]
    effects: list[Effect] = [
        (kind, name, least, ((name, 1.0), (least, -1.0)))
        for kind, name, least in (
            (kind, found.name(one), found.name(other)) for kind, one, other in pairs
        )
    ]
    for band in sorted({band for _, band in held if band > base >= 0}):
        parts = [found.everyone(at) for at in (band, base)]
        if all(parts):
            least = tuple((name, -share) for name, share in parts[1])
            names = [f"all, {found.band_words(at)}" for at in (band, base)]
            effects.append(("overall", names[0], names[1], (*parts[0], *least)))
    return effects


def _tables(task: Task, found: Conditions, effects: list[Effect]) -> tuple[Table, Table]:
    """Return the table of effects, and that of conditions and their chances."""
    cohort = task.cohort.take(found.rows)
    names = tuple(found.name(one) for one in found.held)
    asked = tuple(
        replace(task.terms[0], contrast=contrast, scale="difference") for *_, contrast in effects
    )
    moved = replace(
        task,
        cohort=replace(cohort, arms=names, arm=found.code, imputed={}),
        terms=asked,
        fits=Fits(),
    )
    estimate = _weighted(_with_weight(moved, found.of_condition)).estimate
    assert estimate is not None
    errors, ends = standard_errors(estimate), intervals(estimate, task.analysis.level)
    none = (None, None)
    rows: list[tuple[Cell, ...]] = []
    for at, (kind, of, against, _) in enumerate(effects):
        lo, hi = none if ends is None else ends[at]
        se = None if errors is None else errors[at]
        rows.append((LEAF, kind, of, against, estimate.value[at], se, lo, hi))
    inside = [np.isin(found.code, [names.index(name) for name, _ in each[3]]) for each in effects]
    school = cohort.cluster_codes(task.analysis.cluster)
    effects_table = Table(
        LEAF,
        "What provision does to those who have it, and to their schoolmates",
        ("estimator", "effect", "of", "against", "estimate", "se", "lo", "hi"),
        (*("label",) * 4, *("number",) * 4),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "se", "lo", "hi")),
        counts=tuple(int(each.sum()) for each in inside),
        clusters=tuple(len(np.unique(school[each])) for each in inside),
        tags=(("outcome", task.terms[0].outcome),),
        context="Conditions are the child's own arm and the share of its schoolmates in the study "
        "who have it; each child is weighted by one over its chance of its condition, by the draws "
        "that were possible.",
    )
    return effects_table, _conditions_table(moved, found)


def _conditions_table(task: Task, found: Conditions) -> Table:
    """Return the conditions: their chance, their children and their means."""
    y, weight = outcome_of(task).value, survey_weight(task) / found.of_condition
    school = task.cohort.cluster_codes(task.analysis.cluster)
    rows: list[tuple[Cell, ...]] = []
    counts, clusters = [], []
    for at, one in enumerate(found.held):
        which = found.code == at
        mean = float(weight[which] @ y[which] / weight[which].sum())
        own, others = found.name(one).split(", ", 1)
        rows.append((LEAF, own, others, float(found.chance[at]), int(which.sum()), mean))
        counts.append(int(which.sum()))
        clusters.append(len(np.unique(school[which])))
    return Table(
        "conditions",
        "Children by their own arm and their schoolmates'",
        ("estimator", "own", "schoolmates", "chance", "children", "mean"),
        ("label", "label", "label", "number", "count", "number"),
        tuple(rows),
        tells=Tells(outcomes=("mean",)),
        counts=tuple(counts),
        clusters=tuple(clusters),
        tags=(("outcome", task.terms[0].outcome),),
        context="Chance: of a child coming into the condition, on average over the children, by "
        f"{found.draws:,} draws."
        + (
            f" {found.left:,} children could not come into all of these, and are left out."
            if found.left
            else ""
        ),
    )


SPILLOVER = Estimator(
    title="Spilling over",
    short="the comparison by schoolmates' arms",
    summary="Tells what provision does to those who have it from what it does to schoolmates.",
    reference="Hudgens & Halloran (2008), Journal of the American Statistical Association "
    "103:832-842; Aronow & Samii (2017), Annals of Applied Statistics 11:1912-1947",
    targets=("ate",),
    scales=("difference",),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_AS_SAID, SCHOOLMATES),
    run=run,
    trimmed=False,
    spread="influence by school; CR2 with Satterthwaite df below 50 clusters",
    guard="exempt",
    adjusts=False,
    drawn=True,
    strata=True,
    chances=True,
    options=(
        ("provided", "the arms that count as having it; the contrast's first, of two"),
        ("bands", "where shares of schoolmates are cut; none and some unless given"),
        ("level", "whose children are schoolmates; the study's own level unless given"),
    ),
    check=check,
)
