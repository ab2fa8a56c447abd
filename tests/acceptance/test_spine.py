"""The commands of the first issue, through the installed command line, each in its own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

from fingerpost.cli._studying import Choices, answered, chosen
from fingerpost.reports.results import results as results_of
from fingerpost.reports.results import schema

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
ECLSK = "eclsk_special_education/eclsk_c.csv"


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder that holds the examples."""
    return subprocess.run(
        [str(COMMAND), *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with the examples, as a checkout has."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


TRIAL = "examples/lalonde/trial.yaml"
Ran = tuple[subprocess.CompletedProcess[str], Path]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Return the run of an example and the folder it was run in."""
    folder = tmp_path_factory.mktemp("ran")
    shutil.copytree(ROOT / "examples", folder / "examples")
    asked = ("--json", "lalondetrial.json", "--out", "build/lalondetrial")
    return run("study", "run", TRIAL, *asked, folder=folder), folder


def whole(folder: Path) -> None:
    """Check that a folder holds a report, its tables and results that meet the schema."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "<script" not in page
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, schema())
    tables = list((folder / "report-tables").glob("*.csv"))
    assert tables and all(table.stat().st_size for table in tables)
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "results.json",
        "report-tables",
    }


def said(done: subprocess.CompletedProcess[str]) -> None:
    """Check that a run printed answer, certainty, paths and the next command, and no traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    for words in ("Answer", "How sure", "Wrote", "Next"):
        assert f"\n{words} " in done.stdout


def test_study_run(ran):
    """Of the other examples, those on tables are run by the demonstration below."""
    done, folder = ran
    assert done.returncode == 0, done.stderr
    said(done)
    whole(folder / "build" / "lalondetrial")
    written = (folder / "lalondetrial.json").read_bytes()
    assert written == (folder / "build" / "lalondetrial" / "results.json").read_bytes()


@pytest.mark.real_data
def test_study_run_on_special_education(here, shared_file: Callable[[str], Path]):
    done = run(
        *("study", "run", "examples/eclsk/study.yaml", "--records", str(shared_file(ECLSK))),
        *("--json", "e.json", "--out", "build/eclsk"),
        folder=here,
    )
    assert done.returncode == 0, done.stderr
    said(done)
    whole(here / "build" / "eclsk")
    first = done.stdout.split("Answer", 1)[1].lstrip()
    assert first.startswith("We cannot tell")
    assert "91.0%" in first.split("\n\n")[0]


LEFT_OUT = {"C5R4RSCL", "C5R4MSCL", "C6R4RSCL", "C6R4MSCL"}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("edits", "outcome", "exposure", "besides"),
    [
        (
            {
                "{maths: {column: C6R4MSCL": "{reading: {column: C6R4RSCL",
                "[C5R4RSCL, C5R4MSCL, C6R4RSCL]": "[C5R4RSCL, C5R4MSCL, C6R4MSCL]",
            },
            "C6R4RSCL",
            "F5SPECS",
            set(),
        ),
        (
            {
                "[C5R4RSCL, C5R4MSCL, C6R4RSCL]": "[C5R4RSCL, C5R4MSCL, C6R4RSCL, WKSESL]",
                # What is no covariate any more cannot be a benchmark.
                "benchmarks: [MIRT, WKSESL]": "benchmarks: [MIRT]",
            },
            "C6R4MSCL",
            "F5SPECS",
            {"WKSESL"},
        ),
        ({"{column: F5SPECS,": "{column: P1FIRKDG,"}, "C6R4MSCL", "P1FIRKDG", set()),
    ],
    ids=["outcome", "covariates", "exposure"],
)
def test_the_study_changed_by_hand(here, shared_file, edits, outcome, exposure, besides):
    """Another outcome, fewer covariates, another exposure: the numbers are those of the columns
    that the study now names, by least squares and a logit of another library. (What the command
    answers, without a report: that of the study as it stands is above.)
    """
    study = here / "examples" / "eclsk" / "study.yaml"
    text = study.read_text(encoding="utf-8")
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    study.write_text(text, encoding="utf-8")
    records = shared_file(ECLSK)
    choices = Choices(records=records)
    asked = chosen(study, choices)
    output = answered(asked, choices, base=study.parent, say=lambda words: None)
    results = json.loads(json.dumps(results_of(output)))
    found = {(one["estimator"], one["target"]): one["value"] for one in results["estimates"]}
    naive, coefficient, att = by_other_means(records, outcome, exposure, besides)
    assert found["naive", "association"] == pytest.approx(naive, abs=1e-6)
    assert found["regression", "conditional"] == pytest.approx(coefficient, abs=1e-5)
    refused = {one["target"] for one in results["refusals"]}
    assert ("att" in refused) != (("ipw", "att") in found)
    if "att" not in refused:
        assert found["ipw", "att"] == pytest.approx(att, abs=1e-4)
    if exposure == "F5SPECS":
        # Who is compared hardly changes: one child still outweighs all others who had services.
        assert results["status"] == "partly refused" and refused == {"ate"}


def by_other_means(
    records: Path, outcome: str, exposure: str, besides: set[str]
) -> tuple[float, float, float]:
    """Return the difference of means, the coefficient of least squares, and the ATT by a logit."""
    frame = pl.read_csv(records).drop("CHILDID", "S1_ID").cast(pl.Float64)
    given = [n for n in frame.columns if n not in LEFT_OUT | {outcome, exposure} | besides]
    y, arm = frame[outcome].to_numpy(), frame[exposure].to_numpy()
    x = np.column_stack([np.ones(len(y)), frame.select(given).to_numpy()])
    coefficient = np.linalg.lstsq(np.column_stack([x, arm]), y, rcond=None)[0][-1]
    standard = np.column_stack([x[:, 0], (x[:, 1:] - x[:, 1:].mean(axis=0)) / x[:, 1:].std(axis=0)])
    e = sm.Logit(arm, standard).fit(disp=0, maxiter=200, tol=1e-12).predict()
    without = np.average(y, weights=(arm == 0) * e / (1 - e))
    naive = y[arm == 1].mean() - y[arm == 0].mean()
    return float(naive), float(coefficient), float(y[arm == 1].mean() - without)


def test_describe_in_words_and_as_sql(here):
    words = run("study", "describe", "examples/nhefs/study.yaml", folder=here)
    assert words.returncode == 0
    assert "weight gain" in words.stdout and "Made alike on" in words.stdout
    sql = run("study", "describe", "examples/nhefs/study.yaml", "--sql", folder=here)
    assert sql.returncode == 0
    assert "SELECT" in sql.stdout and "wt82_71" in sql.stdout


def test_doctor(here):
    done = run("doctor", folder=here)
    assert done.returncode == 0, done.stdout
    assert "BROKEN" not in done.stdout


@pytest.mark.slow
def test_demo(here, tmp_path):
    """Real studies, a report each, an index; what is not here is named."""
    done = run("demo", folder=here)
    assert done.returncode == 0, done.stderr
    said(done)
    folder = here / "build" / "demo"
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert "Left out" in done.stdout and "ECLS-K" in done.stdout
    for name in ("cleft", "nhefs", "lalonde-trial", "lalonde-survey"):
        whole(folder / name)
        assert f'href="{name}/report.html"' in index
    assert "trial beside the survey" in done.stdout


def test_two_runs_give_the_same_numbers_and_the_same_page(ran):
    _, folder = ran
    done = run("study", "run", TRIAL, "--out", "other/lalondetrial", folder=folder)
    assert done.returncode == 0, done.stderr
    for name in ("results.json", "report.html"):
        first, other = (folder / place / "lalondetrial" / name for place in ("build", "other"))
        assert first.read_bytes() == other.read_bytes(), name


def test_a_stop_from_the_keyboard_leaves_nothing(here):
    process = subprocess.Popen(
        [str(COMMAND), "study", "run", "examples/nhefs/study.yaml", "--out", "stopped"],
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "reading records" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Stopped" in errors
    assert printed == ""
    assert not (here / "stopped").exists()


def test_output_may_be_cut_short(here):
    """A reader that closes the pipe (`| head -1`) ends the command without a traceback."""
    command = f"{COMMAND} leaves estimators aipw | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
