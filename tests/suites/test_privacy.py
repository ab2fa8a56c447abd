"""No child is told: nothing that the command line says or writes holds a value of a child.

Every value of the table is its own, so that wherever one turns up it is seen. Studies and files
are spoilt one at a time; the commands run as a person runs them, with tracebacks asked for.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

BUG = 70
CHILDREN = 240
COLUMNS = ("child", "school", "support", "need", "age", "note", "care", "born", "reading", "passed")
# Levels that many children share are a child's own words all the same.
CARE = ("zqabuse at home", "zqlooked after", "zqno word")
Table = list[list[str]]

STUDY = """\
study: private
question: Does support change the reading score?
records: {table: FILE, unit: child, clusters: {school: school}}
population: []
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {reading: {column: reading, kind: continuous}}
assignment: {observed: {given: [need, age], cluster: school}}
estimand: {contrast: [support, none], target: [ate, att], scale: difference}
estimators: [naive, regression, ipw, aipw]
sensitivity: []
release: {policy: none}
"""


def children() -> Table:
    """Return the header and the rows; every cell but those of school, support and passed is a
    child's alone, and text begins with letters that no word of ours has.
    """
    numbers = random.Random(5)
    rows: Table = [list(COLUMNS)]
    for place in range(CHILDREN):
        need = numbers.gauss(0, 1)
        rows.append(
            [
                f"zqk{place:04d}",
                f"zqschool {place % 30}",
                str(int(numbers.random() < 0.5)),
                f"{need:.9f}",
                f"{7 + numbers.random():.9f}",
                f"zqin care since {2000 + place} ({place})",
                CARE[place % 3],
                f"20{place % 20:02d}-0{1 + place % 9}-{10 + place % 18}",
                f"{50 - 2 * need + numbers.gauss(0, 2):.9f}",
                str(place % 2),
            ]
        )
    return rows


WORDS, FIGURES = re.compile("zq", re.I), re.compile(r"(?=([\d.]{8}))")


@dataclass(frozen=True)
class Told:
    """Every value that is a child's: text in full, numbers to their first eight characters."""

    values: frozenset[str]

    def search(self, text: str) -> re.Match[str] | None:
        """Return where a text tells of a child. Eight characters at a time are looked up: a pattern
        of all values would try each of them at every character of a page.
        """
        figures = (found for found in FIGURES.finditer(text) if found[1] in self.values)
        return WORDS.search(text) or next(figures, None)


def said_of_children(table: Table) -> Told:
    """Return what is a child's own in a table."""
    numeric = [COLUMNS.index(name) for name in ("need", "age", "reading")]
    values = {row[place].lstrip("-")[:8] for row in table[1:] for place in numeric}
    # The least and the greatest of a column are numbers of the whole table, shown as such.
    for place in numeric:
        column = sorted((row[place] for row in table[1:]), key=float)
        values -= {column[0].lstrip("-")[:8], column[-1].lstrip("-")[:8]}
    assert all(len(value) == 8 for value in values)
    return Told(frozenset(values))


@dataclass(frozen=True)
class Spoilt:
    """What is done to the table, the file or the study before the command runs."""

    study: tuple[tuple[str, str], ...] = ()
    table: Callable[[Table], Table] = list
    file: Callable[[str], bytes] = field(default=str.encode)
    name: str = "children.csv"


def cells(column: str, value: Callable[[int, str], str]) -> Callable[[Table], Table]:
    """Return a change of one column, told each child's place and cell."""
    at = COLUMNS.index(column)

    def change(table: Table) -> Table:
        rows = [
            [*row[:at], value(place, row[at]), *row[at + 1 :]] for place, row in enumerate(table)
        ]
        return [table[0], *rows[1:]]

    return change


def only(*columns: str) -> Callable[[Table], Table]:
    """Return a change that keeps some columns and forgets the header."""
    kept = [COLUMNS.index(name) for name in columns]
    return lambda table: [[row[at] for at in kept] for row in table[1:]]


def given(names: str) -> tuple[tuple[str, str], ...]:
    """Return the change of a study's covariates."""
    return (("given: [need, age]", f"given: [{names}]"),)


def population(condition: str) -> tuple[tuple[str, str], ...]:
    """Return the change of a study's population."""
    return (("population: []", f"population: [{condition}]"),)


def outcome(spec: str) -> tuple[tuple[str, str], ...]:
    """Return the change of a study's outcome."""
    return (("{column: reading, kind: continuous}", f"{{{spec}}}"),)


def sensitivity(spec: str) -> tuple[tuple[str, str], ...]:
    """Return the change of a study's sensitivity analyses."""
    return (("sensitivity: []", f"sensitivity: [{spec}]"),)


def line(number: int, change: Callable[[str], str]) -> Callable[[str], bytes]:
    """Return a change of one line of the file."""

    def spoil(text: str) -> bytes:
        lines = text.splitlines()
        lines[number] = change(lines[number])
        return ("\n".join(lines) + "\n").encode()

    return spoil


FILES = {
    "no header": Spoilt(table=lambda rows: rows[1:]),
    "no header, text only": Spoilt(table=only("child", "school", "care", "note")),
    "no header, names only": Spoilt(table=only("note", "care")),
    "no header, one column": Spoilt(table=only("child")),
    "a name twice": Spoilt(table=lambda rows: [[*rows[0][:8], "note", "care"], *rows[1:]]),
    "a child as a name twice": Spoilt(
        table=lambda rows: [["zqann", "zqann", *rows[0][2:]], *rows[1:]]
    ),
    "a name missing": Spoilt(table=lambda rows: [["", *rows[0][1:]], *rows[1:]]),
    "an empty first line": Spoilt(file=line(0, lambda text: "")),
    "a field too many": Spoilt(file=line(40, lambda text: f"{text},zqmore")),
    "a field too few": Spoilt(file=line(40, lambda text: text.rpartition(",")[0])),
    "a quotation mark left open": Spoilt(
        file=line(40, lambda text: text.replace(",zqin", ',"zqin'))
    ),
    "a quotation mark inside": Spoilt(
        file=line(40, lambda text: text.replace("zqin care", '"zqin" care'))
    ),
    "not UTF-8": Spoilt(file=lambda text: text.replace("zqin", "zqé").encode("latin-1")),
    "UTF-16": Spoilt(file=lambda text: text.encode("utf-16")),
    "empty": Spoilt(file=lambda text: b""),
    "a header alone": Spoilt(table=lambda rows: rows[:1]),
    "no Parquet": Spoilt(name="children.parquet"),
    "no Stata": Spoilt(name="children.dta"),
    "no DuckDB": Spoilt(name="children.duckdb"),
    "no known form": Spoilt(name="children.xlsx"),
}
TABLES = {
    "no column of that name": Spoilt(given("need, agee")),
    "no column of all_but": Spoilt((("given: [need, age]", "given: {all_but: [notte]}"),)),
    "every column": Spoilt((("given: [need, age]", "given: {all_but: []}"),)),
    "a child's text as a covariate": Spoilt(given("need, note")),
    "numbers and text": Spoilt(
        table=cells("age", lambda at, cell: "zqnine" if at % 9 == 0 else cell)
    ),
    "infinite": Spoilt(table=cells("age", lambda at, cell: "inf" if at == 9 else cell)),
    "constant": Spoilt(table=cells("age", lambda at, cell: "7.123456789")),
    "a level for each arm": Spoilt(
        given("need, care"),
        table=lambda rows: [
            rows[0],
            *([*row[:6], CARE[int(row[2])], *row[7:]] for row in rows[1:]),
        ],
    ),
    "a rare level in one arm": Spoilt(
        given("need, care"),
        table=lambda rows: [
            rows[0],
            *(
                [*row[:6], CARE[int(row[2] == "1" and row[0] < "zqk0030")], *row[7:]]
                for row in rows[1:]
            ),
        ],
    ),
    "levels that determine another": Spoilt(
        (*given("need, care, note"),),
        table=cells("note", lambda at, cell: f"{CARE[at % 3 - 1]} too" if at % 3 != 2 else "zqno"),
    ),
    "a category twice, in other words": Spoilt(
        (*given("need, care, note"), *sensitivity("omitted_variable")),
        table=cells("note", lambda at, cell: f"zq{(at - 1) % 3 == 1}"),
    ),
    "a category": Spoilt(given("need, care")),
    "a cluster missing": Spoilt(table=cells("school", lambda at, cell: "" if at == 9 else cell)),
    "a child missing": Spoilt(table=cells("child", lambda at, cell: "" if at == 9 else cell)),
    "a child twice": Spoilt(table=cells("child", lambda at, cell: "zqk0001" if at == 9 else cell)),
    "arms of text": Spoilt((("arms: {column: support", "arms: {column: care"),)),
    "arms of numbers": Spoilt((("arms: {column: support", "arms: {column: need"), *given("age"))),
    "an arm of two": Spoilt(table=cells("support", lambda at, cell: "0" if at > 9 else cell)),
    "one arm": Spoilt(table=cells("support", lambda at, cell: "0")),
    "an outcome of text": Spoilt(outcome("column: note, kind: continuous")),
    "no yes or no": Spoilt(outcome("column: reading, kind: binary")),
    "no count": Spoilt(outcome("column: reading, kind: count")),
    "person-time of text": Spoilt(outcome("column: passed, kind: count, exposure: note")),
    "a negative time": Spoilt((*outcome("column: need, kind: time, event: passed"), *given("age"))),
    "an outcome that does not vary": Spoilt(table=cells("reading", lambda at, cell: "50.1234567")),
    "an outcome nobody has": Spoilt(table=cells("reading", lambda at, cell: "")),
    "an outcome before the arm": Spoilt(
        (
            ("levels: {0: none, 1: support}}", "levels: {0: none, 1: support}, at: 2010-06-01}"),
            *outcome("column: reading, kind: continuous, date: born"),
        )
    ),
    "an outcome dated in words": Spoilt(
        (
            ("levels: {0: none, 1: support}}", "levels: {0: none, 1: support}, at: 2010-06-01}"),
            *outcome("column: reading, kind: continuous, date: note"),
        )
    ),
    "a weight of text": Spoilt((("unit: child", "unit: child, weight: note"),)),
    "a weight below 0": Spoilt((("unit: child", "unit: child, weight: need"), *given("age"))),
    "nobody left": Spoilt(population("{column: age, at_least: 99}")),
    "text beside a number": Spoilt(population("{column: note, at_least: 5}")),
    "a number beside text": Spoilt(population("{column: age, equals: old}")),
    "a date that is none": Spoilt(population("{column: born, at_least: 2002-13-01}")),
    "no column of the population": Spoilt(population("{column: kare, equals: x}")),
    "no column on reading": Spoilt(
        (("table: FILE", "stack: [{table: FILE, where: [{column: kare, equals: x}]}]"),)
    ),
    "a strange study": Spoilt(
        table=lambda rows: [[f"zqcolumn {place}" for place in range(10)], *rows[1:]]
    ),
    "a control of many levels": Spoilt(sensitivity("{negative_control: {outcome: care}}")),
    "a control that is text": Spoilt(sensitivity("{negative_control: {outcome: note}}")),
    "a control that is nowhere": Spoilt(sensitivity("{negative_control: {outcome: notte}}")),
    "a benchmark that is none": Spoilt(sensitivity("{omitted_variable: {benchmarks: [note]}}")),
    "every analysis": Spoilt(
        sensitivity("e_value, omitted_variable, {negative_control: {outcome: need}}")
    ),
    "prepared for checking": Spoilt((("policy: none", "policy: ons_srs"),)),
    "prepared for checking, a category": Spoilt(
        (("policy: none", "policy: ons_srs"), *given("need, care"))
    ),
    "prepared for checking, an analysis of each kind": Spoilt(
        (
            ("policy: none", "policy: ons_srs"),
            *sensitivity("e_value, omitted_variable, {negative_control: {outcome: need}}"),
        )
    ),
    "inside": Spoilt((("policy: none", "policy: inside"),)),
    "no fault": Spoilt(),
}


@pytest.fixture(scope="module")
def table() -> Table:
    return children()


def write(spoilt: Spoilt, table: Table, folder: Path) -> Path:
    """Write the spoilt table and study, and return the study's path."""
    plain = folder / "plain.csv"
    with plain.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows(spoilt.table(table))
    (folder / spoilt.name).write_bytes(spoilt.file(plain.read_text(encoding="utf-8")))
    plain.unlink()
    text = STUDY
    for old, new in spoilt.study:
        assert old in text
        text = text.replace(old, new)
    study = folder / "study.yaml"
    study.write_text(text.replace("FILE", spoilt.name), encoding="utf-8")
    return study


def command(*words: str) -> Result:
    """Return what a command did, tracebacks included."""
    return CliRunner().invoke(app, ["--debug", *words])


def written(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file that a run wrote, with its text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in {".png", ".parquet"}:
            yield path.name, path.read_text(encoding="utf-8")


def check(result: Result, said: Told) -> None:
    """Fail where a command told of a child, or broke down instead of telling the fault."""
    assert result.exit_code != BUG, result.output
    found = said.search(result.output)
    assert found is None, result.output


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_tells_of_no_child(table, tmp_path, case, engine):
    study = write(FILES[case], table, tmp_path)
    out = tmp_path / "out"
    result = command("study", "run", str(study), "--out", str(out), "--engine", engine)
    check(result, said_of_children(table))
    assert result.exit_code == 1
    if engine == "duckdb":  # no engine is asked for a query in words
        check(command("study", "describe", str(study), "--sql"), said_of_children(table))


# What answers in numbers of the whole may show levels that many children share.
SHOWN_LEVELS = re.compile("|".join(CARE))


@pytest.mark.parametrize("case", TABLES)
def test_a_study_tells_of_no_child(table, tmp_path, case):
    study = write(TABLES[case], table, tmp_path)
    out = tmp_path / "out"
    said = said_of_children(table)
    result = command("study", "run", str(study), "--out", str(out))
    check(result, said)
    for name, text in written(out):
        found = said.search(SHOWN_LEVELS.sub("", text))
        assert found is None, (name, text[found.start() - 80 : found.end() + 80])
    check(command("study", "describe", str(study), "--sql"), said)


def test_a_damaged_parquet_file_tells_of_no_child(table, tmp_path):
    study = write(Spoilt((), name="children.parquet"), table, tmp_path)
    path = tmp_path / "children.parquet"
    pl.DataFrame(table[1:], schema=list(COLUMNS), orient="row").write_parquet(path)
    whole = path.read_bytes()
    for place in range(8, len(whole) - 8, len(whole) // 5):
        path.write_bytes(whole[:place] + bytes(8) + whole[place + 8 :])
        for engine in ("duckdb", "polars"):
            result = command(
                "study", "run", str(study), "--engine", engine, "--out", str(tmp_path / "out")
            )
            check(result, said_of_children(table))


def test_the_pattern_finds_a_child(table):
    said = said_of_children(table)
    assert said.search("in care: ZQK0004") and said.search(f"it is {table[5][3]} here")
    assert not said.search("children.csv: 240 children in 30 schools")
