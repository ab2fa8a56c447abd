"""A trial opened from the command line, and what is said of it then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.cli._screen import command, labelled, listed_lines, shown, typed
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.studies.trials.folder import Opened


def opened_by(
    file: Path, *, out: Path, key: Path | None, ledger: str | None, external: Path | None = None
) -> tuple[Opened, bool]:
    """Return the trial, and whether it was opened now, none lying there; say so where it was."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.opening import open_trial

    if key is None:
        raise UsageError(
            "--key is missing: the file of the trial's key. It is made when the trial is opened, "
            "outside DIR, for its owner alone; whoever holds it can know what comes next."
        )
    opened, new = open_trial(
        read_study(file),
        study_file=file.read_bytes(),
        out=out,
        key=key,
        base=file.parent,
        ledger=ledger,
        list_file=external,
    )
    if external is not None and not new:
        raise UsageError("--list: this trial is open already; a list is given when it is opened.")
    if new:
        print(opening(opened, key))
    return opened, new


def opening(opened: Opened, key: Path) -> str:
    """Return in words that a trial was opened, and what to do now."""
    source = "an external list, sealed" if opened.listed else opened.plan["design"]
    if opened.plan["register"]:
        return opening_register(opened, key)
    lines = [
        f"{opened.study.name}: open. Study and program are frozen; arms come from {source}.",
        "Keep the key where those who enrol cannot read it, and a copy elsewhere: with it anybody "
        "can know what comes next, without it nobody can allocate.",
    ]
    return "\n".join(
        [
            labelled("Opened", lines),
            listed_lines("Commit", [opened.plan["commitments"]["key"]]),
            listed_lines("Wrote", [shown(opened.folder), shown(key)]),
        ]
    )


def opening_register(opened: Opened, key: Path) -> str:
    """Return in words that a trial was opened whose units are all known."""
    from fingerpost.studies.rollouts.pulses import unnamed_round
    from fingerpost.studies.trials.drawing import commitment

    lines = [
        f"{opened.study.name}: open. Study, program and register are frozen. Publish the "
        "commitment where its date is beyond doubt, wait for the pulse, save it, and draw "
        "(--pulse).",
    ]
    unnamed = unnamed_round(opened.plan["pulse"])
    lines += [f"{unnamed[0].upper()}{unnamed[1:]}"] if unnamed else []
    return "\n".join(
        [
            labelled("Opened", lines),
            listed_lines("Commit", [commitment(opened)]),
            listed_lines("Wrote", [shown(opened.folder), shown(key)]),
        ]
    )


def following(file: Path, opened: Opened, key: Path) -> str:
    """Return the command that comes next."""
    words = f"{command('trial randomise', file)} --out {typed(shown(opened.folder))}"
    words += f" --key {typed(shown(key))}"
    return f"{words} --pulse pulse.json" if opened.plan["register"] else f"{words} --unit CODE …"
