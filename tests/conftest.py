"""What every test may ask for: the real tables beside the project, or a loud word if not."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_FOUND = "REAL DATA NOT FOUND"
SECRET = random.Random()
EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>'


def shared_folder() -> Path:
    """Return the folder of real tables; FINGERPOST_SHARED names another."""
    named = os.environ.get("FINGERPOST_SHARED")
    if not named:
        return ROOT.parent / "shared" / "data"
    folder = Path(named)
    return folder / "data" if (folder / "data").is_dir() else folder


@pytest.fixture(scope="session", autouse=True)
def same_picture_drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the drawing of each chart: many tests draw the same reports, and a chart's JavaScript is
    half of their time. That two processes draw alike is a test of its own, in `acceptance`.
    """
    import vl_convert

    real = vl_convert.vegalite_to_svg
    base = tmp_path_factory.getbasetemp()
    # Workers have folders of their own, side by side: what one drew serves the others.
    drawings = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "drawings"
    drawings.mkdir(exist_ok=True)

    def drawing(spec: dict[str, object], vl_version: str | None = None) -> str:
        name = hashlib.sha256(f"{vl_version} {json.dumps(spec)}".encode()).hexdigest()
        kept = drawings / name
        if not kept.exists():
            part = drawings / f"{name}.{os.getpid()}"
            part.write_bytes(real(spec, vl_version=vl_version).encode())
            part.replace(kept)
        return kept.read_bytes().decode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vegalite_to_svg", drawing)
        yield


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Leave pictures empty once all is ready to be drawn, in a file that looks at none of them."""
    import vl_convert

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vegalite_to_svg", lambda spec, vl_version=None: EMPTY)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread_throughout() -> Iterator[None]:
    """Ask BLAS for one thread once: thousands of small fits need not ask again."""
    from fingerpost.kernels.arrays import one_thread

    with one_thread():
        yield


def pytest_configure() -> None:
    """Have what a key is made of follow the test that runs: keys decide who has which arm, and a
    test of an interval at 95% would fail for one key in twenty.
    """
    secrets.token_bytes = lambda length=32: SECRET.randbytes(length)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin the stream of secrets anew, before the fixtures of the test are made."""
    SECRET.seed(item.nodeid)


def forget() -> None:
    """Leave all that now lives out of Python's search for garbage. Thousands of tests and what they
    share are millions of objects: to look through them took seconds, each time.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Set aside the tests themselves, and look for no garbage while they are collected."""
    # To look for garbage after every seven hundred new objects is a twentieth of all time.
    gc.set_threshold(20_000, 10, 10)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Set aside what is kept for later, once the last test of a file and its fixtures are gone."""
    done = yield
    if nextitem is None or nextitem.path != item.path:
        forget()
    return done


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
