"""A draw that anyone can check: committed to, made from a pulse, replayed, changed and caught."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.ledger.store import Ledger
from fingerpost.studies import file_lists
from fingerpost.studies.rollouts import drawing
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts import frozen as frozen_
from fingerpost.studies.rollouts.drawing import draw, permutations, rehearsed, replayed
from fingerpost.studies.rollouts.issuing import issue
from fingerpost.studies.rollouts.noting import note
from fingerpost.studies.rollouts.registering import EVENTS, event, record, register
from fingerpost.studies.rollouts.registers import read_rows
from fingerpost.studies.rollouts.units import count_units
from fingerpost.studies.rollouts.verifying import checked, finish, verify
from units.studies.rollouts.draws import drand, register_text, study_of, write_study

ROOT = Path(__file__).resolve().parents[4]
NO_PAIRS = {"pairs": ("    together: [[A03, A15]]\n    apart: [[A01, A02]]\n", "")}
ONE_LIMIT = {"limit": ("      - {at_most: 1400.5, column: pupils}\n", "")}


def commit(folder: Path, out: Path, *, keeper: Path | None = None, **changes):
    path = write_study(folder, **changes)
    return register(study_of(path), folder, out=out, study_file=path.read_bytes(), keeper=keeper)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a whole draw, which no test may change."""
    folder = tmp_path_factory.mktemp("draw")
    commit(folder, folder / "out")
    draw(folder / "out", drand())
    return folder / "out"


def read(folder: Path, name: str):
    content = (folder / name).read_text(encoding="utf-8")
    return (
        json.loads(content) if name.endswith("json") else list(csv.DictReader(content.splitlines()))
    )


def test_the_commitment_is_the_hash_of_the_plan_and_the_plan_holds_the_register(made):
    plan = (made / "plan.json").read_bytes()
    assert (
        plan
        == json.dumps(
            json.loads(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    )
    commitment = hashlib.sha256(plan).hexdigest()
    assert (made / "commitment.txt").read_text() == f"{commitment}  plan.json\n"
    checked = subprocess.run(["sha256sum", "-c", "commitment.txt"], cwd=made, capture_output=True)
    assert checked.returncode == 0
    held = json.loads(plan)
    assert held["register"] == hashlib.sha256((made / "register.csv").read_bytes()).hexdigest()
    assert held["study_file"] == hashlib.sha256((made / "study.yaml").read_bytes()).hexdigest()
    assert [row["code"] for row in read(made, "register.csv")] == [f"A{at:02}" for at in range(26)]
    randomness = bytes.fromhex(json.loads(drand())["randomness"])
    seed = hashlib.sha256(bytes.fromhex(commitment) + randomness).hexdigest()
    assert read(made, "draw.json")["seed"] == seed


def test_the_allocation_meets_everything_that_was_declared(made):
    rows = read(made, "allocation.csv")
    wave = {row["unit"]: row["wave"] for row in rows}
    assert sorted(wave.values()) == ["first"] * 9 + ["late"] * 8 + ["second"] * 9
    assert wave["A03"] == wave["A15"] and wave["A01"] != wave["A02"]
    assert sum(row["wave"] == "first" and row["stratum"] == "North" for row in rows) <= 3
    pupils = {row["code"]: int(row["pupils"]) for row in read(made, "register.csv")}
    for name in ("first", "second", "late"):
        assert sum(pupils[unit] for unit in wave if wave[unit] == name) <= 1400
    assert {row["begins"] for row in rows if row["wave"] == "late"} == {""}


def independent(folder: Path) -> int:
    script = ROOT / "examples" / "verify_draw.py"
    return subprocess.run(
        [sys.executable, "-I", str(script), str(folder)], capture_output=True, check=False
    ).returncode


def test_a_second_program_of_sixty_lines_draws_the_same(made, tmp_path):
    script = (ROOT / "examples" / "verify_draw.py").read_text(encoding="utf-8")
    assert len(script.splitlines()) <= 60 and "fingerpost." not in script
    assert independent(made) == 0
    other = tmp_path / "out"
    shutil.copytree(made, other)
    text = (other / "allocation.csv").read_text(encoding="utf-8")
    at = text.index("first")
    (other / "allocation.csv").write_text(text[:at] + "late" + text[at + 5 :], encoding="utf-8")
    assert independent(other) == 1


def test_the_draws_that_might_have_been_are_replayed(made):
    found = permutations(made)
    said = read(made, "draw.json")
    assert found.codes.shape == (said["kept"], 26) and found.digest == said["permutations"]
    assert found.arms == ("first", "second", "late")
    some = permutations(made, 50)
    assert np.array_equal(some.codes, found.codes[:50])
    drawn = replayed(made)
    assert (found.codes == drawn.chosen).all(axis=1).sum() >= 1
    allocation = drawn.allocation
    assert allocation.probability.sum(axis=1) == pytest.approx(np.ones(26))
    assert allocation.digest == said["allocation"] and allocation.commitment == said["commitment"]
    chances = read(made, "probabilities.csv")
    by_hand = (found.codes == 1).sum(axis=0)
    assert [int(row["in second"]) for row in chances] == by_hand.tolist()


def test_a_draw_is_made_once_and_the_same_pulse_gives_the_same(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    again = draw(other, drand())
    assert again.allocation.digest == read(made, "draw.json")["allocation"]
    assert {p.name: p.read_bytes() for p in other.iterdir()} == {
        p.name: p.read_bytes() for p in made.iterdir()
    }
    with pytest.raises(UsageError, match="A draw is made once"):
        draw(other, drand(41, "another"))
    assert verify(other).faults == ()


def test_another_pulse_gives_another_draw(made, tmp_path):
    commit(tmp_path, tmp_path / "out")
    found = draw(tmp_path / "out", drand(word="other"))
    assert found.allocation.digest != read(made, "draw.json")["allocation"]
    assert found.frozen.commitment.hex() == read(made, "draw.json")["commitment"]


def test_verifying_finds_nothing_in_a_draw_as_it_was_made(made):
    found = verify(made)
    assert found.faults == () and found.drawn is not None and found.head.number == 3
    assert verify(made, published=found.head).faults == ()


def test_any_byte_changed_in_any_file_is_found_and_its_file_named(made, tmp_path):
    other, source = tmp_path / "out", random.Random(11)
    shutil.copytree(made, other)
    for name in sorted(path.name for path in made.iterdir()):
        whole = (made / name).read_bytes()
        places = {0, len(whole) - 1, *source.sample(range(len(whole)), 4)}
        for at in places:
            (other / name).write_bytes(
                whole[:at] + bytes([whole[at] ^ (1 << source.randrange(8))]) + whole[at + 1 :]
            )
            assert any(fault.startswith(name) for fault in verify(other).faults), (name, at)
        (other / name).unlink()
        assert verify(other).faults
        (other / name).write_bytes(whole)
    assert verify(other).faults == ()
    (other / "secret.txt").write_text("more", encoding="utf-8")
    assert "manifest.json does not list it" in verify(other).faults[0]


def test_whoever_mends_digests_as_well_is_found_by_the_replay(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    text = (other / "allocation.csv").read_text(encoding="utf-8")
    text = (
        text.replace(",first,2", ",?", 1).replace(",late,", ",first,2", 1).replace(",?", ",late,")
    )
    (other / "allocation.csv").write_text(text, encoding="utf-8")
    with Ledger(other / "ledger.sqlite") as held:
        folders.note(other, held, "rollout small-draw")
    told = verify(other).faults
    assert len(told) == 1 and "the draw replayed gives another file: line" in told[0]


def test_a_ledger_of_another_study_or_cut_short_is_found(made, tmp_path):
    head = verify(made).head
    other = tmp_path / "out"
    shutil.copytree(made, other)
    (other / "ledger.sqlite").unlink()
    commit(tmp_path, tmp_path / "second", name=("small-draw", "other-draw"))
    shutil.copy(tmp_path / "second" / "ledger.sqlite", other / "ledger.sqlite")
    assert any("another study" in fault for fault in verify(other).faults)
    shutil.copytree(made, tmp_path / "third")
    told = verify(tmp_path / "second", published=head).faults
    assert any("whose hash was published" in fault for fault in told)


def test_waves_kept_secret_are_opened_one_by_one(tmp_path):
    keeper, out = tmp_path / "keeper.txt", tmp_path / "out"
    commit(tmp_path, out, keeper=keeper, **NO_PAIRS)
    assert keeper.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="--keeper"):
        draw(out, drand())
    drawn = draw(out, drand(), keeper=keeper)
    assert {row["wave"] for row in read(out, "allocation.csv")} == {""}
    public = b"".join(path.read_bytes() for path in out.iterdir())
    assert keeper.read_bytes().strip() not in public and drawn.seed.hex().encode() not in public
    before = verify(out)
    assert before.faults == () and before.drawn is None and "sealed" in before.notes[0]
    with pytest.raises(UsageError, match="first is to be issued before it"):
        issue(out, "second", keeper=keeper)
    units = issue(out, "first", keeper=keeper)
    assert issue(out, "first", keeper=keeper) == units
    told = {row["unit"]: row["wave"] for row in read(out, "allocation.csv")}
    assert {unit for unit, wave in told.items() if wave == "first"} == set(units)
    assert set(told.values()) == {"first", ""} and verify(out).faults == ()
    for wave in ("second", "late"):
        issue(out, wave, keeper=keeper)
    after = verify(out)
    assert after.faults == () and after.drawn is not None and independent(out) == 0
    assert after.drawn.allocation.digest == drawn.allocation.digest


def test_a_keeper_who_tells_another_wave_breaks_its_seal(tmp_path, monkeypatch):
    keeper, out = tmp_path / "keeper.txt", tmp_path / "out"
    commit(tmp_path, out, keeper=keeper, **NO_PAIRS)
    draw(out, drand(), keeper=keeper)
    wrong = [f"A{at:02}" for at in range(9)]
    monkeypatch.setattr("fingerpost.studies.rollouts.issuing.units_in", lambda *_: wrong)
    issue(out, "first", keeper=keeper)
    assert any("breaks its seal" in fault for fault in verify(out).faults)
    keeper.write_text("ab" * 32, encoding="utf-8")
    with pytest.raises(UsageError, match="not the secret"):
        issue(out, "first", keeper=keeper)
    with pytest.raises(UsageError, match="Keep the secret elsewhere"):
        commit(tmp_path, out, keeper=out / "keeper.txt")


def test_parties_who_commit_and_reveal_draw_together(tmp_path):
    secrets = {"Council": bytes(range(32)), "Union": b"u" * 32}
    digests = ", ".join(
        f"{name}: {hashlib.sha256(secret).hexdigest()}" for name, secret in secrets.items()
    )
    asked = ("{source: drand, after: 40}", f"{{source: parties, parties: {{{digests}}}}}")
    commit(tmp_path, tmp_path / "out", pulse=asked)
    reveals = {name: secret.hex() for name, secret in secrets.items()}
    with pytest.raises(Malformed, match="Union: the secret revealed is not the one"):
        draw(tmp_path / "out", json.dumps({"reveals": {**reveals, "Union": "00" * 32}}).encode())
    with pytest.raises(Malformed, match="Council has not revealed"):
        draw(tmp_path / "out", json.dumps({"reveals": {"Union": "75" * 32}}).encode())
    found = draw(tmp_path / "out", json.dumps({"reveals": reveals}).encode())
    together = hashlib.sha256(secrets["Council"] + secrets["Union"]).digest()
    assert found.seed == hashlib.sha256(found.frozen.commitment + together).digest()
    assert verify(tmp_path / "out").faults == ()


def test_what_cannot_be_drawn_is_refused_and_nothing_written(tmp_path):
    cases = {
        "at_most: 3, wave: first, where: {region: North}": (
            "at_most: 2, wave: first, where: {region: North}",
            "at least 3",
        ),
        "{at_most: 1400.5, column: pupils}": (
            "{at_most: 900, column: pupils}",
            "hold at most 2,700",
        ),
        "[[A01, A02]]": ("[[A01, A99]]", "A99 is no unit of the register"),
        "[[A03, A15]]": ("[[A01, A02]]", "both together and apart"),
        "balance: [rate, pupils]": ("balance: [rates]", 'Did you mean "rate"?'),
        "units: 9}, second": ("units: 19}, second", "they hold 28 units, and there are 26"),
    }
    for old, (new, words) in cases.items():
        with pytest.raises(FingerpostError) as told:
            commit(tmp_path, tmp_path / "out", change=(old, new))
        assert words in str(told.value)
        assert not (tmp_path / "out").exists()
    with pytest.raises(Malformed, match="are always or never in one wave in 2 kept draws"):
        few = {"drawn": ("candidates: 2000", "candidates: 200"), "kept": ("0.3", "0.01")}
        commit(tmp_path, tmp_path / "out", **few, **NO_PAIRS, **ONE_LIMIT)
    assert not (tmp_path / "out").exists()


def test_a_bad_register_is_refused_with_every_fault(tmp_path):
    path = write_study(tmp_path)
    text = register_text().replace("A05,", "A06,").replace(",0.00\n", ",\n", 1)
    text = text.replace('A10,"Area 10, South",South,', 'A10,"Area 10, South",South,1 ')
    (tmp_path / "areas.csv").write_text(text, encoding="utf-8")
    with pytest.raises(Malformed) as told:
        register(study_of(path), tmp_path, out=tmp_path / "out")
    assert len(told.value.problems) == 3
    assert "A06 stands there more than once" in told.value.problems[0]
    assert "no plain decimal number for A10" in str(told.value)
    assert "rate is empty for" in str(told.value)


def test_numbers_that_no_register_means_are_refused(tmp_path):
    """Sizes are of children; no number has four hundred digits."""
    path = write_study(tmp_path)
    rows = [line.split(",") for line in register_text().splitlines()]
    size, rate = rows[0].index("pupils") + 1, rows[0].index("rate") + 1  # names hold a comma
    for at, column, value in ((1, size, "-500"), (2, size, "0"), (3, rate, "9" * 400)):
        rows[at][column] = value
    (tmp_path / "areas.csv").write_text("\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    with pytest.raises(Malformed) as told:
        register(study_of(path), tmp_path, out=tmp_path / "out")
    found = sorted(told.value.problems)
    assert len(found) == 2
    assert f"pupils is not above 0 for {rows[2][0]} and {rows[1][0]}, and it is the" in found[0]
    assert f"rate has more than 20 digits for {rows[3][0]}" in found[1]


def test_a_pulse_that_does_not_fit_writes_nothing(tmp_path):
    commit(tmp_path, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    changed = json.loads(drand())
    changed["randomness"] = "0" * 64
    for content, words in (
        (drand(40), "of round 40, and the draw was committed to with round 41, the first after 40"),
        (drand(42), "a later one chosen"),
        (json.dumps(changed).encode(), "not the SHA-256 of its signature"),
        (b'{"round": 41}', "no randomness"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
    ):
        with pytest.raises(Malformed, match=words):
            draw(tmp_path / "out", content)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_a_study_changed_after_its_commitment_is_refused(tmp_path):
    first = commit(tmp_path, tmp_path / "out")
    assert first.new and not commit(tmp_path, tmp_path / "out").new
    with pytest.raises(UsageError, match="candidates, study_digest and study_file changed"):
        commit(tmp_path, tmp_path / "out", change=("candidates: 2000", "candidates: 2001"))
    assert verify(tmp_path / "out").notes == ("committed to, and not drawn yet.",)


def test_a_plan_that_names_no_round_is_told_so(tmp_path):
    commit(tmp_path, tmp_path / "out", pulse=("after: 40", "after: 0"))
    draw(tmp_path / "out", drand(1))
    found = verify(tmp_path / "out")
    assert found.faults == () and "any old pulse will do" in found.notes[0]


def test_a_rehearsal_is_not_the_draw(made, tmp_path):
    path = write_study(tmp_path)
    found = rehearsed(study_of(path), tmp_path, candidates=1000)
    assert found.kept.seen == 1000 and found.seed.hex() != read(made, "draw.json")["seed"]
    assert found.permutations(20).codes.shape == (20, 26)


def test_events_say_what_their_kind_must():
    assert event("issued", {"wave": "first", "units": ["a"]}).kind == "issued"
    with pytest.raises(UsageError, match="does not say its units and into"):
        event("merged", {})
    with pytest.raises(UsageError, match=r'no event "drawned"'):
        event("drawned", {})
    assert set(EVENTS) == {
        *("registered", "committed", "drawn", "issued", "started", "slipped", "withdrew"),
        *("merged", "split", "frozen", "replanned", "corrected"),
    }


def test_what_happens_later_is_recorded_once_and_the_draw_still_verifies(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    first = record(other, "withdrew", {"unit": "A07"}, key="A07 withdraws")
    assert record(other, "withdrew", {"unit": "A07"}, key="A07 withdraws") == first
    assert first.number == 4 and verify(other).faults == ()
    assert checked(other)[0].allocation.digest == read(made, "draw.json")["allocation"]
    with Ledger(other / "ledger.sqlite") as held:
        held.append(
            "rollout small-draw", lambda _: event("withdrew", {"unit": "A1"}), key="by hand"
        )
    with pytest.raises(Malformed, match=r"ahead of manifest.json \(withdrew\)"):
        checked(other)
    commit(tmp_path, tmp_path / "new")
    with pytest.raises(Malformed, match="cannot be replayed: committed to, and not drawn yet"):
        checked(tmp_path / "new")


def test_of_two_draws_at_once_one_is_made_and_the_other_told(tmp_path, monkeypatch):
    out, words = tmp_path / "out", []
    commit(tmp_path, out)
    real = drawing.replay

    def slow(frozen, seed, *, tell=None):
        # While this one draws, another pulse is drawn and written whole.
        monkeypatch.setattr(drawing, "replay", real)
        draw(out, drand(41, "another"))
        words.append(read(out, "draw.json")["allocation"])
        return real(frozen, seed, tell=tell)

    monkeypatch.setattr(drawing, "replay", slow)
    with pytest.raises(UsageError, match="drawn already, with another pulse \\(round 41\\)"):
        draw(out, drand())
    assert read(out, "draw.json")["allocation"] == words[0] and verify(out).faults == ()


def test_another_version_of_the_program_draws_what_was_committed_to(tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(frozen_, "code_digests", lambda: {"designs/_constrained.py": "0" * 64})
    first = commit(tmp_path, out)
    monkeypatch.undo()
    again = commit(tmp_path, out)
    assert again.commitment == first.commitment and "another version" in again.notes[0]
    assert first.notes == () and not again.new
    draw(out, drand())
    found = verify(out)
    assert found.faults == () and "another version of the program" in found.notes[0]
    assert independent(out) == 0
    text = (out / "plan.json").read_text().replace("fingerpost-draw-2", "fingerpost-draw-1")
    (out / "plan.json").write_text(text)
    assert any("drawn by fingerpost-draw-1" in fault for fault in verify(out).faults)


def test_another_stream_of_the_same_ledger_changes_nothing_of_this_draw(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    with Ledger(other / "ledger.sqlite") as held:
        held.append("rollout another", lambda _: event("withdrew", {"unit": "Z"}), key="1")
    found = verify(other)
    assert found.faults == () and "rollout another; this draw's is as it" in found.notes[0]
    # Listed once, it may grow, and not change.
    with Ledger(other / "ledger.sqlite") as held:
        folders.note(other, held, "rollout small-draw")
    assert not [note for note in verify(other).notes if "another" in note]
    connection = sqlite3.connect(other / "ledger.sqlite")
    connection.execute("UPDATE ledger SET time = 'x' WHERE stream = 'rollout another'")
    connection.commit()
    connection.close()
    assert verify(other).faults[0].startswith("ledger.sqlite: its bytes are not those")


def test_nobody_writes_to_the_ledger_while_its_files_are_listed(made, tmp_path, monkeypatch):
    """Else one of two commands lists what the other has left behind, and verify faults it."""
    other = tmp_path / "out"
    shutil.copytree(made, other)
    rival = "import sqlite3; sqlite3.connect('ledger.sqlite', timeout=0).execute('BEGIN IMMEDIATE')"
    real, told = file_lists.put, []

    def put(path, content, **more):
        did = subprocess.run([sys.executable, "-S", "-c", rival], cwd=other, capture_output=True)
        told.append(did.stderr.decode())
        real(path, content, **more)

    monkeypatch.setattr(file_lists, "put", put)
    record(other, "withdrew", {"unit": "A07"}, key="A07 withdraws")
    assert len(told) == 1 and "database is locked" in told[0]
    assert verify(other).faults == ()


def test_a_command_stopped_before_the_list_of_files_is_finished(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    with Ledger(other / "ledger.sqlite") as held:
        said = event("withdrew", {"unit": "A07"})
        held.append("rollout small-draw", lambda _: said, key="A07 withdraws")
    found = verify(other)
    assert found.unfinished and "stopped before it was done" in found.faults[0]
    assert finish(other).faults == () and verify(other).faults == ()
    (other / "allocation.csv").write_text("changed")
    with Ledger(other / "ledger.sqlite") as held:
        held.append("rollout small-draw", lambda _: said, key="again")
    before = (other / "manifest.json").read_bytes()
    assert not finish(other).unfinished and (other / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("code,area,region,pupils,rate\nA1,Caf\u00e9,N,1,2\n".encode("latin-1"), "is not UTF-8"),
        (b"code,area,region,pupils,rate,rate\nA1,a,N,1,2,3\n", "rate heads two columns"),
        (b"code,area,pupils,rate\nA1,a,1,2\n", "assignment.randomised.strata: .*no column region"),
        (b"", "it holds no unit"),
    ],
)
def test_a_register_is_read_in_one_way_and_its_faults_told(tmp_path, content, told):
    path = write_study(tmp_path)
    (tmp_path / "areas.csv").write_bytes(content)
    with pytest.raises(Malformed, match=told):
        register(study_of(path), tmp_path, out=tmp_path / "out")
    if b"region" in content and b"rate,rate" not in content:
        with pytest.raises(Malformed, match=told):
            count_units(study_of(path).rollout, tmp_path)


def test_a_folder_with_its_own_ledger_is_not_read_by_another(made, tmp_path):
    other = tmp_path / "out"
    shutil.copytree(made, other)
    with Ledger(tmp_path / "third.sqlite") as held:
        held.append("rollout small-draw", lambda _: event("withdrew", {"unit": "A07"}), key="x")
    third, own = f"sqlite:///{tmp_path}/third.sqlite", f"sqlite:///{other}/ledger.sqlite"
    for asked in (
        lambda: note(other, "withdrew", units=["A07"], period="3", ledger=third),
        lambda: issue(other, "first", ledger=third),
        lambda: record(other, "withdrew", {"unit": "A07"}, key="x", ledger=third),
    ):
        with pytest.raises(UsageError, match="holds its own ledger"):
            asked()
    assert "holds its own ledger" in verify(other, ledger=third).faults[0]
    assert verify(other, ledger=own).faults == ()
    # Where a collection is read at once, the database named may be the collection's.
    assert folders.address_of(other, third, either=True) == other / "ledger.sqlite"
    (other / "ledger.sqlite").unlink()
    assert folders.address_of(other, third) == third


def test_a_row_with_a_comma_too_many_is_refused_with_its_line(tmp_path):
    """Once, what stood after it was read as of the next column: 120 pupils became none."""
    path = tmp_path / "r.csv"
    rows = ["code,region,pupils", "E1,South West,100", "E2,Bristol, City of,120", "E3,London,80,,"]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"r\.csv: line 3: more cells than the header names \(3\)"):
        read_rows(path)
    path.write_text("\n".join(rows).replace("Bristol, City of", '"Bristol, City of"'))
    assert [row["pupils"] for row in read_rows(path)] == ["100", "120", "80"]


def test_nothing_is_written_to_a_ledger_that_is_gone_or_was_changed(made, tmp_path):
    gone, edited = tmp_path / "gone", tmp_path / "edited"
    for other in (gone, edited):
        shutil.copytree(made, other)
    (gone / "ledger.sqlite").unlink()
    with pytest.raises(Malformed, match="and none is there"):
        draw(gone, drand())
    assert not (gone / "ledger.sqlite").exists()
    connection = sqlite3.connect(edited / "ledger.sqlite")
    connection.execute("UPDATE ledger SET time = 'x' WHERE number = 1")
    connection.commit()
    connection.close()
    before = (edited / "manifest.json").read_bytes()
    with pytest.raises(Malformed, match="Nothing is written to a ledger that"):
        draw(edited, drand())
    assert (edited / "manifest.json").read_bytes() == before and verify(edited).faults
