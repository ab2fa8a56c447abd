"""Panels of roll-outs: every unit in one place, with its start, or gone and counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.panel import complete, read_panel
from fingerpost.cohorts.periods import start_of, with_gaps
from fingerpost.cohorts.reading import read_records
from fingerpost.core.allocation import Allocation
from fingerpost.core.assignment import Randomised
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed
from fingerpost.core.rollout import Rollout, Starts, Wave
from fingerpost.core.study import OutcomeSpec, Records, Study, TableSource
from fingerpost.kernels.within_cells import within_cells

RECORDS = Records((TableSource("panel.csv"),), unit="area")
STUDY = Study(
    "waves",
    "Does it help?",
    records=RECORDS,
    rollout=Rollout(period="year", adopted="begins", never=("never",)),
    outcomes=(OutcomeSpec("y", "y"),),
)
ROWS = """area,year,begins,y,region,size
A,2020,2021,1,north,10
A,2021,2021,3,north,10
A,2022,2021,5,north,30
B,2020,never,2,south,10
B,2021,never,2,south,10
B,2022,never,,south,10
C,2022,2022,9,north,20
C,2020,2022,7,north,20
C,2021,2022,8,north,20
"""


def panel_of(folder: Path, text: str = ROWS, study: Study = STUDY, **more: object):
    (folder / "panel.csv").write_text(text, encoding="utf-8")
    return read_panel(study, read_records(study.records, base=folder), **more)


def test_cells_starts_and_missing_cells(tmp_path: Path) -> None:
    read = panel_of(tmp_path)
    assert read.panel.units == ("A", "B", "C")
    assert read.panel.periods == ("2020", "2021", "2022")
    assert read.panel.adopted.tolist() == [1, -1, 2]
    assert read.panel.arm.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1]]
    mean = read.panel.outcomes["y"].mean
    assert mean[[0, 2]].tolist() == [[1, 3, 5], [7, 8, 9]]
    assert np.isnan(mean[1, 2])
    assert (read.flow.start, read.flow.remaining, read.flow.counts) == (3, 3, "units")


def test_order_of_rows_and_engine_change_nothing(tmp_path: Path) -> None:
    head, *rows = ROWS.splitlines()
    first = panel_of(tmp_path)
    again = panel_of(tmp_path, "\n".join([head, *rows[::-1]]) + "\n")
    assert np.array_equal(first.panel.outcomes["y"].total, again.panel.outcomes["y"].total)
    polars = read_panel(STUDY, read_records(RECORDS, engine="polars", base=tmp_path))
    assert np.array_equal(first.panel.outcomes["y"].total, polars.panel.outcomes["y"].total)


def test_several_rows_of_a_cell_are_summed_and_children_weigh_them(tmp_path: Path) -> None:
    more = ROWS + "A,2020,2021,4,north,30\nB,2020,never,2,south,10\n"
    own = panel_of(tmp_path, more).panel.outcomes["y"]
    assert (own.count[0, 0], own.total[0, 0], own.squares[0, 0]) == (2, 5, 17)
    weighed = replace(STUDY, rollout=replace(STUDY.rollout, children="size"))
    own = panel_of(tmp_path, more, weighed).panel.outcomes["y"]
    assert own.count[0, 0] == 40
    assert own.mean[0, 0] == pytest.approx((10 * 1 + 30 * 4) / 40)


def test_a_unit_not_recorded_in_every_period_leaves_that_outcome_alone(tmp_path: Path) -> None:
    seen = complete(panel_of(tmp_path).panel, "y")
    whole, left = seen.panel, seen.left
    assert (whole.units, left) == (("A", "C"), 1)


def test_a_period_without_any_record_keeps_its_place_named_or_told_by_years(tmp_path: Path) -> None:
    lines = [line if ",2021," not in line[:7] else "" for line in ROWS.splitlines()]
    text = "\n".join(line for line in lines if line) + "\n"
    named = replace(STUDY, rollout=replace(STUDY.rollout, periods=("2020", "2021", "2022")))
    whole = complete(panel_of(tmp_path, text, named).panel, "y").panel
    assert whole.periods == ("2020", "2021", "2022")
    assert whole.adopted.tolist() == [1, 2]  # of those begun in the year that nobody saw 2022 is 1
    assert whole.told("y").tolist() == [True, False, True]
    # Years need no naming: the step that most of them keep tells which is missing.
    head = ROWS.splitlines()[0]
    rows = [
        f"{unit},{year},{begins},{year},south,10"
        for unit, begins in (("A", 2022), ("B", 2023), ("C", "never"))
        for year in (2019, 2020, 2021, 2023, 2024)
    ]
    seen = complete(panel_of(tmp_path, "\n".join([head, *rows]) + "\n").panel, "y")
    years, left = seen.panel, seen.left
    assert years.periods == ("2019", "2020", "2021", "2022", "2023", "2024") and left == 0
    assert years.adopted.tolist() == [3, 4, -1]


@pytest.mark.parametrize(
    ("found", "whole"),
    [
        ("2015-16 2016-17 2018-19", "2015-16 2016-17 2017-18 2018-19"),
        ("1999/00 2000/01 2002/03", "1999/00 2000/01 2001/02 2002/03"),
        ("2011-03 2011-06 2011-12", "2011-03 2011-06 2011-09 2011-12"),
        ("2000 2010 2020", "2000 2010 2020"),
        ("2014-01-31 2016-01-31", "2014-01-31 2016-01-31"),
        ("0 1 9999", "0 1 9999"),
    ],
)
def test_periods_between_others_are_told_by_the_step_that_most_keep(found: str, whole: str) -> None:
    assert with_gaps(tuple(found.split())) == tuple(whole.split())


def test_a_start_between_two_years_is_none() -> None:
    place = {"2007": 0, "2008": 1}
    assert start_of("2007.5", place, ()) is None and start_of("2006", place, ()) == 0
    assert start_of("2009", place, ()) == -1 and start_of("2007", {"2006": 0, "2008": 1}, ()) == 1


def test_units_that_had_it_from_the_first_period_leave(tmp_path: Path) -> None:
    read = panel_of(
        tmp_path,
        ROWS.replace(",2021,1,", ",2019,1,")
        .replace("2021,2021", "2021,2019")
        .replace("2022,2021", "2022,2019"),
    )
    assert read.panel.units == ("B", "C")
    assert [step.left for step in read.flow.steps] == [1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("A,2021,2021,3", "A,2021,2022,3", "1 of 3 units hold more than one value"),
        ("A,2021,2021,3", "A,2021,soon,3", "no period of the panel"),
        ("A,2021,2021,3", ",2021,2021,3", "1 rows of panel.csv have no area"),
        ("A,2021,2021,3", "A,2021,2021,much", "hold no number"),
        ("A,2021,2021,3,north", "A,2021,2021,3,south", "hold more than one value"),
    ],
    ids=["two starts", "strange start", "no unit", "text", "two strata"],
)
def test_rubbish_is_named_and_counted(tmp_path: Path, old: str, new: str, words: str) -> None:
    drawn = replace(STUDY, assignment=Randomised("staggered", strata=("region",)))
    with pytest.raises(Malformed, match=words):
        panel_of(tmp_path, ROWS.replace(old, new), drawn)


def test_words_of_periods_need_an_order(tmp_path: Path) -> None:
    text = ROWS.replace(",2020,", ",autumn,").replace(",2021,", ",spring,")
    with pytest.raises(Malformed, match="whose order nothing tells"):
        panel_of(tmp_path, text)


def test_starts_from_a_table_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "starts.csv").write_text("who,when\nArea A,21/22\nC,22/23\n", encoding="utf-8")
    told = Starts(
        "starts.csv", "who", "when", (("21/22", "2021"), ("22/23", "2022")), (("Area A", "A"),)
    )
    study = replace(STUDY, rollout=Rollout(period="year", starts=told))
    assert panel_of(tmp_path, study=study).panel.adopted.tolist() == [1, -1, 2]
    strange = replace(told, names=())
    study = replace(STUDY, rollout=Rollout(period="year", starts=strange))
    with pytest.raises(Malformed, match=r"1 units of starts\.csv are not in the records"):
        panel_of(tmp_path, study=study)


def test_measures_in_rows_become_outcomes(tmp_path: Path) -> None:
    text = "area,year,begins,what,value\n" + "".join(
        f"{area},{year},{begins},{what},{value}\n"
        for area, begins in (("A", 2021), ("B", "never"))
        for year in (2020, 2021)
        for what, value in (("plans", year - 2000), ("other", 5))
    )
    rollout = replace(STUDY.rollout, measure="what", value="value")
    study = replace(STUDY, rollout=rollout, outcomes=(OutcomeSpec("plans", "plans"),))
    assert panel_of(tmp_path, text, study).panel.outcomes["plans"].mean.tolist() == [[20, 21]] * 2
    absent = replace(study, outcomes=(OutcomeSpec("x", "planz"),))
    with pytest.raises(Malformed, match='no row of column "what" is of "planz"'):
        panel_of(tmp_path, text, absent)
    with pytest.raises(Malformed, match="more than once"):
        panel_of(tmp_path, text + "A,2020,2021,plans,3\n", study)


def test_what_was_drawn_counts_and_records_that_contradict_it_are_a_fault(tmp_path: Path) -> None:
    waves = (Wave("first", "2021", 1), Wave("second", "2022", 1), Wave("late"))
    rollout = Rollout(periods=("2020", "2021", "2022"), waves=waves, period="year")
    drawn = replace(STUDY, assignment=Randomised("staggered", unit="area"), rollout=rollout)
    arms = ("first", "second", "late")
    begins = ("2021", "2022", "")
    own = Drawn(Allocation(("C", "A", "B"), arms, np.array([0, 1, 2]), begins=begins))
    assert panel_of(tmp_path, study=drawn, drawn=own).panel.adopted.tolist() == [2, -1, 1]
    told = replace(drawn, rollout=replace(rollout, adopted="begins", never=("never",)))
    with pytest.raises(Malformed, match="2 of 3 units began, by the records, in another period"):
        panel_of(tmp_path, study=told, drawn=own)
    fewer = Drawn(Allocation(("C", "A"), arms, np.array([0, 1]), begins=begins))
    with pytest.raises(Malformed, match="1 units of the records are not in the draw"):
        panel_of(tmp_path, study=drawn, drawn=fewer)


def test_children_are_told_apart_only_where_rows_are_children(tmp_path: Path) -> None:
    """Children of variance 1 about their school's mean; and rows that are means of 25 of them."""
    r = np.random.default_rng(4)
    lines, means = ["area,year,begins,x"], ["area,year,begins,x,n"]
    for area in "ABCDEFGH":
        for year in (2020, 2021, 2022):
            for _ in range(4):
                school = r.normal(0, 0.2)
                children = school + r.standard_normal(25)
                begins = "2021" if area < "E" else "never"
                lines += [f"{area},{year},{begins},{value}" for value in children]
                means.append(f"{area},{year},{begins},{children.mean()},25")
    own = replace(STUDY, outcomes=(OutcomeSpec("x", "x"),))
    rollout = replace(own.rollout, period="year", adopted="begins", never=("never",))
    found = []
    for text, children in ((lines, ""), (means, "n")):
        study = replace(own, rollout=replace(rollout, children=children))
        read = panel_of(tmp_path, "\n".join(text) + "\n", study)
        found.append(within_cells(read.panel.outcomes["x"]))
    assert found[0] == pytest.approx(1 + 0.2**2, rel=0.05)
    assert found[1] is None


def test_a_start_that_nobody_told_is_not_taken_for_never(tmp_path: Path) -> None:
    blank = ROWS.replace(",never,", ",,")
    with pytest.raises(Malformed, match="3 rows have no begins"):
        panel_of(tmp_path, blank)
    own = replace(STUDY, rollout=replace(STUDY.rollout, never=("",)))
    assert panel_of(tmp_path, blank, own).panel.adopted.tolist() == [1, -1, 2]


def test_a_few_rows_told_twice_are_a_fault_and_rows_by_the_dozen_are_not(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="1 of 9 units and periods hold several rows"):
        panel_of(tmp_path, ROWS + "A,2020,2021,1,north,10\n")
    every = ROWS + "".join(f"{line}\n" for line in ROWS.splitlines()[1:])
    assert panel_of(tmp_path, every).panel.outcomes["y"].count[0].tolist() == [2, 2, 2]


def test_a_start_after_the_records_is_one_and_its_early_periods_tell_nothing(
    tmp_path: Path,
) -> None:
    head = ROWS.splitlines()[0]
    rows = [
        f"{unit},{year},{begins},{year},south,10"
        for unit, begins in (("A", 2020), ("B", 2023), ("C", "never"))
        for year in (2018, 2019, 2020, 2021, 2022)
    ]
    panel = panel_of(tmp_path, "\n".join([head, *rows]) + "\n").panel
    assert panel.periods[-1] == "2023" and panel.adopted.tolist() == [2, 5, -1]
    plain = complete(panel, "y")
    assert plain.anticipated == () and plain.panel.periods[-1] == "2022"
    assert plain.panel.later.tolist() == [False, True, False]
    early = complete(panel, "y", anticipation=1)
    assert early.anticipated == ("2022",)
    assert early.panel.periods == ("2018", "2019", "2020", "2021")
    assert early.panel.adopted.tolist() == [2, -1, -1]
    # With a start in the very last period nothing is cut: its early periods are its own.
    own = complete(panel_of(tmp_path).panel, "y", anticipation=1)
    assert own.anticipated == () and own.panel.periods == ("2020", "2021", "2022")
