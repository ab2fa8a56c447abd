"""What must hold in a document of a roll-out, before any record is read."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import re

from fingerpost.core.calendar import period_end
from fingerpost.core.errors import listed, nearest
from fingerpost.core.estimand import PANEL_TARGETS
from fingerpost.core.leaves import Design, Estimator, load, menu, names
from fingerpost.core.rollout import Power, Rollout
from fingerpost.core.study import Study
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.rollouts import NOT_OF_ROLLOUTS
from fingerpost.studies.language.rollouts_plan import check_monitoring

# Beyond these no number of a plan is meant, and sums of its squares leave what a computer holds.
MOST_CHILDREN, MOST_CV = 10_000_000, 5
LEAST, MOST = 1e-9, 1e12  # of an outcome's sd, effect and level, whatever its units


def check_rollout(document: Document, study: Study, faults: FaultList, *, said: set[str]) -> None:
    """Note every fault of a document of a roll-out. said: the keys at the top of the file."""
    for key in NOT_OF_ROLLOUTS:
        if key in said:
            faults.add(
                key, "belongs to studies of children; this one is of a roll-out. Leave it out."
            )
    rollout = study.rollout
    if rollout is None:
        return
    check_ways(document, faults)
    check_waves(rollout, faults)
    check_draw(rollout, faults)
    check_pulse(rollout, faults)
    check_power(study, rollout, faults)
    check_collection(rollout, faults)
    check_monitoring(rollout, faults)
    check_records_of(document, study, faults)
    check_targets(study, faults)
    check_takers(study, faults)


def check_ways(document: Document, faults: FaultList) -> None:
    """Exactly one way of assignment; what was drawn by a design that there is."""
    part = document.assignment
    if part is None:
        return
    if (part.observed is None) == (part.randomised is None):
        faults.add(
            "assignment",
            "needs exactly one of observed: {} and randomised: {design: stepped_wedge, unit: …}.",
        )
    for key in ("observed", "randomised"):
        own = getattr(part, key)
        if own is not None and own.given is not None and own.given[1] is not None:
            words = "all_but is of studies of children. Name columns."
            faults.add(f"assignment.{key}.given", words)
    design = part.randomised.design if part.randomised else None
    known = tuple(name for name, one in menu("designs", Design).items() if one.layout is not None)
    if design is not None and design not in known:
        allowed = f"Allowed: {listed(known)}.{nearest(design, known)}"
        words = f'"{design}" is no design of a roll-out. {allowed}'
        faults.add("assignment.randomised.design", words)


def check_waves(rollout: Rollout, faults: FaultList) -> None:
    """Periods told once and in order, waves that begin in them, at most one without a number."""
    twice = sorted({one for one in rollout.periods if rollout.periods.count(one) > 1})
    if twice:
        faults.add("rollout.periods", f"{listed(twice)} is named twice.")
    if rollout.periods and len(rollout.periods) < 2:
        faults.add("rollout.periods", "one period shows no change. Name two or more.")
    check_order(rollout, faults)
    if rollout.waves and not rollout.periods:
        faults.add("rollout.periods", "is missing: waves begin in a period. Write periods: [...].")
    for wave in rollout.waves:
        if wave.begins and rollout.periods and wave.begins not in rollout.periods:
            menu = f"Allowed: {listed(rollout.periods)}.{nearest(wave.begins, rollout.periods)}"
            faults.add(
                f"rollout.waves.{wave.name}.begins",
                f'"{wave.begins}" is not a period. {menu}',
                at=("rollout", "waves", wave.name),
            )
    if len(rollout.waves) == 1:
        faults.add("rollout.waves", "one wave leaves nothing to compare it with. Name two or more.")
    for what, open_ in (
        ("units", [one.name for one in rollout.waves if one.units is None]),
        ("begins", [one.name for one in rollout.waves if not one.begins]),
    ):
        if len(open_) > 1:
            faults.add("rollout.waves", f"{listed(open_)} have no {what}; at most one wave may.")
    if rollout.periods and rollout.anticipation >= len(rollout.periods):
        faults.add("rollout.anticipation", f"is not less than the {len(rollout.periods)} periods.")


def check_order(rollout: Rollout, faults: FaultList) -> None:
    """Periods run forwards, by the days on which they end: as the study says, or as their names do
    (terms, years).
    """
    said = dict(rollout.collection.ends) if rollout.collection else {}
    ends: list[tuple[str, datetime.date]] = []
    for name in rollout.periods:
        with contextlib.suppress(ValueError):
            day = datetime.date.fromisoformat(said[name]) if name in said else period_end(name)
            if day is not None:
                ends.append((name, day))
    for (before, early), (name, late) in itertools.pairwise(ends):
        if late <= early:
            where = "rollout.collection.ends" if {before, name} & set(said) else "rollout.periods"
            faults.add(
                where,
                f"{name} ends on {late}, not after {before} ({early}). Write periods in the order "
                "in which they come.",
            )
            return


def check_draw(rollout: Rollout, faults: FaultList) -> None:
    """Limits on waves that there are; a pair is not both together and apart."""
    waves = tuple(one.name for one in rollout.waves)
    for place, limit in enumerate(rollout.draw.limits):
        if limit.wave is not None and limit.wave not in waves:
            faults.add(
                "rollout.draw.limits",
                f'"{limit.wave}" is no wave. Allowed: {listed(waves)}.{nearest(limit.wave, waves)}',
                at=("rollout", "draw", "limits", place),
            )
    both = {frozenset(one) for one in rollout.draw.together}
    for pair in rollout.draw.apart:
        if frozenset(pair) in both:
            faults.add("rollout.draw.apart", f"{listed(pair)} are to be both together and apart.")
    for key in ("together", "apart"):
        for pair in getattr(rollout.draw, key):
            if pair[0] == pair[1]:
                faults.add(f"rollout.draw.{key}", f'"{pair[0]}" is paired with itself.')
    check_neighbours(rollout, faults)


def check_neighbours(rollout: Rollout, faults: FaultList) -> None:
    """A bound on neighbours that start together says how many, of pairs that the register names."""
    near, key = rollout.draw.neighbours, "rollout.draw.neighbours"
    if near is None:
        return
    if rollout.register is None or not rollout.register.neighbours:
        faults.add(key, "needs register: {neighbours: FILE}, the pairs that it speaks of.")
    if near.at_least is None and near.at_most is None:
        faults.add(key, "says no number. Write {at_most: 0.3}, {at_least: 0.2}, or both.")
    if near.at_least is not None and near.at_most is not None and near.at_least > near.at_most:
        faults.add(key, f"at_least {near.at_least:g} is above at_most {near.at_most:g}.")


def check_pulse(rollout: Rollout, faults: FaultList) -> None:
    """Parties where they reveal, and only there; each with a SHA-256."""
    pulse = rollout.draw.pulse
    if (pulse.source == "parties") != bool(pulse.parties):
        faults.add(
            "rollout.draw.pulse",
            "needs parties: {name: SHA-256 of its secret} with source: parties, and only there.",
        )
    for name, digest in pulse.parties:
        if re.fullmatch("[0-9a-f]{64}", digest) is None:
            faults.add(
                "rollout.draw.pulse.parties",
                f"{name}: a SHA-256 has 64 digits of 0-9 and a-f. The party takes it of the 32 "
                "bytes of its secret.",
            )


def check_power(study: Study, rollout: Rollout, faults: FaultList) -> None:
    """What is needed to say what can be found, and correlations that can be."""
    power = rollout.power
    if power is None:
        return
    first = study.outcomes[0].kind if study.outcomes else power.kind
    if first != power.kind and {first, power.kind} <= {"continuous", "binary", "count"}:
        faults.add(
            "rollout.power.kind",
            f"is {power.kind}, and the first outcome, {study.outcomes[0].name}, is {first}. Leave "
            "it out, or say of both the same.",
        )
    if power.effect == 0:
        faults.add("rollout.power.effect", "is 0: there is no effect to be found. Leave it out.")
    absent = missing_of(power)
    if absent:
        faults.add("rollout.power", f"kind {power.kind} needs {listed(absent)}.")
    if power.kind == "binary":
        for key in ("level", "level_with"):
            value = getattr(power, key)
            if value is not None and not 0 < value < 1:
                faults.add(f"rollout.power.{key}", "is a risk: it lies between 0 and 1.")
    if power.sd is not None and power.sd <= 0:
        faults.add("rollout.power.sd", "is not above 0.")
    check_reasonable(power, faults)
    for one in power.correlations:
        for key in ("icc", "cac", "iac", "churn"):
            if not 0 <= getattr(one, key) <= 1:
                faults.add(f"rollout.power.correlations.{key}", "lies between 0 and 1.")


def check_reasonable(power: Power, faults: FaultList) -> None:
    """Numbers of a size that a plan can mean, so that what follows from them is a number too."""
    at = "rollout.power"
    if not 1 <= power.children <= MOST_CHILDREN:
        faults.add(
            f"{at}.children",
            f"is {power.children:.6g}, and is of one unit in one period: from 1 to "
            f"{MOST_CHILDREN:,}. Write the mean number of children of a unit.",
        )
    if power.size_cv > MOST_CV:
        faults.add(
            f"{at}.size_cv",
            f"is {power.size_cv:.6g}: at most {MOST_CV}. It is the standard deviation of units' "
            "numbers of children over their mean: 0.6 where sizes differ as local authorities do.",
        )
    told = [(key, getattr(power, key)) for key in ("effect", "sd", "level", "level_with")]
    told += [("correlations.effect_sd", one.effect_sd) for one in power.correlations]
    for key, value in dict.fromkeys(told):
        if value and not LEAST <= abs(value) <= MOST:
            faults.add(
                f"{at}.{key}",
                f"is {value:.6g}; in size it lies from 0.000000001 to {MOST:,.0f}. Write the "
                "outcome in other units (thousands, or shares).",
            )


def missing_of(power: Power) -> tuple[str, ...]:
    """Return the keys without which a kind of outcome has no power."""
    needed = {"continuous": ("sd",)}.get(power.kind, ("level",))
    absent = [key for key in needed if getattr(power, key) is None]
    return tuple(absent)


def check_collection(rollout: Rollout, faults: FaultList) -> None:
    """Days are dates, of periods that there are."""
    for column, _ in rollout.collection.plausible if rollout.collection else ():
        if rollout.collection and column not in rollout.collection.columns:
            faults.add("rollout.collection.plausible", f'"{column}" is none of the columns.')
    for period, day in rollout.collection.ends if rollout.collection else ():
        if period not in rollout.periods:
            faults.add("rollout.collection.ends", f'"{period}" is not a period.')
        try:
            datetime.date.fromisoformat(day)
        except ValueError:
            faults.add("rollout.collection.ends", f'"{day}" is no date. Write 2027-12-31.')


def names_records(document: Document) -> bool:
    """Return whether a document names records; of a roll-out that is yet to be drawn or collected
    it may say no more than that they are made up (`records: {synthetic: true}`).
    """
    part = document.records
    marked = document.rollout is not None and part is not None
    return part is not None and not (marked and part.model_fields_set <= {"synthetic"})


def check_records_of(document: Document, study: Study, faults: FaultList) -> None:
    """Records that are read as a panel need the unit, the period, and when provision began."""
    rollout = study.rollout
    if not names_records(document) or rollout is None:
        return
    if not study.records.unit:
        faults.add("records.unit", "is missing: the column that names the unit (the area).")
    if not rollout.period:
        faults.add("rollout.period", "is missing: the records' column of the period.")
    told = bool(rollout.adopted) + (rollout.starts is not None)
    if told == 0 and not study.assignment.randomised:
        faults.add(
            "rollout.adopted",
            "is missing: the records' column of the period in which provision began, or starts: a "
            "table of its own.",
        )
    if told == 2:
        faults.add("rollout.starts", "and adopted are given together. Keep one.")
    levels = tuple(level for level, _ in study.records.clusters)
    cluster = study.cluster
    if not study.assignment.randomised and cluster is not None and cluster not in levels:
        menu = f" Allowed: {listed(levels)}." if levels else " records.clusters names none."
        faults.add("assignment.observed.cluster", f'"{cluster}" is no level.{menu}')


def check_targets(study: Study, faults: FaultList) -> None:
    """Targets of roll-outs only; at_exposure with its exposures."""
    for target in study.estimand.targets:
        if target.kind not in PANEL_TARGETS:
            faults.add(
                "estimand.target",
                f'"{target.label()}" is of studies of children. Of a roll-out: '
                f"{listed(PANEL_TARGETS)}.",
            )
        if target.kind == "at_exposure" and not study.estimand.exposures:
            faults.add(
                "estimand.exposure",
                "is missing: target at_exposure needs periods since it began: exposure: [0, 1, 2].",
            )


def check_takers(study: Study, faults: FaultList) -> None:
    """Leaves that take units over periods; those that lean on a draw need one."""
    known = names("estimators")
    for place, name in enumerate(study.estimators):
        if name not in known:
            continue
        leaf = load("estimators", name, kind=Estimator)
        can = [one for one in known if load("estimators", one, kind=Estimator).takes == "panel"]
        at = ("estimators", place)
        if leaf.takes != "panel":
            faults.add(
                "estimators",
                f"{name} is of children, not of units over periods; {listed(can)} are.",
                at=at,
            )
        elif leaf.drawn and not study.assignment.randomised:
            faults.add(
                "estimators",
                f"{name} leans on a draw, and here life assigned the order. Leave it out, or write "
                "assignment: {randomised: …} if the order was drawn.",
                at=at,
            )
