"""How good links are: estimated from their probabilities, or against the truth where it is known.

Estimated precision is the mean probability of the links; estimated recall the share, of all matches
expected among the pairs that were looked at, that the links are expected to hold. Both believe the
model: matches that no rule of blocking finds are in neither. Of several spines both are the share
of one's links that another holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from fingerpost.linkage.comparisons import Plan
from fingerpost.linkage.identifiers import SIDES
from fingerpost.linkage.passes import Fixed
from fingerpost.linkage.people import People
from fingerpost.linkage.scoring import Floats, Ints, Scored

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
# Pairs in doubt; patterns with fewer pairs than this are told together.
DOUBT = (0.05, 0.95)
FEW = 10
# By identifiers alone, sure: few such links are false, and a spine leaves few of them out.
SURE = 0.999
# The share of a side who may be alike another there before a file seems to hold people twice.
TWICE = 0.005
# What groups of few are told as, with a group of that name where there is one.
OTHER = "other"


def of_scored(found: Scored, chance: Floats, best: Ints, plan: Plan) -> dict[str, Any]:
    """Return what may be said of scored pairs: shares linked, estimates, thresholds, doubtful ones.

    chance: of each pair, one to one. best: the places of those linked.
    """
    expected = float(chance.sum())
    return {
        "links": len(best),
        "linked_share": linked_share(len(best), found.counts),
        "pairs_looked_at": found.compared,
        "expected_matches": expected,
        "estimated": estimated(chance, best, expected),
        "by_threshold": [
            {"threshold": level, "links": int((chance >= level).sum())}
            | estimated(chance, np.flatnonzero(chance >= level), expected)
            for level in THRESHOLDS
        ],
        "in_doubt": in_doubt(found, chance, plan),
    }


def of_passes(found: Fixed) -> dict[str, Any]:
    """Return what may be said of the links of passes: how many each step made."""
    steps = Counter(found.steps)
    total = max(len(found.left), 1)
    return {
        "links": len(found.left),
        "linked_share": linked_share(len(found.left), found.counts),
        "by_step": [
            {"step": step, "links": count, "share": count / total}
            for step, count in sorted(steps.items())
        ],
    }


def alike_another(people: People) -> dict[str, int]:
    """Return side → how many of its people are alike another there in forename, surname, sex and
    birth date, and have a postcode or their NHS number in common; sides with more than `TWICE`.

    Twins share no forename: where it is not known, a postcode in common says nothing.
    """
    alike = "forename, surname, sex, birth_date"
    found = {}
    for side, table, count in zip(SIDES, "lr", people.count, strict=True):
        known = f"FROM {table} WHERE birth_date IS NOT NULL"
        named = f"SELECT n, {alike}, unnest(postcodes) AS other {known} AND forename IS NOT NULL"
        numbered = f"SELECT n, {alike}, nhs_number AS other {known} AND nhs_number IS NOT NULL"
        both = " UNION ".join(
            f"SELECT n FROM ({each}) QUALIFY count(*) OVER (PARTITION BY {alike}, other) > 1"
            for each in (named, numbered)
        )
        ((many,),) = people.rows(f"SELECT count(*) FROM ({both})")
        if many > TWICE * count:
            found[side] = int(many)
    return found


def linked_share(links: int, counts: tuple[int, int]) -> dict[str, float]:
    """Return the share of each side's people who are linked."""
    return {side: links / max(count, 1) for side, count in zip(SIDES, counts, strict=True)}


def estimated(chance: Floats, links: Ints, expected: float) -> dict[str, float | None]:
    """Return estimated precision and recall of links; None where there is none."""
    held = float(chance[links].sum())
    return {
        "precision": held / len(links) if len(links) else None,
        "recall": held / expected if expected else None,
    }


def in_doubt(found: Scored, chance: Floats, plan: Plan) -> list[dict[str, Any]]:
    """Return the patterns of agreement of pairs in doubt, with counts: nobody's identifiers.

    Patterns that few pairs have are told together with those that are like them: by whether each
    identifier is the same, alike, differs or is not known; then alike as the same; then by how many
    agree; what is left, as rare patterns.
    """
    low, high = DOUBT
    doubtful = np.flatnonzero((chance >= low) & (chance <= high))
    count = np.bincount(found.pattern[doubtful], minlength=len(found.patterns))
    total = np.bincount(found.pattern[doubtful], chance[doubtful], minlength=len(found.patterns))
    left = [int(at) for at in np.lexsort((np.arange(len(count)), -count)) if count[at]]
    rows = []
    for words_of in (exactly, roughly, broadly, number_agreeing):
        together: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for at in left:
            words = words_of(plan, [int(level) for level in found.patterns[at]])
            together.setdefault(tuple(words.items()), []).append(at)
        left = []
        for named, held in together.items():
            if count[held].sum() >= FEW:
                rows.append((dict(named), int(count[held].sum()), float(total[held].sum())))
            else:
                left += held
    if left:
        rows.append(({"other": "rare patterns"}, int(count[left].sum()), float(total[left].sum())))
    return [
        {"agreement": words, "pairs": pairs, "mean_probability": held / pairs}
        for words, pairs, held in sorted(rows, key=lambda row: ("other" in row[0], -row[1]))
    ]


def exactly(plan: Plan, levels: Sequence[int]) -> dict[str, str]:
    """Return a pattern in words, each level by its own."""
    return {one.name: one.words(level) for one, level in zip(plan.comparisons, levels, strict=True)}


def roughly(plan: Plan, levels: Sequence[int]) -> dict[str, str]:
    """Return a pattern in words in which whatever is between the same and differing is alike."""
    return {
        one.name: one.words(level) if level <= 0 or level == one.size - 1 else "alike"
        for one, level in zip(plan.comparisons, levels, strict=True)
    }


def broadly(plan: Plan, levels: Sequence[int]) -> dict[str, str]:
    """Return a pattern in words in which the same and the alike are told together."""
    return {
        one.name: one.words(level) if level < 0 or level == one.size - 1 else "the same or alike"
        for one, level in zip(plan.comparisons, levels, strict=True)
    }


def number_agreeing(plan: Plan, levels: Sequence[int]) -> dict[str, str]:
    """Return how many of the identifiers that both sides have are the same or alike."""
    known = [
        level < one.size - 1
        for one, level in zip(plan.comparisons, levels, strict=True)
        if level >= 0
    ]
    return {"identifiers": f"{sum(known)} the same or alike, {len(known) - sum(known)} differ"}


def against(
    links: Set[tuple[Any, Any]], truth: Set[tuple[Any, Any]], *, matches: int | None = None
) -> dict[str, Any]:
    """Return precision and recall of links against the truth.

    matches: how many links there could be; each true pair where None.

    >>> against({(1, 1), (2, 3)}, {(1, 1), (2, 2)})["precision"]
    0.5
    """
    right = len(links & truth)
    most = len(truth) if matches is None else matches
    return {
        "links": len(links),
        "true_links": right,
        "matches": most,
        "precision": right / len(links) if links else None,
        "recall": right / most if most else None,
    }


@dataclass(slots=True)
class Tally:
    """Of one group over spines: children with a hospital record; how often one was found, or missed
    (no link); links that are false (another's record).
    """

    children: int = 0
    found: int = 0
    missed: int = 0
    false: int = 0

    def join(self, other: Tally) -> None:
        """Take in another group."""
        self.children += other.children
        self.found += other.found
        self.missed += other.missed
        self.false += other.false

    def told(self, group: str, times: int) -> dict[str, Any]:
        """Return shares of children, and of links, over so many spines."""
        most, links = self.children * times, self.found + self.false
        return {
            "group": group,
            "children": self.children,
            "recall": self.found / most if most else None,
            "missed": self.missed / most if most else None,
            "false": self.false / links if links else None,
        }


class ByGroup:
    """Quality against the truth by group of children, over spines that are added one at a time."""

    def __init__(self, truth: Set[tuple[Any, Any]], groups: Mapping[Any, str]) -> None:
        """Begin with no spine. truth: pairs of child and hospital record. groups: child → group."""
        self.truth, self.groups, self.times = truth, groups, 0
        self.children = {child for child, _ in truth}
        self.tallies: dict[str, Tally] = {}
        for child in self.children:
            self.of(child).children += 1

    def of(self, child: Any) -> Tally:
        """Return the tally of a child's group."""
        return self.tallies.setdefault(self.groups.get(child, "not known"), Tally())

    def add(self, links: Set[tuple[Any, Any]]) -> None:
        """Reckon with one spine."""
        self.times += 1
        for pair in links:
            tally = self.of(pair[0])
            if pair in self.truth:
                tally.found += 1
            else:
                tally.false += 1
        for child in self.children - {child for child, _ in links}:
            self.of(child).missed += 1

    def told(self) -> list[dict[str, Any]]:
        """Return each group; those with fewer children than `FEW` are told with `OTHER`."""
        together: dict[str, Tally] = {}
        for name, tally in self.tallies.items():
            label = name if tally.children >= FEW else OTHER
            together.setdefault(label, Tally()).join(tally)
        times = max(self.times, 1)
        return [tally.told(name, times) for name, tally in sorted(together.items())]


class Overlap:
    """How far several spines hold the same links: each is a draw of the links, and so is the truth,
    so that another spine stands for the truth that is not known.
    """

    def __init__(self, chance: Floats) -> None:
        """Begin with no spine. chance: of each pair that may be linked, by identifiers alone."""
        self.held: Ints = np.zeros(len(chance), dtype=np.int64)
        self.links: list[int] = []
        self.sure = chance > SURE
        self.left_out: list[int] = []

    def add(self, at: Ints) -> None:
        """Reckon with one spine. at: the places of its links."""
        self.held[at] += 1
        self.links.append(len(at))
        self.left_out.append(int(self.sure.sum() - self.sure[at].sum()))

    def told(self) -> dict[str, Any]:
        """Return how many links the spines hold, and what share of them another holds too."""
        total, others = sum(self.links), len(self.links) - 1
        shared = float((self.held * (self.held - 1)).sum())
        share = shared / others / total if total and others else None
        return {
            "links": {
                "mean": total / max(len(self.links), 1),
                "fewest": min(self.links, default=0),
                "most": max(self.links, default=0),
            },
            "sure": {"links": int(self.sure.sum()), "left_out": max(self.left_out, default=0)},
            "estimated": {"precision": share, "recall": share},
        }
