"""Secondary suppression: which further counts must go so that none can be got by subtraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from fingerpost.release.policies import Rules
from fingerpost.release.rounding import nearest


@dataclass(frozen=True, slots=True)
class Partition:
    """Cells, by their places, that add up to a total which is known elsewhere."""

    cells: tuple[int, ...]
    total: int


def suppressed(
    counts: Sequence[int],
    partitions: Sequence[Partition],
    rules: Rules,
    *,
    already: Sequence[int] = (),
) -> frozenset[int]:
    """Return the places of all counts that may not be shown, given totals that are known exactly.

    First every count under the threshold; then, in every partition that would tell one of them, the
    smallest count that is still shown, until none does. Where cells lie in several partitions
    linear programming, not a rule, says what can be told (Hundepool et al. 2012, Statistical
    Disclosure Control, chapter 4). already: places of counts that are not shown in any case.
    """
    hidden = {at for at, count in enumerate(counts) if count < rules.threshold} | set(already)
    while True:
        hidden = _by_partition(counts, partitions, hidden, rules)
        told = _told(counts, partitions, hidden, rules) if _crossing(partitions) else None
        if told is None:
            return frozenset(hidden)
        more = [
            at for part in partitions if told in part.cells for at in part.cells if at not in hidden
        ]
        if not more:
            # Nothing beside it is shown; cells farther off in the table still tell of it.
            more = [at for part in partitions for at in part.cells if at not in hidden]
        if not more:
            return frozenset(hidden)
        hidden.add(min(more, key=lambda at: (counts[at], at)))


def _by_partition(
    counts: Sequence[int], partitions: Sequence[Partition], hidden: set[int], rules: Rules
) -> set[int]:
    found = set(hidden)
    changed = True
    while changed:
        changed = False
        for part in partitions:
            while not secure(counts, part, found, rules):
                shown = [at for at in part.cells if at not in found]
                if not shown:
                    break
                found.add(min(shown, key=lambda at: (counts[at], at)))
                changed = True
    return found


def secure(counts: Sequence[int], part: Partition, hidden: set[int], rules: Rules) -> bool:
    """Return whether a partition leaves each of its hidden counts anything from 0 to just under the
    threshold, to someone who knows the total exactly, and of each hidden count, where none of them
    is a secondary one, that it is under the threshold.
    """
    mine = [at for at in part.cells if at in hidden]
    if not mine:
        return True
    shown = [at for at in part.cells if at not in hidden]
    left = part.total - sum(nearest(counts[at], rules.base) for at in shown)
    slack, most = len(shown) * rules.base / 2, rules.threshold - 1
    if left + slack < most:
        return False
    secondary = any(counts[at] >= rules.threshold for at in mine)
    if secondary and len(mine) > 1:
        return True
    return left - slack <= most * (len(mine) - 1)


def _crossing(partitions: Sequence[Partition]) -> bool:
    """Return whether some cell lies in more than one partition."""
    every = [at for part in partitions for at in part.cells]
    return len(every) != len(set(every))


def _told(
    counts: Sequence[int], partitions: Sequence[Partition], hidden: set[int], rules: Rules
) -> int | None:
    """Return a count under the threshold that all partitions together tell too much of."""
    for at in sorted(hidden):
        if counts[at] >= rules.threshold or not any(at in part.cells for part in partitions):
            continue
        low, high = reach(counts, partitions, hidden, at=at, rules=rules)
        if low > 1e-6 or high < rules.threshold - 1 - 1e-6:
            return at
    return None


def reach(
    counts: Sequence[int],
    partitions: Sequence[Partition],
    hidden: set[int] | frozenset[int],
    *,
    at: int,
    rules: Rules,
) -> tuple[float, float]:
    """Return the least and the greatest that one hidden count can be, by linear programming.

    Known are: every shown count to within half the base, the totals of the partitions exactly, and
    that no count is negative. Infeasible problems cannot arise: the truth is feasible.
    """
    matrix = np.zeros((len(partitions), len(counts)))
    for row, part in enumerate(partitions):
        matrix[row, list(part.cells)] = 1.0
    totals = np.array([float(part.total) for part in partitions])
    half = rules.base / 2
    bounds: list[tuple[float, float | None]] = []
    for place, count in enumerate(counts):
        about = nearest(count, rules.base)
        bounds.append((0.0, None) if place in hidden else (max(0.0, about - half), about + half))
    aim: NDArray[np.float64] = np.zeros(len(counts))
    aim[at] = 1.0
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * aim, A_eq=matrix, b_eq=totals, bounds=bounds, method="highs")
        ends.append(float("-inf") * sign if found.x is None else float(found.x[at]))
    return ends[0], ends[1]
