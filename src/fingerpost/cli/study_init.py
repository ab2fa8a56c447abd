"""`fingerpost study init`: a commented study file to fill in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import naming
from fingerpost.cli._screen import command, listed_lines, shown
from fingerpost.core.errors import FingerpostError


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path(
        "study.yaml"
    ),
    *,
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND", help="observed (arms as life gave them) or randomised (arms drawn)."
        ),
    ] = "observed",
) -> None:
    """Write a commented study file. A file that is there is never overwritten.

    \b
    Examples:
      fingerpost study init
      fingerpost study init trials/reading.yaml --kind randomised
    """
    from fingerpost.studies.document import init as template

    text = template(kind)
    with naming(file):
        if os.path.lexists(file):
            raise FingerpostError(
                f"{file}: this is there already and stays as it is. Name another file."
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    print(listed_lines("Wrote", [shown(file)]))
    print(listed_lines("Next", [command("study describe", file)]))
