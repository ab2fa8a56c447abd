"""Allocating one unit: who may take part, which stratum, the next arm, the ledger, the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger, Tail
from fingerpost.studies.rollouts.registers import read_rows
from fingerpost.studies.trials.folder import Opened, event, list_files
from fingerpost.studies.trials.keys import Keys, plain
from fingerpost.studies.trials.opening import code_digest
from fingerpost.studies.trials.sealing import seal
from fingerpost.studies.trials.sequences import Held, context_of, unit_of

ELIGIBLE, NO_PLAN = "eligible", "no plan"
LONGEST = 200  # signs of a unit's name
UNIT, CLUSTER, REQUEST, CONFIRMED = "unit", "cluster", "request", "confirmed"
YES = ("yes", "y", "true", "1")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to allocate a unit.

    known: (name, level) of what is known of it. confirmed: what was confirmed of it, by name.
    request: a name of this request, so that it can be repeated; what is asked itself, if empty.
    cluster: within which it is drawn, where the design draws within clusters. stage: a later one of
    a sequence. by: who asks.
    """

    unit: str
    known: tuple[tuple[str, str], ...] = ()
    confirmed: tuple[str, ...] = ()
    request: str = ""
    cluster: str = ""
    stage: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a unit was given. new: whether it was now, and not by an earlier, equal request."""

    unit: str
    number: int
    arm: str
    gets: str
    stage: str
    entry: Entry
    new: bool


class Allocator:
    """Allocates the units of one trial, one after the other; others may do so at the same time.

    What was read of the ledger is kept, so that each allocation reads what was added since.
    """

    def __init__(self, opened: Opened, keys: Keys, *, ledger: Ledger) -> None:
        """Take the trial, the key it was opened with, and its ledger."""
        keys.seed  # noqa: B018 - says which key it takes
        self.opened, self.keys, self.ledger = opened, keys, ledger
        self.held = Held(opened, keys)
        self.code = code_digest(str(opened.plan["design"]))

    def allocate(self, asked: Asked) -> Given:
        """Return what a unit is given, once it is kept in the ledger.

        The same request returns the same answer. Raises UsageError, with every fault, for a unit
        that may not take part, is allocated already, or is of a cluster whose list is not frozen.
        """
        faults = faults_of(self.opened, asked)
        if faults:
            raise UsageError(faults)
        named = (
            asked.request
            or canonical(
                [
                    asked.unit,
                    asked.stage,
                    sorted(asked.known),
                    sorted(asked.confirmed),
                    asked.cluster,
                ]
            ).decode()
        )
        new: list[Event] = []

        def decide(tail: Tail) -> Event:
            self.held.read(tail.after(self.held.at))
            new.append(self.decided(asked))
            return new[0]

        key = f"allocate {self.keys.request(named)}"
        entry = self.ledger.extend(self.opened.stream, decide, key=key)
        return self.given(asked, entry, new=bool(new))

    def given(self, asked: Asked, entry: Entry, *, new: bool) -> Given:
        """Return an entry as the answer to a request."""
        body = entry.body
        if body.get("unit") != self.keys.unit(asked.unit) or body.get("stage") != asked.stage:
            raise UsageError(
                "--request: this name was used for another unit. Name each request once."
            )
        unit = unit_of(entry, self.keys)
        if not new and not set(asked.known) <= set(unit.known):
            raise UsageError(
                f"--request: this name was used for this unit (number {unit.number}), of which "
                "something else was known then. Nothing was changed."
            )
        arm = self.held.sequence(asked.stage).trial.arms[unit.arm]
        return Given(asked.unit, unit.number, arm.name, arm.gets, asked.stage, entry, new)

    def decided(self, asked: Asked) -> Event:
        """Return the event of an allocation. Raises UsageError where there may be none."""
        held, name = self.held, self.keys.unit(asked.unit)
        self.refuse(asked, name)
        number = held.counts.get(asked.stage, 0) + 1
        cluster = self.keys.unit(asked.cluster) if asked.cluster else ""
        known = self.all_known(asked, name)
        step = held.step(asked.stage, known, cluster)
        # All of one length whatever the arm, so that the length of what is sealed tells nothing.
        said = {
            "arm": f"{step.arm:03d}",
            "chances": [f"{chance:.9f}" for chance in step.probability],
            "cluster": cluster,
            "confirmed": sorted(asked.confirmed),
            "known": [list(pair) for pair in sorted(known.items())],
        }
        sealed = seal(self.keys.opener, said, context=context_of(name, asked.stage, number))
        body = {
            "by": asked.by,
            "code": self.code,
            "number": number,
            "sealed": sealed,
            "stage": asked.stage,
            "unit": name,
        }
        return event("allocated", body)

    def all_known(self, asked: Asked, name: str) -> dict[str, str]:
        """Return what is known of a unit, of a later stage with what was known before."""
        before: dict[str, str] = {}
        if asked.stage:
            for unit in self.held.sequence("").units:
                if unit.name == name:
                    before = dict(unit.known)
        return {**before, **dict(asked.known)}

    def refuse(self, asked: Asked, name: str) -> None:
        """Raise UsageError where the ledger says that a unit may not be allocated."""
        held, stage = self.held, asked.stage
        number = held.numbers.get((stage, name))
        if number is not None:
            raise UsageError(
                f"{asked.unit}: allocated already, as number {number}. The same request, repeated, "
                "tells the arm again; another does not."
            )
        if held.stopped:
            raise UsageError(f"the trial was stopped ({held.stopped}): nobody is allocated.")
        if not stage and held.size is not None and held.counts.get("", 0) >= held.size:
            raise UsageError(
                f"the trial has its {held.size:,} units. To allocate more takes an amendment: "
                "`fingerpost trial note DIR amendment --size N --words …`."
            )
        if stage and ("", name) not in held.numbers:
            raise UsageError(f"{asked.unit}: not allocated yet, so no later stage concerns it.")
        if stage:
            self.refuse_stage(asked, name)
        if self.opened.trial.roll is not None and name not in held.children:
            raise UsageError(
                f"{asked.unit}: its list of children and their baseline are not frozen. Whoever is "
                "listed after the arm is known may be listed because of it. Freeze it first: "
                "`fingerpost trial note DIR freeze --roll FILE --key FILE`."
            )

    def refuse_stage(self, asked: Asked, name: str) -> None:
        """Raise UsageError where a later stage does not concern a unit."""
        from fingerpost.designs._stages import stage_of

        known = self.all_known(asked, name)
        for what, level in stage_of(self.opened.trial, asked.stage).among:
            if known.get(what) != level:
                raise UsageError(
                    f"{asked.unit}: {asked.stage} is drawn among units with {what}={level}; say "
                    f"it: --known {what}={level}, if that is so."
                )


def needed(opened: Opened) -> tuple[str, ...]:
    """Return what must be confirmed of every unit before it is allocated, by name.

    What the study's `consent` names; `eligible` where it says who takes part; `no plan` where
    children for whom a plan specifies the provision are excluded.
    """
    trial = opened.trial
    return tuple(
        dict.fromkeys(
            (
                *trial.consent,
                *([ELIGIBLE] if opened.study.population or opened.study.linked else []),
                *([NO_PLAN] if trial.plans == "excluded" else []),
            )
        )
    )


def faults_of(opened: Opened, asked: Asked) -> list[str]:
    """Return every fault of a request that can be told without the ledger."""
    trial = opened.trial
    faults = []
    if not 0 < len(asked.unit) <= LONGEST or asked.unit != asked.unit.strip():
        faults.append(f"--unit: a name of 1 to {LONGEST} signs, without spaces around it.")
    if asked.stage and asked.stage not in [stage.name for stage in trial.stages]:
        names = listed(stage.name for stage in trial.stages) or "none"
        faults.append(f"--known stage={asked.stage}: there is no such stage. There are: {names}.")
    wanted = needed(opened)
    missing = [name for name in wanted if name not in asked.confirmed]
    if missing and not asked.stage:
        said = " ".join(f'--confirm "{name}"' for name in missing)
        faults.append(
            f"not confirmed: {listing(missing)}. A unit takes part once each is; if so, say {said}."
        )
    unknown = [name for name in asked.confirmed if name not in wanted]
    faults += [
        f'--confirm "{name}": the study asks for no such thing.{nearest(name, wanted)}'
        for name in unknown
    ]
    within = opened.procedure.within
    if within and not asked.cluster:
        faults.append(
            "--known cluster=… is missing: this design draws within clusters. Name the unit's."
        )
    if asked.cluster and not within:
        faults.append("--known cluster=…: this design does not draw within clusters. Leave it out.")
    return faults + faults_of_known(opened, asked)


def faults_of_known(opened: Opened, asked: Asked) -> list[str]:
    """Return what is missing or wrong in what is known of a unit."""
    trial, said = opened.trial, dict(asked.known)
    levels = {one.name: one.levels for one in trial.known}
    later = {name for stage in trial.stages for name, _ in stage.among}
    later -= set(opened.study.assignment.strata)
    faults = [
        f"--known {name}: the study does not ask for it.{nearest(name, levels)}"
        for name in said
        if name not in levels
    ]
    if len(said) < len(asked.known):
        faults.append("--known: each name once.")
    for name, allowed in levels.items():
        if name in said and said[name] not in allowed:
            faults.append(f"--known {name}: no such level. There are: {listed(allowed)}.")
        elif name not in said and not asked.stage and name not in later:
            faults.append(f"--known {name}=… is missing: {listed(allowed)}.")
    return faults


def allocate(opened: Opened, keys: Keys, *, requests: Sequence[Asked]) -> tuple[Given, ...]:
    """Return what units are given, in order, and write the list of the folder's files anew.

    Every request is looked at before the first is allocated. Where one is refused on the way, those
    before it stay allocated; run again, they are told again and the rest follow.
    """
    faults = [
        f"{asked.unit}: {fault}" if len(requests) > 1 else fault
        for asked in requests
        for fault in faults_of(opened, asked)
    ]
    if faults:
        raise UsageError(faults)
    with opened.ledger() as ledger:
        allocator = Allocator(opened, keys, ledger=ledger)
        try:
            return tuple(allocator.allocate(asked) for asked in requests)
        finally:
            list_files(opened, ledger)


def read_units(path: Path, opened: Opened, *, by: str = "") -> tuple[Asked, ...]:
    """Return the requests of a table: columns `unit`, everything known, and a column for each thing
    to be confirmed (yes), or one named `confirmed` that lists them, separated by semicolons;
    `cluster`, `request` and `stage` where they are needed. Raises UsageError for its faults.
    """
    rows = read_rows(path, "--units")
    names = [one.name for one in opened.trial.known]
    if not rows:
        raise UsageError(f"{path}: there is no row below its header. Write one for each unit.")
    if UNIT not in rows[0]:
        raise UsageError(f"{path}: it needs a column {UNIT} and a row for each unit.")
    allowed = {UNIT, CLUSTER, REQUEST, CONFIRMED, "stage", *names, *needed(opened)}
    strange = [name for name in rows[0] if name not in allowed]
    if strange:
        raise UsageError(
            f"{path}: {listing(strange)}: the study asks for no such column. It may have "
            f"{listed(sorted(allowed))}."
        )
    twice = [unit for unit, times in Counter(plain(row[UNIT]) for row in rows).items() if times > 1]
    if twice and "stage" not in rows[0]:
        raise UsageError(f"{path}: {len(twice)} units stand there more than once. A row a unit.")
    return tuple(asked_of(row, names, needed(opened), by) for row in rows)


def asked_of(row: dict[str, str], names: list[str], wanted: tuple[str, ...], by: str) -> Asked:
    """Return the request of one row."""
    told = [word.strip() for word in row.get(CONFIRMED, "").split(";") if word.strip()]
    told += [name for name in wanted if row.get(name, "").lower() in YES and name not in told]
    return Asked(
        unit=row[UNIT],
        known=tuple((name, row[name]) for name in names if row.get(name)),
        confirmed=tuple(told),
        request=row.get(REQUEST, ""),
        cluster=row.get(CLUSTER, ""),
        stage=row.get("stage", ""),
        by=by,
    )
