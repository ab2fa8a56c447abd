"""The bundle for rooms without a network: which wheels, for whom, and what is said of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fingerpost.studies.provenance import code_digest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str):
    """Return one of the project's scripts as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


source = script("bundle_source")
bundle = script("bundle")
KNOWN = bundle.pins(bundle.LOCK.read_text(encoding="utf-8"))
LINUX, WINDOWS = (bundle.Target(bundle.PLATFORMS[name], "3.11") for name in ("linux", "windows"))


def wheel(folder: Path, name: str, said: str = "") -> Path:
    """Write a wheel that holds nothing but what it says of itself."""
    package, version, *_ = name.split("-")
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as held:
        text = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n{said}\n"
        held.writestr(f"{package}-{version}.dist-info/METADATA", text)
    return path


def test_every_package_of_the_lock_is_read():
    names = {pin.name for pin in KNOWN}
    assert {"duckdb", "sqlalchemy", "psycopg-binary", "colorama"} <= names
    assert not names & {"pandas", "statsmodels", "scikit-learn", "pytest", "mkdocs"}
    assert all(pin.hashes for pin in KNOWN)


@pytest.mark.parametrize("python", bundle.PYTHONS)
def test_each_target_wants_each_package_once(python):
    for platform, colours in (("linux", False), ("windows", True)):
        target = bundle.Target(bundle.PLATFORMS[platform], python)
        names = [pin.name for pin in KNOWN if target.wants(pin.marker)]
        assert len(names) == len(set(names))
        assert ("colorama" in names) is colours and "psycopg-binary" in names
        numpy = next(pin for pin in KNOWN if pin.name == "numpy" and target.wants(pin.marker))
        assert ("<" in numpy.marker) is (python == "3.11")


@pytest.mark.parametrize(
    ("tags", "linux", "windows"),
    [
        ("py3-none-any", True, True),
        ("cp311-cp311-win_amd64", False, True),
        ("cp37-abi3-win_amd64", False, True),
        ("cp311-cp311-manylinux_2_28_x86_64", True, False),
        ("cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64", True, False),
        ("cp312-cp312-manylinux_2_28_x86_64", False, False),
        ("cp311-cp311-manylinux_2_34_x86_64", False, False),
        ("cp311-cp311-macosx_11_0_arm64", False, False),
        ("cp311-cp311-musllinux_1_2_x86_64", False, False),
        ("cp311-cp311-win32", False, False),
    ],
)
def test_a_wheel_is_taken_only_where_it_runs(tmp_path, tags, linux, windows):
    path = wheel(tmp_path, f"thing-1.0-{tags}.whl")
    pin = bundle.Pin("thing", "1.0", None, frozenset([bundle.sha256(path)]))
    wheels = bundle.Wheels(tmp_path, [pin])
    wheels.look()
    assert (wheels.of(pin, LINUX) == path, wheels.of(pin, WINDOWS) == path) == (linux, windows)


def test_what_is_not_whole_is_removed_and_what_is_whole_is_kept(tmp_path):
    kept, cut = (wheel(tmp_path, f"{name}-1.0-py3-none-any.whl") for name in ("kept", "cut"))
    pins = [
        bundle.Pin(name, "1.0", None, frozenset([bundle.sha256(path)]))
        for name, path in (("kept", kept), ("cut", cut))
    ]
    cut.write_bytes(cut.read_bytes()[:-1])
    bundle.Wheels(tmp_path, pins).look()
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


def test_a_missing_wheel_is_told_in_one_line_for_each(tmp_path, monkeypatch):
    asked = []

    def fetch(lacking, target, folder):
        asked.append(len(lacking))
        return "ERROR: No matching distribution found"

    monkeypatch.setattr(bundle, "fetch", fetch)
    pins = [bundle.Pin(name, "1.0", None, frozenset(["0" * 64])) for name in ("one", "two")]
    with pytest.raises(bundle.Missing) as told:
        bundle.gather([WINDOWS], pins, bundle.Wheels(tmp_path, pins))
    lines = str(told.value).splitlines()
    assert asked == [2, 1, 1] and len(lines) == 2
    assert lines[0].startswith("one 1.0 has no wheel for Windows x86_64 (win_amd64), Python 3.11.")


def test_without_an_index_it_says_so_once(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "fetch", lambda *given: "WARNING: Retrying (Retry(total=4")
    pins = [bundle.Pin(name, "1.0", None, frozenset(["0" * 64])) for name in ("one", "two")]
    with pytest.raises(bundle.Missing, match=r"^The package index cannot be reached") as told:
        bundle.gather([LINUX], pins, bundle.Wheels(tmp_path, pins))
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("License-Expression: MIT\nLicense: Other", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("Classifier: License :: OSI Approved\nLicense: BSD-3-Clause", "BSD-3-Clause"),
        ("License: Apache 2.0", "Apache 2.0"),
        ("", "see its licence file"),
    ],
)
def test_a_licence_is_told_as_the_package_names_it(tmp_path, said, words):
    path = wheel(tmp_path, "thing-1.0-py3-none-any.whl", said)
    assert bundle.licence(bundle.metadata(path)) == words
    assert bundle.licences([path]).split(maxsplit=2) == ["thing", "1.0", words]


def test_the_note_says_what_is_there_and_how_to_install_it(tmp_path):
    paths = [wheel(tmp_path, "thing-1.0-py3-none-any.whl", "License-Expression: MIT")]
    note = bundle.ingest(
        paths, [LINUX, WINDOWS], "9.9", built="revision abc of it", code="0123abcd"
    )
    for words in (
        "fingerpost 9.9",
        "Linux x86_64: Python 3.11",
        "--no-index --find-links wheels --require-hashes -r requirements.txt",
        "sha256sum --check",
        "No telemetry",
        "thing",
        "was built from revision abc of it.",
        "0123abcd",
        "has not been run on Windows",
    ):
        assert words in note
    assert "{" not in note.replace("{ $sum", "").replace('{ "DIFFERS', "")
    assert max(map(len, note.splitlines())) < 125


@pytest.mark.parametrize("name", ["wheels/mine.txt", "wheels/thing-1.0.tar.gz", "letter.docx"])
def test_a_file_of_one_s_own_is_neither_removed_nor_taken_in(tmp_path, name):
    wheel(tmp_path / "wheels", f"numpy-{pinned('numpy')}-py3-none-any.whl")
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(bundle.Missing, match="is of no bundle") as told:
        bundle.bundle(tmp_path, [LINUX])
    assert name in str(told.value)
    assert len(list(tmp_path.rglob("*.whl"))) == 1 and (tmp_path / name).read_text("utf-8")


def pinned(name: str) -> str:
    """Return a version of the lock."""
    return next(pin.version for pin in KNOWN if pin.name == name)


def test_what_an_earlier_run_wrote_may_go(tmp_path):
    # Of an older lock, so that only the list of sums tells whose it is; and of a run that stopped.
    old = wheel(tmp_path / "wheels", "gone-0.1-py3-none-any.whl")
    wheel(tmp_path / "wheels", f"numpy-{pinned('numpy')}-py3-none-any.whl")
    wheel(tmp_path / "wheels", "fingerpost-0.0.1-py3-none-any.whl")
    (tmp_path / ".INGEST.txt.tmp").write_text("half", encoding="utf-8")
    with pytest.raises(bundle.Missing, match="gone"):
        bundle.refuse_foreign(tmp_path, KNOWN)
    for name in ("SHA256SUMS", bundle.EARLIER):
        (tmp_path / name).write_text(f"{bundle.sha256(old)}  wheels/{old.name}\n", "utf-8")
        bundle.refuse_foreign(tmp_path, KNOWN)
        (tmp_path / name).unlink()


def test_the_wheel_is_built_from_a_revision_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(source, "ROOT", tmp_path)
    (tmp_path / "src").mkdir()
    code = tmp_path / "src" / "code.py"
    code.write_text("first = 1\n", encoding="utf-8")
    with source.source() as found:
        # No repository of its own: even where the folder above is one.
        assert found.folder == tmp_path and "working folder" in found.words
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    code.write_text("second = 2\n", encoding="utf-8")
    (tmp_path / "src" / "more.py").write_text("", encoding="utf-8")
    with source.source() as found:
        assert [path.name for path in (found.folder / "src").iterdir()] == ["code.py"]
        assert (found.folder / "src" / "code.py").read_text("utf-8") == "first = 1\n"
        assert source.head() in found.words and len(source.head()) == 40
    assert "not in the bundle" in capsys.readouterr().out and not found.folder.exists()
    with source.source(work_tree=True) as found:
        assert found.folder == tmp_path


def test_the_note_names_the_code_as_every_report_does(tmp_path):
    path = tmp_path / "fingerpost-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as held:
        for file in reversed(sorted((ROOT / "src").rglob("*.py"))):
            held.write(file, file.relative_to(ROOT / "src").as_posix())
        held.writestr("fingerpost-1.0.dist-info/other.py", "")
    assert bundle.code_digest(path) == code_digest()


def test_the_check_sees_a_changed_and_an_unlisted_file(tmp_path):
    check = script("bundle_check")
    (tmp_path / "a").write_text("a", encoding="utf-8")
    known = bundle.sha256(tmp_path / "a")
    (tmp_path / "SHA256SUMS").write_text(f"{known}  a\n", encoding="utf-8")
    assert check.sums_hold(tmp_path) == 1
    (tmp_path / "b").write_text("b", encoding="utf-8")
    with pytest.raises(SystemExit, match="not in it: \\['b'\\]"):
        check.sums_hold(tmp_path)
    (tmp_path / "b").unlink()
    (tmp_path / "a").write_text("A", encoding="utf-8")
    with pytest.raises(SystemExit, match="differ from SHA256SUMS: \\['a'\\]"):
        check.sums_hold(tmp_path)
