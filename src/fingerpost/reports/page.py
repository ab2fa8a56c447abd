"""One way to put a page of a plan, a draw or a trial on disk, with what lies beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.picture import Picture
from fingerpost.reports.files import write_text
from fingerpost.reports.parts import Section
from fingerpost.reports.write import made_up, render, tables_folder, write_tables


def write_page(
    path: Path,
    study: Study,
    *,
    title: str,
    sections: Sequence[Section],
    tables: Iterable[Table],
    footer: str,
    pictures: Iterable[Picture] = (),
    synthetic: bool | None = None,
) -> tuple[Path, ...]:
    """Write the page, its tables as long CSV files beside it and each picture as SVG; return the
    paths of page and pictures.

    A page of made-up records says so first. synthetic: whether they are; as the study says where
    it is not given.
    """
    folder = tables_folder(path)
    html = render(
        "report.html.jinja",
        {
            "title": title,
            "stamps": made_up(study.records.synthetic if synthetic is None else synthetic),
            "sections": tuple(sections),
            "folder": quote(folder.name),
            "footer": footer,
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tables({table.name: (table,) for table in tables}, folder, study)
    made = [write_text(path.parent / f"{one.name}.svg", one.wide + "\n") for one in pictures]
    return (write_text(path, html), *made)
