"""The benchmark of roll-outs: its tasks run, and a broken promise shows."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import rollouts  # noqa: E402
from benchmarks.rollouts import Page, Timed, measured  # noqa: E402


def test_a_power_scenario_is_quick(monkeypatch) -> None:
    monkeypatch.setattr(rollouts, "RUNS", 3)
    found = rollouts.power()
    assert len(found) == 2
    # CPU, and twice what is promised: other tests run beside this one.
    assert all(one.cpu <= 2 * one.promised for one in found), found


def test_a_broken_promise_ends_in_1_and_stands_in_the_page(tmp_path, capsys) -> None:
    slow, peer = Timed("slow", 2.0, 1.5, 1.0), Timed("a peer's", 9.0, 9.0, None)
    tasks = {"slow": lambda: [slow, peer], "quick": lambda: [Timed("quick", 0.01, 0.01, 1.0)]}
    page = Page(tmp_path / "page.md", "Speed", "python it.py")
    assert measured(["slow", "--write"], tasks, page) == 1
    assert "NOT MET" in capsys.readouterr().out
    written = page.path.read_text(encoding="utf-8")
    assert "| slow | 2.00 s | 1.50 s | promised 1.00 s: NOT MET |" in written
    assert "| a peer's | 9.00 s | 9.00 s | a peer |" in written
    assert measured(["quick"], tasks, page) == 0
    assert measured(["slower"], tasks, page) == 2
