"""Small study documents that several tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.yaml"))

SMALL = """\
study: small
question: Does support change reading?
records: {table: children.csv, unit: child, clusters: {school: school_id}, weight: w}
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {reading: {column: score}}
assignment: {observed: {given: [age, sex, need], cluster: school}}
estimators: [ipw, aipw]
"""

LINKED = """\
study: sen-support-cleft
question: Does SEN Support by Year 1 reduce unauthorised absence to the end of Year 6?
population: {phenotype: cleft_isolated, born: 2003-09/2008-08, enrolled: {year: 1, school: state-funded}}
arms: {none: no recorded provision, support: SEN Support}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 6}
outcomes: [unauthorised_absence, unplanned_admissions, ks2_maths]
assignment: {observed: {given: [sex, birth_month, fsm], cluster: school}}
estimand: {contrast: [support, none], target: [ate, att], scale: ratio}
estimators: [ipw, aipw]
sensitivity: [e_value, omitted_variable, negative_control]
release: {policy: ons_srs}
"""  # noqa: E501


# Of all children, or of those a population asks for besides; see `of_children`.
CHILDREN = """
study: {name}
question: Does SEN Support change unplanned admissions among children?
population: {{{who}born: 2003-09/2013-08, enrolled: {{year: 1, school: state-funded}}}}
arms: {{none: no recorded provision, support: SEN Support}}
time_zero: {{year: 1, census: spring}}
follow_up: {{to: end of year 2}}
outcomes: [unplanned_admissions]
assignment: {{observed: {{given: [{given}], cluster: school}}}}
estimand: {{contrast: [support, none], target: [ate], scale: ratio}}
estimators: [{estimators}]
primary: [{primary}]
release: {{policy: inside}}
"""


def of_children(
    name: str,
    *,
    who: str = "",
    given: str = "sex, fsm, gestation",
    estimators: str = "naive",
    primary: str = "naive",
) -> str:
    """Return a study of linked records, on unplanned admissions to the end of Year 2."""
    return CHILDREN.format(name=name, who=who, given=given, estimators=estimators, primary=primary)


def instead(line: str) -> str:
    """Return the small study with one of its lines replaced by another of the same key."""
    key = line.split(":")[0]
    kept = [old for old in SMALL.splitlines() if not old.startswith(f"{key}:")]
    return "\n".join([*kept, line]) + "\n"
