"""`--low-memory`: one process, little memory, and what does not fit beside the output."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from tiny_study import write_tiny_study
from typer.testing import CliRunner

from fingerpost.cli import _lean
from fingerpost.cli.main import app
from fingerpost.core.errors import FingerpostError
from fingerpost.engines import _session
from fingerpost.engines._limits import LITTLE, limits, little
from fingerpost.england import build


@pytest.fixture(autouse=True)
def own_threads(monkeypatch):
    for name in _lean.THREADS:
        monkeypatch.setenv(name, "1")


def settings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, value FROM duckdb_settings() "
        "WHERE name IN ('threads', 'memory_limit', 'temp_directory')"
    ).fetchall()
    return dict(rows)


def test_a_session_takes_little_and_spills_beside_the_output(tmp_path, monkeypatch):
    monkeypatch.delenv(_session.SPILL, raising=False)
    usual = settings(_session.connect())
    with little(tmp_path / "deep" / "out") as place:
        connection = _session.connect()
        held = settings(connection)
        assert place.parent == tmp_path and place.stat().st_mode & 0o077 == 0
        assert held["threads"] == "1" and Path(held["temp_directory"]).parent == place
        assert held["memory_limit"] != usual["memory_limit"]
        # More than it may hold is sorted all the same, by way of that folder.
        connection.execute("SET memory_limit = '60MB'")
        connection.execute("CREATE TABLE x AS SELECT hash(i) AS h, i FROM range(3000000) t(i)")
        assert connection.execute("SELECT count(*) FROM (SELECT * FROM x ORDER BY h)").fetchone()
        assert any(Path(held["temp_directory"]).rglob("*"))
        connection.close()
    assert list(tmp_path.iterdir()) == [] and limits().threads is None


def test_the_user_s_own_place_is_taken_first(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv(_session.SPILL, str(tmp_path / "mine"))
    with little(tmp_path / "out"):
        assert Path(_session.spill_folder()).parent == tmp_path / "mine"


def test_a_place_that_takes_nothing_is_a_fault(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    words = "--low-memory: nothing can be written"
    with pytest.raises(FingerpostError, match=words), little(tmp_path / "file" / "out"):
        pass


def test_a_study_is_answered_alike_and_leaves_nothing_behind(tmp_path, monkeypatch):
    seen = []
    real = _session.connect

    def connect():
        seen.append(limits())
        return real()

    for module in ("fingerpost.engines._session", "fingerpost.engines.duckdb"):
        monkeypatch.setattr(f"{module}.connect", connect)
    tiny = write_tiny_study(tmp_path)
    found = {}
    for words in ((), ("--low-memory",)):
        out = tmp_path / f"out{len(words)}"
        json_file = tmp_path / f"{len(words)}.json"
        done = CliRunner().invoke(
            app,
            ["study", "run", str(tiny.study), "--out", str(out), "--json", str(json_file), *words],
        )
        assert done.exit_code == 0, done.output
        found[len(words)] = json_file.read_bytes()
    assert found[0] == found[1]
    assert {each.memory for each in seen} == {"25%", LITTLE}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_england_is_built_by_one_process(tmp_path, monkeypatch):
    asked = {}

    def built(folder, options, *, jobs, say):
        asked["jobs"] = jobs
        raise FingerpostError("enough")

    monkeypatch.setattr(build, "build", built)
    words = ["england", "build", "--children", "300", "--out", str(tmp_path / "e"), "--jobs", "4"]
    CliRunner().invoke(app, words)
    assert asked.pop("jobs") == 4
    CliRunner().invoke(app, [*words, "--low-memory"])
    assert asked == {"jobs": 1}


@pytest.mark.parametrize("words", [("study", "run"), ("england", "build"), ("records", "convert")])
def test_help_tells_of_it(words):
    assert "--low-memory" in CliRunner().invoke(app, [*words, "--help"]).output


def test_threads_that_the_user_set_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS")
    with _lean.little_of_it(tmp_path / "out", asked=True):
        assert os.environ["OMP_NUM_THREADS"] == "3" and os.environ["MKL_NUM_THREADS"] == "1"
