"""A plan laid on its past and replayed: against least squares by hand; drifts that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.studies import plan
from fingerpost.studies.rollouts import rehearsing
from fingerpost.studies.rollouts.analysing import analysis_of
from fingerpost.studies.rollouts.judging import holding, preselected, questions
from fingerpost.studies.rollouts.laying import lay, shared_out
from fingerpost.studies.rollouts.past import past_of, read_past, term_place
from fingerpost.studies.rollouts.planting import Truths
from fingerpost.studies.rollouts.rehearsal_tables import laid_words, record, tables
from fingerpost.studies.rollouts.rehearsing import rehearse
from units.studies.rollouts.draws import write_study
from units.studies.rollouts.pasts import (
    PLAN,
    names,
    outcomes,
    plan_of,
    records_of,
    staggered,
    write_past,
)


def panel_of(y: np.ndarray, children: int = 1, child: float = 0.0) -> Panel:
    count = np.full(y.shape, float(children))
    squares = count * y**2 + (count - 1) * child
    periods = tuple(str(2000 + at) for at in range(y.shape[1]))
    outcome = PanelOutcome(count, count * y, squares)
    units = tuple(names(len(y))) if len(y) < 100 else tuple(map(str, range(len(y))))
    return Panel(units, periods, ("a", "b"), np.zeros(y.shape, int), {"y": outcome})


def test_how_a_level_drifts_is_found_in_its_past():
    _, fading = past_of(panel_of(outcomes(units=3000, cac=0.7)), "y")
    assert fading.drifts[0].structure == "decay"
    assert fading.drifts[0].kept == pytest.approx(0.7, abs=0.02)
    assert fading.sd == pytest.approx(1.0, abs=0.03)
    assert [lag.correlation for lag in fading.lags[:3]] == pytest.approx(
        [0.7, 0.49, 0.343], abs=0.04
    )
    assert fading.lags[0].pairs == 3000 * 7
    r = np.random.default_rng(2)
    lasting = np.sqrt(0.6) * r.standard_normal((3000, 1)) + np.sqrt(0.4) * r.standard_normal(
        (3000, 6)
    )
    _, nested = past_of(panel_of(lasting), "y")
    assert nested.drifts[0].structure == "nested"
    assert nested.drifts[0].kept == pytest.approx(0.6, abs=0.02)
    assert nested.between**2 == pytest.approx(0.6, abs=0.04)
    assert nested.within**2 == pytest.approx(0.4, abs=0.02)


def test_children_tell_an_intracluster_correlation_and_sizes_a_variation():
    r = np.random.default_rng(3)
    y = 0.5 * r.standard_normal((2000, 1)) + r.standard_normal((2000, 5)) * np.sqrt(0.75 / 50)
    _, past = past_of(panel_of(y, children=50, child=0.75), "y")
    assert past.icc == pytest.approx(0.25, abs=0.02) and past.size_cv == 0.0
    _, means = past_of(panel_of(y), "y")
    assert means.icc is None and means.size_cv is None


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """Half of 60 units at once, rehearsed by least squares and by changes."""
    folder = tmp_path_factory.mktemp("half")
    write_past(folder, outcomes())
    study = plan_of()
    return rehearse(study, records_of(study, folder), base=folder, draws=150)


def test_every_draw_is_answered_as_least_squares_answers_it_by_hand(half):
    (one,) = half.outcomes
    y, laid = outcomes()[:, 2:], one.laid
    assert laid.past == ("2018", "2019", "2020", "2021", "2022", "2023")
    assert laid.panel.periods[0] == "2030" and not laid.cut and not laid.own
    ancova, did = (each.told["none"] for each in one.replayed)
    for draw in range(0, 150, 37):
        given = (laid.codes[draw] == 0).astype(float)
        assert given.sum() == 30
        after, last, mean = y[:, 3:].mean(axis=1), y[:, 2], y[:, :3].mean(axis=1)
        x = np.column_stack([np.ones(60), given, last, mean])
        best = np.linalg.lstsq(x, after, rcond=None)[0]
        assert ancova.value[draw, 0] == pytest.approx(best[1])
        change = after - mean
        gap = change[given == 1].mean() - change[given == 0].mean()
        assert did.value[draw, 0] == pytest.approx(gap)
    assert len({tuple(row) for row in laid.codes.tolist()}) == 150


def test_smallest_effects_are_of_the_spread_over_draws_and_the_best_is_told_with_its_reason(half):
    (question,) = questions(half)
    by = {one.leaf: one for one in question.judged}
    spread = half.outcomes[0].replayed[0].told["none"].value[:, 0].std(ddof=1)
    assert by["ancova"].mdes == pytest.approx(2.8 * spread)
    level = outcomes()[:, 5:].mean()
    assert by["ancova"].share == pytest.approx(2.8 * spread / level)
    assert by["ancova"].mdes < 0.95 * by["did"].mdes
    planted = {each.planting: each for each in by["ancova"].under}
    size = 0.2 * half.outcomes[0].past.sd
    assert planted["constant"].truth == pytest.approx(size)
    assert planted["growing"].truth == pytest.approx(size * (1 + 2 + 3) / 9)
    # A whole effect one period early is in the baseline, and is taken off in part.
    assert planted["early"].bias < -0.2 * size
    assert preselected([question])[0] == (question.best.leaf if question.best else None)
    assert "3-7% of false alarms" in question.why


def with_answers(half, answered: int):
    """Return the rehearsal with the answers of its first estimator in so many draws only, in which
    it gave no false alarm and always covered.
    """
    (one,) = half.outcomes
    first, *others = one.replayed
    told = {}
    for name, said in first.told.items():
        few = [np.array(each) for each in (said.value, said.error, said.held)]
        few[2][:] = 1.0
        few[2][: round(0.05 * answered)] = 0.0
        for each in few:
            each[answered:] = np.nan
        told[name] = replace(said, value=few[0], error=few[1], held=few[2])
    return replace(half, outcomes=(replace(one, replayed=(replace(first, told=told), *others)),))


@pytest.mark.parametrize(("answered", "holds"), [(2, False), (142, False), (143, True)])
def test_an_estimator_that_seldom_answers_does_not_hold(half, answered, holds):
    asked = questions(with_answers(half, answered))
    (one,) = (each for each in asked[0].judged if each.leaf == "ancova")
    assert one.answered == answered and ("ancova" in holding(asked)) == holds
    assert (f"answered {answered} of 150 draws" in one.faults) != holds
    assert holds or preselected(asked)[0] != "ancova"


def test_an_estimator_that_refused_one_of_its_questions_does_not_hold(half):
    first = questions(with_answers(half, 150))
    assert "ancova" in holding(first)
    (one,) = half.outcomes
    silent = replace(one.replayed[0], told={}, reason="too few")
    second = questions(replace(half, outcomes=(replace(one, replayed=(silent,)),)))
    assert second[0].refused == (("ancova", "too few"),) and "ancova" not in holding(first + second)
    only = questions(with_answers(half, 1))
    assert only[0].refused[0][0] == "ancova" and "ancova" not in holding(first + only)


def test_a_rehearsal_is_told_as_data_and_tables(half):
    said = record(half)
    assert said["study_digest"] == half.study.digest() and said["draws"] == 150
    assert {one["estimator"] for one in said["questions"][0]["estimators"]} == {"ancova", "did"}
    assert said["outcomes"][0]["waves"] == {"first": 30, "late": 30}
    assert {table.name for table in tables(half)} == {
        *("rehearsal", "planted", "past", "autocorrelation", "laid"),
    }
    assert all(table.rows for table in tables(half))


def test_planted_effects_are_found_alike_whether_every_draw_is_replayed_or_not(
    half, tmp_path, monkeypatch
):
    monkeypatch.setattr(rehearsing, "MOVED", 10_000)
    write_past(tmp_path, outcomes())
    study = plan_of()
    whole = rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=120)
    for quick, slow in zip(half.outcomes[0].replayed, whole.outcomes[0].replayed, strict=True):
        for name in ("constant", "growing"):
            one, other = quick.told[name], slow.told[name]
            assert one.value[:120] == pytest.approx(other.value)
            assert one.error[:120] == pytest.approx(other.error)
            assert (one.held[:120] == other.held).all()


@pytest.fixture
def quick(monkeypatch):
    """Let 40 draws do."""
    monkeypatch.setattr(rehearsing, "FEWEST_DRAWS", 40)
    monkeypatch.setattr(rehearsing, "MOVED", 10)


def test_waves_are_replayed_and_a_leaf_without_an_answer_says_why(tmp_path, quick):
    write_past(tmp_path, outcomes(), region=["north", "south"] * 30)
    text = staggered().replace("unit: area}}", "unit: area, strata: [region]}}")
    study = plan_of(text.replace("target: simple", "target: [simple, at_exposure], exposure: [1]"))
    found = rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=40)
    (one,) = found.outcomes
    assert (one.laid.begins == [2, 4, -1]).all() and one.laid.sizes.tolist() == [21, 20, 19]
    north = one.laid.codes[:, ::2]
    assert set((north == 0).sum(axis=1).tolist()) == {10, 11}
    gls, group, ancova = one.replayed
    assert "2 different periods" in ancova.reason and not ancova.told
    # Effects of the whole at the longest exposure; at exposure 1 of four, half of it.
    growing = gls.told["growing"].truth[0]
    assert growing[1] == pytest.approx(one.size * 2 / 4)
    counts = {0: 21 + 20, 1: 21 + 20, 2: 21, 3: 21}
    weighed = sum(n * (at + 1) / 4 for at, n in counts.items()) / sum(counts.values())
    assert growing[0] == pytest.approx(one.size * weighed)
    for each in (gls, group):
        away = each.told["growing"].value - each.told["growing"].truth
        assert away == pytest.approx(each.told["none"].value, abs=1e-8)
    names_ = {question.term.label() for question in questions(found)}
    assert len(names_) == 2 and all(len(one.refused) == 1 for one in questions(found))


def test_a_cluster_that_is_not_complete_leaves_the_others_their_names(tmp_path):
    """Thirty areas of two schools were drawn; all the past of one of them is broken."""
    y = outcomes(units=60)
    y[:2, 3] = np.nan
    write_past(tmp_path, y, la=[f"LA{at // 2:02}" for at in range(60)])
    text = staggered("[gls_exposure_time, random_timing]").replace("unit: area}\n", "CLUSTERS", 1)
    text = text.replace("CLUSTERS", "unit: area, clusters: {la: la}}\n")
    text = text.replace("design: staggered, unit: area", "design: staggered, unit: la")
    for old, new in (
        ("units: 21", "units: 10"),
        ("units: 20", "units: 10"),
        ("units: 19", "units: 10"),
    ):
        text = text.replace(old, new)
    study = plan_of(text)
    panel, _ = past_of(read_past(study, records_of(study, tmp_path)).panel, "y")
    laid = lay(study, panel, "y", base=tmp_path, draws=40)
    assert laid.names == tuple(f"LA{at:02}" for at in range(1, 30))
    assert laid.panel.cluster_names["la"] == laid.names
    for name, leaf in plan.estimators(study).items():
        analysis = replace(analysis_of(study), options=plan.options(study, name))
        truths = Truths(laid, plan.asked(study, "y"), 0, 1.0)
        own = rehearsing.Asker(truths, leaf, truths.terms, analysis, laid.drawn)
        found = leaf.run(own.task(0, np.zeros(laid.panel.arm.shape)))
        assert found.estimate.clusters.tolist() == [29]


def test_years_without_returns_are_left_out_and_a_short_past_drops_the_plans_first(tmp_path, quick):
    y = outcomes(years=6)
    y[:, 4] = np.nan
    y[7, 1] = np.nan
    write_past(tmp_path, y)
    study = plan_of()
    found = rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=40)
    (one,) = found.outcomes
    assert one.past.units == 59 and one.past.left == 1 and one.past.unseen == ("2020",)
    assert one.laid.cut == ("2030",) and one.laid.past == ("2016", "2017", "2018", "2019", "2021")
    assert one.laid.begins.tolist() == [2, -1]
    assert "nothing is recorded for 2020" in laid_words(one)
    assert "first period found no past" in laid_words(one)


def test_a_past_that_leaves_no_before_is_refused_with_the_numbers(tmp_path, quick):
    write_past(tmp_path, outcomes(years=3))
    study = plan_of()
    with pytest.raises(Malformed, match="past holds 3 periods, and the plan needs 4"):
        rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=40)


def test_the_registers_own_draws_are_replayed_where_its_units_are_the_records(tmp_path, quick):
    text = write_study(tmp_path).read_text(encoding="utf-8")
    register = next(tmp_path.glob("*.csv")).read_text(encoding="utf-8")
    study = plan_of(as_plan(text))
    y = outcomes(units=26)
    y[5, 0] = np.nan
    write_past(tmp_path, y)
    found = rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=40)
    (one,) = found.outcomes
    assert one.laid.own and len(one.laid.names) == 25 and "A05" not in one.laid.names
    rows = [line.split(",") for line in register.splitlines()]
    assert rows[0][0] == "code"
    place = {name: at for at, name in enumerate(one.laid.names)}
    # What the plan declares holds in every draw: a pair together, a pair apart.
    codes = one.laid.codes
    assert (codes[:, place["A03"]] == codes[:, place["A15"]]).all()
    assert (codes[:, place["A01"]] != codes[:, place["A02"]]).all()


def as_plan(text: str) -> str:
    """Return the study of a draw with records, so that it can be rehearsed."""
    lines = [line for line in text.splitlines() if not line.startswith(("outcomes", "estimators"))]
    body = "\n".join(lines).replace("rollout:\n", "rollout:\n  period: year\n", 1)
    return (
        body
        + "\nrecords: {table: past.csv, unit: area}\noutcomes: {y: {column: y}}\n"
        + "estimators: [random_timing]\n"
    )


def test_nothing_drawn_or_too_few_draws_are_refused(tmp_path):
    write_past(tmp_path, outcomes())
    study = plan_of()
    for draws in (40, 1_000_000_000):
        with pytest.raises(UsageError, match=f"--draws {draws:,}: from 100 to 100,000"):
            rehearse(study, records_of(study, tmp_path), base=tmp_path, draws=draws)
    start = PLAN.index("  periods"), PLAN.index("outcomes:")
    observed = PLAN[: start[0]] + "  adopted: year\n" + PLAN[start[1] :]
    observed = observed.replace("{randomised: {design: parallel, unit: area}}", "{observed: {}}")
    lived = plan_of(observed.replace("[ancova, did]", "[did]"))
    with pytest.raises(UsageError, match="nothing is drawn"):
        rehearse(lived, records_of(lived, tmp_path), base=tmp_path)


def test_terms_of_a_year_stand_in_its_order():
    assert sorted(["2024 autumn", "2024 spring", "2023 autumn"], key=term_place) == [
        *("2023 autumn", "2024 spring", "2024 autumn"),
    ]
    assert shared_out(np.array([31, 31, 30, 30, 30]), 146).tolist() == [30, 29, 29, 29, 29]
