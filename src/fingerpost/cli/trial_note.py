"""`fingerpost trial note`: what happens in a trial, written into its ledger."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._reporting import whole
from fingerpost.cli._screen import command, labelled, listed_lines, shown
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted


def note(  # noqa: PLR0913 - decision 0011
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What is noted: see below.")],
    *,
    unit: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Of whom; again for several.")
    ] = None,
    words: Annotated[
        str, typer.Option(metavar="WORDS", help="What happened. No names: it is kept in clear.")
    ] = "",
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A key of any role, where units are named.")
    ] = None,
    roll: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of freeze: the children of clusters.")
    ] = None,
    severity: Annotated[
        str, typer.Option(metavar="WORD", help="Of harm: mild, moderate or serious.")
    ] = "",
    size: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="Of amendment: units in all.")
    ] = None,
    opens: Annotated[
        str, typer.Option(metavar="ARM", help="Of amendment: an arm that enters from now on.")
    ] = "",
    closes: Annotated[
        str, typer.Option(metavar="ARM", help="Of amendment: an arm that takes no more.")
    ] = "",
    look: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="Of looked: which, from 1.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
) -> None:
    """Write into a trial's ledger what happened.

    \b
    freeze         the children of clusters and their baseline, before the arm is known
    excluded       assessed and not allocated     received    what the arm offers
    fidelity       given as planned?              usual       what is usually given
    contamination  another arm's provision        blinding    did assessors know?
    harm           with --severity                withdrew    from provision or trial
    lost           to follow-up                   analysed    in the primary analysis
    unblinded      who was told an arm            amendment   what is changed
    looked         with --look                    stopped     nobody is allocated any more

    \b
    Examples:
      fingerpost trial note build/trial received --unit C017 --key enrol.key
      fingerpost trial note build/trial harm --unit C017 --severity mild --words "…" --key enrol.key
      fingerpost trial note build/trial freeze --roll pupils.csv --key enrol.key
      fingerpost trial note build/trial amendment --closes "ten weeks" --words "the second look"
    """
    from fingerpost.studies.trials.folder import open_folder
    from fingerpost.studies.trials.recording import Note
    from fingerpost.studies.trials.recording import note as noted

    opened = open_folder(folder, ledger=ledger)
    keys = opened.keys(key) if key is not None else None
    if kind == "freeze":
        if roll is None or keys is None:
            raise UsageError("freeze: name the list (--roll FILE) and a key of any role (--key).")
        from fingerpost.studies.trials.recording import freeze

        found = freeze(opened, roll, keys=keys, units=unit or (), by=getpass.getuser())
        lines = [
            f"{counted(len(found.children), 'cluster')} with "
            f"{counted(sum(many for _, many in found.children), 'child', several='children')}: "
            "frozen."
        ]
        lines += [
            f"{name}: frozen before; {counted(many, 'child', several='children')} entered {when}, "
            "and are counted apart."
            for name, many, when in found.entered
        ]
        lines += [f"{counted(found.same, 'cluster')} as frozen before."] if found.same else []
        print(labelled("Frozen", lines))
    elif roll is not None:
        raise UsageError("--roll belongs to freeze. Leave it out.")
    else:
        more = (
            ("severity", severity), ("size", size), ("opens", opens), ("closes", closes),
            ("look", look),
        )  # fmt: skip
        said = Note(kind, tuple(unit or ()), words, more, getpass.getuser())
        before = opened.entries()[-1].number
        entries = noted(opened, said, keys=keys)
        head = opened.entries()[-1]
        old = sum(entry.number <= before for entry in entries)
        again = f" {counted(old, 'entry', several='entries')} of today told again." if old else ""
        print(labelled("Noted", [f"{kind}{': ' + ', '.join(unit) if unit else ''}.{again}"]))
        print(listed_lines("Ledger", [f"{head.number}:{head.hash}"]))
    print(listed_lines("Wrote", [shown(folder)]))
    print(listed_lines("Next", [command("trial verify", folder)]))
