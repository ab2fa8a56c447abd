"""A roll-out from its panel to an output: planted effects, who leaves, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.errors import Malformed
from fingerpost.core.output import Output
from fingerpost.release.clear import clear
from fingerpost.reports.write import sections, write_report
from fingerpost.studies.describe import describe
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run

STUDY = """study: panel
question: Did the offer reduce absence?
records: {table: panel.csv, unit: area}
rollout: {period: year, adopted: begins, never: [0]}
outcomes: {absence: {column: absence, measured_in: percent of sessions, better: lower}}
assignment: {observed: {}}
estimand: {target: [exposure_average, at_exposure], exposure: [0, 2]}
estimators: [group_time, imputation]
release: {policy: none}
"""
EFFECT = -0.5


def panel(waves: dict[int, int], *, missing: int = 0, seed: int = 1) -> str:
    """Return a panel of 2020-2025: waves is year → units (0: never), each with the same effect."""
    rng, rows, area = np.random.default_rng(seed), ["area,year,begins,absence"], 0
    for begins, units in waves.items():
        for _ in range(units):
            area, level = area + 1, rng.normal(5)
            for year in range(2020, 2026):
                has = begins and year >= begins
                value = level + 0.1 * (year - 2020) + EFFECT * bool(has) + rng.normal(0, 0.1)
                told = "" if area <= missing and year == 2023 else f"{value:.6f}"
                rows.append(f"A{area:03},{year},{begins},{told}")
    return "\n".join(rows) + "\n"


def output(folder: Path, waves: dict[int, int], text: str = STUDY, **more: int) -> Output:
    (folder / "panel.csv").write_text(panel(waves, **more), encoding="utf-8")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "study.yaml")
    return clear(run(study, read_records(study.records, base=folder)))


def test_a_planted_effect_is_found_by_every_leaf(tmp_path: Path) -> None:
    found = output(tmp_path, {2022: 20, 2023: 20, 0: 30})
    assert {one.estimator for one in found.results} == {"group_time", "imputation"}
    assert len(found.results) == 6
    for one in found.results:
        assert one.value == pytest.approx(EFFECT, abs=0.12)
        assert one.lo < EFFECT < one.hi
    assert (found.flow.start, found.flow.arms) == (
        70,
        (("no provision", 30), ("provision", 40)),
    )


def test_units_without_an_outcome_in_a_period_leave_and_are_counted(tmp_path: Path) -> None:
    found = output(tmp_path, {2022: 20, 0: 30}, missing=4)
    assert [(one.left, one.remaining, one.outcome) for one in found.flow.steps] == [(4, 46, None)]
    assert found.flow.arms == (("no provision", 30), ("provision", 16))
    waves = next(table for table in found.tables if table.name == "waves")
    assert waves.column("units") == (16, 30)


def test_an_exposure_that_rests_on_a_small_wave_is_warned_of(tmp_path: Path) -> None:
    found = output(tmp_path, {2022: 3, 2024: 20, 0: 30})
    warned = {one.term.exposure_time for one in found.results if one.warnings}
    assert 2.0 in warned
    assert 0.0 not in warned
    words = next(w for one in found.results if one.term.exposure_time == 2 for w in one.warnings)
    assert "3 units where provision began in 2022" in words


def test_one_unit_with_provision_or_none_without_is_refused(tmp_path: Path) -> None:
    found = output(tmp_path, {2022: 1, 0: 30})
    assert not found.results
    assert found.status == "refused"
    assert "1 units in which provision began" in found.refusals[0].rules[0].words


def test_a_panel_in_which_it_begins_nowhere_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="provision began in no unit after the first period"):
        output(tmp_path, {0: 30})


def test_the_report_shows_waves_effects_over_time_and_the_protocol(tmp_path: Path) -> None:
    found = output(tmp_path, {2022: 20, 2023: 20, 0: 30})
    titles = [one.title for one in sections(found)]
    assert "When provision began" in titles
    assert "Effects as time goes on" in titles
    assert "The roll-out and how it is answered" in titles
    page = write_report(found, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nobody drew the order" in page
    assert page.count("event-study-") >= 2
    assert "wave-means-absence" in page
    assert "children" not in page.split("<main", 1)[-1].lower()
    tables = {path.stem for path in (tmp_path / "report-tables").glob("*.csv")}
    assert {"waves", "wave_periods", "event_study", "protocol"} <= tables


def test_a_study_is_described_as_a_roll_out(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    told = describe(read_study(tmp_path / "study.yaml"))
    assert "not drawn: as life had it, by column begins" in " ".join(told.split())
    assert "units where provision began: the mean over periods since" in " ".join(told.split())


ALONE = STUDY.replace("[group_time, imputation]", "[imputation]").replace(
    "[exposure_average, at_exposure], exposure: [0, 2]", "exposure_average"
)


def test_an_order_that_nobody_drew_shows_what_drift_would_leave_whatever_the_estimator(
    tmp_path: Path,
) -> None:
    found = output(tmp_path, {2023: 12, 0: 12}, ALONE)
    (table,) = (one for one in found.tables if one.name == "trend_bounds")
    assert table.leaf == "group_time" and table.column("times") == (0.5, 1.0, 2.0)
    assert {one.estimator for one in found.results} == {"imputation"}
    # With one period before, trends took no step that anyone saw: that is said.
    found = output(tmp_path, {2021: 12, 0: 12}, ALONE)
    assert not any(one.name == "trend_bounds" for one in found.tables)
    assert any("cannot be bounded" in words for words in found.results[0].warnings)


def test_all_answers_on_a_panel_are_looked_at_together(tmp_path: Path) -> None:
    twice = ALONE.replace("outcomes: {", "outcomes: {again: {column: absence}, ")
    text = f"{twice}sensitivity: [many_comparisons]\n"
    found = output(tmp_path, {2023: 12, 0: 12}, text)
    (asked,) = found.sensitivity
    table = next(one for one in asked.tables if one.name == "many_comparisons")
    assert set(table.column("outcome")) == {"again", "absence"}
    several = next(one for one in found.tables if one.name == "several_outcomes")
    for row in table.records():
        assert row["p"] == pytest.approx(several.column("p")[0], rel=1e-6)
        # Of two answers with one p-value, Holm doubles it and the share of false ones is p itself.
        assert row["holm"] == pytest.approx(2 * row["p"]) and row["q"] == pytest.approx(row["p"])
