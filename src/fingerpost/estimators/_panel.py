"""What leaves over panels share: units as they see them, clusters, answers, refusals, tables.

Units count alike, however many children they hold: the effect is the mean over areas (or schools),
not over children. A cell is the mean outcome of a unit in a period. Units in which provision had
begun by the first period tell nothing of its effect and are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
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
from fingerpost.core.inference import critical_values
from fingerpost.core.leaves import Assumption
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.seeds import stream
from fingerpost.core.table import Table
from fingerpost.core.wave_chances import own_chance
from fingerpost.core.words import listing
from fingerpost.estimators._units import Units, Waves, about_first
from fingerpost.estimators._wave_errors import (
    FEW_CLUSTERS,
    Errors,
    Found,
    errors_of,
    too_few_of_wave,
)
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import (
    NEVER,
    Flags,
    Whole,
    blocks,
    cell_weights,
    since,
)
from fingerpost.kernels.wild import every_weight, wild_score_bootstrap
from fingerpost.kernels.within_cells import within_cells

Array = NDArray[np.float64]
KINDS = ("continuous", "binary", "count")
SUMMARIES = ("mean", "risk", "rate")
TOO_FEW_CLUSTERS = 10
DRAWS = 1999
UNEVEN = (
    "none: {g} clusters ({level}) of such uneven size are worth {worth:.1f} alike, fewer than "
    "{least}; a randomisation test needs no more"
)

PARALLEL = Assumption(
    "parallel trends",
    "without provision, units where it began at different times would have changed alike",
    diagnostic="pre_trends",
)
NO_ANTICIPATION = Assumption(
    "no anticipation",
    "before provision begins (or the declared periods before it) units behave as if it never would",
)
SAME_AT_ANY_TIME = Assumption(
    "exposure alone matters",
    "an effect depends on how long ago provision began, not on the calendar: where it is larger in "
    "some periods than in others the answer is no average of effects, and may be far from one",
)
ERROR_KINDS, OWN = ("corrected", "analytic"), "own"
ERROR_OPTION = (
    "error",
    "corrected (for what few units of a wave pull its mean) or analytic (the standard error as "
    "published; the interval is the same)",
)
LATER_KINDS = ("keep", "leave_out")
LATER_OPTION = (
    "later",
    "keep or leave_out: units in which provision begins after the last period, among those that "
    "never have it",
)
LATER = (
    "{count} of the units compared with are to have provision after the last period: they count as "
    "without it here. later: leave_out answers without them"
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


def units_of(task: PanelTask, leaf: str, *, weighed: bool = False, early: bool = False) -> Units:
    """Return the units of a task's outcome; raises Unanswerable where none can be compared.

    weighed: whether the leaf leans on the draw, so that units count by their chances of it. early:
    whether units with provision from the first period on are kept, of which no effect can be told,
    but which another draw might have had begin later.
    """
    panel = task.panel
    outcome = panel.outcomes[task.terms[0].outcome]
    count, mean = np.asarray(outcome.count, dtype=np.float64), about_first(outcome.mean)
    codes, keys, level, clustered = _clusters(task, leaf)
    found = Units(
        panel.periods,
        mean,
        count,
        within_cells(outcome) or 0.0,
        _begins(task, leaf),
        task.anticipation,
        codes,
        keys,
        level,
        clustered,
        np.arange(len(panel.units)),
    )
    found = found.take(found.seen_in(every=False), "outcome never seen")
    begun_later = found.begins - task.anticipation > 0
    if not early:
        keep = (found.begins == NEVER) | begun_later
        found = found.take(keep, "provision had begun by the first period")
    if not begun_later.any():
        raise TooFew(
            f"{leaf}: provision begins in no unit after the first period, so there is no before "
            "and after. Mend: more periods, or another estimator."
        )
    if not weighed:
        return found
    return replace(found, chance=own_chance(task, found.rows, begins=found.begins, leaf=leaf))


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


def answer(
    leaf: str,
    task: PanelTask,
    units: Units,
    found: Mapping[Term, Found],
    *,
    refusals: Iterable[Refusal] = (),
    tables: Sequence[Table] = (),
    note: str = "",
    error: str = "corrected",
) -> Answer:
    """Return the answer of a leaf whose terms have influence by unit. error: corrected, for what
    a cluster pulls its wave; own, where influence is so already; analytic, where the standard error
    is told without it, as published, and the interval is the same.
    """
    told = tuple(left_out(units, found))
    refused, estimate = list(refusals), None
    errors = errors_of(units, tuple(found.values()), corrected=error == OWN) if found else None
    if errors is not None and len(units.keys) >= TOO_FEW_CLUSTERS:
        lone = errors.lone
        refused += [
            too_few_of_wave(leaf, term, units, float(errors.worth[at]))
            for at, term in enumerate(found)
            if lone[at]
        ]
        if lone.any():
            found = {term: one for at, (term, one) in enumerate(found.items()) if not lone[at]}
            kept = tuple(found.values())
            errors = errors_of(units, kept, corrected=error == OWN) if kept else None
    if errors is not None:
        estimate = estimate_of(
            task,
            units,
            tuple(found),
            np.array([one.value for one in found.values()]),
            errors.sums,
            note=(note, errors.named),
            welch=errors.df,
        )
        if error == "analytic" and estimate.spread is not None:
            estimate = _analytic(estimate, errors, task.analysis.level)
    told = tuple(one for one in told if one[0] in found)
    return Answer(leaf, estimate, refusals=tuple(refused), tables=tuple(tables), warnings=told)


def estimate_of(
    task: PanelTask,
    units: Units,
    terms: tuple[Term, ...],
    value: Array,
    sums: Array,
    *,
    note: tuple[str, ...] = (),
    welch: Array | None = None,
    df: Array | None = None,
) -> Estimate:
    """Return the estimate: t with `df`, or Welch's degrees of freedom over waves; below 50 clusters
    at least the score wild bootstrap's critical value; below 10 (or where uneven clusters are worth
    fewer) no interval.

    value: (q,). sums: (g, q) influence by cluster. welch: (q,). df: (q,) where the leaf has its
    own, which then need no bootstrap.
    """
    g, worth = len(units.keys), units.worth
    named = ", ".join(part for part in note if part)
    freedom, kind = (welch, "Welch, over waves") if df is None else (df, "Satterthwaite")
    assert freedom is not None
    by = f"influence summed by {units.level}{', ' * bool(named)}{named}"
    words, critical = f"t ({kind}), {by}", None
    few = worth < TOO_FEW_CLUSTERS
    if few:
        words = f"none: {g} clusters are fewer than {TOO_FEW_CLUSTERS}"
        if g >= TOO_FEW_CLUSTERS:
            words = UNEVEN.format(g=g, level=units.level, worth=worth, least=TOO_FEW_CLUSTERS)
    elif g < FEW_CLUSTERS and df is None:
        level = task.analysis.level
        random = generator(task)
        # Drawn once for all the answers of a rehearsal, which differ in the draw of waves alone.
        weights = task.fits.once(("wild", g), lambda: every_weight(DRAWS, g, stream=random))
        drawn = wild_score_bootstrap(sums, level=level, draws=DRAWS, stream=random, weights=weights)
        critical = np.maximum(drawn, stdtrit(freedom, 0.5 + level / 2))
        words = f"score wild bootstrap, at least t ({kind}); {by}"
    spread = Influence(sums, units.keys, units.level, note=named)
    return replace(
        shell(units, terms, value),
        spread=None if few else spread,
        df=freedom,
        critical=critical,
        interval=(words,) * len(terms),
    )


def _analytic(estimate: Estimate, errors: Errors, level: float) -> Estimate:
    """Return the estimate with the published standard error and the same interval."""
    assert isinstance(estimate.spread, Influence)
    critical = critical_values(estimate, level) * errors.wider
    note = estimate.spread.note.replace(errors.named, "analytic") or "analytic"
    return replace(
        estimate,
        spread=replace(estimate.spread, sums=errors.plain, note=note),
        critical=critical,
        interval=tuple(f"{words}; standard error analytic" for words in estimate.interval),
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


def begin_later(task: PanelTask, units: Units, option: str) -> tuple[Units, list[tuple[Term, str]]]:
    """Return the units, less those that begin after the last period where they are left out; and a
    warning of them, where they stay, for every term.
    """
    later = task.panel.later
    mine = np.zeros(len(units.rows), dtype=np.bool_) if later is None else later[units.rows]
    if option == "leave_out":
        return units.take(~mine, "provision begins after the last period"), []
    count = int(np.count_nonzero(mine))
    return units, [(term, LATER.format(count=count)) for term in task.terms if count]


def left_out(units: Units, terms: Iterable[Term]) -> Iterable[tuple[Term, str]]:
    """Yield a warning of each term for units that were left out."""
    for why, count in units.left_out:
        for term in terms:
            yield term, f"{count} of the panel's units are left out: {why}."


def uncompared(units: Units, have: Iterable[int], terms: Iterable[Term]) -> list[tuple[Term, str]]:
    """Return a warning of every average where some exposures have no comparison. have: exposures
    that have one.
    """
    ages = since(units.begins, len(units.periods))
    every = {int(at) for at in np.unique(ages[units.treated & units.seen])}
    gone = sorted(every - {int(at) for at in have})
    if not gone:
        return []
    said = "exposure" if len(gone) == 1 else "exposures"
    words = (
        f"{said} {listing([str(at) for at in gone])}: no unit is without provision at the same "
        "time, so that the average is over the others."
    )
    return [(term, words) for term in terms if term.target.kind != "at_exposure"]


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
    every = {term: find(term) for term in terms}
    found = {term: one for term, one in every.items() if isinstance(one, Found)}
    return found, [one for one in every.values() if isinstance(one, Refusal)]
