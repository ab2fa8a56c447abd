"""The benchmarks on a handful of children: they still run, agree with each other, and are told."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import data, growth, page, run, store, study  # noqa: E402
from benchmarks.benchmark import OWN, TASKS, benchmark_named  # noqa: E402
from benchmarks.store import Key, Record, Store  # noqa: E402

PEERS = {
    **{"statsmodels": "statsmodels", "scikit-learn": "sklearn", "glum": "glum"},
    "DoubleML": "doubleml",
}
PAIRS = [(task, tool) for task in TASKS for tool in benchmark_named(task).tools]


@pytest.fixture(scope="module")
def sample() -> data.Sample:
    return data.draw(1_500)


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], np.ndarray]:
    return {}


@pytest.mark.parametrize(("task", "tool"), PAIRS)
def test_every_tool_gives_the_numbers_of_the_first(task, tool, sample, answers) -> None:
    peer = PEERS.get(tool.split()[0])
    if peer is not None and importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    found = benchmark_named(task)
    result = found.tools[tool](sample)()
    assert np.isfinite(result.value).all()
    like = found.like.get(tool, OWN)
    if (task, like) not in answers:
        answers[task, like] = found.tools[like](sample)().value
    allowed = found.close.get(tool, page.CLOSE)
    assert result.value == pytest.approx(answers[task, like], abs=allowed)


def test_tasks_are_the_modules_of_their_folder() -> None:
    files = {path.stem for path in (ROOT / "benchmarks" / "tasks").glob("*.py")} - {"__init__"}
    assert files == set(TASKS)


def test_a_sample_is_the_same_after_being_kept(tmp_path: Path) -> None:
    made, back = data.draw(500, 6, 4), data.load(data.keep(tmp_path, 500, p=6, k=4))
    for field in dataclasses.fields(data.Sample):
        assert np.array_equal(getattr(made, field.name), getattr(back, field.name))


def test_half_the_covariates_are_yes_or_no_and_every_arm_has_children() -> None:
    made = data.draw(5_000, 20, 6)
    binary = [set(np.unique(column)) <= {0.0, 1.0} for column in made.columns]
    assert sum(binary) == 10
    assert np.bincount(made.arm, minlength=6).min() > 100
    assert made.count.var() > 1.2 * made.count.mean()  # more than Poisson


def test_one_measurement_in_a_process_of_its_own(tmp_path: Path) -> None:
    place = data.keep(tmp_path, 3_000)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", "poisson", OWN, str(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert 0 < told["cpu"] < 5
    assert told["extra"] >= 0
    assert len(told["value"]) == 21


def test_memory_of_a_call_is_seen() -> None:
    from benchmarks.measure import MB, forget_peak, memory

    forget_peak()
    before = memory("VmRSS")
    held = np.ones(8 * MB)  # 64 MB
    held.sum()
    del held
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak cannot be set back on this system")
    assert 60 < (memory("VmHWM") - before) / MB < 80


def records() -> list[Record]:
    """Costs that grow in proportion to children, as the square of covariates, not with arms."""
    found = []
    for task in growth.TASKS:
        for key in growth.keys("as it stands", 1_000_000):
            if key.task == task:
                cpu = key.n / 1e6 * (key.p / 20) ** 2
                found.append(Record(key, 0, cpu, cpu, 10.0, (1.0,)))
    return found


def summaries(tmp_path: Path, *more: Record):
    kept = Store(tmp_path / "kept.jsonl")
    for record in (*records(), *more):
        kept.add(record)
    again = Store(kept.path)
    again.read()
    assert again.records == kept.records
    return again.summaries()


def test_slopes_are_those_of_the_costs(tmp_path: Path) -> None:
    found = growth.slopes(growth.points(summaries(tmp_path), "as it stands"))
    assert found["IPW", "n"] == pytest.approx(1.0)
    assert found["IPW", "p"] == pytest.approx(2.0)
    assert found["IPW", "k"] == pytest.approx(0.0, abs=1e-9)
    assert ("logit", "k") not in found


def test_the_picture_has_words(tmp_path: Path) -> None:
    points = growth.points(summaries(tmp_path), "as it stands")
    growth.draw(points, tmp_path / "growth.svg")
    drawn = (tmp_path / "growth.svg").read_text(encoding="utf-8")
    assert f"<title>{growth.TITLE}</title>" in drawn
    assert "IPW by covariates: slope 2.00" in drawn


def test_the_page_says_what_is_met_and_what_is_not(tmp_path: Path) -> None:
    peer = Key("logit", "statsmodels Logit", 1_000_000, "as it stands")
    slow = Record(peer, 0, 6.0, 6.0, 10.0, (1.5,))
    found = summaries(tmp_path, slow)
    told = page.whole(found, page.Context("command", {"as it stands": "words"}, "no load"))
    assert "| Logit propensity: CPU | as it stands | ≤ 0.5 s | 1.00 s | **not met** |" in told
    assert "| Multinomial propensity: CPU | as it stands | ≤ 2 s | 1.00 s | met |" in told
    assert "less CPU than statsmodels Logit | as it stands | ≥ 5 × | 6.0 × | met |" in told
    assert "| statsmodels Logit | 5.0e-01 | 1e-06 | **differ** |" in told
    assert str(Path.home()) not in told


def test_rows_of_one_task_are_put_into_an_older_page(tmp_path: Path) -> None:
    context = page.Context("command", {"as it stands": "words"}, "no load")
    old = page.whole(summaries(tmp_path), context)
    assert page.joined(page.chapters(old)) == old
    key = Key("ipw", OWN, 1_000_000, "as it stands")
    slow = page.whole({key: store.summary([Record(key, 0, 9.0, 9.0, 1.0, (1.0,))])}, context)
    new = page.merged(old, slow, ["ipw"])
    title = benchmark_named("ipw").title
    assert f"| {title}: CPU | as it stands | ≤ 2.5 s | 9.00 s | **not met** |" in new
    assert new.count(f"| {title}: CPU |") == 1
    kept = [line for line in old.split("\n") if title not in line and "1,000,000" not in line]
    assert all(line in new for line in kept)
    assert page.merged(new, slow, ["ipw"]) == new


def test_settings_take_away_what_blas_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert list(run.settings()) == [run.STANDS, run.NATIVE, run.FREE]
    assert "OPENBLAS_CORETYPE" not in run.environment(run.NATIVE, OWN)
    assert run.environment(run.STANDS, "glum")["OPENBLAS_NUM_THREADS"] == "1"


def test_a_study_is_run_whole(tmp_path: Path) -> None:
    document = study.write(tmp_path / "study", 3_000)
    cost = study.run(document, run.environment(run.STANDS, OWN))
    assert cost.cpu > 0
    assert cost.peak > 50
    assert (document.parent / "report" / "results.json").exists()
