"""One study from its file to an output and a folder: what `study run` and `demo` share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.cli._folder import publish
from fingerpost.cli._screen import Say, labelled, listed_lines, shown
from fingerpost.core.errors import FingerpostError

if TYPE_CHECKING:
    from fingerpost.core.output import Output
    from fingerpost.core.study import Records, TableSource

REPORT, RESULTS = "report.html", "results.json"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line may say besides the study: where the records are, and how to run."""

    records: Path | None = None
    engine: str = "duckdb"
    release: str | None = None
    seed: int | None = None


def answered(file: Path, choices: Choices, say: Say) -> Output:
    """Return the output of a study file."""
    from fingerpost.cohorts.table import read_records
    from fingerpost.release.clear import clear
    from fingerpost.release.policies import policy
    from fingerpost.studies.document import read_study
    from fingerpost.studies.run import run

    study = read_study(file)
    if choices.seed is not None:
        study = replace(study, seed=choices.seed)
    # Before the work, not after it: an unknown policy would end the run without an answer.
    policy(choices.release or study.release)
    named = pointed(study.records, choices.records)
    records = read_records(named, engine=choices.engine, base=file.parent)
    return clear(run(study, records, say=say), release=choices.release)


def pointed(records: Records, path: Path | None) -> Records:
    """Return where the records are, once --records has been heard.

    A file stands for the study's one table; a folder is where its tables are looked for, or, if it
    holds Parquet files and none of them, the table itself.
    """
    from fingerpost.core.study import TableSource

    if path is None:
        return records
    if not path.exists():
        raise FingerpostError(f"--records {path}: there is nothing at this path.")
    whole = path.resolve()
    named = records.sources or (TableSource(),)
    if whole.is_dir():
        return replace(records, sources=tuple(inside(source, whole) for source in named))
    if len(named) > 1:
        raise FingerpostError(
            f"--records {path}: the study stacks {len(named)} tables, and this is one file. "
            "Name the folder that holds them."
        )
    return replace(records, sources=(at(named[0], whole),))


def at(source: TableSource, path: Path) -> TableSource:
    """Return a source read from another path."""
    return replace(source, path=str(path), package=None, file=None)


def inside(source: TableSource, folder: Path) -> TableSource:
    """Return a source looked for in a folder: at its path from there, or by its name alone."""
    named = source.path or source.file
    if not named:
        return at(source, folder)
    name = Path(named)
    tried = [folder / name, folder / (source.package or "") / name, folder / name.name]
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        found = folder if any(folder.rglob("*.parquet")) else tried[-1]
    return at(source, found)


def write_folder(output: Output, folder: Path) -> tuple[Path, ...]:
    """Write the report, its tables and results.json into a folder, and return their paths."""
    from fingerpost.reports.results import write_results
    from fingerpost.reports.write import write_report

    def write(place: Path) -> None:
        write_report(output, place / REPORT)
        write_results(output, place / RESULTS)

    publish(folder, write)
    tables = folder / f"{Path(REPORT).stem}-tables"
    found = (folder / REPORT, folder / RESULTS, tables)
    return tuple(path for path in found if path.exists())


def told(output: Output) -> str:
    """Return the answer and how sure it is, as commands print them."""
    from fingerpost.reports.words import answers, reasons

    heading = f"{output.study.name}: {output.study.question}"
    parts = [heading, "", labelled("Answer", answers(output))]
    parts += [labelled("How sure", reasons(output))]
    if output.clearance == "inside":
        parts.append(labelled("Stamp", ["not cleared: for the secure room only"]))
    return "\n".join(parts)


def wrote(paths: tuple[Path, ...]) -> str:
    """Return the paths that were written."""
    return listed_lines("Wrote", [f"{shown(path)}{'/' if path.is_dir() else ''}" for path in paths])
