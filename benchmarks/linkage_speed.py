"""Speed of linkage: made-up people on two sides, as many on each, by each method.

    python benchmarks/linkage_speed.py [--people 100000 1000000] [--only fellegi_sunter splink]

Each run is `fingerpost link run` whole: from two files of identifiers to spines on disk. The room's
own model draws 20 spines, Splink one. Quality is against the truth that was planted. Writes
benchmarks/LINKAGE_SPEED.md: time and memory, and their slopes against the number of people.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

from benchmarks.linkage_worlds import write_world  # noqa: E402
from benchmarks.page import machine, table  # noqa: E402
from benchmarks.records_tasks import command  # noqa: E402
from fingerpost.england import reveal  # noqa: E402
from fingerpost.linkage.evaluate import pairs_of, read_pairs  # noqa: E402
from fingerpost.linkage.quality import against  # noqa: E402
from fingerpost.records.spines import read_spines  # noqa: E402

FOLDER = ROOT / "build" / "bench" / "linkage"
PAGE = Path(__file__).with_name("LINKAGE_SPEED.md")
PEOPLE = (10_000, 100_000, 1_000_000)
METHODS = {"fellegi_sunter": 20, "splink": 1, "deterministic": 1}
COLUMNS = (
    *("method", "people on each side", "spines", "CPU s", "wall s", "peak MiB"),
    *("precision", "recall", "load"),
)
ALLOWED = "a million with a million in at most 5 minutes and 8 GiB"


@dataclass(frozen=True, slots=True)
class Run:
    """What one linkage cost and how good it was. peak: megabytes."""

    method: str
    people: int
    spines: int
    cpu: float
    wall: float
    peak: float
    precision: float
    recall: float
    load: float


def measured(method: str, people: int) -> Run:
    """Return what linking so many with so many people costs."""
    world = FOLDER / f"people-{people}"
    if not (world / "groups.parquet").is_file():  # the last of its files
        world.mkdir(parents=True, exist_ok=True)
        write_world(world, people)
    shutil.rmtree(world / "spines", ignore_errors=True)
    load = os.getloadavg()[0]
    words = ["link", "run", str(world), "--method", method, "--spines", str(METHODS[method]), "-q"]
    cost = command(method, words, people, FOLDER / "link.txt")
    truth = pairs_of(reveal.identity(world))
    links = read_pairs(read_spines(world).files[0])
    found = against(links, truth)
    return Run(
        method,
        people,
        METHODS[method],
        cost.cpu,
        cost.wall,
        cost.peak,
        found["precision"],
        found["recall"],
        load,
    )


def slope(runs: list[Run], what: str) -> str:
    """Return how a cost grows between the two largest runs, as the slope of logs."""
    if len(runs) < 2:
        return "–"
    small, large = sorted(runs, key=lambda run: run.people)[-2:]
    rise = math.log(getattr(large, what) / getattr(small, what))
    return f"{rise / math.log(large.people / small.people):.2f}"


def used() -> str:
    """Return names and versions of the packages that linked."""
    return ", ".join(f"{name} {version(name)}" for name in ("duckdb", "splink", "numpy", "scipy"))


def page(runs: list[Run]) -> str:
    """Return the page."""
    rows = [
        (
            run.method,
            f"{run.people:,}",
            str(run.spines),
            f"{run.cpu:.1f}",
            f"{run.wall:.1f}",
            f"{run.peak:,.0f}",
            f"{run.precision:.4f}",
            f"{run.recall:.4f}",
            f"{run.load:.1f}",
        )
        for run in sorted(runs, key=lambda run: (run.method, run.people))
    ]
    slopes = [
        (method, slope(own, "cpu"), slope(own, "peak"))
        for method in METHODS
        if (own := [run for run in runs if run.method == method])
    ]
    return "\n".join(
        [
            "# Speed of linkage\n",
            f"`python benchmarks/linkage_speed.py`, {machine()}, {used()}.",
            f"Allowed: {ALLOWED}. Load is the machine's as each run began: with more than two, the",
            "wall clock tells of the neighbours too, and CPU seconds are what to compare.\n",
            table(COLUMNS, rows, tuple(range(1, 9))),
            "\n## How cost grows\n",
            "Slope of the logs between the two largest runs; 1 is in proportion to people.\n",
            table(("method", "CPU", "memory"), slopes, (1, 2)),
            "",
        ]
    )


def main() -> None:
    """Measure, and write the page."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--people", type=int, nargs="*", default=list(PEOPLE))
    asked.add_argument("--only", nargs="*", choices=list(METHODS), default=list(METHODS))
    given = asked.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / "runs.json"
    runs = [Run(**each) for each in json.loads(kept.read_text())] if kept.is_file() else []
    for people in given.people:
        for method in given.only:
            runs = [run for run in runs if (run.method, run.people) != (method, people)]
            runs.append(measured(method, people))
            print(runs[-1], flush=True)
            kept.write_text(json.dumps([asdict(run) for run in runs]))
            PAGE.write_text(page(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
