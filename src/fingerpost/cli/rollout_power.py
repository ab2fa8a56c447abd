"""`fingerpost rollout power`: what a roll-out can find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._rollout_words import answer, assumptions, cautions, curve_tables, notes
from fingerpost.cli._screen import command, labelled, listed_lines, marked, progress, shown

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.power import Planned

PAGE, RESULTS = "power.html", "power.json"
TABLES = "power-tables"
MANIFEST = f"{TABLES}/.written"


def power(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page, its pictures (SVG), tables and JSON here."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Compute the power of a roll-out in closed form, along curves of how its units hang together.

    Two-sided, both tails; by z and by t with units − 2 degrees of freedom. No record is read.

    Exit codes: 0 computed, 1 a fault in the study or its register (a design that tells nothing is
    one), 2 a wrong command, or a study whose order is not drawn.

    \b
    Examples:
      fingerpost rollout power examples/rollouts/hussey_hughes.yaml
      fingerpost rollout power examples/rollouts/hussey_hughes.yaml --json build/p.json
      fingerpost rollout power examples/rollouts/change_programme.yaml --out build/power
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.power import plan_power, units_of
    from fingerpost.studies.rollouts.power_tables import record

    if json_file is not None:
        check_json(json_file, inputs=[file])
    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        say("computing power along every curve")
        planned = plan_power(study, units=units_of(study, file.parent))
        text = json.dumps(record(planned), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [*write_folder(planned, out, text), *write_json(json_file, text)]
    print(told(planned))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    print(listed_lines("Next", [command("rollout compare", file)]))


def told(planned: Planned) -> str:
    """Return a power calculation as plain text."""
    parts = [
        *marked(planned.study.records.synthetic),
        labelled("Study", [f"{planned.study.name}: {planned.study.question}"]),
        labelled("Answer", answer(planned)),
        *([labelled("Caution", cautions(planned))] if cautions(planned) else []),
        "",
        curve_tables(planned),
        "",
        labelled("Assumes", [", ".join(each.name for each in planned.design.assumes) + "."]),
        labelled("Denies", [planned.design.denies]),
    ]
    return "\n".join(parts)


def write_folder(planned: Planned, out: Path | None, text: str) -> list[Path]:
    """Write the page, its pictures, its tables and the numbers into a folder, where asked for."""
    if out is None:
        return []
    import fingerpost
    from fingerpost.reports.files import write_text
    from fingerpost.reports.power import PowerPage, write_power_page
    from fingerpost.studies.rollouts.power_tables import tables

    page = PowerPage(
        answer=tuple(answer(planned)),
        cautions=tuple(cautions(planned)),
        assumes=tuple(assumptions(planned)),
        notes=tuple(notes(planned)),
        unit=planned.unit.words,
        times=planned.unit.times,
        effect=planned.effect,
        made_by=f"fingerpost {fingerpost.__version__}",
    )
    made: list[Path] = []

    def write(place: Path) -> None:
        found = write_power_page(planned.study, tables(planned), page=page, path=place / PAGE)
        made.extend(out / path.name for path in (*found, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made
