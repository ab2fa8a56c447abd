"""Keys and seals, against the definition of HMAC (RFC 2104) written out here."""

from __future__ import annotations

import hashlib
import json

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.trials.keys import capitals, derived, make_key
from fingerpost.studies.trials.sealing import mac, seal, unseal


def by_definition(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 as RFC 2104 defines it, of a key of at most 64 bytes."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def test_macs_are_those_of_the_standard():
    # RFC 4231, test case 2.
    found = mac(b"Jefe", b"what do ya want ", b"for nothing?").hex()
    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    keys = derived(bytes(range(32)), "ab")
    assert keys.allocation == by_definition(bytes(range(32)), b"allocationab")
    assert keys.unit("C1") == by_definition(keys.names, b"unitC1").hex()[:32]


def test_a_name_is_one_however_it_is_typed():
    keys = derived(bytes(range(32)), "ab")
    composed = "Zo\u00eb Smith"
    for typed in (
        "Zoe\u0308 Smith",
        "\ufeffZo\u00eb Smith",
        "Zo\u00eb\u200b\u00a0Smith ",
        "Zo\u00eb\tSmith",
    ):
        assert keys.unit(typed) == keys.unit(composed)
        assert keys.child(typed) == keys.child(composed)
    assert keys.unit(composed.upper()) != keys.unit(composed)
    assert capitals(["c1", "C2", "C1", "c1"]) == [("c1", "C1")]


def test_a_seal_is_opened_by_its_key_and_context_alone():
    key, nonce = bytes(range(32)), bytes(16)
    text = seal(key, {"arm": "001"}, context="here", nonce=nonce)
    held = bytes.fromhex(text)
    stream = by_definition(key, b"stream" + nonce + bytes(8))
    plain = bytes(a ^ b for a, b in zip(held[16:48], stream, strict=True))
    assert plain == b'{"arm":"001"}'.ljust(32)
    assert len(held) == 16 + 256 + 32
    assert unseal(key, text, context="here") == {"arm": "001"}
    for wrong in (
        lambda: unseal(key, text, context="there"),
        lambda: unseal(bytes(32), text, context="here"),
        lambda: unseal(key, text[:-2] + ("00" if text[-2:] != "00" else "01"), context="here"),
        lambda: unseal(key, "no", context="here"),
    ):
        with pytest.raises(Malformed, match="seal is broken"):
            wrong()


def test_a_key_is_made_once_and_never_beside_the_ledger(tmp_path):
    with pytest.raises(UsageError, match="would lie with the ledger"):
        make_key(tmp_path / "trial" / "key", outside=tmp_path / "trial")
    first = make_key(tmp_path / "key", outside=tmp_path / "trial")
    assert make_key(tmp_path / "key", outside=tmp_path / "trial") == first
    assert json.loads((tmp_path / "key").read_text())["key"] == first.hex()
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    (tmp_path / "other").write_text("{}")
    with pytest.raises(Malformed, match="no key of a trial"):
        make_key(tmp_path / "other", outside=tmp_path / "trial")
