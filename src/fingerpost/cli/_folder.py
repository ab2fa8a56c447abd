"""Results written whole or not at all, and only over what an earlier run wrote."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fingerpost.core.errors import FingerpostError, UsageError

# Names and digests of what a run wrote, so that the next one knows its own files from a reader's.
WRITTEN = ".written"
DAY = 86_400
# What a folder of records, of spines or of a trial says of its files.
LIST = "manifest.json"


def check_writable(path: Path, *, folder: bool) -> None:
    """Raise FingerpostError where nothing could be written to a path, before the work is done;
    UsageError where it lies among records.
    """
    check_apart(path, folder=folder)
    check_place(path, folder=folder)


def check_place(path: Path, *, folder: bool) -> None:
    """Raise FingerpostError where nothing could be written to a path, wherever it lies."""
    if folder and path.exists() and not path.is_dir():
        raise FingerpostError(f"--out {path}: this is a file. Name a folder.")
    if not folder and path.is_dir():
        raise FingerpostError(f"--json {path}: this is a folder. Name a file.")
    above = path if folder else path.parent
    # A drive that is not there is its own parent.
    while not above.exists() and above.parent != above:
        above = above.parent
    if not above.exists():
        raise FingerpostError(
            f"{path}: there is no {above}. Name a folder on a drive that is there."
        )
    if not above.is_dir():
        raise FingerpostError(f"{path}: {above} is a file, so nothing can lie in it.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise FingerpostError(f"{path}: {above} may not be written to. Name another place.")
    try:
        # Some folders say that they may be written to, and yet take no file.
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise FingerpostError(
            f"{path}: nothing can be written to {above}: {error.strerror}. Name another place."
        ) from None


def check_apart(path: Path, *, folder: bool) -> None:
    """Raise UsageError for a path among records, whose list of files is their word that they are
    whole; and for one file that takes the name of such a list.
    """
    name = "--out" if folder else "--json"
    for above in (whole := path.absolute().resolve(), *whole.parents):
        if is_records(above):
            raise UsageError(
                f"{name} {path}: this lies among the records in {above}. Name a place elsewhere."
            )
    if not folder and path.name == LIST:
        raise UsageError(
            f"{name} {path}: a {LIST} is the list of what a folder holds. Name another file."
        )


def is_records(folder: Path) -> bool:
    """Return whether a folder holds records of ours, finished or begun."""
    if not ((folder / LIST).is_file() or (folder / ".parts").is_dir()):
        return False
    # Only now, as reading it takes its time.
    from fingerpost.records.writing import NOTES, RECIPE, is_manifest

    return (folder / NOTES / RECIPE).is_file() or is_manifest(folder / LIST)


def check_folder(
    folder: Path, names: Iterable[str], *, manifest: str, other: str | None = None
) -> None:
    """Raise where a folder cannot be written to, or holds files of these names that are not ours.

    manifest: where, inside the folder, the list of what an earlier run wrote lies; other: where a
    run of another kind leaves its list.
    """
    check_writable(folder, folder=True)
    for listed in {(folder / each).parent for each in (manifest, other) if each}:
        if listed != folder and os.path.lexists(listed):
            check_writable(listed, folder=True)
    earlier = all_written(folder, manifest, other)
    refuse_others(folder, (*names, *earlier), earlier)


def check_unsealed(*paths: Path | None) -> None:
    """Raise UsageError for a path inside the folder of a trial or a draw, whose files are sealed: a
    list of them, with their digests, lies there too.
    """
    for path in paths:
        whole = None if path is None else path.absolute().resolve()
        for above in () if whole is None else (whole, *whole.parents):
            if all((above / name).is_file() for name in ("plan.json", "manifest.json")):
                raise UsageError(
                    f"{path}: the plan and the ledger of a trial or a draw lie in {above}, which "
                    "stays as it was sealed. Name a place outside it."
                )


def check_json(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Raise where a path cannot be written to, or holds anything but results of ours.

    inputs: files that are read in the same run, which are never written over.
    """
    check_writable(path, folder=False)
    if not os.path.lexists(path):
        return
    if any(each.exists() and path.exists() and path.samefile(each) for each in inputs):
        raise UsageError(f"--json {path}: this file is read in the same run. Name another file.")
    if not replaceable(path):
        raise UsageError(
            f"--json {path}: this is there already and is no results.json of ours, so it stays as "
            "it is. Name another file."
        )


def replaceable(path: Path) -> bool:
    """Return whether a file is empty, or JSON that fingerpost wrote."""
    if not path.is_file():
        return False
    if not path.stat().st_size:
        return True
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return False
    return isinstance(found, dict) and "schema_version" in found


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Tell a fault of the disk by the path that a person knows, not by a temporary one near it."""
    above = path.absolute().parent
    try:
        yield
    except OSError as error:
        named = error.filename
        elsewhere = isinstance(named, str) and not Path(named).absolute().is_relative_to(above)
        if not error.strerror or elsewhere:
            raise
        words = os.strerror(error.errno) if error.errno else error.strerror
        raise FingerpostError(f"{path}: {words}. Make room there or name another place.") from None


def publish(
    folder: Path,
    write: Callable[[Path], None],
    *,
    manifest: str = WRITTEN,
    other: str | None = None,
) -> None:
    """Let `write` fill a folder aside, then put each file that it wrote in its place in `folder`.

    Files that an earlier run wrote are replaced, or removed where they are written no more; all
    others stay, and one that stands in the way is refused. If anything fails nothing changes.
    manifest: where, inside the folder, the list of what was written lies; other: where a run of
    another kind left its list, whose files are replaced or removed likewise, the list with them.
    """
    whole = folder.absolute()
    with naming(folder):
        beside = whole if whole.is_dir() else whole.parent
        beside.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fingerpost-", dir=beside))
        try:
            made = aside / "new"
            made.mkdir()
            write(made)
            names = files(made)
            note(made, names, manifest=manifest)
            if whole.is_dir():
                earlier = all_written(whole, manifest, other)
                refuse_others(folder, names, earlier)
                gone = [n for n in earlier if n not in names and is_ours(whole / n, earlier[n])]
                gone += [other] if other and (whole / other).is_file() else []
                put(made, whole, gone=gone, kept=aside / "old")
            else:
                made.rename(whole)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def put(made: Path, folder: Path, *, gone: Iterable[str], kept: Path) -> None:
    """Move every file of `made` into a folder and `gone` out of it, or leave all as it was."""
    moved: list[str] = []
    new = files(made)
    try:
        for name in (*gone, *new):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            moved.append(name)
            if os.path.lexists(place):
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(place, kept / name)
            if name in new:
                os.replace(made / name, place)
    except BaseException:
        for name in moved:
            if os.path.lexists(kept / name):
                os.replace(kept / name, folder / name)
            elif name in new and not os.path.lexists(made / name):
                (folder / name).unlink()
        raise


def files(folder: Path) -> tuple[str, ...]:
    """Return the paths of all files below a folder, seen from it, in order."""
    return tuple(
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    )


def note(folder: Path, names: Iterable[str], *, manifest: str) -> None:
    """Write down which files of a folder a run has written, as `sha256sum -c` reads them."""
    listed = folder / manifest
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{digest(folder / name)}  {name}\n" for name in names), "utf-8")


def written(folder: Path, manifest: str) -> dict[str, str]:
    """Return name → SHA-256 of what an earlier run wrote into a folder, as its manifest says."""
    listed = folder / manifest
    if not listed.is_file():
        return {}
    pairs = [line.split("  ", 1) for line in listed.read_text("utf-8", "replace").splitlines()]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and is_inside(pair[1])}


def all_written(folder: Path, manifest: str, other: str | None) -> dict[str, str]:
    """Return name → SHA-256 of what earlier runs wrote into a folder, of whichever kind."""
    found = written(folder, other) if other else {}
    return {**found, **written(folder, manifest)}


def undated(folder: Path, manifest: str) -> None:
    """Give every file that a run wrote, and its list, the midnight (UTC) on which the day began:
    when in the day it was made is nobody's business.
    """
    midnight = time.time() // DAY * DAY
    for name in (*written(folder, manifest), manifest):
        os.utime(folder / name, (midnight, midnight))


def is_inside(name: str) -> bool:
    """Return whether a name of a manifest stays inside its folder."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_ours(path: Path, known: str | None) -> bool:
    """Return whether a file is as a run of ours left it."""
    return path.is_file() and not path.is_symlink() and digest(path) == known


def refuse_others(folder: Path, names: Iterable[str], earlier: dict[str, str]) -> None:
    """Raise UsageError where files of these names are there that no run of ours left so."""
    others = [
        name
        for name in dict.fromkeys(names)
        if os.path.lexists(folder / name) and not is_ours(folder / name, earlier.get(name))
    ]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise UsageError(
            f"--out {folder}: {', '.join(others[:3])}{more} would be written over, though "
            "fingerpost did not write it, or it was changed since. Move it or name another folder."
        )


def write_json(path: Path | None, text: str) -> list[Path]:
    """Write what --json asked for, and return its path, if any."""
    if path is None:
        return []
    from fingerpost.reports.files import write_text

    with naming(path):
        return [write_text(path, text)]
