"""Run a whole trial on synthetic England: who takes part, the draw, what comes of it, the analysis.

Children are taken at random from those who could take part, and come in random order; or schools
or areas are, each with all its children who could. Arms are drawn by the study's own procedure, to
the byte; the allocation is enacted; the records that it leaves are analysed as the study says, with
the draw beside them. The seed is of the study and the run, and is never that of a real draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.table import TableRecords
from fingerpost.core.allocation import Permutations
from fingerpost.core.drawn import Drawn
from fingerpost.core.finding import Finding
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.kernels.arrays import one_thread
from fingerpost.studies import plan
from fingerpost.studies.run import found_in
from fingerpost.studies.trials.coming import Arms, Come, come, draw_arms, unit_words
from fingerpost.studies.trials.designing import procedure_of, trial_of
from fingerpost.studies.trials.on_england import (
    Eligible,
    codes_of,
    columns_of,
    eligible,
    enacted,
    on_columns,
    read_as,
    taking_part,
)

Whole = NDArray[np.int64]
Say = Callable[[str], None]
REPLAYED = 1999  # draws that might have been, which the test replays


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """Who takes part, in the order in which they come, and the draw. rows: (m,) places among the
    eligible; arm: (m,) codes; drawn: the same by unit, with the draws that were possible; stratum:
    (m,) what each was drawn within, by name, where no column of the records says it.
    """

    rows: Whole
    arm: Whole
    drawn: Drawn
    stratum: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Ran:
    """A trial that was run. finding: what its analysis found; whom: who could have taken part."""

    finding: Finding
    whom: Eligible
    taken: Taken


def run_on_england(
    study: Study, folder: Path, *, say: Say = lambda words: None, run: int = 0
) -> Ran:
    """Return a trial that was run on the children of an England, and what was found.

    run: which of the runs of the study; each takes other children and draws anew. Raises UsageError
    where the study cannot be enacted or the England holds too few children.
    """
    plan.check(study)
    say("reading who could take part")
    whom = eligible(study, folder)
    taken = take(whom, run=run)
    say(f"drawing the arms of {unit_words(study, len(taken.drawn.allocation.units))}")
    arm = np.full(len(whom.table), -1, dtype=np.int64)
    arm[taken.rows] = taken.arm
    say("enacting the allocation")
    outcomes = enacted(whom, arm)[taken.rows]
    told = {name: outcomes[name] for name in whom.outcomes}
    table = taking_part(whom, taken.rows, taken.arm, told, stratum=taken.stratum)
    own = on_columns(whom, stratum=bool(taken.stratum))
    return Ran(analysed(own, read_as(whom, table), taken, say=say), whom, taken)


def take(whom: Eligible, *, run: int = 0, replayed: int = REPLAYED) -> Taken:
    """Return who takes part in one run, and the draw."""
    study, trial = whom.study, trial_of(whom.study)
    random = stream(study.name, f"who takes part {run}", seed=study.seed)
    who = come(study, columns_of(whom), size=trial.size, random=random, codes_of=codes_of)
    made = draw_arms(study, who, seed_of(study, run, "draw"))
    seed = seed_of(study, run, "replay")
    codes = np.asarray(procedure_of(study).replay(trial, who.units, seed, replayed))
    return Taken(who.rows, made.arm, drawn_of(whom, who, made, codes), made.stratum)


def drawn_of(whom: Eligible, who: Come, made: Arms, codes: Whole) -> Drawn:
    """Return a draw with those that were possible, each child at the place of its unit."""
    own = made.allocation
    children = [str(child) for child in whom.children[who.rows]]
    members = dict(zip(children, who.of.tolist(), strict=True))
    return Drawn(own, Permutations(own.units, own.arms, codes), members=members)


def seed_of(study: Study, run: int, what: str) -> bytes:
    """Return 32 bytes for one run of a trial on an England, apart from any real draw's."""
    said = f"trial run on England\n{what}\n{study.digest()}\n{study.seed}\n{run}"
    return hashlib.sha256(said.encode()).digest()


def analysed(own: Study, records: TableRecords, taken: Taken, *, say: Say) -> Finding:
    """Return what the study's estimators say of those who took part, with the draw beside them."""
    say("analysing it as it was drawn")
    with one_thread():
        return found_in(own, records, say=say, drawn=taken.drawn)
