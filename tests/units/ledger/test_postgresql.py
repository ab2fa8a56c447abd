"""The ledger on a PostgreSQL server that the test starts; skipped loudly where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fingerpost.core.errors import FingerpostError
from fingerpost.ledger import store
from fingerpost.ledger.events import Event
from fingerpost.ledger.store import Ledger


@pytest.fixture(scope="module")
def address():
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("POSTGRESQL NOT FOUND: apt-get install postgresql")
    at = programs[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="fp-pg-"))
    folder.chmod(0o777)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def run(*words: str) -> None:
        done = subprocess.run(
            [*user, *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(
        f"{at}/initdb", "-D", data, "-U", "keeper", "-A", "trust", "--no-sync", "-E", "UTF8",
        "--no-instructions",
    )  # fmt: skip
    run(f"{at}/pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://keeper@127.0.0.1:{port}/postgres"
    finally:
        run(f"{at}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def test_writers_at_once_neither_fork_nor_lose(address):
    def write(writer: int) -> list[int]:
        with Ledger(address) as ledger:
            return [
                ledger.append(
                    "s", lambda held: Event("ñ", {"before": len(held)}), key=f"{writer}/{at}"
                ).number
                for at in range(8)
            ]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for found in pool.map(write, range(4)) for number in found]
    with Ledger(address) as ledger:
        entries = ledger.entries("s")
        assert sorted(numbers) == [entry.number for entry in entries] == list(range(1, 33))
        assert [entry.body["before"] for entry in entries] == list(range(32))
        assert ledger.check() == []
        again = ledger.append("s", lambda _: pytest.fail("asked again"), key="2/3")
        assert again in entries


def test_a_changed_field_is_named(address):
    with Ledger(address) as ledger:
        for at in range(3):
            ledger.append("t", lambda _, at=at: Event("said", {"at": at}), key=str(at))
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE ledger SET time = 'x' WHERE stream = 't' AND number = 2"
            )
        assert [(f.number, f.field) for f in ledger.check() if f.stream == "t"] == [(2, "time")]


def test_a_server_that_is_not_there_is_told_without_its_address():
    with pytest.raises(FingerpostError) as told:
        Ledger("postgresql+psycopg://someone:zqsecret@127.0.0.1:9/none")
    assert "the ledger's server" in str(told.value) and "zqsecret" not in str(told.value)


def test_whoever_is_kept_waiting_by_a_server_is_told_and_goes_on(address, monkeypatch, caplog):
    monkeypatch.setattr(store, "SILENT", 0.05)
    ledger, other = Ledger(address), Ledger(address)
    with ThreadPoolExecutor(1) as pool:
        with other._writing("kept"):
            late = pool.submit(
                lambda: ledger.append("kept", lambda _: Event("said", {}), key="late")
            )
            while "another program holds the ledger" not in caplog.text:
                assert not late.done()
        assert late.result(20).number == 1
