"""A small roll-out to draw: 26 made-up areas in three regions, three waves, limits and pairs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.studies.document import read_study

REGIONS = ["North"] * 9 + ["South"] * 10 + ["Öst"] * 7
STUDY = """study: small-draw
question: Does it help where it begins earlier?
rollout:
  register: {table: areas.csv, unit: code, name: area, size: pupils}
  periods: [1, 2, 3, 4]
  waves: {first: {begins: 2, units: 9}, second: {begins: 3, units: 9}, late: {}}
  draw:
    balance: [rate, pupils]
    candidates: 2000
    accept: 0.3
    limits:
      - {at_most: 3, wave: first, where: {region: North}}
      - {at_most: 1400.5, column: pupils}
    together: [[A03, A15]]
    apart: [[A01, A02]]
    pulse: {source: drand, after: 40}
assignment: {randomised: {design: staggered, unit: area, strata: [region]}}
estimand: {target: exposure_average}
"""


def register_text() -> str:
    """Return the register, not in the order of the codes."""
    rows = [
        f'A{at:02},"Area {at}, {region}",{region},{100 + at * 37 % 61},{at * 29 % 17 / 4:.2f}'
        for at, region in enumerate(REGIONS)
    ]
    return "code,area,region,pupils,rate\n" + "\n".join(reversed(rows)) + "\n"


def write_study(folder: Path, **changes: tuple[str, str]) -> Path:
    """Write the study and its register into a folder; changes: a text of the study, and another."""
    text = STUDY
    for old, new in changes.values():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "areas.csv").write_text(register_text(), encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def study_of(path: Path) -> Study:
    return read_study(path)


def drand(round_: int = 41, word: str = "pulse") -> bytes:
    """Return a made-up pulse of drand's form."""
    signature = hashlib.sha512(word.encode()).digest() + bytes(32)
    randomness = hashlib.sha256(signature).hexdigest()
    said = {"round": round_, "randomness": randomness, "signature": signature.hex()}
    return json.dumps(said).encode()
