"""What holds of every design of trials: each leaf is enrolled by existing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.allocation import Arrived
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.trial import Trial
from fingerpost.designs._numbers import seed_of
from suites.trial_worlds import LEAVES, World, worlds

DRAWS = 600
PAGE = Path(__file__).resolve().parents[2] / "docs" / "manual" / "trial-designs.md"
SEED = bytes(range(32))


@cache
def world(name: str) -> World:
    return worlds()[name]


pytestmark = pytest.mark.parametrize("name", LEAVES)


def test_the_descriptor_says_what_a_reader_needs(name):
    design = world(name).design
    assert design.title and design.summary.endswith(".") and design.denies.endswith(".")
    assert "(" in design.reference
    assert {"analysed as allocated", "no spilling over"} <= {
        one.name for one in design.assumes
    } or design.layout is not None
    load("estimators", design.procedure.analysis or design.analysis, kind=Estimator)


def test_exactly_one_of_step_and_draw_is_there(name):
    procedure = world(name).design.procedure
    assert (procedure.step is None) != (procedure.draw is None)
    assert procedure.check(world(name).trial) == []
    assert all(one.endswith((".", "}")) for one in procedure.check(Trial()))


def test_the_same_seed_gives_the_same_arms_and_another_gives_others(name):
    own = world(name)
    procedure = own.design.procedure
    for exact in (False, True):
        one, again, other = (
            np.asarray(procedure.replay(own.trial, own.units, seed, 3, exact=exact))
            for seed in (SEED, SEED, bytes(32))
        )
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)


def test_steps_one_by_one_are_what_the_replay_makes(name):
    own = world(name)
    procedure = own.design.procedure
    if procedure.step is None:
        drawn = procedure.draw(own.trial, own.units, seed_of(SEED, 0))
        assert np.array_equal(
            drawn.code, procedure.replay(own.trial, own.units, SEED, 1, exact=True)[0]
        )
        assert drawn.arms == tuple(arm.name for arm in own.trial.arms)
        assert np.allclose(drawn.probability.sum(axis=1), 1)
        return
    replayed = procedure.replay(own.trial, own.units, SEED, 1, exact=True)[0]
    arms: list[int] = []
    many = min(40, len(own.units.known))
    for at in range(many):
        units = Arrived(
            own.units.known[: at + 1], own.units.stratum[: at + 1], own.units.cluster[: at + 1],
            np.array(arms, dtype=np.int64),
        )  # fmt: skip
        step = procedure.step(own.trial, units, seed_of(SEED, 0))
        there = own.chances[at % len(own.chances)] > 0
        assert np.array_equal(np.array(step.probability) > 0, there)
        assert sum(step.probability) == pytest.approx(1)
        # Who came later does not change who was drawn before.
        assert step == procedure.step(
            own.trial, replace(own.units, arm=units.arm), seed_of(SEED, 0)
        )
        arms.append(step.arm)
    assert arms == replayed[:many].tolist()


def test_every_unit_has_its_share_of_chances(name):
    own = world(name)
    codes = own.arms(4_000)
    shares = own.chances
    seen = np.stack([(codes == arm).mean(axis=0) for arm in range(shares.shape[1])], axis=1)
    error = np.sqrt(shares * (1 - shares) / len(codes))
    # Balance on single units moves their chances a little.
    assert (np.abs(seen - shares) <= 5 * error + 0.02 * bool(own.trial.draw.balance)).all()


def test_the_quick_replay_is_as_likely_as_the_draw_to_the_byte(name):
    own = world(name)
    if own.design.procedure.draw is not None and own.trial.draw.balance:
        return  # both are the listed draws
    quick, exact = own.arms(1_500), own.arms(300, exact=True)
    for arm in range(len(own.trial.arms)):
        one, two = ((codes[:, :30] == arm).sum(axis=1) for codes in (quick, exact))
        error = np.sqrt(one.var() / len(one) + two.var() / len(two))
        assert abs(one.mean() - two.mean()) <= 4.5 * error + 1e-9
        assert one.std() == pytest.approx(two.std(), rel=0.25, abs=0.05)


def test_the_manual_lists_it_with_what_it_passed(name):
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if f"| `{name}` |" in row]
    assert len(rows) == 2  # what it draws, and how it was held against truth
    design = world(name).design
    assert f"`{design.procedure.analysis or design.analysis}`" in rows[0]
    size, formula, simulated, apart, planted, found = (
        cell.strip().rstrip("%").replace("−", "-") for cell in rows[1].split("|")[2:8]
    )
    assert 4 <= float(size) <= 6 and abs(float(apart)) <= 2
    assert float(formula) == pytest.approx(100 * world(name).power, abs=0.06)
    assert float(simulated) == pytest.approx(float(formula), abs=2.3)
    assert float(found) == pytest.approx(float(planted), rel=0.02)


def test_its_size_power_and_effect_are_as_they_should_be(name):
    """A small version of benchmarks/trial_designs.py, whose table is in the manual."""
    own = world(name)
    null = own.trials(DRAWS, effect=0.0, seed=1)
    assert abs(null.share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / DRAWS)
    real = own.trials(DRAWS, effect=own.effect, seed=2)
    assert abs(real.share - own.power) < 4 * np.sqrt(own.power * (1 - own.power) / DRAWS)
    value = real.value[np.isfinite(real.value)]
    assert abs(value.mean() - own.effect) < 4 * value.std() / np.sqrt(len(value))
