"""Processes that make blocks of England side by side, and end with the one that waits for them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process


def workers(count: int) -> ProcessPoolExecutor:
    """Return a pool of so many processes, each started anew.

    A stop from the keyboard reaches only the process that waits; if that one is killed they end
    too, at once, lest they write into a folder that the same command, run again, is writing.
    """
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=begin)


def begin() -> None:
    """Leave stops from the keyboard to the process that waits, and watch whether it lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
