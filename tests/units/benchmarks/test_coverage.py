"""The coverage study on a few worlds, and its criteria on answers whose verdict is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import coverage  # noqa: E402
from benchmarks.coverage import Part, Verdict, cells, judge, measure, parts, verdict  # noqa: E402


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "TRUTH_DRAWS", 20_000)
    monkeypatch.setattr(coverage, "CHUNK", 2)


def test_every_leaf_and_declared_target_is_asked() -> None:
    for part in parts():
        asked = {(cell.leaf, cell.term.target.kind) for cell in cells(part)}
        for name, leaf in coverage.menu().items():
            for target in leaf.targets:
                skipped = target == "received" and part.world.arms == 2
                unknown = target == "conditional" and part.kind == "binary"
                assert ((name, target) in asked) is not (skipped or unknown)


def test_a_stopped_run_goes_on_with_the_same_worlds(tmp_path: Path) -> None:
    part = Part("20 schools", "continuous")
    first = measure(part, 2, tmp_path)
    more = measure(part, 4, tmp_path)
    assert np.array_equal(first, more[:2])
    afresh = tmp_path / "afresh"
    afresh.mkdir()
    assert np.allclose(measure(part, 4, afresh), more, equal_nan=True)


@pytest.mark.parametrize("part", [Part("three arms", "count"), Part("60 schools", "binary")])
def test_answers_lie_near_the_truth(part: Part, tmp_path: Path) -> None:
    for one in judge(part, measure(part, 4, tmp_path)):
        assert one.worlds == 4
        assert abs(one.bias) < 4 * one.error


def answers(worlds: int = 4_000, *, bias: float = 0.0, error: float = 1.0) -> np.ndarray:
    """Normal answers around a truth of zero, with their standard error as told."""
    value = np.random.default_rng(5).standard_normal(worlds) + bias
    half = 1.959964 * error
    return np.column_stack([value, np.full(worlds, error), value - half, value + half])


def told(found: np.ndarray) -> Verdict:
    return verdict(cells(Part("60 schools", "count"))[0], found, 0.0)


def test_honest_answers_meet_every_criterion() -> None:
    one = told(answers())
    assert one.faults == ()
    assert one.covered == pytest.approx(0.95, abs=4 * one.covered_mcse)


def test_each_criterion_is_missed_where_it_should_be() -> None:
    assert told(answers(error=0.85)).faults == ("coverage", "SE")
    assert told(answers(error=1.2)).faults == ("coverage", "SE")
    assert "bias" in told(answers(bias=0.15)).faults
    assert "bias" not in told(answers(bias=0.05)).faults


def test_worlds_without_an_answer_are_counted_out() -> None:
    found = answers(1_000)
    found[:10] = np.nan
    assert told(found).worlds == 990


def test_the_page_names_what_is_missed(tmp_path: Path) -> None:
    part = Part("20 schools", "count")
    page = coverage.page(4, {part: judge(part, measure(part, 4, tmp_path))})
    assert "## 20 schools, count outcome" in page
    assert "G = 20 schools, 2 arms" in page
    assert page.count("| not judged |") == sum(c.leaf in coverage.COARSE for c in cells(part))
