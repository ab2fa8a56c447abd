"""The gap between a trial's answer and that of records in which nobody drew: how wide it is, what
chance makes of it, and what confounding would explain it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fingerpost.cli._comparing import QUESTION, Comparison, Pair, Record, Side, answered, causal

DRAWN = "randomised"
NORMAL = 1.959963984540054  # of a 95% interval
SPREADS = ("children", "mean", "sd")
# What the gap is, whatever the two errors share.
WITHIN, BEYOND, UNSURE = CHANCE = ("within chance", "beyond chance", "not told")


@dataclass(frozen=True, slots=True)
class Omitted:
    """The regression of the records' study, and what would move it to the trial's answer.

    strength: the partial R², with provision and with the outcome alike, of something unrecorded.
    benchmarks: (covariate, how far something as strong as it would move the answer).
    """

    estimate: float
    gap: float
    strength: float
    benchmarks: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap of one pair, as trial minus records (of logarithms, where ratios).

    errors: the least and the greatest that its standard error can be, whatever the two studies'
    errors share; None where one has none. independent: the standard error, where no file is shared.
    chance: one of CHANCE. agree: (how the two are said to agree, whether they do, None where that
    cannot be told). e_value: of the gap, with where it comes from; unadjusted: the gap of the
    records' plain comparison, and explained: the share of it that adjustment took away. truths:
    what is true of the trial's and of the records' target, where records are made up and say so.
    """

    pair: Pair
    drawn: int
    gap: float
    errors: tuple[float, float] | None
    independent: float | None
    chance: str
    agree: tuple[tuple[str, bool | None], ...]
    e_value: float | None = None
    source: str = ""
    unadjusted: float | None = None
    explained: float | None = None
    omitted: Omitted | None = None
    truths: tuple[float | None, float | None] = (None, None)

    @property
    def trial(self) -> Record:
        """The trial's estimate."""
        return _there(self.pair.second if self.drawn else self.pair.first)

    @property
    def emulated(self) -> Record:
        """The records' estimate."""
        return _there(self.pair.first if self.drawn else self.pair.second)


def _there(record: Record | None) -> Record:
    assert record is not None
    return record


def gaps(found: Comparison) -> tuple[Gap, ...]:
    """Return the gap of each pair whose one side was drawn and whose other was not."""
    sides = (found.first, found.second)
    drawn = [side.results["study"].get("assignment") == DRAWN for side in sides]
    if drawn[0] == drawn[1]:
        return ()
    at = drawn.index(True)
    pairs = [pair for pair in (*found.pairs, *found.near) if answered(pair)]
    return tuple(gap_of(pair, sides, at) for pair in pairs if pair.difference is not None)


def gap_of(pair: Pair, sides: tuple[Side, Side], drawn: int) -> Gap:
    """Return the gap of one pair."""
    records = (_there(pair.first), _there(pair.second))
    trial, emulated = records[drawn], records[1 - drawn]
    gap = on_line(trial["value"], trial) - on_line(emulated["value"], trial)
    pair_errors = (error_of(trial), error_of(emulated))
    errors = between(*pair_errors)
    chance = chance_of(gap, errors, pair.se)
    value, source = needed(sides[1 - drawn], emulated, trial)
    plain = unadjusted(sides[1 - drawn], emulated, trial)
    return Gap(
        pair=pair,
        drawn=drawn,
        gap=gap,
        errors=errors,
        independent=pair.se,
        chance=chance,
        agree=agreements(trial, emulated, chance=chance),
        e_value=value,
        source=source,
        unadjusted=plain,
        explained=None if not plain else 1 - abs(gap) / abs(plain),
        omitted=omitted(sides[1 - drawn], emulated, trial),
        truths=(truth(sides[drawn], trial), truth(sides[1 - drawn], emulated)),
    )


def truth(side: Side, record: Record) -> float | None:
    """Return what is true of an estimate's target, where the study's results say it."""
    names = (*QUESTION, "target")
    for each in side.results.get("truth") or ():
        if all(each.get(name) == record.get(name) for name in names):
            return float(each["value"])
    return None


def on_line(value: float, record: Record) -> float:
    """Return a value on the scale on which differences are taken."""
    return math.log(value) if record["scale"] == "ratio" else float(value)


def error_of(record: Record) -> float | None:
    """Return the standard error of an estimate (of its logarithm, where a ratio)."""
    return None if record["se"] is None else float(record["se"])


def between(one: float | None, other: float | None) -> tuple[float, float] | None:
    """Return the least and the greatest standard error of a difference (Cauchy and Schwarz)."""
    return None if one is None or other is None else (abs(one - other), one + other)


def chance_of(gap: float, errors: tuple[float, float] | None, independent: float | None) -> str:
    """Return whether chance makes a gap so wide, where that can be told."""
    if errors is None:
        return UNSURE
    least, most = errors if independent is None else (independent, independent)
    if abs(gap) <= NORMAL * least:
        return WITHIN
    return BEYOND if abs(gap) > NORMAL * most else UNSURE


def agreements(
    trial: Record, emulated: Record, *, chance: str
) -> tuple[tuple[str, bool | None], ...]:
    """Return in which of the three usual senses an emulation agrees with the trial.

    Franklin and others (2021), Circulation 143(10), 1002-1013: the same verdict on no effect, in
    the same direction; the emulation's estimate within the trial's interval; the two estimates no
    further apart than chance makes them.
    """
    ends = (trial["lo"], trial["hi"])
    low = -math.inf if ends[0] is None else ends[0]
    high = math.inf if ends[1] is None else ends[1]
    known = ends != (None, None)
    return (
        ("same verdict", verdict(trial) == verdict(emulated) if known else None),
        ("within the trial's interval", low <= emulated["value"] <= high if known else None),
        ("no further apart than chance", None if chance == UNSURE else chance == WITHIN),
    )


def verdict(record: Record) -> int:
    """Return −1, 0 or 1: whether an interval is below no effect, holds it, or is above."""
    none = 1.0 if record["scale"] == "ratio" else 0.0
    if record["lo"] is not None and record["lo"] > none:
        return 1
    return -1 if record["hi"] is not None and record["hi"] < none else 0


def rows(results: Record, part: str, name: str, leaf: str = "") -> Iterator[Record]:
    """Yield the lines of a table of results.json, each with the table's tags."""
    held: Any = results.get(part) or {}
    tables = (held.get(leaf) or {}).get("tables", {}) if leaf else held
    for table in tables.get(name) or ():
        for row in table["rows"]:
            yield {**table["tags"], **row}


def needed(side: Side, emulated: Record, trial: Record) -> tuple[float | None, str]:
    """Return the E-value of the gap, and on which ratio it stands; None where none can be made."""
    from fingerpost.sensitivity._gap import ratio_to_move
    from fingerpost.sensitivity.e_value import e_value

    if trial["scale"] == "ratio":
        return e_value(emulated["value"], trial["value"]), "the ratio of the two ratios"
    arms = [
        row
        for row in rows(side.results, "diagnostics", "outcomes")
        if row["outcome"] == trial["outcome"] and row["arm"] in trial["contrast"].split(" v ")
    ]
    if trial["scale"] != "difference" or len(arms) != 2 or emulated["subgroup"] is not None:
        return None, ""  # spreads are told of all children alone
    if any(row[name] is None for row in arms for name in SPREADS) or trial["summary"] != "mean":
        return None, ""
    sd = spread(arms)
    if not sd > 0:
        return None, ""
    gap = trial["value"] - emulated["value"]
    return ratio_to_move(gap, sd=sd), "exp(0.91 × gap / SD of the outcome in the records)"


def spread(arms: list[Record]) -> float:
    """Return the standard deviation of two arms' children taken together, from each arm's."""
    total = sum(row["children"] for row in arms)
    mean = sum(row["children"] * row["mean"] for row in arms) / total
    squares = sum(
        (row["children"] - 1) * row["sd"] ** 2 + row["children"] * (row["mean"] - mean) ** 2
        for row in arms
    )
    return math.sqrt(squares / total)


def unadjusted(side: Side, emulated: Record, trial: Record) -> float | None:
    """Return the gap of the records' comparison without adjustment, of the same question (subgroup
    and horizon too), where they give one.
    """
    for each in side.results["estimates"]:
        same = all(each.get(name) == emulated.get(name) for name in QUESTION)
        if same and not causal(each) and not each["conditional"]:
            return on_line(trial["value"], trial) - on_line(each["value"], trial)
    return None


def omitted(side: Side, emulated: Record, trial: Record) -> Omitted | None:
    """Return what would move the records' regression to the trial's answer, where they say it."""
    from fingerpost.sensitivity._gap import strength_to_move

    asked = (trial["outcome"], trial["contrast"])
    if trial["scale"] != "difference" or emulated["subgroup"] is not None:
        return None
    for row in rows(side.results, "sensitivity", "robustness", "omitted_variable"):
        if (row["outcome"], row["contrast"]) == asked and row["se_kind"] == "ordinary":
            gap = trial["value"] - row["estimate"]
            moves = [
                (each["covariate"], abs(each["adjusted"] - row["estimate"]))
                for each in rows(side.results, "sensitivity", "benchmarks", "omitted_variable")
                if (each["outcome"], each["contrast"]) == asked
                and each["times"] == 1
                and each["adjusted"] is not None
            ]
            strength = strength_to_move(row["se"], row["df"], by=gap)
            return Omitted(row["estimate"], gap, strength, tuple(moves))
    return None


def as_data(gap: Gap) -> Record:
    """Return a gap as JSON-ready data."""
    told = gap.omitted
    return {
        **dict(zip(QUESTION, gap.pair.question, strict=True)),
        "trial": {"study": "AB"[gap.drawn], **short(gap.trial), "truth": gap.truths[0]},
        "records": {"study": "BA"[gap.drawn], **short(gap.emulated), "truth": gap.truths[1]},
        "gap": gap.gap,
        "logarithm": gap.trial["scale"] == "ratio",
        "se_least": None if gap.errors is None else gap.errors[0],
        "se_most": None if gap.errors is None else gap.errors[1],
        "se_independent": gap.independent,
        "chance": gap.chance,
        "agree": dict(gap.agree),
        "unadjusted": gap.unadjusted,
        "explained": gap.explained,
        "e_value": gap.e_value,
        "e_value_source": gap.source,
        "omitted_variable": None
        if told is None
        else {
            "estimate": told.estimate,
            "gap": told.gap,
            "strength": told.strength,
            "benchmarks": [{"covariate": name, "moves": by} for name, by in told.benchmarks],
        },
    }


def short(record: Record) -> Record:
    """Return what tells an estimate from others, with its value."""
    kept = ("estimator", "target", "value", "se", "lo", "hi", "n")
    return {name: record.get(name) for name in kept}
