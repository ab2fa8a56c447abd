"""Whether a draw can meet its limits and pairs: told before it, with the numbers, never after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.words import listing
from fingerpost.designs._constrained import (
    Cap,
    Codes,
    Space,
    broken,
    draw_candidates,
    sums_by_wave,
)
from fingerpost.kernels.counter_draws import MOST

TRIALS = 8_192
FEWEST = 100  # candidates that must count, so that there is a choice among them
EXACT = 2**53  # whole numbers up to it are exact as floating point


@dataclass(frozen=True, slots=True)
class Names:
    """What a reader calls units, waves and strata, by place."""

    units: tuple[str, ...]
    waves: tuple[str, ...]
    strata: tuple[str, ...]


def infeasible(space: Space, names: Names) -> list[str]:
    """Return every reason why no draw, or none that may be used, can be made; with numbers."""
    return [
        *too_large(space, names),
        *locked_by_strata(space, names),
        *limits_not_met(space, names),
        *pairs_not_met(space, names),
        *neighbours_not_met(space),
    ]


def too_large(space: Space, names: Names) -> Iterator[str]:
    """Yield sums that would not be exact."""
    for cap in space.caps:
        if float(np.abs(cap.weights.astype(float)).sum()) >= EXACT:
            yield f"limit {cap.words}: its column has too many digits. Round it."
    if int(space.sizes.max()) > MOST:
        yield f"stratum {names.strata[int(space.sizes.argmax())]}: too many units."


def locked_by_strata(space: Space, names: Names) -> Iterator[str]:
    """Yield strata so small that two of their units can never share a wave."""
    declared = {frozenset(map(int, pair)) for pair in space.apart}
    for stratum, size in enumerate(space.sizes):
        if size < 2 or space.shares[stratum].max() > 0:
            continue
        own = np.flatnonzero(space.strata == stratum)
        pairs = {frozenset((int(a), int(b))) for a in own for b in own if a < b}
        if pairs - declared:
            yield (
                f"stratum {names.strata[stratum]}: its {size} units are spread over "
                f"{len(space.waves)} waves one by one, so that no two can ever share a wave. Join "
                "it with another stratum, or declare its pairs under apart."
            )


def least_of(space: Space, cap: Cap, wave: int) -> int:
    """Return the least that a limit's sum can be in a wave, given the strata's shares."""
    total = 0
    more: list[int] = []
    for stratum, share in enumerate(space.shares[:, wave]):
        own = np.sort(cap.weights[space.strata == stratum])
        total += int(own[:share].sum())
        more.extend(own[share : share + 1].tolist())
    places = int(space.waves[wave] - space.shares[:, wave].sum())
    return total + sum(sorted(more)[:places])


def limits_not_met(space: Space, names: Names) -> Iterator[str]:
    """Yield limits that no draw within the strata can meet."""
    for cap in space.caps:
        waves = range(len(space.waves)) if cap.wave < 0 else (cap.wave,)
        for wave in waves:
            least = least_of(space, cap, wave)
            if least > cap.at_most:
                yield (
                    f"limit {cap.words}: wave {names.waves[wave]} holds {space.waves[wave]} units, "
                    f"strata spread evenly, and so at least {_shown(least, cap)}. Raise the limit "
                    f"to {_shown(least, cap)} or more, or make the wave smaller."
                )
        total = int(cap.weights.sum())
        if cap.wave < 0 and total > cap.at_most * len(space.waves):
            yield (
                f"limit {cap.words}: all units come to {_shown(total, cap)}, and "
                f"{len(space.waves)} waves hold at most "
                f"{_shown(cap.at_most * len(space.waves), cap)}. Raise the limit or add a wave."
            )


def _shown(value: int, cap: Cap) -> str:
    """Return a sum as its reader writes it."""
    return f"{value / cap.scale:,.10g}"


def pairs_not_met(space: Space, names: Names) -> Iterator[str]:
    """Yield units declared together that no wave can hold, or that are declared apart as well."""
    most = space.shares + (space.sizes > space.shares.sum(axis=1))[:, None]
    groups = _joined(space)
    for group in groups:
        words = listing(names.units[unit] for unit in group)
        if len(group) > space.waves.max():
            yield (
                f"together: {words} are {len(group)} units, and the largest wave holds "
                f"{space.waves.max()}."
            )
        held = np.bincount(space.strata[group], minlength=len(space.sizes))
        if not (held[:, None] <= most).all(axis=0).any():
            at = int((held[:, None] > most).all(axis=1).argmax())
            yield (
                f"together: {words}: {held[at]} are of stratum {names.strata[at]}, of which a wave "
                f"gets at most {most[at].max()}."
            )
    for one, other in space.apart:
        if any(one in group and other in group for group in groups):
            yield (
                f"apart: {names.units[one]} and {names.units[other]} are held together by the "
                "pairs under together. Leave one of these pairs out."
            )


def neighbours_not_met(space: Space) -> Iterator[str]:
    """Yield a bound on neighbours that the pairs declared together or apart forbid by themselves,
    or that no whole number of pairs meets.
    """
    near = space.near
    if near is None:
        return
    place = {unit: at for at, group in enumerate(_joined(space)) for unit in group}
    split = {frozenset(map(int, pair)) for pair in space.apart}
    pairs = [(int(one), int(other)) for one, other in near.pairs]
    sure = [one in place and place[one] == place.get(other) for one, other in pairs]
    never = [frozenset(pair) in split for pair in pairs]
    least = int(near.weights[np.array(sure, dtype=bool)].sum())
    most = int(near.weights.sum() - near.weights[np.array(never, dtype=bool)].sum())
    if near.at_least > near.at_most:
        yield f"{near.words}: no whole number of pairs lies between. Widen the two."
    if least > near.at_most:
        yield (
            f"{near.words}: the pairs declared together are {near.share(least):.1%} of it already. "
            "Raise at_most, or leave a pair out."
        )
    if most < near.at_least:
        yield (
            f"{near.words}: without the pairs declared apart {near.share(most):.1%} are left. "
            "Lower at_least, or leave a pair out."
        )


def _joined(space: Space) -> list[list[int]]:
    """Return groups of units that the pairs declared together hold together."""
    groups: list[set[int]] = []
    for one, other in space.together:
        new = {int(one), int(other)}
        for group in [group for group in groups if group & new]:
            new |= group
            groups.remove(group)
        groups.append(new)
    return [sorted(group) for group in groups]


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """What trial draws, whose numbers have nothing to do with the draw, say of it.

    codes: (draws, u); counting: (draws,) whether each meets every limit and pair; fails: share that
    breaks each limit and pair, in words.
    """

    codes: Codes
    counting: NDArray[np.bool_]
    fails: tuple[tuple[str, float], ...]

    @property
    def share(self) -> float:
        """The share of trial draws that meet everything."""
        return float(self.counting.mean())


def attempt(space: Space, names: Names, *, purpose: bytes) -> Trial:
    """Return what trial draws say. purpose: bytes that make their numbers, never the draw's."""
    seed = hashlib.sha256(b"trial of " + purpose).digest()
    codes = draw_candidates(space, range(TRIALS), seed=seed)
    wrong = broken(space, codes)
    fails = tuple(zip(_constraints(space, names), wrong.mean(axis=1).tolist(), strict=True))
    return Trial(codes, np.asarray(~wrong.any(axis=0)), fails)


def _constraints(space: Space, names: Names) -> list[str]:
    """Return limits and pairs in words, in the order of `broken`."""
    units = names.units
    return [
        *(f"limit {cap.words}" for cap in space.caps),
        *(f"together {units[one]} and {units[other]}" for one, other in space.together),
        *(f"apart {units[one]} and {units[other]}" for one, other in space.apart),
        *([space.near.words] if space.near is not None else []),
    ]


def hardly(space: Space, trial: Trial, *, candidates: int) -> list[str]:
    """Return why too few of the candidates would count, where that is so, with the numbers."""
    if trial.share * candidates >= FEWEST:
        return []
    least = [_shown(one, cap) for one, cap in zip(_least(space, trial), space.caps, strict=True)]
    seen = {at: f" (the least seen is {one})" for at, one in enumerate(least)}
    if space.near is not None:
        held = space.near.held(trial.codes)
        low, high = space.near.share(int(held.min())), space.near.share(int(held.max()))
        seen[len(trial.fails) - 1] = f" (seen are {low:.1%} to {high:.1%})"
    hard = [
        f"{words}: broken by {share:.1%}{seen.get(at, '')}"
        for at, (words, share) in enumerate(trial.fails)
        if share > 0
    ]
    met = int(trial.counting.sum())
    return [
        f"{met:,} of {len(trial.codes):,} trial candidates meet every limit and pair, so that of "
        f"the draw's {candidates:,} fewer than {FEWEST} would; none is repaired after a draw. "
        f"{'; '.join(hard)}. Loosen these, draw more candidates, or make strata coarser."
    ]


def _least(space: Space, trial: Trial) -> list[int]:
    """Return the least that each limit's sum was in any trial draw."""
    found = []
    for cap in space.caps:
        sums = sums_by_wave(space, trial.codes, cap.weights[None, :])[:, 0]
        found.append(int((sums.max(axis=0) if cap.wave < 0 else sums[cap.wave]).min()))
    return found
