"""`fingerpost trial hand-on`: the key of another role, which holds what that role needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import labelled, listed_lines, shown


def hand_on(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="sees, or enrols.")],
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the new key goes.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key that opened the trial.")],
) -> None:
    """Write the key of a role that cannot know what comes next.

    \b
    sees     reads arms: closed reports, flow by arm, seals
    enrols   names units: notes, lists of children; sees no arm

    \b
    Examples:
      fingerpost trial hand-on build/trial sees ~/committee.key --key ~/trial.key
      fingerpost trial hand-on build/trial enrols ~/enrol.key --key ~/trial.key
    """
    from fingerpost.studies.trials.folder import open_folder
    from fingerpost.studies.trials.keys import SAID
    from fingerpost.studies.trials.keys import hand_on as hand

    opened = open_folder(folder)
    hand(opened.keys(key), role, path=file, outside=opened.folder)
    print(labelled("Key", [f"Who holds it {SAID[role]}."]))
    print(listed_lines("Wrote", [shown(file)]))
