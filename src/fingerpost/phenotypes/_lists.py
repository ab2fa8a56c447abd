"""From a list of codes to rules: which rows are used, what groups them, what undoes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fingerpost.core.codes import CodeRule
from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.phenotypes._codelist import BESIDE, FIELDS, CodeList, Row

# Lists whose documentation says that a diagnosis needs a procedure, or a death certificate.
BOTH = ("anorectal_ford_v1",)
UNGROUPED = "not grouped"
SPECIFIC = "specific"
OTHERWISE = "(otherwise explained)"
# Ends the name of a part of a group whose codes another explanation undoes.
UNLESS = " (unless)"
DIAGNOSIS, PROCEDURE, CAUSE, CLEAR_CAUSE = "diagnosis", "procedure", "cause", "clear cause"
# What a child must meet, where both are needed: all the parts of any one line.
WAYS = (
    (CLEAR_CAUSE,),
    (DIAGNOSIS, PROCEDURE),
    (CAUSE, PROCEDURE),
    (DIAGNOSIS, CAUSE),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a list asks for.

    rules: of every group. groups: (group, names of its rules' groups), in the order of the file; a
    group's own name, and where some of its codes can be explained otherwise a second one for these.
    other: rules of what explains them.
    """

    rules: tuple[CodeRule, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    other: tuple[CodeRule, ...] = ()


def chosen(
    whole: CodeList,
    *,
    where: Mapping[str, object] | None = None,
    fields: Sequence[str] | None = None,
) -> list[Row]:
    """Return the rows of a list that are used.

    where: column → value, or values, that a row must have. fields: the fields that are looked at,
    in the file's words. Raises UsageError, with every fault, for a column or value that the list
    does not have, and for rows of a field that these records do not hold.
    """
    rows, faults = list(whole.rows), []
    for column, value in (where or {}).items():
        wanted = {str(item) for item in (value if isinstance(value, list | tuple) else [value])}
        if column not in whole.columns:
            faults.append(
                f'code_list: {whole.name} has no column "{column}".'
                f"{nearest(column, whole.columns)} There are: {listed(whole.columns)}."
            )
            continue
        held = {row.labels[column] for row in whole.rows}
        for missing in sorted(wanted - held):
            faults.append(
                f'code_list: no row of {whole.name} has {column} "{missing}".'
                f"{nearest(missing, held)} There are: {listed(sorted(held - {''})[:30])}."
            )
        rows = [row for row in rows if row.labels[column] in wanted]
    if fields is not None:
        kept = {FIELDS.get(name, name) for name in fields}
        rows = [row for row in rows if row.field in kept]
    unheld = sorted({row.field for row in rows} - set(FIELDS.values()))
    if unheld:
        usable = sorted({row.labels["field"] for row in rows if row.field in FIELDS.values()})
        faults.append(
            f"code_list: {whole.name} looks at {listed(unheld)}, which these records do not hold. "
            + (f"To use its other rows say fields: [{', '.join(usable)}]." if usable else "")
        )
    if not rows and not faults:
        faults.append(f"code_list: nothing of {whole.name} is left to look for.")
    if faults:
        raise UsageError(faults)
    return rows


def rules_of(whole: CodeList, rows: Sequence[Row], *, by: str = "group") -> Rules:
    """Return the rules of a list's rows, grouped by a column; without it, in one group."""
    if by != "group" and by not in whole.columns:
        raise UsageError(
            f'code_list: {whole.name} has no column "{by}" to group by.'
            f"{nearest(by, whole.columns)} There are: {listed(whole.columns)}."
        )
    other = explained(whole, rows)
    groups: dict[str, dict[str, None]] = {}
    rules: dict[tuple[str, str, object], list[Row]] = {}
    for row in rows:
        name = (row.labels[by] or UNGROUPED) if by in whole.columns else whole.name
        doubtful = "differential_diag" in row.flags
        part = f"{name}{UNLESS}" if doubtful else name
        groups.setdefault(name, {})[part] = None
        rules.setdefault((part, row.field, same(row)), []).append(row)
    return Rules(
        tuple(as_rule(part, held, whole) for (part, _, _), held in rules.items()),
        tuple((name, tuple(parts)) for name, parts in groups.items()),
        other,
    )


def rules_of_both(whole: CodeList, rows: Sequence[Row]) -> Rules:
    """Return the rules of a list that needs a diagnosis and a procedure: of the parts of WAYS."""
    specific = [row for row in rows if row.labels.get("group", SPECIFIC) == SPECIFIC]
    diagnoses = [row for row in rows if row.field == "diag"]
    parts = (
        (DIAGNOSIS, "diag", diagnoses),
        (PROCEDURE, "opertn", [row for row in rows if row.field == "opertn"]),
        (CAUSE, "cause", [row for row in diagnoses if row.deaths]),
        (CLEAR_CAUSE, "cause", [row for row in specific if row.field == "diag" and row.deaths]),
    )
    rules = []
    for part, field, held in parts:
        alike: dict[object, list[Row]] = {}
        for row in held:
            alike.setdefault(same(row), []).append(row)
        made = [as_rule(part, group, whole, field=field) for group in alike.values()]
        # What a death certificate says is a part of its own.
        rules += [replace(rule, deaths=False) for rule in made]
    return Rules(tuple(rules), ((whole.name, (DIAGNOSIS,)),), explained(whole, rows))


def same(row: Row) -> object:
    """Return what rows must have alike to be one rule."""
    return tuple(sorted(row.limits.items())), row.flags, row.deaths, row.below


def as_rule(part: str, rows: Sequence[Row], whole: CodeList, *, field: str = "") -> CodeRule:
    """Return one rule of rows that are alike but for the code."""
    row = rows[0]
    where = field or row.field
    codes = () if row.below else tuple(dict.fromkeys(one.code for one in rows))
    void = [
        one
        for flag, ending in (("exclusion_codes", "exclusions"), ("med_surg", "medical"))
        if flag in row.flags
        for one in whole.sisters[ending]
    ]
    beside = companions(whole) if BESIDE in row.flags else ()
    return CodeRule(
        part,
        codes,
        where,
        deaths=row.deaths and where == "diag",
        below=row.below,
        beside=beside,
        void=tuple(one.code for one in void if one.field == "diag"),
        void_opertn=tuple(one.code for one in void if one.field == "opertn"),
        **dict(row.limits),  # type: ignore[arg-type]
    )


def companions(whole: CodeList) -> tuple[str, ...]:
    """Return the list's own self-harm codes of blocks X, Y and Z, which count in any position."""
    return tuple(
        row.code
        for row in whole.rows
        if row.field == "diag" and row.code[0] in "XYZ" and BESIDE not in row.flags
    )


def explained(whole: CodeList, rows: Sequence[Row]) -> tuple[CodeRule, ...]:
    """Return the rules of other explanations, for rows that a differential diagnosis undoes.

    They count at the ages at which the rows count, in hospital and where the rows do at death.
    """
    doubtful = [row for row in rows if "differential_diag" in row.flags]
    if not doubtful:
        return ()
    ages = {str(row.limits.get("age_below", "")) for row in doubtful}
    codes = tuple(row.code for row in whole.sisters["differential_diag"])
    deaths = any(row.deaths for row in doubtful)
    return tuple(CodeRule(OTHERWISE, codes, deaths=deaths, age_below=age) for age in sorted(ages))
