"""The check in words: a table a person can read, and a line that says how it ended."""

from __future__ import annotations

from fingerpost.england.check.children import POPULATIONS
from fingerpost.england.check.run import UNMEASURED, Check, Held
from fingerpost.england.check.targets import ABOVE, PERCENT, POINTS, PRINTED, Target

COLUMNS = ("target", "published", "achieved", "difference", "allowed", "unit", "verdict", "source")


def table_rows(check: Check) -> list[tuple[str, ...]]:
    """Return one row of text a target, under `COLUMNS`."""
    return [row_of(held) for held in check.rows]


def row_of(held: Held) -> tuple[str, ...]:
    """Return the cells of one target."""
    target = held.target
    digits = decimals(held)
    return (
        f"{target.words} ({POPULATIONS[target.population][0]})",
        f"{target.value:g}",
        figure(held.achieved.value, digits),
        signed(held.difference, digits),
        allowance(held, digits),
        target.unit,
        verdict_words(held),
        target.source,
    )


def verdict_words(held: Held) -> str:
    """Return how one target came out; of few children, how many there are and are needed."""
    if held.verdict == UNMEASURED:
        return f"too few children to measure ({held.achieved.n:,})"
    if held.loose:
        return f"{held.verdict}, loosely ({held.achieved.n:,}; needs {held.needs:,})"
    return held.verdict


def decimals(held: Held) -> int:
    """Return how many decimals show what the tolerance turns on.

    The first digit of the tolerance and one more, from none to four.
    """
    size = held.allowed or abs(held.target.value) / 50
    places = 1
    while size < 1 and places < 4:
        size, places = size * 10, places + 1
    return places


def allowance(held: Held, digits: int) -> str:
    """Return the tolerance as shown: a plus behind it says that Monte-Carlo error is in it."""
    if held.target.kind == PRINTED:
        return ""
    if held.verdict == UNMEASURED:
        return f"± {held.target.allowed:.{digits}f}"
    sign = "> −" if held.target.kind == ABOVE else "± "
    return f"{sign}{held.allowed:.{digits}f}{'+' if held.widened else ''}"


def figure(value: float, digits: int) -> str:
    """Return a number as text; empty where there is none.

    >>> figure(1.25, 1), figure(float("nan"), 1)
    ('1.2', '')
    """
    return "" if value != value else f"{value:.{digits}f}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, the minus a true one."""
    return "" if value != value else f"{value:+.{digits}f}".replace("-", "−")


def verdict(check: Check) -> str:
    """Return how the check ended, in a sentence or two."""
    n, missed = len(check.judged), len(check.missed)
    left = len(check.unjudged)
    if not n:
        return f"None of {left} targets could be judged: these records hold no such children."
    said = f"{missed} of {n} targets missed; one in ten may be."
    if missed:
        said += f" Missed: {', '.join(held.target.id for held in check.missed)}."
    if check.loose:
        said += (
            f" {n - len(check.loose)} of them are held closely and {len(check.loose)} loosely, as "
            "so few children are behind those."
        )
    if left:
        said += f" Of {left} more there are no such children."
    return said


def targets_table(against: tuple[Target, ...]) -> str:
    """Return targets as a Markdown table, for the manual."""
    rows = ["| target | of | published | tolerance | source | note |", "|---|---|---|---|---|---|"]
    for target in against:
        unit = f" {target.unit}".replace(" %", "%") if target.unit else ""
        cells = (
            target.words,
            POPULATIONS[target.population][0],
            f"{target.value:g}{unit}",
            TOLERANCES[target.kind].format(f"{target.tolerance:g}"),
            target.source,
            target.note,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


TOLERANCES = {POINTS: "± {}", PERCENT: "± {}%", ABOVE: "above it", PRINTED: "shown only"}
NOTES = (
    "shown: printed beside the published figure and not judged (see the note in the targets file).",
    "+ behind a tolerance: two Monte-Carlo errors are added, as so few children are behind it.",
    "loosely: two Monte-Carlo errors are more than the tolerance, so that being met says little. "
    "In brackets: such children here, and about how many it takes to hold the target closely.",
)
