"""Lists of allocations that are made elsewhere, or for elsewhere: an external list that a trial
takes its arms from, and the allocation table that REDCap takes.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from fingerpost.core.allocation import Arrived
from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.study import Study
from fingerpost.core.trial import Known, Trial
from fingerpost.core.words import listing
from fingerpost.studies.rollouts.frozen import as_csv
from fingerpost.studies.rollouts.registers import few, read_rows
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.sealing import seal, unseal

GROUP = "redcap_randomization_group"
ARM = "arm"
CONTEXT = "list"
MOST_LISTED = 10_000


def strata_of(study: Study) -> tuple[Known, ...]:
    """Return what a trial draws within: those of `known` that the assignment names as strata."""
    assert study.trial is not None
    held = {one.name: one for one in study.trial.known}
    return tuple(held[name] for name in study.assignment.strata if name in held)


def read_list(path: Path, study: Study) -> list[list[str]]:
    """Return the rows of an external list: the levels of strata, then the arm, in order.

    Columns: `arm` (or REDCap's redcap_randomization_group, arms by number from 1) and every
    stratum. Raises Malformed with every fault.
    """
    assert study.trial is not None
    rows = read_rows(path, "--list")
    strata, arms = strata_of(study), [arm.name for arm in study.trial.arms]
    known = tuple(rows[0]) if rows else ()
    column = GROUP if GROUP in known else ARM
    lacking = [name for name in (column, *(one.name for one in strata)) if name not in known]
    if lacking:
        raise Malformed(
            f"{path}: there is no column {listing(lacking)}. An external list has the column "
            f"{ARM} (or {GROUP}) and one for each stratum."
        )
    code = {**{str(at): arm for at, arm in enumerate(arms, 1)}, **{arm: arm for arm in arms}}
    faults, found = [], []
    for at, row in enumerate(rows, start=2):
        if row[column] not in code:
            guess = nearest(row[column], arms)
            faults.append(f"{path}, line {at}: no such arm. There are: {listed(arms)}.{guess}")
        wrong = [one.name for one in strata if row[one.name] not in one.levels]
        faults += [f"{path}, line {at}: {name} has no such level." for name in wrong]
        found.append([*(row[one.name] for one in strata), code.get(row[column], "")])
    if faults:
        raise Malformed(few(faults, 20))
    return found


def sealed_list(rows: list[list[str]], keys: Keys) -> bytes:
    """Return an external list as the trial's folder keeps it: sealed under the key."""
    return seal(keys.seed, rows, context=CONTEXT).encode() + b"\n"


def opened_list(content: bytes, keys: Keys) -> list[list[str]]:
    """Return an external list from its sealed file."""
    found: list[list[str]] = unseal(keys.seed, content.decode("ascii").strip(), context=CONTEXT)
    return found


def redcap_table(opened: Opened, keys: Keys, *, count: int) -> bytes:
    """Return the allocation table that REDCap takes: `count` rows for each stratum, as CSV.

    Columns: redcap_randomization_group (arms by number from 1, in the study's order), then every
    stratum, its levels as the study writes them: they must be the raw codes of REDCap's fields.
    The rows are what the procedure would give to units that come stratum by stratum. Raises
    UsageError for a design that draws by what came before (minimisation), or within clusters, which
    no table can hold.
    """
    study, trial = opened.study, opened.trial
    strata = strata_of(study)
    levels = list(product(*(one.levels for one in strata)))
    if not 1 <= count <= MOST_LISTED // len(levels):
        raise UsageError(f"rows for each stratum: from 1 to {MOST_LISTED // len(levels):,}.")
    procedure = opened.procedure
    if procedure.margins or procedure.within or procedure.step is None:
        raise UsageError(
            f"{opened.plan['design']} cannot be held in a table: what a unit is given depends on "
            "more than its stratum and its place in it."
        )
    if opened.listed:
        raise UsageError("this trial takes its arms from a list of yours, which is that table.")
    arms = rows_of(trial, opened, keys.seed, count=count, strata=len(levels))
    columns: dict[str, list[str]] = {GROUP: [str(arm + 1) for arm in arms]}
    for at, one in enumerate(strata):
        columns[one.name] = [level[at] for level in levels for _ in range(count)]
    return as_csv(columns)


def rows_of(trial: Trial, opened: Opened, seed: bytes, *, count: int, strata: int) -> list[int]:
    """Return the arms of `count` units of every stratum, which come stratum by stratum."""
    step = opened.procedure.step
    assert step is not None
    many = count * strata
    codes = np.repeat(np.arange(strata), count)
    known = np.zeros((many, len(trial.known)), dtype=np.int64)
    nobody = np.zeros(many, dtype=np.int64)
    arms: list[int] = []
    for at in range(many):
        here = Arrived(
            known[: at + 1], codes[: at + 1], nobody[: at + 1], np.array(arms, dtype=np.int64)
        )
        arms.append(step(trial, here, seed).arm)
    return arms
