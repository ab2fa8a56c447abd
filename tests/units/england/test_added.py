"""Children added to an England for a condition: studied where it is studied, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerpost.cohorts.linked._eligible import ADDED
from fingerpost.cohorts.linked.flatten import studied
from fingerpost.records.store import open_store
from fingerpost.studies.document import read_study
from units.england.conftest import SMALL

STUDY = """
study: who
question: Who is studied?
population: {{{who}born: 2003-09/2013-08, enrolled: {{year: 1, school: state-funded}}}}
arms: {{none: no recorded provision, support: SEN Support}}
time_zero: {{year: 1, census: spring}}
follow_up: {{to: end of year 6}}
outcomes: [unauthorised_absence]
assignment: {{observed: {{given: [sex], cluster: school}}}}
estimand: {{contrast: [support, none], target: ate, scale: ratio}}
estimators: [ipw]
"""


@pytest.mark.parametrize(
    ("who", "left"),
    [
        ("", sum(SMALL.boosts.values())),
        ("phenotype: cleft_isolated, ", SMALL.boosts["cerebral_palsy"]),
        ("phenotype: cleft_any, ", SMALL.boosts["cerebral_palsy"]),
        ("phenotype: cerebral_palsy, ", SMALL.boosts["cleft"]),
        ("phenotype: preterm, ", sum(SMALL.boosts.values())),
    ],
)
def test_only_studies_of_their_condition_hold_added_children(
    england: Path, tmp_path: Path, who: str, left: int
):
    file = tmp_path / "who.yaml"
    file.write_text(STUDY.format(who=who), encoding="utf-8")
    flow = studied(read_study(file), open_store(england))
    told = {step.reason: step.left for step in flow.steps}
    assert told[ADDED] == left
    assert flow.start == SMALL.children + sum(SMALL.boosts.values())


def test_records_that_say_nothing_of_it_lose_nobody(england: Path, tmp_path: Path):
    store = open_store(england)
    plain = store.frame("child").drop("added_for").collect("polars").to_native()
    folder = tmp_path / "records"
    folder.mkdir()
    for item in england.iterdir():
        if item.is_dir() and not item.name.startswith(".") and item.name != "child":
            (folder / item.name).symlink_to(item)
    plain.write_parquet(folder / "child.parquet")
    file = tmp_path / "who.yaml"
    file.write_text(STUDY.format(who=""), encoding="utf-8")
    flow = studied(read_study(file), open_store(folder))
    assert ADDED not in {step.reason for step in flow.steps}
