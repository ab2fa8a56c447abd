"""Write the manual's page on phenotypes from the leaves themselves.

Usage: python scripts/manual_phenotypes.py. A test holds that the page is current.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from fingerpost.core.codes import FIELDS, CodeRule, brief
from fingerpost.core.leaves import Phenotype, menu

PAGE = Path(__file__).resolve().parents[1] / "docs" / "manual" / "phenotypes.md"
BEGUN = "<!-- Written by scripts/manual_phenotypes.py from the leaves: run it to renew. -->"
INTRODUCTION = f"""\
# Phenotypes

{BEGUN}

A phenotype is a group of children by health condition, found by the codes in hospital and death
records. A study names one as its population:

```yaml
population: {{phenotype: cleft_isolated, born: 2003-09/2008-08}}
```

or a list of codes of your own, which it reads from a file:

```yaml
population: {{phenotype: {{code_list: chc_hardelid_v1}}}}
```

Whoever is found has one row: `child_id`; `first_date`, the day of the earliest record that counts;
`known_from`, the first day on which any of these records could have been known; and `group`, where
the phenotype has groups within it.

**What was not yet known is not used.** A study asks who was *known* to have a condition by its time
zero: every record whose `known_from` lies later is left out before anything is looked for, for each
child at its own time zero. That holds for what takes a child out (another anomaly, another
explanation) as for what takes it in. A record that does not say when it could be known is never
used in this way.

**How codes are read.** Diagnoses are ICD-10, procedures OPCS-4. Three characters stand for the
category and all its subdivisions, four for that subdivision alone. Hospitals' suffixes after the
fourth character, dots and small letters make no difference. All twenty diagnoses and twenty-four
procedures of an episode are looked at, unless it says first diagnosis. A day is the start of the
episode, else of the admission.

**Age** is taken from the day of birth; where that is not recorded from the start age of the
episode, as HES holds it; else from the 15th of the month of birth. A condition on age, gestation or
weight at birth is not met where these are not recorded.

**What these groups are not.** Hospital records find children who were admitted. A condition that is
diagnosed and treated elsewhere is found only in those who came into hospital for some reason, and
those are more often ill. A group found so is not everyone with the condition, and how many there
are is no prevalence.

| phenotype | who | tables |
|---|---|---|
"""
LISTS = """\
### Files

A list is a CSV file with the columns `code`, `dataset`, `field`, `code_type` and `description`, one
code a row; any other column can group the codes (`by`) or choose among them (`where`). The codes
may have their dots. The file may be UTF-8 with or without its mark, or Latin-1, with either kind of
line end. All faults of a file are told at once, with their lines. Where `code_type` (`icd10`,
`opcs4`) and `field` disagree, the kind of code decides. `dataset` with the word `mortality` lets
causes of death count.

```yaml
population:
  phenotype: {code_list: neuro_zylbersztejn_v1}
```

```console
$ export FINGERPOST_CODELISTS=~/codelists
```

No list comes with this project: the terms of the published ones are their authors'. They are found
at code.echild.ac.uk.

| flag, or column | the code counts only |
|---|---|
| `los3` | in an admission of 3 nights or more (any number) |
| `age10` | from age 10 (any number) |
| `age_less_than_1`, `age_less_than_5` | before that age |
| `age_less_than_28_days`, or `age_criteria` 1 | before 28 days |
| `bwt_2500_ga_37` | weight at birth above 2,500 g and 37 weeks or later |
| `exclude_if_ga_lt37` | born at 37 weeks or later |
| `startage_7001_7002` | at these HES start ages |
| `emergency_admission` | in an emergency admission (21 to 25, 28, 2A to 2D) |
| `first_episode_only` | in the first episode of an admission |
| `diag_position` first | as the first diagnosis of an episode |
| `exclusion_codes` | on an episode without a code of `NAME_exclusions.csv` |
| `med_surg` | on an episode without a code of `NAME_medical.csv` |
| `differential_diag` | in a child without a code of `NAME_differential_diag.csv` at these ages |
| `selfharm_xz_codes` | beside a self-harm code of blocks X to Z of the list itself |
| `code_truncated`, `overlap_perinatal`, `transfer`, `pers_hist` | (remarks: nothing follows) |

Any other flag is refused. Rows of `birweit` and `gestat` hold thresholds (`<1000`, `<26`) and are
looked for in the birth record. `NAME_removals.csv` and `NAME_truncations.csv` tell how a list was
made and are no lists.
"""


def page() -> str:
    """Return the page."""
    leaves = menu("phenotypes", Phenotype)
    rows = [
        f"| [`{name}`](#{name}) | {leaf.summary} | {', '.join(f'`{one}`' for one in leaf.tables)} |"
        for name, leaf in leaves.items()
    ]
    sections = [section(name, leaf) for name, leaf in leaves.items()]
    return "\n\n".join([INTRODUCTION + "\n".join(rows), *sections]) + "\n"


def section(name: str, leaf: Phenotype) -> str:
    """Return the section of one phenotype."""
    text = inspect.getdoc(sys.modules[leaf.run.__module__]) or ""
    body = "\n\n".join(text.split("\n\n")[1:])
    parts = [f"## {leaf.title} {{ #{name} }}", f"`{name}`. {leaf.summary}", body]
    if leaf.rules:
        parts.append(codes_table(leaf))
    elif leaf.groups:
        parts.append("Groups: " + "; ".join(f"`{one}` {words}" for one, words in leaf.groups) + ".")
    if leaf.options:
        rows = [f"| `{option}` | {words} |" for option, words in leaf.options]
        parts.append("\n".join(["| option | what it says |", "|---|---|", *rows]))
    if leaf.terms:
        parts.append("\n".join(f"- {line}" for line in leaf.terms))
    if leaf.limits:
        lines = "\n".join(f"- {line}" for line in leaf.limits)
        parts.append(f"**What it is not.**\n\n{lines}")
    if not leaf.rules and not leaf.groups:
        parts.append(LISTS.strip())
    return "\n\n".join([*parts, f"Reference: {leaf.reference.rstrip('.')}."])


def codes_table(leaf: Phenotype) -> str:
    """Return the groups of a phenotype with their codes and conditions."""
    words = dict(leaf.groups)
    rows = ["| group | what | codes | where and when |", "|---|---|---|---|"]
    for rule in leaf.rules:
        rows.append(
            f"| `{rule.group}` | {words.get(rule.group, rule.group)} | {looked_for(rule)} | "
            f"{'; '.join((FIELDS[rule.field], *rule.conditions()))} |"
        )
    return "\n".join(rows)


def looked_for(rule: CodeRule) -> str:
    """Return the codes of a rule, or its threshold."""
    return brief(rule.codes) if rule.codes else f"below {rule.below:g}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print("Wrote docs/manual/phenotypes.md.")


if __name__ == "__main__":
    main()
