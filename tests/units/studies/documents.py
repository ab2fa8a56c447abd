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


def instead(line: str) -> str:
    """Return the small study with one of its lines replaced by another of the same key."""
    key = line.split(":")[0]
    kept = [old for old in SMALL.splitlines() if not old.startswith(f"{key}:")]
    return "\n".join([*kept, line]) + "\n"
