"""Speed of roll-outs against what was promised, a task a row.

    python benchmarks/rollouts.py [power …] [--write]

`power`: one scenario over 152 units and 12 periods, from the layout to power and smallest effect:
one effect in units of equal size, and effects by exposure in units whose sizes differ,
which is the dearest there is. `draw`: 100,000 candidates of a constrained draw. `test`: a
randomisation test of 10,000 draws, with its interval. `timing`: Roth & Sant'Anna's estimator on
7,800 units of 72 periods. `pupils`: five million rows of pupils to estimates clustered by area,
beside diff-diff on the same rows (from memory, where it is installed; ours from the file).
`rehearse`: 1,000 draws under five estimators on the past of 152 units. Seconds are the
median of `RUNS` calls, of a few where a call is long. Prints a table; --write: as ROLLOUTS.md too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# One thread of linear algebra: problems are small, and more only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

RUNS = 50


@dataclass(frozen=True, slots=True)
class Timed:
    """One measurement: what was done, in how many seconds, and how many were promised; None where
    nothing was, of a peer.
    """

    what: str
    wall: float
    cpu: float
    promised: float | None

    @property
    def met(self) -> bool:
        """Whether the promise was kept."""
        return self.promised is None or self.wall <= self.promised


def timed(
    what: str, call: Callable[[], object], *, promised: float | None, runs: int = RUNS
) -> Timed:
    """Return the median seconds of a call; of several, after one that is not counted."""
    if runs > 1:
        call()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timed(what, median(walls), median(cpus), promised)


def power() -> list[Timed]:
    """Return the time of a power scenario over 152 units and 12 periods."""
    from fingerpost.core.leaves import Design, load
    from fingerpost.core.rollout import Correlation, Power, Rollout, Wave
    from fingerpost.designs._power import grounds, reach

    periods = tuple(f"t{at}" for at in range(12))
    waves = (*(Wave(f"w{at}", periods[2 * at]) for at in range(1, 6)), Wave("late"))
    layout = load("designs", "staggered", kind=Design).layout(Rollout(periods, waves), 152)
    correlation = Correlation("decay", 0.05, 0.8)
    plain = Power(effect=0.05, sd=1.0, children=200)
    dear = Power(effect=0.05, sd=1.0, children=200, size_cv=0.5, target="exposure_average")

    def scenario(asked: Power) -> Callable[[], object]:
        return lambda: reach(grounds(layout, asked), asked, correlation=correlation)

    return [
        timed("power: one effect, equal units", scenario(plain), promised=0.020),
        timed("power: effects by exposure, unequal units", scenario(dear), promised=0.020),
    ]


def draw() -> list[Timed]:
    """Return the time of 100,000 candidates of the example, scored, and the best kept."""
    from fingerpost.designs._constrained import keep
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.frozen import freeze, space_of

    base = ROOT / "examples" / "rollouts"
    frozen = freeze(read_study(base / "england.yaml"), base)
    space, _ = space_of(frozen)
    call = lambda: keep(space, bytes(32), count=100_000, accept=100_000)  # noqa: E731
    return [timed("draw: 100,000 candidates, 152 units, 5 waves", call, promised=2.0, runs=3)]


def test() -> list[Timed]:
    """Return the time of a randomisation test of 152 units and 12 periods with its interval."""
    from fingerpost.estimators.randomisation_test import run
    from suites.panel_worlds import NEVER, PanelWorld, ask
    from suites.panel_worlds import task as panel_task

    world = PanelWorld(u=152, t=12, begins=(3, 5, 7, 9, NEVER))
    asked = panel_task(world.draw(1), ask("exposure_average"), draws=10_000)
    call = lambda: run(asked)  # noqa: E731
    return [timed("test: 10,000 draws, 152 units, 12 periods", call, promised=1.0, runs=5)]


def timing() -> list[Timed]:
    """Return the time of the efficient estimator where as many units were drawn as officers in the
    example of its authors, three averages and three exposures.
    """
    from fingerpost.estimators.random_timing import run
    from suites.panel_worlds import NEVER, PanelWorld, ask
    from suites.panel_worlds import task as panel_task

    begins = (*range(12, 60), NEVER)
    panel = PanelWorld(u=7_800, t=72, begins=begins).draw(1)
    terms = [ask(name) for name in ("simple", "exposure_average", "long_term")]
    terms += [ask("at_exposure", float(age)) for age in (0, 1, 2)]
    asked = panel_task(panel, *terms, draws=0)
    what = "timing: random_timing, 7,800 units, 72 periods, 49 waves, six terms"
    return [timed(what, lambda: run(asked), promised=3.0, runs=3)]


def pupils() -> list[Timed]:
    """Return the time from five million rows of pupils to estimates clustered by area."""
    import tempfile

    import numpy as np
    import polars as pl

    from fingerpost.cohorts.table import read_records
    from fingerpost.studies.document import read_study
    from fingerpost.studies.run import run

    random = np.random.default_rng(1)
    area = np.repeat(np.arange(152), PUPILS // 152)
    year = random.integers(2012, 2024, len(area))
    begins = np.array([2015, 2017, 2019, 2021, 0])[area % 5]
    shared = random.normal(size=(152, 12))
    y = shared[area, year - 2012] + random.normal(size=len(area))
    y += np.where((begins > 0) & (year >= begins), 0.3, 0.0)
    table = pl.DataFrame({"area": area, "year": year, "begins": begins, "y": y})
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        table.write_parquet(base / "pupils.parquet")
        study = read_study(base / "study.yaml", text=PUPIL_STUDY)

        def own() -> object:
            return run(study, read_records(study.records, base=base))

        what = f"pupils: {len(area):,} rows, 152 areas: file to group_time by area"
        found = [timed(what, own, promised=5.0, runs=3)]
    try:
        import diff_diff
    except ModuleNotFoundError:
        print("pupils: diff-diff is not installed; measured without its peer", file=sys.stderr)
        return found
    frame = table.with_row_index("pupil").to_pandas()
    leaf = diff_diff.CallawaySantAnna(
        control_group="never_treated", estimation_method="reg", cluster="area", panel=False
    )

    def peer() -> object:
        return leaf.fit(frame, "y", "pupil", "year", "begins", aggregate="simple")

    return [*found, timed("pupils: diff-diff on the same rows", peer, promised=None, runs=1)]


def rehearse() -> list[Timed]:
    """Return the time of a rehearsal: 1,000 draws, five estimators, 152 units and 12 periods, where
    nothing happens and under three planted effects.
    """
    import tempfile

    import numpy as np

    from fingerpost.cohorts.table import read_records
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.rehearsing import rehearse as rehearsed

    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        random = np.random.default_rng(1)
        at = np.arange(12)
        root = np.linalg.cholesky(0.8 ** np.abs(at[:, None] - at))
        y = random.standard_normal((152, 12)) @ root.T
        rows = [f"A{u:03},{2016 + t},{float(y[u, t])!r}" for u in range(152) for t in range(12)]
        (base / "past.csv").write_text("\n".join(["area,year,y", *rows]) + "\n", encoding="utf-8")
        study = read_study(base / "plan.yaml", text=PLAN)
        records = read_records(study.records, base=base)
        call = lambda: rehearsed(study, records, base=base)  # noqa: E731
        began = time.process_time()
        wall = time.perf_counter()
        call()
        found = Timed(
            "rehearsal: 1,000 draws, five estimators, 152 units, 12 periods",
            time.perf_counter() - wall,
            time.process_time() - began,
            60.0,
        )
    return [found]


PUPILS = 5_000_000
PUPIL_STUDY = """study: pupils
question: Did it change y?
records: {table: pupils.parquet, unit: area}
rollout: {period: year, adopted: begins, never: [0]}
arms: {none: none, offer: an offer}
outcomes: {y: {column: y}}
assignment: {observed: {}}
estimand: {target: simple}
estimators: [group_time]
release: {policy: none}
"""
PLAN = """study: plan
question: What could it show?
records: {table: past.csv, unit: area}
rollout:
  period: year
  periods: {first: 2030, count: 12}
  waves:
    first: {begins: 2033, units: 32}
    second: {begins: 2035, units: 32}
    third: {begins: 2037, units: 32}
    fourth: {begins: 2039, units: 31}
    late: {units: 25}
outcomes: {y: {column: y}}
assignment: {randomised: {design: staggered, unit: area}}
estimand: {target: exposure_average}
estimators: [gls_exposure_time, random_timing, group_time, imputation, randomisation_test]
"""


TASKS: dict[str, Callable[[], list[Timed]]] = {
    "power": power,
    "draw": draw,
    "test": test,
    "timing": timing,
    "pupils": pupils,
    "rehearse": rehearse,
}


def measured(asked: list[str], tasks: dict[str, Callable[[], list[Timed]]], page: Page) -> int:
    """Print every task asked for, all where none is; return 1 where a promise is not kept.

    asked: names of tasks, and --write, by which the page is written.
    """
    names = [name for name in asked if name != "--write"]
    unknown = sorted(set(names) - set(tasks))
    if unknown:
        print(f"no task {', '.join(unknown)}; there are {', '.join(tasks)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    found = [one for name in names or tasks for one in tasks[name]()]
    for one in found:
        print(f"{one.what:<75}  {told(one.wall)} wall  {told(one.cpu)} CPU  {verdict(one)}")
    if "--write" in asked:
        page.path.write_text(table(found, page, load), encoding="utf-8")
    return 0 if all(one.met for one in found) else 1


@dataclass(frozen=True, slots=True)
class Page:
    """Where a table is written, under which title, and by which command."""

    path: Path
    title: str
    command: str


def told(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> told(0.0042), told(3.21)
    ('4.2 ms', '3.21 s')
    """
    return f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def verdict(one: Timed) -> str:
    """Return what was promised and whether it was kept."""
    if one.promised is None:
        return "a peer"
    return f"promised {told(one.promised)}: {'met' if one.met else 'NOT MET'}"


def table(found: list[Timed], page: Page, load: float) -> str:
    """Return what was measured as a page."""
    rows = [
        f"| {one.what} | {told(one.wall)} | {told(one.cpu)} | {verdict(one)} |" for one in found
    ]
    head = (
        f"# {page.title}",
        "",
        f"`{page.command}`, {time.strftime('%d %B %Y').lstrip('0')}; 2 cores, one thread of linear "
        f"algebra; load average {load:.1f} as it began. Medians.",
        "",
        "| task | wall | CPU | |",
        "|---|--:|--:|---|",
    )
    return "\n".join((*head, *rows, ""))


PAGE = Page(
    ROOT / "benchmarks" / "ROLLOUTS.md",
    "Speed of roll-outs",
    "python benchmarks/rollouts.py --write",
)

if __name__ == "__main__":
    sys.exit(measured(sys.argv[1:], TASKS, PAGE))
