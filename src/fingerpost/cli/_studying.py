"""One study from its file to an output and a folder: what `study run` and `demo` share."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.cli._folder import WRITTEN, check_folder, check_json, publish, undated
from fingerpost.cli._screen import MADE_UP, Say, labelled, listed_lines, shown
from fingerpost.cli._spines import linking
from fingerpost.cli._truth import with_truth
from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.core.seeds import seed_faults

if TYPE_CHECKING:
    from fingerpost.core.output import Output
    from fingerpost.core.study import Records, Study, TableSource
    from fingerpost.records.store import Store

REPORT, RESULTS = "report.html", "results.json"
TABLES = f"{Path(REPORT).stem}-tables"
MANIFEST = f"{TABLES}/{WRITTEN}"
# The list of a clearance pack, in its open: whoever checks the pack may use it too.
SUMS = "SHA256SUMS"
FEWEST_COPIES, MOST_COPIES = 2, 200


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line may say besides the study: where the records are, and how to run; of a
    roll-out or a trial, where its draw is; ledger: its database, or that of a collection, if not
    in its folder; key: of who may see a trial's arms; spines: through which hospital records are
    read, in the words of `--spines`.
    """

    records: Path | None = None
    engine: str = "duckdb"
    release: str | None = None
    seed: int | None = None
    impute: int | None = None
    draw: Path | None = None
    ledger: str | None = None
    key: Path | None = None
    spines: str | None = None


def chosen(file: Path, choices: Choices) -> Study:
    """Return the study of a file as it will be run, its seed and its release checked."""
    from fingerpost.release.policies import policy
    from fingerpost.studies.document import read_study

    study = read_study(file)
    if choices.seed is not None:
        if faults := seed_faults(choices.seed):
            raise UsageError(faults)
        study = replace(study, seed=choices.seed)
    if choices.impute is not None:
        study = imputing(study, choices.impute)
    # Before the work, not after it: an unknown policy would end the run without an answer.
    policy(choices.release or study.release)
    return study


def imputing(study: Study, copies: int) -> Study:
    """Return a study whose missing covariates and outcomes are imputed in so many copies, whatever
    it says of them; of the rest of `imputation` what it says stands.
    """
    from fingerpost.core.study import Imputation

    if study.access is not None:
        raise UsageError("--impute: a study of access imputes nothing. Leave --impute out.")
    if not FEWEST_COPIES <= copies <= MOST_COPIES:
        raise UsageError(
            f"--impute: {copies} copies were asked for; from {FEWEST_COPIES} to {MOST_COPIES} can "
            "be made, and 20 are usual."
        )
    covariates = tuple(replace(each, missing="impute") for each in study.covariates)
    asked = replace(study.imputation or Imputation(), copies=copies)
    return replace(study, missing="impute", covariates=covariates, imputation=asked)


def answered(
    study: Study, choices: Choices, *, base: Path, say: Say, file: Path | None = None
) -> Output:
    """Return the output of a study; relative paths of its tables start from `base`. file: where it
    is written, to be named in commands.
    """
    from fingerpost.cohorts.table import read_records
    from fingerpost.release.clear import clear
    from fingerpost.studies.run import run
    from fingerpost.studies.trials.as_drawn import run_as_drawn

    if study.linked is not None:
        store = linked_store(study, choices.records, engine=choices.engine)
        through = linking(choices.spines, store, engine=choices.engine, study=study, file=file)
        finding = run(study, store, linking=through, say=say)
        output = clear(finding, release=choices.release)
        # Not before: what is true of a synthetic England may reach no estimate.
        return with_truth(output, finding, store)
    if choices.spines is not None:
        raise UsageError("--spines: the study asks one table, in which nothing is to be linked.")
    if study.rollout is not None and choices.records is not None:
        study, choices = as_collected(study, choices)
    named = pointed(study.records, choices.records)
    if study.rollout is not None and choices.records is not None and choices.records.is_dir():
        base = choices.records.resolve()  # where a table of starts is looked for too
    records = read_records(named, engine=choices.engine, base=base)
    if choices.key is not None and choices.draw is not None:
        finding = run_as_drawn(
            study,
            records,
            folder=choices.draw,
            key=choices.key,
            ledger=choices.ledger,
            say=say,
        )
    else:
        finding = run(study, records, draw=choices.draw, ledger=choices.ledger, say=say)
    return clear(finding, release=choices.release)


def as_collected(study: Study, choices: Choices) -> tuple[Study, Choices]:
    """Return the study of a roll-out and its choices with the panel of a freeze, where --records
    names one; of a collection, only a freeze is read, and only with its own draw.
    """
    from fingerpost.studies.rollouts.collecting.freezing import readable
    from fingerpost.studies.rollouts.lineage import check_collected

    assert choices.records is not None
    assert study.rollout is not None
    found = readable(choices.records, study.name, ledger=choices.ledger)
    if not found.unit:
        return study, choices
    if found.commitment and choices.draw is not None:
        check_collected(found.commitment, choices.draw, made=found.made)
    if found.newest:
        words = f"{choices.records} is analysed; {found.newest} of the same collection is later."
        print(labelled("Caution", [words]), file=sys.stderr)
    records = replace(
        study.records,
        unit=study.records.unit or found.unit,
        synthetic=study.records.synthetic or found.synthetic,
    )
    rollout = replace(study.rollout, period=study.rollout.period or found.period)
    return (
        replace(study, records=records, rollout=rollout),
        replace(choices, records=found.path),
    )


def linked_store(study: Study, path: Path | None, *, engine: str = "duckdb") -> Store:
    """Return the linked records that a study is run on; UsageError where none were named."""
    from fingerpost.records.store import open_store

    if path is None:
        raise UsageError(
            f'The study "{study.name}" asks linked records. Say where they are: --records FOLDER '
            "(a folder of tables, or a DuckDB file). `fingerpost england build` makes a synthetic "
            "one."
        )
    return open_store(path, engine)


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
        deeper = next(folder.rglob(name.name), None)
        if deeper is not None:
            raise FingerpostError(
                f"--records {folder}: {named} is not there; {deeper.relative_to(folder)} is. Name "
                f"the folder that holds it: --records {deeper.parent}."
            )
        found = folder if any(folder.rglob("*.parquet")) else tried[-1]
    return at(source, found)


def write_folder(output: Output, folder: Path) -> tuple[Path, ...]:
    """Write the report, its tables and results.json into a folder, and return their paths; of an
    output that was prepared for checking, its clearance pack.
    """
    if output.clearance == "prepared":
        return write_cleared(output, folder)
    from fingerpost.reports.results import write_results
    from fingerpost.reports.write import write_report

    def write(place: Path) -> None:
        write_report(output, place / REPORT)
        write_results(output, place / RESULTS)

    publish(folder, write, manifest=MANIFEST, other=SUMS)
    found = (folder / REPORT, folder / RESULTS, folder / TABLES)
    return tuple(path for path in found if path.exists())


def write_cleared(output: Output, folder: Path) -> tuple[Path, ...]:
    """Write the clearance pack of an output into a folder, and return the paths to begin with."""
    from fingerpost.reports.groups import FIGURES, NOTE_PAGE, NOTE_TEXT
    from fingerpost.reports.groups import MANIFEST as LISTED
    from fingerpost.reports.pack import write_pack

    def write(place: Path) -> None:
        write_pack(output, place)

    publish(folder, write, manifest=SUMS, other=MANIFEST)
    undated(folder, SUMS)
    names = (NOTE_PAGE, NOTE_TEXT, REPORT, RESULTS, TABLES, FIGURES, LISTED, SUMS)
    return tuple(folder / name for name in names if (folder / name).exists())


def check_out(folder: Path, *, release: str | None = None) -> None:
    """Raise where the folder of a run cannot be written to, or holds what no run of ours wrote.

    release: the policy of the run; one that prepares for checking writes more files.
    """
    from fingerpost.release.policies import policy

    if release is not None and policy(release).clearance == "prepared":
        from fingerpost.reports.pack import NAMES

        check_folder(folder, (*NAMES, SUMS), manifest=SUMS, other=MANIFEST)
    else:
        check_folder(folder, (REPORT, RESULTS), manifest=MANIFEST, other=SUMS)


def check_json_beside(path: Path, folder: Path, *, inputs: tuple[Path, ...]) -> None:
    """Raise where --json names what is read, what is not ours, or part of the report."""
    check_json(path, inputs=inputs)
    whole, report = path.resolve(), folder.resolve()
    if report.is_relative_to(whole) or whole in (report / REPORT, report / TABLES):
        raise UsageError(f"--json {path}: the report is written there. Name another file.")


def told(output: Output) -> str:
    """Return the answer and how sure it is, as commands print them."""
    from fingerpost.reports.names import labelled as in_labels
    from fingerpost.reports.spoken import speech
    from fingerpost.reports.words import answers, reasons

    # What the screen says is what the page says: the same labels, the same names.
    output, say = in_labels(output), speech(output)
    heading = f"{output.study.name}: {output.study.question}"
    parts = [heading, ""]
    if output.provenance.synthetic:
        parts.append(labelled("Synthetic", [MADE_UP]))
    parts.append(labelled("Answer", [say(text) for text in answers(output)]))
    parts += [labelled("How sure", [say(text) for text in reasons(output)])]
    parts += [labelled(label, [words]) for label, words in stamped(output)]
    return "\n".join(parts)


def stamped(output: Output) -> list[tuple[str, str]]:
    """Return what may be done with an output: its policy where it is not the study's own, what was
    withheld, and whether it may leave.
    """
    found = []
    if output.overridden:
        own = f"instead of the study's own policy, {output.overridden}"
        found.append(("Release", f"{output.policy}, {own}"))
    if output.clearance == "inside":
        found.append(("Stamp", "not cleared: for the secure room only"))
    if output.clearance == "prepared":
        held = f"{len(output.withheld)} things are withheld; the report lists them"
        found.append(
            ("Stamp", f"prepared under {output.policy}, to be checked by a person; {held}")
        )
    return found


def wrote(paths: tuple[Path, ...]) -> str:
    """Return the paths that were written."""
    return listed_lines("Wrote", [f"{shown(path)}{'/' if path.is_dir() else ''}" for path in paths])
