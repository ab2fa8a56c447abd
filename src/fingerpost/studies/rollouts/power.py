"""What a roll-out can find: its power under each correlation held possible, and the curves between.

A planner seldom knows how fast the level of a unit drifts, and power hangs on that more than on
anything else that is not known; so the answer is always a range and a curve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Correlation, Layout, Power, Rollout
from fingerpost.core.study import Study
from fingerpost.designs._power import Grounds, Reach, effect_of, grounds, reach
from fingerpost.studies.rollouts.units import (
    Counted,
    count_units,
    power_of,
    rollout_of,
    unit_of_outcome,
)

STEPS = 20  # of the cluster autocorrelation along a curve
# Near 1 curves may fall or rise steeply: a step there is no straight line.
NEAR_ONE = (0.975, 0.99, 0.995)
MOST_CURVES = 4
BEND = 1e-3  # the least share by which a curve bends back before it is said to


@dataclass(frozen=True, eq=False, slots=True)
class Planned:
    """The power of one roll-out.

    name, design: of the design, and its descriptor. headline: under the working correlation, else
    the first held possible. reaches: under each held possible; curves: along the cluster
    autocorrelation, by structure and intra-cluster correlation.
    """

    study: Study
    name: str
    design: Design
    layout: Layout
    power: Power
    unit: Counted
    ground: Grounds
    headline: Reach
    reaches: tuple[Reach, ...]
    curves: tuple[Reach, ...]

    @property
    def effect(self) -> float | None:
        """The effect that has to be found, in units of the outcome; None where none is named."""
        return effect_of(self.power)


def plan_power(study: Study, *, units: int) -> Planned:
    """Return the power of a study's roll-out of so many units.

    Raises UsageError where the study is of no roll-out or its order was not drawn, Malformed where
    it does not say what has to be found or its layout tells nothing.
    """
    rollout = rollout_of(study)
    power, name = asked(study), drawn_design(study)
    design = load("designs", name, kind=Design)
    layout = design.lay(rollout, units)
    ground = grounds(layout, power, anticipation=rollout.anticipation)
    held = possible(rollout, power)
    reaches = tuple(reach(ground, power, correlation=each) for each in held)
    curves = tuple(along(ground, power, curve_points(held)))
    unit = unit_of_outcome(study, power)
    return Planned(study, name, design, layout, power, unit, ground, reaches[0], reaches, curves)


def units_of(study: Study, base: Path) -> int:
    """Return how many units a study draws, once it is known that it draws them and what for.

    base: the folder of the study. Raises UsageError, or Malformed for a faulty register.
    """
    drawn_design(study)
    rollout = rollout_of(study)
    power_of(rollout)
    return count_units(rollout, base)


def asked(study: Study) -> Power:
    """Return what a roll-out has to find; of `at_exposure` at the first exposure that the estimand
    names, where the power names none.
    """
    power, named = power_of(rollout_of(study)), study.estimand.exposures
    if power.target == "at_exposure" and power.exposure is None and named:
        return replace(power, exposure=int(named[0]))
    return power


def drawn_design(study: Study) -> str:
    """Return the name of the design by which the order is drawn."""
    rollout_of(study)
    design = getattr(study.assignment, "design", None)
    if design is None:
        raise UsageError(
            f"{study.name}: nothing is drawn (assignment: observed), so that no power can be said "
            "of it. Name assignment: {randomised: {design: staggered, unit: …}}."
        )
    return str(design)


def possible(rollout: Rollout, power: Power) -> tuple[Correlation, ...]:
    """Return every correlation held possible, the working one first where it is named."""
    working = (rollout.correlation,) if rollout.correlation is not None else ()
    default = power.correlations == Power().correlations and bool(working)
    return tuple(dict.fromkeys((*working, *(() if default else power.correlations))))


def curve_points(held: tuple[Correlation, ...]) -> Iterable[Correlation]:
    """Yield the correlations along every curve, structure by structure.

    Nested and fading levels both, for which of them holds is seldom known; the intra-cluster
    correlations held possible, or half and twice of the only one.
    """
    iccs = spread_iccs(sorted({each.icc for each in held}))
    even = (at / STEPS for at in range(STEPS + 1))
    cacs = sorted({*(each.cac for each in held), *even, *NEAR_ONE})
    structures = dict.fromkeys((*(each.structure for each in held), "nested", "decay"))
    for structure in structures:
        like = next((each for each in held if each.structure == structure), held[0])
        cohort = {} if structure == "cohort" else {"iac": 0.0, "churn": 0.0}
        for icc in iccs:
            for cac in cacs:
                yield replace(like, structure=structure, icc=icc, cac=cac, **cohort)


def spread_iccs(held: list[float]) -> list[float]:
    """Return the intra-cluster correlations of the curves.

    >>> spread_iccs([0.05]), spread_iccs([0.01, 0.02, 0.05, 0.09, 0.2])
    ([0.025, 0.05, 0.1], [0.01, 0.02, 0.05, 0.2])
    """
    if len(held) == 1:
        return [held[0] / 2, held[0], min(0.99, 2 * held[0])] if held[0] else held
    last = len(held) - 1
    few = min(MOST_CURVES, len(held))
    return [held[at * last // (few - 1)] for at in range(few)]


def along(ground: Grounds, power: Power, points: Iterable[Correlation]) -> Iterable[Reach]:
    """Yield what is found at each point; one where no such correlation exists is passed over."""
    for point in points:
        try:
            yield reach(ground, power, correlation=point)
        except Malformed:
            if not point.effect_corr:
                raise


@dataclass(frozen=True, slots=True)
class Bend:
    """A curve that turns: the cluster autocorrelation at which the least is found, and the smallest
    detectable effect there and at both ends (at the least and the greatest autocorrelation).
    """

    structure: str
    icc: float
    cac: float
    worst: float
    ends: tuple[float, float]


def bends(curves: tuple[Reach, ...]) -> tuple[Bend, ...]:
    """Return the curves on which neither end of the autocorrelation is the worst case."""
    found = []
    for structure, icc in dict.fromkeys(
        (c.correlation.structure, c.correlation.icc) for c in curves
    ):
        mine = [
            c for c in curves if (c.correlation.structure, c.correlation.icc) == (structure, icc)
        ]
        worst = max(mine, key=lambda each: each.mdes)
        ends = (mine[0].mdes, mine[-1].mdes)
        if worst.mdes > max(ends) * (1 + BEND):
            found.append(Bend(structure, icc, worst.correlation.cac, worst.mdes, ends))
    return tuple(found)
