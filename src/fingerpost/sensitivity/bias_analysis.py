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
about. The limits with random error add a normal draw of the answer's own standard error, stretched
as the correction stretches a change in the records. Draws that are impossible (a share below 0, a
corrected count below 0) are left out and counted.

**What it assumes.** The distributions: they are judgements, and the answer is no better than they
are. Parameters are independent. Recording is wrong alike for children who differ in covariates and,
unless sensitivity and specificity are given by outcome, in outcome; for a number as outcome it is
always alike. The unmeasured cause is unrelated to the covariates, with one effect in both arms.

**Options.** `unmeasured`: {prevalence: {arm: …, arm: …}, effect: …}, the effect a difference or,
in a study of ratios, a ratio. `misclassified_exposure`: {sensitivity: …, specificity: …}, of the
first arm of the contrast; each may be {with_outcome: …, without_outcome: …} for a yes-or-no
outcome. `selection`: {arm: {with_outcome: …, without_outcome: …}, …}, probabilities of being among
the records, for a yes-or-no outcome. `draws`: how many (5,000). Each … is a number, {uniform: [lo,
hi]}, {triangular: [lo, mode, hi]}, {beta: [a, b]} or {normal: [mean, sd]}.

Reference: Lash, Fox & Fink (2009), Applying Quantitative Bias Analysis to Epidemiologic Data,
Springer; Greenland (2005), Journal of the Royal Statistical Society A 168(2), 267-306.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.seeds import stream
from fingerpost.core.table import Cell, Table
from fingerpost.sensitivity._answers import Line, error_of, lines_by_likeness, natural, two_arms
from fingerpost.sensitivity._bias import (
    Array,
    Cells,
    Distribution,
    Parameters,
    cells_of,
    distribution,
    keys_of,
    probabilities,
    shifts,
)
from fingerpost.sensitivity._options import all_of, mapping, number
from fingerpost.sensitivity._regression import outcome_terms
from fingerpost.sensitivity._task import SensitivityTask, check_options

OPTIONS = (
    ("unmeasured", "shares of an unmeasured cause by arm, and its effect on the outcome"),
    ("misclassified_exposure", "sensitivity and specificity of the recorded arm"),
    ("selection", "probabilities of being among the records, by arm and outcome"),
    ("draws", "how many draws of the bias parameters (5,000 if left out)"),
)
BIASES = ("unmeasured", "misclassified_exposure", "selection")
BY_OUTCOME = ("without_outcome", "with_outcome")
MANY_LOST = 0.1  # share of impossible draws from which the distributions should be thought over
COLUMNS = (
    *("estimator", "outcome", "contrast", "target", "biases", "estimate"),
    *("median", "lo", "hi", "lo_with_error", "hi_with_error", "draws", "impossible", "remark"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked; empty where a bias is not supposed.

    prevalence: by arm. sensitivity, specificity: one, or two by outcome (without, with). selected:
    by arm, two by outcome.
    """

    draws: int
    prevalence: dict[str, Distribution] = field(default_factory=dict)
    effect: Distribution | None = None
    sensitivity: tuple[Distribution, ...] = ()
    specificity: tuple[Distribution, ...] = ()
    selected: dict[str, tuple[Distribution, ...]] = field(default_factory=dict)

    @property
    def by_outcome(self) -> bool:
        """Whether wrong records differ by outcome."""
        return max(len(self.sensitivity), len(self.specificity)) > 1


@dataclass(frozen=True, eq=False, slots=True)
class Draws:
    """Corrections of one answer by bias: what is added on the scale of estimates, and the stretch
    of its error; (d,), NaN where the draw is impossible. Or, instead, why there are none.
    """

    biases: str
    added: Array | None = None
    stretch: Array | None = None
    why: str = ""


def unmeasured_of(task: SensitivityTask, value: object) -> dict[str, object]:
    """Return the block `unmeasured`: shares by arm, and the effect."""
    block = keys_of(value, "unmeasured", needed=("prevalence", "effect"))
    arms = task.cohort.arms
    shares = mapping(block["prevalence"]) or {}
    if len(shares) < 2 or not set(shares) <= set(arms):
        raise UsageError(
            "sensitivity: bias_analysis: unmeasured: prevalence must give the share of the cause "
            f"in two arms or more. The arms are: {listed(arms)}."
        )
    where = "unmeasured: prevalence"
    found = all_of(
        *(_reader(share, f"{where}: {arm}") for arm, share in shares.items()),
        _reader(block["effect"], "unmeasured: effect"),
    )
    return {"prevalence": dict(zip(shares, found, strict=False)), "effect": found[-1]}


def misclassified_of(value: object) -> dict[str, object]:
    """Return the block `misclassified_exposure`: sensitivity and specificity."""
    block = keys_of(value, "misclassified_exposure", needed=("sensitivity", "specificity"))
    names = ("sensitivity", "specificity")
    found = all_of(
        *(_pair_reader(block[name], f"misclassified_exposure: {name}") for name in names)
    )
    return dict(zip(names, found, strict=True))


def selection_of(task: SensitivityTask, value: object) -> dict[str, object]:
    """Return the block `selection`: probabilities by arm and outcome."""
    arms = task.cohort.arms
    block = mapping(value) or {}
    if len(block) < 2 or not set(block) <= set(arms):
        raise UsageError(
            "sensitivity: bias_analysis: selection must give probabilities in two arms or more, "
            f"such as {{{arms[0]}: {{with_outcome: 0.8, without_outcome: 0.9}}, …}}. The arms are: "
            f"{listed(arms)}."
        )
    found = all_of(
        *(_both_reader(own, f"selection: {arm}") for arm, own in block.items()),
    )
    return {"selected": dict(zip(block, found, strict=True))}


def _reader(value: object, where: str) -> Callable[[], Distribution]:
    return lambda: distribution(value, where)


def _pair_reader(value: object, where: str) -> Callable[[], tuple[Distribution, ...]]:
    """Return the reader of one distribution, or of two by outcome."""
    by_outcome = mapping(value)
    if by_outcome is not None and set(by_outcome) & set(BY_OUTCOME):
        return _both_reader(value, where)
    return lambda: (distribution(value, where),)


def _both_reader(value: object, where: str) -> Callable[[], tuple[Distribution, ...]]:
    """Return the reader of two distributions by outcome: without, with."""

    def read() -> tuple[Distribution, ...]:
        block = keys_of(value, where, needed=BY_OUTCOME)
        found = all_of(*(_reader(block[name], f"{where}: {name}") for name in BY_OUTCOME))
        return tuple(one for one in found if isinstance(one, Distribution))

    return read


def settings(task: SensitivityTask) -> Settings:
    """Return the options, checked; UsageError with all their faults."""
    given = task.spec_options
    if not set(BIASES) & set(given):
        raise UsageError(
            f"sensitivity: bias_analysis needs one or more of {listed(BIASES)}: which bias, and "
            "how large."
        )
    draws, *blocks = all_of(
        lambda: number(
            given.get("draws", 5000),
            "bias_analysis: draws",
            allowed=lambda v: v == int(v) and 100 <= v <= 1_000_000,
            words="a whole number between 100 and 1,000,000",
        ),
        lambda: unmeasured_of(task, given["unmeasured"]) if "unmeasured" in given else {},
        lambda: (
            misclassified_of(given["misclassified_exposure"])
            if "misclassified_exposure" in given
            else {}
        ),
        lambda: selection_of(task, given["selection"]) if "selection" in given else {},
    )
    told = {name: one for block in blocks for name, one in (mapping(block) or {}).items()}
    return Settings(int(float(str(draws))), **told)  # type: ignore[arg-type]


def unmeasured(line: Line, chosen: Settings, generator: Generator) -> Draws:
    """Return the corrections for an unmeasured cause."""
    arms = two_arms(line.term)
    if arms is None or not set(arms) <= set(chosen.prevalence) or chosen.effect is None:
        return Draws("unmeasured", why="not computed: no shares are given for these arms")
    first, second = (chosen.prevalence[arm].draw(generator, chosen.draws) for arm in arms)
    effect = chosen.effect.draw(generator, chosen.draws)
    possible = probabilities(np.stack([first, second], axis=1))
    if line.ratio:
        possible &= effect > 0
        with np.errstate(all="ignore"):
            added = -np.log((1 + first * (effect - 1)) / (1 + second * (effect - 1)))
    else:
        added = -effect * (first - second)
    ones = np.ones(chosen.draws)
    return Draws("unmeasured", np.where(possible, added, np.nan), ones)


def not_in_records(task: SensitivityTask, line: Line, chosen: Settings, bias: str) -> str:
    """Return why wrong records or selection cannot be corrected for, or an empty string."""
    arms = two_arms(line.term)
    outcome = task.cohort.outcomes[line.term.outcome]
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

    levels: of the outcome in the cells. A draw with sensitivity and specificity of 1 or less in all
    is impossible.
    """
    wrong, selection = Parameters(), Parameters()
    if chosen.sensitivity:
        se, sp = (
            np.stack([one.draw(generator, chosen.draws) for one in own], axis=1)
            for own in (chosen.sensitivity, chosen.specificity)
        )
        se, sp = (np.broadcast_to(one, (chosen.draws, levels)).copy() for one in (se, sp))
        bad = (
            ~probabilities(np.stack([se, sp])[0]) | ~probabilities(sp) | (se + sp <= 1).any(axis=1)
        )
        se[bad] = np.nan
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
    found = [unmeasured(line, chosen, generator)] if chosen.effect is not None else []
    asked = [
        name
        for name, is_asked in zip(BIASES[1:], (chosen.sensitivity, chosen.selected), strict=True)
        if is_asked
    ]
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
    return found


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
    if lost == size:
        return (*start, *(None,) * 5, size, lost, "every draw is impossible: think them over")
    value = line.value + draws.added[possible]
    tails = [0.5 - task.level / 2, 0.5 + task.level / 2]
    middle, lo, hi = (float(one) for one in np.quantile(value, [0.5, *tails]))
    error = error_of(line, task.level)
    limits: list[float | None] = [None, None]
    if error is not None:
        purpose = f"bias analysis, random error {line.leaf} {draws.biases} {line.term.words()}"
        noise = stream(task.study.name, purpose, seed=task.study.seed).standard_normal(len(value))
        limits = [
            float(one)
            for one in np.quantile(value + error * draws.stretch[possible] * noise, tails)
        ]
    shown = [natural(one, ratio=line.ratio) for one in (middle, lo, hi, *limits)]
    remark = "" if lost <= MANY_LOST * size else "many draws are impossible: think them over"
    return (*start, *shown, size, lost, remark)


def run(task: SensitivityTask) -> Answer:
    """Return the table `bias_analysis`: a line for each primary answer and bias, and for all."""
    check_options("bias_analysis", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = settings(task)
    lines = lines_by_likeness(task, "bias_analysis")
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
    for line in lines:
        for draws in corrections(task, line, chosen, cells=cells):
            rows.append(row(task, line, draws))
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
    options=OPTIONS,
)
