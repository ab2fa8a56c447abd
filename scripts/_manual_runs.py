"""Run the worked examples of the manual, and keep what the command prints.

The pictures of their reports are left blank: drawing takes three quarters of the time, nothing of
it is quoted, and tests of their own draw them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from fingerpost import plots
from fingerpost.cli.main import app
from fingerpost.plots._theme import picture
from fingerpost.plots.picture import Picture

ROOT = Path(__file__).resolve().parents[1]
METHODS = Path("examples") / "methods"
# Strategies sustained over time are asked of linked records: a small synthetic England.
LINKED = {"time_varying": Path("examples") / "hope" / "sustained.yaml"}
ENGLAND, CHILDREN = "england", 12_000
BUILT = f"fingerpost england build --children {CHILDREN} --out {ENGLAND}"


@dataclass(frozen=True, slots=True)
class Ran:
    """One example's run. printed: the answer and how sure it is, without paths. results: what
    results.json holds.
    """

    command: str
    code: int
    printed: str
    results: dict[str, Any]


def example(name: str) -> Path:
    """Return a leaf's worked example."""
    return ROOT / LINKED.get(name, METHODS / f"{name}.yaml")


def run_examples(names: Iterable[str]) -> dict[str, Ran]:
    """Run the examples of leaves as a user would who stands in a checkout, in a folder aside."""
    with TemporaryDirectory() as folder, chdir(folder), blank_pictures():
        shutil.copytree(ROOT / METHODS.parent, METHODS.parent)
        return {name: _run(name) for name in names}


@contextmanager
def blank_pictures() -> Iterator[None]:
    """Have the modules of `plots` make blank pictures."""
    names = [each.name for each in iter_modules(plots.__path__) if not each.name.startswith("_")]
    drawing = [import_module(f"fingerpost.plots.{name}") for name in names]
    with ExitStack() as stack:
        for module in drawing:
            if getattr(module, "picture", None) is picture:
                stack.enter_context(patch.object(module, "picture", _blank))
        yield


def _blank(name: str, _draw: object, *, title: str, description: str, source: str) -> Picture:
    return Picture(name, title, description, source, "<svg></svg>", "<svg></svg>")


def _run(name: str) -> Ran:
    file = example(name).relative_to(ROOT).as_posix()
    asked = [file]
    if name in LINKED:
        asked += ["--records", ENGLAND]
        build = [*BUILT.split()[1:], "--phenotype-boost", "none", "--jobs", "1", "--quiet"]
        CliRunner().invoke(app, build)
    words = ["study", "run", *asked, "--out", "found", "--quiet"]
    done = CliRunner(env={"COLUMNS": "84"}).invoke(app, words)
    if done.exit_code not in (0, 4):
        raise RuntimeError(f"{file}: exit code {done.exit_code}\n{done.output}")
    results = json.loads((Path("found") / "results.json").read_text(encoding="utf-8"))
    printed = done.output.split("\nWrote ")[0].rstrip()
    return Ran(f"fingerpost study run {' '.join(asked)}", done.exit_code, printed, results)
