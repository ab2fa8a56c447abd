"""Outcomes of the children studied, each with the faults found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.columns import children, measured
from fingerpost.cohorts.conditions import canonical
from fingerpost.cohorts.values import Floats, Mask, Places, codes, moments
from fingerpost.core.errors import listed
from fingerpost.core.moment import moment
from fingerpost.core.outcome import KINDS, Outcome
from fingerpost.core.study import Arms, OutcomeSpec, Scalar, Study

# Kind → what each recorded value must be, in words.
ALLOWED = {
    "binary": "0 or 1",
    "count": "a whole number, 0 or more",
    "time": "0 or more",
}


@dataclass(frozen=True, eq=False, slots=True)
class Read:
    """What one outcome is read from: columns by name, and who is studied."""

    table: Mapping[str, pl.Series]
    places: Places
    keep: Mask


@dataclass(frozen=True, eq=False, slots=True)
class When:
    """The first and last day on which something was measured, by child or for all: `Moment`s.

    kind: `date`, `number`, or `text` where it is neither.
    """

    first: Floats
    last: Floats
    kind: str


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """outcomes: by name. silent: of the others, why the records tell nothing of them."""

    outcomes: Mapping[str, Outcome]
    silent: Mapping[str, str]


def outcomes_of(study: Study, read: Read, *, arm: NDArray[np.int64], faults: list[str]) -> Told:
    """Return the outcomes by name; what is wrong with one is added to `faults`.

    That records hold nobody's value of an outcome, or the same of everybody, is a fault too, but
    in a study of linked records that asks of others as well: there it is refused for itself.
    """
    found: dict[str, Outcome] = {}
    silent: dict[str, str] = {}
    for spec in study.outcomes:
        faults += order_faults(spec, study.arms, read=read)
        none: list[str] = []
        one = outcome(spec, read, faults=faults, none=none)
        none += in_no_child(spec, one, study.arms, arm=arm)
        if none:
            silent[spec.name] = " ".join(none)
        elif one is not None:
            found[spec.name] = one
    if study.linked is None or not found:
        faults += silent.values()
    return Told(found, silent)


def in_no_child(
    spec: OutcomeSpec, one: Outcome | None, arms: Arms, *, arm: NDArray[np.int64]
) -> Iterator[str]:
    """Yield a fault for each arm of whose children none has the outcome."""
    for code, name in enumerate(arms.names):
        here = arm == code
        gone = one is not None and one.observed is not None and not one.observed[here].any()
        if here.any() and gone and (name == arms.outside or not arms.outside):
            yield (
                f'outcomes.{spec.name}: "{spec.column}" is missing for every child of the arm '
                f'"{name}". Name another column, or leave the arm out.'
            )


def outcome(spec: OutcomeSpec, read: Read, *, faults: list[str], none: list[str]) -> Outcome | None:
    """Return an outcome of the children studied; None, and a fault, where it cannot be one. none:
    told where the records hold no value of it, or one for all.

    A child whose value, person-time or event is missing has no outcome, and stays.
    """
    if spec.kind not in KINDS:
        faults.append(f'outcomes.{spec.name}: "{spec.kind}" is no kind. Allowed: {listed(KINDS)}.')
        return None
    before = len(faults)
    parts = {
        key: part(spec, key, read=read, faults=faults)
        for key in ("column", "exposure", "entry", "event")
    }
    value = parts["column"]
    if value is None or len(faults) > before:
        return None
    seen = ~np.isnan(value)
    for key in ("exposure", "entry", "event"):
        other = parts[key]
        if other is not None:
            seen &= ~np.isnan(other)
    if not seen.any():
        none.append(
            f'outcomes.{spec.name}: "{spec.column}" is missing for every child studied. '
            "Name another column, or widen the population."
        )
        return None
    faults += [f"outcomes.{spec.name}: {fault}" for fault in value_faults(spec, parts, seen=seen)]
    if len(faults) > before:
        return None
    known = value[seen]
    if known.min() == known.max():
        none.append(
            f'outcomes.{spec.name}: "{spec.column}" is the same for every child studied, so no arm '
            "can differ from another. Name another column."
        )
        return None
    return made(spec, parts, seen=seen)


def part(spec: OutcomeSpec, key: str, *, read: Read, faults: list[str]) -> Floats | None:
    """Return one column of an outcome for the children studied, None where it has none."""
    column = getattr(spec, key)
    if not column:
        return None
    values = measured(
        read.table[column],
        f'outcomes.{spec.name}: "{column}"',
        places=read.places,
        faults=faults,
        mend="Correct the records.",
    )
    return None if values is None else values[read.keep]


def made(spec: OutcomeSpec, parts: Mapping[str, Floats | None], *, seen: Mask) -> Outcome:
    """Return the outcome; a value that was not seen is NaN."""
    value, event = parts["column"], parts["event"]
    assert value is not None
    return Outcome(
        kind=spec.kind,
        value=np.where(seen, value, np.nan),
        exposure=parts["exposure"],
        entry=parts["entry"],
        event=None if event is None else event == 1,
        observed=None if seen.all() else seen,
        measured_in=spec.measure.measured_in,
        better=spec.measure.better,
    )


def value_faults(spec: OutcomeSpec, parts: Mapping[str, Floats | None], *, seen: Mask) -> list[str]:
    """Return what is wrong with the recorded values of one outcome."""
    value = parts["column"]
    assert value is not None
    known = value[seen]
    wrong = {
        "binary": ~np.isin(known, (0.0, 1.0)),
        "count": (known < 0) | (known != np.floor(known)),
        "time": known < 0,
    }.get(spec.kind)
    faults = []
    if wrong is not None and wrong.any():
        faults.append(
            f'"{spec.column}" of {children(int(wrong.sum()))} is not {ALLOWED[spec.kind]}, as '
            f"kind {spec.kind} needs. Correct the records, or give the outcome another kind."
        )
    return faults + time_faults(spec, parts, seen=seen)


def time_faults(spec: OutcomeSpec, parts: Mapping[str, Floats | None], *, seen: Mask) -> list[str]:
    """Return what is wrong with person-time, entry and event of one outcome."""
    faults = []
    value, exposure = parts["column"], parts["exposure"]
    entry, event = parts["entry"], parts["event"]
    assert value is not None
    if exposure is not None and (exposure[seen] <= 0).any():
        count = int((exposure[seen] <= 0).sum())
        faults.append(
            f'person-time "{spec.exposure}" of {children(count)} is 0 or less. Person-time must be '
            "above 0: leave these children out by population, or correct the records."
        )
    if event is not None and not np.isin(event[seen], (0.0, 1.0)).all():
        count = int((~np.isin(event[seen], (0.0, 1.0))).sum())
        faults.append(f'event "{spec.event}" of {children(count)} is not 0 or 1. Correct it.')
    if entry is not None and (entry[seen] >= value[seen]).any():
        count = int((entry[seen] >= value[seen]).sum())
        faults.append(
            f'entry "{spec.entry}" of {children(count)} is not before the end of their time '
            f'"{spec.column}". Correct the records.'
        )
    if spec.kind == "time" and event is None:
        faults.append(f"a time needs an event. Write event: COLUMN beside {spec.column}.")
    return faults


def order_faults(spec: OutcomeSpec, arms: Arms, *, read: Read) -> list[str]:
    """Return a fault where an outcome was measured before the exposure, or where time to it runs
    before the exposure began in one arm only.
    """
    endless = immortal(spec, arms, read=read)
    if endless:
        return [endless]
    first = when(arms.date, arms.at, read=read)
    second = when(spec.date, spec.at, read=read)
    if first is None or second is None:
        return []
    place = f"outcomes.{spec.name}"
    if first.kind != second.kind or "text" in (first.kind, second.kind):
        return [
            f"{place}: when the exposure and the outcome were measured cannot be compared "
            f"({first.kind} and {second.kind}). Give both as dates (YYYY-MM-DD) or both as numbers."
        ]
    before = np.broadcast_to(second.last < first.first, read.keep.shape) & read.keep
    if not before.any():
        return []
    return [
        f"{place}: the outcome was measured before the exposure for {children(int(before.sum()))} "
        f"({read.places.of(before)}). Correct the dates, or leave these children out by population."
    ]


def immortal(spec: OutcomeSpec, arms: Arms, *, read: Read) -> str:
    """Return the fault of immortal time: the exposure begins at a time of each child's own in one
    arm, at none in another, and time to the event is counted without late entry; empty elsewhere.
    """
    if spec.kind != "time" or spec.entry or not arms.date or not arms.column:
        return ""
    moment_of, _ = moments(read.table[arms.date])
    code, levels = codes(read.table[arms.column])
    arm_of = {canonical(value): arm for value, arm in arms.levels}
    own, none = "", ""
    for arm in arms.names:
        among = [at for at, level in enumerate(levels) if arm_of.get(level) == arm]
        values = moment_of[read.keep & np.isin(code, among)]
        known = values[np.isfinite(values)]
        if 2 * len(known) > len(values) and len(np.unique(known)) > 1:
            own = own or arm
        elif 2 * len(known) < len(values):
            none = none or arm
    if not own or not none:
        return ""
    return (
        f"outcomes.{spec.name}: arm {own} begins at a date of each child's own ({arms.date}) and "
        f"arm {none} at none, so that before it began no child of {own} can have had the event "
        "(immortal time). Begin follow-up of both arms on one day and choose the arm by what was "
        "known then, or give entry: the column of when a child comes under observation in its arm."
    )


def when(column: str | None, at: Scalar | None, *, read: Read) -> When | None:
    """Return when something was measured, by child or for all; None if not said."""
    if column:
        values, kind = moments(read.table[column])
        return When(values, values, kind)
    if at is None:
        return None
    one = moment(at)
    if one is None:
        return When(np.array(np.nan), np.array(np.nan), "text")
    return When(np.array(one.first), np.array(one.last), one.kind)
