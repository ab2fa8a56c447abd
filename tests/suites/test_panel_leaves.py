"""What holds of every estimator over panels: it is enrolled by existing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core import leaves
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.panel import Panel
from fingerpost.estimators._panel import units_of
from fingerpost.estimators._trends_before import trends_before
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, schools, task, with_means

UNITS = Path(__file__).resolve().parents[1] / "units" / "estimators"
MENU = leaves.menu("estimators", Estimator)
LEAVES = {name: leaf for name, leaf in MENU.items() if leaf.takes == "panel"}
NAMES = sorted(LEAVES)
TESTS = ("randomisation_test",)  # it gives p-values and regions, and no standard error
ONE_WAVE = ("ancova", "did")  # they answer of provision that begins at once
WORLDS = 200


def world_of(name: str, **more: object) -> PanelWorld:
    """Return a small world in which the leaf answers."""
    begins = (3, NEVER) if name in ONE_WAVE else (2, 3, 4, NEVER)
    return replace(PanelWorld(begins=begins), **more)


def run(name: str, panel: Panel, *kinds: str, bare: bool = False, **more: object) -> Answer:
    """Return a leaf's answer; it is drawn unless the leaf needs no draw."""
    terms = [ask(kind) for kind in kinds or ("exposure_average", "simple")]
    asked = task(panel, *terms, drawn=LEAVES[name].drawn, **more)
    return LEAVES[name].run(replace(asked, bare=bare))


def values(found: Answer) -> np.ndarray:
    """Return the values of an answer's terms."""
    if found.regions:
        return np.array([region.value for region in found.regions])
    assert found.estimate is not None
    return found.estimate.value


def ends(found: Answer) -> np.ndarray:
    """Return (q, 2) ends of the intervals."""
    if found.regions:
        return np.array([[one.pieces[0][0], one.pieces[-1][1]] for one in found.regions])
    limits = intervals(found.estimate)
    assert limits is not None
    return limits


def test_every_leaf_over_panels_is_here_and_has_a_test_of_its_own() -> None:
    assert set(NAMES) == {
        *("ancova", "did", "gls_exposure_time", "group_time", "imputation"),
        *("random_timing", "randomisation_test"),
    }
    assert all((UNITS / f"test_{name}.py").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_leaf_says_of_itself_is_complete(name: str) -> None:
    leaf = LEAVES[name]
    page = import_module(f"fingerpost.estimators.{name}").__doc__ or ""
    assert leaf.title and leaf.summary.endswith(".") and len(page.split()) > 60
    assert any(character.isdigit() for character in leaf.reference)
    assert leaf.assumes and leaf.scales == ("difference",) and leaf.guard == "exempt"
    assert (leaf.check is None) == (not leaf.options) or leaf.check is not None
    named = {one.diagnostic for one in leaf.assumes if one.diagnostic}
    made = {table.name for table in run(name, world_of(name).draw(1)).tables}
    assert named <= made


@pytest.mark.parametrize("name", NAMES)
def test_every_target_that_a_leaf_declares_is_answered(name: str) -> None:
    world, kinds = world_of(name), LEAVES[name].targets
    found = run(name, world.draw(2), *kinds)
    assert not found.refusals
    assert np.isfinite(values(found)).all() and (ends(found)[:, 0] < ends(found)[:, 1]).all()


# ------------------------------------------------------------------ laws


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_units_makes_no_difference(name: str) -> None:
    panel = world_of(name).draw(3)
    moved = rows(panel, np.random.default_rng(1).permutation(len(panel.units)))
    first, second = run(name, panel), run(name, moved)
    assert values(second) == pytest.approx(values(first), abs=1e-9)
    if name not in TESTS:
        assert standard_errors(second.estimate) == pytest.approx(standard_errors(first.estimate))


@pytest.mark.parametrize("name", NAMES)
def test_twice_the_data_give_the_same_answer_and_half_the_variance(name: str) -> None:
    panel = world_of(name).draw(4)
    twice = rows(panel, np.tile(np.arange(80), 2), tuple(f"u{at}" for at in range(160)))
    first, second = run(name, panel), run(name, twice)
    assert values(second) == pytest.approx(values(first), rel=2e-3)
    if name not in TESTS:
        ratio = standard_errors(second.estimate) / standard_errors(first.estimate)
        assert ratio == pytest.approx(np.sqrt(0.5), rel=0.06)


@pytest.mark.parametrize("name", NAMES)
def test_another_unit_of_the_outcome_and_another_sign_change_the_answer_alike(name: str) -> None:
    panel = world_of(name).draw(5)
    turned = with_means(panel, -means(panel))
    first, second = run(name, panel), run(name, turned)
    assert values(second) == pytest.approx(-values(first), abs=1e-9)
    assert ends(second) == pytest.approx(-ends(first)[:, ::-1], abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_period_does_to_all_makes_no_difference(name: str) -> None:
    panel = world_of(name).draw(6)
    shifted = with_means(panel, means(panel) + np.array([5.0, -2.0, 0.0, 9.0, 1.0, 4.0]))
    first, second = run(name, panel), run(name, shifted)
    assert values(second) == pytest.approx(values(first), abs=1e-9)
    assert ends(second) == pytest.approx(ends(first), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_affine_change_of_outcomes_changes_the_answer_by_its_factor(name: str) -> None:
    panel = world_of(name).draw(5)
    first, second = run(name, panel), run(name, with_means(panel, 7.0 + 2.5 * means(panel)))
    # Of children within a cell the spread stays as it was, and the working correlation with it.
    close = 0.02 if name == "gls_exposure_time" else 1e-9
    assert values(second) == pytest.approx(2.5 * values(first), rel=close)
    assert ends(second) == pytest.approx(2.5 * ends(first), rel=max(close, 1e-6), abs=5 * close)


@pytest.mark.parametrize("name", NAMES)
def test_bare_answers_are_the_same_and_bring_no_tables(name: str) -> None:
    panel = world_of(name).draw(5)
    whole, bare = run(name, panel), run(name, panel, bare=True)
    assert values(bare).tolist() == values(whole).tolist()
    assert ends(bare).tolist() == ends(whole).tolist() and not bare.tables


@pytest.mark.parametrize("name", NAMES)
def test_effects_alike_in_all_units_move_the_answer_by_themselves_alone(name: str) -> None:
    """What a rehearsal leans on where it does not replay every draw with a planted effect."""
    world = world_of(name)
    panel, at = world.draw(6), np.arange(6)
    ages = at - panel.adopted[:, None]
    given = (panel.adopted[:, None] != NEVER) & (ages >= 0)
    more = with_means(panel, means(panel) + np.where(given, 0.5 + 0.2 * ages, 0.0))
    moved = replace(world, first=0.5, growth=0.2)
    truth = np.array([moved.truth(ask(kind)) for kind in ("exposure_average", "simple")])
    assert values(run(name, more)) - values(run(name, panel)) == pytest.approx(truth, abs=1e-9)


# Where the order was drawn, level may be leaned on: ancova holds alike what units were before and
# random_timing takes off what is best, so that to raise a unit throughout changes what they find.
@pytest.mark.parametrize("name", [name for name in NAMES if not LEAVES[name].drawn])
def test_what_a_unit_always_is_makes_no_difference_where_nothing_was_drawn(name: str) -> None:
    panel = world_of(name).draw(7)
    shifted = with_means(panel, means(panel) + 3 * np.random.default_rng(2).random((80, 1)))
    first, second = run(name, panel), run(name, shifted)
    assert values(second) == pytest.approx(values(first), abs=1e-9)
    assert ends(second) == pytest.approx(ends(first), abs=1e-7)


@pytest.mark.parametrize("name", [name for name in NAMES if not LEAVES[name].drawn])
def test_without_noise_the_planted_effects_come_back_to_the_last_digit(name: str) -> None:
    world = world_of(name)
    panel = world.draw(8)
    at = np.arange(6)
    ages = at - panel.adopted[:, None]
    given = (panel.adopted[:, None] != NEVER) & (ages >= 0)
    flat = np.random.default_rng(3).random((80, 1)) + 0.7 * at
    exact = with_means(panel, flat + np.where(given, 0.3 + 0.1 * ages, 0.0))
    kinds = LEAVES[name].targets
    truth = [world.truth(ask(kind)) for kind in kinds]
    # How many units are of each wave differs by no more than one, so weights are equal.
    assert values(run(name, exact, *kinds)) == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_schools_alike_within_areas_tell_what_their_areas_tell(name: str) -> None:
    """Of areas that were drawn, each of four schools with the same outcomes: no more is known."""
    panel = world_of(name).draw(9)
    many = schools(panel, np.full(80, 4))
    first, second = run(name, panel), run(name, many, cluster="area")
    assert values(second) == pytest.approx(values(first), rel=2e-3)
    if name not in TESTS:
        ratio = standard_errors(second.estimate) / standard_errors(first.estimate)
        assert ratio == pytest.approx(1.0, rel=0.03)
        assert len(second.estimate.spread.sums) == 80
        assert second.estimate.spread.level == "area"
        careless = run(name, replace(many, clusters={}))
        wrong = standard_errors(careless.estimate) / standard_errors(first.estimate)
        assert (wrong < 0.6).all()
    else:
        assert ends(second) == pytest.approx(ends(first), abs=0.05)


@pytest.mark.parametrize("name", [name for name in NAMES if LEAVES[name].drawn])
def test_clusters_finer_than_what_was_drawn_are_refused(name: str) -> None:
    many = schools(world_of(name).draw(9), np.full(80, 4))
    many = replace(many, clusters={**many.clusters, "class": np.arange(320) // 2})
    asked = task(many, ask("simple"), cluster="area")
    asked = replace(asked, analysis=replace(asked.analysis, cluster="class"))
    with pytest.raises(UsageError, match="what was drawn is area"):
        LEAVES[name].run(asked)


@pytest.mark.parametrize("name", [name for name in NAMES if LEAVES[name].drawn])
def test_a_leaf_that_leans_on_a_draw_has_no_answer_where_nothing_was_drawn(name: str) -> None:
    with pytest.raises(Unanswerable, match="nothing was drawn"):
        LEAVES[name].run(task(world_of(name).draw(1), ask("simple"), drawn=False))


@pytest.mark.parametrize("name", NAMES)
def test_cells_that_were_not_seen_are_no_trouble(name: str) -> None:
    world = world_of(name, u=120)
    panel = world.draw(10)
    outcome, gone = panel.outcomes["y"], np.random.default_rng(4).random((120, 6)) < 0.03
    empty = [np.where(gone, 0.0, each) for each in (outcome.count, outcome.total, outcome.squares)]
    found = run(name, replace(panel, outcomes={"y": type(outcome)(*empty)}), "simple")
    (lo, hi), truth = ends(found)[0], world.truth(ask("simple"))
    assert lo < truth < hi
    assert values(found)[0] == pytest.approx(values(run(name, panel, "simple"))[0], abs=0.15)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(ONE_WAVE)))
def test_an_exposure_without_units_still_waiting_is_refused_by_name(name: str) -> None:
    panel = PanelWorld(begins=(2, 3, 4)).draw(11)
    terms = [ask("at_exposure", at) for at in (0.0, 1.0, 2.0, 3.0)]
    found = LEAVES[name].run(task(panel, *terms, drawn=LEAVES[name].drawn))
    assert [refusal.terms[0].exposure_time for refusal in found.refusals] == [2.0, 3.0]
    assert all(refusal.leaf == name for refusal in found.refusals)
    assert "keep a late group" in found.refusals[0].rules[0].words
    assert len(values(found)) == 2


@pytest.mark.parametrize("name", ["gls_exposure_time", "group_time", "imputation", "random_timing"])
def test_an_average_says_which_exposures_it_does_without(name: str) -> None:
    # Nobody waits once the last wave begins in period 4, so that exposures 2 and 3 have no other.
    late = PanelWorld(u=60, t=6, begins=(2, 4))
    found = run(name, late.draw(3), "simple")
    assert any("exposures 2 and 3: no unit" in words for _, words in found.warnings), found.warnings
    whole = run(name, PanelWorld(u=60, t=6, begins=(2, 4, NEVER)).draw(3), "simple")
    assert not any("no unit is without" in words for _, words in whole.warnings)


@pytest.mark.parametrize("name", NAMES)
def test_units_that_had_provision_from_the_first_are_left_out_and_counted(name: str) -> None:
    panel = world_of(name).draw(12)
    asked = task(panel, ask("simple"), drawn=LEAVES[name].drawn)
    panel = asked.panel
    early = replace(panel, adopted=np.where(np.arange(80) < 5, 0, panel.adopted))
    found = LEAVES[name].run(replace(asked, panel=early))
    kept = LEAVES[name].run(replace(asked, panel=panel.take(np.arange(5, 80))))
    # Their children still tell of the spread of children within a cell.
    assert values(found) == pytest.approx(values(kept), rel=1e-3)
    if name not in TESTS:
        assert "5 of the panel's units are left out" in found.warnings[0][1]
    with pytest.raises(TooFew, match="begins in no unit"):
        LEAVES[name].run(replace(asked, panel=replace(panel, adopted=np.full(80, NEVER))))


@pytest.mark.parametrize("name", NAMES)
def test_few_clusters_give_wider_intervals_or_none(name: str) -> None:
    few = run(name, world_of(name, u=16).draw(13), "simple")
    if name in TESTS:
        assert few.regions[0].pieces
        return
    normal = 1.96 * standard_errors(few.estimate)[0]
    assert ends(few)[0, 1] - values(few)[0] > 1.04 * normal
    fewer = run(name, world_of(name, u=8).draw(13), "simple")
    assert fewer.estimate.spread is None and intervals(fewer.estimate) is None


# ------------------------------------------------------------------ truth


@cache
def many_worlds(name: str, first: float, growth: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (worlds, q) values and (worlds, q, 2) intervals."""
    world = world_of(name, first=first, growth=growth)
    found = []
    for seed in range(WORLDS):
        own = run(name, world.draw(1000 + seed), bare=True)
        found.append((values(own), ends(own)))
    return np.array([one for one, _ in found]), np.array([both for _, both in found])


@pytest.mark.parametrize("name", NAMES)
def test_planted_effects_come_back_and_intervals_hold_them(name: str) -> None:
    """Effects of 0.3 that grow by 0.1 a period. One interval in twenty may miss: of 200, outside
    90-99% comes by chance less than once in a thousand.
    """
    world = world_of(name)
    truth = np.array([world.truth(ask(kind)) for kind in ("exposure_average", "simple")])
    value, limits = many_worlds(name, 0.3, 0.1)
    error = value.std(axis=0, ddof=1)
    assert (np.abs(value.mean(axis=0) - truth) <= 3.5 * error / np.sqrt(WORLDS)).all()
    held = ((limits[:, :, 0] <= truth) & (truth <= limits[:, :, 1])).mean(axis=0)
    assert (held >= 0.90).all() and (held <= 0.99).all(), held


@pytest.mark.parametrize("name", ["randomisation_test"])
def test_where_nothing_happens_draws_are_as_they_say(name: str) -> None:
    """A p-value below .05 in one world of twenty, if provision does nothing."""
    world = world_of(name, first=0.0, growth=0.0)
    p = [run(name, world.draw(seed), "simple").regions[0].p for seed in range(WORLDS)]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10
    assert min(p) >= 1 / 200


# ------------------------------------------------------------------ what is assumed

# Why no table tests it.
BELIEVED = {
    "no anticipation": "a unit that behaves otherwise too early looks like a trend that parts",
    "no spill-over": "what reaches units that wait is in no comparison of units",
    "exposure alone matters": "random_timing beside it leans on the draw alone: apart, it is told",
    "random order": "it is the draw's own business, which the ledger proves",
}


def test_every_assumption_is_tested_or_said_to_be_believed() -> None:
    named = {(one.name, one.diagnostic) for leaf in LEAVES.values() for one in leaf.assumes}
    assert {name for name, diagnostic in named if not diagnostic} == set(BELIEVED)
    assert {pair for pair in named if pair[1]} == {("parallel trends", "pre_trends")}


def test_trends_that_part_are_seen_in_nine_worlds_of_ten_and_others_left_alone() -> None:
    """A drift of .1 a period between one wave and the next; and none."""
    for trend, least, most in ((0.1, 0.90, 1.0), (0.0, 0.0, 0.10)):
        world, seen = PanelWorld(u=120, trend=trend, begins=(3, 4, NEVER)), []
        for seed in range(60):
            panel = world.draw(seed)
            units = units_of(task(panel, ask("simple"), drawn=False), "imputation")
            table = trends_before(task(panel, ask("simple"), drawn=False), units, leaf="imputation")
            assert table is not None
            seen.append(table.column("p_small_sample")[0] < 0.05)
        assert least <= np.mean(seen) <= most
