"""`fingerpost study compare`: the results of two studies side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fingerpost.cli import _comparing as comparing
from fingerpost.cli import _gap
from fingerpost.cli._comparing import Comparison, Pair
from fingerpost.cli._folder import check_json, naming
from fingerpost.cli._screen import labelled, listed_lines, shown, table

# What must hold before answers for different targets may be set side by side.
CAUTION = (
    "these answers are for different children, so they may differ though both are right. A draw "
    "makes every group alike: beside a trial, an answer for those who received an arm is the "
    "nearest to its answer for all."
)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="Results of one study.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="Results of the other.")],
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison as JSON.")
    ] = None,
) -> None:
    """Set two results.json side by side: same outcome, contrast, scale and target.

    A folder that holds a results.json may be named instead of the file. Where the studies answer
    for different targets only, their primary answers are shown apart, with a caution. Beside a
    trial, records in which nobody drew are told their gap, and what confounding would explain it.

    \b
    Examples:
      fingerpost study compare build/one/results.json build/other/results.json
      fingerpost study compare build/one build/other --json build/compared.json
    """
    sides = (comparing.read_side(first), comparing.read_side(second))
    if json_file is not None:
        check_json(json_file, inputs=[Path(side.path) for side in sides])
    found = comparing.compared(*sides)
    print(in_words(found))
    if json_file is not None:
        from fingerpost.reports.files import write_text

        data = comparing.as_data(found)
        data["gaps"] = [_gap.as_data(gap) for gap in _gap.gaps(found)]
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        with naming(json_file):
            write_text(json_file, text)
        print(listed_lines("Wrote", [shown(json_file)]))


def in_words(found: Comparison) -> str:
    """Return a comparison as plain text."""
    sides = (("A", found.first), ("B", found.second))
    parts = [labelled(mark, [f"{s.name} ({s.state}), {s.path}"]) for mark, s in sides]
    if found.pairs:
        parts += ["", "Same outcome, contrast and target", pair_table(found.pairs)]
    if found.near:
        parts += ["", "Same outcome and contrast, different targets", pair_table(found.near)]
        parts.append(labelled("Caution", [CAUTION]))
    if not found.pairs and not found.near:
        parts += ["", "No question is answered by both studies."]
    parts += gap_lines(found)
    parts += alone_lines(found)
    parts += ["", labelled("Errors", [comparing.covariance_words(found)])]
    return "\n".join(parts)


def gap_lines(found: Comparison) -> list[str]:
    """Return the gaps between a trial and records in which nobody drew, in sentences."""
    told = _gap.gaps(found)
    if not told:
        return []
    from fingerpost.cli._gap_words import in_words as words

    parts: list[str] = []
    seen: set[tuple[object, ...]] = set()
    for gap in told:
        asked = gap.pair.question
        parts.append(labelled("" if parts else "Gap", words(gap, regression=asked not in seen)))
        seen.add(asked)
    return [line for part in parts for line in ("", part)]


def pair_table(pairs: Sequence[Pair]) -> str:
    """Return pairs as a plain table."""
    ratio = any(pair.question[2] == "ratio" for pair in pairs)
    with_se = any(pair.se is not None for pair in pairs)
    columns = ["outcome, contrast", "A", "", "B", "", "B / A" if ratio else "B − A"]
    rows = []
    for pair in pairs:
        row = [
            f"{pair.question[0]}, {pair.question[1]}",
            who(pair.first, pair.targets[0]),
            value(pair.first, refused=pair.refused[0]),
            who(pair.second, pair.targets[1]),
            value(pair.second, refused=pair.refused[1]),
            number(pair.difference),
        ]
        rows.append([*row, number(pair.se)] if with_se else row)
    return table([*columns, "SE"] if with_se else columns, rows)


def who(record: dict[str, Any] | None, target: str) -> str:
    """Return an estimate's target and estimator."""
    return f"{target}, {record['estimator']}" if record else target


def value(record: dict[str, Any] | None, *, refused: bool) -> str:
    """Return an estimate with its limits, or why there is none."""
    if record is None:
        return "refused" if refused else "–"
    from fingerpost.plots.numbers import shared_places

    ends = (record["lo"], record["hi"])
    places = shared_places((record["value"], *ends))
    if ends == (None, None):
        return number(record["value"], places)
    low = number(ends[0], places) if ends[0] is not None else "−∞"
    high = number(ends[1], places) if ends[1] is not None else "∞"
    return f"{number(record['value'], places)} ({low} to {high})"


def number(value: float | None, places: int | None = None) -> str:
    """Return a number as people read it."""
    from fingerpost.plots.numbers import number as plainly

    return plainly(value, places)


def alone_lines(found: Comparison) -> list[str]:
    """Return what only one of the studies answered, a line each study."""
    lines = []
    for mark, records in zip(("A", "B"), found.alone, strict=True):
        if records:
            told = [
                f"{each['outcome']}, {each['contrast']}: {who(each, each['target'])} "
                f"{value(each, refused=False)}"
                for each in records
            ]
            lines += ["", f"Only in {mark}", *[f"  {words}" for words in told]]
    return lines
