"""Coverage in a thousand cohorts of children born with a cleft, each from an England of its own.

    python benchmarks/cohort_coverage.py [--worlds 1000] [--page]

Every cohort has 6,359 children. Each outcome whose truth is known is answered with the covariates
that records hold and then with severity given besides, by four estimators for two targets; and
naively. Worlds are kept in build/cohort-coverage, ten at a time, under a digest of England's
numbers; a run that was stopped goes on where it was, and several processes share the worlds. When
all is there docs/manual/cohort-coverage.md is written; --page writes it from what there is.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Matrices are small here: threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from benchmarks import cohort_coverage_page as page  # noqa: E402
from benchmarks import cohort_worlds as worlds  # noqa: E402
from benchmarks.cohort_coverage_page import MEASURED, NAIVE, SETS, Asked  # noqa: E402
from fingerpost.core.analysis import Analysis, Fits, Task  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.core.errors import FingerpostError  # noqa: E402
from fingerpost.core.estimand import Target, Term, pair  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, load  # noqa: E402
from fingerpost.core.model import Models  # noqa: E402
from fingerpost.england import conditions, model, reveal, scenarios  # noqa: E402

FULL, CHUNK = 1_000, 10
FIRST_SEED = 500_000
FOLDER = ROOT / "build" / "cohort-coverage"
PAGE = ROOT / "docs" / "manual" / "cohort-coverage.md"
LEAVES = ("ipw", "ipw_ra", "g_formula", "aipw")
TARGETS = ("ate", "att")
OUTCOMES = (*worlds.RATES, *worlds.SCORES)
GIVEN = {MEASURED: worlds.GIVEN, SETS[1]: (*worlds.GIVEN, worlds.SEVERITY)}
# As examples/hope/cleft.yaml has it: one outcome model, the arm in it.
MODELS = Models(by_arm=False)
POPULATION = "cleft_isolated"


@cache
def asked() -> tuple[Asked, ...]:
    """Return everything that is asked of a world."""
    return tuple(
        Asked(outcome, given, leaf, target)
        for outcome in OUTCOMES
        for given, leaf, target in (
            ("", NAIVE, "association"),
            *((own, leaf, target) for own in SETS for leaf in LEAVES for target in TARGETS),
        )
    )


def term(outcome: str, target: str) -> Term:
    """Return a term on an outcome: a ratio of rates, or a difference of means."""
    rate = outcome in worlds.RATES
    summary, scale = ("rate", "ratio") if rate else ("mean", "difference")
    return Term(outcome, pair("support", "none"), Target(target), summary, scale)


def truth(one: Asked) -> float:
    """Return the superpopulation value, on the scale of estimates; a naive answer is held against
    the effect for all children.
    """
    target = "ate" if one.leaf == NAIVE else one.target
    found = reveal.superpopulation(
        one.outcome, ("support", "none"), population=POPULATION, target=target
    )
    return float(np.log(found.value)) if one.outcome in worlds.RATES else found.value


def one_world(seed: int) -> np.ndarray:
    """Return (asked, 4) of value, standard error and interval of one world; NaN where refused."""
    children = worlds.cohort(worlds.lives(seed))
    found = np.full((len(asked()), 4), np.nan)
    places = {one: at for at, one in enumerate(asked())}
    parts: dict[bytes, tuple[Cohort, Fits]] = {}
    for outcome in OUTCOMES:
        seen = children.outcomes[outcome].observed
        assert seen is not None
        key = seen.tobytes()
        if key not in parts:
            parts[key] = children.take(np.flatnonzero(seen)), Fits()
        part, fits = parts[key]
        for given, leaf, targets in questions():
            numbers = answer(part, fits, outcome, leaf=leaf, given=given, targets=targets)
            for target, row in zip(targets, numbers, strict=True):
                found[places[Asked(outcome, given, leaf, target)]] = row
    return found


def questions() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (covariates given, leaf, targets) of every call."""
    yield "", NAIVE, ("association",)
    for given in SETS:
        for leaf in LEAVES:
            yield given, leaf, TARGETS


def answer(
    part: Cohort,
    fits: Fits,
    outcome: str,
    *,
    leaf: str,
    given: str,
    targets: tuple[str, ...],
) -> np.ndarray:
    """Return (targets, 4) of one leaf on one outcome."""
    analysis = Analysis(GIVEN.get(given, ()), MODELS, cluster="school", stream="cohort coverage")
    terms = tuple(term(outcome, target) for target in targets)
    found = np.full((len(targets), 4), np.nan)
    try:
        estimate = loaded(leaf).run(Task(part, terms, analysis, fits)).estimate
    except FingerpostError:
        return found
    if estimate is not None:
        found[:, 0] = estimate.value
        errors, bounds = standard_errors(estimate), intervals(estimate)
        if errors is not None and bounds is not None:
            found[:, 1], found[:, 2:] = errors, bounds
    return found


@cache
def loaded(leaf: str) -> Estimator:
    """Return an estimator leaf."""
    return load("estimators", leaf, kind=Estimator)


# ---------------------------------------------------------------- worlds that are kept


def version() -> str:
    """Return eight letters that change with the numbers of England and with what is asked."""
    told = (
        *(model.OUTCOMES, model.NEED, model.PLAN, model.STRENGTH, model.INDEX),
        *(conditions.CONDITIONS, scenarios.HIDDEN, worlds.DRAWN, GIVEN, MODELS, asked()),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:8]


def kept(folder: Path, chunk: int) -> Path:
    """Return where ten worlds are kept."""
    return folder / f"{version()}-{chunk:04d}.npy"


@contextmanager
def claimed(file: Path) -> Iterator[bool]:
    """Yield whether this process may draw these worlds; no other does so meanwhile."""
    with file.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield not file.exists()


def draw(folder: Path, count: int) -> None:
    """Draw what is not there yet, and say how long it takes."""
    for chunk in range(-(-count // CHUNK)):
        file = kept(folder, chunk)
        if file.exists():
            continue
        with claimed(file) as mine:
            if not mine:
                continue
            began = time.process_time()
            first = FIRST_SEED + chunk * CHUNK
            rows = np.stack([one_world(first + at) for at in range(CHUNK)])
            fresh = file.with_suffix(".fresh.npy")
            np.save(fresh, rows)
            fresh.replace(file)
        each = (time.process_time() - began) / CHUNK
        print(f"worlds {chunk * CHUNK} to {(chunk + 1) * CHUNK - 1}: {each:.2f} s CPU a world")


def found(folder: Path, count: int) -> np.ndarray:
    """Return (worlds, asked, 4) of what is kept, up to a count of worlds."""
    files = [kept(folder, chunk) for chunk in range(-(-count // CHUNK))]
    rows = [np.load(file) for file in files if file.exists()]
    return np.concatenate(rows)[:count] if rows else np.empty((0, len(asked()), 4))


def main() -> None:
    """Draw, then write the page where all is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=FULL, help="how many cohorts")
    parser.add_argument("--page", action="store_true", help="write the page from what is there")
    told = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not told.page:
        draw(FOLDER, told.worlds)
    answers = found(FOLDER, told.worlds)
    if not len(answers) or (len(answers) < told.worlds and not told.page):
        print(f"{len(answers):,} of {told.worlds:,} worlds are there")
        return
    judged = [page.judged(one, answers[:, at], truth(one)) for at, one in enumerate(asked())]
    PAGE.write_text(page.whole(judged, len(answers)), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
