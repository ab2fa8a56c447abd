"""Starting Spark: Java found, a session with the settings that results depend on, its lines kept.

Where Spark computes is said by FINGERPOST_SPARK_MASTER: the URL of a cluster, or nothing for this
machine alone. What a cluster's administrators set (`spark-defaults.conf`) stands, except where the
same study would otherwise give other numbers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fingerpost.core.errors import FingerpostError, MissingExtra, installing
from fingerpost.engines._limits import USUAL, limits
from fingerpost.engines._session import SPILL, spill_folder
from fingerpost.engines._shared import processors

MASTER = "FINGERPOST_SPARK_MASTER"
JAVA = "Java 17 or 21 (on Debian and Ubuntu: apt install openjdk-17-jre-headless)"
LOG = "spark.log"
# What Java may use of this machine's memory; Python, its libraries and the cohort come on top.
SHARE, LITTLE, LEAST = 0.5, "1g", 1
# Numbers, dates and rows are the same wherever a study runs.
ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.driver.maxResultSize": "0",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
# Where this process put its session's folder, told by the session itself.
FOLDER = "spark.fingerpost.folder"


def master() -> str:
    """Return where Spark computes: the URL of a cluster, or `local[N]` on this machine."""
    return os.environ.get(MASTER) or f"local[{limits().threads or processors()}]"


def is_local() -> bool:
    """Return whether Spark computes on this machine alone."""
    return master().startswith("local")


def session() -> Any:
    """Return the Spark session of this process, started where there is none yet. Where another runs
    that was started elsewhere, it is one beside it: on its machines, by our settings.

    Raises MissingExtra without PySpark or Java, FingerpostError where Spark does not start.
    """
    refuse_absent()
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        # Whoever started it may count days in another zone, or let sums overflow without a word; to
        # them it stays as it is.
        beside = running if running.conf.get(FOLDER, None) else running.newSession()
        for name in (name for name in ALWAYS if name.startswith("spark.sql.")):
            beside.conf.set(name, ALWAYS[name])
        return beside
    folder = Path(spill_folder())
    builder = SparkSession.builder.appName("fingerpost").master(master())
    for name, value in {**ALWAYS, **of_machine(folder)}.items():
        builder = builder.config(name, value)
    try:
        with lines_kept(folder / LOG):
            started = builder.getOrCreate()
    except Exception as fault:  # noqa: BLE001 - Java, py4j and Spark each raise their own
        raise not_started(fault, folder) from None
    weakref.finalize(started, shutil.rmtree, folder, ignore_errors=True)
    return started


def of_machine(folder: Path) -> dict[str, str]:
    """Return the settings of a session on this machine alone; of a cluster, its own stand."""
    found = {FOLDER: str(folder), "spark.sql.warehouse.dir": str(folder / "warehouse")}
    if not is_local():
        return found
    cores = limits().threads or processors()
    return found | {
        "spark.driver.memory": heap(),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        # More and smaller than one a processor, so that each fits in memory; few are joined again.
        "spark.sql.shuffle.partitions": str(4 * cores),
        "spark.default.parallelism": str(cores),
    }


def heap() -> str:
    """Return how much memory Java may use on this machine, as Spark writes it."""
    if limits() != USUAL:
        return LITTLE
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "4g"
    return f"{max(LEAST, int(whole * SHARE / 2**30))}g"


def java() -> str | None:
    """Return the path of Java, by JAVA_HOME or else the PATH; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    name = "java.exe" if os.name == "nt" else "java"
    if home:
        own = Path(home) / "bin" / name
        return str(own) if own.is_file() else None
    return shutil.which("java")


def refuse_absent() -> None:
    """Raise MissingExtra, in one line, where there is no PySpark or no Java."""
    if find_spec("pyspark") is None:
        besides = "" if java() else f", and Java, which is not here either: {JAVA}"
        raise MissingExtra(
            "engine spark: Spark needs PySpark and Java, and the package pyspark is not installed. "
            f"Install it with: {installing('spark')}{besides}."
        )
    if java() is None:
        home = os.environ.get("JAVA_HOME")
        where = f"in JAVA_HOME ({home})" if home else "on the PATH, and JAVA_HOME is not set"
        raise MissingExtra(
            f"engine spark: Spark needs Java and there is none {where}. Install {JAVA}, or use "
            "--engine duckdb, which needs none."
        )


def not_started(fault: Exception, folder: Path) -> FingerpostError:
    """Return why Spark did not start, in one line: an old Java, or what its own lines last say."""
    said = ""
    try:
        asked = [java() or "java", "-version"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
        said = (told.stderr or told.stdout).splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    found = f" Java is {said}." if said else ""
    return FingerpostError(
        f"engine spark: Spark did not start at {master()} ({type(fault).__name__}).{found} It "
        f"needs {JAVA}; a cluster must be reachable from here. Or use --engine duckdb."
    )


@contextmanager
def lines_kept(path: Path) -> Iterator[None]:
    """Let what Java writes to the screen go to a file of the session's own folder instead.

    Java keeps the place it was started with, so that none of its lines, in which a value might
    stand, ever reaches the screen or a log of the command.
    """
    sys.stderr.flush()
    try:
        held = os.dup(2)
    except OSError:  # there is no screen
        yield
        return
    kept = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.dup2(kept, 2)
        yield
    finally:
        os.dup2(held, 2)
        os.close(held)
        os.close(kept)


def shared_folder(running: Any) -> Path | None:
    """Return a folder in which computed tables are kept for the length of a session: one that every
    machine which computes can read. None where there is none: on a cluster, unless FINGERPOST_TMP
    names it, and in a session that was started elsewhere.
    """
    own = running.conf.get(FOLDER, None)
    return Path(own) if own and (is_local() or os.environ.get(SPILL)) else None
