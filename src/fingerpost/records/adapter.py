"""Adapters: how the tables of a source become ours, written as data and read here.

An adapter is a YAML file; what its words mean stands at the head of `adapters/npd.yaml` and
`adapters/hes.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.records.declarations import TABLES

HERE = Path(__file__).resolve().parent / "adapters"
KNOWN = ("census", "term")
MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-([0-2][0-9]|3[01])")
WORDS = (
    "table",
    "files",
    "but",
    "needs",
    "link",
    "columns",
    "numbered",
    "blank",
    "codes",
    "constants",
    "keep",
    "wide",
    "assessed",
    "one",
    "known",
    "valid",
    "derive",
)
DERIVED = ("birth",)
# Which of day and month comes first where a date is written with strokes.
ORDERS = ("day-first", "month-first")


@dataclass(frozen=True, slots=True)
class Numbered:
    """Columns that bear a number: the names sources give them, how many, the letters kept."""

    names: tuple[str, ...]
    count: int
    cut: int


@dataclass(frozen=True, slots=True)
class Rule:
    """How the files of one kind become one of our tables.

    files, but: what a file's name must and may not hold. needs: columns without which a file is
    not of this kind. columns: ours → names in the source; birth_parts: the names of a year and a
    month that make a month of birth. codes: column → recorded code → ours (None is missing).
    constants: column → value, where the source has no such column. keep: column → span outside
    which a number is missing. wide: term → names that stand for it in columns' names. assessed:
    columns any of which, recorded, means that the child was assessed. modal: whether all rows of a
    child become one, of modal values. known, valid: from when a row could be known, and holds.
    missing: what stands for a missing value in a column of numbers or dates.
    """

    table: str
    files: str
    but: str = ""
    needs: tuple[str, ...] = ()
    link: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    birth_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbered: Mapping[str, Numbered] = field(default_factory=dict)
    blank: tuple[str, ...] = ()
    codes: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    wide: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assessed: tuple[str, ...] = ()
    modal: bool = False
    known: tuple[str, ...] = ()
    valid: tuple[str, ...] = ()
    derive: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Return whether a file of that name, without its ending, may be of this kind."""
        found = re.search(self.files, name, re.IGNORECASE)
        return bool(found) and not (self.but and re.search(self.but, name, re.IGNORECASE))


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a source's extracts become linked records.

    names: patterns of columns' names, tried in order. file_terms: what in a file's name tells its
    term. missing_before: dates before this are missing. dates: which of day and month comes first
    where a date is written with strokes; empty where each column is to tell it.
    """

    name: str
    title: str
    source: str
    names: tuple[re.Pattern[str], ...]
    rules: tuple[Rule, ...]
    file_terms: Mapping[str, str] = field(default_factory=dict)
    missing_before: date | None = None
    dates: str = ""

    def plain_name(self, column: str) -> tuple[str, str, int | None]:
        """Return a column's name without what it carries, and the term and year that it carries.

        >>> read_adapter("npd").plain_name("SENprovision_SPR15")
        ('SENprovision', 'SPR', 2015)
        """
        for pattern in self.names:
            if found := pattern.match(column):
                held = {"term": "", "year": "", **found.groupdict(default="")}
                year = int(held["year"]) if held["year"] else None
                if year is not None and year < 100:
                    year += 2000 if year < 70 else 1900
                return held["name"], held["term"].upper(), year
        return column, "", None


def adapters() -> tuple[str, ...]:
    """Return the names of the adapters that come with the project."""
    return tuple(sorted(path.stem for path in HERE.glob("*.yaml")))


def read_adapter(name: str | Path) -> Adapter:
    """Return an adapter by name, or of a YAML file of one's own.

    Raises UsageError for a name that there is not; Malformed with every fault of the file.
    """
    import yaml

    path = Path(name) if str(name).endswith((".yaml", ".yml")) else HERE / f"{name}.yaml"
    if not path.is_file():
        known = adapters()
        raise UsageError(
            f'There is no adapter "{name}".{nearest(str(name), known)} There are: {listed(known)}; '
            "or name a YAML file of your own."
        )
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("tables"), list):
        raise Malformed(f'adapter: "{path.name}" is not YAML with a list of tables.')
    faults = [fault for item in said["tables"] for fault in faults_of(item)]
    try:
        names = tuple(
            re.compile(pattern, re.IGNORECASE) for pattern in said.get("names", ["^(?P<name>.+)$"])
        )
    except (re.error, TypeError):
        names = ()
        faults.append("adapter: `names` holds a pattern that cannot be read.")
    dates = str(said.get("dates", ""))
    if dates and dates not in ORDERS:
        faults.append(f"adapter: `dates` is {listed(ORDERS)}, or left out.")
    if faults:
        raise Malformed(faults)
    before = said.get("missing_before")
    missing = texts(said.get("missing", ()))
    return Adapter(
        path.stem,
        str(said.get("title", path.stem)),
        str(said.get("source", "")),
        names,
        tuple(replace(rule_of(item), missing=missing) for item in said["tables"]),
        {str(k): str(v) for k, v in (said.get("files", {}).get("term", {})).items()},
        before if isinstance(before, date) else None,
        dates,
    )


def faults_of(item: Any) -> list[str]:
    """Return what is wrong with one table of an adapter."""
    if not isinstance(item, dict) or item.get("table") not in TABLES:
        name = item.get("table") if isinstance(item, dict) else item
        return [f'adapter: there is no table "{name}".{nearest(str(name), TABLES)}']
    spec = TABLES[item["table"]]
    where = f"adapter: {spec.name}"
    faults = [f'{where}: no word "{w}".{nearest(w, WORDS)}' for w in item if w not in WORDS]
    named = {
        *item.get("needs", []),
        *item.get("columns", {}),
        *item.get("codes", {}),
        *item.get("keep", {}),
        *item.get("assessed", []),
    }
    allowed = {*spec.columns, "academic_year", "term"}
    faults += [
        f'{where}: no column "{column}".{nearest(column, allowed)}'
        for column in sorted(named - allowed)
    ]
    for word in ("known", "valid"):
        told = moments(item.get(word, ()))
        wrong = [one for one in told if one not in (*KNOWN, *spec.columns)]
        if not told or any(not MONTH_DAY.fullmatch(one) for one in wrong):
            faults.append(
                f"{where}: `{word}` is census, term, a month and day such as 08-31, or columns of "
                "dates."
            )
    for word in ("files", "but"):
        try:
            re.compile(item.get(word, ""))
        except (re.error, TypeError):
            faults.append(f"{where}: `{word}` holds a pattern that cannot be read.")
    faults += [
        f'{where}: `derive` knows no "{one}"; it knows {listed(DERIVED)}.'
        for one in item.get("derive", [])
        if one not in DERIVED
    ]
    return faults


def moments(said: Any) -> tuple[str, ...]:
    """Return what tells a date: one word, or columns of dates in order of preference."""
    return (said,) if isinstance(said, str) else tuple(str(one) for one in said)


def texts(said: Any) -> tuple[str, ...]:
    """Return one text or a list of them as a tuple."""
    return (said,) if isinstance(said, str) else tuple(str(one) for one in said)


def rule_of(item: Mapping[str, Any]) -> Rule:
    """Return one table of an adapter as a rule."""
    columns = item.get("columns", {})
    plain = {ours: texts(names) for ours, names in columns.items() if not isinstance(names, dict)}
    parts: dict[str, Any] = next((n for n in columns.values() if isinstance(n, dict)), {})
    return Rule(
        table=item["table"],
        files=item["files"],
        but=item.get("but", ""),
        needs=texts(item.get("needs", ())),
        link=item.get("link", ""),
        columns=plain,
        birth_parts={part: texts(names) for part, names in parts.items()},
        numbered={
            stem: Numbered(texts(said["names"]), int(said["count"]), int(said["cut"]))
            for stem, said in item.get("numbered", {}).items()
        },
        blank=texts(item.get("blank", ())),
        codes={
            column: {str(k): None if v is None else str(v) for k, v in codes.items()}
            for column, codes in item.get("codes", {}).items()
        },
        constants={column: str(value) for column, value in item.get("constants", {}).items()},
        keep={column: (span[0], span[1]) for column, span in item.get("keep", {}).items()},
        wide={term: texts(names) for term, names in item.get("wide", {}).items()},
        assessed=texts(item.get("assessed", ())),
        modal=item.get("one") == "modal",
        known=moments(item["known"]),
        valid=moments(item["valid"]),
        derive=texts(item.get("derive", ())),
    )


def matching(names: Sequence[str], present: Mapping[str, str]) -> str | None:
    """Return the source's own column for the first of some names that it has.

    present: plain name in lower case → the column.
    """
    return next((present[name.lower()] for name in names if name.lower() in present), None)
