"""Whence the randomness of a draw comes: a saved pulse of a public beacon, or parties who reveal.

drand (a pulse every 30 or 3 seconds): {"round", "randomness", "signature"}; the randomness is the
SHA-256 of the signature, which is checked here. NIST's beacon, version 2: {"pulse": {"pulseIndex",
"outputValue", …}}. That a pulse is the beacon's own (its signature) needs the beacon's public key,
and is checked with the beacon's tools; see the manual.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from fingerpost.core.errors import Malformed

HEX = re.compile(r"[0-9a-fA-F]+")
SECRET = 32  # bytes


# Where anyone can look up a round; the page of drand is that of its default chain.
LOOKED_UP = {
    "drand": "https://api.drand.sh/public/{round}",
    "nist": "https://beacon.nist.gov/beacon/2.0/chain/last/pulse/{round}",
}


@dataclass(frozen=True, slots=True)
class Randomness:
    """What a pulse gives. round: 0 where parties reveal. words: what it is called."""

    value: bytes
    round: int
    words: str


def read_pulse(content: bytes, asked: dict[str, Any]) -> Randomness:
    """Return what a saved pulse gives.

    content: the file. asked: `pulse` of the plan: source, after, parties. Raises Malformed where
    its form is not the source's, or its round not the one after that of the plan: were any later
    round good, whoever draws could try many and keep the draw that they like.
    """
    try:
        held = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise Malformed("the pulse is no JSON object. Save the beacon's answer as it came.")
    source = asked["source"]
    if source == "parties":
        return of_parties(held, asked["parties"])
    found = of_drand(held) if source == "drand" else of_nist(held)
    if asked["after"] and found.round != asked["after"] + 1:
        raise Malformed(
            f"the pulse is of round {found.round:,}, and the draw was committed to with round "
            f"{asked['after'] + 1:,}, the first after {asked['after']:,}. An earlier one may have "
            "been known, and a later one chosen. Save the pulse of that round."
        )
    return found


def unnamed_round(asked: dict[str, Any]) -> str:
    """Return in words that a plan names no round of its beacon; nothing where it does."""
    if asked["source"] == "parties" or asked["after"]:
        return ""
    return (
        "the plan names no round (draw: {pulse: {after: …}}), so that any old pulse will do, and "
        "whoever commits may have chosen among them."
    )


def unasked_round(asked: dict[str, Any], pulse: bytes) -> list[str]:
    """Return in words what a saved pulse cannot show: that its round served this randomness. None
    of what parties revealed, which stands by itself, nor of a pulse that is none.
    """
    if asked["source"] == "parties":
        return []
    try:
        found = read_pulse(pulse, asked)
    except Malformed:
        return []
    where = LOOKED_UP[asked["source"]].format(round=found.round)
    return [
        f"that {found.words} gave this randomness is not checked here, where there is no network: "
        f"look it up at {where}."
    ]


def of_drand(held: dict[str, Any]) -> Randomness:
    """Return what a pulse of drand gives."""
    faults = [
        f"the pulse has no {key} in hexadecimal"
        for key, digits in (("randomness", 64), ("signature", 0))
        if not _is_hex(held.get(key), digits)
    ]
    number = held.get("round")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        faults.append("the pulse has no round, a whole number above 0")
    if faults:
        raise Malformed(f"{fault}; drand's has round, randomness, signature." for fault in faults)
    assert isinstance(number, int)
    value = bytes.fromhex(held["randomness"])
    if hashlib.sha256(bytes.fromhex(held["signature"])).digest() != value:
        raise Malformed(
            f"the pulse of round {number:,}: its randomness is not the SHA-256 of its signature, "
            "as every pulse's of drand is. It was changed; save it again."
        )
    return Randomness(value, number, f"round {number:,} of drand")


def of_nist(held: dict[str, Any]) -> Randomness:
    """Return what a pulse of NIST's beacon, version 2, gives."""
    pulse = held.get("pulse")
    number = pulse.get("pulseIndex") if isinstance(pulse, dict) else None
    right = isinstance(number, int) and not isinstance(number, bool) and number > 0
    if not isinstance(pulse, dict) or not right or not _is_hex(pulse.get("outputValue"), 128):
        raise Malformed(
            "the pulse has no pulse.pulseIndex and pulse.outputValue (128 hexadecimal digits), as "
            "those of NIST's beacon, version 2, have."
        )
    assert isinstance(number, int)
    words = f"pulse {number:,} of NIST's beacon"
    return Randomness(bytes.fromhex(pulse["outputValue"]), number, words)


def of_parties(held: dict[str, Any], parties: list[list[str]]) -> Randomness:
    """Return what parties reveal together: the SHA-256 of their secrets in the order of the plan.

    Raises Malformed for every party that has not revealed, or whose secret is not the one that it
    committed to.
    """
    secrets = held.get("reveals")
    secrets = secrets if isinstance(secrets, dict) else {}
    faults, value = [], b""
    for name, committed in parties:
        secret = str(secrets.get(name, ""))
        if not _is_hex(secret, 2 * SECRET):
            faults.append(
                f"{name} has not revealed a secret of {SECRET} bytes ({2 * SECRET} hexadecimal "
                'digits) in {"reveals": {…}}.'
            )
        elif hashlib.sha256(bytes.fromhex(secret)).hexdigest() != committed.lower():
            faults.append(f"{name}: the secret revealed is not the one committed to.")
        else:
            value += bytes.fromhex(secret)
    if faults or not parties:
        raise Malformed(faults or "the plan names no parties.")
    return Randomness(hashlib.sha256(value).digest(), 0, "what the parties revealed")


def seed_of(commitment: bytes, pulse: Randomness, secret: bytes = b"") -> bytes:
    """Return the seed: SHA-256(commitment ‖ randomness ‖ the keeper's secret, where there is one).

    >>> seed_of(bytes(32), Randomness(bytes(32), 1, "")).hex()[:16]
    'f5a5fd42d16a2030'
    """
    return hashlib.sha256(commitment + pulse.value + secret).digest()


def _is_hex(text: object, digits: int) -> bool:
    """Return whether a value is text of so many hexadecimal digits; 0: any even number."""
    fine = isinstance(text, str) and HEX.fullmatch(text) is not None and len(text) % 2 == 0
    return fine and (not digits or len(str(text)) == digits)
