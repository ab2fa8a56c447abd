"""Word documents: what the page says, and one clear line where the package is missing."""

from __future__ import annotations

import sys

import pytest

from fingerpost.core.errors import MissingExtra
from fingerpost.core.table import Table
from fingerpost.plots.power_curves import draw_power_curves
from fingerpost.reports import docx as documents
from fingerpost.reports.parts import Bullets, Figure, Heading, Section, Words, grid

TABLE = Table("t", "Units", ("wave", "units"), ("label", "number"), (("first", 32), ("late", 25)))
CURVES = Table(
    "power_curves",
    "Curves",
    ("structure", "icc", "cac", "mdes", "power_z"),
    ("label", "number", "number", "number", "share"),
    (("nested", 0.05, 0.0, 0.2, None), ("nested", 0.05, 1.0, 0.1, None)),
)


def sections() -> tuple[Section, ...]:
    (curve,) = draw_power_curves(CURVES, unit="points")
    parts = (
        Words("A warning.", "warning"),
        Bullets(("one", "two")),
        Heading("Open", "open"),
        grid(TABLE),
        Figure(curve),
    )
    return (Section("a", "In short", parts), Section("b", "Then", (Words("More."),)))


def test_a_document_holds_what_the_sections_say(tmp_path) -> None:
    word = pytest.importorskip("docx", reason="python-docx is not installed")
    path = documents.write_docx(tmp_path / "p.docx", sections(), title="Plan", footer="made by")
    found = word.Document(str(path))
    texts = [each.text for each in found.paragraphs]
    for text in ("Plan", "1. In short", "2. Then", "A warning.", "one", "Open", "Units", "More."):
        assert text in texts
    cells = [[cell.text for cell in row.cells] for row in found.tables[0].rows]
    assert cells == [["Wave", "Units"], ["first", "32"], ["late", "25"]]
    assert len(found.inline_shapes) == 1
    assert found.core_properties.title == "Plan" and found.core_properties.author == "fingerpost"
    assert found.sections[0].footer.paragraphs[0].text == "made by"
    described = found.inline_shapes[0]._inline.docPr.get("descr")
    assert "ICC 0.05: 0.200 at 0" in described


def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'fingerpost\[documents\]'"):
        documents.write_docx(tmp_path / "p.docx", sections(), title="Plan")
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_loaded_only_when_a_document_is_written() -> None:
    held = {name: sys.modules.pop(name) for name in list(sys.modules) if name == "docx"}
    assert documents.available() in (True, False)
    assert "docx" not in sys.modules
    sys.modules.update(held)
