"""Pulses: real rounds of drand, NIST's form, and what is refused."""

from __future__ import annotations

import json

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.studies.rollouts.pulses import read_pulse

# The first round of drand's default chain, of July 2020, as its network serves it.
FIRST = {
    "round": 1,
    "randomness": "101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec",
    "signature": "8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20"
    "ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa"
    "5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655",
    "previous_signature": "176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
}
NIST = {"pulse": {"chainIndex": 2, "pulseIndex": 220_394, "outputValue": "AB" * 64}}


def asked(source: str = "drand", after: int = 0) -> dict[str, object]:
    return {"source": source, "after": after, "parties": []}


def test_a_real_round_of_drand_is_read_and_its_randomness_is_the_hash_of_its_signature(root):
    found = read_pulse(json.dumps(FIRST).encode(), asked())
    assert (found.value.hex(), found.round) == (FIRST["randomness"], 1)
    example = (root / "examples" / "rollouts" / "pulse.json").read_bytes()
    assert read_pulse(example, asked(after=162_809)).round == 162_810
    changed = {**FIRST, "signature": FIRST["signature"][:-1] + "4"}
    with pytest.raises(Malformed, match="not the SHA-256 of its signature"):
        read_pulse(json.dumps(changed).encode(), asked())


def test_nists_form_is_read():
    found = read_pulse(json.dumps(NIST).encode(), asked("nist", 220_393))
    assert (found.value, found.round) == (b"\xab" * 64, 220_394)
    for after in (220_394, 220_392):  # known by then; or one of many that came later
        with pytest.raises(Malformed, match="Save the pulse of that round"):
            read_pulse(json.dumps(NIST).encode(), asked("nist", after))


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("drand", {**FIRST, "round": "1"}),
        ("drand", {**FIRST, "round": True}),
        ("drand", {**FIRST, "randomness": "xyz"}),
        ("drand", NIST),
        ("nist", FIRST),
        ("nist", {"pulse": {"pulseIndex": 3, "outputValue": "ab"}}),
        ("parties", {}),
    ],
)
def test_what_is_not_of_the_form_is_refused(source, held):
    with pytest.raises(Malformed):
        read_pulse(json.dumps(held).encode(), asked(source))
