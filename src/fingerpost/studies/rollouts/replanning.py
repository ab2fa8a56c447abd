"""What is not issued yet, drawn anew: under a commitment of its own, which names the one before.

Capacity is cut, a wave slips, areas merge: waves that are issued stay as they were drawn, and units
of the others are drawn again by a new study. Given what was issued, the new draw is as random as
the first, so that an analysis replays it with the issued waves held fast.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core import drawn as core
from fingerpost.core import rollout as rollouts
from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.rollout import Draw, Limit, Rollout
from fingerpost.core.study import Study
from fingerpost.core.words import counted, listing
from fingerpost.designs._layouts import filled
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies.registered import analysed_as, other_parts
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts.confirming import confirm
from fingerpost.studies.rollouts.drawing import Drawn, digest_of, open_folder
from fingerpost.studies.rollouts.events import standing
from fingerpost.studies.rollouts.folder import DRAW, LEDGER, PLAN, REHEARSAL, STUDY
from fingerpost.studies.rollouts.frozen import Frozen, near_of, planned, read_register
from fingerpost.studies.rollouts.registering import (
    Registered,
    as_committed,
    commit,
    event,
    keeper_secret,
    stream_of,
)
from fingerpost.studies.rollouts.units import rollout_of
from fingerpost.studies.rollouts.verifying import verify

LEAVING = ("merged", "split")
AFTER = ("started", "slipped", "withdrew")
MOST_NAMED = 5
Wave = dict[str, Any]


def replan(
    study: Study,
    base: Path,
    *,
    old: Path,
    out: Path,
    study_file: bytes = b"",
    keeper: Path | None = None,
    ledger: str | None = None,
    rehearsal: bytes = b"",
) -> Registered:
    """Freeze and commit to a draw of what an earlier one has not issued yet.

    study: the new one, of the same name, with all waves: those issued as they were. base: the
    folder of its register. old: the folder of the earlier draw, which stays as it is but for an
    event in its ledger. rehearsal: the file that lets the new plan be registered as confirmatory;
    without one it is what the earlier was. Raises Malformed or UsageError with every reason why it
    cannot be; then nothing is written.
    """
    if not rehearsal and (out / PLAN).is_file() and (out / REHEARSAL).is_file():
        rehearsal = folders.read(out / REHEARSAL)
    if rehearsal:
        confirm(study, rehearsal)
    checked = verify(old, ledger=ledger)
    if checked.faults:
        raise Malformed(f"{old}: {fault}" for fault in checked.faults)
    address = folders.address_of(old, ledger)
    before = opened(old)
    secret = keeper_secret(keeper, out) if keeper else b""
    with Ledger(address) as held:
        entries = held.entries(stream_of(before))
        sealing = Sealing(study_file, secret, rehearsal)
        told = standing(entries)
        frozen = anew(study, base, old, before, told, sealing=sealing, drawn=checked.drawn)
        if (out / PLAN).is_file():
            frozen = as_committed(out, frozen)
        commitment = frozen.commitment.hex()
        check_once(old, entries, commitment)
        return commit(
            *(frozen, out),
            study_file=study_file,
            keeper=keeper,
            secret=secret,
            ledger=None if address == old / LEDGER else ledger,
            rehearsal=rehearsal,
            claim=lambda: claim(old, held, before, commitment=commitment, known=len(entries)),
        )


def claim(old: Path, held: Ledger, before: Frozen, *, commitment: str, known: int) -> None:
    """Write down with the earlier draw that the rest is drawn anew under a commitment. known: how
    many entries there were when it was made. Raises UsageError where there are more, or where
    somebody else drew anew in the meantime.
    """
    stream = stream_of(before)

    def decide(now: Sequence[Entry]) -> Event:
        if len(now) != known:
            raise UsageError(
                f"{old}: its ledger holds more than when the new plan was made "
                f"({listing([entry.kind for entry in now[known:]])}). Draw anew from there: run "
                "this once more."
            )
        return event("replanned", {"commitment": commitment})

    # Whoever drew anew in the meantime is found here: theirs is the entry that comes back.
    check_once(old, [held.append(stream, decide, key="replanned")], commitment)
    folders.note(old, held, stream)


@dataclass(frozen=True, slots=True)
class Sealing:
    """Files whose digests a plan holds: of the study, of a keeper's secret, of a rehearsal."""

    study_file: bytes = b""
    secret: bytes = b""
    rehearsal: bytes = b""

    @property
    def sealed(self) -> str:
        """The SHA-256 of the secret, empty where there is none."""
        return hashlib.sha256(self.secret).hexdigest() if self.secret else ""


def opened(folder: Path) -> Frozen:
    """Return the frozen plan of a folder. Raises UsageError where nothing was drawn from it."""
    if not (folder / DRAW).is_file():
        raise UsageError(f"{folder}: committed to, but not drawn yet. There is nothing to replan.")
    return open_folder(folder)


def check_once(old: Path, entries: Sequence[Entry], commitment: str) -> None:
    """Raise UsageError where what was not issued is drawn anew already, under another plan."""
    for entry in entries:
        if entry.kind == "replanned" and entry.body["commitment"] != commitment:
            raise UsageError(
                f"{old}: what was not issued is committed to anew already "
                f"({entry.body['commitment'][:16]}…). A draw that nobody likes is not drawn again: "
                "go on from that one."
            )


def waves_issued(entries: Sequence[Entry]) -> list[str]:
    """Return the names of the waves that are issued."""
    return [str(entry.body["wave"]) for entry in entries if entry.kind == "issued"]


def anew(
    study: Study,
    base: Path,
    old: Path,
    before: Frozen,
    entries: Sequence[Entry],
    *,
    sealing: Sealing,
    drawn: Drawn | None,
) -> Frozen:
    """Return the plan of the new draw. drawn: the earlier one, None where it is still sealed.
    Raises Malformed with every fault.
    """
    rollout = rollout_of(study)
    check_draws(study, rollout, before)
    assert rollout.register is not None
    issued = issued_waves(before, entries)
    columns = read_register(study, rollout, base)
    codes = columns[rollout.register.unit]
    earlier = before.plan.get("follows", {})
    told = [{"kind": one.kind, **one.body} for one in entries]
    changes = [*earlier.get("changes", ()), *(one for one in told if one["kind"] in LEAVING)]
    happened = [*earlier.get("happened", ()), *(one for one in told if one["kind"] in AFTER)]
    done = {str(unit) for wave in issued for unit in wave["units"]}
    keep = [at for at, unit in enumerate(codes) if unit not in done]
    left = tuple(wave for wave in rollout.waves if wave.name not in {w["name"] for w in issued})
    faults = faults_of_units(before, codes, done, changes)
    faults += faults_of_waves(rollout, issued)
    faults += faults_of_pulse(rollout, old, before)
    faults += faults_of_left(left, len(keep))
    if faults:
        raise Malformed(faults)
    remaining = {name: [cells[at] for at in keep] for name, cells in columns.items()}
    waves: list[Wave] = [
        {"name": wave.name, "begins": wave.begins, "units": int(wave.units or 0)}
        for wave in filled(left, len(keep))
    ]
    draw = among(rollout.draw, remaining, rollout.register.unit, [wave["name"] for wave in waves])
    follows = {**follows_of(old, before), "issued": issued, "changes": changes}
    follows |= {"happened": happened} if happened else {}
    chances = {} if drawn is None else chances_so_far(drawn, waves_issued(entries), changes)
    follows |= {"chances": chances} if chances else {}
    return planned(
        *(replace(study, rollout=replace(rollout, draw=draw)), remaining, waves),
        study_file=sealing.study_file,
        sealed=sealing.sealed,
        more={
            "study_digest": study.digest(),
            "follows": follows,
            **registered_as(
                before,
                sealing.rehearsal,
                other_parts(study, before.plan["study_digest"], old / STUDY),
            ),
        },
        near=near_of(rollout.register, base, codes),
    )


def check_draws(study: Study, rollout: Rollout, before: Frozen) -> None:
    """Raise UsageError where a study is another's, or draws nothing."""
    if study.name != before.plan["study"]:
        raise UsageError(
            f"the earlier draw is of the study {before.plan['study']}, and this one is "
            f"{study.name}. A roll-out that is drawn anew keeps its name."
        )
    if rollout.register is None or not study.assignment.randomised or not rollout.waves:
        raise UsageError(f"{study.name}: it needs a register, waves and assignment: randomised.")


def registered_as(before: Frozen, rehearsal: bytes, parts: Sequence[str]) -> dict[str, str]:
    """Return as what the new plan is registered. What was registered before the first draw stays
    so: units that leave make nothing exploratory; another question does. parts: of the new study
    that are not those of the earlier.
    """
    if rehearsal:
        held = hashlib.sha256(rehearsal).hexdigest()
        return {"registered_as": "confirmatory", "rehearsal": held}
    return {"registered_as": analysed_as(before.plan.get("registered_as", "exploratory"), parts)}


def faults_of_left(left: Sequence[rollouts.Wave], keep: int) -> list[str]:
    """Return why waves that are not issued do not hold the `keep` units that are left."""
    faults = []
    if len(left) < 2:
        faults.append(f"{counted(len(left), 'wave')} is not issued: there is nothing to draw.")
    held = sum(wave.units or 0 for wave in left)
    open_ = any(wave.units is None for wave in left)
    if held > keep or (not open_ and held != keep):
        faults.append(
            f"waves: those not issued hold {counted(held, 'unit')}, and {keep:,} are not issued "
            "yet. Change the units of a wave, or leave them out of one, which then takes what is "
            "left."
        )
    return faults


def follows_of(old: Path, before: Frozen) -> dict[str, Any]:
    """Return what a new plan says of the earlier draw."""
    earlier = before.plan.get("follows", {})
    drawn = json.loads(folders.read(old / DRAW))
    return {
        "commitment": before.commitment.hex(),
        "earlier": [
            *([earlier["commitment"]] if earlier else []),
            *earlier.get("earlier", ()),
        ],
        "permutations": drawn["permutations"],
        "round": drawn["round"],
    }


def chances_so_far(
    drawn: Drawn, issued: Sequence[str], changes: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """Return unit → the chance of what draws so far did with it: of an issued unit that of its
    wave; of another that of not being issued; of one that others became, that of all of them not
    being issued (their product). Empty where an earlier plan does not tell its own.
    """
    follows = drawn.frozen.plan.get("follows", {})
    if follows and "chances" not in follows:
        return {}
    own, found = drawn.allocation, dict[str, float](follows.get("chances", {}))
    chances = core.Drawn(own).chances
    out = [at for at, arm in enumerate(own.arms) if arm in issued]
    for row, (unit, code) in enumerate(zip(own.units, own.code, strict=True)):
        mine = chances[row, code] if code in out else 1.0 - chances[row, out].sum()
        found[unit] = found.get(unit, 1.0) * float(mine)
    for change in changes:
        olds = change["units"] if change["kind"] == "merged" else [change["unit"]]
        news = change.get("into", [])
        for unit in [news] if isinstance(news, str) else news:
            if unit not in found:
                found[unit] = math.prod(found.get(one, 1.0) for one in olds)
    return {unit: float(f"{chance:.9g}") for unit, chance in sorted(found.items())}


def issued_waves(before: Frozen, entries: Sequence[Entry]) -> list[Wave]:
    """Return all waves issued so far, by this draw and those before it: name, begins, units."""
    begins = dict(zip(before.waves, before.begins, strict=True))
    found = list(before.plan.get("follows", {}).get("issued", ()))
    for entry in entries:
        if entry.kind == "issued":
            body = entry.body
            found.append(
                {
                    "name": body["wave"],
                    "begins": begins[body["wave"]],
                    "units": list(body["units"]),
                }
            )
    return found


def faults_of_units(
    before: Frozen, codes: Sequence[str], done: set[str], changes: Sequence[dict[str, Any]]
) -> list[str]:
    """Return units that left or came without the ledger saying so."""
    gone, came = set[str](), set[str]()
    for change in changes:
        olds = change["units"] if change["kind"] == "merged" else [change["unit"]]
        news = change.get("into", [])
        gone |= set(olds)
        came |= {news} if isinstance(news, str) else set(news)
    known = set(before.units) | {
        unit for wave in before.plan.get("follows", {}).get("issued", ()) for unit in wave["units"]
    }
    missing = sorted(set(before.units) - done - set(codes) - gone)
    strange = sorted(set(codes) - known - came)
    left = sorted(set(codes) & gone - came - done)
    found = []
    if missing:
        found.append(
            f"register: {listing(some(missing))} were drawn and are not in it. Put them back: who "
            "withdrew is drawn with the others, as an analysis counts them. Only units that merged "
            "or split leave, by the ledger (fingerpost rollout note)."
        )
    if strange:
        found.append(
            f"register: {listing(some(strange))} were not in the draw. Leave them out, or write "
            "down of whom they came: fingerpost rollout note DRAW merged --unit A --unit B --into "
            "C --period P."
        )
    if left:
        found.append(
            f"register: by the ledger these left, and yet they are in it: {listing(some(left))}. "
            "Leave them out."
        )
    return found


def some(names: Sequence[str]) -> list[str]:
    """Return the first few of many names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return [*names[:MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])]


def faults_of_waves(rollout: Rollout, issued: Sequence[Wave]) -> list[str]:
    """Return waves that are issued and are not in the new study as they were."""
    by = {wave.name: wave for wave in rollout.waves}
    found = []
    if not issued:
        found.append("no wave is issued yet: make a new draw of all units (rollout randomise).")
    for one in issued:
        wave, many = by.get(one["name"]), len(one["units"])
        if wave is None:
            found.append(f"waves: {one['name']} is issued, and the new study does not have it.")
        elif wave.begins != one["begins"] or wave.units not in (None, many):
            found.append(
                f"waves: {one['name']} is issued: {counted(many, 'unit')} from "
                f"{one['begins'] or 'after the last period'}. It stays so in the new study. (That "
                "it began later is for the ledger: fingerpost rollout note DRAW slipped …)"
            )
    periods = rollout.periods
    last = max((periods.index(w["begins"]) for w in issued if w["begins"] in periods), default=-1)
    names = {one["name"] for one in issued}
    early = [
        wave.name
        for wave in rollout.waves
        if wave.name not in names and wave.begins in periods and periods.index(wave.begins) <= last
    ]
    if early:
        found.append(
            f"waves: {listing(early)} would begin no later than a wave that is issued. Give a "
            "later period."
        )
    return found


def faults_of_pulse(rollout: Rollout, old: Path, before: Frozen) -> list[str]:
    """Return that the new pulse may be one that is known already."""
    pulse, was = rollout.draw.pulse, before.plan["pulse"]
    round_ = json.loads(folders.read(old / DRAW))["round"]
    if pulse.source == was["source"] and pulse.source != "parties" and pulse.after < round_:
        return [
            f"draw.pulse.after: {pulse.after:,} lies before the round of the earlier draw, "
            f"{round_:,}. Name the last round that is known now."
        ]
    if pulse.source == "parties" and [list(one) for one in pulse.parties] == was["parties"]:
        return ["draw.pulse.parties: their secrets are revealed already. They need new ones."]
    return []


def among(draw: Draw, columns: dict[str, list[str]], unit: str, waves: Sequence[str]) -> Draw:
    """Return how to draw among what is left: limits and pairs that speak of what is issued are
    settled. Raises Malformed where a unit is to share the wave of one that is issued.
    """
    codes = set(columns[unit])
    torn = [pair for pair in draw.together if len(codes & set(pair)) == 1]
    if torn:
        raise Malformed(
            f"draw.together: {listed(pair)}: one is issued and the other is not. Leave the pair "
            "out."
            for pair in torn
        )

    def speaks(limit: Limit) -> bool:
        if limit.wave is not None and limit.wave not in waves:
            return False
        return limit.where is None or limit.where[1] in columns[limit.where[0]]

    return replace(
        draw,
        limits=tuple(limit for limit in draw.limits if speaks(limit)),
        together=tuple(pair for pair in draw.together if codes >= set(pair)),
        apart=tuple(pair for pair in draw.apart if codes >= set(pair)),
    )


def whole(drawn: Drawn, count: int | None = None) -> tuple[Allocation, Permutations]:
    """Return all units with their waves, and the draws that were possible: of a draw that follows
    another, units issued before it are in their waves in each of them.

    count: the first so many draws; None: all that were kept.
    """
    own, draws = drawn.allocation, drawn.permutations(count)
    issued: Sequence[Wave] = drawn.frozen.plan.get("follows", {}).get("issued", ())
    if not issued:
        return own, draws
    assert own.probability is not None
    arms = (*(str(wave["name"]) for wave in issued), *own.arms)
    fixed = [(unit, at) for at, wave in enumerate(issued) for unit in wave["units"]]
    units = (*(unit for unit, _ in fixed), *own.units)
    order = np.array(sorted(range(len(units)), key=lambda at: units[at]))
    first = np.array([at for _, at in fixed], dtype=np.int64)
    code = np.concatenate([first, own.code + len(issued)])
    chances = np.zeros((len(units), len(arms)))
    chances[np.arange(len(first)), first] = 1.0
    chances[len(first) :, len(issued) :] = own.probability
    codes = np.concatenate(
        [np.tile(first, (len(draws.codes), 1)), draws.codes + len(issued)], axis=1
    )[:, order]
    named = tuple(units[at] for at in order)
    # Nothing here says in which strata units were drawn that were issued before this draw.
    held = np.arange(len(units)) < len(first)
    begins = (*(str(wave["begins"]) for wave in issued), *own.begins)
    told = drawn.frozen.plan["follows"].get("chances")
    allocation = replace(
        own,
        units=named,
        arms=arms,
        code=code[order],
        probability=chances[order],
        begins=begins,
        strata=(),
        stratum=(),
        fixed=held[order],
        before=None if told is None else np.array([told.get(unit, 1.0) for unit in named]),
    )
    return allocation, Permutations(named, arms, codes, digest_of(codes))
