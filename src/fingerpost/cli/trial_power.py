"""`fingerpost trial power`: what a trial can find, and what it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown
from fingerpost.cli._trial_power_words import (
    answer,
    assumptions,
    cautions,
    curve_tables,
    notes,
    simulated_tables,
)
from fingerpost.cli.rollout_power import MANIFEST, PAGE, RESULTS
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.reports.power import PowerPage
    from fingerpost.studies.trials.power import TrialPlanned
    from fingerpost.studies.trials.power_tables import Simulations


def power(  # noqa: PLR0913 - decision 0011
    file: Annotated[
        Path | None, typer.Argument(metavar="STUDY", help="The study's YAML file.")
    ] = None,
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page, its pictures (SVG), tables and JSON here."),
    ] = None,
    parameters: Annotated[
        bool,
        typer.Option("--parameters", help="Show what is published of English schools, and gaps."),
    ] = False,
    estimate: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Estimate ICC, sizes and CAC of a table of yours."),
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="COL", help="With --estimate: the outcome.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="COL", help="With --estimate: the school or area.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(metavar="COL", help="With --estimate: the period, for the CAC.")
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(metavar="COL,…", help="With --estimate: numbers, for what they explain."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Compute the power of a trial, along curves of its intra-cluster correlation.

    In closed form for children, schools or areas drawn on up to four levels; several outcomes,
    adaptive trials and sequences of draws are simulated. No record is read.

    Exit codes: 0 computed, 1 a fault in the study or the table, 2 a wrong command or a design that
    tells nothing.

    \b
    Examples:
      fingerpost trial power examples/trials/cra2.yaml
      fingerpost trial power examples/trials/cra2.yaml --json build/p.json --out build/power
      fingerpost trial power --parameters
      fingerpost trial power --estimate marks.csv --outcome maths --cluster school
    """
    if json_file is not None:
        check_json(json_file, inputs=[Path(each) for each in (file, estimate) if each is not None])
    if (file is not None) + parameters + (estimate is not None) != 1:
        raise UsageError("name one of: a study, --parameters, or --estimate TABLE.")
    if estimate is not None:
        from fingerpost.cli._trial_parameters import estimated

        columns = {"outcome": outcome, "cluster": cluster, "period": period, "given": given}
        print(estimated(estimate, columns=columns, json_file=json_file))
        return
    if parameters:
        from fingerpost.cli._trial_parameters import listed_parameters

        print(listed_parameters(json_file=json_file))
        return
    assert file is not None
    of_study(file, json_file=json_file, out=out, quiet=quiet)


def of_study(file: Path, *, json_file: Path | None, out: Path | None, quiet: bool) -> None:
    """Compute, print and write the power of a study's trial."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.power import plan_trial_power
    from fingerpost.studies.trials.power_tables import Simulations, record
    from fingerpost.studies.trials.simulated_power import (
        adaptive_trial,
        many_outcomes,
        regimes_trial,
    )

    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        planned = plan_trial_power(study)
        asked = planned.asked
        if asked.outcomes or asked.adaptive or asked.regimes:
            say("simulating what has no closed form")
        simulated = Simulations(
            many_outcomes(planned), adaptive_trial(planned), regimes_trial(planned)
        )
        data = record(planned, simulated)
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [
            *write_folder(planned, simulated, out=out, text=text),
            *write_json(json_file, text),
        ]
    print(told(planned, simulated))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    print(listed_lines("Next", [command("trial design", file)]))


def told(planned: TrialPlanned, simulated: Simulations) -> str:
    """Return a power calculation as plain text."""
    extra = simulated_tables(planned, simulated)
    parts = [
        labelled("Study", [f"{planned.study.name}: {planned.study.question}"]),
        labelled("Answer", answer(planned)),
        *([labelled("Caution", cautions(planned))] if cautions(planned) else []),
        "",
        curve_tables(planned),
        "",
        *([extra, ""] if extra else []),
        labelled("Assumes", [", ".join(each.name for each in planned.design.assumes) + "."]),
        labelled("Denies", [planned.design.denies]),
    ]
    return "\n".join(parts)


def write_folder(
    planned: TrialPlanned, simulated: Simulations, *, out: Path | None, text: str
) -> list[Path]:
    """Write the page, its pictures, its tables and the numbers into a folder, where asked for."""
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.trial_power import write_trial_power
    from fingerpost.studies.trials.power_tables import tables

    page = power_page(planned)
    made: list[Path] = []

    def write(place: Path) -> None:
        found = write_trial_power(
            planned.study,
            tables(planned, simulated),
            page=page,
            level=planned.levels[-1],
            power=planned.asked.power,
            path=place / PAGE,
        )
        made.extend(out / path.name for path in (*found, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made


def power_page(planned: TrialPlanned) -> PowerPage:
    """Return what the page of a trial's power says besides its tables."""
    import fingerpost
    from fingerpost.reports.power import PowerPage
    from fingerpost.studies.trials.power_tables import unit_of

    unit = unit_of(planned.asked)
    return PowerPage(
        answer=tuple(answer(planned)),
        cautions=tuple(cautions(planned)),
        assumes=tuple(assumptions(planned)),
        notes=tuple(notes(planned)),
        unit=unit.named,
        times=unit.times,
        effect=unit.told(planned.effect),
        made_by=f"fingerpost {fingerpost.__version__}",
    )
