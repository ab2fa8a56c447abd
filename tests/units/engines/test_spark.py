"""Spark without Spark: what is said where something it needs is not here, and its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerpost.core.errors import MissingExtra
from fingerpost.core.leaves import Engine, load
from fingerpost.engines import _spark
from fingerpost.engines._limits import little


def said() -> str:
    with pytest.raises(MissingExtra) as caught:
        load("engines", "spark", kind=Engine).session()
    (line,) = caught.value.problems
    assert "\n" not in line
    return line


def test_without_the_package_one_line_names_the_extra(monkeypatch):
    monkeypatch.setattr(_spark, "find_spec", lambda name: None)
    assert "pip install 'fingerpost[spark]'" in said()


def test_without_java_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(_spark, "find_spec", lambda name: object())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs Java" in said() and "--engine duckdb" in said()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert f"in JAVA_HOME ({tmp_path / 'jdk'})" in said()


def test_java_is_that_of_java_home(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert _spark.java() == str(tmp_path / "bin" / "java")


def test_a_cluster_keeps_its_own_settings(monkeypatch):
    monkeypatch.delenv(_spark.MASTER, raising=False)
    here = _spark.of_machine(Path("/spill"))
    assert here["spark.driver.host"] == "127.0.0.1", "nothing listens to the network"
    assert {"spark.driver.memory", "spark.sql.shuffle.partitions"} <= set(here)
    monkeypatch.setenv(_spark.MASTER, "spark://cluster:7077")
    there = _spark.of_machine(Path("/spill"))
    assert set(there) == {_spark.FOLDER, "spark.sql.warehouse.dir"}
    assert _spark.ALWAYS["spark.sql.session.timeZone"] == "UTC"


def test_little_memory_is_little_for_java_too(tmp_path):
    assert _spark.heap().endswith("g")
    with little(tmp_path / "out"):
        assert _spark.heap() == _spark.LITTLE
