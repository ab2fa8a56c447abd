"""A plan laid on the last periods of the past of its units, with the draws that it might make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.periods import place_of
from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design, load
from fingerpost.core.panel import Panel
from fingerpost.core.rollout import NEVER, Layout
from fingerpost.core.study import Study
from fingerpost.core.words import counted
from fingerpost.designs._clusters import counted_chances
from fingerpost.designs._constrained import Space, draw_candidates
from fingerpost.kernels.clusters import recode
from fingerpost.studies.rollouts.analysing import anticipation_of, cluster_of
from fingerpost.studies.rollouts.drawing import rehearsed
from fingerpost.studies.rollouts.frozen import design_of
from fingerpost.studies.rollouts.registers import codes as register_codes
from fingerpost.studies.rollouts.units import rollout_of

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
REPLAYED = 99  # draws that a randomisation test replays, of each draw rehearsed


@dataclass(frozen=True, eq=False, slots=True)
class Laid:
    """A plan laid on the past of one outcome. panel: complete units over the plan's last periods,
    which bear the plan's names; past: what they are called in the records. begins: (k,) period in
    which each wave begins. codes: (d, c) waves of what is drawn; names: (c,) of that; member: (u,)
    units' places among them. chances: (c, k) of each wave, counted over `counted` draws. cut: first
    periods of the plan that the past is too short for. own: whether draws are the register's own.
    planned: units of the plan.
    """

    panel: Panel
    outcome: str
    past: tuple[str, ...]
    waves: tuple[str, ...]
    begins: Whole
    codes: Whole
    names: tuple[str, ...]
    member: Whole
    level: str | None
    cut: tuple[str, ...]
    own: bool
    chances: Floats
    counted: int
    planned: int = 0

    @property
    def alike(self) -> bool:
        """Whether periods of the past are as long as the plan's, as far as their names tell."""
        one, other = (place_of(name) for name in (self.past[-1], self.panel.periods[-1]))
        return one is None or other is None or one[0] == other[0]

    @property
    def sizes(self) -> Whole:
        """(k,) units of each wave in the first draw."""
        return np.bincount(self.codes[0][self.member], minlength=len(self.waves))

    def adopted(self, draw: int) -> Whole:
        """Return (u,) the period in which provision would have begun."""
        found: Whole = self.begins[self.codes[draw][self.member]]
        return found

    def during(self) -> Floats:
        """Return (u, t') outcomes in periods from the first beginning on."""
        first = int(self.begins[self.begins >= 0].min())
        return self.panel.outcomes[self.outcome].mean[:, first:]

    @property
    def drawn(self) -> Drawn:
        """The draw as leaves take it: chances, and the last draws as a randomisation test replays
        them.
        """
        own = Allocation(self.names, self.waves, self.codes[0], self.chances, draws=self.counted)
        return Drawn(own, Permutations(self.names, self.waves, self.codes[-REPLAYED:]))


def lay(study: Study, panel: Panel, outcome: str, *, base: Path, draws: int) -> Laid:
    """Return the plan laid on the last periods of a panel of complete units, with its draws."""
    rollout = rollout_of(study)
    level = cluster_of(study)
    names, member = drawn_units(panel, level)
    planned = planned_units(study, base, default=len(names))
    layout = load("designs", design_of(study), kind=Design).lay(rollout, planned)
    kept = min(len(layout.periods), len(panel.periods))
    cut = len(layout.periods) - kept
    begins = np.where(layout.begins >= 0, layout.begins - cut, NEVER)
    check_long_enough(study, layout, cut=cut, past=len(panel.periods), outcome=outcome)
    tail = panel.over(np.arange(len(panel.periods) - kept, len(panel.periods)))
    registered = register_draws(study, names, base=base, draws=draws)
    if registered is not None:
        keep, codes, chances, many = registered
        units = np.flatnonzero(np.isin(member, keep))
        tail, member = tail.take(units), recode(member[units])[0].astype(np.int64)
        names = tuple(names[at] for at in keep)
    else:
        codes = simple_draws(study, tail, member, layout, draws=draws, outcome=outcome)
        chances, many = counted_chances(codes, len(layout.waves)), len(codes)
    if level is not None:
        tail = replace(
            tail,
            clusters={**tail.clusters, level: member},
            cluster_names={**tail.cluster_names, level: names},
        )
    begins = begins.astype(np.int64)
    return Laid(
        panel=replace(tail, periods=layout.periods[cut:], drawn=member, begins=begins),
        outcome=outcome,
        past=tail.periods,
        waves=layout.waves,
        begins=begins,
        codes=codes,
        names=names,
        member=member,
        level=level,
        cut=layout.periods[:cut],
        own=registered is not None,
        chances=chances,
        counted=many,
        planned=planned,
    )


def drawn_units(panel: Panel, level: str | None) -> tuple[tuple[str, ...], Whole]:
    """Return the names of what is drawn, and each unit's place among them."""
    if level is None:
        return panel.units, np.arange(len(panel.units))
    code, kept = recode(np.asarray(panel.clusters[level]))
    called = panel.cluster_names[level]
    return tuple(called[int(at)] for at in kept), code.astype(np.int64)


def planned_units(study: Study, base: Path, *, default: int) -> int:
    """Return how many units the plan has; `default` where it leaves that open."""
    rollout = rollout_of(study)
    if rollout.register is not None:
        return len(register_codes(rollout.register, base))
    held = [wave.units for wave in rollout.waves]
    return default if not held or None in held else sum(each or 0 for each in held)


def check_long_enough(study: Study, layout: Layout, *, cut: int, past: int, outcome: str) -> None:
    """Raise Malformed where the past leaves no period before the plan's first beginning."""
    first = int(layout.begins[layout.begins >= 0].min())
    before = 1 + anticipation_of(study)
    if first - cut < before:
        needed = len(layout.periods) - first + before
        raise Malformed(
            f"{outcome}: its past holds {counted(past, 'period')}, and the plan needs {needed}: "
            f"{len(layout.periods) - first} from the first beginning on and {before} before it. "
            "Rehearse an outcome with a longer past, or a plan with fewer periods."
        )


def register_draws(
    study: Study, names: tuple[str, ...], *, base: Path, draws: int
) -> tuple[Whole, Whole, Floats, int] | None:
    """Return (c,) places of units that the register holds, their (d, c) waves in the plan's own
    draws, and their (c, k) chances with the number of draws they are counted over (0: exact); None
    where there is no register, or it speaks of other units.
    """
    rollout = rollout_of(study)
    if rollout.register is None:
        return None
    held = set(register_codes(rollout.register, base))
    keep = np.array([at for at, name in enumerate(names) if name in held], dtype=np.int64)
    if 2 * len(keep) < len(held):
        return None
    enough = int(np.ceil(draws / rollout.draw.accept))
    drawn = rehearsed(study, base, candidates=max(rollout.draw.candidates, enough))
    place = {unit: at for at, unit in enumerate(drawn.frozen.units)}
    columns = np.array([place[names[at]] for at in keep], dtype=np.int64)
    codes = np.asarray(drawn.permutations(draws).codes)[:, columns].astype(np.int64)
    # Levelled as the analysis will level them, so that nothing is left of counting.
    return keep, codes, Drawn(drawn.allocation).chances[columns], 0


def simple_draws(
    study: Study, panel: Panel, member: Whole, layout: Layout, *, draws: int, outcome: str
) -> Whole:
    """Return (d, c) waves of what is drawn, in the plan's shares, within strata where the records
    hold them: the plan's draw without its register's columns and limits.
    """
    count = int(member.max()) + 1
    strata = np.zeros(count, dtype=np.int64)
    if panel.strata is not None:
        strata[member] = np.asarray(panel.strata)
    _, strata = np.unique(strata, return_inverse=True)
    order = {code: at for at, code in enumerate(dict.fromkeys(strata.tolist()))}
    space = Space(
        strata=np.array([order[code] for code in strata.tolist()], dtype=np.int64),
        waves=shared_out(layout.units, count),
        scores=np.zeros((0, count), dtype=np.int64),
    )
    seed = hashlib.sha256(f"rehearsal of {study.digest()} {outcome}".encode()).digest()
    return draw_candidates(space, range(draws), seed=seed).astype(np.int64)


def shared_out(units: Whole, count: int) -> Whole:
    """Return `count` units in the shares of the plan's waves, largest remainders first.

    >>> shared_out(np.array([32, 32, 25]), 44).tolist()
    [16, 16, 12]
    """
    exact = units * count / units.sum()
    found = np.floor(exact).astype(np.int64)
    more = np.argsort(-(exact - found), kind="stable")[: count - int(found.sum())]
    found[more] += 1
    return np.asarray(found, dtype=np.int64)
