"""The clearance pack: what an output checker is asked to pass, in groups of files, each with its
context and with what the rules of the release policy did to it.

A pack is a folder: a note for the checker, the report, results.json, a folder of tables and a
folder of figures, and a manifest of them all. Everything in it is made of an output that has been
through a release policy; nothing is added that the policy has not seen. It holds no time of day, no
user and no path of the room, so that one output gives one pack, byte for byte.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

from fingerpost.core.output import Output
from fingerpost.plots.picture import Picture
from fingerpost.reports.files import write_text
from fingerpost.reports.groups import (
    FIGURES,
    MANIFEST,
    NOTE_PAGE,
    NOTE_TEXT,
    REPORT,
    RESULTS,
    Group,
    context,
    groups,
)
from fingerpost.reports.note import note_page, note_text
from fingerpost.reports.parts import Figure, Section
from fingerpost.reports.results import provenance, results, write_results
from fingerpost.reports.write import sections, write_report

NAMES = (NOTE_TEXT, NOTE_PAGE, REPORT, RESULTS, MANIFEST)
SCHEMA_VERSION = "1"
LONGEST = 60


def write_pack(output: Output, folder: Path) -> Path:
    """Write the pack of an output that was prepared for checking into a folder; return the folder.

    The list of digests (`SHA256SUMS`) is not written here: whoever publishes the folder writes it.
    Raises ValueError for an output that no policy has prepared.
    """
    if output.clearance != "prepared":
        raise ValueError(f"an output of clearance {output.clearance} makes no clearance pack")
    shown = sections(output)
    write_report(output, folder / REPORT, shown=shown)
    write_results(output, folder / RESULTS)
    drawn = write_figures(shown, folder / FIGURES)
    found = groups(output, drawn, folder)
    write_text(folder / NOTE_TEXT, note_text(output, found))
    write_text(folder / NOTE_PAGE, note_page(output, found))
    write_text(folder / MANIFEST, as_json(manifest(output, found, folder)))
    return folder


# ---------------------------------------------------------------------------- figures
def write_figures(shown: tuple[Section, ...], folder: Path) -> dict[str, tuple[str, ...]]:
    """Write every figure of the report with the numbers drawn in it; return, by the name of the
    table that a figure was drawn from, the paths of its files.
    """
    found: dict[str, list[str]] = {}
    for at, picture in enumerate(pictures(shown), start=1):
        stem = f"{at:02d}-{picture.name[:LONGEST].strip('-')}"
        write_text(folder / f"{stem}.svg", picture.wide + "\n")
        write_text(folder / f"{stem}.csv", drawn_csv(picture))
        paths = found.setdefault(picture.source, [])
        paths += [f"{folder.name}/{stem}{end}" for end in (".svg", ".csv")]
    return {source: tuple(paths) for source, paths in found.items()}


def pictures(shown: tuple[Section, ...]) -> tuple[Picture, ...]:
    """Return the figures of a report's sections in their order, each once: two that differ stay
    two, should they be called alike.
    """
    figures = [part for each in shown for part in each.parts if isinstance(part, Figure)]
    return tuple(dict.fromkeys(figure.picture for figure in figures))


def drawn_csv(picture: Picture) -> str:
    """Return every number in a picture as a long CSV: what it is of, quantity, unit, value.

    Numbers of one mark (a bar, a point, a step of a line) share `part` and `mark`. What a line runs
    through is reckoned of numbers that were shortened: six digits say where it is.
    """
    labels = list(dict.fromkeys(name for each in picture.drawn for name, _ in each.labels))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["part", "mark", *labels, "quantity", "unit", "value"])
    for each in picture.drawn:
        said = dict(each.labels)
        mark = f"{each.part}-{each.place}"
        cells = [said.get(name, "") for name in labels]
        writer.writerow([each.part, mark, *cells, each.quantity, each.unit, place(each.value)])
    return stream.getvalue()


def place(value: float) -> str:
    """Return where a mark stands: a whole number whole, any other in six digits.

    >>> place(34705.0), place(0.00107692868451)
    ('34705', '0.00107693')
    """
    return f"{value:.0f}" if value == round(value) else f"{value:.6g}"


# --------------------------------------------------------------------------- manifest
def manifest(output: Output, found: list[Group], folder: Path) -> dict[str, Any]:
    """Return the manifest of a pack whose files, but for the manifest, are in a folder."""
    told = results(output)
    whole = context(output)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "clearance pack",
        "clearance": output.clearance,
        "study": told["study"],
        "release": told["release"],
        "synthetic": told["synthetic"],
        "context": {
            "population": whole.population,
            "period": whole.period,
            "unit": whole.unit,
            "children": whole.children,
            "arms": dict(whole.arms),
            "cluster": whole.cluster or None,
            "clusters": whole.clusters,
            "variables": list(variables(output)),
        },
        "groups": [group_record(group) for group in found],
        "files": [
            {"path": path, "group": group.name, **sealed(folder / path)}
            for group in found
            for path in group.files
        ],
        "withheld": told["withheld"],
        "provenance": provenance(output),
    }


def variables(output: Output) -> tuple[str, ...]:
    """Return what was read of each child: outcomes, covariates, the column of the arm."""
    study = output.study
    arm = (study.arms.column,) if study.arms.column else ()
    return (*arm, *(spec.name for spec in study.outcomes), *study.given)


def group_record(group: Group) -> dict[str, Any]:
    """Return a group as JSON-ready data."""
    return {
        "name": group.name,
        "title": group.title,
        "files": list(group.files),
        "context": {
            "what": group.what,
            "columns": list(group.columns),
            "units": list(group.units),
            "about": list(group.about),
            "children": group.children,
            "clusters": group.clusters,
        },
        "controls": [
            {
                "rule": each.name,
                "asks": each.asks,
                "looked_at": each.looked or None,
                "stopped": each.found,
                "did": each.did,
            }
            for each in group.controls
        ],
    }


def sealed(path: Path) -> dict[str, Any]:
    """Return a file's digest and size."""
    held = path.read_bytes()
    return {"sha256": hashlib.sha256(held).hexdigest(), "bytes": len(held)}


def as_json(record: dict[str, Any]) -> str:
    """Return data as JSON text."""
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
