"""`fingerpost trial boundaries`: where a look before the end would stop a trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._screen import labelled, listed_lines, shown, table
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.words import counted

if TYPE_CHECKING:
    from fingerpost.core.rollout import Monitoring
    from fingerpost.studies.trials.boundaries import Boundaries

PAGE, RESULTS, MANIFEST = "boundaries.html", "boundaries.json", "boundaries-tables/.written"


def boundaries(  # noqa: PLR0913 - decision 0011
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="A trial whose `monitoring` names its looks."),
    ] = None,
    *,
    looks: Annotated[
        int | None, typer.Option(metavar="K", help="How many looks, the last analysis counted.")
    ] = None,
    information: Annotated[
        str | None,
        typer.Option(metavar="T,…", help="Shares of all information instead, such as 0.5,0.75,1."),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Exact: obrien-fleming, pocock or wang-tsiatis."),
    ] = None,
    spending: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How error is spent: obrien-fleming (if neither is said), pocock, kim-demets or "
            "hwang-shih-decani.",
        ),
    ] = None,
    parameter: Annotated[
        float | None,
        typer.Option(metavar="X", help="δ of wang-tsiatis, ρ of kim-demets, γ of the last."),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(metavar="A", help="Level of the test, both sides together.  [default: 0.05]"),
    ] = None,
    sides: Annotated[
        int | None, typer.Option(metavar="1|2", help="Sides that are tested.  [default: 2]")
    ] = None,
    power: Annotated[float, typer.Option(metavar="P", help="Power that inflation is of.")] = 0.90,
    effect: Annotated[
        float | None,
        typer.Option(metavar="D", help="Effect in standard deviations, for numbers of children."),
    ] = None,
    share: Annotated[float, typer.Option(metavar="S", help="Share with provision.")] = 0.5,
    harm: Annotated[
        float | None,
        typer.Option(metavar="A", help="One-sided level of a bound for harm that binds nobody."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page, its picture (SVG), table and JSON here."),
    ] = None,
) -> None:
    """Compute the boundaries of looks before the end, and what looking costs.

    Exact families or error spending; the standardised effect at which a look stops the trial, error
    spent by then, and how many more children a trial needs for having looked.

    Exit codes: 0 computed, 1 a fault in the study, 2 a wrong command.

    \b
    Examples:
      fingerpost trial boundaries --looks 5 --alpha 0.025 --sides 1 --bounds obrien-fleming
      fingerpost trial boundaries --information 0.5,0.75,1 --spending obrien-fleming
      fingerpost trial boundaries --looks 3 --bounds obrien-fleming --power 0.8 --effect 0.2
    """
    from fingerpost.studies.trials.boundaries import asked_for, record
    from fingerpost.studies.trials.boundaries import boundaries as compute

    if json_file is not None:
        check_json(json_file, inputs=[] if file is None else [file])
    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    held: int | list[float]
    if file is not None:
        shape = (
            *(("--looks", looks), ("--information", information), ("--bounds", bounds)),
            *(("--spending", spending), ("--parameter", parameter), ("--alpha", alpha)),
            *(("--sides", sides), ("--harm", harm)),
        )
        given = [name for name, said in shape if said is not None]
        if given:
            raise UsageError(
                f"the study says what its looks are: leave {listed(given)} out, or the study."
            )
        asked, held = of_study(file)
    else:
        held = looks_of(looks, information)
        asked = asked_for(
            bounds=bounds,
            spending=spending,
            parameter=parameter,
            alpha=0.05 if alpha is None else alpha,
            sides=2 if sides is None else sides,
            harm=0.0 if harm is None else harm,
        )
    found = compute(asked, held, power=power, effect=effect, share=share)
    text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    written = [*write_folder(found, out, text), *write_json(json_file, text)]
    print(told(found))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))


def of_study(file: Path) -> tuple[Monitoring, int]:
    """Return what the looks of a trial's study are, and how many."""
    from fingerpost.studies.document import read_study

    study = read_study(file)
    asked = None if study.trial is None else study.trial.monitoring
    if asked is None or not isinstance(asked.looks, int):
        raise UsageError(
            f"{study.name} does not say how many looks there are. Name trial: {{monitoring: "
            "{looks: 3}}, or give --looks."
        )
    return asked, asked.looks


def looks_of(looks: int | None, information: str | None) -> int | list[float]:
    """Return how many looks there are, or at which shares of all information.

    >>> looks_of(None, "0.5, 0.75, 1")
    [0.5, 0.75, 1.0]
    """
    if (looks is None) == (information is None):
        raise UsageError("name --looks K, or --information T,… such as 0.5,0.75,1.")
    if looks is not None:
        return looks
    try:
        return [float(word) for word in (information or "").split(",")]
    except ValueError:
        raise UsageError(
            f'--information "{information}": shares of all information, such as 0.5,0.75,1.'
        ) from None


def answer(found: Boundaries) -> list[str]:
    """Return the sentences that come first."""
    from fingerpost.plots.numbers import number
    from fingerpost.studies.trials.boundaries import shape_words

    asked = found.asked
    sides = "two-sided" if asked.sides == 2 else "one-sided"
    said = [
        f"{counted(len(found.looks), 'look')}, the last analysis counted; {shape_words(asked)}; "
        f"{sides} at {asked.alpha:g}.",
        f"For power {found.power:.0%} looking takes {found.inflation:.6f} times the children of a "
        "trial without looks.",
    ]
    if found.most is not None and found.effect is not None:
        said.append(
            f"For an effect of {found.effect:g} standard deviations: {number(found.fixed, 1)} "
            f"children without looks, {number(found.most, 1)} at the most with them; on average "
            f"{number(found.expected_if, 1)} if the effect is there, {number(found.expected, 1)} "
            "if there is none. Drawn one by one, and unclustered."
        )
    return said


def told(found: Boundaries) -> str:
    """Return the looks as plain text."""
    from fingerpost.plots.numbers import number, percent

    heads = ["look", "information", "bound", "one-sided p", "error spent", "stopped if effect"]
    heads += ["harm"] if found.asked.harm else []
    heads += ["children"] if found.most is not None else []
    rows = []
    for at, one in enumerate(found.looks, start=1):
        row = [
            f"{at}",
            percent(one.information),
            f"{one.bound:.6f}",
            f"{one.p:.3g}",
            f"{one.spent:.3g}",
            percent(one.stops_if),
        ]
        row += [f"−{one.harm:.3f}" if one.harm is not None else "–"] if found.asked.harm else []
        row += [number(one.units, 1)] if found.most is not None else []
        rows.append(row)
    notes = [
        "A look stops the trial where the standardised effect passes its bound (positive for "
        "benefit; the mirror where both sides are tested).",
        "Clusters: information goes with clusters seen and their sizes, not with children alone.",
    ]
    parts = [
        labelled("Answer", answer(found)),
        "",
        table(heads, rows),
        "",
        labelled("Reads", notes),
    ]
    return "\n".join(parts)


def write_folder(found: Boundaries, out: Path | None, text: str) -> list[Path]:
    """Write the page, its picture, its table and the numbers into a folder, where asked for."""
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.trial_boundaries import write_boundaries
    from fingerpost.studies.trials.boundaries import looks_table

    made: list[Path] = []

    def write(place: Path) -> None:
        paths = write_boundaries(
            looks_table(found), answer(found), sides=found.asked.sides, path=place / PAGE
        )
        made.extend(out / path.name for path in (*paths, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made
