"""What Windows would stumble over, looked for from Linux: names, paths, encodings, modules."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PureWindowsPath

import pytest
from tiny_study import write_tiny_study
from typer.testing import CliRunner

from fingerpost.cli import _folder, _screen
from fingerpost.cli.main import app
from fingerpost.core.filenames import nameable
from fingerpost.records import files

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "fingerpost"
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
POSIX_ONLY = {
    "fcntl",
    "resource",
    "pwd",
    "grp",
    "pty",
    "tty",
    "termios",
    "syslog",
    "crypt",
    "posix",
}
ABSOLUTE = ("/tmp", "/dev/", "/proc", "/var", "/home")
POOLS = ("ProcessPoolExecutor", "Pool", "Process")
# of `os`, where asking for it fails on Windows unless it is asked for with care (hasattr, except)
POSIX_OF_OS = {
    "fork",
    "geteuid",
    "getuid",
    "getgid",
    "uname",
    "mkfifo",
    "chown",
    "getpgid",
    "killpg",
    "wait",
    "nice",
    "getloadavg",
    "O_DIRECTORY",
    "O_NOFOLLOW",
}
# The file renamed onto must not exist on Windows.
RENAMES = {"rename", "renames"}
TEXT_METHODS = {"read_text": 0, "write_text": 1}


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Return what every module of the package and the bundle's scripts is made of, walked once."""
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "scripts").glob("bundle*.py")]
    return {
        path.relative_to(ROOT).as_posix(): list(walked(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(paths)
    }


def walked(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the few kinds of node that any test here looks at."""
    kinds = (ast.Call, ast.Import, ast.ImportFrom, ast.Attribute, ast.Constant)
    yield from (node for node in ast.walk(tree) if isinstance(node, kinds))


def without_encoding(found: list[ast.AST]) -> Iterator[int]:
    """Yield the lines on which a text file is opened, read or written without an encoding."""
    for node in found:
        if not isinstance(node, ast.Call):
            continue
        named = {word.arg for word in node.keywords}
        function = node.func
        if "encoding" in named or None in named or ast.unparse(function) == "os.open":
            continue
        if isinstance(function, ast.Attribute) and function.attr in TEXT_METHODS:
            if len(node.args) <= TEXT_METHODS[function.attr]:
                yield node.lineno
        elif called(function) in ("open", "fdopen", "NamedTemporaryFile"):
            own = isinstance(function, ast.Name) or called(function) != "open"
            place = 1 if own and called(function) != "NamedTemporaryFile" else 0
            mode = next((word.value for word in node.keywords if word.arg == "mode"), None)
            mode = node.args[place] if mode is None and len(node.args) > place else mode
            usual = "w+b" if called(function) == "NamedTemporaryFile" else "r"
            words = mode.value if isinstance(mode, ast.Constant) else usual
            if "b" not in str(words):
                yield node.lineno


def called(function: ast.expr) -> str:
    """Return the last name of what is called."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("open('a')", [1]),
        ("open('a', 'rb')", []),
        ("p.open('w')", [1]),
        ("p.open('wb')", []),
        ("p.open(encoding='utf-8')", []),
        ("p.read_text()", [1]),
        ("p.read_text('utf-8')", []),
        ("p.write_text(words)", [1]),
        ("p.write_text(words, 'utf-8')", []),
        ("os.fdopen(handle, 'w')", [1]),
        ("os.open(folder, os.O_RDONLY)", []),
    ],
)
def test_the_measure_sees_a_missing_encoding(code, lines):
    assert list(without_encoding(list(walked(ast.parse(code))))) == lines


def test_every_text_file_is_opened_with_its_encoding():
    found = {name: list(without_encoding(held)) for name, held in nodes().items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_nothing_is_imported_that_windows_lacks():
    found = []
    for name, held in nodes().items():
        for node in held:
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = {str(node.module).split(".")[0]}
            elif isinstance(node, ast.Attribute) and called_os(node):
                names = {"posix"} if node.attr in POSIX_OF_OS | RENAMES else set()
            else:
                continue
            found += [f"{name}:{node.lineno}"] if names & POSIX_ONLY else []
    assert found == []


def called_os(node: ast.Attribute) -> bool:
    """Return whether something of the module `os` is asked for."""
    return isinstance(node.value, ast.Name) and node.value.id == "os"


def test_no_path_of_one_system_is_written_down():
    found = []
    for name, held in nodes().items():
        if name.startswith("scripts/"):
            continue
        for node in held:
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and text.startswith(ABSOLUTE):
                found.append(f"{name}:{node.lineno}: {text}")
    assert found == []


# ----------------------------------------------------------------------------- names of files
def test_every_file_that_a_study_writes_can_be_named_on_windows(tmp_path):
    tiny = write_tiny_study(tmp_path)
    text = tiny.study.read_text(encoding="utf-8").replace("policy: none", "policy: ons_srs")
    tiny.study.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(
        app, ["study", "run", str(tiny.study), "--out", str(tmp_path / "out"), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    written = [path.relative_to(tmp_path) for path in (tmp_path / "out").rglob("*")]
    assert len(written) > 5
    assert [path for path in written if not all(map(nameable, path.parts))] == []
    assert len({str(path).casefold() for path in written}) == len(written)
    # A folder of 180 signs and the longest of these are within the 259 that Windows counts.
    assert max(len(str(path)) for path in written) < 79
    # And the text is the same: lines end alike on every system.
    plain = [path for path in written if path.suffix in (".json", ".html", ".csv", ".svg", ".txt")]
    assert plain and not [path for path in plain if b"\r\n" in (tmp_path / path).read_bytes()]


def test_no_file_of_the_package_has_a_name_that_windows_forbids():
    names = [
        path.relative_to(ROOT)
        for part in ("src", "examples", "docs", "tests", "benchmarks", "scripts")
        for path in (ROOT / part).rglob("*")
        if "__pycache__" not in path.parts
    ]
    assert len(names) > 500
    assert [path for path in names if not all(map(nameable, path.parts))] == []
    folded = {}
    for path in names:
        folded.setdefault(str(path).casefold(), []).append(path)
    assert [twins for twins in folded.values() if len(twins) > 1] == []


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "com1", "Lpt9"])
def test_a_study_cannot_be_called_what_windows_keeps(tmp_path, name):
    tiny = write_tiny_study(tmp_path)
    text = tiny.study.read_text(encoding="utf-8").replace("study: tiny", f"study: {name}")
    tiny.study.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["study", "run", str(tiny.study), "--out", str(tmp_path / "o")])
    assert done.exit_code == 1 and "can be no file's name on Windows" in done.output


# ----------------------------------------------------------------------------- paths as Windows's
@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("estimates.csv", True),
        ("tables/estimates.csv", True),
        ("tables\\estimates.csv", True),
        ("..\\other.csv", False),
        ("tables/../../other.csv", False),
        ("C:\\Users\\other.csv", False),
        ("\\\\server\\share\\other.csv", False),
    ],
)
def test_a_list_of_files_never_leads_out_of_its_folder(monkeypatch, name, inside):
    monkeypatch.setattr(_folder, "Path", PureWindowsPath)
    assert _folder.is_inside(name) is inside


def test_a_data_package_is_written_with_slashes_over_drives(monkeypatch):
    import ntpath

    monkeypatch.setattr(files, "Path", PureWindowsPath)
    monkeypatch.setattr(files.os, "path", ntpath)
    base = PureWindowsPath("D:\\room\\out")
    for path, said in (
        ("D:\\room\\records\\child\\part-00000.parquet", "../records/child/part-00000.parquet"),
        ("E:\\child.csv", "E:/child.csv"),
    ):
        assert files.from_here(PureWindowsPath(path), base) == said


def test_the_next_command_is_quoted_as_the_shell_takes_it(monkeypatch):
    assert _screen.typed("a b") == "'a b'"
    monkeypatch.setattr(_screen.os, "name", "nt")
    try:
        assert _screen.typed("C:\\My Records\\x") == '"C:\\My Records\\x"'
        assert _screen.typed("C:\\x") == "C:\\x"
    finally:
        monkeypatch.undo()


def test_a_part_is_let_go_before_it_is_renamed(tmp_path, monkeypatch):
    """Windows renames no file that is open."""
    import polars as pl

    from fingerpost.records import writing

    real = os.replace
    held: list[str] = []

    def watch(source, target):
        for handle in Path("/proc/self/fd").iterdir():
            try:
                held.extend([str(source)] if handle.resolve() == Path(source).resolve() else [])
            except OSError:
                continue
        real(source, target)

    monkeypatch.setattr(writing.os, "replace", watch)
    writing.begin(tmp_path / "r", {})
    rows = pl.DataFrame({"child_id": [1], "known_from": ["2010-01-01"]}).to_arrow()
    try:
        writing.noted(tmp_path / "r", "child", 0, lambda path: write_parquet(rows, path))
    finally:
        monkeypatch.undo()
    assert held == []


def write_parquet(rows, path):
    import pyarrow.parquet as pq

    pq.write_table(rows, path)


# ----------------------------------------------------------------------------- streams, processes
def test_signs_are_written_where_a_stream_knows_few(tmp_path):
    """A pipe on Windows is cp1252, which has no minus and no arrow."""
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    code = (
        "import sys\n"
        "from fingerpost.cli import main\n"
        "main.app = lambda prog_name: print('− → ≤', file=sys.stderr) or print('− → ≤')\n"
        "main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert done.stdout.decode().strip() == done.stderr.decode().strip() == "− → ≤"


def test_processes_are_started_as_windows_starts_them():
    found = {
        name: node.args[0].value
        for name, held in nodes().items()
        for node in held
        if isinstance(node, ast.Call) and called(node.func) in ("get_context", "set_start_method")
    }
    assert set(found.values()) == {"spawn"}
    pools = {
        name
        for name, held in nodes().items()
        for node in held
        if isinstance(node, ast.Call) and called(node.func) in POOLS
    }
    assert pools == set(found)
