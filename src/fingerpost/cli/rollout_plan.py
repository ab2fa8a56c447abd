"""`fingerpost rollout plan`: the plan of a roll-out as a document, checked before the draw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli import _rollout_words as spoken
from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._screen import command, labelled, listed_lines, marked, progress, shown

if TYPE_CHECKING:
    from fingerpost.core.table import Table
    from fingerpost.reports.power import PowerPage
    from fingerpost.reports.rollout_plan import PlanPage
    from fingerpost.studies.rollouts.planning import Plan

PAGE, WORD, RESULTS = "protocol.html", "protocol.docx", "protocol.json"
TABLES = "protocol-tables"
MANIFEST = f"{TABLES}/.written"


def plan(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the protocol (page, Word), tables and JSON here."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every item as JSON.")
    ] = None,
    rehearsal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The rehearsal of this plan, as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Check everything that can be checked before the draw, and write the protocol.

    The register, waves, limits and a trial of the draw, power under all that is held possible,
    looks on the way, the calendar of returns, who waits and for how long, and what the law owes.
    The protocol answers what a registry and the guidance on protocols ask from the study, item by
    item; what the study does not say is marked open, with the key that answers it.

    Exit codes: 0 written, with what is open told; 1 a fault that forbids the draw, all told at once
    and nothing written; 2 a wrong command.

    \b
    Examples:
      fingerpost rollout plan examples/rollouts/england.yaml
      fingerpost rollout plan examples/rollouts/england.yaml --out build/plan --json build/plan.json
    """
    from fingerpost.cli.rollout_randomise import rehearsal_of
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.planning import make
    from fingerpost.studies.rollouts.protocol_items import record

    if json_file is not None:
        check_json(json_file, inputs=[file, *([rehearsal] if rehearsal else [])])
    if out is not None:
        check_folder(out, (PAGE, WORD, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        held = rehearsal_of(rehearsal) if rehearsal else b""
        found = make(study, file.parent, study_file=file.read_bytes(), rehearsal=held, say=say)
        text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        say("writing the protocol")
        written = [*write_folder(found, out, text), *write_json(json_file, text)]
    print(told(found, file))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    if out is not None and not (out / WORD).is_file():
        from fingerpost.reports.docx import MISSING

        print(labelled("Left out", [f"{WORD}. {MISSING}"]))
    print(listed_lines("Next", [command("rollout randomise", file) + " --out DIR"]))


def told(found: Plan, file: Path) -> str:
    """Return a plan as plain text: every check, then what is open."""
    from fingerpost.studies.rollouts.protocol_items import items

    study = found.study
    parts = [
        *marked(study.records.synthetic),
        labelled("Study", [f"{study.name}: {study.question}"]),
        "",
    ]
    margin = 2 + max(len(f"{one.name} ({one.state})") for one in found.checks)
    for one in found.checks:
        mend = [f"Mend: {one.mend}"] if one.mend and one.state != "good" else []
        parts.append(labelled(f"{one.name} ({one.state})", [one.words, *mend], margin))
    every = items(found)
    unsaid = [one for one in every if one.state == "open"]
    answered = sum(one.state == "answered" for one in every)
    parts += ["", labelled("Asked", [f"{answered} of {len(every)} items are answered."])]
    if unsaid:
        lines = [f"{one.topic} ({one.write})" for one in unsaid]
        parts.append(labelled("Open", [f"{'; '.join(lines)}."]))
    return "\n".join(parts)


def tables(found: Plan) -> tuple[Table, ...]:
    """Return every table of a protocol."""
    from fingerpost.core.rollout_protocol import rollout_protocol
    from fingerpost.studies.rollouts import monitoring, planning, power_tables
    from fingerpost.studies.rollouts.protocol_items import items, items_table

    own = [
        planning.checks_table(found),
        items_table(items(found)),
        rollout_protocol(found.study),
        planning.waiting_table(found),
        planning.calendar_table(found),
        planning.balance_table(found),
    ]
    if found.planned is None:
        layout = found.layout
        own.append(power_tables.matrix_table(layout, layout.exposure >= layout.exposure.min()))
    else:
        # Who waits says all that the table of waves does.
        own += [one for one in power_tables.tables(found.planned) if one.name != "waves"]
        if found.monitored is not None:
            own.append(monitoring.looks_table(found.monitored, found.planned))
    return tuple(table for table in own if table is not None and table.rows)


def page_of(found: Plan) -> PlanPage:
    """Return what the page says besides its tables."""
    import fingerpost
    from fingerpost.cli._rehearsal_words import speaking
    from fingerpost.reports.rollout_plan import PlanPage
    from fingerpost.studies.rollouts import monitoring
    from fingerpost.studies.rollouts.protocol_items import items

    every = items(found)
    counts = {state: sum(one.state == state for one in every) for state in ("answered", "open")}
    by = {one.name: one for one in found.checks}
    cautions = [
        f"{one.name.capitalize()}: {one.words}"
        for one in found.checks
        if one.state == "look at this"
    ]
    looks = found.monitored
    return PlanPage(
        title=f"Protocol: {found.study.question or found.study.name}",
        answer=(
            f"{found.design.title}. {found.design.summary}",
            f"Of {len(every)} items that a registry and a protocol ask {counts['answered']} are "
            f"answered and {counts['open']} are open; the others are known only later.",
        ),
        cautions=tuple(cautions),
        power=power_page(found),
        looks=monitoring.words(looks) if looks else ("Without power no look can be weighed.",),
        draw=(f"A trial of the draw: {by['draw'].words}",),
        law=(by["law"].words,),
        sides=looks.asked.sides if looks else 2,
        looked=tuple(one.period for one in looks.looks) if looks else (),
        due=found.rollout.collection is not None,
        made_by=f"fingerpost {fingerpost.__version__}",
        say=speaking(
            (*found.study.estimators, *found.study.primary),
            (one.kind for one in found.study.estimand.targets),
        ),
    )


def power_page(found: Plan) -> PowerPage | None:
    """Return what the protocol says of power, as the page of power does."""
    from fingerpost.reports.power import PowerPage

    planned = found.planned
    if planned is None:
        return None
    return PowerPage(
        answer=tuple(spoken.answer(planned)),
        cautions=tuple(spoken.cautions(planned)),
        assumes=tuple(spoken.assumptions(planned)),
        notes=tuple(spoken.notes(planned)),
        unit=planned.unit.words,
        times=planned.unit.times,
        effect=planned.effect,
    )


def write_folder(found: Plan, out: Path | None, text: str, *, word: bool = True) -> list[Path]:
    """Write the protocol, its tables and its items into a folder, where asked for. word: whether
    as a Word document too.
    """
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.rollout_plan import write_protocol

    made: list[Path] = []

    def write(place: Path) -> None:
        page, every = page_of(found), tables(found)
        written = write_protocol(found.study, every, page=page, path=place / PAGE, word=word)
        made.extend(out / path.name for path in (*written, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made
