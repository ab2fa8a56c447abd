"""An England made again from its recipe: what no table and no seal holds of its children.

Imported by `reveal` alone. Blocks are made afresh from seed and options, so that nothing more than
the recipe is needed to know what provision would have done to a child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.calendar import day_number
from fingerpost.core.errors import Malformed
from fingerpost.engines._limits import limits
from fingerpost.engines._shared import processors
from fingerpost.england import build, careers, enact, outcomes_counts, places
from fingerpost.england._days import ZERO, days
from fingerpost.england._draws import Floats, Ints, expit
from fingerpost.england.build import Block, Options
from fingerpost.england.model import EHCP, NONE, PLAN, SUPPORT
from fingerpost.england.potential import ARMS
from fingerpost.england.provision import first_days
from fingerpost.england.strength import strength_of
from fingerpost.england.workers import workers
from fingerpost.england.world import World
from fingerpost.records.writing import read_manifest

Columns = Mapping[str, Floats | Ints]
LAST_OF_RECEPTION = 2  # its summer term, counted from its autumn
PERSISTENT = 0.10
MANY_BLOCKS = 4  # from which on a second process is worth its start


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
        raise Malformed(f"{folder} does not say how its England was made.") from None


def blocks(folder: Path) -> Iterator[World]:
    """Yield the children of an England, block by block, as they were before anyone provided."""
    options = options_of(folder)
    where = places.make(options.seed)
    for block in build.blocks(options):
        yield build.make_world(options, block, where=where)


def made(folder: Path, what: Callable[[World], Columns]) -> dict[str, Floats | Ints]:
    """Return columns (n,) over all children of an England, in order of child.

    what: a function of a module: where there are many blocks, several processes make them.
    """
    options = options_of(folder)
    planned, jobs = build.blocks(options), limits().threads or processors()
    of_one = partial(_of_block, options, what)
    if len(planned) < MANY_BLOCKS or jobs == 1:
        parts = [of_one(block) for block in planned]
    else:
        with workers(min(jobs, len(planned))) as pool:
            parts = list(pool.map(of_one, planned))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_block(options: Options, what: Callable[[World], Columns], block: Block) -> Columns:
    """Return columns over the children of one block."""
    return what(build.make_world(options, block, where=places.make(options.seed)))


def chosen(columns: Columns, children: Iterable[int]) -> dict[str, Floats | Ints]:
    """Return the columns of some children, in the order given; KeyError for one not there."""
    asked = np.fromiter(children, dtype=np.int64)
    held = columns["child_id"]
    at = np.searchsorted(held, asked).clip(max=len(held) - 1)
    if not np.array_equal(held[at], asked):
        raise KeyError("a child who is not of this England")
    return {name: values[at] for name, values in columns.items()}


def share_of_plans(world: World) -> Columns:
    """Return, of each child, how likely a plan rather than support is, were it provided for."""
    support = expit(world.needs.log_odds)
    any_kind = PLAN.unmarked + (1.0 - PLAN.unmarked) * support
    habit = np.log(PLAN.marked / (1.0 - PLAN.marked)) + world.places.la_plan_habit
    marked = np.minimum(expit(habit)[world.families.la] / (1.0 - PLAN.neither), 1.0)
    share = np.where(world.health.marked, marked, PLAN.unmarked / any_kind)
    return {
        "child_id": world.families.child,
        "plans": np.where(world.health.special & world.health.marked, 1.0, share),
    }


def strengths_in_year_1(folder: Path) -> Floats:
    """Return how strong support would be of every child of an England in whom it would begin after
    the summer census of Reception: a trial of Year 1 is of no others.
    """
    return np.concatenate([begun_in_year_1(world) for world in blocks(folder)])


def begun_in_year_1(world: World) -> Floats:
    """Return the same of one block."""
    arm = np.full(world.size, SUPPORT)
    _, start = first_days(world.families, world.chances, arm, arm > NONE)
    summer = days("census", world.families.reception, np.full(world.size, LAST_OF_RECEPTION))
    drawn = world.chances
    strength = strength_of(drawn.delay, drawn.planned, drawn.delivered)
    return strength[start > summer]


def persistent(world: World) -> Columns:
    """Return whether each child would have missed a tenth of its sessions from Year 1 summer on in
    each arm, with its own luck; NaN of those without sessions.
    """
    schooling = careers.make(
        world.families,
        world.health,
        world.places,
        seed=world.seed,
        block=world.block,
        last_day=day_number(build.LAST_DAY),
    )
    found: dict[str, Floats | Ints] = {"child_id": world.families.child}
    for arm, level in zip(ARMS, (NONE, SUPPORT, EHCP), strict=True):
        given = enact.enact(world, enact.everyone(world, level))
        missed = outcomes_counts.absence(world, given, schooling)
        after = slice(ZERO + 1, None)
        kinds = (missed.unauthorised, missed.illness, missed.medical, missed.other)
        total = sum(kind[:, after].sum(axis=1) for kind in kinds)
        possible = missed.possible[:, after].sum(axis=1)
        share = np.where(possible > 0, total / np.maximum(possible, 1), np.nan)
        found[arm] = np.where(np.isnan(share), np.nan, share >= PERSISTENT)
    return found
