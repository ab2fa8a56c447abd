"""The draw: from a commitment and a pulse to an allocation, the same whoever makes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.study import Study
from fingerpost.designs._constrained import Codes, Kept, Shape, Space, draw_candidates, keep, shape
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts.folder import (
    ALLOCATION,
    CHANCES,
    DRAW,
    PLAN,
    PULSE,
    REGISTER,
    SECRET,
    put,
    sha256,
)
from fingerpost.studies.rollouts.frozen import Frozen, as_csv, freeze, open_frozen, space_of
from fingerpost.studies.rollouts.pulses import Randomness, read_pulse, seed_of
from fingerpost.studies.rollouts.registering import (
    event,
    locked,
    read_secret,
    stream_of,
    trial_seed,
)

Tell = Callable[[int], None]
QUANTILES = (0, 5, 25, 50, 75, 95, 100)
FEW_KEPT = 400  # different draws below which chances and p-values are coarse
SCALE = 1e8  # a balance score's whole numbers are of squared ten-thousandths


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A draw, replayed. codes: (a, u) places of waves in the draws that were kept, in order of
    their numbers; chosen: (u,) the draw itself.
    """

    frozen: Frozen
    seed: bytes
    space: Space
    kept: Kept
    codes: Codes
    chosen: Codes
    shape: Shape

    @property
    def allocation(self) -> Allocation:
        """The draw as inference takes it: unit → wave, with its probability in the kept draws."""
        return Allocation(
            units=self.frozen.units,
            arms=self.frozen.waves,
            code=self.chosen.astype(np.int64),
            probability=self.shape.by_wave / self.shape.draws,
            commitment=self.frozen.commitment.hex(),
            digest=sha256(allocation_file(self.frozen, self.chosen)),
            begins=self.frozen.begins,
            strata=self.frozen.strata if self.frozen.plan["strata"] else (),
            stratum=tuple(self.frozen.plan["strata"]),
            draws=self.shape.draws,
        )

    def permutations(self, count: int | None = None) -> Permutations:
        """Return the first `count` draws that were kept, in order of their numbers; None: all.

        As candidates are independent, the first of them are a sample of all.
        """
        codes = self.codes if count is None else self.codes[:count]
        return Permutations(
            self.frozen.units, self.frozen.waves, codes.astype(np.int64), digest_of(codes)
        )


def replay(frozen: Frozen, seed: bytes, *, tell: Tell | None = None) -> Drawn:
    """Return the draw that a seed gives. tell: hears how many candidates are drawn."""
    space, _ = space_of(frozen)
    plan = frozen.plan
    kept = keep(space, seed, count=plan["candidates"], accept=plan["accept_millionths"], tell=tell)
    codes = draw_candidates(space, kept.numbers, seed=seed)
    chosen = codes[int(np.searchsorted(kept.numbers, kept.chosen))]
    return Drawn(frozen, seed, space, kept, codes, chosen, shape(space, codes))


def digest_of(codes: Codes) -> str:
    """Return the SHA-256 of draws: unit by unit, draw by draw, the wave's place in two bytes."""
    return hashlib.sha256(codes.astype(">u2").tobytes()).hexdigest()


def scaled(space: Space, score: int) -> float:
    """Return a balance score on the scale where waves drawn wholly at random have 1 on average."""
    free = len(space.scores) * (len(space.waves) - 1)
    return score / (SCALE * free) if free else 0.0


def few_kept(distinct: int) -> str:
    """Return what it means that so few different draws were kept; nothing where they are enough."""
    if distinct >= FEW_KEPT:
        return ""
    return (
        f"Only {distinct:,} different draws were kept: no p-value of a randomisation test can be "
        f"below {1 / (distinct + 1):.2g}, and chances are counted over few."
    )


def summary(drawn: Drawn, pulse: Randomness, *, secret: bytes = b"") -> dict[str, Any]:
    """Return what is published with a draw: scores against their distribution, pairs, seals.

    secret: of whoever keeps later waves to themselves: then neither the seed nor the draw's own
    number is told, but a seal for every wave.
    """
    kept, found = drawn.kept, drawn.shape
    scores = kept.all_scores
    said: dict[str, Any] = {
        "algorithm": drawn.frozen.plan["algorithm"],
        "commitment": drawn.frozen.commitment.hex(),
        "randomness": pulse.value.hex(),
        "round": pulse.round,
        "candidates": kept.seen,
        "counting": len(scores),
        "kept": found.draws,
        "distinct": found.distinct,
        "scores": {str(q): int(scores[(len(scores) - 1) * q // 100]) for q in QUANTILES},
        "cutoff": kept.cutoff,
        "pairs": {"least": found.least, "most": found.most},
        "permutations": digest_of(drawn.codes),
    }
    if secret:
        return {**said, "seals": seals(drawn, secret)}
    chosen = int(kept.scores[int(np.searchsorted(kept.numbers, kept.chosen))])
    own = sha256(allocation_file(drawn.frozen, drawn.chosen))
    return {
        **said,
        "seed": drawn.seed.hex(),
        "chosen": kept.chosen,
        "score": chosen,
        "allocation": own,
    }


def summary_file(said: dict[str, Any]) -> bytes:
    """Return the summary as its file."""
    return (json.dumps(said, indent=1, sort_keys=True) + "\n").encode()


def allocation_file(frozen: Frozen, codes: Codes | list[int]) -> bytes:
    """Return unit → wave as CSV. codes: (u,), −1 where a unit's wave is not told yet."""
    plan = frozen.plan
    told = [int(code) for code in codes]
    columns = {
        "unit": list(frozen.units),
        **({"name": frozen.columns[plan["name"]]} if plan["name"] else {}),
        "stratum": list(frozen.strata),
        "wave": [frozen.waves[code] if code >= 0 else "" for code in told],
        "begins": [frozen.begins[code] if code >= 0 else "" for code in told],
    }
    return as_csv(columns)


def chances_file(drawn: Drawn) -> bytes:
    """Return, for each unit, in how many of the kept draws it is in each wave, as CSV."""
    columns: dict[str, list[str]] = {"unit": list(drawn.frozen.units)}
    for at, wave in enumerate(drawn.frozen.waves):
        columns[f"in {wave}"] = [str(count) for count in drawn.shape.by_wave[:, at]]
    columns["of"] = [str(drawn.shape.draws)] * len(drawn.frozen.units)
    return as_csv(columns)


def salt_of(secret: bytes, wave: str) -> bytes:
    """Return the salt of a wave's seal: it tells nothing of the secret or of other waves' salts."""
    return hashlib.sha256(secret + wave.encode()).digest()


def seal_of(salt: bytes, wave: str, units: list[str]) -> str:
    """Return the seal of a wave: SHA-256(salt ‖ canonical JSON of [wave, [units]])."""
    return hashlib.sha256(salt + canonical([wave, units])).hexdigest()


def units_in(drawn: Drawn, wave: str) -> list[str]:
    """Return the units of a wave, in the order of the register."""
    at = drawn.frozen.waves.index(wave)
    return [unit for unit, code in zip(drawn.frozen.units, drawn.chosen, strict=True) if code == at]


def seals(drawn: Drawn, secret: bytes) -> dict[str, str]:
    """Return wave → its seal."""
    return {
        wave: seal_of(salt_of(secret, wave), wave, units_in(drawn, wave))
        for wave in drawn.frozen.waves
    }


def open_folder(folder: Path) -> Frozen:
    """Return the frozen plan and register of a folder, as they were committed to."""
    if not (folder / PLAN).is_file():
        raise Malformed(
            f"{folder}: no draw lies there. `fingerpost rollout randomise STUDY --out {folder}` "
            "commits to one."
        )
    frozen = open_frozen(folders.read(folder / PLAN), folders.read(folder / REGISTER))
    if sha256(frozen.register) != frozen.plan["register"]:
        raise Malformed(f"{folder / REGISTER}: it was changed since it was committed to.")
    return frozen


def draw(
    folder: Path,
    pulse: bytes,
    *,
    keeper: Path | None = None,
    ledger: str | None = None,
    tell: Tell | None = None,
) -> Drawn:
    """Make the draw that a folder commits to, write its files and its event, and return it.

    pulse: the saved file. keeper: the file of the secret, where later waves are kept to oneself.
    Made again with the same pulse it gives the same; raises UsageError with another, for a draw is
    made once. Raises Malformed where the pulse does not fit, or pairs of units turn out locked that
    nobody declared: then nothing is written.
    """
    frozen = open_folder(folder)
    secret = secret_for(frozen, keeper)
    found = read_pulse(pulse, frozen.plan["pulse"])
    stream = stream_of(frozen)
    with folders.writing(folder, stream, ledger=ledger) as held:
        for entry in held.entries(stream):
            check_own(folder, entry, pulse)
        drawn = replay(frozen, seed_of(frozen.commitment, found, secret), tell=tell)
        faults = locked(frozen, drawn.shape)
        if faults:
            raise Malformed(faults)
        files = drawn_files(drawn, found, pulse, secret)
        said = event(
            "drawn",
            {
                "pulse": sha256(pulse),
                "round": found.round,
                "draw": sha256(files[DRAW]),
                "probabilities": sha256(files[CHANCES]),
            },
        )
        # Whoever drew in the meantime is found here: theirs is then the entry that comes back.
        check_own(folder, held.append(stream, lambda _: said, key="drawn"), pulse)
        for name, content in files.items():
            if name != ALLOCATION or not secret or not (folder / name).is_file():
                put(folder / name, content)
        folders.note(folder, held, stream)
    return drawn


def check_own(folder: Path, entry: Entry, pulse: bytes) -> None:
    """Raise UsageError where an entry is of a draw from another pulse: a draw is made once."""
    if entry.kind == "drawn" and entry.body["pulse"] != sha256(pulse):
        raise UsageError(
            f"{folder}: drawn already, with another pulse (round {entry.body['round']:,}). A draw "
            "is made once."
        )


def drawn_files(drawn: Drawn, found: Randomness, pulse: bytes, secret: bytes) -> dict[str, bytes]:
    """Return the files of a draw by name; where waves are kept to oneself, none is told yet."""
    none = [-1] * len(drawn.frozen.units)
    return {
        PULSE: pulse,
        DRAW: summary_file(summary(drawn, found, secret=secret)),
        CHANCES: chances_file(drawn),
        ALLOCATION: allocation_file(drawn.frozen, none if secret else drawn.chosen),
    }


def secret_for(frozen: Frozen, keeper: Path | None) -> bytes:
    """Return the keeper's secret where the plan has one. Raises UsageError where it is not given,
    or another's.
    """
    sealed = frozen.plan["sealed"]
    if not sealed:
        return b""
    if keeper is None:
        raise UsageError(
            "later waves are kept secret: only whoever holds the secret's file can do this. Name "
            "it: --keeper FILE."
        )
    secret = read_secret(keeper)
    if hashlib.sha256(secret).hexdigest() != sealed:
        raise UsageError(f"{keeper}: this is not the secret that the draw was committed to with.")
    return secret


def opened_secret(folder: Path, frozen: Frozen) -> bytes | None:
    """Return the secret where the last wave is issued and it is public; None where it is not yet;
    nothing where there never was one.
    """
    if not frozen.plan["sealed"]:
        return b""
    return read_secret(folder / SECRET) if (folder / SECRET).is_file() else None


def replayed(folder: Path, *, keeper: Path | None = None, tell: Tell | None = None) -> Drawn:
    """Return the draw of a folder, replayed from its plan, register and pulse."""
    frozen = open_folder(folder)
    if not (folder / PULSE).is_file():
        raise UsageError(f"{folder}: committed to, but not drawn yet. Give it a pulse: --pulse.")
    secret = opened_secret(folder, frozen)
    if secret is None:
        secret = secret_for(frozen, keeper)
    found = read_pulse(folders.read(folder / PULSE), frozen.plan["pulse"])
    return replay(frozen, seed_of(frozen.commitment, found, secret), tell=tell)


def permutations(
    draw: Drawn | Path, count: int | None = None, *, keeper: Path | None = None
) -> Permutations:
    """Return the draws that might have been, as inference replays them: (count, u) codes of waves.

    draw: a draw or its folder. count: the first so many of those kept; None: all of them.
    """
    drawn = draw if isinstance(draw, Drawn) else replayed(draw, keeper=keeper)
    return drawn.permutations(count)


def rehearsed(study: Study, base: Path, *, candidates: int | None = None) -> Drawn:
    """Return what a study's draw might be, from a seed that has nothing to do with the draw's: for
    rehearsals. base: the folder of the register. candidates: fewer than the plan's, if wished.
    """
    frozen = freeze(study, base)
    plan = {**frozen.plan, "candidates": candidates or frozen.plan["candidates"]}
    shorter = Frozen(plan, frozen.register, frozen.columns)
    return replay(shorter, trial_seed(frozen))
