"""A trial on synthetic England: who could take part, what the draw does to them, what records say.

Eligible children are read from the records as any study reads them. An allocation is enacted: the
same children, with the luck they had, are provided for as their arm says, and the records that this
would leave are read in place of those that are there. No truth is opened: that is `england.reveal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked.flatten import Store, flatten
from fingerpost.cohorts.table import TableRecords
from fingerpost.core.calendar import day_number as number_of
from fingerpost.core.calendar import first_day
from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import RecordsMeasure, load
from fingerpost.core.linked import Strategy
from fingerpost.core.study import Arms, Study
from fingerpost.core.trial import Enactment, Trial
from fingerpost.engines._shared import ROW
from fingerpost.england import build, enact, places
from fingerpost.england.build import Block, Options
from fingerpost.england.model import EHCP, NONE, STRENGTH, SUPPORT
from fingerpost.england.world import World, unaided
from fingerpost.records.store import open_store
from fingerpost.records.writing import read_manifest
from fingerpost.studies.language.resolve import roles
from fingerpost.studies.linked import spelt
from fingerpost.studies.trials.coming import check_coming
from fingerpost.studies.trials.designing import randomised_of

Whole = NDArray[np.int64]
Say = Callable[[str], None]
CHILD, ARM, STRATUM = "child_id", "arm", "drawn within"
ENGINE = "polars"  # frames in memory stand beside tables on disk
LEVELS = {"none": NONE, "support": SUPPORT, "plan": EHCP}
BEFORE = {"nursery": -1, "reception": 0, "year 1": 1}
NOT_OURS = (
    "is not a synthetic England of ours, on which alone an allocation can be enacted. Make one: "
    "`fingerpost england build`."
)


@dataclass(frozen=True, eq=False, slots=True)
class Eligible:
    """The children who could take part.

    study: the trial's, its measures spelt out. on_columns: the same on the columns of `table`.
    table: a row a child, by child_id: covariates, clusters, and outcomes as they would be if nobody
    intervened. records: that table as records. flow: of how they came to be. options: what the
    England was made of.
    """

    study: Study
    on_columns: Study
    table: pl.DataFrame
    records: TableRecords
    flow: Flow
    store: Store
    options: Options

    @property
    def children(self) -> Whole:
        """(n,) their identifiers, in order."""
        return self.table[CHILD].to_numpy().astype(np.int64)

    @property
    def trial(self) -> Trial:
        """What the study says of its trial."""
        found = self.study.trial
        assert found is not None
        return found

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The columns of outcomes, and of their exposures."""
        specs = self.on_columns.outcomes
        return tuple(
            dict.fromkeys(name for one in specs for name in (one.column, one.exposure) if name)
        )


def check_enacted(study: Study) -> None:
    """Raise UsageError where a study says nothing of how its arms are enacted, or is of no trial
    of linked records.
    """
    trial = study.trial
    if trial is None or study.linked is None:
        raise UsageError(
            f'The study "{study.name}" cannot be enacted on an England: it needs trial: with its '
            "arms, a population of linked records and a list of measures as outcomes."
        )
    silent = [arm.name for arm in trial.arms if arm.enact is None]
    if silent or not trial.arms:
        raise UsageError(
            f"trial.arms: nothing says what {listed(silent) or 'any arm'} is in a synthetic "
            "England. Write enact: {level: support, begins: reception}, or {level: as it would be}."
        )
    check_coming(study)


def eligible(study: Study, folder: Path) -> Eligible:
    """Return the children who could take part in a trial, from the records of an England."""
    check_enacted(study)
    store = open_store(folder, ENGINE)
    options = options_of(folder)
    told = spelt(study)
    asked = replace(told, roles=roles(told, told.given), linked=_everyone(told))
    found = flatten(asked, store)
    table = found.records.frame.collect("polars").to_native().drop(ROW, strict=False)
    on_columns = replace(found.study, linked=None, population_words=told.population_words)
    return Eligible(told, on_columns, table.sort(CHILD), found.records, found.flow, store, options)


def _everyone(study: Study) -> Any:
    """Return what a study asks of linked records with arms in one of which every child is."""
    assert study.linked is not None
    first, second = study.arms.names[:2]
    arms = (
        (first, Strategy("", ("none",))),
        (second, Strategy("", ("support", "ehcp", "special"))),
    )
    return replace(study.linked, strategies=arms)


def options_of(folder: Path) -> Options:
    """Return what an England was made of; Malformed where its folder does not say."""
    manifest = read_manifest(folder)
    said: dict[str, Any] = dict(manifest.options) if manifest is not None else {}
    try:
        return Options(
            int(said["children"]),
            int(said["seed"]),
            str(said["era"]),
            str(said["scenario"]),
            dict(said["boosts"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Malformed(f"records: {folder} {NOT_OURS}") from None


def enacted(whom: Eligible, arm: Whole) -> pl.DataFrame:
    """Return `child_id` and the outcomes that records would hold under an allocation.

    arm: (n,) codes of the trial's arms, of the eligible children in order; −1 for who takes no
    part, who is left as it would be.
    """
    frames: dict[str, list[pl.DataFrame]] = {}
    wanted = tables_of(whom.study)
    for world in worlds(whom):
        allocation = allocation_of(world, whom, arm)
        for name, rows in tables_under(world, allocation, wanted):
            frames.setdefault(name, []).append(rows)
    store = open_store(whom.store.path, ENGINE)
    for name, parts in frames.items():
        store.stand_in(name, pl.concat(parts))
    told = whom.study
    asked = replace(told, roles=(), linked=_everyone(told), all_but=None)
    asked = replace(asked, assignment=replace(asked.assignment, given=()))
    found = flatten(asked, store).records.frame.collect("polars").to_native()
    by_child = whom.table.select(CHILD).join(
        found.select(CHILD, *whom.outcomes), on=CHILD, how="left"
    )
    return by_child.sort(CHILD)


@cache
def _places(seed: int) -> Any:
    return places.make(seed)


def worlds(whom: Eligible) -> Iterator[World]:
    """Yield the blocks of an England that hold an eligible child."""
    for block in build.blocks(whom.options):
        if len(_rows(whom, block)):
            yield build.make_world(whom.options, block, where=_places(whom.options.seed))


def _rows(whom: Eligible, block: Block) -> Whole:
    """Return the places among the eligible of the children of a block."""
    held = whom.children
    inside = (held >= block.first_child) & (held < block.first_child + block.size)
    return np.flatnonzero(inside)


def allocation_of(world: World, whom: Eligible, arm: Whole) -> enact.Allocation:
    """Return what every child of a block is given: as its arm says, or as it would be."""
    held, n = whom.children, world.size
    first = int(world.families.child[0])
    inside = (held >= first) & (held < first + n)
    at = held[inside] - first
    own = np.full(n, -1, dtype=np.int64)
    own[at] = arm[inside]
    would = unaided(world)
    level = np.full(n, enact.UNTOUCHED)
    start = np.zeros(n, dtype=np.int64)
    planned, delivered = would.planned.copy(), would.delivered.copy()
    for code, one in enumerate(whom.trial.arms):
        told = one.enact or Enactment()
        rows = own == code
        if told.level not in LEVELS:
            continue
        level[rows] = LEVELS[told.level]
        start[rows] = first_days(world, told)[rows]
        if told.minutes is not None:
            planned[rows] = STRENGTH.planned_minutes.index(told.minutes)
        if told.delivered is not None:
            delivered[rows] = STRENGTH.delivered.index(told.delivered)
    return enact.Allocation(level, start, planned=planned, delivered=delivered)


def first_days(world: World, told: Enactment) -> Whole:
    """Return (n,) the first day of the school year in which an arm's provision begins."""
    years = np.asarray(world.families.reception, dtype=np.int64) + BEFORE[told.begins]
    known = {int(year): number_of(first_day(int(year))) for year in np.unique(years)}
    return np.array([known[int(year)] for year in years], dtype=np.int64)


def tables_of(study: Study) -> tuple[str, ...]:
    """Return the tables that the outcomes of a study are read from."""
    found: list[str] = []
    for spec in study.outcomes:
        leaf = load("outcomes", spec.name, kind=RecordsMeasure)
        found += [*leaf.tables, *leaf.also]
    return tuple(dict.fromkeys(found))


def tables_under(
    world: World, allocation: enact.Allocation, wanted: tuple[str, ...]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the wanted tables that an allocation would leave of one block."""
    left = set(wanted)
    for name, rows in enact.records(world, allocation):
        if name in left:
            left.discard(name)
            yield name, pl.DataFrame(pl.from_arrow(rows))
        if not left:
            return


@dataclass(frozen=True, eq=False, slots=True)
class Country:
    """The eligible children of an England, and their outcomes in each arm of a trial.

    whom: the children. columns: what is known of each, (n,), with their `school` and `la`. under:
    the outcomes that records would hold were all of them in one arm, by arm. No child's provision
    reaches another in an England of ours, so that a child has under any allocation what it has
    where all have its arm (but for scores that are set beside those of the whole country).
    """

    whom: Eligible
    columns: Mapping[str, NDArray[Any]]
    under: tuple[pl.DataFrame, ...]

    @property
    def size(self) -> int:
        """How many children there are."""
        return len(self.whom.table)

    def drawn(self, rows: Whole, arm: Whole, *, stratum: tuple[str, ...] = ()) -> pl.DataFrame:
        """Return the table of the children of a trial, with their arms by name. rows: (m,) places
        among the eligible; arm: (m,) codes; stratum: (m,) what each was drawn within, if said.
        """
        found = {}
        for name in self.whom.outcomes:
            each = np.stack([one[name].to_numpy() for one in self.under])
            found[name] = pl.Series(name, each[arm, rows]).fill_nan(None)
        return taking_part(self.whom, rows, arm, found, stratum=stratum)

    def truth(self, column: str, *, of: str, against: str) -> float:
        """Return the difference of means over the children whose outcome is seen in both arms."""
        names = [one.name for one in self.whom.trial.arms]
        first, second = (self.under[names.index(arm)][column].to_numpy() for arm in (of, against))
        return float(np.nanmean(first - second))


def country(study: Study, folder: Path, *, say: Say = lambda words: None) -> Country:
    """Return the eligible children of an England, each arm of the trial enacted on all of them."""
    say("reading who could take part")
    whom = eligible(study, folder)
    found = []
    for code, arm in enumerate(whom.trial.arms):
        say(f"enacting arm {arm.name}")
        found.append(enacted(whom, np.full(len(whom.table), code)))
    return Country(whom, columns_of(whom), tuple(found))


def columns_of(whom: Eligible) -> dict[str, NDArray[Any]]:
    """Return what is known of each eligible child, by name; `school` and `la` as well."""
    clusters = dict(whom.on_columns.records.clusters)
    table = whom.table
    found = {name: table[name].to_numpy() for name in table.columns if name not in whom.outcomes}
    return found | {level: table[column].to_numpy() for level, column in clusters.items()}


def codes_of(trial: Trial, columns: Mapping[str, NDArray[Any]], rows: Whole) -> Whole:
    """Return (m, f) codes of the levels of what is known of children. Raises UsageError for what no
    column holds, and for levels that the study does not list.
    """
    faults, found = [], []
    for one in trial.known:
        if one.name not in columns:
            faults.append(
                f"trial.known: {one.name} is nothing that this England tells. Name a covariate of "
                "the study, among given."
            )
            continue
        told = np.array([written(value) for value in columns[one.name][rows]])
        strange = sorted(set(told.tolist()) - set(one.levels))
        if strange:
            faults.append(
                f"trial.known.{one.name}: records hold {listed(strange[:5])}, which are none of "
                f"{listed(one.levels)}."
            )
            continue
        found.append(np.array([one.levels.index(value) for value in told.tolist()]))
    if faults:
        raise UsageError(faults)
    wide = np.stack(found, axis=1) if found else np.zeros((len(rows), 0))
    return wide.astype(np.int64)


def written(value: object) -> str:
    """Return a recorded value as a study writes it.

    >>> written(1.0), written("F"), written(0.5)
    ('1', 'F', '0.5')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_records(study: Study, country: Country, table: pl.DataFrame) -> TableRecords:
    """Return the table of a trial as records that its study on columns is run on."""
    del study
    return read_as(country.whom, table)


def taking_part(
    whom: Eligible,
    rows: Whole,
    arm: Whole,
    outcomes: Mapping[str, pl.Series],
    *,
    stratum: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Return the table of those who take part: rows: (m,) places among the eligible; arm: (m,)
    codes; outcomes: (m,) each, by column; stratum: (m,) what each was drawn within, if said.
    """
    names = [one.name for one in whom.trial.arms]
    return whom.table[rows].with_columns(
        pl.Series(ARM, [names[code] for code in arm]),
        *([pl.Series(STRATUM, stratum)] if stratum else []),
        *[values.alias(name) for name, values in outcomes.items()],
    )


def read_as(whom: Eligible, table: pl.DataFrame) -> TableRecords:
    """Return a table of eligible children as records."""
    numbered = table.drop(ROW, strict=False).with_row_index(ROW, offset=1)
    frame = nw.from_native(numbered.with_columns(pl.col(ROW).cast(pl.Int64)).lazy())
    columns = tuple(name for name in table.columns if name != ROW)
    return replace(whom.records, frame=frame, columns=columns)


def on_columns(whom: Eligible, *, stratum: bool = False) -> Study:
    """Return the trial's study as it is asked of the table of those who took part. stratum: whether
    that table says what each child was drawn within, in place of the study's own strata.
    """
    names = tuple(one.name for one in whom.trial.arms)
    arms = Arms(ARM, tuple((name, name) for name in names), whom.study.arms.words)
    own = replace(whom.on_columns, arms=arms)
    if not stratum:
        return own
    return replace(own, assignment=replace(randomised_of(own), strata=(STRATUM,)))
