"""`fingerpost trial design`: the design of a trial in words, with what it leaves open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_json, naming
from fingerpost.cli._screen import command, labelled, listed_lines, shown

if TYPE_CHECKING:
    from fingerpost.studies.trials.designing import Designed


def design(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every part as JSON.")
    ] = None,
    protocol: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the protocol: a page (.html) or Word (.docx)."),
    ] = None,
) -> None:
    """Say the design of a trial in words: arms, chances, strata, blocks, who goes without what and
    for how long, how it is analysed, and what is owed to the families.

    What the study does not say is marked open, with the key that answers it.

    Exit codes: 0 said, with what is open told; 1 a fault in the study; 2 a wrong command.

    \b
    Examples:
      fingerpost trial design examples/trials/preschool.yaml
      fingerpost trial design examples/trials/preschool.yaml --json build/design.json
      fingerpost trial design examples/trials/preschool.yaml --protocol build/protocol.html
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.designing import designed, record

    if json_file is not None:
        check_json(json_file, inputs=[file])
    found = designed(read_study(file))
    print(told(found))
    if json_file is not None:
        from fingerpost.reports.files import write_text

        text = json.dumps(record(found), indent=2, ensure_ascii=False) + "\n"
        with naming(json_file):
            write_text(json_file, text)
        print(listed_lines("Wrote", [shown(json_file)]))
    if protocol is not None:
        print(listed_lines("Wrote", [shown(written(found, protocol))]))
    print(listed_lines("Next", [command("trial validate", file) + " --out DIR"]))


def written(found: Designed, path: Path) -> Path:
    """Write the protocol of a trial and return its path."""
    import fingerpost
    from fingerpost.reports.trial_protocol import write_trial_protocol
    from fingerpost.studies.trials.documents import items, items_table

    made_by = f"fingerpost {fingerpost.__version__}"
    with naming(path):
        table = items_table(items(found))
        return write_trial_protocol(found.study, table, path=path, made_by=made_by)


def told(found: Designed) -> str:
    """Return a design as plain text."""
    from fingerpost.studies.trials.designing import summary_words

    margin = 2 + max(len(part.topic) for part in found.parts)
    study = found.study
    parts = [labelled("Study", [f"{study.name}: {study.question}"], margin)]
    parts += [labelled(part.topic, part.words, margin) for part in found.parts]
    keys = [f"{', '.join(part.key for part in found.open)}."] if found.open else []
    parts.append(labelled("Open", [summary_words(found), *keys], margin))
    return "\n".join(parts)
