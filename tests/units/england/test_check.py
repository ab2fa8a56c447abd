"""What England is held against, how it is judged, and that measures come from the records."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.england.check import children as arrays
from fingerpost.england.check import measured, places
from fingerpost.england.check.children import PHENOTYPES, POPULATIONS, Children
from fingerpost.england.check.measured import Measured
from fingerpost.england.check.run import MEASURES, Check, Held, check, held, judge
from fingerpost.england.check.targets import KINDS, Target, targets
from fingerpost.england.check.words import COLUMNS, table_rows, targets_table, verdict
from fingerpost.kernels.random_intercept import LATENT_VARIANCE

ONE = Target("one", "any provision", "enrolled", "ever_by_11", "%", 30.0, 1.0, "points", "a source")


def flat(n: int, **columns: np.ndarray) -> Children:
    """Return n children about whom nothing is known but the columns given."""
    names = (
        *("boy", "reception", "born", "gestation", "multiple", "live", "level_1_spring", "fsm"),
        *("level_figures", "planned", "unplanned", "death_day", "opt_out_day", "overall"),
        *("unauthorised", "sessions_possible", "overall_figures", "unauthorised_figures"),
        *("sessions_possible_figures", "phonics_met", "phonics_academic_year", "ks1_assessed"),
        *("ks1_maths_expected", "ks2_assessed", "special_0", "special_2", "special_6"),
        *(f"level_{year}" for year in range(7)),
        *PHENOTYPES,
    )
    held = {name: np.full(n, np.nan) for name in names} | {"reception": np.full(n, 2010.0)}
    la, school = columns.pop("la", np.zeros(n)), columns.pop("school", np.arange(n))
    return Children(
        held | {name: np.asarray(value, dtype=float) for name, value in columns.items()},
        la.astype(np.intp),
        school.astype(np.intp),
        {"authorities": 152, "primary_schools": 16_800},
        np.zeros(n, dtype=bool),
    )


def test_every_target_can_be_computed_and_says_where_it_is_from():
    for target in targets():
        assert target.measure in MEASURES, target.id
        assert target.population in POPULATIONS, target.id
        assert target.kind in KINDS and target.source, target.id
        assert target.judged or target.note or target.source, target.id


def test_no_measure_and_no_population_waits_for_a_target():
    assert {target.measure for target in targets()} == set(MEASURES)
    assert {target.population for target in targets()} == set(POPULATIONS)


ANCHORS = {
    "support_year_1": "ineq_y1_support",
    "plan_year_1": "ineq_y1_ehcp",
    "ever_by_11": "hope_all_sen_ever11",
    "never_class": "ineq_never",
    "reform_no_anomaly": "nomca_reform",
    "reform_anomaly": "mca_reform",
    "anomaly_any": "mca_any_sen",
    "no_anomaly_any": "nomca_any_sen",
    "cerebral_palsy_any": "cp_any",
    "cerebral_palsy_plan": "cp_ehcp",
    "cleft_crude_ratio": "clp_unauth_naive",
    "cleft_at_5": "clp_sen5",
    "week_24_any": "ga_sen_24",
    "week_41_any": "ga_sen_41",
    "ks1_week_24": "ga_ks1_24",
    "ks1_week_41": "ga_ks1_41",
    "down_mainstream_5": "ds_main5",
    "down_mainstream_7": "ds_main7",
    "down_mainstream_11": "ds_main11",
    "icc_support": "preterm_icc_support",
    "icc_plan": "preterm_icc_ehcp",
    "median_support": "preterm_la_support",
    "median_plan": "preterm_la_ehcp",
    "share_down": "ds_prev",
    "share_neurodisability_11": "nd_prev11",
    "survival_anomaly": "mca_surv5",
    "survival_no_anomaly": "nomca_surv5",
    "planned_neurodisability": "nd_planned",
    "planned_no_neurodisability": "nd0_planned",
    "unplanned_neurodisability": "nd_unplanned",
    "unplanned_no_neurodisability": "nd0_unplanned",
    "missed_neurodisability": "nd_absence",
    "missed_no_neurodisability": "nd0_absence",
    "opted_out": "link_v2_ndoo",
}
RATIOS = {
    "anomaly_ratio": ("mca_any_sen", "nomca_any_sen"),
    "unauthorised_support": ("abs1819_support_unauth", "abs1819_none_unauth"),
    "unauthorised_plan": ("abs1819_ehcp_unauth", "abs1819_none_unauth"),
    "overall_support": ("abs1819_support_overall", "abs1819_none_overall"),
    "overall_plan": ("abs1819_ehcp_overall", "abs1819_none_overall"),
    "persistent_support": ("abs1819_support_pa", "abs1819_none_pa"),
    "persistent_plan": ("abs1819_ehcp_pa", "abs1819_none_pa"),
}


@pytest.mark.real_data
def test_targets_are_the_published_figures(shared_file: Callable[[str], Path]):
    with shared_file("hope/hope_anchors.csv").open(encoding="utf-8") as rows:
        anchors = {row["id"]: row for row in csv.DictReader(rows)}
    ours = {target.id: target.value for target in targets()}
    for target, anchor in ANCHORS.items():
        assert ours[target] == float(anchors[anchor]["value"]), target
    for target, (above, below) in RATIOS.items():
        ratio = float(anchors[above]["value"]) / float(anchors[below]["value"])
        assert ours[target] == pytest.approx(ratio, abs=0.005), target
    low, high = (ours[f"support_{end}"] for end in ("low", "high"))
    assert (low, high) == tuple(float(anchors["preterm_la_support"][end]) for end in ("lo", "hi"))


def test_a_faulty_list_of_targets_tells_all_its_faults():
    head = "id,words,population,measure,unit,value,tolerance,kind,source,note\n"
    with pytest.raises(Malformed) as told:
        targets(head + "a,w,p,m,%,x,1,points,s,\nb,w,p,m,%,1,1,near,s,\nb,w,p,m,%,1,1,points,s,\n")
    assert len(told.value.problems) == 2
    assert "line 2" in told.value.problems[0] and '"near"' in told.value.problems[1]
    with pytest.raises(Malformed, match="columns"):
        targets("id,words\n1,2\n")


@pytest.mark.parametrize(
    ("kind", "tolerance", "achieved", "error", "verdict", "widened"),
    [
        ("points", 1.0, 31.0, 0.0, "met", False),
        ("points", 1.0, 31.1, 0.0, "missed", False),
        ("points", 1.0, 31.1, 0.2, "missed", False),  # 0.4 is under half of 1: not widened
        ("points", 1.0, 31.1, 0.3, "met", True),
        ("points", 1.0, 31.7, 0.3, "missed", True),
        ("percent", 5.0, 31.5, 0.1, "met", False),
        ("percent", 5.0, 28.4, 0.1, "missed", False),
        ("above", 0.0, 30.1, 0.0, "met", False),
        ("above", 0.0, 29.9, 0.0, "missed", False),
        ("printed", 0.0, 99.0, 0.0, "shown", False),
        ("points", 1.0, float("nan"), float("nan"), "not measured", False),
        ("points", 1.0, 32.0, 0.51, "met", True),  # held loosely: 1.02 is more than the tolerance
        ("points", 1.0, 32.1, 0.51, "missed", True),
        ("percent", 5.0, 99.0, 2.0, "missed", True),
        ("printed", 0.0, 99.0, 9.0, "shown", False),
    ],
)
def test_verdicts(kind, tolerance, achieved, error, verdict, widened):
    row = judge(replace(ONE, kind=kind, tolerance=tolerance), Measured(achieved, error, 10))
    assert (row.verdict, row.widened) == (verdict, widened)


def test_what_a_few_children_cannot_tell_is_a_row_and_says_how_many_could():
    """Of 100 children a share of 30% has an error of 4.58 points: two of them are ± 1 at 8,400."""
    error = 100 * (0.3 * 0.7 / 100) ** 0.5
    row = judge(ONE, Measured(30.0, error, 100))
    assert row.needs == 8_400
    at_that = judge(ONE, Measured(30.0, 100 * (0.3 * 0.7 / 8_400) ** 0.5, 8_400))
    assert at_that.verdict == "met"
    met = judge(ONE, Measured(30.0, 0.1, 100))
    nobody = judge(ONE, Measured(float("nan"), float("nan"), 0))
    found = Check((row, met, nobody))
    assert row.loose and not at_that.loose and not met.loose
    assert "met, loosely (100; needs 8,400)" in table_rows(found)[0]
    assert "1 of them are held closely and 1 loosely" in verdict(found)
    assert found.passed and not Check((nobody,)).passed
    assert "None of 1" in verdict(Check((nobody,)))
    told = found.record()
    assert (told["judged"], told["loosely"], told["not_measured"]) == (2, 1, 1)
    assert told["targets"][0]["needs"] == 8_400


@pytest.mark.parametrize(
    ("judged", "missed", "passed"), [(10, 1, True), (10, 2, False), (9, 1, False), (0, 0, False)]
)
def test_one_in_ten_may_be_missed(judged: int, missed: int, passed: bool):
    rows = [
        Held(ONE, Measured(30.0, 0.0, 1), 1.0, False, "missed" if at < missed else "met")
        for at in range(judged)
    ]
    found = Check((*rows, Held(ONE, Measured(1.0, 0.0, 1), 1.0, False, "shown")))
    assert found.passed is passed
    assert json.loads(json.dumps(found.record()))["missed"] == missed


def test_a_row_shows_every_number_and_its_source():
    found = Check((judge(ONE, Measured(31.234, 0.5, 10)),))
    (row,) = table_rows(found)
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "target": "any provision (children in Year 1 of a state school)",
        "published": "30",
        "achieved": "31.2",
        "difference": "+1.2",
        "allowed": "± 2.0+",
        "unit": "%",
        "verdict": "met",
        "source": "a source",
    }
    assert verdict(found) == "0 of 1 targets missed; one in ten may be."


def test_the_error_of_a_share_of_independent_children_is_the_binomial_one():
    flag = np.arange(50) < 20
    found = measured.share(flag, np.arange(50), of=np.ones(50, dtype=bool)).measured
    assert found.value == pytest.approx(0.4)
    assert found.error == pytest.approx(np.sqrt(0.4 * 0.6 / 50))


def test_errors_of_shares_ratios_and_differences_hold_between_worlds():
    """Schools that differ: the error made in one world is the spread between 400 worlds."""
    rng = np.random.default_rng(5)
    school = np.repeat(np.arange(60), 12)
    group = rng.random(720) < 0.3
    everyone = np.ones(720, dtype=bool)
    found = []
    for _ in range(400):
        rate = np.where(group, 0.30, 0.15) * rng.gamma(4, 0.25, 60)[school]
        count, exposure = rng.poisson(3 * rate).astype(float), np.full(720, 3.0)
        one, other = (measured.part(count, exposure, school, of=who) for who in (group, ~group))
        share = measured.share(count > 0, school, of=everyone).measured
        for each in (measured.over(one, other), measured.less(one, other), share):
            found.append((each.value, each.error))
    worlds = np.array(found).reshape(400, 3, 2)
    np.testing.assert_allclose(worlds[:, :, 1].mean(axis=0), worlds[:, :, 0].std(axis=0), rtol=0.10)
    assert worlds[:, 0, 0].mean() == pytest.approx(2.0, rel=0.03)
    assert worlds[:, 1, 0].mean() == pytest.approx(0.15, rel=0.03)


@pytest.mark.parametrize(("level", "sd"), [("support", 0.141), ("plan", 0.330)])
def test_a_planted_difference_between_authorities_is_read(level: str, sd: float):
    rng = np.random.default_rng(21)
    la = np.repeat(np.arange(152), 1490)
    habit = np.log(0.184 / 0.816) + sd * rng.normal(size=152)
    have = rng.random(len(la)) < 1 / (1 + np.exp(-habit[la]))
    of = flat(
        len(la),
        la=la,
        level_1_spring=np.where(have, 1.0 if level == "support" else 2.0, 0.0),
        gestation=np.full(len(la), 33.0),
    )
    preterm = POPULATIONS["preterm"][1](of)
    found = MEASURES[f"icc_{level}"](of, preterm)
    truth = sd**2 / (sd**2 + LATENT_VARIANCE)
    assert abs(found.value - truth) < 3.5 * found.error
    assert found.n == len(la)
    middle = MEASURES[f"median_{level}"](of, preterm)
    assert abs(middle.value - 18.4) < 3.5 * middle.error
    assert MEASURES[f"lower_{level}"](of, preterm).value < middle.value


def test_authorities_that_do_not_differ_have_no_variance_but_an_error():
    of = flat(400, la=np.arange(400) % 4, level_1_spring=np.arange(400) // 4 % 2)
    found = places.MEASURES["icc_support"](of, np.ones(400, dtype=bool))
    assert found.value == 0.0
    # Information of each of four authorities: 100 · 1/2 · 1/2
    assert found.error == pytest.approx(1 / np.sqrt(0.5 * 4 * 25.0**2) / LATENT_VARIANCE)


def test_children_added_with_a_condition_do_not_stand_for_england():
    ill = np.where(np.arange(10) >= 6, 12_000.0, np.nan)
    columns = {
        "cleft_any": ill,
        "cleft_isolated": ill,
        "level_1_spring": np.where(np.arange(10) >= 6, 1.0, 0.0),
        "born": np.full(10, 12_000.0),
        "reception": np.full(10, 2008.0),
    }
    added = arrays.added(np.arange(1, 11), {"children": 7, "boosts": {"cleft": 3}})
    assert added.tolist() == [False] * 7 + [True] * 3
    of = replace(flat(10, **columns), added=added)
    names = {"share_cleft", "support_year_1", "cleft_support"}
    chosen = [target for target in targets() if target.id in names]
    found = {row.target.id: row.achieved for row in held(of, tuple(chosen)).rows}
    assert (found["share_cleft"].value, found["share_cleft"].n) == (pytest.approx(100 / 7), 7)
    assert (found["support_year_1"].value, found["support_year_1"].n) == (pytest.approx(100 / 7), 7)
    assert (found["cleft_support"].value, found["cleft_support"].n) == (100.0, 4)


def test_rates_stop_at_death_and_lives_are_counted_to_five():
    of = flat(
        3,
        born=np.full(3, 12_700.0),  # October 2004
        death_day=np.array([np.nan, 12_700.0 + 365, 15_218.0 + 365.25]),
        reception=np.full(3, 2010.0),
        planned=np.array([3.0, np.nan, 1.0]),
    )
    everyone = np.ones(3, dtype=bool)
    assert MEASURES["alive_at_5"](of, everyone).value == pytest.approx(200 / 3)
    # Year 1 begins on 1 September 2010 (day 14,853): six years, none, and two of the third child.
    assert MEASURES["planned_rate"](of, everyone).value == pytest.approx(100 * 4 / 8, rel=1e-3)


def test_the_middle_authority_is_told_of_all_children():
    """Half of those with support or none have support; with plans they are a third of all."""
    first = np.array([0.0, 1.0, 2.0] * 200)
    of = flat(600, la=np.arange(600) // 3 % 4, level_1_spring=first)
    found = MEASURES["median_support"](of, np.ones(600, dtype=bool))
    assert found.value == pytest.approx(100 / 3, abs=0.01)


def test_every_measure_gives_plain_numbers_for_json():
    rng = np.random.default_rng(2)
    codes = {f"level_{year}": rng.integers(0, 3, 300) for year in range(7)}
    of = flat(300, la=np.arange(300) % 5, level_1_spring=rng.integers(0, 3, 300), **codes)
    of = replace(of, columns={**of.columns, **rich(rng, 300)})
    everyone = np.ones(300, dtype=bool)
    rows = [judge(replace(ONE, measure=name), run(of, everyone)) for name, run in MEASURES.items()]
    assert [row.target.measure for row in rows if row.verdict == "not measured"] == []
    told = json.loads(json.dumps(Check(tuple(rows)).record()))
    assert len(told["targets"]) == len(MEASURES)


def rich(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Return values of every column that a measure divides by or looks at."""
    flags = ("boy", "fsm", "phonics_met", "ks1_maths_expected", "ks2_assessed", "ks1_assessed")
    places = ("special_0", "special_2", "special_6")
    counts = ("overall", "unauthorised", "overall_figures", "unauthorised_figures", "planned")
    return {
        **{name: rng.integers(0, 2, n).astype(float) for name in (*flags, *places)},
        **{name: rng.integers(0, 90, n).astype(float) for name in (*counts, "unplanned")},
        "sessions_possible": np.full(n, 380.0),
        "sessions_possible_figures": np.full(n, 380.0),
        "level_figures": rng.integers(0, 3, n).astype(float),
        "phonics_academic_year": np.full(n, 2019.0),
        "reception": 2010.0 + rng.integers(0, 8, n),
        "gestation": np.full(n, 33.0),
        "born": np.full(n, 12_700.0),
        "major_congenital_anomaly": np.where(rng.random(n) < 0.3, 12_700.0, np.nan),
    }


def test_the_manual_lists_every_target(root: Path):
    page = (root / "docs" / "manual" / "england-check.md").read_text(encoding="utf-8")
    assert targets_table(targets()) in page


def test_only_a_synthetic_england_is_checked(monkeypatch: pytest.MonkeyPatch):
    class Real:
        synthetic = False

    with pytest.raises(UsageError, match="not say that they are synthetic"):
        check(Real())  # type: ignore[arg-type]
