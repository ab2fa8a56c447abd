"""The register and the plan of a draw, frozen: what its commitment is the hash of.

Both are read by the draw, by `verify` and by anyone's own program, and nothing else is.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Limit, Pulse, Register, Rollout
from fingerpost.core.study import Study
from fingerpost.core.words import counted, listing
from fingerpost.designs import _constrained as constrained
from fingerpost.designs import _rounding as rounding
from fingerpost.designs._constrained import ALGORITHM, Cap, Space
from fingerpost.designs._feasible import Names
from fingerpost.kernels import counter_draws
from fingerpost.ledger.chain import canonical
from fingerpost.studies.code import digests_of
from fingerpost.studies.rollouts.neighbours import bordering, near_in, read_neighbours
from fingerpost.studies.rollouts.registers import faults_of_codes, few, lacks, read_rows
from fingerpost.studies.rollouts.units import rollout_of

MOST_DIGITS = 20  # of a number of the register: more than any can mean
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
BETWEEN = " / "  # in the name of a stratum of several columns


@dataclass(frozen=True, eq=False, slots=True)
class Frozen:
    """A plan and its register, as they lie in the folder of a draw. columns: name → (u,) texts;
    neighbours: the file of pairs, empty where there is none.
    """

    plan: dict[str, Any]
    register: bytes
    columns: dict[str, list[str]]
    neighbours: bytes = b""

    @property
    def document(self) -> bytes:
        """The plan as canonical JSON: the file whose hash is the commitment."""
        return canonical(self.plan)

    @property
    def commitment(self) -> bytes:
        """The SHA-256 of the plan's file, 32 bytes."""
        return hashlib.sha256(self.document).digest()

    @property
    def inherited(self) -> bool:
        """Whether it is registered as confirmatory by the draw that it follows alone: a rehearsal
        of its own would be named.
        """
        plan = self.plan
        confirms = plan.get("registered_as") == "confirmatory"
        return confirms and bool(plan.get("follows")) and not plan.get("rehearsal")

    @property
    def units(self) -> tuple[str, ...]:
        """The codes of the units, in order."""
        return tuple(self.columns[self.plan["unit"]])

    @property
    def waves(self) -> tuple[str, ...]:
        """The names of the waves, in the order in which they begin."""
        return tuple(wave["name"] for wave in self.plan["waves"])

    @property
    def begins(self) -> tuple[str, ...]:
        """The period in which each wave begins, empty where it does not."""
        return tuple(wave["begins"] for wave in self.plan["waves"])

    @property
    def strata(self) -> tuple[str, ...]:
        """The name of each unit's stratum; one name for all where there are none."""
        parts = [self.columns[name] for name in self.plan["strata"]]
        return (
            tuple(BETWEEN.join(row) for row in zip(*parts, strict=True))
            if parts
            else (("all units",) * len(self.units))
        )


def freeze(
    study: Study,
    base: Path,
    *,
    study_file: bytes = b"",
    sealed: str = "",
    rehearsal: str = "",
) -> Frozen:
    """Return the plan and the register of a study's draw.

    base: the folder beside which the register lies. study_file: the document as it was read.
    sealed: SHA-256 of the secret of whoever keeps later waves to themselves, empty where nobody
    does. rehearsal: SHA-256 of the rehearsal that lets it be registered as confirmatory, empty
    where it is exploratory. Raises UsageError where the study draws nothing, Malformed with every
    fault of the register or the plan.
    """
    rollout = rollout_of(study)
    if not study.assignment.randomised or rollout.register is None:
        raise UsageError(
            f"{study.name}: nothing is drawn here. A draw needs assignment: {{randomised: …}} and "
            "rollout: {register: {table, unit}, waves: …}."
        )
    columns = read_register(study, rollout, base)
    layout = load("designs", design_of(study), kind=Design).lay(
        rollout, len(columns[rollout.register.unit])
    )
    begins = {wave.name: wave.begins for wave in rollout.waves}
    waves = [
        {
            "name": name,
            "begins": layout.periods[at] if at >= 0 else begins.get(name, ""),
            "units": int(units),
        }
        for name, at, units in zip(layout.waves, layout.begins, layout.units, strict=True)
    ]
    more = {"registered_as": "confirmatory", "rehearsal": rehearsal} if rehearsal else {}
    near = near_of(rollout.register, base, columns[rollout.register.unit])
    return planned(
        *(study, columns, waves), study_file=study_file, sealed=sealed, more=more, near=near
    )


def near_of(register: Register, base: Path, units: Sequence[str]) -> bytes:
    """Return the frozen file of a register's neighbours, empty where it names none."""
    pairs = read_neighbours(register, base, units)
    return as_csv(pairs) if pairs else b""


def planned(
    study: Study,
    columns: dict[str, list[str]],
    waves: list[dict[str, Any]],
    *,
    study_file: bytes = b"",
    sealed: str = "",
    more: dict[str, Any] | None = None,
    near: bytes = b"",
) -> Frozen:
    """Return the plan of a draw of these units into these waves, with its register.

    waves: name, begins and units of each. more: what the plan says besides. near: the file of
    neighbours. Raises Malformed with every fault of the plan.
    """
    rollout = rollout_of(study)
    assert rollout.register is not None
    register, draw, units = as_csv(columns), rollout.draw, columns[rollout.register.unit]
    bound = draw.neighbours
    plan = {
        "accept_millionths": constrained.millionths(draw.accept),
        "algorithm": ALGORITHM,
        "apart": [list(pair) for pair in draw.apart],
        "balance": list(draw.balance),
        "candidates": draw.candidates,
        "code": code_digests(),
        "limits": [said_of(limit) for limit in draw.limits],
        "name": rollout.register.name,
        "pulse": asked_pulse(draw.pulse),
        "register": hashlib.sha256(register).hexdigest(),
        "registered_as": "exploratory",
        "rehearsal": "",
        "sealed": sealed,
        "strata": list(study.assignment.strata),
        "study": study.name,
        "study_digest": study.digest(),
        "study_file": hashlib.sha256(study_file).hexdigest() if study_file else "",
        "together": [list(pair) for pair in draw.together],
        "unit": rollout.register.unit,
        "waves": waves,
        **({"neighbours": hashlib.sha256(near).hexdigest()} if near else {}),
        **({"near": bordering(bound, near, units)} if bound is not None else {}),
        **(more or {}),
    }
    found = Frozen(plan, register, columns, near)
    space_of(found)
    return found


def design_of(study: Study) -> str:
    """Return the design by which a study draws."""
    return str(getattr(study.assignment, "design", ""))


def said_of(limit: Limit) -> dict[str, Any]:
    """Return a limit as a plan holds it: its number as a decimal text, so that all read it alike.

    >>> said_of(Limit(6.0, "first", where=("region", "London")))["at_most"]
    '6'
    """
    at_most = format(Decimal(repr(float(limit.at_most))), "f").removesuffix(".0")
    return {
        "at_most": at_most,
        "column": limit.column,
        "wave": limit.wave or "",
        "where": list(limit.where or ()),
    }


def code_digests() -> dict[str, str]:
    """Return the SHA-256 of the files of the program that make the draw."""
    return digests_of(Path(str(one.__file__)) for one in (constrained, rounding, counter_draws))


def needed(study: Study, rollout: Rollout) -> dict[str, bool]:
    """Return the columns of the register that the draw uses → whether they hold numbers."""
    register, draw = rollout.register, rollout.draw
    assert register is not None
    words = [register.unit, register.name, *study.assignment.strata]
    words += [limit.where[0] for limit in draw.limits if limit.where]
    numeric = [*draw.balance, *(limit.column for limit in draw.limits), register.size]
    return {name: name in numeric for name in dict.fromkeys((*words, *numeric)) if name}


def keys_of(study: Study, rollout: Rollout) -> dict[str, str]:
    """Return column of the register → the key of the study that names it."""
    register, draw = rollout.register, rollout.draw
    assert register is not None
    found = {name: "rollout.draw.limits" for name in (one.column for one in draw.limits)}
    found |= {one.where[0]: "rollout.draw.limits" for one in draw.limits if one.where}
    found |= dict.fromkeys(draw.balance, "rollout.draw.balance")
    found |= dict.fromkeys(study.assignment.strata, "assignment.randomised.strata")
    own = {"size": register.size, "name": register.name, "unit": register.unit}
    return found | {name: f"rollout.register.{key}" for key, name in own.items()}


def read_register(study: Study, rollout: Rollout, base: Path) -> dict[str, list[str]]:
    """Return the columns of the register that the draw uses, units in the order of their codes.

    Raises Malformed with every fault: a column that is not there, a unit twice or without a code,
    an empty cell, a number that is none.
    """
    register = rollout.register
    assert register is not None
    path = base / register.table
    rows = read_rows(path, "rollout.register.table")
    columns, keys = needed(study, rollout), keys_of(study, rollout)
    known = tuple(rows[0]) if rows else ()
    faults = [lacks(path, name, keys[name], known) for name in columns if name not in known]
    if not rows:
        raise Malformed(f"{path}: it holds no unit.")
    if faults:
        raise Malformed(faults)
    rows = sorted(rows, key=lambda row: row[register.unit])
    faults += faults_of_rows(path, rows, columns, register.unit, size=register.size)
    if faults:
        raise Malformed(faults)
    return {name: [row[name] for row in rows] for name in columns}


def faults_of_rows(
    path: Path,
    rows: list[dict[str, str]],
    columns: dict[str, bool],
    unit: str,
    *,
    size: str = "",
) -> list[str]:
    """Return units named twice or not at all, empty cells, and numbers that are none, or none that
    can be meant. size: the column of numbers of children, which are above 0.
    """
    found = faults_of_codes(path, tuple(row[unit] for row in rows), unit)
    for name, numeric in columns.items():
        empty = [row[unit] for row in rows if not row[name]]
        if empty and name != unit:
            found.append(
                f"{path}: {name} is empty for {listing(few(empty))}. Fill it, or leave the "
                "column out of the draw."
            )
        wrong = [
            row[unit] for row in rows if numeric and row[name] and not NUMBER.fullmatch(row[name])
        ]
        if wrong:
            found.append(
                f"{path}: {name} is no plain decimal number for {listing(few(wrong))}. Write "
                "1234.5."
            )
            continue
        if numeric:
            found += faults_of_numbers(path, name, rows, unit, above=name == size)
    return found


def faults_of_numbers(
    path: Path, name: str, rows: list[dict[str, str]], unit: str, *, above: bool
) -> list[str]:
    """Return numbers of a column that cannot be meant: of very many digits; above: not above 0."""
    told = [(row[unit], row[name]) for row in rows if row[name]]
    long = [code for code, cell in told if sum(map(str.isdigit, cell)) > MOST_DIGITS]
    found = []
    if long:
        found.append(
            f"{path}: {name} has more than {MOST_DIGITS} digits for {listing(few(long))}. Round it."
        )
    none = [code for code, cell in told if above and code not in long and float(cell) <= 0]
    if none:
        found.append(
            f"{path}: {name} is not above 0 for {listing(few(none))}, and it is the number of "
            "children (register.size). Correct it, or leave such units out."
        )
    return found


def as_csv(columns: dict[str, Sequence[str]] | dict[str, list[str]]) -> bytes:
    """Return columns as CSV: UTF-8, line feeds, quotes only where they are needed.

    >>> as_csv({"unit": ["a", "b"], "wave": ["first", "x, y"]}).decode()
    'unit,wave\\na,first\\nb,"x, y"\\n'
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue().encode()


def open_frozen(plan: bytes, register: bytes) -> Frozen:
    """Return a plan and a register as they lie in a folder. Raises Malformed where they do not."""
    try:
        held = json.loads(plan)
        algorithm = str(held["algorithm"])
        if algorithm != ALGORITHM:
            raise Malformed(
                f"plan.json: it is to be drawn by {algorithm}, and this program draws and verifies "
                f"{ALGORITHM} alone. The program that committed to it does both."
            )
        rows = list(csv.reader(io.StringIO(register.decode("utf-8"), newline="")))
        columns = dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True))
        found = Frozen(held, register, columns)
        space_of(found)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise Malformed(
            "plan.json and register.csv are not such as `fingerpost rollout randomise` writes. "
            "Restore them from a copy."
        ) from None
    return found


def asked_pulse(pulse: Pulse) -> dict[str, Any]:
    """Return what pulse a plan asks for, as it is committed to."""
    return {
        "source": pulse.source,
        "after": pulse.after,
        "parties": [list(party) for party in pulse.parties],
    }


def space_of(frozen: Frozen) -> tuple[Space, Names]:
    """Return what is drawn from, and its names. Raises Malformed with every fault of the plan."""
    plan, units = frozen.plan, frozen.units
    place = {unit: at for at, unit in enumerate(units)}
    strata = {name: at for at, name in enumerate(dict.fromkeys(frozen.strata))}
    faults = []
    for key in ("together", "apart"):
        missing = sorted({unit for pair in plan[key] for unit in pair if unit not in place})
        faults += [
            f"draw.{key}: {unit} is no unit of the register.{nearest(unit, units)}"
            for unit in missing
        ]
    for limit in plan["limits"]:
        faults += faults_of_limit(frozen, limit)
    if sum(wave["units"] for wave in plan["waves"]) != len(units):
        faults.append(f"waves: they do not hold {counted(len(units), 'unit')}.")
    if faults:
        raise Malformed(faults)
    scores = [
        constrained.standardised(constrained.whole(frozen.columns[name])[0])
        for name in plan["balance"]
    ]
    space = Space(
        strata=np.array([strata[name] for name in frozen.strata], dtype=np.int64),
        waves=np.array([wave["units"] for wave in plan["waves"]], dtype=np.int64),
        scores=np.array(scores, dtype=np.int64).reshape(len(scores), len(units)),
        caps=tuple(cap_of(frozen, limit) for limit in plan["limits"]),
        together=_places(plan["together"], place),
        apart=_places(plan["apart"], place),
        near=near_in(plan["near"], place) if plan.get("near") else None,
    )
    return space, Names(units, frozen.waves, tuple(strata))


def _places(pairs: list[list[str]], place: dict[str, int]) -> constrained.Whole:
    """Return pairs of units as pairs of places."""
    return np.array([[place[one], place[other]] for one, other in pairs], np.int64).reshape(-1, 2)


def faults_of_limit(frozen: Frozen, limit: dict[str, Any]) -> list[str]:
    """Return what a limit names that is not there."""
    found = []
    if limit["wave"] and limit["wave"] not in frozen.waves:
        found.append(f"draw.limits: {limit['wave']} is no wave. There are {listed(frozen.waves)}.")
    if limit["where"]:
        column, value = limit["where"]
        held = frozen.columns[column]
        if value not in held:
            found.append(
                f"draw.limits: no unit has {value} in {column}.{nearest(value, sorted(set(held)))}"
            )
    return found


def cap_of(frozen: Frozen, limit: dict[str, Any]) -> Cap:
    """Return a limit in whole numbers."""
    ones = ["1"] * len(frozen.units)
    values, scale = constrained.whole(frozen.columns[limit["column"]] if limit["column"] else ones)
    weights = np.array(values, dtype=np.int64)
    if limit["where"]:
        column, value = limit["where"]
        weights = weights * (np.array(frozen.columns[column]) == value)
    most = Decimal(limit["at_most"]) * scale
    whole = int(most.to_integral_value(rounding="ROUND_FLOOR"))
    wave = frozen.waves.index(limit["wave"]) if limit["wave"] else -1
    return Cap(words_of(limit), wave, weights.astype(np.int64), whole, scale)


def words_of(limit: dict[str, Any]) -> str:
    """Return a limit in words.

    >>> words_of({"at_most": "6", "wave": "first", "column": "", "where": ["region", "London"]})
    '"at most 6 units with region London in wave first"'
    """
    what = f"of {limit['column']}" if limit["column"] else "units"
    where = " with {} {}".format(*limit["where"]) if limit["where"] else ""
    wave = f"wave {limit['wave']}" if limit["wave"] else "any wave"
    return f'"at most {limit["at_most"]} {what}{where} in {wave}"'
