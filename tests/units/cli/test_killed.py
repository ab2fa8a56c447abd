"""A study that is killed as it estimates or writes: nothing of it is there, the next is whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from tiny_study import faults, write_tiny_study
from typer.testing import CliRunner

from fingerpost.cli._folder import publish
from fingerpost.cli.main import app

KILLED = """
import os, signal, sys
from pathlib import Path
from fingerpost.cli._folder import publish
def write(made):
    (made / "report.html").write_text("<p>half")
    os.kill(os.getpid(), signal.SIGKILL)
publish(Path(sys.argv[1]), write)
"""
ESTIMATING = """
import os, signal
from fingerpost.estimators import _answer
_answer.standardised_mean = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from fingerpost.cli.main import main
main()
"""
COMMAND = ("study", "run", "tiny.yaml", "--json", "out.json", "--quiet")
NO_SIGNAL = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")


@NO_SIGNAL
@pytest.mark.usefixtures("undrawn")
def test_killed_in_the_midst_of_estimation_the_same_command_starts_clean(tmp_path, monkeypatch):
    tiny = write_tiny_study(tmp_path)
    before = set(tmp_path.iterdir())
    call = [sys.executable, "-c", ESTIMATING, *COMMAND]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not [path for path in (tmp_path / "build").rglob("*") if path.is_file()]
    assert set(tmp_path.iterdir()) - {tmp_path / "build"} == before
    monkeypatch.chdir(tmp_path)
    again = CliRunner().invoke(app, COMMAND)
    assert again.exit_code == 0, again.output
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert faults(found, tiny) == []


@NO_SIGNAL
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
