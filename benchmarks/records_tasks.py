"""Speed of linked records: building England, a whole study over it, and its cohort query.

    python benchmarks/records_tasks.py [--children 1000000] [--only build query study] [--runs 3]

`build`: `fingerpost england build`. `study`: `fingerpost study run` from records to report, six
estimators over every child. `query`: the same study's table by `cohorts.linked`, against the same
table by hand-written SQL on DuckDB (benchmarks/records_query.sql); both must give the same rows.
Writes benchmarks/RECORDS.md; with other than a million children, build/bench/RECORDS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

import polars as pl  # noqa: E402

from benchmarks.page import machine, packages, table  # noqa: E402
from benchmarks.study import COMMAND  # noqa: E402
from fingerpost.cohorts.linked.flatten import flatten  # noqa: E402
from fingerpost.core.calendar import census_day  # noqa: E402
from fingerpost.engines._session import connect  # noqa: E402
from fingerpost.records.declarations.health import DIAGNOSIS_COLUMNS  # noqa: E402
from fingerpost.records.store import open_store  # noqa: E402
from fingerpost.studies.document import read_study  # noqa: E402
from fingerpost.studies.linked import spelt  # noqa: E402

FULL, SEED = 1_000_000, 1
FOLDER = ROOT / "build" / "bench" / "records"
SQL = Path(__file__).with_name("records_query.sql")
BORN = ("2003-09-01", "2013-08-01")
TASKS = ("build", "query", "study")
SECONDS = {"build": 180.0, "study": 120.0}  # allowed at a million children
MEMORY = 6 * 1024.0  # megabytes
TIMES = 1.3  # of the hand-written query
STUDY = """\
study: speed
question: Does any recorded provision by Year 1 go with absence, admissions and attainment?
population: {born: 2003-09/2013-08, enrolled: {year: 1, school: state-funded}}
arms: {none: no recorded provision, any: any recorded provision}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 6}
outcomes: [unauthorised_absence, unplanned_admissions, ks2_maths]
assignment:
  observed:
    given: [sex, birth_month, ethnicity, first_language, fsm, idaci, mother_age, gestation,
            birth_weight, early_admissions, eyfsp_emerging]
    cluster: school
estimand: {contrast: [any, none], target: [ate, att], scale: ratio}
estimators: [naive, regression, ipw, ipw_ra, g_formula, aipw]
primary: [ipw, aipw]
sensitivity: [e_value]
release: {policy: none}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds, and the peak of memory in megabytes (0 where not measured)."""

    task: str
    tool: str
    children: int
    cpu: float
    wall: float
    peak: float = 0.0


# ---------------------------------------------------------------- whole commands


def command(task: str, words: list[str], children: int, log: Path) -> Cost:
    """Return what a command cost, with every process it started; stop where it fails."""
    peak, began = 0.0, time.perf_counter()
    before = os.times()
    with log.open("w") as said:
        child = subprocess.Popen([str(COMMAND), *words], stdout=said, stderr=subprocess.STDOUT)
        while child.poll() is None:
            peak = max(peak, resident(child.pid))
            time.sleep(0.2)
    wall, after = time.perf_counter() - began, os.times()
    if child.returncode:
        sys.exit(f"{' '.join(words)} ended with {child.returncode}:\n{log.read_text()}")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Cost(task, "fingerpost", children, used, wall, peak)


def resident(process: int) -> float:
    """Return the memory of a process and those it started, in megabytes; 0 where there is no
    /proc. What processes share is counted once each: a bound from above.
    """
    total, left = 0, [process]
    while left:
        one = left.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            left += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
        total += sum(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS"))
    return total / 1024.0


def build(folder: Path, children: int) -> Cost:
    """Return what it costs to build England anew."""
    out = folder / f"england-{children}"
    if out.exists():
        remove(out)
    words = ["england", "build", "--children", str(children), "--seed", str(SEED)]
    words += ["--phenotype-boost", "none", "--out", str(out), "--quiet"]
    return command("build", words, children, folder / "build.txt")


def remove(england: Path) -> None:
    """Remove an England that was built here."""
    import shutil

    if not (england / "manifest.json").exists():
        sys.exit(f"{england} holds no finished England; remove it by hand.")
    shutil.rmtree(england)


def study(folder: Path, children: int) -> Cost:
    """Return what a whole study costs, from records to report."""
    document = folder / "study.yaml"
    document.write_text(STUDY, encoding="utf-8")
    records = folder / f"england-{children}"
    words = ["study", "run", str(document), "--records", str(records)]
    words += ["--out", str(folder / "report"), "--quiet"]
    return command("study", words, children, folder / "study.txt")


# ---------------------------------------------------------------- the query


def ours(records: Path) -> pl.DataFrame:
    """Return the study's table as a study makes it."""
    asked = spelt(read_study(records / "study.yaml", text=STUDY))
    flat = flatten(asked, open_store(records, "duckdb"))
    found: Any = flat.records.frame.collect().to_native()
    return pl.DataFrame(found)


def by_hand(records: Path) -> pl.DataFrame:
    """Return the same table by hand-written SQL."""
    days = ", ".join(f"({year}, DATE '{census_day(year, 'SPR')}')" for year in range(2005, 2031))
    with connect() as connection:
        held = connection.sql(f"SELECT * FROM read_parquet('{records}/hes_apc/*.parquet') LIMIT 0")
        births = ", ".join(f"{x}[:3]" for x in held.columns if x in DIAGNOSIS_COLUMNS)
        text = SQL.read_text(encoding="utf-8").format(
            records=records, days=days, first=BORN[0], last=BORN[1], births=births
        )
        return connection.sql(text).pl()


def differing(records: Path) -> dict[str, int]:
    """Return how many rows differ between the two, by column; the children first."""
    own, hand = ours(records), by_hand(records)
    if own["child_id"].to_list() != hand["child_id"].to_list():
        return {"child_id": abs(len(own) - len(hand)) or len(own)}
    found = {}
    for name in hand.columns:
        left, right = own[name], hand[name]
        if left.dtype.is_float():
            same = ((left - right).abs() < 1e-9) | (left.is_null() & right.is_null())
            found[name] = len(left) - int(same.fill_null(False).sum())
        else:
            found[name] = int((left.cast(str).fill_null("") != right.cast(str).fill_null("")).sum())
    return {name: count for name, count in found.items() if count}


def query(folder: Path, children: int, runs: int) -> list[Cost]:
    """Return what the two queries cost, turn by turn, so that a busy spell hits both."""
    records = folder / f"england-{children}"
    away = differing(records)
    if away:
        sys.exit(f"the two queries differ: {away}")
    makers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "fingerpost": ours,
        "hand-written SQL": by_hand,
    }
    times: dict[str, list[tuple[float, float]]] = {tool: [] for tool in makers}
    for _ in range(runs):
        for tool, make in makers.items():
            cpu, wall = time.process_time(), time.perf_counter()
            make(records)
            times[tool].append((time.process_time() - cpu, time.perf_counter() - wall))
    return [
        Cost("query", tool, children, median(c for c, _ in each), median(w for _, w in each))
        for tool, each in times.items()
    ]


# ---------------------------------------------------------------- the page


def page(found: list[Cost], children: int) -> str:
    """Return the page of what was measured."""
    busy = os.getloadavg()[1] if hasattr(os, "getloadavg") else float("nan")
    rows = [
        (
            one.task,
            one.tool,
            f"{one.cpu:.1f}",
            f"{one.wall:.1f}",
            f"{one.peak:,.0f}" * bool(one.peak),
        )
        for one in found
    ]
    parts = [
        "# Speed of linked records\n",
        f"{date.today():%d %B %Y}; `python benchmarks/records_tasks.py --children {children}`. "
        f"{machine()}; load average {busy:.1f}. {', '.join(packages())}. {children:,} children, "
        "seven school years, all of them studied. CPU counts every process; wall clock means "
        "little on a busy machine.\n",
        table(("task", "tool", "CPU s", "wall s", "peak MB"), rows, right=(2, 3, 4)),
        "## Targets\n",
        table(("target", "promised", "measured", ""), targets(found, children), right=(1, 2)),
    ]
    return "\n".join(parts)


def targets(found: list[Cost], children: int) -> list[tuple[str, ...]]:
    """Return what was promised, what was measured and whether it was met. All is promised of a
    million children on two cores: of fewer, making the plan of a query is much of its cost.
    """
    rows: list[tuple[str, ...]] = []
    by = {(one.task, one.tool): one for one in found}
    for task, allowed in SECONDS.items():
        one = by.get((task, "fingerpost"))
        if one is not None and children >= FULL:
            rows.append((f"{task}: wall clock", f"≤ {allowed:.0f} s", f"{one.wall:.0f} s"))
            rows.append((f"{task}: peak memory", f"≤ {MEMORY:,.0f} MB", f"{one.peak:,.0f} MB"))
            verdicts = (one.wall <= allowed, one.peak <= MEMORY)
            rows[-2:] = [(*row, verdict(ok)) for row, ok in zip(rows[-2:], verdicts, strict=True)]
    own, hand = by.get(("query", "fingerpost")), by.get(("query", "hand-written SQL"))
    if own is not None and hand is not None:
        for what, ratio in (("CPU", own.cpu / hand.cpu), ("wall clock", own.wall / hand.wall)):
            words = (f"query: {what} against hand-written SQL", f"≤ {TIMES:g} ×", f"{ratio:.2f} ×")
            judged = verdict(ratio <= TIMES) if children >= FULL else "too few to be judged"
            rows.append((*words, judged))
    return rows


def verdict(met: bool) -> str:
    """Return the verdict."""
    return "met" if met else "**not met**"


def main() -> None:
    """Measure, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=FULL)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--runs", type=int, default=3, help="runs of each query")
    told = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / f"costs-{told.children}.json"
    found = {}
    if kept.exists():
        held = [Cost(**one) for one in json.loads(kept.read_text(encoding="utf-8"))]
        found = {(one.task, one.tool): one for one in held}
    measured: list[Cost] = []
    if "build" in told.only:
        measured.append(build(FOLDER, told.children))
    if "query" in told.only:
        measured += query(FOLDER, told.children, told.runs)
    if "study" in told.only:
        measured.append(study(FOLDER, told.children))
    found |= {(one.task, one.tool): one for one in measured}
    costs = list(found.values())
    kept.write_text(json.dumps([asdict(one) for one in costs]), encoding="utf-8")
    place = ROOT / "benchmarks" if told.children >= FULL else FOLDER.parent
    text = page(costs, told.children)
    (place / "RECORDS.md").write_text(text, encoding="utf-8")
    print(f"{text}\nWrote {(place / 'RECORDS.md').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
