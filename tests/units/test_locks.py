"""The locked sets: what pyproject.toml asks for, hashed, and one version of each package in all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "demo": ["examples"],
    "test": ["test", "examples", "docs", "sql"],
    "bench": ["bench", "examples"],
    "bundle": ["sql"],
}
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def text(name: str) -> str:
    """Return a locked set as written."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions of each package in a locked set (several where platforms differ)."""
    found: dict[str, set[str]] = {}
    for package, version in PINNED.findall(text(name)):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def asked(extras: list[str]) -> list[Requirement]:
    """Return what pyproject.toml asks for: the core and some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    words = list(project["dependencies"])
    for extra in extras:
        words += project["optional-dependencies"][extra]
    return [Requirement(word) for word in words]


@pytest.mark.parametrize("name", SETS)
def test_a_locked_set_satisfies_the_project_file(name):
    versions = locked(name)
    wrong = [
        str(requirement)
        for requirement in asked(SETS[name])
        if not any(
            requirement.specifier.contains(version)
            for version in versions.get(canonicalize_name(requirement.name), ())
        )
    ]
    assert wrong == [], "run `make lock`"


@pytest.mark.parametrize("name", SETS)
def test_every_package_is_hashed_and_no_host_is_named(name):
    entries = re.split(r"^(?=[A-Za-z0-9])", text(name), flags=re.MULTILINE)[1:]
    assert len(entries) == sum(len(versions) for versions in locked(name).values())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text(name) and "--index" not in text(name)


@pytest.mark.parametrize("name", ["demo", "bench", "bundle"])
def test_sets_share_one_environment(name):
    tested = locked("test")
    differing = {
        package: (versions, tested[package])
        for package, versions in locked(name).items()
        if package in tested and versions != tested[package]
    }
    assert differing == {}


def test_the_core_asks_for_no_peer():
    names = {canonicalize_name(requirement.name) for requirement in asked([])}
    assert not names & {"pandas", "statsmodels", "scikit-learn", "glum", "causaldata"}
    assert all(
        {"<", ">="} <= {one.operator for one in requirement.specifier} for requirement in asked([])
    )
