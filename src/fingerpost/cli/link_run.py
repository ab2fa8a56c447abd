"""`fingerpost link run`: which hospital record is which child, as one spine or many."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerpost.cli._folder import check_json, write_json
from fingerpost.cli._screen import command, labelled, listed_lines, marked, progress, shown, table
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.studies.given import StudyGiven

WAYS = "fellegi_sunter, splink, deterministic (version 2) or deterministic_v1."
MOST_DOUBTS = 5
# Of the JSON that both commands write.
SCHEMA = 1


def run(  # noqa: PLR0913 - decision 0011
    records: Annotated[
        Path, typer.Argument(metavar="RECORDS", help="A folder of records with identifiers.")
    ],
    *,
    method: Annotated[str, typer.Option(metavar="NAME", help=WAYS)] = "fellegi_sunter",
    study: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw links given what this study asks."),
    ] = None,
    spines: Annotated[
        int | None,
        typer.Option(
            metavar="M",
            help="One: the best links. More: each drawn anew.  [default: 20, passes: 1]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Of samples and draws.")] = 1,
    threshold: Annotated[
        float, typer.Option(metavar="P", help="The least probability of a link, of one spine.")
    ] = 0.9,
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What the spines are called.  [default: the study or method]"
        ),
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Link hospital records with children by the identifiers beside a folder of records.

    Spines are written to RECORDS/spines, one to one, with a manifest that is checked whenever they
    are read. Identifiers are read from RECORDS/identifiers and appear in nothing that is printed.
    Spines drawn for a --study, given its exposure and outcomes, count as imputations of the links
    when that study is run over them; others give a sensitivity range.

    \b
    Examples:
      fingerpost link run build/e
      fingerpost link run build/e --method splink --json build/link.json
      fingerpost link run build/e --study examples/hope/cleft.yaml
      fingerpost link run build/e --method deterministic
    """
    from fingerpost.linkage.run import Options, usual
    from fingerpost.linkage.run import run as linked

    asked = None if study is None else asked_of(study, records)
    called = name if asked is None else name or asked.study.name
    many = usual(method) if spines is None else spines
    options = Options(method, many, seed, threshold, called, given=asked is not None)
    if json_file is not None:
        check_json(json_file)
    with progress(quiet=quiet) as say:
        made = linked(records, options, asked=asked, say=say)
    told = made.spines.told
    for line in marked(told["synthetic"]):
        print(line)
    print(in_words(told))
    if json_file is not None:
        write_json(json_file, as_json(told))
    print(listed_lines("Had" if made.there else "Wrote", paths(made.spines.folder, json_file)))
    if told["synthetic"]:
        after = f"{command('link evaluate', records)} --name {options.called}"
        print(listed_lines("Next", [after]))


def paths(folder: Path, json_file: Path | None) -> list[str]:
    """Return the places of what was written."""
    return [f"{shown(folder)}/", *([shown(json_file)] if json_file else [])]


def asked_of(file: Path, records: Path) -> StudyGiven:
    """Return what the study of a file asks; UsageError for one that links cannot be drawn given."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.given import StudyGiven

    asked = read_study(file)
    if asked.linked is None:
        raise UsageError("--study: this study asks one table, in which nothing is to be linked.")
    return StudyGiven(asked, records)


def as_json(said: Mapping[str, Any]) -> str:
    """Return what is said of links as JSON."""
    whole = {"schema_version": SCHEMA, **said}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def in_words(told: Mapping[str, Any]) -> str:
    """Return what came of a linkage in words: shares, estimates or steps, doubtful patterns."""
    found, people = told["quality"], told["people"]
    share = found["linked_share"]
    lines = [
        f"{found['links']:,} of {people['education']:,} children ({share['education']:.1%}) have a "
        f"hospital record, of {people['hospital']:,} people there ({share['hospital']:.1%})."
    ]
    if told["conditional_on"]:
        lines.append(
            f"{told['spines']} spines, drawn with their parameters given what the study asks: over "
            "them its intervals hold that links are not known. Other studies need their own."
        )
    elif told["spines"] > 1:
        lines.append(
            f"{told['spines']} spines, each drawn anew with its parameters. They know nothing of "
            "provision or outcomes, so that what differs between them is a sensitivity range. "
            "--study FILE draws them given what a study asks."
        )
    parts = [labelled("Linked", lines)]
    if "by_step" in found:
        rows = [
            (one["step"], f"{one['links']:,}", f"{one['share']:.1%}") for one in found["by_step"]
        ]
        return "\n".join([*parts, table(("step", "links", "share"), rows)])
    guess = found["estimated"]
    if guess["precision"] is not None:
        parts.append(
            labelled(
                "Estimated",
                [
                    f"precision {guess['precision']:.4f}, recall {guess['recall']:.4f} at "
                    f"{told['thresholds']['link']}: what the probabilities say of themselves; "
                    "matches that no rule finds are in neither."
                ],
            )
        )
    if found["in_doubt"]:
        parts.append(labelled("In doubt", doubts(found["in_doubt"])))
    return "\n".join(parts)


def doubts(rows: list[Mapping[str, Any]]) -> list[str]:
    """Return the commonest patterns of agreement of pairs in doubt, in words."""
    return [
        f"{one['pairs']:,} pairs, mean probability {one['mean_probability']:.2f}: "
        + "; ".join(f"{name.replace('_', ' ')} {words}" for name, words in one["agreement"].items())
        for one in rows[:MOST_DOUBTS]
    ]
