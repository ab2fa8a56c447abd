"""`fingerpost link run`: which hospital record is which child, as one spine or many."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerpost.cli._folder import check_json, check_place, write_json
from fingerpost.cli._screen import command, labelled, listed_lines, marked, progress, shown, table
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.studies.given import StudyGiven

WAYS = "fellegi_sunter, splink, deterministic (version 2) or deterministic_v1."
MOST_DOUBTS = 5
# Of sure links, the share that a spine may leave out without a word.
LEAVES = 0.002
TOO_FEW = "too few are alike for more to be told of them"
AT_BEST = (
    "Both are at best: they take it for chance where two people are alike (twins, relatives), and "
    "leave out matches that no rule finds."
)
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
        float | None,
        typer.Option(
            metavar="P", help="The least probability of a link, of the best.  [default: 0.9]"
        ),
    ] = None,
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
    are read. Identifiers are read from RECORDS/identifiers (Parquet or CSV) and appear in nothing
    that is printed: pairs in doubt are told by what agrees, so that a clerk sees which kinds of
    pairs they are and how many, but not whose.
    Spines drawn for a --study, given its exposure and outcomes, count as imputations of the links
    when that study is run over them; others give a sensitivity range.

    \b
    Examples:
      fingerpost link run build/e
      fingerpost link run build/e --method splink --json build/link.json
      fingerpost link run build/e --study examples/hope/cleft.yaml
      fingerpost link run build/e --method deterministic
    """
    from fingerpost.linkage.identifiers import Notice
    from fingerpost.linkage.interface import DETERMINISTIC
    from fingerpost.linkage.options import THRESHOLD, Options, usual
    from fingerpost.linkage.run import run as linked
    from fingerpost.records.spines import FOLDER

    asked = None if study is None else asked_of(study, records)
    called = name if asked is None else name or asked.study.name
    many = usual(method) if spines is None else spines
    if threshold is not None and method in DETERMINISTIC:
        raise UsageError("--threshold: deterministic passes say of no link how likely it is.")
    options = Options(method, many, seed, THRESHOLD if threshold is None else threshold, called)
    if asked is not None:
        options.refuse_given()
    if json_file is not None:
        check_json(json_file)
    if records.is_dir():
        check_place(records / FOLDER, folder=True)
    with progress(quiet=quiet) as say:
        made = linked(records, options, asked=asked, say=say)
    told = made.spines.told
    for line in marked(told["synthetic"]):
        print(line)
    for each in told.get("identifier_notices", ()):
        print(labelled("Notice", [Notice(**each).words()]))
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
    several = found.get("over_spines")
    lines = (
        [linked_words(several["links"], people)]
        if several
        else [
            f"{found['links']:,} of {people['education']:,} children ({share['education']:.1%}) "
            f"have a hospital record, of {people['hospital']:,} people there "
            f"({share['hospital']:.1%})."
        ]
    )
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
    parts = [labelled("Linked", lines), *cautions(told)]
    if "by_step" in found:
        rows = [
            (one["step"], f"{one['links']:,}", f"{one['share']:.1%}") for one in found["by_step"]
        ]
        return "\n".join([*parts, table(("step", "links", "share"), rows)])
    guesses = estimates(found, told["thresholds"]["link"])
    if guesses:
        parts.append(labelled("Estimated", guesses))
    if found["in_doubt"]:
        parts.append(labelled("In doubt", doubts(found["in_doubt"])))
    return "\n".join(parts)


def linked_words(links: Mapping[str, Any], people: Mapping[str, int]) -> str:
    """Return how many children several spines link, in words."""
    share = links["mean"] / max(people["education"], 1)
    return (
        f"{links['mean']:,.0f} of {people['education']:,} children ({share:.1%}) have a hospital "
        f"record, the mean of the spines ({links['fewest']:,} to {links['most']:,}), of "
        f"{people['hospital']:,} people there."
    )


def estimates(found: Mapping[str, Any], threshold: float) -> list[str]:
    """Return how good links are by their probabilities, in words: of spines, and of the best."""
    lines = []
    several, best = found.get("over_spines"), found["estimated"]
    if several and several["estimated"]["precision"] is not None:
        lines.append(
            f"precision and recall {several['estimated']['precision']:.4f} of a spine: the share "
            "of its links that another spine holds too."
        )
    if best["precision"] is not None:
        of = f"of the {found['links']:,} best links, which are no spine here, " if several else ""
        lines.append(
            f"precision {best['precision']:.4f}, recall {best['recall']:.4f} {of}at {threshold}: "
            "what the probabilities say of themselves."
        )
    return [*lines, AT_BEST] if lines else []


def cautions(told: Mapping[str, Any]) -> list[str]:
    """Return what was not compared, what nothing taught, and people held twice, as labelled
    lines.
    """
    lacking = [
        f"{name.replace('_', ' ')}: none {' and '.join(f'in {side}' for side in sides)}."
        for name, sides in told.get("not_compared", {}).items()
    ]
    found = (("Missing", lacking), ("Caution", [*untaught(told), *twice(told), *left_out(told)]))
    return [labelled(label, lines) for label, lines in found if lines]


def untaught(told: Mapping[str, Any]) -> list[str]:
    """Return which comparisons these people do not teach, in words."""
    names = [name.replace("_", " ") for name in told.get("model", {}).get("untaught", ())]
    if not names:
        return []
    taken = "what Splink found" if told["method"] == "splink" else "what is usual"
    return [
        f"{', '.join(names)}: too few matches stand out here to teach how often one child's two "
        f"records agree, so that {taken} is taken. Probabilities are so much the less sure, and "
        "matches may be missed."
    ]


def twice(told: Mapping[str, Any]) -> list[str]:
    """Return which sides seem to hold people several times, in words."""
    return [
        f"{side}: {many:,} of {told['people'][side]:,} people are alike another there in every "
        "identifier. A file that holds people twice links one record of each and leaves out what "
        "hangs on the others; join them first."
        for side, many in told.get("alike_another", {}).items()
    ]


def left_out(told: Mapping[str, Any]) -> list[str]:
    """Return how many sure links a spine leaves out, in words; nothing where they are few."""
    sure = told["quality"].get("over_spines", {}).get("sure")
    if sure is None or sure["left_out"] <= LEAVES * sure["links"]:
        return []
    return [
        f"a spine leaves out up to {sure['left_out']:,} of {sure['links']:,} links of which "
        "identifiers alone are sure. What else is known speaks against them: of a wrong child, or "
        "badly modelled. Hold the answers against those over spines linked without --study."
    ]


def doubts(rows: list[Mapping[str, Any]]) -> list[str]:
    """Return the commonest patterns of agreement of pairs in doubt, in words."""
    found = []
    for one in rows[:MOST_DOUBTS]:
        agrees = one["agreement"]
        told = "; ".join(f"{name.replace('_', ' ')} {words}" for name, words in agrees.items())
        told = TOO_FEW if "other" in agrees else told
        found.append(
            f"{one['pairs']:,} pairs, mean probability {one['mean_probability']:.2f}: {told}"
        )
    return found
