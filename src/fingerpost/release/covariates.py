"""Covariates of two values or of levels: their means are shares of children, and so are counts.

A level, or a value, that too few children of some arm have is taken out of every table, its name
with it: a name that few have may itself tell of them. Then go those from which it could be got.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fingerpost.core.table import Table
from fingerpost.release.policies import Rules
from fingerpost.release.suppression import Partition, secure

CLOSE = 1e-7
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Split:
    """How the children of every arm divide over the values of one covariate.

    names: a row's name a level (`base = level`), or the covariate's own where it has two values.
    counts: of each level by arm; totals: children by arm. low: the lower of two values, None where
    the covariate has levels.
    """

    base: str
    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    totals: tuple[int, ...]
    low: float | None = None


def splits(table: Table | None) -> tuple[Split, ...]:
    """Return every covariate of a table of children at the start that divides them by counts."""
    if table is None:
        return ()
    found: dict[str, dict[str, list[tuple[int, float, float | None]]]] = {}
    for row in table.records():
        children, mean, sd = row.get("children"), row.get("mean"), row.get("sd")
        if isinstance(children, int) and isinstance(mean, int | float):
            spread = float(sd) if isinstance(sd, int | float) else None
            levels = found.setdefault(str(row["covariate"]), {})
            levels.setdefault(str(row["level"] or ""), []).append((children, float(mean), spread))
    made = [
        _two(base, levels[""]) if set(levels) == {""} else _levels(base, levels)
        for base, levels in found.items()
    ]
    return tuple(each for each in made if each is not None)


def _levels(base: str, levels: dict[str, list[tuple[int, float, float | None]]]) -> Split:
    named = {level: arms for level, arms in levels.items() if level}
    counts = tuple(tuple(round(mean * n) for n, mean, _ in arms) for arms in named.values())
    totals = tuple(n for n, _, _ in next(iter(named.values())))
    return Split(base, tuple(f"{base} = {level}" for level in named), counts, totals)


def _two(base: str, arms: list[tuple[int, float, float | None]]) -> Split | None:
    """Return the split of a covariate of two whole numbers next to one another (0 and 1, 1 and 2),
    known by its variance, which is then that of a share; None for any other.
    """
    low = float(min(math.floor(mean) for _, mean, _ in arms))
    highs = []
    for n, mean, sd in arms:
        share = mean - low
        variance = 0.0 if sd is None else sd * sd * (n - 1) / n
        if not 0 <= share <= 1 or abs(variance - share * (1 - share)) > CLOSE * max(1.0, variance):
            return None
        highs.append(round(share * n))
    totals = tuple(n for n, _, _ in arms)
    lows = tuple(n - high for n, high in zip(totals, highs, strict=True))
    return Split(base, (base, base), (lows, tuple(highs)), totals, low)


def gone(found: tuple[Split, ...], rules: Rules) -> frozenset[str]:
    """Return the names of the rows that may be in no table."""
    names: set[str] = set()
    for split in found:
        hidden = hidden_levels(split, rules)
        names.update(split.names[at] for at in hidden)
        if split.low is None and len(hidden) == len(split.names):
            names.add(split.base)
    return frozenset(names)


def beside_hidden(found: tuple[Split, ...], names: frozenset[str]) -> frozenset[str]:
    """Return all names of covariates of which some level is hidden: distances between arms, level
    by level, would tell of the hidden one as the rest does.
    """
    return frozenset(
        name for split in found if names & set(split.names) for name in (*split.names, split.base)
    )


def level_words(names: frozenset[str]) -> frozenset[str]:
    """Return what words may not hold of hidden levels: a level's name comes from the records."""
    levels = {name.partition(" = ")[2] for name in names}
    told = {level for level in levels if len(level) > SHORTEST and not level.isnumeric()}
    return frozenset(told | {name for name in names if " = " in name})


def hidden_levels(split: Split, rules: Rules) -> frozenset[int]:
    """Return which levels are hidden, in every arm alike."""
    hidden = {at for at, arms in enumerate(split.counts) if min(arms) < rules.threshold}
    if split.low is not None:
        return frozenset(range(len(split.names)) if hidden else ())
    while not all(_arm_secure(split, arm, hidden, rules) for arm in range(len(split.totals))):
        shown = [at for at in range(len(split.names)) if at not in hidden]
        if not shown:
            break
        hidden.add(min(shown, key=lambda at: min(split.counts[at])))
    return frozenset(hidden)


def _arm_secure(split: Split, arm: int, hidden: set[int], rules: Rules) -> bool:
    counts = [arms[arm] for arms in split.counts]
    whole = Partition(tuple(range(len(counts))), split.totals[arm])
    return secure(counts, whole, hidden, rules)
