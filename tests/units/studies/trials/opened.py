"""A small trial, opened in a folder of the test."""

from __future__ import annotations

from pathlib import Path

from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import Asked
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.opening import open_trial

STUDY = """
study: small-trial
question: Does more provision help?
trial:
  arms:
    usual: {{gets: what is given anyway, offer: usual}}
    more: {{gets: more than that, offer: added}}
  size: {size}
  known: {{area: [north, south], sex: [F, M]}}
  consent: [parent agreed]
{more}
assignment: {{randomised: {{design: {design}, unit: {unit}{strata}}}}}
"""
BLOCKS = "  blocks: [4, 6]\n  plans: kept"


def small_trial(
    place: Path,
    *,
    design: str = "stratified",
    strata: str = ", strata: [area]",
    more: str = BLOCKS,
    size: int = 1000,
    unit: str = "child",
    ledger: str | None = None,
    external: Path | None = None,
) -> tuple[Opened, Path]:
    """Return a trial that was opened, and the file of its key."""
    file = place / "study.yaml"
    file.write_text(STUDY.format(size=size, more=more, design=design, strata=strata, unit=unit))
    key = place / "trial.key"
    opened, _ = open_trial(
        read_study(file),
        study_file=file.read_bytes(),
        out=place / "trial",
        key=key,
        ledger=ledger,
        list_file=external,
    )
    return opened, key


def asked(unit: str, area: str = "north", sex: str = "F", **more: str) -> Asked:
    """Return a request for a unit."""
    known = (("area", area), ("sex", sex))
    return Asked(unit, known, ("parent agreed",), **more)


def children(count: int, *, prefix: str = "C") -> list[Asked]:
    """Return requests for children of both areas and sexes, mixed."""
    return [
        asked(f"{prefix}{at}", ("north", "south")[at * 7 % 3 % 2], ("F", "M")[at * 5 % 7 % 2])
        for at in range(count)
    ]
