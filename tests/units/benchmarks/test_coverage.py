"""The coverage study on a few worlds, and its criteria on answers whose verdict is known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import coverage, coverage_cells  # noqa: E402
from benchmarks import coverage_page as page  # noqa: E402
from benchmarks.coverage import judged, leaves_of, measure, one_world  # noqa: E402
from benchmarks.coverage_cells import SETTINGS, Part, cells, parts, truth  # noqa: E402
from benchmarks.coverage_page import EXCUSED, Verdict, verdict  # noqa: E402

from fingerpost.core.estimand import Target  # noqa: E402
from fingerpost.core.inference import standard_errors  # noqa: E402
from fingerpost.core.model import Models  # noqa: E402
from suites.enrolled import LEAVES, NO_TRUTH, Place, association  # noqa: E402
from suites.worlds import SQUARES, World, task, term  # noqa: E402

SMALL = Part(SETTINGS[1], "school")  # one leaf, quick
# Strategies over time have worlds, and a table, of their own: benchmarks/time_varying_coverage.py.
# Leaves that lean on a draw: benchmarks/trial_designs.py and benchmarks/trial_runs.py.
APART = {"time_varying"} | {name for name, leaf in LEAVES.items() if leaf.drawn}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_cells, "TRUTH_DRAWS", 20_000)
    monkeypatch.setattr(coverage, "CHUNK", 2)
    monkeypatch.setattr(coverage_cells, "KNOWN", {})


def test_every_leaf_target_scale_and_kind_of_outcome_with_a_truth_is_asked() -> None:
    asked = {
        (cell.trial.leaf, cell.term.target.kind, cell.term.scale, cell.trial.kind)
        for part in parts()
        for cell in cells(part)
    }
    for name, leaf in LEAVES.items():
        if name in APART:
            continue
        for target in leaf.targets:
            for scale in leaf.scales:
                for kind in leaf.outcomes:
                    none = (scale, kind) in NO_TRUTH.get(name, set())
                    none |= name == "rdd" and kind != "continuous"
                    assert ((name, target, scale, kind) in asked) is not none


def test_every_setting_asks_every_leaf_that_can_answer_in_it() -> None:
    by_setting = {
        setting.name: {
            cell.trial.leaf for part in parts() if part.setting == setting for cell in cells(part)
        }
        for setting in SETTINGS
    }
    every, two = set(LEAVES) - APART, {"g_estimation", "incremental", "iv", "rdd"}
    own = {"iv", "rdd", "survival", "within"}
    assert by_setting["60 schools"] == by_setting["20 schools"] == every
    assert by_setting["three arms"] == every - two
    assert by_setting["non-linear"] == by_setting["missing covariates"] == every - own
    users = {name for name, leaf in LEAVES.items() if leaf.censoring}
    assert by_setting["censored outcomes"] == users - own - APART


def test_a_stopped_run_goes_on_with_the_same_worlds(tmp_path: Path) -> None:
    measure(SMALL, 2, tmp_path)
    first = leaves_of(SMALL, tmp_path)[0].load()
    measure(SMALL, 4, tmp_path)
    more = leaves_of(SMALL, tmp_path)[0].load()
    assert len(more) == 4
    assert np.array_equal(first, more[:2])
    afresh = tmp_path / "afresh"
    afresh.mkdir()
    measure(SMALL, 4, afresh)
    assert np.array_equal(leaves_of(SMALL, afresh)[0].load(), more)


@pytest.mark.parametrize("moved", [0.0, 1e-3])
def test_changed_code_keeps_its_worlds_only_if_it_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: float
) -> None:
    measure(SMALL, 2, tmp_path)
    monkeypatch.setattr(coverage, "version", lambda *_: "mended")
    one = leaves_of(SMALL, tmp_path)[0]
    assert one.earlier
    assert all(own.earlier for own in judged(SMALL, tmp_path))
    np.save(one.file, one.load() + moved)
    coverage.check_again(one)
    assert not one.earlier
    assert len(one.load()) == (0 if moved else 2)


def test_the_digest_follows_what_a_leaf_imports_and_nothing_else() -> None:
    found = coverage.closure("fingerpost.estimators.matching")
    assert {"fingerpost.kernels.matching", "fingerpost.core.estimate"} <= found
    assert "fingerpost.kernels.hazards" not in found
    assert "fingerpost.estimators.ipw" not in found


def test_scales_asked_together_give_the_numbers_of_scales_asked_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = cells(Part(SETTINGS[1], "continuous"))
    together = one_world(asked, 1, {})
    monkeypatch.setattr(coverage, "ONE_SCALE", tuple(LEAVES))
    assert one_world(asked, 1, {}) == pytest.approx(together, abs=1e-10)


@pytest.mark.parametrize("name", ["three-arms-count", "rare-provision-rare", "60-schools-cutoff"])
def test_answers_lie_near_the_truth(name: str) -> None:
    asked = cells(next(part for part in parts() if part.name == name))
    found = np.stack([one_world(asked, seed, {}) for seed in range(3)])
    assert np.isfinite(found).all()
    for place, cell in enumerate(asked):
        one = verdict(cell, found[:, place], truth(cell))
        assert one.worlds == 3
        assert abs(one.bias) < 4.5 * one.error


def test_truths_are_those_of_the_suites() -> None:
    place = Place("naive")
    asked = place.term(Target("association"))
    cell = coverage_cells.Cell(coverage_cells.Trial("naive", place.world, "continuous"), asked)
    assert truth(cell) == pytest.approx(association(place.world, asked), abs=0.02)


def test_what_is_known_of_a_world_is_remembered(tmp_path: Path) -> None:
    cell, kept = cells(Part(SETTINGS[0], "count"))[0], tmp_path / "truths.json"
    first = truth(cell, kept)
    coverage_cells.KNOWN.clear()
    kept.write_text(kept.read_text().replace(": 1.", ": 2."))
    assert truth(cell, kept) != first


@pytest.mark.parametrize("name", ["ipw_ra", "g_formula"])
def test_a_world_that_bends_needs_its_squares(name: str) -> None:
    world, asked = World(n=20_000, arms=2, bent=True), term("continuous", Target("ate"))
    base = task(world.draw(1), asked)
    found = {}
    for told in (Models(), Models(exposure=SQUARES, outcome=SQUARES)):
        one = LEAVES[name].run(replace(base, analysis=replace(base.analysis, models=told))).estimate
        found[told] = (one.value[0] - world.truth(asked)) / standard_errors(one)[0]
    straight, bent = found.values()
    assert abs(straight) > 4.5 > abs(bent)


def test_mean_and_flag_are_right_where_nobody_knew_better() -> None:
    world, asked = World(n=20_000, arms=2, missing=True), term("continuous", Target("ate"))
    cohort = world.draw(2)
    for given, holds in ((world.given, True), (("index missing", "boy"), False)):
        found = LEAVES["aipw"].run(task(cohort, asked, given=given)).estimate
        away = abs(found.value[0] - world.truth(asked)) / standard_errors(found)[0]
        assert bool(away < 4.5) is holds


# ---------------------------------------------------------------- criteria and pages


def answers(worlds: int = 4_000, *, bias: float = 0.0, error: float = 1.0) -> np.ndarray:
    """Normal answers around a truth of zero, with their standard error as told."""
    value = np.random.default_rng(5).standard_normal(worlds) + bias
    half = 1.959964 * error
    return np.column_stack([value, np.full(worlds, error), value - half, value + half])


def told(found: np.ndarray, leaf: str = "ipw") -> Verdict:
    own = [cell for part in parts() for cell in cells(part) if cell.trial.leaf == leaf]
    return verdict(own[0], found, 0.0)


def test_honest_answers_meet_every_criterion() -> None:
    one = told(answers())
    assert one.faults == ()
    assert one.covered == pytest.approx(0.95, abs=4 * one.covered_mcse)


def test_each_criterion_is_missed_where_it_should_be() -> None:
    assert told(answers(error=0.85)).faults == ("coverage", "SE")
    assert told(answers(error=1.2)).faults == ("coverage", "SE")
    assert "bias" in told(answers(bias=0.15)).faults
    assert "bias" not in told(answers(bias=0.05)).faults


def test_fewer_worlds_are_given_the_wider_band() -> None:
    one = replace(told(answers()), covered=0.925)
    assert replace(one, drawn=1_000).faults == ()
    assert replace(one, drawn=2_000).faults == ("coverage",)


def test_an_interval_that_corrects_its_value_is_judged_on_its_middle() -> None:
    found = answers()
    found[:, 0] += 1.0  # the value, and not its interval
    assert told(found, "rdd").faults == ()
    assert "bias" in told(found, "ipw").faults


def test_worlds_without_an_answer_are_counted_out() -> None:
    found = answers(1_000)
    found[:10] = np.nan
    assert told(found).worlds == 990


def test_the_pages_name_what_is_missed_and_agree(tmp_path: Path) -> None:
    part = next(part for part in parts() if part.what == "rare")
    coarse = Part(SETTINGS[0], "count")
    cell = next(cell for cell in cells(coarse) if cell.trial.leaf in EXCUSED)
    bad = replace(told(answers(error=0.85)), cell=cells(part)[0])
    whole = page.whole({part: [bad, replace(bad, cell=cell)]}, 2_000, first=3, more=4)
    assert "3 missed in their first 2,000 worlds" in whole and "drawn 8,000 times" in whole
    assert "**0 of 1 judged cells meet every criterion.**" in whole
    assert "- rare provision, rare worlds: matching (continuous, without replacement), att" in whole
    assert whole.count("| not judged |") == 2
    assert "G = 60 schools, 2 arms" in whole
    short = page.summary(whole)
    assert "| [matching](estimators/matching.md) | rare provision | 1 |" in short
    assert "| leaf | setting | cells |" in short
    assert "## rare provision" not in short


def test_the_manuals_page_belongs_to_the_full_table() -> None:
    whole, short = (place.read_text(encoding="utf-8") for place in coverage.TABLES)
    assert short == page.summary(whole)
