"""The manual's walk from an extract to cleared output: its commands, in order, as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import polars as pl
import pytest

from units.release.packs import check_pack, read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "manual" / "walk-through.md"
SCRIPTS = Path(sysconfig.get_path("scripts"))
ACCESS = """\
study: who-is-provided-for
kind: access
question: Is SEN provision by the spring of Year 1 given alike to boys and girls?
population: {born: 2003-09/2008-08, enrolled: {year: 1, school: state-funded}}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 6}
access:
  provision: any recorded provision
  from: birth
  groups: [sex]
  given: [sex, birth_month, fsm]
  need: severity_recorded
  places: [school, la]
  cluster: la
missing: indicator
release: {policy: ons_srs}
"""


def commands() -> list[str]:
    """Return every command of the page in order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return the folder in which the page was walked, and what each command printed."""
    place = tmp_path_factory.mktemp("zqwalk")
    (place / "examples").symlink_to(ROOT / "examples")
    said = {}
    for line in commands():
        said[line] = run(line, place)
    return place, said


def run(line: str, place: Path) -> str:
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "COLUMNS": "100", "USER": "zquser", "LOGNAME": "zquser"}
    quiet = line.replace("england build", "england build --jobs 1")
    ended = subprocess.run(
        ["bash", "-c", quiet], cwd=place, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, (line, ended.stdout, ended.stderr)
    return ended.stdout


@pytest.mark.slow
def test_the_page_can_be_walked_from_end_to_end(walked):
    place, said = walked
    check = next(text for line, text in said.items() if "records check" in line)
    assert "No fault" in check
    described = next(text for line, text in said.items() if "study describe" in line)
    assert "cleft" in described
    compared = next(text for line, text in said.items() if "study compare" in line)
    assert "Same outcome, contrast and target" in compared
    results = json.loads((place / "build/pack/results.json").read_text("utf-8"))
    assert results["synthetic"] and results["clearance"] == "prepared"
    assert results["withheld"]


@pytest.mark.slow
def test_a_pack_of_a_linked_study_holds_what_it_may_and_no_more(walked):
    place, _ = walked
    walk(place / "build/pack", place)
    assert read(place / "build/pack")["synthetic"]


@pytest.mark.slow
def test_a_pack_of_a_study_of_access_holds_what_it_may_and_no_more(walked):
    place, _ = walked
    (place / "access.yaml").write_text(ACCESS, encoding="utf-8")
    run("fingerpost study run access.yaml --records build/england --out build/access -q", place)
    walk(place / "build/access", place)


def walk(pack: Path, place: Path) -> None:
    """Walk a pack for what is of one pupil, one patient or one school alone, and of the room."""
    schools = pl.read_parquet(sorted((place / "build/england/school").glob("*.parquet")))["urn"]
    urns = frozenset(str(urn) for urn in schools.to_list())
    names = [r"\b[PT]\d{11}\b", "zqwalk", "zquser", re.escape(str(place))]
    check_pack(pack, never=re.compile("|".join(names)), values=urns)


def test_every_command_of_the_page_is_one_of_ours():
    found = commands()
    assert len(found) >= 9
    assert all(shlex.split(line)[0] in ("fingerpost", "cd") for line in found)
