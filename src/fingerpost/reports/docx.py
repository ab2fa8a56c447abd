"""A report's sections as a Word document, for registries and committees that ask for one.

Needs the package python-docx (`pip install 'fingerpost[documents]'`); without it nothing else
changes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fingerpost.core.errors import MissingExtra
from fingerpost.reports.parts import Bullets, Figure, Grid, Heading, Part, Section, Words

MISSING = (
    "Word documents need the package python-docx, which is not installed: "
    "pip install 'fingerpost[documents]'"
)
WIDTH = 16.0  # centimetres of text on a page
SMALL = 8  # points, of tables


def available() -> bool:
    """Return whether Word documents can be written here."""
    return find_spec("docx") is not None


def write_docx(path: Path, sections: Sequence[Section], *, title: str, footer: str = "") -> Path:
    """Write sections as a Word document and return its path. Raises MissingExtra without
    python-docx.

    Words, lists, tables and pictures as the page has them; a table's file is named under it.
    """
    if not available():
        raise MissingExtra(MISSING)
    import docx
    from docx.shared import Cm, Pt

    document = docx.Document()
    page = document.sections[0]
    page.left_margin = page.right_margin = Cm(2.5)
    document.styles["Normal"].font.size = Pt(10)
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title, "fingerpost", ""
    properties.language = "en-GB"
    document.add_heading(title, level=0)
    for number, section in enumerate(sections, start=1):
        document.add_heading(f"{number}. {section.title}", level=1)
        for part in section.parts:
            add(document, part)
    page.footer.paragraphs[0].text = footer
    held = io.BytesIO()
    document.save(held)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(held.getvalue())
    return path


def add(document: Any, part: Part) -> None:
    """Add one part to a document."""
    if isinstance(part, Words):
        add_words(document, part)
    elif isinstance(part, Heading):
        document.add_heading(part.text, level=2)
    elif isinstance(part, Bullets):
        for text in part.items:
            document.add_paragraph(text, style="List Number" if part.ordered else "List Bullet")
    elif isinstance(part, Grid):
        add_grid(document, part)
    else:
        add_figure(document, part)


def add_words(document: Any, part: Words) -> None:
    """Add a paragraph: bold where it is a warning, in italics where it is a note."""
    run = document.add_paragraph().add_run(part.text)
    run.bold = part.tone in ("warning", "refused")
    run.italic = part.tone == "note"


def add_grid(document: Any, part: Grid) -> None:
    """Add a table with its caption above and its note beneath."""
    from docx.shared import Pt

    document.add_paragraph().add_run(part.caption).bold = True
    table = document.add_table(rows=1, cols=len(part.columns), style="Light Grid Accent 1")
    rows = [part.columns, *(tuple(entry.text for entry in row) for row in part.rows)]
    for at, texts in enumerate(rows):
        cells = table.rows[0].cells if at == 0 else table.add_row().cells
        for cell, text in zip(cells, texts, strict=True):
            run = cell.paragraphs[0].add_run(text)
            run.font.size, run.bold = Pt(SMALL), at == 0
    if part.note:
        document.add_paragraph().add_run(part.note).italic = True


def add_figure(document: Any, part: Figure) -> None:
    """Add a picture, with its title and its words beneath for those who cannot see it."""
    from docx.shared import Cm

    from fingerpost.plots.raster import png

    document.add_picture(io.BytesIO(png(part.picture)), width=Cm(WIDTH))
    shape = document.inline_shapes[-1]._inline.docPr
    shape.set("descr", part.picture.description)
    said = f"{part.picture.title}. {part.note} {part.picture.description}"
    document.add_paragraph().add_run(" ".join(said.split())).italic = True
