"""Rules of whom to offer provision: chosen on some folds, their worth taken on the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._benefit import Scores, about, fewest, line, over_folds
from fingerpost.estimators._outcome import Array
from fingerpost.kernels.policy_tree import Flags, Leaf, Rule, best_rule, inside
from fingerpost.kernels.targeting import Told

CUTS = 12  # places at which a number may be cut
LEAST_SHARE, LEAST = 0.02, 20  # of children, and children, at each end of a rule
DEPTHS = ("none", "one", "two")
NOBODY, EVERYBODY, CHANCE = "offering nobody", "offering everybody", "as many by chance"
Split = tuple[str, str]


@dataclass(frozen=True, eq=False, slots=True)
class Questions:
    """words: of each split, if yes and if no; splits: (n, m) the answers."""

    words: tuple[Split, ...]
    splits: Flags


def questions_of(columns: dict[str, Column], *, lower: int = CUTS) -> Questions:
    """Return what a rule may ask: each level of a category, a few round cuts of a number.

    Cuts are round, so that none is a child's own value.
    """
    words: list[Split] = []
    splits: list[Flags] = []
    for name, column in columns.items():
        for yes, no, answers in _asked(name, column, lower):
            if 0 < np.count_nonzero(answers) < len(answers):
                words.append((yes, no))
                splits.append(answers)
    n = len(next(iter(columns.values())).values) if columns else 0
    made = np.column_stack(splits) if splits else np.zeros((n, 0), dtype=np.bool_)
    return Questions(tuple(words), made)


def _asked(name: str, column: Column, cuts: int) -> Iterator[tuple[str, str, Flags]]:
    if column.categorical:
        codes = np.asarray(column.values).astype(np.int64)
        levels = range(len(column.levels))
        for at in levels if len(column.levels) > 2 else levels[1:]:
            level = column.levels[at]
            other = column.levels[0] if len(column.levels) == 2 else None
            no = f"{name} is {other}" if other is not None else f"{name} is not {level}"
            yield f"{name} is {level}", no, codes == at
        return
    values = np.asarray(column.values, np.float64)
    for cut in round_cuts(values, cuts):
        yield f"{name} below {cut:g}", f"{name} {cut:g} or more", values < cut


def round_cuts(values: Array, most: int) -> list[float]:
    """Return at most so many round numbers that lie about at quantiles of the values.

    >>> round_cuts(np.arange(100.0) + 0.123, 3)
    [25.0, 50.0, 74.0]
    """
    spread = float(values.std())
    if spread <= 0:
        return []
    step = 10.0 ** np.floor(np.log10(spread / 5))
    whole = bool(np.all(values == np.floor(values)))
    places = np.quantile(values, np.arange(1, most + 1) / (most + 1))
    round_ = np.round(places / step) * step
    if whole and step <= 1:
        round_ = np.floor(round_) + 0.5
    return [float(np.round(cut, 10)) for cut in np.unique(round_)]


@dataclass(frozen=True, eq=False, slots=True)
class Worth:
    """What a rule of so many questions is worth, and the share to whom it offers, held out."""

    questions: int
    share: float
    against: dict[str, Told]


def chosen(
    scores: Scores, asked: Questions, rows: NDArray[np.intp], *, depth: int, cost: float
) -> Rule:
    """Return the rule that gains most among rows."""
    net = scores.weight[rows] * (scores.gain[rows] - cost)
    least = max(LEAST, int(LEAST_SHARE * len(rows)))
    return best_rule(asked.splits[rows], net, depth=depth, least=least)


def worth(scores: Scores, asked: Questions, *, depth: int, cost: float) -> Worth:
    """Return what rules are worth in the folds after those they were chosen on."""
    net = scores.gain - cost
    offers = np.zeros(len(net))
    for fold in scores.looked_at:
        rule: Rule = chosen(scores, asked, scores.before(fold), depth=depth, cost=cost)
        rows = scores.rows(fold)
        offers[rows] = rule.offers(asked.splits[rows])

    def told(less: str) -> Told:
        def ask(fold: int, rows: NDArray[np.intp]) -> Told:
            w = scores.weight[rows] / scores.weight[rows].sum()
            share = float(w @ offers[rows])
            by = {NOBODY: 0.0, EVERYBODY: 1.0, CHANCE: share}[less]
            centre = float(w @ net[rows]) if less == CHANCE else 0.0
            each = (offers[rows] - by) * (net[rows] - centre)
            value = float(w @ each)
            return Told(value, w * (each - value))

        return over_folds(scores, ask)

    def shared(fold: int, rows: NDArray[np.intp]) -> Told:
        w = scores.weight[rows] / scores.weight[rows].sum()
        return Told(float(w @ offers[rows]), np.zeros(len(rows)))

    against = {less: told(less) for less in (NOBODY, EVERYBODY, CHANCE)}
    return Worth(depth, over_folds(scores, shared).value, against)


def rule_tables(
    every: Sequence[Scores], asked: Questions, *, depth: int, cost: float
) -> tuple[Table, Table]:
    """Return the rules of one and of two questions, and what they are worth."""
    tags = (("outcome", every[0].term.outcome),)
    depths = range(1, depth + 1)
    return (
        worth_table(
            [(one, worth(one, asked, depth=d, cost=cost)) for one in every for d in depths],
            tags,
            cost,
        ),
        tree_table(every, asked, tags, depth=depth, cost=cost),
    )


def worth_table(
    found: Sequence[tuple[Scores, Worth]], tags: tuple[tuple[str, Cell], ...], cost: float
) -> Table:
    """Return what rules are worth, in the outcome's unit a child."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for scores, one in found:
        least = fewest(scores, [scores.weight > 0])
        for less, told in one.against.items():
            value, lo, hi, p = line(scores, told)
            rows.append((*about(scores), DEPTHS[one.questions], one.share, less, value, lo, hi, p))
            counts.append(least)
    taken = ", the study's cost of each offer taken off" if cost else ""
    return Table(
        "benefit_worth",
        "What rules of whom to offer it are worth",
        ("contrast", "target", "questions", "offered", "against", "gain", "lo", "hi", "p"),
        (*("label",) * 3, "number", "label", *("number",) * 4),
        tuple(rows),
        tells=Tells(
            "worth of a rule",
            keys=("offered",),
            outcomes=("gain", "lo", "hi"),
            units=(("offered", "share of 1"),),
        ),
        counts=tuple(counts),
        tags=tags,
        context="Rules are chosen on some folds of children and looked at on the next. gain: the "
        f"mean benefit{taken}, less that under the other policy, more being better; offered: to "
        "what share.",
        note="The rule below is chosen on all children, these are worth what rules chosen the same "
        "way on part of them are.",
    )


def tree_table(
    every: Sequence[Scores],
    asked: Questions,
    tags: tuple[tuple[str, Cell], ...],
    *,
    depth: int,
    cost: float,
) -> Table:
    """Return the rules chosen on all children, an end a row."""
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for scores in every:
        first, *others = [name for name, _ in scores.term.contrast]
        second = others[0] if len(others) == 1 else "otherwise"
        everyone = np.flatnonzero(scores.weight > 0)
        for d in range(1, depth + 1):
            rule = chosen(scores, asked, everyone, depth=d, cost=cost)
            for leaf in rule.leaves:
                who = inside(leaf, asked.splits) & (scores.weight > 0)
                children = int(np.count_nonzero(who))
                offer = first if leaf.offer else second
                rows.append((*about(scores), DEPTHS[d], words_of(leaf, asked), offer, children))
                counts.append(fewest(scores, [who]))
    return Table(
        "benefit_rule",
        "Rules of whom to offer it",
        ("contrast", "target", "questions", "subgroup", "offer", "children"),
        (*("label",) * 5, "count"),
        tuple(rows),
        tells=Tells("rule of whom"),
        counts=tuple(counts),
        tags=tags,
        context="The rule of at most so many questions that gains most among all children (exact "
        "search over the columns named in the study).",
        note="It sums up who gained in this study, and decides nothing for anybody.",
    )


def words_of(leaf: Leaf, asked: Questions) -> str:
    """Return who stands at an end of a rule, in words."""
    said = [asked.words[at][0 if yes else 1] for at, yes in leaf.path]
    return ", ".join(said) if said else "everybody"
