"""A study that is killed while it writes: nothing of it is there, and the next is whole."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from fingerpost.cli._folder import publish

KILLED = """
import os, signal, sys
from pathlib import Path
from fingerpost.cli._folder import publish
def write(made):
    (made / "report.html").write_text("<p>half")
    os.kill(os.getpid(), signal.SIGKILL)
publish(Path(sys.argv[1]), write)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_what_was_there_stays_and_the_same_command_starts_clean(tmp_path):
    out = tmp_path / "out"

    def whole(made):
        (made / "report.html").write_text("<p>whole</p>")

    def killed():
        done = subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False)
        assert done.returncode == -signal.SIGKILL

    killed()
    assert not out.exists(), "no folder that could be taken for a report"
    publish(out, whole)
    killed()
    assert (out / "report.html").read_text() == "<p>whole</p>"
    publish(out, whole)
    shown = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert "report.html" in shown and (out / "report.html").read_text() == "<p>whole</p>"
