"""What every test may ask for: the real tables beside the project, or a loud word if not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_FOUND = "REAL DATA NOT FOUND"


def shared_folder() -> Path:
    """Return the folder of real tables; FINGERPOST_SHARED names another."""
    named = os.environ.get("FINGERPOST_SHARED")
    if not named:
        return ROOT.parent / "shared" / "data"
    folder = Path(named)
    return folder / "data" if (folder / "data").is_dir() else folder


@pytest.fixture(scope="session", autouse=True)
def same_picture_drawn_once() -> Iterator[None]:
    """Keep the drawing of each chart: many tests draw the same reports, and a chart's JavaScript is
    half of their time. That two processes draw alike is a test of its own, in `acceptance`.
    """
    import vl_convert

    real = vl_convert.vegalite_to_svg

    @cache
    def of(text: str, version: str | None) -> str:
        return real(json.loads(text), vl_version=version)

    def drawing(spec: dict[str, object], vl_version: str | None = None) -> str:
        return of(json.dumps(spec), vl_version)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vegalite_to_svg", drawing)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread_throughout() -> Iterator[None]:
    """Ask BLAS for one thread once: thousands of small fits need not ask again."""
    from fingerpost.kernels.arrays import one_thread

    with one_thread():
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real tables, or skip the test loudly."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f"{NOT_FOUND}: {folder}")
    return folder


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """Return a function from a path within the real tables to the file, or skip the test loudly."""

    def find(name: str) -> Path:
        path = shared_folder() / name
        if not path.is_file():
            pytest.skip(f"{NOT_FOUND}: {path}")
        return path

    return find


def missing_data(skipped: list[object]) -> Iterator[str]:
    """Yield the reason of each test that was skipped for want of real data."""
    for report in skipped:
        longrepr = getattr(report, "longrepr", None)
        reason = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
        if NOT_FOUND in reason:
            yield reason


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not run because the real tables were not there."""
    reasons = list(missing_data(terminalreporter.stats.get("skipped", [])))
    if reasons:
        terminalreporter.section(NOT_FOUND, red=True, bold=True)
        terminalreporter.write_line(
            f"Tests skipped: {len(reasons)}, because real data is not beside the project "
            f"({shared_folder()}); set FINGERPOST_SHARED to name its folder."
        )
