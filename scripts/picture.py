"""Draw the README's picture again: the ECLS-K study is run, and its picture taken from the report.

Usage: python scripts/picture.py  (or `make picture`); needs ../shared/data or FINGERPOST_SHARED.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from fingerpost.cli._examples import real_data

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "assets" / "triangulation-eclsk.svg"
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"


def taken(report: str) -> str:
    """Return the wide triangulation picture of a report, as a file of its own."""
    drawn = re.search(
        r'<div class="picture wide">\s*(<svg [^>]*triangulation.*?</svg>)', report, re.DOTALL
    )
    if drawn is None:
        raise SystemExit("The report holds no triangulation picture.")
    return drawn.group(1) + "\n"


def main() -> None:
    """Run the study and write the picture."""
    folder, tried = real_data()
    if folder is None:
        raise SystemExit(f"The ECLS-K table is not here: {' or '.join(map(str, tried))}")
    study = ROOT / "examples" / "eclsk" / "study.yaml"
    with tempfile.TemporaryDirectory() as out:
        command = [str(COMMAND), "study", "run", str(study), "--records", str(folder)]
        subprocess.run([*command, "--out", out, "--quiet"], check=True, stdout=sys.stderr)
        report = (Path(out) / "report.html").read_text(encoding="utf-8")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(taken(report), encoding="utf-8")
    print(f"Wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
