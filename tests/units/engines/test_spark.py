"""Spark without Spark: what is said where something it needs is not here, and its settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engines_here import REASON
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


# Theirs counts hours in New York, makes nothing of a word that is no number, and takes "A" for "a".
THEIRS = """
import json, narwhals as nw
from pyspark.sql import SparkSession
from pyspark.errors import PySparkException
from fingerpost.core.leaves import Engine, load

NAMES = ("session.timeZone", "ansi.enabled", "caseSensitive")
theirs = SparkSession.builder.master("local[1]").config("spark.driver.memory", "1g")
for name, value in zip(NAMES, ("America/New_York", "false", "false")):
    theirs = theirs.config(f"spark.sql.{name}", value)
theirs = theirs.getOrCreate()
ours = load("engines", "spark", kind=Engine).session()

def told(spark):
    found = []
    frame = nw.from_native(spark.createDataFrame([("x",)], "a string"))
    noon = spark.sql("SELECT unix_timestamp(CAST('2024-07-01 12:00:00' AS timestamp)) AS s")
    for ask in (lambda: frame.select(nw.col("a").cast(nw.Int64)), lambda: frame.select("A")):
        try:
            found.append(ask().collect("pyarrow").to_native().to_pylist()[0])
        except Exception as fault:
            found.append("fault")
    return [noon.first()["s"], *found]

settings = [[spark.conf.get(f"spark.sql.{name}") for name in NAMES] for spark in (theirs, ours)]
print(json.dumps([*settings, told(ours), told(theirs)]))
"""


@pytest.mark.skipif(bool(REASON), reason=REASON)
def test_in_a_session_of_others_ours_is_one_beside_it():
    done = subprocess.run(
        [sys.executable, "-c", THEIRS], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs, ours, by_ours, by_theirs = json.loads(done.stdout.splitlines()[-1])
    assert ours == ["UTC", "true", "true"]
    assert theirs == ["America/New_York", "false", "false"]
    noon = 1_719_835_200  # 2024-07-01 12:00 UTC; New York is four hours later
    assert by_ours == [noon, "fault", "fault"]
    assert by_theirs == [noon + 4 * 3600, {"a": None}, {"A": "x"}]
