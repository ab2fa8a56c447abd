"""Bounds for areas that never return: what if they are not like those that do?

**What it asks.** Some areas send no returns, or not of every period, and are left out of every
answer. They may be just those where provision works otherwise. What can be said of all areas that
were drawn?

**How it is computed.** Areas without provision in a period stand for those with it, as the order
was drawn, so that the effect is a sum of means of waves by period, each over all areas of a wave.
`anything`: where a return is missing its value lies anywhere within the `range` of the scale, at
the end that makes the effect as small, and then as large, as it can be (Horowitz & Manski 2000).
`changes_within`: an area that did not return every period changed, since the period before
provision began, as those of its wave that did, give or take the option `within`.

The standard error is Neyman's, by what was drawn; the interval is for the effect and holds it with
the stated probability wherever between the bounds it lies (Imbens & Manski 2004). With fewer than
10 areas none is given, with fewer than 50 by Student's t.

**What it assumes.** That the order was drawn, that nobody changes before provision begins (or the
declared periods before it), and no spill-over. `anything` assumes nothing else: its width is about
the share of missing returns times the range, and often they include zero. `changes_within`
assumes what it says, which no record can test. Where areas merged, the returns of their own that
are missing count as missing.

**Options.** `range`: the least and the most of the scale, such as [0, 100], or {outcome: [0, 100],
…}; 0 and 1 for a yes or no. `within`: how far changes may differ, in the unit of the outcome, or
{outcome: 0.2, …}.

Reference: Horowitz & Manski (2000), Journal of the American Statistical Association 95(449), 77-84;
Imbens & Manski (2004), Econometrica 72(6), 1845-1857.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.panel import Panel
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.wave_chances import own_chance
from fingerpost.kernels.bounded import interval
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import NEVER, blocks, cell_weights, exposed, untouched
from fingerpost.sensitivity._options import Reads, is_number, mapping
from fingerpost.sensitivity._task import PanelSensitivityTask, check_options

LEAF = "unreturned_bounds"
ANYTHING, WITHIN = "anything", "changes_within"
OPTIONS = (
    ("range", "the least and the most of the scale, for all outcomes or for each"),
    ("within", "how far changes of areas without returns may differ, for all outcomes or for each"),
)
COLUMNS = (
    *("outcome", "contrast", "target", "assumes", "lower", "upper", "lo", "hi"),
    *("units", "without", "verdict"),
)
FEW, TOO_FEW = 50, 10
UNKNOWN = "we cannot tell"
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Pair = tuple[float, float]
T = TypeVar("T")


def range_of(value: object) -> Pair:
    """Return the two ends of a scale."""
    ends = value if isinstance(value, list | tuple) else ()
    found = [float(end) for end in ends if is_number(end)]
    if len(found) != 2 or len(ends) != 2 or not found[0] < found[1]:
        raise UsageError(
            f"sensitivity: {LEAF}: range must be the least and the most of the scale, such as "
            "[0, 100]."
        )
    return found[0], found[1]


def within_of(value: object) -> float:
    """Return how far changes may differ."""
    if not is_number(value) or float(value) < 0:  # type: ignore[arg-type]
        raise UsageError(
            f"sensitivity: {LEAF}: within must be a number of 0 or more, in the unit of the "
            "outcome."
        )
    return float(value)  # type: ignore[arg-type]


def settings(
    options: Mapping[str, object], outcomes: tuple[str, ...]
) -> tuple[dict[str, Pair], dict[str, float]]:
    """Return `range` and `within` by outcome; UsageError with every fault of the options."""
    check_options(LEAF, given=options, allowed=(name for name, _ in OPTIONS))
    reads = Reads()

    def by_outcome(option: str, read: Callable[[object], T]) -> dict[str, T]:
        if option not in options:
            return {}
        said = mapping(options[option])
        block = dict.fromkeys(outcomes, options[option]) if said is None else said
        reads.problems += [
            f'sensitivity: {LEAF}: {option}: "{name}" is not an outcome of this study.'
            for name in block
            if name not in outcomes
        ]
        found = {}
        for name, own in block.items():
            try:
                found[name] = read(own)
            except UsageError as fault:
                reads.problems += fault.problems
        return found

    chosen = by_outcome("range", range_of), by_outcome("within", within_of)
    reads.finish()
    return chosen


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    settings(options, tuple(spec.name for spec in study.outcomes))


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """All units that were drawn. mean: (u, t), NaN where nothing came; begins: (w,); wave: (u,)
    codes; sizes: (w,); cluster: (u,) codes of what variance is taken by; weight: (u,) what units
    count, on average one in each wave.
    """

    mean: Array
    begins: Ints
    wave: Ints
    sizes: Ints
    cluster: Ints
    clustered: bool
    anticipation: int
    weight: Array

    @property
    def seen(self) -> Flags:
        """(u, t) whether a return came."""
        found: Flags = np.isfinite(self.mean)
        return found

    @property
    def told(self) -> Flags:
        """(t,) whether any return came of a period."""
        return np.asarray(self.seen.any(axis=0))

    @property
    def whole(self) -> Flags:
        """(u,) whether every return came, of the periods of which any did."""
        found: Flags = np.asarray(self.seen[:, self.told].all(axis=1))
        return found


def drawn_of(task: PanelSensitivityTask, outcome: str) -> Drawn:
    """Return the units of a panel as they were read, with those that did not return."""
    panel: Panel = task.task.panel if task.whole is None else task.whole
    if not task.task.analysis.assignment.randomised or panel.adopted is None:
        raise Unanswerable(
            f"{LEAF}: the order was not drawn, so that areas without provision do not stand for "
            "those with it. Mend: leave it out."
        )
    own = panel.outcomes[outcome]
    told = np.flatnonzero((own.count > 0).any(axis=0))
    panel = panel.over(np.arange(told.min(initial=0), told.max(initial=-1) + 1))
    begins, wave = np.unique(np.asarray(panel.adopted, dtype=np.int64), return_inverse=True)
    named = task.task.analysis.cluster
    clustered = named is not None and named in panel.clusters
    keys = np.asarray(panel.clusters[str(named)]) if clustered else np.arange(len(panel.units))
    codes, _ = recode(keys)
    chance = own_chance(
        replace(task.task, panel=panel), np.arange(len(panel.units)), begins=begins[wave], leaf=LEAF
    )
    return Drawn(
        panel.outcomes[outcome].mean,
        begins,
        wave.astype(np.int64),
        np.bincount(wave).astype(np.int64),
        codes.astype(np.int64),
        clustered,
        task.task.anticipation,
        np.ones(len(wave)) if chance is None else 1.0 / chance,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A term as weights on means of waves by period: of the effect, and of what is taken off it
    where changes are compared, each (w, t).
    """

    effect: Array
    before: Array


def asked_of(term: Term, units: Drawn) -> Asked | None:
    """Return a term as weights; None where no unit is without provision in its periods."""
    t = units.mean.shape[1]
    clean = untouched(units.begins, t, anticipation=units.anticipation)
    usable = exposed(units.begins, t) & clean.any(axis=0) & units.told
    age = None if term.exposure_time is None else int(term.exposure_time)
    parts = blocks(term.target.kind, usable, begins=units.begins, exposure=age)
    if parts is None:
        return None
    each = cell_weights(parts, units.sizes)
    pool = clean * units.sizes[:, None]
    share = pool / np.maximum(pool.sum(axis=0), 1)
    before = np.zeros_like(each)
    for w, begin in enumerate(units.begins):
        early = np.flatnonzero(units.told[: max(int(begin) - units.anticipation, 0)])
        base = int(early.max(initial=-1))
        if begin != NEVER and base >= 0:
            before[w, base] += each[w].sum()
            before[:, base] -= share @ each[w]
    return Asked(each - share * each.sum(axis=0), before)


@dataclass(frozen=True, slots=True)
class Found:
    """Two bounds and their errors, or why there are none."""

    ends: Pair = (math.nan, math.nan)
    errors: Pair = (math.nan, math.nan)
    why: str = ""


def anything(units: Drawn, asked: Asked, ends: Pair) -> Found:
    """Return bounds with every missing value at one end of the scale, then at the other."""
    inside = units.mean[units.seen]
    outside = int(np.count_nonzero((inside < ends[0]) | (inside > ends[1])))
    if outside:
        raise Unanswerable(
            f"sensitivity: {LEAF}: range: {outside} returns lie outside {ends[0]:g} to {ends[1]:g}."
            " Give the ends of the whole scale."
        )
    weights = asked.effect[units.wave]
    low, high = ends
    values, errors = [], []
    for small, large in ((low, high), (high, low)):
        filled = np.where(units.seen, units.mean, np.where(weights > 0, small, large))
        value, error = contrast((weights * filled).sum(axis=1), units, np.ones(len(filled), bool))
        values.append(value)
        errors.append(error)
    return Found((values[0], values[1]), (errors[0], errors[1]))


def changes_within(units: Drawn, asked: Asked, within: float) -> Found:
    """Return bounds with changes of units that did not return all like others', give or take."""
    kept = units.whole
    have = np.bincount(units.wave[kept], minlength=len(units.sizes))
    used = np.any((asked.effect != 0) | (asked.before != 0), axis=1)
    if (have[used] < 1).any():
        return Found(why="not bounded: no area of some wave returned every period")
    weights = (asked.effect - asked.before)[units.wave]
    seen = np.where(units.seen, units.mean, 0.0)
    value, error = contrast((weights * seen).sum(axis=1), units, kept)
    every = np.bincount(units.wave, weights=units.weight)
    share = 1 - np.bincount(units.wave[kept], units.weight[kept], len(every)) / every
    half = within * float((np.abs(asked.effect) * share[:, None]).sum())
    return Found((value - half, value + half), (error, error))


def contrast(sums: Array, units: Drawn, kept: Flags) -> tuple[float, float]:
    """Return the sum over waves of the means of (u,) values, each counting one over its chance of
    its wave, and its standard error by Neyman.
    """
    wave, weight = units.wave[kept], units.weight[kept]
    count = np.bincount(wave, minlength=len(units.sizes))
    whole = np.bincount(wave, weights=weight, minlength=len(count))
    mean = sum_by(wave, weight * sums[kept], n_groups=len(count)) / np.where(whole > 0, whole, 1.0)
    away = weight * (sums[kept] - mean[wave]) / whole[wave]
    if units.clustered:
        own = sum_by(units.cluster[kept], away, n_groups=int(units.cluster.max()) + 1)
        many = len(np.unique(units.cluster[kept]))
        return float(mean.sum()), math.sqrt(many / max(many - 1, 1) * float(own @ own))
    factor = np.where(count > 1, count / np.maximum(count - 1, 1), 0.0)
    return float(mean.sum()), math.sqrt(float((factor[wave] * away**2).sum()))


def run(task: PanelSensitivityTask) -> Answer:
    """Return the table `unreturned_bounds`, a line a term and assumption; regions: intervals."""
    names = tuple(spec.name for spec in task.study.outcomes)
    ranges, within = settings(task.spec_options, names)
    outcome = task.task.terms[0].outcome
    units = drawn_of(task, outcome)
    missing = int(np.count_nonzero(~units.whole))
    if not missing:
        raise Unanswerable(
            f"{LEAF}: every area returned {outcome} of every period, so nothing has to be bounded. "
            "Mend: leave the analysis out."
        )
    kinds = {spec.name: spec.kind for spec in task.study.outcomes}
    ends = (0.0, 1.0) if kinds.get(outcome) == "binary" else ranges.get(outcome)
    rows: list[tuple[Cell, ...]] = []
    regions: list[Region] = []
    for term in task.task.terms:
        asked = asked_of(term, units)
        for assumes in (ANYTHING, *([WITHIN] if outcome in within else [])):
            if asked is None or term.scale != "difference":
                found = Found(why="not bounded: nothing to compare with at the same time")
            elif assumes == WITHIN:
                found = changes_within(units, asked, within[outcome])
            elif ends is None:
                found = Found(why="not bounded: say what it can be at least and at most (range)")
            else:
                found = anything(units, asked, ends)
            limits = limits_of(found, units, task.level)
            words = (outcome, term.words(), term.label(), assumes)
            ends_shown = (None, None) if limits is None else limits
            shown: tuple[Cell, ...] = (None,) * 4 if found.why else (*found.ends, *ends_shown)
            counts = (len(units.mean), missing)
            rows.append((*words, *shown, *counts, found.why or verdict(found.ends, limits)))
            if limits is not None:
                method = f"bounds for areas without returns assuming {assumes}"
                regions.append(Region(term, (limits,), task.level, method))
    return Answer(LEAF, regions=tuple(regions), tables=(table_of(rows, len(units.mean), outcome),))


def limits_of(found: Found, units: Drawn, level: float) -> Pair | None:
    """Return the interval for what lies between the bounds; None where none is justified."""
    many = int(units.cluster.max()) + 1
    if found.why or many < TOO_FEW:
        return None
    df = float(many - len(units.sizes)) if many < FEW else math.inf
    return interval(*found.ends, errors=found.errors, level=level, df=max(df, 1.0))


def verdict(ends: Pair, limits: Pair | None) -> str:
    """Return what bounds and their interval say of whether there is an effect.

    >>> verdict((-0.3, -0.1), (-0.4, 0.05))
    'we cannot tell: their interval includes zero'
    """
    if ends[0] <= 0 <= ends[1]:
        return f"{UNKNOWN}: the bounds include zero"
    if limits is None:
        return f"{UNKNOWN}: no interval is justified"
    if limits[0] <= 0 <= limits[1]:
        return f"{UNKNOWN}: their interval includes zero"
    return "above no effect" if ends[0] > 0 else "below no effect"


def table_of(rows: list[tuple[Cell, ...]], units: int, outcome: str) -> Table:
    """Return the table of all lines."""
    return Table(
        LEAF,
        "If areas that did not return are not like those that did",
        COLUMNS,
        (*("label",) * 4, *("number",) * 4, *("count",) * 2, "label"),
        tuple(rows),
        counts=(units,) * len(rows),
        tags=(("outcome", outcome),),
        context="Bounds of the effect in all areas that were drawn (lower, upper), and an interval "
        "that holds it wherever between them it lies (lo, hi); without: areas of which some return "
        "never came.",
        tells=Tells("unreturned bounds", outcomes=("lower", "upper", "lo", "hi")),
    )


UNRETURNED_BOUNDS = Sensitivity(
    title="Bounds for areas without returns",
    summary="How small and how large the effect can be, whatever areas that sent no returns are "
    "like.",
    reference="Horowitz & Manski (2000), Journal of the American Statistical Association "
    "95(449), 77-84; Imbens & Manski (2004), Econometrica 72(6), 1845-1857",
    question="What if areas that sent no returns are not like those that did?",
    run=run,
    options=OPTIONS,
    check=check,
    takes="panel",
)
