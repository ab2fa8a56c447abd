from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from fingerpost.cli._folder import (
    WRITTEN,
    check_folder,
    check_json,
    check_writable,
    naming,
    publish,
)
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.records.writing import Manifest, begin, finish, read_manifest


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
        if path.is_file() and path.name != WRITTEN
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


def test_a_reader_s_file_beside_the_tables_stays(tmp_path):
    publish(tmp_path / "one", fill("first"))
    (tmp_path / "one" / "report-tables" / "mine.csv").write_text("mine", encoding="utf-8")
    publish(tmp_path / "one", fill("second"))
    assert everything(tmp_path / "one") == {
        "report.html": "second",
        "report-tables/mine.csv": "mine",
        "report-tables/second.csv": "second",
    }


@pytest.mark.parametrize("name", ["report.html", "report-tables/first.csv"])
def test_a_file_that_no_run_wrote_is_never_replaced(tmp_path, name):
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name} would be written over"):
        publish(tmp_path, fill("first"))
    assert everything(tmp_path) == {name: "mine"}
    assert [path.name for path in tmp_path.iterdir()] == [name.split("/")[0]]


@pytest.mark.parametrize("name", ["report.html", "report-tables/first.csv"])
def test_what_was_changed_since_is_the_reader_s(tmp_path, name):
    publish(tmp_path, fill("first"))
    (tmp_path / name).write_text("with my notes", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name} would be written over"):
        check_folder(tmp_path, ["report.html"], manifest=WRITTEN)
    before = everything(tmp_path)
    with pytest.raises(UsageError):
        publish(tmp_path, fill("first"))
    assert everything(tmp_path) == before


def test_a_manifest_that_leads_elsewhere_removes_nothing(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    folder = tmp_path / "one"
    publish(folder, fill("first"))
    note = folder / WRITTEN
    said = note.read_text(encoding="utf-8")
    mine = hashlib.sha256(b"mine").hexdigest()
    note.write_text(f"{said}{mine}  ../mine.txt\nnonsense\n", encoding="utf-8")
    publish(folder, fill("second"))
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("at", range(1, 7))
def test_a_move_that_fails_half_way_puts_everything_back(tmp_path, monkeypatch, at):
    publish(tmp_path / "one", fill("first"))
    before = everything(tmp_path)
    moves, move = [], os.replace

    def failing(source, place):
        moves.append(place)
        if len(moves) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        move(source, place)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(FingerpostError, match=r"one: No space left on device"):
        publish(tmp_path / "one", fill("second"))
    assert everything(tmp_path) == before
    assert not list(tmp_path.rglob(".fingerpost-*"))


def test_a_fault_of_the_disk_is_told_by_the_path_that_was_named(tmp_path):
    hidden = tmp_path / ".n.json.x1y2"
    with pytest.raises(FingerpostError) as caught, naming(tmp_path / "n.json"):
        raise OSError(errno.ENOSPC, "No space left on device", str(hidden))
    assert str(caught.value).startswith(f"{tmp_path / 'n.json'}: No space left on device.")
    with pytest.raises(FileNotFoundError), naming(tmp_path / "n.json"):
        raise FileNotFoundError(errno.ENOENT, "No such file", "/elsewhere/template.css")


def test_json_replaces_results_of_ours_and_empty_files_only(tmp_path):
    (tmp_path / "ours.json").write_text('{"schema_version": "1"}', encoding="utf-8")
    (tmp_path / "empty.json").write_text("", encoding="utf-8")
    for name in ("ours.json", "empty.json", "new.json"):
        check_json(tmp_path / name)
    others = {"list.json": "[1]", "other.json": "{}", "t.csv": "a\n1\n", "s.yaml": "study: x\n"}
    for name, text in others.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="stays as it is"):
            check_json(tmp_path / name)
    with pytest.raises(UsageError, match="read in the same run"):
        check_json(tmp_path / "ours.json", inputs=[tmp_path / "ours.json"])


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


def test_nothing_is_written_among_records_or_over_a_manifest(tmp_path):
    """A report's JSON named so took the place of the records' own list of files."""
    records = tmp_path / "e"
    begin(records, {})
    with pytest.raises(UsageError, match="among the records"):
        check_json(records / "mine.json")
    finish(records, Manifest(made_by="us"))
    kept = (records / "manifest.json").read_bytes()
    for path in (records / "manifest.json", records / "spines" / "mine.json"):
        with pytest.raises(UsageError, match="among the records"):
            check_json(path)
    with pytest.raises(UsageError, match="among the records"):
        check_folder(records / "report", ("report.html",), manifest=WRITTEN)
    assert (records / "manifest.json").read_bytes() == kept
    with pytest.raises(UsageError, match="Name another file"):
        check_json(tmp_path / "manifest.json")
    (records / "manifest.json").write_text('{"schema_version": 1, "format": 1}', encoding="utf-8")
    with pytest.raises(Malformed, match=r"is no manifest of records.*Take that file away"):
        read_manifest(records)
