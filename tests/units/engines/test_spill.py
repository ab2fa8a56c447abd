"""What is spilled is gone with its process, or is swept away by the next on the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from fingerpost.engines._limits import little
from fingerpost.engines._session import SPILL, connect
from fingerpost.engines._spill import machine, new_folder, sweep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")

# A session that has spilled a made-up name, and then waits or asks without end.
SPILLS = """
import signal, sys
from fingerpost.cli.main import end_tidily
from fingerpost.engines._session import connect
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # else under nohup, which ignores it, it stays so
end_tidily()
session = connect()
session.execute("SET memory_limit = '40MB'; SET threads = 1")
session.execute("CREATE TABLE l AS SELECT 'ARCHER' || hash(n) AS name FROM range(2000000) t(n)")
print("on", flush=True)
if sys.argv[1] == "wait":
    sys.stdin.read()
session.execute("SELECT count(*) FROM range(1000000) a(n), range(999999) b(m) WHERE hash(n, m) = 1")
"""


@contextmanager
def spilling(folder: Path, what: str = "wait"):
    """Yield another process that has spilled into a folder; it is ended at the end."""
    call = [sys.executable, "-c", SPILLS, what]
    environment = {**os.environ, SPILL: str(folder)}
    with subprocess.Popen(
        call, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "on\n"
            assert [path for path in folder.rglob("*") if path.is_file()], "nothing was spilled"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("wish", "what"), [("SIGTERM", "wait"), ("SIGTERM", "ask"), ("SIGHUP", "ask")]
)
def test_a_process_that_is_asked_to_end_takes_its_own_away(wish, what, tmp_path):
    with spilling(tmp_path, what) as process:
        process.send_signal(getattr(signal, wish))
        process.wait(60)
    assert process.returncode not in (0, -getattr(signal, wish))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_when_the_next_session_begins(tmp_path, monkeypatch):
    monkeypatch.setenv(SPILL, str(tmp_path))
    with spilling(tmp_path) as process:
        (alive,) = tmp_path.iterdir()
        session = connect()
        assert alive.is_dir(), "who runs keeps what it spilled"
        process.kill()
        process.wait(60)
        assert alive.is_dir()
        connect()
        assert not alive.exists()
    session.execute("SELECT 1")


def test_nothing_else_is_swept_away(tmp_path):
    gone = subprocess.run([sys.executable, "-c", ""], check=True)
    assert gone.returncode == 0
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(60)
        ended = process.pid
    kept = [
        f"fingerpost-elsewhere-{ended}-abcdefgh",
        f"fingerpost-{machine()}-{os.getpid()}-abcdefgh",
        f"fingerpost-{machine()}-1-abcdefgh",
        f"fingerpost-{machine()}-{ended}-mine.old",
        f"my-fingerpost-{machine()}-{ended}-abcdefgh",
        "fingerpost-abcdefgh",
    ]
    for name in [*kept, f"fingerpost-{machine()}-{ended}-abcdefgh"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "spilled").write_text("x", encoding="utf-8")
    link = tmp_path / f"fingerpost-{machine()}-{ended}-linked00"
    link.symlink_to(tmp_path / kept[0])
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, link.name])
    assert (tmp_path / kept[0] / "spilled").exists()
    sweep(tmp_path / "nowhere")


def test_folders_beside_the_output_are_swept_too(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from fingerpost.engines._limits import little\n"
        "with little(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with little(tmp_path / "out") as own:
        assert list(tmp_path.iterdir()) == [own] and own != left
    assert list(tmp_path.iterdir()) == []


def test_a_name_holds_what_every_system_lets_it(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Anna's *laptop*-1/é")
    made = new_folder(tmp_path)
    assert made.parent == tmp_path and made.name.startswith("fingerpost-Anna_s__laptop__1__")
    shutil.rmtree(made)
