"""Allocating: what is refused, what is told again, and many who allocate at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.trials.allocating import Allocator, Asked, allocate, read_units
from fingerpost.studies.trials.folder import list_files, open_folder
from fingerpost.studies.trials.opening import open_trial
from fingerpost.studies.trials.sequences import Held
from fingerpost.studies.trials.verifying import verify
from units.studies.trials.opened import STUDY, asked, children, small_trial


def test_each_stratum_holds_arms_alike_after_each_whole_block(tmp_path):
    opened, key = small_trial(tmp_path)
    answers = allocate(opened, opened.keys(key), requests=children(60))
    assert [one.number for one in answers] == list(range(1, 61))
    for area in ("north", "south"):
        arms = [
            one.arm
            for one, said in zip(answers, children(60), strict=True)
            if dict(said.known)["area"] == area
        ]
        ahead = [arms[:at].count("usual") - arms[:at].count("more") for at in range(len(arms))]
        # Blocks of at most 6, half of each arm: never more than 3 ahead.
        assert max(map(abs, ahead)) <= 3
        assert len(set(arms)) == 2


def test_the_same_request_tells_the_same_and_another_does_not(tmp_path):
    opened, key = small_trial(tmp_path)
    keys = opened.keys(key)
    [first] = allocate(opened, keys, requests=[asked("C1")])
    [again] = allocate(opened, keys, requests=[asked("C1")])
    assert first.new
    assert not again.new
    assert (again.arm, again.number, again.entry) == (first.arm, first.number, first.entry)
    with pytest.raises(UsageError, match="allocated already, as number 1") as fault:
        allocate(opened, keys, requests=[asked("C1", sex="M")])
    assert first.arm not in str(fault.value)
    with pytest.raises(UsageError, match="allocated already, as number 1"):
        allocate(opened, keys, requests=[asked("C1", request="another")])
    [named] = allocate(opened, keys, requests=[asked("C2", request="r2")])
    assert allocate(opened, keys, requests=[asked("C2", request="r2")])[0].entry == named.entry
    with pytest.raises(UsageError, match="used for another unit"):
        allocate(opened, keys, requests=[asked("C3", request="r2")])
    with pytest.raises(UsageError, match="something else was known"):
        allocate(opened, keys, requests=[asked("C2", sex="M", request="r2")])
    assert verify(opened.folder, key=key).allocated == (("", 2),)


def test_every_fault_of_a_request_is_told_at_once_and_nothing_is_written(tmp_path):
    opened, key = small_trial(tmp_path, more="  blocks: [4]\n  plans: excluded")
    with pytest.raises(UsageError) as fault:
        allocate(opened, opened.keys(key), requests=[Asked("C1", (("area", "east"), ("age", "2")))])
    words = "\n".join(fault.value.problems)
    for part in ("parent agreed and no plan", "known age", "known area: no such", "known sex=…"):
        assert part in words
    assert "east" not in words
    assert len(opened.entries()) == 1


def test_no_more_units_than_the_study_says_and_none_after_it_is_stopped(tmp_path):
    opened, key = small_trial(tmp_path, size=3)
    keys = opened.keys(key)
    allocate(opened, keys, requests=children(3))
    with pytest.raises(UsageError, match="has its 3 units"):
        allocate(opened, keys, requests=[asked("late")])


def test_names_and_arms_stand_nowhere_in_the_folder(tmp_path):
    opened, key = small_trial(tmp_path)
    allocate(opened, opened.keys(key), requests=[asked(f"Wilhelmina{at}") for at in range(8)])
    content = opened.address.read_bytes()
    assert b"Wilhelmina" not in content
    lengths = Counter(
        len(entry.text) - len(str(entry.body["number"]))
        for entry in opened.entries()
        if entry.kind == "allocated"
    )
    assert len(lengths) == 1  # the length of what is sealed tells nothing
    assert key.stat().st_mode & 0o077 == 0 or os.name == "nt"


def test_the_next_allocation_depends_on_the_key_alone(tmp_path):
    # The same study, opened twice: ledgers alike but for keys give different sequences.
    arms = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        opened, key = small_trial(tmp_path / name)
        arms.append([one.arm for one in allocate(opened, opened.keys(key), requests=children(40))])
    assert arms[0] != arms[1]


@pytest.mark.parametrize(
    ("design", "strata", "more"),
    [
        ("simple", "", ""),
        ("permuted_blocks", "", BLOCKS := "  blocks: [4]"),
        ("minimisation", "", "  minimise: {weights: {area: 2, sex: 1}}"),
        ("blocked", "", BLOCKS),
    ],
)
def test_designs_that_draw_one_by_one_are_allocated_and_made_again(tmp_path, design, strata, more):
    opened, key = small_trial(tmp_path, design=design, strata=strata, more=more)
    within = {"cluster": "school 1"} if design == "blocked" else {}
    requests = [asked(one.unit, *dict(one.known).values(), **within) for one in children(24)]
    allocate(opened, opened.keys(key), requests=requests)
    found = verify(opened.folder, key=key)
    assert (found.faults, found.replayed) == ((), 24)


def test_a_later_stage_is_drawn_among_those_whom_it_concerns(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: s\nquestion: What next?\ntrial:\n"
        "  arms: {a: first, b: second}\n  blocks: [2, 4]\n"
        "  known: {responded: ['yes', 'no']}\n"
        "  stages: {second: {arms: {on: go on, over: go over}, among: {responded: 'no'}}}\n"
        "assignment: {randomised: {design: smart, unit: child}}\n"
    )
    from fingerpost.studies.document import read_study

    opened, _ = open_trial(
        read_study(file), study_file=file.read_bytes(), out=tmp_path / "t", key=tmp_path / "k"
    )
    keys = opened.keys(tmp_path / "k")
    allocate(opened, keys, requests=[Asked(f"C{at}") for at in range(6)])
    late = [Asked(f"C{at}", (("responded", "no"),), stage="second") for at in range(4)]
    answers = allocate(opened, keys, requests=late)
    assert {one.arm for one in answers} == {"on", "over"}
    assert [one.number for one in answers] == [1, 2, 3, 4]
    with pytest.raises(UsageError, match="responded=no"):
        allocate(opened, keys, requests=[Asked("C5", (("responded", "yes"),), stage="second")])
    with pytest.raises(UsageError, match="not allocated yet"):
        allocate(opened, keys, requests=[Asked("X", (("responded", "no"),), stage="second")])
    found = verify(opened.folder, key=tmp_path / "k")
    assert (found.faults, found.allocated) == ((), (("", 6), ("second", 4)))


def at_once(folder: Path, key: Path, ledger: str | None, own: int, each: int) -> None:
    """Allocate some units of one's own, each asked for twice, and one that all others ask for."""
    opened = open_folder(folder, ledger=ledger)
    with opened.ledger() as held:
        allocator = Allocator(opened, opened.keys(key), ledger=held)
        for one in children(each, prefix=f"P{own}-"):
            allocator.allocate(one)
            allocator.allocate(one)
        allocator.allocate(asked("shared"))
        list_files(opened, held)


def run_at_once(opened, key, *, clients: int, each: int, ledger: str | None = None) -> list[int]:
    """Run clients at once and return their exit codes."""
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=at_once, args=(opened.folder, key, ledger, own, each))
        for own in range(clients)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [int(process.exitcode or 0) for process in processes]


@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_fifty_processes_at_once(tmp_path):
    opened, key = small_trial(tmp_path)
    assert run_at_once(opened, key, clients=50, each=1) == [0] * 50
    found = verify(opened.folder, key=key)
    assert found.faults == ()
    assert found.allocated == (("", 51),)
    assert found.replayed == 51
    held = Held(opened, opened.keys(key))
    held.read(opened.entries())
    units = held.sequence("").units
    assert len({unit.name for unit in units}) == 51
    for area in ("north", "south"):
        arms = [unit.arm for unit in units if dict(unit.known)["area"] == area]
        ahead = [arms[:at].count(0) - arms[:at].count(1) for at in range(len(arms) + 1)]
        assert max(map(abs, ahead)) <= 3


def allocated(opened) -> bool:
    """Return whether the ledger holds an allocation."""
    return any(entry.kind == "allocated" for entry in opened.entries())


@pytest.mark.skipif(os.name == "nt", reason="kills")
def test_whoever_is_killed_on_the_way_may_ask_again(tmp_path):
    opened, key = small_trial(tmp_path)
    fork = multiprocessing.get_context("fork")
    for own in range(8):
        process = fork.Process(target=at_once, args=(opened.folder, key, None, own, 200))
        process.start()
        time.sleep(0.05 + 0.02 * own)
        while own == 7 and process.is_alive() and not allocated(opened):  # on a slow machine
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    found = verify(opened.folder, key=key)
    assert found.faults == ()
    keys = opened.keys(key)
    answers = allocate(opened, keys, requests=[one for own in range(8) for one in
                                      children(3, prefix=f"P{own}-")])  # fmt: skip
    assert len({one.number for one in answers}) == 24
    assert any(not one.new for one in answers)  # what was kept before the kill is told again
    found = verify(opened.folder, key=key)
    assert (found.faults, found.notes) == ((), ())


def test_opened_twice_is_the_same_trial_and_another_study_is_refused(tmp_path):
    opened, _ = small_trial(tmp_path)
    again, _ = small_trial(tmp_path)
    assert again.identity == opened.identity
    with pytest.raises(UsageError, match="before it was changed"):
        small_trial(tmp_path, size=999)
    other = tmp_path / "other"
    other.mkdir()
    _, wrong = small_trial(other)
    with pytest.raises(Malformed, match="not the key that this trial"):
        opened.keys(wrong)


def test_an_external_list_is_followed_stratum_by_stratum(tmp_path):
    rows = tmp_path / "list.csv"
    arms = {"north": ["more", "usual", "usual"], "south": ["usual", "more", "more"]}
    rows.write_text(
        "area,arm\n" + "".join(f"{area},{arm}\n" for area, own in arms.items() for arm in own)
    )
    opened, key = small_trial(tmp_path, external=rows)
    keys = opened.keys(key)
    answers = allocate(
        opened,
        keys,
        requests=[asked(f"{area}{at}", area) for at in range(3) for area in ("south", "north")],
    )
    given = {area: [one.arm for one in answers if one.unit[:5] == area] for area in arms}
    assert given == arms
    with pytest.raises(UsageError, match="no row left"):
        allocate(opened, keys, requests=[asked("one more")])
    assert b"more" not in (opened.folder / "list.sealed").read_bytes()
    assert verify(opened.folder, key=key).faults == ()


def test_a_table_of_units_is_read_and_its_faults_told(tmp_path):
    opened, key = small_trial(tmp_path)
    table = tmp_path / "units.csv"
    table.write_text("unit,area,sex,parent agreed\nC1,north,F,yes\nC2,south,M,no\n")
    requests = read_units(table, opened)
    assert [one.confirmed for one in requests] == [("parent agreed",), ()]
    with pytest.raises(UsageError, match="C2: not confirmed"):
        allocate(opened, opened.keys(key), requests=requests)
    assert len(opened.entries()) == 1
    table.write_text("unit,area,sex,arm\nC1,north,F,more\n")
    with pytest.raises(UsageError, match="arm: the study asks for no such column"):
        read_units(table, opened)
    assert "{size}" in STUDY
