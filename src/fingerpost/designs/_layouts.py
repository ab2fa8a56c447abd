"""Layouts that designs share: waves as they are declared, or units spread over a design's own.

A roll-out that names no wave, or only one that says when provision first begins and not in how many
units, is laid out by the design's own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fingerpost.core.errors import Malformed, nearest
from fingerpost.core.rollout import NEVER, Layout, Rollout, Wave
from fingerpost.core.words import counted, listing

LATE = "late"
Own = Callable[[Rollout, int], tuple[Wave, ...]]


def laid_out(rollout: Rollout, units: int, own: Own) -> Layout:
    """Return the layout of a roll-out's waves, or of a design's `own` where it declares none.

    Raises Malformed with every fault of its periods, waves and units.
    """
    faults = faults_of_units(rollout, units)
    if faults:
        raise Malformed(faults)
    if by_rule(rollout):
        return _layout(spread(own(rollout, units), units), rollout.periods)
    return _layout(filled(rollout.waves, units), rollout.periods)


def by_rule(rollout: Rollout) -> bool:
    """Return whether a design lays the roll-out out by its own rule."""
    waves = rollout.waves
    return not waves or (len(waves) == 1 and bool(waves[0].begins) and waves[0].units is None)


def first_begin(rollout: Rollout) -> int:
    """Return the index of the period in which provision first begins: as declared, else the second
    period, so that one passes before.
    """
    declared = [
        rollout.periods.index(wave.begins)
        for wave in rollout.waves
        if wave.begins in rollout.periods
    ]
    return min(declared, default=min(1, len(rollout.periods) - 1))


def faults_of_units(rollout: Rollout, units: int) -> list[str]:
    """Return every fault of the periods, the waves and their units."""
    periods = rollout.periods
    faults = [] if len(periods) > 1 else ["rollout: name two periods or more."]
    twice = sorted({one for one in periods if periods.count(one) > 1})
    faults += [f"periods: {one} is named twice." for one in twice]
    for wave in rollout.waves:
        if wave.begins and wave.begins not in periods:
            faults.append(
                f"waves, {wave.name}: it begins in {wave.begins}, which is no period of the "
                f"roll-out.{nearest(wave.begins, periods)}"
            )
        if wave.units is not None and wave.units < 1:
            faults.append(f"waves, {wave.name}: it holds no unit. Give it units, or leave it out.")
    if units < 2:
        faults.append(f"{counted(units, 'unit')}: a draw needs two or more.")
    return faults if by_rule(rollout) else faults + faults_of_shares(rollout.waves, units)


def faults_of_shares(waves: tuple[Wave, ...], units: int) -> list[str]:
    """Return every fault of how units are shared out among waves."""
    said = sum(wave.units or 0 for wave in waves)
    open_waves = [wave.name for wave in waves if wave.units is None]
    if said > units or (not open_waves and said != units):
        return [
            f"waves: they hold {counted(said, 'unit')}, and there are {units:,}. Change the units "
            "of a wave, or leave them out of one, which then takes what is left."
        ]
    if open_waves and units - said < len(open_waves):
        return [
            f"waves: {listing(open_waves)} would share {counted(units - said, 'unit')}. Give other "
            "waves fewer."
        ]
    return []


def filled(waves: tuple[Wave, ...], units: int) -> tuple[Wave, ...]:
    """Return waves in which those without a number of units share what others leave, evenly."""
    left = units - sum(wave.units or 0 for wave in waves)
    shares = iter(evenly(left, sum(wave.units is None for wave in waves)))
    return tuple(
        wave if wave.units is not None else replace(wave, units=next(shares)) for wave in waves
    )


def spread(waves: tuple[Wave, ...], units: int) -> tuple[Wave, ...]:
    """Return waves with all units spread evenly over them; the later the fewer. Raises Malformed
    where there are fewer units than waves.
    """
    if units < len(waves):
        raise Malformed(
            f"{counted(units, 'unit')} cannot be spread over {counted(len(waves), 'wave')}. Name "
            "fewer waves."
        )
    shares = evenly(units, len(waves))
    return tuple(replace(wave, units=held) for wave, held in zip(waves, shares, strict=True))


def evenly(units: int, parts: int) -> tuple[int, ...]:
    """Return units in parts as even as they can be, the larger first.

    >>> evenly(152, 6)
    (26, 26, 25, 25, 25, 25)
    """
    return tuple(units // parts + (at < units % parts) for at in range(parts)) if parts else ()


def in_turn(rollout: Rollout, turns: Sequence[int], *, units: int) -> tuple[Wave, ...]:
    """Return a wave a period of `turns`; where there are fewer units than that, as many waves as
    units, as evenly over the periods as can be.
    """
    many = max(1, min(len(turns), units))
    kept = [turns[at * len(turns) // many] for at in range(many)] if turns else []
    return tuple(Wave(f"wave {at}", rollout.periods[on]) for at, on in enumerate(kept, start=1))


def _layout(waves: tuple[Wave, ...], periods: tuple[str, ...]) -> Layout:
    """Return waves as arrays, in the order in which they begin."""
    began = [periods.index(wave.begins) if wave.begins else NEVER for wave in waves]
    order = sorted(range(len(waves)), key=lambda at: (began[at] < 0, began[at]))
    return Layout(
        waves=tuple(waves[at].name for at in order),
        periods=periods,
        begins=np.array([began[at] for at in order], dtype=np.int64),
        units=np.array([waves[at].units for at in order], dtype=np.int64),
    )


def begun(layout: Layout) -> list[int]:
    """Return the distinct periods in which provision begins, in order."""
    return sorted({int(at) for at in layout.begins if at >= 0})


def has_late(layout: Layout) -> bool:
    """Return whether provision does not begin before the last period's end in some units."""
    return bool((layout.begins < 0).any())
