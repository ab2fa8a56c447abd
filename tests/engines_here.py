"""The engines that a test may ask: those embedded always, Spark only where it was asked for."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from fingerpost.core.leaves import names
from fingerpost.engines._spark import java

ASKED = "FINGERPOST_TEST_SPARK"
EMBEDDED = tuple(name for name in names("engines") if name != "spark")


def without_spark() -> str:
    """Return why Spark is left out here; empty where it is not."""
    if not os.environ.get(ASKED):
        return (
            f"SPARK LEFT OUT: {ASKED}=1 (or `make spark`) runs it. It needs PySpark (0.5 GB), "
            "Java, and minutes of two processors, which CI has not got."
        )
    if find_spec("pyspark") is None or java() is None:
        return "SPARK NOT FOUND: install the extra spark and Java 17 or 21."
    return ""


REASON = without_spark()
SPARK = pytest.param("spark", marks=pytest.mark.skipif(bool(REASON), reason=REASON))
EVERY = (*EMBEDDED, SPARK)
