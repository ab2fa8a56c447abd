"""Install a bundle where there is no network and no home folder, and run a study.

    python scripts/bundle_check.py build/bundle-ci

The network is taken away by the kernel (unshare) where that is allowed, else by forbidding Python's
sockets; either way it is shown first that nothing gets through. Needs the bundle's half for this
machine and this Python.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "tests" / "smoke" / "core_only.py"
# A place in which nobody can make a folder, not even an administrator.
NO_HOME = "/proc/no-home"
FORBID = """\
import socket

class Forbidden(socket.socket):
    def __init__(self, family=-1, *given, **named):
        raise OSError("sockets are forbidden")

def forbidden(*given, **named):
    raise OSError("sockets are forbidden")

socket.socket = Forbidden
socket.create_connection = forbidden
socket.getaddrinfo = forbidden
"""


def sums_hold(folder: Path) -> int:
    """Return how many files there are, each as SHA256SUMS says; stop where one is not."""
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  ", 1) for line in lines]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    unlisted = there - {name for _, name in pairs} - {"SHA256SUMS"}
    differ = [
        name
        for known, name in pairs
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != known
    ]
    if differ or unlisted:
        sys.exit(f"differ from SHA256SUMS: {differ}; not in it: {sorted(unlisted)}")
    return len(pairs)


def new_environment(folder: Path) -> Path:
    """Make an empty environment; return its Python."""
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True)
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        words = ["uv", "venv", "--quiet", "--seed", "--python", sys.executable, str(folder)]
        subprocess.run(words, check=True)
    return folder / "bin" / "python"


def lonely() -> list[str]:
    """Return the words that start a command in a network of its own, or none where not allowed."""
    words = ["unshare", "--map-root-user", "--net"]
    if shutil.which(words[0]) is None:
        return []
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if tried.returncode == 0 else []


@contextmanager
def listening() -> Iterator[int]:
    """Yield the port of something on this machine that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Room:
    """Where the bundle is installed: no network, no home, no settings of this machine's pip."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        self.before = lonely()
        temporary = folder / "tmp"
        temporary.mkdir()
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "TMPDIR": str(temporary),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
        }
        if not self.before:
            # Read by every interpreter that is started with this folder on its path.
            (folder / "sitecustomize.py").write_text(FORBID, encoding="utf-8")
            self.environment["PYTHONPATH"] = str(folder)

    def run(self, *words: str, home: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python here."""
        more = {} if home is None else {"HOME": home}
        return subprocess.run(
            [*self.before, str(self.python), *words],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, *words: str, home: str | None = None) -> None:
        """Run this environment's Python here; stop with what it said where it fails."""
        done = self.run(*words, home=home)
        if done.returncode:
            sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        print(done.stdout, end="")


def refuses_connections(room: Room) -> None:
    """Stop unless a connection that can be made outside the room cannot be made inside."""
    with listening() as port:
        knock = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        outside = subprocess.run([sys.executable, "-c", knock], capture_output=True, check=False)
        if outside.returncode:
            sys.exit("The check of the network does not work: nothing connects outside either.")
        if room.run("-c", knock).returncode == 0:
            sys.exit("The network was not taken away.")
    how = " ".join(room.before) if room.before else "Python's sockets forbidden"
    print(f"  no network ({how}): a connection made outside is refused inside")


def main(words: Sequence[str] | None = None) -> None:
    """Check the sums, install, run a study without a home, and all else where it is no folder."""
    parser = argparse.ArgumentParser(description="Install a bundle offline and run a study")
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args(words).bundle.absolute()
    print(f"  {sums_hold(bundle)} files as SHA256SUMS says")
    with tempfile.TemporaryDirectory(prefix="fp-room-") as name:
        folder = Path(name)
        room = Room(folder, new_environment(folder / "venv"))
        refuses_connections(room)
        began = time.monotonic()
        room.must(
            *("-m", "pip", "install", "--quiet", "--no-index", "--no-compile"),
            *("--find-links", str(bundle / "wheels"), "--require-hashes"),
            *("-r", str(bundle / "requirements.txt")),
        )
        print(f"  installed in {time.monotonic() - began:.0f} s")
        room.must(str(STUDY))
        run = "from fingerpost.cli.main import app; app(['doctor'])"
        room.must("-c", run, home=NO_HOME)
        left = sorted(path.name for path in (folder / "tmp").iterdir())
        if left:
            sys.exit(f"Left behind among temporary files: {left}")
    print("  bundle: installed and run without a network or a home folder")


if __name__ == "__main__":
    main()
