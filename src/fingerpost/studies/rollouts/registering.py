"""Registering a draw: everything frozen, checked for feasibility, and committed to in public.

Kinds of event that a roll-out's ledger holds are declared here, with what each must say.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.files import put_folder
from fingerpost.core.study import Study
from fingerpost.core.words import counted, listing
from fingerpost.designs._constrained import Shape, draw_candidates, keep, shape
from fingerpost.designs._feasible import attempt, hardly, infeasible
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts.confirming import confirm
from fingerpost.studies.rollouts.folder import (
    COMMITMENT,
    LEDGER,
    NEIGHBOURS,
    PLAN,
    REGISTER,
    REHEARSAL,
    STUDY,
    put,
)
from fingerpost.studies.rollouts.frozen import Frozen, freeze, open_frozen, space_of

# Kind → what its body must hold; it may hold more.
EVENTS: dict[str, tuple[str, ...]] = {
    "registered": ("study", "study_digest", "register", "units"),
    "committed": ("commitment", "pulse"),
    "drawn": ("pulse", "round", "draw", "probabilities"),
    "issued": ("wave", "units"),
    "started": ("unit", "period"),
    "slipped": ("unit", "period"),
    "withdrew": ("unit",),
    "merged": ("units", "into"),
    "split": ("unit", "into"),
    "frozen": ("what", "digest"),
    "replanned": ("commitment",),
    "corrected": ("entry", "why"),
}
Check = Callable[[Sequence[Entry]], None]
Claim = Callable[[], None]
LONGEST = 160
FIRST_LOCKED = 3
OTHER_CODE = (
    "Committed to by another version of the program: the plan is drawn as it was committed to, by "
    "this version, after the same specification."
)


def event(kind: str, body: Mapping[str, Any]) -> Event:
    """Return an event of a roll-out. Raises UsageError for a kind that there is not, or a body that
    does not say what that kind must.

    >>> event("withdrew", {"unit": "E09000001"}).kind
    'withdrew'
    """
    if kind not in EVENTS:
        raise UsageError(f'a roll-out has no event "{kind}". There are: {listed(EVENTS)}.')
    missing = [key for key in EVENTS[kind] if key not in body]
    if missing:
        raise UsageError(f"{kind}: the event does not say its {listing(missing)}.")
    canonical(dict(body))
    return Event(kind, dict(body))


def stream_of(frozen: Frozen) -> str:
    """Return the name of a draw's stream in a ledger: that of its study; of a draw that follows
    another, with its own commitment, so that both may lie in one ledger.
    """
    name = f"rollout {frozen.plan['study']}"[:LONGEST]
    return f"{name} {frozen.commitment.hex()[:16]}" if frozen.plan.get("follows") else name


def record(
    folder: Path,
    kind: str,
    body: Mapping[str, Any],
    *,
    key: str,
    ledger: str | None = None,
    check: Check = lambda entries: None,
) -> Entry:
    """Write an event of a roll-out into the ledger of its folder, and its manifest anew.

    key: the name of the request; repeated, it returns the entry that is there. ledger: the URL of a
    database, where it does not lie in the folder. check: raises where what the ledger holds by then
    forbids the event, and nothing is written. Raises UsageError for an event that does not say
    what its kind must.
    """
    said = event(kind, body)
    frozen = open_frozen(folders.read(folder / PLAN), folders.read(folder / REGISTER))
    stream = stream_of(frozen)

    def decide(entries: Sequence[Entry]) -> Event:
        check(entries)
        return said

    with folders.writing(folder, stream, ledger=ledger) as held:
        entry = held.append(stream, decide, key=key)
        folders.note(folder, held, stream)
    return entry


@dataclass(frozen=True, slots=True)
class Registered:
    """A draw that is committed to. commitment: in hexadecimal, to be published. new: whether this
    call made it, or found it there already. notes: what a reader should know of it.
    """

    frozen: Frozen
    commitment: str
    new: bool
    notes: tuple[str, ...] = ()


def register(
    study: Study,
    base: Path,
    *,
    out: Path,
    study_file: bytes = b"",
    keeper: Path | None = None,
    ledger: str | None = None,
    rehearsal: bytes = b"",
) -> Registered:
    """Freeze the plan and register of a draw in a folder, and commit to them.

    out: a folder that is new, empty, or holds the same commitment already. keeper: a file outside
    it, in which the secret of whoever keeps later waves to themselves is made, where they do.
    ledger: the URL of a database, where it is not to lie in the folder. rehearsal: the file that
    lets it be registered as confirmatory; one that lies in the folder counts too. Raises Malformed
    where the draw cannot be made as planned, with every reason; then nothing is written.
    """
    secret = keeper_secret(keeper, out) if keeper else b""
    sealed = hashlib.sha256(secret).hexdigest() if secret else ""
    if not rehearsal and (out / PLAN).is_file() and (out / REHEARSAL).is_file():
        rehearsal = folders.read(out / REHEARSAL)
    if rehearsal:
        confirm(study, rehearsal)
    held = hashlib.sha256(rehearsal).hexdigest() if rehearsal else ""
    frozen = freeze(study, base, study_file=study_file, sealed=sealed, rehearsal=held)
    return commit(
        frozen,
        out,
        study_file=study_file,
        keeper=keeper,
        secret=secret,
        ledger=ledger,
        rehearsal=rehearsal,
    )


def commit(
    frozen: Frozen,
    out: Path,
    *,
    study_file: bytes = b"",
    keeper: Path | None = None,
    secret: bytes = b"",
    ledger: str | None = None,
    rehearsal: bytes = b"",
    claim: Claim = lambda: None,
) -> Registered:
    """Commit to a frozen draw in a folder, as `register` says. secret: the keeper's. claim: called
    when all is ready and nothing is in its place yet; where it raises, nothing is written.
    """
    if (out / PLAN).is_file():
        asked, new = frozen, False
        frozen = as_committed(out, asked)
        claim()
        with folders.writing(out, stream_of(frozen), ledger=ledger) as held:
            note(held, frozen)
            folders.note(out, held, stream_of(frozen))
        notes: tuple[str, ...] = () if frozen.document == asked.document else (OTHER_CODE,)
    else:
        check_feasible(frozen)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out}: it is not empty. Name a folder that is new or empty.")
        if keeper and not keeper.is_file():
            keeper.parent.mkdir(parents=True, exist_ok=True)
            put(keeper, f"{secret.hex()}\n".encode(), private=True)
        new, notes = True, ()
        write_frozen(out, frozen, study_file, rehearsal=rehearsal, ledger=ledger, claim=claim)
    return Registered(frozen, frozen.commitment.hex(), new, notes)


def as_committed(out: Path, frozen: Frozen) -> Frozen:
    """Return the plan that a folder commits to, where it is the one asked for; another version of
    the program makes it no other plan. Raises UsageError where it is another.
    """
    held = open_frozen(folders.read(out / PLAN), folders.read(out / REGISTER))
    one, other = ({**plan, "code": {}} for plan in (held.plan, frozen.plan))
    if canonical(one) != canonical(other):
        raise UsageError(differs(out, held, frozen))
    return held


def keeper_secret(keeper: Path, out: Path) -> bytes:
    """Return the secret of the keeper's file, or a new one where there is none yet."""
    if keeper.absolute().is_relative_to(out.absolute()):
        raise UsageError(
            f"{keeper} lies in {out}, which is for everyone. Keep the secret elsewhere."
        )
    return read_secret(keeper) if keeper.is_file() else secrets.token_bytes(32)


def read_secret(path: Path) -> bytes:
    """Return the secret of a keeper's file."""
    try:
        found = bytes.fromhex(folders.read(path).decode("ascii").strip())
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Malformed(f"{path}: it holds no secret of 32 bytes, as `--keeper` writes it.")
    return found


def differs(out: Path, before: Frozen, frozen: Frozen) -> str:
    """Return in words what is no longer as it was committed to."""
    held = before.plan
    changed = sorted(
        key for key in {*held, *frozen.plan} - {"code"} if held.get(key) != frozen.plan.get(key)
    )
    return (
        f"--out {out}: another draw is committed to there; since then {listing(changed)} changed. "
        "A draw is made as it was committed to. Put the study and register back, or name a new "
        "folder and publish its commitment."
    )


def check_feasible(frozen: Frozen) -> None:
    """Raise Malformed where the draw cannot be made, with every reason and its numbers.

    Trial draws, whose numbers have nothing to do with the draw's, show limits that are hardly ever
    met; a whole trial of the draw, pairs of units that nobody declared and that are yet always or
    never in one wave.
    """
    space, names = space_of(frozen)
    found = infeasible(space, names)
    if not found:
        trial = attempt(space, names, purpose=frozen.commitment)
        found = hardly(space, trial, candidates=frozen.plan["candidates"])
        if not found:
            plan, seed = frozen.plan, trial_seed(frozen)
            kept = keep(space, seed, count=plan["candidates"], accept=plan["accept_millionths"])
            tried = shape(space, draw_candidates(space, kept.numbers, seed=seed))
            found = locked(frozen, tried)
    if found:
        raise Malformed(found)


def trial_seed(frozen: Frozen) -> bytes:
    """Return the seed of trials and rehearsals of a draw, which no pulse can give."""
    return hashlib.sha256(b"rehearsal of " + frozen.commitment).digest()


def locked(frozen: Frozen, found: Shape) -> list[str]:
    """Return in words that pairs are locked, where any are."""
    pairs, units = found.locked.tolist(), frozen.units
    if not pairs:
        return []
    told = [f"{units[one]} and {units[other]}" for one, other in pairs[:FIRST_LOCKED]]
    return [
        f"{counted(len(pairs), 'pair')} of units, {'; '.join(told)} among them, are always or "
        f"never in one wave in {found.draws:,} kept draws, though nothing declares them together "
        "or apart: what limits, strata and balance leave is too little. Loosen a limit, make "
        "strata coarser, draw more candidates, keep a larger share of them, or declare these pairs."
    ]


def write_frozen(
    out: Path,
    frozen: Frozen,
    study_file: bytes = b"",
    *,
    rehearsal: bytes = b"",
    ledger: str | None = None,
    claim: Claim = lambda: None,
) -> None:
    """Write the frozen files and the first entries of the ledger as one: the folder appears with
    all of them or not at all, and not before the ledger has them.
    """
    files = {
        STUDY: study_file,
        REHEARSAL: rehearsal,
        REGISTER: frozen.register,
        NEIGHBOURS: frozen.neighbours,
        COMMITMENT: commitment_file(frozen),
        PLAN: frozen.document,
    }

    def fill(aside: Path) -> None:
        for name, content in files.items():
            if content:
                put(aside / name, content)
        claim()
        with Ledger(ledger or aside / LEDGER) as held:
            note(held, frozen)
            folders.note(aside, held, stream_of(frozen))

    put_folder(out, fill)


def commitment_file(frozen: Frozen) -> bytes:
    """Return the commitment as `sha256sum -c` reads it."""
    return f"{frozen.commitment.hex()}  {PLAN}\n".encode()


def note(ledger: Ledger, frozen: Frozen) -> None:
    """Write down in the ledger that the draw is registered and committed to, once."""
    plan = frozen.plan
    stream = stream_of(frozen)
    said = {key: plan[key] for key in ("study", "study_digest", "register")}
    registered = event("registered", {**said, "units": len(frozen.units)})
    committed = event(
        "committed", {"commitment": frozen.commitment.hex(), "pulse": dict(plan["pulse"])}
    )
    first = ledger.append(stream, lambda _: registered, key="registered")
    if first.body.get("study_digest") != plan["study_digest"]:
        raise Malformed(
            f"the ledger holds another study under the name {plan['study']}. Name another ledger, "
            "or give the study another name."
        )
    second = ledger.append(stream, lambda _: committed, key="committed")
    if second.body != committed.body:
        raise Malformed("the ledger holds another commitment for this study. Name another ledger.")
