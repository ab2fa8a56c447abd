"""A phenotype as T-SQL: children whose records bear its codes, and none that keep a child out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fingerpost.core.codes import CodeRule
from fingerpost.core.leaves import Phenotype, load
from fingerpost.core.linked import Linked
from fingerpost.phenotypes._match import CAUSES, DIAGNOSES, EMERGENCY, PROCEDURES, START_AGES
from fingerpost.studies.export import tsql

Part = tuple[str, str, str]
THRESHOLDS = {"birth_weight_below": "birth_weight_g", "gestation_below": "gestation_weeks"}
PLACES = {"diag": DIAGNOSES, "opertn": PROCEDURES}
# What a rule may ask that is written; a rule that asks for more is refused, not half written.
UNWRITTEN = ("stay", "first_episode", "startage", "beside", "void", "void_opertn")
INSIDE, OUTSIDE = "in", "out"
# A code of three characters stands for all its subdivisions, one of four for itself.
_PREFIXES = (
    "  CROSS APPLY (VALUES (LEFT(REPLACE(UPPER(d.code), '.', ''), 3)), "
    "(LEFT(REPLACE(UPPER(d.code), '.', ''), 4))) AS q(prefix)",
    "  JOIN codes AS k ON k.code = q.prefix",
)


def faults(linked: Linked) -> list[str]:
    """Return why a study's phenotype cannot be written as T-SQL; none where it can."""
    if not linked.phenotype:
        return []
    if linked.code_list:
        return [f"the code list {linked.code_list}: lists of yours are not written as T-SQL"]
    if linked.options or linked.groups:
        return [f"phenotype {linked.phenotype}: its options and groups are not written as T-SQL"]
    leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
    if not leaf.rules:
        return [f"phenotype {linked.phenotype}: it is not found by codes alone"]
    asked = {key for rule in (*leaf.rules, *leaf.unless) for key in UNWRITTEN if getattr(rule, key)}
    asked |= {
        rule.field for rule in leaf.rules if rule.field not in (*PLACES, "cause", *THRESHOLDS)
    }
    return [f"phenotype {linked.phenotype}: {key} is not written as T-SQL" for key in sorted(asked)]


def parts(linked: Linked, *, deaths: bool) -> Iterator[Part]:
    """Yield the parts of the query that end in `condition(child_id)`; they read the part `zero`
    (child_id, zero_day). deaths: whether the records hold a table of deaths.
    """
    leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
    kinds = _kinds(leaf)
    coded = {kind: codes for kind, codes in kinds.items() if codes}
    if coded:
        lines = [
            f"    ({tsql.text(kind[0])}, {number}, {tsql.text(code)})"
            for number, (kind, codes) in enumerate(coded.items(), start=1)
            for code in codes
        ]
        yield (
            "codes",
            f"codes of {linked.phenotype}",
            (
                "  SELECT side, kind, code FROM (VALUES\n"
                + ",\n".join(lines)
                + "\n  ) AS c(side, kind, code)"
            ),
        )
    found = [_episodes(coded, field) for field in PLACES if any(k[1].field == field for k in coded)]
    if deaths and any(kind[1].deaths or kind[1].field == "cause" for kind in coded):
        found.append(_deaths(coded))
    found += [_births(side, rule) for side, rule in kinds if rule.below]
    yield "hits", "records that bear a code, known by time zero", "\n  UNION\n".join(found)
    yield (
        "condition",
        f"{leaf.title.lower()}",
        "  SELECT DISTINCT h.child_id FROM hits AS h WHERE h.side = 'in'\n"
        "    AND NOT EXISTS (SELECT 1 FROM hits AS o WHERE o.child_id = h.child_id AND "
        "o.side = 'out')",
    )


Kind = tuple[str, CodeRule]


def _kinds(leaf: Phenotype) -> dict[Kind, list[str]]:
    """Return codes by side and by what else must hold, which is a rule without group and codes."""
    found: dict[Kind, list[str]] = {}
    for side, rules in ((INSIDE, leaf.rules), (OUTSIDE, leaf.unless)):
        for rule in rules:
            bare = replace(rule, group="", codes=() if rule.below else ("A00",))
            codes = found.setdefault((side, bare), [])
            codes += [code for code in rule.codes if code not in codes]
    return found


def _episodes(coded: dict[Kind, list[str]], field: str) -> str:
    """Return the hits in hospital episodes by one field of codes."""
    tests = []
    for number, (_, rule) in enumerate(coded, start=1):
        if rule.field != field:
            continue
        held = [f"k.kind = {number}", *_asks(rule, episode=True)]
        if rule.emergency:
            held.append(tsql.among("e.admission_method", EMERGENCY))
        if rule.first_position:
            held.append("d.place = 1")
        tests.append(f"({' AND '.join(held)})")
    values = ", ".join(f"({at}, e.{column})" for at, column in enumerate(PLACES[field], start=1))
    return "\n".join(
        [
            "  SELECT e.child_id, k.side",
            "  FROM hes_apc AS e",
            "  JOIN zero AS z ON z.child_id = e.child_id AND e.known_from <= z.zero_day",
            f"  CROSS APPLY (VALUES {values}) AS d(place, code)",
            *_PREFIXES,
            *_births_beside(),
            f"  WHERE {_either(tests)}",
        ]
    )


def _deaths(coded: dict[Kind, list[str]]) -> str:
    """Return the hits in causes of death."""
    tests = [
        f"({' AND '.join([f'k.kind = {number}', *_asks(rule, episode=False)])})"
        for number, (_, rule) in enumerate(coded, start=1)
        if rule.deaths or rule.field == "cause"
    ]
    values = ", ".join(f"(e.{column})" for column in CAUSES)
    return "\n".join(
        [
            "  SELECT e.child_id, k.side",
            "  FROM death AS e",
            "  JOIN zero AS z ON z.child_id = e.child_id AND e.known_from <= z.zero_day",
            f"  CROSS APPLY (VALUES {values}) AS d(code)",
            *_PREFIXES,
            *_births_beside(),
            f"  WHERE {_either(tests)}",
        ]
    )


def _births(side: str, rule: CodeRule) -> str:
    """Return the hits in birth records below a threshold."""
    return (
        f"  SELECT e.child_id, {tsql.text(side)}\n  FROM birth AS e\n"
        "  JOIN zero AS z ON z.child_id = e.child_id AND e.known_from <= z.zero_day\n"
        f"  WHERE e.{THRESHOLDS[rule.field]} < {rule.below:g}"
    )


def _either(tests: list[str]) -> str:
    return "\n     OR ".join(tests)


def _births_beside() -> list[str]:
    return [
        "  LEFT JOIN birth AS b ON b.child_id = e.child_id AND b.known_from <= z.zero_day",
        "  LEFT JOIN child AS c ON c.child_id = e.child_id",
    ]


def _asks(rule: CodeRule, *, episode: bool) -> Iterator[str]:
    """Yield what a rule asks of the child's birth and age; what is not recorded is not met."""
    if rule.gestation_from:
        yield f"b.gestation_weeks >= {rule.gestation_from:g}"
    if rule.weight_above:
        yield f"b.birth_weight_g > {rule.weight_above:g}"
    if rule.age_below:
        yield f"{_younger(rule.age_below, episode=episode)} = 1"
    if rule.age_from:
        yield f"{_younger(rule.age_from, episode=episode)} = 0"


def _younger(span: str, *, episode: bool) -> str:
    """Return 1 where the record lies before an age, 0 where not, nothing where it is not known: by
    the day of birth, else by the start age of the episode, else from the 15th of the month.
    """
    number, unit = int(span[:-1]), span[-1]
    part, by = ("DAY", number) if unit == "d" else ("MONTH", 12 * number)
    dates = ("e.episode_start", "e.admission_date") if episode else ("e.death_date",)
    day = f"COALESCE({', '.join(dates)}, e.valid_from, e.known_from)"
    most = number if unit == "d" else 364 * number
    infant = [code for code, days in START_AGES.items() if days <= most]
    young = [tsql.among("e.start_age", infant)] if infant else []
    young += [f"(e.start_age < 7001 AND e.start_age < {number})"] if unit == "y" else []
    ways = [("b.birth_date", f"{day} < DATEADD({part}, {by}, b.birth_date)")]
    if episode:
        ways.append(("e.start_age", " OR ".join(young) or "1 = 0"))
    middle = "DATEADD(DAY, 14, c.birth_month)"
    ways.append(("c.birth_month", f"{day} < DATEADD({part}, {by}, {middle})"))
    cases = " ".join(
        f"WHEN {known} IS NOT NULL THEN CASE WHEN {test} THEN 1 ELSE 0 END" for known, test in ways
    )
    return f"CASE {cases} END"
