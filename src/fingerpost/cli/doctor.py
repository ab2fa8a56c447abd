"""`fingerpost doctor`: what works on this machine."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import typer

import fingerpost
from fingerpost.cli._examples import FOLDER, real_data
from fingerpost.cli._screen import command, listed_lines, shown, table
from fingerpost.core.errors import FingerpostError, installing

OK, ABSENT, BROKEN = "ok", "not here", "BROKEN"
OLDEST = (3, 11)
EXTRAS = (
    ("examples", "causaldata", "real tables for `fingerpost demo`"),
    ("linkage", "splink", "`fingerpost link run --method splink`"),
    ("spark", "pyspark", "--engine spark, on a cluster or here; needs Java besides"),
    ("docs", "mkdocs", "building the manual"),
    ("test", "pytest", "running the tests"),
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what it is, its verdict, what was found."""

    what: str
    verdict: str
    found: str


def doctor() -> None:
    """Check Python, packages, engines, pictures, places to write, real data and processors.

    Exit code 1 only where something that every study needs is broken.

    \b
    Examples:
      fingerpost doctor
    """
    checks = list(all_checks())
    print(table(["what", "verdict", "found"], [[c.what, c.verdict, c.found] for c in checks]))
    broken = [check.what for check in checks if check.verdict == BROKEN]
    if broken:
        print(listed_lines("\nBroken", [", ".join(broken)]))
        raise typer.Exit(1)
    print(listed_lines("\nNext", [command("demo")]))


def all_checks() -> Iterator[Check]:
    """Yield every check in turn."""
    yield Check("fingerpost", OK, f"{fingerpost.__version__}, {shown(FOLDER.parent)}")
    recent = sys.version_info >= OLDEST
    words = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    yield Check("Python", OK if recent else BROKEN, words)
    yield from packages()
    yield from engines()
    yield pictures()
    yield writing(Path("build"), "a place for reports")
    yield writing(Path(tempfile.gettempdir()), "a place for temporary files")
    yield from extras()
    yield shared()
    yield processors()
    yield memory()


def packages() -> Iterator[Check]:
    """Yield a check for each package that the core needs."""
    from importlib.metadata import PackageNotFoundError, requires, version

    for line in requires("fingerpost") or ():
        if "extra ==" in line:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        try:
            yield Check(name, OK, version(name))
        except PackageNotFoundError:
            yield Check(name, BROKEN, f"not installed: pip install '{line}'")


def engines() -> Iterator[Check]:
    """Yield a check for each engine: it reads a small table."""
    from fingerpost.core.leaves import Engine, load, names

    for name in names("engines"):
        leaf = load("engines", name, kind=Engine)
        if leaf.check is not None:
            yield wanted(name, leaf.check)
            continue
        try:
            found = reads(name)
        except (FingerpostError, ImportError, OSError) as fault:
            yield Check(f"engine {name}", BROKEN, f"{type(fault).__name__}: {fault}")
        else:
            yield Check(f"engine {name}", OK if found else BROKEN, "reads a table")


def wanted(name: str, check: Callable[[], None]) -> Check:
    """Return whether what an engine needs is here; it is not started, and no study need have it."""
    try:
        check()
    except FingerpostError as fault:
        return Check(f"engine {name}", ABSENT, str(fault))
    return Check(f"engine {name}", OK, "all it needs is here; not started")


def reads(engine: str) -> bool:
    """Return whether an engine reads a small table rightly."""
    from fingerpost.cohorts.table import read_records

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text("child,arm\n1,0\n2,1\n", encoding="utf-8")
        return read_records(path, engine=engine).columns == ("child", "arm")


def pictures() -> Check:
    """Return whether a picture can be drawn on this machine, without a network."""
    try:
        import altair
        import vl_convert

        chart = altair.Chart(altair.InlineData(values=[{"x": 1}])).mark_point().encode(x="x:Q")
        drawn = vl_convert.vegalite_to_svg(chart.to_json())
    except (ImportError, ValueError, OSError) as fault:
        return Check("pictures", BROKEN, f"{type(fault).__name__}: {fault}")
    return Check("pictures", OK if "<svg" in drawn else BROKEN, "drawn as SVG, no network needed")


def writing(folder: Path, words: str) -> Check:
    """Return whether files can be written to a folder, or to the nearest one above it."""
    place = folder.absolute()
    while not place.exists() and place.parent != place:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            return Check(words, OK, str(folder))
    except OSError as fault:
        return Check(words, BROKEN, f"{place}: {fault.strerror}")


def extras() -> Iterator[Check]:
    """Yield whether each extra is installed."""
    for extra, package, use in EXTRAS:
        if find_spec(package) is None:
            yield Check(f"extra {extra}", ABSENT, f"{use}: {installing(extra)}")
        else:
            yield Check(f"extra {extra}", OK, use)


def shared() -> Check:
    """Return whether the real tables of the ECLS-K example are found."""
    folder, tried = real_data()
    if folder is None:
        return Check("real data", ABSENT, f"no {' or '.join(map(str, tried))} (FINGERPOST_SHARED)")
    return Check("real data", OK, str(folder))


def processors() -> Check:
    """Return how many processors there are, and what narrows them."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = [f"{name}={os.environ[name]}" for name in THREADS if name in os.environ]
    return Check("processors", OK, ", ".join([str(usable), *threads(), *said]))


def threads() -> list[str]:
    """Return which linear algebra is used, with how many threads."""
    import numpy  # noqa: F401  (its library is only seen once it is loaded)
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    return [
        f"{pool['internal_api']} {pool.get('version') or ''} with {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ][:1]


def memory() -> Check:
    """Return how much memory the machine has."""
    try:
        held = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return Check("memory", OK, "not told by this system")
    return Check("memory", OK, f"{held / 2**30:.1f} GiB")
