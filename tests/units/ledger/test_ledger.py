"""The ledger: nothing is lost, forked, said twice or changed without being found."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.ledger import store
from fingerpost.ledger.chain import FIRST, canonical, faults, head
from fingerpost.ledger.events import Entry, Event, Head
from fingerpost.ledger.store import Ledger

STREAM = "rollout test"


def filled(path, count=4) -> Ledger:
    """Return a ledger with a few entries at fixed times."""
    ledger = Ledger(path, clock=lambda: "2027-01-02T03:04:05Z")
    for at in range(count):
        ledger.append(STREAM, lambda _, at=at: Event("said", {"at": at}), key=f"key {at}")
    return ledger


def test_an_entry_is_the_hash_of_its_canonical_content(tmp_path):
    with filled(tmp_path / "l.sqlite") as ledger:
        first, second = ledger.entries(STREAM)[:2]
    said = (
        '{"body":"{\\"at\\":0}","key":"key 0","kind":"said","number":1,"previous":"'
        + "0" * 64
        + '","stream":"rollout test","time":"2027-01-02T03:04:05Z"}'
    )
    assert first.hash == hashlib.sha256(said.encode()).hexdigest()
    assert first.previous == FIRST and second.previous == first.hash
    assert [first.number, second.number, second.body] == [1, 2, {"at": 1}]


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=12,
    )
)
def test_canonical_json_says_the_same_and_forgets_order(value):
    text = canonical(value)
    assert json.loads(text) == value
    if isinstance(value, dict):
        assert canonical(dict(reversed(value.items()))) == text
    with pytest.raises(ValueError, match="JSON"):
        canonical([value, float("nan")])


def test_decide_sees_what_is_there_and_may_refuse(tmp_path):
    seen = []

    def decide(entries):
        seen.append([entry.body["at"] for entry in entries])
        if len(entries) > 4:
            raise FingerpostError("enough")
        return Event("said", {"at": len(entries)})

    with filled(tmp_path / "l.sqlite") as ledger:
        ledger.append(STREAM, decide, key="new")
        with pytest.raises(FingerpostError, match="enough"):
            ledger.append(STREAM, decide, key="newer")
        assert seen == [[0, 1, 2, 3], [0, 1, 2, 3, 4]]
        assert len(ledger.entries(STREAM)) == 5 and ledger.check() == []


def test_a_request_repeated_gives_the_entry_that_is_there(tmp_path):
    with filled(tmp_path / "l.sqlite") as ledger:
        again = ledger.append(STREAM, lambda _: pytest.fail("asked again"), key="key 2")
        assert again.number == 3 and len(ledger.entries(STREAM)) == 4
        # Another stream knows nothing of it.
        other = ledger.append("other", lambda _: Event("said", {}), key="key 2")
        assert other.number == 1 and ledger.streams() == ("other", STREAM)
        with pytest.raises(FingerpostError, match="1 to 200"):
            ledger.append(STREAM, lambda _: Event("said", {}), key="k" * 201)


def test_writers_at_once_neither_fork_nor_lose(tmp_path):
    path = tmp_path / "l.sqlite"
    Ledger(path).close()

    def write(writer: int) -> list[int]:
        with Ledger(path) as ledger:
            return [
                ledger.append(
                    STREAM, lambda held: Event("n", {"before": len(held)}), key=f"{writer}/{at}"
                ).number
                for at in range(6)
            ]

    with ThreadPoolExecutor(4) as pool:
        given_out = [number for numbers in pool.map(write, range(4)) for number in numbers]
    with Ledger(path, read_only=True) as ledger:
        entries = ledger.entries(STREAM)
        assert sorted(given_out) == [entry.number for entry in entries] == list(range(1, 25))
        assert [entry.body["before"] for entry in entries] == list(range(24))
        assert ledger.check() == []


WRITER = """
import sys
from fingerpost.ledger.events import Event
from fingerpost.ledger.store import Ledger
ledger = Ledger(sys.argv[1])
for at in range(10_000):
    entry = ledger.append("rollout test", lambda held: Event("n", {"at": at}), key=str(at))
    print(entry.number, flush=True)
"""


def test_what_is_acknowledged_outlives_a_kill(tmp_path):
    path = tmp_path / "l.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    acknowledged = [int(writer.stdout.readline()) for _ in range(6)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.communicate()[0].split()]
    assert writer.returncode == -signal.SIGKILL
    with Ledger(path) as ledger:
        numbers = [entry.number for entry in ledger.entries(STREAM)]
        assert numbers[: len(acknowledged)] == acknowledged and len(numbers) < 10_000
        assert ledger.check() == []
        # The request under way is repeated: it is there once.
        at = len(acknowledged)
        again = ledger.append(STREAM, lambda _: Event("n", {"at": at}), key=str(at))
        assert again.number == at + 1 and ledger.check() == []


def test_every_flipped_bit_of_every_field_is_found_and_named(tmp_path):
    with filled(tmp_path / "l.sqlite") as ledger:
        entries = list(ledger.entries(STREAM))
    names = {field.name for field in dataclasses.fields(Entry)} - {"number"}
    for place in (0, 2, 3):
        for name in sorted(names):
            text = getattr(entries[place], name)
            for at, bit in ((at, bit) for at in range(len(text)) for bit in (0, 3, 6)):
                flipped = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
                changed = list(entries)
                changed[place] = dataclasses.replace(entries[place], **{name: flipped})
                found = faults(changed)
                column = "body" if name == "text" else name
                assert (found[0].number, found[0].field) == (place + 1, column)
    for bit in range(8):
        changed = list(entries)
        changed[1] = dataclasses.replace(entries[1], number=2 ^ (1 << bit))
        assert "number" in {
            fault.field for fault in faults(sorted(changed, key=lambda e: e.number))
        }


def test_entries_put_in_taken_out_or_cut_off_are_found(tmp_path):
    with filled(tmp_path / "l.sqlite") as ledger:
        entries = list(ledger.entries(STREAM))
    whole = head(entries)
    assert faults(entries, published=whole) == []
    assert "entry 2 is missing" in faults([entries[0], *entries[2:]])[0].words
    # What is cut off at the end shows once the head was published, and only then.
    assert faults(entries[:-1]) == []
    assert "whose hash was published, is missing" in faults(entries[:-1], published=whole)[0].words
    with filled(tmp_path / "other.sqlite", 3) as other:
        other.append(STREAM, lambda _: Event("said", {"at": 9}), key="key 3")
        written_anew = list(other.entries(STREAM))
    assert faults(written_anew) == []
    assert "not the one whose hash" in faults(written_anew, published=whole)[0].words
    assert faults([], published=Head(0, FIRST)) == []


def test_a_change_in_the_file_is_found_or_leaves_every_entry_as_it_was(tmp_path):
    path = tmp_path / "l.sqlite"
    with filled(path) as ledger:
        right = ledger.entries(STREAM)
    whole = path.read_bytes()
    source, found = random.Random(5), 0
    used = [at for at in range(len(whole)) if whole[at]]
    for at in source.sample(used, 60):
        path.write_bytes(
            whole[:at] + bytes([whole[at] ^ (1 << source.randrange(8))]) + whole[at + 1 :]
        )
        try:
            with Ledger(path, read_only=True) as ledger:
                wrong = ledger.check(published={STREAM: head(right)})
                same = ledger.entries(STREAM) == right
        except FingerpostError:
            wrong, same = ["damaged"], False
        assert wrong or same
        found += bool(wrong)
    assert found > 30


def test_nothing_is_built_on_a_changed_entry_or_a_file_that_is_no_ledger(tmp_path):
    path = tmp_path / "l.sqlite"
    with filled(path) as ledger:
        connection = sqlite3.connect(path)
        connection.execute("UPDATE ledger SET body = '{\"at\":7}' WHERE number = 4")
        connection.commit()
        connection.close()
        with pytest.raises(Malformed, match="entry 4 of rollout test was changed"):
            ledger.append(STREAM, lambda _: Event("said", {}), key="more")
        assert [(fault.number, fault.field) for fault in ledger.check()] == [(4, "body")]
    (tmp_path / "text").write_text("no ledger at all, only words" * 9, encoding="utf-8")
    with pytest.raises(Malformed, match="is no ledger"):
        Ledger(tmp_path / "text").entries(STREAM)
    with pytest.raises(Malformed, match="there is no ledger"):
        Ledger(tmp_path / "none.sqlite", read_only=True)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_stream_is_read_on_from_where_a_reader_stands(tmp_path):
    with Ledger(tmp_path / "l.sqlite", often=True) as ledger:
        for at in range(5):
            ledger.append("s", lambda _, at=at: Event("said", {"at": at}), key=str(at))
        seen = []

        def decide(tail):
            seen.extend(entry.number for entry in tail.after(3))
            assert tail.head.number == 5
            assert tail.after(5) == []
            return Event("said", {})

        entry = ledger.extend("s", decide, key="new")
        assert (entry.number, seen) == (6, [4, 5])
        assert ledger.extend("s", decide, key="new") == entry
        assert seen == [4, 5]
        assert [entry.number for entry in ledger.entries("s", after=4)] == [5, 6]
        assert ledger.check() == []
        with ledger.still("s") as (last, content):
            assert last == ledger.head("s")
        assert content == (tmp_path / "l.sqlite").read_bytes()


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_whoever_is_kept_waiting_is_told_and_goes_on(tmp_path, monkeypatch, caplog, how):
    monkeypatch.setattr(store, "SILENT", 0.05)
    ledger = filled(tmp_path / "l.sqlite", 1)
    other = sqlite3.connect(tmp_path / "l.sqlite", isolation_level=None, check_same_thread=False)
    other.execute(f"BEGIN {how}")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: ledger.append(STREAM, lambda _: Event("said", {}), key="late"))
        seen = pool.submit(lambda: len(ledger.entries(STREAM)))
        while "another program holds the ledger" not in caplog.text:
            assert not late.done()
        other.execute("ROLLBACK")
        assert late.result().number == 2 and seen.result() == 2
    other.close()


def test_a_server_that_speaks_another_language_keeps_nobody_from_waiting(caplog):
    """PostgreSQL's code for a lock that did not come in time is 55P03, whatever its words."""

    class Refused(Exception):
        orig = SimpleNamespace(sqlstate="55P03")

    class Server:
        asked = 0

        def exec_driver_sql(self, statement):
            self.asked += "pg_advisory_xact_lock" in statement
            if self.asked == 1 and "pg_advisory_xact_lock" in statement:
                raise Refused("Abbruch der Anfrage wegen Zeitüberschreitung beim Sperren")
            return SimpleNamespace(scalar=lambda: False)

        def begin_nested(self):
            return contextlib.nullcontext()

    server = Server()
    store._lock_server(server, 1)
    assert server.asked == 2 and "another program holds the ledger" in caplog.text
    Refused.orig = SimpleNamespace(sqlstate="57014")
    with pytest.raises(Refused):
        store._lock_server(Server(), 1)


def test_a_ledger_that_stays_locked_is_a_fault_in_words(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(store, "SILENT", 0.01)
    monkeypatch.setattr(store, "WAIT", 0.05)
    ledger = filled(tmp_path / "l.sqlite", 1)
    other = sqlite3.connect(tmp_path / "l.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FingerpostError, match="whether another program holds it"):
        ledger.append(STREAM, lambda _: Event("said", {}), key="late")
    with pytest.raises(FingerpostError, match="whether another program holds it"):
        ledger.entries(STREAM)
    other.close()
    assert caplog.text.count("Waiting up to") == 2
