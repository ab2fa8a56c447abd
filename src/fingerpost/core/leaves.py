"""Leaves: one file, one frozen descriptor, found by being there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fingerpost.core.errors import FingerpostError, UnknownLeaf, UsageError, listed, nearest
from fingerpost.core.estimand import SCALES, SUMMARIES, TARGETS

if TYPE_CHECKING:
    from fingerpost.core.allocation import Allocation, Arrived, Step
    from fingerpost.core.analysis import Task
    from fingerpost.core.answer import Answer
    from fingerpost.core.codes import CodeRule
    from fingerpost.core.rollout import Frame, Layout, Rollout
    from fingerpost.core.study import Study
    from fingerpost.core.trial import Trial

D = TypeVar("D")
GUARDS = {"target", "own", "exempt"}
LEVELS = {"k", "pairwise", "ordered", "2"}
OVER_COPIES = {"each", "pooled", "all"}
TAKES = {"cohort", "panel"}
KINDS = ("continuous", "binary", "count", "ordinal", "time")


@dataclass(frozen=True, slots=True)
class Assumption:
    """What must hold for a leaf's answer; `diagnostic` names what tests it, empty if untestable."""

    name: str
    words: str
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Estimator:
    """What an estimator can do, as data.

    short: what a sentence calls it, where that is not the leaf's name in words. targets: kinds of
    target it answers; trimmed: whether also after trimming. instead: (option, targets) that it
    answers in place of `targets` where the study sets the option to anything but false. unless:
    (target, option) of a target that it does not answer where the option is false.
    scales, outcomes, summaries: kinds it takes and gives. levels: `k` (two or more arms, all at
    once), `pairwise` (two or more, two at a time), `ordered` (two, or more in order of dose) or
    `2`. spread: how its variance is made. guard: `target` (judged on the tilting weights), `own`
    (also on weights of its own, where its answer's fit holds any) or `exempt`.
    extrapolates: whether it may answer where nobody was observed, shown apart if the target is
    refused. censoring: whether it answers for children whose outcome was not seen too, where the
    study has a model of who was seen. over_time: whether it answers of strategies sustained
    over time. randomised: targets it answers where arms were drawn with the same chances for all.
    strata: whether it compares within the strata of a draw, so that chances may differ among them.
    chances: whether it takes each unit's chance from the ledger of a draw, so that they may differ
    between any. takes: `cohort` (a row a child) or `panel` (units over periods). drawn: whether it
    leans on the draw itself, so that a study in which nothing was drawn cannot ask it. staged:
    whether it answers of the regimes of a trial that draws again (`arms: {then: …}`), and of
    nothing else. outside: likewise, of outcomes to which only children outside the trial were
    followed (`arms: {outside: …}`). drift: whether it bounds what is left of an answer about units
    over periods if trends part after provision began.
    options: (name, words); needs: options it cannot run without; columns: options whose value is a
    column of the records, or several; apart: those of them whose columns are never covariates, so
    that `all_but` leaves them out; covariates: those whose columns must be covariates; keys_too:
    those that may name the column of a cluster. adjusts: whether it takes covariates into account.
    alike_within: the option that names the level of clusters within which alone it compares
    children, the study's own where it is left out; empty where it compares across them. said:
    (option, sentence with `{value}`) of options that say what an answer rests on.
    run: the computation. check(study, options): raises UsageError with every fault of the options
    that can be told before a record is read;
    check_cohort(task): with every fault that the children tell, before any leaf runs.
    """

    title: str
    summary: str
    reference: str
    targets: tuple[str, ...]
    scales: tuple[str, ...]
    outcomes: tuple[str, ...]
    assumes: tuple[Assumption, ...]
    run: Callable[..., Answer]
    short: str = ""
    levels: str = "k"
    trimmed: bool = True
    spread: str = "stacked influence"
    guard: str = "target"
    extrapolates: bool = False
    censoring: bool = False
    over_time: bool = False
    randomised: tuple[str, ...] = ()
    strata: bool = False
    chances: bool = False
    takes: str = "cohort"
    drawn: bool = False
    staged: bool = False
    outside: bool = False
    drift: bool = False
    instead: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unless: tuple[tuple[str, str], ...] = ()
    summaries: tuple[str, ...] = ("mean", "risk", "rate")
    options: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    keys_too: tuple[str, ...] = ()
    adjusts: bool = True
    alike_within: str = ""
    said: tuple[tuple[str, str], ...] = ()
    check: Callable[[Study, Mapping[str, object]], None] | None = None
    check_cohort: Callable[[Task], None] | None = None

    def __post_init__(self) -> None:
        """Refuse a descriptor with words that nobody knows, so that none is passed over."""
        options = {option for option, _ in self.options}
        named = {*(name for name, _ in self.instead), *(option for _, option in self.unless)}
        named |= {*(option for option, _ in self.said), self.alike_within} - {""}
        said = (
            ("guard", {self.guard} - GUARDS),
            ("levels", {self.levels} - LEVELS),
            ("takes", {self.takes} - TAKES),
            ("targets", set(self.targets) - set(TARGETS)),
            ("scales", set(self.scales) - set(SCALES)),
            ("outcomes", set(self.outcomes) - set(KINDS)),
            ("summaries", set(self.summaries) - set(SUMMARIES)),
            ("options", {*self.needs, *self.columns, *named} - options),
            ("apart", {*self.apart, *self.covariates, *self.keys_too} - set(self.columns)),
        )
        faults = [f"{what}: {listed(sorted(wrong))}" for what, wrong in said if wrong]
        if faults:
            raise FingerpostError(
                f'the estimator "{self.title}" declares what is not known: {"; ".join(faults)}.'
            )


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a sensitivity analysis asks and needs. `run` gets a task of the sensitivity room.

    scope: `outcome` (run for each outcome) or `study` (run once, over the answers on all of them).
    options: (name, words); columns: options whose value is a column of the records, or several. Of
    these, controls: whose columns are never covariates; covariates: whose columns must be;
    outcomes_too: that may name another outcome of the study in a column's place; alone: whose value
    is one column. The names of such options mean the same in every analysis, so that most say
    nothing here. needs_estimators: of which the study must have one. check(study, options): raises
    UsageError with every fault of the options that can be told before a record is read.
    over_copies: where missing values are imputed, whether it runs on `each` copy, its answers then
    pooled; once on the `pooled` answers; or once on those and on `all` copies, without which it
    has no answer. short: what a sentence calls it, where that is not its name in words. takes:
    `cohort` or `panel`, as of an estimator. chances: whether it weighs the children of arms itself,
    so that it is given those of a draw whose chances differ weighted by them. panels_too: one that
    takes a cohort, whether it runs over all answers on units over periods as well, told of them as
    rows.
    """

    title: str
    summary: str
    reference: str
    question: str
    run: Callable[..., Answer]
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    scope: str = "outcome"
    needs_estimators: tuple[str, ...] = ()
    controls: tuple[str, ...] = ("controls",)
    covariates: tuple[str, ...] = ("benchmarks", "without", "unrelated")
    outcomes_too: tuple[str, ...] = ("outcome", "controls", "reverse")
    keys_too: tuple[str, ...] = ()
    alone: tuple[str, ...] = ("outcome",)
    check: Callable[[Study, Mapping[str, object]], None] | None = None
    over_copies: str = "each"
    short: str = ""
    takes: str = "cohort"
    chances: bool = False
    panels_too: bool = False

    def __post_init__(self) -> None:
        """Refuse a descriptor with words that nobody knows."""
        if self.over_copies not in OVER_COPIES:
            raise FingerpostError(
                f'the analysis "{self.title}" declares over_copies: {self.over_copies}; it is one '
                f"of {listed(sorted(OVER_COPIES))}."
            )


@dataclass(frozen=True, slots=True)
class Engine:
    """Where records live and who computes.

    read: opens tables as lazy frames. session: opens what tables share that are to be joined, where
    the engine has such a thing. hold: computes a lazy frame once, so that what is asked of it later
    does not compute it again. rest: puts what a session holds in memory on disk.
    check: raises where what it needs is not here, without starting it; None where it starts at once
    and can be tried instead.
    """

    title: str
    summary: str
    reference: str
    read: Callable[..., Any]
    needs: str = ""
    session: Callable[[], Any] | None = None
    hold: Callable[..., Any] | None = None
    rest: Callable[[Any], None] | None = None
    check: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Phenotype:
    """A group of children by health condition, as data.

    groups: (name, words) of the groups within it; each child found is in one. rules: the codes,
    and what must hold where they stand; empty where they come from a list of the user's. unless:
    the codes that keep a child out all the same. terms: what the codes alone do not say, in words.
    limits: what it is not. tables: the tables without which it has no answer. options: (name,
    words); needs: options it cannot run without. within: wider conditions that every child
    of the group has: its studies hold children who were added to the records for one of these, or
    for the group itself, and no others who were added.
    run(store, *, until=None, **options): one row a child that meets it, with `child_id`,
    `first_date` (of the earliest record that counts), `known_from` (when the first of them could
    be known) and `group`. `until`, a date or a lazy frame of `child_id` and `until`, keeps from
    use whatever was known only later.
    """

    title: str
    summary: str
    reference: str
    groups: tuple[tuple[str, str], ...]
    run: Callable[..., Any]
    rules: tuple[CodeRule, ...] = ()
    terms: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    tables: tuple[str, ...] = ("hes_apc",)
    options: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    who: str = ""
    unless: tuple[CodeRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a trial's design allocates, as functions of a seed of 32 bytes that anyone can replay.

    Exactly one of step and draw is there: `step` where units come one by one, `draw` where all are
    known beforehand. check(trial): every fault of what the trial says, in words. step(trial,
    arrived, seed): the arm of the first unit without one, from those before it, the same whenever
    it is asked. draw(trial, frame, seed): the allocation of a register. replay(trial, units, seed,
    count, exact=False): (count, n) arms that the same units, in the same order (`Arrived`, or the
    `Frame` of a register), might have been given; exact: made to the byte as the draw itself is,
    under a seed each (slow), and not by a quick generator. strata: whether it draws within strata.
    analysis: the estimator that answers a trial, where it is not the design's. within: whether each
    unit is drawn within its own cluster. margins: whether what a unit is given depends on more than
    its place in its stratum, so that no table made beforehand holds it. chances(trial, units): (n,
    k) each unit's chance of each arm, None where it is the arm's share. period(trial, place): what
    the time is called in which a unit that came so late was drawn; None where arms are there from
    first to last. schemes(trial, scheme): (arm, other, scheme) of every comparison, for its closed
    form of power; None where arms are compared by their shares. periods: whether an arm is what a
    unit is given one after another, so that nothing enacts it at once. across: of those drawn
    within clusters, whether arms are compared across clusters all the same.
    """

    check: Callable[[Trial], list[str]]
    replay: Callable[..., Any]
    step: Callable[[Trial, Arrived, bytes], Step] | None = None
    draw: Callable[[Trial, Frame, bytes], Allocation] | None = None
    strata: bool = False
    analysis: str = ""
    within: bool = False
    margins: bool = False
    chances: Callable[[Trial, Any], Any] | None = None
    period: Callable[[Trial, int], str] | None = None
    schemes: Callable[[Trial, Any], tuple[tuple[str, str, Any], ...]] | None = None
    periods: bool = False
    across: bool = False


@dataclass(frozen=True, slots=True)
class Design:
    """How arms, or the order in which provision begins, are drawn: as data.

    staggered: whether provision begins at different periods in different units. concurrent:
    whether some units are without it to the last period, so that every exposure has a comparison.
    assumes: what reading its results takes. denies: who goes without what, and for how long, in
    words. analysis: the estimator that answers it, by name. layout(rollout, units): the waves that
    a roll-out of so many units has under the design; UsageError where it has none; None where the
    design is of trials alone. procedure: how a trial allocates under it; None where it is of
    roll-outs alone. shuffled: whether each order of the arms among the units of a stratum is as
    likely as another, given how many came to each arm, so that a test may shuffle them where no
    ledger keeps draws.
    """

    title: str
    summary: str
    reference: str
    staggered: bool
    concurrent: bool
    assumes: tuple[Assumption, ...]
    denies: str
    analysis: str
    layout: Callable[[Rollout, int], Layout] | None = None
    procedure: Procedure | None = None
    shuffled: bool = False

    def lay(self, rollout: Rollout, units: int) -> Layout:
        """Return the waves of a roll-out of so many units; UsageError where there are none."""
        if self.layout is None:
            raise UsageError(
                f'"{self.title}" is a design of trials. Write trial: in place of rollout:, or name '
                "a design of roll-outs: `fingerpost leaves designs` lists them."
            )
        return self.layout(rollout, units)


ROWS = ("terms", "events", "years", "once")
ABSENT = ("zero", "unobserved")
# Where an outcome would be seen, and what ends the time in which it would be.
SEEN = {
    "school records": "leaving state schools, death and opting out",
    "health records": "death and opting out",
    "registered for all": "opting out",
}


@dataclass(frozen=True, slots=True)
class RecordsMeasure:
    """An outcome read from linked records, as data.

    tables: those it is read from, the first being that whose rows count; prepare: what is made of
    them first, from a `Reading` of the outcomes room, where the rows of the first table are not
    enough. rows: which of a child's rows count: `terms` (that begin after time zero and end with
    follow-up), `events` (dated by column `dated`, after time zero to the end of follow-up), `years`
    (academic years after time zero) or `once` (a row a child, of an assessment in school year
    `year`). window: that in words. value, exposure: narwhals expressions over the rows of one
    child; person_years: exposure is the child's years of follow-up. finish: of the columns (value,
    exposure), for what is no plain sum. absent: what a child without rows has, 0 or nothing
    observed. seen: where it would be seen, a key of `SEEN`, which says what ends the time in which
    it would be: a child who left state schools is still seen in health records. also: tables whose
    rows count too, where the records have them. scale: the only scale that makes sense of it, empty
    where any does. limits: what it is not, in words.
    """

    title: str
    summary: str
    reference: str
    domain: str
    kind: str
    measured_in: str
    better: str
    tables: tuple[str, ...]
    rows: str
    window: str
    value: Callable[[], Any]
    exposure: Callable[[], Any] | None = None
    person_years: bool = False
    absent: str = "unobserved"
    finish: Callable[[Any, Any], Any] | None = None
    prepare: Callable[[Any], Any] | None = None
    dated: str = ""
    year: int | None = None
    seen: str = "school records"
    also: tuple[str, ...] = ()
    scale: str = ""
    informant: str = "records"
    limits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a descriptor with words that nobody knows."""
        faults = [
            *([f"kind {self.kind}"] if self.kind not in KINDS else []),
            *([f"rows {self.rows}"] if self.rows not in ROWS else []),
            *([f"absent {self.absent}"] if self.absent not in ABSENT else []),
            *([f"seen {self.seen}"] if self.seen not in SEEN else []),
            # A term ends for a child with the last in which a school had it on its roll.
            *(
                [f"rows {self.rows}, seen in {self.seen}"]
                if self.rows == "terms" and self.seen != "school records"
                else []
            ),
            *([f"scale {self.scale}"] if self.scale and self.scale not in SCALES else []),
            *(["no date"] if self.rows == "events" and not self.dated else []),
        ]
        if faults:
            raise FingerpostError(f'the measure "{self.title}" declares {listed(faults)}.')


@cache
def _brought(room: str) -> tuple[EntryPoint, ...]:
    """Return the leaves of installed packages; what is installed does not change while we run, and
    looking reads the metadata of every package.
    """
    return tuple(entry_points(group=f"fingerpost.{room}"))


@cache
def _own(room: str) -> tuple[str, ...]:
    """Return the names of a room's own leaves: its files, which do not change either."""
    here = Path(__file__).resolve().parent.parent / room
    return tuple(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))


def names(room: str) -> tuple[str, ...]:
    """Return the names of a room's leaves without importing any.

    Files of the room's folder that do not begin with `_`, and installed entry points of the group
    `fingerpost.<room>`. A name borne twice is an error.
    """
    own, brought = list(_own(room)), [point.name for point in _brought(room)]
    twice = sorted({name for name in own + brought if (own + brought).count(name) > 1})
    if twice:
        raise FingerpostError(f"{room}: the name {listed(twice)} is borne by two leaves.")
    return tuple(sorted(own + brought))


def module_of(room: str, name: str) -> str:
    """Return the name of a leaf's module, whichever package brought it."""
    point = next((point for point in _brought(room) if point.name == name), None)
    return point.module if point else f"fingerpost.{room}.{name}"


def load(room: str, name: str, *, kind: type[D]) -> D:
    """Return the one descriptor of `kind` in the leaf's module.

    Raises UnknownLeaf with the room's menu where no leaf bears the name.
    """
    known = names(room)
    if name not in known:
        raise UnknownLeaf(
            f'{room}: there is no "{name}".{nearest(name, known)} There are: {listed(known)}.'
        )
    module = import_module(module_of(room, name))
    found = [value for value in vars(module).values() if isinstance(value, kind)]
    if len(found) != 1:
        raise FingerpostError(
            f"{room}/{name}.py holds {len(found)} descriptors of type {kind.__name__}; "
            "one is allowed."
        )
    return found[0]


def menu(room: str, kind: type[D]) -> dict[str, D]:
    """Return every leaf of a room by name."""
    return {name: load(room, name, kind=kind) for name in names(room)}
