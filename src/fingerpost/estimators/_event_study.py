"""Effects by periods since provision began, with bands that hold all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from fingerpost.core.analysis import PanelTask
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._panel import DRAWS, TOO_FEW_CLUSTERS, generator
from fingerpost.estimators._units import Units
from fingerpost.estimators._wave_errors import Found, errors_of

Array = NDArray[np.float64]


def event_study(
    leaf: str,
    task: PanelTask,
    units: Units,
    rows: Sequence[tuple[int, Found]],
) -> Table | None:
    """Return effects by period since provision began; rows: (exposure, what was found). One that
    rests on a single cluster has no error and is left out.
    """
    if not rows:
        return None
    told = errors_of(units, [found for _, found in rows])
    kept = [int(at) for at in np.flatnonzero(~told.lone)]
    if not kept:
        return None
    return event_study_of(
        leaf,
        task,
        units,
        [rows[at][0] for at in kept],
        np.array([rows[at][1].value for at in kept]),
        told.sums[:, kept],
        df=told.df[kept],
        steady=told.alike[kept],
    )


def event_study_of(
    leaf: str,
    task: PanelTask,
    units: Units,
    ages: Sequence[int],
    value: Array,
    sums: Array,
    *,
    df: Array,
    steady: Array | None = None,
) -> Table | None:
    """Return effects by period since provision began, with bands that hold all of them at once;
    None where clusters are too few.

    value: (k,). sums: (g, k) by cluster, their squares' sum the variance. df: (k,) of each effect's
    own t; steady: (k,) what they are at most in the bands, whose t lies far out, where degrees of
    freedom that are many by luck do harm.
    """
    g = len(units.keys)
    if units.worth < TOO_FEW_CLUSTERS:
        return None
    errors = np.sqrt((sums**2).sum(axis=0))
    own = stdtrit(df, 0.5 + task.analysis.level / 2)
    joint = band_critical(task, sums, df if steady is None else np.minimum(df, steady))
    joint = np.maximum(joint, own)
    cells: list[tuple[Cell, ...]] = []
    contrast = task.terms[0].words()
    for at, middle, se, each, all_ in zip(ages, value, errors, own, joint, strict=True):
        ends = (middle - each * se, middle + each * se, middle - all_ * se, middle + all_ * se)
        cells.append((leaf, contrast, at, float(middle), float(se), *(float(one) for one in ends)))
    return Table(
        "event_study",
        "Effects by periods since provision began",
        ("estimator", "contrast", "exposure", "estimate", "se", "lo", "hi", "band_lo", "band_hi"),
        ("label", "label", *("number",) * 7),
        tuple(cells),
        tells=Tells(
            keys=("exposure",),
            outcomes=("estimate", "se", "lo", "hi", "band_lo", "band_hi"),
        ),
        counts=(len(units.begins),) * len(cells),
        clusters=(g,) * len(cells),
        tags=(("outcome", task.terms[0].outcome),),
        context="Exposure 0 is the period in which provision begins; before it effects should be "
        "nought. An interval (lo, hi) holds its own effect at the level of the study; the bands "
        "hold all of them at once.",
    )


def band_critical(task: PanelTask, sums: Array, df: Array) -> Array:
    """Return (k,) critical values of |t| that hold for all k effects at once.

    A multiplier bootstrap (cluster sums by random normals; Callaway & Sant'Anna 2021) tells how
    rare one effect by itself must be for the largest of all to be as rare as the level says. It
    takes variances as known; each effect's own t, of df (k,), says how far out that is.
    """
    moving = sums[:, (sums**2).sum(axis=0) > 0]
    if not moving.shape[1]:
        return np.zeros(len(df))
    drawn = generator(task, "bands").standard_normal((DRAWS, len(moving))) @ moving
    largest = np.abs(drawn / np.sqrt((moving**2).sum(axis=0))).max(axis=1)
    tail = ndtr(-float(np.quantile(largest, task.analysis.level)))
    return np.asarray(-stdtrit(df, tail), dtype=np.float64)
