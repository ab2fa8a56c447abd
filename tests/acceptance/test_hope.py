"""HOPE's question on a little synthetic England, from the study's file to the report."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from fingerpost.cli._studying import Choices, answered, chosen, told, write_folder
from fingerpost.cli.main import app
from fingerpost.reports.results import results as results_of
from fingerpost.reports.results import schema

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
EXAMPLES = ROOT / "examples" / "hope"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *words],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def england(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("england") / "records"
    made = run(
        *("england", "build", "--children", "3000", "--seed", "5", "--jobs", "1"),
        *("--phenotype-boost", "cleft=12000", "--out", str(folder)),
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An England without added children: these are left out of studies of all."""
    folder = tmp_path_factory.mktemp("everyone") / "records"
    made = run(
        *("england", "build", "--children", "20000", "--seed", "5", "--jobs", "1"),
        *("--phenotype-boost", "none", "--out", str(folder)),
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def cleft(england: Path, tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> dict[str, Any]:
    """What the command says and writes of the study, but for its pictures. (It is run whole, in a
    process of its own, by the demonstration.)
    """
    out = tmp_path_factory.mktemp("cleft") / "report"
    choices = Choices(records=england)
    asked = chosen(EXAMPLES / "cleft.yaml", choices)
    output = answered(asked, choices, base=EXAMPLES, say=lambda words: None)
    write_folder(output, out)
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    page = (out / "report.html").read_text(encoding="utf-8")
    return {"results": results, "page": page, "said": told(output)}


def estimates(results: dict[str, Any], **asked: str) -> list[dict[str, Any]]:
    return [
        one
        for one in results["estimates"]
        if all(one[key] == value for key, value in asked.items())
    ]


@pytest.mark.slow
def test_the_sign_flips_and_the_truth_stands_beside(cleft):
    results = cleft["results"]
    jsonschema.validate(results, schema())
    about = {"outcome": "unauthorised_absence", "contrast": "support v none"}
    (naive,) = estimates(results, estimator="naive", **about)
    assert naive["value"] > 1
    for leaf in ("ipw", "g_formula", "aipw"):
        (found,) = estimates(results, estimator=leaf, target="ate", **about)
        assert found["value"] < 1, leaf
    truth = {
        (one["outcome"], one["contrast"], one["target"]): one["value"] for one in results["truth"]
    }
    assert truth["unauthorised_absence", "support v none", "ate"] == pytest.approx(0.86, abs=0.005)
    assert truth["ks2_maths", "support v none", "ate"] == pytest.approx(0.05, abs=0.005)
    assert "Truth, as this England is synthetic" in cleft["page"]
    assert results["synthetic"] and "no real child" in cleft["said"]


@pytest.mark.slow
def test_a_plan_against_nothing_is_refused(cleft):
    results = cleft["results"]
    refused = {(one["outcome"], one["target"]) for one in results["refusals"]}
    assert {("unauthorised_absence", "ate"), ("unauthorised_absence", "att")} <= refused
    assert not [
        one
        for one in estimates(results, contrast="ehcp v none", outcome="unauthorised_absence")
        if one["target"] in ("ate", "att")
    ]


@pytest.mark.slow
def test_hidden_severity_is_shown_for_what_it_is(cleft):
    """Attainment looks harmed after adjustment, and is not: severity was never recorded."""
    results = cleft["results"]
    about = {"outcome": "ks2_maths", "contrast": "support v none"}
    (crude,) = estimates(results, estimator="naive", **about)
    (found,) = estimates(results, estimator="aipw", target="ate", **about)
    assert crude["value"] < found["value"] < 0


@pytest.mark.slow
def test_the_flow_counts_children_by_hand(england, cleft):
    child = pl.read_parquet(england / "child" / "*.parquet")
    flow = cleft["results"]["flow"]
    assert flow["start"] == len(child)
    born = child.filter(
        (pl.col("birth_month") >= pl.date(2003, 9, 1))
        & (pl.col("birth_month") <= pl.date(2008, 8, 1))
    )
    census = pl.read_parquet(england / "school_census" / "*.parquet").filter(
        (pl.col("nc_year") == 1) & (pl.col("term") == "SPR")
    )
    assert flow["steps"][0]["remaining"] == len(born)
    assert flow["steps"][1]["remaining"] == len(born.join(census, on="child_id", how="semi"))


@pytest.mark.slow
def test_both_engines_read_one_study_alike(england):
    from fingerpost.cohorts.linked.flatten import flatten
    from fingerpost.records.store import open_store
    from fingerpost.studies.document import read_study
    from fingerpost.studies.linked import spelt

    study = spelt(read_study(EXAMPLES / "cleft.yaml"))
    one, other = (
        flatten(study, open_store(england, engine)).records.frame.collect().to_native()
        for engine in ("duckdb", "polars")
    )
    from polars.testing import assert_frame_equal

    assert_frame_equal(one, other, check_exact=False, rel_tol=1e-12)


@pytest.mark.slow
def test_what_is_recorded_is_all_that_the_measured_indices_are_made_of(england):
    """England's two indices are linear in covariates: read from records, they come back whole."""
    from fingerpost.cohorts.linked.flatten import flatten
    from fingerpost.england import reveal
    from fingerpost.records.store import open_store
    from fingerpost.studies.document import read_study
    from fingerpost.studies.linked import spelt

    study = spelt(read_study(EXAMPLES / "cleft.yaml"))
    flat = flatten(study, open_store(england, "polars")).records.frame.collect().to_native()
    truth = reveal.sealed(england, flat["child_id"].to_list()).columns
    names = sorted(flat["ethnicity"].unique().to_list())[1:]
    groups = [(flat["ethnicity"] == name).cast(float) for name in names]
    language = (flat["first_language"] == "OTH").cast(float)
    social = [flat["idaci"], flat["fsm"], flat["mother_age"], language, *groups]
    clinical = [flat["birth_weight"], flat["gestation"], flat["early_admissions"]]
    for index, columns in (("social", social), ("clinical", clinical)):
        design = np.column_stack([np.ones(len(flat)), *(column.to_numpy() for column in columns)])
        slopes, *_ = np.linalg.lstsq(design, truth[index], rcond=None)
        assert np.abs(truth[index] - design @ slopes).max() < 1e-9, index


@pytest.mark.slow
@pytest.mark.parametrize("name", ["delay", "dose"])
def test_soon_or_late_and_more_or_less_cover_what_is_true(everyone, name):
    """What the command answers, without drawing its report: that takes most of its time."""
    choices = Choices(records=everyone)
    asked = chosen(EXAMPLES / f"{name}.yaml", choices)
    found = results_of(answered(asked, choices, base=EXAMPLES, say=lambda words: None))
    results = json.loads(json.dumps(found))
    assert results["truth"]
    for one in results["truth"]:
        (found,) = estimates(
            results, estimator="aipw", outcome=one["outcome"], target=one["target"]
        )
        middle, half = (found["lo"] + found["hi"]) / 2, (found["hi"] - found["lo"]) / 2
        # Three in place of two standard errors: eight intervals are looked at.
        assert abs(one["value"] - middle) <= 1.5 * half, one


def test_linked_records_must_be_named():
    ended = CliRunner().invoke(app, ["study", "run", str(EXAMPLES / "cleft.yaml")])
    assert ended.exit_code == 2
    assert "--records FOLDER" in ended.output


@pytest.mark.slow
def test_describe_counts_who_is_studied(england):
    study = str(EXAMPLES / "cleft.yaml")
    ended = run("study", "describe", study, "--records", str(england))
    assert ended.returncode == 0, ended.stderr
    assert "15,000 children" in ended.stdout and "support: " in ended.stdout
