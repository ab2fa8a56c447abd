"""The demonstration's third card: preschool provision or a standard nursery, as a trial.

What it could find is computed, forty made-up children are allocated, and one byte of the ledger is
changed in a copy, to show that this is seen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fingerpost.cli._examples import example
from fingerpost.cli._folder import WRITTEN, publish
from fingerpost.cli._screen import Say

if TYPE_CHECKING:
    from fingerpost.core.table import Table
    from fingerpost.reports.write import Entry
    from fingerpost.studies.trials.allocating import Given
    from fingerpost.studies.trials.power import TrialPlanned

NAME, MADE, STUDY = "preschool-trial", "preschool-trial-made", "trials/preschool.yaml"
TITLE = "Preschool provision or a standard nursery: a trial"
WORDS = "Preschool provision or a standard nursery: what could a trial find, and who is drawn?"
CHILDREN, CHANGED = 40, 17  # how many are allocated, and whose entry is changed
LEDGER, KEY, PAGE, POWER = "trial", "trial.key", "trial.html", "power.html"
SEALED = '"sealed":"'


@dataclass(frozen=True, slots=True)
class Shown:
    """What happened, in words: what can be found, who was allocated, what the change did."""

    found: tuple[str, ...]
    allocated: str
    changed: str


def card(out: Path, *, say: Say) -> tuple[Entry, Shown]:
    """Compute the power, allocate, change a byte; return the card of the index, and what is said.

    Writes the ledger and its key into one folder of `out`, and the pages into another.
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.power import plan_trial_power

    planned = plan_trial_power(read_study(example(STUDY)))
    say(f"allocating {CHILDREN} made-up children")
    told: list[tuple[tuple[Given, ...], str]] = []
    publish(out / MADE, lambda place: told.append(allocated(planned, place)), manifest=WRITTEN)
    answers, changed = told[0]
    shown = Shown(words_of(planned), count(answers), changed)
    cards: list[Entry] = []
    publish(out / NAME, lambda place: cards.append(write(planned, answers, shown, place)))
    return cards[0], shown


def words_of(planned: TrialPlanned) -> tuple[str, ...]:
    """Return what the trial could find."""
    from fingerpost.cli._trial_power_words import answer

    return tuple(answer(planned))


def allocated(planned: TrialPlanned, folder: Path) -> tuple[tuple[Given, ...], str]:
    """Open the trial, allocate its first children, and return them and what a change does."""
    from fingerpost.studies.trials.allocating import Asked, allocate, needed
    from fingerpost.studies.trials.opening import open_trial
    from fingerpost.studies.trials.verifying import verify

    key = folder / KEY
    opened, _ = open_trial(
        planned.study,
        study_file=example(STUDY).read_bytes(),
        out=folder / LEDGER,
        key=key,
        base=folder,
    )
    confirmed = needed(opened)
    requests = [
        Asked(f"made-up {at:02d}", known_of(at), confirmed=confirmed)
        for at in range(1, CHILDREN + 1)
    ]
    answers = allocate(opened, opened.keys(key), requests=requests)
    whole = verify(folder / LEDGER, key=key)
    assert not whole.faults, whole.faults
    return answers, changed(folder, answers[CHANGED - 1].entry.text)


def known_of(at: int) -> tuple[tuple[str, str], ...]:
    """Return what is known of a made-up child, by its place in the queue."""
    return (("sex", "FM"[at % 2]),)


def changed(folder: Path, entry: str) -> str:
    """Change one byte of one entry in a copy of the ledger, and return what verifying says."""
    from fingerpost.studies.trials.folder import LEDGER as FILE
    from fingerpost.studies.trials.verifying import verify

    with TemporaryDirectory() as place:
        copy = Path(place) / LEDGER
        shutil.copytree(folder / LEDGER, copy)
        content = bytearray((copy / FILE).read_bytes())
        at = content.index(entry.encode()) + entry.index(SEALED) + len(SEALED)
        content[at] ^= 1
        (copy / FILE).write_bytes(content)
        faults = verify(copy, key=folder / KEY).faults
    return " ".join(faults).replace(f"{copy}", LEDGER)


def count(answers: tuple[Given, ...]) -> str:
    """Return how many were allocated to each arm."""
    arms = [one.arm for one in answers]
    shares = " and ".join(f"{arms.count(arm)} to {arm}" for arm in sorted(set(arms)))
    return (
        f"{len(arms)} made-up children were allocated one by one, {shares}. Nobody could know who "
        "was next; every allocation was then made again from the ledger and its key: the same."
    )


def by_known(answers: tuple[Given, ...]) -> Table:
    """Return how many children of each sex are in each arm."""
    from fingerpost.core.table import Table

    arms = sorted({one.arm for one in answers})
    held = Counter((dict(known_of(at))["sex"], one.arm) for at, one in enumerate(answers, 1))
    sexes = sorted({sex for sex, _ in held})
    return Table(
        "allocated",
        "Children allocated, by sex and arm",
        ("sex", *arms),
        ("label", *["count"] * len(arms)),
        tuple((sex, *(held[sex, arm] for arm in arms)) for sex in sexes),
    )


def write(planned: TrialPlanned, answers: tuple[Given, ...], shown: Shown, place: Path) -> Entry:
    """Write the page of the power and that of the allocation; return the card of the index."""
    from fingerpost.cli.trial_power import power_page
    from fingerpost.plots.trial_power import draw_trial_power
    from fingerpost.reports.trial_page import Told, TrialPage, write_trial_page
    from fingerpost.reports.trial_power import write_trial_power
    from fingerpost.reports.write import Entry, made_up
    from fingerpost.studies.trials.power_tables import tables

    study, page, found = planned.study, power_page(planned), tables(planned)
    level, power = planned.levels[-1], planned.asked.power
    write_trial_power(study, found, page=page, level=level, power=power, path=place / POWER)
    after = (
        f"One byte of a copy of the ledger was changed. `fingerpost trial verify`: {shown.changed}"
    )
    sections = (
        Told("power", "What it can find", shown.found, ("power_by_units",)),
        Told("allocated", "Who is drawn", (shown.allocated,), ("allocated",)),
        Told("changed", "What if somebody changes the ledger", (after,)),
    )
    write_trial_page(
        study,
        (*[one for one in found if one.name == "power_by_units"], by_known(answers)),
        page=TrialPage(TITLE, sections, page.made_by, synthetic=True),
        path=place / PAGE,
    )
    curve = next(one for one in found if one.name == "power_by_units")
    picture = draw_trial_power(
        curve, unit=page.unit, level=level, times=page.times, effect=page.effect, power=power
    )[-1]
    return Entry(
        TITLE,
        f"{NAME}/{PAGE}",
        f"{NAME}/power-tables/{picture.source}.csv",
        study.question,
        tuple((text, "answer") for text in (shown.found[1], shown.allocated, after)),
        made_up(True),
        picture,
    )
