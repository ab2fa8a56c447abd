"""Processes that make blocks end with the one that waits for them."""

from __future__ import annotations

import subprocess
import sys

WAITS = """
import sys, time
from fingerpost.england.workers import workers
with workers(1) as pool:
    pool.submit(len, "a").result()
    asked = pool.submit(time.sleep, 300)
    print("at work", flush=True)
    asked.result()
"""


def test_who_is_killed_leaves_no_process_at_work() -> None:
    """Whoever still holds the other end of the pipe is alive: its end comes when all have gone."""
    going = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True)
    assert going.stdout is not None
    assert going.stdout.readline() == "at work\n"
    going.kill()
    rest, _ = going.communicate(timeout=60)
    assert rest == ""
