"""Reports on the way, the flow, and verifying: what is told to whom, and which byte was flipped."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3

import pytest

from fingerpost.core.errors import UsageError
from fingerpost.ledger.events import Head
from fingerpost.plots.flow import flow_table
from fingerpost.studies.trials.allocating import allocate
from fingerpost.studies.trials.consort import consort
from fingerpost.studies.trials.keys import hand_on
from fingerpost.studies.trials.lists import redcap_table
from fingerpost.studies.trials.monitoring import monitor
from fingerpost.studies.trials.recording import Note, note
from fingerpost.studies.trials.verifying import verify
from units.studies.trials.opened import children, small_trial


@pytest.fixture(scope="module")
def conducted(tmp_path_factory):
    place = tmp_path_factory.mktemp("conduct")
    more = "  blocks: [4]\n  plans: kept\n  monitoring: {looks: 3, bounds: obrien_fleming}"
    opened, key = small_trial(place, more=more)
    keys = opened.keys(key)
    answers = allocate(opened, keys, requests=children(20))
    for unit in ("C1", "C2", "C3"):
        note(opened, Note("harm", (unit,), "a fall", (("severity", "mild"),)), keys=keys)
    note(opened, Note("lost", ("C4",), "moved"), keys=keys)
    note(opened, Note("excluded", ("X1",), "declined"), keys=keys)
    note(opened, Note("excluded", ("X2",), "declined"), keys=keys)
    note(opened, Note("received", tuple(f"C{at}" for at in range(10))), keys=keys)
    hand_on(keys, "sees", path=place / "sees", outside=opened.folder)
    return opened, key, {one.unit: one.arm for one in answers}, place / "sees"


def rows_of(found, name):
    return {row[0]: row[1:] for row in next(t for t in found.tables if t.name == name).rows}


def test_the_open_report_tells_no_arm_and_the_closed_one_counts_by_arm(conducted):
    opened, key, arms, sees = conducted
    shown = monitor(opened, keys=opened.keys(key))
    assert [table.name for table in shown.tables] == ["recruitment", "harms", "noted", "looks"]
    assert rows_of(shown, "harms")["mild"] == (3,)
    assert not {"usual", "more"} & {name for table in shown.tables for name in table.columns}
    closed = monitor(opened, keys=opened.keys(sees), closed=True)
    told = rows_of(closed, "by_arm")
    for kind, units in (("allocated", arms), ("received", [f"C{at}" for at in range(10)])):
        own = [arms[unit] for unit in units]
        assert told[kind] == (own.count("usual"), own.count("more"))
    own = [arms[unit] for unit in ("C1", "C2", "C3")]
    assert rows_of(closed, "harms")["mild"] == (own.count("usual"), own.count("more"))
    # A report says to which entry of the ledger it counts, and when that was written.
    last = opened.entries()[-1]
    for report in (shown, closed):
        assert f"{last.number}:{last.hash}, written {last.time}" in report.words[-1]
    with pytest.raises(UsageError, match="role sees or opens"):
        monitor(opened, closed=True)
    # Jennison & Turnbull (2000), table 2.3: C_B(3, 0.05) = 2.004, so the first bound is C √3.
    first = next(t for t in shown.tables if t.name == "looks").records()[0]
    assert first["bound"] == pytest.approx(2.004 * 3**0.5, abs=2e-3)


def test_the_flow_adds_up(conducted):
    opened, _, arms, sees = conducted
    found = consort(opened, keys=opened.keys(sees))
    assert found.flow.start == 22
    assert found.flow.steps[0].reason == "declined"
    assert found.flow.remaining == 20
    received = [arms[f"C{at}"] for at in range(10)]
    assert dict(found.flow.arms) == {
        **{f"allocated, {name}": [*arms.values()].count(name) for name in ("usual", "more")},
        **{f"received, {name}": received.count(name) for name in ("usual", "more")},
        **{f"lost, {name}": int(arms["C4"] == name) for name in ("usual", "more")},
    }
    drawn = {row["step"]: row["remaining"] for row in flow_table(found.flow).records()}
    # Nobody was noted as analysed, so that the picture says of nobody that they were.
    assert drawn["units"] == 22 and not [step for step in drawn if "analysed" in step]
    blind = consort(opened)
    assert blind.flow.arms == ()
    states = {row[0]: row[2] for row in found.items}
    assert states["13a"] == "answered"
    told = {row[0]: row[3] for row in found.items}["13a"]
    assert "20 allocated, 10 received" in told
    assert "Nothing is noted of how many were analysed" in told
    assert states["23"] == "open"


def test_redcap_takes_what_the_procedure_gives(conducted):
    opened, key, *_ = conducted
    rows = list(
        csv.DictReader(io.StringIO(redcap_table(opened, opened.keys(key), count=8).decode()))
    )
    assert list(rows[0]) == ["redcap_randomization_group", "area"]
    for area in ("north", "south"):
        own = [row["redcap_randomization_group"] for row in rows if row["area"] == area]
        assert [sorted(own[at : at + 4]) for at in (0, 4)] == [["1", "1", "2", "2"]] * 2
    # What was allocated here, in this stratum, is the beginning of the same sequence.
    _, _, arms, _ = conducted
    north = [
        {"usual": "1", "more": "2"}[arms[one.unit]]
        for one in children(20)
        if dict(one.known)["area"] == "north"
    ]
    own = [row["redcap_randomization_group"] for row in rows if row["area"] == "north"]
    assert north[:8] == own[: len(north)]


def test_any_flipped_byte_is_named(conducted, tmp_path):
    opened = conducted[0]
    copy = tmp_path / "copy"
    for name in ("plan.json", "study.yaml", "manifest.json", "ledger.sqlite"):
        content = (opened.folder / name).read_bytes()
        step = max(1, len(content) // 12)
        for at in range(0, len(content), step):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(opened.folder, copy)
            changed = bytearray(content)
            changed[at] ^= 0x04
            (copy / name).write_bytes(bytes(changed))
            faults = verify(copy).faults
            assert any(name in fault for fault in faults), (name, at, faults)


def test_who_rewrites_the_chain_is_found_by_the_key_or_by_a_published_head(conducted, tmp_path):
    """Whoever holds the database can make a whole chain anew; not seals, nor a published head."""
    from dataclasses import replace

    from fingerpost.ledger.chain import canonical, digests_of, hash_of
    from fingerpost.studies.trials.folder import list_files, open_folder

    opened, key, *_ = conducted
    entries = list(opened.entries())
    before = Head(entries[-1].number, entries[-1].hash)
    copy = tmp_path / "copy"
    shutil.copytree(opened.folder, copy)
    # Two units' sealed arms change places.
    one, other = entries[1].body, entries[2].body
    one["sealed"], other["sealed"] = other["sealed"], one["sealed"]
    entries[1] = replace(entries[1], text=canonical(one).decode())
    entries[2] = replace(entries[2], text=canonical(other).decode())
    last = entries[0].hash
    with sqlite3.connect(copy / "ledger.sqlite") as held:
        for entry in entries[1:]:
            bare = replace(entry, previous=last)
            whole = replace(bare, hash=hash_of(bare), digests=digests_of(bare))
            last = whole.hash
            held.execute(
                "UPDATE ledger SET body=?, previous=?, hash=?, digests=? WHERE number=?",
                (whole.text, whole.previous, whole.hash, whole.digests, whole.number),
            )
    held.close()
    forged = open_folder(copy)
    with forged.ledger() as ledger:
        list_files(forged, ledger)
    assert verify(copy).faults == ()  # nobody could tell without a key or a head
    assert any("entry 2" in fault for fault in verify(copy, key=key).faults)
    assert any("published" in fault for fault in verify(copy, published=before).faults)


def test_inference_has_the_arms_and_draws_that_keep_to_blocks(conducted):
    from fingerpost.studies.trials.as_drawn import allocation, permutations

    opened, _, arms, sees = conducted
    keys = opened.keys(sees)
    made = allocation(opened, keys)
    named = dict(zip(made.units, (made.arms[code] for code in made.code), strict=True))
    assert named == {keys.unit(unit): arm for unit, arm in arms.items()}
    assert made.probability.tolist() == [[0.5, 0.5]] * 20
    codes = permutations(opened, keys, count=200).codes
    assert codes.shape == (200, 20)
    north = [dict(one.known)["area"] == "north" for one in children(20)]
    assert set(codes[:, north][:, :4].sum(axis=1).tolist()) == {2}
