"""What two records are compared on: levels of agreement, as SQL that both linkers run.

A condition names columns with `_l` for the left record and `_r` for the right. Levels are asked in
order, strongest first; a pair that fits none differs; one that lacks a value tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fingerpost.linkage.people import People

DIFFER = "differ"
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of agreement: what it is called, and when two records are on it."""

    words: str
    condition: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that records are compared on.

    column: what must be known on both sides; lists are known where they hold something. levels:
    strongest first. frequency: whether agreeing on a rare value of the column counts for more than
    on a common one, at the first level. usual: how often matches are on each level, `differ` last,
    to begin with and where these people teach nothing of it; most agree where empty.
    """

    name: str
    column: str
    levels: tuple[Level, ...]
    frequency: bool = False
    usual: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many levels there are, with `differ`."""
        return len(self.levels) + 1

    @property
    def missing(self) -> str:
        """SQL for a pair of which one lacks the value."""
        if self.column.endswith("s"):
            return f"coalesce(len({self.column}_l), 0) = 0 OR coalesce(len({self.column}_r), 0) = 0"
        return f"{self.column}_l IS NULL OR {self.column}_r IS NULL"

    def case(self) -> str:
        """Return SQL for the level of a pair: its place from 0 (strongest) up, -1 for unknown."""
        whens = [f"WHEN {self.missing} THEN -1"]
        whens += [f"WHEN {level.condition} THEN {at}" for at, level in enumerate(self.levels)]
        return f"CASE {' '.join(whens)} ELSE {len(self.levels)} END"

    def words(self, level: int) -> str:
        """Return what a level is called."""
        if level < 0:
            return UNKNOWN
        return self.levels[level].words if level < len(self.levels) else DIFFER


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which pairs come to be compared: the records agree on all of its columns.

    on: columns (or SQL of them, without a side) that are equal. shared: lists that meet.
    uses: the comparisons that cannot be learnt from pairs found so.
    """

    on: tuple[str, ...]
    shared: str | None = None
    uses: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (*self.on, *([self.shared] if self.shared else []))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, which pairs are looked at, and which of them levels are learnt from.

    spare: rules to learn from besides, where the others teach nothing of some comparison.
    sure: comparisons (and columns) on which hardly two different people agree all together.
    """

    comparisons: tuple[Comparison, ...]
    rules: tuple[Rule, ...]
    learn: tuple[Rule, ...]
    spare: tuple[Rule, ...] = ()
    sure: tuple[str, ...] = ("forename", "surname", "birth_date")

    @property
    def names(self) -> tuple[str, ...]:
        """What is compared, by name."""
        return tuple(one.name for one in self.comparisons)


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
BIRTH = Comparison("birth_date", "birth_date", date_levels(), usual=(0.96, 0.005, 0.02, 0.015))
SEX = Comparison("sex", "sex", (Level("the same", "sex_l = sex_r"),), usual=(0.99, 0.01))
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
    """Return a plan without what nobody has on both sides: an NHS number, say."""
    gone = {one.column for one in plan.comparisons if one.column not in people.known}
    if "birth_date" in gone:
        gone |= {"birth_year"}

    def can(rule: Rule) -> bool:
        return not gone & set(rule.columns)

    return replace(
        plan,
        comparisons=tuple(one for one in plan.comparisons if one.column not in gone),
        rules=tuple(filter(can, plan.rules)),
        learn=tuple(filter(can, plan.learn)),
        spare=tuple(filter(can, plan.spare)),
    )


def columns_of(plan: Plan) -> tuple[str, ...]:
    """Return the columns that a plan's comparisons read, each once."""
    asked = " ".join(
        f"{one.missing} " + " ".join(level.condition for level in one.levels)
        for one in plan.comparisons
    )
    found = [
        name[:-2]
        for name in asked.replace("(", " ").replace(")", " ").replace(",", " ").split()
        if name.endswith("_l")
    ]
    return tuple(dict.fromkeys(found))


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
    left, right = "l a", "r b"
    on = [f"a.{column} = b.{column}" for column in rule.on]
    if rule.shared:
        exploded = "(SELECT * EXCLUDE ({0}), unnest({0}) AS {0} FROM {1})"
        left = exploded.format(rule.shared, "l") + " a"
        right = exploded.format(rule.shared, "r") + " b"
        on.append(f"a.{rule.shared} = b.{rule.shared}")
    if dedupe:
        on.append("a.n < b.n")
    return f"SELECT a.n AS l, b.n AS r FROM {left} JOIN {right} ON {' AND '.join(on)} WHERE {more}"
