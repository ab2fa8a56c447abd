"""Coverage of every estimator leaf over simulated worlds whose truth is known.

    python benchmarks/coverage.py [--worlds 2000] [--only PART ...] [--dry-run | --page]

Every leaf × target × scale × kind of outcome with a known truth, in the settings of
coverage_cells.py. Answers are kept in build/coverage by part and leaf, a hundred worlds at a time,
with a digest of the code that the leaf runs. A run that was stopped goes on where it was. Where the
code of a leaf has changed since, some of its worlds are drawn again: if every number is the same
its answers stay, if not they are drawn anew, and no other leaf's. Several processes share the parts
between them. A leaf that misses a criterion in a part is drawn there four times as often, and
judged on all its worlds: of more than a thousand cells some miss by the luck of the draw. If it
misses still, worlds in which a study's guard rails refuse are left out, as no study would answer.
When all is there the tables are written to benchmarks/COVERAGE.md and docs/manual/coverage.md;
--page writes them from what is there, --dry-run says what each part costs.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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

from benchmarks import coverage_page as page  # noqa: E402
from benchmarks.coverage_cells import Cell, Part, Trial, cells, parts, truth  # noqa: E402
from fingerpost.core.analysis import Analysis, Fits, Task  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.core.errors import FingerpostError  # noqa: E402
from fingerpost.core.estimate import Estimate  # noqa: E402
from fingerpost.core.fit import Fit  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.study import Guard  # noqa: E402
from fingerpost.estimators import survival  # noqa: E402
from fingerpost.studies import guard  # noqa: E402
from fingerpost.studies.weights import from_own, indicators, weighting  # noqa: E402
from suites.enrolled import LEAVES  # noqa: E402

FULL = 2_000
MORE = 4  # times as many worlds for a leaf that misses a criterion in a part
CHUNK = 100
STAGES = (100, 500)  # worlds of every part before any part is drawn to the end: faults show early
AGAIN = 10  # worlds that are drawn again where code has changed
FOLDER = ROOT / "build" / "coverage"
TABLES = (ROOT / "benchmarks" / "COVERAGE.md", ROOT / "docs" / "manual" / "coverage.md")
# With few clusters their errors are those of least squares, one model a scale; other leaves give
# the same numbers for both scales at once, which spares a fifth of the time.
ONE_SCALE = ("naive", "regression", "within", "g_estimation", "iv")


def answer(cohort: Cohort, asked: Sequence[Cell], kept: dict[object, Fits]) -> np.ndarray:
    """Return (cells, 4) of value, standard error, low, high; NaN where a leaf could not answer.

    asked: of one trial. kept: the fits that leaves with the same models share.
    """
    trial, found = asked[0].trial, np.full((len(asked), 4), np.nan)
    for rows in _at_once(asked):
        terms = tuple(asked[row].term for row in rows)
        fits = kept.setdefault(trial.models, Fits())
        try:
            estimate = LEAVES[trial.leaf].run(Task(cohort, terms, told(trial), fits)).estimate
        except FingerpostError:
            continue
        if estimate is not None and estimate.terms == terms:
            found[rows] = numbers(estimate)
    return found


def refused(cohort: Cohort, asked: Sequence[Cell], kept: dict[object, Fits]) -> np.ndarray:
    """Return (cells,) whether a study with the usual guard rails would refuse a term, or this leaf
    its answer. asked: of one trial.
    """
    trial, limits = asked[0].trial, Guard()
    leaf, shown = LEAVES[trial.leaf], indicators(cohort, trial.given)
    task = Task(cohort, (), told(trial), kept.setdefault(trial.models, Fits()))
    found = np.zeros(len(asked), dtype=bool)
    for at, cell in enumerate(asked):
        own = replace(task, terms=(cell.term,))
        try:
            tilted = weighting(own, cell.term, limits.outside_below)
            rules = guard.judge_counts(own, cell.term, limits)
            rules += guard.judge_weights(own, tilted, shown, limits)
            fit = leaf.run(own).fit if leaf.guard == "own" else None
        except FingerpostError:
            found[at] = True
            continue
        for term, held in fit.weights.items() if isinstance(fit, Fit) else ():
            weights = from_own(own, term, held.own, target=held.target)
            rules += guard.judge_weights(own, weights, shown, limits)
        found[at] = guard.refuses(rules)
    return found


def told(trial: Trial) -> Analysis:
    """Return what a leaf is told in a trial."""
    return Analysis(
        trial.given, trial.models, cluster="school", stream="test", options=dict(trial.options)
    )


def _at_once(asked: Sequence[Cell]) -> list[list[int]]:
    """Return the places of cells that are asked in one task."""
    apart = asked[0].trial.leaf in ONE_SCALE
    groups: dict[str, list[int]] = {}
    for place, cell in enumerate(asked):
        groups.setdefault(cell.term.scale if apart else "", []).append(place)
    return list(groups.values())


def numbers(estimate: Estimate) -> np.ndarray:
    """Return (q, 4) of value, standard error and interval; NaN where there is none."""
    q = len(estimate.value)
    errors, bounds = standard_errors(estimate), intervals(estimate)
    out = np.full((q, 4), np.nan)
    out[:, 0] = estimate.value
    if errors is not None:
        out[:, 1] = errors
    if bounds is not None:
        out[:, 2:] = bounds
    return out


def by_trial(asked: Sequence[Cell]) -> dict[Trial, list[int]]:
    """Return the places of each trial's cells."""
    out: dict[Trial, list[int]] = {}
    for place, cell in enumerate(asked):
        out.setdefault(cell.trial, []).append(place)
    return out


def one_world(asked: Sequence[Cell], seed: int, clock: dict[str, float]) -> np.ndarray:
    """Return (cells, 4) of one draw of every world that the cells are asked in."""
    out = np.full((len(asked), 4), np.nan)
    drawn: dict[object, tuple[Cohort, dict[object, Fits]]] = {}
    for trial, rows in by_trial(asked).items():
        began = time.process_time()
        key = (trial.world, trial.unseen)
        if key not in drawn:
            drawn[key] = trial.draw(seed), {}
        cohort, kept = drawn[key]
        out[rows] = answer(cohort, [asked[row] for row in rows], kept)
        clock[trial.leaf] = clock.get(trial.leaf, 0.0) + time.process_time() - began
    return out


# ---------------------------------------------------------------- which code, which worlds


@cache
def digest(module: str) -> tuple[frozenset[str], str]:
    """Return the modules of this repository that a module imports, and a digest of its own code,
    which comments and docstrings are no part of.
    """
    file = _file(module)
    if file is None:
        return frozenset(), ""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    own = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return frozenset(name for name in found if _file(name) is not None), own


def _file(module: str) -> Path | None:
    room = {"fingerpost": ROOT / "src", "suites": ROOT / "tests"}.get(module.split(".")[0])
    if room is None:
        return None
    base = room.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def closure(*modules: str) -> frozenset[str]:
    """Return modules and all that they import, here."""
    seen: set[str] = set()
    left = list(modules)
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            left += digest(one)[0]
    return frozenset(seen)


@cache
def version(leaf: str, worlds: tuple[str, ...]) -> str:
    """Return eight letters that change with the code of a leaf, of the modules of its worlds and of
    all that they import.
    """
    told = hashlib.sha256()
    for module in sorted(closure(f"fingerpost.estimators.{leaf}", "suites.worlds", *worlds)):
        told.update(digest(module)[1].encode())
    return told.hexdigest()[:8]


@dataclass(frozen=True)
class Kept:
    """The answers of one leaf in one part. places: of its cells among those of the part. code: the
    digest of the code as it is.
    """

    part: Part
    leaf: str
    places: tuple[int, ...]
    file: Path
    code: str

    def load(self) -> np.ndarray:
        """Return (worlds, cells, 4), as far as they go."""
        if self.file.exists():
            found: np.ndarray = np.load(self.file)
            return found
        return np.empty((0, len(self.places), 4))

    def answers(self) -> np.ndarray:
        """Return what is kept, without answers that guard rails bar where that was looked at."""
        rows = self.load()
        if self.barred.exists():
            barred = np.load(self.barred)[: len(rows)]
            rows[: len(barred)][barred] = np.nan
        return rows

    @property
    def barred(self) -> Path:
        """The file of which answers guard rails bar: (worlds, cells)."""
        return self.file.with_suffix(".barred.npy")

    def add(self, rows: np.ndarray) -> None:
        """Keep more worlds; a run that is stopped meanwhile leaves what was there."""
        self.put(np.concatenate([self.load(), rows]))

    def put(self, rows: np.ndarray) -> None:
        """Keep these worlds, of the code as it is, and no others."""
        fresh = self.file.with_suffix(".fresh.npy")
        np.save(fresh, rows)
        fresh.replace(self.file)
        self._told.write_text(self.code, encoding="utf-8")

    @property
    def _told(self) -> Path:
        return self.file.with_suffix(".code")

    @property
    def earlier(self) -> bool:
        """Whether what is kept is of other code."""
        told = self._told.read_text(encoding="utf-8") if self._told.exists() else ""
        return self.file.exists() and told != self.code


def leaves_of(part: Part, folder: Path) -> list[Kept]:
    """Return where the answers of each leaf of a part are kept: by what is asked of it."""
    asked = cells(part)
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(asked):
        places.setdefault(cell.trial.leaf, []).append(place)
    out = []
    for leaf, own in places.items():
        told = repr([asked[place] for place in own]).encode()
        file = folder / f"{part.name}-{leaf}-{hashlib.sha256(told).hexdigest()[:8]}.npy"
        modules = {type(asked[place].trial.world).__module__ for place in own}
        code = version(leaf, tuple(sorted(modules)))
        out.append(Kept(part, leaf, tuple(own), file, code))
    return out


def base_of(part: Part) -> int:
    """Return the seed before a part's worlds; parts differ, so that no two share their luck."""
    return zlib.crc32(part.name.encode()) * 100_000


def check_again(one: Kept) -> None:
    """Keep what earlier code answered if the code as it is gives the same; else forget it."""
    if not one.earlier:
        return
    asked, before = cells(one.part), one.load()
    chosen = [asked[place] for place in one.places]
    places = np.unique(np.linspace(0, max(len(before) - 1, 0), AGAIN).astype(int))
    now = [one_world(chosen, base_of(one.part) + int(at), {}) for at in places]
    same = len(before) > 0 and np.allclose(
        np.stack(now), before[places], rtol=1e-7, atol=1e-9, equal_nan=True
    )
    one.put(before if same else before[:0])
    if not same:
        one.barred.unlink(missing_ok=True)
    print(f"{one.part.name}: {one.leaf} has changed: {'same' if same else 'other'} numbers")


def measure(part: Part, worlds: int, folder: Path, *, kept: Sequence[Kept] = ()) -> None:
    """Draw what is not there yet of some leaves, or of all, a hundred worlds at a time, and say how
    long it takes.
    """
    kept = kept or leaves_of(part, folder)
    asked, clock = cells(part), dict[str, float]()
    base = base_of(part)
    for one in kept:
        check_again(one)
    began, fresh = time.process_time(), 0
    have = {one.leaf: len(one.load()) for one in kept}
    while min(have.values()) < worlds:
        first = min(have.values())
        behind = [one for one in kept if have[one.leaf] == first]
        upto = min([first + CHUNK, worlds, *(n for n in have.values() if n > first)])
        own = [place for one in behind for place in one.places]
        chosen = [asked[place] for place in own]
        rows = np.stack([one_world(chosen, base + at, clock) for at in range(first, upto)])
        for one in behind:
            at = [own.index(place) for place in one.places]
            one.add(rows[:, at])
            have[one.leaf] = upto
        fresh += upto - first
        each = (time.process_time() - began) / fresh
        left = each * (worlds - min(have.values())) / 60
        print(
            f"{part.name}: {upto:,} of {worlds:,} worlds; {left:.1f} CPU minutes left", flush=True
        )
    if fresh:
        told = ", ".join(f"{leaf} {1000 * cost / fresh:.0f}" for leaf, cost in clock.items())
        print(f"{part.name}: CPU ms a world: {told}", flush=True)


def bar(one: Kept, folder: Path) -> None:
    """Keep in which worlds guard rails refuse what a leaf's cells that miss a criterion ask; none
    bind leaves that answer without.
    """
    if LEAVES[one.leaf].guard == "exempt" or one.barred.exists():
        return
    asked, base = cells(one.part), base_of(one.part)
    found = verdicts(one, folder, one.load())
    missing = [at for at, place in enumerate(one.places) if found[place].missed]
    chosen = [asked[one.places[at]] for at in missing]
    rows = np.zeros((len(one.load()), len(one.places)), dtype=bool)
    for at in range(len(rows)):
        for trial, own in by_trial(chosen).items():
            told = refused(trial.draw(base + at), [chosen[row] for row in own], {})
            rows[at, [missing[row] for row in own]] = told
        if at % 1000 == 999:
            print(f"{one.part.name}: guard rails of {one.leaf}: {at + 1:,} worlds", flush=True)
    np.save(one.barred, rows)


@contextmanager
def claimed(part: Part, folder: Path) -> Iterator[bool]:
    """Yield whether this process may measure the part; no other does so meanwhile."""
    with (folder / f"{part.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def missed(part: Part, worlds: int, folder: Path) -> list[Kept]:
    """Return the leaves of a part with a cell that misses a criterion in its first worlds."""
    return [
        one
        for one in leaves_of(part, folder)
        if len(one.load()) >= worlds
        and any(own.missed for own in verdicts(one, folder, one.load()[:worlds]).values())
    ]


def verdicts(one: Kept, folder: Path, answers: np.ndarray) -> dict[int, page.Verdict]:
    """Return the verdicts of a leaf by the places of its cells."""
    asked = cells(one.part)
    return {
        place: page.verdict(
            asked[place], answers[:, at], truth(asked[place], folder / "truths.json")
        )
        for at, place in enumerate(one.places)
    }


def judged(part: Part, folder: Path) -> list[page.Verdict]:
    """Return the verdict of every cell of a part that was drawn, by earlier code or not."""
    out = {}
    for one in leaves_of(part, folder):
        if len(one.load()) >= CHUNK:
            for place, verdict in verdicts(one, folder, one.answers()).items():
                out[place] = replace(verdict, earlier=one.earlier)
    return [out[place] for place in sorted(out)]


def complete(part: Part, worlds: int, folder: Path) -> bool:
    """Return whether every leaf of a part has been drawn often enough."""
    return all(
        len(one.load()) >= worlds and not one.earlier for one in leaves_of(part, folder)
    ) and all(len(one.load()) >= MORE * worlds for one in missed(part, worlds, folder))


def dry_run(chosen: Sequence[Part], worlds: int) -> None:
    """Say what each part costs, from five worlds, and in all; and what could not be answered."""
    total = 0.0
    for part in chosen:
        clock, began = dict[str, float](), time.process_time()
        rows = np.stack([one_world(cells(part), at, clock) for at in range(5)])
        cost = (time.process_time() - began) / 5
        total += cost
        told = ", ".join(f"{leaf} {1000 * own / 5:.0f}" for leaf, own in clock.items())
        print(f"{part.name}: {1000 * cost:.0f} ms a world, {cost * worlds / 60:.1f} min: {told}")
        for cell, lost in zip(cells(part), np.isnan(rows).any(axis=(0, 2)), strict=True):
            if lost:
                print(f"  no answer: {cell.trial.leaf}, {cell.trial.variant}, {cell.term}")
    print(f"{total * worlds / 60:.0f} CPU minutes for {worlds:,} worlds")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=FULL, help="worlds a part")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in parts()], metavar="P")
    parser.add_argument("--page", action="store_true", help="write the tables from what is there")
    parser.add_argument("--dry-run", action="store_true", help="say what each part costs")
    return parser.parse_args()


def main() -> None:
    """Measure, then write the tables where all is there."""
    asked = arguments()
    chosen = [part for part in parts() if asked.only is None or part.name in asked.only]
    survival.curve_table = lambda *_: None  # a picture, not judged
    if asked.dry_run:
        dry_run(chosen, asked.worlds)
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in chosen:
        leaves_of(part, FOLDER)  # keys of the code as it was loaded: it may be edited meanwhile
    for stage in () if asked.page else (*STAGES, asked.worlds):
        for part in chosen:
            with claimed(part, FOLDER) as mine:
                if mine:
                    measure(part, min(stage, asked.worlds), FOLDER)
    for part in () if asked.page else chosen:
        with claimed(part, FOLDER) as mine:
            again = missed(part, asked.worlds, FOLDER) if mine else []
            if again:
                measure(part, MORE * asked.worlds, FOLDER, kept=again)
            for one in again:
                if any(v.missed for v in verdicts(one, FOLDER, one.load()).values()):
                    bar(one, FOLDER)
    if asked.page or all(complete(part, asked.worlds, FOLDER) for part in parts()):
        found = {part: judged(part, FOLDER) for part in parts()}
        first = sum(
            own.missed
            for part in parts()
            for one in missed(part, asked.worlds, FOLDER)
            for own in verdicts(one, FOLDER, one.load()[: asked.worlds]).values()
        )
        found = {part: own for part, own in found.items() if own}
        whole = page.whole(found, asked.worlds, first=first, more=MORE)
        for place, text in zip(TABLES, (whole, page.summary(whole)), strict=True):
            place.write_text(text, encoding="utf-8")
            print(f"Wrote {place.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
