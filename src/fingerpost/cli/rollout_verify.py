"""`fingerpost rollout verify`: a draw replayed, without a network, by anyone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_json
from fingerpost.cli._screen import labelled, progress
from fingerpost.cli.rollout_randomise import telling
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.ledger.events import Head
    from fingerpost.studies.rollouts.verifying import Verified

FAULTY = 1


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `rollout randomise` wrote.")],
    *,
    head: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A head of the ledger that was published."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish", help="Where only the list of files is behind the ledger: write it anew."
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was found as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Hold every file of a draw against its digest, check the ledger, and draw again; of a
    collection, hold its ledger, the returns as they came and every freeze against one another.

    Exit codes: 0 all is as it was drawn, 1 something was changed (told file by file), 2 a wrong
    command. examples/verify_draw.py does the same in another program of sixty lines.

    \b
    Examples:
      fingerpost rollout verify build/draw
      fingerpost rollout verify build/draw --head 3:9f2c… --json build/verified.json
      fingerpost rollout verify build/returns
    """
    from fingerpost.studies.rollouts import verifying
    from fingerpost.studies.rollouts.collecting.folder import COLLECTION

    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder. `rollout randomise` writes one.")
    if json_file is not None:
        check_json(json_file)
    if (folder / COLLECTION).is_file():
        of_collection(folder, ledger, json_file)
        return
    if finish:
        verifying.finish(folder, ledger=ledger)
    with progress(quiet=quiet) as say:
        say("holding every file against its digest, and the ledger against itself")
        found = verifying.verify(
            folder, ledger=ledger, published=head_of(head), tell=telling(say, 0)
        )
    if json_file is not None:
        write_json(json_file, found.faults, found.notes)
    if found.faults:
        print(labelled("Unfinished" if found.unfinished else "Changed", found.faults))
        raise typer.Exit(FAULTY)
    tell_verified(folder, found)


def tell_verified(folder: Path, found: Verified) -> None:
    """Print what was verified of a draw in which nothing is wrong."""
    from fingerpost.studies.rollouts.drawing import open_folder

    frozen = open_folder(folder)
    lines = [
        f"{len(frozen.units)} units, {len(frozen.waves)} waves: all is as it was committed to."
    ]
    if found.drawn is not None:
        lines = [f"{lines[0][:-1]} and drawn; the draw replayed gives the same, byte by byte."]
    print(labelled("Verified", [*lines, *found.notes]))
    print(labelled("Commit", [frozen.commitment.hex()]))
    if found.head is not None:
        print(labelled("Ledger", [f"{found.head.number}:{found.head.hash}"]))


def of_collection(folder: Path, ledger: str | None, json_file: Path | None) -> None:
    """Verify a collection: its ledger, the files as they came, and every freeze."""
    from fingerpost.studies.rollouts.collecting.freezing import verify_collection

    faults, notes = verify_collection(folder, ledger=ledger)
    if json_file is not None:
        write_json(json_file, faults, notes)
    if faults:
        print(labelled("Changed", faults))
        raise typer.Exit(FAULTY)
    print(labelled("Verified", notes))


def head_of(text: str | None, *, of: str = "rollout verify") -> Head | None:
    """Return a head as it is written on the command line."""
    from fingerpost.ledger.events import Head

    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise UsageError(f"--head {text}: write NUMBER:HASH, as `{of}` prints it.")
    return Head(int(number), digest)


def write_json(path: Path, faults: tuple[str, ...], notes: tuple[str, ...]) -> None:
    """Write what was found."""
    import json

    from fingerpost.studies.rollouts.folder import put

    said = {"schema_version": 1, "good": not faults, "faults": list(faults), "notes": list(notes)}
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
