"""How many units a roll-out has, and in which unit its outcome is counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.rollout import Power, Rollout
from fingerpost.core.study import Study
from fingerpost.studies.rollouts.registers import codes


@dataclass(frozen=True, slots=True)
class Counted:
    """How numbers of an outcome are shown: multiplied by `times`, followed by `words`; in tables
    and data they are as they are, in unit `raw`.
    """

    words: str
    times: float = 1.0
    raw: str = ""


def rollout_of(study: Study) -> Rollout:
    """Return the roll-out of a study. Raises UsageError where it has none."""
    if study.rollout is None:
        raise UsageError(
            f"{study.name}: this study is of no roll-out. It needs `rollout:` with periods and "
            "waves; see examples/rollouts."
        )
    return study.rollout


def power_of(rollout: Rollout) -> Power:
    """Return what a roll-out has to find. Raises Malformed where it does not say."""
    if rollout.power is None:
        raise Malformed(
            "rollout: it does not say what has to be found. Add power: {effect, sd, children, "
            "correlations}."
        )
    return rollout.power


def unit_of_outcome(study: Study, power: Power) -> Counted:
    """Return the unit of a study's first outcome: percentage points where it is a risk."""
    if power.kind == "binary":
        return Counted("percentage points", 100.0, "risk difference")
    measured = study.outcomes[0].measure.measured_in if study.outcomes else ""
    usual = "events a child" if power.kind == "count" else "units of the outcome"
    return Counted(measured or usual, raw=measured or usual)


def count_units(rollout: Rollout, base: Path) -> int:
    """Return how many units there are: the rows of the register, else those that waves hold.

    base: the folder of the study, beside which the register lies. Raises Malformed where neither
    says, for a register that cannot be read, or names a unit twice.
    """
    if rollout.register is not None:
        return len(codes(rollout.register, base))
    held = [wave.units for wave in rollout.waves]
    if not held or None in held:
        raise Malformed(
            "rollout: how many units there are is not said. Give every wave its units, or name a "
            "register."
        )
    return sum(each or 0 for each in held)
