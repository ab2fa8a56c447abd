"""One version, wherever it is written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

import fingerpost

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert fingerpost.__version__ == project["version"] == citation["version"]
    assert f"\n## {project['version']}" in changes
