"""Many comparisons: which findings stand when a study asks of many outcomes and groups at once?

**What it asks.** A study with twenty outcomes finds one "effect" by chance alone even if provision
does nothing. Of the findings a study makes, what share is likely to be false? And the largest of
many answers is likely to be too large: what is each worth once it is seen among the others?

**How it is computed.** All primary answers of the study (outcome, contrast, target, horizon) are
taken together, once for each estimator, since estimators answer the same questions. Holm's adjusted
p-value keeps the chance of even one false finding below a level. The q-value of Benjamini and
Hochberg is the share of false findings among all that are as sure; that of Benjamini and Yekutieli
holds however the answers depend on each other. Where there are five answers or more, each is also
drawn towards the others (empirical Bayes): on the scale of the outcome's standard deviation, or of
log ratios, the true effects are taken to be normal with a spread that is estimated by maximum
likelihood, and an answer keeps the share `kept` of its distance from their centre, the less the
less sure it is. Their intervals allow for the estimated spread. The p-values are in keeping with
the answers' own intervals.

**What it assumes.** Benjamini and Hochberg's q-value holds for answers that are independent or move
together, as outcomes of the same children mostly do. Shrinking takes errors to be independent, and
true effects to be alike in kind: an outcome that provision was meant to change should not be drawn
towards a hundred that it was not. Shrunken answers are better on average, not each by itself, and
are no substitute for a primary outcome named beforehand. Neither mends bias.

**Options.** `rate`: the share of false findings at which a finding stands (0.05). `towards`: what
answers are drawn to, `nothing` (no effect, if left out) or their `mean`; where every outcome says
which way is better, the mean is of answers for the better.

Reference: Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300;
Benjamini & Yekutieli (2001), Annals of Statistics 29(4), 1165-1188; Holm (1979), Scandinavian
Journal of Statistics 6(2), 65-70; Morris (1983), Journal of the American Statistical Association
78(381), 47-55.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError, nearest
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.multiplicity import false_discovery, holm
from fingerpost.sensitivity._answers import (
    Line,
    error_of,
    natural,
    p_value,
    primary_lines,
    spread_of,
)
from fingerpost.sensitivity._many import Shrunken, shrink
from fingerpost.sensitivity._options import Reads, number
from fingerpost.sensitivity._task import SensitivityTask, check_options

OPTIONS = (
    ("rate", "the share of false findings at which a finding stands (0.05 if left out)"),
    ("towards", "what answers are drawn to: nothing (no effect, if left out) or their mean"),
)
TOWARDS = ("nothing", "mean")
FEWEST = 5  # answers from which a spread of true effects can be told
UNSURE = "cannot tell: no interval is justified"
P_VALUES = ("p", "holm", "q", "q_any_dependence")
COLUMNS = (
    *("estimator", "outcome", "contrast", "target", "horizon", "estimate"),
    *P_VALUES,
    *("verdict", "shrunken", "lo", "hi", "kept"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked."""

    rate: float
    towards: str


def settings(given: Mapping[str, object]) -> Settings:
    """Return the options, checked; UsageError with all their faults."""
    reads = Reads()

    def rate() -> float:
        words = "a share between 0 and 1"
        value = given.get("rate", 0.05)
        return number(value, "many_comparisons: rate", allowed=lambda v: 0 < v < 1, words=words)

    def towards() -> str:
        value = given.get("towards", "nothing")
        if value not in TOWARDS:
            near = nearest(value, TOWARDS) if isinstance(value, str) else ""
            raise UsageError(
                f"sensitivity: many_comparisons: towards must be nothing or mean.{near}"
            )
        return str(value)

    found = Settings(reads.take(rate, 0.05), reads.take(towards, "nothing"))
    reads.finish()
    return found


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(options)


def directions(task: SensitivityTask, lines: tuple[Line, ...]) -> np.ndarray:
    """Return 1 or −1 for each line: turned so that up is better, where every outcome says which
    way is; else 1.
    """
    better = {spec.name: spec.measure.better for spec in task.study.outcomes}
    ways = [better.get(line.term.outcome, "") for line in lines]
    told = all(way in ("higher", "lower") for way in ways)
    return np.array([-1.0 if told and way == "lower" else 1.0 for way in ways])


def units(task: SensitivityTask, lines: tuple[Line, ...]) -> np.ndarray:
    """Return what each line's value is divided by: the outcome's standard deviation, 1 for ratios;
    NaN where the outcome does not vary.
    """
    found = []
    for line in lines:
        sd = spread_of(task.cohort, line.term)
        found.append(1.0 if line.ratio else sd if sd > 0 else np.nan)
    return np.array(found)


def drawn(
    task: SensitivityTask, lines: tuple[Line, ...], errors: np.ndarray, *, towards: str
) -> tuple[Shrunken, np.ndarray] | None:
    """Return the shrunken answers and what turns them into the units of the records; None where
    they are too few, or not all on one scale.
    """
    if len(lines) < FEWEST or len({line.ratio for line in lines}) > 1:
        return None
    unit = units(task, lines)
    if not np.isfinite(unit).all():
        return None
    turn = directions(task, lines) * unit if towards == "mean" else unit
    values = np.array([line.value for line in lines]) / turn
    found = shrink(values, errors / unit, centre=None if towards == "mean" else 0.0)
    return found, turn


def family(
    task: SensitivityTask, lines: tuple[Line, ...], chosen: Settings
) -> tuple[list[tuple[Cell, ...]], tuple[Cell, ...]]:
    """Return the lines of one estimator's answers, and what is said of all of them together."""
    sure = tuple(line for line in lines if p_value(line, task.level) is not None)
    p = np.array([p_value(line, task.level) for line in sure], dtype=float)
    errors = np.array([error_of(line, task.level) for line in sure], dtype=float)
    adjusted = [holm(p), false_discovery(p), false_discovery(p, any_dependence=True)]
    shrunken = drawn(task, sure, errors, towards=chosen.towards)
    rows: list[tuple[Cell, ...]] = []
    for line in lines:
        start = (*line.words, line.term.horizon, natural(line.value, ratio=line.ratio))
        if line not in sure:
            rows.append((*start, *(None,) * len(P_VALUES), UNSURE, *(None,) * 4))
            continue
        at = sure.index(line)
        found = [float(p[at]), *(float(one[at]) for one in adjusted)]
        stands = "stands" if found[2] <= chosen.rate else "does not stand"
        verdict = f"{stands} at a false-discovery rate of {chosen.rate:g}"
        rows.append((*start, *found, verdict, *kept_of(line, at, shrunken, level=task.level)))
    stand = sum(1 for q in adjusted[1] if q <= chosen.rate)
    spread = None if shrunken is None else shrunken[0].spread
    centre = None if shrunken is None else shrunken[0].centre
    return rows, (lines[0].leaf, len(lines), stand, centre, spread)


def kept_of(
    line: Line, at: int, shrunken: tuple[Shrunken, np.ndarray] | None, *, level: float
) -> tuple[Cell, ...]:
    """Return one answer as drawn towards the others: value, limits and the share it keeps."""
    if shrunken is None:
        return (None,) * 4
    found, unit = shrunken
    reach = float(ndtri(0.5 + level / 2)) * float(found.error[at] * abs(unit[at]))
    value = float(found.value[at] * unit[at])
    shown = [natural(one, ratio=line.ratio) for one in (value, value - reach, value + reach)]
    return (*shown, float(found.kept[at]))


def run(task: SensitivityTask) -> Answer:
    """Return the tables `many_comparisons` (a line for each answer) and `many_together` (a line
    for each estimator).
    """
    check_options(
        "many_comparisons", given=task.spec_options, allowed=(name for name, _ in OPTIONS)
    )
    chosen = settings(task.spec_options)
    lines = primary_lines(task)
    if not any(p_value(line, task.level) is not None for line in lines):
        raise Unanswerable(
            "many_comparisons: no primary answer has an interval, so nothing can be said of how "
            "many are false. See the refusals."
        )
    rows: list[tuple[Cell, ...]] = []
    together: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    smallest: list[int] = []
    for leaf in dict.fromkeys(line.leaf for line in lines):
        own = tuple(line for line in lines if line.leaf == leaf)
        found, said = family(task, own, chosen)
        rows += found
        together.append(said)
        counts += [line.children for line in own]
        smallest.append(min(line.children for line in own))
    return Answer(
        leaf="many_comparisons",
        tables=(
            each_answer(task, rows, counts, towards=chosen.towards),
            all_answers(together, smallest),
        ),
    )


def each_answer(
    task: SensitivityTask, rows: list[tuple[Cell, ...]], counts: list[int], *, towards: str
) -> Table:
    """Return the table of every answer among the others."""
    centre = "no effect" if towards == "nothing" else "their mean"
    return Table(
        name="many_comparisons",
        title="Each answer among all that the study asked for",
        columns=COLUMNS,
        kinds=(*("label",) * 4, *("number",) * 6, "label", *("number",) * 4),
        rows=tuple(rows),
        tells=Tells(
            keys=("horizon",),
            answers=("estimate", "shrunken", "lo", "hi"),
            units=(("kept", "share of 1"),),
        ),
        counts=tuple(counts),
        context=(
            "p: of no effect, by itself; holm: adjusted so that even one false finding is "
            "unlikely; q: the share of false findings among all that are as sure. shrunken: the "
            f"answer drawn towards {centre}, with its {task.level:.0%} interval, keeping the "
            "share `kept` of its distance."
        ),
        note=f"Nothing is drawn towards anything where there are fewer than {FEWEST} answers.",
    )


def all_answers(rows: list[tuple[Cell, ...]], counts: list[int]) -> Table:
    """Return the table of all answers of each estimator together."""
    return Table(
        name="many_together",
        title="All answers together",
        columns=("estimator", "answers", "stand", "centre", "spread"),
        kinds=("label", "number", "number", "number", "number"),
        rows=tuple(rows),
        tells=Tells(role="standing together", units=(("answers", "answers"), ("stand", "answers"))),
        counts=tuple(counts),
        context=(
            "How many answers each estimator gave and how many stand. centre, spread: of the true "
            "effects, in standard deviations of the outcomes (of log ratios, where answers are "
            "ratios)."
        ),
    )


MANY_COMPARISONS = Sensitivity(
    title="Many comparisons",
    summary="False-discovery rates and shrunken answers over everything that a study asks.",
    reference="Benjamini & Hochberg (1995), JRSS B 57(1), 289-300; Morris (1983), JASA 78(381)",
    question="Which findings stand when so many questions are asked at once?",
    run=run,
    over_copies="pooled",
    options=OPTIONS,
    scope="study",
    panels_too=True,
    check=check,
)
