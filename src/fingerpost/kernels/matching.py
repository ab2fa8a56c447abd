"""Nearest neighbours on one score: greedy without replacement, windows with it, local lines.

All searches walk sorted scores, so none compares every child with every other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array

Places = NDArray[np.int64]
ALIKE = 1e-10  # of the scores' standard deviation: nearer than this is rounding, not a difference
FAR = 1e300  # farther than any two scores, yet finite
FEW = 1_000  # seekers whom one turn after another costs less than a sweep over all
SWEEPS = 3  # over the same seekers; more settle hardly anyone


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a seeker may take.

    reach: the largest distance allowed. tolerance: distances that differ by less are equal. below:
    take the nearest below whenever there is one, however far, and only then one above.
    """

    reach: float = np.inf
    tolerance: float = 0.0
    below: bool = False


def ranked(values: Array) -> tuple[Array, Places]:
    """Return the values with those that differ by rounding alone made equal, and their places in
    ascending order, equal values in the order given.

    Children alike on every covariate have one score in principle, yet its last digits depend on
    where in memory they stand. Runs of sorted values with gaps under 1e-10 standard deviations take
    the smallest of them.

    >>> same, order = ranked(np.array([0.3 + 1e-16, 0.1, 0.3, 0.2]))
    >>> bool(same[0] == same[2]), order.tolist()
    (True, [1, 3, 0, 2])
    """
    order = np.argsort(values)
    rising = values[order]
    gaps = np.diff(rising)
    near = gaps <= ALIKE * float(rising.std()) if len(values) else gaps > 0
    if not near.any():
        return values, order
    starts = np.concatenate([[True], ~near])
    tied = np.flatnonzero(np.concatenate([near, [False]]) | ~starts)
    first, places = starts[tied], order[tied]
    run = np.cumsum(first) - 1
    found = values.copy()
    found[places] = rising[tied[first]][run]
    order[tied] = places[np.lexsort((places, run))]
    return found, order


def nearest_free(seekers: Array, pool: Array, *, rule: Rule) -> Places:
    """Return for each seeker the place in the pool of its partner, or −1 where it has none.

    seekers: (m,) scores, descending: each in turn takes the nearest that is left, of two at equal
    distance the one below. pool: (c,) scores, ascending. The greedy matching of MatchIt (Ho, Imai,
    King & Stuart 2011, Journal of Statistical Software 42(8)). Whoever finds both neighbours free
    whatever those before chose is settled at once, in sweeps over all; the others are asked again
    among themselves and what is left, and at last in turn.
    """
    found = np.full(len(seekers), -1, dtype=np.int64)
    who, theirs = np.arange(len(seekers)), np.arange(len(pool))
    while len(who) > FEW and len(theirs):
        settled, take = uncontested(seekers, pool, rule=rule)
        if 4 * np.count_nonzero(settled) < len(who):
            break
        chosen = take[settled]
        some = chosen >= 0
        found[who[settled][some]] = theirs[chosen[some]]
        free = np.ones(len(pool), dtype=np.bool_)
        free[chosen[some]] = False
        who, seekers = who[~settled], seekers[~settled]
        theirs, pool = theirs[free], pool[free]
    last = in_turn(seekers, pool, rule=rule)
    some = last >= 0
    found[who[some]] = theirs[last[some]]
    return found


def uncontested(seekers: Array, pool: Array, *, rule: Rule) -> tuple[NDArray[np.bool_], Places]:
    """Return (m,) whether a seeker's choice is known whatever those before it chose, and (m,) what
    it then takes: a place in the pool, or −1.

    What is left below a seeker is a run from the lowest to some place. Each seeker lowers that
    place to just below itself, and by one more where it takes the one below. As long as a choice is
    not known, it is reckoned to take one: if the run still reaches the next seeker's upper
    neighbour, both neighbours of that seeker are free. Those who are settled need not be reckoned
    so, which settles more in the next sweep.
    """
    size = len(pool)
    place = np.searchsorted(pool, seekers, side="left")
    under = np.where(place > 0, seekers - pool[np.maximum(place - 1, 0)], np.inf)
    over = np.where(place < size, pool[np.minimum(place, size - 1)] - seekers, np.inf)
    below = under <= over + (FAR if rule.below else rule.tolerance)
    within = np.where(below, under, over) <= min(rule.reach, FAR)
    take = np.where(within, place - below, -1)
    lowers = (below & within).astype(np.int64)
    settled = np.zeros(len(seekers), dtype=np.bool_)
    for _ in range(SWEEPS):
        each = np.where(settled, lowers, 1)
        before = np.cumsum(each) - each
        left = np.minimum(np.minimum.accumulate(place - 1 + before), size - 1)
        highest = np.concatenate([[size - 1], left[:-1]]) - before
        more = place <= highest
        if np.array_equal(more, settled):
            break
        settled = more
    return settled, take


def in_turn(seekers: Array, pool: Array, *, rule: Rule) -> Places:
    """Return what `nearest_free` does, one seeker after another, in time O(m + c).

    Since seekers come down the scores, whatever is left above one lies on a stack, and whatever is
    left below it is a run without gaps.
    """
    values = [*pool.tolist(), -np.inf]  # place −1, below the lowest, is infinitely far
    slack, most = (FAR if rule.below else rule.tolerance), min(rule.reach, FAR)
    found: list[int] = []
    take = found.append
    low = len(pool) - 1  # the highest that is left of the run below
    lo, hi, top = 0, -1, np.inf  # the run on top of the stack; its lowest, the nearest above
    stack: list[tuple[int, int]] = []
    at = np.searchsorted(pool, seekers, side="left").tolist()
    for place, here in zip(at, seekers.tolist(), strict=True):
        if low >= place:
            if lo <= hi:
                stack.append((lo, hi))
            lo, hi, low = place, low, place - 1
            top = values[lo]
        under, over = here - values[low], top - here
        if under <= over + slack:
            if under <= most:
                take(low)
                low -= 1
            else:
                take(-1)
        elif over <= most:
            take(lo)
            lo += 1
            if lo > hi and stack:
                lo, hi = stack.pop()
            top = values[lo] if lo <= hi else np.inf
        else:
            take(-1)
    return np.array(found, dtype=np.int64)


def share_free(
    seekers: Array, need: Array, *, pool: Array, capacity: Array, rule: Rule
) -> tuple[Places, Places, Array]:
    """Return (seeker, place, amount) of a greedy matching in which children stand for several.

    As `nearest_free`, but a seeker takes `need` of the nearest `capacity`, from several of the pool
    where one does not have enough: what copies of the children would do, one a unit of weight.
    """
    values, left = [*pool.tolist(), -np.inf], [*capacity.tolist(), np.inf]
    slack, most = (FAR if rule.below else rule.tolerance), min(rule.reach, FAR)
    nothing = 1e-12 * float(max(need.max(initial=0.0), capacity.max(initial=0.0)))
    taken: list[tuple[int, int, float]] = []
    low, lo, hi = len(pool) - 1, 0, -1
    stack: list[tuple[int, int]] = []
    at = np.searchsorted(pool, seekers, side="left").tolist()
    for i, (place, here, lacking) in enumerate(
        zip(at, seekers.tolist(), need.tolist(), strict=True)
    ):
        if low >= place:
            if lo <= hi:
                stack.append((lo, hi))
            lo, hi, low = place, low, place - 1
        while lacking > nothing:
            while left[low] <= nothing:
                low -= 1
            while (lo <= hi and left[lo] <= nothing) or (lo > hi and stack):
                lo, hi = (lo + 1, hi) if lo <= hi else stack.pop()
            under, over = here - values[low], values[lo] - here if lo <= hi else np.inf
            one = low if under <= over + slack else lo
            if (under if one == low else over) > most:
                break
            amount = min(lacking, left[one])
            taken.append((i, one, amount))
            left[one] -= amount
            lacking -= amount
    who = np.array([each[0] for each in taken], dtype=np.int64)
    whom = np.array([each[1] for each in taken], dtype=np.int64)
    return who, whom, np.array([each[2] for each in taken], dtype=np.float64)


def nearest_windows(
    seekers: Array, pool: Array, *, count: int, rule: Rule
) -> tuple[Places, Places]:
    """Return (lo, hi) for each seeker: the `count` nearest of the pool are places lo … hi − 1.

    seekers: (m,) scores in any order; pool: (c,) ascending. All at the distance of the last are
    among them (Abadie & Imbens 2006, Econometrica 74:235, section 2), so a window may hold more.
    An empty window, where none is within reach, has lo = hi.
    Raises UsageError for a count below one.
    """
    if count < 1:
        raise UsageError(f"matching needs at least one neighbour; found {count}.")
    size = len(pool)
    wanted = min(count, size)
    if wanted == 0:
        none = np.zeros(len(seekers), dtype=np.int64)
        return none, none.copy()
    place = np.searchsorted(pool, seekers, side="left")
    low = np.clip(place - wanted, 0, size - wanted)
    high = np.clip(place, 0, size - wanted)
    # The window starts at the first place whose successor window would be no nearer.
    while np.any(low < high):
        middle = (low + high) // 2
        open_ = low < high
        after = pool[np.minimum(middle + wanted, size - 1)]
        move = open_ & (seekers - pool[middle] > after - seekers + rule.tolerance)
        low = np.where(move, middle + 1, low)
        high = np.where(open_ & ~move, middle, high)
    last = np.maximum(seekers - pool[low], pool[low + wanted - 1] - seekers)
    last = np.minimum(last + rule.tolerance, rule.reach)
    lo = np.searchsorted(pool, seekers - last, side="left")
    hi = np.searchsorted(pool, seekers + last, side="right")
    lo, hi = _without_rounding(seekers, pool, lo=lo, hi=hi, last=last)
    return lo, np.maximum(lo, hi)


def _without_rounding(
    seekers: Array, pool: Array, *, lo: Places, hi: Places, last: Array
) -> tuple[Places, Places]:
    """Take back what s ± d, rounded, let slip on either side; equal scores move together."""
    top = len(pool) - 1
    wider = (lo > 0) & (seekers - pool[np.maximum(lo - 1, 0)] <= last)
    lo = np.where(wider, np.searchsorted(pool, pool[np.maximum(lo - 1, 0)], side="left"), lo)
    wider = (hi <= top) & (pool[np.minimum(hi, top)] - seekers <= last)
    hi = np.where(wider, np.searchsorted(pool, pool[np.minimum(hi, top)], side="right"), hi)
    return lo.astype(np.int64), hi.astype(np.int64)


def window_use(lo: Places, hi: Places, *, weight: Array, pool_weight: Array) -> Array:
    """Return (c,) how much each of the pool stands for: Σ_i weight_i × its share of window i.

    Within a window shares go by `pool_weight`. Whoever is in no window has exactly 0.
    """
    size = len(pool_weight)
    total = np.concatenate([[0.0], np.cumsum(pool_weight)])
    mass = total[hi] - total[lo]
    each = np.divide(weight, mass, out=np.zeros_like(mass), where=mass > 0)
    steps = np.bincount(lo, weights=each, minlength=size + 1)
    steps -= np.bincount(hi, weights=each, minlength=size + 1)
    some = np.bincount(lo[hi > lo], minlength=size + 1) - np.bincount(
        hi[hi > lo], minlength=size + 1
    )
    use: Array = np.where(np.cumsum(some)[:size] > 0, np.cumsum(steps)[:size], 0.0) * pool_weight
    return use


def local_lines(
    at: Array, x: Array, *, y: Array, weight: Array, share: float
) -> tuple[Array, Array]:
    """Return the (m,) values at `at` of lines fitted to the nearest `share` of (x, y), and (m,) how
    much a unit of weight standing at `at` would move them.

    x: (c,) ascending; y, weight: (c,). Half of the share lies on either side of each point, by
    weight, whole runs of equal x taken together; at an end all of it lies on one side. Where a
    window holds one value of x, its mean. Time O(m + c), by running sums.
    """
    size = len(x)
    if size == 0:
        return np.zeros(len(at)), np.zeros(len(at))
    # Distances from the middle, and from the mean, keep the sums of squares from cancelling.
    centre, level = float(x[size // 2]), float(np.average(y, weights=weight))
    scale = max(float(np.ptp(x)), 1e-300)
    u, v, here = (x - centre) / scale, y - level, (at - centre) / scale
    wu = weight * u
    sums = [running(each) for each in (weight, wu, weight * v, wu * u, wu * v)]
    lo, hi = share_windows(at, x, sums[0], share=share)
    w, su, sv, suu, suv = (each[hi] - each[lo] for each in sums)
    mean_u, mean_v = su / w, sv / w
    spread = suu / w - mean_u**2
    away = (here - mean_u) / np.where(spread > 1e-9, spread, np.inf)
    fitted: Array = level + mean_v + away * (suv / w - mean_u * mean_v)
    pull: Array = (1 + away * (here - mean_u)) / w
    return fitted, pull


def running(values: Array) -> Array:
    """Return (n + 1,) running sums, from 0."""
    return np.concatenate([[0.0], np.cumsum(values)])


def share_windows(at: Array, x: Array, total: Array, *, share: float) -> tuple[Places, Places]:
    """Return (lo, hi) of the windows that hold about `share` of the weight around each point.

    total: (c + 1,) running sums of weight, from 0.
    """
    whole = float(total[-1])
    middle = 0.5 * (
        total[np.searchsorted(x, at, side="left")] + total[np.searchsorted(x, at, side="right")]
    )
    width = min(share, 1.0) * whole
    start = np.clip(middle - width / 2, 0.0, whole - width)
    slack = 1e-9 * whole
    lo = np.searchsorted(total, start + slack, side="right") - 1
    hi = np.searchsorted(total, start + width - slack, side="left")
    lo = np.clip(lo, 0, len(x) - 1)
    hi = np.clip(hi, lo + 1, len(x))
    return (
        np.searchsorted(x, x[lo], side="left").astype(np.int64),
        np.searchsorted(x, x[hi - 1], side="right").astype(np.int64),
    )
