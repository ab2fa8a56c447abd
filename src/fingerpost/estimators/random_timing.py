"""The efficient estimator where the order was drawn (Roth & Sant'Anna).

If who begins when was drawn, waves differ before provision only by chance. So the difference that
happens to be there before need not be taken off whole, as differences in differences do, nor left
alone: the multiple of it that gives the least variance is taken off (adjustment). With the multiple
1 the answer is that of group_time with not-yet-treated units; with 0 it is the plain difference of
means. Nothing but the draw is leaned on: no trends, no model of outcomes.

Where what was drawn is an area and outcomes are of its schools, means of a wave are ratios, of the
areas' totals over their numbers of schools. To first order the mean of a wave moves by the sum over
its areas of (total − schools × mean of the wave) / (schools of the wave). These stand for the units
in every covariance, with areas as the sample, C of them in a wave and factor C/(C − 1): for areas
of one school each it is the original to the last digit. Waves of one area have no variance and are
left out. Where units' chances of a wave differed (by the ledger, or by the shares of the strata
declared for an order drawn elsewhere), each counts one over its own in every mean and covariance.
That units of a stratum are alike is not used for the error: it is then, if anything, too wide.

The standard error is Neyman's (conservative), or that less what differences before provision show
of differing effects (adjusted; on the real past of areas it is a little too small). Where a wave
has fewer than twenty clusters, the multiple is chosen as if all waves varied alike: one fitted to a
handful of clusters makes their own differences vanish. A randomisation test of no effect at all
replays the draws of the ledger, or shuffles the waves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import PANEL_TARGETS, Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._drawn_waves import (
    Clusters,
    clusters_of,
    counted_in,
    ledger_draws,
    p_value,
    shuffled,
)
from fingerpost.estimators._options import Options
from fingerpost.estimators._panel import (
    KINDS,
    NO_ANTICIPATION,
    ONE_UNIT,
    RANDOM_ORDER,
    SUMMARIES,
    TOO_FEW_CLUSTERS,
    drawn_only,
    estimate_of,
    exposures,
    left_out,
    target_of,
    uncompared,
    units_of,
    without_comparison,
)
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import (
    ALONE,
    FEW_CLUSTERS,
    FEW_OF_WAVE,
    PAIR,
    too_few_of_wave,
)
from fingerpost.kernels.small_waves import effective, left_to_others, welch_freedom
from fingerpost.kernels.staggered import (
    NEVER,
    Flags,
    cell_weights,
    exposed,
    untouched,
)
from fingerpost.kernels.wave_means import deviations, over_draws

Array = NDArray[np.float64]
LEAF = "random_timing"
ERRORS = ("conservative", "adjusted")
SHUFFLES, MANY = 500, 2000  # shuffles unless the study says; drawn units that need none
LEAST_TOLD = 10  # drawn units a number that has to be told to make Neyman's variance smaller


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """One term as weights on waves' means by period: of the effect, and of what is taken off it
    with multiple 1 (the difference before provision).
    """

    term: Term
    effect: Array
    before: Array


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """value, adjustment, (c,) influence by cluster."""

    value: float
    adjustment: float
    influence: Array


def run(task: PanelTask) -> Answer:
    """Return the answer for every term, with the multiple taken off and a randomisation test."""
    drawn_only(task, LEAF)
    errors, fixed, _ = _read(task.analysis.options)
    units, waves, clusters = _sample(task)
    usable = _usable(waves, units)
    asked: list[Asked] = []
    refused: list[Refusal] = []
    for term in task.terms:
        parts = target_of(term, usable, waves.begins)
        if parts is None:
            refused.append(without_comparison(LEAF, term, exposures(usable, waves.begins)))
        else:
            asked.append(_weights(term, parts, waves, units))
    if not asked:
        return Answer(LEAF, refusals=tuple(refused))
    mean = waves.means(units.known, units.weight)
    own = clusters.weight
    totals, sizes = clusters.totals(units.known) * own[:, None], clusters.sizes * own
    away = deviations(totals, sizes, wave=clusters.wave)
    alike = _pooled(away, clusters)
    solved = [_solve(one, mean, away, alike, clusters, fixed) for one in asked]
    told = [_errors(one, found, units, clusters) for one, found in zip(asked, solved, strict=True)]
    if len(units.keys) >= TOO_FEW_CLUSTERS:
        refused += [
            too_few_of_wave(LEAF, one.term, units, error.worth)
            for one, error in zip(asked, told, strict=True)
            if error.worth < ALONE
        ]
        kept = [at for at, error in enumerate(told) if error.worth >= ALONE]
        asked, solved = [asked[at] for at in kept], [solved[at] for at in kept]
        told = [told[at] for at in kept]
    if not asked:
        return Answer(LEAF, refusals=tuple(refused))
    less = _adjustment(asked, away, clusters, waves) if errors == "adjusted" else None
    estimate = estimate_of(
        task,
        units,
        tuple(one.term for one in asked),
        np.array([one.value for one in solved]),
        np.stack([one.sums for one in told], axis=1),
        note=("Neyman, adjusted" if less is not None else "Neyman, conservative",),
        welch=np.array([one.df for one in told]),
    )
    if less is not None and estimate.spread is not None:
        estimate = replace(estimate, extra=-less)
    tables: tuple[Table, ...] = ()
    if not task.bare:
        tests = _tests(task, units, waves, clusters, asked)
        tables = (_table(task, units, asked, solved, tests),)
    terms = [one.term for one in asked]
    alone = uncompared(units, exposures(usable, waves.begins), terms)
    warnings = (*left_out(units, terms), *alone)
    return Answer(LEAF, estimate, refusals=tuple(refused), tables=tables, warnings=warnings)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> tuple[str, float | None, int | None]:
    """Return which standard error, the multiple where the study fixes it, and how many shuffles
    where it says.
    """
    reads = Options(LEAF, options)
    errors = reads.word("error", ERRORS)
    fixed = reads.number("adjustment")
    shuffles = reads.whole("shuffles", SHUFFLES, least=0, most=100_000)
    reads.finish()
    return errors, fixed, shuffles if reads.has("shuffles") else None


def _sample(task: PanelTask) -> tuple[Units, Waves, Clusters]:
    """Return complete units of waves that hold two clusters or more."""
    units = units_of(task, LEAF, weighed=True).complete()
    if not len(units.rows):
        raise TooFew("random_timing: no unit was seen in every period.")
    waves = Waves.of(units)
    clusters = clusters_of(units, waves, LEAF)
    count = np.bincount(clusters.wave, minlength=len(waves.begins))
    units = units.take((count > 1)[waves.member], f"the only {units.level} of its wave")
    waves = Waves.of(units) if len(units.rows) else waves
    if len(units.rows) == 0 or len(waves.begins) < 2:
        raise TooFew("random_timing: two waves of two or more drawn units are needed.")
    return units, waves, clusters_of(units, waves, LEAF)


def _usable(waves: Waves, units: Units) -> Flags:
    """Return (w, t) cells with provision in periods in which some wave is without it."""
    t = len(units.periods)
    free = untouched(waves.begins, t, anticipation=units.anticipation).any(axis=0)
    found: Flags = exposed(waves.begins, t) & free & units.told
    return found


def _weights(term: Term, parts: Array, waves: Waves, units: Units) -> Asked:
    """Return what every wave's mean counts: each cell against all units still without provision."""
    t = parts.shape[2]
    each = cell_weights(parts, waves.sizes)
    pool = untouched(waves.begins, t, anticipation=units.anticipation) * waves.sizes[:, None]
    share = pool / np.maximum(pool.sum(axis=0), 1)
    effect = each - share * each.sum(axis=0)
    before = np.zeros_like(effect)
    for w, begin in enumerate(waves.begins):
        if begin != NEVER:
            base = units.base(begin)
            before[w, base] += each[w].sum()
            before[:, base] -= share @ each[w]
    return Asked(term, effect, before)


@dataclass(frozen=True, eq=False, slots=True)
class Error:
    """sums: (c,) influence by cluster, corrected for what it pulls its wave. df: Welch's. worth:
    clusters that the smallest wave of the comparison is worth.
    """

    sums: Array
    df: float
    worth: float


def _pooled(away: Array, clusters: Clusters) -> Array:
    """Return (c, t) deviations on which the multiple is chosen: each wave's own, or, where a wave
    is of few clusters, all waves' together, since a multiple fitted to a handful of clusters makes
    their own differences vanish from the error.
    """
    count = np.bincount(clusters.wave)
    if count.min() >= FEW_OF_WAVE:
        return away
    # Undo what Neyman's formula scales by wave: deviations alike in all of them.
    return away * np.sqrt(np.maximum(count * (count - 1.0), 1.0))[clusters.wave][:, None]


def _solve(
    asked: Asked, mean: Array, away: Array, alike: Array, clusters: Clusters, fixed: float | None
) -> Solved:
    """Return the estimate with the multiple of least variance; mean: (w, t); away: (c, t); alike:
    (c, t) the deviations on which the multiple is chosen.
    """
    effect = (away * asked.effect[clusters.wave]).sum(axis=1)
    before = (away * asked.before[clusters.wave]).sum(axis=1)
    best = _multiple(effect, before) if alike is away else _shared_multiple(asked, alike, clusters)
    adjustment = best if fixed is None else fixed
    value = float(np.sum(mean * (asked.effect - adjustment * asked.before)))
    return Solved(value, adjustment, effect - adjustment * before)


def _multiple(effect: Array, before: Array) -> float:
    spread = float(before @ before)
    return float(before @ effect) / spread if spread > 0 else 0.0


def _shared_multiple(asked: Asked, alike: Array, clusters: Clusters) -> float:
    """Return the multiple of least variance if all waves vary alike; alike: (c, t)."""
    count = np.bincount(clusters.wave).astype(float)
    inner = alike.T @ alike
    each = np.einsum("wt,ts,ws->w", asked.before, inner, asked.effect) / count
    own = np.einsum("wt,ts,ws->w", asked.before, inner, asked.before) / count
    return float(each.sum() / own.sum()) if own.sum() > 0 else 0.0


def _errors(asked: Asked, found: Solved, units: Units, clusters: Clusters) -> Error:
    """Return the influence of clusters, that of a wave of few (or, of few in all) divided by the
    share that a cluster leaves to the others.
    """
    wave, sizes = clusters.wave, clusters.sizes * clusters.weight
    groups = int(wave.max()) + 1
    pull, worth = sizes, effective(sizes, wave, groups=groups)
    part = np.any((asked.effect != 0) | (asked.before != 0), axis=1)
    few = (worth < FEW_OF_WAVE - 1e-6) | (len(sizes) < FEW_CLUSTERS)
    count = np.bincount(wave)[wave]
    # Neyman's own factor, the root of n/(n − 1), is in the influence already.
    left = left_to_others(pull, wave, groups=groups)
    left = np.where(worth[wave] < PAIR, np.sqrt(left), left)
    left = left * np.sqrt(count / np.maximum(count - 1.0, 1.0))
    sums = np.where(few[wave], found.influence / left, found.influence)
    least, df = float(worth[part].min()), welch_freedom(sums, pull, code=wave, groups=groups)
    if least < PAIR:
        size = np.abs(asked.effect).sum(axis=1) / np.bincount(wave, weights=pull)
        alike = welch_freedom(pull * size[wave], pull, code=wave, groups=groups)
        df = min(df, alike)
    return Error(sums, df, least)


def _adjustment(asked: list[Asked], away: Array, clusters: Clusters, waves: Waves) -> Array | None:
    """Return (q, q) how much Neyman's covariance is too large at least, or None where the draws
    are too few to tell. What units were before provision is the same in whichever wave they are, so
    that the part of effects that goes with it is known to differ (Roth & Sant'Anna 2023).
    """
    used = np.flatnonzero(np.any([np.any(one.effect != 0, axis=1) for one in asked], axis=0))
    begun = waves.begins[used]
    first = int(begun[begun != NEVER].min())
    counts = np.bincount(clusters.wave, minlength=len(waves.begins))
    sample = [w for w in range(len(counts)) if waves.begins[w] == NEVER or waves.begins[w] >= first]
    if first < 1 or counts[sample].min() < LEAST_TOLD * first:
        return None
    total = np.zeros((len(asked), first))
    spread = np.zeros((first, first))
    for w in sample:
        own = away[clusters.wave == w] * np.sqrt(counts[w])
        inner = own[:, :first].T @ own
        early = inner[:, :first]
        spread += early / len(sample)
        effects = np.stack([one.effect[w] for one in asked], axis=1)
        total += (np.linalg.pinv(early, hermitian=True) @ (inner @ effects)).T
    less: Array = total @ spread @ total.T / len(clusters.sizes)
    return less


def _tests(
    task: PanelTask, units: Units, waves: Waves, clusters: Clusters, asked: list[Asked]
) -> list[tuple[float | None, int]]:
    """Return (p, draws) of the randomisation test of no effect at all, for each term. Where units
    by the thousand were drawn and no ledger replays the draws, none is made unless it is asked for.
    """
    # With all that was drawn: what one draw leaves out, another might have had in a wave that
    # counts, and a test of the units that are left would not be exact.
    every = units_of(task, LEAF, weighed=True, early=True).complete()
    possible = ledger_draws(task, every, waves, LEAF)
    if possible is not None:
        made, codes, weight = possible.made, possible.codes, possible.weight
        units = every
        clusters = clusters_of(every, Waves.of(every), LEAF)
    else:
        asked_for = _read(task.analysis.options)[2]
        few = len(clusters.sizes) <= MANY
        shuffles = asked_for if asked_for is not None else SHUFFLES * few
        if not shuffles:
            return [(None, 0)] * len(asked)
        made, codes = clusters.wave, shuffled(task, clusters, shuffles)
        weight = counted_in(task, units, begins=waves.begins, leaf=LEAF)
    codes = np.concatenate([made[None], codes])
    level = units.known - units.known.mean(axis=0)
    totals = clusters.totals(level)
    extra = weight.shape[1] - len(waves.begins)
    wide = [
        np.pad(each, ((0, extra), (0, 0))) for one in asked for each in (one.effect, one.before)
    ]
    forms = np.stack([totals @ each.T for each in wide], axis=2) * weight[:, :, None]
    counted = clusters.sizes[:, None] * weight
    pairs = [
        (2 * at + i, 2 * at + j) for at in range(len(asked)) for i, j in ((0, 0), (0, 1), (1, 1))
    ]
    value, covariance = over_draws(forms, counted, codes=codes, pairs=pairs)
    found: list[tuple[float | None, int]] = []
    for at in range(len(asked)):
        own, both, spread = covariance[:, 3 * at : 3 * at + 3].T
        best = np.divide(both, spread, out=np.zeros(len(both)), where=spread > 0)
        away = value[:, 2 * at] - best * value[:, 2 * at + 1]
        t = away / np.sqrt(np.maximum(own - best * both, 1e-300))
        found.append((p_value(t[1:], float(t[0])), len(t) - 1))
    return found


def _table(
    task: PanelTask,
    units: Units,
    asked: list[Asked],
    solved: list[Solved],
    tests: list[tuple[float | None, int]],
) -> Table:
    """Return the multiple taken off, Neyman's error, and the randomisation test."""
    rows = []
    for one, found, (p, draws) in zip(asked, solved, tests, strict=True):
        neyman = float(np.sqrt(found.influence @ found.influence))
        label = one.term.label()
        rows.append((LEAF, one.term.words(), label, found.adjustment, neyman, p, draws))
    return Table(
        "random_timing",
        "What was taken off for differences before provision, and a randomisation test",
        ("estimator", "contrast", "target", "multiple", "conservative_se", "p", "draws"),
        ("label", "label", "label", "number", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("conservative_se",)),
        counts=(len(units.begins),) * len(rows),
        clusters=(len(units.keys),) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="The multiple of the difference before provision that was taken off: 1 is a "
        "difference in differences, 0 a difference of means. p: of no effect in any unit, "
        + ("over draws of the ledger." if task.drawn else "over waves that are shuffled."),
    )


RANDOM_TIMING = Estimator(
    title="Efficient estimator under random timing",
    short="the random-timing estimator",
    summary="Takes off the multiple of differences before provision that is most precise.",
    reference="Roth & Sant'Anna (2023), Journal of Political Economy Microeconomics 1:669-709",
    targets=PANEL_TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(RANDOM_ORDER, NO_ANTICIPATION, ONE_UNIT),
    run=run,
    takes="panel",
    drawn=True,
    adjusts=False,
    trimmed=False,
    spread="Neyman's, by what was drawn; t with Welch's df over waves",
    guard="exempt",
    options=(
        ("error", "conservative or adjusted: Neyman's, whole, or less what is known to differ"),
        ("adjustment", "a number: the multiple to take off, instead of the most precise"),
        ("shuffles", "how often waves are shuffled where no ledger replays the draws: 500"),
    ),
    check=check,
)
