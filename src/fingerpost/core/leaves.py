"""Leaves: one file, one frozen descriptor, found by being there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fingerpost.core.errors import FingerpostError, UnknownLeaf, listed, nearest
from fingerpost.core.estimand import SCALES, SUMMARIES, TARGETS

if TYPE_CHECKING:
    from fingerpost.core.analysis import Task
    from fingerpost.core.answer import Answer

D = TypeVar("D")
GUARDS = {"target", "own", "exempt"}
LEVELS = {"k", "pairwise", "ordered", "2"}
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

    targets: kinds of target it answers; trimmed: whether also after trimming. instead: (option,
    targets) that it answers in place of `targets` where the study sets the option to anything but
    false. unless: (target, option) of a target that it does not answer where the option is false.
    scales, outcomes, summaries: kinds it takes and gives. levels: `k` (two or more arms, all at
    once), `pairwise` (two or more, two at a time), `ordered` (two, or more in order of dose) or
    `2`. spread: how its variance is made. guard: `target` (judged on the tilting weights), `own`
    (also on weights of its own, which its answer's fit holds) or `exempt`.
    extrapolates: whether it may answer where nobody was observed, shown apart if the target is
    refused. censoring: whether it answers for children whose outcome was not seen too, where the
    study has a model of who was seen. randomised: targets it answers under a simple randomisation.
    options: (name, words); needs: options it cannot run without; columns: options whose value is a
    column of the records, or several; apart: those of them whose columns are never covariates, so
    that `all_but` leaves them out. run: the computation.
    """

    title: str
    summary: str
    reference: str
    targets: tuple[str, ...]
    scales: tuple[str, ...]
    outcomes: tuple[str, ...]
    assumes: tuple[Assumption, ...]
    run: Callable[[Task], Answer]
    levels: str = "k"
    trimmed: bool = True
    spread: str = "stacked influence"
    guard: str = "target"
    extrapolates: bool = False
    censoring: bool = False
    randomised: tuple[str, ...] = ()
    instead: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unless: tuple[tuple[str, str], ...] = ()
    summaries: tuple[str, ...] = ("mean", "risk", "rate")
    options: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a descriptor with words that nobody knows, so that none is passed over."""
        options = {option for option, _ in self.options}
        named = {*(name for name, _ in self.instead), *(option for _, option in self.unless)}
        said = (
            ("guard", {self.guard} - GUARDS),
            ("levels", {self.levels} - LEVELS),
            ("targets", set(self.targets) - set(TARGETS)),
            ("scales", set(self.scales) - set(SCALES)),
            ("outcomes", set(self.outcomes) - set(KINDS)),
            ("summaries", set(self.summaries) - set(SUMMARIES)),
            ("options", {*self.needs, *self.columns, *named} - options),
            ("apart", set(self.apart) - set(self.columns)),
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
    options: (name, words); columns: options whose value is a column of the records, or several.
    """

    title: str
    summary: str
    reference: str
    question: str
    run: Callable[..., Answer]
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    scope: str = "outcome"


@dataclass(frozen=True, slots=True)
class Engine:
    """Where records live and who computes. `read` opens one table as a lazy frame."""

    title: str
    summary: str
    reference: str
    read: Callable[..., Any]
    needs: str = ""


def names(room: str) -> tuple[str, ...]:
    """Return the names of a room's leaves without importing any.

    Files of the room's folder that do not begin with `_`, and installed entry points of the group
    `fingerpost.<room>`. A name borne twice is an error.
    """
    here = Path(__file__).resolve().parent.parent / room
    own = [path.stem for path in here.glob("*.py") if not path.stem.startswith("_")]
    brought = [point.name for point in entry_points(group=f"fingerpost.{room}")]
    twice = sorted({name for name in own + brought if (own + brought).count(name) > 1})
    if twice:
        raise FingerpostError(f"{room}: the name {listed(twice)} is borne by two leaves.")
    return tuple(sorted(own + brought))


def load(room: str, name: str, *, kind: type[D]) -> D:
    """Return the one descriptor of `kind` in the leaf's module.

    Raises UnknownLeaf with the room's menu where no leaf bears the name.
    """
    known = names(room)
    if name not in known:
        raise UnknownLeaf(
            f'{room}: there is no "{name}".{nearest(name, known)} There are: {listed(known)}.'
        )
    point = next((p for p in entry_points(group=f"fingerpost.{room}") if p.name == name), None)
    module = import_module(point.module if point else f"fingerpost.{room}.{name}")
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
