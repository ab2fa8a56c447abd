"""Allocating from many processes at once on a PostgreSQL server that the test starts."""

from __future__ import annotations

import os

import pytest

from fingerpost.studies.trials.verifying import verify
from units.ledger.test_postgresql import address as server  # noqa: F401 - a fixture
from units.studies.trials.opened import small_trial
from units.studies.trials.test_allocating import run_at_once


@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_many_processes_at_once_on_a_server(tmp_path, server):  # noqa: F811
    opened, key = small_trial(tmp_path, ledger=server)
    assert run_at_once(opened, key, clients=20, each=2, ledger=server) == [0] * 20
    found = verify(opened.folder, key=key, ledger=server)
    assert (found.faults, found.allocated, found.replayed) == ((), (("", 41),), 41)
    assert not (opened.folder / "ledger.sqlite").exists()
