"""What speaks against an answer without refusing it is said beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fingerpost.cohorts.table import read_records
from fingerpost.core.output import Output
from fingerpost.release.clear import clear
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run

STUDY = """study: schools
question: Does it help?
records: {table: t.csv, clusters: {school: school}}
arms: {column: a, levels: {0: none, 1: support}}
outcomes: {y: {column: y}}
assignment: {observed: {given: [x]}}
estimators: [naive, ipw]
release: {policy: none}
"""


def output(folder: Path, *, by_school: bool, text: str = STUDY) -> Output:
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(40), 10)
    arm = (rng.random(40) < 0.5)[school] if by_school else rng.random(400) < 0.5
    rows = [
        f"{s},{int(a)},{rng.normal():.4f},{rng.normal():.4f}"
        for s, a in zip(school, arm, strict=True)
    ]
    (folder / "t.csv").write_text("school,a,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "s.yaml")
    return clear(run(study, read_records(study.records, base=folder)))


def said(found: Output) -> bool:
    return all(
        any("every school holds one arm only" in words for words in one.warnings)
        for one in found.results
    )


def test_arms_by_school_with_errors_by_child_are_warned_of(tmp_path: Path) -> None:
    assert said(output(tmp_path, by_school=True))


def test_arms_by_child_or_declared_schools_are_not(tmp_path: Path) -> None:
    assert not said(output(tmp_path, by_school=False))
    declared = STUDY.replace("{given: [x]}", "{given: [x], cluster: school}")
    assert not said(output(tmp_path, by_school=True, text=declared))


DRAWN = STUDY.replace("{observed: {given: [x]}}", "{randomised: {design: simple, given: [x]}}")


def tilted(folder: Path, slope: float) -> Output:
    rng = np.random.default_rng(2)
    x = rng.normal(size=600)
    arm = rng.random(600) < 1 / (1 + np.exp(-slope * x))
    rows = [f"{at},{int(a)},{v:.4f},{v:.4f}" for at, (a, v) in enumerate(zip(arm, x, strict=True))]
    (folder / "t.csv").write_text("school,a,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    text = DRAWN.replace(", clusters: {school: school}", "").replace("[naive, ipw]", "[naive]")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "s.yaml")
    return clear(run(study, read_records(study.records, base=folder)))


def test_a_draw_that_no_draw_gives_is_doubted(tmp_path: Path) -> None:
    (found,) = tilted(tmp_path, 0.8).results
    assert any("x differs between the drawn arms" in words for words in found.warnings)
    (found,) = tilted(tmp_path, 0.0).results
    assert not any("drawn arms" in words for words in found.warnings)


def test_subgroups_of_what_is_no_covariate_are_doubted(tmp_path: Path) -> None:
    text = STUDY + "estimand: {target: ate, subgroups: [girl]}\n"
    text = text.replace("given: [x]", "given: [x], cluster: school")
    rng = np.random.default_rng(3)
    rows = [
        f"{at % 40},{rng.integers(2)},{rng.normal():.4f},{rng.normal():.4f},{at % 2}"
        for at in range(800)
    ]
    (tmp_path / "t.csv").write_text("school,a,x,y,girl\n" + "\n".join(rows) + "\n")
    for given, doubted in (("[x]", True), ("[x, girl]", False)):
        (tmp_path / "s.yaml").write_text(text.replace("[x]", given), encoding="utf-8")
        study = read_study(tmp_path / "s.yaml")
        found = clear(run(study, read_records(study.records, base=tmp_path)))
        parts = [one for one in found.results if one.term.subgroup and one.estimator == "ipw"]
        assert len(parts) == 2
        for one in parts:
            assert any("none of the covariates" in w for w in one.warnings) is doubted


TIMED = """study: times
question: Does it help?
records: {table: t.csv}
arms: {column: a, levels: {0: none, 1: support}}
outcomes: {y: {column: y, kind: time, event: e, measured_in: months}}
assignment: {observed: {given: [x]}}
estimand: {contrast: [support, none], target: ate, summary: risk, horizon: [10, 20]}
estimators: [survival]
release: {policy: none}
"""


def test_children_who_left_before_the_horizon_may_have_had_another_end(tmp_path: Path) -> None:
    """One in five leaves at month 12: nobody before 10, a fifth of each arm before 20."""
    rng = np.random.default_rng(4)
    rows = []
    for at in range(1000):
        event = rng.random() < 0.4
        y = rng.integers(1, 20) + 0.5 if event else (12.5 if at % 3 == 0 else 30.0)
        rows.append(f"{at % 2},{rng.normal():.4f},{y},{int(event)}")
    (tmp_path / "t.csv").write_text("a,x,y,e\n" + "\n".join(rows) + "\n", encoding="utf-8")
    study = read_study("s.yaml", text=TIMED)
    found = clear(run(study, read_records(study.records, base=tmp_path)))
    told = {one.term.horizon: " ".join(one.warnings) for one in found.results}
    assert "left without the event" not in told[10.0]
    assert "of arm none left without the event before 20 months" in told[20.0]
    left = {arm: 0 for arm in "01"}
    for row in rows:
        arm, _, y, event = row.split(",")
        left[arm] += event == "0" and float(y) < 20
    assert f"{100 * left['1'] / 500:.0f}% of arm support" in told[20.0]


def test_a_trial_with_looks_says_what_its_interval_leaves_out(tmp_path: Path) -> None:
    """The figures in the words are those of 40,000 simulated trials: five looks, Pocock."""
    trial = (
        "trial:\n  arms:\n    none: {gets: usual, offer: usual}\n    support: {gets: more}\n"
        "  size: 400\n  blocks: [4]\n  monitoring: {looks: 5, bounds: pocock}\n"
        "time_zero: draw\nfollow_up: end\n"
    )
    text = STUDY.replace(
        "assignment: {observed: {given: [x]}}",
        trial + "assignment: {randomised: {design: group_sequential}}",
    ).replace("[naive, ipw]", "[naive]")
    found = output(tmp_path, by_school=False, text=text)
    assert all(any("looked at 5 times" in own for own in one.warnings) for one in found.results)
    random, share = np.random.default_rng(1), np.arange(1, 6) / 5
    walk = random.normal(size=(40_000, 5)).cumsum(axis=1) / np.sqrt(5)
    for drift, held in ((0.0, 0.925), (3.104, None)):  # power 80%
        z = (walk + drift * share) / np.sqrt(share)
        over = np.abs(z) >= 2.413
        at = np.where(over.any(axis=1), over.argmax(axis=1), 4)
        effect = z[np.arange(40_000), at] / np.sqrt(share[at])
        if held is None:
            assert abs(over.any(axis=1).mean() - 0.8) < 0.01
            assert 0.15 < effect.mean() / drift - 1 < 0.25
        else:
            inside = np.abs(effect - drift) <= 1.96 / np.sqrt(share[at])
            assert abs(inside.mean() - held) < 0.006
