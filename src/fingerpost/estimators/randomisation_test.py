"""A randomisation test that replays the draws, and the interval that it gives.

Who began when was drawn from known draws, which the ledger keeps. If provision changed nothing, the
outcomes would be what they are under any of them: so the statistic is worked out for every draw,
and the share of draws with one as far from nought as that of the draw that was made is the p-value,
(b + 1)/(B + 1). It is exact, whatever outcomes look like and however few the units. The interval
holds every size of effect that is not rejected when it is taken off where provision had begun; it
is exact if the effect is the same in every unit and at every exposure, and otherwise near.

The statistic is the generalised least-squares contrast of the target under a correlation fixed
beforehand (not estimated from the outcomes, which would spoil the test), over its standard error by
Neyman's formula. So it is linear in the means of waves, and ten thousand draws take a second.
Cells that were not seen are filled in from effects of units and periods, in which waves play no
part.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._drawn_waves import clusters_of, ledger_draws
from fingerpost.estimators._inverted import Statistic, region_of
from fingerpost.estimators._options import Options
from fingerpost.estimators._panel import (
    KINDS,
    ONE_UNIT,
    RANDOM_ORDER,
    SUMMARIES,
    drawn_only,
    target_of,
    units_of,
    without_comparison,
)
from fingerpost.estimators._units import Units, Waves
from fingerpost.kernels.newton import inverse_of
from fingerpost.kernels.staggered import NEVER, cell_weights, exposed, since, untouched
from fingerpost.kernels.two_way import TwoWay
from fingerpost.kernels.wave_means import over_draws

Array = NDArray[np.float64]
LEAF = "randomisation_test"
TARGETS = ("exposure_average", "simple", "long_term", "at_exposure")
AUTOCORRELATION = 0.8
PAIRS = ((0, 0), (0, 1), (1, 1))


def run(task: PanelTask) -> Answer:
    """Return the p-value and the interval of every term."""
    drawn_only(task, LEAF)
    autocorrelation = _read(task.analysis.options)
    # Units that began in the first period stay: another draw might have had them begin later, and
    # a test that leaves out what one draw made of them would not be exact.
    units = units_of(task, LEAF, weighed=True, early=True)
    waves = Waves.of(units)
    clusters = clusters_of(units, waves, LEAF)
    possible = ledger_draws(task, units, waves, LEAF)
    if possible is None:
        raise Unanswerable(
            f"{LEAF}: no draws were kept, so there is nothing to replay. Mend: the ledger of the "
            "draw (--draw); of an order drawn elsewhere, whose possible draws nobody kept, "
            "random_timing, which shuffles the waves, within strata where there are any."
        )
    codes = np.concatenate([clusters.wave[None], possible.codes])
    count = possible.weight.shape[1]
    counted = clusters.sizes[:, None] * possible.weight
    sizes = _sizes(codes, clusters.sizes, count)[: len(waves.begins)]
    filled = [_filled(units, values) for values in (units.mean, units.treated.astype(float))]
    regions: list[Region] = []
    refused: list[Refusal] = []
    for term in task.terms:
        weights = _weights(term, units, waves, sizes, autocorrelation=autocorrelation)
        if weights is None:
            refused.append(without_comparison(LEAF, term, _have(units, waves)))
            continue
        wide = np.pad(weights, ((0, count - len(weights)), (0, 0)))
        forms = np.stack([clusters.totals(values) @ wide.T for values in filled], axis=2)
        forms *= possible.weight[:, :, None]
        value, variance = over_draws(forms, counted, codes=codes, pairs=list(PAIRS))
        statistic = Statistic(value[:, 0], value[:, 1], variance)
        regions.append(region_of(term, statistic, task.analysis.level, leaf=LEAF))
    tables = () if task.bare else (_table(task, units, regions, len(codes) - 1),)
    return Answer(LEAF, regions=tuple(regions), refusals=tuple(refused), tables=tables)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> float:
    reads = Options(LEAF, options)
    found = reads.number(
        "autocorrelation", "a number from 0 to below 1", allowed=lambda value: 0 <= value < 1
    )
    reads.finish()
    return AUTOCORRELATION if found is None else found


def _have(units: Units, waves: Waves) -> list[int]:
    usable = _usable(units, waves)
    return [int(at) for at in np.unique(since(waves.begins, usable.shape[1])[usable])]


def _usable(units: Units, waves: Waves) -> NDArray[np.bool_]:
    """Return (w, t) cells with provision in periods in which some wave is without it."""
    t = len(units.periods)
    clean = untouched(waves.begins, t, anticipation=units.anticipation)
    told = (waves.begins == NEVER) | (waves.begins - units.anticipation > 0)
    free = clean.any(axis=0) & units.told
    found: NDArray[np.bool_] = exposed(waves.begins, t) & free & told[:, None]
    return found


def _sizes(codes: NDArray[np.int64], sizes: Array, waves: int) -> Array:
    """Return (w,) units of each wave, on average over the draws. Where some units are not seen,
    those of the draw that was made would tie the statistic to it, and the test would not be exact.
    """
    every = np.tile(sizes, len(codes))
    found: Array = np.bincount(codes.ravel(), weights=every, minlength=waves) / len(codes)
    return found


def _weights(
    term: Term, units: Units, waves: Waves, sizes: Array, *, autocorrelation: float
) -> Array | None:
    """Return (w, t) weights of waves' means, of least variance under a correlation that fades."""
    usable = _usable(units, waves)
    parts = target_of(term, usable, waves.begins)
    if parts is None:
        return None
    t = usable.shape[1]
    clean = untouched(waves.begins, t, anticipation=units.anticipation)
    used = (usable | clean) & clean.any(axis=0) & units.told
    ages = since(waves.begins, t)
    have = _have(units, waves)
    periods = np.flatnonzero(used.any(axis=0))
    x = np.zeros((*used.shape, len(periods) + len(have)))
    for column, period in enumerate(periods):
        x[:, period, column] = used[:, period]
    for column, age in enumerate(have):
        x[:, :, len(periods) + column] = usable & (ages == age)
    spread = autocorrelation ** np.abs(np.arange(t)[:, None] - np.arange(t))
    pulled = np.zeros_like(x)
    for w, seen in enumerate(used):
        pulled[w, seen] = np.linalg.solve(spread[np.ix_(seen, seen)], x[w, seen])
    information = np.einsum("w,wtp,wtq->pq", sizes, x, pulled)
    bread = inverse_of(information)
    if bread is None:
        raise TooFew(f"{LEAF}: the waves do not tell {term.label()} apart.")
    each = cell_weights(parts, sizes)
    contrast = np.zeros(len(bread))
    for column, age in enumerate(have):
        contrast[len(periods) + column] = each[ages == age].sum()
    found: Array = sizes[:, None] * (pulled @ (bread @ contrast))
    return found


def _filled(units: Units, values: Array) -> Array:
    """Return (u, t) values with cells that were not seen filled in, about their period's mean."""
    seen = units.seen
    found = np.where(seen, values, 0.0)
    if not seen.all():
        by_unit, by_period = TwoWay.of(seen).effects(found)
        found = np.where(seen, found, by_unit[:, None] + by_period)
    found -= found.mean(axis=0)
    return found


def _table(task: PanelTask, units: Units, regions: list[Region], draws: int) -> Table:
    """Return the p-values."""
    rows = tuple(
        (LEAF, one.term.words(), one.term.label(), one.value, one.p, draws) for one in regions
    )
    return Table(
        "randomisation_test",
        "No effect in any unit: how often draws give as much",
        ("estimator", "contrast", "target", "estimate", "p", "draws"),
        ("label", "label", "label", "number", "number", "number"),
        rows,
        tells=Tells(outcomes=("estimate",)),
        counts=(len(units.begins),) * len(rows),
        clusters=(len(units.keys),) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="(b + 1)/(B + 1) over the draws that were possible, replayed from the ledger.",
    )


RANDOMISATION_TEST = Estimator(
    title="Randomisation test",
    short="the randomisation test",
    summary="Replays the draws that were possible: exact p-values, and intervals by inversion.",
    reference="Fisher (1935), The Design of Experiments; Chung & Romano (2013), Annals of "
    "Statistics 41:484-507; Hughes et al. (2020), Biostatistics 21:e68-e82",
    targets=TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(RANDOM_ORDER, ONE_UNIT),
    run=run,
    takes="panel",
    drawn=True,
    adjusts=False,
    trimmed=False,
    spread="none: p-values and intervals by replaying the draws",
    guard="exempt",
    options=(("autocorrelation", "from 0 to below 1: how a unit's outcomes hang together, 0.8"),),
    check=check,
)
