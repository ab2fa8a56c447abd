"""The benchmark of roll-outs: its tasks run, and a broken promise shows."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import rollouts  # noqa: E402
from benchmarks.rollouts import Timed  # noqa: E402


def test_a_power_scenario_is_quick(monkeypatch) -> None:
    monkeypatch.setattr(rollouts, "RUNS", 3)
    found = rollouts.power()
    assert len(found) == 2
    # CPU, and twice what is promised: other tests run beside this one.
    assert all(one.cpu <= 2 * one.promised for one in found), found


def test_a_broken_promise_ends_in_1(monkeypatch, capsys) -> None:
    tasks = {"slow": lambda: [Timed("slow", 2.0, 2.0, 1.0)], "quick": lambda: []}
    monkeypatch.setattr(rollouts, "TASKS", tasks)
    assert rollouts.main(["slow"]) == 1
    assert "NOT MET" in capsys.readouterr().out
    assert rollouts.main(["slower"]) == 2
