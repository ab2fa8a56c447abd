"""Speed and memory against peers: `make bench`.

    python benchmarks/run.py [--quick] [--only TASK ...] [--runs N] [--resume | --page [--merge]]

A full run writes benchmarks/RESULTS.md, growth.svg and growth.csv; --quick (smaller, once, one
setting) and --only write to build/bench/part. TASK: a module of benchmarks/tasks, `study` or
`growth`. --resume goes on where a run was stopped; --page writes from what was measured so far, and
with --merge puts the rows of --only into benchmarks/RESULTS.md, leaving the others as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

from benchmarks import data, growth, page, study  # noqa: E402
from benchmarks.benchmark import OWN, TASKS, benchmark_named  # noqa: E402
from benchmarks.store import Key, Record, Store  # noqa: E402

STANDS, NATIVE, FREE = "as it stands", "native", "free threads"
LARGE = 1_000_000  # the size of every setting but the first
THREADED = ("logit", "multinomial", "poisson")  # measured also with as many threads as peers like
TOLD_TO_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
FOLDER = ROOT / "build" / "bench"
KEPT = "measurements.jsonl"
LONGEST = 1_800  # seconds after which a measurement is given up


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: sizes, runs a measurement, settings, tasks."""

    sizes: tuple[int, ...]
    runs: int
    settings: dict[str, str]
    tasks: tuple[str, ...]
    folder: Path


def settings() -> dict[str, str]:
    """Return the settings in words: the environment, and the same without what BLAS is told."""
    told = [f"{name}={os.environ[name]}" for name in TOLD_TO_BLAS if name in os.environ]
    free = "OpenBLAS chooses its kernels for the machine"
    out = {STANDS: f"{', '.join(told)}." if told else f"{free}: nothing is told to it."}
    if told:
        out[NATIVE] = f"{', '.join(TOLD_TO_BLAS)} unset: {free}."
    out[FREE] = f'as "{STANDS}", but peers may use as many BLAS threads as they like.'
    return out


def environment(setting: str, tool: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the environment of a measurement; peers get one BLAS thread unless they are free."""
    out = dict(os.environ)
    out["PYTHONPATH"] = str(folder / "code")
    if setting == NATIVE:
        for name in TOLD_TO_BLAS:
            out.pop(name, None)
    if setting != FREE and not tool.startswith(OWN):
        out.update(dict.fromkeys(THREADS, "1"))
    return out


def keys(plan: Plan) -> list[Key]:
    """Return everything that is to be measured, small before large."""
    found = [
        Key(task, tool, n, setting)
        for setting in plan.settings
        for n in plan.sizes
        for task in plan.tasks
        if task in TASKS and measured_in(setting, task, n)
        for tool in benchmark_named(task).tools
    ]
    first = next(iter(plan.settings))
    if "growth" in plan.tasks:
        found += growth.keys(first, max(plan.sizes))
    if page.STUDY in plan.tasks:
        large = [n for n in plan.sizes if n >= 100_000]
        found += [Key(page.STUDY, OWN, n, first) for n in large]
    return list(dict.fromkeys(found))


def measured_in(setting: str, task: str, n: int) -> bool:
    """Return whether a task of a size is measured in a setting."""
    if setting == STANDS:
        return True
    return n == LARGE and (setting == NATIVE or task in THREADED)


def one(key: Key, number: int, folder: Path) -> Record:
    """Return one measurement, made in a process of its own."""
    told = environment(key.setting, key.tool, folder)
    if key.task == page.STUDY:
        document = study.write(folder / f"study-{key.n}", key.n)
        cost = study.run(document, told)
        return Record(key, number, cost.cpu, cost.wall, cost.peak)
    place = data.keep(folder, key.n, p=key.p, k=key.k)
    call = [sys.executable, "-m", "benchmarks.measure", key.task, key.tool, str(place)]
    done = subprocess.run(
        call, cwd=ROOT, env=told, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{key.task} by {key.tool} at n = {key.n:,} failed:\n{done.stderr}")
    cost = json.loads(done.stdout.splitlines()[-1])
    return Record(
        key,
        number,
        cost["cpu"],
        cost["wall"],
        cost["extra"],
        tuple(cost["value"]),
        tuple(cost["error"] or ()),
    )


def measure(plan: Plan, store: Store) -> None:
    """Measure what is not yet there; runs go round, so that a busy spell hits no task twice."""
    wanted = [(key, number) for number in range(plan.runs) for key in keys(plan)]
    wanted = [(key, number) for key, number in wanted if not store.has(key, number)]
    for done, (key, number) in enumerate(wanted, start=1):
        record = one(key, number, plan.folder)
        store.add(record)
        size = f"n={key.n:,} p={key.p} k={key.k}"
        cost = f"{record.cpu:.3f} s CPU, {record.memory:.0f} MB"
        print(f"{done}/{len(wanted)} {key.setting} | {key.task} | {key.tool} | {size}: {cost}")


def begin(folder: Path) -> None:
    """Forget the last run; copy the package and note the load.

    What is measured is the copy, so that work on the package meanwhile cannot mix two versions.
    """
    (folder / KEPT).unlink(missing_ok=True)
    shutil.rmtree(folder / "code", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "code", ignore=ignored)
    (folder / "load.txt").write_text(load(), encoding="utf-8")


def read_plan(asked: argparse.Namespace) -> Plan:
    """Return the plan that the arguments ask for."""
    every = (*TASKS, "growth", page.STUDY)
    part = asked.quick or asked.only
    chosen = settings()
    if asked.quick:
        chosen = {STANDS: chosen[STANDS]}
    return Plan(
        (10_000, 100_000) if asked.quick else (10_000, 100_000, 1_000_000),
        1 if asked.quick else asked.runs,
        chosen,
        tuple(asked.only) if asked.only else every,
        FOLDER / "part" if part else FOLDER,
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Speed and memory against peers.")
    parser.add_argument("--quick", action="store_true", help="n up to 100,000, one run")
    every = (*TASKS, "growth", page.STUDY)
    parser.add_argument("--only", nargs="+", choices=every, metavar="TASK", help="some tasks")
    parser.add_argument("--runs", type=int, default=3, help="runs a measurement (default 3)")
    parser.add_argument("--page", action="store_true", help="write from what is kept; measure not")
    parser.add_argument("--merge", action="store_true", help="with --page: into RESULTS.md")
    parser.add_argument("--resume", action="store_true", help="go on where a run was stopped")
    return parser.parse_args()


def load() -> str:
    """Return how busy the machine is with other things."""
    if not hasattr(os, "getloadavg"):
        return "load not known"
    return f"load average {os.getloadavg()[1]:.1f} as it began"


def main() -> None:
    """Measure, then write the page, the table and the picture."""
    asked = arguments()
    plan = read_plan(asked)
    told = [word for word in sys.argv[1:] if word not in ("--page", "--resume", "--merge")]
    plan.folder.mkdir(parents=True, exist_ok=True)
    if not (asked.resume or asked.page):
        begin(plan.folder)
    store = Store(plan.folder / KEPT)
    store.read()
    if not asked.page:
        measure(plan, store)
    command = " ".join(["python benchmarks/run.py", *told])
    busy = (plan.folder / "load.txt").read_text(encoding="utf-8")
    context = page.Context(command, plan.settings, busy)
    whole = not asked.quick and not asked.only
    out = ROOT / "benchmarks" if whole else plan.folder
    found = store.summaries()
    text = page.whole(found, context)
    if asked.merge:
        out = ROOT / "benchmarks"
        text = page.merged((out / "RESULTS.md").read_text(encoding="utf-8"), text, plan.tasks)
    (out / "RESULTS.md").write_text(text, encoding="utf-8")
    points = growth.points(found, next(iter(plan.settings)))
    if points and not asked.merge:
        growth.write_table(points, out / "growth.csv")
        growth.draw(points, out / "growth.svg")
    print(f"\n{page.targets(found, context)}\nWrote {(out / 'RESULTS.md').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
