"""What the project's own wheel in a bundle is built from: a revision, or files as they are."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of the project's files, those that go into its wheel.
BUILT = ("src", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Source:
    """What the project's own wheel is built from: a folder, and what the note says of it."""

    folder: Path
    words: str


@contextmanager
def source(*, work_tree: bool = False) -> Iterator[Source]:
    """Yield the revision that is checked out, in a folder of its own; the files as they are where
    that is asked for, or where the project lies in no repository of its own.
    """
    revision = "" if work_tree else head()
    if not revision:
        yield Source(ROOT, "the files of a working folder, which may be of no one revision")
        return
    if git("status", "--porcelain", "--", *BUILT):
        print(f"Changed since revision {revision[:12]}, and so not in the bundle: --work-tree")
    with tempfile.TemporaryDirectory(prefix="fp-source-") as aside:
        packed = Path(aside) / "source.zip"
        git("archive", "--format=zip", f"--output={packed}", revision)
        folder = Path(aside) / "source"
        with zipfile.ZipFile(packed) as held:
            held.extractall(folder)
        yield Source(folder, f"revision {revision} of its repository, and nothing else")


def head() -> str:
    """Return the revision that is checked out, or nothing where the project is no repository."""
    top = git("rev-parse", "--show-toplevel")
    return git("rev-parse", "HEAD") if top and Path(top).resolve() == ROOT.resolve() else ""


def git(*words: str) -> str:
    """Return what git says of the project; nothing where it says nothing, or is not there."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
