"""What is collected: from which units, of which periods, which columns, and until when.

A return holds one row a unit and period: totals or means over all of its children, never a row of
a child.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.rollout import Collection, Rollout
from fingerpost.core.study import Study
from fingerpost.ledger.chain import canonical
from fingerpost.studies.rollouts.drawing import open_folder
from fingerpost.studies.rollouts.folder import STUDY
from fingerpost.studies.rollouts.lineage import Made, made_in, names_of
from fingerpost.studies.rollouts.monitoring import ends_of
from fingerpost.studies.rollouts.registers import codes, read_rows
from fingerpost.studies.rollouts.units import rollout_of

UNIT, PERIOD = "unit", "period"  # what columns are called where the study does not say
VERSION = "version"  # of a freeze: which version of its return a row holds, 0 where none came
NUMBER, COUNT, SHARE = "number", "count", "share"
# Names of columns that hold who a child is, without spaces and signs.
IDENTIFIERS = frozenset(
    {
        *("upn", "uln", "uniquepupilnumber", "formerupn", "pupilid", "childid", "pupilnumber"),
        *("nhs", "nhsno", "nhsnumber", "nino", "candidatenumber", "admissionnumber"),
        *("pupilmatchingref", "pupilmatchingreference", "pmr", "hesid", "encryptedhesid"),
        *("name", "fullname", "childname", "pupilname", "studentname", "forename", "forenames"),
        *("firstname", "surname", "lastname", "familyname", "middlename", "preferredname"),
        *("dob", "dateofbirth", "birthdate", "birthday", "yearofbirth", "monthofbirth"),
        *("postcode", "address", "homeaddress", "email", "telephone", "phone", "uprn"),
    }
)


@dataclass(frozen=True, slots=True)
class Round:
    """One period: its last day, and the day by which its returns are due."""

    name: str
    ends: date
    due: date


@dataclass(frozen=True, slots=True)
class Rounds:
    """All that a collection asks for, fixed when it is opened.

    unit, period: what the first two columns are called. columns: (name, kind). units: (code, what
    it is called). commitment: of the draw, empty where there is none; draw: its folder, seen from
    that of the collection. fixed: (column of the register that an analysis needs, its value for
    each unit in order): strata, clusters, covariates. made: the draw, where it was made by then.
    plausible: (column, (least, most)) outside
    which a value is asked about. synthetic: whether all of it is made up.
    """

    study: str
    study_digest: str
    unit: str
    period: str
    columns: tuple[tuple[str, str], ...]
    units: tuple[tuple[str, str], ...]
    periods: tuple[Round, ...]
    commitment: str = ""
    draw: str = ""
    made: Made = Made()
    fixed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    plausible: tuple[tuple[str, tuple[float, float]], ...] = ()
    synthetic: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a return."""
        return tuple(name for name, _ in self.columns)

    @property
    def header(self) -> tuple[str, ...]:
        """The whole header of a return."""
        return (self.unit, self.period, *self.names)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the units."""
        return tuple(code for code, _ in self.units)

    def place(self, period: str) -> int:
        """Return the place of a period."""
        return [each.name for each in self.periods].index(period)

    def document(self) -> bytes:
        """Return all of it as canonical JSON: the file of the collection."""
        return canonical(
            {
                "schema_version": 1,
                "study": self.study,
                "study_digest": self.study_digest,
                "unit": self.unit,
                "period": self.period,
                "columns": [list(each) for each in self.columns],
                "units": [list(each) for each in self.units],
                "periods": [
                    [each.name, each.ends.isoformat(), each.due.isoformat()]
                    for each in self.periods
                ],
                "commitment": self.commitment,
                "draw": self.draw,
                "fixed": [[name, list(values)] for name, values in self.fixed],
                **(
                    {"plausible": [[name, list(ends)] for name, ends in self.plausible]}
                    if self.plausible
                    else {}
                ),
                **({"made": [self.made.draw, self.made.among]} if self.made else {}),
                **({"synthetic": True} if self.synthetic else {}),
            }
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return hashlib.sha256(self.document()).hexdigest()


def opened(content: bytes, path: Path) -> Rounds:
    """Return what a collection's file says. Raises Malformed where it is none."""
    try:
        held: dict[str, Any] = json.loads(content)
        days = date.fromisoformat
        found = Rounds(
            study=str(held["study"]),
            study_digest=str(held["study_digest"]),
            unit=str(held["unit"]),
            period=str(held["period"]),
            columns=tuple((str(name), str(kind)) for name, kind in held["columns"]),
            units=tuple((str(code), str(name)) for code, name in held["units"]),
            periods=tuple(Round(name, days(end), days(due)) for name, end, due in held["periods"]),
            commitment=str(held["commitment"]),
            draw=str(held["draw"]),
            made=Made(*map(str, held.get("made", ()))),
            fixed=tuple((str(name), tuple(map(str, values))) for name, values in held["fixed"]),
            plausible=tuple(
                (str(name), (float(low), float(high)))
                for name, (low, high) in held.get("plausible", ())
            ),
            synthetic=held.get("synthetic") is True,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        found = None
    if found is None or found.document() != content:
        raise Malformed(
            f"{path}: this is not what `fingerpost rollout collect open` wrote. Restore it from a "
            "copy."
        )
    return found


def plan_rounds(study: Study, base: Path, *, draw: Path | None = None, seen: str = "") -> Rounds:
    """Return what a study collects.

    base: the folder of its register. draw: that of its draw, whose units are then asked. seen: the
    draw's folder as it is written down. Raises Malformed where the study collects nothing or a
    period has no last day, with every fault.
    """
    rollout = rollout_of(study)
    asked = rollout.collection
    if asked is None or not rollout.periods:
        raise Malformed(
            f"{study.name}: nothing is collected here. Write periods, and collection: {{columns: "
            "[absence, enrolled], due_days: 30}}."
        )
    unit = study.records.unit or (rollout.register.unit if rollout.register else UNIT)
    period = rollout.period or PERIOD
    columns = tuple((name, kind_of(study, rollout, name)) for name in asked.columns)
    columns_of = (unit, period, *asked.columns)
    faults = faults_of_columns(study, asked, (unit, period))
    rounds = [round_of(name, asked, faults) for name in rollout.periods]
    if faults:
        raise Malformed(faults)
    units, fixed, commitment = units_of(study, rollout, base, draw)
    found = tuple(each for each in rounds if each is not None)
    return Rounds(
        study=study.name,
        study_digest=study.digest(),
        unit=unit,
        period=period,
        columns=columns,
        units=units,
        periods=found,
        commitment=commitment,
        draw=seen if draw else "",
        made=made_in(draw) if draw else Made(),
        fixed=tuple(
            (name, tuple(cells)) for name, cells in fixed.items() if name not in columns_of
        ),
        plausible=asked.plausible,
        synthetic=study.records.synthetic,
    )


def kind_of(study: Study, rollout: Rollout, name: str) -> str:
    """Return what a column holds: whole numbers from 0 (counts of children or events), shares from
    0 to 1 (of a yes or no), or any number.
    """
    kinds = {spec.column: spec.kind for spec in study.outcomes}
    if name == rollout.children or kinds.get(name) == "count":
        return COUNT
    return SHARE if kinds.get(name) == "binary" else NUMBER


def plain(name: str) -> str:
    """Return a column's name without spaces and signs.

    >>> plain("Date of Birth"), plain("NHS_number")
    ('dateofbirth', 'nhsnumber')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def identifies(name: str) -> bool:
    """Return whether a column's name is one of who a child is.

    >>> identifies("UPN"), identifies("enrolled")
    (True, False)
    """
    return plain(name) in IDENTIFIERS


def faults_of_columns(study: Study, asked: Collection, keys: tuple[str, str]) -> list[str]:
    """Return what is wrong with the columns of a study's returns."""
    named = asked.columns
    twice = sorted({name for name in named if named.count(name) > 1})
    found = [f"collection.columns: {name} is named twice." for name in twice]
    found += [
        f"collection.columns: {name} identifies children. Returns hold one row a unit and period, "
        "for all of its children; leave it out."
        for name in named
        if identifies(name)
    ]
    found += [
        f"collection.columns: {name} is what the first columns are called already."
        for name in named
        if name in (*keys, VERSION)
    ]
    rollout = study.rollout
    wanted = {spec.column: f"outcomes.{spec.name}.column" for spec in study.outcomes}
    if rollout is not None and rollout.children:
        wanted[rollout.children] = "rollout.children"
    found += [
        f"{place}: {name} is not collected. Add it to collection.columns."
        for name, place in wanted.items()
        if name not in named
    ]
    return found


def round_of(name: str, asked: Collection, faults: list[str]) -> Round | None:
    """Return one period with its days; where nothing tells them, a fault."""
    ends = ends_of(asked, name)
    if ends is None:
        faults.append(
            f"collection.ends: nothing tells when {name} ends. Write ends: {{{name}: 2027-12-31}}."
        )
        return None
    return Round(name, ends, ends + timedelta(days=asked.due_days))


def units_of(
    study: Study, rollout: Rollout, base: Path, draw: Path | None
) -> tuple[tuple[tuple[str, str], ...], dict[str, list[str]], str]:
    """Return the units with what they are called, columns of the register that an analysis needs,
    and the commitment of their draw.
    """
    register = rollout.register
    if register is None:
        raise Malformed(
            f"{study.name}: which units are asked is not said. Name a register: rollout: "
            "{register: {table, unit}}."
        )
    codes(register, base)
    rows = {row[register.unit]: row for row in read_rows(base / register.table)}
    known = next(iter(rows.values()))
    if register.name and register.name not in known:
        raise Malformed(f"{base / register.table}: there is no column {register.name}.")
    named = {code: row[register.name] if register.name else "" for code, row in rows.items()}
    commitment = ""
    if draw is not None:
        frozen = open_folder(draw)
        check_study(frozen.plan["study"], study.name, draw)
        if frozen.plan["study_digest"] != study.digest():
            raise UsageError(
                f"--draw {draw}: it was drawn of {study.name} as it was before it was changed. "
                f"Open the collection with the study that was drawn: {draw / STUDY}, or one drawn "
                "anew (fingerpost rollout replan)."
            )
        named = {code: named.get(code) or name for code, name in names_of(frozen).items()}
        commitment = frozen.commitment.hex()
    levels = [column for _, column in study.records.clusters]
    wanted = dict.fromkeys((*study.assignment.strata, *levels, *study.given))
    order = sorted(named)
    fixed = {
        name: [rows.get(code, {}).get(name, "") for code in order]
        for name in wanted
        if name in known
    }
    return tuple((code, named[code]) for code in order), fixed, commitment


def check_study(held: str, name: str, where: Path) -> None:
    """Raise UsageError where a folder is another study's."""
    if held != name:
        raise UsageError(
            f"{where}: it is of the study {held}, and this one is {name}. Name its own."
        )
