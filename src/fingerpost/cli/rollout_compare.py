"""`fingerpost rollout compare`: one question under every design, side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import WRITTEN, check_folder, check_json, naming, publish
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, table

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.compare import Comparison, Option

RESULTS, LISTED = "compare.json", "compare.csv"


def compare(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison as JSON.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the comparison as JSON and CSV here.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Set every design for a roll-out's units and periods side by side.

    What each can find, how many units begin at once, who waits how long, and what its results take
    for granted. The study's own design has its own waves; any other is laid out by its own rule,
    from the period in which provision first begins.

    \b
    Examples:
      fingerpost rollout compare examples/rollouts/change_programme.yaml
      fingerpost rollout compare examples/rollouts/change_programme.yaml --json build/designs.json
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.compare import compare as compared
    from fingerpost.studies.rollouts.compare import record
    from fingerpost.studies.rollouts.power import units_of

    if json_file is not None:
        check_json(json_file, inputs=[file])
    if out is not None:
        check_folder(out, (RESULTS, LISTED), manifest=WRITTEN)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        say("laying out every design")
        found = compared(study, units=units_of(study, file.parent))
        text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [*write_folder(found, out, text), *write_json(json_file, text)]
    print(told(found))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    print(listed_lines("Next", [command("rollout power", file)]))


def told(found: Comparison) -> str:
    """Return a comparison as plain text."""
    unit = found.unit.words
    head = [
        labelled("Study", [f"{found.study.name}: {found.study.question}"]),
        labelled("Designs", [f"{found.units:,} units; effects in {unit}; target: {found.target}."]),
        "",
    ]
    effect = found.effect is not None
    columns = ["design", "smallest", "range", *(["power"] if effect else [])]
    columns += ["at once", "mean wait", "longest", "never"]
    rows = [row(one, found, effect=effect) for one in found.options]
    notes = [
        "smallest: the least effect found with the power asked for, under the working correlation; "
        "range: under all held possible. At once: most units that begin in one period. Waits: "
        "periods without provision after it has begun somewhere. never: units that do not begin "
        "before the study ends.",
        *mixed(found),
    ]
    return "\n".join(
        [*head, table(columns, rows), "", labelled("Columns", notes), "", *about(found)]
    )


def mixed(found: Comparison) -> list[str]:
    """Return that designs answer of different exposures, where the target is a mean over them."""
    answered = {one.answered for one in found.options if one.reaches}
    if found.target == "constant" or len(answered) < 2:
        return []
    return [
        f"The target is {found.target}, over those exposures that a design compares, which are not "
        "the same in every design: a design that answers of fewer may seem to find more."
    ]


def row(one: Option, found: Comparison, *, effect: bool) -> list[str]:
    """Return one design as cells."""
    from fingerpost.plots.numbers import number, percent, whole
    from fingerpost.studies.rollouts.compare import row as cells

    told = cells(one)

    def sized(name: str) -> str:
        value = told[name]
        return number(found.unit.times * float(value)) if isinstance(value, int | float) else "–"

    def plainly(name: str) -> str:
        value = told[name]
        return number(float(value), 1) if isinstance(value, float) else counts(value)

    def counts(value: object) -> str:
        return whole(float(value)) if isinstance(value, int | float) else "–"

    power = told["power_z"]
    share = [percent(float(power)) if isinstance(power, float) else "–"] if effect else []
    name = f"{one.name}, as planned" if one.planned else one.name
    spread = f"{sized('mdes_least')} to {sized('mdes_most')}" if one.reaches else "–"
    waits = [plainly(each) for each in ("begin_at_once", "mean_wait", "longest_wait", "never")]
    return [name, sized("mdes"), spread, *share, *waits]


def about(found: Comparison) -> list[str]:
    """Return what each design assumes and denies, a paragraph each."""
    parts = []
    for one in found.options:
        said = [f"{one.title} ({one.name})."]
        if one.why:
            said.append(one.why)
        else:
            from fingerpost.studies.rollouts.power_tables import spans

            said.append(f"Compares exposures {spans(one.answered)} with units that still wait.")
            said.append(f"Takes for granted: {'; '.join(one.assumes)}.")
        parts.append(labelled("", [" ".join([*said, one.denies])], margin=2))
    return parts


def write_folder(found: Comparison, out: Path | None, text: str) -> list[Path]:
    """Write the comparison as JSON and CSV into a folder, where asked for."""
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.tables import long_csv
    from fingerpost.studies.rollouts.compare import table as as_table

    def write(place: Path) -> None:
        write_text(place / RESULTS, text)
        write_text(place / LISTED, long_csv((as_table(found),), found.study))

    publish(out, write)
    return [out / RESULTS, out / LISTED]


def write_json(path: Path | None, text: str) -> list[Path]:
    """Write the comparison where --json asked for it."""
    if path is None:
        return []
    from fingerpost.reports.files import write_text

    with naming(path):
        return [write_text(path, text)]
