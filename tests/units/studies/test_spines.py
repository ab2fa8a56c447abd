"""A study over spines: the true links give the answer that needs no linking."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fingerpost
from fingerpost.cli._spines import by_truth, linking, parted, through_one
from fingerpost.cli._studying import imputing
from fingerpost.cli.main import app
from fingerpost.cohorts.table import members
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.finding import Finding
from fingerpost.core.study import Study
from fingerpost.engines._shared import collected
from fingerpost.england.build import Options, build
from fingerpost.linkage import fellegi_sunter
from fingerpost.records.spines import write_spines
from fingerpost.records.store import open_store
from fingerpost.records.through import RECORDS, choose
from fingerpost.release.clear import clear
from fingerpost.reports.spines import spine_words
from fingerpost.reports.words import answers
from fingerpost.studies import unlinked
from fingerpost.studies.document import read_study
from fingerpost.studies.given import STUDIED, StudyGiven, asked_of
from fingerpost.studies.ready import NO_WEIGHT, WEIGHT, ready
from fingerpost.studies.run import run
from fingerpost.studies.spine_words import ONE
from fingerpost.studies.spines import Linking, number_of
from fingerpost.studies.unlinked import Schooled
from units.studies.documents import of_children

TEXT = of_children("spines", estimators="naive, ipw", primary="ipw")
ENGINE = "polars"
COLUMNS = ["hospital_id", "child_id", "weight", "probability", "step"]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """Return a small study of linked records."""
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return read_study(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, study) -> Path:
    """Return a small England with linkage error, and three sets of spines beside it."""
    place = tmp_path_factory.mktemp("linked") / "e"
    build(place, Options(children=1_500, seed=31, boosts={}, linkage_error=True))
    truth = pl.read_parquet(place / "truth" / "identity.parquet")
    told = {"method": "by hand", "recipe": {}, "parameters_redrawn": True}
    full = {**told, "conditional_on": asked_of(study)}
    write_spines(place, "true", tables=[as_spine(truth)] * 2, told=full)
    write_spines(place, "drawn", tables=[drawn(truth, seed) for seed in range(2)], told=told)
    missed = truth.filter(~lost(place, truth))
    write_spines(place, "missed", tables=[as_spine(missed)], told=told)
    return place


def as_spine(pairs: pl.DataFrame):
    return (
        pairs.with_columns(
            pl.lit(9.0).alias("weight"),
            pl.lit(0.99).alias("probability"),
            pl.lit("by hand").alias("step"),
        )
        .select(COLUMNS)
        .to_arrow()
    )


def drawn(truth: pl.DataFrame, seed: int):
    """Return a spine that misses one pair in twenty and gets one in ten wrong."""
    rng = np.random.default_rng(seed)
    kept = truth.filter(pl.Series(rng.random(truth.height) > 0.05))
    child = kept["child_id"].to_numpy().copy()
    wrong = np.flatnonzero(rng.random(len(child)) < 0.10)
    child[wrong] = child[np.roll(wrong, 1)]
    return as_spine(kept.with_columns(pl.Series("child_id", child)))


def lost(place: Path, truth: pl.DataFrame) -> pl.Series:
    """Return which pairs a link misses: half of those of children with free school meals."""
    census = pl.read_parquet(place / "school_census" / "*.parquet")
    first = census.filter((pl.col("nc_year") == 1) & (pl.col("term") == "SPR"))
    free = first.filter(pl.col("fsm") == 1)["child_id"].cast(pl.String)
    number = truth["child_id"].cast(pl.Int64)
    return truth["child_id"].is_in(free.implode()) & (number % 2 == 0)


def through(place: Path, name: str, **more) -> Linking:
    return Linking(place, choose(place, name=name), ENGINE, **more)


@pytest.fixture(scope="module")
def plain(folder, study, tmp_path_factory) -> Finding:
    """Return the same study where hospitals and schools name children alike, of those who could be
    linked.
    """
    place = tmp_path_factory.mktemp("plain") / "e"
    build(place, Options(children=1_500, seed=31, boosts={}))
    truth = pl.read_parquet(folder / "truth" / "identity.parquet")["child_id"].cast(pl.Int64)
    store = open_store(place, ENGINE)
    held = pl.read_parquet(place / "child" / "*.parquet")
    store.stand_in("child", held.filter(pl.col("child_id").is_in(truth.implode())))
    return run(study, store)


@pytest.fixture(scope="module")
def whole(folder, study) -> Finding:
    """Return the study over two spines that are the truth."""
    return run(study, open_store(folder, ENGINE), linking=through(folder, "true"))


@pytest.fixture(scope="module")
def wrong(folder, study) -> Finding:
    """Return the study over spines with links missed and false ones."""
    return run(study, open_store(folder, ENGINE), linking=through(folder, "drawn"))


def test_the_true_links_give_the_answer_that_needs_no_linking(plain, whole):
    for one, two in zip(plain.answers, whole.answers, strict=True):
        assert two.estimate.value == pytest.approx(one.estimate.value, abs=1e-12)
        assert two.estimate.n.tolist() == one.estimate.n.tolist()
        assert np.abs(two.estimate.extra).max() < 1e-20
        assert not any("sensitivity range" in words for words in two.estimate.interval)
    assert sorted(plain.members) == sorted(whole.members)
    row = table(whole, "linkage")[0]
    assert (row["number"], row["label"]) == (2, "imputation of the links")


# Links drawn given one study's outcome say nothing of another's; no generic word stands for any.
def test_spines_are_imputations_to_the_study_they_were_drawn_for_alone(folder, study):
    spines = choose(folder, name="true")
    assert spines.held_to(asked_of(study)).imputes
    other = [replace(study.outcomes[0], name="planned_admissions")]
    later = replace(study.linked, zero=replace(study.linked.zero, year=2))
    for changed in (
        replace(study, outcomes=(*study.outcomes, *other)),
        replace(study, linked=later),
        replace(study, linked=replace(study.linked, phenotype="asthma")),
        replace(study, assignment=replace(study.assignment, given=("sex", "birth_weight"))),
        replace(study, linked=replace(study.linked, strategies=study.linked.strategies[:1])),
    ):
        assert set(asked_of(changed)) != set(asked_of(study))
        assert not spines.held_to(asked_of(changed)).imputes
    # Drawn from other records than these they count no longer, whatever they were drawn given.
    now = open_store(folder, ENGINE).digest
    for digest, holds in ((now, True), ("of before", False)):
        held = replace(through(folder, "true").spines, records=digest)
        seen = Linking(folder, held, ENGINE).held_to(study)
        assert (seen.imputes, seen.changed) == (holds, () if holds else (RECORDS,))
    assert StudyGiven(study, folder).digest == now
    assert not replace(spines, given=("exposure", "outcome")).held_to(asked_of(study)).imputes
    assert not choose(folder, name="drawn").held_to(asked_of(study)).imputes


def test_another_studys_spines_are_a_sensitivity_range_and_say_why(folder, study):
    found = run(
        replace(study, outcomes=(replace(study.outcomes[0], name="planned_admissions"),)),
        open_store(folder, ENGINE),
        linking=through(folder, "true"),
    )
    assert table(found, "linkage")[0]["label"] == "sensitivity range"
    for answer in found.answers:
        assert any("another study asks" in words for _, words in answer.warnings)
        assert all("sensitivity range" in words for words in answer.estimate.interval)


# What the linker is told of a hospital record is what the study reads of its child through the true
# links: no other path from records to values.
def test_what_links_are_drawn_given_is_what_the_study_reads(folder, study):
    spine = choose(folder, name="true").paths[0]
    given = StudyGiven(study, folder, ENGINE).read([spine])
    assert STUDIED not in given.hospital.columns and given.arms == ("support",)
    assert set(given.hospital.columns) == {"gestation", "unplanned_admissions"}
    assert {"support", "fsm"} <= set(given.school.columns)
    built = ready(study, open_store(folder, ENGINE, spine=spine)).built
    pairs = pl.read_parquet(spine).select(pl.col("hospital_id", "child_id").cast(pl.String))
    record = dict(pairs.select("child_id", "hospital_id").iter_rows())
    child = [str(one) for one in members(built)]
    for name, values in (
        ("gestation", built.cohort.covariates["gestation"].values),
        ("unplanned_admissions", built.cohort.outcomes["unplanned_admissions"].value),
    ):
        held = dict(zip(given.hospital.ids, given.hospital.columns[name], strict=True))
        own = np.array([held[record[one]] for one in child])
        known = np.isfinite(values)
        assert known.sum() > 100 and own[known].tolist() == values[known].tolist()
    arm = dict(zip(given.school.ids, given.school.columns["support"], strict=True))
    assert [arm[one] for one in child] == built.cohort.arm.tolist()


def test_the_command_draws_links_given_a_study_and_its_intervals_are_intervals(
    folder, study, tmp_path, monkeypatch
):
    monkeypatch.setattr(fellegi_sunter, "SAMPLE", 60_000)
    path = tmp_path / "study.yaml"
    path.write_text(TEXT, encoding="utf-8")
    words = ["link", "run", str(folder), "--study", str(path), "-q"]
    one = CliRunner().invoke(app, [*words, "--spines", "1"])
    assert one.exit_code == 2 and "--spines 20" in " ".join(one.output.split())
    done = CliRunner().invoke(app, [*words, "--spines", "2"])
    assert done.exit_code == 0, done.output
    spines = choose(folder, name=study.name)
    assert set(spines.given) == set(asked_of(study)) and spines.redrawn
    assert not list((folder / "spines").glob(".*"))
    truth = pl.read_parquet(folder / "truth" / "identity.parquet")
    right = set(truth.select(pl.all().cast(pl.String)).select("child_id", "hospital_id").rows())
    for file in spines.paths:
        links = set(pl.read_parquet(file).select("child_id", "hospital_id").rows())
        assert len(links & right) > 0.97 * len(links) and len(links & right) > 0.9 * len(right)
    found = run(study, open_store(folder, ENGINE), linking=through(folder, study.name))
    assert table(found, "linkage")[0]["label"] == "imputation of the links"
    for answer in found.answers:
        assert not any("sensitivity range" in words for words in answer.estimate.interval)
        assert not any("sensitivity range" in words for _, words in answer.warnings)


def test_spines_that_differ_widen_what_is_said(wrong):
    for two in wrong.answers:
        assert (np.diag(two.estimate.extra) > 0).all()
        assert all("sensitivity range" in words for words in two.estimate.interval)
        assert any("sensitivity range" in words for _, words in two.warnings)
    rows = table(wrong, "spine_spread")
    assert {row["estimator"] for row in rows} == {"naive", "ipw"}
    for row, answer in zip(rows, wrong.answers, strict=True):
        middle = float(np.exp(answer.estimate.value[0]))
        assert row["lowest"] < middle < row["highest"]
        assert row["error_between"] > 0
    assert table(wrong, "linkage")[0]["label"] == "sensitivity range"
    assert wrong.flow.start == 1_500
    assert {name.split("/")[0] for name, _ in wrong.provenance.data_digest} >= {"spines"}


def test_who_opted_out_and_whom_no_school_holds_is_not_told_as_missed(wrong, folder):
    """The table of those missed counts neither, so that the flow must not."""
    children = pl.read_parquet(folder / "child" / "*.parquet")["child_id"]
    out = set(pl.read_parquet(folder / "opt_out" / "*.parquet")["child_id"])
    schooled = set(pl.read_parquet(folder / "school_census" / "*.parquet")["child_id"])
    file = folder / "spines" / "drawn" / "spine_1.parquet"
    linked = set(pl.read_parquet(file)["child_id"].cast(pl.Int64))
    gone = set(children) - linked
    told = [step.left for step in wrong.flow.steps[:3]]
    assert told == [len(gone & out), len(gone - out - schooled), len((gone - out) & schooled)]
    assert all(told) and wrong.flow.steps[2].reason.startswith("links missed them")


def test_no_word_of_imputed_copies_is_said_of_spines(wrong):
    output = clear(wrong, release="inside")
    assert "imputed copies" not in repr(output)
    words = " ".join(spine_words(output))
    assert "2 spines, drawn (by hand)" in words
    assert "sensitivity range" in words
    assert "whose families did not opt out" in words


def test_a_range_is_called_one_where_the_answer_is_told(wrong):
    told = " ".join(answers(clear(wrong, release="inside")))
    assert "(sensitivity range " in told and "% interval" not in told


@pytest.fixture(scope="module")
def missed(folder, study) -> Finding:
    """Return the study over one spine that misses half of those with free school meals."""
    return run(study, open_store(folder, ENGINE), linking=through(folder, "missed"))


def test_children_are_counted_whom_no_link_was_found_for(folder, study, missed):
    found = missed
    rows = {(r["group"], r["level"], r["arm"]): r for r in table(found, "unlinked")}
    free, paid = (rows["fsm", level, "all arms"] for level in ("1", "0"))
    assert free["share_missed"] == pytest.approx(0.5, abs=0.08)
    assert paid["share_missed"] == 0
    out = pl.read_parquet(folder / "opt_out" / "*.parquet")["child_id"]
    assert 0 < rows["all", "all", "all arms"]["opted_out"] <= len(out)
    every = rows["all", "all", "all arms"]
    assert every["children"] == sum(rows["all", "all", arm]["children"] for arm in study.arms.names)
    assert all(
        "one spine" in words for answer in found.answers for _, words in answer.warnings[-1:]
    )
    said = spine_words(clear(found, release="inside"))
    assert any("links missed" in words and "fsm 1" in words for words in said)


def test_those_linked_are_weighed_to_stand_for_those_missed(folder, study, missed):
    own = through(folder, "missed", weighted=True)
    weighed = run(study, open_store(folder, ENGINE), linking=own)
    assert table(weighed, "linkage")[0]["weighted"] is True
    assert missed.answers[1].estimate.value != pytest.approx(weighed.answers[1].estimate.value)
    every = [r for r in table(missed, "unlinked") if r["group"] == "fsm"]
    share = {r["level"]: r["children"] for r in every if r["arm"] == "all arms"}
    truth = share["1"] / (share["0"] + share["1"])
    held = unlinked.schooled(study, folder, engine=ENGINE, paths=own.spines.paths)
    store = open_store(folder, ENGINE, spine=own.spines.paths[0])
    cohort = ready(study, store, weights=unlinked.weights(held, 0)).built.cohort
    free = cohort.covariates["fsm"].values
    assert abs(free.mean() - truth) > 0.04
    assert np.average(free, weights=cohort.weight) == pytest.approx(truth, abs=0.01)


# A child enters several trials, and counts in each: whom links missed as well, else more seem to
# leave than there were. Arms differ from trial to trial, and so do those whom a child stands for.
def test_where_trials_repeat_every_count_and_weight_is_of_child_trials(folder):
    again = TEXT.replace(
        "{year: 1, census: spring}", "{every: year, from: 1, to: 3, census: spring}"
    )
    study = read_study("again.yaml", text=again.replace("end of year 2", "end of year 4"))
    own = through(folder, "missed", weighted=True)
    found = run(study, open_store(folder, ENGINE), linking=own)
    steps = found.flow.steps
    before = (found.flow.start, *(one.remaining for one in steps))
    assert all(was - one.left == one.remaining for was, one in zip(before, steps, strict=False))
    assert found.flow.start == 3 * pl.read_parquet(folder / "child" / "*.parquet").height
    assert found.flow.remaining == sum(count for _, count in found.flow.arms)
    held = unlinked.schooled(study, folder, engine=ENGINE, paths=own.spines.paths)
    weights = unlinked.weights(held, 0)
    assert weights.select("child_id", "trial").is_unique().all()
    store = open_store(folder, ENGINE, spine=own.spines.paths[0])
    cohort = ready(study, store, weights=weights).built.cohort
    free, trial = (cohort.covariates[name] for name in ("fsm", "trial"))
    for code, label in enumerate(trial.levels):
        inside = held.groups["trial"] == label
        truth = (held.groups["fsm"][inside] == "1").mean()
        rows = trial.values == code
        assert inside.sum() > rows.sum() > 100
        mean = np.average(free.values[rows], weights=cohort.weight[rows])
        assert mean == pytest.approx(truth, abs=0.02)
    rows = {(r["group"], r["level"]): r for r in table(found, "unlinked") if r["arm"] == "all arms"}
    trials = [rows["trial", f"Year {year}"]["children"] for year in (1, 2, 3)]
    assert rows["all", "all"]["children"] == sum(trials) and min(trials) > 100


# By hand: 40 linked of 60 poor children, 120 of 140 others; nobody opted out.
def test_a_weight_is_one_over_the_chance_of_a_link():
    poor = np.repeat([True, False], [60, 140])
    found = np.zeros((1, 200), dtype=bool)
    found[0, :40] = found[0, 60:180] = True
    held = Schooled(
        np.arange(200).astype(str),
        ("none",),
        np.zeros(200, dtype=np.int64),
        {"fsm": np.where(poor, "1", "0")},
        np.zeros(200, dtype=bool),
        found,
    )
    weights = dict(unlinked.weights(held, 0).iter_rows())
    assert len(weights) == 160
    assert weights["0"] / weights["60"] == pytest.approx((60 / 40) / (140 / 120), rel=1e-3)
    assert sum(weights.values()) == pytest.approx(160)


# 30 of 100 poor and 0 of 100 others opted out, and of the rest links missed nobody: whoever is left
# stands for 100/70, though no link was missed.
def test_opting_out_has_a_model_of_its_own():
    poor = np.repeat([True, False], 100)
    out = np.arange(200) < 30
    held = Schooled(
        np.arange(200).astype(str),
        ("none",),
        np.zeros(200, dtype=np.int64),
        {"fsm": np.where(poor, "1", "0")},
        out,
        ~out[None, :],
    )
    weights = dict(unlinked.weights(held, 0).iter_rows())
    assert weights["50"] / weights["150"] == pytest.approx(100 / 70, rel=0.01)
    rows = {(r[0], r[1], r[2]): r for r in unlinked.table(held).rows}
    assert rows["fsm", "1", "all arms"][3:] == (100, 30, 0.0, 0.0)


# Who opted out and is linked has another's record: they counted at the mean weight.
def test_who_has_no_weight_is_out_of_the_cohort_and_in_the_flow(folder, study):
    records = open_store(folder, ENGINE, spine=choose(folder, name="true").paths[0])
    before = ready(study, records)
    children = members(before.built)
    stay = {child: 2.0 - at % 2 for at, child in enumerate(children[:-7])}
    weights = pl.DataFrame({"child_id": list(stay), WEIGHT: list(stay.values())})
    after = ready(study, records, weights=weights)
    assert set(members(after.built)) == set(stay) and after.built.cohort.n == len(children) - 7
    assert set(after.built.cohort.weight) == {1.0, 2.0}
    (step,) = (one for one in after.built.cohort.flow.steps if one.reason == NO_WEIGHT)
    assert (step.left, step.remaining) == (7, len(children) - 7)


def test_values_are_imputed_once_a_spine(folder, study):
    asked = imputing(study, 2)
    found = run(asked, open_store(folder, ENGINE), linking=through(folder, "drawn"))
    assert table(found, "linkage")[0]["number"] == 2
    assert all(np.isfinite(answer.estimate.value).all() for answer in found.answers)


# Two spines in five copies would count the links' spread as of five draws: 0.72 of the variance
# between spines would be added, by hand, and not 1.5 of it.
def test_no_spine_counts_as_two(folder, study):
    assert number_of(imputing(study, 5), choose(folder, name="drawn")) == 2
    assert number_of(imputing(study, 5), choose(folder, name="drawn", count=1)) == 5


def test_copies_through_one_spine_are_not_spines(folder, study):
    asked = imputing(study, 2)
    spines = choose(folder, name="true", count=1)
    found = run(asked, open_store(folder, ENGINE), linking=Linking(folder, spines, ENGINE))
    assert table(found, "linkage")[0]["label"] == "one spine"
    assert "spine_spread" not in {each.name for each in found.tables}
    for answer in found.answers:
        assert np.isfinite(answer.estimate.value).all() and answer.estimate.extra is not None
        assert answer.warnings[-1][1] == ONE


def test_what_was_asked_is_refused_in_plain_words(folder, study):
    store = open_store(folder, ENGINE)
    with pytest.raises(Malformed, match="fingerpost link run"):
        run(study, store)
    with pytest.raises(UsageError, match="holds 2"):
        linking("true:20", store, engine=ENGINE)
    # Of several sets: the one drawn given the study, else the first by name of the largest.
    found = linking("2", store, engine=ENGINE, study=study)
    assert found is not None and set(asked_of(study)) <= set(found.spines.given)
    found = linking("2", store, engine=ENGINE)
    assert found is not None and found.spines.name == "drawn"
    file = Path("a study.yaml")
    command = r"link run .*--study 'a study.yaml' --spines 9 --name (\w+)-9.*--spines \1-9:9"
    with pytest.raises(UsageError, match=command):
        linking("9", store, engine=ENGINE, study=study, file=file)
    assert linking("true:2:weighted", store, engine=ENGINE).weighted
    assert parted("20") == ("", 20, False)
    for words in ("", "x", "0", "true:", ":3", "a:b:3", "3:heavy", "-1"):
        with pytest.raises(UsageError, match="--spines 20"):
            parted(words)


def test_the_set_that_holds_the_most_is_read_where_none_is_named(folder, tmp_path):
    """Deterministic passes leave one spine; whoever asks for twenty means the others."""
    truth = as_spine(pl.read_parquet(folder / "truth" / "identity.parquet"))
    write_spines(tmp_path, "passes", tables=[truth], told={"recipe": {}})
    write_spines(tmp_path, "scored", tables=[truth, truth], told={"recipe": {}})
    assert choose(tmp_path, count=2).name == choose(tmp_path, count=1).name == "scored"
    assert choose(tmp_path, count=1, name="passes").name == "passes"
    with pytest.raises(UsageError, match="scored holds 2"):
        choose(tmp_path, count=3)


def test_of_sets_drawn_given_the_study_one_of_this_version_is_read(folder, tmp_path):
    """Spines of another version count no longer, however many they are and whatever their name."""
    truth = as_spine(pl.read_parquet(folder / "truth" / "identity.parquet"))
    for name, version, many in (("a", "0.0.1", 2), ("b", fingerpost.__version__, 1)):
        told = {"recipe": {"version": version}, "conditional_on": ["all"]}
        write_spines(tmp_path, name, tables=[truth] * many, told=told)
    assert choose(tmp_path, count=1, asked=("all",)).name == "b"
    assert choose(tmp_path, count=1, asked=("more",)).name == "a"


def test_a_set_that_is_not_whole_stops_nobody_who_does_not_name_it(folder, tmp_path, capsys):
    place = tmp_path / "records"
    shutil.copytree(folder, place)
    (place / "spines" / "aaa").mkdir()
    (place / "spines" / "junk").mkdir()
    (place / "spines" / "junk" / "manifest.json").write_text("{", encoding="utf-8")
    wanted = choose(folder)
    assert (wanted.name, wanted.left_out) == ("drawn", ())
    found = choose(place)
    assert (found.name, found.digests) == (wanted.name, wanted.digests)
    assert found.left_out == ("aaa", "junk") and choose(place, name="drawn").left_out == ()
    linking("2", open_store(place, ENGINE), engine=ENGINE)
    said = capsys.readouterr().err
    assert "spines/junk is not whole and was not looked at; drawn is read" in said
    for name in ("aaa", "junk"):
        with pytest.raises(Malformed, match=f"{name} is not whole"):
            choose(place, name=name)
    for whole in [
        each for each in (place / "spines").iterdir() if each.name not in ("aaa", "junk")
    ]:
        shutil.rmtree(whole)
    with pytest.raises(Malformed, match="aaa is not whole"):
        choose(place)


def test_without_spines_asked_for_one_is_read_where_there_is_one(folder, tmp_path):
    store = open_store(folder, ENGINE)
    write_spines(
        folder,
        "zzz",
        tables=[as_spine(pl.read_parquet(folder / "truth" / "identity.parquet"))] * 3,
        told={"recipe": {}},
    )
    try:
        found = linking(None, store, engine=ENGINE)
        assert found is not None and (found.spines.name, len(found.spines.paths)) == ("zzz", 1)
    finally:
        shutil.rmtree(folder / "spines" / "zzz")


def test_what_takes_no_spines_is_read_through_the_first_or_by_the_truth(folder, study, capsys):
    store = open_store(folder, ENGINE)
    one = through_one(store, engine=ENGINE, study=study)
    assert "read through one spine, the first of" in capsys.readouterr().err
    with by_truth(store, engine=ENGINE) as known:
        rows = {
            each: [collected(one.frame(each), each), collected(known.frame(each), each)]
            for each in ("child", "birth")
        }
    links = pl.read_parquet(choose(folder, count=1, asked=asked_of(study)).paths[0])
    assert [len(each) for each in rows["child"]] == [len(links), 1_500]
    truth = pl.read_parquet(folder / "truth" / "identity.parquet")
    assert [len(each) for each in rows["birth"]] == [len(links), len(truth)]


def test_a_spine_that_is_not_one_to_one_is_refused(folder, tmp_path):
    truth = pl.read_parquet(folder / "truth" / "identity.parquet")
    twice = pl.concat([truth, truth.head(1).with_columns(pl.lit("x").alias("hospital_id"))])
    write_spines(tmp_path, "twice", tables=[as_spine(twice)], told={"recipe": {}})
    with pytest.raises(Malformed, match="not one-to-one: some child_id"):
        choose(tmp_path)


def table(found: Finding, name: str) -> list[dict]:
    """Return the rows of one table of a finding."""
    return next(each for each in found.tables if each.name == name).records()


ACCESS = """
study: access-through-a-spine
kind: access
question: Who gets provision?
population: {born: 2003-09/2013-08, enrolled: {year: 1, school: state-funded}}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 2}
access: {groups: [fsm], given: [fsm, gestation], need: severity_recorded, cluster: school}
release: {policy: inside}
"""


def test_a_study_of_access_is_run_through_one_spine(folder, tmp_path):
    path = tmp_path / "access.yaml"
    path.write_text(ACCESS, encoding="utf-8")
    asked, store = read_study(path), open_store(folder, ENGINE)
    found = run(asked, store, linking=through(folder, "missed"))
    assert table(found, "linkage")[0]["label"] == "one spine"
    with pytest.raises(UsageError, match="--spines 1"):
        run(asked, store, linking=through(folder, "true"))
