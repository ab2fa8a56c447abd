"""ECLS-K, special education services and mathematics: the committed study against known numbers.

Data and study: Keller and Tipton (2016), Journal of Educational and Behavioral Statistics
41:326-348, file eclsk_c (printed: −19.2 unadjusted; −8.45 by quintiles of the propensity). The
other numbers were computed apart from this code, in the conventions of R and statsmodels: logit by
maximum likelihood on 34 covariates, school-clustered errors with factor G/(G − 1), G = 861.
Points to 5e-4, standard errors to 1e-3.
"""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
POINT, ERROR = 5e-4, 1e-3
LEAVES = ("ipw", "ipw_ra", "aipw", "g_formula", "subclassification")

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, shared_file: Callable[[str], Path]
) -> tuple[dict[str, Any], str, Path]:
    """Run the committed study once; return its results, what was printed, and the folder."""
    table = shared_file("eclsk_special_education/eclsk_c.csv")
    folder = tmp_path_factory.mktemp("eclsk")
    study = ROOT / "examples/eclsk/study.yaml"
    command = [str(COMMAND), "study", "run", str(study), "--records", str(table)]
    done = subprocess.run(
        [*command, "--json", "e.json", "--out", "report"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "e.json").read_text(encoding="utf-8"))
    return found, done.stdout, folder


@pytest.fixture(scope="module")
def results(run: tuple[dict[str, Any], str, Path]) -> dict[str, Any]:
    """Return results.json."""
    return run[0]


def estimate(results: dict[str, Any], estimator: str, target: str) -> dict[str, Any]:
    """Return the one estimate of an estimator and target."""
    found = [
        each
        for each in results["estimates"]
        if (each["estimator"], each["target"]) == (estimator, target)
    ]
    assert len(found) == 1
    return found[0]


def rows(results: dict[str, Any], name: str, target: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a diagnostic table."""
    return [
        row
        for table in results["diagnostics"][name]
        if target is None or table["tags"].get("target") == target
        for row in table["rows"]
    ]


@pytest.mark.parametrize(
    ("estimator", "target", "value", "se"),
    [
        ("naive", "association", -19.2258, 1.4176),
        ("regression", "conditional", -7.0751, 0.9679),
        ("ipw", "att", -5.8336, 1.1504),
        ("overlap", "overlap", -5.2484, 0.9723),
        ("ipw", "overlap", -5.2484, 0.9723),
        ("ipw_ra", "att", -4.8375, None),
        ("aipw", "att", -5.1215, None),
        ("subclassification", "att", -8.4482, None),
        ("ipw", "ate trimmed 0.01", -2.165, None),
    ],
)
def test_answers(results, estimator, target, value, se):
    found = estimate(results, estimator, target)
    assert found["value"] == pytest.approx(value, abs=POINT)
    if se is not None:
        assert found["se"] == pytest.approx(se, abs=ERROR)


def test_what_the_paper_prints(results):
    assert estimate(results, "naive", "association")["value"] == pytest.approx(-19.2, abs=0.05)
    by_quintile = estimate(results, "subclassification", "att")
    assert by_quintile["value"] == pytest.approx(-8.45, abs=5e-3)
    assert estimate(results, "naive", "association")["clusters"] == 861


def test_the_effect_on_all_children_is_refused_and_says_why(results):
    assert results["status"] == "partly refused"
    assert [each["target"] for each in results["refusals"]] == ["ate"]
    rules = {rule["rule"]: rule["measured"] for rule in results["refusals"][0]["rules"]}
    assert rules["largest child"] == pytest.approx(0.9096, abs=POINT)
    assert rules["effective size"] == pytest.approx(1.2, abs=0.05)
    assert rules["balance"] == pytest.approx(6.97, abs=0.05)
    assert rules["outside support"] == pytest.approx(0.326, abs=1e-3)


def test_no_leaf_answers_for_all_children(results):
    assert [each for each in results["estimates"] if each["target"] == "ate"] == []
    assert {each["target"] for each in results["extrapolations"]} <= {"ate"}
    beyond = {each["estimator"]: each["value"] for each in results["extrapolations"]}
    assert beyond["g_formula"] == pytest.approx(-4.494, abs=1e-3)


def test_the_number_of_the_trap_is_nowhere(run):
    """+38.0925 is what inverse probability weights would say of all children."""
    _, printed, folder = run
    pages = [folder / "report" / name for name in ("report.html", "results.json")]
    text = printed + "".join(page.read_text(encoding="utf-8") for page in pages)
    assert "38.09" not in text


@pytest.mark.parametrize("estimator", LEAVES)
def test_every_leaf_answers_the_other_targets(results, estimator):
    for target in ("att", "overlap", "ate trimmed 0.01"):
        assert estimate(results, estimator, target)["value"] is not None


def test_trimming_is_fitted_again_and_shown_beside_not(results):
    found = {row["estimator"]: row["estimate"] for row in rows(results, "trim_estimates")}
    assert found["ipw"] == pytest.approx(-2.165, abs=POINT)
    assert found["weights of the first fit"] == pytest.approx(-5.487, abs=POINT)
    kept = {row["arm"]: row["kept"] for row in rows(results, "trim")}
    assert kept == {"services": 414, "none": 4962 - 414}
    assert estimate(results, "ipw", "ate trimmed 0.01")["n"] == 4962
    assert estimate(results, "ipw", "ate trimmed 0.01")["warnings"]


def test_effective_sizes(results):
    expected = {
        "ate": {"services": 1.2, "none": 6807},
        "att": {"services": 429, "none": 1019},
        "overlap": {"services": 397, "none": 1885},
        "ate trimmed 0.01": {"services": 113, "none": 4423},
    }
    for target, sizes in expected.items():
        found = {row["arm"]: row["effective_size"] for row in rows(results, "weights", target)}
        assert found == pytest.approx(sizes, abs=0.5), target


def test_overlap_weights_balance_exactly(results):
    # Exact in the means between arms (Li, Morgan and Zaslavsky 2018, theorem 3).
    worst = max(row["pair_after"] for row in rows(results, "balance", "overlap"))
    assert worst == pytest.approx(0, abs=1e-6)


def test_the_negative_control(results):
    table = results["sensitivity"]["negative_control"]["tables"]["negative_control"][0]
    row = next(row for row in table["rows"] if row["estimator"] == "regression")
    assert row["estimate"] == pytest.approx(-2.3380, abs=POINT)
    assert row["se"] == pytest.approx(0.3744, abs=ERROR)


def test_the_robustness_value(results):
    table = results["sensitivity"]["omitted_variable"]["tables"]["robustness"][0]
    plain, clustered = table["rows"]
    assert plain["rv"] == pytest.approx(0.0946, abs=POINT)
    assert plain["partial_r2"] == pytest.approx(0.00978, abs=5e-6)
    assert (plain["se"], plain["t"]) == pytest.approx((0.8317, -8.507), abs=ERROR)
    assert clustered["rv"] == pytest.approx(0.0816, abs=POINT)
    assert "school" in clustered["se_kind"]


def test_the_refusal_is_in_the_first_lines(run):
    _, printed, folder = run
    answer = printed.split("Answer", 1)[1].lstrip()
    assert answer.startswith("We cannot tell")
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    body = page.split("<body", 1)[1]
    assert body.index("We cannot tell") < body.index("the children who received services")


def words_of(picture: str) -> set[str]:
    """Return the texts of an SVG."""
    return set(re.findall(r">([^<>]+)</text>", picture))


def test_the_picture_of_the_readme_shows_these_answers(run):
    _, _, folder = run
    drawn = (ROOT / "docs/assets/triangulation-eclsk.svg").read_text(encoding="utf-8")
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert len(words_of(drawn)) > 30
    assert words_of(drawn) <= words_of(page), "run `make picture`"
