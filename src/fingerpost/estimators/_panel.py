"""What leaves over panels share: units as they see them, clusters, answers, refusals, tables.

Units count alike, however many children they hold: the effect is the mean over areas (or schools),
not over children. A cell is the mean outcome of a unit in a period. Units in which provision had
begun by the first period tell nothing of its effect and are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import TooFew, Unanswerable, UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.leaves import Assumption
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.seeds import stream
from fingerpost.core.table import Table
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import (
    NEVER,
    Flags,
    Whole,
    blocks,
    cell_weights,
    exposed,
    since,
    untouched,
)
from fingerpost.kernels.wild import every_weight, wild_score_bootstrap

Array = NDArray[np.float64]
KINDS = ("continuous", "binary", "count")
SUMMARIES = ("mean", "risk", "rate")
FEW_CLUSTERS = 50
TOO_FEW_CLUSTERS = 10
DRAWS = 1999
LEAST_LEFT = 0.5  # of a wave left to other clusters: a lone cluster is not made endless

PARALLEL = Assumption(
    "parallel trends",
    "without provision, units where it began at different times would have changed alike",
    diagnostic="pre_trends",
)
NO_ANTICIPATION = Assumption(
    "no anticipation",
    "before provision begins (or the declared periods before it) units behave as if it never would",
)
ONE_UNIT = Assumption(
    "no spill-over",
    "provision in one unit does not change outcomes in another, and means the same wherever it "
    "begins",
)
RANDOM_ORDER = Assumption(
    "random order",
    "who began when was drawn, so that units of different waves are alike but for chance",
)


# ------------------------------------------------------------------ units


@dataclass(frozen=True, eq=False, slots=True)
class Units:
    """u units by t periods, of one outcome.

    mean: (u, t), NaN where nothing was seen. children: (u, t). child: variance of children within
    a cell, 0 where the records do not tell it. begins: (u,) period index, NEVER where provision
    does not begin. cluster: (u,) codes into `keys`, level: what they are. rows: (u,) places in the
    panel. left_out: why units were left out, and how many.
    """

    periods: tuple[str, ...]
    mean: Array
    children: Array
    child: float
    begins: Whole
    anticipation: int
    cluster: NDArray[np.int64]
    keys: NDArray[Any]
    level: str
    clustered: bool
    rows: Whole
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def treated(self) -> Flags:
        """(u, t) whether provision has begun."""
        return exposed(self.begins, len(self.periods))

    @property
    def clean(self) -> Flags:
        """(u, t) whether provision is still far off, or never comes."""
        return untouched(self.begins, len(self.periods), anticipation=self.anticipation)

    @property
    def seen(self) -> Flags:
        """(u, t) whether the outcome was seen."""
        found: Flags = np.isfinite(self.mean)
        return found

    def seen_in(self, every: bool) -> Flags:
        """Return (u,) whether the outcome was seen in every period, or in any."""
        found: Flags = np.asarray(self.seen.all(axis=1) if every else self.seen.any(axis=1))
        return found

    @property
    def waves(self) -> Whole:
        """Periods in which provision begins somewhere, in order."""
        found: Whole = np.unique(self.begins[self.begins != NEVER])
        return found

    def take(self, keep: Flags, why: str) -> Units:
        """Return the chosen units; the others are counted under a reason."""
        gone = int(np.count_nonzero(~keep))
        if not gone:
            return self
        codes, kept = recode(self.cluster[keep])
        return replace(
            self,
            mean=self.mean[keep],
            children=self.children[keep],
            begins=self.begins[keep],
            cluster=codes.astype(np.int64),
            keys=self.keys[kept],
            rows=self.rows[keep],
            left_out=(*self.left_out, (why, gone)),
        )

    def complete(self) -> Units:
        """Return the units that were seen in every period."""
        return self.take(self.seen_in(every=True), "outcome missing in some period")


def units_of(task: PanelTask, leaf: str) -> Units:
    """Return the units of a task's outcome; raises Unanswerable where none can be compared."""
    panel = task.panel
    outcome = panel.outcomes[task.terms[0].outcome]
    count, mean = np.asarray(outcome.count, dtype=np.float64), outcome.mean
    codes, keys, level, clustered = _clusters(task, leaf)
    found = Units(
        panel.periods,
        mean,
        count,
        _within_cells(count, mean, np.asarray(outcome.squares, np.float64)),
        _begins(task, leaf),
        task.anticipation,
        codes,
        keys,
        level,
        clustered,
        np.arange(len(panel.units)),
    )
    found = found.take(found.seen_in(every=False), "outcome never seen")
    found = found.take(
        (found.begins == NEVER) | (found.begins - task.anticipation > 0),
        "provision had begun by the first period",
    )
    if not len(found.waves):
        raise TooFew(
            f"{leaf}: provision begins in no unit after the first period, so there is no before "
            "and after. Mend: more periods, or another estimator."
        )
    return found


def _within_cells(count: Array, mean: Array, squares: Array) -> float:
    """Return the variance of children within cells, pooled; 0 where it cannot be told."""
    more = count > 1
    spare = float(np.sum(count[more] - 1))
    if spare <= 0 or not np.isfinite(squares[more]).all():
        return 0.0
    return max(float(np.sum(squares[more] - count[more] * mean[more] ** 2)) / spare, 0.0)


def _begins(task: PanelTask, leaf: str) -> Whole:
    """Return (u,) the period in which provision begins."""
    panel = task.panel
    if panel.adopted is not None:
        adopted = np.asarray(panel.adopted, dtype=np.int64)
        return np.where(adopted < 0, NEVER, adopted)
    first = panel.arms.index(task.terms[0].contrast[0][0])
    has = np.asarray(panel.arm) == first
    begun = np.maximum.accumulate(has, axis=1)
    if not np.array_equal(begun, has):
        raise Unanswerable(
            f"{leaf}: provision ends again in some unit; this estimator takes provision that stays "
            "once it has begun. Mend: count provision from when it first began (adopted)."
        )
    return np.where(has.any(axis=1), has.argmax(axis=1), NEVER).astype(np.int64)


def _clusters(task: PanelTask, leaf: str) -> tuple[NDArray[np.int64], NDArray[Any], str, bool]:
    """Return codes, keys, the level's name and whether it lies above the unit; never finer than
    what was drawn.
    """
    panel, named = task.panel, task.analysis.cluster
    drawn = task.analysis.assignment.cluster if task.analysis.assignment.randomised else None
    if drawn is not None and drawn in panel.clusters and named not in panel.clusters:
        named = drawn
    if named is None or named not in panel.clusters:
        keys = np.asarray(panel.units)
        return np.arange(len(keys)), keys, named or "unit", False
    codes, places = recode(np.asarray(panel.clusters[named]))
    called = panel.cluster_names.get(named)
    keys = places if called is None else np.asarray(called)[places]
    if drawn is not None and drawn in panel.clusters and named != drawn:
        own = np.asarray(panel.clusters[drawn])
        pairs = len(np.unique(np.stack([own, codes]), axis=1).T)
        if pairs > len(np.unique(own)):
            raise UsageError(
                f"{leaf}: what was drawn is {drawn}; clusters of {named} are finer, or cut across "
                f"it. Mend: cluster: {drawn}."
            )
    return codes.astype(np.int64), keys, named, True


# ------------------------------------------------------------------ targets


@dataclass(frozen=True, eq=False, slots=True)
class Waves:
    """The waves of some units as (w, t) cells: begins (w,), sizes (w,) units, member (u,) codes."""

    begins: Whole
    sizes: Whole
    member: Whole

    @classmethod
    def of(cls, units: Units) -> Waves:
        """Return the waves, the units without provision among them, in order of period."""
        begins, member = np.unique(units.begins, return_inverse=True)
        return cls(begins, np.bincount(member), member)

    def means(self, values: Array) -> Array:
        """Return (w, t) means of the units of each wave."""
        found: Array = sum_by(self.member, values, n_groups=len(self.begins))
        return found / self.sizes[:, None]


def target_of(term: Term, usable: Flags, begins: Whole) -> Array | None:
    """Return the blocks of a term's target, or None where no cell answers it."""
    kind, asked = term.target.kind, term.exposure_time
    if kind == "at_exposure" and (asked is None or asked != int(asked)):
        raise UsageError("at_exposure takes a whole number of periods since provision began.")
    return blocks(kind, usable, begins=begins, exposure=None if asked is None else int(asked))


def unit_weights(term: Term, usable: Flags, waves: Waves) -> Array | None:
    """Return (u, t) weights of unit cells in a term's target; usable: (u, t)."""
    counts = sum_by(waves.member, usable.astype(float), n_groups=len(waves.begins))
    parts = target_of(term, counts > 0, waves.begins)
    if parts is None:
        return None
    each = cell_weights(parts, counts) / np.maximum(counts, 1.0)
    found: Array = np.where(usable, each[waves.member], 0.0)
    return found


def exposures(usable: Flags, begins: Whole) -> list[int]:
    """Return the periods since provision began for which a cell is usable, in order."""
    found = np.unique(since(begins, usable.shape[1])[usable])
    return [int(at) for at in found]


def without_comparison(leaf: str, term: Term, have: Sequence[int]) -> Refusal:
    """Return the refusal of a target for which no unit is without provision at the same time."""
    there = f"there is one at: {listed([str(at) for at in have])}" if have else "there is none"
    words = (
        f"{term.label()}: no unit is without provision in the periods concerned, so nothing says "
        f"what would have happened there ({there}). Mend: keep a late group without provision to "
        "the end, or ask of another exposure."
    )
    rule = Broken("no comparison", "concurrent comparison", float("nan"), float("nan"), words)
    return Refusal((term,), (rule,), "keep a group without provision to the end", leaf=leaf)


# ------------------------------------------------------------------ answers


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What a leaf found of one term: its value, and (u,) influence by unit."""

    value: float
    influence: Array


def answer(
    leaf: str,
    task: PanelTask,
    units: Units,
    found: Mapping[Term, Found],
    *,
    refusals: Iterable[Refusal] = (),
    tables: Sequence[Table] = (),
    note: str = "",
    corrected: bool = False,
) -> Answer:
    """Return the answer of a leaf whose terms have influence by unit; corrected: whether that is
    corrected for leverage already.
    """
    told = tuple(left_out(units, found))
    estimate = None
    if found:
        influence = np.stack([one.influence for one in found.values()], axis=1)
        value = np.array([one.value for one in found.values()])
        sums, correction, named = cluster_sums(units, influence, corrected=corrected)
        estimate = estimate_of(
            task, units, tuple(found), value, sums, correction=correction, note=(note, named)
        )
    return Answer(leaf, estimate, refusals=tuple(refusals), tables=tuple(tables), warnings=told)


def cluster_sums(
    units: Units, influence: Array, *, corrected: bool = False
) -> tuple[Array, float, str]:
    """Return (g, q) influence summed by cluster, its small-sample factor and what that is called.

    influence: (u, q). Below 50 clusters a cluster pulls its own wave's mean towards itself: its sum
    is divided by the share of the wave that it leaves to others, as leaving clusters out one at a
    time does (decision 0005). Otherwise G/(G − 1), or none where units stand for themselves.
    """
    g = len(units.keys)
    sums = sum_by(units.cluster, influence, n_groups=g)
    wave = _wave_of_clusters(units) if g < FEW_CLUSTERS and not corrected else None
    if wave is not None:
        count = np.bincount(wave)[wave]
        left = np.maximum(1 - 1 / count, LEAST_LEFT)
        return sums / left[:, None], 1.0, "leverage-corrected"
    factor = g / max(g - 1, 1) if units.clustered else 1.0
    return sums, factor, "G/(G − 1)" * units.clustered


def _wave_of_clusters(units: Units) -> Whole | None:
    """Return (g,) codes of the waves of clusters, None where a cluster holds several."""
    wave = np.full(len(units.keys), NEVER, dtype=np.int64)
    wave[units.cluster] = units.begins
    if not np.array_equal(wave[units.cluster], units.begins):
        return None
    return recode(wave)[0].astype(np.int64)


def estimate_of(
    task: PanelTask,
    units: Units,
    terms: tuple[Term, ...],
    value: Array,
    sums: Array,
    *,
    correction: float = 1.0,
    note: tuple[str, ...] = (),
    df: Array | None = None,
) -> Estimate:
    """Return the estimate: t with `df`, or Welch's degrees of freedom over waves; below 50 clusters
    at least the score wild bootstrap's critical value; below 10 no interval.

    value: (q,). sums: (g, q) influence by cluster. df: (q,) where the leaf has its own, which then
    need no bootstrap.
    """
    g = len(units.keys)
    named = ", ".join(part for part in note if part)
    freedom, kind = (
        (welch(units, sums), "Welch, over waves") if df is None else (df, "Satterthwaite")
    )
    by = f"influence summed by {units.level}{', ' * bool(named)}{named}"
    words, critical = f"t ({kind}), {by}", None
    if g < TOO_FEW_CLUSTERS:
        words = f"none: {g} clusters are fewer than {TOO_FEW_CLUSTERS}"
    elif g < FEW_CLUSTERS and df is None:
        level = task.analysis.level
        random = generator(task)
        # Drawn once for all the answers of a rehearsal, which differ in the draw of waves alone.
        weights = task.fits.once(("wild", g), lambda: every_weight(DRAWS, g, stream=random))
        drawn = wild_score_bootstrap(sums, level=level, draws=DRAWS, stream=random, weights=weights)
        critical = np.maximum(drawn, stdtrit(freedom, 0.5 + level / 2))
        words = f"score wild bootstrap, at least t ({kind}); {by}"
    spread = Influence(sums, units.keys, units.level, correction=correction, note=named)
    few = g < TOO_FEW_CLUSTERS
    return replace(
        shell(units, terms, value),
        spread=None if few else spread,
        df=freedom,
        critical=critical,
        interval=(words,) * len(terms),
    )


def shell(units: Units, terms: tuple[Term, ...], value: Array) -> Estimate:
    """Return an estimate with its counts and no spread: n and arm_n are units, by whether provision
    begins in them.
    """
    q = len(terms)
    ever = int(np.count_nonzero(units.begins != NEVER))
    arms = tuple(name for name, _ in terms[0].contrast)
    counts = [ever, len(units.begins) - ever][: len(arms)]
    return Estimate(
        terms,
        value,
        None,
        n=np.full(q, len(units.begins)),
        arm_n=np.tile(counts, (q, 1)),
        arms=arms,
        clusters=np.full(q, len(units.keys)),
    )


def generator(task: PanelTask, purpose: str = "score wild bootstrap") -> np.random.Generator:
    """Return the study's random numbers for one purpose."""
    return stream(task.analysis.stream, purpose, seed=task.analysis.seed)


def welch(units: Units, sums: Array) -> Array:
    """Return (q,) Welch's degrees of freedom: waves are samples of their own; of clusters less one
    where clusters hold units of several waves.
    """
    g, codes = len(sums), _wave_of_clusters(units)
    if codes is None:
        return np.full(sums.shape[1], max(g - 1.0, 1.0))
    variance = sum_by(codes, sums**2, n_groups=int(codes.max()) + 1)
    spare = np.maximum(np.bincount(codes) - 1.0, 0.5)[:, None]
    whole = variance.sum(axis=0)
    part = np.maximum((variance**2 / spare).sum(axis=0), 1e-300)
    return np.where(whole > 0, np.clip(whole**2 / part, 1.0, max(g - 1.0, 1.0)), np.inf)


def left_out(units: Units, terms: Iterable[Term]) -> Iterable[tuple[Term, str]]:
    """Yield a warning of each term for units that were left out."""
    for why, count in units.left_out:
        for term in terms:
            yield term, f"{count} of the panel's units are left out: {why}."


def drawn_only(task: PanelTask, leaf: str) -> None:
    """Raise Unanswerable where nothing was drawn."""
    if not isinstance(task.analysis.assignment, Randomised):
        raise Unanswerable(
            f"{leaf}: nothing was drawn in this study, and this estimator leans on the draw alone. "
            "Mend: group_time or imputation, which take trends to be parallel."
        )


def terms_found(
    terms: Iterable[Term], find: Callable[[Term], Found | Refusal]
) -> tuple[dict[Term, Found], list[Refusal]]:
    """Return what was found of each term, and the refusals of the rest."""
    found: dict[Term, Found] = {}
    refused: list[Refusal] = []
    for term in terms:
        one = find(term)
        if isinstance(one, Found):
            found[term] = one
        else:
            refused.append(one)
    return found, refused
