"""Studies over imputed copies: pooled as by hand, refused where any copy is, told in full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.cli._studying import imputing as imputing_copies
from fingerpost.cohorts import imputing
from fingerpost.cohorts.table import build, read_records
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import pool
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.seeds import stream
from fingerpost.core.study import Imputation, Study
from fingerpost.core.table import Table
from fingerpost.release.clear import clear
from fingerpost.reports.imputed import imputed_words, lopsided
from fingerpost.studies import imputed
from fingerpost.studies.analysing import analysed
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.pooled_tables import merge
from fingerpost.studies.pooling import pooled_refusals
from fingerpost.studies.run import run

STUDY = """
study: holes
question: Does support change y?
records: {table: holes.csv, unit: child, clusters: {school: school}}
arms: {column: arm, levels: {none: none, support: support}}
outcomes:
  y: {column: y}
  days: {column: days, kind: count, exposure: sessions}
assignment: {observed: {given: [index, boy, group], cluster: school}}
estimand: {contrast: [support, none], target: [ate]}
estimators: [naive, ipw, aipw]
imputation: {copies: 4, cycles: 3}
sensitivity: [e_value, tipping_point, {unassessed_bounds: {assume: alike}}]
release: {policy: none}
"""


def holes(n: int = 600, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    school = rng.integers(40, size=n)
    index, boy = rng.normal(size=n), rng.integers(2, size=n)
    group = rng.choice(["blue", "green", "red"], size=n)
    arm = rng.random(n) < 1 / (1 + np.exp(-0.5 * index + 0.2))
    y = 10 + arm + index + 0.5 * boy + 0.3 * rng.normal(size=40)[school] + rng.normal(size=n)
    sessions = rng.integers(100, 300, size=n)
    days = rng.poisson(sessions * np.exp(-3 + 0.2 * index - 0.3 * arm))
    table = {
        "child": np.arange(n),
        "school": school,
        "arm": np.where(arm, "support", "none"),
        "boy": boy,
        "index": hidden(index, rng.random(n) < 0.15),
        "group": hidden(group, rng.random(n) < 0.10),
        "y": hidden(y, rng.random(n) < 1 / (1 + np.exp(1.5 - index))),
    }
    unseen = rng.random(n) < 0.08
    return pl.DataFrame(
        {**table, "days": hidden(days, unseen), "sessions": hidden(sessions, unseen)},
        strict=False,
    )


def hidden(values, missing) -> list[object]:
    return [None if gone else value for value, gone in zip(values.tolist(), missing, strict=True)]


def written(folder: Path, text: str = STUDY, table: pl.DataFrame | None = None) -> Study:
    (holes() if table is None else table).write_csv(folder / "holes.csv")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return read_study(folder / "study.yaml")


def records_of(study: Study, folder: Path, engine: str = "duckdb"):
    return read_records(study.records, engine=engine, base=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("holes")


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return written(folder)


@pytest.fixture(scope="module")
def finding(study: Study, folder: Path):
    return run(study, records_of(study, folder))


def planned(study: Study, folder: Path):
    records = records_of(study, folder)
    built = build(resolve(study, records.columns), records)
    return built.study, imputed.planned(built.study, built)


def test_the_answer_is_rubin_of_copies_analysed_by_hand(
    study: Study, folder: Path, finding
) -> None:
    run_as, plan = planned(study, folder)
    estimates = []
    for number in range(1, 5):
        generator = stream(study.name, f"imputation {number}", seed=study.seed)
        cohort, _ = imputing.copy(plan, number=number, generator=generator)
        found = analysed(run_as, cohort, say=lambda words: None).answers
        estimates.append(next(a.estimate for a in found if a.leaf == "aipw"))
    by_hand = pool(estimates, estimates[0].clusters - 1)
    ours = next(a.estimate for a in finding.answers if a.leaf == "aipw")
    assert ours.value == pytest.approx(by_hand.value, abs=1e-12)
    assert ours.df == pytest.approx(by_hand.df, rel=1e-12)
    assert ours.extra == pytest.approx(by_hand.extra, rel=1e-9)


def test_all_children_stay_and_every_hole_is_told(finding) -> None:
    output = clear(finding)
    assert {result.n for result in output.results} == {600}
    missing = {row["variable"]: row for row in output.table("missing").records()}
    assert {missing[name]["handling"] for name in ("index", "group", "y", "days")} == {"imputed"}
    models = {row["variable"]: row for row in output.table("imputation").records()}
    assert models["index"]["model"].startswith("normal regression")
    assert models["group"]["model"].startswith("multinomial logit")
    assert models["days"]["model"].startswith("predictive mean matching")
    # A category of three has no level for each school, and is not said to have.
    clustered = {name: "a level for each school" in row["model"] for name, row in models.items()}
    assert clustered == {"index": True, "group": False, "y": True, "days": True}
    assert all(models[name]["missing"] == missing[name]["missing"] for name in models)
    assumed = output.table("assumptions").records()
    assert any(row["assumption"] == "missing at random" for row in assumed)


def test_what_was_imputed_is_told_by_arm(finding) -> None:
    rows = clear(finding).table("imputed").records()
    told = {(row["variable"], row["arm"]): row for row in rows}
    assert len(rows) == len(told) == 4 * 2
    for arm, part in holes().group_by("arm"):
        for name in ("y", "index", "group", "days"):
            row = told[name, arm[0]]
            missing = part[name].null_count()
            assert (row["children"], row["imputed"]) == (part.height, missing)
            assert row["share"] == pytest.approx(missing / part.height)
    (table,) = [one for one in finding.tables if one.name == "imputed"]
    for name in ("y", "index", "group", "days"):
        own = [at for at, row in enumerate(table.rows) if row[0] == name]
        # Behind a row stands the smallest part of any arm, with the value or without.
        assert {table.counts[at] for at in own} == {
            min(min(table.rows[at][4], table.rows[at][3] - table.rows[at][4]) for at in own)
        }


def test_of_a_variable_all_arms_are_told_or_none(finding) -> None:
    """Under a policy of ten children: the total, and the other arm, would tell of the nine."""
    (table,) = [one for one in finding.tables if one.name == "imputed"]
    arms = {row[2]: row[3] for row in table.rows}
    rows = [
        ("y", "outcome", arm, n, gone, gone / n)
        for (arm, n), gone in zip(arms.items(), (60, 9), strict=True)
    ]
    few = replace(table, rows=(*rows, *table.rows[2:]), counts=(9, 9, *table.counts[2:]))
    cleared = replace(finding, study=replace(finding.study, release="ons_srs"), tables=(few,))
    shown = clear(cleared).table("imputed").records()
    own = [row for row in shown if row["variable"] == "y" and row["role"] == "outcome"][:2]
    assert {row["imputed"] for row in own} == {row["share"] for row in own} == {None}
    assert any(row["imputed"] for row in shown)


def of_arms(output, *shares: float):
    table = output.table("imputed")
    rows = [
        ("y", "outcome", arm, 100, int(100 * share), share)
        for arm, share in zip(("none", "support"), shares, strict=True)
    ]
    return replace(output, tables=(replace(table, rows=tuple(rows), counts=()),))


def test_a_caution_is_told_where_much_is_imputed_or_more_in_one_arm(finding) -> None:
    output = clear(finding)
    assert lopsided(of_arms(output, 0.17, 0.20)) == ()
    (much,) = lopsided(of_arms(output, 0.21, 0.25))
    assert "for 25% of support: much of the answer rests on the imputation models" in much
    (apart,) = lopsided(of_arms(output, 0.02, 0.08))
    assert "for 8% of support and 2% of none" in apart
    assert apart.endswith("asks how unlike they would have to be.")


def test_what_missing_values_cost_is_told_for_every_estimate(finding) -> None:
    output = clear(finding)
    rows = output.table("imputation_precision").records()
    assert len(rows) == len(output.results)
    assert all(0 < row["missing_information"] < 1 for row in rows)
    assert {row["enough_copies"] for row in rows if row["outcome"] == "y"} == {False}


def test_an_analysis_of_the_pooled_answers_runs_once_on_them(finding) -> None:
    (table,) = [t for a in finding.sensitivity for t in a.tables if t.rows][:1]
    rows = {row["estimator"]: row for row in table.records() if row["outcome"] == "y"}
    pooled = {r.estimator: r.value for r in clear(finding).results if r.term.outcome == "y"}
    # Of a difference the ratio is exp(0.91 d / SD): its logarithm is in proportion to the answer.
    logs = {name: np.log(float(row["ratio"])) for name, row in rows.items() if name in pooled}
    assert logs["ipw"] / logs["aipw"] == pytest.approx(pooled["ipw"] / pooled["aipw"], rel=1e-9)


def test_an_imputed_outcome_was_not_seen(finding) -> None:
    unseen = int(holes()["y"].is_null().sum())
    tables = [table for answer in finding.sensitivity for table in answer.tables]
    rows = [row for table in tables if table.name == "tipping_unseen" for row in table.records()]
    shares = {row["unseen_in"]: row["share"] for row in rows if row["outcome"] == "y"}
    children = dict(holes()["arm"].value_counts().iter_rows())
    assert sum(shares[arm] * n for arm, n in children.items()) == pytest.approx(unseen)
    (bounds,) = [table for table in tables if table.name == "unassessed_bounds"]
    assert "4 imputed copies" in bounds.note
    (row,) = [row for row in bounds.records() if row["outcome"] == "y"]
    # Those not seen taken to be like those seen is what imputing takes them for.
    aipw = next(
        r for r in clear(finding).results if r.estimator == "aipw" and r.term.outcome == "y"
    )
    assert row["lower"] == pytest.approx(aipw.value, abs=aipw.se)
    assert row["lower"] == pytest.approx(row["upper"], abs=1e-9)


def test_a_run_is_the_same_again_and_with_polars(study: Study, folder: Path, finding) -> None:
    again = run(study, records_of(study, folder, "polars"))
    for one, two in zip(finding.answers, again.answers, strict=True):
        assert one.estimate.value == pytest.approx(two.estimate.value, rel=1e-12)


def test_without_a_hole_imputation_changes_nothing(tmp_path: Path) -> None:
    whole = holes().drop_nulls()
    asked = written(tmp_path, STUDY, whole)
    plain = replace(asked, imputation=None, missing="complete")
    records = records_of(asked, tmp_path)
    first, second = run(asked, records), run(plain, records)
    assert [t.name for t in first.tables] == [t.name for t in second.tables]
    for one, two in zip(first.answers, second.answers, strict=True):
        assert (one.estimate.value == two.estimate.value).all()


def test_outcomes_stay_out_where_the_study_says_so(tmp_path: Path) -> None:
    text = STUDY.replace("cycles: 3}", "cycles: 2, outcomes: false}").replace(
        "copies: 4", "copies: 2"
    )
    asked = written(tmp_path, text)
    output = clear(run(asked, records_of(asked, tmp_path)))
    seen = holes()["y"].drop_nulls().len()
    assert {r.n for r in output.results if r.term.outcome == "y"} == {seen}
    assert "y" not in output.table("imputation").column("variable")


def test_copies_carry_what_was_imputed_and_keep_what_was_recorded(
    study: Study, folder: Path
) -> None:
    _, plan = planned(study, folder)
    cohort, _ = imputing.copy(plan, number=3, generator=np.random.default_rng(1))
    assert cohort.replicate == 3
    y, days = plan.cohort.outcomes["y"], plan.cohort.outcomes["days"]
    assert (cohort.imputed["y"] == ~y.observed).all()
    assert cohort.outcomes["y"].observed is None
    assert (cohort.outcomes["y"].value[y.observed] == y.value[y.observed]).all()
    drawn = cohort.outcomes["days"]
    assert np.isfinite(drawn.exposure).all()
    # A child without a count takes a donor's, with the donor's person-time.
    pairs = set(zip(days.value[days.observed], days.exposure[days.observed], strict=True))
    own = ~days.observed
    assert set(zip(drawn.value[own], drawn.exposure[own], strict=True)) <= pairs
    assert (cohort.take(np.arange(5)).imputed["y"] == cohort.imputed["y"][:5]).all()


def test_children_on_several_rows_are_refused(study: Study, folder: Path) -> None:
    twice = replace(study, records=replace(study.records, repeated=True))
    with pytest.raises(Malformed, match="several rows"):
        planned(twice, folder)


def test_an_arm_without_a_recorded_value_is_refused(tmp_path: Path) -> None:
    table = holes().with_columns(
        pl.when(pl.col("arm") == "support").then(None).otherwise(pl.col("index")).alias("index")
    )
    asked = written(tmp_path, STUDY, table)
    with pytest.raises(
        Malformed, match='index is recorded for fewer than 2 children of the arm "s'
    ):
        run(asked, records_of(asked, tmp_path))


TERM = Term("y", pair("support", "none"), Target("ate"))


def test_what_one_copy_refuses_is_refused_and_the_refusal_says_in_how_many() -> None:
    def refused(share: float) -> tuple[Refusal, ...]:
        words = f"one child carries {100 * share:.1f}% of the weight of arm support"
        return (Refusal((TERM,), (Broken("largest child", "", share, 0.1, words),), "Trim."),)

    (found,) = pooled_refusals([refused(0.12), (), refused(0.31), ()])
    assert found.rules[0].measured == 0.31
    assert found.rules[0].words.endswith(
        "31.0% of the weight of arm support (in 2 of 4 imputed copies)"
    )


def test_tables_are_averaged_where_rows_match_and_tests_are_left_out() -> None:
    def table(mean: float, p: float, name: str = "a") -> Table:
        return Table(
            "t", "T", ("who", "mean", "p"), ("label", "number", "number"), ((name, mean, p),)
        )

    found = merge([table(1.0, 0.1), table(3.0, 0.2)], 2, 0.95)
    assert found.rows == (("a", 2.0, None),)
    other = merge([table(1.0, 0.1), table(3.0, 0.2, "b")], 2, 0.95)
    assert other.rows == (("a", 1.0, 0.1),)
    assert "first of 2" in other.note


def counted(counts, shares=(), name: str = "t", first: float = 1.0) -> Table:
    rows = (("a", first), ("b", 2.0))
    return Table(name, "T", ("who", "mean"), ("label", "number"), rows, counts, shares=shares)


def test_a_row_is_judged_by_the_fewest_children_of_any_copy() -> None:
    """Also where the copies show the same numbers, or one of them says nothing of a row."""
    alike = merge([counted((30, 20)), counted((12, 20)), counted((30, None))], 3, 0.95)
    assert alike.counts == (12, 20)
    apart = merge([counted((30, 20)), counted((12, 9), first=3.0), counted(())], 3, 0.95)
    assert apart.rows[0] == ("a", 5 / 3)
    assert apart.counts == (12, 9)
    assert merge([counted(()), counted(())], 2, 0.95).counts == ()
    held = [counted((9, 9), ((0.2, 0.1), None)), counted((9, 9), ((0.4, 0.1), (0.3, 0.2)))]
    assert merge(held, 2, 0.95).shares == ((0.4, 0.1), (0.3, 0.2))


def test_guard_rails_are_shown_at_their_worst() -> None:
    columns = ("rule", "assumption", "measured", "threshold", "verdict", "words")
    kinds = ("label", "label", "number", "number", "label", "label")

    def rails(measured: float, verdict: str) -> Table:
        return Table("guard", "G", columns, kinds, (("balance", "", measured, 0.1, verdict, "w"),))

    found = merge([rails(0.05, "ok"), rails(0.15, "warn"), rails(0.09, "ok")], 3, 0.95)
    assert found.rows[0][2:5] == (0.15, 0.1, "warn")


def test_drift_is_seen_and_wandering_is_not() -> None:
    rng = np.random.default_rng(4)
    wandering = rng.normal(size=(20, 1)) + 0.05 * rng.normal(size=(20, 10))
    assert imputed.settled(wandering)
    assert not imputed.settled(wandering + 0.2 * np.arange(10))


def test_the_language_reads_imputation(tmp_path: Path) -> None:
    asked = written(tmp_path, STUDY)
    assert asked.missing == "impute"
    assert asked.imputation == Imputation(4, 3)
    bad = STUDY.replace("copies: 4", "copies: 1")
    with pytest.raises(Malformed, match="copies"):
        written(tmp_path, bad)


def test_the_first_lines_say_what_was_imputed_what_it_costs_and_what_would_help(finding) -> None:
    said, uneven, cost = imputed_words(clear(finding))
    missing = {row["variable"]: row for row in clear(finding).table("missing").records()}
    assert said.startswith("Missing values of y (")
    assert f"index ({100 * missing['index']['share']:.0f}%)" in said
    assert "were imputed in 4 copies" in said
    assert uneven.startswith("Warning, y was imputed for ")
    assert "cannot be tested" in said
    rows = clear(finding).table("imputation_precision").records()
    primary = [row["missing_information"] for row in rows if row["estimator"] != "naive"]
    assert f"more copies would help, {int(np.ceil(100 * max(primary)))} at least" in cost


def test_the_command_line_makes_any_study_impute(study: Study) -> None:
    plain = replace(study, imputation=None, missing="indicator")
    asked = imputing_copies(plain, 30)
    assert asked.imputation == Imputation(30)
    assert asked.missing == "impute"
    kept = imputing_copies(study, 30)
    assert kept.imputation == replace(study.imputation, copies=30)
    for count in (1, 201, -3):
        with pytest.raises(UsageError, match="from 2 to 200"):
            imputing_copies(study, count)


def test_where_who_was_seen_is_modelled_outcomes_keep_their_weights(tmp_path: Path) -> None:
    text = STUDY.replace("estimand:", "models: {censoring: linear}\nestimand:")
    text = text.replace("copies: 4, cycles: 3", "copies: 2, cycles: 2")
    asked = written(tmp_path, text)
    output = clear(run(asked, records_of(asked, tmp_path)))
    missing = {row["variable"]: row for row in output.table("missing").records()}
    assert missing["index"]["handling"] == "imputed"
    assert missing["y"]["handling"] == "those seen stand for them, by weights"
    assert "y" not in output.table("imputation").column("variable")
