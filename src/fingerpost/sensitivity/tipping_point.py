"""Tipping point: how strong an unrecorded cause would have to be to undo an answer.

**What it asks.** Suppose that something nobody recorded, such as how worried a parent is, goes with
provision and with the outcome. How much more common would it have to be among the children with
provision, and how strong would it have to be on the outcome, to bring the answer to no effect, or
down to the smallest difference that matters? And to bring the nearer end of the interval there? The
answer is not one number but a curve of pairs: a small imbalance needs a strong cause, a large one a
weak cause. Compare the pairs with what is known, such as the strongest covariate that was recorded.
Where outcomes were not seen, it also asks how different the unseen would have to be.

**How it is computed.** On the scale of differences the cause adds its effect times the gap between
arms: an answer is tipped where effect × gap equals what must be taken away. The gap is a difference
of means in standard deviations for a normal cause, of shares for a yes-or-no one. On the scale of
ratios a normal cause multiplies the answer by effect^gap, a yes-or-no one by
(1 + p₁ (effect − 1)) / (1 + p₀ (effect − 1)), with shares p₁ and p₀ in the two arms. Every primary
answer that leans on children being alike is tipped; the contour shows the first primary estimator's
answer for every pair. An answer by an instrument, or by a rule at a cut-off, is named and not
tipped: a cause that goes with provision does not undo it, one that goes with the instrument or the
rule would. Where an arm has unseen outcomes, the answer moves by the share unseen times how far
they lie from the outcomes of seen children alike in the covariates.

**What it assumes.** One cause, unrelated to the covariates or what is left of it once they are
given; the same effect of it in both arms; gaps as they are in the group whom the answer is for. A
normal cause on the scale of ratios has spread 1 in both arms. The share unseen in an arm stands for
the share that would be unseen if all received it.

**Options.** `to`: the value to come to (no effect if left out; and the smallest difference that
matters, where the study states it and asks for differences: it is in the unit of the outcome, so
that on the scale of ratios it is not used, and `to` names a ratio). `gap`: differences of a normal
cause between arms, in standard deviations (0.1, 0.25, 0.5 and 1). `prevalence`: pairs of shares of
a yes-or-no cause, in the first and second arm ([0.2, 0.1], [0.4, 0.2] and [0.6, 0.3]). `unseen`:
how many children of each arm had no outcome, {arm: number}; counted by itself where the records
hold them, those with an imputed outcome too.

Reference: Lin, Psaty & Kronmal (1998), Biometrics 54(3), 948-963; D'Agostino McGowan (2022),
Journal of Open Source Software 7(77), 4495; for the unseen, Rubin (1977), Journal of the American
Statistical Association 72(359), 538-543.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._answers import Line, leaning, natural, spread_of, two_arms
from fingerpost.sensitivity._options import Reads, is_number, mapping, number, numbers
from fingerpost.sensitivity._standing import seen_of
from fingerpost.sensitivity._task import (
    Asked,
    SensitivityTask,
    asked_before,
    asked_of,
    check_options,
)
from fingerpost.sensitivity._tipping import (
    adjusted_difference,
    adjusted_ratio,
    effect_at_difference,
    effect_at_ratio,
    effect_at_shares,
    shift_of_unseen,
)

OPTIONS = (
    ("to", "the value to come to (no effect if left out)"),
    ("gap", "differences of a normal cause between arms, in standard deviations"),
    ("prevalence", "pairs of shares of a yes-or-no cause in the first and second arm"),
    ("unseen", "how many children of each arm had no outcome: {arm: number}"),
)
GAPS = (0.1, 0.25, 0.5, 1.0)
SHARES = ((0.2, 0.1), (0.4, 0.2), (0.6, 0.3))
GRID = 21  # points a side of the contour
WORDS = ("estimator", "outcome", "contrast", "target")
TIPPED = "can be tipped"
THERE = "is there already: the interval includes it"
NO_INTERVAL = "cannot tell: no interval is justified"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked. to: None for no effect. unseen: by arm, empty where not told."""

    to: float | None
    gaps: tuple[float, ...]
    shares: tuple[tuple[float, float], ...]
    unseen: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tip:
    """One end of one answer and where it is to come: on the natural scale of results. to: None of
    an answer that is not to be tipped.
    """

    line: Line
    what: str
    value: float | None
    to: float | None
    verdict: str

    @property
    def open(self) -> bool:
        """Whether there is something to tip."""
        return self.verdict == TIPPED


def pairs_of(value: object) -> tuple[tuple[float, float], ...]:
    """Return the option `prevalence`: one pair of shares or a list of pairs."""
    items = value if isinstance(value, list | tuple) else ()
    pairs = (items,) if len(items) == 2 and all(is_number(item) for item in items) else items
    found = [
        (float(pair[0]), float(pair[1]))
        for pair in pairs
        if isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(is_number(share) and 0 <= share <= 1 for share in pair)
    ]
    if not found or len(found) != len(pairs):
        raise UsageError(
            "sensitivity: tipping_point: prevalence must be pairs of shares between 0 and 1, in "
            "the first and the second arm, such as [[0.4, 0.2]]."
        )
    return tuple(found)


def unseen_of(value: object, arms: tuple[str, ...]) -> dict[str, int]:
    """Return the option `unseen`: arm → number of children without the outcome. arms: empty where
    they are not known yet.
    """
    said = mapping(value) or {}
    found = {
        arm: count
        for arm, count in said.items()
        if (arm in arms or not arms)
        and isinstance(count, int)
        and not isinstance(count, bool)
        and count >= 0
    }
    if not found or len(found) != len(said):
        menu = f" The arms are: {listed(arms)}." if arms else ""
        raise UsageError(
            "sensitivity: tipping_point: unseen must give whole numbers of children by arm, such "
            f"as {{{arms[0] if arms else 'support'}: 120}}.{menu}"
        )
    return found


def settings(asked: Asked) -> Settings:
    """Return the options, checked; UsageError with all their faults."""
    given, reads = asked.options, Reads()
    # A value that is no ratio is a fault only where every answer is a ratio.
    ratio = bool(asked.scales) and set(asked.scales.values()) == {"ratio"}

    def to() -> float:
        words = "a ratio above 0" if ratio else "a number"
        return number(
            given["to"], "tipping_point: to", allowed=lambda v: v > 0 or not ratio, words=words
        )

    def gaps() -> tuple[float, ...]:
        words = "numbers above 0, in standard deviations of the cause"
        value = given.get("gap", GAPS)
        return numbers(value, "tipping_point: gap", allowed=lambda v: v > 0, words=words)

    found = Settings(
        reads.take(to, None) if "to" in given else None,
        reads.take(gaps, GAPS),
        reads.take(lambda: pairs_of(given.get("prevalence", SHARES)), SHARES),
        reads.take(lambda: unseen_of(given["unseen"], asked.arms), {}) if "unseen" in given else {},
    )
    reads.finish()
    return found


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(asked_before(study, options))


def important(task: SensitivityTask, outcome: str) -> float | None:
    """Return the smallest difference of an outcome that matters, where the study states it."""
    stated = [spec.measure.important for spec in task.study.outcomes if spec.name == outcome]
    return stated[0] if stated and stated[0] else None


def aims(task: SensitivityTask, line: Line, chosen: Settings) -> tuple[float, ...]:
    """Return where an answer is to come to, on the natural scale: told, or no effect and, of a
    difference larger than it, the smallest difference that matters.
    """
    if chosen.to is not None and (chosen.to > 0 or not line.ratio):
        return (chosen.to,)
    if line.ratio:
        return (1.0,)
    least = important(task, line.term.outcome)
    if least is None or abs(line.value) <= abs(least):
        return (0.0,)
    return (0.0, math.copysign(abs(least), line.value))


def tips(task: SensitivityTask, line: Line, chosen: Settings) -> list[Tip]:
    """Return what is to be tipped of one answer: itself and the nearer end of its interval."""
    value = natural(line.value, ratio=line.ratio)
    lo, hi = natural(line.lo, ratio=line.ratio), natural(line.hi, ratio=line.ratio)
    assert value is not None
    found = []
    for to in aims(task, line, chosen):
        found.append(Tip(line, "answer", value, to, TIPPED))
        if lo is None or hi is None:
            found.append(Tip(line, "limit", None, to, NO_INTERVAL))
            continue
        near = lo if value >= to else hi
        found.append(Tip(line, "limit", near, to, THERE if lo <= to <= hi else TIPPED))
    return found


def away_of(tip: Tip) -> float | None:
    """Return what must be taken away: a difference, or a factor of a ratio; nothing (0, or a factor
    of 1) of an end that is there already.
    """
    if tip.value is None or tip.to is None:
        return None
    if tip.verdict == THERE:
        return 1.0 if tip.line.ratio else 0.0
    return tip.value / tip.to if tip.line.ratio else tip.value - tip.to


def summary(task: SensitivityTask, found: list[Tip]) -> Table:
    """Return what must be taken away from each answer: a difference, or a factor of a ratio."""
    rows: list[tuple[Cell, ...]] = []
    for tip in found:
        away, spread = away_of(tip), spread_of(task.cohort, tip.line.term)
        in_sd = None if tip.line.ratio or away is None or not spread > 0 else away / spread
        rows.append((*tip.line.words, tip.what, tip.value, tip.to, away, in_sd, tip.verdict))
    return Table(
        name="tipping",
        title="What an unrecorded cause would have to take away",
        columns=(*WORDS, "tipped", "value", "to", "away", "away_sd", "verdict"),
        kinds=(*("label",) * 5, *("number",) * 4, "label"),
        rows=tuple(rows),
        tells=Tells(role="tipping", keys=("to",), answers=("value", "away")),
        counts=tuple(tip.line.children for tip in found),
        context=(
            "Each primary answer (tipped: answer) and the nearer end of its interval (limit), and "
            "what must be taken away to bring it to the value `to`: a difference (effect × gap), "
            "in standard deviations of the outcome too, or a factor of a ratio."
            f"{unused(task, found)}"
        ),
        note="How strong a cause would have to be, not whether there is one.",
    )


def unused(task: SensitivityTask, found: list[Tip]) -> str:
    """Return that a stated smallest difference plays no part on the scale of ratios, and why."""
    names = dict.fromkeys(tip.line.term.outcome for tip in found if tip.line.ratio)
    told = [f"{name} ({least:g})" for name in names if (least := important(task, name)) is not None]
    if not told:
        return ""
    return (
        f" The smallest difference that matters of {', '.join(told)} is in the unit of the "
        "outcome, so that it is not used for ratios; `to` names a ratio to come to."
    )


def needed(task: SensitivityTask, tip: Tip, cause: str, *, at: tuple[float, float]) -> float | None:
    """Return the effect at which a cause tips. at: its gap and 0, or its shares in the two arms."""
    assert tip.value is not None and tip.to is not None
    if cause == "normal" or not tip.line.ratio:
        gap = at[0] - at[1]
        solve = effect_at_ratio if tip.line.ratio else effect_at_difference
        return solve(tip.value, to=tip.to, gap=gap)
    return effect_at_shares(tip.value, to=tip.to, first=at[0], second=at[1])


def curve(task: SensitivityTask, found: list[Tip], chosen: Settings) -> Table:
    """Return the effect needed at each gap and each pair of shares."""
    places = [("normal", (gap, 0.0)) for gap in chosen.gaps]
    places += [("yes or no", pair) for pair in chosen.shares]
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for tip in (one for one in found if one.open):
        spread = spread_of(task.cohort, tip.line.term)
        for cause, at in places:
            effect = needed(task, tip, cause, at=at)
            wide = not tip.line.ratio and spread > 0
            in_sd = effect / spread if wide and effect is not None else None
            where = (at[0], None, None) if cause == "normal" else (at[0] - at[1], *at)
            rows.append((*tip.line.words, tip.what, tip.to, cause, *where, effect, in_sd))
            counts.append(tip.line.children)
    numbers_ = ("gap", "share_first", "share_second", "effect", "effect_sd")
    return Table(
        name="tipping_curve",
        title="Pairs of imbalance and effect that undo the answer",
        columns=(*WORDS, "tipped", "to", "cause", *numbers_),
        kinds=(*("label",) * 5, "number", "label", *("number",) * 5),
        rows=tuple(rows),
        tells=Tells(
            keys=("to", "gap", "share_first", "share_second"),
            answers=("effect",),
            units=(("share_first", "share of 1"), ("share_second", "share of 1")),
        ),
        counts=tuple(counts),
        context=(
            "With the imbalance in each line (gap: difference of means in standard deviations of a "
            "normal cause, of shares of a yes-or-no one), the effect on the outcome that brings "
            "the answer to `to`: a difference, or a ratio where the answer is one."
        ),
        note="Empty where no cause with these shares can do it, however strong.",
    )


def contour(task: SensitivityTask, line: Line) -> Table:
    """Return one answer for a normal cause of every gap and effect up to beyond the tipping."""
    value = natural(line.value, ratio=line.ratio)
    assert value is not None
    adjust: Callable[..., float] = adjusted_ratio if line.ratio else adjusted_difference
    spread = spread_of(task.cohort, line.term)
    if line.ratio:
        end = math.copysign(max(2.5 * abs(line.value), math.log(2)), line.value)
        effects = np.exp(np.linspace(0.0, end, GRID))
    else:
        end = math.copysign(max(2.5 * abs(line.value), 0.5 * spread), line.value)
        effects = np.linspace(0.0, end, GRID)
    rows = tuple(
        (float(gap), float(effect), adjust(value, gap=float(gap), effect=float(effect)))
        for gap in np.linspace(0.0, 1.0, GRID)
        for effect in effects
    )
    return Table(
        name="tipping_contour",
        title="The answer by imbalance and effect of an unrecorded cause",
        columns=("gap", "effect", "adjusted"),
        kinds=("number",) * 3,
        rows=rows,
        tells=Tells(role="tipping contour", keys=("gap", "effect"), answers=("adjusted",)),
        counts=(line.children,) * len(rows),
        context=(
            f"{line.leaf}: {line.term.words()} on {line.term.outcome} if a normal cause lies "
            "`gap` standard deviations higher in the first arm and changes the outcome by "
            f"`effect` ({'a ratio' if line.ratio else 'a difference'}) a standard deviation."
        ),
        tags=(
            ("outcome", line.term.outcome),
            ("contrast", line.term.words()),
            ("target", line.term.label()),
        ),
    )


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many children of one arm have no outcome, and how many have."""

    missing: int
    seen: int

    @property
    def share(self) -> float:
        """The share of the arm's children without the outcome."""
        return self.missing / (self.missing + self.seen) if self.missing else 0.0


def unseen_by_arm(task: SensitivityTask, outcome: str, told: dict[str, int]) -> dict[str, Unseen]:
    """Return the arms with children without the outcome: as told, or as the records mark them. What
    was imputed was not seen: the answer takes it to be like the outcomes of children alike.
    """
    cohort = task.cohort
    held = seen_of(cohort, outcome)
    found = {}
    for at, arm in enumerate(cohort.arms):
        own = cohort.arm == at
        seen = int(np.count_nonzero(own & held))
        counted = task.unseen.get(outcome, {}).get(arm, int(np.count_nonzero(own)) - seen)
        missing = told.get(arm, counted)
        if missing > 0:
            found[arm] = Unseen(missing, seen)
    return found


def of_unseen(task: SensitivityTask, found: list[Tip], told: dict[str, int]) -> Table | None:
    """Return how far unseen outcomes must lie from their like to tip each difference."""
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for tip in (one for one in found if one.open and not one.line.ratio):
        assert tip.value is not None and tip.to is not None
        arms = two_arms(tip.line.term)
        unseen = unseen_by_arm(task, tip.line.term.outcome, told)
        if arms is None or not unseen:
            continue
        first, second = (unseen[arm].share if arm in unseen else 0.0 for arm in arms)
        spread = spread_of(task.cohort, tip.line.term)
        places = [(arms[0], first), (arms[1], -second), ("both alike", first - second)]
        for who, share in places:
            shift = shift_of_unseen(tip.value, to=tip.to, share=share)
            in_sd = shift / spread if shift is not None and spread > 0 else None
            rows.append((*tip.line.words, tip.what, tip.to, who, abs(share), shift, in_sd))
            counts.append(min([tip.line.children, *(one.missing for one in unseen.values())]))
    if not rows:
        return None
    return Table(
        name="tipping_unseen",
        title="How different children whose outcome was not seen would have to be",
        columns=(*WORDS, "tipped", "to", "unseen_in", "share", "shift", "shift_sd"),
        kinds=(*("label",) * 5, "number", "label", "share", "number", "number"),
        rows=tuple(rows),
        tells=Tells(keys=("to",), outcomes=("shift",)),
        counts=tuple(counts),
        context=(
            "By how much the outcomes that were not seen, in one arm or in both alike, would have "
            "to lie above (below, if negative) those of seen children alike in the covariates. "
            "share: of the arm's children; for both alike, the difference between arms."
        ),
        note="Empty where no shift can do it: nobody is unseen there, or as many in both arms.",
    )


def run(task: SensitivityTask) -> Answer:
    """Return the tables `tipping`, `tipping_curve`, `tipping_contour` (one for each question) and,
    where unseen outcomes are known of, `tipping_unseen`.
    """
    check_options("tipping_point", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = settings(asked_of(task))
    found_in = leaning(task, "tipping_point")
    found = [tip for line in found_in.lines for tip in tips(task, line, chosen)]
    found += [
        Tip(line, "answer", natural(line.value, ratio=line.ratio), None, f"not tipped: {why}")
        for line, why in found_in.others
    ]
    firsts: dict[Term, Line] = {}
    for line in found_in.lines:
        firsts.setdefault(line.term, line)
    unseen = of_unseen(task, found, chosen.unseen)
    return Answer(
        leaf="tipping_point",
        tables=(
            summary(task, found),
            curve(task, found, chosen),
            *(contour(task, line) for line in firsts.values()),
            *((unseen,) if unseen is not None else ()),
        ),
    )


TIPPING_POINT = Sensitivity(
    title="Tipping point",
    summary="The pairs of imbalance and effect of an unrecorded cause that undo each answer.",
    reference="Lin, Psaty & Kronmal (1998), Biometrics 54(3), 948-963",
    question="How strong would an unrecorded cause have to be to bring the answer to nothing?",
    run=run,
    over_copies="pooled",
    options=OPTIONS,
    check=check,
)
