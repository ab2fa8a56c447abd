"""The manual's page on the extracts of a synthetic England: every file, column and value."""

from __future__ import annotations

from collections.abc import Iterator

from fingerpost.england.extract_noise import TWO_ROLLS, WRITTEN_OTHERWISE
from fingerpost.england.extracts import CHILD, FILES, SPINE, TERMS, written_codes
from fingerpost.records.adapter import Rule, read_adapter
from fingerpost.records.convert import EDUCATION_ID, HEALTH_ID
from fingerpost.records.declarations import TABLES
from fingerpost.records.dictionary import KIND, allowed
from fingerpost.records.fields import Field

HEAD = "| column | what it is | values | in linked records |\n|---|---|---|---|"
EDUCATION_VALUES = "P and eleven digits; the same child has the same in every education file"
HEALTH_VALUES = "T and eleven digits; the same child has the same in every health file"
ABOUT = f"""\
# Extracts of a synthetic England

<!-- Written by scripts/manual.py from the adapters and declarations: run `make manual`. -->

`fingerpost england extract` writes a [synthetic England](england.md) as extracts of the National
Pupil Database and of Hospital Episode Statistics: the files, columns and codes below, read off the
adapters with which [`fingerpost records convert`](records.md) reads them back. All are CSV (UTF-8),
days are year-month-day, an empty cell is a missing value.

```
OUT/{SPINE}                         which child each health identifier is
OUT/extracts/SYNTHETIC                that no child is real; chances of lost diagnoses
OUT/extracts/Spring_Census_2011.csv   a file a collection, term and year (in which it ends)
OUT/extracts/HES_APC.csv              one file a health collection
```

What is in them as it is in real extracts:

- **Two rolls.** {TWO_ROLLS:.0%} of pupils of mainstream schools are on a second school's roll in an
  academic year: their own enrolment is M (main), the other S (subsidiary). Which row counts is by
  the rules that studies share ([records](records.md)): of a term the current enrolment before the
  main before the subsidiary one, and of codes of provision the highest.
- **Codes as coders write them.** {WRITTEN_OTHERWISE:.0%} of diagnoses bear a dot, the mark of a
  dagger (D) or asterisk (A), or small letters: Q37.9, Q379D, Q37.9A, q379. `records convert` makes
  Q379 of each.
- **Missing and wrong diagnoses, where asked for.** `--diagnoses-missing 0.2` leaves out each
  diagnosis with chance 0.2 (a main one becomes R69, unknown cause), `--diagnoses-miscoded 0.02`
  writes the neighbouring category instead (Q389 for Q379). What was asked for is told in SYNTHETIC.

Why these two are noughts by default, and no option of `england build`: the figures that an England
is [held against](england-check.md) are of recorded conditions, errors of coding included. A
condition whose codes get lost would have to be made more often for its published share to be met,
its severity and provision with it, and no figure that the project has read says how often codes of
a condition are lost. In the extract the truth stays what it is, and is beside it.
"""


def extracts_page() -> str:
    """Return the page, as Markdown."""
    parts = [ABOUT]
    for adapter in map(read_adapter, ("npd", "hes")):
        parts.append(
            f"## {adapter.title.removeprefix('Extracts of the ').removeprefix('Extracts of ')}\n"
        )
        parts += [section(rule) for rule in adapter.rules if rule.table in FILES]
    return "\n".join([*parts, spine_section()])


def section(rule: Rule) -> str:
    """Return what one collection's files hold."""
    spec = TABLES[rule.table]
    told = FILES[rule.table].replace("YEAR", "2011")
    names = [told.replace("TERM", words) for words in TERMS.values()] if "TERM" in told else [told]
    files = ", ".join(f"`{name}.csv`" for name in names)
    suffix = (
        " Every column bears the term and year behind its name: `URN_SPR11`."
        if "TERM" in FILES[rule.table]
        else ""
    )
    grain = "child and school, its terms side by side" if rule.wide else spec.grain
    rows = [f"| {' | '.join(cells)} |" for cells in columns(rule)]
    head = f"### {files}\n\n{spec.words} One row: {grain}.{suffix}\n\n{HEAD}"
    return "\n".join([head, *rows, ""])


def columns(rule: Rule) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each column of a collection's files, in their order there."""
    spec = TABLES[rule.table]
    plain = [o for o, n in rule.columns.items() if o in spec.columns and "{" not in n[0]]
    for ours in plain:
        yield row(rule, rule.columns[ours][0], spec.field(ours))
    by_term = [o for o, n in rule.columns.items() if o in spec.columns and "{" in n[0]]
    for words in rule.wide.values():
        for ours in by_term:
            name = rule.columns[ours][0].replace("{term}", words[0])
            yield row(rule, name, spec.field(ours))
    for stem, numbered in rule.numbered.items():
        held = [n for n in range(1, numbered.count + 1) if f"{stem}_{n:02}" in spec.columns]
        first, last = (numbered.names[0].format(n=f"{n:02}") for n in (held[0], held[-1]))
        span = f"`{first}` to `{last}`" if first != last else f"`{first}`"
        field = spec.field(f"{stem}_01")
        yield span, field.words.replace(", main", ""), "", f"`{stem}_{held[0]:02}` …"
    if rule.table == "school_census":
        yield from of_child()


def row(rule: Rule, name: str, field: Field) -> tuple[str, str, str, str]:
    """Return one column of a file: its name, meaning, values, and what it becomes."""
    return f"`{name}`", field.words, values(rule, field), f"`{field.name}`"


def values(rule: Rule, field: Field) -> str:
    """Return what a column may hold, in the collection's own codes."""
    if field.name == "child_id":
        return HEALTH_VALUES if rule.link else EDUCATION_VALUES
    codes = written_codes(rule, field.name)
    words = dict(field.codes)
    if codes and not words:
        span = allowed(field)
        own = ", ".join(f"{code} for {value}" for value, code in codes.items())
        return f"{span}; {own}" if span else own
    if words:
        return "; ".join(
            code if text == code.replace("_", " ") else f"{code} {text}"
            for value, text in words.items()
            for code in [codes.get(value, value)]
        )
    return allowed(field) or KIND[field.kind]


def of_child() -> Iterator[tuple[str, str, str, str]]:
    """Yield what a school census says of the child itself."""
    rule = next(rule for rule in read_adapter("npd").rules if rule.table == "child")
    spec = TABLES["child"]
    for ours in CHILD:
        if ours in rule.columns:
            yield row(rule, rule.columns[ours][0], spec.field(ours))
    for part, names in rule.birth_parts.items():
        yield f"`{names[0]}`", f"{part} of birth", "whole number", "`birth_month`"


def spine_section() -> str:
    """Return what the spine holds."""
    rows = (
        f"| `{HEALTH_ID}` | identifier of the child in the health files | {HEALTH_VALUES} | |",
        f"| `{EDUCATION_ID}` | identifier of the child in the education files | {EDUCATION_VALUES} "
        "| `child_id` |",
    )
    return "\n".join(
        [
            f"## `{SPINE}`\n",
            "Which child of the education files each health identifier is, for `records convert "
            "--spine`. Children in no school census are not in it, so that their hospital rows are "
            "left out, and counted. Of an England with linkage error, whose child a hospital "
            "record is is read from one spine ([linkage uncertainty](linkage-uncertainty.md)); "
            "without a spine there is none to read, and `fingerpost link run` makes one.\n",
            HEAD,
            *rows,
            "",
        ]
    )
