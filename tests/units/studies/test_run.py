"""A whole run: laws that hold from the table to the finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import Malformed, NotAnswerable, NotFitted
from fingerpost.core.study import Guard, Study
from fingerpost.release.clear import clear
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run
from suites.worlds import World

STUDY = """
study: world
question: Does support change y?
records: {table: world.csv, unit: child, clusters: {school: school}}
arms: {column: arm, levels: {none: none, support: support, plan: plan}}
outcomes: {y: {column: y, kind: continuous}}
assignment: {observed: {given: [index, boy], cluster: school}}
estimand: {contrast: [support, none], target: TARGETS, scale: difference}
estimators: [naive, regression, ipw, ipw_ra, g_formula, aipw]
release: {policy: none}
"""


def written(folder: Path, world: World, seed: int = 1, targets: str = "[ate, att]") -> Study:
    """Write a world's children as a CSV file with its study, and read the study."""
    cohort = world.draw(seed)
    pl.DataFrame(
        {
            "child": cohort.unit,
            "school": cohort.clusters["school"],
            "arm": np.array(cohort.arms)[cohort.arm],
            "y": cohort.outcomes["y"].value,
            "index": cohort.covariates["index"].values,
            "boy": np.array(["girl", "boy"])[cohort.covariates["boy"].values],
        }
    ).write_csv(folder / "world.csv")
    (folder / "study.yaml").write_text(STUDY.replace("TARGETS", targets), encoding="utf-8")
    return read_study(folder / "study.yaml")


def records_of(study: Study, folder: Path, engine: str = "duckdb"):
    return read_records(study.records, engine=engine, base=folder)


def values(finding) -> dict[tuple[str, str], float]:
    output = clear(finding)
    return {(r.estimator, r.term.target.label()): r.value for r in output.results}


def test_three_arms_recover_the_truth_from_a_file(tmp_path: Path) -> None:
    world = World(n=5000)
    study = written(tmp_path, world)
    output = clear(run(study, records_of(study, tmp_path)))
    assert output.status == "answered"
    for result in output.results:
        if result.term.target.causal:
            assert abs(result.value - world.truth(result.term)) < 4.5 * result.se
    assert {r.estimator for r in output.results} == set(study.estimators)


def test_both_engines_give_the_same_numbers(tmp_path: Path) -> None:
    study = written(tmp_path, World())
    first = values(run(study, records_of(study, tmp_path)))
    second = values(run(study, records_of(study, tmp_path, "polars")))
    assert first == pytest.approx(second, rel=1e-12)


def test_covariance_agrees_with_the_standard_errors_and_joins_leaves(tmp_path: Path) -> None:
    study = written(tmp_path, World())
    output = clear(run(study, records_of(study, tmp_path)))
    joint = np.array(output.covariance, dtype=float)
    errors = np.array([result.se for result in output.results])
    assert np.sqrt(np.diag(joint)) == pytest.approx(errors)
    assert np.isfinite(joint).all()
    assert np.linalg.eigvalsh(joint).min() > -1e-9 * np.diag(joint).max()


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("effective size", "refuse_effective_size"),
        ("largest child", "refuse_child_share"),
        ("largest cluster", "refuse_cluster_share"),
        ("balance", "refuse_smd"),
        ("outside support", "refuse_outside"),
        ("children", "refuse_children"),
        ("clusters", "refuse_clusters"),
    ],
)
def test_a_threshold_just_over_or_under_what_is_measured_decides(
    tmp_path: Path, rule: str, field: str
) -> None:
    """The same world, with one threshold on either side of what was measured."""
    study = written(tmp_path, World(n=800, schools=40), targets="ate")
    records = records_of(study, tmp_path)
    tables = [table for table in run(study, records).tables if table.name == "guard"]
    measured = [row["measured"] for row in tables[0].records() if row["rule"] == rule]
    low = field in ("refuse_effective_size", "refuse_children", "refuse_clusters")
    worst = min(measured) if low else max(measured)
    step = max(abs(worst), 1e-3) * 1e-6
    for side, refused in ((step if low else -step, True), (-step if low else step, False)):
        told = replace(study, guard=replace(Guard(), **{field: worst + side}))
        output = clear(run(told, records))
        assert bool(output.refusals) is refused
        causal = [r for r in output.results if r.term.target.causal]
        assert bool(causal) is not refused


def test_a_refused_target_is_answered_by_no_leaf_but_extrapolation_is_shown_apart(
    tmp_path: Path,
) -> None:
    study = written(tmp_path, World(n=800, schools=40), targets="[ate, overlap]")
    told = replace(study, guard=replace(Guard(), refuse_outside=-1.0))
    output = clear(run(told, records_of(study, tmp_path)))
    assert output.status == "partly refused"
    kinds = {r.term.target.kind for r in output.results}
    assert "ate" not in kinds
    assert "overlap" in kinds
    assert {r.estimator for r in output.extrapolations} == {"g_formula"}
    assert [r.terms[0].target.kind for r in output.refusals] == ["ate"]
    assert not any(t.name == "truncation" and t.tag("target") == "ate" for t in output.tables)


def test_trimming_fits_again_on_who_stays(tmp_path: Path) -> None:
    study = written(tmp_path, World(n=3000), targets="[ate, {trimmed: 0.15}]")
    output = clear(run(study, records_of(study, tmp_path)))
    sizes = {r.term.target.label(): r.n for r in output.results if r.estimator == "ipw"}
    assert sizes["ate trimmed 0.15"] < sizes["ate"] == 3000
    table = output.table("trim")
    assert sum(table.column("kept")) == sizes["ate trimmed 0.15"]


def test_asking_for_more_is_a_usage_error_that_names_the_leaves_that_can(tmp_path: Path) -> None:
    study = written(tmp_path, World())
    with pytest.raises(NotAnswerable, match=r"overlap cannot answer ate or att.*aipw"):
        run(replace(study, estimators=("overlap",)), records_of(study, tmp_path))
    with pytest.raises(NotAnswerable, match=r"none of the study's estimators answers"):
        asked = written(tmp_path, World(), targets="[ate, overlap]")
        run(replace(asked, estimators=("overlap", "naive")), records_of(asked, tmp_path))


def test_a_covariate_that_tells_the_arm_is_named(tmp_path: Path) -> None:
    study = written(tmp_path, World(n=500))
    frame = pl.read_csv(tmp_path / "world.csv")
    frame = frame.with_columns(
        pl.when(pl.col("arm") == "none").then(-9.0).otherwise(pl.col("index")).alias("index")
    )
    frame = frame.with_columns(pl.col("index") + 0.001 * pl.int_range(pl.len()) % 7)
    frame.write_csv(tmp_path / "world.csv")
    with pytest.raises(NotFitted, match="index"):
        run(study, records_of(study, tmp_path))


def test_two_outcomes_seen_for_different_children_are_each_complete(tmp_path: Path) -> None:
    study = written(tmp_path, World(n=2000))
    frame = pl.read_csv(tmp_path / "world.csv")
    gone = pl.when(pl.int_range(pl.len()) % 10 == 0).then(None).otherwise(pl.col("y"))
    frame.with_columns(gone.alias("z")).write_csv(tmp_path / "world.csv")
    second = replace(study.outcomes[0], name="z", column="z")
    told = replace(study, outcomes=(study.outcomes[0], second))
    output = clear(run(told, records_of(study, tmp_path)))
    sizes = {r.term.outcome: r.n for r in output.results}
    assert sizes == {"y": 2000, "z": 1800}
    assert [(s.outcome, s.left) for s in output.flow.steps if s.outcome] == [("z", 200)]


TWO = """
study: two
question: Does support change either?
records: {table: two.csv}
arms: {column: arm, levels: {0: none, 1: support}}
outcomes: {seen: {column: seen}, rare: {column: rare}}
assignment: {observed: {given: [x, z]}}
estimators: [naive, ipw]
sensitivity: [e_value]
release: {policy: none}
"""


def test_an_outcome_that_cannot_be_answered_leaves_the_others_theirs(tmp_path: Path) -> None:
    """The rare outcome is recorded only of children whose z tells their arm for certain."""
    draw = np.random.default_rng(3)
    x, noise = draw.normal(size=(2, 600))
    arm, z = (draw.random(600) < 0.5).astype(int), (draw.random(600) < 0.5).astype(int)
    rare = [f"{v:.4f}" if a == b else "" for v, a, b in zip(noise, arm, z, strict=True)]
    rows = [
        f"{a},{v:.4f},{b},{v + a + e:.4f},{r}"
        for a, v, b, e, r in zip(arm, x, z, noise, rare, strict=True)
    ]
    (tmp_path / "two.csv").write_text("arm,x,z,seen,rare\n" + "\n".join(rows) + "\n")
    study = read_study("two.yaml", text=TWO)
    finding = run(study, records_of(study, tmp_path))
    assert ("ipw", "ate") in values(finding)
    answered = {t.outcome for a in finding.answers if a.estimate for t in a.estimate.terms}
    assert answered == {"seen"}
    (refused,) = finding.refusals
    assert {term.outcome for term in refused.terms} == {"rare"}
    assert "told for certain by z" in refused.rules[0].words
    alone = replace(study, outcomes=study.outcomes[1:])
    with pytest.raises(NotFitted, match="told for certain by z"):
        run(alone, records_of(alone, tmp_path))


def test_a_score_that_trimming_breaks_bars_that_target_alone(tmp_path: Path) -> None:
    """Among those who stay after trimming, `rare` is found in one arm only."""
    study = written(tmp_path, World(n=3000), targets="[ate, {trimmed: 0.22}]")
    frame = pl.read_csv(tmp_path / "world.csv")
    far = (pl.col("index").abs() > 1.2) & (pl.int_range(pl.len()) % 2 == 0)
    near = (pl.col("index").abs() < 0.4) & (pl.col("arm") == "support")
    rare = pl.when(far | (near & (pl.int_range(pl.len()) % 5 == 0))).then(1).otherwise(0)
    frame.with_columns(rare.alias("rare")).write_csv(tmp_path / "world.csv")
    given = replace(study.assignment, given=(*study.given, "rare"))
    output = clear(run(replace(study, assignment=given), records_of(study, tmp_path)))
    refused = {r.terms[0].target.label(): r.rules[0].words for r in output.refusals}
    assert list(refused) == ["ate trimmed 0.22"]
    assert refused["ate trimmed 0.22"].startswith("after trimming, exposure model")
    assert {r.term.target.label() for r in output.results if r.term.target.causal} == {"ate"}


@pytest.mark.parametrize("column", ["y", "index"])
def test_a_number_too_large_to_compute_with_is_a_fault(tmp_path: Path, column: str) -> None:
    study = written(tmp_path, World(n=300))
    frame = pl.read_csv(tmp_path / "world.csv")
    huge = pl.when(pl.int_range(pl.len()) == 7).then(1e300).otherwise(pl.col(column))
    frame.with_columns(huge.alias(column)).write_csv(tmp_path / "world.csv")
    with pytest.raises(Malformed, match=r"beyond 1e\+100.*1 child "):
        run(study, records_of(study, tmp_path))
