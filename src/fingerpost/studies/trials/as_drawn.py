"""The draw of a trial as its analysis takes it: verified, its arms in the place of the records'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.assignment import Observed
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.finding import Finding
from fingerpost.core.provenance import DrawSource
from fingerpost.core.seeds import stream
from fingerpost.core.study import Arms, Condition, Covariate, Study
from fingerpost.core.words import counted, listing
from fingerpost.kernels.arrays import one_thread
from fingerpost.ledger.chain import canonical
from fingerpost.studies import plan
from fingerpost.studies.registered import analysed_as, differing, otherwise
from fingerpost.studies.run import found_in
from fingerpost.studies.trials.designing import randomised_of
from fingerpost.studies.trials.drawing import commitment, drawn_of, frame, might_have_been
from fingerpost.studies.trials.folder import Opened, open_folder, sha256
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.looks import at_look
from fingerpost.studies.trials.opening import named_by_key
from fingerpost.studies.trials.sequences import Held, Sequenced, Unit
from fingerpost.studies.trials.verifying import verify

Say = Callable[[str], None]
ARM, LISTED, TIME = "arm by the ledger", "list frozen before the draw", "time of the draw"
WITHIN = "stratum of the draw"  # a pair, or a school within which its children were drawn
NEXT, AGAIN = "next step by the ledger", "drawn again"
INSTRUMENT = (
    "What was drawn is the instrument: write instrument: drawn, or any name that is no column of "
    "the records."
)
REPLAYED = 9_999  # draws that inference replays, with the one that was made 10,000


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
    if study.arms.then is not None and len(opened.trial.stages) != 1:
        raise UsageError(
            f"--draw {folder}: regimes are of two draws, and this trial has "
            f"{counted(1 + len(opened.trial.stages), 'draw')}. Ask by_stratum, of its first."
        )
    keys = opened.keys(key)
    made = allocation(opened, keys)
    might = None if opened.listed else permutations(opened, keys, count=REPLAYED)
    table = _Table(study, records, opened, keys)
    parts = list(differing(opened.study, study))
    if not table.arm_of(made):
        raise Malformed(
            f"records: none of their {counted(len(table.rows), 'row')} is of a unit that was "
            f'allocated, by the column "{table.unit}". Do they hold the names that were allocated?'
        )
    source = DrawSource(
        study=study.name,
        commitment=commitment(opened)
        if opened.plan["register"]
        else str(opened.plan["commitments"]["key"]),
        head=(0, "") if found.head is None else (found.head.number, found.head.hash),
        allocation=made.digest or _digest(made, made.code),
        permutations="" if might is None else _digest(made, might.codes),
        draws=0 if might is None else len(might.codes),
        registered_as=analysed_as("confirmatory", parts),
        departures=(*otherwise(parts, "confirmatory", "opened"), *table.against(made)),
    )
    drawn = Drawn(made, might, source, members=table.members(made))
    told = at_look(table.study_of(made), opened.entries())
    return Taken(told, table.with_arms(made), drawn)


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
        if own.then is not None and not self.among_told():
            yield (
                "the records do not tell whom the second draw concerned: children whom it did not "
                "reach count as such whom it did not concern"
            )
        if own.column in self.records.columns and not self.study.taken_up:
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
        new |= dict.fromkeys(self.instruments(made), new[ARM])
        if self.opened.procedure.period is not None:
            own = dict(zip(made.units, made.strata, strict=True))
            times = {word: own[name] for word, name in self.names.items() if name in own}
            new[TIME] = unit.replace_strict(times, default=None, return_dtype=pl.String)
        within = self.within(made)
        if within:
            new[WITHIN] = unit.replace_strict(within, default=None, return_dtype=pl.String)
        if self.study.arms.then is not None:
            new |= self.again()
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

    def instruments(self, made: Allocation) -> tuple[str, ...]:
        """Return the names by which estimators call what was drawn, where arms are what was taken
        up. Raises UsageError where they name a column that tells something else.
        """
        if not self.study.taken_up:
            return ()
        arms, found, faults = self.arm_of(made), list[str](), list[str]()
        for leaf, options in self.study.options:
            said = dict(options)
            named = said.get("instrument")
            for name in named if isinstance(named, tuple) else [named] * (named is not None):
                if name not in self.records.columns:
                    found.append(str(name))
                elif not self.tells(name, arms):
                    faults.append(f"{leaf}: instrument: {name} is not what was drawn. {INSTRUMENT}")
            if "preference" in said:
                faults.append(f"{leaf}: preference: it was not drawn. {INSTRUMENT}")
        if faults:
            raise UsageError(faults)
        return tuple(found)

    def tells(self, column: str, arms: dict[str, str]) -> bool:
        """Return whether a column tells each unit's arm, one value an arm."""
        pairs = set(
            zip(
                self.rows[column].cast(pl.String),
                self.rows[self.unit].cast(pl.String).replace_strict(arms, default=None),
                strict=True,
            )
        )
        each = {pair for pair in pairs if pair[1] is not None}
        return len(each) == len({value for value, _ in each}) == len({arm for _, arm in each})

    def within(self, made: Allocation) -> dict[str, str]:
        """Return what each unit was drawn within where the ledger alone tells it: its stratum or
        pair of a register, or its cluster and stratum.
        """
        procedure = self.opened.procedure
        if self.opened.plan["register"]:
            own = dict(zip(made.units, made.strata, strict=True)) if made.strata else {}
        elif procedure.within and not procedure.across:
            came = sequence_of(self.opened, self.keys)
            own = {
                one.name: f"cluster {cluster + 1}, stratum {stratum + 1}"
                for one, (stratum, cluster, _) in zip(came.units, came.places.rows, strict=True)
            }
        else:
            own = {}
        return {word: own[name] for word, name in self.names.items() if name in own}

    def known(self) -> dict[str, dict[str, str]]:
        """Return what was known of each unit when it was allocated: name → unit → level."""
        if self.opened.plan["register"]:
            return {}
        called = {name: word for word, name in self.names.items()}
        found: dict[str, dict[str, str]] = {}
        stages = ("", *(stage.name for stage in self.opened.trial.stages))
        held = [sequence_of(self.opened, self.keys, stage).units for stage in stages]
        for unit in chain.from_iterable(held):
            if unit.name in called:
                for name, level in unit.known:
                    found.setdefault(name, {})[called[unit.name]] = level
        return found

    def again(self) -> dict[str, pl.Expr]:
        """Return what was drawn the second time, and of whom: by the ledger those who were, and by
        a column of the records those who should have been.
        """
        [stage] = self.opened.trial.stages
        arms = [arm.name for arm in stage.arms]
        own = {one.name: arms[one.arm] for one in self.next_units()}
        drawn = {word: own[name] for word, name in self.names.items() if name in own}
        unit = pl.col(self.unit).cast(pl.String)
        meant = pl.lit(bool(stage.among) and self.among_told())
        for name, level in stage.among:
            if name in self.records.columns:
                meant = meant & (pl.col(name).cast(pl.String) == level).fill_null(value=False)
        asked = unit.is_in(list(drawn)) | meant
        return {
            NEXT: unit.replace_strict(drawn, default=None, return_dtype=pl.String),
            AGAIN: pl.when(asked).then(pl.lit("yes")).otherwise(pl.lit("no")),
        }

    def next_units(self) -> list[Unit]:
        """Return the units that were drawn again."""
        [stage] = self.opened.trial.stages
        return sequence_of(self.opened, self.keys, stage.name).units

    def among_told(self) -> bool:
        """Return whether the records tell whom the second draw concerned."""
        [stage] = self.opened.trial.stages
        return all(name in self.records.columns for name, _ in stage.among)

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
        if self.study.taken_up:
            return self.taking_up((*steps, *self.study.population), made)
        then = self.study.arms.then
        if then is not None:
            [stage] = self.opened.trial.stages
            levels = tuple((arm.name, arm.name) for arm in stage.arms)
            then = replace(then, column=NEXT, levels=levels, among=(AGAIN, "yes"))
        arms = Arms(ARM, tuple((arm, arm) for arm in made.arms), self.study.arms.words, then=then)
        told = replace(self.study, arms=arms, population=(*steps, *self.study.population))
        own = randomised_of(told)
        if self.within(made):
            return replace(told, assignment=replace(own, strata=(WITHIN,), even=_even(made)))
        if self.opened.procedure.period is None:
            return told
        # Where arms come and go they are compared among units that came in the same time.
        strata = tuple(dict.fromkeys((*own.strata, TIME)))
        return replace(told, assignment=replace(own, strata=strata))

    def taking_up(self, population: tuple[Condition, ...], made: Allocation) -> Study:
        """Return the study of what was taken up, which was not drawn, given what units were drawn
        within: chance decided the instrument alone.
        """
        own = randomised_of(self.study)
        within = (WITHIN,) if self.within(made) else own.strata
        if self.opened.procedure.period is not None:
            within = (*within, TIME)
        given = tuple(dict.fromkeys((*own.given, *within)))
        known = {one.name for one in self.study.covariates}
        more = [
            Covariate(name, "categorical", self.study.missing)
            for name in within
            if name not in known
        ]
        return replace(
            self.study,
            population=population,
            assignment=Observed(given, own.cluster),
            covariates=(*self.study.covariates, *more),
        )


def _even(made: Allocation) -> bool:
    """Return whether each arm was as likely for one unit as for another, whatever its stratum. Of
    units that came one by one within clusters, each arm has its share.
    """
    return not made.digest or made.probability is None or not Drawn(made).unequal


def sequence_of(opened: Opened, keys: Keys, stage: str = "") -> Sequenced:
    """Return the units that were allocated one by one, in order. keys: that open arms. stage: a
    later one; the first has no name.
    """
    keys.opener  # noqa: B018 - says which key it takes
    held = Held(opened, keys)
    held.read(opened.entries())
    return held.sequence(stage)


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
    probability = np.array(chances) if all(chances) and chances else None
    if probability is not None and opened.procedure.chances is not None:
        # The ledger has each chance given the arms before; inference takes that before any was.
        probability = np.asarray(opened.procedure.chances(sequence.trial, sequence.arrived()))
    period = opened.procedure.period  # the time in which a unit came, where arms come and go
    return Allocation(
        units=tuple(unit.name for unit in sequence.units),
        arms=tuple(arm.name for arm in opened.trial.arms),
        code=sequence.places.rows[:, 2].copy(),
        probability=probability,
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
        codes = might_have_been(
            opened.procedure, opened.trial, frame(opened), seed=seed, count=count
        )
    else:
        own = sequence_of(opened, keys)  # its arms as amendments left them
        codes = opened.procedure.replay(own.trial, own.arrived(), seed, count)
    return Permutations(made.units, made.arms, np.asarray(codes))
