"""What must hold of every clearance pack, whatever study it is of: read file by file."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

from units.cli.test_release import check_texts, said

LEAST, BASE = 10, 5
COUNTED = ("children", "clusters", "events")
EXTERNAL = re.compile(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xlink)\b)[^\s\"'<]+")
SCRIPT = re.compile(r"<script|\son\w+\s*=|javascript:|<iframe|<object|<embed|@import", re.I)
CLOCK = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


TOKEN = re.compile(r"(?<![\w.,])\d+(?:\.\d+)?(?![\w.,]\d|\w)")


def check_pack(
    folder: Path, *, never: re.Pattern[str], values: frozenset[str] = frozenset()
) -> None:
    """Assert everything that must hold of a pack. never: what may be in no byte of it; values:
    numbers, without sign, that may stand nowhere in it.
    """
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    check_manifest(folder, files)
    for name, path in files.items():
        text = path.read_bytes().decode("utf-8")
        found = never.search(text)
        assert found is None, (name, text[max(0, found.start() - 40) : found.end() + 40])
        planted = values & set(TOKEN.findall(re.sub(r'"bytes": \d+', "", text)))
        assert not planted, (name, planted)
        told = re.sub(r"[0-9a-f]{64}", "", text)
        assert not CLOCK.search(re.sub(r"<style.*?</style>|style=\"[^\"]*\"", "", told, flags=re.S))
        assert not path.stat().st_mtime % 86_400, name
        if name.endswith((".svg", ".html")):
            assert not SCRIPT.search(text), name
            assert not EXTERNAL.search(text), name
            assert not re.search(r"(?:src|href)=\"(?!#|report-tables/)", text), name
        if name.endswith(".svg"):
            assert "<title" in text and "<desc" in text and text.startswith("<svg "), name
    check_figures(folder)
    check_texts([each for each in said(folder, "") if each[0] != "SHA256SUMS"], set())
    check_numbers(folder)


def check_manifest(folder: Path, files: dict[str, Path]) -> None:
    found = read(folder)
    listed = {one["path"]: one for one in found["files"]}
    assert set(files) == {*listed, "manifest.json", "SHA256SUMS"}
    for name, one in listed.items():
        held = files[name].read_bytes()
        assert one["sha256"] == hashlib.sha256(held).hexdigest()
        assert one["bytes"] == len(held)
    lines = files["SHA256SUMS"].read_text("utf-8").splitlines()
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    assert set(sums) == set(files) - {"SHA256SUMS"}
    assert all(hashlib.sha256(files[n].read_bytes()).hexdigest() == d for n, d in sums.items())
    grouped = [path for group in found["groups"] for path in group["files"]]
    assert sorted(grouped) == sorted(listed)
    for group in found["groups"]:
        assert group["context"]["what"] and group["controls"], group["name"]
        for control in group["controls"]:
            assert control["asks"] and control["did"], (group["name"], control)
    whole = found["context"]
    assert whole["population"] and whole["period"] and whole["unit"] and whole["variables"]
    assert found["provenance"]["data_digest"] and found["provenance"]["code_version"]


def check_figures(folder: Path) -> None:
    """Every figure has its numbers beside it: words in every column but the last."""
    figures = sorted((folder / "figures").glob("*.svg"))
    assert figures
    for figure in figures:
        rows = list(csv.DictReader(figure.with_suffix(".csv").open(encoding="utf-8")))
        assert rows and list(rows[0])[-3:] == ["quantity", "unit", "value"], figure.name
        assert all(float(row["value"]) == float(row["value"]) for row in rows)


def check_numbers(folder: Path) -> None:
    """No count is small or exact, and no two counts of one group of children differ by a few."""
    results = json.loads((folder / "results.json").read_text("utf-8"))
    wholes: dict[str, set[int]] = {"all": {results["flow"]["remaining"]}}
    for arm, count in results["flow"]["arms"].items():
        wholes.setdefault(arm, set()).add(count)
    for one in (*results["estimates"], *results["extrapolations"]):
        if one["n"] is not None and not one["subgroup"]:
            wholes["all"].add(one["n"])
        for arm, count in one["arm_n"].items():
            if not one["subgroup"]:
                wholes.setdefault(arm, set()).add(count)
    for counts in wholes.values():
        assert all(count >= LEAST and count % BASE == 0 for count in counts)
        assert all(abs(a - b) >= LEAST for a, b in combinations(counts, 2)), wholes
    steps = results["flow"]["steps"]
    assert all(step["left"] >= LEAST and step["left"] % BASE == 0 for step in steps)
    for path in folder.rglob("*.csv"):
        for row in csv.DictReader(path.open(encoding="utf-8")):
            if row.get("unit") in COUNTED and row["value"] and row["quantity"] != "threshold":
                count = float(row["value"])
                assert count >= LEAST and count % BASE == 0, (path.name, row)
    for group in read(folder)["groups"]:
        for count in (group["context"]["children"], group["context"]["clusters"]):
            assert count is None or (count >= LEAST and count % BASE == 0)
