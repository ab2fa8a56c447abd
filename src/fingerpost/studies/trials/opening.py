"""Opening a trial: study, program and keys are frozen before the first unit is allocated."""

from __future__ import annotations

import secrets
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import fingerpost
from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.core.files import put, put_folder
from fingerpost.core.leaves import module_of, names
from fingerpost.core.rollout import Rollout
from fingerpost.core.study import Study
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.store import Ledger
from fingerpost.studies.code import digests_of
from fingerpost.studies.rollouts.frozen import as_csv, read_register
from fingerpost.studies.trials.folder import (
    ALGORITHM,
    LEDGER,
    LIST,
    PLAN,
    REGISTER,
    STUDY,
    Opened,
    event,
    list_files,
    open_folder,
    procedure_of,
    sha256,
)
from fingerpost.studies.trials.keys import Keys, commitments, derived, make_key
from fingerpost.studies.trials.lists import read_list, sealed_list

IDENTITY = 16  # bytes


def open_trial(
    study: Study,
    *,
    study_file: bytes,
    out: Path,
    key: Path,
    base: Path | None = None,
    ledger: str | None = None,
    list_file: Path | None = None,
) -> tuple[Opened, bool]:
    """Return the trial of a folder, opened now if none lies there, and whether that was done now.

    key: the file of the key, made there if there is none, outside the folder. base: the folder
    beside which a register lies. ledger: the URL of a database, where it does not lie in the
    folder. list_file: an external list of allocations that
    takes the place of the design's procedure. Raises UsageError where another study lies there;
    nothing is then written.
    """
    check_open(study, listed=list_file is not None)
    if (out / PLAN).is_file():
        return again(study, study_file, out=out, ledger=ledger), False
    check_procedure(study, listed=list_file is not None)
    whole = make_key(key, outside=out)
    trial = secrets.token_hex(IDENTITY)
    keys = derived(whole, trial)
    held = sealed_list(read_list(list_file, study), keys) if list_file else b""
    units = register_file(study, base or Path(), keys) if registered(study) else b""
    plan = {
        **frozen(study, study_file, trial, commitments(keys)),
        "list": sha256(held) if held else "",
        "register": sha256(units) if units else "",
        "pulse": pulse_of(study),
    }

    def fill(folder: Path) -> None:
        put(folder / STUDY, study_file)
        put(folder / PLAN, canonical(plan))
        if held:
            put(folder / LIST, held)
        if units:
            put(folder / REGISTER, units)
        opened = Opened(folder, plan, study, ledger or folder / LEDGER)
        with Ledger(opened.address, often=True) as made:
            said = {"plan": sha256(canonical(plan)), "study_digest": plan["study_digest"]}
            made.append(opened.stream, lambda _: event("opened", said), key="opened")
            list_files(opened, made)

    try:
        put_folder(out, fill)
    except FingerpostError:
        # Somebody else opened it in the meantime: theirs is the trial.
        if not (out / PLAN).is_file():
            raise
        return again(study, study_file, out=out, ledger=ledger), False
    return open_folder(out, ledger=ledger), True


def registered(study: Study) -> bool:
    """Return whether the units of a trial are all known beforehand."""
    return study.trial is not None and study.trial.register is not None


def check_procedure(study: Study, *, listed: bool) -> None:
    """Raise UsageError where units do not come as the design draws them."""
    procedure = procedure_of(study)
    assert study.trial is not None
    if study.trial.register is not None and listed:
        raise UsageError("--list: a list gives arms to units that come one by one, not a register.")
    if procedure.step is None and not listed and study.trial.register is None:
        raise UsageError(
            f"{study.name}: units of this design are all known beforehand. Name them: trial: "
            "{register: {table: …, unit: …}}."
        )
    if procedure.draw is None and study.trial.register is not None:
        raise UsageError(
            f"{study.name}: this design allocates units one by one, as they come. Leave "
            "trial.register out, or name a design that draws a register (cluster, matched_pairs)."
        )


def check_open(study: Study, *, listed: bool) -> None:
    """Raise UsageError with every fault that keeps a trial from being opened."""
    trial = study.trial
    assert trial is not None
    faults = [] if trial.arms else ["trial.arms is missing: what is drawn among."]
    strata = [name for name in study.assignment.strata if name not in _names(study)]
    if strata and trial.register is None:
        faults.append(f"assignment.randomised.strata: {listing(strata)}: not under trial.known.")
    if not listed:
        faults += [f"trial: {words}" for words in procedure_of(study).check(trial)]
    if faults:
        raise UsageError(faults)


def _names(study: Study) -> tuple[str, ...]:
    """Return what is known of a unit when it is allocated."""
    return tuple(one.name for one in study.trial.known) if study.trial else ()


def again(study: Study, study_file: bytes, *, out: Path, ledger: str | None) -> Opened:
    """Return the trial that lies in a folder. Raises UsageError where it is of another study."""
    found = open_folder(out, ledger=ledger)
    if found.plan["study_file"] != sha256(study_file):
        same = found.plan["study"] == study.name
        raise UsageError(
            f"{out}: a trial was opened there with "
            + ("this study before it was changed" if same else f"the study {found.plan['study']}")
            + ". A trial is frozen when it is opened: what changes is an amendment "
            "(`fingerpost trial note`), or another trial in another folder."
        )
    return found


def frozen(
    study: Study, study_file: bytes, trial: str, committed: dict[str, str]
) -> dict[str, Any]:
    """Return the plan of a trial: what is frozen, as plain data."""
    design = getattr(study.assignment, "design", "")
    return {
        "algorithm": ALGORITHM,
        "code": code_digests(design),
        "commitments": committed,
        "design": design,
        "program": fingerpost.__version__,
        "study": study.name,
        "study_digest": study.digest(),
        "study_file": sha256(study_file),
        "trial": trial,
    }


def register_file(study: Study, base: Path, keys: Keys) -> bytes:
    """Return the register as the trial's folder keeps it, units in the order of their codes.

    Schools and areas bear their codes; children the names that the ledger holds.
    """
    trial = study.trial
    assert trial is not None
    assert trial.register is not None
    numbers = dict.fromkeys((*trial.draw.balance, *trial.match))
    wanted = Rollout(register=trial.register, draw=replace(trial.draw, balance=tuple(numbers)))
    columns = read_register(study, wanted, base)
    unit = trial.register.unit
    if named_by_key(study):
        columns = {**columns, unit: [keys.unit(code) for code in columns[unit]]}
    order = sorted(range(len(columns[unit])), key=lambda at: columns[unit][at])
    return as_csv({name: [held[at] for at in order] for name, held in columns.items()})


def named_by_key(study: Study) -> bool:
    """Return whether units are children, whose names stand nowhere in clear."""
    return (getattr(study.assignment, "unit", None) or "child") in ("child", "pupil")


def pulse_of(study: Study) -> dict[str, Any]:
    """Return where the randomness of a register's draw comes from; nothing of other trials."""
    assert study.trial is not None
    if study.trial.register is None:
        return {}
    pulse = study.trial.draw.pulse
    parties = [list(party) for party in pulse.parties]
    return {"source": pulse.source, "after": pulse.after, "parties": parties}


def code_digests(design: str) -> dict[str, str]:
    """Return the SHA-256 of the files that allocate under a design, whoever brought it; of none
    where arms come from a list made elsewhere.
    """
    here = Path(fingerpost.__file__).parent
    own = ("allocating", "drawing", "keys", "lists", "sealing", "sequences")
    leaf = [module_of("designs", design)] if design in names("designs") else []
    paths = [
        *sorted((here / "designs").glob("_*.py")),
        *(Path(str(import_module(name).__file__)) for name in leaf),
        here / "kernels" / "counter_draws.py",
        *(here / "studies" / "trials" / f"{name}.py" for name in own),
    ]
    return digests_of(paths)


def code_digest(design: str) -> str:
    """Return one short digest of the program that allocates, as every allocation bears it."""
    return sha256(canonical(code_digests(design)))[:16]
