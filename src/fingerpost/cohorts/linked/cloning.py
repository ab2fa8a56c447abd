"""Strategies sustained over time: a copy of each child under each, until the child departs from it.

At time zero nobody can tell which sustained strategy a child will follow, so each eligible child is
copied to all, and a copy is followed until the records show that the child departs from the copy's
strategy, or until the child is in no census. Within a time of grace a strategy may still begin:
until then both having begun and waiting for it are in keeping with it.

Reference: Hernán & Robins (2016), American Journal of Epidemiology 183:758-764; Cain, Robins,
Lanoy et al. (2010), International Journal of Biostatistics 6(2):18; Maringe, Benitez Majano,
Exarchakou et al. (2020), International Journal of Epidemiology 49:1719-1729.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked.sequential import Trial
from fingerpost.cohorts.linked.yearly import ABSENT, Termly, completed
from fingerpost.core.course import FIRST, KEEPING, LAST_CHANCE, WAITING, Course
from fingerpost.core.linked import LEVELS, Linked, Strategy
from fingerpost.outcomes._query import CHILD

ARM = "arm"
NONE = LEVELS.index("none")
BEGUN = "begun"


@dataclass(frozen=True, eq=False, slots=True)
class Copies:
    """table: one row a copy, in order of arm and child, its outcomes missing where the child
    departed; its flow counts children. course: of those rows.
    """

    trial: Trial
    course: Course


Bools = NDArray[np.bool_]


def followed(level: NDArray[np.int64], strategy: Strategy) -> tuple[Bools, NDArray[np.int8], Bools]:
    """Return, for a strategy, (n, d): whether children still follow it, the kind of decision, and
    whether they had begun before.

    level: (n, d) recorded levels.

    >>> support = Strategy("", ("support",), through=2, grace=1)
    >>> followed(np.array([[0, 1, 1], [0, 0, 1], [1, 1, 0]]), support)[0].tolist()
    [[True, True, True], [True, False, False], [True, True, False]]
    """
    n, count = level.shape
    wanted = np.isin(level, [LEVELS.index(name) for name in strategy.levels])
    stays = np.zeros((n, count), dtype=bool)
    stage = np.full((n, count), KEEPING, dtype=np.int8)
    begun = np.zeros((n, count), dtype=bool)
    following, has = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    for at in range(count):
        begun[:, at] = has
        may_wait = ~has & (at < strategy.grace)
        stage[may_wait, at] = WAITING
        stage[~has & (at == strategy.grace), at] = LAST_CHANCE
        fits = wanted[:, at] | (may_wait & (level[:, at] == NONE))
        following = following & fits & (level[:, at] != ABSENT)
        has = has | (wanted[:, at] & following)
        stays[:, at] = following
    stage[:, 0] = FIRST
    return stays, stage, begun


def copied(
    linked: Linked, found: Trial, terms: Termly, outcomes: Mapping[str, str | None]
) -> Copies:
    """Return a copy of every child under every arm, with its course.

    found: one row a child, in the order of `terms`. outcomes: columns of values and of exposures,
    which are missing for a copy that departed.
    """
    table = found.table.drop(ARM)
    parts, stays, stage, begun = [], [], [], []
    hidden = [name for pair in outcomes.items() for name in pair if name is not None]
    for arm, strategy in linked.strategies:
        own, kind, had = followed(terms.level, strategy)
        stays.append(own)
        stage.append(kind)
        begun.append(had)
        kept = pl.Series(own[:, -1])
        shown = [pl.when(kept).then(pl.col(name)).alias(name) for name in hidden]
        parts.append(table.with_columns(shown).with_columns(pl.lit(arm).alias(ARM)))
    course = Course(np.concatenate(stays), np.concatenate(stage), labels=terms.labels)
    covariates = changing(course, terms, copies=len(parts), begun=np.concatenate(begun))
    course = Course(course.stays, course.stage, covariates, terms.labels)
    return Copies(Trial(pl.concat(parts), replace(found.flow, copied=True)), course)


def changing(
    course: Course, terms: Termly, *, copies: int, begun: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Return every covariate over time of every copy, complete, with a flag where it was missing,
    and, where a strategy has a time of grace, whether it had begun.
    """
    found = {}
    for name, values in terms.covariates.items():
        whole = np.tile(values, (copies, 1))
        needed = course.at_risk
        found[name], missing = completed(whole, needed)
        if missing[needed].any():
            found[f"{name} missing"] = missing
    if (course.stage == WAITING).any() or (course.stage[:, 1:] == LAST_CHANCE).any():
        found[BEGUN] = begun.astype(np.float64)
    return found


__all__ = ["ARM", "CHILD", "Copies", "copied", "followed"]
