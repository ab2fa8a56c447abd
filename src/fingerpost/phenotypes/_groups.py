"""From the groups that a child meets to the one row that is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import narwhals as nw

from fingerpost.core.codes import CodeRule
from fingerpost.phenotypes._match import Frame, Until, first, known, signals


def meets(*groups: str) -> nw.Expr:
    """Return whether a child meets any of the groups."""
    return reduce(or_, [~nw.col(first(group)).is_null() for group in groups])


def count(groups: Sequence[str]) -> nw.Expr:
    """Return how many of the groups a child meets, as Int64."""
    return nw.sum_horizontal(*[meets(group).cast(nw.Int64) for group in groups])


def one_each(frame: Frame, groups: Sequence[str], *, group: nw.Expr | None = None) -> Frame:
    """Return one row for each child that meets any of the groups.

    frame: signals of the groups. group: the name of the child's group; by default the first of
    `groups` that it meets. Columns: child_id, first_date, known_from, group.
    """
    label = named({one: meets(one) for one in groups}) if group is None else group
    return frame.filter(meets(*groups)).select(
        "child_id",
        least([first(one) for one in groups]).alias("first_date"),
        least([known(one) for one in groups]).alias("known_from"),
        label.alias("group"),
    )


def named(tests: dict[str, nw.Expr]) -> nw.Expr:
    """Return the name of the first test that holds; missing where none does."""
    label: nw.Expr = nw.lit(None).cast(nw.String)
    for name, test in reversed(tests.items()):
        label = nw.when(test).then(nw.lit(name)).otherwise(label)
    return label


def least(columns: Sequence[str]) -> nw.Expr:
    """Return the earliest of several dates that may be missing."""
    return nw.min_horizontal(*map(nw.col, columns)) if len(columns) > 1 else nw.col(columns[0])


def first_met(store: Any, rules: Sequence[CodeRule], *, until: Until = None) -> Frame:
    """Return one row for each child that meets any of the rules.

    A child that meets several groups is in the first of them, in the order of the rules.
    """
    groups = list(dict.fromkeys(rule.group for rule in rules))
    return one_each(signals(store, rules, until=until), groups)


def met_together(frame: Frame, ways: Sequence[Sequence[str]], *, group: str) -> Frame:
    """Return one row for each child that meets all the parts of any one way.

    A way is met on the day of the last of its parts, and known when the last of them is.
    """
    met = [reduce(and_, [meets(part) for part in way]) for way in ways]
    firsts = [nw.when(test).then(last(first, way)) for test, way in zip(met, ways, strict=True)]
    knowns = [nw.when(test).then(last(known, way)) for test, way in zip(met, ways, strict=True)]
    return frame.filter(reduce(or_, met)).select(
        "child_id",
        nw.min_horizontal(*firsts).alias("first_date"),
        nw.min_horizontal(*knowns).alias("known_from"),
        nw.lit(group).alias("group"),
    )


def last(date: Callable[[str], str], way: Sequence[str]) -> nw.Expr:
    """Return the latest of the dates of a way's parts."""
    columns = [nw.col(date(part)) for part in way]
    return nw.max_horizontal(*columns) if len(columns) > 1 else columns[0]
