"""What two records are compared on: levels of agreement, as SQL that both linkers run.

A condition names columns with `_l` for the left record and `_r` for the right. Levels are asked in
order, strongest first; a pair that fits none differs; one that lacks a value tells nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fingerpost.linkage.identifiers import Notice
from fingerpost.linkage.people import People

DIFFER = "differ"
UNKNOWN = "not known"
# Pairs of one value that a rule looks at. The commonest names of one year of birth make some
# 200,000 in all of England; where more share a value it tells nobody apart, and ten thousand with
# ten thousand people would be 100 million pairs.
MOST_OF_A_VALUE = 1_000_000


@dataclass(frozen=True, slots=True)
class Level:
    """One level of agreement: what it is called, and when two records are on it."""

    words: str
    condition: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that records are compared on.

    column: what must be known on both sides; a list (`lists`) is known where it holds something.
    levels: strongest first. reads: the columns that they name; `column` alone where empty.
    frequency: whether agreeing on a rare value of the column counts for more than on a common one,
    at the first level. usual: how often matches are on each level, `differ` last, to begin with and
    where these people teach nothing of it; most agree where empty. told_by: a column that tells
    this one: where it is the same on both sides, this comparison adds nothing. The few pairs where
    it is not are no sample of matches, so that `usual` stands.
    """

    name: str
    column: str
    levels: tuple[Level, ...]
    frequency: bool = False
    usual: tuple[float, ...] = ()
    reads: tuple[str, ...] = ()
    lists: bool = False
    told_by: str = ""

    @property
    def size(self) -> int:
        """How many levels there are, with `differ`."""
        return len(self.levels) + 1

    @property
    def missing(self) -> str:
        """SQL for a pair of which one lacks the value."""
        if self.lists:
            return f"coalesce(len({self.column}_l), 0) = 0 OR coalesce(len({self.column}_r), 0) = 0"
        told = f" OR {self.told_by}_l = {self.told_by}_r" if self.told_by else ""
        return f"{self.column}_l IS NULL OR {self.column}_r IS NULL{told}"

    def case(self) -> str:
        """Return SQL for the level of a pair: its place from 0 (strongest) up, -1 for unknown."""
        whens = [f"WHEN {self.missing} THEN -1"]
        whens += [f"WHEN {level.condition} THEN {at}" for at, level in enumerate(self.levels)]
        return f"CASE {' '.join(whens)} ELSE {len(self.levels)} END"

    def words(self, level: int) -> str:
        """Return what a level is called."""
        if level < 0:
            return f"{UNKNOWN}, or told by the {self.told_by}" if self.told_by else UNKNOWN
        return self.levels[level].words if level < len(self.levels) else DIFFER


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which pairs come to be compared: the records agree on all of its columns.

    on: columns (or SQL of them, without a side) that are equal. shared: lists that meet.
    uses: the comparisons that cannot be learnt from pairs found so. without: the macro of the
    session that says of values of the columns whether too many people share them, so that their
    pairs are not looked at; empty where there is none, None where that is not known yet (see
    `fitting`).
    """

    on: tuple[str, ...]
    shared: str | None = None
    uses: tuple[str, ...] = ()
    without: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (*self.on, *([self.shared] if self.shared else []))

    def side(self, name: str) -> str:
        """Return SQL for the people of a table, `l` or `r`; once for each value of a list."""
        if not self.shared:
            return name
        shared = self.shared
        return f"(SELECT * EXCLUDE ({shared}), unnest({shared}) AS {shared} FROM {name})"

    def looked_at(self, left: str) -> str:
        """Return SQL for whether pairs of a left record, called `left`, are looked at."""
        if not self.without:
            return "TRUE"
        return f"NOT {self.without}({', '.join(f'{left}.{column}' for column in self.columns)})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, which pairs are looked at, and which of them levels are learnt from.

    spare: rules to learn from besides, where the others teach nothing of some comparison.
    sure: comparisons (and columns) on which hardly two different people agree all together.
    notices: of pairs that are not looked at.
    """

    comparisons: tuple[Comparison, ...]
    rules: tuple[Rule, ...]
    learn: tuple[Rule, ...]
    spare: tuple[Rule, ...] = ()
    sure: tuple[str, ...] = ("forename", "surname", "birth_date")
    notices: tuple[Notice, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is compared, by name."""
        return tuple(one.name for one in self.comparisons)

    @property
    def declared(self) -> tuple[str, ...]:
        """The comparisons whose levels in matches are as declared and never learnt."""
        return tuple(one.name for one in self.comparisons if one.told_by)


def name_levels(column: str) -> tuple[Level, ...]:
    """Return the levels of a name: the same; much alike; alike, or one begins the other."""
    likeness = f"jaro_winkler_similarity({column}_l, {column}_r)"
    begins = (
        f"(len({column}_l) >= 3 AND len({column}_r) >= 3 AND "
        f"(starts_with({column}_l, {column}_r) OR starts_with({column}_r, {column}_l)))"
    )
    return (
        Level("the same", f"{column}_l = {column}_r"),
        Level("much alike", f"{likeness} >= 0.92"),
        Level("alike, or short for it", f"{likeness} >= 0.8 OR {begins}"),
    )


def date_levels(column: str = "birth") -> tuple[Level, ...]:
    """Return the levels of a birth date: the same; day and month swapped; two of three parts."""
    parts = [
        f"CAST({column}_{part}_l = {column}_{part}_r AS INTEGER)"
        for part in ("day", "month", "year")
    ]
    swapped = (
        f"{column}_day_l = {column}_month_r AND {column}_month_l = {column}_day_r "
        f"AND {column}_year_l = {column}_year_r"
    )
    return (
        Level("the same", f"{column}_date_l = {column}_date_r"),
        Level("day and month swapped", swapped),
        Level("two of its three parts", f"{' + '.join(parts)} >= 2"),
    )


# How often matches are on each level of names, where nothing teaches it.
NAMED = (0.92, 0.03, 0.02, 0.03)
FORENAME = Comparison("forename", "forename", name_levels("forename"), True, NAMED)
SURNAME = Comparison("surname", "surname", name_levels("surname"), True, NAMED)
BIRTH = Comparison(
    "birth_date",
    "birth_date",
    date_levels(),
    usual=(0.96, 0.005, 0.02, 0.015),
    reads=("birth_date", "birth_day", "birth_month", "birth_year"),
)
# Two children of one forename are of one sex, whoever they are: taken for evidence of its own, that
# made those who share a forename and a birthday by chance look like matches with other surnames.
SEX = Comparison(
    "sex",
    "sex",
    (Level("the same", "sex_l = sex_r"),),
    usual=(0.99, 0.01),
    reads=("sex", "forename"),
    told_by="forename",
)
NUMBER = Comparison(
    "nhs_number",
    "nhs_number",
    (
        Level("the same", "nhs_number_l = nhs_number_r"),
        Level("one slip", "damerau_levenshtein(nhs_number_l, nhs_number_r) <= 1"),
    ),
    usual=(0.97, 0.015, 0.015),
)
PLACE = Comparison(
    "postcode",
    "postcodes",
    (
        Level("the same in the same year", "list_has_any(postcode_years_l, postcode_years_r)"),
        Level("the same, in other years", "list_has_any(postcodes_l, postcodes_r)"),
        Level("the same district", "list_has_any(districts_l, districts_r)"),
    ),
    usual=(0.8, 0.05, 0.05, 0.1),
    reads=("postcodes", "postcode_years", "districts"),
    lists=True,
)
# Children of education against people of hospitals.
CHILDREN = Plan(
    comparisons=(FORENAME, SURNAME, BIRTH, SEX, NUMBER, PLACE),
    rules=(
        Rule(("nhs_number",)),
        Rule(("birth_date", "surname")),
        Rule(("birth_date", "forename")),
        Rule(("forename", "surname", "birth_year")),
        Rule(("birth_date",), "postcodes"),
        Rule(("forename",), "postcodes"),
        Rule(("surname", "birth_year"), "postcodes"),
    ),
    learn=(
        Rule(("birth_date",), uses=("birth_date",)),
        Rule(("forename", "surname"), uses=("forename", "surname")),
    ),
    spare=(
        Rule(("nhs_number",), uses=("nhs_number",)),
        Rule(("forename", "postcodes"), uses=("forename", "postcode")),
        Rule(("surname", "postcodes"), uses=("surname", "postcode")),
        Rule(("postcodes",), uses=("postcode",)),
    ),
)


def fitting(plan: Plan, people: People) -> Plan:
    """Return a plan without what nobody has on both sides (an NHS number, say), and whose rules
    leave out values that too many people share, with a notice of each such rule.
    """
    gone = {one.column for one in plan.comparisons if one.column not in people.known}
    if "birth_date" in gone:
        gone |= {"birth_year"}

    def can(rule: Rule) -> bool:
        return not gone & set(rule.columns)

    rules, notices = [], list(plan.notices)
    for rule in filter(can, plan.rules):
        limited, found = (rule, []) if rule.without is not None else without_many(rule, people)
        rules.append(limited)
        notices += found
    return replace(
        plan,
        comparisons=tuple(one for one in plan.comparisons if one.column not in gone),
        rules=tuple(rules),
        learn=tuple(filter(can, plan.learn)),
        spare=tuple(filter(can, plan.spare)),
        notices=tuple(notices),
    )


def without_many(rule: Rule, people: People) -> tuple[Rule, list[Notice]]:
    """Return a rule that leaves out the values that too many people share, and a notice of them."""
    if people.pairs <= MOST_OF_A_VALUE:
        return replace(rule, without=""), []
    most = MOST_OF_A_VALUE * (2 if people.dedupe else 1)  # of one table each pair is there twice
    keys = [f"k{at}" for at in range(len(rule.columns))]
    named = ", ".join(f"{column} AS {key}" for column, key in zip(rule.columns, keys, strict=True))
    sides = [
        f"(SELECT {named}, count(*) AS of_{side} FROM {rule.side(side)} GROUP BY ALL)"
        for side in "lr"
    ]
    table = "many_" + re.sub(r"\W+", "_", " ".join(rule.columns))
    people.session.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(keys)} FROM {sides[0]} "
        f"JOIN {sides[1]} USING ({', '.join(keys)}) WHERE of_l * of_r > {most}"
    )
    count = int(people.rows(f"SELECT count(*) FROM {table}")[0][0])
    if not count:
        return replace(rule, without=""), []
    # A macro, as Splink takes every column that a rule names for one of the people's.
    given = [f"a{at}" for at in range(len(keys))]
    same = " AND ".join(f"{key} = {own}" for key, own in zip(keys, given, strict=True))
    people.session.execute(
        f"CREATE OR REPLACE MACRO {table}({', '.join(given)}) AS "
        f"EXISTS (SELECT 1 FROM {table} WHERE {same})"
    )
    said = (
        f"{'value' if count == 1 else 'values'} that more than {MOST_OF_A_VALUE:,} pairs of people "
        "share, who are not looked at for that alone"
    )
    words = " and ".join(rule.columns)
    return replace(rule, without=table), [Notice("both files", words, "many pairs", count, said)]


def columns_of(plan: Plan) -> tuple[str, ...]:
    """Return the columns that a plan's comparisons read, each once."""
    return tuple(
        dict.fromkeys(name for one in plan.comparisons for name in one.reads or (one.column,))
    )


def pattern_sql(plan: Plan, pairs: str) -> str:
    """Return SQL for each pair's level of every comparison, in columns g0, g1, …, beside l and r.

    pairs: a table or query of the numbers `l` and `r` of two people.
    """
    columns = columns_of(plan)
    sides = ", ".join(
        f"{side}.{column} AS {column}_{side}" for side in ("l", "r") for column in columns
    )
    levels = ", ".join(
        f"CAST({one.case()} AS TINYINT) AS g{at}" for at, one in enumerate(plan.comparisons)
    )
    return (
        f"SELECT p_l AS l, p_r AS r, {levels} FROM (SELECT p.l AS p_l, p.r AS p_r, {sides} "
        f"FROM {pairs} p JOIN l ON l.n = p.l JOIN r ON r.n = p.r)"
    )


def joined(rule: Rule, *, more: str = "TRUE", dedupe: bool = False) -> str:
    """Return SQL for the pairs that a rule finds, as `l` and `r`; some twice where lists meet.

    more: a condition on `a` (left) and `b` (right). dedupe: of one table with itself.
    """
    on = [f"a.{column} = b.{column}" for column in rule.columns]
    if dedupe:
        on.append("a.n < b.n")
    return (
        f"SELECT a.n AS l, b.n AS r FROM {rule.side('l')} a JOIN {rule.side('r')} b "
        f"ON {' AND '.join(on)} WHERE ({more}) AND {rule.looked_at('a')}"
    )
