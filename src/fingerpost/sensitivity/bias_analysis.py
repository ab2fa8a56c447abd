"""Probabilistic bias analysis: what the answer would be without biases that can be put in numbers.

**What it asks.** Three things go wrong with records. Something that matters was not recorded. Who
received provision was recorded wrongly. Who is among the records depends on both provision and
outcome. Suppose we can say how wrong, and how sure we are of it: a sensitivity between 0.8 and
0.95, say. What would the answer then be, and how sure could we be of that?

**How it is computed.** Each bias parameter is drawn many times from the distribution that the study
gives it, and the answer corrected for each draw. An unmeasured yes-or-no cause takes away its
effect times the difference of its shares, or the ratio (1 + p₁ (effect − 1)) / (1 + p₀ (effect −
1)). Wrong records of the arm and selection are corrected in the sums of products of arm, covariates
and outcome, to which both are linear: the primary answer moves by as much as least squares on arm
and covariates does when corrected (for ratios: the ratio of the arms' means, without covariates).
Arms are put right first, then selection, then the unmeasured cause, the reverse of how records come
about. The limits with random error are of all draws together, each with a normal error: the
answer's own, stretched as the correction stretches a change in the records. They are never within
the limits without, and hold at least as much as they say.

Draws that no records could come from are left out and counted: a share or a count below 0, an arm's
mean or a difference beyond what the outcome can be, a cause so strong that those with it or without
it would be beyond that (a risk above 1, a rate below 0), sensitivity and specificity of hardly more
than 1 together, or covariates that would all but determine the corrected arm. Where more than 1 in
20 are, the report says so; where more than half are, there is no answer: the distributions do not
fit the records.

Arms and selection are not corrected for times to an event and for counts over time at risk, nor
arms where there are more than two. Answers by an instrument, or by a rule at a cut-off, are not
corrected: a cause that goes with provision, or a wrong record of it, biases them in other ways. The
table and the report name every answer that is not corrected, and why.

**What it assumes.** The distributions: they are judgements, and the answer is no better than they
are. Parameters are independent. Recording is wrong alike for children who differ in covariates and,
unless sensitivity and specificity are given by outcome, in outcome; for a number as outcome it is
always alike. The unmeasured cause is unrelated to the covariates, with one effect in both arms.

**Options.** `unmeasured`: {prevalence: {arm: …, arm: …}, effect: …}, the effect a difference or, in
a study of ratios, a ratio. `misclassified_exposure`: {sensitivity: …, specificity: …}, of the first
arm of the contrast; each may be {with_outcome: …, without_outcome: …} for a yes-or-no outcome.
Where the arms are defined by such a record, {rates: …} takes error rates known of England's:
slcn_need_type (typed as speech, language and communication needs: 42% still are four years later,
so sensitivity 0.42 to 1, specificity 0.95 to 1), linkage_1990_2005 (a condition known from linked
hospital records: 0.92 to 0.99, 0.9985 to 1) or linkage_with_opt_out (0.93 to 0.991, 0.9985 to 1).
`selection`: {arm: {with_outcome: …, without_outcome: …}, …}, probabilities of being among the
records, for a yes-or-no outcome. `draws`: how many (5,000). Each … is a number, {uniform: [lo,
hi]}, {triangular: [lo, mode, hi]}, {beta: [a, b]} or {normal: [mean, sd]}. Each … and each block
may be written for every outcome by itself, {outcome: …, outcome: …}; an outcome that is not named
is not corrected. In a study of several outcomes a difference as effect must be.

Reference: Lash, Fox & Fink (2009), Applying Quantitative Bias Analysis to Epidemiologic Data,
Springer; Greenland (2005), Journal of the Royal Statistical Society A 168(2), 267-306. Error rates:
Campbell (2023); Libuy and others (2021); Harron and others (2016); ECHILD user guide (2026).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._answers import Line, error_of, leaning, natural, two_arms
from fingerpost.sensitivity._bias import (
    LEAST_TOLD,
    Array,
    Cells,
    Mean,
    Parameters,
    cells_of,
    limits_with_error,
    probabilities,
    shifts,
)
from fingerpost.sensitivity._bias_options import BIASES, Settings, read
from fingerpost.sensitivity._regression import outcome_terms
from fingerpost.sensitivity._task import (
    SensitivityTask,
    asked_before,
    asked_of,
    check_options,
)

OPTIONS = (
    ("unmeasured", "shares of an unmeasured cause by arm, and its effect on the outcome"),
    ("misclassified_exposure", "sensitivity and specificity of the recorded arm"),
    ("selection", "probabilities of being among the records, by arm and outcome"),
    ("draws", "how many draws of the bias parameters (5,000 if left out)"),
)
MANY_LOST = 0.05  # share of impossible draws from which the distributions should be thought over
MOST_LOST = 0.5  # beyond which the rest say nothing of what was supposed
COLUMNS = (
    *("estimator", "outcome", "contrast", "target", "biases", "estimate"),
    *("median", "lo", "hi", "lo_with_error", "hi_with_error", "draws", "impossible", "remark"),
)


@dataclass(frozen=True, eq=False, slots=True)
class Draws:
    """Corrections of one answer by bias: what is added on the scale of estimates, and the stretch
    of its error; (d,), NaN where the draw is impossible. Or, instead, why there are none.
    """

    biases: str
    added: Array | None = None
    stretch: Array | None = None
    why: str = ""


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    read(asked_before(study, options))


def unmeasured(task: SensitivityTask, line: Line, chosen: Settings, generator: Generator) -> Draws:
    """Return the corrections for an unmeasured cause."""
    arms = two_arms(line.term)
    if chosen.effect is None:
        return Draws("unmeasured", why="not computed: none is supposed of this outcome")
    if arms is None or not set(arms) <= set(chosen.prevalence):
        return Draws("unmeasured", why="not computed: no shares are given for these arms")
    shares = [chosen.prevalence[arm].draw(generator, chosen.draws) for arm in arms]
    effect = chosen.effect.draw(generator, chosen.draws)
    possible = probabilities(np.stack(shares, axis=1))
    for arm, share in zip(arms, shares, strict=True):
        mean = mean_of(task, line, arm)
        if mean is not None:
            possible &= mean.allows(share, effect, ratio=line.ratio)
    first, second = shares
    if line.ratio:
        possible &= effect > 0
        with np.errstate(all="ignore"):
            added = -np.log((1 + first * (effect - 1)) / (1 + second * (effect - 1)))
    else:
        added = -effect * (first - second)
    return Draws("unmeasured", np.where(possible, added, np.nan), np.ones(chosen.draws))


def mean_of(task: SensitivityTask, line: Line, arm: str) -> Mean | None:
    """Return an arm's mean among the children studied (a rate where there is person-time), its
    standard error and what the outcome can be; None for times to an event, whose means are not
    those of the records.
    """
    cohort, outcome = task.cohort, task.cohort.outcomes[line.term.outcome]
    if outcome.kind == "time":
        return None
    own = (cohort.arm == cohort.arms.index(arm)) & np.isfinite(outcome.value)
    if outcome.observed is not None:
        own &= outcome.observed
    weight = np.ones(cohort.n) if cohort.weight is None else np.asarray(cohort.weight, dtype=float)
    weight = weight[own]
    time = np.ones(len(weight)) if outcome.exposure is None else outcome.exposure[own]
    if not (weight * time).sum() > 0:
        return None
    value = outcome.value[own]
    mean = float((weight * value).sum() / (weight * time).sum())
    away = weight * (value - mean * time)
    error = float(np.sqrt((away**2).sum()) / (weight * time).sum())
    return Mean(mean, error, *ends_of(task, line))


def ends_of(task: SensitivityTask, line: Line) -> tuple[float, float]:
    """Return the least and the most that a mean of the outcome can be: of a risk 0 and 1, of a
    count or rate 0 and the most recorded, else the least and the most recorded.
    """
    outcome = task.cohort.outcomes[line.term.outcome]
    if outcome.kind == "binary" or line.term.summary in ("risk", "survival"):
        return 0.0, 1.0
    if outcome.kind == "time":
        return 0.0, float("inf") if line.term.horizon is None else line.term.horizon
    with np.errstate(all="ignore"):
        value = outcome.value if outcome.exposure is None else outcome.value / outcome.exposure
    value = value[np.isfinite(value)]
    low = 0.0 if outcome.kind == "count" else float(value.min())
    return low, float(value.max())


def in_range(task: SensitivityTask, line: Line, draws: Draws) -> Draws:
    """Return corrections without those that bring a difference beyond what the outcome allows."""
    if draws.added is None or line.ratio:
        return draws
    low, high = ends_of(task, line)
    with np.errstate(all="ignore"):
        inside = np.abs(line.value + draws.added) <= max(high - low, abs(line.value))
    return replace(draws, added=np.where(inside, draws.added, np.nan))


def not_in_records(task: SensitivityTask, line: Line, chosen: Settings, bias: str) -> str:
    """Return why wrong records or selection cannot be corrected for, or an empty string."""
    arms = two_arms(line.term)
    outcome = task.cohort.outcomes[line.term.outcome]
    if not chosen.supposes(bias):
        return "not computed: none is supposed of this outcome"
    if arms is None:
        return "not computed: not a difference between two arms"
    if outcome.kind == "time" or outcome.exposure is not None:
        return f"not computed for a {line.term.summary} of follow-up"
    if bias == "misclassified_exposure" and len(task.cohort.arms) != 2:
        return "not computed: arms recorded wrongly are put right between two arms only"
    if bias == "selection" and not set(arms) <= set(chosen.selected):
        return "not computed: no probabilities are given for these arms"
    by_outcome = bias == "selection" or chosen.by_outcome
    if by_outcome and outcome.kind != "binary":
        return "not computed: by outcome, for a yes-or-no outcome only"
    return ""


def parameters(
    line: Line, chosen: Settings, generator: Generator, *, levels: int
) -> tuple[Parameters, Parameters]:
    """Return draws of wrong records, and of selection; NaN where they are no probabilities.

    levels: of the outcome in the cells. A draw at which records would hardly tell the arm is
    impossible.
    """
    wrong, selection = Parameters(), Parameters()
    if chosen.sensitivity:
        se, sp = (
            np.stack([one.draw(generator, chosen.draws) for one in own], axis=1)
            for own in (chosen.sensitivity, chosen.specificity)
        )
        se, sp = (np.broadcast_to(one, (chosen.draws, levels)).copy() for one in (se, sp))
        untold = (se + sp - 1 < LEAST_TOLD).any(axis=1)
        se[~probabilities(se) | ~probabilities(sp) | untold] = np.nan
        wrong = Parameters(se, sp)
    arms = two_arms(line.term)
    if chosen.selected and arms is not None and set(arms) <= set(chosen.selected):
        own = [
            np.stack([one.draw(generator, chosen.draws) for one in chosen.selected[arm]], axis=1)
            for arm in reversed(arms)
        ]
        selected = np.stack(own, axis=1)
        selected[~probabilities(selected) | (selected == 0).any(axis=(1, 2))] = np.nan
        selection = Parameters(selected=selected)
    return wrong, selection


def corrections(
    task: SensitivityTask, line: Line, chosen: Settings, *, cells: Callable[[Line], Cells]
) -> list[Draws]:
    """Return the corrections for each bias that is supposed, and for all of them together."""
    outcome = line.term.outcome
    purpose = f"bias analysis {outcome} {line.term.words()} {line.term.label()}"
    generator = stream(task.study.name, purpose, seed=task.study.seed)
    found = []
    if "unmeasured" in chosen.biases:
        found.append(unmeasured(task, line, chosen, generator))
    asked = [name for name in BIASES[1:] if name in chosen.biases]
    whys = {name: not_in_records(task, line, chosen, name) for name in asked}
    found += [Draws(name, why=why) for name, why in whys.items() if why]
    usable = [name for name, why in whys.items() if not why]
    records: Draws | None = None
    if usable:
        own = cells(line)
        told = parameters(line, chosen, generator, levels=own.product.shape[1])
        by_name = dict(zip(BIASES[1:], told, strict=True))
        for name in usable:
            found.append(Draws(name, *_shifted(own, by_name[name], line, chosen)))
        records = found[-1]
        if len(usable) == 2:
            both = Parameters(told[0].sensitivity, told[0].specificity, told[1].selected)
            records = Draws("both", *_shifted(own, both, line, chosen))
    made = [one for one in found if one.added is not None]
    if len(made) > 1:
        found.append(together(made, records))
    return [in_range(task, line, one) for one in found]


def _shifted(cells: Cells, told: Parameters, line: Line, chosen: Settings) -> tuple[Array, Array]:
    """Return what is added, and the stretch."""
    return shifts(cells, told, ratio=line.ratio, draws=chosen.draws)


def together(made: list[Draws], records: Draws | None) -> Draws:
    """Return the corrections for all biases: of the records, then of the unmeasured cause."""
    added = np.zeros(len(made[0].added)) if made[0].added is not None else np.zeros(0)
    stretch = np.ones(len(added))
    for one in (*(one for one in made if one.biases == "unmeasured"), records):
        if one is not None and one.added is not None and one.stretch is not None:
            added, stretch = added + one.added, stretch * one.stretch
    return Draws("all", added, stretch)


def row(task: SensitivityTask, line: Line, draws: Draws) -> tuple[Cell, ...]:
    """Return one line of the table: one answer corrected for one bias, or for all."""
    estimate = natural(line.value, ratio=line.ratio)
    start = (*line.words, draws.biases, estimate)
    if draws.added is None or draws.stretch is None:
        return (*start, *(None,) * 7, draws.why)
    possible = np.isfinite(draws.added) & np.isfinite(draws.stretch)
    size, lost = len(possible), int(np.count_nonzero(~possible))
    if lost > MOST_LOST * size:
        many = "every draw is" if lost == size else "more than half of the draws are"
        return (*start, *(None,) * 5, size, lost, f"{many} impossible: think them over")
    value = line.value + draws.added[possible]
    tails = (0.5 - task.level / 2, 0.5 + task.level / 2)
    middle, lo, hi = (float(one) for one in np.quantile(value, [0.5, *tails]))
    error = error_of(line, task.level)
    limits: list[float | None] = [None, None]
    if error is not None:
        spread = error * draws.stretch[possible]
        limits = [float(one) for one in limits_with_error(value, spread, tails=tails)]
    shown = [natural(one, ratio=line.ratio) for one in (middle, lo, hi, *limits)]
    remark = "" if lost <= MANY_LOST * size else "many draws are impossible: think them over"
    return (*start, *shown, size, lost, remark)


def run(task: SensitivityTask) -> Answer:
    """Return the table `bias_analysis`: a line for each primary answer and bias, and for all."""
    check_options("bias_analysis", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = read(asked_of(task))
    found = leaning(task, "bias_analysis")
    kept: dict[tuple[str, tuple[str, str] | None], Cells] = {}

    def cells(line: Line) -> Cells:
        arms = two_arms(line.term)
        key = (line.term.outcome, arms)
        assert arms is not None
        if key not in kept:
            kept[key] = cells_of(
                task.cohort, key[0], outcome_terms(task), first=arms[0], second=arms[1]
            )
        return kept[key]

    rows, counts = [], []
    for line in found.lines:
        for draws in corrections(task, line, chosen[line.term.outcome], cells=cells):
            rows.append(row(task, line, draws))
            counts.append(line.children)
    for line, why in found.others:
        rows.append(row(task, line, Draws("none", why=f"not corrected: {why}")))
        counts.append(line.children)
    return Answer(leaf="bias_analysis", tables=(table(task, rows, counts),))


def table(task: SensitivityTask, rows: list[tuple[Cell, ...]], counts: list[int]) -> Table:
    """Return the table of all answers and biases."""
    return Table(
        name="bias_analysis",
        title="The answers without biases of the size supposed",
        columns=COLUMNS,
        kinds=(*("label",) * 5, *("number",) * 8, "label"),
        rows=tuple(rows),
        tells=Tells(
            role="corrected for bias",
            answers=("estimate", "median", "lo", "hi", "lo_with_error", "hi_with_error"),
        ),
        counts=tuple(counts),
        context=(
            "Each primary answer, corrected for many draws of the bias parameters: the median, "
            f"and limits that hold {task.level:.0%} of the draws, without and with random error. "
            "impossible: draws left out because no records could come about so."
        ),
        note=(
            "The limits are of what was supposed, not of what is true: another judgement of the "
            "biases gives others."
        ),
    )


BIAS_ANALYSIS = Sensitivity(
    title="Probabilistic bias analysis",
    summary="The answers corrected for an unmeasured cause, wrong records of arms and selection.",
    reference="Lash, Fox & Fink (2009), Applying Quantitative Bias Analysis, Springer",
    question="What would the answer be without biases of the size that we suppose?",
    run=run,
    over_copies="pooled",
    options=OPTIONS,
    check=check,
)
