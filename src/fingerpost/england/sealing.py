"""Sealing the truth of an England away, in a folder that no store of records reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.england import potential
from fingerpost.england.potential import ARMS, MEASURES
from fingerpost.england.provision import Provision
from fingerpost.england.world import World

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = ".truth"


def part(folder: Path, block: int) -> Path:
    """Return where the truth of one block lies."""
    return folder / FOLDER / f"part-{block:05}.parquet"


def column(measure: str, arm: str) -> str:
    """Return the column of a measure's mean in an arm.

    >>> column("wellbeing", "support")
    'wellbeing in support'
    """
    return f"{measure} in {arm}"


def table(made: World, given: Provision) -> pa.Table:
    """Return what is true of each child and recorded nowhere."""
    import pyarrow as pa

    found = potential.make(made)
    return pa.table(
        {
            "child_id": made.families.child,
            "severity": made.needs.severity,
            "social": made.needs.social,
            "clinical": made.needs.clinical,
            "log_odds": made.needs.log_odds,
            "marked": made.health.marked,
            "arm": given.arm.astype(np.int8),
            "concerned": given.concerned,
            "strength": found.strength,
            "ks1 assessed": found.ks1_assessed.astype(np.float32),
            "ks2 assessed": found.assessed.astype(np.float32),
            **{
                column(measure, arm): found.means[measure][:, at].astype(np.float32)
                for measure in MEASURES
                for at, arm in enumerate(ARMS)
            },
        }
    )


def seal(folder: Path, made: World, given: Provision) -> None:
    """Write the truth of one block, where it is not there yet."""
    import pyarrow.parquet as pq

    path = part(folder, made.block)
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table(made, given), beside, compression="zstd")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
