"""The plan of a roll-out: everything that can be checked before the draw, checked at once.

What cannot be met is a fault, and all faults are told together. What is not said yet is open: the
plan is written all the same, and says so. What is good is told with its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import NEVER, Layout, Rollout
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import counted, listing
from fingerpost.designs._feasible import attempt, hardly, infeasible
from fingerpost.studies.rollouts.confirming import confirm, read_rehearsal
from fingerpost.studies.rollouts.drawing import FEW_KEPT, Drawn, few_kept, replay
from fingerpost.studies.rollouts.frozen import Frozen, freeze, space_of
from fingerpost.studies.rollouts.monitoring import Monitored, due, ends_of, monitor, shown
from fingerpost.studies.rollouts.power import Planned, drawn_design, plan_power
from fingerpost.studies.rollouts.registering import locked, trial_seed
from fingerpost.studies.rollouts.units import count_units, rollout_of

T = TypeVar("T")
GOOD, OPEN, LOOK = "good", "open", "look at this"
# Words by which a provision may be one that the law owes a child already.
OWED = re.compile(
    r"\b(EHC|EHCP|EHCPs|education,? health and care plans?|section F|statutory|legal duty)\b", re.I
)
DUTY = (
    "What an Education, Health and Care plan specifies is a legal duty in England (Children and "
    "Families Act 2014, section 42): no draw may delay it, and no wave may wait for it. The same "
    "holds of any provision that a child is owed by law already"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. state: `good`, `open` or `look at this`; mend: what to do."""

    name: str
    state: str
    words: str
    mend: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """What a trial of the draw was like, from numbers that are never the draw's. meets: share of
    trial candidates that meet every limit and pair.
    """

    drawn: Drawn
    meets: float


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A plan, checked. planned, monitored: None where the study does not say what is to be found;
    frozen, trial: None where it names no register; rehearsed: what its rehearsal says, None where
    there was none.
    """

    study: Study
    units: int
    layout: Layout
    design: Design
    planned: Planned | None
    monitored: Monitored | None
    frozen: Frozen | None
    trial: Trial | None
    rehearsed: dict[str, Any] | None = None
    checks: tuple[Check, ...] = ()

    @property
    def rollout(self) -> Rollout:
        """The roll-out of the study."""
        return rollout_of(self.study)


def make(
    study: Study,
    base: Path,
    *,
    study_file: bytes = b"",
    rehearsal: bytes = b"",
    say: Callable[[str], None] = lambda words: None,
) -> Plan:
    """Return the plan of a study, checked. base: the folder beside which its register lies;
    rehearsal: the file of its rehearsal, where there was one.

    Raises UsageError where nothing is drawn, Malformed with every fault of register, waves, limits,
    power, looks and rehearsal.
    """
    rollout, name = rollout_of(study), drawn_design(study)
    design = load("designs", name, kind=Design)
    faults: list[str] = []
    say("reading the register")
    units = kept(faults, lambda: count_units(rollout, base))
    if units is None:
        raise Malformed(faults)
    layout = kept(faults, lambda: design.lay(rollout, units))
    frozen = trial = planned = monitored = None
    if rollout.register is not None:
        frozen = kept(faults, lambda: freeze(study, base, study_file=study_file))
    if frozen is not None:
        held = frozen
        say("trying the draw")
        trial = kept(faults, lambda: tried(held))
    if rollout.power is not None and layout is not None:
        say("computing power and looks")
        planned = kept(faults, lambda: plan_power(study, units=units))
    if planned is not None:
        found = planned
        monitored = kept(faults, lambda: monitor(found))
    rehearsed = kept(faults, lambda: confirmed(study, rehearsal)) if rehearsal else None
    if faults or layout is None:
        raise Malformed(list(dict.fromkeys(faults)))
    parts = (planned, monitored, frozen, trial, rehearsed)
    plan = Plan(study, units, layout, design, *parts)
    return replace(plan, checks=tuple(checked(plan)))


def kept(faults: list[str], ask: Callable[[], T]) -> T | None:
    """Return what is asked, or None and its faults noted."""
    try:
        return ask()
    except FingerpostError as fault:
        faults.extend(fault.problems)
        return None


def confirmed(study: Study, rehearsal: bytes) -> dict[str, Any]:
    """Return what a rehearsal of this very plan says. Raises where it is of another, or does not
    let it be registered as confirmatory.
    """
    confirm(study, rehearsal)
    return read_rehearsal(rehearsal)


def tried(frozen: Frozen) -> Trial:
    """Return a trial of the draw. Raises Malformed where it cannot be made, with every reason."""
    space, names = space_of(frozen)
    found = infeasible(space, names)
    if found:
        raise Malformed(found)
    trial = attempt(space, names, purpose=frozen.commitment)
    found = hardly(space, trial, candidates=frozen.plan["candidates"])
    if found:
        raise Malformed(found)
    drawn = replay(frozen, trial_seed(frozen))
    found = locked(frozen, drawn.shape)
    if found:
        raise Malformed(found)
    return Trial(drawn, trial.share)


# ------------------------------------------------------------------------------- checks
def checked(plan: Plan) -> Iterator[Check]:
    """Yield every check of a plan that has no fault."""
    yield of_units(plan)
    yield of_waves(plan)
    yield of_draw(plan)
    yield of_power(plan)
    yield of_rehearsal(plan)
    yield of_target(plan)
    yield of_looks(plan)
    yield of_returns(plan)
    yield of_waiting(plan)
    yield of_law(plan.study)


def of_units(plan: Plan) -> Check:
    """The units, once each, and their strata."""
    held = plan.rollout.register
    if held is None:
        words = f"{counted(plan.units, 'unit')}, as the waves say; no register names them."
        mend = "register: {table: areas.csv, unit: code}, a row each unit."
        return Check("units", OPEN, words, mend)
    strata = plan.study.assignment.strata
    many = len(set(plan.frozen.strata)) if plan.frozen else 0
    within = f", in {counted(many, 'stratum', several='strata')} of {listing(strata)}"
    words = f"{counted(plan.units, 'unit')} in {held.table}, each once{within if strata else ''}."
    return Check("units", GOOD, words)


def of_waves(plan: Plan) -> Check:
    """Waves that hold all units and no more."""
    each = [
        f"{name} {int(n)}" for name, n in zip(plan.layout.waves, plan.layout.units, strict=True)
    ]
    words = f"{'; '.join(each)}: {plan.units:,} in all, as there are units."
    odd = odd_waves(plan)
    if odd:
        mend = "Add a period before the first wave; give waves that begin together one name."
        return Check("waves", LOOK, f"{words} {' '.join(odd)}", mend)
    return Check("waves", GOOD, words)


def odd_waves(plan: Plan) -> list[str]:
    """Return in words what is odd in when waves begin, though a draw can be made of it."""
    names, begins = plan.layout.waves, [int(at) for at in plan.layout.begins]
    first = listing(name for name, at in zip(names, begins, strict=True) if at == 0)
    found = []
    if first:
        found.append(
            f"Provision begins in {first} in the first period, so that nothing is known of its "
            "units without it."
        )
    for place in sorted({at for at in begins if at >= 0 and begins.count(at) > 1}):
        both = listing(name for name, at in zip(names, begins, strict=True) if at == place)
        found.append(f"{both} begin together, in {plan.layout.periods[place]}.")
    return found


def of_draw(plan: Plan) -> Check:
    """Limits and pairs that a draw can meet, and no unit whose wave is as good as known."""
    if plan.trial is None:
        words = "what a draw would be like cannot be tried without a register."
        return Check("draw", OPEN, words, "Name the register.")
    drawn = plan.trial.drawn
    chance = drawn.shape.by_wave / drawn.shape.draws
    pairs = (
        f"; two units share a wave in {100 * drawn.shape.least / drawn.shape.draws:.0f}% to "
        f"{100 * drawn.shape.most / drawn.shape.draws:.0f}% of draws"
        if drawn.shape.least >= 0
        else ""
    )
    words = (
        f"{100 * plan.trial.meets:.0f}% of trial candidates meet every limit and pair. Of a trial "
        f"of the whole draw {drawn.shape.draws:,} were kept, {drawn.shape.distinct:,} of them "
        f"different; a unit is in a wave with a probability of {chance.min():.2f} to "
        f"{chance.max():.2f}{pairs}. No pair is locked that nobody declared."
    )
    if drawn.shape.distinct < FEW_KEPT:
        mend = f"Draw more candidates, or keep a larger share: {FEW_KEPT} or more that differ."
        return Check("draw", LOOK, f"{words} {few_kept(drawn.shape.distinct)}", mend)
    return Check("draw", GOOD, words)


def of_power(plan: Plan) -> Check:
    """What can be found, under everything that is held possible."""
    planned = plan.planned
    if planned is None:
        words = "what the roll-out has to find is not said, so that nobody knows if it can."
        return Check("power", OPEN, words, "power: {effect, sd, children, correlations}.")
    times, unit = planned.unit.times, planned.unit.words
    sizes = [times * each.mdes for each in planned.reaches]
    span = f"{min(sizes):.3g} to {max(sizes):.3g}" if len(sizes) > 1 else f"{sizes[0]:.3g}"
    asked = f"of the target {planned.power.target}"
    words = (
        f"smallest effect {asked} found with {100 * planned.power.power:g}% power: {span} {unit}"
    )
    effect = planned.effect
    if effect is None:
        return Check("power", OPEN, f"{words}.", "Name the effect that matters: power: {effect}.")
    powers = [each.power_z for each in planned.reaches if each.power_z is not None]
    words += (
        f"; the effect to be found is {signed(times * effect)}, with a power of "
        f"{shown(min(powers))} to {shown(max(powers))} under all correlations held possible."
    )
    if min(powers) < planned.power.power:
        mend = "More units or periods, a smaller late group, or an outcome that drifts less."
        return Check("power", LOOK, words, mend)
    return Check("power", GOOD, words)


def of_rehearsal(plan: Plan) -> Check:
    """Whether it was rehearsed on the past of its units."""
    held = plan.rehearsed
    if held is None:
        words = "not rehearsed on the past of its units: its results would count as exploratory."
        mend = (
            "fingerpost rollout rehearse STUDY --records PAST --json FILE; then --rehearsal FILE."
        )
        return Check("rehearsal", OPEN, words, mend)
    words = (
        f"{held['draws']:,} draws of this plan were replayed on the past: "
        f"{listing(held['holds'])} held their size and coverage."
    )
    return Check("rehearsal", GOOD, words)


def signed(value: float) -> str:
    """Return an effect with a true minus sign.

    >>> signed(-0.15)
    '−0.15'
    """
    return f"{value:.3g}".replace("-", "−")


def of_target(plan: Plan) -> Check:
    """One primary question, and estimators that answer it."""
    study = plan.study
    lacks = [
        (not study.outcomes, "outcomes: {name: {column, better}}"),
        (not study.estimators, f"estimators: [{plan.design.analysis}]"),
        (bool(study.estimators) and not study.primary, "primary: [one of the estimators]"),
    ]
    said = [words for missing, words in lacks if missing]
    targets = listing(each.label() for each in study.estimand.targets)
    first = f"target {targets}; estimators {listing(study.estimators) or 'none named'}; primary "
    words = f"{first}{listing(study.primary) or 'none named'}."
    if len(study.estimand.targets) > 1:
        words += f" The primary target is the first, {study.estimand.targets[0].label()}."
    if said:
        return Check("question", OPEN, words, f"Name {'; '.join(said)}.")
    return Check("question", GOOD, words)


def of_looks(plan: Plan) -> Check:
    """Looks on the way, declared."""
    found = plan.monitored
    if found is None:
        return Check("looks", OPEN, "without power no look can be weighed.", "Say what is sought.")
    each = [f"{look.period} {100 * look.fraction:.0f}%" for look in found.looks]
    words = f"{counted(len(each), 'look')}, by what is known then: {'; '.join(each)}."
    if plan.rollout.monitoring is None:
        mend = "monitoring: {} for one each academic year as here, or {looks: 1} for none."
        return Check("looks", OPEN, f"not declared. Proposed: {words}", mend)
    return Check("looks", GOOD, words)


def of_returns(plan: Plan) -> Check:
    """Returns of every period, with their dates."""
    owed = plan.rollout.collection
    if owed is None:
        mend = "collection: {columns: […], due_days: 30, ends: {period: date}}."
        return Check("returns", OPEN, "what units owe, and when, is not said.", mend)
    unasked = [one.column for one in plan.study.outcomes if one.column not in owed.columns]
    if unasked:
        words = (
            f"{listing(owed.columns)}; the outcome needs {listing(unasked)}, which nobody asks for."
        )
        return Check("returns", LOOK, words, "Add it to collection.columns.")
    without = [one for one in plan.rollout.periods if ends_of(owed, one) is None]
    words = f"{listing(owed.columns)}, {counted(owed.due_days, 'day')} after a period ends"
    if without:
        mend = f"collection.ends: the last day of {listing(without)}."
        return Check("returns", OPEN, f"{words}; no last day of {listing(without)}.", mend)
    return Check("returns", GOOD, f"{words}, for every one of {len(plan.rollout.periods)} periods.")


def of_waiting(plan: Plan) -> Check:
    """What is denied to whom, and for how long."""
    rows = waiting_table(plan).records()
    longest = max(int(row["waits"] or 0) for row in rows)
    never = [str(row["wave"]) for row in rows if row["provided"] == 0]
    words = f"the longest wait is {counted(longest, 'period')} after provision first begins"
    if never:
        words += f"; {listing(never)} {'goes' if len(never) == 1 else 'go'} without to the end"
    mend = "" if plan.study.statement.why else "Say why that is fair: statement: {why: …}."
    return Check("waiting", LOOK, f"{words}. {plan.design.denies}", mend)


def of_law(study: Study) -> Check:
    """Nobody waits for what the law owes them."""
    told = dict(rollout_of(study).registry).get("lawfulness", "")
    texts = (study.question, *(words for _, words in study.arms.words))
    named = [found.group(0) for text in texts for found in [OWED.search(text)] if found]
    if told:
        return Check("law", LOOK if named else GOOD, f"{DUTY}. The study says: {told}", "")
    spoken = f" This study speaks of {listing(dict.fromkeys(named))}." if named else ""
    mend = "registry: {lawfulness: why nobody waits for what the law owes them, and who says so}."
    return Check("law", LOOK if named else OPEN, f"{DUTY}.{spoken}", mend)


# ------------------------------------------------------------------------------- tables
def checks_table(plan: Plan) -> Table:
    """Return every check, a row each."""
    rows = tuple((one.name, one.state, one.words, one.mend) for one in plan.checks)
    columns = ("checked", "state", "found", "mend")
    return Table("checks", "Checked before the draw", columns, ("label",) * 4, rows)


def children_of(plan: Plan) -> tuple[float | None, str]:
    """Return how many children a unit has on average, and whence that is known."""
    held = plan.rollout.register
    if held is not None and held.size and plan.frozen is not None:
        sizes = [float(cell) for cell in plan.frozen.columns[held.size]]
        return float(np.mean(sizes)), f"column {held.size} of the register"
    if plan.rollout.power is not None:
        return plan.rollout.power.children, "the study's power"
    return None, ""


def waiting_table(plan: Plan) -> Table:
    """Return what is denied to whom: each wave's wait after provision first begins anywhere."""
    periods, layout = len(plan.layout.periods), plan.layout
    first = min(int(at) for at in layout.begins if at >= 0)
    each, source = children_of(plan)
    rows: list[tuple[Cell, ...]] = []
    for name, units, begins in zip(layout.waves, layout.units, layout.begins, strict=True):
        end = periods if begins == NEVER else int(begins)
        children = None if each is None else round(each * int(units))
        when = "not before the end" if begins == NEVER else layout.periods[end]
        waits = end - first
        owed = None if children is None else children * waits
        rows.append((name, int(units), children, when, waits, periods - end, owed))
    columns = ("wave", "units", "children", "begins", "waits", "provided", "child_periods")
    kinds = ("label", "number", "number", "label", "number", "number", "number")
    told = f" children: units by the mean of {source}." if source else ""
    return Table(
        "waiting",
        "Who waits, and for how long",
        columns,
        kinds,
        tuple(rows),
        context="waits: periods without provision after it has begun somewhere; child_periods: "
        f"children times periods waited.{told}",
        tells=Tells(keys=("units",)),
    )


def balance_table(plan: Plan) -> Table | None:
    """Return what units are like in each column that balances the draw; None without a register."""
    if plan.frozen is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for name in plan.rollout.draw.balance:
        values = np.array([float(cell) for cell in plan.frozen.columns[name]])
        spread = (values.mean(), values.std(ddof=1), values.min(), values.max())
        rows.append((name, *(float(each) for each in spread)))
    return Table(
        "balance",
        "Columns on which waves are to be alike",
        ("covariate", "mean", "sd", "least", "most"),
        ("label", *("number",) * 4),
        tuple(rows),
        context="Over all units of the register, each counted alike.",
    )


def calendar_table(plan: Plan) -> Table:
    """Return every period: which waves begin, when it ends, when returns are due, who looks."""
    owed = plan.rollout.collection
    begins = {
        period: listing(
            name
            for name, at in zip(plan.layout.waves, plan.layout.begins, strict=True)
            if at == place
        )
        for place, period in enumerate(plan.layout.periods)
    }
    looks = (
        {look.period: at for at, look in enumerate(plan.monitored.looks, 1)}
        if (plan.monitored)
        else {}
    )
    rows = tuple(
        (
            period,
            begins[period],
            str((owed and ends_of(owed, period)) or ""),
            due(plan.rollout, period),
            f"look {looks[period]}" if period in looks else "",
        )
        for period in plan.layout.periods
    )
    columns = ("period", "begins", "ends", "returns_due", "looks")
    return Table("calendar", "The calendar", columns, ("label",) * 5, rows)
