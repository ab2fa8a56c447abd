"""Bias and coverage of strategies sustained over time, in the closed world of the tests.

    python benchmarks/time_varying_coverage.py [--worlds 1000] [--page]

Every world is answered by both estimators for three kinds of outcome, and judged by the guard rails
as a study would judge it. Worlds are kept in build/time-varying-coverage, fifty at a time; a run
that was stopped goes on where it was. When all are there TIME_VARYING_COVERAGE.md is written beside
this file, and its first table into docs/manual/linked-studies.md; --page writes both from what
there is.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Matrices are small here: threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core.analysis import Fits, Task  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, load  # noqa: E402
from fingerpost.core.study import Guard  # noqa: E402
from fingerpost.kernels.arrays import one_thread  # noqa: E402
from fingerpost.studies import guard  # noqa: E402
from fingerpost.studies.weights import indicators, weighting  # noqa: E402
from suites import over_time_worlds as world  # noqa: E402

WORLDS, CHUNK = 1_000, 50
FOLDER = ROOT / "build" / "time-varying-coverage"
PAGE = ROOT / "benchmarks" / "TIME_VARYING_COVERAGE.md"
MANUAL = ROOT / "docs" / "manual" / "linked-studies.md"
BEGUN, ENDED = "<!-- begin: coverage over time -->\n", "<!-- end: coverage over time -->\n"
LEAVES = ("ipw", "time_varying")
KINDS = ("continuous", "binary", "count")
CHILDREN, SCHOOLS = 4_000, 100
# The world's risk is no logit of what was known at each decision, so that the g-formula over time
# has a bias of its own there, which is printed.
NOT_JUDGED = (("time_varying", "binary"),)
HEAD = (
    "| estimator | outcome | worlds | truth | bias | MCSE | SD | mean SE / SD | coverage % | "
    "criteria |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
)


def one_world(kind: str, seed: int) -> np.ndarray:
    """Return (leaves, 5): value, standard error, interval, and 1 where the guard rails refuse."""
    life = world.lived(np.random.default_rng([20_000, seed]), CHILDREN, kind)
    cohort = world.copies(life, kind, schools=SCHOOLS)
    task = replace(world.task(cohort, kind, cluster="school"), fits=Fits())
    barred = float(refused(task))
    rows = []
    for leaf in LEAVES:
        found = load("estimators", leaf, kind=Estimator).run(task).estimate
        assert found is not None
        bounds, errors = intervals(found), standard_errors(found)
        assert bounds is not None
        assert errors is not None
        rows.append([float(found.value[0]), float(errors[0]), *map(float, bounds[0]), barred])
    return np.array(rows)


def refused(task: Task) -> bool:
    """Return whether the guard rails of a study that changes none of them refuse the question."""
    limits, term = Guard(), task.terms[0]
    shown = indicators(task.cohort, task.analysis.given)
    weighted = weighting(task, term, limits.outside_below)
    rules = guard.judge_counts(task, term, limits)
    return guard.refuses((*rules, *guard.judge_weights(task, weighted, shown, limits)))


def kept(kind: str, chunk: int) -> Path:
    """Return where fifty worlds are kept."""
    return FOLDER / f"{kind}-{chunk:03d}.npy"


def draw(worlds: int) -> None:
    """Draw what is not there yet, the kinds of outcome in step."""
    for chunk in range(-(-worlds // CHUNK)):
        for kind in KINDS:
            file = kept(kind, chunk)
            if file.exists():
                continue
            with one_thread():
                rows = [one_world(kind, chunk * CHUNK + at) for at in range(CHUNK)]
            fresh = file.with_suffix(".fresh.npy")
            np.save(fresh, np.stack(rows))
            fresh.replace(file)
            print(f"{kind}: {(chunk + 1) * CHUNK:,} worlds", flush=True)


def found(kind: str, worlds: int) -> np.ndarray:
    """Return (worlds, leaves, 5) of what is kept."""
    files = [kept(kind, chunk) for chunk in range(-(-worlds // CHUNK))]
    rows = [np.load(file) for file in files if file.exists()]
    return np.concatenate(rows)[:worlds] if rows else np.empty((0, len(LEAVES), 5))


def line(leaf: str, kind: str, rows: np.ndarray) -> str:
    """Return one line of a table. rows: (worlds, 5)."""
    truth = world.truth(kind)
    sd = float(rows[:, 0].std(ddof=1))
    bias, mcse = float(rows[:, 0].mean()) - truth, sd / np.sqrt(len(rows))
    inside = float(np.mean((rows[:, 2] <= truth) & (truth <= rows[:, 3])))
    good = 0.92 <= inside <= 0.98 and abs(bias) <= max(3.5 * mcse, 0.10 * sd)
    verdict = "not judged" if (leaf, kind) in NOT_JUDGED else "met" if good else "missed"
    return (
        f"| {leaf} | {kind} | {len(rows):,} | {truth:.4f} | {bias:+.4f} | {mcse:.4f} | {sd:.4f} | "
        f"{rows[:, 1].mean() / sd:.3f} | {100 * inside:.1f} | {verdict} |"
    )


def lines(worlds: int) -> Iterator[str]:
    """Yield the page, part by part."""
    told = {kind: found(kind, worlds) for kind in KINDS}
    yield "# Strategies sustained over time: bias and coverage\n"
    yield (
        f"Made by `python benchmarks/time_varying_coverage.py --worlds {worlds}`: worlds of "
        f"{CHILDREN:,} children in {SCHOOLS} schools, with three decisions; earlier provision "
        "moves what moves later provision. Always against never, for everybody; truth by living "
        "both, 2 million draws; 95% intervals. Criteria: coverage from 92% to 98%; bias at most "
        "the greater of 3.5 Monte Carlo standard errors (MCSE) and a tenth of the empirical "
        "standard deviation (SD). A count is asked as a ratio: its numbers are logarithms.\n"
    )
    yield "## What a study answers\n\nWorlds that the guard rails of a study let through.\n"
    yield HEAD + "\n".join(table(told, barred=False)) + "\n"
    shares = ", ".join(f"{100 * rows[:, 0, 4].mean():.1f}% ({kind})" for kind, rows in told.items())
    yield (
        f"## Every world\n\nThe guard rails refuse the question in {shares} of the worlds, as one "
        "child carries more than a tenth of the weight of an arm or too few carry the answer. With "
        "those worlds too:\n"
    )
    yield HEAD + "\n".join(table(told, barred=True)) + "\n"
    life = world.lived(np.random.default_rng(7), 1_000_000)
    yield (
        f"A regression on provision and every state says {world.adjusted(life):.3f} where "
        f"{world.truth():.3f} is true (continuous outcome, a million children).\n"
    )


def table(told: dict[str, np.ndarray], *, barred: bool) -> Iterator[str]:
    """Yield the lines of a table, of all worlds or of those that the guard rails let through."""
    for at, leaf in enumerate(LEAVES):
        for kind, rows in told.items():
            yield line(leaf, kind, rows[(rows[:, at, 4] == 0) | barred][:, at])


def main() -> None:
    """Draw, then write the page where all is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--page", action="store_true", help="write the page from what there is")
    said = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not said.page:
        draw(said.worlds)
    worlds = min(len(found(kind, said.worlds)) for kind in KINDS)
    PAGE.write_text("\n".join(lines(worlds)), encoding="utf-8")
    before, _, rest = MANUAL.read_text(encoding="utf-8").partition(BEGUN)
    _, _, after = rest.partition(ENDED)
    told = HEAD + "\n".join(table({kind: found(kind, worlds) for kind in KINDS}, barred=False))
    MANUAL.write_text(f"{before}{BEGUN}\n{told}\n\n{ENDED}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
