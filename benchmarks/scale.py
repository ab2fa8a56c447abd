"""How building England and a study of all its children grow: time, memory and disk, measured whole.

    python benchmarks/scale.py [--sizes 100000 1000000] [--place FOLDER]

For each size `fingerpost england build` and `fingerpost study run examples/hope/any_sen.yaml` run
as commands, each in a process of its own. Memory is the most that the command and the processes it
starts hold together, looked at five times a second. Rows are added to benchmarks/scale.csv with the
load of the machine, and scale.svg is drawn from it; SCALE.md says in words what they show. CPU
seconds depend little on what else a machine does; wall seconds do, and stand beside the load.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
TABLE, PICTURE = HERE / "scale.csv", HERE / "scale.svg"
STUDY = ROOT / "examples" / "hope" / "any_sen.yaml"
COMMAND = (sys.executable, "-c", "from fingerpost.cli.main import main; main()")
MIB = 2**20
OFTEN = 0.2
TITLE = "Time and memory against children"
MEASURES = {"cpu": "CPU seconds", "memory": "largest memory, MiB"}


@dataclass(frozen=True, slots=True)
class Run:
    """One command at one size. cpu, wall: seconds. memory: MiB, the most of all its processes
    together. disk: MiB written. load: of the machine, a minute's mean when it ended.
    """

    task: str
    children: int
    cpu: float
    wall: float
    memory: float
    disk: float
    load: float


def measured(task: str, children: int, words: Iterable[str], out: Path) -> Run:
    """Return what a command costs; RuntimeError where it fails."""
    import psutil

    began, before = time.perf_counter(), os.times()
    going = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL)
    whole, most = psutil.Process(going.pid), 0
    while going.poll() is None:
        held = 0
        try:
            for one in (whole, *whole.children(recursive=True)):
                held += one.memory_info().rss
        except psutil.Error:
            pass
        most = max(most, held)
        time.sleep(OFTEN)
    if going.returncode:
        raise RuntimeError(f"{task} of {children:,} children ended with {going.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    disk = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Run(
        task,
        children,
        round(cpu, 1),
        round(time.perf_counter() - began, 1),
        round(most / MIB),
        round(disk / MIB, 1),
        round(os.getloadavg()[0], 1),
    )


def run(sizes: Iterable[int], place: Path) -> list[Run]:
    """Return both commands at each size; what they write is removed after each."""
    found = []
    for size in sizes:
        records, out = place / f"england-{size}", place / f"study-{size}"
        build = ("england", "build", "--children", str(size), "--phenotype-boost", "none")
        found.append(measured("build", size, (*build, "--out", str(records), "-q"), records))
        study = ("study", "run", str(STUDY), "--records", str(records), "--out", str(out), "-q")
        found.append(measured("study", size, study, out))
        print(found[-2], found[-1], sep="\n", flush=True)
        shutil.rmtree(records)
        shutil.rmtree(out)
    return found


def read(path: Path = TABLE) -> list[Run]:
    """Return what was measured so far."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            Run(row["task"], int(row["children"]), *(float(row[f.name]) for f in fields(Run)[2:]))
            for row in csv.DictReader(lines)
        ]


def write(found: Iterable[Run], path: Path = TABLE) -> None:
    """Write what was measured, the newest of each task and size."""
    newest = {(one.task, one.children): one for one in found}
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, [f.name for f in fields(Run)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for _, one in sorted(newest.items()))


def slope(found: Iterable[Run], task: str, measure: str, *, least: int = 0) -> float:
    """Return the least-squares slope of a logarithm in the logarithm of children.

    >>> runs = [Run("build", n, n / 1e4, 0, 1, 0, 0) for n in (1000, 10000)]
    >>> round(slope(runs, "build", "cpu"), 3)
    1.0
    """
    own = [one for one in found if one.task == task and one.children >= least]
    size = np.log([one.children for one in own])
    return float(np.polyfit(size, np.log([getattr(one, measure) for one in own]), 1)[0])


def draw(found: list[Run], path: Path = PICTURE) -> None:
    """Draw time and memory against children, both axes logarithmic, as SVG."""
    import altair as alt
    import vl_convert

    panels = []
    for measure, words in MEASURES.items():
        values = [{"task": r.task, "children": r.children, "y": getattr(r, measure)} for r in found]
        x = alt.X("children:Q").scale(type="log").axis(format="~s", tickCount=4)
        y = alt.Y("y:Q", title=words).scale(type="log", nice=True).axis(format="~s", tickCount=5)
        lines = (
            alt.Chart(alt.Data(values=values))
            .mark_line(point=True)
            .encode(x, y, alt.Color("task:N"))
        )
        panels.append(lines.properties(width=260, height=240, title=words))
    whole = alt.hconcat(*panels).configure(font="sans-serif").configure_view(stroke=None)
    head, rest = vl_convert.vegalite_to_svg(whole.to_json()).split(">", 1)
    told = "; ".join(
        f"{task}, {words}: slope {slope(found, task, measure):.2f}"
        for task in ("build", "study")
        for measure, words in MEASURES.items()
    )
    described = f"<title>{TITLE}</title><desc>Log-log lines. {told}.</desc>"
    path.write_text(f'{head} role="img">{described}{rest}\n', encoding="utf-8")


def main() -> None:
    """Measure, and write the table and the picture."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    asked.add_argument("--place", type=Path, default=ROOT / "build" / "scale")
    said = asked.parse_args()
    said.place.mkdir(parents=True, exist_ok=True)
    found = [*(read() if TABLE.exists() else []), *run(said.sizes, said.place)]
    write(found)
    draw(read())


if __name__ == "__main__":
    main()
