"""How good links are: estimated from their probabilities, or against the truth where it is known.

Estimated precision is the mean probability of the links; estimated recall the share, of all matches
expected among the pairs that were looked at, that the links are expected to hold. Both believe the
model: matches that no rule of blocking finds are in neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from fingerpost.linkage.comparisons import Plan
from fingerpost.linkage.passes import Fixed
from fingerpost.linkage.scoring import Floats, Ints, Scored

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
# Pairs in doubt; patterns with fewer pairs than this are told together.
DOUBT = (0.05, 0.95)
FEW = 10


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


def linked_share(links: int, counts: tuple[int, int]) -> dict[str, float]:
    """Return the share of each side's people who are linked."""
    return {
        side: links / max(count, 1)
        for side, count in zip(("hospital", "education"), counts, strict=True)
    }


def estimated(chance: Floats, links: Ints, expected: float) -> dict[str, float | None]:
    """Return estimated precision and recall of links; None where there is none."""
    held = float(chance[links].sum())
    return {
        "precision": held / len(links) if len(links) else None,
        "recall": held / expected if expected else None,
    }


def in_doubt(found: Scored, chance: Floats, plan: Plan) -> list[dict[str, Any]]:
    """Return the patterns of agreement of pairs in doubt, with counts: nobody's identifiers.

    Patterns that few pairs have are told together.
    """
    low, high = DOUBT
    doubtful = np.flatnonzero((chance >= low) & (chance <= high))
    count = np.bincount(found.pattern[doubtful], minlength=len(found.patterns))
    total = np.bincount(found.pattern[doubtful], chance[doubtful], minlength=len(found.patterns))
    rows = []
    for at in np.lexsort((np.arange(len(count)), -count)):
        if count[at] >= FEW:
            levels = zip(plan.comparisons, found.patterns[at], strict=True)
            words = {one.name: one.words(int(level)) for one, level in levels}
            rows.append((words, int(count[at]), float(total[at])))
    rest = (count > 0) & (count < FEW)
    if rest.any():
        rows.append(({"other": "rare patterns"}, int(count[rest].sum()), float(total[rest].sum())))
    return [
        {"agreement": words, "pairs": pairs, "mean_probability": held / pairs}
        for words, pairs, held in rows
    ]


def against(links: set[tuple[Any, Any]], truth: set[tuple[Any, Any]]) -> dict[str, Any]:
    """Return precision and recall of links against the truth.

    >>> against({(1, 1), (2, 3)}, {(1, 1), (2, 2)})["precision"]
    0.5
    """
    right = len(links & truth)
    return {
        "links": len(links),
        "true_links": right,
        "matches": len(truth),
        "precision": right / len(links) if links else None,
        "recall": right / len(truth) if truth else None,
    }


def by_group(
    links: Mapping[Any, Any], truth: Mapping[Any, Any], groups: Mapping[Any, str]
) -> list[dict[str, Any]]:
    """Return quality by group of children.

    links, truth: child → hospital record. groups: child → group. Of each group: children with a
    hospital record, missed (no link), false (another's record). Groups with fewer children than
    `FEW` are told together.
    """
    tallies: dict[str, list[int]] = {}
    for child, record in truth.items():
        tally = tallies.setdefault(groups.get(child, "not known"), [0, 0, 0, 0])
        tally[0] += 1
        held = links.get(child)
        tally[1] += held == record
        tally[2] += held is None
    for child, record in links.items():
        if truth.get(child) != record:
            tallies.setdefault(groups.get(child, "not known"), [0, 0, 0, 0])[3] += 1
    few = [name for name, tally in tallies.items() if tally[0] < FEW]
    if few:
        tallies["other"] = [sum(part) for part in zip(*(tallies.pop(n) for n in few), strict=True)]
    return [
        {
            "group": name,
            "children": all_,
            "recall": found / all_ if all_ else None,
            "missed": missed / all_ if all_ else None,
            "false": false / (found + false) if found + false else None,
        }
        for name, (all_, found, missed, false) in sorted(tallies.items())
    ]
