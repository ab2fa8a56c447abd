from __future__ import annotations

import os
from pathlib import Path

import pytest

from fingerpost.cli._folder import check_writable, publish
from fingerpost.core.errors import FingerpostError


def fill(words: str):
    """Return a writer of a page and a folder of tables."""

    def write(place: Path) -> None:
        (place / "report.html").write_text(words, encoding="utf-8")
        (place / "report-tables").mkdir()
        (place / "report-tables" / f"{words}.csv").write_text(words, encoding="utf-8")

    return write


def everything(folder: Path) -> dict[str, str]:
    """Return every file below a folder with its text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_new_folder_holds_what_was_written(tmp_path):
    publish(tmp_path / "build" / "one", fill("first"))
    assert everything(tmp_path) == {
        "build/one/report.html": "first",
        "build/one/report-tables/first.csv": "first",
    }


def test_a_second_result_replaces_the_first_whole(tmp_path):
    publish(tmp_path / "one", fill("first"))
    publish(tmp_path / "one", fill("second"))
    assert everything(tmp_path) == {
        "one/report.html": "second",
        "one/report-tables/second.csv": "second",
    }


def test_what_others_put_there_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    publish(tmp_path, fill("first"))
    assert everything(tmp_path)["notes.txt"] == "mine"
    assert (tmp_path / "report.html").is_file()


def test_a_writer_that_fails_changes_nothing(tmp_path):
    publish(tmp_path / "one", fill("first"))
    before = everything(tmp_path)

    def broken(place: Path) -> None:
        fill("half")(place)
        raise FingerpostError("no more")

    with pytest.raises(FingerpostError, match="no more"):
        publish(tmp_path / "one", broken)
    assert everything(tmp_path) == before


def test_the_folder_may_be_the_one_we_are_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish(Path("."), fill("first"))
    assert (tmp_path / "report.html").is_file()


def test_the_folder_can_be_read_by_others(tmp_path):
    publish(tmp_path / "one", fill("first"))
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o777 & ~mask


@pytest.mark.parametrize("folder", [True, False])
def test_a_place_that_cannot_be_is_told_beforehand(tmp_path, folder):
    (tmp_path / "file").write_text("", encoding="utf-8")
    wrong = tmp_path / "file" if folder else tmp_path
    with pytest.raises(FingerpostError, match="this is a"):
        check_writable(wrong, folder=folder)
    with pytest.raises(FingerpostError, match="is a file, so nothing can lie in it"):
        check_writable(tmp_path / "file" / "below", folder=folder)
    check_writable(tmp_path / "new" / "one", folder=folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_without_permission_is_told_beforehand(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(FingerpostError, match="may not be written to"):
        check_writable(closed / "one", folder=True)
