"""What may import what, and what starting up may cost."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "fingerpost"
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
HELP_CPU_SECONDS = 0.35
HEAVY = ("numpy", "pydantic", "scipy", "polars", "duckdb", "altair", "pandas")
ROOMS_OF_LEAVES = ("estimators", "sensitivity", "engines", "phenotypes", "outcomes", "designs")


def python(code: str) -> str:
    """Run code in a new interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def heavy_after(code: str) -> list[str]:
    """Return which heavy packages a new interpreter holds after running code."""
    shown = python(f"{code}\nimport sys\nprint('\\n#', *[n for n in {HEAVY} if n in sys.modules])")
    return shown.rsplit("#", 1)[1].split()


def test_the_measure_sees_a_heavy_import():
    assert "numpy" in heavy_after("import fingerpost.core.cohort")


def test_importing_the_package_imports_nothing_heavy():
    assert heavy_after("import fingerpost") == []


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from fingerpost.cli.main import main\n"
        "sys.argv = ['fingerpost', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert heavy_after(code) == []


def child_cpu(arguments: list[str]) -> float:
    """Return CPU seconds (user and system) that a command used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick():
    best = min(child_cpu([str(COMMAND), "--help"]) for _ in range(3))
    assert best <= HELP_CPU_SECONDS, f"`fingerpost --help` took {best:.2f} s of CPU"


def test_import_rules_hold():
    done = subprocess.run(
        [str(COMMAND.with_name("lint-imports")), "--no-logo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def imported(path: Path) -> set[str]:
    """Return the full names of modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def leaves(room: str) -> list[str]:
    """Return the names of a room's leaves: its files whose names do not begin with `_`."""
    return sorted(
        path.stem for path in (PACKAGE / room).glob("*.py") if not path.name.startswith("_")
    )


@pytest.mark.parametrize("room", ROOMS_OF_LEAVES)
def test_no_leaf_imports_a_sibling(room):
    names = leaves(room)
    assert names, f"the room {room} has no leaves"
    others = {f"fingerpost.{room}.{name}" for name in names}
    found = {
        name: sorted(imported(PACKAGE / room / f"{name}.py") & others)
        for name in names
        if imported(PACKAGE / room / f"{name}.py") & others
    }
    assert found == {}
