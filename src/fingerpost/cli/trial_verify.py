"""`fingerpost trial verify`: a trial's ledger looked at; with the key, all allocated again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import check_json, check_unsealed
from fingerpost.cli._screen import labelled, progress
from fingerpost.cli.rollout_verify import head_of, write_json
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted

FAULTY = 1


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    *,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A key: every allocation is made again.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A head of the ledger that was published."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was found as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Hold a trial's files against their digests, and its ledger against itself.

    Without a key: the chain, the commitments, the numbers. With the key of who sees: every seal.
    With the key that opened the trial: every allocation made again.

    Exit codes: 0 all is as it was, 1 something was changed (told one by one), 2 a wrong command.

    \b
    Examples:
      fingerpost trial verify build/trial
      fingerpost trial verify build/trial --key ~/trial.key --json build/verified.json
    """
    from fingerpost.studies.trials.verifying import verify as verified

    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder. `trial open` writes one.")
    check_unsealed(json_file)
    if json_file is not None:
        check_json(json_file)
    with progress(quiet=quiet) as say:
        say("holding every file against its digest, and the ledger against itself")
        found = verified(
            folder,
            key=key,
            ledger=ledger,
            published=head_of(head, of="trial verify"),
            tell=lambda number: say(f"allocated again: {number:,}"),
        )
    if json_file is not None:
        write_json(json_file, found.faults, found.notes)
    if found.faults:
        print(labelled("Changed", found.faults))
        raise typer.Exit(FAULTY)
    stages = [
        f"{counted(count, 'unit')}{f' in stage {stage}' if stage else ''}, numbered without a gap"
        for stage, count in found.allocated
    ] or ["no unit is allocated yet"]
    again = f" {found.replayed:,} allocations made again: the same." if found.replayed else ""
    print(labelled("Verified", [f"All is as it was written: {'; '.join(stages)}.{again}"]))
    print(labelled("", found.notes) if found.notes else "", end="\n" if found.notes else "")
    if found.head is not None:
        print(labelled("Ledger", [f"{found.head.number}:{found.head.hash}"]))
