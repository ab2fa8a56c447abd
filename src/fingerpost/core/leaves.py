"""Leaves: one file, one frozen descriptor, found by being there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fingerpost.core.errors import FingerpostError, UnknownLeaf, listed, nearest

if TYPE_CHECKING:
    from fingerpost.core.analysis import Task
    from fingerpost.core.answer import Answer

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Assumption:
    """What must hold for a leaf's answer; `diagnostic` names what tests it, empty if untestable."""

    name: str
    words: str
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Estimator:
    """What an estimator can do, as data.

    targets: kinds of target it answers; trimmed: whether also after trimming. scales, outcomes:
    kinds it takes. levels: `k` (two or more arms) or `2`. spread: how its variance is made.
    guard: `target` (judged on the tilting weights), `own` (also on weights of its own) or `exempt`.
    extrapolates: whether it may answer where nobody was observed, shown apart if the target is
    refused. randomised: targets it answers under a simple randomisation.
    run: the computation.
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
    randomised: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a sensitivity analysis asks and needs. `run` gets a task of the sensitivity room."""

    title: str
    summary: str
    reference: str
    question: str
    run: Callable[..., Answer]
    options: tuple[tuple[str, str], ...] = ()


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
