"""The files of an export, by tool; nothing is written until all of it is known."""

from __future__ import annotations

from pathlib import Path

from fingerpost.core.errors import UsageError
from fingerpost.studies.export import r, stata
from fingerpost.studies.export.rows import COHORT, COLUMNS, columns_of, write_rows
from fingerpost.studies.export.scope import Exported

README = "README.txt"
FILES = {
    "r": (r.SCRIPT, COHORT, COLUMNS, README),
    "stata": (stata.SCRIPT, COHORT, COLUMNS, README),
}


def for_tool(found: Exported, to: str) -> Exported:
    """Return what of a study a tool gets; what its commands cannot make is named among the left."""
    return stata.sayable(found) if to == "stata" else found


def write_r(found: Exported, folder: Path) -> None:
    """Write `analysis.R`, and with records the children, into a folder that is there."""
    text = r.script(found)
    (folder / r.SCRIPT).write_text(text, encoding="utf-8")
    _rows(found, folder, script=r.SCRIPT)


def write_stata(found: Exported, folder: Path) -> None:
    """Write `analysis.do` and the children into a folder that is there; UsageError without
    records: a do-file names the columns that only records give.
    """
    if found.cohort is None:
        raise UsageError(
            "--to stata: a do-file names the columns of the children, which records give. Say "
            "where they are: --records FOLDER."
        )
    columns = columns_of(found.study, found.cohort)
    text = stata.script(found, found.cohort, columns)
    (folder / stata.SCRIPT).write_text(text, encoding="utf-8")
    _rows(found, folder, script=stata.SCRIPT)


def _rows(found: Exported, folder: Path, *, script: str) -> None:
    if found.cohort is not None:
        write_rows(columns_of(found.study, found.cohort), folder)
    (folder / README).write_text(readme(found, script), encoding="utf-8")


def readme(found: Exported, script: str) -> str:
    """Return what the folder holds, and that it stays where it is, in plain words."""
    study, cohort = found.study, found.cohort
    made_up = "The records are made up: no real child is in them.\n" if _synthetic(found) else ""
    lines = [f"{study.name}: {study.question}", ""]
    if cohort is None:
        lines += [
            f"{script} is a script. No record was read to write it: no child is in this folder.",
        ]
    else:
        lines += [
            "INSIDE THE ROOM. NOT CLEARED.",
            "",
            f"{COHORT} holds a row for each of {cohort.n:,} children: what provision they had,",
            "what they are like, and what became of them. It has no names and no identifiers, and",
            "it is still about single children. It must not leave the secure setting, by any way,",
            "and is to be deleted when it has been used.",
            "",
            f"{COLUMNS} says what each column of it is. Levels of categories are the records' own.",
            f"{script} reads both. What it prints and writes is not cleared either: it goes",
            "through the same checks as any output before it leaves.",
            "",
            made_up,
        ]
    if found.left:
        lines += ["", "Not in the script:", *(f"- {one}" for one in found.left)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _synthetic(found: Exported) -> bool:
    return found.study.records.synthetic
