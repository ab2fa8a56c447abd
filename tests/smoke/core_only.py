"""Smoke test of the core alone, with the newest packages that resolve: python core_only.py.

It is run by the Python of an environment into which only `pip install .` has put anything, so that
a break in a package further up the stream shows before a user meets it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tiny_study import faults, write_tiny_study

ABSENT = ("pandas", "statsmodels", "sklearn", "causaldata", "pytest")
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"


def run(*arguments: str, folder: Path) -> str:
    """Run the command in a folder; stop with what it said if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [str(COMMAND), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    print(f"  fingerpost {' '.join(arguments)}: {time.monotonic() - began:.1f} s")
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Check what is absent, then one study from file to report."""
    present = [name for name in ABSENT if importlib.util.find_spec(name)]
    if present:
        sys.exit(f"The core brought in {', '.join(present)}.")
    import fingerpost

    print(f"  imported {Path(fingerpost.__file__).parent}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = write_tiny_study(folder)
        if "study" not in run("--help", folder=folder):
            sys.exit("fingerpost --help does not name the command `study`.")
        run("doctor", folder=folder)
        run("study", "run", "tiny.yaml", "--json", "out.json", "--out", "report", folder=folder)
        wrong = faults(json.loads((folder / "out.json").read_text(encoding="utf-8")), tiny)
        if wrong:
            sys.exit("The tiny study is answered wrongly:\n  " + "\n  ".join(wrong))
        pages = list((folder / "report").rglob("*.html"))
        if not pages:
            sys.exit("No report was written.")
    print("  core only: passed")


if __name__ == "__main__":
    main()
