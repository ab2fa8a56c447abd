"""The validation pack of a trial's allocation, as the auditor of a trials unit wants it.

The allocation is drawn ten thousand times and more, under seeds that are never the trial's: how
many units each arm gets, how alike arms are in every stratum, whether each unit's chances are what
the design says, how long runs are, and how often somebody who sees what came before guesses what
comes next (Blackwell & Hodges 1957). Golden vectors and digests let anyone make the same draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

import fingerpost
from fingerpost.core.allocation import Arrived
from fingerpost.core.errors import UsageError
from fingerpost.core.rollout import Frame
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.trial import Trial
from fingerpost.designs._numbers import seed_of
from fingerpost.studies.provenance import code_digest
from fingerpost.studies.trials.designing import (
    SCHEMA_VERSION,
    procedure_of,
    randomised_of,
    trial_of,
)
from fingerpost.studies.trials.drawing import might_have_been
from fingerpost.studies.trials.guessing import kinds_alike, right_guesses
from fingerpost.studies.trials.opening import code_digests
from fingerpost.studies.trials.units import frame_of, made_up, size_of, stratum_names

KIND = "validation of a trial's allocation"
LEAST, CHUNK, GOLDEN, SHOWN = 10_000, 500, 3, 20
QUANTILES = (0.05, 0.5, 0.95)
ERROR = 0.001  # chance that chances as designed are called otherwise, over all units and arms
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Say = Callable[[str], None]
NOTHING = 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Validated:
    """A validation. codes: (d, n) arms of n units in each draw; strata: (n,) codes; step: whether
    units come one by one; same: whether steps one by one gave what the replay did; files: name of a
    file of the procedure → its SHA-256; golden: (seed, arms) of the first draws.
    """

    study: Study
    units: Arrived | Frame
    codes: Whole
    strata: Whole
    names: tuple[str, ...]
    step: bool
    same: bool
    exact: bool
    seed: bytes
    files: dict[str, str]
    golden: tuple[tuple[str, str], ...]
    asked: int = 0

    @property
    def trial(self) -> Trial:
        """The trial."""
        return trial_of(self.study)

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of arms, in order."""
        return tuple(arm.name for arm in self.trial.arms)

    @property
    def shares(self) -> Floats:
        """(k,) each arm's share of the allocation."""
        found: Floats = self.chances.mean(axis=0)
        return found

    @property
    def chances(self) -> Floats:
        """(n, k) each unit's chance of each arm, as designed; (1, k) where it is the same of all.

        Of a design whose arms come and go, none of an arm that is not there.
        """
        own = procedure_of(self.study).chances
        if own is not None:
            return np.asarray(own(self.trial, self.units), dtype=np.float64)
        held = np.array([arm.share for arm in self.trial.arms], dtype=np.float64)
        return held[None, :] / held.sum()

    @property
    def digest(self) -> str:
        """SHA-256 of all draws: draw by draw, unit by unit, the arm's place in two bytes."""
        return hashlib.sha256(self.codes.astype(">u2").tobytes()).hexdigest()


def validated(
    study: Study,
    base: Path,
    *,
    draws: int = LEAST,
    units: int | None = None,
    say: Say = lambda words: None,
) -> Validated:
    """Return a validation. base: the folder beside which a register lies.

    Raises UsageError where the study names no arms, or too few draws are asked.
    """
    trial, procedure = trial_of(study), procedure_of(study)
    if draws < LEAST:
        raise UsageError(f"--draws {draws}: a validation makes {LEAST:,} draws or more.")
    if not trial.arms:
        raise UsageError(f"{study.name}: trial.arms is missing. Name what each arm is offered.")
    seed = hashlib.sha256(f"validation\n{study.digest()}".encode()).digest()
    files = code_digests(randomised_of(study).design)
    step = procedure.step is not None and procedure.draw is None
    if step:
        arrived = made_up(study, size_of(trial, units))
        codes = drawn(study, arrived, seed, draws, say)
        golden, same = golden_of(study, arrived, seed)
        return Validated(
            study, arrived, codes, np.asarray(arrived.stratum), stratum_names(study) or ("all",),
            step, same, True, seed, files, golden,
        )  # fmt: skip
    frame = frame_of(study, base)
    say(f"drawing {len(frame.units):,} units")
    codes = might_have_been(procedure, trial, frame, seed=seed, count=draws)
    assert procedure.draw is not None
    made = [procedure.draw(trial, frame, seed_of(seed, at)) for at in range(GOLDEN)]
    golden = tuple(
        (seed_of(seed, at).hex(), letters(np.asarray(one.code))) for at, one in enumerate(made)
    )
    names = tuple(str(name) for name in frame.stratum_names) or ("all",)
    return Validated(
        study, frame, codes, frame.strata, names, step, True, False, seed, files, golden, draws
    )


def drawn(study: Study, units: Arrived, seed: bytes, draws: int, say: Say) -> Whole:
    """Return (d, n) arms, each draw made to the byte under a seed of its own."""
    trial, procedure = trial_of(study), procedure_of(study)
    parts = []
    for at, start in enumerate(range(0, draws, CHUNK)):
        say(f"{start:,} of {draws:,} allocations drawn")
        many = min(CHUNK, draws - start)
        own = procedure.replay(trial, units, seed_of(seed, at), many, exact=True)
        parts.append(np.asarray(own, dtype=np.int64))
    return np.concatenate(parts)


def golden_of(
    study: Study, units: Arrived, seed: bytes
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return (seed, arms) of draws made unit by unit, and whether the replay makes the same."""
    trial, procedure = trial_of(study), procedure_of(study)
    assert procedure.step is not None
    replayed = procedure.replay(trial, units, seed_of(seed, 0), GOLDEN, exact=True)
    found, same = [], True
    for at in range(GOLDEN):
        own = seed_of(seed_of(seed, 0), at)
        arms: list[int] = []
        for _ in range(len(units.known)):
            so_far = replace(units, arm=np.array(arms, dtype=np.int64))
            arms.append(procedure.step(trial, so_far, own).arm)
        same &= arms == np.asarray(replayed[at]).tolist()
        found.append((own.hex(), letters(np.array(arms))))
    return tuple(found), same


def letters(codes: Whole) -> str:
    """Return arms as letters, A for the first.

    >>> letters(np.array([0, 1, 1, 2]))
    'ABBC'
    """
    return "".join(chr(ord("A") + int(code)) for code in codes)


def counts(found: Validated) -> Whole:
    """Return (d, k) units of each arm."""
    return np.stack([(found.codes == arm).sum(axis=1) for arm in range(len(found.arms))], axis=1)


def imbalance(found: Validated, rows: NDArray[np.bool_]) -> Floats:
    """Return (d,) how far apart arms are among some units: the largest less the smallest count,
    each held against its share (in units of the arm with the mean share).
    """
    own = found.codes[:, rows]
    held = np.stack([(own == arm).sum(axis=1) for arm in range(len(found.arms))], axis=1)
    there = found.shares > 0  # an arm that never was is not behind
    scaled = held[:, there] / (found.shares[there] * there.sum())
    apart: Floats = scaled.max(axis=1) - scaled.min(axis=1)
    return apart


def arms_table(found: Validated) -> Table:
    """Return how many units each arm gets, over all draws."""
    held = counts(found)
    rows = []
    for at, arm in enumerate(found.arms):
        own = held[:, at]
        share = own / found.codes.shape[1]
        error = share.std(ddof=1) / np.sqrt(len(share))
        rows.append(
            (
                arm, float(found.shares[at]), float(share.mean()),
                float(share.mean() - 1.96 * error), float(share.mean() + 1.96 * error),
                float(own.mean()), float(own.std(ddof=1)), int(own.min()), int(own.max()),
            )
        )  # fmt: skip
    return Table(
        "arms",
        "Units of each arm",
        ("arm", "designed", "share", "from", "to", "mean", "sd", "least", "most"),
        ("label", "share", "share", "share", "share", "number", "number", "count", "count"),
        tuple(rows),
        context="Share of units over all draws, with a 95% interval of its mean.",
    )


def chances(found: Validated) -> tuple[float, float, float]:
    """Return the largest distance of a unit's share of draws in an arm from the arm's share, in
    percentage points; the same in Monte-Carlo errors; and what chance alone may give.
    """
    seen = np.stack([(found.codes == arm).mean(axis=0) for arm in range(len(found.arms))], axis=1)
    wanted = found.chances
    error = np.sqrt(wanted * (1 - wanted) / len(found.codes))
    apart = np.abs(seen - wanted)
    many = seen.size
    return (
        100 * float(apart.max()),
        float((apart / np.maximum(error, NOTHING)).max()),
        float(norm.isf(ERROR / (2 * many))),
    )


def balance_table(found: Validated) -> Table:
    """Return how far apart arms are in every stratum and at every level of what is known."""
    groups = list(groups_of(found))
    rows = []
    for name, which in groups:
        apart = imbalance(found, which)
        low, middle, high = np.quantile(apart, QUANTILES)
        rows.append(
            (
                name, int(which.sum()), float(apart.mean()), float(low), float(middle),
                float(high), float(apart.max()),
            )
        )  # fmt: skip
    return Table(
        "balance",
        "How far apart arms are",
        ("among", "units", "mean", "5%", "median", "95%", "most"),
        ("label", "count", "number", "number", "number", "number", "number"),
        tuple(rows),
        context="The largest arm less the smallest, in units, each held against its share.",
    )


def groups_of(found: Validated) -> Any:
    """Yield (name, (n,) which units) of all, of every stratum, of every level of what is known."""
    n = found.codes.shape[1]
    yield "all units", np.ones(n, dtype=np.bool_)
    for code in np.unique(found.strata).tolist():
        if len(found.names) > 1:
            yield f"stratum {found.names[code]}", found.strata == code
    if isinstance(found.units, Arrived):
        for at, one in enumerate(found.trial.known):
            for level, name in enumerate(one.levels):
                which = np.asarray(found.units.known)[:, at] == level
                if which.any():
                    yield f"{one.name} {name}", which


def guesses(found: Validated, sequence: Whole) -> Floats:
    """Return (d,) the share of right guesses of one who guesses the arm that has had fewest units
    for its share so far in the unit's sequence, at random where several have.
    """
    n = found.codes.shape[1]
    alike = None
    if procedure_of(found.study).within and len(np.unique(sequence)) > 1:
        alike = kinds_alike(found.trial)
    return right_guesses(
        found.codes,
        sequence,
        inverse=1.0 / np.maximum(found.shares, NOTHING),
        there=np.broadcast_to(found.chances > 0, (n, len(found.arms))),
        alike=alike,
    )


def guess_table(found: Validated) -> Table:
    """Return how often the next arm is guessed, by what the guesser sees."""
    base = 1 / len(found.arms)
    rows = []
    strata = np.unique(found.strata, return_inverse=True)[1]
    seen: list[tuple[str, Whole]] = [("all that came before", np.zeros(len(strata), np.int64))]
    if len(found.names) > 1:
        seen.append(("those of the stratum", strata))
    if isinstance(found.units, Arrived) and len(np.unique(found.units.cluster)) > 1:
        own = np.unique(
            np.asarray(found.units.cluster) * (strata.max() + 1) + strata, return_inverse=True
        )[1]
        seen.append(("those of the cluster and stratum", own))
    for words, sequence in seen:
        share = guesses(found, sequence)
        rows.append(
            (words, base, float(share.mean()), float(share.std(ddof=1) / np.sqrt(len(share))))
        )
    return Table(
        "guesses",
        "How often the next arm is guessed",
        ("who sees", "by luck", "right", "error"),
        ("label", "share", "share", "share"),
        tuple(rows),
        context="Guessing the arm that has had fewest units for its share (Blackwell & Hodges).",
    )


def runs_table(found: Validated) -> Table:
    """Return how many runs of the same arm there are, and how long the longest is."""
    codes = found.codes
    changed = codes[:, 1:] != codes[:, :-1]
    many = 1 + changed.sum(axis=1)
    longest = np.ones(len(codes), dtype=np.int64)
    going = np.ones(len(codes), dtype=np.int64)
    for at in range(changed.shape[1]):
        going = np.where(changed[:, at], 1, going + 1)
        longest = np.maximum(longest, going)
    same = 1 - changed.mean(axis=1)
    rows: list[tuple[Cell, ...]] = []
    for words, values in (
        ("runs of one arm", many), ("longest run", longest), ("next arm is the last", same)
    ):  # fmt: skip
        low, middle, high = np.quantile(values, QUANTILES)
        rows.append((words, float(values.mean()), float(low), float(middle), float(high)))
    return Table(
        "runs",
        "Runs of the same arm",
        ("what", "mean", "5%", "median", "95%"),
        ("label", "number", "number", "number", "number"),
        tuple(rows),
        context="Units in the order in which they come.",
    )


def golden_table(found: Validated) -> Table:
    """Return draws that anyone can make again: seeds, and arms unit by unit."""
    rows = tuple((f"{at}", seed, arms) for at, (seed, arms) in enumerate(found.golden))
    return Table(
        "golden",
        "Golden vectors",
        ("draw", "seed", "arms"),
        ("label", "label", "label"),
        rows,
        context="A is the first arm, B the second; units in the order of the file of units.",
    )


def units_table(found: Validated) -> Table:
    """Return the units that were drawn, in order."""
    if isinstance(found.units, Frame):
        rows = tuple(
            (at, unit, found.names[int(code)])
            for at, (unit, code) in enumerate(zip(found.units.units, found.strata, strict=True))
        )
        return Table(
            "units", "Units", ("place", "unit", "stratum"), ("number", "label", "label"), rows
        )
    known = np.asarray(found.units.known).tolist()
    names = tuple(one.name for one in found.trial.known)
    cells = tuple(
        (
            at,
            *(one.levels[code] for one, code in zip(found.trial.known, row, strict=True)),
            found.names[int(found.strata[at])],
            int(found.units.cluster[at]),
        )
        for at, row in enumerate(known)
    )
    kinds = ("number", *("label" for _ in names), "label", "number")
    return Table("units", "Units", ("place", *names, "stratum", "cluster"), kinds, cells)


def code_table(found: Validated) -> Table:
    """Return digests of the program, of its files that make the draw, and of all draws."""
    rows: list[tuple[Cell, ...]] = [
        ("the program", f"fingerpost {fingerpost.__version__}", code_digest()),
        ("the study", found.study.name, found.study.digest()),
        ("all draws", f"{len(found.codes):,} × {found.codes.shape[1]:,}", found.digest),
    ]
    rows += [("file", name, digest) for name, digest in found.files.items()]
    return Table(
        "digests",
        "Digests (SHA-256)",
        ("of", "which", "digest"),
        ("label", "label", "label"),
        tuple(rows),
    )


def verdicts(found: Validated) -> tuple[tuple[str, bool, str], ...]:
    """Return (what was looked at, whether it holds, in words)."""
    points, errors, allowed = chances(found)
    strict = found.step or not found.trial.draw.balance
    guess = max(float(row[2]) for row in guess_table(found).rows)  # type: ignore[arg-type]
    told = [
        (
            "chances",
            errors <= allowed if strict else True,
            f"The unit farthest from its designed chance is {points:.2f} percentage points away, "
            f"{errors:.2f} Monte-Carlo errors; luck alone gives up to {allowed:.2f} in "
            f"{100 * (1 - ERROR):g}% of validations."
            + ("" if strict else " Balance on single units may move their chances."),
        )
    ]
    if found.step:
        told += [
            (
                "replay",
                found.same,
                f"Allocated one by one, {GOLDEN} draws gave the arms that the replay made.",
            ),
            (
                "guessing",
                guess < 0.95,
                f"Who sees what came before guesses the next arm right in {guess:.1%} of cases.",
            ),
        ]
    return tuple(told)


def tables(found: Validated) -> tuple[Table, ...]:
    """Return every table of the pack."""
    told = [arms_table(found), balance_table(found)]
    if found.step:
        told += [guess_table(found), runs_table(found)]
    return (*told, golden_table(found), code_table(found), units_table(found))


def record(found: Validated) -> dict[str, Any]:
    """Return a validation as JSON holds it."""
    points, errors, allowed = chances(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": found.study.name,
        "study_digest": found.study.digest(),
        "design": randomised_of(found.study).design,
        "draws": len(found.codes),
        "units": int(found.codes.shape[1]),
        "exact": found.exact,
        "seed": found.seed.hex(),
        "draws_digest": found.digest,
        "code_digest": code_digest(),
        "files": found.files,
        "farthest_points": points,
        "farthest_errors": errors,
        "farthest_allowed": allowed,
        "verdicts": [
            {"what": what, "holds": bool(holds), "words": words}
            for what, holds, words in verdicts(found)
        ],
        "tables": {table.name: table.records() for table in tables(found)},
    }
