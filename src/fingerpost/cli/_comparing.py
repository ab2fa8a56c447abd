"""Two results.json side by side: which numbers answer the same question, and how far apart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed

Record = dict[str, Any]
# A question is what two studies must share before their numbers may stand beside one another.
QUESTION = ("outcome", "contrast", "scale", "summary", "horizon", "subgroup", "exposure_time")
NEEDED = ("study", "status", "estimates", "refusals", "provenance")
NOT_CAUSAL = ("association", "conditional")


@dataclass(frozen=True, slots=True)
class Side:
    """One study's results, with the path they were read from."""

    path: str
    results: Record

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.results["study"]["name"])

    @property
    def state(self) -> str:
        """What a reader must know before the numbers: the status, and whether records are real."""
        made_up = self.results["provenance"].get("synthetic")
        return f"{self.results['status']}{', synthetic records' if made_up else ''}"

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file that was read, by name."""
        return dict(self.results["provenance"].get("data_digest") or {})

    def estimates(self, question: tuple[Any, ...], target: str) -> list[Record]:
        """Return the estimates of one question and target."""
        return [
            each
            for each in self.results["estimates"]
            if key(each) == question and each["target"] == target
        ]

    def refused(self, question: tuple[Any, ...], target: str) -> bool:
        """Return whether the study refused a target of the question."""
        asked = dict(zip(QUESTION, question, strict=True))
        return any(
            each["target"] == target
            and each["outcome"] == asked["outcome"]
            and each["contrast"] == asked["contrast"]
            for each in self.results["refusals"]
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a comparison: a number of each study, None where it has none.

    difference: second minus first; on the ratio scale second over first. se: of the difference (of
    its logarithm for ratios), only where the studies read no file in common.
    """

    question: tuple[Any, ...]
    targets: tuple[str, str]
    first: Record | None
    second: Record | None
    refused: tuple[bool, bool] = (False, False)
    difference: float | None = None
    se: float | None = None

    @property
    def same_target(self) -> bool:
        """Whether both numbers are for the same children's question."""
        return self.targets[0] == self.targets[1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two studies side by side.

    pairs: same outcome, contrast, scale and target. near: same but for the target. shared: names of
    the files that both read. alone: estimates that stand beside nothing, by study.
    """

    first: Side
    second: Side
    pairs: tuple[Pair, ...]
    near: tuple[Pair, ...]
    shared: tuple[str, ...]
    alone: tuple[tuple[Record, ...], tuple[Record, ...]]


def read_side(path: Path) -> Side:
    """Return the results in a file; Malformed, in one line, where it is not results.json."""
    if path.is_dir():
        path = path / "results.json"
    if not path.is_file():
        raise Malformed(f"{path}: there is no such file. `fingerpost study run` writes one.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise Malformed(f"{path}: this is not JSON. Name a results.json.") from None
    missing = NEEDED if not isinstance(found, dict) else [k for k in NEEDED if k not in found]
    if missing:
        raise Malformed(
            f"{path}: these are not results of a study: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Name a results.json."
        )
    return Side(str(path), found)


def key(record: Record) -> tuple[Any, ...]:
    """Return the question that a record answers."""
    return tuple(record.get(name) for name in QUESTION)


def compared(first: Side, second: Side) -> Comparison:
    """Return two studies side by side."""
    shared = tuple(
        name for name, digest in first.digests.items() if digest in second.digests.values()
    )
    apart = not shared and bool(first.digests) and bool(second.digests)
    pairs, near = [], []
    for question in questions(first, second):
        same = list(same_target(first, second, question))
        pairs += [measured(pair, apart=apart) for pair in same]
        if not any(answered(pair) for pair in same):
            near += [measured(p, apart=apart) for p in other_target(first, second, question)]
    return Comparison(
        first, second, tuple(pairs), tuple(near), shared, alone(first, second, [*pairs, *near])
    )


def questions(first: Side, second: Side) -> list[tuple[Any, ...]]:
    """Return the questions that both studies answer, in the first one's order."""
    there = {key(each) for each in second.results["estimates"]}
    return [q for q in dict.fromkeys(map(key, first.results["estimates"])) if q in there]


def same_target(first: Side, second: Side, question: tuple[Any, ...]) -> Iterator[Pair]:
    """Yield a pair for each target and estimator of a question.

    Where no estimator answers a target in both, primary answers are set beside one another.
    """
    for target in targets(first, second, question):
        ours, theirs = first.estimates(question, target), second.estimates(question, target)
        refused = (first.refused(question, target), second.refused(question, target))
        if not (ours or refused[0]) or not (theirs or refused[1]):
            continue
        leaves = {each["estimator"] for each in ours} & {each["estimator"] for each in theirs}
        if leaves:
            by_leaf = {each["estimator"]: each for each in theirs}
            for each in ours:
                if each["estimator"] in leaves:
                    yield Pair(question, (target, target), each, by_leaf[each["estimator"]])
        else:
            for one in leading(ours) or (None,):
                for other in leading(theirs) or (None,):
                    yield Pair(question, (target, target), one, other, refused)


def targets(first: Side, second: Side, question: tuple[Any, ...]) -> list[str]:
    """Return every target that either study answered or refused, in order."""
    asked = dict(zip(QUESTION, question, strict=True))
    found: dict[str, None] = {}
    for side in (first, second):
        found |= dict.fromkeys(e["target"] for e in side.results["estimates"] if key(e) == question)
        found |= dict.fromkeys(
            each["target"]
            for each in side.results["refusals"]
            if each["outcome"] == asked["outcome"] and each["contrast"] == asked["contrast"]
        )
    return list(found)


def other_target(first: Side, second: Side, question: tuple[Any, ...]) -> Iterator[Pair]:
    """Yield the primary causal answers of both sides whose targets differ."""
    ours, theirs = (
        leading([e for e in side.results["estimates"] if key(e) == question and causal(e)])
        for side in (first, second)
    )
    for one in ours:
        for other in theirs:
            if one["target"] != other["target"]:
                yield Pair(question, (one["target"], other["target"]), one, other)


def causal(record: Record) -> bool:
    """Return whether an estimate claims an effect on someone."""
    return record["target"] not in NOT_CAUSAL


def leading(records: list[Record]) -> list[Record]:
    """Return the primary estimates, or all where none is marked."""
    return [each for each in records if each.get("primary")] or records


def answered(pair: Pair) -> bool:
    """Return whether both sides of a pair hold a causal number."""
    return all(
        side is not None and causal(side) and side["value"] is not None
        for side in (pair.first, pair.second)
    )


def measured(pair: Pair, *, apart: bool) -> Pair:
    """Return a pair with its difference, and its standard error where no file is shared."""
    one, other = pair.first, pair.second
    if one is None or other is None or one["value"] is None or other["value"] is None:
        return pair
    ratio = one["scale"] == "ratio"
    if ratio and one["value"] == 0:
        return pair
    difference = other["value"] / one["value"] if ratio else other["value"] - one["value"]
    errors = (one["se"], other["se"])
    known = apart and None not in errors
    se = math.hypot(*errors) if known else None
    return Pair(pair.question, pair.targets, one, other, pair.refused, difference, se)


def alone(
    first: Side, second: Side, pairs: list[Pair]
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return the estimates of each side that no pair holds."""
    used = [{id(p.first) for p in pairs}, {id(p.second) for p in pairs}]
    left, right = (
        tuple(each for each in side.results["estimates"] if id(each) not in seen)
        for side, seen in zip((first, second), used, strict=True)
    )
    return left, right


def as_data(found: Comparison) -> Record:
    """Return a comparison as JSON-ready data."""
    return {
        "schema_version": "1",
        "first": about(found.first),
        "second": about(found.second),
        "shared_files": list(found.shared),
        "covariance": covariance_words(found),
        "same_target": [pair_data(pair) for pair in found.pairs],
        "other_target": [pair_data(pair) for pair in found.near],
        "only_first": list(found.alone[0]),
        "only_second": list(found.alone[1]),
    }


def about(side: Side) -> Record:
    """Return which study a side is."""
    return {
        "path": side.path,
        "study": side.results["study"],
        "status": side.results["status"],
        "data_digest": side.digests,
    }


def pair_data(pair: Pair) -> Record:
    """Return a pair as JSON-ready data."""
    data = asdict(pair)
    question = dict(zip(QUESTION, pair.question, strict=True))
    del data["question"]
    return {**question, **data, "targets": list(pair.targets), "refused": list(pair.refused)}


def covariance_words(found: Comparison) -> str:
    """Return what is known of the covariance between the two studies' errors."""
    if found.shared:
        return (
            f"Both read {' and '.join(found.shared)}: their errors hang together, and how much is "
            "in neither file. So no standard error is given for a difference, and intervals that "
            "overlap or do not are no test of it."
        )
    if not found.first.digests or not found.second.digests:
        return (
            "Which files were read is not recorded, so no standard error is given for a difference."
        )
    return (
        "No file was read by both. The standard errors of differences hold if no child is in both; "
        "the covariance of the two is not known from these files."
    )
