"""Later stages of a trial: each is drawn as a trial of its own, under a seed of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fingerpost.core.errors import UsageError, listed
from fingerpost.core.trial import Stage, Trial


def stage_of(trial: Trial, name: str) -> Stage:
    """Return a later stage by name. Raises UsageError where there is none of that name."""
    for stage in trial.stages:
        if stage.name == name:
            return stage
    known = listed(stage.name for stage in trial.stages)
    raise UsageError(f'"{name}" is no stage of the trial. There are: {known or "none"}.')


def stage_trial(trial: Trial, name: str) -> Trial:
    """Return the trial that a later stage is: its arms, and no stages."""
    return replace(trial, arms=stage_of(trial, name).arms, stages=())


def stage_seed(seed: bytes, name: str) -> bytes:
    """Return the seed of a later stage: SHA-256(seed ‖ "stage" ‖ its name in UTF-8).

    >>> len(stage_seed(bytes(32), "second"))
    32
    """
    return hashlib.sha256(seed + b"stage" + name.encode()).digest()


def check_stages(trial: Trial) -> list[str]:
    """Return every fault of what a trial says of later stages."""
    if not trial.stages:
        return [
            "stages is missing: what is drawn later, and among whom, such as stages: {second: "
            "{arms: {go on: …, more: …}, among: {responded: no}}}."
        ]
    faults = []
    known = {one.name: one.levels for one in trial.known}
    for stage in trial.stages:
        if len(stage.arms) < 2:
            faults.append(f"stages.{stage.name}.arms: one arm is no comparison. Name two or more.")
        for name, value in stage.among:
            if name not in known:
                faults.append(
                    f'stages.{stage.name}.among: "{name}" is not under known. Add it with its '
                    "levels."
                )
            elif value not in known[name]:
                faults.append(
                    f'stages.{stage.name}.among: {name} has no level "{value}". It has: '
                    f"{listed(known[name])}."
                )
    return faults


def check_stage_blocks(trial: Trial) -> list[str]:
    """Return stages whose arms do not fit into the trial's blocks."""
    faults = []
    for stage in trial.stages:
        total = sum(arm.share for arm in stage.arms)
        if any(length % total for length in trial.blocks):
            faults.append(
                f"stages.{stage.name}.arms: their shares add up to {total}, of which blocks are no "
                "multiples."
            )
    return faults
