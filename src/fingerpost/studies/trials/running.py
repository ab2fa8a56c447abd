"""Run a whole trial on synthetic England: who takes part, the draw, what comes of it, the analysis.

Children are taken at random from those who could take part, and come in random order. Their arms
are drawn by the study's own procedure, to the byte; the allocation is enacted; the records that it
leaves are analysed as the study says, with the draw beside them. The seed is of the study and the
run, and is never that of a real draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.table import TableRecords
from fingerpost.core.allocation import Allocation, Arrived, Permutations
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import UsageError
from fingerpost.core.finding import Finding
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.kernels.arrays import one_thread
from fingerpost.studies import plan
from fingerpost.studies.run import found_in
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
from fingerpost.studies.trials.units import stratum_codes

Whole = NDArray[np.int64]
Say = Callable[[str], None]
REPLAYED = 1999  # draws that might have been, which the test replays


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """Who takes part, in the order in which they come, and the draw. rows: (m,) places among the
    eligible; arm: (m,) codes; drawn: the same, with the draws that were possible.
    """

    rows: Whole
    arm: Whole
    drawn: Drawn


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
    say(f"drawing the arms of {len(taken.rows):,} children")
    arm = np.full(len(whom.table), -1, dtype=np.int64)
    arm[taken.rows] = taken.arm
    say("enacting the allocation")
    outcomes = enacted(whom, arm)[taken.rows]
    told = {name: outcomes[name] for name in whom.outcomes}
    records = read_as(whom, taking_part(whom, taken.rows, taken.arm, told))
    return Ran(analysed(on_columns(whom), records, taken, say=say), whom, taken)


def take(whom: Eligible, *, run: int = 0, replayed: int = REPLAYED) -> Taken:
    """Return who takes part in one run, and the draw."""
    study, trial = whom.study, trial_of(whom.study)
    procedure = procedure_of(study)
    if procedure.step is None:
        raise UsageError(
            "assignment.randomised.design: this design draws among clusters that are all known, "
            "and only children who come one by one are run on an England so far."
        )
    size, held = trial.size or len(whom.table), len(whom.table)
    if size > held:
        raise UsageError(
            f"trial.size: {size:,} children are asked for, and {held:,} of this England could take "
            "part. Build a larger one, or ask fewer."
        )
    random = stream(study.name, f"who takes part {run}", seed=study.seed)
    rows = random.choice(held, size=size, replace=False).astype(np.int64)
    columns = columns_of(whom)
    known = codes_of(trial, columns, rows)
    cluster = np.unique(columns["school"][rows], return_inverse=True)[1].astype(np.int64)
    none = np.zeros(0, dtype=np.int64)
    units = Arrived(known, stratum_codes(study, known), cluster, none)
    arm = procedure.replay(trial, units, seed_of(study, run, "draw"), 1, exact=True)[0]
    arm = np.asarray(arm, dtype=np.int64)
    codes = procedure.replay(trial, units, seed_of(study, run, "replay"), replayed)
    return Taken(rows, arm, drawn_of(whom, rows, arm, np.asarray(codes)))


def drawn_of(whom: Eligible, rows: Whole, arm: Whole, codes: Whole) -> Drawn:
    """Return a draw with those that were possible."""
    shares = np.array([one.share for one in whom.trial.arms], dtype=np.float64)
    names = tuple(one.name for one in whom.trial.arms)
    units = tuple(str(child) for child in whom.children[rows])
    chance = np.tile(shares / shares.sum(), (len(rows), 1))
    return Drawn(Allocation(units, names, arm, chance), Permutations(units, names, codes))


def seed_of(study: Study, run: int, what: str) -> bytes:
    """Return 32 bytes for one run of a trial on an England, apart from any real draw's."""
    said = f"trial run on England\n{what}\n{study.digest()}\n{study.seed}\n{run}"
    return hashlib.sha256(said.encode()).digest()


def analysed(own: Study, records: TableRecords, taken: Taken, *, say: Say) -> Finding:
    """Return what the study's estimators say of those who took part, with the draw beside them."""
    say("analysing it as it was drawn")
    with one_thread():
        return found_in(own, records, say=say, drawn=taken.drawn)
