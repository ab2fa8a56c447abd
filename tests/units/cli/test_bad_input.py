"""Each fault of records or study: exit 1, one clear line a fault, nothing written."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

Row = dict[str, object]
Change = Callable[[list[Row]], list[Row]]

STUDY = """\
study: faulty
question: Does support change the reading score?
records: {{table: children.csv, unit: child, clusters: {{school: school}}}}
arms: {{column: support, levels: {levels}{arms}}}
outcomes: {{reading: {{column: reading, kind: continuous{outcome}}}}}
assignment: {{observed: {{given: [{given}], cluster: school}}}}
estimand: {{contrast: [support, none], target: [ate, att], scale: difference}}
estimators: [naive, ipw, aipw]
release: {{policy: none}}
"""


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the words that its line must hold: the name, what was found, the mend."""

    change: Change
    words: tuple[str, ...]
    given: str = "need, age"
    levels: str = "{0: none, 1: support}"
    arms: str = ""
    outcome: str = ""


def children() -> list[Row]:
    """Return 400 made-up children in 40 schools."""
    numbers = random.Random(3)
    rows: list[Row] = []
    for child in range(400):
        need, age = numbers.gauss(0, 1), numbers.gauss(0, 1)
        support = int(numbers.random() < 0.5)
        rows.append(
            {
                "child": child,
                "school": child % 40,
                "support": support,
                "need": need,
                "age": age,
                "reading": 50 - 2 * need + support + numbers.gauss(0, 2),
            }
        )
    return rows


def put(name: str, value: Callable[[int, Row], object]) -> Change:
    """Return a change that sets a column, told each row's place and cells."""

    def change(rows: list[Row]) -> list[Row]:
        for at, row in enumerate(rows):
            row[name] = value(at, row)
        return rows

    return change


def some(name: str, value: object, places: tuple[int, ...] = (3, 9)) -> Change:
    """Return a change of a column in a few places."""
    return put(name, lambda at, row: value if at in places else row[name])


FAULTS = {
    "constant covariate": Fault(
        put("age", lambda at, row: 7), ('"age"', "same for every child", "Leave it out of given")
    ),
    "duplicated covariate": Fault(
        put("twin", lambda at, row: row["need"]),
        ('"twin"', '"need"', "identical", "Leave"),
        given="need, age, twin",
    ),
    "combination of covariates": Fault(
        put("sum", lambda at, row: float(row["need"]) + float(row["age"])),
        ("sum", "combination", "Leave it out"),
        given="need, age, sum",
    ),
    "separation": Fault(
        put("sure", lambda at, row: (2 * int(row["support"]) - 1) * (1 + at / 400)),
        ("sure", "separation", "firth"),
        given="need, age, sure",
    ),
    "a level with two children": Fault(
        some("support", 2),
        ("2 children", '"plan"', "Give the level the name of another arm"),
        levels="{0: none, 1: support, 2: plan}",
    ),
    "a level with no child": Fault(
        lambda rows: rows, ("plan",), levels="{0: none, 1: support, 2: plan}"
    ),
    "a cluster missing": Fault(
        some("school", ""), ('"school"', "missing for 2 children", "rows 4, 10", "Fill it in")
    ),
    "text in a covariate": Fault(
        some("need", "unknown"), ('"need"', "text", "2 children", "rows 4, 10", "Correct")
    ),
    "text in the outcome": Fault(
        some("reading", "absent"), ('"reading"', "text", "rows 4, 10", "Correct")
    ),
    "infinite values": Fault(some("need", "inf"), ('"need"', "infinite", "rows 4, 10", "Correct")),
    "outcome before exposure": Fault(
        lambda rows: rows,
        ("faulty.yaml:5", "outcome before exposure", "2003", "2005"),
        arms=", at: 2005",
        outcome=", at: 2003",
    ),
    "all outcomes missing": Fault(
        put("reading", lambda at, row: ""), ('"reading"', "missing for every child", "Name another")
    ),
    "a child twice": Fault(some("child", 0, (5,)), ("child", "rows 1, 6")),
    "a column that is not there": Fault(
        lambda rows: rows, ('"agee"', 'Did you mean "age"?'), given="need, agee"
    ),
    "no rows": Fault(lambda rows: [], ("0 rows", "children.csv", "Name a table")),
}


def run(folder: Path, fault: Fault) -> Result:
    """Write the records and the study with their fault, and run the study."""
    names = list(children()[0])
    rows = fault.change(children())
    with (folder / "children.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]) if rows else names)
        writer.writeheader()
        writer.writerows(rows)
    (folder / "faulty.yaml").write_text(
        STUDY.format(
            levels=fault.levels, arms=fault.arms, outcome=fault.outcome, given=fault.given
        ),
        encoding="utf-8",
    )
    return CliRunner().invoke(app, ["study", "run", "faulty.yaml", "--json", "out.json", "--quiet"])


def test_the_world_without_a_fault_is_answered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(tmp_path, Fault(lambda rows: rows, ()))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", FAULTS)
def test_one_clear_line_and_nothing_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(tmp_path, FAULTS[name])
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for words in FAULTS[name].words:
        assert words in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"children.csv", "faulty.yaml"}


@pytest.mark.parametrize("value", ["unknown", "absent"])
def test_no_value_of_a_child_is_shown(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(tmp_path, Fault(some("need", value), ()))
    assert value not in done.output


def test_faults_are_told_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = Fault(
        lambda rows: some("school", "")(some("need", "inf")(some("reading", "text")(rows))), ()
    )
    done = run(tmp_path, both)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 3
