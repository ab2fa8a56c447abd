"""Write everything that an installation without a network needs into one folder.

    python scripts/bundle.py                               # Linux and Windows, Python 3.11 to 3.13
    python scripts/bundle.py --platform linux --python 3.11 --out build/bundle

Wheels come from the lock (requirements/bundle.txt) by their hashes; those that are there whole stay
as they are, so that a run that stopped goes on. The project's own wheel is built from the revision
that is checked out (--work-tree: from the files as they are), and the note says from which. The
same revision gives the same files everywhere. A file that no such run wrote is never removed: the
folder is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path, PurePosixPath

from bundle_source import ROOT, source
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

LOCK = ROOT / "requirements" / "bundle.txt"
WORDS = ROOT / "scripts" / "bundle_ingest.txt"
OUT = ROOT / "build" / "bundle"
SUMS = "SHA256SUMS"
# The list of an earlier run while a new one is under way: what it names may be written over.
EARLIER = f".{SUMS}.earlier"
TEXTS = ("INGEST.txt", "requirements.txt", SUMS)
OURS = {*TEXTS, *(f".{name}.tmp" for name in TEXTS), EARLIER, "wheels"}
PYTHONS = ("3.11", "3.12", "3.13")
ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\\n]+?))?\s*\\\n"
    r"(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64}(?:\s*\\)?\n?)+)",
    re.MULTILINE,
)
# glibc 2.28: Red Hat 8, Debian 10, Ubuntu 18.10 and all later ones.
GLIBC_NEWEST, GLIBC_OLDEST = 28, 5
NAMED = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
OFFLINE = ("NewConnectionError", "Retrying", "ConnectTimeout", "Name or service", "ProxyError")
# Windows counts the whole path of a file, unless long paths were switched on by an administrator.
WINDOWS_PATH = 259
IN_ENVIRONMENT = len("\\Lib\\site-packages\\")


@dataclass(frozen=True)
class Platform:
    """One kind of machine: what pip calls it, and what markers of the lock see."""

    name: str
    tags: tuple[str, ...]
    environment: dict[str, str]


def manylinux() -> tuple[str, ...]:
    """Return every Linux tag that a machine with glibc 2.28 takes, the newest first."""
    found = [f"manylinux_2_{at}_x86_64" for at in range(GLIBC_NEWEST, GLIBC_OLDEST - 1, -1)]
    return (*found, *(f"{name}_x86_64" for name in NAMED), "linux_x86_64")


PLATFORMS = {
    "linux": Platform(
        "Linux x86_64",
        manylinux(),
        {
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "os_name": "posix",
        },
    ),
    "windows": Platform(
        "Windows x86_64 (win_amd64)",
        ("win_amd64",),
        {
            "sys_platform": "win32",
            "platform_system": "Windows",
            "platform_machine": "AMD64",
            "os_name": "nt",
        },
    ),
}


@dataclass(frozen=True)
class Target:
    """A platform and a version of Python."""

    platform: Platform
    python: str

    @property
    def words(self) -> str:
        """What a reader calls it."""
        return f"{self.platform.name}, Python {self.python}"

    def tags(self) -> set[Tag]:
        """Return every tag of a wheel that can be installed here."""
        major, minor = map(int, self.python.split("."))
        version, places = (major, minor), self.platform.tags
        found = set(cpython_tags(version, platforms=places))
        return found | set(compatible_tags(version, f"cp{major}{minor}", places))

    def wants(self, marker: str | None) -> bool:
        """Return whether a line of the lock with this marker is for here."""
        environment = {
            **self.platform.environment,
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": "",
        }
        return marker is None or Marker(marker).evaluate(environment)


@dataclass(frozen=True)
class Pin:
    """One package of the lock: name, version, for whom, and the hashes of its files."""

    name: str
    version: str
    marker: str | None
    hashes: frozenset[str]

    @property
    def words(self) -> str:
        """What a reader calls it."""
        return f"{self.name} {self.version}"


class Missing(Exception):
    """What cannot be had; each line is one."""


def pins(text: str) -> list[Pin]:
    """Return the packages of a lock file."""
    found = [
        Pin(
            canonicalize_name(entry["name"]),
            entry["version"],
            entry["marker"],
            frozenset(re.findall(r"sha256:([0-9a-f]{64})", entry["hashes"])),
        )
        for entry in ENTRY.finditer(text)
    ]
    lines = len(re.findall(r"^[A-Za-z0-9].*==", text, flags=re.MULTILINE))
    if len(found) != lines:
        raise Missing(f"{LOCK.name}: {lines} packages, of which {len(found)} can be read.")
    return found


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Wheels:
    """The wheels of a folder that are whole: what the lock knows, by the hash of each file."""

    def __init__(self, folder: Path, known: Iterable[Pin]) -> None:
        self.folder = folder
        self.hashes = {digest for pin in known for digest in pin.hashes}
        self.digests: dict[Path, str] = {}

    def look(self) -> None:
        """Look at every file again that was not looked at; remove what is not whole."""
        for path in sorted(self.folder.glob("*.whl")):
            if path in self.digests:
                continue
            digest = sha256(path)
            if digest in self.hashes:
                self.digests[path] = digest
            else:
                path.unlink()

    def of(self, pin: Pin, target: Target) -> Path | None:
        """Return the wheel of a package for a target, or None where it is not there."""
        fitting = target.tags()
        for path, digest in self.digests.items():
            if digest in pin.hashes and parse_wheel_filename(path.name)[3] & fitting:
                return path
        return None


def pip(*words: str) -> subprocess.CompletedProcess[str]:
    """Run pip, of this environment or of one of its own where this one has none."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    return subprocess.run(
        [*pip_program(), *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        check=False,
    )


def pip_program() -> list[str]:
    """Return the words that start pip."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    apart = ROOT / "build" / "bundle-pip"
    program = apart / "bin" / "python"
    if not program.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(apart)], check=False)
        if made.returncode:
            subprocess.run(["uv", "venv", "--quiet", "--seed", "--clear", str(apart)], check=True)
    return [str(program), "-m", "pip"]


def fetch(lacking: Sequence[Pin], target: Target, folder: Path) -> str:
    """Let pip fetch wheels by their hashes; return what it said where it failed, else nothing."""
    with tempfile.TemporaryDirectory() as aside:
        asked = Path(aside) / "asked.txt"
        asked.write_text("".join(line(pin, pin.hashes) for pin in lacking), encoding="utf-8")
        places = [word for tag in target.platform.tags for word in ("--platform", tag)]
        done = pip(
            *("download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"),
            *("--implementation", "cp", "--python-version", target.python, *places),
            *("--dest", str(folder), "--requirement", str(asked)),
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def line(pin: Pin, hashes: Iterable[str], *, marker: bool = False) -> str:
    """Return one requirement with its hashes, as pip reads it."""
    said = f"{pin.name}=={pin.version}"
    said += f" ; {pin.marker}" if marker and pin.marker else ""
    return said + "".join(f" \\\n    --hash=sha256:{one}" for one in sorted(hashes)) + "\n"


def gather(targets: Sequence[Target], known: Sequence[Pin], wheels: Wheels) -> dict[Path, Pin]:
    """Fetch what is lacking for every target; return the wheels that are needed.

    Raises Missing, with a line for each package that has no wheel somewhere.
    """
    needed: dict[Path, Pin] = {}
    faults: list[str] = []
    for target in targets:
        wanted = [pin for pin in known if target.wants(pin.marker)]
        wheels.look()
        lacking = [pin for pin in wanted if wheels.of(pin, target) is None]
        if lacking:
            print(f"{target.words}: fetching {len(lacking)} of {len(wanted)} wheels", flush=True)
            faults += fetched(lacking, target, wheels)
        for pin in wanted:
            path = wheels.of(pin, target)
            if path is not None:
                needed[path] = pin
    if faults:
        raise Missing("\n".join(faults))
    return needed


def fetched(lacking: Sequence[Pin], target: Target, wheels: Wheels) -> Iterator[str]:
    """Fetch wheels, together and then, where that fails, one by one; yield the faults."""
    said = fetch(lacking, target, wheels.folder)
    wheels.look()
    for pin in lacking:
        if wheels.of(pin, target) is not None:
            continue
        said = fetch([pin], target, wheels.folder)
        wheels.look()
        if wheels.of(pin, target) is not None:
            continue
        if any(words in said for words in OFFLINE):
            yield "The package index cannot be reached. Run it again: what is there is kept."
            return
        yield (
            f"{pin.words} has no wheel for {target.words}. Lock a version that has one "
            "(make lock), or leave this target out."
        )


def own_wheel(folder: Path, built_from: Path) -> Path:
    """Build the project's own wheel; the same revision gives the same bytes."""
    for old in folder.glob("fingerpost-*.whl"):
        old.unlink()
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1580601600")
    done = pip(
        *("wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(folder), str(built_from)),
    )
    built = list(folder.glob("fingerpost-*.whl"))
    if done.returncode or len(built) != 1:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Missing(f"The project's own wheel cannot be built: {last}")
    return built[0]


def code_digest(path: Path) -> str:
    """Return the digest of the code in the project's own wheel, as every report names it."""
    found = hashlib.sha256()
    with zipfile.ZipFile(path) as held:
        names = [PurePosixPath(name) for name in held.namelist() if name.endswith(".py")]
        for name in sorted(name for name in names if name.parts[0] == "fingerpost"):
            found.update(name.relative_to("fingerpost").as_posix().encode())
            found.update(held.read(str(name)))
    return found.hexdigest()


def refuse_foreign(out: Path, known: Iterable[Pin]) -> None:
    """Raise Missing where a folder holds what no such run wrote: it would be removed, or taken in.

    Of a run are its own few files, what an earlier list of sums names, and wheels of the lock.
    """
    listed: set[str] = set()
    for name in (SUMS, EARLIER):
        if (out / name).is_file():
            lines = (out / name).read_text(encoding="utf-8", errors="replace").splitlines()
            listed |= {line.partition("  ")[2] for line in lines}
    pinned = {(pin.name, pin.version) for pin in known}
    places = [*out.iterdir(), *(out / "wheels").glob("*")] if out.is_dir() else []
    foreign = []
    for place in places:
        name = place.relative_to(out).as_posix()
        ours = name in OURS or (name in listed and place.is_file())
        if not ours and not (place.parent.name == "wheels" and of_lock(place, pinned)):
            foreign.append(name)
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise Missing(
            f"{out} holds what is of no bundle: {', '.join(sorted(foreign)[:3])}{more}. Nothing "
            "was changed. Move it, or name another folder (--out)."
        )


def of_lock(path: Path, pinned: set[tuple[str, str]]) -> bool:
    """Return whether a file is called as a wheel of the lock, or as the project's own."""
    try:
        name, version, *_ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        return False
    return path.is_file() and (name == "fingerpost" or (name, str(version)) in pinned)


def metadata(path: Path) -> Message:
    """Return what a wheel says of itself."""
    with zipfile.ZipFile(path) as held:
        name = next(n for n in held.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_string(held.read(name).decode("utf-8"))


def licence(said: Message) -> str:
    """Return the licence that a wheel names: its expression, its classifiers or its own words."""
    if said["License-Expression"]:
        return str(said["License-Expression"])
    classes = [
        str(value).rpartition(" :: ")[2]
        for value in said.get_all("Classifier", [])
        if str(value).startswith("License ::")
    ]
    if classes and classes != ["OSI Approved"]:
        return ", ".join(classes)
    first = str(said["License"] or "").strip().splitlines()
    return first[0][:60] if first else "see its licence file"


def licences(paths: Iterable[Path]) -> str:
    """Return a line for each package: name, version, licence."""
    found = set()
    for path in paths:
        said = metadata(path)
        found.add((canonicalize_name(str(said["Name"])), str(said["Version"]), licence(said)))
    return "\n".join(f"  {name:<28}{version:<14}{words}" for name, version, words in sorted(found))


def longest(paths: Iterable[Path]) -> int:
    """Return the length of the longest path inside any wheel, as installed."""
    return max(
        len(str(PurePosixPath(name)))
        for path in paths
        for name in zipfile.ZipFile(path).namelist()
        if ".data/" not in name
    )


def ingest(
    paths: Sequence[Path], targets: Sequence[Target], version: str, *, built: str, code: str
) -> str:
    """Return the note for whoever takes the folder in.

    built: what the project's own wheel was built from. code: the digest of its code.
    """
    size = sum(path.stat().st_size for path in paths) / 2**20
    by_platform: dict[str, list[str]] = {}
    for target in targets:
        by_platform.setdefault(target.platform.name, []).append(target.python)
    room = WINDOWS_PATH - IN_ENVIRONMENT - longest(paths)
    return WORDS.read_text(encoding="utf-8").format(
        version=version,
        wheels=len(paths),
        size=f"{size:.0f}",
        targets="\n".join(
            f"  {name}: Python {', '.join(versions)}" for name, versions in by_platform.items()
        ),
        licences=licences(paths),
        room=room,
        built=built,
        code=code,
    )


def written(path: Path, words: str) -> None:
    """Write a file under a temporary name, then rename it; lines end alike on every system."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(words, encoding="utf-8", newline="\n")
    os.replace(beside, path)


def bundle(out: Path, targets: Sequence[Target], *, work_tree: bool = False) -> list[Path]:
    """Write the folder; return its wheels. Raises Missing, one line for each fault."""
    known = pins(LOCK.read_text(encoding="utf-8"))
    refuse_foreign(out, known)
    folder = out / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    # What was written last belongs to what was there last.
    if (out / SUMS).exists():
        os.replace(out / SUMS, out / EARLIER)
    wheels = Wheels(folder, known)
    needed = gather(targets, known, wheels)
    for path in folder.iterdir():
        if path not in needed:
            path.unlink()
    with source(work_tree=work_tree) as made_of:
        own = own_wheel(folder, made_of.folder)
    version = str(metadata(own)["Version"])
    lines = [line(Pin("fingerpost", version, None, frozenset()), [sha256(own)])]
    for pin in known:
        held = {wheels.digests[path] for path, of in needed.items() if of == pin}
        lines += [line(pin, held, marker=True)] if held else []
    written(out / "requirements.txt", "".join(lines))
    paths = sorted([own, *needed])
    note = ingest(paths, targets, version, built=made_of.words, code=code_digest(own))
    written(out / "INGEST.txt", note)
    files = [out / "INGEST.txt", out / "requirements.txt", *paths]
    sums = [f"{sha256(path)}  {path.relative_to(out).as_posix()}\n" for path in files]
    written(out / SUMS, "".join(sums))
    (out / EARLIER).unlink(missing_ok=True)
    return paths


def main(words: Sequence[str] | None = None) -> int:
    """Write the bundle; return 1, after one line for each fault, where it cannot be whole."""
    parser = argparse.ArgumentParser(description="Everything for an installation without a network")
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, default=list(PLATFORMS))
    parser.add_argument("--python", nargs="+", default=list(PYTHONS), metavar="3.N")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work-tree", action="store_true", help="build from the files as they are")
    asked = parser.parse_args(words)
    targets = [
        Target(PLATFORMS[name], python) for name in asked.platform for python in asked.python
    ]
    try:
        paths = bundle(asked.out.absolute(), targets, work_tree=asked.work_tree)
    except Missing as fault:
        print(fault, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in paths) / 2**20
    print(f"Wrote {asked.out}: {len(paths)} wheels, {size:.0f} MB, for:")
    for target in targets:
        print(f"  {target.words}")
    print(f"Next: read {asked.out / 'INGEST.txt'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
