"""A study needs no network: one is run where none can be reached."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tiny_study import faults, write_tiny_study

COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
RUN = ["study", "run", "tiny.yaml", "--json", "out.json", "--out", "report"]

# Loaded by every interpreter that is started with its folder on PYTHONPATH.
BLOCK = """\
import socket

class Blocked(socket.socket):
    def __init__(self, family=-1, *arguments, **named):
        if family in (-1, socket.AF_INET, socket.AF_INET6):
            raise RuntimeError("a socket was opened")
        super().__init__(family, *arguments, **named)

def blocked(*arguments, **named):
    raise RuntimeError("a name was looked up")

socket.socket = Blocked
socket.create_connection = blocked
socket.getaddrinfo = blocked
"""


def without_sockets(folder: Path) -> dict[str, str]:
    """Return an environment in which Python cannot open a socket to the network."""
    (folder / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def answered(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run the tiny study with a command and check its answers."""
    tiny = write_tiny_study(folder)
    done = subprocess.run(
        [*command, *RUN], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert faults(results, tiny) == []


def test_the_block_blocks(tmp_path):
    code = "import socket\nsocket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=without_sockets(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "RuntimeError: a name was looked up" in done.stderr


def lonely() -> list[str]:
    """Return the words that start a command in a network of its own, or none where not allowed."""
    unshare = shutil.which("unshare")
    if not unshare:
        return []
    words = [unshare, "--map-root-user", "--net"]
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if tried.returncode == 0 else []


def test_a_study_runs_where_there_is_no_network(tmp_path):
    """Python is let open no socket, and says so where one is asked for. Compiled libraries do not
    ask Python for theirs, so the kernel must say no to them.
    """
    blocker = tmp_path / "blocker"
    blocker.mkdir()
    words = lonely()
    answered([*words, str(COMMAND)], tmp_path, without_sockets(blocker))
    if not words:
        pytest.skip("this system makes no network namespace for a test: only Python was blocked")
