"""Which children a set of code rules finds, and when each could first have been known.

One pass over the episodes, whatever the number of rules: an episode's codes are joined into one
text, the text is searched for the codes of all rules at once, and only episodes with a hit are
looked at rule by rule. Everything is a lazy expression that runs alike on every engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import narwhals as nw

from fingerpost.core.codes import CodeRule
from fingerpost.core.errors import UsageError

Frame = nw.LazyFrame[Any]
Until = dt.date | Frame | None

EMERGENCY = ("21", "22", "23", "24", "25", "28", "2A", "2B", "2C", "2D")
DIAGNOSES = tuple(f"diag_{number:02d}" for number in range(1, 21))
PROCEDURES = tuple(f"opertn_{number:02d}" for number in range(1, 25))
CAUSES = tuple(f"cause_{number:02d}" for number in range(1, 6))
DIAGNOSED, FIRST_DIAGNOSED, OPERATED = "(diagnoses)", "(first diagnosis)", "(procedures)"
BORN, MIDDLE, DAY, LEFT, UNTIL = "(born)", "(middle of month)", "(day)", "(left)", "until"
AT_BIRTH = {
    "birth_date": nw.Date(),
    "gestation_weeks": nw.Float64(),
    "birth_weight_g": nw.Float64(),
}
THRESHOLDS = {"birth_weight_below": "birth_weight_g", "gestation_below": "gestation_weeks"}
# The most days that a HES start age below one year may stand for.
START_AGES = {7001: 0, 7002: 6, 7003: 28, 7004: 90, 7005: 181, 7006: 272, 7007: 364}


def first(group: str) -> str:
    """Return the column that holds the date of a group's earliest record."""
    return f"{group} (first)"


def known(group: str) -> str:
    """Return the column that holds when a group's first record could have been known."""
    return f"{group} (known)"


def signals(store: Any, rules: Sequence[CodeRule], *, until: Until = None) -> Frame:
    """Return one row a child with any hit: child_id and, per group, its first and known dates.

    Both are missing where the group's rules find nothing. `until` keeps from use whatever could
    be known only later. Raises UsageError where a table that the rules need is not there.
    """
    groups = tuple(dict.fromkeys(rule.group for rule in rules))
    parts = [
        *of_births(store, [rule for rule in rules if rule.below], groups, until=until),
        *of_episodes(store, [rule for rule in rules if in_hospital(rule)], groups, until=until),
        *of_deaths(store, [rule for rule in rules if at_death(rule)], groups, until=until),
    ]
    if not parts:
        raise UsageError(
            'the records hold no table "death", in which alone this phenotype looks. Add the '
            "table, or ask for another phenotype."
        )
    return by_child(parts[0] if len(parts) == 1 else nw.concat(parts), groups)


def in_hospital(rule: CodeRule) -> bool:
    """Return whether a rule looks at hospital episodes."""
    return not rule.below and rule.field != "cause"


def at_death(rule: CodeRule) -> bool:
    """Return whether a rule looks at causes of death."""
    return rule.deaths or rule.field == "cause"


def by_child(frame: Frame, groups: Sequence[str]) -> Frame:
    """Return the earliest dates of each group, child by child."""
    dates = [name for group in groups for name in (first(group), known(group))]
    return frame.group_by("child_id").agg(*[nw.col(name).min() for name in dates])


# -------------------- where the rules look


def of_episodes(
    store: Any, rules: Sequence[CodeRule], groups: Sequence[str], *, until: Until
) -> list[Frame]:
    """Return the hospital episodes that meet any rule, with the dates of the groups they meet."""
    if not rules:
        return []
    frame = known_by(store, "hes_apc", until)
    if any(rule.stay for rule in rules):
        ends = nw.coalesce(nw.col("discharge_date"), nw.col("episode_end"))
        frame = frame.with_columns(ends.max().over("child_id", "admission_date").alias(LEFT))
    frame = with_codes(frame, rules).filter(reduce(or_, coarse(rules)))
    day = earliest("episode_start", "admission_date", "valid_from", "known_from")
    frame = with_birth(frame.with_columns(day), store, rules, until=until)
    return [dated(frame, rules, groups, hit=hit_of_episode)]


def of_deaths(
    store: Any, rules: Sequence[CodeRule], groups: Sequence[str], *, until: Until
) -> list[Frame]:
    """Return the death records that meet any rule; none where the records hold no deaths."""
    if not rules or not store.has("death"):
        return []
    frame = known_by(store, "death", until)
    every = [code for rule in rules for code in rule.codes]
    frame = frame.with_columns(joined(CAUSES, DIAGNOSED)).filter(bears(DIAGNOSED, every))
    day = earliest("death_date", "valid_from", "known_from")
    frame = with_birth(frame.with_columns(day), store, rules, until=until)
    return [dated(frame, rules, groups, hit=hit_of_death)]


def of_births(
    store: Any, rules: Sequence[CodeRule], groups: Sequence[str], *, until: Until
) -> list[Frame]:
    """Return the birth records below any threshold of weight or gestation."""
    if not rules:
        return []
    frame = known_by(store, "birth", until)
    frame = frame.with_columns(earliest("birth_date", "valid_from", "known_from"))
    return [dated(frame, rules, groups, hit=hit_of_birth)]


def known_by(store: Any, name: str, until: Until) -> Frame:
    """Return a table's rows that could be known by `until`; all of them where it is None.

    A row that does not say when it could be known is never known by a date.
    """
    if not store.has(name):
        raise UsageError(
            f'the records hold no table "{name}", which this phenotype needs. Add the table, or '
            "ask for another phenotype."
        )
    frame: Frame = store.frame(name)
    if until is None:
        return frame
    if isinstance(until, nw.LazyFrame):
        kept = frame.join(until.select("child_id", UNTIL), on="child_id", how="inner")
        return kept.filter(nw.col("known_from") <= nw.col(UNTIL)).drop(UNTIL)
    return frame.filter(nw.col("known_from") <= nw.lit(until))


def earliest(*columns: str) -> nw.Expr:
    """Return the first of the columns that is recorded, as the day of a record."""
    return nw.coalesce(*map(nw.col, columns)).alias(DAY)


def dated(
    frame: Frame,
    rules: Sequence[CodeRule],
    groups: Sequence[str],
    *,
    hit: Callable[[CodeRule], nw.Expr],
) -> Frame:
    """Return, for each record, its day and when it was known, under every group that it meets."""
    held = {group: [hit(rule) for rule in rules if rule.group == group] for group in groups}
    tests = [
        (reduce(or_, found) if found else nw.lit(False)).alias(f"{group} (met)")
        for group, found in held.items()
    ]
    # Tests first and dates after, so that an engine does not search each text twice.
    met = frame.select("child_id", "known_from", DAY, *tests)
    columns = []
    for group in groups:
        for date, name in ((DAY, first(group)), ("known_from", known(group))):
            when = nw.when(nw.col(f"{group} (met)")).then(nw.col(date))
            columns.append(when.cast(nw.Date).alias(name))
    return met.select("child_id", *columns)


# -------------------- codes as text


def with_codes(frame: Frame, rules: Sequence[CodeRule]) -> Frame:
    """Return the frame with each episode's codes as texts."""
    fields = {rule.field for rule in rules}
    texts = []
    if "diag" in fields or any(rule.void or rule.beside for rule in rules):
        texts.append(joined(DIAGNOSES, DIAGNOSED))
    if any(rule.first_position for rule in rules):
        texts.append(joined(DIAGNOSES[:1], FIRST_DIAGNOSED))
    if "opertn" in fields or any(rule.void_opertn for rule in rules):
        texts.append(joined(PROCEDURES, OPERATED))
    return frame.with_columns(*texts) if texts else frame


def joined(columns: Sequence[str], name: str) -> nw.Expr:
    """Return columns of codes as one text: `;Q351;G800`; empty where there are none."""
    parts = [nw.lit(""), *map(nw.col, columns)]
    text = nw.concat_str(parts, separator=";", ignore_nulls=True)
    return text.str.to_uppercase().alias(name)


def pattern(codes: Sequence[str]) -> str:
    r"""Return the regular expression that finds any of the codes in a joined text.

    A code finds whatever begins with it, so that three characters find every subdivision, and a
    suffix or filler after the fourth character does not matter; nor does a dot that was kept.

    >>> pattern(["Q36", "Q350", "Q351"])
    ';(?:Q36|Q35\\.?[01])'
    """
    whole = sorted({code for code in codes if len(code) < 4})
    ends: dict[str, set[str]] = {}
    for code in codes:
        if len(code) >= 4 and code[:3] not in whole:
            ends.setdefault(code[:3], set()).add(code[3])
    fine = [f"{stem}\\.?[{''.join(sorted(last))}]" for stem, last in sorted(ends.items())]
    return f";(?:{'|'.join([*whole, *fine])})"


def bears(column: str, codes: Sequence[str]) -> nw.Expr:
    """Return whether a joined text bears any of the codes."""
    return nw.col(column).str.contains(pattern(codes))


def coarse(rules: Sequence[CodeRule]) -> list[nw.Expr]:
    """Return tests, one a field, of which every episode with a hit meets at least one."""
    fields = sorted({rule.field for rule in rules})
    codes = {
        field: [code for rule in rules if rule.field == field for code in rule.codes]
        for field in fields
    }
    return [coded(field, codes[field], DIAGNOSED) for field in fields]


def coded(field: str, codes: Sequence[str], diagnoses: str) -> nw.Expr:
    """Return whether an episode bears any of the codes in a field."""
    if field == "diag":
        return bears(diagnoses, codes)
    if field == "opertn":
        return bears(OPERATED, codes)
    return nw.col(field).cast(nw.String).is_in(list(codes)).fill_null(False)


# -------------------- one rule at one record


def hit_of_episode(rule: CodeRule) -> nw.Expr:
    """Return whether an episode meets a rule; what is missing does not."""
    diagnoses = FIRST_DIAGNOSED if rule.first_position else DIAGNOSED
    tests = [coded(rule.field, rule.codes, diagnoses), *at_birth(rule), *of_age(rule, episode=True)]
    if rule.beside:
        tests.append(bears(DIAGNOSED, rule.beside))
    if rule.void:
        tests.append(~bears(DIAGNOSED, rule.void))
    if rule.void_opertn:
        tests.append(~bears(OPERATED, rule.void_opertn))
    return reduce(and_, [*tests, *of_admission(rule)])


def of_admission(rule: CodeRule) -> list[nw.Expr]:
    """Return what a rule asks of the admission that an episode belongs to."""
    tests = []
    if rule.emergency:
        tests.append(nw.col("admission_method").is_in(list(EMERGENCY)))
    if rule.first_episode:
        same = nw.col("episode_start") == nw.col("admission_date")
        tests.append(nw.coalesce(nw.col("episode_order") == 1, same))
    if rule.startage:
        tests.append(nw.col("start_age").is_in(list(rule.startage)))
    if rule.stay:
        shortest = nw.col("admission_date").dt.offset_by(f"{rule.stay}d").cast(nw.Date)
        tests.append(nw.col(LEFT) >= shortest)
    return tests


def hit_of_death(rule: CodeRule) -> nw.Expr:
    """Return whether a death record meets a rule."""
    tests = [bears(DIAGNOSED, rule.codes), *at_birth(rule), *of_age(rule, episode=False)]
    return reduce(and_, tests)


def hit_of_birth(rule: CodeRule) -> nw.Expr:
    """Return whether a birth record lies below a rule's threshold."""
    return nw.col(THRESHOLDS[rule.field]) < rule.below


def at_birth(rule: CodeRule) -> list[nw.Expr]:
    """Return what a rule asks of gestation and weight at birth."""
    tests = []
    if rule.gestation_from:
        tests.append(nw.col("gestation_weeks") >= rule.gestation_from)
    if rule.weight_above:
        tests.append(nw.col("birth_weight_g") > rule.weight_above)
    return tests


# -------------------- age


def with_birth(frame: Frame, store: Any, rules: Sequence[CodeRule], *, until: Until) -> Frame:
    """Return the frame with what is known of the child's birth, where a rule asks for it."""
    asks = ("age_below", "age_from", "gestation_from", "weight_above")
    if not any(getattr(rule, name) for rule in rules for name in asks):
        return frame
    if store.has("birth"):
        births = known_by(store, "birth", until).select("child_id", *AT_BIRTH)
        frame = frame.join(births, on="child_id", how="left")
    else:
        empty = [nw.lit(None).cast(kind).alias(name) for name, kind in AT_BIRTH.items()]
        frame = frame.with_columns(*empty)
    frame = frame.with_columns(nw.col("birth_date").alias(BORN))
    if not store.has("child"):
        return frame.with_columns(nw.lit(None).cast(nw.Date).alias(MIDDLE))
    middle = nw.col("birth_month").dt.offset_by("14d").cast(nw.Date).alias(MIDDLE)
    return frame.join(store.frame("child").select("child_id", middle), on="child_id", how="left")


def of_age(rule: CodeRule, *, episode: bool) -> list[nw.Expr]:
    """Return what a rule asks of the child's age on the day of the record.

    By the day of birth where it is recorded, else by the HES start age of an episode, else from
    the 15th of the month of birth. Where none is known, a rule that asks for an age is not met.
    """
    tests = []
    if rule.age_below:
        tests.append(younger(rule.age_below, episode=episode))
    if rule.age_from:
        tests.append(~younger(rule.age_from, episode=episode))
    return tests


def younger(span: str, *, episode: bool) -> nw.Expr:
    """Return whether the record's day lies before the child reached an age; missing if unknown."""
    by_day = nw.col(DAY) < nw.col(BORN).dt.offset_by(language(span)).cast(nw.Date)
    by_month = nw.col(DAY) < nw.col(MIDDLE).dt.offset_by(language(span)).cast(nw.Date)
    return nw.coalesce(by_day, *([by_start_age(span)] if episode else []), by_month)


def language(span: str) -> str:
    """Return an age as months or days: every engine moves a date by whole months alike."""
    return f"{12 * int(span[:-1])}mo" if span.endswith("y") else span


def by_start_age(span: str) -> nw.Expr:
    """Return whether a HES start age lies below an age; missing where there is none."""
    number, unit = int(span[:-1]), span[-1]
    most = number if unit == "d" else 364 * number
    infant = [code for code, days in START_AGES.items() if days <= most]
    age = nw.col("start_age")
    years = age < number if unit == "y" else nw.lit(False)
    return nw.when(~age.is_null()).then(age.is_in(infant) | ((age < 7001) & years))
