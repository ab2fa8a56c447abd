"""Files that the room writes for people: templates, dictionaries, data packages."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fingerpost.core.errors import UsageError
from fingerpost.records.declarations import TABLES
from fingerpost.records.dictionary import as_html, as_markdown, data_package, template
from fingerpost.records.store import Store, spec_named

FORMS = {".md": as_markdown, ".html": as_html}
PACKAGE = "datapackage.json"


def write_templates(folder: Path, tables: Sequence[str] = ()) -> tuple[Path, ...]:
    """Write an empty CSV for each table, and the data package of them, into a new folder.

    tables: names; all where empty. Returns the files. Raises UsageError for a folder that holds
    something, or a table that is not declared; nothing is half-written.
    """
    specs = [spec_named(name) for name in tables] or list(TABLES.values())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty. Name a folder that is new or empty.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for spec in specs:
            (beside / f"{spec.name}.csv").write_text(template(spec), encoding="utf-8")
        package = data_package({spec.name: (f"{spec.name}.csv",) for spec in specs})
        (beside / PACKAGE).write_text(as_json(package), encoding="utf-8")
        names = sorted(path.name for path in beside.iterdir())
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return tuple(folder / name for name in names)


def write_dictionary(path: Path) -> Path:
    """Write the data dictionary as Markdown, HTML or a data package, as the file's name ends.

    Raises UsageError for any other ending.
    """
    if path.suffix == ".json":
        words = as_json(data_package())
    elif path.suffix in FORMS:
        words = FORMS[path.suffix]()
    else:
        raise UsageError(f'"{path.name}" ends in none of .md, .html, .json. Name such a file.')
    keep_others(path, words)
    replace(path, words)
    return path


def write_package(store: Store, path: Path) -> Path:
    """Write the data package that describes a store's own tables and files."""
    base = path.absolute().parent
    paths = {
        name: [from_here(file.absolute(), base) for file in store.files[name].files]
        for name in store.tables
    }
    columns = {name: store.raw(name).collect_schema().names() for name in store.tables}
    words = as_json(data_package(paths, columns))
    keep_others(path, words)
    replace(path, words)
    return path


def keep_others(path: Path, words: str) -> None:
    """Raise UsageError where a file is there that is none of ours: it does not begin as ours do."""
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    begins = words.encode()[:40]
    with path.open("rb") as stream:
        if stream.read(len(begins)) == begins:
            return
    raise UsageError(
        f"{path}: this is there already and was not written by fingerpost, so it stays as it is. "
        "Name another file."
    )


def from_here(file: Path, base: Path) -> str:
    """Return a file's path seen from a folder, as a data package writes it on every system."""
    try:
        return Path(os.path.relpath(file, base)).as_posix()
    except ValueError:
        # On Windows no path leads from one drive to another.
        return file.as_posix()


def as_json(said: object) -> str:
    """Return plain data as JSON, in the order given."""
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def replace(path: Path, words: str) -> None:
    """Write a file under a temporary name in its folder, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(words, encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
