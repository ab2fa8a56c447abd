"""The draw of a trial as its analysis takes it: verified, its arms in the place of the records'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.finding import Finding
from fingerpost.core.provenance import DrawSource
from fingerpost.core.seeds import stream
from fingerpost.core.study import Arms, Condition, Study
from fingerpost.core.words import counted, listing
from fingerpost.kernels.arrays import one_thread
from fingerpost.ledger.chain import canonical
from fingerpost.studies import plan
from fingerpost.studies.rollouts.as_drawn import differing
from fingerpost.studies.run import found_in
from fingerpost.studies.trials.designing import randomised_of
from fingerpost.studies.trials.drawing import commitment, drawn_of, frame
from fingerpost.studies.trials.folder import Opened, open_folder, sha256
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.opening import named_by_key
from fingerpost.studies.trials.sequences import Held, Sequenced
from fingerpost.studies.trials.verifying import verify

Say = Callable[[str], None]
ARM, LISTED, TIME = "arm by the ledger", "list frozen before the draw", "time of the draw"
REPLAYED = 9_999  # draws that inference replays, with the one that was made 10,000
# Parts of a study that say what is asked and how it is answered: changed, it is no longer the plan.
PLANNED = ("outcomes", "estimand", "estimators", "primary", "assignment", "trial", "population")


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """A study whose arms are those of the ledger, its records with a column of them, its draw."""

    study: Study
    records: TableRecords
    drawn: Drawn


def as_drawn(
    study: Study,
    records: TableRecords,
    *,
    folder: Path,
    key: Path,
    ledger: str | None = None,
    say: Say = lambda words: None,
) -> Taken:
    """Return a trial's study and records as its ledger drew their arms.

    folder: of the trial. key: of who sees arms, or opened it; with the latter every allocation is
    made again first. Rows whose unit was not allocated leave, counted in the flow; of clusters,
    children who were not on the list that was frozen before their arm was known. Raises Malformed
    with all that was changed, UsageError where the draw is another study's.
    """
    say("verifying the trial and its allocations")
    found = verify(folder, key=key, ledger=ledger)
    if found.faults:
        raise Malformed(f"{folder}: {fault}" for fault in found.faults)
    opened = open_folder(folder, ledger=ledger)
    if opened.study.name != study.name:
        raise UsageError(
            f"--draw {folder}: the draw is of the study {opened.study.name}, and this one is "
            f"{study.name}. Name its own draw."
        )
    keys = opened.keys(key)
    made = allocation(opened, keys)
    might = None if opened.listed else permutations(opened, keys, count=REPLAYED)
    table = _Table(study, records, opened, keys)
    parts = list(differing(opened.study, study))
    source = DrawSource(
        study=study.name,
        commitment=commitment(opened)
        if opened.plan["register"]
        else str(opened.plan["commitments"]["key"]),
        head=(0, "") if found.head is None else (found.head.number, found.head.hash),
        allocation=made.digest or _digest(made, made.code),
        permutations="" if might is None else _digest(made, might.codes),
        draws=0 if might is None else len(might.codes),
        registered_as="exploratory" if set(parts) & set(PLANNED) else "confirmatory",
        departures=(*_otherwise(parts), *table.against(made)),
    )
    drawn = Drawn(made, might, source, members=table.members(made))
    return Taken(table.study_of(made), table.with_arms(made), drawn)


def run_as_drawn(
    study: Study,
    records: TableRecords,
    *,
    folder: Path,
    key: Path,
    ledger: str | None = None,
    say: Say = lambda words: None,
) -> Finding:
    """Return the finding of a trial whose arms are those of its ledger (`as_drawn`)."""
    taken = as_drawn(study, records, folder=folder, key=key, ledger=ledger, say=say)
    plan.check(taken.study)
    say("reading records")
    with one_thread():
        return found_in(taken.study, taken.records, say=say, drawn=taken.drawn)


def _digest(made: Allocation, codes: NDArray[np.integer[Any]]) -> str:
    """Return SHA-256 of arms of units by the names that the ledger holds."""
    named = canonical([list(made.units), list(made.arms)])
    return sha256(named + np.ascontiguousarray(codes, dtype="<i8").tobytes())


def _otherwise(parts: list[str]) -> Iterator[str]:
    """Yield in words where the study that is run is not the one that was opened."""
    if parts:
        named = listing(parts)
        yield f"the study that is run says otherwise than the one that was opened in: {named}"


class _Table:
    """The records of a trial beside its ledger: which unit of the ledger each row is of."""

    def __init__(self, study: Study, records: TableRecords, opened: Opened, keys: Keys) -> None:
        self.study, self.records, self.opened, self.keys = study, records, opened, keys
        self.rows = records.frame.collect("polars").to_native()
        self.unit = self.column_of_units()
        held = {word for word in self.rows[self.unit].cast(pl.String).unique() if word is not None}
        coded = opened.plan["register"] and not named_by_key(opened.study)
        self.names = {word: word if coded else keys.unit(word) for word in held}

    def column_of_units(self) -> str:
        """Return the column that names what was drawn."""
        unit = str(getattr(self.study.assignment, "unit", "child"))
        column = dict(self.study.records.clusters).get(unit) or self.study.records.unit
        if self.study.records.unit is None or column is None:
            raise UsageError(
                "records: {unit: COLUMN} is missing: by it rows are found in the ledger. It holds "
                "the names by which children were allocated (or are listed, of schools)."
            )
        missing = [
            one for one in (column, self.study.records.unit) if one not in self.records.columns
        ]
        if missing:
            raise Malformed(f"records: there is no column {listing(missing)} in the table.")
        return column

    def arm_of(self, made: Allocation) -> dict[str, str]:
        """Return the arm of each unit, by its name in the records."""
        arms = dict(zip(made.units, (made.arms[code] for code in made.code), strict=True))
        return {word: arms[name] for word, name in self.names.items() if name in arms}

    def members(self, made: Allocation) -> dict[str, int]:
        """Return the place of its unit of each child, by the child's name in the records."""
        at = {unit: place for place, unit in enumerate(made.units)}
        child = self.rows[self.study.records.unit].cast(pl.String)
        pairs = zip(child, self.rows[self.unit].cast(pl.String), strict=True)
        named = ((word, self.names.get(unit, "")) for word, unit in pairs if word is not None)
        return {word: at[name] for word, name in named if name in at}

    def against(self, made: Allocation) -> Iterator[str]:
        """Yield in words how many rows hold another arm than was drawn, and who is not there."""
        arms, own = self.arm_of(made), self.study.arms
        absent = len(made.units) - len(arms)
        if absent:
            yield (
                f"{counted(absent, 'unit')} of the {len(made.units):,} that were allocated "
                f"{'has' if absent == 1 else 'have'} no row in the records"
            )
        if own.column in self.records.columns:
            said = {str(value): arm for value, arm in own.levels}
            pairs = zip(
                self.rows[own.column].cast(pl.String),
                self.rows[self.unit].cast(pl.String),
                strict=True,
            )
            other = sum(
                said.get(str(value), str(value)) != arms[unit] for value, unit in pairs
                if unit in arms
            )  # fmt: skip
            if other:
                yield (
                    f"{counted(other, 'row')} of the records "
                    f"{'holds' if other == 1 else 'hold'} another arm than the ledger: "
                    "analysed as drawn"
                )

    def with_arms(self, made: Allocation) -> TableRecords:
        """Return the records with the ledger's arm of each row, what was known of its unit where no
        column says it, and, of clusters with frozen lists, whether the child was listed.
        """
        unit = pl.col(self.unit).cast(pl.String)
        new = {ARM: unit.replace_strict(self.arm_of(made), default=None, return_dtype=pl.String)}
        if self.opened.procedure.period is not None:
            own = dict(zip(made.units, made.strata, strict=True))
            times = {word: own[name] for word, name in self.names.items() if name in own}
            new[TIME] = unit.replace_strict(times, default=None, return_dtype=pl.String)
        for name, known in self.known().items():
            if name not in self.records.columns:
                new[name] = unit.replace_strict(known, default=None, return_dtype=pl.String)
        listed = self.listed()
        if listed is not None:
            child = pl.col(str(self.study.records.unit)).cast(pl.String)
            new[LISTED] = pl.when(child.is_in(listed)).then(pl.lit("yes"))
        rows = self.rows.with_columns(**new)
        whole = nw.from_native(rows.lazy())
        return replace(self.records, frame=whole, columns=(*self.records.columns, *new))

    def known(self) -> dict[str, dict[str, str]]:
        """Return what was known of each unit when it was allocated: name → unit → level."""
        if self.opened.plan["register"]:
            return {}
        called = {name: word for word, name in self.names.items()}
        found: dict[str, dict[str, str]] = {}
        for unit in sequence_of(self.opened, self.keys).units:
            if unit.name in called:
                for name, level in unit.known:
                    found.setdefault(name, {})[called[unit.name]] = level
        return found

    def listed(self) -> list[str] | None:
        """Return the children on the frozen lists; None of a trial that freezes none."""
        if self.opened.trial.roll is None:
            return None
        held = Held(self.opened, None)
        held.read(self.opened.entries())
        names = {child for entry in held.children.values() for child in entry.body["children"]}
        words = self.rows[str(self.study.records.unit)].cast(pl.String).unique().drop_nulls()
        return [word for word in words if self.keys.child(word) in names]

    def study_of(self, made: Allocation) -> Study:
        """Return the study with the ledger's arms as its exposure."""
        steps = [Condition(ARM, "recorded", reason="allocated, by the ledger")]
        if self.opened.trial.roll is not None:
            steps.append(Condition(LISTED, "recorded", reason="listed before the arm was known"))
        arms = Arms(ARM, tuple((arm, arm) for arm in made.arms), self.study.arms.words)
        told = replace(self.study, arms=arms, population=(*steps, *self.study.population))
        if self.opened.procedure.period is None:
            return told
        # Where arms come and go they are compared among units that came in the same time.
        strata = tuple(dict.fromkeys((*told.assignment.strata, TIME)))
        return replace(told, assignment=replace(randomised_of(told), strata=strata))


def sequence_of(opened: Opened, keys: Keys) -> Sequenced:
    """Return the units that were allocated one by one, in order. keys: that open arms."""
    keys.opener  # noqa: B018 - says which key it takes
    held = Held(opened, keys)
    held.read(opened.entries())
    return held.sequence("")


def allocation(opened: Opened, keys: Keys) -> Allocation:
    """Return unit → arm with the chance that each arm had; units named as `keys.unit` names them,
    or, in a register of schools or areas, by their codes.
    """
    if opened.plan["register"]:
        made = drawn_of(opened.folder, opened)
        if made is None:
            raise UsageError(f"{opened.folder}: the register is not drawn yet.")
        return made
    sequence = sequence_of(opened, keys)
    chances = [unit.chances for unit in sequence.units]
    period = opened.procedure.period  # the time in which a unit came, where arms come and go
    return Allocation(
        units=tuple(unit.name for unit in sequence.units),
        arms=tuple(arm.name for arm in opened.trial.arms),
        code=sequence.places.rows[:, 2].copy(),
        probability=np.array(chances) if all(chances) and chances else None,
        commitment=str(opened.plan["commitments"]["key"]),
        strata=tuple(period(sequence.trial, at) for at in range(len(chances))) if period else (),
    )


def permutations(opened: Opened, keys: Keys, *, count: int) -> Permutations:
    """Return draws that might have been: the procedure run again on the same units in order."""
    if opened.listed:
        raise UsageError("arms came from an external list, whose other draws nobody here knows.")
    made = allocation(opened, keys)
    seed = stream(opened.study.digest(), "draws that might have been").bytes(32)
    if opened.plan["register"]:
        codes = opened.procedure.replay(opened.trial, frame(opened), seed, count)
    else:
        own = sequence_of(opened, keys)  # its arms as amendments left them
        codes = opened.procedure.replay(own.trial, own.arrived(), seed, count)
    return Permutations(made.units, made.arms, np.asarray(codes))
