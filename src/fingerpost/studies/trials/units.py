"""Units as a design sees them: those of a register, or made-up ones in the order they come in.

Made-up units try a design before the first child: levels of what is known are as likely as one
another, and clusters take their children in turn.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived
from fingerpost.core.errors import UsageError
from fingerpost.core.rollout import Frame, Rollout
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.studies.rollouts.frozen import BETWEEN, read_register
from fingerpost.studies.trials.designing import randomised_of, trial_of

CLUSTERS = 20
NONE = np.zeros(0, dtype=np.int64)
Whole = NDArray[np.int64]


def frame_of(study: Study, base: Path) -> Frame:
    """Return the register of a trial, units in the order of their codes.

    base: the folder beside which it lies. Raises UsageError where the study names none, Malformed
    with every fault of the register.
    """
    trial = trial_of(study)
    if trial.register is None:
        raise UsageError(
            f"{study.name}: {randomised_of(study).design} draws among units that are all known. "
            "Name them: trial: {register: {table: …, unit: …}}."
        )
    numbers = dict.fromkeys((*trial.draw.balance, *trial.match))
    wanted = Rollout(register=trial.register, draw=replace(trial.draw, balance=tuple(numbers)))
    columns = read_register(study, wanted, base)
    strata = [columns[name] for name in randomised_of(study).strata]
    called = [BETWEEN.join(row) for row in zip(*strata, strict=True)] if strata else []
    names = tuple(dict.fromkeys(called))
    units = tuple(columns[trial.register.unit])
    code = [names.index(name) for name in called] if called else [0] * len(units)
    capped = (limit.column for limit in trial.draw.limits if limit.column)
    numeric = dict.fromkeys((*numbers, *capped))
    return Frame(
        units,
        np.array(code, dtype=np.int64),
        {name: np.array([float(text) for text in columns[name]]) for name in numeric},
        labels={name: np.array(texts) for name, texts in columns.items() if name not in numeric},
        stratum_names=names,
    )


def stratum_names(study: Study) -> tuple[str, ...]:
    """Return the name of every stratum that there can be, in the order of their codes.

    The code of a unit counts the levels of the first stratum slowest.
    """
    known = {one.name: one.levels for one in trial_of(study).known}
    every = product(*(known[name] for name in randomised_of(study).strata))
    return tuple(BETWEEN.join(row) for row in every)


def stratum_codes(study: Study, known: Whole) -> Whole:
    """Return (n,) codes of strata from (n, f) codes of what is known."""
    trial = trial_of(study)
    place = {one.name: at for at, one in enumerate(trial.known)}
    code = np.zeros(len(known), dtype=np.int64)
    for name in randomised_of(study).strata:
        at = place[name]
        code = code * len(trial.known[at].levels) + known[:, at]
    return code


def made_up(study: Study, units: int, *, clusters: int = CLUSTERS) -> Arrived:
    """Return units that are made up, the same for the same study."""
    trial = trial_of(study)
    made = stream(study.digest(), "made-up units")
    known = [made.integers(0, len(one.levels), size=units) for one in trial.known]
    held = np.column_stack(known) if known else np.zeros((units, 0), dtype=np.int64)
    return Arrived(held, stratum_codes(study, held), np.arange(units) % clusters, NONE)


def size_of(trial: Trial, asked: int | None) -> int:
    """Return how many units are made up. Raises UsageError where nothing says."""
    if asked is not None:
        return asked
    if trial.size is None:
        raise UsageError("trial.size is missing: how many units? Write it, or --units N.")
    return trial.size
