"""Reading lists of codes from files in the format of the ECHILD phenotype code list repository.

One code a row, under `code`, `dataset`, `field`, `code_type` and `description`; other columns
group the codes, or say by `flag…`, `diag_position` and `age_criteria` when one counts. A code of
three characters stands for all its subdivisions, one of four for itself alone. Lists that a flag
refers to lie beside the file, under its name with an ending (`…_exclusions.csv`). The files are
not part of this project: point at a folder that holds them.
Source: code.echild.ac.uk, design principles and the documentation of each list.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from pathlib import Path
from types import MappingProxyType

from fingerpost.core.codes import ICD, OPCS
from fingerpost.core.errors import Malformed, UsageError, listed, nearest

FOLDER = "FINGERPOST_CODELISTS"
# Endings of files that say how a list came to be, and are no lists.
NOTES = ("_removals", "_truncations")
NEEDED = ("code", "dataset", "field", "code_type")
# The field that a kind of code stands in, whatever the file's column says.
FIELD_OF = {"icd10": "diag", "opcs4": "opertn"}
FIELDS = {
    "diag": "diag",
    "opertn": "opertn",
    "admimeth": "admission_method",
    "epitype": "episode_type",
    "classpat": "class_patient",
    "birweit": "birth_weight_below",
    "gestat": "gestation_below",
}
BELOW = re.compile(r"(?:<|.*less_than_)(\d+)(?:_[a-z]+)?")
# Flags that say nothing of whether a code counts.
REMARKS = ("code_truncated", "overlap_perinatal", "transfer", "pers_hist")
# Flags that refer to a list beside the file, and its ending.
SISTERS = {
    "exclusion_codes": "exclusions",
    "med_surg": "medical",
    "differential_diag": "differential_diag",
}
BESIDE = "selfharm_xz_codes"
KNOWN = ("los3", "age10", "age_less_than_1", "age_less_than_28_days", "emergency_admission")
Limits = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One code of a list.

    line: its line in the file. code: without dot, as HES holds it. field: where it is looked for;
    a name of the source where these records have no such field. below: the threshold, for birth
    weight and gestation. deaths: causes of death count too. limits: what must hold, as arguments
    of a code rule. flags: those that refer to other codes. labels: every column of the file.
    """

    line: int
    code: str
    field: str
    below: float = 0.0
    deaths: bool = False
    limits: Limits = made(default_factory=lambda: MappingProxyType({}))
    flags: frozenset[str] = frozenset()
    labels: Mapping[str, str] = made(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CodeList:
    """A list of codes as its file has it.

    columns: of the file. rows: in the order of the file. sisters: ending → the rows of the list
    beside it. digest: SHA-256 over the files, in the order they are read.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sisters: Mapping[str, tuple[Row, ...]]
    digest: str


def find_list(name: str, *, folder: str | Path | None = None) -> Path:
    """Return the file of a list: a path to a CSV file, or the name of one in the folder.

    The folder is `folder`, else what FINGERPOST_CODELISTS names. Raises UsageError where neither is
    given or the file is not there.
    """
    given = Path(name).expanduser()
    held = folder or os.environ.get(FOLDER)
    if given.suffix.lower() == ".csv" and (given.is_file() or given.is_absolute() or not held):
        path = given
    elif held:
        path = Path(held).expanduser() / (name if given.suffix else f"{name}.csv")
    else:
        raise UsageError(
            f'code_list: no folder is named in which "{name}" could be. Set {FOLDER} to the folder '
            "of your lists, or give the path of the CSV file."
        )
    if path.stem.endswith(NOTES):
        raise UsageError(
            f'code_list: "{path.stem}" tells how a list was made; it is not itself a list. '
            "Name the list."
        )
    if not path.is_file():
        there = [item.stem for item in sorted(path.parent.glob("*.csv"))]
        raise UsageError(
            f'code_list: there is no file "{path.name}" in {path.parent}.'
            f"{nearest(path.stem, there)} Correct the name or the folder."
        )
    return path


def read_list(path: Path) -> CodeList:
    """Return a list with those that its flags refer to. Raises Malformed with every fault."""
    faults: list[str] = []
    columns, rows, sha = read_file(path, faults)
    asked = {SISTERS[flag] for row in rows for flag in row.flags if flag in SISTERS}
    sisters, digests = {}, [sha]
    for ending in sorted(asked):
        beside = path.with_name(f"{path.stem}_{ending}.csv")
        if not beside.is_file():
            flags = [flag for flag, name in SISTERS.items() if name == ending]
            faults.append(
                f'{path.name}: rows bear the flag "{listed(flags)}", which refers to the list '
                f"{beside.name}; there is none beside the file. Put it there."
            )
            continue
        _, found, sha = read_file(beside, faults)
        sisters[ending] = tuple(found)
        digests.append(sha)
    if faults:
        raise Malformed(faults)
    together = hashlib.sha256("".join(digests).encode()).hexdigest()
    digest = digests[0] if len(digests) == 1 else together
    return CodeList(path.stem, columns, tuple(rows), MappingProxyType(sisters), digest)


def read_file(path: Path, faults: list[str]) -> tuple[tuple[str, ...], list[Row], str]:
    """Return a file's columns, rows and SHA-256; what is wrong with it is added to `faults`."""
    raw = path.read_bytes()
    lines = csv.reader(io.StringIO(decoded(raw), newline=""))
    columns = tuple(name.strip().lower() for name in next(lines, []))
    sha = hashlib.sha256(raw).hexdigest()
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        faults.append(
            f"{path.name}: there is no column {listed(missing)}. A list of codes has the columns "
            f"{', '.join(NEEDED)}."
        )
        return columns, [], sha
    rows = []
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path.name} line {lines.line_num}"
        if len(cells) != len(columns):
            faults.append(f"{where}: {len(cells)} values, but the header has {len(columns)}.")
            continue
        labels = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        row, wrong = as_row(lines.line_num, labels)
        faults += [f"{where}: {fault}" for fault in wrong]
        rows.append(row)
    if not rows:
        faults.append(f"{path.name}: holds no code.")
    return columns, rows, sha


def decoded(raw: bytes) -> str:
    """Return a file's text: UTF-8 with or without its mark, else Latin-1, as some lists are.

    >>> decoded(b"\\xef\\xbb\\xbfcode"), decoded(b"M\\xf4")
    ('code', 'Mô')
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def as_row(line: int, labels: Mapping[str, str]) -> tuple[Row, list[str]]:
    """Return one row of a file, and what is wrong with it."""
    faults: list[str] = []
    kind = labels["code_type"].lower()
    told = labels["field"].lower()
    # A list that puts procedures under diagnoses, or the reverse, is read by the kind of code.
    name = FIELD_OF.get(kind, told) if told in ("diag", "opertn") else told
    where = FIELDS.get(name, name)
    code, below = labels["code"], 0.0
    if where.endswith("_below"):
        found = BELOW.fullmatch(code)
        below = float(found.group(1)) if found else 0.0
        if not found:
            faults.append(f'"{code}" is no threshold. Write <1000 or <26.')
    else:
        code = bare(code)
        faults += wrong_code(code, where)
    limits: dict[str, object] = {}
    others = set()
    for flag in flags_of(labels):
        said = limits_of(flag)
        if said is not None:
            limits |= said
        elif flag in SISTERS or flag == BESIDE:
            others.add(flag)
        elif flag not in REMARKS:
            known = (*KNOWN, *SISTERS, BESIDE, *REMARKS)
            faults.append(f'the flag "{flag}" is not known.{nearest(flag, known)}')
    deaths = "mortality" in labels["dataset"].lower()
    row = Row(line, code, where, below, deaths, limits, frozenset(others), labels)
    return row, faults


def bare(code: str) -> str:
    """Return a code as HES holds it: capitals, no dot, no filler, no dagger or asterisk.

    >>> bare("q35.1"), bare("Q02X"), bare("A17.0+")
    ('Q351', 'Q02', 'A170')
    """
    text = code.upper().replace(".", "").replace(" ", "").rstrip("*+-")
    return text[:3] if len(text) == 4 and text.endswith("X") else text


def wrong_code(code: str, where: str) -> list[str]:
    """Return what is wrong with a code in its field."""
    if not code:
        return ["there is no code."]
    shape = {"diag": ICD, "opertn": OPCS}.get(where)
    if shape is None or shape.fullmatch(code):
        return []
    if shape.fullmatch(code[:4]) and len(code) > 4:
        return [f'"{code}" has more than four characters, which HES does not hold. Cut it.']
    kind = "ICD-10" if where == "diag" else "OPCS-4"
    return [f'"{code}" is no {kind} code of three or four characters, such as Q36 or Q35.1.']


def flags_of(labels: Mapping[str, str]) -> Iterator[str]:
    """Yield everything a row says of when its code counts, in the words of flags."""
    for column, value in labels.items():
        if column.startswith("flag") and value:
            yield value.lower()
    if labels.get("diag_position", "").lower() == "first":
        yield "diag_position_first"
    if labels.get("age_criteria", "") == "1":
        yield "age_less_than_28_days"


# What a flag asks for, as arguments of a code rule; numbers are those within its name.
PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"los(\d+)"), ("stay",)),
    (re.compile(r"age(\d+)"), ("age_from",)),
    (re.compile(r"age_less_than_(\d+)"), ("age_below",)),
    (re.compile(r"age_less_than_(\d+_d)ays"), ("age_below",)),
    (re.compile(r"bwt_(\d+)_ga_(\d+)"), ("weight_above", "gestation_from")),
    (re.compile(r"exclude_if_ga_lt(\d+)"), ("gestation_from",)),
    (re.compile(r"startage_(\d{4}(?:_\d{4})*)"), ("startage",)),
    (re.compile(r"emergency_admission()"), ("emergency",)),
    (re.compile(r"first_episode_only()"), ("first_episode",)),
    (re.compile(r"diag_position_first()"), ("first_position",)),
)


def limits_of(flag: str) -> dict[str, object] | None:
    """Return what a flag asks for, as arguments of a code rule; None where it is no such flag.

    >>> limits_of("los3"), limits_of("age_less_than_28_days"), limits_of("age10")
    ({'stay': 3}, {'age_below': '28d'}, {'age_from': '10y'})
    >>> limits_of("startage_7001_7002"), limits_of("code_truncated")
    ({'startage': (7001, 7002)}, None)
    """
    for pattern, names in PATTERNS:
        found = pattern.fullmatch(flag)
        if found:
            return {
                name: value(name, part) for name, part in zip(names, found.groups(), strict=True)
            }
    return None


def value(name: str, part: str) -> object:
    """Return one argument of a code rule from the part of a flag that says it."""
    if name in ("age_from", "age_below"):
        return part.replace("_", "") if part.endswith("d") else f"{part}y"
    if name == "startage":
        return tuple(int(age) for age in part.split("_"))
    if name == "stay":
        return int(part)
    return float(part) if part else True


def read_notes(path: Path) -> tuple[Mapping[str, str], ...]:
    """Return the rows of a file of removals or truncations: column → text.

    These say how a list came to be and are not looked for in records. Raises Malformed where the
    file says neither a reason for removal nor what a code was cut to.
    """
    lines = csv.DictReader(io.StringIO(decoded(path.read_bytes()), newline=""))
    told = {"reason_for_removal", "truncated_to"} & set(lines.fieldnames or ())
    if not told:
        raise Malformed(
            f"{path.name}: there is no column reason_for_removal or truncated_to, so it is no note "
            "on how a list was made."
        )
    return tuple({name: (text or "").strip() for name, text in row.items()} for row in lines)
